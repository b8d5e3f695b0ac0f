/* SPDX-License-Identifier: GPL-2.0-only */
/* The sidecar's figures, worked out by hand. */
#include "scenario/scenario.h"

#include "tests/unit/unit.h"

static void figures_come_from_the_workers(void **state)
{
	struct scn_cgroup cgroups[2] = { { .name = "a", .nr_workers = 2 },
					 { .name = "idle", .nr_workers = 0 } };
	struct scn_worker_result workers[2] = {
		{ .iterations = 150,
		  .wall_ns = 1000,
		  .cpu_ns = 750,
		  .run_delay_ns = 4000,
		  .max_gap_ns = 7999999,
		  .max_gap_cpu = 3,
		  .migrations = 10,
		  .wake_p50_ns = 2000,
		  .wake_p99_ns = 9000 },
		{ .iterations = 50,
		  .wall_ns = 1000,
		  .cpu_ns = 250,
		  .run_delay_ns = 2000,
		  .max_gap_ns = 12000000,
		  .max_gap_cpu = 1,
		  .migrations = 40,
		  .wake_p50_ns = 3000,
		  .wake_p99_ns = 6000 },
	};
	const struct scn_plan plan = { .cgroups = cgroups, .nr_cgroups = 2 };
	const struct scn_result r = { .workers = workers, .nr_workers = 2 };
	static const struct scn_checks checks;
	static const struct scn_expect expect;
	const struct scn_judge_opts o = { .plan = &plan, .checks = &checks, .expect = &expect };
	kt_auto(scn_judgement) struct scn_judgement jd = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	(void)state;
	kt_cpuset_add(&workers[0].cpus_seen, 0);
	kt_cpuset_add(&workers[0].cpus_seen, 1);
	kt_cpuset_add(&workers[1].cpus_seen, 1);
	scn_judge(&o, &r, &jd);
	kt_json_init(&j, &b, false);
	scn_stats_json(&plan, &jd, &j, NULL);
	kt_json_finish(&j);
	assert_string_equal(
		kt_buf_str(&b),
		"{\"cgroups\":[{\"cgroup_name\":\"a\",\"num_workers\":2,\"num_cpus\":2,"
		"\"avg_off_cpu_pct\":50.0,\"min_off_cpu_pct\":25.0,\"max_off_cpu_pct\":75.0,"
		"\"spread\":50.0,\"max_gap_ms\":12,\"max_gap_cpu\":1,\"total_migrations\":50,"
		"\"migration_ratio\":0.25,\"p99_wake_latency_us\":9.0,\"median_wake_latency_us\":3.0,"
		"\"wake_latency_cv\":0.0,\"total_iterations\":200,\"mean_run_delay_us\":3.0,"
		"\"worst_run_delay_us\":4.0,\"page_locality\":0.0,\"cross_node_migration_ratio\":0.0,"
		"\"total_cpu_time_ns\":1000},"
		"{\"cgroup_name\":\"idle\",\"num_workers\":0,\"num_cpus\":0,"
		"\"avg_off_cpu_pct\":0.0,\"min_off_cpu_pct\":0.0,\"max_off_cpu_pct\":0.0,"
		"\"spread\":0.0,\"max_gap_ms\":0,\"max_gap_cpu\":0,\"total_migrations\":0,"
		"\"migration_ratio\":0.0,\"p99_wake_latency_us\":0.0,\"median_wake_latency_us\":0.0,"
		"\"wake_latency_cv\":0.0,\"total_iterations\":0,\"mean_run_delay_us\":0.0,"
		"\"worst_run_delay_us\":0.0,\"page_locality\":0.0,\"cross_node_migration_ratio\":0.0,"
		"\"total_cpu_time_ns\":0}],"
		"\"total_workers\":2,\"total_cpus\":2,\"total_migrations\":50,\"worst_spread\":50.0,"
		"\"worst_gap_ms\":12,\"worst_gap_cpu\":1,\"worst_migration_ratio\":0.25,"
		"\"worst_p99_wake_latency_us\":9.0,\"worst_median_wake_latency_us\":3.0,"
		"\"worst_wake_latency_cv\":0.0,\"total_iterations\":200,"
		"\"worst_mean_run_delay_us\":3.0,\"worst_run_delay_us\":4.0,"
		"\"worst_page_locality\":0.0,\"worst_cross_node_migration_ratio\":0.0,"
		"\"worst_wake_latency_tail_ratio\":3.0,\"ext_metrics\":{}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_come_from_the_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
