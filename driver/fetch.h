/* SPDX-License-Identifier: GPL-2.0-only */
/* Getting kernels, several at once, with their progress shown. */
#ifndef KTSTR_DRIVER_FETCH_H
#define KTSTR_DRIVER_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "driver/driver.h"
#include "driver/kernel_args.h"
#include "kernel-cache/kernel-cache.h"

/* One kernel to get. */
struct drv_fetch {
	const char *name, *source; /* borrowed */
	const struct cfg_kernel *config; /* NULL: not of ktstr.toml */
	struct kc_entry *entry; /* the result; owned */
	struct kc_fetched fetched; /* instead of it, with sources_only */
	/* Negative: it failed, and this is why. */
	int r;
	struct kt_err err;
};
struct drv_fetches {
	struct drv_fetch *v;
	size_t nr;
};
/* One for each of @w, which it borrows from. 0 or -ENOMEM. */
int drv_fetches_init(struct drv_fetches *f, const struct drv_wanted_list *w);
void drv_fetches_done(struct drv_fetches *f);
static inline void kt_cleanup_drv_fetches(struct drv_fetches *f)
{
	drv_fetches_done(f);
}

struct drv_fetch_opts {
	const struct cfg_project *project; /* NULL: no project, no lock */
	const struct drv_kernel_args *args; /* NULL: all defaults */
	const char *doing; /* what an error says was going on; NULL: "get" */
	bool update; /* move the pins of ktstr.lock */
	bool sources_only; /* kc_fetch_only: download and build nothing */
};
/**
 * kc_get for each of @f, at most DRV_FETCHES_AT_ONCE at a time. On a terminal each that is under way has a line; elsewhere
 * its steps are said, and from time to time how far it is.
 *
 * When one fails the others go on to their end (what they got stays in @f). Of several failures the worst is returned and
 * the rest are logged.
 */
enum { DRV_FETCHES_AT_ONCE = 4 };
int drv_fetch_all(struct drv_ctx *ctx, struct drv_fetches *f, const struct drv_fetch_opts *o,
		  struct kt_err *e);

/* "errors": of each that failed; and "error", what drv_fetch_all returned, when @e is not NULL. */
void drv_fetches_errors_json(const struct drv_fetches *f, const struct kt_err *e,
			     struct kt_json *j);

/* The progress of one kernel alone, for calls to the kernel cache that are no fetch. */
struct drv_shown;
int drv_shown_begin(struct drv_ctx *ctx, struct drv_shown **ret, struct kt_err *e);
const struct kc_progress *drv_shown_progress(const struct drv_shown *s);
/* Takes the status line away. */
void drv_shown_free(struct drv_shown *s);
KT_DEFINE_AUTO(drv_shown, struct drv_shown *, drv_shown_free);

/* How a command shows what it got; @failed: NULL, or why something of it was not had. */
struct drv_fetch_print {
	bool as_json;
	void (*json)(const struct drv_fetches *f, const struct kt_err *failed, struct kt_buf *b);
	void (*text)(const struct drv_fetches *f, struct kt_buf *b);
};
/* Get all of @wanted, which ranges are expanded in, and print on stdout also what was had before another failed. */
int drv_fetch_and_print(struct drv_ctx *ctx, struct drv_wanted_list *wanted,
			const struct drv_fetch_opts *o, const struct drv_fetch_print *print,
			struct kt_err *e);

#endif
