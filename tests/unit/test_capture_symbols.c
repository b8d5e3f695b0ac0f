/* SPDX-License-Identifier: GPL-2.0-only */
/* Symbols: from the guest's text, from an ELF file, and the list of those asked for. */
#include <elf.h>
#include <errno.h>

#include "capture/capture.h"
#include "capture/memory.h"
#include "tests/unit/unit.h"

static struct cap_symbols *new_symbols(void)
{
	struct cap_symbols *s = NULL;

	assert_int_equal(cap_symbols_create(&s, NULL), 0);
	return s;
}

static void the_first_of_a_name_counts(void **state)
{
	kt_auto(cap_symbols) struct cap_symbols *s = new_symbols();
	const char *const *names;
	const uint64_t *addrs;
	uint64_t v = 0;

	(void)state;
	assert_false(cap_symbols_find(s, "b", &v));
	assert_int_equal(cap_symbols_add(s, "b", 1), 0);
	assert_int_equal(cap_symbols_add(s, "a", 2), 0);
	assert_int_equal(cap_symbols_add(s, "b", 3), 0);
	assert_true(cap_symbols_find(s, "b", &v));
	assert_int_equal(v, 1);
	assert_false(cap_symbols_find(s, "c", &v));
	assert_int_equal(cap_symbols_list(s, &names, &addrs), 2);
	assert_string_equal(names[0], "b");
	assert_string_equal(names[1], "a");
	assert_int_equal(addrs[1], 2);
}

static void many_symbols_are_all_found(void **state)
{
	kt_auto(cap_symbols) struct cap_symbols *s = new_symbols();
	char name[32];
	uint64_t v;

	(void)state;
	for (unsigned n = 0; n < 20000; n++) {
		(void)snprintf(name, sizeof(name), "symbol_%u", n);
		assert_int_equal(cap_symbols_add(s, name, n), 0);
	}
	for (unsigned n = 0; n < 20000; n++) {
		(void)snprintf(name, sizeof(name), "symbol_%u", n);
		assert_true(cap_symbols_find(s, name, &v));
		assert_int_equal(v, n);
	}
}

static void lines_of_the_guest_are_taken_and_others_passed_over(void **state)
{
	static const char text[] = "ffffffff81000000 _text\n"
				   "nonsense\n"
				   "\n"
				   " \n"
				   "12\n"
				   "12 \n"
				   "12 two words\n"
				   "0x12 prefixed\n"
				   "10000000000000000 too_long\n"
				   "12 con\033trol\n"
				   "2d200 runqueues\n"
				   "ffffffff81000001 _text\n"
				   "ffffffff82000000 without_an_end";
	kt_auto(cap_symbols) struct cap_symbols *s = new_symbols();
	const char *const *names;
	const uint64_t *addrs;
	uint64_t v = 0;

	(void)state;
	assert_int_equal(cap_symbols_add_text(s, text, sizeof(text) - 1), 3);
	assert_int_equal(cap_symbols_list(s, &names, &addrs), 2);
	assert_true(cap_symbols_find(s, "_text", &v));
	assert_int_equal(v, UINT64_C(0xffffffff81000000));
	assert_true(cap_symbols_find(s, "runqueues", &v));
	assert_int_equal(v, 0x2d200);
}

static void a_name_that_is_too_long_is_passed_over(void **state)
{
	kt_auto(cap_symbols) struct cap_symbols *s = new_symbols();
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	kt_buf_adds(&b, "1 ");
	for (unsigned n = 0; n < 512; n++)
		kt_buf_addc(&b, 'x');
	kt_buf_adds(&b, "\n2 fine\n");
	assert_int_equal(cap_symbols_add_text(s, b.data, b.len), 1);
}

/* An ELF file of one symbol table: an address in the image, a per-CPU offset, one that is defined elsewhere, one for nobody. */
static void write_elf(const char *path, uint32_t table_type)
{
	struct {
		Elf64_Ehdr eh;
		Elf64_Shdr sh[3];
		Elf64_Sym sym[5];
		char strings[40];
	} f = {
		.eh = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				     EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_shentsize = sizeof(Elf64_Shdr),
			.e_shnum = 3,
			.e_shstrndx = 2 },
		.sym = { { 0 },
			 { .st_name = 1, .st_value = UINT64_C(0xffffffff81000000), .st_shndx = 1 },
			 { .st_name = 7, .st_value = 0x2d200, .st_shndx = SHN_ABS },
			 { .st_name = 17, .st_value = 5, .st_shndx = SHN_UNDEF },
			 { .st_name = 27, .st_value = 6, .st_shndx = 1 } },
		.strings = "\0_text\0runqueues\0elsewhere\0nobodys",
	};
	struct kt_err e = { 0 };

	f.eh.e_shoff = offsetof(__typeof__(f), sh);
	f.sh[1] = (Elf64_Shdr){ .sh_type = table_type,
				.sh_offset = offsetof(__typeof__(f), sym),
				.sh_size = sizeof(f.sym),
				.sh_link = 2,
				.sh_entsize = sizeof(Elf64_Sym) };
	f.sh[2] = (Elf64_Shdr){ .sh_type = SHT_STRTAB,
				.sh_offset = offsetof(__typeof__(f), strings),
				.sh_size = sizeof(f.strings) };
	if (kt_file_write_atomic(path, &f, sizeof(f), 0600, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
}

static void symbols_of_an_elf_file_move_but_per_cpu_offsets_do_not(void **state)
{
	kt_auto(cap_symbols) struct cap_symbols *s = new_symbols();
	kt_auto(mem) char *path = kt_fmt("%s/vmlinux", (char *)*state);
	uint64_t v = 0;

	write_elf(path, SHT_SYMTAB);
	assert_int_equal(cap_symbols_add_elf(s, path, 0x1000000, NULL), 0);
	assert_true(cap_symbols_find(s, "_text", &v));
	assert_int_equal(v, UINT64_C(0xffffffff82000000));
	assert_true(cap_symbols_find(s, "runqueues", &v));
	assert_int_equal(v, 0x2d200);
	assert_false(cap_symbols_find(s, "elsewhere", &v));
}

static void of_a_kernels_file_only_what_is_asked_for_is_taken(void **state)
{
	kt_auto(cap_symbols) struct cap_symbols *s = new_symbols();
	kt_auto(mem) char *path = kt_fmt("%s/linked", (char *)*state);
	const char *const *names;
	const uint64_t *addrs;

	write_elf(path, SHT_SYMTAB);
	assert_int_equal(cap_symbols_add_linked(s, path, NULL), 0);
	assert_int_equal(cap_symbols_list(s, &names, &addrs), 2);
	assert_string_equal(names[0], "_text");
	assert_int_equal(addrs[0], UINT64_C(0xffffffff81000000));
	assert_string_equal(names[1], "runqueues");
}

static void symbols_of_a_file_move_with_the_text_and_the_guests_go_first(void **state)
{
	kt_auto(cap_symbols) struct cap_symbols *s = new_symbols(), *linked = new_symbols();
	uint64_t v = 0;

	(void)state;
	assert_int_equal(cap_symbols_add(linked, "map_idr", UINT64_C(0xffffffff81edd940)), 0);
	assert_int_equal(cap_symbols_add_moved(s, linked, UINT64_C(0xffffffff9a200000)), 0);
	assert_int_equal(cap_symbols_add(linked, "_text", UINT64_C(0xffffffff81000000)), 0);
	assert_int_equal(cap_symbols_add(linked, "prog_idr", UINT64_C(0xffffffff81edd900)), 0);
	assert_int_equal(cap_symbols_add(linked, "runqueues", 0x2d200), 0);
	assert_int_equal(cap_symbols_add(s, "prog_idr", 7), 0);
	assert_int_equal(cap_symbols_add_moved(s, linked, UINT64_C(0xffffffff9a200000)), 3);
	assert_true(cap_symbols_find(s, "map_idr", &v));
	assert_int_equal(v, UINT64_C(0xffffffff9b0dd940));
	assert_true(cap_symbols_find(s, "prog_idr", &v));
	assert_int_equal(v, 7);
	assert_true(cap_symbols_find(s, "runqueues", &v));
	assert_int_equal(v, 0x2d200);
}

static void files_without_symbols_are_said_so(void **state)
{
	kt_auto(cap_symbols) struct cap_symbols *s = new_symbols();
	kt_auto(mem) char *path = kt_fmt("%s/stripped", (char *)*state);
	kt_auto(mem) char *want = kt_fmt("'%s' has no symbol table", path);
	kt_auto(mem) char *no_elf = kt_fmt("'%s' is no ELF file", path);
	struct kt_err e = { 0 };

	write_elf(path, SHT_PROGBITS);
	assert_int_equal(cap_symbols_add_elf(s, path, 0, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_string_equal(unit_err_text(&e), want);
	assert_int_equal(kt_file_write_atomic(path, "text", 4, 0600, NULL), 0);
	assert_int_equal(cap_symbols_add_elf(s, path, 0, &e), -EINVAL);
	assert_string_equal(unit_err_text(&e), no_elf);
	assert_int_equal(cap_symbols_add_elf(s, "/nowhere/vmlinux", 0, &e), -ENOENT);
	assert_string_equal(unit_err_text(&e),
			    "open '/nowhere/vmlinux': No such file or directory");
}

static void the_names_asked_for_are_sorted_and_each_once(void **state)
{
	const char *const *names = cap_symbol_names();

	(void)state;
	assert_non_null(names[0]);
	for (; names[1]; names++) {
		if (strcmp(names[0], names[1]) >= 0)
			fail_msg("'%s' is before '%s'", names[0], names[1]);
	}
}

/* Names of types are a guest's: two differences that undo each other must not be found without the seed. */
static void no_difference_of_names_undoes_another_for_every_seed(void **state)
{
	static const char one[] = "AAAAAAAAAAAAAAAAtail", other[] = "AAAAAAA\xc1"
								    "AAAAEAA\xc1"
								    "tail";

	(void)state;
	for (uint64_t seed = 1; seed < 100; seed++)
		assert_int_not_equal(cap_hash_name(seed, one), cap_hash_name(seed, other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_of_a_name_counts),
		cmocka_unit_test(many_symbols_are_all_found),
		cmocka_unit_test(lines_of_the_guest_are_taken_and_others_passed_over),
		cmocka_unit_test(a_name_that_is_too_long_is_passed_over),
		cmocka_unit_test(symbols_of_an_elf_file_move_but_per_cpu_offsets_do_not),
		cmocka_unit_test(of_a_kernels_file_only_what_is_asked_for_is_taken),
		cmocka_unit_test(symbols_of_a_file_move_with_the_text_and_the_guests_go_first),
		cmocka_unit_test(files_without_symbols_are_said_so),
		cmocka_unit_test(the_names_asked_for_are_sorted_and_each_once),
		cmocka_unit_test(no_difference_of_names_undoes_another_for_every_seed),
	};

	return cmocka_run_group_tests_name("capture symbols", tests, unit_tmp_setup,
					   unit_tmp_teardown);
}
