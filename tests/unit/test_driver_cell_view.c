/* SPDX-License-Identifier: GPL-2.0-only */
/* What a capture knows of a guest: types of the kernel's file or of its memory, symbols that it tells or that the file has. */
#include "tests/unit/fake_guest.h"

#include "driver/cell/coordinator.h"
#include "vmm/internal.h"

/* How far the kernel moved from where it was linked. */
#define SLIDE UINT64_C(0x800000)

static int zero_regs(void *m, unsigned vcpu, struct vm_regs *ret, struct kt_err *e)
{
	(void)m;
	(void)vcpu;
	(void)e;
	*ret = (struct vm_regs){ 0 };
	return 0;
}

static const struct vm_backend frozen = { .read_regs = zero_regs };

/* A frozen machine with that guest in it, which has told nothing yet. */
struct bench {
	struct fake_guest f;
	struct vm vm;
	struct cell_spec spec;
	struct cell_view v;
};

static void begin(struct bench *b)
{
	struct vm_layout *l = &b->vm.memory.layout;

	*b = (struct bench){ .vm = { .ops = &frozen },
			     .spec = { .nr_cpus = 2,
				       .types_why = "kernel 'default' has no vmlinux" } };
	fake_init(&b->f, NULL);
	l->nr_pieces = 1;
	l->piece[0] = (struct vm_ram){ .len = FAKE_RAM_BYTES, .host = b->f.ram };
	assert_int_equal(cell_view_init(&b->v, &b->spec, &b->vm, NULL), 0);
	b->v.has_phys_base = true;
	b->v.phys_base = FAKE_PHYS_BASE;
	b->v.text = FAKE_TEXT;
}

static void end(struct bench *b)
{
	cell_view_done(&b->v);
	fake_done(&b->f);
}

/* Of all symbols, or of one. */
static void tell(struct bench *b, const char *only)
{
	const char *const *names;
	const uint64_t *addrs;
	size_t nr = cap_symbols_list(b->f.symbols, &names, &addrs);

	for (size_t n = 0; n < nr; n++) {
		if (!only || kt_streq(only, names[n]))
			assert_int_equal(cap_symbols_add(b->v.symbols, names[n], addrs[n]), 0);
	}
}

static void put_types(struct bench *b)
{
	struct fake_guest *f = &b->f;
	const void *data;
	gva_t at;
	uint32_t len;

	assert_true(btf__add_struct(f->btf, "of_the_guest", 24) > 0);
	data = btf__raw_data(f->btf, &len);
	assert_non_null(data);
	at = fake_static(f, "__start_BTF", len);
	fake_write(f, at, data, len);
	fake_symbol(f, "__stop_BTF", at.v + len);
}

static void a_kernel_without_a_file_has_the_types_that_are_in_its_memory(void **state)
{
	struct kt_err e = { 0 };
	struct bench b;

	(void)state;
	begin(&b);
	put_types(&b);
	tell(&b, NULL);
	if (cell_view_open(&b.v, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	assert_non_null(b.v.live);
	assert_ptr_equal(cap_guest_types(b.v.live), b.v.types);
	assert_int_equal(cap_type_bytes(b.v.types, "of_the_guest"), 24);
	end(&b);
}

static void the_types_of_a_file_are_taken_before_those_of_the_memory(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	b.spec.types = fake_types(&b.f);
	b.v.types = b.spec.types;
	put_types(&b);
	tell(&b, NULL);
	assert_int_equal(cell_view_open(&b.v, NULL), 0);
	assert_ptr_equal(cap_guest_types(b.v.live), b.spec.types);
	assert_null(b.v.own_types);
	end(&b);
}

static void where_types_were_looked_for_is_said(void **state)
{
	struct kt_err e = { 0 };
	struct bench b;

	(void)state;
	begin(&b);
	tell(&b, NULL);
	assert_int_equal(cell_view_open(&b.v, &e), -ENOENT);
	assert_string_equal(
		unit_err_text(&e),
		"no types of this kernel: kernel 'default' has no vmlinux; the guest's kernel does not tell where its BTF is, or has none");
	assert_null(b.v.live);
	end(&b);
}

/* As the kernel's file has them: some of the image, and one that counts from 0 per CPU. */
static void link_symbols(const struct bench *b, struct cap_symbols **ret)
{
	const char *const *names;
	const uint64_t *addrs;
	size_t nr = cap_symbols_list(b->f.symbols, &names, &addrs);

	assert_int_equal(cap_symbols_create(ret, NULL), 0);
	for (size_t n = 0; n < nr; n++)
		assert_int_equal(cap_symbols_add(*ret, names[n],
						 addrs[n] >= CAP_KERNEL_MAP ? addrs[n] - SLIDE
									    : addrs[n]),
				 0);
}

static uint64_t address_of(const struct cell_view *v, const char *name)
{
	uint64_t at = 0;

	return cap_symbols_find(v->symbols, name, &at) ? at : 0;
}

static void what_a_guest_does_not_tell_is_of_the_kernels_file(void **state)
{
	kt_auto(cap_symbols) struct cap_symbols *linked = NULL;
	struct bench b;

	(void)state;
	begin(&b);
	(void)fake_percpu(&b.f, "first", 64);
	(void)fake_percpu(&b.f, "runqueues", 64);
	link_symbols(&b, &linked);
	b.spec.linked = linked;
	b.v.types = fake_types(&b.f);
	assert_int_equal(cap_symbols_add(b.v.symbols, "nr_node_ids", FAKE_TEXT + 8), 0);
	assert_int_equal(cap_symbols_add(linked, "nr_node_ids", 0xdead), 0);
	assert_int_equal(cell_view_open(&b.v, NULL), 0);
	assert_int_equal(address_of(&b.v, "runqueues"), 64);
	assert_int_equal(address_of(&b.v, "nr_node_ids"), FAKE_TEXT + 8);
	assert_int_equal(cap_guest_cpus(b.v.live), b.f.o.cpus);
	end(&b);
}

static void a_file_says_nothing_of_a_kernel_that_moved_who_knows_where(void **state)
{
	kt_auto(cap_symbols) struct cap_symbols *linked = NULL;
	struct bench b;

	(void)state;
	begin(&b);
	link_symbols(&b, &linked);
	b.spec.linked = linked;
	b.v.types = fake_types(&b.f);
	b.v.text = 0;
	tell(&b, "linux_banner");
	assert_int_equal(cell_view_open(&b.v, NULL), 0);
	assert_int_equal(address_of(&b.v, "nr_cpu_ids"), 0);
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kernel_without_a_file_has_the_types_that_are_in_its_memory),
		cmocka_unit_test(the_types_of_a_file_are_taken_before_those_of_the_memory),
		cmocka_unit_test(where_types_were_looked_for_is_said),
		cmocka_unit_test(what_a_guest_does_not_tell_is_of_the_kernels_file),
		cmocka_unit_test(a_file_says_nothing_of_a_kernel_that_moved_who_knows_where),
	};

	return cmocka_run_group_tests_name("driver cell view", tests, NULL, NULL);
}
