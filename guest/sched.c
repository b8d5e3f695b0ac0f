/* SPDX-License-Identifier: GPL-2.0-only */
/* The scheduler under test: its process, its output, and what the kernel says of it. */
#include "guest/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/str.h"

#define SCX_DIR "/sys/kernel/sched_ext"

enum {
	SCX_MAX_WATCHDOG_MS = 30000, /* the kernel refuses more (SCX_WATCHDOG_MAX_TIMEOUT) */
	PIPE_BYTES = 1 << 20,
	READS_A_TURN = 16,
};
static const uint64_t attach_default_ns = 30 * GST_SEC;
static const uint64_t attach_poll_ns = 5 * GST_MS;
static const uint64_t state_poll_ns = 50 * GST_MS;
static const uint64_t stop_grace_ns = 3 * GST_SEC;

/* ---- the process ---- */

/* What the child says on its way to exec(). */
struct child_note {
	bool filter; /* value: the filter's descriptor there, or -errno; else: why exec() failed */
	int value;
};

static bool send_note(int control, bool filter, int value)
{
	struct child_note note;

	memset(&note, 0, sizeof(note));
	note.filter = filter;
	note.value = value;
	return write(control, &note, sizeof(note)) == (ssize_t)sizeof(note);
}

static bool receive_note(int control, struct child_note *ret)
{
	return read(control, ret, sizeof(*ret)) == (ssize_t)sizeof(*ret);
}

static _Noreturn void child_main(char **argv, int control, int out_fd, bool watch)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", home[] = "HOME=/root";
	static char *const env[] = { path, home, NULL };
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct child_note answer;

	(void)setsid(); /* a fresh child is never a group leader */
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(out_fd, 2) < 0)
		goto failed;
	/* The filter holds back no call made here. Its descriptor closes by itself at exec. */
	if (watch &&
	    (!send_note(control, true, gst_watchdog_filter()) || !receive_note(control, &answer)))
		_exit(127);
	(void)execve(argv[0], argv, env);
failed:
	(void)send_note(control, false, errno); /* nobody left to tell otherwise */
	_exit(127);
}

/*
 * Serve the child's notes until exec() has closed the other end. Without the filter's descriptor every map
 * update of the scheduler would fail, so that is our failure, not the scheduler's.
 */
static int follow_child(struct gst_init *g, int control, int *ret_errno, struct kt_err *e)
{
	struct child_note note;

	*ret_errno = 0;
	while (receive_note(control, &note)) {
		if (!note.filter) {
			*ret_errno = note.value;
			return 0;
		}
		if (note.value >= 0) {
			long fd = syscall(SYS_pidfd_getfd, g->sched.pidfd, note.value, 0);

			if (fd < 0)
				return kt_fail(e, KT_E_HOST, errno, "take over the seccomp filter");
			g->watchdog.notify_fd = (int)fd;
		}
		(void)send_note(control, true, 0); /* a child that is gone shows as the end */
	}
	return 0;
}

/* ret_errno: why exec failed, or 0. */
static int spawn(struct gst_init *g, bool watch, int *ret_errno, struct kt_err *e)
{
	kt_auto(fd) int out_read = -1;
	kt_auto(fd) int out_write = -1;
	kt_auto(fd) int ours = -1;
	kt_auto(fd) int theirs = -1;
	struct gst_sched *s = &g->sched;
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return kt_fail(e, KT_E_HOST, errno, "make a pipe");
	out_read = pair[0];
	out_write = pair[1];
	/* Only our end may be non-blocking; a small pipe is only slower. */
	(void)fcntl(out_read, F_SETFL, O_NONBLOCK);
	(void)fcntl(out_read, F_SETPIPE_SZ, PIPE_BYTES);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return kt_fail(e, KT_E_HOST, errno, "make a socket pair");
	ours = pair[0];
	theirs = pair[1];

	s->started_ns = kt_now_ns();
	s->pid = fork();
	if (s->pid < 0)
		return kt_fail(e, KT_E_HOST, errno, "fork");
	if (s->pid == 0)
		child_main(g->plan.scheduler_argv.v, theirs, out_write, watch);
	(void)close(kt_take_fd(theirs));
	s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	if (s->pidfd < 0)
		return kt_fail(e, KT_E_HOST, errno, "watch the scheduler's process");
	s->out_fd = kt_take_fd(out_read);
	return follow_child(g, ours, ret_errno, e);
}

void gst_sched_reap(struct gst_sched *s)
{
	if (s->ended || s->pid <= 0 || waitpid(s->pid, &s->status, WNOHANG) != s->pid)
		return;
	s->ended = true;
	(void)close(s->pidfd);
	s->pidfd = -1;
}

void gst_sched_forward(struct gst_sched *s, struct gst_chan *c)
{
	for (int i = 0; i < READS_A_TURN; i++) {
		if (s->nr_held == 0) {
			ssize_t n = read(s->out_fd, s->held, sizeof(s->held));

			if (n < 0)
				return;
			if (n == 0) {
				(void)close(s->out_fd);
				s->out_fd = -1;
				return;
			}
			s->nr_held = (size_t)n;
		}
		/* Its output is kept whole: what does not fit waits here, and then in the pipe. */
		if (!gst_chan_has_room(c, s->nr_held))
			return;
		gst_chan_send(c, GST_F_SCLG, s->held, s->nr_held);
		s->nr_held = 0;
	}
}

/* ---- the kernel's view ---- */

static bool state_is(const char *want)
{
	char state[32];

	return kt_file_read_small(SCX_DIR "/state", state, sizeof(state)) >= 0 &&
	       kt_streq(state, want);
}

/* How many schedulers were ever enabled: one that came and went between two looks still shows. */
static uint64_t read_enable_seq(void)
{
	char text[32];
	uint64_t seq;

	if (kt_file_read_small(SCX_DIR "/enable_seq", text, sizeof(text)) < 0 ||
	    kt_parse_u64(text, &seq) < 0)
		return 0;
	return seq;
}

static void describe_end(const struct gst_sched *s, struct kt_buf *b)
{
	const bool signalled = WIFSIGNALED(s->status);
	const struct kt_proc_end end = {
		.signalled = signalled,
		.code = signalled ? WTERMSIG(s->status) : WEXITSTATUS(s->status),
	};

	kt_proc_end_format(b, &end);
}

static int say_not_attached(struct gst_init *g, enum scn_sched_state state, const char *why)
{
	g->result.sched = state;
	return gst_chan_life(&g->chan, GST_LIFE_NOT_ATTACHED, "%s", why);
}

/* It was enabled at some time: the state says so now, or the kernel has counted one more. */
static bool was_enabled(struct gst_init *g)
{
	struct gst_sched *s = &g->sched;
	ssize_t n;

	if (state_is("enabled")) {
		s->enabled_ns = kt_now_ns();
		n = kt_file_read_small(SCX_DIR "/root/ops", g->result.ops_name,
				       sizeof(g->result.ops_name));
		if (n < 0)
			g->result.ops_name[0] =
				'\0'; /* gone in this very moment: gst_sched_gone() will see it */
	} else if (read_enable_seq() != s->enable_seq && !state_is("enabling") &&
		   !state_is("enabled")) {
		s->enabled_ns = s->gone_ns = kt_now_ns();
	} else {
		return false;
	}
	g->result.attach_ns = s->enabled_ns - s->started_ns;
	return true;
}

static int wait_enabled(struct gst_init *g)
{
	struct gst_sched *s = &g->sched;
	uint64_t limit = g->plan.attach_timeout_ns ? g->plan.attach_timeout_ns : attach_default_ns;
	kt_auto(buf) struct kt_buf why = { 0 };

	for (;;) {
		bool ended =
			s->ended; /* before the look at the state, which may have the last word */
		uint64_t now;

		if (was_enabled(g))
			return gst_chan_life(&g->chan, GST_LIFE_ATTACHED, "%s", g->result.ops_name);
		now = kt_now_ns();
		if (ended) {
			kt_buf_adds(&why, "the scheduler ");
			describe_end(s, &why);
			kt_buf_adds(&why, " before it was enabled");
			break;
		}
		if (g->chan.stop || now - s->started_ns >= limit) {
			char state[32];

			if (kt_file_read_small(SCX_DIR "/state", state, sizeof(state)) < 0)
				state[0] = '\0';
			kt_buf_addf(
				&why,
				"the scheduler was not enabled within %llu ms%s; state is \"%s\"",
				(unsigned long long)((now - s->started_ns) / GST_MS),
				g->chan.stop ? ", when the host ended the test" : "", state);
			break;
		}
		gst_turn(g, now + attach_poll_ns);
	}
	if (g->kmsg.exit.reason[0])
		kt_buf_addf(&why, " (kernel: %s)", g->kmsg.exit.reason);
	return say_not_attached(g, SCN_SCHED_NOT_ATTACHED, kt_buf_str(&why));
}

static bool prepare_watchdog(struct gst_watchdog *w, const struct scn_plan *p)
{
	uint64_t ms = p->watchdog_ns / GST_MS;

	if (ms == 0 || p->ops_value_bytes < sizeof(uint32_t) ||
	    p->ops_timeout_offset > p->ops_value_bytes - sizeof(uint32_t))
		return false; /* not asked, or the host did not find the member: not set */
	w->timeout_ms = ms < SCX_MAX_WATCHDOG_MS ? (uint32_t)ms : SCX_MAX_WATCHDOG_MS;
	w->value_bytes = p->ops_value_bytes;
	w->offset = p->ops_timeout_offset;
	return true;
}

int gst_sched_start(struct gst_init *g, struct kt_err *e)
{
	struct gst_sched *s = &g->sched;
	char why[512];
	int r, err = 0;

	if (g->plan.scheduler_argv.nr == 0)
		return 0;
	if (access(SCX_DIR "/state", F_OK) < 0)
		return say_not_attached(g, SCN_SCHED_NOT_ATTACHED, "this kernel has no sched_ext");
	s->enable_seq = read_enable_seq();
	r = spawn(g, prepare_watchdog(&g->watchdog, &g->plan), &err, e);
	if (r < 0)
		return kt_context(e, r, "start the scheduler");
	if (err) {
		(void)kt_snprintf(why, sizeof(why), "cannot start '%s': %s",
				  g->plan.scheduler_argv.v[0],
				  strerror(err)); /* a long path is cut */
		return say_not_attached(g, SCN_SCHED_NOT_STARTED, why);
	}
	return wait_enabled(g);
}

bool gst_sched_gone(struct gst_init *g)
{
	struct gst_sched *s = &g->sched;
	uint64_t now;

	if (!s->enabled_ns || s->gone_ns)
		return s->gone_ns != 0;
	now = kt_now_ns();
	if (!s->ended && g->kmsg.exit.kind == SCN_EXIT_NONE) {
		if (now - s->checked_ns < state_poll_ns)
			return false;
		s->checked_ns = now;
		if (state_is("enabled"))
			return false;
	}
	s->gone_ns = now;
	return true;
}

uint64_t gst_sched_next_look(const struct gst_sched *s, uint64_t now, uint64_t end)
{
	/*
	 * Without a scheduler there is nothing to look at: an idle wait of any length costs nothing
	 * then.
	 */
	if (!s->enabled_ns || end - now <= state_poll_ns)
		return end;
	return now + state_poll_ns;
}

/* Runs the loop until its process has ended; false when it does not within @limit_ns. */
static bool wait_ended(struct gst_init *g, uint64_t limit_ns)
{
	uint64_t deadline = kt_now_ns() + limit_ns;

	while (!g->sched.ended && kt_now_ns() < deadline)
		gst_turn(g, deadline);
	return g->sched.ended;
}

/* The rest of its output, for as long as somebody may still write. */
static void drain_output(struct gst_init *g)
{
	struct gst_sched *s = &g->sched;
	uint64_t deadline = kt_now_ns() + 200 * GST_MS;

	while (s->out_fd >= 0 && kt_now_ns() < deadline) {
		if (s->nr_held) {
			(void)gst_chan_send_sure(&g->chan, GST_F_SCLG, s->held, s->nr_held);
			s->nr_held = 0; /* a host that has not made room by now is gone */
		}
		gst_turn(g, deadline);
	}
}

void gst_sched_stop(struct gst_init *g)
{
	struct gst_sched *s = &g->sched;

	if (s->pid <= 0)
		return;
	if (!s->ended) {
		(void)kill(s->pid, SIGINT);
		if (!wait_ended(g, stop_grace_ns)) {
			(void)kill(-s->pid, SIGKILL); /* its whole session's group */
			(void)kill(s->pid, SIGKILL);
		}
		/*
		 * A process under a BPF scheduler that runs nothing cannot even die. SysRq-S makes
		 * the kernel throw the scheduler out, so that the machine can be powered off.
		 */
		if (!wait_ended(g, stop_grace_ns)) {
			(void)gst_write_text("/proc/sysrq-trigger",
					     "S"); /* a kernel without it: power off anyway */
			(void)wait_ended(g, stop_grace_ns);
		}
	}
	drain_output(g);
}
