/* SPDX-License-Identifier: GPL-2.0-only */
/* Images of guest memory: recordings and forks are of one moment, read alike, and leave nothing behind. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "vmm/image.h"

enum { PAGE = VM_IMAGE_PAGE, WAIT_MS = 20000, NOBODY = 65534 };
/* Two nodes, a hole at 640 KiB, and another up to 4 GiB. */
#define LOW_END (8 * VM_MIB)
#define HIGH VM_HIGH_RAM_GPA
#define HIGH_END (HIGH + 8 * VM_MIB)

static struct vm_layout layout(void)
{
	return (struct vm_layout){
		.nr_nodes = 2,
		.node_bytes = { 8 * VM_MIB, 8 * VM_MIB },
		.total_bytes = 16 * VM_MIB,
		.low_bytes = 8 * VM_MIB,
		.nr_pieces = 3,
		.piece = {
			{ .gpa = { 0 }, .len = VM_BASE_RAM_END },
			{ .gpa = { VM_MIB }, .len = LOW_END - VM_MIB, .offset = VM_MIB },
			{ .gpa = { HIGH }, .len = 8 * VM_MIB, .node = 1 },
		},
	};
}

/* A machine of RAM alone: nothing here asks for more. */
static struct vm ram(enum vm_ram_kind kind)
{
	struct vm_layout l = layout();
	struct kt_err e = { 0 };
	struct vm vm = { 0 };

	if (vm_ram_map(&l, kind, &vm.memory, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	return vm;
}

static struct vm_image *image(struct vm *vm, enum vm_image_kind kind)
{
	struct vm_image *i = NULL;
	struct kt_err e = { 0 };

	if (vm_image_create(vm, kind, &i, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	return i;
}

static struct vm_image *forked(struct vm *vm)
{
	struct vm_image *i = image(vm, VM_IMAGE_FORK);

	assert_string_equal(vm_image_why(i), "");
	assert_int_equal(vm_image_kind(i), VM_IMAGE_FORK);
	return i;
}

static void put(struct vm *vm, uint64_t gpa, uint64_t v)
{
	assert_int_equal(vm_write_gpa(vm, (gpa_t){ gpa }, &v, sizeof(v)), 0);
}

static uint64_t get(struct vm_image *i, uint64_t gpa)
{
	uint64_t v = 0;

	assert_int_equal(vm_image_read(i, (gpa_t){ gpa }, &v, sizeof(v)), 0);
	return v;
}

static int try_read(struct vm_image *i, uint64_t gpa, size_t len)
{
	uint8_t buf[64];
	int r;

	assert_true(len <= sizeof(buf));
	memset(buf, 0x5a, sizeof(buf));
	r = vm_image_read(i, (gpa_t){ gpa }, buf, len);
	for (size_t at = 0; r < 0 && at < sizeof(buf); at++)
		assert_int_equal(buf[at], 0x5a);
	return r;
}

/* ---- recordings ---- */

static void what_a_recording_has_read_stays_as_it_was(void **state)
{
	struct vm vm = ram(VM_RAM_SHARED);
	struct vm_image *i = image(&vm, VM_IMAGE_RECORD);

	(void)state;
	assert_string_equal(vm_image_why(i), "");
	put(&vm, 0x3000, 1);
	put(&vm, 0x3ff8, 2);
	put(&vm, HIGH, 3);
	assert_int_equal(get(i, 0x3000), 1);
	assert_int_equal(get(i, HIGH), 3);
	put(&vm, 0x3000, 10);
	put(&vm, 0x3ff8, 20);
	put(&vm, HIGH, 30);
	assert_int_equal(get(i, 0x3000), 1);
	assert_int_equal(get(i, 0x3ff8), 2); /* of the same page, and so of the same moment */
	assert_int_equal(get(i, HIGH), 3);
	assert_int_equal(vm_image_bytes(i), 2 * PAGE);
	vm_image_free(i);
	vm_ram_unmap(&vm.memory);
}

static void a_sealed_recording_reads_what_it_has_and_nothing_else(void **state)
{
	struct vm vm = ram(VM_RAM_PRIVATE);
	struct vm_image *i = image(&vm, VM_IMAGE_RECORD);

	(void)state;
	put(&vm, 0x1ffc, 0x1122334455667788); /* over the end of a page */
	assert_int_equal(get(i, 0x1ffc), 0x1122334455667788);
	vm_image_seal(i);
	assert_int_equal(get(i, 0x1ffc), 0x1122334455667788);
	assert_int_equal(try_read(i, 0x1000, 64), 0);
	assert_int_equal(try_read(i, 0x3000, 1), -ENODATA);
	assert_int_equal(try_read(i, 0x2fff, 2), -ENODATA); /* half of it is there */
	assert_int_equal(try_read(i, VM_BASE_RAM_END, 1), -EFAULT);
	assert_int_equal(vm_image_bytes(i), 2 * PAGE);
	vm_image_free(i);
	vm_ram_unmap(&vm.memory);
}

static void check_outside(struct vm_image *i)
{
	assert_int_equal(try_read(i, VM_BASE_RAM_END - 1, 1), 0);
	assert_int_equal(try_read(i, VM_BASE_RAM_END - 1, 2), -EFAULT);
	assert_int_equal(try_read(i, VM_BASE_RAM_END, 1), -EFAULT);
	assert_int_equal(try_read(i, VM_MIB - 1, 1), -EFAULT);
	assert_int_equal(try_read(i, VM_MIB, 1), 0);
	assert_int_equal(try_read(i, LOW_END - 8, 8), 0);
	assert_int_equal(try_read(i, LOW_END - 8, 9), -EFAULT);
	assert_int_equal(try_read(i, HIGH - 1, 2), -EFAULT);
	assert_int_equal(try_read(i, HIGH_END - 64, 64), 0);
	assert_int_equal(try_read(i, HIGH_END, 1), -EFAULT);
	assert_int_equal(try_read(i, UINT64_MAX, 1), -EFAULT);
	assert_int_equal(try_read(i, UINT64_MAX - 3, 64), -EFAULT);
	assert_int_equal(try_read(i, 0, 0), 0);
}

static void what_is_outside_is_refused_and_nothing_is_copied(void **state)
{
	struct vm vm = ram(VM_RAM_PRIVATE);
	struct vm_image *record = image(&vm, VM_IMAGE_RECORD), *fork = forked(&vm);

	(void)state;
	check_outside(record);
	assert_int_equal(vm_image_bytes(record), 4 * PAGE); /* nothing is kept of a refused range */
	check_outside(fork);
	vm_image_free(record);
	vm_image_free(fork);
	vm_ram_unmap(&vm.memory);
}

/* All that there is: as it was, whatever the machine does since, and what it never wrote to is neither kept nor made. */
static void check_all_kept(struct vm *vm, enum vm_image_kind kind)
{
	struct vm_image *i = image(vm, kind);
	struct vm_ram ram = { 0 };
	struct stat st = { 0 };
	blkcnt_t blocks = 0;
	int fd = vm->memory.fd[0];

	put(vm, 0x3000, 1);
	put(vm, LOW_END - 8, 2);
	put(vm, HIGH + 5 * PAGE, 3);
	put(vm, HIGH + 6 * PAGE, 0);
	if (fd >= 0 && fstat(fd, &st) == 0)
		blocks = st.st_blocks;
	vm_image_free(i);
	i = image(vm, kind);
	assert_int_equal(vm_image_kind(i), kind);
	assert_int_equal(get(i, 0x3000), 1);
	assert_false(vm_image_whole(i, 0, &ram));
	assert_int_equal(vm_image_keep_all(i, vm), 0);
	vm_image_seal(i);
	put(vm, 0x3000, 10);
	put(vm, HIGH + 7 * PAGE, 40);
	assert_int_equal(get(i, 0x3000), 1);
	assert_int_equal(get(i, LOW_END - 8), 2);
	assert_int_equal(get(i, HIGH + 5 * PAGE), 3);
	assert_int_equal(get(i, HIGH + 7 * PAGE), 0);
	assert_int_equal(get(i, 0x5000), 0);
	assert_int_equal(try_read(i, VM_BASE_RAM_END, 1), -EFAULT);
	assert_int_equal(vm_image_bytes(i), 3 * PAGE);
	assert_true(vm_image_whole(i, 2, &ram));
	assert_int_equal(ram.gpa.v, HIGH);
	assert_int_equal(ram.len, 8 * VM_MIB);
	assert_false(vm_image_whole(i, 3, &ram));
	if (fd >= 0)
		assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_blocks,
			 blocks); /* what the guest never touched is no memory of ours */
	vm_image_free(i);
}

static void all_of_memory_can_be_kept(void **state)
{
	static const enum vm_ram_kind rams[] = { VM_RAM_SHARED, VM_RAM_PRIVATE, VM_RAM_PRIVATE };
	static const enum vm_image_kind kinds[] = { VM_IMAGE_RECORD, VM_IMAGE_RECORD,
						    VM_IMAGE_FORK };

	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		struct vm vm = ram(rams[k]);

		check_all_kept(&vm, kinds[k]);
		vm_ram_unmap(&vm.memory);
	}
}

static void a_sealed_recording_cannot_be_made_whole(void **state)
{
	struct vm vm = ram(VM_RAM_PRIVATE);
	struct vm_image *i = image(&vm, VM_IMAGE_RECORD);

	(void)state;
	vm_image_seal(i);
	assert_int_equal(vm_image_keep_all(i, &vm), -EINVAL);
	assert_int_equal(try_read(i, 0, 1), -ENODATA);
	vm_image_free(i);
	vm_ram_unmap(&vm.memory);
}

static void every_page_of_a_large_machine_is_kept_once(void **state)
{
	struct vm vm = ram(VM_RAM_PRIVATE);
	struct vm_image *i = image(&vm, VM_IMAGE_RECORD);
	uint64_t pages = (LOW_END - VM_MIB) / PAGE;

	(void)state;
	for (uint64_t n = 0; n < pages; n++)
		put(&vm, VM_MIB + n * PAGE + 16, n * 7 + 1);
	/* In an order that jumps: 37 and the number of pages have no common divisor. */
	for (uint64_t n = 0; n < pages; n++)
		assert_int_equal(get(i, VM_MIB + n * 37 % pages * PAGE + 16),
				 n * 37 % pages * 7 + 1);
	vm_image_seal(i);
	assert_int_equal(vm_image_bytes(i), pages * PAGE);
	for (uint64_t n = 0; n < pages; n++)
		put(&vm, VM_MIB + n * PAGE + 16, 0);
	for (uint64_t n = 0; n < pages; n++)
		assert_int_equal(get(i, VM_MIB + n * PAGE + 16), n * 7 + 1);
	assert_int_equal(vm_image_bytes(i), pages * PAGE);
	vm_image_free(i);
	vm_ram_unmap(&vm.memory);
}

/* ---- forks ---- */

static void a_fork_reads_all_as_it_was_after_the_machine_went_on(void **state)
{
	struct vm vm = ram(VM_RAM_PRIVATE);
	struct vm_image *i;

	(void)state;
	put(&vm, 0x3000, 1);
	put(&vm, HIGH_END - 8, 2);
	i = forked(&vm);
	vm_image_seal(i);
	put(&vm, 0x3000, 10);
	put(&vm, 0x5000, 11);
	put(&vm, HIGH_END - 8, 20);
	assert_int_equal(get(i, 0x3000), 1);
	assert_int_equal(get(i, 0x5000), 0);
	assert_int_equal(get(i, HIGH_END - 8), 2);
	assert_int_equal(get(i, 0x3000), 1);
	vm_image_free(i);
	vm_ram_unmap(&vm.memory);
}

static void a_fork_whose_process_is_gone_says_so(void **state)
{
	struct vm vm = ram(VM_RAM_PRIVATE);
	struct vm_image *i = forked(&vm);
	struct pollfd p = { .fd = i->child.pidfd, .events = POLLIN };

	(void)state;
	assert_int_equal(get(i, 0x3000), 0);
	assert_int_equal(kill(i->child.pid, SIGKILL), 0);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(get(i, 0x3000), 0);
	assert_int_equal(try_read(i, 0x4000, 8), -ESRCH);
	assert_int_equal(vm_image_bytes(i), PAGE);
	vm_image_free(i);
	vm_ram_unmap(&vm.memory);
}

static void the_freed_image_leaves_no_process(void **state)
{
	struct vm vm = ram(VM_RAM_PRIVATE);
	struct vm_image *i = forked(&vm);
	pid_t pid = i->child.pid;
	int status;

	(void)state;
	/* Who waits for any child of this process does not get that one. */
	assert_int_equal(waitpid(-1, &status, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(kill(pid, 0), 0);
	vm_image_free(i);
	assert_int_equal(waitpid(pid, &status, __WALL | WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	vm_ram_unmap(&vm.memory);
}

static volatile sig_atomic_t handled;
static void on_signal(int sig)
{
	(void)sig;
	handled++;
}

static void our_signals_reach_neither_our_handlers_there_nor_end_it(void **state)
{
	const struct sigaction ours = { .sa_handler = on_signal };
	struct vm vm = ram(VM_RAM_PRIVATE);
	struct sigaction before;
	struct vm_image *i;

	(void)state;
	handled = 0;
	assert_int_equal(sigaction(SIGTERM, &ours, &before), 0);
	put(&vm, 0x3000, 7);
	i = forked(&vm);
	assert_int_equal(kill(i->child.pid, SIGTERM), 0);
	assert_int_equal(get(i, 0x3000), 7);
	assert_int_equal(handled, 0);
	assert_int_equal(raise(SIGTERM), 0); /* here they are let through as before */
	assert_int_equal(handled, 1);
	vm_image_free(i);
	assert_int_equal(sigaction(SIGTERM, &before, NULL), 0);
	vm_ram_unmap(&vm.memory);
}

/* Until @done or the deadline. */
static bool wait_until(bool (*done)(const void *ctx), const void *ctx)
{
	uint64_t end = kt_now_ns() + WAIT_MS * UINT64_C(1000000);

	while (!done(ctx)) {
		if (kt_now_ns() > end)
			return false;
		(void)poll(NULL, 0, 5);
	}
	return true;
}

static bool is_gone(const void *pid)
{
	return kill(*(const pid_t *)pid, 0) < 0;
}

static bool has_no_descriptors(const void *dir)
{
	return unit_nr_entries(dir) == 0;
}

static void the_process_holds_none_of_our_descriptors(void **state)
{
	struct vm vm = ram(VM_RAM_PRIVATE);
	struct vm_image *i = forked(&vm);
	kt_auto(mem) char *dir = kt_fmt("/proc/%d/fd", i->child.pid);

	(void)state;
	assert_true(wait_until(has_no_descriptors, dir));
	vm_image_free(i);
	vm_ram_unmap(&vm.memory);
}

/* An owner in a process of its own; tells the holder's pid, and stays until it is killed. */
static _Noreturn void own_an_image(int fd)
{
	struct vm vm = ram(VM_RAM_PRIVATE);
	struct vm_image *i = NULL;

	if (vm_image_create(&vm, VM_IMAGE_FORK, &i, NULL) < 0 || i->child.pidfd < 0)
		_exit(1);
	if (write(fd, &i->child.pid, sizeof(pid_t)) != sizeof(pid_t))
		_exit(1);
	for (;;)
		pause();
}

static void kill_9_of_the_owner_ends_the_holder(void **state)
{
	int pipefd[2], status;
	pid_t owner, holder;

	(void)state;
	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	owner = fork();
	if (owner == 0)
		own_an_image(pipefd[1]);
	close(pipefd[1]);
	assert_int_equal(read(pipefd[0], &holder, sizeof(holder)), sizeof(holder));
	assert_int_equal(kill(holder, 0), 0);
	assert_int_equal(kill(owner, SIGKILL), 0);
	assert_int_equal(waitpid(owner, &status, 0), owner);
	assert_true(wait_until(is_gone, &holder));
	close(pipefd[0]);
}

/* ---- forks that cannot be ---- */

static void check_falls_back(struct vm *vm, const char *why)
{
	struct vm_image *i = image(vm, VM_IMAGE_FORK);

	assert_int_equal(vm_image_kind(i), VM_IMAGE_RECORD);
	assert_string_equal(vm_image_why(i), why);
	assert_int_equal(i->child.pidfd, -1);
	put(vm, 0x3000, 4);
	assert_int_equal(get(i, 0x3000), 4);
	vm_image_seal(i);
	put(vm, 0x3000, 5);
	assert_int_equal(get(i, 0x3000), 4);
	assert_int_equal(try_read(i, 0x4000, 1), -ENODATA);
	vm_image_free(i);
}

static void shared_and_pooled_memory_are_recorded_instead(void **state)
{
	struct vm vm = ram(VM_RAM_SHARED);

	(void)state;
	check_falls_back(&vm, "recording instead of a fork: guest memory is shared with the "
			      "emulator, a copy would change with it");
	assert_int_equal(vm_image_prefer(&vm, UINT64_C(1) << 40), VM_IMAGE_RECORD);
	/* The kind alone decides: pages of the pool are not to be had everywhere. */
	vm.memory.kind = VM_RAM_HUGETLB;
	check_falls_back(&vm, "recording instead of a fork: guest memory is of the host's pool of "
			      "huge pages, which may have none for copies");
	assert_int_equal(vm_image_prefer(&vm, UINT64_C(1) << 40), VM_IMAGE_RECORD);
	vm_ram_unmap(&vm.memory);
}

static void short_walks_are_recorded_and_long_ones_forked(void **state)
{
	struct vm vm = ram(VM_RAM_PRIVATE);
	enum vm_image_kind last = VM_IMAGE_RECORD;
	unsigned changes = 0;

	(void)state;
	for (uint64_t bytes = 1; bytes; bytes <<= 1) {
		enum vm_image_kind kind = vm_image_prefer(&vm, bytes);

		changes += kind != last;
		last = kind;
	}
	assert_int_equal(changes, 1);
	assert_int_equal(last, VM_IMAGE_FORK);
	assert_int_equal(vm_image_prefer(&vm, VM_MIB), VM_IMAGE_RECORD);
	vm_ram_unmap(&vm.memory);
}

/*
 * In a process of its own, as a user without privileges. Assertions do not work there: its status tells.
 */
static _Noreturn void fork_as_nobody(rlim_t processes, const char *why)
{
	const struct rlimit limit = { processes, processes };
	struct vm vm = ram(VM_RAM_PRIVATE);
	struct vm_image *i = NULL;
	uint64_t v = 4, got = 0;

	if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
		_exit(2);
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_NPROC, &limit) < 0)
		_exit(3);
	if (vm_image_create(&vm, VM_IMAGE_FORK, &i, NULL) < 0)
		_exit(4);
	if (vm_image_kind(i) != VM_IMAGE_RECORD || !kt_streq(vm_image_why(i), why))
		_exit(5);
	if (vm_write_gpa(&vm, (gpa_t){ 0x3000 }, &v, sizeof(v)) < 0 ||
	    vm_image_read(i, (gpa_t){ 0x3000 }, &got, sizeof(got)) < 0 || got != v)
		_exit(6);
	vm_image_free(i);
	_exit(waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD ? 0 : 7);
}

static void check_as_nobody(rlim_t processes, const char *why)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		fork_as_nobody(processes, why);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_fork_over_the_limit_of_processes_is_recorded_instead(void **state)
{
	(void)state;
	check_as_nobody(1, "recording instead of a fork: Resource temporarily unavailable");
}

static void a_child_that_may_not_be_read_is_recorded_instead(void **state)
{
	struct rlimit now;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NPROC, &now), 0);
	check_as_nobody(now.rlim_cur,
			"recording instead of a fork: this process may not read its child "
			"(kernel.yama.ptrace_scope, or a sandbox)");
}

/* ---- in the sandbox ---- */

static _Noreturn void fork_in_the_sandbox(void)
{
	struct vm vm = ram(VM_RAM_PRIVATE);
	struct vm_image *i = NULL;
	uint64_t v = 4, got = 0;

	if (vm_sandbox_process(NULL) < 0)
		_exit(2);
	if (vm_write_gpa(&vm, (gpa_t){ 0x3000 }, &v, sizeof(v)) < 0 ||
	    vm_image_create(&vm, VM_IMAGE_FORK, &i, NULL) < 0)
		_exit(3);
	if (vm_image_kind(i) != VM_IMAGE_FORK)
		_exit(4);
	v = 5;
	if (vm_write_gpa(&vm, (gpa_t){ 0x3000 }, &v, sizeof(v)) < 0 ||
	    vm_image_read(i, (gpa_t){ 0x3000 }, &got, sizeof(got)) < 0 || got != 4)
		_exit(5);
	vm_image_free(i);
	_exit(waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD ? 0 : 6);
}

static void a_fork_works_in_the_sandbox(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		fork_in_the_sandbox();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- both ---- */

struct writer {
	struct vm *vm;
	atomic_bool stop;
	atomic_bool failed;
	atomic_uint rounds;
	unsigned want; /* rounds */
	pthread_mutex_t freeze;
};

static void write_both(struct writer *w, uint64_t gpa, uint64_t v)
{
	pthread_mutex_lock(&w->freeze);
	if (vm_write_gpa(w->vm, (gpa_t){ gpa }, &v, sizeof(v)) < 0 ||
	    vm_write_gpa(w->vm, (gpa_t){ HIGH + gpa - VM_MIB }, &v, sizeof(v)) < 0)
		atomic_store(&w->failed, true); /* no assertions on this thread */
	pthread_mutex_unlock(&w->freeze);
}

/* What a guest does: all of memory changes all the time. */
static void *write_all_the_time(void *ctx)
{
	struct writer *w = ctx;

	for (uint64_t round = 1; !atomic_load(&w->stop); round++) {
		for (uint64_t gpa = VM_MIB; gpa < LOW_END; gpa += 1024)
			write_both(w, gpa, round << 32 | gpa);
		atomic_fetch_add(&w->rounds, 1);
	}
	return NULL;
}

static bool has_written(const void *ctx)
{
	const struct writer *w = ctx;

	return atomic_load(&w->rounds) >= w->want;
}

/* The same reads of both, in lengths that have nothing to do with pages. */
static void check_same(struct vm_image *a, struct vm_image *b)
{
	static uint8_t from_a[3 * PAGE], from_b[3 * PAGE];

	for (uint64_t gpa = VM_MIB, len = 1; gpa + len <= LOW_END; gpa += len) {
		len = len * 5 % 12289 + 1;
		if (gpa + len > LOW_END)
			break;
		assert_int_equal(vm_image_read(a, (gpa_t){ gpa }, from_a, len), 0);
		assert_int_equal(vm_image_read(b, (gpa_t){ gpa }, from_b, len), 0);
		assert_memory_equal(from_a, from_b, len);
		assert_int_equal(vm_image_read(a, (gpa_t){ HIGH + gpa - VM_MIB }, from_a, len), 0);
		assert_int_equal(vm_image_read(b, (gpa_t){ HIGH + gpa - VM_MIB }, from_b, len), 0);
		assert_memory_equal(from_a, from_b, len);
	}
}

/* Read all that the writer writes, and nothing of the rest. */
static void walk(struct vm_image *i)
{
	static uint8_t buf[VM_MIB];

	for (uint64_t gpa = VM_MIB; gpa < LOW_END; gpa += VM_MIB) {
		assert_int_equal(vm_image_read(i, (gpa_t){ gpa }, buf, sizeof(buf)), 0);
		assert_int_equal(vm_image_read(i, (gpa_t){ HIGH + gpa - VM_MIB }, buf, sizeof(buf)),
				 0);
	}
}

static void both_kinds_of_one_freeze_read_alike_while_all_is_written(void **state)
{
	struct vm vm = ram(VM_RAM_PRIVATE);
	struct writer w = { .vm = &vm, .freeze = PTHREAD_MUTEX_INITIALIZER };
	struct vm_image *record, *fork;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, write_all_the_time, &w), 0);
	for (int turn = 0; turn < 3; turn++) {
		pthread_mutex_lock(&w.freeze);
		record = image(&vm, VM_IMAGE_RECORD);
		fork = forked(&vm);
		walk(record);
		vm_image_seal(record);
		vm_image_seal(fork);
		w.want = atomic_load(&w.rounds) + 2; /* one that began after this, whole */
		pthread_mutex_unlock(&w.freeze);
		assert_true(wait_until(has_written, &w));
		check_same(record, fork);
		vm_image_free(record);
		vm_image_free(fork);
	}
	atomic_store(&w.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(atomic_load(&w.failed));
	vm_ram_unmap(&vm.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_recording_has_read_stays_as_it_was),
		cmocka_unit_test(a_sealed_recording_reads_what_it_has_and_nothing_else),
		cmocka_unit_test(what_is_outside_is_refused_and_nothing_is_copied),
		cmocka_unit_test(all_of_memory_can_be_kept),
		cmocka_unit_test(a_sealed_recording_cannot_be_made_whole),
		cmocka_unit_test(every_page_of_a_large_machine_is_kept_once),
		cmocka_unit_test(a_fork_reads_all_as_it_was_after_the_machine_went_on),
		cmocka_unit_test(a_fork_whose_process_is_gone_says_so),
		cmocka_unit_test(the_freed_image_leaves_no_process),
		cmocka_unit_test(our_signals_reach_neither_our_handlers_there_nor_end_it),
		cmocka_unit_test(the_process_holds_none_of_our_descriptors),
		cmocka_unit_test(kill_9_of_the_owner_ends_the_holder),
		cmocka_unit_test(shared_and_pooled_memory_are_recorded_instead),
		cmocka_unit_test(short_walks_are_recorded_and_long_ones_forked),
		cmocka_unit_test(a_fork_over_the_limit_of_processes_is_recorded_instead),
		cmocka_unit_test(a_child_that_may_not_be_read_is_recorded_instead),
		cmocka_unit_test(a_fork_works_in_the_sandbox),
		cmocka_unit_test(both_kinds_of_one_freeze_read_alike_while_all_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
