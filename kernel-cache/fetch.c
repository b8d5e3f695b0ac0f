/* SPDX-License-Identifier: GPL-2.0-only */
/* One file over HTTP: continued after a cut, bounded, checked whole. */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "kernel-cache/internal.h"

enum {
	FAILURES_MAX = 4, /* in a row without one new byte */
	CONNECT_FAILURES_MAX = 2, /* without a network at all people should not wait */
	ATTEMPTS_MAX = 20, /* in total, however little each one brings */
	BACKOFF_MS = 200,
	BACKOFF_MAX_MS = 3000,
	CONNECT_TIMEOUT_S = 10,
	STALL_TIMEOUT_S = 20, /* $KTSTR_NET_TIMEOUT */
	STALL_TIMEOUT_MAX_S = 3600,
	REDIRECTS_MAX = 5,
	PROGRESS_NS = 100 * 1000 * 1000,
	SNIFF_BYTES = 16,
};

/* Why the transfer was stopped by us. */
enum stop { STOP_NONE, STOP_HTML, STOP_TOO_BIG, STOP_WRITE };

struct transfer {
	const struct kc_fetch_opts *o;
	CURL *curl;
	int fd;
	uint64_t have; /* bytes in the file */
	uint64_t start; /* what it had when this attempt began */
	uint64_t began_ns;
	uint64_t reported_ns;
	enum stop stop;
	int write_errno;
	char curl_text[CURL_ERROR_SIZE];
};

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void report(struct transfer *t, bool final)
{
	const struct kc_progress *p = t->o->progress;
	uint64_t now = kt_now_ns();
	double seconds;

	if (!p || !p->bytes || (!final && now - t->reported_ns < PROGRESS_NS))
		return;
	t->reported_ns = now;
	seconds = (double)(now - t->began_ns) / 1e9;
	p->bytes(p->ctx, t->have, final ? t->have : t->o->bytes,
		 seconds > 0 ? (double)(t->have - t->start) / seconds : 0);
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

static bool is_html(struct transfer *t, const char *data, size_t len)
{
	char *type = NULL;

	if (t->have != t->start)
		return false;
	curl_easy_getinfo(t->curl, CURLINFO_CONTENT_TYPE, &type);
	if (type && strncasecmp(type, "text/html", 9) == 0)
		return true;
	return t->have == 0 && starts_like_html(data, len);
}

static size_t on_data(char *data, size_t one, size_t len, void *ctx)
{
	struct transfer *t = ctx;
	uint64_t limit = t->o->bytes ? t->o->bytes : t->o->max_bytes;
	long status = 0;
	int r;

	(void)one; /* always 1 */
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 400)
		return len; /* the text of an error page is of no use */
	if (is_html(t, data, len)) {
		t->stop = STOP_HTML;
		return 0;
	}
	if (len > limit - t->have) {
		t->stop = STOP_TOO_BIG;
		return 0;
	}
	r = kt_write_all(t->fd, data, len);
	if (r < 0) {
		t->stop = STOP_WRITE;
		t->write_errno = -r;
		return 0;
	}
	t->have += len;
	report(t, false);
	return len;
}

static long stall_timeout(void)
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

static int setup(struct transfer *t, struct kt_err *e)
{
	kt_auto(mem) char *proxy = NULL;
	long timeout = stall_timeout();
	CURL *c = t->curl;
	int r = kc_apt_proxy(t->o->url, &proxy, e);

	if (r < 0)
		return r;
	curl_easy_setopt(c, CURLOPT_URL, t->o->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https,file");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "ktstr-make/" KTSTR_VERSION);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT,
			 timeout < CONNECT_TIMEOUT_S ? timeout : (long)CONNECT_TIMEOUT_S);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, timeout);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->curl_text);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	if (proxy)
		curl_easy_setopt(c, CURLOPT_PROXY,
				 proxy); /* "" is: none, whatever the environment says */
	return 0;
}

static int write_failed(struct transfer *t, int errnum, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf size = { 0 };

	if (t->o->bytes)
		kt_format_size(&size, t->o->bytes);
	return kt_fail(e, KT_E_HOST, errnum, "write '%s' (%llu bytes so far%s%s)", t->o->path,
		       (unsigned long long)t->have, size.len ? " of " : "", kt_buf_str(&size));
}

static int start_over(struct transfer *t, struct kt_err *e)
{
	if (ftruncate(t->fd, 0) < 0 || lseek(t->fd, 0, SEEK_SET) < 0)
		return write_failed(t, errno, e);
	t->have = 0;
	return 0;
}

static int stopped_by_us(struct transfer *t, struct kt_err *e)
{
	if (t->stop == STOP_HTML)
		return kt_fail(
			e, KT_E_KERNEL, EPROTO,
			"'%s' answered with an HTML page instead of the file (a login page of the network, or a proxy's error?)",
			t->o->url);
	if (t->stop == STOP_TOO_BIG)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s': expected %s%llu bytes, found more",
			       t->o->url, t->o->bytes ? "" : "at most ",
			       (unsigned long long)(t->o->bytes ? t->o->bytes : t->o->max_bytes));
	return write_failed(t, t->write_errno, e);
}

static const char *curl_says(const struct transfer *t, CURLcode code)
{
	return t->curl_text[0] ? t->curl_text : curl_easy_strerror(code);
}

/* An answer other than the file. -EAGAIN: the server may think better of it. */
static int bad_status(struct transfer *t, long status, struct kt_err *e)
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
static int not_continued(struct transfer *t, struct kt_err *e)
{
	int r = start_over(t, e);

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

/*
 * What became of one attempt: 0 whole, -EAGAIN worth another one, else final. @e is set unless 0.
 */
static int judge(struct transfer *t, CURLcode code, struct kt_err *e)
{
	curl_off_t length = -1;
	long status = 0;

	if (t->stop)
		return stopped_by_us(t, e);
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 416 || code == CURLE_RANGE_ERROR)
		return not_continued(t, e);
	if (status >= 400)
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
	if (code == CURLE_OK && (!t->o->bytes || t->have == t->o->bytes || length >= 0))
		return 0;
	if (code == CURLE_OK)
		(void)kt_fail(e, KT_E_KERNEL, EHOSTUNREACH, "'%s' was cut after %llu bytes",
			      t->o->url, (unsigned long long)t->have);
	else if (t->have)
		(void)kt_fail(e, KT_E_KERNEL, EHOSTUNREACH, "'%s' was cut after %llu bytes: %s",
			      t->o->url, (unsigned long long)t->have, curl_says(t, code));
	else
		(void)kt_fail(e, KT_E_KERNEL, EHOSTUNREACH, "fetch '%s': %s", t->o->url,
			      curl_says(t, code));
	return -EAGAIN;
}

static int attempt(struct transfer *t, CURLcode *ret_code, struct kt_err *e)
{
	/* What is not checked by a sum must not be put together from two answers. */
	if (!t->o->sha256 && t->have) {
		int r = start_over(t, e);

		if (r < 0)
			return r;
	}
	t->start = t->have;
	t->began_ns = kt_now_ns();
	t->stop = STOP_NONE;
	t->curl_text[0] = '\0';
	curl_easy_setopt(t->curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)t->have);
	*ret_code = curl_easy_perform(t->curl);
	return judge(t, *ret_code, e);
}

static int transfer_all(struct transfer *t, struct kt_err *e)
{
	unsigned failures = 0;
	int delay = BACKOFF_MS;

	for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
		CURLcode code = CURLE_OK;
		bool connected;
		int r = attempt(t, &code, e);

		if (r != -EAGAIN)
			return r;
		connected = code != CURLE_COULDNT_RESOLVE_HOST &&
			    code != CURLE_COULDNT_RESOLVE_PROXY && code != CURLE_COULDNT_CONNECT;
		if (t->have > t->start) {
			failures = 0;
			delay = BACKOFF_MS;
		}
		failures++;
		if (failures >=
		    (connected ? (unsigned)FAILURES_MAX : (unsigned)CONNECT_FAILURES_MAX))
			break;
		kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG,
		       "fetch '%s': curl code %d after %llu bytes; trying again in %d ms",
		       t->o->url, (int)code, (unsigned long long)t->have, delay);
		(void)poll(NULL, 0, delay);
		delay = delay * 2 < BACKOFF_MAX_MS ? delay * 2 : BACKOFF_MAX_MS;
	}
	return -EHOSTUNREACH;
}

/* -EAGAIN: wrong bytes, but some came from an earlier download, so a whole one may be right. */
static int check(struct transfer *t, bool continued, struct kt_err *e)
{
	char found[KT_SHA256_HEX];
	int r;

	if (t->o->bytes && t->have != t->o->bytes) {
		if (continued)
			return -EAGAIN;
		(void)unlink(t->o->path);
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s': expected %llu bytes, found %llu",
			       t->o->url, (unsigned long long)t->o->bytes,
			       (unsigned long long)t->have);
	}
	if (!t->o->sha256)
		return 0;
	r = kt_sha256_file(t->o->path, found, e);
	if (r < 0 || kt_streq(found, t->o->sha256))
		return r;
	if (continued)
		return -EAGAIN;
	(void)unlink(t->o->path);
	return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s': expected sha256 %s, found %s", t->o->url,
		       t->o->sha256, found);
}

static int open_file(struct transfer *t, struct kt_err *e)
{
	off_t size;

	t->fd = open(t->o->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (t->fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "create '%s'", t->o->path);
	size = lseek(t->fd, 0, SEEK_END);
	if (size < 0)
		return kt_fail(e, KT_E_HOST, errno, "seek in '%s'", t->o->path);
	t->have = (uint64_t)size;
	if (t->have && (!t->o->bytes || t->have > t->o->bytes))
		return start_over(t, e);
	return 0;
}

static int fetch_checked(struct transfer *t, struct kt_err *e)
{
	for (int whole = 0;; whole++) {
		bool continued = t->have > 0;
		int r;

		if (!t->o->bytes || t->have < t->o->bytes) {
			r = transfer_all(t, e);
			if (r < 0)
				return r;
		}
		r = check(t, continued && !whole, e);
		if (r != -EAGAIN)
			return r;
		r = start_over(t, e);
		if (r < 0)
			return r;
	}
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

int kc_fetch(const struct kc_fetch_opts *o, struct kt_err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct transfer t = { .o = o, .fd = -1 };
	int r;

	pthread_once(&once, init_curl);
	if (o->bytes > o->max_bytes)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' has %llu bytes, the limit is %llu",
			       o->url, (unsigned long long)o->bytes,
			       (unsigned long long)o->max_bytes);
	announce(o);
	t.curl = curl_easy_init();
	if (!t.curl)
		return kt_fail(e, KT_E_HOST, ENOMEM, "start libcurl");
	r = setup(&t, e);
	if (r == 0)
		r = open_file(&t, e);
	if (r == 0)
		r = fetch_checked(&t, e);
	if (r == 0)
		report(&t, true);
	curl_easy_cleanup(t.curl);
	kt_cleanup_fd(&t.fd);
	return r;
}
