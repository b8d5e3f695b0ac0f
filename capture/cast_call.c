/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls: helpers by number, kfuncs and the object's own functions by their symbol and BTF prototype. */
#include <linux/bpf.h>
#include <string.h>

#include "capture/cast.h"

enum { STACK_ALL = CAST_STACK_BYTES };

/* What a helper does that matters here (numbers: include/uapi/linux/bpf.h, enum bpf_func_id). */
enum helper_kind {
	HELPER_OTHER,
	HELPER_NUMBER, /* returns one */
	HELPER_VALUE, /* pointer to a value of the map in R1 */
	HELPER_UPDATE, /* copies a value to the map, from R3 */
	HELPER_PUSH, /* the same, from R2 */
	HELPER_TASK, /* the current task */
	HELPER_READ, /* copies R2 bytes of the kernel's memory at R3 to R1 */
};
static enum helper_kind helper_kind(int32_t id)
{
	static const struct {
		int32_t id;
		enum helper_kind kind;
	} known[] = {
		{ BPF_FUNC_map_lookup_elem, HELPER_VALUE },
		{ BPF_FUNC_map_lookup_percpu_elem, HELPER_VALUE },
		{ BPF_FUNC_task_storage_get, HELPER_VALUE },
		{ BPF_FUNC_inode_storage_get, HELPER_VALUE },
		{ BPF_FUNC_sk_storage_get, HELPER_VALUE },
		{ BPF_FUNC_cgrp_storage_get, HELPER_VALUE },
		{ BPF_FUNC_get_local_storage, HELPER_VALUE },
		{ BPF_FUNC_map_update_elem, HELPER_UPDATE },
		{ BPF_FUNC_map_push_elem, HELPER_PUSH },
		{ BPF_FUNC_get_current_task, HELPER_TASK },
		{ BPF_FUNC_get_current_task_btf, HELPER_TASK },
		{ BPF_FUNC_probe_read, HELPER_READ },
		{ BPF_FUNC_probe_read_str, HELPER_READ },
		{ BPF_FUNC_probe_read_kernel, HELPER_READ },
		{ BPF_FUNC_probe_read_kernel_str, HELPER_READ },
		{ BPF_FUNC_ktime_get_ns, HELPER_NUMBER },
		{ BPF_FUNC_ktime_get_boot_ns, HELPER_NUMBER },
		{ BPF_FUNC_ktime_get_coarse_ns, HELPER_NUMBER },
		{ BPF_FUNC_ktime_get_tai_ns, HELPER_NUMBER },
		{ BPF_FUNC_jiffies64, HELPER_NUMBER },
		{ BPF_FUNC_get_prandom_u32, HELPER_NUMBER },
		{ BPF_FUNC_get_smp_processor_id, HELPER_NUMBER },
		{ BPF_FUNC_get_numa_node_id, HELPER_NUMBER },
		{ BPF_FUNC_get_current_pid_tgid, HELPER_NUMBER },
		{ BPF_FUNC_get_current_uid_gid, HELPER_NUMBER },
		{ BPF_FUNC_get_current_cgroup_id, HELPER_NUMBER },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].id == id)
			return known[i].kind;
	}
	return HELPER_OTHER;
}

/* The type of a map's values: what the "value" member of its definition points to. 0: not told. */
static uint32_t map_value_type(const struct btf *btf, struct cast_val map)
{
	const struct btf_type *t = btf__type_by_id(btf, map.ref), *m;

	if (map.kind != CAST_MAP || !t || !btf_is_struct(t))
		return 0;
	for (unsigned i = 0; i < btf_vlen(t); i++) {
		const char *name = btf__name_by_offset(btf, btf_members(t)[i].name_off);

		if (!name || !kt_streq(name, "value"))
			continue;
		m = btf__type_by_id(btf, cap_peel(btf, btf_members(t)[i].type));
		return m && btf_is_ptr(m) ? cap_peel(btf, m->type) : 0;
	}
	return 0;
}

/* A copy of @from becomes a value: as if each of its words were stored there. */
static void copy_to_map(const struct cast_at *at, struct cast_state *s, struct cast_val map,
			struct cast_val from)
{
	uint32_t type = map_value_type(at->c->btf, map);
	struct cast_val to = cast_fresh(at, CAST_PROGRAM, type);
	int64_t bytes = type ? btf__resolve_size(at->c->btf, type) : 0;

	if (from.kind != CAST_STACK || to.kind != CAST_PTR)
		return;
	for (int32_t off = 0; off + 8 <= bytes && off < CAST_STACK_BYTES; off += 8) {
		struct cast_val v = cast_load(at, s, from, off, 8);

		cast_store(at, s, to, off, 8, v);
	}
}

static uint32_t struct_named(const struct casts *c, const char *name)
{
	return cast_names_find(&c->structs, name, strlen(name));
}

/* What the callee was given the address of may have changed. */
static void forget_arguments(struct cast_state *s, unsigned first)
{
	for (unsigned i = first; i <= CAST_ARGS; i++) {
		if (s->reg[i].kind == CAST_STACK)
			cast_forget_stack(s, s->reg[i].off, STACK_ALL);
	}
}

static struct cast_val read_kernel(const struct cast_at *at, struct cast_state *s)
{
	struct cast_val from = s->reg[3];

	if (from.kind == CAST_PTR)
		cast_add_space(at->c, from.ref, CAST_KERNEL);
	if (s->reg[1].kind == CAST_STACK)
		cast_forget_stack(s, s->reg[1].off,
				  s->reg[2].kind == CAST_CONST && s->reg[2].off > 0
					  ? (uint32_t)s->reg[2].off
					  : STACK_ALL);
	return CAST_IS(CAST_NUM);
}

static struct cast_val call_helper(const struct cast_at *at, int32_t id, struct cast_state *s)
{
	switch (helper_kind(id)) {
	case HELPER_VALUE: {
		uint32_t type = map_value_type(at->c->btf, s->reg[1]);

		return type ? cast_fresh(at, CAST_PROGRAM, type) : CAST_IS(CAST_UNKNOWN);
	}
	case HELPER_UPDATE:
		copy_to_map(at, s, s->reg[1], s->reg[3]);
		return CAST_IS(CAST_NUM);
	case HELPER_PUSH:
		copy_to_map(at, s, s->reg[1], s->reg[2]);
		return CAST_IS(CAST_NUM);
	case HELPER_TASK:
		return cast_fresh(at, CAST_KERNEL, struct_named(at->c, "task_struct"));
	case HELPER_READ:
		return read_kernel(at, s);
	case HELPER_NUMBER:
		return CAST_IS(CAST_NUM);
	case HELPER_OTHER:
		break;
	}
	forget_arguments(s, 1);
	return CAST_IS(CAST_UNKNOWN);
}

/* bpf_rdonly_cast(address, type id) says what an address is that was a number before. */
static struct cast_val call_rdonly_cast(const struct cast_at *at, struct cast_state *s)
{
	struct cast_val from = s->reg[1];
	uint32_t type = s->reg[2].kind == CAST_TYPE_ID ? s->reg[2].ref : 0;

	if (from.kind == CAST_PTR && from.off == 0) {
		cast_add_space(at->c, from.ref, CAST_KERNEL);
		cast_add_type(at->c, from.ref, type);
	}
	return cast_fresh(at, CAST_KERNEL, type);
}

static const struct btf_type *proto_named(const struct casts *c, const char *name)
{
	const struct btf_type *t =
		btf__type_by_id(c->btf, cast_names_find(&c->funcs, name, strlen(name)));

	t = t && btf_is_func(t) ? btf__type_by_id(c->btf, t->type) : NULL;
	return t && btf_is_func_proto(t) ? t : NULL;
}

static bool returns_number(const struct btf *btf, const struct btf_type *proto)
{
	const struct btf_type *t = btf__type_by_id(btf, cap_peel(btf, proto->type));

	return t && (btf_is_int(t) || btf_is_any_enum(t));
}

/* A kfunc, whose pointers are the kernel's, but for those that give pages of the arena. */
static struct cast_val call_kfunc(const struct cast_at *at, const char *name, struct cast_state *s)
{
	const struct btf_type *proto = proto_named(at->c, name);
	uint32_t type;

	if (kt_streq(name, "bpf_rdonly_cast"))
		return call_rdonly_cast(at, s);
	forget_arguments(s, 1);
	if (kt_starts_with(name, "bpf_arena_alloc")) {
		struct cast_val v = cast_fresh(at, CAST_ARENA, 0);

		if (v.kind == CAST_PTR)
			cast_hint_from_line(at, v.ref);
		return v;
	}
	if (!proto)
		return CAST_IS(CAST_UNKNOWN);
	type = cast_pointee(at->c->btf, proto->type);
	if (type)
		return cast_fresh(at, CAST_KERNEL, type);
	return CAST_IS(returns_number(at->c->btf, proto) ? CAST_NUM : CAST_UNKNOWN);
}

static struct cast_func *function_of(struct casts *c, uint32_t section, int64_t insn)
{
	for (size_t lo = 0, hi = c->func.nr; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;
		struct cast_func *f = &c->func.v[mid];

		if (f->section == section && f->start == insn)
			return f;
		if (f->section < section || (f->section == section && f->start < insn))
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static void pass_arguments(const struct cast_at *at, struct cast_func *callee,
			   const struct cast_state *s)
{
	for (unsigned i = 0; i < CAST_ARGS; i++) {
		struct cast_val v = s->reg[1 + i];
		uint32_t node;

		if (callee->is_static) {
			/* a pointer to our stack is no pointer to the callee's */
			if (v.kind == CAST_STACK || v.kind == CAST_CTX || v.kind == CAST_UNSET)
				v = CAST_IS(CAST_UNKNOWN);
			at->c->changed |= cast_merge(at->c, &callee->arg[i], v);
			continue;
		}
		if (v.kind != CAST_PTR || v.off != 0)
			continue;
		node = cast_node(at->c, CAST_KEY_ARG,
				 at->c->insn_base[callee->section] + callee->start, i);
		cast_add_space(at->c, node,
			       cast_at(at->c, v.ref)->space &
				       (CAST_ARENA | CAST_KERNEL | CAST_PROGRAM));
	}
}

/* What it returned: by its prototype, and from the same kind of memory. */
static struct cast_val returned(const struct cast_at *at, const struct cast_func *callee)
{
	const struct btf_type *proto = btf__type_by_id(at->c->btf, callee->proto);
	struct cast_val r = callee->ret, v;
	uint32_t type = 0;
	uint8_t space = 0;

	if (proto && btf_is_func_proto(proto)) {
		type = cast_pointee(at->c->btf, proto->type);
		if (!type && returns_number(at->c->btf, proto) && r.kind != CAST_PTR)
			return CAST_IS(r.kind == CAST_UNKNOWN ? CAST_UNKNOWN : CAST_NUM);
	}
	if (r.kind == CAST_PTR) {
		r = cast_normal(at->c, r);
		space = r.kind == CAST_PTR ? cast_at(at->c, r.ref)->space &
						     (CAST_ARENA | CAST_KERNEL | CAST_PROGRAM)
					   : 0;
	}
	if (!type && !space)
		return CAST_IS(CAST_UNKNOWN);
	if (!type && r.kind == CAST_PTR && r.off == 0 && !cast_at(at->c, r.ref)->conflict)
		type = cast_at(at->c, r.ref)->type;
	v = cast_fresh(at, space, type);
	if (v.kind == CAST_PTR && r.kind == CAST_PTR && cast_at(at->c, r.ref)->payload)
		cast_at(at->c, v.ref)->payload = true;
	return v;
}

static struct cast_val call_function(const struct cast_at *at, uint32_t section, int64_t insn,
				     struct cast_state *s)
{
	struct cast_func *callee = function_of(at->c, section, insn);

	if (!callee) {
		forget_arguments(s, 1);
		return CAST_IS(CAST_UNKNOWN);
	}
	pass_arguments(at, callee, s);
	forget_arguments(s, 1);
	return returned(at, callee);
}

void cast_step_call(const struct cast_at *at, struct bpf_insn i, struct cast_state *s)
{
	const struct cap_sym *sym = cast_relocation(at);
	struct cast_val r;

	if (sym && !sym->section)
		r = call_kfunc(at, sym->name, s);
	else if (sym)
		r = call_function(at, sym->section,
				  (int64_t)(sym->value / sizeof(struct bpf_insn)) + i.imm + 1, s);
	else if (i.src_reg == BPF_PSEUDO_CALL)
		r = call_function(at, at->f->section, (int64_t)at->f->start + at->pc + 1 + i.imm,
				  s);
	else
		r = call_helper(at, i.imm, s);
	s->reg[0] = r;
	for (unsigned reg = 1; reg <= CAST_ARGS; reg++)
		s->reg[reg] = CAST_IS(CAST_UNKNOWN);
}
