/* SPDX-License-Identifier: GPL-2.0-only */
/* The project's commit, by libgit2. */
#include <git2.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/str.h"
#include "driver/host.h"

enum { SHORT_HEX = 7 };

static git_repository *free_repository(git_repository *r)
{
	git_repository_free(r);
	return NULL;
}
KT_DEFINE_AUTO(git_repository, git_repository *, free_repository);
static git_tree *free_tree(git_tree *t)
{
	git_tree_free(t);
	return NULL;
}
KT_DEFINE_AUTO(git_tree, git_tree *, free_tree);
static git_commit *free_commit(git_commit *c)
{
	git_commit_free(c);
	return NULL;
}
KT_DEFINE_AUTO(git_commit, git_commit *, free_commit);

/* The first difference answers the question: stop there. */
static int stop_at_first(const git_diff *so_far, const git_diff_delta *delta, const char *pathspec,
			 void *payload)
{
	(void)so_far;
	(void)delta;
	(void)pathspec;
	*(bool *)payload = true;
	return -1;
}

static bool is_dirty(git_repository *repo, git_commit *head)
{
	git_diff_options o;
	kt_auto(git_tree) git_tree *tree = NULL;
	git_diff *diff = NULL;
	bool dirty = false;

	if (git_diff_options_init(&o, GIT_DIFF_OPTIONS_VERSION) < 0 ||
	    git_commit_tree(&tree, head) < 0)
		return false;
	/*
	 * Untracked files are not looked for: on a large tree that would cost more than all the
	 * rest of a run's start.
	 */
	o.flags = GIT_DIFF_NORMAL | GIT_DIFF_SKIP_BINARY_CHECK;
	o.ignore_submodules = GIT_SUBMODULE_IGNORE_ALL;
	o.notify_cb = stop_at_first;
	o.payload = &dirty;
	if (git_diff_tree_to_workdir_with_index(&diff, repo, tree, &o) == 0)
		git_diff_free(diff);
	return dirty;
}

static char *commit_in(const char *dir)
{
	kt_auto(git_repository) git_repository *repo = NULL;
	kt_auto(git_commit) git_commit *head = NULL;
	char hex[GIT_OID_SHA1_HEXSIZE + 1];
	git_oid oid;
	int r;

	r = git_repository_open_ext(&repo, dir, 0, NULL);
	if (r == GIT_ENOTFOUND)
		return NULL;
	if (r < 0) {
		const git_error *why = git_error_last();

		kt_log(KT_AREA_DRIVER, KT_WARN,
		       "cannot read the git repository of '%s': %s; going on with commit unknown",
		       dir, why ? why->message : "unknown reason");
		return NULL;
	}
	if (git_reference_name_to_id(&oid, repo, "HEAD") < 0 ||
	    git_commit_lookup(&head, repo, &oid) < 0) {
		kt_log(KT_AREA_DRIVER, KT_DEBUG, "the git repository of '%s' has no commit yet",
		       dir);
		return NULL;
	}
	git_oid_tostr(hex, sizeof(hex), &oid);
	return kt_fmt("%.*s%s", SHORT_HEX, hex, is_dirty(repo, head) ? "-dirty" : "");
}

char *drv_commit_of(const char *dir)
{
	char *commit;

	if (git_libgit2_init() < 0)
		return NULL;
	commit = commit_in(dir);
	git_libgit2_shutdown();
	return commit;
}
