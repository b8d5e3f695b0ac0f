/* SPDX-License-Identifier: GPL-2.0-only */
/* Pointers: into an arena, through slots of allocators, to the kernel's cpumasks, and out of numbers that hold one. */
#include "capture/alloc.h"
#include "tests/unit/fake_guest.h"
#include "tests/unit/render_types.h"

#define USER_VM_START (UINT64_C(1) << 44)
enum { ARENA_PAGES = 4, OBJECT_BTF = 0x7000 };

/* A guest with an arena, a scheduler's types as render_types has them, and a dump under way. */
struct world {
	struct render_types *t;
	struct fake_guest f;
	struct cap_arena arena;
	struct cap_report report;
	struct cap_dump_opts opts;
	struct cap_dump d;
	struct cap_object object;
	struct cap_objects objects;
	struct cap_cast_row cast;
	int task_struct; /* of the kernel */
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	void *t;
	int s64;

	assert_int_equal(render_types_setup(&t), 0);
	w->t = t;
	fake_init(&w->f, NULL);
	s64 = fake_u64(&w->f);
	w->task_struct = btf__add_struct(w->f.btf, "task_struct", 16);
	fake_member(&w->f, "state", s64, 0);
	fake_member(&w->f, "flags", s64, 8);
	w->arena = (struct cap_arena){ .map_kva = { 1 },
				       .kern_vm_start = fake_vmalloc(&w->f, ARENA_PAGES * CAP_PAGE),
				       .user_vm_start = USER_VM_START,
				       .nr_pages = ARENA_PAGES };
	w->t->cap.kva.v += OBJECT_BTF;
	w->object.row = &w->cast;
	w->objects = (struct cap_objects){ .object = &w->object, .nr = 1, .cap = 1 };
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	void *t = w->t;

	cap_slots_free(w->d.slots);
	fake_done(&w->f);
	render_types_teardown(&t);
	free(w);
	return 0;
}

/* When all types are made. */
static void begin(struct world *w)
{
	w->object.btf = w->t->btf;
	w->f.objects = &w->objects;
	w->d = (struct cap_dump){
		.g = fake_open(&w->f), .pool = w->t->pool, .report = &w->report, .opts = &w->opts
	};
	w->t->r.g = w->d.g;
	w->t->r.d = &w->d;
	w->t->r.arena = &w->arena;
	w->t->r.nr_cpu_ids = 16;
}

static void put_arena(struct world *w, uint64_t at, uint64_t v)
{
	fake_put64(&w->f, cap_at(w->arena.kern_vm_start, at), v);
}

static struct cap_value render_u64(struct world *w, int id, uint64_t v)
{
	return render_value(w->t, id, &v, sizeof(v));
}

/* struct node { u64 value; struct node *next; } and a pointer to it. */
static int add_node(struct render_types *t, int *ret_ptr)
{
	int node = btf__add_struct(t->btf, "node", 16);

	btf__add_field(t->btf, "value", t->u64, 0, 0);
	btf__add_field(t->btf, "next", node + 1, 64, 0);
	*ret_ptr = btf__add_ptr(t->btf, node);
	assert_int_equal(*ret_ptr, node + 1);
	return node;
}

static void null_and_what_cannot_be_followed_is_only_a_number(void **state)
{
	struct world *w = *state;
	struct cap_value v;
	int ptr;

	(void)add_node(w->t, &ptr);
	v = render_u64(w, ptr, USER_VM_START + 16); /* no guest to read from */
	assert_json(w->t, &v, "{\"kind\":\"ptr\",\"value\":17592186044432}");
	begin(w);
	v = render_u64(w, ptr, 0);
	assert_json(w->t, &v, "{\"kind\":\"ptr\",\"value\":0}");
	/* The kernel's memory is only for cpumasks; before and after the arena there is nothing. */
	v = render_u64(w, ptr, fake_alloc(&w->f, 16).v);
	assert_null(v.p.deref);
	assert_null(v.p.deref_skipped_reason);
	v = render_u64(w, ptr, USER_VM_START - 8);
	assert_null(v.p.deref_skipped_reason);
	v = render_u64(w, ptr, USER_VM_START + (UINT64_C(1) << 32));
	assert_null(v.p.deref_skipped_reason);
}

static void arena_pointers_are_followed(void **state)
{
	struct world *w = *state;
	struct cap_value v;
	int ptr;

	(void)add_node(w->t, &ptr);
	begin(w);
	put_arena(w, 64, 5);
	put_arena(w, 72, USER_VM_START + 4096);
	put_arena(w, 4096, 6);
	v = render_u64(w, ptr, USER_VM_START + 64);
	assert_json(
		w->t, v.p.deref,
		"{\"kind\":\"struct\",\"type_name\":\"node\",\"members\":["
		"{\"name\":\"value\",\"value\":{\"kind\":\"uint\",\"bits\":64,\"value\":5}},"
		"{\"name\":\"next\",\"value\":{\"kind\":\"ptr\",\"value\":17592186048512,\"deref\":"
		"{\"kind\":\"struct\",\"type_name\":\"node\",\"members\":["
		"{\"name\":\"value\",\"value\":{\"kind\":\"uint\",\"bits\":64,\"value\":6}},"
		"{\"name\":\"next\",\"value\":{\"kind\":\"ptr\",\"value\":0}}]}}}]}");
	assert_null(v.p.cast_annotation);
}

static void a_cycle_is_told_by_its_address(void **state)
{
	struct world *w = *state;
	const struct cap_value *next;
	struct cap_value v;
	int ptr;

	(void)add_node(w->t, &ptr);
	begin(w);
	put_arena(w, 8, USER_VM_START + 32);
	put_arena(w, 40, USER_VM_START);
	v = render_u64(w, ptr, USER_VM_START);
	next = member_of(member_of(v.p.deref, "next")->p.deref, "next");
	assert_null(next->p.deref);
	assert_string_equal(next->p.deref_skipped_reason, "cycle to 0x100000000000");
}

static void a_long_list_ends_at_the_depth_that_there_is(void **state)
{
	struct world *w = *state;
	const struct cap_value *at;
	struct cap_value v;
	unsigned nr = 0;
	int ptr;

	(void)add_node(w->t, &ptr);
	begin(w);
	for (uint64_t i = 0; i < 200; i++)
		put_arena(w, i * 16 + 8, USER_VM_START + (i + 1) * 16);
	v = render_u64(w, ptr, USER_VM_START);
	for (at = &v; at->p.deref; at = member_of(at->p.deref, "next"))
		nr++;
	assert_int_equal(nr, 16);
	assert_null(at->p.deref_skipped_reason);
}

static void what_is_not_mapped_says_so(void **state)
{
	struct world *w = *state;
	struct cap_value v;
	int ptr;

	(void)add_node(w->t, &ptr);
	begin(w);
	v = render_u64(w, ptr, USER_VM_START + ARENA_PAGES * CAP_PAGE);
	assert_string_equal(v.p.deref_skipped_reason,
			    "arena chase: read failed, nothing is mapped there");
	/* Half of it is there. */
	v = render_u64(w, ptr, USER_VM_START + ARENA_PAGES * CAP_PAGE - 8);
	assert_int_equal(v.p.deref->kind, CAP_TRUNCATED);
	assert_int_equal(v.p.deref->t.had, 8);
	assert_int_equal(v.p.deref->t.needed, 16);
}

static void large_targets_are_cut_at_4_kib(void **state)
{
	struct world *w = *state;
	struct cap_value v;
	int big = btf__add_array(w->t->btf, w->t->u32, w->t->u64, 1000), s, ptr;

	s = btf__add_struct(w->t->btf, "big", 8000);
	btf__add_field(w->t->btf, "all", big, 0, 0);
	ptr = btf__add_ptr(w->t->btf, s);
	begin(w);
	v = render_u64(w, ptr, USER_VM_START);
	assert_int_equal(v.p.deref->kind, CAP_TRUNCATED);
	assert_int_equal(v.p.deref->t.needed, 8000);
	assert_int_equal(v.p.deref->t.had, 4096);
	assert_int_equal(member_of(v.p.deref->t.partial, "all")->a.nr, 513);
}

static void targets_without_a_type_or_size_say_so(void **state)
{
	struct world *w = *state;
	struct cap_value v;
	int to_void = btf__add_ptr(w->t->btf, 0);
	int empty = btf__add_ptr(w->t->btf, btf__add_struct(w->t->btf, "empty", 0));
	int fwd = btf__add_ptr(w->t->btf, btf__add_fwd(w->t->btf, "hidden", BTF_FWD_STRUCT));
	int func = btf__add_ptr(w->t->btf, btf__add_func_proto(w->t->btf, 0));

	begin(w);
	v = render_u64(w, to_void, USER_VM_START);
	assert_string_equal(v.p.deref_skipped_reason, "arena chase: type of the target: void");
	v = render_u64(w, empty, USER_VM_START);
	assert_string_equal(v.p.deref_skipped_reason, "arena chase: size 0");
	v = render_u64(w, fwd, USER_VM_START);
	assert_string_equal(v.p.deref_skipped_reason,
			    "arena chase: forward declaration, body of hidden is not in this BTF");
	v = render_u64(w, func, USER_VM_START);
	assert_string_equal(v.p.deref_skipped_reason,
			    "arena chase: type of the target: function type");
}

static void a_declaration_is_resolved_by_its_sibling_first(void **state)
{
	struct world *w = *state;
	struct cap_value v;
	int fwd = btf__add_ptr(w->t->btf, btf__add_fwd(w->t->btf, "later", BTF_FWD_STRUCT)), s;

	s = btf__add_struct(w->t->btf, "later", 8);
	btf__add_field(w->t->btf, "n", w->t->u64, 0, 0);
	begin(w);
	put_arena(w, 24, 9);
	cap_slots_add(cap_slots_of(&w->d), &(struct cap_slot){ .user_addr = 16,
							       .header_bytes = 8,
							       .elem_bytes = 16,
							       .type_id = (uint32_t)w->t->u32,
							       .btf_kva = w->t->cap.kva });
	cap_slots_ready(w->d.slots);
	v = render_u64(w, fwd, USER_VM_START + 24);
	assert_int_equal(member_of(v.p.deref, "n")->u, 9);
	assert_null(v.p.cast_annotation);
	(void)s;
}

/* A slot at 16 of 24 bytes, 8 of them header, with struct payload { u64 a, b; }. */
static void add_slot(struct world *w, int payload, gva_t btf_kva, bool rendered)
{
	put_arena(w, 16, 0x100000001);
	put_arena(w, 24, 7);
	put_arena(w, 32, 8);
	cap_slots_add(cap_slots_of(&w->d), &(struct cap_slot){ .user_addr = 16,
							       .header_bytes = 8,
							       .elem_bytes = 24,
							       .type_id = (uint32_t)payload,
							       .btf_kva = btf_kva,
							       .rendered = rendered });
	cap_slots_ready(w->d.slots);
}

static int add_payload(struct render_types *t)
{
	int s = btf__add_struct(t->btf, "task_ctx", 16);

	btf__add_field(t->btf, "a", t->u64, 0, 0);
	btf__add_field(t->btf, "b", t->u64, 64, 0);
	return s;
}

static void a_declaration_is_resolved_by_its_slot(void **state)
{
	struct world *w = *state;
	struct cap_value v;
	int payload = add_payload(w->t);
	int fwd = btf__add_ptr(w->t->btf, btf__add_fwd(w->t->btf, "sdt_data", BTF_FWD_STRUCT));

	begin(w);
	add_slot(w, payload, w->t->cap.kva, false);
	v = render_u64(w, fwd, USER_VM_START + 16);
	assert_string_equal(v.p.cast_annotation, "sdt_alloc");
	assert_int_equal(v.p.value, USER_VM_START + 16);
	assert_string_equal(v.p.deref->s.type_name, "task_ctx");
	assert_int_equal(member_of(v.p.deref, "a")->u, 7);
	assert_int_equal(member_of(v.p.deref, "b")->u, 8);
	/* Once only: also by the address of the payload. */
	v = render_u64(w, fwd, USER_VM_START + 24);
	assert_null(v.p.deref);
	assert_null(v.p.cast_annotation);
	assert_string_equal(v.p.deref_skipped_reason, "arena chase: already rendered elsewhere");
}

static void a_pointer_to_a_payload_shows_it(void **state)
{
	struct world *w = *state;
	int to_void = btf__add_ptr(w->t->btf, 0), payload = add_payload(w->t);
	struct cap_value v;

	begin(w);
	add_slot(w, payload, w->t->cap.kva, false);
	v = render_u64(w, to_void, USER_VM_START + 24);
	assert_string_equal(v.p.cast_annotation, "sdt_alloc");
	assert_int_equal(member_of(v.p.deref, "a")->u, 7);
	v = render_u64(w, to_void, USER_VM_START + 32); /* within it */
	assert_string_equal(v.p.deref_skipped_reason, "arena chase: type of the target: void");
}

static void a_pointer_to_a_whole_type_shows_that_not_the_slot(void **state)
{
	struct world *w = *state;
	int payload = add_payload(w->t), head = btf__add_struct(w->t->btf, "sdt_data", 8);
	int to_head, to_void;
	struct cap_value v;

	assert_int_equal(btf__add_field(w->t->btf, "tid", w->t->u64, 0, 0), 0);
	to_head = btf__add_ptr(w->t->btf, head);
	to_void = btf__add_ptr(w->t->btf, 0);
	begin(w);
	add_slot(w, payload, w->t->cap.kva, false);
	v = render_u64(w, to_head, USER_VM_START + 16);
	assert_null(v.p.cast_annotation);
	assert_string_equal(v.p.deref->s.type_name, "sdt_data");
	assert_int_equal(member_of(v.p.deref, "tid")->u, 0x100000001);
	/* The payload is still to be shown. */
	v = render_u64(w, to_void, USER_VM_START + 16);
	assert_int_equal(member_of(v.p.deref, "a")->u, 7);
}

static void slots_typed_in_another_btf_do_not_count(void **state)
{
	struct world *w = *state;
	int to_void = btf__add_ptr(w->t->btf, 0), payload = add_payload(w->t);
	struct cap_value v;

	begin(w);
	add_slot(w, payload, (gva_t){ w->t->cap.kva.v + 64 }, true);
	v = render_u64(w, to_void, USER_VM_START + 16);
	assert_string_equal(v.p.deref_skipped_reason, "arena chase: type of the target: void");
}

static void a_declaration_is_resolved_in_other_objects_last(void **state)
{
	struct world *w = *state;
	int fwd = btf__add_ptr(w->t->btf, btf__add_fwd(w->t->btf, "elsewhere", BTF_FWD_STRUCT));
	struct btf *other = btf__new_empty();
	int u16 = btf__add_int(other, "short", 2, 0), s = btf__add_struct(other, "elsewhere", 2);
	struct cap_value v;

	btf__add_field(other, "n", u16, 0, 0);
	(void)s;
	begin(w);
	w->object.btf = other;
	put_arena(w, 0, 0x1234);
	v = render_u64(w, fwd, USER_VM_START);
	assert_int_equal(member_of(v.p.deref, "n")->u, 0x1234);
	/* What is after the pointer is of its own types again. */
	v = render_u64(w, w->t->u64, 3);
	assert_int_equal(v.u, 3);
	btf__free(other);
}

/* ---- cpumasks ---- */

static int add_cpumask(struct render_types *t, const char *name, uint32_t extra)
{
	int bits = btf__add_array(t->btf, t->u32, t->u64, 128);
	int s = btf__add_struct(t->btf, name, 1024 + extra);

	btf__add_field(t->btf, "bits", bits, 0, 0);
	return s;
}

static void cpumasks_are_lists_of_cpus_by_their_type(void **state)
{
	struct render_types *t = ((struct world *)*state)->t;
	int mask = add_cpumask(t, "cpumask", 0);
	int typedef_id = btf__add_typedef(t->btf, "cpumask_t", mask);
	uint8_t data[1040] = { 0x27, 0xf0 };
	int bitmap, bits;

	assert_string_equal(render_json(t, mask, data, 1024),
			    "{\"kind\":\"cpu_list\",\"cpus\":\"0-2,5,12-15\"}");
	t->r.nr_cpu_ids = 14;
	assert_string_equal(render_json(t, typedef_id, data, 1024),
			    "{\"kind\":\"cpu_list\",\"cpus\":\"0-2,5,12-13\"}");
	t->r.nr_cpu_ids = 0;
	data[1024] = 1; /* a count of references, and no CPU */
	assert_string_equal(render_json(t, add_cpumask(t, "bpf_cpumask", 8), data, 1032),
			    "{\"kind\":\"cpu_list\",\"cpus\":\"0-2,5,12-15\"}");
	assert_string_equal(render_json(t, add_cpumask(t, "llc_cpumask", 0), data, 1024),
			    "{\"kind\":\"cpu_list\",\"cpus\":\"0-2,5,12-15\"}");
	bits = btf__add_array(t->btf, t->u32, t->u64, 1);
	bitmap = btf__add_struct(t->btf, "scx_bitmap", 16);
	btf__add_field(t->btf, "tid", t->u64, 0, 0);
	btf__add_field(t->btf, "bits", bits, 64, 0);
	data[8] = 0x81;
	assert_string_equal(render_json(t, bitmap, data, 16),
			    "{\"kind\":\"cpu_list\",\"cpus\":\"0,7\"}");
	assert_string_equal(
		render_json(t, bitmap, data, 12),
		"{\"kind\":\"truncated\",\"needed\":16,\"had\":12,\"partial\":{\"kind\":"
		"\"bytes\",\"hex\":\"27 f0 00 00 00 00 00 00 81 00 00 00\"}}");
}

static void pointers_to_kernel_cpumasks_are_followed(void **state)
{
	struct world *w = *state;
	int mask = btf__add_ptr(w->t->btf, add_cpumask(w->t, "bpf_cpumask", 8));
	int bitmap = btf__add_ptr(w->t->btf, add_cpumask(w->t, "scx_bitmap", 8));
	struct cap_value v;
	gva_t at;

	begin(w);
	at = fake_alloc(&w->f, CAP_PAGE);
	fake_put64(&w->f, at, 0xff00000000000005);
	v = render_u64(w, mask, at.v);
	assert_string_equal(v.p.deref_skipped_reason,
			    "kernel chase: not plausible, first word is 0xff00000000000005");
	fake_put64(&w->f, at, 0x5);
	cap_guest_forget(w->d.g);
	v = render_u64(w, mask, at.v);
	assert_string_equal(v.p.deref->cpus, "0,2");
	assert_null(v.p.cast_annotation);
	v = render_u64(w, bitmap, at.v); /* of a scheduler: not in the kernel's memory */
	assert_null(v.p.deref);
	v = render_u64(w, mask, FAKE_VMALLOC_4 + (1 << 30));
	assert_string_equal(v.p.deref_skipped_reason,
			    "kernel chase: read failed, nothing is mapped there");
}

static void a_freed_word_ends_a_cpumask(void **state)
{
	struct world *w = *state;
	int mask = btf__add_ptr(w->t->btf, add_cpumask(w->t, "cpumask", 0));
	struct cap_value v;
	gva_t at;

	begin(w);
	w->t->r.nr_cpu_ids = 256;
	at = fake_alloc(&w->f, CAP_PAGE);
	fake_put64(&w->f, at, UINT64_MAX);
	fake_put64(&w->f, cap_at(at, 8), 1);
	fake_put64(&w->f, cap_at(at, 16), 0xffff888000000000);
	fake_put64(&w->f, cap_at(at, 24), 1);
	v = render_u64(w, mask, at.v);
	assert_string_equal(v.p.deref->cpus, "0-64");
	/* The end of what is mapped. */
	at = cap_at(w->arena.kern_vm_start, ARENA_PAGES * CAP_PAGE - 8);
	fake_put64(&w->f, at, 2);
	v = render_u64(w, mask, at.v);
	assert_string_equal(v.p.deref->cpus, "1");
}

static void a_cpumask_that_is_only_declared_is_not_guessed(void **state)
{
	struct world *w = *state;
	int mask = btf__add_ptr(w->t->btf, btf__add_fwd(w->t->btf, "cpumask", BTF_FWD_STRUCT));
	struct cap_value v;

	begin(w);
	v = render_u64(w, mask, fake_alloc(&w->f, CAP_PAGE).v);
	assert_string_equal(v.p.deref_skipped_reason,
			    "kernel chase: size 0, the cpumask is only declared");
}

/* ---- casts ---- */

/* struct holder { u64 plain; u64 p; }, whose p is known to hold a pointer. */
static int add_holder(struct world *w, struct cap_cast cast)
{
	int s = btf__add_struct(w->t->btf, "holder", 16);

	btf__add_field(w->t->btf, "plain", w->t->u64, 0, 0);
	btf__add_field(w->t->btf, "p", w->t->u64, 64, 0);
	w->cast = (struct cap_cast_row){ .parent = (uint32_t)s, .offset = 8, .cast = cast };
	w->object.nr_rows = 1;
	return s;
}

static struct cap_value render_holder(struct world *w, int id, uint64_t v)
{
	uint64_t words[2] = { v, v };
	struct cap_value s = render_value(w->t, id, words, sizeof(words));

	assert_int_equal(member_of(&s, "plain")->kind, CAP_UINT);
	return *member_of(&s, "p");
}

static void numbers_that_hold_arena_pointers_are_followed(void **state)
{
	struct world *w = *state;
	int ptr, node = add_node(w->t, &ptr);
	int s = add_holder(w, (struct cap_cast){ .arena = true, .target_type_id = (uint32_t)node });
	struct cap_value v;

	begin(w);
	put_arena(w, 64, 5);
	v = render_holder(w, s, USER_VM_START + 64);
	assert_string_equal(v.p.cast_annotation, "cast→arena");
	assert_int_equal(member_of(v.p.deref, "value")->u, 5);
	/* The low half alone is what programs keep of it. */
	v = render_holder(w, s, 64);
	assert_int_equal(v.p.value, 64);
	assert_int_equal(member_of(v.p.deref, "value")->u, 5);
	v = render_holder(w, s, 0);
	assert_json(w->t, &v, "{\"kind\":\"ptr\",\"value\":0,\"cast_annotation\":\"cast→arena\"}");
	v = render_holder(w, s, UINT64_C(1) << 40);
	assert_string_equal(v.p.deref_skipped_reason,
			    "arena chase: not plausible, outside of the arena");
}

static void numbers_that_hold_slots_show_their_payload(void **state)
{
	struct world *w = *state;
	int payload = add_payload(w->t), s = add_holder(w, (struct cap_cast){ .arena = true });
	struct cap_value v;

	begin(w);
	add_slot(w, payload, w->t->cap.kva, false);
	v = render_holder(w, s, USER_VM_START + 24);
	assert_string_equal(v.p.cast_annotation, "cast→arena (sdt_alloc)");
	assert_int_equal(member_of(v.p.deref, "b")->u, 8);
}

static void numbers_that_hold_kernel_pointers_are_followed_within_a_page(void **state)
{
	struct world *w = *state;
	int s = add_holder(w, (struct cap_cast){ .target_name = "task_struct" });
	struct cap_value v;
	gva_t at;

	begin(w);
	at = fake_alloc(&w->f, 2 * CAP_PAGE);
	fake_put64(&w->f, cap_at(at, 8), 3);
	v = render_holder(w, s, at.v);
	assert_string_equal(v.p.cast_annotation, "cast→kernel");
	assert_string_equal(v.p.deref->s.type_name, "task_struct");
	assert_int_equal(member_of(v.p.deref, "flags")->u, 3);
	v = render_holder(w, s, at.v);
	assert_string_equal(v.p.deref_skipped_reason, "kernel cast: already rendered elsewhere");
	v = render_holder(w, s, at.v + CAP_PAGE - 8);
	assert_int_equal(v.p.deref->kind, CAP_TRUNCATED);
	assert_int_equal(v.p.deref->t.had, 8);
	v = render_holder(w, s, 0x1234);
	assert_string_equal(v.p.deref_skipped_reason,
			    "kernel cast: not plausible, no address of the kernel");
	for (uint64_t i = 0; i < 300; i++) {
		v = render_holder(w, s, at.v + 16 + i * 8);
		assert_true((v.p.deref != NULL) == (i < 254));
	}
	assert_string_equal(v.p.deref_skipped_reason,
			    "kernel cast: too many structs of the kernel in one dump");
	w->cast.cast.target_name = "nothing_such";
	v = render_holder(w, s, at.v);
	assert_string_equal(v.p.deref_skipped_reason,
			    "kernel cast: type of the target: no struct nothing_such");
}

static void casts_are_found_by_any_struct_that_the_member_is_in(void **state)
{
	struct world *w = *state;
	int ptr, node = add_node(w->t, &ptr), inner = btf__add_struct(w->t->btf, NULL, 8), arr,
		 outer;
	uint64_t words[4] = { 0, 0, 0, USER_VM_START + 64 };
	struct cap_value v;

	btf__add_field(w->t->btf, "p", w->t->u64, 0, 0);
	arr = btf__add_array(w->t->btf, w->t->u32, inner, 2);
	outer = btf__add_struct(w->t->btf, "outer", 32);
	btf__add_field(w->t->btf, "in", arr, 128, 0);
	w->cast = (struct cap_cast_row){ .parent = (uint32_t)outer,
					 .offset = 24,
					 .cast = { .arena = true,
						   .target_type_id = (uint32_t)node } };
	w->object.nr_rows = 1;
	begin(w);
	v = render_value(w->t, outer, words, sizeof(words));
	v = member_of(&v, "in")->a.element[1];
	assert_string_equal(member_of(&v, "p")->p.cast_annotation, "cast→arena");
}

static void only_plain_u64_members_are_casts(void **state)
{
	struct world *w = *state;
	int s = btf__add_struct(w->t->btf, "signed_one", 8);
	int64_t v64 = (int64_t)USER_VM_START;
	struct cap_value v;

	btf__add_field(w->t->btf, "n", w->t->s64, 0, 0);
	w->cast = (struct cap_cast_row){ .parent = (uint32_t)s, .cast = { .arena = true } };
	w->object.nr_rows = 1;
	begin(w);
	v = render_value(w->t, s, &v64, sizeof(v64));
	assert_int_equal(member_of(&v, "n")->kind, CAP_INT);
}

static void pointers_in_one_value_are_only_so_many(void **state)
{
	struct world *w = *state;
	int ptr, node = add_node(w->t, &ptr), wide, many, to_wide;
	kt_auto(mem) uint64_t *data = calloc(4096, sizeof(*data));
	struct cap_value v;

	(void)node;
	many = btf__add_array(w->t->btf, w->t->u32, ptr, 4);
	wide = btf__add_struct(w->t->btf, "wide", 32);
	btf__add_field(w->t->btf, "p", many, 0, 0);
	to_wide = btf__add_ptr(w->t->btf, wide);
	begin(w);
	put_arena(w, 0, USER_VM_START + 64);
	put_arena(w, 8, USER_VM_START + 64);
	for (size_t i = 0; i < 4096; i++)
		data[i] = USER_VM_START;
	v = render_value(w->t, btf__add_array(w->t->btf, w->t->u32, to_wide, 4096), data,
			 4096 * sizeof(*data));
	assert_non_null(v.a.element[0].p.deref);
	assert_string_equal(v.a.element[4095].p.deref_skipped_reason,
			    "arena chase: too many pointers in one value");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(null_and_what_cannot_be_followed_is_only_a_number),
		TEST(arena_pointers_are_followed),
		TEST(a_cycle_is_told_by_its_address),
		TEST(a_long_list_ends_at_the_depth_that_there_is),
		TEST(what_is_not_mapped_says_so),
		TEST(large_targets_are_cut_at_4_kib),
		TEST(targets_without_a_type_or_size_say_so),
		TEST(a_declaration_is_resolved_by_its_sibling_first),
		TEST(a_declaration_is_resolved_by_its_slot),
		TEST(a_pointer_to_a_payload_shows_it),
		TEST(a_pointer_to_a_whole_type_shows_that_not_the_slot),
		TEST(slots_typed_in_another_btf_do_not_count),
		TEST(a_declaration_is_resolved_in_other_objects_last),
		TEST(cpumasks_are_lists_of_cpus_by_their_type),
		TEST(pointers_to_kernel_cpumasks_are_followed),
		TEST(a_freed_word_ends_a_cpumask),
		TEST(a_cpumask_that_is_only_declared_is_not_guessed),
		TEST(numbers_that_hold_arena_pointers_are_followed),
		TEST(numbers_that_hold_slots_show_their_payload),
		TEST(numbers_that_hold_kernel_pointers_are_followed_within_a_page),
		TEST(casts_are_found_by_any_struct_that_the_member_is_in),
		TEST(only_plain_u64_members_are_casts),
		TEST(pointers_in_one_value_are_only_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
