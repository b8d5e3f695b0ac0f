/* SPDX-License-Identifier: GPL-2.0-only */
/* Allocators in a scheduler's arena: every slot in use, by the scheduler's own types; lies cost a reason. */
#include "capture/alloc.h"
#include "tests/unit/fake_maps.h"

enum {
	ARENA_PAGES = 64,
	FANOUT = 512,
	/* of our structures: not as in bpf/sdt_alloc.h */
	ALLOC_ELEM_SIZE = 24,
	ALLOC_ROOT = 40,
	ALLOC_BYTES = 48,
	DESC_CHUNK = 0,
	DESC_BITMAP = 16,
	DESC_BYTES = 16 + FANOUT / 8,
	HEADER_IDX = 4,
	HEADER_GENN = 8,
	HEADER_BYTES = 16,
	PAYLOAD_BYTES = 24,
	SLOT_BYTES = HEADER_BYTES + PAYLOAD_BYTES,
	BSS_TASKS = 0, /* struct scx_allocator task_allocator */
	BSS_POOL = 64, /* struct scx_static pool */
	BSS_BAD_POOL = 96,
	BSS_BYTES = 128,
};
#define USER_START (UINT64_C(1) << 44)

struct opts {
	bool no_types, no_instance, only_declared, two_payloads, a_variable, no_payload, unaligned,
		no_arena, no_bss, in_itself, far_away;
};
struct fake_alloc {
	struct fake_maps m;
	struct btf *btf; /* of the program */
	gva_t bss, arena; /* in the kernel's memory */
	uint64_t next; /* low half where the arena is free */
	uint64_t root, leaf_chunk;
	struct cap_report *r;
};

static void member(struct btf *btf, const char *name, int type, uint32_t offset)
{
	assert_int_equal(btf__add_field(btf, name, type, offset * 8, 0), 0);
}

/* ---- what the program's BTF says ---- */

static void add_slot_types(struct btf *b, int u64, int s32, const struct opts *o)
{
	int u32 = btf__add_int(b, "unsigned int", 4, 0), flex = btf__add_array(b, u32, u64, 0);
	int parts = btf__add_struct(b, NULL, HEADER_BYTES), id;

	member(b, "idx", s32, HEADER_IDX);
	member(b, "genn", s32, HEADER_GENN);
	id = btf__add_union(b, "sdt_id", HEADER_BYTES);
	member(b, "val", u64, 0);
	member(b, NULL, parts, 0);
	if (o->only_declared) {
		assert_true(btf__add_fwd(b, "sdt_data", BTF_FWD_STRUCT) > 0);
		return;
	}
	assert_true(btf__add_struct(b, "sdt_data", HEADER_BYTES) > 0);
	member(b, "tid", id, 0);
	member(b, "payload", flex, HEADER_BYTES);
}

/* Nests so that @name is 8 bytes before the start, when places are counted with 32 bits. */
static int add_far_type(struct btf *b, const char *name, int type)
{
	for (int i = 0; i < 8; i++) {
		int around = btf__add_struct(b, i < 7 ? NULL : "sdt_desc", DESC_BYTES);

		assert_int_equal(btf__add_field(b, i ? NULL : name, type, UINT32_MAX - 7, 0), 0);
		type = around;
	}
	return type;
}

static int add_tree_types(struct btf *b, int u64, const struct opts *o)
{
	int bitmap = btf__add_array(b, 1, u64, FANOUT / 64), ptr = btf__add_ptr(b, 0), ptrs;
	int desc;

	ptrs = btf__add_array(b, 1, ptr, FANOUT);
	if (o->only_declared) {
		assert_true(btf__add_fwd(b, "sdt_chunk", BTF_FWD_STRUCT) > 0);
	} else {
		assert_true(btf__add_struct(b, "sdt_chunk", FANOUT * 8) > 0);
		member(b, "descs", ptrs, 0);
	}
	if (o->far_away) {
		desc = add_far_type(b, "chunk", ptr);
	} else {
		desc = btf__add_struct(b, "sdt_desc", DESC_BYTES);
		member(b, "chunk", ptr, DESC_CHUNK);
	}
	member(b, "allocated", bitmap, DESC_BITMAP);
	return btf__add_ptr(b, desc);
}

/* Each of its members is all of it, so that looking for one by name has no end. */
static int add_endless_type(struct btf *b)
{
	int r = btf__add_struct(b, "scx_allocator", ALLOC_BYTES);

	for (int i = 0; i < 1000; i++)
		member(b, NULL, r, 0);
	return r;
}

static int add_allocator_type(struct btf *b, int u64, int desc)
{
	int pool = btf__add_struct(b, "sdt_pool", 32), r;

	member(b, "elem_size", u64, 16);
	r = btf__add_struct(b, "scx_allocator", ALLOC_BYTES);
	member(b, "pool", pool, ALLOC_ELEM_SIZE - 16);
	member(b, "root", desc, ALLOC_ROOT);
	return r;
}

static void add_payload_types(struct btf *b, int u64, const struct opts *o)
{
	int other;

	if (o->no_payload)
		return;
	assert_true(btf__add_struct(b, "my_ctx", PAYLOAD_BYTES) > 0);
	member(b, "magic", u64, 0);
	member(b, "peer", u64, 16);
	if (!o->two_payloads)
		return;
	other = btf__add_struct(b, "other_ctx", PAYLOAD_BYTES);
	assert_true(other > 0);
	member(b, "what", u64, 0);
	if (o->a_variable)
		assert_true(btf__add_var(b, "counters", BTF_VAR_STATIC, btf__add_const(b, other)) >
			    0);
}

static int add_static_type(struct btf *b, int u64)
{
	int ptr = btf__add_ptr(b, 0), r = btf__add_struct(b, "scx_static", 24);

	member(b, "max_alloc_bytes", u64, 0);
	member(b, "memory", ptr, 8);
	member(b, "off", u64, 16);
	return r;
}

static void make_types(struct fake_alloc *a, const struct opts *o)
{
	struct btf *b = a->btf = btf__new_empty();
	int u64 = btf__add_int(b, "unsigned long", 8, 0);
	int s32 = btf__add_int(b, "int", 4, BTF_INT_SIGNED), alloc = 0, pool, var[3];

	if (o->in_itself) {
		alloc = add_endless_type(b);
	} else if (!o->no_types) {
		add_slot_types(b, u64, s32, o);
		alloc = add_allocator_type(b, u64, add_tree_types(b, u64, o));
	}
	add_payload_types(b, u64, o);
	pool = add_static_type(b, u64);
	var[0] = btf__add_var(b, "task_allocator", BTF_VAR_GLOBAL_ALLOCATED,
			      alloc && !o->no_instance ? alloc : u64);
	var[1] = btf__add_var(b, "pool", BTF_VAR_GLOBAL_ALLOCATED, pool);
	var[2] = btf__add_var(b, "bad_pool", BTF_VAR_GLOBAL_ALLOCATED, pool);
	assert_true(btf__add_datasec(b, ".bss", BSS_BYTES) > 0);
	assert_int_equal(btf__add_datasec_var_info(b, var[0], BSS_TASKS, ALLOC_BYTES), 0);
	assert_int_equal(btf__add_datasec_var_info(b, var[1], BSS_POOL, 24), 0);
	assert_int_equal(btf__add_datasec_var_info(b, var[2], BSS_BAD_POOL, 24), 0);
}

/* ---- the guest ---- */

static void add_bss(struct fake_alloc *a)
{
	struct fake_guest *f = &a->m.f;
	gva_t map = fake_map(&a->m, "my.bss", BPF_MAP_TYPE_ARRAY, 4, BSS_BYTES, 1);
	gva_t btf = fake_alloc(f, 96), data;
	const void *raw;
	uint32_t len;

	raw = btf__raw_data(a->btf, &len);
	data = fake_vmalloc(f, len);
	fake_write(f, data, raw, len);
	fake_put64(f, fake_off(btf, FM_BTF_DATA), data.v);
	fake_put(f, fake_off(btf, FM_BTF_SIZE), 4, len);
	fake_put64(f, fake_off(map, FM_MAP_BTF), btf.v);
	a->bss = fake_off(map, FM_ARRAY_VALUE);
}

static void add_arena(struct fake_alloc *a, const struct opts *o)
{
	struct fake_guest *f = &a->m.f;
	gva_t map = fake_map(&a->m, "arena", BPF_MAP_TYPE_ARENA, 0, 0, ARENA_PAGES);
	gva_t vm = fake_alloc(f, 64);

	a->arena = fake_vmalloc(f, ARENA_PAGES * CAP_PAGE);
	fake_put64(f, fake_off(map, FM_ARENA_USER), USER_START + (o->unaligned ? CAP_PAGE : 0));
	fake_put64(f, fake_off(map, FM_ARENA_VM), vm.v);
	fake_put64(f, fake_off(vm, FM_VM_ADDR), a->arena.v - 32768);
	a->next = CAP_PAGE;
}

static void put_arena(struct fake_alloc *a, uint64_t low, size_t bytes, uint64_t v)
{
	fake_put(&a->m.f, fake_off(a->arena, low), bytes, v);
}

static uint64_t take(struct fake_alloc *a, size_t bytes)
{
	uint64_t at = a->next;

	a->next += (bytes + 7) & ~(size_t)7;
	assert_true(a->next <= ARENA_PAGES * CAP_PAGE);
	return at;
}

/* A node with its chunk; low half of its address. */
static uint64_t add_node(struct fake_alloc *a, uint64_t *ret_chunk)
{
	uint64_t desc = take(a, DESC_BYTES);

	*ret_chunk = take(a, FANOUT * 8);
	put_arena(a, desc + DESC_CHUNK, 8, USER_START + *ret_chunk);
	return desc;
}

/* Slot @i of the last level. */
static uint64_t add_slot(struct fake_alloc *a, uint64_t leaf, uint32_t i, uint64_t magic)
{
	uint64_t slot = take(a, SLOT_BYTES), word = i / 64 * 8, bits;

	memcpy(&bits, fake_at(&a->m.f, fake_off(a->arena, leaf + DESC_BITMAP + word)), 8);
	put_arena(a, leaf + DESC_BITMAP + word, 8, bits | UINT64_C(1) << i % 64);
	put_arena(a, a->leaf_chunk + i * 8, 8, USER_START + slot);
	put_arena(a, slot + HEADER_IDX, 4, i);
	put_arena(a, slot + HEADER_GENN, 4, i + 100);
	put_arena(a, slot + HEADER_BYTES, 8, magic);
	return slot;
}

static void make(struct fake_alloc *a, const struct opts *o)
{
	*a = (struct fake_alloc){ 0 };
	fake_maps_init(&a->m);
	make_types(a, o);
	if (!o->no_arena)
		add_arena(a, o);
	if (!o->no_bss)
		add_bss(a);
}

/* A tree with one leaf: root -> node -> leaf; @ret is the leaf. */
static uint64_t make_tree(struct fake_alloc *a)
{
	uint64_t chunk, mid_chunk, mid, leaf;

	a->root = add_node(a, &chunk);
	mid = add_node(a, &mid_chunk);
	leaf = add_node(a, &a->leaf_chunk);
	put_arena(a, chunk, 8, USER_START + mid);
	put_arena(a, mid_chunk, 8, USER_START + leaf);
	fake_put64(&a->m.f, fake_off(a->bss, BSS_TASKS + ALLOC_ELEM_SIZE), SLOT_BYTES);
	fake_put64(&a->m.f, fake_off(a->bss, BSS_TASKS + ALLOC_ROOT), USER_START + a->root);
	return leaf;
}

static const struct cap_report *dump(struct fake_alloc *a)
{
	a->r = fake_maps_dump(&a->m, NULL);
	return a->r;
}

static void done(struct fake_alloc *a)
{
	btf__free(a->btf);
	fake_maps_done(&a->m, a->r);
}

/* ---- slots ---- */

static void slots_in_use_are_told_with_their_payload(void **state)
{
	const struct cap_sdt_report *s;
	struct fake_alloc a;
	uint64_t leaf, first;

	(void)state;
	make(&a, &(struct opts){ 0 });
	leaf = make_tree(&a);
	first = add_slot(&a, leaf, 0, 0x11);
	add_slot(&a, leaf, 511, 0x22);
	/* one that was freed: still there, no longer in use */
	add_slot(&a, leaf, 65, 0x33);
	put_arena(&a, leaf + DESC_BITMAP + 8, 8, 0);
	dump(&a);
	assert_null(a.r->sdt_alloc_unavailable);
	assert_int_equal(a.r->nr_sdt, 1);
	s = a.r->sdt;
	assert_string_equal(s->allocator_name, "task_allocator");
	assert_int_equal(s->elem_size, SLOT_BYTES);
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
	done(&a);
}

static void what_is_only_declared_is_taken_for_what_the_rest_says(void **state)
{
	struct fake_alloc a;
	uint64_t leaf, slot;

	(void)state;
	make(&a, &(struct opts){ .only_declared = true });
	leaf = make_tree(&a);
	add_slot(&a, leaf, 7, 0x77);
	/* one that does not bear its index may be anything */
	slot = add_slot(&a, leaf, 9, 0x99);
	put_arena(&a, slot + HEADER_IDX, 4, 8);
	dump(&a);
	assert_int_equal(a.r->nr_sdt, 1);
	assert_int_equal(a.r->sdt->nr, 1);
	assert_int_equal(a.r->sdt->entry[0].idx, 7);
	assert_int_equal(a.r->sdt->entry[0].payload.s.member[0].value.u, 0x77);
	assert_int_equal(a.r->sdt->skipped_subtrees, 1);
	done(&a);
}

static void several_types_of_the_size_are_named(void **state)
{
	struct fake_alloc a;

	(void)state;
	make(&a, &(struct opts){ .two_payloads = true });
	add_slot(&a, make_tree(&a), 3, 0x33);
	dump(&a);
	assert_int_equal(a.r->sdt->target_type_id, 0);
	assert_string_equal(a.r->sdt->payload_type_reason,
			    "the scheduler's BTF has 2 structs of 24 bytes: my_ctx, other_ctx");
	assert_int_equal(a.r->sdt->entry[0].payload.kind, CAP_BYTES);
	assert_int_equal(a.r->sdt->entry[0].payload.bytes.len, PAYLOAD_BYTES);
	assert_int_equal(a.r->sdt->entry[0].payload.bytes.data[0], 0x33);
	done(&a);
}

static void no_type_of_the_size_is_said(void **state)
{
	struct fake_alloc a;

	(void)state;
	make(&a, &(struct opts){ .no_payload = true });
	/* struct scx_static has 24 bytes, but is the allocator's own */
	add_slot(&a, make_tree(&a), 3, 0x33);
	dump(&a);
	assert_int_equal(a.r->sdt->target_type_id, 0);
	assert_string_equal(a.r->sdt->payload_type_reason,
			    "the scheduler's BTF has no struct of 24 bytes that slots could hold");
	done(&a);
}

/* ---- reasons ---- */

static void is_unavailable(const struct opts *o, const char *why)
{
	struct fake_alloc a;

	make(&a, o);
	if (!o->no_arena && !o->no_bss)
		(void)make_tree(&a);
	dump(&a);
	assert_int_equal(a.r->nr_sdt, 0);
	assert_non_null(a.r->sdt_alloc_unavailable);
	assert_string_equal(a.r->sdt_alloc_unavailable, why);
	done(&a);
}

static void what_is_missing_is_the_reason(void **state)
{
	(void)state;
	is_unavailable(&(struct opts){ .no_arena = true }, CAP_WHY_SDT_UNALIGNED);
	is_unavailable(&(struct opts){ .unaligned = true }, CAP_WHY_SDT_UNALIGNED);
	is_unavailable(&(struct opts){ .unaligned = true, .no_bss = true }, CAP_WHY_SDT_UNALIGNED);
	is_unavailable(&(struct opts){ .no_bss = true }, CAP_WHY_SDT_NO_BSS);
	is_unavailable(&(struct opts){ .no_types = true }, CAP_WHY_SDT_NO_TYPE);
	is_unavailable(&(struct opts){ .no_instance = true }, CAP_WHY_SDT_NO_INSTANCE);
}

static void a_type_that_contains_itself_a_thousand_times_ends(void **state)
{
	(void)state;
	is_unavailable(&(struct opts){ .in_itself = true }, CAP_WHY_SDT_NO_TYPE);
}

static void a_member_that_is_outside_of_its_struct_is_none(void **state)
{
	(void)state;
	is_unavailable(&(struct opts){ .far_away = true }, CAP_WHY_SDT_NO_TYPE);
}

static void what_is_a_variable_is_no_payload(void **state)
{
	struct fake_alloc a;

	(void)state;
	make(&a, &(struct opts){ .two_payloads = true, .a_variable = true });
	(void)add_slot(&a, make_tree(&a), 7, 0x77);
	dump(&a);
	assert_int_equal(a.r->sdt->nr, 1);
	assert_null(a.r->sdt->payload_type_reason);
	assert_string_equal(a.r->sdt->entry[0].payload.s.type_name, "my_ctx");
	done(&a);
}

static void time_that_is_up_is_the_first_reason(void **state)
{
	const struct cap_dump_opts late = { .deadline_ns = 1 };
	struct fake_alloc a;

	(void)state;
	make(&a, &(struct opts){ .unaligned = true });
	a.r = fake_maps_dump(&a.m, &late);
	assert_string_equal(a.r->sdt_alloc_unavailable, CAP_WHY_SDT_LATE);
	assert_int_equal(a.r->scx_static.nr, 0);
	done(&a);
}

/* ---- lies ---- */

static void a_tree_that_leads_nowhere_is_counted(void **state)
{
	struct fake_alloc a;
	uint64_t leaf;

	(void)state;
	make(&a, &(struct opts){ 0 });
	leaf = make_tree(&a);
	add_slot(&a, leaf, 1, 1);
	/* a leaf's chunk beyond the arena; and an inner node there */
	put_arena(&a, leaf + DESC_CHUNK, 8, USER_START + 0x7fff0000);
	dump(&a);
	assert_int_equal(a.r->sdt->nr, 0);
	assert_int_equal(a.r->sdt->skipped_subtrees, 1);
	cap_report_free(a.r);
	fake_put64(&a.m.f, fake_off(a.bss, BSS_TASKS + ALLOC_ROOT), ~UINT64_C(0));
	dump(&a);
	assert_int_equal(a.r->sdt->nr, 0);
	assert_int_equal(a.r->sdt->skipped_subtrees, 1);
	done(&a);
}

/* Every child of every node is the root itself. */
static void a_tree_that_leads_to_itself_ends(void **state)
{
	struct fake_alloc a;
	uint64_t chunk;

	(void)state;
	make(&a, &(struct opts){ 0 });
	(void)make_tree(&a);
	chunk = take(&a, FANOUT * 8);
	for (unsigned i = 0; i < FANOUT; i++)
		put_arena(&a, chunk + i * 8, 8, USER_START + a.root);
	put_arena(&a, a.root + DESC_CHUNK, 8, USER_START + chunk);
	for (unsigned i = 0; i < FANOUT / 64; i++)
		put_arena(&a, a.root + DESC_BITMAP + i * 8, 8, ~UINT64_C(0));
	dump(&a);
	assert_int_equal(a.r->nr_sdt, 1);
	assert_true(a.r->sdt->truncated);
	assert_true(a.r->sdt->nr <= 4096);
	done(&a);
}

static void a_size_that_cannot_be_is_said(void **state)
{
	static const uint64_t sizes[] = { 0, 1, HEADER_BYTES, UINT64_C(1) << 63, ~UINT64_C(0) };
	struct fake_alloc a;

	(void)state;
	make(&a, &(struct opts){ 0 });
	add_slot(&a, make_tree(&a), 1, 1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fake_put64(&a.m.f, fake_off(a.bss, BSS_TASKS + ALLOC_ELEM_SIZE), sizes[i]);
		dump(&a);
		assert_int_equal(a.r->nr_sdt, 1);
		assert_int_equal(a.r->sdt->elem_size, sizes[i]);
		assert_int_equal(a.r->sdt->target_type_id, 0);
		assert_non_null(a.r->sdt->payload_type_reason);
		assert_int_equal(a.r->sdt->nr, 1);
		cap_report_free(a.r);
		a.r = NULL;
	}
	done(&a);
}

static void an_allocator_that_was_never_made_is_left_out(void **state)
{
	struct fake_alloc a;

	(void)state;
	make(&a, &(struct opts){ 0 });
	dump(&a);
	assert_int_equal(a.r->nr_sdt, 0);
	assert_string_equal(a.r->sdt_alloc_unavailable, CAP_WHY_SDT_NO_INSTANCE);
	done(&a);
}

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
	assert_int_equal(cap_slot_find(&d, USER_START + 0x1008)->user_addr, 0x1000);
	assert_int_equal(cap_slot_find(&d, 0x1028)->user_addr, 0x1028);
	assert_int_equal(cap_slot_find(&d, 0x1030)->user_addr, 0x1028);
	assert_null(cap_slot_find(&d, 0x1004));
	assert_null(cap_slot_find(&d, 0x1010));
	assert_null(cap_slot_find(&d, 0x1050));
	assert_null(cap_slot_find(&d, 0xfff));
	assert_null(cap_slot_find(&d, 0));
	cap_slots_free(d.slots);
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
	make(&a, &(struct opts){ 0 });
	put_pool(&a, BSS_POOL, 8192, USER_START + 0x3000, 48);
	dump(&a);
	s = &a.r->scx_static;
	assert_int_equal(s->nr, 1);
	assert_int_equal(s->skipped, 0);
	assert_string_equal(s->range[0].instance_name, "pool");
	assert_int_equal(s->range[0].start_low32, 0x3000);
	assert_int_equal(s->range[0].size, 48);
	assert_int_equal(s->range[0].capacity, 8192);
	cap_report_free(a.r);
	/* more handed out than there is; and more than an arena can have */
	put_pool(&a, BSS_BAD_POOL, 4096, USER_START + 0x5000, 4097);
	dump(&a);
	assert_int_equal(a.r->scx_static.nr, 1);
	assert_int_equal(a.r->scx_static.skipped, 1);
	cap_report_free(a.r);
	put_pool(&a, BSS_BAD_POOL, UINT64_C(1) << 32, USER_START + 0x5000, 0);
	dump(&a);
	assert_int_equal(a.r->scx_static.nr, 1);
	assert_int_equal(a.r->scx_static.skipped, 1);
	done(&a);
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
		cmocka_unit_test(a_pointer_finds_its_slot_at_the_start_and_behind_the_header),
		cmocka_unit_test(static_pools_are_ranges_and_lies_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
