/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory of a report: zeroed, aligned, and never more than was allowed. */
#include "capture/internal.h"
#include "tests/unit/unit.h"

static void allocations_are_zeroed_aligned_and_apart(void **state)
{
	kt_auto(cap_pool) struct cap_pool *p = NULL;
	uint8_t *at[400];

	(void)state;
	assert_int_equal(cap_pool_create(64 << 20, &p), 0);
	for (size_t n = 0; n < 400; n++) {
		size_t bytes = n * 37 % 5000 + (n % 50 == 0 ? 300000 : 0);

		at[n] = cap_alloc(p, bytes);
		assert_non_null(at[n]);
		assert_int_equal((uintptr_t)at[n] % 8, 0);
		for (size_t k = 0; k < bytes; k++)
			assert_int_equal(at[n][k], 0);
		memset(at[n], 0xff, bytes);
	}
	assert_false(cap_pool_full(p));
}

static void a_full_pool_gives_nothing_more(void **state)
{
	kt_auto(cap_pool) struct cap_pool *p = NULL;
	size_t nr = 0;

	(void)state;
	assert_int_equal(cap_pool_create(1 << 20, &p), 0);
	while (cap_alloc(p, 1000))
		nr++;
	assert_true(nr > 700 && nr <= 1049);
	assert_true(cap_pool_full(p));
	assert_true(cap_pool_bytes(p) <= 1 << 20);
	/* Not even what would still fit: what is being made has ended. */
	assert_null(cap_alloc(p, 8));
	assert_string_equal(cap_fmt(p, "why: %d", 1), "(out of memory)");
	assert_null(cap_strdup(p, "x"));
}

static void sizes_that_cannot_be_are_refused(void **state)
{
	kt_auto(cap_pool) struct cap_pool *p = NULL;

	(void)state;
	assert_int_equal(cap_pool_create(1 << 20, &p), 0);
	assert_null(cap_alloc_array(p, SIZE_MAX / 2, 4));
	assert_false(cap_pool_full(p));
	assert_null(cap_alloc(p, SIZE_MAX));
	assert_null(cap_alloc(p, SIZE_MAX - 16));
	assert_null(cap_keep(p, "", SIZE_MAX, 8));
}

static void texts_are_copied(void **state)
{
	kt_auto(cap_pool) struct cap_pool *p = NULL;
	char name[4] = { 'a', 'b', 'c', 'd' };
	const char *text;

	(void)state;
	assert_int_equal(cap_pool_create(1 << 20, &p), 0);
	assert_string_equal(cap_strndup(p, name, sizeof(name)), "abcd");
	assert_string_equal(cap_strndup(p, "xyz", 10), "xyz");
	assert_string_equal(cap_strdup(p, ""), "");
	assert_string_equal(cap_fmt(p, "%s %u", "n", 7u), "n 7");
	text = cap_fmt(p, "%0*d", 1000, 5);
	assert_int_equal(strlen(text), 1000);
	assert_int_equal(text[999], '5');
	assert_int_equal(text[998], '0');
}

static void elements_are_kept(void **state)
{
	kt_auto(cap_pool) struct cap_pool *p = NULL;
	uint32_t v[3] = { 1, 2, 3 };
	const uint32_t *kept;

	(void)state;
	assert_int_equal(cap_pool_create(1 << 20, &p), 0);
	kept = cap_keep(p, v, 3, sizeof(v[0]));
	memset(v, 0, sizeof(v));
	assert_int_equal(kept[2], 3);
	assert_null(cap_keep(p, v, 0, sizeof(v[0])));
	assert_null(cap_keep(p, NULL, 0, sizeof(v[0])));
}

static void a_report_goes_with_its_pool(void **state)
{
	struct cap_report *r = NULL;

	(void)state;
	assert_int_equal(cap_report_placeholder("why", &r, NULL), 0);
	assert_string_equal(r->scx_walker_unavailable, "why");
	cap_report_free(r);
	cap_report_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocations_are_zeroed_aligned_and_apart),
		cmocka_unit_test(a_full_pool_gives_nothing_more),
		cmocka_unit_test(sizes_that_cannot_be_are_refused),
		cmocka_unit_test(texts_are_copied),
		cmocka_unit_test(elements_are_kept),
		cmocka_unit_test(a_report_goes_with_its_pool),
	};

	return cmocka_run_group_tests_name("capture pool", tests, NULL, NULL);
}
