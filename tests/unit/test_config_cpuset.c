/* SPDX-License-Identifier: GPL-2.0-only */
/* CPU sets of cgroups: as text, on a topology, and what percentages of workers make of them. */
#include "config/internal.h"

#include <errno.h>

#include "tests/unit/unit.h"

static struct kt_topology topology(const char *s)
{
	struct kt_topology t = { 0 };

	assert_int_equal(cfg_topology_parse(s, &t, NULL), 0);
	return t;
}

static void is(const char *shape, const char *text, const char *want)
{
	struct kt_topology t = topology(shape);
	kt_auto(buf) struct kt_buf b = { 0 };
	struct cfg_cpuset c = { 0 };
	struct kt_cpuset cpus;
	struct kt_err e = { 0 };

	if (cfg_cpuset_parse(text, &c, &e) < 0 || cfg_cpuset_resolve(&c, &t, &cpus, &e) < 0)
		fail_msg("%s: %s", text, unit_err_text(&e));
	kt_cpuset_format(&b, &cpus);
	assert_string_equal(kt_buf_str(&b), want);
}

static void is_not(const char *shape, const char *text, const char *why)
{
	struct kt_topology t = topology(shape);
	struct cfg_cpuset c = { 0 };
	struct kt_cpuset cpus;
	struct kt_err e = { 0 };

	assert_int_equal(cfg_cpuset_parse(text, &c, NULL), 0);
	assert_int_equal(cfg_cpuset_resolve(&c, &t, &cpus, &e), -EINVAL);
	assert_int_equal(e.kind, KT_E_CONFIG);
	assert_string_equal(unit_err_text(&e), why);
}

static void is_no_text(const char *text, const char *why)
{
	struct cfg_cpuset c = { .kind = CFG_CPUSET_NUMA };
	struct kt_err e = { 0 };

	assert_int_equal(cfg_cpuset_parse(text, &c, &e), -EINVAL);
	assert_string_equal(unit_err_text(&e), why);
	assert_int_equal(c.kind, CFG_CPUSET_NUMA);
}

static void llcs_and_nodes_are_whole(void **state)
{
	(void)state;
	is("1n2l2c2t", "llc:0", "0-3");
	is("1n2l2c2t", "llc:1", "4-7");
	is("2n4l2c1t", "numa:1", "4-7");
	is_not("1n2l2c2t", "llc:2", "on 1n2l2c2t: 'llc:2': the last is llc:1");
	is_not("2n4l2c1t", "numa:2", "on 2n4l2c1t: 'numa:2': the last is numa:1");
}

static void a_memory_only_node_has_no_cpus(void **state)
{
	struct kt_topology t = topology("2n2l1c1t");
	const struct cfg_cpuset c = { .kind = CFG_CPUSET_NUMA, .index = 1 };
	struct kt_cpuset cpus;
	struct kt_err e = { 0 };

	(void)state;
	t.node[0].llcs = 2;
	t.node[1].llcs = 0;
	assert_int_equal(cfg_cpuset_resolve(&c, &t, &cpus, &e), -EINVAL);
	assert_string_equal(unit_err_text(&e), "on 2n2l1c1t: 'numa:1' has memory only, no CPUs");
}

static void exact_lists_must_exist(void **state)
{
	(void)state;
	is("1n1l4c1t", "0,2-3", "0,2-3");
	is("1n1l4c1t", "3", "3");
	is_not("1n1l4c1t", "0-4", "on 1n1l4c1t: CPU 4: the last is CPU 3");
}

static void the_last_cpu_is_left_to_the_root(void **state)
{
	struct kt_topology t;
	struct kt_cpuset s;

	(void)state;
	t = topology("1n1l3c1t");
	cfg_usable_cpus(&t, &s);
	assert_int_equal(kt_cpuset_count(&s), 2);
	assert_false(kt_cpuset_has(&s, 2));
	t = topology("1n1l2c1t");
	cfg_usable_cpus(&t, &s);
	assert_int_equal(kt_cpuset_count(&s), 2);
	t = topology("1n1l1c1t");
	cfg_usable_cpus(&t, &s);
	assert_int_equal(kt_cpuset_count(&s), 1);
}

static void fractions_are_of_the_usable_cpus(void **state)
{
	(void)state;
	is("1n1l11c1t", "range:0.0-0.5", "0-4");
	is("1n1l11c1t", "range:0.5-1.0", "5-9");
	is("1n1l11c1t", "range:0-1", "0-9");
	is("1n1l11c1t", "range:0.3-0.7", "3-6");
	is("1n1l101c1t", "range:0.29-0.58", "29-57");
	is_not("1n1l3c1t", "range:0.0-0.1", "on 1n1l3c1t: the CPU set is empty");
}

static void parts_are_disjoint_and_leave_nothing(void **state)
{
	(void)state;
	is("1n1l8c1t", "disjoint:0/2", "0-2");
	is("1n1l8c1t", "disjoint:1/2", "3-6");
	is("1n1l8c1t", "disjoint:0/1", "0-6");
	for (unsigned of = 1; of <= 7; of++) {
		struct kt_topology t = topology("1n1l8c1t");
		struct kt_cpuset all = { 0 };
		unsigned sum = 0;

		for (unsigned i = 0; i < of; i++) {
			const struct cfg_cpuset c = { .kind = CFG_CPUSET_DISJOINT,
						      .index = i,
						      .of = of };
			struct kt_cpuset s;

			assert_int_equal(cfg_cpuset_resolve(&c, &t, &s, NULL), 0);
			sum += kt_cpuset_count(&s);
			for (unsigned n = 0; n < KT_CPUS_MAX / 64; n++)
				all.bits[n] |= s.bits[n];
		}
		assert_int_equal(sum, 7);
		assert_int_equal(kt_cpuset_count(&all), 7);
	}
	is_not("1n1l4c1t", "disjoint:0/9", "on 1n1l4c1t: the CPU set is empty");
}

static void other_texts_say_what_is_allowed(void **state)
{
	(void)state;
	is_no_text("", "the CPU set is empty");
	is_no_text("all",
		   "'all' is no CPU set: \"0-3,8\", \"llc:0\", \"numa:1\", \"range:0.0-0.5\" or "
		   "\"disjoint:0/2\"");
	is_no_text("llc:", "'llc:' is not of the form \"llc:0\"");
	is_no_text("numa:-1", "'numa:-1' is not of the form \"numa:0\"");
	is_no_text("range:0.5", "'range:0.5' is not of the form \"range:0.0-0.5\"");
	is_no_text("range:0.5-0.5", "'range:0.5-0.5' is not within 0 to 1, start before end");
	is_no_text("range:0.5-1.1", "'range:0.5-1.1' is not within 0 to 1, start before end");
	is_no_text("range:0.-1", "'range:0.-1' is not of the form \"range:0.0-0.5\"");
	is_no_text("disjoint:2/2", "'disjoint:2/2': the parts are 0 to 1");
	is_no_text("disjoint:0/0", "'disjoint:0/0' is not of the form \"disjoint:0/2\"");
	is_no_text("disjoint:1", "'disjoint:1' is not of the form \"disjoint:0/2\"");
}

static void percentages_become_whole_groups(void **state)
{
	struct kt_topology t = topology("1n2l4c1t"); /* 8 CPUs, 7 usable */
	struct cfg_cgroup c = { .workers_pct = 50 };

	(void)state;
	assert_int_equal(cfg_cgroup_workers(&c, &t), 4); /* 3.5 */
	c.workers_pct = 49;
	assert_int_equal(cfg_cgroup_workers(&c, &t), 3); /* 3.43 */
	c.workers_pct = 1;
	assert_int_equal(cfg_cgroup_workers(&c, &t), 1);
	c.workers_pct = 100;
	assert_int_equal(cfg_cgroup_workers(&c, &t), 7);
	c.work.type = SCN_WORK_PIPE_IO;
	assert_int_equal(cfg_cgroup_workers(&c, &t), 8); /* 3.5 pairs */
	c.workers_pct = 1;
	assert_int_equal(cfg_cgroup_workers(&c, &t), 2);
	c.workers_pct = 100;
	c.cpuset.kind = CFG_CPUSET_LLC;
	assert_int_equal(cfg_cgroup_workers(&c, &t), 4);
	c.workers = 6;
	assert_int_equal(cfg_cgroup_workers(&c, &t), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(llcs_and_nodes_are_whole),
		cmocka_unit_test(a_memory_only_node_has_no_cpus),
		cmocka_unit_test(exact_lists_must_exist),
		cmocka_unit_test(the_last_cpu_is_left_to_the_root),
		cmocka_unit_test(fractions_are_of_the_usable_cpus),
		cmocka_unit_test(parts_are_disjoint_and_leave_nothing),
		cmocka_unit_test(other_texts_say_what_is_allowed),
		cmocka_unit_test(percentages_become_whole_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
