/* SPDX-License-Identifier: GPL-2.0-only */
/* What a Kconfig entry says of itself: its type and prompt, what it depends on, selects and is by default. */
#include <errno.h>
#include <stddef.h>

#include "kernel-cache/kconfig/reader.h"

enum { DEPENDS_MAX = 100 };

/* The expression after a word "if" at *@at; NULL: there is none. */
static struct kc_expr *condition(const struct kc_kfile *f, size_t *at)
{
	if (*at >= f->lex->nr || !kc_token_is(&f->lex->token[*at], "if"))
		return NULL;
	++*at;
	return kc_expr_parse(f->r->k, f->lex->token, f->lex->nr, at);
}

static void set_type(const struct kc_kfile *f, enum kc_type type)
{
	struct kc_def *d = f->r->entry.def;

	if (d && d->sym->type == KC_UNTYPED)
		d->sym->type = type;
}

static int on_prompt(struct kc_kfile *f, size_t at)
{
	struct kc_def *d = f->r->entry.def;

	if (at >= f->lex->nr ||
	    (f->lex->token[at].kind != KC_T_QUOTED && f->lex->token[at].kind != KC_T_MACRO))
		return 0; /* a type alone */
	at++;
	if (d) {
		d->prompt = true;
		d->prompt_if = condition(f, &at);
	} else if (f->r->entry.block && f->r->entry.block->kind == KC_BLOCK_CHOICE) {
		f->r->entry.block->visible_if = condition(f, &at);
	}
	return 0;
}

int kc_on_bool(struct kc_kfile *f)
{
	set_type(f, KC_BOOL);
	return on_prompt(f, 1);
}

int kc_on_tristate(struct kc_kfile *f)
{
	set_type(f, KC_TRISTATE);
	return on_prompt(f, 1);
}

int kc_on_int(struct kc_kfile *f)
{
	set_type(f, KC_INT);
	return on_prompt(f, 1);
}

int kc_on_hex(struct kc_kfile *f)
{
	set_type(f, KC_HEX);
	return on_prompt(f, 1);
}

int kc_on_string(struct kc_kfile *f)
{
	set_type(f, KC_STRING);
	return on_prompt(f, 1);
}

int kc_on_plain_prompt(struct kc_kfile *f)
{
	return on_prompt(f, 1);
}

int kc_on_default(struct kc_kfile *f)
{
	struct kc_def *d = f->r->entry.def;
	struct kc_default *v, **to;
	size_t at = 1;

	if (!d)
		return 0;
	v = kc_arena_get(&f->r->k->arena, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->def = d;
	v->value = kc_expr_parse(f->r->k, f->lex->token, f->lex->nr, &at);
	v->cond = condition(f, &at);
	if (!v->value)
		return 0;
	/* The first whose condition holds counts, so order matters; lists are short. */
	for (to = &d->sym->defaults; *to; to = &(*to)->next)
		;
	*to = v;
	return 0;
}

int kc_on_def_bool(struct kc_kfile *f)
{
	set_type(f, KC_BOOL);
	return kc_on_default(f);
}

int kc_on_def_tristate(struct kc_kfile *f)
{
	set_type(f, KC_TRISTATE);
	return kc_on_default(f);
}

/* "depends on X"; Linux 7 adds "depends on X if Y", which asks nothing when Y is n. */
int kc_on_depends(struct kc_kfile *f)
{
	struct kc_kconfig *k = f->r->k;
	struct kc_expr **to = NULL, *x, *cond;
	size_t at = 2;

	if (f->r->entry.def)
		to = &f->r->entry.def->depends;
	else if (f->r->entry.block)
		to = &f->r->entry.block->depends;
	if (!to)
		return 0; /* of a comment */
	if (f->lex->nr < 2 || !kc_token_is(&f->lex->token[1], "on"))
		return kc_kfile_broken(f, "'on' must follow 'depends'");
	if (++f->r->entry.nr_depends > DEPENDS_MAX)
		return kc_kfile_broken(f, "too many dependencies");
	x = kc_expr_parse(k, f->lex->token, f->lex->nr, &at);
	if (!x)
		return kc_kfile_broken(f, "not an expression");
	cond = condition(f, &at);
	if (cond)
		x = kc_expr_join(k, KC_OR, kc_expr_join(k, KC_NOT, cond, NULL), x);
	*to = kc_expr_join(k, KC_AND, *to, x);
	return 0;
}

/* "visible if X": of a menu, for all prompts in it. */
int kc_on_visible(struct kc_kfile *f)
{
	size_t at = 1;

	if (f->r->entry.block && f->r->entry.block->kind == KC_BLOCK_MENU &&
	    ++f->r->entry.nr_depends <= DEPENDS_MAX)
		f->r->entry.block->visible_if = kc_expr_join(
			f->r->k, KC_AND, f->r->entry.block->visible_if, condition(f, &at));
	return 0;
}

int kc_on_select(struct kc_kfile *f)
{
	struct kc_def *d = f->r->entry.def;
	struct kc_select *s;
	struct kc_sym *target;
	size_t at = 2;

	if (!d || f->lex->nr < 2 || f->lex->token[1].kind != KC_T_WORD)
		return 0;
	target = kc_sym_get(f->r->k, f->lex->token[1].p, f->lex->token[1].len);
	s = kc_arena_get(&f->r->k->arena, sizeof(*s));
	if (!target || !s)
		return -ENOMEM;
	s->by = d;
	s->cond = condition(f, &at);
	s->next = target->selected_by;
	target->selected_by = s;
	return 0;
}

int kc_on_range(struct kc_kfile *f)
{
	struct kc_def *d = f->r->entry.def;
	struct kc_range *v;
	size_t at = 3;

	if (!d || f->lex->nr < 3)
		return 0;
	v = kc_arena_get(&f->r->k->arena, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->lo = kc_expr_leaf(f->r->k, &f->lex->token[1]);
	v->hi = kc_expr_leaf(f->r->k, &f->lex->token[2]);
	v->cond = condition(f, &at);
	v->next = d->sym->ranges;
	if (v->lo && v->hi)
		d->sym->ranges = v;
	return 0;
}
