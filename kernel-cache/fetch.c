/* SPDX-License-Identifier: GPL-2.0-only */
/* One file over HTTP: continued after a cut, bounded, checked whole. */
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "kernel-cache/fetch.h"

enum {
	FAILURES_MAX = 4, /* in a row without one new byte */
	CONNECT_FAILURES_MAX = 2, /* without a network at all people should not wait */
	ATTEMPTS_MAX = 20, /* in total, however little each one brings */
	BACKOFF_MS = 200,
	BACKOFF_MAX_MS = 3000,
};

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int transfer_all(struct kc_transfer *t, struct kt_err *e)
{
	unsigned failures = 0;
	int delay = BACKOFF_MS;

	for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
		CURLcode code = CURLE_OK;
		bool connected;
		int r = kc_transfer_attempt(t, &code, e);

		if (r != -EAGAIN)
			return r;
		connected = code != CURLE_COULDNT_RESOLVE_HOST &&
			    code != CURLE_COULDNT_RESOLVE_PROXY && code != CURLE_COULDNT_CONNECT;
		if (t->got) {
			failures = 0;
			delay = BACKOFF_MS;
		}
		failures++;
		if (failures >=
		    (connected ? (unsigned)FAILURES_MAX : (unsigned)CONNECT_FAILURES_MAX))
			break;
		kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG,
		       "fetch '%s': curl code %d after %llu bytes; trying again in %d ms",
		       t->o->url, (int)code, (unsigned long long)t->sink.have, delay);
		(void)poll(NULL, 0, delay);
		delay = delay * 2 < BACKOFF_MAX_MS ? delay * 2 : BACKOFF_MAX_MS;
	}
	return -EHOSTUNREACH;
}

/* -EAGAIN: wrong bytes, but some came from an earlier download, so a whole one may be right. */
static int check(struct kc_transfer *t, bool continued, struct kt_err *e)
{
	char found[KT_SHA256_HEX];

	if (t->o->bytes && t->sink.have != t->o->bytes) {
		if (continued)
			return -EAGAIN;
		(void)unlink(t->o->path);
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s': expected %llu bytes, found %llu",
			       t->o->url, (unsigned long long)t->o->bytes,
			       (unsigned long long)t->sink.have);
	}
	if (!t->o->sha256)
		return 0;
	kc_sink_sum(&t->sink, found);
	if (kt_streq(found, t->o->sha256))
		return 0;
	if (continued)
		return -EAGAIN;
	(void)unlink(t->o->path);
	return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s': expected sha256 %s, found %s", t->o->url,
		       t->o->sha256, found);
}

/* What an earlier attempt left may be all there is. */
static bool is_whole(const struct kc_transfer *t)
{
	char found[KT_SHA256_HEX];

	if (t->o->bytes)
		return t->sink.have == t->o->bytes;
	if (!t->o->sha256 || !t->sink.have)
		return false;
	kc_sink_sum(&t->sink, found);
	return kt_streq(found, t->o->sha256);
}

static int fetch_checked(struct kc_transfer *t, struct kt_err *e)
{
	for (int whole = 0;; whole++) {
		bool continued = t->sink.have > 0;
		int r;

		if (!is_whole(t)) {
			r = transfer_all(t, e);
			if (r != 0)
				return r;
		}
		r = check(t, continued && !whole, e);
		if (r != -EAGAIN)
			return r;
		r = kc_sink_restart(&t->sink, e);
		if (r < 0)
			return r;
	}
}

/* For the next time. */
static int keep_validator(const struct kc_transfer *t, struct kt_err *e)
{
	const char *now;
	char *copy = NULL;

	if (!t->o->etag)
		return 0;
	now = kc_transfer_field(t, "ETag");
	if (!now)
		now = kc_transfer_field(t, "Last-Modified");
	if (kc_dup(now, &copy) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "fetch '%s'", t->o->url);
	free(*t->o->etag);
	*t->o->etag = copy;
	return 0;
}

static void announce(const struct kc_fetch_opts *o)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	const char *name = strrchr(o->url, '/');

	if (!o->progress || !o->progress->step)
		return;
	kt_buf_addf(&text, "fetch %s", o->what ? o->what : name ? name + 1 : o->url);
	if (o->bytes) {
		kt_buf_adds(&text, " (");
		kt_format_size(&text, o->bytes);
		kt_buf_addc(&text, ')');
	}
	o->progress->step(o->progress->ctx, kt_buf_str(&text));
}

static int fetch(struct kc_transfer *t, struct kt_err *e)
{
	int r = kc_transfer_setup(t, e);

	if (r == 0)
		r = kc_sink_open(&t->sink, t->o, e);
	if (r < 0)
		return r;
	if (!is_whole(t))
		announce(t->o);
	r = fetch_checked(t, e);
	if (r == 0)
		r = kc_sink_finish(&t->sink, e);
	if (r == 0)
		r = keep_validator(t, e);
	if (r == 0)
		kc_transfer_report(t, true);
	return r;
}

int kc_fetch(const struct kc_fetch_opts *o, struct kt_err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct kc_transfer t = { .o = o, .sink = KC_SINK_NONE };
	int r;

	pthread_once(&once, init_curl);
	if (o->bytes > o->max_bytes)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' has %llu bytes, the limit is %llu",
			       o->url, (unsigned long long)o->bytes,
			       (unsigned long long)o->max_bytes);
	t.curl = curl_easy_init();
	if (!t.curl)
		return kt_fail(e, KT_E_HOST, ENOMEM, "start libcurl");
	t.validator = o->etag && !o->sha256 ? *o->etag : NULL;
	r = fetch(&t, e);
	kc_transfer_done(&t);
	return r;
}
