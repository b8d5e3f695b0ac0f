/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Linux on our ACPI tables, without KVM: QEMU's microvm is as bare as our own machine when its ACPI and its PIC, PIT and
 * clock are off, and "acpi_rsdp=" makes a kernel take tables from where the test had them put. There is no initramfs: the
 * kernel panics in the end, and with "panic=-1" resets the machine by the register that the FADT names; "reboot=acpi"
 * because one with CONFIG_EFI would else try EFI, and then a BIOS, on any hardware-reduced machine
 * (arch/x86/platform/efi/quirks.c, efi_reboot_required(), 6.12).
 */
#include "tests/unit/acpi_tables.h"

#include <regex.h>

#include "base/proc.h"

enum { TIMEOUT_MS = 120000, TEXT_MAX = 1 << 20, MEMORY_MIB = 1024 };

/* Two nodes with CPUs, and one that is nearer to the second. */
static const struct kt_topology topology = {
	.nr_nodes = 3,
	.nr_llcs = 3,
	.cores = 2,
	.threads = 1,
	.node = { { .llcs = 2, .memory_bytes = 512 * VM_MIB, .latency_ns = 90 },
		  { .llcs = 1, .memory_bytes = 256 * VM_MIB },
		  { .memory_bytes = 256 * VM_MIB,
		    .latency_ns = 300,
		    .bandwidth_mbs = 100000,
		    .mem_side_cache_bytes = VM_GIB } },
	.has_distance = true,
	.distance = { { 10, 20, 40 }, { 20, 10, 30 }, { 40, 30, 10 } },
};

/* cmocka would cut the log short. */
static void fail_with_log(const char *log, const char *what)
{
	(void)fprintf(stderr, "%s\n", log);
	fail_msg("%s (the console is above)", what);
}

static void expect(const char *log, const char *pattern, bool there)
{
	regex_t re;
	bool matches;

	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE), 0);
	matches = regexec(&re, log, 0, NULL, 0) == 0;
	regfree(&re);
	if (matches != there) {
		kt_auto(mem) char *what = kt_fmt("%s '%s'", there ? "no" : "there is", pattern);

		fail_with_log(log, what);
	}
}

/* What the kernel says on COM1 until it resets the machine. */
static void boot(const struct rig *r, const char *dir, const char *qemu, const char *kernel,
		 struct kt_buf *log)
{
	static const char machine[] =
		"microvm,acpi=off,pit=off,pic=off,rtc=off,ioapic2=off,isa-serial=on,auto-kernel-cmdline=off";
	kt_auto(mem) char *tables = kt_fmt("%s/tables", dir);
	kt_auto(mem) char *loader = kt_fmt("loader,file=%s,addr=0x%llx,force-raw=on", tables,
					   (unsigned long long)r->base);
	/* the device makes QEMU exit with what was written, times two, plus one */
	kt_auto(mem) char *reset = kt_fmt("isa-debug-exit,iobase=0x%x,iosize=1", X86_RESET_PORT);
	kt_auto(mem) char *words = kt_fmt(
		"console=ttyS0 ignore_loglevel panic=-1 reboot=acpi 8250.nr_uarts=2 tsc_early_khz=1000000 "
		"lpj=1000000 tsc=reliable no_timer_check memmap=128K#0x%llx acpi_rsdp=0x%llx",
		(unsigned long long)r->base, (unsigned long long)r->rsdp);
	const char *argv[] = { qemu,
			       "-M",
			       machine,
			       "-accel",
			       "tcg,thread=single",
			       "-cpu",
			       "max",
			       "-smp",
			       "6,sockets=3,cores=2,threads=1",
			       "-m",
			       "1024",
			       "-nodefaults",
			       "-no-user-config",
			       "-no-reboot",
			       "-display",
			       "none",
			       "-serial",
			       "stdio",
			       "-chardev",
			       "null,id=com2",
			       "-device",
			       "isa-serial,iobase=0x2f8,irq=3,index=1,chardev=com2",
			       "-device",
			       reset,
			       "-device",
			       loader,
			       "-kernel",
			       kernel,
			       "-append",
			       words,
			       NULL };
	kt_auto(buf) struct kt_buf err = { 0 };
	struct kt_proc_end end;
	struct kt_err e = { 0 };

	assert_true(tables && loader && reset && words);
	assert_int_equal(kt_file_write_atomic(tables, r->b.data, r->b.len, 0600, NULL), 0);
	if (kt_proc_run(&(struct kt_proc_opts){ .argv = argv }, TIMEOUT_MS, TEXT_MAX, log, &err,
			&end, &e) < 0)
		fail_with_log(kt_buf_str(log), unit_err_text(&e));
	if (end.signalled || end.code != 2 * X86_RESET_VALUE + 1) {
		kt_buf_addf(&err, ": QEMU ended with %d", end.code);
		fail_with_log(kt_buf_str(log), kt_buf_str(&err));
	}
}

static void linux_sees_the_machine_and_resets_it(void **state)
{
	static const char *const seen[] = {
		/* SRAT, of which the kernel has dropped nothing */
		"ACPI: SRAT: Node 0 PXM 0 \\[mem 0x00000000-0x0009ffff\\]",
		"ACPI: SRAT: Node 2 PXM 2 \\[mem 0x30000000-0x3fffffff\\]",
		"smp: Brought up 3 nodes, 6 CPUs",
		/* SLIT */
		"Fallback order for Node 2: 2 1 0",
		/* MADT */
		"IOAPIC\\[0\\]: apic_id 0, .*address 0xfec00000, GSI 0-23",
		"LAPIC_NMI \\(acpi_id\\[0xff\\] .*lint\\[0x1\\]\\)",
		/* FADT and \_S5: it would know how to power off */
		"ACPI: PM: \\(supports S0 .*S5\\)",
		/* the ports in their order, with interrupts that are not the ISA bus's */
		"00:00: ttyS0 .*0x3f8 \\(irq = [1-9]",
		"00:01: ttyS1 .*0x2f8 \\(irq = [1-9]",
	};
	/* HMAT, where the kernel talks of it: newer ones only when debugged */
	static const char *const hmat[] = {
		"hmat:   Initiator-Target\\[1-0\\]:90 nsec",
		"hmat:   Initiator-Target\\[0-2\\]:300 nsec",
		"hmat:   Initiator-Target\\[1-2\\]:100000 MB/s",
		"hmat: Cache: Domain:2 Size:1073741824 ",
	};
	static const char *const unseen[] = {
		"ACPI.*(Error|Warning|Exception)",
		"Firmware Bug",
		"SRAT not used",
		"no nodes coverage",
		"WARNING:",
		"i8042: Probing ports directly",
	};
	const char *kernel = getenv("KTSTR_TEST_KERNEL");
	struct vm_accel_choice accel;
	kt_auto(buf) struct kt_buf log = { 0 };
	struct rig r;

	if (!kernel || !*kernel || vm_choose_accel(VM_ACCEL_TCG, NULL, &accel, NULL) < 0)
		unit_require("tcg", "no KTSTR_TEST_KERNEL or QEMU");
	rig_init(&r, &topology, MEMORY_MIB * VM_MIB);
	boot(&r, *state, accel.program, kernel, &log);
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
		expect(kt_buf_str(&log), seen[i], true);
	for (size_t i = 0; i < sizeof(hmat) / sizeof(hmat[0]); i++) {
		if (strstr(kt_buf_str(&log), "Initiator-Target"))
			expect(kt_buf_str(&log), hmat[i], true);
	}
	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
		expect(kt_buf_str(&log), unseen[i], false);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(linux_sees_the_machine_and_resets_it,
						unit_tmp_setup, unit_tmp_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
