/* SPDX-License-Identifier: GPL-2.0-only */
/* One rendered value, read back from JSON. */
#include <math.h>
#include <string.h>

#include "base/parse.h"
#include "capture/load.h"

static int load_value(const struct cap_load *l, const struct json_object *o,
		      const struct cap_place *at, unsigned depth, struct cap_value *ret);

/* ---- members of the object ---- */

static int get_u64(const struct cap_load *l, const struct json_object *o,
		   const struct cap_place *at, const char *key, uint64_t max, uint64_t *ret)
{
	const struct cap_place here = { .up = at, .key = key };
	struct json_object *m = NULL;
	int r = cap_load_member(l, o, at, key, &m);

	return r < 0 ? r : cap_load_u64(l, m, &here, max, ret);
}

static int get_i64(const struct cap_load *l, const struct json_object *o,
		   const struct cap_place *at, const char *key, int64_t *ret)
{
	const struct cap_place here = { .up = at, .key = key };
	struct json_object *m = NULL;
	int r = cap_load_member(l, o, at, key, &m);

	return r < 0 ? r : cap_load_i64(l, m, &here, INT64_MIN, INT64_MAX, ret);
}

static int get_str(const struct cap_load *l, const struct json_object *o,
		   const struct cap_place *at, const char *key, const char **ret)
{
	const struct cap_place here = { .up = at, .key = key };
	struct json_object *m = NULL;
	int r = cap_load_member(l, o, at, key, &m);

	return r < 0 ? r : cap_load_str(l, m, &here, ret);
}

/* Null: NULL. */
static int get_str_or_null(const struct cap_load *l, const struct json_object *o,
			   const struct cap_place *at, const char *key, const char **ret)
{
	struct json_object *m = NULL;
	int r = cap_load_member(l, o, at, key, &m);

	return r < 0 || !m ? r : get_str(l, o, at, key, ret);
}

static int get_optional_str(const struct cap_load *l, const struct json_object *o,
			    const struct cap_place *at, const char *key, const char **ret)
{
	return json_object_object_get_ex(o, key, NULL) ? get_str(l, o, at, key, ret) : 0;
}

static int get_bits(const struct cap_load *l, const struct json_object *o,
		    const struct cap_place *at, struct cap_value *v)
{
	uint64_t bits = 0;
	int r = get_u64(l, o, at, "bits", UINT32_MAX, &bits);

	v->bits = (uint32_t)bits;
	return r;
}

/* A value in an object of another: "deref", "partial". */
static int get_value(const struct cap_load *l, const struct json_object *o,
		     const struct cap_place *at, const char *key, unsigned depth,
		     const struct cap_value **ret)
{
	const struct cap_place here = { .up = at, .key = key };
	struct json_object *m = NULL;
	struct cap_value *v;
	int r = cap_load_member(l, o, at, key, &m);

	if (r < 0)
		return r;
	v = cap_alloc(l->pool, sizeof(*v));
	if (!v)
		return cap_load_no_memory(l);
	*ret = v;
	return load_value(l, m, &here, depth + 1, v);
}

/* ---- kinds ---- */

static int load_int(const struct cap_load *l, const struct json_object *o,
		    const struct cap_place *at, unsigned depth, struct cap_value *v)
{
	int r = get_bits(l, o, at, v);

	(void)depth;
	return r < 0 ? r : get_i64(l, o, at, "value", &v->i);
}

static int load_uint(const struct cap_load *l, const struct json_object *o,
		     const struct cap_place *at, unsigned depth, struct cap_value *v)
{
	int r = get_bits(l, o, at, v);

	(void)depth;
	return r < 0 ? r : get_u64(l, o, at, "value", UINT64_MAX, &v->u);
}

static int load_bool(const struct cap_load *l, const struct json_object *o,
		     const struct cap_place *at, unsigned depth, struct cap_value *v)
{
	const struct cap_place here = { .up = at, .key = "value" };
	struct json_object *m = NULL;
	int r = cap_load_member(l, o, at, "value", &m);

	(void)depth;
	return r < 0 ? r : cap_load_bool(l, m, &here, &v->b);
}

static int load_char(const struct cap_load *l, const struct json_object *o,
		     const struct cap_place *at, unsigned depth, struct cap_value *v)
{
	uint64_t c = 0;
	int r = get_u64(l, o, at, "value", UINT8_MAX, &c);

	(void)depth;
	v->c = (uint8_t)c;
	return r;
}

/* What JSON has no number for is null. */
static int load_float(const struct cap_load *l, const struct json_object *o,
		      const struct cap_place *at, unsigned depth, struct cap_value *v)
{
	const struct cap_place here = { .up = at, .key = "value" };
	struct json_object *m = NULL;
	int r = get_bits(l, o, at, v);

	(void)depth;
	if (r == 0)
		r = cap_load_member(l, o, at, "value", &m);
	if (r < 0)
		return r;
	if (m && !json_object_is_type(m, json_type_double) &&
	    !json_object_is_type(m, json_type_int))
		return cap_load_fail(l, &here, "a number or null");
	v->f = m ? json_object_get_double(m) : (double)NAN;
	return 0;
}

static int load_enum(const struct cap_load *l, const struct json_object *o,
		     const struct cap_place *at, unsigned depth, struct cap_value *v)
{
	const struct cap_place here = { .up = at, .key = "is_signed" };
	struct json_object *m = NULL;
	int r = get_bits(l, o, at, v);

	(void)depth;
	if (r == 0)
		r = get_i64(l, o, at, "value", &v->e.value);
	if (r == 0)
		r = get_str_or_null(l, o, at, "variant", &v->e.variant);
	/* Older writers do not have it. */
	if (r == 0 && json_object_object_get_ex(o, "is_signed", &m))
		r = cap_load_bool(l, m, &here, &v->e.is_signed);
	return r;
}

static int load_list_member(const struct cap_load *l, const struct json_object *o,
			    const struct cap_place *at, unsigned depth, struct cap_member *ret)
{
	const struct cap_place here = { .up = at, .key = "value" };
	struct json_object *m = NULL;
	int r = cap_load_object(l, o, at);

	if (r == 0)
		r = get_str(l, o, at, "name", &ret->name);
	if (r == 0)
		r = cap_load_member(l, o, at, "value", &m);
	return r < 0 ? r : load_value(l, m, &here, depth + 1, &ret->value);
}

static int load_struct(const struct cap_load *l, const struct json_object *o,
		       const struct cap_place *at, unsigned depth, struct cap_value *v)
{
	const struct cap_place list_at = { .up = at, .key = "members" };
	struct json_object *list = NULL;
	size_t nr = 0;
	int r = get_str_or_null(l, o, at, "type_name", &v->s.type_name);

	if (r == 0)
		r = cap_load_member(l, o, at, "members", &list);
	if (r == 0)
		r = cap_load_array(l, list, &list_at, &nr);
	if (r < 0 || !nr)
		return r;
	v->s.member = cap_alloc_array(l->pool, nr, sizeof(*v->s.member));
	if (!v->s.member)
		return cap_load_no_memory(l);
	v->s.nr = nr;
	for (size_t i = 0; i < nr && r == 0; i++) {
		const struct cap_place here = { .up = &list_at, .index = i };

		r = load_list_member(l, json_object_array_get_idx(list, i), &here, depth,
				     &v->s.member[i]);
	}
	return r;
}

static int load_array(const struct cap_load *l, const struct json_object *o,
		      const struct cap_place *at, unsigned depth, struct cap_value *v)
{
	const struct cap_place list_at = { .up = at, .key = "elements" };
	struct json_object *list = NULL;
	size_t nr = 0;
	int r = get_u64(l, o, at, "len", UINT64_MAX, &v->a.len);

	if (r == 0)
		r = cap_load_member(l, o, at, "elements", &list);
	if (r == 0)
		r = cap_load_array(l, list, &list_at, &nr);
	if (r < 0 || !nr)
		return r;
	v->a.element = cap_alloc_array(l->pool, nr, sizeof(*v->a.element));
	if (!v->a.element)
		return cap_load_no_memory(l);
	v->a.nr = nr;
	for (size_t i = 0; i < nr && r == 0; i++) {
		const struct cap_place here = { .up = &list_at, .index = i };

		r = load_value(l, json_object_array_get_idx(list, i), &here, depth + 1,
			       &v->a.element[i]);
	}
	return r;
}

static int load_cpu_list(const struct cap_load *l, const struct json_object *o,
			 const struct cap_place *at, unsigned depth, struct cap_value *v)
{
	(void)depth;
	return get_str(l, o, at, "cpus", &v->cpus);
}

static int load_ptr(const struct cap_load *l, const struct json_object *o,
		    const struct cap_place *at, unsigned depth, struct cap_value *v)
{
	int r = get_u64(l, o, at, "value", UINT64_MAX, &v->p.value);

	if (r == 0 && json_object_object_get_ex(o, "deref", NULL))
		r = get_value(l, o, at, "deref", depth, &v->p.deref);
	if (r == 0)
		r = get_optional_str(l, o, at, "deref_skipped_reason", &v->p.deref_skipped_reason);
	return r < 0 ? r : get_optional_str(l, o, at, "cast_annotation", &v->p.cast_annotation);
}

/*
 * Text of string literals: \xHH is a byte that does not print. A backslash of the literal is written as it is, so that "\x41"
 * can only be four characters.
 */
static int load_text(const struct cap_load *l, const char *text, struct cap_value *v)
{
	size_t len = strlen(text), used = 0;
	uint8_t *data = cap_alloc_raw(l->pool, len + 1);

	if (!data)
		return cap_load_no_memory(l);
	for (size_t i = 0; i < len; i++) {
		int high = -1, low = -1;

		data[used] = (uint8_t)text[i];
		if (text[i] == '\\' && text[i + 1] == 'x') {
			high = kt_hex_digit(text[i + 2]);
			low = high < 0 ? -1 : kt_hex_digit(text[i + 3]);
		}
		if (low >= 0 && (high < 2 || high > 7 || (high == 7 && low == 15))) {
			data[used] = (uint8_t)(high << 4 | low);
			i += 3;
		}
		used++;
	}
	v->bytes.data = data;
	v->bytes.len = used;
	v->bytes.text = true;
	return 0;
}

static int load_bytes(const struct cap_load *l, const struct json_object *o,
		      const struct cap_place *at, unsigned depth, struct cap_value *v)
{
	const char *text = NULL;
	int r = get_str(l, o, at, "hex", &text);

	(void)depth;
	if (r < 0 || cap_load_hex(l, text, &v->bytes.data, &v->bytes.len))
		return r;
	return load_text(l, text, v);
}

static int load_truncated(const struct cap_load *l, const struct json_object *o,
			  const struct cap_place *at, unsigned depth, struct cap_value *v)
{
	int r = get_u64(l, o, at, "needed", UINT64_MAX, &v->t.needed);

	if (r == 0)
		r = get_u64(l, o, at, "had", UINT64_MAX, &v->t.had);
	return r < 0 ? r : get_value(l, o, at, "partial", depth, &v->t.partial);
}

static int load_unsupported(const struct cap_load *l, const struct json_object *o,
			    const struct cap_place *at, unsigned depth, struct cap_value *v)
{
	(void)depth;
	return get_str(l, o, at, "reason", &v->reason);
}

typedef int (*load_fn)(const struct cap_load *l, const struct json_object *o,
		       const struct cap_place *at, unsigned depth, struct cap_value *v);
static const load_fn loaders[CAP_KIND_NR] = {
	[CAP_UNSUPPORTED] = load_unsupported,
	[CAP_INT] = load_int,
	[CAP_UINT] = load_uint,
	[CAP_BOOL] = load_bool,
	[CAP_CHAR] = load_char,
	[CAP_FLOAT] = load_float,
	[CAP_ENUM] = load_enum,
	[CAP_STRUCT] = load_struct,
	[CAP_ARRAY] = load_array,
	[CAP_CPU_LIST] = load_cpu_list,
	[CAP_PTR] = load_ptr,
	[CAP_BYTES] = load_bytes,
	[CAP_TRUNCATED] = load_truncated,
};

static int load_value(const struct cap_load *l, const struct json_object *o,
		      const struct cap_place *at, unsigned depth, struct cap_value *ret)
{
	const struct cap_place here = { .up = at, .key = "kind" };
	const char *name = NULL;
	int r = cap_load_object(l, o, at);

	/* The writer's "nested too deeply" is one deeper than what it writes. */
	if (r == 0 && depth > CAP_VALUE_DEPTH_MAX)
		return cap_load_fail(l, at, "nested less deeply");
	if (r == 0)
		r = get_str(l, o, at, "kind", &name);
	if (r < 0 || !name)
		return r;
	for (unsigned i = 0; i < CAP_KIND_NR; i++) {
		if (kt_streq(name, cap_kind_name(i))) {
			ret->kind = i;
			return loaders[i](l, o, at, depth, ret);
		}
	}
	return cap_load_fail(l, &here, "a kind of value such as \"int\" or \"struct\"");
}

int cap_load_value(const struct cap_load *l, const struct json_object *o,
		   const struct cap_place *at, struct cap_value *ret)
{
	return load_value(l, o, at, 0, ret);
}
