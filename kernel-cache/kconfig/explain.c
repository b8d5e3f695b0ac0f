/* SPDX-License-Identifier: GPL-2.0-only */
/* Why an option did not come out as wanted, in people's words. */
#include <string.h>

#include "kernel-cache/kconfig/tree.h"

enum { NAMED_MAX = 4, FOLLOWED_MAX = 4, SAID_MAX = 3 };

const struct kc_want *kc_wanted(const struct kc_explain *x, const struct kc_sym *s)
{
	return kc_names_get(&x->by_name, s->name, strlen(s->name));
}

/* The same option asked for by the menu and by its entry is one reason. */
static void add_reason(struct kc_reasons *to, const struct kc_expr *e, bool prompt)
{
	for (size_t i = 0; i < to->nr; i++) {
		const struct kc_expr *old = to->v[i].expr;

		if (old->op == KC_SYM && e->op == KC_SYM && old->sym == e->sym)
			return;
	}
	if (to->nr < KC_REASONS_MAX)
		to->v[to->nr++] = (struct kc_reason){ .expr = e, .prompt = prompt };
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as kc_expr_parse lets an expression be */
static void add_unmet(const struct kc_explain *x, const struct kc_expr *e, bool prompt,
		      enum kc_tri least, struct kc_reasons *ret)
{
	/* The AND of several is several; the chain leans to the left. */
	for (; e && e->op == KC_AND; e = e->l)
		add_unmet(x, e->r, prompt, least, ret);
	if (e && kc_eval(x->values, e) < least)
		add_reason(ret, e, prompt);
}

/* What hangs on an answer of the toolchain counts only when nothing else is in the way. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as kc_expr_parse lets an expression be */
static void add_unknown(const struct kc_explain *x, const struct kc_expr *e, struct kc_reasons *ret)
{
	for (; e && e->op == KC_AND; e = e->l)
		add_unknown(x, e->r, ret);
	if (e && kc_eval(x->values, e) == KC_UNKNOWN)
		add_reason(ret, e, false);
}

void kc_reasons_of(const struct kc_explain *x, const struct kc_def *d, enum kc_tri least,
		   struct kc_reasons *ret)
{
	ret->nr = 0;
	add_unmet(x, d->depends, false, least, ret);
	if (d->prompt)
		add_unmet(x, d->prompt_if, true, least, ret);
	for (const struct kc_block *b = d->parent; b; b = b->parent) {
		add_unmet(x, b->depends, false, least, ret);
		if (d->prompt)
			add_unmet(x, b->visible_if, true, KC_M, ret);
	}
	if (ret->nr)
		return;
	add_unknown(x, d->depends, ret);
	for (const struct kc_block *b = d->parent; b; b = b->parent)
		add_unknown(x, b->depends, ret);
}

const struct kc_def *kc_nearest_def(const struct kc_explain *x, const struct kc_sym *s,
				    enum kc_tri least, struct kc_reasons *ret)
{
	const struct kc_def *best = NULL;
	struct kc_reasons r;

	for (const struct kc_def *d = s->defs; d; d = d->next) {
		kc_reasons_of(x, d, least, &r);
		if (best &&
		    (best->prompt > d->prompt || (best->prompt == d->prompt && ret->nr <= r.nr)))
			continue;
		best = d;
		*ret = r;
	}
	return best;
}

const struct kc_sym *kc_chosen(const struct kc_explain *x, const struct kc_block *choice)
{
	for (const struct kc_def *d = choice->members; d; d = d->next_member) {
		if (kc_value_tri(x->values, d->sym) == KC_Y)
			return d->sym;
	}
	return NULL;
}

bool kc_selects_now(const struct kc_explain *x, const struct kc_select *s)
{
	enum kc_tri by = kc_value_tri(x->values, s->by->sym);
	enum kc_tri cond = kc_eval(x->values, s->cond);

	return by != KC_N && cond != KC_N;
}

static const char *value_text(const struct kc_explain *x, const struct kc_sym *s)
{
	const char *text = kc_value_plain(x->values, s);

	if (!s->defs)
		return "not an option of this kernel";
	return *text ? text : "not set";
}

/* --- one condition ------------------------------------------------------------------------------------ */
struct named {
	const struct kc_sym *v[NAMED_MAX + 1];
	size_t nr;
};

/* NOLINTNEXTLINE(misc-no-recursion): as deep as kc_expr_parse lets an expression be */
static void collect(const struct kc_expr *e, struct named *n)
{
	if (!e || n->nr > NAMED_MAX)
		return;
	if (e->op == KC_SYM && (e->sym->defs || strcmp(e->sym->name, "m") != 0)) {
		for (size_t i = 0; i < n->nr; i++) {
			if (n->v[i] == e->sym)
				return;
		}
		n->v[n->nr++] = e->sym;
	}
	collect(e->l, n);
	collect(e->r, n);
}

/* Names of a comparison's constants are no options. */
static void forget_constants(struct named *n)
{
	size_t to = 0;

	for (size_t i = 0; i < n->nr; i++) {
		const char *name = n->v[i]->name;

		if (n->v[i]->defs || (!kt_streq(name, "y") && !kt_streq(name, "n") &&
				      strspn(name, "0123456789-") == 0))
			n->v[to++] = n->v[i];
	}
	n->nr = to;
}

static void say_values(const struct kc_explain *x, const struct kc_expr *e, struct kt_buf *b)
{
	struct named n = { 0 };

	collect(e, &n);
	forget_constants(&n);
	if (n.nr == 1 && e->op == KC_NOT) {
		const struct kc_want *w = kc_wanted(x, n.v[0]);

		kt_buf_addf(b, ", but %s is %s", n.v[0]->name, value_text(x, n.v[0]));
		if (w && kt_streq(w->value, value_text(x, n.v[0])))
			kt_buf_addf(b, " (%s asks for that%s)", w->from,
				    w->critical ? ", and nothing works without" : "");
	} else if (n.nr == 1) {
		kt_buf_addf(b, ", which is %s", value_text(x, n.v[0]));
	} else if (n.nr <= NAMED_MAX) {
		for (size_t i = 0; i < n.nr; i++)
			kt_buf_addf(b, "%s%s is %s",
				    i == 0         ? ", where "
				    : i + 1 < n.nr ? ", "
						   : " and ",
				    n.v[i]->name, value_text(x, n.v[i]));
	} else {
		kt_buf_adds(b, ", which does not hold");
	}
}

static void say_condition(const struct kc_explain *x, const struct kc_reason *r, struct kt_buf *b)
{
	kt_buf_adds(b, r->prompt ? "can be chosen only if " : "depends on ");
	kc_expr_text(r->expr, b);
	if (kc_eval(x->values, r->expr) == KC_UNKNOWN)
		kt_buf_adds(b, ", which the toolchain decides");
	else
		say_values(x, r->expr, b);
}

/* --- following a chain ---------------------------------------------------------------------------------- */
/* "A, B": who selects @s. False: nobody. */
static bool say_selectors(const struct kc_sym *s, struct kt_buf *b)
{
	size_t nr = 0;

	for (const struct kc_select *by = s->selected_by; by; by = by->next, nr++) {
		if (nr < NAMED_MAX)
			kt_buf_addf(b, "%s%s", nr ? ", " : "", by->by->sym->name);
	}
	if (nr > NAMED_MAX)
		kt_buf_addf(b, " and %zu more", nr - NAMED_MAX);
	return nr > 0;
}

/* The one option that a condition is about; NULL: several, or a value that no line can change. */
static const struct kc_sym *single(const struct kc_expr *e)
{
	if (e->op == KC_EQ && e->l->op == KC_SYM && e->l->sym->defs && e->r->op == KC_SYM &&
	    kt_streq(e->r->sym->name, "y"))
		return e->l->sym;
	return e->op == KC_SYM && e->sym->defs ? e->sym : NULL;
}

static bool has_prompt(const struct kc_sym *s)
{
	for (const struct kc_def *d = s->defs; d; d = d->next) {
		if (d->prompt)
			return true;
	}
	return false;
}

/* Why the option of a condition is n, and why what that hangs on is, and so on. */
static void say_chain(const struct kc_explain *x, const struct kc_expr *e, struct kt_buf *b)
{
	const struct kc_sym *s = single(e);

	for (int i = 0; i < FOLLOWED_MAX && s; i++) {
		const struct kc_want *w = kc_wanted(x, s);
		struct kc_reasons r = { .nr = 0 };

		if (w && kt_streq(w->value, "n")) {
			kt_buf_addf(b, " (%s asks for that)", w->from);
			return;
		}
		(void)kc_nearest_def(x, s, KC_Y, &r);
		if (r.nr) {
			kt_buf_addf(b, "; %s ", s->name);
			say_condition(x, &r.v[0], b);
			s = single(r.v[0].expr);
			continue;
		}
		if (!has_prompt(s) && s->selected_by) {
			kt_buf_addf(b, "; %s is set only by ", s->name);
			(void)say_selectors(s, b);
		}
		return;
	}
}

/* --- the whole answer ------------------------------------------------------------------------------------ */
static bool say_reasons(const struct kc_explain *x, const struct kc_reasons *r, struct kt_buf *b)
{
	for (size_t i = 0; i < r->nr && i < SAID_MAX; i++) {
		kt_buf_adds(b, i ? "; and " : "");
		say_condition(x, &r->v[i], b);
		if (i == 0 || r->nr == 1)
			say_chain(x, r->v[i].expr, b);
	}
	if (r->nr > SAID_MAX)
		kt_buf_addf(b, "; and %zu more", r->nr - SAID_MAX);
	return r->nr > 0;
}

static void why_not_off(const struct kc_explain *x, const struct kc_sym *s, struct kt_buf *b)
{
	struct kc_reasons r = { .nr = 0 };
	const struct kc_def *d;
	size_t nr = 0;

	for (const struct kc_select *by = s->selected_by; by; by = by->next) {
		if (!kc_selects_now(x, by))
			continue;
		if (nr < NAMED_MAX)
			kt_buf_addf(b, "%s%s, which is %s", nr ? ", and " : "selected by ",
				    by->by->sym->name, value_text(x, by->by->sym));
		nr++;
	}
	if (nr)
		return;
	d = kc_nearest_def(x, s, KC_M, &r);
	if (d && kc_choice_of(d))
		kt_buf_adds(b, "one of a choice has to be y, and no other was asked for");
	else if (d && !d->prompt)
		kt_buf_adds(b, "follows from other options and cannot be asked for");
	else if (!say_reasons(x, &r, b))
		kt_buf_adds(b, "the kernel's own default came after it");
}

static bool is_number(enum kc_type t)
{
	return t == KC_INT || t == KC_HEX;
}

static bool is_tri(const char *v)
{
	return kt_streq(v, "y") || kt_streq(v, "m") || kt_streq(v, "n");
}

/* The value is not one that the option can have. False: it is. */
static bool why_type(const struct kc_explain *x, const struct kc_sym *s, const struct kc_want *w,
		     struct kt_buf *b)
{
	bool onoff = s->type == KC_BOOL || s->type == KC_TRISTATE;

	if (onoff && !is_tri(w->value))
		kt_buf_adds(b, s->type == KC_BOOL ? "is y or n" : "is y, m or n");
	else if (is_number(s->type) && (is_tri(w->value) || w->value[0] == '"'))
		kt_buf_adds(b, s->type == KC_INT ? "is a number" : "is a hexadecimal number");
	else if (s->type == KC_STRING && w->value[0] != '"')
		kt_buf_adds(b, "is text, which is written in double quotes");
	else if (kt_streq(w->value, "m") && s->type == KC_BOOL)
		kt_buf_adds(b, "is y or n, never a module");
	else if (kt_streq(w->value, "m") && !x->values->modules)
		kt_buf_adds(b, "m needs modules, and MODULES is n");
	else
		return false;
	return true;
}

static void why_value(const struct kc_explain *x, const struct kc_sym *s, struct kt_buf *b)
{
	for (const struct kc_range *r = s->ranges; r; r = r->next) {
		if (kc_eval(x->values, r->cond) == KC_N)
			continue;
		kt_buf_addf(
			b, "must be from %s to %s",
			r->lo->op == KC_SYM ? kc_value_plain(x->values, r->lo->sym) : r->lo->text,
			r->hi->op == KC_SYM ? kc_value_plain(x->values, r->hi->sym) : r->hi->text);
		return;
	}
	kt_buf_adds(b, "follows from other options");
}

void kc_why(const struct kc_explain *x, const struct kc_sym *s, const struct kc_want *w,
	    struct kt_buf *b)
{
	struct kc_reasons r = { .nr = 0 };
	const struct kc_block *choice;
	const struct kc_sym *chosen;
	const struct kc_def *d;

	if (why_type(x, s, w, b))
		return;
	if (kt_streq(w->value, "n")) {
		why_not_off(x, s, b);
		return;
	}
	d = kc_nearest_def(x, s, kt_streq(w->value, "m") ? KC_M : KC_Y, &r);
	if (say_reasons(x, &r, b) || !d)
		return;
	if (!is_tri(w->value)) {
		why_value(x, s, b);
		return;
	}
	choice = kc_choice_of(d);
	chosen = choice ? kc_chosen(x, choice) : NULL;
	if (chosen) {
		const struct kc_want *other = kc_wanted(x, chosen);

		kt_buf_addf(b, "%s of the same choice is y", chosen->name);
		if (other && kt_streq(other->value, "y"))
			kt_buf_addf(b, " (%s asks for that)", other->from);
	} else if (!d->prompt) {
		kt_buf_adds(b, "cannot be asked for, it is set only by ");
		if (!say_selectors(s, b))
			kt_buf_adds(b, "its default");
	} else {
		kt_buf_adds(b, "the kernel's own tools did not say why");
	}
}
