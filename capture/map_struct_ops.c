/* SPDX-License-Identifier: GPL-2.0-only */
/* Struct-ops maps: the scheduler's struct sched_ext_ops, as the kernel has it. */
#include <stdlib.h>

#include "capture/maps.h"

struct struct_ops_layout {
	struct cap_field kvalue, btf;
};

static const struct cap_field_row rows[] = {
	CAP_FIELD(struct_ops_layout, kvalue, "bpf_struct_ops_map", "kvalue"),
	CAP_FIELD_OPT(struct_ops_layout, btf, "bpf_struct_ops_map", "btf"),
};

const struct cap_layout_desc cap_layout_struct_ops = {
	.group = "STRUCT_OPS",
	.row = rows,
	.nr_rows = sizeof(rows) / sizeof(rows[0]),
	.bytes = sizeof(struct struct_ops_layout),
};

struct payload {
	uint32_t type_id;
	uint32_t offset; /* from kvalue */
	uint32_t bytes;
};

/*
 * The map's value type is a struct of the kernel's (or of a module's) that wraps the operations: struct bpf_struct_ops_NAME
 * { common; data; }. Only "data" is what the program wrote. (kernel/bpf/bpf_struct_ops.c, 6.12 and 7.3)
 */
static bool find_payload(const struct btf *btf, uint32_t wrapper_id, struct payload *ret)
{
	const struct btf_type *t = wrapper_id ? btf__type_by_id(btf, wrapper_id) : NULL;
	const struct btf_member *m;
	int64_t bytes;

	if (!t || !btf_is_struct(t))
		return false;
	m = btf_members(t);
	for (uint16_t i = 0; i < btf_vlen(t); i++, m++) {
		const char *name = btf__name_by_offset(btf, m->name_off);
		uint32_t bits = btf_member_bit_offset(t, i);

		if (!name || !kt_streq(name, "data") || bits % 8)
			continue;
		bytes = btf__resolve_size(btf, m->type);
		if (bytes <= 0 || bytes > CAP_MAP_ELEM_MAX)
			return false;
		*ret = (struct payload){ m->type, bits / 8, (uint32_t)bytes };
		return true;
	}
	return false;
}

/* Of a module's struct_ops the types are the module's; of sched_ext's, the kernel's. */
static const struct cap_btf *ops_btf(struct cap_map_walk *w, const struct struct_ops_layout *l)
{
	uint64_t kva = 0;

	if (l->btf.there)
		(void)cap_read_field(w->d->g, w->m->kva, &l->btf, &kva);
	return cap_prog_btf(w->d, (gva_t){ kva });
}

void cap_map_render_struct_ops(struct cap_map_walk *w)
{
	const struct struct_ops_layout *l = cap_map_layout(w, &cap_layout_struct_ops);
	struct cap_value *v = cap_alloc(w->d->pool, sizeof(*v));
	kt_auto(mem) uint8_t *data = NULL;
	struct payload p;
	size_t len;

	if (!l || !v)
		return;
	w->render.btf = ops_btf(w, l);
	if (!w->render.btf->btf ||
	    !find_payload(w->render.btf->btf, w->m->btf_vmlinux_value_type_id, &p)) {
		cap_map_error(w, "STRUCT_OPS offsets unresolved: type %u is no wrapper with data",
			      w->m->btf_vmlinux_value_type_id);
		return;
	}
	data = malloc(p.bytes);
	len = data ? cap_map_read_some(w, cap_at(w->m->kva, l->kvalue.offset + (uint64_t)p.offset),
				       data, p.bytes)
		   : 0;
	if (!len) {
		cap_map_error(w, "STRUCT_OPS region unmapped at 0x%016llx",
			      (unsigned long long)w->m->kva.v);
		return;
	}
	cap_render(&w->render, p.type_id, data, len, v);
	w->out->value = v;
}
