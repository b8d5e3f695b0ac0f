/* SPDX-License-Identifier: GPL-2.0-only */
/* The forms in which a kernel can be asked for. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/internal.h"

/* Each takes the whole spec and answers whether it is of that form; *ret_arg points into it. */
static bool is_debian_cloud(const char *s, const char **ret_arg, size_t *ret_len)
{
	const char *slash;

	if (!kt_starts_with(s, "debian:"))
		return false;
	s += strlen("debian:");
	slash = strchr(s, '/');
	if (!slash || slash == s || !kt_streq(slash, "/cloud"))
		return false;
	for (const char *p = s; p < slash; p++) {
		if (!isalnum((unsigned char)*p) && !(strchr("-._+", *p) && p > s))
			return false;
	}
	*ret_arg = s;
	*ret_len = (size_t)(slash - s);
	return true;
}

static bool is_debian_source(const char *s, const char **ret_arg, size_t *ret_len)
{
	const char *slash = kt_starts_with(s, "debian:") ? strchr(s, '/') : NULL;

	*ret_arg = s;
	*ret_len = strlen(s);
	return slash && kt_starts_with(slash, "/linux-source-");
}

static bool is_path(const char *s, const char **ret_arg, size_t *ret_len)
{
	if (!kt_starts_with(s, "path:") || !s[strlen("path:")])
		return false;
	*ret_arg = s + strlen("path:");
	*ret_len = strlen(*ret_arg);
	return true;
}

static bool is_git(const char *s, const char **ret_arg, size_t *ret_len)
{
	*ret_arg = s;
	*ret_len = strlen(s);
	return kt_starts_with(s, "git+");
}

static bool is_tarball(const char *s, const char **ret_arg, size_t *ret_len)
{
	static const char *const ends[] = { ".tar",     ".tar.gz",  ".tar.xz",
					    ".tar.zst", ".tar.bz2", ".tgz" };

	*ret_arg = s;
	*ret_len = strlen(s);
	if (kt_starts_with(s, "http://") || kt_starts_with(s, "https://"))
		return true;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (kt_ends_with(s, ends[i]))
			return true;
	}
	return false;
}

/* Skips "6.12", "6.12.40", "7.3-rc2"; returns NULL when there is no version. */
static const char *skip_version(const char *s)
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
	if (kt_starts_with(s, "-rc") && isdigit((unsigned char)s[3])) {
		s += 3;
		while (isdigit((unsigned char)*s))
			s++;
	}
	return parts >= 2 && parts <= 3 ? s : NULL;
}

static bool is_version(const char *s, const char **ret_arg, size_t *ret_len)
{
	const char *end = skip_version(s);

	*ret_arg = s;
	*ret_len = strlen(s);
	return end && !*end;
}

static bool is_range(const char *s, const char **ret_arg, size_t *ret_len)
{
	const char *end = skip_version(s);

	*ret_arg = s;
	*ret_len = strlen(s);
	if (!end || !kt_starts_with(end, ".."))
		return false;
	end = skip_version(end + 2);
	return end && !*end;
}

/* Keys begin with a version, and a prefix of one is told from a version by what follows that. */
static bool is_key(const char *s, const char **ret_arg, size_t *ret_len)
{
	*ret_arg = s;
	*ret_len = strlen(s);
	return isdigit((unsigned char)*s) && kc_is_key(s);
}

static const struct form {
	const char *shape; /* for people */
	bool (*match)(const char *s, const char **ret_arg, size_t *ret_len);
	bool supported;
	enum kc_form form;
} forms[] = {
	{ "debian:SUITE/cloud", is_debian_cloud, true, KC_FORM_DEBIAN_CLOUD },
	{ "debian:SUITE/linux-source-VERSION", is_debian_source, .supported = false },
	{ "path:DIR-or-image", is_path, true, KC_FORM_PATH },
	{ "git+URL#REF", is_git, .supported = false },
	{ "a tarball", is_tarball, .supported = false },
	{ "a kernel version", is_version, .supported = false },
	{ "a range of kernel versions", is_range, .supported = false },
	{ "a cache key", is_key, true, KC_FORM_KEY },
};
enum { NR_FORMS = sizeof(forms) / sizeof(forms[0]) };

static int unknown_form(const char *text, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf known = { 0 };

	for (size_t i = 0; i < NR_FORMS; i++) {
		if (forms[i].supported)
			kt_buf_addf(&known, "%s%s", known.len ? ", " : "", forms[i].shape);
	}
	return kt_fail(e, KT_E_CONFIG, EINVAL, "unknown kernel source '%s'; known are: %s", text,
		       kt_buf_str(&known));
}

int kc_spec_parse(const char *text, struct kc_spec *ret, struct kt_err *e)
{
	for (size_t i = 0; i < NR_FORMS; i++) {
		const char *arg;
		size_t len;

		if (!forms[i].match(text, &arg, &len))
			continue;
		if (!forms[i].supported)
			return kt_fail(e, KT_E_CONFIG, EOPNOTSUPP,
				       "kernel source '%s' (%s) is not supported yet", text,
				       forms[i].shape);
		ret->arg = strndup(arg, len);
		if (!ret->arg)
			return kt_fail(e, KT_E_HOST, ENOMEM, "parse kernel source '%s'", text);
		ret->form = forms[i].form;
		return 0;
	}
	return unknown_form(text, e);
}

void kc_spec_done(struct kc_spec *s)
{
	free(s->arg);
	s->arg = NULL;
}

int kc_spec_check(const char *text, struct kt_err *e)
{
	kt_auto(kc_spec) struct kc_spec spec = { 0 };

	return kc_spec_parse(text, &spec, e);
}
