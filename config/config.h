/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr.toml as validated plain structs; topologies and presets. */
#ifndef KTSTR_CONFIG_CONFIG_H
#define KTSTR_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "base/topology.h"
#include "scenario/scenario.h"

/* ---- topologies ---- */

struct cfg_preset {
	const char *name; /* "tiny-1llc" */
	const char *shape; /* "1n1l4c1t" */
};
extern const struct cfg_preset cfg_presets[];
extern const size_t cfg_nr_presets; /* 24 */

/**
 * "2n4l4c1t" or a preset's name. -EINVAL / -ERANGE with KT_E_CONFIG: what is wrong and what is allowed
 * ("llcs (3) is not a multiple of nodes (2)", "0 cores", "300 CPUs, at most 252", nearest preset).
 */
int cfg_topology_parse(const char *s, struct kt_topology *ret, struct kt_err *e);
/* Check a topology made by hand by the same rules (nodes, llcs, threads 1..2, distances symmetric). */
int cfg_topology_check(const struct kt_topology *t, struct kt_err *e);

/* ---- cpusets of cgroups, relative to a topology ---- */

enum cfg_cpuset_kind {
	CFG_CPUSET_NONE,
	CFG_CPUSET_LLC, /* "llc:0" */
	CFG_CPUSET_NUMA, /* "numa:1" */
	CFG_CPUSET_EXACT, /* "0-3,8" */
	CFG_CPUSET_RANGE, /* "range:0.0-0.5": fractions of the usable CPUs */
	CFG_CPUSET_DISJOINT, /* "disjoint:0/2": part i of n */
};
struct cfg_cpuset {
	enum cfg_cpuset_kind kind;
	unsigned index, of;
	double start, end;
	struct kt_cpuset exact;
};
/* CPUs that cgroups may use: all, less the last when there are more than 2 (it is left to the root cgroup). */
void cfg_usable_cpus(const struct kt_topology *t, struct kt_cpuset *ret);
/* KT_E_CONFIG when the topology has no such LLC, node or CPU, or when the part is empty. */
int cfg_cpuset_resolve(const struct cfg_cpuset *c, const struct kt_topology *t,
		       struct kt_cpuset *ret, struct kt_err *e);

/* ---- the project ---- */

struct cfg_location {
	int line, column; /* 1-based; 0: not from the file (a default) */
};

/* What is built when a kernel has to be built; what each means is said in kernel-cache/kernel-cache.h. */
enum cfg_flavour { CFG_FLAVOUR_MINIMAL, CFG_FLAVOUR_FULL };

struct cfg_kernel {
	char *name;
	char *source;
	struct kt_strv
		kconfig; /* each a file, relative to the project directory, or one line "CONFIG_X=y" */
	enum cfg_flavour flavour;
	char *base; /* "allnoconfig", "defconfig", "tree" or a file as written; NULL: that of the flavour */
	char *toolchain; /* as written; NULL: by environment */
	char *pahole; /* likewise */
	struct cfg_location at;
};

struct cfg_scheduler {
	char *name;
	char *build; /* shell command, NULL: nothing to build */
	char *binary; /* as written: relative to the project directory */
	struct kt_strv args;
	bool kernel_source; /* its build command gets $KTSTR_KERNEL_SOURCE */
	struct cfg_location at;
};

struct cfg_cgroup {
	char name[SCN_NAME_MAX];
	unsigned workers; /* 0 when given as a percentage */
	double workers_pct; /* of the CPUs of its cpuset (or the usable ones), rounded to the nearest, at least one group */
	struct scn_work work;
	int nice;
	struct cfg_cpuset cpuset;
	struct cfg_location at;
};

/* How many workers that is on @t: the number, or the percentage in whole groups of its work type. */
unsigned cfg_cgroup_workers(const struct cfg_cgroup *c, const struct kt_topology *t);

enum cfg_accel { CFG_ACCEL_AUTO, CFG_ACCEL_KVM, CFG_ACCEL_TCG };

struct cfg_test {
	char *name;
	size_t scheduler; /* index into schedulers, or CFG_NO_SCHEDULER */
	struct kt_strv scheduler_args; /* after the scheduler's own */
	struct kt_topology topology;
	uint64_t memory_bytes; /* 0: by rule */
	uint64_t duration_ns;
	uint64_t watchdog_ns; /* 0: the scheduler's own */
	uint64_t timeout_ns; /* host-side limit of the whole cell before scaling; 0: by rule */
	struct cfg_cgroup *cgroups;
	size_t nr_cgroups;
	struct scn_checks checks;
	struct scn_expect expect; /* pattern owned by the project */
	uint32_t nr_periodic; /* captures, evenly over the duration */
	struct kt_strv kargs;
	struct kt_strv sysctls;
	bool performance; /* vm_config.performance */
	bool ignored; /* 'ignore = true': planned only with --include-ignored or --ignored, as cargo test has it */
	struct cfg_location at;
};
#define CFG_NO_SCHEDULER ((size_t)-1)

struct cfg_project {
	char *file; /* absolute path of ktstr.toml */
	char *dir;
	char *name;
	enum cfg_accel accel; /* [vm] accel */
	double time_scale; /* [vm] time-scale, default 4 */
	bool tcg_clock_real; /* [vm] tcg-clock = "real" */
	char *cache_remote; /* [cache] remote; NULL: none */
	char *cache_mirror; /* [cache] mirror; NULL: kernel.org itself */
	struct cfg_kernel *kernels;
	size_t nr_kernels;
	struct cfg_scheduler *schedulers;
	size_t nr_schedulers;
	struct cfg_test *tests;
	size_t nr_tests;
};

void cfg_project_free(struct cfg_project *p);
KT_DEFINE_AUTO(cfg_project, struct cfg_project *, cfg_project_free);

/* Walk up from @start_dir. KT_E_CONFIG/ENOENT: none up to the root, and how to make one. Caller frees @ret_path. */
int cfg_find(const char *start_dir, char **ret_path, struct kt_err *e);
/*
 * Parse and validate. The text of an error is
 *   FILE:LINE:COLUMN: what is wrong
 *      12 | durration = "10s"
 *         | ^^^^^^^^^
 *   help: did you mean 'duration'?
 * FILE is as given in @path. All errors of one file are reported, at most 20, joined by newlines.
 */
int cfg_load(const char *path, struct cfg_project **ret, struct kt_err *e);
/* The same from memory (tests, fuzzing); @name is shown as FILE. */
int cfg_load_text(const char *name, const char *text, size_t len, struct cfg_project **ret,
		  struct kt_err *e);

/* Every key, for docs/config.md and completion: calls @row for each, in order. */
struct cfg_key_doc {
	const char *table; /* "[[test]]" */
	const char *key;
	const char *type; /* "duration", "string", ... */
	const char *fallback; /* default as written, NULL: required, "": none */
	const char *help;
	bool supported;
};
void cfg_each_key(void (*row)(void *ctx, const struct cfg_key_doc *k), void *ctx);

/* The commented starter project that "init" writes; it passes without any scheduler. */
extern const char cfg_starter_toml[];

#endif
