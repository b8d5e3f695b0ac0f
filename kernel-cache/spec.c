/* SPDX-License-Identifier: GPL-2.0-only */
/* The forms in which a kernel can be asked for. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/internal.h"

/* A piece of the spec: p NULL is none. */
struct part {
	const char *p;
	size_t len;
};

static struct part rest(const char *s)
{
	return (struct part){ s, strlen(s) };
}

static bool is_suite(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)s[i]) && !(i && strchr("-._+", s[i])))
			return false;
	}
	return len > 0;
}

/* "debian:SUITE/REST": the suite, and a pointer to the rest; NULL when it is none. */
static const char *split_debian(const char *s, struct part *ret_suite)
{
	const char *slash;

	if (!kt_starts_with(s, "debian:"))
		return NULL;
	s += strlen("debian:");
	slash = strchr(s, '/');
	if (!slash || !is_suite(s, (size_t)(slash - s)))
		return NULL;
	*ret_suite = (struct part){ s, (size_t)(slash - s) };
	return slash + 1;
}

/* Each takes the whole spec and answers whether it is of that form; the parts point into it. */
static bool is_debian_cloud(const char *s, struct part ret[2])
{
	const char *what = split_debian(s, &ret[0]);

	return what && kt_streq(what, "cloud");
}

static bool is_debian_source(const char *s, struct part ret[2])
{
	const char *what = split_debian(s, &ret[0]);

	if (!what || !kt_starts_with(what, "linux-source-") ||
	    !isdigit((unsigned char)what[strlen("linux-source-")]))
		return false;
	ret[1] = rest(what);
	return is_suite(what, ret[1].len); /* the same characters */
}

static bool is_path(const char *s, struct part ret[2])
{
	if (!kt_starts_with(s, "path:") || !s[strlen("path:")])
		return false;
	ret[0] = rest(s + strlen("path:"));
	return true;
}

static bool is_git(const char *s, struct part ret[2])
{
	const char *hash;

	if (!kt_starts_with(s, "git+"))
		return false;
	s += strlen("git+");
	hash = strrchr(s, '#');
	ret[0] = hash ? (struct part){ s, (size_t)(hash - s) } : rest(s);
	if (hash)
		ret[1] = rest(hash + 1);
	return ret[0].len && (!hash || ret[1].len);
}

static bool is_tarball(const char *s, struct part ret[2])
{
	static const char *const ends[] = { ".tar",     ".tar.gz", ".tar.xz", ".tar.zst",
					    ".tar.bz2", ".tgz",    ".txz",    ".tbz2" };

	ret[0] = rest(s);
	if (kt_starts_with(s, "http://") || kt_starts_with(s, "https://") ||
	    kt_starts_with(s, "file://"))
		return true;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (kt_ends_with(s, ends[i]) && strlen(s) > strlen(ends[i]))
			return true;
	}
	return false;
}

static bool is_stable(const char *s, struct part ret[2])
{
	(void)ret;
	return kt_streq(s, "stable");
}

/* Skips "6.12", "6.12.40", "7.3-rc2"; returns NULL when there is no version. */
static const char *skip_version(const char *s, bool *ret_series)
{
	unsigned parts = 0;

	for (;;) {
		if (!isdigit((unsigned char)*s))
			return NULL;
		while (isdigit((unsigned char)*s))
			s++;
		parts++;
		if (s[0] != '.' || !isdigit((unsigned char)s[1]))
			break;
		s++;
	}
	*ret_series = parts == 2;
	if (kt_starts_with(s, "-rc") && isdigit((unsigned char)s[3])) {
		*ret_series = false;
		s += 3;
		while (isdigit((unsigned char)*s))
			s++;
	}
	return parts >= 2 && parts <= 3 ? s : NULL;
}

static bool is_series(const char *s, struct part ret[2])
{
	bool series;
	const char *end = skip_version(s, &series);

	ret[0] = rest(s);
	return end && !*end && series;
}

static bool is_version(const char *s, struct part ret[2])
{
	bool series;
	const char *end = skip_version(s, &series);

	ret[0] = rest(s);
	return end && !*end && !series;
}

static bool is_range(const char *s, struct part ret[2])
{
	bool series;
	const char *end = skip_version(s, &series);

	if (!end || !kt_starts_with(end, ".."))
		return false;
	ret[0] = (struct part){ s, (size_t)(end - s) };
	ret[1] = rest(end + 2);
	end = skip_version(end + 2, &series);
	return end && !*end;
}

/*
 * Keys begin with a version or a commit, and a prefix of one is told from a version by what follows
 * that.
 */
static bool is_key(const char *s, struct part ret[2])
{
	ret[0] = rest(s);
	if (strstr(s, ".."))
		return false; /* a range with something wrong in it */
	if (*s == 'g') {
		for (s++; *s && *s != '-'; s++) {
			if (!isxdigit((unsigned char)*s))
				return false;
		}
		return s - ret[0].p > 7 && kc_is_key(ret[0].p);
	}
	return isdigit((unsigned char)*s) && kc_is_key(s);
}

static const struct form {
	const char *shape; /* for people */
	bool (*match)(const char *s, struct part ret[2]);
	enum kc_form form;
} forms[] = {
	{ "stable", is_stable, KC_FORM_STABLE },
	{ "a series (6.12)", is_series, KC_FORM_SERIES },
	{ "a version (6.12.40, 6.15-rc3)", is_version, KC_FORM_VERSION },
	{ "a range (6.12..6.16)", is_range, KC_FORM_RANGE },
	{ "debian:SUITE/cloud", is_debian_cloud, KC_FORM_DEBIAN_CLOUD },
	{ "debian:SUITE/linux-source-VERSION", is_debian_source, KC_FORM_DEBIAN_SOURCE },
	{ "path:DIR-or-image", is_path, KC_FORM_PATH },
	{ "git+URL#REF", is_git, KC_FORM_GIT },
	{ "a tarball's URL or file (.tar.xz, .gz, .zst, .bz2)", is_tarball, KC_FORM_TARBALL },
	{ "a cache key", is_key, KC_FORM_KEY },
};
enum { NR_FORMS = sizeof(forms) / sizeof(forms[0]) };

/* What is written in a way that other programs take. NULL: no idea. */
static char *meant(const char *text)
{
	const char *at = strchr(text, '@');

	if (text[0] == 'v' && text[1] >= '0' && text[1] <= '9')
		return strdup(text + 1);
	if (kt_starts_with(text, "linux-") && text[6] >= '0' && text[6] <= '9')
		return strdup(text + 6);
	if (kt_starts_with(text, "./") || kt_starts_with(text, "../") ||
	    kt_starts_with(text, "/") || kt_starts_with(text, "~/"))
		return kt_fmt("path:%s", text);
	/* user@host:path */
	if (at && strchr(at, ':') && !strstr(text, "://"))
		return kt_fmt("git+ssh://%.*s/%s", (int)(strchr(at, ':') - text), text,
			      strchr(at, ':') + 1);
	if (kt_starts_with(text, "git://") || kt_starts_with(text, "ssh://"))
		return kt_fmt("git+%s", text);
	return NULL;
}

static int unknown_form(const char *text, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf known = { 0 };
	kt_auto(mem) char *instead = meant(text);

	if (instead)
		return kt_fail(e, KT_E_CONFIG, EINVAL,
			       "unknown kernel source '%s': did you mean '%s'?", text, instead);
	for (size_t i = 0; i < NR_FORMS; i++)
		kt_buf_addf(&known, "%s%s", known.len ? ", " : "", forms[i].shape);
	return kt_fail(e, KT_E_CONFIG, EINVAL, "unknown kernel source '%s'; known are: %s", text,
		       kt_buf_str(&known));
}

/* Ends of a range in the wrong order stand for nothing. */
static int check_range(const char *text, const struct kc_spec *s, struct kt_err *e)
{
	if (kc_deb_version_cmp(s->arg, s->arg2) <= 0)
		return 0;
	return kt_fail(e, KT_E_CONFIG, EINVAL,
		       "kernel source '%s' is an empty range: did you mean '%s..%s'?", text,
		       s->arg2, s->arg);
}

/*
 * "scheme://user:password@host", and a token is a password in place of the user, but for ssh: ktstr.toml and ktstr.lock are
 * committed, messages are copied into reports.
 */
static bool has_password(const char *text)
{
	const char *at, *authority = strstr(text, "://"), *ssh = strstr(text, "ssh");
	size_t len;

	if (!authority)
		return false;
	ssh = ssh && ssh < authority ? ssh : NULL;
	authority += strlen("://");
	len = strcspn(authority, "/?#");
	at = memrchr(authority, '@', len);
	return at && (!ssh || memchr(authority, ':', (size_t)(at - authority)));
}

static int refuse_password(const char *text, struct kt_err *e)
{
	return kt_fail(
		e, KT_E_CONFIG, EINVAL,
		"a kernel source has a user or password in its URL ('%.*s...'); leave it out: git+ssh://USER@HOST/... takes keys from the ssh agent, and a tarball can be fetched by other means and named as a file",
		(int)(strstr(text, "://") + strlen("://") - text), text);
}

static int fill(const char *text, const struct form *f, const struct part parts[2],
		struct kc_spec *ret, struct kt_err *e)
{
	kt_auto(kc_spec) struct kc_spec s = { .form = f->form };
	int r = 0;

	s.arg = strndup(parts[0].p ? parts[0].p : "", parts[0].len);
	if (parts[1].p)
		s.arg2 = strndup(parts[1].p, parts[1].len);
	if (!s.arg || (parts[1].p && !s.arg2))
		return kt_fail(e, KT_E_HOST, ENOMEM, "parse kernel source '%s'", text);
	if (f->form == KC_FORM_RANGE)
		r = check_range(text, &s, e);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct kc_spec){ 0 };
	return 0;
}

int kc_spec_parse(const char *text, struct kc_spec *ret, struct kt_err *e)
{
	for (size_t i = 0; i < NR_FORMS; i++) {
		struct part parts[2] = { { 0 } };

		if (!forms[i].match(text, parts))
			continue;
		if (has_password(text))
			return refuse_password(text, e);
		return fill(text, &forms[i], parts, ret, e);
	}
	return unknown_form(text, e);
}

void kc_spec_done(struct kc_spec *s)
{
	free(s->arg);
	free(s->arg2);
	*s = (struct kc_spec){ 0 };
}

int kc_spec_check(const char *text, struct kt_err *e)
{
	kt_auto(kc_spec) struct kc_spec spec = { 0 };

	return kc_spec_parse(text, &spec, e);
}
