/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole archives come out as they went in; cut and wrong ones are told from them, wherever they were cut. */
#include "tests/unit/unpack_archive.h"

static const struct member tree[] = {
	{ .path = "linux-1/", .type = AE_IFDIR, .mode = 0775 },
	{ .path = "linux-1/Makefile", .text = "VERSION = 1\nPATCHLEVEL = 2\n" },
	{ .path = "linux-1/Kconfig", .text = "config X\n" },
	{ .path = "linux-1/scripts/run.sh", .text = "#!/bin/sh\n", .mode = 06775 },
	{ .path = "linux-1/a/b/deep.c", .text = "int x;\n", .mtime = 1500000000 },
	{ .path = "linux-1/a/b/up", .symlink = "../../Makefile" },
	{ .path = "linux-1/a/here", .symlink = "b" },
	{ .path = "linux-1/a/b/same.c", .hardlink = "linux-1/a/b/deep.c" },
	{ .path = "linux-1/empty" },
	{ .path = "linux-1/tomorrow", .text = "t", .mtime = 4000000000 },
	{ .path = "linux-1/linux-1/x", .text = "the same name again" },
};
enum { NR_TREE = sizeof(tree) / sizeof(tree[0]) };

static char *in(void **state, const char *name)
{
	return kt_fmt("%s/%s", (char *)*state, name);
}

static struct stat stat_of(const char *dir, const char *name)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, name);
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st;
}

static void assert_tree(const char *dir)
{
	char target[64] = "";
	kt_auto(mem) char *up = kt_fmt("%s/a/b/up", dir);

	unpack_assert_text(dir, "Makefile", "VERSION = 1\nPATCHLEVEL = 2\n");
	unpack_assert_text(dir, "a/b/deep.c", "int x;\n");
	unpack_assert_text(dir, "a/here/deep.c", "int x;\n");
	unpack_assert_text(dir, "a/b/same.c", "int x;\n");
	unpack_assert_text(dir, "empty", "");
	unpack_assert_text(dir, "linux-1/x", "the same name again");
	assert_int_equal(readlink(up, target, sizeof(target) - 1), strlen("../../Makefile"));
	assert_string_equal(target, "../../Makefile");
	assert_int_equal(unit_nr_entries(dir), 7);
}

static void assert_unpacks(const char *dir, const struct kt_buf *archive)
{
	struct kt_err e = { 0 };

	if (unpack_into(dir, archive, &kc_unpack_limits, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	assert_tree(dir);
}

static const char *const filters[] = { "xz", "zstd", "gzip", "bzip2", "none" };
enum { NR_FILTERS = sizeof(filters) / sizeof(filters[0]) };

static void every_compression_unpacks_without_its_top_directory(void **state)
{
	kt_auto(mem) char *dir = in(state, "t");

	for (size_t i = 0; i < NR_FILTERS; i++) {
		kt_auto(buf) struct kt_buf archive = { 0 };

		unpack_make_tar(tree, NR_TREE, filters[i], &archive);
		assert_unpacks(dir, &archive);
	}
}

static void modes_and_times_are_as_a_build_needs_them(void **state)
{
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf archive = { 0 };
	mode_t mask = umask(022);
	time_t now = time(NULL);

	unpack_make_tar(tree, NR_TREE, "gzip", &archive);
	assert_unpacks(dir, &archive);
	umask(mask);
	assert_int_equal(stat_of(dir, "Makefile").st_mode, S_IFREG | 0644);
	assert_int_equal(stat_of(dir, "scripts/run.sh").st_mode, S_IFREG | 0755);
	assert_int_equal(stat_of(dir, "a").st_mode, S_IFDIR | 0755);
	assert_int_equal(stat_of(dir, "Makefile").st_uid, geteuid());
	assert_int_equal(stat_of(dir, "a/b/deep.c").st_mtime, 1500000000);
	assert_int_equal(stat_of(dir, "a/b/deep.c").st_nlink, 2);
	assert_in_range(stat_of(dir, "tomorrow").st_mtime, now, now + 600);
}

static void several_tops_are_fine_when_they_are_a_kernel(void **state)
{
	static const struct member members[] = {
		{ .path = "./Makefile", .text = "M" },
		{ .path = "./Kconfig", .text = "K" },
		{ .path = "./kernel//./sched/ext.c", .text = "x" },
		{ .path = "./top", .symlink = "kernel" },
		{ .path = "./kernel/up", .symlink = "../Makefile" },
	};
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf archive = { 0 }, other = { 0 };
	struct kt_err e = { 0 };

	unpack_make_tar(members, 5, "xz", &archive);
	assert_int_equal(unpack_into(dir, &archive, &kc_unpack_limits, &e), 0);
	unpack_assert_text(dir, "top/sched/ext.c", "x");
	unpack_assert_text(dir, "kernel/up", "M");
	unpack_make_tar(members + 1, 2, "xz", &other);
	assert_int_equal(unpack_into(dir, &other, &kc_unpack_limits, &e), -EBADMSG);
	assert_string_equal(
		unit_err_text(&e),
		"'a.tar' is no kernel source: it has no single directory at its top, and no Makefile and Kconfig there");
}

static void a_later_member_replaces_an_earlier_one(void **state)
{
	static const struct member members[] = {
		{ .path = "t/x", .text = "old" },        { .path = "t/y", .hardlink = "t/x" },
		{ .path = "t/x", .text = "new" },        { .path = "t/l", .symlink = "x" },
		{ .path = "t/l", .text = "no link" },    { .path = "t/d", .text = "file first" },
		{ .path = "t/d", .symlink = "nowhere" },
	};
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf archive = { 0 };
	struct kt_err e = { 0 };

	unpack_make_tar(members, 7, "none", &archive);
	if (unpack_into(dir, &archive, &kc_unpack_limits, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	unpack_assert_text(dir, "x", "new");
	unpack_assert_text(dir, "y", "old");
	unpack_assert_text(dir, "l", "no link");
	assert_true(S_ISLNK(stat_of(dir, "d").st_mode));
}

static void long_names_and_sparse_files_come_out(void **state)
{
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf archive = { 0 }, name = { 0 };
	struct kt_err e = { 0 };
	struct member members[] = {
		{ .path = NULL, .text = "long" },
		{ .path = "t/sparse", .text = "end", .hole = 1 << 20 },
		{ .path = "t/hole", .bytes = 4096 },
	};

	kt_buf_adds(&name, "t");
	for (int i = 0; i < 30; i++)
		kt_buf_addf(&name, "/a-rather-long-directory-%02d", i);
	members[0].path = kt_buf_str(&name);
	unpack_make_tar(members, 3, "zstd", &archive);
	if (unpack_into(dir, &archive, &kc_unpack_limits, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	unpack_assert_text(dir, kt_buf_str(&name) + 2, "long");
	assert_int_equal(stat_of(dir, "sparse").st_size, (1 << 20) + 3);
	assert_int_equal(stat_of(dir, "hole").st_size, 4096);
}

/* ---- Debian's packages ---- */

static void make_deb(const char *outer, const char *inner, const char *inner_name,
		     struct kt_buf *ret)
{
	kt_auto(buf) struct kt_buf tar = { 0 }, data = { 0 }, version = { 0 };
	kt_auto(mem) char *name = kt_fmt("./usr/src/%s", inner_name);
	kt_auto(mem) char *data_name = kt_fmt("data.tar.%s", outer);
	const struct member patch = { .path = "./usr/src/linux-patch-1.patch.xz", .text = "no" };
	struct archive *a = unpack_begin_tar(outer, &data);
	struct archive_entry *entry = archive_entry_new();

	unpack_make_tar(tree, NR_TREE, inner, &tar);
	unpack_add_member(a, &patch);
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (la_int64_t)tar.len);
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, tar.data, tar.len), tar.len);
	archive_entry_free(entry);
	unpack_add_member(a, &(struct member){ .path = "./usr/share/doc/copyright", .text = "c" });
	unpack_end_tar(a);
	kt_buf_adds(&version, "2.0\n");
	kt_buf_adds(ret, "!<arch>\n");
	unpack_add_ar(ret, "debian-binary", &version);
	unpack_add_ar(ret, "control.tar.xz", &version);
	unpack_add_ar(ret, data_name, &data);
}

static void a_debian_package_gives_the_source_in_it(void **state)
{
	static const char *const outers[] = { "xz", "zstd", "gzip", "none" };
	kt_auto(mem) char *dir = in(state, "t");

	for (size_t i = 0; i < 4; i++) {
		for (size_t n = 0; n < NR_FILTERS; n++) {
			kt_auto(buf) struct kt_buf deb = { 0 };

			make_deb(outers[i], filters[n], "linux-source-1.2.tar.xz", &deb);
			assert_unpacks(dir, &deb);
		}
	}
}

static void a_package_without_source_says_so(void **state)
{
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf deb = { 0 }, none = { 0 };
	struct kt_err e = { 0 };

	make_deb("xz", "xz", "linux-headers-1.2.tar.xz", &deb);
	assert_int_equal(unpack_into(dir, &deb, &kc_unpack_limits, &e), -EBADMSG);
	assert_string_equal(unit_err_text(&e),
			    "there is no usr/src/linux-source-*.tar.* in the package 'a.tar'");
	kt_buf_adds(&none, "!<arch>\n");
	assert_int_equal(unpack_into(dir, &none, &kc_unpack_limits, &e), -EBADMSG);
	assert_string_equal(unit_err_text(&e), "'a.tar' is no Debian package: it has no data.tar");
}

/* ---- cut, damaged, not an archive ---- */

/* More than one block of every compression, and not of one kind only. */
static void add_bulk(struct archive *a)
{
	unsigned seed = 1;

	for (int i = 0; i < 200; i++) {
		kt_auto(mem) char *path = kt_fmt("linux-1/bulk/%03d", i);
		char text[2000];

		for (size_t n = 0; n < sizeof(text) - 1; n++) {
			seed = seed * 1103515245 + 12345;
			text[n] = (char)('a' + (seed >> 16) % (i % 2 ? 26 : 3));
		}
		text[sizeof(text) - 1] = '\0';
		unpack_add_member(a, &(struct member){ .path = path, .text = text });
	}
}

static void make_bulk(const char *filter, struct kt_buf *out)
{
	struct archive *a = unpack_begin_tar(filter, out);

	for (size_t i = 0; i < NR_TREE; i++)
		unpack_add_member(a, &tree[i]);
	add_bulk(a);
	unpack_end_tar(a);
}

static void assert_cut(const char *dir, const struct kt_buf *whole, size_t len, const char *what)
{
	const struct kt_buf part = { .data = whole->data, .len = len };
	struct kt_err e = { 0 };
	int r = unpack_into(dir, &part, &kc_unpack_limits, &e);

	if (r != -EBADMSG || e.kind != KT_E_KERNEL)
		fail_msg("%s, %zu of %zu bytes: %d %s", what, len, whole->len, r,
			 r < 0 ? unit_err_text(&e) : "");
}

static void what_is_cut_anywhere_is_noticed(void **state)
{
	kt_auto(mem) char *dir = in(state, "t");

	for (size_t i = 0; i < NR_FILTERS; i++) {
		kt_auto(buf) struct kt_buf archive = { 0 };

		make_bulk(filters[i], &archive);
		for (unsigned n = 0; n < 64; n++)
			assert_cut(dir, &archive, archive.len * n / 64, filters[i]);
		assert_cut(dir, &archive, archive.len - 1, filters[i]);
	}
}

static void a_package_that_is_cut_anywhere_is_noticed(void **state)
{
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf deb = { 0 };

	make_deb("xz", "gzip", "linux-source-1.2.tar.gz", &deb);
	for (unsigned n = 0; n < 64; n++)
		assert_cut(dir, &deb, deb.len * n / 64, "deb");
	assert_cut(dir, &deb, deb.len - 2, "deb");
}

/* Between two members nothing but the missing end tells that there was more. */
static void a_tar_cut_between_members_is_noticed(void **state)
{
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf archive = { 0 };
	struct kt_err e = { 0 };

	unpack_make_tar(tree, 3, "none", &archive);
	/* A directory, and two files of one block each, then the end of two blocks. */
	assert_int_equal(archive.len, (1 + 2 + 2 + 2) * 512);
	for (size_t blocks = 1; blocks <= 6; blocks++)
		assert_cut(dir, &archive, blocks * 512, "tar");
	assert_int_equal(unpack_into(dir, &archive, &kc_unpack_limits, &e), 0);
}

static void flipped_bits_never_give_another_tree(void **state)
{
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf archive = { 0 };

	unpack_make_tar(tree, NR_TREE, "xz", &archive);
	for (size_t at = 12; at < archive.len; at += 7) {
		struct kt_err e = { 0 };

		archive.data[at] ^= 0x10;
		if (unpack_into(dir, &archive, &kc_unpack_limits, &e) == 0)
			assert_tree(dir); /* in padding, or a field without meaning */
		else
			assert_int_equal(e.kind, KT_E_KERNEL);
		archive.data[at] ^= 0x10;
	}
}

static void what_is_no_archive_says_so(void **state)
{
	static const char *const texts[] = {
		"", "x", "<!DOCTYPE html><html>not here</html>", "\x1f\x8b", "\xfd\x37zXZ",
	};
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf zeros = { 0 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		kt_auto(buf) struct kt_buf b = { 0 };
		struct kt_err e = { 0 };

		kt_buf_adds(&b, texts[i]);
		assert_int_equal(unpack_into(dir, &b, &kc_unpack_limits, &e), -EBADMSG);
		assert_int_equal(e.kind, KT_E_KERNEL);
		assert_true(kt_starts_with(unit_err_text(&e), "'a.tar' is "));
		assert_int_equal(unit_nr_entries(dir), 0);
	}
	for (int i = 0; i < 10240; i++)
		kt_buf_addc(&zeros, '\0');
	assert_int_equal(unpack_into(dir, &zeros, &kc_unpack_limits, NULL), -EBADMSG);
}

/* ---- how it is fed ---- */

static void any_size_of_pieces_will_do(void **state)
{
	static const size_t steps[] = { 1, 7, 512, 100000 };
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf archive = { 0 };

	unpack_make_tar(tree, NR_TREE, "xz", &archive);
	for (size_t i = 0; i < 4; i++) {
		kt_auto(kc_unpack) struct kc_unpack *u = NULL;

		assert_int_equal(kt_remove_tree(dir, NULL), 0);
		assert_int_equal(kt_mkdir_p(dir, 0755, NULL), 0);
		assert_int_equal(kc_unpack_begin(dir, "a", NULL, &u, NULL), 0);
		assert_int_equal(unpack_feed_all(u, &archive, steps[i], NULL), 0);
		assert_tree(dir);
	}
}

static void a_restart_forgets_all_that_came(void **state)
{
	static const struct member wrong[] = { { .path = "wrong/x", .text = "wrong" } };
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf archive = { 0 }, other = { 0 };
	kt_auto(kc_unpack) struct kc_unpack *u = NULL;
	struct kt_err e = { 0 };

	make_bulk("gzip", &other);
	unpack_make_tar(tree, NR_TREE, "xz", &archive);
	assert_int_equal(kt_remove_tree(dir, NULL), 0);
	assert_int_equal(kt_mkdir_p(dir, 0755, NULL), 0);
	assert_int_equal(kc_unpack_begin(dir, "a", NULL, &u, &e), 0);
	for (size_t part = 0; part <= 8; part++) {
		/* Some of it, with bytes of the new beginning or without. */
		assert_int_equal(kc_unpack_feed(u, other.data, other.len * part / 8, part > 0, &e),
				 0);
		assert_int_equal(kc_unpack_feed(u, "", 0, part % 2, &e), 0);
	}
	/* After a failure too. */
	kt_buf_reset(&other);
	unpack_make_tar(wrong, 1, "none", &other);
	assert_int_equal(kc_unpack_feed(u, other.data, 700, true, &e), 0);
	assert_int_equal(kc_unpack_end(u, &e), -EBADMSG);
	assert_int_equal(kc_unpack_feed(u, "x", 1, false, &e), -EBADMSG);
	assert_int_equal(kc_unpack_feed(u, archive.data, 1, true, &e), 0);
	assert_int_equal(kc_unpack_feed(u, archive.data + 1, archive.len - 1, false, &e), 0);
	assert_int_equal(kc_unpack_end(u, &e), 0);
	assert_tree(dir);
	assert_int_equal(kc_unpack_feed(u, "x", 1, false, &e), -EINVAL);
}

static void who_stops_in_the_middle_waits_for_nothing(void **state)
{
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf archive = { 0 };

	make_bulk("zstd", &archive);
	for (size_t part = 0; part <= 4; part++) {
		struct kc_unpack *u = NULL;

		assert_int_equal(kt_remove_tree(dir, NULL), 0);
		assert_int_equal(kt_mkdir_p(dir, 0755, NULL), 0);
		assert_int_equal(kc_unpack_begin(dir, "a", NULL, &u, NULL), 0);
		assert_int_equal(
			kc_unpack_feed(u, archive.data, archive.len * part / 4, false, NULL), 0);
		kc_unpack_free(u);
	}
}

struct seen {
	unsigned steps, counts;
	uint64_t done, total;
};

static void on_step(void *ctx, const char *what)
{
	struct seen *s = ctx;

	assert_string_equal(what, "unpack a");
	s->steps++;
}

static void on_count(void *ctx, uint64_t done, uint64_t total, double seconds_left)
{
	struct seen *s = ctx;

	(void)seconds_left;
	s->counts++;
	s->done = done;
	s->total = total;
}

/* What is done before anybody could look needs no progress; what is not ends with all of it. */
static void progress_is_told_by_who_waits(void **state)
{
	struct seen seen = { 0 };
	const struct kc_progress p = { .step = on_step, .count = on_count, .ctx = &seen };
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf archive = { 0 };
	kt_auto(kc_unpack) struct kc_unpack *u = NULL;
	struct archive *a = unpack_begin_tar("gzip", &archive);
	uint64_t files, bytes;

	for (int i = 0; i < 60; i++)
		add_bulk(a); /* each replaces the one before */
	unpack_end_tar(a);
	assert_int_equal(kt_remove_tree(dir, NULL), 0);
	assert_int_equal(kt_mkdir_p(dir, 0755, NULL), 0);
	assert_int_equal(kc_unpack_begin(dir, "a", &p, &u, NULL), 0);
	assert_int_equal(unpack_feed_all(u, &archive, 1 << 20, NULL), 0);
	kc_unpack_written(u, &files, &bytes);
	assert_int_equal(files, 60 * 200);
	assert_int_equal(bytes, 60 * 200 * 4096);
	assert_in_range(seen.steps, 0, 1);
	if (seen.steps) {
		assert_int_equal(seen.done, files);
		assert_int_equal(seen.total, files);
	} else {
		assert_int_equal(seen.counts, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_compression_unpacks_without_its_top_directory),
		cmocka_unit_test(modes_and_times_are_as_a_build_needs_them),
		cmocka_unit_test(several_tops_are_fine_when_they_are_a_kernel),
		cmocka_unit_test(a_later_member_replaces_an_earlier_one),
		cmocka_unit_test(long_names_and_sparse_files_come_out),
		cmocka_unit_test(a_debian_package_gives_the_source_in_it),
		cmocka_unit_test(a_package_without_source_says_so),
		cmocka_unit_test(what_is_cut_anywhere_is_noticed),
		cmocka_unit_test(a_package_that_is_cut_anywhere_is_noticed),
		cmocka_unit_test(a_tar_cut_between_members_is_noticed),
		cmocka_unit_test(flipped_bits_never_give_another_tree),
		cmocka_unit_test(what_is_no_archive_says_so),
		cmocka_unit_test(any_size_of_pieces_will_do),
		cmocka_unit_test(a_restart_forgets_all_that_came),
		cmocka_unit_test(who_stops_in_the_middle_waits_for_nothing),
		cmocka_unit_test(progress_is_told_by_who_waits),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
