/* SPDX-License-Identifier: GPL-2.0-only */
/* Machines that run are frozen, read, and go on; and what stands in the way of that. */
#include "tests/unit/kvm_guest.h"

#include <sys/resource.h>
#include <x86intrin.h>

#include "vmm/kvm/internal.h"

enum { COUNTER_WORDS = 8, TIMES_WORDS = 8, PAUSE_MS = 300 };

static struct kt_topology flat(unsigned nr)
{
	return (struct kt_topology){
		.nr_nodes = 1, .nr_llcs = 1, .cores = nr, .threads = 1, .node = { { .llcs = 1 } }
	};
}

static void boot(struct kvm_guest *g, unsigned nr_cpus, const char *steps)
{
	const struct kt_topology t = flat(nr_cpus);

	kvm_guest_boot(g, &(struct kvm_guest_opts){ .steps = steps, .topology = &t });
}

/* What the guest wrote at the gpa that it told with @word. */
static const volatile uint64_t *words_at(struct kvm_guest *g, const char *word)
{
	const uint64_t *p;

	kvm_guest_until_frame(g, word);
	p = vm_guest_buf(g->vm, (gpa_t){ kvm_guest_number(g, word) }, sizeof(*p));
	assert_non_null(p);
	return p;
}

static void pass_ms(unsigned ms)
{
	(void)poll(NULL, 0, (int)ms);
}

static void until_above(struct kvm_guest *g, const volatile uint64_t *p, uint64_t value)
{
	const uint64_t deadline = kt_now_ns() + KVM_GUEST_DEADLINE_NS;
	struct kt_err e = { 0 };

	while (*p <= value) {
		if (kt_now_ns() > deadline)
			kvm_guest_fail(g, "the guest does not go on", &e);
		pass_ms(1);
	}
}

/* ---- standing still ---- */

static void nothing_moves_while_frozen_and_all_goes_on_after(void **state)
{
	enum { NR = 4, TIMES = 1000 };
	struct kvm_guest g;
	const volatile uint64_t *count;
	uint64_t before[NR], first[NR];

	(void)state;
	boot(&g, NR, "do=all-count");
	count = words_at(&g, "cpus 0x");
	for (unsigned i = 0; i < TIMES; i++) {
		freeze(&g);
		for (unsigned c = 0; c < NR; c++)
			before[c] = count[c * COUNTER_WORDS];
		if (i == 0)
			memcpy(first, before, sizeof(first));
		if (i % 100 == 0)
			pass_ms(20);
		for (unsigned c = 0; c < NR; c++)
			assert_int_equal(count[c * COUNTER_WORDS], before[c]);
		thaw(&g);
	}
	for (unsigned c = 0; c < NR; c++) {
		assert_true(before[c] >= first[c]);
		until_above(&g, &count[c * COUNTER_WORDS], before[c]);
	}
	kvm_guest_done(&g);
}

static void registers_are_those_of_the_frozen_code(void **state)
{
	enum { NR = 16 };
	struct kvm_guest g;
	struct vm_regs r[NR];
	struct kt_err e = { 0 };
	uint64_t start, end;

	(void)state;
	boot(&g, NR, "do=all-count");
	(void)words_at(&g, "cpus 0x");
	start = kvm_guest_number(&g, "loop 0x");
	end = kvm_guest_number(&g, "end 0x");
	freeze(&g);
	for (unsigned c = 0; c < NR; c++)
		must(&g, vm_read_regs(g.vm, c, &r[c], &e), "registers", &e);
	for (unsigned c = 1; c < NR; c++) { /* the first does other things, too */
		assert_in_range(r[c].rip, start, end - 1);
		assert_int_equal(r[c].rsp, r[c].gpr[4]);
		assert_int_equal(r[c].cr3, r[0].cr3);
		assert_true(r[c].rflags & 2); /* SDM: always 1 */
		for (unsigned other = 1; other < c; other++)
			assert_true(r[c].rsp >> 8 != r[other].rsp >> 8); /* its own stack */
	}
	assert_int_equal(vm_check_ram(g.vm, NULL), 0);
	thaw(&g);
	kvm_guest_done(&g);
}

static void freezes_nest(void **state)
{
	struct kvm_guest g;
	const volatile uint64_t *count;
	uint64_t before;

	(void)state;
	boot(&g, 2, "do=all-count");
	count = words_at(&g, "cpus 0x");
	freeze(&g);
	freeze(&g);
	before = count[COUNTER_WORDS];
	thaw(&g);
	pass_ms(20);
	assert_int_equal(count[COUNTER_WORDS], before);
	thaw(&g);
	until_above(&g, &count[COUNTER_WORDS], before);
	kvm_guest_done(&g);
}

static void what_needs_a_frozen_machine_says_so(void **state)
{
	struct kvm_guest g;
	struct vm_regs r;
	struct kt_err e = { 0 };
	unsigned id;

	(void)state;
	boot(&g, 1, "do=count");
	(void)words_at(&g, "count 0x");
	assert_int_equal(vm_thaw(g.vm, &e), -EINVAL);
	assert_string_equal(unit_err_text(&e), "thaw the machine: the machine is not frozen");
	assert_int_equal(vm_read_regs(g.vm, 0, &r, &e), -EBUSY);
	assert_string_equal(unit_err_text(&e),
			    "read registers of vCPU 0: the machine is not frozen");
	assert_int_equal(vm_watch_write(g.vm, (gva_t){ 0x1000 }, 8, &id, &e), -EBUSY);
	assert_int_equal(vm_unwatch(g.vm, 0, &e), -EBUSY);
	freeze(&g);
	assert_int_equal(vm_read_regs(g.vm, 1, &r, &e), -EINVAL);
	assert_string_equal(unit_err_text(&e), "read registers of vCPU 1: the machine has 1 vCPUs");
	thaw(&g);
	kvm_guest_done(&g);
}

/* ---- what stands in the way ---- */

static uint64_t io_exits(struct kvm_guest *g)
{
	struct vm_exit_count counts[KVM_COUNT_NR];
	size_t nr = vm_exit_counts(g->vm, counts, KVM_COUNT_NR);

	for (size_t i = 0; i < nr; i++) {
		if (strcmp(counts[i].reason, "io") == 0)
			return counts[i].count;
	}
	fail_msg("io exits are not counted");
	return 0;
}

static void a_vcpu_that_waits_for_the_console_to_be_read_is_frozen_too(void **state)
{
	struct kvm_guest g;
	uint64_t before, now;
	struct vm_regs r;
	struct kt_err e = { 0 };

	(void)state;
	boot(&g, 1, "do=flood");
	kvm_guest_until_console(&g, "flood 1");
	now = io_exits(&g);
	do { /* nobody reads: it writes until the queue is full */
		before = now;
		pass_ms(100);
		now = io_exits(&g);
	} while (now != before);
	for (unsigned i = 0; i < 20; i++) {
		freeze(&g);
		must(&g, vm_read_regs(g.vm, 0, &r, &e), "registers", &e);
		thaw(&g);
	}
	g.console.len = 0;
	kvm_guest_until_console(&g, "flood 2");
	kvm_guest_done(&g);
}

/*
 * Whoever holds @lock lets no vCPU past it: an exit is counted before it is served. Either one is counted from now on, or it
 * has been already and waits.
 */
static void until_io_waits(struct kvm_guest *g)
{
	const uint64_t before = io_exits(g), deadline = kt_now_ns() + 2 * UINT64_C(1000000000);

	while (io_exits(g) == before && kt_now_ns() < deadline)
		pass_ms(1);
}

static void a_vcpu_that_does_not_come_is_named_and_the_rest_goes_on(void **state)
{
	struct kvm_guest g;
	struct kvm_machine *m;
	struct vm_regs r = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	boot(&g, 3, "do=frame:ready do=echo do=off"); /* the first looks at COM2 again and again */
	kvm_guest_until_frame(&g, "ready");
	m = machine_of(&g);
	m->rendezvous_ms = 100;
	(void)pthread_mutex_lock(&m->com2.lock);
	until_io_waits(&g);
	assert_int_equal(vm_freeze(g.vm, &e), -ETIMEDOUT);
	(void)pthread_mutex_unlock(&m->com2.lock);
	assert_string_equal(
		unit_err_text(&e),
		"freeze the machine: 1 of 3 vCPUs did not leave the guest in 100 ms (vCPU 0): Connection timed out");
	assert_int_equal(e.kind, KT_E_HOST);
	assert_int_equal(vm_thaw(g.vm, NULL), -EINVAL);
	assert_int_equal(vm_read_regs(g.vm, 0, &r, NULL), -EBUSY);
	for (unsigned cpu = 1; cpu < 3; cpu++) {
		must(&g, vm_read_regs(g.vm, cpu, &r, &e), "registers", &e);
		assert_true(r.rip != 0);
	}
	m->rendezvous_ms = KVM_RENDEZVOUS_MS;
	freeze(&g);
	thaw(&g);
	assert_int_equal(vm_ring_bell(g.vm, GST_BELL_STOP), 0);
	kvm_guest_until_off(&g);
	kvm_guest_done(&g);
}

/* Another process of the same user may have filled the queue of signals. */
static void a_full_queue_of_signals_keeps_no_vcpu_in_the_guest(void **state)
{
	struct rlimit before;
	struct kvm_guest g;

	(void)state;
	boot(&g, 2, "do=all-count");
	(void)words_at(&g, "cpus 0x");
	machine_of(&g)->rendezvous_ms = 5000;
	assert_int_equal(getrlimit(RLIMIT_SIGPENDING, &before), 0);
	assert_int_equal(
		setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){ .rlim_max = before.rlim_max }), 0);
	freeze(&g);
	assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &before), 0);
	thaw(&g);
	kvm_guest_done(&g);
}

static void a_frozen_machine_can_be_stopped(void **state)
{
	struct kvm_guest g;
	struct kt_err e = { 0 };

	(void)state;
	boot(&g, 4, "do=all-count");
	(void)words_at(&g, "cpus 0x");
	freeze(&g);
	vm_stop(g.vm);
	kvm_guest_until_end(&g, VM_END_STOPPED, "stopped");
	assert_int_equal(vm_thaw(g.vm, &e), -ENOTCONN);
	assert_string_equal(unit_err_text(&e), "thaw the machine: the machine has ended");
	kvm_guest_done(&g);
}

static void a_frozen_machine_can_be_freed(void **state)
{
	struct kvm_guest g;

	(void)state;
	boot(&g, 4, "do=all-count");
	(void)words_at(&g, "cpus 0x");
	freeze(&g);
	kvm_guest_done(&g);
}

static void a_machine_that_ends_while_it_is_frozen_again_and_again_ends(void **state)
{
	struct kvm_guest g;
	struct kt_err e;
	int r;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		boot(&g, 2, "do=count:200 do=off");
		do {
			e = (struct kt_err){ 0 };
			r = vm_freeze(g.vm, &e);
			if (r == 0)
				r = vm_thaw(g.vm, &e);
			/* Else a slow host's vCPU never gets into the guest between a thaw and the next freeze. */
			pass_ms(1 + i % 3);
		} while (r == 0);
		assert_int_equal(r, -ENOTCONN);
		assert_string_equal(unit_err_text(&e), "freeze the machine: the machine has ended");
		kvm_guest_until_off(&g);
		assert_int_equal(vm_freeze(g.vm, NULL), -ENOTCONN);
		kvm_guest_done(&g);
	}
}

static void a_machine_that_was_not_started_cannot_be_frozen(void **state)
{
	const struct kvm_guest_opts o = { .steps = "do=off" };
	struct kvm_guest g;
	struct kt_err e = { 0 };

	(void)state;
	kvm_guest_need_kvm();
	must(&g, kvm_guest_create(&g, &o, &e), "create", &e);
	assert_int_equal(vm_freeze(g.vm, &e), -ENOTCONN);
	assert_string_equal(unit_err_text(&e), "freeze the machine: the machine does not run");
	kvm_guest_done(&g);
}

/* ---- time ---- */

static void all_go_on(struct kvm_guest *g, const volatile uint64_t *times, unsigned nr)
{
	for (unsigned c = 0; c < nr; c++)
		until_above(g, &times[c * TIMES_WORDS], times[c * TIMES_WORDS] + 1);
}

/*
 * The guest's clocks may have gone on for as long as it was not frozen: that is all from before the first freeze to after the
 * second, less the pause. However slow the host is, that is an upper limit.
 */
static void clocks_of_the_guest_do_not_see_a_freeze(void **state)
{
	enum { NR = 4, FREEZES = 3 };
	enum { W_ROUNDS, W_TSC, W_NS, W_BACK };
	struct kvm_guest g;
	const volatile uint64_t *t;
	uint64_t tsc[NR], ns[NR], out_tsc, out_ns, pause_tsc, pause_ns;
	bool hidden;

	(void)state;
	boot(&g, NR, "do=all-times");
	t = words_at(&g, "times 0x");
	until_above(&g, t, 0);
	freeze(&g);
	hidden = machine_of(&g)->clock.hidden;
	thaw(&g);
	if (!hidden) {
		kvm_guest_done(&g);
		unit_require("kvm-tsc-offset",
			     "this host's KVM gives its guests the host's TSC as it is");
	}
	for (unsigned i = 0; i < FREEZES; i++) {
		out_tsc = __rdtsc();
		out_ns = kt_now_ns();
		all_go_on(&g, t, NR); /* so that what they wrote last is not from before */
		freeze(&g);
		pause_tsc = __rdtsc();
		pause_ns = kt_now_ns();
		for (unsigned c = 0; c < NR; c++) {
			tsc[c] = t[c * TIMES_WORDS + W_TSC];
			ns[c] = t[c * TIMES_WORDS + W_NS];
		}
		pass_ms(PAUSE_MS);
		pause_tsc = __rdtsc() - pause_tsc;
		pause_ns = kt_now_ns() - pause_ns;
		thaw(&g);
		all_go_on(&g, t, NR);
		freeze(&g);
		out_tsc = __rdtsc() - out_tsc;
		out_ns = kt_now_ns() - out_ns;
		for (unsigned c = 0; c < NR; c++) {
			assert_true(t[c * TIMES_WORDS + W_TSC] > tsc[c]);
			assert_true(t[c * TIMES_WORDS + W_NS] > ns[c]);
			assert_true(t[c * TIMES_WORDS + W_TSC] - tsc[c] <= out_tsc - pause_tsc);
			assert_true(t[c * TIMES_WORDS + W_NS] - ns[c] <= out_ns - pause_ns);
			assert_int_equal(t[c * TIMES_WORDS + W_BACK], 0);
		}
		thaw(&g);
	}
	assert_int_equal(machine_of(&g)->clock.seen_ns, 0);
	kvm_guest_done(&g);
}

static void without_tsc_offsets_the_pause_is_seen_and_recorded(void **state)
{
	struct kvm_guest g;
	const volatile uint64_t *t;
	uint64_t tsc, rounds, pause_tsc;

	(void)state;
	boot(&g, 2, "do=all-times");
	t = words_at(&g, "times 0x");
	freeze(&g);
	machine_of(&g)->caps.vcpu_tsc_offset = false; /* as on Linux before 5.16 */
	rounds = t[TIMES_WORDS];
	thaw(&g);
	until_above(&g, &t[TIMES_WORDS], rounds + 1);
	freeze(&g);
	tsc = t[TIMES_WORDS + 1];
	rounds = t[TIMES_WORDS];
	pause_tsc = __rdtsc();
	assert_false(machine_of(&g)->clock.hidden);
	pass_ms(PAUSE_MS);
	pause_tsc = __rdtsc() - pause_tsc;
	thaw(&g);
	assert_true(machine_of(&g)->clock.seen_ns >= PAUSE_MS * UINT64_C(1000000));
	until_above(&g, &t[TIMES_WORDS], rounds + 2);
	assert_true(t[TIMES_WORDS + 1] - tsc >= pause_tsc);
	kvm_guest_done(&g);
}

/* A slow host may be late for the freeze: then with more time. 230 M ticks are 100 ms of a usual TSC. */
static void a_timer_that_was_due_during_a_freeze_does_not_fire_early(void **state)
{
	struct kvm_guest g;
	unsigned slower = 1;
	char steps[64];
	int r;

	(void)state;
	for (;; slower *= 4) {
		(void)kt_snprintf(steps, sizeof(steps), "do=timer:%llu do=off",
				  slower * 230000000ULL);
		boot(&g, 1, steps);
		kvm_guest_until_frame(&g, "armed 0x");
		r = vm_freeze(g.vm, NULL);
		if (r == 0)
			break;
		assert_int_equal(r, -ENOTCONN);
		assert_true(slower < 64);
		kvm_guest_done(&g);
	}
	pass_ms(slower * PAUSE_MS);
	thaw(&g);
	kvm_guest_until_off(&g);
	if (!strstr(kt_buf_str(&g.text), "late "))
		fail_msg("%s", kt_buf_str(&g.text));
	kvm_guest_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_moves_while_frozen_and_all_goes_on_after),
		cmocka_unit_test(registers_are_those_of_the_frozen_code),
		cmocka_unit_test(freezes_nest),
		cmocka_unit_test(what_needs_a_frozen_machine_says_so),
		cmocka_unit_test(a_vcpu_that_waits_for_the_console_to_be_read_is_frozen_too),
		cmocka_unit_test(a_vcpu_that_does_not_come_is_named_and_the_rest_goes_on),
		cmocka_unit_test(a_full_queue_of_signals_keeps_no_vcpu_in_the_guest),
		cmocka_unit_test(a_frozen_machine_can_be_stopped),
		cmocka_unit_test(a_frozen_machine_can_be_freed),
		cmocka_unit_test(a_machine_that_ends_while_it_is_frozen_again_and_again_ends),
		cmocka_unit_test(a_machine_that_was_not_started_cannot_be_frozen),
		cmocka_unit_test(clocks_of_the_guest_do_not_see_a_freeze),
		cmocka_unit_test(without_tsc_offsets_the_pause_is_seen_and_recorded),
		cmocka_unit_test(a_timer_that_was_due_during_a_freeze_does_not_fire_early),
	};

	cmocka_set_test_filter(getenv("CMOCKA_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
