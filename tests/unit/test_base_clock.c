/* SPDX-License-Identifier: GPL-2.0-only */
/* Monotonic time, poll timeouts, ISO 8601. */
#include "base/clock.h"

#include <limits.h>

#include "tests/unit/unit.h"

static void time_does_not_go_back(void **state)
{
	uint64_t a = kt_now_ns(), b = kt_now_ns();

	(void)state;
	assert_true(a > 0);
	assert_true(b >= a);
}

static void a_past_deadline_polls_without_waiting(void **state)
{
	(void)state;
	assert_int_equal(kt_poll_timeout(0), 0);
	assert_int_equal(kt_poll_timeout(kt_now_ns()), 0);
}

static void no_deadline_waits_for_ever(void **state)
{
	(void)state;
	assert_int_equal(kt_poll_timeout(UINT64_MAX), -1);
}

static void a_part_of_a_millisecond_is_rounded_up(void **state)
{
	int ms = kt_poll_timeout(kt_now_ns() + UINT64_C(3600000000000));

	(void)state;
	assert_int_equal(kt_poll_timeout(kt_now_ns() + 900000), 1);
	assert_true(ms > 3590000 && ms <= 3600000);
}

static void a_far_deadline_is_cut_to_what_poll_takes(void **state)
{
	(void)state;
	assert_int_equal(kt_poll_timeout(UINT64_MAX - 1), INT_MAX);
}

static void times_are_iso_8601_in_utc(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	kt_format_time(&b, 0);
	kt_buf_addc(&b, ' ');
	kt_format_time(&b, 1795242600);
	assert_string_equal(kt_buf_str(&b), "1970-01-01T00:00:00Z 2026-11-21T06:30:00Z");
}

static void an_impossible_time_is_said_so(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	kt_format_time(&b, INT64_MAX);
	assert_string_equal(kt_buf_str(&b), "(time out of range)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_does_not_go_back),
		cmocka_unit_test(a_past_deadline_polls_without_waiting),
		cmocka_unit_test(no_deadline_waits_for_ever),
		cmocka_unit_test(a_part_of_a_millisecond_is_rounded_up),
		cmocka_unit_test(a_far_deadline_is_cut_to_what_poll_takes),
		cmocka_unit_test(times_are_iso_8601_in_utc),
		cmocka_unit_test(an_impossible_time_is_said_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
