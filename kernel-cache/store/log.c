/* SPDX-License-Identifier: GPL-2.0-only */
/* The build log of an entry, as text again. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

#include "kernel-cache/internal.h"

enum { BLOCK_BYTES = 64 << 10 };

KT_DEFINE_AUTO(archive, struct archive *, archive_read_free);

static int fail(const char *path, struct archive *a, struct kt_err *e)
{
	return kt_fail(e, KT_E_KERNEL, EBADMSG, "cannot read the build log '%s': %s", path,
		       archive_error_string(a));
}

int kc_build_log(const struct kc_entry *k, void (*text)(void *ctx, const void *data, size_t len),
		 void *ctx, struct kt_err *e)
{
	kt_auto(archive) struct archive *a = NULL;
	struct archive_entry *member;
	const void *data;
	int64_t at;
	size_t len;
	int r;

	if (!k->build_log)
		return kt_fail(e, KT_E_KERNEL, ENOENT,
			       "kernel '%s' was not built here, so it has no build log", k->key);
	a = archive_read_new();
	if (!a)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", k->build_log);
	if (archive_read_support_filter_zstd(a) < ARCHIVE_WARN ||
	    archive_read_support_format_raw(a) != ARCHIVE_OK ||
	    archive_read_open_filename(a, k->build_log, BLOCK_BYTES) != ARCHIVE_OK)
		return fail(k->build_log, a, e);
	r = archive_read_next_header(a, &member);
	while (r == ARCHIVE_OK) {
		r = archive_read_data_block(a, &data, &len, &at);
		if (r == ARCHIVE_OK)
			text(ctx, data, len);
	}
	return r == ARCHIVE_EOF ? 0 : fail(k->build_log, a, e);
}
