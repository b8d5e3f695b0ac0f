/* SPDX-License-Identifier: GPL-2.0-only */
/* What branches and tags a repository has, and which of them somebody means. */
#include <ctype.h>
#include <errno.h>
#include <git2/sys/repository.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kernel-cache/source/git.h"

enum { ABBREVIATED_MIN = 7, REFS_MAX = 2000000 };
static const char heads[] = "refs/heads/", tags[] = "refs/tags/", peeled[] = "^{}";

void kc_git_refs_done(struct kc_git_refs *r)
{
	for (size_t i = 0; i < r->list.nr; i++)
		free(r->list.v[i].name);
	free(r->list.v);
	*r = (struct kc_git_refs){ 0 };
}

bool kc_git_is_commit(const char *s)
{
	size_t n = 0;

	while (isxdigit((unsigned char)s[n]))
		n++;
	return n == KC_GIT_HEX && !s[n];
}

int kc_git_refs_add(struct kc_git_refs *r, const char *name, const char *hex)
{
	struct kc_git_ref ref = { 0 };
	size_t len = strlen(name);

	/* What an annotated tag stands for comes right after the tag itself. */
	if (kt_ends_with(name, peeled) && r->list.nr) {
		struct kc_git_ref *before = &r->list.v[r->list.nr - 1];

		len -= strlen(peeled);
		if (strlen(before->name) == len && strncmp(before->name, name, len) == 0)
			(void)kt_snprintf(before->hex, sizeof(before->hex), "%s", hex);
		return 0;
	}
	(void)kt_snprintf(ref.hex, sizeof(ref.hex), "%s", hex);
	ref.name = strdup(name);
	if (!ref.name ||
	    kt_vec_reserve((void **)&r->list.v, &r->list.cap, r->list.nr + 1, sizeof(ref)) < 0) {
		free(ref.name);
		return -ENOMEM;
	}
	r->list.v[r->list.nr++] = ref;
	return 0;
}

/* A repository that is nowhere, so that the user's own git configuration (insteadOf, proxies) is obeyed. */
static int make_remote(const char *url, git_repository **ret_repo, git_remote **ret)
{
	git_config *config = NULL;
	int r = git_repository_new(ret_repo);

	if (r == 0)
		r = git_config_open_default(&config);
	if (r == 0)
		r = git_repository_set_config(*ret_repo, config);
	git_config_free(config);
	return r == 0 ? git_remote_create_anonymous(ret, *ret_repo, url) : r;
}

static int connect_and_list(git_remote *remote, struct kc_git_refs *ret)
{
	git_remote_connect_options o;
	struct kc_git_call call = { 0 };
	const git_remote_head **list;
	size_t nr;
	int r;

	(void)git_remote_connect_options_init(&o, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
	kc_git_callbacks(&call, &o.callbacks);
	o.proxy_opts.type = GIT_PROXY_AUTO;
	r = git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &o);
	if (r == 0)
		r = git_remote_ls(&list, &nr, remote);
	for (size_t i = 0; r == 0 && i < nr && i < REFS_MAX; i++) {
		char hex[KC_GIT_HEX + 1];

		(void)git_oid_tostr(hex, sizeof(hex), &list[i]->oid);
		if (kc_git_refs_add(ret, list[i]->name, hex) < 0) {
			git_error_set_oom();
			r = GIT_ERROR;
		}
	}
	return r;
}

int kc_git_ls(const struct kc_git_url *u, struct kc_git_refs *ret, struct kt_err *e)
{
	kt_auto(kc_git_refs) struct kc_git_refs refs = { 0 };
	kt_auto(git_repository) git_repository *repo = NULL;
	kt_auto(git_remote) git_remote *remote = NULL;
	int r;

	git_error_clear();
	/* What is wrong with a directory is said more exactly when it is opened as one. */
	r = u->path ? git_repository_open(&repo, u->path) : 0;
	if (repo) {
		git_repository_free(repo);
		repo = NULL;
	}
	if (r == 0)
		r = make_remote(u->path ? u->path : u->full, &repo, &remote);
	if (r == 0)
		r = connect_and_list(remote, &refs);
	if (r < 0)
		return kc_git_failed(u, r, "ask the git repository", e);
	*ret = refs;
	refs = (struct kc_git_refs){ 0 };
	return 0;
}

static const struct kc_git_ref *by_name(const struct kc_git_refs *r, const char *prefix,
					const char *name)
{
	size_t len = strlen(prefix);

	for (size_t i = 0; i < r->list.nr; i++) {
		const char *has = r->list.v[i].name;

		if (strncmp(has, prefix, len) == 0 && kt_streq(has + len, name))
			return &r->list.v[i];
	}
	return NULL;
}

static bool is_abbreviated(const char *s)
{
	size_t n = strspn(s, "0123456789abcdefABCDEF");

	return !s[n] && n >= ABBREVIATED_MIN && n < KC_GIT_HEX;
}

/* The name that is nearest to @ref among those that begin with @prefix, without it. */
static const char *nearest(const struct kc_git_refs *r, const char *prefix, const char *ref)
{
	const char **names = calloc(r->list.nr + 1, sizeof(*names));
	const char *found;
	size_t nr = 0;

	if (!names)
		return NULL;
	for (size_t i = 0; i < r->list.nr; i++) {
		if (kt_starts_with(r->list.v[i].name, prefix))
			names[nr++] = r->list.v[i].name + strlen(prefix);
	}
	found = kt_nearest(ref, names, nr);
	free(names);
	return found;
}

static int not_found(const struct kc_git_refs *r, const struct kc_git_url *u, const char *ref,
		     struct kt_err *e)
{
	const char *branch = nearest(r, heads, ref), *tag = nearest(r, tags, ref);
	size_t nr_branches = 0, nr_tags = 0;

	for (size_t i = 0; i < r->list.nr; i++) {
		nr_branches += kt_starts_with(r->list.v[i].name, heads);
		nr_tags += kt_starts_with(r->list.v[i].name, tags);
	}
	if (is_abbreviated(ref))
		return kt_fail(
			e, KT_E_KERNEL, ENOENT,
			"'%s' has no branch or tag '%s'; if it is a commit, give the whole %d "
			"digits ('git rev-parse %s' prints them)",
			u->shown, ref, KC_GIT_HEX, ref);
	if (!branch && !tag)
		return kt_fail(e, KT_E_KERNEL, ENOENT,
			       "'%s' has no branch or tag '%s' (it has %zu branch%s and %zu tag%s)",
			       u->shown, ref, nr_branches, nr_branches == 1 ? "" : "es", nr_tags,
			       nr_tags == 1 ? "" : "s");
	return kt_fail(e, KT_E_KERNEL, ENOENT,
		       "'%s' has no branch or tag '%s'; did you mean %s'%s'%s%s%s?", u->shown, ref,
		       branch ? "" : "the tag ", branch ? branch : tag,
		       branch && tag ? " or the tag '" : "", branch && tag ? tag : "",
		       branch && tag ? "'" : "");
}

int kc_git_refs_find(const struct kc_git_refs *r, const struct kc_git_url *u, const char *ref,
		     const struct kc_git_ref **ret, struct kt_err *e)
{
	const struct kc_git_ref *branch, *tag;

	if (!ref) {
		*ret = by_name(r, "", "HEAD");
		if (!*ret)
			return kt_fail(e, KT_E_KERNEL, ENOENT,
				       "'%s' has no HEAD; name a branch or tag: git+%s#BRANCH",
				       u->shown, u->shown);
		return 0;
	}
	branch = by_name(r, heads, ref);
	tag = by_name(r, tags, ref);
	if (branch && tag)
		kt_log(KT_AREA_KERNEL_CACHE, KT_WARN,
		       "'%s' has a branch and a tag '%s'; taking the branch (the tag is %s%s)",
		       u->shown, ref, tags, ref);
	*ret = branch ? branch : tag;
	if (!*ret)
		*ret = by_name(r, "", ref);
	if (!*ret)
		*ret = by_name(r, "refs/", ref);
	return *ret ? 0 : not_found(r, u, ref, e);
}
