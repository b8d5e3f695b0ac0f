/* SPDX-License-Identifier: GPL-2.0-only */
/* Status lines at all widths, and text measured in columns. */
#include "driver/progress.h"
#include "driver/term.h"
#include "tests/unit/unit.h"

#define MIB (UINT64_C(1) << 20)

static const struct drv_progress_cell running[] = {
	{ "two_cgroups", CELL_BOOTING, UINT64_C(1250000000) },
	{ "smt", CELL_RUNNING, UINT64_C(4200000000) },
	{ "a_test_with_quite_a_long_name_indeed", CELL_ATTACHING, UINT64_C(61000000000) },
};

static char *line(const struct drv_progress *p, size_t columns)
{
	struct kt_buf b = { 0 };

	drv_progress_line(&b, p, columns);
	return kt_buf_take(&b);
}

static void assert_line(const struct drv_progress *p, size_t columns, const char *expected)
{
	kt_auto(mem) char *got = line(p, columns);

	assert_string_equal(got, expected);
}

static void a_wide_terminal_shows_every_cell(void **state)
{
	struct drv_progress p = { .done = 3, .total = 12, .running = running, .nr_running = 3 };

	(void)state;
	assert_line(&p, 200,
		    "[3/12] booting two_cgroups 1.2 s | running smt 4.2 s | "
		    "attaching a_test_with_quite_a_long_name_i> 61.0 s");
	p.utf8 = true;
	p.nr_running = 2;
	assert_line(&p, 200, "[3/12] booting two_cgroups 1.2 s \302\267 running smt 4.2 s");
}

static void what_does_not_fit_is_counted(void **state)
{
	const struct drv_progress p = {
		.done = 3, .total = 12, .running = running, .nr_running = 3
	};

	(void)state;
	assert_line(&p, 79, "[3/12] booting two_cgroups 1.2 s | running smt 4.2 s | +1 more");
	assert_line(&p, 50, "[3/12] booting two_cgroups 1.2 s | +2 more");
	assert_line(&p, 30, "[3/12] 3 running");
	assert_line(&p, 10, "[3/12] 3 >");
}

static void failures_and_stopping_are_told(void **state)
{
	struct drv_progress p = {
		.done = 1, .total = 2, .failed = 1, .running = running, .nr_running = 1
	};

	(void)state;
	assert_line(&p, 79, "[1/2] 1 failed | booting two_cgroups 1.2 s");
	p.stopping = true;
	assert_line(&p, 79, "[1/2] 1 failed stopping | booting two_cgroups 1.2 s");
}

static void no_line_is_wider_than_it_may_be(void **state)
{
	struct drv_progress p = {
		.done = 998, .total = 1000, .failed = 7, .running = running, .nr_running = 3
	};

	(void)state;
	for (size_t columns = 0; columns < 160; columns++) {
		kt_auto(mem) char *got = NULL;

		p.utf8 = columns % 2;
		got = line(&p, columns);
		assert_in_range(drv_columns(got ? got : ""), 0, columns);
	}
}

static void assert_transfer(uint64_t done, uint64_t total, double rate, size_t columns,
			    const char *expected)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	drv_transfer_line(&b, "fetch linux.deb", done, total, rate, columns);
	assert_string_equal(kt_buf_str(&b), expected);
	assert_in_range(drv_columns(kt_buf_str(&b)), 0, columns);
}

static void a_transfer_shows_bytes_bar_and_rate(void **state)
{
	(void)state;
	assert_transfer(
		5 * MIB, 20 * MIB, 2.0 * MIB, 100,
		"fetch linux.deb: 5.0 MiB of 20.0 MiB   25 %  [=======>                      ]  2.0 MiB/s");
	assert_transfer(20 * MIB, 20 * MIB, 0, 60,
			"fetch linux.deb: 20.0 MiB of 20.0 MiB  100 %  [============]");
	assert_transfer(5 * MIB, 0, 2.0 * MIB, 100, "fetch linux.deb: 5.0 MiB  2.0 MiB/s");
}

static void a_narrow_transfer_keeps_its_numbers(void **state)
{
	(void)state;
	assert_transfer(5 * MIB, 20 * MIB, 2.0 * MIB, 56,
			"fetch linux.deb: 5.0 MiB of 20.0 MiB   25 %  2.0 MiB/s");
	assert_transfer(5 * MIB, 20 * MIB, 2.0 * MIB, 48,
			"fetch li>: 5.0 MiB of 20.0 MiB   25 %  2.0 MiB/s");
}

static void assert_count(uint64_t done, uint64_t total, double left, size_t columns,
			 const char *expected)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	drv_count_line(&b, "compile 6.12.117", done, total, left, columns);
	assert_string_equal(kt_buf_str(&b), expected);
	if (columns)
		assert_in_range(drv_columns(kt_buf_str(&b)), 0, columns);
}

static void a_count_shows_how_much_is_left(void **state)
{
	(void)state;
	assert_count(412, 1300, 130, 79,
		     "compile 6.12.117  [=========>                    ]  412/1300, 2:10 left");
	assert_count(412, 1300, -1, 50, "compile 6.12.117  [======>             ]  412/1300");
	assert_count(412, 1300, 3723, 40, "compile 6.12.117  412/1300, 1:02:03 left");
	assert_count(412, 1300, 3723, 30, "compi>  412/1300, 1:02:03 left");
	assert_count(1300, 1300, 0, 41, "compile 6.12.117  [==========]  1300/1300");
	assert_count(7, 0, -1, 79, "compile 6.12.117  7");
}

static void an_estimate_that_was_passed_is_told_as_one(void **state)
{
	(void)state;
	assert_count(1310, 1300, 0, 50, "compile 6.12.117  1310, about 1300 expected");
}

static void without_a_terminal_there_is_no_bar(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	assert_count(412, 1300, 130, 0, "compile 6.12.117: 412/1300, 2:10 left");
	drv_transfer_line(&b, "fetch linux.deb", 5 * MIB, 20 * MIB, 2.0 * MIB, 0);
	assert_string_equal(kt_buf_str(&b),
			    "fetch linux.deb: 5.0 MiB of 20.0 MiB   25 %  2.0 MiB/s");
}

static void columns_are_counted_in_characters(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	assert_int_equal(drv_columns("gr\303\274n"), 4);
	drv_add_cut(&b, "gr\303\274nes", 4);
	assert_string_equal(kt_buf_str(&b), "gr\303\274>");
	kt_buf_reset(&b);
	drv_add_cut(&b, "abc", 3);
	assert_string_equal(kt_buf_str(&b), "abc");
	kt_buf_reset(&b);
	drv_add_cut(&b, "abc", 0);
	assert_string_equal(kt_buf_str(&b), "");
	drv_add_padded(&b, "\303\274", 3);
	assert_string_equal(kt_buf_str(&b), "\303\274  ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wide_terminal_shows_every_cell),
		cmocka_unit_test(what_does_not_fit_is_counted),
		cmocka_unit_test(failures_and_stopping_are_told),
		cmocka_unit_test(no_line_is_wider_than_it_may_be),
		cmocka_unit_test(a_transfer_shows_bytes_bar_and_rate),
		cmocka_unit_test(a_narrow_transfer_keeps_its_numbers),
		cmocka_unit_test(a_count_shows_how_much_is_left),
		cmocka_unit_test(an_estimate_that_was_passed_is_told_as_one),
		cmocka_unit_test(without_a_terminal_there_is_no_bar),
		cmocka_unit_test(columns_are_counted_in_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
