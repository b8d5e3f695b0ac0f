/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Watched addresses of running machines. Where no write watchpoint ever fires breakpoints on execution stand in: they take the
 * same way from the debug registers to the event, but for two bits of DR7.
 */
#include "tests/unit/kvm_guest.h"

#include <sched.h>

#include "vmm/kvm/internal.h"

enum { COUNTER_WORDS = 8 };

static void boot(struct kvm_guest *g, unsigned nr_cpus, const char *steps)
{
	const struct kt_topology t = { .nr_nodes = 1,
				       .nr_llcs = 1,
				       .cores = nr_cpus,
				       .threads = 1,
				       .node = { { .llcs = 1 } } };

	kvm_guest_boot(g, &(struct kvm_guest_opts){ .steps = steps, .topology = &t });
}

/* Four CPUs that count; where. */
static const volatile uint64_t *boot_counting(struct kvm_guest *g)
{
	const uint64_t *p;

	boot(g, 4, "do=all-count do=off");
	kvm_guest_until_frame(g, "cpus 0x");
	p = vm_guest_buf(g->vm, (gpa_t){ kvm_guest_number(g, "cpus 0x") }, sizeof(*p));
	assert_non_null(p);
	return p;
}

static unsigned watch(struct kvm_guest *g, uint64_t addr, unsigned len)
{
	struct kt_err e = { 0 };
	unsigned id = 0;

	must(g, vm_watch_write(g->vm, (gva_t){ addr }, len, &id, &e), "watch", &e);
	return id;
}

static unsigned break_at(struct kvm_guest *g, uint64_t addr)
{
	unsigned id = watch(g, addr, 1);

	machine_of(g)->watch[id].execute = true;
	return id;
}

static void unwatch(struct kvm_guest *g, unsigned id)
{
	struct kt_err e = { 0 };

	must(g, vm_unwatch(g->vm, id, &e), "unwatch", &e);
}

static void until_hit(struct kvm_guest *g)
{
	const uint64_t deadline = kt_now_ns() + KVM_GUEST_DEADLINE_NS;
	const unsigned before = g->watches;
	struct kt_err e = { 0 };

	while (g->watches == before) {
		if (g->ended || kt_now_ns() > deadline)
			kvm_guest_fail(g, "no hit", &e);
		(void)kvm_guest_step(g);
	}
}

/* It runs, and none of its CPUs stands at something. */
static void goes_on_and_ends(struct kvm_guest *g, const volatile uint64_t *count)
{
	const uint64_t deadline = kt_now_ns() + KVM_GUEST_DEADLINE_NS;
	struct kt_err e = { 0 };

	assert_int_equal(machine_of(g)->freezes, 0);
	for (unsigned c = 0; c < 4; c++) {
		uint64_t before = count[c * COUNTER_WORDS];

		while (count[c * COUNTER_WORDS] == before) {
			if (kt_now_ns() > deadline)
				kvm_guest_fail(g, "a CPU does not go on", &e);
			(void)poll(NULL, 0, 1);
		}
	}
	assert_int_equal(vm_ring_bell(g->vm, GST_BELL_STOP), 0);
	kvm_guest_until_off(g);
	kvm_guest_done(g);
}

static unsigned nr_at(struct kvm_guest *g, uint64_t rip)
{
	struct vm_regs r;
	struct kt_err e = { 0 };
	unsigned nr = 0;

	for (unsigned c = 0; c < 4; c++) {
		must(g, vm_read_regs(g->vm, c, &r, &e), "registers", &e);
		nr += r.rip == rip;
	}
	return nr;
}

static void a_hit_freezes_the_machine_where_it_was_hit(void **state)
{
	struct kvm_guest g;
	const volatile uint64_t *count = boot_counting(&g);
	const uint64_t odd = kvm_guest_number(&g, "odd 0x");
	uint64_t before[4];
	unsigned id;

	(void)state;
	freeze(&g);
	id = break_at(&g, odd);
	thaw(&g);
	until_hit(&g);
	assert_int_equal(g.watch_id, id);
	for (unsigned c = 0; c < 4; c++)
		before[c] = count[c * COUNTER_WORDS];
	assert_in_range(nr_at(&g, odd), 1, 2); /* CPUs 1 and 3 */
	(void)poll(NULL, 0, 20);
	for (unsigned c = 0; c < 4; c++)
		assert_int_equal(count[c * COUNTER_WORDS], before[c]);
	assert_int_equal(machine_of(&g)->freezes, 1);
	unwatch(&g, id);
	thaw(&g);
	goes_on_and_ends(&g, count);
}

/* Who is stopped before an instruction is stopped there again: both soon come in one rendezvous. */
static void two_hits_at_once_are_two_events(void **state)
{
	const uint64_t deadline = kt_now_ns() + KVM_GUEST_DEADLINE_NS;
	struct kvm_guest g;
	const volatile uint64_t *count = boot_counting(&g);
	unsigned even, odd, first;

	(void)state;
	freeze(&g);
	even = break_at(&g, kvm_guest_number(&g, "even 0x"));
	odd = break_at(&g, kvm_guest_number(&g, "odd 0x"));
	for (;;) {
		thaw(&g);
		until_hit(&g);
		if (machine_of(&g)->freezes == 2)
			break;
		assert_int_equal(machine_of(&g)->freezes, 1);
		assert_true(kt_now_ns() < deadline);
	}
	first = g.watch_id;
	assert_true(first == even || first == odd);
	thaw(&g); /* of the first: the second keeps the machine frozen */
	until_hit(&g);
	assert_int_equal(g.watch_id, first == even ? odd : even);
	assert_int_equal(machine_of(&g)->freezes, 1);
	unwatch(&g, even);
	unwatch(&g, odd);
	thaw(&g);
	goes_on_and_ends(&g, count);
}

static void a_hit_during_a_freeze_waits_for_its_turn(void **state)
{
	struct kvm_guest g;
	const volatile uint64_t *count = boot_counting(&g);
	unsigned id, hits = 0;

	(void)state;
	freeze(&g);
	id = break_at(&g, kvm_guest_number(&g, "odd 0x"));
	for (unsigned i = 0; i < 100; i++) {
		thaw(&g);
		/* Just when it is hit, or before that, or somewhere in between. */
		for (unsigned n = 0; n < i * i && !kvm_watch_pending(machine_of(&g)); n++)
			(void)sched_yield();
		freeze(&g);
		if (!kvm_watch_pending(machine_of(&g))) {
			assert_int_equal(machine_of(&g)->freezes, 1);
			continue;
		}
		hits++;
		assert_int_equal(machine_of(&g)->freezes, 2);
		until_hit(&g);
		assert_int_equal(g.watch_id, id);
		thaw(&g);
		assert_int_equal(machine_of(&g)->freezes, 1);
	}
	assert_true(hits > 0);
	unwatch(&g, id);
	thaw(&g);
	goes_on_and_ends(&g, count);
}

static void a_watch_that_ends_takes_its_hit_along(void **state)
{
	const uint64_t deadline = kt_now_ns() + KVM_GUEST_DEADLINE_NS;
	struct kvm_guest g;
	const volatile uint64_t *count = boot_counting(&g);
	unsigned id;

	(void)state;
	freeze(&g);
	id = break_at(&g, kvm_guest_number(&g, "odd 0x"));
	thaw(&g);
	while (!kvm_watch_pending(machine_of(&g)) && kt_now_ns() < deadline)
		(void)poll(NULL, 0, 1);
	freeze(&g);
	assert_int_equal(machine_of(&g)->freezes, 2);
	unwatch(&g, id);
	assert_int_equal(machine_of(&g)->freezes, 1);
	thaw(&g);
	goes_on_and_ends(&g, count);
	assert_int_equal(g.watches, 0);
}

static void a_machine_with_a_hit_can_be_stopped(void **state)
{
	struct kvm_guest g;

	(void)state;
	(void)boot_counting(&g);
	freeze(&g);
	(void)break_at(&g, kvm_guest_number(&g, "odd 0x"));
	thaw(&g);
	until_hit(&g);
	vm_stop(g.vm);
	kvm_guest_until_end(&g, VM_END_STOPPED, "stopped");
	kvm_guest_done(&g);
}

static void what_cannot_be_watched_is_refused(void **state)
{
	struct kvm_guest g;
	const volatile uint64_t *count = boot_counting(&g);
	struct kt_err e = { 0 };
	unsigned id = 77;

	(void)state;
	freeze(&g);
	assert_int_equal(vm_watch_write(g.vm, (gva_t){ 0x1001 }, 2, &id, &e), -EINVAL);
	assert_string_equal(
		unit_err_text(&e),
		"watch 2 bytes at gva 0x0000000000001001: only 1, 2, 4 or 8 aligned bytes can be watched");
	assert_int_equal(vm_watch_write(g.vm, (gva_t){ 0x1000 }, 3, &id, &e), -EINVAL);
	for (unsigned i = 0; i < KVM_WATCHES_MAX; i++)
		assert_int_equal(watch(&g, 0x200000 + 8 * i, 1U << i), i);
	assert_int_equal(vm_watch_write(g.vm, (gva_t){ 0x1000 }, 8, &id, &e), -ENOSPC);
	assert_string_equal(
		unit_err_text(&e),
		"watch 8 bytes at gva 0x0000000000001000: at most 4 addresses can be watched");
	assert_int_equal(id, 77);
	unwatch(&g, 2);
	assert_int_equal(vm_unwatch(g.vm, 2, &e), -ENOENT);
	assert_string_equal(unit_err_text(&e), "end watch 2: there is no watch 2");
	assert_int_equal(vm_unwatch(g.vm, 4, &e), -ENOENT);
	assert_int_equal(watch(&g, 0x300000, 8), 2);
	thaw(&g);
	goes_on_and_ends(&g, count);
}

/* Every length, each at the counter of another CPU. */
static void a_write_is_reported_after_it_was_done(void **state)
{
	const uint64_t deadline = kt_now_ns() + KVM_GUEST_DEADLINE_NS;
	struct kvm_guest g;
	const volatile uint64_t *count = boot_counting(&g);
	const uint64_t at = kvm_guest_number(&g, "cpus 0x");
	uint64_t before;

	(void)state;
	for (unsigned c = 0; c < 4; c++) {
		unsigned id;

		freeze(&g);
		id = watch(&g, at + c * 8 * COUNTER_WORDS, 1U << c);
		before = count[c * COUNTER_WORDS];
		thaw(&g);
		while (g.watches == c && count[c * COUNTER_WORDS] < before + 1000) {
			if (g.ended || kt_now_ns() > deadline)
				kvm_guest_fail(&g, "no hit", &(struct kt_err){ 0 });
			(void)kvm_guest_step(&g);
		}
		if (g.watches == c) {
			kvm_guest_done(&g);
			unit_require("kvm-watchpoint",
				     "1000 writes of a watched word: this host's KVM told of none");
		}
		assert_int_equal(g.watch_id, id);
		assert_int_equal(count[c * COUNTER_WORDS], before + 1);
		unwatch(&g, id);
		thaw(&g);
	}
	goes_on_and_ends(&g, count);
}

static void single_steps_of_the_guest_are_its_own(void **state)
{
	struct kvm_guest g;
	unsigned id;

	(void)state;
	boot(&g, 1, "do=step-self do=off");
	kvm_guest_until_frame(&g, "ready");
	freeze(&g);
	id = watch(&g, 0x200000, 8); /* that nobody writes: but now debug exceptions are ours */
	thaw(&g);
	assert_int_equal(vm_ring_bell(g.vm, GST_BELL_STOP), 0);
	kvm_guest_until_off(&g);
	assert_int_equal(g.watches, 0);
	if (!strstr(kt_buf_str(&g.text), "steps 5\n") ||
	    !strstr(kt_buf_str(&g.text), "causes 0x4000\n"))
		fail_msg("watch %u: %s", id, kt_buf_str(&g.text));
	kvm_guest_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hit_freezes_the_machine_where_it_was_hit),
		cmocka_unit_test(two_hits_at_once_are_two_events),
		cmocka_unit_test(a_hit_during_a_freeze_waits_for_its_turn),
		cmocka_unit_test(a_watch_that_ends_takes_its_hit_along),
		cmocka_unit_test(a_machine_with_a_hit_can_be_stopped),
		cmocka_unit_test(what_cannot_be_watched_is_refused),
		cmocka_unit_test(a_write_is_reported_after_it_was_done),
		cmocka_unit_test(single_steps_of_the_guest_are_its_own),
	};

	cmocka_set_test_filter(getenv("CMOCKA_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
