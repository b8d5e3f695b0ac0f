/* SPDX-License-Identifier: GPL-2.0-only */
/* Recording and rendering of errors, without allocating. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * Format into the free part of e->text, leaving room for @reserve bytes and the NUL. Returns the bytes used
 * without the NUL; sets *cut when the text did not fit.
 */
static size_t __attribute__((format(printf, 4, 0)))
format_frame(struct kt_err *e, size_t reserve, bool *cut, const char *fmt, va_list ap)
{
	size_t room = sizeof(e->text) - e->used;
	int n;

	room = room > reserve ? room - reserve : 0;
	*cut = true;
	if (room == 0)
		return 0;
	n = vsnprintf(e->text + e->used, room, fmt, ap);
	if (n < 0)
		return 0;
	if ((size_t)n >= room)
		return room - 1;
	*cut = false;
	return (size_t)n;
}

static void __attribute__((format(printf, 4, 0)))
record_root(struct kt_err *e, enum kt_kind kind, int errnum, const char *fmt, va_list ap)
{
	const char *reason = NULL;
	size_t reserve = 0, n;

	memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->errnum = errnum;
	if (kind == KT_E_HOST && errnum != 0) {
		reason = strerrordesc_np(errnum);
		if (!reason)
			reason = "unknown error number";
		reserve = strlen(reason) + 2;
	}
	n = format_frame(e, reserve, &e->truncated, fmt, ap);
	if (reason)
		n += (size_t)snprintf(e->text + n, sizeof(e->text) - n, ": %s", reason);
	e->frame[0] = 0;
	e->nr_frames = 1;
	e->used = n + 1;
}

int kt_fail_at(struct kt_err *e, enum kt_kind kind, int errnum, const char *file, int line,
	       const char *fmt, ...)
{
	va_list ap;

	if (e) {
		va_start(ap, fmt);
		record_root(e, kind, errnum, fmt, ap);
		va_end(ap);
		e->file = file;
		e->line = line;
	}
	return errnum > 0 ? -errnum : -EINVAL;
}

int kt_context(struct kt_err *e, int r, const char *fmt, ...)
{
	va_list ap;
	size_t n;
	bool cut;

	if (!e || r >= 0)
		return r;
	va_start(ap, fmt);
	if (e->nr_frames == 0) {
		record_root(e, KT_E_HOST, -r, fmt, ap);
	} else if (e->nr_frames == KT_ERR_FRAMES) {
		e->truncated = true;
	} else {
		n = format_frame(e, 0, &cut, fmt, ap);
		if (cut) {
			e->truncated = true;
		} else {
			e->frame[e->nr_frames++] = (unsigned short)e->used;
			e->used += n + 1;
		}
	}
	va_end(ap);
	return r;
}

static size_t append(char *buf, size_t size, size_t at, const char *s)
{
	size_t len = strlen(s);

	if (at + 1 >= size)
		return at;
	if (len > size - 1 - at)
		len = size - 1 - at;
	memcpy(buf + at, s, len);
	buf[at + len] = '\0';
	return at + len;
}

const char *kt_err_text(const struct kt_err *e, char *buf, size_t size)
{
	size_t at = 0;

	if (size == 0)
		return "";
	buf[0] = '\0';
	for (unsigned i = e->nr_frames; i-- > 0;) {
		at = append(buf, size, at, e->text + e->frame[i]);
		if (i > 0)
			at = append(buf, size, at, ": ");
	}
	if (e->truncated)
		append(buf, size, at, " [truncated]");
	return buf;
}
