/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory layouts of all presets and of odd shapes: nothing overlaps, all is where it will be. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "tests/unit/vmm_shapes.h"
#include "vmm/internal.h"
#include "vmm/qemu/internal.h"

/* What a 7.x Debian kernel takes: 16 MiB + init_size. */
#define KERNEL_END (UINT64_C(88) << 20)

/* By brute force, with none of the layout's own arithmetic. */
static void check(const struct vm_layout *l, const struct vm_layout_opts *o)
{
	uint64_t per_node[KT_TOPO_NODES_MAX] = { 0 }, sum = 0, low = o->low_bytes_max;
	unsigned holders = 0;

	for (size_t i = 0; i < l->nr_pieces; i++) {
		const struct vm_ram *p = &l->piece[i];
		uint64_t end = p->gpa.v + p->len;
		uint64_t before = 0, flat = p->gpa.v >= VM_HIGH_RAM_GPA
						    ? p->gpa.v - VM_HIGH_RAM_GPA + l->low_bytes
						    : p->gpa.v;

		assert_true(p->len > 0);
		assert_true(i == 0 || l->piece[i - 1].gpa.v + l->piece[i - 1].len <= p->gpa.v);
		assert_true(end <= low || p->gpa.v >= VM_HIGH_RAM_GPA);
		assert_false(p->gpa.v < VM_MIB && end > VM_BASE_RAM_END);
		for (unsigned n = 0; n < p->node; n++)
			before += l->node_bytes[n];
		assert_int_equal(p->offset, flat - before);
		assert_true(p->offset + p->len <= l->node_bytes[p->node]);
		per_node[p->node] += p->len;
		holders += l->ring.v >= p->gpa.v && l->ring.v + l->ring_len <= end;
	}
	for (unsigned n = 0; n < l->nr_nodes; n++)
		sum += per_node[n];
	assert_int_equal(sum, l->total_bytes - (VM_MIB - VM_BASE_RAM_END));
	assert_int_equal(holders, 1);
	assert_true(l->ring.v >= o->kernel_end);
	assert_true(l->ring.v + l->ring_len + 2 * VM_MIB + o->initrd_bytes <= l->low_bytes);
	assert_int_equal(l->ring.v % (2 * VM_MIB), 0);
}

static void every_preset_in_every_size_has_a_window_that_overlaps_nothing(void **state)
{
	static const uint64_t mib[] = { 256,  257,  512,  1000, 2047,  2048, 2815,
					2816, 2817, 4096, 5120, 16384, 65536 };
	static const uint64_t initrd_mib[] = { 0, 3, 40 };

	(void)state;
	for (size_t i = 0; i < NR_PRESETS; i++) {
		struct kt_topology t = shape(all_shapes[i]);

		for (size_t m = 0; m < sizeof(mib) / sizeof(mib[0]); m++) {
			for (size_t k = 0; k < 3; k++) {
				uint64_t total = vm_memory_bytes(&t, mib[m] * VM_MIB,
								 initrd_mib[k] * VM_MIB);
				struct vm_layout_opts o = {
					.topology = &t,
					.memory_bytes = total,
					.low_bytes_max = qemu_low_bytes(total),
					.kernel_end = KERNEL_END,
					.initrd_bytes = initrd_mib[k] * VM_MIB + 12345,
				};
				struct vm_layout l;
				struct kt_err e = { 0 };

				if (vm_layout_plan(&o, &l, &e) < 0)
					fail_msg("%s %u MiB: %s", all_shapes[i], (unsigned)mib[m],
						 unit_err_text(&e));
				check(&l, &o);
			}
		}
	}
}

static struct vm_layout plan(const struct kt_topology *t, uint64_t mib)
{
	uint64_t bytes[KT_TOPO_NODES_MAX];
	struct vm_layout_opts o = { .topology = t,
				    .memory_bytes = mib * VM_MIB,
				    .kernel_end = KERNEL_END };
	struct vm_layout l;

	o.low_bytes_max = qemu_low_bytes(vm_layout_nodes(t, o.memory_bytes, bytes));
	assert_int_equal(vm_layout_plan(&o, &l, NULL), 0);
	check(&l, &o);
	return l;
}

static void the_smallest_machine_has_its_window_at_the_end(void **state)
{
	struct kt_topology t = shape("1n1l4c1t");
	struct vm_layout l = plan(&t, 256);
	struct kt_buf b = { 0 };

	(void)state;
	assert_int_equal(l.nr_pieces, 2);
	assert_int_equal(l.piece[0].len, VM_BASE_RAM_END);
	assert_int_equal(l.piece[1].gpa.v, VM_MIB);
	assert_int_equal(l.piece[1].offset, VM_MIB);
	vm_layout_reserve_ring(&l, &b);
	assert_string_equal(kt_buf_str(&b), " memmap=0x400000$0xfa00000");
	kt_buf_reset(&b);
	vm_kernel_cmdline(&l, "quiet loglevel=7", &b);
	assert_non_null(strstr(kt_buf_str(&b), " ktstr.ring=0xfa00000,0x400000 quiet loglevel=7"));
	kt_buf_done(&b);
}

static void uneven_and_memory_only_nodes_are_cut_where_the_machine_cuts(void **state)
{
	struct kt_topology t = shape("3n3l1c1t");
	struct vm_layout l;

	(void)state;
	t.node[0].llcs = 2;
	t.node[1] = (struct kt_topo_node){ .llcs = 0, .memory_bytes = 3 * VM_GIB };
	l = plan(&t, 5 * 1024);
	assert_int_equal(l.node_bytes[0], VM_GIB);
	assert_int_equal(l.node_bytes[1], 3 * VM_GIB);
	assert_int_equal(l.node_bytes[2], VM_GIB);
	/* 0: 1 MiB hole and all low; 1: 1 GiB low, 2 high; 2: high */
	assert_int_equal(l.nr_pieces, 5);
	assert_int_equal(l.piece[2].node, 1);
	assert_int_equal(l.piece[2].gpa.v, VM_GIB);
	assert_int_equal(l.piece[2].len, VM_GIB);
	assert_int_equal(l.piece[3].node, 1);
	assert_int_equal(l.piece[3].gpa.v, 4 * VM_GIB);
	assert_int_equal(l.piece[3].offset, VM_GIB);
	assert_int_equal(l.piece[4].gpa.v, 6 * VM_GIB);
	assert_int_equal(l.piece[4].offset, 0);
}

static void a_window_never_straddles_two_nodes(void **state)
{
	(void)state;
	for (uint64_t odd = 1; odd < 24; odd++) {
		struct kt_topology t = shape("3n3l1c1t");

		/* The last node ends just around where the window would be. */
		t.node[0].memory_bytes = 200 * VM_MIB;
		t.node[1].memory_bytes = 100 * VM_MIB;
		t.node[2].memory_bytes = odd * VM_MIB;
		(void)plan(&t, 0);
	}
}

static void memory_that_cannot_hold_the_kernel_is_an_error_that_says_what_is_needed(void **state)
{
	struct kt_topology t = shape("1n1l1c1t");
	struct vm_layout_opts o = { .topology = &t,
				    .memory_bytes = 96 * VM_MIB,
				    .low_bytes_max = VM_GIB,
				    .kernel_end = KERNEL_END,
				    .initrd_bytes = 5 * VM_MIB };
	struct vm_layout l;
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(vm_layout_plan(&o, &l, &e), -ENOSPC);
	assert_int_equal(e.kind, KT_E_CONFIG);
	assert_string_equal(
		unit_err_text(&e),
		"96 MiB of memory in 1 nodes cannot hold the kernel (up to 88 MiB), the "
		"initramfs (5 MiB) and the frame window (4 MiB): give the machine more memory");
}

static void memory_follows_cpus_what_was_asked_and_the_initrd(void **state)
{
	struct kt_topology small = shape("1n1l2c1t"), big = shape("1n14l18c1t"),
			   odd = shape("1n3l3c1t");

	(void)state;
	odd.nr_nodes = 3;
	odd.node[1].llcs = odd.node[2].llcs = 1;
	assert_int_equal(vm_memory_bytes(&small, 0, 0), 256 * VM_MIB);
	assert_int_equal(vm_memory_bytes(&small, 0, 100 * VM_MIB), 492 * VM_MIB);
	assert_int_equal(vm_memory_bytes(&small, 700 * VM_MIB + 1, 0), 701 * VM_MIB);
	assert_int_equal(vm_memory_bytes(&big, 0, 0), 252 * 64 * VM_MIB);
	assert_int_equal(vm_memory_bytes(&odd, 1000 * VM_MIB, 0), 1002 * VM_MIB); /* three of 334 */
	assert_int_equal(vm_memory_bytes(&odd, 1002 * VM_MIB, 0), 1002 * VM_MIB);
}

static void guest_memory_is_reached_by_address_and_never_past_its_end(void **state)
{
	struct kt_topology t = shape("2n2l1c1t");
	struct vm_layout l = plan(&t, 3 * 1024);
	struct vm_memory m = { 0 };
	const uint64_t seam = 1536 * VM_MIB; /* end of node 0, start of node 1 */
	uint8_t buf[16] = { 0 }, *p;

	(void)state;
	assert_int_equal(vm_ram_map(&l, VM_RAM_SHARED, &m, NULL), 0);
	assert_int_equal(vm_ram_copy(&m, (gpa_t){ seam - 8 }, NULL, "0123456789abcdef", 16), 0);
	assert_memory_equal(m.map[0] + seam - 8, "01234567", 8);
	assert_memory_equal(m.map[1], "89abcdef", 8);
	assert_int_equal(vm_ram_copy(&m, (gpa_t){ seam - 4 }, buf, NULL, 8), 0);
	assert_memory_equal(buf, "456789ab", 8);
	assert_null(vm_ram_buf(&m, (gpa_t){ seam - 4 }, 8));
	assert_ptr_equal(vm_ram_buf(&m, (gpa_t){ seam }, 8), m.map[1]);
	/* 4 GiB is where node 1 goes on, 512 MiB into it */
	p = vm_ram_buf(&m, (gpa_t){ VM_HIGH_RAM_GPA }, 1);
	assert_ptr_equal(p, m.map[1] + 512 * VM_MIB);
	memset(buf, 7, sizeof(buf));
	assert_int_equal(vm_ram_copy(&m, (gpa_t){ 2 * VM_GIB - 4 }, buf, NULL, 8), -EFAULT);
	assert_int_equal(vm_ram_copy(&m, (gpa_t){ 5 * VM_GIB - 4 }, buf, NULL, 8), -EFAULT);
	assert_int_equal(vm_ram_copy(&m, (gpa_t){ UINT64_MAX - 3 }, buf, NULL, 8), -EFAULT);
	assert_int_equal(vm_ram_copy(&m, (gpa_t){ VM_BASE_RAM_END - 1 }, buf, NULL, 2), -EFAULT);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 7);
	assert_null(vm_ram_buf(&m, (gpa_t){ 0 }, SIZE_MAX));
	assert_null(vm_ram_buf(&m, (gpa_t){ 5 * VM_GIB }, 0));
	assert_int_equal(vm_ram_copy(&m, (gpa_t){ UINT64_MAX }, buf, NULL, 0), 0);
	vm_ram_unmap(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_preset_in_every_size_has_a_window_that_overlaps_nothing),
		cmocka_unit_test(the_smallest_machine_has_its_window_at_the_end),
		cmocka_unit_test(uneven_and_memory_only_nodes_are_cut_where_the_machine_cuts),
		cmocka_unit_test(a_window_never_straddles_two_nodes),
		cmocka_unit_test(
			memory_that_cannot_hold_the_kernel_is_an_error_that_says_what_is_needed),
		cmocka_unit_test(memory_follows_cpus_what_was_asked_and_the_initrd),
		cmocka_unit_test(guest_memory_is_reached_by_address_and_never_past_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
