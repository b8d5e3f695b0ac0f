/* SPDX-License-Identifier: GPL-2.0-only */
/* The options that say which kernels are meant and how they are made, shared by the commands that take them. */
#ifndef KTSTR_DRIVER_KERNEL_ARGS_H
#define KTSTR_DRIVER_KERNEL_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "config/config.h"
#include "driver/driver.h"
#include "kernel-cache/kernel-cache.h"

/* Filled by the option parser; zero is the default of each. */
struct drv_kernel_args {
	struct drv_strings sources;
	const char *git, *ref;
	struct drv_strings kconfig;
	unsigned flavour; /* index into drv_flavour_words */
	const char *base, *toolchain, *pahole;
	unsigned jobs;
	bool keep_debug, no_ccache, allow_unmet, rebuild;
	bool offline, locked;
	bool update; /* no option: of "ktstr-make update" */
	const char *mirror, *remote;
};
extern const char *const drv_flavour_words[];

/* Paragraph of --help. */
#define DRV_KERNEL_SPECS_HELP \
	"A SPEC is stable (the newest stable series), 6.12 (its newest), 6.12.40, 6.15-rc3, 6.12..6.16 (the newest " \
	"of each series in between), git+URL#REF, path:DIR-or-image, a tarball's URL or file, " \
	"debian:SUITE/linux-source-6.12, debian:SUITE/cloud (prebuilt), or a cache key or its beginning."

#define DRV_KERNEL_ARG(type, name, letter, kind, arg, help, choices, complete, field) \
	{ \
		name, letter, kind, arg, help, choices, complete, offsetof(type, field) \
	}
/* Rows of an option table; @m is the struct drv_kernel_args in the command's options struct @t. */
#define DRV_KERNEL_SOURCE_OPTIONS(t, m) \
	DRV_KERNEL_ARG(t, "source", 0, DRV_OPT_STRINGS, "SPEC", \
		       "a kernel to take, as an operand would name it", NULL, DRV_COMPLETE_KERNEL, \
		       m.sources), \
		DRV_KERNEL_ARG(t, "git", 0, DRV_OPT_STRING, "URL", \
			       "a kernel from this repository: the same as git+URL#REF", NULL, \
			       DRV_COMPLETE_NONE, m.git), \
		DRV_KERNEL_ARG( \
			t, "ref", 0, DRV_OPT_STRING, "REF", \
			"its branch, tag or commit; without it what the repository has checked out", \
			NULL, DRV_COMPLETE_NONE, m.ref)
#define DRV_KERNEL_FETCH_OPTIONS(t, m) \
	DRV_KERNEL_ARG(t, "offline", 0, DRV_OPT_FLAG, NULL, "only look into the cache", NULL, \
		       DRV_COMPLETE_NONE, m.offline), \
		DRV_KERNEL_ARG(t, "locked", 0, DRV_OPT_FLAG, NULL, \
			       "fail rather than change ktstr.lock", NULL, DRV_COMPLETE_NONE, \
			       m.locked), \
		DRV_KERNEL_ARG( \
			t, "mirror", 0, DRV_OPT_STRING, "URL", \
			"take kernels from here instead of kernel.org; laid out as that is", NULL, \
			DRV_COMPLETE_NONE, m.mirror), \
		DRV_KERNEL_ARG( \
			t, "remote", 0, DRV_OPT_STRING, "URL|DIR", \
			"a cache shared between machines: http(s)://, file:// or a directory", \
			NULL, DRV_COMPLETE_DIR, m.remote)
#define DRV_KERNEL_CONFIG_OPTIONS(t, m) \
	DRV_KERNEL_ARG(t, "kconfig", 0, DRV_OPT_STRINGS, "FILE|CONFIG_X=y", \
		       "configure this as well, after what ktstr.toml says; later ones win", NULL, \
		       DRV_COMPLETE_FILE, m.kconfig), \
		DRV_KERNEL_ARG( \
			t, "flavour", 0, DRV_OPT_CHOICE, "WHICH", \
			"minimal: only what tests need, boots fastest; full: the kernel's own defaults and what tests need; auto: as " \
			"ktstr.toml says, else minimal", \
			drv_flavour_words, DRV_COMPLETE_NONE, m.flavour), \
		DRV_KERNEL_ARG( \
			t, "base", 0, DRV_OPT_STRING, "BASE", \
			"begin with allnoconfig, defconfig, tree (the source's own .config) or a file such as a " \
			"distribution's; by flavour when absent", \
			NULL, DRV_COMPLETE_FILE, m.base), \
		DRV_KERNEL_ARG( \
			t, "toolchain", 0, DRV_OPT_STRING, "NAME|PREFIX", \
			"gcc, clang, gcc-13, clang-19, or a prefix such as x86_64-linux-gnu-", \
			NULL, DRV_COMPLETE_FILE, m.toolchain), \
		DRV_KERNEL_ARG(t, "pahole", 0, DRV_OPT_STRING, "PROGRAM", \
			       "the pahole that makes BTF; without it $PAHOLE or pahole", NULL, \
			       DRV_COMPLETE_FILE, m.pahole), \
		DRV_KERNEL_ARG( \
			t, "allow-unmet", 0, DRV_OPT_FLAG, NULL, \
			"options that cannot be had are a warning, unless nothing works without them", \
			NULL, DRV_COMPLETE_NONE, m.allow_unmet)

/* A kc_opts with all that it points to. */
struct drv_kc_opts {
	struct kc_opts o;
	struct kc_build_opts build;
	struct kt_strv kconfig;
	struct kt_strv texts;
};
/**
 * What @a and ktstr.toml say of a kernel; @p, @k (of @p) and @a may be NULL. File names of the command line are relative
 * to the working directory, those of ktstr.toml to the project's. o.build points into *@ret: it must not move.
 */
int drv_kc_opts_make(const struct cfg_project *p, const struct cfg_kernel *k,
		     const struct drv_kernel_args *a, struct drv_kc_opts *ret, struct kt_err *e);
void drv_kc_opts_done(struct drv_kc_opts *o);
static inline void kt_cleanup_drv_kc_opts(struct drv_kc_opts *o)
{
	drv_kc_opts_done(o);
}

/* Whether kernels of one source come out the same; NULL: all defaults. */
bool drv_same_build(const struct cfg_kernel *a, const struct cfg_kernel *b);

/* One kernel that was asked for. */
struct drv_wanted {
	char *name; /* as in ktstr.toml, or the spec; "all@6.12.40" of a range */
	char *source;
	const struct cfg_kernel *config; /* NULL: not of ktstr.toml */
};
struct drv_wanted_list {
	KT_VEC(struct drv_wanted) list;
};
void drv_wanted_done(struct drv_wanted_list *w);
static inline void kt_cleanup_drv_wanted_list(struct drv_wanted_list *w)
{
	drv_wanted_done(w);
}
/* Copies both. The same kernel again is not added. 0 or -ENOMEM. */
int drv_wanted_add(struct drv_wanted_list *w, const char *name, const char *source,
		   const struct cfg_kernel *config);
/**
 * Operands, --source and --git; none of them: all kernels of @p. Empty without a project. KT_E_USAGE: a word that is
 * neither a kernel's name nor a source. Touches neither network nor disk.
 */
/*
 * What a word of the command line means there: a path in it is relative to the working directory, where those of
 * ktstr.toml are relative to that file. *ret: @word itself, or text in @keep. @p: may be NULL.
 */
int drv_anchor_spec(const struct cfg_project *p, const char *word, struct kt_strv *keep,
		    const char **ret, struct kt_err *e);
int drv_wanted_select(const struct drv_ctx *ctx, const struct cfg_project *p,
		      const struct drv_kernel_args *a, struct drv_wanted_list *ret,
		      struct kt_err *e);
/*
 * Put one kernel per version in the place of each range; asks the network where it is not known, or where a->update
 * says that what ktstr.lock has is to be moved.
 */
int drv_wanted_expand(const struct cfg_project *p, const struct drv_kernel_args *a,
		      struct drv_wanted_list *w, struct kt_err *e);

/* The project here, or NULL when there is none. */
int drv_find_project(struct cfg_project **ret, struct kt_err *e);

#endif
