/* SPDX-License-Identifier: GPL-2.0-only */
/* Both ways into a kernel, taken by the same guest of tests/guests on /dev/kvm; and its initrd, which is a file mapped. */
#include "tests/unit/kvm_guest.h"

#include "vmm/x86_64/x86.h"

enum { INITRD_BYTES = 5 * 4096 + 1236 };

static uint8_t contents[INITRD_BYTES];

/* Boots guest.elf or guest.bzimage, expects it to power off, and leaves what it said in @g. */
static void run(struct kvm_guest *g, const char *name, const char *initrd, const char *steps)
{
	kt_auto(mem) char *kernel = kvm_guest_path(name);

	kvm_guest_boot(
		g, &(struct kvm_guest_opts){ .kernel = kernel, .initrd = initrd, .steps = steps });
	kvm_guest_until_off(g);
}

static void a_bzimage_is_entered_in_64_bits_and_a_vmlinux_in_32(void **state)
{
	struct kvm_guest g;

	(void)state;
	run(&g, "guest.bzimage", NULL, "do=say:hello do=off");
	assert_string_equal(kt_buf_str(&g.console), "64 bits\nhello\n");
	kvm_guest_done(&g);
	run(&g, "guest.elf", NULL, "do=say:hello do=off");
	assert_string_equal(kt_buf_str(&g.console), "32 bits\nhello\n");
	kvm_guest_done(&g);
}

static void both_ways_tell_the_same_of_memory_and_tables(void **state)
{
	static const char steps[] = "do=memmap do=acpi do=frame:here do=off";
	struct kvm_guest bzimage, elf;

	(void)state;
	run(&bzimage, "guest.bzimage", NULL, steps);
	run(&elf, "guest.elf", NULL, steps);
	assert_non_null(strstr(kt_buf_str(&elf.console), "\nmemmap 0x100000 0x"));
	assert_string_equal(kt_buf_str(&bzimage.console) + strlen("64 bits\n"),
			    kt_buf_str(&elf.console) + strlen("32 bits\n"));
	assert_string_equal(kt_buf_str(&bzimage.text), kt_buf_str(&elf.text));
	kvm_guest_done(&bzimage);
	kvm_guest_done(&elf);
}

static uint32_t sum(uint8_t flip)
{
	uint32_t ret = 0;

	for (size_t i = 0; i < sizeof(contents); i++)
		ret = ret * 31 + (uint8_t)(contents[i] ^ flip);
	return ret;
}

static void the_initrd_is_there_and_what_the_guest_makes_of_it_is_its_own(void **state)
{
	static const char *const names[] = { "guest.elf", "guest.bzimage" };
	kt_auto(mem) char *path = kt_fmt("%s/initrd", (const char *)*state);
	kt_auto(buf) struct kt_buf want = { 0 }, now = { 0 };
	struct kvm_guest g;

	for (size_t i = 0; i < sizeof(contents); i++)
		contents[i] = (uint8_t)(i * 2654435761U >> 11);
	assert_int_equal(kt_file_write_atomic(path, contents, sizeof(contents), 0600, NULL), 0);
	for (size_t i = 0; i < 2; i++) {
		/* Its length is a multiple of 4: nothing is added to it. */
		kt_buf_reset(&want);
		kt_buf_addf(&want, "initrd %zu sum 0x%x\ninitrd %zu sum 0x%x\n", sizeof(contents),
			    sum(0), sizeof(contents), sum(0xff));
		run(&g, names[i], path, "do=initrd do=overwrite-initrd do=initrd do=off");
		assert_string_equal(kt_buf_str(&g.console) + strlen("64 bits\n"),
				    kt_buf_str(&want));
		kvm_guest_done(&g);
		kt_buf_reset(&now);
		assert_int_equal(kt_file_read(path, sizeof(contents) + 1, &now, NULL), 0);
		assert_int_equal(now.len, sizeof(contents));
		assert_memory_equal(now.data, contents, sizeof(contents));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bzimage_is_entered_in_64_bits_and_a_vmlinux_in_32),
		cmocka_unit_test(both_ways_tell_the_same_of_memory_and_tables),
		cmocka_unit_test(the_initrd_is_there_and_what_the_guest_makes_of_it_is_its_own),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
