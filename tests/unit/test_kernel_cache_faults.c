/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every allocation, write, fsync and rename of getting a kernel fails once: there is an error or a
 * whole entry, nothing is damaged, and the next one just works.
 */
#include "tests/unit/faults.h"

#include <unistd.h>

#include "base/log.h"
#include "kernel-cache/internal.h"
#include "tests/unit/kernel_image.h"

enum { CALLS_MAX = 10000 };

static void ignore_log(void *ctx, enum kt_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void never_damaged(void *ctx, const char *key, const char *why)
{
	(void)ctx;
	fail_msg("%s: %s", key, why);
}

struct place {
	char dir[128], cache[160], tmp[176];
};

static void make_place(void **state, struct place *p)
{
	kt_auto(buf) struct kt_buf image = { 0 };
	kt_auto(mem) char *path = NULL;

	(void)kt_snprintf(p->dir, sizeof(p->dir), "%s", (char *)*state);
	(void)kt_snprintf(p->cache, sizeof(p->cache), "%s/cache", p->dir);
	(void)kt_snprintf(p->tmp, sizeof(p->tmp), "%s/tmp", p->cache);
	path = kt_fmt("%s/bzImage", p->dir);
	assert_true(image_make(&(struct image_opts){ .release = "7.2.0-t" }, &image));
	assert_int_equal(kt_file_write_atomic(path, image.data, image.len, 0644, NULL), 0);
}

static int get(const struct place *p, struct kt_err *e)
{
	const struct kc_opts o = { .cache_dir = p->cache, .project_dir = p->dir };
	kt_auto(kc_entry) struct kc_entry *k = NULL;

	return kc_get("path:bzImage", &o, &k, e);
}

static void check_after(const struct place *p)
{
	kt_auto(kc_list) struct kc_list l = { 0 };
	struct kt_err e = { 0 };

	assert_int_equal(kc_list(p->cache, &l, never_damaged, NULL, &e), 0);
	if (get(p, &e) < 0)
		fail_msg("afterwards: %s", unit_err_text(&e));
	assert_int_equal(kt_remove_tree(p->cache, NULL), 0);
}

static void fail_each(void **state, enum unit_fault_kind kind, int errnum)
{
	unsigned failed = 0, n;
	struct place p;

	make_place(state, &p);
	kt_log_set_hook(ignore_log, NULL);
	for (n = 1; n < CALLS_MAX; n++) {
		struct kt_err e = { 0 };
		int r;

		unit_faults.errnum = errnum;
		unit_faults.left = n;
		unit_faults.hit = false;
		unit_faults.kind = kind;
		r = get(&p, &e);
		unit_faults.kind = UNIT_FAULT_NONE;
		/* What is only for convenience may fail: the time of last use, the memo of a path. */
		if (r < 0) {
			assert_true(unit_faults.hit);
			assert_int_equal(r, -errnum);
			assert_int_equal(e.kind, KT_E_HOST);
			failed++;
		}
		check_after(&p);
		if (!unit_faults.hit)
			break;
	}
	kt_log_set_hook(NULL, NULL);
	assert_in_range(n, 5, CALLS_MAX - 1);
	assert_in_range(failed, 4, n);
}

static void every_allocation_can_fail(void **state)
{
	fail_each(state, UNIT_FAULT_ALLOC, ENOMEM);
}

static void every_write_sync_and_rename_can_fail(void **state)
{
	fail_each(state, UNIT_FAULT_IO, ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_can_fail),
		cmocka_unit_test(every_write_sync_and_rename_can_fail),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
