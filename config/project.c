/* SPDX-License-Identifier: GPL-2.0-only */
/* The tables beside the tests: [project], [kernel.NAME], [scheduler.NAME], [vm], [cache]. */
#include "config/internal.h"

#include <stdlib.h>
#include <string.h>

void cfg_project_free(struct cfg_project *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->nr_kernels; i++) {
		free(p->kernels[i].name);
		free(p->kernels[i].source);
		kt_strv_done(&p->kernels[i].kconfig);
		free(p->kernels[i].base);
		free(p->kernels[i].toolchain);
		free(p->kernels[i].pahole);
	}
	for (size_t i = 0; i < p->nr_schedulers; i++) {
		free(p->schedulers[i].name);
		free(p->schedulers[i].build);
		free(p->schedulers[i].binary);
		kt_strv_done(&p->schedulers[i].args);
	}
	for (size_t i = 0; i < p->nr_tests; i++)
		cfg_test_done(&p->tests[i]);
	free(p->kernels);
	free(p->schedulers);
	free(p->tests);
	free(p->cache_remote);
	free(p->cache_mirror);
	free(p->file);
	free(p->dir);
	free(p->name);
	free(p);
}

void cfg_apply_project(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		       void *obj)
{
	(void)k; /* the table's rows say all */
	cfg_apply_table(l, CFG_T_PROJECT, v, obj);
}

void cfg_apply_project_name(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			    void *obj)
{
	if (v->type != CFG_STRING || cfg_check_name(l, v->string, v->line, v->column))
		cfg_apply_string(l, k, v, obj);
}

void cfg_apply_vm(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		  void *obj)
{
	(void)k; /* likewise */
	cfg_apply_table(l, CFG_T_VM, v, obj);
}

void cfg_apply_cache(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		     void *obj)
{
	(void)k; /* likewise */
	cfg_apply_table(l, CFG_T_CACHE, v, obj);
}

void cfg_apply_cache_url(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			 void *obj)
{
	const char *scheme = v->type == CFG_STRING ? strstr(v->string, "://") : NULL;
	bool file = scheme && kt_starts_with(v->string, "file://");
	bool http = scheme &&
		    (kt_starts_with(v->string, "http://") || kt_starts_with(v->string, "https://"));
	bool mirror = kt_streq(k->name, "mirror");

	if ((scheme && !file && !http) || (mirror && v->type == CFG_STRING && !file && !http))
		cfg_bad(l, v, "'%s' is \"%.60s\": expected %s", k->name, v->string,
			mirror ? "http://, https:// or file://"
			       : "http://, https://, file:// or a directory");
	else
		cfg_apply_string(l, k, v, obj);
}

void cfg_apply_accel(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		     void *obj)
{
	static const char *const names[] = { "auto", "kvm", "tcg" }; /* enum cfg_accel */
	int i = cfg_choice(l, v, "accelerator", names, 3);

	(void)k; /* one field */
	if (i >= 0)
		((struct cfg_project *)obj)->accel = (enum cfg_accel)i;
}

void cfg_apply_time_scale(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			  void *obj)
{
	double scale = v->type == CFG_INT ? (double)v->integer : v->real;

	if (v->type != CFG_INT && v->type != CFG_FLOAT)
		cfg_bad_type(l, v, "a number");
	else if (!(scale >= (double)k->min && scale <= (double)k->max))
		cfg_bad(l, v, "'%s' is %g, allowed are %llu to %llu", k->name, scale,
			(unsigned long long)k->min, (unsigned long long)k->max);
	else
		((struct cfg_project *)obj)->time_scale = scale;
}

void cfg_apply_tcg_clock(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			 void *obj)
{
	static const char *const names[] = { "guest-work", "real" };
	int i = cfg_choice(l, v, "clock", names, 2);

	(void)k; /* one field */
	if (i >= 0)
		((struct cfg_project *)obj)->tcg_clock_real = i == 1;
}

/* Room for one member of each table [WHAT.NAME] in @v; NULL when there is nothing to do. */
static void *named_tables(struct cfg_loader *l, const struct cfg_node *v, const char *expected,
			  size_t bytes)
{
	void *items;

	if (!cfg_is_type(l, v, CFG_TABLE, expected) || !v->nr)
		return NULL;
	items = calloc(v->nr, bytes);
	if (!items)
		cfg_oom(l);
	return items;
}

static char *copy_name(struct cfg_loader *l, const struct cfg_node *v)
{
	char *s = strdup(v->key);

	(void)cfg_check_name(l, v->key, v->key_line,
			     v->key_column); /* the load fails by the error it adds */
	if (!s)
		cfg_oom(l);
	return s;
}

/* "CONFIG_X=y"; what does not begin with CONFIG_ is a file, which is looked for when it is needed. */
static bool kconfig_ok(struct cfg_loader *l, const struct cfg_node *v)
{
	size_t name;

	if (v->type != CFG_STRING) {
		cfg_bad_type(l, v, "a file or a line such as \"CONFIG_X=y\"");
		return false;
	}
	if (!v->string[0]) {
		cfg_bad(l, v, "an empty file name");
		return false;
	}
	if (!kt_starts_with(v->string, "CONFIG_"))
		return true;
	name = strspn(v->string, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
	if (name > strlen("CONFIG_") && v->string[name] == '=' && v->string[name + 1])
		return true;
	cfg_bad(l, v, "'%.60s' is no option with a value", v->string);
	cfg_bad_help(l, "write \"%.*s=y\", or =n, =m, =256, =\\\"text\\\"", (int)name, v->string);
	return false;
}

void cfg_apply_kconfig(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		       void *obj)
{
	bool ok = true;

	for (size_t i = 0; v->type == CFG_ARRAY && i < v->nr; i++)
		ok = kconfig_ok(l, &v->child[i]) && ok;
	if (ok)
		cfg_apply_strings(l, k, v, obj);
}

void cfg_apply_flavour(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		       void *obj)
{
	static const char *const names[] = { "minimal", "full" }; /* enum cfg_flavour */
	int i = cfg_choice(l, v, "flavour", names, 2);

	(void)k; /* one field */
	if (i >= 0)
		((struct cfg_kernel *)obj)->flavour = (enum cfg_flavour)i;
}

void cfg_apply_kernels(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		       void *obj)
{
	struct cfg_project *p = obj;

	(void)k; /* a table of tables */
	p->kernels = named_tables(l, v, "tables [kernel.NAME]", sizeof(*p->kernels));
	if (!p->kernels)
		return;
	p->nr_kernels = v->nr;
	for (size_t i = 0; i < v->nr; i++) {
		p->kernels[i].name = copy_name(l, &v->child[i]);
		p->kernels[i].at =
			(struct cfg_location){ v->child[i].key_line, v->child[i].key_column };
		cfg_apply_table(l, CFG_T_KERNEL, &v->child[i], &p->kernels[i]);
	}
}

void cfg_apply_schedulers(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			  void *obj)
{
	struct cfg_project *p = obj;

	(void)k; /* likewise */
	p->schedulers = named_tables(l, v, "tables [scheduler.NAME]", sizeof(*p->schedulers));
	if (!p->schedulers)
		return;
	p->nr_schedulers = v->nr;
	for (size_t i = 0; i < v->nr; i++) {
		const struct cfg_node *m = &v->child[i];

		p->schedulers[i].name = copy_name(l, m);
		p->schedulers[i].at = (struct cfg_location){ m->key_line, m->key_column };
		if (kt_streq(m->key, "eevdf") && !l->quiet)
			cfg_diag_add(&l->diag, m->key_line, m->key_column,
				     "'eevdf' is the kernel's own scheduler: choose another name");
		cfg_apply_table(l, CFG_T_SCHEDULER, m, &p->schedulers[i]);
		if (p->schedulers[i].kernel_source && !p->schedulers[i].build &&
		    !cfg_get(m, "build"))
			cfg_bad(l, cfg_get(m, "kernel-source"),
				"'kernel-source' is for the build command, and there is no 'build'");
	}
}
