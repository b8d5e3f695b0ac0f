/* SPDX-License-Identifier: GPL-2.0-only */
/* Performance mode of a whole machine on /dev/kvm: what its threads have, what the guest is told, what is said. */
#include "tests/unit/kvm_guest.h"

#include <sched.h>

static bool has_note(const struct kvm_guest *g, const char *text)
{
	const char *const *notes;
	size_t nr = vm_notes(g->vm, &notes);

	for (size_t i = 0; i < nr; i++) {
		if (strstr(notes[i], text))
			return true;
	}
	return false;
}

static unsigned nr_cpus_here(void)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	return (unsigned)CPU_COUNT(&set);
}

/* The thread of that name; 0: there is none. */
static pid_t find_thread(const char *name)
{
	kt_auto(dir) DIR *d = opendir("/proc/self/task");
	struct dirent *entry;

	assert_non_null(d);
	while ((entry = readdir(d)) != NULL) {
		char path[300], comm[32];
		unsigned tid;

		(void)kt_snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		if (kt_parse_uint(entry->d_name, 1, INT32_MAX, &tid) == 0 &&
		    kt_file_read_small(path, comm, sizeof(comm)) > 0 && strcmp(comm, name) == 0)
			return (pid_t)tid;
	}
	return 0;
}

/* Bit 0 of EDX of leaf 0x40000001: KVM_HINTS_REALTIME. */
static bool guest_was_promised_real_time(const struct kvm_guest *g)
{
	const char *at = strstr(kt_buf_str(&g->console), "cpu 0 cpuid 40000001 0 ");
	unsigned eax, ebx, ecx, edx;

	assert_non_null(at);
	assert_int_equal(sscanf(at, "cpu 0 cpuid 40000001 0 %x %x %x %x", &eax, &ebx, &ecx, &edx),
			 4);
	return edx & 1;
}

static void a_pinned_machine_runs_and_gives_everything_back(void **state)
{
	unsigned nr = nr_cpus_here();
	struct kvm_guest g;
	pid_t thread;
	cpu_set_t of_vcpu, ours, both;

	(void)state;
	if (nr < 2)
		unit_require("smp", "one CPU only");
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=cpuid do=echo do=off",
						     .performance = true });
	kvm_guest_until_console(&g, "cpu 0 cpuid 80000000 ");
	thread = find_thread("vcpu 0");
	assert_true(thread > 0);
	assert_int_equal(sched_getaffinity(thread, sizeof(of_vcpu), &of_vcpu), 0);
	assert_int_equal(sched_getaffinity(0, sizeof(ours), &ours), 0);
	CPU_AND(&both, &of_vcpu, &ours);
	assert_int_equal(CPU_COUNT(&of_vcpu), 1);
	assert_int_equal(CPU_COUNT(&ours), nr - 1);
	assert_int_equal(CPU_COUNT(&both), 0);
	assert_true(sched_getscheduler(thread) == SCHED_FIFO || has_note(&g, "real-time priority"));
	assert_false(has_note(&g, "cannot pin"));
	assert_false(has_note(&g, "host CPUs: no vCPU is pinned"));
	assert_int_equal(vm_ring_bell(g.vm, GST_BELL_STOP), 0);
	kvm_guest_until_off(&g);
	assert_true(guest_was_promised_real_time(&g));
	kvm_guest_done(&g);
	assert_int_equal(nr_cpus_here(), nr);
}

static void a_machine_larger_than_the_host_runs_unpinned_and_says_so(void **state)
{
	const struct kt_topology t = {
		.nr_nodes = 1,
		.nr_llcs = 1,
		.cores = nr_cpus_here() + 1,
		.threads = 1,
		.node = { { .llcs = 1 } },
	};
	struct kvm_guest g;
	cpu_set_t set;

	(void)state;
	if (kt_topo_nr_cpus(&t) > KT_TOPO_CPUS_MAX)
		unit_require("small-host", "more CPUs than the largest machine");
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=cpuid do=echo do=off",
						     .topology = &t,
						     .performance = true });
	assert_true(has_note(&g, "no vCPU is pinned or has real-time priority; timings will vary"));
	kvm_guest_until_console(&g, "cpu 0 cpuid 80000000 ");
	assert_int_equal(sched_getaffinity(find_thread("vcpu 0"), sizeof(set), &set), 0);
	assert_int_equal(CPU_COUNT(&set), nr_cpus_here());
	assert_int_equal(vm_ring_bell(g.vm, GST_BELL_STOP), 0);
	kvm_guest_until_off(&g);
	assert_false(guest_was_promised_real_time(&g));
	kvm_guest_done(&g);
}

static void without_performance_mode_nothing_is_said_or_promised(void **state)
{
	const char *const *notes;
	struct kvm_guest g;

	(void)state;
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=cpuid do=off" });
	assert_int_equal(vm_notes(g.vm, &notes), 0);
	kvm_guest_until_off(&g);
	assert_false(guest_was_promised_real_time(&g));
	kvm_guest_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pinned_machine_runs_and_gives_everything_back),
		cmocka_unit_test(a_machine_larger_than_the_host_runs_unpinned_and_says_so),
		cmocka_unit_test(without_performance_mode_nothing_is_said_or_promised),
	};

	return cmocka_run_group_tests_name("vmm_kvm_perf", tests, NULL, NULL);
}
