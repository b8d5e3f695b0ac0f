/* SPDX-License-Identifier: GPL-2.0-only */
/* Every allocation of merging and checking a configuration fails once: an error, never a wrong answer. */
#include "tests/unit/faults.h"

#include "tests/unit/kconfig_tree.h"

enum { CALLS_MAX = 20000 };

static const char kconfig[] = "config A\n\tbool \"a\"\nsource \"more/$(SRCARCH)\"\n";
static const char more[] =
	"config B\n\ttristate \"b\" if !A || C = \"x\\\"y\"\n\tdepends on A\n"
	"config C\n\tstring\n\trange 1 2\nmenu \"m\"\nchoice\nconfig D\n\tbool \"d\"\n"
	"\tselect E\nconfig F\n\tbool \"f\"\nendchoice\nendmenu\nconfig E\n\tbool\n";

/* Merge, check, judge; the text of the verdict when nothing failed on the way. */
static char *judge(const char *dir)
{
	const char *const lines[] = { "CONFIG_B=y", "CONFIG_B=m", "CONFIG_E=y", "CONFIG_B=y" };
	const struct kc_build_opts o = { .kconfig = lines, .nr_kconfig = 4 };
	kt_auto(kc_config_request) struct kc_config_request q = { 0 };
	kt_auto(kc_config_report) struct kc_config_report r = { 0 };
	kt_auto(buf) struct kt_buf notes = { 0 };
	struct kt_err e = { 0 };

	if (kc_config_request_make(&o, dir, &q, &e) < 0 ||
	    kc_config_check(&q, dir, "CONFIG_D=n\nCONFIG_F=y\n", &r, &e) < 0) {
		assert_int_equal(e.kind, KT_E_HOST);
		return NULL;
	}
	assert_true(kc_config_judge(&r, false, &notes, &e) < 0);
	return e.kind == KT_E_KERNEL ? strdup(unit_err_text(&e)) : NULL;
}

static void no_allocation_that_fails_makes_a_wrong_answer(void **state)
{
	kt_auto(mem) char *right = NULL;
	unsigned n;

	tree_put(*state, "Kconfig", kconfig);
	tree_put(*state, "more/x86", more);
	right = judge(*state);
	assert_non_null(right);
	for (n = 1; n < CALLS_MAX; n++) {
		kt_auto(mem) char *got = NULL;

		unit_faults.kind = UNIT_FAULT_ALLOC;
		unit_faults.left = n;
		unit_faults.errnum = ENOMEM;
		unit_faults.hit = false;
		got = judge(*state);
		unit_faults.kind = UNIT_FAULT_NONE;
		if (got)
			assert_string_equal(got, right);
		if (!unit_faults.hit)
			break;
	}
	assert_true(n > 100 && n < CALLS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_allocation_that_fails_makes_a_wrong_answer,
						unit_tmp_setup, unit_tmp_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
