/* SPDX-License-Identifier: GPL-2.0-only */
/* Machines on /dev/kvm with the guest of tests/guests: each device, each table, each way to end, bells and frames both ways. */
#include "tests/unit/kvm_guest.h"

#include "base/proc.h"
#include "vmm/kvm/internal.h"

/* Boots, expects the power-off at the end, and leaves what was said in @g. */
static void run(struct kvm_guest *g, const char *steps)
{
	kvm_guest_boot(g, &(struct kvm_guest_opts){ .steps = steps });
	kvm_guest_until_off(g);
}

static void expect_console(const struct kvm_guest *g, const char *text)
{
	if (!strstr(kt_buf_str(&g->console), text))
		fail_msg("no '%s' in:\n%s", text, kt_buf_str(&g->console));
}

static uint64_t exits(const struct kvm_guest *g, const char *reason)
{
	struct vm_exit_count counts[32];
	size_t nr = vm_exit_counts(g->vm, counts, 32);

	for (size_t i = 0; i < nr; i++) {
		if (strcmp(counts[i].reason, reason) == 0)
			return counts[i].count;
	}
	fail_msg("no exits '%s'", reason);
	return 0;
}

static void expect_in(const char *text, const char *word)
{
	if (!strstr(text, word))
		fail_msg("no '%s' in:\n%s", word, text);
}

/* What the kernel is given: our words before the user's, which override. */
static void check_cmdline(const struct kvm_guest *g, const char *ours, const char *users)
{
	kt_auto(mem) char *have = calloc(1, X86_CMDLINE_MAX);
	kt_auto(mem) char *want = kt_fmt("%s %s", ours, users);

	assert_non_null(have);
	assert_int_equal(vm_read_gpa(g->vm, (gpa_t){ X86_CMDLINE_GPA }, have, X86_CMDLINE_MAX - 1),
			 0);
	expect_in(have, " ktstr.ring=0x");
	expect_in(have, " ktstr.bell=0xc0003000 ");
	assert_true(kt_ends_with(have, want));
}

/* ---- a machine from its first word to its end ---- */

static void a_guest_says_hello_in_32_and_64_bits_and_powers_off(void **state)
{
	struct kvm_guest g;

	(void)state;
	run(&g, "do=say:hello do=off");
	check_cmdline(&g, " reboot=acpi", "do=say:hello do=off");
	assert_string_equal(kt_buf_str(&g.console), "32 bits\nhello\n");
	kvm_guest_done(&g);
}

static void every_way_to_end_is_told_apart(void **state)
{
	static const struct {
		const char *steps;
		enum vm_end end;
		const char *text;
	} ways[] = {
		{ "do=other-sleep do=off", VM_END_POWEROFF, "the guest powered off" },
		{ "do=reset", VM_END_RESET, "the guest reset the machine" },
		{ "do=reset:cf9", VM_END_RESET, "the guest reset the machine" },
		{ "do=reset:8042", VM_END_RESET, "the guest reset the machine" },
		/* And where, but for AMD's. */
		{ "do=triple", VM_END_RESET, "triple fault of vCPU 0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct kvm_guest g;

		kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = ways[i].steps });
		kvm_guest_until_end(&g, ways[i].end, ways[i].text);
		kvm_guest_done(&g);
	}
}

static void a_machine_that_sleeps_spins_or_floods_can_be_stopped(void **state)
{
	static const char *const steps[] = { "do=frame:here do=hlt", "do=frame:here do=spin",
					     "do=frame:here do=flood" };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct kvm_guest g;

		kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = steps[i] });
		kvm_guest_until_frame(&g, "SOUT here\n");
		vm_stop(g.vm);
		vm_stop(g.vm);
		kvm_guest_until_end(&g, VM_END_STOPPED, "stopped");
		kvm_guest_done(&g);
	}
}

static void machines_can_be_freed_at_any_time_and_leave_nothing(void **state)
{
	const unsigned fds = unit_nr_entries("/proc/self/fd");
	const unsigned threads = unit_nr_entries("/proc/self/task"); /* sanitizers have their own */
	struct kvm_guest g;
	struct kt_err e = { 0 };

	(void)state;
	kvm_guest_need_kvm();
	assert_int_equal(kvm_guest_create(&g, &(struct kvm_guest_opts){ .steps = "do=off" }, &e),
			 0);
	kvm_guest_done(&g); /* never started */
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=flood" });
	kvm_guest_done(&g); /* never waited for */
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=flood" });
	kvm_guest_until_console(&g, "flood 1 ");
	kvm_guest_done(&g);
	assert_int_equal(unit_nr_entries("/proc/self/fd"), fds);
	assert_int_equal(unit_nr_entries("/proc/self/task"), threads);
}

static void what_cannot_be_a_machine_says_why(void **state)
{
	struct kvm_guest g;
	struct kt_err e = { 0 };
	kt_auto(buf) struct kt_buf words = { 0 };

	(void)state;
	kvm_guest_need_kvm();
	assert_true(kvm_guest_create(&g, &(struct kvm_guest_opts){ .kernel = "/nonexistent" }, &e) <
		    0);
	assert_string_equal(
		unit_err_text(&e),
		"set up a machine (KVM): open kernel '/nonexistent': No such file or directory");
	e = (struct kt_err){ 0 };
	assert_true(kvm_guest_create(&g, &(struct kvm_guest_opts){ .initrd = "/nonexistent" }, &e) <
		    0);
	assert_non_null(strstr(unit_err_text(&e), "'/nonexistent': No such file or directory"));
	for (unsigned i = 0; i < 300; i++)
		kt_buf_adds(&words, "aword=x ");
	e = (struct kt_err){ 0 };
	assert_true(kvm_guest_create(&g, &(struct kvm_guest_opts){ .steps = words.data }, &e) < 0);
	assert_int_equal(e.kind, KT_E_CONFIG);
	assert_non_null(strstr(unit_err_text(&e), "it takes at most 2047: console=ttyS0 "));
}

/* ---- ports, MMIO, serial ports ---- */

static void what_is_there_answers_and_what_is_not_gives_all_ones(void **state)
{
	struct kvm_guest g;

	(void)state;
	run(&g, "do=devices do=absent do=off");
	assert_string_equal(kt_buf_str(&g.console),
			    "32 bits\ndevices are there\nnothing is there\n");
	kvm_guest_done(&g);
}

static void com1_sends_by_interrupts(void **state)
{
	struct kvm_guest g;

	(void)state;
	run(&g, "do=irq-say:one-byte-at-a-time do=off");
	assert_string_equal(kt_buf_str(&g.console), "32 bits\none-byte-at-a-time\n");
	kvm_guest_done(&g);
}

static void ring_all(struct kvm_guest *g, const char *bells)
{
	for (; *bells; bells++)
		assert_int_equal(vm_ring_bell(g->vm, *bells), 0);
}

static void bells_reach_a_guest_that_polls(void **state)
{
	struct kvm_guest g;

	(void)state;
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=frame:ready do=echo do=off" });
	kvm_guest_until_frame(&g, "SOUT ready\n");
	ring_all(&g, "abc");
	kvm_guest_until_frame(&g, "SOUT bell c\n");
	ring_all(&g, "s");
	kvm_guest_until_off(&g);
	assert_string_equal(kt_buf_str(&g.text), "SOUT ready\nSOUT bell a\nSOUT bell b\n"
						 "SOUT bell c\nSOUT bell s\n");
	kvm_guest_done(&g);
}

static void bells_wake_a_guest_that_sleeps(void **state)
{
	struct kvm_guest g;

	(void)state;
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=irq-echo do=off" });
	kvm_guest_until_frame(&g, "SOUT listening\n");
	for (const char *c = "abcde"; *c; c++) {
		const char word[] = { ' ', *c, '\n', '\0' };

		assert_int_equal(vm_ring_bell(g.vm, *c), 0);
		kvm_guest_until_frame(&g, word);
	}
	ring_all(&g, "s");
	kvm_guest_until_off(&g);
	kvm_guest_done(&g);
}

static void bells_that_nobody_takes_are_refused_in_the_end(void **state)
{
	struct kvm_guest g;
	unsigned taken = 0;

	(void)state;
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=frame:ready do=hlt" });
	kvm_guest_until_frame(&g, "SOUT ready\n");
	while (taken < 1000 && vm_ring_bell(g.vm, 'x') == 0)
		taken++;
	assert_int_equal(taken, 64);
	assert_int_equal(vm_ring_bell(g.vm, 'x'), -EAGAIN);
	kvm_guest_done(&g);
}

/* ---- the doorbell and frames ---- */

static void the_doorbell_costs_no_exit_to_us(void **state)
{
	struct kvm_guest g;

	(void)state;
	run(&g, "do=ring:100 do=frame:rung do=off");
	assert_string_equal(kt_buf_str(&g.text), "SOUT rung\n");
	assert_int_equal(exits(&g, "mmio"), 0);
	kvm_guest_done(&g);
}

/* Any size of store, anywhere in its page. */
static void the_doorbell_may_be_rung_in_any_way(void **state)
{
	struct kvm_guest g;

	(void)state;
	run(&g, "do=silent-frame:quiet do=doorbell do=frame:rung do=off");
	assert_string_equal(kt_buf_str(&g.text), "SOUT quiet\nSOUT rung\n");
	kvm_guest_done(&g);
}

static void frames_arrive_in_order_by_doorbell_and_by_com2(void **state)
{
	static const char *const steps[] = { "do=frames:300 do=off",
					     "do=com2 do=frames:300 do=off" };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct kvm_guest g;
		kt_auto(buf) struct kt_buf want = { 0 };

		for (unsigned f = 0; f < 300; f++)
			kt_buf_addf(&want, "SOUT frame %u\n", f);
		run(&g, steps[i]);
		assert_string_equal(kt_buf_str(&g.text), want.data);
		kvm_guest_done(&g);
	}
}

static void frames_without_a_bell_are_found_by_looking(void **state)
{
	struct kvm_guest g;

	(void)state;
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=silent-frame:psst do=hlt" });
	kvm_guest_until_frame(&g, "SOUT psst\n");
	kvm_guest_done(&g);
	run(&g, "do=silent-frame:last do=off"); /* also those just before the end */
	assert_string_equal(kt_buf_str(&g.text), "SOUT last\n");
	kvm_guest_done(&g);
}

static void nonsense_in_the_ring_is_reported_once(void **state)
{
	struct kvm_guest g;

	(void)state;
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=frame:good do=echo do=break-ring "
							      "do=ring:50 do=say:alive do=off" });
	kvm_guest_until_frame(&g, "SOUT good\n");
	ring_all(
		&g,
		"s"); /* the ring breaks right after its echo, which may or may not be read before */
	kvm_guest_until_off(&g);
	if (strcmp(kt_buf_str(&g.text), "SOUT good\n") != 0)
		assert_string_equal(kt_buf_str(&g.text), "SOUT good\nSOUT bell s\n");
	assert_int_equal(g.broken, 1);
	expect_console(&g, "alive\n");
	kvm_guest_done(&g);
}

/* ---- the console ---- */

static void a_flood_waits_for_a_slow_reader_and_nothing_is_lost(void **state)
{
	kt_auto(buf) struct kt_buf want = { 0 };
	struct kvm_guest g;

	(void)state;
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=flood:1100 do=off" });
	kt_buf_adds(&want, "32 bits\n");
	for (unsigned i = 0; i < 1100; i++)
		kt_buf_addf(&want,
			    "flood %u ......................................................\n", i);
	/* Nobody reads: it cannot get further than the queue is long. */
	(void)poll(NULL, 0, 300);
	kvm_guest_until_off(&g);
	assert_int_equal(g.console.len, want.len);
	assert_memory_equal(g.console.data, want.data, want.len);
	kvm_guest_done(&g);
}

static void freezes_lose_nothing_of_a_flood(void **state)
{
	const unsigned lines =
		1100; /* more than the queue takes: the vCPU is held back when the first freeze comes */
	kt_auto(buf) struct kt_buf want = { 0 };
	struct kt_err e = { 0 };
	struct kvm_guest g;

	(void)state;
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=flood:1100 do=off" });
	kt_buf_adds(&want, "32 bits\n");
	for (unsigned i = 0; i < lines; i++)
		kt_buf_addf(&want,
			    "flood %u ......................................................\n", i);
	while (exits(&g, "io") < KVM_CONSOLE_BYTES)
		(void)poll(NULL, 0, 10);
	for (unsigned i = 0; i < 5; i++) {
		if (vm_freeze(g.vm, &e) < 0 || vm_thaw(g.vm, &e) < 0)
			kvm_guest_fail(&g, "freeze", &e);
		(void)kvm_guest_step(&g);
	}
	kvm_guest_until_off(&g);
	assert_int_equal(g.console.len, want.len);
	assert_memory_equal(g.console.data, want.data, want.len);
	kvm_guest_done(&g);
}

static void a_console_flood_does_not_starve_frames(void **state)
{
	const struct kt_topology two = {
		.nr_nodes = 1, .nr_llcs = 2, .cores = 1, .threads = 1, .node = { { .llcs = 2 } }
	};
	struct kvm_guest g;

	(void)state;
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=smp:flood do=frames:50 do=off",
						     .topology = &two });
	kvm_guest_until_off(&g);
	assert_non_null(strstr(kt_buf_str(&g.text), "SOUT frame 49\n"));
	expect_console(&g, "cpu 1 flood 1\n");
	kvm_guest_done(&g);
}

/* ---- what the machine says of itself ---- */

static const struct kt_topology three_nodes = {
	.nr_nodes = 3,
	.nr_llcs = 3,
	.cores = 2,
	.threads = 2,
	.node = { { .llcs = 2, .memory_bytes = UINT64_C(1) << 30 },
		  { .llcs = 1, .memory_bytes = UINT64_C(1) << 30, .latency_ns = 100 },
		  { .memory_bytes = UINT64_C(3) << 30, .latency_ns = 300, .bandwidth_mbs = 5000 } },
};

static unsigned hex_of(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* One table that the guest printed at @at ("acpi SIGN 0xGPA LENGTH\nHEX"), against what is in its memory. */
static const char *check_table(const struct kvm_guest *g, const char *at, char ret_name[8])
{
	unsigned long long gpa = 0;
	unsigned len = 0;
	kt_auto(mem) uint8_t *have = NULL;

	assert_int_equal(sscanf(at, "acpi %7s 0x%llx %u", ret_name, &gpa, &len), 3);
	have = malloc(len);
	assert_non_null(have);
	assert_int_equal(vm_read_gpa(g->vm, (gpa_t){ gpa }, have, len), 0);
	at = strchr(at, '\n') + 1;
	for (unsigned i = 0; i < len; i++) {
		if (*at == '\n')
			at++;
		assert_int_equal(hex_of(at[0]) << 4 | hex_of(at[1]), have[i]);
		at += 2;
	}
	return at + 1;
}

static void every_acpi_table_is_read_by_the_guest(void **state)
{
	static const char *const want[] = { "RSDP", "XSDT", "FACP", "APIC",
					    "SRAT", "SLIT", "HMAT", "DSDT" };
	kt_auto(buf) struct kt_buf seen = { 0 };
	struct kvm_guest g;
	const char *at;
	char name[8];

	(void)state;
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=acpi do=off",
						     .topology = &three_nodes,
						     .memory_mib = 5 << 10 });
	kvm_guest_until_off(&g);
	at = strstr(kt_buf_str(&g.console), "acpi RSDP");
	assert_non_null(at);
	while (strncmp(at, "acpi end", 8) != 0) {
		at = check_table(&g, at, name);
		kt_buf_addf(&seen, " %s", name);
	}
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		if (!strstr(kt_buf_str(&seen), want[i]))
			fail_msg("no %s among%s", want[i], kt_buf_str(&seen));
	}
	kvm_guest_done(&g);
}

static void the_memory_map_is_read_by_the_guest_and_the_ram_is_there(void **state)
{
	static struct vm_layout layout;
	kt_auto(buf) struct kt_buf want = { 0 };
	struct x86_e820 map;
	struct kvm_guest g;
	uint64_t ring_len = 0, ram = 0;
	const struct vm_ram *pieces;

	(void)state;
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=memmap do=ram do=off",
						     .topology = &three_nodes,
						     .memory_mib = 5 << 10 });
	kvm_guest_until_off(&g);
	layout = (struct vm_layout){ .nr_pieces = vm_ram_pieces(g.vm, &pieces) };
	memcpy(layout.piece, pieces, layout.nr_pieces * sizeof(*pieces));
	layout.ring = vm_ring_gpa(g.vm, &ring_len);
	layout.ring_len = ring_len;
	layout.low_bytes = X86_MMIO_GAP_START;
	x86_e820_make(&layout, &map);
	kt_buf_adds(&want, "32 bits\n");
	for (unsigned i = 0; i < map.nr; i++) {
		kt_buf_addf(&want, "memmap 0x%llx 0x%llx %u\n", (unsigned long long)map.e[i].gpa,
			    (unsigned long long)map.e[i].len, map.e[i].type);
		ram += map.e[i].type == X86_E820_RAM ? map.e[i].len : 0;
	}
	assert_true(ram > UINT64_C(5000) << 20);
	assert_int_equal(strncmp(kt_buf_str(&g.console), want.data, want.len), 0);
	expect_console(&g, "ram 0x9fff8\n");
	kvm_guest_done(&g);
}

/* The line of @cpu and @leaf, subleaf @sub; zeroes when there is none. */
static void cpuid_line(const struct kvm_guest *g, unsigned cpu, unsigned leaf, unsigned sub,
		       unsigned ret[4])
{
	char word[64];
	const char *at;

	memset(ret, 0, 4 * sizeof(*ret));
	(void)kt_snprintf(word, sizeof(word), "\ncpu %u cpuid %x %x ", cpu, leaf, sub);
	at = strstr(kt_buf_str(&g->console), word);
	if (at)
		assert_int_equal(sscanf(at + strlen(word), "%x %x %x %x", &ret[0], &ret[1], &ret[2],
					&ret[3]),
				 4);
}

static void check_cpu(const struct kvm_guest *g, const struct kt_topology *t, unsigned cpu)
{
	const uint32_t id = x86_apic_id(t, cpu);
	char line[64];
	unsigned r[4];

	(void)kt_snprintf(line, sizeof(line), "\ncpu %u apic %u\n", cpu, id);
	expect_console(g, line);
	cpuid_line(g, cpu, 1, 0, r);
	assert_int_equal(r[1] >> 24, id);
	assert_true(r[2] >> 31); /* a hypervisor is here */
	cpuid_line(g, cpu, 0xb, 0, r);
	assert_int_equal(r[3], id);
	assert_int_equal(r[0], x86_apic_core_shift(t));
	cpuid_line(g, cpu, 0xb, 1, r);
	assert_int_equal(r[0], x86_apic_package_shift(t));
	assert_int_equal(r[1], t->cores * t->threads);
}

static void all_cpus_come_up_through_16_bits_and_know_who_they_are(void **state)
{
	const unsigned nr = kt_topo_nr_cpus(&three_nodes);
	struct kvm_guest g;

	(void)state;
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=smp:cpuid do=off",
						     .topology = &three_nodes,
						     .memory_mib = 5 << 10 });
	kvm_guest_until_off(&g);
	expect_console(&g, "\n16 bits\ncpu 1 apic ");
	for (unsigned cpu = 0; cpu < nr; cpu++)
		check_cpu(&g, &three_nodes, cpu);
	expect_console(&g, "cpu 0 cpuid 40000000 0 ");
	kvm_guest_done(&g);
}

static void a_machine_has_as_many_cpus_as_a_topology_may(void **state)
{
	const struct kt_topology big = {
		.nr_nodes = 2,
		.nr_llcs = 14,
		.cores = 9,
		.threads = 2,
		.node = { { .llcs = 7 }, { .llcs = 7 } },
	};
	struct kvm_guest g;
	char line[64];

	(void)state;
	assert_int_equal(kt_topo_nr_cpus(&big), KT_TOPO_CPUS_MAX);
	assert_true(x86_apic_id_max(&big) > X86_APIC_ID_PLAIN_MAX);
	kvm_guest_boot(&g, &(struct kvm_guest_opts){ .steps = "do=smp do=off",
						     .topology = &big,
						     .memory_mib = 16 << 10 });
	kvm_guest_until_off(&g);
	for (unsigned cpu = 0; cpu < KT_TOPO_CPUS_MAX; cpu++) {
		(void)kt_snprintf(line, sizeof(line), "\ncpu %u apic %u\n", cpu,
				  x86_apic_id(&big, cpu));
		expect_console(&g, line);
	}
	assert_non_null(strstr(kt_buf_str(&g.text), "SOUT smp 252 0x"));
	/* The last CPU below 255: seven LLCs have 32 ids each, the eighth is the last whose ids are small enough. */
	check_cmdline(&g, " irqaffinity=0-143", "do=smp do=off");
	kvm_guest_done(&g);
}

/* ---- vm.txt ---- */

/* A QEMU that only says what it is given, a line a word. */
static void put_fake_qemu(const char *dir)
{
	static const char script[] = "#!/bin/sh\nprintf '%s\\n' \"$@\"\nwc -c <\"$tmp/initrd\"\n";
	kt_auto(mem) char *path = kt_fmt("%s/qemu-system-x86_64", dir);
	struct kt_err e = { 0 };

	assert_int_equal(kt_file_write_atomic(path, script, strlen(script), 0755, &e), 0);
}

static void run_vm_txt(const char *dir, struct kt_buf *out)
{
	kt_auto(mem) char *path = kt_fmt("PATH=%s:%s", dir, getenv("PATH"));
	kt_auto(mem) char *vm_txt = kt_fmt("%s/vm.txt", dir);
	const char *const argv[] = { "env", path, "sh", "-a", vm_txt, NULL };
	struct kt_proc_end end;
	struct kt_err e = { 0 };

	if (kt_proc_run(&(struct kt_proc_opts){ .argv = argv }, 30000, 1 << 20, out, NULL, &end,
			&e) < 0)
		fail_msg("%s", unit_err_text(&e));
	assert_false(end.signalled);
	assert_int_equal(end.code, 0);
}

static void vm_txt_tells_the_machine_and_is_a_script_for_qemu(void **state)
{
	static const char user[] = "do=say:it's do=off $(touch x)\ntouch y";
	const char *dir = *state;
	kt_auto(mem) char *vm_txt = kt_fmt("%s/vm.txt", dir), *elf = kvm_guest_path("guest.elf");
	kt_auto(mem) char *real = realpath(elf, NULL);
	kt_auto(buf) struct kt_buf text = { 0 }, out = { 0 }, want = { 0 };
	struct kvm_guest g;
	struct kt_err e = { 0 };
	uint64_t ring_len = 0;

	kvm_guest_need_kvm();
	if (kvm_guest_create(&g,
			     &(struct kvm_guest_opts){ .steps = user,
						       .topology = &three_nodes,
						       .memory_mib = 5 << 10,
						       .log_dir = dir },
			     &e) < 0 ||
	    vm_start(g.vm, &e) < 0)
		kvm_guest_fail(&g, "start", &e);
	assert_int_equal(kt_file_read(vm_txt, 1 << 20, &text, &e), 0);
	kt_buf_addf(&want, "# kernel: %s (vmlinux, by its PVH entry)\n", real);
	expect_in(text.data, want.data);
	expect_in(text.data, "# memory: 5120 MiB in 3 nodes");
	expect_in(text.data, "#   0x000100000000-0x00017fffffff RAM of node 2\n");
	expect_in(text.data, " the frame window (reserved)\n");
	expect_in(text.data, "#   0x0000c0003000-0x0000c0003fff the doorbell");
	expect_in(text.data, "#     11    1    2    1      1      11\n");
	put_fake_qemu(dir);
	run_vm_txt(dir, &out);
	expect_in(out.data, "\n-accel\nkvm\n");
	expect_in(out.data, "\n12,sockets=3,dies=1,cores=2,threads=2\n");
	expect_in(out.data, "\nnode,nodeid=2,memdev=node2\n");
	expect_in(out.data, "\ncpu,node-id=1,socket-id=2\n");
	kt_buf_reset(&want);
	kt_buf_addf(&want, "\nmemmap=0x400000$0x%llx console=ttyS0 ",
		    (unsigned long long)vm_ring_gpa(g.vm, &ring_len).v);
	expect_in(out.data, want.data);
	kt_buf_reset(&want);
	kt_buf_addf(&want, " %s\n-device\nloader,file=ring.bin,", user); /* as it was given */
	expect_in(out.data, want.data);
	assert_null(strstr(out.data, "ktstr.bell"));
	kvm_guest_done(&g);
	/* vm.txt, initrd-extra.cpio, ring.bin, and our QEMU: nothing was touched. */
	assert_int_equal(unit_nr_entries(dir), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_says_hello_in_32_and_64_bits_and_powers_off),
		cmocka_unit_test(every_way_to_end_is_told_apart),
		cmocka_unit_test(a_machine_that_sleeps_spins_or_floods_can_be_stopped),
		cmocka_unit_test(machines_can_be_freed_at_any_time_and_leave_nothing),
		cmocka_unit_test(what_cannot_be_a_machine_says_why),
		cmocka_unit_test(what_is_there_answers_and_what_is_not_gives_all_ones),
		cmocka_unit_test(com1_sends_by_interrupts),
		cmocka_unit_test(bells_reach_a_guest_that_polls),
		cmocka_unit_test(bells_wake_a_guest_that_sleeps),
		cmocka_unit_test(bells_that_nobody_takes_are_refused_in_the_end),
		cmocka_unit_test(the_doorbell_costs_no_exit_to_us),
		cmocka_unit_test(the_doorbell_may_be_rung_in_any_way),
		cmocka_unit_test(frames_arrive_in_order_by_doorbell_and_by_com2),
		cmocka_unit_test(frames_without_a_bell_are_found_by_looking),
		cmocka_unit_test(nonsense_in_the_ring_is_reported_once),
		cmocka_unit_test(a_flood_waits_for_a_slow_reader_and_nothing_is_lost),
		cmocka_unit_test(freezes_lose_nothing_of_a_flood),
		cmocka_unit_test(a_console_flood_does_not_starve_frames),
		cmocka_unit_test(every_acpi_table_is_read_by_the_guest),
		cmocka_unit_test(the_memory_map_is_read_by_the_guest_and_the_ram_is_there),
		cmocka_unit_test(all_cpus_come_up_through_16_bits_and_know_who_they_are),
		cmocka_unit_test(a_machine_has_as_many_cpus_as_a_topology_may),
		cmocka_unit_test(vm_txt_tells_the_machine_and_is_a_script_for_qemu),
	};

	/* CMOCKA_FILTER="a_guest*" runs some of them. */
	cmocka_set_test_filter(getenv("CMOCKA_FILTER"));
	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
