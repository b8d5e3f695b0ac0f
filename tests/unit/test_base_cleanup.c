/* SPDX-License-Identifier: GPL-2.0-only */
/* Scope cleanup: released at the end of the scope, kept when taken, errno untouched. */
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/unit.h"

struct box {
	int *freed;
};

static struct box *box_free(struct box *b)
{
	if (b)
		(*b->freed)++;
	return NULL;
}
KT_DEFINE_AUTO(box, struct box *, box_free);

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void a_descriptor_is_closed_at_the_end_of_its_scope(void **state)
{
	int number;

	(void)state;
	{
		kt_auto(fd) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		number = fd;
		assert_true(is_open(number));
	}
	assert_false(is_open(number));
}

static void a_taken_descriptor_stays_open(void **state)
{
	int number;

	(void)state;
	{
		kt_auto(fd) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		number = kt_take_fd(fd);
		assert_int_equal(fd, -1);
	}
	assert_true(is_open(number));
	close(number);
}

static void empty_values_are_accepted(void **state)
{
	kt_auto(fd) int fd = -1;
	kt_auto(mem) char *mem = NULL;
	kt_auto(file) FILE *file = NULL;
	kt_auto(dir) DIR *dir = NULL;
	kt_auto(box) struct box *box = NULL;

	(void)state;
	(void)mem;
	(void)file;
	(void)dir;
	(void)box;
	assert_int_equal(fd, -1);
}

static void cleanup_preserves_errno(void **state)
{
	(void)state;
	errno = ENODATA;
	{
		kt_auto(fd) int fd = 1 << 20; /* not open: close fails */
		kt_auto(mem) char *mem = malloc(1);

		errno = ENODATA;
		assert_non_null(mem);
		assert_int_not_equal(fd, -1);
	}
	assert_int_equal(errno, ENODATA);
}

static void files_and_directories_are_closed(void **state)
{
	int file_fd, dir_fd;

	(void)state;
	{
		kt_auto(file) FILE *file = fopen("/dev/null", "re");
		kt_auto(dir) DIR *dir = opendir("/");

		assert_non_null(file);
		assert_non_null(dir);
		file_fd = fileno(file);
		dir_fd = dirfd(dir);
	}
	assert_false(is_open(file_fd));
	assert_false(is_open(dir_fd));
}

static void an_object_is_freed_once_unless_taken(void **state)
{
	int freed = 0;
	struct box storage = { .freed = &freed };

	(void)state;
	{
		kt_auto(box) struct box *b = &storage;

		assert_non_null(b);
	}
	assert_int_equal(freed, 1);
	{
		kt_auto(box) struct box *b = &storage;
		struct box *taken = kt_take(b);

		assert_null(b);
		assert_ptr_equal(taken, &storage);
	}
	assert_int_equal(freed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_is_closed_at_the_end_of_its_scope),
		cmocka_unit_test(a_taken_descriptor_stays_open),
		cmocka_unit_test(empty_values_are_accepted),
		cmocka_unit_test(cleanup_preserves_errno),
		cmocka_unit_test(files_and_directories_are_closed),
		cmocka_unit_test(an_object_is_freed_once_unless_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
