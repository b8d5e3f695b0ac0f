/* SPDX-License-Identifier: GPL-2.0-only */
/* What two files of base/ share. */
#ifndef KTSTR_BASE_INTERNAL_H
#define KTSTR_BASE_INTERNAL_H

#include <stddef.h>
#include <sys/types.h>

/* Length of the well-formed UTF-8 sequence at @s (no surrogates, no overlong forms), 0 when there is none. */
size_t kt_utf8_sequence(const unsigned char *s, size_t len);

/*
 * Between fork and exec, in the first process of a group of its own, with all signals blocked: returns in a child of it
 * that is to become the program; the caller stays and kills the whole group once @parent is gone. -1: errno.
 */
int kt_proc_guard(pid_t parent);

#endif
