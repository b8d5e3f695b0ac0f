/* SPDX-License-Identifier: GPL-2.0-only */
/* What init reads of the kernel: the window's place, records of the log; its histogram. */
#include <errno.h>

#include "guest/internal.h"
#include "tests/unit/unit.h"

static void the_window_is_found_among_other_words(void **state)
{
	char line[] =
		"console=ttyS0 quiet memmap=4M$0x3000000 ktstr.ring=0x3000000,0x400000 panic=-1\n";
	char last[] = "ktstr.ring=0x3000000,0x400000\n";
	uint64_t gpa = 0, len = 0;

	(void)state;
	assert_int_equal(gst_find_window(line, &gpa, &len), 0);
	assert_int_equal(gpa, 0x3000000);
	assert_int_equal(len, 0x400000);
	assert_int_equal(gst_find_window(last, &gpa, &len), 0);
}

static void a_window_that_is_missing_or_malformed_is_told_apart(void **state)
{
	char none[] = "quiet xktstr.ring=0x1,0x2", empty[] = "";
	char comma[] = "ktstr.ring=0x3000000", junk[] = "ktstr.ring=0x1,2x",
	     big[] = "ktstr.ring=0x1,0x1ffffffffffffffff";
	uint64_t gpa, len;

	(void)state;
	assert_int_equal(gst_find_window(none, &gpa, &len), -ENOENT);
	assert_int_equal(gst_find_window(empty, &gpa, &len), -ENOENT);
	assert_int_equal(gst_find_window(comma, &gpa, &len), -EINVAL);
	assert_int_equal(gst_find_window(junk, &gpa, &len), -EINVAL);
	assert_int_equal(gst_find_window(big, &gpa, &len), -ERANGE);
}

static void the_doorbell_is_found_or_told_apart(void **state)
{
	const char long_word[] =
		"ktstr.bell=0x00000000000000000000000000000000000000000000000000000000000000000000000000"
		"00000000000000000000000000000000000000000000000000000000000000000000000000000000000001";
	uint64_t gpa = 0;

	(void)state;
	assert_int_equal(gst_find_bell("quiet ktstr.ring=0x1,0x2 ktstr.bell=0xc0003000 x\n", &gpa),
			 0);
	assert_int_equal(gpa, 0xc0003000);
	assert_int_equal(gst_find_bell("ktstr.bell=4096 ktstr.bell=0x1", &gpa), 0);
	assert_int_equal(gpa, 4096);
	assert_int_equal(gst_find_bell("ktstr.bell=0xc0003000\n", &gpa), 0);
	assert_int_equal(gpa, 0xc0003000);
	gpa = 7;
	assert_int_equal(gst_find_bell("", &gpa), -ENOENT);
	assert_int_equal(gst_find_bell(" \n", &gpa), -ENOENT);
	assert_int_equal(gst_find_bell("quiet xktstr.bell=0x1 ktstr.bel", &gpa), -ENOENT);
	assert_int_equal(gst_find_bell("ktstr.bell=", &gpa), -EINVAL);
	assert_int_equal(gst_find_bell("ktstr.bell=0x1,0x2", &gpa), -EINVAL);
	assert_int_equal(gst_find_bell("ktstr.bell=0x1ffffffffffffffff", &gpa), -ERANGE);
	assert_int_equal(gst_find_bell(long_word, &gpa), -EINVAL);
	assert_int_equal(gpa, 7);
}

static void assert_record(const char *record, const char *text, uint64_t us)
{
	char copy[256], *got;
	uint64_t got_us = 1;

	assert_int_equal(kt_snprintf(copy, sizeof(copy), "%s", record), 0);
	got = gst_log_record_text(copy, &got_us);
	assert_non_null(got);
	assert_string_equal(got, text);
	assert_int_equal(got_us, us);
}

static void a_record_gives_its_text_and_time(void **state)
{
	(void)state;
	assert_record("6,339,5140900,-;NET: Registered PF_INET6 protocol family\n",
		      "NET: Registered PF_INET6 protocol family", 5140900);
	assert_record("4,1,0,c;pci 0000:00:01.0: x; y\n SUBSYSTEM=pci\n DEVICE=+pci:0000\n",
		      "pci 0000:00:01.0: x; y", 0);
	assert_record("6,1,nonsense,-;text", "text", 0);
	assert_record(";", "", 0);
}

static void escapes_in_a_record_become_bytes(void **state)
{
	(void)state;
	assert_record("6,1,2,-;a\\x0ab\\x5cx41\\xc3\\xa9\n", "a\nb\\x41\xc3\xa9", 2);
	assert_record("6,1,2,-;cut \\x4\n", "cut \\x4", 2);
	assert_record("6,1,2,-;\\x\n", "\\x", 2);
	assert_record("6,1,2,-;no \\x00 end\n", "no \\x00 end", 2); /* a NUL would cut the text */
}

static void what_is_no_record_has_no_text(void **state)
{
	char junk[] = "no semicolon";
	uint64_t us;

	(void)state;
	assert_null(gst_log_record_text(junk, &us));
}

static void buckets_grow_with_latency_and_stay_in_range(void **state)
{
	unsigned last = 0;

	(void)state;
	for (uint64_t ns = 0; ns < 100000; ns++) {
		unsigned b = gst_wake_bucket(ns);

		assert_true(b == last || b == last + 1);
		last = b;
	}
	assert_int_equal(gst_wake_bucket(UINT64_MAX), GST_WAKE_BUCKETS - 1);
}

static void percentiles_are_right_to_a_quarter_octave(void **state)
{
	struct gst_slot s = { 0 };
	uint64_t p50, p99;

	(void)state;
	assert_int_equal(gst_wake_percentile(&s, 99), 0);
	for (unsigned i = 0; i < 98; i++)
		s.wake[gst_wake_bucket(50000)]++;
	s.wake[gst_wake_bucket(3000000)]++;
	s.wake[gst_wake_bucket(9000000000)]++;
	p50 = gst_wake_percentile(&s, 50);
	p99 = gst_wake_percentile(&s, 99);
	assert_true(p50 >= 50000 && p50 < 50000 * 5 / 4);
	assert_true(p99 >= 3000000 && p99 < 3000000 * 5 / 4);
	assert_true(gst_wake_percentile(&s, 100) >= 9000000000);
}

static void a_line_of_kallsyms_gives_address_and_name(void **state)
{
	char data[] = "ffffffff81edd940 d map_idr\n",
	     module[] = "ffffffffc0201000 t probe_me\t[fix]\n";
	char zero[] = "0000000000000000 A __per_cpu_start", last[] = "1b000 A kstat";
	uint64_t address = 7;

	(void)state;
	assert_string_equal(gst_kallsyms_line(data, &address), "map_idr");
	assert_int_equal(address, 0xffffffff81edd940);
	assert_string_equal(gst_kallsyms_line(module, &address), "probe_me");
	assert_int_equal(address, 0xffffffffc0201000);
	assert_string_equal(gst_kallsyms_line(zero, &address), "__per_cpu_start");
	assert_int_equal(address, 0);
	assert_string_equal(gst_kallsyms_line(last, &address), "kstat");
	assert_int_equal(address, 0x1b000);
}

static void a_line_that_is_not_of_kallsyms_gives_nothing(void **state)
{
	static const char *const lines[] = {
		"",
		"\n",
		"ffffffff81edd940",
		"ffffffff81edd940 ",
		"ffffffff81edd940 d",
		"1 d",
		"1 d \n",
		"1 data map_idr\n",
		" d map_idr\n",
		"xyz d map_idr\n",
		"1ffffffffffffffff d map_idr\n",
		"1111111111111111111111111 d map_idr\n",
	};
	uint64_t address = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char line[64];

		(void)kt_snprintf(line, sizeof(line), "%s", lines[i]);
		assert_null(gst_kallsyms_line(line, &address));
		assert_int_equal(address, 7);
	}
}

static void lines_are_taken_one_by_one(void **state)
{
	char text[32] = "first\n\nthird\nrest", line[8];
	size_t len = strlen(text);

	(void)state;
	assert_int_equal(gst_take_line(text, &len, sizeof(text), line, sizeof(line)), 1);
	assert_string_equal(line, "first");
	assert_int_equal(gst_take_line(text, &len, sizeof(text), line, sizeof(line)), 1);
	assert_string_equal(line, "");
	assert_int_equal(gst_take_line(text, &len, sizeof(text), line, sizeof(line)), 1);
	assert_string_equal(line, "third");
	assert_int_equal(gst_take_line(text, &len, sizeof(text), line, sizeof(line)), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(text, "rest", 4);
}

static void a_line_that_is_too_long_is_dropped_alone(void **state)
{
	char text[32] = "1234567\n12345678\nshort\n", line[8];
	char endless[8] = { 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x' };
	size_t len = strlen(text);

	(void)state;
	assert_int_equal(gst_take_line(text, &len, sizeof(text), line, sizeof(line)), 1);
	assert_string_equal(line, "1234567");
	assert_int_equal(gst_take_line(text, &len, sizeof(text), line, sizeof(line)), -EMSGSIZE);
	assert_string_equal(line, "1234567");
	assert_int_equal(gst_take_line(text, &len, sizeof(text), line, sizeof(line)), 1);
	assert_string_equal(line, "short");
	assert_int_equal(len, 0);
	len = sizeof(endless);
	assert_int_equal(gst_take_line(endless, &len, sizeof(endless), text, sizeof(text)),
			 -EMSGSIZE);
	assert_int_equal(len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_is_found_among_other_words),
		cmocka_unit_test(a_window_that_is_missing_or_malformed_is_told_apart),
		cmocka_unit_test(the_doorbell_is_found_or_told_apart),
		cmocka_unit_test(a_record_gives_its_text_and_time),
		cmocka_unit_test(escapes_in_a_record_become_bytes),
		cmocka_unit_test(what_is_no_record_has_no_text),
		cmocka_unit_test(a_line_of_kallsyms_gives_address_and_name),
		cmocka_unit_test(a_line_that_is_not_of_kallsyms_gives_nothing),
		cmocka_unit_test(lines_are_taken_one_by_one),
		cmocka_unit_test(a_line_that_is_too_long_is_dropped_alone),
		cmocka_unit_test(buckets_grow_with_latency_and_stay_in_range),
		cmocka_unit_test(percentiles_are_right_to_a_quarter_octave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
