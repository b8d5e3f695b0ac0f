/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernels by any name: resolve a source spec, fetch, keep in a cache of immutable entries, never wrong. */
#ifndef KTSTR_KERNEL_CACHE_KERNEL_CACHE_H
#define KTSTR_KERNEL_CACHE_KERNEL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

/* What the rest needs to know of a kernel, read from its BTF and config once, kept in metadata.json. */
struct kc_facts {
	bool has_btf;
	bool has_sched_ext; /* BTF has struct sched_ext_ops */
	uint32_t ops_value_bytes; /* struct bpf_struct_ops_sched_ext_ops; 0: not there */
	uint32_t ops_timeout_offset; /* of data.timeout_ms in it */
	/*
	 * sched_ext functions that take an argument from the verifier (KF_IMPLICIT_ARGS, include/linux/btf.h, 7.0)
	 * and lack the NAME_impl twin that the kernel's build (tools/bpf/resolve_btfids) should have made: no program
	 * that calls one can be loaded, so most schedulers cannot.
	 */
	uint32_t nr_lost_kfuncs;
};

/* How an entry of the cache stands to what would be made today; the first that holds. */
enum kc_state {
	KC_STATE_CURRENT,
	KC_STATE_CORRUPT, /* only from kc_verify: a file is not what was recorded */
	KC_STATE_DIRTY, /* built from a tree that was not committed: made anew at each use */
	KC_STATE_STALE, /* built with a built-in configuration that this version no longer has */
	KC_STATE_EOL, /* kernel.org says that nobody maintains its series any more */
};
extern const char *const kc_state_names[]; /* "current", "corrupt", ... */

/* One kernel, ready to boot. Paths are absolute and stay valid as long as the entry is in the cache. */
struct kc_entry {
	char *key; /* "7.3.4-1~bpo13+1-x86_64-d1f3a..." : also the directory's name; path: sources have one too */
	char *spec; /* the source spec it was asked by */
	char *release; /* uname -r as far as known: "7.3+deb14-cloud-amd64"; else the version */
	char *dir;
	char *image; /* bzImage */
	char *vmlinux; /* uncompressed ELF with .BTF; NULL when it could not be had (said in notes) */
	char *config; /* NULL: none */
	char *system_map,
		*build_log; /* NULL: none, as with prebuilt kernels; the log is zstd-compressed */
	char *version; /* "6.12.117", "7.3.4-1~bpo13+1" */
	char *source_key; /* of sources/, for kc_source_dir; NULL: not built by us */
	char *commit; /* NULL: not from git */
	char *flavour; /* "minimal", "full"; NULL: not built by us */
	char *base; /* "allnoconfig", "defconfig" or the path of a file; NULL: not built by us */
	bool other_base; /* than the flavour's */
	/* What the user asked for on top of the flavour: "CONFIG_X=y CONFIG_Y=n"; NULL: nothing. */
	char *options;
	uint64_t nr_options;
	bool keep_debug; /* vmlinux has DWARF */
	char *toolchain; /* "gcc (Debian 12.2.0-14) 12.2.0, GNU ld ... 2.40"; NULL: not built by us */
	char *pahole; /* "1.24"; NULL: not used */
	bool dirty;
	enum kc_state state; /* never KC_STATE_CORRUPT here */
	uint64_t build_ms, objects; /* 0: not built by us */
	char *url; /* NULL: local */
	char *sha256; /* of what was downloaded; NULL: local */
	char *notes; /* NULL or why something is missing */
	uint64_t bytes; /* on disk */
	time_t created, last_used;
	long last_used_ns; /* of that second: which of two was used later */
	struct kc_facts facts;
	/* Shared lock on locks/KEY.use: "kernel clean" leaves the entry alone until kc_entry_free. -1: not to be had. */
	int use_fd;
};
void kc_entry_free(struct kc_entry *k);
KT_DEFINE_AUTO(kc_entry, struct kc_entry *, kc_entry_free);

/* Progress of long work. total 0: unknown. Called at most every 100 ms, and once with done == total at the end. */
struct kc_progress {
	void (*step)(void *ctx, const char *what); /* "fetch linux-binary-... (14.2 MiB)" */
	void (*bytes)(void *ctx, uint64_t done, uint64_t total, double per_second);
	/*
	 * Things done of an estimated total (objects compiled, files unpacked); seconds_left < 0: not known yet. done
	 * may pass the estimate.
	 */
	void (*count)(void *ctx, uint64_t done, uint64_t total, double seconds_left);
	void *ctx;
};

/* Which built-in configuration a kernel is built with (config/ktstr*.kconfig). */
enum kc_flavour {
	KC_FLAVOUR_MINIMAL, /* allnoconfig as base, no modules: boots fastest */
	KC_FLAVOUR_FULL, /* defconfig as base */
};

/* How to build a kernel that has to be built; zero is the default of each. What is prebuilt does not care. */
struct kc_build_opts {
	enum kc_flavour flavour;
	/* "allnoconfig", "defconfig", "tree" (the source tree's own .config) or a file; NULL: that of the flavour. */
	const char *base;
	/* Each a fragment file, or one line "CONFIG_X=y" / "CONFIG_X=n"; later ones win. Files: relative to project_dir. */
	const char *const *kconfig;
	size_t nr_kconfig;
	/* "gcc", "clang", "gcc-13", "clang-19", "/opt/x/bin/x86_64-linux-" (a prefix); NULL: $LLVM, $CC or gcc. */
	const char *toolchain;
	const char *pahole; /* NULL: $PAHOLE, else pahole of PATH */
	unsigned jobs; /* 0: the CPUs that we may run on; shared by all builds of this process */
	bool keep_debug; /* keep DWARF in vmlinux */
	bool no_ccache;
	bool allow_unmet; /* options that could not be met are a note instead of an error */
	bool rebuild; /* build even when the cache has it */
};

struct kc_opts {
	const char *cache_dir; /* NULL: kc_default_dir() */
	const char *
		project_dir; /* where ktstr.lock is, and what path: is relative to; NULL: no lock, the working directory */
	bool offline; /* nothing from the network */
	bool locked; /* ktstr.lock must not change: KT_E_USAGE */
	bool update; /* ignore the pin and write a new one */
	const char *
		mirror; /* laid out as kernel.org is; NULL: $KTSTR_KERNEL_MIRROR, else kernel.org itself */
	const char *
		remote; /* a cache shared with others: http(s)://, file:// or a directory; NULL: none */
	const struct kc_build_opts *build; /* NULL: all defaults */
	const struct kc_progress *progress; /* may be NULL */
};

/* $KTSTR_CACHE_DIR, else $XDG_CACHE_HOME/ktstr, else ~/.cache/ktstr. Caller frees. */
char *kc_default_dir(void);

/**
 * Whether this host can build kernels, as far as that can be said without one: adds the tools to @found, and to @limits
 * what they are too old for. KT_E_TOOL: what is missing, and its package. What a configuration needs besides is asked for when there is one.
 */
int kc_can_build(const char *cache_dir, struct kt_buf *found, struct kt_buf *limits,
		 struct kt_err *e);
/* Whether locks hold in the directory (which exists): KT_E_HOST when it is on a remote file system. */
int kc_dir_check(const char *cache_dir, struct kt_err *e);

/* Say whether a spec is one that we know, without touching network or disk: KT_E_CONFIG lists the forms. */
int kc_spec_check(const char *spec, struct kt_err *e);

/**
 * The kernel for @spec, fetched when missing. Takes the per-key lock only to write; an entry that is there
 * and whole is returned at once, without network (a pinned or cached spec works offline; an unpinned
 * debian: spec asks the mirror which is newest, and says "no network; using cached KEY" on the log when it
 * cannot).
 *
 * KT_E_KERNEL (exit 5): not to be had, names URL, expected and found; a pin that is gone names
 * "ktstr-make update". KT_E_HOST: disk full and the like, names path and size; the cache stays consistent.
 */
int kc_get(const char *spec, const struct kc_opts *o, struct kc_entry **ret, struct kt_err *e);

/**
 * The exact specs that @spec stands for, in ascending order: a range gives the newest of each series in it, anything
 * else itself. KT_E_KERNEL: nothing in the range.
 */
int kc_expand(const char *spec, const struct kc_opts *o, struct kt_strv *ret, struct kt_err *e);

/* Everything that kc_get would need from the network, and no more: prebuilt kernels whole, else the source tree. */
struct kc_fetched {
	char *key; /* of the entry, or of the source tree */
	char *release; /* as far as known */
	char *dir; /* of the entry, or of the source tree */
	char *notes; /* NULL or why something is missing */
};
void kc_fetched_done(struct kc_fetched *f);
static inline void kt_cleanup_kc_fetched(struct kc_fetched *f)
{
	kc_fetched_done(f);
}
int kc_fetch_only(const char *spec, const struct kc_opts *o, struct kc_fetched *ret,
		  struct kt_err *e);

/**
 * The tree that @k was built from, unpacked again when it is no longer there: for schedulers that are built from their
 * kernel's own source (tools/sched_ext). KT_E_KERNEL, ENOENT: @k was not built by us. Caller frees @ret, and closes
 * @ret_use_fd (-1: none) when it no longer needs the tree: until then "kernel clean" leaves it alone.
 */
int kc_source_dir(const struct kc_entry *k, const struct kc_opts *o, char **ret, int *ret_use_fd,
		  struct kt_err *e);

/* What became of one requested option. */
enum kc_option_fate {
	KC_OPTION_SET, /* as requested */
	KC_OPTION_ABSENT, /* this kernel has no such option */
	KC_OPTION_UNMET, /* .config has another value */
};
struct kc_option {
	char *name; /* with CONFIG_ */
	char *wanted, *found; /* "y", "n", "m", "\"text\"", "256"; found NULL: absent */
	char *from; /* "ktstr-minimal.kconfig:12", "ci/extra.kconfig:3", "--kconfig" */
	bool critical; /* without it nothing works; only of the built-in fragments */
	bool by_user; /* not of the built-in fragments */
	bool takes_away; /* against a critical line of the built-in fragments; why says which */
	enum kc_option_fate fate;
	char *why; /* "depends on PAHOLE_VERSION >= 122, which is 0"; NULL: nothing to say */
	char *fix; /* "add CONFIG_X=y"; NULL when met, or when none is known */
};
/* Whether a kernel is not built because of it. @allow_unmet: as in kc_build_opts. */
bool kc_option_is_fatal(const struct kc_option *o, bool allow_unmet);
struct kc_config_report {
	struct kc_option *v;
	size_t nr;
	char *merged; /* the fragment as it was given to the kernel's own tools */
	char *config; /* the resulting .config */
	char *base; /* "allnoconfig" */
	char *version; /* of the kernel */
};
void kc_config_report_done(struct kc_config_report *r);
static inline void kt_cleanup_kc_config_report(struct kc_config_report *r)
{
	kc_config_report_done(r);
}
/* What kc_get would build @spec with: fetches the source when it is not there, builds nothing. */
int kc_config(const char *spec, const struct kc_opts *o, struct kc_config_report *ret,
	      struct kt_err *e);

/* All whole entries, newest use first; damaged ones are reported through @damaged (may be NULL) and left out. */
struct kc_list {
	struct kc_entry **v;
	size_t nr;
};
int kc_list(const char *cache_dir, struct kc_list *ret,
	    void (*damaged)(void *ctx, const char *key, const char *why), void *ctx,
	    struct kt_err *e);
void kc_list_done(struct kc_list *l);
static inline void kt_cleanup_kc_list(struct kc_list *l)
{
	kc_list_done(l);
}
/* What make said when @k was built, in pieces. KT_E_KERNEL, ENOENT: @k was not built by us. */
int kc_build_log(const struct kc_entry *k, void (*text)(void *ctx, const void *data, size_t len),
		 void *ctx, struct kt_err *e);
/* Read every file of @k and compare with what was recorded. -EBADMSG, KT_E_KERNEL: says which and how. */
int kc_verify(const struct kc_entry *k, struct kt_err *e);

/* What to remove; several limits add up. With none of them nothing is removed. */
struct kc_clean_opts {
	const char *cache_dir; /* NULL: kc_default_dir() */
	bool by_count, by_size, by_age;
	size_t keep; /* by_count: the last used so many */
	uint64_t max_bytes; /* by_size: entries and source trees together; source trees go first */
	uint64_t older_s; /* by_age: not used for so long */
	bool corrupt; /* damaged/, entries that do not load or verify */
	bool sources; /* all source trees */
	bool dry_run;
};
struct kc_cleaned {
	size_t removed, kept_in_use; /* entries and source trees */
	uint64_t freed_bytes;
};
/**
 * Least recently used first. Never touches an entry, source tree or work directory that any process uses. @removed is
 * called for each (kind "kernel", "source", "damaged"). Who is interrupted leaves whole entries only.
 */
int kc_clean(const struct kc_clean_opts *o, struct kc_cleaned *ret,
	     void (*removed)(void *ctx, const char *kind, const char *key, uint64_t bytes,
			     const char *why),
	     void *ctx, struct kt_err *e);
/* Source trees that are kept for the next build, as "kernel list" shows them in one line. */
int kc_sources_usage(const char *cache_dir, size_t *ret_nr, uint64_t *ret_bytes, struct kt_err *e);

void kc_entry_json(const struct kc_entry *k, struct kt_json *j, const char *key);

#endif
