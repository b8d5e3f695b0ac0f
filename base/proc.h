/* SPDX-License-Identifier: GPL-2.0-only */
/* Child processes: argv, environment, descriptors, own process group, deadline, always reaped. */
#ifndef KTSTR_BASE_PROC_H
#define KTSTR_BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

struct kt_proc_fd {
	int parent; /* our descriptor, kept open here */
	int child; /* the number that the child sees; -1: the same number (CLOEXEC is cleared there) */
};

struct kt_proc_opts {
	const char *const *argv; /* argv[0] is looked up in PATH unless it has a slash */
	/* "NAME=value" on top of our environment, "NAME" alone takes it out; NULL-terminated; may be NULL. */
	const char *const *env_set;
	const char *cwd; /* NULL: ours */
	const struct kt_proc_fd *fds; /* descriptors beyond 0-2 */
	size_t nr_fds;
	int stdin_fd; /* 0: /dev/null */
	int stdout_fd; /* 0: ours */
	int stderr_fd; /* 0: ours */
	bool keep_group; /* stay in our process group (default: a group of its own) */
	/*
	 * Its whole group ends when this process does, by whatever means (PDEATHSIG reaches our child alone): a process of
	 * ours stands between and watches. Excludes keep_group and outlive.
	 */
	bool guard;
	bool outlive; /* do not die when this thread dies (default: PDEATHSIG SIGKILL) */
};

struct kt_proc {
	pid_t pid; /* 0: none */
	int pidfd; /* readable when it has ended; -1: none */
};
#define KT_PROC_NONE \
	{ \
		.pidfd = -1 \
	}

struct kt_proc_end {
	bool signalled;
	int code; /* exit status, or the signal */
	uint64_t max_rss_kib;
	uint64_t user_us, sys_us;
};

/* Start it. A missing program is KT_E_TOOL with ENOENT and its name; that is known here, not at wait. */
int kt_proc_start(const struct kt_proc_opts *o, struct kt_proc *ret, struct kt_err *e);
/*
 * Wait at most @timeout_ms (-1: for ever). -ETIMEDOUT (no text): still running. Reaps; p->pid is 0 afterwards.
 * Signals do not end the wait: who must react to them polls p->pidfd beside their own descriptors.
 */
int kt_proc_wait(struct kt_proc *p, int timeout_ms, struct kt_proc_end *ret, struct kt_err *e);
/* Signal its whole group (or the one process when keep_group). */
void kt_proc_signal(const struct kt_proc *p, int sig);
/* SIGKILL to the group and reap. Accepts KT_PROC_NONE. */
void kt_proc_kill(struct kt_proc *p);
static inline void kt_cleanup_proc(struct kt_proc *p)
{
	kt_proc_kill(p);
}

/**
 * Run to the end and collect output (each capped at @max bytes, then cut); either buffer may be NULL, which
 * discards (or leaves to o->stdout_fd, o->stderr_fd where given). Output of background children that comes
 * after the program's own end is not waited for. Returns 0 whenever it ran: look at @ret. -ETIMEDOUT with
 * text after @timeout_ms; it is killed.
 */
int kt_proc_run(const struct kt_proc_opts *o, int timeout_ms, size_t max, struct kt_buf *out,
		struct kt_buf *err, struct kt_proc_end *ret, struct kt_err *e);
/* "exited with status 2" / "was killed by SIGSEGV". */
void kt_proc_end_format(struct kt_buf *b, const struct kt_proc_end *end);

#endif
