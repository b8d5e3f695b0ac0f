/* SPDX-License-Identifier: GPL-2.0-only */
/* Slots of allocators by what points to them: their addresses, and the values of maps. */
#include "tests/unit/fake_alloc.h"

enum { MANY = 4096 + FA_FANOUT + 8 }; /* slots: more than are listed, in ten leaves */

/* ---- slots by address ---- */

static void a_pointer_finds_its_slot_at_the_start_and_behind_the_header(void **state)
{
	struct cap_dump d = { 0 };
	struct cap_slots *s = cap_slots_of(&d);
	const struct cap_slot first = { .user_addr = 0x1000, .header_bytes = 8, .elem_bytes = 40 };
	struct cap_slot later = { .user_addr = 0x1028, .header_bytes = 8, .elem_bytes = 40 };

	(void)state;
	assert_non_null(s);
	cap_slots_add(s, &later);
	cap_slots_add(s, &first);
	/* the first of a place counts */
	later.elem_bytes = 8000;
	cap_slots_add(s, &later);
	assert_null(cap_slot_find(&d, 0x1000));
	cap_slots_ready(s);
	assert_int_equal(cap_slot_find(&d, 0x1000)->user_addr, 0x1000);
	assert_int_equal(cap_slot_find(&d, FA_USER_START + 0x1008)->user_addr, 0x1000);
	assert_int_equal(cap_slot_find(&d, 0x1028)->user_addr, 0x1028);
	assert_int_equal(cap_slot_find(&d, 0x1030)->user_addr, 0x1028);
	assert_null(cap_slot_find(&d, 0x1004));
	assert_null(cap_slot_find(&d, 0x1010));
	assert_null(cap_slot_find(&d, 0x1050));
	assert_null(cap_slot_find(&d, 0xfff));
	assert_null(cap_slot_find(&d, 0));
	cap_slots_free(d.slots);
}

static void the_index_of_slots_is_bounded(void **state)
{
	struct cap_dump d = { 0 };
	struct cap_slots *s = cap_slots_of(&d);
	uint32_t nr = 0;

	(void)state;
	while (nr <= CAP_SLOTS_MAX &&
	       cap_slots_add(s, &(struct cap_slot){ .user_addr = nr * 40UL, .elem_bytes = 40 }))
		nr++;
	assert_int_equal(nr, CAP_SLOTS_MAX);
	cap_slots_ready(s);
	assert_int_equal(cap_slot_find(&d, 40 * (CAP_SLOTS_MAX - 1))->user_addr,
			 40 * (CAP_SLOTS_MAX - 1));
	cap_slots_free(d.slots);
}

/* ---- slots through maps ---- */

/* A hash with values of struct map_value. */
static gva_t add_hash(struct fake_alloc *a)
{
	gva_t map = fake_map(&a->m, "tasks", BPF_MAP_TYPE_HASH, 4, FA_VALUE_BYTES, 64);

	fake_put64(&a->m.f, fake_off(map, FM_MAP_BTF), a->prog_btf.v);
	fake_map_types(&a->m, map, btf__find_by_name(a->btf, "int"),
		       btf__find_by_name(a->btf, "map_value"));
	return fake_hash_table(&a->m, map, 64);
}

static void add_entry(struct fake_alloc *a, gva_t table, uint32_t key, uint64_t data)
{
	gva_t elem = fake_hash_elem(&a->m, table, key, key, key * 10);

	fake_put64(&a->m.f, fake_off(elem, FM_ELEM_KEY + 8 + FA_VALUE_DATA), data);
}

/* What the entry with @key says is behind its pointer. */
static const struct cap_value *payload_of(const struct cap_report *r, uint32_t key)
{
	const struct cap_map_report *m = &r->map[r->nr_maps - 1];

	assert_string_equal(m->name, "tasks");
	for (size_t i = 0; i < m->nr_entries; i++) {
		if (m->entry[i].key->i == key)
			return m->entry[i].payload;
	}
	fail_msg("no entry %u", key);
	return NULL;
}

static void assert_magic(const struct cap_value *payload, uint64_t magic)
{
	assert_non_null(payload);
	assert_int_equal(payload->kind, CAP_STRUCT);
	assert_string_equal(payload->s.type_name, "my_ctx");
	assert_int_equal(payload->s.member[0].value.u, magic);
}

static void entries_show_slots_that_the_list_has_too(void **state)
{
	struct fake_alloc a;
	uint64_t leaf, first, second;
	gva_t table;

	(void)state;
	fa_init(&a, &(struct fa_opts){ 0 });
	leaf = fa_tree(&a);
	first = fa_slot(&a, leaf, 0, 0x11);
	second = fa_slot(&a, leaf, 1, 0x22);
	table = add_hash(&a);
	add_entry(&a, table, 1, FA_USER_START + first);
	add_entry(&a, table, 2, FA_USER_START + second + FA_HEADER_BYTES);
	add_entry(&a, table, 3, FA_USER_START + first); /* once more */
	add_entry(&a, table, 4, 0);
	add_entry(&a, table, 5, FA_USER_START + first + 4); /* within its header */
	fa_dump(&a);
	assert_magic(payload_of(a.r, 1), 0x11);
	assert_magic(payload_of(a.r, 2), 0x22);
	assert_magic(payload_of(a.r, 3), 0x11);
	assert_null(payload_of(a.r, 4));
	assert_null(payload_of(a.r, 5));
	assert_int_equal(a.r->sdt->nr, 2);
	assert_magic(&a.r->sdt->entry[0].payload, 0x11);
	fa_done(&a);
}

static void a_slot_of_no_known_type_is_no_payload(void **state)
{
	struct fake_alloc a;

	(void)state;
	fa_init(&a, &(struct fa_opts){ .no_payload = true });
	add_entry(&a, add_hash(&a), 1, FA_USER_START + fa_slot(&a, fa_tree(&a), 3, 0x33));
	fa_dump(&a);
	assert_int_equal(a.r->sdt->nr, 1);
	assert_null(payload_of(a.r, 1));
	fa_done(&a);
}

/* Slots 0 to @nr - 1, each with its number as magic; @ret is their addresses. */
static void add_slots(struct fake_alloc *a, unsigned nr, uint64_t *ret)
{
	uint64_t leaf = fa_tree(a);

	for (unsigned i = 0; i < nr; i++) {
		if (i && i % FA_FANOUT == 0) {
			leaf = fa_node(a, &a->leaf_chunk);
			fa_put(a, a->mid_chunk + i / FA_FANOUT * 8UL, 8, FA_USER_START + leaf);
		}
		ret[i] = fa_slot(a, leaf, i % FA_FANOUT, i);
	}
}

static void slots_beyond_those_that_are_listed_are_shown_through_maps(void **state)
{
	static const uint32_t keys[] = { 0, 4095, 4096, 4097, MANY - 1 };
	uint64_t slot[MANY];
	struct fake_alloc a;
	gva_t table;

	(void)state;
	fa_init(&a, &(struct fa_opts){ 0 });
	add_slots(&a, MANY, slot);
	table = add_hash(&a);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		add_entry(&a, table, (uint32_t)i, FA_USER_START + slot[keys[i]]);
	fa_dump(&a);
	assert_int_equal(a.r->sdt->nr, 4096);
	assert_true(a.r->sdt->truncated);
	assert_int_equal(a.r->sdt->entry[4095].user_addr, slot[4095]);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_magic(payload_of(a.r, (uint32_t)i), keys[i]);
	fa_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pointer_finds_its_slot_at_the_start_and_behind_the_header),
		cmocka_unit_test(the_index_of_slots_is_bounded),
		cmocka_unit_test(entries_show_slots_that_the_list_has_too),
		cmocka_unit_test(a_slot_of_no_known_type_is_no_payload),
		cmocka_unit_test(slots_beyond_those_that_are_listed_are_shown_through_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
