/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as an archive, or (after an odd first byte) any few members in a whole archive: a tree or one error, and
 * never a file or a link that is outside of the directory.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/source/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct kc_unpack_limits limits = {
	.bytes = 1 << 20,
	.ratio_from_bytes = 64 << 10,
	.ratio = 200,
	.members = 100,
	.path_bytes = 300,
	.depth = 20,
	.in_bytes = 4096,
	.tar_bytes = 4096,
};

static void broken(const char *what, const char *where)
{
	fprintf(stderr, "broken: %s: %s\n", what, where);
	abort();
}

/* Where it leads must be below @top; leading nowhere is fine. */
static void check_link(const char *path, const char *top)
{
	kt_auto(mem) char *real = realpath(path, NULL);
	size_t len = strlen(top);

	if (real && (strncmp(real, top, len) != 0 || (real[len] && real[len] != '/')))
		broken("a link out of the tree", path);
}

static void check_tree(const char *top)
{
	char *const paths[] = { (char *)top, NULL };
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	uint64_t bytes = 0;
	unsigned nr = 0;
	FTSENT *at;

	if (!walk)
		broken("no tree", top);
	while ((at = fts_read(walk))) {
		if (at->fts_info == FTS_DEFAULT)
			broken("a special file", at->fts_path);
		if (at->fts_info == FTS_F && at->fts_statp->st_mode & 07000)
			broken("more than a mode", at->fts_path);
		if (at->fts_info == FTS_F)
			bytes += (uint64_t)at->fts_statp->st_size;
		if (at->fts_info == FTS_SL || at->fts_info == FTS_SLNONE)
			check_link(at->fts_path, top);
		nr += at->fts_info == FTS_F;
	}
	fts_close(walk);
	/* A hard link is not counted as bytes, but there are only so many members. */
	if (nr > limits.members || bytes > limits.bytes * limits.members)
		broken("more than was allowed", top);
}

/* The directory is this program's own, and holds nothing but "t". */
static const char *work_dir(void)
{
	static char dir[64];

	if (!dir[0]) {
		const char *tmp = getenv("TMPDIR");

		if (kt_snprintf(dir, sizeof(dir), "%s/ktstr-fuzz.XXXXXX", tmp ? tmp : "/tmp") < 0 ||
		    !mkdtemp(dir))
			broken("no directory", dir);
	}
	return dir;
}

static void check_outside(const char *dir)
{
	char *const paths[] = { (char *)dir, NULL };
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *at;

	while (walk && (at = fts_read(walk))) {
		if (at->fts_level == 1 && strcmp(at->fts_name, "t") != 0)
			broken("something outside", at->fts_path);
		if (at->fts_level == 1)
			fts_set(walk, at, FTS_SKIP);
	}
	fts_close(walk);
}

static void unpack(const char *top, const uint8_t *data, size_t size)
{
	size_t half = size > 2 ? data[size - 1] * size / 256 : size;
	struct kc_unpack *u = NULL;
	struct kt_err e = { 0 };
	char text[KT_ERR_TEXT_BYTES];
	int r = kc_unpack_begin_limited(top, "a", &limits, NULL, &u, &e);

	if (r < 0)
		broken("cannot begin", kt_err_text(&e, text, sizeof(text)));
	r = kc_unpack_feed(u, data, half, false, &e);
	if (r == 0)
		r = kc_unpack_feed(u, data + half, size - half, false, &e);
	if (r == 0)
		r = kc_unpack_end(u, &e);
	kc_unpack_free(u);
	if (r < 0 && (e.kind != KT_E_KERNEL || r != -EBADMSG))
		broken("not the archive's fault", kt_err_text(&e, text, sizeof(text)));
	if (r == 0)
		check_tree(top);
}

/* ---- members from bytes ---- */

struct input {
	const uint8_t *data;
	size_t left;
};

static unsigned take(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->data++;
}

/* Few names, so that they meet. */
static void take_path(struct input *in, char *ret, size_t size)
{
	static const char *const parts[] = { "t", "a",   "b", "..", ".", "",
					     "t", "etc", "x", "..", "a", "t/a/b" };
	unsigned nr = take(in) % 6;

	ret[0] = '\0';
	for (unsigned i = 0; i < nr; i++) {
		size_t len = strlen(ret);

		/* Never too long: six parts of five bytes. */
		(void)kt_snprintf(ret + len, size - len, "%s%s", i ? "/" : "",
				  parts[take(in) % (sizeof(parts) / sizeof(parts[0]))]);
	}
}

static void add_member(struct archive *a, struct input *in)
{
	static const unsigned types[] = { AE_IFREG, AE_IFREG, AE_IFDIR, AE_IFLNK,
					  AE_IFLNK, AE_IFREG, AE_IFIFO };
	struct archive_entry *entry = archive_entry_new();
	unsigned kind = take(in) % 7;
	char path[64], target[64];

	take_path(in, path, sizeof(path));
	take_path(in, target, sizeof(target));
	archive_entry_set_pathname(entry, path);
	archive_entry_set_perm(entry, (mode_t)(take(in) * 16));
	archive_entry_set_filetype(entry, types[kind]);
	archive_entry_set_size(entry, 0);
	if (types[kind] == AE_IFLNK)
		archive_entry_set_symlink(entry, target);
	else if (kind == 5)
		archive_entry_set_hardlink(entry, target);
	(void)archive_write_header(a, entry); /* what it does not like is left out */
	archive_entry_free(entry);
}

static la_ssize_t write_buf(struct archive *a, void *ctx, const void *data, size_t len)
{
	(void)a;
	kt_buf_add(ctx, data, len);
	return (la_ssize_t)len;
}

static void make_archive(struct input *in, struct kt_buf *out)
{
	struct archive *a = archive_write_new();

	archive_write_set_bytes_in_last_block(a, 1);
	archive_write_set_format_ustar(a);
	if (archive_write_open(a, out, NULL, write_buf, NULL) != ARCHIVE_OK)
		broken("cannot write an archive", archive_error_string(a));
	for (int i = 0; in->left && i < 30; i++)
		add_member(a, in);
	archive_write_close(a);
	archive_write_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kt_auto(buf) struct kt_buf archive = { 0 };
	const char *dir = work_dir();
	kt_auto(mem) char *top = kt_fmt("%s/t", dir);

	if (!top || mkdir(top, 0755) < 0)
		broken("no directory", dir);
	if (size && data[0] % 2) {
		struct input in = { .data = data + 1, .left = size - 1 };

		make_archive(&in, &archive);
		unpack(top, (const uint8_t *)archive.data, archive.len);
	} else if (size) {
		unpack(top, data + 1, size - 1);
	}
	check_outside(dir);
	if (kt_remove_tree(top, NULL) < 0)
		broken("cannot clean", top);
	return 0;
}
