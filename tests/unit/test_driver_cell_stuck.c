/* SPDX-License-Identifier: GPL-2.0-only */
/* What is told of a machine that does not stop, and what is tried of it again. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <time.h>

#include "base/file.h"
#include "tests/unit/asking_guest.h"
#include "vmm/internal.h"

enum { NR_CPUS = 3, FREEZE_MS = 20 };

/* A machine whose freezes end as they are told to. */
struct machine {
	int freeze; /* 0, or what is wrong */
	unsigned nr_freezes, nr_thaws;
	unsigned stopped; /* bit N: vCPU N did stop */
};

static int m_bell(void *m, char bell)
{
	(void)m;
	(void)bell;
	return 0;
}

static int m_freeze(void *m, struct kt_err *e)
{
	const struct timespec ts = { .tv_nsec = FREEZE_MS * 1000000L };
	struct machine *machine = m;

	machine->nr_freezes++;
	nanosleep(&ts, NULL);
	return machine->freeze ? kt_fail(e, KT_E_HOST, machine->freeze, "2 of 3 vCPUs hang") : 0;
}

static int m_thaw(void *m, struct kt_err *e)
{
	struct machine *machine = m;

	(void)e;
	machine->nr_thaws++;
	return 0;
}

static int m_read_regs(void *m, unsigned vcpu, struct vm_regs *ret, struct kt_err *e)
{
	const struct machine *machine = m;

	if (!(machine->stopped & 1U << vcpu))
		return kt_fail(e, KT_E_INTERNAL, EBUSY, "the machine is not frozen");
	*ret = (struct vm_regs){ .rip = 0x1000 + vcpu, .rsp = 0x2000, .cr3 = 0x3000 };
	return 0;
}

static const struct vm_backend backend = {
	.accel = VM_ACCEL_TCG,
	.ring_bell = m_bell,
	.freeze = m_freeze,
	.thaw = m_thaw,
	.read_regs = m_read_regs,
};

struct bench {
	struct cfg_project project;
	struct vm_accel_choice accel;
	struct cell_spec spec;
	struct machine machine;
	struct vm vm;
	struct asking_guest guest;
	struct cell_coordinator c;
	char dir[600], path[700];
};

static void begin(struct bench *b, void **state, const char *name, int freeze)
{
	*b = (struct bench){ .machine = { .freeze = freeze } };
	snprintf(b->dir, sizeof(b->dir), "%s/%s", (const char *)*state, name);
	assert_int_equal(kt_mkdir_p(b->dir, 0755, NULL), 0);
	snprintf(b->path, sizeof(b->path), "%s/t-12ab.failure-dump.json", b->dir);
	asking_begin(&b->guest, &b->c);
	b->accel.accel = VM_ACCEL_KVM;
	b->spec = (struct cell_spec){ .project = &b->project,
				      .accel = &b->accel,
				      .nr_cpus = NR_CPUS };
	b->vm = (struct vm){ .ops = &backend, .machine = &b->machine };
	assert_int_equal(cell_view_init(&b->c.view, &b->spec, &b->vm, NULL), 0);
	b->c.dumps.path = b->path;
	b->c.probed = true;
}

static void end(struct bench *b)
{
	cell_dumps_done(&b->c.dumps);
	cell_view_done(&b->c.view);
	asking_end(&b->guest);
}

static cJSON *read_json(const struct bench *b, const char *name)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	char path[800];
	cJSON *j;

	snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	assert_int_equal(kt_file_read(path, 1 << 20, &text, NULL), 0);
	j = cJSON_Parse(kt_buf_str(&text));
	assert_non_null(j);
	return j;
}

static const char *text_of(const cJSON *j, const char *key)
{
	const cJSON *v = cJSON_GetObjectItem(j, key);

	return cJSON_IsString(v) ? v->valuestring : "(none)";
}

static int number_of(const cJSON *j, const char *key)
{
	const cJSON *v = cJSON_GetObjectItem(j, key);

	return cJSON_IsNumber(v) ? v->valueint : -1;
}

/* The main file, which is a degraded one for that reason. */
static cJSON *read_degraded(const struct bench *b, const char *reason)
{
	cJSON *j = read_json(b, "t-12ab.failure-dump.json");

	assert_string_equal(text_of(j, "schema"), "degraded");
	assert_string_equal(text_of(j, "reason"), reason);
	assert_string_equal(text_of(j, "bss_latch_state"), "not_resolved");
	assert_false(cJSON_HasObjectItem(j, "exit_kind"));
	return j;
}

/* ---- the error exit ---- */

static void a_watched_write_that_stops_not_all_makes_a_degraded_dump(void **state)
{
	struct kt_err why = { 0 };
	struct bench b;
	cJSON *j, *regs;

	begin(&b, state, "stuck", ETIMEDOUT);
	b.machine.stopped = 1U << 1;
	b.c.watch.what = CELL_WATCH_KIND;
	(void)kt_fail(&why, KT_E_HOST, ETIMEDOUT, "2 of 3 vCPUs hang");
	cell_coordinator_stuck(&b.c, &why, UINT64_C(30001000000));
	j = read_degraded(&b, CAP_DEGRADED_TIMEOUT ": 2 of 3 vCPUs hang: Connection timed out");
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(j, "watchpoint_hit")));
	assert_int_equal(number_of(j, "elapsed_ms"), 30001);
	regs = cJSON_GetObjectItem(j, "vcpu_regs");
	assert_int_equal(cJSON_GetArraySize(regs), NR_CPUS);
	assert_true(cJSON_IsNull(cJSON_GetArrayItem(regs, 0)));
	assert_int_equal(number_of(cJSON_GetArrayItem(regs, 1), "instruction_pointer"), 0x1001);
	cJSON_Delete(j);
	assert_non_null(strstr(kt_buf_str(&b.c.dumps.text), "vcpus_parked: 1/3\n"));
	/* Once is enough. */
	cell_coordinator_stuck(&b.c, &why, 1);
	assert_int_equal(unit_nr_entries(b.dir), 1);
	end(&b);
}

static void a_write_that_others_watch_may_have_been_no_exit(void **state)
{
	struct kt_err why = { 0 };
	struct bench b;
	cJSON *j;

	begin(&b, state, "others", ETIMEDOUT);
	b.c.watch.what = CELL_WATCH_KIND;
	b.c.watch.nr_users = 1;
	(void)kt_fail(&why, KT_E_HOST, ETIMEDOUT, "2 of 3 vCPUs hang");
	cell_coordinator_stuck(&b.c, &why, 1);
	j = read_degraded(&b, CAP_DEGRADED_TIMEOUT ": 2 of 3 vCPUs hang: Connection timed out");
	assert_true(cJSON_IsFalse(cJSON_GetObjectItem(j, "watchpoint_hit")));
	cJSON_Delete(j);
	end(&b);
}

static void of_vcpus_that_cannot_be_asked_nothing_is_claimed(void **state)
{
	struct bench b;
	cJSON *j;

	begin(&b, state, "told", EIO);
	cell_exit_was_told(&b.c);
	j = read_degraded(&b, CAP_DEGRADED_REFUSED
			  ": freeze the machine: 2 of 3 vCPUs hang: Input/output error");
	assert_false(cJSON_IsTrue(cJSON_GetObjectItem(j, "watchpoint_hit")));
	assert_false(cJSON_HasObjectItem(j, "vcpu_regs"));
	assert_true(number_of(j, "elapsed_ms") >= FREEZE_MS);
	cJSON_Delete(j);
	assert_null(strstr(kt_buf_str(&b.c.dumps.text), "parked:"));
	end(&b);
}

static void a_machine_that_ended_instead_is_told_from_one_that_hangs(void **state)
{
	struct bench b;

	begin(&b, state, "ended", ENOTCONN);
	cell_exit_was_told(&b.c);
	cJSON_Delete(read_degraded(
		&b, CAP_DEGRADED_KILLED
		": freeze the machine: 2 of 3 vCPUs hang: Transport endpoint is not connected"));
	end(&b);
}

static void without_memory_an_exit_that_was_told_has_registers_and_why(void **state)
{
	static const char *const reasons[] = { "sdt_alloc_unavailable",
					       "prog_runtime_stats_unavailable",
					       "per_node_numa_unavailable",
					       "task_enrichments_unavailable",
					       "scx_walker_unavailable" };
	struct bench b;
	cJSON *j;

	begin(&b, state, "registers", 0);
	(void)kt_snprintf(b.c.view.types_why, sizeof(b.c.view.types_why), "its BTF is cut short");
	b.machine.stopped = 7;
	cell_exit_was_told(&b.c);
	assert_int_equal(b.machine.nr_freezes, b.machine.nr_thaws);
	cell_coordinator_finish(&b.c);
	j = read_json(&b, "t-12ab.failure-dump.json");
	assert_string_equal(text_of(j, "schema"), "single");
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		assert_string_equal(text_of(j, reasons[i]), "dump prerequisites unavailable");
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "vcpu_regs")), NR_CPUS);
	assert_false(cJSON_HasObjectItem(j, "is_placeholder"));
	cJSON_Delete(j);
	assert_string_equal(b.c.dumps.problem,
			    "a capture has only registers: its BTF is cut short");
	end(&b);
}

/* ---- captures that the guest asks for ---- */

static struct gst_snapshot_reply ask(struct bench *b, unsigned id, const char *tag)
{
	return asking_ask(&b->guest, &b->c, id, tag);
}

static void a_capture_that_timed_out_leaves_a_file_that_says_so(void **state)
{
	static const char why[] = CAP_DEGRADED_TIMEOUT
		": freeze the machine: 2 of 3 vCPUs hang: Connection timed out";
	struct gst_snapshot_reply r;
	struct bench b;
	cJSON *j;

	begin(&b, state, "placeholder", ETIMEDOUT);
	r = ask(&b, 1, "one");
	assert_int_equal(r.status, GST_SNAPSHOT_ERR);
	assert_non_null(strstr(r.reason, CAP_DEGRADED_TIMEOUT));
	j = read_json(&b, "t-12ab.snapshot.one.json");
	assert_string_equal(text_of(j, "schema"), "single");
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(j, "is_placeholder")));
	assert_string_equal(text_of(j, "scx_walker_unavailable"), why);
	assert_string_equal(text_of(j, "task_enrichments_unavailable"), why);
	assert_false(cJSON_HasObjectItem(j, "vcpu_regs"));
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "maps")), 0);
	cJSON_Delete(j);
	end(&b);
}

static void after_two_timeouts_in_a_row_it_is_given_up(void **state)
{
	struct gst_snapshot_reply r;
	struct bench b;

	begin(&b, state, "given-up", ETIMEDOUT);
	b.machine.stopped = 7;
	(void)ask(&b, 1, "one");
	b.machine.freeze = 0;
	assert_int_equal(ask(&b, 2, "two").status, GST_SNAPSHOT_OK);
	b.machine.freeze = ETIMEDOUT;
	(void)ask(&b, 3, "three");
	(void)ask(&b, 4, "four");
	assert_int_equal(b.machine.nr_freezes, 4);
	r = ask(&b, 5, "five");
	assert_int_equal(r.status, GST_SNAPSHOT_ERR);
	assert_non_null(strstr(r.reason, "given up: the machine could not be stopped 2 times"));
	assert_int_equal(b.machine.nr_freezes, 4);
	assert_int_equal(unit_nr_entries(b.dir), 4);
	end(&b);
}

/* ---- the time that it takes ---- */

static void time_that_the_machine_stands_is_kept(void **state)
{
	struct bench b;

	begin(&b, state, "stands", 0);
	assert_int_equal(cell_coordinator_stood_ns(&b.c), 0);
	assert_int_equal(cell_view_freeze(&b.c.view, NULL), 0);
	assert_int_equal(cell_view_freeze(&b.c.view, NULL), 0);
	assert_int_equal(cell_view_thaw(&b.c.view, NULL), 0);
	assert_int_equal(cell_coordinator_stood_ns(&b.c), 0); /* it stands still */
	assert_int_equal(cell_view_thaw(&b.c.view, NULL), 0);
	assert_true(cell_coordinator_stood_ns(&b.c) >= 2 * FREEZE_MS * 1000000ULL);
	b.machine.freeze = ETIMEDOUT;
	assert_int_equal(cell_view_freeze(&b.c.view, NULL), -ETIMEDOUT);
	assert_true(cell_coordinator_stood_ns(&b.c) >= 3 * FREEZE_MS * 1000000ULL);
	assert_int_equal(cell_coordinator_stood_ns(NULL), 0);
	end(&b);
}

static void a_cell_has_that_time_besides_but_not_without_end(void **state)
{
	const uint64_t second = 1000000000;
	char *argv[] = { (char *)"sched", NULL };
	struct cell_spec s = { .host_deadline_ns = 40 * second };

	(void)state;
	assert_int_equal(cell_time_ns(&s, 5 * second), 40 * second); /* without captures */
	s.plan.scheduler_argv = (struct kt_strv){ .v = argv, .nr = 1 };
	assert_int_equal(cell_time_ns(&s, 0), 40 * second);
	assert_int_equal(cell_time_ns(&s, 5 * second), 45 * second);
	assert_int_equal(cell_time_ns(&s, 5000 * second), 40 * second + cell_standing_max_ns(&s));
	assert_int_equal(cell_standing_max_ns(&s), 60 * second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_watched_write_that_stops_not_all_makes_a_degraded_dump),
		cmocka_unit_test(a_write_that_others_watch_may_have_been_no_exit),
		cmocka_unit_test(of_vcpus_that_cannot_be_asked_nothing_is_claimed),
		cmocka_unit_test(a_machine_that_ended_instead_is_told_from_one_that_hangs),
		cmocka_unit_test(without_memory_an_exit_that_was_told_has_registers_and_why),
		cmocka_unit_test(a_capture_that_timed_out_leaves_a_file_that_says_so),
		cmocka_unit_test(after_two_timeouts_in_a_row_it_is_given_up),
		cmocka_unit_test(time_that_the_machine_stands_is_kept),
		cmocka_unit_test(a_cell_has_that_time_besides_but_not_without_end),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
