/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of finding a kernel on kernel.org: version numbers, what its files say, and what was remembered of them. */
#ifndef KTSTR_KERNEL_CACHE_SOURCE_KERNELORG_H
#define KTSTR_KERNEL_CACHE_SOURCE_KERNELORG_H

#include <stdlib.h>

#include "kernel-cache/source/source.h"

/* --- kver.c: version numbers ------------------------------------------------------------------------ */
struct kc_kver {
	unsigned major, minor;
	unsigned sub; /* 0: none, as in linux-6.12.tar.xz */
	unsigned rc; /* 0: none */
	bool series; /* written without a sublevel and without -rc: in a spec, the series */
};
enum { KC_KVER_BYTES = 48 };
/* The version that @s begins with; what follows it is in *ret_end. -EINVAL: none. */
int kc_kver_scan(const char *s, struct kc_kver *ret, const char **ret_end);
/* All of @s. */
int kc_kver_parse(const char *s, struct kc_kver *ret);
/* As kernel.org calls it: "6.12", "6.12.40", "6.15-rc3". */
const char *kc_kver_name(const struct kc_kver *v, char ret[static KC_KVER_BYTES]);
int kc_kver_cmp(const struct kc_kver *a, const struct kc_kver *b); /* 6.15-rc3 < 6.15 < 6.15.1 */
int kc_kver_cmp_series(const struct kc_kver *a, const struct kc_kver *b);

typedef KT_VEC(struct kc_kver) kc_kver_vec;
static inline void kt_cleanup_kc_kver_vec(kc_kver_vec *v)
{
	free(v->v);
}

/* --- releases.c: releases.json ---------------------------------------------------------------------- */
enum kc_moniker { KC_MONIKER_MAINLINE, KC_MONIKER_STABLE, KC_MONIKER_LONGTERM };
struct kc_release_row {
	enum kc_moniker moniker;
	struct kc_kver version;
	bool eol;
};
struct kc_releases {
	KT_VEC(struct kc_release_row) rows;
};
static inline void kt_cleanup_kc_releases(struct kc_releases *r)
{
	free(r->rows.v);
}
/* Rows that are not understood (linux-next) are left out. KT_E_KERNEL, EBADMSG: nothing is left, or far too much. */
int kc_releases_parse(const char *text, const char *url, struct kc_releases *ret, struct kt_err *e);
/* The newest maintained series with 8 point releases, else the newest stable version. NULL: none. */
const struct kc_kver *kc_releases_stable(const struct kc_releases *r);
/* The newest release of the series, not counting -rc. NULL: none. */
const struct kc_kver *kc_releases_of_series(const struct kc_releases *r,
					    const struct kc_kver *series);
/* The newest -rc of the series; NULL: none. */
const struct kc_kver *kc_releases_rc_of(const struct kc_releases *r, const struct kc_kver *series);
bool kc_releases_is_eol(const struct kc_releases *r, const struct kc_kver *v);
/* The newest of each series from @from to @to, ascending; see kc_kver_within for what belongs to it. */
int kc_releases_range(const struct kc_releases *r, const struct kc_kver *from,
		      const struct kc_kver *to, kc_kver_vec *ret);
/*
 * What a series whose newest release is @newest gives to the range: itself, or the end of the range when that is an
 * exact version which it has passed. false: nothing.
 */
bool kc_kver_within(const struct kc_kver *from, const struct kc_kver *to,
		    const struct kc_kver *newest, struct kc_kver *ret);

/* --- listing.c: a directory as a web server lists it, and its sums ------------------------------------- */
/*
 * The newest linux-SERIES.N.tar.xz that @html links to. -ENOENT without text: none; @ret_newest is the newest of all
 * then (major 0: none at all).
 */
int kc_listing_newest(const char *html, const struct kc_kver *series, struct kc_kver *ret,
		      struct kc_kver *ret_newest);
/*
 * The checksum of linux-VERSION.tar.xz in the text of sha256sums.asc. -ENOENT without text: none; @ret_newest is the
 * newest of its series then (major 0: none). -EBADMSG without text: two different ones.
 */
int kc_sums_find(const char *text, const struct kc_kver *v, char ret[static KT_SHA256_HEX],
		 struct kc_kver *ret_newest);

/* --- document.c: a small file of the web, kept in index/ with its ETag ---------------------------------- */
struct kc_document {
	const char *cache_dir;
	const char *name; /* of what it is kept under; NULL: its URL */
	const char *url;
	const char *what; /* for progress */
	const char *keyring; /* whose signature it must have; NULL: taken as it is */
	bool html, offline;
	const struct kc_progress *progress;
};
/**
 * What it says now: @refresh: the server is asked in any case, else only when the last answer is old. ret->text has it,
 * and ret->remembered tells whether that is what it said before, without asking. Errors as kc_fetch's. Offline and not known: KT_E_KERNEL, EHOSTUNREACH.
 */
int kc_document_get(const struct kc_document *d, bool refresh, struct kc_answer *ret,
		    struct kt_err *e);
/* Whatever is known, from whatever URL. -ENOENT: nothing. */
int kc_document_last(const char *cache_dir, const char *name, struct kc_answer *ret);

/* --- site.c: where things are on kernel.org and its mirrors ----------------------------------------------- */
struct kc_site {
	char *releases; /* URL of releases.json */
	char *pub; /* of pub/linux/kernel */
	char *snapshots; /* of the directory of -rc tarballs */
};
void kc_site_done(struct kc_site *s);
static inline void kt_cleanup_kc_site(struct kc_site *s)
{
	kc_site_done(s);
}
int kc_site_init(const struct kc_opts *o, struct kc_site *ret, struct kt_err *e);
/* Of the directory that has @v, with a slash at its end. NULL: no memory. */
char *kc_site_dir(const struct kc_site *s, const struct kc_kver *v);
char *kc_site_tarball(const struct kc_site *s, const struct kc_kver *v);

/* --- kernelorg.c, for kernelorg_range.c --------------------------------------------------------------------- */
/* The name releases.json is kept under: the mirror's place in it is the document's own business. */
#define KC_RELEASES_NAME "releases.json"
int kc_kernelorg_releases(const struct kc_request *q, const struct kc_site *s, bool refresh,
			  struct kc_releases *ret, struct kt_err *e);
/* From the directory listing. -ENOENT with text: none of that series. */
int kc_kernelorg_listed(const struct kc_request *q, const struct kc_site *s,
			const struct kc_kver *series, bool refresh, struct kc_kver *ret,
			struct kt_err *e);

/* --- tarball.c ------------------------------------------------------------------------------------------------ */
struct kc_tarball {
	const char *url;
	const char *package, *version;
	bool forever; /* the URL never gets other content: it is not asked again */
};
/* The pick of a URL whose checksum nobody says: downloaded once to know it, and left there for kc_tree_get. */
int kc_tarball_pick(const struct kc_request *q, const struct kc_tarball *t, bool refresh,
		    struct kc_pick *ret, struct kt_err *e);
int kc_tarball_last(const struct kc_request *q, const char *url, struct kc_pick *ret);

#endif
