/* SPDX-License-Identifier: GPL-2.0-only */
/* The probe's process: loads the probe before there is a scheduler, and holds it until the machine ends. */
#include "guest/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

/* 0.25 s where it was measured; an emulated kernel that tests itself meanwhile is slower. */
static const uint64_t load_limit_ns = 20 * GST_SEC;
static const uint64_t load_poll_ns = 10 * GST_MS;
static const uint64_t go_limit_ns = 2 * GST_SEC;

static _Noreturn void child_main(int out_fd)
{
	static char path[] = GST_PROBE_PATH;
	static char *const argv[] = { path, NULL }, *const env[] = { NULL };
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int log_fd = open("/dev/kmsg",
			  O_WRONLY | O_CLOEXEC); /* for what it has to say beside the line */

	(void)setsid(); /* a fresh child is never a group leader */
	/* As init is: no task of the scheduler that is to come, and not held up by it. */
	(void)sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 50 });
	if (null_fd >= 0 && dup2(null_fd, 0) >= 0 && dup2(out_fd, 1) >= 0 &&
	    dup2(log_fd >= 0 ? log_fd : null_fd, 2) >= 0)
		(void)execve(argv[0], argv, env);
	(void)dprintf(out_fd, "- cannot start '%s': %s\n", path, strerror(errno));
	_exit(127);
}

/* Its pipe's end, or -errno. */
static int start_probe(void)
{
	int pair[2], err;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	err = errno;
	if (pid == 0)
		child_main(pair[1]);
	(void)close(pair[1]);
	if (pid > 0)
		return pair[0];
	(void)close(pair[0]);
	return -err;
}

/* The first line that comes out of @fd; the loop runs meanwhile. */
static void read_line(struct gst_init *g, int fd, char *ret, size_t size)
{
	uint64_t deadline = kt_now_ns() + load_limit_ns;
	char text[1024];
	size_t len = 0;

	while (!g->chan.stop && kt_now_ns() < deadline) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		const struct timespec ts = { .tv_nsec = (long)load_poll_ns };
		ssize_t n;

		if (ppoll(&p, 1, &ts, NULL) > 0) {
			n = read(fd, text + len, sizeof(text) - len);
			if (n <= 0)
				break;
			len += (size_t)n;
			if (gst_take_line(text, &len, sizeof(text), ret, size) == 1)
				return;
		}
		gst_turn(g, 0);
	}
	(void)kt_snprintf(ret, size, "- the probe's loader %s",
			  kt_now_ns() < deadline ? "ended without a word" : "did not get done");
}

static void load(struct gst_init *g, char *ret, size_t size)
{
	kt_auto(fd) int fd = -1;

	if (g->plan.scheduler_argv.nr == 0) {
		(void)kt_snprintf(ret, size, "- there is no scheduler to probe");
		return;
	}
	if (access(GST_PROBE_PATH, F_OK) < 0) {
		(void)kt_snprintf(ret, size, "- this machine was given no probe");
		return;
	}
	fd = start_probe();
	if (fd < 0)
		(void)kt_snprintf(ret, size, "- start the probe's loader: %s", strerror(-fd));
	else
		read_line(g, fd, ret, size);
}

/*
 * The wait is a spin, never a sleep: an emulated machine whose clock follows its instructions skips idle time, and the
 * limit with it.
 */
static void wait_go(struct gst_init *g)
{
	static const char text[] =
		"ktstr init: the host did not say that it watches; the scheduler starts all the same\n";
	uint64_t deadline = kt_now_ns() + go_limit_ns;

	while (g->chan.bell_fd >= 0 && !g->chan.go && !g->chan.stop && kt_now_ns() < deadline) {
		gst_chan_take_bells(&g->chan);
		(void)sched_yield(); /* cannot fail on Linux */
	}
	if (!g->chan.go)
		(void)gst_chan_send_sure(&g->chan, GST_F_DMSG, text,
					 strlen(text)); /* a host that is gone */
}

void gst_probe(struct gst_init *g)
{
	char hook[1024];

	load(g, hook, sizeof(hook));
	(void)gst_chan_life(&g->chan, GST_LIFE_PROBED, "%s", hook);
	wait_go(g);
}
