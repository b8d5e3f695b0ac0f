/* SPDX-License-Identifier: GPL-2.0-only */
/* Every allocation and every write of base/ fails once: the error is passed on, nothing half-made stays. */
#include "tests/unit/faults.h"

#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"

static int fill_buffer(void *ctx)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	kt_auto(mem) char *text = NULL;

	(void)ctx;
	for (int i = 0; i < 200; i++)
		kt_buf_addf(&b, "%d,", i);
	if (!kt_buf_ok(&b))
		return -ENOMEM;
	text = kt_buf_take(&b);
	assert_non_null(text);
	return 0;
}

static int fill_list(void *ctx)
{
	kt_auto(strv) struct kt_strv v = { 0 };
	int r;

	(void)ctx;
	for (int i = 0; i < 20; i++) {
		r = i % 2 ? kt_strv_add(&v, "word") : kt_strv_addf(&v, "%d", i);
		if (r < 0)
			return r;
		assert_null(v.v[v.nr]);
	}
	return 0;
}

static int fill_vector(void *ctx)
{
	KT_VEC(int) v = { 0 };
	int r = 0;

	(void)ctx;
	for (int i = 0; i < 100 && r == 0; i++)
		r = KT_VEC_PUSH(&v, i);
	free(v.v);
	return r;
}

static int write_json(void *ctx)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	(void)ctx;
	kt_json_init(&j, &b, true);
	kt_json_array_begin(&j, NULL);
	for (uint64_t i = 0; i < 100; i++)
		kt_json_u64(&j, NULL, i);
	kt_json_array_end(&j);
	kt_json_finish(&j);
	return kt_buf_ok(&b) ? 0 : -ENOMEM;
}

static int configure_log(void *ctx)
{
	struct kt_err e = { 0 };
	int r = kt_log_configure("vmm=trace", &e);

	(void)ctx;
	if (r < 0)
		assert_string_equal(unit_err_text(&e),
				    "read log levels 'vmm=trace': Cannot allocate memory");
	return r;
}

static int run_program(void *ctx)
{
	const char *const argv[] = { "true", NULL };
	const char *const env[] = { "A=b", NULL };
	const struct kt_proc_fd fd = { 0, 7 };
	const struct kt_proc_opts o = { .argv = argv, .env_set = env, .fds = &fd, .nr_fds = 1 };
	struct kt_proc_end end;
	struct kt_err e = { 0 };
	int r = kt_proc_run(&o, 20000, 0, NULL, NULL, &end, &e);

	(void)ctx;
	if (r < 0)
		assert_string_equal(unit_err_text(&e), "start 'true': Cannot allocate memory");
	return r;
}

static int read_file(void *ctx)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)ctx;
	return kt_file_read("/proc/self/status", 1 << 20, &b, NULL);
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	assert_int_equal(unit_fail_each(UNIT_FAULT_ALLOC, ENOMEM, fill_buffer, NULL), 5);
	assert_true(unit_fail_each(UNIT_FAULT_ALLOC, ENOMEM, fill_list, NULL) > 20);
	assert_int_equal(unit_fail_each(UNIT_FAULT_ALLOC, ENOMEM, fill_vector, NULL), 5);
	assert_true(unit_fail_each(UNIT_FAULT_ALLOC, ENOMEM, write_json, NULL) > 2);
	assert_int_equal(unit_fail_each(UNIT_FAULT_ALLOC, ENOMEM, configure_log, NULL), 1);
	assert_true(unit_fail_each(UNIT_FAULT_ALLOC, ENOMEM, run_program, NULL) > 2);
	assert_true(unit_fail_each(UNIT_FAULT_ALLOC, ENOMEM, read_file, NULL) > 1);
}

/* Old or new, whole, and alone in its directory. */
static int replace_file(void *ctx)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };
	char file[512];
	int r;

	assert_int_equal(kt_snprintf(file, sizeof(file), "%s/f", (const char *)ctx), 0);
	r = kt_file_write_atomic(file, "new", 3, 0644, &e);
	assert_int_equal(e.nr_frames, r < 0 ? 1 : 0);
	assert_int_equal(unit_nr_entries(ctx), 1);
	unit_faults.kind = UNIT_FAULT_NONE;
	assert_int_equal(kt_file_read(file, 100, &b, NULL), 0);
	assert_true(kt_streq(kt_buf_str(&b), "old") || kt_streq(kt_buf_str(&b), "new"));
	assert_int_equal(kt_file_write_atomic(file, "old", 3, 0644, NULL), 0);
	return r;
}

static void a_file_is_replaced_whole_or_not_at_all(void **state)
{
	kt_auto(mem) char *dir = kt_fmt("%s/d", (const char *)*state);
	kt_auto(mem) char *file = kt_fmt("%s/d/f", (const char *)*state);

	assert_int_equal(kt_mkdir_p(dir, 0755, NULL), 0);
	assert_int_equal(kt_file_write_atomic(file, "old", 3, 0644, NULL), 0);
	/* write, fsync of the file, rename, fsync of the directory */
	assert_int_equal(unit_fail_each(UNIT_FAULT_IO, EIO, replace_file, dir), 4);
	assert_int_equal(unit_fail_each(UNIT_FAULT_IO, ENOSPC, replace_file, dir), 4);
	assert_int_equal(unit_fail_each(UNIT_FAULT_ALLOC, ENOMEM, replace_file, dir), 2);
}

static int make_dirs(void *ctx)
{
	return kt_mkdir_p(ctx, 0755, NULL);
}

static int remove_dirs(void *ctx)
{
	kt_auto(mem) char *deep = __real_strdup(ctx);
	enum unit_fault_kind kind = unit_faults.kind;

	/* The tree is there again each time. */
	unit_faults.kind = UNIT_FAULT_NONE;
	assert_int_equal(kt_mkdir_p(deep, 0755, NULL), 0);
	unit_faults.kind = kind;
	*strrchr(deep, '/') = '\0';
	return kt_remove_tree(deep, NULL);
}

static void directories_come_and_go_whatever_fails(void **state)
{
	kt_auto(mem) char *dir = kt_fmt("%s/a/b", (const char *)*state);

	assert_int_equal(unit_fail_each(UNIT_FAULT_ALLOC, ENOMEM, make_dirs, dir), 1);
	assert_true(unit_fail_each(UNIT_FAULT_ALLOC, ENOMEM, remove_dirs, dir) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(a_file_is_replaced_whole_or_not_at_all),
		cmocka_unit_test(directories_come_and_go_whatever_fails),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
