/* SPDX-License-Identifier: GPL-2.0-only */
/* The threads of the vCPUs: what they do, what makes them leave the guest, how they end. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "vmm/kvm/internal.h"

/*
 * A kick is two things: kvm_run's immediate_exit, which makes KVM_RUN return before it enters the guest, and a signal,
 * which makes it return when it has. Either alone could miss a thread that is just about to call KVM_RUN (api.rst,
 * struct kvm_run, immediate_exit). A thread that sees EINTR clears immediate_exit first and then asks what is wished,
 * a kicker does it the other way round.
 *
 * Not a real-time signal: each of those is queued, and is lost where the user has as many as RLIMIT_SIGPENDING allows, in
 * whatever process (__send_signal_locked(), kernel/signal.c, 6.12). An old one is always delivered, once for many.
 */
#define KICK_SIGNAL SIGURG

enum {
	STACK_BYTES = 256 << 10, /* struct kt_err is 4 KiB, and sanitizers need room */
	JOIN_MS = 30000,
};

static void take_kick(int signal)
{
	(void)signal; /* that it interrupts is enough */
}

/* A process has one handler a signal, the same for all machines. */
static int install_kick(struct kt_err *e)
{
	struct sigaction action = { .sa_handler = take_kick }; /* no SA_RESTART */

	if (sigaction(KICK_SIGNAL, &action, NULL) < 0)
		return kt_fail(e, KT_E_HOST, errno, "install the handler of the kick signal");
	return 0;
}

/*
 * What is sent to the process is for other threads. A fault of this one is not to be held back: the kernel would kill
 * the process without a word.
 */
static void vcpu_signals(sigset_t *ret)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS };

	(void)sigfillset(ret); /* cannot fail, nor can the rest */
	(void)sigdelset(ret, KICK_SIGNAL);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		(void)sigdelset(ret, own[i]);
}

void kvm_vcpus_kick_locked(struct kvm_machine *m)
{
	pid_t pid = getpid(), tid;

	for (unsigned i = 0; m->vcpu && i < m->nr_cpus; i++) {
		struct kvm_vcpu *v = &m->vcpu[i];

		if (!v->run)
			continue;
		__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		tid = atomic_load(&v->tid); /* cleared under the lock before the thread ends */
		if (tid)
			(void)tgkill(pid, tid, KICK_SIGNAL); /* it is there */
	}
}

void kvm_vcpus_kick(struct kvm_machine *m)
{
	(void)pthread_mutex_lock(&m->lock);
	kvm_vcpus_kick_locked(m);
	(void)pthread_mutex_unlock(&m->lock);
}

void kvm_vcpus_end(struct kvm_machine *m)
{
	if (m->console)
		kvm_console_hold_nobody(m->console, true);
	(void)pthread_mutex_lock(&m->lock);
	m->wish = KVM_WISH_END;
	(void)pthread_cond_broadcast(&m->changed);
	kvm_vcpus_kick_locked(m);
	(void)pthread_mutex_unlock(&m->lock);
}

/* ---- a thread ---- */

/* EIO, EBADF, ENODEV...: this vCPU is lost, and a machine with a vCPU less is none. */
static void run_failed(struct kvm_vcpu *v, int error)
{
	kvm_end(v->machine, VM_END_CRASHED, "vCPU %u cannot run: KVM_RUN: %s", v->index,
		strerrordesc_np(error));
}

static void run_loop(struct kvm_vcpu *v)
{
	for (;;) {
		if (ioctl(v->fd, KVM_RUN, 0) == 0) {
			if (kvm_vcpu_exit(v) == KVM_MACHINE_ENDS)
				return;
		} else if (errno == EINTR) {
			/*
			 * What a port or MMIO exit left to be done has been done: KVM finishes that before it looks at
			 * immediate_exit (api.rst, KVM_EXIT_IO).
			 */
			kvm_vcpu_count(v, KVM_COUNT_KICK);
			__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
			if (!kvm_vcpu_obey(v))
				return;
		} else if (errno != EAGAIN) { /* EAGAIN: INIT came, wait for SIPI */
			run_failed(v, errno);
			return;
		}
	}
}

pid_t kvm_vcpu_thread(const void *m, unsigned vcpu)
{
	const struct kvm_machine *machine = m;

	return vcpu < machine->nr_cpus ? atomic_load(&machine->vcpu[vcpu].tid) : 0;
}

static void *vcpu_thread(void *arg)
{
	struct kvm_vcpu *v = arg;
	struct kvm_machine *m = v->machine;
	struct kt_err e = { 0 };
	char name[16], text[256];
	int r;

	atomic_store(&v->tid, gettid());
	(void)kt_snprintf(name, sizeof(name), "vcpu %u", v->index); /* fits */
	(void)pthread_setname_np(pthread_self(), name); /* for people */
	r = kvm_sandbox_vcpu(&e);
	if (r < 0)
		kvm_end(m, VM_END_CRASHED, "vCPU %u: %s", v->index,
			kt_err_text(&e, text, sizeof(text)));
	else
		run_loop(v);
	kvm_vcpus_end(m);
	(void)pthread_mutex_lock(&m->lock);
	atomic_store(&v->tid, 0);
	atomic_store(&v->gone, true);
	m->gone++;
	kvm_tell_parked(m);
	(void)pthread_mutex_unlock(&m->lock);
	return NULL;
}

/* ---- all of them ---- */

static int start_thread(struct kvm_vcpu *v, const pthread_attr_t *attr, struct kt_err *e)
{
	struct kvm_machine *m = v->machine;
	int error;

	(void)pthread_mutex_lock(&m->lock);
	m->gone--;
	(void)pthread_mutex_unlock(&m->lock);
	error = pthread_create(&v->thread, attr, vcpu_thread, v);
	if (error) {
		(void)pthread_mutex_lock(&m->lock);
		m->gone++;
		(void)pthread_mutex_unlock(&m->lock);
		return kt_fail(e, KT_E_HOST, error, "start the thread of vCPU %u", v->index);
	}
	v->thread_runs = true;
	kvm_perf_thread(&m->perf, v->thread, v->index);
	return 0;
}

int kvm_vcpus_run(struct kvm_machine *m, struct kt_err *e)
{
	pthread_attr_t attr;
	sigset_t blocked, old;
	int r = install_kick(e);

	if (r < 0)
		return r;
	(void)pthread_attr_init(&attr); /* Linux: cannot fail */
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	vcpu_signals(&blocked); /* threads inherit it */
	(void)pthread_sigmask(SIG_SETMASK, &blocked, &old);
	for (unsigned i = 0; i < m->nr_cpus && r >= 0; i++)
		r = start_thread(&m->vcpu[i], &attr, e);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
	m->running = r >= 0;
	if (r < 0)
		(void)kvm_vcpus_stop(m); /* the error that counts is there already */
	return r;
}

static bool all_gone(struct kvm_machine *m)
{
	uint64_t count;
	bool gone;

	(void)!read(m->parked_fd, &count, sizeof(count)); /* only to make it unreadable */
	(void)pthread_mutex_lock(&m->lock);
	gone = m->gone >= m->nr_cpus;
	(void)pthread_mutex_unlock(&m->lock);
	return gone;
}

/* A thread that was killed did not say that it goes. */
static void join_killed(struct kvm_machine *m)
{
	for (unsigned i = 0; i < m->nr_cpus; i++) {
		struct kvm_vcpu *v = &m->vcpu[i];

		if (!v->thread_runs || atomic_load(&v->gone) ||
		    pthread_tryjoin_np(v->thread, NULL) != 0)
			continue;
		v->thread_runs = false;
		(void)pthread_mutex_lock(&m->lock);
		if (!atomic_load(&v->gone)) { /* else it has said so since, and counts once */
			atomic_store(&v->tid, 0);
			atomic_store(&v->gone, true);
			m->gone++;
		}
		(void)pthread_mutex_unlock(&m->lock);
	}
}

static int join(struct kvm_machine *m)
{
	const uint64_t deadline_ns = kt_now_ns() + JOIN_MS * UINT64_C(1000000);
	struct pollfd p = { .fd = m->parked_fd, .events = POLLIN };
	int r = 0;

	while (!all_gone(m) && kt_now_ns() < deadline_ns) {
		if (poll(&p, 1, KVM_KICK_AGAIN_MS) != 0)
			continue;
		join_killed(m);
		kvm_vcpus_kick(m);
	}
	for (unsigned i = 0; i < m->nr_cpus; i++) {
		struct kvm_vcpu *v = &m->vcpu[i];

		if (!v->thread_runs)
			continue;
		if (atomic_load(&v->gone)) { /* it has nothing left to do but to end */
			(void)pthread_join(v->thread, NULL);
			v->thread_runs = false;
			continue;
		}
		kt_log(KT_AREA_VMM, KT_ERROR,
		       "the thread of vCPU %u hangs in the host's kernel; going on without it", i);
		r = -ETIMEDOUT;
	}
	return r;
}

int kvm_vcpus_stop(struct kvm_machine *m)
{
	int r;

	if (!m->vcpu)
		return 0;
	kvm_vcpus_end(m);
	r = join(m);
	for (unsigned i = 0; i < m->nr_cpus; i++) {
		struct kvm_vcpu *v = &m->vcpu[i];

		if (v->thread_runs)
			continue;
		if (v->run)
			(void)munmap(v->run, m->run_bytes); /* ours: cannot fail */
		v->run = NULL;
		kt_cleanup_fd(&v->fd);
		v->fd = -1;
	}
	return r;
}
