/* SPDX-License-Identifier: GPL-2.0-only */
/* The sidecar, key by key, read back with another JSON library. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

#include "tests/unit/driver_cell.h"

struct world {
	struct unit_cell u;
	struct cell_outcome o;
	cJSON *json;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	unit_cell_init(&w->u, "/nonexistent");
	w->o.started = 1795244400; /* 2026-11-21T07:00:00Z */
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	cJSON_Delete(w->json);
	cell_outcome_done(&w->o);
	cell_spec_done(&w->u.spec);
	free(w);
	return 0;
}

static const cJSON *render(struct world *w)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	const char *end;

	cell_sidecar_json(&w->u.spec, &w->o, &b);
	assert_true(kt_buf_ok(&b));
	cJSON_Delete(w->json);
	w->json = cJSON_ParseWithOpts(b.data, &end, true);
	assert_non_null(w->json);
	return w->json;
}

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	if (!v)
		fail_msg("no key '%s'", key);
	return v;
}

static void assert_str(const cJSON *o, const char *key, const char *want)
{
	const cJSON *v = get(o, key);

	if (!cJSON_IsString(v))
		fail_msg("'%s' is no string", key);
	assert_string_equal(v->valuestring, want);
}

static void assert_num(const cJSON *o, const char *key, double want)
{
	const cJSON *v = get(o, key);

	if (!cJSON_IsNumber(v) || v->valuedouble < want || v->valuedouble > want)
		fail_msg("'%s' is not %g", key, want);
}

static void assert_bool(const cJSON *o, const char *key, bool want)
{
	const cJSON *v = get(o, key);

	if (!cJSON_IsBool(v) || cJSON_IsTrue(v) != want)
		fail_msg("'%s' is not %d", key, want);
}

static void assert_key_null(const cJSON *o, const char *key)
{
	if (!cJSON_IsNull(get(o, key)))
		fail_msg("'%s' is not null", key);
}

static void assert_key_empty(const cJSON *o, const char *key)
{
	const cJSON *v = get(o, key);

	if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) != 0)
		fail_msg("'%s' is no empty array", key);
}

static void pass(struct world *w)
{
	unit_cell_good_result(&w->o.result);
	w->o.has_result = w->o.machine_ran = true;
	w->o.setup_ns = 12500000;
	w->o.boot_ns = 3000000000;
	w->o.total_ns = 9000000000;
	w->o.cleanup_ns = 7000000;
	unit_cell_judge(&w->u, &w->o);
}

static void every_key_of_the_schema_is_there_with_its_type(void **state)
{
	struct world *w = *state;
	const cJSON *s, *stats, *cgroup;

	assert_int_equal(kt_strv_add(&w->u.spec.plan.sysctls, "kernel.sched_x=1"), 0);
	assert_int_equal(kt_strv_add(&w->u.test.kargs, "nosmt"), 0);
	pass(w);
	s = render(w);
	kt_strv_done(&w->u.test.kargs);
	assert_num(s, "schema_version", 1);
	assert_str(s, "test_name", "boot");
	assert_str(s, "topology", "1n1l2c1t");
	assert_str(s, "scheduler", "ktstr");
	assert_str(s, "work_type", "spin_wait");
	assert_str(s, "timestamp", "2026-11-21T07:00:00Z");
	assert_str(s, "run_id", "20261121T070000Z-1f3a5c");
	assert_key_null(s, "scheduler_commit");
	assert_str(s, "project_commit", "0123abc-dirty");
	assert_key_null(s, "payload");
	assert_str(s, "kernel_version", "7.3.0-guest");
	assert_key_null(s, "kernel_commit");
	assert_str(s, "run_source", getenv("KTSTR_CI_ENV") ? "ci" : "local");
	assert_bool(s, "passed", true);
	assert_bool(s, "skipped", false);
	assert_bool(s, "inconclusive", false);
	assert_key_empty(s, "metrics");
	stats = get(s, "stats");
	assert_num(stats, "total_workers", 2);
	assert_num(stats, "total_iterations", 2000);
	assert_num(stats, "worst_gap_ms", 5);
	cgroup = cJSON_GetArrayItem(get(stats, "cgroups"), 0);
	assert_num(cgroup, "num_workers", 2);
	assert_key_null(s, "monitor");
	assert_num(s, "periodic_fired", 0);
	assert_num(s, "periodic_target", 0);
	assert_num(s, "vcpus", 2);
	assert_true(cJSON_IsNumber(get(s, "cpu_budget")));
	assert_in_range(get(s, "cpu_budget")->valueint, 1, 2);
	assert_key_empty(s, "stimulus_events");
	assert_key_empty(s, "verifier_stats");
	assert_key_null(s, "kvm_stats");
	assert_string_equal(cJSON_GetArrayItem(get(s, "sysctls"), 0)->valuestring,
			    "sysctl.kernel.sched_x=1");
	assert_string_equal(cJSON_GetArrayItem(get(s, "kargs"), 0)->valuestring, "nosmt");
	assert_true(cJSON_IsObject(get(s, "host")));
	assert_num(s, "cleanup_duration_ms", 7);
}

static void keys_beyond_the_schema(void **state)
{
	struct world *w = *state;
	const cJSON *s, *part;

	pass(w);
	s = render(w);
	assert_str(s, "verdict", "pass");
	assert_str(s, "variant_hash", "0000000000000123");
	assert_str(s, "kernel_key", "7.3-x86_64-d1");
	assert_key_null(s, "error");
	assert_key_empty(s, "findings");
	assert_num(s, "findings_left_out", 0);
	assert_bool(s, "performance", false);
	assert_int_equal(cJSON_GetArraySize(get(s, "vm_notes")), 0);
	assert_num(s, "memory_bytes", 256 << 20);
	part = get(s, "accel");
	assert_str(part, "name", "tcg");
	assert_str(part, "why", "tcg: no /dev/kvm");
	assert_str(part, "version", "QEMU 10.0.2");
	part = get(s, "timings");
	assert_num(part, "setup_ms", 12.5);
	assert_num(part, "boot_ms", 3000);
	assert_num(part, "attach_ms", 250);
	assert_num(part, "ran_ms", 1000);
	assert_num(part, "total_ms", 9000);
	part = get(s, "frames");
	assert_num(part, "lost", 0);
	assert_num(part, "bad_checksum", 0);
	assert_num(part, "unknown_type", 0);
}

static void the_topology_that_the_guest_saw(void **state)
{
	struct world *w = *state;
	const cJSON *part, *item;

	pass(w);
	part = get(render(w), "guest_topology");
	assert_int_equal(cJSON_GetArraySize(get(part, "cpus")), 2);
	item = cJSON_GetArrayItem(get(part, "cpus"), 1);
	assert_num(item, "cpu", 1);
	assert_num(item, "node", 0);
	assert_str(item, "core", "1");
	assert_str(item, "llc", "0-1");
	item = cJSON_GetArrayItem(get(part, "nodes"), 0);
	assert_num(item, "node", 0);
	assert_num(item, "memory_bytes", 200 << 20);
	assert_str(item, "cpus", "0-1");
	assert_int_equal(cJSON_GetArrayItem(get(item, "distances"), 0)->valueint, 10);
}

static void the_exit_of_a_scheduler(void **state)
{
	struct world *w = *state;
	const cJSON *part, *process;

	unit_cell_good_result(&w->o.result);
	w->o.has_result = true;
	w->o.result.sched = SCN_SCHED_DIED;
	w->o.result.sched_exited = true;
	w->o.result.sched_status = 3 << 8;
	w->o.result.exit.kind = SCN_EXIT_ERROR_STALL;
	snprintf(w->o.result.exit.reason, sizeof(w->o.result.exit.reason), "runnable task stall");
	snprintf(w->o.result.exit.message, sizeof(w->o.result.exit.message),
		 "spin[7] failed to run for 3.004s");
	part = get(render(w), "scheduler_exit");
	assert_str(part, "state", "died");
	assert_num(part, "kind", 1026);
	assert_str(part, "name", "ERROR_STALL");
	assert_str(part, "reason", "runnable task stall");
	assert_str(part, "message", "spin[7] failed to run for 3.004s");
	assert_str(part, "ops_name", "ktstr");
	assert_num(part, "lived_ms", 1100);
	assert_bool(part, "watchdog_set", false);
	process = get(part, "process");
	assert_num(process, "status", 3);
	assert_key_null(process, "signal");
	w->o.result.sched_status = SIGSEGV;
	process = get(get(render(w), "scheduler_exit"), "process");
	assert_key_null(process, "status");
	assert_num(process, "signal", SIGSEGV);
	w->o.result.sched_exited = false;
	process = get(get(render(w), "scheduler_exit"), "process");
	assert_key_null(process, "status");
	assert_key_null(process, "signal");
}

static void the_kernels_own_scheduler_has_no_exit(void **state)
{
	struct world *w = *state;

	unit_cell_without_scheduler(&w->u);
	pass(w);
	assert_key_null(render(w), "scheduler_exit");
}

static void at_most_one_of_the_three_flags(void **state)
{
	static const struct {
		const char *name;
		enum scn_verdict verdict;
		bool passed, skipped, inconclusive;
	} rows[] = {
		{ "skip", SCN_SKIP, false, true, false },
		{ "pass", SCN_PASS, true, false, false },
		{ "inconclusive", SCN_INCONCLUSIVE, false, false, true },
		{ "error", SCN_ERROR, false, true, false },
		{ "fail", SCN_FAIL, false, false, false },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const cJSON *s;

		w->o.judgement.verdict = rows[i].verdict;
		s = render(w);
		assert_str(s, "verdict", rows[i].name);
		assert_bool(s, "passed", rows[i].passed);
		assert_bool(s, "skipped", rows[i].skipped);
		assert_bool(s, "inconclusive", rows[i].inconclusive);
	}
}

static void an_error_has_kind_and_text_and_a_failure_has_not(void **state)
{
	struct world *w = *state;
	const cJSON *s, *finding;

	scn_judge_add(&w->o.judgement, SCN_INCONCLUSIVE, "max-spread", "nothing to compare");
	scn_judge_add(&w->o.judgement, SCN_ERROR, "kernel-panic", "the kernel panicked");
	s = render(w);
	assert_str(get(s, "error"), "kind", "kernel-panic");
	assert_str(get(s, "error"), "text", "the kernel panicked");
	assert_int_equal(cJSON_GetArraySize(get(s, "findings")), 2);
	finding = cJSON_GetArrayItem(get(s, "findings"), 0);
	assert_str(finding, "verdict", "inconclusive");
	assert_str(finding, "check", "max-spread");
	assert_str(finding, "text", "nothing to compare");
	assert_key_null(s, "cleanup_duration_ms");
	assert_key_null(s, "guest_topology");
	assert_key_null(s, "scheduler_exit");
	assert_str(s, "kernel_version", "7.3.0-test");
	scn_judge_add(&w->o.judgement, SCN_FAIL, "max-gap", "too long");
	assert_key_null(render(w), "error");
}

static void the_host_is_described(void **state)
{
	const cJSON *host = get(render(*state), "host");
	static const char *const strings[] = { "kernel_name", "kernel_release", "arch",
					       "kernel_cmdline" };
	static const char *const numbers[] = { "total_memory_kb", "online_cpus" };
	static const char *const maybe[] = { "cpu_model",         "cpu_vendor",
					     "hugepages_total",   "hugepages_free",
					     "hugepages_size_kb", "thp_enabled",
					     "thp_defrag",        "numa_nodes" };

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		assert_true(cJSON_IsString(get(host, strings[i])));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		assert_true(cJSON_IsNumber(get(host, numbers[i])) &&
			    get(host, numbers[i])->valuedouble > 0);
	for (size_t i = 0; i < sizeof(maybe) / sizeof(maybe[0]); i++)
		(void)get(host, maybe[i]);
	assert_str(host, "kernel_name", "Linux");
	assert_true(cJSON_IsObject(get(host, "sched_tunables")));
	assert_true(cJSON_IsObject(get(host, "cpufreq_governor")));
	assert_key_null(host, "heap_state");
}

/* ---- files ---- */

static void an_error_sidecar_of_a_cell_that_said_nothing(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct unit_cell u;
	struct stat st;
	cJSON *s;

	unit_cell_init(&u, *state);
	/* Refused before its kernel was fetched or its accelerator chosen. */
	u.spec.kernel = NULL;
	u.spec.accel = NULL;
	assert_int_equal(cell_write_error_sidecar(&u.spec, "cell-died",
						  "the cell's process was killed by SIGKILL", NULL),
			 0);
	assert_int_equal(stat(u.spec.sidecar_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(kt_file_read(u.spec.sidecar_path, 1 << 20, &b, NULL), 0);
	s = cJSON_Parse(b.data);
	assert_non_null(s);
	assert_str(s, "verdict", "error");
	assert_bool(s, "skipped", true);
	assert_str(get(s, "error"), "kind", "cell-died");
	assert_str(get(s, "error"), "text", "the cell's process was killed by SIGKILL");
	assert_key_null(s, "kernel_version");
	assert_key_null(s, "accel");
	cJSON_Delete(s);
	cell_spec_done(&u.spec);
}

static void a_sidecar_that_cannot_be_written_names_its_path(void **state)
{
	struct kt_err e = { 0 };
	struct unit_cell u;

	(void)state;
	unit_cell_init(&u, "/nonexistent");
	assert_int_equal(cell_write_error_sidecar(&u.spec, "host", "x", &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_non_null(strstr(unit_err_text(&e), "/nonexistent/boot-0000000000000123.ktstr.json"));
	cell_spec_done(&u.spec);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void what_the_machine_did_without_is_listed(void **state)
{
	struct world *w = *state;
	const cJSON *s, *notes;

	w->u.spec.performance = true;
	assert_int_equal(kt_strv_add(&w->o.notes, "cannot pin 4 vCPUs: no"), 0);
	assert_int_equal(kt_strv_add(&w->o.notes, "no huge pages"), 0);
	s = render(w);
	assert_bool(s, "performance", true);
	notes = get(s, "vm_notes");
	assert_int_equal(cJSON_GetArraySize(notes), 2);
	assert_string_equal(cJSON_GetArrayItem(notes, 0)->valuestring, "cannot pin 4 vCPUs: no");
	assert_string_equal(cJSON_GetArrayItem(notes, 1)->valuestring, "no huge pages");
}

int main(void)
{
	const struct CMUnitTest pure[] = {
		WORLD_TEST(every_key_of_the_schema_is_there_with_its_type),
		WORLD_TEST(keys_beyond_the_schema),
		WORLD_TEST(what_the_machine_did_without_is_listed),
		WORLD_TEST(the_topology_that_the_guest_saw),
		WORLD_TEST(the_exit_of_a_scheduler),
		WORLD_TEST(the_kernels_own_scheduler_has_no_exit),
		WORLD_TEST(at_most_one_of_the_three_flags),
		WORLD_TEST(an_error_has_kind_and_text_and_a_failure_has_not),
		WORLD_TEST(the_host_is_described),
	};
	const struct CMUnitTest files[] = {
		cmocka_unit_test(an_error_sidecar_of_a_cell_that_said_nothing),
		cmocka_unit_test(a_sidecar_that_cannot_be_written_names_its_path),
	};
	int failed = cmocka_run_group_tests(pure, NULL, NULL);

	return failed + cmocka_run_group_tests(files, unit_tmp_setup, unit_tmp_teardown);
}
