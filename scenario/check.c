/* SPDX-License-Identifier: GPL-2.0-only */
/* The judge: from what the guest saw to a verdict and its reasons. */
#include "scenario/internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *scn_verdict_name(enum scn_verdict v)
{
	switch (v) {
	case SCN_SKIP:
		return "skip";
	case SCN_PASS:
		return "pass";
	case SCN_INCONCLUSIVE:
		return "inconclusive";
	case SCN_ERROR:
		return "error";
	case SCN_FAIL:
		return "fail";
	case SCN_VERDICT_NR:
		break;
	}
	return "unknown";
}

/* One line that is safe for a terminal: the words may be the guest's. */
static char *one_line(const struct kt_buf *raw)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	const char *s = kt_buf_str(raw);

	while (*s) {
		size_t n = strcspn(s, "\n\t");

		kt_buf_add_printable(&b, s, n);
		s += n;
		if (*s)
			kt_buf_adds(&b, *s++ == '\n' ? "; " : " ");
	}
	return kt_buf_ok(raw) ? kt_buf_take(&b) : NULL;
}

void scn_judge_add(struct scn_judgement *j, enum scn_verdict v, const char *check, const char *fmt,
		   ...)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct scn_finding *f;
	va_list ap;

	if (v > j->verdict)
		j->verdict = v;
	if (j->nr_findings == SCN_FINDINGS_MAX) {
		j->nr_more++;
		return;
	}
	va_start(ap, fmt);
	kt_buf_vaddf(&b, fmt, ap);
	va_end(ap);
	f = &j->findings[j->nr_findings++];
	f->verdict = v;
	(void)kt_snprintf(f->check, sizeof(f->check), "%s", check); /* a cut name is still a name */
	f->text = one_line(&b);
}

void scn_judgement_done(struct scn_judgement *j)
{
	for (size_t i = 0; i < j->nr_findings; i++)
		free(j->findings[i].text);
	memset(j, 0, sizeof(*j));
}

/* The workers of one cgroup, and which of the checks apply to them. */
struct group_check {
	const struct scn_judge_opts *o;
	const struct scn_result *r;
	size_t cgroup;
	enum scn_verdict timing; /* what a failed timing check is worth */
	bool starved; /* the test asked for starvation: being stuck is no finding */
};

static const char *group_name(const struct group_check *g)
{
	return g->o->plan->cgroups[g->cgroup].name;
}

/*
 * Calls @bad for each worker of the group; counts, remembers the first and its number within the
 * group.
 */
static unsigned count_bad(const struct group_check *g,
			  bool (*bad)(const struct group_check *g,
				      const struct scn_worker_result *w),
			  const struct scn_worker_result **ret_first, unsigned *ret_number)
{
	unsigned nr = 0, number = 0;

	for (size_t i = 0; i < g->r->nr_workers; i++) {
		const struct scn_worker_result *w = &g->r->workers[i];

		if (w->cgroup != g->cgroup)
			continue;
		if (bad(g, w) && nr++ == 0) {
			*ret_first = w;
			*ret_number = number;
		}
		number++;
	}
	return nr;
}

static bool is_stuck(const struct group_check *g, const struct scn_worker_result *w)
{
	(void)g; /* one signature for all */
	return w->iterations == 0;
}

static bool strayed(const struct group_check *g, const struct scn_worker_result *w)
{
	return !kt_cpuset_within(&w->cpus_seen, &g->o->plan->cgroups[g->cgroup].cpuset);
}

static void check_stuck(const struct group_check *g, unsigned total, struct scn_judgement *j)
{
	const struct scn_worker_result *w = NULL;
	unsigned number = 0;
	unsigned nr = count_bad(g, is_stuck, &w, &number);

	if (nr)
		scn_judge_add(
			j, SCN_FAIL, "not-stuck",
			"cgroup '%s': worker %u (pid %u) did not get round its loop once (%u of %u)",
			group_name(g), number, w->pid, nr, total);
}

static void check_gap(const struct group_check *g, unsigned total, struct scn_judgement *j)
{
	const struct scn_worker_result *worst = NULL;
	uint64_t limit_ns = g->o->checks->max_gap_ns;
	kt_auto(buf) struct kt_buf limit = { 0 };
	unsigned nr = 0, number = 0, worst_number = 0;

	for (size_t i = 0; i < g->r->nr_workers; i++) {
		const struct scn_worker_result *w = &g->r->workers[i];

		if (w->cgroup != g->cgroup)
			continue;
		nr += w->max_gap_ns > limit_ns;
		if (!worst || w->max_gap_ns > worst->max_gap_ns) {
			worst = w;
			worst_number = number;
		}
		number++;
	}
	if (!worst || !nr)
		return;
	kt_format_duration(&limit, limit_ns);
	scn_judge_add(
		j, g->timing, "max-gap",
		"cgroup '%s': worker %u (pid %u) did not run for %llu ms, until it came to CPU %u; "
		"the limit is %s (%u of %u over it)%s",
		group_name(g), worst_number, worst->pid,
		(unsigned long long)(worst->max_gap_ns / 1000000), worst->max_gap_cpu,
		kt_buf_str(&limit), nr, total,
		g->timing == SCN_FAIL ? "" : " (guest time follows the host here)");
}

static void check_isolation(const struct group_check *g, unsigned total, struct scn_judgement *j)
{
	const struct kt_cpuset *allowed = &g->o->plan->cgroups[g->cgroup].cpuset;
	const struct scn_worker_result *w = NULL;
	kt_auto(buf) struct kt_buf out = { 0 };
	kt_auto(buf) struct kt_buf in = { 0 };
	struct kt_cpuset outside = { 0 };
	unsigned number = 0;
	unsigned nr = count_bad(g, strayed, &w, &number);

	if (!nr)
		return;
	for (size_t i = 0; i < KT_CPUS_MAX / 64; i++)
		outside.bits[i] = w->cpus_seen.bits[i] & ~allowed->bits[i];
	kt_cpuset_format(&out, &outside);
	kt_cpuset_format(&in, allowed);
	scn_judge_add(
		j, SCN_FAIL, "isolation",
		"cgroup '%s': worker %u (pid %u) ran on CPU %s, outside its cpuset %s (%u of %u)",
		group_name(g), number, w->pid, kt_buf_str(&out), kt_buf_str(&in), nr, total);
}

static void check_spread(const struct group_check *g, struct scn_judgement *j)
{
	const struct scn_cgroup_stats *s = &j->cgroup[g->cgroup];

	if (s->nr_workers < 2 || s->spread <= g->o->checks->max_spread)
		return;
	scn_judge_add(
		j, g->timing, "max-spread",
		"cgroup '%s': its workers got from %.1f %% to %.1f %% of their time on a CPU, "
		"a spread of %.1f %%; the limit is %.1f %%%s",
		group_name(g), 100 - s->max_off_cpu_pct, 100 - s->min_off_cpu_pct, s->spread,
		g->o->checks->max_spread,
		g->timing == SCN_FAIL ? "" : " (guest time follows the host here)");
}

static void check_group(const struct group_check *g, struct scn_judgement *j)
{
	const struct scn_cgroup *c = &g->o->plan->cgroups[g->cgroup];
	const struct scn_checks *checks = g->o->checks;
	unsigned total = j->cgroup[g->cgroup].nr_workers;

	if (total != c->nr_workers)
		scn_judge_add(j, SCN_ERROR, "not-stuck",
			      "cgroup '%s': %u of %u workers sent a result", c->name, total,
			      c->nr_workers);
	if (checks->not_stuck && !g->starved)
		check_stuck(g, total, j);
	if (checks->isolation && c->has_cpuset)
		check_isolation(g, total, j);
	if (checks->max_gap_ns && !g->starved)
		check_gap(g, total, j);
	if (checks->max_spread > 0 && !g->starved)
		check_spread(g, j);
}

static void check_workers(const struct scn_judge_opts *o, const struct scn_result *r,
			  enum scn_sched_outcome outcome, struct scn_judgement *j)
{
	struct group_check g = {
		.o = o,
		.r = r,
		.timing = o->clock_is_real ? SCN_INCONCLUSIVE : SCN_FAIL,
		.starved = outcome == SCN_OUT_EXPECTED,
	};
	bool comparable = false;

	for (g.cgroup = 0; g.cgroup < j->nr_cgroups; g.cgroup++) {
		check_group(&g, j);
		comparable |= j->cgroup[g.cgroup].nr_workers >= 2;
	}
	for (size_t i = 0; i < r->nr_workers; i++) {
		if (r->workers[i].cgroup >= j->nr_cgroups) {
			scn_judge_add(j, SCN_ERROR, "not-stuck",
				      "worker %zu says cgroup %u, the plan has %zu", i,
				      r->workers[i].cgroup, j->nr_cgroups);
			break;
		}
	}
	if (o->checks->max_spread > 0 && !g.starved && !comparable)
		scn_judge_add(j, SCN_INCONCLUSIVE, "max-spread",
			      "no cgroup has two workers to compare");
}

void scn_judge(const struct scn_judge_opts *o, const struct scn_result *r,
	       struct scn_judgement *ret)
{
	enum scn_sched_outcome outcome;
	size_t planned = 0;

	memset(ret, 0, sizeof(*ret));
	ret->verdict = SCN_PASS;
	scn_stats(o->plan, r, ret);
	if (o->topology)
		scn_check_topology(o->topology, r, ret);
	outcome = scn_check_scheduler(o, r, ret);
	for (size_t i = 0; i < o->plan->nr_cgroups; i++)
		planned += o->plan->cgroups[i].nr_workers;
	if (!planned && r->sched == SCN_SCHED_NONE)
		scn_judge_add(ret, SCN_INCONCLUSIVE, "scheduler",
			      "nothing to measure: no scheduler and no workers");
	/* The exit that was asked for may come before the workers: then there is nothing of them to check. */
	if (outcome == SCN_OUT_EXPECTED && !r->nr_workers && !r->ran_ns)
		return;
	if (planned && outcome != SCN_OUT_NO_RUN)
		check_workers(o, r, outcome, ret);
}
