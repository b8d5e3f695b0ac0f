/* SPDX-License-Identifier: GPL-2.0-only */
/* Starting, waiting for and killing child processes. */
#include "base/proc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/internal.h"

extern char **environ;

enum { NR_STD = 3, FD_LIMIT_FALLBACK = 65536 };

/* Where the child stumbled, sent through the error pipe, which exec closes when all went well. */
enum stage { STAGE_SETUP, STAGE_CWD, STAGE_EXEC };
struct child_report {
	enum stage stage;
	int errnum;
};

/* Everything that the child needs, made before the fork: after it only async-signal-safe calls are allowed. */
struct launch {
	const struct kt_proc_opts *o;
	const char *program;
	char **env;
	pid_t parent;
	int error_fd;
	int *high; /* the 3 + nr_fds descriptors, moved out of the way */
	int first_free; /* above every number that the child is to see */
};

static int same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return n == strcspn(b, "=") && memcmp(a, b, n) == 0;
}

static bool is_overridden(const char *var, const char *const *env_set)
{
	for (; *env_set; env_set++) {
		if (same_name(var, *env_set))
			return true;
	}
	return false;
}

/* Our environment with @env_set on top. Only the array is new; NULL when out of memory. */
static char **build_env(const char *const *env_set)
{
	static const char *const none[] = { NULL };
	size_t ours = 0, extra = 0, n = 0;
	char **env;

	if (!env_set)
		env_set = none;
	while (environ[ours])
		ours++;
	while (env_set[extra])
		extra++;
	env = calloc(ours + extra + 1, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < ours; i++) {
		if (!is_overridden(environ[i], env_set))
			env[n++] = environ[i];
	}
	for (size_t i = 0; i < extra; i++) {
		/* exec's prototype predates const */
		if (strchr(env_set[i], '='))
			env[n++] = (char *)(uintptr_t)env_set[i];
	}
	return env;
}

/* The file to execute for argv[0] (caller frees). */
static int find_program(const char *name, char **ret, struct kt_err *e)
{
	const char *path = getenv("PATH"), *end;
	char *file;

	if (strchr(name, '/')) {
		*ret = strdup(name);
		return *ret ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "start '%s'", name);
	}
	if (!path)
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	for (; *name && *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		file = end == path ? kt_fmt("./%s", name)
				   : kt_fmt("%.*s/%s", (int)(end - path), path, name);
		if (!file)
			return kt_fail(e, KT_E_HOST, ENOMEM, "start '%s'", name);
		if (access(file, X_OK) == 0) {
			*ret = file;
			return 0;
		}
		free(file);
	}
	return kt_fail(e, KT_E_TOOL, ENOENT, "start '%s': not found in PATH", name);
}

static _Noreturn void child_fail(const struct launch *l, enum stage stage)
{
	struct child_report report = { .stage = stage, .errnum = errno };

	/* Should even this fail, the parent takes it for a program that ends with status 127. */
	(void)!write(l->error_fd, &report, sizeof(report));
	_exit(127);
}

static void cloexec_from(unsigned first)
{
	struct rlimit limit;
	unsigned max = FD_LIMIT_FALLBACK;

	if (syscall(SYS_close_range, first, ~0U, 4U /* CLOSE_RANGE_CLOEXEC, since 5.11 */) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < max)
		max = (unsigned)limit.rlim_cur;
	for (unsigned fd = first; fd < max; fd++)
		(void)fcntl((int)fd, F_SETFD, FD_CLOEXEC); /* most numbers are not open */
}

static int child_number(const struct kt_proc_fd *f)
{
	return f->child < 0 ? f->parent : f->child;
}

/* The source of the child's descriptor @i: 0-2, then o->fds. */
static int source_of(const struct launch *l, size_t i)
{
	const struct kt_proc_opts *o = l->o;

	switch (i) {
	case 0:
		return o->stdin_fd ? o->stdin_fd : open("/dev/null", O_RDONLY | O_CLOEXEC);
	case 1:
		return o->stdout_fd ? o->stdout_fd : STDOUT_FILENO;
	case 2:
		return o->stderr_fd ? o->stderr_fd : STDERR_FILENO;
	default:
		return o->fds[i - NR_STD].parent;
	}
}

/* In two steps, since one's target may be another's source: all out of the way, then all into place. */
static void child_map_fds(struct launch *l)
{
	const struct kt_proc_opts *o = l->o;
	size_t nr = NR_STD + o->nr_fds;
	int fd, target;

	cloexec_from(NR_STD);
	fd = fcntl(l->error_fd, F_DUPFD_CLOEXEC, l->first_free);
	if (fd < 0)
		child_fail(l, STAGE_SETUP);
	l->error_fd = fd;
	for (size_t i = 0; i < nr; i++) {
		l->high[i] = fcntl(source_of(l, i), F_DUPFD_CLOEXEC, l->first_free);
		/* Started with stdout or stderr closed: then the child has them closed, too. */
		if (l->high[i] < 0 && !(errno == EBADF && (i == 1 || i == 2)))
			child_fail(l, STAGE_SETUP);
	}
	for (size_t i = 0; i < nr; i++) {
		target = i < NR_STD ? (int)i : child_number(&o->fds[i - NR_STD]);
		if (l->high[i] >= 0 && dup2(l->high[i], target) < 0)
			child_fail(l, STAGE_SETUP);
	}
}

static void child_reset_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &sa, NULL); /* KILL and STOP cannot be set, nor need be */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void child_main(struct launch *l)
{
	const struct kt_proc_opts *o = l->o;

	if (!o->outlive && !o->guard) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
			child_fail(l, STAGE_SETUP);
		if (getppid() != l->parent) /* it died before we asked to be told */
			_exit(127);
	}
	if (!o->keep_group && setpgid(0, 0) < 0)
		child_fail(l, STAGE_SETUP);
	if (o->guard && kt_proc_guard(l->parent) < 0)
		child_fail(l, STAGE_SETUP);
	child_map_fds(l);
	if (o->cwd && chdir(o->cwd) < 0)
		child_fail(l, STAGE_CWD);
	child_reset_signals();
	execve(l->program, (char *const *)(uintptr_t)o->argv, l->env);
	child_fail(l, STAGE_EXEC);
}

static int report_failure(const struct launch *l, const struct child_report *report,
			  struct kt_err *e)
{
	const char *name = l->o->argv[0];

	switch (report->stage) {
	case STAGE_CWD:
		return kt_fail(e, KT_E_HOST, report->errnum, "start '%s' in directory '%s'", name,
			       l->o->cwd);
	case STAGE_EXEC:
		return kt_fail(e, KT_E_TOOL, report->errnum, "start '%s': %s", name,
			       strerrordesc_np(report->errnum));
	case STAGE_SETUP:
		break;
	}
	return kt_fail(e, KT_E_HOST, report->errnum, "set up the process for '%s'", name);
}

/* Wait for exec to close the pipe, or for the reason why it did not come to that. */
static int await_exec(const struct launch *l, int read_fd, struct kt_err *e)
{
	struct child_report report;
	ssize_t n;

	do {
		n = read(read_fd, &report, sizeof(report));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return kt_fail(e, KT_E_HOST, errno, "start '%s'", l->o->argv[0]);
	if (n == sizeof(report))
		return report_failure(l, &report, e);
	return 0;
}

static pid_t fork_with_signals_blocked(struct launch *l)
{
	sigset_t all, old;
	pid_t pid;
	int saved;

	/* No handler of ours may run in the child before its dispositions are reset. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		child_main(l);
	saved = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	return pid;
}

static int launch(struct launch *l, struct kt_proc *ret, struct kt_err *e)
{
	int pipe_fds[2];
	kt_auto(fd) int read_fd = -1;
	kt_auto(proc) struct kt_proc p = KT_PROC_NONE;
	int r;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return kt_fail(e, KT_E_HOST, errno, "start '%s'", l->o->argv[0]);
	read_fd = pipe_fds[0];
	l->error_fd = pipe_fds[1];
	p.pid = fork_with_signals_blocked(l);
	r = errno;
	close(pipe_fds[1]);
	if (p.pid < 0) {
		p.pid = 0;
		return kt_fail(e, KT_E_HOST, r, "start '%s'", l->o->argv[0]);
	}
	p.pidfd = (int)syscall(SYS_pidfd_open, p.pid, 0);
	if (p.pidfd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open a pidfd for '%s'", l->o->argv[0]);
	r = await_exec(l, read_fd, e);
	if (r < 0)
		return r;
	*ret = p;
	p = (struct kt_proc)KT_PROC_NONE;
	return 0;
}

int kt_proc_start(const struct kt_proc_opts *o, struct kt_proc *ret, struct kt_err *e)
{
	kt_auto(mem) char *program = NULL;
	kt_auto(mem) char **env = NULL;
	kt_auto(mem) int *high = NULL;
	struct launch l = { .o = o, .parent = getpid(), .first_free = NR_STD };
	int r;

	assert(!o->guard || (!o->keep_group && !o->outlive));
	r = find_program(o->argv[0], &program, e);
	if (r < 0)
		return r;
	assert(program);
	env = build_env(o->env_set);
	high = calloc(NR_STD + o->nr_fds, sizeof(*high));
	if (!env || !high)
		return kt_fail(e, KT_E_HOST, ENOMEM, "start '%s'", o->argv[0]);
	for (size_t i = 0; i < o->nr_fds; i++) {
		if (child_number(&o->fds[i]) >= l.first_free)
			l.first_free = child_number(&o->fds[i]) + 1;
	}
	l.program = program;
	l.env = env;
	l.high = high;
	return launch(&l, ret, e);
}

static int reap(struct kt_proc *p, struct kt_proc_end *ret, struct kt_err *e)
{
	struct rusage ru;
	int status;
	pid_t pid;

	do {
		pid = wait4(p->pid, &status, 0, &ru);
	} while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return kt_fail(e, KT_E_HOST, errno, "wait for process %d", (int)p->pid);
	close(p->pidfd);
	*p = (struct kt_proc)KT_PROC_NONE;
	if (ret) {
		*ret = (struct kt_proc_end){
			.signalled = WIFSIGNALED(status),
			.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
			.max_rss_kib = (uint64_t)ru.ru_maxrss,
			.user_us = (uint64_t)ru.ru_utime.tv_sec * 1000000 +
				   (uint64_t)ru.ru_utime.tv_usec,
			.sys_us = (uint64_t)ru.ru_stime.tv_sec * 1000000 +
				  (uint64_t)ru.ru_stime.tv_usec,
		};
	}
	return 0;
}

int kt_proc_wait(struct kt_proc *p, int timeout_ms, struct kt_proc_end *ret, struct kt_err *e)
{
	uint64_t deadline_ns = UINT64_MAX;
	struct pollfd pfd = { .fd = p->pidfd, .events = POLLIN };
	int n;

	if (timeout_ms >= 0)
		deadline_ns = kt_now_ns() + (uint64_t)timeout_ms * 1000000;
	do {
		n = poll(&pfd, 1, kt_poll_timeout(deadline_ns));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return kt_fail(e, KT_E_HOST, errno, "wait for process %d", (int)p->pid);
	if (n == 0)
		return -ETIMEDOUT;
	return reap(p, ret, e);
}

void kt_proc_signal(const struct kt_proc *p, int sig)
{
	if (p->pid <= 0)
		return;
	/* Not reaped yet, so the numbers are still its own. Failing means that it has ended. */
	if (getpgid(p->pid) == p->pid)
		(void)kill(-p->pid, sig);
	else
		(void)kill(p->pid, sig);
}

void kt_proc_kill(struct kt_proc *p)
{
	int saved = errno;

	if (p->pid > 0) {
		kt_proc_signal(p, SIGKILL);
		/* Fails when somebody ignores SIGCHLD, and then it is gone all the same. */
		(void)reap(p, NULL, NULL);
	}
	if (p->pidfd >= 0)
		close(p->pidfd);
	*p = (struct kt_proc)KT_PROC_NONE;
	errno = saved;
}

void kt_proc_end_format(struct kt_buf *b, const struct kt_proc_end *end)
{
	const char *name;

	if (!end->signalled) {
		kt_buf_addf(b, "exited with status %d", end->code);
		return;
	}
	name = sigabbrev_np(end->code);
	if (name)
		kt_buf_addf(b, "was killed by SIG%s", name);
	else
		kt_buf_addf(b, "was killed by signal %d", end->code);
}
