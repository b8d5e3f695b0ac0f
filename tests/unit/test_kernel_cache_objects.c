/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects that are used again: what a build that was killed has made is not believed, all else is. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/build/build.h"

static void put(const char *dir, const char *name, bool old)
{
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, name);

	assert_int_equal(kt_file_write_atomic(path, "x", 1, 0644, NULL), 0);
	if (old)
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool is_there(const char *dir, const char *name)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, name);

	return access(path, F_OK) == 0;
}

/* An object of an earlier build, and one that was compiled again when the build was killed. */
static void make_objects(const char *dir)
{
	static const char *const dirs[] = { "kernel", "include/config", "tools/objtool" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		kt_auto(mem) char *path = kt_fmt("%s/%s", dir, dirs[i]);

		assert_int_equal(kt_mkdir_p(path, 0755, NULL), 0);
	}
	put(dir, "kernel/old.o", true);
	put(dir, "kernel/.old.o.cmd", true);
	put(dir, "kernel/half.o", false);
	put(dir, "kernel/.half.o.cmd", true);
	put(dir, "kernel/memory.o", true);
	put(dir, "kernel/.memory.o.cmd", false);
	put(dir, "include/config/SMP", false);
	put(dir, "tools/objtool/objtool", true);
}

static void what_a_killed_build_made_is_made_again(void **state)
{
	kt_auto(mem) char *dir = kt_fmt("%s/objects/x", (char *)*state);

	assert_int_equal(kc_objects_begin(dir, NULL), 0);
	make_objects(dir);
	/* Killed here; the next two, one of which is killed as well: */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kc_objects_begin(dir, NULL), 0);
		assert_true(is_there(dir, "kernel/.old.o.cmd"));
		assert_false(is_there(dir, "kernel/.half.o.cmd"));
		assert_false(is_there(dir, "kernel/.memory.o.cmd"));
		assert_true(is_there(dir, "kernel/half.o"));
		assert_true(is_there(dir, "include/config/SMP"));
		assert_false(is_there(dir, "tools"));
		put(dir, "kernel/.half.o.cmd", false);
	}
}

static void what_a_build_made_that_ended_is_kept(void **state)
{
	kt_auto(mem) char *dir = kt_fmt("%s/objects/x", (char *)*state);

	assert_int_equal(kc_objects_begin(dir, NULL), 0);
	make_objects(dir);
	kc_objects_end(dir);
	assert_int_equal(kc_objects_begin(dir, NULL), 0);
	assert_true(is_there(dir, "kernel/.half.o.cmd"));
	assert_true(is_there(dir, "kernel/.memory.o.cmd"));
	assert_true(is_there(dir, "tools/objtool/objtool"));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, unit_tmp_setup, unit_tmp_teardown)
	const struct CMUnitTest tests[] = {
		T(what_a_killed_build_made_is_made_again),
		T(what_a_build_made_that_ended_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
