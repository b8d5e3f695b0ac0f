/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that read and explain Kconfig share: the tree in memory, expressions, values of a .config. */
#ifndef KTSTR_KERNEL_CACHE_KCONFIG_TREE_H
#define KTSTR_KERNEL_CACHE_KCONFIG_TREE_H

#include "kernel-cache/kconfig/kconfig.h"

/* --- names.c ------------------------------------------------------------------------------------------ */
/* Memory that is given back all at once. After a failure everything more is NULL and oom is set. */
struct kc_chunk;
struct kc_arena {
	struct kc_chunk *chunks;
	bool oom;
};
/* Zeroed. */
void *kc_arena_get(struct kc_arena *a, size_t bytes);
char *kc_arena_text(struct kc_arena *a, const char *s, size_t len);
void kc_arena_done(struct kc_arena *a);
static inline void kt_cleanup_kc_arena(struct kc_arena *a)
{
	kc_arena_done(a);
}

/* Names to pointers. Names are borrowed, { 0 } is empty. */
struct kc_names {
	struct kc_name *v;
	size_t nr, cap; /* cap: 0 or a power of two */
};
/* The place of @name's pointer, made when missing (NULL in it); NULL when out of memory. Valid until the next call. */
void **kc_names_put(struct kc_names *n, const char *name);
void *kc_names_get(const struct kc_names *n, const char *name, size_t len);
/* For i in [0, n->cap): the pointer there, NULL where there is none. */
void *kc_names_at(const struct kc_names *n, size_t i);
void kc_names_done(struct kc_names *n);
static inline void kt_cleanup_kc_names(struct kc_names *n)
{
	kc_names_done(n);
}

/* --- the tree ------------------------------------------------------------------------------------------- */
enum kc_type { KC_UNTYPED, KC_BOOL, KC_TRISTATE, KC_INT, KC_HEX, KC_STRING };

enum kc_op {
	KC_SYM,
	KC_TEXT,
	KC_MACRO,
	KC_NOT,
	KC_AND,
	KC_OR,
	KC_EQ,
	KC_NE,
	KC_LT,
	KC_LE,
	KC_GT,
	KC_GE
};
struct kc_expr {
	enum kc_op op;
	struct kc_sym *sym; /* KC_SYM */
	const char *text; /* KC_TEXT, KC_MACRO */
	struct kc_expr *l, *r; /* KC_NOT has l alone; of comparisons both are leaves */
};

enum kc_block_kind { KC_BLOCK_IF, KC_BLOCK_MENU, KC_BLOCK_CHOICE };
/* What a config entry stands in. */
struct kc_block {
	enum kc_block_kind kind;
	struct kc_block *parent;
	struct kc_expr *depends, *visible_if; /* NULL: always */
	struct kc_def *members; /* of a choice */
};

/* One "config X"; a symbol may have several. */
struct kc_def {
	struct kc_def *next; /* of the same symbol */
	struct kc_def *next_member; /* of the same choice */
	struct kc_sym *sym;
	struct kc_block *parent; /* NULL: top level */
	struct kc_expr *depends;
	bool prompt;
	struct kc_expr *prompt_if;
};
struct kc_select {
	struct kc_select *next;
	struct kc_def *by;
	struct kc_expr *cond;
};
struct kc_default {
	struct kc_default *next;
	struct kc_def *def;
	struct kc_expr *value, *cond;
};
struct kc_range {
	struct kc_range *next;
	struct kc_expr *lo, *hi, *cond;
};
struct kc_sym {
	const char *name;
	enum kc_type type;
	struct kc_def *defs; /* NULL: only mentioned, or a constant */
	struct kc_select *selected_by;
	struct kc_default *defaults;
	struct kc_range *ranges;
};
struct kc_kconfig {
	struct kc_arena arena;
	struct kc_names syms;
};
struct kc_sym *kc_sym_get(struct kc_kconfig *k, const char *name, size_t len);

/* --- lex.c: one statement at a time ------------------------------------------------------------------------ */
enum kc_token_kind { KC_T_WORD, KC_T_QUOTED, KC_T_MACRO, KC_T_OP, KC_T_NOT, KC_T_OPEN, KC_T_CLOSE };
struct kc_token {
	enum kc_token_kind kind;
	enum kc_op op; /* KC_T_OP */
	const char *p; /* not terminated */
	size_t len;
};
enum { KC_TOKENS_MAX = 4096 };
struct kc_lex {
	const char *at, *end;
	unsigned line; /* of the next character */
	unsigned statement; /* of the first token */
	struct kc_arena *arena;
	struct kc_token token[KC_TOKENS_MAX];
	size_t nr;
	bool too_long;
};
/* The tokens of the next line that has any; false at the end. An assignment gives its name and "=" only. */
bool kc_lex_next(struct kc_lex *l);
/* Go past the help text that follows. */
void kc_lex_skip_help(struct kc_lex *l);
bool kc_token_is(const struct kc_token *t, const char *word);

/* --- expr.c --------------------------------------------------------------------------------------------------- */
/*
 * Reads tokens from *@at; stops before the word "if" or at the end. NULL: no expression, or one that is too deep
 * (then *at does not move).
 */
struct kc_expr *kc_expr_parse(struct kc_kconfig *k, const struct kc_token *t, size_t nr,
			      size_t *at);
struct kc_expr *kc_expr_leaf(struct kc_kconfig *k, const struct kc_token *t);
/* Either may be NULL, which is "yes". */
struct kc_expr *kc_expr_join(struct kc_kconfig *k, enum kc_op op, struct kc_expr *l,
			     struct kc_expr *r);
void kc_expr_text(const struct kc_expr *x, struct kt_buf *b);

/* --- values.c: a .config --------------------------------------------------------------------------------------- */
enum kc_tri { KC_N, KC_M, KC_Y, KC_UNKNOWN };
struct kc_values {
	struct kc_arena arena;
	struct kc_names names;
	bool modules;
};
int kc_values_read(const char *config, struct kc_values *ret, struct kt_err *e);
void kc_values_done(struct kc_values *v);
static inline void kt_cleanup_kc_values(struct kc_values *v)
{
	kc_values_done(v);
}
/* "y", "256", "\"text\""; NULL: not in it. */
const char *kc_value(const struct kc_values *v, const char *name);
/* As expressions see it: never NULL, no quotes. */
const char *kc_value_plain(const struct kc_values *v, const struct kc_sym *s);
enum kc_tri kc_value_tri(const struct kc_values *v, const struct kc_sym *s);
/* KC_UNKNOWN: hangs on what a program of the toolchain answered. NULL is yes. */
enum kc_tri kc_eval(const struct kc_values *v, const struct kc_expr *x);

/* --- explain.c, fix.c ---------------------------------------------------------------------------------------------- */
struct kc_explain {
	const struct kc_kconfig *tree;
	const struct kc_values *values;
	const struct kc_wants *wants;
	struct kc_names by_name; /* of wants: struct kc_want * */
};
const struct kc_want *kc_wanted(const struct kc_explain *x, const struct kc_sym *s);

/* What keeps a definition from being set: conditions that are not met. */
struct kc_reason {
	const struct kc_expr *expr;
	bool prompt; /* of the prompt alone: the option may still be selected */
};
enum { KC_REASONS_MAX = 16 };
struct kc_reasons {
	struct kc_reason v[KC_REASONS_MAX];
	size_t nr;
};
void kc_reasons_of(const struct kc_explain *x, const struct kc_def *d, enum kc_tri least,
		   struct kc_reasons *ret);
/* The definition with the fewest reasons against it, of those with a prompt if any has one. */
const struct kc_def *kc_nearest_def(const struct kc_explain *x, const struct kc_sym *s,
				    enum kc_tri least, struct kc_reasons *ret);
/* The choice that a definition is a member of; NULL: none. */
const struct kc_block *kc_choice_of(const struct kc_def *d);
/* The member of the choice that is y; NULL: none. */
const struct kc_sym *kc_chosen(const struct kc_explain *x, const struct kc_block *choice);
/* Whether @s is there because something else is. */
bool kc_selects_now(const struct kc_explain *x, const struct kc_select *s);

/* Why @s is not as wanted, in people's words. */
void kc_why(const struct kc_explain *x, const struct kc_sym *s, const struct kc_want *w,
	    struct kt_buf *b);
/* What to change so that it is; nothing is added when nothing is known. */
void kc_fix(const struct kc_explain *x, const struct kc_sym *s, const struct kc_want *w,
	    struct kt_buf *b);

/* --- builtin.S ---------------------------------------------------------------------------------------------------------- */
extern const char kc_ktstr_kconfig[], kc_ktstr_minimal_kconfig[], kc_ktstr_full_kconfig[];

#endif
