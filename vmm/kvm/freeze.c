/* SPDX-License-Identifier: GPL-2.0-only */
/* All vCPUs stand still, and go on. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "vmm/kvm/internal.h"

/* ---- on the vCPUs' threads ---- */

static int save_regs(struct kvm_vcpu *v)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_REGS, &r) < 0 || ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		return errno;
	v->regs = (struct vm_regs){
		.rip = r.rip,
		.rsp = r.rsp,
		.rflags = r.rflags,
		.cr3 = s.cr3,
		.gpr = { r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi, r.r8, r.r9, r.r10,
			 r.r11, r.r12, r.r13, r.r14, r.r15 },
	};
	return 0;
}

static bool all_stand(const struct kvm_machine *m)
{
	return m->parked + m->gone >= m->nr_cpus;
}

void kvm_tell_parked(struct kvm_machine *m)
{
	const uint64_t one = 1;

	if (!all_stand(m))
		return;
	(void)!write(m->parked_fd, &one, sizeof(one)); /* full: it is readable, which is all */
	if (m->hits)
		kvm_wake(m);
}

/* Everything is saved before it is said that this one is parked: the reader takes the lock in between. */
static void park(struct kvm_vcpu *v)
{
	struct kvm_machine *m = v->machine;

	v->regs_error = save_regs(v);
	kvm_clock_vcpu_stop(v);
	(void)pthread_mutex_lock(&m->lock);
	m->parked++;
	v->parked = true;
	kvm_tell_parked(m);
	while (m->wish == KVM_WISH_PARK)
		(void)pthread_cond_wait(&m->changed, &m->lock);
	v->parked = false;
	m->parked--;
	(void)pthread_mutex_unlock(&m->lock);
	kvm_clock_vcpu_go_on(v);
}

static enum kvm_wish wish_of(struct kvm_machine *m)
{
	enum kvm_wish wish;

	(void)pthread_mutex_lock(&m->lock);
	wish = m->wish;
	(void)pthread_mutex_unlock(&m->lock);
	return wish;
}

bool kvm_vcpu_obey(struct kvm_vcpu *v)
{
	enum kvm_wish wish;
	int r;

	while ((wish = wish_of(v->machine)) == KVM_WISH_PARK)
		park(v);
	if (wish == KVM_WISH_END)
		return false;
	r = kvm_watch_apply(v);
	if (r < 0) {
		kvm_end(v->machine, VM_END_CRASHED,
			"vCPU %u: set its debug registers (KVM_SET_GUEST_DEBUG): %s", v->index,
			strerrordesc_np(-r));
		return false;
	}
	return true;
}

/* ---- on the thread of vm_*() ---- */

static int ended(struct kt_err *e)
{
	return kt_fail(e, KT_E_GUEST, ENOTCONN, "the machine has ended");
}

static void wish_run(struct kvm_machine *m)
{
	(void)pthread_mutex_lock(&m->lock);
	if (m->wish == KVM_WISH_PARK) {
		m->wish = KVM_WISH_RUN;
		(void)pthread_cond_broadcast(&m->changed);
	}
	(void)pthread_mutex_unlock(&m->lock);
	if (m->console)
		kvm_console_hold_nobody(m->console, false);
}

/* -EAGAIN: not all stand yet; -ENOTCONN: they will not stand, but end. */
static int look(struct kvm_machine *m)
{
	uint64_t count;
	int r;

	(void)!read(m->parked_fd, &count, sizeof(count)); /* only to make it unreadable */
	(void)pthread_mutex_lock(&m->lock);
	if (m->ended || m->wish == KVM_WISH_END)
		r = -ENOTCONN;
	else
		r = all_stand(m) ? 0 : -EAGAIN;
	(void)pthread_mutex_unlock(&m->lock);
	return r;
}

/* Those that did park go on again, and take theirs with them. */
static void keep_regs(struct kvm_vcpu *v)
{
	v->has_late_regs = v->parked && !v->regs_error;
	if (v->has_late_regs)
		v->late_regs = v->regs;
}

static int give_up(struct kvm_machine *m, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf who = { 0 };
	unsigned nr = 0;

	(void)pthread_mutex_lock(&m->lock);
	for (unsigned i = 0; i < m->nr_cpus; i++) {
		keep_regs(&m->vcpu[i]);
		if (m->vcpu[i].parked || !atomic_load(&m->vcpu[i].tid))
			continue;
		if (nr++ < 8)
			kt_buf_addf(&who, " %u", i);
	}
	(void)pthread_mutex_unlock(&m->lock);
	wish_run(m);
	return kt_fail(e, KT_E_HOST, ETIMEDOUT,
		       "%u of %u vCPUs did not leave the guest in %u ms (vCPU%s%s)", nr, m->nr_cpus,
		       m->rendezvous_ms, kt_buf_str(&who), nr > 8 ? " ..." : "");
}

static void wish_park(struct kvm_machine *m)
{
	(void)pthread_mutex_lock(&m->lock);
	if (m->wish == KVM_WISH_RUN) {
		m->wish = KVM_WISH_PARK;
		kvm_vcpus_kick_locked(m);
	}
	(void)pthread_mutex_unlock(&m->lock);
	/* A vCPU that waits for a reader of the console would not see a kick. */
	if (m->console)
		kvm_console_hold_nobody(m->console, true);
}

int kvm_rendezvous(struct kvm_machine *m, struct kt_err *e)
{
	uint64_t deadline = kt_now_ns() + m->rendezvous_ms * UINT64_C(1000000);
	struct pollfd p = { .fd = m->parked_fd, .events = POLLIN };
	int n, r;

	if (!m->running)
		return kt_fail(e, KT_E_INTERNAL, ENOTCONN, "the machine does not run");
	for (unsigned i = 0; i < m->nr_cpus; i++)
		m->vcpu[i].has_late_regs = false;
	wish_park(m);
	while ((r = look(m)) == -EAGAIN) {
		if (kt_now_ns() >= deadline)
			return give_up(m, e);
		n = poll(&p, 1, KVM_KICK_AGAIN_MS);
		if (n < 0 && errno != EINTR) {
			r = kt_fail(e, KT_E_HOST, errno, "wait for vCPUs to park");
			wish_run(m);
			return r;
		}
		if (n == 0)
			kvm_vcpus_kick(m);
	}
	if (r < 0)
		return ended(e);
	kvm_clock_stop(m);
	/* Each is an event that is still to come and holds a freeze of its own. */
	(void)pthread_mutex_lock(&m->lock);
	m->freezes += (unsigned)__builtin_popcount(m->hits);
	(void)pthread_mutex_unlock(&m->lock);
	return 0;
}

int kvm_freeze(void *m, struct kt_err *e)
{
	struct kvm_machine *machine = m;
	int r = machine->freezes ? 0 : kvm_rendezvous(machine, e);

	if (r < 0)
		return r;
	machine->freezes++;
	if (kvm_watch_pending(machine))
		kvm_wake(machine);
	return 0;
}

int kvm_thaw(void *m, struct kt_err *e)
{
	struct kvm_machine *machine = m;

	if (machine->freezes == 0)
		return kt_fail(e, KT_E_INTERNAL, EINVAL, "the machine is not frozen");
	if (machine->freezes == 1) {
		if (wish_of(machine) == KVM_WISH_END)
			return ended(e);
		kvm_clock_go_on(machine);
		wish_run(machine);
	}
	machine->freezes--;
	return 0;
}

int kvm_read_regs(void *m, unsigned vcpu, struct vm_regs *ret, struct kt_err *e)
{
	const struct kvm_machine *machine = m;
	const struct kvm_vcpu *v;

	if (vcpu >= machine->nr_cpus)
		return kt_fail(e, KT_E_INTERNAL, EINVAL, "the machine has %u vCPUs",
			       machine->nr_cpus);
	v = &machine->vcpu[vcpu];
	if (machine->freezes == 0 && v->has_late_regs) {
		*ret = v->late_regs;
		return 0;
	}
	if (machine->freezes == 0)
		return kt_fail(e, KT_E_INTERNAL, EBUSY, "the machine is not frozen");
	if (v->regs_error)
		return kt_fail(e, KT_E_HOST, v->regs_error,
			       "KVM did not give them when it was parked");
	*ret = v->regs;
	return 0;
}
