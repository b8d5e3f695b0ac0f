/* SPDX-License-Identifier: GPL-2.0-only */
/* What the probe records: shared by its BPF programs, their loader, and those who read its maps. */
#ifndef KTSTR_BPF_EVENTS_H
#define KTSTR_BPF_EVENTS_H

#include <linux/types.h>

enum {
	PRB_ARGS = 6,
	PRB_FIELDS = 16,
	PRB_STACK = 32,
	PRB_STRING = 64,
	PRB_FUNCS = 64,
	PRB_ENTRIES = 65536,
	PRB_MISSES = 16,
	PRB_EXIT_EVENTS = 13, /* counters of struct scx_event_stats that are kept */
	PRB_CPUS = 256,
	PRB_NO_STRING = 0xff, /* of func_meta.str_param_idx */
	PRB_ERROR_KIND = 1024, /* exit kinds from here on are errors: enum scx_exit_kind */
};

/* Slots of the counters, one set a CPU. A slot has its own cache lines: no two CPUs write to the same. */
enum {
	PRB_PROBE_COUNT, /* kprobe hits */
	PRB_KPROBE_RETURNS, /* of these, recorded in probe_data */
	PRB_META_MISS, /* of these, at functions that func_meta_map does not know */
	PRB_RINGBUF_DROPS, /* trigger events that found no room */
	PRB_TIMELINE_COUNT,
	PRB_TIMELINE_DROPS,
	PRB_PI_COUNT,
	PRB_PI_ORPHAN_FEXITS,
	PRB_PI_CLASS_CHANGE_COUNT,
	PRB_PI_DROPS,
	PRB_LOCK_CONTEND_COUNT,
	PRB_LOCK_CONTEND_DROPS,
	PRB_PREEMPT_DISABLE_COUNT,
	PRB_PREEMPT_ENABLE_COUNT,
	PRB_TRIGGER_COUNT, /* exits of schedulers, whatever their kind */
	PRB_COUNTERS,
};
struct pcpu_counter {
	__s64 value;
	__u64 pad[15];
} __attribute__((aligned(128)));
_Static_assert(sizeof(struct pcpu_counter) == 128, "read from outside by this stride");

enum { PRB_EVENT_TRIGGER = 2 };
/* In ktstr_events. */
struct probe_event {
	__u32 type;
	__u32 tid;
	__u32 func_idx;
	__u32 pad;
	__u64 ts;
	__u64 args[PRB_ARGS]; /* of a trigger: the task that caused it or 0, the exit kind */
	__u64 fields[PRB_FIELDS];
	__u32 nr_fields;
	__u32 pad2;
	__u64 kstack[PRB_STACK];
	__u32 kstack_sz; /* entries of kstack */
	char str_val[PRB_STRING];
	__u8 has_str;
	__u8 str_param_idx;
	__u8 pad3[2];
};
_Static_assert(__builtin_offsetof(struct probe_event, kstack_sz) == 464, "wire format");
_Static_assert(sizeof(struct probe_event) == 536, "wire format");

enum {
	TL_SWITCH = 1,
	TL_MIGRATE = 2,
	TL_WAKEUP = 3,
	TL_PI_BOOST = 4,
	TL_LOCK_CONTEND = 5,
};
/* In timeline_events. What prev_pid, next_pid, a and b are depends on the type: see the programs. */
struct timeline_event {
	__u32 type;
	__u32 cpu;
	__u64 ts;
	__u32 prev_pid;
	__u32 next_pid;
	__u64 a;
	__u64 b;
};
_Static_assert(sizeof(struct timeline_event) == 40, "wire format");

/* What to read of an argument. */
struct field_spec {
	__u32 param_idx;
	__u32 offset;
	__u32 size; /* 1, 2, 4 or 8 */
	__u32 field_idx; /* where in fields[] it goes */
	__u32 ptr_offset; /* not 0: the argument points to a pointer there, load that first */
};
/* In func_meta_map, by the function's address. */
struct func_meta {
	__u32 func_idx;
	__u32 nr_field_specs;
	struct field_spec specs[PRB_FIELDS];
	__u32 str_param_idx; /* PRB_NO_STRING: none */
};

/* In probe_data: the last call of a function by a task. */
struct probe_key {
	__u64 func_ip;
	__u64 task_ptr;
};
struct probe_entry {
	__u64 ts;
	__u64 args[PRB_ARGS];
	__u64 fields[PRB_FIELDS];
	__u32 nr_fields;
	char str_val[PRB_STRING];
	__u8 has_str;
	__u8 str_param_idx;
	__u64 exit_ts;
	__u64 exit_fields[PRB_FIELDS];
	__u32 nr_exit_fields;
	__u8 has_exit;
};

struct pi_entry {
	__u64 ts;
	__s32 oldprio;
	__u64 prev_class;
};
struct preempt_window {
	__u64 enter_ts;
	__u64 max_ns;
};

/*
 * A call of the kernel function scx_bpf_events() is written in the programs as a call of a helper with this number, which
 * there is not: the loader puts the function's BTF id there, or, where the kernel has none, nothing. A declaration
 * as a __ksym would need libbpf, for the types that the kernel does not take as they come from the compiler.
 */
#define PRB_CALL_SCX_EVENTS 0x6b740001

#endif
