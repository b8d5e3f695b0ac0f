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

static bool is_wanted(const struct update_opts *o, const char *name)
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

static int choose(const struct update_opts *o, const struct cfg_project *p,
		  struct drv_wanted_list *ret, struct kt_err *e)
{
	const struct drv_kernel_args args = { .update = true }; /* ranges are looked up anew, too */
	int r = check_names(o, p, e);

	for (size_t i = 0; r == 0 && i < p->nr_kernels; i++) {
		const struct cfg_kernel *k = &p->kernels[i];

		if (is_wanted(o, k->name) && drv_wanted_add(ret, k->name, k->source, k) < 0)
			r = kt_fail(e, KT_E_HOST, ENOMEM, "choose kernels");
	}
	return r < 0 ? r : drv_wanted_expand(p, &args, ret, e);
}

static int update(struct drv_ctx *ctx, const struct cfg_project *p,
		  const struct drv_wanted_list *wanted, struct kt_err *e)
{
	const struct drv_fetch_opts fo = { .project = p, .doing = "update", .update = true };
	kt_auto(drv_fetches) struct drv_fetches f = { 0 };
	int r;

	if (drv_fetches_init(&f, wanted) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "update %zu kernels", wanted->list.nr);
	r = drv_fetch_all(ctx, &f, &fo, e);
	for (size_t i = 0; i < f.nr; i++) {
		if (f.v[i].entry)
			printf("%s  %s  %s\n", f.v[i].name, f.v[i].source, f.v[i].entry->key);
	}
	return r;
}

static int update_run(struct drv_ctx *ctx, struct kt_err *e)
{
	kt_auto(cfg_project) struct cfg_project *p = NULL;
	kt_auto(drv_wanted_list) struct drv_wanted_list wanted = { 0 };
	kt_auto(mem) char *path = NULL;
	int r;

	drv_interrupt_exits(&ctx->term);
	r = cfg_find(".", &path, e);
	if (r == 0)
		r = cfg_load(path, &p, e);
	if (r == 0)
		r = choose(ctx->opts, p, &wanted, e);
	return r < 0 ? r : update(ctx, p, &wanted, e);
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
