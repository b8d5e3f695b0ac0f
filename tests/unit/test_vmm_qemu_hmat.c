/* SPDX-License-Identifier: GPL-2.0-only */
/* QEMU itself takes what its command line tells of memory: a machine that never runs, and a monitor to quit it by. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/proc.h"
#include "vmm/internal.h"
#include "vmm/qemu/internal.h"

enum { TIMEOUT_MS = 120000, TEXT_MAX = 1 << 16 };

static void qemu_or_skip(struct vm_accel_choice *ret)
{
	struct kt_err e = { 0 };

	if (vm_choose_accel(VM_ACCEL_TCG, NULL, ret, &e) < 0)
		unit_require("tcg", unit_err_text(&e));
}

/* The command line of @t, without a kernel and paused; the monitor is on its input. */
static void command_of(const struct kt_topology *t, const struct vm_accel_choice *accel,
		       struct kt_strv *ret)
{
	static const char *const more[] = { "-S", "-qmp", "stdio" };
	struct vm_config config = { .accel = accel, .topology = t, .clock = VM_CLOCK_REAL };
	struct vm_layout layout;
	struct qemu_command c = { .config = &config,
				  .layout = &layout,
				  .kernel = "none",
				  .console = "null",
				  .bell = "null",
				  .initrd = "none",
				  .host_cpus = 1 };
	kt_auto(strv) struct kt_strv all = { 0 };

	assert_int_equal(
		vm_layout_plan(&(struct vm_layout_opts){ .topology = t,
							 .memory_bytes = 512 * VM_MIB,
							 .low_bytes_max = qemu_low_bytes(VM_GIB),
							 .kernel_end = 64 * VM_MIB },
			       &layout, NULL),
		0);
	assert_int_equal(qemu_command_build(&c, &all, NULL), 0);
	for (size_t i = 0; i < all.nr; i++) {
		if (kt_streq(all.v[i], "-kernel") || kt_streq(all.v[i], "-initrd") ||
		    kt_streq(all.v[i], "-append"))
			i++;
		else
			assert_int_equal(kt_strv_add(ret, all.v[i]), 0);
	}
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(kt_strv_add(ret, more[i]), 0);
}

static void start_and_quit(const struct kt_topology *t, const struct vm_accel_choice *accel)
{
	static const char quit[] = "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"quit\"}\n";
	kt_auto(strv) struct kt_strv argv = { 0 };
	kt_auto(buf) struct kt_buf out = { 0 }, err = { 0 };
	struct kt_proc_end end;
	struct kt_err e = { 0 };
	int fd[2], r;

	command_of(t, accel, &argv);
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_int_equal(write(fd[1], quit, strlen(quit)), strlen(quit));
	r = kt_proc_run(&(struct kt_proc_opts){ .argv = (const char *const *)argv.v,
						.stdin_fd = fd[0] },
			TIMEOUT_MS, TEXT_MAX, &out, &err, &end, &e);
	(void)close(fd[0]); /* nothing was written to it */
	(void)close(fd[1]);
	if (r < 0)
		fail_msg("%s", unit_err_text(&e));
	if (end.signalled || end.code)
		fail_msg("%d: %s", end.code, kt_buf_str(&err));
	assert_string_equal(kt_buf_str(&err), "");
	assert_non_null(strstr(kt_buf_str(&out), "\"reason\": \"host-qmp-quit\""));
}

/* Two nodes with CPUs and one without. */
static const struct kt_topology three_nodes = {
	.nr_nodes = 3,
	.nr_llcs = 2,
	.cores = 2,
	.threads = 1,
	.node = { { .llcs = 1 }, { .llcs = 1 }, { .llcs = 0 } },
	.has_distance = true,
	.distance = { { 10, 20, 40 }, { 20, 10, 30 }, { 40, 30, 10 } },
};

static void qemu_starts_with_memory_side_caches(void **state)
{
	struct kt_topology t = three_nodes;
	struct vm_accel_choice accel;

	(void)state;
	qemu_or_skip(&accel);
	t.node[2].latency_ns = 300;
	t.node[2].bandwidth_mbs = 5000;
	t.node[2].mem_side_cache_bytes = VM_GIB;
	start_and_quit(&t, &accel);
	t.node[0].latency_ns = 80;
	t.node[0].bandwidth_mbs = 100000;
	t.node[0].mem_side_cache_bytes = VM_MIB;
	start_and_quit(&t, &accel);
}

/* The limits of ktstr.toml, side by side. */
static void qemu_starts_with_the_greatest_and_least_values(void **state)
{
	struct kt_topology t = three_nodes;
	struct vm_accel_choice accel;

	(void)state;
	qemu_or_skip(&accel);
	t.node[0].latency_ns = 1;
	t.node[0].bandwidth_mbs = 10000000;
	t.node[1].latency_ns = 65535;
	t.node[1].bandwidth_mbs = 65535;
	t.node[2].latency_ns = 1000000;
	t.node[2].bandwidth_mbs = 1;
	t.node[2].mem_side_cache_bytes = UINT64_C(1) << 40;
	start_and_quit(&t, &accel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(qemu_starts_with_memory_side_caches),
		cmocka_unit_test(qemu_starts_with_the_greatest_and_least_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
