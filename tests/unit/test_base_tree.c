/* SPDX-License-Identifier: GPL-2.0-only */
/* Removal of directory trees: links, depth, other file systems. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/unit.h"

static char *in(void **state, const char *name)
{
	return kt_fmt("%s/%s", (const char *)*state, name);
}

static void make_file(const char *path)
{
	assert_int_equal(kt_file_write_atomic(path, "x", 1, 0644, NULL), 0);
}

static void a_missing_tree_is_fine(void **state)
{
	(void)state;
	assert_int_equal(kt_remove_tree("/nonexistent/tree", NULL), 0);
}

static void a_tree_is_removed_with_all_in_it(void **state)
{
	kt_auto(mem) char *top = in(state, "top");
	kt_auto(mem) char *deep = in(state, "top/a/b/c");
	kt_auto(mem) char *file = in(state, "top/a/b/f");

	assert_int_equal(kt_mkdir_p(deep, 0755, NULL), 0);
	make_file(file);
	assert_int_equal(kt_remove_tree(top, NULL), 0);
	assert_int_equal(access(top, F_OK), -1);
}

static void a_single_file_is_removed(void **state)
{
	kt_auto(mem) char *file = in(state, "single");

	make_file(file);
	assert_int_equal(kt_remove_tree(file, NULL), 0);
	assert_int_equal(access(file, F_OK), -1);
}

static void links_are_removed_not_followed(void **state)
{
	kt_auto(mem) char *top = in(state, "linked");
	kt_auto(mem) char *link = in(state, "linked/link");
	kt_auto(mem) char *outside = in(state, "outside");
	kt_auto(mem) char *kept = in(state, "outside/kept");

	assert_int_equal(kt_mkdir_p(top, 0755, NULL), 0);
	assert_int_equal(kt_mkdir_p(outside, 0755, NULL), 0);
	make_file(kept);
	assert_int_equal(symlink(outside, link), 0);
	assert_int_equal(kt_remove_tree(top, NULL), 0);
	assert_int_equal(access(top, F_OK), -1);
	assert_int_equal(access(kept, F_OK), 0);
	/* A link given as the tree itself, too. */
	assert_int_equal(symlink(outside, top), 0);
	assert_int_equal(kt_remove_tree(top, NULL), 0);
	assert_int_equal(access(kept, F_OK), 0);
}

/* Make @nr nested directories below @top; only the innermost is ever open. */
static void make_deep(const char *top, unsigned nr)
{
	kt_auto(fd) int fd = -1;
	int next;

	assert_int_equal(kt_mkdir_p(top, 0755, NULL), 0);
	fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < nr; i++) {
		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
}

static void deep_trees_go_and_too_deep_ones_are_refused(void **state)
{
	kt_auto(mem) char *deep = in(state, "deep");
	kt_auto(mem) char *deeper = in(state, "deeper");
	kt_auto(buf) struct kt_buf half = { 0 };
	struct kt_err e = { 0 };

	make_deep(deep, 150);
	assert_int_equal(kt_remove_tree(deep, NULL), 0);
	assert_int_equal(access(deep, F_OK), -1);

	make_deep(deeper, 250);
	assert_int_equal(kt_remove_tree(deeper, &e), -ELOOP);
	assert_true(kt_starts_with(unit_err_text(&e), "remove '"));
	assert_true(kt_ends_with(unit_err_text(&e), "/d/d': Too many levels of symbolic links"));
	/* For the tear-down: what is left is short enough when taken from the middle. */
	kt_buf_adds(&half, deeper);
	for (unsigned i = 0; i < 100; i++)
		kt_buf_adds(&half, "/d");
	assert_int_equal(kt_remove_tree(kt_buf_str(&half), NULL), 0);
	assert_int_equal(kt_remove_tree(deeper, NULL), 0);
}

/* Run by a child in a mount namespace of its own; 0: as expected, 77: no such namespace to be had. */
static int remove_across_mount(const char *top, const char *mount_point)
{
	kt_auto(mem) char *expected = kt_fmt("remove '%s': Invalid cross-device link", mount_point);
	kt_auto(mem) char *kept = kt_fmt("%s/kept", mount_point);
	struct kt_err e = { 0 };

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", mount_point, "tmpfs", 0, NULL) < 0)
		return 77;
	if (kt_file_write_atomic(kept, "x", 1, 0644, NULL) < 0)
		return 1;
	if (kt_remove_tree(top, &e) != -EXDEV || strcmp(unit_err_text(&e), expected) != 0)
		return 2;
	return access(kept, F_OK) == 0 ? 0 : 3;
}

static void another_file_system_is_left_alone(void **state)
{
	kt_auto(mem) char *top = in(state, "mounts");
	kt_auto(mem) char *mount_point = in(state, "mounts/m");
	int status;
	pid_t pid;

	assert_int_equal(kt_mkdir_p(mount_point, 0755, NULL), 0);
	pid = fork();
	if (pid == 0)
		_exit(remove_across_mount(top, mount_point));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		free(kt_take(top));
		free(kt_take(mount_point));
		unit_require("mount", "no mount namespace to be had");
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void what_cannot_be_removed_is_named(void **state)
{
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(kt_remove_tree("/dev/null/x", &e), -ENOTDIR);
	assert_string_equal(unit_err_text(&e), "remove '/dev/null/x': Not a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_tree_is_fine),
		cmocka_unit_test(a_tree_is_removed_with_all_in_it),
		cmocka_unit_test(a_single_file_is_removed),
		cmocka_unit_test(links_are_removed_not_followed),
		cmocka_unit_test(deep_trees_go_and_too_deep_ones_are_refused),
		cmocka_unit_test(another_file_system_is_left_alone),
		cmocka_unit_test(what_cannot_be_removed_is_named),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
