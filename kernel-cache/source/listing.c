/* SPDX-License-Identifier: GPL-2.0-only */
/* What a directory of kernel.org has: from the page that a web server makes of it, and from its file of checksums. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kernel-cache/source/kernelorg.h"

#define PREFIX "linux-"
#define SUFFIX ".tar.xz"
enum { HEX_DIGITS = KT_SHA256_HEX - 1 };

/* linux-VERSION.tar.xz and nothing else. */
static bool is_tarball(const char *name, size_t len, struct kc_kver *ret)
{
	const char *end;

	return len > strlen(PREFIX SUFFIX) && strncmp(name, PREFIX, strlen(PREFIX)) == 0 &&
	       kc_kver_scan(name + strlen(PREFIX), ret, &end) == 0 &&
	       (size_t)(end - name) + strlen(SUFFIX) == len &&
	       strncmp(end, SUFFIX, strlen(SUFFIX)) == 0;
}

static void take_newer(struct kc_kver *best, const struct kc_kver *v)
{
	if (!best->major || kc_kver_cmp(v, best) > 0)
		*best = *v;
}

/* Relative, absolute or a whole URL: only what is after the last slash matters. */
static size_t skip_dirs(const char *value, size_t len)
{
	while (len && value[len - 1] != '/')
		len--;
	return len;
}

/* What the next link's href has after its last slash; NULL: no more links. The length is 0 for one that is cut. */
static const char *next_link(const char *html, const char **ret_name, size_t *ret_len)
{
	const char *value = strcasestr(html, "href=");
	size_t len, dirs;

	if (!value)
		return NULL;
	value += strlen("href=");
	if (*value == '"' || *value == '\'') {
		const char *end = strchr(value + 1, *value);

		value++;
		len = end ? (size_t)(end - value) : 0;
	} else {
		len = strcspn(value, " \t\r\n<>");
	}
	dirs = skip_dirs(value, len);
	*ret_name = value + dirs;
	*ret_len = len - dirs;
	return value;
}

int kc_listing_newest(const char *html, const struct kc_kver *series, struct kc_kver *ret,
		      struct kc_kver *ret_newest)
{
	struct kc_kver best = { 0 }, all = { 0 }, v;
	const char *name;
	size_t len;

	while ((html = next_link(html, &name, &len))) {
		if (!is_tarball(name, len, &v) || v.rc)
			continue;
		take_newer(&all, &v);
		if (kc_kver_cmp_series(&v, series) == 0)
			take_newer(&best, &v);
	}
	*ret_newest = all;
	if (!best.major)
		return -ENOENT;
	*ret = best;
	return 0;
}

/* "HEX  NAME", or "HEX *NAME" as of a binary file. */
static bool read_sum(const char *line, size_t len, struct kc_kver *ret)
{
	if (len <= HEX_DIGITS + 2 || strspn(line, "0123456789abcdef") != HEX_DIGITS ||
	    line[HEX_DIGITS] != ' ' || (line[HEX_DIGITS + 1] != ' ' && line[HEX_DIGITS + 1] != '*'))
		return false;
	return is_tarball(line + HEX_DIGITS + 2, len - HEX_DIGITS - 2, ret);
}

int kc_sums_find(const char *text, const struct kc_kver *v, char ret[static KT_SHA256_HEX],
		 struct kc_kver *ret_newest)
{
	const char *found = NULL;
	struct kc_kver newest = { 0 };

	for (size_t len; *text; text += len + (text[len] == '\n')) {
		struct kc_kver of;

		len = strcspn(text, "\n");
		if (!read_sum(text, len && text[len - 1] == '\r' ? len - 1 : len, &of) ||
		    kc_kver_cmp_series(&of, v) != 0)
			continue;
		take_newer(&newest, &of);
		if (kc_kver_cmp(&of, v) != 0)
			continue;
		if (found && strncmp(found, text, HEX_DIGITS) != 0)
			return -EBADMSG;
		found = text;
	}
	*ret_newest = newest;
	if (!found)
		return -ENOENT;
	(void)kt_snprintf(ret, KT_SHA256_HEX, "%.*s", (int)HEX_DIGITS, found);
	return 0;
}
