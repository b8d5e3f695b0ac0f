/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest RAM of every kind, and files in it: every byte in its place, mapped or read, and nothing left when it goes. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/vmm_shapes.h"
#include "vmm/internal.h"

enum { PAGE = 4096, FILE_BYTES = 9 * PAGE + 1234 };

static uint8_t contents[FILE_BYTES];

static void map_for(struct vm_memory *m, const char *s, uint64_t mib, enum vm_ram_kind kind,
		    uint64_t initrd_bytes)
{
	struct kt_topology t = shape(s);
	struct vm_layout_opts o = { .topology = &t,
				    .memory_bytes = mib * VM_MIB,
				    .low_bytes_max = 3 * VM_GIB,
				    .kernel_end = 32 * VM_MIB,
				    .initrd_bytes = initrd_bytes };
	struct vm_layout l;
	struct kt_err e = { 0 };

	if (vm_layout_plan(&o, &l, &e) < 0 || vm_ram_map(&l, kind, m, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
}

static void map(struct vm_memory *m, const char *s, uint64_t mib, enum vm_ram_kind kind)
{
	map_for(m, s, mib, kind, 64 * VM_KIB);
}

static char *write_file(const char *dir, const void *data, size_t len)
{
	char *path = kt_fmt("%s/file", dir);

	assert_int_equal(kt_file_write_atomic(path, data, len, 0600, NULL), 0);
	return path;
}

/* Of this process, in /proc/self/maps. */
static uint64_t mapped_bytes(void)
{
	kt_auto(file) FILE *f = fopen("/proc/self/maps", "re");
	unsigned long long from, to;
	uint64_t sum = 0;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		assert_int_equal(sscanf(line, "%llx-%llx", &from, &to), 2);
		sum += strstr(line, "[heap]") ? 0 : to - from;
	}
	return sum;
}

static void assert_bytes(const struct vm_memory *m, uint64_t gpa, const void *want, size_t len)
{
	kt_auto(mem) uint8_t *got = malloc(len + 1);

	assert_int_equal(vm_ram_copy(m, (gpa_t){ gpa }, got, NULL, len), 0);
	assert_memory_equal(got, want, len);
}

static void assert_zero(const struct vm_memory *m, uint64_t gpa, size_t len)
{
	kt_auto(mem) uint8_t *zero = calloc(1, len + 1);

	assert_bytes(m, gpa, zero, len);
}

static void ram_of_every_kind_is_zero_writable_and_gone_afterwards(void **state)
{
	static const enum vm_ram_kind kinds[] = { VM_RAM_SHARED, VM_RAM_PRIVATE, VM_RAM_HUGETLB };
	uint64_t before;

	(void)state;
	before = mapped_bytes();
	for (size_t i = 0; i < 3; i++) {
		struct vm_memory m = { 0 };

		map(&m, "3n3l1c1t", 3 * 87, kinds[i]); /* an odd number of MiB each */
		assert_true(m.kind == kinds[i] ||
			    (kinds[i] == VM_RAM_HUGETLB && m.kind == VM_RAM_PRIVATE));
		for (unsigned n = 0; n < 3; n++) {
			uint64_t gpa = n * 87 * VM_MIB;

			assert_int_equal(m.fd[n] >= 0, kinds[i] == VM_RAM_SHARED);
			assert_zero(&m, gpa, PAGE);
			assert_int_equal(
				vm_ram_copy(&m, (gpa_t){ gpa + 86 * VM_MIB }, NULL, "x", 1), 0);
			if (m.kind != VM_RAM_SHARED)
				assert_int_equal((uintptr_t)m.map[n] % (2 * VM_MIB), 0);
		}
		vm_ram_unmap(&m);
		assert_int_equal(mapped_bytes(), before);
	}
}

/* Whatever the host has in its pool, this is more. */
static void memory_that_the_pool_of_huge_pages_cannot_give_is_private(void **state)
{
	uint64_t before = mapped_bytes();
	struct vm_memory m = { 0 };
	char text[64];
	uint64_t free_pages = 0;

	(void)state;
	if (kt_file_read_small("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", text,
			       sizeof(text)) > 0)
		assert_int_equal(kt_parse_u64(text, &free_pages), 0);
	map(&m, "2n2l1c1t", 2 * free_pages + 1024, VM_RAM_HUGETLB);
	assert_int_equal(m.kind, VM_RAM_PRIVATE);
	assert_zero(&m, VM_MIB, PAGE);
	vm_ram_unmap(&m);
	assert_int_equal(mapped_bytes(), before);
}

struct place {
	uint64_t gpa, offset, len;
	bool mappable; /* the pages of file and memory lie alike */
};

static void load_at(const struct vm_memory *shared, struct vm_memory *m, const char *path,
		    const struct place *p, enum vm_load how)
{
	kt_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool mapped = m != shared && how == VM_LOAD_MAP && p->mappable;
	uint64_t copied = 0;
	struct kt_err e = { 0 };

	if (vm_ram_load_file(m, (gpa_t){ p->gpa }, fd, path, p->offset, p->len, how, &copied, &e) <
	    0)
		fail_msg("%s", unit_err_text(&e));
	assert_bytes(m, p->gpa, contents + p->offset, p->len);
	assert_zero(m, p->gpa - PAGE, PAGE);
	assert_zero(m, p->gpa + p->len, 2 * PAGE);
	if (mapped)
		assert_true(copied < 2 * PAGE && copied % PAGE == p->len % PAGE);
	else
		assert_int_equal(copied, p->len);
}

static void a_file_is_in_memory_byte_by_byte_mapped_or_read(void **state)
{
	/* 64 MiB is where node 0 ends and node 1 begins. */
	const uint64_t seam = 64 * VM_MIB;
	const struct place places[] = {
		{ 32 * VM_MIB, 0, 8 * PAGE, true },
		{ 32 * VM_MIB, PAGE, FILE_BYTES - PAGE, true },
		{ 32 * VM_MIB + 100, 100, FILE_BYTES - 100, true },
		{ 32 * VM_MIB + PAGE - 1, PAGE - 1, 2 * PAGE, true },
		{ 32 * VM_MIB, 512, 4 * PAGE, false },
		{ seam - 3 * PAGE, 0, 8 * PAGE, true },
		{ seam - 3 * PAGE + 7, 7, FILE_BYTES - 7, true },
		{ seam - PAGE - 9, 0, 5 * PAGE, false },
	};
	kt_auto(mem) char *path = write_file(*state, contents, FILE_BYTES);

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		for (unsigned k = 0; k < 3; k++) {
			struct vm_memory m = { 0 };

			map(&m, "4n4l1c1t", 256, k == 2 ? VM_RAM_SHARED : VM_RAM_PRIVATE);
			load_at(k == 2 ? &m : NULL, &m, path, &places[i],
				k == 1 ? VM_LOAD_READ : VM_LOAD_MAP);
			vm_ram_unmap(&m);
		}
	}
}

static void what_the_guest_writes_does_not_reach_the_file(void **state)
{
	kt_auto(mem) char *path = write_file(*state, contents, FILE_BYTES);
	kt_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	kt_auto(mem) uint8_t *ones = malloc(FILE_BYTES);
	kt_auto(buf) struct kt_buf now = { 0 };
	struct vm_memory m = { 0 };
	uint64_t copied = 0;

	memset(ones, 0xff, FILE_BYTES);
	map(&m, "1n1l1c1t", 256, VM_RAM_PRIVATE);
	assert_int_equal(vm_ram_load_file(&m, (gpa_t){ VM_MIB }, fd, path, 0, FILE_BYTES,
					  VM_LOAD_MAP, &copied, NULL),
			 0);
	assert_int_equal(copied, FILE_BYTES % PAGE);
	assert_int_equal(vm_ram_copy(&m, (gpa_t){ VM_MIB }, NULL, ones, FILE_BYTES), 0);
	assert_bytes(&m, VM_MIB, ones, FILE_BYTES);
	assert_int_equal(kt_file_read(path, FILE_BYTES + 1, &now, NULL), 0);
	assert_int_equal(now.len, FILE_BYTES);
	assert_memory_equal(now.data, contents, FILE_BYTES);
	vm_ram_unmap(&m);
}

static void expect_no_load(struct vm_memory *m, const char *path, const struct place *p,
			   enum kt_kind kind, const char *before, const char *after)
{
	kt_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	kt_auto(buf) struct kt_buf want = { 0 };
	struct kt_err e = { 0 };
	uint64_t copied = 77;

	kt_buf_addf(&want, "%s'%s'%s", before, path, after);
	assert_true(vm_ram_load_file(m, (gpa_t){ p->gpa }, fd, path, p->offset, p->len, VM_LOAD_MAP,
				     &copied, &e) < 0);
	assert_string_equal(unit_err_text(&e), kt_buf_str(&want));
	assert_int_equal(e.kind, kind);
	assert_int_equal(copied, 77);
}

static void files_that_are_too_short_and_places_outside_of_ram_are_refused(void **state)
{
	kt_auto(mem) char *path = write_file(*state, contents, FILE_BYTES);
	struct vm_memory m = { 0 };

	map(&m, "1n1l1c1t", 256, VM_RAM_PRIVATE);
	expect_no_load(&m, path, &(struct place){ VM_MIB, 0, FILE_BYTES + 1, true }, KT_E_HOST, "",
		       " has only 38098 bytes, not 38099 from 0: Input/output error");
	expect_no_load(
		&m, path, &(struct place){ VM_MIB, UINT64_MAX, 2, true }, KT_E_HOST, "",
		" has only 38098 bytes, not 2 from 18446744073709551615: Input/output error");
	expect_no_load(&m, path, &(struct place){ VM_BASE_RAM_END - PAGE, 0, 2 * PAGE, true },
		       KT_E_GUEST, "8192 bytes of ",
		       " at gpa 0x000000000009f000 are not all in RAM");
	expect_no_load(&m, path, &(struct place){ 256 * VM_MIB - 1, 0, 2, true }, KT_E_GUEST,
		       "2 bytes of ", " at gpa 0x000000000fffffff are not all in RAM");
	expect_no_load(&m, path, &(struct place){ UINT64_MAX, 0, 2, true }, KT_E_GUEST,
		       "2 bytes of ", " at gpa 0xffffffffffffffff are not all in RAM");
	vm_ram_unmap(&m);
}

static void an_initrd_is_its_base_zeros_up_to_a_multiple_of_4_and_the_rest(void **state)
{
	static const size_t base_len[] = { 0,       1, 3, 4, PAGE - 1, PAGE, PAGE + 2, 3 * PAGE - 3,
					   3 * PAGE };
	static const char extra[] = "070701 and so on";

	for (size_t i = 0; i < sizeof(base_len) / sizeof(base_len[0]); i++) {
		kt_auto(mem) char *path = write_file(*state, contents, base_len[i]);
		struct vm_memory m = { 0 };
		uint64_t len = 0, copied = 0, at = (base_len[i] + 3) / 4 * 4, gpa;
		struct kt_err e = { 0 };

		map(&m, "1n1l1c1t", 256, VM_RAM_PRIVATE);
		gpa = m.layout.initrd_floor.v;
		if (vm_ram_load_initrd(&m, (gpa_t){ gpa }, path, extra, sizeof(extra), &len,
				       &copied, &e) < 0)
			fail_msg("%s", unit_err_text(&e));
		assert_int_equal(len, at + sizeof(extra));
		assert_int_equal(copied, base_len[i] % PAGE + sizeof(extra));
		assert_bytes(&m, gpa, contents, base_len[i]);
		assert_zero(&m, gpa + base_len[i], at - base_len[i]);
		assert_bytes(&m, gpa + at, extra, sizeof(extra));
		assert_zero(&m, gpa + at + sizeof(extra), PAGE);
		assert_zero(&m, gpa - PAGE, PAGE);
		vm_ram_unmap(&m);
	}
}

static void an_initrd_without_a_second_part_is_its_base(void **state)
{
	kt_auto(mem) char *path = write_file(*state, contents, 4 * PAGE);
	struct vm_memory m = { 0 };
	uint64_t len = 0, copied = 0;

	map(&m, "1n1l1c1t", 256, VM_RAM_PRIVATE);
	assert_int_equal(vm_ram_load_initrd(&m, m.layout.initrd_floor, path, NULL, 0, &len, &copied,
					    NULL),
			 0);
	assert_int_equal(len, 4 * PAGE);
	assert_int_equal(copied, 0);
	vm_ram_unmap(&m);
}

/* The first part of 1 to 5 bytes, the second one up to the end of a page. */
static void an_initrd_has_the_room_that_was_planned_for_it(void **state)
{
	for (size_t base_len = 1; base_len < 6; base_len++) {
		kt_auto(mem) char *path = write_file(*state, contents, base_len);
		uint64_t len = 0, copied = 0;
		struct vm_memory m = { 0 };
		struct kt_err e = { 0 };

		map_for(&m, "1n1l1c1t", 256, VM_RAM_PRIVATE,
			vm_initrd_bytes(base_len, PAGE - base_len));
		if (vm_ram_load_initrd(&m, m.layout.initrd_floor, path, contents, PAGE - base_len,
				       &len, &copied, &e) < 0)
			fail_msg("%s", unit_err_text(&e));
		assert_int_equal(len, vm_initrd_bytes(base_len, PAGE - base_len));
		vm_ram_unmap(&m);
	}
}

static void an_initrd_never_reaches_the_tables(void **state)
{
	kt_auto(mem) char *path = write_file(*state, contents, 2 * PAGE - 2);
	kt_auto(buf) struct kt_buf want = { 0 };
	uint64_t len = 0, copied = 0, tables_len;
	struct vm_memory m = { 0 };
	struct kt_err e = { 0 };
	gpa_t gpa;

	map(&m, "1n1l1c1t", 256, VM_RAM_PRIVATE);
	gpa.v = vm_layout_tables(&m.layout, &tables_len).v - 2 * PAGE;
	assert_int_equal(vm_ram_load_initrd(&m, gpa, path, "x", 1, &len, &copied, &e), -ENOSPC);
	assert_int_equal(e.kind, KT_E_CONFIG);
	kt_buf_addf(
		&want,
		"initramfs '%s' (8190 bytes, and 1 after it) does not fit between gpa 0xfdfe000 and "
		"0xfe00000: give the machine more memory",
		path);
	assert_string_equal(unit_err_text(&e), kt_buf_str(&want));
	assert_zero(&m, gpa.v, 4 * PAGE);
	assert_int_equal(vm_ram_load_initrd(&m, gpa, path, NULL, 0, &len, &copied, NULL), 0);
	gpa.v = UINT64_MAX - PAGE + 1;
	assert_int_equal(vm_ram_load_initrd(&m, gpa, path, "x", 1, &len, &copied, &e), -ENOSPC);
	assert_int_equal(vm_ram_load_initrd(&m, gpa, "/nowhere", "x", 1, &len, &copied, &e),
			 -ENOENT);
	assert_string_equal(unit_err_text(&e),
			    "open initramfs '/nowhere': No such file or directory");
	vm_ram_unmap(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ram_of_every_kind_is_zero_writable_and_gone_afterwards),
		cmocka_unit_test(memory_that_the_pool_of_huge_pages_cannot_give_is_private),
		cmocka_unit_test(a_file_is_in_memory_byte_by_byte_mapped_or_read),
		cmocka_unit_test(what_the_guest_writes_does_not_reach_the_file),
		cmocka_unit_test(files_that_are_too_short_and_places_outside_of_ram_are_refused),
		cmocka_unit_test(an_initrd_is_its_base_zeros_up_to_a_multiple_of_4_and_the_rest),
		cmocka_unit_test(an_initrd_without_a_second_part_is_its_base),
		cmocka_unit_test(an_initrd_has_the_room_that_was_planned_for_it),
		cmocka_unit_test(an_initrd_never_reaches_the_tables),
	};

	for (size_t i = 0; i < sizeof(contents); i++)
		contents[i] = (uint8_t)(i * 2654435761U >> 11) | 1;
	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
