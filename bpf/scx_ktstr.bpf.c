/* SPDX-License-Identifier: GPL-2.0-only */
/* scx_ktstr: a small global-queue scheduler that can be told to stall, degrade, crash or not load. */
#include "bpf/sched_ext.bpf.h"

#include <linux/errno.h>

#include "bpf/scx_ktstr.h"
#include "bpf/sdt_alloc.bpf.h"

char _license[] SEC("license") = "GPL";

#define SHARED_DSQ 0

/* Set before the load. The verifier sees their values and drops the branches that are off. */
const volatile int degrade;
const volatile int fail_verify;
const volatile int scattershot;
const volatile int slow;
const volatile int verify_loop;

/* Switches that may be set from outside at any time, and counters. */
volatile int stall;
volatile int crash;
volatile int degrade_rt;
__u32 degrade_cnt;
__u32 slow_cnt;
__u64 ktstr_alloc_count;
__u64 nr_dispatched; /* from the shared queue, or placed at random */
__u64 nr_enqueued;
__u64 nr_select_cpu;
__u64 nr_yielded;
__u64 stats_magic;

struct scx_allocator scx_task_allocator;
struct scx_static ktstr_static_pool;
struct ktstr_bss_arena_holder ktstr_bss_arena_holder;

/* In a section of its own: the text is long, and .bss is what people read. */
struct ktstr_exit_record ktstr_exit SEC(".bss.exit");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct scx_task_map_val);
} scx_task_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ktstr_cross_val);
} ktstr_cross_btf_map SEC(".maps");

/* Insertions into the shared queue by cgroup id. Full means that further cgroups go uncounted. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KTSTR_CGROUP_ENTRIES);
	__type(key, __u64);
	__type(value, __u64);
} ktstr_cgroup_dispatch_count SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KTSTR_ARRAY_ENTRIES);
	__type(key, __u32);
	__type(value, struct ktstr_array_val);
} ktstr_array_fixture SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ktstr_pcpu_val);
} ktstr_pcpu_fix SEC(".maps");

#define COUNT(counter) __sync_fetch_and_add(&(counter), 1)

/* A random CPU that @p may use, or -1 when the one drawn is not. */
static __s32 random_cpu(struct task_struct *p)
{
	const struct cpumask *online = scx_bpf_get_online_cpumask();
	__s32 cpu = bpf_get_prandom_u32() % scx_bpf_nr_cpu_ids();

	if (!bpf_cpumask_test_cpu(cpu, p->cpus_ptr) || !bpf_cpumask_test_cpu(cpu, online))
		cpu = -1;
	scx_bpf_put_cpumask(online);
	return cpu;
}

static void count_cgroup(struct task_struct *p)
{
	__u64 id = p->cgroups->dfl_cgrp->kn->id, one = 1, *count;

	count = bpf_map_lookup_elem(&ktstr_cgroup_dispatch_count, &id);
	if (count)
		COUNT(*count);
	else
		bpf_map_update_elem(&ktstr_cgroup_dispatch_count, &id, &one, BPF_NOEXIST);
}

SEC("struct_ops/ktstr_select_cpu")
__s32 BPF_PROG(ktstr_select_cpu, struct task_struct *p, __s32 prev_cpu, __u64 wake_flags)
{
	bool is_idle = false;
	__s32 cpu;

	COUNT(nr_select_cpu);
	if (stall && !(p->flags & PF_KTHREAD))
		return prev_cpu;
	if (scattershot) {
		cpu = random_cpu(p);
		return cpu < 0 ? prev_cpu : cpu;
	}
	cpu = scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &is_idle);
	if (is_idle)
		scx_insert(p, SCX_DSQ_LOCAL, 0);
	return cpu;
}

SEC("struct_ops/ktstr_enqueue")
void BPF_PROG(ktstr_enqueue, struct task_struct *p, __u64 enq_flags)
{
	__s32 cpu;

	COUNT(nr_enqueued);
	/* A stall must starve the workload, not the kernel threads that would report it. */
	if (p->flags & PF_KTHREAD) {
		scx_insert(p, SCX_DSQ_LOCAL, enq_flags);
		return;
	}
	count_cgroup(p);
	if (!stall && (degrade || degrade_rt || scattershot)) {
		cpu = random_cpu(p);
		scx_insert(p, cpu < 0 ? SCX_DSQ_LOCAL : SCX_DSQ_LOCAL_ON | cpu, enq_flags);
		COUNT(nr_dispatched);
		return;
	}
	scx_insert(p, SHARED_DSQ, enq_flags);
}

#define REJECTED_BLOCK(n) \
	do { \
		if (nr_dispatched > (n)) \
			COUNT(nr_enqueued); \
	} while (0)

/* Never accepted by the verifier; the blocks give its log something to go through first. */
static __always_inline void store_through_null(bool blocks)
{
	volatile int *null = (volatile int *)0;

	if (blocks) {
		REJECTED_BLOCK(1);
		REJECTED_BLOCK(2);
		REJECTED_BLOCK(3);
		REJECTED_BLOCK(4);
		REJECTED_BLOCK(5);
		REJECTED_BLOCK(6);
		REJECTED_BLOCK(7);
		REJECTED_BLOCK(8);
	}
	asm volatile("" : "+r"(null));
	*null = 1;
}

/* Leaves this round out. The kick brings the CPU back, or queued tasks could wait for ever. */
static __always_inline void skip_dispatch(__s32 cpu)
{
	if (scx_bpf_dsq_nr_queued(SHARED_DSQ) > 0)
		scx_bpf_kick_cpu(cpu, 0);
}

SEC("struct_ops/ktstr_dispatch")
void BPF_PROG(ktstr_dispatch, __s32 cpu, struct task_struct *prev)
{
	if (fail_verify)
		store_through_null(false);
	if (verify_loop)
		store_through_null(true);
	if (crash) {
		scx_error("ktstr: host-triggered crash");
		return;
	}
	if (stall)
		return;
	if ((degrade || degrade_rt) && COUNT(degrade_cnt) % 2) {
		skip_dispatch(cpu);
		return;
	}
	if (slow && COUNT(slow_cnt) % 4) {
		skip_dispatch(cpu);
		return;
	}
	if (scx_move_to_local(SHARED_DSQ))
		COUNT(nr_dispatched);
}

SEC("struct_ops/ktstr_yield")
bool BPF_PROG(ktstr_yield, struct task_struct *from, struct task_struct *to)
{
	COUNT(nr_yielded);
	scx_set_slice(from, 0);
	return false;
}

static int init_arena(void)
{
	struct ktstr_cross_target __arena *target;
	struct ktstr_cross_val cross = {};
	__u32 zero = 0;
	int r;

	ARENA_USED();
	KEEP_TYPE(struct ktstr_arena_ctx);
	KEEP_TYPE(struct ktstr_cross_target);
	r = sdt_init(&scx_task_allocator, sizeof(struct ktstr_arena_ctx));
	if (r < 0)
		return r;
	r = scx_static_init(&ktstr_static_pool, 1);
	if (r < 0)
		return r;
	target = scx_static_alloc(&ktstr_static_pool, sizeof(*target));
	if (!target)
		return -ENOMEM;
	target->magic = KTSTR_CROSS_MAGIC;
	target->value = KTSTR_CROSS_VALUE;
	ktstr_bss_arena_holder.arena_target = (__u64)target;
	cross.cached_ptr = target;
	return bpf_map_update_elem(&ktstr_cross_btf_map, &zero, &cross, BPF_ANY);
}

static void fill_fixture_maps(void)
{
	struct ktstr_array_val *val;
	struct ktstr_pcpu_val *pcpu;
	__u32 zero = 0, i;

	for (i = 0; i < KTSTR_ARRAY_ENTRIES; i++) {
		__u32 key = i;

		val = bpf_map_lookup_elem(&ktstr_array_fixture, &key);
		if (val) {
			val->magic = KTSTR_ARRAY_MAGIC;
			val->key_echo = i;
		}
	}
	bpf_for(i, 0, scx_bpf_nr_cpu_ids()) {
		pcpu = bpf_map_lookup_percpu_elem(&ktstr_pcpu_fix, &zero, i);
		if (pcpu) {
			pcpu->magic = KTSTR_PCPU_MAGIC + i;
			pcpu->cpu_echo = i;
		}
	}
}

SEC("struct_ops.s/ktstr_init")
__s32 BPF_PROG(ktstr_init)
{
	int r;

	stats_magic = KTSTR_STATS_MAGIC;
	fill_fixture_maps();
	r = init_arena();
	if (r < 0)
		return r;
	return scx_bpf_create_dsq(SHARED_DSQ, -1);
}

SEC("struct_ops.s/ktstr_init_task")
__s32 BPF_PROG(ktstr_init_task, struct task_struct *p, struct scx_init_task_args *args)
{
	struct ktstr_arena_ctx __arena *slot;
	struct scx_task_map_val *val;
	struct sdt_data __arena *data;

	ARENA_USED();
	val = bpf_task_storage_get(&scx_task_map, p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!val)
		return -ENOMEM;
	data = sdt_alloc(&scx_task_allocator);
	if (!data) {
		bpf_task_storage_delete(&scx_task_map, p);
		return -ENOMEM;
	}
	slot = (struct ktstr_arena_ctx __arena *)data->payload;
	slot->magic = KTSTR_ARENA_MAGIC;
	slot->counter = KTSTR_ARENA_COUNTER;
	slot->task_kptr = (__u64)p;
	slot->stashed_arena_ptr = ktstr_bss_arena_holder.arena_target;
	val->tid.val = data->tid.val;
	val->tptr = (__u64)p;
	val->data = data;
	COUNT(ktstr_alloc_count);
	COUNT(ktstr_bss_arena_holder.bss_plain_counter);
	return 0;
}

SEC("struct_ops/ktstr_exit_task")
void BPF_PROG(ktstr_exit_task, struct task_struct *p, struct scx_exit_task_args *args)
{
	struct scx_task_map_val *val;

	ARENA_USED();
	val = bpf_task_storage_get(&scx_task_map, p, NULL, 0);
	if (!val)
		return;
	sdt_free(&scx_task_allocator, val->tid.idx);
	bpf_task_storage_delete(&scx_task_map, p);
}

SEC("struct_ops/ktstr_dump")
void BPF_PROG(ktstr_dump, struct scx_dump_ctx *dump)
{
	struct ktstr_cross_target __arena *target;

	ARENA_USED();
	target = (struct ktstr_cross_target __arena *)ktstr_bss_arena_holder.arena_target;
	scx_dump("ktstr: stall=%d degrade_rt=%d crash=%d\n", stall, degrade_rt, crash);
	scx_dump("ktstr: select_cpu=%llu enqueued=%llu dispatched=%llu yielded=%llu\n",
		 nr_select_cpu, nr_enqueued, nr_dispatched, nr_yielded);
	scx_dump("ktstr: queued=%d arena_target=%llx\n", scx_bpf_dsq_nr_queued(SHARED_DSQ),
		 target->magic);
}

SEC("struct_ops/ktstr_dump_cpu")
void BPF_PROG(ktstr_dump_cpu, struct scx_dump_ctx *dump, __s32 cpu, bool idle)
{
	struct ktstr_pcpu_val *pcpu;
	__u32 zero = 0;

	if (idle)
		return;
	pcpu = bpf_map_lookup_percpu_elem(&ktstr_pcpu_fix, &zero, cpu);
	if (pcpu)
		scx_dump("ktstr: cpu=%d magic=%llx\n", cpu, pcpu->magic);
}

SEC("struct_ops/ktstr_dump_task")
void BPF_PROG(ktstr_dump_task, struct scx_dump_ctx *dump, struct task_struct *p)
{
	struct ktstr_cross_target __arena *target;
	struct ktstr_arena_ctx __arena *slot;
	struct scx_task_map_val *val;
	struct task_struct *task;

	ARENA_USED();
	val = bpf_task_storage_get(&scx_task_map, p, NULL, 0);
	if (!val)
		return;
	slot = (struct ktstr_arena_ctx __arena *)val->data->payload;
	task = bpf_rdonly_cast((void *)slot->task_kptr,
			       bpf_core_type_id_kernel(struct task_struct));
	target = (struct ktstr_cross_target __arena *)slot->stashed_arena_ptr;
	scx_dump("ktstr: pid=%d counter=%u target=%llx\n", task->pid, slot->counter, target->value);
}

SEC("struct_ops/ktstr_exit")
void BPF_PROG(ktstr_exit_op, struct scx_exit_info *info)
{
	bpf_probe_read_kernel_str(ktstr_exit.reason, sizeof(ktstr_exit.reason), info->reason);
	bpf_probe_read_kernel_str(ktstr_exit.msg, sizeof(ktstr_exit.msg), info->msg);
	bpf_probe_read_kernel_str(ktstr_exit.dump, sizeof(ktstr_exit.dump), info->dump);
	ktstr_exit.exit_code = info->exit_code;
	__sync_lock_test_and_set(&ktstr_exit.kind, info->kind);
}

SEC(".struct_ops.link")
struct sched_ext_ops ktstr_ops = {
	.select_cpu = (void *)ktstr_select_cpu,
	.enqueue = (void *)ktstr_enqueue,
	.dispatch = (void *)ktstr_dispatch,
	.yield = (void *)ktstr_yield,
	.init = (void *)ktstr_init,
	.init_task = (void *)ktstr_init_task,
	.exit_task = (void *)ktstr_exit_task,
	.exit = (void *)ktstr_exit_op,
	.dump = (void *)ktstr_dump,
	.dump_cpu = (void *)ktstr_dump_cpu,
	.dump_task = (void *)ktstr_dump_task,
	.exit_dump_len = KTSTR_EXIT_DUMP_LEN,
	.name = "ktstr_ops",
};
