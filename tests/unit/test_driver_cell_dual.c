/* SPDX-License-Identifier: GPL-2.0-only */
/* When the first of two captures is due, as far as no guest is needed, and what is said when it never was. */
#include "driver/cell/coordinator.h"
#include "tests/unit/unit.h"

static void half_of_the_watchdog_is_the_threshold(void **state)
{
	(void)state;
	assert_true(cell_early_threshold(UINT64_C(2000000000), 250) == 250);
	assert_true(cell_early_threshold(UINT64_C(30000000000), 1000) == 15000);
	assert_true(cell_early_threshold(UINT64_C(2000000000), 0) == 0);
}

static void hz_is_read_from_the_kernels_configuration(void **state)
{
	(void)state;
	assert_int_equal(cell_config_hz("CONFIG_A=y\n# CONFIG_HZ_100 is not set\nCONFIG_HZ_250=y\n"
					"CONFIG_HZ=250\nCONFIG_B=y\n"),
			 250);
	assert_int_equal(cell_config_hz("A=1\nCONFIG_HZ=1000"), 1000);
	assert_int_equal(cell_config_hz("A=1\nCONFIG_HZ=many\n"), 0);
	assert_int_equal(cell_config_hz("A=1\nCONFIG_HZ=99999999999999999999\n"), 0);
	assert_int_equal(cell_config_hz("CONFIG_HZ_250=y\n"), 0);
	assert_int_equal(cell_config_hz(""), 0);
}

static void assert_why(const struct cell_dual *d, const char *expected)
{
	char why[256];

	cell_dual_why(d, why, sizeof(why));
	assert_string_equal(why, expected);
}

static void why_there_was_no_early_capture_is_said(void **state)
{
	(void)state;
	assert_why(&(struct cell_dual){ .missing = "CONFIG_HZ", .nr_scans = 3 },
		   "scan prerequisites unavailable: CONFIG_HZ");
	assert_why(&(struct cell_dual){ 0 },
		   "scan prerequisites unavailable: no scheduler was seen");
	assert_why(&(struct cell_dual){ .nr_scans = 8 },
		   "scx_tick stall — no per-task runnable_at data");
	assert_why(
		&(struct cell_dual){ .nr_scans = 8, .nr_tasks = 5, .peak = 12, .threshold = 250 },
		"max_age never crossed threshold (peak=12j, threshold=250j)");
}

static void without_a_guest_or_a_threshold_nothing_is_ever_due(void **state)
{
	struct cell_early at;

	(void)state;
	assert_false(cell_dual_scan(&(struct cell_dual){ .threshold = 250 }, 1, &at));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_of_the_watchdog_is_the_threshold),
		cmocka_unit_test(hz_is_read_from_the_kernels_configuration),
		cmocka_unit_test(why_there_was_no_early_capture_is_said),
		cmocka_unit_test(without_a_guest_or_a_threshold_nothing_is_ever_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
