/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An HTTP server on 127.0.0.1 that misbehaves as it is told, for the tests of downloads.
 *
 * usage: faultd [--log FILE] [--proxy] DIR [RULE...]
 *
 * Serves DIR (GET, HEAD, single ranges, ETag with If-None-Match and If-Range; a directory whose path
 * ends in "/" as nginx's autoindex lists it), prints the port that it
 * listens on as the first line of stdout, and dies with its parent. RULE is PART=FAULT[:NUMBER][xTIMES]: requests whose path
 * contains PART get FAULT, the first TIMES of them (default: all). The first rule that fits and is
 * not used up counts.
 *
 *   cut:BYTES      close the connection after BYTES of the body
 *   stall:BYTES    send BYTES of the body, then nothing more, and keep the connection open
 *   slow:RATE      send RATE bytes of the body a second
 *   status:CODE    answer with that status and a small HTML page
 *   html           answer 200 with an HTML page
 *   wrong          flip one bit in the middle of the body
 *   norange        ignore Range
 *   noetag         Last-Modified and If-Modified-Since instead of ETags
 *   drop           close the connection without an answer
 *
 * --log FILE: one line a request, "METHOD PATH RANGE-START STATUS BODY-BYTES FAULT", written before
 * the answer is sent, so that a client that has its answer finds it there.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/str.h"

enum {
	RULES_MAX = 32,
	HEAD_BYTES = 8192,
	VALIDATOR_BYTES = 128,
	STEP_BYTES = 64 * 1024,
	SLICES = 10,
	HELD_MS = 600 * 1000
};

enum fault { OK, CUT, STALL, SLOW, STATUS, HTML, WRONG, NORANGE, DROP, NOETAG };
static const char *const fault_names[] = { "ok",   "cut",   "stall",   "slow", "status",
					   "html", "wrong", "norange", "drop", "noetag" };

struct rule {
	char *part;
	enum fault fault;
	uint64_t number;
	uint64_t left; /* UINT64_MAX: without end */
};

static struct {
	const char *dir;
	bool proxy; /* whole URLs are answered as if their host were ours */
	FILE *log;
	struct rule rules[RULES_MAX];
	size_t nr_rules;
	pthread_mutex_t mutex;
} server = { .mutex = PTHREAD_MUTEX_INITIALIZER };

struct request {
	int fd;
	char method[8];
	char path[1024];
	uint64_t from;
	bool ranged;
	char if_none_match[VALIDATOR_BYTES], if_range[VALIDATOR_BYTES];
	char if_modified_since[VALIDATOR_BYTES];
	struct rule rule; /* a copy; fault OK: none */
	unsigned status;
	uint64_t sent;
};

static bool parse_rule(const char *text, struct rule *r)
{
	kt_auto(mem) char *copy = strdup(text);
	char *fault = copy ? strchr(copy, '=') : NULL;
	char *times, *number;

	if (!fault)
		return false;
	*fault++ = '\0';
	times = strrchr(fault, 'x');
	r->left = UINT64_MAX;
	if (times && kt_parse_u64(times + 1, &r->left) == 0)
		*times = '\0';
	number = strchr(fault, ':');
	if (number) {
		*number++ = '\0';
		if (kt_parse_u64(number, &r->number) < 0)
			return false;
	}
	for (size_t i = 1; i < sizeof(fault_names) / sizeof(fault_names[0]); i++) {
		if (!kt_streq(fault, fault_names[i]))
			continue;
		r->fault = (enum fault)i;
		r->part = strdup(copy);
		return r->part != NULL;
	}
	return false;
}

static void take_rule(struct request *q)
{
	pthread_mutex_lock(&server.mutex);
	for (size_t i = 0; i < server.nr_rules; i++) {
		struct rule *r = &server.rules[i];

		if (!r->left || !strstr(q->path, r->part))
			continue;
		if (r->left != UINT64_MAX)
			r->left--;
		q->rule = *r;
		break;
	}
	pthread_mutex_unlock(&server.mutex);
}

static void log_request(const struct request *q)
{
	if (!server.log)
		return;
	pthread_mutex_lock(&server.mutex);
	fprintf(server.log, "%s %s %llu %u %llu %s\n", q->method, q->path,
		(unsigned long long)q->from, q->status, (unsigned long long)q->sent,
		fault_names[q->rule.fault]);
	fflush(server.log);
	pthread_mutex_unlock(&server.mutex);
}

/* The value of one header field; "" when it is not there. */
static void read_field(const char *head, const char *name, char *ret, size_t size)
{
	kt_auto(mem) char *start = kt_fmt("\r\n%s: ", name);
	const char *p = start ? strcasestr(head, start) : NULL;

	ret[0] = '\0';
	if (!p)
		return;
	p += strlen(start);
	(void)kt_snprintf(ret, size, "%.*s", (int)strcspn(p, "\r"), p);
}

static void drop_origin(char *path)
{
	char *host = strstr(path, "://");
	char *rest = host ? strchr(host + 3, '/') : NULL;

	if (rest)
		memmove(path, rest, strlen(rest) + 1);
}

static bool read_head(struct request *q)
{
	char head[HEAD_BYTES];
	size_t len = 0;
	char *range;

	for (;;) {
		ssize_t n = recv(q->fd, head + len, sizeof(head) - 1 - len, 0);

		if (n <= 0)
			return false;
		len += (size_t)n;
		head[len] = '\0';
		if (strstr(head, "\r\n\r\n"))
			break;
		if (len == sizeof(head) - 1)
			return false;
	}
	if (sscanf(head, "%7s %1023s", q->method, q->path) != 2)
		return false;
	if (server.proxy)
		drop_origin(q->path);
	read_field(head, "If-None-Match", q->if_none_match, sizeof(q->if_none_match));
	read_field(head, "If-Modified-Since", q->if_modified_since, sizeof(q->if_modified_since));
	read_field(head, "If-Range", q->if_range, sizeof(q->if_range));
	range = strcasestr(head, "\r\nRange: bytes=");
	if (range) {
		range += strlen("\r\nRange: bytes=");
		range[strcspn(range, "-\r")] = '\0';
		q->ranged = kt_parse_u64(range, &q->from) == 0;
	}
	return true;
}

static bool send_all(struct request *q, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(q->fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static void send_page(struct request *q, unsigned status, const char *reason)
{
	kt_auto(buf) struct kt_buf head = { 0 }, page = { 0 };

	q->status = status;
	kt_buf_addf(&page, "<!DOCTYPE html>\n<html><body><h1>%u %s</h1></body></html>\n", status,
		    reason);
	kt_buf_addf(
		&head,
		"HTTP/1.1 %u %s\r\nContent-Type: text/html\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		status, reason, page.len);
	q->sent = page.len;
	log_request(q);
	if (send_all(q, kt_buf_str(&head), head.len))
		(void)send_all(q, kt_buf_str(&page), page.len); /* who hangs up does not want it */
}

/* Until the peer has enough of it. */
static void hold(const struct request *q)
{
	struct pollfd p = { .fd = q->fd, .events = POLLRDHUP };

	(void)poll(&p, 1, HELD_MS);
}

/* Where the body ends, given what is to go wrong. */
static uint64_t body_end(const struct request *q, uint64_t size)
{
	bool cut = q->rule.fault == CUT || q->rule.fault == STALL;

	return cut && q->rule.number < size - q->from ? q->from + q->rule.number : size;
}

static void send_body(struct request *q, int file, uint64_t size)
{
	kt_auto(mem) char *step = malloc(STEP_BYTES);
	uint64_t end = body_end(q, size), at = q->from;
	enum fault fault = q->rule.fault;

	while (step && at < end) {
		uint64_t part = end - at < STEP_BYTES ? end - at : STEP_BYTES;
		ssize_t n;

		if (fault == SLOW && part > q->rule.number / SLICES + 1)
			part = q->rule.number / SLICES + 1;
		n = pread(file, step, part, (off_t)at);
		if (n <= 0)
			return;
		if (fault == WRONG && size / 2 >= at && size / 2 < at + (uint64_t)n)
			step[size / 2 - at] ^= 1;
		if (!send_all(q, step, (size_t)n))
			return;
		at += (uint64_t)n;
		if (fault == SLOW)
			(void)poll(NULL, 0, 1000 / SLICES);
	}
	if (fault == STALL)
		hold(q);
}

/* What tells this file from the next of its name; tests write faster than the clock of a file system ticks in seconds. */
static void make_validators(const struct stat *st, char etag[static VALIDATOR_BYTES],
			    char modified[static VALIDATOR_BYTES])
{
	struct tm tm;

	(void)kt_snprintf(etag, VALIDATOR_BYTES, "\"%llx-%lx-%llx\"",
			  (unsigned long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
			  (unsigned long long)st->st_size);
	gmtime_r(&st->st_mtim.tv_sec, &tm);
	(void)strftime(modified, VALIDATOR_BYTES, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static void send_not_modified(struct request *q, const char *validator)
{
	kt_auto(buf) struct kt_buf head = { 0 };

	q->status = 304;
	log_request(q);
	kt_buf_addf(&head, "HTTP/1.1 304 Not Modified\r\n%s\r\nConnection: close\r\n\r\n",
		    validator);
	(void)send_all(q, kt_buf_str(&head), head.len); /* who hangs up does not want it */
}

static void send_whole(struct request *q, int file, uint64_t size, const char *validator)
{
	kt_auto(buf) struct kt_buf head = { 0 };

	if (!q->ranged)
		q->from = 0;
	if (q->ranged && q->from >= size) {
		send_page(q, 416, "Range Not Satisfiable");
		return;
	}
	q->status = q->ranged ? 206 : 200;
	kt_buf_addf(
		&head,
		"HTTP/1.1 %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %llu\r\n",
		q->ranged ? "206 Partial Content" : "200 OK", (unsigned long long)(size - q->from));
	if (q->ranged)
		kt_buf_addf(&head, "Content-Range: bytes %llu-%llu/%llu\r\n",
			    (unsigned long long)q->from, (unsigned long long)size - 1,
			    (unsigned long long)size);
	kt_buf_addf(&head, "%s\r\nAccept-Ranges: bytes\r\nConnection: close\r\n\r\n", validator);
	q->sent = body_end(q, size) - q->from;
	log_request(q);
	if (send_all(q, kt_buf_str(&head), head.len) && !kt_streq(q->method, "HEAD"))
		send_body(q, file, size);
}

static void send_found(struct request *q, int file, const struct stat *st)
{
	char etag[VALIDATOR_BYTES], modified[VALIDATOR_BYTES], line[VALIDATOR_BYTES + 32];
	bool by_date = q->rule.fault == NOETAG;

	make_validators(st, etag, modified);
	(void)kt_snprintf(line, sizeof(line), "%s: %s", by_date ? "Last-Modified" : "ETag",
			  by_date ? modified : etag);
	if (kt_streq(by_date ? q->if_modified_since : q->if_none_match,
		     by_date ? modified : etag)) {
		send_not_modified(q, line);
		return;
	}
	if (q->rule.fault == NORANGE || (q->if_range[0] && !kt_streq(q->if_range, etag)))
		q->ranged = false;
	send_whole(q, file, (uint64_t)st->st_size, line);
}

/* As nginx's autoindex prints a directory. */
static void send_listing(struct request *q, const char *path)
{
	kt_auto(buf) struct kt_buf head = { 0 }, page = { 0 };
	struct dirent **names = NULL;
	int nr = scandir(path, &names, NULL, alphasort);

	kt_buf_addf(
		&page,
		"<html>\r\n<head><title>Index of %s</title></head>\r\n<body>\r\n<h1>Index of %s</h1><hr><pre><a href=\"../\">../</a>\r\n",
		q->path, q->path);
	for (int i = 0; i < nr; i++) {
		if (names[i]->d_name[0] != '.')
			kt_buf_addf(
				&page,
				"<a href=\"%s\">%s</a>                 01-Aug-2025 10:00           147906904\r\n",
				names[i]->d_name, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	kt_buf_adds(&page, "</pre><hr></body>\r\n</html>\r\n");
	kt_buf_addf(
		&head,
		"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		page.len);
	q->status = 200;
	q->sent = page.len;
	log_request(q);
	if (send_all(q, kt_buf_str(&head), head.len))
		(void)send_all(q, kt_buf_str(&page), page.len); /* who hangs up does not want it */
}

static void send_file(struct request *q)
{
	kt_auto(mem) char *path = kt_fmt("%s%s", server.dir, q->path);
	kt_auto(fd) int file = path && !strstr(q->path, "..") ? open(path, O_RDONLY | O_CLOEXEC)
							      : -1;
	struct stat st;
	bool there = file >= 0 && fstat(file, &st) == 0;

	if (there && S_ISREG(st.st_mode))
		send_found(q, file, &st);
	else if (there && S_ISDIR(st.st_mode) && kt_ends_with(q->path, "/"))
		send_listing(q, path);
	else
		send_page(q, 404, "Not Found");
}

static void *serve(void *arg)
{
	struct request q = { .fd = (int)(intptr_t)arg };

	if (read_head(&q)) {
		take_rule(&q);
		if (q.rule.fault == STATUS)
			send_page(&q, (unsigned)q.rule.number, "As Told");
		else if (q.rule.fault == HTML)
			send_page(&q, 200, "Please Log In");
		else if (q.rule.fault != DROP)
			send_file(&q);
		else
			log_request(&q);
	}
	close(q.fd);
	return NULL;
}

static int listen_anywhere(unsigned *ret_port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) < 0 || listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return -1;
	*ret_port = ntohs(addr.sin_port);
	return fd;
}

static int usage(const char *what)
{
	fprintf(stderr,
		"faultd: %s; usage: faultd [--log FILE] [--proxy] DIR [PART=FAULT[:NUMBER][xTIMES]...]\n",
		what);
	return 2;
}

static const char *read_arguments(int argc, char **argv)
{
	int i = 1;

	if (i + 1 < argc && kt_streq(argv[i], "--log")) {
		server.log = fopen(argv[i + 1], "ae");
		if (!server.log)
			return "cannot open the log";
		i += 2;
	}
	if (i < argc && kt_streq(argv[i], "--proxy")) {
		server.proxy = true;
		i++;
	}
	if (i >= argc)
		return "no directory";
	server.dir = argv[i++];
	for (; i < argc; i++) {
		if (server.nr_rules == RULES_MAX ||
		    !parse_rule(argv[i], &server.rules[server.nr_rules]))
			return argv[i];
		server.nr_rules++;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const char *bad = read_arguments(argc, argv);
	unsigned port;
	int fd;

	if (bad)
		return usage(bad);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = listen_anywhere(&port);
	if (fd < 0) {
		perror("faultd: listen");
		return 1;
	}
	printf("%u\n", port);
	fflush(stdout);
	for (;;) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		pthread_t thread;

		if (peer < 0)
			continue;
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)peer) != 0)
			close(peer);
		else
			pthread_detach(thread);
	}
}
