/* SPDX-License-Identifier: GPL-2.0-only */
/* Which kernel the source in a directory is: the first lines of its Makefile. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel-cache/source/trees.h"

enum { MAKEFILE_BYTES_MAX = 1 << 20, VALUE_BYTES = 64 };

const char *kc_tree_lacks(const char *dir)
{
	static const char *const files[] = { "Makefile", "Kconfig" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		kt_auto(mem) char *path = kt_fmt("%s/%s", dir, files[i]);

		if (!path || access(path, R_OK) < 0)
			return files[i];
	}
	return NULL;
}

/* The value of "NAME = value" at the beginning of a line; false when there is no such line or it is not a word. */
static bool find_value(const char *makefile, const char *name, char ret[static VALUE_BYTES])
{
	size_t len = strlen(name), n;

	for (const char *line = makefile; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) != 0)
			continue;
		line += len;
		line += strspn(line, " \t");
		if (*line != '=')
			continue;
		line++;
		line += strspn(line, " \t");
		n = strcspn(line, " \t\r\n#");
		if (n >= VALUE_BYTES)
			return false;
		memcpy(ret, line, n);
		ret[n] = '\0';
		return true;
	}
	return false;
}

static bool is_number(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

/* What an EXTRAVERSION can have to be part of a file name. */
static bool is_suffix(const char *s)
{
	while (isalnum((unsigned char)*s) || (*s && strchr(".+~_-", *s)))
		s++;
	return !*s;
}

/* "6.12.117", "6.15-rc3"; "6.12" when there is no point release, as kernel.org says it. */
static char *compose(const char *makefile)
{
	char version[VALUE_BYTES], patchlevel[VALUE_BYTES];
	char sublevel[VALUE_BYTES] = "", extra[VALUE_BYTES] = "";

	if (!find_value(makefile, "VERSION", version) || !is_number(version) ||
	    !find_value(makefile, "PATCHLEVEL", patchlevel) || !is_number(patchlevel))
		return NULL;
	if (find_value(makefile, "SUBLEVEL", sublevel) && *sublevel && !is_number(sublevel))
		return NULL;
	if (find_value(makefile, "EXTRAVERSION", extra) && !is_suffix(extra))
		return NULL;
	if (!*sublevel || kt_streq(sublevel, "0"))
		return kt_fmt("%s.%s%s", version, patchlevel, extra);
	return kt_fmt("%s.%s.%s%s", version, patchlevel, sublevel, extra);
}

int kc_tree_version(const char *dir, char **ret, struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/Makefile", dir);
	kt_auto(buf) struct kt_buf text = { 0 };
	char *version;
	int r;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read the Makefile in '%s'", dir);
	if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "'%s' is no kernel source: it has no Makefile", dir);
	r = kt_file_read(path, MAKEFILE_BYTES_MAX, &text, e);
	if (r < 0)
		return r;
	version = compose(kt_buf_str(&text));
	if (!version)
		return kt_fail(
			e, KT_E_KERNEL, EBADMSG,
			"'%s' is no kernel source: its Makefile does not say VERSION and PATCHLEVEL",
			dir);
	*ret = version;
	return 0;
}
