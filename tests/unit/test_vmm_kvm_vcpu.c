/* SPDX-License-Identifier: GPL-2.0-only */
/* vCPUs: what they are given before they run, how many there can be, and the ways in which one ends a machine. */
#include "tests/unit/kvm_guest.h"

#include <signal.h>
#include <sys/ioctl.h>

#include "vmm/kvm/internal.h"

enum { COUNTER_WORDS = 8 };

static void create(struct kvm_guest *g, const struct kt_topology *t, const char *steps)
{
	const struct kvm_guest_opts o = { .steps = steps, .topology = t };
	struct kt_err e = { 0 };

	kvm_guest_need_kvm();
	must(g, kvm_guest_create(g, &o, &e), "create", &e);
}

static void boot(struct kvm_guest *g, unsigned nr_cpus, const char *steps)
{
	const struct kt_topology t = { .nr_nodes = 1,
				       .nr_llcs = 1,
				       .cores = nr_cpus,
				       .threads = 1,
				       .node = { { .llcs = 1 } } };
	struct kt_err e = { 0 };

	create(g, &t, steps);
	must(g, vm_start(g->vm, &e), "start", &e);
}

/* ---- before they run ---- */

static uint64_t msr_of(const struct kvm_vcpu *v, uint32_t index)
{
	struct kvm_few_msrs msr = { .nmsrs = 1, .e[0].index = index };

	assert_int_equal(ioctl(v->fd, KVM_GET_MSRS, &msr), 1);
	return msr.e[0].data;
}

static uint32_t lapic_of(const struct kvm_vcpu *v, unsigned offset)
{
	struct kvm_lapic_state lapic;
	uint32_t value;

	assert_int_equal(ioctl(v->fd, KVM_GET_LAPIC, &lapic), 0);
	memcpy(&value, lapic.regs + offset, sizeof(value));
	return value;
}

/* CPUID leaf 0xB, EDX: the x2APIC id (Intel SDM volume 2A). */
static uint32_t told_apic_id(const struct kvm_vcpu *v)
{
	kt_auto(mem) struct x86_cpuid *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->nr = X86_CPUID_MAX;
	assert_int_equal(ioctl(v->fd, KVM_GET_CPUID2, c), 0);
	for (uint32_t i = 0; i < c->nr; i++) {
		if (c->e[i].function == 0xb)
			return c->e[i].edx;
	}
	fail_msg("no CPUID leaf 0xB");
	return 0;
}

static void each_is_given_what_firmware_would_have(void **state)
{
	/* Three packages of three cores of two threads: APIC ids have gaps. */
	const struct kt_topology t = {
		.nr_nodes = 1, .nr_llcs = 3, .cores = 3, .threads = 2, .node = { { .llcs = 3 } }
	};
	struct kvm_guest g;
	struct kvm_machine *m;

	(void)state;
	create(&g, &t, "do=off");
	m = machine_of(&g);
	assert_int_equal(m->nr_cpus, 18);
	for (unsigned i = 0; i < m->nr_cpus; i++) {
		const struct kvm_vcpu *v = &m->vcpu[i];
		struct kvm_mp_state mp;

		assert_int_equal(ioctl(v->fd, KVM_GET_MP_STATE, &mp), 0);
		assert_int_equal(mp.mp_state,
				 i ? KVM_MP_STATE_UNINITIALIZED : KVM_MP_STATE_RUNNABLE);
		assert_int_equal(msr_of(v, 0x2ff), 0x806); /* MTRRs: all write-back */
		assert_true(msr_of(v, 0x1a0) & 1); /* fast strings */
		assert_int_equal(told_apic_id(v), x86_apic_id(&t, i));
		assert_int_equal(lapic_of(v, 0x20) >> 24, x86_apic_id(&t, i));
	}
	assert_int_equal(lapic_of(&m->vcpu[0], 0x350), 0x700); /* LINT0: ExtINT */
	assert_int_equal(lapic_of(&m->vcpu[0], 0x360), 0x400); /* LINT1: NMI */
	kvm_guest_done(&g); /* without having run */
}

/* Linux drops CPUs that it cannot reach before it looks at what mode its own could have (acpi_parse_x2apic(), 6.12). */
static void the_first_starts_in_x2apic_mode_where_others_have_wide_ids(void **state)
{
	static const struct {
		unsigned llcs, cores;
		uint64_t mode; /* IA32_APIC_BASE: EN, EXTD */
	} rows[] = { { 1, 2, 0x800 }, { 15, 16, 0x800 }, { 14, 18, 0xc00 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct kt_topology t = { .nr_nodes = 1,
					       .nr_llcs = rows[i].llcs,
					       .cores = rows[i].cores,
					       .threads = 1,
					       .node = { { .llcs = rows[i].llcs } } };
		struct kvm_sregs sregs;
		struct kvm_guest g;

		create(&g, &t, "do=off");
		assert_int_equal(ioctl(machine_of(&g)->vcpu[0].fd, KVM_GET_SREGS, &sregs), 0);
		assert_int_equal(sregs.apic_base & 0xc00, rows[i].mode);
		assert_int_equal(lapic_of(&machine_of(&g)->vcpu[0], 0x350), 0x700); /* LINT0 */
		kvm_guest_done(&g);
	}
}

static void one_can_be_stepped_instruction_by_instruction(void **state)
{
	struct kvm_guest g;
	struct kvm_guest_debug debug = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP };
	struct kvm_vcpu *v;
	uint64_t rip = 0;

	(void)state;
	create(&g, NULL, "do=off");
	v = &machine_of(&g)->vcpu[0];
	assert_int_equal(ioctl(v->fd, KVM_SET_GUEST_DEBUG, &debug), 0);
	/* cli, cld, mov, mov: the guest's first (tests/guests/entry.S) */
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(ioctl(v->fd, KVM_RUN, 0), 0);
		assert_int_equal(v->run->exit_reason, KVM_EXIT_DEBUG);
		assert_true(v->run->debug.arch.dr6 & 0x4000); /* BS */
		assert_true(v->run->debug.arch.pc > rip);
		assert_true(i == 0 || v->run->debug.arch.pc - rip < 16);
		rip = v->run->debug.arch.pc;
	}
	kvm_guest_done(&g);
}

/* ---- many ---- */

/* All but the first have halted, having said so: 252 that are busy would wait for this host's few CPUs. */
static void there_can_be_252_and_all_run_and_stop(void **state)
{
	enum { NR = 252 };
	const struct kt_topology t = { .nr_nodes = 2,
				       .nr_llcs = 14,
				       .cores = 9,
				       .threads = 2,
				       .node = { { .llcs = 7 }, { .llcs = 7 } } };
	struct kvm_guest g;
	struct kt_err e = { 0 };
	struct vm_regs r, other;

	(void)state;
	create(&g, &t, "do=smp do=spin");
	assert_int_equal(machine_of(&g)->nr_cpus, NR);
	must(&g, vm_start(g.vm, &e), "start", &e);
	kvm_guest_until_frame(&g, "smp 252 0x");
	kvm_guest_until_console(&g, "cpu 251 apic 433\n");
	for (unsigned i = 0; i < 3; i++) {
		must(&g, vm_freeze(g.vm, &e), "freeze", &e);
		must(&g, vm_read_regs(g.vm, 1, &r, &e), "registers", &e);
		for (unsigned c = 2; c < NR; c++) {
			must(&g, vm_read_regs(g.vm, c, &other, &e), "registers", &e);
			assert_int_equal(other.rip, r.rip);
			assert_int_not_equal(other.rsp, r.rsp);
		}
		must(&g, vm_thaw(g.vm, &e), "thaw", &e);
	}
	vm_stop(g.vm);
	kvm_guest_until_end(&g, VM_END_STOPPED, "stopped");
	kvm_guest_done(&g);
}

static void exits_are_counted_by_kind(void **state)
{
	struct vm_exit_count counts[2 * KVM_COUNT_NR];
	struct kvm_guest g;
	uint64_t io = 0, kicks = 0;
	size_t nr;

	(void)state;
	boot(&g, 2, "do=say:hello do=off");
	kvm_guest_until_off(&g);
	nr = vm_exit_counts(g.vm, counts, 2 * KVM_COUNT_NR);
	assert_int_equal(nr, KVM_COUNT_NR);
	for (size_t i = 0; i < nr; i++) {
		if (strcmp(counts[i].reason, "io") == 0)
			io = counts[i].count;
		if (strcmp(counts[i].reason, "kick") == 0)
			kicks = counts[i].count;
	}
	assert_true(io >= strlen("32 bits\nhello\n"));
	assert_true(kicks >= 1); /* the other vCPU, at the end */
	assert_int_equal(vm_exit_counts(g.vm, counts, 1), 1);
	kvm_guest_done(&g);
}

/* ---- ends ---- */

static void a_triple_fault_names_its_vcpu_and_place(void **state)
{
	struct kvm_guest g;

	(void)state;
	boot(&g, 3, "do=cpu-faults");
	kvm_guest_until_end(&g, VM_END_RESET, "triple fault of vCPU 1");
	/* Where, if the processor tells: in the guest's code. */
	if (strcmp(g.end_text, "triple fault of vCPU 1") != 0)
		assert_ptr_equal(strstr(g.end_text, " at rip 0x000000000010"),
				 g.end_text + strlen("triple fault of vCPU 1"));
	kvm_guest_done(&g);
}

static void an_instruction_that_kvm_cannot_run_ends_the_machine_with_a_hint(void **state)
{
	struct kvm_guest g;

	(void)state;
	boot(&g, 2, "do=jump:0xd0000000");
	kvm_guest_until_end(&g, VM_END_CRASHED,
			    "vCPU 0 at rip 0x00000000d0000000: KVM cannot emulate the instruction");
	if (!strstr(g.end_text,
		    "; this host's KVM cannot run this kernel: see 'ktstr-make doctor'"))
		fail_msg("%s", g.end_text);
	kvm_guest_done(&g);
}

/* As when the device is taken away: the next KVM_RUN of this vCPU fails. */
static void a_vcpu_that_is_lost_ends_the_machine(void **state)
{
	struct kvm_guest g;
	struct kvm_vcpu *v;
	int null;

	(void)state;
	boot(&g, 4, "do=all-count");
	kvm_guest_until_frame(&g, "cpus 0x");
	v = &machine_of(&g)->vcpu[2];
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_true(null >= 0);
	assert_int_equal(dup3(null, v->fd, O_CLOEXEC), v->fd); /* the number is not used again */
	(void)close(null);
	kvm_vcpus_kick(machine_of(&g));
	kvm_guest_until_end(&g, VM_END_CRASHED,
			    "vCPU 2 cannot run: KVM_RUN: Inappropriate ioctl for device");
	kvm_guest_done(&g);
}

static void stopping_twice_and_at_any_time_is_fine(void **state)
{
	struct kvm_guest g;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		boot(&g, 4, "do=all-count");
		(void)poll(NULL, 0, (int)i);
		assert_int_equal(kvm_vcpus_stop(machine_of(&g)), 0);
		assert_int_equal(kvm_vcpus_stop(machine_of(&g)), 0);
		kvm_guest_done(&g);
	}
}

/* Whatever is sent to the process is for its other threads, and nothing of ours reaches them. */
static void signals_of_the_process_do_not_reach_vcpus(void **state)
{
	kt_auto(buf) struct kt_buf status = { 0 };
	kt_auto(mem) char *path = NULL;
	struct kvm_guest g;
	uint64_t blocked;
	const char *at;

	(void)state;
	boot(&g, 1, "do=count do=off");
	kvm_guest_until_frame(&g, "count 0x");
	path = kt_fmt("/proc/self/task/%d/status", (int)machine_of(&g)->vcpu[0].tid);
	assert_int_equal(kt_file_read(path, 64 << 10, &status, NULL), 0);
	at = strstr(kt_buf_str(&status), "SigBlk:\t");
	assert_non_null(at);
	blocked = strtoull(at + strlen("SigBlk:\t"), NULL, 16);
	for (int s = 1; s <= SIGSYS; s++) {
		bool own = s == SIGSEGV || s == SIGBUS || s == SIGILL || s == SIGFPE ||
			   s == SIGTRAP || s == SIGABRT || s == SIGSYS || s == SIGKILL ||
			   s == SIGSTOP || s == SIGURG; /* the last one kicks them */

		assert_int_equal(blocked >> (s - 1) & 1, !own);
	}
	assert_int_equal(vm_ring_bell(g.vm, GST_BELL_STOP), 0);
	kvm_guest_until_off(&g);
	kvm_guest_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_given_what_firmware_would_have),
		cmocka_unit_test(the_first_starts_in_x2apic_mode_where_others_have_wide_ids),
		cmocka_unit_test(one_can_be_stepped_instruction_by_instruction),
		cmocka_unit_test(there_can_be_252_and_all_run_and_stop),
		cmocka_unit_test(exits_are_counted_by_kind),
		cmocka_unit_test(a_triple_fault_names_its_vcpu_and_place),
		cmocka_unit_test(an_instruction_that_kvm_cannot_run_ends_the_machine_with_a_hint),
		cmocka_unit_test(a_vcpu_that_is_lost_ends_the_machine),
		cmocka_unit_test(stopping_twice_and_at_any_time_is_fine),
		cmocka_unit_test(signals_of_the_process_do_not_reach_vcpus),
	};

	cmocka_set_test_filter(getenv("CMOCKA_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
