/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of vmm-bench share. Whatever fails ends the program: a bench without its subject has no figures. */
#ifndef KTSTR_TESTS_BENCH_VMM_BENCH_H
#define KTSTR_TESTS_BENCH_VMM_BENCH_H

#include "base/clock.h"
#include "vmm/internal.h"

void bench_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* When @r is below 0, says what is in @e and ends the program. */
void bench_must(int r, const struct kt_err *e);
/* A line on stdout. */
void __attribute__((format(printf, 2, 3))) bench_print(double value, const char *fmt, ...);
static inline double bench_ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

struct bench_machine {
	unsigned llcs, cores; /* vCPUs are llcs * cores, on one node */
	uint64_t memory_bytes;
	const char *guest; /* the test guest's file */
	const char *initrd; /* any file */
	const char *cmdline; /* "do=..." */
};
/* Not started. */
struct vm *bench_create(const struct bench_machine *m);
/* Waits for the frame whose text begins with @prefix: the rest of it, until the next call. */
const char *bench_wait_frame(struct vm *vm, const char *prefix);

/* vmm-bench start LLCS CORES MEMORY_MIB GUEST INITRD RUNS: spawn to first KVM_RUN, resident memory. */
int bench_start(char **argv);
/* Started by the one above, in a process of its own. */
int bench_start_one(char **argv);
/* vmm-bench images thread|kvm huge|small DIRTY_KIB GUEST INITRD RUNS: the freeze, and the guest's lost work, by kind and walk. */
int bench_images(char **argv);
/* vmm-bench captures GUEST INITRD RUNS */
int bench_captures(char **argv);

#endif
