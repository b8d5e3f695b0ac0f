/* SPDX-License-Identifier: GPL-2.0-only */
/* Getting kernels with their progress shown. */
#ifndef KTSTR_DRIVER_FETCH_H
#define KTSTR_DRIVER_FETCH_H

#include <stdbool.h>

#include "base/err.h"
#include "driver/driver.h"
#include "kernel-cache/kernel-cache.h"

struct drv_fetch_opts {
	const char *project_dir; /* NULL: no project, no lock */
	bool offline;
	bool locked;
	bool update;
};
/* kc_get with a progress line on a terminal and plain lines elsewhere. */
int drv_fetch(struct drv_ctx *ctx, const char *spec, const struct drv_fetch_opts *o,
	      struct kc_entry **ret, struct kt_err *e);

#endif
