/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that a machine on KVM asks of the host's kernel fails in turn, from its first ioctl to its end: each time
 * either the machine does without, or there is one error that says what failed, and nothing is left behind. Then the
 * device vanishes, or a vCPU's descriptor does.
 */
#include "tests/unit/faults.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/kvm_device.h"
#include "tests/unit/kvm_guest.h"
#include "vmm/kvm/internal.h"
#include "vmm/kvm/probe_guest.h"

enum { MEMORY_MIB = 256, NR_VCPUS = 2, SETTLE_S = 30, PLACES_MAX = 2000 };

/* ---- what a machine leaves behind ---- */

struct traces {
	unsigned fds, threads, vcpu_maps;
	uint64_t vm_kib; /* address space */
};

static unsigned count_lines(const char *path, const char *with)
{
	FILE *f = fopen(path, "re");
	char line[4096];
	unsigned nr = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		nr += strstr(line, with) != NULL;
	fclose(f);
	return nr;
}

static struct traces look(void)
{
	struct traces t = {
		.fds = unit_nr_entries("/proc/self/fd"),
		.threads = unit_nr_entries("/proc/self/task"),
		.vcpu_maps = count_lines("/proc/self/maps", "kvm-vcpu"),
	};
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	t.vm_kib = pages * 4;
	return t;
}

/*
 * A thread that has been joined is seen in /proc for an instant longer, and KVM ends its own with the VM. Address space
 * may grow by what the C library keeps for later, not by a guest's memory.
 */
static void assert_nothing_left(const struct traces *before)
{
	uint64_t deadline = kt_now_ns() + SETTLE_S * UINT64_C(1000000000);
	struct traces now = look();

	while (now.threads > before->threads && kt_now_ns() < deadline) {
		(void)sched_yield();
		now = look();
	}
	assert_int_equal(now.fds, before->fds);
	assert_int_equal(now.threads, before->threads);
	assert_int_equal(now.vcpu_maps, 0);
	assert_true(now.vm_kib < before->vm_kib + (MEMORY_MIB << 10) / 2);
}

/* ---- one machine, from its creation to its end ---- */

struct life {
	enum vm_end end; /* when there was no error */
	enum kt_kind kind;
	char text[KT_ERR_TEXT_BYTES]; /* the error, or the end */
};

static int wait_for_end(struct vm *vm, struct life *l, struct kt_err *e)
{
	uint64_t deadline = kt_now_ns() + KVM_GUEST_DEADLINE_NS;
	struct vm_event ev = { 0 };

	while (ev.type != VM_EV_END) {
		int r = vm_wait(vm, 1000, &ev, e);

		if (r < 0)
			return r;
		if (kt_now_ns() > deadline)
			return kt_fail(e, KT_E_INTERNAL, ETIMEDOUT, "the machine does not end");
	}
	l->end = ev.end;
	(void)kt_snprintf(l->text, sizeof(l->text), "%s", ev.text);
	return 0;
}

/* Stopped once, looked at, watched. */
static int look_into(struct vm *vm, struct kt_err *e)
{
	const gva_t somewhere = { UINT64_C(0xffffffff81000000) };
	struct vm_regs regs;
	unsigned id;
	int r = vm_freeze(vm, e);

	for (unsigned i = 0; i < NR_VCPUS && r == 0; i++)
		r = vm_read_regs(vm, i, &regs, e);
	if (r == 0)
		r = vm_watch_write(vm, somewhere, 8, &id, e);
	return r < 0 ? r : vm_thaw(vm, e);
}

static int live(struct vm *vm, struct life *l, struct kt_err *e)
{
	int r = vm_start(vm, e);

	if (r < 0)
		return r;
	r = look_into(vm, e);
	if (r < 0 && r != -ENOTCONN) /* it has ended before: that is to be told */
		return r;
	(void)vm_ring_bell(vm, GST_BELL_STOP); /* or cannot, as it has ended */
	return wait_for_end(vm, l, e);
}

static const struct kt_topology two_cpus = {
	.nr_nodes = 1, .nr_llcs = 1, .cores = NR_VCPUS, .threads = 1, .node = { { .llcs = 1 } }
};
static const struct kvm_guest_opts guest = { .steps = "do=say:x do=off",
					     .topology = &two_cpus,
					     .memory_mib = MEMORY_MIB };

static char *elf; /* found before anything fails */

static int one_life(struct life *l)
{
	struct kvm_guest_opts o = guest;
	struct kvm_guest g;
	struct kt_err e = { 0 };
	int r;

	o.kernel = elf;
	r = kvm_guest_create(&g, &o, &e);

	*l = (struct life){ 0 };
	if (r == 0)
		r = live(g.vm, l, &e);
	vm_free(g.vm); /* faults go on until here */
	if (r == 0)
		return 0;
	l->kind = e.kind;
	(void)kt_err_text(&e, l->text, sizeof(l->text));
	return r;
}

/* Without any fault; also takes what is only taken once in a process. */
static struct traces warm_up(void)
{
	struct life l;

	kvm_guest_need_kvm();
	if (!elf)
		elf = kvm_guest_path("guest.elf");
	for (unsigned i = 0; i < 2; i++) {
		if (one_life(&l) < 0 || l.end != VM_END_POWEROFF)
			fail_msg("without any fault: %s", l.text);
	}
	return look();
}

/* ---- every KVM ioctl ---- */

/*
 * What the error says that comes of it; NULL: none, as the machine does without. @optional: not every one of these is
 * vital.
 */
static const struct place {
	unsigned long request;
	const char *word;
	bool optional;
} places[] = {
	{ KVM_GET_API_VERSION, "ask /dev/kvm for its version", false },
	{ KVM_CHECK_EXTENSION, "this host's KVM ", true }, /* lacks, has no ... */
	{ KVM_CREATE_VM, "KVM_CREATE_VM", false },
	{ KVM_SET_IDENTITY_MAP_ADDR, "identity map", false },
	{ KVM_SET_TSS_ADDR, "TSS", false },
	{ KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP", false },
	{ KVM_CREATE_PIT2, "KVM_CREATE_PIT2", false },
	{ KVM_SET_USER_MEMORY_REGION, "of RAM at gpa 0x", false },
	{ KVM_IOEVENTFD, "KVM_IOEVENTFD", false },
	{ KVM_GET_VCPU_MMAP_SIZE, "how much it shares of a vCPU", false },
	{ KVM_GET_SUPPORTED_CPUID, "which CPUID leaves it supports", false },
	{ KVM_CREATE_VCPU, "create it with APIC id", false },
	{ KVM_SET_CPUID2, "CPUID entries", false },
	{ KVM_GET_LAPIC, "read its local APIC", false },
	{ KVM_SET_LAPIC, "write its local APIC", false },
	{ KVM_SET_SREGS, "write its system registers", false },
	{ KVM_SET_REGS, "write its registers", false },
	{ KVM_GET_SREGS, "registers", false },
	{ KVM_GET_REGS, "registers", false },
	/* At the start; at a freeze it is one timer's deadline. */
	{ KVM_GET_MSRS, "read MSRs", true },
	{ KVM_SET_MSRS, "write MSRs", true },
	/* The vCPU's end is the machine's. */
	{ KVM_RUN, "cannot run: KVM_RUN", false },
	{ KVM_SET_GUEST_DEBUG, "KVM_SET_GUEST_DEBUG", false },
	{ KVM_GET_DEBUGREGS, NULL, true },
	{ KVM_SET_DEBUGREGS, NULL, true },
	/* The guest sees the pause. */
	{ KVM_GET_CLOCK, NULL, true },
	{ KVM_SET_CLOCK, NULL, true },
	{ KVM_GET_DEVICE_ATTR, NULL, true },
	{ KVM_SET_DEVICE_ATTR, NULL, true },
	{ KVM_KVMCLOCK_CTRL, NULL, true },
	/* Halt polling stays as the host has it. */
	{ KVM_ENABLE_CAP, NULL, true },
	{ KVM_IRQ_LINE, NULL, true },
};

static const struct place *find_place(unsigned long request)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if ((uint32_t)places[i].request == (uint32_t)request)
			return &places[i];
	}
	fail_msg("ioctl 0x%lx is not in the table: what may come of it?", request);
	return NULL;
}

static void judge(const struct place *p, unsigned n, int errnum, int r, const struct life *l)
{
	bool crashed = r == 0 && l->end == VM_END_CRASHED;
	char number[32];

	(void)kt_snprintf(number, sizeof(number), "errno %d", errnum);

	if (r == 0 && l->end == VM_END_POWEROFF && p->optional)
		return;
	if ((r < 0 && l->kind == KT_E_HOST) || crashed) {
		bool named = p->word && strstr(l->text, p->word) != NULL;
		bool why = strstr(l->text, strerror(errnum)) || strstr(l->text, number) ||
			   p->request == KVM_CHECK_EXTENSION;

		if (named && why)
			return;
	}
	fail_msg("place %u, ioctl 0x%lx: returned %d, kind %d, end %d: %s", n, p->request, r,
		 l->kind, l->end, l->text);
}

static void fail_every_ioctl(int errnum)
{
	struct traces before = warm_up();
	unsigned n, passes = 0;

	/* Threads make them in another order each time: the end is where twice none has failed. */
	for (n = 1; n < PLACES_MAX && passes < 2; n++) {
		struct life l;
		int r;

		unit_fault_arm(UNIT_FAULT_KVM, errnum, n);
		r = one_life(&l);
		if (unit_fault_disarm())
			judge(find_place(unit_faults.request), n, errnum, r, &l);
		else
			passes++;
		assert_nothing_left(&before);
	}
	assert_true(n > 40 && n < PLACES_MAX);
}

static void enomem_from_every_kvm_ioctl_is_one_error_or_done_without(void **state)
{
	(void)state;
	fail_every_ioctl(ENOMEM);
}

static void eio_from_every_kvm_ioctl_is_one_error_or_done_without(void **state)
{
	(void)state;
	fail_every_ioctl(EIO);
}

/* ---- memory, descriptors, threads ---- */

static void fail_every(enum unit_fault_kind kind, int errnum, unsigned at_least)
{
	struct traces before = warm_up();
	unsigned n, errors = 0;
	bool hit = true;

	for (n = 1; n < PLACES_MAX && hit; n++) {
		struct life l;
		int r;

		unit_fault_arm(kind, errnum, n);
		r = one_life(&l);
		hit = unit_fault_disarm();
		if (r < 0 && (l.kind != KT_E_HOST || r != -errnum))
			fail_msg("place %u: returned %d, kind %d: %s", n, r, l.kind, l.text);
		if (r == 0)
			assert_int_equal(l.end, VM_END_POWEROFF);
		errors += r < 0;
		assert_nothing_left(&before);
	}
	assert_true(n < PLACES_MAX);
	assert_true(errors >= at_least);
}

static void every_allocation_that_fails_is_one_error(void **state)
{
	(void)state;
	fail_every(UNIT_FAULT_ALLOC, ENOMEM, 8);
}

static void every_mapping_that_fails_is_one_error(void **state)
{
	(void)state;
	fail_every(UNIT_FAULT_MMAP, ENOMEM, 3);
}

static void every_descriptor_that_is_not_to_be_had_is_one_error(void **state)
{
	(void)state;
	fail_every(UNIT_FAULT_FD, EMFILE, 5);
}

static void every_thread_that_is_not_to_be_had_is_one_error(void **state)
{
	(void)state;
	fail_every(UNIT_FAULT_THREAD, EAGAIN, NR_VCPUS);
}

/* ---- the probe ---- */

static void every_ioctl_of_the_probe_that_fails_is_no_answer(void **state)
{
	struct traces before = warm_up();
	int truth = kvm_probe_run(NULL);
	unsigned n;
	bool hit = true;

	(void)state;
	assert_true(truth == 0 || truth == -ENOTSUP);
	for (n = 1; n < PLACES_MAX && hit; n++) {
		struct kt_err e = { 0 };
		int r;

		unit_fault_arm(UNIT_FAULT_KVM, ENOMEM, n);
		r = kvm_probe_run(&e);
		hit = unit_fault_disarm();
		if (unit_faults.request == KVM_CHECK_EXTENSION || !hit) {
			assert_true(r == truth || e.kind == KT_E_HOST);
		} else {
			assert_int_equal(r, -ENOMEM);
			assert_int_equal(e.kind, KT_E_HOST);
			assert_non_null(strstr(unit_err_text(&e), "/dev/kvm"));
		}
		assert_nothing_left(&before);
	}
	assert_true(n > 30 && n < PLACES_MAX);
}

static uint8_t *probe_ram;
static timer_t soon;

/* HLT with interrupts off, for ever; and the limit passes now. */
static void hang(int fd, unsigned long request, void *arg)
{
	static const uint8_t halt[] = { 0xf4, 0xeb, 0xfd };
	const struct itimerspec at = { .it_value.tv_nsec = 50 * 1000 * 1000 };

	(void)fd;
	if (request == KVM_SET_USER_MEMORY_REGION) {
		probe_ram = (uint8_t *)(uintptr_t)((struct kvm_userspace_memory_region *)arg)
				    ->userspace_addr;
	} else if (request == KVM_SET_REGS) {
		memcpy(probe_ram + PROBE_DATA, halt, sizeof(halt));
		((struct kvm_regs *)arg)->rip = PROBE_DATA;
		assert_int_equal(timer_settime(soon, 0, &at, NULL), 0);
	}
}

static void a_guest_that_hangs_is_an_answer_of_its_own(void **state)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMAX - 1 };
	struct kt_err e = { 0 };
	int r;

	(void)state;
	kvm_guest_need_kvm();
	event._sigev_un._tid = gettid();
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &soon), 0);
	unit_faults.on_kvm = hang;
	r = kvm_probe_run(&e);
	unit_faults.on_kvm = NULL;
	timer_delete(soon);
	assert_int_equal(r, -ETIMEDOUT);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_string_equal(unit_err_text(&e),
			    "/dev/kvm: a guest that tries 64-bit mode does not end within 5 s");
}

/* ---- what is there vanishes ---- */

static int create_without_device(void *ctx)
{
	const char *want = ctx;
	struct kvm_guest g;
	struct kt_err e = { 0 };

	if (kvm_guest_create(&g, &guest, &e) >= 0 || e.kind != KT_E_HOST || g.vm)
		return 1;
	return strstr(unit_err_text(&e), want) ? 0 : 2;
}

static void a_device_that_is_missing_or_forbidden_is_named(void **state)
{
	char missing[] = "No such file or directory", forbidden[] = "Permission denied",
	     other[] = "Inappropriate ioctl for device";

	(void)state;
	kvm_device_with(KVM_DEVICE_MISSING, create_without_device, missing);
	kvm_device_with(KVM_DEVICE_FORBIDDEN, create_without_device, forbidden);
	kvm_device_with(KVM_DEVICE_NULL, create_without_device, other);
}

/* 0: all is well; else where it was not. */
static int lose_device(void *ctx)
{
	struct kvm_guest g;
	struct kt_err e = { 0 };
	struct life l;

	(void)ctx;
	if (kvm_guest_create(&g, &guest, &e) < 0)
		return 1;
	if (kvm_device_replace(KVM_DEVICE_MISSING) < 0)
		return KVM_DEVICE_NO_MOUNTS;
	if (live(g.vm, &l, &e) < 0 || l.end != VM_END_POWEROFF)
		return 2;
	vm_free(g.vm);
	return create_without_device((char[]){ "No such file or directory" });
}

static void a_machine_outlives_its_device(void **state)
{
	(void)state;
	kvm_guest_need_kvm();
	kvm_device_with(KVM_DEVICE_REAL, lose_device, NULL);
}

static void a_vcpu_whose_descriptor_is_closed_ends_the_machine(void **state)
{
	struct traces before = warm_up();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_true(null >= 0);
	/* Closed, and another file's. */
	for (unsigned i = 0; i < 2; i++) {
		struct kvm_guest g;
		struct kt_err e = { 0 };
		struct life l = { 0 };
		int fd;

		assert_int_equal(kvm_guest_create(&g, &guest, &e), 0);
		fd = machine_of(&g)->vcpu[1].fd;
		if (i == 0)
			close(fd);
		else
			assert_int_equal(dup3(null, fd, O_CLOEXEC), fd);
		assert_int_equal(vm_start(g.vm, &e), 0);
		assert_int_equal(wait_for_end(g.vm, &l, &e), 0);
		assert_int_equal(l.end, VM_END_CRASHED);
		assert_string_equal(l.text,
				    i == 0 ? "vCPU 1 cannot run: KVM_RUN: Bad file descriptor"
					   : "vCPU 1 cannot run: KVM_RUN: Inappropriate ioctl for "
					     "device");
		if (i == 0) /* the number is nobody's: closing it again is harmless here */
			machine_of(&g)->vcpu[1].fd = -1;
		kvm_guest_done(&g);
		assert_nothing_left(
			&(struct traces){ before.fds + 1, before.threads, 0, before.vm_kib });
	}
	close(null);
}

/* Only the thread: a signal that kills would end the process. */
static void end_this_thread(int sig)
{
	(void)sig;
	syscall(SYS_exit, 0);
}

static void a_machine_whose_vcpu_thread_was_killed_can_be_stopped_and_freed(void **state)
{
	struct sigaction action = { .sa_handler = end_this_thread }, old;
	struct traces before = warm_up();
	struct kvm_guest g;
	struct kt_err e = { 0 };
	pid_t tid;

	(void)state;
#ifdef __SANITIZE_THREAD__
	unit_require("signals", "ThreadSanitizer runs handlers when it sees fit");
#endif
	assert_int_equal(sigaction(SIGTRAP, &action, &old), 0); /* vCPU threads let it through */
	assert_int_equal(kvm_guest_create(&g,
					  &(struct kvm_guest_opts){ .steps = "do=say:x do=spin",
								    .topology = &two_cpus },
					  &e),
			 0);
	assert_int_equal(vm_start(g.vm, &e), 0);
	kvm_guest_until_console(&g, "x\n");
	tid = machine_of(&g)->vcpu[0].tid;
	assert_true(tid > 0);
	assert_int_equal(tgkill(getpid(), tid, SIGTRAP), 0);
	vm_stop(g.vm);
	kvm_guest_done(&g);
	assert_int_equal(sigaction(SIGTRAP, &old, NULL), 0);
	assert_nothing_left(&before);
}

static int forget_elf(void **state)
{
	(void)state;
	free(elf);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enomem_from_every_kvm_ioctl_is_one_error_or_done_without),
		cmocka_unit_test(eio_from_every_kvm_ioctl_is_one_error_or_done_without),
		cmocka_unit_test(every_allocation_that_fails_is_one_error),
		cmocka_unit_test(every_mapping_that_fails_is_one_error),
		cmocka_unit_test(every_descriptor_that_is_not_to_be_had_is_one_error),
		cmocka_unit_test(every_thread_that_is_not_to_be_had_is_one_error),
		cmocka_unit_test(every_ioctl_of_the_probe_that_fails_is_no_answer),
		cmocka_unit_test(a_guest_that_hangs_is_an_answer_of_its_own),
		cmocka_unit_test(a_device_that_is_missing_or_forbidden_is_named),
		cmocka_unit_test(a_machine_outlives_its_device),
		cmocka_unit_test(a_vcpu_whose_descriptor_is_closed_ends_the_machine),
		cmocka_unit_test(a_machine_whose_vcpu_thread_was_killed_can_be_stopped_and_freed),
	};

	/* CMOCKA_FILTER="a_guest*" runs some of them. */
	cmocka_set_test_filter(getenv("CMOCKA_FILTER"));
	return cmocka_run_group_tests(tests, NULL, forget_elf);
}
