/* SPDX-License-Identifier: GPL-2.0-only */
/* Recognise well-formed UTF-8. */
#include "base/internal.h"

static int is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t kt_utf8_sequence(const unsigned char *s, size_t len)
{
	if (len == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return len >= 2 && is_tail(s[1]) ? 2 : 0;
	if (s[0] >= 0xe0 && s[0] <= 0xef) {
		if (len < 3 || !is_tail(s[1]) || !is_tail(s[2]))
			return 0;
		if (s[0] == 0xe0 && s[1] < 0xa0) /* overlong */
			return 0;
		if (s[0] == 0xed && s[1] > 0x9f) /* surrogate */
			return 0;
		return 3;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		if (len < 4 || !is_tail(s[1]) || !is_tail(s[2]) || !is_tail(s[3]))
			return 0;
		if (s[0] == 0xf0 && s[1] < 0x90) /* overlong */
			return 0;
		if (s[0] == 0xf4 && s[1] > 0x8f) /* past U+10FFFF */
			return 0;
		return 4;
	}
	return 0;
}
