/* SPDX-License-Identifier: GPL-2.0-only */
/* Making a kernel of a source tree and a configuration. */
#ifndef KTSTR_KERNEL_CACHE_BUILD_BUILD_H
#define KTSTR_KERNEL_CACHE_BUILD_BUILD_H

#include "kernel-cache/internal.h"
#include "kernel-cache/kconfig/kconfig.h"
#include "kernel-cache/source/source.h"

/* --- programs.c ------------------------------------------------------------------------------------- */
/* The file that PATH has for @name, absolute when @name has a slash. -ENOENT, -ENOMEM without text. Caller frees. */
int kc_program_find(const char *name, char **ret);
/*
 * First line of PROGRAM --version, remembered in index/ of @cache_dir (NULL: not) while the file stays the same. Caller
 * frees. KT_E_TOOL: it does not work.
 */
int kc_program_version(const char *cache_dir, const char *program, char **ret, struct kt_err *e);

/* --- toolchain.c ------------------------------------------------------------------------------------ */
struct kc_toolchain {
	struct kt_strv
		make_args; /* "CC=ccache gcc-13", "LLVM=1", "PAHOLE=...", ... for every make */
	char *cc, *ld, *pahole; /* programs; pahole NULL: there is none */
	char *cc_text, *ld_text, *pahole_text; /* first line of --version; pahole: "1.24" */
	bool ccache;
};
void kc_toolchain_done(struct kc_toolchain *t);
static inline void kt_cleanup_kc_toolchain(struct kc_toolchain *t)
{
	kc_toolchain_done(t);
}
/*
 * Which tools @o names. Versions are remembered in index/ by the identity of the program's file, so that a second call
 * starts no process. KT_E_TOOL: the compiler or linker is missing, named with its Debian package.
 */
int kc_toolchain_find(const char *cache_dir, const struct kc_build_opts *o,
		      struct kc_toolchain *ret, struct kt_err *e);

/* --- tools.c: what must be there before make starts ------------------------------------------------- */
/* What is not there, gathered so that people need to be told once. */
struct kc_missing {
	struct kt_strv what, packages;
};
void kc_missing_done(struct kc_missing *m);
static inline void kt_cleanup_kc_missing(struct kc_missing *m)
{
	kc_missing_done(m);
}
/* @package NULL: not known. 0 or out of memory. */
int kc_missing_add(struct kc_missing *m, const char *what, const char *package, struct kt_err *e);
/* 0 when nothing is missing, else KT_E_TOOL with all of it. @other: what else would help; may be NULL. */
int kc_missing_fail(const struct kc_missing *m, const char *other, struct kt_err *e);

/*
 * make, flex, bison, and pahole when @wants has DEBUG_INFO_BTF (without it the option is gone, and the reason of that
 * is not easy to see): before configuring. KT_E_TOOL names every missing one with its package, in one go.
 */
int kc_tools_for_config(const struct kc_toolchain *t, const char *src, const struct kc_wants *wants,
			struct kt_err *e);
/*
 * What this very configuration needs (bc, libelf, openssl headers, zstd, lz4, cpio, pahole and its version as the
 * tree's own Kconfig and KF_IMPLICIT_ARGS ask): after configuring.
 */
int kc_tools_for_build(const struct kc_toolchain *t, const char *src, const char *config,
		       struct kt_err *e);

/* --- pahole.c --------------------------------------------------------------------------------------- */
/* Whether kfuncs of the tree take arguments from the verifier (Linux 7.0): asked of the tree, not of its version. */
bool kc_tree_has_implicit_args(const char *src);
/*
 * t->pahole, which is there, against what the tree asks for; @config NULL: not known yet. KT_E_TOOL: found, needed, why
 * and what to do.
 */
int kc_pahole_check(const struct kc_toolchain *t, const char *src, const char *config,
		    struct kt_err *e);

/* Whether one of that version is new enough for such a tree; true when it says no version. */
bool kc_pahole_writes_tags(const char *version);

/* --- configure.c ------------------------------------------------------------------------------------ */
/* Make O=@objects have its .config by @r; returns its text in @ret_config (caller frees). */
int kc_configure(const struct kc_toolchain *t, const char *src, const char *objects,
		 const struct kc_config_request *r, char **ret_config, struct kt_err *e);

/* --- make_env.c --------------------------------------------------------------------------------------- */
/*
 * Changes of the environment for every make of a kernel: nothing of the user's own that changes what comes out, and
 * what makes two builds the same. @keep_debug: DWARF, which has the object directory's name, is kept.
 */
int kc_make_env(const struct kc_toolchain *t, const char *src, bool keep_debug, struct kt_strv *ret,
		struct kt_err *e);

/* --- make.c ----------------------------------------------------------------------------------------- */
struct kc_make {
	const struct kc_toolchain *toolchain;
	const struct kc_build_opts *o;
	const char *src, *objects; /* objects has a .config */
	const char *log_zst; /* written: everything that make said */
	const char *who; /* for progress: "6.12.117" */
	uint64_t estimate; /* objects; 0: not known */
	const struct kc_progress *progress;
};
/**
 * make bzImage. @ret_objects: how many were compiled. KT_E_BUILD: the first error line with its context, and where the
 * whole log is; with EINTR: make itself was killed. The whole process group ends when we do, whatever ends us.
 */
int kc_make_run(const struct kc_make *m, uint64_t *ret_objects, struct kt_err *e);
/* Objects to expect of a configuration that was never built: by how much is enabled in it. */
uint64_t kc_make_estimate(const char *config);

/* --- objects.c: O= of make that is used again and again ------------------------------------------------ */
/* Before make writes to @objects. What a build that was killed there has made will be made again. */
int kc_objects_begin(const char *objects, struct kt_err *e);
/* make has ended by itself, well or not. */
void kc_objects_end(const char *objects);

/* --- collect.c -------------------------------------------------------------------------------------- */
/*
 * Check BTF (present; kfunc declaration tags where the tree asks for them) and put image, vmlinux (without DWARF
 * unless keep_debug), config and System.map from @objects into @entry_dir. KT_E_BUILD: the kernel is not fit for
 * sched_ext, and why.
 */
int kc_collect(const char *src, const char *objects, const char *entry_dir, bool keep_debug,
	       struct kt_err *e);

/* --- plan.c: what to build, before there is a source tree --------------------------------------------- */
struct kc_plan {
	struct kc_toolchain toolchain;
	struct kc_config_request config;
	/* Of the entry: the version and a hash of source, configuration, tools. NULL: of a dirty tree. */
	char *key;
};
void kc_plan_done(struct kc_plan *p);
static inline void kt_cleanup_kc_plan(struct kc_plan *p)
{
	kc_plan_done(p);
}
/* @source_id: the sha256 of its archive or its commit; NULL: a dirty tree. */
int kc_plan_make(const struct kc_request *q, const char *source_id, const char *version,
		 struct kc_plan *ret, struct kt_err *e);
const char *kc_flavour_name(enum kc_flavour f);

/* --- kernel.c: the way from a tree to an entry --------------------------------------------------------- */
struct kc_kernel {
	const struct kc_request *q;
	const struct kc_plan *plan;
	const struct kc_tree *tree;
	const struct kc_pick *pick; /* NULL: a dirty tree */
	const char *
		own_dir; /* of path:, the user's tree, which tree is or is a copy of; NULL: of others */
	const char *work; /* a directory of ours */
	const char
		*objects; /* O= of make; what is in there of the same configuration is used again */
};
/* Configure, check, build, install. *ret_key: of the entry; caller frees. */
int kc_kernel_build(const struct kc_kernel *k, char **ret_key, struct kt_err *e);
/* Only configure and check. */
int kc_kernel_configure(const struct kc_kernel *k, struct kc_config_report *ret, struct kt_err *e);

/* --- compile_commands.c -------------------------------------------------------------------------------- */
/* Leave compile_commands.json of own_dir in objects, and say how to use it. @k has been built. */
void kc_compile_commands(const struct kc_kernel *k);

#endif
