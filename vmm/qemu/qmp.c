/* SPDX-License-Identifier: GPL-2.0-only */
/* QEMU's control channel: commands with their replies, and the events that come in between. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "vmm/qemu/internal.h"

/* A line is a few hundred bytes, "info mtree" of a big machine some ten thousand. */
#define LINE_MAX_BYTES (4U << 20)

void qmp_init(struct qmp *q, int fd)
{
	*q = (struct qmp){ .fd = fd, .next_id = 1, .limit_ns = QEMU_REPLY_LIMIT_NS };
}

void qmp_done(struct qmp *q)
{
	cJSON_Delete(q->reply);
	q->reply = NULL;
	kt_buf_done(&q->in);
	kt_cleanup_fd(&q->fd);
	q->fd = -1;
}

static void on_shutdown(struct qmp *q, const cJSON *event)
{
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(event, "data");
	const char *reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "reason"));

	if (!reason)
		reason = "unknown";
	(void)kt_snprintf(q->reason, sizeof(q->reason), "%s", reason); /* for people: may be cut */
	if (kt_streq(reason, "guest-shutdown"))
		q->shutdown = QMP_GUEST_SHUTDOWN;
	else if (kt_streq(reason, "guest-reset"))
		q->shutdown = QMP_GUEST_RESET;
	else
		q->shutdown = QMP_OTHER_SHUTDOWN;
}

/* Whatever is neither an event that we know nor the reply that is waited for is of no interest. */
static void on_message(struct qmp *q, cJSON *m)
{
	const char *event = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(m, "event"));
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(m, "id");

	if (event) {
		if (kt_streq(event, "SHUTDOWN"))
			on_shutdown(q, m);
		else if (kt_streq(event, "RESUME"))
			q->resumes++;
		else if (kt_streq(event, "STOP"))
			q->stops++;
	} else if (q->wanted_id && !q->reply && cJSON_IsNumber(id) &&
		   id->valuedouble == (double)q->wanted_id) {
		q->reply = m;
		return;
	}
	cJSON_Delete(m);
}

static void on_line(struct qmp *q, const char *line, size_t len)
{
	cJSON *m = cJSON_ParseWithLength(line, len);

	kt_log(KT_AREA_VMM, KT_TRACE, "qmp: %.*s", (int)(len < 400 ? len : 400), line);
	if (m)
		on_message(q, m);
	else
		kt_log(KT_AREA_VMM, KT_DEBUG, "qmp: a line of %zu bytes is not JSON; ignored", len);
}

void qmp_feed(struct qmp *q, const char *data, size_t len)
{
	const char *start, *end, *newline;

	kt_buf_add(&q->in, data, len);
	if (!kt_buf_ok(&q->in)) {
		q->closed = true;
		return;
	}
	start = kt_buf_str(&q->in);
	end = start + q->in.len;
	while ((newline = memchr(start, '\n', (size_t)(end - start)))) {
		if (newline > start)
			on_line(q, start, (size_t)(newline - start));
		start = newline + 1;
	}
	if ((size_t)(end - start) > LINE_MAX_BYTES) {
		q->closed = true;
		start = end;
	}
	if (start > q->in.data) {
		size_t rest = (size_t)(end - start);

		memmove(q->in.data, start, rest);
		q->in.len = rest;
		q->in.data[rest] = '\0';
	}
}

/* One read. -EAGAIN: nothing there. */
static int pump_once(struct qmp *q)
{
	char chunk[4096];
	ssize_t n;

	if (q->closed)
		return -EPIPE;
	n = recv(q->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0) {
		q->closed = true;
		return -EPIPE;
	}
	qmp_feed(q, chunk, (size_t)n);
	return 0;
}

void qmp_pump(struct qmp *q)
{
	int r;

	do
		r = pump_once(q);
	while (r == 0);
	if (r != -EAGAIN)
		q->closed = true;
}

static int does_not_answer(struct kt_err *e)
{
	return kt_fail(e, KT_E_TOOL, ETIMEDOUT, "QEMU does not answer");
}

/* Wait for input and take it. */
static int wait_input(struct qmp *q, uint64_t deadline_ns, struct kt_err *e)
{
	struct pollfd p = { .fd = q->fd, .events = POLLIN };
	int n;

	if (q->closed)
		return kt_fail(e, KT_E_TOOL, ENOTCONN, "QEMU has ended%s%s",
			       q->reason[0] ? ": " : "", q->reason);
	if (q->hung)
		return does_not_answer(e);
	n = poll(&p, 1, kt_poll_timeout(deadline_ns));
	if (n < 0 && errno != EINTR)
		return kt_fail(e, KT_E_HOST, errno, "wait for QEMU");
	if (n == 0 && kt_now_ns() >= deadline_ns) {
		q->hung = true;
		return does_not_answer(e);
	}
	qmp_pump(q);
	return 0;
}

static int send_text(struct qmp *q, const struct kt_buf *b, struct kt_err *e)
{
	size_t at = 0;
	ssize_t n;

	if (!kt_buf_ok(b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "make a command for QEMU");
	while (at < b->len) {
		n = send(q->fd, b->data + at, b->len - at, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return kt_fail(e, KT_E_TOOL, ENOTCONN, "QEMU has ended");
		if (n > 0)
			at += (size_t)n;
	}
	return 0;
}

static int send_command(struct qmp *q, const char *command, const char *monitor_line,
			struct kt_err *e)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	kt_json_init(&j, &b, false);
	kt_json_object_begin(&j, NULL);
	kt_json_str(&j, "execute", command);
	kt_json_u64(&j, "id", q->next_id++);
	if (monitor_line) {
		kt_json_object_begin(&j, "arguments");
		kt_json_str(&j, "command-line", monitor_line);
		kt_json_object_end(&j);
	}
	kt_json_object_end(&j);
	kt_json_finish(&j);
	kt_buf_addc(&b, '\n');
	return send_text(q, &b, e);
}

int qmp_hello(struct qmp *q, struct kt_err *e)
{
	return send_command(q, "qmp_capabilities", NULL, e);
}

static int take_reply(cJSON *reply, const char *command, char **ret_text, struct kt_err *e)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(reply, "error");
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(reply, "return");
	const char *text;

	if (error || !value) {
		text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "desc"));
		return kt_fail(e, KT_E_TOOL, EIO, "QEMU refused '%s': %s", command,
			       text ? text : "no reason given");
	}
	if (!ret_text)
		return 0;
	text = cJSON_GetStringValue(value);
	*ret_text = strdup(text ? text : "");
	return *ret_text ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "keep the reply to '%s'", command);
}

static int run(struct qmp *q, const char *command, const char *monitor_line, char **ret_text,
	       struct kt_err *e)
{
	const char *shown = monitor_line ? monitor_line : command;
	uint64_t deadline = kt_now_ns() + q->limit_ns;
	cJSON *reply;
	int r;

	q->wanted_id = q->next_id;
	/* An answer that comes late after all would be to a question that nobody asks any more. */
	r = q->hung ? does_not_answer(e) : send_command(q, command, monitor_line, e);
	while (r >= 0 && !q->reply)
		r = wait_input(q, deadline, e);
	reply = q->reply;
	q->reply = NULL;
	q->wanted_id = 0;
	if (reply)
		r = take_reply(reply, shown, ret_text, e);
	else
		r = kt_context(e, r, "ask QEMU to '%s'", shown);
	cJSON_Delete(reply);
	return r;
}

int qmp_command(struct qmp *q, const char *command, char **ret_text, struct kt_err *e)
{
	return run(q, command, NULL, ret_text, e);
}

int qmp_monitor(struct qmp *q, const char *line, char **ret_text, struct kt_err *e)
{
	return run(q, "human-monitor-command", line, ret_text, e);
}

int qmp_wait_resumed(struct qmp *q, uint64_t count, struct kt_err *e)
{
	uint64_t deadline = kt_now_ns() + q->limit_ns;
	int r = 0;

	while (r >= 0 && q->resumes < count)
		r = wait_input(q, deadline, e);
	return r;
}
