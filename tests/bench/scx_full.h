/* SPDX-License-Identifier: GPL-2.0-only */
/* What the benched scheduler and its loader share. */
#ifndef KTSTR_TESTS_BENCH_SCX_FULL_H
#define KTSTR_TESTS_BENCH_SCX_FULL_H

#include <linux/types.h>

#ifdef __bpf__
#define FULL_ARENA __attribute__((address_space(1)))
#else
#define FULL_ARENA
#endif

#define FULL_ENTRIES 1000
#define FULL_PAGES 100
#define FULL_ARENA_START (1ULL << 44)

/* At the start of each page of the arena. */
struct full_page {
	__u64 magic;
	__u32 nr, cpu;
	struct full_page FULL_ARENA *next; /* none */
	char text[16];
};

/* Of the hash: as much as a scheduler keeps of a task. */
struct full_task {
	__u64 vtime, deadline, sum_runtime, last_run_at;
	__u32 weight, llc, flags, nr_runs;
	__s32 pid, cpu;
	__u16 history[8];
	_Bool interactive;
	struct full_page FULL_ARENA *page;
};

#endif
