/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel.org's releases.json: which series there are, how far each has come, and which nobody maintains any more. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/source/kernelorg.h"

enum {
	ROWS_MAX = 1000, /* there are about 15 */
	SETTLED_SUBLEVEL = 8, /* so many point releases make a series one to be taken by default */
};

static const struct {
	const char *name;
	enum kc_moniker moniker;
} monikers[] = {
	{ "mainline", KC_MONIKER_MAINLINE },
	{ "stable", KC_MONIKER_STABLE },
	{ "longterm", KC_MONIKER_LONGTERM },
};

static bool read_moniker(const char *name, enum kc_moniker *ret)
{
	for (size_t i = 0; name && i < sizeof(monikers) / sizeof(monikers[0]); i++) {
		if (kt_streq(name, monikers[i].name)) {
			*ret = monikers[i].moniker;
			return true;
		}
	}
	return false;
}

static bool has_row(const struct kc_releases *r, const struct kc_release_row *row)
{
	for (size_t i = 0; i < r->rows.nr; i++) {
		if (r->rows.v[i].moniker == row->moniker &&
		    kc_kver_cmp(&r->rows.v[i].version, &row->version) == 0)
			return true;
	}
	return false;
}

static int read_rows(const cJSON *list, struct kc_releases *ret)
{
	const cJSON *o;
	size_t nr = 0;

	cJSON_ArrayForEach(o, list)
	{
		const char *version = kc_json_get_str(o, "version");
		struct kc_release_row row = { .eol = kc_json_get_bool(o, "iseol") };

		if (++nr > ROWS_MAX)
			return -E2BIG;
		if (!version || kc_kver_parse(version, &row.version) < 0 ||
		    !read_moniker(kc_json_get_str(o, "moniker"), &row.moniker) ||
		    has_row(ret, &row))
			continue;
		if (KT_VEC_PUSH(&ret->rows, row) < 0)
			return -ENOMEM;
	}
	return 0;
}

int kc_releases_parse(const char *text, const char *url, struct kc_releases *ret, struct kt_err *e)
{
	kt_auto(cjson) cJSON *root = cJSON_Parse(text);
	kt_auto(kc_releases) struct kc_releases out = { 0 };
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "releases");
	int r;

	if (!cJSON_IsArray(list))
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "'%s' is not kernel.org's list of releases: no list \"releases\"",
			       url);
	r = read_rows(list, &out);
	if (r == -ENOMEM)
		return kt_fail(e, KT_E_HOST, ENOMEM, "parse '%s'", url);
	if (r < 0)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' lists more than %d releases", url,
			       ROWS_MAX);
	if (!out.rows.nr)
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "'%s' has no release of mainline, stable or longterm", url);
	*ret = out;
	out = (struct kc_releases){ 0 };
	return 0;
}

static bool is_maintained(const struct kc_release_row *row)
{
	return row->moniker != KC_MONIKER_MAINLINE && !row->eol && !row->version.rc;
}

static const struct kc_kver *newer(const struct kc_kver *best, const struct kc_kver *v)
{
	return !best || kc_kver_cmp(v, best) > 0 ? v : best;
}

const struct kc_kver *kc_releases_stable(const struct kc_releases *r)
{
	const struct kc_kver *settled = NULL, *stable = NULL, *any = NULL;

	for (size_t i = 0; i < r->rows.nr; i++) {
		const struct kc_release_row *row = &r->rows.v[i];

		if (!row->version.rc)
			any = newer(any, &row->version);
		if (!is_maintained(row))
			continue;
		if (row->version.sub >= SETTLED_SUBLEVEL)
			settled = newer(settled, &row->version);
		stable = newer(stable, &row->version);
	}
	return settled ? settled : stable ? stable : any;
}

static const struct kc_kver *newest_of(const struct kc_releases *r, const struct kc_kver *series,
				       bool rc)
{
	const struct kc_kver *best = NULL;

	for (size_t i = 0; i < r->rows.nr; i++) {
		const struct kc_kver *v = &r->rows.v[i].version;

		if (kc_kver_cmp_series(v, series) == 0 && (v->rc != 0) == rc)
			best = newer(best, v);
	}
	return best;
}

const struct kc_kver *kc_releases_of_series(const struct kc_releases *r,
					    const struct kc_kver *series)
{
	return newest_of(r, series, false);
}

const struct kc_kver *kc_releases_rc_of(const struct kc_releases *r, const struct kc_kver *series)
{
	return newest_of(r, series, true);
}

bool kc_releases_is_eol(const struct kc_releases *r, const struct kc_kver *v)
{
	const struct kc_kver *mainline = NULL;
	bool known = false, maintained = false;

	for (size_t i = 0; i < r->rows.nr; i++) {
		const struct kc_release_row *row = &r->rows.v[i];

		if (row->moniker == KC_MONIKER_MAINLINE)
			mainline = newer(mainline, &row->version);
		if (kc_kver_cmp_series(&row->version, v) != 0)
			continue;
		known = true;
		maintained = maintained || !row->eol;
	}
	if (known)
		return !maintained;
	return mainline && kc_kver_cmp_series(v, mainline) < 0;
}

static int by_version(const void *a, const void *b)
{
	return kc_kver_cmp(a, b);
}

int kc_releases_range(const struct kc_releases *r, const struct kc_kver *from,
		      const struct kc_kver *to, kc_kver_vec *ret)
{
	for (size_t i = 0; i < r->rows.nr; i++) {
		const struct kc_kver *v = &r->rows.v[i].version;
		struct kc_kver in;

		if (v->rc || newest_of(r, v, false) != v || !kc_kver_within(from, to, v, &in))
			continue;
		if (KT_VEC_PUSH(ret, in) < 0)
			return -ENOMEM;
	}
	if (ret->nr)
		qsort(ret->v, ret->nr, sizeof(ret->v[0]), by_version);
	return 0;
}
