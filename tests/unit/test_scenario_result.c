/* SPDX-License-Identifier: GPL-2.0-only */
/* The result: what the guest saw arrives whole or not at all. */
#include "scenario/scenario.h"

#include <errno.h>

#include "tests/unit/unit.h"

static void make_result(struct scn_result *r)
{
	*r = (struct scn_result){
		.kernel_release = "7.3.4-cloud",
		.boot_ns = 1,
		.attach_ns = 2,
		.ran_ns = UINT64_MAX,
		.sched = SCN_SCHED_DIED,
		.sched_exited = true,
		.sched_status = -1,
		.sched_lived_ns = 3,
		.exit = { .kind = SCN_EXIT_UNKNOWN,
			  .ops_name = "x",
			  .reason = "y",
			  .message = "z\nz" },
		.ops_name = "simple",
		.watchdog_set = true,
		.workers = calloc(3, sizeof(struct scn_worker_result)),
		.nr_workers = 3,
		.cpus = calloc(2, sizeof(struct scn_seen_cpu)),
		.nr_cpus = 2,
		.nodes = calloc(1, sizeof(struct scn_seen_node)),
		.nr_nodes = 1,
		.frames_lost = 4,
	};
	assert_true(r->workers && r->cpus && r->nodes);
	for (unsigned i = 0; i < 3; i++) {
		r->workers[i] = (struct scn_worker_result){
			.cgroup = i,
			.pid = 100 + i,
			.iterations = 5,
			.wall_ns = 6,
			.cpu_ns = 7,
			.run_delay_ns = 8,
			.max_gap_ns = 9,
			.max_gap_cpu = 10,
			.migrations = 11,
			.wake_p50_ns = 12,
			.wake_p99_ns = 13,
			.nr_wakes = 14,
		};
		kt_cpuset_add(&r->workers[i].cpus_seen, i * 100);
	}
	r->cpus[1].cpu = 1;
	r->cpus[1].node = 2;
	kt_cpuset_add(&r->cpus[1].core, 1);
	kt_cpuset_add(&r->cpus[1].llc, KT_CPUS_MAX - 1);
	r->nodes[0] =
		(struct scn_seen_node){ .node = 0, .memory_bytes = 1 << 30, .nr_distances = 2 };
	r->nodes[0].distance[0] = 10;
	r->nodes[0].distance[1] = 20;
}

static void a_result_survives_the_way_to_the_host(void **state)
{
	kt_auto(scn_result) struct scn_result r = { 0 };
	kt_auto(scn_result) struct scn_result q = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	make_result(&r);
	assert_int_equal(scn_result_encode(&r, &b, NULL), 0);
	assert_int_equal(scn_result_decode(b.data, b.len, &q, NULL), 0);
	assert_string_equal(q.kernel_release, "7.3.4-cloud");
	assert_true(q.boot_ns == 1 && q.attach_ns == 2 && q.ran_ns == UINT64_MAX &&
		    q.sched_lived_ns == 3);
	assert_int_equal(q.sched, SCN_SCHED_DIED);
	assert_true(q.sched_exited && q.watchdog_set);
	assert_int_equal(q.sched_status, -1);
	assert_memory_equal(&q.exit, &r.exit, sizeof(q.exit));
	assert_string_equal(q.ops_name, "simple");
	assert_int_equal(q.nr_workers, 3);
	assert_memory_equal(q.workers, r.workers, 3 * sizeof(*q.workers));
	assert_int_equal(q.nr_cpus, 2);
	assert_memory_equal(q.cpus, r.cpus, 2 * sizeof(*q.cpus));
	assert_int_equal(q.nr_nodes, 1);
	assert_memory_equal(q.nodes, r.nodes, sizeof(*q.nodes));
	assert_int_equal(q.frames_lost, 4);
}

static void a_result_cut_anywhere_is_refused(void **state)
{
	kt_auto(scn_result) struct scn_result r = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	make_result(&r);
	assert_int_equal(scn_result_encode(&r, &b, NULL), 0);
	for (size_t len = 0; len < b.len; len++) {
		struct scn_result q = { 0 };
		char *copy = malloc(len + !len);
		uint32_t body = len >= 12 ? (uint32_t)len - 12 : 0;

		assert_non_null(copy);
		memcpy(copy, b.data, len);
		assert_int_equal(scn_result_decode(copy, len, &q, NULL), -EBADMSG);
		if (len >= 12) {
			memcpy(copy + 8, &body, sizeof(body));
			assert_int_equal(scn_result_decode(copy, len, &q, NULL), -EBADMSG);
		}
		assert_null(q.workers);
		free(copy);
	}
}

static void a_flipped_bit_is_refused_or_means_exactly_what_it_says(void **state)
{
	kt_auto(scn_result) struct scn_result r = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	unsigned refused = 0, taken = 0;

	(void)state;
	make_result(&r);
	assert_int_equal(scn_result_encode(&r, &b, NULL), 0);
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		kt_auto(scn_result) struct scn_result q = { 0 };
		kt_auto(buf) struct kt_buf again = { 0 };

		b.data[bit / 8] ^= (char)(1 << bit % 8);
		if (scn_result_decode(b.data, b.len, &q, NULL) < 0) {
			refused++;
		} else {
			taken++;
			assert_int_equal(scn_result_encode(&q, &again, NULL), 0);
			assert_int_equal(again.len, b.len);
			assert_memory_equal(again.data, b.data, b.len);
		}
		b.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_true(refused > 100 && taken > 100);
}

static void the_greatest_result_fits(void **state)
{
	kt_auto(scn_result) struct scn_result r = { 0 };
	kt_auto(scn_result) struct scn_result q = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	r.nr_workers = SCN_WORKERS_MAX;
	r.workers = calloc(r.nr_workers, sizeof(*r.workers));
	r.nr_cpus = KT_CPUS_MAX;
	r.cpus = calloc(r.nr_cpus, sizeof(*r.cpus));
	assert_true(r.workers && r.cpus);
	for (size_t i = 0; i < r.nr_workers; i++)
		memset(&r.workers[i].cpus_seen, 0xff, sizeof(struct kt_cpuset));
	for (size_t i = 0; i < r.nr_cpus; i++)
		memset(&r.cpus[i].llc, 0xff, sizeof(struct kt_cpuset));
	memset(r.exit.message, 'm', sizeof(r.exit.message) - 1);
	assert_int_equal(scn_result_encode(&r, &b, NULL), 0);
	assert_true(b.len < SCN_ENCODED_MAX);
	assert_int_equal(scn_result_decode(b.data, b.len, &q, NULL), 0);
	assert_int_equal(q.nr_workers, SCN_WORKERS_MAX);
	r.nr_workers++;
	kt_buf_reset(&b);
	assert_true(scn_result_encode(&r, &b, NULL) < 0);
	r.nr_workers--;
}

static void a_worker_of_no_possible_cgroup_is_refused(void **state)
{
	kt_auto(scn_result) struct scn_result r = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct scn_result q = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	make_result(&r);
	r.workers[2].cgroup = SCN_CGROUPS_MAX;
	assert_int_equal(scn_result_encode(&r, &b, NULL), 0);
	assert_int_equal(scn_result_decode(b.data, b.len, &q, &e), -EBADMSG);
	assert_string_equal(unit_err_text(&e),
			    "decode result: workers[2]: field 'cgroup' is 64, at most 63");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_result_survives_the_way_to_the_host),
		cmocka_unit_test(a_result_cut_anywhere_is_refused),
		cmocka_unit_test(a_flipped_bit_is_refused_or_means_exactly_what_it_says),
		cmocka_unit_test(the_greatest_result_fits),
		cmocka_unit_test(a_worker_of_no_possible_cgroup_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
