/* SPDX-License-Identifier: GPL-2.0-only */
/* The log of a build: zstd, written as it comes, renamed into place at the end. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel-cache/build/internal.h"

struct kc_log {
	char *path, *part;
	struct archive *archive;
	int fd;
	uint64_t bytes; /* before compression */
};

void kc_log_free(struct kc_log *l)
{
	int saved = errno;

	if (!l)
		return;
	if (l->archive)
		archive_write_free(l->archive);
	kt_cleanup_fd(&l->fd);
	if (l->part)
		(void)unlink(l->part);
	free(l->path);
	free(l->part);
	free(l);
	errno = saved;
}

static int failed(const struct kc_log *l, struct kt_err *e)
{
	int err = archive_errno(l->archive);

	return kt_fail(e, KT_E_HOST, err > 0 ? err : EIO,
		       "write the build log '%s' (%llu bytes so far)", l->path,
		       (unsigned long long)l->bytes);
}

static int begin(struct kc_log *l, struct kt_err *e)
{
	struct archive_entry *entry;
	int r = 0;

	l->fd = open(l->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (l->fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "create '%s'", l->part);
	l->archive = archive_write_new();
	entry = archive_entry_new();
	if (l->archive && entry) {
		archive_entry_set_filetype(entry, AE_IFREG);
		archive_entry_set_pathname(entry, "build.log");
		archive_write_set_bytes_in_last_block(l->archive, 1);
		if (archive_write_add_filter_zstd(l->archive) != ARCHIVE_OK ||
		    archive_write_set_format_raw(l->archive) != ARCHIVE_OK ||
		    archive_write_open_fd(l->archive, l->fd) != ARCHIVE_OK ||
		    archive_write_header(l->archive, entry) != ARCHIVE_OK)
			r = failed(l, e);
	} else {
		r = kt_fail(e, KT_E_HOST, ENOMEM, "create '%s'", l->part);
	}
	archive_entry_free(entry);
	return r;
}

int kc_log_open(const char *path, struct kc_log **ret, struct kt_err *e)
{
	kt_auto(kc_log) struct kc_log *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return kt_fail(e, KT_E_HOST, ENOMEM, "create '%s'", path);
	l->fd = -1;
	l->path = strdup(path);
	l->part = kt_fmt("%s.part", path);
	if (!l->path || !l->part)
		return kt_fail(e, KT_E_HOST, ENOMEM, "create '%s'", path);
	r = begin(l, e);
	if (r < 0)
		return r;
	*ret = kt_take(l);
	return 0;
}

int kc_log_write(struct kc_log *l, const void *data, size_t len, struct kt_err *e)
{
	if (archive_write_data(l->archive, data, len) != (la_ssize_t)len)
		return failed(l, e);
	l->bytes += len;
	return 0;
}

int kc_log_commit(struct kc_log *l, struct kt_err *e)
{
	if (archive_write_close(l->archive) != ARCHIVE_OK)
		return failed(l, e);
	if (fsync(l->fd) < 0)
		return kt_fail(e, KT_E_HOST, errno, "sync '%s'", l->part);
	if (rename(l->part, l->path) < 0)
		return kt_fail(e, KT_E_HOST, errno, "rename '%s' to '%s'", l->part, l->path);
	free(l->part);
	l->part = NULL;
	return 0;
}
