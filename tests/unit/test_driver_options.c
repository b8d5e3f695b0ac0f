/* SPDX-License-Identifier: GPL-2.0-only */
/* Command line: options from tables, commands by their words, help from the same rows. */
#include <errno.h>

#include "driver/driver.h"
#include "tests/unit/unit.h"

struct opts {
	bool flag;
	unsigned count, number, choice;
	const char *string;
	struct drv_strings list;
};

static const char *const words[] = { "auto", "kvm", "tcg", NULL };
static const struct drv_option rows[] = {
	{ "flag", 'f', DRV_OPT_FLAG, NULL, "", NULL, DRV_COMPLETE_NONE,
	  offsetof(struct opts, flag) },
	{ "count", 'c', DRV_OPT_COUNT, NULL, "", NULL, DRV_COMPLETE_NONE,
	  offsetof(struct opts, count) },
	{ "number", 'n', DRV_OPT_NUMBER, "N", "", NULL, DRV_COMPLETE_NONE,
	  offsetof(struct opts, number) },
	{ "choice", 0, DRV_OPT_CHOICE, "HOW", "", words, DRV_COMPLETE_NONE,
	  offsetof(struct opts, choice) },
	{ "string", 's', DRV_OPT_STRING, "TEXT", "", NULL, DRV_COMPLETE_NONE,
	  offsetof(struct opts, string) },
	{ "list", 'l', DRV_OPT_STRINGS, "ITEM", "", NULL, DRV_COMPLETE_NONE,
	  offsetof(struct opts, list) },
};

enum { ARGS_MAX = 100 };
struct parsed {
	struct opts o;
	const char *operands[ARGS_MAX];
	size_t nr;
	struct kt_err e;
};

static int parse_as(struct parsed *p, bool stop, const char *const *args)
{
	const struct drv_option_set set = { rows, sizeof(rows) / sizeof(rows[0]), &p->o };
	const struct drv_parse_opts po = { &set, 1, "test", stop };
	char *argv[ARGS_MAX];
	int argc = 0;

	*p = (struct parsed){ 0 };
	for (; args[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)args[argc];
	return drv_options_parse(&po, argc, argv, p->operands, &p->nr, &p->e);
}
#define PARSE(p, ...) parse_as((p), false, (const char *const[]){ __VA_ARGS__, NULL })

static void every_kind_of_option_is_stored(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(PARSE(&p, "--flag", "--count", "-cc", "--number=7", "--choice", "tcg",
			       "-sx", "--list", "a", "-l", "b", "--list=c"),
			 0);
	assert_true(p.o.flag);
	assert_int_equal(p.o.count, 3);
	assert_int_equal(p.o.number, 7);
	assert_int_equal(p.o.choice, 2);
	assert_string_equal(p.o.string, "x");
	assert_int_equal(p.o.list.nr, 3);
	assert_string_equal(p.o.list.v[2], "c");
	assert_int_equal(p.nr, 0);
}

static void operands_and_options_may_be_mixed(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(PARSE(&p, "one", "--flag", "two", "-", "-n3"), 0);
	assert_true(p.o.flag);
	assert_int_equal(p.o.number, 3);
	assert_int_equal(p.nr, 3);
	assert_string_equal(p.operands[0], "one");
	assert_string_equal(p.operands[1], "two");
	assert_string_equal(p.operands[2], "-");
}

static void after_two_dashes_all_are_operands(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(PARSE(&p, "--", "--flag", "--", "-n"), 0);
	assert_false(p.o.flag);
	assert_int_equal(p.nr, 3);
	assert_string_equal(p.operands[0], "--flag");
	assert_string_equal(p.operands[1], "--");
}

static void parsing_can_stop_at_the_first_operand(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(parse_as(&p, true,
				  (const char *const[]){ "-f", "test", "--unknown", "-x", NULL }),
			 0);
	assert_true(p.o.flag);
	assert_int_equal(p.nr, 3);
	assert_string_equal(p.operands[0], "test");
	assert_string_equal(p.operands[1], "--unknown");
}

static void an_empty_value_is_a_value(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(PARSE(&p, "--string=", "--list", ""), 0);
	assert_string_equal(p.o.string, "");
	assert_string_equal(p.o.list.v[0], "");
}

static void mistakes_are_named(void **state)
{
	static const struct {
		const char *args[3];
		const char *text;
	} cases[] = {
		{ { "--flga" }, "unknown option '--flga': did you mean '--flag'?" },
		{ { "--chioce=tcg" }, "unknown option '--chioce': did you mean '--choice'?" },
		{ { "--something-else" },
		  "unknown option '--something-else': see 'ktstr-make test --help'" },
		{ { "-x" }, "unknown option '-x': see 'ktstr-make test --help'" },
		{ { "-fx" }, "unknown option '-x': see 'ktstr-make test --help'" },
		{ { "--flag=yes" }, "option --flag takes no value" },
		{ { "--string" }, "option --string needs a value: TEXT" },
		{ { "-s" }, "option -s needs a value: TEXT" },
		{ { "--choice", "hyper" }, "option --choice takes auto, kvm or tcg, not 'hyper'" },
		{ { "--number", "0" }, "option --number takes a number from 1, not '0'" },
		{ { "-n", "-1" }, "option -n takes a number from 1, not '-1'" },
		{ { "--number=4x" }, "option --number takes a number from 1, not '4x'" },
		{ { "--number=99999999999999999999" },
		  "option --number takes a number from 1, not '99999999999999999999'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parsed p;

		assert_int_equal(parse_as(&p, false, cases[i].args), -EINVAL);
		assert_int_equal(p.e.kind, KT_E_USAGE);
		assert_string_equal(unit_err_text(&p.e), cases[i].text);
	}
}

static void too_many_repetitions_are_refused(void **state)
{
	const char *args[DRV_STRINGS_MAX + 2];
	struct parsed p;

	(void)state;
	for (size_t i = 0; i <= DRV_STRINGS_MAX; i++)
		args[i] = "-lx";
	args[DRV_STRINGS_MAX + 1] = NULL;
	assert_int_equal(parse_as(&p, false, args), -E2BIG);
	assert_string_equal(unit_err_text(&p.e), "option -l given more than 64 times");
}

/* ---- commands ---- */

static int find(const struct drv_command **c, size_t *used, struct kt_err *e, const char *first,
		const char *second)
{
	const char *const w[] = { first, second };

	*e = (struct kt_err){ 0 };
	return drv_command_find(w, second ? 2 : 1, c, used, e);
}

static void commands_are_found_by_one_or_two_words(void **state)
{
	const struct drv_command *c;
	struct kt_err e;
	size_t used;

	(void)state;
	assert_int_equal(find(&c, &used, &e, "test", "filter"), 0);
	assert_ptr_equal(c, &drv_cmd_test);
	assert_int_equal(used, 1);
	assert_int_equal(find(&c, &used, &e, "kernel", "list"), 0);
	assert_ptr_equal(c, &drv_cmd_kernel_list);
	assert_int_equal(used, 2);
}

static void unknown_commands_are_told_apart(void **state)
{
	static const struct {
		const char *first, *second, *text;
	} cases[] = {
		{ "tset", NULL, "unknown command 'tset': did you mean 'test'?" },
		{ "nonsense", NULL, "unknown command 'nonsense': see 'ktstr-make --help'" },
		{ "kernel", NULL,
		  "command 'kernel' needs a second word: there is 'kernel build', 'kernel fetch', "
		  "'kernel config', 'kernel list', 'kernel show', 'kernel clean'" },
		{ "kernel", "lits", "unknown command 'kernel lits': did you mean 'kernel list'?" },
		{ "kernel", "frobnicate",
		  "unknown command 'kernel frobnicate': there is 'kernel build', 'kernel fetch', "
		  "'kernel config', 'kernel list', 'kernel show', 'kernel clean'" },
		{ "build", NULL, "command 'build' is not supported yet" },
		{ "shell", NULL, "command 'shell' is not supported yet" },
		{ "stats", "show", "command 'stats' is not supported yet" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct drv_command *c;
		struct kt_err e;
		size_t used;

		assert_true(find(&c, &used, &e, cases[i].first, cases[i].second) < 0);
		assert_int_equal(e.kind, KT_E_USAGE);
		assert_string_equal(unit_err_text(&e), cases[i].text);
	}
}

static void no_two_options_of_a_command_share_a_name(void **state)
{
	(void)state;
	for (size_t c = 0; c < drv_nr_commands; c++) {
		const struct drv_option *all[64];
		size_t nr = 0;

		for (size_t i = 0; i < drv_commands[c]->nr_options; i++)
			all[nr++] = &drv_commands[c]->options[i];
		for (size_t i = 0; i < drv_nr_global_options; i++)
			all[nr++] = &drv_global_options[i];
		for (size_t i = 0; i < nr; i++) {
			for (size_t j = 0; j < i; j++) {
				assert_string_not_equal(all[i]->name, all[j]->name);
				assert_false(all[i]->short_name &&
					     all[i]->short_name == all[j]->short_name);
			}
		}
		assert_in_range(drv_commands[c]->opts_bytes, 0, DRV_OPTS_BYTES_MAX);
	}
}

static void help_names_every_command_and_option(void **state)
{
	kt_auto(buf) struct kt_buf program = { 0 };

	(void)state;
	drv_help_text(&program, NULL);
	for (size_t c = 0; c < drv_nr_commands; c++) {
		kt_auto(buf) struct kt_buf b = { 0 };
		char name[64];

		assert_non_null(strstr(kt_buf_str(&program), drv_commands[c]->name));
		assert_non_null(strstr(kt_buf_str(&program), drv_commands[c]->summary));
		drv_help_text(&b, drv_commands[c]);
		for (size_t i = 0; i < drv_commands[c]->nr_options; i++) {
			kt_snprintf(name, sizeof(name), "--%s", drv_commands[c]->options[i].name);
			assert_non_null(strstr(kt_buf_str(&b), name));
		}
	}
}

static void no_line_of_help_is_wider_than_100_columns(void **state)
{
	(void)state;
	for (size_t c = 0; c <= drv_nr_commands; c++) {
		kt_auto(buf) struct kt_buf b = { 0 };

		drv_help_text(&b, c < drv_nr_commands ? drv_commands[c] : NULL);
		for (const char *p = kt_buf_str(&b); *p;) {
			size_t len = strcspn(p, "\n");

			/* The closing hint is one sentence with two commands to copy. */
			assert_in_range(len, 0, 105);
			p += len;
			p += *p == '\n';
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_option_is_stored),
		cmocka_unit_test(operands_and_options_may_be_mixed),
		cmocka_unit_test(after_two_dashes_all_are_operands),
		cmocka_unit_test(parsing_can_stop_at_the_first_operand),
		cmocka_unit_test(an_empty_value_is_a_value),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(too_many_repetitions_are_refused),
		cmocka_unit_test(commands_are_found_by_one_or_two_words),
		cmocka_unit_test(unknown_commands_are_told_apart),
		cmocka_unit_test(no_two_options_of_a_command_share_a_name),
		cmocka_unit_test(help_names_every_command_and_option),
		cmocka_unit_test(no_line_of_help_is_wider_than_100_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
