/* SPDX-License-Identifier: GPL-2.0-only */
/* BPF objects in a scheduler's program: found wherever they are, and safe to read whatever they say. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "capture/object.h"
#include "tests/unit/unit.h"

static void read_built(const char *name, struct kt_buf *ret)
{
	const char *build = getenv("O");
	kt_auto(mem) char *path = kt_fmt("%s/%s", build ? build : "build", name);
	struct kt_err e = { 0 };

	if (kt_file_read(path, 16 << 20, ret, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
}

static struct cap_objects *load_bytes(void **state, const void *data, size_t len)
{
	kt_auto(mem) char *path = kt_fmt("%s/program", (char *)*state);
	struct cap_objects *o = NULL;
	struct kt_err e = { 0 };

	assert_int_equal(kt_file_write_atomic(path, data, len, 0700, &e), 0);
	if (cap_objects_load(path, &o, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	return o;
}

static void a_file_that_is_an_object_is_one(void **state)
{
	kt_auto(buf) struct kt_buf obj = { 0 };
	kt_auto(cap_objects) struct cap_objects *o = NULL;

	read_built("tests/objects/casts.bpf.o", &obj);
	o = load_bytes(state, obj.data, obj.len);
	assert_int_equal(o->nr, 1);
	assert_int_equal(o->object[0].len, obj.len);
}

/* At odd places, and one twice. */
static void objects_inside_a_program_are_found_each_once(void **state)
{
	kt_auto(buf) struct kt_buf casts = { 0 }, ktstr = { 0 }, program = { 0 };
	kt_auto(cap_objects) struct cap_objects *o = NULL;

	read_built("tests/objects/casts.bpf.o", &casts);
	read_built("bpf/scx_ktstr.bpf.o", &ktstr);
	kt_buf_adds(&program, "#!\177ELF no object");
	kt_buf_add(&program, casts.data, casts.len);
	kt_buf_adds(&program, "between");
	kt_buf_add(&program, ktstr.data, ktstr.len);
	kt_buf_add(&program, casts.data, casts.len);
	assert_true(kt_buf_ok(&program));
	o = load_bytes(state, program.data, program.len);
	assert_int_equal(o->nr, 2);
	assert_int_equal(o->object[0].len, casts.len);
	assert_int_equal(o->object[1].len, ktstr.len);
}

static void a_skeleton_has_its_object(void **state)
{
	kt_auto(buf) struct kt_buf program = { 0 };
	kt_auto(cap_objects) struct cap_objects *o = NULL;
	const struct btf *btf = NULL;
	uint32_t id = 0;

	read_built("bpf/scx_ktstr", &program);
	o = load_bytes(state, program.data, program.len);
	assert_int_equal(o->nr, 1);
	assert_true(cap_objects_find_struct(o, "ktstr_cross_target", &btf, &id));
	assert_ptr_equal(btf, o->object[0].btf);
	assert_string_equal(btf__name_by_offset(btf, btf__type_by_id(btf, id)->name_off),
			    "ktstr_cross_target");
	assert_false(cap_objects_find_struct(o, "no_such_struct", &btf, &id));
	assert_false(cap_objects_find_struct(o, "", &btf, &id));
}

static void a_program_without_objects_has_none(void **state)
{
	kt_auto(cap_objects) struct cap_objects *o = load_bytes(state, "#!/bin/sh\n", 10);
	const struct btf *btf;
	uint32_t id;

	assert_int_equal(o->nr, 0);
	assert_false(cap_objects_find_struct(o, "task_struct", &btf, &id));
	assert_null(cap_objects_match(o, NULL));
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/missing", (char *)*state);
	kt_auto(mem) char *want = kt_fmt(
		"look for BPF objects in '%s': open '%s': No such file or directory", path, path);
	struct cap_objects *o = NULL;
	struct kt_err e = { 0 };

	assert_int_equal(cap_objects_load(path, &o, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_string_equal(unit_err_text(&e), want);
}

/* The guest's BTF has the sizes of sections filled in, and a variable of libbpf's behind the object's types. */
static void an_object_is_known_by_its_types_in_the_guest(void **state)
{
	kt_auto(buf) struct kt_buf casts = { 0 }, ktstr = { 0 }, program = { 0 };
	kt_auto(cap_objects) struct cap_objects *o = NULL;
	struct btf *guest;
	const void *raw;
	uint32_t len;

	read_built("tests/objects/casts.bpf.o", &casts);
	read_built("bpf/scx_ktstr.bpf.o", &ktstr);
	kt_buf_adds(&program, "in front");
	kt_buf_add(&program, casts.data, casts.len);
	kt_buf_add(&program, ktstr.data, ktstr.len);
	o = load_bytes(state, program.data, program.len);
	assert_int_equal(o->nr, 2);
	raw = btf__raw_data(o->object[1].btf, &len);
	guest = btf__new(raw, len);
	assert_non_null(guest);
	assert_ptr_equal(cap_objects_match(o, guest), &o->object[1]);
	assert_true(btf__add_var(guest, "dummy_ksym", BTF_VAR_GLOBAL_ALLOCATED, 2) > 0);
	assert_ptr_equal(cap_objects_match(o, guest), &o->object[1]);
	for (unsigned i = 0; i < 8; i++)
		assert_true(btf__add_int(guest, "more", 4, 0) > 0);
	assert_null(cap_objects_match(o, guest));
	btf__free(guest);
}

/* ---- hostile ones ---- */

/* Every way of cutting it: an object, or none. */
static void a_truncated_object_is_none(void **state)
{
	kt_auto(buf) struct kt_buf obj = { 0 };
	struct cap_objects o = { 0 };

	(void)state;
	read_built("tests/objects/casts.bpf.o", &obj);
	for (size_t len = 0; len < obj.len; len += len < 256 ? 1 : 97) {
		/* a copy of exactly that size, so that reading beyond it would show */
		kt_auto(mem) char *cut = malloc(len ? len : 1);

		assert_non_null(cut);
		memcpy(cut, obj.data, len);
		assert_int_equal(cap_objects_add(&o, cut, len), -EINVAL);
	}
	assert_int_equal(o.nr, 0);
}

static Elf64_Shdr *section(struct kt_buf *obj, const char *name)
{
	Elf64_Ehdr *eh = (Elf64_Ehdr *)obj->data;
	Elf64_Shdr *sh = (Elf64_Shdr *)(obj->data + eh->e_shoff);

	for (unsigned i = 0; i < eh->e_shnum; i++) {
		if (kt_streq(obj->data + sh[eh->e_shstrndx].sh_offset + sh[i].sh_name, name))
			return &sh[i];
	}
	fail_msg("no section %s", name);
	return NULL;
}

/* Instructions that no verifier has seen: to be read without harm, and to an end. */
static size_t casts_of_code(const struct bpf_insn *code, size_t nr)
{
	kt_auto(buf) struct kt_buf obj = { 0 };
	kt_auto(cap_objects) struct cap_objects *o = calloc(1, sizeof(*o));
	struct bpf_insn *at;
	Elf64_Shdr *sh;

	assert_non_null(o);
	read_built("tests/objects/casts.bpf.o", &obj);
	sh = section(&obj, "struct_ops/casts_dispatch");
	assert_true(sh->sh_size >= nr * sizeof(*code));
	at = (struct bpf_insn *)(obj.data + sh->sh_offset);
	for (size_t i = 0; i < sh->sh_size / sizeof(*code); i++)
		at[i] = code[i % nr];
	assert_int_equal(cap_objects_add(o, obj.data, obj.len), 0);
	return o->object[0].nr_rows;
}

static void jumps_to_anywhere_end(void **state)
{
	static const struct bpf_insn code[] = {
		{ .code = BPF_JMP | BPF_JA, .off = -32768 },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .off = 32767 },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .off = -1 },
		{ .code = BPF_JMP32 | BPF_JA, .imm = INT32_MIN },
		{ .code = BPF_JMP32 | BPF_JA, .imm = INT32_MAX },
		{ .code = BPF_JMP | BPF_JNE | BPF_X, .dst_reg = 15, .src_reg = 14, .off = -2 },
		{ .code = BPF_JMP | BPF_JA, .off = 1 },
	};

	(void)state;
	for (size_t nr = 1; nr <= sizeof(code) / sizeof(code[0]); nr++)
		(void)casts_of_code(code + nr - 1, 1 + (nr < sizeof(code) / sizeof(code[0])));
	(void)casts_of_code(code, sizeof(code) / sizeof(code[0]));
}

static void loops_that_move_a_pointer_for_ever_end(void **state)
{
	static const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 10, .imm = -8 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 1, .imm = INT32_MAX },
		{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 1, .src_reg = 1, .off = -8 },
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 1, .src_reg = 10, .off = -512 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 1, .off = 1 },
		{ .code = BPF_JMP | BPF_JNE | BPF_K, .off = -6 },
	};

	(void)state;
	(void)casts_of_code(code, sizeof(code) / sizeof(code[0]));
}

static void registers_that_are_none_and_constants_cut_in_two_are_safe(void **state)
{
	static const struct bpf_insn code[] = {
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = 15, .src_reg = 15, .imm = -1 },
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 13, .src_reg = 12 },
		{ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = INT32_MIN },
		{ .code = BPF_JMP | BPF_CALL, .imm = -1 },
		{ .code = 0xff, .dst_reg = 1, .src_reg = 1 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 10, .imm = -1 },
	};

	(void)state;
	(void)casts_of_code(code, sizeof(code) / sizeof(code[0]));
	/* each alone, so that the constant is the last instruction, too */
	for (size_t i = 0; i < sizeof(code) / sizeof(code[0]); i++)
		(void)casts_of_code(code + i, 1);
}

/* Bytes changed one after another all over the file: nothing that they say may be believed. */
static void an_object_with_wrong_bytes_is_safe(void **state)
{
	kt_auto(buf) struct kt_buf obj = { 0 };

	(void)state;
	libbpf_set_print(NULL);
	read_built("tests/objects/casts.bpf.o", &obj);
	for (size_t at = 0; at < obj.len; at += 61) {
		kt_auto(cap_objects) struct cap_objects *o = calloc(1, sizeof(*o));
		char was = obj.data[at];
		int r;

		assert_non_null(o);
		obj.data[at] = (char)~was;
		r = cap_objects_add(o, obj.data, obj.len);
		assert_true(r == 0 || r == -EINVAL);
		obj.data[at] = was;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_that_is_an_object_is_one),
		cmocka_unit_test(objects_inside_a_program_are_found_each_once),
		cmocka_unit_test(a_skeleton_has_its_object),
		cmocka_unit_test(a_program_without_objects_has_none),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
		cmocka_unit_test(an_object_is_known_by_its_types_in_the_guest),
		cmocka_unit_test(a_truncated_object_is_none),
		cmocka_unit_test(jumps_to_anywhere_end),
		cmocka_unit_test(loops_that_move_a_pointer_for_ever_end),
		cmocka_unit_test(registers_that_are_none_and_constants_cut_in_two_are_safe),
		cmocka_unit_test(an_object_with_wrong_bytes_is_safe),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
