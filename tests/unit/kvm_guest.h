/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One machine on /dev/kvm that runs the guest of tests/guests, from vm_create() to its end, and what it said. For tests of
 * vmm/kvm; a host whose KVM does not run it skips them ("kvm-small").
 */
#ifndef KTSTR_TESTS_UNIT_KVM_GUEST_H
#define KTSTR_TESTS_UNIT_KVM_GUEST_H

#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "vmm/kvm/internal.h"

#define KVM_GUEST_DEADLINE_NS (UINT64_C(120) * 1000000000)

struct kvm_guest {
	struct vm *vm;
	struct kt_buf console; /* as it came */
	struct kt_buf text; /* one line a frame, "TYPE payload" */
	unsigned bad_crc, broken, watches, watch_id;
	bool ended;
	enum vm_end end;
	char end_text[512];
};

/* What a guest is given; zero in a field is one vCPU, 256 MiB, no log directory. */
struct kvm_guest_opts {
	const char *steps; /* "do=say:x do=off" */
	const struct kt_topology *topology;
	uint64_t memory_mib;
	const char *kernel; /* another file than guest.elf */
	const char *initrd; /* a file; NULL: an empty one */
	const char *log_dir;
	bool performance;
};

static const struct kt_topology kvm_guest_one_cpu = {
	.nr_nodes = 1, .nr_llcs = 1, .cores = 1, .threads = 1, .node = { { .llcs = 1 } }
};

/* tests/guests/NAME of the build directory, in memory that the caller frees. */
static inline char *kvm_guest_path(const char *name)
{
	const char *build = getenv("O");

	return kt_fmt("%s/tests/guests/%s", build ? build : "build", name);
}

static inline void kvm_guest_need_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int err = errno;
	char reason[128];

	if (fd >= 0) {
		close(fd);
		return;
	}
	(void)kt_snprintf(reason, sizeof(reason), "open /dev/kvm: %s", strerror(err));
	unit_require("kvm-small", reason);
}

static inline int kvm_guest_create(struct kvm_guest *g, const struct kvm_guest_opts *o,
				   struct kt_err *e)
{
	static const struct vm_accel_choice accel = { .accel = VM_ACCEL_KVM, .name = "kvm" };
	kt_auto(mem) char *elf = kvm_guest_path("guest.elf");
	const struct vm_config c = {
		.accel = &accel,
		.topology = o->topology ? o->topology : &kvm_guest_one_cpu,
		.memory_bytes = (o->memory_mib ? o->memory_mib : 256) << 20,
		.kernel = o->kernel ? o->kernel : elf,
		.initrd_base = o->initrd ? o->initrd : "/dev/null",
		.initrd_extra = "",
		.cmdline = o->steps,
		.clock = VM_CLOCK_REAL,
		.performance = o->performance,
		.log_dir = o->log_dir,
	};

	*g = (struct kvm_guest){ 0 };
	return vm_create(&c, &g->vm, e);
}

static inline void kvm_guest_fail(const struct kvm_guest *g, const char *what,
				  const struct kt_err *e)
{
	fail_msg("%s: %s\nframes:\n%s\nconsole:\n%s\nend: %s", what,
		 e->nr_frames ? unit_err_text(e) : "no error", kt_buf_str(&g->text),
		 kt_buf_str(&g->console), g->end_text);
}

static inline struct kvm_machine *machine_of(const struct kvm_guest *g)
{
	return g->vm->machine;
}

/* Or the test ends, with what the guest said. */
static inline void must(const struct kvm_guest *g, int r, const char *what, const struct kt_err *e)
{
	if (r < 0)
		kvm_guest_fail(g, what, e);
}

static inline void freeze(const struct kvm_guest *g)
{
	struct kt_err e = { 0 };

	must(g, vm_freeze(g->vm, &e), "freeze", &e);
}

static inline void thaw(const struct kvm_guest *g)
{
	struct kt_err e = { 0 };

	must(g, vm_thaw(g->vm, &e), "thaw", &e);
}

/* Created and started. */
static inline void kvm_guest_boot(struct kvm_guest *g, const struct kvm_guest_opts *o)
{
	struct kt_err e = { 0 };

	kvm_guest_need_kvm();
	if (kvm_guest_create(g, o, &e) < 0 || vm_start(g->vm, &e) < 0)
		kvm_guest_fail(g, "start", &e);
}

static inline void kvm_guest_take(struct kvm_guest *g, const struct vm_event *ev)
{
	switch (ev->type) {
	case VM_EV_NONE:
		break;
	case VM_EV_CONSOLE:
		kt_buf_add(&g->console, ev->data, ev->len);
		break;
	case VM_EV_FRAME:
		g->bad_crc += !ev->frame.crc_ok;
		kt_buf_addf(&g->text, "%c%c%c%c ", ev->frame.type >> 24,
			    ev->frame.type >> 16 & 0xff, ev->frame.type >> 8 & 0xff,
			    ev->frame.type & 0xff);
		kt_buf_add_printable(&g->text, ev->data, ev->len);
		kt_buf_addc(&g->text, '\n');
		break;
	case VM_EV_RING_BROKEN:
		g->broken++;
		break;
	case VM_EV_WATCH:
		g->watches++;
		g->watch_id = ev->watch_id;
		break;
	case VM_EV_END:
		g->ended = true;
		g->end = ev->end;
		(void)kt_snprintf(g->end_text, sizeof(g->end_text), "%s", ev->text);
		break;
	}
}

/* One event, found the way the driver does: poll, then wait without waiting. */
static inline enum vm_event_type kvm_guest_step(struct kvm_guest *g)
{
	struct pollfd p = { .fd = vm_poll_fd(g->vm), .events = POLLIN };
	struct kt_err e = { 0 };
	struct vm_event ev;

	(void)poll(&p, 1, 1000);
	if (vm_wait(g->vm, 0, &ev, &e) < 0)
		kvm_guest_fail(g, "vm_wait", &e);
	kvm_guest_take(g, &ev);
	return ev.type;
}

static inline void kvm_guest_until(struct kvm_guest *g, const struct kt_buf *b, const char *word)
{
	uint64_t deadline = kt_now_ns() + KVM_GUEST_DEADLINE_NS;
	struct kt_err e = { 0 };

	while (!strstr(kt_buf_str(b), word)) {
		if (g->ended || kt_now_ns() > deadline)
			kvm_guest_fail(g, word, &e);
		(void)kvm_guest_step(g);
	}
}

/* Until a frame, or the console, says so. */
static inline void kvm_guest_until_frame(struct kvm_guest *g, const char *word)
{
	kvm_guest_until(g, &g->text, word);
}
static inline void kvm_guest_until_console(struct kvm_guest *g, const char *word)
{
	kvm_guest_until(g, &g->console, word);
}

/* And @end is how. */
static inline void kvm_guest_until_end(struct kvm_guest *g, enum vm_end end, const char *text)
{
	uint64_t deadline = kt_now_ns() + KVM_GUEST_DEADLINE_NS;
	struct kt_err e = { 0 };
	struct vm_event ev;

	while (!g->ended) {
		(void)kvm_guest_step(g);
		if (kt_now_ns() > deadline)
			kvm_guest_fail(g, "no end", &e);
	}
	if (g->end != end || !strstr(g->end_text, text))
		kvm_guest_fail(g, text, &e);
	assert_int_equal(g->bad_crc, 0);
	assert_int_equal(vm_wait(g->vm, 0, &ev, &e), 0);
	assert_int_equal(ev.type, VM_EV_NONE);
	assert_int_equal(vm_ring_bell(g->vm, GST_BELL_STOP), -ENOTCONN);
}

static inline void kvm_guest_until_off(struct kvm_guest *g)
{
	kvm_guest_until_end(g, VM_END_POWEROFF, "the guest powered off");
}

/* The hexadecimal number that follows @word ("count 0x") in the frames. */
static inline uint64_t kvm_guest_number(const struct kvm_guest *g, const char *word)
{
	const char *at = strstr(kt_buf_str(&g->text), word);
	unsigned long long v = 0;

	assert_non_null(at);
	assert_int_equal(sscanf(at + strlen(word), "%llx", &v), 1);
	return v;
}

static inline void kvm_guest_done(struct kvm_guest *g)
{
	vm_free(g->vm);
	kt_buf_done(&g->console);
	kt_buf_done(&g->text);
	*g = (struct kvm_guest){ 0 };
}

#endif
