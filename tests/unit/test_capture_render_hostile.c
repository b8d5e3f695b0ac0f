/* SPDX-License-Identifier: GPL-2.0-only */
/* Types that lie: every one of them gives a value, soon, and reads nothing beyond the bytes that there are. */
#include "tests/unit/render_types.h"

static void a_typedef_of_itself_ends(void **state)
{
	struct render_types *x = *state;
	int id = btf__add_typedef(x->btf, "loop_t", x->u32);
	struct cap_value v;

	raw_type(x, id)->type = (uint32_t)id;
	v = render_value(x, id, "1234", 4);
	assert_unsupported(&v, "modifiers or typedefs that do not end");
}

static void thirty_two_modifiers_are_peeled_and_no_more(void **state)
{
	struct render_types *x = *state;
	struct cap_value v;
	int id = x->u32;

	for (int i = 0; i < 32; i++)
		id = btf__add_const(x->btf, id);
	v = render_value(x, id, "\1\0\0\0", 4);
	assert_int_equal(v.kind, CAP_UINT);
	v = render_value(x, btf__add_const(x->btf, id), "\1\0\0\0", 4);
	assert_unsupported(&v, "modifiers or typedefs that do not end");
}

/* Depth of structs that are each other's first member. */
static unsigned depth_of(const struct cap_value *v, const struct cap_value **ret_last)
{
	unsigned depth = 0;

	while (v->kind == CAP_STRUCT || v->kind == CAP_ARRAY) {
		v = v->kind == CAP_STRUCT ? &v->s.member[0].value : &v->a.element[0];
		depth++;
	}
	*ret_last = v;
	return depth;
}

static void a_struct_in_itself_by_an_array_ends_at_depth_32(void **state)
{
	struct render_types *x = *state;
	int s = btf__add_struct(x->btf, "self", 8), arr;
	const struct cap_value *last;
	struct cap_value v;

	btf__add_field(x->btf, "again", s + 1, 0, 0);
	arr = btf__add_array(x->btf, x->u32, s, 1);
	assert_int_equal(arr, s + 1);
	v = render_value(x, s, "12345678", 8);
	assert_int_equal(depth_of(&v, &last), 32);
	assert_unsupported(last, "nested deeper than 32");
}

static void a_nameless_struct_in_itself_ends(void **state)
{
	struct render_types *x = *state;
	int s = btf__add_struct(x->btf, "self", 8);
	struct cap_value v;

	for (int i = 0; i < 8; i++)
		btf__add_field(x->btf, NULL, s, 0, 0);
	v = render_value(x, btf__add_array(x->btf, x->u32, s, 4096), "12345678", 8);
	assert_int_equal(v.kind, CAP_ARRAY);
	assert_unsupported(&v.a.element[0], "too many values in one");
}

static void a_struct_that_is_many_of_itself_is_bounded(void **state)
{
	struct render_types *x = *state;
	int s = btf__add_struct(x->btf, "self", 8);
	char name[16];
	struct cap_value v;

	for (int i = 0; i < 60; i++) {
		assert_int_equal(kt_snprintf(name, sizeof(name), "m%d", i), 0);
		btf__add_field(x->btf, name, s, 0, 0);
	}
	v = render_value(x, s, "12345678", 8);
	assert_int_equal(v.kind, CAP_STRUCT);
	assert_int_equal(v.s.nr, 60);
	assert_unsupported(&v.s.member[59].value, "too many values in one");
	assert_true(cap_pool_bytes(x->pool) < 32 << 20);
}

static void arrays_of_4_gib_and_more_are_what_is_there(void **state)
{
	struct render_types *x = *state;
	int arr = btf__add_array(x->btf, x->u32, x->u8, UINT32_MAX), of;
	struct cap_value v = render_value(x, arr, "ab", 2);

	assert_int_equal(v.a.len, UINT32_MAX);
	assert_int_equal(v.a.nr, 3);
	assert_int_equal(v.a.element[1].u, 'b');
	assert_int_equal(v.a.element[2].kind, CAP_TRUNCATED);
	of = btf__add_array(x->btf, x->u32, arr, UINT32_MAX);
	of = btf__add_array(x->btf, x->u32, of, UINT32_MAX);
	v = render_value(x, of, "ab", 2);
	assert_unsupported(&v, "array element: array larger than memory");
}

static void arrays_of_arrays_that_do_not_end_say_so(void **state)
{
	struct render_types *x = *state;
	int arr = btf__add_array(x->btf, x->u32, x->u8, 1);
	struct cap_value v;

	btf_array(raw_type(x, arr))->type = (uint32_t)arr;
	v = render_value(x, arr, "12345678", 8);
	assert_unsupported(&v, "array element: arrays in arrays that do not end");
}

static void arrays_of_nothing_have_no_elements(void **state)
{
	struct render_types *x = *state;
	int empty = btf__add_struct(x->btf, "empty", 0);
	int arr = btf__add_array(x->btf, x->u32, empty, UINT32_MAX);
	struct cap_value v = render_value(x, arr, "1234", 4);

	assert_int_equal(v.kind, CAP_ARRAY);
	assert_int_equal(v.a.len, UINT32_MAX);
	assert_int_equal(v.a.nr, 0);
}

static void members_beyond_their_struct_make_it_truncated(void **state)
{
	struct render_types *x = *state;
	int s = btf__add_struct(x->btf, "liar", 4);
	struct cap_value v;

	btf__add_field(x->btf, "in", x->u32, 0, 0);
	btf__add_field(x->btf, "out", x->u64, 0xffffff * 8U, 0);
	btf__add_field(x->btf, "bits", x->u32, 0xfffff0, 5);
	v = render_value(x, s, "\1\0\0\0", 4);
	assert_int_equal(v.kind, CAP_TRUNCATED);
	assert_int_equal(v.t.had, 4);
	assert_int_equal(v.t.partial->s.nr, 1);
	assert_int_equal(member_of(v.t.partial, "in")->u, 1);
}

static void sizes_that_lie_read_nothing_more(void **state)
{
	struct render_types *x = *state;
	int big_int = btf__add_int(x->btf, "odd", 8, 0), s = btf__add_struct(x->btf, "huge", 16);
	int e = btf__add_enum(x->btf, "wide", 4);
	struct cap_value v;

	btf__add_enum_value(x->btf, "A", 1);
	raw_type(x, big_int)->size = UINT32_MAX;
	v = render_value(x, big_int, "12345678", 8);
	assert_int_equal(v.kind, CAP_TRUNCATED);
	assert_int_equal(v.t.needed, UINT32_MAX);
	raw_type(x, big_int)->size = 0;
	v = render_value(x, big_int, "12345678", 8);
	assert_unsupported(&v, "int of no bytes");
	raw_type(x, e)->size = 16;
	v = render_value(x, e, "1234567812345678", 16);
	assert_unsupported(&v, "enum of 16 bytes");
	raw_type(x, s)->size = UINT32_MAX;
	v = render_value(x, s, "12", 2);
	assert_int_equal(v.kind, CAP_TRUNCATED);
	assert_int_equal(v.t.partial->s.nr, 0);
}

static void bitfields_that_lie_say_so(void **state)
{
	struct render_types *x = *state;
	int arr = btf__add_array(x->btf, x->u32, x->u8, 4), s = btf__add_struct(x->btf, "odd", 64);
	uint8_t data[64] = { 0 };
	struct cap_value v;

	btf__add_field(x->btf, "wide", x->u64, 0, 200);
	btf__add_field(x->btf, "array", arr, 3, 5);
	btf__add_field(x->btf, "end", x->u64, 64 * 8 - 4, 8);
	v = render_value(x, s, data, sizeof(data));
	assert_int_equal(v.kind, CAP_TRUNCATED); /* "end" is beyond its struct */
	assert_unsupported(member_of(v.t.partial, "wide"), "bitfield of 200 bits");
	assert_unsupported(member_of(v.t.partial, "array"),
			   "bitfield of what is neither int nor enum");
	assert_int_equal(v.t.partial->s.nr, 2);
}

static void names_that_are_not_there_are_empty(void **state)
{
	struct render_types *x = *state;
	int s = btf__add_struct(x->btf, "named", 4);
	struct cap_value v;

	btf__add_field(x->btf, "m", x->u32, 0, 0);
	raw_type(x, s)->name_off = 0x7fffffff;
	btf_members(raw_type(x, s))->name_off = UINT32_MAX;
	v = render_value(x, s, "\1\0\0\0", 4);
	assert_null(v.s.type_name);
	assert_string_equal(v.s.member[0].name, "");
	assert_int_equal(v.s.member[0].value.u, 1);
}

static void endless_names_are_cut(void **state)
{
	struct render_types *x = *state;
	kt_auto(mem) char *name = malloc(1 << 20);
	struct cap_value v;
	int s;

	memset(name, 'x', 1 << 20);
	name[(1 << 20) - 1] = '\0';
	s = btf__add_struct(x->btf, name, 4);
	v = render_value(x, s, "\1\0\0\0", 4);
	assert_int_equal(strlen(v.s.type_name), 512);
}

static void variables_beyond_their_section_are_truncated(void **state)
{
	struct render_types *x = *state;
	int var = btf__add_var(x->btf, "out", BTF_VAR_STATIC, x->u64);
	int id = btf__add_datasec(x->btf, ".data", 8);
	struct cap_value v;

	btf__add_datasec_var_info(x->btf, var, 0, 8);
	btf_var_secinfos(raw_type(x, id))->offset = UINT32_MAX;
	btf_var_secinfos(raw_type(x, id))->size = UINT32_MAX;
	v = render_value(x, id, "12345678", 8);
	assert_int_equal(member_of(&v, "out")->kind, CAP_TRUNCATED);
	assert_int_equal(member_of(&v, "out")->t.had, 0);
	/* Smaller than its type. */
	btf_var_secinfos(raw_type(x, id))->offset = 0;
	btf_var_secinfos(raw_type(x, id))->size = 2;
	v = render_value(x, id, "12345678", 8);
	assert_int_equal(member_of(&v, "out")->kind, CAP_TRUNCATED);
	assert_int_equal(member_of(&v, "out")->t.had, 2);
}

static void kinds_of_the_future_are_named_by_their_number(void **state)
{
	struct render_types *x = *state;
	int s = btf__add_struct(x->btf, "future", 4);
	struct cap_value v;

	raw_type(x, s)->info = 29U << 24;
	v = render_value(x, s, "1234", 4);
	assert_unsupported(&v, "BTF kind 29 is not known");
	v = render_value(x, btf__add_array(x->btf, x->u32, s, 2), "1234", 4);
	assert_unsupported(&v, "array element: a kind of type without a size");
}

static void a_full_report_says_so_in_what_is_left(void **state)
{
	struct render_types *x = *state;
	int arr = btf__add_array(x->btf, x->u32, x->u64, 4096), of;
	kt_auto(mem) uint8_t *data = calloc(1 << 15, 16);
	struct cap_value v;

	cap_pool_free(x->pool);
	assert_int_equal(cap_pool_create(1 << 19, &x->pool), 0);
	x->r.pool = x->pool;
	of = btf__add_array(x->btf, x->u32, arr, 16);
	v = render_value(x, of, data, 16 << 15);
	assert_int_equal(v.kind, CAP_ARRAY);
	assert_int_equal(v.a.element[0].kind, CAP_ARRAY);
	assert_unsupported(&v.a.element[15], "the report is full");
	v = render_value(x, x->u32, data, 4);
	assert_unsupported(&v, "the report is full");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, render_types_setup, render_types_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_typedef_of_itself_ends),
		TEST(thirty_two_modifiers_are_peeled_and_no_more),
		TEST(a_struct_in_itself_by_an_array_ends_at_depth_32),
		TEST(a_nameless_struct_in_itself_ends),
		TEST(a_struct_that_is_many_of_itself_is_bounded),
		TEST(arrays_of_4_gib_and_more_are_what_is_there),
		TEST(arrays_of_arrays_that_do_not_end_say_so),
		TEST(arrays_of_nothing_have_no_elements),
		TEST(members_beyond_their_struct_make_it_truncated),
		TEST(sizes_that_lie_read_nothing_more),
		TEST(bitfields_that_lie_say_so),
		TEST(names_that_are_not_there_are_empty),
		TEST(endless_names_are_cut),
		TEST(variables_beyond_their_section_are_truncated),
		TEST(kinds_of_the_future_are_named_by_their_number),
		TEST(a_full_report_says_so_in_what_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
