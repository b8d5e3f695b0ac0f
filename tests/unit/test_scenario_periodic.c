/* SPDX-License-Identifier: GPL-2.0-only */
/* When periodic captures are due. */
#include "scenario/scenario.h"
#include "tests/unit/unit.h"

#define S UINT64_C(1000000000)

static void three_in_ten_seconds_are_at_3_5_and_7(void **state)
{
	(void)state;
	assert_true(scn_periodic_ns(10 * S, 3, 0) == 3 * S);
	assert_true(scn_periodic_ns(10 * S, 3, 1) == 5 * S);
	assert_true(scn_periodic_ns(10 * S, 3, 2) == 7 * S);
}

static void a_single_one_is_in_the_middle(void **state)
{
	(void)state;
	assert_true(scn_periodic_ns(10 * S, 1, 0) == 5 * S);
}

static void beyond_the_last_there_is_none(void **state)
{
	(void)state;
	assert_true(scn_periodic_ns(10 * S, 3, 3) == UINT64_MAX);
	assert_true(scn_periodic_ns(10 * S, 0, 0) == UINT64_MAX);
	assert_true(scn_periodic_ns(10 * S, UINT32_MAX, UINT32_MAX) == UINT64_MAX);
}

static void a_window_of_fewer_nanoseconds_than_captures_has_none(void **state)
{
	(void)state;
	assert_true(scn_periodic_ns(3, 3, 0) == UINT64_MAX);
	assert_true(scn_periodic_ns(5, 4, 3) == 4); /* no tenth of 5: the window is 5 */
}

static void the_longest_duration_does_not_overflow(void **state)
{
	(void)state;
	assert_true(scn_periodic_ns(UINT64_MAX - 1, 64, 63) < UINT64_MAX - 1);
	assert_true(scn_periodic_ns(UINT64_MAX - 1, 64, 63) >
		    scn_periodic_ns(UINT64_MAX - 1, 64, 62));
}

static void they_are_100_ms_apart_or_refused(void **state)
{
	(void)state;
	assert_true(scn_periodic_fits(S, 7)); /* 800 ms in eight parts */
	assert_false(scn_periodic_fits(S, 8));
	assert_true(scn_periodic_fits(0, 0));
	assert_false(scn_periodic_fits(0, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_in_ten_seconds_are_at_3_5_and_7),
		cmocka_unit_test(a_single_one_is_in_the_middle),
		cmocka_unit_test(beyond_the_last_there_is_none),
		cmocka_unit_test(a_window_of_fewer_nanoseconds_than_captures_has_none),
		cmocka_unit_test(the_longest_duration_does_not_overflow),
		cmocka_unit_test(they_are_100_ms_apart_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
