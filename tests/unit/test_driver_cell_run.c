/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A whole cell whose machine cannot be made: files, messages, verdict. What needs a machine is
 * tested in tests/vm/.
 */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/driver_cell.h"

struct heard {
	struct cell_done done;
	bool has_done;
	unsigned nr_phases;
	char text[8192];
};

/* A message comes in pieces: its head, what it begins with, its text. */
static void read_exactly(int fd, char *to, size_t len)
{
	while (len) {
		ssize_t n = read(fd, to, len);

		assert_true(n > 0);
		to += n;
		len -= (size_t)n;
	}
}

static void hear(int fd, struct heard *ret)
{
	struct cell_msg m;

	*ret = (struct heard){ 0 };
	while (read(fd, &m, sizeof(m)) == (ssize_t)sizeof(m)) {
		char data[8192];

		assert_true(m.len <= sizeof(data) - 1);
		read_exactly(fd, data, m.len);
		data[m.len] = '\0';
		if (m.type == CELL_MSG_PHASE)
			ret->nr_phases++;
		if (m.type != CELL_MSG_DONE)
			continue;
		assert_false(ret->has_done);
		assert_true(m.len >= sizeof(ret->done));
		memcpy(&ret->done, data, sizeof(ret->done));
		ret->has_done = true;
		snprintf(ret->text, sizeof(ret->text), "%s", data + sizeof(ret->done));
	}
}

/* In a process of its own, as always: cell_run changes signal dispositions. @ret NULL: no listener. */
static void run_in_child(const struct unit_cell *u, struct heard *ret, int *ret_verdict)
{
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		_exit((int)cell_run(&u->spec, fds[1]));
	}
	close(fds[1]);
	if (ret)
		hear(fds[0], ret);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	*ret_verdict = WEXITSTATUS(status);
}

static void make_cell(struct unit_cell *u, const char *dir)
{
	unit_cell_init(u, dir);
	/* The first that a machine is made of is its kernel, and there is no such file. */
	u->accel = (struct vm_accel_choice){ .accel = VM_ACCEL_KVM, .name = "kvm" };
	u->spec.initrd_base = strdup("/no/initrd");
	assert_int_equal(kt_mkdir_p(u->spec.log_dir, 0755, NULL), 0);
}

static cJSON *read_json(const char *path)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	cJSON *j;

	assert_int_equal(kt_file_read(path, 1 << 20, &b, NULL), 0);
	j = cJSON_Parse(b.data);
	assert_non_null(j);
	return j;
}

static void a_machine_that_cannot_be_made_is_an_error_cell(void **state)
{
	struct unit_cell u;
	struct heard h;
	int verdict;
	cJSON *j;

	make_cell(&u, *state);
	run_in_child(&u, &h, &verdict);
	assert_int_equal(verdict, SCN_ERROR);
	assert_true(h.has_done);
	assert_int_equal(h.done.verdict, SCN_ERROR);
	assert_int_equal(h.nr_phases, 0);
	assert_true(h.done.total_ns > 0 && h.done.max_rss_kib > 0);
	assert_int_equal(h.done.boot_ns, 0);
	assert_true(kt_starts_with(h.text,
				   "ktstr_test 'boot' [sched=ktstr] [topo=1n1l2c1t] error:\n  "));
	assert_non_null(
		strstr(h.text, "set up a machine (KVM): open kernel '/no/image': No such file"));
	j = read_json(u.spec.sidecar_path);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(j, "skipped")));
	assert_string_equal(
		cJSON_GetObjectItem(cJSON_GetObjectItem(j, "error"), "kind")->valuestring, "host");
	cJSON_Delete(j);
	cell_spec_done(&u.spec);
}

static void the_plan_is_there_to_read(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/boot.log/plan.json", (char *)*state);
	struct unit_cell u;
	struct heard h;
	int verdict;
	cJSON *j;

	make_cell(&u, *state);
	run_in_child(&u, &h, &verdict);
	j = read_json(path);
	assert_string_equal(cJSON_GetObjectItem(j, "test_name")->valuestring, "boot");
	cJSON_Delete(j);
	cell_spec_done(&u.spec);
}

static void a_parent_that_is_gone_does_not_keep_the_sidecar_from_being_written(void **state)
{
	struct unit_cell u;
	struct stat st;
	int verdict;

	make_cell(&u, *state);
	(void)unlink(u.spec.sidecar_path);
	run_in_child(&u, NULL, &verdict);
	assert_int_equal(verdict, SCN_ERROR);
	assert_int_equal(stat(u.spec.sidecar_path, &st), 0);
	cell_spec_done(&u.spec);
}

static void a_log_directory_that_is_not_there_is_named(void **state)
{
	struct unit_cell u;
	struct heard h;
	int verdict;

	make_cell(&u, *state);
	free(u.spec.log_dir);
	u.spec.log_dir = strdup("/nonexistent/boot.log");
	run_in_child(&u, &h, &verdict);
	assert_int_equal(verdict, SCN_ERROR);
	assert_non_null(strstr(
		h.text,
		"\n  create '/nonexistent/boot.log/console.log': No such file or directory\n"));
	cell_spec_done(&u.spec);
}

static void too_long_kernel_arguments_are_refused_not_cut(void **state)
{
	struct unit_cell u;
	struct heard h;
	char word[200];
	int verdict;

	make_cell(&u, *state);
	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	for (int i = 0; i < 8; i++)
		assert_int_equal(kt_strv_add(&u.test.kargs, word), 0);
	u.test.name = (char *)"boot";
	run_in_child(&u, &h, &verdict);
	assert_int_equal(verdict, SCN_ERROR);
	assert_non_null(
		strstr(h.text, "\n  'kargs' of test 'boot' have 1599 bytes, at most 1400\n"));
	kt_strv_done(&u.test.kargs);
	cell_spec_done(&u.spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_that_cannot_be_made_is_an_error_cell),
		cmocka_unit_test(the_plan_is_there_to_read),
		cmocka_unit_test(
			a_parent_that_is_gone_does_not_keep_the_sidecar_from_being_written),
		cmocka_unit_test(a_log_directory_that_is_not_there_is_named),
		cmocka_unit_test(too_long_kernel_arguments_are_refused_not_cut),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
