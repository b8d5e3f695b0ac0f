/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a capture found, as plain data: built once, then shown as JSON or as text. The names are those of the JSON
 * (docs/report-schema.md). Everything is in the report's pool and lives as long as it; a count of 0 or a NULL means
 * that the key is left out, unless it says otherwise. Read only, once made.
 */
#ifndef KTSTR_CAPTURE_REPORT_H
#define KTSTR_CAPTURE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* ---- one value, rendered by its type ---- */

enum cap_kind {
	CAP_UNSUPPORTED, /* 0, so that a value that was never filled in says so */
	CAP_INT,
	CAP_UINT,
	CAP_BOOL,
	CAP_CHAR,
	CAP_FLOAT,
	CAP_ENUM,
	CAP_STRUCT, /* also unions and sections of variables */
	CAP_ARRAY,
	CAP_CPU_LIST,
	CAP_PTR,
	CAP_BYTES,
	CAP_TRUNCATED,
	CAP_KIND_NR,
};
struct cap_member;
struct cap_value {
	enum cap_kind kind;
	uint32_t bits; /* INT UINT FLOAT ENUM */
	union {
		int64_t i; /* INT */
		uint64_t u; /* UINT */
		bool b; /* BOOL */
		uint8_t c; /* CHAR */
		double f; /* FLOAT */
		struct {
			int64_t value;
			const char *variant; /* NULL: no such name; the key is always there */
			bool is_signed;
		} e; /* ENUM */
		struct {
			const char *type_name; /* NULL: anonymous; the key is always there */
			struct cap_member *member;
			size_t nr;
		} s; /* STRUCT */
		struct {
			uint64_t len; /* as declared; nr may be less */
			struct cap_value *element;
			size_t nr;
		} a; /* ARRAY */
		const char *cpus; /* CPU_LIST: "0-2,5" */
		struct {
			uint64_t value;
			const struct cap_value *deref; /* NULL: not followed */
			const char *deref_skipped_reason;
			const char *cast_annotation;
		} p; /* PTR */
		struct {
			const uint8_t *data;
			size_t len;
			bool text; /* string literals: shown as text, \xHH for what does not print */
		} bytes; /* BYTES; the JSON key is "hex" */
		struct {
			uint64_t needed, had; /* bytes */
			const struct cap_value *partial;
		} t; /* TRUNCATED */
		const char *reason; /* UNSUPPORTED; NULL: "not rendered" */
	};
};
struct cap_member {
	const char *name; /* "": anonymous */
	struct cap_value value;
};

/* ---- a map ---- */

/* One of a hash, or of storage that belongs to objects. A NULL value is left out. */
struct cap_entry {
	const struct cap_value *key;
	const uint8_t *key_data; /* key_hex, always */
	uint32_t key_len;
	const struct cap_value *value;
	const uint8_t *value_data; /* value_hex, always */
	uint32_t value_len;
	const struct cap_value *payload;
};
struct cap_array_entry {
	uint32_t key;
	const struct cap_value *value; /* NULL: unreadable */
};
/* Of a per-CPU array: key; of a per-CPU hash: key_value and key_data. */
struct cap_percpu_entry {
	uint32_t key;
	const struct cap_value *key_value;
	const uint8_t *key_data;
	uint32_t key_len;
	const struct cap_value **per_cpu; /* NULL in it: null */
	size_t nr_cpus;
};
struct cap_arena_page {
	uint64_t user_addr;
	const uint8_t *bytes; /* CAP_PAGE of them */
};
enum { CAP_PAGE = 4096 };
struct cap_arena_snapshot {
	struct cap_arena_page *page;
	size_t nr_pages;
	bool truncated;
	uint64_t declared_pages; /* always */
	bool span_capped;
	uint64_t kern_vm_start, user_vm_start; /* always */
};
struct cap_ringbuf {
	uint64_t capacity, consumer_pos, producer_pos, pending_pos, pending_bytes;
};
struct cap_stack_entry {
	uint32_t bucket_id, nr;
	const uint64_t *pc;
	size_t nr_pcs;
	const uint8_t *data; /* data_hex, always */
	size_t len;
};
struct cap_stack_trace {
	uint32_t n_buckets;
	struct cap_stack_entry *entry;
	size_t nr;
	bool truncated;
	uint32_t buckets_unreadable;
};
struct cap_fd_array {
	uint32_t populated, scanned;
	const uint32_t *index;
	size_t nr_indices;
	bool truncated, indices_truncated;
	uint32_t unreadable;
};
/* What of it is there depends on the type; NULL and 0 are left out. */
struct cap_map_report {
	const char *name;
	uint64_t map_kva;
	uint32_t map_type, value_size, max_entries;
	const struct cap_value *value;
	struct cap_entry *entry;
	size_t nr_entries;
	struct cap_array_entry *array_entry;
	size_t nr_array_entries;
	struct cap_percpu_entry *percpu_entry;
	size_t nr_percpu_entries;
	struct cap_percpu_entry *percpu_hash_entry;
	size_t nr_percpu_hash_entries;
	const struct cap_arena_snapshot *arena;
	const struct cap_ringbuf *ringbuf;
	const struct cap_stack_trace *stack_trace;
	const struct cap_fd_array *fd_array;
	const char *error;
};

/* ---- the scheduler's allocators ---- */

struct cap_sdt_entry {
	int32_t idx, genn;
	uint64_t user_addr; /* low 32 bits of the slot's start */
	struct cap_value payload;
};
struct cap_sdt_report {
	const char *allocator_name;
	struct cap_sdt_entry *entry;
	size_t nr;
	bool truncated;
	uint32_t skipped_subtrees;
	uint64_t elem_size;
	uint32_t target_type_id;
	const char *payload_type_reason;
};
struct cap_static_range {
	const char *instance_name;
	uint32_t start_low32;
	uint64_t size, capacity;
};
struct cap_static_report {
	struct cap_static_range *range;
	size_t nr;
	uint32_t skipped;
};

/* ---- the kernel's state ---- */

struct cap_vcpu_regs {
	bool valid; /* false: null */
	uint64_t instruction_pointer, stack_pointer, page_table_root;
};
struct cap_prog_stats {
	const char *name;
	uint64_t cnt, nsecs, misses; /* over all CPUs, saturating */
};
enum { CAP_SOFTIRQS = 10 };
struct cap_cpu_time {
	uint32_t cpu;
	uint64_t user_ns, nice_ns, system_ns, softirq_ns, irq_ns, idle_ns, iowait_ns, steal_ns;
	uint64_t softirqs[CAP_SOFTIRQS];
	uint64_t irqs_sum;
	bool has_iowait_sleeptime;
	uint64_t iowait_sleeptime_ns;
};
struct cap_psi {
	uint64_t cgroup_kva, serial_nr, total_ns, avg10_raw;
};
struct cap_numa {
	uint32_t node;
	uint64_t hit, miss, foreign, interleave_hit, local, other;
};
struct cap_task {
	uint64_t
		kva; /* task_kva: that of its task_struct, by which run queues and DSQs name it; 0: left out */
	int32_t pid, tgid;
	const char *comm;
	uint32_t weight;
	int32_t prio, static_prio, normal_prio;
	uint32_t rt_priority;
	bool pi_boosted_out_of_scx;
	uint64_t nvcsw, nivcsw;
	/* left out when not has_..., or NULL */
	bool has_group_leader, has_parent, has_pgid, has_sid, has_nr_threads, has_core_cookie,
		has_signal_csw;
	int32_t group_leader_pid, real_parent_pid, pgid, sid, nr_threads;
	const char *real_parent_comm;
	const char *sched_class; /* fair rt dl idle stop ext */
	uint64_t core_cookie, signal_nvcsw, signal_nivcsw;
	const char *lock_slowpath_match;
};
/* Sums over CPUs, saturating; in the order of the JSON. */
enum {
	CAP_EV_SELECT_CPU_FALLBACK,
	CAP_EV_DISPATCH_LOCAL_DSQ_OFFLINE,
	CAP_EV_DISPATCH_KEEP_LAST,
	CAP_EV_ENQ_SKIP_EXITING,
	CAP_EV_ENQ_SKIP_MIGRATION_DISABLED,
	CAP_EV_REENQ_IMMED,
	CAP_EV_REENQ_LOCAL_REPEAT,
	CAP_EV_REFILL_SLICE_DFL,
	CAP_EV_BYPASS_DURATION,
	CAP_EV_BYPASS_DISPATCH,
	CAP_EV_BYPASS_ACTIVATE,
	CAP_EV_INSERT_NOT_OWNED,
	CAP_EV_SUB_BYPASS_DISPATCH,
	CAP_EV_NR,
};
struct cap_event_sample {
	uint64_t elapsed_ms;
	int64_t count[CAP_EV_NR];
};
struct cap_rq {
	uint32_t cpu, nr_running, flags;
	uint32_t nr_immed;
	uint64_t ops_qseq;
	uint64_t kick_sync;
	uint64_t rq_clock;
	const char *curr_comm;
	const uint64_t *runnable_task_kvas;
	size_t nr_runnable;
	int32_t curr_pid;
	bool cpu_released, runnable_truncated;
	bool has_kick_sync, has_nr_immed, has_rq_clock, has_curr;
};
struct cap_dsq {
	uint64_t id;
	const char *origin; /* "local cpu 3", "bypass cpu 3", "global node 0", "user" */
	uint32_t nr, seq;
	const uint64_t *task_kvas;
	size_t nr_tasks;
	bool truncated;
};
struct cap_sched_state {
	bool aborting;
	int32_t bypass_depth;
	uint32_t exit_kind;
	bool has_watchdog_timeout;
	uint64_t watchdog_timeout; /* jiffies */
	const char *source; /* "live", "bss_snapshot" */
	uint64_t sched_kva; /* 0: left out */
};
struct cap_perf {
	bool valid;
	uint64_t cycles, instructions, cache_misses, branch_misses, time_enabled_ns,
		time_running_ns;
};
/* Slots of the probe's counters: bpf/events.h has the same order. */
enum {
	CAP_PC_PROBE_COUNT,
	CAP_PC_KPROBE_RETURNS,
	CAP_PC_META_MISS,
	CAP_PC_RINGBUF_DROPS,
	CAP_PC_TIMELINE_COUNT,
	CAP_PC_TIMELINE_DROPS,
	CAP_PC_PI_COUNT,
	CAP_PC_PI_ORPHAN_FEXITS,
	CAP_PC_PI_CLASS_CHANGE_COUNT,
	CAP_PC_PI_DROPS,
	CAP_PC_LOCK_CONTEND_COUNT,
	CAP_PC_LOCK_CONTEND_DROPS,
	CAP_PC_PREEMPT_DISABLE_COUNT,
	CAP_PC_PREEMPT_ENABLE_COUNT,
	CAP_PC_TRIGGER_COUNT,
	CAP_PC_NR,
};
struct cap_probe_counters {
	uint64_t slot[CAP_PC_NR];
	bool valid; /* they were read; a report has no others */
};

/* ---- the whole ---- */

struct cap_pool;
struct cap_report {
	struct cap_pool *pool; /* owns everything below, and this */
	struct cap_map_report *map; /* in order of ids; the key is always there */
	size_t nr_maps;
	const char *maps_unavailable;
	struct cap_vcpu_regs *vcpu_regs;
	size_t nr_vcpus;
	const char *active_obj_name;
	const uint64_t *active_map_kvas;
	size_t nr_active_maps;
	struct cap_sdt_report *sdt;
	size_t nr_sdt;
	struct cap_static_report scx_static;
	const char *sdt_alloc_unavailable;
	struct cap_prog_stats *prog;
	size_t nr_progs;
	const char *prog_runtime_stats_unavailable;
	struct cap_cpu_time *cpu_time;
	size_t nr_cpu_times;
	struct cap_psi *psi;
	size_t nr_psi;
	struct cap_numa *numa;
	size_t nr_numa;
	const char *per_node_numa_unavailable;
	struct cap_task *task;
	size_t nr_tasks;
	const char *task_enrichments_unavailable;
	const char
		*scx_task_states; /* "NONE INIT READY ENABLED": what this kernel calls 0, 1, ... */
	struct cap_event_sample *event;
	size_t nr_events;
	struct cap_rq *rq;
	size_t nr_rqs;
	struct cap_dsq *dsq;
	size_t nr_dsqs;
	const struct cap_sched_state *sched_state;
	const char *scx_walker_unavailable;
	struct cap_perf *perf;
	size_t nr_perf;
	bool has_truncated_at;
	uint64_t dump_truncated_at_us;
	uint32_t maps_truncated;
	const struct cap_probe_counters *probe_counters;
	bool is_placeholder;
};
/* Accepts NULL. */
void cap_report_free(struct cap_report *r);
KT_DEFINE_AUTO(cap_report, struct cap_report *, cap_report_free);

/* No dump could be made: registers where vCPUs were parked, and why. */
struct cap_degraded {
	const char *reason; /* one of CAP_DEGRADED_..., then details */
	struct cap_vcpu_regs
		*vcpu_regs; /* one that is not valid never parked; none: which did is not known */
	size_t nr_vcpus;
	bool watchpoint_hit;
	const char *bss_latch_state; /* triggered not_triggered out_of_bounds not_resolved */
	bool has_exit_kind;
	uint32_t exit_kind;
	uint64_t elapsed_ms; /* 0: left out */
};
#define CAP_DEGRADED_TIMEOUT "vCPU rendezvous timed out before parked acknowledgement"
/* The machine ended instead. */
#define CAP_DEGRADED_KILLED "vCPU rendezvous aborted by external kill before parked acknowledgement"
/* Whoever runs the vCPUs would not stop them. */
#define CAP_DEGRADED_REFUSED "vCPUs could not be stopped"
/* In place of a report's reasons: nothing can be told of the guest's memory. */
#define CAP_WHY_PREREQUISITES "dump prerequisites unavailable"

/* Two captures of one failure: before it, and when it came. Borrows both. */
struct cap_dual {
	const struct cap_report *early; /* NULL: left out */
	const struct cap_report *late;
	uint64_t early_max_age_jiffies, early_threshold_jiffies; /* 0: left out */
	const char *early_skipped_reason;
};

#endif
