/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Members that hold pointers as numbers, and numbers that look like them. Each holder_... below is one question, which
 * tests/unit/test_capture_cast.c has the answer to. Never loaded: it only has to compile.
 */
#include "bpf/sched_ext.bpf.h"

char _license[] SEC("license") = "GPL";

#define __arena __attribute__((address_space(1)))

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16);
} arena SEC(".maps");

void __arena *bpf_arena_alloc_pages(void *map, void __arena *addr, __u32 page_cnt, int node_id,
				    __u64 flags) __ksym;
struct cgroup *bpf_cgroup_from_id(__u64 id) __ksym;

struct arena_node {
	__u64 weight;
	__u32 depth;
	struct arena_node __arena *next;
};
struct arena_leaf {
	__u32 kind;
	__u32 pad;
	__u64 key;
	struct arena_node embedded;
};

#define KEEP_TYPE(type) asm volatile("" ::"r"(bpf_core_type_id_local(type)))

/* Not static, so that clang keeps each as it is. */
struct holder_stored {
	__u64 plain_before;
	__u64 ptr;
} stored;
struct holder_loaded {
	__u64 ptr;
} loaded;
struct holder_kernel {
	__u64 task, cgroup;
} kernel;
struct holder_both_spaces {
	__u64 mixed;
} both_spaces;
struct holder_number {
	__u64 counted, added, timed, tagged, copied;
} number;
struct holder_two_types {
	__u64 either;
} two_types;
struct holder_interior {
	__u64 inside;
} interior;
struct holder_element {
	__u64 seq;
	__u64 ptr;
};
struct holder_element elements[64];
struct holder_nested {
	struct {
		__u64 ptr;
	} inner;
} nested;
struct holder_forwarded {
	__u64 first, second;
} forwarded;
struct holder_called {
	__u64 by_static, by_global;
} called;
__u64 bare_variable;
__u64 bare_counter;

struct map_value {
	__u64 stamp;
	__u64 task;
	__u64 node;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct map_value);
} values SEC(".maps");
struct copied_value {
	__u64 stamp;
	__u64 node;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct copied_value);
} copies SEC(".maps");

static __always_inline struct arena_node __arena *new_node(void)
{
	struct arena_node __arena *node = bpf_arena_alloc_pages(&arena, NULL, 1, -1, 0);

	if (!node)
		return NULL;
	node->weight = 1;
	node->depth = 2;
	node->next = NULL;
	return node;
}

SEC("struct_ops/casts_select_cpu")
__s32 BPF_PROG(casts_select_cpu, struct task_struct *p, __s32 prev_cpu, __u64 wake_flags)
{
	struct arena_node __arena *node = new_node();
	struct cgroup *cgroup;
	__u32 i = bpf_get_prandom_u32() % 64;

	KEEP_TYPE(struct arena_node);
	KEEP_TYPE(struct arena_leaf);
	if (!node)
		return prev_cpu;
	stored.ptr = (__u64)node;
	stored.plain_before = 0x12345678;
	elements[i].ptr = (__u64)node;
	elements[i].seq++;
	nested.inner.ptr = (__u64)node;
	bare_variable = (__u64)node;
	kernel.task = (__u64)p;
	cgroup = bpf_cgroup_from_id(1);
	kernel.cgroup = (__u64)cgroup;
	return prev_cpu;
}

SEC("struct_ops/casts_enqueue")
void BPF_PROG(casts_enqueue, struct task_struct *p, __u64 enq_flags)
{
	struct arena_node __arena *node = (struct arena_node __arena *)loaded.ptr;

	if (enq_flags & 1)
		node->weight = node->depth;
	if (enq_flags & 2)
		both_spaces.mixed = (__u64)p;
	else
		both_spaces.mixed = (__u64)new_node();
	number.counted++;
	__sync_fetch_and_add(&number.added, 1);
	__sync_fetch_and_add(&bare_counter, 1);
	number.timed = bpf_ktime_get_ns();
	number.tagged = (__u64)p | 1;
	number.copied = number.timed;
}

SEC("struct_ops/casts_dispatch")
void BPF_PROG(casts_dispatch, __s32 cpu, struct task_struct *prev)
{
	struct arena_leaf __arena *leaf = bpf_arena_alloc_pages(&arena, NULL, 1, -1, 0);
	struct arena_node __arena *node = new_node();
	struct copied_value copy = { .stamp = bpf_ktime_get_ns() };
	struct map_value *value;
	__u32 key = cpu;

	if (!leaf || !node)
		return;
	leaf->kind = 1;
	leaf->key = 2;
	two_types.either = cpu ? (__u64)node : (__u64)leaf;
	interior.inside = (__u64)&leaf->embedded;
	forwarded.first = (__u64)node;
	forwarded.second = forwarded.first;
	value = bpf_map_lookup_elem(&values, &key);
	if (value) {
		value->stamp = bpf_ktime_get_ns();
		value->task = (__u64)prev;
		value->node = (__u64)node;
	}
	copy.node = (__u64)node;
	bpf_map_update_elem(&copies, &key, &copy, BPF_ANY);
}

static __noinline int remember(struct arena_node __arena *node, int unused)
{
	asm volatile("" ::"r"(unused));
	called.by_static = (__u64)node;
	return 0;
}

__noinline int remember_task(struct task_struct *p)
{
	if (!p)
		return 0;
	called.by_global = (__u64)p;
	return 0;
}

SEC("struct_ops/casts_yield")
bool BPF_PROG(casts_yield, struct task_struct *from, struct task_struct *to)
{
	struct arena_node __arena *node = new_node();

	if (node)
		remember(node, 3);
	remember_task(to);
	return false;
}

/* After all fields were written: what another program reads of them, and casts. */
SEC("struct_ops/casts_dump")
void BPF_PROG(casts_dump, struct scx_dump_ctx *dump)
{
	struct task_struct *task;
	__u32 key = 0;
	struct map_value *value = bpf_map_lookup_elem(&values, &key);

	if (!value)
		return;
	task = bpf_rdonly_cast((void *)value->task, bpf_core_type_id_kernel(struct task_struct));
	number.counted += task->pid;
}

SEC(".struct_ops.link")
struct sched_ext_ops casts_ops = {
	.select_cpu = (void *)casts_select_cpu,
	.enqueue = (void *)casts_enqueue,
	.dispatch = (void *)casts_dispatch,
	.yield = (void *)casts_yield,
	.dump = (void *)casts_dump,
	.name = "casts",
};
