/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists that lie, and the set that finds out. */
#include "capture/internal.h"
#include "tests/unit/fake_guest.h"

enum { NODES = 6 };

struct list_test {
	struct fake_guest f;
	gva_t head, node[NODES];
	uint64_t seen[16];
	size_t nr_seen, stop_after; /* 0: never */
};

/* head -> node 0 -> ... -> node 5 -> head */
static void make(struct list_test *t)
{
	memset(t, 0, sizeof(*t));
	fake_init(&t->f, NULL);
	t->head = fake_static(&t->f, "head", 16);
	for (unsigned i = 0; i < NODES; i++)
		t->node[i] = fake_alloc(&t->f, 16);
	fake_put64(&t->f, t->head, t->node[0].v);
	for (unsigned i = 0; i < NODES; i++)
		fake_put64(&t->f, t->node[i], i + 1 < NODES ? t->node[i + 1].v : t->head.v);
	fake_open(&t->f);
}

static bool take(void *ctx, gva_t node)
{
	struct list_test *t = ctx;

	assert_true(t->nr_seen < 16);
	t->seen[t->nr_seen++] = node.v;
	return t->nr_seen != t->stop_after;
}

static int walk(struct list_test *t, size_t max)
{
	t->nr_seen = 0;
	cap_guest_forget(t->f.g);
	return cap_list_each(t->f.g, t->head, max, take, t);
}

static void a_list_is_given_in_order(void **state)
{
	struct list_test t;

	(void)state;
	make(&t);
	assert_int_equal(walk(&t, NODES), 0);
	assert_int_equal(t.nr_seen, NODES);
	for (unsigned i = 0; i < NODES; i++)
		assert_true(t.seen[i] == t.node[i].v);
	t.stop_after = 2;
	assert_int_equal(walk(&t, NODES), 0);
	assert_int_equal(t.nr_seen, 2);
	fake_done(&t.f);
}

static void an_empty_list_has_no_nodes(void **state)
{
	struct list_test t;

	(void)state;
	make(&t);
	fake_put64(&t.f, t.head, t.head.v);
	assert_int_equal(walk(&t, 0), 0);
	assert_int_equal(t.nr_seen, 0);
	fake_done(&t.f);
}

static void a_node_that_follows_itself_ends_the_walk(void **state)
{
	struct list_test t;

	(void)state;
	make(&t);
	fake_put64(&t.f, t.node[0], t.node[0].v);
	assert_int_equal(walk(&t, 4096), -ELOOP);
	assert_int_equal(t.nr_seen, 1);
	fake_done(&t.f);
}

/* 0 1 2 3 4 5 2 3 4 5 ...: the head is not in the loop. */
static void a_loop_behind_the_head_gives_every_node_once(void **state)
{
	struct list_test t;

	(void)state;
	make(&t);
	fake_put64(&t.f, t.node[5], t.node[2].v);
	assert_int_equal(walk(&t, 4096), -ELOOP);
	assert_int_equal(t.nr_seen, NODES);
	fake_done(&t.f);
}

static void a_list_that_is_too_long_is_cut(void **state)
{
	struct list_test t;

	(void)state;
	make(&t);
	assert_int_equal(walk(&t, NODES - 1), -E2BIG);
	assert_int_equal(t.nr_seen, NODES - 1);
	fake_done(&t.f);
}

static void a_node_that_is_nowhere_ends_the_walk(void **state)
{
	static const uint64_t bad[] = { 0, 0x1000, UINT64_C(0xffffc90000ff0000) };
	struct list_test t;

	(void)state;
	make(&t);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fake_put64(&t.f, t.node[2], bad[i]);
		assert_int_equal(walk(&t, 4096), -EFAULT);
		assert_true(t.nr_seen >= 3 && t.nr_seen <= 4); /* the address itself may be given */
	}
	fake_done(&t.f);
}

static void a_head_that_is_nowhere_is_an_error(void **state)
{
	struct list_test t;

	(void)state;
	make(&t);
	t.head.v = UINT64_C(0xffffc90000ff0000);
	assert_int_equal(walk(&t, 4096), -EFAULT);
	assert_int_equal(t.nr_seen, 0);
	fake_done(&t.f);
}

/* ---- sets ---- */

static void a_set_knows_what_it_has(void **state)
{
	kt_auto(cap_set) struct cap_set *s = NULL;

	(void)state;
	assert_int_equal(cap_set_create(100000, &s), 0);
	assert_false(cap_set_has(s, 0));
	assert_false(cap_set_has(s, 7));
	for (uint64_t i = 0; i < 50000; i++)
		assert_true(cap_set_add(s, i << 12));
	for (uint64_t i = 0; i < 50000; i++) {
		assert_false(cap_set_add(s, i << 12));
		assert_true(cap_set_has(s, i << 12));
		assert_false(cap_set_has(s, i << 12 | 8));
	}
	assert_true(cap_set_add(s, UINT64_MAX));
	assert_true(cap_set_has(s, UINT64_MAX));
}

static void a_full_set_takes_no_more(void **state)
{
	kt_auto(cap_set) struct cap_set *s = NULL;

	(void)state;
	assert_int_equal(cap_set_create(3, &s), 0);
	assert_true(cap_set_add(s, 0));
	assert_true(cap_set_add(s, 1));
	assert_true(cap_set_add(s, 2));
	assert_false(cap_set_add(s, 3));
	assert_false(cap_set_has(s, 3));
	assert_true(cap_set_has(s, 0));
	cap_set_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_given_in_order),
		cmocka_unit_test(an_empty_list_has_no_nodes),
		cmocka_unit_test(a_node_that_follows_itself_ends_the_walk),
		cmocka_unit_test(a_loop_behind_the_head_gives_every_node_once),
		cmocka_unit_test(a_list_that_is_too_long_is_cut),
		cmocka_unit_test(a_node_that_is_nowhere_ends_the_walk),
		cmocka_unit_test(a_head_that_is_nowhere_is_an_error),
		cmocka_unit_test(a_set_knows_what_it_has),
		cmocka_unit_test(a_full_set_takes_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
