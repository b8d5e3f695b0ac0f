/* SPDX-License-Identifier: GPL-2.0-only */
/* What the terminal shows of cells that did not pass, word for word. */
#include "tests/unit/driver_cell.h"

struct world {
	struct unit_cell u;
	struct cell_outcome o;
	struct cell_tail console, sched, kernel;
	struct kt_buf text;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	unit_cell_init(&w->u, "/runs/1");
	w->console.keep = w->sched.keep = w->kernel.keep = CELL_LOG_LAST;
	w->o.console = &w->console;
	w->o.sched_log = &w->sched;
	w->o.kernel_log = &w->kernel;
	w->o.machine_ran = true;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	kt_buf_done(&w->text);
	kt_buf_done(&w->console.b);
	kt_buf_done(&w->sched.b);
	kt_buf_done(&w->kernel.b);
	cell_outcome_done(&w->o);
	cell_spec_done(&w->u.spec);
	free(w);
	return 0;
}

static void say(struct cell_tail *t, const char *text)
{
	cell_tail_add(t, text, strlen(text));
}

static const char *render(struct world *w)
{
	kt_buf_reset(&w->text);
	cell_failure_text(&w->u.spec, &w->o, &w->text);
	return kt_buf_str(&w->text);
}

static void judge(struct world *w)
{
	w->o.has_result = true;
	unit_cell_judge(&w->u, &w->o);
}

static void a_pass_has_no_text(void **state)
{
	struct world *w = *state;

	unit_cell_good_result(&w->o.result);
	judge(w);
	assert_string_equal(render(w), "");
}

static void a_stall_with_its_dump(void **state)
{
	struct world *w = *state;
	struct scn_result *r = &w->o.result;

	unit_cell_good_result(r);
	r->sched = SCN_SCHED_DIED;
	r->sched_lived_ns = 3200000000;
	r->exit.kind = SCN_EXIT_ERROR_STALL;
	snprintf(r->exit.ops_name, sizeof(r->exit.ops_name), "ktstr");
	snprintf(r->exit.reason, sizeof(r->exit.reason), "runnable task stall");
	snprintf(r->exit.message, sizeof(r->exit.message), "spin[7] failed to run for 3.004s");
	say(&w->sched,
	    "attached\ntick\ntick\ntick\ntick\nDEBUG DUMP\nCPU 0: nr_run=1\n  task spin[7]\nEXIT: runnable task stall\n");
	say(&w->kernel,
	    "[    1.0] other\n[    4.0] sched_ext: BPF scheduler \"ktstr\" disabled (runnable task stall)\n");
	judge(w);
	assert_string_equal(
		render(w),
		"ktstr_test 'boot' [sched=ktstr] [topo=1n1l2c1t] failed:\n"
		"  the scheduler died after 3.2 s: ERROR_STALL (runnable task stall): spin[7] failed to run for 3.004s\n"
		"\n"
		"--- stats ---\n"
		"2 workers, 2 cpus, 6 migrations, worst_spread=0.0%, worst_gap=5ms\n"
		"cg0: workers=2 cpus=2 spread=0.0% gap=5ms migrations=6 iter=2000 name=a\n"
		"\n"
		"--- scheduler log ---\n"
		"attached\n"
		"tick\n"
		"  (the line above 4 times)\n"
		"EXIT: runnable task stall\n"
		"\n"
		"--- sched_ext dump ---\n"
		"[    4.0] sched_ext: BPF scheduler \"ktstr\" disabled (runnable task stall)\n"
		"CPU 0: nr_run=1\n"
		"  task spin[7]\n");
}

static void a_kernel_that_panics_before_init(void **state)
{
	struct world *w = *state;

	unit_cell_without_scheduler(&w->u);
	scn_judge_add(&w->o.judgement, SCN_ERROR, "kernel-panic",
		      "the kernel panicked before init started: Kernel panic - %s",
		      "not syncing: VFS");
	say(&w->console, "[    0.5] one\r\n[    0.6] Kernel panic - not syncing: VFS\x1b[31m\r\n");
	assert_string_equal(
		render(w),
		"ktstr_test 'boot' [topo=1n1l2c1t] error:\n"
		"  the kernel panicked before init started: Kernel panic - not syncing: VFS\n"
		"\n"
		"--- console diagnostics ---\n"
		"[    0.5] one\n"
		"[    0.6] Kernel panic - not syncing: VFS\\x1b[31m\n");
}

static void a_scheduler_that_never_attaches(void **state)
{
	struct world *w = *state;

	unit_cell_good_result(&w->o.result);
	scn_result_done(&w->o.result);
	w->o.result.sched = SCN_SCHED_NOT_ATTACHED;
	w->o.has_result = true;
	scn_judge_add(&w->o.judgement, SCN_FAIL, "scheduler",
		      "the scheduler did not attach within 30s");
	scn_judge_add(&w->o.judgement, SCN_INCONCLUSIVE, "max-spread",
		      "no cgroup has two workers to compare");
	assert_string_equal(render(w), "ktstr_test 'boot' [sched=ktstr] [topo=1n1l2c1t] failed:\n"
				       "  the scheduler did not attach within 30s\n"
				       "  (inconclusive) no cgroup has two workers to compare\n"
				       "\n"
				       "--- scheduler log ---\n"
				       "(it printed nothing)\n");
}

static void an_error_before_the_machine_shows_no_empty_sections(void **state)
{
	struct world *w = *state;

	w->o.machine_ran = false;
	scn_judge_add(&w->o.judgement, SCN_ERROR, "host", "create '/x': No space left on device");
	assert_string_equal(render(w), "ktstr_test 'boot' [sched=ktstr] [topo=1n1l2c1t] error:\n"
				       "  create '/x': No space left on device\n");
}

static void a_silent_guest_has_an_empty_console(void **state)
{
	struct world *w = *state;

	unit_cell_without_scheduler(&w->u);
	scn_judge_add(&w->o.judgement, SCN_ERROR, "never-reached-init", "no init");
	assert_non_null(
		strstr(render(w), "\n--- console diagnostics ---\n(the console is empty)\n"));
}

static void an_orderly_end_of_the_guest_is_no_diagnostic(void **state)
{
	struct world *w = *state;

	w->o.has_result = true;
	w->o.result.sched = SCN_SCHED_NOT_ATTACHED;
	say(&w->console, "[    5.7] reboot: Power down\r\n");
	scn_judge_add(&w->o.judgement, SCN_FAIL, "scheduler", "not attached");
	assert_null(strstr(render(w), "console diagnostics"));
	say(&w->console, "[    5.8] something else\r\n");
	assert_non_null(
		strstr(render(w), "--- console diagnostics ---\n[    5.8] something else\n"));
}

static void a_long_trace_does_not_hide_the_panic(void **state)
{
	struct world *w = *state;
	kt_auto(buf) struct kt_buf log = { 0 };

	for (int i = 0; i < 100; i++) {
		if (i == 50)
			kt_buf_adds(&log, "Kernel panic - not syncing: X\n");
		else
			kt_buf_addf(&log, "line %d\n", i);
	}
	say(&w->console, kt_buf_str(&log));
	scn_judge_add(&w->o.judgement, SCN_ERROR, "kernel-panic", "x");
	assert_non_null(strstr(render(w), "--- console diagnostics ---\nline 38\nline 39\n"));
	assert_non_null(
		strstr(kt_buf_str(&w->text), "line 49\nKernel panic - not syncing: X\nline 51\n"));
	assert_non_null(strstr(kt_buf_str(&w->text), "line 62\n(37 more lines)\n\n"));
}

static void a_cycle_of_lines_is_shown_once(void **state)
{
	struct world *w = *state;

	say(&w->sched, "start\n");
	for (int i = 0; i < 100; i++)
		say(&w->sched, "a\nb\nc\n");
	say(&w->sched, "end\n");
	scn_judge_add(&w->o.judgement, SCN_ERROR, "deadline", "too late");
	assert_non_null(strstr(
		render(w),
		"--- scheduler log ---\nstart\na\nb\nc\n  (the 3 lines above 100 times)\nend\n"));
}

static void only_the_end_of_a_long_log_is_shown(void **state)
{
	struct world *w = *state;
	kt_auto(buf) struct kt_buf line = { 0 };

	for (int i = 0; i < 1000; i++) {
		kt_buf_reset(&line);
		kt_buf_addf(&line, "line %d\n", i);
		say(&w->sched, kt_buf_str(&line));
	}
	scn_judge_add(&w->o.judgement, SCN_ERROR, "deadline", "too late");
	assert_non_null(strstr(render(w),
			       "--- scheduler log ---\n(the last 40 lines)\nline 960\nline 961\n"));
	assert_non_null(strstr(kt_buf_str(&w->text), "\nline 999\n"));
	assert_null(strstr(kt_buf_str(&w->text), "line 959\n"));
}

static void a_line_without_end_is_cut(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 5000; i++)
		say(&w->sched, "0123456789");
	scn_judge_add(&w->o.judgement, SCN_ERROR, "deadline", "too late");
	assert_non_null(strstr(render(w), "0123456789 [...]\n"));
	assert_true(w->text.len < 1000);
}

static void lost_pieces_of_log_are_told(void **state)
{
	struct world *w = *state;

	w->o.result.frames_lost = 17;
	scn_judge_add(&w->o.judgement, SCN_ERROR, "deadline", "too late");
	assert_non_null(
		strstr(render(w), "\nthe guest dropped 17 pieces of log for lack of room\n"));
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_pass_has_no_text),
		WORLD_TEST(a_stall_with_its_dump),
		WORLD_TEST(a_kernel_that_panics_before_init),
		WORLD_TEST(a_scheduler_that_never_attaches),
		WORLD_TEST(an_error_before_the_machine_shows_no_empty_sections),
		WORLD_TEST(a_silent_guest_has_an_empty_console),
		WORLD_TEST(an_orderly_end_of_the_guest_is_no_diagnostic),
		WORLD_TEST(a_long_trace_does_not_hide_the_panic),
		WORLD_TEST(a_cycle_of_lines_is_shown_once),
		WORLD_TEST(only_the_end_of_a_long_log_is_shown),
		WORLD_TEST(a_line_without_end_is_cut),
		WORLD_TEST(lost_pieces_of_log_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
