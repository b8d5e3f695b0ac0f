/* SPDX-License-Identifier: GPL-2.0-only */
/* update: move the pins of ktstr.lock to what the sources offer now. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "driver/fetch.h"
#include "driver/interrupt.h"

struct update_opts {
	struct drv_strings kernels;
};

static const struct drv_option options[] = {
	{ "kernel", 'k', DRV_OPT_STRINGS, "NAME", "only this kernel of ktstr.toml", NULL,
	  DRV_COMPLETE_KERNEL, offsetof(struct update_opts, kernels) },
};

static bool wanted(const struct update_opts *o, const char *name)
{
	for (size_t i = 0; i < o->kernels.nr; i++) {
		if (kt_streq(o->kernels.v[i], name))
			return true;
	}
	return !o->kernels.nr;
}

static int check_names(const struct update_opts *o, const struct cfg_project *p, struct kt_err *e)
{
	kt_auto(mem) const char **names = calloc(p->nr_kernels + 1, sizeof(*names));

	if (!names)
		return kt_fail(e, KT_E_HOST, ENOMEM, "look for kernels");
	for (size_t i = 0; i < p->nr_kernels; i++)
		names[i] = p->kernels[i].name;
	for (size_t i = 0; i < o->kernels.nr; i++) {
		const char *nearest = kt_nearest(o->kernels.v[i], names, p->nr_kernels);
		bool known = false;

		for (size_t k = 0; k < p->nr_kernels; k++)
			known = known || kt_streq(names[k], o->kernels.v[i]);
		if (known)
			continue;
		if (nearest)
			return kt_fail(e, KT_E_USAGE, EINVAL,
				       "%s has no kernel '%s': did you mean '%s'?", p->file,
				       o->kernels.v[i], nearest);
		return kt_fail(e, KT_E_USAGE, EINVAL, "%s has no kernel '%s'", p->file,
			       o->kernels.v[i]);
	}
	return 0;
}

static int update_run(struct drv_ctx *ctx, struct kt_err *e)
{
	const struct update_opts *o = ctx->opts;
	kt_auto(cfg_project) struct cfg_project *p = NULL;
	kt_auto(mem) char *path = NULL;
	int r;

	drv_interrupt_exits(&ctx->term);
	r = cfg_find(".", &path, e);
	if (r == 0)
		r = cfg_load(path, &p, e);
	if (r == 0)
		r = check_names(o, p, e);
	for (size_t i = 0; r == 0 && i < p->nr_kernels; i++) {
		const struct drv_fetch_opts fo = { .project_dir = p->dir, .update = true };
		kt_auto(kc_entry) struct kc_entry *k = NULL;

		if (!wanted(o, p->kernels[i].name))
			continue;
		r = drv_fetch(ctx, p->kernels[i].source, &fo, &k, e);
		if (r < 0)
			return kt_context(e, r, "update kernel '%s'", p->kernels[i].name);
		printf("%s  %s  %s\n", p->kernels[i].name, p->kernels[i].source, k->key);
	}
	return r;
}

const struct drv_command drv_cmd_update = {
	.name = "update",
	.summary = "move the kernels pinned in ktstr.lock to the newest",
	.help = "Asks every source again, gets what is new and writes ktstr.lock. Prints name, source and key of each.",
	.options = options,
	.nr_options = sizeof(options) / sizeof(options[0]),
	.opts_bytes = sizeof(struct update_opts),
	.run = update_run,
};
