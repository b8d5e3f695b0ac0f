/* SPDX-License-Identifier: GPL-2.0-only */
/* What the scx_ktstr scheduler and its loader share: values, map contents, exit record. */
#ifndef KTSTR_BPF_SCX_KTSTR_H
#define KTSTR_BPF_SCX_KTSTR_H

#include <linux/types.h>

#include "bpf/sdt_alloc.h"

#define KTSTR_STATS_MAGIC 0x5354415473746174ULL
#define KTSTR_ARENA_MAGIC 0xDEADBEEFCAFEBABEULL
#define KTSTR_ARENA_COUNTER 42
#define KTSTR_CROSS_MAGIC 0xC0FFEEFEEDFACE01ULL
#define KTSTR_CROSS_VALUE 0x1234567890ABCDEFULL
#define KTSTR_ARRAY_MAGIC 0xABCDEF0123456789ULL
#define KTSTR_PCPU_MAGIC 0x5A5A00000000ULL

#define KTSTR_ARRAY_ENTRIES 16
#define KTSTR_CGROUP_ENTRIES 256

#define KTSTR_EXIT_ERROR 1024
#define KTSTR_EXIT_REASON_LEN 128
#define KTSTR_EXIT_MSG_LEN 1024
#define KTSTR_EXIT_DUMP_LEN 32768

/* One per task, in an arena slot. The last two members are pointers that BTF shows as integers. */
struct ktstr_arena_ctx {
	__u64 magic;
	__u32 counter;
	__u32 pad;
	__u64 task_kptr;
	__u64 stashed_arena_ptr;
};

_Static_assert(sizeof(struct ktstr_arena_ctx) == 32, "tools find the payload type by its size");

/* @arena_target is a pointer that BTF shows as an integer; @bss_plain_counter really is one. */
struct ktstr_bss_arena_holder {
	__u64 arena_target;
	__u64 bss_plain_counter;
};

struct ktstr_cross_target {
	__u64 magic;
	__u64 value;
};

struct ktstr_cross_val {
	struct ktstr_cross_target __arena *cached_ptr;
};

struct ktstr_array_val {
	__u64 magic;
	__u32 key_echo;
};

struct ktstr_pcpu_val {
	__u64 magic;
	__u32 cpu_echo;
};

struct scx_task_map_val {
	union sdt_id tid;
	__u64 tptr;
	struct sdt_data __arena *data;
};

/* Written by ops.exit(); @kind last, so that a reader who sees it sees the rest. */
struct ktstr_exit_record {
	__u32 kind;
	__u32 pad;
	__s64 exit_code;
	char reason[KTSTR_EXIT_REASON_LEN];
	char msg[KTSTR_EXIT_MSG_LEN];
	char dump[KTSTR_EXIT_DUMP_LEN];
};

#endif
