/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A repository of ours for each URL, and getting one commit into it with as little as the server allows: that commit
 * alone, else the newest commit of a branch or tag, else whole histories.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel-cache/source/git.h"

enum { CLEAN_DEPTH_MAX = 16 };
#define OUR_REFS "refs/ktstr/"

/* What of a server we try, the least first. */
struct attempt {
	const char *what; /* for people */
	char *refspec[2];
	size_t nr;
	bool shallow;
};

static void kt_cleanup_attempt(struct attempt *a)
{
	for (size_t i = 0; i < a->nr; i++)
		free(a->refspec[i]);
}

static int no_memory(const struct kc_git_url *u, struct kt_err *e)
{
	return kt_fail(e, KT_E_HOST, ENOMEM, "fetch '%s'", u->shown);
}

static bool is_left_over(const char *dir, const char *name)
{
	if (kt_ends_with(name, ".lock"))
		return true;
	if (!kt_ends_with(dir, "/pack"))
		return kt_starts_with(name, "tmp_");
	/* Packs get their name when they are whole. */
	return !kt_starts_with(name, "pack-") || kt_ends_with(name, ".pack_") ||
	       strchr(name + strlen("pack-"), '_');
}

/* What a fetch that was killed has left in @dir; nobody else is at it while we hold the lock. */
static void clean(const char *dir, unsigned depth)
{
	kt_auto(dir) DIR *d = opendir(dir);
	struct dirent *entry;

	while (d && depth < CLEAN_DEPTH_MAX && (entry = readdir(d))) {
		kt_auto(mem) char *path = NULL;
		struct stat st;

		if (kt_streq(entry->d_name, ".") || kt_streq(entry->d_name, ".."))
			continue;
		path = kt_fmt("%s/%s", dir, entry->d_name);
		if (!path || lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode)) {
			clean(path, depth + 1);
		} else if (is_left_over(dir, entry->d_name)) {
			kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG, "removing '%s', left half done",
			       path);
			(void)unlink(
				path); /* what cannot be removed will be complained about by its user */
		}
	}
}

/* *ret_anew: it was made just now. */
static int open_ours(const char *dir, const struct kc_git_url *u, git_repository **ret,
		     bool *ret_anew, struct kt_err *e)
{
	git_repository_init_options o;
	int r;

	clean(dir, 0);
	*ret_anew = false;
	r = git_repository_open_bare(ret, dir);
	if (r == 0)
		return 0;
	if (r != GIT_ENOTFOUND || access(dir, F_OK) == 0)
		kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG, "'%s' cannot be used: %s; making it anew",
		       dir, git_error_last() ? git_error_last()->message : "not a repository");
	r = kt_remove_tree(dir, e);
	if (r < 0)
		return r;
	(void)git_repository_init_options_init(&o, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
	o.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH;
	*ret_anew = true;
	r = git_repository_init_ext(ret, dir, &o);
	return r < 0 ? kc_git_failed(u, r, "make a repository for", e) : 0;
}

/* Whether all that is needed is there cannot be told without reading it; reading it will tell. */
static bool has_commit(git_repository *repo, const char *commit)
{
	kt_auto(git_object) git_object *object = NULL;
	git_oid oid;

	return git_oid_fromstr(&oid, commit) == 0 &&
	       git_object_lookup(&object, repo, &oid, GIT_OBJECT_ANY) == 0;
}

/*
 * Whether everything that was fetched before is still there: a fetch tells the server to leave out what our names stand
 * for.
 */
static bool is_sound(git_repository *repo)
{
	git_reference_iterator *it = NULL;
	git_reference *ref = NULL;
	int r = git_reference_iterator_new(&it, repo);

	while (r == 0 && (r = git_reference_next(&ref, it)) == 0) {
		kt_auto(git_object) git_object *object = NULL;

		if (git_reference_target(ref))
			r = git_object_lookup(&object, repo, git_reference_target(ref),
					      GIT_OBJECT_ANY);
		git_reference_free(ref);
	}
	git_reference_iterator_free(it);
	return r == GIT_ITEROVER;
}

static int fetch_depth(git_repository *repo, bool shallow)
{
	if (shallow)
		return 1;
	return git_repository_is_shallow(repo) == 1 ? GIT_FETCH_DEPTH_UNSHALLOW
						    : GIT_FETCH_DEPTH_FULL;
}

static int run_attempt(git_repository *repo, const struct kc_git_url *u, const struct attempt *a,
		       struct kc_git_call *call, struct kt_err *e)
{
	git_strarray specs = { (char **)a->refspec, a->nr };
	git_fetch_options o;
	kt_auto(git_remote) git_remote *remote = NULL;
	int r;

	kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG, "git: fetch %s of '%s' (%s)", a->what, u->shown,
	       a->shallow ? "depth 1" : "whole history");
	call->received = 0;
	call->nr_keys_asked = 0;
	(void)git_fetch_options_init(&o, GIT_FETCH_OPTIONS_VERSION);
	kc_git_callbacks(call, &o.callbacks);
	o.proxy_opts.type = GIT_PROXY_AUTO;
	o.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
	o.update_fetchhead = 0;
	o.depth = fetch_depth(repo, a->shallow);
	git_error_clear();
	r = git_remote_create_anonymous(&remote, repo, u->full);
	if (r == 0)
		r = git_remote_fetch(remote, &specs, &o, NULL);
	return r < 0 ? kc_git_failed(u, r, "fetch from", e) : 0;
}

/*
 * 0: fetched. -EAGAIN: the server does not give it this way. Once objects came, whatever ended it had nothing to do
 * with what the server allows, and trying another way would only fetch more; the same once again may do.
 */
static int attempt(git_repository *repo, const struct kc_git_url *u, const struct attempt *a,
		   struct kc_git_call *call, struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err why = { 0 };
	int r = run_attempt(repo, u, a, call, &why);

	if (r == -EHOSTUNREACH && call->received) {
		kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG, "git: cut after %llu objects; trying again",
		       (unsigned long long)call->received);
		r = run_attempt(repo, u, a, call, &why);
	}
	if (r == 0)
		return 0;
	kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG, "git: %s: %s", a->what,
	       kt_err_text(&why, text, sizeof(text)));
	if (!call->received && why.kind == KT_E_KERNEL && r != -EACCES && r != -EBADMSG)
		return -EAGAIN;
	if (e)
		*e = why;
	return r;
}

/* That brings @commit. a->refspec[0] NULL: no memory. */
static int attempt_for(git_repository *repo, const struct kc_git_url *u, struct attempt *a,
		       const char *commit, struct kc_git_call *call, struct kt_err *e)
{
	int r;

	if (!a->refspec[0])
		return no_memory(u, e);
	r = attempt(repo, u, a, call, e);
	if (r == 0 && !has_commit(repo, commit))
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' did not bring commit %s", u->shown,
			       commit);
	return r;
}

static int fetch_commit_alone(git_repository *repo, const struct kc_git_url *u, const char *commit,
			      struct kc_git_call *call, struct kt_err *e)
{
	kt_auto(attempt) struct attempt a = { .what = "the commit alone",
					      .nr = 1,
					      .shallow = true };

	a.refspec[0] = kt_fmt("+%s:" OUR_REFS "%s", commit, commit);
	return attempt_for(repo, u, &a, commit, call, e);
}

/* The name whose newest commit is @commit, when there is one. */
static int fetch_tip(git_repository *repo, const struct kc_git_url *u, const char *commit,
		     const struct kc_git_refs *refs, struct kc_git_call *call, struct kt_err *e)
{
	kt_auto(attempt) struct attempt a = { .nr = 1, .shallow = true };

	for (size_t i = 0; i < refs->list.nr && !a.what; i++) {
		if (kt_streq(refs->list.v[i].hex, commit) &&
		    kt_starts_with(refs->list.v[i].name, "refs/"))
			a.what = refs->list.v[i].name;
	}
	if (!a.what) {
		a.nr = 0;
		return -EAGAIN;
	}
	a.refspec[0] = kt_fmt("+%s:" OUR_REFS "%s", a.what, a.what + strlen("refs/"));
	return attempt_for(repo, u, &a, commit, call, e);
}

/* Of what was asked for when that has a name, else of everything. */
static int fetch_histories(const struct kc_request *q, git_repository *repo,
			   const struct kc_git_url *u, const struct kc_git_refs *refs,
			   struct kc_git_call *call, struct kt_err *e)
{
	const char *asked = q->parsed.form == KC_FORM_GIT ? q->parsed.arg2 : NULL;
	kt_auto(attempt) struct attempt a = { .what = "all branches and tags", .nr = 2 };
	const struct kc_git_ref *ref = NULL;

	if ((!asked || !kc_git_is_commit(asked)) &&
	    kc_git_refs_find(refs, u, asked, &ref, NULL) == 0) {
		a.what = ref->name;
		a.nr = 1;
		a.refspec[0] = kt_fmt("+%s:" OUR_REFS "%s", ref->name,
				      kt_starts_with(ref->name, "refs/")
					      ? ref->name + strlen("refs/")
					      : ref->name);
	} else {
		a.refspec[0] = strdup("+refs/heads/*:" OUR_REFS "heads/*");
		a.refspec[1] = strdup("+refs/tags/*:" OUR_REFS "tags/*");
	}
	if (!a.refspec[0] || (a.nr > 1 && !a.refspec[1]))
		return no_memory(u, e);
	kt_log(KT_AREA_KERNEL_CACHE, KT_WARN,
	       "the server of '%s' gives no single commits; fetching the whole history of %s",
	       u->shown, a.what);
	return attempt(repo, u, &a, call, e);
}

static int fetch(const struct kc_request *q, git_repository *repo, const struct kc_git_url *u,
		 const char *commit, struct kt_err *e)
{
	kt_auto(kc_git_refs) struct kc_git_refs refs = { 0 };
	struct kc_git_call call = { .progress = q->o->progress };
	kt_auto(mem) char *what = kt_fmt("fetch %s", u->shown);
	int r;

	if (q->o->progress && q->o->progress->step)
		q->o->progress->step(q->o->progress->ctx, what ? what : "fetch");
	if (!is_sound(repo))
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "what the cache has of '%s' is damaged",
			       u->shown);
	r = fetch_commit_alone(repo, u, commit, &call, e);
	if (r != -EAGAIN)
		return r;
	r = kc_git_ls(u, &refs, e);
	if (r < 0)
		return r;
	r = fetch_tip(repo, u, commit, &refs, &call, e);
	if (r == -EAGAIN)
		r = fetch_histories(q, repo, u, &refs, &call, e);
	if (r < 0 && r != -EAGAIN)
		return r;
	if (has_commit(repo, commit))
		return 0;
	return kt_fail(e, KT_E_KERNEL, ENOENT,
		       "commit %s is not to be had from '%s': no branch or tag there has it any "
		       "more; for a newer one: ktstr-make update",
		       commit, u->shown);
}

static int open_theirs(const struct kc_git_url *u, const char *commit, git_repository **ret,
		       struct kt_err *e)
{
	int r = git_repository_open(ret, u->path);

	if (r < 0)
		return kc_git_failed(u, r, "open the git repository", e);
	if (!has_commit(*ret, commit))
		return kt_fail(e, KT_E_KERNEL, ENOENT, "the git repository '%s' has no commit %s",
			       u->shown, commit);
	return 0;
}

int kc_git_have(const struct kc_request *q, const struct kc_git_url *u, const char *commit,
		bool anew, git_repository **ret, bool *ret_anew, struct kt_err *e)
{
	kt_auto(git_repository) git_repository *repo = NULL;
	kt_auto(mem) char *dir = kt_fmt("%s/git/%s", q->cache_dir, u->name + strlen("git-"));
	int r;

	if (!dir)
		return no_memory(u, e);
	*ret_anew = false;
	r = u->path ? open_theirs(u, commit, &repo, e) : 0;
	if (r == 0 && !u->path && anew)
		r = kt_remove_tree(dir, e);
	if (r == 0 && !u->path)
		r = open_ours(dir, u, &repo, ret_anew, e);
	if (r == 0 && !u->path && !has_commit(repo, commit))
		r = q->o->offline
			    ? kt_fail(e, KT_E_KERNEL, ENOENT,
				      "commit %s of '%s' is not in the cache, and --offline forbids "
				      "to fetch it",
				      commit, u->shown)
			    : fetch(q, repo, u, commit, e);
	if (r < 0)
		return r;
	*ret = kt_take(repo);
	return 0;
}
