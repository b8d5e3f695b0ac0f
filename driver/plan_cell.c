/* SPDX-License-Identifier: GPL-2.0-only */
/* One test made concrete for its topology: workers, cpusets, arguments, host deadline. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "driver/plan.h"
#include "guest/proto.h"

#define SECOND UINT64_C(1000000000)

const char *drv_work_type(const struct cfg_test *t)
{
	if (!t->nr_cgroups)
		return "none";
	for (size_t i = 1; i < t->nr_cgroups; i++) {
		if (t->cgroups[i].work.type != t->cgroups[0].work.type)
			return "mixed";
	}
	return scn_work_types[t->cgroups[0].work.type].name;
}

static int resolve_cgroup(const struct cfg_test *t, const struct cfg_cgroup *from,
			  struct scn_cgroup *to, struct kt_err *e)
{
	unsigned group = scn_work_types[from->work.type].group;
	struct kt_cpuset cpus;
	int r;

	*to = (struct scn_cgroup){ .work = from->work, .nice = from->nice };
	memcpy(to->name, from->name, sizeof(to->name));
	cfg_usable_cpus(&t->topology, &cpus);
	if (from->cpuset.kind != CFG_CPUSET_NONE) {
		r = cfg_cpuset_resolve(&from->cpuset, &t->topology, &cpus, e);
		if (r < 0)
			return r;
		to->has_cpuset = true;
		to->cpuset = cpus;
	}
	to->nr_workers = cfg_cgroup_workers(from, &t->topology);
	if (to->nr_workers % group)
		return kt_fail(e, KT_E_CONFIG, EINVAL,
			       "%u workers of '%s', which come in multiples of %u", to->nr_workers,
			       scn_work_types[from->work.type].name, group);
	return 0;
}

static int add_all(struct kt_strv *to, const struct kt_strv *from)
{
	for (size_t i = 0; i < from->nr; i++) {
		if (kt_strv_add(to, from->v[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int resolve_texts(const struct cfg_project *p, const struct cfg_test *t,
			 struct scn_plan *plan)
{
	plan->test_name = strdup(t->name);
	if (!plan->test_name || add_all(&plan->sysctls, &t->sysctls) < 0)
		return -ENOMEM;
	if (t->scheduler == CFG_NO_SCHEDULER)
		return 0;
	if (kt_strv_add(&plan->scheduler_argv, GST_SCHEDULER_PATH) < 0 ||
	    add_all(&plan->scheduler_argv, &p->schedulers[t->scheduler].args) < 0 ||
	    add_all(&plan->scheduler_argv, &t->scheduler_args) < 0)
		return -ENOMEM;
	return 0;
}

static int resolve_cgroups(const struct cfg_project *p, const struct cfg_test *t,
			   struct scn_plan *plan, struct kt_err *e)
{
	uint64_t workers = 0;

	for (size_t i = 0; i < t->nr_cgroups; i++) {
		const struct cfg_cgroup *from = &t->cgroups[i];
		int r = resolve_cgroup(t, from, &plan->cgroups[i], e);

		if (r < 0)
			return kt_context(e, r, "%s:%d:%d: test '%s', cgroup '%s'", p->file,
					  from->at.line, from->at.column, t->name, from->name);
		workers += plan->cgroups[i].nr_workers;
		plan->nr_cgroups++;
	}
	if (workers > SCN_WORKERS_MAX)
		return kt_fail(e, KT_E_CONFIG, ERANGE,
			       "%s:%d:%d: test '%s' has %llu workers, at most %d", p->file,
			       t->at.line, t->at.column, t->name, (unsigned long long)workers,
			       SCN_WORKERS_MAX);
	return 0;
}

int drv_resolve_test(const struct cfg_project *p, const struct cfg_test *t, struct scn_plan *ret,
		     struct kt_err *e)
{
	kt_auto(scn_plan) struct scn_plan plan = { .duration_ns = t->duration_ns };
	int r;

	if (t->scheduler != CFG_NO_SCHEDULER)
		plan.watchdog_ns = t->watchdog_ns;
	plan.nr_periodic = t->nr_periodic;
	plan.cgroups = calloc(t->nr_cgroups + 1, sizeof(*plan.cgroups));
	if (!plan.cgroups || resolve_texts(p, t, &plan) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "plan test '%s'", t->name);
	r = resolve_cgroups(p, t, &plan, e);
	if (r < 0)
		return r;
	*ret = plan;
	plan = (struct scn_plan){ 0 };
	return 0;
}

/*
 * The parts of a cell's time, as seen on an idle host. Emulated vCPUs share one host thread:
 * booting takes them in turn (facts: 64 take half a minute, 252 more than six), and so does the
 * guest time that the workers are given.
 */
enum {
	BOOT_S = 20,
	BOOT_TCG_S_PER_CPU = 2,
	BOOT_KVM_CPUS_PER_S = 10,
	ATTACH_S = 30,
	TEARDOWN_S = 10,
	TCG_CPUS_PER_DURATION = 16,
};

uint64_t drv_host_deadline_ns(const struct drv_deadline_in *in)
{
	uint64_t boot = BOOT_S * SECOND, duration = in->duration_ns, base;
	double scaled;

	if (in->tcg) {
		boot += in->nr_cpus * BOOT_TCG_S_PER_CPU * SECOND;
		duration += duration / TCG_CPUS_PER_DURATION * in->nr_cpus;
	} else {
		boot += in->nr_cpus * SECOND / BOOT_KVM_CPUS_PER_S;
	}
	base = boot + (in->has_scheduler ? ATTACH_S * SECOND : 0) + duration + TEARDOWN_S * SECOND;
	if (in->timeout_ns)
		base = in->timeout_ns;
	scaled = (double)base * (in->tcg ? in->time_scale : 1.0);
	/* A year: far enough, and far from overflowing the clock. */
	return scaled > 3e16 ? UINT64_C(30000000) * SECOND : (uint64_t)scaled;
}

static int resolve_cell(const struct drv_plan *p, struct drv_cell *c, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf topology = { 0 };
	struct cell_spec *s = &c->spec;
	int r;

	r = drv_resolve_test(p->project, c->test, &s->plan, e);
	if (r < 0)
		return r;
	kt_topo_format(&topology, &c->test->topology);
	s->project = p->project;
	s->test = c->test;
	s->topology = kt_buf_take(&topology);
	s->scheduler = strdup(drv_scheduler_name(p->project, c->test));
	s->work_type = strdup(drv_work_type(c->test));
	if (!s->topology || !s->scheduler || !s->work_type)
		return kt_fail(e, KT_E_HOST, ENOMEM, "plan test '%s'", c->test->name);
	s->nr_cpus = kt_topo_nr_cpus(&c->test->topology);
	s->variant_hash = cell_variant_hash(s->topology, s->scheduler, s->work_type,
					    &c->test->sysctls, &c->test->kargs);
	return 0;
}

int drv_plan_resolve(struct drv_plan *p, struct kt_err *e)
{
	for (size_t i = 0; i < p->nr_cells; i++) {
		int r = resolve_cell(p, &p->cells[i], e);

		if (r < 0)
			return r;
	}
	return 0;
}
