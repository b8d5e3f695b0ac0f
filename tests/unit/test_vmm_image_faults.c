/* SPDX-License-Identifier: GPL-2.0-only */
/* Every allocation and every write of an image fails once: the image stays whole, the old file stays, no child does. */
#include "tests/unit/faults.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include "vmm/image.h"

enum { PAGE = VM_IMAGE_PAGE };

static struct {
	struct vm vm;
	char *path;
} env;

static struct vm ram(void)
{
	struct vm_layout l = {
		.nr_nodes = 1,
		.node_bytes = { 16 * VM_MIB },
		.nr_pieces = 1,
		.piece = { { .gpa = { 0 }, .len = 16 * VM_MIB } },
	};
	struct vm vm = { 0 };

	assert_int_equal(vm_ram_map(&l, VM_RAM_PRIVATE, &vm.memory, NULL), 0);
	for (uint64_t n = 0; n < 16 * VM_MIB / PAGE; n++)
		assert_int_equal(vm_write_gpa(&vm, (gpa_t){ n * PAGE }, &n, sizeof(n)), 0);
	return vm;
}

/* ---- out of memory ---- */

static int make(enum vm_image_kind kind)
{
	kt_auto(vm_image) struct vm_image *i = NULL;
	struct kt_err e = { 0 };
	int r = vm_image_create(&env.vm, kind, &i, &e);

	if (r < 0) {
		assert_null(i);
		assert_string_equal(unit_err_text(&e), "allocate an image of guest memory: "
						       "Cannot allocate memory");
		return r;
	}
	assert_int_equal(vm_image_kind(i), kind);
	return 0;
}

static int record(void *ctx)
{
	(void)ctx;
	return make(VM_IMAGE_RECORD);
}

static int fork_it(void *ctx)
{
	int r = make(VM_IMAGE_FORK);

	(void)ctx;
	assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1); /* no child is left */
	return r;
}

static void an_image_without_memory_is_an_error_and_leaves_no_child(void **state)
{
	(void)state;
	assert_int_equal(unit_fail_each(UNIT_FAULT_ALLOC, ENOMEM, record, NULL), 2);
	assert_int_equal(unit_fail_each(UNIT_FAULT_ALLOC, ENOMEM, fork_it, NULL), 2);
}

/* This process may have @more bytes of address space than it has now; RLIM_INFINITY: what it had at first. */
static void allow(rlim_t more)
{
	struct rlimit limit;
	unsigned long pages = 0;
	char text[128];

	assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
	assert_true(kt_file_read_small("/proc/self/statm", text, sizeof(text)) > 0);
	assert_int_equal(sscanf(text, "%lu", &pages), 1);
	limit.rlim_cur = more == RLIM_INFINITY ? limit.rlim_max : pages * PAGE + more;
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

/* Each page in turn; one that could not be kept is by the second try, and nothing else is lost. Returns how many. */
static unsigned read_all(struct vm_image *i, rlim_t more)
{
	uint64_t nr = 16 * VM_MIB / PAGE;
	unsigned failed = 0;

	allow(more);
	for (uint64_t n = 0; n < nr; n++) {
		uint64_t k = n * 997 % nr, got = UINT64_MAX, bytes = vm_image_bytes(i);
		int r = vm_image_read(i, (gpa_t){ k * PAGE }, &got, sizeof(got));

		if (r < 0) {
			allow(RLIM_INFINITY);
			assert_int_equal(r, -ENOMEM);
			assert_int_equal(got, UINT64_MAX);
			assert_int_equal(vm_image_bytes(i), bytes);
			assert_int_equal(vm_image_read(i, (gpa_t){ k * PAGE }, &got, sizeof(got)),
					 0);
			allow(more);
			failed++;
		}
		assert_int_equal(got, k);
		assert_int_equal(vm_image_bytes(i), bytes + PAGE);
	}
	allow(RLIM_INFINITY);
	return failed;
}

static void check_all(struct vm_image *i)
{
	for (uint64_t n = 0; n < 16 * VM_MIB / PAGE; n++) {
		uint64_t got = UINT64_MAX;

		assert_int_equal(vm_image_read(i, (gpa_t){ n * PAGE }, &got, sizeof(got)), 0);
		assert_int_equal(got, n);
	}
}

static void a_walk_out_of_memory_keeps_what_it_has(void **state)
{
	static const enum vm_image_kind kinds[] = { VM_IMAGE_RECORD, VM_IMAGE_FORK };
	struct vm_image *i = NULL;

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		assert_int_equal(vm_image_create(&env.vm, kinds[k], &i, NULL), 0);
		assert_true(read_all(i, 0) >= 4); /* no chunk of it was to be had at once */
		vm_image_seal(i);
		check_all(i);
		vm_image_free(i);
		assert_int_equal(vm_image_create(&env.vm, kinds[k], &i, NULL), 0);
		assert_true(read_all(i, 5 * VM_MIB) >= 1); /* the first two were */
		check_all(i);
		vm_image_free(i);
	}
}

/* ---- files ---- */

static struct vm_image *small_image(void)
{
	struct vm_image *i = NULL;
	char byte;

	assert_int_equal(vm_image_create(&env.vm, VM_IMAGE_RECORD, &i, NULL), 0);
	for (uint64_t n = 0; n < 300; n += 3)
		assert_int_equal(vm_image_read(i, (gpa_t){ n * PAGE }, &byte, 1), 0);
	vm_image_seal(i);
	return i;
}

static int save(void *ctx)
{
	struct vm_image *i = ctx;
	struct kt_err e = { 0 };
	int r = vm_image_save(i, "notes", env.path, &e);

	if (r < 0)
		assert_non_null(strstr(unit_err_text(&e), "save guest memory"));
	return r;
}

static int load(void *ctx)
{
	struct kt_err e = { 0 };
	kt_auto(vm_image) struct vm_image *i = NULL;
	int r = vm_image_load(env.path, &i, &e);

	(void)ctx;
	if (r < 0) {
		assert_null(i);
		assert_non_null(strstr(unit_err_text(&e), "load guest memory"));
	}
	return r;
}

static void a_file_that_cannot_be_written_or_read_is_an_error_and_leaves_the_old_one(void **state)
{
	struct vm_image *i = small_image(), *old = NULL;
	uint64_t byte = 0;

	(void)state;
	assert_int_equal(vm_image_save(i, "notes", env.path, NULL), 0);
	assert_true(unit_fail_each(UNIT_FAULT_ALLOC, ENOMEM, save, i) > 0);
	assert_true(unit_fail_each(UNIT_FAULT_IO, ENOSPC, save, i) >= 3);
	assert_true(unit_fail_each(UNIT_FAULT_ALLOC, ENOMEM, load, NULL) > 2);
	assert_int_equal(vm_image_load(env.path, &old, NULL), 0);
	assert_int_equal(vm_image_read(old, (gpa_t){ 6 * PAGE }, &byte, sizeof(byte)), 0);
	assert_int_equal(byte, 6);
	vm_image_free(old);
	vm_image_free(i);
}

static void a_failed_save_leaves_the_old_file_and_nothing_beside_it(void **state)
{
	struct vm_image *i = small_image();

	assert_int_equal(vm_image_save(i, "notes", env.path, NULL), 0);
	assert_int_equal(unit_nr_entries(*state), 1);
	for (unsigned n = 1; n <= 3; n++) {
		unit_faults.errnum = EIO;
		unit_faults.left = n;
		unit_faults.kind = UNIT_FAULT_IO;
		assert_int_equal(vm_image_save(i, "notes", env.path, NULL), -EIO);
		assert_int_equal(unit_nr_entries(*state), 1); /* nothing half-made beside it */
		assert_int_equal(load(NULL), 0);
	}
	vm_image_free(i);
}

static int set_up(void **state)
{
	if (unit_tmp_setup(state) < 0)
		return -1;
	env.vm = ram();
	env.path = kt_fmt("%s/image", (char *)*state);
	return env.path ? 0 : -1;
}

static int tear_down(void **state)
{
	vm_ram_unmap(&env.vm.memory);
	free(env.path);
	return unit_tmp_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_without_memory_is_an_error_and_leaves_no_child),
		cmocka_unit_test(a_walk_out_of_memory_keeps_what_it_has),
		cmocka_unit_test(
			a_file_that_cannot_be_written_or_read_is_an_error_and_leaves_the_old_one),
		cmocka_unit_test(a_failed_save_leaves_the_old_file_and_nothing_beside_it),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
