/* SPDX-License-Identifier: GPL-2.0-only */
/* The disk is full, or whoever unpacks is killed: said with path and size, and the next one just works. */
#include "tests/unit/unpack_archive.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { CHILD_OK = 0, CHILD_NO_MOUNT = 77 };

static char *in(void **state, const char *name)
{
	return kt_fmt("%s/%s", (char *)*state, name);
}

static void make_files(unsigned nr, uint64_t bytes, struct kt_buf *out)
{
	struct archive *a = unpack_begin_tar("none", out);

	for (unsigned i = 0; i < nr; i++) {
		kt_auto(mem) char *path = kt_fmt("t/d%u/f%u", i / 50, i);

		unpack_add_member(a, &(struct member){ .path = path, .bytes = bytes });
	}
	unpack_end_tar(a);
}

static int run_child(int (*body)(void *ctx), void *ctx)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(body(ctx));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool says_where(const struct kt_err *e, const char *dir, const char *why)
{
	kt_auto(mem) char *begin = kt_fmt("write '%s/t/d", dir);
	const char *text = unit_err_text(e);

	return e->kind == KT_E_HOST && begin && kt_starts_with(text, begin) &&
	       strstr(text, " bytes so far)") && kt_ends_with(text, why);
}

struct place {
	const char *dir;
	const struct kt_buf *archive;
};

static int on_small_disk(void *ctx)
{
	struct place *p = ctx;
	struct kc_unpack *u = NULL;
	struct kt_err e = { 0 };
	int r;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", p->dir, "tmpfs", 0, "size=1m") < 0)
		return CHILD_NO_MOUNT;
	if (kc_unpack_begin(p->dir, "a.tar", NULL, &u, &e) < 0)
		return 1;
	r = unpack_feed_all(u, p->archive, 100000, &e);
	kc_unpack_free(u);
	return r == -ENOSPC && says_where(&e, p->dir, ": No space left on device") ? CHILD_OK : 2;
}

static void a_full_disk_is_said_with_path_and_size(void **state)
{
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf archive = { 0 };
	int status;

	make_files(400, 10000, &archive);
	assert_int_equal(kt_mkdir_p(dir, 0755, NULL), 0);
	status = run_child(on_small_disk, &(struct place){ .dir = dir, .archive = &archive });
	if (status == CHILD_NO_MOUNT)
		unit_require("mount", "cannot mount a tmpfs in a namespace of its own");
	assert_int_equal(status, CHILD_OK);
}

static int under_a_limit(void *ctx)
{
	const struct rlimit limit = { .rlim_cur = 5000, .rlim_max = 5000 };
	struct place *p = ctx;
	struct kc_unpack *u = NULL;
	struct kt_err e = { 0 };
	int r;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0 ||
	    kc_unpack_begin(p->dir, "a.tar", NULL, &u, &e) < 0)
		return 1;
	r = unpack_feed_all(u, p->archive, 100000, &e);
	kc_unpack_free(u);
	return r == -EFBIG && says_where(&e, p->dir, ": File too large") ? CHILD_OK : 2;
}

static void a_file_above_the_limit_of_files_is_said(void **state)
{
	kt_auto(mem) char *dir = in(state, "limit");
	kt_auto(buf) struct kt_buf archive = { 0 };

	make_files(10, 10000, &archive);
	assert_int_equal(kt_mkdir_p(dir, 0755, NULL), 0);
	assert_int_equal(run_child(under_a_limit,
				   &(struct place){ .dir = dir, .archive = &archive }),
			 CHILD_OK);
}

static void a_directory_that_is_not_there_is_said(void **state)
{
	kt_auto(mem) char *dir = in(state, "nowhere");
	kt_auto(mem) char *want = kt_fmt("open directory '%s': No such file or directory", dir);
	kt_auto(buf) struct kt_buf archive = { 0 };
	kt_auto(kc_unpack) struct kc_unpack *u = NULL;
	struct kt_err e = { 0 };

	make_files(1, 10, &archive);
	assert_int_equal(kc_unpack_begin(dir, "a.tar", NULL, &u, &e), 0);
	assert_int_equal(unpack_feed_all(u, &archive, 100, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_string_equal(unit_err_text(&e), want);
}

/* Feeds a part, tells so, and waits to be killed. */
static void unpack_and_wait(const struct place *p, size_t len, int tell)
{
	const struct kt_buf part = { .data = p->archive->data, .len = len };
	struct kc_unpack *u = NULL;

	if (kc_unpack_begin(p->dir, "a.tar", NULL, &u, NULL) < 0)
		_exit(1);
	for (size_t at = 0; at < part.len; at += 4096) {
		size_t n = part.len - at < 4096 ? part.len - at : 4096;

		if (kc_unpack_feed(u, part.data + at, n, false, NULL) < 0 ||
		    write(tell, "x", 1) != 1)
			_exit(1);
	}
	for (;;)
		pause();
}

static void kill_in_the_middle(const struct place *p, size_t len, unsigned after_steps)
{
	int fds[2], status = 0;
	pid_t pid;
	char c;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		unpack_and_wait(p, len, fds[1]);
	close(fds[1]);
	for (unsigned i = 0; i < after_steps; i++)
		assert_int_equal(read(fds[0], &c, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	close(fds[0]);
}

static void whoever_comes_after_one_that_was_killed_finds_nothing_in_the_way(void **state)
{
	kt_auto(mem) char *dir = in(state, "killed");
	kt_auto(mem) char *one = in(state, "killed/d5");
	kt_auto(buf) struct kt_buf archive = { 0 };
	const struct place p = { .dir = dir, .archive = &archive };

	make_files(300, 5000, &archive);
	for (unsigned i = 1; i <= 20; i++) {
		kt_auto(kc_unpack) struct kc_unpack *u = NULL;
		size_t len = archive.len * i / 20;
		struct kt_err e = { 0 };

		assert_int_equal(kt_remove_tree(dir, NULL), 0);
		assert_int_equal(kt_mkdir_p(dir, 0755, NULL), 0);
		kill_in_the_middle(&p, len, (unsigned)(len / 4096));
		/* The same directory, whatever is in it now. */
		assert_int_equal(kc_unpack_begin(dir, "a.tar", NULL, &u, &e), 0);
		assert_int_equal(kc_unpack_feed(u, "", 0, true, &e), 0);
		if (unpack_feed_all(u, &archive, 65536, &e) < 0)
			fail_msg("%s", unit_err_text(&e));
		assert_int_equal(unit_nr_entries(dir), 6);
		assert_int_equal(unit_nr_entries(one), 50);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_disk_is_said_with_path_and_size),
		cmocka_unit_test(a_file_above_the_limit_of_files_is_said),
		cmocka_unit_test(a_directory_that_is_not_there_is_said),
		cmocka_unit_test(whoever_comes_after_one_that_was_killed_finds_nothing_in_the_way),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
