/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an x86-64 machine without firmware needs to know about itself, as plain bytes: APIC ids, CPUID, ACPI tables,
 * the kernel in memory and the state that its first CPU starts in. Nothing here opens /dev/kvm.
 */
#ifndef KTSTR_VMM_X86_64_X86_H
#define KTSTR_VMM_X86_64_X86_H

#include <linux/kvm.h>

#include "vmm/internal.h"

/* ---- the memory map (docs/vmm.md) ---- */

/* The hole below 4 GiB: the doorbell, the IOAPIC and the local APICs are in it, RAM is not. */
#define X86_MMIO_GAP_START UINT64_C(0xc0000000)
/* KVM_IOEVENTFD of any length and value; one page of its own, so that the guest maps nothing else with it. */
#define X86_DOORBELL_GPA (X86_MMIO_GAP_START + UINT64_C(0x3000))
#define X86_IOAPIC_GPA UINT64_C(0xfec00000)
#define X86_LAPIC_GPA UINT64_C(0xfee00000)
/* Three pages that Intel's VMX wants for real mode, and one for the identity map (KVM_SET_TSS_ADDR). */
#define X86_KVM_TSS_GPA UINT64_C(0xfffbd000)

/* Below 1 MiB, in RAM, used only until the kernel has copied what it wants. */
enum {
	X86_GDT_GPA = 0x500,
	X86_START_INFO_GPA =
		0x6000, /* PVH: struct hvm_start_info, its module list and memory map */
	X86_ZERO_PAGE_GPA = 0x7000, /* struct boot_params */
	X86_PAGE_TABLES_GPA = 0x9000, /* PML4, PDPT, 4 page directories: 1:1 for the first 4 GiB */
	X86_STACK_GPA = 0x8ff0,
	X86_CMDLINE_GPA = 0x20000,
	X86_CMDLINE_MAX = 2048, /* Linux: COMMAND_LINE_SIZE, with the end */
};

/* I/O ports. */
enum {
	X86_COM1_PORT = 0x3f8,
	X86_COM1_IRQ = 4,
	X86_COM2_PORT = 0x2f8,
	X86_COM2_IRQ = 3,
	X86_SLEEP_CONTROL_PORT =
		0x600, /* ACPI 6.5 section 4.8.3.7: SLP_EN is bit 5, SLP_TYP bits 2 to 4 */
	X86_SLEEP_STATUS_PORT = 0x601,
	X86_RESET_PORT = 0x602, /* the FADT's RESET_REG; X86_RESET_VALUE resets */
	X86_RESET_VALUE = 1,
	X86_S5_TYPE = 5, /* SLP_TYP of S5, as \_S5 in the DSDT says */
};

/* ---- APIC ids (apic_id.c): thread, core, package; a package is an LLC ---- */

/* Bits of an APIC id below its core's, and below its package's, number. */
unsigned x86_apic_core_shift(const struct kt_topology *t);
unsigned x86_apic_package_shift(const struct kt_topology *t);
uint32_t x86_apic_id(const struct kt_topology *t, unsigned cpu);
uint32_t x86_apic_id_max(const struct kt_topology *t);
/* Ids above this are out of reach of xAPIC and of IOAPIC entries without the extended destination. */
enum { X86_APIC_ID_PLAIN_MAX = 254 };

/* ---- CPUID (cpuid.c) ---- */

enum { X86_CPUID_MAX = 256 };
struct x86_cpuid {
	uint32_t nr; /* laid out as struct kvm_cpuid2 is */
	uint32_t padding;
	struct kvm_cpuid_entry2 e[X86_CPUID_MAX];
};
struct x86_cpuid_opts {
	const struct kt_topology *topology;
	bool realtime; /* KVM_HINTS_REALTIME: vCPUs are never preempted for long */
	bool extended_dest_id; /* the host can: KVM_FEATURE_MSI_EXT_DEST_ID, needed for ids above 254 */
	bool tsc_deadline; /* the in-kernel APIC has it (KVM_CAP_TSC_DEADLINE_TIMER) */
};
/*
 * What vCPU @cpu answers: @supported (KVM_GET_SUPPORTED_CPUID) with leaves 0x1, 0x4, 0xB, 0x1F, 0x80000008, 0x8000001D
 * and 0x8000001E made to say the topology, for Intel's and AMD's vendor strings and any other. KT_E_HOST when it does not
 * fit.
 */
int x86_cpuid_make(const struct x86_cpuid *supported, const struct x86_cpuid_opts *o, unsigned cpu,
		   struct x86_cpuid *ret, struct kt_err *e);

/* ---- ACPI (acpi*.c, aml.c) ---- */

struct x86_acpi_opts {
	const struct kt_topology *topology;
	const struct vm_layout *layout; /* SRAT's ranges are its pieces */
	gpa_t base; /* where the bytes will be; page-aligned */
	size_t max_bytes;
};
/*
 * RSDP, XSDT, hardware-reduced FADT, DSDT, MADT, SRAT, SLIT and, when a node has latency, bandwidth or a memory-side
 * cache, HMAT; all checksums right. *ret_rsdp is where the RSDP is. KT_E_INTERNAL when they do not fit.
 */
int x86_acpi_build(const struct x86_acpi_opts *o, struct kt_buf *ret, gpa_t *ret_rsdp,
		   struct kt_err *e);
/*
 * The latency or bandwidth that a guest is told of @node's memory, 0 for none. An entry of HMAT has 16 bits: beside a
 * value above 65534 all are multiples of a power of 10 (ns) or 2 (MB/s), which is also what QEMU can take.
 */
enum x86_hmat_what { X86_HMAT_LATENCY_NS, X86_HMAT_BANDWIDTH_MBS };
uint32_t x86_hmat_told(const struct kt_topology *t, unsigned node, enum x86_hmat_what what);

/* ---- the kernel and its first CPU (boot.c, boot_bzimage.c, boot_pvh.c, e820.c) ---- */

enum x86_e820_type { X86_E820_RAM = 1, X86_E820_RESERVED = 2, X86_E820_ACPI = 3 };
enum { X86_E820_MAX = 64 };
struct x86_e820_entry {
	uint64_t gpa, len;
	enum x86_e820_type type;
};
struct x86_e820 {
	unsigned nr;
	struct x86_e820_entry e[X86_E820_MAX];
};
/* All RAM; the tables' area is ACPI, the ring's window is reserved, nothing overlaps, ascending. */
void x86_e820_make(const struct vm_layout *l, struct x86_e820 *ret);

struct x86_boot_opts {
	const char *path; /* bzImage or PVH vmlinux */
	const struct vm_kernel *kernel; /* what vm_kernel_probe() said of it */
	const char *cmdline; /* whole */
	gpa_t initrd;
	uint64_t initrd_len;
	gpa_t rsdp;
};
/* How the first vCPU starts. The others wait for INIT and SIPI. */
struct x86_start {
	struct kvm_regs regs;
	/* CS..TR, GDT, CR0, CR3, CR4, EFER; the rest is as KVM_GET_SREGS gives it */
	struct kvm_sregs sregs;
	uint64_t bytes_copied; /* into guest memory, for the bench */
};
/*
 * Load the kernel: what may be mapped copy-on-write from the file is, the rest is copied. A bzImage is entered by its
 * 64-bit entry, a vmlinux by its PVH entry (32-bit, paging off). @m's layout has room for all of it (vm_layout_plan());
 * what the file claims is checked against @m all the same. KT_E_KERNEL: the file is not to be booted, and why.
 * Sets only the fields of @ret->sregs named above.
 */
int x86_boot_load(struct vm_memory *m, const struct x86_boot_opts *o, struct x86_start *ret,
		  struct kt_err *e);

#endif
