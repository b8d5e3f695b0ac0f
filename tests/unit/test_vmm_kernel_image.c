/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel files: what they are and how far they reach; damaged ones are refused by name. */
#include "tests/unit/unit.h"

#include <elf.h>
#include <errno.h>

#include "vmm/internal.h"

static char *write_kernel(const char *dir, const void *data, size_t len)
{
	char *path = kt_fmt("%s/kernel", dir);

	assert_int_equal(kt_file_write_atomic(path, data, len, 0600, NULL), 0);
	return path;
}

static void put(uint8_t *at, uint64_t v, size_t bytes)
{
	memcpy(at, &v, bytes);
}

static void make_bzimage(uint8_t *image, size_t len)
{
	memset(image, 0, len);
	put(image + 0x202, 0x53726448, 4); /* "HdrS" */
	put(image + 0x206, 0x20f, 2);
	put(image + 0x258, 16 << 20, 8);
	put(image + 0x260, 60 << 20, 4);
}

static void a_bzimage_ends_where_it_has_unpacked_itself(void **state)
{
	uint8_t image[4096];
	kt_auto(mem) char *path = NULL;
	struct vm_kernel k;

	make_bzimage(image, sizeof(image));
	path = write_kernel(*state, image, sizeof(image));
	assert_int_equal(vm_kernel_probe(path, &k, NULL), 0);
	assert_false(k.elf);
	assert_false(k.pvh);
	assert_int_equal(k.end, 76 << 20);
}

static void expect_refusal(const char *dir, const void *data, size_t len, const char *fmt)
{
	kt_auto(mem) char *path = write_kernel(dir, data, len);
	kt_auto(buf) struct kt_buf want = { 0 };
	struct vm_kernel k;
	struct kt_err e = { 0 };

	kt_buf_addf(&want, "'%s' %s", path, fmt);
	assert_true(vm_kernel_probe(path, &k, &e) < 0);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_string_equal(unit_err_text(&e), kt_buf_str(&want));
}

static void other_files_are_refused(void **state)
{
	uint8_t image[4096];
	struct vm_kernel k;
	struct kt_err e = { 0 };

	expect_refusal(*state, "", 0, "is neither a bzImage nor an ELF vmlinux");
	expect_refusal(*state, "<html>not found</html>", 22,
		       "is neither a bzImage nor an ELF vmlinux");
	make_bzimage(image, sizeof(image));
	expect_refusal(*state, image, 0x263, "is neither a bzImage nor an ELF vmlinux");
	put(image + 0x206, 0x204, 2);
	expect_refusal(*state, image, sizeof(image),
		       "is a kernel with boot protocol 2.4, need 2.10");
	make_bzimage(image, sizeof(image));
	put(image + 0x258, UINT64_MAX - 4096, 8);
	expect_refusal(*state, image, sizeof(image), "has a damaged setup header");
	assert_int_equal(vm_kernel_probe("/nowhere", &k, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_string_equal(unit_err_text(&e), "open kernel '/nowhere': No such file or directory");
}

/* An ELF file with one segment to load and one with notes. */
struct elf {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[2];
	Elf64_Nhdr note;
	char name[4];
	uint64_t entry;
};

static void make_elf(struct elf *f)
{
	*f = (struct elf){
		.eh = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_phoff = offsetof(struct elf, ph),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 2 },
		.ph = { { .p_type = PT_LOAD, .p_paddr = 16 << 20, .p_memsz = 64 << 20 },
			{ .p_type = PT_NOTE,
			  .p_offset = offsetof(struct elf, note),
			  .p_filesz = sizeof(struct elf) - offsetof(struct elf, note),
			  .p_align = 4 } },
		.note = { .n_namesz = 4, .n_descsz = 8, .n_type = 18 },
		.name = "Xen",
		.entry = 16 << 20,
	};
}

static void a_vmlinux_ends_where_its_segments_end_and_shows_its_pvh_note(void **state)
{
	kt_auto(mem) char *path = NULL;
	struct vm_kernel k;
	struct elf f;

	make_elf(&f);
	path = write_kernel(*state, &f, sizeof(f));
	assert_int_equal(vm_kernel_probe(path, &k, NULL), 0);
	assert_true(k.elf);
	assert_true(k.pvh);
	assert_int_equal(k.end, 80 << 20);
	f.note.n_type = 17;
	free(path);
	path = write_kernel(*state, &f, sizeof(f));
	assert_int_equal(vm_kernel_probe(path, &k, NULL), 0);
	assert_false(k.pvh);
}

static void damaged_vmlinux_files_are_survived(void **state)
{
	struct vm_kernel k;
	struct elf f;

	for (size_t i = 0; i < sizeof(f); i++) {
		kt_auto(mem) char *path = NULL;

		make_elf(&f);
		((uint8_t *)&f)[i] ^= 0xff;
		path = write_kernel(*state, &f, i % 2 ? sizeof(f) : i);
		(void)vm_kernel_probe(path, &k, NULL);
	}
	make_elf(&f);
	f.ph[0].p_type = PT_NULL;
	expect_refusal(*state, &f, sizeof(f), "is not a kernel: nothing in it is to be loaded");
	make_elf(&f);
	f.ph[0].p_memsz = UINT64_MAX;
	expect_refusal(*state, &f, sizeof(f), "is not a kernel: nothing in it is to be loaded");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bzimage_ends_where_it_has_unpacked_itself),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(a_vmlinux_ends_where_its_segments_end_and_shows_its_pvh_note),
		cmocka_unit_test(damaged_vmlinux_files_are_survived),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
