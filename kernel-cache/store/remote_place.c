/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a shared cache is: a web server, or a directory that several machines see. */
#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "kernel-cache/store/remote.h"

void kc_place_done(struct kc_place *p)
{
	free(p->base);
	free(p->dir);
	*p = (struct kc_place){ 0 };
}

static CURLU *free_url(CURLU *u)
{
	curl_url_cleanup(u);
	return NULL;
}
KT_DEFINE_AUTO(curl_url, CURLU *, free_url);

static void free_part(char **part)
{
	curl_free(*part);
}
#define PART __attribute__((cleanup(free_part))) char *

static bool has_part(CURLU *u, CURLUPart which)
{
	PART part = NULL;

	return curl_url_get(u, which, &part, 0) == CURLUE_OK;
}

static bool is_loopback(const char *host)
{
	unsigned first, second, third, fourth;
	char end;

	return strcasecmp(host, "localhost") == 0 || kt_streq(host, "[::1]") ||
	       (sscanf(host, "%3u.%3u.%3u.%3u%c", &first, &second, &third, &fourth, &end) == 4 &&
		first == 127);
}

static int no_memory(struct kt_err *e)
{
	return kt_fail(e, KT_E_HOST, ENOMEM, "find the shared kernel cache");
}

/* As a URL that kc_fetch takes: every byte of the path that has a meaning in one is written by its number. */
static int url_of_dir(const char *dir, char **ret, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf url = { 0 };

	kt_buf_adds(&url, "file://");
	for (const unsigned char *p = (const unsigned char *)dir; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || strchr("/-._~+", *p);

		if (plain)
			kt_buf_addc(&url, (char)*p);
		else
			kt_buf_addf(&url, "%%%02X", *p);
	}
	*ret = kt_buf_take(&url);
	return *ret ? 0 : no_memory(e);
}

static void cut_slashes(char *s, size_t keep)
{
	for (size_t len = strlen(s); len > keep && s[len - 1] == '/'; len--)
		s[len - 1] = '\0';
}

static int place_of_dir(const char *dir, struct kc_place *ret, struct kt_err *e)
{
	kt_auto(kc_place) struct kc_place p = { 0 };
	char here[PATH_MAX];
	int r;

	if (dir[0] == '/')
		p.dir = strdup(dir);
	else if (!getcwd(here, sizeof(here)))
		return kt_fail(e, KT_E_HOST, errno, "find the working directory");
	else
		p.dir = kt_fmt("%s/%s", here, dir);
	if (!p.dir)
		return no_memory(e);
	cut_slashes(p.dir, 1);
	r = url_of_dir(p.dir, &p.base, e);
	if (r < 0)
		return r;
	*ret = p;
	p = (struct kc_place){ 0 };
	return 0;
}

static int place_of_file_url(CURLU *u, struct kc_place *ret, struct kt_err *e)
{
	PART path = NULL;

	/* libcurl takes no other host here than this machine. */
	if (curl_url_get(u, CURLUPART_PATH, &path, CURLU_URLDECODE) != CURLUE_OK)
		return kt_fail(e, KT_E_CONFIG, EINVAL,
			       "the shared kernel cache is a file:// URL without a path");
	return place_of_dir(path, ret, e);
}

static int place_of_server(CURLU *u, const char *scheme, struct kc_place *ret, struct kt_err *e)
{
	kt_auto(kc_place) struct kc_place p = { .https = kt_streq(scheme, "https") };
	PART url = NULL;
	PART host = NULL;

	if (has_part(u, CURLUPART_QUERY) || has_part(u, CURLUPART_FRAGMENT))
		return kt_fail(e, KT_E_CONFIG, EINVAL,
			       "the URL of the shared kernel cache has a '?' or '#' in it");
	if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_URL, &url, 0) != CURLUE_OK)
		return no_memory(e);
	p.loopback = is_loopback(host);
	p.base = strdup(url);
	if (!p.base)
		return no_memory(e);
	cut_slashes(p.base, 0);
	*ret = p;
	p = (struct kc_place){ 0 };
	return 0;
}

int kc_place_parse(const char *remote, struct kc_place *ret, struct kt_err *e)
{
	kt_auto(curl_url) CURLU *u = NULL;
	PART scheme = NULL;

	if (!strstr(remote, "://"))
		return place_of_dir(remote, ret, e);
	u = curl_url();
	if (!u)
		return no_memory(e);
	/* Neither here nor below is the text shown before it is known that there is no password in it. */
	if (curl_url_set(u, CURLUPART_URL, remote, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return kt_fail(e, KT_E_CONFIG, EINVAL,
			       "the URL of the shared kernel cache is none that can be read");
	if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD))
		return kt_fail(
			e, KT_E_CONFIG, EINVAL,
			"the URL of the shared kernel cache has a user name or password in it; take it out and set KTSTR_CACHE_TOKEN");
	if (kt_streq(scheme, "file"))
		return place_of_file_url(u, ret, e);
	if (!kt_streq(scheme, "http") && !kt_streq(scheme, "https"))
		return kt_fail(
			e, KT_E_CONFIG, EINVAL,
			"the shared kernel cache '%s' is none of http://, https://, file:// and a directory",
			remote);
	return place_of_server(u, scheme, ret, e);
}
