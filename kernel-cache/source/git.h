/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that use libgit2 share. */
#ifndef KTSTR_KERNEL_CACHE_SOURCE_GIT_H
#define KTSTR_KERNEL_CACHE_SOURCE_GIT_H

#include <git2.h>
#include <git2/sys/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel-cache/source/source.h"

enum { KC_GIT_HEX = GIT_OID_SHA1_HEXSIZE };

/* --- git_url.c ------------------------------------------------------------------------------------ */
struct kc_git_url {
	char *full; /* for libgit2 */
	char *shown; /* without user and password: for people, keys and files */
	char *path; /* of a repository on this machine; NULL: it is elsewhere */
	char name[KC_HASH_NAME_BYTES]; /* "git-HASH": of its lock; its directory is git/HASH */
};
void kc_git_url_done(struct kc_git_url *u);
static inline void kt_cleanup_kc_git_url(struct kc_git_url *u)
{
	kc_git_url_done(u);
}
/* Any form that git knows; paths are relative to @project_dir (NULL: the working directory). KT_E_KERNEL: no such. */
int kc_git_url_parse(const char *text, const char *project_dir, struct kc_git_url *ret,
		     struct kt_err *e);
/* @text without the user and password of @u. NULL: no memory. Caller frees. */
char *kc_git_hide(const struct kc_git_url *u, const char *text);

/* --- git_lib.c ------------------------------------------------------------------------------------ */
static inline git_repository *kc_git_free_repository(git_repository *r)
{
	git_repository_free(r);
	return NULL;
}
KT_DEFINE_AUTO(git_repository, git_repository *, kc_git_free_repository);
static inline git_remote *kc_git_free_remote(git_remote *r)
{
	git_remote_free(r);
	return NULL;
}
KT_DEFINE_AUTO(git_remote, git_remote *, kc_git_free_remote);
static inline git_object *kc_git_free_object(git_object *o)
{
	git_object_free(o);
	return NULL;
}
KT_DEFINE_AUTO(git_object, git_object *, kc_git_free_object);
static inline git_tree *kc_git_free_tree(git_tree *t)
{
	git_tree_free(t);
	return NULL;
}
KT_DEFINE_AUTO(git_tree, git_tree *, kc_git_free_tree);

/* Before anything else of libgit2, on every thread; stays initialised until the process ends. */
int kc_git_begin(struct kt_err *e);
/**
 * Make an error of what libgit2 said last, @code being what it returned: "DOING 'URL': reason". ENOENT: no such
 * repository; EHOSTUNREACH: no answer or cut; EACCES: it wants credentials; EPERM: not ours (safe.directory);
 * EBADMSG: damaged; KT_E_HOST: this disk.
 */
int kc_git_failed(const struct kc_git_url *u, int code, const char *doing, struct kt_err *e);
/* One conversation with a remote; payload of its callbacks. */
struct kc_git_call {
	unsigned nr_keys_asked;
	const struct kc_progress *progress; /* may be NULL */
	uint64_t began_ns, reported_ns;
	uint64_t received; /* objects, of the last transfer */
};
void kc_git_callbacks(struct kc_git_call *call, git_remote_callbacks *ret);

/* --- git_wire.c ------------------------------------------------------------------------------------ */
/* A git_transport_cb. */
int kc_git_transport(git_transport **ret, git_remote *owner, void *ctx);

/* --- git_refs.c ------------------------------------------------------------------------------------ */
struct kc_git_ref {
	char *name; /* "HEAD", "refs/heads/main" */
	char hex[KC_GIT_HEX + 1]; /* the commit, for annotated tags too */
};
struct kc_git_refs {
	KT_VEC(struct kc_git_ref) list;
};
void kc_git_refs_done(struct kc_git_refs *r);
static inline void kt_cleanup_kc_git_refs(struct kc_git_refs *r)
{
	kc_git_refs_done(r);
}
int kc_git_ls(const struct kc_git_url *u, struct kc_git_refs *ret, struct kt_err *e);
/* Add one as the remote gave it, NAME^{} after NAME. 0 or -ENOMEM. */
int kc_git_refs_add(struct kc_git_refs *r, const char *name, const char *hex);
/* @ref: as people write it; NULL: HEAD. KT_E_KERNEL, ENOENT: none, with the nearest. */
int kc_git_refs_find(const struct kc_git_refs *r, const struct kc_git_url *u, const char *ref,
		     const struct kc_git_ref **ret, struct kt_err *e);
bool kc_git_is_commit(const char *s); /* 40 lower- or upper-case hex digits */

/* --- git_fetch.c ----------------------------------------------------------------------------------- */
/**
 * A repository that has @commit: that of @u itself when it is on this machine, else the one in the cache, fetched when
 * it lacks it. Hold the lock u->name. @anew: throw away what the cache has. *ret_anew: whether it was made just now.
 */
int kc_git_have(const struct kc_request *q, const struct kc_git_url *u, const char *commit,
		bool anew, git_repository **ret, bool *ret_anew, struct kt_err *e);

/* --- git.c --------------------------------------------------------------------------------------- */
int kc_git_pick(const char *url, const char *commit, struct kc_pick *ret, struct kt_err *e);

/* --- git_tree.c ------------------------------------------------------------------------------------ */
/*
 * Write the files of @commit to the empty directory @dir. As hostile as an archive: bounded, nothing outside @dir.
 * KT_E_KERNEL with EBADMSG: an object is damaged or missing; with EINVAL: what no tree may have.
 */
int kc_git_tree_write(git_repository *repo, const struct kc_git_url *u, const char *commit,
		      const char *dir, const struct kc_progress *progress, struct kt_err *e);

#endif
