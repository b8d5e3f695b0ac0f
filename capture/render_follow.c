/* SPDX-License-Identifier: GPL-2.0-only */
/* Following a pointer: read what is there and render it, unless it leads back to where we are. */
#include "capture/render.h"

static const char *reason(const struct cap_walk *w, const struct cap_target *t, const char *text)
{
	return cap_fmt(w->r->pool, "%s%s", t->arm, text);
}

static bool is_behind(const struct cap_walk *w, uint64_t addr)
{
	for (unsigned i = 0; i < w->nr_path; i++) {
		if (w->path[i] == addr)
			return true;
	}
	return false;
}

static int read_target(struct cap_walk *w, const struct cap_target *t, void *buf, size_t len)
{
	return t->arena ? cap_arena_read(w->r->g, w->r->arena, t->addr, buf, len)
			: cap_guest_read(w->r->g, (gva_t){ t->addr }, buf, len);
}

/* As much of @want bytes as is there: all, or the part in its first page. Of the kernel's memory, never more than that. */
static size_t read_some(struct cap_walk *w, const struct cap_target *t, void *buf, size_t want)
{
	size_t first = CAP_PAGE - t->addr % CAP_PAGE;

	if (!t->arena && want > first)
		want = first;
	if (read_target(w, t, buf, want) == 0)
		return want;
	return want > first && read_target(w, t, buf, first) == 0 ? first : 0;
}

/* The target's bytes, by the types that it is of. */
static const char *target_bytes(struct cap_walk *w, const struct cap_target *t,
				struct cap_type *ret_type, size_t *ret)
{
	uint64_t bytes = 0;
	const char *why = cap_walk_peel(w, t->type_id, ret_type);

	if (!why)
		why = cap_walk_bytes(w, ret_type, &bytes);
	if (why)
		return cap_fmt(w->r->pool, "%stype of the target: %s", t->arm, why);
	if (!bytes)
		return reason(w, t, "size 0");
	if (bytes > t->bytes_max)
		bytes = t->bytes_max;
	*ret = bytes < RENDER_CHASE_BYTES ? (size_t)bytes : RENDER_CHASE_BYTES;
	return NULL;
}

/* With w->btf that of the target. Its bytes are on our stack: of as many pointers as RENDER_DEPTH_MAX. */
static __attribute__((noinline)) const char *deref(struct cap_walk *w, const struct cap_target *t,
						   struct cap_value *ret)
{
	uint8_t buf[RENDER_CHASE_BYTES];
	struct cap_type type;
	struct cap_value *v;
	size_t len = 0, had;
	const char *why = target_bytes(w, t, &type, &len);

	if (why)
		return why;
	had = read_some(w, t, buf, len);
	if (!had)
		return reason(w, t, "read failed, nothing is mapped there");
	v = cap_alloc(w->r->pool, sizeof(*v));
	if (!v)
		return reason(w, t, "the report is full");
	cap_walk_peeled(w, NULL, &type, (struct cap_slice){ buf, had }, v);
	ret->p.deref = v;
	return NULL;
}

void cap_walk_follow(struct cap_walk *w, const struct cap_target *target, struct cap_value *ret)
{
	const struct cap_btf *back = w->btf;
	const char *why;

	if (is_behind(w, target->addr)) {
		ret->p.deref_skipped_reason =
			cap_fmt(w->r->pool, "cycle to 0x%llx", (unsigned long long)target->addr);
		return;
	}
	if (!w->chases_left || w->nr_path >= RENDER_DEPTH_MAX) {
		ret->p.deref_skipped_reason = reason(w, target, "too many pointers in one value");
		return;
	}
	why = target->arena ? NULL : cap_walk_show_kernel(w, target->addr);
	if (why) {
		ret->p.deref_skipped_reason = reason(w, target, why);
		return;
	}
	w->chases_left--;
	w->path[w->nr_path++] = target->addr;
	w->btf = target->btf;
	ret->p.deref_skipped_reason = deref(w, target, ret);
	w->btf = back;
	w->nr_path--;
	if (target->slot && ret->p.deref)
		target->slot->rendered = true;
}
