/* SPDX-License-Identifier: GPL-2.0-only */
/* Can this host's KVM run a stock kernel? A tiny machine of one vCPU tries, step by step, what such kernels use. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "vmm/kvm/internal.h"
#include "vmm/kvm/probe_guest.h"

/* Nobody else's: blocked on this thread but while it is in the guest, so that no handler ever runs. */
#define PROBE_SIGNAL (SIGRTMAX - 1)
/* A guest that hangs is an answer. All steps together take some milliseconds. */
enum { PROBE_LIMIT_S = 5, KERNEL_SIGSET_BYTES = 8, HOW_BYTES = 64, MISSING_BYTES = 192 };

extern const uint8_t kvm_probe_guest[];
extern const uint32_t kvm_probe_guest_len;
extern const uint8_t kvm_probe_trap[], kvm_probe_invalid_opcode[], kvm_probe_long_mode[],
	kvm_probe_cpuid[], kvm_probe_exception[], kvm_probe_swapgs[], kvm_probe_sse[],
	kvm_probe_xsave[], kvm_probe_cmpxchg16b[], kvm_probe_popcnt[], kvm_probe_rdtscp[],
	kvm_probe_bmi1[], kvm_probe_bmi2[], kvm_probe_watched[];

enum cpuid_register { ALWAYS, EBX, ECX, EDX };

/*
 * What KVM offers by CPUID a kernel uses, so it is tried when it is offered; the rest is tried always (bits: SDM
 * volume 2, CPUID; 0x80000001 as in AMD's volume 3, appendix E).
 */
static const struct probe_step {
	const char *name;
	const uint8_t *entry;
	bool watches;
	uint32_t leaf;
	enum cpuid_register reg;
	unsigned bit;
} steps[] = {
	{ "64-bit mode", kvm_probe_long_mode, .reg = ALWAYS },
	{ "cpuid", kvm_probe_cpuid, .reg = ALWAYS },
	{ "exceptions", kvm_probe_exception, .reg = ALWAYS },
	{ "swapgs", kvm_probe_swapgs, .reg = ALWAYS },
	{ "SSE2", kvm_probe_sse, .reg = ALWAYS },
	{ "xsave", kvm_probe_xsave, false, 0x1, ECX, 26 },
	{ "cmpxchg16b", kvm_probe_cmpxchg16b, false, 0x1, ECX, 13 },
	{ "popcnt", kvm_probe_popcnt, false, 0x1, ECX, 23 },
	{ "rdtscp", kvm_probe_rdtscp, false, 0x80000001, EDX, 27 },
	{ "BMI1", kvm_probe_bmi1, false, 0x7, EBX, 3 },
	{ "BMI2", kvm_probe_bmi2, false, 0x7, EBX, 8 },
	{ "write watchpoints", kvm_probe_watched, true, .reg = ALWAYS },
};
enum { NR_STEPS = sizeof(steps) / sizeof(steps[0]) };

struct probe {
	int kvm_fd, vm_fd, vcpu_fd;
	uint8_t *ram;
	struct kvm_run *run;
	size_t run_bytes;
	struct x86_cpuid cpuid;
	struct kvm_sregs sregs; /* as they are before each step */
	timer_t timer;
	bool has_timer;
	sigset_t mask_before;
	/* what was found missing */
	char missing[MISSING_BYTES];
	char how[HOW_BYTES]; /* the last one failed */
};

static struct probe *probe_free(struct probe *p)
{
	const struct timespec none = { 0 };
	sigset_t own;

	if (!p)
		return NULL;
	if (p->has_timer) {
		timer_delete(p->timer);
		sigemptyset(&own);
		sigaddset(&own, PROBE_SIGNAL);
		while (sigtimedwait(&own, NULL, &none) > 0)
			; /* it may have come meanwhile */
		(void)pthread_sigmask(SIG_SETMASK, &p->mask_before, NULL); /* cannot fail */
	}
	if (p->run)
		munmap(p->run, p->run_bytes);
	kt_cleanup_fd(&p->vcpu_fd);
	kt_cleanup_fd(&p->vm_fd);
	kt_cleanup_fd(&p->kvm_fd);
	if (p->ram)
		munmap(p->ram, PROBE_RAM_BYTES);
	free(p);
	return NULL;
}
KT_DEFINE_AUTO(probe, struct probe *, probe_free);

/* ---- the machine ---- */

static int kvm_call(int fd, unsigned long request, void *arg, const char *name, struct kt_err *e)
{
	if (ioctl(fd, request, arg) < 0)
		return kt_fail(e, KT_E_HOST, errno, "/dev/kvm: %s", name);
	return 0;
}
#define KVM_CALL(fd, request, arg, e) kvm_call((fd), (request), (arg), #request, (e))

static int map_memory(struct probe *p, struct kt_err *e)
{
	struct kvm_userspace_memory_region region = { .memory_size = PROBE_RAM_BYTES };
	void *ram = mmap(NULL, PROBE_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	if (ram == MAP_FAILED)
		return kt_fail(e, KT_E_HOST, errno, "map %d bytes", PROBE_RAM_BYTES);
	p->ram = ram;
	region.userspace_addr = (uint64_t)(uintptr_t)ram;
	return KVM_CALL(p->vm_fd, KVM_SET_USER_MEMORY_REGION, &region, e);
}

static void put64(struct probe *p, uint32_t gpa, uint64_t v)
{
	memcpy(p->ram + gpa, &v, sizeof(v));
}

static uint64_t gva_of(const uint8_t *code)
{
	return PROBE_CODE + (uint64_t)(code - kvm_probe_guest);
}

/* An interrupt gate of 64-bit mode is 16 bytes: SDM volume 3, 6.14.1. */
static void put_gate(struct probe *p, unsigned vector, uint64_t target)
{
	enum { PRESENT_INTERRUPT_GATE = 0x8e };

	put64(p, PROBE_IDT + 16 * vector,
	      (target & 0xffff) | (uint64_t)PROBE_CODE_SELECTOR << 16 |
		      (uint64_t)PRESENT_INTERRUPT_GATE << 40 | (target >> 16 & 0xffff) << 48);
	put64(p, PROBE_IDT + 16 * vector + 8, target >> 32);
}

enum { NR_VECTORS = 32, VECTOR_UD = 6 };

static void fill_memory(struct probe *p)
{
	/* Present, writable; in the page directory: a page of 2 MiB (SDM volume 3, 4.5). */
	enum { PRESENT_WRITABLE = 0x3, LARGE = 0x80 };

	/* What an exception loads CS from: SDM volume 3, 3.4.5. */
	put64(p, PROBE_GDT + PROBE_CODE_SELECTOR, UINT64_C(0x00af9b000000ffff));
	put64(p, PROBE_GDT + PROBE_DATA_SELECTOR, UINT64_C(0x00cf93000000ffff));
	put64(p, PROBE_PML4, PROBE_PDPT | PRESENT_WRITABLE);
	put64(p, PROBE_PDPT, PROBE_PD | PRESENT_WRITABLE);
	put64(p, PROBE_PD, PRESENT_WRITABLE | LARGE);
	for (unsigned i = 0; i < NR_VECTORS; i++)
		put_gate(p, i, gva_of(i == VECTOR_UD ? kvm_probe_invalid_opcode : kvm_probe_trap));
	memcpy(p->ram + PROBE_CODE, kvm_probe_guest, kvm_probe_guest_len);
}

/* Flat 64-bit mode: SDM volume 3, 2.5 (control registers), 2.2.1 (EFER), 3.4.5 (segments). */
static void set_long_mode(struct kvm_sregs *s)
{
	enum { CR0_PE_MP_ET_NE = 0x33, CR4_PAE_OSFXSR_OSXMMEXCPT = 0x620, EFER_LME_LMA = 0x500 };
	const struct kvm_segment data = {
		.limit = UINT32_MAX,
		.selector = PROBE_DATA_SELECTOR,
		.type = 3, /* read, write, accessed */
		.present = 1,
		.s = 1,
		.db = 1,
		.g = 1,
	};

	s->cr0 = CR0_PE_MP_ET_NE | UINT32_C(1) << 31;
	s->cr3 = PROBE_PML4;
	s->cr4 = CR4_PAE_OSFXSR_OSXMMEXCPT;
	s->efer = EFER_LME_LMA;
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->cs = data;
	s->cs.selector = PROBE_CODE_SELECTOR;
	s->cs.type = 11; /* execute, read, accessed */
	s->cs.db = 0;
	s->cs.l = 1;
	s->gdt = (struct kvm_dtable){ .base = PROBE_GDT, .limit = PROBE_DATA_SELECTOR + 7 };
	s->idt = (struct kvm_dtable){ .base = PROBE_IDT, .limit = 16 * NR_VECTORS - 1 };
}

static int make_vcpu(struct probe *p, struct kt_err *e)
{
	int r;

	p->vcpu_fd = ioctl(p->vm_fd, KVM_CREATE_VCPU, 0);
	if (p->vcpu_fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "/dev/kvm: KVM_CREATE_VCPU");
	r = ioctl(p->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (r < (int)sizeof(struct kvm_run))
		return kt_fail(e, KT_E_HOST, r < 0 ? errno : 0, "/dev/kvm: KVM_GET_VCPU_MMAP_SIZE");
	p->run_bytes = (size_t)r;
	p->run = mmap(NULL, p->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, p->vcpu_fd, 0);
	if (p->run == MAP_FAILED) {
		p->run = NULL;
		return kt_fail(e, KT_E_HOST, errno, "/dev/kvm: map a vCPU's state");
	}
	p->cpuid.nr = X86_CPUID_MAX;
	r = KVM_CALL(p->kvm_fd, KVM_GET_SUPPORTED_CPUID, &p->cpuid, e);
	if (r == 0)
		r = KVM_CALL(p->vcpu_fd, KVM_SET_CPUID2, &p->cpuid, e);
	if (r == 0)
		r = KVM_CALL(p->vcpu_fd, KVM_GET_SREGS, &p->sregs, e);
	set_long_mode(&p->sregs);
	return r;
}

/* The same calls as for a real machine, so that what fails there fails here. */
static int make_machine(struct probe *p, struct kt_err *e)
{
	struct kvm_caps caps;
	int r = kvm_open(&p->kvm_fd, &caps, e);

	if (r < 0)
		return r;
	do
		p->vm_fd = ioctl(p->kvm_fd, KVM_CREATE_VM, 0);
	while (p->vm_fd < 0 && errno == EINTR); /* a signal while KVM waits for its own threads */
	if (p->vm_fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "/dev/kvm: KVM_CREATE_VM");
	/* Its argument is the address itself: Documentation/virt/kvm/api.rst, 4.35. */
	r = KVM_CALL(p->vm_fd, KVM_SET_TSS_ADDR, (void *)X86_KVM_TSS_GPA, e);
	if (r == 0)
		r = KVM_CALL(p->vm_fd, KVM_CREATE_IRQCHIP, NULL, e);
	if (r == 0)
		r = map_memory(p, e);
	if (r < 0)
		return r;
	fill_memory(p);
	return make_vcpu(p, e);
}

/* ---- the limit ---- */

/*
 * A signal to this thread, which only KVM_RUN lets through: it returns EINTR, also when the signal came before, and the
 * signal stays pending (api.rst, KVM_SET_SIGNAL_MASK).
 */
static int set_limit(struct probe *p, struct kt_err *e)
{
	const struct itimerspec limit = { .it_value.tv_sec = PROBE_LIMIT_S };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = PROBE_SIGNAL };
	union {
		struct kvm_signal_mask m;
		uint8_t bytes[sizeof(struct kvm_signal_mask) + KERNEL_SIGSET_BYTES];
	} in_guest = { .m.len = KERNEL_SIGSET_BYTES };
	sigset_t own, mask;

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &p->timer) < 0)
		return kt_fail(e, KT_E_HOST, errno, "make a timer");
	sigemptyset(&own);
	sigaddset(&own, PROBE_SIGNAL);
	(void)pthread_sigmask(SIG_BLOCK, &own, &p->mask_before); /* cannot fail */
	p->has_timer = true;
	mask = p->mask_before;
	sigdelset(&mask, PROBE_SIGNAL);
	memcpy(in_guest.bytes + sizeof(in_guest.m), &mask, KERNEL_SIGSET_BYTES);
	if (timer_settime(p->timer, 0, &limit, NULL) < 0)
		return kt_fail(e, KT_E_HOST, errno, "set a timer");
	return KVM_CALL(p->vcpu_fd, KVM_SET_SIGNAL_MASK, &in_guest, e);
}

static bool limit_passed(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, PROBE_SIGNAL) == 1;
}

/* ---- a step ---- */

static bool offered(const struct probe *p, const struct probe_step *s)
{
	for (uint32_t i = 0; s->reg != ALWAYS && i < p->cpuid.nr; i++) {
		const struct kvm_cpuid_entry2 *c = &p->cpuid.e[i];
		uint32_t v = s->reg == EBX ? c->ebx : s->reg == ECX ? c->ecx : c->edx;

		if (c->function == s->leaf && c->index == 0)
			return v >> s->bit & 1;
	}
	return s->reg == ALWAYS;
}

/*
 * What the step before left half-done (an OUT) is completed first: api.rst, KVM_RUN. KVM_SET_REGS drops an exception that
 * a failed emulation has queued: __set_regs() in arch/x86/kvm/x86.c.
 */
static int enter_step(struct probe *p, const struct probe_step *s, struct kt_err *e)
{
	struct kvm_regs regs = {
		.rip = gva_of(s->entry),
		.rsp = PROBE_STACK_END,
		.rdi = PROBE_DATA,
		.rsi = PROBE_WATCHED,
		.rflags = 0x2, /* always one */
	};
	/*
	 * SDM volume 3, 17.2.4: breakpoint 0 is on (bits 0 and 1) at data writes (bits 16-17: 1) of 8 bytes (bits 18-19: 2);
	 * bit 10 is always one.
	 */
	struct kvm_guest_debug watch = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		.arch.debugreg = { [0] = PROBE_WATCHED, [7] = 0x3 | 1 << 10 | 1 << 16 | 2 << 18 },
	};
	int r;

	p->run->immediate_exit = 1;
	if (ioctl(p->vcpu_fd, KVM_RUN, 0) < 0 && errno != EINTR)
		return kt_fail(e, KT_E_HOST, errno, "/dev/kvm: KVM_RUN");
	p->run->immediate_exit = 0;
	r = KVM_CALL(p->vcpu_fd, KVM_SET_SREGS, &p->sregs, e);
	if (r == 0)
		r = KVM_CALL(p->vcpu_fd, KVM_SET_REGS, &regs, e);
	if (r == 0 && s->watches)
		r = KVM_CALL(p->vcpu_fd, KVM_SET_GUEST_DEBUG, &watch, e);
	return r;
}

/* How the guest came out of a step, as long as it is not as it should. */
static void describe(const struct kvm_run *run, const struct probe_step *s, char how[HOW_BYTES])
{
	uint8_t said = 0;

	how[0] = '\0';
	switch (run->exit_reason) {
	case KVM_EXIT_DEBUG:
		if (!s->watches)
			break;
		return;
	case KVM_EXIT_IO:
		if (run->io.port != PROBE_PORT || run->io.direction != KVM_EXIT_IO_OUT)
			break;
		memcpy(&said, (const uint8_t *)run + run->io.data_offset, 1);
		if (said == PROBE_TRAP)
			(void)kt_snprintf(how, HOW_BYTES, "raises an exception");
		else if (said != PROBE_RIGHT)
			(void)kt_snprintf(how, HOW_BYTES, "wrong result");
		else if (s->watches)
			(void)kt_snprintf(how, HOW_BYTES, "the write goes unnoticed");
		return;
	case KVM_EXIT_INTERNAL_ERROR:
		(void)kt_snprintf(how, HOW_BYTES, "KVM_EXIT_INTERNAL_ERROR, suberror %u",
				  run->internal.suberror);
		return;
	case KVM_EXIT_SHUTDOWN:
		(void)kt_snprintf(how, HOW_BYTES, "triple fault");
		return;
	}
	(void)kt_snprintf(how, HOW_BYTES, "unexpected exit, reason %u", run->exit_reason);
}

static int try_step(struct probe *p, const struct probe_step *s, char how[HOW_BYTES],
		    struct kt_err *e)
{
	int r = enter_step(p, s, e);

	if (r < 0)
		return r;
	while (ioctl(p->vcpu_fd, KVM_RUN, 0) < 0) {
		if (errno != EINTR && errno != EAGAIN)
			return kt_fail(e, KT_E_HOST, errno,
				       "/dev/kvm: KVM_RUN of a guest that tries %s", s->name);
		if (limit_passed()) {
			(void)kt_fail(e, KT_E_HOST, 0,
				      "/dev/kvm: a guest that tries %s does not end within %d s",
				      s->name, PROBE_LIMIT_S);
			return -ETIMEDOUT;
		}
	}
	describe(p->run, s, how);
	return 0;
}

/* "cmpxchg16b, BMI1 (KVM_EXIT_INTERNAL_ERROR, suberror 1), write watchpoints": what is alike is said once, at its end. */
static void add_missing(struct probe *p, const char *name, const char *how)
{
	size_t len = strlen(p->missing);

	if (p->how[0] && !kt_streq(p->how, how)) {
		(void)kt_snprintf(p->missing + len, sizeof(p->missing) - len, " (%s)", p->how);
		len = strlen(p->missing);
	}
	(void)kt_snprintf(p->how, sizeof(p->how), "%s", how);
	if (name)
		(void)kt_snprintf(p->missing + len, sizeof(p->missing) - len, "%s%s",
				  len ? ", " : "", name);
}

int kvm_probe_run(struct kt_err *e)
{
	kt_auto(probe) struct probe *p = calloc(1, sizeof(*p));
	char how[HOW_BYTES] = "";
	int r;

	if (!p)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate a probe");
	p->kvm_fd = p->vm_fd = p->vcpu_fd = -1;
	r = make_machine(p, e);
	if (r == 0)
		r = set_limit(p, e);
	for (unsigned i = 0; i < NR_STEPS && r == 0; i++) {
		if (!offered(p, &steps[i]))
			continue;
		r = try_step(p, &steps[i], how, e);
		if (r == 0 && how[0])
			add_missing(p, steps[i].name, how);
	}
	if (r < 0 || !p->missing[0])
		return r;
	add_missing(p, NULL, "");
	(void)kt_fail(e, KT_E_HOST, 0, "/dev/kvm cannot run a stock kernel: it lacks %s",
		      p->missing);
	return -ENOTSUP;
}
