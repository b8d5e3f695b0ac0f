/* SPDX-License-Identifier: GPL-2.0-only */
/* Sets of CPUs: the kernel's cpumasks and those that schedulers make of them, as "0-2,5". */
#include "capture/render.h"

/* Nothing of it is read by name while the guest stands still: sizes come with the types that are rendered. */
const struct cap_layout_desc cap_layout_cpumask = { .group = "cpumask" };

enum {
	WORD = sizeof(uint64_t),
	WORD_BITS = 64,
	RANGE_TEXT = 12, /* "8190-8191," and more */
	SCX_BITMAP_BITS_AT = 8, /* after its id in the allocator */
};

/* ---- as text ---- */

static bool is_set(const uint8_t *bits, unsigned cpu)
{
	return bits[cpu / 8] >> cpu % 8 & 1;
}

/* The next range of set bits from @from on; false: none. */
static bool next_range(const uint8_t *bits, unsigned nr, unsigned from, unsigned *ret_first,
		       unsigned *ret_last)
{
	while (from < nr && !is_set(bits, from))
		from += from % 8 == 0 && !bits[from / 8] ? 8 : 1;
	if (from >= nr)
		return false;
	*ret_first = from;
	while (from < nr && is_set(bits, from))
		from++;
	*ret_last = from - 1;
	return true;
}

static unsigned count_ranges(const uint8_t *bits, unsigned nr)
{
	unsigned ranges = 0, first, last = UINT32_MAX;

	while (next_range(bits, nr, last + 1, &first, &last))
		ranges++;
	return ranges;
}

static size_t add_number(char *text, unsigned v)
{
	char digits[RANGE_TEXT];
	size_t nr = 0;

	do {
		digits[nr++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	for (size_t i = 0; i < nr; i++)
		text[i] = digits[nr - 1 - i];
	return nr;
}

const char *cap_render_cpus(struct cap_pool *pool, const void *bits, size_t len,
			    unsigned nr_cpu_ids)
{
	unsigned nr = len < CAP_CPUS_MAX / 8 ? (unsigned)len * 8 : CAP_CPUS_MAX;
	unsigned first, last = UINT32_MAX;
	size_t at = 0;
	char *text;

	if (nr_cpu_ids && nr_cpu_ids < nr)
		nr = nr_cpu_ids;
	text = cap_alloc_raw(pool, (size_t)count_ranges(bits, nr) * RANGE_TEXT + 1);
	if (!text)
		return "";
	while (next_range(bits, nr, last + 1, &first, &last)) {
		if (at)
			text[at++] = ',';
		at += add_number(text + at, first);
		if (last > first) {
			text[at++] = '-';
			at += add_number(text + at, last);
		}
	}
	text[at] = '\0';
	return text;
}

/* ---- by its type's name ---- */

/* Those of the kernel (include/linux/cpumask_types.h, kernel/bpf/cpumask.c; 6.12) and of schedulers' libraries. */
static const struct {
	const char *name;
	uint32_t bits_at;
	bool kernel; /* pointers to it are followed into the kernel's memory */
} families[] = {
	{ "cpumask", 0, true },      { "cpumask_t", 0, true },
	{ "bpf_cpumask", 0, true },  { "scx_bitmap", SCX_BITMAP_BITS_AT, false },
	{ "llc_cpumask", 0, false },
};

/* Its row, or -1. */
static int family_of(const struct cap_walk *w, const struct btf_type *t)
{
	const char *name;

	if (!t->name_off || (!btf_is_composite(t) && !btf_is_fwd(t)))
		return -1;
	name = cap_walk_peek_name(w, t->name_off);
	if (!strchr("cbsl", *name))
		return -1;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (kt_streq(name, families[i].name))
			return (int)i;
	}
	return -1;
}

/* The bits are all of the first member; what comes after it is a count of references, or nothing. */
static uint64_t bytes_of_bits(const struct cap_walk *w, const struct btf_type *t, uint32_t bits_at)
{
	uint64_t bytes = 0;
	struct cap_type first;

	if (!bits_at && btf_vlen(t) && !cap_walk_peel(w, btf_members(t)->type, &first) &&
	    !cap_walk_bytes(w, &first, &bytes) && bytes)
		return bytes;
	return t->size > bits_at ? t->size - bits_at : 0;
}

bool cap_walk_is_cpumask(const struct cap_walk *w, const struct cap_type *t, uint64_t *ret_at,
			 uint64_t *ret_bytes)
{
	int family = family_of(w, t->t);

	if (family < 0)
		return false;
	*ret_at = families[family].bits_at;
	*ret_bytes = bytes_of_bits(w, t->t, families[family].bits_at);
	return true;
}

bool cap_walk_is_kernel_cpumask(const struct cap_walk *w, const struct cap_type *t)
{
	int family = family_of(w, t->t);

	return family >= 0 && families[family].kernel;
}

void cap_walk_cpumask(struct cap_walk *w, struct cap_slice bits, struct cap_value *ret)
{
	*ret = (struct cap_value){
		.kind = CAP_CPU_LIST,
		.cpus = cap_render_cpus(w->r->pool, bits.data, bits.len, w->r->nr_cpu_ids),
	};
}

/* ---- behind a pointer ---- */

/*
 * One with 0xff in its top byte, but no full word of CPUs: a free object of a slab has the kernel address of the next one
 * in it, which begins so.
 */
static bool looks_freed(uint64_t word)
{
	return word >> (WORD_BITS - 8) == 0xff && word != UINT64_MAX;
}

/* As much of [addr, addr + want) as is there: all, or the part in its first page. */
static size_t read_some(struct cap_guest *g, uint64_t addr, void *buf, size_t want)
{
	size_t first = CAP_PAGE - addr % CAP_PAGE;

	if (cap_guest_read(g, (gva_t){ addr }, buf, want) == 0)
		return want;
	return want > first && cap_guest_read(g, (gva_t){ addr }, buf, first) == 0 ? first : 0;
}

/* How many bytes: masks are allocated for the CPUs that there can be, not for all of the type. */
static size_t mask_bytes(const struct cap_walk *w, uint64_t bytes)
{
	uint64_t cpus = ((uint64_t)w->r->nr_cpu_ids + WORD_BITS - 1) / WORD_BITS * WORD;

	if (cpus && cpus < bytes)
		bytes = cpus;
	return bytes < RENDER_CPUMASK_BYTES ? (size_t)bytes : RENDER_CPUMASK_BYTES;
}

const char *cap_walk_read_cpumask(struct cap_walk *w, const struct cap_type *t, uint64_t addr,
				  struct cap_value *ret)
{
	uint64_t words[RENDER_CPUMASK_BYTES / WORD] = { 0 };
	uint64_t bytes = btf_is_fwd(t->t) ? 0 : bytes_of_bits(w, t->t, 0);
	size_t had, nr = 1;

	if (!bytes)
		return "kernel chase: size 0, the cpumask is only declared";
	had = read_some(w->r->g, addr, words, mask_bytes(w, bytes));
	if (had < WORD)
		return "kernel chase: read failed, nothing is mapped there";
	if (looks_freed(words[0]))
		return cap_fmt(w->r->pool, "kernel chase: not plausible, first word is 0x%016llx",
			       (unsigned long long)words[0]);
	while (nr < had / WORD && !looks_freed(words[nr]))
		nr++;
	cap_walk_cpumask(w, (struct cap_slice){ (const uint8_t *)words, nr * WORD }, ret);
	return NULL;
}
