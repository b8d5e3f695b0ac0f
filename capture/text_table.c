/* SPDX-License-Identifier: GPL-2.0-only */
/* Rows of cells in columns, and lines of bars. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "capture/text.h"
#include "capture/value.h"

void cap_table_done(struct cap_table *t)
{
	kt_strv_done(&t->cell);
}

void cap_table_add(struct cap_table *t, const char *fmt, ...)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	kt_buf_vaddf(&text, fmt, ap);
	va_end(ap);
	if (!kt_buf_ok(&text) || kt_strv_add(&t->cell, kt_buf_str(&text)) < 0)
		t->oom = true;
}

static size_t cell_columns(const char *cell)
{
	return cap_value_columns(cell, strlen(cell));
}

static size_t column_width(const struct cap_table *t, size_t column)
{
	size_t width = 0;

	for (size_t i = column; i < t->cell.nr; i += t->columns) {
		size_t columns = cell_columns(t->cell.v[i]);

		if (columns > width)
			width = columns;
	}
	return width;
}

static void add_blanks(struct kt_buf *b, size_t nr)
{
	kt_buf_addf(b, "%*s", (int)nr, "");
}

static void print_row(const struct cap_table *t, const char *const *cell, const size_t *width,
		      unsigned indent, struct kt_buf *out)
{
	add_blanks(out, indent);
	for (size_t i = 0; i < t->columns; i++) {
		size_t blanks = width[i] - cell_columns(cell[i]);

		if (i)
			kt_buf_adds(out, i == t->bar ? " | " : "  ");
		if (!(t->left >> i & 1))
			add_blanks(out, blanks);
		kt_buf_adds(out, cell[i]);
		if (t->left >> i & 1)
			add_blanks(out, blanks);
	}
	/* Nothing at the end of a line that is not seen. */
	while (out->len && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
	kt_buf_addc(out, '\n');
}

void cap_table_print(const struct cap_table *t, unsigned indent, struct kt_buf *out)
{
	kt_auto(mem) size_t *width = calloc(t->columns, sizeof(*width));

	if (!width || t->oom) {
		out->oom = true;
		return;
	}
	for (size_t i = 0; i < t->columns; i++)
		width[i] = column_width(t, i);
	for (size_t i = 0; i + t->columns <= t->cell.nr; i += t->columns)
		print_row(t, (const char *const *)t->cell.v + i, width, indent, out);
}

/* ---- bars ---- */

static int64_t not_negative(int64_t v)
{
	return v > 0 ? v : 0;
}

void cap_sparkline(struct kt_buf *b, const int64_t *v, size_t nr)
{
	static const char *const bars[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	enum { HIGHEST = 7, MIDDLE = 4 };
	int64_t min = INT64_MAX, max = 0;

	for (size_t i = 0; i < nr; i++) {
		min = not_negative(v[i]) < min ? not_negative(v[i]) : min;
		max = not_negative(v[i]) > max ? not_negative(v[i]) : max;
	}
	for (size_t i = 0; i < nr; i++) {
		unsigned __int128 above = (unsigned __int128)(not_negative(v[i]) - min) * HIGHEST;
		unsigned at = max ? MIDDLE : 0;

		if (max > min)
			at = (unsigned)(above / (uint64_t)(max - min));
		kt_buf_adds(b, bars[at]);
	}
}
