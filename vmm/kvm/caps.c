/* SPDX-License-Identifier: GPL-2.0-only */
/* What this host's KVM can do. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "vmm/kvm/internal.h"

enum { API_VERSION = 12 }; /* Documentation/virt/kvm/api.rst 4.1: the only one since Linux 2.6.22 */

/* What there is no machine without. All of it has been there since Linux 4.11. */
static const struct {
	int cap;
	const char *name;
} vital[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR" },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, "KVM_CAP_SET_IDENTITY_MAP_ADDR" },
	{ KVM_CAP_PIT2, "KVM_CAP_PIT2" },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
	{ KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
};

static int open_device(int *ret_fd, struct kt_err *e)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	const char *hint = "";

	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		hint = " (load kvm_intel or kvm_amd; virtualization may be off in the firmware, or in the machine that this host is a guest of)";
	else if (errno == EACCES || errno == EPERM)
		hint = " (become a member of its group, most often kvm)";
	return kt_fail(e, KT_E_HOST, errno, "open '/dev/kvm'%s", hint);
}

static unsigned ask(int fd, int cap)
{
	int r = ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)cap);

	return r > 0 ? (unsigned)r : 0;
}

static int check_vital(int fd, struct kt_err *e)
{
	int version = ioctl(fd, KVM_GET_API_VERSION, 0UL);

	if (version < 0)
		return kt_fail(e, KT_E_HOST, errno, "ask /dev/kvm for its version");
	if (version != API_VERSION)
		return kt_fail(e, KT_E_HOST, ENOTSUP, "/dev/kvm has API version %d, need %d",
			       version, API_VERSION);
	for (size_t i = 0; i < sizeof(vital) / sizeof(vital[0]); i++) {
		if (ask(fd, vital[i].cap) == 0)
			return kt_fail(e, KT_E_HOST, ENOTSUP,
				       "this host's KVM lacks %s: Linux 4.11 or newer has it",
				       vital[i].name);
	}
	return 0;
}

static void ask_all(int fd, struct kvm_caps *c)
{
	const unsigned vcpus = ask(fd, KVM_CAP_MAX_VCPUS), ids = ask(fd, KVM_CAP_MAX_VCPU_ID);

	*c = (struct kvm_caps){
		.immediate_exit = true,
		.user_memory = true,
		.ioeventfd = ask(fd, KVM_CAP_IOEVENTFD) != 0,
		.irqfd = ask(fd, KVM_CAP_IRQFD) != 0,
		.x2apic_api = (ask(fd, KVM_CAP_X2APIC_API) & KVM_X2APIC_API_USE_32BIT_IDS) != 0,
		.tsc_deadline = ask(fd, KVM_CAP_TSC_DEADLINE_TIMER) != 0,
		/* KVM_VCPU_TSC_CTRL came with it, in Linux 5.16; each vCPU is asked for that again. */
		.vcpu_tsc_offset = ask(fd, KVM_CAP_VCPU_ATTRIBUTES) != 0,
		.adjust_clock = ask(fd, KVM_CAP_ADJUST_CLOCK) != 0,
		.clock_ctrl = ask(fd, KVM_CAP_KVMCLOCK_CTRL) != 0,
		.guest_debug = ask(fd, KVM_CAP_SET_GUEST_DEBUG) != 0,
		.halt_poll = ask(fd, KVM_CAP_HALT_POLL) != 0,
		.disable_exits = ask(fd, KVM_CAP_X86_DISABLE_EXITS),
		.nr_memslots = ask(fd, KVM_CAP_NR_MEMSLOTS),
		/* api.rst 4.1, KVM_CREATE_VCPU: what to assume where KVM does not say. */
		.max_vcpus = vcpus ? vcpus : 4,
		.max_vcpu_id = ids     ? ids
			       : vcpus ? vcpus
				       : 4,
	};
	c->x86_disable_exits = c->disable_exits != 0;
	/*
	 * The feature is a promise of the VMM's own, not KVM's: ids above 254 reach their CPUs once KVM takes 32 bits
	 * of them.
	 */
	c->msi_ext_dest_id = c->x2apic_api;
}

int kvm_open(int *ret_fd, struct kvm_caps *ret, struct kt_err *e)
{
	kt_auto(fd) int fd = -1;
	int r = open_device(&fd, e);

	if (r < 0)
		return r;
	r = check_vital(fd, e);
	if (r < 0)
		return r;
	ask_all(fd, ret);
	*ret_fd = kt_take_fd(fd);
	return 0;
}
