/* SPDX-License-Identifier: GPL-2.0-only */
/* Maps of a small guest: which are in a report, and what is said of those that lie. */
#include "base/clock.h"
#include "tests/unit/fake_maps.h"

static const struct cap_map_report *find(const struct cap_report *r, const char *name)
{
	for (size_t i = 0; i < r->nr_maps; i++)
		if (kt_streq(r->map[i].name, name))
			return &r->map[i];
	fail_msg("no map %s", name);
	return NULL;
}

static void assert_error(const struct cap_map_report *m, const char *want)
{
	assert_non_null(m->error);
	assert_string_equal(m->error, want);
}

/* ---- which maps ---- */

static void maps_are_in_order_of_their_ids_and_ours_are_left_out(void **state)
{
	static const char *const names[] = { "bpf.bss",        "probe_bp.bss",  "func_meta_map",
					     "probe_data",     "my_probe_data", "fentry_p.rodata",
					     "preempt_disable" };
	struct fake_maps m;
	struct cap_report *r;
	gva_t map;

	(void)state;
	fake_maps_init(&m);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		map = fake_map(&m, names[i], BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	r = fake_maps_dump(&m, NULL);
	assert_int_equal(r->nr_maps, 2);
	assert_string_equal(r->map[0].name, "bpf.bss");
	assert_string_equal(r->map[1].name, "my_probe_data");
	assert_true(r->map[0].map_kva == map.v - 6 * CAP_PAGE);
	assert_int_equal(r->map[0].map_type, BPF_MAP_TYPE_ARRAY);
	assert_int_equal(r->map[0].value_size, 8);
	fake_maps_done(&m, r);
}

static void a_map_under_two_ids_is_one_map(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	gva_t map;

	(void)state;
	fake_maps_init(&m);
	map = fake_map(&m, "one", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	for (unsigned i = 10; i < 64; i++)
		fake_put64(&m.f, fake_slot(m.node, i), map.v);
	r = fake_maps_dump(&m, NULL);
	assert_int_equal(r->nr_maps, 1);
	fake_maps_done(&m, r);
}

static void bytes_of_a_name_that_do_not_print_become_question_marks(void **state)
{
	struct fake_maps m;
	struct cap_report *r;

	(void)state;
	fake_maps_init(&m);
	fake_map(&m, "a\x1b[31m\xff", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	r = fake_maps_dump(&m, NULL);
	assert_string_equal(r->map[0].name, "a?[31m?");
	fake_maps_done(&m, r);
}

static void maps_after_the_deadline_are_counted(void **state)
{
	struct cap_dump_opts o = { .deadline_ns = 1 };
	struct fake_maps m;
	struct cap_report *r;

	(void)state;
	fake_maps_init(&m);
	fake_map(&m, "one", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	fake_map(&m, "probe_data", BPF_MAP_TYPE_HASH, 4, 8, 1);
	fake_map(&m, "two", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	r = fake_maps_dump(&m, &o);
	assert_int_equal(r->nr_maps, 0);
	assert_int_equal(r->maps_truncated, 2);
	assert_true(r->has_truncated_at);
	fake_maps_done(&m, r);
}

/* ---- a table of maps that cannot be walked, or not to its end ---- */

static void a_table_of_maps_in_circles_gives_what_it_has_and_says_so(void **state)
{
	struct fake_maps m;
	struct cap_report *r;

	(void)state;
	fake_maps_init(&m);
	fake_map(&m, "one", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	fake_map(&m, "two", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	fake_put64(&m.f, fake_slot(m.node, 9), m.node.v | 2);
	r = fake_maps_dump(&m, NULL);
	assert_int_equal(r->nr_maps, 2);
	assert_string_equal(r->maps_unavailable,
			    "map walker found 2 maps, but map_idr has a node where none can be");
	fake_maps_done(&m, r);
}

static void maps_that_are_nowhere_are_counted(void **state)
{
	struct fake_maps m;
	struct cap_report *r;

	(void)state;
	fake_maps_init(&m);
	fake_map(&m, "one", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	fake_put64(&m.f, fake_slot(m.node, 7), UINT64_C(0xffff8880ffff0000));
	fake_put64(&m.f, fake_slot(m.node, 8), 0x1000);
	r = fake_maps_dump(&m, NULL);
	assert_int_equal(r->nr_maps, 1);
	assert_string_equal(r->maps_unavailable, "map walker could not read 2 maps");
	fake_maps_done(&m, r);
}

static void without_the_table_s_symbol_or_types_there_are_no_maps(void **state)
{
	struct cap_report *r = NULL;
	struct fake_guest f;

	(void)state;
	fake_init(&f, NULL);
	(void)fake_u32(&f);
	fake_open(&f);
	assert_int_equal(cap_dump(f.g, NULL, &r, NULL), 0);
	assert_int_equal(r->nr_maps, 0);
	assert_string_equal(r->maps_unavailable,
			    "map walker unavailable: this kernel's types have no bpf_map.map_type");
	cap_report_free(r);
	fake_done(&f);

	fake_init(&f, NULL);
	fake_add_idr_types(&f);
	(void)fake_add_map_type(&f);
	fake_open(&f);
	assert_int_equal(cap_dump(f.g, NULL, &r, NULL), 0);
	assert_string_equal(r->maps_unavailable,
			    "map walker unavailable: there is no symbol map_idr");
	cap_report_free(r);
	fake_done(&f);
}

static void types_that_are_not_walked_say_why(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	int e;

	(void)state;
	fake_maps_init(&m);
	e = btf__add_enum(m.f.btf, "bpf_map_type", 4);
	assert_true(e > 0);
	assert_int_equal(btf__add_enum_value(m.f.btf, "BPF_MAP_TYPE_RHASH", 35), 0);
	fake_map(&m, "bloom", BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 1);
	fake_map(&m, "newer", 35, 4, 8, 1);
	fake_map(&m, "nonsense", 4000000000u, 4, 8, 1);
	fake_map(&m, "socks", BPF_MAP_TYPE_SOCKHASH, 4, 8, 1);
	fake_map(&m, "ops", BPF_MAP_TYPE_STRUCT_OPS, 4, 8, 1);
	r = fake_maps_dump(&m, NULL);
	assert_error(find(r, "bloom"), "bloom_filter maps are not enumerable: a set of hash bits, "
				       "of which the elements cannot be told");
	assert_error(find(r, "newer"), "map type 35 (BPF_MAP_TYPE_RHASH) has no renderer");
	assert_error(find(r, "nonsense"), "map type 4000000000 (of no known name) has no renderer");
	assert_error(find(r, "socks"), "sockhash is hash-shaped and not walked: which of its slots "
				       "are taken is not told");
	assert_non_null(find(r, "socks")->fd_array);
	assert_error(find(r, "ops"), "STRUCT_OPS offsets unavailable: this kernel's types have no "
				     "bpf_struct_ops_map.kvalue");
	fake_maps_done(&m, r);
}

/* ---- arrays ---- */

static void an_array_of_4_gib_entries_is_cut(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	const struct cap_map_report *map;

	(void)state;
	fake_maps_init(&m);
	fake_map(&m, "huge", BPF_MAP_TYPE_ARRAY, 4, 4096, UINT32_MAX);
	r = fake_maps_dump(&m, NULL);
	map = find(r, "huge");
	assert_int_equal(map->nr_array_entries, 4096);
	assert_int_equal(map->array_entry[4095].key, 4095);
	assert_null(map->array_entry[4095].value);
	assert_non_null(map->array_entry[3].value);
	assert_non_null(strstr(map->error, "ARRAY truncated at 4096 of 4294967295 keys; "));
	assert_non_null(strstr(map->error, " keys unreadable"));
	fake_maps_done(&m, r);
}

static void values_of_4_gib_are_read_as_far_as_they_go(void **state)
{
	struct fake_maps m;
	struct cap_report *r;

	(void)state;
	fake_maps_init(&m);
	fake_map(&m, "one", BPF_MAP_TYPE_ARRAY, 4, UINT32_MAX, 1);
	fake_map(&m, "many", BPF_MAP_TYPE_ARRAY, 4, UINT32_MAX, UINT32_MAX);
	fake_map(&m, "none", BPF_MAP_TYPE_ARRAY, 4, 0, 7);
	fake_map(&m, "queue", BPF_MAP_TYPE_QUEUE, 0, UINT32_MAX, UINT32_MAX);
	fake_map(&m, "hash", BPF_MAP_TYPE_HASH, UINT32_MAX, UINT32_MAX, UINT32_MAX);
	fake_map(&m, "storage", BPF_MAP_TYPE_TASK_STORAGE, UINT32_MAX, UINT32_MAX, UINT32_MAX);
	fake_map(&m, "percpu", BPF_MAP_TYPE_PERCPU_ARRAY, UINT32_MAX, UINT32_MAX, UINT32_MAX);
	fake_map(&m, "stacks", BPF_MAP_TYPE_STACK_TRACE, UINT32_MAX, UINT32_MAX, UINT32_MAX);
	fake_map(&m, "progs", BPF_MAP_TYPE_PROG_ARRAY, UINT32_MAX, UINT32_MAX, UINT32_MAX);
	fake_map(&m, "arena", BPF_MAP_TYPE_ARENA, UINT32_MAX, UINT32_MAX, UINT32_MAX);
	r = fake_maps_dump(&m, NULL);
	assert_int_equal(r->nr_maps, 10);
	assert_non_null(strstr(find(r, "one")->error, "ARRAY region unreadable in part: "));
	assert_non_null(strstr(find(r, "many")->error, "the rest was not read"));
	assert_error(find(r, "none"), "ARRAY of values without size");
	assert_non_null(find(r, "queue")->error);
	assert_error(find(r, "hash"), "a key of 4294967295 bytes is too large to be one");
	assert_int_equal(find(r, "percpu")->nr_percpu_entries, 256);
	assert_true(find(r, "progs")->fd_array->truncated);
	fake_maps_done(&m, r);
}

static void a_value_has_its_type_or_is_bytes(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	gva_t typed, untyped, wrong;

	(void)state;
	fake_maps_init(&m);
	typed = fake_map(&m, "typed", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	fake_map_types(&m, typed, 0, fake_u64(&m.f));
	fake_put64(&m.f, fake_off(typed, FM_ARRAY_VALUE), 42);
	untyped = fake_map(&m, "untyped", BPF_MAP_TYPE_ARRAY, 4, 2, 1);
	fake_put(&m.f, fake_off(untyped, FM_ARRAY_VALUE), 2, 0x1234);
	wrong = fake_map(&m, "wrong", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	fake_map_types(&m, wrong, 0, 123456789);
	r = fake_maps_dump(&m, NULL);
	assert_int_equal(find(r, "typed")->value->kind, CAP_UINT);
	assert_true(find(r, "typed")->value->u == 42);
	assert_int_equal(find(r, "untyped")->value->kind, CAP_BYTES);
	assert_memory_equal(find(r, "untyped")->value->bytes.data, "\x34\x12", 2);
	assert_int_equal(find(r, "wrong")->value->kind, CAP_UNSUPPORTED);
	fake_maps_done(&m, r);
}

static void a_per_cpu_array_has_a_value_for_each_cpu(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	const struct cap_map_report *map;
	gva_t at, pptr;

	(void)state;
	fake_maps_init(&m);
	at = fake_map(&m, "percpu", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 2);
	fake_map_types(&m, at, 0, fake_u64(&m.f));
	(void)fake_percpu(&m.f, NULL, 8); /* 0 is a pointer to nothing */
	pptr = fake_percpu(&m.f, NULL, 8);
	fake_put64(&m.f, fake_percpu_at(&m.f, pptr, 0), 100);
	fake_put64(&m.f, fake_percpu_at(&m.f, pptr, 1), 101);
	fake_put64(&m.f, fake_off(at, FM_ARRAY_VALUE), pptr.v);
	fake_put64(&m.f, fake_off(at, FM_ARRAY_VALUE + 8), UINT64_C(0xdead000000000000));
	r = fake_maps_dump(&m, NULL);
	map = find(r, "percpu");
	assert_int_equal(map->nr_percpu_entries, 2);
	assert_int_equal(map->percpu_entry[0].nr_cpus, 2);
	assert_true(map->percpu_entry[0].per_cpu[0]->u == 100);
	assert_true(map->percpu_entry[0].per_cpu[1]->u == 101);
	assert_null(map->percpu_entry[1].per_cpu[0]);
	fake_maps_done(&m, r);
}

/* ---- hashes ---- */

static void a_hash_has_all_its_elements_once(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	const struct cap_map_report *map;
	gva_t at, table;
	uint64_t sum = 0;

	(void)state;
	fake_maps_init(&m);
	at = fake_map(&m, "hash", BPF_MAP_TYPE_HASH, 4, 8, 64);
	fake_map_types(&m, at, fake_u32(&m.f), fake_u64(&m.f));
	table = fake_hash_table(&m, at, 2048); /* of several chunks */
	for (uint32_t i = 0; i < 30; i++)
		fake_hash_elem(&m, table, i * 97 % 2048 / 3, i, i * 1000);
	r = fake_maps_dump(&m, NULL);
	map = find(r, "hash");
	assert_null(map->error);
	assert_int_equal(map->nr_entries, 30);
	for (size_t i = 0; i < 30; i++) {
		assert_true(map->entry[i].value->u == map->entry[i].key->u * 1000);
		assert_int_equal(map->entry[i].key_len, 4);
		assert_int_equal(map->entry[i].value_len, 8);
		sum += map->entry[i].key->u;
	}
	assert_int_equal(sum, 29 * 30 / 2);
	fake_maps_done(&m, r);
}

static void chains_that_loop_give_each_element_once(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	const struct cap_map_report *map;
	gva_t at, table, self, first, last;

	(void)state;
	fake_maps_init(&m);
	at = fake_map(&m, "hash", BPF_MAP_TYPE_HASH, 4, 8, 64);
	table = fake_hash_table(&m, at, 8);
	self = fake_hash_elem(&m, table, 0, 1, 1);
	fake_put64(&m.f, self, self.v);
	last = fake_hash_elem(&m, table, 3, 2, 2);
	fake_hash_elem(&m, table, 3, 3, 3);
	first = fake_hash_elem(&m, table, 3, 4, 4);
	fake_put64(&m.f, last, first.v);
	fake_hash_elem(&m, table, 5, 5, 5);
	r = fake_maps_dump(&m, NULL);
	map = find(r, "hash");
	assert_int_equal(map->nr_entries, 5);
	assert_error(map, "2 chains of buckets lead back to an element seen before");
	assert_null(map->entry[0].key); /* it has no type: bytes only */
	assert_memory_equal(map->entry[0].key_data, "\x01\0\0", 4);
	fake_maps_done(&m, r);
}

static void a_chain_into_nowhere_does_not_hide_the_others(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	gva_t at, table;

	(void)state;
	fake_maps_init(&m);
	at = fake_map(&m, "hash", BPF_MAP_TYPE_LRU_HASH, 4, 8, 64);
	table = fake_hash_table(&m, at, 8);
	fake_put64(&m.f, fake_hash_elem(&m, table, 0, 1, 1), UINT64_C(0x1122334455667788));
	fake_hash_elem(&m, table, 5, 5, 5);
	r = fake_maps_dump(&m, NULL);
	assert_int_equal(find(r, "hash")->nr_entries, 2);
	assert_error(find(r, "hash"), "1 chains of buckets end in unreadable memory");
	fake_maps_done(&m, r);
}

static void a_table_of_4_gib_buckets_is_given_up(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	gva_t at, table;

	(void)state;
	fake_maps_init(&m);
	at = fake_map(&m, "hash", BPF_MAP_TYPE_HASH, 4, 8, UINT32_MAX);
	table = fake_hash_table(&m, at, 1024);
	fake_hash_elem(&m, table, 7, 1, 1);
	fake_put(&m.f, fake_off(at, FM_HTAB_NR_BUCKETS), 4, UINT32_MAX);
	r = fake_maps_dump(&m, NULL);
	assert_int_equal(find(r, "hash")->nr_entries, 1);
	assert_error(find(r, "hash"),
		     "1048576 of its 4294967295 buckets were looked at; most of its table of "
		     "buckets is unreadable");
	fake_maps_done(&m, r);
}

static void a_hash_is_cut_at_its_limit(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	gva_t at, table, elem;
	uint64_t next;

	(void)state;
	fake_maps_init(&m);
	at = fake_map(&m, "hash", BPF_MAP_TYPE_HASH, 4, 8, 10000);
	table = fake_hash_table(&m, at, 1);
	/* 5000 elements of 64 bytes in one area, linked one to the next */
	elem = fake_alloc(&m.f, 5000 * 64);
	for (unsigned i = 0; i < 5000; i++) {
		next = i + 1 < 5000 ? elem.v + (i + 1) * 64 : 1;
		fake_put64(&m.f, fake_off(elem, i * 64), next);
	}
	fake_put64(&m.f, fake_off(table, FM_BUCKET_HEAD), elem.v);
	r = fake_maps_dump(&m, NULL);
	assert_int_equal(find(r, "hash")->nr_entries, 4096);
	assert_error(find(r, "hash"), "hash truncated at 4096 entries");
	fake_maps_done(&m, r);
}

static void a_per_cpu_hash_follows_its_pointers(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	const struct cap_map_report *map;
	gva_t at, table, pptr;

	(void)state;
	fake_maps_init(&m);
	at = fake_map(&m, "hash", BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 64);
	fake_map_types(&m, at, fake_u32(&m.f), fake_u64(&m.f));
	table = fake_hash_table(&m, at, 4);
	(void)fake_percpu(&m.f, NULL, 8); /* 0 is a pointer to nothing */
	pptr = fake_percpu(&m.f, NULL, 8);
	fake_put64(&m.f, fake_percpu_at(&m.f, pptr, 1), 77);
	fake_hash_elem(&m, table, 2, 9, pptr.v);
	r = fake_maps_dump(&m, NULL);
	map = find(r, "hash");
	assert_int_equal(map->nr_percpu_hash_entries, 1);
	assert_true(map->percpu_hash_entry[0].key_value->u == 9);
	assert_true(map->percpu_hash_entry[0].per_cpu[0]->u == 0);
	assert_true(map->percpu_hash_entry[0].per_cpu[1]->u == 77);
	fake_maps_done(&m, r);
}

static void a_hash_of_maps_tells_its_keys(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	const struct cap_fd_array *fd;
	gva_t at, table;

	(void)state;
	fake_maps_init(&m);
	at = fake_map(&m, "maps", BPF_MAP_TYPE_HASH_OF_MAPS, 4, 4, 64);
	table = fake_hash_table(&m, at, 4);
	fake_hash_elem(&m, table, 0, 9, at.v);
	fake_hash_elem(&m, table, 2, 5, at.v);
	r = fake_maps_dump(&m, NULL);
	fd = find(r, "maps")->fd_array;
	assert_int_equal(fd->populated, 2);
	assert_int_equal(fd->nr_indices, 2);
	assert_int_equal(fd->index[0], 9);
	assert_int_equal(fd->index[1], 5);
	fake_maps_done(&m, r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_are_in_order_of_their_ids_and_ours_are_left_out),
		cmocka_unit_test(a_map_under_two_ids_is_one_map),
		cmocka_unit_test(bytes_of_a_name_that_do_not_print_become_question_marks),
		cmocka_unit_test(maps_after_the_deadline_are_counted),
		cmocka_unit_test(a_table_of_maps_in_circles_gives_what_it_has_and_says_so),
		cmocka_unit_test(maps_that_are_nowhere_are_counted),
		cmocka_unit_test(without_the_table_s_symbol_or_types_there_are_no_maps),
		cmocka_unit_test(types_that_are_not_walked_say_why),
		cmocka_unit_test(an_array_of_4_gib_entries_is_cut),
		cmocka_unit_test(values_of_4_gib_are_read_as_far_as_they_go),
		cmocka_unit_test(a_value_has_its_type_or_is_bytes),
		cmocka_unit_test(a_per_cpu_array_has_a_value_for_each_cpu),
		cmocka_unit_test(a_hash_has_all_its_elements_once),
		cmocka_unit_test(chains_that_loop_give_each_element_once),
		cmocka_unit_test(a_chain_into_nowhere_does_not_hide_the_others),
		cmocka_unit_test(a_table_of_4_gib_buckets_is_given_up),
		cmocka_unit_test(a_hash_is_cut_at_its_limit),
		cmocka_unit_test(a_per_cpu_hash_follows_its_pointers),
		cmocka_unit_test(a_hash_of_maps_tells_its_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
