/* SPDX-License-Identifier: GPL-2.0-only */
/* From the bytes of an archive to those of the tar in it, which may be in a tar of a Debian package. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/source/unpack.h"

static const char ar_magic[] = "!<arch>\n";

struct decoder {
	struct kc_unpack *u;
	const void *first; /* was read to see what it is, not given to anybody yet */
	size_t first_len;
	uint64_t unpacked; /* of all layers */
	bool stopped; /* by the writer, or whoever has no use for us any more */
	struct kt_err *e;
};

static int damaged(const struct decoder *d, struct archive *a)
{
	if (d->stopped)
		return -ECANCELED;
	return kt_fail(d->e, KT_E_KERNEL, EBADMSG, "'%s' is cut or damaged: %s", d->u->name,
		       archive_error_string(a) ? archive_error_string(a) : "nothing in it");
}

static ssize_t next_input(struct decoder *d, const void **ret)
{
	ssize_t n = (ssize_t)d->first_len;

	*ret = d->first;
	d->first_len = 0;
	if (!n)
		n = kc_pipe_read(&d->u->in, ret);
	d->stopped = n < 0;
	return n;
}

static la_ssize_t read_input(struct archive *a, void *ctx, const void **ret)
{
	ssize_t n = next_input(ctx, ret);

	if (n < 0)
		archive_set_error(a, ECANCELED, "stopped");
	return n;
}

/* A reader whose input is the member that another one is at. */
struct nested {
	struct decoder *d;
	struct archive *outer;
};

static la_ssize_t read_member(struct archive *a, void *ctx, const void **ret)
{
	struct nested *n = ctx;
	la_int64_t offset;
	size_t len = 0;
	int r = archive_read_data_block(n->outer, ret, &len, &offset);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r < ARCHIVE_WARN) {
		const char *why = archive_error_string(n->outer);

		archive_set_error(a, EBADMSG, "%s", why ? why : "its package is cut");
		return -1;
	}
	return (la_ssize_t)len;
}

/* What came out must stay within what such an archive can be. */
static int count(struct decoder *d, size_t len)
{
	const struct kc_unpack_limits *l = &d->u->limits;
	uint64_t taken = d->u->in.taken; /* written by this thread only */

	d->unpacked += len;
	if (d->unpacked > l->bytes)
		return kt_fail(d->e, KT_E_KERNEL, EBADMSG,
			       "'%s' unpacks to more than %llu bytes; that is no kernel source",
			       d->u->name, (unsigned long long)l->bytes);
	if (d->unpacked > l->ratio_from_bytes && d->unpacked / l->ratio > taken)
		return kt_fail(
			d->e, KT_E_KERNEL, EBADMSG,
			"'%s' unpacks to more than %u times its size (%llu bytes of its first %llu); that is no kernel source",
			d->u->name, l->ratio, (unsigned long long)d->unpacked,
			(unsigned long long)taken);
	return 0;
}

/* Read the rest of the current member; @to_tar: hand it on. */
static int read_rest(struct decoder *d, struct archive *a, bool to_tar)
{
	for (;;) {
		la_int64_t offset;
		const void *data;
		size_t len = 0;
		int r = archive_read_data_block(a, &data, &len, &offset);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN)
			return damaged(d, a);
		r = count(d, len);
		if (r < 0)
			return r;
		if (to_tar && kc_pipe_write(&d->u->tar, data, len) < 0) {
			d->stopped = true;
			return -ECANCELED;
		}
	}
}

static void add_filters(struct archive *a)
{
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_lzma(a);
}

/* The tar, compressed or not, that @read gives. */
static int decode_tar(struct decoder *d, archive_read_callback *read, void *ctx)
{
	struct archive *raw = archive_read_new();
	struct archive_entry *entry;
	int r;

	if (!raw)
		return kt_fail(d->e, KT_E_HOST, ENOMEM, "unpack '%s'", d->u->name);
	add_filters(raw);
	archive_read_support_format_raw(raw);
	if (archive_read_open(raw, ctx, NULL, read, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(raw, &entry) < ARCHIVE_WARN)
		r = damaged(d, raw);
	else
		r = read_rest(d, raw, true);
	archive_read_free(raw);
	return r;
}

static bool is_kernel_source(struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);

	if (!name || archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
		return false;
	while (kt_starts_with(name, "./"))
		name += 2;
	return kt_starts_with(name, "usr/src/linux-source-") && strstr(name, ".tar");
}

/* Every member of the package's data, to its end: what is cut off there was cut. */
static int visit_data(struct decoder *d, struct archive *data)
{
	struct nested inner = { .d = d, .outer = data };
	struct archive_entry *entry;
	bool found = false;
	int r;

	for (unsigned i = 0;; i++) {
		r = archive_read_next_header(data, &entry);
		if (r == ARCHIVE_EOF)
			break;
		if (r < ARCHIVE_WARN)
			return damaged(d, data);
		if (i >= d->u->limits.members)
			return kt_fail(d->e, KT_E_KERNEL, EBADMSG,
				       "'%s' has more than %u members; that is no kernel source",
				       d->u->name, d->u->limits.members);
		r = 0;
		if (!found && is_kernel_source(entry)) {
			found = true;
			r = decode_tar(d, read_member, &inner);
		}
		if (r == 0)
			r = read_rest(d, data, false);
		if (r < 0)
			return r;
	}
	return found ? 0
		     : kt_fail(d->e, KT_E_KERNEL, EBADMSG,
			       "there is no usr/src/linux-source-*.tar.* in the package '%s'",
			       d->u->name);
}

static int decode_data(struct decoder *d, struct archive *ar)
{
	struct nested outer = { .d = d, .outer = ar };
	struct archive *data = archive_read_new();
	int r;

	if (!data)
		return kt_fail(d->e, KT_E_HOST, ENOMEM, "unpack '%s'", d->u->name);
	add_filters(data);
	archive_read_support_format_tar(data);
	if (archive_read_open(data, &outer, NULL, read_member, NULL) != ARCHIVE_OK)
		r = damaged(d, data);
	else
		r = visit_data(d, data);
	archive_read_free(data);
	/* Behind the end of a tar there may be padding, and there must be all that its compression promised. */
	return r < 0 ? r : read_rest(d, ar, false);
}

static int visit_package(struct decoder *d, struct archive *ar)
{
	struct archive_entry *entry;
	int r;

	for (unsigned i = 0; i < d->u->limits.members; i++) {
		const char *name;

		r = archive_read_next_header(ar, &entry);
		if (r == ARCHIVE_EOF)
			break;
		if (r < ARCHIVE_WARN)
			return damaged(d, ar);
		name = archive_entry_pathname(entry);
		if (name && kt_starts_with(name, "data.tar"))
			return decode_data(d, ar);
	}
	return kt_fail(d->e, KT_E_KERNEL, EBADMSG, "'%s' is no Debian package: it has no data.tar",
		       d->u->name);
}

static int decode_package(struct decoder *d)
{
	struct archive *ar = archive_read_new();
	int r;

	if (!ar)
		return kt_fail(d->e, KT_E_HOST, ENOMEM, "unpack '%s'", d->u->name);
	archive_read_support_format_ar(ar);
	if (archive_read_open(ar, d, NULL, read_input, NULL) != ARCHIVE_OK)
		r = damaged(d, ar);
	else
		r = visit_package(d, ar);
	archive_read_free(ar);
	return r;
}

int kc_unpack_decode(struct kc_unpack *u, struct kt_err *e)
{
	struct decoder d = { .u = u, .e = e };
	ssize_t n = next_input(&d, &d.first);
	const void *rest;
	int r;

	if (n < 0)
		return -ECANCELED;
	if (n == 0)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is empty", u->name);
	d.first_len = (size_t)n;
	if (d.first_len >= strlen(ar_magic) && memcmp(d.first, ar_magic, strlen(ar_magic)) == 0)
		r = decode_package(&d);
	else
		r = decode_tar(&d, read_input, &d);
	if (r < 0)
		return r;
	kc_pipe_end(&u->tar);
	/* Whoever feeds us must not wait for room. */
	while ((n = next_input(&d, &rest)) > 0)
		;
	return n < 0 ? -ECANCELED : 0;
}
