/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scheduler with a map of every type that a dump renders or names. The kernel does the scheduling; when told to, the
 * scheduler ends itself with an error. tests/vm/progs/map_zoo.c fills the maps.
 */
#include "tests/vm/progs/map_zoo.h"
#include "bpf/sched_ext.bpf.h"

char _license[] SEC("license") = "GPL";

#define SHARED_DSQ 0

volatile int zoo_error; /* .bss: set from outside, the end */
struct zoo_val zoo_bss;
struct zoo_val zoo_data = { .magic = 1 }; /* .data */
const volatile struct zoo_val zoo_rodata = { .magic = 2 };
__u64 zoo_counter SEC(".data.zoo");

#define MAP_OF(kind, map_name, key_type, value_type, entries) \
	struct { \
		__uint(type, kind); \
		__uint(max_entries, entries); \
		__type(key, key_type); \
		__type(value, value_type); \
	} map_name SEC(".maps")
#define STORAGE_OF(kind, map_name) \
	struct { \
		__uint(type, kind); \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
		__type(key, int); \
		__type(value, struct zoo_storage); \
	} map_name SEC(".maps")
#define RAW_MAP(kind, map_name, key_bytes, value_bytes, entries) \
	struct { \
		__uint(type, kind); \
		__uint(max_entries, entries); \
		__uint(key_size, key_bytes); \
		__uint(value_size, value_bytes); \
	} map_name SEC(".maps")

MAP_OF(BPF_MAP_TYPE_ARRAY, zoo_one, __u32, struct zoo_val, 1);
MAP_OF(BPF_MAP_TYPE_ARRAY, zoo_many, __u32, struct zoo_val, ZOO_MANY);
MAP_OF(BPF_MAP_TYPE_PERCPU_ARRAY, zoo_pcpu, __u32, struct zoo_val, ZOO_PERCPU_KEYS);
MAP_OF(BPF_MAP_TYPE_HASH, zoo_hash, struct zoo_key, struct zoo_val, 64);
MAP_OF(BPF_MAP_TYPE_HASH, zoo_thousand, __u32, __u64, ZOO_THOUSAND);
MAP_OF(BPF_MAP_TYPE_LRU_HASH, zoo_lru, struct zoo_key, struct zoo_val, 64);
MAP_OF(BPF_MAP_TYPE_PERCPU_HASH, zoo_pcpu_hash, struct zoo_key, struct zoo_val, 64);
MAP_OF(BPF_MAP_TYPE_LRU_PERCPU_HASH, zoo_lru_pcpu, struct zoo_key, struct zoo_val, 64);
STORAGE_OF(BPF_MAP_TYPE_TASK_STORAGE, zoo_task);
STORAGE_OF(BPF_MAP_TYPE_CGRP_STORAGE, zoo_cgrp);
STORAGE_OF(BPF_MAP_TYPE_INODE_STORAGE, zoo_inode);
STORAGE_OF(BPF_MAP_TYPE_SK_STORAGE, zoo_sk);
RAW_MAP(BPF_MAP_TYPE_STACK_TRACE, zoo_stacks, 4, ZOO_STACK_FRAMES * 8, 64);
RAW_MAP(BPF_MAP_TYPE_PROG_ARRAY, zoo_progs, 4, 4, 8);
RAW_MAP(BPF_MAP_TYPE_PERF_EVENT_ARRAY, zoo_perf, 4, 4, 8);
RAW_MAP(BPF_MAP_TYPE_CGROUP_ARRAY, zoo_cgroups, 4, 4, 8);
RAW_MAP(BPF_MAP_TYPE_DEVMAP, zoo_devmap, 4, 4, 8);
RAW_MAP(BPF_MAP_TYPE_CPUMAP, zoo_cpumap, 4, 4, 8);
RAW_MAP(BPF_MAP_TYPE_SOCKMAP, zoo_sockmap, 4, 4, 8);
RAW_MAP(BPF_MAP_TYPE_SOCKHASH, zoo_sockhash, 4, 4, 8);
RAW_MAP(BPF_MAP_TYPE_DEVMAP_HASH, zoo_devhash, 4, 4, 8);
RAW_MAP(BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, zoo_reuseport, 4, 8, 8);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 64);
	__type(key, struct zoo_key);
	__type(value, struct zoo_val);
} zoo_lazy_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, ZOO_RING_BYTES);
} zoo_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, ZOO_RING_BYTES);
} zoo_user_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ZOO_ARENA_PAGES);
} zoo_arena SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, ZOO_QUEUE_SLOTS);
	__type(value, struct zoo_key);
} zoo_queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, ZOO_QUEUE_SLOTS);
	__type(value, struct zoo_key);
} zoo_stack SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 16);
	__type(value, __u32);
} zoo_bloom SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16);
	__uint(key_size, 8);
	__uint(value_size, 8);
} zoo_trie SEC(".maps");

struct inner_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
};
struct inner_map zoo_inner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct inner_map);
} zoo_maps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct inner_map);
} zoo_hash_maps SEC(".maps");

/*
 * Run by the loader, in its own task: records for the ring, stacks, and the storage of this very task with the address
 * that only a program knows.
 */
SEC("raw_tp/sys_enter")
int zoo_touch(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *self = bpf_get_current_task_btf();
	struct zoo_key record = { .a = 7, .b = 8, .c = -9 };
	struct zoo_storage *val;

	bpf_ringbuf_output(&zoo_ring, &record, sizeof(record), 0);
	bpf_get_stackid(ctx, &zoo_stacks, 0);
	bpf_get_stackid(ctx, &zoo_stacks, BPF_F_USER_STACK);
	val = bpf_task_storage_get(&zoo_task, self, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (val) {
		val->self = (__u64)self;
		val->nr = 77;
		val->twice = 154;
	}
	return 0;
}

SEC("struct_ops/zoo_enqueue")
void BPF_PROG(zoo_enqueue, struct task_struct *p, __u64 enq_flags)
{
	if (p->flags & PF_KTHREAD)
		scx_insert(p, SCX_DSQ_LOCAL, enq_flags);
	else
		scx_insert(p, SHARED_DSQ, enq_flags);
}

SEC("struct_ops/zoo_dispatch")
void BPF_PROG(zoo_dispatch, __s32 cpu, struct task_struct *prev)
{
	if (zoo_error) {
		scx_error("map zoo: all maps are filled");
		return;
	}
	scx_move_to_local(SHARED_DSQ);
}

SEC("struct_ops.s/zoo_init")
__s32 BPF_PROG(zoo_init)
{
	return scx_bpf_create_dsq(SHARED_DSQ, -1);
}

SEC(".struct_ops.link")
struct sched_ext_ops zoo_ops = {
	.enqueue = (void *)zoo_enqueue,
	.dispatch = (void *)zoo_dispatch,
	.init = (void *)zoo_init,
	.timeout_ms = 20000,
	.name = "map_zoo",
};
