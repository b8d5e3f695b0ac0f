/* SPDX-License-Identifier: GPL-2.0-only */
/* A dump read back: the same bytes when written again, exact numbers, and each thing that is not as it should be, by its place. */
#include "tests/unit/capture_report.h"
#include "tests/unit/unit.h"

static void cleanup_document(struct cap_document *d)
{
	cap_document_done(d);
}

/* The document with this text, which must be one. */
static void parse(const char *text, size_t len, struct cap_document *ret)
{
	struct kt_err e = { 0 };

	if (cap_document_parse(text, len, "d.json", ret, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
}

static void assert_refused(const char *text, const char *message)
{
	struct cap_document d = { 0 };
	struct kt_err e = { 0 };

	assert_true(cap_document_parse(text, strlen(text), "d.json", &d, &e) < 0);
	assert_string_equal(unit_err_text(&e), message);
	assert_int_equal(e.kind, KT_E_USAGE);
	assert_null(d.single);
	assert_null(d.pool);
}

static void a_full_report_is_the_same_when_written_again(void **state)
{
	__attribute__((cleanup(cleanup_document))) struct cap_document d = { 0 };
	kt_auto(buf) struct kt_buf first = { 0 };
	kt_auto(buf) struct kt_buf second = { 0 };

	(void)state;
	cap_report_json(unit_full_report(), &first);
	parse(first.data, first.len, &d);
	assert_non_null(d.single);
	assert_null(d.degraded);
	assert_null(d.dual);
	cap_report_json(d.single, &second);
	assert_string_equal(kt_buf_str(&first), kt_buf_str(&second));
}

static void an_empty_report_is_the_same_when_written_again(void **state)
{
	__attribute__((cleanup(cleanup_document))) struct cap_document d = { 0 };
	kt_auto(buf) struct kt_buf first = { 0 };
	kt_auto(buf) struct kt_buf second = { 0 };
	struct cap_report r = { 0 };

	(void)state;
	cap_report_json(&r, &first);
	parse(first.data, first.len, &d);
	cap_report_json(d.single, &second);
	assert_string_equal(kt_buf_str(&first), kt_buf_str(&second));
}

static void degraded_and_dual_are_the_same_when_written_again(void **state)
{
	struct cap_vcpu_regs regs[2] = { { 0 }, { true, UINT64_MAX, 2, 3 } };
	struct cap_degraded degraded = { .reason = "why",
					 .vcpu_regs = regs,
					 .nr_vcpus = 2,
					 .watchpoint_hit = true,
					 .bss_latch_state = "triggered",
					 .has_exit_kind = true,
					 .exit_kind = 1026,
					 .elapsed_ms = 7 };
	struct cap_dual dual = { .early = unit_full_report(),
				 .late = unit_full_report(),
				 .early_max_age_jiffies = 501,
				 .early_threshold_jiffies = 500,
				 .early_skipped_reason = "why not" };
	kt_auto(buf) struct kt_buf first = { 0 };
	kt_auto(buf) struct kt_buf second = { 0 };
	struct cap_document d = { 0 };

	(void)state;
	cap_degraded_json(&degraded, &first);
	parse(first.data, first.len, &d);
	assert_non_null(d.degraded);
	assert_null(d.single);
	cap_degraded_json(d.degraded, &second);
	assert_string_equal(kt_buf_str(&first), kt_buf_str(&second));
	cap_document_done(&d);
	kt_buf_reset(&first);
	kt_buf_reset(&second);
	cap_dual_json(&dual, &first);
	parse(first.data, first.len, &d);
	assert_non_null(d.dual);
	assert_ptr_equal(d.dual->early, d.early);
	assert_ptr_equal(d.dual->late, d.late);
	cap_dual_json(d.dual, &second);
	assert_string_equal(kt_buf_str(&first), kt_buf_str(&second));
	cap_document_done(&d);
}

/* Everything that was not given, not written: {"schema":"single","maps":[MAP]}. */
static struct cap_value value_of(const char *json, struct cap_document *ret)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	kt_buf_addf(&b,
		    "{\"schema\":\"single\",\"maps\":[{\"name\":\"m\",\"map_type\":2,"
		    "\"value_size\":8,\"max_entries\":1,\"value\":%s}]}",
		    json);
	parse(b.data, b.len, ret);
	return *ret->single->map[0].value;
}

static void numbers_of_64_bits_are_exact(void **state)
{
	static const uint64_t numbers[] = { 0, 9007199254740993, INT64_MAX, (uint64_t)INT64_MAX + 1,
					    UINT64_MAX };
	char text[128];

	(void)state;
	for (size_t i = 0; i < NR(numbers); i++) {
		__attribute__((cleanup(cleanup_document))) struct cap_document d = { 0 };

		(void)kt_snprintf(text, sizeof(text),
				  "{\"kind\":\"uint\",\"bits\":64,\"value\":%llu}",
				  (unsigned long long)numbers[i]);
		assert_int_equal(value_of(text, &d).u, numbers[i]);
	}
	for (int i = 0; i < 2; i++) {
		__attribute__((cleanup(cleanup_document))) struct cap_document d = { 0 };
		struct cap_value v;

		(void)kt_snprintf(text, sizeof(text),
				  "{\"kind\":\"int\",\"bits\":64,\"value\":%lld}",
				  i ? (long long)INT64_MIN : -9007199254740993);
		v = value_of(text, &d);
		assert_int_equal(v.kind, CAP_INT);
		assert_int_equal(v.i, i ? INT64_MIN : -9007199254740993);
	}
}

static void floats_are_what_they_were(void **state)
{
	static const double numbers[] = { 0.1, -0.0, 5e-324, 1.7976931348623157e308, 3 };

	(void)state;
	for (size_t i = 0; i < NR(numbers); i++) {
		struct cap_value v = { .kind = CAP_FLOAT, .bits = 64, .f = numbers[i] };
		struct cap_map_report map = { .name = "m", .value = &v };
		struct cap_report r = { .map = &map, .nr_maps = 1 };
		__attribute__((cleanup(cleanup_document))) struct cap_document d = { 0 };
		kt_auto(buf) struct kt_buf b = { 0 };

		cap_report_json(&r, &b);
		parse(b.data, b.len, &d);
		assert_memory_equal(&d.single->map[0].value->f, &numbers[i], sizeof(double));
	}
}

static void bytes_are_told_from_text(void **state)
{
	__attribute__((cleanup(cleanup_document))) struct cap_document hex = { 0 };
	__attribute__((cleanup(cleanup_document))) struct cap_document text = { 0 };
	__attribute__((cleanup(cleanup_document))) struct cap_document none = { 0 };
	struct cap_value v = value_of("{\"kind\":\"bytes\",\"hex\":\"00 ff\"}", &hex);

	(void)state;
	assert_false(v.bytes.text);
	assert_int_equal(v.bytes.len, 2);
	assert_memory_equal(v.bytes.data, "\0\xff", 2);
	v = value_of("{\"kind\":\"bytes\",\"hex\":\"a\\\\x0ab\\\\x41\\\\xq\"}", &text);
	assert_true(v.bytes.text);
	assert_int_equal(v.bytes.len, 10);
	assert_memory_equal(v.bytes.data, "a\nb\\x41\\xq", 10);
	v = value_of("{\"kind\":\"bytes\",\"hex\":\"\"}", &none);
	assert_false(v.bytes.text);
	assert_int_equal(v.bytes.len, 0);
}

static void an_enum_without_a_sign_is_unsigned(void **state)
{
	__attribute__((cleanup(cleanup_document))) struct cap_document d = { 0 };
	struct cap_value v =
		value_of("{\"kind\":\"enum\",\"bits\":32,\"value\":1,\"variant\":null}", &d);

	(void)state;
	assert_false(v.e.is_signed);
	assert_null(v.e.variant);
}

static void keys_of_a_newer_writer_are_passed_over(void **state)
{
	__attribute__((cleanup(cleanup_document))) struct cap_document d = { 0 };
	static const char text[] = "{\"schema\":\"single\",\"maps\":[],\"novelty\":[{}],"
				   "\"scx_sched_state\":{\"aborting\":true,\"bypass_depth\":-1,"
				   "\"exit_kind\":1026,\"more\":null}}\n";

	(void)state;
	parse(text, strlen(text), &d);
	assert_int_equal(d.single->sched_state->bypass_depth, -1);
	assert_false(d.single->sched_state->has_watchdog_timeout);
}

/* Many, so that their memory moves; and one list that is a page's in all but length. */
static void pages_are_in_their_order(void **state)
{
	static uint8_t bytes[40][CAP_PAGE];
	static struct cap_arena_page pages[40];
	struct cap_arena_snapshot arena = { .page = pages, .nr_pages = NR(pages) };
	struct cap_map_report map = { .name = "arena", .map_type = 33, .arena = &arena };
	struct cap_report r = { .map = &map, .nr_maps = 1 };
	__attribute__((cleanup(cleanup_document))) struct cap_document d = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	for (size_t i = 0; i < NR(pages); i++) {
		memset(bytes[i], (int)(255 - i), CAP_PAGE);
		pages[i].user_addr = i * CAP_PAGE;
		pages[i].bytes = bytes[i];
	}
	cap_report_json(&r, &b);
	parse(b.data, b.len, &d);
	assert_int_equal(d.single->map[0].arena->nr_pages, NR(pages));
	for (size_t i = 0; i < NR(pages); i++) {
		assert_int_equal(d.single->map[0].arena->page[i].user_addr, i * CAP_PAGE);
		assert_memory_equal(d.single->map[0].arena->page[i].bytes, bytes[i], CAP_PAGE);
	}
}

static void what_is_no_json_is_refused_with_its_place(void **state)
{
	(void)state;
	assert_refused("", "d.json:1:1: not JSON: it ends too early");
	assert_refused("{\n\"a\": 1,\n", "d.json:3:1: not JSON: it ends too early");
	assert_refused("{\n  \"a\": nan}", "d.json:2:8: not JSON: unexpected character");
	assert_refused("{\"a\": NaN}", "d.json:1:7: not JSON: unexpected character");
	assert_refused("{\"a\": 'b'}", "d.json:1:7: not JSON: unexpected character");
	assert_refused("{\"a\" 1}",
		       "d.json:1:6: not JSON: object property name separator ':' expected");
	assert_refused("{\"a\": 1} 2", "d.json:1:10: not JSON: unexpected character");
	assert_refused("{\"a\": \"b", "d.json:1:7: not JSON: a string without an end");
	assert_refused("{\"a\": \"b\nc\"}",
		       "d.json:1:9: not JSON: a control character in a string");
	assert_refused("{\"a\": \"\\\nc\"}",
		       "d.json:1:9: not JSON: a control character in a string");
	assert_refused("{\"a\": \"\xff\"}", "d.json:1:8: not JSON: invalid utf-8 string");
	assert_refused("{\"a\": -}", "d.json:1:7: not JSON: a number without digits");
}

static void a_number_beyond_64_bits_is_refused(void **state)
{
	(void)state;
	assert_refused(
		"{\"schema\":\"single\",\"maps\":[],\"maps_truncated\":18446744073709551616}",
		"d.json:1:47: a number that does not fit into 64 bits");
	assert_refused("[-9223372036854775809]",
		       "d.json:1:2: a number that does not fit into 64 bits");
}

static void deep_nesting_is_refused(void **state)
{
	kt_auto(buf) struct kt_buf lists = { 0 };
	kt_auto(buf) struct kt_buf values = { 0 };
	char expected[1024];

	(void)state;
	for (int i = 0; i < 10000; i++)
		kt_buf_addc(&lists, '[');
	assert_refused(kt_buf_str(&lists), "d.json:1:193: not JSON: nesting too deep");
	kt_buf_adds(&values, "{\"schema\":\"single\",\"maps\":[{\"name\":\"m\",\"map_type\":2,"
			     "\"value_size\":8,\"max_entries\":1,\"value\":");
	for (int i = 0; i < 60; i++)
		kt_buf_adds(&values, "{\"kind\":\"ptr\",\"value\":1,\"deref\":");
	kt_buf_adds(&values, "{\"kind\":\"bool\",\"value\":true}");
	for (int i = 0; i < 60; i++)
		kt_buf_addc(&values, '}');
	kt_buf_adds(&values, "}]}");
	(void)kt_snprintf(expected, sizeof(expected), "d.json: maps[0].value");
	for (int i = 0; i < 49; i++)
		(void)kt_snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected),
				  ".deref");
	(void)kt_snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected),
			  " should be nested less deeply");
	assert_refused(kt_buf_str(&values), expected);
}

static void what_is_no_dump_is_refused_by_name(void **state)
{
	(void)state;
	assert_refused("null", "d.json:1:1: no failure dump: it is null");
	assert_refused("[]", "d.json: no failure dump: there is no \"schema\" in it");
	assert_refused("{}", "d.json: no failure dump: there is no \"schema\" in it");
	assert_refused("{\"schema\": 1}", "d.json: no failure dump: there is no \"schema\" in it");
	assert_refused(
		"{\"schema\": \"triple\"}",
		"d.json: schema 'triple' is not known: there is 'single', 'degraded' and 'dual'");
	assert_refused("{\"schema\": \"dual\"}", "d.json: late should be there");
}

#define MAP \
	"{\"schema\":\"single\",\"maps\":[{\"name\":\"m\",\"map_type\":2,\"value_size\":8,\"max_entries\":1"

static void a_wrong_key_is_refused_with_its_place(void **state)
{
	(void)state;
	assert_refused("{\"schema\":\"single\"}", "d.json: maps should be there");
	assert_refused("{\"schema\":\"single\",\"maps\":{}}", "d.json: maps should be a list");
	assert_refused("{\"schema\":\"single\",\"maps\":[1]}",
		       "d.json: maps[0] should be an object");
	assert_refused("{\"schema\":\"single\",\"maps\":[null]}",
		       "d.json: maps[0] should be an object");
	assert_refused("{\"schema\":\"single\",\"maps\":[{\"name\":7}]}",
		       "d.json: maps[0].name should be a string");
	assert_refused(
		"{\"schema\":\"single\",\"maps\":[{\"name\":\"m\",\"map_type\":4294967296}]}",
		"d.json: maps[0].map_type should be a whole number from 0 to 4294967295");
	assert_refused("{\"schema\":\"single\",\"maps\":[{\"name\":\"m\",\"map_type\":-1}]}",
		       "d.json: maps[0].map_type should be a whole number from 0 to 4294967295");
	assert_refused("{\"schema\":\"single\",\"maps\":[{\"name\":\"m\",\"map_type\":2.0}]}",
		       "d.json: maps[0].map_type should be a whole number from 0 to 4294967295");
	assert_refused(
		MAP ",\"entries\":[{\"key_hex\":\"0g\",\"value_hex\":\"\"}]}]}",
		"d.json: maps[0].entries[0].key_hex should be bytes such as \"de ad be ef\"");
	assert_refused(
		MAP ",\"arena\":{\"pages\":[{\"user_addr\":0,\"bytes\":[1,2]}]}}]}",
		"d.json: maps[0].arena.pages[0].bytes should be a list of 4096 numbers from 0 to 255");
	assert_refused(
		MAP ",\"arena\":{\"pages\":[{\"user_addr\":0,\"bytes\":[1.5,0]}]}}]}",
		"d.json: maps[0].arena.pages[0].bytes should be a list of 4096 numbers from 0 to 255");
	assert_refused("{\"schema\":\"degraded\",\"reason\":\"r\",\"watchpoint_hit\":1}",
		       "d.json: watchpoint_hit should be true or false");
}

static void a_wrong_value_is_refused_with_its_place(void **state)
{
	(void)state;
	assert_refused(MAP ",\"value\":null}]}", "d.json: maps[0].value should be an object");
	assert_refused(
		MAP ",\"value\":{\"kind\":\"thing\"}}]}",
		"d.json: maps[0].value.kind should be a kind of value such as \"int\" or \"struct\"");
	assert_refused(MAP
		       ",\"value\":{\"kind\":\"int\",\"bits\":32,\"value\":9223372036854775808}}]}",
		       "d.json: maps[0].value.value should be a whole number from "
		       "-9223372036854775808 to 9223372036854775807");
	assert_refused(
		MAP
		",\"value\":{\"kind\":\"struct\",\"type_name\":null,\"members\":[{\"name\":\"x\","
		"\"value\":{\"kind\":\"array\",\"len\":1,\"elements\":[7]}}]}}]}",
		"d.json: maps[0].value.members[0].value.elements[0] should be an object");
	assert_refused(MAP ",\"value\":{\"kind\":\"float\",\"bits\":32,\"value\":\"x\"}}]}",
		       "d.json: maps[0].value.value should be a number or null");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_report_is_the_same_when_written_again),
		cmocka_unit_test(an_empty_report_is_the_same_when_written_again),
		cmocka_unit_test(degraded_and_dual_are_the_same_when_written_again),
		cmocka_unit_test(numbers_of_64_bits_are_exact),
		cmocka_unit_test(floats_are_what_they_were),
		cmocka_unit_test(bytes_are_told_from_text),
		cmocka_unit_test(an_enum_without_a_sign_is_unsigned),
		cmocka_unit_test(keys_of_a_newer_writer_are_passed_over),
		cmocka_unit_test(pages_are_in_their_order),
		cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
		cmocka_unit_test(a_number_beyond_64_bits_is_refused),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(what_is_no_dump_is_refused_by_name),
		cmocka_unit_test(a_wrong_key_is_refused_with_its_place),
		cmocka_unit_test(a_wrong_value_is_refused_with_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
