/* SPDX-License-Identifier: GPL-2.0-only */
/* What one instruction does to abstract values. Opcodes: Documentation/bpf/standardization/instruction-set.rst (6.12). */
#include <linux/bpf.h>
#include <string.h>

#include "capture/cast.h"

/* Newer than some linux/bpf.h: atomic loads and stores (kernel 6.15). */
enum { OP_LOAD_ACQ = 0x100, OP_STORE_REL = 0x110 };
/* bpf_rdonly_cast() and friends: the type that an instruction's constant stands for (enum bpf_core_relo_kind). */
enum { CORE_FIELD_OFFSET = 0, CORE_TYPE_ID_LOCAL = 6, CORE_TYPE_ID_TARGET = 7 };
enum { OFFSET_MAX = 1 << 28 };

const struct cap_sym *cast_relocation(const struct cast_at *at)
{
	const struct cap_rel *rel = at->c->rel[at->f->section];
	uint64_t offset = ((uint64_t)at->f->start + at->pc) * sizeof(struct bpf_insn);
	size_t lo = 0, hi = at->c->nr_rels[at->f->section];

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (rel[mid].offset == offset)
			return &at->c->elf->sym[rel[mid].sym];
		if (rel[mid].offset < offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct cap_core_relo *cast_core_relo(const struct cast_at *at)
{
	return cap_core_relo_at(&at->c->ext, at->f->section,
				(at->f->start + at->pc) * (uint32_t)sizeof(struct bpf_insn));
}

static const char *line_of(const struct cast_at *at)
{
	return cap_line_at(&at->c->ext, at->f->section,
			   (at->f->start + at->pc) * (uint32_t)sizeof(struct bpf_insn));
}

struct cast_val cast_fresh(const struct cast_at *at, uint8_t space, uint32_t type)
{
	uint32_t node = cast_node(at->c, CAST_KEY_INSN, cast_insn_number(at), 0);

	if (node == 0)
		return CAST_IS(CAST_UNKNOWN);
	cast_add_space(at->c, node, space);
	cast_add_type(at->c, node, type);
	return (struct cast_val){ .kind = CAST_PTR, .ref = node };
}

void cast_hint_from_line(const struct cast_at *at, uint32_t node)
{
	const struct cast_node *n = cast_at(at->c, node);
	const char *line;

	if (n->type || n->hint_conflict || !(line = line_of(at)))
		return;
	cast_add_hint(at->c, node, cast_line_type(at->c, line));
}

/* A CO-RE relocation about a field names the type of the base register. */
static void type_from_core(const struct cast_at *at, struct cast_val base)
{
	const struct cap_core_relo *relo;

	if (base.kind != CAST_PTR || base.off != 0 || cast_at(at->c, base.ref)->type)
		return;
	relo = cast_core_relo(at);
	if (relo && relo->kind == CORE_FIELD_OFFSET &&
	    !(cast_at(at->c, base.ref)->space & CAST_ARENA))
		cast_add_type(at->c, base.ref, cap_peel(at->c->btf, relo->type_id));
}

/* ---- memory ---- */

void cast_forget_stack(struct cast_state *s, int32_t off, uint32_t bytes)
{
	for (int i = 0; i < CAST_SLOTS; i++) {
		int64_t start = -8 * ((int64_t)i + 1);

		if (start < (int64_t)off + bytes && start + 8 > off)
			s->stack[i] = CAST_IS(CAST_UNKNOWN);
	}
}

static struct cast_val *stack_slot(struct cast_state *s, int64_t off)
{
	if (off % 8 || off > -8 || off < -CAST_STACK_BYTES)
		return NULL;
	return &s->stack[-off / 8 - 1];
}

static struct cast_val load_context(const struct cast_at *at, uint32_t proto, int32_t off,
				    uint32_t bytes)
{
	const struct btf_type *t = btf__type_by_id(at->c->btf, proto);
	uint32_t type, node;

	if (bytes != 8 || off % 8 || off < 0 || off / 8 >= btf_vlen(t))
		return CAST_IS(bytes == 8 ? CAST_UNKNOWN : CAST_NUM);
	type = cast_pointee(at->c->btf, btf_params(t)[off / 8].type);
	if (!type) {
		t = btf__type_by_id(at->c->btf, cap_peel(at->c->btf, btf_params(t)[off / 8].type));
		return CAST_IS(t && btf_is_int(t) ? CAST_NUM : CAST_UNKNOWN);
	}
	node = cast_node(at->c, CAST_KEY_ARG, at->c->insn_base[at->f->section] + at->f->start,
			 (uint32_t)off / 8);
	cast_add_type(at->c, node, type);
	cast_add_space(at->c, node, CAST_KERNEL);
	return (struct cast_val){ .kind = CAST_PTR, .ref = node };
}

static uint32_t field_node(struct casts *c, const struct cast_leaf *leaf)
{
	uint32_t node = cast_node(c, CAST_KEY_FIELD, leaf->parent, leaf->offset);

	if (node) {
		cast_at(c, node)->is_field = true;
		cast_at(c, node)->parent = leaf->parent;
		cast_at(c, node)->offset = leaf->offset;
	}
	return node;
}

static struct cast_val load_member(const struct cast_at *at, uint8_t space, struct cast_leaf leaf)
{
	struct cast_val v = { .kind = CAST_PTR };

	if (leaf.kind == CAST_LEAF_PTR && leaf.skew == 0) {
		space &= CAST_KERNEL;
		if (leaf.kernel_tag)
			space |= CAST_KERNEL;
		if (leaf.arena_tag)
			space |= CAST_ARENA;
		return cast_fresh(at, space, leaf.target);
	}
	if (leaf.kind != CAST_LEAF_U64 || space & CAST_KERNEL)
		return CAST_IS(CAST_UNKNOWN);
	v.ref = field_node(at->c, &leaf);
	if (v.ref == 0)
		return CAST_IS(CAST_UNKNOWN);
	cast_hint_from_line(at, v.ref);
	return v;
}

struct cast_val cast_load(const struct cast_at *at, struct cast_state *s, struct cast_val base,
			  int32_t off, uint32_t bytes)
{
	const struct cast_val *slot;
	uint32_t type;

	if (base.kind == CAST_STACK && bytes == 8) {
		slot = stack_slot(s, (int64_t)base.off + off);
		return slot ? *slot : CAST_IS(CAST_UNKNOWN);
	}
	if (base.kind == CAST_CTX)
		return load_context(at, base.ref, base.off + off, bytes);
	if (base.kind != CAST_PTR)
		return CAST_IS(bytes == 8 ? CAST_UNKNOWN : CAST_NUM);
	type_from_core(at, base);
	base.off += off;
	base = cast_normal(at->c, base);
	if (base.kind != CAST_PTR)
		return CAST_IS(CAST_UNKNOWN);
	cast_add_access(at->c, base.ref, base.off, bytes);
	type = cast_at(at->c, base.ref)->type;
	if (bytes < 8)
		return CAST_IS(CAST_NUM);
	if (!type || cast_at(at->c, base.ref)->conflict)
		return CAST_IS(CAST_UNKNOWN);
	return load_member(at, cast_at(at->c, base.ref)->space,
			   cast_leaf_at(at->c, type, base.off));
}

void cast_store(const struct cast_at *at, struct cast_state *s, struct cast_val base, int32_t off,
		uint32_t bytes, struct cast_val v)
{
	struct cast_leaf leaf;
	struct cast_node *n;

	if (base.kind == CAST_STACK) {
		struct cast_val *slot = stack_slot(s, (int64_t)base.off + off);

		cast_forget_stack(s, base.off + off, bytes);
		if (slot && bytes == 8)
			*slot = v;
		return;
	}
	if (base.kind != CAST_PTR)
		return;
	base.off += off;
	base = cast_normal(at->c, base);
	if (base.kind != CAST_PTR)
		return;
	cast_add_access(at->c, base.ref, base.off, bytes);
	n = cast_at(at->c, base.ref);
	if (!n->type || n->conflict || n->space & CAST_KERNEL)
		return;
	leaf = cast_leaf_at(at->c, n->type, base.off);
	if (leaf.kind == CAST_LEAF_U64)
		cast_store_field(at->c, field_node(at->c, &leaf),
				 bytes == 8 ? v : CAST_IS(CAST_NUM));
	else if (leaf.kind == CAST_LEAF_PTR && bytes == 8 && v.kind == CAST_PTR && v.off == 0 &&
		 !leaf.skew)
		cast_add_type(at->c, v.ref, leaf.target);
}

static uint32_t access_bytes(uint8_t code)
{
	switch (BPF_SIZE(code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	default:
		return 8;
	}
}

static void step_atomic(const struct cast_at *at, struct bpf_insn i, struct cast_state *s)
{
	struct cast_val base = s->reg[i.dst_reg], v = s->reg[i.src_reg];
	uint32_t bytes = access_bytes(i.code);

	switch (i.imm) {
	case OP_LOAD_ACQ:
		s->reg[i.dst_reg] = cast_load(at, s, v, i.off, bytes);
		return;
	case OP_STORE_REL:
		cast_store(at, s, base, i.off, bytes, v);
		return;
	case BPF_XCHG:
		cast_store(at, s, base, i.off, bytes, v);
		s->reg[i.src_reg] = CAST_IS(CAST_UNKNOWN);
		return;
	case BPF_CMPXCHG:
		cast_store(at, s, base, i.off, bytes, v);
		s->reg[0] = CAST_IS(CAST_UNKNOWN);
		return;
	default: /* arithmetic in place: a number */
		cast_store(at, s, base, i.off, bytes, CAST_IS(CAST_NUM));
		if (i.imm & BPF_FETCH)
			s->reg[i.src_reg] = CAST_IS(CAST_NUM);
		return;
	}
}

/* ---- arithmetic ---- */

static uint8_t proven(struct casts *c, struct cast_val v)
{
	return v.kind == CAST_PTR
		       ? cast_at(c, v.ref)->space & (CAST_ARENA | CAST_KERNEL | CAST_PROGRAM)
		       : 0;
}

/* Of an array behind @v, any element; else memory of the same kind, and no more is known. */
static struct cast_val indexed(const struct cast_at *at, struct cast_val v)
{
	uint32_t type, off, number = cast_insn_number(at), node;
	struct cast_val r = { .kind = CAST_PTR };

	v = cast_normal(at->c, v);
	if (v.kind != CAST_PTR)
		return v;
	if (cast_at(at->c, v.ref)->space & CAST_KERNEL)
		return CAST_IS(CAST_UNKNOWN);
	type = cast_at(at->c, v.ref)->type;
	node = cast_node(at->c, CAST_KEY_INSN, number, 1);
	if (node == 0)
		return CAST_IS(CAST_UNKNOWN);
	cast_add_space(at->c, node, cast_at(at->c, v.ref)->space & (CAST_ARENA | CAST_PROGRAM));
	if (type && cast_array_at(at->c, type, v.off, &type, &off)) {
		cast_add_type(at->c, node, type);
		r.off = (int32_t)off;
	}
	r.ref = node;
	return r;
}

static struct cast_val moved(struct cast_val v, int64_t by)
{
	int64_t off = (int64_t)v.off + by;

	if (off > OFFSET_MAX || off < -OFFSET_MAX)
		return CAST_IS(v.kind == CAST_CONST ? CAST_NUM : CAST_UNKNOWN);
	v.off = (int32_t)off;
	return v;
}

static struct cast_val sum(const struct cast_at *at, struct cast_val a, struct cast_val b, int sign)
{
	if (b.kind == CAST_CONST &&
	    (a.kind == CAST_PTR || a.kind == CAST_CONST || a.kind == CAST_STACK)) {
		type_from_core(at, a);
		return moved(a, (int64_t)sign * b.off);
	}
	if (sign > 0 && a.kind == CAST_CONST && (b.kind == CAST_PTR || b.kind == CAST_STACK))
		return moved(b, a.off);
	if (proven(at->c, a) && !proven(at->c, b))
		return indexed(at, a);
	if (sign > 0 && proven(at->c, b) && !proven(at->c, a))
		return indexed(at, b);
	if ((a.kind == CAST_NUM || a.kind == CAST_CONST || a.kind == CAST_TYPE_ID) &&
	    (b.kind == CAST_NUM || b.kind == CAST_CONST || b.kind == CAST_TYPE_ID))
		return CAST_IS(CAST_NUM);
	return CAST_IS(CAST_UNKNOWN);
}

/* addr_space_cast: the operand is a pointer into the arena, whatever it was declared as (kernel 6.9). */
static struct cast_val space_cast(const struct cast_at *at, struct cast_val v)
{
	v = cast_normal(at->c, v);
	if (v.kind != CAST_PTR)
		v = cast_fresh(at, CAST_ARENA, 0);
	if (v.kind != CAST_PTR)
		return v;
	cast_add_space(at->c, v.ref, CAST_ARENA);
	if (v.off == 0)
		cast_hint_from_line(at, v.ref);
	return v;
}

static void step_alu(const struct cast_at *at, struct bpf_insn i, struct cast_state *s)
{
	bool wide = BPF_CLASS(i.code) == BPF_ALU64, by_reg = BPF_SRC(i.code) == BPF_X;
	struct cast_val a = s->reg[i.dst_reg], b;

	b = by_reg ? s->reg[i.src_reg] : (struct cast_val){ .kind = CAST_CONST, .off = i.imm };
	if (BPF_OP(i.code) == BPF_MOV) {
		if (!by_reg || (wide && i.off == 0))
			a = b;
		else if (wide && i.off == 1)
			a = space_cast(at, b);
		else
			a = CAST_IS(CAST_NUM);
	} else if (wide && (BPF_OP(i.code) == BPF_ADD || BPF_OP(i.code) == BPF_SUB)) {
		a = sum(at, a, b, BPF_OP(i.code) == BPF_ADD ? 1 : -1);
	} else if (wide && (a.kind == CAST_PTR || a.kind == CAST_UNKNOWN) &&
		   (BPF_OP(i.code) == BPF_AND || BPF_OP(i.code) == BPF_OR)) {
		a = CAST_IS(CAST_UNKNOWN);
	} else {
		a = CAST_IS(CAST_NUM);
	}
	s->reg[i.dst_reg] = a;
}

/* ---- constants ---- */

static struct cast_val symbol_value(const struct cast_at *at, const struct cap_sym *sym,
				    int32_t add)
{
	const char *name = at->c->elf->section[sym->section].name;
	struct cast_val v = { .kind = CAST_PTR };
	uint32_t datasec = at->c->datasec[sym->section];
	bool arena = kt_starts_with(name, ".addr_space.1") || kt_starts_with(name, ".arena");

	if (!sym->section || !datasec || sym->value + (uint64_t)(uint32_t)add > OFFSET_MAX)
		return CAST_IS(CAST_UNKNOWN);
	v.off = (int32_t)sym->value + add;
	if (kt_streq(name, ".maps")) {
		for (size_t i = 0; i < at->c->var.nr; i++) {
			const struct cast_var *var = &at->c->var.v[i];

			if (var->section == sym->section && var->offset == (uint32_t)v.off)
				return (struct cast_val){ .kind = CAST_MAP,
							  .ref = cap_peel(at->c->btf, var->type) };
		}
		return CAST_IS(CAST_UNKNOWN);
	}
	v.ref = cast_node(at->c, CAST_KEY_SECTION, sym->section, 0);
	if (v.ref == 0)
		return CAST_IS(CAST_UNKNOWN);
	cast_add_space(at->c, v.ref, arena ? CAST_ARENA : CAST_PROGRAM);
	cast_add_type(at->c, v.ref, datasec);
	return v;
}

static void step_constant(const struct cast_at *at, struct bpf_insn i, struct cast_state *s)
{
	const struct cap_core_relo *relo = cast_core_relo(at);
	const struct cap_sym *sym = cast_relocation(at);
	struct bpf_insn high = { 0 };
	struct cast_val v;

	if (at->pc + 1 < at->f->nr_insns)
		high = cast_fetch(at, at->pc + 1);
	if (sym)
		v = symbol_value(at, sym, i.imm);
	else if (relo && (relo->kind == CORE_TYPE_ID_LOCAL || relo->kind == CORE_TYPE_ID_TARGET))
		v = (struct cast_val){ .kind = CAST_TYPE_ID,
				       .ref = cap_peel(at->c->btf, relo->type_id) };
	else if (high.imm == 0 && i.imm >= 0)
		v = (struct cast_val){ .kind = CAST_CONST, .off = i.imm };
	else
		v = CAST_IS(CAST_NUM);
	s->reg[i.dst_reg] = v;
}

void cast_step(const struct cast_at *at, struct bpf_insn i, struct cast_state *s)
{
	if (i.dst_reg >= CAST_REGS || i.src_reg >= CAST_REGS)
		return;
	switch (BPF_CLASS(i.code)) {
	case BPF_LD:
		if (i.code == (BPF_LD | BPF_IMM | BPF_DW))
			step_constant(at, i, s);
		else
			s->reg[0] = CAST_IS(CAST_NUM);
		break;
	case BPF_LDX:
		s->reg[i.dst_reg] =
			cast_load(at, s, s->reg[i.src_reg], i.off, access_bytes(i.code));
		break;
	case BPF_ST:
		cast_store(at, s, s->reg[i.dst_reg], i.off, access_bytes(i.code),
			   (struct cast_val){ .kind = CAST_CONST, .off = i.imm });
		break;
	case BPF_STX:
		if (BPF_MODE(i.code) == BPF_ATOMIC)
			step_atomic(at, i, s);
		else
			cast_store(at, s, s->reg[i.dst_reg], i.off, access_bytes(i.code),
				   s->reg[i.src_reg]);
		break;
	case BPF_ALU:
	case BPF_ALU64:
		step_alu(at, i, s);
		break;
	default: /* jumps are the flow's, so this is a call */
		cast_step_call(at, i, s);
		break;
	}
	s->reg[10] = CAST_IS(CAST_STACK);
}
