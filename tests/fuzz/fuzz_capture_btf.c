/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as BTF: types that can be asked everything, and values rendered by each of them, or
 * one error.
 */
#include "tests/fuzz/no_cmocka.h"

#include "base/str.h"
#include "capture/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TYPES_MAX = 300, NAMES_MAX = 300 };

static void ask(const struct cap_types *t)
{
	const struct btf *btf = cap_types_btf(t);
	struct cap_field f;
	uint64_t v;

	for (uint32_t id = 1; id < btf__type_cnt(btf) && id < NAMES_MAX; id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		const char *name = btf__name_by_offset(btf, type->name_off);
		uint32_t found;

		if (!name || !*name)
			continue;
		found = cap_type_find(t, name, btf_kind(type));
		must(found <= id, "the first of a name");
		(void)cap_type_bytes(t, name);
		(void)cap_type_field(t, name, "a.b[3].c|a|b[1]|next", &f);
		if (cap_type_field(t, name, "", &f))
			must(f.there && f.offset == 0, "the whole of it");
		(void)cap_type_enum_value(t, name, &v);
		(void)cap_types_has_func(t, name);
		(void)cap_types_has_tracepoint(t, name);
	}
}

/* A value of each type, from bytes that are the input itself; all from one pool, as in a dump, which bounds their number. */
static void render(const struct btf *btf, const uint8_t *data, size_t size)
{
	const struct cap_btf b = { .btf = btf };
	kt_auto(cap_pool) struct cap_pool *pool = NULL;

	must(cap_pool_create(1 << 20, &pool) == 0, "memory");
	for (uint32_t id = 0; id < btf__type_cnt(btf) && id < TYPES_MAX; id++) {
		kt_auto(buf) struct kt_buf out = { 0 };
		struct cap_render r = { .btf = &b, .nr_cpu_ids = 4 };
		struct cap_value v = { 0 };
		struct kt_json j;

		r.pool = pool;
		cap_render(&r, id, data, size, &v);
		kt_json_init(&j, &out, true);
		cap_value_json(&j, NULL, &v);
		kt_json_finish(&j);
		kt_buf_reset(&out);
		cap_value_text(&v, 0, 120, &out);
		must(kt_buf_ok(&out), "memory");
	}
}

static void check_error(int r, const struct kt_err *e)
{
	must(r == 0 || (r < 0 && (e->kind == KT_E_KERNEL || e->kind == KT_E_HOST)), "the error");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kt_auto(cap_types) struct cap_types *t = NULL;
	struct kt_err e = { 0 };
	int r = cap_types_parse(data, size, "input", &t, &e);

	must((r == 0) == (t != NULL), "the result");
	check_error(r, &e);
	if (!t)
		return 0;
	ask(t);
	render(cap_types_btf(t), data, size);
	return 0;
}
