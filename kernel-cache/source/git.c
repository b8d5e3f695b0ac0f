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
	char *path;
};

static void kt_cleanup_question(struct question *w)
{
	kc_git_url_done(&w->url);
	free(w->path);
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
	ret->path = kt_fmt("%s/index/%s.json", q->cache_dir, ret->name);
	return ret->path ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "look up '%s'", ret->url.shown);
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
static int read_answer(const struct question *w, bool fresh_only, char ret[static KC_GIT_HEX + 1])
{
	kt_auto(cjson) cJSON *root = NULL;
	time_t now = time(NULL);
	const char *commit, *url;
	uint64_t fetched;

	if (kc_json_load(w->path, &root, NULL) < 0)
		return -ENOENT;
	commit = kc_json_get_str(root, "commit");
	url = kc_json_get_str(root, "url");
	if (!commit || !kc_git_is_commit(commit) || !url || !kt_streq(url, w->url.shown) ||
	    kc_json_get_u64(root, "fetched", &fetched) < 0)
		return -ENOENT;
	/* One from the future is of another clock. */
	if (fresh_only &&
	    ((time_t)fetched > now || now - (time_t)fetched >= KC_INDEX_FRESH_SECONDS))
		return -ENOENT;
	return kt_snprintf(ret, KC_GIT_HEX + 1, "%s", commit);
}

static int write_answer(const struct kc_request *q, const struct question *w,
			const struct kc_git_ref *ref, struct kt_err *e)
{
	kt_auto(mem) char *dir = kt_fmt("%s/index", q->cache_dir);
	kt_auto(buf) struct kt_buf text = { 0 };
	struct kt_json j;
	int r;

	kt_json_init(&j, &text, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", KC_SCHEMA_VERSION);
	kt_json_str(&j, "url", w->url.shown);
	kt_json_str(&j, "ref", ref->name);
	kt_json_str(&j, "commit", ref->hex);
	kt_json_i64(&j, "fetched", time(NULL));
	kt_json_object_end(&j);
	kt_json_finish(&j);
	if (!dir || !kt_buf_ok(&text))
		return kt_fail(e, KT_E_HOST, ENOMEM, "write '%s'", w->path);
	r = kt_mkdir_p(dir, 0755, e);
	return r < 0 ? r : kt_file_write_atomic(w->path, text.data, text.len, 0644, e);
}

static int ask(const struct kc_request *q, const struct question *w,
	       char ret[static KC_GIT_HEX + 1], struct kt_err *e)
{
	kt_auto(kc_git_refs) struct kc_git_refs refs = { 0 };
	const struct kc_git_ref *ref = NULL;
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
		r = write_answer(q, w, ref, e);
	return r < 0 || !ref ? r : kt_snprintf(ret, KC_GIT_HEX + 1, "%s", ref->hex);
}

static int newest(const struct kc_request *q, bool refresh, struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(question) struct question w = { 0 };
	char commit[KC_GIT_HEX + 1];
	int r = question_make(q, &w, e);

	if (r < 0)
		return r;
	if (w.ref && kc_git_is_commit(w.ref))
		return kc_git_pick(w.url.shown, w.ref, ret, e);
	/* What is on this machine is asked each time: that costs nothing, and people commit and run. */
	if (refresh || w.url.path || read_answer(&w, true, commit) < 0)
		r = ask(q, &w, commit, e);
	return r < 0 ? r : kc_git_pick(w.url.shown, commit, ret, e);
}

static int last(const struct kc_request *q, struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(question) struct question w = { 0 };
	char commit[KC_GIT_HEX + 1];
	int r = question_make(q, &w, e);

	if (r < 0)
		return r;
	if (w.ref && kc_git_is_commit(w.ref))
		return kc_git_pick(w.url.shown, w.ref, ret, e);
	/* A directory needs no network, and knows better than our memory. */
	if (w.url.path ? ask(q, &w, commit, NULL) < 0 : read_answer(&w, false, commit) < 0)
		return -ENOENT;
	return kc_git_pick(w.url.shown, commit, ret, e);
}

const struct kc_resolver kc_git_resolver = { .newest = newest, .last = last };
