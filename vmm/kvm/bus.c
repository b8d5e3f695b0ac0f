/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is at which port and address: two serial ports, the ACPI sleep and reset registers, three old ways to reset, the
 * doorbell. Everything else is a bus with nobody on it: reads give all ones, writes are lost. The in-kernel devices
 * (PICs, PIT with port 0x61, IOAPIC, local APICs) never get here.
 */
#include <string.h>
#include <unistd.h>

#include "vmm/kvm/internal.h"

enum {
	UART_PORTS = KVM_UART_REGS,
	/* Linux, arch/x86/kernel/reboot.c: what it tries where the FADT's register does not reset. */
	KEYBOARD_PORT = 0x64,
	KEYBOARD_RESET = 0xfe,
	PCI_CONFIG_PORT = 0xcf8, /* four bytes wide: such accesses are no resets */
	PCI_RESET_PORT = 0xcf9,
	PCI_RESET_BIT = 1 << 2,
	/* ACPI 6.5 section 4.8.3.7, table 4.20 */
	SLEEP_ENABLE = 1 << 5,
	SLEEP_TYPE_SHIFT = 2,
	SLEEP_TYPE_MASK = 7,
	DOORBELL_BYTES = 4096,
};

static enum kvm_exit_does reset(struct kvm_machine *m)
{
	kvm_end(m, VM_END_RESET, "the guest reset the machine");
	return KVM_MACHINE_ENDS;
}

static enum kvm_exit_does write_sleep_control(struct kvm_machine *m, uint8_t v)
{
	if (!(v & SLEEP_ENABLE) || (v >> SLEEP_TYPE_SHIFT & SLEEP_TYPE_MASK) != X86_S5_TYPE)
		return KVM_GO_ON;
	kvm_end(m, VM_END_POWEROFF, "the guest powered off");
	return KVM_MACHINE_ENDS;
}

static bool is_uart(uint16_t port, uint16_t first)
{
	return port >= first && port < first + UART_PORTS;
}

static enum kvm_exit_does write_port(struct kvm_machine *m, uint16_t port, uint8_t v)
{
	if (is_uart(port, X86_COM1_PORT))
		kvm_uart_write(&m->com1, port - X86_COM1_PORT, v);
	else if (is_uart(port, X86_COM2_PORT))
		kvm_uart_write(&m->com2, port - X86_COM2_PORT, v);
	else if (port == X86_SLEEP_CONTROL_PORT)
		return write_sleep_control(m, v);
	else if ((port == X86_RESET_PORT && v == X86_RESET_VALUE) ||
		 (port == KEYBOARD_PORT && v == KEYBOARD_RESET) ||
		 (port == PCI_RESET_PORT && (v & PCI_RESET_BIT)))
		return reset(m);
	return KVM_GO_ON;
}

static uint8_t read_port(struct kvm_machine *m, uint16_t port)
{
	if (is_uart(port, X86_COM1_PORT))
		return kvm_uart_read(&m->com1, port - X86_COM1_PORT);
	if (is_uart(port, X86_COM2_PORT))
		return kvm_uart_read(&m->com2, port - X86_COM2_PORT);
	if (port == X86_SLEEP_CONTROL_PORT || port == X86_SLEEP_STATUS_PORT)
		return 0; /* awake: WAK_STS has nothing to tell */
	return 0xff;
}

/* One element: a wide access is one of its bytes at ports side by side, as on the 8-bit bus that these are from. */
static enum kvm_exit_does access_port(struct kvm_machine *m, bool is_write, uint16_t port,
				      uint8_t *data, unsigned size)
{
	enum kvm_exit_does does = KVM_GO_ON;

	if (port == PCI_CONFIG_PORT && size == 4) {
		if (!is_write)
			memset(data, 0xff, size);
		return KVM_GO_ON;
	}
	for (unsigned i = 0; i < size && does == KVM_GO_ON; i++) {
		if (is_write)
			does = write_port(m, (uint16_t)(port + i), data[i]);
		else
			data[i] = read_port(m, (uint16_t)(port + i));
	}
	return does;
}

enum kvm_exit_does kvm_bus_io(struct kvm_machine *m, struct kvm_run *run)
{
	/* Copied: the page is shared with the kernel, not with the guest, but it is read only once all the same. */
	const bool is_write = run->io.direction == KVM_EXIT_IO_OUT;
	const unsigned size = run->io.size, count = run->io.count;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	enum kvm_exit_does does = KVM_GO_ON;

	/* count is what fits into one page: KVM comes back for the rest of a longer string. */
	for (unsigned i = 0; i < count && does == KVM_GO_ON; i++)
		does = access_port(m, is_write, run->io.port, data + (size_t)i * size, size);
	return does;
}

/* Where KVM has no ioeventfd for it, or the access is one that ioeventfds do not take. */
static void ring(struct kvm_machine *m)
{
	const uint64_t one = 1;

	(void)!write(m->bell_fd, &one, sizeof(one)); /* full is rung */
}

enum kvm_exit_does kvm_bus_mmio(struct kvm_machine *m, struct kvm_run *run)
{
	const uint64_t gpa = run->mmio.phys_addr;

	if (!run->mmio.is_write)
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
	else if (gpa >= X86_DOORBELL_GPA && gpa - X86_DOORBELL_GPA < DOORBELL_BYTES)
		ring(m);
	return KVM_GO_ON;
}
