/* SPDX-License-Identifier: GPL-2.0-only */
/* What is taken for an error exit when its store did not stop the machine. */
#include "driver/cell/coordinator.h"
#include "tests/unit/unit.h"

#define SECOND UINT64_C(1000000000)

static bool is_there(uint32_t kind, bool latched)
{
	uint64_t since = 0;

	return cell_exit_is_there(&since, &kind, latched, SECOND);
}

static void an_errors_kind_is_enough(void **state)
{
	(void)state;
	assert_true(is_there(1024, false));
	assert_true(is_there(1026, true));
	assert_false(is_there(0, false));
	assert_false(is_there(64, false));
}

static void the_latch_counts_where_the_kind_is_gone(void **state)
{
	uint64_t since = 0;

	(void)state;
	assert_true(cell_exit_is_there(&since, NULL, true, SECOND));
	assert_false(cell_exit_is_there(&since, NULL, false, SECOND));
	assert_true(is_there(1, true)); /* SCX_EXIT_DONE */
}

static void a_latch_before_the_store_waits_for_it(void **state)
{
	uint64_t since = 0;
	const uint32_t none = 0, error = 1025;

	(void)state;
	assert_false(cell_exit_is_there(&since, &none, true, SECOND));
	assert_false(cell_exit_is_there(&since, &none, true, SECOND + SECOND / 4));
	assert_true(cell_exit_is_there(&since, &error, true, SECOND + SECOND / 2));
}

static void a_latch_that_was_read_wrongly_does_not_begin_the_wait(void **state)
{
	uint64_t since = 0;
	const uint32_t none = 0;

	(void)state;
	assert_false(cell_exit_is_there(&since, &none, true, SECOND));
	assert_false(cell_exit_is_there(&since, &none, false, 2 * SECOND));
	assert_false(cell_exit_is_there(&since, &none, true, 4 * SECOND));
}

static void a_store_that_never_comes_is_not_waited_for_without_end(void **state)
{
	uint64_t since = 0;
	const uint32_t none = 0;

	(void)state;
	assert_false(cell_exit_is_there(&since, &none, true, SECOND));
	assert_true(cell_exit_is_there(&since, &none, true, 4 * SECOND));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_errors_kind_is_enough),
		cmocka_unit_test(the_latch_counts_where_the_kind_is_gone),
		cmocka_unit_test(a_latch_before_the_store_waits_for_it),
		cmocka_unit_test(a_latch_that_was_read_wrongly_does_not_begin_the_wait),
		cmocka_unit_test(a_store_that_never_comes_is_not_waited_for_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
