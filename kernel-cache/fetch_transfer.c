/* SPDX-License-Identifier: GPL-2.0-only */
/* One attempt to get a file, or the rest of it, from a server: what is asked, what is taken, what the answer means. */
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "kernel-cache/fetch.h"

enum {
	CONNECT_TIMEOUT_S = 10,
	STALL_TIMEOUT_S = 20, /* $KTSTR_NET_TIMEOUT */
	STALL_TIMEOUT_MAX_S = 3600,
	REDIRECTS_MAX = 5,
	PROGRESS_NS = 100 * 1000 * 1000,
	SNIFF_BYTES = 16,
	STEP_BYTES = 256 *
		     1024, /* curl's own 16 KiB would be a write and a wake-up of the reader each */
	VALIDATOR_BYTES_MAX = 1024, /* an ETag that long is no ETag */
	HTTP_NOT_MODIFIED = 304,
};

static uint64_t expected_bytes(const struct kc_transfer *t)
{
	curl_off_t length = -1;

	if (t->o->bytes)
		return t->o->bytes;
	curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	return length > 0 ? t->start + (uint64_t)length : 0;
}

void kc_transfer_report(struct kc_transfer *t, bool final)
{
	const struct kc_progress *p = t->o->progress;
	uint64_t now = kt_now_ns();
	double seconds;

	if (!p || !p->bytes || (!final && now - t->reported_ns < PROGRESS_NS))
		return;
	t->reported_ns = now;
	seconds = (double)(now - t->began_ns) / 1e9;
	p->bytes(p->ctx, t->sink.have, final ? t->sink.have : expected_bytes(t),
		 seconds > 0 ? (double)t->got / seconds : 0);
}

static bool starts_like_html(const char *data, size_t len)
{
	char head[SNIFF_BYTES];
	size_t n = 0;

	while (len && strchr(" \t\r\n", *data)) {
		data++;
		len--;
	}
	while (n < sizeof(head) - 1 && n < len) {
		head[n] = data[n];
		n++;
	}
	head[n] = '\0';
	return strncasecmp(head, "<!doctype html", 14) == 0 || strncasecmp(head, "<html", 5) == 0;
}

static bool is_html(const struct kc_transfer *t, const char *data, size_t len)
{
	char *type = NULL;

	if (t->got || t->o->html)
		return false;
	curl_easy_getinfo(t->curl, CURLINFO_CONTENT_TYPE, &type);
	if (type && strncasecmp(type, "text/html", 9) == 0)
		return true;
	return t->start == 0 && starts_like_html(data, len);
}

const char *kc_transfer_field(const struct kc_transfer *t, const char *name)
{
	struct curl_header *h = NULL;

	if (curl_easy_header(t->curl, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK || !*h->value ||
	    strlen(h->value) > VALIDATOR_BYTES_MAX)
		return NULL;
	return h->value;
}

/* The answer is the file from here on: what there was before it is void unless it is continued. */
static int begin_answer(struct kc_transfer *t)
{
	const char *tag;

	if (t->start)
		return 0;
	t->validator = NULL;
	tag = kc_transfer_field(t, "ETag");
	free(t->tag);
	t->tag = tag && tag[0] == '"' ? strdup(tag)
				      : NULL; /* without it: begun again after a cut */
	return t->sink.have ? kc_sink_restart(&t->sink, t->e) : 0;
}

static size_t on_data(char *data, size_t one, size_t len, void *ctx)
{
	struct kc_transfer *t = ctx;
	uint64_t limit = t->o->bytes ? t->o->bytes : t->o->max_bytes;
	long status = 0;

	(void)one; /* always 1 */
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 400)
		return len; /* the text of an error page is of no use */
	if (is_html(t, data, len)) {
		t->stop = KC_STOP_HTML;
		return 0;
	}
	if (!t->got)
		t->sink_result = begin_answer(t);
	if (t->sink_result == 0 && len > limit - t->sink.have) {
		t->stop = KC_STOP_TOO_BIG;
		return 0;
	}
	if (t->sink_result == 0)
		t->sink_result = kc_sink_write(&t->sink, data, len, t->e);
	if (t->sink_result < 0) {
		t->stop = KC_STOP_SINK;
		return 0;
	}
	t->got += len;
	kc_transfer_report(t, false);
	return len;
}

long kc_stall_timeout(void)
{
	const char *set = getenv("KTSTR_NET_TIMEOUT");
	unsigned seconds;

	if (!set || !*set)
		return STALL_TIMEOUT_S;
	if (kt_parse_uint(set, 1, STALL_TIMEOUT_MAX_S, &seconds) < 0) {
		kt_log(KT_AREA_KERNEL_CACHE, KT_WARN,
		       "KTSTR_NET_TIMEOUT '%s' is not a number of seconds from 1 to %d; using %d",
		       set, STALL_TIMEOUT_MAX_S, STALL_TIMEOUT_S);
		return STALL_TIMEOUT_S;
	}
	return (long)seconds;
}

void kc_curl_common(CURL *c, const char *url, char text[static CURL_ERROR_SIZE])
{
	long timeout = kc_stall_timeout();

	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "ktstr-make/" KTSTR_VERSION);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT,
			 timeout < CONNECT_TIMEOUT_S ? timeout : (long)CONNECT_TIMEOUT_S);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, timeout);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, text);
}

int kc_transfer_setup(struct kc_transfer *t, struct kt_err *e)
{
	kt_auto(mem) char *proxy = NULL;
	CURL *c = t->curl;
	int r = t->o->as_apt ? kc_apt_proxy(t->o->url, &proxy, e) : 0;

	if (r < 0)
		return r;
	kc_curl_common(c, t->o->url, t->curl_text);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https,file");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)STEP_BYTES);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	if (t->o->bearer) {
		curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		curl_easy_setopt(c, CURLOPT_XOAUTH2_BEARER, t->o->bearer);
	}
	if (proxy)
		curl_easy_setopt(c, CURLOPT_PROXY,
				 proxy); /* "" is: none, whatever the environment says */
	return 0;
}

static int stopped_by_us(struct kc_transfer *t, struct kt_err *e)
{
	if (t->stop == KC_STOP_HTML)
		return kt_fail(
			e, KT_E_KERNEL, EPROTO,
			"'%s' answered with an HTML page instead of the file (a login page of the network, or a proxy's error?)",
			t->o->url);
	if (t->stop == KC_STOP_TOO_BIG)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s': expected %s%llu bytes, found more",
			       t->o->url, t->o->bytes ? "" : "at most ",
			       (unsigned long long)(t->o->bytes ? t->o->bytes : t->o->max_bytes));
	return t->sink_result; /* which has explained */
}

static const char *curl_says(const struct kc_transfer *t, CURLcode code)
{
	return t->curl_text[0] ? t->curl_text : curl_easy_strerror(code);
}

/* An answer other than the file. -EAGAIN: the server may think better of it. */
static int bad_status(struct kc_transfer *t, long status, struct kt_err *e)
{
	bool temporary = status >= 500 || status == 408 || status == 429;

	if (status == 404 || status == 410)
		return kt_fail(e, KT_E_KERNEL, ENOENT, "'%s' is not there (HTTP status %ld)",
			       t->o->url, status);
	if (!temporary)
		return kt_fail(e, KT_E_KERNEL, EIO, "'%s' answered with HTTP status %ld", t->o->url,
			       status);
	(void)kt_fail(e, KT_E_KERNEL, EHOSTUNREACH, "'%s' answered with HTTP status %ld", t->o->url,
		      status); /* for when there is no next attempt */
	return -EAGAIN;
}

/* The server does not continue files, or ours is longer than its own. */
static int not_continued(struct kc_transfer *t, struct kt_err *e)
{
	int r = kc_sink_restart(&t->sink, e);

	if (r < 0)
		return r;
	(void)kt_fail(e, KT_E_KERNEL, EHOSTUNREACH, "'%s' cannot be continued", t->o->url);
	return -EAGAIN;
}

static bool is_final(CURLcode code)
{
	return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
	       code == CURLE_TOO_MANY_REDIRECTS || code == CURLE_PEER_FAILED_VERIFICATION;
}

/* What became of one attempt, as kc_transfer_attempt says it. */
static int judge(struct kc_transfer *t, CURLcode code, struct kt_err *e)
{
	curl_off_t length = -1;
	long status = 0;

	if (t->stop)
		return stopped_by_us(t, e);
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 416 || code == CURLE_RANGE_ERROR)
		return not_continued(t, e);
	if (status == HTTP_NOT_MODIFIED && t->validator)
		return 1;
	if (status >= 400 || status == HTTP_NOT_MODIFIED)
		return bad_status(t, status, e);
	if (code == CURLE_FILE_COULDNT_READ_FILE)
		return kt_fail(e, KT_E_KERNEL, ENOENT, "'%s' is not there", t->o->url);
	if (is_final(code))
		return kt_fail(e, KT_E_KERNEL, EIO, "fetch '%s': %s", t->o->url,
			       curl_says(t, code));
	/*
	 * Where the server said how long it is, what came is all there is: check() compares the
	 * sizes.
	 */
	curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (code == CURLE_OK && (!t->o->bytes || t->sink.have == t->o->bytes || length >= 0))
		return t->got ? 0 : begin_answer(t); /* an empty file is one too */
	if (code == CURLE_OK)
		(void)kt_fail(e, KT_E_KERNEL, EHOSTUNREACH, "'%s' was cut after %llu bytes",
			      t->o->url, (unsigned long long)t->sink.have);
	else if (t->sink.have)
		(void)kt_fail(e, KT_E_KERNEL, EHOSTUNREACH, "'%s' was cut after %llu bytes: %s",
			      t->o->url, (unsigned long long)t->sink.have, curl_says(t, code));
	else
		(void)kt_fail(e, KT_E_KERNEL, EHOSTUNREACH, "fetch '%s': %s", t->o->url,
			      curl_says(t, code));
	return -EAGAIN;
}

/*
 * What this attempt asks on top of the URL. A file that no sum checks is continued only where the server promises that it
 * is still the same one (If-Range), so that it is never put together from two answers.
 */
static int set_conditions(struct kc_transfer *t, struct curl_slist **ret, struct kt_err *e)
{
	kt_auto(mem) char *line = NULL;

	*ret = NULL;
	if (t->validator)
		line = kt_fmt("%s: %s",
			      t->validator[0] == '"' || kt_starts_with(t->validator, "W/")
				      ? "If-None-Match"
				      : "If-Modified-Since",
			      t->validator);
	else if (t->start && !t->o->sha256)
		line = kt_fmt("If-Range: %s", t->tag);
	else
		return 0;
	if (line)
		*ret = curl_slist_append(NULL, line);
	return *ret ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "fetch '%s'", t->o->url);
}

int kc_transfer_attempt(struct kc_transfer *t, CURLcode *ret_code, struct kt_err *e)
{
	struct curl_slist *conditions;
	bool can_continue = !t->validator && (t->o->sha256 || t->tag);
	int r;

	t->start = can_continue ? t->sink.have : 0;
	t->got = 0;
	t->began_ns = kt_now_ns();
	t->stop = KC_STOP_NONE;
	t->sink_result = 0;
	t->e = e;
	t->curl_text[0] = '\0';
	r = set_conditions(t, &conditions, e);
	if (r < 0)
		return r;
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, conditions);
	curl_easy_setopt(t->curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)t->start);
	*ret_code = curl_easy_perform(t->curl);
	r = judge(t, *ret_code, e);
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(conditions);
	return r;
}

void kc_transfer_done(struct kc_transfer *t)
{
	curl_easy_cleanup(t->curl);
	kc_sink_done(&t->sink);
	free(t->tag);
}
