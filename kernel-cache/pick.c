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

int kc_pick_make_key(struct kc_pick *p)
{
	char hex[KT_SHA256_HEX];
	struct kt_sha256 s;

	kt_sha256_init(&s);
	kt_sha256_add(&s, p->image.sha256, strlen(p->image.sha256));
	if (p->config.sha256)
		kt_sha256_add(&s, p->config.sha256, strlen(p->config.sha256));
	kt_sha256_hex(&s, hex);
	p->key = kc_make_key(p->version, 'd', hex);
	return p->key ? 0 : -ENOMEM;
}

void kc_pick_write(const struct kc_pick *p, struct kt_json *j)
{
	kt_json_str(j, "key", p->key);
	kt_json_str(j, "package", p->package);
	kt_json_str(j, "version", p->version);
	kt_json_str(j, "url", p->image.url);
	kt_json_str(j, "sha256", p->image.sha256);
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

	if (!url || !sum || !kc_is_sha256(sum) || kc_json_get_u64(o, size_name, &ret->bytes) < 0)
		return -EINVAL;
	return kc_dup(url, &ret->url) < 0 || kc_dup(sum, &ret->sha256) < 0 ? -ENOMEM : 0;
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
	r = read_remote(o, "url", "sha256", "size", &p.image);
	if (r == 0 && kc_json_get_str(o, "config_url"))
		r = read_remote(o, "config_url", "config_sha256", "config_size", &p.config);
	if (r < 0)
		return r;
	*ret = p;
	p = (struct kc_pick){ 0 };
	return 0;
}
