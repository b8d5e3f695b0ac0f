/* SPDX-License-Identifier: GPL-2.0-only */
/* Kconfig text into the tokens of one statement at a time. */
#include <ctype.h>
#include <string.h>

#include "kernel-cache/kconfig/tree.h"

/* What the kernel's makefiles hand to Kconfig; other macros ask programs of the toolchain, and are not known here. */
static const struct {
	const char *name, *text;
} variables[] = {
	{ "SRCARCH", "x86" },
	{ "ARCH", KC_ARCH },
	{ "HEADER_ARCH", "x86" },
	{ "srctree", "." },
};

/* Two-letter ones first. */
static const struct {
	const char *text;
	enum kc_token_kind kind;
	enum kc_op op;
} operators[] = {
	{ "||", KC_T_OP, KC_OR },    { "&&", KC_T_OP, KC_AND }, { "!=", KC_T_OP, KC_NE },
	{ "<=", KC_T_OP, KC_LE },    { ">=", KC_T_OP, KC_GE },  { ":=", KC_T_OP, KC_EQ },
	{ "+=", KC_T_OP, KC_EQ },    { "=", KC_T_OP, KC_EQ },   { "<", KC_T_OP, KC_LT },
	{ ">", KC_T_OP, KC_GT },     { "!", KC_T_NOT, KC_NOT }, { "(", KC_T_OPEN, KC_SYM },
	{ ")", KC_T_CLOSE, KC_SYM },
};

bool kc_token_is(const struct kc_token *t, const char *word)
{
	return t->kind == KC_T_WORD && strlen(word) == t->len && memcmp(t->p, word, t->len) == 0;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* The length of "$(...)" at @p, up to the end of the line at most. */
static size_t macro_len(const char *p, const char *end)
{
	size_t depth = 0;
	const char *q;

	for (q = p + 1; q < end && *q != '\n'; q++) {
		if (*q == '(')
			depth++;
		else if (*q == ')' && depth && --depth == 0)
			return (size_t)(q + 1 - p);
	}
	return (size_t)(q - p);
}

static const char *variable(const char *macro, size_t len)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		size_t n = strlen(variables[i].name);

		if (len == n + 3 && memcmp(macro + 2, variables[i].name, n) == 0)
			return variables[i].text;
	}
	return NULL;
}

static void push(struct kc_lex *l, struct kc_token t)
{
	if (l->nr == KC_TOKENS_MAX)
		l->too_long = true;
	else
		l->token[l->nr++] = t;
}

/* Variables are put in; with any other macro in it the text stays as it is written and is a KC_T_MACRO. */
static void push_text(struct kc_lex *l, enum kc_token_kind kind, const char *p, size_t len)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	const char *end = p + len;
	bool plain = true;

	for (const char *q = p; q < end;) {
		if (*q == '$' && q + 1 < end && q[1] == '(') {
			size_t n = macro_len(q, end);
			const char *text = variable(q, n);

			if (!text) {
				push(l,
				     (struct kc_token){ .kind = KC_T_MACRO, .p = p, .len = len });
				return;
			}
			kt_buf_adds(&b, text);
			q += n;
			plain = false;
		} else if (*q == '\\' && kind == KC_T_QUOTED && q + 1 < end) {
			kt_buf_addc(&b, q[1]);
			q += 2;
			plain = false;
		} else {
			kt_buf_addc(&b, *q++);
		}
	}
	if (!plain) {
		p = kc_arena_text(l->arena, kt_buf_str(&b), b.len);
		len = p ? b.len : 0;
		if (b.oom)
			l->arena->oom = true;
	}
	push(l, (struct kc_token){ .kind = kind, .p = p ? p : "", .len = len });
}

static void lex_quoted(struct kc_lex *l)
{
	char quote = *l->at++;
	const char *p = l->at;

	while (l->at < l->end && *l->at != quote && *l->at != '\n') {
		if (*l->at == '$')
			l->at += macro_len(l->at, l->end);
		else
			l->at += *l->at == '\\' && l->at + 1 < l->end && l->at[1] != '\n' ? 2 : 1;
	}
	push_text(l, KC_T_QUOTED, p, (size_t)(l->at - p));
	if (l->at < l->end && *l->at == quote)
		l->at++;
}

static void lex_word(struct kc_lex *l)
{
	const char *p = l->at;

	while (l->at < l->end && (is_word(*l->at) || *l->at == '$'))
		l->at += *l->at == '$' ? macro_len(l->at, l->end) : 1;
	push_text(l, KC_T_WORD, p, (size_t)(l->at - p));
}

static void lex_operator(struct kc_lex *l)
{
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		size_t n = strlen(operators[i].text);

		if ((size_t)(l->end - l->at) < n || memcmp(l->at, operators[i].text, n) != 0)
			continue;
		push(l, (struct kc_token){ .kind = operators[i].kind,
					   .op = operators[i].op,
					   .p = l->at,
					   .len = n });
		l->at += n;
		return;
	}
	l->at++; /* Kconfig, too, ignores what it does not know */
}

/* To the end of a line; a backslash before it makes the next one part of it. */
static void skip_line(struct kc_lex *l)
{
	while (l->at < l->end && *l->at != '\n') {
		if (*l->at == '\\' && l->at + 1 < l->end && l->at[1] == '\n') {
			l->line++;
			l->at++;
		}
		l->at++;
	}
}

/* "name := value", the value being text for macros. */
static bool is_assignment(const struct kc_lex *l)
{
	return l->nr == 2 && l->token[0].kind == KC_T_WORD && l->token[1].kind == KC_T_OP &&
	       l->token[1].op == KC_EQ;
}

static void lex_line(struct kc_lex *l)
{
	while (l->at < l->end && *l->at != '\n') {
		char c = *l->at;

		if (c == ' ' || c == '\t' || c == '\r') {
			l->at++;
		} else if (c == '\\' && l->at + 1 < l->end && l->at[1] == '\n') {
			l->at += 2;
			l->line++;
		} else if (c == '#') {
			while (l->at < l->end && *l->at != '\n')
				l->at++;
		} else if (c == '"' || c == '\'') {
			lex_quoted(l);
		} else if (is_word(c) || c == '$') {
			lex_word(l);
		} else {
			lex_operator(l);
		}
		if (is_assignment(l))
			skip_line(l);
	}
}

bool kc_lex_next(struct kc_lex *l)
{
	l->nr = 0;
	while (l->nr == 0 && l->at < l->end) {
		l->statement = l->line;
		lex_line(l);
		if (l->at < l->end) { /* at a newline */
			l->at++;
			l->line++;
		}
	}
	return l->nr > 0;
}

/* Columns of white space at @p; the line is blank when *ret_blank. */
static size_t indent(const char *p, const char *end, bool *ret_blank)
{
	size_t column = 0;

	for (; p < end && (*p == ' ' || *p == '\t' || *p == '\r'); p++)
		column = *p == '\t' ? (column | 7) + 1 : column + 1;
	*ret_blank = p == end || *p == '\n';
	return column;
}

/* It ends before the first line that is indented less than its own first one. */
void kc_lex_skip_help(struct kc_lex *l)
{
	size_t first = 0;

	while (l->at < l->end) {
		const char *newline = memchr(l->at, '\n', (size_t)(l->end - l->at));
		bool blank;
		size_t column = indent(l->at, l->end, &blank);

		if (!blank && (column == 0 || column < first))
			return;
		if (!blank && first == 0)
			first = column;
		l->at = newline ? newline + 1 : l->end;
		l->line++;
	}
}
