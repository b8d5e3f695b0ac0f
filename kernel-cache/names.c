/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of what belongs to a path, a URL or a spec, and paths as a project means them. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

char *kc_file_identity(const struct stat *st)
{
	return kt_fmt("%ju:%ju %jd %jd.%09ld %jd.%09ld", (uintmax_t)st->st_dev,
		      (uintmax_t)st->st_ino, (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec,
		      st->st_mtim.tv_nsec, (intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}
