/* SPDX-License-Identifier: GPL-2.0-only */
/* Types by name, members by path, layouts, and files that have none. */
#include "base/log.h"
#include "tests/unit/fake_guest.h"

/* struct inner { u32 a; int odd:3; }; struct outer { u64 x; union { struct inner in; u64 raw; }; struct inner many[3]; u8 tail[]; }; */
static void some_types(struct fake_guest *f)
{
	int u32_id, u64_id, u8_id, inner, anon, many, tail;

	fake_init(f, NULL);
	u64_id = fake_u64(f);
	u32_id = fake_u32(f);
	u8_id = fake_int(f, "unsigned char", 1, 0);
	inner = btf__add_struct(f->btf, "inner", 8);
	fake_member(f, "a", u32_id, 0);
	assert_int_equal(btf__add_field(f->btf, "odd", u32_id, 32, 3), 0);
	anon = btf__add_union(f->btf, NULL, 8);
	fake_member(f, "in", inner, 0);
	fake_member(f, "raw", u64_id, 0);
	many = btf__add_array(f->btf, u32_id,
			      btf__add_const(f->btf, btf__add_typedef(f->btf, "inner_t", inner)),
			      3);
	many = btf__add_volatile(f->btf, many);
	tail = btf__add_array(f->btf, u32_id, u8_id, 0);
	assert_true(btf__add_struct(f->btf, "outer", 40) > 0);
	fake_member(f, "x", u64_id, 0);
	fake_member(f, NULL, anon, 8);
	fake_member(f, "many", many, 16);
	fake_member(f, "tail", tail, 40);
}

static void members_are_found_by_path(void **state)
{
	static const struct {
		const char *type, *path;
		uint32_t offset, bytes;
	} there[] = {
		{ "outer", "x", 0, 8 },
		{ "outer", "in", 8, 8 },
		{ "outer", "in.a", 8, 4 },
		{ "outer", "raw", 8, 8 },
		{ "outer", "many", 16, 24 },
		{ "outer", "many[2]", 32, 8 },
		{ "outer", "many[2].a", 32, 4 },
		{ "outer", "tail", 40, 0 },
		{ "outer", "tail[7]", 47, 1 },
		{ "outer", "", 0, 40 },
		{ "inner_t", "a", 0, 4 },
		{ "outer", "gone|x", 0, 8 },
		{ "gone|outer", "gone|in.a", 8, 4 },
		{ "gone|outer", "x", 0, 8 },
		{ "gone|inner", "x|a", 0, 4 },
	};
	static const struct {
		const char *type, *path;
	} missing[] = {
		{ "outer", "a" },         { "outer", "many[3]" },          { "outer", "many[" },
		{ "outer", "many[-1]" },  { "outer", "many[1" },           { "outer", "x[0]" },
		{ "outer", "x.y" },       { "outer", "in.odd" },           { "outer", "in..a" },
		{ "outer", ".x" },        { "outer", "many[]" },           { "gone", "x" },
		{ "outer", "gone|also" }, { "outer", "tail[9999999999]" }, { "outer|inner", "a|x" },
	};
	struct fake_guest f;
	struct cap_field m;

	(void)state;
	some_types(&f);
	(void)fake_types(&f);
	for (size_t n = 0; n < sizeof(there) / sizeof(there[0]); n++) {
		memset(&m, 0, sizeof(m));
		if (!cap_type_field(f.types, there[n].type, there[n].path, &m) || !m.there ||
		    m.offset != there[n].offset || m.bytes != there[n].bytes)
			fail_msg("%s: %s: %d at %u, %u bytes", there[n].type, there[n].path,
				 m.there, m.offset, m.bytes);
	}
	for (size_t n = 0; n < sizeof(missing) / sizeof(missing[0]); n++) {
		if (cap_type_field(f.types, missing[n].type, missing[n].path, &m))
			fail_msg("%s: %s was found", missing[n].type, missing[n].path);
	}
	fake_done(&f);
}

static void a_struct_within_itself_is_not_followed_for_ever(void **state)
{
	struct fake_guest f;
	struct cap_field m;
	int id;

	(void)state;
	fake_init(&f, NULL);
	id = btf__add_struct(f.btf, "matryoshka", 8);
	for (unsigned n = 0; n < 8; n++)
		fake_member(&f, NULL, id, 0);
	assert_false(cap_type_field(fake_types(&f), "matryoshka", "a", &m));
	fake_done(&f);
}

static void types_are_found_by_name_and_kind(void **state)
{
	struct fake_guest f;
	const struct cap_types *t;

	(void)state;
	some_types(&f);
	assert_true(btf__add_fwd(f.btf, "outer_only_declared", BTF_FWD_STRUCT) > 0);
	assert_true(btf__add_typedef(f.btf, "btf_trace_sched_ext_exit", 1) > 0);
	assert_true(btf__add_func(f.btf, "scx_vexit", BTF_FUNC_STATIC,
				  btf__add_func_proto(f.btf, 0)) > 0);
	t = fake_types(&f);
	assert_int_not_equal(cap_type_find(t, "outer", BTF_KIND_STRUCT), 0);
	assert_int_equal(cap_type_find(t, "outer", BTF_KIND_UNION), 0);
	assert_int_equal(cap_type_find(t, "outer_only_declared", BTF_KIND_STRUCT), 0);
	assert_int_equal(cap_type_bytes(t, "outer"), 40);
	assert_int_equal(cap_type_bytes(t, "gone"), 0);
	assert_true(cap_types_has_tracepoint(t, "sched_ext_exit"));
	assert_false(cap_types_has_tracepoint(t, "sched_ext_dump"));
	assert_true(cap_types_has_func(t, "scx_vexit"));
	assert_false(cap_types_has_func(t, "scx_exit"));
	fake_done(&f);
}

static void enumerators_are_found_in_any_enum(void **state)
{
	struct fake_guest f;
	const struct cap_types *t;
	uint64_t v = 0;

	(void)state;
	fake_init(&f, NULL);
	assert_true(btf__add_enum(f.btf, "kind", 4) > 0);
	assert_int_equal(btf__add_enum_value(f.btf, "KIND_ONE", 1), 0);
	assert_int_equal(btf__add_enum_value(f.btf, "KIND_BIG", 0xffffffff), 0);
	assert_true(btf__add_enum(f.btf, NULL, 4) > 0);
	assert_int_equal(btf__add_enum_value(f.btf, "MINUS", -1), 0);
	assert_true(btf__add_enum64(f.btf, "flags", 8, false) > 0);
	assert_int_equal(btf__add_enum64_value(f.btf, "FLAG_HIGH", UINT64_C(1) << 63), 0);
	t = fake_types(&f);
	assert_true(cap_type_enum_value(t, "KIND_ONE", &v));
	assert_int_equal(v, 1);
	assert_true(cap_type_enum_value(t, "KIND_BIG", &v));
	assert_int_equal(v, UINT32_MAX);
	assert_true(cap_type_enum_value(t, "MINUS", &v));
	assert_int_equal(v, UINT64_MAX);
	assert_true(cap_type_enum_value(t, "FLAG_HIGH", &v));
	assert_int_equal(v, UINT64_C(1) << 63);
	assert_false(cap_type_enum_value(t, "KIND_TWO", &v));
	fake_done(&f);
}

struct test_layout {
	struct cap_field a, maybe, gone;
};
static const struct cap_field_row complete_rows[] = {
	CAP_FIELD(test_layout, a, "outer", "in.a"),
	CAP_FIELD_OPT(test_layout, maybe, "outer", "no_such"),
};
static const struct cap_field_row partial_rows[] = {
	CAP_FIELD(test_layout, a, "outer", "in.a"),
	CAP_FIELD(test_layout, gone, "new_outer|outer", "newest|older"),
	CAP_FIELD(test_layout, maybe, "outer", "no_such"),
};

static void a_layout_names_the_first_field_that_is_missing(void **state)
{
	static const struct cap_layout_desc complete = { "test", complete_rows, 2,
							 sizeof(struct test_layout) };
	static const struct cap_layout_desc partial = { "test", partial_rows, 3,
							sizeof(struct test_layout) };
	struct fake_guest f;
	struct test_layout *l;
	void *resolved = NULL;
	char missing[64] = "";
	const char *why = NULL;

	(void)state;
	some_types(&f);
	(void)fake_types(&f);
	assert_int_equal(
		cap_layout_resolve(f.types, &complete, &resolved, missing, sizeof(missing)), 0);
	assert_string_equal(missing, "");
	l = resolved;
	assert_true(l->a.there && l->a.offset == 8);
	assert_false(l->maybe.there);
	free(resolved);
	assert_int_equal(cap_layout_resolve(f.types, &partial, &resolved, missing, sizeof(missing)),
			 0);
	assert_string_equal(missing, "new_outer.newest");
	free(resolved);
	/* One that is not in the list, and no types at all. */
	assert_null(cap_layout(f.types, &complete, &why));
	assert_string_equal(why, "test");
	assert_null(cap_layout(NULL, &cap_layout_map, NULL));
	fake_done(&f);
}

static void keep_line(void *ctx, enum kt_level level, const char *line)
{
	if (level == KT_DEBUG)
		kt_buf_addf(ctx, "%s\n", line);
}

static void an_older_spelling_that_is_used_is_logged(void **state)
{
	static const struct cap_field_row rows[] = {
		CAP_FIELD(test_layout, a, "outer", "in.a|x"),
		CAP_FIELD(test_layout, gone, "new_outer|outer", "newest|x"),
		CAP_FIELD_OPT(test_layout, maybe, "outer", "no_such|nor_this"),
	};
	static const struct cap_layout_desc desc = { "test", rows, 3, sizeof(struct test_layout) };
	kt_auto(buf) struct kt_buf lines = { 0 };
	char missing[64] = "";
	void *resolved = NULL;
	struct fake_guest f;

	(void)state;
	some_types(&f);
	(void)fake_types(&f);
	assert_int_equal(kt_log_configure("capture=debug", NULL), 0);
	kt_log_set_hook(keep_line, &lines);
	assert_int_equal(cap_layout_resolve(f.types, &desc, &resolved, missing, sizeof(missing)),
			 0);
	kt_log_set_hook(NULL, NULL);
	assert_int_equal(kt_log_configure("info", NULL), 0);
	assert_true(kt_ends_with(kt_buf_str(&lines),
				 "test: these types have no 'new_outer.newest'; its older spelling "
				 "'outer.x' is read\n"));
	assert_null(strstr(kt_buf_str(&lines), "in.a"));
	assert_null(strstr(kt_buf_str(&lines), "no_such"));
	free(resolved);
	fake_done(&f);
}

static void files_without_types_are_said_so(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/text", (char *)*state);
	kt_auto(mem) char *damaged = kt_fmt(
		"the type information (BTF) of '%s' cannot be read: it is damaged, or no ELF file",
		path);
	struct cap_types *t = NULL;
	struct kt_err e = { 0 };

	assert_int_equal(cap_types_load("/nowhere/vmlinux", &t, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_string_equal(unit_err_text(&e),
			    "read the types of '/nowhere/vmlinux': No such file or directory");
	assert_int_equal(kt_file_write_atomic(path, "text", 4, 0600, NULL), 0);
	assert_true(cap_types_load(path, &t, &e) < 0);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_string_equal(unit_err_text(&e), damaged);
	/* The test itself is an ELF file, without BTF. */
	assert_true(cap_types_load("/proc/self/exe", &t, &e) < 0);
	assert_string_equal(
		unit_err_text(&e),
		"'/proc/self/exe' has no type information (.BTF): a kernel gets it from CONFIG_DEBUG_INFO_BTF=y");
	assert_true(cap_types_parse("\x9f\xeb\x01", 3, "short", &t, &e) < 0);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_null(t);
}

static void types_are_loaded_from_raw_btf(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/btf", (char *)*state);
	kt_auto(cap_types) struct cap_types *t = NULL;
	struct fake_guest f;
	const void *data;
	uint32_t len;

	some_types(&f);
	data = btf__raw_data(f.btf, &len);
	assert_int_equal(kt_file_write_atomic(path, data, len, 0600, NULL), 0);
	assert_int_equal(cap_types_load(path, &t, NULL), 0);
	assert_int_equal(cap_type_bytes(t, "outer"), 40);
	fake_done(&f);
}

/* The guest's own types at that place of its image; the symbols are the caller's. */
static gva_t put_btf(struct fake_guest *f, uint32_t *ret_len)
{
	const void *data = btf__raw_data(f->btf, ret_len);
	gva_t at;

	assert_non_null(data);
	f->next_static += CAP_PAGE - 256 - f->next_static % CAP_PAGE; /* not all in one page */
	at = fake_static(f, "somewhere", *ret_len);
	fake_write(f, at, data, *ret_len);
	assert_true(at.v / CAP_PAGE < (at.v + *ret_len) / CAP_PAGE);
	return at;
}

static void types_are_read_from_a_guests_memory(void **state)
{
	kt_auto(cap_types) struct cap_types *t = NULL;
	kt_auto(cap_guest) struct cap_guest *g = NULL;
	struct cap_guest_config c;
	struct fake_guest f;
	struct kt_err e = { 0 };
	uint32_t len;
	gva_t at;

	(void)state;
	some_types(&f);
	at = put_btf(&f, &len);
	fake_symbol(&f, "__start_BTF", at.v);
	fake_symbol(&f, "__stop_BTF", at.v + len);
	c = fake_config(&f);
	assert_null(c.types);
	assert_int_equal(cap_guest_open(&c, &g, NULL), 0);
	if (cap_types_read(g, &t, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	assert_int_equal(cap_type_bytes(t, "outer"), 40);
	fake_done(&f);
}

static void what_a_guest_lies_about_its_types_is_an_error(void **state)
{
	static const struct {
		uint64_t start, bytes; /* from there; 0: where it is */
		int r;
	} lies[] = {
		{ 0, 0, -EINVAL },
		{ 0, -UINT64_C(1), -EINVAL },
		{ 0, (32 << 20) + 1, -EINVAL },
		{ 0, UINT64_C(0x7fffffff), -EINVAL },
		{ 0x1000, 64, -EINVAL }, /* no place of the image */
		{ 0, FAKE_IMAGE_BYTES, -EFAULT }, /* more than there is */
		{ 0, 10, -EINVAL }, /* not even a header */
		{ FAKE_TEXT, 4096, -EINVAL }, /* something else */
	};
	struct cap_types *t = NULL;
	struct kt_err e = { 0 };

	(void)state;
	for (size_t n = 0; n <= sizeof(lies) / sizeof(lies[0]); n++) {
		bool told = n < sizeof(lies) / sizeof(lies[0]);
		struct fake_guest f;
		uint64_t from;
		uint32_t len;
		int r;

		some_types(&f);
		from = put_btf(&f, &len).v;
		if (told && lies[n].start)
			from = lies[n].start;
		fake_symbol(&f, "__start_BTF", from);
		if (told)
			fake_symbol(&f, "__stop_BTF", from + lies[n].bytes);
		r = cap_types_read(fake_open(&f), &t, &e);
		if (t || r != (told ? lies[n].r : -ENOENT))
			fail_msg("lie %zu: %d: %s", n, r, unit_err_text(&e));
		fake_done(&f);
	}
}

static void a_name_as_no_kernel_has_it_is_none(void **state)
{
	struct fake_guest f;
	char name[4096];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	fake_init(&f, NULL);
	assert_true(btf__add_struct(f.btf, name, 8) > 0);
	name[511] = '\0';
	assert_true(btf__add_struct(f.btf, name, 16) > 0);
	assert_true(btf__add_enum(f.btf, "e", 4) > 0);
	name[511] = 'x';
	assert_int_equal(btf__add_enum_value(f.btf, name, 1), 0);
	assert_int_equal(cap_type_find(fake_types(&f), name, BTF_KIND_STRUCT), 0);
	assert_false(cap_type_enum_value(f.types, name, &(uint64_t){ 0 }));
	name[511] = '\0';
	assert_int_equal(cap_type_bytes(f.types, name), 16);
	fake_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found_by_path),
		cmocka_unit_test(a_struct_within_itself_is_not_followed_for_ever),
		cmocka_unit_test(types_are_found_by_name_and_kind),
		cmocka_unit_test(enumerators_are_found_in_any_enum),
		cmocka_unit_test(a_layout_names_the_first_field_that_is_missing),
		cmocka_unit_test(an_older_spelling_that_is_used_is_logged),
		cmocka_unit_test(files_without_types_are_said_so),
		cmocka_unit_test(types_are_loaded_from_raw_btf),
		cmocka_unit_test(types_are_read_from_a_guests_memory),
		cmocka_unit_test(what_a_guest_lies_about_its_types_is_an_error),
		cmocka_unit_test(a_name_as_no_kernel_has_it_is_none),
	};

	return cmocka_run_group_tests_name("capture types", tests, unit_tmp_setup,
					   unit_tmp_teardown);
}
