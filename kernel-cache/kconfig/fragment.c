/* SPDX-License-Identifier: GPL-2.0-only */
/* Fragments of a configuration: lines into wants. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/kconfig/tree.h"

enum { LINE_BYTES_MAX = 8192, WANTS_MAX = 50000, SHOWN_MAX = 80 };

#define UNSET_END " is not set"

static void want_done(struct kc_want *w)
{
	free(w->name);
	free(w->value);
	free(w->from);
	free(w->critical_from);
	free(w->critical_value);
}

void kc_wants_done(struct kc_wants *w)
{
	for (size_t i = 0; i < w->list.nr; i++)
		want_done(&w->list.v[i]);
	free(w->list.v);
	*w = (struct kc_wants){ 0 };
}

struct parser {
	const char *name;
	unsigned line;
	bool by_user;
	struct kc_wants *to;
	struct kc_names index; /* of names: the place in to->list and one more */
	struct kt_err *e;
};

/* A line, or what is left of it. */
struct text {
	const char *p;
	size_t len;
};

static void trim(struct text *t)
{
	while (t->len && isspace((unsigned char)*t->p)) {
		t->p++;
		t->len--;
	}
	while (t->len && isspace((unsigned char)t->p[t->len - 1]))
		t->len--;
}

static bool starts(const struct text *t, const char *prefix)
{
	size_t n = strlen(prefix);

	return t->len >= n && memcmp(t->p, prefix, n) == 0;
}

static bool ends(const struct text *t, const char *suffix)
{
	size_t n = strlen(suffix);

	return t->len >= n && memcmp(t->p + t->len - n, suffix, n) == 0;
}

/* "ci/extra.kconfig:3"; words of the command line have no lines. */
static char *place(const struct parser *p)
{
	return kt_starts_with(p->name, "--") ? kt_fmt("%s", p->name)
					     : kt_fmt("%s:%u", p->name, p->line);
}

static int broken(const struct parser *p, const struct text *line, const char *what)
{
	kt_auto(mem) char *from = place(p);
	kt_auto(buf) struct kt_buf shown = { 0 };

	kt_buf_add_printable(&shown, line->p, line->len < SHOWN_MAX ? line->len : SHOWN_MAX);
	return kt_fail(p->e, KT_E_CONFIG, EINVAL, "%s: '%s': %s", from ? from : p->name,
		       kt_buf_str(&shown), what);
}

static size_t name_len(const struct text *t)
{
	size_t n = 0;

	while (n < t->len && (isalnum((unsigned char)t->p[n]) || t->p[n] == '_'))
		n++;
	return n;
}

/* --- values ------------------------------------------------------------------------------------------- */
static size_t quoted_len(const struct text *t)
{
	for (size_t i = 1; i < t->len; i++) {
		if (t->p[i] == '\\')
			i++;
		else if (t->p[i] == '"')
			return i + 1;
	}
	return 0;
}

static bool is_value(const struct text *t)
{
	size_t i = t->len && t->p[0] == '-' ? 1 : 0;
	bool hex = t->len > 2 && t->p[0] == '0' && (t->p[1] == 'x' || t->p[1] == 'X');

	if (t->len == 1 && strchr("ynm", t->p[0]))
		return true;
	if (hex)
		i = 2;
	if (i == t->len)
		return false;
	for (; i < t->len; i++) {
		if (!(hex ? isxdigit((unsigned char)t->p[i]) : isdigit((unsigned char)t->p[i])))
			return false;
	}
	return true;
}

/* Leaves the value in @v and the comment after it in @comment. */
static bool split_value(struct text *v, struct text *comment)
{
	const char *hash;
	size_t len;

	*comment = (struct text){ .p = "" };
	if (v->len && v->p[0] == '"') {
		len = quoted_len(v);
		*comment = (struct text){ .p = v->p + len, .len = v->len - len };
		v->len = len;
		trim(comment);
		return len && (comment->len == 0 || comment->p[0] == '#');
	}
	hash = v->len ? memchr(v->p, '#', v->len) : NULL;
	if (hash) {
		*comment = (struct text){ .p = hash, .len = (size_t)(v->p + v->len - hash) };
		v->len = (size_t)(hash - v->p);
		trim(v);
	}
	return is_value(v);
}

/* --- lines ---------------------------------------------------------------------------------------------- */
static int remember_critical(const struct kc_want *old, struct kc_want *w)
{
	const char *from = old->critical ? old->from : old->critical_from;
	const char *value = old->critical ? old->value : old->critical_value;
	int r = kc_dup(from, &w->critical_from);

	return r < 0 ? r : kc_dup(value, &w->critical_value);
}

/* A later mention replaces an earlier one and moves to the end: among the members of a choice the last asked for wins. */
static int put(struct parser *p, struct kc_want *w)
{
	void **at = kc_names_put(&p->index, w->name);
	struct kc_want *v;
	char *name;
	uintptr_t old;

	if (!at)
		return -ENOMEM;
	old = (uintptr_t)*at;
	if (old && remember_critical(&p->to->list.v[old - 1], w) < 0)
		return -ENOMEM;
	if (KT_VEC_PUSH(&p->to->list, *w) < 0)
		return -ENOMEM;
	*at = (void *)p->to->list
		      .nr; /* NOLINT(performance-no-int-to-ptr): a number, never followed */
	if (!old)
		return 0;
	/* The index goes on borrowing the first one's name: it keeps that, the new one takes the other. */
	v = p->to->list.v;
	w = &v[p->to->list.nr - 1];
	w->critical |= v[old - 1].critical && kt_streq(w->value, v[old - 1].value);
	name = w->name;
	w->name = v[old - 1].name;
	v[old - 1].name = name;
	free(v[old - 1].value);
	v[old - 1].value = NULL; /* dead: removed at the end */
	return 0;
}

static int add(struct parser *p, const struct text *name, const struct text *value, bool critical)
{
	struct kc_want w = {
		.name = kt_fmt("%.*s", (int)name->len, name->p),
		.value = kt_fmt("%.*s", (int)value->len, value->p),
		.from = place(p),
		.critical = critical && !p->by_user,
		.by_user = p->by_user,
	};

	if (w.name && w.value && w.from && p->to->list.nr < WANTS_MAX && put(p, &w) == 0)
		return 0;
	want_done(&w);
	if (p->to->list.nr >= WANTS_MAX)
		return kt_fail(p->e, KT_E_CONFIG, EFBIG, "%s: more than %d options", p->name,
			       WANTS_MAX);
	return kt_fail(p->e, KT_E_HOST, ENOMEM, "read '%s'", p->name);
}

static int parse_set(struct parser *p, const struct text *line)
{
	struct text name = { .p = line->p + 7, .len = line->len - 7 }, value, comment;
	size_t n = name_len(&name);

	if (n == 0 || n == name.len || name.p[n] != '=')
		return broken(p, line, "a line is CONFIG_NAME=value or # CONFIG_NAME is not set");
	value = (struct text){ .p = name.p + n + 1, .len = name.len - n - 1 };
	name.len = n;
	trim(&value);
	if (value.len == 0)
		return broken(p, line, "there is no value; to switch an option off say =n");
	if (!split_value(&value, &comment))
		return broken(p, line, "a value is y, n, m, a number or \"text\" in double quotes");
	return add(p, &name, &value, comment.len >= 10 && starts(&comment, "# critical"));
}

static int parse_comment(struct parser *p, const struct text *line)
{
	struct text name = { .p = line->p + 1, .len = line->len - 1 };

	trim(&name);
	if (!starts(&name, "CONFIG_") || !ends(&name, UNSET_END))
		return 0;
	name.p += 7;
	name.len -= 7 + strlen(UNSET_END);
	if (name.len == 0 || name_len(&name) != name.len)
		return 0;
	return add(p, &name, &(struct text){ .p = "n", .len = 1 }, false);
}

static int parse_line(struct parser *p, struct text *line)
{
	kt_auto(mem) char *hint = NULL;

	if (line->len > LINE_BYTES_MAX)
		return broken(p, line, "the line is too long");
	trim(line);
	if (line->len == 0)
		return 0;
	if (line->p[0] == '#')
		return parse_comment(p, line);
	if (starts(line, "CONFIG_"))
		return parse_set(p, line);
	if (name_len(line) && name_len(line) < line->len && line->p[name_len(line)] == '=')
		hint = kt_fmt("did you mean CONFIG_%.*s?",
			      (int)(line->len < SHOWN_MAX ? line->len : SHOWN_MAX), line->p);
	return broken(p, line,
		      hint ? hint : "a line is CONFIG_NAME=value or # CONFIG_NAME is not set");
}

static void drop_dead(struct kc_wants *w)
{
	size_t to = 0;

	for (size_t i = 0; i < w->list.nr; i++) {
		if (w->list.v[i].value)
			w->list.v[to++] = w->list.v[i];
		else
			want_done(&w->list.v[i]);
	}
	w->list.nr = to;
}

static int parse_lines(struct parser *p, const char *text)
{
	int r = 0;

	for (const char *at = text; r == 0 && *at;) {
		struct text line = { .p = at, .len = strcspn(at, "\n") };

		at += line.len + (at[line.len] == '\n');
		p->line++;
		r = parse_line(p, &line);
	}
	return r;
}

int kc_wants_parse(const char *text, const char *name, bool by_user, struct kc_wants *ret,
		   struct kt_err *e)
{
	struct parser p = { .name = name, .by_user = by_user, .to = ret, .e = e };
	int r;

	for (size_t i = 0; i < ret->list.nr; i++) {
		void **at = kc_names_put(&p.index, ret->list.v[i].name);

		if (!at) {
			kc_names_done(&p.index);
			return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", name);
		}
		*at = (void *)(i + 1); /* NOLINT(performance-no-int-to-ptr) */
	}
	r = parse_lines(&p, text);
	kc_names_done(&p.index);
	drop_dead(ret);
	return r;
}
