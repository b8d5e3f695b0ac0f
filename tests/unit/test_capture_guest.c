/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel memory by address: the image, the direct map, page tables, per-CPU variables, and guests that lie about them. */
#include "tests/unit/fake_guest.h"

static void image_direct_map_and_vmalloc_are_read(struct fake_guest *f)
{
	gva_t in_image = fake_static(f, "jiffies", 8), in_slab = fake_alloc(f, 64);
	gva_t in_vmalloc = fake_vmalloc(f, 3 * CAP_PAGE);
	struct cap_guest *g;
	uint64_t v = 0;

	fake_put64(f, in_image, 1);
	fake_put64(f, in_slab, 2);
	fake_put64(f, in_vmalloc, 3);
	fake_put64(f, cap_at(in_vmalloc, CAP_PAGE - 4), UINT64_C(0x1122334455667788));
	g = fake_open(f);
	assert_int_equal(cap_read_u64(g, in_image, &v), 0);
	assert_int_equal(v, 1);
	assert_int_equal(cap_read_u64(g, in_slab, &v), 0);
	assert_int_equal(v, 2);
	assert_int_equal(cap_read_u64(g, in_vmalloc, &v), 0);
	assert_int_equal(v, 3);
	assert_int_equal(cap_read_u64(g, cap_at(in_vmalloc, CAP_PAGE - 4), &v), 0);
	assert_int_equal(v, UINT64_C(0x1122334455667788));
	assert_int_equal(cap_read_u64(g, cap_at(in_vmalloc, 3 * CAP_PAGE), &v), -EFAULT);
	assert_int_equal(cap_read_u64(g, cap_at(in_vmalloc, 3 * CAP_PAGE - 4), &v), -EFAULT);
	assert_int_equal(v, UINT64_C(0x1122334455667788));
	fake_done(f);
}

static void memory_is_read_with_four_levels(void **state)
{
	struct fake_guest f;

	(void)state;
	fake_init(&f, NULL);
	image_direct_map_and_vmalloc_are_read(&f);
}

static void memory_is_read_with_five_levels(void **state)
{
	struct fake_guest f;

	(void)state;
	fake_init(&f, &(struct fake_opts){ .levels = 5 });
	image_direct_map_and_vmalloc_are_read(&f);
}

static void without_phys_base_the_kernel_is_found_through_a_vcpu(void **state)
{
	struct fake_guest f;

	(void)state;
	for (unsigned levels = 4; levels <= 5; levels++) {
		fake_init(&f, &(struct fake_opts){ .levels = levels, .no_phys_base = true });
		f.vcpu[0].page_table_root |= UINT64_C(0x6000000000000fff); /* flags, not address */
		image_direct_map_and_vmalloc_are_read(&f);
	}
}

static void a_vcpu_in_user_mode_has_the_kernels_tables_beside_its_own(void **state)
{
	struct fake_guest f;
	gpa_t pair;

	(void)state;
	fake_init(&f, &(struct fake_opts){ .no_phys_base = true, .cpus = 1 });
	f.next_pa += f.next_pa & CAP_PAGE; /* on an even page */
	pair = fake_pages(&f, 2);
	memcpy(fake_ram(&f, pair, CAP_PAGE), fake_ram(&f, f.root, CAP_PAGE), CAP_PAGE);
	f.vcpu[0].page_table_root = pair.v + CAP_PAGE;
	image_direct_map_and_vmalloc_are_read(&f);
}

static void a_wrong_phys_base_is_not_believed_when_a_vcpu_knows_better(void **state)
{
	struct fake_guest f;
	struct cap_guest_config c;
	kt_auto(cap_guest) struct cap_guest *g = NULL;
	gva_t banner = { 0 };
	char text[16];

	(void)state;
	fake_init(&f, NULL);
	c = fake_config(&f);
	c.phys_base += 0x200000;
	assert_int_equal(cap_guest_open(&c, &g, NULL), 0);
	assert_true(cap_guest_symbol(g, "linux_banner", &banner));
	assert_int_equal(cap_read_text(g, banner, text, sizeof(text)), 0);
	assert_string_equal(text, "Linux version 9");
	fake_done(&f);
}

static void memory_that_has_no_kernel_is_said_so(void **state)
{
	struct fake_guest f;
	struct cap_guest_config c;
	struct cap_guest *g = NULL;
	struct kt_err e = { 0 };

	(void)state;
	fake_init(&f, NULL);
	memset(f.ram, 0, FAKE_RAM_BYTES);
	c = fake_config(&f);
	c.phys_base = 0x1000;
	assert_int_equal(cap_guest_open(&c, &g, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_GUEST);
	assert_string_equal(
		unit_err_text(&e),
		"the guest's memory does not hold its kernel where its symbols say (the banner at gva 0xffffffff81002000, phys_base 0x1000)");
	fake_done(&f);
}

static void a_guest_of_which_nothing_is_known_reads_nothing(void **state)
{
	struct fake_guest f;
	struct cap_guest_config c = { .mem = { fake_read_pa, &f } };
	kt_auto(cap_guest) struct cap_guest *g = NULL;
	uint64_t v;
	gva_t at;

	(void)state;
	fake_init(&f, NULL);
	assert_int_equal(cap_guest_open(&c, &g, NULL), 0);
	assert_int_equal(cap_read_u64(g, (gva_t){ FAKE_TEXT }, &v), -EFAULT);
	assert_int_equal(cap_read_u64(g, (gva_t){ FAKE_DIRECT_4 }, &v), -EFAULT);
	assert_false(cap_guest_symbol(g, "linux_banner", &at));
	assert_int_equal(cap_guest_cpus(g), 0);
	assert_int_equal(cap_percpu(g, (gva_t){ 0 }, 0, &at), -EOPNOTSUPP);
	fake_done(&f);
}

static void large_pages_are_walked(void **state)
{
	const gva_t two_mib = { UINT64_C(0xffffc98000000000) };
	const gva_t one_gib = { UINT64_C(0xffffca0000000000) };
	struct fake_guest f;
	struct cap_guest *g;
	gpa_t pa = { 0 };

	(void)state;
	fake_init(&f, NULL);
	fake_map_page(&f, two_mib, (gpa_t){ 0x200000 | 1 << 12 }, 2); /* with PAT */
	fake_map_page(&f, one_gib, (gpa_t){ UINT64_C(0x40000000) | 1 << 12 }, 3);
	g = fake_open(&f);
	assert_int_equal(cap_guest_translate(g, cap_at(two_mib, 0x123456), &pa), 0);
	assert_int_equal(pa.v, 0x323456);
	assert_int_equal(cap_guest_translate(g, cap_at(one_gib, 0x12345678), &pa), 0);
	assert_int_equal(pa.v, 0x52345678);
	/* Beyond RAM, where the guest's tables are allowed to point. */
	assert_int_equal(cap_guest_read(g, one_gib, &pa, sizeof(pa)), -EFAULT);
	fake_done(&f);
}

static void tables_that_point_nowhere_or_to_themselves_end(void **state)
{
	const gva_t lost = { UINT64_C(0xffffca0000000000) },
		    loop = { UINT64_C(0xffffcb0000000000) };
	struct fake_guest f;
	struct cap_guest *g;
	uint64_t v;

	(void)state;
	fake_init(&f, NULL);
	*fake_entry(&f, f.root.v, lost.v, 4) = UINT64_C(0x7ffffffff000) | 0x63;
	*fake_entry(&f, f.root.v, loop.v, 4) = f.root.v | 0x63;
	g = fake_open(&f);
	assert_int_equal(cap_read_u64(g, lost, &v), -EFAULT);
	(void)cap_read_u64(g, loop, &v); /* whatever it finds, it comes back */
	fake_done(&f);
}

static void addresses_that_are_no_kernels_are_refused(void **state)
{
	struct fake_guest f;
	struct cap_guest *g;
	uint64_t v;

	(void)state;
	fake_init(&f, NULL);
	g = fake_open(&f);
	assert_int_equal(cap_read_u64(g, (gva_t){ 0 }, &v), -EINVAL);
	assert_int_equal(cap_read_u64(g, (gva_t){ 0x7fffffff0000 }, &v), -EINVAL);
	assert_int_equal(cap_read_u64(g, (gva_t){ UINT64_C(0x00ff888000000000) }, &v), -EINVAL);
	/* Canonical with five levels only. */
	assert_int_equal(cap_read_u64(g, (gva_t){ UINT64_C(0xff20000000000000) }, &v), -EINVAL);
	assert_int_equal(cap_read_u64(g, (gva_t){ UINT64_MAX - 3 }, &v), -EFAULT);
	fake_done(&f);
}

static void without_its_symbol_the_direct_map_is_where_it_always_was(void **state)
{
	struct fake_guest f;
	gva_t at;
	struct cap_guest *g;
	uint32_t v = 0;

	(void)state;
	fake_init(&f, &(struct fake_opts){ .no_page_offset_symbol = true });
	at = fake_alloc(&f, 8);
	fake_put(&f, at, 4, 77);
	g = fake_open(&f);
	assert_int_equal(cap_read_u32(g, at, &v), 0);
	assert_int_equal(v, 77);
	fake_done(&f);
}

static void per_cpu_variables_are_found(bool percpu_addresses)
{
	struct fake_guest f;
	struct cap_guest *g;
	gva_t base, at = { 0 };
	uint64_t v = 0;

	fake_init(&f, &(struct fake_opts){ .cpus = 3, .percpu_addresses = percpu_addresses });
	(void)fake_percpu(&f, "something_else", 100);
	base = fake_percpu(&f, "runqueues", 8);
	for (unsigned cpu = 0; cpu < 3; cpu++)
		fake_put64(&f, fake_percpu_at(&f, base, cpu), 100 + cpu);
	g = fake_open(&f);
	assert_int_equal(cap_guest_cpus(g), 3);
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		assert_int_equal(cap_percpu(g, base, cpu, &at), 0);
		assert_int_equal(cap_read_u64(g, at, &v), 0);
		assert_int_equal(v, 100 + cpu);
	}
	assert_int_equal(cap_percpu(g, base, 3, &at), -ENOENT);
	assert_int_equal(cap_percpu(g, base, 1u << 31, &at), -ENOENT);
	fake_done(&f);
}

static void per_cpu_symbols_that_count_from_0_are_found(void **state)
{
	(void)state;
	per_cpu_variables_are_found(false);
}

static void per_cpu_symbols_that_are_addresses_are_found(void **state)
{
	(void)state;
	per_cpu_variables_are_found(true);
}

static void cpus_that_cannot_be_have_no_variables(void **state)
{
	struct fake_guest f;
	struct cap_guest *g;
	gva_t base, offsets, mask, at;

	(void)state;
	fake_init(&f, &(struct fake_opts){ .cpus = 4 });
	base = fake_percpu(&f, "runqueues", 8);
	assert_true(cap_symbols_find(f.symbols, "__per_cpu_offset", &offsets.v));
	assert_true(cap_symbols_find(f.symbols, "__cpu_possible_mask", &mask.v));
	fake_put64(&f, cap_at(offsets, 8), 0);
	fake_put64(&f, cap_at(offsets, 16), f.percpu_offset[0]);
	fake_put64(&f, mask, 0x7);
	g = fake_open(&f);
	assert_int_equal(cap_percpu(g, base, 0, &at), 0);
	assert_int_equal(cap_percpu(g, base, 1, &at), -ENOENT);
	assert_int_equal(cap_percpu(g, base, 2, &at), -ENOENT);
	assert_int_equal(cap_percpu(g, base, 3, &at), -ENOENT);
	fake_done(&f);
}

static void a_number_of_cpus_that_cannot_be_is_counted_by_the_mask(void **state)
{
	struct fake_guest f;
	gva_t at;

	(void)state;
	fake_init(&f, &(struct fake_opts){ .cpus = 3 });
	assert_true(cap_symbols_find(f.symbols, "nr_cpu_ids", &at.v));
	fake_put(&f, at, 4, UINT32_MAX);
	assert_true(btf__add_struct(f.btf, "cpumask", 8) > 0);
	assert_int_equal(cap_guest_cpus(fake_open(&f)), 3);
	fake_done(&f);
}

static void what_was_read_is_kept_until_it_is_forgotten(void **state)
{
	struct fake_guest f;
	struct cap_guest *g;
	gva_t slab, moved;
	uint64_t reads, v = 0;

	(void)state;
	fake_init(&f, NULL);
	slab = fake_alloc(&f, CAP_PAGE);
	moved = fake_vmalloc(&f, CAP_PAGE);
	fake_put64(&f, moved, 5);
	g = fake_open(&f);
	assert_int_equal(cap_read_u64(g, slab, &v), 0);
	assert_int_equal(cap_read_u64(g, moved, &v), 0);
	reads = f.nr_reads;
	for (unsigned n = 0; n < 1000; n++) {
		assert_int_equal(cap_read_u64(g, cap_at(slab, 8 * (n % 512)), &v), 0);
		assert_int_equal(cap_read_u64(g, moved, &v), 0);
	}
	assert_int_equal(f.nr_reads, reads);
	fake_put64(&f, slab, 1);
	fake_map_page(&f, moved, (gpa_t){ slab.v - FAKE_DIRECT_4 }, 1);
	assert_int_equal(cap_read_u64(g, moved, &v), 0);
	assert_int_equal(v, 5);
	cap_guest_forget(g);
	assert_int_equal(cap_read_u64(g, moved, &v), 0);
	assert_int_equal(v, 1);
	fake_done(&f);
}

static void fields_are_read_by_their_size(void **state)
{
	static const struct cap_field byte = { true, 1, 1, 0 }, word = { true, 4, 8, 0 },
				      odd = { true, 0, 3, 0 }, none = { 0 },
				      far = { true, UINT32_MAX, 8, 0 };
	const uint8_t data[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	struct fake_guest f;
	struct cap_guest *g;
	gva_t at;
	uint64_t v = 0;

	(void)state;
	fake_init(&f, NULL);
	at = fake_alloc(&f, sizeof(data));
	fake_write(&f, at, data, sizeof(data));
	g = fake_open(&f);
	assert_int_equal(cap_read_field(g, at, &byte, &v), 0);
	assert_int_equal(v, 2);
	assert_int_equal(cap_read_field(g, at, &word, &v), 0);
	assert_int_equal(v, UINT64_C(0x0c0b0a0908070605));
	assert_int_equal(cap_read_field(g, at, &odd, &v), -EINVAL);
	assert_int_equal(cap_read_field(g, at, &none, &v), -ENOENT);
	assert_int_equal(cap_get_field(data, sizeof(data), &word), v);
	assert_int_equal(cap_get_field(data, sizeof(data) - 1, &word), 0);
	assert_int_equal(cap_get_field(data, sizeof(data), &far), 0);
	assert_int_equal(cap_get_field(data, 0, &byte), 0);
	assert_int_equal(cap_get_field(data, sizeof(data), &none), 0);
	fake_done(&f);
}

static void texts_end_at_nul_or_size_and_are_printable(void **state)
{
	struct fake_guest f;
	struct cap_guest *g;
	gva_t at;
	char buf[16];

	(void)state;
	fake_init(&f, NULL);
	at = fake_vmalloc(&f, CAP_PAGE);
	fake_write(&f, cap_at(at, CAP_PAGE - 6), "a\033b\xff", 5);
	fake_write(&f, at, "0123456789abcdefgh", 18);
	g = fake_open(&f);
	/* The page after it is not there, and not needed. */
	assert_int_equal(cap_read_text(g, cap_at(at, CAP_PAGE - 6), buf, sizeof(buf)), 0);
	assert_string_equal(buf, "a?b?");
	assert_int_equal(cap_read_text(g, at, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "0123456789abcde");
	assert_int_equal(cap_read_text(g, cap_at(at, CAP_PAGE), buf, sizeof(buf)), -EFAULT);
	assert_string_equal(buf, "");
	fake_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_read_with_four_levels),
		cmocka_unit_test(memory_is_read_with_five_levels),
		cmocka_unit_test(without_phys_base_the_kernel_is_found_through_a_vcpu),
		cmocka_unit_test(a_vcpu_in_user_mode_has_the_kernels_tables_beside_its_own),
		cmocka_unit_test(a_wrong_phys_base_is_not_believed_when_a_vcpu_knows_better),
		cmocka_unit_test(memory_that_has_no_kernel_is_said_so),
		cmocka_unit_test(a_guest_of_which_nothing_is_known_reads_nothing),
		cmocka_unit_test(large_pages_are_walked),
		cmocka_unit_test(tables_that_point_nowhere_or_to_themselves_end),
		cmocka_unit_test(addresses_that_are_no_kernels_are_refused),
		cmocka_unit_test(without_its_symbol_the_direct_map_is_where_it_always_was),
		cmocka_unit_test(per_cpu_symbols_that_count_from_0_are_found),
		cmocka_unit_test(per_cpu_symbols_that_are_addresses_are_found),
		cmocka_unit_test(cpus_that_cannot_be_have_no_variables),
		cmocka_unit_test(a_number_of_cpus_that_cannot_be_is_counted_by_the_mask),
		cmocka_unit_test(what_was_read_is_kept_until_it_is_forgotten),
		cmocka_unit_test(fields_are_read_by_their_size),
		cmocka_unit_test(texts_end_at_nul_or_size_and_are_printable),
	};

	return cmocka_run_group_tests_name("capture guest", tests, NULL, NULL);
}
