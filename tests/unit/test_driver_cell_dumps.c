/* SPDX-License-Identifier: GPL-2.0-only */
/* Which capture becomes which file, and what is left of earlier ones. */
#include <cjson/cJSON.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/cell/coordinator.h"
#include "tests/unit/unit.h"

struct place {
	char dir[512];
	char main[600];
};

/* A directory of its own for each test. */
static void begin(struct place *p, struct cell_dumps *d, void **state, const char *name)
{
	snprintf(p->dir, sizeof(p->dir), "%s/%s", (const char *)*state, name);
	snprintf(p->main, sizeof(p->main), "%s/t-12ab.failure-dump.json", p->dir);
	assert_int_equal(kt_mkdir_p(p->dir, 0755, NULL), 0);
	*d = (struct cell_dumps){ .path = p->main };
}

static struct cap_report *report_of(const char *reason)
{
	struct cap_report *r = NULL;

	assert_int_equal(cap_report_placeholder(reason, &r, NULL), 0);
	return r;
}

static cJSON *read_json(const struct place *p, const char *name)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", p->dir, name);
	kt_auto(buf) struct kt_buf b = { 0 };
	cJSON *j;

	if (access(path, F_OK) < 0)
		return NULL;
	assert_int_equal(kt_file_read(path, 1 << 20, &b, NULL), 0);
	j = cJSON_Parse(b.data);
	assert_non_null(j);
	return j;
}

static const char *text_of(const cJSON *j, const char *key)
{
	const cJSON *v = cJSON_GetObjectItem(j, key);

	return cJSON_IsString(v) ? v->valuestring : "(none)";
}

/* A file there whose schema is that, and whose reason, if it has one, is that of its report. */
static void assert_file(const struct place *p, const char *name, const char *schema,
			const char *reason)
{
	cJSON *j = read_json(p, name);

	assert_non_null(j);
	assert_string_equal(text_of(j, "schema"), schema);
	if (reason)
		assert_string_equal(text_of(j, "scx_walker_unavailable"), reason);
	cJSON_Delete(j);
}

static const struct cap_degraded degraded = {
	.reason = CAP_DEGRADED_TIMEOUT ": 30000 ms, parked 1 of 2",
	.bss_latch_state = "not_triggered",
};
static const struct cell_early early_at = { .age = 300, .threshold = 250 };

static void take_early(struct cell_dumps *d, const char *reason)
{
	cell_dumps_early(d, &(struct cell_captured){ .report = report_of(reason) }, &early_at);
}

static void take_late(struct cell_dumps *d, const char *reason)
{
	cell_dumps_late(d, &(struct cell_captured){ .report = report_of(reason) });
}

static void an_error_exit_makes_the_main_file_and_its_text(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };

	begin(&p, &d, state, "single");
	take_late(&d, "because");
	assert_int_equal(d.state, CELL_DUMP_DONE);
	assert_true(d.has_main);
	assert_true(d.text.len > 0);
	assert_file(&p, "t-12ab.failure-dump.json", "single", "because");
	assert_int_equal(unit_nr_entries(p.dir), 1);
	cell_dumps_finish(&d);
	assert_int_equal(unit_nr_entries(p.dir), 1);
	cell_dumps_done(&d);
}

static void only_the_first_error_exit_counts(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };

	begin(&p, &d, state, "twice");
	take_late(&d, "first");
	take_late(&d, "second");
	assert_file(&p, "t-12ab.failure-dump.json", "single", "first");
	cell_dumps_done(&d);
}

static void a_machine_that_did_not_stop_makes_a_degraded_file(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };
	cJSON *j;

	begin(&p, &d, state, "degraded");
	cell_dumps_late(&d, &(struct cell_captured){ .degraded = &degraded });
	assert_int_equal(d.state, CELL_DUMP_DONE);
	j = read_json(&p, "t-12ab.failure-dump.json");
	assert_non_null(j);
	assert_string_equal(text_of(j, "schema"), "degraded");
	assert_string_equal(text_of(j, "reason"), degraded.reason);
	assert_string_equal(text_of(j, "bss_latch_state"), "not_triggered");
	cJSON_Delete(j);
	cell_dumps_done(&d);
}

static void a_false_alarm_writes_nothing_and_ends_the_search(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };

	begin(&p, &d, state, "suppressed");
	cell_dumps_late(&d, &(struct cell_captured){ 0 });
	assert_int_equal(d.state, CELL_DUMP_DONE);
	assert_int_equal(unit_nr_entries(p.dir), 0);
	cell_dumps_done(&d);
}

static void in_single_mode_there_is_no_early_capture(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };

	begin(&p, &d, state, "no_early");
	take_early(&d, "early");
	assert_int_equal(d.state, CELL_DUMP_IDLE);
	assert_null(d.early);
	cell_dumps_done(&d);
}

static void early_and_late_make_one_dual_file(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };
	cJSON *j;

	begin(&p, &d, state, "dual");
	d.dual = true;
	take_early(&d, "early");
	assert_int_equal(d.state, CELL_DUMP_TOOK_EARLY);
	assert_int_equal(unit_nr_entries(p.dir), 0); /* held back */
	take_late(&d, "late");
	assert_int_equal(d.state, CELL_DUMP_DONE);
	j = read_json(&p, "t-12ab.failure-dump.json");
	assert_non_null(j);
	assert_string_equal(text_of(j, "schema"), "dual");
	assert_string_equal(text_of(cJSON_GetObjectItem(j, "early"), "scx_walker_unavailable"),
			    "early");
	assert_string_equal(text_of(cJSON_GetObjectItem(j, "late"), "scx_walker_unavailable"),
			    "late");
	assert_int_equal(cJSON_GetObjectItem(j, "early_max_age_jiffies")->valueint, 300);
	assert_int_equal(cJSON_GetObjectItem(j, "early_threshold_jiffies")->valueint, 250);
	assert_null(cJSON_GetObjectItem(j, "early_skipped_reason"));
	cJSON_Delete(j);
	cell_dumps_finish(&d);
	assert_int_equal(unit_nr_entries(p.dir), 1);
	cell_dumps_done(&d);
}

static void a_late_one_without_an_early_one_says_why(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };
	cJSON *j;

	begin(&p, &d, state, "no_early_dual");
	d.dual = true;
	snprintf(d.skipped, sizeof(d.skipped), "max_age never crossed threshold");
	take_late(&d, "late");
	j = read_json(&p, "t-12ab.failure-dump.json");
	assert_non_null(j);
	assert_string_equal(text_of(j, "early_skipped_reason"), "max_age never crossed threshold");
	assert_null(cJSON_GetObjectItem(j, "early"));
	assert_null(cJSON_GetObjectItem(j, "early_max_age_jiffies"));
	cJSON_Delete(j);
	cell_dumps_done(&d);
}

static void a_degraded_early_one_is_a_sibling_and_the_reason_in_the_main_file(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };
	cJSON *j;

	begin(&p, &d, state, "early_degraded");
	d.dual = true;
	cell_dumps_early(&d, &(struct cell_captured){ .degraded = &degraded }, &early_at);
	assert_int_equal(d.state, CELL_DUMP_TOOK_EARLY);
	assert_file(&p, "t-12ab.snapshot.early-degraded.json", "degraded", NULL);
	take_late(&d, "late");
	j = read_json(&p, "t-12ab.failure-dump.json");
	assert_non_null(j);
	assert_string_equal(text_of(j, "early_skipped_reason"), degraded.reason);
	cJSON_Delete(j);
	cell_dumps_done(&d);
}

static void an_early_one_outlives_a_degraded_late_one(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };

	begin(&p, &d, state, "late_degraded");
	d.dual = true;
	take_early(&d, "early");
	cell_dumps_late(&d, &(struct cell_captured){ .degraded = &degraded });
	assert_file(&p, "t-12ab.failure-dump.json", "degraded", NULL);
	assert_file(&p, "t-12ab.snapshot.early-pre-late-degraded.json", "single", "early");
	cell_dumps_finish(&d);
	assert_int_equal(unit_nr_entries(p.dir), 2);
	cell_dumps_done(&d);
}

static void an_early_one_outlives_a_false_alarm(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };

	begin(&p, &d, state, "late_suppressed");
	d.dual = true;
	take_early(&d, "early");
	cell_dumps_late(&d, &(struct cell_captured){ 0 });
	assert_int_equal(unit_nr_entries(p.dir), 1);
	assert_file(&p, "t-12ab.snapshot.early-only-late-suppressed.json", "single", "early");
	cell_dumps_done(&d);
}

static void after_a_false_alarm_the_early_one_waits_for_another_exit(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };
	cJSON *j;

	begin(&p, &d, state, "false_alarm");
	d.dual = true;
	take_early(&d, "early");
	cell_dumps_suppressed(&d);
	assert_int_equal(d.state, CELL_DUMP_TOOK_EARLY);
	assert_int_equal(unit_nr_entries(p.dir), 0);
	take_late(&d, "late");
	j = read_json(&p, "t-12ab.failure-dump.json");
	assert_true(cJSON_HasObjectItem(j, "early"));
	cJSON_Delete(j);
	cell_dumps_finish(&d);
	assert_int_equal(unit_nr_entries(p.dir), 1);
	cell_dumps_done(&d);
}

static void after_a_false_alarm_alone_the_early_one_says_so(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };

	begin(&p, &d, state, "false_alarm_alone");
	d.dual = true;
	take_early(&d, "early");
	cell_dumps_suppressed(&d);
	cell_dumps_finish(&d);
	assert_int_equal(unit_nr_entries(p.dir), 1);
	assert_file(&p, "t-12ab.snapshot.early-only-late-suppressed.json", "single", "early");
	cell_dumps_done(&d);
}

static void an_early_one_without_any_late_one_is_written_at_the_end(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };

	begin(&p, &d, state, "never_fired");
	d.dual = true;
	take_early(&d, "early");
	cell_dumps_finish(&d);
	assert_int_equal(d.state, CELL_DUMP_TOOK_EARLY);
	cell_dumps_finish(&d);
	assert_int_equal(unit_nr_entries(p.dir), 1);
	assert_file(&p, "t-12ab.snapshot.early-only-late-never-fired.json", "single", "early");
	cell_dumps_done(&d);
}

/* A directory in the place of the file: rename() fails. */
static void a_sibling_that_could_not_be_written_is_tried_again_under_its_name(void **state)
{
	static const char name[] = "t-12ab.snapshot.early-pre-late-degraded.json";
	char path[700];
	struct cell_dumps d;
	struct place p = { .dir = "" };

	begin(&p, &d, state, "again");
	snprintf(path, sizeof(path), "%s/%s", p.dir, name);
	assert_int_equal(mkdir(path, 0755), 0);
	d.dual = true;
	take_early(&d, "early");
	cell_dumps_late(&d, &(struct cell_captured){ .degraded = &degraded });
	assert_non_null(d.early);
	assert_non_null(strstr(d.problem, name));
	assert_int_equal(rmdir(path), 0);
	cell_dumps_finish(&d);
	assert_null(d.early);
	assert_file(&p, name, "single", "early");
	cell_dumps_done(&d);
}

static void a_dual_file_that_could_not_be_written_does_not_cost_the_early_one(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };

	begin(&p, &d, state, "dual_lost");
	assert_int_equal(mkdir(p.main, 0755), 0);
	d.dual = true;
	take_early(&d, "early");
	cell_dumps_suppressed(&d); /* which is no longer what came of it */
	take_late(&d, "late");
	assert_false(d.has_main);
	assert_non_null(strstr(d.problem, "t-12ab.failure-dump.json"));
	cell_dumps_finish(&d);
	assert_file(&p, "t-12ab.snapshot.early-only-late-never-fired.json", "single", "early");
	cell_dumps_done(&d);
}

static void snapshots_go_on_after_the_error_exit(void **state)
{
	struct cell_dumps d;
	struct place p = { .dir = "" };

	begin(&p, &d, state, "snapshots");
	assert_int_equal(cell_dumps_snapshot(&d, "a/b c", report_of("one"), NULL), 0);
	take_late(&d, "late");
	assert_int_equal(cell_dumps_snapshot(&d, "a/b c", report_of("two"), NULL), 0);
	assert_int_equal(cell_dumps_snapshot(&d, "", report_of("three"), NULL), 0);
	assert_int_equal(cell_dumps_snapshot(&d, "", report_of("four"), NULL), 0);
	assert_file(&p, "t-12ab.snapshot.a_b_c.json", "single", "two");
	assert_file(&p, "t-12ab.on_demand_0.json", "single", "three");
	assert_file(&p, "t-12ab.on_demand_1.json", "single", "four");
	assert_int_equal(d.files.nr, 3);
	assert_string_equal(d.files.v[0], "t-12ab.snapshot.a_b_c.json");
	cell_dumps_done(&d);
}

static void names_are_made_of_the_sidecars(void **state)
{
	kt_auto(mem) char *main = cell_dump_path("/r/boot-01.ktstr.json");
	kt_auto(mem) char *tagged = cell_dump_tagged(main, "../x\n");
	kt_auto(mem) char *hidden = cell_dump_tagged("/r/.failure-dump.json", "t");
	kt_auto(mem) char *image = cell_dump_image(main);

	(void)state;
	assert_string_equal(main, "/r/boot-01.failure-dump.json");
	assert_string_equal(tagged, "/r/boot-01.snapshot..._x_.json");
	assert_string_equal(hidden, "/r/dump.snapshot.t.json");
	assert_string_equal(image, "/r/boot-01.image");
}

static void stale_files_of_this_cell_go_and_all_others_stay(void **state)
{
	static const char *const stale[] = {
		"t-12ab.failure-dump.json",
		"t-12ab.snapshot.periodic_000.json",
		"t-12ab.on_demand_0.json",
		"t-12ab.image",
		".t-12ab.failure-dump.json.0123456789abcdef.tmp",
		".t-12ab.snapshot.x.json.0123456789abcdef.tmp",
	};
	static const char *const kept[] = {
		"t-12ab.ktstr.json",          "t-12abc.failure-dump.json",
		"xt-12ab.failure-dump.json",  ".t-12ab.ktstr.json.0123456789abcdef.tmp",
		"t-12ab.failure-dump.json.2",
	};
	char path[1024];
	struct cell_dumps d;
	struct place p = { .dir = "" };

	begin(&p, &d, state, "stale");
	for (size_t i = 0; i < sizeof(stale) / sizeof(stale[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", p.dir, stale[i]);
		assert_int_equal(kt_file_write_atomic(path, "{", 1, 0644, NULL), 0);
	}
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", p.dir, kept[i]);
		assert_int_equal(kt_file_write_atomic(path, "{", 1, 0644, NULL), 0);
	}
	assert_int_equal(cell_remove_dumps(p.main, NULL), 0);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", p.dir, kept[i]);
		assert_int_equal(access(path, F_OK), 0);
	}
	assert_int_equal(unit_nr_entries(p.dir), sizeof(kept) / sizeof(kept[0]));
	assert_int_equal(cell_remove_dumps("/no/such/dir/t-12ab.failure-dump.json", NULL), 0);
	cell_dumps_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_exit_makes_the_main_file_and_its_text),
		cmocka_unit_test(only_the_first_error_exit_counts),
		cmocka_unit_test(a_machine_that_did_not_stop_makes_a_degraded_file),
		cmocka_unit_test(a_false_alarm_writes_nothing_and_ends_the_search),
		cmocka_unit_test(in_single_mode_there_is_no_early_capture),
		cmocka_unit_test(early_and_late_make_one_dual_file),
		cmocka_unit_test(a_late_one_without_an_early_one_says_why),
		cmocka_unit_test(a_degraded_early_one_is_a_sibling_and_the_reason_in_the_main_file),
		cmocka_unit_test(an_early_one_outlives_a_degraded_late_one),
		cmocka_unit_test(an_early_one_outlives_a_false_alarm),
		cmocka_unit_test(after_a_false_alarm_the_early_one_waits_for_another_exit),
		cmocka_unit_test(after_a_false_alarm_alone_the_early_one_says_so),
		cmocka_unit_test(an_early_one_without_any_late_one_is_written_at_the_end),
		cmocka_unit_test(a_sibling_that_could_not_be_written_is_tried_again_under_its_name),
		cmocka_unit_test(a_dual_file_that_could_not_be_written_does_not_cost_the_early_one),
		cmocka_unit_test(snapshots_go_on_after_the_error_exit),
		cmocka_unit_test(names_are_made_of_the_sidecars),
		cmocka_unit_test(stale_files_of_this_cell_go_and_all_others_stay),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
