/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel from a shared cache, which may be anybody's: every byte is checked before it becomes an entry. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel-cache/store/remote.h"

enum { INDEX_BYTES_MAX = 64 << 10 };
#define ARCHIVE_BYTES_MAX (UINT64_C(3) << 30)

/* Who may send may also read what is not for everybody. NULL: none, or none that may travel there. */
static const char *read_token(const struct kc_shared *s)
{
	const char *token = getenv("KTSTR_CACHE_TOKEN");

	if (s->place.dir || !token || !*token || kc_http_token_check(&s->place, token, NULL) < 0)
		return NULL;
	return token;
}

/* -ENOENT without text: the shared cache has no such kernel. */
static int get_index(const struct kc_shared *s, struct kc_shared_index *ret, struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/index.json", s->work);
	kt_auto(cjson) cJSON *root = NULL;
	struct kc_fetch_opts o = { .url = s->index_url,
				   .path = path,
				   .bearer = read_token(s),
				   .max_bytes = INDEX_BYTES_MAX };
	const char *key, *archive, *sha256;
	int r;

	if (!path)
		return kc_shared_no_memory(s, e);
	r = kc_fetch(&o, e);
	if (r == 0)
		r = kc_json_load_upto(path, KC_SCHEMA_VERSION, &root, e);
	if (r < 0)
		return r;
	key = kc_json_get_str(root, "key");
	archive = kc_json_get_str(root, "archive");
	sha256 = kc_json_get_str(root, "sha256");
	if (!key || !kt_streq(key, s->key) || !archive || !kc_is_key(archive) || !sha256 ||
	    !kc_is_sha256(sha256) || kc_json_get_u64(root, "size", &ret->bytes) < 0 || !ret->bytes)
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "'%s' lacks something or is of another kernel", s->index_url);
	if (kc_dup(archive, &ret->archive) < 0 || kc_dup(sha256, &ret->sha256) < 0)
		return kc_shared_no_memory(s, e);
	return 0;
}

static int get_archive(const struct kc_shared *s, const struct kc_shared_index *x, const char *path,
		       struct kt_err *e)
{
	kt_auto(mem) char *url = kt_fmt("%s/v1/%s", s->place.base, x->archive);
	kt_auto(mem) char *what = kt_fmt("%s of the shared cache", s->key);
	const struct kc_fetch_opts o = { .url = url,
					 .path = path,
					 .what = what,
					 .sha256 = x->sha256,
					 .bytes = x->bytes,
					 .max_bytes = ARCHIVE_BYTES_MAX,
					 .bearer = read_token(s),
					 .progress = s->o->progress };

	return url && what ? kc_fetch(&o, e) : kc_shared_no_memory(s, e);
}

/* It will be shown on terminals. */
static bool is_text(const char *s)
{
	for (; s && *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	}
	return true;
}

static bool is_all_text(const struct kc_metadata *m)
{
	const char *const all[] = { m->spec,   m->release,   m->version, m->url,
				    m->sha256, m->notes,     m->commit,  m->flavour,
				    m->base,   m->toolchain, m->pahole,  m->options };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!is_text(all[i]))
			return false;
	}
	return true;
}

/* What was unpacked is what its own metadata.json says, and that is of this very kernel. */
static int check_entry(const struct kc_shared *s, const char *dir, struct kc_metadata *m,
		       struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/metadata.json", dir);
	int r = path ? kc_metadata_read(path, m, e) : kc_shared_no_memory(s, e);

	if (r == -ENOENT)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "there is no metadata.json in it");
	if (r < 0)
		return r;
	if (!m->key || !kt_streq(m->key, s->key))
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "it is of another kernel");
	if (m->dirty || !is_all_text(m))
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "its metadata.json is none that belongs into a shared cache");
	for (int i = 0; i < KC_FILE_NR; i++) {
		kt_auto(mem) char *file = kt_fmt("%s/%s", dir, kc_file_names[i]);

		if (!file)
			return kc_shared_no_memory(s, e);
		if (!m->file[i].present && access(file, F_OK) == 0)
			return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is not in its metadata.json",
				       kc_file_names[i]);
	}
	return kc_stamp_verify(s->cache_dir, dir, m, e);
}

static int get_entry(struct kc_shared *s, struct kt_err *e)
{
	kt_auto(kc_metadata) struct kc_metadata m = { 0 };
	kt_auto(kc_shared_index) struct kc_shared_index x = { 0 };
	kt_auto(mem) char *archive = kt_fmt("%s/archive", s->work);
	kt_auto(mem) char *dir = kt_fmt("%s/entry", s->work);
	int r;

	if (!archive || !dir)
		return kc_shared_no_memory(s, e);
	r = get_index(s, &x, e);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = get_archive(s, &x, archive, e);
	if (r < 0)
		return r;
	r = kt_mkdir_p(dir, 0755, e);
	if (r == 0)
		r = kc_unpack_pack(archive, dir, e);
	if (r == 0)
		r = check_entry(s, dir, &m, e);
	if (r < 0)
		return kt_context(e, r, "check '%s/v1/%s'", s->place.base, x.archive);
	r = kc_publish(s->cache_dir, dir, &m, e);
	return r < 0 ? r : 1;
}

int kc_remote_get(const char *cache_dir, const char *key, const struct kc_opts *o, struct kt_err *e)
{
	kt_auto(kc_shared) struct kc_shared s = { .cache_dir = cache_dir, .key = key, .o = o };
	struct kt_err why = { 0 };
	int r = kc_shared_begin(&s, &why);

	if (r == -ENOENT)
		return r;
	if (r == 0)
		r = get_entry(&s, &why);
	if (r > 0)
		return 0;
	if (r == 0) {
		kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG, "'%s' is not there", s.index_url);
		return -ENOENT;
	}
	if (why.kind == KT_E_HOST || why.kind == KT_E_INTR || why.kind == KT_E_INTERNAL) {
		if (e)
			*e = why;
		return r;
	}
	kc_shared_warn(&s, "get a kernel from the shared cache", &why);
	return -ENOENT;
}
