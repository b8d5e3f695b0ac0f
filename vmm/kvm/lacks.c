/* SPDX-License-Identifier: GPL-2.0-only */
/* What this host's KVM does without although machines run, and what that costs: for doctor. */
#include <stddef.h>

#include "vmm/kvm/internal.h"

enum { VCPUS_WANTED = 252 }; /* of the largest preset */

static const struct {
	size_t offset; /* of a bool in struct kvm_caps */
	const char *name, *cost;
} rows[] = {
	{ offsetof(struct kvm_caps, vcpu_tsc_offset), "KVM_VCPU_TSC_OFFSET",
	  "guests see the pauses of captures in their TSC" },
	{ offsetof(struct kvm_caps, adjust_clock), "KVM_CAP_ADJUST_CLOCK",
	  "guests see the pauses of captures in kvmclock" },
	{ offsetof(struct kvm_caps, clock_ctrl), "KVM_CAP_KVMCLOCK_CTRL",
	  "guests take long pauses for lockups of their own" },
	{ offsetof(struct kvm_caps, tsc_deadline), "KVM_CAP_TSC_DEADLINE_TIMER",
	  "guests' timers take more exits" },
	{ offsetof(struct kvm_caps, x2apic_api), "KVM_CAP_X2APIC_API",
	  "no topologies with APIC ids above 254" },
	{ offsetof(struct kvm_caps, halt_poll), "KVM_CAP_HALT_POLL",
	  "idle vCPUs wake up as slowly as the host's setting has it" },
	{ offsetof(struct kvm_caps, x86_disable_exits), "KVM_CAP_X86_DISABLE_EXITS",
	  "idling and spinning exit to the host in performance mode, too" },
};

int kvm_lacks(const struct kvm_caps *caps, struct kt_strv *ret)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && r == 0; i++) {
		if (!*(const bool *)((const char *)caps + rows[i].offset))
			r = kt_strv_addf(ret, "no %s: %s", rows[i].name, rows[i].cost);
	}
	if (r == 0 && caps->max_vcpus < VCPUS_WANTED)
		r = kt_strv_addf(ret, "at most %u vCPUs: no larger topologies", caps->max_vcpus);
	return r;
}
