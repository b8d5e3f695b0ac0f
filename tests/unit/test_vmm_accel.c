/* SPDX-License-Identifier: GPL-2.0-only */
/* Which accelerator is chosen, what is said about it, and what is said when there is none. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void auto_says_that_it_emulates_and_why(void **state)
{
	kt_auto(mem) char *path =
		fake_qemu(*state, "q10", "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)");
	struct vm_accel_choice c = { 0 };

	assert_int_equal(vm_choose_accel(VM_ACCEL_AUTO, &c, NULL), 0);
	assert_int_equal(c.accel, VM_ACCEL_TCG);
	assert_string_equal(c.name, "tcg");
	assert_string_equal(c.version, "QEMU 10.0.2");
	assert_string_equal(c.program, path);
	if (access("/dev/kvm", F_OK) < 0)
		assert_string_equal(c.why, "tcg: no /dev/kvm on this host");
	else if (access("/dev/kvm", R_OK | W_OK) < 0)
		assert_string_equal(c.why, "tcg: /dev/kvm: Permission denied");
	else
		assert_string_equal(
			c.why, "tcg: /dev/kvm is there, but this version has no KVM back end yet");
	assert_int_equal(vm_choose_accel(VM_ACCEL_TCG, &c, NULL), 0);
	assert_string_equal(c.why, "tcg: as asked");
}

static void kvm_is_refused_rather_than_emulated(void **state)
{
	struct vm_accel_choice c = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	assert_true(vm_choose_accel(VM_ACCEL_KVM, &c, &e) < 0);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_int_equal(strncmp(unit_err_text(&e), "KVM was asked for and cannot be used: ", 38),
			 0);
	assert_string_equal(c.name, "");
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

	assert_true(vm_choose_accel(VM_ACCEL_AUTO, &c, &e) < 0);
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(unit_err_text(&e), want);
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

		assert_true(vm_choose_accel(VM_ACCEL_TCG, &c, &e) < 0);
		assert_string_equal(unit_err_text(&e), want);
	}
}

static void a_missing_qemu_is_a_missing_tool(void **state)
{
	struct vm_accel_choice c = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	setenv("KTSTR_QEMU", "/nowhere/qemu", 1);
	assert_int_equal(vm_choose_accel(VM_ACCEL_TCG, &c, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(unit_err_text(&e),
			    "KTSTR_QEMU='/nowhere/qemu': No such file or directory");
	setenv("KTSTR_QEMU", "no-such-qemu", 1);
	assert_int_equal(vm_choose_accel(VM_ACCEL_TCG, &c, &e), -ENOENT);
	assert_string_equal(unit_err_text(&e), "KTSTR_QEMU='no-such-qemu': not found in PATH");
	unsetenv("KTSTR_QEMU");
	setenv("PATH", "/nowhere", 1); /* the last test: nothing needs it any more */
	assert_int_equal(vm_choose_accel(VM_ACCEL_TCG, &c, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(
		unit_err_text(&e),
		"qemu-system-x86_64 not found in PATH: install qemu-system-x86 10 or newer "
		"(Debian 12: from bookworm-backports)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto_says_that_it_emulates_and_why),
		cmocka_unit_test(kvm_is_refused_rather_than_emulated),
		cmocka_unit_test(an_old_qemu_is_refused_with_what_to_install),
		cmocka_unit_test(a_program_that_is_no_qemu_is_named),
		cmocka_unit_test(a_missing_qemu_is_a_missing_tool),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
