/* SPDX-License-Identifier: GPL-2.0-only */
/* Values by their types: every kind of BTF, as its JSON. */
#include "tests/unit/render_types.h"

static void integers_keep_their_sign_and_width(void **state)
{
	struct render_types *x = *state;
	int s8 = btf__add_int(x->btf, "s8", 1, BTF_INT_SIGNED);

	assert_string_equal(render_json(x, x->s32, &(int32_t){ -5 }, 4),
			    "{\"kind\":\"int\",\"bits\":32,\"value\":-5}");
	assert_string_equal(render_json(x, x->u32, &(int32_t){ -5 }, 4),
			    "{\"kind\":\"uint\",\"bits\":32,\"value\":4294967291}");
	assert_string_equal(render_json(x, s8, "\x80", 1),
			    "{\"kind\":\"int\",\"bits\":8,\"value\":-128}");
	assert_string_equal(render_json(x, x->u16, "\x01\x80", 2),
			    "{\"kind\":\"uint\",\"bits\":16,\"value\":32769}");
	assert_string_equal(render_json(x, x->s64, &(int64_t){ INT64_MIN }, 8),
			    "{\"kind\":\"int\",\"bits\":64,\"value\":-9223372036854775808}");
	assert_string_equal(render_json(x, x->u64, &(uint64_t){ UINT64_MAX }, 8),
			    "{\"kind\":\"uint\",\"bits\":64,\"value\":18446744073709551615}");
}

static void a_bool_is_true_by_any_of_its_bits(void **state)
{
	struct render_types *x = *state;
	int b = btf__add_int(x->btf, "bool", 1, BTF_INT_BOOL);
	int wide = btf__add_int(x->btf, "bool16", 16, BTF_INT_BOOL);

	assert_string_equal(render_json(x, b, "\0", 1), "{\"kind\":\"bool\",\"value\":false}");
	assert_string_equal(render_json(x, b, "\x02", 1), "{\"kind\":\"bool\",\"value\":true}");
	assert_string_equal(render_json(x, wide, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16),
			    "{\"kind\":\"bool\",\"value\":true}");
}

static void only_a_char_of_one_byte_is_a_char(void **state)
{
	struct render_types *x = *state;
	int c = btf__add_int(x->btf, "char", 1, BTF_INT_CHAR);
	int wide = btf__add_int(x->btf, "wchar", 4, BTF_INT_CHAR);

	assert_string_equal(render_json(x, c, "A", 1), "{\"kind\":\"char\",\"value\":65}");
	assert_string_equal(render_json(x, wide, "A\0\0\0", 4),
			    "{\"kind\":\"uint\",\"bits\":32,\"value\":65}");
}

static void what_is_wider_than_eight_bytes_is_bytes(void **state)
{
	struct render_types *x = *state;
	int id = btf__add_int(x->btf, "__int128", 16, 0);

	assert_string_equal(
		render_json(x, id, "\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\xff", 16),
		"{\"kind\":\"bytes\",\"hex\":\"00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e ff\"}");
}

static void floats_are_of_four_or_eight_bytes(void **state)
{
	struct render_types *x = *state;
	int f = btf__add_float(x->btf, "float", 4), d = btf__add_float(x->btf, "double", 8);
	int half = btf__add_float(x->btf, "_Float16", 2);

	assert_string_equal(render_json(x, f, &(float){ 1.5F }, 4),
			    "{\"kind\":\"float\",\"bits\":32,\"value\":1.5}");
	assert_string_equal(render_json(x, d, &(double){ -0.25 }, 8),
			    "{\"kind\":\"float\",\"bits\":64,\"value\":-0.25}");
	assert_string_equal(render_json(x, half, "\0\0", 2),
			    "{\"kind\":\"unsupported\",\"reason\":\"float of 2 bytes\"}");
}

static int add_enum(struct render_types *x, const char *name, uint32_t bytes, int64_t a, int64_t b)
{
	int id = btf__add_enum(x->btf, name, bytes);

	assert_int_equal(btf__add_enum_value(x->btf, "FIRST", a), 0);
	assert_int_equal(btf__add_enum_value(x->btf, "SECOND", b), 0);
	return id;
}

static void enums_are_named_where_they_can_be(void **state)
{
	struct render_types *x = *state;
	int id = add_enum(x, "e", 4, 1, 7);

	assert_string_equal(
		render_json(x, id, &(uint32_t){ 7 }, 4),
		"{\"kind\":\"enum\",\"bits\":32,\"value\":7,\"variant\":\"SECOND\",\"is_signed\":false}");
	assert_string_equal(
		render_json(x, id, &(uint32_t){ 0x80000000 }, 4),
		"{\"kind\":\"enum\",\"bits\":32,\"value\":2147483648,\"variant\":null,\"is_signed\":false}");
}

static void negative_members_of_small_enums_are_found(void **state)
{
	struct render_types *x = *state;
	int id = add_enum(x, "small", 1, -2, 7);

	assert_string_equal(
		render_json(x, id, "\xfe", 1),
		"{\"kind\":\"enum\",\"bits\":8,\"value\":-2,\"variant\":\"FIRST\",\"is_signed\":true}");
}

static void unsigned_enums_of_64_bits_keep_their_bits(void **state)
{
	struct render_types *x = *state;
	int id = btf__add_enum64(x->btf, "big", 8, false);

	assert_int_equal(btf__add_enum64_value(x->btf, "SCX_DSQ_LOCAL_ON", 0xc000000000000000), 0);
	assert_string_equal(render_json(x, id, &(uint64_t){ 0xc000000000000000 }, 8),
			    "{\"kind\":\"enum\",\"bits\":64,\"value\":-4611686018427387904,"
			    "\"variant\":\"SCX_DSQ_LOCAL_ON\",\"is_signed\":false}");
}

static void all_modifiers_are_looked_through(void **state)
{
	struct render_types *x = *state;
	int id = btf__add_typedef(x->btf, "my_t", x->u32);

	id = btf__add_const(x->btf, id);
	id = btf__add_volatile(x->btf, id);
	id = btf__add_restrict(x->btf, id);
	id = btf__add_type_tag(x->btf, "rcu", id);
	assert_string_equal(render_json(x, id, &(uint32_t){ 3 }, 4),
			    "{\"kind\":\"uint\",\"bits\":32,\"value\":3}");
}

static void a_struct_has_its_members_in_their_order(void **state)
{
	struct render_types *x = *state;
	int id = btf__add_struct(x->btf, "pair", 8);

	btf__add_field(x->btf, "b", x->s32, 32, 0);
	btf__add_field(x->btf, "a", x->u16, 0, 0);
	assert_string_equal(
		render_json(x, id, "\1\0\0\0\xff\xff\xff\xff", 8),
		"{\"kind\":\"struct\",\"type_name\":\"pair\",\"members\":["
		"{\"name\":\"b\",\"value\":{\"kind\":\"int\",\"bits\":32,\"value\":-1}},"
		"{\"name\":\"a\",\"value\":{\"kind\":\"uint\",\"bits\":16,\"value\":1}}]}");
}

static void a_union_has_every_member_over_the_same_bytes(void **state)
{
	struct render_types *x = *state;
	int id = btf__add_union(x->btf, NULL, 4);

	btf__add_field(x->btf, "all", x->u32, 0, 0);
	btf__add_field(x->btf, "low", x->u8, 0, 0);
	assert_string_equal(
		render_json(x, id, "\1\2\0\0", 4),
		"{\"kind\":\"struct\",\"type_name\":null,\"members\":["
		"{\"name\":\"all\",\"value\":{\"kind\":\"uint\",\"bits\":32,\"value\":513}},"
		"{\"name\":\"low\",\"value\":{\"kind\":\"uint\",\"bits\":8,\"value\":1}}]}");
}

static void a_struct_without_a_name_has_that_of_its_typedef(void **state)
{
	struct render_types *x = *state;
	int id = btf__add_struct(x->btf, NULL, 4);
	struct cap_value v;

	btf__add_field(x->btf, "counter", x->s32, 0, 0);
	id = btf__add_typedef(x->btf, "atomic_t", id);
	id = btf__add_const(x->btf, id);
	v = render_value(x, id, "\1\0\0\0", 4);
	assert_string_equal(v.s.type_name, "atomic_t");
}

static void members_without_a_name_are_flattened(void **state)
{
	struct render_types *x = *state;
	int inner = btf__add_struct(x->btf, NULL, 8), both, id;
	struct cap_value v;

	btf__add_field(x->btf, "one", x->u32, 0, 0);
	btf__add_field(x->btf, "two", x->u32, 32, 0);
	both = btf__add_union(x->btf, NULL, 8);
	btf__add_field(x->btf, NULL, inner, 0, 0);
	btf__add_field(x->btf, "raw", x->u64, 0, 0);
	id = btf__add_struct(x->btf, "outer", 16);
	btf__add_field(x->btf, "head", x->u64, 0, 0);
	btf__add_field(x->btf, NULL, both, 64, 0);

	v = render_value(x, id, "\1\0\0\0\0\0\0\0\2\0\0\0\3\0\0\0", 16);
	assert_int_equal(v.s.nr, 4);
	assert_int_equal(member_of(&v, "head")->u, 1);
	assert_int_equal(member_of(&v, "one")->u, 2);
	assert_int_equal(member_of(&v, "two")->u, 3);
	assert_int_equal(member_of(&v, "raw")->u, 0x300000002);
}

static void bitfields_of_both_kinds_are_shifted_and_masked(void **state)
{
	struct render_types *x = *state;
	int e = add_enum(x, "e3", 4, 1, 5), s = btf__add_struct(x->btf, "flags", 8);
	struct cap_value v;
	uint64_t bits = 1 | 6 << 1 | 5 << 4 | 0x1fULL << 30;

	/* The kind_flag kind. */
	btf__add_field(x->btf, "on", x->u32, 0, 1);
	btf__add_field(x->btf, "negative", x->s32, 1, 3);
	btf__add_field(x->btf, "choice", e, 4, 3);
	btf__add_field(x->btf, "across", x->u32, 30, 5);
	v = render_value(x, s, &bits, 8);
	assert_json(x, member_of(&v, "on"), "{\"kind\":\"uint\",\"bits\":1,\"value\":1}");
	assert_json(x, member_of(&v, "negative"), "{\"kind\":\"int\",\"bits\":3,\"value\":-2}");
	assert_json(
		x, member_of(&v, "choice"),
		"{\"kind\":\"enum\",\"bits\":3,\"value\":5,\"variant\":\"SECOND\",\"is_signed\":false}");
	assert_json(x, member_of(&v, "across"), "{\"kind\":\"uint\",\"bits\":5,\"value\":31}");
}

/* BTF_INT_DATA of include/uapi/linux/btf.h: encoding, offset, bits. */
static void set_int_bits(struct render_types *x, int id, unsigned offset, unsigned bits)
{
	struct btf_type *t = raw_type(x, id);
	uint32_t *data = (uint32_t *)(t + 1);

	*data = (*data & 0xff000000) | offset << 16 | bits;
}

static void bitfields_of_ints_with_fewer_bits_are_too(void **state)
{
	struct render_types *x = *state;
	int i3 = btf__add_int(x->btf, "i3", 4, BTF_INT_SIGNED), s;
	struct cap_value v;
	uint32_t bits = 6 << 5 | 3 << 8;

	set_int_bits(x, i3, 0, 3);
	s = btf__add_struct(x->btf, "old", 4);
	btf__add_field(x->btf, "a", i3, 0, 0);
	btf__add_field(x->btf, "b", i3, 8, 0);
	btf_members(raw_type(x, s))[0].offset = 5; /* libbpf writes none of these any more */
	v = render_value(x, s, &bits, 4);
	assert_json(x, member_of(&v, "a"), "{\"kind\":\"int\",\"bits\":3,\"value\":-2}");
	assert_json(x, member_of(&v, "b"), "{\"kind\":\"int\",\"bits\":3,\"value\":3}");
}

static void a_bitfield_of_64_bits_can_begin_within_a_byte(void **state)
{
	struct render_types *x = *state;
	int s = btf__add_struct(x->btf, "wide", 16);
	uint8_t data[16] = { 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f };
	struct cap_value v;

	btf__add_field(x->btf, "skip", x->u64, 0, 7);
	btf__add_field(x->btf, "all", x->u64, 7, 64);
	v = render_value(x, s, data, sizeof(data));
	assert_true(member_of(&v, "all")->u == UINT64_MAX);
	assert_int_equal(member_of(&v, "all")->bits, 64);
}

static void arrays_have_their_elements(void **state)
{
	struct render_types *x = *state;
	int id = btf__add_array(x->btf, x->u32, x->u16, 2), of_arrays;

	assert_string_equal(render_json(x, id, "\1\0\2\0", 4),
			    "{\"kind\":\"array\",\"len\":2,\"elements\":["
			    "{\"kind\":\"uint\",\"bits\":16,\"value\":1},"
			    "{\"kind\":\"uint\",\"bits\":16,\"value\":2}]}");
	of_arrays = btf__add_array(x->btf, x->u32, id, 1);
	assert_string_equal(render_json(x, of_arrays, "\1\0\2\0", 4),
			    "{\"kind\":\"array\",\"len\":1,\"elements\":["
			    "{\"kind\":\"array\",\"len\":2,\"elements\":["
			    "{\"kind\":\"uint\",\"bits\":16,\"value\":1},"
			    "{\"kind\":\"uint\",\"bits\":16,\"value\":2}]}]}");
}

static void long_arrays_keep_their_length_and_4096_elements(void **state)
{
	struct render_types *x = *state;
	int id = btf__add_array(x->btf, x->u32, x->u16, 5000);
	kt_auto(mem) uint16_t *data = calloc(5000, sizeof(*data));
	struct cap_value v;

	data[4095] = 7;
	v = render_value(x, id, data, 10000);
	assert_int_equal(v.kind, CAP_ARRAY);
	assert_int_equal(v.a.len, 5000);
	assert_int_equal(v.a.nr, 4096);
	assert_int_equal(v.a.element[4095].u, 7);
}

static void a_flexible_array_says_how_much_is_there(void **state)
{
	struct render_types *x = *state;
	int flex = btf__add_array(x->btf, x->u32, x->u16, 0), s;
	struct cap_value v;

	s = btf__add_struct(x->btf, "with_tail", 4);
	btf__add_field(x->btf, "len", x->u32, 0, 0);
	btf__add_field(x->btf, "tail", flex, 32, 0);
	v = render_value(x, s, "\3\0\0\0\1\0\2\0\3\0", 10);
	assert_unsupported(member_of(&v, "tail"),
			   "flexible array: its length is not known, 6 bytes are there");
	v = render_value(x, s, "\3\0\0\0", 4);
	assert_json(x, member_of(&v, "tail"), "{\"kind\":\"array\",\"len\":0,\"elements\":[]}");
}

static void a_section_is_a_struct_of_its_variables(void **state)
{
	struct render_types *x = *state;
	int a = btf__add_var(x->btf, "nr_queued", BTF_VAR_GLOBAL_ALLOCATED, x->u64);
	int b = btf__add_var(x->btf, "stall", BTF_VAR_GLOBAL_ALLOCATED, x->u8);
	int id = btf__add_datasec(x->btf, ".bss", 16);
	struct cap_value v;

	btf__add_datasec_var_info(x->btf, a, 0, 8);
	btf__add_datasec_var_info(x->btf, b, 8, 1);
	assert_string_equal(
		render_json(x, id, "\5\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 16),
		"{\"kind\":\"struct\",\"type_name\":\".bss\",\"members\":["
		"{\"name\":\"nr_queued\",\"value\":{\"kind\":\"uint\",\"bits\":64,\"value\":5}},"
		"{\"name\":\"stall\",\"value\":{\"kind\":\"uint\",\"bits\":8,\"value\":1}}]}");
	v = render_value(x, id, "\5\0\0\0\0\0\0\0", 8);
	assert_json(x, member_of(&v, "stall"),
		    "{\"kind\":\"truncated\",\"needed\":1,\"had\":0,"
		    "\"partial\":{\"kind\":\"bytes\",\"hex\":\"\"}}");
}

static void what_is_no_value_says_so(void **state)
{
	struct render_types *x = *state;
	int fwd = btf__add_fwd(x->btf, "hidden", BTF_FWD_STRUCT);
	int proto = btf__add_func_proto(x->btf, x->s32);
	int func = btf__add_func(x->btf, "f", BTF_FUNC_STATIC, proto);
	int of_fwd = btf__add_array(x->btf, x->u32, fwd, 2);
	struct cap_value v;

	v = render_value(x, fwd, "1234", 4);
	assert_unsupported(&v, "forward declaration without a body: hidden");
	v = render_value(x, proto, "1234", 4);
	assert_unsupported(&v, "function type");
	v = render_value(x, func, "1234", 4);
	assert_unsupported(&v, "function type");
	v = render_value(x, btf__add_const(x->btf, 0), "1234", 4);
	assert_unsupported(&v, "void");
	v = render_value(x, of_fwd, "1234", 4);
	assert_unsupported(&v, "array element: forward declaration without a body");
	v = render_value(x, 4000, "1234", 4);
	assert_unsupported(&v, "type id is not in its BTF");
}

static void without_types_there_are_bytes(void **state)
{
	struct render_types *x = *state;

	x->r.btf = NULL;
	assert_string_equal(render_json(x, 1, "\xab\x01", 2),
			    "{\"kind\":\"bytes\",\"hex\":\"ab 01\"}");
	x->r.btf = &(struct cap_btf){ .error = "unreadable" };
	assert_string_equal(render_json(x, 1, "", 0), "{\"kind\":\"bytes\",\"hex\":\"\"}");
}

static void a_short_slice_makes_a_truncated_value(void **state)
{
	struct render_types *x = *state;
	int ptr = btf__add_ptr(x->btf, x->u8), arr = btf__add_array(x->btf, x->u32, x->u32, 3);
	int s = btf__add_struct(x->btf, "three", 12);

	btf__add_field(x->btf, "a", x->u32, 0, 0);
	btf__add_field(x->btf, "b", x->u32, 32, 0);
	btf__add_field(x->btf, "c", x->u32, 64, 0);
	assert_string_equal(render_json(x, x->u32, "\1\2", 2),
			    "{\"kind\":\"truncated\",\"needed\":4,\"had\":2,"
			    "\"partial\":{\"kind\":\"bytes\",\"hex\":\"01 02\"}}");
	assert_string_equal(render_json(x, ptr, "\1\2\3\4", 4),
			    "{\"kind\":\"truncated\",\"needed\":8,\"had\":4,"
			    "\"partial\":{\"kind\":\"bytes\",\"hex\":\"01 02 03 04\"}}");
	assert_string_equal(
		render_json(x, s, "\1\0\0\0\2\0", 6),
		"{\"kind\":\"truncated\",\"needed\":12,\"had\":6,"
		"\"partial\":{\"kind\":\"struct\",\"type_name\":\"three\",\"members\":["
		"{\"name\":\"a\",\"value\":{\"kind\":\"uint\",\"bits\":32,\"value\":1}}]}}");
	/* One truncated element, then no more: also when not a byte of it is there. */
	assert_string_equal(render_json(x, arr, "\1\0\0\0", 4),
			    "{\"kind\":\"array\",\"len\":3,\"elements\":["
			    "{\"kind\":\"uint\",\"bits\":32,\"value\":1},"
			    "{\"kind\":\"truncated\",\"needed\":4,\"had\":0,"
			    "\"partial\":{\"kind\":\"bytes\",\"hex\":\"\"}}]}");
	assert_string_equal(render_json(x, arr, "\1\0\0\0\2", 5),
			    "{\"kind\":\"array\",\"len\":3,\"elements\":["
			    "{\"kind\":\"uint\",\"bits\":32,\"value\":1},"
			    "{\"kind\":\"truncated\",\"needed\":4,\"had\":1,"
			    "\"partial\":{\"kind\":\"bytes\",\"hex\":\"02\"}}]}");
}

static void types_of_a_program_are_split_on_the_kernels(void **state)
{
	struct render_types *x = *state;
	struct btf *split = btf__new_empty_split(x->btf);
	struct cap_btf cap = { .kva = { 1 }, .btf = split };
	int id = btf__add_struct(split, "of_program", 4);

	btf__add_field(split, "kernel_int", x->s32, 0, 0);
	x->r.btf = &cap;
	assert_string_equal(
		render_json(x, id, "\1\0\0\0", 4),
		"{\"kind\":\"struct\",\"type_name\":\"of_program\",\"members\":["
		"{\"name\":\"kernel_int\",\"value\":{\"kind\":\"int\",\"bits\":32,\"value\":1}}]}");
	assert_string_equal(render_json(x, x->u8, "\1", 1),
			    "{\"kind\":\"uint\",\"bits\":8,\"value\":1}");
	btf__free(split);
}

static void values_outlive_their_types(void **state)
{
	struct render_types *x = *state;
	struct btf *own = btf__new_empty();
	struct cap_btf cap = { .btf = own };
	int e = btf__add_enum(own, "e", 4), s;
	struct cap_value v;

	btf__add_enum_value(own, "VARIANT", 1);
	s = btf__add_struct(own, "gone", 4);
	btf__add_field(own, "member", e, 0, 0);
	x->r.btf = &cap;
	v = render_value(x, s, "\1\0\0\0", 4);
	btf__free(own);
	assert_json(x, &v,
		    "{\"kind\":\"struct\",\"type_name\":\"gone\",\"members\":[{\"name\":\"member\","
		    "\"value\":{\"kind\":\"enum\",\"bits\":32,\"value\":1,\"variant\":\"VARIANT\","
		    "\"is_signed\":false}}]}");
}

static void sections_of_string_literals_are_known_by_name(void **state)
{
	(void)state;
	assert_true(cap_is_string_section("s.rodata.str1.1"));
	assert_true(cap_is_string_section(".rodata.str1.16"));
	assert_false(cap_is_string_section("scx_qma.rodata"));
	assert_false(cap_is_string_section(""));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, render_types_setup, render_types_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(integers_keep_their_sign_and_width),
		TEST(a_bool_is_true_by_any_of_its_bits),
		TEST(only_a_char_of_one_byte_is_a_char),
		TEST(what_is_wider_than_eight_bytes_is_bytes),
		TEST(floats_are_of_four_or_eight_bytes),
		TEST(enums_are_named_where_they_can_be),
		TEST(negative_members_of_small_enums_are_found),
		TEST(unsigned_enums_of_64_bits_keep_their_bits),
		TEST(all_modifiers_are_looked_through),
		TEST(a_struct_has_its_members_in_their_order),
		TEST(a_union_has_every_member_over_the_same_bytes),
		TEST(a_struct_without_a_name_has_that_of_its_typedef),
		TEST(members_without_a_name_are_flattened),
		TEST(bitfields_of_both_kinds_are_shifted_and_masked),
		TEST(bitfields_of_ints_with_fewer_bits_are_too),
		TEST(a_bitfield_of_64_bits_can_begin_within_a_byte),
		TEST(arrays_have_their_elements),
		TEST(long_arrays_keep_their_length_and_4096_elements),
		TEST(a_flexible_array_says_how_much_is_there),
		TEST(a_section_is_a_struct_of_its_variables),
		TEST(what_is_no_value_says_so),
		TEST(without_types_there_are_bytes),
		TEST(a_short_slice_makes_a_truncated_value),
		TEST(types_of_a_program_are_split_on_the_kernels),
		TEST(values_outlive_their_types),
		TEST(sections_of_string_literals_are_known_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
