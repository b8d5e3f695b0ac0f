/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernels that somebody built: where their files are. */
#ifndef KTSTR_KERNEL_CACHE_SOURCE_LOCAL_H
#define KTSTR_KERNEL_CACHE_SOURCE_LOCAL_H

#include "kernel-cache/internal.h"

/* --- local_find.c ------------------------------------------------------------------------------------ */
/*
 * Of @path, a file or directory, absolute: each file by its path in @ret, or NULL. Caller frees them, after a failure too.
 * KT_E_KERNEL: there is no image, or there are several.
 */
int kc_local_find(const char *spec, const char *path, char *ret[static KC_FILE_NR],
		  struct kt_err *e);

#endif
