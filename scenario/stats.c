/* SPDX-License-Identifier: GPL-2.0-only */
/* Figures per cgroup and over all, from the workers' results; the sidecar's "stats" object. */
#include "scenario/internal.h"

enum { TAIL_MIN_ITERATIONS = 100 }; /* below that a p99 is only the maximum */

static double off_cpu_pct(const struct scn_worker_result *w)
{
	if (!w->wall_ns || w->cpu_ns >= w->wall_ns)
		return 0;
	return 100.0 * (double)(w->wall_ns - w->cpu_ns) / (double)w->wall_ns;
}

static double us(uint64_t ns)
{
	return (double)ns / 1000.0;
}

static double max_double(double a, double b)
{
	return a > b ? a : b;
}

static void add_worker(struct scn_cgroup_stats *s, const struct scn_worker_result *w,
		       struct kt_cpuset *cpus)
{
	double off = off_cpu_pct(w);

	/* Sums first; finish() makes means of them. */
	if (!s->nr_workers || off < s->min_off_cpu_pct)
		s->min_off_cpu_pct = off;
	s->max_off_cpu_pct = max_double(s->max_off_cpu_pct, off);
	s->avg_off_cpu_pct += off;
	s->nr_workers++;
	if (w->max_gap_ns / 1000000 > s->max_gap_ms) {
		s->max_gap_ms = w->max_gap_ns / 1000000;
		s->max_gap_cpu = w->max_gap_cpu;
	}
	s->migrations += w->migrations;
	s->iterations += w->iterations;
	s->cpu_ns += w->cpu_ns;
	s->mean_run_delay_us += us(w->run_delay_ns);
	s->worst_run_delay_us = max_double(s->worst_run_delay_us, us(w->run_delay_ns));
	s->p50_wake_us = max_double(s->p50_wake_us, us(w->wake_p50_ns));
	s->p99_wake_us = max_double(s->p99_wake_us, us(w->wake_p99_ns));
	for (size_t i = 0; i < KT_CPUS_MAX / 64; i++)
		cpus->bits[i] |= w->cpus_seen.bits[i];
}

static void finish(struct scn_cgroup_stats *s, const struct kt_cpuset *cpus)
{
	if (!s->nr_workers)
		return;
	s->nr_cpus = kt_cpuset_count(cpus);
	s->avg_off_cpu_pct /= s->nr_workers;
	s->spread = s->max_off_cpu_pct - s->min_off_cpu_pct;
	s->mean_run_delay_us /= s->nr_workers;
	if (s->iterations)
		s->migration_ratio = (double)s->migrations / (double)s->iterations;
}

void scn_stats(const struct scn_plan *p, const struct scn_result *r, struct scn_judgement *j)
{
	j->nr_cgroups = p->nr_cgroups < SCN_CGROUPS_MAX ? p->nr_cgroups : SCN_CGROUPS_MAX;
	for (size_t i = 0; i < j->nr_cgroups; i++) {
		struct scn_cgroup_stats *s = &j->cgroup[i];
		struct kt_cpuset cpus = { 0 };

		for (size_t n = 0; n < r->nr_workers; n++) {
			if (r->workers[n].cgroup == i)
				add_worker(s, &r->workers[n], &cpus);
		}
		finish(s, &cpus);
		j->total_workers += s->nr_workers;
		j->total_cpus += s->nr_cpus;
		j->total_migrations += s->migrations;
		j->total_iterations += s->iterations;
		if (s->max_gap_ms > j->worst_gap_ms) {
			j->worst_gap_ms = s->max_gap_ms;
			j->worst_gap_cpu = s->max_gap_cpu;
		}
		j->worst_spread = max_double(j->worst_spread, s->spread);
		j->worst_migration_ratio = max_double(j->worst_migration_ratio, s->migration_ratio);
	}
}

static double tail_ratio(const struct scn_cgroup_stats *s)
{
	return s->p50_wake_us > 0 && s->iterations >= TAIL_MIN_ITERATIONS
		       ? s->p99_wake_us / s->p50_wake_us
		       : 0;
}

/* Figures that readers require and nothing measures yet are 0, as the reference writes them. */
static void cgroup_json(const struct scn_cgroup_stats *s, const char *name, struct kt_json *j)
{
	kt_json_object_begin(j, NULL);
	kt_json_str(j, "cgroup_name", name);
	kt_json_u64(j, "num_workers", s->nr_workers);
	kt_json_u64(j, "num_cpus", s->nr_cpus);
	kt_json_double(j, "avg_off_cpu_pct", s->avg_off_cpu_pct);
	kt_json_double(j, "min_off_cpu_pct", s->min_off_cpu_pct);
	kt_json_double(j, "max_off_cpu_pct", s->max_off_cpu_pct);
	kt_json_double(j, "spread", s->spread);
	kt_json_u64(j, "max_gap_ms", s->max_gap_ms);
	kt_json_u64(j, "max_gap_cpu", s->max_gap_cpu);
	kt_json_u64(j, "total_migrations", s->migrations);
	kt_json_double(j, "migration_ratio", s->migration_ratio);
	kt_json_double(j, "p99_wake_latency_us", s->p99_wake_us);
	kt_json_double(j, "median_wake_latency_us", s->p50_wake_us);
	kt_json_double(j, "wake_latency_cv", 0);
	kt_json_u64(j, "total_iterations", s->iterations);
	kt_json_double(j, "mean_run_delay_us", s->mean_run_delay_us);
	kt_json_double(j, "worst_run_delay_us", s->worst_run_delay_us);
	kt_json_double(j, "page_locality", 0);
	kt_json_double(j, "cross_node_migration_ratio", 0);
	kt_json_u64(j, "total_cpu_time_ns", s->cpu_ns);
	kt_json_object_end(j);
}

static void worst_json(const struct scn_judgement *jd, struct kt_json *j)
{
	double p99 = 0, p50 = 0, mean_delay = 0, delay = 0, tail = 0;

	for (size_t i = 0; i < jd->nr_cgroups; i++) {
		const struct scn_cgroup_stats *s = &jd->cgroup[i];

		p99 = max_double(p99, s->p99_wake_us);
		p50 = max_double(p50, s->p50_wake_us);
		mean_delay = max_double(mean_delay, s->mean_run_delay_us);
		delay = max_double(delay, s->worst_run_delay_us);
		tail = max_double(tail, tail_ratio(s));
	}
	kt_json_double(j, "worst_spread", jd->worst_spread);
	kt_json_u64(j, "worst_gap_ms", jd->worst_gap_ms);
	kt_json_u64(j, "worst_gap_cpu", jd->worst_gap_cpu);
	kt_json_double(j, "worst_migration_ratio", jd->worst_migration_ratio);
	kt_json_double(j, "worst_p99_wake_latency_us", p99);
	kt_json_double(j, "worst_median_wake_latency_us", p50);
	kt_json_double(j, "worst_wake_latency_cv", 0);
	kt_json_u64(j, "total_iterations", jd->total_iterations);
	kt_json_double(j, "worst_mean_run_delay_us", mean_delay);
	kt_json_double(j, "worst_run_delay_us", delay);
	kt_json_double(j, "worst_page_locality", 0);
	kt_json_double(j, "worst_cross_node_migration_ratio", 0);
	kt_json_double(j, "worst_wake_latency_tail_ratio", tail);
}

void scn_stats_json(const struct scn_plan *p, const struct scn_judgement *jd, struct kt_json *j,
		    const char *key)
{
	kt_json_object_begin(j, key);
	kt_json_array_begin(j, "cgroups");
	for (size_t i = 0; i < jd->nr_cgroups && i < p->nr_cgroups; i++)
		cgroup_json(&jd->cgroup[i], p->cgroups[i].name, j);
	kt_json_array_end(j);
	kt_json_u64(j, "total_workers", jd->total_workers);
	kt_json_u64(j, "total_cpus", jd->total_cpus);
	kt_json_u64(j, "total_migrations", jd->total_migrations);
	worst_json(jd, j);
	kt_json_object_begin(j, "ext_metrics");
	kt_json_object_end(j);
	kt_json_object_end(j);
}
