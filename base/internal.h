/* SPDX-License-Identifier: GPL-2.0-only */
/* What two files of base/ share. */
#ifndef KTSTR_BASE_INTERNAL_H
#define KTSTR_BASE_INTERNAL_H

#include <stddef.h>

/* Length of the well-formed UTF-8 sequence at @s (no surrogates, no overlong forms), 0 when there is none. */
size_t kt_utf8_sequence(const unsigned char *s, size_t len);

#endif
