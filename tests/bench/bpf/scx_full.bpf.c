/* SPDX-License-Identifier: GPL-2.0-only */
/* A scheduler with much in its maps, that ends in an error in its first dispatch: what capture-bench's dumps are of. */
#include "bpf/sched_ext.bpf.h"

#include "tests/bench/scx_full.h"

char _license[] SEC("license") = "GPL";

#define SHARED_DSQ 0

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FULL_ENTRIES);
	__type(key, __u32);
	__type(value, struct full_task);
} full_tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FULL_PAGES);
	__ulong(map_extra, FULL_ARENA_START);
} full_arena SEC(".maps");

__u64 nr_enqueued;
struct full_page FULL_ARENA *first_page; /* set by the loader */

SEC("struct_ops/full_enqueue")
void BPF_PROG(full_enqueue, struct task_struct *p, __u64 enq_flags)
{
	nr_enqueued++;
	scx_insert(p, SHARED_DSQ, enq_flags);
}

SEC("struct_ops/full_dispatch")
void BPF_PROG(full_dispatch, __s32 cpu, struct task_struct *prev)
{
	scx_error("full: there is enough to see");
}

SEC("struct_ops.s/full_init")
__s32 BPF_PROG(full_init)
{
	/* Without these, the types are only declared in the object's BTF, and the arena belongs to no program. */
	asm volatile("" ::"r"(bpf_core_type_id_local(struct full_page)));
	asm volatile("" ::"r"(&full_arena));
	return scx_bpf_create_dsq(SHARED_DSQ, -1);
}

SEC(".struct_ops.link")
struct sched_ext_ops full_ops = {
	.enqueue = (void *)full_enqueue,
	.dispatch = (void *)full_dispatch,
	.init = (void *)full_init,
	.name = "full",
};
