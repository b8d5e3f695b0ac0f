/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The variant hash, against values that an independent SipHash-1-3 (in Python, from its paper) gave
 * for the same bytes.
 */
#include "driver/cell/cell.h"
#include "tests/unit/unit.h"

static void known_values(void **state)
{
	kt_auto(strv) struct kt_strv sysctls = { 0 };
	kt_auto(strv) struct kt_strv kargs = { 0 };

	(void)state;
	assert_int_equal(cell_variant_hash("1n1l4c1t", "eevdf", "spin_wait", &sysctls, &kargs),
			 UINT64_C(0x14c1f379a169025));
	assert_int_equal(kt_strv_add(&sysctls, "kernel.sched_b=1"), 0);
	assert_int_equal(kt_strv_add(&sysctls, "kernel.sched_a=0"), 0);
	assert_int_equal(kt_strv_add(&kargs, "nosmt"), 0);
	assert_int_equal(kt_strv_add(&kargs, "a=1"), 0);
	assert_int_equal(cell_variant_hash("2n4l4c2t", "ktstr", "mixed", &sysctls, &kargs),
			 UINT64_C(0x78d95e071874d0cd));
}

static void the_order_of_settings_does_not_matter(void **state)
{
	static const char *const words[] = { "a=1", "b=2", "c=3" };
	kt_auto(strv) struct kt_strv up = { 0 };
	kt_auto(strv) struct kt_strv down = { 0 };
	kt_auto(strv) struct kt_strv none = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(kt_strv_add(&up, words[i]), 0);
		assert_int_equal(kt_strv_add(&down, words[2 - i]), 0);
	}
	assert_int_equal(cell_variant_hash("1n1l1c1t", "x", "none", &up, &none),
			 cell_variant_hash("1n1l1c1t", "x", "none", &down, &none));
	/* The caller's lists stay as they were. */
	assert_string_equal(down.v[0], "c=3");
}

static void a_sysctl_is_no_kernel_argument(void **state)
{
	kt_auto(strv) struct kt_strv one = { 0 };
	kt_auto(strv) struct kt_strv none = { 0 };
	uint64_t as_sysctl, as_karg, without;

	(void)state;
	assert_int_equal(kt_strv_add(&one, "a=1"), 0);
	as_sysctl = cell_variant_hash("1n1l1c1t", "x", "none", &one, &none);
	as_karg = cell_variant_hash("1n1l1c1t", "x", "none", &none, &one);
	without = cell_variant_hash("1n1l1c1t", "x", "none", &none, &none);
	assert_true(as_sysctl != as_karg && as_sysctl != without && as_karg != without);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(the_order_of_settings_does_not_matter),
		cmocka_unit_test(a_sysctl_is_no_kernel_argument),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
