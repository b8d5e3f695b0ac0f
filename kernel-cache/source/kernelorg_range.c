/* SPDX-License-Identifier: GPL-2.0-only */
/* Ranges of kernel series, and which series have come to their end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kernel-cache/source/kernelorg.h"

static int no_memory(const struct kc_request *q, struct kt_err *e)
{
	return kt_fail(e, KT_E_HOST, ENOMEM, "look up the kernels of '%s'", q->spec);
}

static bool has_series(const kc_kver_vec *list, const struct kc_kver *v)
{
	for (size_t i = 0; i < list->nr; i++) {
		if (kc_kver_cmp_series(&list->v[i], v) == 0)
			return true;
	}
	return false;
}

struct range {
	const struct kc_request *q;
	struct kc_site site;
	struct kc_releases all;
	struct kc_kver from, to;
	kc_kver_vec found;
};

static void kt_cleanup_range(struct range *g)
{
	kc_site_done(&g->site);
	kt_cleanup_kc_releases(&g->all);
	kt_cleanup_kc_kver_vec(&g->found);
}

/*
 * An end of the range that releases.json does not know: end of life, or not there yet. What is in neither is left out:
 * people write 6.12..6.99.
 */
static int add_end(struct range *g, const struct kc_kver *end, struct kt_err *e)
{
	struct kt_err ours = { 0 };
	struct kc_kver newest, in;
	char text[KT_ERR_TEXT_BYTES];
	int r;

	if (kc_releases_of_series(&g->all, end) || kc_releases_rc_of(&g->all, end) ||
	    has_series(&g->found, end))
		return 0;
	r = kc_kernelorg_listed(g->q, &g->site, end, g->q->o->update, &newest, &ours);
	if (r == -ENOENT && ours.kind == KT_E_KERNEL) {
		kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG, "%s",
		       kt_err_text(&ours, text, sizeof(text)));
		return 0;
	}
	if (r < 0) {
		if (e)
			*e = ours;
		return r;
	}
	if (!kc_kver_within(&g->from, &g->to, &newest, &in))
		return 0;
	return KT_VEC_PUSH(&g->found, in) < 0 ? no_memory(g->q, e) : 0;
}

static int by_version(const void *a, const void *b)
{
	return kc_kver_cmp(a, b);
}

static int parse_ends(struct range *g, struct kt_err *e)
{
	const struct kc_spec *s = &g->q->parsed;

	if (!s->arg || !s->arg2 || kc_kver_parse(s->arg, &g->from) < 0 ||
	    kc_kver_parse(s->arg2, &g->to) < 0)
		return kt_fail(e, KT_E_CONFIG, EINVAL, "'%s' is no range of kernel versions",
			       g->q->spec);
	if (kc_kver_cmp_series(&g->from, &g->to) > 0 ||
	    (!g->from.series && !g->to.series && kc_kver_cmp(&g->from, &g->to) > 0))
		return kt_fail(e, KT_E_CONFIG, EINVAL,
			       "the range '%s' runs backwards; write %s..%s", g->q->spec, s->arg2,
			       s->arg);
	return 0;
}

/* "6.12" alone would be the series, whatever its newest is by then. */
static int add_spec(const struct kc_kver *v, struct kt_strv *ret)
{
	char name[KC_KVER_BYTES];

	kc_kver_name(v, name);
	return v->sub || v->rc ? kt_strv_add(ret, name) : kt_strv_addf(ret, "%s.0", name);
}

static int find_all(struct range *g, struct kt_err *e)
{
	int r = parse_ends(g, e);

	if (r == 0)
		r = kc_site_init(g->q->o, &g->site, e);
	if (r == 0)
		r = kc_kernelorg_releases(g->q, &g->site, g->q->o->update, &g->all, e);
	if (r < 0)
		return r;
	if (kc_releases_range(&g->all, &g->from, &g->to, &g->found) < 0)
		return no_memory(g->q, e);
	r = add_end(g, &g->from, e);
	return r < 0 ? r : add_end(g, &g->to, e);
}

int kc_kernelorg_range(const struct kc_request *q, struct kt_strv *ret, struct kt_err *e)
{
	kt_auto(range) struct range g = { .q = q };
	kt_auto(strv) struct kt_strv out = { 0 };
	int r = find_all(&g, e);

	if (r < 0)
		return kt_context(e, r, "look up the kernels of '%s'", q->spec);
	if (!g.found.nr)
		return kt_fail(e, KT_E_KERNEL, ENOENT, "there is no kernel in the range '%s'",
			       q->spec);
	qsort(g.found.v, g.found.nr, sizeof(g.found.v[0]), by_version);
	for (size_t i = 0; i < g.found.nr; i++) {
		if (add_spec(&g.found.v[i], &out) < 0)
			return no_memory(q, e);
	}
	*ret = out;
	out = (struct kt_strv){ 0 };
	return 0;
}

bool kc_kernelorg_is_eol(const char *cache_dir, const char *version)
{
	kt_auto(kc_releases) struct kc_releases all = { 0 };
	kt_auto(kc_answer) struct kc_answer a = { 0 };
	struct kc_kver v;
	const char *end;

	if (!version || kc_kver_scan(version, &v, &end) < 0 ||
	    kc_document_last(cache_dir, KC_RELEASES_NAME, &a) < 0 ||
	    kc_releases_parse(a.text, a.from, &all, NULL) < 0)
		return false;
	return kc_releases_is_eol(&all, &v);
}
