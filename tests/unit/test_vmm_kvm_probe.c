/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest that finds out what KVM can do, and the file that its answer is kept in. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/unit/kvm_device.h"
#include "vmm/kvm/internal.h"

#define LACKS "/dev/kvm cannot run a stock kernel: it lacks "

/* What this host's KVM answers, found out once. */
static struct {
	bool known;
	int r;
	char text[KT_ERR_TEXT_BYTES];
} truth;

static void need_kvm(void)
{
	struct kt_err e = { 0 };
	struct kvm_caps caps;
	int fd = -1;

	if (kvm_open(&fd, &caps, &e) < 0)
		unit_require("kvm-small", unit_err_text(&e));
	close(fd);
	if (truth.known)
		return;
	e = (struct kt_err){ 0 };
	truth.r = kvm_probe_run(&e);
	(void)kt_snprintf(truth.text, sizeof(truth.text), "%s", truth.r ? unit_err_text(&e) : "");
	truth.known = true;
}

/* ---- the guest ---- */

static void the_probe_comes_to_an_answer_that_names_what_is_missing(void **state)
{
	(void)state;
	need_kvm();
	if (truth.r == 0)
		return;
	if (truth.r != -ENOTSUP)
		fail_msg("%s", truth.text);
	assert_true(kt_starts_with(truth.text, LACKS));
	print_message("# this host: %s\n", truth.text);
	/* However little it can do, this much it can. */
	assert_null(strstr(truth.text, "64-bit mode"));
	assert_null(strstr(truth.text, "cpuid"));
}

static void assert_truth(int r, const struct kt_err *e)
{
	assert_int_equal(r, truth.r);
	if (r == 0)
		return;
	assert_int_equal(e->kind, KT_E_HOST);
	assert_string_equal(unit_err_text(e), truth.text);
}

static void the_probe_leaves_nothing_behind(void **state)
{
	unsigned fds, threads;
	sigset_t before = { 0 }, after = { 0 }; /* the kernel writes eight bytes of them */
	struct kt_err e = { 0 };
	kt_auto(buf) struct kt_buf timers = { 0 };

	(void)state;
	need_kvm();
	fds = unit_nr_entries("/proc/self/fd");
	threads = unit_nr_entries("/proc/self/task");
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_truth(kvm_probe_run(&e), &e);
	assert_int_equal(unit_nr_entries("/proc/self/fd"), fds);
	assert_int_equal(unit_nr_entries("/proc/self/task"), threads);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	if (access("/proc/self/timers", F_OK) == 0) /* CONFIG_CHECKPOINT_RESTORE */
		assert_int_equal(kt_file_read("/proc/self/timers", 4096, &timers, NULL), 0);
	assert_string_equal(kt_buf_str(&timers), "");
}

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

/* A progress bar's timer, a resized terminal. */
static void signals_of_others_do_not_change_the_answer(void **state)
{
	const struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = on_alarm }, old;

	(void)state;
	need_kvm();
	assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	for (int i = 0; i < 20 || alarms < 5; i++) {
		struct kt_err e = { 0 };

		assert_truth(kvm_probe_run(&e), &e);
	}
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
}

/* ---- what it does without ---- */

static void each_capability_that_is_absent_is_named_with_its_cost(void **state)
{
	const struct kvm_caps all = {
		.vcpu_tsc_offset = true,
		.adjust_clock = true,
		.clock_ctrl = true,
		.tsc_deadline = true,
		.x2apic_api = true,
		.halt_poll = true,
		.x86_disable_exits = true,
		.max_vcpus = 252,
	};
	struct kvm_caps few = { .max_vcpus = 8 };
	kt_auto(strv) struct kt_strv none = { 0 };
	kt_auto(strv) struct kt_strv v = { 0 };

	(void)state;
	assert_int_equal(kvm_lacks(&all, &none), 0);
	assert_int_equal(none.nr, 0);
	assert_int_equal(kvm_lacks(&few, &v), 0);
	assert_int_equal(v.nr, 8);
	assert_string_equal(
		v.v[0], "no KVM_VCPU_TSC_OFFSET: guests see the pauses of captures in their TSC");
	assert_string_equal(v.v[7], "at most 8 vCPUs: no larger topologies");
	for (size_t i = 0; i < v.nr; i++) {
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(v.v[i], v.v[k]);
	}
}

/* ---- the file ---- */

/* A cache directory of its own, with the answer in it; *ret_file is that file's path. */
static char *fresh_cache(void **state, char **ret_file)
{
	static unsigned nr;
	char *dir = kt_fmt("%s/cache%u", (char *)*state, nr++);
	struct kt_err e = { 0 };

	need_kvm();
	*ret_file = kt_fmt("%s/kvm-probe.json", dir);
	assert_truth(kvm_probe(dir, false, NULL, &e), &e);
	assert_int_equal(access(*ret_file, R_OK), 0);
	return dir;
}

static char *contents(const char *path)
{
	struct kt_buf b = { 0 };

	assert_int_equal(kt_file_read(path, 1 << 20, &b, NULL), 0);
	return kt_buf_take(&b);
}

static void put(const char *path, const char *text)
{
	assert_int_equal(kt_file_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

/* @text with the first @old replaced. */
static char *replaced(const char *text, const char *old, const char *new)
{
	const char *at = strstr(text, old);

	assert_non_null(at);
	return kt_fmt("%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
}

/* The whole "host" member of @text, for another one to be put there. */
static char *host_of(const char *text)
{
	const char *at = strstr(text, "\"host\""), *end;

	assert_non_null(at);
	end = strchr(at, '\n');
	assert_non_null(end);
	return strndup(at, (size_t)(end - at));
}

/* An answer that this host does not give, for this host. */
static char *lie(const char *file)
{
	kt_auto(mem) char *good = contents(file);
	kt_auto(mem) char *host = host_of(good);

	return truth.r == 0
		       ? kt_fmt("{ \"schema_version\": 1, %s \"can_run\": false, \"missing\": \"" LACKS
				"wings\" }",
				host)
		       : kt_fmt("{ \"schema_version\": 1, %s \"can_run\": true, \"missing\": \"\" }",
				host);
}

static void what_was_found_before_is_believed_in_the_same_boot(void **state)
{
	kt_auto(mem) char *file = NULL;
	kt_auto(mem) char *dir = fresh_cache(state, &file);
	kt_auto(mem) char *text = lie(file);
	kt_auto(mem) char *after = NULL;
	struct kt_err e = { 0 };

	put(file, text);
	assert_int_equal(kvm_probe(dir, false, NULL, &e), truth.r == 0 ? -ENOTSUP : 0);
	if (truth.r == 0)
		assert_string_equal(unit_err_text(&e), LACKS "wings");
	after = contents(file);
	assert_string_equal(after, text);
}

static void looking_anew_finds_the_truth_and_keeps_it(void **state)
{
	kt_auto(mem) char *file = NULL;
	kt_auto(mem) char *dir = fresh_cache(state, &file);
	kt_auto(mem) char *good = contents(file);
	kt_auto(mem) char *text = lie(file);
	kt_auto(strv) struct kt_strv lacks = { 0 };
	kt_auto(mem) char *after = NULL;
	struct kt_err e = { 0 };

	put(file, text);
	assert_truth(vm_check_kvm(dir, &lacks, &e), &e);
	after = contents(file);
	assert_string_equal(after, good);
}

static void another_boot_device_or_program_is_another_host(void **state)
{
	static const struct {
		const char *from, *to;
	} changes[] = {
		{ "boot ", "boot 0" },
		{ "device ", "device 1" },
		{ "inode ", "inode 1" },
		{ KTSTR_VERSION " probe ", KTSTR_VERSION " probe 9" },
		{ "\"" KTSTR_VERSION, "\"0" KTSTR_VERSION },
		{ "\"schema_version\": 1", "\"schema_version\": 2" },
	};
	kt_auto(mem) char *file = NULL;
	kt_auto(mem) char *dir = fresh_cache(state, &file);
	kt_auto(mem) char *good = contents(file);
	kt_auto(mem) char *text = lie(file);

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		kt_auto(mem) char *other = replaced(text, changes[i].from, changes[i].to);
		kt_auto(mem) char *after = NULL;
		struct kt_err e = { 0 };

		put(file, other);
		assert_truth(kvm_probe(dir, false, NULL, &e), &e);
		after = contents(file);
		assert_string_equal(after, good);
	}
}

static void a_file_that_makes_no_sense_is_replaced(void **state)
{
	static const char *const texts[] = {
		"",         "{",          "[]", "null", "\"x\"", "{}", "{ \"schema_version\": 1 }",
		"\xff\xfe", "[[[[[[[[[[",
	};
	kt_auto(mem) char *file = NULL;
	kt_auto(mem) char *dir = fresh_cache(state, &file);
	kt_auto(mem) char *good = contents(file);
	kt_auto(mem) char *host = host_of(good);
	kt_auto(strv) struct kt_strv all = { 0 };
	char *huge = malloc(1 << 16);

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(kt_strv_add(&all, texts[i]), 0);
#define ADD(members) \
	assert_int_equal(kt_strv_addf(&all, "{ \"schema_version\": 1, %s " members " }", host), 0)
	ADD("\"can_run\": true, \"missing\": \"something\"");
	ADD("\"can_run\": false, \"missing\": \"\"");
	ADD("\"can_run\": 1, \"missing\": \"\"");
	ADD("\"can_run\": true, \"missing\": null");
	ADD("\"can_run\": true");
	ADD("\"missing\": \"\"");
	ADD("\"can_run\": false, \"missing\": \"\\u001b[2Jred\"");
	ADD("\"can_run\": false, \"missing\": \"two\\nlines\"");
	memset(huge, ' ', 1 << 16);
	huge[(1 << 16) - 1] = '\0';
	assert_int_equal(kt_strv_addf(&all, "%s%s", good, huge), 0);
	memset(huge, 'x', 1000);
	huge[1000] = '\0';
	assert_int_equal(
		kt_strv_addf(
			&all,
			"{ \"schema_version\": 1, %s \"can_run\": false, \"missing\": \"%s\" }",
			host, huge),
		0);
	for (size_t i = 0; i < all.nr; i++) {
		kt_auto(mem) char *after = NULL;
		struct kt_err e = { 0 };

		put(file, all.v[i]);
		assert_truth(kvm_probe(dir, false, NULL, &e), &e);
		after = contents(file);
		assert_string_equal(after, good);
	}
	free(huge);
}

static void a_pipe_a_link_or_another_users_file_is_not_read(void **state)
{
	kt_auto(mem) char *file = NULL;
	kt_auto(mem) char *dir = fresh_cache(state, &file);
	kt_auto(mem) char *text = lie(file);
	kt_auto(mem) char *aside = kt_fmt("%s/aside", dir);
	struct kt_err e = { 0 };

	assert_int_equal(unlink(file), 0);
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_truth(kvm_probe(dir, false, NULL, &e), &e);
	put(aside, text);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink(aside, file), 0);
	assert_truth(kvm_probe(dir, false, NULL, &e), &e);
	put(file, text);
	if (geteuid() == 0) {
		assert_int_equal(chown(file, 65534, 65534), 0);
		assert_truth(kvm_probe(dir, false, NULL, &e), &e);
	}
}

static void a_cache_that_cannot_be_written_costs_only_the_time(void **state)
{
	kt_auto(mem) char *file = NULL;
	kt_auto(mem) char *dir = fresh_cache(state, &file);
	const char *const dirs[] = { NULL, "/proc/nowhere", file, dir };

	/* The last one: a directory where the file should be. */
	assert_int_equal(unlink(file), 0);
	put(file, "a file, and no directory");
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		struct kt_err e = { 0 };

		if (dirs[i] == dir) {
			assert_int_equal(unlink(file), 0);
			assert_int_equal(mkdir(file, 0755), 0);
		}
		assert_truth(kvm_probe(dirs[i], false, NULL, &e), &e);
		assert_truth(kvm_probe(dirs[i], true, NULL, &e), &e);
	}
}

static int look_in_cache(void *ctx)
{
	struct kt_err e = { 0 };

	if (kvm_probe(ctx, false, NULL, &e) != -ENOENT || e.kind != KT_E_HOST)
		return 1;
	return strstr(unit_err_text(&e), "open '/dev/kvm'") ? 0 : 2;
}

static void a_device_that_has_gone_is_not_in_the_cache(void **state)
{
	kt_auto(mem) char *file = NULL;
	kt_auto(mem) char *dir = fresh_cache(state, &file);

	kvm_device_with(KVM_DEVICE_MISSING, look_in_cache, dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_probe_comes_to_an_answer_that_names_what_is_missing),
		cmocka_unit_test(the_probe_leaves_nothing_behind),
		cmocka_unit_test(signals_of_others_do_not_change_the_answer),
		cmocka_unit_test(each_capability_that_is_absent_is_named_with_its_cost),
		cmocka_unit_test(what_was_found_before_is_believed_in_the_same_boot),
		cmocka_unit_test(looking_anew_finds_the_truth_and_keeps_it),
		cmocka_unit_test(another_boot_device_or_program_is_another_host),
		cmocka_unit_test(a_file_that_makes_no_sense_is_replaced),
		cmocka_unit_test(a_pipe_a_link_or_another_users_file_is_not_read),
		cmocka_unit_test(a_cache_that_cannot_be_written_costs_only_the_time),
		cmocka_unit_test(a_device_that_has_gone_is_not_in_the_cache),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
