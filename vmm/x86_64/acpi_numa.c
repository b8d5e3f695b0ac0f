/* SPDX-License-Identifier: GPL-2.0-only */
/* SRAT and SLIT: which CPUs and which memory are of one node, and how far nodes are from each other. */
#include "vmm/x86_64/acpi.h"

/* Section 5.2.16. */
enum { CPU_AFFINITY = 0, MEMORY_AFFINITY = 1, X2APIC_AFFINITY = 2 };
enum { ENABLED = 1 };

/* Sections 5.2.16.1 and 5.2.16.3: by the same rule as in the MADT. */
static void add_cpu(struct kt_buf *b, uint32_t apic_id, uint32_t node)
{
	if (apic_id <= X86_APIC_ID_PLAIN_MAX) {
		acpi_u8(b, CPU_AFFINITY);
		acpi_u8(b, 16);
		acpi_u8(b, (uint8_t)node);
		acpi_u8(b, (uint8_t)apic_id);
		acpi_u32(b, ENABLED);
		acpi_zero(b, 1); /* SAPIC */
		acpi_put(b, node >> 8, 3);
		acpi_zero(b, 4); /* clock domain */
		return;
	}
	acpi_u8(b, X2APIC_AFFINITY);
	acpi_u8(b, 24);
	acpi_zero(b, 2);
	acpi_u32(b, node);
	acpi_u32(b, apic_id);
	acpi_u32(b, ENABLED);
	acpi_zero(b, 4); /* clock domain */
	acpi_zero(b, 4);
}

/* Section 5.2.16.2. */
static void add_memory(struct kt_buf *b, const struct vm_ram *p)
{
	acpi_u8(b, MEMORY_AFFINITY);
	acpi_u8(b, 40);
	acpi_u32(b, p->node);
	acpi_zero(b, 2);
	acpi_u64(b, p->gpa.v);
	acpi_u64(b, p->len);
	acpi_zero(b, 4);
	acpi_u32(b, ENABLED);
	acpi_zero(b, 8);
}

/*
 * Exactly the RAM that there is: Linux drops the whole table when it misses more than a MiB of what e820 has
 * (mm/memblock.c, memblock_validate_numa_coverage(), 6.12). Nodes are numbered as domains are first seen, those of CPUs
 * before those of memory, so memory-only nodes have to be the last of a topology.
 */
size_t acpi_add_srat(struct kt_buf *b, const struct kt_topology *t, const struct vm_layout *l)
{
	size_t at = acpi_begin(b, "SRAT", 3);

	acpi_u32(b, 1); /* reserved, for old readers */
	acpi_zero(b, 8);
	for (unsigned cpu = 0; cpu < kt_topo_nr_cpus(t); cpu++)
		add_cpu(b, x86_apic_id(t, cpu), kt_topo_node_of_cpu(t, cpu));
	for (size_t i = 0; i < l->nr_pieces; i++)
		add_memory(b, &l->piece[i]);
	acpi_end(b, at);
	return at;
}

/* Section 5.2.17. */
size_t acpi_add_slit(struct kt_buf *b, const struct kt_topology *t)
{
	size_t at = acpi_begin(b, "SLIT", 1);

	acpi_u64(b, t->nr_nodes);
	for (unsigned from = 0; from < t->nr_nodes; from++) {
		for (unsigned to = 0; to < t->nr_nodes; to++)
			acpi_u8(b, (uint8_t)kt_topo_distance(t, from, to));
	}
	acpi_end(b, at);
	return at;
}
