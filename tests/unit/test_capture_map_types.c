/* SPDX-License-Identifier: GPL-2.0-only */
/* Maps that are neither array nor hash: storage, rings, stacks, queues, arenas, slots; as they are, and as lies. */
#include "tests/unit/fake_maps.h"

static const struct cap_map_report *only(const struct cap_report *r)
{
	assert_int_equal(r->nr_maps, 1);
	return &r->map[0];
}

static void assert_error(const struct cap_map_report *m, const char *want)
{
	assert_non_null(m->error);
	assert_string_equal(m->error, want);
}

/* ---- storage ---- */

static gva_t add_storage(struct fake_maps *m, gva_t table, unsigned bucket, uint64_t owner,
			 uint64_t value)
{
	gva_t head = fake_off(table, bucket * FM_BUCKET_BYTES + FM_BUCKET_HEAD);
	gva_t elem = fake_alloc(&m->f, 64), local = fake_alloc(&m->f, 64);
	uint64_t first;

	memcpy(&first, fake_at(&m->f, head), sizeof(first));
	fake_put64(&m->f, elem, first);
	fake_put64(&m->f, fake_off(elem, FM_SELEM_LOCAL), local.v);
	fake_put64(&m->f, fake_off(local, FM_LOCAL_OWNER), owner);
	fake_put64(&m->f, fake_off(elem, FM_SELEM_DATA), value);
	fake_put64(&m->f, head, elem.v);
	return elem;
}

static gva_t make_storage(struct fake_maps *m, gva_t *ret_table)
{
	gva_t map;

	fake_maps_init(m);
	map = fake_map(m, "storage", BPF_MAP_TYPE_TASK_STORAGE, 4, 8, 0);
	*ret_table = fake_alloc(&m->f, 8 * FM_BUCKET_BYTES);
	fake_put64(&m->f, fake_off(map, FM_STORAGE_BUCKETS), ret_table->v);
	fake_put(&m->f, fake_off(map, FM_STORAGE_LOG), 4, 3);
	return map;
}

static void storage_is_keyed_by_its_owner(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	const struct cap_map_report *map;
	gva_t table, at;

	(void)state;
	at = make_storage(&m, &table);
	fake_map_types(&m, at, 0, fake_u64(&m.f));
	add_storage(&m, table, 0, UINT64_C(0xffff888000aaaa00), 11);
	add_storage(&m, table, 7, UINT64_C(0xffff888000bbbb00), 22);
	add_storage(&m, table, 7, UINT64_C(0xffff888000cccc00), 33);
	r = fake_maps_dump(&m, NULL);
	map = only(r);
	assert_null(map->error);
	assert_int_equal(map->nr_entries, 3);
	assert_int_equal(map->entry[0].key->kind, CAP_PTR);
	assert_true(map->entry[0].key->p.value == UINT64_C(0xffff888000aaaa00));
	assert_memory_equal(map->entry[0].key_data, "\x00\xaa\xaa\x00\x80\x88\xff\xff", 8);
	assert_int_equal(map->entry[0].key_len, 8);
	assert_true(map->entry[0].value->u == 11);
	assert_true(map->entry[1].value->u == 33);
	assert_true(map->entry[2].value->u == 22);
	fake_maps_done(&m, r);
}

static void storage_that_loops_or_ends_nowhere_is_said(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	gva_t table, elem;

	(void)state;
	(void)make_storage(&m, &table);
	elem = add_storage(&m, table, 1, 1, 11);
	fake_put64(&m.f, elem, elem.v);
	fake_put64(&m.f, add_storage(&m, table, 2, 2, 22), 12345);
	r = fake_maps_dump(&m, NULL);
	assert_int_equal(only(r)->nr_entries, 2);
	assert_int_equal(only(r)->entry[0].value->kind, CAP_BYTES);
	assert_error(only(r), "1 chains of buckets lead back to an element seen before; 1 chains "
			      "of buckets end in unreadable memory");
	fake_maps_done(&m, r);
}

static void a_number_of_buckets_that_cannot_be_is_refused(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	gva_t table, map;

	(void)state;
	map = make_storage(&m, &table);
	fake_put(&m.f, fake_off(map, FM_STORAGE_LOG), 4, 200);
	r = fake_maps_dump(&m, NULL);
	assert_error(only(r), "2^200 buckets are too many to be true");
	fake_maps_done(&m, r);
}

/* ---- rings ---- */

static gva_t make_ring(struct fake_maps *m, uint64_t mask, uint64_t consumer, uint64_t producer)
{
	gva_t map, rb;

	fake_maps_init(m);
	map = fake_map(m, "ring", BPF_MAP_TYPE_RINGBUF, 0, 0, 4096);
	rb = fake_vmalloc(&m->f, 12288);
	fake_put64(&m->f, fake_off(map, FM_RING_RB), rb.v);
	fake_put64(&m->f, fake_off(rb, FM_RB_MASK), mask);
	fake_put64(&m->f, fake_off(rb, FM_RB_CONSUMER), consumer);
	fake_put64(&m->f, fake_off(rb, FM_RB_PRODUCER), producer);
	return rb;
}

static void a_ring_tells_what_is_pending(void **state)
{
	struct fake_maps m;
	struct cap_report *r;

	(void)state;
	make_ring(&m, 4095, UINT64_MAX - 15, 16);
	r = fake_maps_dump(&m, NULL);
	assert_true(only(r)->ringbuf->capacity == 4096);
	assert_true(only(r)->ringbuf->pending_bytes == 32);
	assert_null(only(r)->error);
	fake_maps_done(&m, r);
}

static void a_ring_without_a_position_has_no_numbers(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	gva_t rb;

	(void)state;
	rb = make_ring(&m, 4095, 0, 16);
	fake_unmap_page(&m.f, fake_off(rb, FM_RB_PRODUCER));
	r = fake_maps_dump(&m, NULL);
	assert_null(only(r)->ringbuf);
	assert_error(only(r), "RINGBUF producer_pos page unmapped");
	fake_maps_done(&m, r);
}

static void a_ring_whose_mask_is_all_ones_is_refused(void **state)
{
	struct fake_maps m;
	struct cap_report *r;

	(void)state;
	make_ring(&m, UINT64_MAX, 0, 16);
	r = fake_maps_dump(&m, NULL);
	assert_error(only(r), "RINGBUF mask is all ones: its capacity cannot be told");
	fake_maps_done(&m, r);
}

static void a_ring_that_is_null_is_said(void **state)
{
	struct fake_maps m;
	struct cap_report *r;

	(void)state;
	fake_maps_init(&m);
	fake_map(&m, "ring", BPF_MAP_TYPE_USER_RINGBUF, 0, 0, 4096);
	r = fake_maps_dump(&m, NULL);
	assert_error(only(r), "RINGBUF rb is NULL");
	fake_maps_done(&m, r);
}

/* ---- stacks of programs ---- */

static void stack_traces_are_cut_to_what_fits(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	const struct cap_stack_trace *s;
	gva_t map, bucket;

	(void)state;
	fake_maps_init(&m);
	map = fake_map(&m, "stacks", BPF_MAP_TYPE_STACK_TRACE, 4, 4 * 8, 8);
	fake_put(&m.f, fake_off(map, FM_STACK_NR_BUCKETS), 4, 8);
	for (unsigned i = 0; i < 2; i++) {
		bucket = fake_alloc(&m.f, 64);
		fake_put(&m.f, fake_off(bucket, FM_STACK_NR), 4, i ? 2 : 4000000000u);
		fake_put64(&m.f, fake_off(bucket, FM_STACK_DATA), UINT64_C(0xffffffff81000001));
		fake_put64(&m.f, fake_off(map, FM_STACK_BUCKETS + (2 + i * 3) * 8), bucket.v);
	}
	fake_put64(&m.f, fake_off(map, FM_STACK_BUCKETS + 7 * 8), 99);
	r = fake_maps_dump(&m, NULL);
	s = only(r)->stack_trace;
	assert_int_equal(s->n_buckets, 8);
	assert_int_equal(s->nr, 2);
	assert_int_equal(s->buckets_unreadable, 1);
	assert_int_equal(s->entry[0].bucket_id, 2);
	assert_true(s->entry[0].nr == 4000000000u);
	assert_int_equal(s->entry[0].nr_pcs, 4);
	assert_true(s->truncated);
	assert_int_equal(s->entry[1].nr_pcs, 2);
	assert_true(s->entry[1].pc[0] == UINT64_C(0xffffffff81000001));
	fake_maps_done(&m, r);
}

static void a_stack_of_more_addresses_than_are_shown_is_truncated(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	const struct cap_stack_trace *s;
	gva_t map, bucket;

	(void)state;
	for (unsigned nr = 128; nr <= 129; nr++) {
		fake_maps_init(&m);
		map = fake_map(&m, "stacks", BPF_MAP_TYPE_STACK_TRACE, 4, 200 * 8, 1);
		fake_put(&m.f, fake_off(map, FM_STACK_NR_BUCKETS), 4, 1);
		bucket = fake_alloc(&m.f, FM_STACK_DATA + 200 * 8);
		fake_put(&m.f, fake_off(bucket, FM_STACK_NR), 4, nr);
		fake_put64(&m.f, fake_off(map, FM_STACK_BUCKETS), bucket.v);
		r = fake_maps_dump(&m, NULL);
		s = only(r)->stack_trace;
		assert_int_equal(s->nr, 1);
		assert_int_equal(s->entry[0].nr, nr);
		assert_int_equal(s->entry[0].nr_pcs, 128);
		assert_int_equal(s->truncated, nr > 128);
		fake_maps_done(&m, r);
	}
}

static void stacks_of_build_ids_have_no_addresses(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	gva_t map, bucket;

	(void)state;
	fake_maps_init(&m);
	map = fake_map(&m, "stacks", BPF_MAP_TYPE_STACK_TRACE, 4, 4 * 32, 1);
	fake_put(&m.f, fake_off(map, FM_MAP_FLAGS), 4, BPF_F_STACK_BUILD_ID);
	fake_put(&m.f, fake_off(map, FM_STACK_NR_BUCKETS), 4, 1);
	bucket = fake_alloc(&m.f, 256);
	fake_put(&m.f, fake_off(bucket, FM_STACK_NR), 4, 3);
	fake_put64(&m.f, fake_off(map, FM_STACK_BUCKETS), bucket.v);
	r = fake_maps_dump(&m, NULL);
	assert_int_equal(only(r)->stack_trace->nr, 1);
	assert_int_equal(only(r)->stack_trace->entry[0].nr_pcs, 0);
	assert_int_equal(only(r)->stack_trace->entry[0].len, 3 * 32);
	fake_maps_done(&m, r);
}

/* ---- queues ---- */

static gva_t make_queue(struct fake_maps *m, uint32_t type, uint32_t head, uint32_t tail)
{
	gva_t map;

	fake_maps_init(m);
	map = fake_map(m, "queue", type, 0, 2, 4);
	fake_put(&m->f, fake_off(map, FM_QUEUE_HEAD), 4, head);
	fake_put(&m->f, fake_off(map, FM_QUEUE_TAIL), 4, tail);
	fake_put(&m->f, fake_off(map, FM_QUEUE_SIZE), 4, 5);
	for (unsigned i = 0; i < 5; i++)
		fake_put(&m->f, fake_off(map, FM_QUEUE_ELEMENTS + i * 2), 2, 10 + i);
	return map;
}

static void assert_elements(const struct cap_map_report *m, const char *want)
{
	size_t nr = strlen(want) / 2;

	assert_int_equal(m->nr_array_entries, nr);
	for (size_t i = 0; i < nr; i++) {
		assert_int_equal(m->array_entry[i].key, i);
		assert_int_equal(m->array_entry[i].value->bytes.data[0],
				 (want[2 * i] - '0') * 10 + want[2 * i + 1] - '0');
	}
}

static void a_queue_is_shown_as_it_would_be_popped(void **state)
{
	struct fake_maps m;
	struct cap_report *r;

	(void)state;
	make_queue(&m, BPF_MAP_TYPE_QUEUE, 1, 3);
	r = fake_maps_dump(&m, NULL);
	assert_elements(only(r), "131410");
	fake_maps_done(&m, r);
	make_queue(&m, BPF_MAP_TYPE_STACK, 1, 3);
	r = fake_maps_dump(&m, NULL);
	assert_elements(only(r), "101413");
	fake_maps_done(&m, r);
	make_queue(&m, BPF_MAP_TYPE_QUEUE, 2, 2);
	r = fake_maps_dump(&m, NULL);
	assert_elements(only(r), "");
	assert_null(only(r)->error);
	fake_maps_done(&m, r);
}

static void a_queue_whose_ends_are_outside_is_refused(void **state)
{
	struct fake_maps m;
	struct cap_report *r;

	(void)state;
	make_queue(&m, BPF_MAP_TYPE_QUEUE, 5, 0);
	r = fake_maps_dump(&m, NULL);
	assert_error(only(r), "head 5 and tail 0 do not fit into 5 slots");
	fake_maps_done(&m, r);
}

/* ---- arenas ---- */

#define ARENA_KERNEL UINT64_C(0xffffc91000000000)
enum { GUARD_HALF = 32768 };

static gva_t make_arena(struct fake_maps *m, uint64_t user_start, uint32_t pages)
{
	gva_t map, vm;

	fake_maps_init(m);
	map = fake_map(m, "arena", BPF_MAP_TYPE_ARENA, 0, 0, pages);
	vm = fake_alloc(&m->f, 64);
	fake_put64(&m->f, fake_off(map, FM_ARENA_USER), user_start);
	fake_put64(&m->f, fake_off(map, FM_ARENA_VM), vm.v);
	fake_put64(&m->f, fake_off(vm, FM_VM_ADDR), ARENA_KERNEL - GUARD_HALF);
	return map;
}

static gpa_t add_arena_page(struct fake_maps *m, uint64_t user_addr, uint8_t first)
{
	gpa_t pa = fake_pages(&m->f, 1);

	*(uint8_t *)fake_ram(&m->f, pa, 1) = first;
	fake_map_page(&m->f, (gva_t){ ARENA_KERNEL + (uint32_t)user_addr }, pa, 1);
	return pa;
}

static void all_pages_of_an_arena_are_found(void **state)
{
	static const uint64_t start = UINT64_C(0x7f0000000000);
	static const uint32_t pages[] = { 0, 1, 511, 512, 5000, 700000, 1048575 };
	struct fake_maps m;
	struct cap_report *r;
	const struct cap_arena_snapshot *a;

	(void)state;
	make_arena(&m, start, 1 << 20);
	for (unsigned i = 0; i < 7; i++)
		add_arena_page(&m, start + pages[i] * (uint64_t)CAP_PAGE, (uint8_t)(i + 1));
	r = fake_maps_dump(&m, NULL);
	a = only(r)->arena;
	assert_true(a->user_vm_start == start);
	assert_true(a->kern_vm_start == ARENA_KERNEL);
	assert_true(a->declared_pages == 1 << 20);
	assert_false(a->truncated || a->span_capped);
	assert_int_equal(a->nr_pages, 7);
	for (unsigned i = 0; i < 7; i++) {
		assert_true(a->page[i].user_addr == start + pages[i] * (uint64_t)CAP_PAGE);
		assert_int_equal(a->page[i].bytes[0], i + 1);
	}
	fake_maps_done(&m, r);
}

static void an_arena_may_go_over_a_multiple_of_4_gib(void **state)
{
	static const uint64_t start = UINT64_C(0x7f00fffff000);
	struct fake_maps m;
	struct cap_report *r;
	const struct cap_arena_snapshot *a;

	(void)state;
	make_arena(&m, start, 4);
	for (unsigned i = 0; i < 6; i++) /* two more than there are */
		add_arena_page(&m, start + i * (uint64_t)CAP_PAGE, (uint8_t)(i + 1));
	r = fake_maps_dump(&m, NULL);
	a = only(r)->arena;
	assert_int_equal(a->nr_pages, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(a->page[i].user_addr == start + i * (uint64_t)CAP_PAGE);
		assert_int_equal(a->page[i].bytes[0], i + 1);
	}
	fake_maps_done(&m, r);
}

static void the_page_of_garbage_is_none_of_the_arenas(void **state)
{
	static const uint64_t start = UINT64_C(0x100000000000),
			      vmemmap = UINT64_C(0xffffea0000000000);
	struct fake_maps m;
	struct cap_report *r;
	gva_t map;
	gpa_t garbage;

	(void)state;
	map = make_arena(&m, start, 16);
	garbage = add_arena_page(&m, start + 2 * CAP_PAGE, 9);
	add_arena_page(&m, start + 3 * CAP_PAGE, 3);
	fake_map_page(&m.f, (gva_t){ ARENA_KERNEL + 5 * CAP_PAGE }, garbage, 1);
	fake_put64(&m.f, fake_static(&m.f, "vmemmap_base", 8), vmemmap);
	fake_put64(&m.f, fake_off(map, FM_ARENA_SCRATCH),
		   vmemmap + garbage.v / CAP_PAGE * FM_PAGE_BYTES);
	r = fake_maps_dump(&m, NULL);
	assert_int_equal(only(r)->arena->nr_pages, 1);
	assert_true(only(r)->arena->page[0].user_addr == start + 3 * CAP_PAGE);
	fake_maps_done(&m, r);
}

static void an_arena_that_claims_more_than_4_gib_is_capped(void **state)
{
	struct fake_maps m;
	struct cap_report *r;

	(void)state;
	make_arena(&m, UINT64_C(0x100000000000), UINT32_MAX);
	add_arena_page(&m, UINT64_C(0x1000fffff000), 7);
	r = fake_maps_dump(&m, NULL);
	assert_true(only(r)->arena->span_capped);
	assert_int_equal(only(r)->arena->nr_pages, 1);
	fake_maps_done(&m, r);
}

static void pages_beyond_the_limit_are_left_out(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	gpa_t table, data;

	(void)state;
	make_arena(&m, UINT64_C(0x100000000000), 1 << 20);
	/* one page everywhere: 4 MiB of entries in one table that is used a thousand times */
	data = add_arena_page(&m, UINT64_C(0x100000000000), 7);
	for (unsigned i = 1; i < 512; i++)
		fake_map_page(&m.f, (gva_t){ ARENA_KERNEL + i * (uint64_t)CAP_PAGE }, data, 1);
	table = (gpa_t){ m.f.root.v };
	for (unsigned level = 4; level > 2; level--)
		table.v = *fake_entry(&m.f, table.v, ARENA_KERNEL, level) &
			  UINT64_C(0xffffffffff000);
	for (unsigned i = 1; i < 512; i++)
		*fake_entry(&m.f, table.v, ARENA_KERNEL + i * UINT64_C(0x200000), 2) =
			*fake_entry(&m.f, table.v, ARENA_KERNEL, 2);
	r = fake_maps_dump(&m, NULL);
	assert_true(only(r)->arena->truncated);
	assert_int_equal(only(r)->arena->nr_pages, 4096 + 256);
	fake_maps_done(&m, r);
}

static void an_arena_is_read_by_its_users_addresses(void **state)
{
	static const uint64_t start = UINT64_C(0x7f00fffff000);
	struct fake_maps m;
	struct cap_arena a = { .kern_vm_start = { ARENA_KERNEL },
			       .user_vm_start = start,
			       .nr_pages = 3 };
	uint8_t b = 0;

	(void)state;
	make_arena(&m, start, 3);
	for (unsigned i = 0; i < 4; i += 2)
		add_arena_page(&m, start + i * (uint64_t)CAP_PAGE, (uint8_t)(i + 1));
	fake_open(&m.f);
	assert_int_equal(cap_arena_read(m.f.g, &a, start, &b, 1), 0);
	assert_int_equal(b, 1);
	assert_int_equal(cap_arena_read(m.f.g, &a, start + 2 * CAP_PAGE, &b, 1), 0);
	assert_int_equal(b, 3);
	/* low halves count */
	assert_int_equal(cap_arena_read(m.f.g, &a, 1 * CAP_PAGE, &b, 1), 0);
	assert_int_equal(b, 3);
	assert_int_equal(cap_arena_read(m.f.g, &a, start + CAP_PAGE, &b, 1), -EFAULT);
	assert_int_equal(cap_arena_read(m.f.g, &a, start + 3 * CAP_PAGE, &b, 1), -EFAULT);
	assert_int_equal(cap_arena_read(m.f.g, &a, start - 1, &b, 1), -EFAULT);
	assert_int_equal(cap_arena_read(m.f.g, &a, start + 3 * CAP_PAGE - 1, &b, 2), -EFAULT);
	a.kern_vm_start.v = 0;
	assert_int_equal(cap_arena_read(m.f.g, &a, start, &b, 1), -EFAULT);
	fake_maps_done(&m, NULL);
}

/* ---- slots ---- */

static void taken_slots_are_told(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	const struct cap_fd_array *fd;
	gva_t map;

	(void)state;
	fake_maps_init(&m);
	map = fake_map(&m, "progs", BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 400);
	for (unsigned i = 0; i < 3; i++)
		fake_put64(&m.f, fake_off(map, FM_ARRAY_VALUE + (5 + i * 100) * 8), 1);
	r = fake_maps_dump(&m, NULL);
	fd = only(r)->fd_array;
	assert_int_equal(fd->populated, 3);
	assert_int_equal(fd->scanned, 400);
	assert_int_equal(fd->nr_indices, 3);
	assert_int_equal(fd->index[1], 105);
	assert_false(fd->truncated || fd->indices_truncated);
	fake_maps_done(&m, r);
}

static void slots_beyond_the_limits_are_said(void **state)
{
	struct fake_maps m;
	struct cap_report *r;
	const struct cap_fd_array *fd;
	gva_t map, more;

	(void)state;
	fake_maps_init(&m);
	map = fake_map(&m, "progs", BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 5000);
	more = fake_alloc(&m.f, 9 * CAP_PAGE); /* right behind it */
	assert_true(more.v == map.v + CAP_PAGE);
	for (unsigned i = 0; i < 5000; i++)
		fake_put64(&m.f, fake_off(map, FM_ARRAY_VALUE + i * 8), 1);
	r = fake_maps_dump(&m, NULL);
	fd = only(r)->fd_array;
	assert_int_equal(fd->populated, 4096);
	assert_int_equal(fd->nr_indices, 1024);
	assert_true(fd->truncated);
	assert_true(fd->indices_truncated);
	fake_maps_done(&m, r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(storage_is_keyed_by_its_owner),
		cmocka_unit_test(storage_that_loops_or_ends_nowhere_is_said),
		cmocka_unit_test(a_number_of_buckets_that_cannot_be_is_refused),
		cmocka_unit_test(a_ring_tells_what_is_pending),
		cmocka_unit_test(a_ring_without_a_position_has_no_numbers),
		cmocka_unit_test(a_ring_whose_mask_is_all_ones_is_refused),
		cmocka_unit_test(a_ring_that_is_null_is_said),
		cmocka_unit_test(stack_traces_are_cut_to_what_fits),
		cmocka_unit_test(a_stack_of_more_addresses_than_are_shown_is_truncated),
		cmocka_unit_test(stacks_of_build_ids_have_no_addresses),
		cmocka_unit_test(a_queue_is_shown_as_it_would_be_popped),
		cmocka_unit_test(a_queue_whose_ends_are_outside_is_refused),
		cmocka_unit_test(all_pages_of_an_arena_are_found),
		cmocka_unit_test(an_arena_may_go_over_a_multiple_of_4_gib),
		cmocka_unit_test(the_page_of_garbage_is_none_of_the_arenas),
		cmocka_unit_test(an_arena_that_claims_more_than_4_gib_is_capped),
		cmocka_unit_test(pages_beyond_the_limit_are_left_out),
		cmocka_unit_test(an_arena_is_read_by_its_users_addresses),
		cmocka_unit_test(taken_slots_are_told),
		cmocka_unit_test(slots_beyond_the_limits_are_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
