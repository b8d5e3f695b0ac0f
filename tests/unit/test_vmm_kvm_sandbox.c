/* SPDX-License-Identifier: GPL-2.0-only */
/* What vCPU threads and the process of a running machine can still do, and what they cannot: each in a process of its own. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "tests/unit/kvm_guest.h"
#include "vmm/kvm/internal.h"

enum { OK = 0, NOT_SANDBOXED = 100, WRONG = 101, LIMIT_S = 300 };
#define NEED(cond) \
	do { \
		if (!(cond)) \
			return __LINE__ % 90 + 1; \
	} while (0)

static void need_filters(void)
{
	if (kvm_sandbox_is_off())
		unit_require("seccomp", "built with sanitizers, or KTSTR_NO_SANDBOX is set");
}

/* ---- one process an attempt ---- */

/* How @op ended in a process of its own: its status, or -signal. */
static int in_process(int (*op)(void *ctx), void *ctx)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)alarm(LIMIT_S);
		_exit(op(ctx));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* @op on a thread that has been made a vCPU's. */
struct on_vcpu {
	int (*op)(void *ctx);
	void *ctx;
	int result;
};

static void *vcpu_thread(void *arg)
{
	struct on_vcpu *v = arg;

	v->result = kvm_sandbox_vcpu(NULL) == 0 ? v->op(v->ctx) : NOT_SANDBOXED;
	return NULL;
}

static int run_on_vcpu(void *ctx)
{
	struct on_vcpu *v = ctx;
	pthread_t t;

	v->result = WRONG;
	if (pthread_create(&t, NULL, vcpu_thread, v) || pthread_join(t, NULL))
		return WRONG;
	return v->result;
}

static int vcpu_does(int (*op)(void *ctx), void *ctx)
{
	struct on_vcpu v = { .op = op, .ctx = ctx };

	return in_process(run_on_vcpu, &v);
}

/* ---- vCPU threads: what they do ---- */

struct pair {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int turn;
};

static void *other_side(void *arg)
{
	struct pair *p = arg;

	pthread_mutex_lock(&p->lock);
	while (p->turn != 1)
		pthread_cond_wait(&p->changed, &p->lock);
	p->turn = 2;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int wait_for_turn(void *ctx)
{
	struct pair *p = ctx;

	pthread_mutex_lock(&p->lock);
	p->turn = 1;
	pthread_cond_broadcast(&p->changed);
	while (p->turn != 2)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return OK;
}

static int with_other_side(void *ctx)
{
	struct pair p = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	struct on_vcpu v = { .op = wait_for_turn, .ctx = &p };
	pthread_t t;
	int r;

	(void)ctx;
	if (pthread_create(&t, NULL, other_side, &p))
		return WRONG;
	r = run_on_vcpu(&v);
	pthread_join(t, NULL);
	return r;
}

static volatile sig_atomic_t kicked;

static void on_kick(int sig)
{
	(void)sig;
	kicked = 1;
}

static int use_memory_files_and_signals(void *ctx)
{
	const size_t sizes[] = { 16, 4000, 100 << 10, 3 << 20 };
	uint64_t one = 1;
	int fd = *(int *)ctx;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *volatile p = malloc(sizes[i]), *larger;

		NEED(p);
		p[0] = p[sizes[i] - 1] = 1;
		larger = realloc(p, 2 * sizes[i]);
		NEED(larger);
		free(larger);
	}
	NEED(write(fd, &one, sizeof(one)) == sizeof(one));
	NEED(read(fd, &one, sizeof(one)) == sizeof(one) && one == 1);
	NEED(tgkill(getpid(), gettid(), SIGUSR1) == 0 && kicked);
	NEED(kt_now_ns() != 0);
	kt_log_write(KT_AREA_VMM, KT_ERROR, "a line of a vCPU thread");
	return OK;
}

static int with_files(void *ctx)
{
	int event = eventfd(0, EFD_CLOEXEC), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct on_vcpu v = { .op = use_memory_files_and_signals, .ctx = &event };

	(void)ctx;
	signal(SIGUSR1, on_kick);
	dup2(null, STDERR_FILENO);
	return run_on_vcpu(&v);
}

static void a_vcpu_thread_can_lock_allocate_log_be_kicked_and_end(void **state)
{
	(void)state;
	need_filters();
	assert_int_equal(in_process(with_files, NULL), OK);
	assert_int_equal(in_process(with_other_side, NULL), OK);
}

static int call_abort(void *ctx)
{
	(void)ctx;
	abort();
}

static void a_vcpu_thread_that_aborts_ends_the_process_by_sigabrt(void **state)
{
	(void)state;
	need_filters();
	assert_int_equal(vcpu_does(call_abort, NULL), -SIGABRT);
}

static int end_at_once(void *ctx)
{
	return *(int *)ctx;
}

/* All at once, as the threads of a machine are; then in a process that inherits what this one has compiled. */
static int in_many_threads(void *ctx)
{
	enum { NR = 64 };
	int ok = OK;
	struct on_vcpu v[NR];
	pthread_t t[NR];

	for (unsigned i = 0; i < NR; i++) {
		v[i] = (struct on_vcpu){ .op = end_at_once, .ctx = &ok, .result = WRONG };
		NEED(pthread_create(&t[i], NULL, vcpu_thread, &v[i]) == 0);
	}
	for (unsigned i = 0; i < NR; i++)
		NEED(pthread_join(t[i], NULL) == 0 && v[i].result == OK);
	return in_process(with_files, ctx);
}

static void all_vcpu_threads_get_the_filter_and_so_does_a_process_made_afterwards(void **state)
{
	(void)state;
	need_filters();
	assert_int_equal(in_process(in_many_threads, NULL), OK);
}

/* ---- vCPU threads: what they do not ---- */

struct call {
	const char *name;
	long nr;
	unsigned long arg[6];
};

static int make_call(void *ctx)
{
	const struct call *c = ctx;

	(void)syscall(c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]);
	return OK;
}

#define PAGE_EXEC (PROT_READ | PROT_EXEC)
static const struct call deadly[] = {
	{ "openat", SYS_openat, { (unsigned long)AT_FDCWD, (unsigned long)"/etc/passwd" } },
	{ "execve", SYS_execve, { (unsigned long)"/bin/true" } },
	{ "fork", SYS_clone, { SIGCHLD } },
	{ "clone3", SYS_clone3, { 0 } },
	{ "socket", SYS_socket, { AF_UNIX, SOCK_STREAM } },
	{ "ptrace", SYS_ptrace, { PTRACE_TRACEME } },
	{ "process_vm_readv", SYS_process_vm_readv, { 1 } },
	{ "kill", SYS_kill, { 0 } },
	{ "tgkill of another process", SYS_tgkill, { 1, 1 } },
	{ "prctl", SYS_prctl, { PR_SET_DUMPABLE, 1 } },
	{ "io_uring_setup", SYS_io_uring_setup, { 1 } },
	{ "KVM_CREATE_VM", SYS_ioctl, { 0, KVM_CREATE_VM } },
	{ "KVM_SET_USER_MEMORY_REGION", SYS_ioctl, { 0, KVM_SET_USER_MEMORY_REGION } },
	{ "KVM_SET_SIGNAL_MASK", SYS_ioctl, { 0, KVM_SET_SIGNAL_MASK } },
	{ "FIONREAD", SYS_ioctl, { 0, FIONREAD } },
	{ "mmap of code", SYS_mmap, { 0, 4096, PAGE_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, ~0UL } },
	{ "mprotect to code", SYS_mprotect, { 0, 4096, PAGE_EXEC } },
	{ "dup", SYS_dup, { 0 } },
	{ "x32", SYS_read | 0x40000000, { 0 } },
};

static void anything_else_on_a_vcpu_thread_ends_the_process_by_sigsys(void **state)
{
	(void)state;
	need_filters();
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		struct call c = deadly[i];
		int r = vcpu_does(make_call, &c);

		if (r != -SIGSYS)
			fail_msg("%s ended with %d", c.name, r);
	}
}

/* The request is compared as the kernel does it: by 32 bits. */
static int run_with_high_bits(void *ctx)
{
	(void)ctx;
	NEED(syscall(SYS_ioctl, -1, 0xffffffff00000000UL | KVM_RUN, 0) == -1 && errno == EBADF);
	NEED(syscall(SYS_ioctl, -1, KVM_RUN, 0) == -1 && errno == EBADF);
	return OK;
}

static void kvm_run_is_allowed_whatever_the_upper_half_of_the_request_is(void **state)
{
	(void)state;
	need_filters();
	assert_int_equal(vcpu_does(run_with_high_bits, NULL), OK);
}

/* ---- the process ---- */

static int sandboxed_call(void *ctx)
{
	const struct call *c = ctx;

	NEED(vm_sandbox_process(NULL) == 0);
	errno = 0;
	NEED(syscall(c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]) ==
	     -1);
	return errno;
}

static const struct call denied[] = {
	{ "execve", SYS_execve, { (unsigned long)"/bin/true" } },
	{ "execveat", SYS_execveat, { (unsigned long)AT_FDCWD, (unsigned long)"/bin/true" } },
	{ "fork", SYS_clone, { SIGCHLD } },
	{ "fork without SIGCHLD", SYS_clone, { SIGUSR1 } },
	{ "vfork", SYS_clone, { CLONE_VM | CLONE_VFORK } },
	{ "user name space", SYS_clone, { CLONE_NEWUSER } },
	{ "unshare", SYS_unshare, { CLONE_NEWUSER } },
	{ "socket", SYS_socket, { AF_UNIX, SOCK_STREAM } },
	{ "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM } },
	{ "connect", SYS_connect, { 0 } },
	{ "ptrace", SYS_ptrace, { PTRACE_TRACEME } },
	{ "process_vm_writev", SYS_process_vm_writev, { 1 } },
	{ "mount", SYS_mount, { 0 } },
	{ "bpf", SYS_bpf, { 0 } },
	{ "keyctl", SYS_keyctl, { 0 } },
	{ "io_uring_setup", SYS_io_uring_setup, { 1 } },
	{ "userfaultfd", SYS_userfaultfd, { 1 } },
	{ "finit_module", SYS_finit_module, { ~0UL } },
	{ "setuid", SYS_setuid, { 0 } },
	{ "mknod of a device",
	  SYS_mknodat,
	  { (unsigned long)AT_FDCWD, (unsigned long)"/tmp/ktstr-no-device", S_IFCHR | 0600,
	    0x103 } },
	{ "TIOCSTI", SYS_ioctl, { 0, 0x5412 } },
};

static void what_only_an_attacker_does_is_not_permitted_to_the_process(void **state)
{
	struct call clone3 = { "clone3", SYS_clone3, { 0 } };

	(void)state;
	need_filters();
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		struct call c = denied[i];
		int r = in_process(sandboxed_call, &c);

		if (r != EPERM)
			fail_msg("%s ended with %d", c.name, r);
	}
	assert_int_equal(in_process(sandboxed_call, &clone3), ENOSYS); /* "use clone()" */
}

static void *just_end(void *arg)
{
	return arg;
}

/* What a cell does after it has started its machine. @ctx: a directory. */
static int live_on(void *ctx)
{
	kt_auto(mem) char *a = kt_fmt("%s/a", (char *)ctx), *dir = kt_fmt("%s/d", (char *)ctx),
			  *b = kt_fmt("%s/d/b", (char *)ctx);
	kt_auto(buf) struct kt_buf text = { 0 };
	pthread_t t;

	NEED(vm_sandbox_process(NULL) == 0);
	NEED(kt_file_write_atomic(a, "abc", 3, 0644, NULL) == 0);
	NEED(kt_file_read(a, 10, &text, NULL) == 0 && kt_streq(kt_buf_str(&text), "abc"));
	NEED(kt_mkdir_p(dir, 0755, NULL) == 0 && rename(a, b) == 0 && unlink(b) == 0 &&
	     rmdir(dir) == 0);
	NEED(pthread_create(&t, NULL, just_end, NULL) == 0 && pthread_join(t, NULL) == 0);
	return OK;
}

static void files_and_threads_are_still_to_be_had(void **state)
{
	need_filters();
	assert_int_equal(in_process(live_on, *state), OK);
}

/* A child that was there before: QEMU. */
static int end_a_child(void *ctx)
{
	static const char *const argv[] = { "sleep", "1000", NULL };
	struct kt_proc p = KT_PROC_NONE;
	struct kt_proc_end end;

	(void)ctx;
	NEED(kt_proc_start(&(struct kt_proc_opts){ .argv = argv, .guard = true }, &p, NULL) == 0);
	NEED(vm_sandbox_process(NULL) == 0);
	kt_proc_signal(&p, SIGTERM);
	NEED(kt_proc_wait(&p, 30000, &end, NULL) == 0 && end.signalled && end.code == SIGTERM);
	return OK;
}

static void children_from_before_can_be_ended_and_reaped(void **state)
{
	(void)state;
	need_filters();
	assert_int_equal(in_process(end_a_child, NULL), OK);
}

/* As the fork snapshot does it. */
static int fork_and_read(void *ctx)
{
	volatile int here = 1;
	int seen = 0, pidfd = -1;
	struct iovec mine = { &seen, sizeof(seen) }, its = { (void *)&here, sizeof(here) };
	siginfo_t end = { 0 };
	pid_t pid;

	(void)ctx;
	NEED(vm_sandbox_process(NULL) == 0);
	pid = (pid_t)syscall(SYS_clone, CLONE_PIDFD, NULL, &pidfd, NULL, NULL);
	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	NEED(pid > 0);
	here = 2;
	NEED(process_vm_readv(pid, &mine, 1, &its, 1, 0) == sizeof(seen) && seen == 1);
	NEED(syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0);
	NEED(waitid(P_PIDFD, (id_t)pidfd, &end, WEXITED | __WALL) == 0 && end.si_status == SIGKILL);
	return OK;
}

static void a_fork_snapshot_can_be_made_read_and_ended(void **state)
{
	(void)state;
	need_filters();
	assert_int_equal(in_process(fork_and_read, NULL), OK);
}

static int look_at_itself(void *ctx)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	struct rlimit core, files;
	int fd = -1;

	(void)ctx;
	NEED(vm_sandbox_process(NULL) == 0);
	NEED(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	NEED(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
	NEED(getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max < 1000);
	for (unsigned i = 0; i < 1000; i++)
		fd = dup(STDERR_FILENO);
	NEED(fd < 0 && errno == EMFILE);
	NEED(syscall(SYS_capget, &head, data) == 0);
	NEED((data[0].permitted & ~CAP_TO_MASK(CAP_DAC_OVERRIDE)) == 0);
	NEED((data[1].permitted & ~CAP_TO_MASK(CAP_PERFMON)) == 0);
	return OK;
}

static void limits_and_capabilities_are_those_of_nobody_special(void **state)
{
	(void)state;
	need_filters();
	assert_int_equal(in_process(look_at_itself, NULL), OK);
}

static int control_a_device(void *ctx)
{
	int before = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), after, nr;

	(void)ctx;
	NEED(before >= 0 && vm_sandbox_process(NULL) == 0);
	after = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	NEED(after >= 0);
	NEED(ioctl(before, TIOCGPTN, &nr) == 0);
	NEED(ioctl(after, TIOCGPTN, &nr) == -1);
	return errno;
}

static void a_device_opened_afterwards_cannot_be_controlled(void **state)
{
	enum { LANDLOCK_VERSION = 1, ABI_IOCTL_DEV = 5 };

	(void)state;
	need_filters();
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION) < ABI_IOCTL_DEV)
		unit_require("landlock", "this kernel has none that knows of devices");
	assert_int_equal(in_process(control_a_device, NULL), EACCES);
}

/* ---- a machine in its sandbox ---- */

static int create_and_start(struct kvm_guest *g, const char *steps)
{
	NEED(kvm_guest_create(g, &(struct kvm_guest_opts){ .steps = steps }, NULL) == 0);
	NEED(vm_start(g->vm, NULL) == 0);
	return OK;
}

static int wait_for_end(struct vm *vm, enum vm_end *ret)
{
	uint64_t deadline = kt_now_ns() + KVM_GUEST_DEADLINE_NS;
	struct vm_event ev = { 0 };

	while (ev.type != VM_EV_END)
		NEED(vm_wait(vm, 1000, &ev, NULL) == 0 && kt_now_ns() < deadline);
	*ret = ev.end;
	return OK;
}

/* All that a cell does with its machine, after it has given up what it does not need. */
static int use_machine(void *ctx)
{
	kt_auto(vm_image) struct vm_image *image = NULL;
	struct vm_regs regs;
	struct kvm_guest g;
	enum vm_end end;
	uint64_t word;
	int r = create_and_start(&g, "do=say:x do=off");

	(void)ctx;
	NEED(r == OK && vm_sandbox_process(NULL) == 0);
	NEED(vm_freeze(g.vm, NULL) == 0 && vm_read_regs(g.vm, 0, &regs, NULL) == 0);
	NEED(vm_image_create(g.vm, VM_IMAGE_FORK, &image, NULL) == 0);
	vm_image_seal(image);
	NEED(vm_thaw(g.vm, NULL) == 0 && vm_image_kind(image) == VM_IMAGE_FORK);
	NEED(vm_image_read(image, (gpa_t){ VM_MIB }, &word, sizeof(word)) == 0);
	vm_image_free(kt_take(image));
	NEED(wait_for_end(g.vm, &end) == OK && end == VM_END_POWEROFF);
	kvm_guest_done(&g);
	return OK;
}

static void a_machine_runs_is_frozen_and_forked_in_its_sandbox(void **state)
{
	(void)state;
	need_filters();
	kvm_guest_need_kvm();
	assert_int_equal(in_process(use_machine, NULL), OK);
}

/* What a guest that has taken over a vCPU's thread would do. */
static void look_for_secrets(int sig)
{
	(void)sig;
	(void)open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int take_over_vcpu(void *ctx)
{
	struct kvm_guest g;
	enum vm_end end;
	int r = create_and_start(&g, "do=spin");
	pid_t tid;

	(void)ctx;
	NEED(r == OK && signal(SIGTRAP, look_for_secrets) != SIG_ERR);
	tid = ((struct kvm_machine *)g.vm->machine)->vcpu[0].tid;
	/* It may not have come so far as to have said who it is. */
	for (uint64_t deadline = kt_now_ns() + KVM_GUEST_DEADLINE_NS;
	     tid == 0 && kt_now_ns() < deadline; sched_yield())
		tid = ((struct kvm_machine *)g.vm->machine)->vcpu[0].tid;
	NEED(vm_freeze(g.vm, NULL) == 0); /* now it is surely in its loop */
	NEED(vm_thaw(g.vm, NULL) == 0 && tgkill(getpid(), tid, SIGTRAP) == 0);
	NEED(wait_for_end(g.vm, &end) == OK);
	return WRONG;
}

static void the_thread_of_a_machines_vcpu_finds_nothing(void **state)
{
	(void)state;
	need_filters();
	kvm_guest_need_kvm();
	assert_int_equal(in_process(take_over_vcpu, NULL), -SIGSYS);
}

/* ---- without ---- */

static int refuse_seccomp(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int r = f ? seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(seccomp), 0) : -ENOMEM;

	return r < 0 ? r : seccomp_load(f);
}

static int without_seccomp(void *ctx)
{
	static const char want[] =
		"filter system calls (seccomp); KTSTR_NO_SANDBOX=1 runs without the "
		"sandbox: Function not implemented";
	struct kt_err e = { 0 };

	(void)ctx;
	NEED(refuse_seccomp() == 0);
	NEED(kvm_sandbox_vcpu(&e) == -ENOSYS && e.kind == KT_E_HOST);
	NEED(kt_streq(unit_err_text(&e), want));
	NEED(vm_sandbox_process(&e) == -ENOSYS && e.kind == KT_E_HOST);
	NEED(kt_streq(unit_err_text(&e), want));
	return OK;
}

static void a_kernel_without_filters_is_an_error_that_says_how_to_do_without(void **state)
{
	(void)state;
	need_filters();
	assert_int_equal(in_process(without_seccomp, NULL), OK);
}

static int switched_off(void *ctx)
{
	(void)ctx;
	setenv("KTSTR_NO_SANDBOX", "1", 1);
	NEED(kvm_sandbox_vcpu(NULL) == 0 && vm_sandbox_process(NULL) == 0);
	NEED(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	NEED(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0);
	return OK;
}

static void the_sandbox_can_be_switched_off(void **state)
{
	(void)state;
	assert_int_equal(in_process(switched_off, NULL), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vcpu_thread_can_lock_allocate_log_be_kicked_and_end),
		cmocka_unit_test(a_vcpu_thread_that_aborts_ends_the_process_by_sigabrt),
		cmocka_unit_test(
			all_vcpu_threads_get_the_filter_and_so_does_a_process_made_afterwards),
		cmocka_unit_test(anything_else_on_a_vcpu_thread_ends_the_process_by_sigsys),
		cmocka_unit_test(kvm_run_is_allowed_whatever_the_upper_half_of_the_request_is),
		cmocka_unit_test(what_only_an_attacker_does_is_not_permitted_to_the_process),
		cmocka_unit_test(files_and_threads_are_still_to_be_had),
		cmocka_unit_test(children_from_before_can_be_ended_and_reaped),
		cmocka_unit_test(a_fork_snapshot_can_be_made_read_and_ended),
		cmocka_unit_test(limits_and_capabilities_are_those_of_nobody_special),
		cmocka_unit_test(a_device_opened_afterwards_cannot_be_controlled),
		cmocka_unit_test(a_machine_runs_is_frozen_and_forked_in_its_sandbox),
		cmocka_unit_test(the_thread_of_a_machines_vcpu_finds_nothing),
		cmocka_unit_test(a_kernel_without_filters_is_an_error_that_says_how_to_do_without),
		cmocka_unit_test(the_sandbox_can_be_switched_off),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
