/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr.toml that is right: every key arrives in its struct, defaults and inheritance included. */
#include "config/config.h"

#include <errno.h>

#include "tests/unit/unit.h"

#define S UINT64_C(1000000000)
#define MS UINT64_C(1000000)

static struct cfg_project *load(const char *text)
{
	struct cfg_project *p = NULL;
	struct kt_err e = { 0 };

	if (cfg_load_text("dir/ktstr.toml", text, strlen(text), &p, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	return p;
}

static void an_empty_file_is_a_project(void **state)
{
	kt_auto(cfg_project) struct cfg_project *p = load("");

	(void)state;
	assert_string_equal(p->file, "dir/ktstr.toml");
	assert_string_equal(p->dir, "dir");
	assert_string_equal(p->name, "dir");
	assert_int_equal(p->accel, CFG_ACCEL_AUTO);
	assert_true(p->time_scale == 4);
	assert_false(p->tcg_clock_real);
	assert_int_equal(p->nr_kernels, 1);
	assert_string_equal(p->kernels[0].name, "default");
	assert_string_equal(p->kernels[0].source, "debian:trixie-backports/cloud");
	assert_int_equal(p->kernels[0].at.line, 0);
	assert_int_equal(p->nr_schedulers + p->nr_tests, 0);
}

static void a_test_has_defaults(void **state)
{
	kt_auto(cfg_project) struct cfg_project *p = load("[[test]]\nname = \"x\"\n");
	const struct cfg_test *t = &p->tests[0];
	kt_auto(buf) struct kt_buf shape = { 0 };

	(void)state;
	assert_int_equal(p->nr_tests, 1);
	assert_string_equal(t->name, "x");
	assert_true(t->scheduler == CFG_NO_SCHEDULER);
	kt_topo_format(&shape, &t->topology);
	assert_string_equal(kt_buf_str(&shape), "1n1l2c1t");
	assert_true(t->duration_ns == 10 * S);
	assert_true(t->memory_bytes == 0 && t->watchdog_ns == 0 && t->timeout_ns == 0);
	assert_true(t->checks.not_stuck && t->checks.isolation);
	assert_true(t->checks.max_gap_ns == 2 * S && t->checks.max_spread == 0);
	assert_int_equal(t->expect.kind, SCN_EXPECT_NONE);
	assert_int_equal(t->nr_cgroups + t->kargs.nr + t->sysctls.nr + t->scheduler_args.nr, 0);
	assert_false(t->performance);
	assert_false(t->ignored);
	assert_int_equal(t->at.line, 1);
}

static const char full[] =
	"[project]\n"
	"name = \"my-scheds\"\n"
	"[kernel.zeta]\n"
	"source = \"path:../linux\"\n"
	"kconfig = [\"ci/extra.kconfig\", \"CONFIG_PSI=y\", 'CONFIG_X=\"a b\"']\n"
	"flavour = \"full\"\n"
	"base = \"defconfig\"\n"
	"toolchain = \"clang-19\"\n"
	"pahole = \"tools/pahole\"\n"
	"[kernel.default]\n"
	"source = \"debian:sid/cloud\"\n"
	"[scheduler.simple]\n"
	"build = \"make simple\"\n"
	"binary = \"build/scx_simple\"\n"
	"args = [\"-v\", \"\"]\n"
	"kernel-source = true\n"
	"[cache]\n"
	"remote = \"../shared\"\n"
	"mirror = \"https://example.invalid/pub\"\n"
	"[vm]\n"
	"accel = \"tcg\"\n"
	"time-scale = 2.5\n"
	"tcg-clock = \"real\"\n"
	"[[test]]\n"
	"name = \"full.1\"\n"
	"scheduler = \"simple\"\n"
	"scheduler-args = [\"--stall-after=1\"]\n"
	"topology = \"numa2-4llc\"\n"
	"memory = \"1G\"\n"
	"duration = \"4500ms\"\n"
	"watchdog = \"3s\"\n"
	"timeout = \"2m\"\n"
	"cgroups = [\n"
	"  { name = \"a\", workers = 2, work = \"pipe_io\", cpuset = \"llc:0\" },\n"
	"  { name = \"b\", workers = \"50%\", work = { type = \"bursty\", burst = \"2ms\" }, nice = -5 },\n"
	"  { name = \"c\", work = { sleep = \"1s\", type = \"bursty\" } },\n"
	"  { name = \"d\", work = \"pipe_io\" },\n"
	"]\n"
	"assert = { not-stuck = false, max-gap = \"3s\", isolation = false, max-spread = \"12.5%\" }\n"
	"expect = { exit = \"stall\" }\n"
	"kargs = [\"nokaslr\", \"a=b\"]\n"
	"sysctls = { \"kernel.x\" = 1, kernel.y = \"a b\", vm.z.q = -1 }\n"
	"performance = true\n"
	"ignore = true\n";

static void every_key_arrives(void **state)
{
	kt_auto(cfg_project) struct cfg_project *p = load(full);
	const struct cfg_test *t = &p->tests[0];

	(void)state;
	assert_string_equal(p->name, "my-scheds");
	assert_int_equal(p->accel, CFG_ACCEL_TCG);
	assert_true(p->time_scale == 2.5 && p->tcg_clock_real);
	assert_int_equal(p->nr_kernels, 2);
	assert_string_equal(p->kernels[0].name, "zeta");
	assert_string_equal(p->kernels[0].source, "path:../linux");
	assert_int_equal(p->kernels[0].at.line, 3);
	assert_int_equal(p->kernels[0].kconfig.nr, 3);
	assert_string_equal(p->kernels[0].kconfig.v[0], "ci/extra.kconfig");
	assert_string_equal(p->kernels[0].kconfig.v[2], "CONFIG_X=\"a b\"");
	assert_int_equal(p->kernels[0].flavour, CFG_FLAVOUR_FULL);
	assert_string_equal(p->kernels[0].base, "defconfig");
	assert_string_equal(p->kernels[0].toolchain, "clang-19");
	assert_string_equal(p->kernels[0].pahole, "tools/pahole");
	assert_int_equal(p->kernels[1].flavour, CFG_FLAVOUR_MINIMAL);
	assert_null(p->kernels[1].base);
	assert_true(p->schedulers[0].kernel_source);
	assert_string_equal(p->cache_remote, "../shared");
	assert_string_equal(p->cache_mirror, "https://example.invalid/pub");
	assert_string_equal(p->kernels[1].name, "default");
	assert_int_equal(p->nr_schedulers, 1);
	assert_string_equal(p->schedulers[0].build, "make simple");
	assert_string_equal(p->schedulers[0].binary, "build/scx_simple");
	assert_int_equal(p->schedulers[0].args.nr, 2);
	assert_int_equal(t->scheduler, 0);
	assert_string_equal(t->scheduler_args.v[0], "--stall-after=1");
	assert_int_equal(t->topology.nr_nodes, 2);
	assert_true(t->memory_bytes == UINT64_C(1) << 30);
	assert_true(t->duration_ns == 4500 * MS && t->watchdog_ns == 3 * S &&
		    t->timeout_ns == 120 * S);
	assert_false(t->checks.not_stuck || t->checks.isolation);
	assert_true(t->checks.max_gap_ns == 3 * S && t->checks.max_spread == 12.5);
	assert_int_equal(t->expect.kind, SCN_EXPECT_STALL);
	assert_int_equal(t->kargs.nr, 2);
	assert_string_equal(t->kargs.v[1], "a=b");
	assert_int_equal(t->sysctls.nr, 3);
	assert_string_equal(t->sysctls.v[0], "kernel.x=1");
	assert_string_equal(t->sysctls.v[1], "kernel.y=a b");
	assert_string_equal(t->sysctls.v[2], "vm.z.q=-1");
	assert_true(t->performance);
	assert_true(t->ignored);
}

static void cgroups_arrive(void **state)
{
	kt_auto(cfg_project) struct cfg_project *p = load(full);
	const struct cfg_cgroup *c = p->tests[0].cgroups;

	(void)state;
	assert_int_equal(p->tests[0].nr_cgroups, 4);
	assert_string_equal(c[0].name, "a");
	assert_int_equal(c[0].workers, 2);
	assert_int_equal(c[0].work.type, SCN_WORK_PIPE_IO);
	assert_int_equal(c[0].cpuset.kind, CFG_CPUSET_LLC);
	assert_int_equal(c[0].at.line, 34);
	assert_int_equal(c[1].workers, 0);
	assert_true(c[1].workers_pct == 50);
	assert_int_equal(c[1].nice, -5);
	assert_int_equal(c[1].work.type, SCN_WORK_BURSTY);
	assert_true(c[1].work.burst_ns == 2 * MS && c[1].work.sleep_ns == 5 * MS);
	assert_int_equal(c[1].cpuset.kind, CFG_CPUSET_NONE);
	/* The type brings its defaults wherever it stands. */
	assert_true(c[2].work.burst_ns == 5 * MS && c[2].work.sleep_ns == S);
	assert_int_equal(c[2].workers, 1);
	/* One group when nothing is said. */
	assert_int_equal(c[3].workers, 2);
}

static void defaults_are_merged_by_key_and_arrays_replaced(void **state)
{
	kt_auto(cfg_project) struct cfg_project *p =
		load("[defaults]\n"
		     "duration = \"3s\"\n"
		     "scheduler = \"s\"\n"
		     "scheduler-args = [\"-a\"]\n"
		     "topology = \"1n2l2c1t\"\n"
		     "assert = { max-gap = \"1s\", isolation = false }\n"
		     "kargs = [\"quiet\"]\n"
		     "sysctls = { \"kernel.a\" = 1, \"kernel.b\" = 2 }\n"
		     "cgroups = [ { name = \"a\" }, { name = \"b\" } ]\n"
		     "[[test]]\n"
		     "name = \"plain\"\n"
		     "[[test]]\n"
		     "name = \"own\"\n"
		     "scheduler = \"eevdf\"\n"
		     "assert = { max-gap = \"5s\" }\n"
		     "kargs = []\n"
		     "sysctls = { \"kernel.b\" = 3 }\n"
		     "cgroups = [ { name = \"c\" } ]\n"
		     "[[test]]\n"
		     "name = \"array\"\n"
		     "sysctls = [\"kernel.c=a=b\", \"kernel.c=\"]\n"
		     "[scheduler.s]\n"
		     "binary = \"b\"\n");
	const struct cfg_test *plain = &p->tests[0], *own = &p->tests[1], *array = &p->tests[2];

	(void)state;
	assert_int_equal(plain->scheduler, 0);
	assert_true(plain->duration_ns == 3 * S);
	assert_int_equal(plain->nr_cgroups, 2);
	assert_int_equal(plain->kargs.nr, 1);
	assert_true(plain->checks.max_gap_ns == S && !plain->checks.isolation &&
		    plain->checks.not_stuck);

	assert_true(own->scheduler == CFG_NO_SCHEDULER);
	assert_true(own->checks.max_gap_ns == 5 * S && !own->checks.isolation);
	assert_int_equal(own->kargs.nr, 0);
	assert_int_equal(own->sysctls.nr, 2);
	assert_string_equal(own->sysctls.v[0], "kernel.a=1");
	assert_string_equal(own->sysctls.v[1], "kernel.b=3");
	assert_int_equal(own->nr_cgroups, 1);
	assert_string_equal(own->cgroups[0].name, "c");

	assert_int_equal(array->sysctls.nr, 1);
	assert_string_equal(array->sysctls.v[0], "kernel.c=");
}

static void a_topology_can_be_a_table(void **state)
{
	kt_auto(cfg_project) struct cfg_project *p =
		load("[[test]]\n"
		     "name = \"uniform\"\n"
		     "topology = { numa = 2, llcs = 4, cores = 2, threads = 2 }\n"
		     "[[test]]\n"
		     "name = \"cxl\"\n"
		     "[test.topology]\n"
		     "cores = 2\n"
		     "distances = [[10, 21, 30], [21, 10, 40], [30, 40, 10]]\n"
		     "[[test.topology.nodes]]\n"
		     "llcs = 1\n"
		     "memory = \"512M\"\n"
		     "[[test.topology.nodes]]\n"
		     "llcs = 2\n"
		     "[[test.topology.nodes]]\n"
		     "llcs = 0\n"
		     "memory = \"256M\"\n"
		     "latency-ns = 300\n"
		     "bandwidth-mbs = 20000\n"
		     "mem-side-cache = \"1G\"\n"
		     "[[test]]\n"
		     "name = \"least\"\n"
		     "topology = {}\n");
	const struct kt_topology *t = &p->tests[0].topology;

	(void)state;
	assert_int_equal(t->nr_nodes, 2);
	assert_int_equal(t->node[1].llcs, 2);
	assert_int_equal(kt_topo_nr_cpus(t), 16);
	t = &p->tests[1].topology;
	assert_int_equal(t->nr_nodes, 3);
	assert_int_equal(t->nr_llcs, 3);
	assert_int_equal(t->threads, 1);
	assert_true(t->node[0].memory_bytes == UINT64_C(512) << 20);
	assert_int_equal(t->node[1].llcs, 2);
	assert_true(t->node[1].memory_bytes == 0);
	assert_int_equal(t->node[2].llcs, 0);
	assert_int_equal(t->node[2].latency_ns, 300);
	assert_int_equal(t->node[2].bandwidth_mbs, 20000);
	assert_true(t->node[2].mem_side_cache_bytes == UINT64_C(1) << 30);
	assert_true(t->node[1].mem_side_cache_bytes == 0);
	assert_true(t->has_distance);
	assert_int_equal(kt_topo_distance(t, 2, 1), 40);
	t = &p->tests[2].topology;
	assert_int_equal(kt_topo_nr_cpus(t), 1);
	assert_false(t->has_distance);
}

static void exits_are_expected_by_word_or_pattern(void **state)
{
	kt_auto(cfg_project) struct cfg_project *p = load("[scheduler.s]\n"
							  "binary = \"b\"\n"
							  "[defaults]\n"
							  "scheduler = \"s\"\n"
							  "expect.exit = \"any-error\"\n"
							  "[[test]]\n"
							  "name = \"any\"\n"
							  "[[test]]\n"
							  "name = \"pattern\"\n"
							  "expect.exit = \"^failed (to|on)\"\n"
							  "[[test]]\n"
							  "name = \"edge\"\n"
							  "expect.message = \"failed to run\"\n"
							  "expect.exit = \"stall\"\n"
							  "watchdog = \"2s\"\n"
							  "duration = \"3s\"\n");

	(void)state;
	assert_int_equal(p->tests[0].expect.kind, SCN_EXPECT_ANY_ERROR);
	assert_int_equal(p->tests[1].expect.kind, SCN_EXPECT_ANY_ERROR);
	assert_string_equal(p->tests[1].expect.pattern, "^failed (to|on)");
	assert_int_equal(p->tests[2].expect.kind, SCN_EXPECT_STALL);
	assert_string_equal(p->tests[2].expect.pattern, "failed to run");
}

static void crlf_and_a_byte_order_mark_are_text(void **state)
{
	kt_auto(cfg_project) struct cfg_project *p =
		load("\xef\xbb\xbf[project]\r\nname = \"dos\"\r\n");

	(void)state;
	assert_string_equal(p->name, "dos");
}

static void the_starter_project_loads(void **state)
{
	kt_auto(cfg_project) struct cfg_project *p = load(cfg_starter_toml);
	kt_auto(buf) struct kt_buf all = { 0 };
	kt_auto(cfg_project) struct cfg_project *q = NULL;
	struct kt_err e = { 0 };
	const char *s = cfg_starter_toml;

	(void)state;
	assert_int_equal(p->nr_tests, 1);
	assert_true(p->tests[0].scheduler == CFG_NO_SCHEDULER);
	assert_true(p->tests[0].nr_cgroups >= 1);

	/*
	 * What is commented out must be right too: "# key = value" and "# [table]" lines are
	 * uncommented.
	 */
	while (*s) {
		size_t n = strcspn(s, "\n");
		const char *eq = memmem(s, n, " = ", 3);
		bool code = n > 3 && s[0] == '#' &&
			    (s[2] == '[' || (eq && !memchr(s + 2, ' ', (size_t)(eq - s - 2))));

		kt_buf_add(&all, code ? s + 2 : s, code ? n - 2 : n);
		kt_buf_addc(&all, '\n');
		s += n + (s[n] == '\n');
	}
	if (cfg_load_text("starter", all.data, all.len, &q, &e) < 0)
		fail_msg("%s\n%s", unit_err_text(&e), all.data);
	assert_int_equal(q->nr_tests, 2);
	assert_int_equal(q->nr_schedulers, 1);
	assert_int_equal(q->tests[1].scheduler, 0);
}

static unsigned nr_rows, nr_unsupported, nr_required;

static void count_row(void *ctx, const struct cfg_key_doc *k)
{
	assert_ptr_equal(ctx, &nr_rows);
	assert_true(k->table && k->key && k->type && k->help[0]);
	nr_rows++;
	nr_unsupported += !k->supported;
	nr_required += !k->fallback;
}

static void every_key_is_documented(void **state)
{
	(void)state;
	cfg_each_key(count_row, &nr_rows);
	assert_int_equal(nr_rows, 70);
	assert_int_equal(nr_unsupported, 5);
	assert_int_equal(nr_required, 7);
}

static void a_file_is_found_by_walking_up(void **state)
{
	const char *dir = *state;
	kt_auto(mem) char *deep = kt_fmt("%s/a/b", dir);
	kt_auto(mem) char *file = kt_fmt("%s/ktstr.toml", dir);
	kt_auto(mem) char *real = realpath(dir, NULL);
	kt_auto(mem) char *want = kt_fmt("%s/ktstr.toml", real);
	kt_auto(mem) char *found = NULL;
	kt_auto(cfg_project) struct cfg_project *p = NULL;
	static const char text[] = "[[test]]\nname = \"t\"\n";

	assert_int_equal(kt_mkdir_p(deep, 0755, NULL), 0);
	assert_int_equal(kt_file_write_atomic(file, text, sizeof(text) - 1, 0644, NULL), 0);
	assert_int_equal(cfg_find(deep, &found, NULL), 0);
	assert_string_equal(found, want);
	assert_int_equal(cfg_load(found, &p, NULL), 0);
	assert_string_equal(p->file, want);
	assert_string_equal(p->dir, real);
	assert_int_equal(p->nr_tests, 1);
}

static void no_file_up_to_the_root_says_how_to_make_one(void **state)
{
	struct kt_err e = { 0 };
	char *found = NULL;

	(void)state;
	assert_int_equal(cfg_find("/proc/self", &found, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_CONFIG);
	assert_null(found);
	assert_non_null(strstr(unit_err_text(&e), "no ktstr.toml in '/proc/"));
	assert_non_null(strstr(unit_err_text(&e),
			       "' or any directory above it; 'ktstr-make init' writes one"));
}

static void a_thousand_tests_load(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	kt_auto(cfg_project) struct cfg_project *p = NULL;

	(void)state;
	for (int i = 0; i < 1000; i++)
		kt_buf_addf(&b, "[[test]]\nname = \"t%d\"\ntopology = \"1n2l4c2t\"\n", i);
	assert_int_equal(cfg_load_text("x", b.data, b.len, &p, NULL), 0);
	assert_int_equal(p->nr_tests, 1000);
	assert_string_equal(p->tests[999].name, "t999");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_is_a_project),
		cmocka_unit_test(a_test_has_defaults),
		cmocka_unit_test(every_key_arrives),
		cmocka_unit_test(cgroups_arrive),
		cmocka_unit_test(defaults_are_merged_by_key_and_arrays_replaced),
		cmocka_unit_test(a_topology_can_be_a_table),
		cmocka_unit_test(exits_are_expected_by_word_or_pattern),
		cmocka_unit_test(crlf_and_a_byte_order_mark_are_text),
		cmocka_unit_test(the_starter_project_loads),
		cmocka_unit_test(every_key_is_documented),
		cmocka_unit_test_setup_teardown(a_file_is_found_by_walking_up, unit_tmp_setup,
						unit_tmp_teardown),
		cmocka_unit_test(no_file_up_to_the_root_says_how_to_make_one),
		cmocka_unit_test(a_thousand_tests_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
