/* SPDX-License-Identifier: GPL-2.0-only */
/* Locks between processes: exclusion, sharing, waiting, and who holds one. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/unit.h"

static const struct kt_lock_opts try_exclusive = { .purpose = "test" };
static const struct kt_lock_opts try_shared = { .shared = true };

static char *lock_path(void **state)
{
	static unsigned nr;

	return kt_fmt("%s/lock%u", (const char *)*state, nr++);
}

/* flock belongs to the open file, so a second acquisition in this process conflicts like another process's. */
static void an_exclusive_lock_excludes(void **state)
{
	kt_auto(mem) char *path = lock_path(state);
	kt_auto(lock) struct kt_lock a = KT_LOCK_NONE;
	kt_auto(lock) struct kt_lock b = KT_LOCK_NONE;
	struct kt_err e = { 0 };

	assert_int_equal(kt_lock_acquire(path, &try_exclusive, &a, NULL), 0);
	assert_int_equal(kt_lock_acquire(path, &try_exclusive, &b, &e), -EWOULDBLOCK);
	assert_int_equal(kt_lock_acquire(path, &try_shared, &b, &e), -EWOULDBLOCK);
	assert_int_equal(e.nr_frames, 0);
	assert_int_equal(b.fd, -1);
	kt_lock_release(&a);
	assert_int_equal(a.fd, -1);
	assert_int_equal(kt_lock_acquire(path, &try_exclusive, &b, NULL), 0);
}

static void shared_locks_share_and_exclude_exclusive_ones(void **state)
{
	kt_auto(mem) char *path = lock_path(state);
	kt_auto(lock) struct kt_lock a = KT_LOCK_NONE;
	kt_auto(lock) struct kt_lock b = KT_LOCK_NONE;
	kt_auto(lock) struct kt_lock c = KT_LOCK_NONE;

	assert_int_equal(kt_lock_acquire(path, &try_shared, &a, NULL), 0);
	assert_int_equal(kt_lock_acquire(path, &try_shared, &b, NULL), 0);
	assert_int_equal(kt_lock_acquire(path, &try_exclusive, &c, NULL), -EWOULDBLOCK);
	kt_lock_release(&a);
	assert_int_equal(kt_lock_acquire(path, &try_exclusive, &c, NULL), -EWOULDBLOCK);
	kt_lock_release(&b);
	assert_int_equal(kt_lock_acquire(path, &try_exclusive, &c, NULL), 0);
}

static void an_exclusive_holder_is_named_in_the_file(void **state)
{
	kt_auto(mem) char *path = lock_path(state);
	kt_auto(mem) char *expected = kt_fmt("%d test", (int)getpid());
	kt_auto(lock) struct kt_lock l = KT_LOCK_NONE;
	char text[64];

	assert_int_equal(kt_lock_acquire(path, &try_exclusive, &l, NULL), 0);
	assert_true(kt_file_read_small(path, text, sizeof(text)) > 0);
	assert_string_equal(text, expected);
	kt_lock_release(&l);
	assert_int_equal(kt_file_read_small(path, text, sizeof(text)), 0);
}

static void a_long_purpose_is_cut_to_one_line(void **state)
{
	kt_auto(mem) char *path = lock_path(state);
	kt_auto(lock) struct kt_lock l = KT_LOCK_NONE;
	char purpose[1000], text[2000];
	const struct kt_lock_opts o = { .purpose = purpose };
	ssize_t n;

	memset(purpose, 'p', sizeof(purpose) - 1);
	purpose[sizeof(purpose) - 1] = '\0';
	assert_int_equal(kt_lock_acquire(path, &o, &l, NULL), 0);
	n = kt_file_read_small(path, text, sizeof(text));
	assert_true(n > 200 && n < 256);
	assert_null(strchr(text, '\n'));
}

struct holder {
	pid_t pid;
	int release_fd;
};

/* A child that holds @path until release_holder. */
static struct holder start_holder(const char *path, const char *purpose)
{
	const struct kt_lock_opts o = { .purpose = purpose };
	int ready[2], release[2];
	struct holder h;
	char c;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(release, O_CLOEXEC), 0);
	h.pid = fork();
	if (h.pid == 0) {
		struct kt_lock l = KT_LOCK_NONE;

		close(release[1]);
		if (kt_lock_acquire(path, &o, &l, NULL) < 0)
			_exit(1);
		(void)!write(ready[1], "r", 1);
		(void)!read(release[0], &c, 1);
		_exit(0); /* without kt_lock_release: the kernel does it */
	}
	close(ready[1]);
	close(release[0]);
	h.release_fd = release[1];
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return h;
}

static void release_holder(struct holder *h)
{
	close(h->release_fd);
	assert_int_equal(waitpid(h->pid, NULL, 0), h->pid);
}

struct waited {
	struct holder *holder;
	unsigned calls;
	pid_t pid;
	char purpose[64];
};

static void on_waiting(void *ctx, pid_t holder, const char *purpose)
{
	struct waited *w = ctx;

	w->calls++;
	w->pid = holder;
	(void)kt_snprintf(w->purpose, sizeof(w->purpose), "%s", purpose);
	release_holder(w->holder);
}

static void waiting_tells_the_holder_and_ends_when_it_is_gone(void **state)
{
	kt_auto(mem) char *path = lock_path(state);
	kt_auto(lock) struct kt_lock l = KT_LOCK_NONE;
	struct holder h = start_holder(path, "build 6.12");
	struct waited w = { .holder = &h };
	const struct kt_lock_opts o = { .wait = true, .waiting = on_waiting, .ctx = &w };

	assert_int_equal(kt_lock_acquire(path, &o, &l, NULL), 0);
	assert_int_equal(w.calls, 1);
	assert_int_equal(w.pid, h.pid);
	assert_string_equal(w.purpose, "build 6.12");
}

static void a_killed_holder_holds_nothing(void **state)
{
	kt_auto(mem) char *path = lock_path(state);
	kt_auto(lock) struct kt_lock l = KT_LOCK_NONE;
	struct holder h = start_holder(path, "x");

	assert_int_equal(kt_lock_acquire(path, &try_exclusive, &l, NULL), -EWOULDBLOCK);
	assert_int_equal(kill(h.pid, SIGKILL), 0);
	release_holder(&h);
	assert_int_equal(kt_lock_acquire(path, &try_exclusive, &l, NULL), 0);
}

static void a_garbled_holder_is_unknown(void **state)
{
	kt_auto(mem) char *path = lock_path(state);
	kt_auto(lock) struct kt_lock l = KT_LOCK_NONE;
	struct holder h = start_holder(path, "x");
	struct waited w = { .holder = &h };
	const struct kt_lock_opts o = { .wait = true, .waiting = on_waiting, .ctx = &w };
	kt_auto(fd) int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_int_equal(kt_write_all(fd, "-5 \xff what\n", 10), 0);
	assert_int_equal(kt_lock_acquire(path, &o, &l, NULL), 0);
	assert_int_equal(w.pid, 0);
	assert_string_equal(w.purpose, "");
}

static void ignore_signal(int sig)
{
	(void)sig;
}

static void a_signal_ends_the_waiting(void **state)
{
	kt_auto(mem) char *path = lock_path(state);
	kt_auto(mem) char *expected = kt_fmt("interrupted while waiting for the lock '%s'", path);
	kt_auto(lock) struct kt_lock l = KT_LOCK_NONE;
	struct holder h = start_holder(path, "x");
	const struct kt_lock_opts o = { .wait = true };
	const struct sigaction sa = { .sa_handler = ignore_signal };
	const struct timespec soon = { .tv_nsec = 50000000 };
	const struct itimerspec every = { .it_value = soon, .it_interval = soon };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct kt_err e = { 0 };
	timer_t timer;

	assert_int_equal(sigaction(SIGUSR1, &sa, NULL), 0);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	assert_int_equal(timer_settime(timer, 0, &every, NULL), 0);
	assert_int_equal(kt_lock_acquire(path, &o, &l, &e), -EINTR);
	timer_delete(timer);
	assert_int_equal(e.kind, KT_E_INTR);
	assert_string_equal(unit_err_text(&e), expected);
	release_holder(&h);
}

static void a_lock_file_that_cannot_be_made_is_named(void **state)
{
	kt_auto(lock) struct kt_lock l = KT_LOCK_NONE;
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(kt_lock_acquire("/nonexistent/l", &try_exclusive, &l, &e), -ENOENT);
	assert_string_equal(unit_err_text(&e),
			    "open lock '/nonexistent/l': No such file or directory");
}

static void a_lock_is_not_inherited_through_exec(void **state)
{
	kt_auto(mem) char *path = lock_path(state);
	kt_auto(lock) struct kt_lock l = KT_LOCK_NONE;

	assert_int_equal(kt_lock_acquire(path, &try_exclusive, &l, NULL), 0);
	assert_true(fcntl(l.fd, F_GETFD) & FD_CLOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exclusive_lock_excludes),
		cmocka_unit_test(shared_locks_share_and_exclude_exclusive_ones),
		cmocka_unit_test(an_exclusive_holder_is_named_in_the_file),
		cmocka_unit_test(a_long_purpose_is_cut_to_one_line),
		cmocka_unit_test(waiting_tells_the_holder_and_ends_when_it_is_gone),
		cmocka_unit_test(a_killed_holder_holds_nothing),
		cmocka_unit_test(a_garbled_holder_is_unknown),
		cmocka_unit_test(a_signal_ends_the_waiting),
		cmocka_unit_test(a_lock_file_that_cannot_be_made_is_named),
		cmocka_unit_test(a_lock_is_not_inherited_through_exec),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
