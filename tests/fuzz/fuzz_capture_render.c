/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Types that were changed at will, and bytes, through the renderer, as JSON and as text. The input: changes of a BTF that
 * has every kind, with a zero at their end; a slot and a cast; then the bytes, of which the guest's memory is made too.
 */
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "capture/alloc.h"

#define DIRECT UINT64_C(0xffff888000000000) /* without symbols, where the guest's memory is */
#define USER_VM_START (UINT64_C(1) << 44)
enum { RAM_BYTES = 1 << 15, POOL_BYTES = 2 << 20, KVA = 0x1000, CHANGES_MAX = 64, IDS_MAX = 128 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t ram[RAM_BYTES];
static uint8_t *base_btf;
static uint32_t base_len;
static struct cap_types *kernel;

static void check(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

/* ---- types of every kind ---- */

static int add_node(struct btf *b, int u64, int bytes)
{
	int node = btf__add_struct(b, "node", 32);

	btf__add_field(b, "value", u64, 0, 0);
	btf__add_field(b, "next", node + 1, 64, 0);
	btf__add_field(b, "text", bytes, 128, 0);
	return btf__add_ptr(b, node);
}

static int add_mask(struct btf *b, int u64, int u32)
{
	int bits = btf__add_array(b, u32, u64, 16), mask = btf__add_struct(b, "bpf_cpumask", 136);

	btf__add_field(b, "cpumask", bits, 0, 0);
	return btf__add_ptr(b, mask);
}

static void add_structs(struct btf *b, int u64, int u32, int bytes)
{
	int node_ptr = add_node(b, u64, bytes), mask_ptr = add_mask(b, u64, u32);
	int fwd_ptr = btf__add_ptr(b, btf__add_fwd(b, "hidden", BTF_FWD_STRUCT));
	int state = btf__add_enum(b, "state", 4), either;

	btf__add_enum_value(b, "NONE", 0);
	btf__add_enum_value(b, "BAD", -1);
	either = btf__add_union(b, NULL, 16);
	btf__add_field(b, "mask", mask_ptr, 0, 0);
	btf__add_field(b, "to_fwd", fwd_ptr, 64, 0);
	btf__add_field(b, "choice", state, 0, 7);
	btf__add_struct(b, "ctx", 64);
	btf__add_field(b, NULL, either, 0, 0);
	btf__add_field(b, "flag", u32, 128, 3);
	btf__add_field(b, "fwd", fwd_ptr, 192, 0);
	btf__add_field(b, "list", node_ptr, 256, 0);
	btf__add_field(b, "cast", u64, 320, 0);
	btf__add_field(b, "mask_ptr", mask_ptr, 384, 0);
}

static void add_others(struct btf *b, int u32)
{
	int f = btf__add_float(b, "double", 8), big = btf__add_enum64(b, "big", 8, true), v, w, id;

	btf__add_enum64_value(b, "HUGE", 1ULL << 63);
	id = btf__add_typedef(b, "alias", big);
	id = btf__add_const(b, btf__add_volatile(b, btf__add_restrict(b, id)));
	id = btf__add_type_tag(b, "kptr", id);
	btf__add_decl_tag(b, "tag", id, -1);
	btf__add_int(b, "__int128", 16, 0);
	btf__add_int(b, "bool", 1, BTF_INT_BOOL);
	btf__add_array(b, u32, f, 0);
	btf__add_ptr(b, 0);
	btf__add_func(b, "f", BTF_FUNC_STATIC, btf__add_func_proto(b, u32));
	v = btf__add_var(b, "one", BTF_VAR_STATIC, id);
	w = btf__add_var(b, "two", BTF_VAR_STATIC, u32);
	btf__add_datasec(b, ".bss", 64);
	btf__add_datasec_var_info(b, v, 0, 8);
	btf__add_datasec_var_info(b, w, 8, 4);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct btf *b = btf__new_empty();
	const void *raw;
	int u32, u64, c;

	(void)argc;
	(void)argv;
	libbpf_set_print(NULL); /* what it refuses, and why */
	u32 = btf__add_int(b, "u32", 4, 0);
	u64 = btf__add_int(b, "u64", 8, 0);
	c = btf__add_int(b, "char", 1, BTF_INT_CHAR);
	add_structs(b, u64, u32, btf__add_array(b, u32, c, 16));
	add_others(b, u32);
	raw = btf__raw_data(b, &base_len);
	check(raw, "the types");
	base_btf = malloc(base_len);
	check(base_btf, "memory");
	memcpy(base_btf, raw, base_len);
	check(cap_types_parse(raw, base_len, "f", &kernel, NULL) == 0, "the kernel's types");
	btf__free(b);
	return 0;
}

/* ---- the input ---- */

struct input {
	const uint8_t *data;
	size_t len;
};

static uint64_t take(struct input *in, size_t bytes)
{
	uint64_t v = 0;
	size_t n = in->len < bytes ? in->len : bytes;

	if (n)
		memcpy(&v, in->data, n);
	in->data += n;
	in->len -= n;
	return v;
}

/* Only words are changed whole: names and ids that libbpf refuses are seen soon enough. */
static struct btf *take_types(struct input *in)
{
	uint8_t *blob = calloc(1, base_len);
	struct btf *b;

	check(blob, "memory");
	memcpy(blob, base_btf, base_len);
	for (int i = 0; i < CHANGES_MAX && in->len; i++) {
		size_t bytes = take(in, 1) % 5, at = take(in, 2) % (base_len - 4);
		uint64_t v = take(in, bytes);

		if (!bytes)
			break;
		memcpy(blob + at, &v, bytes);
	}
	b = btf__new(blob, base_len);
	free(blob);
	return b;
}

/* The rest, over and over; words that say so become pointers into the arena and into the kernel's memory. */
static void fill_ram(const struct input *in)
{
	struct input rest = { 0 };
	uint64_t v;

	for (size_t at = 0; at < RAM_BYTES; at += sizeof(v)) {
		if (!rest.len)
			rest = *in;
		v = take(&rest, sizeof(v));
		if (v >> 56 == 0xee)
			v = USER_VM_START + v % RAM_BYTES;
		else if (v >> 56 == 0xdd)
			v = DIRECT + v % RAM_BYTES;
		memcpy(ram + at, &v, sizeof(v));
	}
}

static int read_pa(void *ctx, gpa_t gpa, void *buf, size_t len)
{
	(void)ctx;
	if (gpa.v > RAM_BYTES || len > RAM_BYTES - gpa.v)
		return -14;
	memcpy(buf, ram + gpa.v, len);
	return 0;
}

/* ---- all of it ---- */

static void show(const struct cap_value *v)
{
	kt_auto(buf) struct kt_buf json = { 0 }, text = { 0 };
	struct kt_json j;

	kt_json_init(&j, &json, true);
	cap_value_json(&j, NULL, v);
	kt_json_finish(&j);
	cap_value_text(v, 4, 100, &text);
	check(kt_buf_ok(&json) && kt_buf_ok(&text) && json.len && text.len, "shown");
}

static void render_all(struct cap_dump *d, const struct cap_btf *b, const struct cap_arena *arena,
		       const struct input *in)
{
	kt_auto(cap_pool) struct cap_pool *pool = NULL;
	uint32_t nr = btf__type_cnt(b->btf);

	check(cap_pool_create(POOL_BYTES, &pool) == 0, "memory");
	d->pool = pool;
	for (uint32_t id = 0; id < nr && id < IDS_MAX; id++) {
		struct cap_render r = {
			.g = d->g, .btf = b, .d = d, .arena = arena, .nr_cpu_ids = id
		};
		struct cap_value v = { .kind = CAP_KIND_NR };
		size_t len = in->len < 256 ? in->len : 256;

		r.pool = pool;
		/* Of the guest's memory, where words are pointers. */
		cap_render(&r, id, ram, len, &v);
		check(v.kind < CAP_KIND_NR, "a value");
		show(&v);
	}
}

static struct cap_cast_row take_cast(struct input *in)
{
	struct cap_cast_row row = { .parent = (uint32_t)take(in, 1) };

	row.offset = (uint32_t)take(in, 1);
	row.cast.arena = take(in, 1) & 1;
	row.cast.target_type_id = (uint32_t)take(in, 1);
	if (!row.cast.target_type_id)
		row.cast.target_name = "ctx";
	return row;
}

static struct cap_slot take_slot(struct input *in)
{
	struct cap_slot slot = { .user_addr = take(in, 2) % RAM_BYTES, .btf_kva = { KVA } };

	slot.header_bytes = (uint32_t)take(in, 1);
	slot.elem_bytes = take(in, 2);
	slot.type_id = (uint32_t)take(in, 1);
	return slot;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cap_arena arena = { .map_kva = { 1 },
						.kern_vm_start = { DIRECT },
						.user_vm_start = USER_VM_START,
						.nr_pages = RAM_BYTES / CAP_PAGE };
	struct input in = { data, size };
	struct btf *btf = take_types(&in);
	struct cap_btf b = { .kva = { KVA }, .btf = btf };
	struct cap_cast_row row = take_cast(&in);
	struct cap_slot slot = take_slot(&in);
	struct cap_object object = { .btf = btf, .row = &row, .nr_rows = 1 };
	struct cap_objects objects = { .object = &object, .nr = 1 };
	const struct cap_guest_config config = { .mem = { read_pa, NULL },
						 .types = kernel,
						 .has_phys_base = true,
						 .objects = &objects };
	const struct cap_dump_opts opts = { 0 };
	struct cap_report report = { 0 };
	struct cap_dump d = { .opts = &opts, .report = &report };

	if (!btf)
		return -1;
	fill_ram(&in);
	check(cap_guest_open(&config, &d.g, NULL) == 0, "the guest");
	cap_slots_add(cap_slots_of(&d), &slot);
	cap_slots_ready(d.slots);
	render_all(&d, &b, &arena, &in);
	cap_slots_free(d.slots);
	cap_guest_free(d.g);
	btf__free(btf);
	return 0;
}
