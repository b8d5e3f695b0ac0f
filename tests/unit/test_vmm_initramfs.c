/* SPDX-License-Identifier: GPL-2.0-only */
/* Initramfs archives: their contents read back, their names, and the libraries of real programs. */
#include "tests/unit/unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"
#include "vmm/internal.h"

/* ---- reading back ---- */

struct entry {
	char path[256];
	unsigned mode;
	uint64_t size;
	char start[64];
};
struct listing {
	struct entry e[128];
	size_t nr;
};

static struct listing *read_back(struct archive *a)
{
	struct listing *l = calloc(1, sizeof(*l));
	struct archive_entry *ae;

	assert_non_null(l);
	while (archive_read_next_header(a, &ae) == ARCHIVE_OK) {
		struct entry *e = &l->e[l->nr++];

		assert_true(l->nr < 128);
		(void)kt_snprintf(e->path, sizeof(e->path), "%s", archive_entry_pathname(ae));
		e->mode = archive_entry_mode(ae);
		e->size = (uint64_t)archive_entry_size(ae);
		assert_true(archive_read_data(a, e->start, sizeof(e->start) - 1) >= 0);
		assert_int_equal(archive_entry_mtime(ae), 0);
		assert_int_equal(archive_entry_uid(ae), 0);
		assert_int_equal(archive_entry_gid(ae), 0);
	}
	assert_string_equal(archive_format_name(a), "ASCII cpio (SVR4 with no CRC)");
	archive_read_free(a);
	return l;
}

static struct archive *reader(void)
{
	struct archive *a = archive_read_new();

	assert_int_equal(archive_read_support_format_cpio(a), ARCHIVE_OK);
	return a;
}

static struct listing *read_buf(const struct kt_buf *b)
{
	struct archive *a = reader();

	assert_int_equal(archive_read_open_memory(a, b->data, b->len), ARCHIVE_OK);
	return read_back(a);
}

static struct listing *read_path(const char *path)
{
	struct archive *a = reader();

	assert_int_equal(archive_read_open_filename(a, path, 65536), ARCHIVE_OK);
	return read_back(a);
}

static const struct entry *find(const struct listing *l, const char *path)
{
	const struct entry *found = NULL;

	for (size_t i = 0; i < l->nr; i++) {
		if (strcmp(l->e[i].path, path) == 0) {
			assert_null(found); /* nothing is there twice */
			found = &l->e[i];
		}
	}
	return found;
}

static const struct entry *must_find(const struct listing *l, const char *path)
{
	const struct entry *e = find(l, path);

	if (!e) {
		fail_msg("no '%s' in the archive", path);
		abort(); /* not reached: for those who do not know fail_msg */
	}
	return e;
}

/* ---- archives in memory ---- */

static void files_come_with_their_directories_modes_and_bytes(void **state)
{
	const struct vm_initrd_file files[] = {
		{ .guest_path = "/ktstr/plan", .data = "a plan", .len = 6 },
		{ .guest_path = "/ktstr//./deep/../deep/tool",
		  .data = "#!",
		  .len = 2,
		  .mode = 0750 },
		{ .guest_path = "/empty" },
	};
	struct kt_buf b = { 0 };
	struct listing *l;
	const struct entry *e;

	(void)state;
	assert_int_equal(vm_initramfs_build(files, 3, &b, NULL), 0);
	assert_int_equal(b.len % 512, 0);
	assert_memory_equal(b.data, "070701", 6);
	l = read_buf(&b);
	assert_int_equal(l->nr, 5);
	assert_string_equal(l->e[0].path, "ktstr");
	assert_int_equal(l->e[0].mode, S_IFDIR | 0755);
	e = must_find(l, "ktstr/plan");
	assert_int_equal(e->mode, S_IFREG | 0644);
	assert_string_equal(e->start, "a plan");
	e = must_find(l, "ktstr/deep/tool");
	assert_int_equal(e->mode, S_IFREG | 0750);
	assert_int_equal(must_find(l, "empty")->size, 0);
	free(l);
	kt_buf_done(&b);
}

static void a_file_that_is_there_twice_is_our_mistake(void **state)
{
	const struct vm_initrd_file files[] = { { .guest_path = "/a/b" },
						{ .guest_path = "/a/./b" } };
	struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(vm_initramfs_build(files, 2, &b, &e), -EEXIST);
	assert_int_equal(e.kind, KT_E_INTERNAL);
	assert_string_equal(unit_err_text(&e),
			    "build an initramfs: '/a/./b' is twice in the initramfs");
	kt_buf_done(&b);
}

static void a_missing_file_is_named(void **state)
{
	const struct vm_initrd_file file = { .guest_path = "/a", .host_path = "/nowhere/a" };
	struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(vm_initramfs_build(&file, 1, &b, &e), -ENOENT);
	assert_string_equal(unit_err_text(&e),
			    "build an initramfs: open '/nowhere/a': No such file or directory");
	kt_buf_done(&b);
}

/* ---- the cached base ---- */

static unsigned files_in(const char *dir)
{
	kt_auto(mem) char *path = kt_fmt("%s/initramfs", dir);
	kt_auto(dir) DIR *d = opendir(path);
	unsigned nr = 0;

	while (d) {
		struct dirent *de = readdir(d);

		if (!de)
			break;
		nr += de->d_name[0] != '.';
		assert_null(strstr(de->d_name, ".new."));
	}
	return nr;
}

static void the_base_is_named_by_its_contents(void **state)
{
	kt_auto(mem) char *cache = kt_fmt("%s/named", (char *)*state);
	kt_auto(mem) char *file = kt_fmt("%s/f", (char *)*state);
	struct vm_initrd_file f = { .guest_path = "/f", .host_path = file };
	char *first = NULL, *again = NULL, *other = NULL;
	struct stat one, two;

	assert_int_equal(kt_file_write_atomic(file, "one", 3, 0600, NULL), 0);
	assert_int_equal(vm_initramfs_base(cache, &f, 1, &first, NULL), 0);
	assert_int_equal(stat(first, &one), 0);
	assert_int_equal(kt_file_write_atomic(file, "one", 3, 0644, NULL), 0);
	assert_int_equal(vm_initramfs_base(cache, &f, 1, &again, NULL), 0);
	assert_string_equal(first, again);
	assert_int_equal(stat(first, &two), 0);
	assert_int_equal(one.st_ino, two.st_ino); /* found, not built */
	assert_int_equal(files_in(cache), 1);
	assert_int_equal(kt_file_write_atomic(file, "two", 3, 0644, NULL), 0);
	assert_int_equal(vm_initramfs_base(cache, &f, 1, &other, NULL), 0);
	assert_string_not_equal(first, other);
	free(other);
	f.mode = 0755;
	assert_int_equal(vm_initramfs_base(cache, &f, 1, &other, NULL), 0);
	assert_int_equal(files_in(cache), 3);
	free(first);
	free(again);
	free(other);
}

static void set_age(const char *path, time_t days)
{
	struct timespec t[2] = { { .tv_sec = time(NULL) - days * 24 * 3600 - 60 } };

	t[1] = t[0];
	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void what_was_not_used_for_long_goes_when_another_is_built(void **state)
{
	kt_auto(mem) char *cache = kt_fmt("%s/old", (char *)*state);
	kt_auto(mem) char *half_made = kt_fmt("%s/initramfs/.new.abcdef", cache);
	kt_auto(mem) char *others = kt_fmt("%s/initramfs/README", cache);
	struct vm_initrd_file f = { .guest_path = "/f" };
	char *path[4] = { NULL };

	for (unsigned i = 0; i < 3; i++) {
		f.mode = 0700 + i;
		assert_int_equal(vm_initramfs_base(cache, &f, 1, &path[i], NULL), 0);
	}
	assert_int_equal(kt_file_write_atomic(half_made, "", 0, 0600, NULL), 0);
	assert_int_equal(kt_file_write_atomic(others, "", 0, 0600, NULL), 0);
	set_age(path[0], 14);
	set_age(path[1], 14);
	set_age(path[2], 13);
	set_age(half_made, 1);
	set_age(others, 100);
	free(path[1]);
	f.mode = 0701; /* used again */
	assert_int_equal(vm_initramfs_base(cache, &f, 1, &path[1], NULL), 0);
	assert_int_equal(access(path[0], F_OK), 0); /* nothing was built */
	f.mode = 0703;
	assert_int_equal(vm_initramfs_base(cache, &f, 1, &path[3], NULL), 0);
	assert_int_not_equal(access(path[0], F_OK), 0);
	assert_int_not_equal(access(half_made, F_OK), 0);
	assert_int_equal(access(others, F_OK), 0);
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(access(path[i], F_OK), 0);
	for (unsigned i = 0; i < 4; i++)
		free(path[i]);
}

static void many_at_once_make_one_whole_file(void **state)
{
	kt_auto(mem) char *cache = kt_fmt("%s/race", (char *)*state);
	const struct vm_initrd_file f = { .guest_path = "/bin/bash",
					  .host_path = "/bin/bash",
					  .libraries = true };
	kt_auto(mem) char *path = NULL;
	struct listing *l;
	pid_t pid[4];
	int status;

	for (int i = 0; i < 4; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			_exit(vm_initramfs_base(cache, &f, 1, &path, NULL) == 0 ? 0 : 1);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(vm_initramfs_base(cache, &f, 1, &path, NULL), 0);
	assert_int_equal(files_in(cache), 1);
	l = read_path(path);
	assert_non_null(find(l, "bin/bash"));
	free(l);
}

static void a_cache_that_cannot_be_written_is_an_error(void **state)
{
	kt_auto(mem) char *cache = kt_fmt("%s/file", (char *)*state);
	const struct vm_initrd_file f = { .guest_path = "/f" };
	char *path = NULL;
	struct kt_err e = { 0 };

	assert_int_equal(kt_file_write_atomic(cache, "", 0, 0600, NULL), 0);
	assert_int_equal(vm_initramfs_base(cache, &f, 1, &path, &e), -ENOTDIR);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_null(path);
}

/* ---- libraries ---- */

static void bash_comes_with_its_loader_and_libraries(void **state)
{
	const struct vm_initrd_file f = { .guest_path = "/bin/bash",
					  .host_path = "/bin/bash",
					  .libraries = true };
	kt_auto(mem) char *path = NULL;
	const struct entry *e;
	bool libc = false;
	struct listing *l;

	assert_int_equal(vm_initramfs_base(*state, &f, 1, &path, NULL), 0);
	l = read_path(path);
	e = must_find(l, "bin/bash");
	assert_int_equal(e->mode, S_IFREG | 0755);
	assert_memory_equal(e->start, "\177ELF", 4);
	assert_non_null(find(l, "lib64/ld-linux-x86-64.so.2"));
	for (size_t i = 0; i < l->nr; i++)
		libc |= kt_ends_with(l->e[i].path, "/libc.so.6");
	assert_true(libc);
	free(l);
}

/* Compile @source to @out; extra words may be NULL. */
static void compile(const char *dir, const char *source, const char *out, const char *w1,
		    const char *w2, const char *w3)
{
	kt_auto(mem) char *c = kt_fmt("%s/source.c", dir);
	const char *cc = getenv("CC");
	const char *argv[] = { cc && *cc ? cc : "cc", "-o", out, c, w1, w2, w3, NULL };
	struct kt_proc_end end;

	assert_int_equal(kt_file_write_atomic(c, source, strlen(source), 0600, NULL), 0);
	if (kt_proc_run(&(struct kt_proc_opts){ .argv = argv }, 60000, 4096, NULL, NULL, &end,
			NULL) < 0)
		unit_require("cc", "no C compiler");
	assert_int_equal(end.code, 0);
}

/*
 * prog (RPATH $ORIGIN/lib) needs libkt-one.so there, which needs libkt-two.so and finds it by a
 * RUNPATH of its own, $ORIGIN/deep: the program's RPATH does not lead there.
 */
static void origin_is_of_each_file_here_and_there(void **state)
{
	kt_auto(mem) char *dir = kt_fmt("%s/origin", (char *)*state);
	kt_auto(mem) char *deep = kt_fmt("%s/lib/deep", dir);
	kt_auto(mem) char *one = kt_fmt("%s/lib/libkt-one.so", dir);
	kt_auto(mem) char *two = kt_fmt("%s/libkt-two.so", deep);
	kt_auto(mem) char *prog = kt_fmt("%s/prog", dir);
	const struct vm_initrd_file f = { .guest_path = "/ktstr/prog",
					  .host_path = prog,
					  .libraries = true };
	struct kt_buf b = { 0 };
	struct kt_err e = { 0 };
	struct listing *l;

	assert_int_equal(kt_mkdir_p(deep, 0700, NULL), 0);
	compile(dir, "int two(void){return 2;}", two, "-shared", "-fPIC",
		"-Wl,-soname,libkt-two.so");
	compile(dir, "int two(void); int one(void){return two();}", one, "-shared", two,
		"-Wl,-soname,libkt-one.so,--enable-new-dtags,-rpath,$ORIGIN/deep");
	compile(dir, "int one(void); int main(void){return one();}", prog, one,
		"-Wl,--disable-new-dtags,-rpath,${ORIGIN}/lib", "-Wl,--allow-shlib-undefined");
	if (vm_initramfs_build(&f, 1, &b, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	l = read_buf(&b);
	assert_non_null(find(l, "ktstr/prog"));
	assert_non_null(find(l, "ktstr/lib/libkt-one.so"));
	assert_non_null(find(l, "ktstr/lib/deep/libkt-two.so"));
	free(l);
	kt_buf_done(&b);
}

static void a_missing_library_is_named_with_who_needs_it(void **state)
{
	kt_auto(mem) char *dir = kt_fmt("%s/missing", (char *)*state);
	kt_auto(mem) char *lib = kt_fmt("%s/libkt-gone.so", dir);
	kt_auto(mem) char *prog = kt_fmt("%s/prog", dir);
	kt_auto(mem) char *want = NULL;
	const struct vm_initrd_file f = { .guest_path = "/ktstr/prog",
					  .host_path = prog,
					  .libraries = true };
	struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	assert_int_equal(kt_mkdir_p(dir, 0700, NULL), 0);
	compile(dir, "int one(void){return 2;}", lib, "-shared", "-fPIC",
		"-Wl,-soname,libkt-gone.so");
	compile(dir, "int one(void); int main(void){return one();}", prog, lib, NULL, NULL);
	assert_int_equal(vm_initramfs_build(&f, 1, &b, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_TOOL);
	want = kt_fmt("build an initramfs: library 'libkt-gone.so', needed by '%s', is not found",
		      prog);
	assert_string_equal(unit_err_text(&e), want);
	kt_buf_done(&b);
}

static void what_is_no_elf_file_has_no_libraries(void **state)
{
	kt_auto(mem) char *script = kt_fmt("%s/script", (char *)*state);
	kt_auto(mem) char *want =
		kt_fmt("build an initramfs: '%s' is not an ELF program or library", script);
	const struct vm_initrd_file f = { .guest_path = "/s",
					  .host_path = script,
					  .libraries = true };
	struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	assert_int_equal(kt_file_write_atomic(script, "#!/bin/sh\n", 10, 0700, NULL), 0);
	assert_int_equal(vm_initramfs_build(&f, 1, &b, &e), -ENOEXEC);
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(unit_err_text(&e), want);
	kt_buf_done(&b);
}

/* Every byte of the first pages of a real program, damaged: an error or a list, never a crash. */
static void damaged_elf_files_are_survived(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/damaged", (char *)*state);
	struct kt_buf bash = { 0 };

	assert_int_equal(kt_file_read("/bin/sh", 16 << 20, &bash, NULL), 0);
	for (size_t i = 0; i < 1024; i += 3) {
		kt_auto(cpio_list) struct vm_cpio_list l = { 0 };
		kt_auto(fd) int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0700);
		char saved = bash.data[i];

		bash.data[i] = (char)(saved ^ (i % 2 ? 0xff : 0x10));
		assert_int_equal(kt_write_all(fd, bash.data, i % 5 ? bash.len : bash.len / 2), 0);
		(void)vm_elf_closure(path, "/damaged", &l, NULL);
		bash.data[i] = saved;
	}
	kt_buf_done(&bash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_come_with_their_directories_modes_and_bytes),
		cmocka_unit_test(a_file_that_is_there_twice_is_our_mistake),
		cmocka_unit_test(a_missing_file_is_named),
		cmocka_unit_test(the_base_is_named_by_its_contents),
		cmocka_unit_test(many_at_once_make_one_whole_file),
		cmocka_unit_test(what_was_not_used_for_long_goes_when_another_is_built),
		cmocka_unit_test(a_cache_that_cannot_be_written_is_an_error),
		cmocka_unit_test(bash_comes_with_its_loader_and_libraries),
		cmocka_unit_test(origin_is_of_each_file_here_and_there),
		cmocka_unit_test(a_missing_library_is_named_with_who_needs_it),
		cmocka_unit_test(what_is_no_elf_file_has_no_libraries),
		cmocka_unit_test(damaged_elf_files_are_survived),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
