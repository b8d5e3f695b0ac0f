/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending to a shared cache over HTTP, with a token that nobody else gets to see. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "kernel-cache/fetch.h"
#include "kernel-cache/store/remote.h"

enum { TOKEN_BYTES_MAX = 8192 };

struct request {
	CURL *curl;
	struct curl_slist *headers;
	FILE *from; /* NULL: nothing is sent */
	char text[CURL_ERROR_SIZE];
};

static void request_done(struct request *q)
{
	curl_easy_cleanup(q->curl);
	curl_slist_free_all(q->headers);
	kt_cleanup_file(&q->from);
}

int kc_http_token_check(const struct kc_place *p, const char *token, struct kt_err *e)
{
	const char *insecure = getenv("KTSTR_CACHE_TOKEN_INSECURE");
	size_t len = 0;

	while (token[len] > ' ' && token[len] <= '~')
		len++;
	if (token[len] || len > TOKEN_BYTES_MAX)
		return kt_fail(e, KT_E_KERNEL, EINVAL,
			       "KTSTR_CACHE_TOKEN has characters that no token has");
	if (p->https || p->loopback || (insecure && kt_streq(insecure, "1")))
		return 0;
	return kt_fail(
		e, KT_E_KERNEL, EPERM,
		"a token is not sent over http://, where anybody can read it; use https://, or set KTSTR_CACHE_TOKEN_INSECURE=1");
}

/* What a server says is of no use beyond its status. */
static size_t ignore(char *data, size_t one, size_t len, void *ctx)
{
	(void)data;
	(void)one; /* always 1 */
	(void)ctx;
	return len;
}

static int add_header(struct request *q, const char *line)
{
	struct curl_slist *longer = line ? curl_slist_append(q->headers, line) : NULL;

	if (!longer)
		return -ENOMEM;
	q->headers = longer;
	return 0;
}

static int begin(struct request *q, const struct kc_place *p, const char *url, const char *token,
		 struct kt_err *e)
{
	kt_auto(mem) char *authorization = kt_fmt("Authorization: Bearer %s", token);
	CURL *c;

	q->curl = c = curl_easy_init();
	/* "Expect:" with nothing: servers that do not know it would make us wait. */
	if (!c || add_header(q, authorization) < 0 || add_header(q, "Expect:") < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "send to '%s'", url);
	kc_curl_common(c, url, q->text);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	/* Not elsewhere: the token is for this server. */
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, q->headers);
	if (p->loopback)
		curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	return 0;
}

static int perform(struct request *q, const char *url, long *ret_status, struct kt_err *e)
{
	CURLcode code = curl_easy_perform(q->curl);

	if (code != CURLE_OK)
		return kt_fail(e, KT_E_KERNEL, EHOSTUNREACH, "send to '%s': %s", url,
			       q->text[0] ? q->text : curl_easy_strerror(code));
	curl_easy_getinfo(q->curl, CURLINFO_RESPONSE_CODE, ret_status);
	return 0;
}

static int refused(const char *url, long status, struct kt_err *e)
{
	return kt_fail(e, KT_E_KERNEL, EIO, "'%s' answered with HTTP status %ld%s", url, status,
		       status == 401 || status == 403 ? " (is KTSTR_CACHE_TOKEN right?)" : "");
}

int kc_http_has(const struct kc_place *p, const char *url, const char *token, struct kt_err *e)
{
	__attribute__((cleanup(request_done))) struct request q = { 0 };
	long status = 0;
	int r = begin(&q, p, url, token, e);

	if (r < 0)
		return r;
	curl_easy_setopt(q.curl, CURLOPT_NOBODY, 1L);
	r = perform(&q, url, &status, e);
	if (r < 0)
		return r;
	if (status >= 200 && status < 300)
		return 1;
	/* Some servers let nobody ask; whether they take it will show. */
	if (status >= 400 && status < 500)
		return 0;
	return refused(url, status, e);
}

int kc_http_put(const struct kc_place *p, const char *url, const char *path, const char *token,
		struct kt_err *e)
{
	__attribute__((cleanup(request_done))) struct request q = { 0 };
	struct stat st;
	long status = 0;
	int r = begin(&q, p, url, token, e);

	if (r < 0)
		return r;
	q.from = fopen(path, "re");
	if (!q.from || fstat(fileno(q.from), &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", path);
	curl_easy_setopt(q.curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(q.curl, CURLOPT_READDATA, q.from);
	curl_easy_setopt(q.curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)st.st_size);
	r = perform(&q, url, &status, e);
	if (r < 0)
		return r;
	return status >= 200 && status < 300 ? 0 : refused(url, status, e);
}
