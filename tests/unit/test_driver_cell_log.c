/* SPDX-License-Identifier: GPL-2.0-only */
/* Log files of a cell: limits, what is kept, lines. */
#include <errno.h>

#include "driver/cell/parts.h"
#include "tests/unit/unit.h"

static void read_back(const char *dir, const char *name, struct kt_buf *ret)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, name);

	assert_int_equal(kt_file_read(path, 64 << 20, ret, NULL), 0);
}

static void a_short_log_is_kept_whole(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct cell_log l = CELL_LOG_NONE;

	assert_int_equal(cell_log_open(&l, *state, "short.log", NULL, NULL), 0);
	cell_log_add(&l, "one\n", 4);
	cell_log_add(&l, "two\n", 4);
	/* It is there as it comes, not only at the end. */
	read_back(*state, "short.log", &b);
	assert_string_equal(kt_buf_str(&b), "one\ntwo\n");
	assert_int_equal(cell_log_close(&l, NULL), 0);
	kt_buf_reset(&b);
	read_back(*state, "short.log", &b);
	assert_string_equal(kt_buf_str(&b), "one\ntwo\n");
	cell_log_done(&l);
}

static void a_log_of_exactly_the_limits_has_no_mark(void **state)
{
	const struct cell_log_limits limits = { .head_max = 6, .tail_max = 4 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct cell_log l = CELL_LOG_NONE;

	assert_int_equal(cell_log_open(&l, *state, "exact.log", &limits, NULL), 0);
	cell_log_add(&l, "0123456789", 10);
	assert_int_equal(cell_log_close(&l, NULL), 0);
	read_back(*state, "exact.log", &b);
	assert_string_equal(kt_buf_str(&b), "0123456789");
	cell_log_done(&l);
}

static void a_long_log_keeps_its_head_and_its_end_and_says_what_is_missing(void **state)
{
	const struct cell_log_limits limits = { .head_max = 8, .tail_max = 16 };
	kt_auto(buf) struct kt_buf all = { 0 };
	kt_auto(buf) struct kt_buf want = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct cell_log l = CELL_LOG_NONE;

	assert_int_equal(cell_log_open(&l, *state, "long.log", &limits, NULL), 0);
	for (int i = 0; i < 100; i++) {
		char line[16];
		int n = snprintf(line, sizeof(line), "%d\n", i);

		cell_log_add(&l, line, (size_t)n);
		kt_buf_add(&all, line, (size_t)n);
	}
	assert_int_equal(cell_log_close(&l, NULL), 0);
	read_back(*state, "long.log", &b);
	kt_buf_add(&want, all.data, 8);
	kt_buf_addf(&want, "\n[ktstr: %zu bytes are left out here]\n", all.len - 8 - 16);
	kt_buf_add(&want, all.data + all.len - 16, 16);
	assert_string_equal(kt_buf_str(&b), kt_buf_str(&want));
	cell_log_done(&l);
}

static void one_addition_larger_than_everything_is_cut_the_same_way(void **state)
{
	const struct cell_log_limits limits = { .head_max = 4, .tail_max = 4 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct cell_log l = CELL_LOG_NONE;

	assert_int_equal(cell_log_open(&l, *state, "one.log", &limits, NULL), 0);
	cell_log_add(&l, "abcdefghijklmnop", 16);
	assert_int_equal(cell_log_close(&l, NULL), 0);
	read_back(*state, "one.log", &b);
	assert_string_equal(kt_buf_str(&b), "abcd\n[ktstr: 8 bytes are left out here]\nmnop");
	cell_log_done(&l);
}

static void the_end_for_the_failure_text_is_kept_whatever_the_file_holds(void **state)
{
	struct cell_log l = CELL_LOG_NONE;
	char block[1000];

	memset(block, 'x', sizeof(block));
	assert_int_equal(cell_log_open(&l, *state, "last.log", NULL, NULL), 0);
	for (int i = 0; i < 1000; i++)
		cell_log_add(&l, block, sizeof(block));
	cell_log_add(&l, "the end", 7);
	assert_true(l.last.b.len >= CELL_LOG_LAST && l.last.b.len <= 2 * CELL_LOG_LAST);
	assert_int_equal(l.last.dropped + l.last.b.len, 1000 * 1000 + 7);
	assert_memory_equal(l.last.b.data + l.last.b.len - 8, "xthe end", 8);
	cell_log_done(&l);
}

static void a_full_disk_is_told_when_the_log_is_closed(void **state)
{
	struct cell_log l = CELL_LOG_NONE;
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(cell_log_open(&l, "/dev", "full", NULL, &e), 0);
	cell_log_add(&l, "text", 4);
	assert_int_equal(cell_log_close(&l, &e), -ENOSPC);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_string_equal(unit_err_text(&e),
			    "write '/dev/full' (4 bytes so far): No space left on device");
	cell_log_done(&l);
}

static void a_log_that_cannot_be_made_names_its_path(void **state)
{
	struct cell_log l = CELL_LOG_NONE;
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(cell_log_open(&l, "/nonexistent", "a.log", NULL, &e), -ENOENT);
	assert_string_equal(unit_err_text(&e),
			    "create '/nonexistent/a.log': No such file or directory");
	cell_log_done(&l);
}

static void collect(void *ctx, char *text)
{
	kt_buf_addf(ctx, "[%s]", text);
}

static void lines_come_out_whole_however_they_were_cut(void **state)
{
	static const char text[] = "one\r\n\ntwo\0x\nlast";
	kt_auto(buf) struct kt_buf b = { 0 };
	struct cell_lines l = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		cell_lines_feed(&l, text + i, 1, collect, &b);
	assert_string_equal(kt_buf_str(&b), "[one][][two x]");
	cell_lines_feed(&l, "\n", 1, collect, &b);
	assert_string_equal(kt_buf_str(&b), "[one][][two x][last]");
}

static void count(void *ctx, char *text)
{
	size_t *len = ctx;

	assert_int_equal(*len, 0);
	*len = strlen(text);
}

static void an_endless_line_is_cut_and_is_still_one_line(void **state)
{
	struct cell_lines l = { 0 };
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 100000; i++)
		cell_lines_feed(&l, "y", 1, count, &len);
	cell_lines_feed(&l, "\n", 1, count, &len);
	assert_int_equal(len, CELL_LINE_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_log_is_kept_whole),
		cmocka_unit_test(a_log_of_exactly_the_limits_has_no_mark),
		cmocka_unit_test(a_long_log_keeps_its_head_and_its_end_and_says_what_is_missing),
		cmocka_unit_test(one_addition_larger_than_everything_is_cut_the_same_way),
		cmocka_unit_test(the_end_for_the_failure_text_is_kept_whatever_the_file_holds),
		cmocka_unit_test(a_full_disk_is_told_when_the_log_is_closed),
		cmocka_unit_test(a_log_that_cannot_be_made_names_its_path),
		cmocka_unit_test(lines_come_out_whole_however_they_were_cut),
		cmocka_unit_test(an_endless_line_is_cut_and_is_still_one_line),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
