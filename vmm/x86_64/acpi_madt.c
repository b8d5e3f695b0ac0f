/* SPDX-License-Identifier: GPL-2.0-only */
/* MADT: the interrupt controllers, and so the CPUs. */
#include "vmm/x86_64/acpi.h"

/* Section 5.2.12, "Interrupt Controller Structure Types". */
enum { LOCAL_APIC = 0, IO_APIC = 1, LOCAL_APIC_NMI = 4, LOCAL_X2APIC = 9, LOCAL_X2APIC_NMI = 10 };
enum { ENABLED = 1 };

/* Sections 5.2.12.2 and 5.2.12.12: an id that a byte cannot hold (255 is all CPUs) needs the longer structure. */
static void add_cpu(struct kt_buf *b, uint32_t apic_id, unsigned cpu)
{
	if (apic_id <= X86_APIC_ID_PLAIN_MAX) {
		acpi_u8(b, LOCAL_APIC);
		acpi_u8(b, 8);
		acpi_u8(b, (uint8_t)cpu); /* ACPI's processor UID */
		acpi_u8(b, (uint8_t)apic_id);
		acpi_u32(b, ENABLED);
		return;
	}
	acpi_u8(b, LOCAL_X2APIC);
	acpi_u8(b, 16);
	acpi_zero(b, 2);
	acpi_u32(b, apic_id);
	acpi_u32(b, ENABLED);
	acpi_u32(b, cpu);
}

/*
 * One, for interrupts from 0 on; its id is what KVM's has after a reset, so that nothing needs to be written there. No
 * interrupt source overrides: there are no ISA interrupts to be moved on a hardware-reduced machine, no PIT that Linux
 * would use, and one for IRQ 0 would be taken for the SCI's (arch/x86/kernel/acpi/boot.c, acpi_parse_int_src_ovr(),
 * 6.12).
 */
static void add_ioapic(struct kt_buf *b)
{
	acpi_u8(b, IO_APIC);
	acpi_u8(b, 12);
	acpi_u8(b, 0); /* id */
	acpi_zero(b, 1);
	acpi_u32(b, (uint32_t)X86_IOAPIC_GPA);
	acpi_u32(b, 0);
}

/* Sections 5.2.12.7 and 5.2.12.13: NMIs come in at LINT1 of all CPUs, as on every PC. */
static void add_nmis(struct kt_buf *b, bool x2apic)
{
	acpi_u8(b, LOCAL_APIC_NMI);
	acpi_u8(b, 6);
	acpi_u8(b, UINT8_MAX);
	acpi_u16(b, 0); /* triggers as the bus does */
	acpi_u8(b, 1);
	if (!x2apic)
		return;
	acpi_u8(b, LOCAL_X2APIC_NMI);
	acpi_u8(b, 12);
	acpi_u16(b, 0);
	acpi_u32(b, UINT32_MAX);
	acpi_u8(b, 1);
	acpi_zero(b, 3);
}

/* Linux numbers CPUs in the order of their structures, whichever of the two they have. */
size_t acpi_add_madt(struct kt_buf *b, const struct kt_topology *t)
{
	size_t at = acpi_begin(b, "APIC", 6);

	acpi_u32(b, (uint32_t)X86_LAPIC_GPA);
	acpi_u32(b, 0); /* no dual 8259 to be masked */
	for (unsigned cpu = 0; cpu < kt_topo_nr_cpus(t); cpu++)
		add_cpu(b, x86_apic_id(t, cpu), cpu);
	add_ioapic(b);
	add_nmis(b, x86_apic_id_max(t) > X86_APIC_ID_PLAIN_MAX);
	acpi_end(b, at);
	return at;
}
