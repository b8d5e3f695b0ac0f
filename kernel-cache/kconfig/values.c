/* SPDX-License-Identifier: GPL-2.0-only */
/* The values of a .config, and what Kconfig's expressions come to under them. */
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "kernel-cache/kconfig/tree.h"

static int put_line(struct kc_values *v, const char *p, size_t len)
{
	const char *eq = memchr(p, '=', len);
	const char *name;
	void **at;

	if (len < 8 || strncmp(p, "CONFIG_", 7) != 0 || !eq)
		return 0;
	while (len && p[len - 1] == '\r')
		len--;
	name = kc_arena_text(&v->arena, p + 7, (size_t)(eq - p) - 7);
	at = name ? kc_names_put(&v->names, name) : NULL;
	if (!at)
		return -ENOMEM;
	*at = kc_arena_text(&v->arena, eq + 1, (size_t)(p + len - eq) - 1);
	return *at ? 0 : -ENOMEM;
}

int kc_values_read(const char *config, struct kc_values *ret, struct kt_err *e)
{
	for (const char *p = config; *p;) {
		size_t len = strcspn(p, "\n");

		if (put_line(ret, p, len) < 0)
			return kt_fail(e, KT_E_HOST, ENOMEM, "read a configuration");
		p += len + (p[len] == '\n');
	}
	ret->modules = kc_value(ret, "MODULES") != NULL;
	return 0;
}

void kc_values_done(struct kc_values *v)
{
	kc_names_done(&v->names);
	kc_arena_done(&v->arena);
}

const char *kc_value(const struct kc_values *v, const char *name)
{
	return kc_names_get(&v->names, name, strlen(name));
}

const char *kc_value_plain(const struct kc_values *v, const struct kc_sym *s)
{
	const char *text = kc_value(v, s->name);

	if (text)
		return text;
	if (!s->defs) /* a constant, or unknown: stands for its own name */
		return s->name;
	return s->type == KC_BOOL || s->type == KC_TRISTATE || s->type == KC_UNTYPED ? "n" : "";
}

static enum kc_tri tri_of(const struct kc_values *v, const char *text)
{
	if (kt_streq(text, "y"))
		return KC_Y;
	return kt_streq(text, "m") && v->modules ? KC_M : KC_N;
}

enum kc_tri kc_value_tri(const struct kc_values *v, const struct kc_sym *s)
{
	return tri_of(v, kc_value_plain(v, s));
}

/* The text of a leaf without its quotes. */
struct leaf {
	const char *p;
	size_t len;
};

static struct leaf leaf_of(const struct kc_values *v, const struct kc_expr *x)
{
	struct leaf l = { .p = x->op == KC_SYM ? kc_value_plain(v, x->sym) : x->text };

	l.len = strlen(l.p);
	if (x->op == KC_SYM && l.len >= 2 && l.p[0] == '"') {
		l.p++;
		l.len -= 2;
	}
	return l;
}

static bool number_of(const struct leaf *l, int64_t *ret)
{
	char text[32];

	return l->len < sizeof(text) &&
	       kt_snprintf(text, sizeof(text), "%.*s", (int)l->len, l->p) >= 0 &&
	       kt_parse_i64(text, ret) == 0;
}

/* Numbers are compared as such when both are. */
static int compare(const struct leaf *a, const struct leaf *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	int64_t x, y;
	int r;

	if (number_of(a, &x) && number_of(b, &y))
		return (x > y) - (x < y);
	r = memcmp(a->p, b->p, len);
	return r != 0 ? r : (a->len > b->len) - (a->len < b->len);
}

static enum kc_tri eval_comparison(const struct kc_values *v, const struct kc_expr *x)
{
	struct leaf l, r;
	bool holds = false;
	int c;

	if (x->l->op == KC_MACRO || x->r->op == KC_MACRO)
		return KC_UNKNOWN;
	l = leaf_of(v, x->l);
	r = leaf_of(v, x->r);
	c = compare(&l, &r);
	if (x->op == KC_EQ)
		holds = c == 0;
	else if (x->op == KC_NE)
		holds = c != 0;
	else if (x->op == KC_LT)
		holds = c < 0;
	else if (x->op == KC_LE)
		holds = c <= 0;
	else if (x->op == KC_GT)
		holds = c > 0;
	else if (x->op == KC_GE)
		holds = c >= 0;
	return holds ? KC_Y : KC_N;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as kc_expr_parse lets an expression be */
enum kc_tri kc_eval(const struct kc_values *v, const struct kc_expr *x)
{
	enum kc_tri l, r;

	if (!x)
		return KC_Y;
	switch (x->op) {
	case KC_SYM:
		return kc_value_tri(v, x->sym);
	case KC_TEXT:
		return tri_of(v, x->text);
	case KC_MACRO:
		return KC_UNKNOWN;
	case KC_NOT:
		l = kc_eval(v, x->l);
		return l == KC_UNKNOWN ? l : (enum kc_tri)(KC_Y - l);
	case KC_AND:
		l = kc_eval(v, x->l);
		r = kc_eval(v, x->r);
		return l < r ? l : r; /* KC_UNKNOWN is the highest: nothing is surer than n or m */
	case KC_OR:
		l = kc_eval(v, x->l);
		r = kc_eval(v, x->r);
		if (l == KC_Y || r == KC_Y)
			return KC_Y;
		return l > r ? l : r;
	case KC_EQ:
	case KC_NE:
	case KC_LT:
	case KC_LE:
	case KC_GT:
	case KC_GE:
		return eval_comparison(v, x);
	}
	return KC_UNKNOWN;
}
