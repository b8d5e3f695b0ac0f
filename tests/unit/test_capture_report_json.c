/* SPDX-License-Identifier: GPL-2.0-only */
/* The dump as JSON: each kind of value, which keys are there and when, exact numbers, one line where it reads as one. */
#include "capture/schema.h"

#include "tests/unit/capture_report.h"
#include "tests/unit/unit.h"

/* One value as a whole document. */
static const char *json_of(const struct cap_value *v)
{
	static struct kt_buf b;
	struct kt_json j;

	kt_buf_done(&b);
	kt_json_init(&j, &b, true);
	cap_value_json(&j, NULL, v);
	kt_json_finish(&j);
	return kt_buf_str(&b);
}

#define VALUE(...) (&(struct cap_value){ __VA_ARGS__ })

static void a_plain_value_is_one_line_with_its_kind(void **state)
{
	(void)state;
	assert_string_equal(json_of(VALUE(.kind = CAP_INT, .bits = 64, .i = INT64_MIN)),
			    "{\"kind\": \"int\", \"bits\": 64, \"value\": -9223372036854775808}\n");
	assert_string_equal(
		json_of(VALUE(.kind = CAP_UINT, .bits = 64, .u = UINT64_MAX)),
		"{\"kind\": \"uint\", \"bits\": 64, \"value\": 18446744073709551615}\n");
	assert_string_equal(json_of(VALUE(.kind = CAP_BOOL, .b = true)),
			    "{\"kind\": \"bool\", \"value\": true}\n");
	assert_string_equal(json_of(VALUE(.kind = CAP_CHAR, .c = 200)),
			    "{\"kind\": \"char\", \"value\": 200}\n");
	assert_string_equal(json_of(VALUE(.kind = CAP_FLOAT, .bits = 32, .f = 2)),
			    "{\"kind\": \"float\", \"bits\": 32, \"value\": 2.0}\n");
	assert_string_equal(json_of(VALUE(.kind = CAP_FLOAT, .bits = 64, .f = NAN)),
			    "{\"kind\": \"float\", \"bits\": 64, \"value\": null}\n");
	assert_string_equal(json_of(VALUE(.kind = CAP_CPU_LIST, .cpus = "0-2,5")),
			    "{\"kind\": \"cpu_list\", \"cpus\": \"0-2,5\"}\n");
	assert_string_equal(json_of(VALUE(.kind = CAP_UNSUPPORTED, .reason = "void")),
			    "{\"kind\": \"unsupported\", \"reason\": \"void\"}\n");
	assert_string_equal(json_of(VALUE(.kind = CAP_UNSUPPORTED)),
			    "{\"kind\": \"unsupported\", \"reason\": \"not rendered\"}\n");
}

static void what_would_be_too_long_to_be_read_back_is_cut_and_said(void **state)
{
	enum { PARTS = 1 << 19 };
	static char name[512];
	struct cap_member *m = calloc(PARTS, sizeof(*m));
	struct cap_value *v = calloc(PARTS, sizeof(*v)), all;
	const char *text;

	(void)state;
	assert_true(m && v);
	memset(name, 'n', sizeof(name) - 1);
	for (size_t i = 0; i < PARTS; i++) {
		m[i] = (struct cap_member){ name, unit_uint(8, 1) };
		v[i] = (struct cap_value){ .kind = CAP_UNSUPPORTED, .reason = name };
	}
	all = (struct cap_value){ .kind = CAP_STRUCT, .s = { "t", m, PARTS } };
	text = json_of(&all);
	assert_in_range(strlen(text), 150 << 20, 170 << 20);
	assert_non_null(strstr(text + strlen(text) - 200, "the document is too long"));
	all = (struct cap_value){ .kind = CAP_ARRAY, .a = { PARTS, v, PARTS } };
	text = json_of(&all);
	assert_in_range(strlen(text), 150 << 20, 170 << 20);
	assert_non_null(strstr(text + strlen(text) - 200, "the document is too long"));
	/* nor more values than that, however short */
	for (size_t i = 0; i < PARTS; i++)
		v[i] = unit_int(32, -1);
	m[0].value = m[1].value = m[2].value = all;
	all = (struct cap_value){ .kind = CAP_STRUCT, .s = { "t", m, 3 } };
	text = json_of(&all);
	assert_in_range(strlen(text), 40 << 20, 100 << 20);
	assert_non_null(strstr(text + strlen(text) - 200, "the document is too long"));
	(void)json_of(VALUE(.kind = CAP_BOOL)); /* lets go of it */
	free(m);
	free(v);
}

static void an_enum_always_has_its_variant_and_sign(void **state)
{
	(void)state;
	assert_string_equal(
		json_of(VALUE(.kind = CAP_ENUM, .bits = 32, .e = { 2, "READY", false })),
		"{\"kind\": \"enum\", \"bits\": 32, \"value\": 2, \"variant\": \"READY\", \"is_signed\": false}\n");
	assert_string_equal(
		json_of(VALUE(.kind = CAP_ENUM, .bits = 64, .e = { -1, NULL, true })),
		"{\"kind\": \"enum\", \"bits\": 64, \"value\": -1, \"variant\": null, \"is_signed\": true}\n");
}

static void a_struct_has_a_line_for_each_plain_member(void **state)
{
	struct cap_member inner = { "b", unit_uint(8, 1) };
	struct cap_member m[] = {
		{ "a", unit_int(32, -1) },
		{ "", { .kind = CAP_STRUCT, .s = { NULL, &inner, 1 } } },
	};

	(void)state;
	assert_string_equal(
		json_of(VALUE(.kind = CAP_STRUCT, .s = { "t", m, NR(m) })),
		"{\n"
		"  \"kind\": \"struct\",\n"
		"  \"type_name\": \"t\",\n"
		"  \"members\": [\n"
		"    {\"name\": \"a\", \"value\": {\"kind\": \"int\", \"bits\": 32, \"value\": -1}},\n"
		"    {\n"
		"      \"name\": \"\",\n"
		"      \"value\": {\n"
		"        \"kind\": \"struct\",\n"
		"        \"type_name\": null,\n"
		"        \"members\": [\n"
		"          {\"name\": \"b\", \"value\": {\"kind\": \"uint\", \"bits\": 8, \"value\": 1}}\n"
		"        ]\n"
		"      }\n"
		"    }\n"
		"  ]\n"
		"}\n");
}

static void an_array_tells_its_declared_length(void **state)
{
	struct cap_value element = unit_uint(8, 7);

	(void)state;
	assert_string_equal(json_of(VALUE(.kind = CAP_ARRAY, .a = { 5000, &element, 1 })),
			    "{\n"
			    "  \"kind\": \"array\",\n"
			    "  \"len\": 5000,\n"
			    "  \"elements\": [\n"
			    "    {\"kind\": \"uint\", \"bits\": 8, \"value\": 7}\n"
			    "  ]\n"
			    "}\n");
	assert_string_equal(json_of(VALUE(.kind = CAP_ARRAY, .a = { 0, NULL, 0 })),
			    "{\"kind\": \"array\", \"len\": 0, \"elements\": []}\n");
}

static void a_pointer_has_only_what_is_known_of_it(void **state)
{
	struct cap_value target = unit_uint(64, 1);

	(void)state;
	assert_string_equal(json_of(VALUE(.kind = CAP_PTR, .p = { .value = UINT64_MAX })),
			    "{\"kind\": \"ptr\", \"value\": 18446744073709551615}\n");
	assert_string_equal(
		json_of(VALUE(.kind = CAP_PTR, .p = { .value = 1,
						      .deref_skipped_reason = "cycle 0x1",
						      .cast_annotation = "cast→kernel" })),
		"{\"kind\": \"ptr\", \"value\": 1, \"deref_skipped_reason\": \"cycle 0x1\", "
		"\"cast_annotation\": \"cast→kernel\"}\n");
	assert_string_equal(
		json_of(VALUE(.kind = CAP_PTR, .p = { .value = 4096, .deref = &target })),
		"{\n"
		"  \"kind\": \"ptr\",\n"
		"  \"value\": 4096,\n"
		"  \"deref\": {\"kind\": \"uint\", \"bits\": 64, \"value\": 1}\n"
		"}\n");
}

static void bytes_are_hex_pairs_and_literals_are_text(void **state)
{
	static const uint8_t text[] = "a\n\x7f\"b";
	struct cap_value raw = { .kind = CAP_BYTES, .bytes = { .data = unit_raw, .len = 4 } };

	(void)state;
	assert_string_equal(json_of(&raw), "{\"kind\": \"bytes\", \"hex\": \"de ad be ef\"}\n");
	assert_string_equal(json_of(VALUE(.kind = CAP_BYTES)),
			    "{\"kind\": \"bytes\", \"hex\": \"\"}\n");
	assert_string_equal(
		json_of(VALUE(.kind = CAP_BYTES,
			      .bytes = { .data = text, .len = sizeof(text), .text = true })),
		"{\"kind\": \"bytes\", \"hex\": \"a\\\\x0a\\\\x7f\\\"b\\\\x00\"}\n");
	assert_string_equal(json_of(VALUE(.kind = CAP_TRUNCATED, .t = { 8, 4, &raw })),
			    "{\"kind\": \"truncated\", \"needed\": 8, \"had\": 4, "
			    "\"partial\": {\"kind\": \"bytes\", \"hex\": \"de ad be ef\"}}\n");
}

static void long_bytes_are_whole(void **state)
{
	uint8_t data[1000];
	const char *at;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	at = json_of(VALUE(.kind = CAP_BYTES, .bytes = { .data = data, .len = sizeof(data) }));
	at = strstr(at, "\"hex\": \"");
	assert_non_null(at);
	at += strlen("\"hex\": \"");
	for (size_t i = 0; i < sizeof(data); i++) {
		char pair[4];

		(void)kt_snprintf(pair, sizeof(pair), "%02x%c", data[i],
				  i + 1 < sizeof(data) ? ' ' : '"');
		assert_memory_equal(at + 3 * i, pair, 3);
	}
}

static void what_nests_without_end_is_cut(void **state)
{
	struct cap_value chain[3 * CAP_VALUE_DEPTH_MAX];
	const char *text;

	(void)state;
	memset(chain, 0, sizeof(chain));
	for (size_t i = 0; i < NR(chain); i++) {
		chain[i].kind = CAP_PTR;
		chain[i].p.value = i;
		chain[i].p.deref = i + 1 < NR(chain) ? &chain[i + 1] : NULL;
	}
	text = json_of(&chain[0]);
	assert_non_null(strstr(text, "\"reason\": \"nested too deeply\""));
	assert_non_null(strstr(text, "\"value\": 47,"));
	assert_null(strstr(text, "\"value\": 48"));
}

/* ---- reports ---- */

static const char *report_of(const struct cap_report *r)
{
	static struct kt_buf b;

	kt_buf_done(&b);
	cap_report_json(r, &b);
	assert_true(kt_buf_ok(&b));
	return kt_buf_str(&b);
}

static void an_empty_report_has_only_what_is_always_there(void **state)
{
	struct cap_report r = { 0 };

	(void)state;
	assert_string_equal(report_of(&r), "{\n"
					   "  \"schema\": \"single\",\n"
					   "  \"maps\": []\n"
					   "}\n");
}

/* Keys in the order of the tables, each where it is. */
static void assert_keys(const char *text, const struct cap_record *t)
{
	const char *at = text;

	for (size_t i = 0; i < t->nr_keys; i++) {
		char key[80];

		(void)kt_snprintf(key, sizeof(key), "\"%s\":", t->key[i].name);
		at = strstr(at, key);
		if (!at) {
			fail_msg("no %s of %s", key, t->name);
			return;
		}
	}
}

static void a_full_report_has_every_key_of_every_record(void **state)
{
	const char *text = report_of(unit_full_report());

	(void)state;
	for (const struct cap_record *const *t = cap_records; *t; t++) {
		if (*t == &cap_record_degraded || *t == &cap_record_dual)
			continue;
		for (size_t i = 0; i < (*t)->nr_keys; i++) {
			char key[80];

			(void)kt_snprintf(key, sizeof(key), "\"%s\":", (*t)->key[i].name);
			if (!strstr(text, key))
				fail_msg("no %s of %s", key, (*t)->name);
		}
	}
	assert_keys(strstr(text, "\"rq_scx_states\""), &cap_record_rq);
	assert_keys(strstr(text, "\"task_enrichments\""), &cap_record_task);
}

static void a_record_without_its_optional_parts_leaves_their_keys_out(void **state)
{
	const struct cap_report *full = unit_full_report();
	struct cap_report r = {
		.rq = &full->rq[1], .nr_rqs = 1, .task = &full->task[1], .nr_tasks = 1
	};

	(void)state;
	assert_string_equal(report_of(&r), "{\n"
					   "  \"schema\": \"single\",\n"
					   "  \"maps\": [],\n"
					   "  \"task_enrichments\": [\n"
					   "    {\n"
					   "      \"pid\": 2,\n"
					   "      \"tgid\": 2,\n"
					   "      \"comm\": \"kthreadd\",\n"
					   "      \"weight\": 0,\n"
					   "      \"prio\": 0,\n"
					   "      \"static_prio\": 0,\n"
					   "      \"normal_prio\": 0,\n"
					   "      \"rt_priority\": 0,\n"
					   "      \"pi_boosted_out_of_scx\": false,\n"
					   "      \"nvcsw\": 0,\n"
					   "      \"nivcsw\": 0\n"
					   "    }\n"
					   "  ],\n"
					   "  \"rq_scx_states\": [\n"
					   "    {\n"
					   "      \"cpu\": 1,\n"
					   "      \"nr_running\": 0,\n"
					   "      \"flags\": 0,\n"
					   "      \"cpu_released\": false,\n"
					   "      \"ops_qseq\": 0,\n"
					   "      \"runnable_task_kvas\": []\n"
					   "    }\n"
					   "  ]\n"
					   "}\n");
}

static void a_vcpu_that_is_not_known_is_null(void **state)
{
	const char *text = report_of(unit_full_report());

	(void)state;
	assert_non_null(strstr(text, "  \"vcpu_regs\": [\n"
				     "    {\"instruction_pointer\": 18446744071578845200, "
				     "\"stack_pointer\": 18446683600570040064, "
				     "\"page_table_root\": 48250880},\n"
				     "    null\n"
				     "  ],\n"));
	assert_non_null(
		strstr(text, "  \"vcpu_perf_at_freeze\": [\n    null,\n    {\"cycles\": 9000, "));
}

static void a_page_is_one_line_of_numbers(void **state)
{
	const char *text = report_of(unit_full_report());
	const char *at = strstr(text, "\"bytes\": [");
	size_t nr = 0;

	(void)state;
	assert_non_null(at);
	assert_memory_equal(at, "\"bytes\": [0, 7, 14, 21, ", 24);
	for (at += strlen("\"bytes\": ["); *at != ']'; nr++) {
		char number[8];
		size_t len = strcspn(at, ",]\n");

		(void)kt_snprintf(number, sizeof(number), "%u", (unsigned)(uint8_t)(nr * 7));
		assert_int_equal(len, strlen(number));
		assert_memory_equal(at, number, len);
		at += len;
		if (*at == ',') {
			assert_memory_equal(at, ", ", 2);
			at += 2;
		}
	}
	assert_int_equal(nr, CAP_PAGE);
}

static void static_ranges_are_left_out_only_when_nothing_is_known(void **state)
{
	struct cap_report r = { .scx_static.skipped = 1 };

	(void)state;
	assert_non_null(strstr(report_of(&r), "\"scx_static_ranges\": {\n    \"skipped\": 1\n  }"));
}

static void a_degraded_report_says_why(void **state)
{
	struct cap_vcpu_regs regs[2] = { { true, 1, 2, 3 }, { 0 } };
	struct cap_degraded d = { .reason = CAP_DEGRADED_TIMEOUT " (30 s)",
				  .bss_latch_state = "not_resolved" };
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	cap_degraded_json(&d, &b);
	assert_string_equal(kt_buf_str(&b), "{\n"
					    "  \"schema\": \"degraded\",\n"
					    "  \"reason\": \"" CAP_DEGRADED_TIMEOUT " (30 s)\",\n"
					    "  \"watchpoint_hit\": false,\n"
					    "  \"bss_latch_state\": \"not_resolved\"\n"
					    "}\n");
	d.vcpu_regs = regs;
	d.nr_vcpus = 2;
	d.has_exit_kind = true;
	d.elapsed_ms = 30000;
	kt_buf_reset(&b);
	cap_degraded_json(&d, &b);
	assert_string_equal(
		kt_buf_str(&b),
		"{\n"
		"  \"schema\": \"degraded\",\n"
		"  \"reason\": \"" CAP_DEGRADED_TIMEOUT " (30 s)\",\n"
		"  \"vcpu_regs\": [\n"
		"    {\"instruction_pointer\": 1, \"stack_pointer\": 2, \"page_table_root\": 3},\n"
		"    null\n"
		"  ],\n"
		"  \"watchpoint_hit\": false,\n"
		"  \"bss_latch_state\": \"not_resolved\",\n"
		"  \"exit_kind\": 0,\n"
		"  \"elapsed_ms\": 30000\n"
		"}\n");
}

static void a_dual_report_has_both_or_says_why_not(void **state)
{
	struct cap_report late = { 0 };
	struct cap_dual d = { .late = &late, .early_skipped_reason = "peak=3j, threshold=500j" };
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	cap_dual_json(&d, &b);
	assert_string_equal(kt_buf_str(&b),
			    "{\n"
			    "  \"schema\": \"dual\",\n"
			    "  \"late\": {\n"
			    "    \"schema\": \"single\",\n"
			    "    \"maps\": []\n"
			    "  },\n"
			    "  \"early_skipped_reason\": \"peak=3j, threshold=500j\"\n"
			    "}\n");
	d = (struct cap_dual){ .early = &late,
			       .late = &late,
			       .early_max_age_jiffies = 501,
			       .early_threshold_jiffies = 500 };
	kt_buf_reset(&b);
	cap_dual_json(&d, &b);
	assert_string_equal(kt_buf_str(&b), "{\n"
					    "  \"schema\": \"dual\",\n"
					    "  \"early\": {\n"
					    "    \"schema\": \"single\",\n"
					    "    \"maps\": []\n"
					    "  },\n"
					    "  \"late\": {\n"
					    "    \"schema\": \"single\",\n"
					    "    \"maps\": []\n"
					    "  },\n"
					    "  \"early_max_age_jiffies\": 501,\n"
					    "  \"early_threshold_jiffies\": 500\n"
					    "}\n");
}

/* ---- docs/report-schema.md ---- */

static void the_docs_have_every_key_of_every_record(void **state)
{
	kt_auto(buf) struct kt_buf doc = { 0 };
	struct kt_err e = { 0 };
	const char *dump;

	(void)state;
	if (kt_file_read("docs/report-schema.md", 1 << 20, &doc, &e) < 0)
		fail_msg("not started in the tree's directory: %s", unit_err_text(&e));
	dump = strstr(kt_buf_str(&doc), "\n## The failure dump\n");
	assert_non_null(dump);
	for (const struct cap_record *const *t = cap_records; *t; t++) {
		char record[80];
		const char *at;

		/* "**rq**: `cpu`, ..." or "**map**" with a table; the report itself comes first. */
		(void)kt_snprintf(record, sizeof(record), "**%s**", (*t)->name);
		at = *t == &cap_record_report ? dump : strstr(dump, record);
		if (!at) {
			fail_msg("docs/report-schema.md says nothing of %s", record);
			return;
		}
		for (size_t i = 0; i < (*t)->nr_keys; i++) {
			char key[80];

			(void)kt_snprintf(key, sizeof(key), "`%s`", (*t)->key[i].name);
			if (!strstr(at, key))
				fail_msg("docs/report-schema.md has no %s of %s", key, record);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_value_is_one_line_with_its_kind),
		cmocka_unit_test(what_would_be_too_long_to_be_read_back_is_cut_and_said),
		cmocka_unit_test(an_enum_always_has_its_variant_and_sign),
		cmocka_unit_test(a_struct_has_a_line_for_each_plain_member),
		cmocka_unit_test(an_array_tells_its_declared_length),
		cmocka_unit_test(a_pointer_has_only_what_is_known_of_it),
		cmocka_unit_test(bytes_are_hex_pairs_and_literals_are_text),
		cmocka_unit_test(long_bytes_are_whole),
		cmocka_unit_test(what_nests_without_end_is_cut),
		cmocka_unit_test(an_empty_report_has_only_what_is_always_there),
		cmocka_unit_test(a_full_report_has_every_key_of_every_record),
		cmocka_unit_test(a_record_without_its_optional_parts_leaves_their_keys_out),
		cmocka_unit_test(a_vcpu_that_is_not_known_is_null),
		cmocka_unit_test(a_page_is_one_line_of_numbers),
		cmocka_unit_test(static_ranges_are_left_out_only_when_nothing_is_known),
		cmocka_unit_test(a_degraded_report_says_why),
		cmocka_unit_test(a_dual_report_has_both_or_says_why_not),
		cmocka_unit_test(the_docs_have_every_key_of_every_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
