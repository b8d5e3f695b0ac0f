/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernels, with a progress bar. */
#include "driver/fetch.h"

#include "base/log.h"
#include "driver/progress.h"

struct shown {
	struct drv_ctx *ctx;
	char what[160];
};

static void on_step(void *arg, const char *what)
{
	struct shown *s = arg;

	(void)snprintf(s->what, sizeof(s->what), "%s", what);
	if (s->ctx->globals.quiet)
		return;
	drv_term_clear(&s->ctx->term);
	if (s->ctx->term.live)
		drv_term_status(&s->ctx->term, s->what);
	else
		fprintf(stderr, "%s\n", s->what);
}

static void on_bytes(void *arg, uint64_t done, uint64_t total, double per_second)
{
	struct shown *s = arg;
	kt_auto(buf) struct kt_buf b = { 0 };

	if (!s->ctx->term.live)
		return;
	drv_transfer_line(&b, s->what, done, total, per_second, s->ctx->term.columns - 1);
	drv_term_status(&s->ctx->term, kt_buf_str(&b));
}

int drv_fetch(struct drv_ctx *ctx, const char *spec, const struct drv_fetch_opts *o,
	      struct kc_entry **ret, struct kt_err *e)
{
	struct shown s = { .ctx = ctx };
	const struct kc_progress progress = { .step = on_step, .bytes = on_bytes, .ctx = &s };
	const struct kc_opts ko = {
		.project_dir = o->project_dir,
		.offline = o->offline,
		.locked = o->locked,
		.update = o->update,
		.progress = &progress,
	};
	int r = kc_get(spec, &ko, ret, e);

	drv_term_clear(&ctx->term);
	if (r == 0 && (*ret)->notes)
		kt_log(KT_AREA_DRIVER, KT_WARN, "kernel %s: %s", (*ret)->key, (*ret)->notes);
	return r;
}
