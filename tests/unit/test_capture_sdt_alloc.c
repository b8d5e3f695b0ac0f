/* SPDX-License-Identifier: GPL-2.0-only */
/* Allocators in a scheduler's arena: every slot in use, by the scheduler's own types; lies cost a reason. */
#include "tests/unit/fake_alloc.h"

/* ---- slots ---- */

static void slots_in_use_are_told_with_their_payload(void **state)
{
	const struct cap_sdt_report *s;
	struct fake_alloc a;
	uint64_t leaf, first;

	(void)state;
	fa_init(&a, &(struct fa_opts){ 0 });
	leaf = fa_tree(&a);
	first = fa_slot(&a, leaf, 0, 0x11);
	fa_slot(&a, leaf, 511, 0x22);
	/* one that was freed: still there, no longer in use */
	fa_slot(&a, leaf, 65, 0x33);
	fa_put(&a, leaf + FA_DESC_BITMAP + 8, 8, 0);
	fa_dump(&a);
	assert_null(a.r->sdt_alloc_unavailable);
	assert_int_equal(a.r->nr_sdt, 1);
	s = a.r->sdt;
	assert_string_equal(s->allocator_name, "task_allocator");
	assert_int_equal(s->elem_size, FA_SLOT_BYTES);
	assert_null(s->payload_type_reason);
	assert_int_equal(s->target_type_id,
			 btf__find_by_name_kind(a.btf, "my_ctx", BTF_KIND_STRUCT));
	assert_int_equal(s->nr, 2);
	assert_false(s->truncated);
	assert_int_equal(s->skipped_subtrees, 0);
	assert_int_equal(s->entry[0].idx, 0);
	assert_int_equal(s->entry[0].genn, 100);
	assert_int_equal(s->entry[0].user_addr, first);
	assert_int_equal(s->entry[1].idx, 511);
	assert_int_equal(s->entry[1].genn, 611);
	assert_int_equal(s->entry[1].payload.kind, CAP_STRUCT);
	assert_string_equal(s->entry[1].payload.s.type_name, "my_ctx");
	assert_int_equal(s->entry[1].payload.s.member[0].value.u, 0x22);
	fa_done(&a);
}

static void what_is_only_declared_is_taken_for_what_the_rest_says(void **state)
{
	struct fake_alloc a;
	uint64_t leaf, slot;

	(void)state;
	fa_init(&a, &(struct fa_opts){ .only_declared = true });
	leaf = fa_tree(&a);
	fa_slot(&a, leaf, 7, 0x77);
	/* one that does not bear its index may be anything */
	slot = fa_slot(&a, leaf, 9, 0x99);
	fa_put(&a, slot + FA_HEADER_IDX, 4, 8);
	fa_dump(&a);
	assert_int_equal(a.r->nr_sdt, 1);
	assert_int_equal(a.r->sdt->nr, 1);
	assert_int_equal(a.r->sdt->entry[0].idx, 7);
	assert_int_equal(a.r->sdt->entry[0].payload.s.member[0].value.u, 0x77);
	assert_int_equal(a.r->sdt->skipped_subtrees, 1);
	fa_done(&a);
}

static void several_types_of_the_size_are_named(void **state)
{
	struct fake_alloc a;

	(void)state;
	fa_init(&a, &(struct fa_opts){ .two_payloads = true });
	fa_slot(&a, fa_tree(&a), 3, 0x33);
	fa_dump(&a);
	assert_int_equal(a.r->sdt->target_type_id, 0);
	assert_string_equal(a.r->sdt->payload_type_reason,
			    "the scheduler's BTF has 2 structs of 24 bytes: my_ctx, other_ctx");
	assert_int_equal(a.r->sdt->entry[0].payload.kind, CAP_BYTES);
	assert_int_equal(a.r->sdt->entry[0].payload.bytes.len, FA_PAYLOAD_BYTES);
	assert_int_equal(a.r->sdt->entry[0].payload.bytes.data[0], 0x33);
	fa_done(&a);
}

static void no_type_of_the_size_is_said(void **state)
{
	struct fake_alloc a;

	(void)state;
	fa_init(&a, &(struct fa_opts){ .no_payload = true });
	/* struct scx_static has 24 bytes, but is the allocator's own */
	fa_slot(&a, fa_tree(&a), 3, 0x33);
	fa_dump(&a);
	assert_int_equal(a.r->sdt->target_type_id, 0);
	assert_string_equal(a.r->sdt->payload_type_reason,
			    "the scheduler's BTF has no struct of 24 bytes that slots could hold");
	fa_done(&a);
}

/* ---- reasons ---- */

static void is_unavailable(const struct fa_opts *o, const char *why)
{
	struct fake_alloc a;

	fa_init(&a, o);
	if (!o->no_arena && !o->no_bss)
		(void)fa_tree(&a);
	fa_dump(&a);
	assert_int_equal(a.r->nr_sdt, 0);
	assert_non_null(a.r->sdt_alloc_unavailable);
	assert_string_equal(a.r->sdt_alloc_unavailable, why);
	fa_done(&a);
}

static void what_is_missing_is_the_reason(void **state)
{
	(void)state;
	is_unavailable(&(struct fa_opts){ .no_arena = true }, CAP_WHY_SDT_UNALIGNED);
	is_unavailable(&(struct fa_opts){ .unaligned = true }, CAP_WHY_SDT_UNALIGNED);
	is_unavailable(&(struct fa_opts){ .unaligned = true, .no_bss = true },
		       CAP_WHY_SDT_UNALIGNED);
	is_unavailable(&(struct fa_opts){ .no_bss = true }, CAP_WHY_SDT_NO_BSS);
	is_unavailable(&(struct fa_opts){ .no_types = true }, CAP_WHY_SDT_NO_TYPE);
	is_unavailable(&(struct fa_opts){ .no_instance = true }, CAP_WHY_SDT_NO_INSTANCE);
}

static void a_type_that_contains_itself_a_thousand_times_ends(void **state)
{
	(void)state;
	is_unavailable(&(struct fa_opts){ .in_itself = true }, CAP_WHY_SDT_NO_TYPE);
}

static void a_member_that_is_outside_of_its_struct_is_none(void **state)
{
	(void)state;
	is_unavailable(&(struct fa_opts){ .far_away = true }, CAP_WHY_SDT_NO_TYPE);
}

static void what_is_a_variable_is_no_payload(void **state)
{
	struct fake_alloc a;

	(void)state;
	fa_init(&a, &(struct fa_opts){ .two_payloads = true, .a_variable = true });
	(void)fa_slot(&a, fa_tree(&a), 7, 0x77);
	fa_dump(&a);
	assert_int_equal(a.r->sdt->nr, 1);
	assert_null(a.r->sdt->payload_type_reason);
	assert_string_equal(a.r->sdt->entry[0].payload.s.type_name, "my_ctx");
	fa_done(&a);
}

static void time_that_is_up_is_the_first_reason(void **state)
{
	const struct cap_dump_opts late = { .deadline_ns = 1 };
	struct fake_alloc a;

	(void)state;
	fa_init(&a, &(struct fa_opts){ .unaligned = true });
	a.r = fake_maps_dump(&a.m, &late);
	assert_string_equal(a.r->sdt_alloc_unavailable, CAP_WHY_SDT_LATE);
	assert_int_equal(a.r->scx_static.nr, 0);
	fa_done(&a);
}

/* ---- lies ---- */

static void a_tree_that_leads_nowhere_is_counted(void **state)
{
	struct fake_alloc a;
	uint64_t leaf;

	(void)state;
	fa_init(&a, &(struct fa_opts){ 0 });
	leaf = fa_tree(&a);
	fa_slot(&a, leaf, 1, 1);
	/* a leaf's chunk beyond the arena; and an inner node there */
	fa_put(&a, leaf + FA_DESC_CHUNK, 8, FA_USER_START + 0x7fff0000);
	fa_dump(&a);
	assert_int_equal(a.r->sdt->nr, 0);
	assert_int_equal(a.r->sdt->skipped_subtrees, 1);
	cap_report_free(a.r);
	fake_put64(&a.m.f, fake_off(a.bss, FA_BSS_TASKS + FA_ALLOC_ROOT), ~UINT64_C(0));
	fa_dump(&a);
	assert_int_equal(a.r->sdt->nr, 0);
	assert_int_equal(a.r->sdt->skipped_subtrees, 1);
	fa_done(&a);
}

/* Every child of every node is the root itself. */
static void a_tree_that_leads_to_itself_ends(void **state)
{
	struct fake_alloc a;
	uint64_t chunk;

	(void)state;
	fa_init(&a, &(struct fa_opts){ 0 });
	(void)fa_tree(&a);
	chunk = fa_take(&a, FA_FANOUT * 8);
	for (unsigned i = 0; i < FA_FANOUT; i++)
		fa_put(&a, chunk + i * 8, 8, FA_USER_START + a.root);
	fa_put(&a, a.root + FA_DESC_CHUNK, 8, FA_USER_START + chunk);
	for (unsigned i = 0; i < FA_FANOUT / 64; i++)
		fa_put(&a, a.root + FA_DESC_BITMAP + i * 8, 8, ~UINT64_C(0));
	fa_dump(&a);
	assert_int_equal(a.r->nr_sdt, 1);
	assert_true(a.r->sdt->truncated);
	assert_true(a.r->sdt->nr <= 4096);
	fa_done(&a);
}

static void a_size_that_cannot_be_is_said(void **state)
{
	static const uint64_t sizes[] = { 0, 1, FA_HEADER_BYTES, UINT64_C(1) << 63, ~UINT64_C(0) };
	struct fake_alloc a;

	(void)state;
	fa_init(&a, &(struct fa_opts){ 0 });
	fa_slot(&a, fa_tree(&a), 1, 1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fake_put64(&a.m.f, fake_off(a.bss, FA_BSS_TASKS + FA_ALLOC_ELEM_SIZE), sizes[i]);
		fa_dump(&a);
		assert_int_equal(a.r->nr_sdt, 1);
		assert_int_equal(a.r->sdt->elem_size, sizes[i]);
		assert_int_equal(a.r->sdt->target_type_id, 0);
		assert_non_null(a.r->sdt->payload_type_reason);
		assert_int_equal(a.r->sdt->nr, 1);
		cap_report_free(a.r);
		a.r = NULL;
	}
	fa_done(&a);
}

static void an_allocator_that_was_never_made_is_left_out(void **state)
{
	struct fake_alloc a;

	(void)state;
	fa_init(&a, &(struct fa_opts){ 0 });
	fa_dump(&a);
	assert_int_equal(a.r->nr_sdt, 0);
	assert_string_equal(a.r->sdt_alloc_unavailable, CAP_WHY_SDT_NO_INSTANCE);
	fa_done(&a);
}

/* ---- static pools ---- */

static void put_pool(struct fake_alloc *a, uint64_t at, uint64_t max, uint64_t memory, uint64_t off)
{
	fake_put64(&a->m.f, fake_off(a->bss, at), max);
	fake_put64(&a->m.f, fake_off(a->bss, at + 8), memory);
	fake_put64(&a->m.f, fake_off(a->bss, at + 16), off);
}

static void static_pools_are_ranges_and_lies_are_counted(void **state)
{
	const struct cap_static_report *s;
	struct fake_alloc a;

	(void)state;
	fa_init(&a, &(struct fa_opts){ 0 });
	put_pool(&a, FA_BSS_POOL, 8192, FA_USER_START + 0x3000, 48);
	fa_dump(&a);
	s = &a.r->scx_static;
	assert_int_equal(s->nr, 1);
	assert_int_equal(s->skipped, 0);
	assert_string_equal(s->range[0].instance_name, "pool");
	assert_int_equal(s->range[0].start_low32, 0x3000);
	assert_int_equal(s->range[0].size, 48);
	assert_int_equal(s->range[0].capacity, 8192);
	cap_report_free(a.r);
	/* more handed out than there is; and more than an arena can have */
	put_pool(&a, FA_BSS_BAD_POOL, 4096, FA_USER_START + 0x5000, 4097);
	fa_dump(&a);
	assert_int_equal(a.r->scx_static.nr, 1);
	assert_int_equal(a.r->scx_static.skipped, 1);
	cap_report_free(a.r);
	put_pool(&a, FA_BSS_BAD_POOL, UINT64_C(1) << 32, FA_USER_START + 0x5000, 0);
	fa_dump(&a);
	assert_int_equal(a.r->scx_static.nr, 1);
	assert_int_equal(a.r->scx_static.skipped, 1);
	fa_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_in_use_are_told_with_their_payload),
		cmocka_unit_test(what_is_only_declared_is_taken_for_what_the_rest_says),
		cmocka_unit_test(several_types_of_the_size_are_named),
		cmocka_unit_test(no_type_of_the_size_is_said),
		cmocka_unit_test(what_is_missing_is_the_reason),
		cmocka_unit_test(a_type_that_contains_itself_a_thousand_times_ends),
		cmocka_unit_test(a_member_that_is_outside_of_its_struct_is_none),
		cmocka_unit_test(what_is_a_variable_is_no_payload),
		cmocka_unit_test(time_that_is_up_is_the_first_reason),
		cmocka_unit_test(a_tree_that_leads_nowhere_is_counted),
		cmocka_unit_test(a_tree_that_leads_to_itself_ends),
		cmocka_unit_test(a_size_that_cannot_be_is_said),
		cmocka_unit_test(an_allocator_that_was_never_made_is_left_out),
		cmocka_unit_test(static_pools_are_ranges_and_lies_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
