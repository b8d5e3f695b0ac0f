/* SPDX-License-Identifier: GPL-2.0-only */
/* From bytes and a type to a value: types without modifiers, names, and what every kind begins with. */
#include "capture/render.h"

#define WHY_FULL "the report is full"
#define WHY_MANY "too many values in one"

/*
 * What is not worth doing twice in a dump, by the addresses of names and ids of types; both stay where they are until the
 * dump ends. A slot is simply overwritten by the next that falls into it.
 */
enum { MEMO_NAMES = 2048, MEMO_BODIES = 64, MEMO_KERNEL = 1024, GOLDEN = 0x9e3779b1 };
struct cap_render_memo {
	struct {
		const char *from, *copy;
	} name[MEMO_NAMES];
	struct {
		const struct btf *btf;
		uint32_t fwd;
		struct body {
			const struct btf *btf;
			uint32_t id; /* 0: none */
		} own, other;
	} body[MEMO_BODIES];
	uint64_t kernel
		[MEMO_KERNEL]; /* open addressing; never more than RENDER_KERNEL_MAX of them */
	size_t nr_kernel;
	uint64_t steps_used;
};

static struct cap_render_memo *memo_of(const struct cap_walk *w)
{
	struct cap_dump *d = w->r->d;

	if (!d)
		return NULL;
	if (!d->memo)
		d->memo = cap_alloc(w->r->pool, sizeof(*d->memo));
	return d->memo;
}

static uint32_t memo_slot(uint64_t key, uint32_t nr)
{
	return (uint32_t)(((key ^ key >> 32) * GOLDEN & UINT32_MAX) >> 16) % nr;
}

const char *cap_walk_peek_name(const struct cap_walk *w, uint32_t name_off)
{
	const char *name = name_off ? btf__name_by_offset(w->btf->btf, name_off) : NULL;

	return name ? name : "";
}

const char *cap_walk_name(const struct cap_walk *w, uint32_t name_off)
{
	const char *from = cap_walk_peek_name(w, name_off), *copy;
	struct cap_render_memo *m;
	uint32_t slot;

	if (!*from)
		return "";
	m = memo_of(w);
	slot = memo_slot((uintptr_t)from, MEMO_NAMES);
	if (m && m->name[slot].from == from)
		return m->name[slot].copy;
	copy = cap_strndup(w->r->pool, from, RENDER_NAME_BYTES);
	if (!copy)
		return "";
	if (m) {
		m->name[slot].from = from;
		m->name[slot].copy = copy;
	}
	return copy;
}

void cap_walk_unsupported(struct cap_value *ret, const char *reason)
{
	*ret = (struct cap_value){ .kind = CAP_UNSUPPORTED, .reason = reason };
}

void *cap_walk_alloc(struct cap_walk *w, uint64_t n, size_t bytes, struct cap_value *ret)
{
	void *p;

	if (n > w->values_left) {
		w->values_left = 0; /* nobody counts again */
		cap_walk_unsupported(ret, WHY_MANY);
		return NULL;
	}
	w->values_left -= (uint32_t)n;
	p = cap_alloc_array(w->r->pool, n, bytes);
	if (!p)
		cap_walk_unsupported(ret, WHY_FULL);
	return p;
}

void cap_render_bytes(struct cap_pool *pool, const void *data, size_t len, struct cap_value *ret)
{
	uint8_t *copy = len ? cap_alloc_raw(pool, len) : NULL;

	if (len && !copy) {
		cap_walk_unsupported(ret, WHY_FULL);
		return;
	}
	if (len)
		memcpy(copy, data, len);
	*ret = (struct cap_value){ .kind = CAP_BYTES, .bytes = { .data = copy, .len = len } };
}

void cap_walk_truncated(struct cap_walk *w, uint64_t needed, struct cap_slice s,
			struct cap_value *ret)
{
	struct cap_value *partial = cap_walk_alloc(w, 1, sizeof(*partial), ret);

	if (!partial)
		return;
	cap_render_bytes(w->r->pool, s.data, s.len < CAP_PAGE ? s.len : CAP_PAGE, partial);
	*ret = (struct cap_value){ .kind = CAP_TRUNCATED,
				   .t = { .needed = needed, .had = s.len, .partial = partial } };
}

/*
 * Program BTF names maps' sections; string literals of functions get one of their own, named by the linker:
 * ".rodata.str1.1", which libbpf (internal_map_name() of libbpf.c, 1.4) keeps whole, cutting the object's name before it.
 */
bool cap_is_string_section(const char *map_name)
{
	return strstr(map_name, ".rodata.str") != NULL;
}

/* ---- types ---- */

static bool is_modifier(const struct btf_type *t)
{
	return btf_is_mod(t) || btf_is_typedef(t) || btf_is_decl_tag(t);
}

const char *cap_walk_peel(const struct cap_walk *w, uint32_t type_id, struct cap_type *ret)
{
	uint32_t alias = 0;

	for (unsigned i = 0; i <= RENDER_DEPTH_MAX; i++) {
		const struct btf_type *t = btf__type_by_id(w->btf->btf, type_id);

		if (!t)
			return "type id is not in its BTF";
		if (btf_is_void(t))
			return "void";
		if (!is_modifier(t)) {
			*ret = (struct cap_type){ .id = type_id, .t = t, .alias = alias };
			return NULL;
		}
		if (btf_is_typedef(t))
			alias = t->name_off;
		type_id = t->type;
	}
	return "modifiers or typedefs that do not end";
}

/* No sum of these overflows. */
#define BYTES_MAX (1ULL << 48)

/* Bytes of one that is no array. */
static const char *own_bytes(const struct btf_type *t, uint64_t *ret)
{
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FLOAT:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
		*ret = t->size;
		return NULL;
	case BTF_KIND_PTR:
		*ret = sizeof(uint64_t);
		return NULL;
	case BTF_KIND_FWD:
		return "forward declaration without a body";
	case BTF_KIND_FUNC:
	case BTF_KIND_FUNC_PROTO:
		return "function type";
	default:
		return "a kind of type without a size";
	}
}

const char *cap_walk_bytes(const struct cap_walk *w, const struct cap_type *t, uint64_t *ret)
{
	struct cap_type at = *t;
	uint64_t bytes, nr = 1;
	const char *why;

	for (unsigned i = 0; i < RENDER_DEPTH_MAX; i++) {
		uint32_t next = at.t->type;

		if (btf_is_array(at.t)) {
			if (__builtin_mul_overflow(nr, btf_array(at.t)->nelems, &nr))
				return "array larger than memory";
			next = btf_array(at.t)->type;
		} else if (!btf_is_var(at.t)) {
			why = own_bytes(at.t, &bytes);
			if (!why && (__builtin_mul_overflow(nr, bytes, ret) || *ret > BYTES_MAX))
				why = "array larger than memory";
			return why;
		}
		why = cap_walk_peel(w, next, &at);
		if (why)
			return why;
	}
	return "arrays in arrays that do not end";
}

/* ---- what is only declared ---- */

/* Names are in a BTF once, so that the same name has the same offset; the kernel's types have a hash of their own. */
static uint32_t find_sibling(struct cap_walk *w, const struct cap_type *fwd)
{
	const struct btf *btf = w->btf->btf, *base = btf__base_btf(btf);
	unsigned kind = btf_kflag(fwd->t) ? BTF_KIND_UNION : BTF_KIND_STRUCT;
	const struct cap_types *kernel = w->r->g ? cap_guest_types(w->r->g) : NULL;
	uint32_t nr = btf__type_cnt(btf);

	for (uint32_t id = base ? btf__type_cnt(base) : 1; id < nr && w->steps_left; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		w->steps_left--;
		if (t && t->name_off == fwd->t->name_off && btf_kind(t) == kind)
			return id;
	}
	if (!kernel || (base ? base : btf) != cap_types_btf(kernel))
		return 0;
	return cap_type_find(kernel, cap_walk_peek_name(w, fwd->t->name_off), kind);
}

static struct body find_other(const struct cap_walk *w, const struct cap_type *fwd)
{
	const struct cap_objects *objects = w->r->g ? cap_guest_objects(w->r->g) : NULL;
	struct body b = { 0 };

	if (objects)
		(void)cap_objects_find_struct(objects, cap_walk_peek_name(w, fwd->t->name_off),
					      &b.btf, &b.id); /* false: it stays none */
	return b;
}

uint32_t cap_walk_body(struct cap_walk *w, const struct cap_type *fwd, bool other,
		       const struct btf **ret_btf)
{
	struct cap_render_memo *m = memo_of(w);
	uint32_t slot = memo_slot((uintptr_t)w->btf->btf + fwd->id, MEMO_BODIES);
	struct body own = { .btf = w->btf->btf }, others = { 0 };

	if (!fwd->t->name_off)
		return 0;
	if (m && m->body[slot].btf == w->btf->btf && m->body[slot].fwd == fwd->id) {
		own = m->body[slot].own;
		others = m->body[slot].other;
	} else {
		own.id = find_sibling(w, fwd);
		if (!own.id)
			others = find_other(w, fwd);
	}
	if (m) {
		m->body[slot].btf = w->btf->btf;
		m->body[slot].fwd = fwd->id;
		m->body[slot].own = own;
		m->body[slot].other = others;
	}
	*ret_btf = other ? others.btf : own.btf;
	return other ? others.id : own.id;
}

const char *cap_walk_show_kernel(struct cap_walk *w, uint64_t addr)
{
	struct cap_render_memo *m = memo_of(w);
	uint32_t slot = memo_slot(addr, MEMO_KERNEL);

	if (!m)
		return WHY_FULL;
	for (; m->kernel[slot]; slot = (slot + 1) % MEMO_KERNEL) {
		if (m->kernel[slot] == addr)
			return "already rendered elsewhere";
	}
	if (m->nr_kernel >= RENDER_KERNEL_MAX)
		return "too many structs of the kernel in one dump";
	m->kernel[slot] = addr;
	m->nr_kernel++;
	return NULL;
}

/* ---- values ---- */

static void walk_fwd(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		     struct cap_slice s, struct cap_value *ret)
{
	const char *why = cap_fmt(w->r->pool, "forward declaration without a body: %.64s",
				  cap_walk_peek_name(w, t->t->name_off));

	(void)place;
	(void)s;
	cap_walk_unsupported(ret, why);
}

static void walk_func(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		      struct cap_slice s, struct cap_value *ret)
{
	(void)w;
	(void)place;
	(void)t;
	(void)s;
	cap_walk_unsupported(ret, "function type");
}

static void walk_var(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		     struct cap_slice s, struct cap_value *ret)
{
	(void)place;
	cap_walk_value(w, NULL, t->t->type, s, ret);
}

static void (*const by_kind[])(struct cap_walk *w, const struct cap_place *place,
			       const struct cap_type *t, struct cap_slice s,
			       struct cap_value *ret) = {
	[BTF_KIND_INT] = cap_walk_int,
	[BTF_KIND_PTR] = cap_walk_ptr,
	[BTF_KIND_ARRAY] = cap_walk_array,
	[BTF_KIND_STRUCT] = cap_walk_struct,
	[BTF_KIND_UNION] = cap_walk_struct,
	[BTF_KIND_ENUM] = cap_walk_enum,
	[BTF_KIND_FWD] = walk_fwd,
	[BTF_KIND_FUNC] = walk_func,
	[BTF_KIND_FUNC_PROTO] = walk_func,
	[BTF_KIND_VAR] = walk_var,
	[BTF_KIND_DATASEC] = cap_walk_datasec,
	[BTF_KIND_FLOAT] = cap_walk_float,
	[BTF_KIND_ENUM64] = cap_walk_enum,
};

/* Types can make each value take microseconds, and there may be a million of them. */
static bool is_late(struct cap_walk *w)
{
	struct cap_dump *d = w->r->d;

	if (!d || w->nr_values++ % RENDER_LOOK_AT_CLOCK)
		return d && d->report->has_truncated_at;
	return cap_dump_late(d);
}

void cap_walk_peeled(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		     struct cap_slice s, struct cap_value *ret)
{
	unsigned kind = btf_kind(t->t);

	if (cap_pool_full(w->r->pool)) {
		cap_walk_unsupported(ret, WHY_FULL);
	} else if (is_late(w)) {
		cap_walk_unsupported(ret, "the time for the dump is over");
	} else if (w->depth >= RENDER_DEPTH_MAX) {
		cap_walk_unsupported(ret, "nested deeper than 32");
	} else if (kind >= sizeof(by_kind) / sizeof(by_kind[0]) || !by_kind[kind]) {
		cap_walk_unsupported(ret, cap_fmt(w->r->pool, "BTF kind %u is not known", kind));
	} else {
		w->depth++;
		by_kind[kind](w, place, t, s, ret);
		w->depth--;
	}
}

void cap_walk_value(struct cap_walk *w, const struct cap_place *place, uint32_t type_id,
		    struct cap_slice s, struct cap_value *ret)
{
	struct cap_type t;
	const char *why = cap_walk_peel(w, type_id, &t);

	if (why)
		cap_walk_unsupported(ret, why);
	else
		cap_walk_peeled(w, place, &t, s, ret);
}

/* What all values of a dump may take together. */
static uint32_t steps_left(const struct cap_walk *w)
{
	const struct cap_render_memo *m = memo_of(w);
	uint64_t left = m ? RENDER_DUMP_STEPS_MAX - m->steps_used : RENDER_STEPS_MAX;

	return left < RENDER_STEPS_MAX ? (uint32_t)left : RENDER_STEPS_MAX;
}

void cap_render(const struct cap_render *r, uint32_t type_id, const void *data, size_t len,
		struct cap_value *ret)
{
	struct cap_walk w = {
		.r = r,
		.btf = r->btf,
		.values_left = RENDER_VALUES_MAX,
		.chases_left = RENDER_CHASES_MAX,
	};
	uint32_t steps = steps_left(&w);

	w.steps_left = steps;
	if (!r->btf || !r->btf->btf)
		cap_render_bytes(r->pool, data, len, ret);
	else
		cap_walk_value(&w, NULL, type_id, (struct cap_slice){ data, len }, ret);
	if (r->d && r->d->memo)
		r->d->memo->steps_used += steps - w.steps_left;
}
