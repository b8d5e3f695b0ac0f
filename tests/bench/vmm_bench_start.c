/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From spawn to the first KVM_RUN: a process is started as a cell is, by fork and exec, and makes and starts a machine.
 * And what it then takes of the host's memory beside the guest's.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/proc.h"
#include "tests/bench/vmm_bench.h"

enum { RUN_MS = 120000 };

static unsigned to_unsigned(const char *s)
{
	unsigned v = 0;

	if (kt_parse_uint(s, 1, UINT32_MAX, &v) < 0)
		bench_die("not a number: '%s'", s);
	return v;
}

static bool is_guest_ram(const struct vm *vm, uint64_t start)
{
	const struct vm_memory *m = &vm->memory;

	for (unsigned n = 0; n < m->nr; n++) {
		if (start - (uintptr_t)m->map[n] < m->layout.node_bytes[n])
			return true;
	}
	return false;
}

/* Resident memory of this process in KiB, of what is not guest RAM. */
static uint64_t resident_kib(const struct vm *vm)
{
	kt_auto(file) FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long long start, end, kib;
	uint64_t sum = 0;
	bool count = false;
	char line[512];

	if (!f)
		bench_die("cannot read /proc/self/smaps");
	while (fgets(line, sizeof(line), f)) {
		/* "55d0c0a00000-55d0c0a21000 rw-p ...", then lines "Rss:   12 kB" of it */
		if (sscanf(line, "%llx-%llx ", &start, &end) == 2)
			count = !is_guest_ram(vm, start);
		else if (count && sscanf(line, "Rss: %llu kB", &kib) == 1)
			sum += kib;
	}
	return sum;
}

/* LLCS CORES MEMORY_MIB GUEST INITRD SPAWN_NS */
int bench_start_one(char **argv)
{
	const struct bench_machine m = {
		.llcs = to_unsigned(argv[0]),
		.cores = to_unsigned(argv[1]),
		.memory_bytes = to_unsigned(argv[2]) * VM_MIB,
		.guest = argv[3],
		.initrd = argv[4],
		.cmdline = "do=count",
	};
	struct kt_err e = { 0 };
	uint64_t spawned = 0, created, started;
	struct vm *vm;

	if (kt_parse_u64(argv[5], &spawned) < 0)
		bench_die("not a time: '%s'", argv[5]);
	vm = bench_create(&m);
	created = kt_now_ns();
	bench_must(vm_start(vm, &e), &e);
	started = kt_now_ns();
	bench_print(bench_ms(started - spawned), "start");
	bench_print(bench_ms(created - spawned), "create");
	(void)bench_wait_frame(vm, "count ");
	bench_print(bench_ms(kt_now_ns() - spawned), "frame");
	bench_print((double)resident_kib(vm) / 1024, "resident");
	vm_free(vm);
	return 0;
}

static void run_one(const char *program, char **argv)
{
	kt_auto(mem) char *now = kt_fmt("%llu", (unsigned long long)kt_now_ns());
	const char *args[] = { program, "start-one", argv[0], argv[1], argv[2],
			       argv[3], argv[4],     now,     NULL };
	kt_auto(buf) struct kt_buf out = { 0 };
	struct kt_proc_end end;
	struct kt_err e = { 0 };

	if (!now)
		bench_die("out of memory");
	bench_must(kt_proc_run(&(struct kt_proc_opts){ .argv = args }, RUN_MS, 1 << 16, &out, NULL,
			       &end, &e),
		   &e);
	if (end.signalled || end.code)
		exit(1);
	fputs(kt_buf_str(&out), stdout);
	fflush(stdout);
}

/* LLCS CORES MEMORY_MIB GUEST INITRD RUNS */
int bench_start(char **argv)
{
	unsigned runs = to_unsigned(argv[5]);
	char program[4096];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (len < 0)
		bench_die("cannot find this program");
	program[len] = '\0';
	for (unsigned i = 0; i < runs; i++)
		run_one(program, argv);
	return 0;
}
