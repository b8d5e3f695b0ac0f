/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs of a small guest: what they ran, whose maps are whose, and the types that they brought along. */
#include "tests/unit/fake_maps.h"

enum {
	PROG_TYPE = 4,
	PROG_AUX = 8,
	PROG_STATS = 16,
	AUX_NAME = 0,
	AUX_MAPS = 16,
	AUX_NR_MAPS = 24,
	STATS_CNT = 0,
	STATS_NSECS = 8,
	STATS_MISSES = 16,
	STRUCT_OPS = BPF_PROG_TYPE_STRUCT_OPS,
};

struct progs_test {
	struct fake_maps m;
	gva_t node;
	gva_t aux; /* of the last program */
	unsigned nr;
};

static void make(struct progs_test *t)
{
	struct fake_guest *f = &t->m.f;
	int u32, u64, ptr, name;

	memset(t, 0, sizeof(*t));
	fake_maps_init(&t->m);
	u32 = fake_u32(f);
	u64 = fake_u64(f);
	ptr = fake_ptr(f, 0);
	name = fake_char_array(f, 16);
	btf__add_struct(f->btf, "bpf_prog", 32);
	fake_member(f, "type", u32, PROG_TYPE);
	fake_member(f, "aux", ptr, PROG_AUX);
	fake_member(f, "stats", ptr, PROG_STATS);
	btf__add_struct(f->btf, "bpf_prog_aux", 64);
	fake_member(f, "name", name, AUX_NAME);
	fake_member(f, "used_maps", ptr, AUX_MAPS);
	fake_member(f, "used_map_cnt", u32, AUX_NR_MAPS);
	btf__add_struct(f->btf, "bpf_prog_stats", 32);
	fake_member(f, "cnt", u64, STATS_CNT);
	fake_member(f, "nsecs", u64, STATS_NSECS);
	fake_member(f, "misses", u64, STATS_MISSES);
	t->node = fake_alloc(f, FM_NODE_SLOTS + 64 * 8);
	fake_put64(f, fake_off(fake_static(f, "prog_idr", 24), FM_IDR_HEAD), t->node.v | 2);
	(void)fake_percpu(f, NULL, 64); /* 0 is a pointer to nothing */
}

/* Returns its per-CPU numbers. */
static gva_t add_prog(struct progs_test *t, const char *name, uint32_t type, const gva_t *maps,
		      uint32_t nr_maps)
{
	struct fake_guest *f = &t->m.f;
	gva_t prog = fake_alloc(f, 64), aux = fake_alloc(f, 64);
	gva_t table = fake_alloc(f, 64 * 8 + 64), stats = fake_percpu(f, NULL, 32);

	fake_put(f, fake_off(prog, PROG_TYPE), 4, type);
	fake_put64(f, fake_off(prog, PROG_AUX), aux.v);
	fake_put64(f, fake_off(prog, PROG_STATS), stats.v);
	fake_write(f, fake_off(aux, AUX_NAME), name, strlen(name) + 1);
	fake_put64(f, fake_off(aux, AUX_MAPS), table.v);
	fake_put(f, fake_off(aux, AUX_NR_MAPS), 4, nr_maps);
	for (uint32_t i = 0; maps && i < nr_maps; i++)
		fake_put64(f, fake_off(table, i * 8), maps[i].v);
	fake_put64(f, fake_slot(t->node, ++t->nr), prog.v);
	t->aux = aux;
	return stats;
}

static void put_stats(struct progs_test *t, gva_t stats, unsigned cpu, uint64_t cnt, uint64_t nsecs,
		      uint64_t misses)
{
	gva_t at = fake_percpu_at(&t->m.f, stats, cpu);

	fake_put64(&t->m.f, fake_off(at, STATS_CNT), cnt);
	fake_put64(&t->m.f, fake_off(at, STATS_NSECS), nsecs);
	fake_put64(&t->m.f, fake_off(at, STATS_MISSES), misses);
}

/* ---- numbers ---- */

static void numbers_are_summed_over_cpus(void **state)
{
	struct progs_test t;
	struct cap_report *r;
	gva_t a, b;

	(void)state;
	make(&t);
	add_prog(&t, "a_kprobe", BPF_PROG_TYPE_KPROBE, NULL, 0);
	a = add_prog(&t, "enqueue", STRUCT_OPS, NULL, 0);
	b = add_prog(&t, "dispatch", STRUCT_OPS, NULL, 0);
	put_stats(&t, a, 0, 1, 10, 100);
	put_stats(&t, a, 1, 2, 20, 200);
	put_stats(&t, b, 0, UINT64_MAX - 1, 5, 0);
	put_stats(&t, b, 1, 2, 6, 0);
	r = fake_maps_dump(&t.m, NULL);
	assert_int_equal(r->nr_progs, 2);
	assert_string_equal(r->prog[0].name, "enqueue");
	assert_true(r->prog[0].cnt == 3 && r->prog[0].nsecs == 30 && r->prog[0].misses == 300);
	assert_true(r->prog[1].cnt == UINT64_MAX);
	assert_true(r->prog[1].nsecs == 11);
	assert_null(r->prog_runtime_stats_unavailable);
	fake_maps_done(&t.m, r);
}

static void without_struct_ops_programs_that_is_the_reason(void **state)
{
	struct progs_test t;
	struct cap_report *r;

	(void)state;
	make(&t);
	add_prog(&t, "a_kprobe", BPF_PROG_TYPE_KPROBE, NULL, 0);
	r = fake_maps_dump(&t.m, NULL);
	assert_int_equal(r->nr_progs, 0);
	assert_string_equal(r->prog_runtime_stats_unavailable, "no struct_ops programs loaded");
	fake_maps_done(&t.m, r);
}

static void without_their_types_programs_are_unavailable(void **state)
{
	struct fake_maps m;
	struct cap_report *r;

	(void)state;
	fake_maps_init(&m);
	r = fake_maps_dump(&m, NULL);
	assert_string_equal(r->prog_runtime_stats_unavailable, "prog accessor unavailable");
	fake_maps_done(&m, r);
}

static void numbers_that_are_nowhere_count_for_nothing(void **state)
{
	struct progs_test t;
	struct cap_report *r;

	(void)state;
	make(&t);
	add_prog(&t, "enqueue", STRUCT_OPS, NULL, 0);
	fake_put64(&t.m.f, fake_slot(t.node, 7), UINT64_C(0xffff8880ffff0000));
	fake_put64(&t.m.f, fake_slot(t.node, 8), 0x1000);
	r = fake_maps_dump(&t.m, NULL);
	assert_int_equal(r->nr_progs, 1);
	assert_string_equal(r->prog_runtime_stats_unavailable,
			    "prog walker could not read 2 programs");
	fake_maps_done(&t.m, r);
}

static void a_table_in_circles_gives_what_it_has_and_says_so(void **state)
{
	struct progs_test t;
	struct cap_report *r;

	(void)state;
	make(&t);
	add_prog(&t, "enqueue", STRUCT_OPS, NULL, 0);
	fake_put64(&t.m.f, fake_slot(t.node, 9), t.node.v | 2);
	r = fake_maps_dump(&t.m, NULL);
	assert_int_equal(r->nr_progs, 1);
	assert_string_equal(
		r->prog_runtime_stats_unavailable,
		"prog walker found 1 programs, but prog_idr has a node where none can be");
	fake_maps_done(&t.m, r);
}

static void what_ends_a_walk_of_programs_is_said(void **state)
{
	struct cap_dump_opts no_time = { .deadline_ns = 1 };
	struct cap_report report = { 0 };
	struct progs_test t;
	struct cap_dump d = { .report = &report, .opts = &no_time };

	(void)state;
	make(&t);
	add_prog(&t, "enqueue", STRUCT_OPS, NULL, 0);
	add_prog(&t, "dispatch", STRUCT_OPS, NULL, 0);
	d.g = fake_open(&t.m.f);
	assert_int_equal(cap_pool_create(1 << 20, &d.pool), 0);
	cap_dump_prog_stats(&d);
	assert_int_equal(report.nr_progs, 1);
	assert_string_equal(report.prog_runtime_stats_unavailable,
			    "prog walker stopped after 1 programs: dump deadline exceeded");
	while (cap_alloc_raw(d.pool, 4096))
		;
	report = (struct cap_report){ 0 };
	cap_dump_prog_stats(&d);
	assert_int_equal(report.nr_progs, 0);
	assert_string_equal(report.prog_runtime_stats_unavailable, CAP_WHY_FULL);
	cap_pool_free(d.pool);
	fake_done(&t.m.f);
}

/* ---- whose maps ---- */

static void the_active_object_is_that_of_the_first_program_with_sections(void **state)
{
	struct progs_test t;
	struct cap_report *r;
	gva_t maps[3], other;

	(void)state;
	make(&t);
	other = fake_map(&t.m, "other.bss", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	maps[0] = fake_map(&t.m, "counts", BPF_MAP_TYPE_ARRAY, 4, 8, 4);
	maps[1] = fake_map(&t.m, "qmap.rodata", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	maps[2] = (gva_t){ 12345 }; /* no map that is known */
	add_prog(&t, "probe", BPF_PROG_TYPE_TRACING, &other, 1);
	add_prog(&t, "no_maps", STRUCT_OPS, NULL, 0);
	add_prog(&t, "enqueue", STRUCT_OPS, maps, 3);
	r = fake_maps_dump(&t.m, NULL);
	assert_string_equal(r->active_obj_name, "qmap");
	assert_int_equal(r->nr_active_maps, 3);
	assert_true(r->active_map_kvas[0] == maps[0].v);
	assert_true(r->active_map_kvas[1] == maps[1].v);
	fake_maps_done(&t.m, r);
}

static void a_program_that_claims_4_gib_of_maps_has_64(void **state)
{
	struct progs_test t;
	struct cap_report *r;
	gva_t bss;

	(void)state;
	make(&t);
	bss = fake_map(&t.m, "bpf.bss", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	add_prog(&t, "enqueue", STRUCT_OPS, &bss, 1);
	fake_put(&t.m.f, fake_off(t.aux, AUX_NR_MAPS), 4, UINT32_MAX);
	r = fake_maps_dump(&t.m, NULL);
	assert_string_equal(r->active_obj_name, "bpf");
	assert_int_equal(r->nr_active_maps, 64);
	fake_maps_done(&t.m, r);
}

static void without_such_a_program_names_decide(void **state)
{
	struct progs_test t;
	struct cap_report *r;

	(void)state;
	make(&t);
	fake_map(&t.m, "lone.ops", BPF_MAP_TYPE_STRUCT_OPS, 4, 8, 1);
	fake_map(&t.m, "twin.ops", BPF_MAP_TYPE_STRUCT_OPS, 4, 8, 1);
	fake_map(&t.m, "twin.bss", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	fake_map(&t.m, "twin.bss", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	fake_map(&t.m, "bpf.bss", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	fake_map(&t.m, "bpf.rodata", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	fake_map(&t.m, "bpf.ops", BPF_MAP_TYPE_STRUCT_OPS, 4, 8, 1);
	r = fake_maps_dump(&t.m, NULL);
	assert_string_equal(r->active_obj_name, "bpf");
	assert_int_equal(r->nr_active_maps, 0);
	fake_maps_done(&t.m, r);
}

/* ---- types of programs ---- */

/* A struct btf of the guest's around @blob. */
static gva_t put_btf(struct fake_maps *m, const void *blob, uint32_t len, uint32_t claimed,
		     gva_t base)
{
	gva_t btf = fake_alloc(&m->f, 128), data = fake_vmalloc(&m->f, len);

	fake_write(&m->f, data, blob, len);
	fake_put64(&m->f, fake_off(btf, FM_BTF_DATA), data.v);
	fake_put(&m->f, fake_off(btf, FM_BTF_SIZE), 4, claimed);
	fake_put64(&m->f, fake_off(btf, FM_BTF_BASE), base.v);
	return btf;
}

/* A map of one value of @type_id, of types at @btf. */
static void add_typed_map(struct fake_maps *m, const char *name, gva_t btf, int type_id)
{
	gva_t map = fake_map(m, name, BPF_MAP_TYPE_ARRAY, 4, 8, 1);

	fake_put64(&m->f, fake_off(map, FM_MAP_BTF), btf.v);
	fake_map_types(m, map, 0, type_id);
	fake_put64(&m->f, fake_off(map, FM_ARRAY_VALUE), 77);
}

static struct btf *own_types(const struct btf *base, int *ret_id)
{
	struct btf *b = base ? btf__new_empty_split((struct btf *)base) : btf__new_empty();
	int u64 = btf__add_int(b, "counter_t", 8, 0);

	*ret_id = btf__add_struct(b, "stats", 8);
	assert_true(*ret_id > 0);
	assert_int_equal(btf__add_field(b, "count", u64, 0, 0), 0);
	return b;
}

static void assert_is_stats(const struct cap_value *v)
{
	assert_int_equal(v->kind, CAP_STRUCT);
	assert_string_equal(v->s.type_name, "stats");
	assert_string_equal(v->s.member[0].name, "count");
	assert_true(v->s.member[0].value.u == 77);
}

static void a_program_brings_its_types(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	struct btf *own;
	const void *blob;
	uint32_t len;
	gva_t btf;
	int id;

	(void)state;
	fake_maps_init(&m);
	own = own_types(NULL, &id);
	blob = btf__raw_data(own, &len);
	btf = put_btf(&m, blob, len, len, (gva_t){ 0 });
	add_typed_map(&m, "one", btf, id);
	add_typed_map(&m, "two", btf, id);
	r = fake_maps_dump(&m, NULL);
	assert_is_stats(r->map[0].value);
	assert_is_stats(r->map[1].value);
	assert_null(r->map[0].error);
	fake_maps_done(&m, r);
	btf__free(own);
}

static void split_types_are_put_on_those_of_this_very_kernel(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	struct btf *own;
	const void *blob;
	uint32_t len, kernel_len;
	gva_t base[2];
	int id;

	(void)state;
	fake_maps_init(&m);
	own = own_types(m.f.btf, &id);
	blob = btf__raw_data(own, &len);
	btf__raw_data(m.f.btf, &kernel_len);
	for (unsigned i = 0; i < 2; i++) {
		base[i] = fake_alloc(&m.f, 128);
		fake_put(&m.f, fake_off(base[i], FM_BTF_SIZE), 4, kernel_len + i * 4);
		fake_put(&m.f, fake_off(base[i], FM_BTF_KERNEL), 1, 1);
		fake_write(&m.f, fake_off(base[i], FM_BTF_NAME), "vmlinux", 8);
	}
	add_typed_map(&m, "right", put_btf(&m, blob, len, len, base[0]), id);
	add_typed_map(&m, "wrong", put_btf(&m, blob, len, len, base[1]), id);
	add_typed_map(&m, "nowhere", put_btf(&m, blob, len, len, (gva_t){ 99 }), id);
	add_typed_map(&m, "kernels", base[0], fake_u64(&m.f));
	r = fake_maps_dump(&m, NULL);
	assert_is_stats(r->map[0].value);
	assert_null(r->map[0].error);
	for (unsigned i = 1; i < 3; i++) {
		assert_int_equal(r->map[i].value->kind, CAP_BYTES);
		assert_string_equal(r->map[i].error, "no types: program BTF is split on another "
						     "than that of this vmlinux");
	}
	assert_true(r->map[3].value->u == 77);
	fake_maps_done(&m, r);
	btf__free(own);
}

static void types_that_lie_cost_a_reason(void **state)
{
	static const char *const wants[] = {
		"no types: program BTF of 3 bytes: not between 24 and 32 MiB",
		"no types: program BTF of 33554433 bytes: not between 24 and 32 MiB",
		"no types: program BTF unreadable: 1048576 bytes at 0x",
		"no types: program BTF is not valid: ",
	};
	struct fake_maps m;
	struct cap_report *r;
	struct btf *own;
	const void *blob;
	uint32_t len;
	int id;

	(void)state;
	fake_maps_init(&m);
	own = own_types(NULL, &id);
	blob = btf__raw_data(own, &len);
	add_typed_map(&m, "small", put_btf(&m, blob, len, 3, (gva_t){ 0 }), id);
	add_typed_map(&m, "large", put_btf(&m, blob, len, (32 << 20) + 1, (gva_t){ 0 }), id);
	add_typed_map(&m, "past", put_btf(&m, blob, len, 1 << 20, (gva_t){ 0 }), id);
	add_typed_map(&m, "cut", put_btf(&m, blob, len, len - 5, (gva_t){ 0 }), id);
	add_typed_map(&m, "nowhere", (gva_t){ UINT64_C(0xffffc90000f00000) }, id);
	r = fake_maps_dump(&m, NULL);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(kt_starts_with(r->map[i].error, wants[i]));
		assert_int_equal(r->map[i].value->kind, CAP_BYTES);
	}
	assert_string_equal(r->map[4].error,
			    "no types: struct btf unreadable at 0xffffc90000f00000");
	fake_maps_done(&m, r);
	btf__free(own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_summed_over_cpus),
		cmocka_unit_test(without_struct_ops_programs_that_is_the_reason),
		cmocka_unit_test(without_their_types_programs_are_unavailable),
		cmocka_unit_test(numbers_that_are_nowhere_count_for_nothing),
		cmocka_unit_test(a_table_in_circles_gives_what_it_has_and_says_so),
		cmocka_unit_test(what_ends_a_walk_of_programs_is_said),
		cmocka_unit_test(the_active_object_is_that_of_the_first_program_with_sections),
		cmocka_unit_test(a_program_that_claims_4_gib_of_maps_has_64),
		cmocka_unit_test(without_such_a_program_names_decide),
		cmocka_unit_test(a_program_brings_its_types),
		cmocka_unit_test(split_types_are_put_on_those_of_this_very_kernel),
		cmocka_unit_test(types_that_lie_cost_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
