/* SPDX-License-Identifier: GPL-2.0-only */
/* The files of one commit, fetched first where they are not on this machine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kernel-cache/source/git.h"

/*
 * As the spec has it: with user and password, which the pick has not, and for a directory where that is on this machine,
 * not where it was on the one that wrote ktstr.lock.
 */
static int make_url(const struct kc_request *q, const struct kc_pick *p, struct kc_git_url *ret,
		    struct kt_err *e)
{
	if (q->parsed.form == KC_FORM_GIT) {
		kt_auto(kc_git_url) struct kc_git_url u = { 0 };
		int r = kc_git_url_parse(q->parsed.arg, q->o->project_dir, &u, e);

		if (r < 0)
			return r;
		if (u.path || kt_streq(u.shown, p->image.url)) {
			*ret = u;
			u = (struct kc_git_url){ 0 };
			return 0;
		}
	}
	return kc_git_url_parse(p->image.url, q->o->project_dir, ret, e);
}

static int export_once(const struct kc_request *q, const struct kc_pick *p,
		       const struct kc_git_url *u, const char *dir, bool anew, bool *ret_anew,
		       struct kt_err *e)
{
	kt_auto(git_repository) git_repository *repo = NULL;
	kt_auto(mem) char *what = kt_fmt("unpack %s", p->version);
	int r = kc_git_have(q, u, p->commit, anew, &repo, ret_anew, e);

	if (r < 0)
		return r;
	if (q->o->progress && q->o->progress->step)
		q->o->progress->step(q->o->progress->ctx, what ? what : "unpack");
	return kc_git_tree_write(repo, u, p->commit, dir, q->o->progress, e);
}

static int empty(const char *dir, struct kt_err *e)
{
	int r = kt_remove_tree(dir, e);

	return r < 0 ? r : kt_mkdir_p(dir, 0755, e);
}

int kc_git_export(const struct kc_request *q, const struct kc_pick *p, const char *dir,
		  struct kt_err *e)
{
	kt_auto(kc_git_url) struct kc_git_url u = { 0 };
	kt_auto(lock) struct kt_lock lock = KT_LOCK_NONE;
	kt_auto(mem) char *purpose = kc_purpose(q, "fetches", p->version);
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err why = { 0 };
	bool anew = false;
	int r = kc_git_begin(e);

	if (r == 0)
		r = make_url(q, p, &u, e);
	/* In a repository of the user's nothing is written. */
	if (r == 0 && !u.path)
		r = kc_lock(q->cache_dir, u.name, purpose, q->o->progress, &lock, e);
	if (r < 0)
		return r;
	r = export_once(q, p, &u, dir, false, &anew, &why);
	if (r == -EBADMSG && !anew && !u.path) {
		kt_log(KT_AREA_KERNEL_CACHE, KT_WARN, "%s; fetching it all anew",
		       kt_err_text(&why, text, sizeof(text)));
		r = empty(dir, &why);
		if (r == 0)
			r = export_once(q, p, &u, dir, true, &anew, &why);
	}
	if (r == 0 && !u.path)
		kc_entry_touch(q->cache_dir, u.name + strlen("git-"));
	if (r < 0 && e)
		*e = why;
	return r;
}
