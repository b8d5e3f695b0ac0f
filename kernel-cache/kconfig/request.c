/* SPDX-License-Identifier: GPL-2.0-only */
/* What a kernel is to be configured with: built-in fragments, the project's, the command line's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/kconfig/tree.h"

enum { FRAGMENTS_MAX = 2 };

/* By enum kc_flavour. */
static const struct flavour {
	const char *name;
	const char *base;
	struct {
		const char *name, *text;
	} fragments[FRAGMENTS_MAX];
} flavours[] = {
	[KC_FLAVOUR_MINIMAL] = { "minimal",
				 "allnoconfig",
				 { { "ktstr.kconfig", kc_ktstr_kconfig },
				   { "ktstr-minimal.kconfig", kc_ktstr_minimal_kconfig } } },
	[KC_FLAVOUR_FULL] = { "full",
			      "defconfig",
			      { { "ktstr.kconfig", kc_ktstr_kconfig },
				{ "ktstr-full.kconfig", kc_ktstr_full_kconfig } } },
};

/* Bases that are no files. */
static const char *const named_bases[] = { "allnoconfig", "defconfig", "tree" };

void kc_config_request_done(struct kc_config_request *r)
{
	kc_wants_done(&r->wants);
	free(r->base);
	free(r->base_text);
	free(r->merged);
	*r = (struct kc_config_request){ 0 };
}

/* With its length first, so that no two lists of texts run together into the same bytes. */
static void hash_text(struct kt_sha256 *s, const char *text)
{
	uint64_t len = text ? strlen(text) : UINT64_MAX;

	kt_sha256_add(s, &len, sizeof(len));
	if (text)
		kt_sha256_add(s, text, strlen(text));
}

static void hash_flavour(const struct flavour *f, char ret[static KT_SHA256_HEX])
{
	struct kt_sha256 s;

	kt_sha256_init(&s);
	hash_text(&s, f->base);
	for (size_t i = 0; i < FRAGMENTS_MAX; i++)
		hash_text(&s, f->fragments[i].text);
	kt_sha256_hex(&s, ret);
}

void kc_config_builtin_hash(const char *flavour, char ret[static KT_SHA256_HEX])
{
	for (size_t i = 0; i < sizeof(flavours) / sizeof(flavours[0]); i++) {
		if (kt_streq(flavours[i].name, flavour)) {
			hash_flavour(&flavours[i], ret);
			return;
		}
	}
	ret[0] = '\0'; /* one that this version does not have: equal to nothing that was recorded */
}

const char *kc_config_base(const char *flavour)
{
	for (size_t i = 0; i < sizeof(flavours) / sizeof(flavours[0]); i++) {
		if (kt_streq(flavours[i].name, flavour))
			return flavours[i].base;
	}
	return "";
}

static char *below(const char *dir, const char *path)
{
	return path[0] == '/' || !dir ? kt_fmt("%s", path) : kt_fmt("%s/%s", dir, path);
}

/* Text of a file that the user named. Caller frees. */
static int read_text(const char *dir, const char *path, const char *what, char **ret,
		     struct kt_err *e)
{
	kt_auto(mem) char *at = below(dir, path);
	kt_auto(buf) struct kt_buf text = { 0 };
	int r;

	if (!at)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", path);
	r = kt_file_read(at, KC_CONFIG_BYTES_MAX, &text, e);
	if (r == -ENOENT || r == -ENOTDIR || r == -EISDIR)
		return kt_fail(e, KT_E_CONFIG, -r, "%s '%s': %s", what, path, strerror(-r));
	if (r < 0)
		return kt_context(e, r, "read the %s '%s'", what, path);
	if (text.len != strlen(kt_buf_str(&text)))
		return kt_fail(e, KT_E_CONFIG, EINVAL, "%s '%s' is not text", what, path);
	*ret = text.data ? kt_buf_take(&text) : strdup("");
	return *ret ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", path);
}

static int parse_wants(const struct flavour *f, const struct kc_build_opts *o, const char *dir,
		       struct kc_wants *ret, struct kt_err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < FRAGMENTS_MAX; i++)
		r = kc_wants_parse(f->fragments[i].text, f->fragments[i].name, false, ret, e);
	for (size_t i = 0; r == 0 && i < o->nr_kconfig; i++) {
		kt_auto(mem) char *text = NULL;
		const char *given = o->kconfig[i];

		if (kt_starts_with(given, "CONFIG_") || kt_starts_with(given, "#")) {
			r = kc_wants_parse(given, "--kconfig", true, ret, e);
			continue;
		}
		r = read_text(dir, given, "configuration fragment", &text, e);
		if (r == 0)
			r = kc_wants_parse(text, given, true, ret, e);
	}
	return r;
}

static bool is_named_base(const char *base)
{
	for (size_t i = 0; i < sizeof(named_bases) / sizeof(named_bases[0]); i++) {
		if (kt_streq(base, named_bases[i]))
			return true;
	}
	return false;
}

static char *merge(const struct kc_wants *w)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	kt_buf_adds(&b, "");
	for (size_t i = 0; i < w->list.nr; i++) {
		if (kt_streq(w->list.v[i].value, "n"))
			kt_buf_addf(&b, "# CONFIG_%s is not set\n", w->list.v[i].name);
		else
			kt_buf_addf(&b, "CONFIG_%s=%s\n", w->list.v[i].name, w->list.v[i].value);
	}
	return kt_buf_take(&b);
}

/* Of a file its text counts, not where it is. */
static void hash_request(struct kc_config_request *r)
{
	struct kt_sha256 s;

	kt_sha256_init(&s);
	hash_text(&s, r->base_text ? "file" : r->base);
	hash_text(&s, r->base_text);
	hash_text(&s, r->merged);
	kt_sha256_hex(&s, r->hash);
}

int kc_config_request_make(const struct kc_build_opts *o, const char *project_dir,
			   struct kc_config_request *ret, struct kt_err *e)
{
	kt_auto(kc_config_request) struct kc_config_request q = { 0 };
	const struct flavour *f = &flavours[o->flavour];
	int r;

	r = parse_wants(f, o, project_dir, &q.wants, e);
	if (r < 0)
		return r;
	q.base = strdup(o->base ? o->base : f->base);
	q.merged = merge(&q.wants);
	if (!q.base || !q.merged)
		return kt_fail(e, KT_E_HOST, ENOMEM, "merge configurations");
	if (!is_named_base(q.base)) {
		r = read_text(project_dir, q.base, "base configuration", &q.base_text, e);
		if (r < 0)
			return r;
	}
	hash_flavour(f, q.builtin_hash);
	hash_request(&q);
	*ret = q;
	q = (struct kc_config_request){ 0 };
	return 0;
}
