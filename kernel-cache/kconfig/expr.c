/* SPDX-License-Identifier: GPL-2.0-only */
/* Kconfig's expressions: read and print. */
#include <string.h>

#include "kernel-cache/kconfig/tree.h"

enum { DEPTH_MAX = 100, OPERATORS_MAX = 1000 };

struct reader {
	struct kc_kconfig *k;
	const struct kc_token *t;
	size_t nr, at;
	unsigned depth, operators;
};

static struct kc_expr *make(struct kc_kconfig *k, enum kc_op op, struct kc_expr *l,
			    struct kc_expr *r)
{
	struct kc_expr *x = kc_arena_get(&k->arena, sizeof(*x));

	if (x) {
		x->op = op;
		x->l = l;
		x->r = r;
	}
	return x;
}

struct kc_expr *kc_expr_join(struct kc_kconfig *k, enum kc_op op, struct kc_expr *l,
			     struct kc_expr *r)
{
	if (op == KC_AND && (!l || !r))
		return l ? l : r;
	return make(k, op, l, r);
}

struct kc_expr *kc_expr_leaf(struct kc_kconfig *k, const struct kc_token *t)
{
	struct kc_expr *x;

	if (t->kind != KC_T_WORD && t->kind != KC_T_QUOTED && t->kind != KC_T_MACRO)
		return NULL;
	x = make(k, KC_TEXT, NULL, NULL);
	if (!x)
		return NULL;
	if (t->kind == KC_T_WORD) {
		x->op = KC_SYM;
		x->sym = kc_sym_get(k, t->p, t->len);
		return x->sym ? x : NULL;
	}
	x->op = t->kind == KC_T_MACRO ? KC_MACRO : KC_TEXT;
	x->text = kc_arena_text(&k->arena, t->p, t->len);
	return x->text ? x : NULL;
}

static bool is_comparison(enum kc_op op)
{
	return op >= KC_EQ;
}

static bool next_is(const struct reader *r, enum kc_op op)
{
	return r->at < r->nr && r->t[r->at].kind == KC_T_OP && r->t[r->at].op == op;
}

static struct kc_expr *read_or(struct reader *r);

static struct kc_expr *read_compared(struct reader *r)
{
	struct kc_expr *l = kc_expr_leaf(r->k, &r->t[r->at]), *right;
	enum kc_op op;

	if (!l)
		return NULL;
	r->at++;
	if (r->at >= r->nr || r->t[r->at].kind != KC_T_OP || !is_comparison(r->t[r->at].op))
		return l;
	op = r->t[r->at++].op;
	if (r->at >= r->nr)
		return NULL;
	right = kc_expr_leaf(r->k, &r->t[r->at++]);
	return right ? make(r->k, op, l, right) : NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX */
static struct kc_expr *read_term(struct reader *r)
{
	struct kc_expr *x;
	bool negated;

	if (r->at >= r->nr || kc_token_is(&r->t[r->at], "if") || ++r->depth > DEPTH_MAX)
		return NULL;
	negated = r->t[r->at].kind == KC_T_NOT;
	if (negated) {
		r->at++;
		x = read_term(r);
	} else if (r->t[r->at].kind == KC_T_OPEN) {
		r->at++;
		x = read_or(r);
		if (r->at >= r->nr || r->t[r->at++].kind != KC_T_CLOSE)
			x = NULL;
	} else {
		x = read_compared(r);
	}
	r->depth--;
	return x && negated ? make(r->k, KC_NOT, x, NULL) : x;
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX */
static struct kc_expr *read_and(struct reader *r)
{
	struct kc_expr *l = read_term(r), *right;

	while (l && next_is(r, KC_AND)) {
		r->at++;
		right = ++r->operators > OPERATORS_MAX ? NULL : read_term(r);
		l = right ? make(r->k, KC_AND, l, right) : NULL;
	}
	return l;
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX */
static struct kc_expr *read_or(struct reader *r)
{
	struct kc_expr *l = read_and(r), *right;

	while (l && next_is(r, KC_OR)) {
		r->at++;
		right = ++r->operators > OPERATORS_MAX ? NULL : read_and(r);
		l = right ? make(r->k, KC_OR, l, right) : NULL;
	}
	return l;
}

struct kc_expr *kc_expr_parse(struct kc_kconfig *k, const struct kc_token *t, size_t nr, size_t *at)
{
	struct reader r = { .k = k, .t = t, .nr = nr, .at = *at };
	struct kc_expr *x = read_or(&r);

	if (x)
		*at = r.at;
	return x;
}

static const char *const words[] = {
	[KC_AND] = " && ", [KC_OR] = " || ", [KC_EQ] = " = ", [KC_NE] = " != ",
	[KC_LT] = " < ",   [KC_LE] = " <= ", [KC_GT] = " > ", [KC_GE] = " >= ",
};

/* NOLINTNEXTLINE(misc-no-recursion): as deep as what was read, DEPTH_MAX and OPERATORS_MAX */
static void print(const struct kc_expr *x, enum kc_op in, struct kt_buf *b)
{
	bool parens = (x->op == KC_OR && in == KC_AND) || (in == KC_NOT && x->op > KC_NOT);

	if (parens)
		kt_buf_addc(b, '(');
	switch (x->op) {
	case KC_SYM:
		kt_buf_adds(b, x->sym->name);
		break;
	case KC_TEXT:
		kt_buf_addf(b, "\"%s\"", x->text);
		break;
	case KC_MACRO:
		kt_buf_adds(b, x->text);
		break;
	case KC_NOT:
		kt_buf_addc(b, '!');
		print(x->l, KC_NOT, b);
		break;
	case KC_AND:
	case KC_OR:
	case KC_EQ:
	case KC_NE:
	case KC_LT:
	case KC_LE:
	case KC_GT:
	case KC_GE:
		print(x->l, x->op, b);
		kt_buf_adds(b, words[x->op]);
		print(x->r, x->op, b);
		break;
	}
	if (parens)
		kt_buf_addc(b, ')');
}

void kc_expr_text(const struct kc_expr *x, struct kt_buf *b)
{
	print(x, KC_OR, b);
}
