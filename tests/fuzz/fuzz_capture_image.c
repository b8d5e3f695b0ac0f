/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's memory with any bytes changed: a report, whole, as JSON that is read back to the same JSON, and as text. The
 * input is a list of changes to one of the small guests of the unit tests, or, with KTSTR_FUZZ_IMAGE=FILE, to a saved
 * image of a real one (KTSTR_KEEP_IMAGE=1 ktstr-make test), whose vmlinux must be where it says. Or the changes are to its
 * types, which may be a guest's own word as well.
 */
#include "tests/fuzz/no_cmocka.h"

#include <json-c/json.h>

#include "base/file.h"
#include "tests/unit/fake_sched.h"
#define fake_hash_table fake_maps_hash_table
#include "tests/unit/fake_maps.h"
#undef fake_hash_table

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- what is changed ---- */

struct base {
	struct cap_guest_config c;
	uint64_t nr_pages;
	uint8_t **page; /* that may be changed */
	uint64_t *gpa; /* of each; ascending */
	uint64_t direct; /* where they are mapped */
	const void *btf; /* of its types */
	uint32_t btf_len;
};
/* In the first byte of an input: types are changed, not memory. */
enum { OF_TYPES = 0x80 };

/* One change. Pointers into the memory itself are what makes loops and confusions. */
struct change {
	uint16_t page;
	uint16_t offset; /* upper bits: how */
	uint64_t value;
} __attribute__((packed));
enum how { HOW_U64, HOW_U32, HOW_U8, HOW_POINTER, HOW_COPY, HOW_ADD, HOW_PAGE, HOW_NR };
enum { CHANGES_MAX = 64, HOW_SHIFT = 12, READ_BACK_MAX = 256 << 10 };

static int read_base(void *ctx, gpa_t gpa, void *buf, size_t len)
{
	const struct base *b = ctx;
	uint64_t low = 0, high = b->nr_pages, page = gpa.v - gpa.v % CAP_PAGE;

	if (gpa.v % CAP_PAGE + len > CAP_PAGE) {
		size_t n = CAP_PAGE - gpa.v % CAP_PAGE;
		int r = read_base(ctx, gpa, buf, n);

		return r < 0 ? r : read_base(ctx, (gpa_t){ gpa.v + n }, (char *)buf + n, len - n);
	}
	while (low < high) {
		uint64_t mid = (low + high) / 2;

		if (b->gpa[mid] == page) {
			memcpy(buf, b->page[mid] + gpa.v % CAP_PAGE, len);
			return 0;
		}
		if (b->gpa[mid] < page)
			low = mid + 1;
		else
			high = mid;
	}
	return -ENODATA;
}

static void apply(const struct base *b, const struct change *c)
{
	uint8_t *page = b->page[c->page % b->nr_pages];
	size_t offset = c->offset % CAP_PAGE & ~(size_t)7;
	const uint8_t *other = b->page[c->value / CAP_PAGE % b->nr_pages];
	uint64_t v;

	memcpy(&v, page + offset, sizeof(v));
	switch ((enum how)((c->offset >> HOW_SHIFT) % HOW_NR)) {
	case HOW_U64:
		v = c->value;
		break;
	case HOW_U32:
		memcpy((uint8_t *)&v + (c->value >> 32 & 4), &c->value, 4);
		break;
	case HOW_U8:
		memcpy((uint8_t *)&v + (c->value >> 8 & 7), &c->value, 1);
		break;
	case HOW_POINTER:
		v = b->direct + b->gpa[c->value / CAP_PAGE % b->nr_pages] + c->value % CAP_PAGE;
		break;
	case HOW_COPY:
		memcpy(&v, other + (c->value % CAP_PAGE & ~(size_t)7), sizeof(v));
		break;
	case HOW_ADD:
		v += (uint64_t)(int64_t)(int8_t)c->value * 8;
		break;
	case HOW_PAGE:
		memmove(page, other, CAP_PAGE);
		return;
	case HOW_NR:
		break;
	}
	memcpy(page + offset, &v, sizeof(v));
}

/* ---- the small guests ---- */

static void take_fake(struct base *b, struct fake_guest *f)
{
	*b = (struct base){ .direct = fake_direct(f) };
	(void)fake_types(f);
	b->c = fake_config(f);
	b->page = calloc(f->next_pa / CAP_PAGE, sizeof(*b->page));
	b->gpa = calloc(f->next_pa / CAP_PAGE, sizeof(*b->gpa));
	must(b->page && b->gpa, "memory");
	for (uint64_t pa = FAKE_IMAGE_PA; pa < f->next_pa; pa += CAP_PAGE) {
		/* Most of the image is empty: what is not, and what comes behind it. */
		if (pa >= FAKE_IMAGE_PA + 8 * CAP_PAGE && pa < FAKE_IMAGE_PA + FAKE_IMAGE_BYTES)
			continue;
		b->page[b->nr_pages] = f->ram + pa;
		b->gpa[b->nr_pages++] = pa;
	}
}

static void make_sched(struct base *b, enum fake_sched_kind kind)
{
	static struct fake_guest f[2];
	struct fake_sched s;
	struct fake_guest *g = &f[kind];

	fake_init(g, NULL);
	fake_sched_init(&s, g, kind);
	for (int32_t n = 0; n < 6; n++) {
		gva_t t = fake_task(&s, 100 + n, "worker");
		gva_t rq = fake_rq(&s, (unsigned)n % 2);

		fake_link(g, at(rq, struct s_rq, scx.runnable_list),
			  at(t, struct s_task, scx.runnable_node));
	}
	(void)fake_user_dsq(g, fake_hash_table(&s), 1, 0x1234);
	take_fake(b, g);
}

static void make_maps(struct base *b)
{
	static struct fake_maps m;
	gva_t map, table;

	fake_maps_init(&m);
	map = fake_map(&m, "counts", BPF_MAP_TYPE_HASH, 4, 8, 64);
	table = fake_maps_hash_table(&m, map, 8);
	for (uint32_t n = 0; n < 12; n++)
		(void)fake_hash_elem(&m, table, n % 8, n, n * 10);
	map = fake_map(&m, "one.bss", BPF_MAP_TYPE_ARRAY, 4, 64, 1);
	fake_map_types(&m, map, 0, fake_u64(&m.f));
	for (uint32_t type = BPF_MAP_TYPE_HASH; type <= BPF_MAP_TYPE_ARENA; type++)
		(void)fake_map(&m, "of_a_type", type, 4, 8, 16);
	take_fake(b, &m.f);
}

/* ---- a saved image; no more of its format is known here than is needed (vmm/image_file.c) ---- */

struct image_header {
	char magic[8];
	uint32_t version, page_bytes, nr_pieces, notes_bytes;
	uint64_t nr_pages;
};

static void take_notes(struct base *b, const char *text)
{
	static struct cap_vcpu_regs vcpu[1];
	struct json_object *notes = json_tokener_parse(text), *v, *list, *first;
	struct cap_symbols *symbols = NULL;
	struct cap_types *types = NULL;
	struct kt_err e = { 0 };

	must(json_object_object_get_ex(notes, "vmlinux", &v), "vmlinux");
	if (cap_symbols_create(&symbols, &e) < 0 ||
	    cap_types_load(json_object_get_string(v), &types, &e) < 0)
		fail_msg("%s\n", unit_err_text(&e));
	must(json_object_object_get_ex(notes, "symbols", &list), "symbols");
	for (size_t n = 0; n < json_object_array_length(list); n++) {
		const char *line = json_object_get_string(json_object_array_get_idx(list, n));

		must(cap_symbols_add(symbols, strchr(line, ' ') + 1, strtoull(line, NULL, 16)) == 0,
		     "a symbol");
	}
	b->c.types = types;
	b->c.symbols = symbols;
	b->c.has_phys_base = json_object_object_get_ex(notes, "phys_base", &v);
	if (b->c.has_phys_base)
		b->c.phys_base = json_object_get_uint64(v);
	if (json_object_object_get_ex(notes, "vcpus", &list) &&
	    (first = json_object_array_get_idx(list, 0)) &&
	    json_object_object_get_ex(first, "cr3", &v)) {
		vcpu[0] = (struct cap_vcpu_regs){ .valid = true,
						  .page_table_root = json_object_get_uint64(v) };
		b->c.vcpus = vcpu;
		b->c.nr_vcpus = 1;
	}
	if (json_object_object_get_ex(notes, "program", &v) && json_object_get_string(v)) {
		struct cap_objects *objects = NULL;

		(void)cap_objects_load(json_object_get_string(v), &objects, NULL);
		b->c.objects = objects;
	}
	json_object_put(notes);
}

static void make_image(struct base *b, const char *path)
{
	static struct kt_buf file;
	struct image_header h;
	struct kt_err e = { 0 };
	size_t at;
	uint64_t base = 0, where;

	if (kt_file_read(path, 512 << 20, &file, &e) < 0)
		fail_msg("%s\n", unit_err_text(&e));
	memcpy(&h, file.data, sizeof(h));
	must(h.version == 2 && h.page_bytes == CAP_PAGE, "an image");
	at = sizeof(h) + h.nr_pieces * 24;
	b->nr_pages = h.nr_pages;
	b->gpa = calloc(h.nr_pages, sizeof(*b->gpa));
	b->page = calloc(h.nr_pages, sizeof(*b->page));
	must(b->gpa && b->page, "memory");
	for (uint64_t n = 0; n < h.nr_pages; n++) {
		memcpy(&b->gpa[n], file.data + at + n * 8, 8);
		b->gpa[n] *= CAP_PAGE;
		b->page[n] = (uint8_t *)file.data + at + h.nr_pages * 8 + n * CAP_PAGE;
	}
	take_notes(b, file.data + file.len - h.notes_bytes);
	b->c.mem = (struct mem_source){ read_base, b };
	if (cap_symbols_find(b->c.symbols, "page_offset_base", &where) && b->c.has_phys_base &&
	    read_base(b, (gpa_t){ where - CAP_KERNEL_MAP + b->c.phys_base }, &base, 8) == 0)
		b->direct = base;
}

/* ---- one input ---- */

static const struct base *choose(const uint8_t **data, size_t *size, bool *ret_types)
{
	static struct base bases[4];
	static bool real;
	unsigned n = 0;

	if (!bases[0].nr_pages) {
		const char *image = getenv("KTSTR_FUZZ_IMAGE");

		real = image != NULL;
		if (image) {
			make_image(&bases[0], image);
		} else {
			make_sched(&bases[0], FAKE_SCHED_ROOT);
			make_sched(&bases[1], FAKE_SCHED_GLOBALS);
			make_maps(&bases[2]);
		}
		for (size_t k = 0; k < (real ? 1 : 3); k++) {
			bases[k].c.mem = (struct mem_source){ read_base, &bases[k] };
			bases[k].btf =
				btf__raw_data(cap_types_btf(bases[k].c.types), &bases[k].btf_len);
			must(bases[k].btf != NULL, "types");
		}
	}
	*ret_types = *size && (**data & OF_TYPES);
	if (*size) {
		n = real ? 0 : **data % OF_TYPES % 3;
		++*data;
		--*size;
	}
	return &bases[n];
}

static void read_back(const struct kt_buf *json)
{
	kt_auto(buf) struct kt_buf again = { 0 };
	struct cap_document doc = { 0 };
	struct kt_err e = { 0 };

	if (cap_document_parse(json->data, json->len, "report", &doc, &e) < 0)
		fail_msg("%s\n", unit_err_text(&e));
	must(doc.single != NULL, "a single report");
	cap_report_json(doc.single, &again);
	must(kt_buf_ok(&again) && again.len == json->len &&
		     memcmp(again.data, json->data, json->len) == 0,
	     "the same when read back");
	cap_document_done(&doc);
}

static void tell(const struct cap_guest_config *c)
{
	const struct cap_dump_opts o = { .pool_max_bytes = 32 << 20 };
	kt_auto(cap_guest) struct cap_guest *g = NULL;
	kt_auto(cap_report) struct cap_report *r = NULL;
	kt_auto(buf) struct kt_buf json = { 0 }, text = { 0 };
	struct kt_err e = { 0 };

	if (cap_guest_open(c, &g, &e) < 0) {
		must(e.kind == KT_E_GUEST, "whose fault it is");
		return;
	}
	must(cap_dump(g, &o, &r, &e) == 0, "a report");
	cap_report_json(r, &json);
	cap_report_text(r, NULL, &text);
	must(kt_buf_ok(&json) && kt_buf_ok(&text), "memory");
	if (json.len <= READ_BACK_MAX)
		read_back(&json);
}

/* Words of four bytes, which all of BTF is made of; the header is not worth it. */
static void tell_by_other_types(const struct base *b, const uint8_t *data, size_t size)
{
	enum { HEADER = 24, WORD = 4 };
	kt_auto(cap_types) struct cap_types *types = NULL;
	kt_auto(mem) uint8_t *btf = malloc(b->btf_len);
	struct cap_guest_config config = b->c;
	struct change c;

	must(btf && b->btf_len > HEADER + WORD, "memory");
	memcpy(btf, b->btf, b->btf_len);
	for (size_t n = 0; n < CHANGES_MAX && size >= sizeof(c); n++) {
		uint32_t at, word;

		memcpy(&c, data, sizeof(c));
		at = (c.page * (uint32_t)CAP_PAGE + c.offset % CAP_PAGE) %
		     (b->btf_len - HEADER - WORD);
		at = HEADER + (at & ~(uint32_t)(WORD - 1));
		memcpy(&word, btf + at, WORD);
		word = c.offset >> HOW_SHIFT & 1 ? (uint32_t)c.value : word ^ 1u << c.value % 32;
		memcpy(btf + at, &word, WORD);
		data += sizeof(c);
		size -= sizeof(c);
	}
	if (cap_types_parse(btf, b->btf_len, "the guest's kernel", &types, NULL) < 0)
		return;
	config.types = types;
	tell(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t saved[2 * CHANGES_MAX][CAP_PAGE];
	bool of_types;
	const struct base *b = choose(&data, &size, &of_types);
	struct change c[CHANGES_MAX] = { 0 };
	size_t nr = 0;

	if (of_types) {
		tell_by_other_types(b, data, size);
		return 0;
	}
	for (; nr < CHANGES_MAX && size >= sizeof(c[0]); nr++) {
		memcpy(&c[nr], data, sizeof(c[0]));
		memcpy(saved[nr], b->page[c[nr].page % b->nr_pages], CAP_PAGE);
		apply(b, &c[nr]);
		data += sizeof(c[0]);
		size -= sizeof(c[0]);
	}
	tell(&b->c);
	while (nr-- > 0)
		memcpy(b->page[c[nr].page % b->nr_pages], saved[nr], CAP_PAGE);
	return 0;
}
