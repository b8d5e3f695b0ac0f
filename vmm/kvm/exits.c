/* SPDX-License-Identifier: GPL-2.0-only */
/* Why a vCPU left the guest, and what is done about it. */
#include <errno.h>
#include <sys/ioctl.h>

#include "vmm/kvm/internal.h"

#define HINT "this host's KVM cannot run this kernel: see 'ktstr-make doctor'"

#define RESET_RIP UINT64_C(0xfff0)

static uint64_t rip_of(const struct kvm_vcpu *v)
{
	struct kvm_regs regs = { 0 };

	(void)ioctl(v->fd, KVM_GET_REGS, &regs); /* only for the text */
	return regs.rip;
}

static enum kvm_exit_does exit_io(struct kvm_vcpu *v)
{
	return kvm_bus_io(v->machine, v->run);
}

static enum kvm_exit_does exit_mmio(struct kvm_vcpu *v)
{
	return kvm_bus_mmio(v->machine, v->run);
}

/* With the in-kernel APIC a halted vCPU sleeps inside KVM_RUN: seen only where that is not so. */
static enum kvm_exit_does exit_nothing(struct kvm_vcpu *v)
{
	(void)v;
	return KVM_GO_ON;
}

/*
 * A triple fault: how a kernel without another way resets the machine, and what a broken one ends with. On AMD's processors
 * nobody knows where: KVM has put the vCPU back to its reset vector (shutdown_interception(), arch/x86/kvm/svm/svm.c, 6.12).
 */
static enum kvm_exit_does exit_shutdown(struct kvm_vcpu *v)
{
	uint64_t rip = rip_of(v);

	if (rip == RESET_RIP)
		kvm_end(v->machine, VM_END_RESET, "triple fault of vCPU %u", v->index);
	else
		kvm_end(v->machine, VM_END_RESET, "triple fault of vCPU %u at rip 0x%016llx",
			v->index, (unsigned long long)rip);
	return KVM_MACHINE_ENDS;
}

/* x86: only of Hyper-V guests (api.rst, KVM_EXIT_SYSTEM_EVENT). */
static enum kvm_exit_does exit_system_event(struct kvm_vcpu *v)
{
	uint32_t type = v->run->system_event.type;

	if (type == KVM_SYSTEM_EVENT_SHUTDOWN)
		kvm_end(v->machine, VM_END_POWEROFF, "the guest powered off");
	else
		kvm_end(v->machine, VM_END_RESET, "the guest ended with system event %u of vCPU %u",
			type, v->index);
	return KVM_MACHINE_ENDS;
}

static void add_instruction(const struct kvm_run *run, struct kt_buf *b)
{
	unsigned len = run->emulation_failure.insn_size;

	if (run->emulation_failure.ndata < 1 ||
	    !(run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		return;
	if (len > sizeof(run->emulation_failure.insn_bytes))
		len = sizeof(run->emulation_failure.insn_bytes);
	kt_buf_adds(b, ", which begins with");
	for (unsigned i = 0; i < len; i++)
		kt_buf_addf(b, " %02x", run->emulation_failure.insn_bytes[i]);
}

static enum kvm_exit_does exit_internal_error(struct kvm_vcpu *v)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	uint32_t suberror = v->run->internal.suberror;

	kt_buf_addf(&b, "vCPU %u at rip 0x%016llx: ", v->index, (unsigned long long)rip_of(v));
	if (suberror == KVM_INTERNAL_ERROR_EMULATION) {
		kt_buf_adds(&b, "KVM cannot emulate the instruction");
		add_instruction(v->run, &b);
	} else {
		kt_buf_addf(&b, "KVM failed inside");
	}
	kt_buf_addf(&b, " (suberror %u)", suberror);
	kvm_end(v->machine, VM_END_CRASHED, "%s; " HINT, kt_buf_str(&b));
	return KVM_MACHINE_ENDS;
}

static enum kvm_exit_does exit_fail_entry(struct kvm_vcpu *v)
{
	kvm_end(v->machine, VM_END_CRASHED,
		"vCPU %u at rip 0x%016llx: the host's CPU refuses to enter the guest (reason 0x%llx, host CPU %u); " HINT,
		v->index, (unsigned long long)rip_of(v),
		(unsigned long long)v->run->fail_entry.hardware_entry_failure_reason,
		v->run->fail_entry.cpu);
	return KVM_MACHINE_ENDS;
}

static enum kvm_exit_does exit_unknown(struct kvm_vcpu *v)
{
	kvm_end(v->machine, VM_END_CRASHED,
		"vCPU %u at rip 0x%016llx left the guest for a reason that we do not know: %u (hardware: 0x%llx); " HINT,
		v->index, (unsigned long long)rip_of(v), v->run->exit_reason,
		(unsigned long long)v->run->hw.hardware_exit_reason);
	return KVM_MACHINE_ENDS;
}

struct exit_row {
	uint32_t reason;
	enum kvm_exit_count count;
	enum kvm_exit_does (*serve)(struct kvm_vcpu *v);
};

/* The frequent ones first. */
static const struct exit_row exits[] = {
	{ KVM_EXIT_IO, KVM_COUNT_IO, exit_io },
	{ KVM_EXIT_MMIO, KVM_COUNT_MMIO, exit_mmio },
	{ KVM_EXIT_DEBUG, KVM_COUNT_DEBUG, kvm_watch_hit },
	{ KVM_EXIT_HLT, KVM_COUNT_HLT, exit_nothing },
	{ KVM_EXIT_INTR, KVM_COUNT_KICK, exit_nothing },
	{ KVM_EXIT_IRQ_WINDOW_OPEN, KVM_COUNT_OTHER, exit_nothing },
	{ KVM_EXIT_SYSTEM_EVENT, KVM_COUNT_SYSTEM, exit_system_event },
	{ KVM_EXIT_SHUTDOWN, KVM_COUNT_SYSTEM, exit_shutdown },
	{ KVM_EXIT_INTERNAL_ERROR, KVM_COUNT_OTHER, exit_internal_error },
	{ KVM_EXIT_FAIL_ENTRY, KVM_COUNT_OTHER, exit_fail_entry },
}; /* no row: exit_unknown() */

void kvm_vcpu_count(struct kvm_vcpu *v, enum kvm_exit_count what)
{
	/* Nobody else writes: a load and a store, without a locked instruction. */
	atomic_store_explicit(&v->exits[what],
			      atomic_load_explicit(&v->exits[what], memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

enum kvm_exit_does kvm_vcpu_exit(struct kvm_vcpu *v)
{
	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		if (exits[i].reason == v->run->exit_reason) {
			kvm_vcpu_count(v, exits[i].count);
			return exits[i].serve(v);
		}
	}
	kvm_vcpu_count(v, KVM_COUNT_OTHER);
	return exit_unknown(v);
}

size_t kvm_exit_counts(const void *m, struct vm_exit_count *ret, size_t size)
{
	static const char *const names[KVM_COUNT_NR] = {
		[KVM_COUNT_IO] = "io",       [KVM_COUNT_MMIO] = "mmio",
		[KVM_COUNT_HLT] = "hlt",     [KVM_COUNT_DEBUG] = "debug",
		[KVM_COUNT_KICK] = "kick",   [KVM_COUNT_SYSTEM] = "system",
		[KVM_COUNT_OTHER] = "other",
	};
	const struct kvm_machine *machine = m;
	size_t nr = size < KVM_COUNT_NR ? size : KVM_COUNT_NR;

	for (size_t i = 0; i < nr; i++) {
		ret[i] = (struct vm_exit_count){ .reason = names[i] };
		for (unsigned c = 0; machine->vcpu && c < machine->nr_cpus; c++)
			ret[i].count += atomic_load_explicit(&machine->vcpu[c].exits[i],
							     memory_order_relaxed);
	}
	return nr;
}
