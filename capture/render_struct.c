/* SPDX-License-Identifier: GPL-2.0-only */
/* What has values in it: structs, unions, sections of variables, arrays. */
#include "capture/render.h"

/* A struct on its way to a value; one without a name adds to the members of that around it. */
struct inside {
	struct cap_walk *w;
	const struct cap_place *place;
	struct cap_slice s;
	struct cap_member *v;
	size_t nr, max;
	uint64_t needed; /* bytes that all of its members are in */
};

static bool is_anonymous(const struct cap_walk *w, const struct btf_member *m, struct cap_type *ret)
{
	return !m->name_off && !cap_walk_peel(w, m->type, ret) && btf_is_composite(ret->t);
}

/* With those of members without a name; above @max it does not matter how many. */
static uint64_t count_members(const struct cap_walk *w, const struct btf_type *t, unsigned depth,
			      uint64_t max)
{
	uint64_t nr = btf_vlen(t);
	struct cap_type in;

	for (unsigned i = 0; i < btf_vlen(t) && nr <= max && depth < RENDER_DEPTH_MAX; i++) {
		if (is_anonymous(w, btf_members(t) + i, &in))
			nr += count_members(w, in.t, depth + 1, max - nr);
	}
	return nr;
}

/* Whether the member is bits of its type, by either of BTF's two ways to say so (see cap_int_is_partial()). */
static bool is_bitfield(const struct btf_type *parent, unsigned i, const struct btf_type *t,
			uint64_t *ret_at, unsigned *ret_nr)
{
	uint64_t at = btf_member_bit_offset(parent, i);
	unsigned nr = btf_member_bitfield_size(parent, i), in_int = 0, int_bits;

	if (!nr && cap_int_is_partial(t, &in_int, &int_bits) && int_bits <= 64)
		nr = int_bits;
	else if (!nr && at % 8)
		nr = btf_is_int(t) && t->size <= sizeof(uint64_t) ? t->size * 8 : 1;
	*ret_at = at + in_int;
	*ret_nr = nr;
	return nr != 0;
}

/* An array without a length, at the end: what is there of it is beyond the struct. */
static bool is_flexible(const struct btf_type *t)
{
	return btf_is_array(t) && !btf_array(t)->nelems;
}

static bool is_single(const struct btf_type *t)
{
	return !btf_is_composite(t) && !btf_is_array(t);
}

/* What a scheduler can keep a pointer in without saying so. */
static bool is_u64(const struct btf_type *t)
{
	return btf_is_int(t) && t->size == sizeof(uint64_t) && !btf_int_encoding(t);
}

static void need(struct inside *in, uint64_t end)
{
	if (end > in->needed)
		in->needed = end;
}

static void add_members(struct inside *in, const struct btf_type *t);

/* The members of a struct that is a member without a name. */
static void add_anonymous(struct inside *in, const struct cap_place *place,
			  const struct cap_type *t, struct cap_slice s)
{
	struct inside sub = { .w = in->w,
			      .place = place,
			      .s = s,
			      .v = in->v,
			      .nr = in->nr,
			      .max = in->max,
			      .needed = t->t->size };

	in->w->depth++;
	add_members(&sub, t->t);
	in->w->depth--;
	in->nr = sub.nr;
	need(in, place->at + sub.needed);
}

/* A member on a byte boundary. False: it has no place of its own in the list. */
static bool add_bytes(struct inside *in, const struct cap_type *t, uint64_t at, bool anonymous,
		      struct cap_value *ret)
{
	const struct cap_place place = { .up = in->place, .type_id = t->id, .at = (uint32_t)at };
	uint64_t bytes = 0;
	const char *why = cap_walk_bytes(in->w, t, &bytes);
	struct cap_slice s = cap_slice_of(in->s, at, why || is_flexible(t->t) ? UINT64_MAX : bytes);

	if (!why) {
		need(in, at + bytes);
		if (s.len < bytes && (!s.len || is_single(t->t)))
			return false;
		if (anonymous && s.len == bytes && in->w->depth < RENDER_DEPTH_MAX) {
			add_anonymous(in, &place, t, s);
			return false;
		}
	}
	if (!is_u64(t->t) || !cap_walk_cast(in->w, in->place, (uint32_t)at, s, ret))
		cap_walk_peeled(in->w, &place, t, s, ret);
	return true;
}

static bool add_member(struct inside *in, const struct btf_type *parent, unsigned i,
		       struct cap_value *ret)
{
	const struct btf_member *bm = btf_members(parent) + i;
	struct cap_type t;
	const char *why = cap_walk_peel(in->w, bm->type, &t);
	uint64_t at, end;
	unsigned nr;

	if (why) {
		cap_walk_unsupported(ret, why);
		return true;
	}
	if (!is_bitfield(parent, i, t.t, &at, &nr))
		return add_bytes(in, &t, at / 8, !bm->name_off && btf_is_composite(t.t), ret);
	end = (at + nr + 7) / 8;
	need(in, end);
	if (end > in->s.len)
		return false;
	cap_walk_bitfield(in->w, &t, at, nr, in->s, ret);
	return true;
}

static void add_members(struct inside *in, const struct btf_type *t)
{
	for (unsigned i = 0; i < btf_vlen(t) && in->nr < in->max; i++) {
		if (!add_member(in, t, i, &in->v[in->nr].value))
			continue;
		in->v[in->nr++].name = cap_walk_name(in->w, btf_members(t)[i].name_off);
	}
}

static const char *struct_name(const struct cap_walk *w, const struct cap_type *t)
{
	const char *name = cap_walk_name(w, t->t->name_off ? t->t->name_off : t->alias);

	return *name ? name : NULL;
}

/* All that was found; what is missing makes it a truncated one. */
static void finish(const struct inside *in, const struct cap_type *t, struct cap_value *ret)
{
	struct cap_value v = {
		.kind = CAP_STRUCT,
		.s = { .type_name = struct_name(in->w, t), .member = in->v, .nr = in->nr }
	};
	struct cap_value *partial;

	if (in->s.len >= in->needed) {
		*ret = v;
		return;
	}
	partial = cap_walk_alloc(in->w, 1, sizeof(*partial), ret);
	if (!partial)
		return;
	*partial = v;
	*ret = (struct cap_value){
		.kind = CAP_TRUNCATED,
		.t = { .needed = in->needed, .had = in->s.len, .partial = partial },
	};
}

void cap_walk_struct(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		     struct cap_slice s, struct cap_value *ret)
{
	const struct cap_place own = { .type_id = t->id };
	struct inside in = { .w = w, .place = place ? place : &own, .s = s, .needed = t->t->size };
	uint64_t at, bytes;

	if (cap_walk_is_cpumask(w, t, &at, &bytes)) {
		if (s.len < at + sizeof(uint64_t))
			cap_walk_truncated(w, t->t->size, s, ret);
		else
			cap_walk_cpumask(w, cap_slice_of(s, at, bytes), ret);
		return;
	}
	in.max = count_members(w, t->t, 0, w->values_left);
	in.v = in.max ? cap_walk_alloc(w, in.max, sizeof(*in.v), ret) : NULL;
	if (in.max && !in.v)
		return;
	add_members(&in, t->t);
	finish(&in, t, ret);
}

/* A variable, by what its section says of it. */
static void add_variable(struct inside *in, const struct btf_var_secinfo *var,
			 struct cap_member *ret)
{
	struct cap_slice s = cap_slice_of(in->s, var->offset, var->size);
	const struct btf_type *bt = btf__type_by_id(in->w->btf->btf, var->type);
	struct cap_place place = { .up = in->place, .at = var->offset };
	struct cap_type t;
	const char *why = cap_walk_peel(in->w, bt && btf_is_var(bt) ? bt->type : var->type, &t);

	ret->name = bt ? cap_walk_name(in->w, bt->name_off) : "";
	place.type_id = why ? 0 : t.id;
	if (why)
		cap_walk_unsupported(&ret->value, why);
	else if (s.len < var->size)
		cap_walk_truncated(in->w, var->size, s, &ret->value);
	else if (!is_u64(t.t) || !cap_walk_cast(in->w, in->place, var->offset, s, &ret->value))
		cap_walk_peeled(in->w, &place, &t, s, &ret->value);
}

void cap_walk_datasec(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		      struct cap_slice s, struct cap_value *ret)
{
	const struct cap_place own = { .type_id = t->id };
	const struct btf_var_secinfo *var = btf_var_secinfos(t->t);
	struct inside in = { .w = w, .place = place ? place : &own, .s = s, .nr = btf_vlen(t->t) };

	in.v = in.nr ? cap_walk_alloc(w, in.nr, sizeof(*in.v), ret) : NULL;
	if (in.nr && !in.v)
		return;
	for (size_t i = 0; i < in.nr; i++)
		add_variable(&in, &var[i], &in.v[i]);
	finish(&in, t, ret);
}

/* ---- arrays ---- */

static void elements(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		     uint64_t len, uint64_t bytes, struct cap_slice s, struct cap_value *ret)
{
	size_t nr = len < RENDER_ELEMENTS_MAX ? len : RENDER_ELEMENTS_MAX;
	uint64_t there = s.len / bytes + (s.len % bytes != 0);
	struct cap_place in = { .up = place ? place->up : NULL, .type_id = t->id };
	struct cap_value *v;

	if (nr > there)
		nr = there + (s.len % bytes == 0); /* the last one says that it is not there */
	v = cap_walk_alloc(w, nr, sizeof(*v), ret);
	if (!v)
		return;
	for (size_t i = 0; i < nr; i++) {
		struct cap_slice own = cap_slice_of(s, i * bytes, bytes);

		in.at = (uint32_t)((place ? place->at : 0) + i * bytes);
		if (own.len < bytes)
			cap_walk_truncated(w, bytes, own, &v[i]);
		else
			cap_walk_peeled(w, &in, t, own, &v[i]);
	}
	*ret = (struct cap_value){ .kind = CAP_ARRAY, .a = { .len = len, .element = v, .nr = nr } };
}

void cap_walk_array(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		    struct cap_slice s, struct cap_value *ret)
{
	const struct btf_array *a = btf_array(t->t);
	struct cap_type of;
	uint64_t bytes = 0;
	const char *why = cap_walk_peel(w, a->type, &of);

	if (!why)
		why = cap_walk_bytes(w, &of, &bytes);
	if (why)
		cap_walk_unsupported(ret, cap_fmt(w->r->pool, "array element: %s", why));
	else if (!a->nelems && bytes && s.len)
		cap_walk_unsupported(ret, cap_fmt(w->r->pool,
						  "flexible array: its length is not known, %zu "
						  "bytes are there",
						  s.len));
	else if (!a->nelems || !bytes)
		*ret = (struct cap_value){ .kind = CAP_ARRAY, .a = { .len = a->nelems } };
	else
		elements(w, place, &of, a->nelems, bytes, s, ret);
}
