/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading, atomic replacement, copying, directories; full disks by a file size limit. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char path_buf[4][512];

/* A path in the group's directory; four can be in use at a time. */
static const char *in(void **state, const char *name)
{
	static unsigned next;
	char *path = path_buf[next++ % 4];

	snprintf(path, sizeof(path_buf[0]), "%s/%s", (const char *)*state, name);
	return path;
}

static void write_file(const char *path, const char *text)
{
	assert_int_equal(kt_file_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static void a_file_reads_back_whole(void **state)
{
	const char *path = in(state, "whole");
	kt_auto(buf) struct kt_buf b = { 0 };

	write_file(path, "some\ntext");
	kt_buf_adds(&b, "before ");
	assert_int_equal(kt_file_read(path, 9, &b, NULL), 0);
	assert_string_equal(kt_buf_str(&b), "before some\ntext");
}

static void a_file_over_the_limit_is_refused(void **state)
{
	const char *path = in(state, "limit");
	kt_auto(buf) struct kt_buf b = { 0 };
	kt_auto(mem) char *expected = kt_fmt("read '%s' (limit 4 bytes): File too large", path);
	struct kt_err e = { 0 };

	write_file(path, "12345");
	assert_int_equal(kt_file_read(path, 4, &b, &e), -EFBIG);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_string_equal(unit_err_text(&e), expected);
}

static void reading_what_is_not_there_names_it(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(kt_file_read("/nonexistent/f", 10, &b, &e), -ENOENT);
	assert_string_equal(unit_err_text(&e), "open '/nonexistent/f': No such file or directory");
	assert_int_equal(kt_file_read("/", 10, &b, &e), -EISDIR);
	assert_string_equal(unit_err_text(&e), "read '/': Is a directory");
}

static int fill_backwards(void *ctx, int fd)
{
	if (ftruncate(fd, 8) < 0 || pwrite(fd, "end", 3, 5) != 3 || pwrite(fd, "a", 1, 0) != 1)
		return -errno;
	return *(int *)ctx;
}

static void a_file_is_replaced_by_what_its_writer_makes_of_it_or_not_at_all(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/made", (char *)*state);
	kt_auto(mem) char *want = kt_fmt("write a file for '%s': No space left on device", path);
	kt_auto(buf) struct kt_buf got = { 0 };
	struct kt_err e = { 0 };
	int result = 0;

	assert_int_equal(kt_file_replace(path, fill_backwards, &result, &e), 0);
	assert_int_equal(kt_file_read(path, 100, &got, NULL), 0);
	assert_int_equal(got.len, 8);
	assert_memory_equal(got.data, "a\0\0\0\0end", 8);
	assert_int_equal(kt_file_write_atomic(path, "old", 3, 0644, NULL), 0);
	result = -ENOSPC;
	assert_int_equal(kt_file_replace(path, fill_backwards, &result, &e), -ENOSPC);
	assert_string_equal(unit_err_text(&e), want);
	got.len = 0;
	assert_int_equal(kt_file_read(path, 100, &got, NULL), 0);
	assert_string_equal(kt_buf_str(&got), "old");
}

static void small_reads_strip_one_newline(void **state)
{
	const char *path = in(state, "small");
	char buf[8];

	write_file(path, "on\n\n");
	assert_int_equal(kt_file_read_small(path, buf, sizeof(buf)), 3);
	assert_string_equal(buf, "on\n");
	assert_int_equal(kt_file_read_small(path, buf, 3), 2);
	assert_string_equal(buf, "on");
	assert_int_equal(kt_file_read_small("/nonexistent", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(kt_file_read_small(path, buf, 0), -EINVAL);
	write_file(path, "");
	assert_int_equal(kt_file_read_small(path, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
}

static void replacing_leaves_only_the_new_file(void **state)
{
	const char *dir = in(state, "replace"), *path = in(state, "replace/f");
	kt_auto(buf) struct kt_buf b = { 0 };
	struct stat st;

	assert_int_equal(mkdir(dir, 0755), 0);
	write_file(path, "a longer old text");
	umask(022);
	assert_int_equal(kt_file_write_atomic(path, "new", 3, 0666, NULL), 0);
	assert_int_equal(kt_file_read(path, 100, &b, NULL), 0);
	assert_string_equal(kt_buf_str(&b), "new");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(unit_nr_entries(dir), 1);
}

static void a_relative_name_without_a_slash_works(void **state)
{
	int cwd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	assert_int_equal(chdir(*state), 0);
	r = kt_file_write_atomic("bare", "x", 1, 0644, NULL);
	assert_int_equal(fchdir(cwd), 0);
	close(cwd);
	assert_int_equal(r, 0);
	assert_int_equal(access(in(state, "bare"), F_OK), 0);
}

static void replacing_in_a_missing_directory_names_the_file(void **state)
{
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(kt_file_write_atomic("/nonexistent/f", "x", 1, 0644, &e), -ENOENT);
	assert_string_equal(
		unit_err_text(&e),
		"create a temporary file for '/nonexistent/f': No such file or directory");
}

static void a_directory_is_not_replaced_by_a_file(void **state)
{
	const char *dir = in(state, "occupied"), *path = in(state, "occupied/d");
	kt_auto(mem) char *expected = kt_fmt("replace '%s': Is a directory", path);
	struct kt_err e = { 0 };

	assert_int_equal(kt_mkdir_p(path, 0755, NULL), 0);
	assert_int_equal(kt_file_write_atomic(path, "x", 1, 0644, &e), -EISDIR);
	assert_string_equal(unit_err_text(&e), expected);
	assert_int_equal(unit_nr_entries(dir), 1);
}

/* Run by a child, whose file size limit stands for a full disk. Its exit status is 0 when all was as expected. */
static int write_too_much(const char *path)
{
	const struct rlimit limit = { .rlim_cur = 4096, .rlim_max = 4096 };
	kt_auto(mem) char *expected = kt_fmt("write 10000 bytes for '%s': File too large", path);
	char data[10000] = { 0 };
	struct kt_err e = { 0 };

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 1;
	if (kt_file_write_atomic(path, data, sizeof(data), 0644, &e) != -EFBIG)
		return 2;
	return strcmp(unit_err_text(&e), expected) == 0 ? 0 : 3;
}

static void a_failed_write_keeps_the_old_file_and_no_temporary(void **state)
{
	const char *dir = in(state, "full"), *path = in(state, "full/f");
	kt_auto(buf) struct kt_buf b = { 0 };
	int status;
	pid_t pid;

	assert_int_equal(mkdir(dir, 0755), 0);
	write_file(path, "old");
	pid = fork();
	if (pid == 0)
		_exit(write_too_much(path));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(kt_file_read(path, 100, &b, NULL), 0);
	assert_string_equal(kt_buf_str(&b), "old");
	assert_int_equal(unit_nr_entries(dir), 1);
}

static void writing_all_survives_short_writes(void **state)
{
	char data[100000], back[1000];
	size_t total = 0;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	(void)state;
	memset(data, 'x', sizeof(data));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		_exit(-kt_write_all(fds[1], data, sizeof(data)));
	close(fds[1]);
	while ((n = read(fds[0], back, sizeof(back))) > 0)
		total += (size_t)n;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(total, sizeof(data));
	assert_int_equal(kt_write_all(-1, data, 1), -EBADF);
	assert_int_equal(kt_write_all(-1, data, 0), 0);
}

static void copying_takes_the_rest_of_a_file(void **state)
{
	const char *from_path = in(state, "from"), *to_path = in(state, "to");
	kt_auto(fd) int from = -1;
	kt_auto(fd) int to = -1;
	kt_auto(buf) struct kt_buf b = { 0 };

	write_file(from_path, "0123456789");
	from = open(from_path, O_RDONLY | O_CLOEXEC);
	to = open(to_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(lseek(from, 4, SEEK_SET), 4);
	assert_int_equal(kt_copy_fd(from, to), 0);
	assert_int_equal(kt_file_read(to_path, 100, &b, NULL), 0);
	assert_string_equal(kt_buf_str(&b), "456789");
}

static void copying_works_from_proc_and_from_pipes(void **state)
{
	const char *to_path = in(state, "proc-copy");
	kt_auto(fd) int from = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	kt_auto(fd) int to = open(to_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	kt_auto(buf) struct kt_buf b = { 0 };
	int fds[2];

	assert_int_equal(kt_copy_fd(from, to), 0);
	assert_int_equal(kt_file_read(to_path, 100000, &b, NULL), 0);
	assert_true(kt_starts_with(kt_buf_str(&b), "Name:"));

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(kt_write_all(fds[1], "piped", 5), 0);
	close(fds[1]);
	assert_int_equal(ftruncate(to, 0), 0);
	assert_int_equal(lseek(to, 0, SEEK_SET), 0);
	assert_int_equal(kt_copy_fd(fds[0], to), 0);
	close(fds[0]);
	kt_buf_reset(&b);
	assert_int_equal(kt_file_read(to_path, 100, &b, NULL), 0);
	assert_string_equal(kt_buf_str(&b), "piped");
}

static void copying_to_a_read_only_descriptor_fails(void **state)
{
	const char *path = in(state, "ro");
	kt_auto(fd) int from = -1;
	kt_auto(fd) int to = -1;

	write_file(path, "x");
	from = open(path, O_RDONLY | O_CLOEXEC);
	to = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(kt_copy_fd(from, to), -EBADF);
}

static void directories_are_made_with_their_parents(void **state)
{
	struct stat st;

	umask(022);
	assert_int_equal(kt_mkdir_p(in(state, "p/q//r/"), 0777, NULL), 0);
	assert_int_equal(kt_mkdir_p(in(state, "p/q/r"), 0777, NULL), 0);
	assert_int_equal(stat(in(state, "p/q/r"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(kt_mkdir_p("/", 0755, NULL), 0);
	assert_int_equal(kt_mkdir_p(".", 0755, NULL), 0);
}

static void a_file_in_the_way_of_a_directory_is_an_error(void **state)
{
	const char *path = in(state, "file/d");
	kt_auto(mem) char *expected = kt_fmt("make directory '%s': Not a directory", path);
	struct kt_err e = { 0 };

	write_file(in(state, "file"), "");
	assert_int_equal(kt_mkdir_p(path, 0755, &e), -ENOTDIR);
	assert_string_equal(unit_err_text(&e), expected);
	assert_int_equal(kt_mkdir_p("", 0755, &e), -ENOENT);
	assert_string_equal(unit_err_text(&e), "make directory '': No such file or directory");
}

static void syncing_a_directory_that_is_none_is_an_error(void **state)
{
	struct kt_err e = { 0 };

	assert_int_equal(kt_fsync_dir(*state, NULL), 0);
	assert_int_equal(kt_fsync_dir("/dev/null", &e), -ENOTDIR);
	assert_string_equal(unit_err_text(&e), "open directory '/dev/null': Not a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_reads_back_whole),
		cmocka_unit_test(a_file_over_the_limit_is_refused),
		cmocka_unit_test(reading_what_is_not_there_names_it),
		cmocka_unit_test(a_file_is_replaced_by_what_its_writer_makes_of_it_or_not_at_all),
		cmocka_unit_test(small_reads_strip_one_newline),
		cmocka_unit_test(replacing_leaves_only_the_new_file),
		cmocka_unit_test(a_relative_name_without_a_slash_works),
		cmocka_unit_test(replacing_in_a_missing_directory_names_the_file),
		cmocka_unit_test(a_directory_is_not_replaced_by_a_file),
		cmocka_unit_test(a_failed_write_keeps_the_old_file_and_no_temporary),
		cmocka_unit_test(writing_all_survives_short_writes),
		cmocka_unit_test(copying_takes_the_rest_of_a_file),
		cmocka_unit_test(copying_works_from_proc_and_from_pipes),
		cmocka_unit_test(copying_to_a_read_only_descriptor_fails),
		cmocka_unit_test(directories_are_made_with_their_parents),
		cmocka_unit_test(a_file_in_the_way_of_a_directory_is_an_error),
		cmocka_unit_test(syncing_a_directory_that_is_none_is_an_error),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
