/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr.toml that is wrong: the exact words, with place, line, caret and help. */
#include "config/internal.h"

#include <errno.h>

#include "tests/unit/unit.h"

static void says(const char *text, size_t len, const char *want)
{
	struct cfg_project *p = NULL;
	struct kt_err e = { 0 };

	assert_int_equal(cfg_load_text("k.toml", text, len, &p, &e), -EINVAL);
	assert_int_equal(e.kind, KT_E_CONFIG);
	assert_null(p);
	assert_string_equal(unit_err_text(&e), want);
}

#define SAYS(text, want) says((text), sizeof(text) - 1, (want))

/* One test with the lines @body, of which the last has the error. */
static void test_says(const char *body, const char *message)
{
	kt_auto(mem) char *text =
		kt_fmt("[scheduler.simple]\nbinary = \"b\"\n[[test]]\nname = \"t\"\n%s\n", body);
	struct cfg_project *p = NULL;
	struct kt_err e = { 0 };
	char got[KT_ERR_TEXT_BYTES];
	const char *s, *colon;

	if (cfg_load_text("k", text, strlen(text), &p, &e) == 0)
		fail_msg("'%s' was taken", body);
	s = unit_err_text(&e);
	/* "k:5:12: message": compare the message of the first error. */
	colon = strchr(strchr(s + 2, ':') + 1, ':');
	(void)kt_snprintf(got, sizeof(got), "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
	assert_string_equal(got, message);
	assert_null(strstr(s, "more"));
}

static void an_unknown_key_is_shown_with_the_nearest(void **state)
{
	(void)state;
	SAYS("[[test]]\nname = \"x\"\n\n\n\n\n\n\n\n\n\ndurration = \"10s\"\n",
	     "k.toml:12:1: unknown key 'durration' in [[test]]\n"
	     "   12 | durration = \"10s\"\n"
	     "      | ^^^^^^^^^\n"
	     "help: did you mean 'duration'?");
	SAYS("[projet]\n", "k.toml:1:2: unknown key 'projet' in ktstr.toml\n"
			   "    1 | [projet]\n"
			   "      |  ^^^^^^\n"
			   "help: did you mean 'project'?");
	SAYS("zzzzzzzz = 1\n", "k.toml:1:1: unknown key 'zzzzzzzz' in ktstr.toml\n"
			       "    1 | zzzzzzzz = 1\n"
			       "      | ^^^^^^^^");
}

static void a_key_of_later_is_not_supported_yet(void **state)
{
	static const char *const keys[] = { "gauntlet = {}", "steps = []" };

	(void)state;
	SAYS("[[test]]\nname = \"x\"\ngauntlet = { presets = [\"tiny-*\"] }\n",
	     "k.toml:3:1: 'gauntlet' is not supported yet\n"
	     "    3 | gauntlet = { presets = [\"tiny-*\"] }\n"
	     "      | ^^^^^^^^");
	for (size_t i = 0; i < 2; i++) {
		kt_auto(mem) char *want =
			kt_fmt("'%.*s' is not supported yet", (int)strcspn(keys[i], " "), keys[i]);

		test_says(keys[i], want);
	}
	test_says("[scheduler.x]\nbinary = \"b\"\nprofiles.llc = { args = [] }",
		  "'profiles' is not supported yet");
	test_says("[test-binary.x]\nbinary = \"b\"", "'test-binary' is not supported yet");
	test_says("[presets]\nx = \"b\"", "'presets' is not supported yet");
}

static void periodic_captures_must_fit(void **state)
{
	(void)state;
	SAYS("[[test]]\nname = \"x\"\nduration = \"1s\"\nsnapshots = { periodic = 8 }\n",
	     "k.toml:4:13: test 'x': 8 periodic captures do not fit into 1s: they are to be at least 100ms apart\n"
	     "    4 | snapshots = { periodic = 8 }\n"
	     "      |             ^");
	test_says("snapshots = { periodic = 65 }", "'periodic' is 65, allowed are 0 to 64");
	test_says("snapshots = { periodic = -1 }", "'periodic' is -1, allowed are 0 to 64");
	test_says("snapshots = { often = 1 }", "unknown key 'often' in snapshots");
	test_says("snapshots = 3", "expected a table, found integer 3");
}

static void what_a_kernel_is_built_with_is_judged_as_it_is_read(void **state)
{
	(void)state;
	SAYS("[kernel.x]\nsource = \"6.12\"\nkconfig = [\"a.kconfig\", \"CONFIG_PSI\"]\n",
	     "k.toml:3:25: 'CONFIG_PSI' is no option with a value\n"
	     "    3 | kconfig = [\"a.kconfig\", \"CONFIG_PSI\"]\n"
	     "      |                         ^^^^^^^^^^^^\n"
	     "help: write \"CONFIG_PSI=y\", or =n, =m, =256, =\\\"text\\\"");
	test_says("[kernel.x]\nsource = \"6.12\"\nkconfig = [\"CONFIG_=y\"]",
		  "'CONFIG_=y' is no option with a value");
	test_says("[kernel.x]\nsource = \"6.12\"\nkconfig = [\"\"]", "an empty file name");
	test_says("[kernel.x]\nsource = \"6.12\"\nkconfig = [1]",
		  "expected a file or a line such as \"CONFIG_X=y\", found integer 1");
	test_says("[kernel.x]\nsource = \"6.12\"\nkconfig = \"a\"",
		  "expected an array of strings, found string \"a\"");
	test_says("[kernel.x]\nsource = \"6.12\"\nflavour = \"minimall\"",
		  "no flavour 'minimall': \"minimal\" or \"full\"");
	test_says("[kernel.x]\nsource = \"6.12\"\nbase = \"\"", "'base' is empty");
	test_says("[cache]\nremote = \"ftp://x\"",
		  "'remote' is \"ftp://x\": expected http://, https://, file:// or a directory");
	test_says("[cache]\nmirror = \"kernels\"",
		  "'mirror' is \"kernels\": expected http://, https:// or file://");
	test_says("[scheduler.x]\nbinary = \"b\"\nkernel-source = true",
		  "'kernel-source' is for the build command, and there is no 'build'");
}

static void a_wrong_type_says_what_was_expected_and_found(void **state)
{
	(void)state;
	SAYS("[[test]]\nname = \"x\"\nduration = 10 # seconds\n",
	     "k.toml:3:12: expected a duration such as \"10s\", found integer 10\n"
	     "    3 | duration = 10 # seconds\n"
	     "      |            ^^");
	test_says("duration = \"10\"", "expected a duration such as \"10s\", found string \"10\"");
	test_says("duration = 1.5", "expected a duration such as \"10s\", found float 1.5");
	test_says("duration = true", "expected a duration such as \"10s\", found boolean true");
	test_says("duration = []", "expected a duration such as \"10s\", found an array");
	test_says("duration = {}", "expected a duration such as \"10s\", found a table");
	test_says("duration = 2026-11-21",
		  "expected a duration such as \"10s\", found a date or time");
	test_says("memory = 512", "expected a size such as \"512M\", found integer 512");
	test_says("ignore = 1", "expected true or false, found integer 1");
	test_says("kargs = \"quiet\"", "expected an array of strings, found string \"quiet\"");
	test_says("kargs = [1]", "expected a string, found integer 1");
	test_says("cgroups = {}", "expected an array of tables, found a table");
	test_says("cgroups = [1]", "expected a table, found integer 1");
	test_says("assert = 1", "expected a table, found integer 1");
	test_says("scheduler = 1", "expected the name of a [scheduler.NAME], found integer 1");
	test_says("topology = 8",
		  "expected a topology such as \"1n2l4c1t\", a preset's name, or a table, "
		  "found integer 8");
	test_says(
		"sysctls = 1",
		"expected a table of names and values, or an array of \"name=value\", found integer 1");
	test_says("[vm]\ntime-scale = \"4\"", "expected a number, found string \"4\"");
	test_says("[vm]\naccel = 1", "expected \"auto\", \"kvm\" or \"tcg\", found integer 1");
	test_says("expect.exit = 1",
		  "expected \"stall\", \"any-error\", or a pattern for the kernel's message, "
		  "found integer 1");
	SAYS("test = 1\n", "k.toml:1:8: expected tables [[test]], found integer 1\n"
			   "    1 | test = 1\n"
			   "      |        ^");
	SAYS("[test]\nname = \"x\"\n", "k.toml:1:1: expected tables [[test]], found a table\n"
				       "    1 | [test]\n"
				       "      | ^");
	SAYS("kernel = \"6.12\"\n",
	     "k.toml:1:10: expected tables [kernel.NAME], found string \"6.12\"\n"
	     "    1 | kernel = \"6.12\"\n"
	     "      |          ^^^^^^");
}

static void ranges_are_named(void **state)
{
	(void)state;
	test_says("duration = \"99ms\"", "'duration' is 99ms, allowed are 100ms to 1h");
	test_says("duration = \"2h\"", "'duration' is 2h, allowed are 100ms to 1h");
	test_says("watchdog = \"31s\"", "'watchdog' is 31s, allowed are 1ms to 30s");
	test_says("timeout = \"900ms\"", "'timeout' is 900ms, allowed are 1s to 24h");
	test_says("memory = \"1M\"", "'memory' is 1M, allowed are 128.0 MiB to 1.0 TiB");
	test_says("assert.max-gap = \"2h\"", "'max-gap' is 2h, allowed are 0s to 1h");
	test_says("assert.max-spread = 101", "'max-spread' is 101, allowed are 0 to 100");
	test_says("assert.max-spread = nan", "'max-spread' is nan, allowed are 0 to 100");
	test_says("[vm]\ntime-scale = 0", "'time-scale' is 0, allowed are 1 to 100");
	test_says("[vm]\ntime-scale = inf", "'time-scale' is inf, allowed are 1 to 100");
	test_says("[vm]\ntime-scale = nan", "'time-scale' is nan, allowed are 1 to 100");
	test_says("[vm]\naccel = \"kvn\"", "no accelerator 'kvn': \"auto\", \"kvm\" or \"tcg\"");
	test_says("[vm]\ntcg-clock = \"host\"", "no clock 'host': \"guest-work\" or \"real\"");
}

static void topologies_obey_the_rules(void **state)
{
	(void)state;
	SAYS("[[test]]\nname = \"x\"\ntopology = \"2n3l1c1t\"\n",
	     "k.toml:3:12: topology '2n3l1c1t': llcs (3) is not a multiple of nodes (2)\n"
	     "    3 | topology = \"2n3l1c1t\"\n"
	     "      |            ^^^^^^^^^^");
	test_says("topology = { cores = 0 }", "0 cores");
	test_says("topology = { cores = -1 }", "'cores' is -1, allowed are 0 to 9999");
	test_says("topology = { threads = 3 }", "3 threads per core, at most 2");
	test_says("topology = { numa = 17, llcs = 17 }", "17 nodes, at most 16");
	test_says("topology = { cores = 150, threads = 2 }", "300 CPUs, at most 252");
	test_says("topology = { numa = 2, llcs = 3 }", "llcs (3) is not a multiple of nodes (2)");
	test_says("topology = { numa = 3, nodes = [{ llcs = 1 }] }",
		  "'numa' is 3, but 'nodes' lists 1");
	test_says("topology = { llcs = 3, nodes = [{ llcs = 1 }] }",
		  "'llcs' is 3, but 'nodes' have 1");
	test_says("topology = { nodes = [{ llcs = 0 }] }", "0 llcs");
	test_says("topology = { nodes = [] }", "0 nodes");
	test_says("topology = { nodes = [{ memory = \"1G\" }] }", "nodes has no 'llcs'");
	test_says("topology = { nodes = [{ llcs = 1, memory = \"1K\" }] }",
		  "'memory' is 1K, allowed are 16.0 MiB to 1.0 TiB");
	test_says("topology = { nodes = [{ llcs = 1, mem-side-cache = \"1K\" }] }",
		  "'mem-side-cache' is 1K, allowed are 1.0 MiB to 1.0 TiB");
	test_says("topology = { distances = [[10, 20], [20, 10]] }",
		  "2 rows of distances for 1 nodes");
	test_says("topology = { numa = 2, llcs = 2, distances = [[10, 20], [21, 10]] }",
		  "the distance from node 0 to node 1 is 20, but back it is 21");
	test_says("topology = { numa = 2, llcs = 2, distances = [[10], [21, 10]] }",
		  "1 distances in a row, not 2 as there are rows");
	test_says("topology = { numa = 2, llcs = 2, distances = [[10, 300], [21, 10]] }",
		  "a distance of 300, allowed are 10 to 254");
}

static void names_become_file_names(void **state)
{
	char longest[CFG_NAME_MAX + 2];
	kt_auto(mem) char *fits = NULL, *over = NULL;
	kt_auto(cfg_project) struct cfg_project *p = NULL;
	struct kt_err e = { 0 };

	(void)state;
	SAYS("[[test]]\nname = \"a/b\"\n",
	     "k.toml:2:8: 'a/b' is no name: 1 to 100 of A-Z a-z 0-9 _ . -, not beginning with . or -\n"
	     "    2 | name = \"a/b\"\n"
	     "      |        ^^^^^");
	SAYS("[kernel.\"a b\"]\nsource = \"x\"\n",
	     "k.toml:1:9: 'a b' is no name: 1 to 100 of A-Z a-z 0-9 _ . -, not beginning with . or -\n"
	     "    1 | [kernel.\"a b\"]\n"
	     "      |         ^^^^^");
	SAYS("[scheduler.eevdf]\nbinary = \"x\"\n",
	     "k.toml:1:12: 'eevdf' is the kernel's own scheduler: choose another name\n"
	     "    1 | [scheduler.eevdf]\n"
	     "      |            ^^^^^");
	assert_false(cfg_name_ok("") || cfg_name_ok(".") || cfg_name_ok("..") || cfg_name_ok(".a"));
	assert_false(cfg_name_ok("-a") || cfg_name_ok("a\n") || cfg_name_ok("\xc3\xa4") ||
		     cfg_name_ok("a:"));
	assert_true(cfg_name_ok("a") && cfg_name_ok("A-Z_0.9") && cfg_name_ok("0"));
	memset(longest, 'n', sizeof(longest));
	longest[CFG_NAME_MAX] = '\0';
	fits = kt_fmt("[[test]]\nname = \"%s\"\n", longest);
	over = kt_fmt("[[test]]\nname = \"%sx\"\n", longest);
	assert_int_equal(cfg_load_text("k", fits, strlen(fits), &p, NULL), 0);
	assert_true(cfg_load_text("k", over, strlen(over), &p, &e) < 0);
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	SAYS("[[test]]\nduration = \"1s\"\n", "k.toml:1:1: [[test]] has no 'name'\n"
					      "    1 | [[test]]\n"
					      "      | ^^");
	test_says("[kernel.x]", "[kernel.NAME] has no 'source'");
	test_says("[scheduler.x]\nbuild = \"make\"", "[scheduler.NAME] has no 'binary'");
	test_says("cgroups = [{ workers = 1 }]", "cgroups has no 'name'");
	test_says("cgroups = [{ name = \"a\", work = {} }]", "work has no 'type'");
	test_says("expect = {}", "expect has no 'exit'");
	test_says("[defaults]\nname = \"x\"", "'name' has no default: each test has its own");
	test_says("[scheduler.x]\nbinary = \"\"", "'binary' is empty");
}

static void references_must_exist(void **state)
{
	(void)state;
	SAYS("[scheduler.simple]\nbinary = \"x\"\n[[test]]\nname = \"t\"\nscheduler = \"simpel\"\n",
	     "k.toml:5:13: no [scheduler.simpel] in this file\n"
	     "    5 | scheduler = \"simpel\"\n"
	     "      |             ^^^^^^^^\n"
	     "help: did you mean 'simple'?");
	test_says("scheduler-args = [\"-v\"]", "'scheduler-args' without a scheduler");
	test_says("expect.exit = \"any-error\"", "test 't' expects an exit, but has no scheduler");
}

static void a_name_is_given_once(void **state)
{
	(void)state;
	SAYS("[[test]]\nname = \"t\"\n[[test]]\nname = \"u\"\n[[test]]\nname = \"t\"\n",
	     "k.toml:6:8: a test 't' is already at line 1\n"
	     "    6 | name = \"t\"\n"
	     "      |        ^^^");
	test_says("cgroups = [{ name = \"a\" },\n{ name = \"a\" }]",
		  "a cgroup 'a' is already at line 5");
	SAYS("[vm]\naccel = \"kvm\"\naccel = \"tcg\"\n",
	     "k.toml:3:9: key-value pair: cannot redefine existing string 'accel'\n"
	     "    3 | accel = \"tcg\"\n"
	     "      |         ^^^^^");
}

static void cgroups_obey_the_rules(void **state)
{
	(void)state;
	SAYS("[[test]]\nname = \"t\"\ncgroups = [\n\t{ name = \"a\", workers = 3, work = \"pipe_io\" },\n]\n",
	     "k.toml:4:26: workers (3) is not a multiple of 2, the group size of 'pipe_io'\n"
	     "    4 | \t{ name = \"a\", workers = 3, work = \"pipe_io\" },\n"
	     "      | \t                        ^");
	test_says("cgroups = [{ name = \"a/b\" }]",
		  "'a/b' is no cgroup's name: 1 to 63 of A-Z a-z 0-9 _ -");
	test_says("cgroups = [{ name = \"..\" }]",
		  "'..' is no cgroup's name: 1 to 63 of A-Z a-z 0-9 _ -");
	test_says("cgroups = [{ name = \"\" }]",
		  "'' is no cgroup's name: 1 to 63 of A-Z a-z 0-9 _ -");
	test_says("cgroups = [{ name = \"a\", workers = 0 }]",
		  "'workers' is 0, allowed are 1 to 4096");
	test_says("cgroups = [{ name = \"a\", workers = 4097 }]",
		  "'workers' is 4097, allowed are 1 to 4096");
	test_says("cgroups = [{ name = \"a\", workers = 4096 }, { name = \"b\" }]",
		  "test 't' has 4097 workers, at most 4096");
	test_says("cgroups = [{ name = \"a\", workers = \"0%\" }]",
		  "'workers' is 0% of the CPUs: nothing would run");
	test_says(
		"cgroups = [{ name = \"a\", workers = \"x\" }]",
		"expected a number of workers such as 4, or a percentage of the CPUs such as \"50%\", "
		"found string \"x\"");
	test_says("cgroups = [{ name = \"a\", nice = 20 }]", "'nice' is 20, allowed are -20 to 19");
	test_says("cgroups = [{ name = \"a\", nice = -21 }]",
		  "'nice' is -21, allowed are -20 to 19");
	test_says("cgroups = [{ name = \"a\", cpuset = \"\" }]", "the CPU set is empty");
	test_says("cgroups = [{ name = \"a\", cpuset = \"llc:3\" }]",
		  "test 't': on 1n1l2c1t: 'llc:3': the last is llc:0");
	test_says("cgroups = [{ name = \"a\", work = \"spin\" }]",
		  "no work type 'spin': \"spin_wait\", \"yield_heavy\", \"bursty\" or \"pipe_io\"");
	test_says("cgroups = [{ name = \"a\", work = { type = \"pipe_io\", sleep = \"1s\" } }]",
		  "work type 'pipe_io' takes no 'sleep'");
	test_says("cgroups = [{ name = \"a\", work = { type = \"bursty\", burst = \"0s\" } }]",
		  "'burst' is 0s, allowed are 1us to 10s");
}

static void the_number_of_cgroups_is_limited(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	kt_buf_adds(&b, "cgroups = [");
	for (int i = 0; i < SCN_CGROUPS_MAX + 1; i++)
		kt_buf_addf(&b, "{ name = \"a%d\" },", i);
	kt_buf_adds(&b, "]");
	test_says(kt_buf_str(&b), "65 cgroups, at most 64");
}

static void arguments_and_sysctls_obey_the_rules(void **state)
{
	(void)state;
	test_says("kargs = [\"a b\"]", "one kernel argument a string, without spaces");
	test_says("kargs = [\"\"]", "one kernel argument a string, without spaces");
	test_says("kargs = [\"ktstr.ring=0\"]",
		  "kernel arguments beginning with 'ktstr.' are ours");
	test_says("sysctls = { \"../x\" = 1 }",
		  "'../x' is no sysctl's name such as kernel.sched_rt_runtime_us");
	test_says("sysctls = { \"/x\" = 1 }",
		  "'/x' is no sysctl's name such as kernel.sched_rt_runtime_us");
	test_says("sysctls = { a = \"1\\n2\" }",
		  "a sysctl's value is one line of less than 4096 bytes");
	test_says("sysctls = { a = true }", "expected a string or an integer, found boolean true");
	test_says("sysctls = [\"a\"]", "expected a string \"name=value\", found string \"a\"");
	test_says("sysctls = [\"=1\"]",
		  "'' is no sysctl's name such as kernel.sched_rt_runtime_us");
}

static void a_stall_must_fit_into_the_duration(void **state)
{
	(void)state;
	SAYS("[scheduler.s]\nbinary = \"b\"\n[[test]]\nname = \"t\"\nscheduler = \"s\"\n"
	     "duration = \"2999ms\"\nwatchdog = \"2s\"\nexpect = { exit = \"stall\" }\n",
	     "k.toml:8:10: test 't' cannot reach the stall it expects: that takes up to 3s, "
	     "its duration is 2999ms\n"
	     "    8 | expect = { exit = \"stall\" }\n"
	     "      |          ^\n"
	     "help: a stall is seen within 1.5 times the watchdog; shorten 'watchdog' or lengthen 'duration'");
	test_says("scheduler = \"simple\"\nexpect.exit = \"(\"",
		  "'exit' is no extended regular expression: Unmatched ( or \\(");
	test_says(
		"scheduler = \"simple\"\nexpect.exit = \"\"",
		"'exit' is empty: \"stall\", \"any-error\", or a pattern for the kernel's message");
	test_says("scheduler = \"simple\"\nexpect = { exit = \"stall\", message = \"[\" }",
		  "'message' is no extended regular expression: Invalid regular expression");
	test_says("scheduler = \"simple\"\nexpect = { exit = \"foo\", message = \"bar\" }",
		  "two patterns: with 'message', 'exit' is \"stall\" or \"any-error\"");
	test_says("scheduler = \"simple\"\nexpect = { message = \"bar\" }", "expect has no 'exit'");
}

static void an_error_of_the_defaults_is_said_once(void **state)
{
	(void)state;
	SAYS("[defaults]\nduration = 1\n[[test]]\nname = \"a\"\n[[test]]\nname = \"b\"\n",
	     "k.toml:2:12: expected a duration such as \"10s\", found integer 1\n"
	     "    2 | duration = 1\n"
	     "      |            ^");
}

static void all_errors_come_in_the_order_of_the_file(void **state)
{
	(void)state;
	SAYS("[vm]\nx = 1\n[[test]]\nname = \"t\"\nz = 1\ny = 1\n[project]\nw = 1\n",
	     "k.toml:2:1: unknown key 'x' in [vm]\n    2 | x = 1\n      | ^\n"
	     "k.toml:5:1: unknown key 'z' in [[test]]\n    5 | z = 1\n      | ^\n"
	     "k.toml:6:1: unknown key 'y' in [[test]]\n    6 | y = 1\n      | ^\n"
	     "k.toml:8:1: unknown key 'w' in [project]\n    8 | w = 1\n      | ^");
}

static void errors_that_do_not_fit_are_counted(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct cfg_project *p = NULL;
	struct kt_err e = { 0 };
	unsigned shown = 0, more = 0;
	const char *s, *last;

	(void)state;
	for (int i = 0; i < 100; i++)
		kt_buf_addf(&b, "bad_%d = 1\n", i);
	assert_int_equal(cfg_load_text("k", b.data, b.len, &p, &e), -EINVAL);
	assert_false(e.truncated);
	s = unit_err_text(&e);
	for (const char *at = s; (at = strstr(at, "unknown key")); at++)
		shown++;
	last = strrchr(s, '\n');
	assert_int_equal(sscanf(last, "\nand %u more", &more), 1);
	assert_true(shown >= 5 && shown <= CFG_ERRORS_MAX);
	assert_int_equal(shown + more, 100);
}

static void the_caret_stands_below_its_place(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct cfg_project *p = NULL;
	struct kt_err e = { 0 };

	(void)state;
	/* Characters, not bytes, and tabs stay tabs. */
	SAYS("[vm]\r\n\taccel = \"\xc3\xa4\xe2\x82\xac\"\t# \xc3\xa4\r\n",
	     "k.toml:2:10: no accelerator '\xc3\xa4\xe2\x82\xac': \"auto\", \"kvm\" or \"tcg\"\n"
	     "    2 | \taccel = \"\xc3\xa4\xe2\x82\xac\"\t# \xc3\xa4\n"
	     "      | \t        ^^^^");
	/* A byte order mark has no width. */
	SAYS("\xef\xbb\xbfx = 1\n", "k.toml:1:1: unknown key 'x' in ktstr.toml\n"
				    "    1 | x = 1\n"
				    "      | ^");
	/* Of a long line the part around the place is shown. */
	kt_buf_adds(&b, "project = { name = \"");
	for (int i = 0; i < 300; i++)
		kt_buf_addc(&b, 'n');
	kt_buf_adds(&b, "\", nme = 1 }\n");
	assert_int_equal(cfg_load_text("k", b.data, b.len, &p, &e), -EINVAL);
	assert_non_null(strstr(unit_err_text(&e),
			       "k:1:324: unknown key 'nme' in [project]\n"
			       "    1 | ...nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\", nme = 1 }\n"
			       "      |                                            ^^^\n"
			       "help: did you mean 'name'?"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_key_is_shown_with_the_nearest),
		cmocka_unit_test(a_key_of_later_is_not_supported_yet),
		cmocka_unit_test(periodic_captures_must_fit),
		cmocka_unit_test(what_a_kernel_is_built_with_is_judged_as_it_is_read),
		cmocka_unit_test(a_wrong_type_says_what_was_expected_and_found),
		cmocka_unit_test(ranges_are_named),
		cmocka_unit_test(topologies_obey_the_rules),
		cmocka_unit_test(names_become_file_names),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(references_must_exist),
		cmocka_unit_test(a_name_is_given_once),
		cmocka_unit_test(cgroups_obey_the_rules),
		cmocka_unit_test(the_number_of_cgroups_is_limited),
		cmocka_unit_test(arguments_and_sysctls_obey_the_rules),
		cmocka_unit_test(a_stall_must_fit_into_the_duration),
		cmocka_unit_test(an_error_of_the_defaults_is_said_once),
		cmocka_unit_test(all_errors_come_in_the_order_of_the_file),
		cmocka_unit_test(errors_that_do_not_fit_are_counted),
		cmocka_unit_test(the_caret_stands_below_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
