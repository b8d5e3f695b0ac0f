/* SPDX-License-Identifier: GPL-2.0-only */
/* Running a kernel's make: followed line by line, logged whole, never left behind. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "kernel-cache/build/internal.h"

enum {
	READ_BYTES = 64 << 10,
	PROGRESS_MS = 100,
	LEFT_BEHIND_MS = 5000, /* how long killed writers may take to be gone */
};
/* What make is told: the numbers that it sees the jobserver's pipe by. */
enum { JOBS_READ_FD = 3, JOBS_WRITE_FD = 4 };
#define NS_PER_MS UINT64_C(1000000)

struct run {
	const struct kc_make *m;
	struct kc_log *log;
	struct kc_output output;
	struct kc_eta eta;
	struct kt_proc proc;
	int out_fd;
	uint64_t reported_ns;
};

static void report(struct run *r, bool final)
{
	const struct kc_progress *p = r->m->progress;
	uint64_t now = kt_now_ns(), done = r->output.objects;
	double left;

	if (!p || !p->count || (!final && now - r->reported_ns < PROGRESS_MS * NS_PER_MS))
		return;
	r->reported_ns = now;
	left = kc_eta_update(&r->eta, done, r->m->estimate, now);
	p->count(p->ctx, done, final ? done : r->m->estimate, final ? 0 : left);
}

static void announce(const struct run *r, const struct kc_jobs *jobs)
{
	const struct kc_progress *p = r->m->progress;
	kt_auto(buf) struct kt_buf text = { 0 };

	kt_buf_addf(&text, "build %s with %s%s, %u jobs", r->m->who, r->m->toolchain->cc_text,
		    r->m->toolchain->ccache ? " through ccache" : "", jobs->total);
	if (p && p->step)
		p->step(p->ctx, kt_buf_str(&text));
}

static int make_argv(const struct kc_make *m, struct kt_strv *ret, struct kt_err *e)
{
	int r = kt_strv_add(ret, "make");

	r |= kt_strv_add(ret, "-C");
	r |= kt_strv_add(ret, m->src);
	r |= kt_strv_addf(ret, "O=%s", m->objects);
	r |= kt_strv_add(ret, "ARCH=" KC_ARCH);
	for (size_t i = 0; i < m->toolchain->make_args.nr; i++)
		r |= kt_strv_add(ret, m->toolchain->make_args.v[i]);
	r |= kt_strv_add(ret, "bzImage");
	return r < 0 ? kt_fail(e, KT_E_HOST, ENOMEM, "start make") : 0;
}

static int start(struct run *r, const struct kc_jobs *jobs, struct kt_err *e)
{
	const struct kt_proc_fd fds[] = { { jobs->read_fd, JOBS_READ_FD },
					  { jobs->write_fd, JOBS_WRITE_FD } };
	kt_auto(strv) struct kt_strv argv = { 0 }, env = { 0 };
	kt_auto(fd) int write_fd = -1;
	int pipe_fds[2], ret = make_argv(r->m, &argv, e);

	if (ret == 0)
		ret = kc_make_env(r->m->toolchain, r->m->src, r->m->o->keep_debug, &env, e);
	if (ret < 0)
		return ret;
	if (kt_strv_addf(&env, "MAKEFLAGS= -j%u --jobserver-auth=%d,%d", jobs->total, JOBS_READ_FD,
			 JOBS_WRITE_FD) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "start make");
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return kt_fail(e, KT_E_HOST, errno, "make a pipe");
	r->out_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	if (fcntl(r->out_fd, F_SETFL, O_NONBLOCK) < 0)
		return kt_fail(e, KT_E_HOST, errno, "set up a pipe");
	return kt_proc_start(&(struct kt_proc_opts){ .argv = (const char *const *)argv.v,
						     .env_set = (const char *const *)env.v,
						     .fds = fds,
						     .nr_fds = 2,
						     .stdout_fd = write_fd,
						     .stderr_fd = write_fd,
						     .guard = true },
			     &r->proc, e);
}

/* All that is there. At the end of the stream its descriptor is closed. */
static int drain(struct run *r, struct kt_err *e)
{
	kt_auto(mem) char *block = malloc(READ_BYTES);

	if (!block)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read what make says");
	while (r->out_fd >= 0) {
		ssize_t n = read(r->out_fd, block, READ_BYTES);
		int ret;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0) {
			kt_cleanup_fd(&r->out_fd);
			r->out_fd = -1;
			return 0;
		}
		ret = kc_log_write(r->log, block, (size_t)n, e);
		if (ret < 0)
			return ret;
		kc_output_feed(&r->output, block, (size_t)n);
		report(r, false);
	}
	return 0;
}

static int follow(struct run *r, struct kt_proc_end *ret, struct kt_err *e)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = r->proc.pidfd, .events = POLLIN },
			{ .fd = r->out_fd, .events = POLLIN },
		};
		int err;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return kt_fail(e, KT_E_HOST, errno, "wait for make");
		err = drain(r, e);
		if (err < 0)
			return err;
		if (p[0].revents) {
			err = kt_proc_wait(&r->proc, -1, ret, e);
			return err < 0 ? err : drain(r, e);
		}
	}
}

/* Whoever was killed still holds the pipe until it is gone, and until then may write into the object directory. */
static void wait_for_the_dead(struct run *r)
{
	uint64_t deadline = kt_now_ns() + LEFT_BEHIND_MS * NS_PER_MS;

	while (r->out_fd >= 0 && kt_now_ns() < deadline) {
		struct pollfd p = { .fd = r->out_fd, .events = POLLIN };

		if (poll(&p, 1, kt_poll_timeout(deadline)) > 0 && drain(r, NULL) < 0)
			return;
	}
}

static int fail_build(struct run *r, const struct kt_proc_end *end, struct kt_err *e)
{
	const struct kc_make *m = r->m;
	kt_auto(buf) struct kt_buf how = { 0 }, error = { 0 };

	if (r->output.disk_full)
		return kt_fail(
			e, KT_E_HOST, ENOSPC,
			"make ran out of disk, in '%s' or where its compilers keep temporary "
			"files ($TMPDIR, /tmp); the log is in '%s'",
			m->objects, m->log_zst);
	kt_proc_end_format(&how, end);
	kc_output_format(&r->output, &error);
	return kt_fail(e, KT_E_BUILD, end->signalled ? EINTR : EINVAL,
		       "make %s%s%s\n    the whole log: zstd -dc %s", kt_buf_str(&how),
		       r->output.killed ? ": something was killed, most likely because memory ran "
					  "out (fewer jobs need less: --jobs)"
		       : error.len      ? "; the first error:"
					: " without a word",
		       kt_buf_str(&error), m->log_zst);
}

static int build(struct run *r, const struct kc_jobs *jobs, struct kt_err *e)
{
	struct kt_proc_end end = { 0 };
	int ret = start(r, jobs, e);

	if (ret == 0)
		ret = follow(r, &end, e);
	if (ret < 0) {
		kt_proc_kill(&r->proc);
		wait_for_the_dead(r);
		return ret;
	}
	kc_output_end(&r->output);
	ret = kc_log_commit(r->log, e);
	if (ret == 0 && (end.signalled || end.code != 0))
		ret = fail_build(r, &end, e);
	return ret;
}

int kc_make_run(const struct kc_make *m, uint64_t *ret_objects, struct kt_err *e)
{
	struct run r = { .m = m, .proc = KT_PROC_NONE, .out_fd = -1 };
	struct kc_jobs jobs;
	int ret = kc_log_open(m->log_zst, &r.log, e);

	if (ret == 0)
		ret = kc_jobs_begin(m->o->jobs, &jobs, e);
	if (ret == 0) {
		announce(&r, &jobs);
		ret = build(&r, &jobs, e);
		kc_jobs_end(&jobs);
	}
	if (ret == 0) {
		report(&r, true);
		*ret_objects = r.output.objects;
	}
	kt_cleanup_fd(&r.out_fd);
	kc_output_done(&r.output);
	kc_log_free(r.log);
	return ret;
}
