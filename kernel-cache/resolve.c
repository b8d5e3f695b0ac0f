/* SPDX-License-Identifier: GPL-2.0-only */
/* From a spec to one exact kernel: what ktstr.lock pins, what a source says now, what it said before. */
#include <errno.h>

#include "base/log.h"
#include "kernel-cache/internal.h"

char *kc_purpose(const struct kc_request *q, const char *does, const char *version)
{
	return kt_fmt("%s %s for %s", does, version,
		      q->o->project_dir ? q->o->project_dir : q->spec);
}

/* Where a pick came from. */
enum origin { PINNED, ASKED, REMEMBERED };

static const char *mirror_hint(enum kc_form form)
{
	switch (form) {
	case KC_FORM_DEBIAN_CLOUD:
	case KC_FORM_DEBIAN_SOURCE:
		return "; KTSTR_DEBIAN_MIRROR names another mirror";
	case KC_FORM_STABLE:
	case KC_FORM_SERIES:
	case KC_FORM_VERSION:
	case KC_FORM_RANGE:
		return "; KTSTR_KERNEL_MIRROR names another mirror";
	case KC_FORM_GIT:
	case KC_FORM_TARBALL:
	case KC_FORM_PATH:
	case KC_FORM_KEY:
		break;
	}
	return "";
}

/* Asking takes a lock in the cache; what is in it already can be used without. */
static bool is_read_only(int r, const struct kt_err *e)
{
	return (r == -EROFS || r == -EACCES) && e->kind == KT_E_HOST;
}

/* @asked: why the network was of no use; NULL when it must not be asked. @but_key: not that one. */
static int from_memory(const struct kc_request *q, const struct kc_resolver *by,
		       const struct kt_err *asked, int asked_r, const char *but_key,
		       struct kc_pick *ret, struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];
	int r = by->last(q, ret, e);

	if (r == 0 && (!but_key || !kt_streq(ret->key, but_key))) {
		if (asked)
			kt_log(KT_AREA_KERNEL_CACHE, KT_WARN, "%s; using cached %s: %s",
			       is_read_only(asked_r, asked) ? "a newer one cannot be looked for"
							    : "no network",
			       ret->key, kt_err_text(asked, text, sizeof(text)));
		else
			kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG, "not asking; using cached %s",
			       ret->key);
		return 0;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	kc_pick_done(ret);
	if (!asked)
		return kt_fail(
			e, KT_E_KERNEL, ENOENT,
			"no kernel of '%s' is in the cache; run 'ktstr-make kernel fetch' once with a network",
			q->spec);
	if (e)
		*e = *asked;
	if (is_read_only(asked_r, asked))
		return asked_r;
	return kt_context(
		e, asked_r,
		"ask the network, since the cache has no kernel of it (--kernel path:IMAGE needs none%s)",
		mirror_hint(q->parsed.form));
}

static bool is_unreachable(int r, const struct kt_err *e)
{
	return (r == -EHOSTUNREACH || r == -EPROTO) && e->kind == KT_E_KERNEL;
}

static int ask(const struct kc_request *q, const struct kc_resolver *by, bool refresh,
	       struct kc_pick *ret, enum origin *ret_origin, struct kt_err *e)
{
	struct kt_err ours = { 0 };
	int r;

	*ret_origin = REMEMBERED;
	if (q->o->offline)
		return from_memory(q, by, NULL, 0, NULL, ret, e);
	r = by->newest(q, refresh, ret, &ours);
	if (r == 0) {
		*ret_origin = ASKED;
		return 0;
	}
	/* Who asks for an update wants to know that there was none. */
	if ((is_unreachable(r, &ours) || is_read_only(r, &ours)) && !q->o->update)
		return from_memory(q, by, &ours, r, NULL, ret, e);
	if (e)
		*e = ours;
	return r;
}

/* --locked: whatever is resolved must be what ktstr.lock says already. */
static int check_locked(const struct kc_request *q, const struct kc_pick *pinned,
			const struct kc_pick *now, struct kt_err *e)
{
	if (!pinned->key)
		return kt_fail(
			e, KT_E_USAGE, EPERM,
			"ktstr.lock has no kernel for '%s', and --locked forbids adding one; run 'ktstr-make update' and commit ktstr.lock",
			q->spec);
	if (now && !kt_streq(now->key, pinned->key))
		return kt_fail(
			e, KT_E_USAGE, EPERM,
			"ktstr.lock would change for '%s' (%s to %s), which --locked forbids",
			q->spec, pinned->version, now->version);
	return 0;
}

/*
 * What is newest is known, but not to be had (@why): something older that is here is better than nothing.
 */
static int with_older(const struct kc_request *q, const struct kc_resolver *by,
		      int (*get)(const struct kc_request *q, const struct kc_pick *p, void *ret,
				 struct kt_err *e),
		      const struct kc_pick *newest, const struct kt_err *why, int why_r, void *ret,
		      struct kt_err *e)
{
	kt_auto(kc_pick) struct kc_pick older = { 0 };
	int r = from_memory(q, by, why, why_r, newest->key, &older, e);

	return r < 0 ? r : get(q, &older, ret, e);
}

static bool is_gone(int r, const struct kt_err *e)
{
	return r == -ENOENT && e->kind == KT_E_KERNEL;
}

static int with_pinned(const struct kc_request *q, const struct kc_pick *p,
		       int (*get)(const struct kc_request *q, const struct kc_pick *p, void *ret,
				  struct kt_err *e),
		       void *ret, struct kt_err *e)
{
	struct kt_err ours = { 0 };
	int r = get(q, p, ret, &ours);

	if (!q->o->offline && is_gone(r, &ours))
		return kt_fail(
			e, KT_E_KERNEL, ENOENT,
			"kernel %s, which ktstr.lock pins for '%s', is gone from where it was ('%s'); run 'ktstr-make update' to take the newest",
			p->version, q->spec, p->image.url);
	if (r < 0 && e)
		*e = ours;
	return r;
}

static int with_asked(const struct kc_request *q, const struct kc_resolver *by,
		      int (*get)(const struct kc_request *q, const struct kc_pick *p, void *ret,
				 struct kt_err *e),
		      struct kc_pick *ret_pick, enum origin *ret_origin, void *ret,
		      struct kt_err *e)
{
	struct kt_err ours = { 0 };
	int r = ask(q, by, q->o->update, ret_pick, ret_origin, &ours);

	if (r == 0) {
		r = get(q, ret_pick, ret, &ours);
		if (*ret_origin == ASKED && is_gone(r, &ours)) {
			/* The mirror has moved on since it was asked. */
			kc_pick_done(ret_pick);
			r = ask(q, by, true, ret_pick, ret_origin, &ours);
			if (r == 0)
				r = get(q, ret_pick, ret, &ours);
		}
	}
	if (*ret_origin == ASKED && is_unreachable(r, &ours) && !q->o->update) {
		*ret_origin = REMEMBERED;
		return with_older(q, by, get, ret_pick, &ours, r, ret, e);
	}
	if (r < 0 && e)
		*e = ours;
	return r;
}

int kc_with_pick(const struct kc_request *q, const struct kc_resolver *by,
		 int (*get)(const struct kc_request *q, const struct kc_pick *p, void *ret,
			    struct kt_err *e),
		 void *ret, struct kt_err *e)
{
	kt_auto(kc_pick) struct kc_pick pinned = { 0 }, now = { 0 };
	const char *project = q->o->project_dir;
	bool locked = project && q->o->locked;
	enum origin origin = REMEMBERED;
	int r = project ? kc_pin_get(project, q->spec, &pinned, e) : -ENOENT;

	if (r < 0 && r != -ENOENT)
		return r;
	if (pinned.key && !q->o->update)
		return with_pinned(q, &pinned, get, ret, e);
	r = locked ? check_locked(q, &pinned, NULL, e) : 0;
	if (r == 0)
		r = with_asked(q, by, get, &now, &origin, ret, e);
	/* What was remembered is of today's network, not of the project: it is not pinned. */
	if (r < 0 || origin != ASKED || !project)
		return r;
	return locked ? check_locked(q, &pinned, &now, e)
		      : kc_pin_set(q->cache_dir, project, q->spec, &now, e);
}
