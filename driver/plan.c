/* SPDX-License-Identifier: GPL-2.0-only */
/* Choosing tests and kernels: filters, the kernel axis, and what to say when nothing is left. */
#include "driver/plan.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver/kernel_args.h"

static void cell_done(struct drv_cell *c)
{
	cell_spec_done(&c->spec);
	kt_buf_done(&c->in);
	for (size_t i = 0; i < sizeof(c->line) / sizeof(c->line[0]); i++)
		kt_buf_done(&c->line[i]);
	free(c->cause);
	kt_cleanup_fd(&c->pidfd);
	kt_cleanup_fd(&c->msg_fd);
}

static void kernel_done(const struct drv_plan *p, struct drv_kernel *k)
{
	for (size_t i = 0; i < p->project->nr_schedulers; i++) {
		if (k->objects)
			cap_objects_free(k->objects[i]);
		if (k->programs)
			free(k->programs[i]);
	}
	free(k->objects);
	free(k->programs);
	cap_types_free(k->types);
	free(k->types_why);
	cap_symbols_free(k->symbols);
	kc_entry_free(k->entry);
	free(k->dir_name);
}

void drv_plan_done(struct drv_plan *p)
{
	for (size_t i = 0; i < p->nr_cells; i++)
		cell_done(&p->cells[i]);
	for (size_t i = 0; i < p->nr_kernels; i++) {
		kernel_done(p, &p->kernels[i]);
	}
	free(p->cells);
	free(p->kernels);
	*p = (struct drv_plan){ 0 };
}

const char *drv_scheduler_name(const struct cfg_project *p, const struct cfg_test *t)
{
	return t->scheduler == CFG_NO_SCHEDULER ? "eevdf" : p->schedulers[t->scheduler].name;
}

char *drv_safe_name(const char *s)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	for (const char *p = s; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || (*p && strchr("_+-~", *p)) ||
			     (*p == '.' && p != s);

		kt_buf_addc(&b, plain ? *p : '_');
	}
	if (!*s)
		kt_buf_addc(&b, '_');
	return kt_buf_take(&b);
}

/* ---- kernels ---- */

static const struct cfg_kernel *kernel_by_name(const struct cfg_project *p, const char *name)
{
	for (size_t i = 0; i < p->nr_kernels; i++) {
		if (kt_streq(p->kernels[i].name, name))
			return &p->kernels[i];
	}
	return NULL;
}

static void list_kernels(const struct cfg_project *p, struct kt_buf *b)
{
	for (size_t i = 0; i < p->nr_kernels; i++)
		kt_buf_addf(b, "%s'%s'", i ? ", " : "", p->kernels[i].name);
}

const char *drv_nearest_kernel(const struct cfg_project *p, const char *name)
{
	kt_auto(mem) const char **names = calloc(p->nr_kernels + 1, sizeof(*names));

	if (!names)
		return NULL;
	for (size_t i = 0; i < p->nr_kernels; i++)
		names[i] = p->kernels[i].name;
	return kt_nearest(name, names, p->nr_kernels);
}

static int fail_kernel_name(const struct cfg_project *p, const char *name,
			    const struct kt_err *spec_error, struct kt_err *e)
{
	char why[KT_ERR_TEXT_BYTES];
	const char *nearest = drv_nearest_kernel(p, name);

	if (nearest)
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "--kernel '%s' is neither a kernel of %s nor a source: did you "
			       "mean '%s'?",
			       name, p->file, nearest);
	kt_err_text(spec_error, why, sizeof(why));
	return kt_fail(e, KT_E_USAGE, EINVAL,
		       "--kernel '%s' is no kernel of %s, and as a source: %s", name, p->file, why);
}

static void add_kernel(struct drv_plan *plan, const char *name, const char *source,
		       const struct cfg_kernel *config)
{
	/* The same kernel twice is one axis value: its cells would write the same files. */
	for (size_t i = 0; i < plan->nr_kernels; i++) {
		if (kt_streq(plan->kernels[i].source, source) &&
		    drv_same_build(plan->kernels[i].config, config))
			return;
	}
	plan->kernels[plan->nr_kernels++] =
		(struct drv_kernel){ .name = name, .source = source, .config = config };
}

int drv_default_kernel(const struct cfg_project *p, const struct cfg_kernel **ret, struct kt_err *e)
{
	const struct cfg_kernel *k = kernel_by_name(p, "default");
	kt_auto(buf) struct kt_buf b = { 0 };

	if (!k && p->nr_kernels == 1)
		k = &p->kernels[0];
	if (k) {
		*ret = k;
		return 0;
	}
	list_kernels(p, &b);
	return kt_fail(e, KT_E_CONFIG, ENOENT,
		       "%s has no [kernel.default]: add one, or choose with --kernel from %s",
		       p->file, kt_buf_str(&b));
}

static int select_kernels(const struct cfg_project *p, const struct drv_select *s,
			  struct drv_plan *ret, struct kt_err *e)
{
	size_t nr = s->wanted ? s->wanted->list.nr : s->nr_kernels;
	const struct cfg_kernel *only = NULL;
	int r;

	ret->kernels = calloc(nr + 1, sizeof(*ret->kernels));
	if (!ret->kernels)
		return kt_fail(e, KT_E_HOST, ENOMEM, "plan kernels");
	for (size_t i = 0; s->wanted && i < nr; i++) {
		const struct drv_wanted *w = &s->wanted->list.v[i];

		add_kernel(ret, w->name, w->source, w->config);
	}
	if (s->wanted)
		return 0;
	if (!s->nr_kernels) {
		r = drv_default_kernel(p, &only, e);
		if (only)
			add_kernel(ret, only->name, only->source, only);
		return r;
	}
	for (size_t i = 0; i < s->nr_kernels; i++) {
		const struct cfg_kernel *k = kernel_by_name(p, s->kernels[i]);
		struct kt_err spec_error = { 0 };

		r = 0;
		if (k)
			add_kernel(ret, k->name, k->source, k);
		else if (kc_spec_check(s->kernels[i], &spec_error) < 0)
			r = fail_kernel_name(p, s->kernels[i], &spec_error, e);
		else
			add_kernel(ret, s->kernels[i], s->kernels[i], NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- tests ---- */

static bool name_matches(const struct drv_select *s, const char *name)
{
	for (size_t i = 0; i < s->nr_filters; i++) {
		if (strstr(name, s->filters[i]))
			return true;
	}
	return !s->nr_filters;
}

static bool ignored_matches(const struct drv_select *s, const struct cfg_test *t)
{
	switch (s->ignored) {
	case DRV_IGNORED_LEAVE_OUT:
		return !t->ignored;
	case DRV_IGNORED_TOO:
		return true;
	case DRV_IGNORED_ONLY:
		return t->ignored;
	}
	return false;
}

static void add_filters(struct kt_buf *b, const struct drv_select *s)
{
	for (size_t i = 0; i < s->nr_filters; i++)
		kt_buf_addf(b, "%s'%s'", i ? " or " : "", s->filters[i]);
}

/* Names of tests that are a typo away from a filter. */
static size_t add_nearest(struct kt_buf *b, const struct cfg_project *p, const struct drv_select *s)
{
	kt_auto(mem) const char **names = calloc(p->nr_tests + 1, sizeof(*names));
	size_t nr = 0;

	if (!names)
		return 0;
	for (size_t i = 0; i < p->nr_tests; i++)
		names[i] = p->tests[i].name;
	for (size_t i = 0; i < s->nr_filters; i++) {
		const char *nearest = kt_nearest(s->filters[i], names, p->nr_tests);

		if (nearest)
			kt_buf_addf(b, "%s'%s'", nr++ ? ", " : "", nearest);
	}
	return nr;
}

static int fail_nothing(const struct cfg_project *p, const struct drv_select *s, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf filters = { 0 };
	kt_auto(buf) struct kt_buf nearest = { 0 };
	size_t nr_names = 0;

	if (!p->nr_tests)
		return kt_fail(e, KT_E_USAGE, ENOENT, "%s has no tests: add a [[test]]", p->file);
	for (size_t i = 0; i < p->nr_tests; i++)
		nr_names += name_matches(s, p->tests[i].name);
	add_filters(&filters, s);
	if (nr_names && s->ignored == DRV_IGNORED_ONLY)
		return kt_fail(e, KT_E_USAGE, ENOENT,
			       "no matching test has 'ignore = true', which --ignored asks for");
	if (nr_names)
		return kt_fail(e, KT_E_USAGE, ENOENT,
			       "every matching test is ignored (%zu): add --include-ignored",
			       nr_names);
	if (add_nearest(&nearest, p, s))
		return kt_fail(e, KT_E_USAGE, ENOENT, "no test matches %s: did you mean %s?",
			       kt_buf_str(&filters), kt_buf_str(&nearest));
	return kt_fail(e, KT_E_USAGE, ENOENT,
		       "no test matches %s: 'ktstr-make test --list' shows all %zu",
		       kt_buf_str(&filters), p->nr_tests);
}

static int select_tests(const struct cfg_project *p, const struct drv_select *s,
			struct drv_plan *ret, struct kt_err *e)
{
	kt_auto(mem) size_t *chosen = calloc(p->nr_tests + 1, sizeof(*chosen));
	size_t nr = 0;

	if (!chosen)
		return kt_fail(e, KT_E_HOST, ENOMEM, "plan tests");
	for (size_t i = 0; i < p->nr_tests; i++) {
		size_t columns = drv_columns(p->tests[i].name);

		if (!ignored_matches(s, &p->tests[i]) || !name_matches(s, p->tests[i].name))
			continue;
		chosen[nr++] = i;
		if (columns > ret->name_columns)
			ret->name_columns = columns < DRV_NAME_COLUMNS ? columns : DRV_NAME_COLUMNS;
	}
	if (!nr)
		return fail_nothing(p, s, e);
	assert(ret->nr_kernels); /* select_kernels has chosen one, or failed */
	ret->cells = calloc(nr * ret->nr_kernels, sizeof(*ret->cells));
	if (!ret->cells)
		return kt_fail(e, KT_E_HOST, ENOMEM, "plan %zu cells", nr * ret->nr_kernels);
	for (size_t k = 0; k < ret->nr_kernels; k++) {
		for (size_t i = 0; i < nr; i++) {
			ret->cells[ret->nr_cells++] = (struct drv_cell){
				.test = &p->tests[chosen[i]],
				.kernel = k,
				.pidfd = -1,
				.msg_fd = -1,
				.kill_at_ns = UINT64_MAX,
			};
		}
	}
	return 0;
}

int drv_plan_select(const struct cfg_project *p, const struct drv_select *s, struct drv_plan *ret,
		    struct kt_err *e)
{
	kt_auto(drv_plan) struct drv_plan plan = { .project = p };
	int r;

	r = select_kernels(p, s, &plan, e);
	if (r == 0)
		r = select_tests(p, s, &plan, e);
	if (r < 0)
		return r;
	*ret = plan;
	plan = (struct drv_plan){ 0 };
	return 0;
}
