/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's log says of a scheduler's exit. */
#include "scenario/scenario.h"

#include "tests/unit/unit.h"

static struct scn_exit x;

static int reset(void **state)
{
	(void)state;
	x = (struct scn_exit){ 0 };
	return 0;
}

static void each_of_the_kernels_words_has_its_kind(void **state)
{
	static const struct {
		const char *words;
		uint32_t kind;
	} rows[] = {
		{ "unregistered from user space", 64 },
		{ "unregistered from BPF", 65 },
		{ "unregistered from the main kernel", 66 },
		{ "disabled by sysrq-S", 67 },
		{ "parent exiting", 68 },
		{ "killed by parent scheduler", 69 },
		{ "runtime error", 1024 },
		{ "scx_bpf_error", 1025 },
		{ "runnable task stall", 1026 },
		{ "reenqueue limit", 1027 },
		{ "rescue bandwidth overload", 1028 },
		{ "<UNKNOWN>", 0xffffffff },
		{ "some new words (with parentheses)", 0xffffffff },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[256];

		reset(NULL);
		(void)kt_snprintf(line, sizeof(line),
				  "sched_ext: BPF scheduler \"my.sched_1\" disabled (%s)",
				  rows[i].words);
		assert_true(scn_exit_feed(&x, line));
		assert_int_equal(x.kind, rows[i].kind);
		assert_string_equal(x.ops_name, "my.sched_1");
		assert_string_equal(x.reason, rows[i].words);
		assert_string_equal(x.message, "");
	}
}

static void the_message_follows_the_reason(void **state)
{
	(void)state;
	assert_false(scn_exit_feed(&x, "sched_ext: BPF scheduler \"ktstr\" enabled"));
	assert_false(scn_exit_feed(
		&x,
		"sched_ext: ktstr: watchdog timeout 3000ms <= rescue overload threshold 4096ms"));
	assert_true(scn_exit_feed(
		&x, "sched_ext: BPF scheduler \"ktstr\" disabled (runnable task stall)\n"));
	assert_true(scn_exit_feed(&x, "sched_ext: ktstr: spin[97] failed to run for 3.012s\n"));
	assert_false(scn_exit_feed(&x, "   check_rq_for_timeouts+0xff/0x120"));
	assert_false(scn_exit_feed(&x, "sched_ext: ktstr2: of another scheduler"));
	assert_true(scn_exit_feed(&x, "sched_ext: ktstr: a second line"));
	assert_int_equal(x.kind, SCN_EXIT_ERROR_STALL);
	assert_string_equal(x.reason, "runnable task stall");
	assert_string_equal(x.message, "spin[97] failed to run for 3.012s\na second line");
}

static void the_first_error_is_the_cause(void **state)
{
	(void)state;
	assert_true(scn_exit_feed(&x, "sched_ext: BPF scheduler \"a\" disabled (scx_bpf_error)"));
	assert_true(
		scn_exit_feed(&x, "sched_ext: BPF scheduler \"b\" disabled (runnable task stall)"));
	assert_int_equal(x.kind, SCN_EXIT_ERROR_BPF);
	assert_string_equal(x.ops_name, "a");
}

static void an_error_after_a_reload_counts(void **state)
{
	(void)state;
	assert_true(scn_exit_feed(
		&x, "sched_ext: BPF scheduler \"a\" disabled (unregistered from user space)"));
	assert_true(scn_exit_feed(&x, "sched_ext: BPF scheduler \"a\" disabled (runtime error)"));
	assert_true(scn_exit_feed(&x, "sched_ext: a: oops"));
	assert_int_equal(x.kind, SCN_EXIT_ERROR);
	assert_string_equal(x.message, "oops");
}

static void a_sub_schedulers_end_is_not_the_schedulers(void **state)
{
	(void)state;
	assert_false(
		scn_exit_feed(&x, "sched_ext: BPF sub-scheduler \"a\" disabled (runtime error)"));
	assert_int_equal(x.kind, SCN_EXIT_NONE);
}

static void an_error_before_the_name_is_known_counts(void **state)
{
	(void)state;
	assert_true(scn_exit_feed(
		&x, "sched_ext: ops error detected without ops (ops.init() failed (-12))"));
	assert_int_equal(x.kind, SCN_EXIT_UNKNOWN);
	assert_string_equal(x.reason, "ops error detected without ops");
	assert_string_equal(x.message, "ops.init() failed (-12)");
}

static void half_a_line_is_nobodys(void **state)
{
	(void)state;
	assert_false(scn_exit_feed(&x, ""));
	assert_false(scn_exit_feed(&x, "sched_ext: "));
	assert_false(scn_exit_feed(&x, "sched_ext: BPF scheduler \""));
	assert_false(scn_exit_feed(&x, "sched_ext: BPF scheduler \"a"));
	assert_false(scn_exit_feed(&x, "sched_ext: BPF scheduler \"a\" disabled ("));
	assert_false(scn_exit_feed(&x, "sched_ext: BPF scheduler \"a\" disabled (runtime error"));
	assert_false(scn_exit_feed(&x, "sched_ext: ops error detected without ops ("));
	assert_false(scn_exit_feed(&x, "sched_ext: ops error detected without ops"));
	assert_false(scn_exit_feed(&x, "BPF scheduler \"a\" disabled (runtime error)"));
	assert_int_equal(x.kind, SCN_EXIT_NONE);
	assert_true(scn_exit_feed(&x, "sched_ext: BPF scheduler \"a\" disabled ()"));
	assert_int_equal(x.kind, SCN_EXIT_UNKNOWN);
}

static void long_texts_are_cut_not_overrun(void **state)
{
	kt_auto(buf) struct kt_buf line = { 0 };
	kt_auto(buf) struct kt_buf more = { 0 };

	(void)state;
	kt_buf_adds(&line, "sched_ext: BPF scheduler \"");
	for (int i = 0; i < 500; i++)
		kt_buf_addc(&line, 'n');
	kt_buf_adds(&line, "\" disabled (");
	for (int i = 0; i < 10000; i++)
		kt_buf_addc(&line, 'r');
	kt_buf_addc(&line, ')');
	assert_true(scn_exit_feed(&x, kt_buf_str(&line)));
	assert_int_equal(strlen(x.ops_name), sizeof(x.ops_name) - 1);
	assert_int_equal(strlen(x.reason), SCN_TEXT_MAX - 1);

	kt_buf_addf(&more, "sched_ext: %s: ", x.ops_name);
	for (int i = 0; i < 3000; i++)
		kt_buf_addc(&more, 'm');
	for (int i = 0; i < 3; i++)
		assert_true(scn_exit_feed(&x, kt_buf_str(&more)));
	assert_int_equal(strlen(x.message), SCN_TEXT_MAX - 1);
}

static void kinds_have_names(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(scn_exit_name(0, buf, sizeof(buf)), "NONE");
	assert_string_equal(scn_exit_name(1, buf, sizeof(buf)), "DONE");
	assert_string_equal(scn_exit_name(64, buf, sizeof(buf)), "UNREG");
	assert_string_equal(scn_exit_name(1026, buf, sizeof(buf)), "ERROR_STALL");
	assert_string_equal(scn_exit_name(SCN_EXIT_UNKNOWN, buf, sizeof(buf)), "UNKNOWN");
	assert_string_equal(scn_exit_name(4711, buf, sizeof(buf)), "UNKNOWN(4711)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_of_the_kernels_words_has_its_kind, reset),
		cmocka_unit_test_setup(the_message_follows_the_reason, reset),
		cmocka_unit_test_setup(the_first_error_is_the_cause, reset),
		cmocka_unit_test_setup(an_error_after_a_reload_counts, reset),
		cmocka_unit_test_setup(a_sub_schedulers_end_is_not_the_schedulers, reset),
		cmocka_unit_test_setup(an_error_before_the_name_is_known_counts, reset),
		cmocka_unit_test_setup(half_a_line_is_nobodys, reset),
		cmocka_unit_test_setup(long_texts_are_cut_not_overrun, reset),
		cmocka_unit_test(kinds_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
