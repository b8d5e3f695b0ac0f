/* SPDX-License-Identifier: GPL-2.0-only */
/* Whatever is missing from a dump, the dump says why: no time, no room, nothing to be read. */
#include "tests/unit/fake_sched.h"

struct why_test {
	struct fake_guest f;
	struct fake_sched s;
	struct cap_dump d;
};

static void make(struct why_test *t)
{
	memset(t, 0, sizeof(*t));
	fake_init(&t->f, NULL);
	fake_sched_init(&t->s, &t->f, FAKE_SCHED_ROOT);
	for (int32_t pid = 1; pid <= 3; pid++)
		(void)fake_task(&t->s, pid, "worker");
}

static void begin(struct why_test *t)
{
	fake_open(&t->f);
	t->d = fake_dump(&t->f);
}

static void done(struct why_test *t)
{
	fake_dump_done(&t->d);
	fake_done(&t->f);
}

/* ---- no time ---- */

static const struct cap_dump_opts no_time = { .deadline_ns = 1 };

static void every_group_that_the_deadline_skipped_says_so(void **state)
{
	struct cap_report *r = NULL;
	struct why_test t;

	(void)state;
	make(&t);
	fake_open(&t.f);
	assert_int_equal(cap_dump(t.f.g, &no_time, &r, NULL), 0);
	assert_true(r->has_truncated_at);
	assert_string_equal(r->prog_runtime_stats_unavailable,
			    "dump deadline exceeded before prog walker could run");
	assert_string_equal(r->task_enrichments_unavailable,
			    "dump deadline exceeded before task walker could run");
	assert_string_equal(r->scx_walker_unavailable,
			    "dump deadline exceeded before scx walker could run");
	assert_string_equal(r->sdt_alloc_unavailable, CAP_WHY_SDT_LATE);
	assert_string_equal(r->per_node_numa_unavailable,
			    "dump deadline exceeded before NUMA walker could run");
	cap_report_free(r);
	fake_done(&t.f);
}

static void tasks_that_the_deadline_cut_say_how_many_they_are(void **state)
{
	struct why_test t;

	(void)state;
	make(&t);
	begin(&t);
	t.d.opts = &no_time;
	cap_dump_tasks(&t.d);
	assert_int_equal(t.d.report->nr_tasks, 1);
	assert_string_equal(t.d.report->task_enrichments_unavailable,
			    "task walker stopped after 1 tasks: dump deadline exceeded");
	done(&t);
}

static void a_walk_of_queues_that_the_deadline_cut_says_so(void **state)
{
	struct why_test t;

	(void)state;
	make(&t);
	begin(&t);
	cap_dump_rqs(&t.d);
	cap_dump_sched_state(&t.d);
	t.d.opts = &no_time;
	cap_dump_dsqs(&t.d);
	cap_dump_scx_reason(&t.d);
	assert_int_equal(t.d.report->nr_rqs, 2);
	assert_non_null(t.d.report->sched_state);
	assert_string_equal(t.d.report->scx_walker_unavailable,
			    "scx walker cut short: dump deadline exceeded");
	done(&t);
}

/* The scheduler may well be there: that nobody looked is another reason than that there is none. */
static void a_state_that_was_skipped_is_no_missing_scheduler(void **state)
{
	static const char why[] = "dump deadline exceeded before some part of it could run";
	struct why_test t;

	(void)state;
	make(&t);
	begin(&t);
	cap_dump_rqs(&t.d);
	t.d.report->scx_walker_unavailable = why;
	cap_dump_scx_reason(&t.d);
	assert_ptr_equal(t.d.report->scx_walker_unavailable, why);
	done(&t);
}

/* ---- no room ---- */

static void every_group_that_a_full_report_lost_says_so(void **state)
{
	struct why_test t;

	(void)state;
	make(&t);
	begin(&t);
	while (cap_alloc_raw(t.d.pool, 4096))
		;
	cap_dump_rqs(&t.d);
	cap_dump_tasks(&t.d);
	cap_dump_sched_state(&t.d);
	cap_dump_dsqs(&t.d);
	cap_dump_scx_reason(&t.d);
	assert_int_equal(t.d.report->nr_rqs + t.d.report->nr_dsqs + t.d.report->nr_tasks, 0);
	assert_null(t.d.report->sched_state);
	assert_string_equal(t.d.report->task_enrichments_unavailable, CAP_WHY_FULL);
	assert_string_equal(t.d.report->scx_walker_unavailable,
			    "scx walker cut short: no more memory for the report");
	done(&t);
}

/* ---- nothing to be read ---- */

static void a_state_that_cannot_be_read_is_no_missing_scheduler(void **state)
{
	struct why_test t;

	(void)state;
	make(&t);
	fake_put64(&t.f, t.s.root, UINT64_C(0xffffc900deadb000));
	begin(&t);
	cap_dump_rqs(&t.d);
	cap_dump_sched_state(&t.d);
	cap_dump_dsqs(&t.d);
	cap_dump_scx_reason(&t.d);
	assert_null(t.d.report->sched_state);
	assert_int_equal(t.d.report->nr_rqs, 2);
	assert_string_equal(t.d.report->scx_walker_unavailable,
			    CAP_WHY_SCX_CUT "the scheduler's state cannot be read");
	done(&t);
}

static void a_state_without_any_queue_says_so(void **state)
{
	struct why_test t;
	uint64_t nr_cpus;

	(void)state;
	make(&t);
	assert_true(cap_symbols_find(t.f.symbols, "nr_cpu_ids", &nr_cpus));
	fake_put(&t.f, (gva_t){ nr_cpus }, 4, 0);
	fake_put64(&t.f, at(t.s.sched, struct s_sched, pnode), 0);
	begin(&t);
	cap_dump_rqs(&t.d);
	cap_dump_sched_state(&t.d);
	cap_dump_dsqs(&t.d);
	cap_dump_scx_reason(&t.d);
	assert_non_null(t.d.report->sched_state);
	assert_int_equal(t.d.report->nr_rqs + t.d.report->nr_dsqs, 0);
	assert_string_equal(t.d.report->scx_walker_unavailable, CAP_WHY_SCX_NOTHING);
	done(&t);
}

static void a_list_that_ends_before_its_first_task_says_how(void **state)
{
	struct why_test t;

	(void)state;
	make(&t);
	fake_put64(&t.f, t.s.tasks, UINT64_C(0xffffc900deadb000));
	begin(&t);
	cap_dump_tasks(&t.d);
	assert_int_equal(t.d.report->nr_tasks, 0);
	assert_non_null(strstr(t.d.report->task_enrichments_unavailable,
			       "task walker stopped after 0 tasks: the list of all tasks "));
	done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_group_that_the_deadline_skipped_says_so),
		cmocka_unit_test(tasks_that_the_deadline_cut_say_how_many_they_are),
		cmocka_unit_test(a_walk_of_queues_that_the_deadline_cut_says_so),
		cmocka_unit_test(a_state_that_was_skipped_is_no_missing_scheduler),
		cmocka_unit_test(every_group_that_a_full_report_lost_says_so),
		cmocka_unit_test(a_state_that_cannot_be_read_is_no_missing_scheduler),
		cmocka_unit_test(a_state_without_any_queue_says_so),
		cmocka_unit_test(a_list_that_ends_before_its_first_task_says_how),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
