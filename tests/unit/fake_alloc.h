/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small guest whose scheduler has an arena, and in it an allocator of slots, as sdt_alloc makes them.
 *
 *   struct fake_alloc a;
 *   fa_init(&a, &(struct fa_opts){ 0 });
 *   uint64_t leaf = fa_tree(&a), slot = fa_slot(&a, leaf, 0, 0x11);
 *   fa_dump(&a);                                          a.r is the report
 *   fa_done(&a);
 */
#ifndef KTSTR_TESTS_UNIT_FAKE_ALLOC_H
#define KTSTR_TESTS_UNIT_FAKE_ALLOC_H

#include "capture/alloc.h"
#include "tests/unit/fake_maps.h"

enum {
	FA_ARENA_PAGES = 64,
	FA_FANOUT = 512,
	/* of our structures: not as in bpf/sdt_alloc.h */
	FA_ALLOC_ELEM_SIZE = 24,
	FA_ALLOC_ROOT = 40,
	FA_ALLOC_BYTES = 48,
	FA_DESC_CHUNK = 0,
	FA_DESC_BITMAP = 16,
	FA_DESC_BYTES = 16 + FA_FANOUT / 8,
	FA_HEADER_IDX = 4,
	FA_HEADER_GENN = 8,
	FA_HEADER_BYTES = 16,
	FA_PAYLOAD_BYTES = 24,
	FA_SLOT_BYTES = FA_HEADER_BYTES + FA_PAYLOAD_BYTES,
	FA_VALUE_DATA = 8,
	FA_VALUE_BYTES = 16,
	FA_BSS_TASKS = 0, /* struct scx_allocator task_allocator */
	FA_BSS_POOL = 64, /* struct scx_static pool */
	FA_BSS_BAD_POOL = 96,
	FA_BSS_BYTES = 128,
};
#define FA_USER_START (UINT64_C(1) << 44)

struct fa_opts {
	bool no_types, no_instance, only_declared, two_payloads, a_variable, no_payload, unaligned,
		no_arena, no_bss, in_itself, far_away;
};
struct fake_alloc {
	struct fake_maps m;
	struct btf *btf; /* of the program */
	gva_t bss, arena, prog_btf; /* in the kernel's memory */
	uint64_t next; /* low half where the arena is free */
	uint64_t root, leaf_chunk, mid_chunk;
	struct cap_report *r;
};

static inline void fa_member(struct btf *btf, const char *name, int type, uint32_t offset)
{
	assert_int_equal(btf__add_field(btf, name, type, offset * 8, 0), 0);
}

/* ---- what the program's BTF says ---- */

static inline void fa_add_slot_types(struct btf *b, int u64, int s32, const struct fa_opts *o)
{
	int u32 = btf__add_int(b, "unsigned int", 4, 0), flex = btf__add_array(b, u32, u64, 0);
	int parts = btf__add_struct(b, NULL, FA_HEADER_BYTES), id;

	fa_member(b, "idx", s32, FA_HEADER_IDX);
	fa_member(b, "genn", s32, FA_HEADER_GENN);
	id = btf__add_union(b, "sdt_id", FA_HEADER_BYTES);
	fa_member(b, "val", u64, 0);
	fa_member(b, NULL, parts, 0);
	if (o->only_declared) {
		assert_true(btf__add_fwd(b, "sdt_data", BTF_FWD_STRUCT) > 0);
		return;
	}
	assert_true(btf__add_struct(b, "sdt_data", FA_HEADER_BYTES) > 0);
	fa_member(b, "tid", id, 0);
	fa_member(b, "payload", flex, FA_HEADER_BYTES);
}

/* Nests so that @name is 8 bytes before the start, when places are counted with 32 bits. */
static inline int fa_add_far_type(struct btf *b, const char *name, int type)
{
	for (int i = 0; i < 8; i++) {
		int around = btf__add_struct(b, i < 7 ? NULL : "sdt_desc", FA_DESC_BYTES);

		assert_int_equal(btf__add_field(b, i ? NULL : name, type, UINT32_MAX - 7, 0), 0);
		type = around;
	}
	return type;
}

static inline int fa_add_tree_types(struct btf *b, int u64, const struct fa_opts *o)
{
	int bitmap = btf__add_array(b, 1, u64, FA_FANOUT / 64), ptr = btf__add_ptr(b, 0), ptrs;
	int desc;

	ptrs = btf__add_array(b, 1, ptr, FA_FANOUT);
	if (o->only_declared) {
		assert_true(btf__add_fwd(b, "sdt_chunk", BTF_FWD_STRUCT) > 0);
	} else {
		assert_true(btf__add_struct(b, "sdt_chunk", FA_FANOUT * 8) > 0);
		fa_member(b, "descs", ptrs, 0);
	}
	if (o->far_away) {
		desc = fa_add_far_type(b, "chunk", ptr);
	} else {
		desc = btf__add_struct(b, "sdt_desc", FA_DESC_BYTES);
		fa_member(b, "chunk", ptr, FA_DESC_CHUNK);
	}
	fa_member(b, "allocated", bitmap, FA_DESC_BITMAP);
	return btf__add_ptr(b, desc);
}

/* Each of its members is all of it, so that looking for one by name has no end. */
static inline int fa_add_endless_type(struct btf *b)
{
	int r = btf__add_struct(b, "scx_allocator", FA_ALLOC_BYTES);

	for (int i = 0; i < 1000; i++)
		fa_member(b, NULL, r, 0);
	return r;
}

static inline int fa_add_allocator_type(struct btf *b, int u64, int desc)
{
	int pool = btf__add_struct(b, "sdt_pool", 32), r;

	fa_member(b, "elem_size", u64, 16);
	r = btf__add_struct(b, "scx_allocator", FA_ALLOC_BYTES);
	fa_member(b, "pool", pool, FA_ALLOC_ELEM_SIZE - 16);
	fa_member(b, "root", desc, FA_ALLOC_ROOT);
	return r;
}

/* What a map of tasks has. */
static inline void fa_add_value_type(struct btf *b, int u64)
{
	int data = btf__add_ptr(b, btf__find_by_name(b, "sdt_data"));

	assert_true(btf__add_struct(b, "map_value", FA_VALUE_BYTES) > 0);
	fa_member(b, "n", u64, 0);
	fa_member(b, "data", data, FA_VALUE_DATA);
}

static inline void fa_add_payload_types(struct btf *b, int u64, const struct fa_opts *o)
{
	int other;

	if (o->no_payload)
		return;
	assert_true(btf__add_struct(b, "my_ctx", FA_PAYLOAD_BYTES) > 0);
	fa_member(b, "magic", u64, 0);
	fa_member(b, "peer", u64, 16);
	if (!o->two_payloads)
		return;
	other = btf__add_struct(b, "other_ctx", FA_PAYLOAD_BYTES);
	assert_true(other > 0);
	fa_member(b, "what", u64, 0);
	if (o->a_variable)
		assert_true(btf__add_var(b, "counters", BTF_VAR_STATIC, btf__add_const(b, other)) >
			    0);
}

static inline int fa_add_static_type(struct btf *b, int u64)
{
	int ptr = btf__add_ptr(b, 0), r = btf__add_struct(b, "scx_static", 24);

	fa_member(b, "max_alloc_bytes", u64, 0);
	fa_member(b, "memory", ptr, 8);
	fa_member(b, "off", u64, 16);
	return r;
}

static inline void fa_make_types(struct fake_alloc *a, const struct fa_opts *o)
{
	struct btf *b = a->btf = btf__new_empty();
	int u64 = btf__add_int(b, "unsigned long", 8, 0);
	int s32 = btf__add_int(b, "int", 4, BTF_INT_SIGNED), alloc = 0, pool, var[3];

	if (o->in_itself) {
		alloc = fa_add_endless_type(b);
	} else if (!o->no_types) {
		fa_add_slot_types(b, u64, s32, o);
		alloc = fa_add_allocator_type(b, u64, fa_add_tree_types(b, u64, o));
		fa_add_value_type(b, u64);
	}
	fa_add_payload_types(b, u64, o);
	pool = fa_add_static_type(b, u64);
	var[0] = btf__add_var(b, "task_allocator", BTF_VAR_GLOBAL_ALLOCATED,
			      alloc && !o->no_instance ? alloc : u64);
	var[1] = btf__add_var(b, "pool", BTF_VAR_GLOBAL_ALLOCATED, pool);
	var[2] = btf__add_var(b, "bad_pool", BTF_VAR_GLOBAL_ALLOCATED, pool);
	assert_true(btf__add_datasec(b, ".bss", FA_BSS_BYTES) > 0);
	assert_int_equal(btf__add_datasec_var_info(b, var[0], FA_BSS_TASKS, FA_ALLOC_BYTES), 0);
	assert_int_equal(btf__add_datasec_var_info(b, var[1], FA_BSS_POOL, 24), 0);
	assert_int_equal(btf__add_datasec_var_info(b, var[2], FA_BSS_BAD_POOL, 24), 0);
}

/* ---- the guest ---- */

static inline void fa_add_bss(struct fake_alloc *a)
{
	struct fake_guest *f = &a->m.f;
	gva_t map = fake_map(&a->m, "my.bss", BPF_MAP_TYPE_ARRAY, 4, FA_BSS_BYTES, 1);
	gva_t btf = fake_alloc(f, 96), data;
	const void *raw;
	uint32_t len;

	raw = btf__raw_data(a->btf, &len);
	data = fake_vmalloc(f, len);
	fake_write(f, data, raw, len);
	fake_put64(f, fake_off(btf, FM_BTF_DATA), data.v);
	fake_put(f, fake_off(btf, FM_BTF_SIZE), 4, len);
	fake_put64(f, fake_off(map, FM_MAP_BTF), btf.v);
	a->prog_btf = btf;
	a->bss = fake_off(map, FM_ARRAY_VALUE);
}

static inline void fa_add_arena(struct fake_alloc *a, const struct fa_opts *o)
{
	struct fake_guest *f = &a->m.f;
	gva_t map = fake_map(&a->m, "arena", BPF_MAP_TYPE_ARENA, 0, 0, FA_ARENA_PAGES);
	gva_t vm = fake_alloc(f, 64);

	a->arena = fake_vmalloc(f, FA_ARENA_PAGES * CAP_PAGE);
	fake_put64(f, fake_off(map, FM_ARENA_USER), FA_USER_START + (o->unaligned ? CAP_PAGE : 0));
	fake_put64(f, fake_off(map, FM_ARENA_VM), vm.v);
	fake_put64(f, fake_off(vm, FM_VM_ADDR), a->arena.v - 32768);
	a->next = CAP_PAGE;
}

static inline void fa_put(struct fake_alloc *a, uint64_t low, size_t bytes, uint64_t v)
{
	fake_put(&a->m.f, fake_off(a->arena, low), bytes, v);
}

static inline uint64_t fa_take(struct fake_alloc *a, size_t bytes)
{
	uint64_t at = a->next;

	a->next += (bytes + 7) & ~(size_t)7;
	assert_true(a->next <= FA_ARENA_PAGES * CAP_PAGE);
	return at;
}

/* A node with its chunk; low half of its address. */
static inline uint64_t fa_node(struct fake_alloc *a, uint64_t *ret_chunk)
{
	uint64_t desc = fa_take(a, FA_DESC_BYTES);

	*ret_chunk = fa_take(a, FA_FANOUT * 8);
	fa_put(a, desc + FA_DESC_CHUNK, 8, FA_USER_START + *ret_chunk);
	return desc;
}

/* Slot @i of the last level. */
static inline uint64_t fa_slot(struct fake_alloc *a, uint64_t leaf, uint32_t i, uint64_t magic)
{
	uint64_t slot = fa_take(a, FA_SLOT_BYTES), word = i / 64 * 8, bits;

	memcpy(&bits, fake_at(&a->m.f, fake_off(a->arena, leaf + FA_DESC_BITMAP + word)), 8);
	fa_put(a, leaf + FA_DESC_BITMAP + word, 8, bits | UINT64_C(1) << i % 64);
	fa_put(a, a->leaf_chunk + i * 8, 8, FA_USER_START + slot);
	fa_put(a, slot + FA_HEADER_IDX, 4, i);
	fa_put(a, slot + FA_HEADER_GENN, 4, i + 100);
	fa_put(a, slot + FA_HEADER_BYTES, 8, magic);
	return slot;
}

static inline void fa_init(struct fake_alloc *a, const struct fa_opts *o)
{
	*a = (struct fake_alloc){ 0 };
	fake_maps_init(&a->m);
	fa_make_types(a, o);
	if (!o->no_arena)
		fa_add_arena(a, o);
	if (!o->no_bss)
		fa_add_bss(a);
}

/* A tree with one leaf: root -> node -> leaf; @ret is the leaf. */
static inline uint64_t fa_tree(struct fake_alloc *a)
{
	uint64_t chunk, mid, leaf;

	a->root = fa_node(a, &chunk);
	mid = fa_node(a, &a->mid_chunk);
	leaf = fa_node(a, &a->leaf_chunk);
	fa_put(a, chunk, 8, FA_USER_START + mid);
	fa_put(a, a->mid_chunk, 8, FA_USER_START + leaf);
	fake_put64(&a->m.f, fake_off(a->bss, FA_BSS_TASKS + FA_ALLOC_ELEM_SIZE), FA_SLOT_BYTES);
	fake_put64(&a->m.f, fake_off(a->bss, FA_BSS_TASKS + FA_ALLOC_ROOT),
		   FA_USER_START + a->root);
	return leaf;
}

static inline const struct cap_report *fa_dump(struct fake_alloc *a)
{
	a->r = fake_maps_dump(&a->m, NULL);
	return a->r;
}

static inline void fa_done(struct fake_alloc *a)
{
	btf__free(a->btf);
	fake_maps_done(&a->m, a->r);
}

#endif
