/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * path:DIR where DIR is kernel source of the user's own. What is committed is built from the commit, so that editing
 * goes on meanwhile and the result can be kept; anything else is built as it lies there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "kernel-cache/source/git.h"

static bool has(const char *dir, const char *name, mode_t type)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, name);
	struct stat st;

	return path && stat(path, &st) == 0 && (st.st_mode & S_IFMT) == type;
}

bool kc_own_tree_is(const char *dir)
{
	return has(dir, "Makefile", S_IFREG) && has(dir, "Kconfig", S_IFREG) &&
	       has(dir, "arch/x86/Kconfig", S_IFREG);
}

static void not_asked(const char *dir, int code)
{
	const git_error *why = git_error_last();

	if (code == GIT_EOWNER)
		kt_log(KT_AREA_KERNEL_CACHE, KT_WARN,
		       "'%s' belongs to another user and git does not trust it, so it counts as not "
		       "committed and is built each time; to change that: git config --global --add "
		       "safe.directory '%s'",
		       dir, dir);
	else
		kt_log(KT_AREA_KERNEL_CACHE, KT_WARN,
		       "git cannot tell what is committed in '%s' (%s), so it counts as not committed "
		       "and is built each time",
		       dir, why && why->message ? why->message : "no reason given");
}

/* The first difference answers the question: stop there. */
static int stop_at_first(const git_diff *so_far, const git_diff_delta *delta, const char *pathspec,
			 void *ctx)
{
	const char **found = ctx;

	(void)so_far;
	(void)pathspec;
	*found = strdup(delta->new_file.path ? delta->new_file.path : delta->old_file.path);
	return GIT_EUSER;
}

/* Modified, staged or not known to git; what it ignores (objects, .config) is no matter. Never writes the index. */
static int find_change(git_repository *repo, git_tree *tree, char **ret)
{
	git_diff_options o;
	git_diff *diff = NULL;
	int r;

	(void)git_diff_options_init(&o, GIT_DIFF_OPTIONS_VERSION);
	o.flags = GIT_DIFF_INCLUDE_UNTRACKED | GIT_DIFF_SKIP_BINARY_CHECK |
		  GIT_DIFF_INCLUDE_TYPECHANGE;
	o.ignore_submodules = GIT_SUBMODULE_IGNORE_ALL;
	o.notify_cb = stop_at_first;
	o.payload = ret;
	/* Both halves: what is staged and taken back in the working tree is a change, too. */
	r = git_diff_tree_to_index(&diff, repo, tree, NULL, &o);
	git_diff_free(diff);
	diff = NULL;
	if (r == 0)
		r = git_diff_index_to_workdir(&diff, repo, NULL, &o);
	git_diff_free(diff);
	return *ret ? 0 : r;
}

/*
 * The commit of DIR in @ret_commit (NULL: not the top of a git work tree) and whether its files are exactly that
 * commit's.
 */
static void ask_git(const char *dir, char **ret_commit, bool *ret_clean)
{
	kt_auto(git_repository) git_repository *repo = NULL;
	kt_auto(git_object) git_object *head = NULL;
	kt_auto(git_object) git_object *tree = NULL;
	kt_auto(mem) char *change = NULL;
	char hex[KC_GIT_HEX + 1];
	int r;

	git_error_clear();
	r = git_repository_open_ext(&repo, dir, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
	if (r == GIT_ENOTFOUND)
		return;
	if (r == 0 && git_repository_head_unborn(repo) == 1)
		return;
	if (r == 0)
		r = git_revparse_single(&head, repo, "HEAD^{commit}");
	if (r == 0)
		r = git_object_peel(&tree, head, GIT_OBJECT_TREE);
	if (r == 0) {
		git_oid_tostr(hex, sizeof(hex), git_object_id(head));
		*ret_commit = strdup(hex);
		r = find_change(repo, (git_tree *)tree, &change);
	}
	if (r < 0)
		not_asked(dir, r);
	if (change)
		kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG, "'%s' is not as committed: '%s'", dir,
		       change);
	*ret_clean = r == 0 && !change && *ret_commit;
}

/* The rule of the kernel's own Makefile ("outputmakefile"), which would only say "mrproper". */
static int check_not_built(const char *dir, struct kt_err *e)
{
	if (!has(dir, ".config", S_IFREG) && !has(dir, "include/config", S_IFDIR) &&
	    !has(dir, "arch/x86/include/generated", S_IFDIR))
		return 0;
	return kt_fail(e, KT_E_KERNEL, EBUSY,
		       "'%s' was built in place, so it cannot be built from outside: run 'make "
		       "mrproper' there (that removes .config, too: save it elsewhere, and --base "
		       "FILE begins with it)%s%s%s",
		       dir, has(dir, "arch/x86/boot/bzImage", S_IFREG) ? ", or name path:" : "",
		       has(dir, "arch/x86/boot/bzImage", S_IFREG) ? dir : "",
		       has(dir, "arch/x86/boot/bzImage", S_IFREG)
			       ? "/arch/x86/boot/bzImage to boot what was built"
			       : "");
}

char *kc_own_tree_url(const char *path)
{
	kt_auto(mem) char *real = realpath(path, NULL);
	const char *dir = real ? real : path;
	kt_auto(buf) struct kt_buf url = { 0 };

	kt_buf_adds(&url, "file://");
	for (; *dir; dir++) {
		if (*dir == '%')
			kt_buf_adds(&url, "%25");
		else
			kt_buf_addc(&url, *dir);
	}
	return kt_buf_take(&url);
}

static int get_clean(const struct kc_request *q, const char *dir, const char *commit,
		     struct kc_tree *ret, struct kt_err *e)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	kt_auto(mem) char *url = kc_own_tree_url(dir);
	int r;

	if (!url)
		return kt_fail(e, KT_E_HOST, ENOMEM, "get the kernel source '%s'", dir);
	r = kc_git_pick(url, commit, &p, e);
	if (r == 0)
		r = kc_tree_get(q, &p, ret, e);
	return r;
}

static int get_dirty(const char *dir, char **commit, struct kc_tree *ret, struct kt_err *e)
{
	kt_auto(kc_tree) struct kc_tree t = KC_TREE_NONE;
	int r = check_not_built(dir, e);

	if (r == 0)
		r = kc_tree_version(dir, &t.version, e);
	if (r < 0)
		return r;
	t.dir = strdup(dir);
	if (!t.dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "get the kernel source '%s'", dir);
	t.commit = kt_take(*commit);
	t.dirty = true;
	*ret = t;
	t = (struct kc_tree)KC_TREE_NONE;
	return 0;
}

int kc_own_tree_get(const struct kc_request *q, const char *path, struct kc_tree *ret,
		    struct kt_err *e)
{
	kt_auto(mem) char *joined = kc_project_path(q->o->project_dir, path);
	kt_auto(mem) char *dir = joined ? realpath(joined, NULL) : NULL;
	kt_auto(mem) char *commit = NULL;
	bool clean = false;
	int r = kc_git_begin(e);

	if (r < 0)
		return r;
	if (!dir)
		return joined ? kt_fail(e, KT_E_KERNEL, errno, "there is no kernel at '%s': %s",
					joined, strerror(errno))
			      : kt_fail(e, KT_E_HOST, ENOMEM, "get the kernel source '%s'", path);
	ask_git(dir, &commit, &clean);
	return clean ? get_clean(q, dir, commit, ret, e) : get_dirty(dir, &commit, ret, e);
}
