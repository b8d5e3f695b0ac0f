/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared inside config/: diagnostics, the schema, and the handlers of its rows. */
#ifndef KTSTR_CONFIG_INTERNAL_H
#define KTSTR_CONFIG_INTERNAL_H

#include "config/config.h"
#include "config/tree.h"

KT_DEFINE_AUTO(cfg_tree, struct cfg_node *, cfg_tree_free);

enum {
	CFG_FILE_MAX = 1 << 20,
	CFG_NESTING_MAX = 32, /* brackets, and dots in one key */
	CFG_NAME_MAX = 100, /* of kernels, schedulers and tests: they become file names */
	CFG_ERRORS_MAX = 20,
};

#define CFG_S UINT64_C(1000000000)
#define CFG_MS UINT64_C(1000000)
#define CFG_US UINT64_C(1000)

/* ---- diagnostics: every error of a file, with its place ---- */

struct cfg_diag_entry {
	int line, column;
	char *text;
	char *help; /* NULL: none */
};

struct cfg_diag {
	const char *file;
	const char *text; /* the document */
	size_t len;
	struct cfg_diag_entry entry[CFG_ERRORS_MAX];
	size_t nr;
	size_t nr_more;
	bool oom;
};

void cfg_diag_add(struct cfg_diag *d, int line, int column, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* A line of help for the error that was just added. */
void cfg_diag_help(struct cfg_diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Render everything, sorted by place, into @e. Returns -EINVAL (or -ENOMEM). */
int cfg_diag_fail(struct cfg_diag *d, struct kt_err *e);
void cfg_diag_done(struct cfg_diag *d);
static inline void kt_cleanup_cfg_diag(struct cfg_diag *d)
{
	cfg_diag_done(d);
}

/*
 * What the parser must not even see: too long, NUL bytes, nesting without bounds. False: one error
 * was added.
 */
bool cfg_scan(struct cfg_diag *d);

/* ---- schema ---- */

enum cfg_table {
	CFG_T_ROOT,
	CFG_T_PROJECT,
	CFG_T_KERNEL,
	CFG_T_SCHEDULER,
	CFG_T_TEST, /* and [defaults] */
	CFG_T_CGROUP,
	CFG_T_WORK,
	CFG_T_TOPOLOGY,
	CFG_T_NODE,
	CFG_T_ASSERT,
	CFG_T_EXPECT,
	CFG_T_SNAPSHOTS,
	CFG_T_VM,
	CFG_T_CACHE,
	CFG_T_NR,
};

struct cfg_loader {
	struct cfg_diag diag;
	struct cfg_project *project;
	bool quiet; /* the same values were already judged once */
	const struct cfg_node *defaults;
	const struct cfg_node *tests;
};

struct cfg_key;
typedef void cfg_apply_fn(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			  void *obj);

struct cfg_key {
	enum cfg_table table;
	const char *name;
	const char *type; /* in words, for the documentation */
	const char *fallback; /* default as TOML, NULL: required, "": none */
	const char *help;
	cfg_apply_fn *apply; /* NULL: known, but not supported yet */
	size_t offset; /* of the field in the table's struct */
	uint64_t min, max;
};

extern const struct cfg_key cfg_keys[];
extern const size_t cfg_nr_keys;
/* The table as it is written: "[[test]]". */
const char *cfg_table_name(enum cfg_table t);

/* Put the members of table @v into @obj by the rows of @t; unknown and missing keys are errors. */
void cfg_apply_table(struct cfg_loader *l, enum cfg_table t, const struct cfg_node *v, void *obj);
/* Put the fallbacks of @t's rows into @obj. */
void cfg_apply_fallbacks(struct cfg_loader *l, enum cfg_table t, void *obj);
/* Member of a table, NULL when absent or when @v is no table. */
const struct cfg_node *cfg_get(const struct cfg_node *v, const char *key);

/* ---- errors about values ---- */

void cfg_bad(struct cfg_loader *l, const struct cfg_node *v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void cfg_bad_help(struct cfg_loader *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "did you mean '...'?" when one of @names is near. */
void cfg_bad_nearest(struct cfg_loader *l, const char *word, const char *const *names, size_t nr);
/* 'expected a duration such as "10s", found integer 10' */
void cfg_bad_type(struct cfg_loader *l, const struct cfg_node *v, const char *expected);
bool cfg_is_type(struct cfg_loader *l, const struct cfg_node *v, enum cfg_node_type type,
		 const char *expected);
void cfg_oom(struct cfg_loader *l);
/* Index of string @v in @names, -1 after an error about a "@what". */
int cfg_choice(struct cfg_loader *l, const struct cfg_node *v, const char *what,
	       const char *const *names, size_t nr);
bool cfg_name_ok(const char *s);
bool cfg_check_name(struct cfg_loader *l, const char *name, int line, int column);
struct cfg_location cfg_at(const struct cfg_node *v);

/* ---- handlers: one value into one field at k->offset ---- */

cfg_apply_fn cfg_apply_string; /* char * */
cfg_apply_fn cfg_apply_duration; /* uint64_t ns within [min, max] */
cfg_apply_fn cfg_apply_size; /* uint64_t bytes within [min, max] */
cfg_apply_fn cfg_apply_bool; /* bool */
cfg_apply_fn cfg_apply_int; /* int, min and max as int64_t */
cfg_apply_fn cfg_apply_u32; /* uint32_t */
cfg_apply_fn cfg_apply_percentage; /* double */
cfg_apply_fn cfg_apply_strings; /* struct kt_strv, replaced */

/* ---- tables and keys with rules of their own ---- */

cfg_apply_fn cfg_apply_project, cfg_apply_kernels, cfg_apply_schedulers, cfg_apply_vm,
	cfg_apply_cache;
cfg_apply_fn cfg_apply_defaults_table, cfg_apply_tests_table;
cfg_apply_fn cfg_apply_project_name, cfg_apply_accel, cfg_apply_time_scale, cfg_apply_tcg_clock;
cfg_apply_fn cfg_apply_test_name, cfg_apply_test_scheduler, cfg_apply_scheduler_args,
	cfg_apply_topology;
cfg_apply_fn cfg_apply_cgroups, cfg_apply_assert, cfg_apply_expect, cfg_apply_exit,
	cfg_apply_message, cfg_apply_kargs;
cfg_apply_fn cfg_apply_sysctls, cfg_apply_snapshots;
cfg_apply_fn cfg_apply_cgroup_name, cfg_apply_workers, cfg_apply_work, cfg_apply_work_type,
	cfg_apply_cpuset;
cfg_apply_fn cfg_apply_nodes, cfg_apply_distances;
cfg_apply_fn cfg_apply_kconfig, cfg_apply_flavour, cfg_apply_cache_url;

/* A test while it is read, with the places that later rules point at. */
struct cfg_test_build {
	struct cfg_test t;
	const struct cfg_node *scheduler; /* NULL: not given */
	const struct cfg_node *scheduler_args;
	const struct cfg_node *topology;
	const struct cfg_node *cgroups;
	const struct cfg_node *expect;
	const struct cfg_node *snapshots;
};

/* A topology's table while it is read. */
struct cfg_topology_build {
	struct kt_topology t;
	const struct cfg_node *numa, *llcs, *nodes, *distances;
};

/* All of [defaults] and [[test]], after everything that they refer to. */
void cfg_load_tests(struct cfg_loader *l);
void cfg_test_done(struct cfg_test *t);
/* Judge the cgroups of a whole test: cpusets on its topology, group sizes, limits. */
void cfg_check_cgroups(struct cfg_loader *l, const struct cfg_test_build *b);

/* "llc:0", "0-3,8", ... -EINVAL with what is wrong. */
int cfg_cpuset_parse(const char *s, struct cfg_cpuset *ret, struct kt_err *e);

#endif
