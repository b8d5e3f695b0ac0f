/* SPDX-License-Identifier: GPL-2.0-only */
/* Ages as people say and type them. */
#include "driver/times.h"

#include <errno.h>

#include "tests/unit/unit.h"

static void assert_says(uint64_t seconds, const char *expected)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	drv_add_seconds(&b, seconds);
	assert_string_equal(kt_buf_str(&b), expected);
}

static void the_largest_unit_is_said_alone(void **state)
{
	(void)state;
	assert_says(0, "0 seconds");
	assert_says(1, "1 second");
	assert_says(59, "59 seconds");
	assert_says(60, "1 minute");
	assert_says(3599, "59 minutes");
	assert_says(3600, "1 hour");
	assert_says(86399, "23 hours");
	assert_says(3 * 86400 + 5, "3 days");
	assert_says(364 * UINT64_C(86400), "364 days");
	assert_says(730 * UINT64_C(86400), "2 years");
}

static void a_clock_that_went_back_is_no_age(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	drv_add_ago(&b, 2000, 1000);
	assert_string_equal(kt_buf_str(&b), "just now");
	kt_buf_reset(&b);
	drv_add_ago(&b, 1000, 1000 + 7200);
	assert_string_equal(kt_buf_str(&b), "2 hours ago");
}

static void ages_are_typed_with_a_unit(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t seconds;
	} cases[] = {
		{ "30d", 0, 30 * 86400 },
		{ "2w", 0, 14 * 86400 },
		{ "12h", 0, 12 * 3600 },
		{ "90m", 0, 5400 },
		{ "0s", 0, 0 },
		{ "30", -EINVAL, 0 },
		{ "d", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "-1d", -EINVAL, 0 },
		{ "1.5d", -EINVAL, 0 },
		{ "30 d", -EINVAL, 0 },
		{ "30days", -EINVAL, 0 },
		{ "99999999999999999999d", -ERANGE, 0 },
		{ "999999999999999999w", -ERANGE, 0 },
		{ "000000000000000000000000000001d", -ERANGE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t seconds = 0;

		assert_int_equal(drv_parse_age(cases[i].text, &seconds), cases[i].r);
		if (cases[i].r == 0)
			assert_true(seconds == cases[i].seconds);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_largest_unit_is_said_alone),
		cmocka_unit_test(a_clock_that_went_back_is_no_age),
		cmocka_unit_test(ages_are_typed_with_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
