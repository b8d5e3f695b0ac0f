/* SPDX-License-Identifier: GPL-2.0-only */
/* Recordings in files: what was read is there again, and a damaged file is told by what is wrong with it. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <unistd.h>

#include "vmm/image.h"

enum { PAGE = VM_IMAGE_PAGE, HEADER = 32, PIECE = 24, NR_PIECES = 3, NR_PAGES = 4 };
enum {
	GFNS = HEADER + NR_PIECES * PIECE,
	PAGES = GFNS + NR_PAGES * 8,
	NOTES = PAGES + NR_PAGES * PAGE
};
static const char notes[] = "a note\n";
enum { NOTES_BYTES = sizeof(notes) - 1 };
#define HIGH VM_HIGH_RAM_GPA

static struct vm ram(void)
{
	struct vm_layout l = {
		.nr_nodes = 2,
		.node_bytes = { 8 * VM_MIB, 8 * VM_MIB },
		.nr_pieces = NR_PIECES,
		.piece = {
			{ .gpa = { 0 }, .len = VM_BASE_RAM_END },
			{ .gpa = { VM_MIB }, .len = 7 * VM_MIB, .offset = VM_MIB },
			{ .gpa = { HIGH }, .len = 8 * VM_MIB, .node = 1 },
		},
	};
	struct kt_err e = { 0 };
	struct vm vm = { 0 };

	if (vm_ram_map(&l, VM_RAM_PRIVATE, &vm.memory, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	return vm;
}

static const uint8_t pattern[2] = { 0xab, 0xcd };
static const uint64_t touched[NR_PAGES] = { 0x3000, 0x9f000, 5 * VM_MIB, HIGH + 0x123000 };

/* An image of @kind with all of touched[] read in some order, sealed, and the machine gone on. */
static struct vm_image *walked(struct vm *vm, enum vm_image_kind kind)
{
	struct vm_image *i = NULL;

	for (unsigned k = 0; k < NR_PAGES; k++)
		assert_int_equal(vm_write_gpa(vm, (gpa_t){ touched[k] + 8 * k }, pattern, 2), 0);
	assert_int_equal(vm_image_create(vm, kind, &i, NULL), 0);
	for (unsigned k = 0; k < NR_PAGES; k++) {
		char got[2];

		assert_int_equal(vm_image_read(i, (gpa_t){ touched[3 - k] }, got, 2), 0);
	}
	vm_image_seal(i);
	for (unsigned k = 0; k < NR_PAGES; k++)
		assert_int_equal(vm_write_gpa(vm, (gpa_t){ touched[k] + 8 * k }, "XY", 2), 0);
	return i;
}

static void save(const char *path, enum vm_image_kind kind)
{
	struct vm vm = ram();
	struct vm_image *i = walked(&vm, kind);
	struct kt_err e = { 0 };

	if (vm_image_save(i, notes, path, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	vm_image_free(i);
	vm_ram_unmap(&vm.memory);
}

static void check_loaded(const char *path)
{
	struct vm_image *i = NULL;
	struct kt_err e = { 0 };
	static uint8_t page[PAGE], expected[PAGE];

	if (vm_image_load(path, &i, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	assert_int_equal(vm_image_kind(i), VM_IMAGE_RECORD);
	assert_string_equal(vm_image_why(i), "");
	assert_int_equal(vm_image_bytes(i), NR_PAGES * PAGE);
	assert_string_equal(vm_image_notes(i), notes);
	for (unsigned k = 0; k < NR_PAGES; k++) {
		memset(expected, 0, PAGE);
		memcpy(expected + 8 * k, pattern, 2);
		assert_int_equal(vm_image_read(i, (gpa_t){ touched[k] }, page, PAGE), 0);
		assert_memory_equal(page, expected, PAGE);
	}
	assert_int_equal(vm_image_read(i, (gpa_t){ 0x4000 }, page, 1), -ENODATA);
	assert_int_equal(vm_image_read(i, (gpa_t){ VM_BASE_RAM_END }, page, 1), -EFAULT);
	assert_int_equal(vm_image_read(i, (gpa_t){ HIGH + 8 * VM_MIB }, page, 1), -EFAULT);
	vm_image_free(i);
}

static void what_either_kind_has_read_is_there_again(void **state)
{
	kt_auto(mem) char *record = kt_fmt("%s/record", (char *)*state);
	kt_auto(mem) char *fork = kt_fmt("%s/fork", (char *)*state);
	kt_auto(mem) char *again = kt_fmt("%s/again", (char *)*state);
	kt_auto(buf) struct kt_buf a = { 0 }, b = { 0 }, c = { 0 };
	struct vm_image *i = NULL;

	save(record, VM_IMAGE_RECORD);
	save(fork, VM_IMAGE_FORK);
	check_loaded(record);
	check_loaded(fork);
	assert_int_equal(vm_image_load(fork, &i, NULL), 0);
	assert_int_equal(vm_image_save(i, vm_image_notes(i), again, NULL), 0);
	vm_image_free(i);
	assert_int_equal(kt_file_read(record, 1 << 20, &a, NULL), 0);
	assert_int_equal(kt_file_read(fork, 1 << 20, &b, NULL), 0);
	assert_int_equal(kt_file_read(again, 1 << 20, &c, NULL), 0);
	assert_int_equal(a.len, NOTES + NOTES_BYTES);
	assert_int_equal(b.len, a.len);
	assert_int_equal(c.len, a.len);
	assert_memory_equal(a.data, b.data, a.len);
	assert_memory_equal(a.data, c.data, a.len);
}

struct seen {
	size_t nr;
	uint64_t gpa[NR_PAGES];
};

static void see(void *ctx, gpa_t gpa, const void *page)
{
	struct seen *s = ctx;

	assert_true(s->nr < NR_PAGES);
	assert_memory_equal((const uint8_t *)page + 8 * s->nr, pattern, 2);
	s->gpa[s->nr++] = gpa.v;
}

static void its_pages_are_told_in_their_order(void **state)
{
	struct vm vm = ram();
	struct vm_image *i = walked(&vm, VM_IMAGE_RECORD);
	struct seen s = { 0 };

	(void)state;
	vm_image_each_page(i, see, &s);
	assert_int_equal(s.nr, NR_PAGES);
	assert_memory_equal(s.gpa, touched, sizeof(touched));
	vm_image_free(i);
	vm_ram_unmap(&vm.memory);
}

static void an_empty_recording_is_one(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/empty", (char *)*state);
	struct vm vm = ram();
	struct vm_image *i = NULL;
	char byte;

	assert_int_equal(vm_image_create(&vm, VM_IMAGE_RECORD, &i, NULL), 0);
	assert_int_equal(vm_image_save(i, NULL, path, NULL), 0);
	vm_image_free(i);
	vm_ram_unmap(&vm.memory);
	assert_int_equal(vm_image_load(path, &i, NULL), 0);
	assert_int_equal(vm_image_read(i, (gpa_t){ 0 }, &byte, 1), -ENODATA);
	assert_string_equal(vm_image_notes(i), "");
	vm_image_free(i);
}

static void all_of_memory_is_in_its_file_without_its_zeros(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/whole", (char *)*state);
	kt_auto(buf) struct kt_buf file = { 0 };
	struct vm vm = ram();
	struct vm_image *i = walked(&vm, VM_IMAGE_RECORD);
	struct vm_ram piece = { 0 };
	uint64_t v = 1;

	assert_int_equal(vm_image_save(i, notes, path, NULL), 0);
	vm_image_free(i);
	assert_int_equal(vm_image_load(path, &i, NULL), 0);
	assert_false(vm_image_whole(i, 0, &piece));
	vm_image_free(i);
	assert_int_equal(vm_image_create(&vm, VM_IMAGE_RECORD, &i, NULL), 0);
	assert_int_equal(vm_image_keep_all(i, &vm), 0);
	assert_int_equal(vm_image_save(i, notes, path, NULL), 0);
	vm_image_free(i);
	vm_ram_unmap(&vm.memory);
	assert_int_equal(kt_file_read(path, 1 << 20, &file, NULL), 0);
	assert_int_equal(file.len, NOTES + NOTES_BYTES);
	assert_int_equal(vm_image_load(path, &i, NULL), 0);
	assert_int_equal(vm_image_read(i, (gpa_t){ 0x4000 }, &v, sizeof(v)), 0);
	assert_int_equal(v, 0);
	assert_int_equal(vm_image_read(i, (gpa_t){ VM_BASE_RAM_END }, &v, 1), -EFAULT);
	assert_true(vm_image_whole(i, 2, &piece));
	assert_int_equal(piece.len, 8 * VM_MIB);
	vm_image_free(i);
}

/* ---- damage ---- */

struct damage {
	const char *why;
	size_t at, len; /* bytes that are replaced by @value; len 0: the file is cut to @at bytes */
	uint64_t value;
};

static const struct damage damages[] = {
	{ "it ends within its header", 0, 0, 0 },
	{ "it ends within its header", HEADER - 1, 0, 0 },
	{ "4 pages do not make 32 bytes", HEADER, 0, 0 },
	{ "4 pages do not make 16526 bytes", NOTES + NOTES_BYTES - 1, 0, 0 },
	{ "it does not begin as one", 7, 1, 0 },
	{ "its version is 1, not 2", 8, 4, 1 },
	{ "its pages are of 65536 bytes", 12, 4, 65536 },
	{ "it has 16777217 bytes of notes", 20, 4, (16 << 20) + 1 },
	{ "it has 4294967295 bytes of notes", 20, 4, UINT32_MAX },
	{ "4 pages do not make 16527 bytes", 20, 4, NOTES_BYTES + 1 },
	{ "its notes are no text", NOTES + 2, 1, 0 },
	{ "it has 0 pieces of RAM", 16, 4, 0 },
	{ "it has 4294967295 pieces of RAM", 16, 4, UINT32_MAX },
	{ "4 pages do not make 16527 bytes", 16, 4, 2 },
	{ "3 pages do not make 16527 bytes", 24, 8, 3 },
	{ "18446744073709551615 pages do not make 16527 bytes", 24, 8, UINT64_MAX },
	/* as many as make the same length, with the carry lost */
	{ "2305843009213693956 pages do not make 16527 bytes", 24, 8,
	  NR_PAGES + (UINT64_C(1) << 61) },
	{ "0xa0000 bytes at gpa 0x0000000000000001 are no RAM", HEADER, 8, 1 },
	{ "0x700000 bytes at gpa 0x0000000000001000 are no RAM", HEADER + PIECE, 8, 0x1000 },
	{ "0x0 bytes at gpa 0x0000000000100000 are no RAM", HEADER + PIECE + 8, 8, 0 },
	{ "0x700001 bytes at gpa 0x0000000000100000 are no RAM", HEADER + PIECE + 8, 8, 0x700001 },
	{ "0xfffffffffffff000 bytes at gpa 0x0000000100000000 are no RAM", HEADER + 2 * PIECE + 8,
	  8, UINT64_MAX - 0xfff },
	{ "0x10000000000 bytes at gpa 0x0000000100000000 are no RAM", HEADER + 2 * PIECE + 8, 8,
	  UINT64_C(1) << 40 },
	{ "0x800000 bytes at gpa 0xfffffffffffff000 are no RAM", HEADER + 2 * PIECE, 8,
	  UINT64_MAX - 0xfff },
	{ "0x800000 bytes at gpa 0x0000000100000000 are no RAM", HEADER + 2 * PIECE + 16, 4,
	  KT_TOPO_NODES_MAX },
	{ "0x800000 bytes at gpa 0x0000000100000000 are no RAM", HEADER + 2 * PIECE + 20, 4, 2 },
	{ "page 0x9f is out of order or no RAM", GFNS, 8, 0x9f }, /* twice */
	{ "page 0x3 is out of order or no RAM", GFNS + 24, 8, 3 },
	{ "page 0xa0 is out of order or no RAM", GFNS + 8, 8, 0xa0 },
	{ "page 0xffffffffffffffff is out of order or no RAM", GFNS + 24, 8, UINT64_MAX },
	/* 0x3 once its upper bits are shifted out */
	{ "page 0x10000000000003 is out of order or no RAM", GFNS + 24, 8, 3 | UINT64_C(1) << 52 },
};

static void check_damage(const char *path, const struct kt_buf *whole, const struct damage *d)
{
	kt_auto(mem) char *expected =
		kt_fmt("'%s' is no recording of guest memory: %s", path, d->why);
	kt_auto(buf) struct kt_buf file = { 0 };
	struct vm_image *i = NULL;
	struct kt_err e = { 0 };

	kt_buf_add(&file, whole->data, d->len ? whole->len : d->at);
	if (d->len)
		memcpy(file.data + d->at, &d->value, d->len);
	assert_int_equal(
		kt_file_write_atomic(path, file.data ? file.data : "", file.len, 0644, NULL), 0);
	assert_int_equal(vm_image_load(path, &i, &e), -EINVAL);
	assert_null(i);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_string_equal(unit_err_text(&e), expected);
}

static void a_damaged_file_is_told_by_what_is_wrong_with_it(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/damaged", (char *)*state);
	kt_auto(buf) struct kt_buf whole = { 0 };

	save(path, VM_IMAGE_RECORD);
	assert_int_equal(kt_file_read(path, 1 << 20, &whole, NULL), 0);
	for (size_t k = 0; k < sizeof(damages) / sizeof(damages[0]); k++)
		check_damage(path, &whole, &damages[k]);
}

static void a_file_that_is_not_there_is_named(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/nothing", (char *)*state);
	kt_auto(mem) char *expected =
		kt_fmt("load guest memory: open '%s': No such file or directory", path);
	struct vm_image *i = NULL;
	struct kt_err e = { 0 };

	assert_int_equal(vm_image_load(path, &i, &e), -ENOENT);
	assert_string_equal(unit_err_text(&e), expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_either_kind_has_read_is_there_again),
		cmocka_unit_test(its_pages_are_told_in_their_order),
		cmocka_unit_test(an_empty_recording_is_one),
		cmocka_unit_test(all_of_memory_is_in_its_file_without_its_zeros),
		cmocka_unit_test(a_damaged_file_is_told_by_what_is_wrong_with_it),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
