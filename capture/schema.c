/* SPDX-License-Identifier: GPL-2.0-only */
/* The keys of a report, one row each: wire-schema of failure dumps, in the order in which they are written. */
#include "capture/schema.h"

#include <string.h>

#define KEY(s, t, p, n, m) \
	{ \
		.name = (n), .type = CAP_KEY_##t, .presence = CAP_##p, .at = offsetof(struct s, m) \
	}
#define KEY_HAS(s, t, n, m, h) \
	{ \
		.name = (n), .type = CAP_KEY_##t, .presence = CAP_HAS, \
		.at = offsetof(struct s, m), .has = offsetof(struct s, h) \
	}
/* With a count beside it. */
#define KEY_LIST(s, t, p, n, m, c) \
	{ \
		.name = (n), .type = CAP_KEY_##t, .presence = CAP_##p, \
		.at = offsetof(struct s, m), .at_count = offsetof(struct s, c), \
		.count_bytes = sizeof(((struct s *)0)->c) \
	}
#define KEY_ARRAY(s, p, n, m) \
	{ \
		.name = (n), .type = CAP_KEY_U64_ARRAY, .presence = CAP_##p, \
		.at = offsetof(struct s, m), \
		.nr = sizeof(((struct s *)0)->m) / sizeof(((struct s *)0)->m[0]) \
	}
#define KEY_RECORDS(s, p, n, m, c, r) \
	{ \
		.name = (n), .type = CAP_KEY_RECORDS, .presence = CAP_##p, \
		.at = offsetof(struct s, m), .at_count = offsetof(struct s, c), \
		.count_bytes = sizeof(((struct s *)0)->c), .record = &cap_record_##r \
	}
#define KEY_RECORD(s, t, p, n, m, r) \
	{ \
		.name = (n), .type = CAP_KEY_##t, .presence = CAP_##p, \
		.at = offsetof(struct s, m), .record = &cap_record_##r \
	}
#define RECORD(r, s, k, ...) \
	const struct cap_record cap_record_##r = { .name = #r, \
						   .key = k, \
						   .nr_keys = sizeof(k) / sizeof((k)[0]), \
						   .bytes = sizeof(struct s), \
						   __VA_ARGS__ }

/* ---- maps ---- */

static const struct cap_key entry_keys[] = {
	KEY(cap_entry, VALUE, NOT_EMPTY, "key", key),
	KEY_LIST(cap_entry, HEX, ALWAYS, "key_hex", key_data, key_len),
	KEY(cap_entry, VALUE, NOT_EMPTY, "value", value),
	KEY_LIST(cap_entry, HEX, ALWAYS, "value_hex", value_data, value_len),
	KEY(cap_entry, VALUE, NOT_EMPTY, "payload", payload),
};
static RECORD(entry, cap_entry, entry_keys, .nullable = false);

static const struct cap_key array_entry_keys[] = {
	KEY(cap_array_entry, U32, ALWAYS, "key", key),
	KEY(cap_array_entry, VALUE, NOT_EMPTY, "value", value),
};
static RECORD(array_entry, cap_array_entry, array_entry_keys, .nullable = false);

static const struct cap_key percpu_entry_keys[] = {
	KEY(cap_percpu_entry, U32, ALWAYS, "key", key),
	KEY_LIST(cap_percpu_entry, VALUES, ALWAYS, "per_cpu", per_cpu, nr_cpus),
};
static RECORD(percpu_entry, cap_percpu_entry, percpu_entry_keys, .nullable = false);

static const struct cap_key percpu_hash_entry_keys[] = {
	KEY(cap_percpu_entry, VALUE, NOT_EMPTY, "key", key_value),
	KEY_LIST(cap_percpu_entry, HEX, ALWAYS, "key_hex", key_data, key_len),
	KEY_LIST(cap_percpu_entry, VALUES, ALWAYS, "per_cpu", per_cpu, nr_cpus),
};
static RECORD(percpu_hash_entry, cap_percpu_entry, percpu_hash_entry_keys, .nullable = false);

static const struct cap_key arena_page_keys[] = {
	KEY(cap_arena_page, U64, ALWAYS, "user_addr", user_addr),
	KEY(cap_arena_page, PAGE, ALWAYS, "bytes", bytes),
};
static RECORD(arena_page, cap_arena_page, arena_page_keys, .nullable = false);

static const struct cap_key arena_keys[] = {
	KEY_RECORDS(cap_arena_snapshot, NOT_EMPTY, "pages", page, nr_pages, arena_page),
	KEY(cap_arena_snapshot, BOOL, NOT_EMPTY, "truncated", truncated),
	KEY(cap_arena_snapshot, U64, ALWAYS, "declared_pages", declared_pages),
	KEY(cap_arena_snapshot, BOOL, NOT_EMPTY, "span_capped", span_capped),
	KEY(cap_arena_snapshot, U64, ALWAYS, "kern_vm_start", kern_vm_start),
	KEY(cap_arena_snapshot, U64, ALWAYS, "user_vm_start", user_vm_start),
};
static RECORD(arena, cap_arena_snapshot, arena_keys, .nullable = false);

static const struct cap_key ringbuf_keys[] = {
	KEY(cap_ringbuf, U64, ALWAYS, "capacity", capacity),
	KEY(cap_ringbuf, U64, ALWAYS, "consumer_pos", consumer_pos),
	KEY(cap_ringbuf, U64, ALWAYS, "producer_pos", producer_pos),
	KEY(cap_ringbuf, U64, ALWAYS, "pending_pos", pending_pos),
	KEY(cap_ringbuf, U64, ALWAYS, "pending_bytes", pending_bytes),
};
static RECORD(ringbuf, cap_ringbuf, ringbuf_keys, .oneline = true);

static const struct cap_key stack_entry_keys[] = {
	KEY(cap_stack_entry, U32, ALWAYS, "bucket_id", bucket_id),
	KEY(cap_stack_entry, U32, ALWAYS, "nr", nr),
	KEY_LIST(cap_stack_entry, U64_LIST, NOT_EMPTY, "pcs", pc, nr_pcs),
	KEY_LIST(cap_stack_entry, HEX, ALWAYS, "data_hex", data, len),
};
static RECORD(stack_entry, cap_stack_entry, stack_entry_keys, .nullable = false);

static const struct cap_key stack_trace_keys[] = {
	KEY(cap_stack_trace, U32, ALWAYS, "n_buckets", n_buckets),
	KEY_RECORDS(cap_stack_trace, ALWAYS, "entries", entry, nr, stack_entry),
	KEY(cap_stack_trace, BOOL, NOT_EMPTY, "truncated", truncated),
	KEY(cap_stack_trace, U32, NOT_EMPTY, "buckets_unreadable", buckets_unreadable),
};
static RECORD(stack_trace, cap_stack_trace, stack_trace_keys, .nullable = false);

static const struct cap_key fd_array_keys[] = {
	KEY(cap_fd_array, U32, ALWAYS, "populated", populated),
	KEY(cap_fd_array, U32, ALWAYS, "scanned", scanned),
	KEY_LIST(cap_fd_array, U32_LIST, NOT_EMPTY, "indices", index, nr_indices),
	KEY(cap_fd_array, BOOL, NOT_EMPTY, "truncated", truncated),
	KEY(cap_fd_array, BOOL, NOT_EMPTY, "indices_truncated", indices_truncated),
	KEY(cap_fd_array, U32, NOT_EMPTY, "unreadable", unreadable),
};
static RECORD(fd_array, cap_fd_array, fd_array_keys, .nullable = false);

static const struct cap_key map_keys[] = {
	KEY(cap_map_report, STR, ALWAYS, "name", name),
	KEY(cap_map_report, U64, NOT_EMPTY, "map_kva", map_kva),
	KEY(cap_map_report, U32, ALWAYS, "map_type", map_type),
	KEY(cap_map_report, U32, ALWAYS, "value_size", value_size),
	KEY(cap_map_report, U32, ALWAYS, "max_entries", max_entries),
	KEY(cap_map_report, VALUE, NOT_EMPTY, "value", value),
	KEY_RECORDS(cap_map_report, NOT_EMPTY, "entries", entry, nr_entries, entry),
	KEY_RECORDS(cap_map_report, NOT_EMPTY, "array_entries", array_entry, nr_array_entries,
		    array_entry),
	KEY_RECORDS(cap_map_report, NOT_EMPTY, "percpu_entries", percpu_entry, nr_percpu_entries,
		    percpu_entry),
	KEY_RECORDS(cap_map_report, NOT_EMPTY, "percpu_hash_entries", percpu_hash_entry,
		    nr_percpu_hash_entries, percpu_hash_entry),
	KEY_RECORD(cap_map_report, RECORD, NOT_EMPTY, "arena", arena, arena),
	KEY_RECORD(cap_map_report, RECORD, NOT_EMPTY, "ringbuf", ringbuf, ringbuf),
	KEY_RECORD(cap_map_report, RECORD, NOT_EMPTY, "stack_trace", stack_trace, stack_trace),
	KEY_RECORD(cap_map_report, RECORD, NOT_EMPTY, "fd_array", fd_array, fd_array),
	KEY(cap_map_report, STR, NOT_EMPTY, "error", error),
};
RECORD(map, cap_map_report, map_keys, .nullable = false);

/* ---- the scheduler's allocators ---- */

static const struct cap_key sdt_entry_keys[] = {
	KEY(cap_sdt_entry, I32, ALWAYS, "idx", idx),
	KEY(cap_sdt_entry, I32, ALWAYS, "genn", genn),
	KEY(cap_sdt_entry, U64, ALWAYS, "user_addr", user_addr),
	KEY(cap_sdt_entry, VALUE_HERE, ALWAYS, "payload", payload),
};
static RECORD(sdt_entry, cap_sdt_entry, sdt_entry_keys, .nullable = false);

static const struct cap_key sdt_keys[] = {
	KEY(cap_sdt_report, STR, ALWAYS, "allocator_name", allocator_name),
	KEY_RECORDS(cap_sdt_report, NOT_EMPTY, "entries", entry, nr, sdt_entry),
	KEY(cap_sdt_report, BOOL, NOT_EMPTY, "truncated", truncated),
	KEY(cap_sdt_report, U32, ALWAYS, "skipped_subtrees", skipped_subtrees),
	KEY(cap_sdt_report, U64, ALWAYS, "elem_size", elem_size),
	KEY(cap_sdt_report, U32, ALWAYS, "target_type_id", target_type_id),
	KEY(cap_sdt_report, STR, NOT_EMPTY, "payload_type_reason", payload_type_reason),
};
static RECORD(sdt_allocator, cap_sdt_report, sdt_keys, .nullable = false);

static const struct cap_key static_range_keys[] = {
	KEY(cap_static_range, STR, ALWAYS, "instance_name", instance_name),
	KEY(cap_static_range, U32, ALWAYS, "start_low32", start_low32),
	KEY(cap_static_range, U64, ALWAYS, "size", size),
	KEY(cap_static_range, U64, ALWAYS, "capacity", capacity),
};
static RECORD(static_range, cap_static_range, static_range_keys, .oneline = true);

static const struct cap_key scx_static_keys[] = {
	KEY_RECORDS(cap_static_report, NOT_EMPTY, "ranges", range, nr, static_range),
	KEY(cap_static_report, U32, ALWAYS, "skipped", skipped),
};
static RECORD(scx_static, cap_static_report, scx_static_keys, .nullable = false);

/* ---- the kernel's state ---- */

static const struct cap_key regs_keys[] = {
	KEY(cap_vcpu_regs, U64, ALWAYS, "instruction_pointer", instruction_pointer),
	KEY(cap_vcpu_regs, U64, ALWAYS, "stack_pointer", stack_pointer),
	KEY(cap_vcpu_regs, U64, ALWAYS, "page_table_root", page_table_root),
};
_Static_assert(offsetof(struct cap_vcpu_regs, valid) == 0, "nullable");
static RECORD(vcpu_regs, cap_vcpu_regs, regs_keys, .nullable = true, .oneline = true);

static const struct cap_key prog_keys[] = {
	KEY(cap_prog_stats, STR, ALWAYS, "name", name),
	KEY(cap_prog_stats, U64, ALWAYS, "cnt", cnt),
	KEY(cap_prog_stats, U64, ALWAYS, "nsecs", nsecs),
	KEY(cap_prog_stats, U64, ALWAYS, "misses", misses),
};
static RECORD(prog_stats, cap_prog_stats, prog_keys, .oneline = true);

static const struct cap_key cpu_time_keys[] = {
	KEY(cap_cpu_time, U32, ALWAYS, "cpu", cpu),
	KEY(cap_cpu_time, U64, ALWAYS, "cpustat_user_ns", user_ns),
	KEY(cap_cpu_time, U64, ALWAYS, "cpustat_nice_ns", nice_ns),
	KEY(cap_cpu_time, U64, ALWAYS, "cpustat_system_ns", system_ns),
	KEY(cap_cpu_time, U64, ALWAYS, "cpustat_softirq_ns", softirq_ns),
	KEY(cap_cpu_time, U64, ALWAYS, "cpustat_irq_ns", irq_ns),
	KEY(cap_cpu_time, U64, ALWAYS, "cpustat_idle_ns", idle_ns),
	KEY(cap_cpu_time, U64, ALWAYS, "cpustat_iowait_ns", iowait_ns),
	KEY(cap_cpu_time, U64, ALWAYS, "cpustat_steal_ns", steal_ns),
	KEY_ARRAY(cap_cpu_time, ALWAYS, "softirqs", softirqs),
	KEY(cap_cpu_time, U64, ALWAYS, "irqs_sum", irqs_sum),
	KEY_HAS(cap_cpu_time, U64, "iowait_sleeptime_ns", iowait_sleeptime_ns,
		has_iowait_sleeptime),
};
static RECORD(cpu_time, cap_cpu_time, cpu_time_keys, .nullable = false);

static const struct cap_key psi_keys[] = {
	KEY(cap_psi, U64, ALWAYS, "cgroup_kva", cgroup_kva),
	KEY(cap_psi, U64, NOT_EMPTY, "serial_nr", serial_nr),
	KEY(cap_psi, U64, ALWAYS, "total_ns", total_ns),
	KEY(cap_psi, U64, ALWAYS, "avg10_raw", avg10_raw),
};
static RECORD(cgroup_psi, cap_psi, psi_keys, .oneline = true);

static const struct cap_key numa_keys[] = {
	KEY(cap_numa, U32, ALWAYS, "node", node),
	KEY(cap_numa, U64, ALWAYS, "numa_hit", hit),
	KEY(cap_numa, U64, ALWAYS, "numa_miss", miss),
	KEY(cap_numa, U64, ALWAYS, "numa_foreign", foreign),
	KEY(cap_numa, U64, ALWAYS, "numa_interleave_hit", interleave_hit),
	KEY(cap_numa, U64, ALWAYS, "numa_local", local),
	KEY(cap_numa, U64, ALWAYS, "numa_other", other),
};
static RECORD(numa, cap_numa, numa_keys, .oneline = true);

static const struct cap_key task_keys[] = {
	KEY(cap_task, I32, ALWAYS, "pid", pid),
	KEY(cap_task, I32, ALWAYS, "tgid", tgid),
	KEY(cap_task, STR, ALWAYS, "comm", comm),
	KEY_HAS(cap_task, I32, "group_leader_pid", group_leader_pid, has_group_leader),
	KEY_HAS(cap_task, I32, "real_parent_pid", real_parent_pid, has_parent),
	KEY(cap_task, STR, NOT_EMPTY, "real_parent_comm", real_parent_comm),
	KEY_HAS(cap_task, I32, "pgid", pgid, has_pgid),
	KEY_HAS(cap_task, I32, "sid", sid, has_sid),
	KEY_HAS(cap_task, I32, "nr_threads", nr_threads, has_nr_threads),
	KEY(cap_task, U32, ALWAYS, "weight", weight),
	KEY(cap_task, I32, ALWAYS, "prio", prio),
	KEY(cap_task, I32, ALWAYS, "static_prio", static_prio),
	KEY(cap_task, I32, ALWAYS, "normal_prio", normal_prio),
	KEY(cap_task, U32, ALWAYS, "rt_priority", rt_priority),
	KEY(cap_task, STR, NOT_EMPTY, "sched_class", sched_class),
	KEY_HAS(cap_task, U64, "core_cookie", core_cookie, has_core_cookie),
	KEY(cap_task, BOOL, ALWAYS, "pi_boosted_out_of_scx", pi_boosted_out_of_scx),
	KEY(cap_task, U64, ALWAYS, "nvcsw", nvcsw),
	KEY(cap_task, U64, ALWAYS, "nivcsw", nivcsw),
	KEY_HAS(cap_task, U64, "signal_nvcsw", signal_nvcsw, has_signal_csw),
	KEY_HAS(cap_task, U64, "signal_nivcsw", signal_nivcsw, has_signal_csw),
	KEY(cap_task, STR, NOT_EMPTY, "lock_slowpath_match", lock_slowpath_match),
	KEY(cap_task, U64, NOT_EMPTY, "task_kva", kva),
};
RECORD(task, cap_task, task_keys, .nullable = false);

#define EVENT(n, i) \
	{ \
		.name = (n), .type = CAP_KEY_I64, .presence = CAP_ALWAYS, \
		.at = offsetof(struct cap_event_sample, count[i]) \
	}
static const struct cap_key event_keys[] = {
	KEY(cap_event_sample, U64, ALWAYS, "elapsed_ms", elapsed_ms),
	EVENT("select_cpu_fallback", CAP_EV_SELECT_CPU_FALLBACK),
	EVENT("dispatch_local_dsq_offline", CAP_EV_DISPATCH_LOCAL_DSQ_OFFLINE),
	EVENT("dispatch_keep_last", CAP_EV_DISPATCH_KEEP_LAST),
	EVENT("enq_skip_exiting", CAP_EV_ENQ_SKIP_EXITING),
	EVENT("enq_skip_migration_disabled", CAP_EV_ENQ_SKIP_MIGRATION_DISABLED),
	EVENT("reenq_immed", CAP_EV_REENQ_IMMED),
	EVENT("reenq_local_repeat", CAP_EV_REENQ_LOCAL_REPEAT),
	EVENT("refill_slice_dfl", CAP_EV_REFILL_SLICE_DFL),
	EVENT("bypass_duration", CAP_EV_BYPASS_DURATION),
	EVENT("bypass_dispatch", CAP_EV_BYPASS_DISPATCH),
	EVENT("bypass_activate", CAP_EV_BYPASS_ACTIVATE),
	EVENT("insert_not_owned", CAP_EV_INSERT_NOT_OWNED),
	EVENT("sub_bypass_dispatch", CAP_EV_SUB_BYPASS_DISPATCH),
};
_Static_assert(sizeof(event_keys) / sizeof(event_keys[0]) == CAP_EV_NR + 1, "every counter");
RECORD(event_sample, cap_event_sample, event_keys, .oneline = true);

static const struct cap_key rq_keys[] = {
	KEY(cap_rq, U32, ALWAYS, "cpu", cpu),
	KEY(cap_rq, U32, ALWAYS, "nr_running", nr_running),
	KEY(cap_rq, U32, ALWAYS, "flags", flags),
	KEY(cap_rq, BOOL, ALWAYS, "cpu_released", cpu_released),
	KEY(cap_rq, U64, ALWAYS, "ops_qseq", ops_qseq),
	KEY_HAS(cap_rq, U64, "kick_sync", kick_sync, has_kick_sync),
	KEY_HAS(cap_rq, U32, "nr_immed", nr_immed, has_nr_immed),
	KEY_HAS(cap_rq, U64, "rq_clock", rq_clock, has_rq_clock),
	KEY_HAS(cap_rq, I32, "curr_pid", curr_pid, has_curr),
	KEY(cap_rq, STR, NOT_EMPTY, "curr_comm", curr_comm),
	KEY_LIST(cap_rq, U64_LIST, ALWAYS, "runnable_task_kvas", runnable_task_kvas, nr_runnable),
	KEY(cap_rq, BOOL, NOT_EMPTY, "runnable_truncated", runnable_truncated),
};
RECORD(rq, cap_rq, rq_keys, .nullable = false);

static const struct cap_key dsq_keys[] = {
	KEY(cap_dsq, U64, ALWAYS, "id", id),
	KEY(cap_dsq, STR, ALWAYS, "origin", origin),
	KEY(cap_dsq, U32, ALWAYS, "nr", nr),
	KEY(cap_dsq, U32, ALWAYS, "seq", seq),
	KEY_LIST(cap_dsq, U64_LIST, ALWAYS, "task_kvas", task_kvas, nr_tasks),
	KEY(cap_dsq, BOOL, NOT_EMPTY, "truncated", truncated),
};
RECORD(dsq, cap_dsq, dsq_keys, .oneline = true);

static const struct cap_key sched_state_keys[] = {
	KEY(cap_sched_state, BOOL, ALWAYS, "aborting", aborting),
	KEY(cap_sched_state, I32, ALWAYS, "bypass_depth", bypass_depth),
	KEY(cap_sched_state, U32, ALWAYS, "exit_kind", exit_kind),
	KEY_HAS(cap_sched_state, U64, "watchdog_timeout", watchdog_timeout, has_watchdog_timeout),
	KEY(cap_sched_state, STR, NOT_EMPTY, "source", source),
	KEY(cap_sched_state, U64, NOT_EMPTY, "sched_kva", sched_kva),
};
static RECORD(sched_state, cap_sched_state, sched_state_keys, .oneline = true);

static const struct cap_key perf_keys[] = {
	KEY(cap_perf, U64, ALWAYS, "cycles", cycles),
	KEY(cap_perf, U64, ALWAYS, "instructions", instructions),
	KEY(cap_perf, U64, ALWAYS, "cache_misses", cache_misses),
	KEY(cap_perf, U64, ALWAYS, "branch_misses", branch_misses),
	KEY(cap_perf, U64, ALWAYS, "time_enabled_ns", time_enabled_ns),
	KEY(cap_perf, U64, ALWAYS, "time_running_ns", time_running_ns),
};
_Static_assert(offsetof(struct cap_perf, valid) == 0, "nullable");
static RECORD(vcpu_perf, cap_perf, perf_keys, .nullable = true, .oneline = true);

#define COUNTER(n, i) \
	{ \
		.name = (n), .type = CAP_KEY_U64, .presence = CAP_ALWAYS, \
		.at = offsetof(struct cap_probe_counters, slot[i]) \
	}
static const struct cap_key counter_keys[] = {
	COUNTER("probe_count", CAP_PC_PROBE_COUNT),
	COUNTER("kprobe_returns", CAP_PC_KPROBE_RETURNS),
	COUNTER("meta_miss", CAP_PC_META_MISS),
	COUNTER("ringbuf_drops", CAP_PC_RINGBUF_DROPS),
	COUNTER("timeline_count", CAP_PC_TIMELINE_COUNT),
	COUNTER("timeline_drops", CAP_PC_TIMELINE_DROPS),
	COUNTER("pi_count", CAP_PC_PI_COUNT),
	COUNTER("pi_orphan_fexits", CAP_PC_PI_ORPHAN_FEXITS),
	COUNTER("pi_class_change_count", CAP_PC_PI_CLASS_CHANGE_COUNT),
	COUNTER("pi_drops", CAP_PC_PI_DROPS),
	COUNTER("lock_contend_count", CAP_PC_LOCK_CONTEND_COUNT),
	COUNTER("lock_contend_drops", CAP_PC_LOCK_CONTEND_DROPS),
	COUNTER("preempt_disable_count", CAP_PC_PREEMPT_DISABLE_COUNT),
	COUNTER("preempt_enable_count", CAP_PC_PREEMPT_ENABLE_COUNT),
	COUNTER("trigger_count", CAP_PC_TRIGGER_COUNT),
};
_Static_assert(sizeof(counter_keys) / sizeof(counter_keys[0]) == CAP_PC_NR, "every counter");
RECORD(probe_counters, cap_probe_counters, counter_keys, .nullable = false);

/* ---- the whole ---- */

static const struct cap_key report_keys[] = {
	KEY_RECORDS(cap_report, ALWAYS, "maps", map, nr_maps, map),
	KEY(cap_report, STR, NOT_EMPTY, "maps_unavailable", maps_unavailable),
	KEY_RECORDS(cap_report, NOT_EMPTY, "vcpu_regs", vcpu_regs, nr_vcpus, vcpu_regs),
	KEY(cap_report, STR, NOT_EMPTY, "active_obj_name", active_obj_name),
	KEY_LIST(cap_report, U64_LIST, NOT_EMPTY, "active_map_kvas", active_map_kvas,
		 nr_active_maps),
	KEY_RECORDS(cap_report, NOT_EMPTY, "sdt_allocations", sdt, nr_sdt, sdt_allocator),
	KEY_RECORD(cap_report, RECORD_HERE, NOT_EMPTY, "scx_static_ranges", scx_static, scx_static),
	KEY(cap_report, STR, NOT_EMPTY, "sdt_alloc_unavailable", sdt_alloc_unavailable),
	KEY_RECORDS(cap_report, NOT_EMPTY, "prog_runtime_stats", prog, nr_progs, prog_stats),
	KEY(cap_report, STR, NOT_EMPTY, "prog_runtime_stats_unavailable",
	    prog_runtime_stats_unavailable),
	KEY_RECORDS(cap_report, NOT_EMPTY, "per_cpu_time", cpu_time, nr_cpu_times, cpu_time),
	KEY_RECORDS(cap_report, NOT_EMPTY, "cgroup_psi", psi, nr_psi, cgroup_psi),
	KEY_RECORDS(cap_report, NOT_EMPTY, "per_node_numa", numa, nr_numa, numa),
	KEY(cap_report, STR, NOT_EMPTY, "per_node_numa_unavailable", per_node_numa_unavailable),
	KEY_RECORDS(cap_report, NOT_EMPTY, "task_enrichments", task, nr_tasks, task),
	KEY(cap_report, STR, NOT_EMPTY, "task_enrichments_unavailable",
	    task_enrichments_unavailable),
	KEY(cap_report, STR, NOT_EMPTY, "scx_task_states", scx_task_states),
	KEY_RECORDS(cap_report, NOT_EMPTY, "event_counter_timeline", event, nr_events,
		    event_sample),
	KEY_RECORDS(cap_report, NOT_EMPTY, "rq_scx_states", rq, nr_rqs, rq),
	KEY_RECORDS(cap_report, NOT_EMPTY, "dsq_states", dsq, nr_dsqs, dsq),
	KEY_RECORD(cap_report, RECORD, NOT_EMPTY, "scx_sched_state", sched_state, sched_state),
	KEY(cap_report, STR, NOT_EMPTY, "scx_walker_unavailable", scx_walker_unavailable),
	KEY_RECORDS(cap_report, NOT_EMPTY, "vcpu_perf_at_freeze", perf, nr_perf, vcpu_perf),
	KEY_HAS(cap_report, U64, "dump_truncated_at_us", dump_truncated_at_us, has_truncated_at),
	KEY(cap_report, U32, NOT_EMPTY, "maps_truncated", maps_truncated),
	KEY_RECORD(cap_report, RECORD, NOT_EMPTY, "probe_counters", probe_counters, probe_counters),
	KEY(cap_report, BOOL, NOT_EMPTY, "is_placeholder", is_placeholder),
};
RECORD(report, cap_report, report_keys, .nullable = false);

static const struct cap_key degraded_keys[] = {
	KEY(cap_degraded, STR, ALWAYS, "reason", reason),
	KEY_RECORDS(cap_degraded, NOT_EMPTY, "vcpu_regs", vcpu_regs, nr_vcpus, vcpu_regs),
	KEY(cap_degraded, BOOL, ALWAYS, "watchpoint_hit", watchpoint_hit),
	KEY(cap_degraded, STR, ALWAYS, "bss_latch_state", bss_latch_state),
	KEY_HAS(cap_degraded, U32, "exit_kind", exit_kind, has_exit_kind),
	KEY(cap_degraded, U64, NOT_EMPTY, "elapsed_ms", elapsed_ms),
};
RECORD(degraded, cap_degraded, degraded_keys, .nullable = false);

static const struct cap_key dual_keys[] = {
	KEY(cap_dual, U64, NOT_EMPTY, "early_max_age_jiffies", early_max_age_jiffies),
	KEY(cap_dual, U64, NOT_EMPTY, "early_threshold_jiffies", early_threshold_jiffies),
	KEY(cap_dual, STR, NOT_EMPTY, "early_skipped_reason", early_skipped_reason),
};
RECORD(dual, cap_dual, dual_keys, .nullable = false);

const struct cap_record *const cap_records[] = {
	&cap_record_report,
	&cap_record_degraded,
	&cap_record_dual,
	&cap_record_map,
	&cap_record_entry,
	&cap_record_array_entry,
	&cap_record_percpu_entry,
	&cap_record_percpu_hash_entry,
	&cap_record_arena,
	&cap_record_arena_page,
	&cap_record_ringbuf,
	&cap_record_stack_trace,
	&cap_record_stack_entry,
	&cap_record_fd_array,
	&cap_record_sdt_allocator,
	&cap_record_sdt_entry,
	&cap_record_scx_static,
	&cap_record_static_range,
	&cap_record_vcpu_regs,
	&cap_record_prog_stats,
	&cap_record_cpu_time,
	&cap_record_cgroup_psi,
	&cap_record_numa,
	&cap_record_task,
	&cap_record_event_sample,
	&cap_record_rq,
	&cap_record_dsq,
	&cap_record_sched_state,
	&cap_record_vcpu_perf,
	&cap_record_probe_counters,
	NULL,
};

/* ---- reading by a table ---- */

size_t cap_key_count(const void *record, const struct cap_key *k)
{
	const void *at = (const char *)record + k->at_count;

	if (k->type == CAP_KEY_U64_ARRAY)
		return k->nr;
	return k->count_bytes == sizeof(uint32_t) ? *(const uint32_t *)at : *(const size_t *)at;
}

static bool is_empty(const void *record, const struct cap_key *k);

static bool record_is_empty(const struct cap_record *t, const void *record)
{
	for (size_t i = 0; i < t->nr_keys; i++) {
		if (!is_empty(record, &t->key[i]))
			return false;
	}
	return true;
}

static bool is_empty(const void *record, const struct cap_key *k)
{
	const void *at = cap_key_at(record, k);

	switch (k->type) {
	case CAP_KEY_U32:
	case CAP_KEY_I32:
		return *(const uint32_t *)at == 0;
	case CAP_KEY_U64:
	case CAP_KEY_I64:
		return *(const uint64_t *)at == 0;
	case CAP_KEY_BOOL:
		return !*(const bool *)at;
	case CAP_KEY_STR:
	case CAP_KEY_VALUE:
	case CAP_KEY_RECORD:
		return !*(void *const *)at;
	case CAP_KEY_U32_LIST:
	case CAP_KEY_U64_LIST:
	case CAP_KEY_HEX:
	case CAP_KEY_VALUES:
	case CAP_KEY_RECORDS:
		return cap_key_count(record, k) == 0;
	case CAP_KEY_RECORD_HERE:
		return record_is_empty(k->record, at);
	case CAP_KEY_U64_ARRAY:
	case CAP_KEY_PAGE:
	case CAP_KEY_VALUE_HERE:
		return false;
	}
	return false;
}

bool cap_key_there(const void *record, const struct cap_key *k)
{
	switch (k->presence) {
	case CAP_ALWAYS:
		/* A string is always given; one that is not there all the same is the empty one. */
		return true;
	case CAP_NOT_EMPTY:
		return !is_empty(record, k);
	case CAP_HAS:
		return *(const bool *)((const char *)record + k->has);
	}
	return false;
}

bool cap_record_there(const struct cap_record *t, const void *record)
{
	return !t->nullable || *(const bool *)record;
}
