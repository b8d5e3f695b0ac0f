/* SPDX-License-Identifier: GPL-2.0-only */
/* Integers, enums, floats, and bits of them. */
#include "capture/render.h"

enum { WORD_BITS = 64 };

static uint64_t low_bits(unsigned nr)
{
	return nr >= WORD_BITS ? UINT64_MAX : (1ULL << nr) - 1;
}

static int64_t sign_extend(uint64_t v, unsigned nr_bits)
{
	return nr_bits >= WORD_BITS
		       ? (int64_t)v
		       : (int64_t)(v << (WORD_BITS - nr_bits)) >> (WORD_BITS - nr_bits);
}

/* At most 8 bytes, little-endian as everything that we read. */
static uint64_t load(const uint8_t *data, size_t bytes)
{
	uint64_t v = 0;

	memcpy(&v, data, bytes < sizeof(v) ? bytes : sizeof(v));
	return v;
}

bool cap_int_is_partial(const struct btf_type *t, unsigned *ret_at, unsigned *ret_nr)
{
	if (!btf_is_int(t))
		return false;
	*ret_at = btf_int_offset(t);
	*ret_nr = btf_int_bits(t);
	return *ret_at || *ret_nr != t->size * 8ULL;
}

static void int_value(const struct btf_type *t, uint64_t v, unsigned nr_bits, struct cap_value *ret)
{
	unsigned encoding = btf_int_encoding(t);

	if (encoding & BTF_INT_BOOL)
		*ret = (struct cap_value){ .kind = CAP_BOOL, .b = v != 0 };
	else if (encoding & BTF_INT_CHAR && t->size == 1)
		*ret = (struct cap_value){ .kind = CAP_CHAR, .c = (uint8_t)v };
	else if (encoding & BTF_INT_SIGNED)
		*ret = (struct cap_value){ .kind = CAP_INT,
					   .bits = nr_bits,
					   .i = sign_extend(v, nr_bits) };
	else
		*ret = (struct cap_value){ .kind = CAP_UINT, .bits = nr_bits, .u = v };
}

static bool any_set(struct cap_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i])
			return true;
	}
	return false;
}

/* More than 8 bytes: no number in JSON; but still true or false. */
static void wide_int(struct cap_walk *w, const struct btf_type *t, struct cap_slice s,
		     struct cap_value *ret)
{
	if (btf_int_encoding(t) & BTF_INT_BOOL)
		*ret = (struct cap_value){ .kind = CAP_BOOL, .b = any_set(s) };
	else
		cap_render_bytes(w->r->pool, s.data, s.len < CAP_PAGE ? s.len : CAP_PAGE, ret);
}

void cap_walk_int(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		  struct cap_slice s, struct cap_value *ret)
{
	uint32_t size = t->t->size;
	unsigned at, nr;

	(void)place;
	if (!size)
		cap_walk_unsupported(ret, "int of no bytes");
	else if (s.len < size)
		cap_walk_truncated(w, size, s, ret);
	else if (size > sizeof(uint64_t))
		wide_int(w, t->t, cap_slice_of(s, 0, size), ret);
	else if (cap_int_is_partial(t->t, &at, &nr))
		cap_walk_bitfield(w, t, at, nr, s, ret);
	else
		int_value(t->t, load(s.data, size), size * 8, ret);
}

/* By what is in the enum's own bytes: negative members have all higher bits set, the value has not. */
static const char *enum_variant(struct cap_walk *w, const struct btf_type *t, uint64_t v)
{
	uint64_t mask = low_bits(t->size <= sizeof(v) ? t->size * 8 : WORD_BITS), member;
	uint32_t name_off;

	for (unsigned i = 0; i < btf_vlen(t) && w->steps_left; i++, w->steps_left--) {
		if (btf_is_enum64(t)) {
			member = btf_enum64_value(btf_enum64(t) + i);
			name_off = *(const uint32_t *)(btf_enum64(t) + i);
		} else {
			member = (uint64_t)(int64_t)btf_enum(t)[i].val;
			name_off = btf_enum(t)[i].name_off;
		}
		if ((member & mask) == (v & mask))
			return name_off ? cap_walk_name(w, name_off) : NULL;
	}
	return NULL;
}

static void enum_value(struct cap_walk *w, const struct btf_type *t, uint64_t v, unsigned nr_bits,
		       struct cap_value *ret)
{
	bool is_signed = btf_kflag(t);
	int64_t value = is_signed ? sign_extend(v, nr_bits) : (int64_t)v;

	*ret = (struct cap_value){ .kind = CAP_ENUM,
				   .bits = nr_bits,
				   .e = { .value = value, .is_signed = is_signed } };
	ret->e.variant = enum_variant(w, t, (uint64_t)value);
}

void cap_walk_enum(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		   struct cap_slice s, struct cap_value *ret)
{
	uint32_t size = t->t->size;

	(void)place;
	if (!size || size > sizeof(uint64_t))
		cap_walk_unsupported(ret, cap_fmt(w->r->pool, "enum of %u bytes", size));
	else if (s.len < size)
		cap_walk_truncated(w, size, s, ret);
	else
		enum_value(w, t->t, load(s.data, size), size * 8, ret);
}

void cap_walk_float(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		    struct cap_slice s, struct cap_value *ret)
{
	uint32_t size = t->t->size;
	float single;

	(void)place;
	*ret = (struct cap_value){ .kind = CAP_FLOAT, .bits = size * 8 };
	if (size != sizeof(float) && size != sizeof(double)) {
		cap_walk_unsupported(ret, cap_fmt(w->r->pool, "float of %u bytes", size));
	} else if (s.len < size) {
		cap_walk_truncated(w, size, s, ret);
	} else if (size == sizeof(float)) {
		memcpy(&single, s.data, sizeof(single));
		ret->f = (double)single;
	} else {
		memcpy(&ret->f, s.data, sizeof(ret->f));
	}
}

void cap_walk_bitfield(struct cap_walk *w, const struct cap_type *t, uint64_t at, unsigned nr_bits,
		       struct cap_slice s, struct cap_value *ret)
{
	uint64_t first = at / 8, needed = (at + nr_bits + 7) / 8;
	struct cap_slice bytes = cap_slice_of(s, first, needed - first);
	unsigned __int128 all = 0;
	uint64_t v;

	if (!btf_is_int(t->t) && !btf_is_any_enum(t->t)) {
		cap_walk_unsupported(ret, "bitfield of what is neither int nor enum");
		return;
	}
	if (!nr_bits || nr_bits > WORD_BITS) {
		cap_walk_unsupported(ret, cap_fmt(w->r->pool, "bitfield of %u bits", nr_bits));
		return;
	}
	if (bytes.len < needed - first) {
		cap_walk_truncated(w, needed - first, bytes, ret);
		return;
	}
	memcpy(&all, bytes.data, bytes.len); /* 64 bits that begin within a byte: 9 of them */
	v = (uint64_t)(all >> at % 8) & low_bits(nr_bits);
	if (btf_is_int(t->t))
		int_value(t->t, v, nr_bits, ret);
	else
		enum_value(w, t->t, v, nr_bits, ret);
}
