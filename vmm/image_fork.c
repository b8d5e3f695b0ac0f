/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A child process that holds guest memory as it was when the machine stood still, and does nothing else.
 *
 * It is forked from a process that has threads, so between clone() and its end it makes system calls and nothing more:
 * whatever lock another thread held is held in it for ever. It never returns into its caller's code.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/image.h"

/*
 * All signals are blocked since before it was made, so none of our handlers ever runs here, and Ctrl-C, which goes to
 * the whole process group, does not take the image from under who is still reading it: SIGKILL ends it, ours or, when
 * the thread that made it ends, the kernel's.
 *
 * Its descriptors are copies: they would keep the other ends of pipes, and the virtual machine itself, alive.
 */
static _Noreturn void hold(pid_t parent)
{
	const uint64_t all = UINT64_MAX; /* the kernel's sigset_t */

	(void)syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (syscall(SYS_getppid) != parent) /* it died before the line above */
		(void)syscall(SYS_exit_group, 0);
	(void)syscall(SYS_close_range, 0U, ~0U, 0U);
	(void)syscall(SYS_prctl, PR_SET_NAME, "ktstr-image", 0, 0,
		      0); /* for people who look at ps */
	for (;;)
		(void)syscall(SYS_rt_sigsuspend, &all, sizeof(all));
}

/*
 * clone() and not fork(): with no exit signal, the owner's SIGCHLD, and who there waits for any child, see nothing of it,
 * and its pidfd is there from the start (CLONE_PIDFD, Linux 5.2). Not clone3(): a seccomp filter could not look at its
 * flags.
 */
static pid_t make_child(int *ret_pidfd)
{
	sigset_t all, before;
	pid_t pid, us = getpid();
	int saved;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pid = (pid_t)syscall(SYS_clone, CLONE_PIDFD, NULL, ret_pidfd, NULL, 0);
	if (pid == 0)
		hold(us);
	saved = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return pid;
}

int vm_image_fork(struct vm_image_child *ret)
{
	struct vm_image_child c = { .pidfd = -1 };
	uint8_t probe = 0, got;

	c.pid = make_child(&c.pidfd);
	if (c.pid < 0)
		return -errno;
	/* Reading another process takes the right to trace it: Yama or a process that may not be dumped forbid it. */
	if (vm_image_child_read(&c, &probe, &got, 1) < 0) {
		vm_image_child_done(&c);
		return -EPERM;
	}
	*ret = c;
	return 0;
}

void vm_image_child_done(struct vm_image_child *c)
{
	int saved = errno;
	siginfo_t end;

	if (c->pidfd < 0)
		return;
	(void)syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0); /* gone already is fine */
	/* __WALL: it has no exit signal. Nothing can keep it, so there is no deadline. */
	while (waitid(P_PIDFD, (id_t)c->pidfd, &end, WEXITED | __WALL) < 0 && errno == EINTR)
		;
	kt_cleanup_fd(&c->pidfd);
	c->pidfd = -1;
	errno = saved;
}

int vm_image_child_read(const struct vm_image_child *c, const uint8_t *host, void *buf, size_t len)
{
	struct iovec to = { .iov_base = buf, .iov_len = len };
	struct iovec from = { .iov_base = (void *)(uintptr_t)host, .iov_len = len };
	ssize_t n = process_vm_readv(c->pid, &to, 1, &from, 1, 0);

	if (n == (ssize_t)len)
		return 0;
	return n < 0 && errno == ESRCH ? -ESRCH : -EIO;
}
