/* SPDX-License-Identifier: GPL-2.0-only */
/* Archives for the tests of the unpacker, made member by member, and fed to it. */
#ifndef KTSTR_TESTS_UNIT_UNPACK_ARCHIVE_H
#define KTSTR_TESTS_UNIT_UNPACK_ARCHIVE_H

#include "tests/unit/unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/source/unpack.h"

struct member {
	const char *path;
	const char *text; /* NULL: none */
	const char *symlink, *hardlink;
	unsigned type; /* 0: AE_IFREG, or AE_IFLNK with symlink */
	unsigned mode; /* 0: 0644 */
	int64_t mtime; /* 0: 1700000000 */
	uint64_t bytes; /* 0: of the text; else zeros */
	uint64_t hole; /* of a sparse file, before its text */
};

static inline la_ssize_t unpack_write_buf(struct archive *a, void *ctx, const void *data,
					  size_t len)
{
	(void)a;
	kt_buf_add(ctx, data, len);
	return (la_ssize_t)len;
}

static inline void unpack_add_zeros(struct archive *a, uint64_t left)
{
	static const char zeros[65536];

	while (left) {
		size_t n = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);

		assert_int_equal(archive_write_data(a, zeros, n), n);
		left -= n;
	}
}

static inline void unpack_add_member(struct archive *a, const struct member *m)
{
	struct archive_entry *entry = archive_entry_new();
	size_t len = m->text ? strlen(m->text) : 0;

	archive_entry_set_pathname(entry, m->path);
	archive_entry_set_perm(entry, (mode_t)(m->mode ? m->mode : 0644));
	archive_entry_set_mtime(entry, m->mtime ? m->mtime : 1700000000, 0);
	archive_entry_set_filetype(entry, m->type ? m->type : m->symlink ? AE_IFLNK : AE_IFREG);
	archive_entry_set_size(entry, (la_int64_t)(m->bytes ? m->bytes : m->hole + len));
	if (m->symlink)
		archive_entry_set_symlink(entry, m->symlink);
	if (m->hardlink)
		archive_entry_set_hardlink(entry, m->hardlink);
	if (m->hole)
		archive_entry_sparse_add_entry(entry, (la_int64_t)m->hole, (la_int64_t)len);
	if (archive_write_header(a, entry) != ARCHIVE_OK)
		fail_msg("%s: %s", m->path, archive_error_string(a));
	if (m->bytes)
		unpack_add_zeros(a, m->bytes);
	else if (m->hole)
		unpack_add_zeros(a, m->hole);
	if (len && !m->bytes)
		assert_int_equal(archive_write_data(a, m->text, len), len);
	archive_entry_free(entry);
}

/* @filter: "xz", "gzip", "zstd", "bzip2" or "none". */
static inline struct archive *unpack_begin_tar(const char *filter, struct kt_buf *out)
{
	struct archive *a = archive_write_new();

	archive_write_set_bytes_in_last_block(a, 1);
	if (!kt_streq(filter, "none"))
		assert_int_equal(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
	assert_int_equal(archive_write_set_format_pax_restricted(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open(a, out, NULL, unpack_write_buf, NULL), ARCHIVE_OK);
	return a;
}

static inline void unpack_end_tar(struct archive *a)
{
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

static inline void unpack_make_tar(const struct member *members, size_t nr, const char *filter,
				   struct kt_buf *out)
{
	struct archive *a = unpack_begin_tar(filter, out);

	for (size_t i = 0; i < nr; i++)
		unpack_add_member(a, &members[i]);
	unpack_end_tar(a);
}

static inline void unpack_add_ar(struct kt_buf *out, const char *name, const struct kt_buf *data)
{
	kt_buf_addf(out, "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", name, 0, 0, 0, "100644", data->len);
	kt_buf_add(out, data->data, data->len);
	if (data->len % 2)
		kt_buf_addc(out, '\n');
}

/* Feed @archive in pieces of @step bytes and wait for the end. */
static inline int unpack_feed_all(struct kc_unpack *u, const struct kt_buf *archive, size_t step,
				  struct kt_err *e)
{
	for (size_t at = 0; at < archive->len; at += step) {
		size_t n = archive->len - at < step ? archive->len - at : step;
		int r = kc_unpack_feed(u, archive->data + at, n, false, e);

		if (r < 0)
			return r;
	}
	return kc_unpack_end(u, e);
}

/* Unpack @archive into the fresh directory @dir. */
static inline int unpack_into(const char *dir, const struct kt_buf *archive,
			      const struct kc_unpack_limits *limits, struct kt_err *e)
{
	kt_auto(kc_unpack) struct kc_unpack *u = NULL;

	assert_int_equal(kt_remove_tree(dir, NULL), 0);
	assert_int_equal(kt_mkdir_p(dir, 0755, NULL), 0);
	assert_int_equal(kc_unpack_begin_limited(dir, "a.tar", limits, NULL, &u, e), 0);
	return unpack_feed_all(u, archive, 10000, e);
}

static inline void unpack_assert_text(const char *dir, const char *name, const char *want)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, name);
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	if (kt_file_read(path, 1 << 20, &b, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	assert_string_equal(kt_buf_str(&b), want);
}

static inline bool unpack_exists(const char *dir, const char *name)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, name);
	struct stat st;

	return lstat(path, &st) == 0;
}

#endif
