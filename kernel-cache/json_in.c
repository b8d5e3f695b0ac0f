/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading our own JSON files back, trusting nothing in them. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel-cache/internal.h"

int kc_dup(const char *s, char **ret)
{
	char *copy = NULL;

	if (s) {
		copy = strdup(s);
		if (!copy)
			return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

bool kc_is_key(const char *s)
{
	size_t len = 0;

	if (!isalnum((unsigned char)s[0]))
		return false;
	for (; s[len]; len++) {
		if (!isalnum((unsigned char)s[len]) && !strchr(".+~_-", s[len]))
			return false;
	}
	/* Room for the suffixes that lock and work files get. */
	return len <= NAME_MAX - 16;
}

bool kc_is_sha256(const char *s)
{
	return strlen(s) == KT_SHA256_HEX - 1 && strspn(s, "0123456789abcdef") == KT_SHA256_HEX - 1;
}

static int load(const char *path, cJSON **ret, uint64_t *ret_version, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	kt_auto(cjson) cJSON *root = NULL;
	int r;

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return -ENOENT;
	r = kt_file_read(path, KC_JSON_BYTES_MAX, &text, e);
	if (r < 0)
		return r;
	root = cJSON_ParseWithLength(kt_buf_str(&text), text.len);
	if (!cJSON_IsObject(root))
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is no JSON object", path);
	if (kc_json_get_u64(root, "schema_version", ret_version) < 0)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' has no schema_version", path);
	*ret = kt_take(root);
	return 0;
}

int kc_json_load(const char *path, cJSON **ret, struct kt_err *e)
{
	kt_auto(cjson) cJSON *root = NULL;
	uint64_t version = 0;
	int r = load(path, &root, &version, e);

	if (r < 0)
		return r;
	if (version != KC_SCHEMA_VERSION)
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "'%s' has schema_version %llu, this program knows %d", path,
			       (unsigned long long)version, KC_SCHEMA_VERSION);
	*ret = kt_take(root);
	return 0;
}

int kc_json_load_upto(const char *path, unsigned newest, cJSON **ret, struct kt_err *e)
{
	kt_auto(cjson) cJSON *root = NULL;
	uint64_t version = 0;
	int r = load(path, &root, &version, e);

	if (r < 0)
		return r;
	if (version > newest)
		return kt_fail(
			e, KT_E_KERNEL, EPROTONOSUPPORT,
			"'%s' was made by a newer ktstr-make (schema_version %llu, this one knows %u)",
			path, (unsigned long long)version, newest);
	if (!version)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' has schema_version 0", path);
	*ret = kt_take(root);
	return 0;
}

const char *kc_json_get_str(const cJSON *o, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

int kc_json_get_u64(const cJSON *o, const char *name, uint64_t *ret)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);

	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > 0x1p53 ||
	    item->valuedouble != floor(item->valuedouble))
		return -EINVAL;
	*ret = (uint64_t)item->valuedouble;
	return 0;
}

bool kc_json_get_bool(const cJSON *o, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, name));
}
