/* SPDX-License-Identifier: GPL-2.0-only */
/* The tasks of a fake guest: who they are, whose they are, and what they wait for. */
#include "tests/unit/fake_sched.h"

struct task_test {
	struct fake_guest f;
	struct fake_sched s;
	struct cap_dump d;
};

static void make(struct task_test *t)
{
	memset(t, 0, sizeof(*t));
	fake_init(&t->f, NULL);
	fake_sched_init(&t->s, &t->f, FAKE_SCHED_ROOT);
}

static void run(struct task_test *t)
{
	fake_open(&t->f);
	t->d = fake_dump(&t->f);
	cap_dump_rqs(&t->d);
	cap_dump_tasks(&t->d);
}

static void done(struct task_test *t)
{
	fake_dump_done(&t->d);
	fake_done(&t->f);
}

static const char *why(const struct task_test *t)
{
	return t->d.report->task_enrichments_unavailable;
}

#define PUT32(t, base, member, v) \
	fake_put(&(t)->f, at(base, struct s_task, member), 4, (uint32_t)(v))
#define PUT64(t, base, member, v) fake_put64(&(t)->f, at(base, struct s_task, member), v)

static uint64_t new_pid(struct task_test *t, int32_t nr)
{
	gva_t pid = fake_alloc(&t->f, sizeof(struct s_pid));

	fake_put(&t->f, at(pid, struct s_pid, numbers[0].nr), 4, (uint32_t)nr);
	return pid.v;
}

static gva_t new_signal(struct task_test *t, int32_t pgid, int32_t sid)
{
	gva_t signal = fake_alloc(&t->f, sizeof(struct s_signal));

	fake_put(&t->f, at(signal, struct s_signal, nr_threads), 4, 3);
	fake_put64(&t->f, at(signal, struct s_signal, pids[2]), new_pid(t, pgid));
	fake_put64(&t->f, at(signal, struct s_signal, pids[3]), new_pid(t, sid));
	fake_put64(&t->f, at(signal, struct s_signal, nvcsw), 1000);
	fake_put64(&t->f, at(signal, struct s_signal, nivcsw), 2000);
	return signal;
}

static void a_task_is_told_with_all_that_is_known(void **state)
{
	const struct cap_task *k;
	struct task_test t;
	gva_t parent, task;

	(void)state;
	make(&t);
	fake_symbol(&t.f, "ext_sched_class", FAKE_TEXT + 0x5000);
	parent = fake_task(&t.s, 7, "parent");
	task = fake_task(&t.s, 42, "worker-of-15-ch");
	PUT32(&t, task, tgid, 41);
	PUT32(&t, task, prio, 125);
	PUT32(&t, task, static_prio, 126);
	PUT32(&t, task, normal_prio, 127);
	PUT32(&t, task, rt_priority, 9);
	PUT32(&t, task, scx.weight, 335);
	PUT64(&t, task, core_cookie, 0xc0de);
	PUT64(&t, task, nvcsw, 11);
	PUT64(&t, task, nivcsw, 22);
	PUT64(&t, task, sched_class, FAKE_TEXT + 0x5000);
	PUT64(&t, task, real_parent, parent.v);
	PUT64(&t, task, group_leader, parent.v);
	PUT64(&t, task, signal, new_signal(&t, 40, 39).v);
	run(&t);
	assert_null(why(&t));
	assert_int_equal(t.d.report->nr_tasks, 2);
	k = &t.d.report->task[1];
	assert_int_equal(k->pid, 42);
	assert_int_equal(k->tgid, 41);
	assert_string_equal(k->comm, "worker-of-15-ch");
	assert_int_equal(k->prio, 125);
	assert_int_equal(k->static_prio, 126);
	assert_int_equal(k->normal_prio, 127);
	assert_int_equal(k->rt_priority, 9);
	assert_int_equal(k->weight, 335);
	assert_true(k->has_core_cookie && k->core_cookie == 0xc0de);
	assert_int_equal(k->nvcsw, 11);
	assert_int_equal(k->nivcsw, 22);
	assert_string_equal(k->sched_class, "ext");
	assert_true(k->has_parent && k->real_parent_pid == 7);
	assert_string_equal(k->real_parent_comm, "parent");
	assert_true(k->has_group_leader && k->group_leader_pid == 7);
	assert_true(k->has_pgid && k->pgid == 40);
	assert_true(k->has_sid && k->sid == 39);
	assert_true(k->has_nr_threads && k->nr_threads == 3);
	assert_true(k->has_signal_csw && k->signal_nvcsw == 1000 && k->signal_nivcsw == 2000);
	assert_false(k->pi_boosted_out_of_scx);
	assert_null(k->lock_slowpath_match);
	done(&t);
}

/* Reaped, with a parent that is no address, and of a class that has no symbol. */
static void what_a_task_does_not_have_is_left_out(void **state)
{
	const struct cap_task *k;
	struct task_test t;
	gva_t task;

	(void)state;
	make(&t);
	task = fake_task(&t.s, 42, "x");
	PUT64(&t, task, real_parent, 0x1234);
	PUT64(&t, task, group_leader, UINT64_C(0xffffc900deadb000));
	PUT64(&t, task, sched_class, 0xbad);
	run(&t);
	assert_null(why(&t));
	k = &t.d.report->task[0];
	assert_false(k->has_pgid || k->has_sid || k->has_nr_threads || k->has_signal_csw);
	assert_false(k->has_parent || k->has_group_leader);
	assert_null(k->real_parent_comm);
	assert_null(k->sched_class);
	done(&t);
}

static void a_task_on_a_runnable_list_of_another_class_is_boosted(void **state)
{
	struct task_test t;
	gva_t rt, ext, asleep, list;

	(void)state;
	make(&t);
	fake_symbol(&t.f, "ext_sched_class", FAKE_TEXT + 0x5000);
	fake_symbol(&t.f, "rt_sched_class", FAKE_TEXT + 0x5100);
	list = at(fake_rq(&t.s, 0), struct s_rq, scx.runnable_list);
	rt = fake_task(&t.s, 1, "rt");
	ext = fake_task(&t.s, 2, "ext");
	asleep = fake_task(&t.s, 3, "asleep");
	PUT64(&t, rt, sched_class, FAKE_TEXT + 0x5100);
	PUT64(&t, ext, sched_class, FAKE_TEXT + 0x5000);
	PUT64(&t, asleep, sched_class, FAKE_TEXT + 0x5100);
	fake_link(&t.f, list, at(rt, struct s_task, scx.runnable_node));
	fake_link(&t.f, list, at(ext, struct s_task, scx.runnable_node));
	run(&t);
	assert_true(t.d.report->task[0].pi_boosted_out_of_scx);
	assert_string_equal(t.d.report->task[0].sched_class, "rt");
	assert_false(t.d.report->task[1].pi_boosted_out_of_scx);
	assert_false(t.d.report->task[2].pi_boosted_out_of_scx);
	done(&t);
}

static void the_list_s_own_cursor_is_no_task(void **state)
{
	struct task_test t;
	gva_t cursor;

	(void)state;
	make(&t);
	cursor = fake_task(&t.s, 666, "cursor");
	PUT32(&t, cursor, scx.flags, UINT32_C(1) << 31);
	(void)fake_task(&t.s, 1, "task");
	run(&t);
	assert_null(why(&t));
	assert_int_equal(t.d.report->nr_tasks, 1);
	assert_int_equal(t.d.report->task[0].pid, 1);
	done(&t);
}

static void a_list_that_loops_gives_each_task_once_and_says_so(void **state)
{
	struct task_test t;
	gva_t first, last;

	(void)state;
	make(&t);
	(void)fake_task(&t.s, 1, "a");
	first = fake_task(&t.s, 2, "b");
	last = fake_task(&t.s, 3, "c");
	PUT64(&t, last, scx.tasks_node.next, at(first, struct s_task, scx.tasks_node).v);
	run(&t);
	assert_int_equal(t.d.report->nr_tasks, 3);
	assert_string_equal(
		why(&t),
		"task walker stopped after 3 tasks: the list of all tasks goes round without coming back to its head");
	done(&t);
}

static void without_tasks_there_is_a_reason(void **state)
{
	struct task_test t;

	(void)state;
	make(&t);
	run(&t);
	assert_int_equal(t.d.report->nr_tasks, 0);
	assert_string_equal(why(&t), CAP_WHY_ZERO_TASKS);
	done(&t);

	memset(&t, 0, sizeof(t));
	fake_init(&t.f, NULL);
	(void)fake_u32(&t.f);
	run(&t);
	assert_string_equal(why(&t), CAP_WHY_TASKS);
	done(&t);
}

static const char *states_of(const char *const *names, const int64_t *values, size_t nr)
{
	static char kept[128];
	struct task_test t;

	make(&t);
	assert_true(btf__add_enum(t.f.btf, "scx_ent_flags", 4) > 0);
	assert_int_equal(btf__add_enum_value(t.f.btf, "SCX_TASK_STATE_SHIFT", 8), 0);
	for (size_t i = 0; i < nr; i++)
		assert_int_equal(btf__add_enum_value(t.f.btf, names[i], values[i]), 0);
	run(&t);
	assert_non_null(t.d.report->scx_task_states);
	(void)snprintf(kept, sizeof(kept), "%s", t.d.report->scx_task_states);
	done(&t);
	return kept;
}

static void states_are_called_as_this_kernel_calls_them(void **state)
{
	static const char *const older[] = { "SCX_TASK_NONE", "SCX_TASK_INIT", "SCX_TASK_READY",
					     "SCX_TASK_ENABLED" };
	static const char *const newer[] = { "SCX_TASK_NONE",    "SCX_TASK_INIT_BEGIN",
					     "SCX_TASK_INIT",    "SCX_TASK_READY",
					     "SCX_TASK_ENABLED", "SCX_TASK_DEAD" };
	static const int64_t plain[] = { 0, 1, 2, 3 };
	static const int64_t shifted[] = { 0, 256, 512, 768, 1024, 1280 };
	static const int64_t lies[] = { 0, -1, 256, 65536 };

	(void)state;
	assert_string_equal(states_of(older, plain, 4), "NONE INIT READY ENABLED");
	assert_string_equal(states_of(newer, shifted, 6),
			    "NONE INIT_BEGIN INIT READY ENABLED DEAD");
	assert_string_equal(states_of(older, lies, 4), "NONE READY");
}

static void the_task_around_an_entity_is_found(void **state)
{
	struct task_test t;
	gva_t task;

	(void)state;
	make(&t);
	task = fake_task(&t.s, 1, "a");
	fake_open(&t.f);
	assert_true(cap_task_of_scx(t.f.types, at(task, struct s_task, scx)).v == task.v);
	assert_true(cap_task_of_scx(NULL, at(task, struct s_task, scx)).v == 0);
	fake_done(&t.f);
}

/* ---- locks ---- */

enum { SCHEDULE = 0x2000, MUTEX = 0x4000, READER = 0x4800, CALLER = 0x8000 };

/* "call @target" that ends before @text + @ret; returns the return address. */
static uint64_t put_call(struct task_test *t, uint64_t ret, uint64_t target)
{
	uint64_t pc = FAKE_TEXT + ret;
	int32_t distance = (int32_t)(FAKE_TEXT + target - pc);
	uint8_t insn[5] = { 0xe8 };

	memcpy(insn + 1, &distance, sizeof(distance));
	fake_write(&t->f, (gva_t){ pc - 5 }, insn, sizeof(insn));
	return pc;
}

/* A stack of @nr words, above what switch_to() saved of a task that sleeps in schedule(). */
static const char *match_of(struct task_test *t, const uint64_t *words, size_t nr)
{
	gva_t stack, task;
	const char *match;

	fake_symbol(&t->f, "__mutex_lock", FAKE_TEXT + MUTEX);
	fake_symbol(&t->f, "rwsem_down_read_slowpath", FAKE_TEXT + READER);
	stack = fake_alloc(&t->f, CAP_PAGE);
	task = fake_task(&t->s, 1, "sleeper");
	PUT64(t, task, sp, stack.v);
	fake_put64(&t->f, (gva_t){ stack.v + 16 }, FAKE_TEXT + SCHEDULE + 0x123);
	for (size_t i = 0; i < nr; i++)
		fake_put64(&t->f, (gva_t){ stack.v + 24 + 8 * i }, words[i]);
	run(t);
	match = t->d.report->task[0].lock_slowpath_match;
	return match;
}

static void a_sleeper_in_a_slow_path_is_found_by_its_callers(void **state)
{
	struct task_test t;
	uint64_t words[4];
	const char *match;

	(void)state;
	make(&t);
	words[0] = 0xdead;
	words[1] = put_call(&t, MUTEX + 0x50, SCHEDULE); /* __mutex_lock() called schedule() */
	words[2] = 0;
	words[3] = put_call(&t, CALLER, MUTEX);
	match = match_of(&t, words, 4);
	assert_non_null(match);
	assert_string_equal(match, "mutex_lock_slowpath");
	done(&t);
}

static void the_nearest_slow_path_is_meant(void **state)
{
	struct task_test t;
	uint64_t word;
	const char *match;

	(void)state;
	make(&t);
	word = put_call(&t, READER + 0x50, SCHEDULE);
	match = match_of(&t, &word, 1);
	assert_non_null(match);
	assert_string_equal(match, "rwsem_down_read_slowpath");
	done(&t);
}

static void a_word_left_on_the_stack_is_no_caller(void **state)
{
	struct task_test t;
	uint64_t words[2];

	(void)state;
	make(&t);
	words[0] = FAKE_TEXT + MUTEX + 0x70; /* nothing is called before it */
	words[1] = put_call(&t, MUTEX + 0x50,
			    CALLER); /* a call, but of a function that is not under way */
	assert_null(match_of(&t, words, 2));
	done(&t);
}

static void a_running_task_is_where_its_cpu_is(void **state)
{
	struct task_test t;
	gva_t task;

	(void)state;
	make(&t);
	fake_symbol(&t.f, "native_queued_spin_lock_slowpath", FAKE_TEXT + 0x9000);
	task = fake_task(&t.s, 1, "spinner");
	fake_put64(&t.f, at(fake_rq(&t.s, 1), struct s_rq, curr), task.v);
	t.f.vcpu[1].instruction_pointer = FAKE_TEXT + 0x9010;
	run(&t);
	assert_string_equal(t.d.report->task[0].lock_slowpath_match, "queued_spin_lock_slowpath");
	done(&t);

	make(&t);
	fake_symbol(&t.f, "native_queued_spin_lock_slowpath", FAKE_TEXT + 0x9000);
	task = fake_task(&t.s, 1, "spinner");
	fake_put64(&t.f, at(fake_rq(&t.s, 1), struct s_rq, curr), task.v);
	t.f.vcpu[1].instruction_pointer = FAKE_TEXT + 0x9000 + 4096;
	run(&t);
	assert_null(t.d.report->task[0].lock_slowpath_match);
	done(&t);
}

static void a_stack_that_is_nowhere_tells_nothing(void **state)
{
	static const uint64_t bad[] = { 0, 0x7ffc00001000, UINT64_C(0xffffc900deadb000),
					UINT64_MAX };
	struct task_test t;
	gva_t task;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make(&t);
		task = fake_task(&t.s, 1, "lost");
		PUT64(&t, task, sp, bad[i]);
		run(&t);
		assert_int_equal(t.d.report->nr_tasks, 1);
		assert_null(t.d.report->task[0].lock_slowpath_match);
		done(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_task_is_told_with_all_that_is_known),
		cmocka_unit_test(what_a_task_does_not_have_is_left_out),
		cmocka_unit_test(a_task_on_a_runnable_list_of_another_class_is_boosted),
		cmocka_unit_test(the_list_s_own_cursor_is_no_task),
		cmocka_unit_test(a_list_that_loops_gives_each_task_once_and_says_so),
		cmocka_unit_test(without_tasks_there_is_a_reason),
		cmocka_unit_test(states_are_called_as_this_kernel_calls_them),
		cmocka_unit_test(the_task_around_an_entity_is_found),
		cmocka_unit_test(a_sleeper_in_a_slow_path_is_found_by_its_callers),
		cmocka_unit_test(the_nearest_slow_path_is_meant),
		cmocka_unit_test(a_word_left_on_the_stack_is_no_caller),
		cmocka_unit_test(a_running_task_is_where_its_cpu_is),
		cmocka_unit_test(a_stack_that_is_nowhere_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
