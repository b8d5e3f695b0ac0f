/* SPDX-License-Identifier: GPL-2.0-only */
/* One kernel on a mirror, as ktstr.lock and the index answers keep it. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/internal.h"

enum { KEY_HASH_DIGITS = 12 };

static void remote_done(struct kc_remote *r)
{
	free(r->url);
	free(r->sha256);
}

void kc_pick_done(struct kc_pick *p)
{
	free(p->key);
	free(p->package);
	free(p->version);
	free(p->commit);
	remote_done(&p->image);
	remote_done(&p->config);
	*p = (struct kc_pick){ 0 };
}

char *kc_make_key(const char *version, char letter, const char *hex)
{
	char *key = kt_fmt("%s-" KC_ARCH "-%c%.*s", version, letter, KEY_HASH_DIGITS, hex);

	for (char *p = key; p && *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr(".+~_-", *p))
			*p = '_';
	}
	return key;
}

static void hash_files(const struct kc_pick *p, char ret[static KT_SHA256_HEX])
{
	struct kt_sha256 s;

	kt_sha256_init(&s);
	kt_sha256_add(&s, p->image.sha256, strlen(p->image.sha256));
	if (p->config.sha256)
		kt_sha256_add(&s, p->config.sha256, strlen(p->config.sha256));
	kt_sha256_hex(&s, ret);
}

int kc_pick_make_key(struct kc_pick *p)
{
	char hex[KT_SHA256_HEX];

	hash_files(p, hex);
	p->key = kc_make_key(p->version, 'd', hex);
	return p->key ? 0 : -ENOMEM;
}

/*
 * Whether the key is that of the content. One that is not, as a merge of two ktstr.lock may leave it, would put one kernel
 * into the cache, which others use too, under the name of another.
 */
static bool has_its_key(const struct kc_pick *p)
{
	char hex[KT_SHA256_HEX], tail[KEY_HASH_DIGITS + 32];

	(void)kt_snprintf(tail, sizeof(tail), "-" KC_ARCH "-s%.*s", KEY_HASH_DIGITS,
			  p->commit ? p->commit : p->image.sha256); /* fits */
	if (kt_ends_with(p->key, tail))
		return true;
	if (p->commit)
		return false;
	hash_files(p, hex);
	(void)kt_snprintf(tail, sizeof(tail), "-" KC_ARCH "-d%.*s", KEY_HASH_DIGITS,
			  hex); /* fits */
	return kt_ends_with(p->key, tail);
}

void kc_pick_write(const struct kc_pick *p, struct kt_json *j)
{
	kt_json_str(j, "key", p->key);
	kt_json_str(j, "package", p->package);
	kt_json_str(j, "version", p->version);
	kt_json_str(j, "url", p->image.url);
	if (p->commit) {
		kt_json_str(j, "commit", p->commit);
		return;
	}
	kt_json_str(j, "sha256", p->image.sha256);
	if (p->image.bytes)
		kt_json_u64(j, "size", p->image.bytes);
	if (!p->config.url)
		return;
	kt_json_str(j, "config_url", p->config.url);
	kt_json_str(j, "config_sha256", p->config.sha256);
	kt_json_u64(j, "config_size", p->config.bytes);
}

static int read_remote(const cJSON *o, const char *url_name, const char *sum_name,
		       const char *size_name, struct kc_remote *ret)
{
	const char *url = kc_json_get_str(o, url_name);
	const char *sum = kc_json_get_str(o, sum_name);

	if (!url || !sum || !kc_is_sha256(sum))
		return -EINVAL;
	/* Not every server says it, and the sum is what counts. */
	if (cJSON_HasObjectItem(o, size_name) && kc_json_get_u64(o, size_name, &ret->bytes) < 0)
		return -EINVAL;
	return kc_dup(url, &ret->url) < 0 || kc_dup(sum, &ret->sha256) < 0 ? -ENOMEM : 0;
}

bool kc_is_commit(const char *s)
{
	enum { COMMIT_DIGITS = 40 };

	return strlen(s) == COMMIT_DIGITS && strspn(s, "0123456789abcdef") == COMMIT_DIGITS;
}

/* Of a tree from git: the commit says all that a checksum would. */
static int read_git(const cJSON *o, const char *commit, struct kc_pick *p)
{
	const char *url = kc_json_get_str(o, "url");

	if (!url || !kc_is_commit(commit))
		return -EINVAL;
	return kc_dup(url, &p->image.url) < 0 || kc_dup(commit, &p->commit) < 0 ? -ENOMEM : 0;
}

int kc_pick_read(const cJSON *o, struct kc_pick *ret)
{
	const char *key = kc_json_get_str(o, "key");
	const char *package = kc_json_get_str(o, "package");
	const char *version = kc_json_get_str(o, "version");
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	int r;

	if (!key || !kc_is_key(key) || !package || !version)
		return -EINVAL;
	if (kc_dup(key, &p.key) < 0 || kc_dup(package, &p.package) < 0 ||
	    kc_dup(version, &p.version) < 0)
		return -ENOMEM;
	if (kc_json_get_str(o, "commit"))
		r = read_git(o, kc_json_get_str(o, "commit"), &p);
	else
		r = read_remote(o, "url", "sha256", "size", &p.image);
	if (r == 0 && !p.commit && kc_json_get_str(o, "config_url"))
		r = read_remote(o, "config_url", "config_sha256", "config_size", &p.config);
	if (r < 0)
		return r;
	if (!has_its_key(&p))
		return -EBADMSG;
	*ret = p;
	p = (struct kc_pick){ 0 };
	return 0;
}

/* By way of its JSON: a deep copy that cannot forget a member. */
int kc_pick_copy(const struct kc_pick *from, struct kc_pick *ret)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	kt_auto(cjson) cJSON *o = NULL;
	struct kt_json j;

	kt_json_init(&j, &text, false);
	kt_json_object_begin(&j, NULL);
	kc_pick_write(from, &j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	o = cJSON_ParseWithLength(kt_buf_str(&text), text.len);
	return o ? kc_pick_read(o, ret) : -ENOMEM;
}
