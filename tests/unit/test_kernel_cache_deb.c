/* SPDX-License-Identifier: GPL-2.0-only */
/* Files out of Debian packages that are made here, whole and broken. */
#include "tests/unit/unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <unistd.h>

#include "kernel-cache/internal.h"
#include "tests/unit/kernel_image.h"

struct file {
	const char *name;
	const char *text;
	const char *link; /* a symbolic link to this instead */
};

static void add_member(struct archive *a, const struct file *f)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, f->name);
	archive_entry_set_perm(entry, 0644);
	if (f->link) {
		archive_entry_set_filetype(entry, AE_IFLNK);
		archive_entry_set_symlink(entry, f->link);
	} else {
		archive_entry_set_filetype(entry, AE_IFREG);
		archive_entry_set_size(entry, (la_int64_t)strlen(f->text));
	}
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	if (!f->link)
		assert_int_equal(archive_write_data(a, f->text, strlen(f->text)), strlen(f->text));
	archive_entry_free(entry);
}

static void make_tar(const struct file *files, size_t nr, const char *filter, struct kt_buf *out)
{
	struct archive *a = archive_write_new();

	archive_write_set_bytes_in_last_block(a, 1);
	if (!kt_streq(filter, "none"))
		assert_int_equal(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
	assert_int_equal(archive_write_set_format_gnutar(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open(a, out, NULL, image_write, NULL), ARCHIVE_OK);
	for (size_t i = 0; i < nr; i++)
		add_member(a, &files[i]);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

static void add_ar(struct kt_buf *out, const char *name, const struct kt_buf *data)
{
	kt_buf_addf(out, "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", name, 0, 0, 0, "100644", data->len);
	kt_buf_add(out, data->data, data->len);
	if (data->len % 2)
		kt_buf_addc(out, '\n');
}

/* A package of @files at "DIR/p.deb", of which only the first @percent are written. */
static char *make_deb(void **state, const struct file *files, size_t nr, const char *filter,
		      size_t percent)
{
	kt_auto(buf) struct kt_buf tar = { 0 }, version = { 0 }, deb = { 0 };
	kt_auto(mem) char *name = kt_fmt("data.tar.%s", filter);
	char *path = kt_fmt("%s/p.deb", (char *)*state);

	make_tar(files, nr, filter, &tar);
	kt_buf_adds(&version, "2.0\n");
	kt_buf_adds(&deb, "!<arch>\n");
	add_ar(&deb, "debian-binary", &version);
	add_ar(&deb, "control.tar", &version);
	add_ar(&deb, name, &tar);
	assert_int_equal(kt_file_write_atomic(path, deb.data, deb.len * percent / 100, 0644, NULL),
			 0);
	return path;
}

static bool is_x(const char *path)
{
	return kt_streq(path, "boot/x");
}

static bool is_y(const char *path)
{
	return kt_streq(path, "usr/lib/y");
}

static void assert_text(const char *path, const char *want)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	assert_int_equal(kt_file_read(path, 1 << 20, &b, NULL), 0);
	assert_string_equal(kt_buf_str(&b), want);
}

static void named_members_come_out_of_every_compression(void **state)
{
	static const char *const filters[] = { "xz", "zstd", "gzip", "bzip2", "none" };
	static const struct file files[] = {
		{ .name = "./boot/"
			  "x",
		  .text = "the image" },
		{ .name = "./boot/other", .text = "not this" },
		{ .name = "usr/lib/y", .text = "the config" },
	};

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		kt_auto(mem) char *deb = make_deb(state, files, 3, filters[i], 100);
		kt_auto(mem) char *x = kt_fmt("%s/x", (char *)*state);
		kt_auto(mem) char *y = kt_fmt("%s/y", (char *)*state);
		struct kc_deb_member m[] = {
			{ .match = is_x, .to = x, .max_bytes = 9 },
			{ .match = is_y, .to = y, .max_bytes = 100 },
		};
		struct kt_err e = { 0 };

		if (kc_deb_extract(deb, m, 2, &e) < 0)
			fail_msg("%s: %s", filters[i], unit_err_text(&e));
		assert_true(m[0].found && m[1].found);
		assert_text(x, "the image");
		assert_text(y, "the config");
		unlink(x);
		unlink(y);
	}
}

static void what_is_not_there_is_not_found_and_links_do_not_count(void **state)
{
	static const struct file files[] = {
		{ .name = "./boot/x", .link = "/etc/passwd" },
		{ .name = "./boot/../boot/x", .text = "not by a detour" },
		{ .name = "/boot/x", .text = "nor from the root" },
	};
	kt_auto(mem) char *deb = make_deb(state, files, 3, "xz", 100);
	kt_auto(mem) char *x = kt_fmt("%s/x", (char *)*state);
	struct kc_deb_member m = { .match = is_x, .to = x, .max_bytes = 100 };
	struct kt_err e = { 0 };

	assert_int_equal(kc_deb_extract(deb, &m, 1, &e), 0);
	assert_false(m.found);
	assert_int_not_equal(access(x, F_OK), 0);
}

static void a_member_above_its_limit_is_refused(void **state)
{
	static const struct file files[] = { { .name = "./boot/x", .text = "ten bytes." } };
	kt_auto(mem) char *deb = make_deb(state, files, 1, "xz", 100);
	kt_auto(mem) char *x = kt_fmt("%s/x", (char *)*state);
	kt_auto(mem) char *want = kt_fmt("unpack 'boot/x' from '%s': more than 9 bytes", deb);
	struct kc_deb_member m = { .match = is_x, .to = x, .max_bytes = 9 };
	struct kt_err e = { 0 };

	assert_int_equal(kc_deb_extract(deb, &m, 1, &e), -EFBIG);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_string_equal(unit_err_text(&e), want);
	assert_false(m.found);
}

static void a_package_cut_anywhere_is_an_error_or_lacks_the_member(void **state)
{
	static const struct file files[] = { { .name = "./boot/x",
					       .text = "some text that goes on for a while" } };

	for (size_t percent = 0; percent < 95; percent += 5) {
		kt_auto(mem) char *deb = make_deb(state, files, 1, "xz", percent);
		kt_auto(mem) char *x = kt_fmt("%s/x", (char *)*state);
		struct kc_deb_member m = { .match = is_x, .to = x, .max_bytes = 100 };
		struct kt_err e = { 0 };

		assert_int_equal(kc_deb_extract(deb, &m, 1, &e), -EBADMSG);
		assert_int_equal(e.kind, KT_E_KERNEL);
		assert_false(m.found);
	}
}

static void a_file_that_is_no_package_says_so(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/no.deb", (char *)*state);
	kt_auto(mem) char *want = kt_fmt("'%s' is no Debian package: it has no data.tar", path);
	kt_auto(mem) char *prefix = kt_fmt("'%s' is no Debian package: ", path);
	kt_auto(buf) struct kt_buf ar = { 0 }, text = { 0 };
	struct kc_deb_member m = { .match = is_x, .to = "/nonexistent/x", .max_bytes = 100 };
	struct kt_err e = { 0 };

	assert_int_equal(kt_file_write_atomic(path, "hello, world", 12, 0644, NULL), 0);
	assert_int_equal(kc_deb_extract(path, &m, 1, &e), -EBADMSG);
	assert_true(kt_starts_with(unit_err_text(&e), prefix));
	kt_buf_adds(&text, "2.0\n");
	kt_buf_adds(&ar, "!<arch>\n");
	add_ar(&ar, "debian-binary", &text);
	assert_int_equal(kt_file_write_atomic(path, ar.data, ar.len, 0644, NULL), 0);
	assert_int_equal(kc_deb_extract(path, &m, 1, &e), -EBADMSG);
	assert_string_equal(unit_err_text(&e), want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(named_members_come_out_of_every_compression),
		cmocka_unit_test(what_is_not_there_is_not_found_and_links_do_not_count),
		cmocka_unit_test(a_member_above_its_limit_is_refused),
		cmocka_unit_test(a_package_cut_anywhere_is_an_error_or_lacks_the_member),
		cmocka_unit_test(a_file_that_is_no_package_says_so),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
