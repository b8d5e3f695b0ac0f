/* SPDX-License-Identifier: GPL-2.0-only */
/* Arena allocators for BPF schedulers: fixed-size slots with stable ids, and a static pool. */
#ifndef KTSTR_BPF_SDT_ALLOC_BPF_H
#define KTSTR_BPF_SDT_ALLOC_BPF_H

#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/sdt_alloc.h"

#define SDT_PAGE_SIZE 4096
#define SDT_ARENA_PAGES 1024
#define SDT_NUMA_ANY (-1)

/* The most pages that one allocation can take: a chunk for each new node, and a slab per pool. */
#define SDT_WALK_PAGES ((SDT_LEVELS - 1) + 2)
/* Others may take pages that we put aside before we come back with the lock held. */
#define SDT_ATTEMPTS 64

/* The user address is 4 GiB-aligned, so the low half of an arena pointer is the page offset. */
struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SDT_ARENA_PAGES);
	__ulong(map_extra, 1ULL << 44);
} arena SEC(".maps");

void __arena *bpf_arena_alloc_pages(void *map, void __arena *addr, __u32 page_cnt, int node_id,
				    __u64 flags) __ksym;

/* The verifier wants each program that follows arena pointers to name the map once. */
#define ARENA_USED() asm volatile("" ::"r"(&arena))

/*
 * Puts the whole type into the object's BTF, for those who read our memory. Without this, types
 * that are only reached through a pointer in another one are declared there but not defined.
 */
#define KEEP_TYPE(type) asm volatile("" ::"r"(bpf_core_type_id_local(type)))

/*
 * Pages can only be allocated where sleeping is allowed, the tree only be changed under the lock:
 * so pages are put aside first, as a list through their first words, and taken under the lock.
 */
struct sdt_page {
	struct sdt_page __arena *next;
};

/* Not static: clang would split them up, and the kernel refuses the BTF that it writes for that. */
struct sdt_page __arena *sdt_spare;
__u64 sdt_nr_spare;
struct sdt_pool sdt_desc_pool;

/* On its own in a section: a map with a lock in it cannot be mapped, and .bss must be. */
static struct bpf_spin_lock sdt_lock SEC(".data.lock");

static __always_inline int sdt_add_spare(void)
{
	struct sdt_page __arena *page;

	page = bpf_arena_alloc_pages(&arena, NULL, 1, SDT_NUMA_ANY, 0);
	if (!page)
		return -ENOMEM;
	bpf_spin_lock(&sdt_lock);
	page->next = sdt_spare;
	sdt_spare = page;
	sdt_nr_spare++;
	bpf_spin_unlock(&sdt_lock);
	return 0;
}

/* The functions from here to sdt_claim() are called with the lock held. */
static __always_inline void __arena *sdt_take_page(void)
{
	struct sdt_page __arena *page = sdt_spare;

	if (!page)
		return NULL;
	sdt_spare = page->next;
	sdt_nr_spare--;
	page->next = NULL;
	return page;
}

static __always_inline void __arena *sdt_pool_take(struct sdt_pool *pool)
{
	char __arena *elem;

	if (!pool->slab || pool->idx >= pool->max_elems) {
		void __arena *slab = sdt_take_page();

		if (!slab)
			return NULL;
		pool->slab = slab;
		pool->idx = 0;
	}
	elem = (char __arena *)pool->slab + pool->idx * pool->elem_size;
	pool->idx++;
	return elem;
}

static __always_inline void sdt_pool_init(struct sdt_pool *pool, __u64 elem_size)
{
	pool->elem_size = elem_size;
	pool->max_elems = SDT_PAGE_SIZE / elem_size;
}

static __noinline struct sdt_desc __arena *sdt_new_desc(void)
{
	struct sdt_desc __arena *desc = sdt_pool_take(&sdt_desc_pool);
	struct sdt_chunk __arena *chunk = sdt_take_page();

	if (!desc || !chunk)
		return NULL;
	desc->nr_free = SDT_FANOUT;
	desc->chunk = chunk;
	return desc;
}

/* Position of the lowest clear bit of a word that has one; BPF has no instruction for it. */
static __always_inline __u32 sdt_lowest_clear(__u64 word)
{
	__u32 pos = 0;

	for (int width = 32; width > 0; width /= 2) {
		__u64 low = (1ULL << width) - 1;

		if ((word & low) == low) {
			word >>= width;
			pos += width;
		}
	}
	return pos;
}

static __noinline __u32 sdt_find_free(struct sdt_desc __arena *desc)
{
	for (__u32 i = 0; i < SDT_BITMAP_WORDS; i++) {
		__u64 word = desc->allocated[i];

		if (~word)
			return i * 64 + sdt_lowest_clear(word);
	}
	return SDT_FANOUT;
}

/* Returns true when this took the last free bit. */
static __always_inline bool sdt_mark(struct sdt_desc __arena *desc, __u32 i)
{
	desc->allocated[i / 64 % SDT_BITMAP_WORDS] |= 1ULL << i % 64;
	return --desc->nr_free == 0;
}

/* Returns true when nothing was free before. */
static __always_inline bool sdt_clear(struct sdt_desc __arena *desc, __u32 i)
{
	desc->allocated[i / 64 % SDT_BITMAP_WORDS] &= ~(1ULL << i % 64);
	return desc->nr_free++ == 0;
}

static __always_inline struct sdt_desc __arena *sdt_child(struct sdt_desc __arena *desc, __u32 i)
{
	struct sdt_desc __arena *child = desc->chunk->descs[i % SDT_FANOUT];

	if (!child) {
		child = sdt_new_desc();
		desc->chunk->descs[i % SDT_FANOUT] = child;
	}
	return child;
}

static __always_inline struct sdt_data __arena *sdt_claim(struct scx_allocator *alloc)
{
	struct sdt_desc __arena *top = alloc->root, *mid, *leaf;
	struct sdt_data __arena *data;
	__u32 t, m, l;

	t = sdt_find_free(top);
	if (t >= SDT_FANOUT)
		return NULL;
	mid = sdt_child(top, t);
	if (!mid)
		return NULL;
	m = sdt_find_free(mid);
	leaf = sdt_child(mid, m);
	if (!leaf)
		return NULL;
	l = sdt_find_free(leaf);
	data = leaf->chunk->data[l % SDT_FANOUT];
	if (!data) {
		data = sdt_pool_take(&alloc->pool);
		if (!data)
			return NULL;
		data->tid.idx = (t << 2 * SDT_FANOUT_SHIFT) | (m << SDT_FANOUT_SHIFT) | l;
		leaf->chunk->data[l % SDT_FANOUT] = data;
	}
	if (sdt_mark(leaf, l) && sdt_mark(mid, m))
		sdt_mark(top, t);
	return data;
}

/* Sleepable. Returns a slot with a zeroed payload, NULL when the arena is full. */
static __noinline struct sdt_data __arena *sdt_alloc(struct scx_allocator *alloc)
{
	struct sdt_data __arena *data = NULL;
	__u64 words = alloc->pool.elem_size / 8 - 1;
	volatile __u64 __arena *payload;
	bool done = false;

	for (int i = 0; i < SDT_ATTEMPTS && !done; i++) {
		bpf_spin_lock(&sdt_lock);
		if (sdt_nr_spare >= SDT_WALK_PAGES) {
			data = sdt_claim(alloc);
			done = true;
		}
		bpf_spin_unlock(&sdt_lock);
		if (!done && sdt_add_spare() < 0)
			return NULL;
	}
	if (!data)
		return NULL;
	/* Volatile, because clang makes a memset() of this otherwise and then cannot translate it. */
	payload = data->payload;
	for (__u64 i = 0; i < SDT_PAGE_SIZE / 8 && i < words; i++)
		payload[i] = 0;
	return data;
}

/* Never sleeps. @idx must come from a slot of @alloc that is in use. */
static __noinline int sdt_free(struct scx_allocator *alloc, __u32 idx)
{
	__u32 t = idx >> 2 * SDT_FANOUT_SHIFT, m = idx >> SDT_FANOUT_SHIFT, l = idx;
	struct sdt_desc __arena *top = alloc->root, *mid, *leaf;

	t %= SDT_FANOUT;
	m %= SDT_FANOUT;
	l %= SDT_FANOUT;
	bpf_spin_lock(&sdt_lock);
	mid = top->chunk->descs[t];
	leaf = mid->chunk->descs[m];
	leaf->chunk->data[l]->tid.genn++;
	if (sdt_clear(leaf, l) && sdt_clear(mid, m))
		sdt_clear(top, t);
	bpf_spin_unlock(&sdt_lock);
	return 0;
}

/* Sleepable; before the first sdt_alloc(). Returns 0 or -ENOMEM. */
static __always_inline int sdt_init(struct scx_allocator *alloc, __u64 payload_size)
{
	struct sdt_desc __arena *root;
	int r;

	KEEP_TYPE(struct sdt_chunk);
	KEEP_TYPE(struct sdt_data);
	for (int i = 0; i < SDT_WALK_PAGES; i++) {
		r = sdt_add_spare();
		if (r < 0)
			return r;
	}
	sdt_pool_init(&sdt_desc_pool, sizeof(struct sdt_desc));
	sdt_pool_init(&alloc->pool, sizeof(struct sdt_data) + payload_size);
	bpf_spin_lock(&sdt_lock);
	root = sdt_new_desc();
	alloc->root = root;
	bpf_spin_unlock(&sdt_lock);
	return root ? 0 : -ENOMEM;
}

/* Sleepable. Returns 0 or -ENOMEM. */
static __always_inline int scx_static_init(struct scx_static *pool, __u64 nr_pages)
{
	pool->memory = bpf_arena_alloc_pages(&arena, NULL, nr_pages, SDT_NUMA_ANY, 0);
	if (!pool->memory)
		return -ENOMEM;
	pool->max_alloc_bytes = nr_pages * SDT_PAGE_SIZE;
	return 0;
}

/* Not for concurrent use. Returns NULL when the pool is used up. */
static __always_inline void __arena *scx_static_alloc(struct scx_static *pool, __u64 bytes)
{
	void __arena *mem;

	if (bytes > pool->max_alloc_bytes - pool->off)
		return NULL;
	mem = (char __arena *)pool->memory + pool->off;
	pool->off += bytes;
	return mem;
}

#endif
