/* SPDX-License-Identifier: GPL-2.0-only */
/* The judge: every rule, on both sides of its boundary. */
#include "scenario/scenario.h"

#include "tests/unit/unit.h"

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

/* Two cgroups of two workers on CPUs 0-1 and 2-3, all well; tests break one thing each. */
struct world {
	struct scn_plan plan;
	struct scn_cgroup cgroups[2];
	struct scn_checks checks;
	struct scn_expect expect;
	struct scn_result r;
	struct scn_worker_result workers[4];
	char *argv[2];
	bool clock_is_real;
	struct scn_judgement j;
};
static struct world w;

static int setup(void **state)
{
	(void)state;
	w = (struct world){
		.cgroups = { { .name = "a", .nr_workers = 2, .has_cpuset = true },
			     { .name = "b", .nr_workers = 2, .has_cpuset = true } },
		.checks = { .not_stuck = true, .max_gap_ns = 2 * S, .isolation = true },
		.argv = { (char *)"/ktstr/scheduler", NULL },
	};
	w.plan = (struct scn_plan){ .test_name = (char *)"t", .duration_ns = 10 * S };
	w.plan.cgroups = w.cgroups;
	w.plan.nr_cgroups = 2;
	w.r.ran_ns = 10 * S;
	w.r.workers = w.workers;
	w.r.nr_workers = 4;
	for (unsigned i = 0; i < 4; i++) {
		kt_cpuset_add(&w.cgroups[i / 2].cpuset, i);
		w.workers[i] = (struct scn_worker_result){
			.cgroup = i / 2,
			.pid = 100 + i,
			.iterations = 1000,
			.wall_ns = 10 * S,
			.cpu_ns = 9 * S,
			.max_gap_ns = 5 * MS,
			.max_gap_cpu = i,
		};
		kt_cpuset_add(&w.workers[i].cpus_seen, i);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scn_judgement_done(&w.j);
	return 0;
}

static void with_scheduler(enum scn_sched_state state)
{
	w.plan.scheduler_argv.v = w.argv;
	w.plan.scheduler_argv.nr = 1;
	w.r.sched = state;
	w.r.attach_ns = 100 * MS;
	w.r.sched_lived_ns = 10 * S;
}

static void with_exit(uint32_t kind, const char *reason, const char *message)
{
	w.r.exit = (struct scn_exit){ .kind = kind, .ops_name = "x" };
	assert_int_equal(kt_snprintf(w.r.exit.reason, SCN_TEXT_MAX, "%s", reason), 0);
	assert_int_equal(kt_snprintf(w.r.exit.message, SCN_TEXT_MAX, "%s", message), 0);
}

static void with_stall(void)
{
	with_scheduler(SCN_SCHED_DIED);
	with_exit(SCN_EXIT_ERROR_STALL, "runnable task stall", "spin[97] failed to run for 3.012s");
	w.r.sched_lived_ns = 4321 * MS;
}

static enum scn_verdict judge(void)
{
	const struct scn_judge_opts o = {
		.plan = &w.plan,
		.checks = &w.checks,
		.expect = &w.expect,
		.clock_is_real = w.clock_is_real,
	};

	scn_judgement_done(&w.j);
	scn_judge(&o, &w.r, &w.j);
	return w.j.verdict;
}

static void expect_only(enum scn_verdict v, const char *check, const char *text)
{
	assert_int_equal(judge(), v);
	assert_int_equal(w.j.nr_findings, 1);
	assert_int_equal(w.j.findings[0].verdict, v);
	assert_string_equal(w.j.findings[0].check, check);
	assert_string_equal(w.j.findings[0].text, text);
}

static void expect_pass(void)
{
	assert_int_equal(judge(), SCN_PASS);
	assert_int_equal(w.j.nr_findings, 0);
}

static void all_well_passes(void **state)
{
	(void)state;
	expect_pass();
	with_scheduler(SCN_SCHED_LIVED);
	with_exit(SCN_EXIT_UNREG, "unregistered from user space", "");
	expect_pass();
}

/* ---- workers ---- */

static void a_worker_without_a_loop_is_stuck(void **state)
{
	(void)state;
	w.workers[1].iterations = 1;
	expect_pass();
	w.workers[1].iterations = 0;
	expect_only(SCN_FAIL, "not-stuck",
		    "cgroup 'a': worker 1 (pid 101) did not get round its loop once (1 of 2)");
	w.workers[0].iterations = 0;
	expect_only(SCN_FAIL, "not-stuck",
		    "cgroup 'a': worker 0 (pid 100) did not get round its loop once (2 of 2)");
	w.clock_is_real = true;
	assert_int_equal(judge(), SCN_FAIL);
	w.checks.not_stuck = false;
	expect_pass();
}

static void a_gap_at_the_limit_passes_and_above_it_fails(void **state)
{
	(void)state;
	w.workers[2].max_gap_ns = 2 * S;
	expect_pass();
	w.workers[2].max_gap_ns = 2 * S + 1;
	w.workers[3].max_gap_ns = 3100 * MS;
	expect_only(
		SCN_FAIL, "max-gap",
		"cgroup 'b': worker 1 (pid 103) did not run for 3100 ms, until it came to CPU 3; "
		"the limit is 2s (2 of 2 over it)");
	assert_int_equal(w.j.worst_gap_ms, 3100);
	assert_int_equal(w.j.worst_gap_cpu, 3);
	w.checks.max_gap_ns = 0;
	expect_pass();
}

static void a_timing_failure_proves_nothing_on_the_hosts_clock(void **state)
{
	(void)state;
	w.clock_is_real = true;
	w.workers[3].max_gap_ns = 3 * S;
	expect_only(
		SCN_INCONCLUSIVE, "max-gap",
		"cgroup 'b': worker 1 (pid 103) did not run for 3000 ms, until it came to CPU 3; "
		"the limit is 2s (1 of 2 over it) (guest time follows the host here)");
	w.workers[3].max_gap_ns = 0;
	w.checks.max_spread = 15;
	w.workers[3].cpu_ns = 5 * S;
	assert_int_equal(judge(), SCN_INCONCLUSIVE);
}

static void a_worker_outside_its_cpuset_fails(void **state)
{
	(void)state;
	kt_cpuset_add(&w.workers[0].cpus_seen, 1);
	expect_pass();
	kt_cpuset_add(&w.workers[0].cpus_seen, 4);
	kt_cpuset_add(&w.workers[0].cpus_seen, 5);
	expect_only(
		SCN_FAIL, "isolation",
		"cgroup 'a': worker 0 (pid 100) ran on CPU 4-5, outside its cpuset 0-1 (1 of 2)");
	w.clock_is_real = true;
	assert_int_equal(judge(), SCN_FAIL);
	w.cgroups[0].has_cpuset = false;
	expect_pass();
	w.cgroups[0].has_cpuset = true;
	w.checks.isolation = false;
	expect_pass();
}

static void a_spread_at_the_limit_passes_and_above_it_fails(void **state)
{
	(void)state;
	w.checks.max_spread = 25;
	w.workers[0].wall_ns = 8;
	w.workers[0].cpu_ns = 8;
	w.workers[1].wall_ns = 8;
	w.workers[1].cpu_ns = 6;
	expect_pass();
	w.workers[1].cpu_ns = 5;
	expect_only(SCN_FAIL, "max-spread",
		    "cgroup 'a': its workers got from 62.5 % to 100.0 % of their time on a CPU, "
		    "a spread of 37.5 %; the limit is 25.0 %");
	w.checks.max_spread = 0;
	expect_pass();
}

static void a_spread_of_single_workers_is_inconclusive(void **state)
{
	(void)state;
	w.checks.max_spread = 15;
	w.cgroups[0].nr_workers = 1;
	w.cgroups[1].nr_workers = 1;
	w.workers[1] = w.workers[2];
	w.r.nr_workers = 2;
	expect_only(SCN_INCONCLUSIVE, "max-spread", "no cgroup has two workers to compare");
}

static void a_missing_worker_is_an_error(void **state)
{
	(void)state;
	w.r.nr_workers = 3;
	expect_only(SCN_ERROR, "not-stuck", "cgroup 'b': 1 of 2 workers sent a result");
}

static void a_worker_of_an_unknown_cgroup_is_an_error(void **state)
{
	(void)state;
	w.workers[3].cgroup = 7;
	assert_int_equal(judge(), SCN_ERROR);
	assert_int_equal(w.j.nr_findings, 2);
	assert_string_equal(w.j.findings[1].text, "worker 3 says cgroup 7, the plan has 2");
}

static void nothing_at_all_is_inconclusive(void **state)
{
	(void)state;
	w.plan.nr_cgroups = 0;
	w.r.nr_workers = 0;
	expect_only(SCN_INCONCLUSIVE, "scheduler",
		    "nothing to measure: no scheduler and no workers");
	with_scheduler(SCN_SCHED_LIVED);
	expect_pass();
}

/* ---- the scheduler ---- */

static void a_scheduler_that_cannot_be_executed_fails(void **state)
{
	(void)state;
	with_scheduler(SCN_SCHED_NOT_STARTED);
	w.r.nr_workers = 0;
	expect_only(SCN_FAIL, "scheduler", "the scheduler could not be executed");
	w.r.sched_exited = true;
	w.r.sched_status = 127 << 8;
	expect_only(SCN_FAIL, "scheduler",
		    "the scheduler could not be executed: it exited with status 127");
}

static void a_scheduler_that_does_not_attach_fails(void **state)
{
	(void)state;
	with_scheduler(SCN_SCHED_NOT_ATTACHED);
	w.r.nr_workers = 0;
	expect_only(SCN_FAIL, "scheduler", "the scheduler did not attach within 30s");
	w.plan.attach_timeout_ns = 1500 * MS;
	expect_only(SCN_FAIL, "scheduler", "the scheduler did not attach within 1500ms");
	w.r.sched_exited = true;
	w.r.sched_status = 11;
	expect_only(SCN_FAIL, "scheduler",
		    "the scheduler ended before it attached: it was killed by signal 11");
	w.r.sched_status = 1 << 8;
	with_exit(SCN_EXIT_ERROR, "runtime error", "ops.init() failed (-22)");
	expect_only(SCN_FAIL, "scheduler",
		    "the scheduler ended before it attached: it exited with status 1; "
		    "ERROR (runtime error): ops.init() failed (-22)");
}

static void an_unexpected_death_fails_with_the_kernels_words(void **state)
{
	(void)state;
	with_stall();
	expect_only(SCN_FAIL, "scheduler",
		    "the scheduler died after 4.3 s: ERROR_STALL (runnable task stall): "
		    "spin[97] failed to run for 3.012s");
	with_exit(SCN_EXIT_UNKNOWN, "brand new trouble", "first\nsecond\x1b[31m");
	expect_only(SCN_FAIL, "scheduler",
		    "the scheduler died after 4.3 s: UNKNOWN (brand new trouble): "
		    "first; second\\x1b[31m");
}

static void what_failed_first_comes_first(void **state)
{
	(void)state;
	with_stall();
	w.workers[0].max_gap_ns = 3 * S;
	assert_int_equal(judge(), SCN_FAIL);
	assert_int_equal(w.j.nr_findings, 2);
	assert_string_equal(w.j.findings[0].check, "scheduler");
	assert_string_equal(w.j.findings[1].check, "max-gap");
}

static void a_scheduler_that_leaves_fails(void **state)
{
	(void)state;
	with_scheduler(SCN_SCHED_DIED);
	w.r.sched_lived_ns = 1 * S;
	w.r.sched_exited = true;
	with_exit(SCN_EXIT_UNREG, "unregistered from user space", "");
	expect_only(SCN_FAIL, "scheduler",
		    "the scheduler left after 1.0 s: UNREG (unregistered from user space); "
		    "its process exited with status 0");
	with_exit(SCN_EXIT_NONE, "", "");
	w.r.sched_exited = false;
	expect_only(SCN_FAIL, "scheduler",
		    "the scheduler left after 1.0 s: the kernel's log says nothing of its exit; "
		    "its process was still there");
}

static void an_error_at_the_stop_fails(void **state)
{
	(void)state;
	with_scheduler(SCN_SCHED_LIVED);
	with_exit(SCN_EXIT_ERROR_BPF, "scx_bpf_error", "late");
	expect_only(SCN_FAIL, "scheduler",
		    "the scheduler ended with an error when it was stopped: "
		    "ERROR_BPF (scx_bpf_error): late");
}

static void a_stall_proves_nothing_on_the_hosts_clock(void **state)
{
	(void)state;
	with_stall();
	w.clock_is_real = true;
	expect_only(SCN_INCONCLUSIVE, "scheduler",
		    "the scheduler died after 4.3 s: ERROR_STALL (runnable task stall): "
		    "spin[97] failed to run for 3.012s (guest time follows the host here)");
	with_exit(SCN_EXIT_ERROR_BPF, "scx_bpf_error", "m");
	assert_int_equal(judge(), SCN_FAIL);
}

static void a_scheduler_nobody_asked_for_is_an_error(void **state)
{
	(void)state;
	w.r.sched = SCN_SCHED_LIVED;
	expect_only(SCN_ERROR, "scheduler", "the guest started a scheduler, the plan has not one");
	with_scheduler(SCN_SCHED_NONE);
	expect_only(SCN_ERROR, "scheduler",
		    "the guest did not start a scheduler, the plan has one");
}

static void a_watchdog_that_could_not_be_set_is_an_error(void **state)
{
	(void)state;
	with_scheduler(SCN_SCHED_LIVED);
	w.plan.watchdog_ns = 3 * S;
	expect_only(SCN_ERROR, "scheduler", "the asked watchdog could not be set in the scheduler");
	w.r.watchdog_set = true;
	expect_pass();
}

/* ---- expected deaths ---- */

static void an_expected_stall_passes_by_its_kind_alone(void **state)
{
	(void)state;
	w.expect.kind = SCN_EXPECT_STALL;
	with_stall();
	expect_pass();
	with_exit(SCN_EXIT_ERROR_STALL, "", "");
	expect_pass();
	with_exit(SCN_EXIT_ERROR, "runnable task stall", "failed to run for 3s");
	expect_only(SCN_FAIL, "expect",
		    "expected exit ERROR_STALL, but the scheduler died after 4.3 s: "
		    "ERROR (runnable task stall): failed to run for 3s");
}

static void an_expected_stall_that_does_not_come_fails(void **state)
{
	(void)state;
	w.expect.kind = SCN_EXPECT_STALL;
	with_scheduler(SCN_SCHED_LIVED);
	with_exit(SCN_EXIT_UNREG, "unregistered from user space", "");
	expect_only(SCN_FAIL, "expect",
		    "expected exit ERROR_STALL, but the scheduler lived to the end (10.0 s)");
}

static void a_stall_starves_by_definition(void **state)
{
	(void)state;
	w.expect.kind = SCN_EXPECT_STALL;
	with_stall();
	w.checks.max_spread = 1;
	w.workers[0].iterations = 0;
	w.workers[0].cpu_ns = 0;
	w.workers[1].max_gap_ns = 9 * S;
	expect_pass();
	kt_cpuset_add(&w.workers[2].cpus_seen, 0);
	expect_only(SCN_FAIL, "isolation",
		    "cgroup 'b': worker 0 (pid 102) ran on CPU 0, outside its cpuset 2-3 (1 of 2)");
}

static void starving_counts_when_the_expected_stall_does_not_come(void **state)
{
	(void)state;
	w.expect.kind = SCN_EXPECT_STALL;
	with_scheduler(SCN_SCHED_LIVED);
	w.workers[0].iterations = 0;
	assert_int_equal(judge(), SCN_FAIL);
	assert_int_equal(w.j.nr_findings, 2);
	assert_string_equal(w.j.findings[0].check, "expect");
	assert_string_equal(w.j.findings[1].check, "not-stuck");
}

static void any_error_is_any_kind_from_1024(void **state)
{
	static const uint32_t errors[] = { 1024, 1025, 1026, 1028, 9999 };

	(void)state;
	w.expect.kind = SCN_EXPECT_ANY_ERROR;
	with_scheduler(SCN_SCHED_DIED);
	for (size_t i = 0; i < 5; i++) {
		with_exit(errors[i], "r", "");
		expect_pass();
	}
	with_exit(1023, "r", "");
	assert_int_equal(judge(), SCN_FAIL);
	/* New words are an error only with a message: the kernel prints one after errors alone. */
	with_exit(SCN_EXIT_UNKNOWN, "r", "m");
	expect_pass();
	with_exit(SCN_EXIT_UNKNOWN, "r", "");
	expect_only(SCN_FAIL, "expect",
		    "expected an error exit, but the scheduler left after 10.0 s: UNKNOWN (r); "
		    "its process was still there");
	with_exit(SCN_EXIT_NONE, "", "");
	assert_int_equal(judge(), SCN_FAIL);
}

static void a_pattern_matches_reason_or_message_of_an_error(void **state)
{
	(void)state;
	w.expect = (struct scn_expect){ SCN_EXPECT_ANY_ERROR, (char *)"^foo[0-9]+ (bar|baz)$" };
	with_scheduler(SCN_SCHED_DIED);
	with_exit(SCN_EXIT_ERROR_BPF, "scx_bpf_error", "foo12 baz");
	expect_pass();
	with_exit(SCN_EXIT_ERROR_BPF, "foo1 bar", "else");
	expect_pass();
	with_exit(SCN_EXIT_UNREG, "foo1 bar", "");
	assert_int_equal(judge(), SCN_FAIL);
	with_exit(SCN_EXIT_ERROR_BPF, "scx_bpf_error", "foo bar");
	expect_only(
		SCN_FAIL, "expect",
		"expected an error exit matching '^foo[0-9]+ (bar|baz)$', but the scheduler died "
		"after 10.0 s: ERROR_BPF (scx_bpf_error): foo bar");
	/* The kind has to be the expected one too. */
	w.expect = (struct scn_expect){ SCN_EXPECT_STALL, (char *)"failed to run" };
	with_exit(SCN_EXIT_ERROR_BPF, "scx_bpf_error", "failed to run");
	assert_int_equal(judge(), SCN_FAIL);
	with_exit(SCN_EXIT_ERROR_STALL, "runnable task stall", "x[1] failed to run for 3.1s");
	expect_pass();
	with_exit(SCN_EXIT_ERROR_STALL, "runnable task stall", "watchdog failed to check in");
	assert_int_equal(judge(), SCN_FAIL);
	w.expect.pattern = (char *)"(";
	expect_only(SCN_ERROR, "expect", "'(' is not an extended regular expression");
}

static void an_exit_expected_of_no_scheduler_is_an_error(void **state)
{
	(void)state;
	w.expect.kind = SCN_EXPECT_ANY_ERROR;
	expect_only(SCN_ERROR, "expect", "an exit is expected of no scheduler");
}

static void an_expected_death_before_enabled_was_seen_counts(void **state)
{
	(void)state;
	w.expect.kind = SCN_EXPECT_ANY_ERROR;
	with_scheduler(SCN_SCHED_NOT_ATTACHED);
	with_exit(SCN_EXIT_ERROR_BPF, "scx_bpf_error", "at once");
	w.plan.nr_cgroups = 0;
	w.r.nr_workers = 0;
	expect_pass();
}

static void an_expected_death_before_the_workers_start_counts(void **state)
{
	(void)state;
	w.expect.kind = SCN_EXPECT_ANY_ERROR;
	with_scheduler(SCN_SCHED_DIED);
	with_exit(SCN_EXIT_ERROR_BPF, "scx_bpf_error", "at once");
	w.r.nr_workers = 0;
	w.r.ran_ns = 0;
	expect_pass();
	w.r.sched = SCN_SCHED_NOT_ATTACHED;
	expect_pass();
	/* They ran, and nothing came of them: that is not what was expected. */
	w.r.sched = SCN_SCHED_DIED;
	w.r.ran_ns = 1 * S;
	assert_int_equal(judge(), SCN_ERROR);
	assert_string_equal(w.j.findings[0].text, "cgroup 'a': 0 of 2 workers sent a result");
	w.r.ran_ns = 0;
	w.r.exit.kind = SCN_EXIT_UNREG;
	assert_int_equal(judge(), SCN_FAIL);
}

/* ---- the verdict ---- */

static void the_gravest_finding_is_the_verdict(void **state)
{
	static const enum scn_verdict order[] = { SCN_INCONCLUSIVE, SCN_ERROR, SCN_FAIL };

	(void)state;
	for (size_t a = 0; a < 3; a++) {
		for (size_t b = 0; b < 3; b++) {
			struct scn_judgement j = { .verdict = SCN_PASS };

			scn_judge_add(&j, order[a], "x", "first");
			scn_judge_add(&j, order[b], "y", "second");
			assert_int_equal(j.verdict, order[a > b ? a : b]);
			assert_string_equal(j.findings[0].text, "first");
			scn_judgement_done(&j);
			assert_int_equal(j.nr_findings, 0);
		}
	}
}

static void findings_beyond_the_limit_are_counted(void **state)
{
	struct scn_judgement j = { 0 };

	(void)state;
	for (int i = 0; i < SCN_FINDINGS_MAX + 3; i++)
		scn_judge_add(&j, SCN_INCONCLUSIVE, "x", "%d", i);
	scn_judge_add(&j, SCN_FAIL, "x", "the last one still counts");
	assert_int_equal(j.nr_findings, SCN_FINDINGS_MAX);
	assert_int_equal(j.nr_more, 4);
	assert_int_equal(j.verdict, SCN_FAIL);
	scn_judgement_done(&j);
}

static void verdicts_have_names(void **state)
{
	(void)state;
	assert_string_equal(scn_verdict_name(SCN_SKIP), "skip");
	assert_string_equal(scn_verdict_name(SCN_PASS), "pass");
	assert_string_equal(scn_verdict_name(SCN_INCONCLUSIVE), "inconclusive");
	assert_string_equal(scn_verdict_name(SCN_ERROR), "error");
	assert_string_equal(scn_verdict_name(SCN_FAIL), "fail");
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(all_well_passes),
		RULE(a_worker_without_a_loop_is_stuck),
		RULE(a_gap_at_the_limit_passes_and_above_it_fails),
		RULE(a_timing_failure_proves_nothing_on_the_hosts_clock),
		RULE(a_worker_outside_its_cpuset_fails),
		RULE(a_spread_at_the_limit_passes_and_above_it_fails),
		RULE(a_spread_of_single_workers_is_inconclusive),
		RULE(a_missing_worker_is_an_error),
		RULE(a_worker_of_an_unknown_cgroup_is_an_error),
		RULE(nothing_at_all_is_inconclusive),
		RULE(a_scheduler_that_cannot_be_executed_fails),
		RULE(a_scheduler_that_does_not_attach_fails),
		RULE(an_unexpected_death_fails_with_the_kernels_words),
		RULE(what_failed_first_comes_first),
		RULE(a_scheduler_that_leaves_fails),
		RULE(an_error_at_the_stop_fails),
		RULE(a_stall_proves_nothing_on_the_hosts_clock),
		RULE(a_scheduler_nobody_asked_for_is_an_error),
		RULE(a_watchdog_that_could_not_be_set_is_an_error),
		RULE(an_expected_stall_passes_by_its_kind_alone),
		RULE(an_expected_stall_that_does_not_come_fails),
		RULE(a_stall_starves_by_definition),
		RULE(starving_counts_when_the_expected_stall_does_not_come),
		RULE(any_error_is_any_kind_from_1024),
		RULE(a_pattern_matches_reason_or_message_of_an_error),
		RULE(an_exit_expected_of_no_scheduler_is_an_error),
		RULE(an_expected_death_before_enabled_was_seen_counts),
		RULE(an_expected_death_before_the_workers_start_counts),
		RULE(the_gravest_finding_is_the_verdict),
		RULE(findings_beyond_the_limit_are_counted),
		RULE(verdicts_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
