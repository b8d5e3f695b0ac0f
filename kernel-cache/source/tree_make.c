/* SPDX-License-Identifier: GPL-2.0-only */
/* From a pick to a directory of files: exported from git, or unpacked while it is fetched and checked. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "kernel-cache/source/trees.h"
#include "kernel-cache/source/unpack.h"

#define SOURCE_BYTES_MAX (UINT64_C(4) << 30)
enum { STEP_BYTES = 256 * 1024, PROGRESS_NS = 100 * 1000 * 1000 };
static const char file_scheme[] = "file://";

/* Bytes on their way from the network or a file into the tree. */
struct stream {
	struct kc_unpack *u;
	int r; /* what the unpacker said of bytes that have a checksum to fail first */
	struct kt_err err;
};

/*
 * Bytes that came wrong do not unpack either. Their checksum says it better, and a download that was continued wrongly
 * is begun again: so go on to the end of it. Whatever does not concern the bytes ends it at once.
 */
static int on_bytes(void *ctx, const void *data, size_t len, bool restart, struct kt_err *e)
{
	struct stream *s = ctx;
	struct kt_err ours = { 0 };
	int r;

	if (restart)
		s->r = 0;
	if (s->r < 0)
		return 0;
	r = kc_unpack_feed(s->u, data, len, restart, &ours);
	if (r == -EBADMSG && ours.kind == KT_E_KERNEL) {
		s->r = r;
		s->err = ours;
		return 0;
	}
	if (r < 0 && e)
		*e = ours;
	return r;
}

static int finish(struct stream *s, struct kt_err *e)
{
	if (s->r < 0) {
		if (e)
			*e = s->err;
		return s->r;
	}
	return kc_unpack_end(s->u, e);
}

/* ---- from a file ---- */

static void report(const struct kc_request *q, uint64_t done, uint64_t total, uint64_t began_ns)
{
	const struct kc_progress *p = q->o->progress;
	double seconds = (double)(kt_now_ns() - began_ns) / 1e9;

	if (p && p->bytes)
		p->bytes(p->ctx, done, total, seconds > 0 ? (double)done / seconds : 0);
}

static void say_reading(const struct kc_request *q, const char *path)
{
	const struct kc_progress *p = q->o->progress;
	const char *slash = strrchr(path, '/');
	kt_auto(mem) char *what = kt_fmt("read %s", slash ? slash + 1 : path);

	if (what && p && p->step)
		p->step(p->ctx, what);
}

static int feed_file(const struct kc_request *q, int fd, const char *path, struct stream *s,
		     struct kt_sha256 *sha, struct kt_err *e)
{
	kt_auto(mem) char *step = malloc(STEP_BYTES);
	uint64_t began = kt_now_ns(), told = began, done = 0;
	struct stat st;

	if (!step)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", path);
	say_reading(q, path);
	if (fstat(fd, &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "read '%s'", path);
	for (;;) {
		ssize_t n = read(fd, step, STEP_BYTES);
		int r;

		if (n < 0)
			return kt_fail(e, KT_E_HOST, errno, "read '%s'", path);
		if (n == 0)
			break;
		kt_sha256_add(sha, step, (size_t)n);
		r = on_bytes(s, step, (size_t)n, false, e);
		if (r < 0)
			return r;
		done += (uint64_t)n;
		if (kt_now_ns() - told >= PROGRESS_NS) {
			told = kt_now_ns();
			report(q, done, (uint64_t)st.st_size, began);
		}
	}
	report(q, done, done, began);
	return 0;
}

static int from_path(const struct kc_request *q, const struct kc_pick *p, const char *path,
		     struct stream *s, struct kt_err *e)
{
	kt_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char found[KT_SHA256_HEX];
	struct kt_sha256 sha;
	int r;

	if (fd < 0 && errno == ENOENT)
		return kt_fail(e, KT_E_KERNEL, ENOENT, "'%s' is not there", path);
	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", path);
	kt_sha256_init(&sha);
	r = feed_file(q, fd, path, s, &sha, e);
	if (r < 0)
		return r;
	kt_sha256_hex(&sha, found);
	if (p->image.sha256 && !kt_streq(found, p->image.sha256))
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s': expected sha256 %s, found %s", path,
			       p->image.sha256, found);
	return 0;
}

static int from_file(const struct kc_request *q, const struct kc_pick *p, struct stream *s,
		     struct kt_err *e)
{
	kt_auto(mem) char *path = NULL;
	int r = kc_tarball_file(q, p->image.url, &path, e);

	return r < 0 ? r : from_path(q, p, path, s, e);
}

/* ---- from the network ---- */

static int from_network(const struct kc_request *q, const struct kc_pick *p, const char *tarball,
			struct stream *s, struct kt_err *e)
{
	const struct kc_fetch_opts f = {
		.url = p->image.url,
		.path = tarball,
		.sha256 = p->image.sha256,
		.bytes = p->image.bytes,
		.max_bytes = SOURCE_BYTES_MAX,
		.tee = on_bytes,
		.tee_ctx = s,
		.progress = q->o->progress,
	};

	if (q->parsed.form == KC_FORM_DEBIAN_SOURCE)
		return kc_debian_fetch(q->parsed.arg, &f, e);
	return kc_fetch(&f, e);
}

static int from_archive(const struct kc_request *q, const struct kc_pick *p, const char *work,
			const char *tree, struct kc_tree_record *t, struct kt_err *e)
{
	kt_auto(kc_unpack) struct kc_unpack *u = NULL;
	kt_auto(mem) char *tarball = kt_fmt("%s/tarball", work);
	const char *slash = strrchr(p->image.url, '/');
	struct stream s = { 0 };
	int r;

	if (!tarball)
		return kt_fail(e, KT_E_HOST, ENOMEM, "unpack '%s'", p->image.url);
	r = kc_unpack_begin(tree, slash && slash[1] ? slash + 1 : p->image.url, q->o->progress, &u,
			    e);
	if (r < 0)
		return r;
	s.u = u;
	if (kt_starts_with(p->image.url, file_scheme))
		r = from_file(q, p, &s, e);
	else if (q->o->offline)
		r = from_path(q, p, tarball, &s, e);
	else
		r = from_network(q, p, tarball, &s, e);
	if (r == 0)
		r = finish(&s, e);
	if (r == 0)
		kc_unpack_written(u, &t->files, &t->bytes);
	return r;
}

/* ---- from git ---- */

/* What git wrote is not counted while it writes. */
static int measure(const char *tree, struct kc_tree_record *t, struct kt_err *e)
{
	char *const paths[] = { (char *)tree, NULL }; /* only read */
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	FTSENT *at;

	if (!walk)
		return kt_fail(e, KT_E_HOST, errno, "list '%s'", tree);
	while ((at = fts_read(walk))) {
		if (at->fts_info == FTS_F)
			t->files++;
		if (at->fts_info == FTS_F || at->fts_info == FTS_D)
			t->bytes += (uint64_t)at->fts_statp->st_blocks * 512;
	}
	(void)fts_close(walk); /* was only read */
	return 0;
}

static int from_git(const struct kc_request *q, const struct kc_pick *p, const char *tree,
		    struct kc_tree_record *t, struct kt_err *e)
{
	int r = kc_git_export(q, p, tree, e);

	return r < 0 ? r : measure(tree, t, e);
}

bool kc_tree_is_at_hand(const struct kc_request *q, const struct kc_pick *p)
{
	kt_auto(mem) char *tarball = kt_fmt("%s/tmp/source-%s/tarball", q->cache_dir, p->key);

	if (p->commit || kt_starts_with(p->image.url, file_scheme))
		return true;
	return tarball && access(tarball, R_OK) == 0;
}

int kc_tree_make(const struct kc_request *q, const struct kc_pick *p, const char *work,
		 struct kc_tree_record *t, struct kt_err *e)
{
	kt_auto(mem) char *tree = kt_fmt("%s/tree", work);
	const char *lacks;
	int r;

	if (!tree)
		return kt_fail(e, KT_E_HOST, ENOMEM, "unpack '%s'", p->image.url);
	/* Of somebody who died in the middle. */
	r = kt_remove_tree(tree, e);
	if (r == 0)
		r = kt_mkdir_p(tree, 0755, e);
	if (r == 0)
		r = p->commit ? from_git(q, p, tree, t, e) : from_archive(q, p, work, tree, t, e);
	if (r < 0)
		return r;
	lacks = kc_tree_lacks(tree);
	if (lacks)
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "'%s' is no kernel source: it has no %s at its top", p->image.url,
			       lacks);
	return kc_tree_version(tree, &t->version, e);
}
