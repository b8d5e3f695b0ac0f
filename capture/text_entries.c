/* SPDX-License-Identifier: GPL-2.0-only */
/* Entries of maps as text: a table where they are alike and flat, else one below the other. */
#include "capture/text_entries.h"

#include <inttypes.h>

#include "capture/value.h"

enum { CELL_MAX = 40, COLUMNS_MAX = 12, RAW_SHOWN = 64 };

static bool is_scalar(const struct cap_value *v)
{
	switch (v->kind) {
	case CAP_INT:
	case CAP_UINT:
	case CAP_BOOL:
	case CAP_CHAR:
	case CAP_FLOAT:
	case CAP_ENUM:
	case CAP_CPU_LIST:
		return true;
	case CAP_PTR:
		return !v->p.deref && !v->p.deref_skipped_reason;
	case CAP_STRUCT:
	case CAP_ARRAY:
	case CAP_BYTES:
	case CAP_TRUNCATED:
	case CAP_UNSUPPORTED:
	case CAP_KIND_NR:
		break;
	}
	return false;
}

bool cap_value_is_flat(const struct cap_value *v)
{
	if (v->kind != CAP_STRUCT || !v->s.nr)
		return false;
	for (size_t i = 0; i < v->s.nr; i++) {
		if (!is_scalar(&v->s.member[i].value))
			return false;
	}
	return true;
}

bool cap_value_same_shape(const struct cap_value *a, const struct cap_value *b)
{
	if (!cap_value_is_flat(a) || !cap_value_is_flat(b) || a->s.nr != b->s.nr)
		return false;
	for (size_t i = 0; i < a->s.nr; i++) {
		if (!kt_streq(a->s.member[i].name, b->s.member[i].name))
			return false;
	}
	return true;
}

/* Columns of a side of a table; 0: it is not one. A plain key is a column too. */
static size_t side_columns(const struct cap_value *v)
{
	if (!v)
		return 0;
	if (is_scalar(v))
		return 1;
	return cap_value_is_flat(v) ? v->s.nr : 0;
}

static bool same_side(const struct cap_value *a, const struct cap_value *b)
{
	return b && (is_scalar(a) ? is_scalar(b) : cap_value_same_shape(a, b));
}

static bool fits_a_table(const struct cap_entry *e, size_t nr)
{
	size_t keys = nr < 2 ? 0 : side_columns(e[0].key);
	size_t values = nr < 2 ? 0 : side_columns(e[0].value);

	if (!keys || !values || keys + values > COLUMNS_MAX)
		return false;
	for (size_t i = 0; i < nr; i++) {
		if (e[i].payload || !same_side(e[0].key, e[i].key) ||
		    !same_side(e[0].value, e[i].value))
			return false;
	}
	return true;
}

static void add_cell(struct cap_table *t, const struct cap_value *v)
{
	kt_auto(buf) struct kt_buf text = { 0 };

	if (!cap_value_line(v, CAP_ALONE, CELL_MAX, &text))
		kt_buf_adds(&text, "...");
	cap_table_add(t, "%s", kt_buf_str(&text));
}

static void add_side(struct cap_table *t, const struct cap_value *v)
{
	if (is_scalar(v))
		add_cell(t, v);
	for (size_t i = 0; v->kind == CAP_STRUCT && i < v->s.nr; i++)
		add_cell(t, &v->s.member[i].value);
}

static void add_side_head(struct cap_table *t, const struct cap_value *v, const char *plain)
{
	if (is_scalar(v))
		cap_table_add(t, "%s", plain);
	for (size_t i = 0; v->kind == CAP_STRUCT && i < v->s.nr; i++) {
		kt_auto(buf) struct kt_buf name = { 0 };

		cap_text_name(&name, v->s.member[i].name);
		cap_table_add(t, "%s", kt_buf_str(&name));
	}
}

static void add_table(struct cap_text *x, const struct cap_entry *e, size_t nr)
{
	kt_auto(table) struct cap_table t = { .bar = side_columns(e->key) };

	t.columns = t.bar + side_columns(e->value);
	add_side_head(&t, e->key, "key");
	add_side_head(&t, e->value, "value");
	for (size_t i = 0; i < nr; i++) {
		add_side(&t, e[i].key);
		add_side(&t, e[i].value);
	}
	cap_table_print(&t, 2, x->out);
}

static void add_raw(struct kt_buf *b, const uint8_t *data, size_t len)
{
	size_t shown = len < RAW_SHOWN ? len : RAW_SHOWN;

	cap_hex_add(b, data, shown);
	cap_value_add_shown(b, shown, len);
	kt_buf_adds(b, len ? " (raw)" : "(none)");
}

static void add_value_or_raw(struct cap_text *x, const struct cap_value *v, const uint8_t *data,
			     size_t len, unsigned indent)
{
	if (v)
		cap_value_text(v, indent, x->width, x->out);
	else
		add_raw(x->out, data, len);
	kt_buf_addc(x->out, '\n');
}

void cap_text_entry(struct cap_text *x, const struct cap_entry *entry)
{
	kt_buf_adds(x->out, "  entry: key=");
	add_value_or_raw(x, entry->key, entry->key_data, entry->key_len, 4);
	kt_buf_adds(x->out, "    value: ");
	add_value_or_raw(x, entry->value, entry->value_data, entry->value_len, 4);
	if (!entry->payload)
		return;
	kt_buf_adds(x->out, "    .data ");
	add_value_or_raw(x, entry->payload, NULL, 0, 4);
}

void cap_text_array_entry(struct cap_text *x, const struct cap_array_entry *entry)
{
	kt_buf_addf(x->out, "  key %" PRIu32 ": ", entry->key);
	if (entry->value)
		cap_value_text(entry->value, 4, x->width, x->out);
	else
		kt_buf_adds(x->out, "<unreadable>");
	kt_buf_addc(x->out, '\n');
}

void cap_text_percpu_entry(struct cap_text *x, const struct cap_percpu_entry *entry)
{
	if (!entry->key_data && !entry->key_value) {
		kt_buf_addf(x->out, "  key %" PRIu32 ":\n", entry->key);
	} else {
		kt_buf_adds(x->out, "  entry: key=");
		add_value_or_raw(x, entry->key_value, entry->key_data, entry->key_len, 4);
	}
	cap_text_percpu(x, entry->per_cpu, entry->nr_cpus, 4);
}

/* As with a hash: a table needs two, all of a shape. */
static bool array_fits_a_table(const struct cap_array_entry *e, size_t nr)
{
	if (nr < 2 || !e[0].value || !cap_value_is_flat(e[0].value) ||
	    e[0].value->s.nr >= COLUMNS_MAX)
		return false;
	for (size_t i = 0; i < nr; i++) {
		if (!e[i].value || !cap_value_same_shape(e[0].value, e[i].value))
			return false;
	}
	return true;
}

/* Elements that are all zero are told by their number. */
static void add_array_table(struct cap_text *x, const struct cap_array_entry *e, size_t nr)
{
	kt_auto(table) struct cap_table t = { .bar = 1, .columns = 1 + e->value->s.nr };
	size_t zeros = 0;

	cap_table_add(&t, "key");
	add_side_head(&t, e->value, "");
	for (size_t i = 0; i < nr; i++) {
		if (cap_value_is_zero(e[i].value)) {
			zeros++;
			continue;
		}
		cap_table_add(&t, "%" PRIu32, e[i].key);
		add_side(&t, e[i].value);
	}
	if (zeros < nr)
		cap_table_print(&t, 2, x->out);
	if (zeros)
		kt_buf_addf(x->out, "  %zu elements are all zero\n", zeros);
}

static void add_array(struct cap_text *x, const struct cap_array_entry *e, size_t nr)
{
	size_t zeros = 0;

	if (array_fits_a_table(e, nr)) {
		add_array_table(x, e, nr);
		return;
	}
	for (size_t i = 0; i < nr; i++) {
		if (e[i].value && cap_value_is_zero(e[i].value))
			zeros++;
		else
			cap_text_array_entry(x, &e[i]);
	}
	if (zeros)
		kt_buf_addf(x->out, "  %zu elements are all zero\n", zeros);
}

void cap_text_entries(struct cap_text *x, const struct cap_map_report *m)
{
	if (fits_a_table(m->entry, m->nr_entries)) {
		add_table(x, m->entry, m->nr_entries);
	} else {
		for (size_t i = 0; i < m->nr_entries; i++)
			cap_text_entry(x, &m->entry[i]);
	}
	if (m->nr_array_entries)
		add_array(x, m->array_entry, m->nr_array_entries);
	for (size_t i = 0; i < m->nr_percpu_entries; i++)
		cap_text_percpu_entry(x, &m->percpu_entry[i]);
	for (size_t i = 0; i < m->nr_percpu_hash_entries; i++)
		cap_text_percpu_entry(x, &m->percpu_hash_entry[i]);
}
