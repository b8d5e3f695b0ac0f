/* SPDX-License-Identifier: GPL-2.0-only */
/* What to change so that an option comes out as wanted: a search for the few lines that make its conditions true. */
#include <string.h>

#include "kernel-cache/kconfig/tree.h"

enum { CHANGES_MAX = 8, DEPTH_MAX = 12, STEPS_MAX = 20000 };

struct change {
	const struct kc_sym *sym;
	bool on;
};
/* Changes so far. A value: alternatives are tried on copies. */
struct plan {
	struct change v[CHANGES_MAX];
	size_t nr;
};
struct search {
	const struct kc_explain *x;
	const struct kc_sym *target; /* asked for already */
	const struct kc_sym *open
		[DEPTH_MAX]; /* being worked on: asking for these again is going round in circles */
	unsigned depth, steps;
};

static bool turn(struct search *s, const struct kc_sym *sym, bool on, struct plan *p);

static bool asks_otherwise(const struct kc_want *w, bool on)
{
	return w && kt_streq(w->value, "n") == on;
}

/* NOLINTNEXTLINE(misc-no-recursion): an expression's depth, DEPTH_MAX and STEPS_MAX */
static bool make(struct search *s, const struct kc_expr *e, bool on, struct plan *p)
{
	struct plan left = *p, right = *p;
	bool l, r;

	if (!e)
		return on;
	if (++s->steps > STEPS_MAX)
		return false;
	if (kc_eval(s->x->values, e) == (on ? KC_Y : KC_N))
		return true;
	switch (e->op) {
	case KC_SYM:
		return e->sym->defs && turn(s, e->sym, on, p);
	case KC_NOT:
		return make(s, e->l, !on, p);
	case KC_AND:
	case KC_OR:
		if ((e->op == KC_AND) == on)
			return make(s, e->l, on, p) && make(s, e->r, on, p);
		l = make(s, e->l, on, &left);
		r = make(s, e->r, on, &right);
		if (l || r)
			*p = l && (!r || left.nr <= right.nr) ? left : right;
		return l || r;
	case KC_EQ:
	case KC_NE:
		if (e->l->op != KC_SYM || !e->l->sym->defs || e->r->op != KC_SYM ||
		    (e->l->sym->type != KC_BOOL && e->l->sym->type != KC_TRISTATE))
			return false;
		if (kt_streq(e->r->sym->name, "y"))
			return turn(s, e->l->sym, (e->op == KC_EQ) == on, p);
		return kt_streq(e->r->sym->name, "n") &&
		       turn(s, e->l->sym, (e->op == KC_EQ) != on, p);
	case KC_TEXT:
	case KC_MACRO:
	case KC_LT:
	case KC_LE:
	case KC_GT:
	case KC_GE:
		break;
	}
	return false;
}

static bool add(struct plan *p, const struct kc_sym *sym, bool on)
{
	for (size_t i = 0; i < p->nr; i++) {
		if (p->v[i].sym == sym)
			return p->v[i].on == on;
	}
	if (p->nr == CHANGES_MAX)
		return false;
	p->v[p->nr++] = (struct change){ .sym = sym, .on = on };
	return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX and STEPS_MAX */
static bool allow(struct search *s, const struct kc_def *d, struct plan *p)
{
	if (!make(s, d->depends, true, p) || (d->prompt && !make(s, d->prompt_if, true, p)))
		return false;
	for (const struct kc_block *b = d->parent; b; b = b->parent) {
		if (!make(s, b->depends, true, p) ||
		    (d->prompt && !make(s, b->visible_if, true, p)))
			return false;
	}
	return true;
}

/* Keep the better of two ways. */
static void prefer(struct plan *best, bool *found, const struct plan *p)
{
	if (!*found || p->nr < best->nr)
		*best = *p;
	*found = true;
}

/* By asking for it, by asking for something that selects it, or by what its default hangs on. */
/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX and STEPS_MAX */
static bool turn_on(struct search *s, const struct kc_sym *sym, struct plan *p)
{
	struct plan best = *p;
	bool found = false, asked = false;

	for (const struct kc_def *d = sym->defs; d; d = d->next) {
		struct plan try = *p;

		asked |= d->prompt;
		if (d->prompt && allow(s, d, &try) && (sym == s->target || add(&try, sym, true)))
			prefer(&best, &found, &try);
	}
	/* What can be asked for is better asked for than selected in passing. */
	for (const struct kc_select *by = asked ? NULL : sym->selected_by; by; by = by->next) {
		struct plan try = *p;

		if (turn(s, by->by->sym, true, &try) && make(s, by->cond, true, &try))
			prefer(&best, &found, &try);
	}
	for (const struct kc_default *v = asked ? NULL : sym->defaults; v; v = v->next) {
		struct plan try = *p;

		if (allow(s, v->def, &try) && make(s, v->cond, true, &try) &&
		    make(s, v->value, true, &try))
			prefer(&best, &found, &try);
	}
	if (found)
		*p = best;
	return found;
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX and STEPS_MAX */
static bool turn_off(struct search *s, const struct kc_sym *sym, struct plan *p)
{
	bool asked = false;

	for (const struct kc_select *by = sym->selected_by; by; by = by->next) {
		if (kc_selects_now(s->x, by) && !turn(s, by->by->sym, false, p))
			return false;
	}
	for (const struct kc_def *d = sym->defs; d; d = d->next) {
		if (kc_choice_of(d))
			return false; /* another member has to be asked for, and which is not for us to say */
		asked |= d->prompt;
	}
	if (sym == s->target)
		return true;
	return asked ? add(p, sym, false) : sym->selected_by != NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX and STEPS_MAX */
static bool turn(struct search *s, const struct kc_sym *sym, bool on, struct plan *p)
{
	const struct kc_want *w;
	bool done;

	if (++s->steps > STEPS_MAX || s->depth == DEPTH_MAX)
		return false;
	if (kc_value_tri(s->x->values, sym) == (on ? KC_Y : KC_N))
		return true;
	w = kc_wanted(s->x, sym);
	if (w && w->critical && asks_otherwise(w, on))
		return false; /* advice that nothing works with is none */
	for (unsigned i = 0; i < s->depth; i++) {
		if (s->open[i] == sym)
			return false;
	}
	s->open[s->depth++] = sym;
	done = on ? turn_on(s, sym, p) : turn_off(s, sym, p);
	s->depth--;
	return done;
}

/* Lines of the user's own that stand in the way are to change, others are to be added. A verb is said once. */
static void say(const struct kc_explain *x, const struct plan *p, struct kt_buf *b)
{
	const char *said = NULL;

	for (size_t i = 0; i < p->nr; i++) {
		const struct change *c = &p->v[i];
		const struct kc_want *w = kc_wanted(x, c->sym);
		const char *value = c->on ? "y" : "n";
		const char *verb = w && w->by_user ? "change " : c->on ? "add " : "set ";

		if (w && !asks_otherwise(w, c->on) && !kt_streq(w->value, "m"))
			continue; /* asked for, and unmet itself: its own line says what to do */
		kt_buf_addf(b, "%s%sCONFIG_%s=", said ? " and " : "",
			    said && kt_streq(said, verb) ? "" : verb, c->sym->name);
		if (w && w->by_user)
			kt_buf_addf(b, "%s (%s) to %s", w->value, w->from, value);
		else
			kt_buf_adds(b, value);
		said = verb;
	}
}

static bool fix_choice(const struct kc_explain *x, const struct kc_sym *s, struct kt_buf *b)
{
	struct kc_reasons r = { .nr = 0 };
	const struct kc_def *d = kc_nearest_def(x, s, KC_Y, &r);
	const struct kc_block *choice = d && !r.nr ? kc_choice_of(d) : NULL;
	const struct kc_sym *chosen = choice ? kc_chosen(x, choice) : NULL;
	const struct kc_want *w = chosen ? kc_wanted(x, chosen) : NULL;

	if (!w || !kt_streq(w->value, "y"))
		return false;
	kt_buf_addf(b, "remove CONFIG_%s=y (%s)", chosen->name, w->from);
	return true;
}

static bool fix_value(const struct kc_explain *x, const struct kc_sym *s, const struct kc_want *w,
		      struct kt_buf *b)
{
	bool module = kt_streq(w->value, "m");

	if (s->type == KC_STRING && w->value[0] != '"') {
		kt_buf_addf(b, "write CONFIG_%s=\"%s\"", s->name, w->value);
		return true;
	}
	if (module && (s->type == KC_BOOL || !x->values->modules)) {
		kt_buf_addf(b, "ask for CONFIG_%s=y", s->name);
		return true;
	}
	return false;
}

/* Nothing holds it up, so its prompt is what is missing. */
static bool ask_for(struct search *s, const struct kc_sym *sym, struct plan *p)
{
	for (const struct kc_def *d = sym->defs; d; d = d->next) {
		if (d->prompt && allow(s, d, p))
			return true;
	}
	return false;
}

void kc_fix(const struct kc_explain *x, const struct kc_sym *s, const struct kc_want *w,
	    struct kt_buf *b)
{
	struct search search = { .x = x, .target = s };
	struct plan p = { .nr = 0 };
	bool found = false;

	if (fix_value(x, s, w, b))
		return;
	if (kt_streq(w->value, "n")) {
		found = turn(&search, s, false, &p) && (p.nr || ask_for(&search, s, &p));
	} else if (kc_value_tri(x->values, s) != KC_Y && !fix_choice(x, s, b)) {
		search.open[search.depth++] = s;
		found = turn_on(&search, s, &p);
	}
	if (found)
		say(x, &p, b);
}
