/* SPDX-License-Identifier: GPL-2.0-only */
/* Which accelerator is chosen, what is said about it, and what is said when there is none. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/kvm_device.h"
#include "vmm/vmm.h"

/* A program called @name that prints @text, for $KTSTR_QEMU. */
static char *fake_qemu(const char *dir, const char *name, const char *text)
{
	char *path = kt_fmt("%s/%s", dir, name);
	kt_auto(mem) char *script = kt_fmt("#!/bin/sh\necho '%s'\n", text);

	assert_int_equal(kt_file_write_atomic(path, script, strlen(script), 0755, NULL), 0);
	assert_int_equal(setenv("KTSTR_QEMU", path, 1), 0);
	return path;
}

/* ---- what is said of /dev/kvm ---- */

#define LOAD_HINT \
	" (load kvm_intel or kvm_amd; virtualization may be off in the firmware, or in the machine that this host is a guest of)"

struct look {
	enum kvm_device device;
	const char *why;
};

/* The text goes to the test's output: asserting in a child says nothing. */
static int same(const char *got, const char *want)
{
	if (kt_streq(got, want))
		return 0;
	print_error("got  '%s'\nwant '%s'\n", got, want);
	return 1;
}

static int look_at_device(void *ctx)
{
	const struct look *l = ctx;
	kt_auto(mem) char *tcg = kt_fmt("tcg: %s", l->why);
	kt_auto(mem) char *refused = kt_fmt("KVM was asked for and cannot be used: %s", l->why);
	struct vm_accel_choice c = { 0 };
	struct kt_err e = { 0 };
	int r = vm_choose_accel(VM_ACCEL_AUTO, NULL, &c, NULL);

	if (r < 0 || c.accel != VM_ACCEL_TCG || !kt_streq(c.name, "tcg") || same(c.why, tcg))
		return 1;
	c = (struct vm_accel_choice){ 0 };
	if (vm_choose_accel(VM_ACCEL_KVM, NULL, &c, &e) >= 0 || e.kind != KT_E_HOST || c.name[0])
		return 2;
	return same(unit_err_text(&e), refused);
}

static void auto_says_that_it_emulates_and_why_and_kvm_is_refused_rather_than_emulated(void **state)
{
	static const struct look looks[] = {
		{ KVM_DEVICE_MISSING, "open '/dev/kvm'" LOAD_HINT ": No such file or directory" },
		{ KVM_DEVICE_FORBIDDEN,
		  "open '/dev/kvm' (become a member of its group, most often kvm): Permission denied" },
		{ KVM_DEVICE_NULL, "ask /dev/kvm for its version: Inappropriate ioctl for device" },
	};
	kt_auto(mem) char *path =
		fake_qemu(*state, "q10", "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)");

	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		struct look l = looks[i];

		kvm_device_with(l.device, look_at_device, &l);
	}
}

static void auto_is_what_the_probe_says(void **state)
{
	kt_auto(mem) char *path =
		fake_qemu(*state, "q10", "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)");
	kt_auto(strv) struct kt_strv lacks = { 0 };
	kt_auto(mem) char *tcg = NULL;
	struct vm_accel_choice c = { 0 };
	struct kt_err e = { 0 };
	int r = vm_check_kvm(NULL, &lacks, &e);

	assert_int_equal(vm_choose_accel(VM_ACCEL_AUTO, NULL, &c, NULL), 0);
	if (r == 0) {
		assert_int_equal(c.accel, VM_ACCEL_KVM);
		assert_string_equal(c.name, "kvm");
		assert_string_equal(c.why, "kvm: /dev/kvm runs what a stock kernel needs");
		assert_string_equal(c.program, "");
		return;
	}
	tcg = kt_fmt("tcg: %s", unit_err_text(&e));
	assert_int_equal(c.accel, VM_ACCEL_TCG);
	assert_string_equal(c.why, tcg);
	assert_string_equal(c.version, "QEMU 10.0.2");
	assert_string_equal(c.program, path);
}

static void emulation_as_asked_does_not_look_at_kvm(void **state)
{
	kt_auto(mem) char *path =
		fake_qemu(*state, "q10", "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)");
	kt_auto(mem) char *dir = kt_fmt("%s/untouched", (char *)*state);
	struct vm_accel_choice c = { 0 };

	assert_int_equal(vm_choose_accel(VM_ACCEL_TCG, dir, &c, NULL), 0);
	assert_string_equal(c.why, "tcg: as asked");
	assert_int_equal(access(dir, F_OK), -1);
}

static void an_old_qemu_is_refused_with_what_to_install(void **state)
{
	kt_auto(mem) char *path = fake_qemu(*state, "q7", "QEMU emulator version 7.2.22 (Debian)");
	kt_auto(mem) char *want =
		kt_fmt("'%s' is QEMU 7.2.22: install qemu-system-x86 10 or newer (Debian 12: from "
		       "bookworm-backports)",
		       path);
	struct vm_accel_choice c = { 0 };
	struct kt_err e = { 0 };

	assert_true(vm_choose_accel(VM_ACCEL_TCG, NULL, &c, &e) < 0);
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(unit_err_text(&e), want);
}

static int look_without_anything(void *ctx)
{
	struct vm_accel_choice c = { 0 };
	struct kt_err e = { 0 };

	(void)ctx;
	setenv("KTSTR_QEMU", "/nowhere/qemu", 1);
	if (vm_choose_accel(VM_ACCEL_AUTO, NULL, &c, &e) != -ENOENT || e.kind != KT_E_TOOL)
		return 1;
	return same(unit_err_text(&e), "emulate, as KVM cannot be used (open '/dev/kvm'" LOAD_HINT
				       ": No such file or directory): "
				       "KTSTR_QEMU='/nowhere/qemu': No such file or directory");
}

static void without_both_auto_says_what_is_wrong_with_either(void **state)
{
	(void)state;
	kvm_device_with(KVM_DEVICE_MISSING, look_without_anything, NULL);
}

static void a_program_that_is_no_qemu_is_named(void **state)
{
	static const char *const texts[] = { "hello", "version", "version x", "" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		kt_auto(mem) char *path = fake_qemu(*state, "other", texts[i]);
		kt_auto(mem) char *want =
			kt_fmt("'%s --version' does not say which version of QEMU it is", path);
		struct vm_accel_choice c = { 0 };
		struct kt_err e = { 0 };

		assert_true(vm_choose_accel(VM_ACCEL_TCG, NULL, &c, &e) < 0);
		assert_string_equal(unit_err_text(&e), want);
	}
}

static void a_missing_qemu_is_a_missing_tool(void **state)
{
	struct vm_accel_choice c = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	setenv("KTSTR_QEMU", "/nowhere/qemu", 1);
	assert_int_equal(vm_choose_accel(VM_ACCEL_TCG, NULL, &c, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(unit_err_text(&e),
			    "KTSTR_QEMU='/nowhere/qemu': No such file or directory");
	setenv("KTSTR_QEMU", "no-such-qemu", 1);
	assert_int_equal(vm_choose_accel(VM_ACCEL_TCG, NULL, &c, &e), -ENOENT);
	assert_string_equal(unit_err_text(&e), "KTSTR_QEMU='no-such-qemu': not found in PATH");
	unsetenv("KTSTR_QEMU");
	setenv("PATH", "/nowhere", 1); /* the last test: nothing needs it any more */
	assert_int_equal(vm_choose_accel(VM_ACCEL_TCG, NULL, &c, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(
		unit_err_text(&e),
		"qemu-system-x86_64 not found in PATH: install qemu-system-x86 10 or newer "
		"(Debian 12: from bookworm-backports)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			auto_says_that_it_emulates_and_why_and_kvm_is_refused_rather_than_emulated),
		cmocka_unit_test(auto_is_what_the_probe_says),
		cmocka_unit_test(emulation_as_asked_does_not_look_at_kvm),
		cmocka_unit_test(without_both_auto_says_what_is_wrong_with_either),
		cmocka_unit_test(an_old_qemu_is_refused_with_what_to_install),
		cmocka_unit_test(a_program_that_is_no_qemu_is_named),
		cmocka_unit_test(a_missing_qemu_is_a_missing_tool),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
