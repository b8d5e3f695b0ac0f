/* SPDX-License-Identifier: GPL-2.0-only */
/* Values as text: on one line where they fit, in columns where they do not, zeros left out. */
#include <stdlib.h>

#include "capture/value.h"
#include "tests/unit/unit.h"

#define INT_V(n) \
	{ \
		.kind = CAP_INT, .bits = 32, .i = (n) \
	}
#define UINT_V(n_bits, n) \
	{ \
		.kind = CAP_UINT, .bits = (n_bits), .u = (n) \
	}
#define STRUCT_V(name, ...) \
	{ \
		.kind = CAP_STRUCT, \
		.s = {(name), \
		      (struct cap_member[])__VA_ARGS__, \
		      sizeof((struct cap_member[])__VA_ARGS__) / sizeof(struct cap_member) } \
	}
#define ARRAY_V(...) \
	{ \
		.kind = CAP_ARRAY, \
		.a = { sizeof((struct cap_value[])__VA_ARGS__) / sizeof(struct cap_value), \
		       (struct cap_value[])__VA_ARGS__, \
		       sizeof((struct cap_value[])__VA_ARGS__) / sizeof(struct cap_value) } \
	}

static void assert_text_at(const struct cap_value *v, unsigned indent, unsigned width,
			   const char *want)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	cap_value_text(v, indent, width, &b);
	assert_string_equal(kt_buf_str(&b), want);
}

static void assert_text(const struct cap_value *v, const char *want)
{
	assert_text_at(v, 0, 0, want);
}

static void scalars_are_words_and_numbers(void **state)
{
	(void)state;
	assert_text(&(struct cap_value)INT_V(-5), "-5");
	assert_text(&(struct cap_value)UINT_V(64, UINT64_MAX), "18446744073709551615");
	assert_text(&(struct cap_value){ .kind = CAP_BOOL, .b = true }, "true");
	assert_text(&(struct cap_value){ .kind = CAP_BOOL }, "false");
	assert_text(&(struct cap_value){ .kind = CAP_CHAR, .c = 'a' }, "'a'");
	assert_text(&(struct cap_value){ .kind = CAP_CHAR, .c = '\'' }, "'\\''");
	assert_text(&(struct cap_value){ .kind = CAP_CHAR, .c = 7 }, "0x07");
	assert_text(&(struct cap_value){ .kind = CAP_FLOAT, .bits = 64, .f = 0.5 }, "0.5");
	assert_text(&(struct cap_value){ .kind = CAP_CPU_LIST, .cpus = "0-2,5" }, "cpus={0-2,5}");
	assert_text(&(struct cap_value){ .kind = CAP_UNSUPPORTED }, "<unsupported: not rendered>");
	assert_text(&(struct cap_value){ .kind = CAP_UNSUPPORTED, .reason = "void" },
		    "<unsupported: void>");
}

static void enums_have_their_name_and_number(void **state)
{
	struct cap_value v = { .kind = CAP_ENUM, .bits = 32, .e = { 2, "SCX_TASK_READY", false } };

	(void)state;
	assert_text(&v, "SCX_TASK_READY (2)");
	v.e.variant = NULL;
	assert_text(&v, "2");
	v = (struct cap_value){ .kind = CAP_ENUM, .bits = 64, .e = { -1, NULL, false } };
	assert_text(&v, "18446744073709551615");
	v.e.is_signed = true;
	assert_text(&v, "-1");
}

static void structs_hide_what_is_zero(void **state)
{
	struct cap_value inner = STRUCT_V("in", { { "n", INT_V(0) } });
	struct cap_value v = STRUCT_V(
		"task_ctx",
		{ { "a", INT_V(1) }, { "zero", INT_V(0) }, { "in", inner }, { "b", INT_V(2) } });

	(void)state;
	assert_text(&v, "task_ctx{a=1, b=2}");
	v.s.member[0].value.i = v.s.member[3].value.i = 0;
	assert_text(&v, "task_ctx{}");
	v.s.type_name = NULL;
	assert_text(&v, "{}");
	inner.s.member[0] = (struct cap_member){ "", UINT_V(8, 3) };
	assert_text(&inner, "in{3}");
}

static void pointers_tell_where_they_lead(void **state)
{
	struct cap_value in = STRUCT_V("node", { { "n", INT_V(1) } });
	struct cap_value v = { .kind = CAP_PTR, .p = { .value = 0x1000 } };

	(void)state;
	assert_text(&v, "0x1000");
	v.p.cast_annotation = "cast→arena";
	v.p.deref = &in;
	assert_text(&v, "0x1000 (cast→arena) → node{n=1}");
	v.p.deref = NULL;
	v.p.deref_skipped_reason = "cycle to 0x1000";
	assert_text(&v, "0x1000 (cast→arena) [cycle]");
	v.p.cast_annotation = NULL;
	v.p.deref_skipped_reason = "arena chase: size 0";
	assert_text(&v, "0x1000 [chase: arena chase: size 0]");
}

static void what_is_truncated_shows_its_part(void **state)
{
	struct cap_value part = { .kind = CAP_BYTES,
				  .bytes = { (const uint8_t *)"\1\2", 2, false } };
	struct cap_value v = { .kind = CAP_TRUNCATED, .t = { 8, 2, &part } };

	(void)state;
	assert_text(&v, "<truncated needed=8 had=2> 01 02");
	v.t.had = 0;
	part.bytes.len = 0;
	assert_text(&v, "<truncated needed=8 had=0>");
}

static struct cap_value byte_array(const char *bytes, size_t len, struct cap_value *element)
{
	for (size_t i = 0; i < len; i++)
		element[i] = (struct cap_value){ .kind = CAP_INT, .bits = 8, .i = bytes[i] };
	return (struct cap_value){ .kind = CAP_ARRAY, .a = { len, element, len } };
}

static void arrays_of_text_are_strings(void **state)
{
	struct cap_value element[16];
	struct cap_value v = byte_array("scx_qmap\0\0\0\0\0\0\0", 16, element);

	(void)state;
	assert_text(&v, "\"scx_qmap\"");
	v = byte_array("a\"b\\", 4, element);
	assert_text(&v, "\"a\\\"b\\\\\"");
	v = byte_array("a\0b", 3, element); /* no text */
	assert_text(&v, "[97, 0, 98]");
	v = byte_array("a\tb\n", 4, element);
	assert_text(&v, "\"a\\tb\\n\"");
	v = byte_array("a\x1b"
		       "b",
		       3, element);
	assert_text(&v, "[97, 27, 98]");
	v = byte_array("sixteen letters", 15, element);
	assert_text_at(&v, 0, 1, "\"sixteen letters\""); /* however long */
}

static void arrays_show_wide_numbers_in_hex(void **state)
{
	struct cap_value v = ARRAY_V({ UINT_V(64, 255), UINT_V(64, 0), UINT_V(64, 16) });

	(void)state;
	assert_text(&v, "[0xff, 0x0, 0x10]");
	v = (struct cap_value)ARRAY_V({ UINT_V(16, 255), INT_V(-1) });
	assert_text(&v, "[255, -1]");
	v.a.len = 100;
	assert_text(&v, "[255, -1] /* 2 of 100 shown */");
	v.a.nr = 0;
	assert_text(&v, "[] /* 0 of 100 shown */");
}

static void sparse_arrays_are_runs(void **state)
{
	struct cap_value element[20];
	struct cap_value v = { .kind = CAP_ARRAY, .a = { 20, element, 20 } };

	(void)state;
	for (size_t i = 0; i < 20; i++)
		element[i] = (struct cap_value)INT_V(0);
	assert_text(&v, "[all 20 zero]");
	element[3].i = 7;
	element[8].i = 1;
	element[9].i = 2;
	assert_text(&v, "{[3]=7, [8..9]={1, 2}}");
}

static void bytes_are_hex_or_text(void **state)
{
	struct cap_value v = { .kind = CAP_BYTES,
			       .bytes = { (const uint8_t *)"a\0\xff\"", 4, true } };
	uint8_t many[600] = { 0 };

	(void)state;
	assert_text(&v, "\"a\\x00\\xff\\\"\"");
	v.bytes.text = false;
	assert_text(&v, "61 00 ff 22");
	v.bytes = (__typeof__(v.bytes)){ many, 40, false };
	assert_text_at(&v, 2, 110,
		       "40 bytes:\n"
		       "    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
		       "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
		       "    00 00 00 00 00 00 00 00");
}

static void long_structs_have_three_numbers_a_row(void **state)
{
	struct cap_value in = STRUCT_V("in", { { "x", INT_V(1) } });
	struct cap_value v = STRUCT_V("ctx", { { "aa", INT_V(10000000) },
					       { "bb", INT_V(20000000) },
					       { "cc", INT_V(30000000) },
					       { "dd", INT_V(40000000) },
					       { "in", in },
					       { "ee", INT_V(50000000) } });

	(void)state;
	assert_text_at(&v, 4, 60,
		       "ctx:\n"
		       "      aa=10000000  bb=20000000  cc=30000000\n"
		       "      dd=40000000\n"
		       "      in=in{x=1}\n"
		       "      ee=50000000");
}

static void rows_of_uneven_names_are_columns(void **state)
{
	struct cap_value v = STRUCT_V("ctx", { { "a", INT_V(1) },
					       { "b", INT_V(22) },
					       { "c", INT_V(3) },
					       { "long_one", INT_V(4) },
					       { "d", INT_V(5) },
					       { "e", INT_V(6) },
					       { "f", INT_V(777) },
					       { "g", INT_V(8) } });

	(void)state;
	assert_text_at(&v, 0, 42,
		       "ctx:\n"
		       "  a       =1    b=22  c=3\n"
		       "  long_one=4    d=5   e=6\n"
		       "  f       =777  g=8");
}

static void nested_structs_and_arrays_are_indented(void **state)
{
	struct cap_value in = STRUCT_V(NULL, { { "first_number", INT_V(1111111111) },
					       { "second_number", INT_V(222222222) } });
	struct cap_value arr = ARRAY_V({ in, in });
	struct cap_value ptr = { .kind = CAP_PTR, .p = { .value = 0x1000, .deref = &in } };
	struct cap_value v = STRUCT_V("outer", { { "list", arr }, { "to", ptr } });

	(void)state;
	assert_text_at(&v, 0, 60,
		       "outer:\n"
		       "  list=array of 2:\n"
		       "    [0]={first_number=1111111111, second_number=222222222}\n"
		       "    [1]={first_number=1111111111, second_number=222222222}\n"
		       "  to=0x1000 → struct:\n"
		       "    first_number=1111111111\n"
		       "    second_number=222222222");
}

static void long_arrays_are_runs_on_lines(void **state)
{
	struct cap_value element[64];
	struct cap_value v = { .kind = CAP_ARRAY, .a = { 100, element, 64 } };

	(void)state;
	for (size_t i = 0; i < 64; i++)
		element[i] = (struct cap_value)INT_V(i < 20 ? 1000 + (int)i : 0);
	element[40].i = 5;
	assert_text_at(&v, 0, 60,
		       "array of 100: /* 64 of 100 shown */\n"
		       "  [0..6]={1000, 1001, 1002, 1003, 1004, 1005, 1006}\n"
		       "  [7..13]={1007, 1008, 1009, 1010, 1011, 1012, 1013}\n"
		       "  [14..19]={1014, 1015, 1016, 1017, 1018, 1019}\n"
		       "  [40]=5");
}

static void a_value_that_fits_exactly_is_on_one_line(void **state)
{
	struct cap_value v =
		STRUCT_V("t", { { "abcdefgh", INT_V(12345678) }, { "ijklmnop", INT_V(12345678) } });

	(void)state;
	assert_text_at(&v, 0, 39, "t{abcdefgh=12345678, ijklmnop=12345678}");
	assert_text_at(&v, 0, 38, "t:\n  abcdefgh=12345678\n  ijklmnop=12345678");
	assert_text_at(&v, 1, 39, "t:\n   abcdefgh=12345678\n   ijklmnop=12345678");
}

static void what_the_guest_named_cannot_disturb_a_terminal(void **state)
{
	struct cap_value v = STRUCT_V("a\x1b[31m", { { "b\nc", INT_V(1) } });

	(void)state;
	assert_text(&v, "a\\x1b[31m{b\\x0ac=1}");
}

static void what_would_be_too_long_is_cut_and_said(void **state)
{
	enum { PARTS = 1 << 19 };
	static char name[512];
	kt_auto(buf) struct kt_buf text = { 0 };
	struct cap_value *v = calloc(PARTS, sizeof(*v)), all;
	struct cap_member *m = calloc(PARTS, sizeof(*m));

	(void)state;
	assert_true(v && m);
	memset(name, 'n', sizeof(name) - 1);
	for (size_t i = 0; i < PARTS; i++) {
		v[i] = (struct cap_value){ .kind = CAP_UNSUPPORTED, .reason = name };
		m[i] = (struct cap_member){ name, v[i] };
	}
	all = (struct cap_value){ .kind = CAP_ARRAY, .a = { PARTS, v, PARTS } };
	cap_value_text(&all, 0, 0, &text);
	assert_in_range(text.len, 150 << 20, 170 << 20);
	assert_non_null(strstr(text.data + text.len - 100, "<the text is too long"));
	kt_buf_done(&text);
	all = (struct cap_value){ .kind = CAP_STRUCT, .s = { "t", m, PARTS } };
	cap_value_text(&all, 0, 0, &text);
	assert_in_range(text.len, 150 << 20, 170 << 20);
	assert_non_null(strstr(text.data + text.len - 100, "<the text is too long"));
	free(v);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_are_words_and_numbers),
		cmocka_unit_test(enums_have_their_name_and_number),
		cmocka_unit_test(structs_hide_what_is_zero),
		cmocka_unit_test(pointers_tell_where_they_lead),
		cmocka_unit_test(what_is_truncated_shows_its_part),
		cmocka_unit_test(arrays_of_text_are_strings),
		cmocka_unit_test(arrays_show_wide_numbers_in_hex),
		cmocka_unit_test(sparse_arrays_are_runs),
		cmocka_unit_test(bytes_are_hex_or_text),
		cmocka_unit_test(long_structs_have_three_numbers_a_row),
		cmocka_unit_test(rows_of_uneven_names_are_columns),
		cmocka_unit_test(nested_structs_and_arrays_are_indented),
		cmocka_unit_test(long_arrays_are_runs_on_lines),
		cmocka_unit_test(a_value_that_fits_exactly_is_on_one_line),
		cmocka_unit_test(what_the_guest_named_cannot_disturb_a_terminal),
		cmocka_unit_test(what_would_be_too_long_is_cut_and_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
