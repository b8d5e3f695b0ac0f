/* SPDX-License-Identifier: GPL-2.0-only */
/* DSDT: what has to be said in AML, because Linux looks for it nowhere else. */
#include "vmm/x86_64/acpi.h"

/*
 * On a hardware-reduced machine Linux sets up no ISA interrupts (arch/x86/kernel/acpi/boot.c,
 * acpi_generic_reduced_hw_init(), 6.12): the 8250 driver would find the ports that it knows by heart, but no IRQ for
 * them. The PNP device of the same ports brings it (drivers/tty/serial/8250/8250_pnp.c), and keeps the number that the
 * ports have: COM1 is ttyS0. No _STA: a device without one is there (section 6.3.7).
 */
static void add_uart(struct kt_buf *b, unsigned index, uint16_t port, uint32_t gsi)
{
	kt_auto(buf) struct kt_buf device = { 0 }, resources = { 0 };

	aml_name(&device, "_HID");
	aml_eisa_id(&device, "PNP0501"); /* 16550A */
	aml_name(&device, "_UID");
	aml_integer(&device, index);
	aml_name(&device, "_CRS");
	aml_resource_io(&resources, port, 8);
	aml_resource_interrupt(&resources, gsi);
	aml_resources(&device, &resources);
	aml_device(b, index ? "COM2" : "COM1", &device);
}

/*
 * No processor devices (ACPI0007). Linux registers the CPUs of the MADT by itself (drivers/base/cpu.c,
 * cpu_dev_register_generic(), 6.12) and wants devices only for what they would offer: idle and throttling states, hot
 * plugging. They offer nothing here, and each would cost a boot an object in sysfs, lookups of methods that are
 * not there and a cooling device.
 */
size_t acpi_add_dsdt(struct kt_buf *b)
{
	kt_auto(buf) struct kt_buf system = { 0 }, s5 = { 0 };
	size_t at = acpi_begin(b, "DSDT", 2); /* integers have 64 bits from revision 2 on */

	add_uart(&system, 0, X86_COM1_PORT, X86_COM1_IRQ);
	add_uart(&system, 1, X86_COM2_PORT, X86_COM2_IRQ);
	aml_scope(b, "_SB_", &system);

	/* Section 7.4.2: without it Linux does not know how to power off. */
	aml_integer(&s5, X86_S5_TYPE);
	aml_name(b, "_S5_");
	aml_package(b, 1, &s5);
	acpi_end(b, at);
	return at;
}
