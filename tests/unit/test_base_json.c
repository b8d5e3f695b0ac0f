/* SPDX-License-Identifier: GPL-2.0-only */
/* The JSON writer: shapes, exact numbers, escapes, UTF-8, and that misuse is caught. */
#include "base/json.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static void a_document_on_one_line(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	(void)state;
	kt_json_init(&j, &b, false);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "n", 1);
	kt_json_array_begin(&j, "a");
	kt_json_bool(&j, NULL, true);
	kt_json_null(&j, NULL);
	kt_json_object_begin(&j, NULL);
	kt_json_object_end(&j);
	kt_json_array_end(&j);
	kt_json_str(&j, "s", NULL);
	kt_json_bool(&j, "f", false);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	assert_string_equal(kt_buf_str(&b),
			    "{\"n\":1,\"a\":[true,null,{}],\"s\":null,\"f\":false}");
}

static void pretty_is_indented_with_byte_arrays_on_one_line(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	(void)state;
	kt_json_init(&j, &b, true);
	kt_json_object_begin(&j, NULL);
	kt_json_str(&j, "s", "x");
	kt_json_array_begin(&j, "list");
	kt_json_u64(&j, NULL, 1);
	kt_json_u64(&j, NULL, 2);
	kt_json_array_end(&j);
	kt_json_array_begin_oneline(&j, "bytes");
	kt_json_u64(&j, NULL, 222);
	kt_json_array_begin(&j, NULL);
	kt_json_u64(&j, NULL, 173);
	kt_json_array_end(&j);
	kt_json_array_end(&j);
	kt_json_array_begin(&j, "none");
	kt_json_array_end(&j);
	kt_json_object_begin(&j, "empty");
	kt_json_object_end(&j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	assert_string_equal(kt_buf_str(&b), "{\n"
					    "  \"s\": \"x\",\n"
					    "  \"list\": [\n"
					    "    1,\n"
					    "    2\n"
					    "  ],\n"
					    "  \"bytes\": [222, [173]],\n"
					    "  \"none\": [],\n"
					    "  \"empty\": {}\n"
					    "}\n");
}

static void an_object_may_be_one_line_with_all_that_is_in_it(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	(void)state;
	kt_json_init(&j, &b, true);
	kt_json_array_begin(&j, NULL);
	kt_json_object_begin_oneline(&j, NULL);
	kt_json_u64(&j, "n", 1);
	kt_json_object_begin(&j, "o");
	kt_json_null(&j, "x");
	kt_json_object_end(&j);
	kt_json_object_end(&j);
	kt_json_array_end(&j);
	kt_json_finish(&j);
	assert_string_equal(kt_buf_str(&b), "[\n  {\"n\": 1, \"o\": {\"x\": null}}\n]\n");
}

static void a_byte_array_is_as_if_written_number_by_number(void **state)
{
	static const size_t lengths[] = { 0, 1, 511, 512, 513, 4096 };
	uint8_t data[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 13 + i / 256);
	for (size_t i = 0; i < 2 * sizeof(lengths) / sizeof(lengths[0]); i++) {
		kt_auto(buf) struct kt_buf fast = { 0 };
		kt_auto(buf) struct kt_buf slow = { 0 };
		size_t len = lengths[i / 2];
		struct kt_json j;

		kt_json_init(&j, &fast, i % 2);
		kt_json_object_begin(&j, NULL);
		kt_json_bytes(&j, "a", data, len);
		kt_json_null(&j, "after");
		kt_json_object_end(&j);
		kt_json_finish(&j);
		kt_json_init(&j, &slow, i % 2);
		kt_json_object_begin(&j, NULL);
		kt_json_array_begin_oneline(&j, "a");
		for (size_t n = 0; n < len; n++)
			kt_json_u64(&j, NULL, data[n]);
		kt_json_array_end(&j);
		kt_json_null(&j, "after");
		kt_json_object_end(&j);
		kt_json_finish(&j);
		assert_string_equal(kt_buf_str(&fast), kt_buf_str(&slow));
	}
}

/* More levels than the line breaks have spaces in stock. */
static void deep_levels_are_indented(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	char expected[2 * KT_JSON_DEPTH_MAX + 8];
	struct kt_json j;

	(void)state;
	kt_json_init(&j, &b, true);
	for (unsigned i = 0; i < KT_JSON_DEPTH_MAX; i++)
		kt_json_array_begin(&j, NULL);
	kt_json_u64(&j, NULL, 1);
	for (unsigned i = 0; i < KT_JSON_DEPTH_MAX; i++)
		kt_json_array_end(&j);
	kt_json_finish(&j);
	(void)kt_snprintf(expected, sizeof(expected), "[\n%*s1\n", 2 * KT_JSON_DEPTH_MAX, "");
	assert_non_null(strstr(kt_buf_str(&b), expected));
}

static void integers_are_exact(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	(void)state;
	kt_json_init(&j, &b, false);
	kt_json_array_begin(&j, NULL);
	kt_json_u64(&j, NULL, 0);
	kt_json_u64(&j, NULL, UINT64_C(0xdeadbeefcafebabe));
	kt_json_u64(&j, NULL, UINT64_MAX);
	kt_json_i64(&j, NULL, INT64_MIN);
	kt_json_i64(&j, NULL, INT64_MAX);
	kt_json_i64(&j, NULL, -1);
	kt_json_array_end(&j);
	kt_json_finish(&j);
	assert_string_equal(kt_buf_str(&b),
			    "[0,16045690984503098046,18446744073709551615,-9223372036854775808,"
			    "9223372036854775807,-1]");
}

static void doubles_are_short_and_read_back_the_same(void **state)
{
	static const struct {
		double v;
		const char *text;
	} rows[] = {
		{ 0.1, "0.1" },
		{ 1, "1.0" },
		{ -0.0, "-0.0" },
		{ 1e300, "1e+300" },
		{ 0.1 + 0.2, "0.30000000000000004" },
		{ 123456789.125, "123456789.125" },
		{ 5e-324, "4.94065645841247e-324" },
		{ NAN, "null" },
		{ INFINITY, "null" },
		{ -INFINITY, "null" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(buf) struct kt_buf b = { 0 };
		struct kt_json j;

		kt_json_init(&j, &b, false);
		kt_json_double(&j, NULL, rows[i].v);
		kt_json_finish(&j);
		assert_string_equal(kt_buf_str(&b), rows[i].text);
		if (isfinite(rows[i].v))
			assert_true(strtod(kt_buf_str(&b), NULL) == rows[i].v);
	}
}

static void assert_string_json(const char *text, size_t len, const char *expected)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	kt_json_init(&j, &b, false);
	kt_json_strn(&j, NULL, text, len);
	kt_json_finish(&j);
	assert_string_equal(kt_buf_str(&b), expected);
}

static void strings_escape_what_they_must(void **state)
{
	static const struct {
		const char *text, *json;
	} rows[] = {
		{ "", "\"\"" },
		{ "plain / text", "\"plain / text\"" },
		{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
		{ "\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"" },
		{ "\x0b", "\"\\u000b\"" },
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7",
		  "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_json(rows[i].text, strlen(rows[i].text), rows[i].json);
	assert_string_json("a\0b", 3, "\"a\\u0000b\"");
}

static void every_byte_below_space_is_escaped(void **state)
{
	(void)state;
	for (int c = 0; c < 0x20; c++) {
		kt_auto(buf) struct kt_buf b = { 0 };
		struct kt_json j;
		char byte = (char)c;

		kt_json_init(&j, &b, false);
		kt_json_strn(&j, NULL, &byte, 1);
		kt_json_finish(&j);
		assert_int_equal(b.data[1], '\\');
		for (size_t i = 0; i < b.len; i++)
			assert_true((unsigned char)b.data[i] >= 0x20);
	}
}

#define FFFD "\xef\xbf\xbd"

static void invalid_utf8_becomes_the_replacement_character(void **state)
{
	static const struct {
		const char *text, *json;
	} rows[] = {
		{ "\xff", "\"" FFFD "\"" },
		{ "a\x80z", "\"a" FFFD "z\"" },
		{ "\xc3", "\"" FFFD "\"" }, /* cut off */
		{ "\xc3(", "\"" FFFD "(\"" }, /* no continuation */
		{ "\xc0\xaf", "\"" FFFD FFFD "\"" }, /* overlong '/' */
		{ "\xe0\x9f\xbf", "\"" FFFD FFFD FFFD "\"" }, /* overlong */
		{ "\xed\xa0\x80", "\"" FFFD FFFD FFFD "\"" }, /* surrogate */
		{ "\xf0\x8f\xbf\xbf", "\"" FFFD FFFD FFFD FFFD "\"" }, /* overlong */
		{ "\xf4\x90\x80\x80", "\"" FFFD FFFD FFFD FFFD "\"" }, /* past U+10FFFF */
		{ "\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\"" }, /* U+10FFFF itself */
		{ "\xe2\x82\xe2\x82\xac", "\"" FFFD FFFD "\xe2\x82\xac\"" }, /* resumes */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_json(rows[i].text, strlen(rows[i].text), rows[i].json);
}

static void keys_are_escaped_too(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	(void)state;
	kt_json_init(&j, &b, false);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "a\"\n", 1);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	assert_string_equal(kt_buf_str(&b), "{\"a\\\"\\n\":1}");
}

static void it_nests_to_its_limit(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	(void)state;
	kt_json_init(&j, &b, true);
	for (int i = 0; i < KT_JSON_DEPTH_MAX; i++)
		kt_json_array_begin(&j, NULL);
	kt_json_u64(&j, NULL, 7);
	for (int i = 0; i < KT_JSON_DEPTH_MAX; i++)
		kt_json_array_end(&j);
	kt_json_finish(&j);
	/* The value stands on a line of its own, indented by two spaces a level. */
	assert_int_equal(strcspn(strchr(kt_buf_str(&b), '7') - 2 * KT_JSON_DEPTH_MAX, "7"),
			 2 * KT_JSON_DEPTH_MAX);
	assert_int_equal(*(strchr(kt_buf_str(&b), '7') - 2 * KT_JSON_DEPTH_MAX - 1), '\n');
}

static void leave_open(struct kt_json *j)
{
	kt_json_object_begin(j, NULL);
	kt_json_finish(j);
}

static void end_the_wrong_kind(struct kt_json *j)
{
	kt_json_object_begin(j, NULL);
	kt_json_array_end(j);
}

static void end_too_often(struct kt_json *j)
{
	kt_json_array_end(j);
}

static void forget_a_key(struct kt_json *j)
{
	kt_json_object_begin(j, NULL);
	kt_json_u64(j, NULL, 1);
}

static void give_a_key_in_an_array(struct kt_json *j)
{
	kt_json_array_begin(j, NULL);
	kt_json_u64(j, "k", 1);
}

static void nest_too_deeply(struct kt_json *j)
{
	for (int i = 0; i <= KT_JSON_DEPTH_MAX; i++)
		kt_json_array_begin(j, NULL);
}

static void misuse_is_asserted(void **state)
{
	static void (*const misuses[])(struct kt_json * j) = {
		leave_open,   end_the_wrong_kind,     end_too_often,
		forget_a_key, give_a_key_in_an_array, nest_too_deeply,
	};
	int status;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++) {
		pid = fork();
		if (pid == 0) {
			const struct rlimit no_core = { 0 };
			struct kt_buf b = { 0 };
			struct kt_json j;

			setrlimit(RLIMIT_CORE, &no_core);
			close(STDERR_FILENO);
			signal(SIGABRT,
			       SIG_DFL); /* cmocka's own handler would report a failure twice */
			kt_json_init(&j, &b, false);
			misuses[i](&j);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGABRT);
	}
}

/* The writer works in pieces: no character may be cut in two, and what is no character is one U+FFFD a byte. */
static void long_strings_and_keys_are_as_short_ones(void **state)
{
	(void)state;
	for (size_t at = 240; at < 270; at++) {
		kt_auto(buf) struct kt_buf b = { 0 }, want = { 0 }, text = { 0 };
		struct kt_json j;

		for (size_t i = 0; i < at; i++)
			kt_buf_addc(&text, 'x');
		kt_buf_adds(&text, "\xe2\x86\x92\x80\x80\x80\x80\x80\n\xf0\x9f\x98\x80");
		for (size_t i = 0; i < 600; i++)
			kt_buf_addc(&text, 'y');
		kt_buf_addc(&want, '{');
		for (int i = 0; i < 2; i++) {
			kt_buf_addc(&want, '"');
			kt_buf_add(&want, text.data, at + 3);
			for (int n = 0; n < 5; n++)
				kt_buf_adds(&want, "\xef\xbf\xbd");
			kt_buf_adds(&want, "\\n");
			kt_buf_add(&want, text.data + at + 9, text.len - at - 9);
			kt_buf_adds(&want, i ? "\"}" : "\":");
		}
		kt_json_init(&j, &b, false);
		kt_json_object_begin(&j, NULL);
		kt_json_str(&j, text.data, text.data);
		kt_json_object_end(&j);
		kt_json_finish(&j);
		assert_string_equal(kt_buf_str(&b), kt_buf_str(&want));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_on_one_line),
		cmocka_unit_test(pretty_is_indented_with_byte_arrays_on_one_line),
		cmocka_unit_test(an_object_may_be_one_line_with_all_that_is_in_it),
		cmocka_unit_test(a_byte_array_is_as_if_written_number_by_number),
		cmocka_unit_test(deep_levels_are_indented),
		cmocka_unit_test(integers_are_exact),
		cmocka_unit_test(doubles_are_short_and_read_back_the_same),
		cmocka_unit_test(strings_escape_what_they_must),
		cmocka_unit_test(every_byte_below_space_is_escaped),
		cmocka_unit_test(invalid_utf8_becomes_the_replacement_character),
		cmocka_unit_test(keys_are_escaped_too),
		cmocka_unit_test(it_nests_to_its_limit),
		cmocka_unit_test(misuse_is_asserted),
		cmocka_unit_test(long_strings_and_keys_are_as_short_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
