/* SPDX-License-Identifier: GPL-2.0-only */
/* A cell's log files: bounded, never without their end. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "driver/cell/parts.h"

/* ---- the last bytes ---- */

void cell_tail_add(struct cell_tail *t, const void *data, size_t len)
{
	const char *p = data;

	if (len > t->keep) {
		t->dropped += t->b.len + len - t->keep;
		p += len - t->keep;
		len = t->keep;
		kt_buf_reset(&t->b);
	} else if (t->b.len + len > 2 * t->keep) {
		size_t cut = t->b.len + len - t->keep;

		/* Moving once a @keep bytes, not at each addition. */
		memmove(t->b.data, t->b.data + cut, t->b.len - cut);
		t->b.len -= cut;
		t->dropped += cut;
	}
	kt_buf_add(&t->b, p, len);
}

/* ---- files ---- */

int cell_log_open(struct cell_log *l, const char *dir, const char *name,
		  const struct cell_log_limits *limits, struct kt_err *e)
{
	*l = (struct cell_log)CELL_LOG_NONE;
	l->head_max = limits && limits->head_max ? limits->head_max : CELL_LOG_HEAD;
	l->rest.keep = limits && limits->tail_max ? limits->tail_max : CELL_LOG_TAIL;
	l->last.keep = CELL_LOG_LAST;
	l->path = kt_fmt("%s/%s", dir, name);
	if (!l->path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "name the log '%s'", name);
	l->fd = open(l->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (l->fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "create '%s'", l->path);
	return 0;
}

static void write_out(struct cell_log *l, const void *data, size_t len)
{
	int r;

	if (l->fd < 0 || l->error)
		return;
	r = kt_write_all(l->fd, data, len);
	if (r < 0)
		l->error = -r;
}

void cell_log_add(struct cell_log *l, const void *data, size_t len)
{
	size_t head = len;

	cell_tail_add(&l->last, data, len);
	if (head > l->head_max - l->head)
		head = (size_t)(l->head_max - l->head);
	if (head) {
		write_out(l, data, head);
		l->head += head;
	}
	if (len > head)
		cell_tail_add(&l->rest, (const char *)data + head, len - head);
}

/* What is kept beyond the head may begin within a line; the marker stands on lines of its own. */
static void write_rest(struct cell_log *l)
{
	size_t extra = l->rest.b.len > l->rest.keep ? l->rest.b.len - l->rest.keep : 0;
	unsigned long long left_out = l->rest.dropped + extra;
	kt_auto(buf) struct kt_buf mark = { 0 };

	if (left_out) {
		kt_buf_addf(&mark, "\n[ktstr: %llu bytes are left out here]\n", left_out);
		write_out(l, mark.data, mark.len);
	}
	write_out(l, l->rest.b.data + extra, l->rest.b.len - extra);
}

int cell_log_close(struct cell_log *l, struct kt_err *e)
{
	int error;

	if (l->fd < 0)
		return 0;
	if (l->rest.b.len)
		write_rest(l);
	error = l->error;
	if (close(l->fd) < 0 && !error)
		error = errno;
	l->fd = -1;
	kt_buf_done(&l->rest.b);
	if (error)
		return kt_fail(e, KT_E_HOST, error, "write '%s' (%llu bytes so far)", l->path,
			       (unsigned long long)l->head);
	return 0;
}

void cell_log_done(struct cell_log *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l->path);
	kt_buf_done(&l->rest.b);
	kt_buf_done(&l->last.b);
	*l = (struct cell_log)CELL_LOG_NONE;
}

/* ---- lines ---- */

static void end_line(struct cell_lines *l, void (*line)(void *ctx, char *text), void *ctx)
{
	while (l->len && l->text[l->len - 1] == '\r')
		l->len--;
	l->text[l->len] = '\0';
	l->len = 0;
	line(ctx, l->text);
}

void cell_lines_feed(struct cell_lines *l, const void *data, size_t len,
		     void (*line)(void *ctx, char *text), void *ctx)
{
	const char *p = data;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\n')
			end_line(l, line, ctx);
		else if (l->len < sizeof(l->text) - 1)
			l->text[l->len++] = p[i] ? p[i] : ' ';
	}
}
