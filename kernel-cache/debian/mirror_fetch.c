/* SPDX-License-Identifier: GPL-2.0-only */
/* A file of Debian's archive: from where it was seen, else from the mirror that this host uses. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/internal.h"

/*
 * The same file of the archive on this host's own mirror; NULL in @ret when that is the same URL or
 * there is none.
 */
static int own_url(const char *suite, const char *url, char **ret, struct kt_err *e)
{
	const char *pool = strstr(url, "/pool/");
	kt_auto(mem) char *mirror = NULL;
	char *own;

	*ret = NULL;
	if (!pool || kc_apt_mirror(suite, &mirror, NULL) < 0)
		return 0; /* the pinned URL is what counts */
	own = kt_fmt("%s%s", mirror, pool);
	if (!own)
		return kt_fail(e, KT_E_HOST, ENOMEM, "fetch '%s'", url);
	if (kt_streq(own, url)) {
		free(own);
		return 0;
	}
	*ret = own;
	return 0;
}

int kc_debian_fetch(const char *suite, const struct kc_fetch_opts *o, struct kt_err *e)
{
	kt_auto(mem) char *own = NULL;
	struct kc_fetch_opts f = *o;
	struct kt_err second = { 0 };
	int r, again = 0;

	f.as_apt = true;
	r = kc_fetch(&f, e);
	if (r != -ENOENT && r != -EHOSTUNREACH)
		return r;
	if (own_url(suite, o->url, &own, &second) < 0 || !own)
		return r;
	f.url = own;
	/* The second download begins with what the first one brought, so it comes twice. */
	if (o->tee)
		again = o->tee(o->tee_ctx, "", 0, true, &second);
	if (again == 0)
		again = kc_fetch(&f, &second);
	/* A full disk is no matter of either mirror. */
	if (again < 0 && second.kind != KT_E_KERNEL) {
		if (e)
			*e = second;
		return again;
	}
	return again == 0 ? 0 : r;
}
