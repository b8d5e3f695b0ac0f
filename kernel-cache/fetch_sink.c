/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the bytes of a download go: its file, its checksum, and whoever reads along. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/parse.h"
#include "kernel-cache/fetch.h"

enum { STEP_BYTES = 256 * 1024 };

static int failed(const struct kc_sink *s, int errnum, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf size = { 0 };

	if (s->o->bytes)
		kt_format_size(&size, s->o->bytes);
	return kt_fail(e, KT_E_HOST, errnum, "write '%s' (%llu bytes so far%s%s)", s->o->path,
		       (unsigned long long)s->have, size.len ? " of " : "", kt_buf_str(&size));
}

static int tell(struct kc_sink *s, const void *data, size_t len, struct kt_err *e)
{
	bool restart = s->restarted;

	s->restarted = false;
	s->told = true;
	return s->o->tee(s->o->tee_ctx, data, len, restart, e);
}

static int hand_on(struct kc_sink *s, const void *data, size_t len, struct kt_err *e)
{
	if (s->o->sha256)
		kt_sha256_add(&s->sha, data, len);
	return s->o->tee ? tell(s, data, len, e) : 0;
}

int kc_sink_write(struct kc_sink *s, const void *data, size_t len, struct kt_err *e)
{
	int r = kt_write_all(s->fd, data, len);

	if (r < 0)
		return failed(s, -r, e);
	s->have += len;
	return hand_on(s, data, len, e);
}

int kc_sink_restart(struct kc_sink *s, struct kt_err *e)
{
	if (ftruncate(s->fd, 0) < 0 || lseek(s->fd, 0, SEEK_SET) < 0)
		return failed(s, errno, e);
	s->have = 0;
	s->restarted = s->told;
	kt_sha256_init(&s->sha);
	return 0;
}

/* What is in the file already; leaves the file's position at its end. */
static int read_again(struct kc_sink *s, struct kt_err *e)
{
	kt_auto(mem) char *step = malloc(STEP_BYTES);

	if (!step)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", s->o->path);
	for (;;) {
		ssize_t n = read(s->fd, step, STEP_BYTES);
		int r;

		if (n < 0)
			return kt_fail(e, KT_E_HOST, errno, "read '%s'", s->o->path);
		if (n == 0)
			return 0;
		s->have += (uint64_t)n;
		r = hand_on(s, step, (size_t)n, e);
		if (r < 0)
			return r;
	}
}

int kc_sink_open(struct kc_sink *s, const struct kc_fetch_opts *o, struct kt_err *e)
{
	uint64_t limit = o->bytes ? o->bytes : o->max_bytes;
	off_t size;

	s->o = o;
	kt_sha256_init(&s->sha);
	s->fd = open(o->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (s->fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "create '%s'", o->path);
	size = lseek(s->fd, 0, SEEK_END);
	if (size < 0)
		return kt_fail(e, KT_E_HOST, errno, "seek in '%s'", o->path);
	if ((uint64_t)size > limit || (!o->sha256 && !(o->etag && *o->etag)))
		return kc_sink_restart(s, e);
	if (!o->sha256) {
		s->have = (uint64_t)size; /* stays as it is until an answer replaces it */
		return 0;
	}
	if (lseek(s->fd, 0, SEEK_SET) < 0)
		return kt_fail(e, KT_E_HOST, errno, "seek in '%s'", o->path);
	return read_again(s, e);
}

int kc_sink_finish(struct kc_sink *s, struct kt_err *e)
{
	return s->restarted ? tell(s, "", 0, e) : 0;
}

void kc_sink_sum(const struct kc_sink *s, char ret[static KT_SHA256_HEX])
{
	struct kt_sha256 so_far = s->sha;

	kt_sha256_hex(&so_far, ret);
}

void kc_sink_done(struct kc_sink *s)
{
	kt_cleanup_fd(&s->fd);
}
