/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ACPI tables of a machine, and a reader of them that knows them from the specification (6.5, chapter 5) and not from
 * who made them.
 */
#ifndef KTSTR_TESTS_UNIT_ACPI_TABLES_H
#define KTSTR_TESTS_UNIT_ACPI_TABLES_H

#include "tests/unit/vmm_shapes.h"

#include "vmm/x86_64/x86.h"

/* ---- a machine: what is asked, and the bytes that come ---- */

struct rig {
	struct kt_topology t;
	struct vm_layout l;
	struct kt_buf b;
	uint64_t base, rsdp;
};

static inline void rig_init(struct rig *r, const struct kt_topology *t, uint64_t memory)
{
	struct kt_err e = { 0 };
	uint64_t len;
	gpa_t rsdp;

	*r = (struct rig){ .t = *t };
	if (vm_layout_plan(&(struct vm_layout_opts){ .topology = t,
						     .memory_bytes = memory,
						     .low_bytes_max = X86_MMIO_GAP_START,
						     .kernel_end = 88 * VM_MIB },
			   &r->l, &e) < 0)
		fail_msg("layout: %s", unit_err_text(&e));
	r->base = vm_layout_tables(&r->l, &len).v;
	if (x86_acpi_build(
		    &(struct x86_acpi_opts){
			    .topology = t, .layout = &r->l, .base = { r->base }, .max_bytes = len },
		    &r->b, &rsdp, &e) < 0)
		fail_msg("tables: %s", unit_err_text(&e));
	r->rsdp = rsdp.v;
	assert_true(r->b.len <= len);
	/* what vmm/layout.c counts on for the widest machine */
	assert_true(r->b.len < 128 * VM_KIB);
}

static inline void rig_done(struct rig *r)
{
	kt_buf_done(&r->b);
}

/* ---- reading ---- */

static inline const uint8_t *at_gpa(const struct rig *r, uint64_t gpa, size_t len)
{
	assert_true(gpa >= r->base && gpa - r->base <= r->b.len);
	assert_true(len <= r->b.len - (gpa - r->base));
	return (const uint8_t *)r->b.data + (gpa - r->base);
}

static inline uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static inline void assert_sum(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	assert_int_equal(sum, 0);
}

struct table {
	const uint8_t *p;
	size_t len;
};

static inline struct table table_at(const struct rig *r, uint64_t gpa, const char *signature,
				    unsigned revision)
{
	struct table t = { .p = at_gpa(r, gpa, 36) };

	t.len = get(t.p + 4, 4);
	assert_true(t.len >= 36);
	(void)at_gpa(r, gpa, t.len);
	assert_memory_equal(t.p, signature, 4);
	assert_int_equal(t.p[8], revision);
	assert_sum(t.p, t.len);
	return t;
}

struct tables {
	unsigned nr; /* in the XSDT */
	struct table xsdt, fadt, dsdt, madt, srat, slit, hmat; /* hmat.p may be NULL */
};

static inline struct tables read_tables(const struct rig *r)
{
	const uint8_t *rsdp = at_gpa(r, r->rsdp, 36);
	struct tables t = { 0 };
	uint64_t at[5] = { 0 };

	assert_int_equal(r->rsdp % 16, 0);
	assert_memory_equal(rsdp, "RSD PTR ", 8);
	assert_int_equal(rsdp[15], 2);
	assert_int_equal(get(rsdp + 16, 4), 0);
	assert_int_equal(get(rsdp + 20, 4), 36);
	assert_sum(rsdp, 20);
	assert_sum(rsdp, 36);
	t.xsdt = table_at(r, get(rsdp + 24, 8), "XSDT", 1);
	assert_int_equal((t.xsdt.len - 36) % 8, 0);
	t.nr = (unsigned)(t.xsdt.len - 36) / 8;
	assert_true(t.nr == 4 || t.nr == 5);
	for (unsigned i = 0; i < t.nr; i++)
		at[i] = get(t.xsdt.p + 36 + 8 * i, 8);
	t.fadt = table_at(r, at[0], "FACP", 6);
	assert_int_equal(t.fadt.len, 276);
	t.dsdt = table_at(r, get(t.fadt.p + 140, 8), "DSDT", 2);
	assert_int_equal(get(t.fadt.p + 40, 4), get(t.fadt.p + 140, 8));
	t.madt = table_at(r, at[1], "APIC", 6);
	t.srat = table_at(r, at[2], "SRAT", 3);
	t.slit = table_at(r, at[3], "SLIT", 1);
	if (t.nr == 5)
		t.hmat = table_at(r, at[4], "HMAT", 2);
	return t;
}

/* Two nodes with CPUs, unlike each other, and two without. */
static inline struct kt_topology odd_nodes(void)
{
	static const uint8_t distance[4][4] = {
		{ 10, 21, 40, 33 }, { 21, 10, 30, 34 }, { 40, 30, 10, 60 }, { 33, 34, 60, 10 }
	};
	struct kt_topology t = {
		.nr_nodes = 4,
		.nr_llcs = 3,
		.cores = 3,
		.threads = 2,
		.node = { { .llcs = 1, .memory_bytes = 200 * VM_MIB },
			  { .llcs = 2, .memory_bytes = 4 * VM_GIB },
			  { .memory_bytes = 512 * VM_MIB },
			  { .memory_bytes = VM_GIB } },
		.has_distance = true,
	};

	for (unsigned i = 0; i < 4; i++)
		memcpy(t.distance[i], distance[i], 4);
	return t;
}

#endif
