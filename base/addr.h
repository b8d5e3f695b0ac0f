/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses of a guest, as types of their own: mixing the two spaces does not compile. */
#ifndef KTSTR_BASE_ADDR_H
#define KTSTR_BASE_ADDR_H

#include <stdint.h>

/* Guest-physical. */
typedef struct {
	uint64_t v;
} gpa_t;
/* Guest-virtual; of the kernel, where nothing else is said. */
typedef struct {
	uint64_t v;
} gva_t;

#endif
