/* SPDX-License-Identifier: GPL-2.0-only */
/* Run queues, dispatch queues and the scheduler's state, of guests that tell the truth and of some that do not. */
#include "tests/unit/fake_sched.h"

struct scx_test {
	struct fake_guest f;
	struct fake_sched s;
	struct cap_dump d;
};

static void make(struct scx_test *t, enum fake_sched_kind kind)
{
	memset(t, 0, sizeof(*t));
	fake_init(&t->f, NULL);
	fake_sched_init(&t->s, &t->f, kind);
}

static void run(struct scx_test *t)
{
	fake_open(&t->f);
	t->d = fake_dump(&t->f);
	cap_dump_rqs(&t->d);
	cap_dump_sched_state(&t->d);
	cap_dump_dsqs(&t->d);
	cap_dump_scx_reason(&t->d);
}

static void done(struct scx_test *t)
{
	fake_dump_done(&t->d);
	fake_done(&t->f);
}

/* A task on @list, linked by @node, an offset in its task_struct. */
static gva_t queue(struct scx_test *t, int32_t pid, gva_t list, size_t node)
{
	gva_t task = fake_task(&t->s, pid, "worker");

	fake_link(&t->f, list, (gva_t){ task.v + node });
	return task;
}
#define RUNNABLE offsetof(struct s_task, scx.runnable_node)
#define QUEUED offsetof(struct s_task, scx.dsq_node)

static gva_t runnable_list(const struct scx_test *t, unsigned cpu)
{
	return at(fake_rq(&t->s, cpu), struct s_rq, scx.runnable_list);
}

static const struct cap_dsq *dsq(const struct scx_test *t, const char *origin)
{
	for (size_t i = 0; i < t->d.report->nr_dsqs; i++)
		if (kt_streq(t->d.report->dsq[i].origin, origin))
			return &t->d.report->dsq[i];
	fail_msg("no DSQ '%s'", origin);
	return NULL;
}

static const char *why(const struct scx_test *t)
{
	return t->d.report->scx_walker_unavailable;
}

/* ---- run queues ---- */

static void each_cpu_has_its_run_queue(void **state)
{
	struct scx_test t;
	gva_t first, second, curr, rq;
	const struct cap_rq *r;

	(void)state;
	make(&t, FAKE_SCHED_ROOT);
	first = queue(&t, 11, runnable_list(&t, 1), RUNNABLE);
	second = queue(&t, 12, runnable_list(&t, 1), RUNNABLE);
	curr = fake_task(&t.s, 13, "spinner");
	rq = fake_rq(&t.s, 1);
	fake_put64(&t.f, at(rq, struct s_rq, curr), curr.v);
	fake_put64(&t.f, at(rq, struct s_rq, clock), 99);
	fake_put64(&t.f, at(rq, struct s_rq, scx.clock), 123456789);
	fake_put(&t.f, at(rq, struct s_rq, scx.nr_running), 4, 2);
	fake_put(&t.f, at(rq, struct s_rq, scx.flags), 4, 0x101);
	fake_put(&t.f, at(rq, struct s_rq, scx.cpu_released), 1, 1);
	fake_put64(&t.f, at(rq, struct s_rq, scx.kick_sync), 77);
	fake_put(&t.f, at(rq, struct s_rq, scx.nr_immed), 4, 5);
	run(&t);
	assert_null(why(&t));
	assert_int_equal(t.d.report->nr_rqs, 2);
	r = &t.d.report->rq[1];
	assert_int_equal(r->cpu, 1);
	assert_int_equal(r->nr_running, 2);
	assert_int_equal(r->flags, 0x101);
	assert_true(r->cpu_released);
	assert_true(r->has_kick_sync && r->kick_sync == 77);
	assert_true(r->has_nr_immed && r->nr_immed == 5);
	assert_true(r->has_rq_clock && r->rq_clock == 123456789);
	assert_true(r->has_curr);
	assert_int_equal(r->curr_pid, 13);
	assert_string_equal(r->curr_comm, "spinner");
	assert_int_equal(r->nr_runnable, 2);
	assert_true(r->runnable_task_kvas[0] == first.v && r->runnable_task_kvas[1] == second.v);
	assert_false(r->runnable_truncated);
	assert_false(t.d.report->rq[0].has_curr);
	assert_int_equal(cap_runnable_cpu(t.d.runnable, curr), 1);
	assert_int_equal(cap_runnable_cpu(t.d.runnable, first), -1);
	assert_true(cap_set_has(t.d.runnable->tasks, second.v));
	done(&t);
}

static void what_an_older_kernel_does_not_have_is_left_out(void **state)
{
	struct scx_test t;

	(void)state;
	make(&t, FAKE_SCHED_GLOBALS);
	fake_put64(&t.f, at(fake_rq(&t.s, 0), struct s_rq, scx.ops_qseq), 99);
	fake_put64(&t.f, at(fake_rq(&t.s, 0), struct s_rq, scx.kick_sync), 3); /* its pnt_seq */
	fake_put64(&t.f, at(fake_rq(&t.s, 0), struct s_rq, clock), 99);
	run(&t);
	assert_null(why(&t));
	assert_int_equal(t.d.report->rq[0].ops_qseq, 99);
	assert_false(t.d.report->rq[0].has_kick_sync);
	assert_false(t.d.report->rq[0].has_rq_clock);
	assert_false(t.d.report->rq[0].has_nr_immed);
	done(&t);
}

static void a_runnable_list_that_loops_is_cut_and_said(void **state)
{
	struct scx_test t;
	gva_t task;

	(void)state;
	make(&t, FAKE_SCHED_ROOT);
	task = queue(&t, 11, runnable_list(&t, 0), RUNNABLE);
	fake_put64(&t.f, at(task, struct s_task, scx.runnable_node), task.v + RUNNABLE);
	run(&t);
	assert_true(t.d.report->rq[0].runnable_truncated);
	assert_int_equal(t.d.report->rq[0].nr_runnable, 1);
	assert_string_equal(
		why(&t),
		"scx walker cut short: the runnable list of CPU 0 goes round without coming back to its head");
	done(&t);
}

/* ---- dispatch queues ---- */

static void all_kinds_of_queues_are_told(void **state)
{
	struct scx_test t;
	gva_t user, a, b;

	(void)state;
	make(&t, FAKE_SCHED_ROOT);
	user = fake_user_dsq(&t.f, fake_hash_table(&t.s), 2, 0x1234);
	fake_put(&t.f, at(user, struct s_dsq, nr), 4, 2);
	fake_put(&t.f, at(user, struct s_dsq, seq), 4, 40);
	a = queue(&t, 21, at(user, struct s_dsq, list), QUEUED);
	b = queue(&t, 22, at(user, struct s_dsq, list), QUEUED);
	(void)fake_user_dsq(&t.f, fake_hash_table(&t.s), 2, 0x5678);
	run(&t);
	assert_null(why(&t));
	assert_int_equal(t.d.report->nr_dsqs, 2 + 2 + 1 + 2);
	assert_true(dsq(&t, "local cpu 1")->id == (UINT64_C(1) << 63 | 2));
	assert_true(dsq(&t, "bypass cpu 1")->id == (UINT64_C(1) << 63 | 3));
	assert_true(dsq(&t, "global node 0")->id == (UINT64_C(1) << 63 | 1));
	assert_int_equal(t.d.report->dsq[5].id, 0x5678);
	assert_int_equal(t.d.report->dsq[6].id, 0x1234);
	assert_string_equal(t.d.report->dsq[6].origin, "user");
	assert_int_equal(t.d.report->dsq[6].nr, 2);
	assert_int_equal(t.d.report->dsq[6].seq, 40);
	assert_int_equal(t.d.report->dsq[6].nr_tasks, 2);
	assert_true(t.d.report->dsq[6].task_kvas[0] == a.v &&
		    t.d.report->dsq[6].task_kvas[1] == b.v);
	done(&t);
}

static void a_kernel_with_globals_has_its_queues_in_them(void **state)
{
	struct scx_test t;

	(void)state;
	make(&t, FAKE_SCHED_GLOBALS);
	(void)fake_user_dsq(&t.f, fake_hash_table(&t.s), 0, 7);
	run(&t);
	assert_null(why(&t));
	assert_int_equal(t.d.report->nr_dsqs, 2 + 1 + 1);
	assert_int_equal(dsq(&t, "user")->id, 7);
	assert_true(dsq(&t, "global node 0")->id == (UINT64_C(1) << 63 | 1));
	done(&t);
}

static void cursors_of_iterators_are_no_tasks(void **state)
{
	struct scx_test t;
	gva_t list, cursor, task;

	(void)state;
	make(&t, FAKE_SCHED_ROOT);
	list = at(fake_rq(&t.s, 0), struct s_rq, scx.local_dsq.list);
	cursor = fake_alloc(&t.f,
			    sizeof(struct s_task)); /* of it only the node and flags are real */
	fake_put(&t.f, at(cursor, struct s_task, scx.dsq_flags), 4, 1);
	fake_link(&t.f, list, at(cursor, struct s_task, scx.dsq_node));
	task = queue(&t, 31, list, QUEUED);
	run(&t);
	assert_int_equal(dsq(&t, "local cpu 0")->nr_tasks, 1);
	assert_true(dsq(&t, "local cpu 0")->task_kvas[0] == task.v);
	assert_null(why(&t));
	done(&t);
}

static void a_locked_bucket_is_walked(void **state)
{
	struct scx_test t;
	gva_t user;

	(void)state;
	make(&t, FAKE_SCHED_ROOT);
	user = fake_user_dsq(&t.f, fake_hash_table(&t.s), 3, 5);
	fake_put64(&t.f, fake_bucket(fake_hash_table(&t.s), 3),
		   at(user, struct s_dsq, hash_next).v | 1);
	fake_put64(&t.f, fake_bucket(fake_hash_table(&t.s), 1), 1); /* locked and empty */
	run(&t);
	assert_int_equal(dsq(&t, "user")->id, 5);
	assert_null(why(&t));
	done(&t);
}

static void a_table_under_growth_has_both_halves(void **state)
{
	struct scx_test t;
	gva_t next;

	(void)state;
	make(&t, FAKE_SCHED_ROOT);
	next = fake_table(&t.f, 8);
	fake_put64(&t.f, at(fake_hash_table(&t.s), struct s_table, future_tbl), next.v);
	(void)fake_user_dsq(&t.f, fake_hash_table(&t.s), 0, 1);
	(void)fake_user_dsq(&t.f, next, 7, 2);
	run(&t);
	assert_int_equal(t.d.report->nr_dsqs, 2 + 2 + 1 + 2);
	assert_null(why(&t));
	done(&t);
}

/* What a guest may claim of its hash, and what is said of it. */
static void lie(void (*tell)(struct scx_test *t, gva_t table), const char *expected)
{
	struct scx_test t;
	const char *text;

	make(&t, FAKE_SCHED_ROOT);
	(void)fake_user_dsq(&t.f, fake_hash_table(&t.s), 0, 1);
	tell(&t, fake_hash_table(&t.s));
	run(&t);
	text = why(&t);
	assert_non_null(text);
	if (!kt_starts_with(text, "scx walker cut short: ") || !strstr(text, expected))
		fail_msg("'%s' is not said by '%s'", expected, text);
	assert_true(t.d.report->nr_dsqs <= 6 + 8192);
	done(&t);
}

static void nested(struct scx_test *t, gva_t table)
{
	fake_put(&t->f, at(table, struct s_table, nest), 4, 3);
}

static void too_many_buckets(struct scx_test *t, gva_t table)
{
	fake_put(&t->f, at(table, struct s_table, size), 4, UINT32_MAX);
}

static void more_buckets_than_are_walked(struct scx_test *t, gva_t table)
{
	fake_put(&t->f, at(table, struct s_table, size), 4, UINT32_C(1) << 31);
}

static void bucket_in_circles(struct scx_test *t, gva_t table)
{
	uint64_t first;

	memcpy(&first, fake_at(&t->f, fake_bucket(table, 0)), sizeof(first));
	fake_put64(&t->f, (gva_t){ first }, first);
}

static void bucket_to_nowhere(struct scx_test *t, gva_t table)
{
	fake_put64(&t->f, fake_bucket(table, 1), 0x4000);
}

static void table_to_nowhere(struct scx_test *t, gva_t table)
{
	(void)table;
	fake_put64(&t->f, t->s.hash, UINT64_C(0xffffc900deadb000));
}

static void table_of_itself(struct scx_test *t, gva_t table)
{
	fake_put64(&t->f, at(table, struct s_table, future_tbl), table.v);
}

static void a_lying_hash_costs_a_reason(void **state)
{
	(void)state;
	lie(nested, "nested tables, which are not walked");
	lie(too_many_buckets, "claims 4294967295 buckets");
	lie(more_buckets_than_are_walked, "claims 2147483648 buckets");
	lie(bucket_in_circles, "a bucket of the hash of user DSQs goes round");
	lie(bucket_to_nowhere, "leads to memory that is not there");
	lie(table_to_nowhere, "the hash of user DSQs is not to be read");
	lie(table_of_itself, "goes round");
}

/* ---- the scheduler's state ---- */

static void the_state_is_that_of_the_scheduler(void **state)
{
	const struct cap_sched_state *s;
	struct scx_test t;
	uint64_t sched;
	gva_t kind;

	(void)state;
	make(&t, FAKE_SCHED_ROOT);
	fake_put(&t.f, at(t.s.sched, struct s_sched, exit_kind), 4, 1026);
	fake_put(&t.f, at(t.s.sched, struct s_sched, bypass_depth), 4, (uint32_t)-2);
	fake_put(&t.f, at(t.s.sched, struct s_sched, aborting), 1, 1);
	fake_put64(&t.f, at(t.s.sched, struct s_sched, watchdog_timeout), 7500);
	run(&t);
	s = t.d.report->sched_state;
	assert_non_null(s);
	assert_int_equal(s->exit_kind, 1026);
	assert_int_equal(s->bypass_depth, -2);
	assert_true(s->aborting);
	assert_true(s->has_watchdog_timeout && s->watchdog_timeout == 7500);
	assert_string_equal(s->source, "live");
	assert_true(s->sched_kva == t.s.sched.v);
	assert_int_equal(cap_find_exit_kind(t.f.g, &kind, &sched), 0);
	assert_true(kind.v == at(t.s.sched, struct s_sched, exit_kind).v);
	assert_true(sched == t.s.sched.v);
	assert_int_equal(cap_find_sched_root(t.f.g, &kind), 0);
	assert_true(kind.v == t.s.root.v);
	done(&t);
}

static void the_state_of_an_old_kernel_is_in_its_globals(void **state)
{
	const struct cap_sched_state *s;
	struct scx_test t;
	uint64_t sched = 1;
	gva_t kind;

	(void)state;
	make(&t, FAKE_SCHED_GLOBALS);
	fake_put(&t.f, t.s.exit_kind, 4, 1025);
	fake_put(&t.f, fake_static(&t.f, "scx_ops_bypass_depth", 4), 4, 3);
	fake_put64(&t.f, fake_static(&t.f, "scx_watchdog_timeout", 8), 30000);
	run(&t);
	s = t.d.report->sched_state;
	assert_non_null(s);
	assert_int_equal(s->exit_kind, 1025);
	assert_int_equal(s->bypass_depth, 3);
	assert_int_equal(s->watchdog_timeout, 30000);
	assert_int_equal(s->sched_kva, 0);
	assert_int_equal(cap_find_exit_kind(t.f.g, &kind, &sched), 0);
	assert_true(kind.v == t.s.exit_kind.v && sched == 0);
	assert_int_equal(cap_find_sched_root(t.f.g, &kind), -ENOENT);
	done(&t);
}

static void without_a_scheduler_there_is_no_exit_kind(void **state)
{
	static const enum fake_sched_kind kinds[] = { FAKE_SCHED_ROOT, FAKE_SCHED_GLOBALS };
	struct scx_test t;
	uint64_t sched;
	gva_t kind;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		make(&t, kinds[i]);
		if (kinds[i] == FAKE_SCHED_ROOT)
			fake_put64(&t.f, t.s.root, 0);
		else
			fake_put(&t.f, t.s.state, 4, 3); /* SCX_OPS_DISABLED */
		run(&t);
		assert_int_equal(cap_find_exit_kind(t.f.g, &kind, &sched), -ENOENT);
		assert_null(t.d.report->sched_state);
		assert_string_equal(why(&t), CAP_WHY_NO_SCHED);
		assert_int_equal(t.d.report->nr_rqs, 2); /* told all the same */
		done(&t);
	}
}

static void names_of_exit_kinds_are_those_of_the_failure_text(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(cap_exit_kind_name(0, buf, sizeof(buf)), "NONE");
	assert_string_equal(cap_exit_kind_name(1, buf, sizeof(buf)), "DONE");
	assert_string_equal(cap_exit_kind_name(67, buf, sizeof(buf)), "SYSRQ");
	assert_string_equal(cap_exit_kind_name(1024, buf, sizeof(buf)), "ERROR");
	assert_string_equal(cap_exit_kind_name(1025, buf, sizeof(buf)), "ERROR_BPF");
	assert_string_equal(cap_exit_kind_name(1026, buf, sizeof(buf)), "ERROR_STALL");
	assert_string_equal(cap_exit_kind_name(7, buf, sizeof(buf)), "UNKNOWN(7)");
}

/* ---- reasons ---- */

static void unknown_fields_are_named_by_group(void **state)
{
	struct scx_test t;

	(void)state;
	memset(&t, 0, sizeof(t));
	fake_init(&t.f, NULL);
	t.s.f = &t.f;
	fake_put64(&t.f, fake_static(&t.f, "scx_root", 8), fake_alloc(&t.f, 8).v);
	(void)fake_u32(&t.f); /* types, but none of these */
	run(&t);
	assert_string_equal(why(&t), CAP_WHY_SCX_PARTIAL "sched, rq, dsq, scx_tasks]");
	assert_int_equal(t.d.report->nr_rqs, 0);
	assert_int_equal(t.d.report->nr_dsqs, 0);
	done(&t);
}

static void what_never_ran_says_so(void **state)
{
	struct scx_test t;

	(void)state;
	make(&t, FAKE_SCHED_ROOT);
	fake_open(&t.f);
	t.d = fake_dump(&t.f);
	cap_dump_scx_reason(&t.d);
	assert_string_equal(why(&t), CAP_WHY_SCX);
	done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cpu_has_its_run_queue),
		cmocka_unit_test(what_an_older_kernel_does_not_have_is_left_out),
		cmocka_unit_test(a_runnable_list_that_loops_is_cut_and_said),
		cmocka_unit_test(all_kinds_of_queues_are_told),
		cmocka_unit_test(a_kernel_with_globals_has_its_queues_in_them),
		cmocka_unit_test(cursors_of_iterators_are_no_tasks),
		cmocka_unit_test(a_locked_bucket_is_walked),
		cmocka_unit_test(a_table_under_growth_has_both_halves),
		cmocka_unit_test(a_lying_hash_costs_a_reason),
		cmocka_unit_test(the_state_is_that_of_the_scheduler),
		cmocka_unit_test(the_state_of_an_old_kernel_is_in_its_globals),
		cmocka_unit_test(without_a_scheduler_there_is_no_exit_kind),
		cmocka_unit_test(names_of_exit_kinds_are_those_of_the_failure_text),
		cmocka_unit_test(unknown_fields_are_named_by_group),
		cmocka_unit_test(what_never_ran_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
