/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small guest with BPF maps: the kernel's structures in places of their own, a table of ids, and maps that a test adds.
 *
 *   struct fake_maps m;
 *   fake_maps_init(&m);                                    more types may be added now
 *   gva_t map = fake_map(&m, "counts", BPF_MAP_TYPE_HASH, 4, 8, 64);
 *   struct cap_report *r = fake_maps_dump(&m, NULL);
 *   fake_maps_done(&m);                                    and the report
 */
#ifndef KTSTR_TESTS_UNIT_FAKE_MAPS_H
#define KTSTR_TESTS_UNIT_FAKE_MAPS_H

#include <linux/bpf.h>

#include "tests/unit/fake_guest.h"

/* Where things are in our structures: nowhere near where a kernel has them. */
enum {
	FM_MAP_NAME = 8,
	FM_MAP_TYPE = 24,
	FM_MAP_KEY_SIZE = 28,
	FM_MAP_VALUE_SIZE = 32,
	FM_MAP_MAX_ENTRIES = 36,
	FM_MAP_FLAGS = 40,
	FM_MAP_BTF = 48,
	FM_MAP_KEY_TYPE = 56,
	FM_MAP_VALUE_TYPE = 60,
	FM_MAP_VMLINUX_TYPE = 64,
	FM_MAP_BYTES = 128,
	FM_ARRAY_VALUE = 160,
	FM_HTAB_BUCKETS = 136,
	FM_HTAB_NR_BUCKETS = 144,
	FM_BUCKET_HEAD = 8,
	FM_BUCKET_BYTES = 16,
	FM_ELEM_KEY = 32,
	FM_STORAGE_BUCKETS = 136,
	FM_STORAGE_LOG = 144,
	FM_SELEM_LOCAL = 16,
	FM_SELEM_DATA = 40,
	FM_LOCAL_OWNER = 24,
	FM_RING_RB = 136,
	FM_RB_MASK = 8,
	FM_RB_CONSUMER = 4096,
	FM_RB_PRODUCER = 8192,
	FM_STACK_NR_BUCKETS = 136,
	FM_STACK_BUCKETS = 144,
	FM_STACK_NR = 12,
	FM_STACK_DATA = 16,
	FM_QUEUE_HEAD = 136,
	FM_QUEUE_TAIL = 140,
	FM_QUEUE_SIZE = 144,
	FM_QUEUE_ELEMENTS = 152,
	FM_ARENA_USER = 136,
	FM_ARENA_VM = 144,
	FM_ARENA_SCRATCH = 152,
	FM_VM_ADDR = 16,
	FM_PAGE_BYTES = 64,
	FM_NODE_SHIFT = 0,
	FM_NODE_SLOTS = 40,
	FM_IDR_HEAD = 8,
	FM_BTF_DATA = 8,
	FM_BTF_SIZE = 16,
	FM_BTF_BASE = 24,
	FM_BTF_KERNEL = 32,
	FM_BTF_NAME = 40,
};

struct fake_maps {
	struct fake_guest f;
	gva_t idr, node; /* of map_idr */
	unsigned nr;
};

static inline int fake_ptr(struct fake_guest *f, int to)
{
	return btf__add_ptr(f->btf, to);
}

static inline int fake_flex(struct fake_guest *f, int elem)
{
	return btf__add_array(f->btf, fake_u32(f), elem, 0);
}

static inline void fake_add_idr_types(struct fake_guest *f)
{
	int ptr = fake_ptr(f, 0), slots = btf__add_array(f->btf, fake_u32(f), ptr, 64);
	int u8 = fake_int(f, "unsigned char", 1, 0), xa;

	xa = btf__add_struct(f->btf, "xarray", 16);
	fake_member(f, "xa_head", ptr, FM_IDR_HEAD);
	btf__add_struct(f->btf, "idr", 24);
	fake_member(f, "idr_rt", xa, 0);
	btf__add_struct(f->btf, "xa_node", FM_NODE_SLOTS + 64 * 8);
	fake_member(f, "shift", u8, FM_NODE_SHIFT);
	fake_member(f, "slots", slots, FM_NODE_SLOTS);
}

static inline int fake_add_map_type(struct fake_guest *f)
{
	int ptr = fake_ptr(f, 0), name = fake_char_array(f, 16), u32 = fake_u32(f);
	int map = btf__add_struct(f->btf, "bpf_map", FM_MAP_BYTES);

	fake_member(f, "name", name, FM_MAP_NAME);
	fake_member(f, "map_type", u32, FM_MAP_TYPE);
	fake_member(f, "key_size", u32, FM_MAP_KEY_SIZE);
	fake_member(f, "value_size", u32, FM_MAP_VALUE_SIZE);
	fake_member(f, "max_entries", u32, FM_MAP_MAX_ENTRIES);
	fake_member(f, "map_flags", u32, FM_MAP_FLAGS);
	fake_member(f, "btf", ptr, FM_MAP_BTF);
	fake_member(f, "btf_key_type_id", u32, FM_MAP_KEY_TYPE);
	fake_member(f, "btf_value_type_id", u32, FM_MAP_VALUE_TYPE);
	fake_member(f, "btf_vmlinux_value_type_id", u32, FM_MAP_VMLINUX_TYPE);
	return map;
}

static inline void fake_add_array_types(struct fake_guest *f, int map)
{
	int bytes = fake_flex(f, fake_int(f, "char", 1, BTF_INT_SIGNED | BTF_INT_CHAR));
	int ptrs = fake_flex(f, fake_ptr(f, 0)), u32 = fake_u32(f);

	btf__add_struct(f->btf, "bpf_array", FM_ARRAY_VALUE);
	fake_member(f, "map", map, 0);
	fake_member(f, "value", bytes, FM_ARRAY_VALUE);
	fake_member(f, "ptrs", ptrs, FM_ARRAY_VALUE);
	fake_member(f, "pptrs", ptrs, FM_ARRAY_VALUE);
	btf__add_struct(f->btf, "bpf_queue_stack", FM_QUEUE_ELEMENTS);
	fake_member(f, "map", map, 0);
	fake_member(f, "head", u32, FM_QUEUE_HEAD);
	fake_member(f, "tail", u32, FM_QUEUE_TAIL);
	fake_member(f, "size", u32, FM_QUEUE_SIZE);
	fake_member(f, "elements", bytes, FM_QUEUE_ELEMENTS);
}

static inline void fake_add_hash_types(struct fake_guest *f, int map)
{
	int bytes = fake_flex(f, fake_int(f, "char", 1, BTF_INT_SIGNED | BTF_INT_CHAR));
	int ptr = fake_ptr(f, 0), u32 = fake_u32(f), head, node, bucket;

	head = btf__add_struct(f->btf, "hlist_nulls_head", 8);
	fake_member(f, "first", ptr, 0);
	node = btf__add_struct(f->btf, "hlist_nulls_node", 16);
	fake_member(f, "next", ptr, 0);
	fake_member(f, "pprev", ptr, 8);
	btf__add_struct(f->btf, "bucket", 64); /* of something else, that is called the same */
	fake_member(f, "head", head, 48);
	bucket = btf__add_struct(f->btf, "bucket", FM_BUCKET_BYTES);
	fake_member(f, "head", head, FM_BUCKET_HEAD);
	bucket = fake_ptr(f, bucket);
	btf__add_struct(f->btf, "bpf_htab", 192);
	fake_member(f, "map", map, 0);
	fake_member(f, "buckets", bucket, FM_HTAB_BUCKETS);
	fake_member(f, "n_buckets", u32, FM_HTAB_NR_BUCKETS);
	btf__add_struct(f->btf, "htab_elem", FM_ELEM_KEY);
	fake_member(f, "hash_node", node, 0);
	fake_member(f, "key", bytes, FM_ELEM_KEY);
}

static inline void fake_add_storage_types(struct fake_guest *f, int map)
{
	int bytes = fake_flex(f, fake_int(f, "unsigned char", 1, 0));
	int ptr = fake_ptr(f, 0), u32 = fake_u32(f), head, node, data, bucket;

	head = btf__add_struct(f->btf, "hlist_head", 8);
	fake_member(f, "first", ptr, 0);
	node = btf__add_struct(f->btf, "hlist_node", 16);
	fake_member(f, "next", ptr, 0);
	data = btf__add_struct(f->btf, "bpf_local_storage_data", 8);
	fake_member(f, "data", bytes, 8);
	btf__add_struct(f->btf, "bpf_local_storage_elem", 48);
	fake_member(f, "map_node", node, 0);
	fake_member(f, "local_storage", ptr, FM_SELEM_LOCAL);
	fake_member(f, "sdata", data, FM_SELEM_DATA - 8);
	btf__add_struct(f->btf, "bpf_local_storage", 64);
	fake_member(f, "owner", ptr, FM_LOCAL_OWNER);
	bucket = btf__add_struct(f->btf, "bpf_local_storage_map_bucket", FM_BUCKET_BYTES);
	fake_member(f, "list", head, FM_BUCKET_HEAD);
	bucket = fake_ptr(f, bucket);
	btf__add_struct(f->btf, "bpf_local_storage_map", 192);
	fake_member(f, "map", map, 0);
	fake_member(f, "buckets", bucket, FM_STORAGE_BUCKETS);
	fake_member(f, "bucket_log", u32, FM_STORAGE_LOG);
}

static inline void fake_add_ring_and_stack_types(struct fake_guest *f, int map)
{
	int u64 = fake_u64(f), u32 = fake_u32(f), ptr = fake_ptr(f, 0), ptrs = fake_flex(f, ptr);
	int pcs = fake_flex(f, u64);

	btf__add_struct(f->btf, "bpf_ringbuf_map", 144);
	fake_member(f, "map", map, 0);
	fake_member(f, "rb", ptr, FM_RING_RB);
	btf__add_struct(f->btf, "bpf_ringbuf", 12288);
	fake_member(f, "mask", u64, FM_RB_MASK);
	fake_member(f, "consumer_pos", u64, FM_RB_CONSUMER);
	fake_member(f, "producer_pos", u64, FM_RB_PRODUCER);
	btf__add_struct(f->btf, "bpf_stack_map", 144);
	fake_member(f, "map", map, 0);
	fake_member(f, "n_buckets", u32, FM_STACK_NR_BUCKETS);
	fake_member(f, "buckets", ptrs, FM_STACK_BUCKETS);
	btf__add_struct(f->btf, "stack_map_bucket", 16);
	fake_member(f, "nr", u32, FM_STACK_NR);
	fake_member(f, "data", pcs, FM_STACK_DATA);
}

static inline void fake_add_arena_types(struct fake_guest *f, int map)
{
	int u64 = fake_u64(f), ptr = fake_ptr(f, 0);

	btf__add_struct(f->btf, "bpf_arena", 160);
	fake_member(f, "map", map, 0);
	fake_member(f, "user_vm_start", u64, FM_ARENA_USER);
	fake_member(f, "kern_vm", ptr, FM_ARENA_VM);
	fake_member(f, "scratch_page", ptr, FM_ARENA_SCRATCH);
	btf__add_struct(f->btf, "vm_struct", 64);
	fake_member(f, "addr", ptr, FM_VM_ADDR);
	btf__add_struct(f->btf, "page", FM_PAGE_BYTES);
	fake_member(f, "flags", u64, 0);
}

static inline void fake_add_btf_type(struct fake_guest *f)
{
	int u32 = fake_u32(f), ptr = fake_ptr(f, 0), name = fake_char_array(f, 56);
	int yes = fake_int(f, "_Bool", 1, BTF_INT_BOOL);

	btf__add_struct(f->btf, "btf", 96);
	fake_member(f, "data", ptr, FM_BTF_DATA);
	fake_member(f, "data_size", u32, FM_BTF_SIZE);
	fake_member(f, "base_btf", ptr, FM_BTF_BASE);
	fake_member(f, "kernel_btf", yes, FM_BTF_KERNEL);
	fake_member(f, "name", name, FM_BTF_NAME);
}

static inline void fake_maps_init(struct fake_maps *m)
{
	int map;

	*m = (struct fake_maps){ 0 };
	fake_init(&m->f, NULL);
	fake_add_idr_types(&m->f);
	map = fake_add_map_type(&m->f);
	fake_add_array_types(&m->f, map);
	fake_add_hash_types(&m->f, map);
	fake_add_storage_types(&m->f, map);
	fake_add_ring_and_stack_types(&m->f, map);
	fake_add_arena_types(&m->f, map);
	fake_add_btf_type(&m->f);
	m->idr = fake_static(&m->f, "map_idr", 24);
	m->node = fake_alloc(&m->f, FM_NODE_SLOTS + 64 * 8);
	fake_put64(&m->f, (gva_t){ m->idr.v + FM_IDR_HEAD }, m->node.v | 2);
}

static inline gva_t fake_slot(gva_t node, unsigned i)
{
	return (gva_t){ node.v + FM_NODE_SLOTS + i * 8 };
}

static inline gva_t fake_off(gva_t at, uint64_t offset)
{
	return (gva_t){ at.v + offset };
}

/* A map with a page to itself, under the next id. */
static inline gva_t fake_map(struct fake_maps *m, const char *name, uint32_t type,
			     uint32_t key_size, uint32_t value_size, uint32_t max_entries)
{
	gva_t map = fake_alloc(&m->f, CAP_PAGE);

	fake_write(&m->f, fake_off(map, FM_MAP_NAME), name, strlen(name) + 1);
	fake_put(&m->f, fake_off(map, FM_MAP_TYPE), 4, type);
	fake_put(&m->f, fake_off(map, FM_MAP_KEY_SIZE), 4, key_size);
	fake_put(&m->f, fake_off(map, FM_MAP_VALUE_SIZE), 4, value_size);
	fake_put(&m->f, fake_off(map, FM_MAP_MAX_ENTRIES), 4, max_entries);
	fake_put64(&m->f, fake_slot(m->node, ++m->nr), map.v);
	return map;
}

static inline void fake_map_types(struct fake_maps *m, gva_t map, int key, int value)
{
	fake_put(&m->f, fake_off(map, FM_MAP_KEY_TYPE), 4, (uint32_t)key);
	fake_put(&m->f, fake_off(map, FM_MAP_VALUE_TYPE), 4, (uint32_t)value);
}

static inline struct cap_report *fake_maps_dump(struct fake_maps *m, const struct cap_dump_opts *o)
{
	struct cap_report *r = NULL;
	struct kt_err e = { 0 };

	if (!m->f.g)
		fake_open(&m->f);
	cap_guest_forget(m->f.g);
	assert_int_equal(cap_dump(m->f.g, o, &r, &e), 0);
	return r;
}

static inline void fake_maps_done(struct fake_maps *m, struct cap_report *r)
{
	cap_report_free(r);
	fake_done(&m->f);
}

/* ---- hash tables ---- */

/* @nr_buckets of them in a table of their own, each empty. */
static inline gva_t fake_hash_table(struct fake_maps *m, gva_t map, uint32_t nr_buckets)
{
	gva_t table = fake_vmalloc(&m->f, nr_buckets * (size_t)FM_BUCKET_BYTES);

	fake_put64(&m->f, fake_off(map, FM_HTAB_BUCKETS), table.v);
	fake_put(&m->f, fake_off(map, FM_HTAB_NR_BUCKETS), 4, nr_buckets);
	for (uint32_t i = 0; i < nr_buckets; i++)
		fake_put64(&m->f, fake_off(table, i * FM_BUCKET_BYTES + FM_BUCKET_HEAD), i * 2 + 1);
	return table;
}

/* An element with a 4-byte key and an 8-byte value, first in @bucket. */
static inline gva_t fake_hash_elem(struct fake_maps *m, gva_t table, uint32_t bucket, uint32_t key,
				   uint64_t value)
{
	gva_t head = fake_off(table, bucket * FM_BUCKET_BYTES + FM_BUCKET_HEAD);
	gva_t elem = fake_alloc(&m->f, 64);
	uint64_t first;

	memcpy(&first, fake_at(&m->f, head), sizeof(first));
	fake_put64(&m->f, elem, first);
	fake_put(&m->f, fake_off(elem, FM_ELEM_KEY), 4, key);
	fake_put64(&m->f, fake_off(elem, FM_ELEM_KEY + 8), value);
	fake_put64(&m->f, head, elem.v);
	return elem;
}

#endif
