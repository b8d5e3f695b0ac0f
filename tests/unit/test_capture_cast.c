/* SPDX-License-Identifier: GPL-2.0-only */
/* Which members are found to hold pointers: tests/objects/casts.bpf.c has the questions, this the answers. */
#include "capture/object.h"
#include "tests/unit/unit.h"

static struct cap_objects *load(const char *name)
{
	const char *build = getenv("O");
	kt_auto(mem) char *path = kt_fmt("%s/%s", build ? build : "build", name);
	struct cap_objects *o = NULL;
	struct kt_err e = { 0 };

	if (cap_objects_load(path, &o, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	assert_int_equal(o->nr, 1);
	return o;
}

static int setup_casts(void **state)
{
	*state = load("tests/objects/casts.bpf.o");
	return 0;
}

static int setup_ktstr(void **state)
{
	*state = load("bpf/scx_ktstr.bpf.o");
	return 0;
}

static int teardown(void **state)
{
	cap_objects_free(*state);
	return 0;
}

static uint32_t type_named(const struct cap_object *obj, const char *name)
{
	int id = btf__find_by_name_kind(obj->btf, name, BTF_KIND_STRUCT);

	if (id <= 0)
		fail_msg("no struct %s", name);
	return (uint32_t)id;
}

static uint32_t member_offset(const struct cap_object *obj, uint32_t type, const char *member)
{
	const struct btf_type *t = btf__type_by_id(obj->btf, type);

	for (unsigned i = 0; i < btf_vlen(t); i++) {
		if (kt_streq(btf__name_by_offset(obj->btf, btf_members(t)[i].name_off), member))
			return btf_member_bit_offset(t, i) / 8;
	}
	fail_msg("no member %s", member);
	return 0;
}

static const struct cap_cast *find(void **state, const char *type, const char *member)
{
	const struct cap_objects *o = *state;
	const struct cap_object *obj = &o->object[0];
	uint32_t id = type_named(obj, type);

	return cap_cast_lookup(obj, id, member_offset(obj, id, member));
}

static void is_arena(void **state, const char *type, const char *member, const char *target)
{
	const struct cap_objects *o = *state;
	const struct cap_cast *c = find(state, type, member);

	if (!c) {
		fail_msg("%s.%s is not claimed", type, member);
		return;
	}
	assert_true(c->arena);
	assert_null(c->target_name);
	assert_int_equal(c->target_type_id, type_named(&o->object[0], target));
}

static void is_kernel(void **state, const char *type, const char *member, const char *target)
{
	const struct cap_objects *o = *state;
	const struct cap_cast *c = find(state, type, member);

	if (!c) {
		fail_msg("%s.%s is not claimed", type, member);
		return;
	}
	assert_false(c->arena);
	assert_string_equal(c->target_name, target);
	assert_int_equal(c->target_type_id, type_named(&o->object[0], target));
}

static void is_plain(void **state, const char *type, const char *member)
{
	if (find(state, type, member))
		fail_msg("%s.%s is claimed", type, member);
}

static void what_is_stored_tells(void **state)
{
	is_arena(state, "holder_stored", "ptr", "arena_node");
	is_plain(state, "holder_stored", "plain_before");
	is_kernel(state, "holder_kernel", "task", "task_struct");
	is_kernel(state, "holder_kernel", "cgroup", "cgroup");
}

static void what_is_done_with_a_loaded_value_tells(void **state)
{
	is_arena(state, "holder_loaded", "ptr", "arena_node");
	is_kernel(state, "map_value", "task", "task_struct");
}

static void values_of_maps_have_members_too(void **state)
{
	is_arena(state, "map_value", "node", "arena_node");
	is_plain(state, "map_value", "stamp");
	is_arena(state, "copied_value", "node", "arena_node");
	is_plain(state, "copied_value", "stamp");
}

static void counters_and_times_are_plain(void **state)
{
	is_plain(state, "holder_number", "counted");
	is_plain(state, "holder_number", "added");
	is_plain(state, "holder_number", "timed");
	is_plain(state, "holder_number", "copied");
}

static void evidence_on_both_sides_is_no_claim(void **state)
{
	is_plain(state, "holder_both_spaces", "mixed");
	is_plain(state, "holder_two_types", "either");
	is_plain(state, "holder_number", "tagged");
}

static void a_pointer_into_a_struct_has_the_type_of_what_is_there(void **state)
{
	is_arena(state, "holder_interior", "inside", "arena_node");
}

static void elements_of_arrays_are_alike(void **state)
{
	is_arena(state, "holder_element", "ptr", "arena_node");
	is_plain(state, "holder_element", "seq");
}

static void pointers_are_followed_from_member_to_member(void **state)
{
	is_arena(state, "holder_forwarded", "first", "arena_node");
	is_arena(state, "holder_forwarded", "second", "arena_node");
}

static void pointers_are_followed_into_functions(void **state)
{
	is_arena(state, "holder_called", "by_static", "arena_node");
	is_kernel(state, "holder_called", "by_global", "task_struct");
}

/* The parent is the innermost struct, which has no name here, and of a plain variable its section. */
static void places_are_given_by_the_innermost_parent(void **state)
{
	const struct cap_objects *o = *state;
	const struct cap_object *obj = &o->object[0];
	const struct btf_type *nested = btf__type_by_id(obj->btf, type_named(obj, "holder_nested"));
	int section = btf__find_by_name_kind(obj->btf, ".bss", BTF_KIND_DATASEC);
	unsigned nr = 0;

	assert_non_null(cap_cast_lookup(obj, btf_members(nested)[0].type, 0));
	is_plain(state, "holder_nested", "inner");
	for (size_t i = 0; i < obj->nr_rows; i++) {
		if (obj->row[i].parent != (uint32_t)section)
			continue;
		assert_true(obj->row[i].cast.arena);
		nr++;
	}
	/* bare_variable, and not bare_counter */
	assert_int_equal(nr, 1);
}

static void the_fixture_has_its_four_and_no_more(void **state)
{
	const struct cap_objects *o = *state;

	is_arena(state, "ktstr_bss_arena_holder", "arena_target", "ktstr_cross_target");
	is_kernel(state, "ktstr_arena_ctx", "task_kptr", "task_struct");
	is_arena(state, "ktstr_arena_ctx", "stashed_arena_ptr", "ktstr_cross_target");
	is_kernel(state, "scx_task_map_val", "tptr", "task_struct");
	is_plain(state, "ktstr_bss_arena_holder", "bss_plain_counter");
	is_plain(state, "ktstr_arena_ctx", "magic");
	assert_int_equal(o->object[0].nr_rows, 4);
	/* and what slots of its allocator are used as */
	assert_int_equal(o->object[0].nr_payloads, 1);
	assert_int_equal(o->object[0].payload[0], type_named(&o->object[0], "ktstr_arena_ctx"));
}

int main(void)
{
	const struct CMUnitTest casts[] = {
		cmocka_unit_test(what_is_stored_tells),
		cmocka_unit_test(what_is_done_with_a_loaded_value_tells),
		cmocka_unit_test(values_of_maps_have_members_too),
		cmocka_unit_test(counters_and_times_are_plain),
		cmocka_unit_test(evidence_on_both_sides_is_no_claim),
		cmocka_unit_test(a_pointer_into_a_struct_has_the_type_of_what_is_there),
		cmocka_unit_test(elements_of_arrays_are_alike),
		cmocka_unit_test(pointers_are_followed_from_member_to_member),
		cmocka_unit_test(pointers_are_followed_into_functions),
		cmocka_unit_test(places_are_given_by_the_innermost_parent),
	};
	const struct CMUnitTest ktstr[] = {
		cmocka_unit_test(the_fixture_has_its_four_and_no_more),
	};
	int failed = cmocka_run_group_tests(casts, setup_casts, teardown);

	return failed + cmocka_run_group_tests(ktstr, setup_ktstr, teardown);
}
