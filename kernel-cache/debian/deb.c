/* SPDX-License-Identifier: GPL-2.0-only */
/* Single files out of a Debian package: an ar archive with a compressed tar in it. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/internal.h"

enum { STEP_BYTES = 256 * 1024, MEMBERS_MAX = 200 * 1000 };

/* The tar, read through the ar that holds it. */
struct nested {
	struct archive *outer;
	char step[STEP_BYTES];
};

static la_ssize_t read_outer(struct archive *inner, void *ctx, const void **ret)
{
	struct nested *n = ctx;
	la_ssize_t got = archive_read_data(n->outer, n->step, sizeof(n->step));

	if (got < 0) {
		archive_set_error(inner, EBADMSG, "%s", archive_error_string(n->outer));
		return -1;
	}
	*ret = n->step;
	return got;
}

static int copy_member(const char *deb, struct archive *tar, const char *name,
		       const struct kc_deb_member *m, struct kt_err *e)
{
	kt_auto(fd) int fd = open(m->to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	kt_auto(mem) char *step = NULL;
	uint64_t total = 0;

	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "create '%s'", m->to);
	step = malloc(STEP_BYTES);
	if (!step)
		return kt_fail(e, KT_E_HOST, ENOMEM, "unpack '%s'", deb);
	for (;;) {
		la_ssize_t n = archive_read_data(tar, step, STEP_BYTES);
		int r;

		if (n < 0)
			return kt_fail(e, KT_E_KERNEL, EBADMSG, "unpack '%s' from '%s': %s", name,
				       deb, archive_error_string(tar));
		if (n == 0)
			return 0;
		total += (uint64_t)n;
		if (total > m->max_bytes)
			return kt_fail(e, KT_E_KERNEL, EFBIG,
				       "unpack '%s' from '%s': more than %llu bytes", name, deb,
				       (unsigned long long)m->max_bytes);
		r = kt_write_all(fd, step, (size_t)n);
		if (r < 0)
			return kt_fail(e, KT_E_HOST, -r, "write '%s' (%llu bytes)", m->to,
				       (unsigned long long)total);
	}
}

/* Names in the package decide what is copied, never where to. */
static int visit(const char *deb, struct archive *tar, struct archive_entry *entry,
		 struct kc_deb_member *members, size_t nr, struct kt_err *e)
{
	const char *name = archive_entry_pathname(entry);

	if (!name || archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
		return 0;
	while (kt_starts_with(name, "./"))
		name += 2;
	for (size_t i = 0; i < nr; i++) {
		if (!members[i].found && members[i].match(name)) {
			int r = copy_member(deb, tar, name, &members[i], e);

			members[i].found = r == 0;
			return r;
		}
	}
	return 0;
}

static int read_tar(const char *deb, struct archive *tar, struct kc_deb_member *members, size_t nr,
		    struct kt_err *e)
{
	size_t left = nr;

	for (unsigned i = 0; left; i++) {
		struct archive_entry *entry;
		int r = archive_read_next_header(tar, &entry);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN)
			return kt_fail(e, KT_E_KERNEL, EBADMSG, "read '%s': %s", deb,
				       archive_error_string(tar));
		if (i >= MEMBERS_MAX)
			return kt_fail(e, KT_E_KERNEL, EFBIG, "read '%s': more than %d members",
				       deb, MEMBERS_MAX);
		r = visit(deb, tar, entry, members, nr, e);
		if (r < 0)
			return r;
		left = 0;
		for (size_t m = 0; m < nr; m++)
			left += !members[m].found;
	}
	return 0;
}

static int open_tar(const char *deb, struct archive *outer, struct kc_deb_member *members,
		    size_t nr, struct kt_err *e)
{
	kt_auto(mem) struct nested *n = malloc(sizeof(*n));
	struct archive *tar = archive_read_new();
	int r;

	if (!n || !tar) {
		archive_read_free(tar);
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", deb);
	}
	n->outer = outer;
	archive_read_support_filter_xz(tar);
	archive_read_support_filter_zstd(tar);
	archive_read_support_filter_gzip(tar);
	archive_read_support_filter_bzip2(tar);
	archive_read_support_filter_lzma(tar);
	archive_read_support_format_tar(tar);
	if (archive_read_open(tar, n, NULL, read_outer, NULL) != ARCHIVE_OK)
		r = kt_fail(e, KT_E_KERNEL, EBADMSG, "read '%s': %s", deb,
			    archive_error_string(tar));
	else
		r = read_tar(deb, tar, members, nr, e);
	archive_read_free(tar);
	return r;
}

static int find_tar(const char *deb, struct archive *outer, struct kc_deb_member *members,
		    size_t nr, struct kt_err *e)
{
	struct archive_entry *entry;
	int r;

	while ((r = archive_read_next_header(outer, &entry)) >= ARCHIVE_WARN && r != ARCHIVE_EOF) {
		const char *name = archive_entry_pathname(entry);

		if (name && kt_starts_with(name, "data.tar"))
			return open_tar(deb, outer, members, nr, e);
	}
	if (r == ARCHIVE_EOF)
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "'%s' is no Debian package: it has no data.tar", deb);
	return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is no Debian package: %s", deb,
		       archive_error_string(outer));
}

int kc_deb_extract(const char *deb, struct kc_deb_member *members, size_t nr, struct kt_err *e)
{
	struct archive *outer = archive_read_new();
	int r;

	if (!outer)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", deb);
	archive_read_support_format_ar(outer);
	if (archive_read_open_filename(outer, deb, STEP_BYTES) != ARCHIVE_OK)
		r = kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is no Debian package: %s", deb,
			    archive_error_string(outer));
	else
		r = find_tar(deb, outer, members, nr, e);
	archive_read_free(outer);
	return r;
}
