/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Write watchpoints in the debug registers of all vCPUs.
 *
 * While an address is watched the CPU has our debug registers instead of the guest's, so that breakpoints that the guest
 * sets for itself (hw_breakpoint, gdb inside) do not fire; what it reads back from them is what it wrote. Every debug
 * exception then comes to us, also those that have nothing to do with the registers: single steps (RFLAGS.TF) and
 * INT1 of the guest are given back to it. INT3 never comes here: that would take KVM_GUESTDBG_USE_SW_BP.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/kvm/internal.h"

/* Intel SDM volume 3, "Debug Registers": DR6 and DR7. */
#define DR6_SLOTS UINT64_C(0xf) /* B0 to B3 */
#define DR6_GUEST_CAUSES UINT64_C(0xe000) /* BD, BS, BT */
#define DR7_FIXED UINT64_C(0x400) /* bit 10 is always 1 */
#define DR7_GLOBAL(slot) (UINT64_C(2) << (2 * (slot))) /* survives a task switch of the guest */
#define DR7_RW_LEN(slot, rw, len) ((uint64_t)((len) << 2 | (rw)) << (16 + 4 * (slot)))
enum { RW_EXECUTE = 0, RW_WRITE = 1, LEN_1 = 0, LEN_2 = 1, LEN_8 = 2, LEN_4 = 3 };

static uint64_t slot_bits(unsigned slot, const struct kvm_watch *w)
{
	unsigned len = w->len == 8 ? LEN_8 : w->len == 4 ? LEN_4 : w->len == 2 ? LEN_2 : LEN_1;

	if (w->execute)
		return DR7_GLOBAL(slot) | DR7_RW_LEN(slot, RW_EXECUTE, LEN_1);
	return DR7_GLOBAL(slot) | DR7_RW_LEN(slot, RW_WRITE, len);
}

static int set_debug(const struct kvm_vcpu *v, uint32_t inject)
{
	const struct kvm_machine *m = v->machine;
	struct kvm_guest_debug debug = { .control = inject, .arch.debugreg[7] = DR7_FIXED };

	for (unsigned i = 0; i < KVM_WATCHES_MAX; i++) {
		if (!m->watch[i].used)
			continue;
		debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
		debug.arch.debugreg[i] = m->watch[i].addr;
		debug.arch.debugreg[7] |= slot_bits(i, &m->watch[i]);
	}
	return ioctl(v->fd, KVM_SET_GUEST_DEBUG, &debug) < 0 ? -errno : 0;
}

/* ---- on the vCPUs' threads: the set of watches only changes while all of them are parked ---- */

int kvm_watch_apply(struct kvm_vcpu *v)
{
	unsigned generation = atomic_load(&v->machine->watch_generation);
	int r;

	if (v->watch_generation == generation)
		return 0;
	r = set_debug(v, 0);
	if (r == 0)
		v->watch_generation = generation;
	return r;
}

/* KVM delivers the exception, but leaves DR6, where a guest looks for the cause, to us. */
static int give_back(const struct kvm_vcpu *v, uint64_t dr6)
{
	struct kvm_debugregs regs;

	if (ioctl(v->fd, KVM_GET_DEBUGREGS, &regs) < 0)
		return -errno;
	regs.dr6 = dr6 & ~DR6_SLOTS;
	if (ioctl(v->fd, KVM_SET_DEBUGREGS, &regs) < 0)
		return -errno;
	return set_debug(v, KVM_GUESTDBG_INJECT_DB);
}

/* A slot that is not enabled may have its bit set, too (SDM: "Debug Status Register (DR6)"). */
static unsigned hit_slots(const struct kvm_machine *m, uint64_t dr6)
{
	unsigned slots = 0;

	for (unsigned i = 0; i < KVM_WATCHES_MAX; i++) {
		if (m->watch[i].used && dr6 & (UINT64_C(1) << i))
			slots |= 1U << i;
	}
	return slots;
}

static void note_hits(struct kvm_machine *m, unsigned slots)
{
	(void)pthread_mutex_lock(&m->lock);
	m->hits |= slots;
	if (m->wish == KVM_WISH_RUN) {
		m->wish = KVM_WISH_PARK;
		kvm_vcpus_kick_locked(m);
	}
	(void)pthread_mutex_unlock(&m->lock);
}

/*
 * This vCPU parks like the others, at its next KVM_RUN, which the kick makes return at once. When others are in the
 * middle of a freeze already the hit is counted by it: kvm_rendezvous().
 */
enum kvm_exit_does kvm_watch_hit(struct kvm_vcpu *v)
{
	struct kvm_machine *m = v->machine;
	uint64_t dr6 = v->run->debug.arch.dr6;
	unsigned slots = hit_slots(m, dr6);
	bool of_guest = v->run->debug.arch.exception == DB_VECTOR && (dr6 & DR6_GUEST_CAUSES);
	int r = 0;

	/* INT1 sets nothing in DR6. */
	if (of_guest || (slots == 0 && (dr6 & DR6_SLOTS) == 0))
		r = give_back(v, dr6);
	if (r < 0) {
		kvm_end(m, VM_END_CRASHED, "vCPU %u: give a debug exception back to the guest: %s",
			v->index, strerrordesc_np(-r));
		return KVM_MACHINE_ENDS;
	}
	if (slots)
		note_hits(m, slots);
	return KVM_GO_ON;
}

/* ---- on the thread of vm_*() ---- */

bool kvm_watch_pending(struct kvm_machine *m)
{
	bool pending;

	(void)pthread_mutex_lock(&m->lock);
	pending = m->hits != 0 && !m->ended;
	(void)pthread_mutex_unlock(&m->lock);
	return pending;
}

int kvm_watch_next(struct kvm_machine *m, unsigned *ret_id, struct kt_err *e)
{
	int r;

	if (!kvm_watch_pending(m))
		return 0;
	if (m->freezes == 0) { /* the hit itself freezes, and counts as one */
		r = kvm_rendezvous(m, e);
		if (r < 0)
			return r == -ENOTCONN ? 0 : kt_context(e, r, "freeze the machine");
	}
	(void)pthread_mutex_lock(&m->lock);
	*ret_id = (unsigned)__builtin_ctz(m->hits);
	m->hits &= m->hits - 1;
	(void)pthread_mutex_unlock(&m->lock);
	return 1;
}

static int need_frozen(const struct kvm_machine *m, struct kt_err *e)
{
	if (m->freezes)
		return 0;
	return kt_fail(e, KT_E_INTERNAL, EBUSY, "the machine is not frozen");
}

int kvm_watch_write(void *m, gva_t addr, unsigned len, unsigned *ret_id, struct kt_err *e)
{
	struct kvm_machine *machine = m;
	unsigned id = 0;
	int r = need_frozen(machine, e);

	if (r < 0)
		return r;
	if ((len != 1 && len != 2 && len != 4 && len != 8) || addr.v % len)
		return kt_fail(e, KT_E_INTERNAL, EINVAL,
			       "only 1, 2, 4 or 8 aligned bytes can be watched");
	if (!machine->caps.guest_debug)
		return kt_fail(e, KT_E_HOST, 0,
			       "this host's KVM has no debug registers for guests");
	while (id < KVM_WATCHES_MAX && machine->watch[id].used)
		id++;
	if (id == KVM_WATCHES_MAX)
		return kt_fail(e, KT_E_USAGE, ENOSPC, "at most %u addresses can be watched",
			       KVM_WATCHES_MAX);
	machine->watch[id] = (struct kvm_watch){ .used = true, .addr = addr.v, .len = len };
	atomic_fetch_add(&machine->watch_generation, 1);
	*ret_id = id;
	return 0;
}

int kvm_unwatch(void *m, unsigned id, struct kt_err *e)
{
	struct kvm_machine *machine = m;
	int r = need_frozen(machine, e);

	if (r < 0)
		return r;
	if (id >= KVM_WATCHES_MAX || !machine->watch[id].used)
		return kt_fail(e, KT_E_INTERNAL, ENOENT, "there is no watch %u", id);
	machine->watch[id].used = false;
	atomic_fetch_add(&machine->watch_generation, 1);
	(void)pthread_mutex_lock(&machine->lock);
	if (machine->hits & 1U << id) { /* it will not be reported: let go of its freeze */
		machine->hits &= ~(1U << id);
		machine->freezes--;
	}
	(void)pthread_mutex_unlock(&machine->lock);
	return 0;
}
