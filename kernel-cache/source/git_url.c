/* SPDX-License-Identifier: GPL-2.0-only */
/* What people write for a git repository, and what of it may be shown. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "kernel-cache/source/git.h"

static const char *const schemes[] = { "https", "http", "ssh", "git", "file" };

void kc_git_url_done(struct kc_git_url *u)
{
	free(u->full);
	free(u->shown);
	free(u->path);
	*u = (struct kc_git_url){ 0 };
}

/* The part before "@", in the authority of @url. *ret_len 0: none. */
static const char *user_info(const char *url, size_t *ret_len)
{
	const char *begin = strstr(url, "://");
	const char *end, *at = NULL;

	*ret_len = 0;
	if (!begin)
		return NULL;
	begin += strlen("://");
	end = begin + strcspn(begin, "/?#");
	/* The last one: a password may have more of them. */
	for (const char *p = begin; p < end; p++) {
		if (*p == '@')
			at = p;
	}
	if (at)
		*ret_len = (size_t)(at - begin);
	return begin;
}

/* The user of ssh is no secret, and without it there is no connection. */
static char *make_shown(const char *url)
{
	size_t len, keep = 0;
	const char *user = user_info(url, &len);

	if (!len)
		return strdup(url);
	if (kt_starts_with(url, "ssh://")) {
		const char *colon = memchr(user, ':', len);

		if (!colon)
			return strdup(url);
		keep = (size_t)(colon - user);
	}
	return kt_fmt("%.*s%s", (int)(user - url) + (int)keep, url, user + len + (keep ? 0 : 1));
}

char *kc_git_hide(const struct kc_git_url *u, const char *text)
{
	kt_auto(buf) struct kt_buf out = { 0 };
	size_t len;
	const char *user = user_info(u->full, &len);

	if (!len || kt_streq(u->full, u->shown))
		return strdup(text);
	while (*text) {
		if (strncmp(text, user, len) == 0) {
			kt_buf_adds(&out, "***");
			text += len;
		} else {
			kt_buf_addc(&out, *text++);
		}
	}
	return kt_buf_take(&out);
}

/* git's own rule: a colon before the first slash is HOST:PATH. */
static bool is_scp_like(const char *s)
{
	const char *colon = strchr(s, ':');
	const char *slash = strchr(s, '/');

	return colon && colon > s && (!slash || colon < slash);
}

static char *decode(const char *s)
{
	kt_auto(buf) struct kt_buf out = { 0 };

	for (; *s; s++) {
		int high = *s == '%' ? kt_hex_digit(s[1]) : -1;
		int low = high >= 0 ? kt_hex_digit(s[2]) : -1;

		if (low < 0 || (high == 0 && low == 0)) {
			kt_buf_addc(&out, *s);
			continue;
		}
		kt_buf_addc(&out, (char)(high << 4 | low));
		s += 2;
	}
	return kt_buf_take(&out);
}

static int no_memory(struct kt_err *e)
{
	return kt_fail(e, KT_E_HOST, ENOMEM, "read the URL of a git repository");
}

static int read_url(const char *text, struct kc_git_url *u, struct kt_err *e)
{
	size_t len = (size_t)(strstr(text, "://") - text);
	size_t i = 0, nr = sizeof(schemes) / sizeof(schemes[0]);

	/* As git does: these mean ssh too. */
	if (kt_starts_with(text, "git+ssh://") || kt_starts_with(text, "ssh+git://")) {
		u->full = kt_fmt("ssh%s", text + len);
		len = strlen("ssh");
	} else {
		u->full = strdup(text);
	}
	if (!u->full)
		return no_memory(e);
	u->shown = make_shown(u->full);
	if (!u->shown)
		return no_memory(e);
	while (i < nr && (strlen(schemes[i]) != len || strncmp(schemes[i], u->full, len) != 0))
		i++;
	if (i == nr)
		return kt_fail(e, KT_E_KERNEL, EPROTONOSUPPORT,
			       "cannot fetch '%s' with git: it is fetched from https://, http://, "
			       "ssh://, git:// and file:// URLs, HOST:PATH, and directories",
			       u->shown);
	if (kt_streq(schemes[i], "file")) {
		const char *path = u->full + strlen("file://");

		if (kt_starts_with(path, "localhost/"))
			path += strlen("localhost");
		u->path = decode(path);
	}
	return kt_streq(schemes[i], "file") && !u->path ? no_memory(e) : 0;
}

static int read_path(const char *text, const char *project_dir, struct kc_git_url *u,
		     struct kt_err *e)
{
	u->path = kc_project_path(project_dir, text);
	if (u->path) {
		/* A pin or an index answer must not depend on where it is read. */
		char *real = realpath(u->path, NULL);

		if (real) {
			free(u->path);
			u->path = real;
		}
		u->full = strdup(u->path);
		u->shown = strdup(u->path);
	}
	return u->full && u->shown ? 0 : no_memory(e);
}

static int read_any(const char *text, const char *project_dir, struct kc_git_url *u,
		    struct kt_err *e)
{
	int r;

	if (strstr(text, "://"))
		r = read_url(text, u, e);
	else if (is_scp_like(text))
		r = kc_dup(text, &u->full) < 0 || kc_dup(text, &u->shown) < 0 ? no_memory(e) : 0;
	else
		r = read_path(text, project_dir, u, e);
	if (r < 0 || !u->full)
		return r;
	if ((kt_starts_with(u->full, "ssh://") || (!u->path && !strstr(u->full, "://"))) &&
	    !(git_libgit2_features() & GIT_FEATURE_SSH))
		return kt_fail(e, KT_E_KERNEL, EPROTONOSUPPORT,
			       "cannot fetch '%s': this libgit2 was built without ssh; use an "
			       "https:// URL",
			       u->shown);
	return 0;
}

int kc_git_url_parse(const char *text, const char *project_dir, struct kc_git_url *ret,
		     struct kt_err *e)
{
	kt_auto(kc_git_url) struct kc_git_url u = { 0 };
	int r = read_any(text, project_dir, &u, e);

	if (r < 0)
		return r;
	/* Without the password, so that a new one does not fetch everything anew. */
	kc_hash_name("git", u.shown, u.name);
	*ret = u;
	u = (struct kc_git_url){ 0 };
	return 0;
}
