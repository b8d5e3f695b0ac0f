/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables of ids: what they hold, in order, and those that were made to be walked for ever. */
#include "tests/unit/fake_maps.h"

struct idr_test {
	struct fake_guest f;
	gva_t idr;
	size_t nr, stop_after; /* 0: never */
	uint32_t id[128];
	uint64_t entry[128];
};

static void make(struct idr_test *t)
{
	memset(t, 0, sizeof(*t));
	fake_init(&t->f, NULL);
	fake_add_idr_types(&t->f);
	t->idr = fake_static(&t->f, "an_idr", 24);
	fake_open(&t->f);
}

static gva_t add_node(struct idr_test *t, uint8_t shift)
{
	gva_t node = fake_alloc(&t->f, FM_NODE_SLOTS + 64 * 8);

	fake_put(&t->f, fake_off(node, FM_NODE_SHIFT), 1, shift);
	return node;
}

static void put_slot(struct idr_test *t, gva_t node, unsigned slot, uint64_t v)
{
	fake_put64(&t->f, fake_slot(node, slot), v);
}

static void put_head(struct idr_test *t, uint64_t v)
{
	fake_put64(&t->f, fake_off(t->idr, FM_IDR_HEAD), v);
}

static bool take(void *ctx, uint32_t id, gva_t entry)
{
	struct idr_test *t = ctx;

	assert_true(t->nr < 128);
	t->id[t->nr] = id;
	t->entry[t->nr++] = entry.v;
	return t->nr != t->stop_after;
}

static int walk(struct idr_test *t, uint32_t max_ids)
{
	t->nr = 0;
	cap_guest_forget(t->f.g);
	return cap_idr_each(t->f.g, t->idr, max_ids, take, t);
}

#define OBJECT(n) (UINT64_C(0xffff888000100000) + (n)*64)

static void an_empty_table_has_no_ids(void **state)
{
	struct idr_test t;

	(void)state;
	make(&t);
	assert_int_equal(walk(&t, 65536), 0);
	assert_int_equal(t.nr, 0);
	fake_done(&t.f);
}

static void an_only_entry_is_in_the_head(void **state)
{
	struct idr_test t;

	(void)state;
	make(&t);
	put_head(&t, OBJECT(0));
	assert_int_equal(walk(&t, 65536), 0);
	assert_int_equal(t.nr, 1);
	assert_int_equal(t.id[0], 0);
	assert_true(t.entry[0] == OBJECT(0));
	fake_done(&t.f);
}

/* A root of shift 6 with leaves for ids 0 to 63 and 128 to 191. */
static void make_two_levels(struct idr_test *t, gva_t *ret_root, gva_t *ret_low)
{
	gva_t root, low, high;

	make(t);
	root = add_node(t, 6);
	low = add_node(t, 0);
	high = add_node(t, 0);
	put_head(t, root.v | 2);
	put_slot(t, root, 0, low.v | 2);
	put_slot(t, root, 2, high.v | 2);
	put_slot(t, low, 1, OBJECT(1));
	put_slot(t, low, 63, OBJECT(63));
	put_slot(t, high, 0, OBJECT(128));
	put_slot(t, high, 5, OBJECT(133));
	*ret_root = root;
	*ret_low = low;
}

static void entries_of_two_levels_are_given_in_order(void **state)
{
	static const uint32_t ids[] = { 1, 63, 128, 133 };
	struct idr_test t;
	gva_t root, low;

	(void)state;
	make_two_levels(&t, &root, &low);
	assert_int_equal(walk(&t, 65536), 0);
	assert_int_equal(t.nr, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(t.id[i], ids[i]);
		assert_true(t.entry[i] == OBJECT(ids[i]));
	}
	t.stop_after = 2;
	assert_int_equal(walk(&t, 65536), 0);
	assert_int_equal(t.nr, 2);
	fake_done(&t.f);
}

static void ids_beyond_the_limit_are_left_out_and_said(void **state)
{
	struct idr_test t;
	gva_t root, low;

	(void)state;
	make_two_levels(&t, &root, &low);
	assert_int_equal(walk(&t, 129), -E2BIG);
	assert_int_equal(t.nr, 3);
	assert_int_equal(walk(&t, 128), -E2BIG);
	assert_int_equal(t.nr, 2);
	assert_int_equal(walk(&t, 134), 0);
	assert_int_equal(t.nr, 4);
	fake_done(&t.f);
}

static void siblings_retries_and_numbers_are_no_entries(void **state)
{
	struct idr_test t;
	gva_t root, low;

	(void)state;
	make_two_levels(&t, &root, &low);
	put_slot(&t, low, 2, 1 << 2 | 2); /* a sibling of slot 1 */
	put_slot(&t, low, 3, 256 << 2 | 2); /* a retry */
	put_slot(&t, low, 4, 257 << 2 | 2); /* reserved */
	put_slot(&t, low, 5, 77 << 1 | 1); /* a number */
	assert_int_equal(walk(&t, 65536), 0);
	assert_int_equal(t.nr, 4);
	fake_done(&t.f);
}

static void a_node_that_is_its_own_child_is_left_out(void **state)
{
	struct idr_test t;
	gva_t root, low;

	(void)state;
	make_two_levels(&t, &root, &low);
	put_slot(&t, root, 0, root.v | 2);
	assert_int_equal(walk(&t, 65536), -ELOOP);
	assert_int_equal(t.nr, 2);
	assert_int_equal(t.id[0], 128);
	fake_done(&t.f);
}

static void a_leaf_that_leads_back_to_the_root_is_left_out(void **state)
{
	struct idr_test t;
	gva_t root, low;

	(void)state;
	make_two_levels(&t, &root, &low);
	put_slot(&t, low, 1, root.v | 2);
	assert_int_equal(walk(&t, 65536), -ELOOP);
	assert_int_equal(t.nr, 3);
	fake_done(&t.f);
}

static void one_node_in_all_slots_costs_no_more_than_the_ids(void **state)
{
	struct idr_test t;
	gva_t top, mid;

	(void)state;
	make(&t);
	top = add_node(&t, 54);
	put_head(&t, top.v | 2);
	mid = top;
	for (int shift = 48; shift >= 0; shift -= 6) {
		gva_t node = add_node(&t, (uint8_t)shift);

		for (unsigned i = 0; i < 64; i++)
			put_slot(&t, mid, i, node.v | 2);
		mid = node;
	}
	put_slot(&t, mid, 7, OBJECT(7));
	t.f.nr_reads = 0;
	assert_int_equal(walk(&t, 4096), -E2BIG);
	assert_int_equal(t.nr, 64);
	assert_int_equal(t.id[63], 63 * 64 + 7);
	assert_true(t.f.nr_reads < 1000);
	fake_done(&t.f);
}

static void shifts_that_no_kernel_has_are_refused(void **state)
{
	static const uint8_t shifts[] = { 5, 66, 255 };
	struct idr_test t;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		make(&t);
		put_head(&t, add_node(&t, shifts[i]).v | 2);
		assert_int_equal(walk(&t, 65536), -ELOOP);
		assert_int_equal(t.nr, 0);
		fake_done(&t.f);
	}
}

static void an_unreadable_node_does_not_hide_the_others(void **state)
{
	struct idr_test t;
	gva_t root, low;

	(void)state;
	make_two_levels(&t, &root, &low);
	put_slot(&t, root, 0, UINT64_C(0xffffc90000f00002));
	assert_int_equal(walk(&t, 65536), -EFAULT);
	assert_int_equal(t.nr, 2);
	fake_done(&t.f);
}

static void without_types_there_is_no_table(void **state)
{
	struct idr_test t = { 0 };

	(void)state;
	fake_init(&t.f, NULL);
	(void)fake_u32(&t.f);
	t.idr = fake_static(&t.f, "an_idr", 24);
	fake_open(&t.f);
	assert_int_equal(walk(&t, 65536), -EOPNOTSUPP);
	fake_done(&t.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_has_no_ids),
		cmocka_unit_test(an_only_entry_is_in_the_head),
		cmocka_unit_test(entries_of_two_levels_are_given_in_order),
		cmocka_unit_test(ids_beyond_the_limit_are_left_out_and_said),
		cmocka_unit_test(siblings_retries_and_numbers_are_no_entries),
		cmocka_unit_test(a_node_that_is_its_own_child_is_left_out),
		cmocka_unit_test(a_leaf_that_leads_back_to_the_root_is_left_out),
		cmocka_unit_test(one_node_in_all_slots_costs_no_more_than_the_ids),
		cmocka_unit_test(shifts_that_no_kernel_has_are_refused),
		cmocka_unit_test(an_unreadable_node_does_not_hide_the_others),
		cmocka_unit_test(without_types_there_is_no_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
