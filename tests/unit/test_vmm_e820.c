/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory map that a kernel is given: all RAM of the layout, each byte of it once. */
#include "tests/unit/unit.h"

#include "tests/unit/vmm_shapes.h"
#include "vmm/x86_64/x86.h"

#define KERNEL_END (UINT64_C(88) << 20)

/* Bytes of [from, to) that the entries of @type have. */
static uint64_t bytes_of(const struct x86_e820 *map, enum x86_e820_type type, uint64_t from,
			 uint64_t to)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < map->nr; i++) {
		uint64_t start = map->e[i].gpa, end = start + map->e[i].len;

		if (map->e[i].type != type)
			continue;
		start = start > from ? start : from;
		end = end < to ? end : to;
		sum += start < end ? end - start : 0;
	}
	return sum;
}

static void check(const struct vm_layout *l)
{
	struct x86_e820 map;
	uint64_t tables_len, sum = 0, last = 0;
	uint64_t tables = vm_layout_tables(l, &tables_len).v;

	x86_e820_make(l, &map);
	assert_true(map.nr <= 8); /* two holes, two areas: however many nodes there are */
	for (unsigned i = 0; i < map.nr; i++) {
		assert_true(map.e[i].gpa >= last);
		assert_true(map.e[i].len > 0);
		last = map.e[i].gpa + map.e[i].len;
		sum += map.e[i].len;
	}
	assert_int_equal(sum, l->total_bytes - (VM_MIB - VM_BASE_RAM_END));
	assert_int_equal(bytes_of(&map, X86_E820_RESERVED, 0, UINT64_MAX), l->ring_len);
	assert_int_equal(bytes_of(&map, X86_E820_RESERVED, l->ring.v, l->ring.v + l->ring_len),
			 l->ring_len);
	assert_int_equal(bytes_of(&map, X86_E820_ACPI, 0, UINT64_MAX), tables_len);
	assert_int_equal(bytes_of(&map, X86_E820_ACPI, tables, tables + tables_len), tables_len);
	for (size_t i = 0; i < l->nr_pieces; i++) {
		uint64_t from = l->piece[i].gpa.v, to = from + l->piece[i].len;

		assert_int_equal(bytes_of(&map, X86_E820_RAM, from, to) +
					 bytes_of(&map, X86_E820_RESERVED, from, to) +
					 bytes_of(&map, X86_E820_ACPI, from, to),
				 l->piece[i].len);
	}
}

static struct vm_layout plan(const struct kt_topology *t, uint64_t bytes, uint64_t initrd)
{
	struct vm_layout_opts o = { .topology = t,
				    .memory_bytes = vm_memory_bytes(t, bytes, initrd),
				    .low_bytes_max = X86_MMIO_GAP_START,
				    .kernel_end = KERNEL_END,
				    .initrd_bytes = initrd };
	struct vm_layout l;
	struct kt_err e = { 0 };

	if (vm_layout_plan(&o, &l, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	return l;
}

static void the_map_of_every_preset_in_every_size_is_its_layout(void **state)
{
	static const uint64_t mib[] = { 256,  257,  512,  1000, 3071, 3072,
					3073, 3074, 4096, 5120, 65536 };

	(void)state;
	for (size_t i = 0; i < NR_PRESETS; i++) {
		struct kt_topology t = shape(all_shapes[i]);

		for (size_t k = 0; k < sizeof(mib) / sizeof(mib[0]); k++) {
			struct vm_layout l = plan(&t, mib[k] * VM_MIB, 40 * VM_MIB + 12345);

			check(&l);
		}
	}
}

static void uneven_and_memory_only_nodes_are_in_it(void **state)
{
	struct kt_topology t = shape("16n16l1c1t");
	struct vm_layout l;

	(void)state;
	t.node[1] = (struct kt_topo_node){ .llcs = 0, .memory_bytes = 3 * VM_GIB };
	t.node[15] = (struct kt_topo_node){ .llcs = 0, .memory_bytes = VM_MIB };
	l = plan(&t, 8 * VM_GIB, 0);
	check(&l);
	/* All that is low belongs to many nodes of 40 MiB; the tables' area to two of 1 MiB. */
	t = shape("16n16l1c1t");
	for (unsigned n = 0; n < 16; n++)
		t.node[n].memory_bytes = (n < 12 ? 40 : 1) * VM_MIB;
	l = plan(&t, 0, 0);
	check(&l);
}

static void the_smallest_machine_and_one_above_4_gib_are_as_drawn(void **state)
{
	static const struct x86_e820_entry small[] = {
		{ 0, 0xa0000, X86_E820_RAM },
		{ 0x100000, 0xf900000, X86_E820_RAM },
		{ 0xfa00000, 0x400000, X86_E820_RESERVED },
		{ 0xfe00000, 0x200000, X86_E820_ACPI },
	};
	static const struct x86_e820_entry big[] = {
		{ 0, 0xa0000, X86_E820_RAM },
		{ 0x100000, 0xbf700000, X86_E820_RAM },
		{ 0xbf800000, 0x400000, X86_E820_RESERVED },
		{ 0xbfc00000, 0x200000, X86_E820_RAM },
		{ 0xbfe00000, 0x200000, X86_E820_ACPI },
		{ 0x100000000, 0x40000000, X86_E820_RAM },
	};
	struct kt_topology t = shape("1n1l4c1t"), two = shape("2n4l4c1t");
	struct vm_layout l = plan(&t, 0, 0);
	struct x86_e820 map;

	(void)state;
	x86_e820_make(&l, &map);
	assert_int_equal(map.nr, 4);
	assert_memory_equal(map.e, small, sizeof(small));
	l = plan(&two, 4 * VM_GIB, VM_MIB);
	x86_e820_make(&l, &map);
	assert_int_equal(map.nr, 6);
	assert_memory_equal(map.e, big, sizeof(big));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_map_of_every_preset_in_every_size_is_its_layout),
		cmocka_unit_test(uneven_and_memory_only_nodes_are_in_it),
		cmocka_unit_test(the_smallest_machine_and_one_above_4_gib_are_as_drawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
