/* SPDX-License-Identifier: GPL-2.0-only */
/* Child processes: start, descriptors, environment, groups, deadlines, ends, and that none is left. */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "tests/unit/unit.h"

enum { LONG_MS = 20000, MAX = 65536 };

#define SH(script) \
	(const char *const[]) \
	{ \
		"sh", "-c", script, NULL \
	}

/* Run and expect exit status 0 and @expected on stdout. */
static void assert_prints(const struct kt_proc_opts *o, const char *expected)
{
	kt_auto(buf) struct kt_buf out = { 0 };
	struct kt_proc_end end;
	struct kt_err e = { 0 };

	assert_int_equal(kt_proc_run(o, LONG_MS, MAX, &out, NULL, &end, &e), 0);
	assert_string_equal(kt_buf_str(&out), expected);
	assert_false(end.signalled);
	assert_int_equal(end.code, 0);
}

static void output_and_status_are_collected(void **state)
{
	const struct kt_proc_opts o = { .argv = SH("echo out; echo err >&2; exit 3") };
	kt_auto(buf) struct kt_buf out = { 0 };
	kt_auto(buf) struct kt_buf err = { 0 };
	kt_auto(buf) struct kt_buf text = { 0 };
	struct kt_proc_end end;

	(void)state;
	assert_int_equal(kt_proc_run(&o, LONG_MS, MAX, &out, &err, &end, NULL), 0);
	assert_string_equal(kt_buf_str(&out), "out\n");
	assert_string_equal(kt_buf_str(&err), "err\n");
	assert_int_equal(end.code, 3);
	assert_true(end.max_rss_kib > 0);
	kt_proc_end_format(&text, &end);
	assert_string_equal(kt_buf_str(&text), "exited with status 3");
}

static void death_by_signal_is_told_by_name(void **state)
{
	const struct kt_proc_opts o = { .argv = SH("kill -SEGV $$") };
	kt_auto(buf) struct kt_buf text = { 0 };
	struct kt_proc_end end;

	(void)state;
	assert_int_equal(kt_proc_run(&o, LONG_MS, 0, NULL, NULL, &end, NULL), 0);
	assert_true(end.signalled);
	assert_int_equal(end.code, SIGSEGV);
	kt_proc_end_format(&text, &end);
	kt_buf_addc(&text, ' ');
	kt_proc_end_format(&text, &(struct kt_proc_end){ .signalled = true, .code = 50 });
	assert_string_equal(kt_buf_str(&text), "was killed by SIGSEGV was killed by signal 50");
}

static void a_missing_program_is_known_at_the_start(void **state)
{
	const struct kt_proc_opts in_path = { .argv = (const char *const[]){ "no-such-program",
									     NULL } };
	const struct kt_proc_opts by_file = { .argv = (const char *const[]){ "/no/such/program",
									     NULL } };
	const struct kt_proc_opts empty = { .argv = (const char *const[]){ "", NULL } };
	struct kt_proc p = KT_PROC_NONE;
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(kt_proc_start(&in_path, &p, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(unit_err_text(&e), "start 'no-such-program': not found in PATH");
	assert_int_equal(kt_proc_start(&by_file, &p, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(unit_err_text(&e),
			    "start '/no/such/program': No such file or directory");
	assert_int_equal(kt_proc_start(&empty, &p, &e), -ENOENT);
	assert_int_equal(p.pid, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG),
			 -1); /* the child that failed to exec is reaped */
	assert_int_equal(errno, ECHILD);
}

static void a_file_that_is_no_program_is_refused(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/not-executable", (const char *)*state);
	kt_auto(mem) char *expected = kt_fmt("start '%s': Permission denied", path);
	const struct kt_proc_opts o = { .argv = (const char *const[]){ path, NULL } };
	struct kt_proc p = KT_PROC_NONE;
	struct kt_err e = { 0 };

	assert_int_equal(kt_file_write_atomic(path, "x", 1, 0644, NULL), 0);
	assert_int_equal(kt_proc_start(&o, &p, &e), -EACCES);
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(unit_err_text(&e), expected);
}

static void it_runs_in_the_directory_asked_for(void **state)
{
	const struct kt_proc_opts o = { .argv = SH("pwd -P"), .cwd = "/proc" };
	const struct kt_proc_opts missing = { .argv = SH("true"), .cwd = "/no/such/dir" };
	struct kt_proc p = KT_PROC_NONE;
	struct kt_err e = { 0 };

	(void)state;
	assert_prints(&o, "/proc\n");
	assert_int_equal(kt_proc_start(&missing, &p, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_string_equal(unit_err_text(&e),
			    "start 'sh' in directory '/no/such/dir': No such file or directory");
}

static void environment_settings_come_on_top_of_ours(void **state)
{
	const char *const set[] = { "KT_A=new", "KT_C=added", "KT_D", "KT_E", NULL };
	const struct kt_proc_opts o = {
		.argv = SH("echo $KT_A $KT_B $KT_C ${KT_D-gone}; env | grep -c '^KT_[ADE]='"),
		.env_set = set
	};

	(void)state;
	setenv("KT_A", "old", 1);
	setenv("KT_B", "kept", 1);
	setenv("KT_D", "to be taken out", 1);
	assert_prints(&o, "new kept added gone\n1\n");
}

static void stdin_is_null_unless_given(void **state)
{
	const struct kt_proc_opts null_in = { .argv = SH("readlink /proc/self/fd/0") };
	int fds[2];

	(void)state;
	assert_prints(&null_in, "/dev/null\n");
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(kt_write_all(fds[1], "given", 5), 0);
	close(fds[1]);
	assert_prints(&(struct kt_proc_opts){ .argv = SH("cat"), .stdin_fd = fds[0] }, "given");
	close(fds[0]);
}

static int open_text(void **state, const char *text)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", (const char *)*state, text);
	int fd;

	assert_int_equal(kt_file_write_atomic(path, text, strlen(text), 0644, NULL), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void descriptors_may_change_places(void **state)
{
	int a = open_text(state, "first"), b = open_text(state, "second"),
	    same = open_text(state, "same");
	kt_auto(mem) char *script = kt_fmt("cat <&%d; cat <&%d; cat <&%d", a, b, same);
	const struct kt_proc_fd fds[] = { { a, b }, { b, a }, { same, -1 } };
	const struct kt_proc_opts o = { .argv = SH(script), .fds = fds, .nr_fds = 3 };

	assert_prints(&o, "secondfirstsame");
	assert_true(fcntl(same, F_GETFD) & FD_CLOEXEC); /* cleared in the child only */
	close(a);
	close(b);
	close(same);
}

static void nothing_else_is_inherited(void **state)
{
	int leaky = open_text(state, "leaky");
	/* 3 is ls's own descriptor on the directory. */
	const struct kt_proc_opts o = { .argv = (const char *const[]){ "ls", "/proc/self/fd",
								       NULL } };

	assert_int_equal(fcntl(leaky, F_SETFD, 0), 0);
	assert_true(leaky >= 3);
	assert_prints(&o, "0\n1\n2\n3\n");
	close(leaky);
}

static void signal_state_is_reset(void **state)
{
	/* Not 32 and above: the C library lets nobody touch its own two, which we may have been given ignored. */
	const struct kt_proc_opts o = {
		.argv = SH("while read key value; do case $key in SigBlk:|SigIgn:) "
			   "echo $key $((0x$value & 0x7fffffff));; esac; done </proc/self/status"),
	};
	sigset_t set, old;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	assert_prints(&o, "SigBlk: 0\nSigIgn: 0\n");
	sigprocmask(SIG_SETMASK, NULL, &set);
	assert_true(sigismember(&set, SIGTERM)); /* ours is as it was */
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
}

static void a_wait_that_is_too_short_leaves_it_running(void **state)
{
	const struct kt_proc_opts o = { .argv = (const char *const[]){ "sleep", "60", NULL } };
	kt_auto(proc) struct kt_proc p = KT_PROC_NONE;
	struct kt_err e = { 0 };
	struct kt_proc_end end;
	pid_t pid;

	(void)state;
	assert_int_equal(kt_proc_start(&o, &p, NULL), 0);
	assert_int_equal(kt_proc_wait(&p, 10, &end, &e), -ETIMEDOUT);
	assert_int_equal(e.nr_frames, 0);
	pid = p.pid;
	assert_int_equal(getpgid(pid), pid);
	kt_proc_signal(&p, SIGTERM);
	assert_int_equal(kt_proc_wait(&p, LONG_MS, &end, NULL), 0);
	assert_true(end.signalled);
	assert_int_equal(end.code, SIGTERM);
	assert_int_equal(p.pid, 0);
	assert_int_equal(p.pidfd, -1);
	assert_int_equal(kill(pid, 0), -1);
}

static void the_pidfd_says_when_it_has_ended(void **state)
{
	const struct kt_proc_opts o = { .argv = SH("exit 0") };
	kt_auto(proc) struct kt_proc p = KT_PROC_NONE;
	struct pollfd pfd = { .events = POLLIN };

	(void)state;
	assert_int_equal(kt_proc_start(&o, &p, NULL), 0);
	pfd.fd = p.pidfd;
	assert_int_equal(poll(&pfd, 1, LONG_MS), 1);
	assert_true(fcntl(p.pidfd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(kt_proc_wait(&p, 0, NULL, NULL), 0);
}

/* Wait until nobody holds the write end of @fd's pipe; false: somebody still does. */
static bool pipe_is_abandoned(int fd)
{
	struct pollfd pfd = { .fd = fd };
	return poll(&pfd, 1, LONG_MS) == 1 && (pfd.revents & POLLHUP);
}

static void killing_takes_the_whole_group(void **state)
{
	int fds[2];
	char c;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	const struct kt_proc_fd held = { fds[1], 9 };
	const struct kt_proc_opts o = { .argv = SH("sleep 60 & echo x >&9; wait"),
					.fds = &held,
					.nr_fds = 1 };
	struct kt_proc p = KT_PROC_NONE;

	assert_int_equal(kt_proc_start(&o, &p, NULL), 0);
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(read(fds[0], &c, 1), 1); /* the newline */
	errno = ENODATA;
	kt_proc_kill(&p);
	assert_int_equal(errno, ENODATA);
	assert_int_equal(p.pid, 0);
	assert_true(pipe_is_abandoned(fds[0]));
	close(fds[0]);
	kt_proc_kill(&p); /* none: nothing happens */
	kt_proc_signal(&p, SIGKILL);
}

static void keep_group_stays_in_ours_and_dies_alone(void **state)
{
	const struct kt_proc_opts o = { .argv = (const char *const[]){ "sleep", "60", NULL },
					.keep_group = true };
	struct kt_proc p = KT_PROC_NONE;

	(void)state;
	assert_int_equal(kt_proc_start(&o, &p, NULL), 0);
	assert_int_equal(getpgid(p.pid), getpgrp());
	kt_proc_kill(&p); /* were it our group that is killed, we would not be here */
	assert_int_equal(p.pid, 0);
}

/* A process in between starts a sleeper that holds a pipe, then dies by SIGKILL. */
static pid_t die_after_starting(bool outlive, int pipe_fd)
{
	const struct kt_proc_fd held = { pipe_fd, 9 };
	const struct kt_proc_opts o = {
		.argv = SH("echo $$ >&9; exec sleep 60"),
		.fds = &held,
		.nr_fds = 1,
		.outlive = outlive,
	};
	struct kt_proc p = KT_PROC_NONE;
	pid_t pid = fork();

	if (pid == 0) {
		if (kt_proc_start(&o, &p, NULL) == 0)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	return pid;
}

static void a_child_dies_with_its_parent(void **state)
{
	int fds[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = die_after_starting(false, fds[1]);
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(pipe_is_abandoned(fds[0]));
	close(fds[0]);
}

/* The process that starts it dies; all of a guarded group must, too. */
static void a_guarded_group_ends_with_whoever_started_it(void **state)
{
	int fds[2], status;
	char c;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		const struct kt_proc_fd held = { fds[1], 9 };
		const struct kt_proc_opts o = {
			.argv = SH("(sleep 60 & sleep 60) & trap '' TERM; echo >&9; sleep 60"),
			.fds = &held,
			.nr_fds = 1,
			.guard = true,
		};
		struct kt_proc p = KT_PROC_NONE;

		if (kt_proc_start(&o, &p, NULL) == 0)
			pause();
		_exit(1);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(pipe_is_abandoned(fds[0]));
	close(fds[0]);
}

static void a_guarded_program_is_like_any_other(void **state)
{
	const struct kt_proc_opts missing = { .argv = SH("true"),
					      .cwd = "/no/such/dir",
					      .guard = true };
	const struct kt_proc_opts fails = { .argv = SH("echo out; echo err >&2; exit 3"),
					    .guard = true };
	const struct kt_proc_opts crashes = { .argv = SH("sleep 60 & kill -SEGV $$"),
					      .guard = true };
	const struct kt_proc_opts clean = {
		.argv = (const char *const[]){ "ls", "/proc/self/fd", NULL }, .guard = true
	};
	kt_auto(buf) struct kt_buf out = { 0 };
	kt_auto(buf) struct kt_buf err = { 0 };
	struct kt_proc p = KT_PROC_NONE;
	struct kt_proc_end end;
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(kt_proc_start(&missing, &p, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_int_equal(kt_proc_run(&fails, LONG_MS, MAX, &out, &err, &end, NULL), 0);
	assert_false(end.signalled);
	assert_int_equal(end.code, 3);
	assert_string_equal(kt_buf_str(&out), "out\n");
	assert_string_equal(kt_buf_str(&err), "err\n");
	assert_int_equal(kt_proc_run(&crashes, LONG_MS, 0, NULL, NULL, &end, NULL), 0);
	assert_true(end.signalled);
	assert_int_equal(end.code, SIGSEGV);
	assert_prints(&clean, "0\n1\n2\n3\n");
}

/* What the guard holds open would otherwise outlive those who use it: the ends of pipes, and locks. */
static void a_guard_holds_nothing_of_ours(void **state)
{
	const struct kt_proc_opts o = { .argv = SH("exec sleep 60"), .guard = true };
	kt_auto(proc) struct kt_proc p = KT_PROC_NONE;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, 0), 0);
	assert_int_equal(kt_proc_start(&o, &p, NULL), 0);
	close(fds[1]);
	assert_true(pipe_is_abandoned(fds[0]));
	close(fds[0]);
	kt_proc_signal(&p, SIGTERM);
	assert_int_equal(kt_proc_wait(&p, LONG_MS, NULL, NULL), 0);
}

static void a_child_that_may_outlive_does(void **state)
{
	int fds[2], status;
	unsigned sleeper = 0;
	char text[16];
	ssize_t n;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = die_after_starting(true, fds[1]);
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	n = read(fds[0], text, sizeof(text) - 1);
	assert_true(n > 1);
	text[n - 1] = '\0';
	assert_int_equal(kt_parse_uint(text, 2, INT32_MAX, &sleeper), 0);
	assert_int_equal(kill((pid_t)sleeper, SIGKILL), 0);
	assert_true(pipe_is_abandoned(fds[0]));
	close(fds[0]);
}

static void a_run_past_its_deadline_is_killed_and_says_so(void **state)
{
	const struct kt_proc_opts o = { .argv = SH("echo before; sleep 60") };
	kt_auto(buf) struct kt_buf out = { 0 };
	struct kt_proc_end end;
	struct kt_err e = { 0 };
	uint64_t start = kt_now_ns();

	(void)state;
	assert_int_equal(kt_proc_run(&o, 300, MAX, &out, NULL, &end, &e), -ETIMEDOUT);
	assert_true(kt_now_ns() - start < UINT64_C(30000000000));
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(unit_err_text(&e), "'sh' did not end within 300 ms");
	assert_string_equal(kt_buf_str(&out), "before\n");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void output_past_the_cap_is_cut_and_does_not_block(void **state)
{
	const struct kt_proc_opts o = {
		.argv = SH("head -c 1000000 /dev/zero | tr '\\0' x; echo end >&2")
	};
	kt_auto(buf) struct kt_buf out = { 0 };
	kt_auto(buf) struct kt_buf err = { 0 };
	struct kt_proc_end end;

	(void)state;
	assert_int_equal(kt_proc_run(&o, LONG_MS, 1000, &out, &err, &end, NULL), 0);
	assert_int_equal(out.len, 1000);
	assert_int_equal(strspn(out.data, "x"), 1000);
	assert_string_equal(kt_buf_str(&err), "end\n");
	assert_int_equal(end.code, 0);
}

static void a_background_grandchild_does_not_keep_a_run_waiting(void **state)
{
	const struct kt_proc_opts o = { .argv = SH("sleep 5 & echo done") };
	uint64_t start = kt_now_ns();

	(void)state;
	assert_prints(&o, "done\n");
	assert_true(kt_now_ns() - start < UINT64_C(4000000000));
}

static void runs_leave_no_descriptors_behind(void **state)
{
	const struct kt_proc_opts good = { .argv = SH("echo x; echo y >&2") };
	const struct kt_proc_opts bad = { .argv = (const char *const[]){ "/no/such/program",
									 NULL } };
	int before = dup(STDOUT_FILENO), after;

	(void)state;
	close(before);
	for (int i = 0; i < 5; i++) {
		kt_auto(buf) struct kt_buf out = { 0 };
		kt_auto(buf) struct kt_buf err = { 0 };
		struct kt_proc_end end;

		assert_int_equal(kt_proc_run(&good, LONG_MS, MAX, &out, &err, &end, NULL), 0);
		assert_int_equal(kt_proc_run(&bad, LONG_MS, MAX, &out, &err, &end, NULL), -ENOENT);
	}
	after = dup(STDOUT_FILENO);
	close(after);
	assert_int_equal(after, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_status_are_collected),
		cmocka_unit_test(death_by_signal_is_told_by_name),
		cmocka_unit_test(a_missing_program_is_known_at_the_start),
		cmocka_unit_test(a_file_that_is_no_program_is_refused),
		cmocka_unit_test(it_runs_in_the_directory_asked_for),
		cmocka_unit_test(environment_settings_come_on_top_of_ours),
		cmocka_unit_test(stdin_is_null_unless_given),
		cmocka_unit_test(descriptors_may_change_places),
		cmocka_unit_test(nothing_else_is_inherited),
		cmocka_unit_test(signal_state_is_reset),
		cmocka_unit_test(a_wait_that_is_too_short_leaves_it_running),
		cmocka_unit_test(the_pidfd_says_when_it_has_ended),
		cmocka_unit_test(killing_takes_the_whole_group),
		cmocka_unit_test(keep_group_stays_in_ours_and_dies_alone),
		cmocka_unit_test(a_child_dies_with_its_parent),
		cmocka_unit_test(a_guarded_group_ends_with_whoever_started_it),
		cmocka_unit_test(a_guarded_program_is_like_any_other),
		cmocka_unit_test(a_guard_holds_nothing_of_ours),
		cmocka_unit_test(a_child_that_may_outlive_does),
		cmocka_unit_test(a_run_past_its_deadline_is_killed_and_says_so),
		cmocka_unit_test(output_past_the_cap_is_cut_and_does_not_block),
		cmocka_unit_test(a_background_grandchild_does_not_keep_a_run_waiting),
		cmocka_unit_test(runs_leave_no_descriptors_behind),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
