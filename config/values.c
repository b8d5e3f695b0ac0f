/* SPDX-License-Identifier: GPL-2.0-only */
/* Single values: their types and ranges, and what an error says of them. */
#include "config/internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void cfg_bad(struct cfg_loader *l, const struct cfg_node *v, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (l->quiet)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* a cut text still names its place */
	va_end(ap);
	cfg_diag_add(&l->diag, v->line, v->column, "%s", text);
}

void cfg_bad_help(struct cfg_loader *l, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (l->quiet)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* likewise */
	va_end(ap);
	cfg_diag_help(&l->diag, "%s", text);
}

void cfg_bad_nearest(struct cfg_loader *l, const char *word, const char *const *names, size_t nr)
{
	const char *near = kt_nearest(word, names, nr);

	if (near)
		cfg_bad_help(l, "did you mean '%s'?", near);
}

void cfg_oom(struct cfg_loader *l)
{
	l->diag.oom = true;
}

struct cfg_location cfg_at(const struct cfg_node *v)
{
	return (struct cfg_location){ .line = v->line, .column = v->column };
}

void cfg_bad_type(struct cfg_loader *l, const struct cfg_node *v, const char *expected)
{
	switch (v->type) {
	case CFG_TABLE:
		cfg_bad(l, v, "expected %s, found a table", expected);
		break;
	case CFG_ARRAY:
		cfg_bad(l, v, "expected %s, found an array", expected);
		break;
	case CFG_STRING:
		cfg_bad(l, v, "expected %s, found string \"%.60s\"", expected, v->string);
		break;
	case CFG_INT:
		cfg_bad(l, v, "expected %s, found integer %lld", expected, (long long)v->integer);
		break;
	case CFG_FLOAT:
		cfg_bad(l, v, "expected %s, found float %g", expected, v->real);
		break;
	case CFG_BOOL:
		cfg_bad(l, v, "expected %s, found boolean %s", expected,
			v->boolean ? "true" : "false");
		break;
	case CFG_DATE:
		cfg_bad(l, v, "expected %s, found a date or time", expected);
		break;
	}
}

bool cfg_is_type(struct cfg_loader *l, const struct cfg_node *v, enum cfg_node_type type,
		 const char *expected)
{
	if (v->type == type)
		return true;
	cfg_bad_type(l, v, expected);
	return false;
}

int cfg_choice(struct cfg_loader *l, const struct cfg_node *v, const char *what,
	       const char *const *names, size_t nr)
{
	kt_auto(buf) struct kt_buf all = { 0 };

	for (size_t i = 0; i < nr; i++) {
		if (v->type == CFG_STRING && kt_streq(names[i], v->string))
			return (int)i;
		kt_buf_addf(&all, "%s\"%s\"", i == 0 ? "" : i + 1 < nr ? ", " : " or ", names[i]);
	}
	if (v->type != CFG_STRING) {
		cfg_bad_type(l, v, kt_buf_str(&all));
		return -1;
	}
	cfg_bad(l, v, "no %s '%.60s': %s", what, v->string, kt_buf_str(&all));
	cfg_bad_nearest(l, v->string, names, nr);
	return -1;
}

/* Names become file and directory names, and words of a command line. */
bool cfg_name_ok(const char *s)
{
	size_t len = strlen(s);

	if (!len || len > CFG_NAME_MAX || s[0] == '.' || s[0] == '-')
		return false;
	for (; *s; s++) {
		if (!isalnum((unsigned char)*s) && !strchr("_.-", *s))
			return false;
	}
	return true;
}

bool cfg_check_name(struct cfg_loader *l, const char *name, int line, int column)
{
	if (cfg_name_ok(name))
		return true;
	if (!l->quiet)
		cfg_diag_add(
			&l->diag, line, column,
			"'%.60s' is no name: 1 to %d of A-Z a-z 0-9 _ . -, not beginning with . or -",
			name, CFG_NAME_MAX);
	return false;
}

/* ---- handlers ---- */

static void *field(const struct cfg_key *k, void *obj)
{
	return (char *)obj + k->offset;
}

void cfg_apply_string(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		      void *obj)
{
	char **p = field(k, obj);

	if (!cfg_is_type(l, v, CFG_STRING, "a string"))
		return;
	if (!v->string[0]) {
		cfg_bad(l, v, "'%s' is empty", k->name);
		return;
	}
	free(*p);
	*p = strdup(v->string);
	if (!*p)
		cfg_oom(l);
}

/* A number with a unit, written as a string. */
struct quantity {
	const char *expected;
	int (*parse)(const char *s, uint64_t *ret);
	void (*format)(struct kt_buf *b, uint64_t value);
};

static void apply_quantity(struct cfg_loader *l, const struct quantity *q, const struct cfg_key *k,
			   const struct cfg_node *v, void *obj)
{
	kt_auto(buf) struct kt_buf range = { 0 };
	uint64_t value = 0;
	int r;

	if (!cfg_is_type(l, v, CFG_STRING, q->expected))
		return;
	r = q->parse(v->string, &value);
	if (r == -EINVAL) {
		cfg_bad_type(l, v, q->expected);
	} else if (r < 0 || value < k->min || value > k->max) {
		q->format(&range, k->min);
		kt_buf_adds(&range, " to ");
		q->format(&range, k->max);
		cfg_bad(l, v, "'%s' is %.60s, allowed are %s", k->name, v->string,
			kt_buf_str(&range));
	} else {
		*(uint64_t *)field(k, obj) = value;
	}
}

void cfg_apply_duration(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			void *obj)
{
	static const struct quantity duration = { "a duration such as \"10s\"",
						  kt_parse_duration_ns, kt_format_duration };

	apply_quantity(l, &duration, k, v, obj);
}

void cfg_apply_size(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		    void *obj)
{
	static const struct quantity size = { "a size such as \"512M\"", kt_parse_size,
					      kt_format_size };

	apply_quantity(l, &size, k, v, obj);
}

void cfg_apply_bool(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		    void *obj)
{
	if (cfg_is_type(l, v, CFG_BOOL, "true or false"))
		*(bool *)field(k, obj) = v->boolean;
}

static bool in_range(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v)
{
	int64_t min = (int64_t)k->min, max = (int64_t)k->max;

	if (!cfg_is_type(l, v, CFG_INT, "an integer"))
		return false;
	if (v->integer >= min && v->integer <= max)
		return true;
	cfg_bad(l, v, "'%s' is %lld, allowed are %lld to %lld", k->name, (long long)v->integer,
		(long long)min, (long long)max);
	return false;
}

void cfg_apply_int(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		   void *obj)
{
	if (in_range(l, k, v))
		*(int *)field(k, obj) = (int)v->integer;
}

void cfg_apply_u32(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		   void *obj)
{
	if (in_range(l, k, v))
		*(uint32_t *)field(k, obj) = (uint32_t)v->integer;
}

void cfg_apply_percentage(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			  void *obj)
{
	static const char expected[] = "a percentage such as 15 or \"15%\"";
	double pct = 0;

	if (v->type == CFG_INT) {
		pct = (double)v->integer;
	} else if (v->type == CFG_FLOAT) {
		pct = v->real;
	} else if (v->type != CFG_STRING || kt_parse_percent(v->string, &pct) < 0) {
		cfg_bad_type(l, v, expected);
		return;
	}
	if (pct >= 0 && pct <= 100)
		*(double *)field(k, obj) = pct;
	else
		cfg_bad(l, v, "'%s' is %g, allowed are 0 to 100", k->name, pct);
}

void cfg_apply_strings(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		       void *obj)
{
	struct kt_strv *p = field(k, obj);

	if (!cfg_is_type(l, v, CFG_ARRAY, "an array of strings"))
		return;
	kt_strv_done(p);
	for (size_t i = 0; i < v->nr; i++) {
		if (!cfg_is_type(l, &v->child[i], CFG_STRING, "a string"))
			continue;
		if (strlen(v->child[i].string) >= SCN_TEXT_MAX)
			cfg_bad(l, &v->child[i], "longer than %d bytes", SCN_TEXT_MAX - 1);
		else if (kt_strv_add(p, v->child[i].string) < 0)
			cfg_oom(l);
	}
	if (p->nr > k->max)
		cfg_bad(l, v, "%zu strings, at most %llu", p->nr, (unsigned long long)k->max);
}
