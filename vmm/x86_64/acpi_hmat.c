/* SPDX-License-Identifier: GPL-2.0-only */
/* HMAT: latency, bandwidth and memory-side caches of nodes (section 5.2.28, revision 2). */
#include "vmm/x86_64/acpi.h"

enum { PROXIMITY_ATTRIBUTES = 0, LATENCY_AND_BANDWIDTH = 1, SIDE_CACHE = 2 };
enum { ACCESS_LATENCY = 0, ACCESS_BANDWIDTH = 3 }; /* read and write alike */
enum { ENTRY_MAX = 0xfffe }; /* 0xffff: not reachable; 0: nothing known */

/* Section 5.2.28.3. Linux shows only this initiator in the memory's access0 and access1. */
static void add_attributes(struct kt_buf *b, const struct kt_topology *t, uint32_t node)
{
	acpi_u16(b, PROXIMITY_ATTRIBUTES);
	acpi_zero(b, 2);
	acpi_u32(b, 40);
	acpi_u16(b, 1); /* the initiator is valid */
	acpi_zero(b, 2);
	acpi_u32(b, kt_topo_initiator(t, node));
	acpi_u32(b, node);
	acpi_zero(b, 4 + 8 + 8);
}

static uint32_t value_of(const struct kt_topo_node *n, enum x86_hmat_what what)
{
	return what == X86_HMAT_LATENCY_NS ? n->latency_ns : n->bandwidth_mbs;
}

static uint64_t unit_of(const struct kt_topology *t, enum x86_hmat_what what)
{
	const unsigned step = what == X86_HMAT_LATENCY_NS ? 10 : 2;
	uint64_t max = 0, unit = 1;

	for (unsigned n = 0; n < t->nr_nodes; n++) {
		uint64_t v = value_of(&t->node[n], what);

		max = v > max ? v : max;
	}
	while ((max + unit / 2) / unit > ENTRY_MAX)
		unit *= step;
	return max ? unit : 0;
}

/* What is known stays known, however small it is beside the others. */
static uint16_t entry_of(const struct kt_topology *t, unsigned node, enum x86_hmat_what what,
			 uint64_t unit)
{
	uint64_t v = value_of(&t->node[node], what);

	return (uint16_t)(v && v < unit ? 1 : (v + unit / 2) / unit);
}

uint32_t x86_hmat_told(const struct kt_topology *t, unsigned node, enum x86_hmat_what what)
{
	uint64_t unit = unit_of(t, what);

	return unit ? (uint32_t)(entry_of(t, node, what, unit) * unit) : 0;
}

/* Section 5.2.28.4: what is told of a node's memory is told to every node with CPUs. */
static void add_locality(struct kt_buf *b, const struct kt_topology *t, enum x86_hmat_what what)
{
	uint64_t unit = unit_of(t, what);
	uint32_t initiators = 0;

	if (!unit)
		return;
	for (unsigned n = 0; n < t->nr_nodes; n++)
		initiators += t->node[n].llcs != 0;
	acpi_u16(b, LATENCY_AND_BANDWIDTH);
	acpi_zero(b, 2);
	acpi_u32(b, 32 + 4 * initiators + 4 * t->nr_nodes + 2 * initiators * t->nr_nodes);
	acpi_u8(b, 0); /* of the memory, not of a cache of it */
	acpi_u8(b, what == X86_HMAT_LATENCY_NS ? ACCESS_LATENCY : ACCESS_BANDWIDTH);
	acpi_zero(b, 2);
	acpi_u32(b, initiators);
	acpi_u32(b, t->nr_nodes);
	acpi_zero(b, 4);
	acpi_u64(b, what == X86_HMAT_LATENCY_NS ? unit * 1000 : unit); /* picoseconds or MB/s */
	for (unsigned n = 0; n < t->nr_nodes; n++) {
		if (t->node[n].llcs)
			acpi_u32(b, n);
	}
	for (unsigned n = 0; n < t->nr_nodes; n++)
		acpi_u32(b, n);
	for (unsigned i = 0; i < initiators; i++) {
		for (unsigned n = 0; n < t->nr_nodes; n++)
			acpi_u16(b, entry_of(t, n, what, unit));
	}
}

/*
 * Section 5.2.28.5. As memory modules with a cache of DRAM have it: direct-mapped, write-back, in lines of 64 bytes; the
 * only level. vmm/qemu says the same.
 */
static void add_side_cache(struct kt_buf *b, uint32_t node, uint64_t bytes)
{
	enum { LEVELS = 1, LEVEL = 1 << 4, DIRECT = 1 << 8, WRITE_BACK = 1 << 12, LINE = 64 << 16 };

	acpi_u16(b, SIDE_CACHE);
	acpi_zero(b, 2);
	acpi_u32(b, 32);
	acpi_u32(b, node);
	acpi_zero(b, 4);
	acpi_u64(b, bytes);
	acpi_u32(b, LEVELS | LEVEL | DIRECT | WRITE_BACK | LINE);
	acpi_zero(b, 2);
	acpi_u16(b, 0); /* handles of SMBIOS, which there is none of */
}

size_t acpi_add_hmat(struct kt_buf *b, const struct kt_topology *t)
{
	size_t at = acpi_begin(b, "HMAT", 2);

	acpi_zero(b, 4);
	for (unsigned n = 0; n < t->nr_nodes; n++)
		add_attributes(b, t, n);
	add_locality(b, t, X86_HMAT_LATENCY_NS);
	add_locality(b, t, X86_HMAT_BANDWIDTH_MBS);
	for (unsigned n = 0; n < t->nr_nodes; n++) {
		if (t->node[n].mem_side_cache_bytes)
			add_side_cache(b, n, t->node[n].mem_side_cache_bytes);
	}
	acpi_end(b, at);
	return at;
}
