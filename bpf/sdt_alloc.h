/* SPDX-License-Identifier: GPL-2.0-only */
/* Layout of arena allocators: a three-level tree of slots, and a static pool. Read by debuggers. */
#ifndef KTSTR_BPF_SDT_ALLOC_H
#define KTSTR_BPF_SDT_ALLOC_H

#include <linux/types.h>

/*
 * Type and member names are those that tools look for in a scheduler's BTF: a struct scx_allocator
 * in .bss is walked from its root, and every slot whose bit is set is shown with its payload.
 */

#ifdef __bpf__
#define __arena __attribute__((address_space(1)))
#else
#define __arena
#endif

#define SDT_LEVELS 3
#define SDT_FANOUT_SHIFT 9
#define SDT_FANOUT (1 << SDT_FANOUT_SHIFT)
#define SDT_BITMAP_WORDS (SDT_FANOUT / 64)

/* Identifies one use of a slot: its place in the tree, and how often the place was freed before. */
union sdt_id {
	__s64 val;
	struct {
		__s32 idx;
		__s32 genn;
	};
};

/* A slot: header, then payload. */
struct sdt_data {
	union sdt_id tid;
	__u64 payload[];
};

struct sdt_chunk;

/*
 * One node. Bit i of @allocated is set when slot i is in use (last level) or when nothing is free
 * below child i (other levels); @nr_free counts the clear bits.
 */
struct sdt_desc {
	__u64 allocated[SDT_BITMAP_WORDS];
	__u64 nr_free;
	struct sdt_chunk __arena *chunk;
};

struct sdt_chunk {
	union {
		struct sdt_desc __arena *descs[SDT_FANOUT];
		struct sdt_data __arena *data[SDT_FANOUT];
	};
};

/* Cuts pages into elements of @elem_size bytes, header included; none crosses a page boundary. */
struct sdt_pool {
	void __arena *slab;
	__u64 elem_size;
	__u64 max_elems;
	__u64 idx;
};

struct scx_allocator {
	struct sdt_pool pool;
	struct sdt_desc __arena *root;
};

/* Memory handed out front to back and never freed. */
struct scx_static {
	__u64 max_alloc_bytes;
	void __arena *memory;
	__u64 off;
};

#endif
