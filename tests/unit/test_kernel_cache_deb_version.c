/* SPDX-License-Identifier: GPL-2.0-only */
/* Debian's order of versions, against what dpkg --compare-versions says of the same pairs. */
#include "tests/unit/unit.h"

#include "kernel-cache/internal.h"

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

/* Each is below the next one. */
static const char *const ascending[] = {
	"0~~",
	"0~",
	"0-0~",
	"0",
	"0a",
	"0+",
	"1~rc1-1",
	"1.0~rc2-1",
	"1.0-0.1",
	"1.0-1~bpo12+1",
	"1.0-1",
	"1.0-1+b1",
	"1.0-1.1",
	"1.0-2",
	"1.0a-1",
	"1.0+dfsg-1",
	"1.0.1-1",
	"1.2-1",
	"1.10-1",
	"6.12.95-1~bpo12+1",
	"6.12.117-1~deb12u1",
	"6.19.14-1~bpo13+1",
	"7.2.12-1~bpo13+1",
	"7.2.12-1",
	"7.2.13-1",
	"7.3~rc1-1~exp1",
	"7.3.4-1~bpo13+1",
	"20260101-1",
	"1:0.1-1",
	"2:0-1",
};
enum { NR = sizeof(ascending) / sizeof(ascending[0]) };

static void every_version_is_below_all_later_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR; i++) {
		for (size_t k = 0; k < NR; k++) {
			int want = (i > k) - (i < k);

			if (sign(kc_deb_version_cmp(ascending[i], ascending[k])) != want)
				fail_msg("'%s' and '%s': %d", ascending[i], ascending[k],
					 kc_deb_version_cmp(ascending[i], ascending[k]));
		}
	}
}

static void different_texts_can_be_the_same_version(void **state)
{
	static const char *const same[][2] = {
		{ "1.0", "1.0" },      { "0:1.0-1", "1.0-1" }, { "1.0-0", "1.0" },
		{ "1.00-1", "1.0-1" }, { "01.0-1", "1.0-1" },  { "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_int_equal(kc_deb_version_cmp(same[i][0], same[i][1]), 0);
		assert_int_equal(kc_deb_version_cmp(same[i][1], same[i][0]), 0);
	}
}

static void numbers_longer_than_any_integer_compare_as_numbers(void **state)
{
	(void)state;
	assert_true(kc_deb_version_cmp("100000000000000000000000000000001",
				       "100000000000000000000000000000000") > 0);
	assert_true(kc_deb_version_cmp("99999999999999999999999999999999",
				       "100000000000000000000000000000000") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_is_below_all_later_ones),
		cmocka_unit_test(different_texts_can_be_the_same_version),
		cmocka_unit_test(numbers_longer_than_any_integer_compare_as_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
