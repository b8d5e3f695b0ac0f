/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel source trees: where they come from, and how one gets onto this disk whole. */
#ifndef KTSTR_KERNEL_CACHE_SOURCE_SOURCE_H
#define KTSTR_KERNEL_CACHE_SOURCE_SOURCE_H

#include "kernel-cache/internal.h"

/* --- built.c ------------------------------------------------------------------------------------------ */
/* Who knows what a spec of a form that is built from source stands for. NULL: prebuilt, of this machine, or several. */
const struct kc_resolver *kc_resolver_of(enum kc_form form);

/* --- kernelorg.c: KC_FORM_STABLE, SERIES, VERSION, RANGE ------------------------------------------- */
extern const struct kc_resolver kc_kernelorg_resolver;
/* The exact versions of a range, ascending. Remembered for as long as the rest. */
int kc_kernelorg_range(const struct kc_request *q, struct kt_strv *ret, struct kt_err *e);
/* From the remembered releases.json alone: whether the series of @version is maintained no more. false: not known. */
bool kc_kernelorg_is_eol(const char *cache_dir, const char *version);

/* --- tarball.c: KC_FORM_TARBALL -------------------------------------------------------------------- */
extern const struct kc_resolver kc_tarball_resolver;
/*
 * Where the file of a file:// @url is: what ktstr.lock says is where it was on the machine that wrote it, so the spec's
 * own path goes first. Caller frees.
 */
int kc_tarball_file(const struct kc_request *q, const char *url, char **ret, struct kt_err *e);

/* --- debian/source_package.c: KC_FORM_DEBIAN_SOURCE ------------------------------------------------- */
extern const struct kc_resolver kc_debian_source_resolver;

/* --- git.c: KC_FORM_GIT ---------------------------------------------------------------------------- */
extern const struct kc_resolver kc_git_resolver;
/* The version by which keys name a commit, whichever spec has it: "g" and its first 12 digits. Caller frees; NULL: no memory. */
char *kc_commit_version(const char *commit);
/* Write the files of p->commit to the empty directory @dir, fetching what is missing. */
int kc_git_export(const struct kc_request *q, const struct kc_pick *p, const char *dir,
		  struct kt_err *e);

/* --- trees.c: sources/ ------------------------------------------------------------------------------ */
struct kc_tree {
	char *dir; /* absolute */
	char *key; /* of sources/; NULL: a tree of the user's own */
	char *version; /* "6.12.117", of its Makefile */
	char *commit; /* NULL: not from git */
	bool dirty; /* may change under us: nothing made of it may be kept as if it were immutable */
	int use_fd; /* as kc_entry's */
};
#define KC_TREE_NONE \
	{ \
		.use_fd = -1 \
	}
void kc_tree_done(struct kc_tree *t);
static inline void kt_cleanup_kc_tree(struct kc_tree *t)
{
	kc_tree_done(t);
}
/**
 * The tree of a pick, fetched and unpacked when it is not there. Offline and not there: KT_E_KERNEL, ENOENT. A tree
 * that was not safely on disk when the machine went down is made anew.
 */
int kc_tree_get(const struct kc_request *q, const struct kc_pick *p, struct kc_tree *ret,
		struct kt_err *e);
/* What was written is on disk now (after a build, when it costs nothing any more). */
void kc_tree_synced(const char *cache_dir, const char *key);
/* VERSION.PATCHLEVEL.SUBLEVEL and EXTRAVERSION of DIR/Makefile. KT_E_KERNEL: no kernel source. Caller frees. */
int kc_tree_version(const char *dir, char **ret, struct kt_err *e);

/* --- unpack.c --------------------------------------------------------------------------------------- */
enum { KC_UNPACK_RATIO_MAX = 200 }; /* unpacked bytes a compressed byte; Linux has about 10 */
#define KC_UNPACK_BYTES_MAX (UINT64_C(16) << 30)
#define KC_UNPACK_MEMBERS_MAX 500000U /* Linux 7.x has about 95 000 */
/*
 * Unpacks while the bytes come. The archive is a tar with any of libarchive's compressions, or a Debian package with
 * such a tar inside (usr/src/linux-source-*.tar.*). The one directory that everything is in is left out.
 */
struct kc_unpack;
/* @dir must be empty. @name: for errors. */
int kc_unpack_begin(const char *dir, const char *name, const struct kc_progress *progress,
		    struct kc_unpack **ret, struct kt_err *e);
/* May be kc_fetch_opts.tee. After a failure the reason is in @e, at the latest from kc_unpack_end. */
int kc_unpack_feed(void *unpack, const void *data, size_t len, bool restart, struct kt_err *e);
/* No more bytes: wait for the end. KT_E_KERNEL, EBADMSG: not an archive, cut, a bomb, or a member that must not be. */
int kc_unpack_end(struct kc_unpack *u, struct kt_err *e);
void kc_unpack_free(struct kc_unpack *u); /* stops it when it is not at its end */
KT_DEFINE_AUTO(kc_unpack, struct kc_unpack *, kc_unpack_free);

/* --- own_tree.c: path:DIR, a source tree of the user's ------------------------------------------------ */
/* Whether @dir holds kernel source (and is not merely what a build of it left). */
bool kc_own_tree_is(const char *dir);
/* As a URL that a git spec reads back to the same bytes. Caller frees; NULL: no memory. */
char *kc_own_tree_url(const char *path);
/**
 * A clean git work tree gives its commit (then its files are exported to sources/, so that editing does not disturb the
 * build) ; anything else is dirty. KT_E_KERNEL: it was built in place, which an out-of-tree build refuses.
 */
int kc_own_tree_get(const struct kc_request *q, const char *path, struct kc_tree *ret,
		    struct kt_err *e);

#endif
