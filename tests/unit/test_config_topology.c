/* SPDX-License-Identifier: GPL-2.0-only */
/* Topologies by name and by hand: the rules, and what is said when one is broken. */
#include "config/config.h"

#include <errno.h>

#include "tests/unit/unit.h"

static void parse(const char *s, struct kt_topology *ret)
{
	struct kt_err e = { 0 };

	if (cfg_topology_parse(s, ret, &e) < 0)
		fail_msg("%s: %s", s, unit_err_text(&e));
}

static void refuse(const char *s, int errnum, const char *text)
{
	struct kt_topology t = { .nr_nodes = 77 };
	struct kt_err e = { 0 };

	assert_int_equal(cfg_topology_parse(s, &t, &e), -errnum);
	assert_int_equal(e.kind, KT_E_CONFIG);
	assert_string_equal(unit_err_text(&e), text);
	assert_int_equal(t.nr_nodes, 77);
}

static void a_shape_is_nodes_llcs_cores_and_threads(void **state)
{
	struct kt_topology t;

	(void)state;
	parse("2n6l4c2t", &t);
	assert_int_equal(t.nr_nodes, 2);
	assert_int_equal(t.nr_llcs, 6);
	assert_int_equal(t.cores, 4);
	assert_int_equal(t.threads, 2);
	assert_int_equal(t.node[0].llcs, 3);
	assert_int_equal(t.node[1].llcs, 3);
	assert_int_equal(t.node[2].llcs, 0);
	assert_int_equal(kt_topo_nr_cpus(&t), 48);
	assert_int_equal(cfg_topology_check(&t, NULL), 0);
}

static void every_preset_is_valid_and_named_once(void **state)
{
	(void)state;
	assert_int_equal(cfg_nr_presets, 24);
	for (size_t i = 0; i < cfg_nr_presets; i++) {
		struct kt_topology a, b;
		kt_auto(buf) struct kt_buf shape = { 0 };

		parse(cfg_presets[i].name, &a);
		parse(cfg_presets[i].shape, &b);
		assert_memory_equal(&a, &b, sizeof(a));
		kt_topo_format(&shape, &a);
		assert_string_equal(kt_buf_str(&shape), cfg_presets[i].shape);
		assert_int_equal(cfg_topology_check(&a, NULL), 0);
		for (size_t n = 0; n < i; n++) {
			assert_string_not_equal(cfg_presets[n].name, cfg_presets[i].name);
			assert_string_not_equal(cfg_presets[n].shape, cfg_presets[i].shape);
		}
	}
}

static void memory_only_nodes_come_last(void **state)
{
	struct kt_topology t = {
		.nr_nodes = 3,
		.nr_llcs = 2,
		.cores = 1,
		.threads = 1,
		.node = { { .llcs = 1 }, { .llcs = 0 }, { .llcs = 1 } },
	};
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(cfg_topology_check(&t, &e), -EINVAL);
	assert_string_equal(
		unit_err_text(&e),
		"node 1 has no llcs, but node 2 has: put memory-only nodes last, as Linux "
		"numbers them");
	t.node[1].llcs = 1;
	t.node[2].llcs = 0;
	assert_int_equal(cfg_topology_check(&t, &e), 0);
}

static void a_memory_side_cache_comes_with_the_speed_of_its_memory(void **state)
{
	struct kt_topology t = {
		.nr_nodes = 2,
		.nr_llcs = 1,
		.cores = 1,
		.threads = 1,
		.node = { { .llcs = 1 }, { .mem_side_cache_bytes = 1 << 30 } },
	};
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(cfg_topology_check(&t, &e), -EINVAL);
	assert_string_equal(
		unit_err_text(&e),
		"node 1 has a mem-side-cache, but no latency-ns: give the latency-ns and the "
		"bandwidth-mbs of the memory behind it");
	t.node[1].latency_ns = 300;
	assert_int_equal(cfg_topology_check(&t, &e), -EINVAL);
	assert_string_equal(
		unit_err_text(&e),
		"node 1 has a mem-side-cache, but no bandwidth-mbs: give the latency-ns and the "
		"bandwidth-mbs of the memory behind it");
	t.node[1].bandwidth_mbs = 5000;
	assert_int_equal(cfg_topology_check(&t, &e), 0);
}

static void the_greatest_machine_has_252_cpus(void **state)
{
	struct kt_topology t;

	(void)state;
	parse("1n14l18c1t", &t);
	parse("1n252l1c1t", &t);
	parse("1n1l126c2t", &t);
	parse("16n16l1c1t", &t);
	refuse("1n1l253c1t", ERANGE, "topology '1n1l253c1t': 253 CPUs, at most 252");
	refuse("1n1l150c2t", ERANGE, "topology '1n1l150c2t': 300 CPUs, at most 252");
	refuse("17n17l1c1t", ERANGE, "topology '17n17l1c1t': 17 nodes, at most 16");
	refuse("1n9999l9999c2t", ERANGE, "topology '1n9999l9999c2t': 199960002 CPUs, at most 252");
}

static void zero_of_anything_is_named(void **state)
{
	(void)state;
	refuse("0n1l1c1t", ERANGE, "topology '0n1l1c1t': 0 nodes");
	refuse("1n0l1c1t", ERANGE, "topology '1n0l1c1t': 0 llcs");
	refuse("1n1l0c1t", ERANGE, "topology '1n1l0c1t': 0 cores");
	refuse("1n1l1c0t", ERANGE, "topology '1n1l1c0t': 0 threads");
	refuse("1n1l1c3t", ERANGE, "topology '1n1l1c3t': 3 threads per core, at most 2");
}

static void llcs_must_divide_among_nodes(void **state)
{
	(void)state;
	refuse("2n3l1c1t", EINVAL, "topology '2n3l1c1t': llcs (3) is not a multiple of nodes (2)");
	refuse("2n1l1c1t", EINVAL, "topology '2n1l1c1t': llcs (1) is not a multiple of nodes (2)");
}

static void other_texts_are_neither_shape_nor_preset(void **state)
{
	static const char *const texts[] = { "",          "1n",        "1n1l1c",    "1n1l1c1t ",
					     "1l1n1c1t",  "-1n1l1c1t", "1n1l1c1tx", "n1l1c1t",
					     " 1n1l1c1t", "1N1L1C1T",  "0x1n1l1c1t" };
	struct kt_topology t;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(cfg_topology_parse(texts[i], &t, NULL), -EINVAL);
	refuse("what", EINVAL,
	       "'what' is neither a shape such as \"1n2l4c2t\" (nodes, LLCs, cores per LLC, threads per core) "
	       "nor a preset such as \"tiny-1llc\"");
	refuse("smt-2lc", EINVAL,
	       "'smt-2lc' is neither a shape such as \"1n2l4c2t\" nor a preset; did you mean 'smt-2llc'?");
	refuse("99999999999999999999n1l1c1t", ERANGE,
	       "topology '99999999999999999999n1l1c1t': a count above 9999");
}

static void hand_made(struct kt_topology *t)
{
	*t = (struct kt_topology){
		.nr_nodes = 3,
		.nr_llcs = 3,
		.cores = 2,
		.threads = 1,
		.node = { { .llcs = 1 }, { .llcs = 2 }, { .llcs = 0 } },
		.has_distance = true,
		.distance = { { 10, 20, 30 }, { 20, 10, 254 }, { 30, 254, 10 } },
	};
}

static void refuse_hand_made(const struct kt_topology *t, const char *text)
{
	struct kt_err e = { 0 };

	assert_true(cfg_topology_check(t, &e) < 0);
	assert_int_equal(e.kind, KT_E_CONFIG);
	assert_string_equal(unit_err_text(&e), text);
}

static void nodes_may_differ_and_have_memory_only(void **state)
{
	struct kt_topology t;

	(void)state;
	hand_made(&t);
	assert_int_equal(cfg_topology_check(&t, NULL), 0);
	t.nr_llcs = 4;
	refuse_hand_made(&t, "the nodes have 3 llcs, the machine has 4");
	t.nr_llcs = UINT32_MAX;
	t.cores = UINT32_MAX;
	assert_true(cfg_topology_check(&t, NULL) < 0);
}

static void distances_are_symmetric_and_above_ten(void **state)
{
	struct kt_topology t;

	(void)state;
	hand_made(&t);
	t.distance[1][1] = 11;
	refuse_hand_made(&t, "the distance of node 1 to itself is 11, not 10");
	hand_made(&t);
	t.distance[0][2] = 31;
	refuse_hand_made(&t, "the distance from node 0 to node 2 is 31, but back it is 30");
	hand_made(&t);
	t.distance[0][1] = 10;
	refuse_hand_made(&t, "the distance from node 0 to node 1 is 10, not above 10");
	t.has_distance = false;
	assert_int_equal(cfg_topology_check(&t, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shape_is_nodes_llcs_cores_and_threads),
		cmocka_unit_test(every_preset_is_valid_and_named_once),
		cmocka_unit_test(memory_only_nodes_come_last),
		cmocka_unit_test(a_memory_side_cache_comes_with_the_speed_of_its_memory),
		cmocka_unit_test(the_greatest_machine_has_252_cpus),
		cmocka_unit_test(zero_of_anything_is_named),
		cmocka_unit_test(llcs_must_divide_among_nodes),
		cmocka_unit_test(other_texts_are_neither_shape_nor_preset),
		cmocka_unit_test(nodes_may_differ_and_have_memory_only),
		cmocka_unit_test(distances_are_symmetric_and_above_ten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
