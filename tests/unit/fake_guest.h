/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small guest in an array: RAM, page tables, a kernel image with symbols, a map of all memory, vmalloc, per-CPU variables,
 * and types made by libbpf. For tests of what reads guests:
 *
 *   struct fake_guest f;
 *   fake_init(&f, &(struct fake_opts){ .levels = 5 });         or NULL
 *   gva_t v = fake_static(&f, "nr_cpu_ids", 4);                a variable of the image, with its symbol
 *   fake_put(&f, v, 4, 2);
 *   int rq = btf__add_struct(f.btf, "rq", 64);                 types, before fake_open()
 *   struct cap_guest *g = fake_open(&f);
 *   ...
 *   fake_done(&f);
 */
#ifndef KTSTR_TESTS_UNIT_FAKE_GUEST_H
#define KTSTR_TESTS_UNIT_FAKE_GUEST_H

#include <errno.h>

#include "capture/memory.h"
#include "tests/unit/unit.h"

#define FAKE_TEXT UINT64_C(0xffffffff81000000)
#define FAKE_DIRECT_4 UINT64_C(0xffff888000000000)
#define FAKE_DIRECT_5 UINT64_C(0xff11000000000000)
#define FAKE_VMALLOC_4 UINT64_C(0xffffc90000000000)
#define FAKE_VMALLOC_5 UINT64_C(0xffa0000000000000)
enum {
	FAKE_RAM_BYTES = 8 << 20,
	FAKE_IMAGE_PA = 0x100000,
	FAKE_IMAGE_BYTES = 0x100000,
	FAKE_PERCPU_BYTES = 0x8000,
	FAKE_CPUS = 4,
};
/* Physical = virtual - CAP_KERNEL_MAP + this: "negative" here, as randomisation makes it in half of all kernels. */
#define FAKE_PHYS_BASE (FAKE_IMAGE_PA - (FAKE_TEXT - CAP_KERNEL_MAP))

struct fake_opts {
	unsigned levels; /* 0: 4 */
	unsigned cpus; /* 0: 2; at most FAKE_CPUS */
	bool percpu_addresses; /* per-CPU symbols are addresses in the image, as since 6.15; else they count from 0 */
	bool no_phys_base; /* the guest did not say: to be found through vCPU 0's page tables */
	bool no_page_offset_symbol;
};
struct fake_guest {
	struct fake_opts o;
	uint8_t *ram;
	uint64_t next_pa; /* where RAM is free */
	uint64_t next_static, next_vmalloc, next_percpu; /* addresses */
	uint64_t percpu_start, percpu_offset[FAKE_CPUS];
	gpa_t root;
	struct cap_vcpu_regs vcpu[FAKE_CPUS];
	struct btf *btf;
	struct cap_types *types;
	struct cap_symbols *symbols;
	struct cap_guest *g;
	const struct cap_objects *objects; /* may be set before fake_open() */
	uint64_t nr_reads; /* of the source, not of its users */
};

static inline int fake_read_pa(void *ctx, gpa_t gpa, void *buf, size_t len)
{
	struct fake_guest *f = ctx;

	f->nr_reads++;
	if (gpa.v > FAKE_RAM_BYTES || len > FAKE_RAM_BYTES - gpa.v)
		return -EFAULT;
	memcpy(buf, f->ram + gpa.v, len);
	return 0;
}

/* ---- RAM ---- */

/* Zeroed, whole pages, following each other. */
static inline gpa_t fake_pages(struct fake_guest *f, size_t nr)
{
	gpa_t at = { f->next_pa };

	f->next_pa += nr * CAP_PAGE;
	assert_true(f->next_pa <= FAKE_RAM_BYTES);
	return at;
}

static inline void *fake_ram(struct fake_guest *f, gpa_t pa, size_t len)
{
	assert_true(pa.v <= FAKE_RAM_BYTES && len <= FAKE_RAM_BYTES - pa.v);
	return f->ram + pa.v;
}

static inline uint64_t *fake_entry(struct fake_guest *f, uint64_t table, uint64_t va,
				   unsigned level)
{
	uint64_t index = va >> (12 + 9 * (level - 1)) & 511;

	return fake_ram(f, (gpa_t){ table + index * 8 }, 8);
}

/* One page of 4 KiB (level 1), 2 MiB (2) or 1 GiB (3), with the bits that a kernel's data have: present, dirty, NX and so on. */
static inline void fake_map_page(struct fake_guest *f, gva_t va, gpa_t pa, unsigned at_level)
{
	uint64_t table = f->root.v;

	for (unsigned level = f->o.levels; level > at_level; level--) {
		uint64_t *entry = fake_entry(f, table, va.v, level);

		if (!*entry)
			*entry = fake_pages(f, 1).v | 0x63;
		table = *entry & UINT64_C(0xffffffffff000);
	}
	*fake_entry(f, table, va.v, at_level) = pa.v | UINT64_C(0x8000000000000163) |
						(at_level > 1 ? 1 << 7 : 0);
}

static inline void fake_unmap_page(struct fake_guest *f, gva_t va)
{
	uint64_t table = f->root.v;

	for (unsigned level = f->o.levels; level > 1; level--)
		table = *fake_entry(f, table, va.v, level) & UINT64_C(0xffffffffff000);
	*fake_entry(f, table, va.v, 1) = 0;
}

/* ---- memory of the kernel ---- */

static inline uint64_t fake_direct(const struct fake_guest *f)
{
	return f->o.levels == 5 ? FAKE_DIRECT_5 : FAKE_DIRECT_4;
}

static inline void fake_symbol(struct fake_guest *f, const char *name, uint64_t addr)
{
	assert_int_equal(cap_symbols_add(f->symbols, name, addr), 0);
}

/* A variable of the kernel's image, zeroed, with its symbol. */
static inline gva_t fake_static(struct fake_guest *f, const char *name, size_t bytes)
{
	gva_t at = { f->next_static };

	f->next_static += (bytes + 63) & ~(size_t)63;
	assert_true(f->next_static <= FAKE_TEXT + FAKE_IMAGE_BYTES);
	fake_symbol(f, name, at.v);
	return at;
}

/* From the slab, so to speak: zeroed, in the map of all memory. */
static inline gva_t fake_alloc(struct fake_guest *f, size_t bytes)
{
	return (gva_t){ fake_direct(f) + fake_pages(f, (bytes + CAP_PAGE - 1) / CAP_PAGE).v };
}

/* Mapped by page tables, in pages that do not follow each other. */
static inline gva_t fake_vmalloc(struct fake_guest *f, size_t bytes)
{
	size_t nr = (bytes + CAP_PAGE - 1) / CAP_PAGE;
	gva_t at = { f->next_vmalloc };
	gpa_t first = fake_pages(f, nr);

	for (size_t n = 0; n < nr; n++)
		fake_map_page(f, (gva_t){ at.v + n * CAP_PAGE },
			      (gpa_t){ first.v + (nr - 1 - n) * CAP_PAGE }, 1);
	f->next_vmalloc += (nr + 1) * CAP_PAGE; /* and one that is not there */
	return at;
}

/* A per-CPU variable: its symbol's value. */
static inline gva_t fake_percpu(struct fake_guest *f, const char *name, size_t bytes)
{
	gva_t at = { f->next_percpu };

	f->next_percpu += (bytes + 63) & ~(size_t)63;
	assert_true(f->next_percpu <= f->percpu_start + FAKE_PERCPU_BYTES);
	if (name)
		fake_symbol(f, name, at.v);
	return at;
}

static inline gva_t fake_percpu_at(const struct fake_guest *f, gva_t base, unsigned cpu)
{
	return (gva_t){ base.v + f->percpu_offset[cpu] };
}

/* Where a byte of kernel memory is; by the page tables, which know all of it. */
static inline uint8_t *fake_at(struct fake_guest *f, gva_t va)
{
	uint64_t table = f->root.v;

	if (va.v >= fake_direct(f) && va.v - fake_direct(f) < FAKE_RAM_BYTES)
		return f->ram + (va.v - fake_direct(f));
	for (unsigned level = f->o.levels; level > 0; level--) {
		uint64_t entry = *fake_entry(f, table, va.v, level);

		assert_true(entry & 1);
		table = entry & UINT64_C(0xffffffffff000);
	}
	return fake_ram(f, (gpa_t){ table + va.v % CAP_PAGE }, 1);
}

static inline void fake_write(struct fake_guest *f, gva_t va, const void *data, size_t len)
{
	for (size_t n = 0; n < len; n++)
		*fake_at(f, (gva_t){ va.v + n }) = ((const uint8_t *)data)[n];
}

/* A number of @bytes bytes. */
static inline void fake_put(struct fake_guest *f, gva_t va, size_t bytes, uint64_t v)
{
	fake_write(f, va, &v, bytes);
}

static inline void fake_put64(struct fake_guest *f, gva_t va, uint64_t v)
{
	fake_put(f, va, 8, v);
}

/* ---- types: what libbpf's btf__add_...() do not say in one line ---- */

static inline int fake_int(struct fake_guest *f, const char *name, size_t bytes, int encoding)
{
	int id = btf__find_by_name_kind(f->btf, name, BTF_KIND_INT);

	return id > 0 ? id : btf__add_int(f->btf, name, bytes, encoding);
}

static inline int fake_u64(struct fake_guest *f)
{
	return fake_int(f, "unsigned long", 8, 0);
}

static inline int fake_u32(struct fake_guest *f)
{
	return fake_int(f, "unsigned int", 4, 0);
}

static inline int fake_s32(struct fake_guest *f)
{
	return fake_int(f, "int", 4, BTF_INT_SIGNED);
}

static inline int fake_char_array(struct fake_guest *f, uint32_t nr)
{
	int c = fake_int(f, "char", 1, BTF_INT_SIGNED | BTF_INT_CHAR);

	return btf__add_array(f->btf, fake_u32(f), c, nr);
}

/* The next member of the struct or union that was added last: nothing may be added between them. */
static inline void fake_member(struct fake_guest *f, const char *name, int type_id, uint32_t offset)
{
	assert_int_equal(btf__add_field(f->btf, name, type_id, offset * 8, 0), 0);
}

/* ---- all of it ---- */

static inline void fake_add_percpu(struct fake_guest *f)
{
	gva_t offsets = fake_static(f, "__per_cpu_offset", sizeof(uint64_t) * FAKE_CPUS);
	gva_t mask = fake_static(f, "__cpu_possible_mask", sizeof(uint64_t));

	f->percpu_start = f->o.percpu_addresses ? f->next_static : 0;
	f->next_percpu = f->percpu_start;
	fake_symbol(f, "__per_cpu_start", f->percpu_start);
	for (unsigned cpu = 0; cpu < FAKE_CPUS; cpu++) {
		if (cpu < f->o.cpus)
			f->percpu_offset[cpu] =
				fake_alloc(f, FAKE_PERCPU_BYTES).v - f->percpu_start;
		fake_put64(f, (gva_t){ offsets.v + cpu * sizeof(uint64_t) }, f->percpu_offset[cpu]);
	}
	fake_put64(f, mask, (UINT64_C(1) << f->o.cpus) - 1);
	fake_put(f, fake_static(f, "nr_cpu_ids", 4), 4, f->o.cpus);
}

static inline void fake_init(struct fake_guest *f, const struct fake_opts *o)
{
	static const char banner[] = "Linux version 9.9.9-fake (a test)";
	gva_t at;

	*f = (struct fake_guest){ .o = o ? *o : (struct fake_opts){ 0 } };
	f->o.levels = f->o.levels ? f->o.levels : 4;
	f->o.cpus = f->o.cpus ? f->o.cpus : 2;
	f->ram = calloc(1, FAKE_RAM_BYTES);
	assert_non_null(f->ram);
	f->next_pa = FAKE_IMAGE_PA + FAKE_IMAGE_BYTES;
	f->next_static = FAKE_TEXT;
	f->next_vmalloc = f->o.levels == 5 ? FAKE_VMALLOC_5 : FAKE_VMALLOC_4;
	assert_int_equal(cap_symbols_create(&f->symbols, NULL), 0);
	f->btf = btf__new_empty();
	assert_non_null(f->btf);
	fake_symbol(f, "_text", FAKE_TEXT);
	fake_symbol(f, "_end", FAKE_TEXT + FAKE_IMAGE_BYTES);
	f->next_static += CAP_PAGE;
	f->root = (gpa_t){ FAKE_IMAGE_PA + CAP_PAGE };
	at = fake_static(f, "init_top_pgt", CAP_PAGE);
	assert_int_equal(at.v - FAKE_TEXT, f->root.v - FAKE_IMAGE_PA);
	for (uint64_t n = 0; n < FAKE_IMAGE_BYTES; n += CAP_PAGE)
		fake_map_page(f, (gva_t){ FAKE_TEXT + n }, (gpa_t){ FAKE_IMAGE_PA + n }, 1);
	fake_write(f, fake_static(f, "linux_banner", sizeof(banner)), banner, sizeof(banner));
	if (!f->o.no_page_offset_symbol) {
		fake_put64(f, fake_static(f, "page_offset_base", 8), fake_direct(f));
		fake_put64(f, fake_static(f, "vmalloc_base", 8), f->next_vmalloc);
	}
	fake_add_percpu(f);
	for (unsigned cpu = 0; cpu < f->o.cpus; cpu++)
		f->vcpu[cpu] = (struct cap_vcpu_regs){ .valid = true,
						       .instruction_pointer = FAKE_TEXT + cpu,
						       .page_table_root = f->root.v };
}

/* What cap_guest_open() is to get. */
static inline struct cap_guest_config fake_config(struct fake_guest *f)
{
	return (struct cap_guest_config){
		.mem = { fake_read_pa, f },
		.types = f->types,
		.symbols = f->symbols,
		.has_phys_base = !f->o.no_phys_base,
		.phys_base = f->o.no_phys_base ? 0 : FAKE_PHYS_BASE,
		.vcpus = f->vcpu,
		.nr_vcpus = f->o.cpus,
		.objects = f->objects,
	};
}

/* The types as they are now; also by fake_open(). */
static inline struct cap_types *fake_types(struct fake_guest *f)
{
	struct kt_err e = { 0 };
	const void *data;
	uint32_t len;

	if (f->types)
		return f->types;
	data = btf__raw_data(f->btf, &len);
	assert_non_null(data);
	if (cap_types_parse(data, len, "fake", &f->types, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	return f->types;
}

static inline struct cap_guest *fake_open(struct fake_guest *f)
{
	struct cap_guest_config c;
	struct kt_err e = { 0 };

	(void)fake_types(f);
	c = fake_config(f);
	if (cap_guest_open(&c, &f->g, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	return f->g;
}

static inline void fake_done(struct fake_guest *f)
{
	cap_guest_free(f->g);
	cap_types_free(f->types);
	cap_symbols_free(f->symbols);
	btf__free(f->btf);
	free(f->ram);
}

#endif
