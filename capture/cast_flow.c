/* SPDX-License-Identifier: GPL-2.0-only */
/* Follows one function: from block to block until nothing changes, values that differ becoming unknown where paths meet. */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "capture/cast.h"

enum { BLOCKS_MAX = 1 << 15, VISITS_MAX = 32, NO_BLOCK = 0 };

struct flow {
	struct casts *c;
	struct cast_func *f;
	uint32_t *block; /* per instruction: the block that begins there, from 1; NO_BLOCK */
	struct cast_state *state; /* per block */
	uint8_t *visits;
	bool *queued;
	uint32_t *queue; /* of first instructions */
	size_t nr_queue, nr_blocks;
};

static void flow_done(struct flow *w)
{
	free(w->block);
	free(w->state);
	free(w->visits);
	free(w->queued);
	free(w->queue);
}

struct bpf_insn cast_fetch(const struct cast_at *at, uint32_t pc)
{
	const struct cap_section *s = &at->c->elf->section[at->f->section];
	struct bpf_insn insn;

	memcpy(&insn, s->data + ((size_t)at->f->start + pc) * sizeof(insn), sizeof(insn));
	return insn;
}

static bool is_jump(struct bpf_insn i)
{
	uint8_t class = BPF_CLASS(i.code), op = BPF_OP(i.code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

/* "goto" with 32 bits of distance is of the class with 32-bit operands (kernel 6.6). */
static bool jump_target(const struct flow *w, struct bpf_insn i, uint32_t pc, uint32_t *ret)
{
	bool far = BPF_CLASS(i.code) == BPF_JMP32 && BPF_OP(i.code) == BPF_JA;
	int64_t to = (int64_t)pc + 1 + (far ? i.imm : i.off);

	if (to < 0 || to >= w->f->nr_insns)
		return false;
	*ret = (uint32_t)to;
	return true;
}

static bool falls_through(struct bpf_insn i)
{
	return !(is_jump(i) && BPF_OP(i.code) == BPF_JA) &&
	       !(BPF_CLASS(i.code) == BPF_JMP && BPF_OP(i.code) == BPF_EXIT);
}

static void begin_block(struct flow *w, uint32_t pc)
{
	if (pc < w->f->nr_insns && w->block[pc] == NO_BLOCK && w->nr_blocks < BLOCKS_MAX)
		w->block[pc] = (uint32_t)++w->nr_blocks;
}

static int flow_init(struct flow *w)
{
	struct cast_at at = { .c = w->c, .f = w->f };
	size_t nr;

	w->block = calloc(w->f->nr_insns, sizeof(*w->block));
	if (!w->block)
		return -ENOMEM;
	begin_block(w, 0);
	for (uint32_t pc = 0; pc < w->f->nr_insns; pc++) {
		struct bpf_insn i = cast_fetch(&at, pc);
		uint32_t to;

		if (!is_jump(i))
			continue;
		if (jump_target(w, i, pc, &to))
			begin_block(w, to);
		begin_block(w, pc + 1);
	}
	nr = w->nr_blocks + 1;
	w->state = calloc(nr, sizeof(*w->state));
	w->visits = calloc(nr, sizeof(*w->visits));
	w->queued = calloc(nr, sizeof(*w->queued));
	w->queue = calloc(nr, sizeof(*w->queue));
	return w->state && w->visits && w->queued && w->queue ? 0 : -ENOMEM;
}

static bool both_numbers(struct cast_val a, struct cast_val b)
{
	return (a.kind == CAST_NUM || a.kind == CAST_CONST || a.kind == CAST_TYPE_ID) &&
	       (b.kind == CAST_NUM || b.kind == CAST_CONST || b.kind == CAST_TYPE_ID);
}

static bool is_null(struct cast_val v)
{
	return v.kind == CAST_CONST && v.off == 0;
}

static struct cast_val meet(struct casts *c, struct cast_val a, struct cast_val b)
{
	if (b.kind == CAST_UNSET || (a.kind == b.kind && a.off == b.off && a.ref == b.ref))
		return a;
	if (a.kind == CAST_UNSET || (is_null(a) && b.kind == CAST_PTR))
		return b;
	if (is_null(b) && a.kind == CAST_PTR)
		return a;
	if (both_numbers(a, b))
		return CAST_IS(CAST_NUM);
	if (a.kind == CAST_PTR && b.kind == CAST_PTR && a.off == b.off && cast_at(c, a.ref)->type &&
	    cast_at(c, a.ref)->type == cast_at(c, b.ref)->type &&
	    cast_at(c, a.ref)->space == cast_at(c, b.ref)->space && !cast_at(c, a.ref)->is_field &&
	    !cast_at(c, b.ref)->is_field)
		return a;
	return CAST_IS(CAST_UNKNOWN);
}

bool cast_merge(struct casts *c, struct cast_val *into, struct cast_val v)
{
	struct cast_val was = *into;

	*into = meet(c, was, v);
	return into->kind != was.kind || into->off != was.off || into->ref != was.ref;
}

static void enter_block(struct flow *w, uint32_t pc, const struct cast_state *s)
{
	uint32_t b = pc < w->f->nr_insns ? w->block[pc] : NO_BLOCK;
	bool changed;

	if (b == NO_BLOCK || w->visits[b] >= VISITS_MAX)
		return;
	changed = w->visits[b] == 0;
	for (unsigned i = 0; i < CAST_REGS; i++)
		changed |= cast_merge(w->c, &w->state[b].reg[i], s->reg[i]);
	for (unsigned i = 0; i < CAST_SLOTS; i++)
		changed |= cast_merge(w->c, &w->state[b].stack[i], s->stack[i]);
	if (!changed || w->queued[b])
		return;
	w->queued[b] = true;
	w->queue[w->nr_queue++] = pc;
}

static void run_block(struct flow *w, uint32_t pc)
{
	struct cast_state s = w->state[w->block[pc]];
	struct cast_at at = { .c = w->c, .f = w->f };

	for (uint32_t first = pc; pc < w->f->nr_insns; pc++) {
		struct bpf_insn i = cast_fetch(&at, pc);
		uint32_t to;

		if (pc != first && w->block[pc] != NO_BLOCK) {
			enter_block(w, pc, &s);
			return;
		}
		if (w->c->work == 0)
			return;
		w->c->work--;
		at.pc = pc;
		if (is_jump(i)) {
			if (jump_target(w, i, pc, &to))
				enter_block(w, to, &s);
			if (falls_through(i))
				enter_block(w, pc + 1, &s);
			return;
		}
		if (!falls_through(i)) {
			w->c->changed |= cast_merge(w->c, &w->f->ret, s.reg[0]);
			return;
		}
		cast_step(&at, i, &s);
		if (i.code == (BPF_LD | BPF_IMM | BPF_DW))
			pc++;
	}
}

static struct cast_state entry_state(struct casts *c, struct cast_func *f)
{
	const struct btf_type *t = btf__type_by_id(c->btf, f->proto);
	struct cast_state s;

	for (unsigned i = 0; i < CAST_REGS; i++)
		s.reg[i] = CAST_IS(CAST_UNKNOWN);
	for (unsigned i = 0; i < CAST_SLOTS; i++)
		s.stack[i] = CAST_IS(CAST_UNKNOWN);
	s.reg[10] = CAST_IS(CAST_STACK);
	if (f->op_proto) {
		s.reg[1] = (struct cast_val){ .kind = CAST_CTX, .ref = f->op_proto };
		return s;
	}
	for (unsigned i = 0; f->is_static && i < CAST_ARGS; i++) {
		if (f->arg[i].kind != CAST_UNSET)
			s.reg[1 + i] = f->arg[i];
	}
	if (f->is_static || !t || !btf_is_func_proto(t))
		return s;
	for (unsigned i = 0; i < btf_vlen(t) && i < CAST_ARGS; i++) {
		uint32_t type = cast_pointee(c->btf, btf_params(t)[i].type), node;

		if (!type)
			continue;
		node = cast_node(c, CAST_KEY_ARG, c->insn_base[f->section] + f->start, i);
		cast_add_type(c, node, type);
		s.reg[1 + i] = (struct cast_val){ .kind = CAST_PTR, .ref = node };
	}
	return s;
}

int cast_follow(struct casts *c, struct cast_func *f)
{
	struct flow w = { .c = c, .f = f };
	struct cast_state s;
	int r;

	if (f->nr_insns == 0)
		return 0;
	r = flow_init(&w);
	if (r == 0) {
		s = entry_state(c, f);
		enter_block(&w, 0, &s);
	}
	while (r == 0 && w.nr_queue > 0 && !c->oom) {
		uint32_t pc = w.queue[--w.nr_queue];

		w.queued[w.block[pc]] = false;
		w.visits[w.block[pc]]++;
		run_block(&w, pc);
	}
	flow_done(&w);
	return c->oom ? -ENOMEM : r;
}
