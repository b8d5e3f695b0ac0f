/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of what belongs to a path, a URL or a spec, and paths as a project means them. */
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/internal.h"

enum { NAME_DIGITS = 16 };

void kc_hash_name(const char *prefix, const char *of, char ret[static KC_HASH_NAME_BYTES])
{
	char hex[KT_SHA256_HEX];
	struct kt_sha256 s;

	kt_sha256_init(&s);
	kt_sha256_add(&s, of, strlen(of));
	kt_sha256_hex(&s, hex);
	(void)kt_snprintf(ret, KC_HASH_NAME_BYTES, "%s-%.*s", prefix, NAME_DIGITS, hex); /* fits */
}

char *kc_project_path(const char *project_dir, const char *path)
{
	return path[0] == '/' || !project_dir ? strdup(path) : kt_fmt("%s/%s", project_dir, path);
}
