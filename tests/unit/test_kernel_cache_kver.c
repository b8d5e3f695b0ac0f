/* SPDX-License-Identifier: GPL-2.0-only */
/* Version numbers of kernels: their one spelling, their order, and what belongs to a range. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "kernel-cache/source/kernelorg.h"

static struct kc_kver ver(const char *s)
{
	struct kc_kver v;

	if (kc_kver_parse(s, &v) < 0)
		fail_msg("not a version: %s", s);
	return v;
}

static void a_version_prints_as_kernel_org_calls_it(void **state)
{
	static const char *const rows[][2] = {
		{ "6.12", "6.12" },       { "6.12.0", "6.12" },
		{ "6.12.40", "6.12.40" }, { "6.15-rc3", "6.15-rc3" },
		{ "2.6.39", "2.6.39" },   { "10.0.100000", "10.0.100000" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kc_kver v = ver(rows[i][0]);
		char name[KC_KVER_BYTES];

		assert_string_equal(kc_kver_name(&v, name), rows[i][1]);
	}
	assert_true(ver("6.12").series);
	assert_false(ver("6.12.0").series);
	assert_false(ver("6.15-rc3").series);
}

static void what_is_no_version_or_another_spelling_of_one_is_refused(void **state)
{
	static const char *const rows[] = {
		"",         "6",          "6.",
		".12",      "6.12.",      "6.12.4.1",
		"6.012",    "06.12",      "6.12-rc",
		"6.12-rc0", "6.12-rc01",  "6.12-foo",
		"6.12 ",    " 6.12",      "-6.12",
		"6.-12",    "6.12.40-rc", "v6.12",
		"0.99",     "6.1234567",  "next-20251114",
		"6.12\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kc_kver v;

		if (kc_kver_parse(rows[i], &v) != -EINVAL)
			fail_msg("taken: '%s'", rows[i]);
	}
}

static void a_version_is_found_at_the_beginning_of_debians(void **state)
{
	struct kc_kver v;
	const char *end;
	char name[KC_KVER_BYTES];

	(void)state;
	assert_int_equal(kc_kver_scan("6.12.117-1~deb12u1", &v, &end), 0);
	assert_string_equal(kc_kver_name(&v, name), "6.12.117");
	assert_string_equal(end, "-1~deb12u1");
}

static void versions_are_in_order(void **state)
{
	static const char *const order[] = { "2.6.39",    "5.15.100", "6.2",    "6.12-rc1",
					     "6.12-rc10", "6.12",     "6.12.1", "6.12.9",
					     "6.12.10",   "6.13-rc1", "6.13.0", "10.0" };
	const size_t nr = sizeof(order) / sizeof(order[0]);

	(void)state;
	for (size_t i = 0; i < nr; i++) {
		for (size_t k = 0; k < nr; k++) {
			struct kc_kver a = ver(order[i]), b = ver(order[k]);

			assert_int_equal(kc_kver_cmp(&a, &b), (i > k) - (i < k));
		}
	}
}

static const char *within(const char *from, const char *to, const char *newest)
{
	struct kc_kver a = ver(from), b = ver(to), n = ver(newest), ret;
	static char name[KC_KVER_BYTES];

	return kc_kver_within(&a, &b, &n, &ret) ? kc_kver_name(&ret, name) : "none";
}

static void a_range_takes_whole_series_and_keeps_to_exact_ends(void **state)
{
	(void)state;
	assert_string_equal(within("6.12", "6.16", "6.12.58"), "6.12.58");
	assert_string_equal(within("6.12", "6.16", "6.16.12"), "6.16.12");
	assert_string_equal(within("6.12", "6.16", "6.17"), "none");
	assert_string_equal(within("6.12", "6.16", "6.11.11"), "none");
	assert_string_equal(within("6.12.40", "6.16", "6.12.58"), "6.12.58");
	assert_string_equal(within("6.12.60", "6.16", "6.12.58"), "none");
	assert_string_equal(within("6.12.0", "6.16", "6.12.58"), "6.12.58");
	assert_string_equal(within("6.12", "6.16.3", "6.16.12"), "6.16.3");
	assert_string_equal(within("6.12", "6.16.20", "6.16.12"), "6.16.12");
	assert_string_equal(within("6.12-rc2", "6.16", "6.12"), "6.12");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_version_prints_as_kernel_org_calls_it),
		cmocka_unit_test(what_is_no_version_or_another_spelling_of_one_is_refused),
		cmocka_unit_test(a_version_is_found_at_the_beginning_of_debians),
		cmocka_unit_test(versions_are_in_order),
		cmocka_unit_test(a_range_takes_whole_series_and_keeps_to_exact_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
