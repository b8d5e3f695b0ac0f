/* SPDX-License-Identifier: GPL-2.0-only */
/* The probe's variables in a fake guest: found through its map and types, then only read. */
#include "tests/unit/fake_sched.h"

struct s_map {
	uint64_t ops;
	uint32_t map_type, key_size, value_size, max_entries, map_flags, btf_key_type_id,
		btf_value_type_id, pad;
	uint64_t btf;
	char name[16];
};
struct s_btf {
	uint64_t data, base_btf;
	uint32_t data_size, kernel_btf;
	char name[56];
};
struct s_idr {
	uint64_t xa_head;
	uint32_t base;
};
enum { CPUS = 4, STRIDE = 128, VALUE_BYTES = 64 + CPUS * 15 * STRIDE, VALUE_AT = 256 };
/* Where the probe has its variables, here. */
enum { LATCH = 8, KIND = 12, DEPTH = 16, ABORTING = 20, TIMEOUT = 24, SCHED = 32, COUNTERS = 64 };

struct probe_test {
	struct fake_guest f;
	struct fake_sched s;
	gva_t map, value;
};

/* ---- types of the kernel, and of the probe ---- */

static void map_types(struct fake_guest *f)
{
	int u64 = fake_u64(f), u32 = fake_u32(f), name = fake_char_array(f, 16),
	    long_name = fake_char_array(f, 56), array, map, bytes, slots, rt,
	    u8 = fake_int(f, "unsigned char", 1, 0);

	bytes = fake_array(f, u8, 0);
	slots = fake_array(f, u64, 64);
	map = FAKE_STRUCT(f, "bpf_map", struct s_map, M(struct s_map, map_type, u32),
			  M(struct s_map, key_size, u32), M(struct s_map, value_size, u32),
			  M(struct s_map, max_entries, u32), M(struct s_map, map_flags, u32),
			  M(struct s_map, btf_key_type_id, u32),
			  M(struct s_map, btf_value_type_id, u32), M(struct s_map, btf, u64),
			  M(struct s_map, name, name));
	array = fake_struct(
		f, "bpf_array", VALUE_AT,
		(const struct fake_row[]){ { "map", map, 0 }, { "value", bytes, VALUE_AT } }, 2);
	assert_true(array > 0);
	(void)FAKE_STRUCT(f, "btf", struct s_btf, M(struct s_btf, data, u64),
			  M(struct s_btf, base_btf, u64), M(struct s_btf, data_size, u32),
			  M(struct s_btf, kernel_btf, u32), M(struct s_btf, name, long_name));
	rt = fake_struct(f, "xarray", 8, (const struct fake_row[]){ { "xa_head", u64, 0 } }, 1);
	(void)fake_struct(f, "idr", sizeof(struct s_idr),
			  (const struct fake_row[]){ { "idr_rt", rt, 0 }, { "idr_base", u32, 8 } },
			  2);
	(void)fake_struct(f, "xa_node", 8 + 64 * 8,
			  (const struct fake_row[]){ { "shift", u8, 0 }, { "slots", slots, 8 } },
			  2);
}

static void add_variable(struct btf *btf, const char *name, int type)
{
	assert_true(btf__add_var(btf, name, BTF_VAR_GLOBAL_ALLOCATED, type) > 0);
}

/* Returns the id of the section. */
static uint32_t probe_types(struct btf *btf, uint32_t counters_bytes)
{
	static const struct {
		const char *name;
		bool wide;
		uint32_t offset;
	} variables[] = {
		{ "ktstr_err_exit_detected", false, LATCH },
		{ "ktstr_exit_kind_snap", false, KIND },
		{ "ktstr_exit_bypass_depth", false, DEPTH },
		{ "ktstr_exit_aborting", false, ABORTING },
		{ "ktstr_exit_watchdog_timeout", true, TIMEOUT },
		{ "ktstr_exit_sched_kva", true, SCHED },
	};
	enum { NR = sizeof(variables) / sizeof(variables[0]) };
	int u32 = btf__add_int(btf, "unsigned int", 4, 0);
	int u64 = btf__add_int(btf, "unsigned long", 8, 0);
	int array = btf__add_array(btf, u32, u64, counters_bytes / 8), first, section;

	first = (int)btf__type_cnt(btf);
	for (size_t i = 0; i < NR; i++)
		add_variable(btf, variables[i].name, variables[i].wide ? u64 : u32);
	add_variable(btf, "ktstr_pcpu_counters", array);
	section = btf__add_datasec(btf, ".bss", VALUE_BYTES);
	assert_true(section > 0);
	for (int i = 0; i < NR; i++)
		assert_int_equal(btf__add_datasec_var_info(btf, first + i, variables[i].offset,
							   variables[i].wide ? 8 : 4),
				 0);
	assert_int_equal(btf__add_datasec_var_info(btf, first + NR, COUNTERS, counters_bytes), 0);
	return (uint32_t)section;
}

/* ---- in memory ---- */

static gva_t put_btf(struct fake_guest *f, uint32_t counters_bytes, uint32_t *ret_section)
{
	struct btf *btf = btf__new_empty();
	gva_t kernel = fake_alloc(f, sizeof(struct s_btf)), blob;
	const void *data;
	uint32_t len;

	*ret_section = probe_types(btf, counters_bytes);
	data = btf__raw_data(btf, &len);
	blob = fake_vmalloc(f, len);
	fake_write(f, blob, data, len);
	fake_put64(f, at(kernel, struct s_btf, data), blob.v);
	fake_put(f, at(kernel, struct s_btf, data_size), 4, len);
	btf__free(btf);
	return kernel;
}

static void make(struct probe_test *t, uint32_t counters_bytes)
{
	uint32_t section;
	gva_t idr, btf;

	memset(t, 0, sizeof(*t));
	fake_init(&t->f, &(struct fake_opts){ .cpus = 2 });
	fake_sched_init(&t->s, &t->f, FAKE_SCHED_ROOT);
	map_types(&t->f);
	btf = put_btf(&t->f, counters_bytes, &section);
	t->map = fake_vmalloc(&t->f, VALUE_AT + VALUE_BYTES);
	t->value = (gva_t){ t->map.v + VALUE_AT };
	fake_put(&t->f, at(t->map, struct s_map, map_type), 4, 2);
	fake_put(&t->f, at(t->map, struct s_map, key_size), 4, 4);
	fake_put(&t->f, at(t->map, struct s_map, value_size), 4, VALUE_BYTES);
	fake_put(&t->f, at(t->map, struct s_map, max_entries), 4, 1);
	fake_put(&t->f, at(t->map, struct s_map, btf_value_type_id), 4, section);
	fake_put64(&t->f, at(t->map, struct s_map, btf), btf.v);
	fake_write(&t->f, at(t->map, struct s_map, name), "probe_bp.bss", 12);
	idr = fake_static(&t->f, "map_idr", sizeof(struct s_idr));
	fake_put64(&t->f, idr, t->map.v); /* the only one, with id 0 */
}

static void count(struct probe_test *t, unsigned cpu, unsigned slot, int64_t v)
{
	fake_put64(&t->f, (gva_t){ t->value.v + COUNTERS + (cpu * 15 + slot) * STRIDE },
		   (uint64_t)v);
}

/* ---- tests ---- */

static void the_latch_is_read_where_the_types_say(void **state)
{
	struct cap_probe_counters c;
	struct probe_test t;

	(void)state;
	make(&t, CPUS * 15 * STRIDE);
	count(&t, 0, CAP_PC_PROBE_COUNT, 100);
	count(&t, 1, CAP_PC_PROBE_COUNT, 11);
	count(&t, 1, CAP_PC_TRIGGER_COUNT, 1);
	count(&t, 0, CAP_PC_META_MISS, -5); /* only what is positive counts */
	count(&t, 2, CAP_PC_PROBE_COUNT, 1000); /* of a CPU that this guest does not have */
	fake_open(&t.f);
	assert_int_equal(cap_read_latch(t.f.g, &c), CAP_LATCH_NOT_TRIGGERED);
	assert_int_equal(c.slot[CAP_PC_PROBE_COUNT], 111);
	assert_int_equal(c.slot[CAP_PC_TRIGGER_COUNT], 1);
	assert_int_equal(c.slot[CAP_PC_META_MISS], 0);
	fake_put(&t.f, (gva_t){ t.value.v + LATCH }, 4, 1);
	cap_guest_forget(t.f.g);
	assert_int_equal(cap_read_latch(t.f.g, NULL), CAP_LATCH_TRIGGERED);
	fake_done(&t.f);
}

static void it_is_looked_for_until_it_is_there_and_not_again(void **state)
{
	struct probe_test t;
	uint64_t before;
	gva_t idr;

	(void)state;
	make(&t, CPUS * 15 * STRIDE);
	assert_true(cap_symbols_find(t.f.symbols, "map_idr", &idr.v));
	fake_put64(&t.f, idr, 0);
	fake_open(&t.f);
	assert_int_equal(cap_read_latch(t.f.g, NULL), CAP_LATCH_NOT_RESOLVED);
	fake_put64(&t.f, idr, t.map.v);
	cap_guest_forget(t.f.g);
	assert_int_equal(cap_read_latch(t.f.g, NULL), CAP_LATCH_NOT_TRIGGERED);
	fake_put64(&t.f, idr, 0); /* gone from the table, which is not asked again */
	cap_guest_forget(t.f.g);
	before = t.f.nr_reads;
	assert_int_equal(cap_read_latch(t.f.g, NULL), CAP_LATCH_NOT_TRIGGERED);
	assert_true(t.f.nr_reads - before <= 6); /* page tables and one page */
	fake_done(&t.f);
}

static void variables_outside_of_the_map_are_said_to_be(void **state)
{
	struct cap_probe_counters c = { .slot = { 1, 2 } };
	struct probe_test t;

	(void)state;
	make(&t, CPUS * 15 * STRIDE);
	fake_put(&t.f, at(t.map, struct s_map, value_size), 4, LATCH + 3);
	fake_open(&t.f);
	assert_int_equal(cap_read_latch(t.f.g, &c), CAP_LATCH_OUT_OF_BOUNDS);
	assert_false(c.valid);
	fake_done(&t.f);

	make(&t, 256 * 15 * STRIDE); /* the types promise more counters than the map has */
	fake_open(&t.f);
	assert_int_equal(cap_read_latch(t.f.g, &c), CAP_LATCH_NOT_TRIGGERED);
	assert_false(c.valid);
	fake_done(&t.f);
}

static void counters_of_a_good_look_survive_a_bad_one(void **state)
{
	struct cap_probe_counters c = { 0 };
	struct probe_test t;

	(void)state;
	make(&t, CPUS * 15 * STRIDE);
	count(&t, 0, CAP_PC_PROBE_COUNT, 7);
	fake_open(&t.f);
	assert_int_equal(cap_read_latch(t.f.g, &c), CAP_LATCH_NOT_TRIGGERED);
	assert_true(c.valid);
	/* the counters of CPU 1 are in a page that is gone now, the latch is not */
	fake_unmap_page(&t.f, (gva_t){ t.value.v + COUNTERS + 2 * 15 * STRIDE });
	cap_guest_forget(t.f.g);
	assert_int_equal(cap_read_latch(t.f.g, &c), CAP_LATCH_NOT_TRIGGERED);
	assert_true(c.valid);
	assert_int_equal(c.slot[CAP_PC_PROBE_COUNT], 7);
	fake_done(&t.f);
}

static void a_dump_has_the_counters_and_the_last_state(void **state)
{
	const struct cap_sched_state *s;
	struct probe_test t;
	struct cap_dump d;

	(void)state;
	make(&t, CPUS * 15 * STRIDE);
	count(&t, 1, CAP_PC_PROBE_COUNT, 9);
	fake_put(&t.f, (gva_t){ t.value.v + KIND }, 4, 1026);
	fake_put(&t.f, (gva_t){ t.value.v + DEPTH }, 4, 2);
	fake_put(&t.f, (gva_t){ t.value.v + ABORTING }, 4, 1);
	fake_put64(&t.f, (gva_t){ t.value.v + TIMEOUT }, 7500);
	fake_put64(&t.f, (gva_t){ t.value.v + SCHED }, t.s.sched.v);
	fake_put64(&t.f, t.s.root, 0); /* the scheduler is gone */
	fake_open(&t.f);
	d = fake_dump(&t.f);
	cap_dump_find_maps(&d);
	cap_dump_rqs(&d);
	cap_dump_sched_state(&d);
	cap_dump_probe_counters(&d);
	cap_dump_scx_reason(&d);
	assert_non_null(d.report->probe_counters);
	assert_int_equal(d.report->probe_counters->slot[CAP_PC_PROBE_COUNT], 9);
	s = d.report->sched_state;
	assert_non_null(s);
	assert_string_equal(s->source, "bss_snapshot");
	assert_int_equal(s->exit_kind, 1026);
	assert_int_equal(s->bypass_depth, 2);
	assert_true(s->aborting);
	assert_true(s->has_watchdog_timeout && s->watchdog_timeout == 7500);
	assert_true(s->sched_kva == t.s.sched.v);
	assert_null(d.report->scx_walker_unavailable); /* there is a state, though no root */
	fake_dump_done(&d);
	fake_done(&t.f);
}

static void a_live_state_is_preferred_until_the_kernel_has_forgotten(void **state)
{
	static const struct {
		uint32_t live, expected;
		const char *source;
	} cases[] = {
		{ 0, 0, "live" },
		{ 1024, 1024, "live" },
		{ 1, 1026, "bss_snapshot" }, /* SCX_EXIT_DONE: it is being disabled */
	};
	struct probe_test t;
	struct cap_dump d;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make(&t, CPUS * 15 * STRIDE);
		fake_put(&t.f, (gva_t){ t.value.v + KIND }, 4, 1026);
		fake_put(&t.f, at(t.s.sched, struct s_sched, exit_kind), 4, cases[i].live);
		fake_open(&t.f);
		d = fake_dump(&t.f);
		cap_dump_find_maps(&d);
		cap_dump_sched_state(&d);
		assert_non_null(d.report->sched_state);
		assert_int_equal(d.report->sched_state->exit_kind, cases[i].expected);
		assert_string_equal(d.report->sched_state->source, cases[i].source);
		assert_true(d.report->sched_state->has_watchdog_timeout);
		fake_dump_done(&d);
		fake_done(&t.f);
	}
}

static void without_the_probe_nothing_is_made_up(void **state)
{
	struct probe_test t;
	struct cap_dump d;

	(void)state;
	make(&t, CPUS * 15 * STRIDE);
	fake_write(&t.f, at(t.map, struct s_map, name), "another_.bss", 12);
	fake_put64(&t.f, t.s.root, 0);
	fake_open(&t.f);
	d = fake_dump(&t.f);
	cap_dump_find_maps(&d);
	cap_dump_sched_state(&d);
	cap_dump_probe_counters(&d);
	assert_int_equal(d.nr_maps, 1);
	assert_null(d.report->probe_counters);
	assert_null(d.report->sched_state);
	assert_int_equal(cap_read_latch(t.f.g, NULL), CAP_LATCH_NOT_RESOLVED);
	fake_dump_done(&d);
	fake_done(&t.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_latch_is_read_where_the_types_say),
		cmocka_unit_test(it_is_looked_for_until_it_is_there_and_not_again),
		cmocka_unit_test(variables_outside_of_the_map_are_said_to_be),
		cmocka_unit_test(counters_of_a_good_look_survive_a_bad_one),
		cmocka_unit_test(a_dump_has_the_counters_and_the_last_state),
		cmocka_unit_test(a_live_state_is_preferred_until_the_kernel_has_forgotten),
		cmocka_unit_test(without_the_probe_nothing_is_made_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
