/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests of the renderer: types made by hand, and what becomes of bytes by them, as JSON. */
#ifndef KTSTR_TESTS_UNIT_RENDER_TYPES_H
#define KTSTR_TESTS_UNIT_RENDER_TYPES_H

#include <bpf/btf.h>

#include "capture/internal.h"
#include "tests/unit/unit.h"

enum { RENDER_POOL_BYTES = 64 << 20 };

struct render_types {
	struct btf *btf;
	struct cap_btf cap;
	struct cap_pool *pool;
	struct cap_render r;
	struct kt_buf json;
	int u8, u16, u32, s32, u64, s64; /* ids */
};

static inline int render_types_setup(void **state)
{
	struct render_types *x = calloc(1, sizeof(*x));

	x->btf = btf__new_empty();
	assert_int_equal(cap_pool_create(RENDER_POOL_BYTES, &x->pool), 0);
	x->u8 = btf__add_int(x->btf, "u8", 1, 0);
	x->u16 = btf__add_int(x->btf, "u16", 2, 0);
	x->u32 = btf__add_int(x->btf, "u32", 4, 0);
	x->s32 = btf__add_int(x->btf, "int", 4, BTF_INT_SIGNED);
	x->u64 = btf__add_int(x->btf, "u64", 8, 0);
	x->s64 = btf__add_int(x->btf, "s64", 8, BTF_INT_SIGNED);
	x->cap = (struct cap_btf){ .kva = { 0xffff888000001000 }, .btf = x->btf };
	x->r = (struct cap_render){ .pool = x->pool, .btf = &x->cap };
	*state = x;
	return 0;
}

static inline int render_types_teardown(void **state)
{
	struct render_types *x = *state;

	btf__free(x->btf);
	cap_pool_free(x->pool);
	kt_buf_done(&x->json);
	free(x);
	return 0;
}

/* To make it say what libbpf would not write. */
static inline struct btf_type *raw_type(struct render_types *x, int id)
{
	return (struct btf_type *)btf__type_by_id(x->btf, (uint32_t)id);
}

/* Exactly these bytes, in memory of their own so that a sanitizer sees what is read beyond them. */
static inline struct cap_value render_value(struct render_types *x, int id, const void *data,
					    size_t len)
{
	kt_auto(mem) void *copy = malloc(len ? len : 1);
	struct cap_value v = { .reason = "not filled in" };

	assert_non_null(copy);
	assert_true(id > 0);
	if (len)
		memcpy(copy, data, len);
	cap_render(&x->r, (uint32_t)id, copy, len, &v);
	return v;
}

/* Valid until the next call. */
static inline const char *value_as_json(struct render_types *x, const struct cap_value *v)
{
	struct kt_json j;

	kt_buf_reset(&x->json);
	kt_json_init(&j, &x->json, false);
	cap_value_json(&j, NULL, v);
	kt_json_finish(&j);
	return kt_buf_str(&x->json);
}

static inline const char *render_json(struct render_types *x, int id, const void *data, size_t len)
{
	struct cap_value v = render_value(x, id, data, len);

	return value_as_json(x, &v);
}

static inline void assert_json(struct render_types *x, const struct cap_value *v, const char *want)
{
	assert_string_equal(value_as_json(x, v), want);
}

/* Of a struct; fails when there is none of that name. */
static inline const struct cap_value *member_of(const struct cap_value *v, const char *name)
{
	assert_int_equal(v->kind, CAP_STRUCT);
	for (size_t i = 0; i < v->s.nr; i++) {
		if (kt_streq(v->s.member[i].name, name))
			return &v->s.member[i].value;
	}
	fail_msg("no member '%s'", name);
	return NULL;
}

static inline void assert_unsupported(const struct cap_value *v, const char *reason)
{
	assert_int_equal(v->kind, CAP_UNSUPPORTED);
	assert_string_equal(v->reason, reason);
}

#endif
