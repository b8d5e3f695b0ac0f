/* SPDX-License-Identifier: GPL-2.0-only */
/* SHA-256 of memory and files; SipHash-1-3 with a zero key. */
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { FILE_BLOCK = 64 * 1024 };

void kt_sha256_init(struct kt_sha256 *s)
{
	sha256_init(&s->ctx);
}

void kt_sha256_add(struct kt_sha256 *s, const void *data, size_t len)
{
	sha256_update(&s->ctx, len, data);
}

void kt_sha256_hex(struct kt_sha256 *s, char ret[static KT_SHA256_HEX])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t raw[KT_SHA256_BYTES];

	sha256_digest(&s->ctx, sizeof(raw), raw);
	for (size_t i = 0; i < sizeof(raw); i++) {
		ret[2 * i] = digits[raw[i] >> 4];
		ret[2 * i + 1] = digits[raw[i] & 15];
	}
	ret[KT_SHA256_HEX - 1] = '\0';
}

int kt_sha256_file(const char *path, char ret[static KT_SHA256_HEX], struct kt_err *e)
{
	kt_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct kt_sha256 s;
	char block[FILE_BLOCK];
	ssize_t n;

	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", path);
	kt_sha256_init(&s);
	for (;;) {
		n = read(fd, block, sizeof(block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kt_fail(e, KT_E_HOST, errno, "read '%s'", path);
		if (n == 0)
			break;
		kt_sha256_add(&s, block, (size_t)n);
	}
	kt_sha256_hex(&s, ret);
	return 0;
}

static uint64_t rotl(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

static void sip_word(struct kt_siphash *s, uint64_t word)
{
	s->v[3] ^= word;
	sip_round(s->v);
	s->v[0] ^= word;
}

void kt_siphash_init(struct kt_siphash *s)
{
	/* "somepseudorandomlygeneratedbytes", not changed by a key of zeroes. */
	*s = (struct kt_siphash){
		.v = { UINT64_C(0x736f6d6570736575), UINT64_C(0x646f72616e646f6d),
		       UINT64_C(0x6c7967656e657261), UINT64_C(0x7465646279746573) },
	};
}

void kt_siphash_add(struct kt_siphash *s, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++) {
		s->tail |= (uint64_t)p[i] << (8 * (s->len % 8));
		if (++s->len % 8 == 0) {
			sip_word(s, s->tail);
			s->tail = 0;
		}
	}
}

uint64_t kt_siphash_finish(struct kt_siphash *s)
{
	sip_word(s, s->tail | s->len << 56);
	s->v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(s->v);
	return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}
