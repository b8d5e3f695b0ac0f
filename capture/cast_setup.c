/* SPDX-License-Identifier: GPL-2.0-only */
/* What an object says of itself: functions, variables, which program is which operation of a struct_ops. */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "capture/cast.h"

enum { INSNS_MAX = 1 << 20, FUNCS_MAX = 1 << 14, VARS_MAX = 1 << 14, NESTING_MAX = 32 };
/* Steps of all passes together: some tenths of a second. */
enum { WORK_MAX = 40 * 1000 * 1000 };
/* enum bpf_core_relo_kind (include/uapi/linux/bpf.h, 6.12): those about fields */
enum { CORE_FIELD_KINDS = 6 };

static int load_relocations(struct casts *c)
{
	uint64_t base = 1;

	c->rel = calloc(c->elf->nr_sections, sizeof(struct cap_rel *));
	c->nr_rels = calloc(c->elf->nr_sections, sizeof(*c->nr_rels));
	c->insn_base = calloc(c->elf->nr_sections, sizeof(*c->insn_base));
	c->datasec = calloc(c->elf->nr_sections, sizeof(*c->datasec));
	c->kernel_type = calloc(btf__type_cnt(c->btf), 1);
	c->var_type = calloc(btf__type_cnt(c->btf), 1);
	if (!c->var_type || !c->rel || !c->nr_rels || !c->insn_base || !c->datasec ||
	    !c->kernel_type)
		return -ENOMEM;
	for (uint32_t i = 1; i < c->elf->nr_sections; i++) {
		const struct cap_section *s = &c->elf->section[i];
		bool ops = kt_starts_with(s->name, ".struct_ops");

		if (!s->data || !(s->exec || ops))
			continue;
		if (cap_elf_relocations(c->elf, i, &c->rel[i], &c->nr_rels[i]) < 0)
			return -ENOMEM;
		c->insn_base[i] = (uint32_t)base;
		if (s->exec)
			base += s->size / sizeof(struct bpf_insn);
		if (base > INSNS_MAX)
			return -EINVAL;
	}
	return 0;
}

/* Without modifiers and arrays; 0: broken. */
static uint32_t element_of(const struct btf *btf, uint32_t type)
{
	for (unsigned i = 0; i < NESTING_MAX; i++) {
		const struct btf_type *t = btf__type_by_id(btf, type = cap_peel(btf, type));

		if (!t || !btf_is_array(t))
			return t ? type : 0;
		type = btf_array(t)->type;
	}
	return 0;
}

static void mark_pointee(struct casts *c, uint32_t ptr_type)
{
	uint32_t id = cast_pointee(c->btf, ptr_type);

	if (id)
		c->kernel_type[id] = 1;
}

/* What is passed to and from the kernel is its own. */
static void mark_proto(struct casts *c, uint32_t proto)
{
	const struct btf_type *t = btf__type_by_id(c->btf, proto);

	if (!t || !btf_is_func_proto(t))
		return;
	mark_pointee(c, t->type);
	for (unsigned i = 0; i < btf_vlen(t); i++)
		mark_pointee(c, btf_params(t)[i].type);
}

static void mark_operations(struct casts *c, uint32_t type)
{
	const struct btf_type *t = btf__type_by_id(c->btf, cap_peel(c->btf, type)), *m;

	for (unsigned i = 0; t && btf_is_struct(t) && i < btf_vlen(t); i++) {
		m = btf__type_by_id(c->btf, cap_peel(c->btf, btf_members(t)[i].type));
		if (m && btf_is_ptr(m))
			mark_proto(c, cap_peel(c->btf, m->type));
	}
}

/* What a type of the kernel's has inside is the kernel's, too. Each type is looked into once. */
static void mark_members(struct casts *c)
{
	uint32_t nr = btf__type_cnt(c->btf);
	bool any = true;

	for (unsigned round = 0; any && round < NESTING_MAX; round++) {
		any = false;
		for (uint32_t id = 1; id < nr; id++) {
			const struct btf_type *t = btf__type_by_id(c->btf, id);
			uint32_t inner;

			if (c->kernel_type[id] != 1 || !(btf_is_struct(t) || btf_is_union(t)))
				continue;
			c->kernel_type[id] = 2;
			for (unsigned i = 0; i < btf_vlen(t); i++) {
				inner = element_of(c->btf, btf_members(t)[i].type);
				if (inner && !c->kernel_type[inner])
					c->kernel_type[inner] = 1;
			}
			any = true;
		}
	}
}

static void mark_kernel_types(struct casts *c)
{
	for (size_t i = 0; i < c->ext.nr_relos; i++) {
		uint32_t id = cap_peel(c->btf, c->ext.relo[i].type_id);

		if (c->ext.relo[i].kind < CORE_FIELD_KINDS && id)
			c->kernel_type[id] = 1;
	}
	for (size_t i = 0; i < c->funcs.nr; i++) {
		const struct btf_type *t = btf__type_by_id(c->btf, c->funcs.v[i].id);

		if (btf_vlen(t) == BTF_FUNC_EXTERN)
			mark_proto(c, t->type);
	}
	for (size_t i = 0; i < c->var.nr; i++) {
		c->var_type[cap_peel(c->btf, c->var.v[i].type)] = 1;
		if (kt_starts_with(c->elf->section[c->var.v[i].section].name, ".struct_ops"))
			mark_operations(c, c->var.v[i].type);
	}
	mark_members(c);
}

/* ---- variables ---- */

struct place {
	const char *name;
	uint32_t section, offset;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int find_places(struct casts *c, struct place **ret, size_t *ret_nr)
{
	struct place *p = calloc(c->elf->nr_syms + 1, sizeof(*p));
	size_t nr = 0;

	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < c->elf->nr_syms; i++) {
		const struct cap_sym *s = &c->elf->sym[i];

		if (s->type == STT_OBJECT && s->section && s->value < UINT32_MAX)
			p[nr++] = (struct place){ s->name, s->section, (uint32_t)s->value };
	}
	qsort(p, nr, sizeof(*p), compare_places);
	*ret = p;
	*ret_nr = nr;
	return 0;
}

/* Until libbpf has filled them in, only symbols tell where in a section a variable is. */
static int add_datasec(struct casts *c, uint32_t id, const struct place *place, size_t nr)
{
	const struct btf_type *t = btf__type_by_id(c->btf, id);
	const char *name = btf__name_by_offset(c->btf, t->name_off);
	uint32_t section = name ? cap_elf_find(c->elf, name) : 0;
	const struct btf_var_secinfo *v = btf_var_secinfos(t);

	if (!section)
		return 0;
	c->datasec[section] = id;
	for (unsigned i = 0; i < btf_vlen(t) && c->var.nr < VARS_MAX; i++) {
		const struct btf_type *var = btf__type_by_id(c->btf, v[i].type);
		struct place key = { .section = section }, *found;

		if (!var || !btf_is_var(var))
			continue;
		key.name = btf__name_by_offset(c->btf, var->name_off);
		found = key.name && nr ? bsearch(&key, place, nr, sizeof(key), compare_places)
				       : NULL;
		if (!found)
			continue;
		if (KT_VEC_PUSH(&c->var, (struct cast_var){ section, found->offset, v[i].size,
							    var->type, id }) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int find_variables(struct casts *c)
{
	kt_auto(mem) struct place *place = NULL;
	size_t nr = 0;
	int r = find_places(c, &place, &nr);

	for (uint32_t id = 1; r == 0 && id < btf__type_cnt(c->btf); id++) {
		if (btf_is_datasec(btf__type_by_id(c->btf, id)))
			r = add_datasec(c, id, place, nr);
	}
	return r;
}

/* ---- functions ---- */

static int compare_funcs(const void *a, const void *b)
{
	const struct cast_func *x = a, *y = b;

	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	return (x->start > y->start) - (x->start < y->start);
}

static int find_functions(struct casts *c)
{
	for (size_t i = 0; i < c->elf->nr_syms && c->func.nr < FUNCS_MAX; i++) {
		const struct cap_sym *s = &c->elf->sym[i];
		const struct cap_section *sec = &c->elf->section[s->section];
		struct cast_func f = { .section = s->section };
		const struct btf_type *t;

		if (s->type != STT_FUNC || !s->section || !sec->exec || !sec->data ||
		    s->value > sec->size || s->size > sec->size - s->value)
			continue;
		f.start = (uint32_t)(s->value / sizeof(struct bpf_insn));
		f.nr_insns = (uint32_t)(s->size / sizeof(struct bpf_insn));
		t = btf__type_by_id(c->btf, cast_names_find(&c->funcs, s->name, strlen(s->name)));
		if (t && btf_is_func(t)) {
			f.proto = t->type;
			f.is_static = btf_vlen(t) == BTF_FUNC_STATIC;
		}
		if (KT_VEC_PUSH(&c->func, f) < 0)
			return -ENOMEM;
	}
	if (c->func.nr > 0)
		qsort(c->func.v, c->func.nr, sizeof(*c->func.v), compare_funcs);
	return 0;
}

static struct cast_func *function_at(struct casts *c, const struct cap_sym *s)
{
	struct cast_func key = { .section = s->section,
				 .start = (uint32_t)(s->value / sizeof(struct bpf_insn)) };

	if (c->func.nr == 0)
		return NULL;
	return bsearch(&key, c->func.v, c->func.nr, sizeof(key), compare_funcs);
}

/* The prototype of the member at @offset of a section of struct_ops variables. */
static uint32_t op_proto(struct casts *c, uint32_t section, uint64_t offset)
{
	struct cast_leaf leaf =
		cast_leaf_at(c, c->datasec[section], offset <= INT32_MAX ? (int64_t)offset : -1);
	const struct btf_type *t = btf__type_by_id(c->btf, leaf.parent), *m;
	uint32_t proto;

	if (leaf.kind != CAST_LEAF_PTR || !t || !btf_is_struct(t))
		return 0;
	for (unsigned i = 0; i < btf_vlen(t); i++) {
		if (btf_member_bit_offset(t, i) / 8 != leaf.offset)
			continue;
		m = btf__type_by_id(c->btf, cap_peel(c->btf, btf_members(t)[i].type));
		proto = m && btf_is_ptr(m) ? cap_peel(c->btf, m->type) : 0;
		m = btf__type_by_id(c->btf, proto);
		return m && btf_is_func_proto(m) ? proto : 0;
	}
	return 0;
}

static void find_operations(struct casts *c)
{
	for (uint32_t i = 1; i < c->elf->nr_sections; i++) {
		if (!kt_starts_with(c->elf->section[i].name, ".struct_ops") || !c->datasec[i])
			continue;
		for (size_t j = 0; j < c->nr_rels[i]; j++) {
			struct cast_func *f = function_at(c, &c->elf->sym[c->rel[i][j].sym]);

			if (f)
				f->op_proto = op_proto(c, i, c->rel[i][j].offset);
		}
	}
}

int cast_setup(struct casts *c)
{
	const uint32_t structs = 1u << BTF_KIND_STRUCT | 1u << BTF_KIND_UNION;
	int r = load_relocations(c);

	c->work = WORK_MAX;
	if (r == 0)
		r = cap_btf_ext_parse(c->elf, c->btf, &c->ext);
	if (r == 0)
		r = cast_names_make(c->btf, 1u << BTF_KIND_FUNC, &c->funcs);
	if (r == 0)
		r = cast_names_make(c->btf, structs, &c->structs);
	if (r == 0)
		r = find_variables(c);
	if (r == 0)
		r = find_functions(c);
	if (r < 0)
		return r;
	mark_kernel_types(c);
	find_operations(c);
	return KT_VEC_PUSH(&c->node, (struct cast_node){ 0 }) < 0 ? -ENOMEM : 0;
}

void cast_done(struct casts *c)
{
	for (size_t i = 0; c->rel && i < c->elf->nr_sections; i++)
		free(c->rel[i]);
	cap_btf_ext_done(&c->ext);
	free(c->rel);
	free(c->nr_rels);
	free(c->insn_base);
	free(c->datasec);
	free(c->kernel_type); /* unless the object has it now */
	free(c->var_type);
	free(c->func.v);
	free(c->var.v);
	free(c->funcs.v);
	free(c->structs.v);
	free(c->node.v);
	free(c->slot_key);
	free(c->slot_node);
	free(c->edge.v);
}
