/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guard of a program: a process between us and it that outlives us for as long as it takes to kill the whole
 * group. PDEATHSIG reaches only our own child, never the compilers that a make started.
 *
 * It runs between fork and exec of a process that may have had threads, and stays there: only async-signal-safe calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/internal.h"

enum { PARENT_FD, PROGRAM_FD, NR_FDS, FD_LIMIT_FALLBACK = 65536 };

/* Above all our copies of other people's pipes and locks, which must end with those who use them. */
static void close_from(unsigned first)
{
	struct rlimit limit;
	unsigned max = FD_LIMIT_FALLBACK;

	if (syscall(SYS_close_range, first, ~0U, 0) == 0) /* since 5.9 */
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < max)
		max = (unsigned)limit.rlim_cur;
	for (unsigned fd = first; fd < max; fd++)
		close((int)fd);
}

/* Into descriptors 0 and 1, and nothing else stays open. */
static int keep_only(int parent_fd, int program_fd)
{
	int high = fcntl(parent_fd, F_DUPFD_CLOEXEC, NR_FDS);

	if (high < 0 || dup2(program_fd, PROGRAM_FD) < 0 || dup2(high, PARENT_FD) < 0)
		return -1;
	close_from(NR_FDS);
	return 0;
}

/* As the program ended, so do we; what it left running after a signal gets that signal, too. */
static _Noreturn void end_like(pid_t program)
{
	const struct rlimit no_core = { 0, 0 };
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;
	int status;

	while (waitpid(program, &status, 0) < 0) {
		if (errno != EINTR)
			_exit(127);
	}
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)sigaction(WTERMSIG(status), &sa, NULL);
	sigemptyset(&none);
	(void)kill(0, WTERMSIG(status));
	sigprocmask(SIG_SETMASK, &none, NULL);
	_exit(128 + WTERMSIG(status)); /* in case it was one of those that we blocked forever */
}

static _Noreturn void guard(int parent_fd, pid_t program)
{
	struct pollfd p[NR_FDS] = {
		[PARENT_FD] = { .fd = PARENT_FD, .events = POLLIN },
		[PROGRAM_FD] = { .fd = PROGRAM_FD, .events = POLLIN },
	};
	int program_fd = (int)syscall(SYS_pidfd_open, program, 0);

	(void)prctl(PR_SET_NAME, "ktstr-guard"); /* for people who look at ps */
	if (program_fd < 0 || keep_only(parent_fd, program_fd) < 0)
		(void)kill(0, SIGKILL);
	(void)!chdir("/"); /* no reason to keep a directory busy, none to fail either */
	for (;;) {
		if (poll(p, NR_FDS, -1) < 0 && errno != EINTR)
			(void)kill(0, SIGKILL);
		if (p[PARENT_FD].revents)
			(void)kill(0, SIGKILL);
		if (p[PROGRAM_FD].revents)
			end_like(program);
	}
}

int kt_proc_guard(pid_t parent)
{
	int parent_fd = (int)syscall(SYS_pidfd_open, parent, 0);
	struct sigaction sa = { .sa_handler = SIG_DFL };
	pid_t us = getpid(), pid;

	/* Asked after the descriptor was made: if it is still our parent now, that is whom we watch. */
	if (parent_fd < 0 || getppid() != parent)
		return -1;
	(void)sigaction(SIGCHLD, &sa, NULL); /* ignored, it would leave nothing to wait for */
	pid = _Fork();
	if (pid > 0)
		guard(parent_fd, pid);
	if (pid < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -1;
	if (getppid() != us)
		_exit(127);
	return 0;
}
