/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every key of ktstr.toml, in the order of the documentation. A row without a handler is known but
 * not supported yet.
 */
#include "config/internal.h"

enum { STRINGS_MAX = 1024 };

#define FIELD(type_, m) .offset = offsetof(type_, m)
#define TEST(m) FIELD(struct cfg_test_build, t.m)
#define WITHIN(min_, max_) .min = (min_), .max = (max_)
#define HOUR (3600 * CFG_S)

const struct cfg_key cfg_keys[] = {
	{ CFG_T_ROOT, "project", "table", "", "the project itself", .apply = cfg_apply_project },
	{ CFG_T_ROOT, "kernel", "tables", "",
	  "[kernel.NAME]: kernels to run on; 'default' runs when --kernel is not given",
	  .apply = cfg_apply_kernels },
	{ CFG_T_ROOT, "scheduler", "tables", "", "[scheduler.NAME]: schedulers under test",
	  .apply = cfg_apply_schedulers },
	{ CFG_T_ROOT, "defaults", "table", "",
	  "any key of [[test]] but 'name', for tests that do not say otherwise; 'assert' and 'sysctls' are merged "
	  "key by key, everything else is replaced",
	  .apply = cfg_apply_defaults_table },
	{ CFG_T_ROOT, "test", "array of tables", "", "[[test]]: the tests",
	  .apply = cfg_apply_tests_table },
	{ CFG_T_ROOT, "vm", "table", "", "how virtual machines run", .apply = cfg_apply_vm },
	{ CFG_T_ROOT, "cache", "table", "", "the kernel cache", .apply = cfg_apply_cache },
	{ CFG_T_ROOT, "test-binary", "tables", "", "[test-binary.NAME]: tests written in C",
	  .apply = NULL },
	{ CFG_T_ROOT, "presets", "table", "", "topology presets of the project's own",
	  .apply = NULL },

	{ CFG_T_PROJECT, "name", "name", "", "shown in reports; the directory's name when absent",
	  .apply = cfg_apply_project_name, FIELD(struct cfg_project, name) },

	{ CFG_T_KERNEL, "source", "string", NULL,
	  "where it comes from: stable (the newest stable series), 6.12 (its newest), 6.12.40, 6.15-rc3, "
	  "6.12..6.16 (the newest of each series in between: one kernel each), git+URL#REF, "
	  "path:DIR-or-image, a tarball's URL or file, debian:SUITE/linux-source-6.12, "
	  "debian:SUITE/cloud (prebuilt), or a cache key",
	  .apply = cfg_apply_string, FIELD(struct cfg_kernel, source) },
	{ CFG_T_KERNEL, "kconfig", "array of strings", "",
	  "what to configure besides: files, relative to the project's directory, or lines \"CONFIG_X=y\"; "
	  "later ones win. This and what follows matter to kernels that have to be built",
	  .apply = cfg_apply_kconfig, FIELD(struct cfg_kernel, kconfig),
	  WITHIN(0, STRINGS_MAX / 2) },
	{ CFG_T_KERNEL, "flavour", "string", "\"minimal\"",
	  "\"minimal\": only what tests need, boots fastest; \"full\": the kernel's own defaults, and what "
	  "tests need",
	  .apply = cfg_apply_flavour, FIELD(struct cfg_kernel, flavour) },
	{ CFG_T_KERNEL, "base", "string", "",
	  "what the configuration begins with: \"allnoconfig\", \"defconfig\", \"tree\" (the .config of the "
	  "source tree) or a file such as a distribution's; by flavour when absent",
	  .apply = cfg_apply_string, FIELD(struct cfg_kernel, base) },
	{ CFG_T_KERNEL, "toolchain", "string", "",
	  "gcc, clang, gcc-13, clang-19, or a prefix such as /opt/x/bin/x86_64-linux-; $LLVM, $CC or gcc when "
	  "absent",
	  .apply = cfg_apply_string, FIELD(struct cfg_kernel, toolchain) },
	{ CFG_T_KERNEL, "pahole", "string", "",
	  "program that makes BTF; $PAHOLE or pahole when absent", .apply = cfg_apply_string,
	  FIELD(struct cfg_kernel, pahole) },

	{ CFG_T_SCHEDULER, "binary", "string", NULL,
	  "the program that loads the scheduler, relative to the project's directory; \"$KTSTR_OUT/NAME\" is in the "
	  "directory that its build command writes to, one for each kernel",
	  .apply = cfg_apply_string, FIELD(struct cfg_scheduler, binary) },
	{ CFG_T_SCHEDULER, "build", "string", "",
	  "shell command that builds it, run in the project's directory", .apply = cfg_apply_string,
	  FIELD(struct cfg_scheduler, build) },
	{ CFG_T_SCHEDULER, "args", "array of strings", "", "arguments it is always given",
	  .apply = cfg_apply_strings, FIELD(struct cfg_scheduler, args),
	  WITHIN(0, STRINGS_MAX / 2) },
	{ CFG_T_SCHEDULER, "kernel-source", "boolean", "false",
	  "its build command gets $KTSTR_KERNEL_SOURCE, the source tree of the kernel: only for kernels that "
	  "are built here",
	  .apply = cfg_apply_bool, FIELD(struct cfg_scheduler, kernel_source) },
	{ CFG_T_SCHEDULER, "profiles", "tables", "",
	  "flag profiles; every valid combination is a variant", .apply = NULL },

	{ CFG_T_TEST, "name", "name", NULL, "unique; part of file names",
	  .apply = cfg_apply_test_name, TEST(name) },
	{ CFG_T_TEST, "scheduler", "name", "",
	  "a [scheduler.NAME]; \"eevdf\" or absent: the kernel's own scheduler",
	  .apply = cfg_apply_test_scheduler },
	{ CFG_T_TEST, "scheduler-args", "array of strings", "",
	  "arguments after the scheduler's own", .apply = cfg_apply_scheduler_args,
	  TEST(scheduler_args), WITHIN(0, STRINGS_MAX / 2 - 1) },
	{ CFG_T_TEST, "topology", "topology", "\"1n1l2c1t\"",
	  "nodes, LLCs, cores per LLC and threads per core as \"1n2l4c2t\", a preset's name, or a table",
	  .apply = cfg_apply_topology },
	{ CFG_T_TEST, "memory", "size", "", "of the virtual machine; by its CPUs when absent",
	  .apply = cfg_apply_size, TEST(memory_bytes),
	  WITHIN(UINT64_C(128) << 20, UINT64_C(1) << 40) },
	{ CFG_T_TEST, "duration", "duration", "\"10s\"", "how long the workers run, in guest time",
	  .apply = cfg_apply_duration, TEST(duration_ns), WITHIN(100 * CFG_MS, HOUR) },
	{ CFG_T_TEST, "watchdog", "duration", "",
	  "the scheduler's stall timeout, set as it is loaded; the kernel's limit is 30s",
	  .apply = cfg_apply_duration, TEST(watchdog_ns), WITHIN(CFG_MS, 30 * CFG_S) },
	{ CFG_T_TEST, "timeout", "duration", "",
	  "host-side limit of the whole cell, before time-scale; by rule when absent",
	  .apply = cfg_apply_duration, TEST(timeout_ns), WITHIN(CFG_S, 24 * HOUR) },
	{ CFG_T_TEST, "cgroups", "array of tables", "", "the cgroups and their workers",
	  .apply = cfg_apply_cgroups },
	{ CFG_T_TEST, "assert", "table", "", "the checks", .apply = cfg_apply_assert },
	{ CFG_T_TEST, "expect", "table", "", "how the scheduler must die",
	  .apply = cfg_apply_expect },
	{ CFG_T_TEST, "kargs", "array of strings", "", "kernel arguments", .apply = cfg_apply_kargs,
	  TEST(kargs), WITHIN(0, 64) },
	{ CFG_T_TEST, "sysctls", "table or array of strings", "",
	  "{ \"kernel.sched_x\" = 1 } or [\"kernel.sched_x=1\"], set before the scheduler starts",
	  .apply = cfg_apply_sysctls, TEST(sysctls), WITHIN(0, STRINGS_MAX) },
	{ CFG_T_TEST, "performance", "boolean", "false",
	  "performance mode, for measurements: vCPUs pinned LLC by LLC with real-time priority, memory in huge pages "
	  "of their node, no exits for idling, and no other test at the same time; what the host refuses is said. "
	  "KVM only; --performance asks for it in all tests",
	  .apply = cfg_apply_bool, TEST(performance) },
	{ CFG_T_TEST, "ignore", "boolean", "false",
	  "run only when asked for with --ignored or --include-ignored", .apply = cfg_apply_bool,
	  TEST(ignored) },
	{ CFG_T_TEST, "gauntlet", "table", "", "the topologies of --gauntlet", .apply = NULL },
	{ CFG_T_TEST, "snapshots", "table", "", "captures of guest memory while the test runs",
	  .apply = cfg_apply_snapshots },
	{ CFG_T_TEST, "steps", "array of tables", "", "what happens during the test",
	  .apply = NULL },

	{ CFG_T_CGROUP, "name", "string", NULL, "unique within the test",
	  .apply = cfg_apply_cgroup_name },
	{ CFG_T_CGROUP, "workers", "integer or percentage", "",
	  "how many, or how many for the CPUs of its cpuset; one group of its work type when absent",
	  .apply = cfg_apply_workers, WITHIN(1, SCN_WORKERS_MAX) },
	{ CFG_T_CGROUP, "work", "work type or table", "\"spin_wait\"", "what each worker does",
	  .apply = cfg_apply_work },
	{ CFG_T_CGROUP, "nice", "integer", "0", "of its workers", .apply = cfg_apply_int,
	  FIELD(struct cfg_cgroup, nice), WITHIN((uint64_t)-20, 19) },
	{ CFG_T_CGROUP, "cpuset", "CPU set", "",
	  "\"0-3,8\", \"llc:0\", \"numa:1\", \"range:0.0-0.5\" or \"disjoint:0/2\"",
	  .apply = cfg_apply_cpuset },

	{ CFG_T_WORK, "type", "string", NULL, "spin_wait, yield_heavy, bursty or pipe_io",
	  .apply = cfg_apply_work_type },
	{ CFG_T_WORK, "burst", "duration", "", "bursty: time on the CPU",
	  .apply = cfg_apply_duration, FIELD(struct scn_work, burst_ns),
	  WITHIN(CFG_US, 10 * CFG_S) },
	{ CFG_T_WORK, "sleep", "duration", "", "bursty: time asleep", .apply = cfg_apply_duration,
	  FIELD(struct scn_work, sleep_ns), WITHIN(CFG_US, 10 * CFG_S) },

	{ CFG_T_TOPOLOGY, "numa", "integer", "1", "NUMA nodes", .apply = cfg_apply_u32,
	  FIELD(struct cfg_topology_build, t.nr_nodes), WITHIN(0, 9999) },
	{ CFG_T_TOPOLOGY, "llcs", "integer", "1", "last-level caches in all",
	  .apply = cfg_apply_u32, FIELD(struct cfg_topology_build, t.nr_llcs), WITHIN(0, 9999) },
	{ CFG_T_TOPOLOGY, "cores", "integer", "1", "per LLC", .apply = cfg_apply_u32,
	  FIELD(struct cfg_topology_build, t.cores), WITHIN(0, 9999) },
	{ CFG_T_TOPOLOGY, "threads", "integer", "1", "per core: 1 or 2", .apply = cfg_apply_u32,
	  FIELD(struct cfg_topology_build, t.threads), WITHIN(0, 9999) },
	{ CFG_T_TOPOLOGY, "nodes", "array of tables", "", "each node by itself",
	  .apply = cfg_apply_nodes },
	{ CFG_T_TOPOLOGY, "distances", "array of arrays of integers", "",
	  "symmetric; 10 from a node to itself, more to others", .apply = cfg_apply_distances },

	{ CFG_T_NODE, "llcs", "integer", NULL, "0: memory only", .apply = cfg_apply_u32,
	  FIELD(struct kt_topo_node, llcs), WITHIN(0, KT_TOPO_CPUS_MAX) },
	{ CFG_T_NODE, "memory", "size", "", "an even share of the rest when absent",
	  .apply = cfg_apply_size, FIELD(struct kt_topo_node, memory_bytes),
	  WITHIN(UINT64_C(16) << 20, UINT64_C(1) << 40) },
	{ CFG_T_NODE, "latency-ns", "integer", "", "told to the guest", .apply = cfg_apply_u32,
	  FIELD(struct kt_topo_node, latency_ns), WITHIN(1, 1000000) },
	{ CFG_T_NODE, "bandwidth-mbs", "integer", "", "MB/s, told to the guest",
	  .apply = cfg_apply_u32, FIELD(struct kt_topo_node, bandwidth_mbs), WITHIN(1, 10000000) },
	{ CFG_T_NODE, "mem-side-cache", "size", "",
	  "a cache in front of its memory, told to the guest together with latency-ns and bandwidth-mbs",
	  .apply = cfg_apply_size, FIELD(struct kt_topo_node, mem_side_cache_bytes),
	  WITHIN(UINT64_C(1) << 20, UINT64_C(1) << 40) },

	{ CFG_T_ASSERT, "not-stuck", "boolean", "true",
	  "every worker gets round its loop at least once", .apply = cfg_apply_bool,
	  FIELD(struct scn_checks, not_stuck) },
	{ CFG_T_ASSERT, "max-gap", "duration", "\"2s\"",
	  "the longest time that a worker may wait for a CPU; \"0s\": not checked",
	  .apply = cfg_apply_duration, FIELD(struct scn_checks, max_gap_ns), WITHIN(0, HOUR) },
	{ CFG_T_ASSERT, "isolation", "boolean", "true",
	  "workers run only on the cpuset of their cgroup", .apply = cfg_apply_bool,
	  FIELD(struct scn_checks, isolation) },
	{ CFG_T_ASSERT, "max-spread", "percentage", "",
	  "the greatest difference of CPU time among the workers of a cgroup; 0: not checked",
	  .apply = cfg_apply_percentage, FIELD(struct scn_checks, max_spread) },

	{ CFG_T_EXPECT, "exit", "string", NULL,
	  "\"stall\", \"any-error\", or an extended regular expression for the kernel's reason or message",
	  .apply = cfg_apply_exit },
	{ CFG_T_EXPECT, "message", "string", "",
	  "an extended regular expression that the kernel's reason or message must match as well",
	  .apply = cfg_apply_message },

	{ CFG_T_SNAPSHOTS, "periodic", "integer", "0",
	  "so many captures, evenly over the duration without its first and last tenth, at least 100ms apart; each "
	  "stops the machine for some milliseconds, which its clock does not see. Into "
	  "TEST-HASH.snapshot.periodic_NNN.json",
	  .apply = cfg_apply_u32, FIELD(struct cfg_test_build, t.nr_periodic),
	  WITHIN(0, SCN_PERIODIC_MAX) },

	{ CFG_T_VM, "accel", "string", "\"auto\"", "\"auto\", \"kvm\" or \"tcg\"",
	  .apply = cfg_apply_accel },
	{ CFG_T_VM, "time-scale", "number", "4",
	  "host-side limits are multiplied by it under emulation", .apply = cfg_apply_time_scale,
	  WITHIN(1, 100) },
	{ CFG_T_VM, "tcg-clock", "string", "\"guest-work\"",
	  "\"guest-work\": guest time follows executed instructions; \"real\": the host's clock, timing checks "
	  "that fail are inconclusive",
	  .apply = cfg_apply_tcg_clock },

	{ CFG_T_CACHE, "remote", "URL or directory", "",
	  "a cache shared between machines: http(s)://, file:// or a directory; asked before a build, and given "
	  "what was built; who can write there decides what boots here",
	  .apply = cfg_apply_cache_url, FIELD(struct cfg_project, cache_remote) },
	{ CFG_T_CACHE, "mirror", "URL", "",
	  "where kernels come from instead of kernel.org; laid out as that is",
	  .apply = cfg_apply_cache_url, FIELD(struct cfg_project, cache_mirror) },
};

const size_t cfg_nr_keys = sizeof(cfg_keys) / sizeof(cfg_keys[0]);

const char *cfg_table_name(enum cfg_table t)
{
	switch (t) {
	case CFG_T_ROOT:
		return "ktstr.toml";
	case CFG_T_PROJECT:
		return "[project]";
	case CFG_T_KERNEL:
		return "[kernel.NAME]";
	case CFG_T_SCHEDULER:
		return "[scheduler.NAME]";
	case CFG_T_TEST:
		return "[[test]]";
	case CFG_T_CGROUP:
		return "cgroups";
	case CFG_T_WORK:
		return "work";
	case CFG_T_TOPOLOGY:
		return "topology";
	case CFG_T_NODE:
		return "nodes";
	case CFG_T_ASSERT:
		return "assert";
	case CFG_T_EXPECT:
		return "expect";
	case CFG_T_SNAPSHOTS:
		return "snapshots";
	case CFG_T_VM:
		return "[vm]";
	case CFG_T_CACHE:
		return "[cache]";
	case CFG_T_NR:
		break;
	}
	return "?";
}

void cfg_each_key(void (*row)(void *ctx, const struct cfg_key_doc *k), void *ctx)
{
	for (size_t i = 0; i < cfg_nr_keys; i++) {
		const struct cfg_key *k = &cfg_keys[i];
		struct cfg_key_doc doc = {
			.table = cfg_table_name(k->table),
			.key = k->name,
			.type = k->type,
			.fallback = k->fallback,
			.help = k->help,
			.supported = k->apply != NULL,
		};

		row(ctx, &doc);
	}
}
