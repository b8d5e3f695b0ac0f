/* SPDX-License-Identifier: GPL-2.0-only */
/* Which CPU is where, for uniform shapes, non-uniform nodes and memory-only nodes. */
#include "base/topology.h"

#include "tests/unit/unit.h"

/* 2 nodes of 2 LLCs, 4 cores of 2 threads each: 32 CPUs. */
static const struct kt_topology uniform = {
	.nr_nodes = 2,
	.nr_llcs = 4,
	.cores = 4,
	.threads = 2,
	.node = { { .llcs = 2 }, { .llcs = 2 } },
};

/* Nodes of 1, 0 (memory only) and 2 LLCs. */
static const struct kt_topology uneven = {
	.nr_nodes = 3,
	.nr_llcs = 3,
	.cores = 4,
	.threads = 1,
	.node = { { .llcs = 1 }, { .llcs = 0 }, { .llcs = 2 } },
	.has_distance = true,
	.distance = { { 10, 17, 28 }, { 17, 10, 28 }, { 28, 28, 10 } },
};

static void assert_cpus(const struct kt_cpuset *s, const char *expected)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	kt_cpuset_format(&b, s);
	assert_string_equal(kt_buf_str(&b), expected);
}

static void cpus_are_counted(void **state)
{
	(void)state;
	assert_int_equal(kt_topo_nr_cpus(&uniform), 32);
	assert_int_equal(kt_topo_nr_cpus(&uneven), 12);
}

static void cpus_are_numbered_llc_by_llc(void **state)
{
	struct kt_cpuset s;

	(void)state;
	assert_int_equal(kt_topo_llc_of_cpu(&uniform, 7), 0);
	assert_int_equal(kt_topo_llc_of_cpu(&uniform, 8), 1);
	assert_int_equal(kt_topo_llc_of_cpu(&uniform, 31), 3);
	kt_topo_llc_cpus(&uniform, 2, &s);
	assert_cpus(&s, "16-23");
	kt_topo_llc_cpus(&uniform, 4, &s);
	assert_cpus(&s, "");
}

static void cores_hold_neighbouring_threads(void **state)
{
	struct kt_cpuset s;

	(void)state;
	kt_topo_core_cpus(&uniform, 9, &s);
	assert_cpus(&s, "8-9");
	kt_topo_core_cpus(&uneven, 9, &s);
	assert_cpus(&s, "9");
}

static void nodes_hold_their_llcs(void **state)
{
	struct kt_cpuset s;

	(void)state;
	assert_int_equal(kt_topo_node_of_llc(&uniform, 1), 0);
	assert_int_equal(kt_topo_node_of_llc(&uniform, 2), 1);
	assert_int_equal(kt_topo_node_of_cpu(&uniform, 15), 0);
	assert_int_equal(kt_topo_node_of_cpu(&uniform, 16), 1);
	kt_topo_node_cpus(&uniform, 1, &s);
	assert_cpus(&s, "16-31");
	kt_topo_node_cpus(&uniform, 2, &s);
	assert_cpus(&s, "");
}

static void a_memory_only_node_has_no_cpus(void **state)
{
	struct kt_cpuset s;

	(void)state;
	assert_int_equal(kt_topo_node_of_llc(&uneven, 0), 0);
	assert_int_equal(kt_topo_node_of_llc(&uneven, 1), 2);
	assert_int_equal(kt_topo_node_of_cpu(&uneven, 11), 2);
	kt_topo_node_cpus(&uneven, 1, &s);
	assert_cpus(&s, "");
	kt_topo_node_cpus(&uneven, 2, &s);
	assert_cpus(&s, "4-11");
}

static void every_cpu_is_in_exactly_one_node(void **state)
{
	struct kt_cpuset s;
	unsigned homes;

	(void)state;
	for (unsigned cpu = 0; cpu < kt_topo_nr_cpus(&uneven); cpu++) {
		homes = 0;
		for (unsigned n = 0; n < uneven.nr_nodes; n++) {
			kt_topo_node_cpus(&uneven, n, &s);
			homes += kt_cpuset_has(&s, cpu);
			assert_true(kt_cpuset_has(&s, cpu) ==
				    (kt_topo_node_of_cpu(&uneven, cpu) == n));
		}
		assert_int_equal(homes, 1);
	}
}

static void distances_default_to_local_and_remote(void **state)
{
	(void)state;
	assert_int_equal(kt_topo_distance(&uniform, 0, 0), 10);
	assert_int_equal(kt_topo_distance(&uniform, 0, 1), 20);
	assert_int_equal(kt_topo_distance(&uneven, 0, 1), 17);
	assert_int_equal(kt_topo_distance(&uneven, 2, 1), 28);
}

static void memory_without_cpus_is_accessed_by_the_nearest_node_that_has_some(void **state)
{
	struct kt_topology t = { .nr_nodes = 4,
				 .nr_llcs = 2,
				 .cores = 1,
				 .threads = 1,
				 .node = { { .llcs = 1 }, { .llcs = 1 } } };

	(void)state;
	assert_int_equal(kt_topo_initiator(&t, 0), 0);
	assert_int_equal(kt_topo_initiator(&t, 1), 1);
	assert_int_equal(kt_topo_initiator(&t, 3), 0);
	t.has_distance = true;
	t.distance[0][3] = 40;
	t.distance[1][3] = 30;
	t.distance[2][3] = 11; /* nearer, but has no CPUs */
	assert_int_equal(kt_topo_initiator(&t, 3), 1);
}

static void any_of_three_things_is_for_hmat(void **state)
{
	struct kt_topology t = { .nr_nodes = 2 };

	(void)state;
	assert_false(kt_topo_has_hmat(&t));
	t.node[1].latency_ns = 1;
	assert_true(kt_topo_has_hmat(&t));
	t.node[1] = (struct kt_topo_node){ .bandwidth_mbs = 1 };
	assert_true(kt_topo_has_hmat(&t));
	t.node[1] = (struct kt_topo_node){ .mem_side_cache_bytes = 1 };
	assert_true(kt_topo_has_hmat(&t));
	t.nr_nodes = 1;
	assert_false(kt_topo_has_hmat(&t));
}

static void the_short_name_has_the_totals(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	kt_topo_format(&b, &uniform);
	kt_buf_addc(&b, ' ');
	kt_topo_format(&b, &uneven);
	assert_string_equal(kt_buf_str(&b), "2n4l4c2t 3n3l4c1t");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpus_are_counted),
		cmocka_unit_test(cpus_are_numbered_llc_by_llc),
		cmocka_unit_test(cores_hold_neighbouring_threads),
		cmocka_unit_test(nodes_hold_their_llcs),
		cmocka_unit_test(a_memory_only_node_has_no_cpus),
		cmocka_unit_test(every_cpu_is_in_exactly_one_node),
		cmocka_unit_test(distances_default_to_local_and_remote),
		cmocka_unit_test(memory_without_cpus_is_accessed_by_the_nearest_node_that_has_some),
		cmocka_unit_test(any_of_three_things_is_for_hmat),
		cmocka_unit_test(the_short_name_has_the_totals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
