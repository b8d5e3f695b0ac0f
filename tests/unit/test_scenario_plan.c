/* SPDX-License-Identifier: GPL-2.0-only */
/* The plan: what goes in comes out, and nothing that is not a plan does. */
#include "scenario/scenario.h"

#include <errno.h>

#include "tests/unit/unit.h"

enum { HEADER_BYTES = 12 };

static void make_plan(struct scn_plan *p)
{
	*p = (struct scn_plan){
		.test_name = strdup("two_cgroups"),
		.duration_ns = 10000000000,
		.attach_timeout_ns = 5,
		.watchdog_ns = 3000000000,
		.ops_value_bytes = 448,
		.ops_timeout_offset = 312,
		.nr_periodic = 3,
		.cgroups = calloc(2, sizeof(struct scn_cgroup)),
		.nr_cgroups = 2,
	};
	assert_non_null(p->cgroups);
	assert_int_equal(kt_strv_add(&p->sysctls, "kernel.sched_x=1"), 0);
	assert_int_equal(kt_strv_add(&p->scheduler_argv, "/ktstr/scheduler"), 0);
	assert_int_equal(kt_strv_add(&p->scheduler_argv, ""), 0);
	p->cgroups[0] = (struct scn_cgroup){
		.name = "a",
		.nr_workers = 4,
		.work = { SCN_WORK_PIPE_IO, 0, 0 },
		.nice = -20,
		.has_cpuset = true,
	};
	kt_cpuset_add(&p->cgroups[0].cpuset, 0);
	kt_cpuset_add(&p->cgroups[0].cpuset, 129);
	p->cgroups[1] = (struct scn_cgroup){
		.name = "b",
		.nr_workers = 1,
		.work = { SCN_WORK_BURSTY, 2000000, 8000000 },
		.nice = 19,
	};
}

static void encode(const struct scn_plan *p, struct kt_buf *b)
{
	struct kt_err e = { 0 };

	if (scn_plan_encode(p, b, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
}

static void a_plan_survives_the_way_to_the_guest(void **state)
{
	kt_auto(scn_plan) struct scn_plan p = { 0 };
	kt_auto(scn_plan) struct scn_plan q = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	make_plan(&p);
	encode(&p, &b);
	assert_int_equal(scn_plan_decode(b.data, b.len, &q, NULL), 0);
	assert_string_equal(q.test_name, "two_cgroups");
	assert_true(q.duration_ns == 10000000000 && q.attach_timeout_ns == 5 &&
		    q.watchdog_ns == 3000000000);
	assert_int_equal(q.ops_value_bytes, 448);
	assert_int_equal(q.ops_timeout_offset, 312);
	assert_int_equal(q.nr_periodic, 3);
	assert_int_equal(q.sysctls.nr, 1);
	assert_string_equal(q.sysctls.v[0], "kernel.sched_x=1");
	assert_int_equal(q.scheduler_argv.nr, 2);
	assert_string_equal(q.scheduler_argv.v[0], "/ktstr/scheduler");
	assert_string_equal(q.scheduler_argv.v[1], "");
	assert_int_equal(q.nr_cgroups, 2);
	assert_memory_equal(q.cgroups, p.cgroups, 2 * sizeof(struct scn_cgroup));
}

static void an_empty_plan_survives_too(void **state)
{
	kt_auto(scn_plan) struct scn_plan p = { 0 };
	kt_auto(scn_plan) struct scn_plan q = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	encode(&p, &b);
	assert_int_equal(scn_plan_decode(b.data, b.len, &q, NULL), 0);
	assert_string_equal(q.test_name, "");
	assert_int_equal(q.nr_cgroups + q.sysctls.nr + q.scheduler_argv.nr, 0);
}

static void a_plan_cut_anywhere_is_refused(void **state)
{
	kt_auto(scn_plan) struct scn_plan p = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	make_plan(&p);
	encode(&p, &b);
	for (size_t len = 0; len < b.len; len++) {
		struct scn_plan q = { 0 };
		struct kt_err e = { 0 };
		char *copy = malloc(len + !len);

		/* Its own allocation, so that a sanitizer sees a byte read behind the end. */
		assert_non_null(copy);
		memcpy(copy, b.data, len);
		assert_int_equal(scn_plan_decode(copy, len, &q, &e), -EBADMSG);
		assert_int_equal(e.kind, KT_E_GUEST);
		assert_null(q.test_name);
		free(copy);
	}
}

/* Cut inside, with a header that says so: the fields themselves must notice. */
static void a_body_cut_anywhere_is_refused(void **state)
{
	kt_auto(scn_plan) struct scn_plan p = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	make_plan(&p);
	encode(&p, &b);
	for (size_t len = HEADER_BYTES; len < b.len; len++) {
		uint32_t body = (uint32_t)(len - HEADER_BYTES);
		struct scn_plan q = { 0 };
		char *copy = malloc(len);

		assert_non_null(copy);
		memcpy(copy, b.data, len);
		memcpy(copy + 8, &body, sizeof(body));
		assert_int_equal(scn_plan_decode(copy, len, &q, NULL), -EBADMSG);
		free(copy);
	}
}

static void a_flipped_bit_is_refused_or_means_exactly_what_it_says(void **state)
{
	kt_auto(scn_plan) struct scn_plan p = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	unsigned refused = 0, taken = 0;

	(void)state;
	make_plan(&p);
	encode(&p, &b);
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		kt_auto(scn_plan) struct scn_plan q = { 0 };
		kt_auto(buf) struct kt_buf again = { 0 };

		b.data[bit / 8] ^= (char)(1 << bit % 8);
		if (scn_plan_decode(b.data, b.len, &q, NULL) < 0) {
			refused++;
		} else {
			taken++;
			encode(&q, &again);
			assert_int_equal(again.len, b.len);
			assert_memory_equal(again.data, b.data, b.len);
		}
		b.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_true(refused > 100 && taken > 100);
}

static void refuse(struct scn_plan *p, const char *text)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct scn_plan q = { 0 };
	struct kt_err e = { 0 };

	encode(p, &b);
	assert_int_equal(scn_plan_decode(b.data, b.len, &q, &e), -EBADMSG);
	assert_int_equal(e.kind, KT_E_GUEST);
	assert_string_equal(unit_err_text(&e), text);
}

static void the_error_names_the_field(void **state)
{
	kt_auto(scn_plan) struct scn_plan p = { 0 };

	(void)state;
	make_plan(&p);
	p.cgroups[1].work.type = SCN_WORK_NR;
	refuse(&p, "decode plan: cgroups[1]: field 'type' is 4, at most 3");
	p.cgroups[1].work.type = SCN_WORK_BURSTY;
	p.cgroups[0].nr_workers = 3;
	refuse(&p, "decode plan: cgroups[0]: field 'nr_workers': 3, pipe_io needs a multiple of 2");
	p.cgroups[0].nr_workers = SCN_WORKERS_MAX + 2;
	refuse(&p, "decode plan: cgroups[0]: field 'nr_workers' is 4098, at most 4096");
	p.cgroups[0].nr_workers = SCN_WORKERS_MAX;
	refuse(&p, "decode plan: field 'cgroups': 4097 workers, at most 4096");
	p.cgroups[0].nr_workers = 2;
	p.cgroups[0].nice = 20;
	refuse(&p, "decode plan: cgroups[0]: field 'nice': 20, not within -20..19");
	p.cgroups[0].nice = 0;
	p.cgroups[0].has_cpuset = false;
	refuse(&p, "decode plan: cgroups[0]: field 'cpuset': has_cpuset and the set disagree");
	p.cgroups[0].has_cpuset = true;
	(void)kt_snprintf(p.cgroups[0].name, SCN_NAME_MAX, "../x");
	refuse(&p, "decode plan: cgroups[0]: field 'name': '../x' is no cgroup name");
	(void)kt_snprintf(p.cgroups[0].name, SCN_NAME_MAX, "a");
	assert_int_equal(kt_strv_add(&p.sysctls, "../etc/passwd=1"), 0);
	refuse(&p, "decode plan: field 'sysctls': '../etc/passwd=1' is not NAME=VALUE");
}

static void another_version_is_refused_by_number(void **state)
{
	kt_auto(scn_plan) struct scn_plan p = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct scn_plan q = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	make_plan(&p);
	encode(&p, &b);
	b.data[4] = 9;
	assert_int_equal(scn_plan_decode(b.data, b.len, &q, &e), -EBADMSG);
	assert_string_equal(unit_err_text(&e), "decode plan: version 9, this program speaks 2");
}

static void a_result_is_no_plan(void **state)
{
	struct scn_result r = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct scn_plan q = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(scn_result_encode(&r, &b, NULL), 0);
	assert_int_equal(scn_plan_decode(b.data, b.len, &q, &e), -EBADMSG);
	assert_string_equal(unit_err_text(&e), "decode plan: magic 0x5352544b, not 0x4c50544b");
}

static void a_lie_about_a_count_asks_for_no_memory(void **state)
{
	kt_auto(scn_plan) struct scn_plan p = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct scn_plan q = { 0 };
	struct kt_err e = { 0 };
	uint32_t lie = SCN_CGROUPS_MAX;

	(void)state;
	encode(&p, &b);
	/* The count of cgroups is the last word of an empty plan. */
	memcpy(b.data + b.len - sizeof(lie), &lie, sizeof(lie));
	assert_int_equal(scn_plan_decode(b.data, b.len, &q, &e), -EBADMSG);
	assert_string_equal(unit_err_text(&e),
			    "decode plan: field 'cgroups' has 64 items: at most 64, in 0 bytes");
}

static void too_much_is_our_own_mistake(void **state)
{
	kt_auto(scn_plan) struct scn_plan p = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	kt_auto(mem) char *longer = malloc(SCN_TEXT_MAX + 1);
	struct kt_err e = { 0 };

	(void)state;
	assert_non_null(longer);
	memset(longer, 'x', SCN_TEXT_MAX);
	longer[SCN_TEXT_MAX] = '\0';
	p.test_name = kt_take(longer);
	assert_true(scn_plan_encode(&p, &b, &e) < 0);
	assert_int_equal(e.kind, KT_E_INTERNAL);
	assert_string_equal(unit_err_text(&e),
			    "encode plan: field 'test_name': 4096, at most 4096");
	assert_int_equal(b.len, 0);
}

static void the_json_has_every_field_by_name(void **state)
{
	kt_auto(scn_plan) struct scn_plan p = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	(void)state;
	make_plan(&p);
	kt_json_init(&j, &b, false);
	scn_plan_json(&p, &j, NULL);
	kt_json_finish(&j);
	assert_string_equal(
		kt_buf_str(&b),
		"{\"test_name\":\"two_cgroups\",\"duration_ns\":10000000000,\"sysctls\":[\"kernel.sched_x=1\"],"
		"\"scheduler_argv\":[\"/ktstr/scheduler\",\"\"],\"attach_timeout_ns\":5,\"watchdog_ns\":3000000000,"
		"\"ops_value_bytes\":448,\"ops_timeout_offset\":312,\"nr_periodic\":3,\"cgroups\":["
		"{\"name\":\"a\",\"nr_workers\":4,\"work\":{\"type\":\"pipe_io\",\"burst_ns\":0,\"sleep_ns\":0},"
		"\"nice\":-20,\"has_cpuset\":true,\"cpuset\":\"0,129\"},"
		"{\"name\":\"b\",\"nr_workers\":1,\"work\":{\"type\":\"bursty\",\"burst_ns\":2000000,"
		"\"sleep_ns\":8000000},\"nice\":19,\"has_cpuset\":false,\"cpuset\":\"\"}]}");
}

static void every_work_type_has_a_row(void **state)
{
	(void)state;
	for (int i = 0; i < SCN_WORK_NR; i++) {
		const struct scn_work_info *w = &scn_work_types[i];

		assert_true(w->name && w->help && w->group >= 1);
		assert_int_equal(w->has_burst, w->default_burst_ns > 0);
		assert_int_equal(w->has_burst, w->default_sleep_ns > 0);
	}
	assert_int_equal(scn_work_types[SCN_WORK_PIPE_IO].group, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_survives_the_way_to_the_guest),
		cmocka_unit_test(an_empty_plan_survives_too),
		cmocka_unit_test(a_plan_cut_anywhere_is_refused),
		cmocka_unit_test(a_body_cut_anywhere_is_refused),
		cmocka_unit_test(a_flipped_bit_is_refused_or_means_exactly_what_it_says),
		cmocka_unit_test(the_error_names_the_field),
		cmocka_unit_test(another_version_is_refused_by_number),
		cmocka_unit_test(a_result_is_no_plan),
		cmocka_unit_test(a_lie_about_a_count_asks_for_no_memory),
		cmocka_unit_test(too_much_is_our_own_mistake),
		cmocka_unit_test(the_json_has_every_field_by_name),
		cmocka_unit_test(every_work_type_has_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
