/* SPDX-License-Identifier: GPL-2.0-only */
/* git+URL#REF: which commit it stands for now, asked of the repository and remembered for a while. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel-cache/source/git.h"

enum { SHORT_DIGITS = 12 };

/* One question: a URL, a name in it, and where the answer is kept. */
struct question {
	struct kc_git_url url;
	const char *ref; /* NULL: HEAD */
	char name[KC_ANSWER_NAME_BYTES]; /* of lock and answer */
};

static void kt_cleanup_question(struct question *w)
{
	kc_git_url_done(&w->url);
}

static int question_make(const struct kc_request *q, struct question *ret, struct kt_err *e)
{
	const char *parts[3] = { "git" };
	int r = kc_git_begin(e);

	if (r == 0)
		r = kc_git_url_parse(q->parsed.arg, q->o->project_dir, &ret->url, e);
	if (r < 0)
		return r;
	ret->ref = q->parsed.arg2 && *q->parsed.arg2 ? q->parsed.arg2 : NULL;
	parts[1] = ret->url.shown;
	parts[2] = ret->ref;
	kc_answer_name(parts, sizeof(parts) / sizeof(parts[0]), ret->name);
	return 0;
}

char *kc_commit_version(const char *commit)
{
	return kt_fmt("g%.*s", SHORT_DIGITS, commit);
}

int kc_git_pick(const char *url, const char *commit, struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	kt_auto(mem) char *hex = strdup(commit);

	for (char *c = hex; c && *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (hex)
		p.version = kc_commit_version(hex);
	if (p.version)
		p.key = kc_make_key(p.version, 's', hex);
	if (!p.key || kc_dup(url, &p.package) < 0 || kc_dup(url, &p.image.url) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "look up '%s'", url);
	p.commit = kt_take(hex);
	*ret = p;
	p = (struct kc_pick){ 0 };
	return 0;
}

/* -ENOENT: none, or none that can be used; it is asked for again then. */
static int recall(const struct kc_request *q, const struct question *w, bool fresh_only,
		  struct kc_pick *ret)
{
	kt_auto(kc_answer) struct kc_answer a = { 0 };

	if (kc_answer_read(q->cache_dir, w->name, &a) < 0 || !a.pick.commit ||
	    !kt_streq(a.from, w->url.shown) || (fresh_only && !kc_answer_is_fresh(&a)))
		return -ENOENT;
	*ret = a.pick;
	a.pick = (struct kc_pick){ 0 };
	return 0;
}

static int ask(const struct kc_request *q, const struct question *w, struct kc_pick *ret,
	       struct kt_err *e)
{
	kt_auto(kc_git_refs) struct kc_git_refs refs = { 0 };
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	const struct kc_git_ref *ref = NULL;
	struct kc_answer a = { .fetched = time(NULL), .from = w->url.shown };
	int r;

	if (q->o->offline && !w->url.path)
		return kt_fail(e, KT_E_KERNEL, ENOENT,
			       "what '%s' has as '%s' is not known, and --offline forbids to ask",
			       w->url.shown, w->ref ? w->ref : "HEAD");
	if (q->o->progress && q->o->progress->step) {
		kt_auto(mem) char *what = kt_fmt("ask %s", w->url.shown);

		q->o->progress->step(q->o->progress->ctx, what ? what : "ask the git repository");
	}
	r = kc_git_ls(&w->url, &refs, e);
	if (r == 0)
		r = kc_git_refs_find(&refs, &w->url, w->ref, &ref, e);
	if (r == 0 && ref)
		r = kc_git_pick(w->url.shown, ref->hex, &p, e);
	if (r < 0 || !ref)
		return r;
	a.pick = p; /* borrowed */
	r = kc_answer_write(q->cache_dir, w->name, &a, e);
	if (r < 0)
		return r;
	*ret = p;
	p = (struct kc_pick){ 0 };
	return 0;
}

static int newest(const struct kc_request *q, bool refresh, struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(question) struct question w = { 0 };
	int r = question_make(q, &w, e);

	if (r < 0)
		return r;
	if (w.ref && kc_git_is_commit(w.ref))
		return kc_git_pick(w.url.shown, w.ref, ret, e);
	/* What is on this machine is asked each time: that costs nothing, and people commit and run. */
	if (refresh || w.url.path || recall(q, &w, true, ret) < 0)
		return ask(q, &w, ret, e);
	return 0;
}

static int last(const struct kc_request *q, struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(question) struct question w = { 0 };
	int r = question_make(q, &w, e);

	if (r < 0)
		return r;
	if (w.ref && kc_git_is_commit(w.ref))
		return kc_git_pick(w.url.shown, w.ref, ret, e);
	/* A directory needs no network, and knows better than our memory. */
	return (w.url.path ? ask(q, &w, ret, NULL) : recall(q, &w, false, ret)) < 0 ? -ENOENT : 0;
}

const struct kc_resolver kc_git_resolver = { .newest = newest, .last = last };
