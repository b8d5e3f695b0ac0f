/* SPDX-License-Identifier: GPL-2.0-only */
/* vmm-bench: figures of machines on /dev/kvm with the test guest, for scripts/bench. */
#include "tests/bench/vmm_bench.h"

#include <stdarg.h>

enum { FRAME_MS = 60000 };

void bench_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("vmm-bench: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

void bench_must(int r, const struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];

	if (r < 0)
		bench_die("%s", kt_err_text(e, text, sizeof(text)));
}

void bench_print(double value, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	printf(" %.4f\n", value);
	fflush(stdout);
}

struct vm *bench_create(const struct bench_machine *m)
{
	static const struct vm_accel_choice kvm = { .accel = VM_ACCEL_KVM, .name = "kvm" };
	const struct kt_topology t = {
		.nr_nodes = 1,
		.nr_llcs = m->llcs,
		.cores = m->cores,
		.threads = 1,
		.node = { { .llcs = m->llcs } },
	};
	const struct vm_config c = {
		.accel = &kvm,
		.topology = &t,
		.memory_bytes = m->memory_bytes,
		.kernel = m->guest,
		.vmlinux = m->guest,
		.initrd_base = m->initrd,
		.cmdline = m->cmdline,
		.clock = VM_CLOCK_REAL,
	};
	struct kt_err e = { 0 };
	struct vm *vm = NULL;

	bench_must(vm_create(&c, &vm, &e), &e);
	return vm;
}

const char *bench_wait_frame(struct vm *vm, const char *prefix)
{
	uint64_t deadline = kt_now_ns() + FRAME_MS * UINT64_C(1000000);
	static char text[512];
	struct kt_err e = { 0 };
	struct vm_event ev;

	while (kt_now_ns() < deadline) {
		bench_must(vm_wait(vm, kt_poll_timeout(deadline), &ev, &e), &e);
		if (ev.type == VM_EV_END)
			bench_die("the guest ended: %s", ev.text);
		if (ev.type == VM_EV_CONSOLE)
			fprintf(stderr, "guest: %.*s", (int)ev.len, (const char *)ev.data);
		if (ev.type != VM_EV_FRAME || ev.len >= sizeof(text))
			continue;
		memcpy(text, ev.data, ev.len);
		text[ev.len] = '\0';
		if (kt_starts_with(text, prefix))
			return text + strlen(prefix);
	}
	bench_die("the guest does not say '%s'", prefix);
}

static const struct command {
	const char *name;
	int nr_args;
	int (*run)(char **argv);
} commands[] = {
	{ "start", 6, bench_start },
	{ "start-one", 6, bench_start_one },
	{ "images", 6, bench_images },
	{ "captures", 3, bench_captures },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (kt_streq(argv[1], commands[i].name) && argc == 2 + commands[i].nr_args)
			return commands[i].run(argv + 2);
	}
	fputs("usage: vmm-bench start LLCS CORES MEMORY_MIB GUEST INITRD RUNS\n"
	      "       vmm-bench images thread|kvm huge|small DIRTY_KIB GUEST INITRD RUNS\n"
	      "       vmm-bench captures GUEST INITRD RUNS\n",
	      stderr);
	return 2;
}
