/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the map walk: what a renderer of one map type gets, and what it may use. Only for maps.c and map_*.c. */
#ifndef KTSTR_CAPTURE_MAPS_H
#define KTSTR_CAPTURE_MAPS_H

#include "capture/internal.h"

/* One map being walked. */
struct cap_map_walk {
	struct cap_dump *d;
	const struct cap_map *m;
	struct cap_map_report *out;
	struct cap_render render; /* render.btf: types of its key and value; never NULL */
	struct cap_map_budget *budget; /* NULL: no limit */
	uint64_t spent; /* of it */
	bool stop_said; /* that it is used up, in out->error */
};

/* What all maps of a dump may cost together: a guest can have 65 536 of them, each with as much as can be. */
struct cap_map_budget {
	uint64_t bytes; /* left */
	unsigned reads;
	bool late; /* the dump's deadline is over */
};
#define CAP_MAP_BUDGET (UINT64_C(512) << 20)
#define CAP_MAP_BUDGET_OF_ONE (UINT64_C(64) << 20) /* as much as a report may hold */

/* uapi/linux/bpf.h, enum bpf_map_type: numbers that never change; ours go by the names of 7.3. */
enum cap_map_type {
	CAP_MAP_HASH = 1,
	CAP_MAP_ARRAY = 2,
	CAP_MAP_PROG_ARRAY = 3,
	CAP_MAP_PERF_EVENT_ARRAY = 4,
	CAP_MAP_PERCPU_HASH = 5,
	CAP_MAP_PERCPU_ARRAY = 6,
	CAP_MAP_STACK_TRACE = 7,
	CAP_MAP_CGROUP_ARRAY = 8,
	CAP_MAP_LRU_HASH = 9,
	CAP_MAP_LRU_PERCPU_HASH = 10,
	CAP_MAP_LPM_TRIE = 11,
	CAP_MAP_ARRAY_OF_MAPS = 12,
	CAP_MAP_HASH_OF_MAPS = 13,
	CAP_MAP_DEVMAP = 14,
	CAP_MAP_SOCKMAP = 15,
	CAP_MAP_CPUMAP = 16,
	CAP_MAP_XSKMAP = 17,
	CAP_MAP_SOCKHASH = 18,
	CAP_MAP_CGROUP_STORAGE = 19,
	CAP_MAP_REUSEPORT_SOCKARRAY = 20,
	CAP_MAP_PERCPU_CGROUP_STORAGE = 21,
	CAP_MAP_QUEUE = 22,
	CAP_MAP_STACK = 23,
	CAP_MAP_SK_STORAGE = 24,
	CAP_MAP_DEVMAP_HASH = 25,
	CAP_MAP_STRUCT_OPS = 26,
	CAP_MAP_RINGBUF = 27,
	CAP_MAP_INODE_STORAGE = 28,
	CAP_MAP_TASK_STORAGE = 29,
	CAP_MAP_BLOOM_FILTER = 30,
	CAP_MAP_USER_RINGBUF = 31,
	CAP_MAP_CGRP_STORAGE = 32,
	CAP_MAP_ARENA = 33,
	CAP_MAP_INSN_ARRAY = 34,
};

/* wire-schema.md section 2.4. */
enum {
	CAP_MAP_ENTRIES_MAX = 4096, /* of a hash, of local storage; keys of an array */
	CAP_MAP_PERCPU_KEYS_MAX = 256,
	CAP_MAP_BUCKETS_MAX = 1 << 20, /* looked at; those of 16 M entries are mostly empty */
	CAP_MAP_VALUE_MAX =
		8 << 20, /* bytes of one value: of the section of a program's variables */
	CAP_MAP_ELEM_MAX = 1 << 20, /* bytes of one of many: more is cut */
};

/* ---- maps.c, map_read.c ---- */

/*
 * Guest memory, as cap_guest_read(), within what all maps of a dump may cost together: -EDQUOT, and nothing can be read any more.
 * The reason is in the map's error by cap_map_stopped().
 */
int cap_map_read(struct cap_map_walk *w, gva_t va, void *buf, size_t len);
/* As many bytes as can be read from @va on, page by page; at most @len. */
size_t cap_map_read_some(struct cap_map_walk *w, gva_t va, void *buf, size_t len);
/* True: no more reading, time or the budget is used up; said in the map's error. */
bool cap_map_stopped(struct cap_map_walk *w);
/* Adds to the map's error, after "; ". */
void cap_map_error(struct cap_map_walk *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* cap_layout(), or NULL with the reason in the map's error. */
const void *cap_map_layout(struct cap_map_walk *w, const struct cap_layout_desc *desc);
/* A value of type @type_id, in the pool. NULL: it has no type that is known, or no memory. */
const struct cap_value *cap_map_value(struct cap_map_walk *w, uint32_t type_id, const void *data,
				      size_t len);
/* The same, as bytes where it has no type. */
const struct cap_value *cap_map_value_or_bytes(struct cap_map_walk *w, const void *data,
					       size_t len);
/* "hash": for messages. NULL: a type that is not in the table. */
const char *cap_map_type_name(uint32_t type);

/*
 * The table that a map's pointer to an array of structs leads to, as BTF has it: bytes of one, and where @member is in it.
 * The struct's name may be anyone's ("bucket"), so that the pointer's own type is followed.
 */
bool cap_map_pointee(const struct cap_types *t, const struct cap_field *pointer, const char *member,
		     uint32_t *ret_bytes, uint32_t *ret_offset);

/* Heads of hash chains: an array of @nr structs of @bytes, with a pointer at @offset. Calls @fn for each that is not 0. */
struct cap_map_buckets {
	gva_t table;
	uint64_t nr;
	uint32_t bytes, offset;
};
void cap_map_buckets_each(struct cap_map_walk *w, const struct cap_map_buckets *b,
			  bool (*fn)(void *ctx, uint64_t index, gva_t first), void *ctx);

/* cap_layout_array: what lies in, or right behind, a map's own structure. */
struct cap_array_layout {
	struct cap_field value, ptrs, pptrs; /* struct bpf_array */
	struct cap_field netdev_map, sks, cpu_map, xsk_map,
		reuseport; /* of other arrays of pointers */
	struct cap_field elements, head, tail, size; /* struct bpf_queue_stack */
};

/* A per-CPU value at @pptr, as every CPU has it. NULL: no memory. */
const struct cap_value **cap_map_per_cpu(struct cap_map_walk *w, gva_t pptr, size_t *ret_nr_cpus);

/* ---- one per kind of map ---- */

void cap_map_render_array(struct cap_map_walk *w);
void cap_map_render_percpu_array(struct cap_map_walk *w);
void cap_map_render_hash(struct cap_map_walk *w);
void cap_map_render_percpu_hash(struct cap_map_walk *w);
void cap_map_render_hash_of_maps(struct cap_map_walk *w);
void cap_map_render_storage(struct cap_map_walk *w);
void cap_map_render_struct_ops(struct cap_map_walk *w);
void cap_map_render_ringbuf(struct cap_map_walk *w);
void cap_map_render_stack_trace(struct cap_map_walk *w);
void cap_map_render_arena(struct cap_map_walk *w);
void cap_map_render_fd_array(struct cap_map_walk *w);
void cap_map_render_fd_hash(struct cap_map_walk *w);
void cap_map_render_queue(struct cap_map_walk *w);

/* The value's "struct sdt_data __arena *" followed to a slot whose type is known and that is not in the report. (map_payload.c) */
const struct cap_value *cap_map_payload(struct cap_map_walk *w, const void *value, size_t len);

#endif
