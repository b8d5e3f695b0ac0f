/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * git:// and ssh as libgit2 speaks them, with one thing put right: libgit2 1.7 and 1.8 begin what they say after
 * "deepen" with all that they said up to there, and the server then hangs up (libgit2 issue 7105, right in 1.9). So no
 * short history would be had of such servers. Over http each request stands alone, and there it must be so.
 */
#include <git2/sys/transport.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/source/git.h"

enum { LENGTH_DIGITS = 4 };

struct wire {
	git_smart_subtransport base;
	git_smart_subtransport *inner;
	struct stream *stream;
};

struct stream {
	git_smart_subtransport_stream base;
	git_smart_subtransport_stream *inner;
	struct kt_buf said; /* the last time */
};

static int stream_read(git_smart_subtransport_stream *base, char *buffer, size_t size, size_t *ret)
{
	struct stream *s = (struct stream *)base;

	return s->inner->read(s->inner, buffer, size, ret);
}

static bool is_said_again(const struct stream *s, const char *data, size_t len)
{
	return s->said.len > LENGTH_DIGITS && len > s->said.len &&
	       kt_starts_with(s->said.data + LENGTH_DIGITS, "want ") &&
	       memcmp(data, s->said.data, s->said.len) == 0;
}

static int stream_write(git_smart_subtransport_stream *base, const char *data, size_t len)
{
	struct stream *s = (struct stream *)base;

	if (is_said_again(s, data, len)) {
		data += s->said.len;
		len -= s->said.len;
	}
	kt_buf_reset(&s->said);
	kt_buf_add(&s->said, data, len);
	if (!kt_buf_ok(&s->said)) {
		git_error_set_oom();
		return GIT_ERROR;
	}
	return s->inner->write(s->inner, data, len);
}

static void stream_free(git_smart_subtransport_stream *base)
{
	struct stream *s = (struct stream *)base;
	struct wire *w = (struct wire *)base->subtransport;

	if (w->stream == s)
		w->stream = NULL;
	s->inner->free(s->inner);
	kt_buf_done(&s->said);
	free(s);
}

static int wire_action(git_smart_subtransport_stream **ret, git_smart_subtransport *base,
		       const char *url, git_smart_service_t action)
{
	struct wire *w = (struct wire *)base;
	git_smart_subtransport_stream *inner = NULL;
	struct stream *s;
	int r = w->inner->action(&inner, w->inner, url, action);

	if (r < 0)
		return r;
	if (!w->stream || w->stream->inner != inner) {
		s = calloc(1, sizeof(*s));
		if (!s) {
			git_error_set_oom();
			return GIT_ERROR;
		}
		s->base = (git_smart_subtransport_stream){ &w->base, stream_read, stream_write,
							   stream_free };
		s->inner = inner;
		w->stream = s;
	}
	*ret = &w->stream->base;
	return 0;
}

static int wire_close(git_smart_subtransport *base)
{
	struct wire *w = (struct wire *)base;

	return w->inner->close(w->inner);
}

static void wire_free(git_smart_subtransport *base)
{
	struct wire *w = (struct wire *)base;

	w->inner->free(w->inner);
	free(w);
}

static int wire_make(git_smart_subtransport **ret, git_transport *owner,
		     int (*make_inner)(git_smart_subtransport **, git_transport *, void *))
{
	struct wire *w = calloc(1, sizeof(*w));
	int r;

	if (!w) {
		git_error_set_oom();
		return GIT_ERROR;
	}
	w->base = (git_smart_subtransport){ wire_action, wire_close, wire_free };
	r = make_inner(&w->inner, owner, NULL);
	if (r < 0) {
		free(w);
		return r;
	}
	*ret = &w->base;
	return 0;
}

static int make_git(git_smart_subtransport **ret, git_transport *owner, void *ctx)
{
	(void)ctx;
	return wire_make(ret, owner, git_smart_subtransport_git);
}

static int make_ssh(git_smart_subtransport **ret, git_transport *owner, void *ctx)
{
	(void)ctx;
	return wire_make(ret, owner, git_smart_subtransport_ssh);
}

/* By the URL that the connection is made to: insteadOf may have changed the scheme. */
int kc_git_transport(git_transport **ret, git_remote *owner, void *ctx)
{
	git_smart_subtransport_definition d = { .callback = make_ssh, .rpc = 0, .param = NULL };
	const char *url = git_remote_url(owner);

	(void)ctx;
	if (kt_starts_with(url, "git://"))
		d.callback = make_git;
	else if (!kt_starts_with(url, "ssh://") && (strstr(url, "://") || *url == '/'))
		return git_transport_new(ret, owner, url);
	return git_transport_smart(ret, owner, &d);
}
