/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Machines on a real kernel, with a small PID 1 of ours (tests/data/machine_guest.c).
 * KTSTR_TEST_KERNEL names the bzImage, KTSTR_TEST_VMLINUX its vmlinux (optional), KTSTR_TEST_ACCEL the accelerator
 * (tcg, or kvm: tests/kvm/machines.bats), KTSTR_TEST_GUEST that PID 1 where there is no compiler; without a kernel, the
 * accelerator or a guest these tests are skipped.
 */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"
#include "base/str.h"
#include "vmm/vmm.h"

#define GUEST_SOURCE "tests/data/machine_guest.c"
#define DEADLINE_NS (UINT64_C(180) * 1000000000)
enum {
	COMPILE_MS = 120000,
	PATTERN = 0xa0,
	REPAINTED = 0xb0,
	FREEZE_MS = 3000,
	SLACK_MS = 500,
	FLOOD_BYTES = 64 << 10, /* as the guest has it */
	FLOODS = 16,
};

static struct {
	char *dir;
	enum vm_accel wanted;
	struct vm_accel_choice accel;
	char *initrd;
	const char *kernel, *vmlinux;
} env;

/* ---- one machine under test ---- */

struct rig {
	struct vm *vm;
	struct kt_buf console, text; /* text: one line a frame, "TYPE payload" */
	unsigned bad_crc, broken, watches, watch_id;
	bool ended;
	enum vm_end end;
	char end_text[512];
};

static void rig_done(struct rig *r)
{
	vm_free(r->vm);
	kt_buf_done(&r->console);
	kt_buf_done(&r->text);
}

static void take(struct rig *r, const struct vm_event *ev)
{
	switch (ev->type) {
	case VM_EV_NONE:
		break;
	case VM_EV_CONSOLE:
		kt_buf_add_printable(&r->console, ev->data, ev->len);
		break;
	case VM_EV_FRAME:
		r->bad_crc += !ev->frame.crc_ok;
		kt_buf_addf(&r->text, "%c%c%c%c ", ev->frame.type >> 24,
			    ev->frame.type >> 16 & 0xff, ev->frame.type >> 8 & 0xff,
			    ev->frame.type & 0xff);
		kt_buf_add_printable(&r->text, ev->data, ev->len);
		kt_buf_addc(&r->text, '\n');
		break;
	case VM_EV_RING_BROKEN:
		r->broken++;
		break;
	case VM_EV_WATCH:
		r->watches++;
		r->watch_id = ev->watch_id;
		break;
	case VM_EV_END:
		r->ended = true;
		r->end = ev->end;
		(void)kt_snprintf(r->end_text, sizeof(r->end_text), "%s", ev->text);
		break;
	}
}

/* cmocka cuts a long message. */
static void fail_with(const struct rig *r, const char *what, const struct kt_err *e)
{
	fprintf(stderr, "frames:\n%s\nconsole:\n%s\n", kt_buf_str(&r->text),
		kt_buf_str(&r->console));
	fail_msg("%s: %s; end: %s", what, e->nr_frames ? unit_err_text(e) : "no error",
		 r->end_text);
}

/* One event, found the way the driver does: poll, then wait without waiting. */
static enum vm_event_type step(struct rig *r)
{
	struct pollfd p = { .fd = vm_poll_fd(r->vm), .events = POLLIN };
	struct kt_err e = { 0 };
	struct vm_event ev;

	(void)poll(&p, 1, 1000);
	if (vm_wait(r->vm, 0, &ev, &e) < 0)
		fail_with(r, "vm_wait", &e);
	take(r, &ev);
	return ev.type;
}

static void until_text(struct rig *r, const char *word)
{
	uint64_t deadline = kt_now_ns() + DEADLINE_NS;
	struct kt_err e = { 0 };

	while (!strstr(kt_buf_str(&r->text), word)) {
		(void)step(r);
		if (r->ended || kt_now_ns() > deadline)
			fail_with(r, word, &e);
	}
}

static void until_end(struct rig *r)
{
	uint64_t deadline = kt_now_ns() + DEADLINE_NS;
	struct kt_err e = { 0 };
	struct vm_event ev;

	while (!r->ended) {
		(void)step(r);
		if (kt_now_ns() > deadline)
			fail_with(r, "no end", &e);
	}
	assert_int_equal(vm_wait(r->vm, 0, &ev, &e), 0);
	assert_int_equal(ev.type, VM_EV_NONE);
	assert_int_equal(vm_ring_bell(r->vm, GST_BELL_STOP), -ENOTCONN);
}

static void expect_end(const struct rig *r, enum vm_end end, const char *text)
{
	struct kt_err e = { 0 };

	if (r->end != end || strcmp(r->end_text, text) != 0)
		fail_with(r, text, &e);
}

struct shape {
	struct kt_topology topology;
	uint64_t memory_mib;
	enum vm_clock clock;
	const char *cmdline;
	bool bzimage; /* even where there is a vmlinux */
};

static struct vm_config config_of(const struct shape *s)
{
	return (struct vm_config){
		.accel = &env.accel,
		.topology = &s->topology,
		.memory_bytes = s->memory_mib << 20,
		.kernel = env.kernel,
		.vmlinux = s->bzimage ? NULL : env.vmlinux,
		.initrd_base = env.initrd,
		.cmdline = s->cmdline,
		.clock = s->clock,
		.log_dir = env.dir,
	};
}

static void require_machines(void)
{
	if (env.initrd)
		return;
	if (env.wanted == VM_ACCEL_KVM)
		unit_require("nested-kvm",
			     "no KTSTR_TEST_KERNEL, no KVM that runs one, or no guest");
	unit_require("tcg", "no KTSTR_TEST_KERNEL, QEMU or compiler");
}

static void boot(struct rig *r, const struct shape *s)
{
	static const char word[] = "from the extra archive\n";
	const struct vm_initrd_file extra = { .guest_path = "/ktstr/extra",
					      .data = word,
					      .len = strlen(word) };
	struct vm_config c = config_of(s);
	struct kt_buf cpio = { 0 };
	struct kt_err e = { 0 };

	require_machines();
	assert_int_equal(vm_initramfs_build(&extra, 1, &cpio, &e), 0);
	c.initrd_extra = cpio.data;
	c.initrd_extra_len = cpio.len;
	if (vm_create(&c, &r->vm, &e) < 0 || vm_start(r->vm, &e) < 0)
		fail_with(r, "start", &e);
	kt_buf_done(&cpio);
}

static void bell(struct rig *r, char c)
{
	assert_int_equal(vm_ring_bell(r->vm, c), 0);
}

static void power_off(struct rig *r)
{
	bell(r, GST_BELL_STOP);
	until_end(r);
	expect_end(r, VM_END_POWEROFF, "the guest powered off");
	assert_non_null(strstr(kt_buf_str(&r->text), "EXIT bye!\n"));
	assert_int_equal(r->bad_crc, 0);
	assert_int_equal(r->broken, 0);
}

/* ---- tests ---- */

static const struct shape three_nodes = {
	.topology = { .nr_nodes = 3,
		      .nr_llcs = 3,
		      .cores = 1,
		      .threads = 1,
		      .node = { { .llcs = 2, .memory_bytes = UINT64_C(1) << 30 },
				{ .llcs = 1, .memory_bytes = UINT64_C(1) << 30, .latency_ns = 100 },
				{ .llcs = 0,
				  .memory_bytes = UINT64_C(3) << 30,
				  .latency_ns = 300,
				  .bandwidth_mbs = 5000 } } },
	.memory_mib = 5 << 10,
};

static uint64_t page_gpa(struct rig *r, unsigned node)
{
	unsigned long long gpa = 0;
	const char *at;
	char word[32];

	(void)kt_snprintf(word, sizeof(word), "SOUT page %u 0x", node);
	at = strstr(kt_buf_str(&r->text), word);
	assert_non_null(at);
	assert_int_equal(sscanf(at + strlen(word) - 2, "0x%llx", &gpa), 1);
	return gpa;
}

static void check_page(struct rig *r, unsigned node)
{
	unsigned long long gpa = page_gpa(r, node);
	const struct vm_ram *ram;
	uint8_t byte[2];
	size_t nr;
	bool in_node = false;

	assert_int_equal(vm_read_gpa(r->vm, (gpa_t){ gpa + 4094 }, byte, 2), 0);
	assert_int_equal(byte[0], PATTERN + node);
	assert_int_equal(byte[1], PATTERN + node);
	nr = vm_ram_pieces(r->vm, &ram);
	for (size_t i = 0; i < nr; i++)
		in_node |= ram[i].node == node && ram[i].gpa.v <= gpa &&
			   gpa < ram[i].gpa.v + ram[i].len;
	if (!in_node)
		fail_msg("0x%llx is not in node %u:\n%s%s", gpa, node, kt_buf_str(&r->text),
			 kt_buf_str(&r->console));
}

static void expect_text(const struct rig *r, const char *line)
{
	if (!strstr(kt_buf_str(&r->text), line))
		fail_msg("no '%s' in:\n%s", line, kt_buf_str(&r->text));
}

static void three_nodes_with_5_gib_are_right_from_inside_and_readable_from_outside(void **state)
{
	struct rig r = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	boot(&r, &three_nodes);
	until_text(&r, "SRDY");
	expect_text(&r, "LIFE \\x01hello\n");
	assert_non_null(strstr(kt_buf_str(&r.console), "guest: console"));
	if (vm_check_ram(r.vm, &e) < 0)
		fail_with(&r, "vm_check_ram", &e);
	for (unsigned n = 0; n < 3; n++)
		check_page(&r, n);
	expect_text(&r, "SOUT file /sys/devices/system/node/node0/cpulist 0-1\n");
	expect_text(&r, "SOUT file /sys/devices/system/node/node1/cpulist 2\n");
	expect_text(&r, "SOUT file /sys/devices/system/node/node2/cpulist \n");
	expect_text(&r, "SOUT file /sys/devices/system/node/node0/distance 10 20 20\n");
	expect_text(&r, "SOUT file /sys/devices/system/cpu/cpu0/cache/index3/shared_cpu_list 0\n");
	expect_text(&r, "SOUT file /sys/devices/system/cpu/cpu1/cache/index3/shared_cpu_list 1\n");
	expect_text(&r, "SOUT shell 42\n");
	power_off(&r);
	rig_done(&r);
}

static void smt_and_distances_are_as_asked(void **state)
{
	const struct shape s = {
		.topology = { .nr_nodes = 2,
			      .nr_llcs = 3,
			      .cores = 1,
			      .threads = 2,
			      .node = { { .llcs = 1 }, { .llcs = 2 } },
			      .has_distance = true,
			      .distance = { { 10, 33 }, { 33, 10 } } },
		.memory_mib = 384,
		.clock = VM_CLOCK_REAL,
	};
	struct rig r = { 0 };

	(void)state;
	boot(&r, &s);
	until_text(&r, "SRDY");
	expect_text(&r,
		    "SOUT file /sys/devices/system/cpu/cpu2/cache/index3/shared_cpu_list 2-3\n");
	expect_text(&r,
		    "SOUT file /sys/devices/system/cpu/cpu5/topology/thread_siblings_list 4-5\n");
	expect_text(&r, "SOUT file /sys/devices/system/node/node1/cpulist 2-5\n");
	expect_text(&r, "SOUT file /sys/devices/system/node/node1/distance 33 10\n");
	power_off(&r);
	rig_done(&r);
}

static const struct shape small = {
	.topology = { .nr_nodes = 1,
		      .nr_llcs = 2,
		      .cores = 1,
		      .threads = 1,
		      .node = { { .llcs = 2 } } },
	.memory_mib = 256,
};

static uint64_t symbol_of(struct rig *r, const char *name)
{
	unsigned long long addr = 0;
	const char *at = strstr(kt_buf_str(&r->text), "KSYM ");

	assert_non_null(at);
	assert_non_null(strstr(at, name));
	assert_int_equal(sscanf(at, "KSYM %llx", &addr), 1);
	assert_true(addr != 0);
	return addr;
}

/* While frozen, nothing of the guest moves: neither its memory nor its clock. */
static void check_stands_still(struct rig *r)
{
	struct vm_regs before = { 0 }, after = { 0 };
	struct kt_err e = { 0 };

	if (vm_read_regs(r->vm, 1, &before, &e) < 0)
		fail_with(r, "vm_read_regs", &e);
	(void)poll(NULL, 0, 50);
	assert_int_equal(vm_read_regs(r->vm, 1, &after, &e), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_true(before.cr3 != 0);
	assert_true(before.rip >> 47 == UINT64_C(0x1ffff)); /* in the kernel: the idle loop */
	assert_true(before.rsp >> 47 == UINT64_C(0x1ffff) || before.rsp >> 56 == 0xff);
	assert_int_equal(vm_read_regs(r->vm, 2, &after, &e), -EINVAL);
	assert_string_equal(unit_err_text(&e), "read registers of vCPU 2: the machine has 2 vCPUs");
}

static void check_watch(enum vm_clock clock)
{
	struct shape s = small;
	struct rig r = { 0 };
	struct kt_err e = { 0 };
	unsigned id = 99;

	s.clock = clock;
	boot(&r, &s);
	until_text(&r, "SRDY");
	assert_int_equal(vm_thaw(r.vm, &e), -EINVAL);
	assert_string_equal(unit_err_text(&e), "thaw the machine: the machine is not frozen");
	assert_int_equal(vm_freeze(r.vm, &e), 0);
	assert_int_equal(vm_freeze(r.vm, &e), 0);
	check_stands_still(&r);
	if (vm_watch_write(r.vm, (gva_t){ symbol_of(&r, "panic_timeout") }, 4, &id, &e) < 0)
		fail_with(&r, "vm_watch_write", &e);
	assert_int_equal(vm_thaw(r.vm, &e), 0);
	bell(&r, 'w');
	for (int i = 0; i < 3; i++)
		(void)step(&r);
	assert_int_equal(r.watches, 0); /* one freeze is left */
	assert_int_equal(vm_thaw(r.vm, &e), 0);
	for (int i = 0; i < 100 && !r.watches; i++)
		(void)step(&r);
	assert_int_equal(r.watches, 1);
	assert_int_equal(r.watch_id, id);
	assert_null(strstr(kt_buf_str(&r.text), "SOUT written"));
	assert_int_equal(vm_unwatch(r.vm, id, &e), 0);
	assert_int_equal(vm_thaw(r.vm, &e), 0);
	until_text(&r, "SOUT written\n");
	assert_int_equal(vm_freeze(r.vm, &e), 0);
	assert_int_equal(vm_thaw(r.vm, &e), 0);
	assert_int_equal(r.watches, 1);
	power_off(&r);
	rig_done(&r);
}

static void a_write_to_a_watched_address_freezes_the_machine(void **state)
{
	(void)state;
	check_watch(VM_CLOCK_GUEST_WORK);
}

static void a_write_is_seen_with_the_real_clock_too(void **state)
{
	(void)state;
	check_watch(VM_CLOCK_REAL);
}

/* What the guest's clocks say after its nth "time" line (1: the first). */
static void read_time(struct rig *r, unsigned nth, long long ret[2])
{
	const char *at = kt_buf_str(&r->text);

	for (unsigned i = 0; i < nth; i++) {
		at = strstr(at, "SOUT time ");
		assert_non_null(at);
		at++;
	}
	assert_int_equal(sscanf(at, "OUT time %lld %lld", &ret[0], &ret[1]), 2);
}

static void a_freeze_is_hidden_from_the_clocks_of_the_guest(void **state)
{
	uint64_t begin, host_ms;
	long long before[2], after[2];
	struct shape s = small;
	struct rig r = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	s.clock = VM_CLOCK_REAL; /* else time jumps over what the guest waits for */
	boot(&r, &s);
	until_text(&r, "SRDY");
	begin = kt_now_ns();
	bell(&r, 't');
	until_text(&r, "SOUT time ");
	read_time(&r, 1, before);
	assert_int_equal(vm_freeze(r.vm, &e), 0);
	(void)poll(NULL, 0, FREEZE_MS);
	assert_int_equal(vm_thaw(r.vm, &e), 0);
	kt_buf_reset(&r.text);
	bell(&r, 't');
	until_text(&r, "SOUT time ");
	read_time(&r, 1, after);
	host_ms = (kt_now_ns() - begin) / 1000000;
	/* However slow the host is: what passed in the guest was not frozen time. */
	for (unsigned i = 0; i < 2; i++) {
		assert_true(after[i] > before[i]);
		assert_in_range(after[i] - before[i], 1, host_ms - FREEZE_MS + SLACK_MS);
	}
	power_off(&r);
	rig_done(&r);
}

/* The guest goes on and changes what was captured: the image still has it. */
static void check_image(enum vm_image_kind kind)
{
	kt_auto(vm_image) struct vm_image *image = NULL;
	struct rig r = { 0 };
	struct kt_err e = { 0 };
	uint8_t byte = 0;
	gpa_t page;

	boot(&r, &small);
	until_text(&r, "SRDY");
	page.v = page_gpa(&r, 0);
	assert_int_equal(vm_freeze(r.vm, &e), 0);
	if (vm_image_create(r.vm, kind, &image, &e) < 0)
		fail_with(&r, "vm_image_create", &e);
	if (kind == VM_IMAGE_FORK && env.wanted == VM_ACCEL_KVM) {
		assert_string_equal(vm_image_why(image), "");
		assert_int_equal(vm_image_kind(image), VM_IMAGE_FORK);
	} else {
		assert_int_equal(vm_image_kind(image), VM_IMAGE_RECORD);
		assert_int_equal(vm_image_read(image, page, &byte, 1), 0);
	}
	vm_image_seal(image);
	assert_int_equal(vm_thaw(r.vm, &e), 0);
	bell(&r, 'p');
	until_text(&r, "SOUT repainted\n");
	assert_int_equal(vm_read_gpa(r.vm, page, &byte, 1), 0);
	assert_int_equal(byte, REPAINTED);
	assert_int_equal(vm_image_read(image, page, &byte, 1), 0);
	assert_int_equal(byte, PATTERN);
	vm_image_free(kt_take(image));
	power_off(&r);
	rig_done(&r);
}

static void a_recording_of_a_running_guest_stays_as_it_was(void **state)
{
	(void)state;
	check_image(VM_IMAGE_RECORD);
}

static void a_fork_of_a_running_guest_stays_as_it_was(void **state)
{
	(void)state;
	check_image(VM_IMAGE_FORK);
}

static void a_console_flood_starves_nobody_and_a_panic_is_a_reset(void **state)
{
	struct rig r = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	boot(&r, &small);
	until_text(&r, "SRDY");
	bell(&r, 'l');
	for (int i = 0; i < 20; i++)
		assert_int_equal(step(&r) == VM_EV_END, 0);
	assert_int_equal(vm_freeze(r.vm, &e), 0); /* answered in the midst of it */
	assert_int_equal(vm_thaw(r.vm, &e), 0);
	until_text(&r, "SOUT flooded\n");
	assert_true(r.console.len > FLOOD_BYTES);
	/* Under KVM each byte leaves the guest, which takes 0.1 ms where KVM itself is emulated. */
	for (int i = 1; i < FLOODS && env.wanted != VM_ACCEL_KVM; i++) {
		kt_buf_reset(&r.text);
		bell(&r, 'l');
		until_text(&r, "SOUT flooded\n");
	}
	bell(&r, 'c');
	until_end(&r);
	expect_end(&r, VM_END_RESET, "the guest reset the machine");
	assert_non_null(strstr(kt_buf_str(&r.console),
			       "Kernel panic - not syncing: sysrq triggered crash"));
	rig_done(&r);
}

static void a_panic_before_init_is_a_reset_with_its_reason_on_the_console(void **state)
{
	struct shape s = small;
	struct rig r = { 0 };

	(void)state;
	s.cmdline = "rdinit=/nowhere root=/dev/nothing";
	s.bzimage = true;
	s.clock = VM_CLOCK_REAL;
	boot(&r, &s);
	until_end(&r);
	expect_end(&r, VM_END_RESET, "the guest reset the machine");
	assert_non_null(strstr(kt_buf_str(&r.console), "Kernel panic - not syncing: VFS"));
	assert_int_equal(r.text.len, 0);
	rig_done(&r);
}

/* Ticks and bells go on after the ring has broken: nobody is to spin on them. */
static void check_waits_idle(struct rig *r)
{
	uint64_t end = kt_now_ns() + UINT64_C(1000000000);
	unsigned turns = 0;

	for (; kt_now_ns() < end; turns++)
		(void)step(r);
	assert_in_range(turns, 1, 100);
}

static void nonsense_in_the_ring_is_reported_once_and_lost_bells_are_made_up_for(void **state)
{
	struct rig r = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	boot(&r, &small);
	until_text(&r, "SRDY");
	bell(&r, 'q');
	until_text(&r, "SOUT unrung\n"); /* by the tick */
	bell(&r, 'b');
	for (int i = 0; i < 100 && !r.broken; i++)
		(void)step(&r);
	assert_int_equal(r.broken, 1);
	check_waits_idle(&r);
	vm_stop(r.vm);
	until_end(&r);
	expect_end(&r, VM_END_STOPPED, "stopped");
	assert_int_equal(r.broken, 1);
	assert_int_equal(vm_freeze(r.vm, &e) < 0, 1);
	rig_done(&r);
}

static void an_emulator_that_cannot_start_has_crashed_and_says_why(void **state)
{
	struct rig r = { 0 };
	struct shape s = small;

	(void)state;
	s.topology.nr_nodes = 2; /* the second node has neither CPUs nor a legal distance */
	s.topology.has_distance = true;
	s.topology.distance[0][1] = 5;
	s.topology.distance[1][0] = 5;
	boot(&r, &s);
	until_end(&r);
	assert_int_equal(r.end, VM_END_CRASHED);
	assert_non_null(strstr(r.end_text, "QEMU exited with status 1: "));
	assert_non_null(strstr(r.end_text, "distance"));
	rig_done(&r);
}

/* Emulators (by the name of the process) that have @word in their command line. */
static unsigned count_emulators(const char *word)
{
	kt_auto(dir) DIR *proc = opendir("/proc");
	unsigned nr = 0;

	assert_non_null(proc);
	for (struct dirent *de = readdir(proc); de; de = readdir(proc)) {
		kt_auto(buf) struct kt_buf cmdline = { 0 };
		char path[300], comm[64];

		(void)kt_snprintf(path, sizeof(path), "/proc/%s/comm", de->d_name);
		if (kt_file_read_small(path, comm, sizeof(comm)) < 0 ||
		    !kt_starts_with(comm, "qemu-system"))
			continue;
		(void)kt_snprintf(path, sizeof(path), "/proc/%s/cmdline", de->d_name);
		if (kt_file_read(path, 1 << 20, &cmdline, NULL) == 0 && cmdline.len)
			nr += memmem(cmdline.data, cmdline.len, word, strlen(word)) != NULL;
	}
	return nr;
}

static void kill_9_of_the_owner_leaves_no_emulator(void **state)
{
	struct shape s = small;
	struct rig r = { 0 };
	char word[64], c;
	int pipefd[2], status;
	pid_t pid;

	(void)state;
	(void)kt_snprintf(word, sizeof(word), "orphan.%d", getpid());
	s.cmdline = word;
	require_machines();
	assert_int_equal(pipe(pipefd), 0);
	pid = fork();
	if (pid == 0) {
		boot(&r, &s);
		(void)!write(pipefd[1], "x", 1);
		for (;;)
			(void)step(&r);
	}
	assert_int_equal(read(pipefd[0], &c, 1), 1);
	assert_int_equal(count_emulators(word), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (int i = 0; i < 200 && count_emulators(word); i++)
		(void)poll(NULL, 0, 50);
	assert_int_equal(count_emulators(word), 0);
	close(pipefd[0]);
	close(pipefd[1]);
}

static void vm_txt_can_be_run_by_hand(void **state)
{
	kt_auto(mem) char *script = kt_fmt("%s/vm.txt", env.dir);
	const char *argv[] = { "sh", script, NULL };
	kt_auto(buf) struct kt_buf out = { 0 };
	struct shape s = small;
	struct kt_proc_end end;
	struct rig r = { 0 };

	(void)state;
	s.cmdline = "rdinit=/nowhere root=/dev/nothing";
	boot(&r, &s);
	rig_done(&r);
	assert_int_equal(kt_proc_run(&(struct kt_proc_opts){ .argv = argv }, 120000, 1 << 20, &out,
				     NULL, &end, NULL),
			 0);
	assert_int_equal(end.signalled, 0);
	assert_int_equal(end.code, 0);
	assert_non_null(strstr(kt_buf_str(&out), "Kernel panic - not syncing: VFS"));
}

/* ---- set-up ---- */

static bool compile_guest(const char *out)
{
	const char *cc = getenv("CC");
	const char *argv[] = { cc && *cc ? cc : "cc",
			       "-O2",
			       "-static",
			       "-D_GNU_SOURCE",
			       "-I.",
			       "-o",
			       out,
			       GUEST_SOURCE,
			       "guest/proto.c",
			       "-lz",
			       NULL };
	struct kt_proc_end end;
	struct kt_err e = { 0 };

	if (access(GUEST_SOURCE, R_OK) < 0)
		return false;
	if (kt_proc_run(&(struct kt_proc_opts){ .argv = argv }, COMPILE_MS, 1 << 16, NULL, NULL,
			&end, &e) < 0)
		return false;
	return !end.signalled && end.code == 0;
}

static int set_up(void **state)
{
	struct kt_err e = { 0 };
	kt_auto(mem) char *compiled = NULL;
	const char *guest = getenv("KTSTR_TEST_GUEST");

	if (unit_tmp_setup(state) < 0)
		return -1;
	env.dir = *state;
	env.kernel = getenv("KTSTR_TEST_KERNEL");
	env.vmlinux = getenv("KTSTR_TEST_VMLINUX");
	compiled = kt_fmt("%s/guest", env.dir);
	if (!env.kernel)
		return 0;
	if (vm_choose_accel(env.wanted, NULL, &env.accel, &e) < 0) {
		print_message("# %s\n", unit_err_text(&e));
		return 0;
	}
	if (!guest && !compile_guest(compiled))
		return 0;
	guest = guest ? guest : compiled;
	{
		const struct vm_initrd_file files[] = {
			{ .guest_path = "/init", .host_path = guest, .mode = 0755 },
			{ .guest_path = "/bin/sh", .host_path = "/bin/sh", .libraries = true },
		};

		if (vm_initramfs_base(env.dir, files, 2, &env.initrd, &e) < 0) {
			print_error("%s\n", unit_err_text(&e));
			return -1;
		}
	}
	return 0;
}

static int tear_down(void **state)
{
	free(env.initrd);
	return unit_tmp_teardown(state);
}

/* Of the accelerator: QEMU's own tests ask about the emulator, which KVM has none of. */
#define FOR_ALL \
	cmocka_unit_test(three_nodes_with_5_gib_are_right_from_inside_and_readable_from_outside), \
		cmocka_unit_test(smt_and_distances_are_as_asked), \
		cmocka_unit_test(a_write_to_a_watched_address_freezes_the_machine), \
		cmocka_unit_test(a_freeze_is_hidden_from_the_clocks_of_the_guest), \
		cmocka_unit_test(a_recording_of_a_running_guest_stays_as_it_was), \
		cmocka_unit_test(a_fork_of_a_running_guest_stays_as_it_was), \
		cmocka_unit_test(a_console_flood_starves_nobody_and_a_panic_is_a_reset), \
		cmocka_unit_test(a_panic_before_init_is_a_reset_with_its_reason_on_the_console), \
		cmocka_unit_test( \
			nonsense_in_the_ring_is_reported_once_and_lost_bells_are_made_up_for)

int main(void)
{
	const struct CMUnitTest kvm[] = { FOR_ALL };
	const struct CMUnitTest tcg[] = {
		FOR_ALL,
		cmocka_unit_test(an_emulator_that_cannot_start_has_crashed_and_says_why),
		cmocka_unit_test(a_write_is_seen_with_the_real_clock_too),
		cmocka_unit_test(kill_9_of_the_owner_leaves_no_emulator),
		cmocka_unit_test(vm_txt_can_be_run_by_hand),
	};
	const char *accel = getenv("KTSTR_TEST_ACCEL");

	/* These take seconds each: CMOCKA_FILTER="a_write*" runs some of them. */
	cmocka_set_test_filter(getenv("CMOCKA_FILTER"));
	env.wanted = accel && strcmp(accel, "kvm") == 0 ? VM_ACCEL_KVM : VM_ACCEL_TCG;
	if (env.wanted == VM_ACCEL_KVM)
		return cmocka_run_group_tests(kvm, set_up, tear_down);
	return cmocka_run_group_tests(tcg, set_up, tear_down);
}
