/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest that has taken over the VMM does not find. Two rings: a vCPU thread may do what its loop does, and anything
 * else ends the process; the thread that calls vm_*() (sandbox_process.c) gives up what only an attacker would want next.
 * All threads share one address space, so the second ring is what holds in the end.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/kvm/internal.h"

/* Sanitizers make system calls of their own, from any thread, and fork. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

bool kvm_sandbox_is_off(void)
{
	const char *off = getenv("KTSTR_NO_SANDBOX");

	return SANITIZED || (off && *off);
}

/* ---- filters ---- */

void *kvm_seccomp_new(uint32_t otherwise)
{
	scmp_filter_ctx f = seccomp_init(otherwise);

	/* Calls by the numbers of i386 or x32. */
	if (f && seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0) {
		seccomp_release(f);
		return NULL;
	}
	return f;
}

void kvm_seccomp_free(void *f)
{
	if (f)
		seccomp_release(f);
}

/* libseccomp writes into descriptors only (2.5), and loads on the calling thread what it has just compiled. */
int kvm_filter_compile(void *f, struct kvm_filter *ret)
{
	kt_auto(fd) int fd = memfd_create("ktstr-filter", MFD_CLOEXEC);
	ssize_t n;
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(f, fd);
	if (r < 0)
		return r;
	n = pread(fd, ret->code, sizeof(ret->code), 0);
	if (n < 0)
		return -errno;
	if (n == 0 || n == (ssize_t)sizeof(ret->code) || n % (ssize_t)sizeof(ret->code[0]))
		return -E2BIG;
	ret->nr = (unsigned short)(n / (ssize_t)sizeof(ret->code[0]));
	return 0;
}

/* On the calling thread and those that it starts from now on. */
int kvm_filter_enforce(const struct kvm_filter *f, struct kt_err *e)
{
	/* The kernel only reads it. */
	struct sock_fprog prog = { .len = f->nr, .filter = (struct sock_filter *)f->code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return kt_fail(e, KT_E_HOST, errno, "give up new privileges" KVM_SANDBOX_HINT);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return kt_fail(e, KT_E_HOST, errno,
			       "filter system calls (seccomp)" KVM_SANDBOX_HINT);
	return 0;
}

/* Root's powers beyond those of the files' owner: nothing here needs them. Of the calling thread. */
int kvm_drop_capabilities(struct kt_err *e)
{
	/* The run's directory can be another user's (sudo); the host's counters of vCPU threads. */
	static const unsigned keep[] = { CAP_DAC_OVERRIDE, CAP_PERFMON };
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	uint32_t mask[_LINUX_CAPABILITY_U32S_3] = { 0 };

	for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
		mask[CAP_TO_INDEX(keep[i])] |= CAP_TO_MASK(keep[i]);
	if (syscall(SYS_capget, &head, data) < 0)
		return kt_fail(e, KT_E_HOST, errno, "read capabilities" KVM_SANDBOX_HINT);
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].permitted &= mask[i];
		data[i].effective &= mask[i];
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, data) < 0)
		return kt_fail(e, KT_E_HOST, errno, "give up capabilities" KVM_SANDBOX_HINT);
	return 0;
}

/* ---- a vCPU thread ---- */

/*
 * What the loop, its locks, malloc, logging, abort() and the end of a thread do. Reads and writes are eventfds and the
 * log: no other descriptor can be had.
 */
static const int vcpu_calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(writev), /* assert() */
	SCMP_SYS(futex),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(clock_gettime), /* where the vDSO cannot */
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity), /* malloc: how many arenas */
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getrandom), /* malloc */
	SCMP_SYS(munmap),
	SCMP_SYS(madvise),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(rseq),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* What ioctl() is called with on vCPU threads (vcpu.c, freeze.c, clock.c, watch.c, the serial ports): one more there, one more here. */
static const unsigned long vcpu_requests[] = {
	KVM_RUN,           KVM_GET_REGS,        KVM_GET_SREGS,       KVM_GET_MSRS,
	KVM_SET_MSRS,      KVM_GET_DEVICE_ATTR, KVM_SET_GUEST_DEBUG, KVM_GET_DEBUGREGS,
	KVM_SET_DEBUGREGS, KVM_IRQ_LINE,
};

static int add_vcpu_rules(const scmp_filter_ctx f)
{
	/* KVM_RUN goes through it at each exit: looked for first. */
	int r = seccomp_syscall_priority(f, SCMP_SYS(ioctl), UINT8_MAX);

	for (size_t i = 0; i < sizeof(vcpu_calls) / sizeof(vcpu_calls[0]) && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, vcpu_calls[i], 0);
	/* The kernel looks at 32 bits of a request. */
	for (size_t i = 0; i < sizeof(vcpu_requests) / sizeof(vcpu_requests[0]) && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1_64(SCMP_CMP_MASKED_EQ, UINT32_MAX, vcpu_requests[i]));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0) /* abort(), and kicks of the other vCPUs when one ends the machine */
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				     SCMP_A0_64(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	return r;
}

static int compile_vcpu(struct kvm_filter *ret)
{
	kt_auto(seccomp) scmp_filter_ctx f = kvm_seccomp_new(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!f)
		return -ENOMEM;
	r = add_vcpu_rules(f);
	return r < 0 ? r : kvm_filter_compile(f, ret);
}

/* Compiling takes longer than all else that a vCPU thread does at its start, and 252 of them want the same. */
static struct {
	pthread_mutex_t lock;
	pid_t pid; /* whose it is: a rule names the process */
	struct kvm_filter program;
} vcpu_filter = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int vcpu_program(struct kvm_filter **ret)
{
	int r = 0;

	pthread_mutex_lock(&vcpu_filter.lock);
	if (vcpu_filter.pid != getpid())
		r = compile_vcpu(&vcpu_filter.program);
	if (r == 0)
		vcpu_filter.pid = getpid();
	pthread_mutex_unlock(&vcpu_filter.lock);
	*ret = &vcpu_filter.program;
	return r;
}

int kvm_sandbox_vcpu(struct kt_err *e)
{
	struct kvm_filter *p;
	int r;

	if (kvm_sandbox_is_off())
		return 0;
	r = vcpu_program(&p);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "make a filter of system calls" KVM_SANDBOX_HINT);
	r = kvm_drop_capabilities(e);
	return r < 0 ? r : kvm_filter_enforce(p, e);
}
