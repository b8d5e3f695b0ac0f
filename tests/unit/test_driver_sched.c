/* SPDX-License-Identifier: GPL-2.0-only */
/* The loop that runs cells: packing, deaths, deadlines, Ctrl-C. The cells are functions here. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "driver/run.h"
#include "tests/unit/unit.h"

#define SECOND UINT64_C(1000000000)
enum { CELLS_MAX = 64 };

/* A run of cells that are all of one made-up test each. */
struct fixture {
	struct drv_ctx ctx;
	struct drv_run run;
	struct drv_plan plan;
	struct cfg_project project;
	struct drv_kernel kernel;
	struct kc_entry entry;
	struct drv_cell cells[CELLS_MAX];
	struct cfg_test tests[CELLS_MAX];
	struct drv_signals signals;
	char *dir;
};

static void say(int fd, uint32_t type, const void *data, uint32_t len)
{
	const struct cell_msg m = { type, len };

	(void)!write(fd, &m, sizeof(m));
	(void)!write(fd, data, len);
}

static enum scn_verdict finish(int fd, enum scn_verdict v, const char *text)
{
	const struct cell_done d = { .verdict = v };
	struct kt_buf all = { 0 };

	kt_buf_add(&all, &d, sizeof(d));
	kt_buf_adds(&all, text);
	say(fd, CELL_MSG_DONE, kt_buf_str(&all), (uint32_t)all.len);
	kt_buf_done(&all);
	return v;
}

/* Console output without a single newline: some, or for ever. */
static void babble(int fd, bool for_ever)
{
	static char text[60000];

	memset(text, 'x', sizeof(text));
	text[0] = CELL_CONSOLE;
	for (int i = 0; i < 40 || for_ever; i++)
		say(fd, CELL_MSG_OUTPUT, text, sizeof(text));
}

/* What a cell does is in its test's name. */
static enum scn_verdict cell_main(const struct cell_spec *spec, int fd)
{
	const char *name = spec->test->name;
	const unsigned char running = CELL_RUNNING;

	say(fd, CELL_MSG_PHASE, &running, 1);
	if (!strcmp(name, "passes"))
		return finish(fd, SCN_PASS, "");
	if (!strcmp(name, "fails"))
		return finish(fd, SCN_FAIL, "ktstr_test 'fails' failed:\n  max-gap: too long\n");
	if (!strcmp(name, "crashes"))
		raise(SIGKILL);
	if (!strcmp(name, "breaks-out")) {
		signal(SIGSYS, SIG_DFL); /* cmocka has a handler; a filter that kills asks none */
		raise(SIGSYS);
	}
	if (!strcmp(name, "exits"))
		_exit(7);
	if (!strcmp(name, "lies"))
		say(fd, CELL_MSG_DONE, "short", 5);
	if (!strcmp(name, "floods"))
		(void)!write(fd, &(struct cell_msg){ CELL_MSG_OUTPUT, UINT32_MAX },
			     sizeof(struct cell_msg));
	if (!strcmp(name, "babbles") || !strcmp(name, "never-shuts-up"))
		babble(fd, name[0] == 'n');
	if (!strcmp(name, "does-without")) {
		say(fd, CELL_MSG_NOTE, "no huge pages", 13);
		say(fd, CELL_MSG_NOTE, "not pinned\033[2J", 14);
	}
	if (!strcmp(name, "naps"))
		usleep(100000);
	if (!strcmp(name, "ignores-term"))
		signal(SIGTERM, SIG_IGN);
	if (!strcmp(name, "hangs") || !strcmp(name, "ignores-term"))
		for (;;)
			pause();
	return finish(fd, SCN_PASS, "");
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[] = "/tmp/ktstr-unit.XXXXXX";

	if (!f)
		return -1;
	f->dir = strdup(mkdtemp(path));
	f->entry = (struct kc_entry){ .release = (char *)(uintptr_t) "7.3" };
	f->kernel =
		(struct drv_kernel){ .name = "default", .source = "path:x", .entry = &f->entry };
	f->plan = (struct drv_plan){
		.project = &f->project, .kernels = &f->kernel, .nr_kernels = 1, .cells = f->cells
	};
	f->run = (struct drv_run){ .ctx = &f->ctx, .plan = &f->plan, .dir = f->dir };
	f->run.accel.accel = VM_ACCEL_TCG;
	f->ctx.globals.quiet = true;
	f->signals = (struct drv_signals)DRV_SIGNALS_NONE;
	signal(SIGINT, SIG_DFL); /* a shell that runs this in the background has it ignored */
	*state = f;
	return drv_signals_begin(&f->signals, NULL);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < f->plan.nr_cells; i++) {
		free(f->cells[i].spec.sidecar_path);
		free(f->cells[i].spec.log_dir);
		free(f->cells[i].cause);
		for (size_t s = 0; s <= CELL_KERNEL_LOG; s++)
			kt_buf_done(&f->cells[i].line[s]);
	}
	drv_signals_end(&f->signals);
	kt_remove_tree(f->dir, NULL);
	free(f->dir);
	free(f);
	return 0;
}

static struct drv_cell *add(struct fixture *f, const char *name)
{
	struct drv_cell *c = &f->cells[f->plan.nr_cells];
	struct cfg_test *t = &f->tests[f->plan.nr_cells];

	t->name = (char *)(uintptr_t)name;
	*c = (struct drv_cell){ .test = t, .pidfd = -1, .msg_fd = -1, .kill_at_ns = UINT64_MAX };
	c->spec = (struct cell_spec){
		.project = &f->project,
		.test = t,
		.kernel = &f->entry,
		.accel = &f->run.accel,
		.topology = (char *)(uintptr_t) "1n1l2c1t",
		.scheduler = (char *)(uintptr_t) "eevdf",
		.work_type = (char *)(uintptr_t) "none",
		.nr_cpus = 2,
		.memory_bytes = 256 << 20,
		.host_deadline_ns = 60 * SECOND,
		.run_id = "test",
	};
	c->spec.sidecar_path = kt_fmt("%s/%s-%zu.ktstr.json", f->dir, name, f->plan.nr_cells);
	c->spec.log_dir = kt_fmt("%s/%s-%zu.log", f->dir, name, f->plan.nr_cells);
	f->plan.nr_cells++;
	return c;
}

/* What is printed goes to a file, to be looked at: it is not this program's output. */
static void go(struct fixture *f, const struct drv_limits *l)
{
	kt_auto(mem) char *out = kt_fmt("%s/out", f->dir);
	int to, saved_out = dup(1), saved_err = dup(2);

	fflush(NULL);
	to = open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(to, 1);
	dup2(to, 2);
	close(to);
	assert_int_equal(drv_run_cells(&f->run, l, cell_main, &f->signals, NULL), 0);
	fflush(NULL);
	dup2(saved_out, 1);
	dup2(saved_err, 2);
	close(saved_out);
	close(saved_err);
}

static void assert_in_file(const char *path, const char *part)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	assert_int_equal(kt_file_read(path, 1 << 20, &b, NULL), 0);
	assert_non_null(strstr(kt_buf_str(&b), part));
}

static const struct drv_limits two_jobs = { .jobs = 2, .cpus = 2 };

static void every_cell_runs_and_is_counted(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 20; i++)
		add(f, i % 5 ? "passes" : "fails");
	go(f, &two_jobs);
	assert_int_equal(f->run.totals.nr[SCN_PASS], 16);
	assert_int_equal(f->run.totals.nr[SCN_FAIL], 4);
	assert_int_equal(f->run.totals.not_run, 0);
	assert_string_equal(f->cells[0].cause, "max-gap: too long");
	for (int i = 0; i < 20; i++)
		assert_int_equal(f->cells[i].state, DRV_ENDED);
}

static void a_cell_that_dies_is_an_error_that_names_the_signal(void **state)
{
	struct fixture *f = *state;
	struct drv_cell *c = add(f, "crashes");

	add(f, "passes");
	go(f, &two_jobs);
	assert_int_equal(c->verdict, SCN_ERROR);
	assert_string_equal(
		c->cause,
		"the cell's process was killed by SIGKILL in phase 'running', without a result");
	assert_int_equal(f->run.totals.nr[SCN_ERROR], 1);
	assert_int_equal(f->run.totals.nr[SCN_PASS], 1);
	assert_in_file(c->spec.sidecar_path, "\"kind\": \"cell-died\"");
	assert_in_file(c->spec.sidecar_path, "killed by SIGKILL");
}

static void a_cell_that_its_sandbox_ends_is_an_error_that_says_so(void **state)
{
	struct fixture *f = *state;
	struct drv_cell *c = add(f, "breaks-out");

	go(f, &two_jobs);
	assert_int_equal(c->verdict, SCN_ERROR);
	assert_string_equal(
		c->cause,
		"the cell's process was killed by SIGSYS in phase 'running', without a result: a system "
		"call that its vCPUs' sandbox forbids (KTSTR_NO_SANDBOX=1 goes without)");
	assert_in_file(c->spec.sidecar_path, "\"kind\": \"cell-died\"");
}

static void a_cell_that_exits_without_a_result_is_an_error(void **state)
{
	struct fixture *f = *state;

	add(f, "exits");
	add(f, "lies");
	go(f, &two_jobs);
	assert_int_equal(f->run.totals.nr[SCN_ERROR], 1);
	assert_string_equal(
		f->cells[0].cause,
		"the cell's process exited with status 7 in phase 'running', without a result");
	/* A message that is too short is passed over; the whole one after it counts. */
	assert_int_equal(f->run.totals.nr[SCN_PASS], 1);
}

static void a_message_of_absurd_length_is_not_believed(void **state)
{
	struct fixture *f = *state;
	struct drv_cell *c = add(f, "floods");

	go(f, &two_jobs);
	assert_int_equal(c->verdict, SCN_ERROR);
}

static void output_without_a_newline_is_not_kept_for_ever(void **state)
{
	struct fixture *f = *state;
	struct drv_cell *c = add(f, "babbles");

	go(f, &two_jobs);
	assert_int_equal(c->verdict, SCN_PASS);
	assert_true(c->line[CELL_CONSOLE].cap > 0);
	assert_true(c->line[CELL_CONSOLE].cap <= 256 << 10);
}

static void a_cell_past_its_deadline_is_stopped_and_named(void **state)
{
	struct fixture *f = *state;
	struct drv_cell *c = add(f, "hangs");
	uint64_t start = kt_now_ns();

	c->spec.host_deadline_ns = SECOND / 10;
	go(f, &two_jobs);
	/* The parent gives a cell ten seconds to notice it itself. */
	assert_in_range((kt_now_ns() - start) / SECOND, 10, 14);
	assert_true(c->timed_out);
	assert_int_equal(c->verdict, SCN_ERROR);
	assert_int_equal(f->run.totals.interrupted, 0);
	assert_in_file(c->spec.sidecar_path, "\"kind\": \"timeout\"");
}

/* ---- packing ---- */

static size_t most_at_once(const struct fixture *f)
{
	size_t most = 0;

	for (size_t i = 0; i < f->plan.nr_cells; i++) {
		size_t at_once = 0;

		for (size_t j = 0; j < f->plan.nr_cells; j++)
			at_once += f->cells[j].started_ns <= f->cells[i].started_ns &&
				   f->cells[j].ended_ns > f->cells[i].started_ns;
		most = at_once > most ? at_once : most;
	}
	return most;
}

static void no_more_cells_run_than_asked_for(void **state)
{
	struct fixture *f = *state;
	const struct drv_limits l = { .jobs = 3, .cpus = 1 };

	for (int i = 0; i < 9; i++)
		add(f, "naps");
	go(f, &l);
	assert_int_equal(f->run.totals.nr[SCN_PASS], 9);
	assert_int_equal(most_at_once(f), 3);
}

static void vcpu_threads_share_the_host_under_kvm(void **state)
{
	struct fixture *f = *state;
	const struct drv_limits l = { .cpus = 4 };

	f->run.accel.accel = VM_ACCEL_KVM;
	for (int i = 0; i < 6; i++)
		add(f, "naps"); /* two vCPUs each */
	assert_int_equal(drv_max_jobs(&f->run, &l), 2);
	go(f, &l);
	assert_int_equal(most_at_once(f), 2);
}

static void a_cell_in_performance_mode_has_the_host_to_itself(void **state)
{
	struct fixture *f = *state;
	const struct drv_limits l = { .jobs = 4, .cpus = 4 };

	f->run.accel.accel = VM_ACCEL_KVM;
	for (int i = 0; i < 9; i++)
		add(f, "naps")->spec.performance = i % 4 == 1;
	go(f, &l);
	assert_int_equal(f->run.totals.nr[SCN_PASS], 9);
	for (size_t i = 1; i < 9; i += 4) {
		for (size_t j = 0; j < 9; j++)
			assert_true(i == j || f->cells[j].ended_ns <= f->cells[i].started_ns ||
				    f->cells[j].started_ns >= f->cells[i].ended_ns);
	}
	assert_int_equal(most_at_once(f), 4);
}

static void emulated_cells_share_the_host_in_performance_mode_too(void **state)
{
	struct fixture *f = *state;
	const struct drv_limits l = { .jobs = 3, .cpus = 4 };

	for (int i = 0; i < 6; i++)
		add(f, "naps")->spec.performance = true;
	go(f, &l);
	assert_int_equal(most_at_once(f), 3);
}

static void what_machines_do_without_is_said_once_a_run(void **state)
{
	struct fixture *f = *state;
	const struct drv_limits l = { .jobs = 2, .cpus = 4 };
	kt_auto(mem) char *out = kt_fmt("%s/out", f->dir);
	kt_auto(buf) struct kt_buf b = { 0 };

	f->ctx.globals.quiet = false;
	for (int i = 0; i < 3; i++)
		add(f, "does-without");
	go(f, &l);
	f->ctx.globals.quiet = true;
	assert_int_equal(f->run.notes.nr, 2);
	kt_strv_done(&f->run.notes);
	assert_int_equal(kt_file_read(out, 1 << 20, &b, NULL), 0);
	assert_non_null(strstr(b.data, "note: no huge pages\n"));
	assert_null(strstr(strstr(b.data, "note: no huge") + 1, "note: no huge"));
	assert_non_null(strstr(b.data, "note: not pinned\\x1b[2J\n"));
}

static void an_emulated_cell_weighs_one_cpu(void **state)
{
	struct fixture *f = *state;
	const struct drv_limits l = { .cpus = 4 };
	struct drv_cell *c = add(f, "naps");

	c->spec.nr_cpus = 64;
	assert_int_equal(drv_cell_weight(&f->run, c, &l), 1);
	assert_int_equal(drv_max_jobs(&f->run, &l), 4);
	f->run.accel.accel = VM_ACCEL_KVM;
	assert_int_equal(drv_cell_weight(&f->run, c, &l), 4);
	assert_int_equal(drv_max_jobs(&f->run, &l), 1);
}

static void by_the_real_clock_it_has_a_thread_for_each_vcpu_that_fits(void **state)
{
	struct fixture *f = *state;
	const struct drv_limits l = { .cpus = 4 };
	struct drv_cell *c = add(f, "naps");

	f->project.tcg_clock_real = true;
	c->spec.nr_cpus = 3;
	assert_int_equal(drv_cell_weight(&f->run, c, &l), 3);
	c->spec.nr_cpus = 5; /* then the emulator runs them all on one thread */
	assert_int_equal(drv_cell_weight(&f->run, c, &l), 1);
}

static void memory_bounds_how_many_run(void **state)
{
	struct fixture *f = *state;
	const struct drv_limits l = { .jobs = 8, .cpus = 8, .memory_bytes = UINT64_C(600) << 20 };

	for (int i = 0; i < 6; i++)
		add(f, "naps"); /* 256 MiB each */
	go(f, &l);
	assert_int_equal(f->run.totals.nr[SCN_PASS], 6);
	assert_int_equal(most_at_once(f), 2);
}

static void a_guest_larger_than_the_host_is_an_error_and_the_rest_goes_on(void **state)
{
	struct fixture *f = *state;
	const struct drv_limits l = { .jobs = 2,
				      .cpus = 2,
				      .host_memory_bytes = UINT64_C(1) << 30 };
	struct drv_cell *c = add(f, "passes");

	c->spec.memory_bytes = UINT64_C(2) << 30;
	add(f, "passes");
	go(f, &l);
	assert_int_equal(f->run.totals.nr[SCN_PASS], 1);
	assert_int_equal(c->verdict, SCN_ERROR);
	assert_string_equal(
		c->cause,
		"test 'passes' needs 2.0 GiB for the guest, and this host has 1.0 GiB: give it less "
		"by 'memory' or a smaller topology");
}

static void the_biggest_cells_start_first(void **state)
{
	struct fixture *f = *state;
	const struct drv_limits l = { .jobs = 1, .cpus = 1 };
	struct drv_cell *small = add(f, "passes"), *big = add(f, "passes"),
			*small2 = add(f, "passes");

	big->spec.host_deadline_ns *= 2;
	go(f, &l);
	assert_true(big->started_ns < small->started_ns);
	assert_true(small->started_ns < small2->started_ns);
}

/* ---- Ctrl-C ---- */

/* A helper process that signals us after a while; its own life is ours to end. */
static pid_t signal_later(int times)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	for (; times; times--) {
		usleep(400000);
		kill(parent, SIGINT);
	}
	_exit(0);
}

static void interrupting_once_stops_what_runs_and_starts_no_more(void **state)
{
	struct fixture *f = *state;
	pid_t helper;

	for (int i = 0; i < 4; i++)
		add(f, "hangs");
	helper = signal_later(1);
	go(f, &two_jobs);
	waitpid(helper, NULL, 0);
	assert_int_equal(f->run.totals.interrupted, 2);
	assert_int_equal(f->run.totals.not_run, 2);
	assert_int_equal(drv_exit_of_totals(&f->run.totals), 130);
	assert_int_not_equal(access(f->cells[0].spec.sidecar_path, F_OK), 0);
}

static void interrupting_twice_kills_at_once(void **state)
{
	struct fixture *f = *state;
	uint64_t start = kt_now_ns();
	pid_t helper;

	add(f, "ignores-term");
	helper = signal_later(2);
	go(f, &two_jobs);
	waitpid(helper, NULL, 0);
	assert_int_equal(f->run.totals.interrupted, 1);
	assert_in_range((kt_now_ns() - start) / (SECOND / 10), 7,
			30); /* not the five seconds of grace */
}

static void a_cell_that_never_stops_talking_can_be_interrupted(void **state)
{
	struct fixture *f = *state;
	pid_t helper;

	add(f, "never-shuts-up");
	helper = signal_later(1);
	go(f, &two_jobs);
	waitpid(helper, NULL, 0);
	assert_int_equal(f->run.totals.interrupted, 1);
}

static void a_signal_that_was_ignored_at_the_start_stays_so(void **state)
{
	struct fixture *f = *state;

	drv_signals_end(&f->signals);
	signal(SIGHUP, SIG_IGN);
	assert_int_equal(drv_signals_begin(&f->signals, NULL), 0);
	raise(SIGHUP);
	assert_int_equal(drv_signals_take(&f->signals, &f->ctx.term), 0);
	raise(SIGTERM);
	assert_int_equal(drv_signals_take(&f->signals, &f->ctx.term), 1);
	signal(SIGHUP, SIG_DFL);
}

#define CELL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CELL_TEST(every_cell_runs_and_is_counted),
		CELL_TEST(a_cell_that_dies_is_an_error_that_names_the_signal),
		CELL_TEST(a_cell_that_its_sandbox_ends_is_an_error_that_says_so),
		CELL_TEST(a_cell_that_exits_without_a_result_is_an_error),
		CELL_TEST(a_message_of_absurd_length_is_not_believed),
		CELL_TEST(output_without_a_newline_is_not_kept_for_ever),
		CELL_TEST(a_cell_past_its_deadline_is_stopped_and_named),
		CELL_TEST(no_more_cells_run_than_asked_for),
		CELL_TEST(vcpu_threads_share_the_host_under_kvm),
		CELL_TEST(a_cell_in_performance_mode_has_the_host_to_itself),
		CELL_TEST(emulated_cells_share_the_host_in_performance_mode_too),
		CELL_TEST(what_machines_do_without_is_said_once_a_run),
		CELL_TEST(an_emulated_cell_weighs_one_cpu),
		CELL_TEST(by_the_real_clock_it_has_a_thread_for_each_vcpu_that_fits),
		CELL_TEST(memory_bounds_how_many_run),
		CELL_TEST(a_guest_larger_than_the_host_is_an_error_and_the_rest_goes_on),
		CELL_TEST(the_biggest_cells_start_first),
		CELL_TEST(interrupting_once_stops_what_runs_and_starts_no_more),
		CELL_TEST(interrupting_twice_kills_at_once),
		CELL_TEST(a_cell_that_never_stops_talking_can_be_interrupted),
		CELL_TEST(a_signal_that_was_ignored_at_the_start_stays_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
