/* SPDX-License-Identifier: GPL-2.0-only */
/* Making the vCPUs: what each is told before it runs for the first time. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm/kvm/internal.h"

/* Intel SDM volume 4, table 2-2; volume 3, section "IA32_MTRR_DEF_TYPE MSR". */
#define MSR_MISC_ENABLE UINT32_C(0x1a0)
#define MISC_ENABLE_FAST_STRINGS UINT64_C(1)
#define MSR_MTRR_DEF_TYPE UINT32_C(0x2ff)
/* Enabled (bit 11), without fixed ranges, and everything is write-back (6). */
#define MTRR_ALL_WRITE_BACK UINT64_C(0x806)

/* Intel SDM volume 3, section "Enabling or Disabling the Local APIC": IA32_APIC_BASE. */
#define APIC_BASE_X2APIC (UINT64_C(1) << 10)

/* Intel SDM volume 3, section "Local Vector Table": offsets in the register page, and delivery modes. */
enum {
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_MODE_NMI = 0x400,
	LAPIC_MODE_EXTINT = 0x700,
};

static int set_cpuid(struct kvm_vcpu *v, const struct x86_cpuid *supported, struct x86_cpuid *room,
		     struct kt_err *e)
{
	const struct kvm_machine *m = v->machine;
	const struct x86_cpuid_opts opts = {
		.topology = &m->topology,
		.realtime = m->perf.on && m->perf.pinned,
		.extended_dest_id = m->caps.msi_ext_dest_id,
		.tsc_deadline = m->caps.tsc_deadline,
	};
	int r = x86_cpuid_make(supported, &opts, v->index, room, e);

	if (r < 0)
		return r;
	if (ioctl(v->fd, KVM_SET_CPUID2, room) < 0)
		return kt_fail(e, KT_E_HOST, errno, "give KVM %u CPUID entries", room->nr);
	return 0;
}

/* KVM_GET_MSRS and KVM_SET_MSRS return how many they did: fewer than asked is the failure of the next. */
static int check_msrs(const struct kvm_few_msrs *msrs, int done, const char *what, struct kt_err *e)
{
	if (done == (int)msrs->nmsrs)
		return 0;
	if (done < 0)
		return kt_fail(e, KT_E_HOST, errno, "%s MSRs", what);
	return kt_fail(e, KT_E_HOST, EIO, "%s MSR 0x%x", what, msrs->e[done].index);
}

/* They outlive INIT, so it is enough to set them once, for all vCPUs (SDM volume 3, table 10-1). */
static int set_msrs(struct kvm_vcpu *v, struct kt_err *e)
{
	struct kvm_few_msrs msrs = { .nmsrs = 1, .e[0].index = MSR_MISC_ENABLE };
	int r = check_msrs(&msrs, ioctl(v->fd, KVM_GET_MSRS, &msrs), "read", e);

	if (r < 0)
		return r;
	msrs.e[0].data |= MISC_ENABLE_FAST_STRINGS;
	msrs.e[1] = (struct kvm_msr_entry){
		.index = MSR_MTRR_DEF_TYPE,
		.data = MTRR_ALL_WRITE_BACK,
	};
	msrs.nmsrs = 2;
	return check_msrs(&msrs, ioctl(v->fd, KVM_SET_MSRS, &msrs), "write", e);
}

static void lapic_write(struct kvm_lapic_state *lapic, unsigned offset, uint32_t value)
{
	for (unsigned i = 0; i < sizeof(value); i++)
		lapic->regs[offset + i] = (char)(value >> (8 * i));
}

/*
 * Where firmware would leave the first CPU's local APIC. The others are not worth it: the INIT that starts them masks
 * these entries again (SDM volume 3, "Local APIC State After It Receives an INIT-Deassert IPI").
 */
static int set_lapic(struct kvm_vcpu *v, struct kt_err *e)
{
	struct kvm_lapic_state lapic;

	if (ioctl(v->fd, KVM_GET_LAPIC, &lapic) < 0)
		return kt_fail(e, KT_E_HOST, errno, "read its local APIC");
	lapic_write(&lapic, LAPIC_LVT_LINT0, LAPIC_MODE_EXTINT);
	lapic_write(&lapic, LAPIC_LVT_LINT1, LAPIC_MODE_NMI);
	if (ioctl(v->fd, KVM_SET_LAPIC, &lapic) < 0)
		return kt_fail(e, KT_E_HOST, errno, "write its local APIC");
	return 0;
}

/*
 * CPUs with ids above 254 are for a kernel that finds itself in x2APIC mode: Linux reads the MADT before it would switch by
 * itself, and drops those that its driver of the moment cannot reach ("x2apic entry ignored": acpi_parse_x2apic(),
 * arch/x86/kernel/acpi/boot.c; check_x2apic(), arch/x86/kernel/apic/apic.c, 6.12). Not elsewhere: a kernel without
 * CONFIG_X86_X2APIC would run without any APIC. The other CPUs are switched by the kernel.
 */
static bool starts_in_x2apic_mode(const struct kvm_machine *m)
{
	return x86_apic_id_max(&m->topology) > X86_APIC_ID_PLAIN_MAX;
}

static int set_start(struct kvm_vcpu *v, const struct x86_start *start, struct kt_err *e)
{
	struct kvm_sregs sregs;

	if (ioctl(v->fd, KVM_GET_SREGS, &sregs) < 0)
		return kt_fail(e, KT_E_HOST, errno, "read its system registers");
	sregs.cs = start->sregs.cs;
	sregs.ds = start->sregs.ds;
	sregs.es = start->sregs.es;
	sregs.fs = start->sregs.fs;
	sregs.gs = start->sregs.gs;
	sregs.ss = start->sregs.ss;
	sregs.tr = start->sregs.tr;
	sregs.gdt = start->sregs.gdt;
	sregs.cr0 = start->sregs.cr0;
	sregs.cr3 = start->sregs.cr3;
	sregs.cr4 = start->sregs.cr4;
	sregs.efer = start->sregs.efer;
	if (starts_in_x2apic_mode(v->machine))
		sregs.apic_base |= APIC_BASE_X2APIC;
	if (ioctl(v->fd, KVM_SET_SREGS, &sregs) < 0)
		return kt_fail(e, KT_E_HOST, errno, "write its system registers");
	if (ioctl(v->fd, KVM_SET_REGS, &start->regs) < 0)
		return kt_fail(e, KT_E_HOST, errno, "write its registers");
	return 0;
}

/*
 * The first one runs at once, the others wait for INIT and SIPI: that is what KVM makes of any vCPU but the boot CPU
 * (id 0) of a machine with an in-kernel APIC (kvm_arch_vcpu_create(), arch/x86/kvm/x86.c, 6.12).
 */
static int open_vcpu(struct kvm_vcpu *v, size_t run_bytes, struct kt_err *e)
{
	const struct kvm_machine *m = v->machine;
	uint32_t id = x86_apic_id(&m->topology, v->index);
	void *run;

	v->fd = ioctl(m->vm_fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (v->fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "create it with APIC id %u", id);
	run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (run == MAP_FAILED)
		return kt_fail(e, KT_E_HOST, errno, "map what KVM shares of it");
	/* In a child, such as the one of a fork snapshot, it would keep the whole VM alive (kvm_vcpu_mmap(), 6.12). */
	(void)madvise(run, run_bytes, MADV_DONTFORK);
	v->run = run;
	return 0;
}

static int setup_one(struct kvm_vcpu *v, const struct x86_start *start,
		     const struct x86_cpuid *supported, struct x86_cpuid *room, size_t run_bytes,
		     struct kt_err *e)
{
	int r = open_vcpu(v, run_bytes, e);

	if (r >= 0)
		r = set_cpuid(v, supported, room, e);
	if (r >= 0)
		r = set_msrs(v, e);
	if (r >= 0 && v->index == 0)
		r = set_lapic(v, e);
	if (r >= 0 && v->index == 0)
		r = set_start(v, start, e);
	return kt_context(e, r, "set up vCPU %u", v->index);
}

static int allocate(struct kvm_machine *m, struct kt_err *e)
{
	m->vcpu = calloc(m->nr_cpus, sizeof(*m->vcpu));
	if (!m->vcpu)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate %u vCPUs", m->nr_cpus);
	for (unsigned i = 0; i < m->nr_cpus; i++) {
		m->vcpu[i].machine = m;
		m->vcpu[i].index = i;
		m->vcpu[i].fd = -1;
	}
	m->rendezvous_ms = KVM_RENDEZVOUS_MS;
	if (m->parked_fd < 0)
		m->parked_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->parked_fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "make a descriptor for freezes");
	return 0;
}

int kvm_vcpus_create(struct kvm_machine *m, const struct x86_start *start, struct kt_err *e)
{
	kt_auto(mem) struct x86_cpuid *supported = calloc(1, sizeof(*supported));
	kt_auto(mem) struct x86_cpuid *room = calloc(1, sizeof(*room));
	int run_bytes = ioctl(m->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	int r;

	if (!supported || !room)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate CPUID tables");
	if (run_bytes < (int)sizeof(struct kvm_run))
		return kt_fail(e, KT_E_HOST, run_bytes < 0 ? errno : EPROTO,
			       "ask KVM how much it shares of a vCPU");
	supported->nr = X86_CPUID_MAX;
	if (ioctl(m->kvm_fd, KVM_GET_SUPPORTED_CPUID, supported) < 0)
		return kt_fail(e, KT_E_HOST, errno, "ask KVM which CPUID leaves it supports");
	r = allocate(m, e);
	m->run_bytes = (size_t)run_bytes;
	for (unsigned i = 0; i < m->nr_cpus && r >= 0; i++)
		r = setup_one(&m->vcpu[i], start, supported, room, m->run_bytes, e);
	return r;
}
