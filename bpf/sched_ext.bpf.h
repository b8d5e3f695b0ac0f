/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel types and sched_ext kernel functions that our BPF schedulers use, relocated by CO-RE. */
#ifndef KTSTR_BPF_SCHED_EXT_BPF_H
#define KTSTR_BPF_SCHED_EXT_BPF_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* The operations' signatures are the kernel's; few of them need every argument. */
#pragma clang diagnostic ignored "-Wunused-parameter"

/*
 * Only the members that are read appear here; libbpf finds each by name in the running kernel's
 * BTF. Members that are enums in the kernel must be enums here too, or the relocation fails.
 */
#define KERNEL_TYPE __attribute__((preserve_access_index))

enum scx_exit_kind {
	SCX_EXIT_NONE,
	SCX_EXIT_DONE,
};

/* Whole only because a declaration without a body would not match the kernel functions' types. */
struct cpumask {
	unsigned long bits[1];
} KERNEL_TYPE;

struct kernfs_node {
	__u64 id;
} KERNEL_TYPE;

struct cgroup {
	struct kernfs_node *kn;
} KERNEL_TYPE;

struct css_set {
	struct cgroup *dfl_cgrp;
} KERNEL_TYPE;

struct sched_ext_entity {
	__u64 slice;
} KERNEL_TYPE;

struct task_struct {
	unsigned int flags;
	struct sched_ext_entity scx;
	const struct cpumask *cpus_ptr;
	int pid;
	struct css_set *cgroups;
} KERNEL_TYPE;

struct scx_exit_info {
	enum scx_exit_kind kind;
	__s64 exit_code;
	const char *reason;
	char *msg;
	char *dump;
} KERNEL_TYPE;

struct scx_init_task_args;
struct scx_exit_task_args;
struct scx_dump_ctx;

/* Not relocated but matched member by member, by name, when libbpf prepares the struct_ops map. */
struct sched_ext_ops {
	__s32 (*select_cpu)(struct task_struct *p, __s32 prev_cpu, __u64 wake_flags);
	void (*enqueue)(struct task_struct *p, __u64 enq_flags);
	void (*dispatch)(__s32 cpu, struct task_struct *prev);
	bool (*yield)(struct task_struct *from, struct task_struct *to);
	__s32 (*init_task)(struct task_struct *p, struct scx_init_task_args *args);
	void (*exit_task)(struct task_struct *p, struct scx_exit_task_args *args);
	void (*dump)(struct scx_dump_ctx *ctx);
	void (*dump_cpu)(struct scx_dump_ctx *ctx, __s32 cpu, bool idle);
	void (*dump_task)(struct scx_dump_ctx *ctx, struct task_struct *p);
	__s32 (*init)(void);
	void (*exit)(struct scx_exit_info *info);
	__u32 timeout_ms;
	__u32 exit_dump_len;
	char name[128];
};

#define PF_KTHREAD 0x00200000

#define SCX_DSQ_LOCAL (1ULL << 63 | 2)
#define SCX_DSQ_LOCAL_ON (1ULL << 63 | 1ULL << 62)
#define SCX_SLICE_DFL (20ULL * 1000 * 1000)

__s32 scx_bpf_create_dsq(__u64 dsq_id, __s32 node) __ksym;
__s32 scx_bpf_select_cpu_dfl(struct task_struct *p, __s32 prev_cpu, __u64 wake_flags,
			     bool *is_idle) __ksym;
__s32 scx_bpf_dsq_nr_queued(__u64 dsq_id) __ksym;
__u32 scx_bpf_nr_cpu_ids(void) __ksym;
void scx_bpf_kick_cpu(__s32 cpu, __u64 flags) __ksym;
const struct cpumask *scx_bpf_get_online_cpumask(void) __ksym;
void scx_bpf_put_cpumask(const struct cpumask *cpumask) __ksym;
void scx_bpf_error_bstr(char *fmt, unsigned long long *data, __u32 data__sz) __ksym;
void scx_bpf_dump_bstr(char *fmt, unsigned long long *data, __u32 data__sz) __ksym;
bool bpf_cpumask_test_cpu(__u32 cpu, const struct cpumask *cpumask) __ksym;
void *bpf_rdonly_cast(const void *obj__ign, __u32 btf_id__k) __ksym;

/*
 * Functions that were renamed or gained arguments. libbpf cuts a name at its last "___", so the
 * kernel's own "..___v2" needs one suffix more to be found.
 */
bool scx_bpf_dsq_insert___v2___new(struct task_struct *p, __u64 dsq_id, __u64 slice,
				   __u64 enq_flags) __ksym __weak;
void scx_bpf_dsq_insert___v1(struct task_struct *p, __u64 dsq_id, __u64 slice,
			     __u64 enq_flags) __ksym __weak;
void scx_bpf_dispatch(struct task_struct *p, __u64 dsq_id, __u64 slice,
		      __u64 enq_flags) __ksym __weak;
bool scx_bpf_dsq_move_to_local___v2___new(__u64 dsq_id, __u64 enq_flags) __ksym __weak;
bool scx_bpf_dsq_move_to_local___v1(__u64 dsq_id) __ksym __weak;
bool scx_bpf_consume(__u64 dsq_id) __ksym __weak;
bool scx_bpf_task_set_slice(struct task_struct *p, __u64 slice) __ksym __weak;

static __always_inline void scx_insert(struct task_struct *p, __u64 dsq_id, __u64 enq_flags)
{
	if (bpf_ksym_exists(scx_bpf_dsq_insert___v2___new))
		scx_bpf_dsq_insert___v2___new(p, dsq_id, SCX_SLICE_DFL, enq_flags);
	else if (bpf_ksym_exists(scx_bpf_dsq_insert___v1))
		scx_bpf_dsq_insert___v1(p, dsq_id, SCX_SLICE_DFL, enq_flags);
	else
		scx_bpf_dispatch(p, dsq_id, SCX_SLICE_DFL, enq_flags);
}

static __always_inline bool scx_move_to_local(__u64 dsq_id)
{
	if (bpf_ksym_exists(scx_bpf_dsq_move_to_local___v2___new))
		return scx_bpf_dsq_move_to_local___v2___new(dsq_id, 0);
	if (bpf_ksym_exists(scx_bpf_dsq_move_to_local___v1))
		return scx_bpf_dsq_move_to_local___v1(dsq_id);
	return scx_bpf_consume(dsq_id);
}

static __always_inline void scx_set_slice(struct task_struct *p, __u64 slice)
{
	if (bpf_ksym_exists(scx_bpf_task_set_slice))
		scx_bpf_task_set_slice(p, slice);
	else
		p->scx.slice = slice;
}

/*
 * The format strings are in .data because the verifier wants the memory behind a char * argument
 * of a kernel function to be writable. The extra element keeps the array legal without arguments.
 */
#define SCX_FORMAT(func, fmt, ...) \
	do { \
		static char scx_fmt[] = fmt; \
		unsigned long long scx_args[] = { __VA_ARGS__ __VA_OPT__(, ) 0 }; \
		func(scx_fmt, scx_args, sizeof(scx_args) - sizeof(scx_args[0])); \
	} while (0)

#define scx_error(fmt, ...) SCX_FORMAT(scx_bpf_error_bstr, fmt, __VA_ARGS__)
#define scx_dump(fmt, ...) SCX_FORMAT(scx_bpf_dump_bstr, fmt, __VA_ARGS__)

#endif
