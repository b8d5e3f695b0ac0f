/* SPDX-License-Identifier: GPL-2.0-only */
/* Pointers, and numbers that are pointers: where they lead, and whether it is worth going there. */
#include "capture/render.h"

#define ARENA_CHASE "arena chase: "
#define KERNEL_CAST "kernel cast: "
#define ARENA_BYTES (1ULL << 32)

bool cap_walk_may_follow(const struct cap_walk *w)
{
	return w->r->g && w->depth < RENDER_DEPTH_MAX;
}

static bool in_arena(const struct cap_walk *w, uint64_t addr)
{
	const struct cap_arena *a = w->r->arena;

	return a && a->user_vm_start && addr - a->user_vm_start < ARENA_BYTES;
}

/* The low half is what counts, for the kernel and for programs. */
static uint64_t arena_address(const struct cap_walk *w, uint64_t low)
{
	return (w->r->arena->user_vm_start & ~(uint64_t)UINT32_MAX) | (uint32_t)low;
}

/* ---- what is at an address of the arena ---- */

/* The slot's payload, when its type is one of ours. NULL, or why not. */
static const char *use_slot(struct cap_walk *w, struct cap_slot *slot, struct cap_target *ret)
{
	if (slot->rendered)
		return ARENA_CHASE "already rendered elsewhere";
	if (slot->elem_bytes <= slot->header_bytes)
		return ARENA_CHASE "header underrun, the slot is not larger than its header";
	ret->slot = slot;
	ret->addr = arena_address(w, slot->user_addr + slot->header_bytes);
	ret->type_id = slot->type_id;
	ret->bytes_max = slot->elem_bytes - slot->header_bytes;
	return NULL;
}

/* One that can tell what is there: types of other objects have other ids. */
static struct cap_slot *find_slot(const struct cap_walk *w, uint64_t addr)
{
	struct cap_slot *slot = w->r->d ? cap_slot_find(w->r->d, addr) : NULL;

	return slot && slot->type_id && slot->btf_kva.v == w->btf->kva.v ? slot : NULL;
}

/* Of a struct that is only declared here. */
static const char *find_body(struct cap_walk *w, const struct cap_type *fwd, struct cap_slot *slot,
			     struct cap_target *ret)
{
	const struct btf *in;
	uint32_t id = cap_walk_body(w, fwd, false, &in);

	if (!id && slot)
		return use_slot(w, slot, ret);
	if (!id) {
		id = cap_walk_body(w, fwd, true, &ret->other.btf);
		ret->btf = &ret->other;
	}
	ret->type_id = id;
	return id ? NULL
		  : cap_fmt(w->r->pool,
			    ARENA_CHASE "forward declaration, body of %.64s is not in this BTF",
			    cap_walk_peek_name(w, fwd->t->name_off));
}

const char *cap_walk_find_target(struct cap_walk *w, uint64_t addr, uint32_t type_id,
				 struct cap_target *ret)
{
	struct cap_slot *slot = find_slot(w, addr);
	struct cap_type t;
	const char *why = cap_walk_peel(w, type_id, &t);

	*ret = (struct cap_target){
		.arm = ARENA_CHASE,
		.arena = true,
		.addr = addr,
		.btf = w->btf,
		.type_id = type_id,
		.bytes_max = UINT64_MAX,
	};
	if (slot && slot->rendered)
		return use_slot(w, slot, ret);
	/* Slots tell what types do not: a pointer to a whole type is one to that, as the program has it. */
	if (!why && btf_is_fwd(t.t))
		return find_body(w, &t, slot, ret);
	if (why && slot)
		return use_slot(w, slot, ret);
	return why ? cap_fmt(w->r->pool, ARENA_CHASE "type of the target: %s", why) : NULL;
}

/* ---- pointers ---- */

static void follow_arena(struct cap_walk *w, uint64_t addr, uint32_t type_id, struct cap_value *ret)
{
	struct cap_target target;
	const char *why = cap_walk_find_target(w, addr, type_id, &target);

	if (why)
		ret->p.deref_skipped_reason = why;
	else
		cap_walk_follow(w, &target, ret);
	if (!why && target.slot)
		ret->p.cast_annotation = "sdt_alloc";
}

static void follow_cpumask(struct cap_walk *w, uint64_t addr, const struct cap_type *declared,
			   struct cap_value *ret)
{
	struct cap_type t = *declared;
	struct cap_value *v = cap_alloc(w->r->pool, sizeof(*v));
	const struct btf *in;
	uint32_t whole = btf_is_fwd(t.t) ? cap_walk_body(w, &t, false, &in) : 0;

	if (whole && cap_walk_peel(w, whole, &t))
		t = *declared;
	if (!v || !w->chases_left)
		return;
	w->chases_left--;
	ret->p.deref_skipped_reason = cap_walk_read_cpumask(w, &t, addr, v);
	if (!ret->p.deref_skipped_reason)
		ret->p.deref = v;
}

void cap_walk_ptr(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		  struct cap_slice s, struct cap_value *ret)
{
	struct cap_type to;
	uint64_t addr;

	(void)place;
	if (s.len < sizeof(addr)) {
		cap_walk_truncated(w, sizeof(addr), s, ret);
		return;
	}
	memcpy(&addr, s.data, sizeof(addr));
	*ret = (struct cap_value){ .kind = CAP_PTR, .p = { .value = addr } };
	if (!addr || !cap_walk_may_follow(w))
		return;
	if (in_arena(w, addr))
		follow_arena(w, addr, t->t->type, ret);
	else if (cap_is_kernel((gva_t){ addr }) && !cap_walk_peel(w, t->t->type, &to) &&
		 cap_walk_is_kernel_cpumask(w, &to))
		follow_cpumask(w, addr, &to, ret);
}

/* ---- casts ---- */

/* By the member's place in any of the structs around it. */
static const struct cap_cast *find_cast(const struct cap_walk *w, const struct cap_place *place,
					uint32_t at)
{
	const struct cap_cast *cast = NULL;

	for (; place && !cast; place = place->up) {
		cast = cap_cast_find(w->r->d, w->btf, place->type_id, at);
		at += place->at;
	}
	return cast;
}

/* The whole target, if it is in one page, and not beyond. */
static const char *kernel_target(struct cap_walk *w, const struct cap_cast *cast, uint64_t addr,
				 struct cap_target *ret)
{
	const struct cap_types *kernel = cap_guest_types(w->r->g);

	*ret = (struct cap_target){
		.arm = KERNEL_CAST,
		.addr = addr,
		.btf = w->btf,
		.type_id = cast->target_type_id,
		.bytes_max = UINT64_MAX,
	};
	if (!cap_is_kernel((gva_t){ addr }))
		return KERNEL_CAST "not plausible, no address of the kernel";
	if (!cast->target_name)
		return NULL;
	if (kernel)
		ret->type_id = cap_type_find(kernel, cast->target_name, BTF_KIND_STRUCT);
	if (!kernel || !ret->type_id)
		return cap_fmt(w->r->pool, KERNEL_CAST "type of the target: no struct %.64s",
			       cast->target_name);
	ret->other.btf = cap_types_btf(kernel);
	ret->btf = &ret->other;
	return NULL;
}

/* The wire names of wire-schema.md section 1. */
static const char *annotation(bool arena, bool slot)
{
	if (arena)
		return slot ? "cast→arena (sdt_alloc)" : "cast→arena";
	return slot ? "cast→kernel (sdt_alloc)" : "cast→kernel";
}

static void follow_cast(struct cap_walk *w, const struct cap_cast *cast, uint64_t addr,
			struct cap_value *ret)
{
	struct cap_target target = { 0 };
	const char *why;

	/* An arena pointer may be kept as its low half, which is all that BPF programs need of it. */
	if (cast->arena && w->r->arena && addr < ARENA_BYTES)
		addr = arena_address(w, addr);
	if (in_arena(w, addr))
		why = cap_walk_find_target(w, addr, cast->arena ? cast->target_type_id : 0,
					   &target);
	else if (cast->arena)
		why = ARENA_CHASE "not plausible, outside of the arena";
	else
		why = kernel_target(w, cast, addr, &target);
	if (why)
		ret->p.deref_skipped_reason = why;
	else
		cap_walk_follow(w, &target, ret);
	ret->p.cast_annotation = annotation(cast->arena, !why && target.slot);
}

bool cap_walk_cast(struct cap_walk *w, const struct cap_place *place, uint32_t at,
		   struct cap_slice s, struct cap_value *ret)
{
	const struct cap_cast *cast;
	uint64_t addr;

	if (!w->r->d || s.len < sizeof(addr) || !w->btf->kva.v)
		return false;
	cast = find_cast(w, place, at);
	if (!cast)
		return false;
	memcpy(&addr, s.data, sizeof(addr));
	*ret = (struct cap_value){ .kind = CAP_PTR,
				   .p = { .value = addr,
					  .cast_annotation = annotation(cast->arena, false) } };
	if (addr && cap_walk_may_follow(w))
		follow_cast(w, cast, addr, ret);
	return true;
}
