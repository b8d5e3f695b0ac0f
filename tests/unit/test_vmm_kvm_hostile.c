/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests that mean harm: any value to any port and address, any bytes in the ring, bells without end. Whatever they do the
 * machine ends as machines do, and the host's side has lost nothing.
 */
#include "tests/unit/kvm_guest.h"

#include "base/parse.h"

enum { SEEDS = 12, ACCESSES = 4000 };

/* KTSTR_TEST_SEEDS: how many, for longer runs by hand; KTSTR_TEST_SEED: from where on. */
static unsigned from_environment(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);
	unsigned v = otherwise;

	if (text && kt_parse_uint(text, 0, 1000000000, &v) < 0)
		fail_msg("%s='%s' is not a number", name, text);
	return v;
}

/* The ends that are the guest's to choose. */
static void until_some_end(struct kvm_guest *g, unsigned seed)
{
	uint64_t deadline = kt_now_ns() + KVM_GUEST_DEADLINE_NS;
	struct kt_err e = { 0 };

	while (!g->ended) {
		(void)kvm_guest_step(g);
		if (kt_now_ns() > deadline) {
			print_message("seed %u\n", seed);
			kvm_guest_fail(g, "no end", &e);
		}
	}
	if (g->end != VM_END_POWEROFF && g->end != VM_END_RESET) {
		print_message("seed %u\n", seed);
		kvm_guest_fail(g, "another end", &e);
	}
}

static void any_access_to_any_port_and_address_ends_as_machines_do(void **state)
{
	const unsigned first = from_environment("KTSTR_TEST_SEED", 1);
	const unsigned nr = from_environment("KTSTR_TEST_SEEDS", SEEDS);
	const unsigned fds = unit_nr_entries("/proc/self/fd");
	unsigned to_the_end = 0;

	(void)state;
	for (unsigned seed = first; seed < first + nr; seed++) {
		kt_auto(mem) char *steps =
			kt_fmt("do=frame:begin do=fuzz:%u,%u do=off", seed, (unsigned)ACCESSES);
		struct kvm_guest g;

		kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = steps });
		until_some_end(&g, seed);
		assert_non_null(strstr(kt_buf_str(&g.text), "SOUT begin\n"));
		assert_int_equal(g.bad_crc, 0);
		assert_int_equal(g.broken, 0);
		/* Even seeds leave alone what ends a machine: nothing else may. */
		if (seed % 2 == 0 && !strstr(kt_buf_str(&g.text), "SOUT fuzzed\n")) {
			print_message("seed %u\n", seed);
			kvm_guest_fail(&g, "did not get through", &(struct kt_err){ 0 });
		}
		to_the_end += g.end == VM_END_RESET;
		kvm_guest_done(&g);
	}
	if (nr >= SEEDS)
		assert_true(to_the_end > 0); /* odd ones do find a reset */
	assert_int_equal(unit_nr_entries("/proc/self/fd"), fds);
}

/* Its own APIC included, which may stop the CPU for good: then it is stopped. */
static void accesses_to_its_own_apic_can_at_worst_stop_the_guest(void **state)
{
	const unsigned first = from_environment("KTSTR_TEST_SEED", 1);

	(void)state;
	for (unsigned seed = first; seed < first + 4; seed++) {
		kt_auto(mem) char *steps =
			kt_fmt("do=frame:begin do=fuzz-apic:%u,200 do=frame:through do=off", seed);
		struct kvm_guest g;

		kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = steps });
		kvm_guest_until_frame(&g, "SOUT begin\n");
		for (unsigned i = 0; i < 20 && !g.ended; i++) {
			struct vm_event ev;
			struct kt_err e = { 0 };

			assert_int_equal(vm_wait(g.vm, 50, &ev, &e), 0);
			kvm_guest_take(&g, &ev);
		}
		vm_stop(g.vm);
		while (!g.ended)
			(void)kvm_guest_step(&g);
		/* An INIT and a SIPI to itself: it runs where there is no code of its own. */
		if (g.end == VM_END_CRASHED &&
		    !strstr(g.end_text, "KVM cannot emulate the instruction"))
			kvm_guest_fail(&g, "crashed", &(struct kt_err){ 0 });
		kvm_guest_done(&g);
	}
}

static void any_bytes_in_the_ring_break_it_at_most(void **state)
{
	const unsigned first = from_environment("KTSTR_TEST_SEED", 1);
	const unsigned nr = from_environment("KTSTR_TEST_SEEDS", SEEDS);
	unsigned broken = 0;

	(void)state;
	for (unsigned seed = first; seed < first + nr; seed++) {
		kt_auto(mem) char *steps = kt_fmt("do=fuzz-ring:%u,60 do=say:alive do=off", seed);
		struct kvm_guest g;

		kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = steps });
		until_some_end(&g, seed);
		assert_int_equal(g.end, VM_END_POWEROFF);
		assert_non_null(strstr(kt_buf_str(&g.console), "alive\n"));
		assert_true(g.broken <= 1);
		broken += g.broken;
		kvm_guest_done(&g);
	}
	if (nr >= SEEDS)
		assert_true(broken > 0);
}

/* Bells cost the guest, not the host: each call of vm_wait() does a bounded amount of work, and bells are not queued. */
static void bells_without_end_keep_nobody_from_stopping_the_machine(void **state)
{
	static const char *const steps[] = { "do=frame:here do=ring:4000000000",
					     "do=com2 do=frame:here do=ring:4000000000" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct kvm_guest g;

		kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = steps[i] });
		kvm_guest_until_frame(&g, "SOUT here\n");
		for (unsigned n = 0; n < 500; n++)
			(void)kvm_guest_step(&g);
		assert_string_equal(kt_buf_str(&g.text), "SOUT here\n");
		vm_stop(g.vm);
		kvm_guest_until_end(&g, VM_END_STOPPED, "stopped");
		kvm_guest_done(&g);
	}
}

/* Frames and console at once from two CPUs, and a reset in the middle: what was said before is all there. */
static void what_was_said_before_a_reset_is_delivered_before_the_end(void **state)
{
	struct kvm_guest g;

	(void)state;
	kvm_guest_boot(&g,
		       &(struct kvm_guest_opts){ .steps = "do=flood:300 do=frames:100 do=triple" });
	kvm_guest_until_end(&g, VM_END_RESET, "triple fault");
	assert_non_null(strstr(kt_buf_str(&g.console), "\nflood 299 "));
	assert_non_null(strstr(kt_buf_str(&g.text), "SOUT frame 99\n"));
	kvm_guest_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_access_to_any_port_and_address_ends_as_machines_do),
		cmocka_unit_test(accesses_to_its_own_apic_can_at_worst_stop_the_guest),
		cmocka_unit_test(any_bytes_in_the_ring_break_it_at_most),
		cmocka_unit_test(bells_without_end_keep_nobody_from_stopping_the_machine),
		cmocka_unit_test(what_was_said_before_a_reset_is_delivered_before_the_end),
	};

	cmocka_set_test_filter(getenv("CMOCKA_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
