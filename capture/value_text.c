/* SPDX-License-Identifier: GPL-2.0-only */
/* A value as text: on one line where it fits, else its parts on lines of their own. */
#include <string.h>

#include "capture/value.h"

enum {
	WIDTH = 120,
	WIDTH_MIN = 24, /* however deep it is */
	STEP = 2, /* of indentation */
	PER_ROW = 3,
	ALIGN_ROWS =
		3, /* so many rows, with names so different in length, have their "=" in a column */
	ALIGN_NAMES = 4,
	CELLS_MAX = 96, /* aligned with each other */
	LABEL = 16, /* "[1000..1023]={}" */
	BYTES_PER_LINE = 32,
	BYTES_SHOWN = 512,
	TEXT_MAX = 160 << 20, /* of a report: what is short in memory may be long to tell */
};

struct text {
	struct kt_buf *out;
	unsigned width;
	struct kt_buf cells;
};

static void add_block(struct text *x, const struct cap_value *v, unsigned indent);

static void new_line(struct text *x, unsigned indent)
{
	kt_buf_addf(x->out, "\n%*s", (int)indent, "");
}

static size_t room(const struct text *x, unsigned indent)
{
	return x->width > indent + WIDTH_MIN ? x->width - indent : WIDTH_MIN;
}

/* ---- rows of numbers ---- */

struct cell {
	size_t at, len, columns; /* its value, in text.cells */
	const char *name;
	size_t name_columns;
};
struct rows {
	struct cell cell[CELLS_MAX];
	size_t nr;
};

static bool is_cell(const struct cap_value *v)
{
	switch (v->kind) {
	case CAP_STRUCT:
	case CAP_TRUNCATED:
	case CAP_UNSUPPORTED:
	case CAP_KIND_NR:
		return false;
	case CAP_ARRAY:
		return cap_value_string_len(v) > 0;
	case CAP_PTR:
		return !v->p.deref;
	case CAP_INT:
	case CAP_UINT:
	case CAP_BOOL:
	case CAP_CHAR:
	case CAP_FLOAT:
	case CAP_ENUM:
	case CAP_CPU_LIST:
	case CAP_BYTES:
		return true;
	}
	return false;
}

/* The widest name and value of a column. */
static void column_widths(const struct rows *r, size_t column, size_t *ret_name, size_t *ret_value)
{
	*ret_name = *ret_value = 0;
	for (size_t i = column; i < r->nr; i += PER_ROW) {
		if (r->cell[i].name_columns > *ret_name)
			*ret_name = r->cell[i].name_columns;
		if (r->cell[i].columns > *ret_value)
			*ret_value = r->cell[i].columns;
	}
}

static bool want_columns(const struct rows *r)
{
	size_t min = SIZE_MAX, max = 0;

	for (size_t i = 0; i < r->nr; i++) {
		if (r->cell[i].name_columns < min)
			min = r->cell[i].name_columns;
		if (r->cell[i].name_columns > max)
			max = r->cell[i].name_columns;
	}
	return (r->nr + PER_ROW - 1) / PER_ROW >= ALIGN_ROWS && max - min >= ALIGN_NAMES;
}

static void add_cell(struct text *x, const struct rows *r, size_t i, bool columns)
{
	const struct cell *c = &r->cell[i];
	size_t name = 0, value = 0;

	if (columns)
		column_widths(r, i % PER_ROW, &name, &value);
	cap_value_add_name(x->out, c->name);
	if (columns)
		kt_buf_addf(x->out, "%*s", (int)(name - c->name_columns), "");
	if (*c->name || columns)
		kt_buf_addc(x->out, '=');
	kt_buf_add(x->out, x->cells.data + c->at, c->len);
	if (i % PER_ROW == PER_ROW - 1 || i == r->nr - 1)
		return;
	kt_buf_adds(x->out, "  ");
	if (columns)
		kt_buf_addf(x->out, "%*s", (int)(value - c->columns), "");
}

static void flush(struct text *x, struct rows *r, unsigned indent)
{
	bool columns = want_columns(r);

	for (size_t i = 0; i < r->nr; i++) {
		if (i % PER_ROW == 0)
			new_line(x, indent);
		if (kt_buf_ok(&x->cells))
			add_cell(x, r, i, columns);
	}
	r->nr = 0;
	kt_buf_reset(&x->cells);
}

/* False: it wants a line of its own. */
static bool put_cell(struct text *x, struct rows *r, const struct cap_member *m, unsigned indent)
{
	struct cell c = { .at = x->cells.len,
			  .name = m->name,
			  .name_columns = cap_value_columns(m->name, strlen(m->name)) };
	size_t max = room(x, indent) / PER_ROW;

	if (!is_cell(&m->value) || c.name_columns + STEP >= max ||
	    !cap_value_line(&m->value, CAP_ALONE, max - c.name_columns - STEP, &x->cells))
		return false;
	c.len = x->cells.len - c.at;
	c.columns = cap_value_columns(kt_buf_str(&x->cells) + c.at, c.len);
	r->cell[r->nr++] = c;
	if (r->nr == CELLS_MAX)
		flush(x, r, indent);
	return true;
}

/* ---- blocks ---- */

/* After a label: on the same line, or as a block below it. */
static void add_labelled(struct text *x, const struct cap_value *v, enum cap_where where,
			 size_t label, unsigned indent)
{
	size_t max = room(x, indent);

	if (cap_value_line(v, where, max > label ? max - label : 0, x->out))
		return;
	add_block(x, v, indent);
}

static bool is_too_long(struct text *x, unsigned indent)
{
	if (x->out->len <= TEXT_MAX)
		return false;
	new_line(x, indent);
	kt_buf_adds(x->out, "<the text is too long: what follows is left out>");
	return true;
}

static void add_struct(struct text *x, const struct cap_value *v, unsigned indent)
{
	struct rows rows = { .nr = 0 };

	cap_value_add_name(x->out, v->s.type_name ? v->s.type_name : "struct");
	kt_buf_addc(x->out, ':');
	for (size_t i = 0; i < v->s.nr; i++) {
		const struct cap_member *m = &v->s.member[i];

		if (cap_value_is_zero(&m->value) || put_cell(x, &rows, m, indent + STEP))
			continue;
		flush(x, &rows, indent + STEP);
		if (is_too_long(x, indent + STEP))
			return;
		new_line(x, indent + STEP);
		if (*m->name) {
			cap_value_add_name(x->out, m->name);
			kt_buf_addc(x->out, '=');
		}
		add_labelled(x, &m->value, CAP_ALONE,
			     cap_value_columns(m->name, strlen(m->name)) + 1, indent + STEP);
	}
	flush(x, &rows, indent + STEP);
}

static bool is_small(const struct cap_value *v)
{
	return v->kind != CAP_STRUCT && v->kind != CAP_ARRAY && v->kind != CAP_TRUNCATED &&
	       (v->kind != CAP_PTR || !v->p.deref);
}

/* Adds to text.cells as many elements of a run as fit on a line. Returns the first that does not. */
static size_t fit_elements(struct text *x, const struct cap_value *v, size_t first, size_t end,
			   size_t max)
{
	size_t at, mark;

	kt_buf_reset(&x->cells);
	for (at = first; at < end && is_small(&v->a.element[at]); at++) {
		mark = x->cells.len;
		if (at > first)
			kt_buf_adds(&x->cells, ", ");
		if (!cap_value_line(&v->a.element[at], CAP_IN_ARRAY, max, &x->cells) ||
		    cap_value_columns(kt_buf_str(&x->cells), x->cells.len) > max) {
			x->cells.len = mark;
			break;
		}
	}
	return at;
}

/* A line of several elements, or one that is a line or block of its own. Returns where to go on. */
static size_t add_run_line(struct text *x, const struct cap_value *v, size_t first, size_t end,
			   unsigned indent)
{
	size_t at = fit_elements(x, v, first, end, room(x, indent) - LABEL), label;

	new_line(x, indent);
	if (at > first + 1) {
		cap_value_add_range(x->out, first, at);
		kt_buf_addc(x->out, '{');
		kt_buf_add(x->out, x->cells.data, x->cells.len);
		kt_buf_addc(x->out, '}');
	} else {
		label = x->out->len;
		cap_value_add_range(x->out, first, first + 1);
		at = first + 1;
		kt_buf_reset(&x->cells);
		add_labelled(x, &v->a.element[first], CAP_IN_ARRAY, x->out->len - label, indent);
	}
	kt_buf_reset(&x->cells);
	return at;
}

static void add_array(struct text *x, const struct cap_value *v, unsigned indent)
{
	size_t first, end = 0;

	kt_buf_addf(x->out, "array of %llu:", (unsigned long long)v->a.len);
	cap_value_add_shown(x->out, v->a.nr, v->a.len);
	while (cap_value_run(v, end, &first, &end)) {
		while (first < end && kt_buf_ok(x->out)) {
			if (is_too_long(x, indent + STEP))
				return;
			first = add_run_line(x, v, first, end, indent + STEP);
		}
	}
}

static void add_bytes(struct text *x, const struct cap_value *v, unsigned indent)
{
	size_t nr = v->bytes.len < BYTES_SHOWN ? v->bytes.len : BYTES_SHOWN;
	struct cap_value part = { .kind = CAP_BYTES };

	kt_buf_addf(x->out, "%zu bytes:", v->bytes.len);
	cap_value_add_shown(x->out, nr, v->bytes.len);
	for (size_t i = 0; i < nr; i += part.bytes.len) {
		part.bytes.data = v->bytes.data + i;
		part.bytes.len = nr - i < BYTES_PER_LINE ? nr - i : BYTES_PER_LINE;
		part.bytes.text = v->bytes.text;
		new_line(x, indent + STEP);
		(void)cap_value_line(&part, CAP_ALONE, SIZE_MAX / 2, x->out); /* always fits */
	}
}

static void add_block(struct text *x, const struct cap_value *v, unsigned indent)
{
	switch (v->kind) {
	case CAP_STRUCT:
		add_struct(x, v, indent);
		break;
	case CAP_ARRAY:
		if (cap_value_string_len(v))
			(void)cap_value_line(v, CAP_ALONE, SIZE_MAX / 2, x->out); /* however long */
		else
			add_array(x, v, indent);
		break;
	case CAP_BYTES:
		add_bytes(x, v, indent);
		break;
	case CAP_PTR:
		cap_value_add_head(x->out, v);
		if (v->p.deref)
			add_block(x, v->p.deref, indent);
		break;
	case CAP_TRUNCATED:
		cap_value_add_head(x->out, v);
		if (v->t.had && v->t.partial)
			add_block(x, v->t.partial, indent);
		break;
	case CAP_UNSUPPORTED:
	case CAP_INT:
	case CAP_UINT:
	case CAP_BOOL:
	case CAP_CHAR:
	case CAP_FLOAT:
	case CAP_ENUM:
	case CAP_CPU_LIST:
	case CAP_KIND_NR:
		(void)cap_value_line(v, CAP_ALONE, SIZE_MAX / 2, x->out); /* however long */
		break;
	}
}

void cap_value_text(const struct cap_value *v, unsigned indent, unsigned width, struct kt_buf *ret)
{
	struct text x = { .out = ret, .width = width ? width : WIDTH };

	add_labelled(&x, v, CAP_ALONE, 0, indent);
	kt_buf_done(&x.cells);
}
