/* SPDX-License-Identifier: GPL-2.0-only */
/* A Packages file: which prebuilt cloud kernel, or which version of a source package, in it is the newest. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "kernel-cache/internal.h"

enum { STEP_BYTES = 256 * 1024, LINE_BYTES_MAX = 64 * 1024, VALUE_BYTES_MAX = 4096 };
#define LIST_BYTES_MAX (UINT64_C(2) << 30) /* decompressed */

#define FLAVOUR "-cloud-" KC_DEBIAN_ARCH
#define SOURCE "linux-source-"

/* Fields of the stanza being read; "" when absent. */
struct stanza {
	char *package, *version, *depends, *filename, *size, *sha256;
};

static const struct field {
	const char *name;
	size_t offset;
} fields[] = {
	{ "Package", offsetof(struct stanza, package) },
	{ "Version", offsetof(struct stanza, version) },
	{ "Depends", offsetof(struct stanza, depends) },
	{ "Filename", offsetof(struct stanza, filename) },
	{ "Size", offsetof(struct stanza, size) },
	{ "SHA256", offsetof(struct stanza, sha256) },
};
enum { NR_FIELDS = sizeof(fields) / sizeof(fields[0]) };

static char **value_in(struct stanza *s, const struct field *f)
{
	return (char **)((char *)s + f->offset);
}

static void stanza_done(struct stanza *s)
{
	for (size_t i = 0; i < NR_FIELDS; i++)
		free(*value_in(s, &fields[i]));
	*s = (struct stanza){ 0 };
}

struct package {
	char *name, *version, *filename, *sha256;
	uint64_t bytes;
};

struct scan {
	const char *path;
	const char *source; /* only packages like this one are looked for; NULL: prebuilt kernels */
	struct stanza now;
	bool skip; /* the stanza is of no interest; nearly all are */
	bool oom;
	KT_VEC(struct package) images; /* what holds a kernel image, see is_image */
	KT_VEC(struct package) bases; /* linux-base-*: may hold the config */
	KT_VEC(struct package) sources; /* linux-source-VERSION */
};

static void package_done(struct package *p)
{
	free(p->name);
	free(p->version);
	free(p->filename);
	free(p->sha256);
}

static void scan_done(struct scan *s)
{
	stanza_done(&s->now);
	for (size_t i = 0; i < s->images.nr; i++)
		package_done(&s->images.v[i]);
	for (size_t i = 0; i < s->bases.nr; i++)
		package_done(&s->bases.v[i]);
	for (size_t i = 0; i < s->sources.nr; i++)
		package_done(&s->sources.v[i]);
	free(s->images.v);
	free(s->bases.v);
	free(s->sources.v);
}

static bool names_release(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	/* A digit: linux-image-cloud-amd64 and the like are something else. */
	return kt_starts_with(name, prefix) && name[len] >= '0' && name[len] <= '9' &&
	       kt_ends_with(name, FLAVOUR);
}

/* Not signed for Secure Boot, which no machine of ours has; otherwise the same image. */
#define UNSIGNED "linux-binary-unsigned-"

/*
 * linux-binary-* has the image since it was split off; before, linux-image-*, which is an empty
 * shell afterwards.
 */
static bool is_image(const struct stanza *s)
{
	if (names_release(s->package, "linux-binary-") || names_release(s->package, UNSIGNED))
		return true;
	return names_release(s->package, "linux-image-") &&
	       !(s->depends && strstr(s->depends, "linux-binary-"));
}

/* linux-source-6.12, and not "linux-source", which has nothing in it. */
static bool is_source(const char *name)
{
	return kt_starts_with(name, SOURCE) && name[strlen(SOURCE)] >= '0' &&
	       name[strlen(SOURCE)] <= '9';
}

/* Below the mirror's root, as a URL's path: no way out of it. */
static bool is_pool_path(const char *s)
{
	return s[0] != '/' && !strstr(s, "..") && !strpbrk(s, " ?#\\%");
}

enum kind { KIND_NONE, KIND_IMAGE, KIND_BASE, KIND_SOURCE };

static enum kind kind_of(const struct scan *sc, const struct stanza *s)
{
	if (sc->source)
		return is_source(s->package) ? KIND_SOURCE : KIND_NONE;
	if (is_image(s))
		return KIND_IMAGE;
	return names_release(s->package, "linux-base-") ? KIND_BASE : KIND_NONE;
}

static int keep(struct scan *sc, enum kind kind, struct package p)
{
	switch (kind) {
	case KIND_IMAGE:
		return KT_VEC_PUSH(&sc->images, p);
	case KIND_BASE:
		return KT_VEC_PUSH(&sc->bases, p);
	case KIND_SOURCE:
		return KT_VEC_PUSH(&sc->sources, p);
	case KIND_NONE:
		break;
	}
	return -EINVAL; /* not reached */
}

static void add_package(struct scan *sc, enum kind kind)
{
	struct stanza *s = &sc->now;
	struct package p = { .name = s->package,
			     .version = s->version,
			     .filename = s->filename,
			     .sha256 = s->sha256 };

	if (!p.version || !p.filename || !is_pool_path(p.filename) || !p.sha256 ||
	    !kc_is_sha256(p.sha256) || !s->size || kt_parse_u64(s->size, &p.bytes) < 0)
		return;
	if (keep(sc, kind, p) < 0) {
		sc->oom = true;
		return;
	}
	s->package = s->version = s->filename = s->sha256 = NULL; /* taken */
}

static void end_stanza(struct scan *sc)
{
	enum kind kind = sc->now.package && !sc->skip ? kind_of(sc, &sc->now) : KIND_NONE;

	if (kind != KIND_NONE)
		add_package(sc, kind);
	stanza_done(&sc->now);
	sc->skip = false;
}

static void read_line(struct scan *sc, const char *line, size_t len)
{
	if (!len) {
		end_stanza(sc);
		return;
	}
	for (size_t i = 0; i < NR_FIELDS && !sc->skip; i++) {
		size_t n = strlen(fields[i].name);
		char **value = value_in(&sc->now, &fields[i]);

		if (len < n + 2 || memcmp(line, fields[i].name, n) != 0 || line[n] != ':')
			continue;
		n++;
		while (n < len && line[n] == ' ')
			n++;
		free(*value);
		*value = strndup(line + n, len - n < VALUE_BYTES_MAX ? len - n : VALUE_BYTES_MAX);
		if (!*value)
			sc->oom = true;
		else if (value == &sc->now.package)
			sc->skip = !kt_starts_with(*value, "linux-");
		return;
	}
}

/* Lines of @text; what is after the last newline stays in @rest. */
static void feed(struct scan *sc, struct kt_buf *rest, const char *text, size_t len)
{
	while (len) {
		const char *nl = memchr(text, '\n', len);
		size_t part = nl ? (size_t)(nl - text) : len;

		if (nl && !rest->len) {
			read_line(sc, text, part);
		} else {
			/*
			 * A line that long is no field of ours: keep its beginning, drop what
			 * follows.
			 */
			if (rest->len < LINE_BYTES_MAX)
				kt_buf_add(rest, text, part);
			if (nl) {
				read_line(sc, kt_buf_str(rest), rest->len);
				kt_buf_reset(rest);
			}
		}
		part += nl != NULL;
		text += part;
		len -= part;
	}
}

static int read_all(struct scan *sc, struct archive *a, struct kt_err *e)
{
	kt_auto(mem) char *step = malloc(STEP_BYTES);
	kt_auto(buf) struct kt_buf rest = { 0 };
	uint64_t total = 0;

	if (!step)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", sc->path);
	for (;;) {
		la_ssize_t n = archive_read_data(a, step, STEP_BYTES);

		if (n < 0)
			return kt_fail(e, KT_E_KERNEL, EBADMSG, "decompress '%s': %s", sc->path,
				       archive_error_string(a));
		if (n == 0)
			break;
		total += (uint64_t)n;
		if (total > LIST_BYTES_MAX)
			return kt_fail(e, KT_E_KERNEL, EFBIG,
				       "decompress '%s': more than %llu bytes", sc->path,
				       (unsigned long long)LIST_BYTES_MAX);
		feed(sc, &rest, step, (size_t)n);
	}
	if (rest.len)
		read_line(sc, rest.data, rest.len);
	end_stanza(sc);
	if (sc->oom || !kt_buf_ok(&rest))
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", sc->path);
	return 0;
}

static int scan_archive(struct scan *sc, struct archive *a, struct kt_err *e)
{
	struct archive_entry *entry;
	int r = archive_read_open_filename(a, sc->path, STEP_BYTES);

	if (r == ARCHIVE_OK)
		r = archive_read_next_header(a, &entry);
	if (r == ARCHIVE_EOF)
		return 0;
	if (r < ARCHIVE_WARN)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "decompress '%s': %s", sc->path,
			       archive_error_string(a));
	return read_all(sc, a, e);
}

static int scan_file(struct scan *sc, struct kt_err *e)
{
	struct archive *a = archive_read_new();
	int r;

	if (!a)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", sc->path);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_format_raw(a);
	archive_read_support_format_empty(a);
	r = scan_archive(sc, a, e);
	archive_read_free(a);
	return r;
}

static int fill_remote(struct kc_remote *ret, const struct package *p, const char *mirror)
{
	ret->url = kt_fmt("%s/%s", mirror, p->filename);
	ret->bytes = p->bytes;
	return ret->url && kc_dup(p->sha256, &ret->sha256) == 0 ? 0 : -ENOMEM;
}

/* linux-base-RELEASE of the very same version. */
static const struct package *base_of(const struct scan *sc, const struct package *image)
{
	const char *release = strpbrk(image->name, "0123456789");

	for (size_t i = 0; i < sc->bases.nr; i++) {
		const struct package *b = &sc->bases.v[i];

		if (kt_streq(b->name + strlen("linux-base-"), release) &&
		    kt_streq(b->version, image->version))
			return b;
	}
	return NULL;
}

static int fill_pick(const struct scan *sc, const struct package *best, const char *mirror,
		     struct kc_pick *ret, struct kt_err *e)
{
	const struct package *base = base_of(sc, best);
	kt_auto(kc_pick) struct kc_pick p = { 0 };

	if (kc_dup(best->name, &p.package) < 0 || kc_dup(best->version, &p.version) < 0 ||
	    fill_remote(&p.image, best, mirror) < 0 ||
	    (base && fill_remote(&p.config, base, mirror) < 0) || kc_pick_make_key(&p) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", sc->path);
	*ret = p;
	p = (struct kc_pick){ 0 };
	return 0;
}

/* The newer one; of the same version, the signed one. */
static bool is_better(const struct package *p, const struct package *best)
{
	int cmp = best ? kc_deb_version_cmp(p->version, best->version) : 1;

	return cmp > 0 || (cmp == 0 && kt_starts_with(best->name, UNSIGNED));
}

int kc_packages_newest_cloud(const char *path, const char *mirror, struct kc_pick *ret,
			     struct kt_err *e)
{
	const struct package *best = NULL;
	struct scan sc = { .path = path };
	int r = scan_file(&sc, e);

	for (size_t i = 0; i < sc.images.nr; i++) {
		const struct package *p = &sc.images.v[i];

		if (is_better(p, best))
			best = p;
	}
	if (r == 0)
		r = best ? fill_pick(&sc, best, mirror, ret, e)
			 : kt_fail(e, KT_E_KERNEL, ENOENT,
				   "no package linux-binary-*%s or linux-image-*%s in it", FLAVOUR,
				   FLAVOUR);
	scan_done(&sc);
	return r;
}

static int by_version_of_name(const void *a, const void *b)
{
	return kc_deb_version_cmp(((const struct package *)a)->name + strlen(SOURCE),
				  ((const struct package *)b)->name + strlen(SOURCE));
}

/* What there is instead, each once, in ascending order. */
static int no_source(struct scan *sc, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf names = { 0 };

	if (sc->sources.nr)
		qsort(sc->sources.v, sc->sources.nr, sizeof(sc->sources.v[0]), by_version_of_name);
	for (size_t i = 0; i < sc->sources.nr; i++) {
		if (!i || !kt_streq(sc->sources.v[i].name, sc->sources.v[i - 1].name))
			kt_buf_addf(&names, "%s%s", names.len ? ", " : "", sc->sources.v[i].name);
	}
	return kt_fail(e, KT_E_KERNEL, ENOENT, "no package %s in it; it has %s", sc->source,
		       names.len ? kt_buf_str(&names) : "no " SOURCE "* at all");
}

static int fill_source(const struct scan *sc, const struct package *best, const char *mirror,
		       struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };

	p.key = kc_make_key(best->version, 's', best->sha256);
	if (!p.key || kc_dup(best->name, &p.package) < 0 || kc_dup(best->version, &p.version) < 0 ||
	    fill_remote(&p.image, best, mirror) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", sc->path);
	if (!kc_is_key(p.key))
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "the version '%s' of %s is fit for no file name", best->version,
			       best->name);
	*ret = p;
	p = (struct kc_pick){ 0 };
	return 0;
}

int kc_packages_newest_source(const char *path, const char *mirror, const char *name,
			      struct kc_pick *ret, struct kt_err *e)
{
	struct scan sc = { .path = path, .source = name };
	const struct package *best = NULL;
	int r = scan_file(&sc, e);

	for (size_t i = 0; i < sc.sources.nr; i++) {
		const struct package *p = &sc.sources.v[i];

		if (kt_streq(p->name, name) &&
		    (!best || kc_deb_version_cmp(p->version, best->version) > 0))
			best = p;
	}
	if (r == 0)
		r = best ? fill_source(&sc, best, mirror, ret, e) : no_source(&sc, e);
	scan_done(&sc);
	return r;
}
