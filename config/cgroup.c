/* SPDX-License-Identifier: GPL-2.0-only */
/* The cgroups of a test: their keys, and what they must be together. */
#include "config/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void cfg_apply_cgroup_name(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			   void *obj)
{
	struct cfg_cgroup *c = obj;
	const char *s = v->string;

	(void)k; /* an array in the struct */
	if (!cfg_is_type(l, v, CFG_STRING, "a string"))
		return;
	while (isalnum((unsigned char)*s) || *s == '_' || *s == '-')
		s++;
	if (*s || !v->string[0] || strlen(v->string) >= SCN_NAME_MAX)
		cfg_bad(l, v, "'%.64s' is no cgroup's name: 1 to %d of A-Z a-z 0-9 _ -", v->string,
			SCN_NAME_MAX - 1);
	else
		(void)kt_snprintf(c->name, sizeof(c->name), "%s",
				  v->string); /* its length was just checked */
}

void cfg_apply_workers(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		       void *obj)
{
	static const char expected[] =
		"a number of workers such as 4, or a percentage of the CPUs such as \"50%\"";
	struct cfg_cgroup *c = obj;
	double pct;

	if (v->type == CFG_INT) {
		if (v->integer >= (int64_t)k->min && v->integer <= (int64_t)k->max)
			c->workers = (unsigned)v->integer;
		else
			cfg_bad(l, v, "'workers' is %lld, allowed are %llu to %llu",
				(long long)v->integer, (unsigned long long)k->min,
				(unsigned long long)k->max);
	} else if (v->type != CFG_STRING || kt_parse_percent(v->string, &pct) < 0) {
		cfg_bad_type(l, v, expected);
	} else if (pct <= 0) {
		cfg_bad(l, v, "'workers' is %s of the CPUs: nothing would run", v->string);
	} else {
		c->workers = 0;
		c->workers_pct = pct;
	}
}

static void set_work_type(struct cfg_loader *l, const struct cfg_node *v, struct scn_work *w)
{
	const char *names[SCN_WORK_NR];
	int i;

	for (i = 0; i < SCN_WORK_NR; i++)
		names[i] = scn_work_types[i].name;
	i = cfg_choice(l, v, "work type", names, SCN_WORK_NR);
	if (i < 0)
		return;
	w->type = (enum scn_work_type)i;
	w->burst_ns = scn_work_types[i].default_burst_ns;
	w->sleep_ns = scn_work_types[i].default_sleep_ns;
}

void cfg_apply_work_type(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			 void *obj)
{
	(void)l; /* set before the other keys, by cfg_apply_work */
	(void)k;
	(void)v;
	(void)obj;
}

void cfg_apply_work(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		    void *obj)
{
	static const char *const params[] = { "burst", "sleep" };
	struct scn_work *w = &((struct cfg_cgroup *)obj)->work;
	const struct cfg_node *type = cfg_get(v, "type");

	(void)k; /* the table's rows say all */
	if (v->type == CFG_STRING) {
		set_work_type(l, v, w);
		return;
	}
	if (!cfg_is_type(l, v, CFG_TABLE, "a work type such as \"spin_wait\", or a table"))
		return;
	/* The type brings the defaults of the others, wherever it stands. */
	if (type)
		set_work_type(l, type, w);
	cfg_apply_table(l, CFG_T_WORK, v, w);
	for (size_t i = 0; type && i < 2; i++) {
		const struct cfg_node *p = cfg_get(v, params[i]);

		if (p && !scn_work_types[w->type].has_burst)
			cfg_bad(l, p, "work type '%s' takes no '%s'", scn_work_types[w->type].name,
				params[i]);
	}
}

void cfg_apply_cpuset(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		      void *obj)
{
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err e = { 0 };

	(void)k; /* one field */
	if (!cfg_is_type(l, v, CFG_STRING, "a CPU set such as \"llc:0\" or \"0-3\""))
		return;
	if (cfg_cpuset_parse(v->string, &((struct cfg_cgroup *)obj)->cpuset, &e) < 0)
		cfg_bad(l, v, "%s", kt_err_text(&e, text, sizeof(text)));
}

void cfg_apply_cgroups(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		       void *obj)
{
	struct cfg_test_build *b = obj;

	(void)k; /* one field */
	if (!cfg_is_type(l, v, CFG_ARRAY, "an array of tables"))
		return;
	if (v->nr > SCN_CGROUPS_MAX) {
		cfg_bad(l, v, "%zu cgroups, at most %d", v->nr, SCN_CGROUPS_MAX);
		return;
	}
	b->cgroups = v;
	free(b->t.cgroups);
	b->t.nr_cgroups = 0;
	b->t.cgroups = calloc(v->nr + 1, sizeof(*b->t.cgroups));
	if (!b->t.cgroups) {
		cfg_oom(l);
		return;
	}
	b->t.nr_cgroups = v->nr;
	for (size_t i = 0; i < v->nr; i++) {
		struct cfg_cgroup *c = &b->t.cgroups[i];

		c->at = cfg_at(&v->child[i]);
		cfg_apply_fallbacks(l, CFG_T_CGROUP, c);
		cfg_apply_table(l, CFG_T_CGROUP, &v->child[i], c);
		if (!c->workers && c->workers_pct <= 0)
			c->workers = scn_work_types[c->work.type].group;
	}
}

/* The place of a cgroup's key, or of the cgroup when it was not given. */
static const struct cfg_node *place(const struct cfg_test_build *b, size_t i, const char *key)
{
	const struct cfg_node *v = cfg_get(&b->cgroups->child[i], key);

	return v ? v : &b->cgroups->child[i];
}

static void check_cgroup(struct cfg_loader *l, const struct cfg_test_build *b, size_t i)
{
	const struct cfg_cgroup *c = &b->t.cgroups[i];
	unsigned group = scn_work_types[c->work.type].group;
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err e = { 0 };
	struct kt_cpuset cpus;

	if (c->workers % group)
		cfg_bad(l, place(b, i, "workers"),
			"workers (%u) is not a multiple of %u, the group size of '%s'", c->workers,
			group, scn_work_types[c->work.type].name);
	if (c->cpuset.kind != CFG_CPUSET_NONE &&
	    cfg_cpuset_resolve(&c->cpuset, &b->t.topology, &cpus, &e) < 0)
		cfg_bad(l, place(b, i, "cpuset"), "test '%s': %s", b->t.name,
			kt_err_text(&e, text, sizeof(text)));
	for (size_t n = 0; n < i; n++) {
		if (kt_streq(b->t.cgroups[n].name, c->name))
			cfg_bad(l, place(b, i, "name"), "a cgroup '%s' is already at line %d",
				c->name, b->t.cgroups[n].at.line);
	}
}

void cfg_check_cgroups(struct cfg_loader *l, const struct cfg_test_build *b)
{
	uint64_t workers = 0;

	for (size_t i = 0; i < b->t.nr_cgroups; i++) {
		check_cgroup(l, b, i);
		workers += cfg_cgroup_workers(&b->t.cgroups[i], &b->t.topology);
	}
	if (workers > SCN_WORKERS_MAX)
		cfg_bad(l, b->cgroups, "test '%s' has %llu workers, at most %d", b->t.name,
			(unsigned long long)workers, SCN_WORKERS_MAX);
}
