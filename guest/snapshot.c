/* SPDX-License-Identifier: GPL-2.0-only */
/* Captures that programs in the guest ask for: lines in one FIFO, answers as lines in another, the host in between. */
#include "guest/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

static const uint64_t answer_limit_ns = 30 * GST_SEC;
/* An answer that nobody has read by then is nobody's: it must not be taken for that to the next request. */
static const uint64_t read_limit_ns = 5 * GST_SEC;
/*
 * While the host is at it, looks follow each other this soon. One sleep until the limit would be over at once in an emulated
 * machine that skips idle time; so many looks are not, since each costs the host work.
 */
static const uint64_t look_ns = 200000;
/* For a reader of the answer: it is in the guest, so sleeping costs it nothing. One that never comes must not cost the test either. */
static const uint64_t reader_look_ns = 2 * GST_MS;

/* Open at both ends: a reader that comes late, or goes, changes nothing. */
static int open_fifo(const char *path, int *ret_fd, struct kt_err *e)
{
	if (mkfifo(path, 0666) < 0 && errno != EEXIST)
		return kt_fail(e, KT_E_HOST, errno, "make FIFO '%s'", path);
	*ret_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return *ret_fd < 0 ? kt_fail(e, KT_E_HOST, errno, "open FIFO '%s'", path) : 0;
}

int gst_snapshots_open(struct gst_snapshots *s, struct kt_err *e)
{
	int r = open_fifo(GST_SNAPSHOT_PATH, &s->request_fd, e);

	return r < 0 ? r : open_fifo(GST_SNAPSHOT_DONE_PATH, &s->done_fd, e);
}

bool gst_snapshots_ready(const struct gst_snapshots *s)
{
	return s->request_fd >= 0 && s->pending_id == 0 && s->read_by_ns == 0;
}

uint64_t gst_snapshots_next_look(const struct gst_snapshots *s)
{
	if (s->pending_id)
		return look_ns;
	return s->read_by_ns ? reader_look_ns : UINT64_MAX;
}

static void __attribute__((format(printf, 2, 3)))
answer(struct gst_snapshots *s, const char *fmt, ...)
{
	char text[sizeof(((struct gst_snapshot_reply *)0)->reason) + 32];
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text) - 1, fmt, ap); /* a longer text is cut */
	va_end(ap);
	len = strlen(text);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ')
			text[i] = ' '; /* the host's reason, in one line */
	text[len++] = '\n';
	s->pending_id = 0;
	/* The FIFO is empty, so there is room. */
	if (write(s->done_fd, text, len) == (ssize_t)len)
		s->read_by_ns = kt_now_ns() + read_limit_ns;
}

static void look_for_reader(struct gst_snapshots *s)
{
	char text[256];
	int unread = 0;

	if (s->read_by_ns == 0)
		return;
	if (ioctl(s->done_fd, FIONREAD, &unread) < 0 || unread == 0) {
		s->read_by_ns = 0;
	} else if (kt_now_ns() >= s->read_by_ns) {
		while (read(s->done_fd, text, sizeof(text)) > 0)
			;
		s->read_by_ns = 0;
	}
}

/* All that the host wrote; what is not the answer that is waited for is of no use here. */
static void take_frames(struct gst_snapshots *s, struct gst_chan *c)
{
	static char payload[GST_FRAME_MAX];
	struct gst_snapshot_reply reply;
	struct gst_frame f;

	c->down_due = false;
	while (gst_ring_read(&c->down, &f, payload) == 1) {
		if (f.type != GST_F_SNRP || !f.crc_ok || f.len != sizeof(reply))
			continue;
		memcpy(&reply, payload, sizeof(reply));
		if (s->pending_id == 0 || reply.request_id != s->pending_id)
			continue;
		reply.reason[sizeof(reply.reason) - 1] = '\0';
		if (reply.status == GST_SNAPSHOT_OK)
			answer(s, "ok");
		else
			answer(s, "error: %s", reply.reason);
	}
}

static void ask(struct gst_snapshots *s, struct gst_chan *c, const char *tag)
{
	static const char watch[] = "watch ";
	struct gst_snapshot_request q = { .kind = GST_SNAPSHOT_CAPTURE };

	if (kt_starts_with(tag, watch)) {
		q.kind = GST_SNAPSHOT_WATCH;
		tag += strlen(watch);
	}
	if (++s->last_id >= GST_PERIODIC_FIRST_ID)
		s->last_id = 1;
	q.request_id = s->last_id;
	(void)kt_snprintf(q.tag, sizeof(q.tag), "%s", tag); /* as long, and checked */
	if (gst_chan_send_sure(c, GST_F_SNRQ, &q, sizeof(q)) < 0) {
		answer(s, "error: the host takes no requests");
		return;
	}
	s->pending_id = q.request_id;
	s->answer_by_ns = kt_now_ns() + answer_limit_ns;
}

static void take_request(struct gst_snapshots *s, struct gst_chan *c)
{
	char tag[sizeof(((struct gst_snapshot_request *)0)->tag)];
	ssize_t n;
	int r;

	if (s->nr_text < sizeof(s->text)) {
		n = read(s->request_fd, s->text + s->nr_text, sizeof(s->text) - s->nr_text);
		s->nr_text += n > 0 ? (size_t)n : 0;
	}
	r = gst_take_line(s->text, &s->nr_text, sizeof(s->text), tag, sizeof(tag));
	if (r == 0)
		return;
	if (r < 0)
		answer(s, "error: the name has more than %zu characters", sizeof(tag) - 1);
	else if (tag[0] == '\0')
		answer(s, "error: the name is empty");
	else
		ask(s, c, tag);
}

void gst_snapshots_serve(struct gst_snapshots *s, struct gst_chan *c)
{
	take_frames(s, c);
	if (s->pending_id && kt_now_ns() >= s->answer_by_ns)
		answer(s, "error: no answer");
	look_for_reader(s);
	if (gst_snapshots_ready(s))
		take_request(s, c);
}
