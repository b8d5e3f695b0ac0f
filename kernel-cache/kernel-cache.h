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

/* One kernel, ready to boot. Paths are absolute and stay valid as long as the entry is in the cache. */
struct kc_entry {
	char *key; /* "7.3.4-1~bpo13+1-x86_64-d1f3a..." : also the directory's name; path: sources have one too */
	char *spec; /* the source spec it was asked by */
	char *release; /* uname -r as far as known: "7.3+deb14-cloud-amd64"; else the version */
	char *dir;
	char *image; /* bzImage */
	char *vmlinux; /* uncompressed ELF with .BTF; NULL when it could not be had (said in notes) */
	char *config; /* NULL: none */
	char *url; /* NULL: local */
	char *sha256; /* of what was downloaded; NULL: local */
	char *notes; /* NULL or why something is missing */
	uint64_t bytes; /* on disk */
	time_t created, last_used;
	struct kc_facts facts;
};
void kc_entry_free(struct kc_entry *k);
KT_DEFINE_AUTO(kc_entry, struct kc_entry *, kc_entry_free);

/* Progress of long work. total 0: unknown. Called at most every 100 ms, and once with done == total at the end. */
struct kc_progress {
	void (*step)(void *ctx, const char *what); /* "fetch linux-binary-... (14.2 MiB)" */
	void (*bytes)(void *ctx, uint64_t done, uint64_t total, double per_second);
	void *ctx;
};

struct kc_opts {
	const char *cache_dir; /* NULL: kc_default_dir() */
	const char *
		project_dir; /* where ktstr.lock is, and what path: is relative to; NULL: no lock, the working directory */
	bool offline; /* nothing from the network */
	bool locked; /* ktstr.lock must not change: KT_E_USAGE */
	bool update; /* ignore the pin and write a new one */
	const struct kc_progress *progress; /* may be NULL */
};

/* $KTSTR_CACHE_DIR, else $XDG_CACHE_HOME/ktstr, else ~/.cache/ktstr. Caller frees. */
char *kc_default_dir(void);

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
void kc_entry_json(const struct kc_entry *k, struct kt_json *j, const char *key);

#endif
