/* SPDX-License-Identifier: GPL-2.0-only */
/* SHA-256 (nettle) for contents; SipHash-1-3 for the variant hash that the wire schema fixes. Host only. */
#ifndef KTSTR_BASE_HASH_H
#define KTSTR_BASE_HASH_H

#include <nettle/sha2.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { KT_SHA256_BYTES = 32, KT_SHA256_HEX = 65 };

struct kt_sha256 {
	struct sha256_ctx ctx;
};
void kt_sha256_init(struct kt_sha256 *s);
void kt_sha256_add(struct kt_sha256 *s, const void *data, size_t len);
/* Lower-case hex, NUL-terminated. */
void kt_sha256_hex(struct kt_sha256 *s, char ret[static KT_SHA256_HEX]);
int kt_sha256_file(const char *path, char ret[static KT_SHA256_HEX], struct kt_err *e);

/* SipHash-1-3 with both key words 0, over bytes added piece by piece. */
struct kt_siphash {
	uint64_t v[4];
	uint64_t tail;
	uint64_t len;
};
void kt_siphash_init(struct kt_siphash *s);
void kt_siphash_add(struct kt_siphash *s, const void *data, size_t len);
uint64_t kt_siphash_finish(struct kt_siphash *s);

#endif
