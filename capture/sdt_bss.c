/* SPDX-License-Identifier: GPL-2.0-only */
/* The scheduler's .bss, where its allocators are, and its variables by type. */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "capture/alloc.h"

enum {
	MAP_ARRAY = 2,
	MEMBER_DEPTH = 8,
	MEMBER_LOOKS_MAX =
		1 << 16, /* for one name: a struct can be made to contain itself, many times */
	OFFSET_MAX = 1 << 28, /* so that sums of places fit into 32 bits, whatever the guest says */
	VARS_MAX = 1 << 14,
};

uint32_t cap_own_start(const struct btf *btf)
{
	const struct btf *base = btf__base_btf(btf);

	return base ? btf__type_cnt(base) : 1;
}

static uint32_t own_type(const struct btf *btf, const char *name, uint32_t kind)
{
	for (uint32_t id = cap_own_start(btf); id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *n = t && btf_kind(t) == kind ? btf__name_by_offset(btf, t->name_off)
							 : NULL;

		if (n && kt_streq(n, name))
			return id;
	}
	return 0;
}

uint32_t cap_own_struct(const struct btf *btf, const char *name)
{
	return own_type(btf, name, BTF_KIND_STRUCT);
}

uint32_t cap_own_union(const struct btf *btf, const char *name)
{
	return own_type(btf, name, BTF_KIND_UNION);
}

static bool find_member(const struct btf *btf, uint32_t type, const char *name, size_t len,
			unsigned depth, unsigned *looks, uint32_t *ret_offset, uint32_t *ret_type)
{
	const struct btf_type *t = btf__type_by_id(btf, cap_peel(btf, type));

	if (!t || !(btf_is_struct(t) || btf_is_union(t)) || depth == MEMBER_DEPTH)
		return false;
	for (unsigned i = 0; i < btf_vlen(t) && *looks < MEMBER_LOOKS_MAX; i++) {
		const struct btf_member *m = &btf_members(t)[i];
		const char *n = btf__name_by_offset(btf, m->name_off);
		uint32_t at = btf_member_bit_offset(t, i) / 8, inner;

		++*looks;
		if (btf_member_bitfield_size(t, i) || at > OFFSET_MAX)
			continue;
		if (n && strlen(n) == len && memcmp(n, name, len) == 0) {
			*ret_offset = at;
			*ret_type = m->type;
			return true;
		}
		if ((!n || !*n) &&
		    find_member(btf, m->type, name, len, depth + 1, looks, &inner, ret_type)) {
			*ret_offset = at + inner;
			return at + inner <= OFFSET_MAX;
		}
	}
	return false;
}

bool cap_member(const struct btf *btf, uint32_t type, const char *names, uint32_t *ret_offset,
		uint32_t *ret_type)
{
	for (;;) {
		size_t len = strcspn(names, "|");
		unsigned looks = 0;

		if (find_member(btf, type, names, len, 0, &looks, ret_offset, ret_type))
			return true;
		if (!names[len])
			return false;
		names += len + 1;
	}
}

static bool is_active(const struct cap_dump *d, const struct cap_map *m)
{
	const struct cap_report *r = d->report;
	size_t len = r->active_obj_name ? strlen(r->active_obj_name) : 0;

	if (!len || strncmp(m->name, r->active_obj_name, len) != 0 || m->name[len] != '.')
		return false;
	for (size_t i = 0; i < r->nr_active_maps; i++) {
		if (r->active_map_kvas[i] == m->kva.v)
			return true;
	}
	return r->nr_active_maps == 0;
}

static const struct cap_map *find_map(const struct cap_dump *d)
{
	const struct cap_map *first = NULL;

	for (size_t i = 0; i < d->nr_maps; i++) {
		const struct cap_map *m = &d->map[i];

		if (m->framework || m->type != MAP_ARRAY || !m->btf_kva.v ||
		    !kt_ends_with(m->name, ".bss"))
			continue;
		if (is_active(d, m))
			return m;
		first = first ? first : m;
	}
	return first;
}

int cap_find_bss(struct cap_dump *d, struct cap_bss *ret)
{
	struct cap_bss b = { .map = find_map(d) };

	if (!b.map)
		return -ENOENT;
	b.data = cap_map_section(d, b.map, &b.len);
	if (!b.data)
		return -ENOENT;
	b.btf = cap_prog_btf(d, b.map->btf_kva);
	if (!b.btf->btf)
		return -EINVAL;
	*ret = b;
	return 0;
}

void cap_bss_each(const struct cap_bss *b, uint32_t type,
		  bool (*fn)(void *ctx, const char *name, const uint8_t *bytes), void *ctx)
{
	const struct btf *btf = b->btf->btf;
	const struct btf_type *sec = btf__type_by_id(btf, own_type(btf, ".bss", BTF_KIND_DATASEC));
	const struct btf_type *t = btf__type_by_id(btf, type);

	if (!sec || !t || !btf_is_datasec(sec))
		return;
	for (unsigned i = 0; i < btf_vlen(sec) && i < VARS_MAX; i++) {
		const struct btf_var_secinfo *v = &btf_var_secinfos(sec)[i];
		const struct btf_type *var = btf__type_by_id(btf, v->type);
		const char *name;

		if (!var || !btf_is_var(var) || cap_peel(btf, var->type) != type ||
		    v->offset > b->len || t->size > b->len - v->offset)
			continue;
		name = btf__name_by_offset(btf, var->name_off);
		if (!fn(ctx, name ? name : "", b->data + v->offset))
			return;
	}
}
