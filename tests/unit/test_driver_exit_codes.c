/* SPDX-License-Identifier: GPL-2.0-only */
/* Exit codes: kinds of errors and sums of verdicts, by the one table. */
#include "driver/driver.h"
#include "tests/unit/unit.h"

static void every_kind_has_its_code(void **state)
{
	static const struct {
		enum kt_kind kind;
		int code;
	} cases[] = {
		{ KT_E_USAGE, 3 },  { KT_E_CONFIG, 3 }, { KT_E_HOST, 4 },  { KT_E_TOOL, 4 },
		{ KT_E_GUEST, 4 },  { KT_E_KERNEL, 5 }, { KT_E_BUILD, 5 }, { KT_E_INTERNAL, 70 },
		{ KT_E_INTR, 130 }, { KT_E_NONE, 70 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(drv_exit_of_kind(cases[i].kind), cases[i].code);
}

static void a_kind_that_does_not_exist_is_our_bug(void **state)
{
	(void)state;
	assert_int_equal(drv_exit_of_kind((enum kt_kind)77), 70);
}

static int code_of(unsigned pass, unsigned fail, unsigned inconclusive, unsigned skip,
		   unsigned error)
{
	const struct drv_totals t = {
		.nr = { [SCN_PASS] = pass,
			[SCN_FAIL] = fail,
			[SCN_INCONCLUSIVE] = inconclusive,
			[SCN_SKIP] = skip,
			[SCN_ERROR] = error },
	};

	return (int)drv_exit_of_totals(&t);
}

static void the_worst_verdict_decides(void **state)
{
	(void)state;
	assert_int_equal(code_of(3, 0, 0, 0, 0), 0);
	assert_int_equal(code_of(3, 0, 0, 2, 0), 0);
	assert_int_equal(code_of(0, 0, 0, 2, 0), 0);
	assert_int_equal(code_of(3, 0, 1, 2, 0), 2);
	assert_int_equal(code_of(0, 0, 1, 0, 0), 2);
	assert_int_equal(code_of(3, 0, 1, 2, 1), 4);
	assert_int_equal(code_of(3, 1, 1, 2, 1), 1);
}

static void an_interrupted_run_says_so_whatever_came_before(void **state)
{
	struct drv_totals t = { .nr = { [SCN_FAIL] = 1, [SCN_PASS] = 4 } };

	(void)state;
	t.interrupted = 1;
	assert_int_equal(drv_exit_of_totals(&t), 130);
	t.interrupted = 0;
	t.not_run = 1;
	assert_int_equal(drv_exit_of_totals(&t), 130);
}

static void every_code_is_documented_once(void **state)
{
	static const int codes[] = { 0, 1, 2, 3, 4, 5, 70, 130 };
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	assert_int_equal(drv_nr_exit_rows, sizeof(codes) / sizeof(codes[0]));
	drv_markdown_exit_codes(&b);
	for (size_t i = 0; i < drv_nr_exit_rows; i++) {
		char row[16];

		assert_int_equal(drv_exit_rows[i].code, codes[i]);
		kt_snprintf(row, sizeof(row), "\n| %d | ", codes[i]);
		assert_non_null(strstr(kt_buf_str(&b), row));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_its_code),
		cmocka_unit_test(a_kind_that_does_not_exist_is_our_bug),
		cmocka_unit_test(the_worst_verdict_decides),
		cmocka_unit_test(an_interrupted_run_says_so_whatever_came_before),
		cmocka_unit_test(every_code_is_documented_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
