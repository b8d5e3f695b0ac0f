/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that shows another machine than was asked for is an error that names the first
 * difference.
 */
#include "scenario/scenario.h"

#include "tests/unit/unit.h"

#define MIB (UINT64_C(1) << 20)

/* 2 nodes, 2 LLCs, 1 core of 2 threads each, and a memory-only node. */
static struct kt_topology t;
static struct scn_result r;
static struct scn_judgement j;

static int setup(void **state)
{
	(void)state;
	t = (struct kt_topology){
		.nr_nodes = 3,
		.nr_llcs = 2,
		.cores = 1,
		.threads = 2,
		.node = { { .llcs = 1, .memory_bytes = 1024 * MIB },
			  { .llcs = 1 },
			  { .memory_bytes = 256 * MIB } },
		.has_distance = true,
		.distance = { { 10, 21, 30 }, { 21, 10, 40 }, { 30, 40, 10 } },
	};
	r = (struct scn_result){ .nr_cpus = 4, .nr_nodes = 3 };
	r.cpus = calloc(4, sizeof(*r.cpus));
	r.nodes = calloc(3, sizeof(*r.nodes));
	assert_true(r.cpus && r.nodes);
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		r.cpus[cpu].cpu = cpu;
		r.cpus[cpu].node = cpu / 2;
		kt_topo_core_cpus(&t, cpu, &r.cpus[cpu].core);
		kt_topo_llc_cpus(&t, cpu / 2, &r.cpus[cpu].llc);
	}
	for (unsigned n = 0; n < 3; n++) {
		r.nodes[n].node = n;
		r.nodes[n].memory_bytes = n == 2 ? 250 * MIB : 1000 * MIB;
		kt_topo_node_cpus(&t, n, &r.nodes[n].cpus);
		r.nodes[n].nr_distances = 3;
		memcpy(r.nodes[n].distance, t.distance[n], 3);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scn_result_done(&r);
	scn_judgement_done(&j);
	return 0;
}

static enum scn_verdict judge(void)
{
	static const struct scn_checks checks;
	static const struct scn_expect expect;
	struct scn_cgroup cgroup = { .name = "a", .nr_workers = 1 };
	struct scn_worker_result worker = { .iterations = 1 };
	const struct scn_plan plan = { .cgroups = &cgroup, .nr_cgroups = 1 };
	const struct scn_judge_opts o = {
		.plan = &plan,
		.checks = &checks,
		.expect = &expect,
		.topology = &t,
	};

	scn_judgement_done(&j);
	r.workers = &worker;
	r.nr_workers = 1;
	scn_judge(&o, &r, &j);
	r.workers = NULL;
	r.nr_workers = 0;
	return j.verdict;
}

static void expect_error(const char *text)
{
	assert_int_equal(judge(), SCN_ERROR);
	assert_int_equal(j.nr_findings, 1);
	assert_string_equal(j.findings[0].check, "topology");
	assert_string_equal(j.findings[0].text, text);
}

static void the_machine_that_was_asked_for_passes(void **state)
{
	(void)state;
	assert_int_equal(judge(), SCN_PASS);
}

static void another_number_of_cpus_is_named(void **state)
{
	(void)state;
	r.nr_cpus = 3;
	expect_error("the guest shows 3 CPUs, asked were 4");
	r.nr_cpus = 0;
	expect_error("the guest shows 0 CPUs, asked were 4");
	r.nr_cpus = 4;
	r.cpus[3].cpu = 2;
	expect_error("the guest shows 3 CPUs, asked were 4");
	r.cpus[3].cpu = 9;
	expect_error("the guest shows CPU 9, asked were 0-3");
}

static void a_cpu_in_another_node_is_named(void **state)
{
	(void)state;
	r.cpus[2].node = 0;
	expect_error("CPU 2: the guest shows node 0, asked was 1");
}

static void other_smt_siblings_are_named(void **state)
{
	(void)state;
	kt_cpuset_add(&r.cpus[1].core, 2);
	expect_error("CPU 1: the guest shows thread siblings '0-2', asked was '0-1'");
}

static void another_llc_is_named_and_so_is_none(void **state)
{
	(void)state;
	kt_cpuset_add(&r.cpus[0].llc, 3);
	expect_error("CPU 0: the guest shows last-level cache CPUs '0-1,3', asked was '0-1'");
	r.cpus[0].llc = (struct kt_cpuset){ 0 };
	expect_error("CPU 0: the guest shows last-level cache CPUs '', asked was '0-1'");
}

static void another_number_of_nodes_is_named(void **state)
{
	(void)state;
	r.nr_nodes = 2;
	expect_error("the guest shows 2 nodes, asked were 3");
	r.nr_nodes = 3;
	r.nodes[2].node = 5;
	expect_error("the guest shows node 5, asked were 0-2");
}

static void other_cpus_of_a_node_are_named(void **state)
{
	(void)state;
	kt_cpuset_add(&r.nodes[2].cpus, 3);
	expect_error("node 2: the guest shows CPUs '3', asked was ''");
}

static void memory_is_near_within_a_tenth_or_64_mib(void **state)
{
	(void)state;
	/* 10 % of 1024 MiB are 102.4 MiB. */
	r.nodes[0].memory_bytes = 922 * MIB;
	assert_int_equal(judge(), SCN_PASS);
	r.nodes[0].memory_bytes = 921 * MIB;
	expect_error("node 0: the guest shows 921 MiB, asked were 1024 MiB");
	r.nodes[0].memory_bytes = 1127 * MIB;
	expect_error("node 0: the guest shows 1127 MiB, asked were 1024 MiB");
	r.nodes[0].memory_bytes = 1024 * MIB;
	/* 64 MiB are more than 10 % of 256 MiB. */
	r.nodes[2].memory_bytes = 192 * MIB;
	assert_int_equal(judge(), SCN_PASS);
	r.nodes[2].memory_bytes--;
	expect_error("node 2: the guest shows 191 MiB, asked were 256 MiB");
	/* Nothing was asked of node 1. */
	r.nodes[2].memory_bytes = 256 * MIB;
	r.nodes[1].memory_bytes = 1;
	assert_int_equal(judge(), SCN_PASS);
}

static void other_distances_are_named(void **state)
{
	(void)state;
	r.nodes[1].distance[2] = 20;
	expect_error("node 1: the guest shows distance 20 to node 2, asked was 40");
	r.nodes[1].distance[2] = 40;
	r.nodes[1].nr_distances = 2;
	expect_error("node 1: the guest shows 2 distances, asked were 3");
	r.nodes[1].nr_distances = 3;
	t.has_distance = false;
	expect_error("node 0: the guest shows distance 21 to node 1, asked was 20");
}

static void a_kernel_without_numa_shows_no_nodes_of_one(void **state)
{
	(void)state;
	r.nr_nodes = 0;
	expect_error("the guest shows 0 nodes, asked were 3");
	t.nr_nodes = 1;
	t.node[0].llcs = 2;
	for (unsigned i = 0; i < 4; i++)
		r.cpus[i].node = 0;
	assert_int_equal(judge(), SCN_PASS);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(the_machine_that_was_asked_for_passes),
		RULE(another_number_of_cpus_is_named),
		RULE(a_cpu_in_another_node_is_named),
		RULE(other_smt_siblings_are_named),
		RULE(another_llc_is_named_and_so_is_none),
		RULE(another_number_of_nodes_is_named),
		RULE(other_cpus_of_a_node_are_named),
		RULE(memory_is_near_within_a_tenth_or_64_mib),
		RULE(other_distances_are_named),
		RULE(a_kernel_without_numa_shows_no_nodes_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
