/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers, durations, sizes, percentages and CPU lists, both ways. */
#include "base/parse.h"

#include <errno.h>

#include "tests/unit/unit.h"

#define NR(rows) (sizeof(rows) / sizeof((rows)[0]))

enum { UNTOUCHED = 77 };

static void unsigned_numbers(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t v;
	} rows[] = {
		{ "0", 0, 0 },
		{ "010", 0, 10 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "0xdeadBEEF", 0, 0xdeadbeef },
		{ "0XFFFFFFFFFFFFFFFF", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, UNTOUCHED },
		{ "0x10000000000000000", -ERANGE, UNTOUCHED },
		{ "99999999999999999999999999x", -EINVAL, UNTOUCHED },
		{ "", -EINVAL, UNTOUCHED },
		{ "0x", -EINVAL, UNTOUCHED },
		{ "-1", -EINVAL, UNTOUCHED },
		{ "+1", -EINVAL, UNTOUCHED },
		{ " 1", -EINVAL, UNTOUCHED },
		{ "1 ", -EINVAL, UNTOUCHED },
		{ "1a", -EINVAL, UNTOUCHED },
		{ "a", -EINVAL, UNTOUCHED },
	};

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		uint64_t v = UNTOUCHED;

		assert_int_equal(kt_parse_u64(rows[i].text, &v), rows[i].r);
		assert_true(v == rows[i].v);
	}
}

static void signed_numbers(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t v;
	} rows[] = {
		{ "-20", 0, -20 },
		{ "19", 0, 19 },
		{ "-0x10", 0, -16 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "-9223372036854775808", 0, INT64_MIN },
		{ "9223372036854775808", -ERANGE, UNTOUCHED },
		{ "-9223372036854775809", -ERANGE, UNTOUCHED },
		{ "--1", -EINVAL, UNTOUCHED },
		{ "-", -EINVAL, UNTOUCHED },
	};

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		int64_t v = UNTOUCHED;

		assert_int_equal(kt_parse_i64(rows[i].text, &v), rows[i].r);
		assert_true(v == rows[i].v);
	}
}

static void bounded_numbers(void **state)
{
	unsigned v = UNTOUCHED;

	(void)state;
	assert_int_equal(kt_parse_uint("0", 1, 9, &v), -ERANGE);
	assert_int_equal(kt_parse_uint("10", 1, 9, &v), -ERANGE);
	assert_int_equal(kt_parse_uint("4294967297", 1, 9, &v), -ERANGE);
	assert_int_equal(kt_parse_uint("x", 1, 9, &v), -EINVAL);
	assert_int_equal(v, UNTOUCHED);
	assert_int_equal(kt_parse_uint("1", 1, 9, &v), 0);
	assert_int_equal(v, 1);
	assert_int_equal(kt_parse_uint("9", 1, 9, &v), 0);
	assert_int_equal(v, 9);
}

static void durations_need_a_unit(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t ns;
	} rows[] = {
		{ "250us", 0, 250000 },
		{ "2ms", 0, 2000000 },
		{ "1.5s", 0, 1500000000 },
		{ "10s", 0, UINT64_C(10000000000) },
		{ "2m", 0, UINT64_C(120000000000) },
		{ "1h", 0, UINT64_C(3600000000000) },
		{ "7ns", 0, 7 },
		{ "0s", 0, 0 },
		{ "0.1ms", 0, 100000 },
		{ "0.000000001s", 0, 1 },
		{ "1.999999999999999999s", 0, 1999999999 },
		{ "5124095h", 0, UINT64_C(18446742000000000000) },
		{ "5124096h", -ERANGE, UNTOUCHED },
		{ "99999999999999999999s", -ERANGE, UNTOUCHED },
		{ "10", -EINVAL, UNTOUCHED },
		{ "0", -EINVAL, UNTOUCHED },
		{ "s", -EINVAL, UNTOUCHED },
		{ "1.s", -EINVAL, UNTOUCHED },
		{ ".5s", -EINVAL, UNTOUCHED },
		{ "1.0000000000000000000s", -EINVAL, UNTOUCHED },
		{ "-1s", -EINVAL, UNTOUCHED },
		{ "1 s", -EINVAL, UNTOUCHED },
		{ "1sec", -EINVAL, UNTOUCHED },
		{ "1S", -EINVAL, UNTOUCHED },
		{ "0x10s", -EINVAL, UNTOUCHED },
		{ "", -EINVAL, UNTOUCHED },
	};

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		uint64_t ns = UNTOUCHED;

		assert_int_equal(kt_parse_duration_ns(rows[i].text, &ns), rows[i].r);
		assert_true(ns == rows[i].ns);
	}
}

static void sizes_are_powers_of_1024(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t bytes;
	} rows[] = {
		{ "512M", 0, UINT64_C(512) << 20 },
		{ "2G", 0, UINT64_C(2) << 30 },
		{ "1.5GiB", 0, UINT64_C(1536) << 20 },
		{ "4096K", 0, 4096 << 10 },
		{ "1TiB", 0, UINT64_C(1) << 40 },
		{ "100B", 0, 100 },
		{ "0", 0, 0 },
		{ "0M", 0, 0 },
		{ "16777215T", 0, UINT64_C(16777215) << 40 },
		{ "16777216T", -ERANGE, UNTOUCHED },
		{ "512", -EINVAL, UNTOUCHED },
		{ "0.0", -EINVAL, UNTOUCHED },
		{ "512MB", -EINVAL, UNTOUCHED },
		{ "512m", -EINVAL, UNTOUCHED },
		{ "M", -EINVAL, UNTOUCHED },
		{ "", -EINVAL, UNTOUCHED },
	};

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		uint64_t bytes = UNTOUCHED;

		assert_int_equal(kt_parse_size(rows[i].text, &bytes), rows[i].r);
		assert_true(bytes == rows[i].bytes);
	}
}

static void percentages_lie_between_0_and_100(void **state)
{
	double v = UNTOUCHED;

	(void)state;
	assert_int_equal(kt_parse_percent("100.5%", &v), -ERANGE);
	assert_int_equal(kt_parse_percent("101%", &v), -ERANGE);
	assert_int_equal(kt_parse_percent("99999999999999999999%", &v), -ERANGE);
	assert_int_equal(kt_parse_percent("50", &v), -EINVAL);
	assert_int_equal(kt_parse_percent("%", &v), -EINVAL);
	assert_int_equal(kt_parse_percent("-1%", &v), -EINVAL);
	assert_int_equal(kt_parse_percent("50%%", &v), -EINVAL);
	assert_true(v == UNTOUCHED);
	assert_int_equal(kt_parse_percent("12.5%", &v), 0);
	assert_true(v == 12.5);
	assert_int_equal(kt_parse_percent("0%", &v), 0);
	assert_true(v == 0);
	assert_int_equal(kt_parse_percent("100.0%", &v), 0);
	assert_true(v == 100);
}

static void durations_print_short_and_exact(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0s" },
		{ 1, "1ns" },
		{ 2000000, "2ms" },
		{ 1500000000, "1500ms" },
		{ UINT64_C(10000000000), "10s" },
		{ UINT64_C(120000000000), "2m" },
		{ UINT64_C(90000000000), "90s" },
		{ UINT64_C(3600000000000), "1h" },
		{ UINT64_MAX, "18446744073709551615ns" },
	};

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		kt_auto(buf) struct kt_buf b = { 0 };
		uint64_t back = UNTOUCHED;

		kt_format_duration(&b, rows[i].ns);
		assert_string_equal(kt_buf_str(&b), rows[i].text);
		assert_int_equal(kt_parse_duration_ns(kt_buf_str(&b), &back), 0);
		assert_true(back == rows[i].ns);
	}
}

static void sizes_print_for_people(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.0 KiB" },
		{ 14889779, "14.2 MiB" },
		{ 1048575, "1.0 MiB" },
		{ UINT64_C(5) << 30, "5.0 GiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		kt_auto(buf) struct kt_buf b = { 0 };

		kt_format_size(&b, rows[i].bytes);
		assert_string_equal(kt_buf_str(&b), rows[i].text);
	}
}

static void cpu_lists_read_and_print(void **state)
{
	static const struct {
		const char *text, *printed;
		unsigned count;
	} rows[] = {
		{ "", "", 0 },
		{ "\n", "", 0 },
		{ "0", "0", 1 },
		{ "0-3,8", "0-3,8", 5 },
		{ "0-3,8\n", "0-3,8", 5 },
		{ "8,0-3", "0-3,8", 5 },
		{ "1,2,3", "1-3", 3 },
		{ "0-0", "0", 1 },
		{ "62-65", "62-65", 4 },
		{ "0-1023", "0-1023", 1024 },
		{ "1023", "1023", 1 },
		{ "0,2,4", "0,2,4", 3 },
	};

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		kt_auto(buf) struct kt_buf b = { 0 };
		struct kt_cpuset s = { 0 };

		assert_int_equal(kt_cpuset_parse(rows[i].text, &s), 0);
		assert_int_equal(kt_cpuset_count(&s), rows[i].count);
		kt_cpuset_format(&b, &s);
		assert_string_equal(kt_buf_str(&b), rows[i].printed);
	}
}

static void bad_cpu_lists_are_refused_and_leave_the_set_alone(void **state)
{
	static const struct {
		const char *text;
		int r;
	} rows[] = {
		{ "3-1", -EINVAL },
		{ "1,", -EINVAL },
		{ ",1", -EINVAL },
		{ "1,,2", -EINVAL },
		{ "-1", -EINVAL },
		{ "1-", -EINVAL },
		{ "a", -EINVAL },
		{ "1 2", -EINVAL },
		{ " 1", -EINVAL },
		{ "1\n\n", -EINVAL },
		{ "1\n2", -EINVAL },
		{ "1-2-3", -EINVAL },
		{ "1024", -ERANGE },
		{ "0-1024", -ERANGE },
		{ "0x1", -EINVAL },
		{ "1;2", -EINVAL },
		{ "99999999999999999999", -ERANGE },
	};
	struct kt_cpuset s = { 0 }, before;

	(void)state;
	kt_cpuset_add(&s, 5);
	before = s;
	for (size_t i = 0; i < NR(rows); i++) {
		assert_int_equal(kt_cpuset_parse(rows[i].text, &s), rows[i].r);
		assert_true(kt_cpuset_equal(&s, &before));
	}
}

static void hexadecimal_digits_have_two_cases(void **state)
{
	static const char digits[] = "0123456789abcdef", upper[] = "ABCDEF", none[] = "/:@G`g xX";

	(void)state;
	for (int i = 0; i < 16; i++)
		assert_int_equal(kt_hex_digit(digits[i]), i);
	for (int i = 0; i < 6; i++)
		assert_int_equal(kt_hex_digit(upper[i]), 10 + i);
	for (size_t i = 0; i < sizeof(none); i++) /* and NUL */
		assert_int_equal(kt_hex_digit(none[i]), -1);
	assert_int_equal(kt_hex_digit((char)0xe9), -1);
}

static void cpu_sets_compare(void **state)
{
	struct kt_cpuset a = { 0 }, b = { 0 };

	(void)state;
	kt_cpuset_add(&a, 700);
	kt_cpuset_add(&b, 700);
	assert_true(kt_cpuset_equal(&a, &b));
	kt_cpuset_add(&b, 3);
	assert_false(kt_cpuset_equal(&a, &b));
	assert_true(kt_cpuset_within(&a, &b));
	assert_false(kt_cpuset_within(&b, &a));
	kt_cpuset_add(&a, KT_CPUS_MAX); /* ignored */
	assert_int_equal(kt_cpuset_count(&a), 1);
	assert_false(kt_cpuset_has(&a, KT_CPUS_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hexadecimal_digits_have_two_cases),
		cmocka_unit_test(unsigned_numbers),
		cmocka_unit_test(signed_numbers),
		cmocka_unit_test(bounded_numbers),
		cmocka_unit_test(durations_need_a_unit),
		cmocka_unit_test(sizes_are_powers_of_1024),
		cmocka_unit_test(percentages_lie_between_0_and_100),
		cmocka_unit_test(durations_print_short_and_exact),
		cmocka_unit_test(sizes_print_for_people),
		cmocka_unit_test(cpu_lists_read_and_print),
		cmocka_unit_test(bad_cpu_lists_are_refused_and_leave_the_set_alone),
		cmocka_unit_test(cpu_sets_compare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
