/* SPDX-License-Identifier: GPL-2.0-only */
/* One cell's process, seen from its parent: spawn, messages, end. */
#include "driver/sched.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "driver/progress.h"

#define SECOND UINT64_C(1000000000)
enum {
	READ_BYTES = 64 << 10,
	READS_A_TURN = 16, /* then signals and other cells have theirs, whatever is left */
	CAUSE_COLUMNS = 160,
	CELL_MSG_FD = 3,
	/*
	 * A cell watches its deadline itself and has more to tell then; this is for one that no
	 * longer can.
	 */
	DEADLINE_GRACE_S = 10,
};

/* ---- the child ---- */

/*
 * Everything of the parent's that the cell has no business with: other cells' pipes, the signalfd,
 * locks.
 */
static int keep_only(int fd)
{
	if (fd != CELL_MSG_FD && dup3(fd, CELL_MSG_FD, O_CLOEXEC) < 0)
		return -1;
	(void)close_range(CELL_MSG_FD + 1, ~0U,
			  0); /* an old kernel leaves them open, which is only untidy */
	return CELL_MSG_FD;
}

static _Noreturn void be_cell(struct drv_run *r, const struct drv_cell *c, drv_cell_main cell_main,
			      int fd, pid_t parent, const struct drv_signals *signals)
{
	int msg_fd;

	/*
	 * Own group: a Ctrl-C on the terminal is the parent's to handle. No cell outlives its
	 * parent.
	 */
	(void)setpgid(0, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(DRV_EXIT_INTERNAL);
	msg_fd = keep_only(fd);
	if (msg_fd < 0)
		_exit(DRV_EXIT_INTERNAL);
	drv_signals_in_child(signals);
	drv_term_in_child(&r->ctx->term);
	(void)cell_main(&c->spec, msg_fd); /* the verdict goes through the pipe */
	_exit(0);
}

/* ---- spawn ---- */

static int make_pipe(int ret[2], struct kt_err *e)
{
	if (pipe2(ret, O_CLOEXEC) < 0)
		return kt_fail(e, KT_E_HOST, errno, "create a pipe");
	if (fcntl(ret[0], F_SETFL, O_NONBLOCK) < 0) {
		int err = errno;

		close(ret[0]);
		close(ret[1]);
		return kt_fail(e, KT_E_HOST, err, "set up a pipe");
	}
	return 0;
}

int drv_cell_spawn(struct drv_run *r, struct drv_cell *c, drv_cell_main cell_main,
		   const struct drv_signals *signals, struct kt_err *e)
{
	pid_t parent = getpid();
	int fds[2], ret;
	pid_t pid;

	ret = make_pipe(fds, e);
	if (ret < 0)
		return ret;
	/* What is buffered would otherwise be written twice. */
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		be_cell(r, c, cell_main, fds[1], parent, signals);
	close(fds[1]);
	if (pid < 0) {
		ret = kt_fail(e, KT_E_HOST, errno, "start a process for test '%s'", c->test->name);
		close(fds[0]);
		return ret;
	}
	(void)setpgid(pid, pid); /* the child does it too: whoever comes first */
	c->pid = pid;
	c->msg_fd = fds[0];
	c->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (c->pidfd < 0) {
		ret = kt_fail(e, KT_E_HOST, errno, "watch the process of test '%s'", c->test->name);
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		kt_cleanup_fd(&c->msg_fd);
		c->msg_fd = -1;
		c->pid = 0;
		return ret;
	}
	c->state = DRV_STARTED;
	c->phase = CELL_STARTING;
	c->started_ns = kt_now_ns();
	c->kill_at_ns = c->started_ns + c->spec.host_deadline_ns + cell_standing_max_ns(&c->spec) +
			DEADLINE_GRACE_S * SECOND;
	return 0;
}

/* ---- messages ---- */

/*
 * The line to remember of a failure text: the first that says something, not the header that names
 * the test.
 */
static char *cause_of(const char *text)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	kt_auto(buf) struct kt_buf line = { 0 };

	while (*text) {
		size_t len = strcspn(text, "\n"), skip = strspn(text, " \t");

		if (skip < len && text[len - 1] != ':') {
			kt_buf_add(&line, text + skip, len - skip);
			break;
		}
		text += len;
		text += *text == '\n';
	}
	drv_add_cut(&b, kt_buf_str(&line), CAUSE_COLUMNS);
	return b.len ? kt_buf_take(&b) : NULL;
}

static void on_done(struct drv_cell *c, const char *data, size_t len)
{
	if (len < sizeof(c->done))
		return;
	memcpy(&c->done, data, sizeof(c->done));
	if (c->done.verdict >= SCN_VERDICT_NR)
		return;
	c->has_done = true;
}

static void on_message(struct drv_run *r, struct drv_cell *c, uint32_t type, const char *data,
		       size_t len)
{
	switch ((enum cell_msg_type)type) {
	case CELL_MSG_PHASE:
		if (len < 1 || (unsigned char)data[0] >= CELL_PHASE_NR)
			return;
		c->phase = (enum cell_phase)data[0];
		drv_report_phase(r, c);
		return;
	case CELL_MSG_NOTE:
		drv_report_note(r, c, data, len);
		return;
	case CELL_MSG_OUTPUT:
		if (len < 1 || (unsigned char)data[0] > CELL_KERNEL_LOG)
			return;
		drv_report_output(r, c, (enum cell_stream)data[0], data + 1, len - 1);
		return;
	case CELL_MSG_DONE:
		on_done(c, data, len);
		return;
	}
	kt_log(KT_AREA_DRIVER, KT_DEBUG, "test '%s' sent a message of unknown type %u",
	       c->test->name, type);
}

/*
 * Take whole messages off c->in. A DONE message stays there, as the last thing of a cell: its text
 * is reported when the process has ended. Returns false when the stream makes no sense.
 */
static bool take_messages(struct drv_run *r, struct drv_cell *c)
{
	size_t at = 0;

	while (!c->has_done && c->in.len - at >= sizeof(struct cell_msg)) {
		struct cell_msg m;

		memcpy(&m, c->in.data + at, sizeof(m));
		if (m.len > CELL_MSG_MAX)
			return false;
		if (c->in.len - at - sizeof(m) < m.len)
			break;
		on_message(r, c, m.type, c->in.data + at + sizeof(m), m.len);
		at += sizeof(m);
		if (!c->has_done)
			at += m.len;
	}
	memmove(c->in.data, c->in.data + at, c->in.len - at);
	c->in.len -= at;
	c->in.data[c->in.len] = '\0';
	return true;
}

void drv_cell_read(struct drv_run *r, struct drv_cell *c)
{
	static char block[READ_BYTES];

	for (unsigned i = 0; i < READS_A_TURN && c->msg_fd >= 0; i++) {
		ssize_t n = read(c->msg_fd, block, sizeof(block));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n > 0)
			kt_buf_add(&c->in, block, (size_t)n);
		if (n > 0 && kt_buf_ok(&c->in) && take_messages(r, c))
			continue;
		if (n > 0)
			kt_log(KT_AREA_DRIVER, KT_WARN,
			       "the messages of test '%s' make no sense; reading no more of them",
			       c->test->name);
		kt_cleanup_fd(&c->msg_fd);
		c->msg_fd = -1;
	}
}

/* ---- the end ---- */

void drv_cell_kill(struct drv_cell *c)
{
	if (c->pid > 0) {
		kill(-c->pid, SIGKILL);
		kill(c->pid, SIGKILL); /* in case it has not made its group yet */
	}
	c->kill_at_ns = UINT64_MAX;
}

void drv_cell_stop(struct drv_cell *c, uint64_t now_ns)
{
	if (c->terminated) {
		drv_cell_kill(c);
		return;
	}
	c->terminated = true;
	kill(c->pid, SIGTERM);
	c->kill_at_ns = now_ns + DRV_TERM_GRACE_S * SECOND;
}

static void reap(struct drv_cell *c, struct kt_proc_end *ret)
{
	int status = 0;

	/*
	 * While it is a zombie its number cannot belong to anybody else: the time to clear its
	 * group.
	 */
	kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	*ret = (struct kt_proc_end){ .signalled = WIFSIGNALED(status) };
	ret->code = ret->signalled ? WTERMSIG(status) : WEXITSTATUS(status);
	kt_cleanup_fd(&c->pidfd);
	c->pidfd = -1;
	c->pid = 0;
}

static void write_error(struct drv_cell *c, const char *kind, const char *text)
{
	struct kt_err e = { 0 };
	char why[KT_ERR_TEXT_BYTES];

	if (cell_write_error_sidecar(&c->spec, kind, text, &e) < 0)
		kt_log(KT_AREA_DRIVER, KT_ERROR, "%s; the result of '%s' is only in this output",
		       kt_err_text(&e, why, sizeof(why)), c->test->name);
}

/*
 * The verdict of a cell that said none, or that we stopped; the text is what its failure text will
 * be.
 */
static void settle(struct drv_cell *c, const struct kt_proc_end *end, struct kt_buf *text)
{
	/*
	 * A verdict that was reached in time stands; what a cell says after SIGTERM is only that it
	 * was stopped.
	 */
	bool stopped = c->terminated && (!c->has_done || c->done.verdict == SCN_ERROR ||
					 c->done.verdict == SCN_SKIP);

	c->verdict = SCN_ERROR;
	if (stopped && !c->timed_out) {
		c->interrupted = true;
	} else if (stopped) {
		kt_buf_addf(
			text,
			"timeout: no result within %.0f s of host time, in phase '%s'; stopped it. A slow host can "
			"be given more by 'time-scale', the test by 'timeout'",
			(double)(c->spec.host_deadline_ns + cell_standing_max_ns(&c->spec)) / 1e9 +
				DEADLINE_GRACE_S,
			drv_phase_name(c->phase));
		write_error(c, "timeout", kt_buf_str(text));
	} else if (!c->has_done) {
		kt_buf_adds(text, "the cell's process ");
		kt_proc_end_format(text, end);
		kt_buf_addf(text, " in phase '%s', without a result", drv_phase_name(c->phase));
		if (end->signalled && end->code == SIGSYS)
			kt_buf_adds(
				text,
				": a system call that its vCPUs' sandbox forbids (KTSTR_NO_SANDBOX=1 goes without)");
		write_error(c, "cell-died", kt_buf_str(text));
	} else {
		c->verdict = (enum scn_verdict)c->done.verdict;
		kt_buf_add(text, c->in.data + sizeof(c->done), c->in.len - sizeof(c->done));
	}
}

static void count(struct drv_run *r, const struct drv_cell *c)
{
	if (c->interrupted)
		r->totals.interrupted++;
	else
		r->totals.nr[c->verdict]++;
}

void drv_cell_ended(struct drv_run *r, struct drv_cell *c)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	struct kt_proc_end end;

	drv_cell_read(r, c); /* what it wrote before it ended */
	reap(c, &end);
	kt_cleanup_fd(&c->msg_fd);
	c->msg_fd = -1;
	c->ended_ns = kt_now_ns();
	c->state = DRV_ENDED;
	settle(c, &end, &text);
	c->cause = cause_of(kt_buf_str(&text));
	count(r, c);
	drv_report_finished(r, c, kt_buf_str(&text));
	kt_buf_done(&c->in);
}

void drv_cell_refuse(struct drv_run *r, struct drv_cell *c, const char *kind, const char *text)
{
	c->started_ns = c->ended_ns = kt_now_ns();
	c->state = DRV_ENDED;
	c->verdict = SCN_ERROR;
	write_error(c, kind, text);
	c->cause = cause_of(text);
	count(r, c);
	drv_report_finished(r, c, text);
}
