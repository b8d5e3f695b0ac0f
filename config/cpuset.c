/* SPDX-License-Identifier: GPL-2.0-only */
/* CPU sets of cgroups: their text, and what they mean on a topology. */
#include "config/internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS_MAX = 1024 };

#define BAD(e, ...) kt_fail((e), KT_E_CONFIG, EINVAL, __VA_ARGS__)

/* A plain decimal fraction "0", "0.25", "1.0" off the front of *s: no sign, exponent, or locale. */
static bool take_fraction(const char **s, double *ret)
{
	const char *p = *s;
	double v = 0, unit = 1;

	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++)
		v = v * 10 + (*p - '0');
	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			return false;
		for (; isdigit((unsigned char)*p); p++)
			v += (unit /= 10) * (*p - '0');
	}
	*s = p;
	*ret = v;
	return true;
}

static int parse_range(const char *s, struct cfg_cpuset *ret, struct kt_err *e)
{
	const char *p = s;

	if (!take_fraction(&p, &ret->start) || *p++ != '-' || !take_fraction(&p, &ret->end) || *p)
		return BAD(e, "'range:%s' is not of the form \"range:0.0-0.5\"", s);
	if (!(ret->start < ret->end) || ret->end > 1)
		return BAD(e, "'range:%s' is not within 0 to 1, start before end", s);
	ret->kind = CFG_CPUSET_RANGE;
	return 0;
}

static int parse_disjoint(const char *s, struct cfg_cpuset *ret, struct kt_err *e)
{
	const char *slash = strchr(s, '/');
	char index[16];

	if (!slash || kt_snprintf(index, sizeof(index), "%.*s", (int)(slash - s), s) < 0 ||
	    kt_parse_uint(index, 0, PARTS_MAX, &ret->index) < 0 ||
	    kt_parse_uint(slash + 1, 1, PARTS_MAX, &ret->of) < 0)
		return BAD(e, "'disjoint:%s' is not of the form \"disjoint:0/2\"", s);
	if (ret->index >= ret->of)
		return BAD(e, "'disjoint:%s': the parts are 0 to %u", s, ret->of - 1);
	ret->kind = CFG_CPUSET_DISJOINT;
	return 0;
}

static int parse_index(const char *what, const char *s, enum cfg_cpuset_kind kind,
		       struct cfg_cpuset *ret, struct kt_err *e)
{
	if (kt_parse_uint(s, 0, KT_CPUS_MAX, &ret->index) < 0)
		return BAD(e, "'%s%s' is not of the form \"%s0\"", what, s, what);
	ret->kind = kind;
	return 0;
}

int cfg_cpuset_parse(const char *s, struct cfg_cpuset *ret, struct kt_err *e)
{
	struct cfg_cpuset c = { 0 };
	int r;

	if (kt_starts_with(s, "llc:"))
		r = parse_index("llc:", s + 4, CFG_CPUSET_LLC, &c, e);
	else if (kt_starts_with(s, "numa:"))
		r = parse_index("numa:", s + 5, CFG_CPUSET_NUMA, &c, e);
	else if (kt_starts_with(s, "range:"))
		r = parse_range(s + 6, &c, e);
	else if (kt_starts_with(s, "disjoint:"))
		r = parse_disjoint(s + 9, &c, e);
	else if (kt_cpuset_parse(s, &c.exact) < 0)
		r = BAD(e,
			"'%s' is no CPU set: \"0-3,8\", \"llc:0\", \"numa:1\", \"range:0.0-0.5\" or "
			"\"disjoint:0/2\"",
			s);
	else if (!kt_cpuset_count(&c.exact))
		r = BAD(e, "the CPU set is empty");
	else
		r = (c.kind = CFG_CPUSET_EXACT, 0);
	if (r == 0)
		*ret = c;
	return r;
}

void cfg_usable_cpus(const struct kt_topology *t, struct kt_cpuset *ret)
{
	unsigned nr = kt_topo_nr_cpus(t);

	*ret = (struct kt_cpuset){ 0 };
	for (unsigned cpu = 0; cpu < (nr > 2 ? nr - 1 : nr); cpu++)
		kt_cpuset_add(ret, cpu);
}

/* The usable CPUs are numbered from 0 without a gap, so a part of them is a range of numbers. */
static void part(const struct kt_topology *t, unsigned start, unsigned end, struct kt_cpuset *ret)
{
	struct kt_cpuset usable;

	cfg_usable_cpus(t, &usable);
	for (unsigned cpu = start; cpu < end; cpu++) {
		if (kt_cpuset_has(&usable, cpu))
			kt_cpuset_add(ret, cpu);
	}
}

static int resolve(const struct cfg_cpuset *c, const struct kt_topology *t, struct kt_cpuset *ret,
		   struct kt_err *e)
{
	unsigned nr_cpus = kt_topo_nr_cpus(t);
	struct kt_cpuset usable;
	unsigned nr;

	cfg_usable_cpus(t, &usable);
	nr = kt_cpuset_count(&usable);
	switch (c->kind) {
	case CFG_CPUSET_NONE:
		*ret = usable;
		return 0;
	case CFG_CPUSET_LLC:
		if (c->index >= t->nr_llcs)
			return BAD(e, "'llc:%u': the last is llc:%u", c->index, t->nr_llcs - 1);
		kt_topo_llc_cpus(t, c->index, ret);
		return 0;
	case CFG_CPUSET_NUMA:
		if (c->index >= t->nr_nodes)
			return BAD(e, "'numa:%u': the last is numa:%u", c->index, t->nr_nodes - 1);
		kt_topo_node_cpus(t, c->index, ret);
		if (!kt_cpuset_count(ret))
			return BAD(e, "'numa:%u' has memory only, no CPUs", c->index);
		return 0;
	case CFG_CPUSET_EXACT:
		for (unsigned cpu = nr_cpus; cpu < KT_CPUS_MAX; cpu++) {
			if (kt_cpuset_has(&c->exact, cpu))
				return BAD(e, "CPU %u: the last is CPU %u", cpu, nr_cpus - 1);
		}
		*ret = c->exact;
		return 0;
	case CFG_CPUSET_RANGE:
		/*
		 * A fraction such as 0.29 is a little less than it says: what should be whole must
		 * not lose one.
		 */
		part(t, (unsigned)(c->start * nr + 1e-9), (unsigned)(c->end * nr + 1e-9), ret);
		return 0;
	case CFG_CPUSET_DISJOINT:
		part(t, c->index * nr / c->of, (c->index + 1) * nr / c->of, ret);
		return 0;
	}
	return 0;
}

int cfg_cpuset_resolve(const struct cfg_cpuset *c, const struct kt_topology *t,
		       struct kt_cpuset *ret, struct kt_err *e)
{
	struct kt_cpuset cpus = { 0 };
	kt_auto(buf) struct kt_buf shape = { 0 };
	int r = resolve(c, t, &cpus, e);

	if (r == 0 && !kt_cpuset_count(&cpus))
		r = BAD(e, "the CPU set is empty");
	if (r < 0) {
		kt_topo_format(&shape, t);
		return kt_context(e, r, "on %s", kt_buf_str(&shape));
	}
	*ret = cpus;
	return 0;
}

unsigned cfg_cgroup_workers(const struct cfg_cgroup *c, const struct kt_topology *t)
{
	unsigned group = scn_work_types[c->work.type].group;
	struct kt_cpuset cpus;
	unsigned groups;

	if (c->workers)
		return c->workers;
	if (cfg_cpuset_resolve(&c->cpuset, t, &cpus, NULL) < 0)
		cfg_usable_cpus(t, &cpus);
	groups = (unsigned)(kt_cpuset_count(&cpus) * c->workers_pct / 100 / group + 0.5);
	return (groups ? groups : 1) * group;
}
