/* SPDX-License-Identifier: GPL-2.0-only */
/* The reader of Kconfig files, and what is said of options that did not come out as wanted. */
#include "tests/unit/kconfig_tree.h"

#include <errno.h>
#include <unistd.h>

/* --- the reader -------------------------------------------------------------------------------------- */
static int read_tree(const char *dir, const char *text, struct kc_kconfig **ret, struct kt_err *e)
{
	tree_put(dir, "Kconfig", text);
	return kc_kconfig_read(dir, ret, e);
}

static void every_kind_of_entry_is_read(void **state)
{
	kt_auto(kc_kconfig) struct kc_kconfig *k = NULL;
	struct kt_err e = { 0 };

	tree_put(*state, "arch/x86/Kconfig",
		 "config X86\n\tdef_bool y\nmenuconfig MENU\n\tbool \"a menu\"\n");
	tree_put(*state, "sub/Kconfig", "rsource \"beside\"\nosource \"sub/missing\"\n");
	tree_put(*state, "sub/beside", "config BESIDE\n\tint \"n\"\n\trange 1 \\\n\t\t10\n");
	assert_int_equal(
		read_tree(*state,
			  "mainmenu \"Linux/$(ARCH) $(KERNELVERSION)\"\n"
			  "cc-option = $(success,$(CC) -Werror $(1))\n"
			  "VERSION := 1\\\n2\n"
			  "$(error-if,$(failure,true),no)\n"
			  "source \"arch/$(SRCARCH)/Kconfig\"\n"
			  "source \"sub/Kconfig\"\n"
			  "comment \"words\"\n\tdepends on X86\n"
			  "config HELPED # with a remark\n\tbool \"it's \\\"here\\\"\" if X86\n"
			  "\thelp\n\t  first line\n\n\t  config NOT_THIS\n\n"
			  "config AFTER_HELP\n\tdef_tristate m if MODULES\n"
			  "choice\n\tprompt \"one\"\n\tdefault ONE\n"
			  "config ONE\n\tbool \"1\"\nconfig TWO\n\tbool \"2\"\nendchoice\n"
			  "menu \"m\"\n\tvisible if X86\nif X86 && !(ONE || TWO = y)\n"
			  "config INSIDE\n\tstring 'quoted'\nendif\nendmenu\n"
			  "config LAST\n\tbool",
			  &k, &e),
		0);
	for (const char *const *name =
		     (const char *const[]){ "X86", "MENU", "BESIDE", "HELPED", "AFTER_HELP", "ONE",
					    "TWO", "INSIDE", "LAST", NULL };
	     *name; name++) {
		if (!kc_kconfig_has(k, *name))
			fail_msg("%s is missing", *name);
	}
	/* Mentioned, or in a help text, is not there. */
	assert_false(kc_kconfig_has(k, "NOT_THIS"));
	assert_false(kc_kconfig_has(k, "MODULES"));
}

static void what_is_broken_is_named_with_its_line(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "endmenu\n", "Kconfig:1: ends what was not begun" },
		{ "config A\n\tbool\nif A\nmenu \"m\"\nendif\n",
		  "Kconfig:5: ends what was not begun" },
		{ "\nif A\n", "Kconfig: ends in the middle of a block" },
		{ "config A\n\tdepends on (B\n", "Kconfig:2: not an expression" },
		{ "config A\n\tdepends B\n", "Kconfig:2: 'on' must follow 'depends'" },
		{ "config\n", "Kconfig:1: the name of an option is missing" },
		{ "source \"/etc/passwd\"\n", "Kconfig:1: a file outside of the source tree" },
		{ "source \"a/../../b\"\n", "Kconfig:1: a file outside of the source tree" },
		{ "source \"none\"\n",
		  "read 'Kconfig' for line 1: the source tree has no file 'none'" },
		{ "source \"Kconfig\"\n", "'Kconfig' is included 64 files deep" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(mem) char *says = kt_fmt("read the configuration options of '%s': %s",
						 (char *)*state, rows[i].says);
		kt_auto(kc_kconfig) struct kc_kconfig *k = NULL;
		struct kt_err e = { 0 };

		assert_true(read_tree(*state, rows[i].text, &k, &e) < 0);
		assert_int_equal(e.kind, KT_E_KERNEL);
		assert_string_equal(unit_err_text(&e), says);
	}
}

/* Each file asks for the next one twice: bounded by the number of files, not by 2^63. */
static void files_that_double_are_bounded(void **state)
{
	kt_auto(kc_kconfig) struct kc_kconfig *k = NULL;
	struct kt_err e = { 0 };

	for (int i = 0; i < 60; i++) {
		kt_auto(mem) char *name = kt_fmt("d%d", i);
		kt_auto(mem) char *text = kt_fmt("source \"d%d\"\nsource \"d%d\"\n", i + 1, i + 1);

		tree_put(*state, name, text);
	}
	tree_put(*state, "d60", "config A\n");
	assert_int_equal(read_tree(*state, "source \"d0\"\n", &k, &e), -EFBIG);
	assert_non_null(strstr(unit_err_text(&e), "more than 20000 Kconfig files"));
}

static void deep_expressions_are_refused(void **state)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	kt_auto(kc_kconfig) struct kc_kconfig *k = NULL;
	struct kt_err e = { 0 };

	kt_buf_adds(&text, "config A\n\tdepends on ");
	for (int i = 0; i < 3000; i++)
		kt_buf_addc(&text, i % 2 ? '(' : '!');
	kt_buf_adds(&text, "B\n");
	assert_true(read_tree(*state, kt_buf_str(&text), &k, &e) < 0);
	assert_non_null(strstr(unit_err_text(&e), "Kconfig:2: not an expression"));
}

/* --- what is said -------------------------------------------------------------------------------------- */
static const char options[] =
	"config MODULES\n\tbool \"modules\"\n"
	"config A\n\tbool \"a\"\n"
	"config B\n\tbool \"b\"\n\tdepends on A\n"
	"config C\n\ttristate \"c\"\n\tdepends on B && !D\n"
	"config D\n\tbool \"d\"\n"
	"config HIDDEN\n\tbool\n"
	"config BY_A_HIDDEN\n\tbool \"x\"\n\tdepends on HIDDEN\n"
	"config MAKER\n\tbool \"maker\"\n\tselect HIDDEN\n\tselect FORCED if A\n"
	"config FORCED\n\tbool \"forced\"\n"
	"config EXPERTS\n\tbool \"for some\" if A || D\n\tdefault y\n"
	"config NUMBER\n\tint \"number\"\n\trange 2 64\n\tdefault 8\n"
	"config HEX\n\thex \"hex\"\n\tdefault 0x10\n"
	"config TEXT\n\tstring \"text\"\n"
	"config TOOL_VERSION\n\tint\n\tdefault 0\n"
	"config NEEDS_TOOL\n\tbool \"t\"\n\tdepends on TOOL_VERSION >= 122\n"
	"config NEEDS_CC\n\tbool \"cc\"\n\tdepends on $(cc-option,-mfoo)\n"
	"config FOREIGN\n\tbool \"f\"\n\tdepends on ARM\n"
	"menu \"m\"\n\tdepends on A\nif D\nconfig DEEP\n\tbool \"deep\"\nendif\nendmenu\n"
	"choice\n\tprompt \"hz\"\nconfig HZ_250\n\tbool \"250\"\nconfig HZ_1000\n\tbool \"1000\"\n"
	"\tselect QUICK\nendchoice\n"
	"config QUICK\n\tbool\n"
	"config NEEDS_QUICK\n\tbool \"q\"\n\tdepends on QUICK\n"
	"config TWICE\n\tbool \"one\"\n\tdepends on A && D\nconfig TWICE\n\tbool \"two\"\n\tdepends on D\n"
	"config SINCE\n\tbool \"s\"\n\tdepends on ARM if A\n";

struct said {
	const char *want, *config, *found, *why, *fix;
};

static void assert_said(const char *what, const char *got, const char *expected)
{
	if (got && expected)
		assert_string_equal(got, expected);
	else if (got || expected)
		fail_msg("%s: '%s' instead of '%s'", what, got ? got : "(nothing)",
			 expected ? expected : "(nothing)");
}

static void check_rows(const char *dir, const struct said *rows, size_t nr)
{
	tree_put(dir, "Kconfig", options);
	for (size_t i = 0; i < nr; i++) {
		kt_auto(kc_config_report) struct kc_config_report r = { 0 };

		tree_check(dir, rows[i].want, rows[i].config, &r);
		assert_true(r.nr > 0);
		assert_int_equal(r.v[0].fate, KC_OPTION_UNMET);
		assert_string_equal(r.v[0].found, rows[i].found);
		assert_said(rows[i].want, r.v[0].why, rows[i].why);
		assert_said(rows[i].want, r.v[0].fix, rows[i].fix);
	}
}

static void a_missing_dependency_is_followed_to_lines_that_help(void **state)
{
	static const struct said rows[] = {
		{ "CONFIG_B=y", "# CONFIG_A is not set\n", "n", "depends on A, which is n",
		  "add CONFIG_A=y" },
		{ "CONFIG_C=y", "", "n", "depends on B, which is n; B depends on A, which is n",
		  "add CONFIG_A=y and CONFIG_B=y" },
		{ "CONFIG_C=y", "CONFIG_A=y\nCONFIG_B=y\nCONFIG_D=y\n", "n",
		  "depends on !D, but D is y", "set CONFIG_D=n" },
		{ "CONFIG_B=y\nCONFIG_A=n\n", "", "n",
		  "depends on A, which is n (extra.kconfig:2 asks for that)",
		  "change CONFIG_A=n (extra.kconfig:2) to y" },
		{ "CONFIG_DEEP=y", "", "n",
		  "depends on D, which is n; and depends on A, which is n",
		  "add CONFIG_D=y and CONFIG_A=y" },
		{ "CONFIG_BY_A_HIDDEN=y", "", "n",
		  "depends on HIDDEN, which is n; HIDDEN is set only by MAKER",
		  "add CONFIG_MAKER=y" },
		{ "CONFIG_HIDDEN=y", "", "n", "cannot be asked for, it is set only by MAKER",
		  "add CONFIG_MAKER=y" },
		{ "CONFIG_NEEDS_QUICK=y", "CONFIG_HZ_250=y\n", "n",
		  "depends on QUICK, which is n; QUICK is set only by HZ_1000",
		  "add CONFIG_HZ_1000=y" },
		/* The definition with the least in its way counts. */
		{ "CONFIG_TWICE=y", "", "n", "depends on D, which is n", "add CONFIG_D=y" },
		{ "CONFIG_SINCE=y", "CONFIG_A=y\n", "n",
		  "depends on !A || ARM, where A is y and ARM is not an option of this kernel",
		  "set CONFIG_A=n" },
	};

	check_rows(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

static void what_no_line_can_change_is_said_with_its_value(void **state)
{
	static const struct said rows[] = {
		{ "CONFIG_NEEDS_TOOL=y", "CONFIG_TOOL_VERSION=0\n", "n",
		  "depends on TOOL_VERSION >= 122, which is 0", NULL },
		{ "CONFIG_NEEDS_CC=y", "", "n",
		  "depends on $(cc-option,-mfoo), which the toolchain decides", NULL },
		{ "CONFIG_FOREIGN=y", "", "n",
		  "depends on ARM, which is not an option of this kernel", NULL },
	};

	check_rows(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

static void what_stays_on_is_said_with_who_keeps_it_on(void **state)
{
	static const struct said rows[] = {
		{ "CONFIG_FORCED=n", "CONFIG_FORCED=y\nCONFIG_MAKER=y\nCONFIG_A=y\n", "y",
		  "selected by MAKER, which is y", "set CONFIG_MAKER=n" },
		{ "# CONFIG_FORCED is not set\nCONFIG_MAKER=y",
		  "CONFIG_FORCED=y\nCONFIG_MAKER=y\nCONFIG_A=y\n", "y",
		  "selected by MAKER, which is y", "change CONFIG_MAKER=y (extra.kconfig:2) to n" },
		{ "CONFIG_EXPERTS=n", "CONFIG_EXPERTS=y\n", "y",
		  "can be chosen only if A || D, where A is n and D is n", "add CONFIG_A=y" },
		{ "CONFIG_HZ_250=n", "CONFIG_HZ_250=y\n", "y",
		  "one of a choice has to be y, and no other was asked for", NULL },
		{ "CONFIG_HIDDEN=n", "CONFIG_HIDDEN=y\n", "y",
		  "follows from other options and cannot be asked for", NULL },
	};

	check_rows(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

static void values_of_the_wrong_kind_or_out_of_range_are_said(void **state)
{
	static const struct said rows[] = {
		{ "CONFIG_NUMBER=100", "CONFIG_NUMBER=64\n", "64", "must be from 2 to 64", NULL },
		{ "CONFIG_NUMBER=y", "CONFIG_NUMBER=8\n", "8", "is a number", NULL },
		{ "CONFIG_TEXT=5", "CONFIG_TEXT=\"\"\n", "\"\"",
		  "is text, which is written in double quotes", "write CONFIG_TEXT=\"5\"" },
		{ "CONFIG_A=1", "", "n", "is y or n", NULL },
		{ "CONFIG_A=m", "CONFIG_A=y\n", "y", "is y or n, never a module",
		  "ask for CONFIG_A=y" },
		{ "CONFIG_C=m", "CONFIG_A=y\nCONFIG_B=y\n", "n",
		  "m needs modules, and MODULES is n", "ask for CONFIG_C=y" },
		{ "CONFIG_HZ_250=y\nCONFIG_HZ_1000=y", "CONFIG_HZ_1000=y\n", "n",
		  "HZ_1000 of the same choice is y (extra.kconfig:2 asks for that)",
		  "remove CONFIG_HZ_1000=y (extra.kconfig:2)" },
	};

	check_rows(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

static void values_that_are_the_same_to_kconfig_are_met(void **state)
{
	static const char fragment[] =
		"CONFIG_A=y\nCONFIG_B=n\n# CONFIG_D is not set\nCONFIG_NUMBER=010\n"
		"CONFIG_HEX=0X1f\nCONFIG_TEXT=\"a \\\"b\\\" # c\"\nCONFIG_C=m\n";
	static const char config[] =
		"CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_NUMBER=10\nCONFIG_HEX=0x1f\n"
		"CONFIG_TEXT=\"a \\\"b\\\" # c\"\nCONFIG_MODULES=y\nCONFIG_C=m\n";
	kt_auto(kc_config_report) struct kc_config_report r = { 0 };

	tree_put(*state, "Kconfig", options);
	tree_check(*state, fragment, config, &r);
	assert_int_equal(r.nr, 7);
	for (size_t i = 0; i < r.nr; i++) {
		if (r.v[i].fate != KC_OPTION_SET)
			fail_msg("%s: %s", r.v[i].name, r.v[i].why);
	}
	assert_string_equal(r.base, "allnoconfig");
	assert_string_equal(r.config, config);
	assert_string_equal(r.merged, fragment);
}

/* Sixteen is written 16 as a number: another text is another value. */
static void a_number_in_hexadecimal_is_not_taken_for_a_decimal_one(void **state)
{
	kt_auto(kc_config_report) struct kc_config_report r = { 0 };

	tree_put(*state, "Kconfig", options);
	tree_check(*state, "CONFIG_NUMBER=0x10\n", "CONFIG_NUMBER=16\n", &r);
	assert_int_equal(r.v[0].fate, KC_OPTION_UNMET);
}

/* --- judging ------------------------------------------------------------------------------------------- */
static void options_that_a_kernel_does_not_have_are_no_failure(void **state)
{
	kt_auto(kc_config_report) struct kc_config_report r = { 0 };
	kt_auto(buf) struct kt_buf notes = { 0 };
	struct kt_err e = { 0 };

	tree_put(*state, "Kconfig", options);
	tree_check(*state, "CONFIG_GONE_LONG_AGO=y\nCONFIG_HZ_1001=y\n", "", &r);
	assert_int_equal(r.v[0].fate, KC_OPTION_ABSENT);
	assert_null(r.v[0].found);
	assert_int_equal(kc_config_judge(&r, false, &notes, &e), 0);
	assert_string_equal(
		kt_buf_str(&notes),
		"CONFIG_GONE_LONG_AGO=y (extra.kconfig:1) is ignored: this kernel has no such option\n"
		"CONFIG_HZ_1001=y (extra.kconfig:2) is ignored: this kernel has no such option; "
		"CONFIG_HZ_1000 has a similar name");
}

static void unmet_options_of_the_user_fail_unless_allowed(void **state)
{
	kt_auto(kc_config_report) struct kc_config_report r = { 0 };
	kt_auto(buf) struct kt_buf notes = { 0 };
	struct kt_err e = { 0 };

	tree_put(*state, "Kconfig", options);
	tree_check(*state, "CONFIG_B=y\nCONFIG_A=y\nCONFIG_FOREIGN=y\n", "CONFIG_A=y\nCONFIG_B=y\n",
		   &r);
	assert_int_equal(kc_config_judge(&r, false, &notes, &e), -EINVAL);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_string_equal(
		unit_err_text(&e),
		"the kernel cannot be configured as asked:\n"
		"    CONFIG_FOREIGN=y (extra.kconfig:3) came out as n: depends on ARM, which "
		"is not an option of this kernel");
	assert_int_equal(notes.len, 0);
	assert_int_equal(kc_config_judge(&r, true, &notes, &e), 0);
	assert_string_equal(
		kt_buf_str(&notes),
		"CONFIG_FOREIGN=y (extra.kconfig:3) came out as n: depends on ARM, which "
		"is not an option of this kernel");
}

/* What we ask for ourselves fails only when nothing works without it; allowing unmet ones does not help then. */
static void unmet_options_of_ours_fail_only_when_critical(void **state)
{
	kt_auto(kc_config_request) struct kc_config_request q = { 0 };
	kt_auto(kc_config_report) struct kc_config_report r = { 0 };
	kt_auto(buf) struct kt_buf notes = { 0 };
	struct kt_err e = { 0 };

	tree_put(*state, "Kconfig", options);
	assert_int_equal(kc_wants_parse("CONFIG_B=y\nCONFIG_C=y # critical\nCONFIG_HZ_1000=y\n",
					"ours", false, &q.wants, &e),
			 0);
	assert_int_equal(kc_wants_parse("CONFIG_HZ_250=y\n", "extra.kconfig", true, &q.wants, &e),
			 0);
	q.base = strdup("x");
	q.merged = strdup("");
	assert_int_equal(kc_config_check(&q, *state, "CONFIG_HZ_250=y\n", &r, &e), 0);
	/* That ours gave way to another of the same choice is as the user wanted it: not a word. */
	assert_int_equal(r.nr, 3);
	assert_int_equal(kc_config_judge(&r, true, &notes, &e), -EINVAL);
	assert_string_equal(
		unit_err_text(&e),
		"the kernel cannot be configured as asked:\n"
		"    CONFIG_C=y (ours:2) came out as n: depends on B, which is n; B depends on "
		"A, which is n; add CONFIG_A=y");
	assert_string_equal(kt_buf_str(&notes), "CONFIG_B=y (ours:1) came out as n: depends on A, "
						"which is n; add CONFIG_A=y");
}

static void nobody_is_told_to_take_away_what_everything_hangs_on(void **state)
{
	kt_auto(kc_config_request) struct kc_config_request q = { 0 };
	kt_auto(kc_config_report) struct kc_config_report r = { 0 };
	struct kt_err e = { 0 };

	tree_put(*state, "Kconfig",
		 "config A\n\tbool \"a\"\n"
		 "config NOT_A\n\tbool \"b\"\n\tdepends on !A\n"
		 "config EITHER\n\tbool \"c\"\n\tdepends on !A || C\n"
		 "config C\n\tbool \"d\"\n\tdepends on D\n"
		 "config D\n\tbool \"e\"\n");
	assert_int_equal(kc_wants_parse("CONFIG_A=y # critical\n", "ours", false, &q.wants, &e), 0);
	assert_int_equal(kc_wants_parse("CONFIG_NOT_A=y\nCONFIG_EITHER=y\n", "extra.kconfig", true,
					&q.wants, &e),
			 0);
	q.base = strdup("x");
	q.merged = strdup("");
	assert_int_equal(kc_config_check(&q, *state, "CONFIG_A=y\n", &r, &e), 0);
	assert_int_equal(r.nr, 3);
	assert_string_equal(r.v[1].why, "depends on !A, but A is y (ours:1 asks for that, and "
					"nothing works without)");
	assert_null(r.v[1].fix);
	assert_string_equal(r.v[2].fix, "add CONFIG_D=y and CONFIG_C=y");
}

static void what_takes_away_the_critical_is_refused_before_it_is_built(void **state)
{
	kt_auto(kc_config_request) struct kc_config_request q = { 0 };
	kt_auto(kc_config_report) struct kc_config_report r = { 0 };
	kt_auto(buf) struct kt_buf notes = { 0 };
	struct kt_err e = { 0 };

	tree_put(*state, "Kconfig", "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n");
	assert_int_equal(kc_wants_parse("CONFIG_A=y # critical\nCONFIG_B=y # critical\n", "ours",
					false, &q.wants, &e),
			 0);
	/* Taken away and given back is as it was. */
	assert_int_equal(kc_wants_parse("CONFIG_A=n\nCONFIG_B=n\nCONFIG_B=y\n", "extra.kconfig",
					true, &q.wants, &e),
			 0);
	q.base = strdup("x");
	q.merged = strdup("");
	assert_int_equal(kc_config_check(&q, *state, "CONFIG_B=y\n", &r, &e), 0);
	assert_int_equal(kc_config_judge(&r, false, &notes, &e), -EINVAL);
	assert_string_equal(
		unit_err_text(&e),
		"the kernel cannot be configured as asked:\n"
		"    CONFIG_A=n (extra.kconfig:1): ours:1 asks for CONFIG_A=y, and nothing "
		"works without; remove it, or say --allow-unmet");
	assert_int_equal(notes.len, 0);
	assert_int_equal(kc_config_judge(&r, true, &notes, NULL), 0);
	assert_int_not_equal(notes.len, 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, unit_tmp_setup, unit_tmp_teardown)
	const struct CMUnitTest tests[] = {
		T(every_kind_of_entry_is_read),
		T(what_is_broken_is_named_with_its_line),
		T(files_that_double_are_bounded),
		T(deep_expressions_are_refused),
		T(a_missing_dependency_is_followed_to_lines_that_help),
		T(what_no_line_can_change_is_said_with_its_value),
		T(what_stays_on_is_said_with_who_keeps_it_on),
		T(values_of_the_wrong_kind_or_out_of_range_are_said),
		T(values_that_are_the_same_to_kconfig_are_met),
		T(a_number_in_hexadecimal_is_not_taken_for_a_decimal_one),
		T(options_that_a_kernel_does_not_have_are_no_failure),
		T(unmet_options_of_the_user_fail_unless_allowed),
		T(unmet_options_of_ours_fail_only_when_critical),
		T(what_takes_away_the_critical_is_refused_before_it_is_built),
		T(nobody_is_told_to_take_away_what_everything_hangs_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
