/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pauses that the guest's clocks do not see.
 *
 * At the freeze kvmclock and the host's TSC are noted; at the thaw kvmclock is set back to what it was, and the TSC
 * offset of every vCPU made smaller by what the host's TSC has counted meanwhile, of all by the same
 * (Documentation/virt/kvm/devices/vcpu.rst, KVM_VCPU_TSC_OFFSET). The guest's clocks then go on where they stood.
 *
 * Timers of the local APIC are timers of the host, which know nothing of this. One in deadline mode has its deadline
 * written again, which makes KVM compute anew when it is due. One-shot and periodic ones, and the PIT, are left alone: they
 * may fire early once, as any clock event device may, and a kernel looks at its clock before it believes them.
 *
 * Where KVM has no such offsets, setting kvmclock alone would make two clocks of the guest disagree. There the guest sees the
 * pause, is told so (KVM_KVMCLOCK_CTRL, for its soft lockup detector), and the pauses are added up.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#include "base/clock.h"
#include "base/log.h"
#include "vmm/kvm/internal.h"

#define MSR_TSC_DEADLINE UINT32_C(0x6e0) /* Intel SDM volume 4, table 2-2 */

/* ---- on the vCPUs' threads ---- */

void kvm_clock_vcpu_stop(struct kvm_vcpu *v)
{
	const struct kvm_caps *caps = &v->machine->caps;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&v->tsc_offset,
	};
	struct kvm_few_msrs deadline = { .nmsrs = 1, .e[0].index = MSR_TSC_DEADLINE };

	/*
	 * KVM has a guest's TSC begin at 0, so that no offset is 0: there are back ends of KVM whose guests read the host's
	 * TSC, whatever the offset.
	 */
	v->has_tsc_offset = caps->vcpu_tsc_offset &&
			    ioctl(v->fd, KVM_GET_DEVICE_ATTR, &attr) == 0 && v->tsc_offset != 0;
	v->tsc_deadline = 0;
	if (caps->tsc_deadline && ioctl(v->fd, KVM_GET_MSRS, &deadline) == 1)
		v->tsc_deadline = deadline.e[0].data;
}

/*
 * Also one that fired during the pause: KVM forgets that as the deadline is written, or, where the interrupt is in the APIC
 * already, the guest has one more, early.
 */
void kvm_clock_vcpu_go_on(struct kvm_vcpu *v)
{
	struct kvm_few_msrs deadline = {
		.nmsrs = 1,
		.e[0] = { .index = MSR_TSC_DEADLINE, .data = v->tsc_deadline },
	};

	if (v->machine->clock.hidden && v->tsc_deadline)
		(void)ioctl(v->fd, KVM_SET_MSRS, &deadline); /* as it was read: cannot fail */
}

/* ---- on the thread of vm_*(), while all are parked ---- */

void kvm_clock_stop(struct kvm_machine *m)
{
	struct kvm_clock_state *c = &m->clock;
	bool can = m->caps.adjust_clock;

	for (unsigned i = 0; i < m->nr_cpus; i++)
		can = can && m->vcpu[i].has_tsc_offset;
	c->data = (struct kvm_clock_data){ 0 };
	c->hidden = can && ioctl(m->vm_fd, KVM_GET_CLOCK, &c->data) == 0;
	c->host_tsc = c->data.flags & KVM_CLOCK_HOST_TSC ? c->data.host_tsc : __rdtsc();
	c->frozen_ns = kt_now_ns();
}

/* The guest's TSC counts as the host's does: nobody sets another frequency (KVM_SET_TSC_KHZ). */
static int shift_tsc(struct kvm_vcpu *v, uint64_t delta)
{
	uint64_t offset = v->tsc_offset - delta;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};

	if (ioctl(v->fd, KVM_SET_DEVICE_ATTR, &attr) < 0)
		return -errno;
	v->tsc_offset = offset;
	return 0;
}

/*
 * Offsets first: while they differ KVM has no common clock for all vCPUs; setting kvmclock then makes it compute one from
 * all that is new (kvm_vm_ioctl_set_clock(), arch/x86/kvm/x86.c, 6.12).
 */
static int set_back(struct kvm_machine *m)
{
	struct kvm_clock_data data = { .clock = m->clock.data.clock };
	uint64_t delta = __rdtsc() - m->clock.host_tsc;
	int r = 0;

	for (unsigned i = 0; i < m->nr_cpus && r == 0; i++)
		r = shift_tsc(&m->vcpu[i], delta);
	if (r == 0 && ioctl(m->vm_fd, KVM_SET_CLOCK, &data) < 0)
		r = -errno;
	return r;
}

void kvm_clock_go_on(struct kvm_machine *m)
{
	struct kvm_clock_state *c = &m->clock;
	int r = c->hidden ? set_back(m) : 0;

	if (r < 0) {
		kt_log(KT_AREA_VMM, KT_DEBUG, "the guest's clocks cannot be set back: errno %d",
		       -r);
		c->hidden = false;
	}
	if (c->hidden)
		return;
	c->seen_ns += kt_now_ns() - c->frozen_ns;
	for (unsigned i = 0; m->caps.clock_ctrl && i < m->nr_cpus; i++)
		(void)ioctl(m->vcpu[i].fd, KVM_KVMCLOCK_CTRL, 0); /* EINVAL: has no kvmclock yet */
}
