/* SPDX-License-Identifier: GPL-2.0-only */
/* Archives that want to write elsewhere, or to fill the disk: refused by name, with nothing outside touched. */
#include "tests/unit/unpack_archive.h"

static char *in(void **state, const char *name)
{
	return kt_fmt("%s/%s", (char *)*state, name);
}

/* The place that attacks aim at, beside the directory that is unpacked into. */
static void make_outside(void **state)
{
	kt_auto(mem) char *dir = in(state, "outside");
	kt_auto(mem) char *file = in(state, "outside/file");

	assert_int_equal(kt_remove_tree(dir, NULL), 0);
	assert_int_equal(kt_mkdir_p(dir, 0755, NULL), 0);
	assert_int_equal(kt_file_write_atomic(file, "kept", 4, 0600, NULL), 0);
}

static void assert_outside(void **state)
{
	kt_auto(mem) char *dir = in(state, "outside");
	kt_auto(mem) char *file = in(state, "outside/file");
	struct stat st;

	unpack_assert_text(dir, "file", "kept");
	assert_int_equal(unit_nr_entries(dir), 1);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_nlink, 1);
	/* "t", "outside". */
	assert_int_equal(unit_nr_entries(*state), 2);
}

static void assert_refused(void **state, const struct member *members, size_t nr,
			   const char *member, const char *why)
{
	kt_auto(mem) char *want =
		kt_fmt("'a.tar' is not safe to unpack: member '%s' %s", member, why);
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf archive = { 0 };
	struct kt_err e = { 0 };

	make_outside(state);
	unpack_make_tar(members, nr, "gzip", &archive);
	assert_int_equal(unpack_into(dir, &archive, &kc_unpack_limits, &e), -EBADMSG);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_string_equal(unit_err_text(&e), want);
	assert_outside(state);
}

#define assert_all_refused(state, name_, why_, ...) \
	do { \
		const struct member members[] = { __VA_ARGS__ }; \
		assert_refused(state, members, sizeof(members) / sizeof(members[0]), name_, why_); \
	} while (0)

static void paths_out_of_the_tree_are_refused(void **state)
{
	kt_auto(mem) char *absolute = in(state, "outside/file");

	assert_all_refused(state, absolute, "has an absolute path",
			   { .path = absolute, .text = "evil" });
	assert_all_refused(state, "../outside/file", "has '..' in its path",
			   { .path = "../outside/file", .text = "evil" });
	assert_all_refused(state, "t/../../outside/file", "has '..' in its path",
			   { .path = "t/../../outside/file", .text = "evil" });
	assert_all_refused(state, "t/../", "has '..' in its path",
			   { .path = "t/..", .type = AE_IFDIR });
	assert_all_refused(state, "./../x", "has '..' in its path", { .path = "t/x" },
			   { .path = "./../x", .symlink = "y" });
	assert_all_refused(state, "./", "has no name", { .path = "./", .symlink = "y" });
}

static void links_out_of_the_tree_are_refused(void **state)
{
	kt_auto(mem) char *absolute = in(state, "outside");

	assert_all_refused(state, "t/l", "is a symbolic link to an absolute path",
			   { .path = "t/l", .symlink = absolute });
	assert_all_refused(state, "t/l", "is a symbolic link out of the tree",
			   { .path = "t/l", .symlink = "../../outside" });
	assert_all_refused(state, "t/a/l", "is a symbolic link out of the tree",
			   { .path = "t/a/l", .symlink = "./.././//../../outside" });
	/* Into the directory that is taken away, so out of what stays. */
	assert_all_refused(state, "t/l", "is a symbolic link out of the tree",
			   { .path = "t/l", .symlink = "../outside" });
	assert_all_refused(state, "t/l", "is a symbolic link out of the tree",
			   { .path = "t/l", .symlink = ".." });
	/* Each is inside by its text; together they would not be. */
	assert_all_refused(state, "t/e", "is a symbolic link with '..' after a name",
			   { .path = "t/d/up", .symlink = ".." },
			   { .path = "t/e", .symlink = "d/up/../../outside" });
}

static void links_are_judged_by_their_text(void **state)
{
	static const struct {
		const char *target;
		const char *why; /* NULL: fine */
		unsigned depth; /* of the link itself */
		bool to_top;
	} rows[] = {
		{ "", "is a symbolic link to nothing", 3, false },
		{ "/", "is a symbolic link to an absolute path", 3, false },
		{ "//x", "is a symbolic link to an absolute path", 3, false },
		{ "x", NULL, 3, false },
		{ "x/y//z/", NULL, 3, false },
		{ "..x/.../..y", NULL, 3, false },
		{ "..", NULL, 3, false },
		{ "../x", NULL, 3, false },
		{ "../..", NULL, 3, true },
		{ ".././/../x", NULL, 3, true },
		{ "../../..", "is a symbolic link out of the tree", 3, false },
		{ "../../../t/x", "is a symbolic link out of the tree", 3, false },
		{ "..", "is a symbolic link out of the tree", 1, false },
		{ "x/..", "is a symbolic link with '..' after a name", 3, false },
		{ "../x/../y", "is a symbolic link with '..' after a name", 3, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool to_top = false;
		const char *why = kc_unpack_symlink(rows[i].target, rows[i].depth,
						    &kc_unpack_limits, &to_top);

		if (!why != !rows[i].why || (why && !kt_streq(why, rows[i].why)))
			fail_msg("'%s': %s", rows[i].target, why ? why : "accepted");
		assert_int_equal(to_top, rows[i].to_top);
	}
}

static void hard_links_out_of_the_tree_are_refused(void **state)
{
	kt_auto(mem) char *absolute = in(state, "outside/file");

	assert_all_refused(state, "t/l", "is a hard link to a place out of the tree",
			   { .path = "t/l", .hardlink = absolute });
	assert_all_refused(state, "t/l", "is a hard link to a place out of the tree",
			   { .path = "t/l", .hardlink = "../outside/file" });
	assert_all_refused(state, "t/l", "is a hard link to what is no file of the archive",
			   { .path = "t/l", .hardlink = "t/none" });
	assert_all_refused(state, "t/l", "is a hard link to what is no file of the archive",
			   { .path = "t/d/x" }, { .path = "t/l", .hardlink = "t/d" });
	assert_all_refused(state, "t/l", "is a hard link to itself", { .path = "t/l" },
			   { .path = "t/l", .hardlink = "t/./l" });
	/* Harmless where it is, not where it would be. */
	assert_all_refused(state, "l", "is a hard link to what is no file of the archive",
			   { .path = "t/d/s", .symlink = "../x" },
			   { .path = "l", .hardlink = "t/d/s" });
	assert_all_refused(state, "t/l", "is a hard link to what is no file of the archive",
			   { .path = "t/d/x" }, { .path = "t/s", .symlink = "d" },
			   { .path = "t/l", .hardlink = "t/s/x" });
}

static void members_through_links_are_refused(void **state)
{
	static const char why[] = "goes through a member that is no directory";

	assert_all_refused(state, "t/s/x", why, { .path = "t/d/y" },
			   { .path = "t/s", .symlink = "d" }, { .path = "t/s/x", .text = "evil" });
	assert_all_refused(state, "t/s/x/y", why, { .path = "t/s", .symlink = "nowhere" },
			   { .path = "t/s/x/y", .type = AE_IFDIR });
	assert_all_refused(state, "t/s", why, { .path = "t/s", .symlink = "." },
			   { .path = "t/s", .type = AE_IFDIR });
	assert_all_refused(state, "t/f/x", why, { .path = "t/f", .text = "a file" },
			   { .path = "t/f/x", .symlink = "y" });
	assert_all_refused(state, "t/f/x", why, { .path = "t/f", .text = "a file" },
			   { .path = "t/g" }, { .path = "t/f/x", .hardlink = "t/g" });
	/* While the directory is open for what comes into it. */
	assert_all_refused(state, "t/d", "is there already, as a directory", { .path = "t/d/y" },
			   { .path = "t/d", .symlink = "../outside" },
			   { .path = "t/d/file", .text = "evil" });
	assert_all_refused(state, "t/d", "is there already, as a directory", { .path = "t/d/y" },
			   { .path = "t/d", .text = "evil" });
	/* A file that is replaced through a link of its name stays what it is. */
	assert_all_refused(state, "t/../x", "has '..' in its path",
			   { .path = "t/l", .symlink = "n/outside/file" },
			   { .path = "t/l", .text = "a file of its own" }, { .path = "t/../x" });
}

static void devices_and_pipes_are_refused(void **state)
{
	assert_all_refused(state, "t/d", "is a device", { .path = "t/d", .type = AE_IFCHR });
	assert_all_refused(state, "t/d", "is a device", { .path = "t/d", .type = AE_IFBLK });
	assert_all_refused(state, "t/p", "is a named pipe", { .path = "t/p", .type = AE_IFIFO });
}

static void names_are_shown_so_that_a_terminal_stays_sane(void **state)
{
	assert_all_refused(state, "../\\x1b[31mred", "has '..' in its path",
			   { .path = "../\x1b[31mred" });
}

static void names_and_depths_have_limits(void **state)
{
	kt_auto(buf) struct kt_buf name = { 0 }, path = { 0 }, deep = { 0 };

	for (int i = 0; i < 256; i++)
		kt_buf_addc(&name, 'n');
	for (int i = 0; i < 600; i++)
		kt_buf_adds(&path, i ? "/d" : "d");
	for (int i = 0; i < 70; i++)
		kt_buf_adds(&deep, i ? "/d" : "d");
	assert_all_refused(state, name.data, "has too long a name", { .path = name.data });
	assert_all_refused(state, path.data, "has too long a path", { .path = path.data });
	assert_all_refused(state, deep.data, "is too many directories deep", { .path = deep.data });
	assert_all_refused(state, "t/l", "is a symbolic link to too long a path",
			   { .path = "t/l", .symlink = path.data });
}

static void what_would_be_in_the_way_at_the_top_is_refused(void **state)
{
	assert_all_refused(state, ".ktstr-top", "cannot be moved to the top of the tree",
			   { .path = "t/.ktstr-top", .text = "x" });
	assert_all_refused(state, ".ktstr-top", "cannot be moved to the top of the tree",
			   { .path = "t/.ktstr-top/x", .text = "x" });
}

/* ---- bombs ---- */

static uint64_t bytes_in(const char *dir)
{
	kt_auto(mem) char *path = kt_fmt("%s/t/zeros", dir);
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void a_ratio_that_no_source_has_stops_it(void **state)
{
	static const char *const filters[] = { "xz", "zstd", "gzip", "bzip2" };
	const struct kc_unpack_limits limits = {
		.bytes = UINT64_C(1) << 40,
		.ratio_from_bytes = 1 << 20,
		.ratio = 200,
		.members = 100,
		.path_bytes = 1000,
		.depth = 60,
	};
	const struct member bomb = { .path = "t/zeros", .bytes = 160 << 20 };
	kt_auto(mem) char *dir = in(state, "t");

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		kt_auto(buf) struct kt_buf archive = { 0 };
		struct kt_err e = { 0 };

		unpack_make_tar(&bomb, 1, filters[i], &archive);
		assert_int_equal(unpack_into(dir, &archive, &limits, &e), -EBADMSG);
		assert_int_equal(e.kind, KT_E_KERNEL);
		assert_true(kt_starts_with(unit_err_text(&e),
					   "'a.tar' unpacks to more than 200 times its size ("));
		/* What its first 256 KiB may become, and what was on its way. */
		assert_in_range(bytes_in(dir), 0, (52 << 20) + (9 << 20));
	}
}

static void the_sum_of_all_members_has_a_limit(void **state)
{
	const struct kc_unpack_limits limits = {
		.bytes = 1 << 20,
		.ratio_from_bytes = UINT64_MAX,
		.ratio = 200,
		.members = 100,
		.path_bytes = 1000,
		.depth = 60,
	};
	const struct member whole[] = { { .path = "t/x", .bytes = 600 << 10 },
					{ .path = "t/zeros", .bytes = 600 << 10 } };
	/* Takes next to nothing in the archive, and says of itself that it is huge. */
	const struct member sparse = { .path = "t/zeros", .text = "x", .hole = 2 << 20 };
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf archive = { 0 }, holes = { 0 };
	struct kt_err e = { 0 };

	unpack_make_tar(whole, 2, "none", &archive);
	assert_int_equal(unpack_into(dir, &archive, &limits, &e), -EBADMSG);
	assert_true(
		kt_starts_with(unit_err_text(&e), "'a.tar' unpacks to more than 1048576 bytes"));
	unpack_make_tar(&sparse, 1, "gzip", &holes);
	assert_int_equal(unpack_into(dir, &holes, &limits, &e), -EBADMSG);
	assert_string_equal(
		unit_err_text(&e),
		"'a.tar' unpacks to more than 1048576 bytes (at member 't/zeros'); that is no kernel source");
	assert_int_equal(bytes_in(dir), 0);
}

/* What is skipped in a package is unpacked nonetheless. */
static void a_bomb_beside_the_source_in_a_package_stops_it(void **state)
{
	const struct kc_unpack_limits limits = {
		.bytes = UINT64_C(1) << 40,
		.ratio_from_bytes = 1 << 20,
		.ratio = 200,
		.members = 100,
		.path_bytes = 1000,
		.depth = 60,
	};
	const struct member bomb = { .path = "./usr/share/doc/zeros", .bytes = 160 << 20 };
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(buf) struct kt_buf data = { 0 }, deb = { 0 };
	struct kt_err e = { 0 };

	unpack_make_tar(&bomb, 1, "xz", &data);
	kt_buf_adds(&deb, "!<arch>\n");
	unpack_add_ar(&deb, "data.tar.xz", &data);
	assert_int_equal(unpack_into(dir, &deb, &limits, &e), -EBADMSG);
	assert_true(kt_starts_with(unit_err_text(&e),
				   "'a.tar' unpacks to more than 200 times its size ("));
}

static void a_million_tiny_members_stop_at_the_limit(void **state)
{
	struct kc_unpack_limits limits = kc_unpack_limits;
	kt_auto(mem) char *dir = in(state, "t");
	kt_auto(mem) char *top = in(state, "t/t");
	kt_auto(buf) struct kt_buf archive = { 0 };
	struct archive *a = unpack_begin_tar("zstd", &archive);
	struct kt_err e = { 0 };

	for (unsigned i = 0; i < 1000000; i++) {
		char path[32];

		(void)kt_snprintf(path, sizeof(path), "t/%u", i);
		unpack_add_member(a, &(struct member){ .path = path });
	}
	unpack_end_tar(a);
	limits.members = 5000;
	limits.ratio_from_bytes = UINT64_MAX;
	assert_int_equal(unpack_into(dir, &archive, &limits, &e), -EBADMSG);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_string_equal(unit_err_text(&e),
			    "'a.tar' has more than 5000 members; that is no kernel source");
	assert_int_equal(unit_nr_entries(top), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_out_of_the_tree_are_refused),
		cmocka_unit_test(links_out_of_the_tree_are_refused),
		cmocka_unit_test(links_are_judged_by_their_text),
		cmocka_unit_test(hard_links_out_of_the_tree_are_refused),
		cmocka_unit_test(members_through_links_are_refused),
		cmocka_unit_test(devices_and_pipes_are_refused),
		cmocka_unit_test(names_are_shown_so_that_a_terminal_stays_sane),
		cmocka_unit_test(names_and_depths_have_limits),
		cmocka_unit_test(what_would_be_in_the_way_at_the_top_is_refused),
		cmocka_unit_test(a_ratio_that_no_source_has_stops_it),
		cmocka_unit_test(the_sum_of_all_members_has_a_limit),
		cmocka_unit_test(a_bomb_beside_the_source_in_a_package_stops_it),
		cmocka_unit_test(a_million_tiny_members_stop_at_the_limit),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
