/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cache shared with others. Below its URL:
 *   v1/KEY.json               what there is: name, size and sha256 of the archive
 *   v1/KEY-DIGITS.tar.zst     the entry's files; DIGITS begin its sha256, so that two who send at once do not mix
 */
#ifndef KTSTR_KERNEL_CACHE_STORE_REMOTE_H
#define KTSTR_KERNEL_CACHE_STORE_REMOTE_H

#include "kernel-cache/internal.h"

/* --- remote_place.c ---------------------------------------------------------------------------------- */
struct kc_place {
	char *base; /* URL without a slash at its end, for kc_fetch and for people */
	char *dir; /* a directory of this machine; NULL: http(s) */
	bool https, loopback;
};
void kc_place_done(struct kc_place *p);
static inline void kt_cleanup_kc_place(struct kc_place *p)
{
	kc_place_done(p);
}
/* http(s)://, file:// or a directory. KT_E_CONFIG: none of them, or with a password in it (which is not shown). */
int kc_place_parse(const char *remote, struct kc_place *ret, struct kt_err *e);

/* --- remote.c ---------------------------------------------------------------------------------------- */
struct kc_shared {
	const char *cache_dir, *key; /* borrowed, as o is */
	const struct kc_opts *o;
	struct kc_place place;
	char *work; /* below the work directory of the key, whose lock the caller has */
	char *mark; /* of this kernel in that cache */
	char *index_url;
};
/* What KEY.json says. */
struct kc_shared_index {
	char *archive; /* its name */
	char *sha256;
	uint64_t bytes;
};
static inline void kt_cleanup_kc_shared_index(struct kc_shared_index *x)
{
	kt_cleanup_mem(&x->archive);
	kt_cleanup_mem(&x->sha256);
}
/* -ENOENT without text: there is none, or none that we may ask. */
int kc_shared_begin(struct kc_shared *s, struct kt_err *e);
void kc_shared_done(struct kc_shared *s);
static inline void kt_cleanup_kc_shared(struct kc_shared *s)
{
	kc_shared_done(s);
}
int kc_shared_no_memory(const struct kc_shared *s, struct kt_err *e);
/* One line, whatever it was. A server that does not answer as it should is not asked again by this process. */
void kc_shared_warn(const struct kc_shared *s, const char *what, const struct kt_err *why);
/* What it has of this kernel turned out to be wrong. */
bool kc_shared_is_broken(const struct kc_shared *s);

/* --- remote_http.c ----------------------------------------------------------------------------------- */
/* 1: it is there; 0: it is not. */
int kc_http_has(const struct kc_place *p, const char *url, const char *token, struct kt_err *e);
int kc_http_put(const struct kc_place *p, const char *url, const char *path, const char *token,
		struct kt_err *e);
/* 0, or KT_E_KERNEL: no token may be sent there, or this is none. */
int kc_http_token_check(const struct kc_place *p, const char *token, struct kt_err *e);

/* --- pack.c ------------------------------------------------------------------------------------------ */
/* The files of the entry in @dir as one archive. */
int kc_pack(const char *dir, const struct kc_metadata *m, const char *to, struct kt_err *e);
/*
 * The files of an entry from an archive that anybody may have made, to the empty directory @dir. KT_E_KERNEL, EBADMSG:
 * it has something else in it, or too much.
 */
int kc_unpack_pack(const char *archive, const char *dir, struct kt_err *e);

#endif
