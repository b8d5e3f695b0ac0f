/* SPDX-License-Identifier: GPL-2.0-only */
/* From ktstr.toml to cells: choosing, resolving, deadlines. */
#include <errno.h>
#include <unistd.h>

#include "driver/kernel_args.h"
#include "driver/plan.h"
#include "tests/unit/unit.h"

#define SECOND UINT64_C(1000000000)

static const char project[] =
	"[project]\nname = \"p\"\n"
	"[kernel.default]\nsource = \"debian:trixie-backports/cloud\"\n"
	"[kernel.mine]\nsource = \"path:bzImage\"\n"
	"[scheduler.simple]\nbinary = \"scx_simple\"\nargs = [\"-v\"]\n"
	"[defaults]\nduration = \"2s\"\n"
	"[[test]]\nname = \"alpha\"\ntopology = \"1n2l2c1t\"\n"
	"cgroups = [{ name = \"a\", workers = 3, work = \"spin_wait\", cpuset = \"llc:1\" },"
	" { name = \"b\", workers = \"50%\", work = \"pipe_io\" }]\n"
	"[[test]]\nname = \"beta\"\ntopology = \"1n1l8c2t\"\nscheduler = \"simple\"\n"
	"scheduler-args = [\"-x\"]\nwatchdog = \"1s\"\nsysctls = [\"kernel.panic=1\"]\n"
	"cgroups = [{ name = \"a\", workers = 1, work = \"spin_wait\" },"
	" { name = \"b\", workers = 2, work = \"spin_wait\" }]\n"
	"[[test]]\nname = \"beta_ignored\"\ntopology = \"1n1l1c1t\"\nignore = true\n";

static int load(void **state)
{
	struct cfg_project *p = NULL;
	struct kt_err e = { 0 };

	if (cfg_load_text("ktstr.toml", project, strlen(project), &p, &e) < 0) {
		print_error("%s\n", unit_err_text(&e));
		return -1;
	}
	*state = p;
	return 0;
}

static int unload(void **state)
{
	cfg_project_free(*state);
	return 0;
}

/* ---- choosing ---- */

struct chosen {
	struct drv_plan plan;
	struct kt_err e;
};

static int choose(struct chosen *c, void **state, const char *filter, const char *kernel,
		  enum drv_ignored ignored)
{
	const struct drv_select s = {
		.filters = &filter,
		.nr_filters = filter ? 1 : 0,
		.kernels = &kernel,
		.nr_kernels = kernel ? 1 : 0,
		.ignored = ignored,
	};

	*c = (struct chosen){ 0 };
	return drv_plan_select(*state, &s, &c->plan, &c->e);
}

static void without_filters_all_but_ignored_tests_are_taken(void **state)
{
	struct chosen c;

	assert_int_equal(choose(&c, state, NULL, NULL, DRV_IGNORED_LEAVE_OUT), 0);
	assert_int_equal(c.plan.nr_cells, 2);
	assert_string_equal(c.plan.cells[0].test->name, "alpha");
	assert_string_equal(c.plan.cells[1].test->name, "beta");
	assert_int_equal(c.plan.nr_kernels, 1);
	assert_string_equal(c.plan.kernels[0].name, "default");
	assert_int_equal(c.plan.name_columns, 5);
	drv_plan_done(&c.plan);
}

static void ignored_tests_are_taken_when_asked_for(void **state)
{
	struct chosen c;

	assert_int_equal(choose(&c, state, "beta", NULL, DRV_IGNORED_TOO), 0);
	assert_int_equal(c.plan.nr_cells, 2);
	drv_plan_done(&c.plan);
	assert_int_equal(choose(&c, state, NULL, NULL, DRV_IGNORED_ONLY), 0);
	assert_int_equal(c.plan.nr_cells, 1);
	assert_string_equal(c.plan.cells[0].test->name, "beta_ignored");
	drv_plan_done(&c.plan);
}

static void every_kernel_runs_every_test(void **state)
{
	const char *kernels[] = { "mine", "default", "path:other", "mine" };
	const struct drv_select s = { .kernels = kernels, .nr_kernels = 4 };
	struct drv_plan plan;

	assert_int_equal(drv_plan_select(*state, &s, &plan, NULL), 0);
	assert_int_equal(plan.nr_kernels, 3);
	assert_int_equal(plan.nr_cells, 6);
	assert_string_equal(plan.kernels[0].source, "path:bzImage");
	assert_string_equal(plan.kernels[2].name, "path:other");
	assert_int_equal(plan.cells[0].kernel, 0);
	assert_int_equal(plan.cells[5].kernel, 2);
	drv_plan_done(&plan);
}

static void versions_of_a_range_stand_for_it(void **state)
{
	kt_auto(drv_wanted_list) struct drv_wanted_list wanted = { 0 };
	const char *kernel = "mine";
	const struct drv_select s = { .kernels = &kernel, .nr_kernels = 1, .wanted = &wanted };
	kt_auto(drv_plan) struct drv_plan plan = { 0 };

	assert_int_equal(drv_wanted_add(&wanted, "all@6.12.40", "6.12.40", NULL), 0);
	assert_int_equal(drv_wanted_add(&wanted, "all@6.15.3", "6.15.3", NULL), 0);
	assert_int_equal(drv_wanted_add(&wanted, "6.12.40", "6.12.40", NULL), 0);
	assert_int_equal(drv_plan_select(*state, &s, &plan, NULL), 0);
	assert_int_equal(plan.nr_kernels, 2);
	assert_int_equal(plan.nr_cells, 4);
	assert_string_equal(plan.kernels[1].name, "all@6.15.3");
	assert_string_equal(plan.kernels[1].source, "6.15.3");
}

static void one_source_built_in_two_ways_is_two_kernels(void **state)
{
	struct cfg_kernel plain = { .name = (char *)"a" }, full = { .flavour = CFG_FLAVOUR_FULL };
	kt_auto(drv_wanted_list) struct drv_wanted_list wanted = { 0 };

	(void)state;
	assert_true(drv_same_build(&plain, NULL));
	assert_false(drv_same_build(&plain, &full));
	assert_int_equal(drv_wanted_add(&wanted, "a", "6.12", &plain), 0);
	assert_int_equal(drv_wanted_add(&wanted, "6.12", "6.12", NULL), 0);
	assert_int_equal(drv_wanted_add(&wanted, "full", "6.12", &full), 0);
	assert_int_equal(wanted.list.nr, 2);
	assert_string_equal(wanted.list.v[1].name, "full");
}

/* What the kernel cache is told for the kernel "built" of @text in the directory @dir. */
static void make_opts(const char *dir, const struct drv_kernel_args *a, struct drv_kc_opts *ret)
{
	static const char text[] = "[kernel.default]\nsource = \"6.12\"\n"
				   "kconfig = [\"ci/x.kconfig\", \"CONFIG_A=y\"]\n"
				   "flavour = \"full\"\nbase = \"ci/base\"\n"
				   "toolchain = \"clang-19\"\npahole = \"bin/pahole\"\n"
				   "[cache]\nremote = \"shared\"\nmirror = \"http://m\"\n";
	kt_auto(mem) char *file = kt_fmt("%s/ktstr.toml", dir);
	kt_auto(cfg_project) struct cfg_project *p = NULL;

	assert_int_equal(cfg_load_text(file, text, strlen(text), &p, NULL), 0);
	assert_int_equal(drv_kc_opts_make(p, &p->kernels[0], a, ret, NULL), 0);
	/* What is looked at must not be the project's own: it goes away here. */
	assert_string_equal(ret->o.project_dir, dir);
	ret->o.project_dir = NULL;
	assert_string_equal(ret->o.mirror, a ? a->mirror : "http://m");
	ret->o.mirror = NULL;
	assert_string_equal(ret->build.toolchain, a ? a->toolchain : "clang-19");
	ret->build.toolchain = NULL;
}

static void files_of_the_project_are_found_from_anywhere(void **state)
{
	kt_auto(drv_kc_opts) struct drv_kc_opts o = { 0 };

	(void)state;
	make_opts("/p", NULL, &o);
	assert_int_equal(o.build.nr_kconfig, 2);
	assert_string_equal(o.build.kconfig[0], "ci/x.kconfig");
	assert_string_equal(o.build.kconfig[1], "CONFIG_A=y");
	assert_int_equal(o.build.flavour, KC_FLAVOUR_FULL);
	assert_string_equal(o.build.base, "/p/ci/base");
	assert_string_equal(o.build.pahole, "/p/bin/pahole");
	assert_string_equal(o.o.remote, "/p/shared");
	assert_ptr_equal(o.o.build, &o.build);
	assert_false(o.o.offline || o.o.locked || o.o.update);
}

static void the_command_line_goes_before_the_project(void **state)
{
	const struct drv_kernel_args a = {
		.kconfig = { .v = { "y.kconfig", "CONFIG_A=n" }, .nr = 2 },
		.flavour = 1, /* minimal */
		.base = "allnoconfig",
		.toolchain = "gcc-13",
		.pahole = "pahole",
		.jobs = 3,
		.allow_unmet = true,
		.offline = true,
		.mirror = "http://other",
		.remote = "http://cache",
	};
	kt_auto(mem) char *here = getcwd(NULL, 0);
	kt_auto(mem) char *file = kt_fmt("%s/y.kconfig", here);
	kt_auto(drv_kc_opts) struct drv_kc_opts o = { 0 };

	(void)state;
	make_opts("/p", &a, &o);
	assert_int_equal(o.build.nr_kconfig, 4);
	assert_string_equal(o.build.kconfig[2], file);
	assert_string_equal(o.build.kconfig[3], "CONFIG_A=n");
	assert_int_equal(o.build.flavour, KC_FLAVOUR_MINIMAL);
	assert_string_equal(o.build.base, "allnoconfig");
	assert_string_equal(o.build.pahole, "pahole");
	assert_int_equal(o.build.jobs, 3);
	assert_true(o.build.allow_unmet && o.o.offline);
	assert_string_equal(o.o.remote, "http://cache");
}

static void assert_refused(void **state, const char *filter, const char *kernel,
			   enum drv_ignored ignored, const char *text)
{
	struct chosen c;

	assert_true(choose(&c, state, filter, kernel, ignored) < 0);
	assert_int_equal(c.e.kind, KT_E_USAGE);
	assert_string_equal(unit_err_text(&c.e), text);
	assert_int_equal(c.plan.nr_cells, 0);
}

static void nothing_to_run_says_what_there_is(void **state)
{
	assert_refused(state, "alhpa", NULL, DRV_IGNORED_LEAVE_OUT,
		       "no test matches 'alhpa': did you mean 'alpha'?");
	assert_refused(state, "zzzzzz", NULL, DRV_IGNORED_LEAVE_OUT,
		       "no test matches 'zzzzzz': 'ktstr-make test --list' shows all 3");
	assert_refused(state, "ignored", NULL, DRV_IGNORED_LEAVE_OUT,
		       "every matching test is ignored (1): add --include-ignored");
	assert_refused(state, "alpha", NULL, DRV_IGNORED_ONLY,
		       "no matching test has 'ignore = true', which --ignored asks for");
}

static void an_unknown_kernel_offers_the_nearest(void **state)
{
	struct chosen c;

	assert_true(choose(&c, state, NULL, "defualt", DRV_IGNORED_LEAVE_OUT) < 0);
	assert_int_equal(c.e.kind, KT_E_USAGE);
	assert_non_null(strstr(unit_err_text(&c.e), "did you mean 'default'?"));
	assert_true(choose(&c, state, NULL, "zzzzzz", DRV_IGNORED_LEAVE_OUT) < 0);
	assert_int_equal(c.e.kind, KT_E_USAGE);
	assert_non_null(strstr(unit_err_text(&c.e), "and as a source: "));
}

/* ---- resolving ---- */

static void assert_cpus(const struct kt_cpuset *set, const char *expected)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	kt_cpuset_format(&b, set);
	assert_string_equal(kt_buf_str(&b), expected);
}

static void a_test_is_resolved_for_its_topology(void **state)
{
	kt_auto(drv_plan) struct drv_plan plan = { 0 };
	const struct drv_select s = { 0 };
	const struct cell_spec *c;

	assert_int_equal(drv_plan_select(*state, &s, &plan, NULL), 0);
	assert_int_equal(drv_plan_resolve(&plan, NULL), 0);
	c = &plan.cells[0].spec;
	assert_string_equal(c->topology, "1n2l2c1t");
	assert_string_equal(c->scheduler, "eevdf");
	assert_string_equal(c->work_type, "mixed");
	assert_int_equal(c->nr_cpus, 4);
	assert_string_equal(c->plan.test_name, "alpha");
	assert_int_equal(c->plan.duration_ns, 2 * SECOND);
	assert_int_equal(c->plan.watchdog_ns, 0);
	assert_int_equal(c->plan.scheduler_argv.nr, 0);
	assert_int_equal(c->plan.nr_cgroups, 2);
	assert_string_equal(c->plan.cgroups[0].name, "a");
	assert_int_equal(c->plan.cgroups[0].nr_workers, 3);
	assert_true(c->plan.cgroups[0].has_cpuset);
	/*
	 * The last CPU is left to the root cgroup only where the cpuset is a share of the usable
	 * ones.
	 */
	assert_cpus(&c->plan.cgroups[0].cpuset, "2-3");
	/* Half of the three usable CPUs is one pair. */
	assert_int_equal(c->plan.cgroups[1].nr_workers, 2);
	assert_false(c->plan.cgroups[1].has_cpuset);
}

static void the_schedulers_arguments_come_before_the_tests(void **state)
{
	kt_auto(drv_plan) struct drv_plan plan = { 0 };
	const struct drv_select s = { 0 };
	const struct cell_spec *c;

	assert_int_equal(drv_plan_select(*state, &s, &plan, NULL), 0);
	assert_int_equal(drv_plan_resolve(&plan, NULL), 0);
	c = &plan.cells[1].spec;
	assert_string_equal(c->scheduler, "simple");
	assert_string_equal(c->work_type, "spin_wait");
	assert_int_equal(c->nr_cpus, 16);
	assert_int_equal(c->plan.watchdog_ns, SECOND);
	assert_int_equal(c->plan.scheduler_argv.nr, 3);
	assert_string_equal(c->plan.scheduler_argv.v[0], "/ktstr/scheduler");
	assert_string_equal(c->plan.scheduler_argv.v[1], "-v");
	assert_string_equal(c->plan.scheduler_argv.v[2], "-x");
	assert_int_equal(c->plan.sysctls.nr, 1);
	assert_int_not_equal(c->variant_hash, plan.cells[0].spec.variant_hash);
}

static void a_cpuset_beyond_the_topology_is_an_error_with_its_place(void **state)
{
	struct cfg_project *p = *state;
	struct cfg_test t = p->tests[0];
	struct cfg_cgroup bad = t.cgroups[0];
	struct scn_plan plan = { 0 };
	struct kt_err e = { 0 };
	char expected[64];

	bad.cpuset.index = 7;
	t.cgroups = &bad;
	t.nr_cgroups = 1;
	assert_true(drv_resolve_test(p, &t, &plan, &e) < 0);
	assert_int_equal(e.kind, KT_E_CONFIG);
	kt_snprintf(expected, sizeof(expected), ":%d:%d: test 'alpha', cgroup 'a': ", bad.at.line,
		    bad.at.column);
	assert_true(bad.at.line > 0);
	assert_non_null(strstr(unit_err_text(&e), expected));
}

static void too_many_workers_are_an_error(void **state)
{
	struct cfg_project *p = *state;
	struct cfg_test t = p->tests[0];
	struct cfg_cgroup many = t.cgroups[0];
	struct scn_plan plan = { 0 };
	struct kt_err e = { 0 };

	many.workers = SCN_WORKERS_MAX + 1;
	t.cgroups = &many;
	t.nr_cgroups = 1;
	assert_int_equal(drv_resolve_test(p, &t, &plan, &e), -ERANGE);
	assert_int_equal(e.kind, KT_E_CONFIG);
	assert_non_null(strstr(unit_err_text(&e), "test 'alpha' has 4097 workers, at most 4096"));
}

/* ---- deadlines ---- */

static void deadlines_grow_with_cpus_and_are_scaled_under_emulation(void **state)
{
	struct drv_deadline_in d = { .nr_cpus = 2, .duration_ns = 10 * SECOND, .time_scale = 4 };

	(void)state;
	/* 20 s + 0.2 s to boot, 10 s of work, 10 s to end */
	assert_int_equal(drv_host_deadline_ns(&d), 40 * SECOND + SECOND / 5);
	d.has_scheduler = true;
	assert_int_equal(drv_host_deadline_ns(&d), 70 * SECOND + SECOND / 5);
	d.tcg = true;
	/* (20 + 4 + 30 + 10 + 10 * 2/16 + 10) s, four times */
	assert_int_equal(drv_host_deadline_ns(&d), 4 * (75 * SECOND + SECOND / 4));
	d.nr_cpus = 252;
	/* Booting 252 CPUs was seen to take 391 s: there must be room for twice that. */
	assert_true(drv_host_deadline_ns(&d) > 2 * 391 * SECOND);
}

static void a_tests_own_timeout_replaces_the_rule(void **state)
{
	struct drv_deadline_in d = {
		.tcg = true,
		.nr_cpus = 64,
		.duration_ns = 10 * SECOND,
		.timeout_ns = 30 * SECOND,
		.time_scale = 2.5,
	};

	(void)state;
	assert_int_equal(drv_host_deadline_ns(&d), 75 * SECOND);
	d.tcg = false;
	assert_int_equal(drv_host_deadline_ns(&d), 30 * SECOND);
}

static void an_absurd_duration_does_not_overflow(void **state)
{
	struct drv_deadline_in d = {
		.tcg = true, .nr_cpus = 252, .duration_ns = UINT64_MAX / 32, .time_scale = 1e6
	};

	(void)state;
	assert_int_equal(drv_host_deadline_ns(&d), 30000000 * SECOND);
}

/* ---- names ---- */

static void names_become_safe_path_components(void **state)
{
	static const char *const cases[][2] = {
		{ "two_cgroups", "two_cgroups" },
		{ "../../etc", "_._.._etc" },
		{ "a b/c", "a_b_c" },
		{ "7.3+deb14~1-x", "7.3+deb14~1-x" },
		{ ".", "_" },
		{ "", "_" },
		{ "\303\274", "__" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		kt_auto(mem) char *safe = drv_safe_name(cases[i][0]);

		assert_string_equal(safe, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_filters_all_but_ignored_tests_are_taken),
		cmocka_unit_test(ignored_tests_are_taken_when_asked_for),
		cmocka_unit_test(every_kernel_runs_every_test),
		cmocka_unit_test(versions_of_a_range_stand_for_it),
		cmocka_unit_test(one_source_built_in_two_ways_is_two_kernels),
		cmocka_unit_test(files_of_the_project_are_found_from_anywhere),
		cmocka_unit_test(the_command_line_goes_before_the_project),
		cmocka_unit_test(nothing_to_run_says_what_there_is),
		cmocka_unit_test(an_unknown_kernel_offers_the_nearest),
		cmocka_unit_test(a_test_is_resolved_for_its_topology),
		cmocka_unit_test(the_schedulers_arguments_come_before_the_tests),
		cmocka_unit_test(a_cpuset_beyond_the_topology_is_an_error_with_its_place),
		cmocka_unit_test(too_many_workers_are_an_error),
		cmocka_unit_test(deadlines_grow_with_cpus_and_are_scaled_under_emulation),
		cmocka_unit_test(a_tests_own_timeout_replaces_the_rule),
		cmocka_unit_test(an_absurd_duration_does_not_overflow),
		cmocka_unit_test(names_become_safe_path_components),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
