/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The probe: latches a scheduler's error exit at the moment it happens, for the host to see in this object's .bss, and
 * counts and records what led to it. Loaded by guest/probe.c, which picks the programs that the kernel has hooks for.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/events.h"

char _license[] SEC("license") = "GPL";

/* Only what is read, found by name in the running kernel's BTF, each type a search: the fewer the sooner loaded. */
#define KERNEL_TYPE __attribute__((preserve_access_index))

struct scx_sched {
	int bypass_depth;
	bool aborting;
	unsigned long watchdog_timeout;
} KERNEL_TYPE;

struct task_struct {
	int pid;
	int prio;
	int wake_cpu;
	const void *sched_class;
} KERNEL_TYPE;

/* Exit kinds that are treated apart: enum scx_exit_kind, kernel/sched/ext.c of 6.12. */
enum {
	EXIT_NONE = 0,
	EXIT_ERROR_BPF = 1025,
	EXIT_ERROR_STALL = 1026,
};

/* ---- what others read ---- */

/* Gates all but the trigger. */
const volatile bool ktstr_enabled;
/* Whether func_meta_map asks for more than arguments: to verify the reads costs the kernel much of the load's time. */
const volatile bool ktstr_read_fields;
/* Where the state of the only scheduler is in a global: its address, else 0. */
const volatile __u64 ktstr_exit_kind_addr;

__u32 ktstr_err_exit_detected; /* the latch: 0, then 1 for good; all below was stored before */
__u64 ktstr_last_trigger_ts;
__s64 ktstr_exit_event_stats[PRB_EXIT_EVENTS];
bool ktstr_exit_aborting;
__s32 ktstr_exit_bypass_depth;
__u32 ktstr_exit_kind_snap; /* 0: empty */
__u64 ktstr_exit_sched_kva;
__u64 ktstr_exit_watchdog_timeout; /* jiffies */
__u64 ktstr_miss_log[PRB_MISSES]; /* addresses that func_meta_map did not know */
__u32 ktstr_miss_log_idx;
struct pcpu_counter ktstr_pcpu_counters[PRB_CPUS][PRB_COUNTERS];

/* The loader makes each map when a program that it loads refers to it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PRB_FUNCS);
	__type(key, __u64);
	__type(value, struct func_meta);
} func_meta_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PRB_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct probe_key);
	__type(value, struct probe_entry);
} probe_data SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct probe_entry);
} probe_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 << 10);
} ktstr_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} timeline_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct pi_entry);
} pi_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct preempt_window);
} preempt_disabled_per_cpu SEC(".maps");

/* CPUs beyond the last share a set, so the addition is atomic. */
static __always_inline void count(__u32 slot)
{
	__u32 cpu = bpf_get_smp_processor_id();

	__sync_fetch_and_add(&ktstr_pcpu_counters[cpu % PRB_CPUS][slot].value, 1);
}

/* ---- the trigger: one of three programs, by what the kernel has ---- */

static void (*const read_scx_events)(void *stats, __u64 bytes) = (void *)PRB_CALL_SCX_EVENTS;

static __always_inline void snapshot_sched(struct scx_sched *sch)
{
	ktstr_exit_sched_kva = (__u64)sch;
	if (bpf_core_field_exists(sch->aborting))
		ktstr_exit_aborting = BPF_CORE_READ(sch, aborting);
	if (bpf_core_field_exists(sch->bypass_depth))
		ktstr_exit_bypass_depth = BPF_CORE_READ(sch, bypass_depth);
	if (bpf_core_field_exists(sch->watchdog_timeout))
		ktstr_exit_watchdog_timeout = BPF_CORE_READ(sch, watchdog_timeout);
	read_scx_events(ktstr_exit_event_stats, sizeof(ktstr_exit_event_stats));
}

/* For those who follow the calls that led here. A stall has no culprit that runs now. */
static __always_inline void send_trigger(void *ctx, __u32 kind)
{
	struct probe_event *e;
	long n;

	if (kind == EXIT_ERROR_STALL)
		return;
	e = bpf_ringbuf_reserve(&ktstr_events, sizeof(*e), 0);
	if (!e) {
		count(PRB_RINGBUF_DROPS);
		return;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->type = PRB_EVENT_TRIGGER;
	e->tid = (__u32)bpf_get_current_pid_tgid();
	e->ts = ktstr_last_trigger_ts;
	/* Only an error that BPF code ran into comes from the task that runs now. */
	e->args[0] = kind == EXIT_ERROR_BPF ? bpf_get_current_task() : 0;
	e->args[1] = kind;
	n = bpf_get_stack(ctx, e->kstack, sizeof(e->kstack), 0);
	e->kstack_sz = n > 0 ? (__u32)(n / 8) : 0;
	e->str_param_idx = PRB_NO_STRING;
	bpf_ringbuf_submit(e, 0);
}

static __always_inline void trigger(void *ctx, struct scx_sched *sch, __u32 kind)
{
	count(PRB_TRIGGER_COUNT);
	if (kind < PRB_ERROR_KIND || ktstr_err_exit_detected)
		return;
	ktstr_last_trigger_ts = bpf_ktime_get_ns();
	if (sch)
		snapshot_sched(sch);
	ktstr_exit_kind_snap = kind;
	/* A barrier, too: who sees the latch sees what was stored before. */
	if (__sync_val_compare_and_swap(&ktstr_err_exit_detected, 0, 1) == 0)
		send_trigger(ctx, kind);
}

/* TP_PROTO(struct scx_sched *sch, __u32 kind), include/trace/events/sched_ext.h, 7.3. The claim has been made. */
SEC("tp_btf/sched_ext_exit")
int trigger_tp(__u64 *ctx)
{
	trigger(ctx, (struct scx_sched *)ctx[0], (__u32)ctx[1]);
	return 0;
}

/*
 * bool scx_vexit(sch, kind, exit_code, ...), kernel/sched/ext.c, 7.2: true for the call that made the claim. What follows
 * the first two arguments is not the same in all releases, so the result is asked for, not counted out.
 */
SEC("fexit/scx_vexit")
int trigger_fexit(__u64 *ctx)
{
	__u64 accepted = 0;

	if (bpf_get_func_ret(ctx, &accepted) == 0 && (accepted & 0xff))
		trigger(ctx, (struct scx_sched *)ctx[0], (__u32)ctx[1]);
	return 0;
}

/*
 * void scx_ops_exit_kind(enum scx_exit_kind kind, s64 exit_code, const char *fmt, ...), kernel/sched/ext.c, 6.12. Variadic,
 * so no fentry. Here the claim is still to be made, and it fails when the global state says that one was.
 */
SEC("kprobe/scx_ops_exit_kind")
int trigger_kprobe(struct pt_regs *ctx)
{
	__u32 claimed = EXIT_NONE;

	if (ktstr_exit_kind_addr)
		bpf_probe_read_kernel(&claimed, sizeof(claimed), (void *)ktstr_exit_kind_addr);
	if (claimed == EXIT_NONE)
		trigger(ctx, NULL, (__u32)PT_REGS_PARM1(ctx));
	return 0;
}

/* ---- the generic kprobe ---- */

static __always_inline void log_miss(__u64 ip)
{
	__u32 at = __sync_fetch_and_add(&ktstr_miss_log_idx, 1);

	count(PRB_META_MISS);
	ktstr_miss_log[at % PRB_MISSES] = ip;
}

static __always_inline __u64 read_field(const struct field_spec *s, const __u64 *args)
{
	__u64 at = s->param_idx < PRB_ARGS ? args[s->param_idx] : 0, value = 0;
	__u32 size = s->size;

	if (s->ptr_offset && bpf_probe_read_kernel(&at, sizeof(at), (void *)(at + s->ptr_offset)))
		return 0;
	if (size > sizeof(value))
		size = sizeof(value);
	if (bpf_probe_read_kernel(&value, size, (void *)(at + s->offset)))
		return 0;
	return value;
}

static __always_inline void fill_fields(struct probe_entry *e, const struct func_meta *m)
{
	e->nr_fields = m->nr_field_specs;
	for (int i = 0; i < PRB_FIELDS && i < (int)m->nr_field_specs; i++) {
		__u32 at = m->specs[i].field_idx;

		if (at < PRB_FIELDS)
			e->fields[at] = read_field(&m->specs[i], e->args);
	}
	e->str_param_idx = (__u8)m->str_param_idx;
	e->has_str = m->str_param_idx < PRB_ARGS &&
		     bpf_probe_read_kernel_str(e->str_val, sizeof(e->str_val),
					       (void *)e->args[m->str_param_idx]) > 0;
}

static __always_inline void fill_entry(struct probe_entry *e, const struct func_meta *m,
				       const struct pt_regs *ctx)
{
	e->ts = bpf_ktime_get_ns();
	e->args[0] = PT_REGS_PARM1(ctx);
	e->args[1] = PT_REGS_PARM2(ctx);
	e->args[2] = PT_REGS_PARM3(ctx);
	e->args[3] = PT_REGS_PARM4(ctx);
	e->args[4] = PT_REGS_PARM5(ctx);
	e->args[5] = PT_REGS_PARM6(ctx);
	e->nr_fields = 0;
	e->has_str = 0;
	e->str_param_idx = PRB_NO_STRING;
	if (ktstr_read_fields)
		fill_fields(e, m);
}

SEC("kprobe")
int probe_call(struct pt_regs *ctx)
{
	struct probe_key key = { .func_ip = bpf_get_func_ip(ctx) };
	struct probe_entry *e;
	struct func_meta *m;
	__u32 zero = 0;

	if (!ktstr_enabled)
		return 0;
	count(PRB_PROBE_COUNT);
	m = bpf_map_lookup_elem(&func_meta_map, &key.func_ip);
	if (!m) {
		log_miss(key.func_ip);
		return 0;
	}
	key.task_ptr = bpf_get_current_task();
	e = bpf_map_lookup_elem(&probe_data, &key);
	if (e) { /* most of the time: no copy */
		fill_entry(e, m, ctx);
	} else {
		e = bpf_map_lookup_elem(&probe_scratch, &zero);
		if (!e)
			return 0;
		fill_entry(e, m, ctx);
		if (bpf_map_update_elem(&probe_data, &key, e, BPF_ANY))
			return 0;
	}
	count(PRB_KPROBE_RETURNS);
	return 0;
}

/* ---- the timeline ---- */

/* Nobody waits for these events: no wake-up, which would itself be one more to record. */
static __always_inline bool send_timeline(__u32 type, __u32 prev_pid, __u32 next_pid, __u64 a,
					  __u64 b)
{
	struct timeline_event *e = bpf_ringbuf_reserve(&timeline_events, sizeof(*e), 0);

	if (!e)
		return false;
	e->type = type;
	e->cpu = bpf_get_smp_processor_id();
	e->ts = bpf_ktime_get_ns();
	e->prev_pid = prev_pid;
	e->next_pid = next_pid;
	e->a = a;
	e->b = b;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	return true;
}

static __always_inline void timeline(__u32 type, __u32 prev_pid, __u32 next_pid, __u64 a, __u64 b)
{
	count(send_timeline(type, prev_pid, next_pid, a, b) ? PRB_TIMELINE_COUNT
							    : PRB_TIMELINE_DROPS);
}

static __always_inline __u32 current_pid(void)
{
	return (__u32)bpf_get_current_pid_tgid();
}

/* (bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state): since 5.18. */
SEC("tp_btf/sched_switch")
int timeline_switch(__u64 *ctx)
{
	const struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];

	if (ktstr_enabled)
		timeline(TL_SWITCH, prev->pid, next->pid, (__u32)ctx[3], ctx[0] & 1);
	return 0;
}

/* (struct task_struct *p, int dest_cpu) */
SEC("tp_btf/sched_migrate_task")
int timeline_migrate(__u64 *ctx)
{
	const struct task_struct *p = (void *)ctx[0];

	if (ktstr_enabled)
		timeline(TL_MIGRATE, p->pid, 0, (__u32)ctx[1], p->wake_cpu);
	return 0;
}

/* (struct task_struct *p) */
SEC("tp_btf/sched_wakeup")
int timeline_wakeup(__u64 *ctx)
{
	const struct task_struct *p = (void *)ctx[0];

	if (ktstr_enabled)
		timeline(TL_WAKEUP, p->pid, 0, p->wake_cpu, 0);
	return 0;
}

/* ---- priority inheritance: void rt_mutex_setprio(struct task_struct *p, struct task_struct *pi_task) ---- */

SEC("fentry/rt_mutex_setprio")
int pi_enter(__u64 *ctx)
{
	const struct task_struct *p = (void *)ctx[0];
	struct pi_entry e = {};
	__u64 key = ctx[0];

	if (!ktstr_enabled)
		return 0;
	e.ts = bpf_ktime_get_ns();
	e.oldprio = p->prio;
	e.prev_class = (__u64)p->sched_class;
	bpf_map_update_elem(&pi_scratch, &key, &e,
			    BPF_ANY); /* full: the other end counts an orphan */
	return 0;
}

SEC("fexit/rt_mutex_setprio")
int pi_exit(__u64 *ctx)
{
	const struct task_struct *p = (void *)ctx[0];
	__u64 key = ctx[0];
	struct pi_entry *e;

	if (!ktstr_enabled)
		return 0;
	e = bpf_map_lookup_elem(&pi_scratch, &key);
	if (!e) {
		count(PRB_PI_ORPHAN_FEXITS);
		return 0;
	}
	count(PRB_PI_COUNT);
	if (e->prev_class != (__u64)p->sched_class)
		count(PRB_PI_CLASS_CHANGE_COUNT);
	if (!send_timeline(TL_PI_BOOST, current_pid(), p->pid, (__u64)(__s64)e->oldprio,
			   (__u64)(__s64)p->prio))
		count(PRB_PI_DROPS);
	bpf_map_delete_elem(&pi_scratch, &key);
	return 0;
}

/* ---- locks: (void *lock, unsigned int flags), include/trace/events/lock.h, since 5.19 ---- */

SEC("tp_btf/contention_begin")
int lock_contend(__u64 *ctx)
{
	if (!ktstr_enabled)
		return 0;
	if (send_timeline(TL_LOCK_CONTEND, current_pid(), 0, ctx[0], (__u32)ctx[1]))
		count(PRB_LOCK_CONTEND_COUNT);
	else
		count(PRB_LOCK_CONTEND_DROPS);
	return 0;
}

/* ---- stretches without preemption: outermost only, CONFIG_TRACE_PREEMPT_TOGGLE ---- */

SEC("tp_btf/preempt_disable")
int preempt_off(__u64 *ctx)
{
	struct preempt_window *w;
	__u32 zero = 0;

	(void)ctx;
	if (!ktstr_enabled)
		return 0;
	count(PRB_PREEMPT_DISABLE_COUNT);
	w = bpf_map_lookup_elem(&preempt_disabled_per_cpu, &zero);
	if (w)
		w->enter_ts = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/preempt_enable")
int preempt_on(__u64 *ctx)
{
	struct preempt_window *w;
	__u64 now, ns;
	__u32 zero = 0;

	(void)ctx;
	if (!ktstr_enabled)
		return 0;
	count(PRB_PREEMPT_ENABLE_COUNT);
	w = bpf_map_lookup_elem(&preempt_disabled_per_cpu, &zero);
	if (!w || !w->enter_ts)
		return 0;
	now = bpf_ktime_get_ns();
	ns = now > w->enter_ts ? now - w->enter_ts : 0;
	if (ns > w->max_ns)
		w->max_ns = ns;
	w->enter_ts = 0;
	return 0;
}
