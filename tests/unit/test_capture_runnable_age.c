/* SPDX-License-Identifier: GPL-2.0-only */
/* The age of the task that waits longest, in a fake guest. */
#include <errno.h>

#include "tests/unit/fake_sched.h"

enum { NOW = 100000 };

struct age_test {
	struct fake_guest f;
	struct fake_sched s;
};

static void make(struct age_test *t)
{
	memset(t, 0, sizeof(*t));
	fake_init(&t->f, NULL);
	fake_sched_init(&t->s, &t->f, FAKE_SCHED_ROOT);
	fake_put64(&t->f, fake_static(&t->f, "jiffies_64", 8), NOW);
}

static gva_t wait_on(struct age_test *t, unsigned cpu, uint64_t since)
{
	gva_t task = fake_task(&t->s, 7, "waits");

	fake_put64(&t->f, at(task, struct s_task, scx.runnable_at), since);
	fake_link(&t->f, at(fake_rq(&t->s, cpu), struct s_rq, scx.runnable_list),
		  at(task, struct s_task, scx.runnable_node));
	return task;
}

static void assert_oldest(struct age_test *t, uint64_t age, size_t nr)
{
	struct cap_oldest o = { .age = 77, .nr_tasks = 77 };

	fake_open(&t->f);
	assert_int_equal(cap_oldest_runnable(t->f.g, &o), 0);
	assert_true(o.age == age);
	assert_int_equal(o.nr_tasks, nr);
	fake_done(&t->f);
}

static void without_runnable_tasks_nothing_has_an_age(void **state)
{
	struct age_test t;

	(void)state;
	make(&t);
	assert_oldest(&t, 0, 0);
}

static void the_oldest_of_all_cpus_counts(void **state)
{
	struct age_test t;

	(void)state;
	make(&t);
	(void)wait_on(&t, 0, NOW - 10);
	(void)wait_on(&t, 1, NOW - 500);
	(void)wait_on(&t, 1, NOW - 20);
	assert_oldest(&t, 500, 3);
}

static void a_task_of_the_future_has_no_age(void **state)
{
	struct age_test t;

	(void)state;
	make(&t);
	(void)wait_on(&t, 0, NOW + 3);
	assert_oldest(&t, 0, 1);
}

static void a_list_that_runs_into_itself_ends(void **state)
{
	struct age_test t;
	gva_t task, node;

	(void)state;
	make(&t);
	(void)wait_on(&t, 0, NOW - 4);
	task = wait_on(&t, 0, NOW - 9);
	node = at(task, struct s_task, scx.runnable_node);
	fake_put64(&t.f, node, node.v);
	assert_oldest(&t, 9, 2);
}

static void a_task_outside_of_memory_is_an_error(void **state)
{
	struct cap_oldest o;
	struct age_test t;
	gva_t task;

	(void)state;
	make(&t);
	task = wait_on(&t, 0, NOW - 4);
	fake_put64(&t.f, at(task, struct s_task, scx.runnable_node), UINT64_C(0xffff990000000000));
	fake_open(&t.f);
	assert_true(cap_oldest_runnable(t.f.g, &o) < 0);
	fake_done(&t.f);
}

static void a_guest_without_jiffies_does_not_tell(void **state)
{
	struct cap_oldest o;
	struct age_test t;

	(void)state;
	memset(&t, 0, sizeof(t));
	fake_init(&t.f, NULL);
	fake_sched_init(&t.s, &t.f, FAKE_SCHED_ROOT);
	fake_open(&t.f);
	assert_int_equal(cap_oldest_runnable(t.f.g, &o), -EOPNOTSUPP);
	fake_done(&t.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_runnable_tasks_nothing_has_an_age),
		cmocka_unit_test(the_oldest_of_all_cpus_counts),
		cmocka_unit_test(a_task_of_the_future_has_no_age),
		cmocka_unit_test(a_list_that_runs_into_itself_ends),
		cmocka_unit_test(a_task_outside_of_memory_is_an_error),
		cmocka_unit_test(a_guest_without_jiffies_does_not_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
