/* SPDX-License-Identifier: GPL-2.0-only */
/* Run a scheduler's build command for one kernel. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"
#include "driver/run.h"

enum {
	TAIL_BYTES = 4096,
	TAIL_LINES = 12,
	READ_BYTES = 16 << 10,
	READS_A_TURN = 16,
	REDRAW_MS = 200,
	ERROR_TAIL_BYTES = 600
};

/* The command while it runs: its output goes on, and the last of it is kept. */
struct build {
	struct drv_run *run;
	const struct drv_build_opts *o;
	struct drv_signals *signals;
	struct kt_proc proc;
	int out_fd;
	struct kt_buf tail;
	uint64_t started_ns;
	bool interrupted;
};

static int make_env(const struct drv_build_opts *o, struct kt_strv *ret)
{
	/*
	 * What a make that runs us says to makes of its own: its jobserver is closed to the
	 * command, and the variables of its command line (O=, SAN=) are not meant for it.
	 */
	static const char *const of_outer_make[] = { "MAKEFLAGS", "MFLAGS", "MAKELEVEL",
						     "MAKEOVERRIDES" };
	const struct kc_entry *k = o->kernel;
	const char *vmlinux = k->vmlinux ? k->vmlinux : "";

	for (size_t i = 0; i < sizeof(of_outer_make) / sizeof(of_outer_make[0]); i++) {
		if (kt_strv_add(ret, of_outer_make[i]) < 0)
			return -ENOMEM;
	}
	/* vmlinux carries the kernel's BTF: both names are the same file. */
	if (kt_strv_addf(ret, "KTSTR_VMLINUX=%s", vmlinux) < 0 ||
	    kt_strv_addf(ret, "KTSTR_BTF=%s", vmlinux) < 0 ||
	    kt_strv_addf(ret, "KTSTR_OUT=%s", o->build_dir) < 0 ||
	    kt_strv_addf(ret, "KTSTR_KERNEL_RELEASE=%s", k->release) < 0)
		return -ENOMEM;
	/* Without "=": taken out of the environment, so that an outer one is never mistaken for it. */
	if (o->kernel_source)
		return kt_strv_addf(ret, "KTSTR_KERNEL_SOURCE=%s", o->kernel_source);
	return kt_strv_add(ret, "KTSTR_KERNEL_SOURCE");
}

static int start(struct build *b, struct kt_err *e)
{
	const char *const argv[] = { "/bin/sh", "-c", b->o->scheduler->build, NULL };
	kt_auto(strv) struct kt_strv env = { 0 };
	kt_auto(fd) int write_fd = -1;
	struct kt_proc_opts po;
	int fds[2];

	if (make_env(b->o, &env) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "set up the environment");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return kt_fail(e, KT_E_HOST, errno, "create a pipe");
	b->out_fd = fds[0];
	write_fd = fds[1];
	if (fcntl(b->out_fd, F_SETFL, O_NONBLOCK) < 0)
		return kt_fail(e, KT_E_HOST, errno, "set up a pipe");
	po = (struct kt_proc_opts){
		.argv = argv,
		.env_set = (const char *const *)env.v,
		.cwd = b->o->project_dir,
		.stdout_fd = write_fd,
		.stderr_fd = write_fd,
		.guard = true,
	};
	return kt_proc_start(&po, &b->proc, e);
}

/* With --no-capture or -v the command's words are shown as they come; else only when it fails. */
static bool shows_output(const struct build *b)
{
	return b->run->no_capture || b->run->ctx->globals.verbose;
}

/* Bounded, so that a command that never stops talking can be interrupted. */
static void drain(struct build *b)
{
	static char block[READ_BYTES];
	ssize_t n;

	for (int i = 0; i < READS_A_TURN && b->out_fd >= 0; i++) {
		n = read(b->out_fd, block, sizeof(block));
		if (n <= 0)
			return;
		kt_buf_add(&b->tail, block, (size_t)n);
		if (shows_output(b)) {
			kt_auto(buf) struct kt_buf shown = { 0 };

			kt_buf_add_printable(&shown, block, (size_t)n);
			drv_term_clear(&b->run->ctx->term);
			fputs(kt_buf_str(&shown), stderr);
		}
		if (b->tail.len > 2 * TAIL_BYTES) {
			memmove(b->tail.data, b->tail.data + b->tail.len - TAIL_BYTES, TAIL_BYTES);
			b->tail.len = TAIL_BYTES;
			b->tail.data[TAIL_BYTES] = '\0';
		}
	}
}

static void show_progress(struct build *b)
{
	kt_auto(buf) struct kt_buf line = { 0 };

	if (!b->run->ctx->term.live || shows_output(b))
		return;
	kt_buf_addf(&line, "build %s for %s %.0f s", b->o->scheduler->name, b->o->kernel->release,
		    (double)(kt_now_ns() - b->started_ns) / 1e9);
	drv_term_status(&b->run->ctx->term, kt_buf_str(&line));
}

static int follow(struct build *b, struct kt_proc_end *ret, struct kt_err *e)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = b->proc.pidfd, .events = POLLIN },
			{ .fd = b->out_fd, .events = POLLIN },
			{ .fd = b->signals->fd, .events = POLLIN },
		};
		unsigned stops;

		show_progress(b);
		if (poll(p, 3, b->run->ctx->term.live ? REDRAW_MS : -1) < 0 && errno != EINTR)
			return kt_fail(e, KT_E_HOST, errno, "wait for the build");
		drain(b);
		stops = drv_signals_take(b->signals, &b->run->ctx->term);
		if (stops) {
			/* Once asks its whole group to stop, again kills it. */
			kt_proc_signal(&b->proc, b->interrupted || stops > 1 ? SIGKILL : SIGTERM);
			b->interrupted = true;
		}
		/*
		 * All writers are gone but the process is not ("make >log"): nothing more to read,
		 * and poll would not sleep.
		 */
		if ((p[1].revents & POLLHUP) && !(p[1].revents & POLLIN)) {
			kt_cleanup_fd(&b->out_fd);
			b->out_fd = -1;
		}
		if (p[0].revents) {
			drain(b);
			return kt_proc_wait(&b->proc, -1, ret, e);
		}
	}
}

/* The last lines, cut to what an error can carry, each indented. */
static void add_tail(struct kt_buf *to, const struct kt_buf *tail)
{
	const char *start, *end;
	int lines = 0;

	if (!tail->len)
		return;
	end = tail->data + tail->len;
	while (end > tail->data && end[-1] == '\n')
		end--;
	for (start = end; start > tail->data && end - start < ERROR_TAIL_BYTES; start--) {
		if (start[-1] == '\n' && ++lines == TAIL_LINES)
			break;
	}
	while (start < end) {
		size_t len = (size_t)(end - start), line;
		const char *newline = memchr(start, '\n', len);

		line = newline ? (size_t)(newline - start) : len;
		kt_buf_adds(to, "\n    ");
		kt_buf_add(to, start, line);
		start += line + (newline != NULL);
	}
}

static int fail_build(const struct build *b, const struct kt_proc_end *end, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf how = { 0 };
	kt_auto(buf) struct kt_buf tail = { 0 };

	kt_proc_end_format(&how, end);
	/* Whoever just saw all of it needs no second look; an event on stdout is read without it. */
	if (!shows_output(b) || b->run->json)
		add_tail(&tail, &b->tail);
	return kt_fail(e, KT_E_BUILD, EINVAL,
		       "the build command of scheduler '%s' for kernel %s %s: %s%s",
		       b->o->scheduler->name, b->o->kernel->release, kt_buf_str(&how),
		       b->o->scheduler->build, kt_buf_str(&tail));
}

int drv_build(struct drv_run *r, const struct drv_build_opts *o, struct drv_signals *signals,
	      struct kt_err *e)
{
	struct build b = {
		.run = r,
		.o = o,
		.signals = signals,
		.proc = KT_PROC_NONE,
		.out_fd = -1,
		.started_ns = kt_now_ns(),
	};
	struct kt_proc_end end = { 0 };
	int ret;

	if (!r->ctx->term.live && !r->ctx->globals.quiet)
		fprintf(stderr, "build %s for %s\n", o->scheduler->name, o->kernel->release);
	ret = start(&b, e);
	if (ret == 0)
		ret = follow(&b, &end, e);
	drv_term_clear(&r->ctx->term);
	if (ret == 0 && b.interrupted)
		ret = kt_fail(e, KT_E_INTR, EINTR, "interrupted while building scheduler '%s'",
			      o->scheduler->name);
	else if (ret == 0 && (end.signalled || end.code != 0))
		ret = fail_build(&b, &end, e);
	kt_proc_kill(&b.proc);
	kt_cleanup_fd(&b.out_fd);
	kt_buf_done(&b.tail);
	return ret;
}
