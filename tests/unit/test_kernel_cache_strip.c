/* SPDX-License-Identifier: GPL-2.0-only */
/* A vmlinux loses its debug sections and nothing else; broken ones are refused. */
#include "tests/unit/unit.h"

#include <elf.h>
#include <errno.h>

#include "kernel-cache/internal.h"

enum { NR_SECTIONS = 7, TEXT_BYTES = 64, DEBUG_BYTES = 4096, SYM_BYTES = 48, NOTE_BYTES = 10 };

static const char names[] = "\0.text\0.debug_info\0.symtab\0.strtab\0.rela.text\0.shstrtab";

struct vmlinux {
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	char text[TEXT_BYTES];
	char debug[DEBUG_BYTES];
	char symtab[SYM_BYTES];
	char strtab[NOTE_BYTES];
	char rela[24];
	char shstrtab[sizeof(names)];
	Elf64_Shdr sh[NR_SECTIONS];
} __attribute__((packed));

static void section(struct vmlinux *v, unsigned i, const char *name, uint32_t type,
		    const void *data, size_t len)
{
	v->sh[i] = (Elf64_Shdr){
		.sh_name = (uint32_t)((const char *)memmem(names, sizeof(names), name,
							   strlen(name) + 1) -
				      names),
		.sh_type = type,
		.sh_offset = (uint64_t)((const char *)data - (const char *)v),
		.sh_size = len,
	};
}

static void make(struct vmlinux *v)
{
	*v = (struct vmlinux){ 0 };
	v->eh = (Elf64_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_phoff = offsetof(struct vmlinux, ph),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
		.e_shoff = offsetof(struct vmlinux, sh),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = NR_SECTIONS,
		.e_shstrndx = 6,
	};
	v->ph = (Elf64_Phdr){ .p_type = PT_LOAD,
			      .p_offset = offsetof(struct vmlinux, text),
			      .p_filesz = TEXT_BYTES };
	memset(v->text, 'T', TEXT_BYTES);
	memset(v->debug, 'D', DEBUG_BYTES);
	memset(v->symtab, 'S', SYM_BYTES);
	memset(v->strtab, 's', NOTE_BYTES);
	memset(v->rela, 'R', sizeof(v->rela));
	memcpy(v->shstrtab, names, sizeof(names));
	section(v, 1, ".text", SHT_PROGBITS, v->text, TEXT_BYTES);
	v->sh[1].sh_flags = SHF_ALLOC;
	section(v, 2, ".debug_info", SHT_PROGBITS, v->debug, DEBUG_BYTES);
	section(v, 3, ".symtab", SHT_SYMTAB, v->symtab, SYM_BYTES);
	v->sh[3].sh_link = 4;
	section(v, 4, ".strtab", SHT_STRTAB, v->strtab, NOTE_BYTES);
	section(v, 5, ".rela.text", SHT_RELA, v->rela, sizeof(v->rela));
	section(v, 6, ".shstrtab", SHT_STRTAB, v->shstrtab, sizeof(names));
}

static int strip(void **state, const struct vmlinux *v, size_t len, struct kt_buf *ret,
		 struct kt_err *e)
{
	kt_auto(mem) char *from = kt_fmt("%s/from", (char *)*state);
	kt_auto(mem) char *to = kt_fmt("%s/to", (char *)*state);
	int r;

	assert_int_equal(kt_file_write_atomic(from, v, len, 0644, NULL), 0);
	r = kc_strip_vmlinux(from, to, e);
	if (r == 0 && ret)
		assert_int_equal(kt_file_read(to, 1 << 20, ret, NULL), 0);
	return r;
}

static void debug_sections_go_and_the_rest_keeps_its_number_and_content(void **state)
{
	static const char letters[NR_SECTIONS] = { 0, 'T', 0, 'S', 's', 0, 0 };
	kt_auto(buf) struct kt_buf out = { 0 };
	struct kt_err e = { 0 };
	struct vmlinux v;
	Elf64_Shdr sh[NR_SECTIONS];
	Elf64_Ehdr eh;

	make(&v);
	if (strip(state, &v, sizeof(v), &out, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	assert_in_range(out.len, 1, sizeof(v) - DEBUG_BYTES + 64);
	assert_null(memchr(kt_buf_str(&out), 'D', out.len));
	memcpy(&eh, kt_buf_str(&out), sizeof(eh));
	assert_int_equal(eh.e_shnum, NR_SECTIONS);
	assert_int_equal(eh.e_shoff + sizeof(sh), out.len);
	memcpy(sh, kt_buf_str(&out) + eh.e_shoff, sizeof(sh));
	for (unsigned i = 1; i < NR_SECTIONS; i++) {
		if (i == 2 || i == 5) {
			assert_int_equal(sh[i].sh_type, SHT_NULL);
			continue;
		}
		assert_int_equal(sh[i].sh_type, v.sh[i].sh_type);
		assert_int_equal(sh[i].sh_size, v.sh[i].sh_size);
		assert_in_range(sh[i].sh_offset, sizeof(eh), out.len - sh[i].sh_size);
		for (size_t k = 0; letters[i] && k < sh[i].sh_size; k++)
			assert_int_equal(kt_buf_str(&out)[sh[i].sh_offset + k], letters[i]);
	}
	assert_int_equal(sh[3].sh_link, 4);
	assert_int_equal(sh[1].sh_offset, v.sh[1].sh_offset);
	assert_memory_equal(kt_buf_str(&out) + sh[6].sh_offset, names, sizeof(names));
}

static void a_file_cut_anywhere_is_refused(void **state)
{
	struct vmlinux v;

	make(&v);
	for (size_t len = 0; len < sizeof(v); len += 13) {
		struct kt_err e = { 0 };

		assert_int_equal(strip(state, &v, len, NULL, &e), -EBADMSG);
		assert_int_equal(e.kind, KT_E_KERNEL);
	}
}

static void refuses(void **state, const struct vmlinux *v, const char *why)
{
	kt_auto(mem) char *want =
		kt_fmt("'%s/from' is no vmlinux that can be read: %s", (char *)*state, why);
	struct kt_err e = { 0 };

	assert_int_equal(strip(state, v, sizeof(*v), NULL, &e), -EBADMSG);
	assert_string_equal(unit_err_text(&e), want);
}

static void headers_that_lie_are_refused(void **state)
{
	struct vmlinux v;

	make(&v);
	v.eh.e_ident[EI_CLASS] = ELFCLASS32;
	refuses(state, &v, "not a 64-bit little-endian ELF file");
	make(&v);
	v.eh.e_shnum = 0;
	refuses(state, &v, "no section headers");
	make(&v);
	v.eh.e_shoff = UINT64_MAX - 8;
	refuses(state, &v, "no section headers");
	make(&v);
	v.eh.e_shstrndx = NR_SECTIONS;
	refuses(state, &v, "no section headers");
	make(&v);
	v.sh[3].sh_offset = UINT64_MAX - 8;
	refuses(state, &v, "a section outside the file");
	make(&v);
	v.sh[3].sh_size = UINT64_MAX;
	refuses(state, &v, "a section outside the file");
	make(&v);
	v.eh.e_phoff = sizeof(v);
	refuses(state, &v, "program headers outside the file");
	make(&v);
	v.ph.p_filesz = sizeof(v);
	refuses(state, &v, "a segment outside the file");
}

static void a_name_outside_the_table_is_no_debug_section(void **state)
{
	kt_auto(buf) struct kt_buf out = { 0 };
	struct kt_err e = { 0 };
	struct vmlinux v;

	make(&v);
	v.sh[2].sh_name = UINT32_MAX;
	assert_int_equal(strip(state, &v, sizeof(v), &out, &e), 0);
	assert_non_null(memchr(kt_buf_str(&out), 'D', out.len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(debug_sections_go_and_the_rest_keeps_its_number_and_content),
		cmocka_unit_test(a_file_cut_anywhere_is_refused),
		cmocka_unit_test(headers_that_lie_are_refused),
		cmocka_unit_test(a_name_outside_the_table_is_no_debug_section),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
