/* SPDX-License-Identifier: GPL-2.0-only */
/* A value on one line. */
#include <string.h>

#include "capture/value.h"

enum {
	SPARSE_FROM = 8, /* shorter arrays are shown with their zeros */
	BYTES_SHOWN = 64,
	HEX_BITS = 32,
	BYTE_BITS = 8,
};

/* ---- zero, strings, runs ---- */

static bool all_zero(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i])
			return false;
	}
	return true;
}

static bool members_are_zero(const struct cap_value *v)
{
	for (size_t i = 0; i < v->s.nr; i++) {
		if (!cap_value_is_zero(&v->s.member[i].value))
			return false;
	}
	return true;
}

static bool elements_are_zero(const struct cap_value *v)
{
	for (size_t i = 0; i < v->a.nr; i++) {
		if (!cap_value_is_zero(&v->a.element[i]))
			return false;
	}
	return true;
}

bool cap_value_is_zero(const struct cap_value *v)
{
	switch (v->kind) {
	case CAP_INT:
		return !v->i;
	case CAP_UINT:
		return !v->u;
	case CAP_BOOL:
		return !v->b;
	case CAP_CHAR:
		return !v->c;
	case CAP_FLOAT:
		return v->f == 0;
	case CAP_ENUM:
		return !v->e.value;
	case CAP_STRUCT:
		return members_are_zero(v);
	case CAP_ARRAY:
		return elements_are_zero(v);
	case CAP_CPU_LIST:
		return !*v->cpus;
	case CAP_PTR:
		return !v->p.value;
	case CAP_BYTES:
		return all_zero(v->bytes.data, v->bytes.len);
	case CAP_TRUNCATED:
	case CAP_UNSUPPORTED:
	case CAP_KIND_NR:
		return false;
	}
	return false;
}

/* The byte that an element of eight bits is; -1: it is none. */
static int byte_of(const struct cap_value *v)
{
	if (v->kind == CAP_CHAR)
		return v->c;
	if (v->kind == CAP_UINT && v->bits == BYTE_BITS)
		return (int)(v->u & UINT8_MAX);
	return v->kind == CAP_INT && v->bits == BYTE_BITS ? (int)((uint64_t)v->i & UINT8_MAX) : -1;
}

static bool is_text(int byte)
{
	return (byte >= ' ' && byte <= '~') || byte == '\n' || byte == '\t';
}

size_t cap_value_string_len(const struct cap_value *v)
{
	size_t len = 0;

	if (v->kind != CAP_ARRAY)
		return 0;
	while (len < v->a.nr && is_text(byte_of(&v->a.element[len])))
		len++;
	for (size_t i = len; i < v->a.nr; i++) {
		if (byte_of(&v->a.element[i]) != 0)
			return 0;
	}
	return len;
}

bool cap_value_run(const struct cap_value *v, size_t from, size_t *ret_first, size_t *ret_end)
{
	while (from < v->a.nr && cap_value_is_zero(&v->a.element[from]))
		from++;
	if (from >= v->a.nr)
		return false;
	*ret_first = from;
	while (from < v->a.nr && !cap_value_is_zero(&v->a.element[from]))
		from++;
	*ret_end = from;
	return true;
}

/* ---- pieces of text ---- */

size_t cap_value_columns(const char *text, size_t len)
{
	size_t columns = 0;

	for (size_t i = 0; i < len; i++)
		columns += ((unsigned char)text[i] & 0xc0) != 0x80;
	return columns;
}

void cap_value_add_name(struct kt_buf *b, const char *name)
{
	size_t len;

	for (; *name; name += len) {
		len = strcspn(name, "\n\t");
		kt_buf_add_printable(b, name, len);
		if (name[len])
			kt_buf_addf(b, "\\x%02x", (unsigned char)name[len++]);
	}
}

void cap_value_add_range(struct kt_buf *b, size_t first, size_t end)
{
	if (end == first + 1)
		kt_buf_addf(b, "[%zu]=", first);
	else
		kt_buf_addf(b, "[%zu..%zu]=", first, end - 1);
}

void cap_value_add_shown(struct kt_buf *b, uint64_t shown, uint64_t of)
{
	if (shown < of)
		kt_buf_addf(b, " /* %llu of %llu shown */", (unsigned long long)shown,
			    (unsigned long long)of);
}

static void add_ptr(struct kt_buf *b, const struct cap_value *v)
{
	const char *why = v->p.deref_skipped_reason;

	kt_buf_addf(b, "0x%llx", (unsigned long long)v->p.value);
	if (v->p.cast_annotation) {
		kt_buf_adds(b, " (");
		cap_value_add_name(b, v->p.cast_annotation);
		kt_buf_addc(b, ')');
	}
	if (v->p.deref) {
		kt_buf_adds(b, " → ");
	} else if (why && kt_starts_with(why, "cycle ")) {
		kt_buf_adds(b, " [cycle]");
	} else if (why) {
		kt_buf_adds(b, " [chase: ");
		cap_value_add_name(b, why);
		kt_buf_addc(b, ']');
	}
}

void cap_value_add_head(struct kt_buf *b, const struct cap_value *v)
{
	if (v->kind == CAP_PTR)
		add_ptr(b, v);
	else
		kt_buf_addf(b, "<truncated needed=%llu had=%llu>%s",
			    (unsigned long long)v->t.needed, (unsigned long long)v->t.had,
			    v->t.had && v->t.partial ? " " : "");
}

static void add_char(struct kt_buf *b, uint8_t c)
{
	if (c == '\'' || c == '\\')
		kt_buf_addf(b, "'\\%c'", c);
	else if (c >= ' ' && c <= '~')
		kt_buf_addf(b, "'%c'", c);
	else
		kt_buf_addf(b, "0x%02x", c);
}

static void add_enum(struct kt_buf *b, const struct cap_value *v)
{
	if (v->e.variant) {
		cap_value_add_name(b, v->e.variant);
		kt_buf_adds(b, " (");
	}
	if (v->e.is_signed || v->bits < 64)
		kt_buf_addf(b, "%lld", (long long)v->e.value);
	else
		kt_buf_addf(b, "%llu", (unsigned long long)v->e.value);
	if (v->e.variant)
		kt_buf_addc(b, ')');
}

static void add_text_byte(struct kt_buf *b, uint8_t c)
{
	if (c == '"' || c == '\\')
		kt_buf_addf(b, "\\%c", c);
	else if (c == '\n' || c == '\t')
		kt_buf_adds(b, c == '\n' ? "\\n" : "\\t");
	else if (c >= ' ' && c <= '~')
		kt_buf_addc(b, (char)c);
	else
		kt_buf_addf(b, "\\x%02x", c);
}

/* ---- a line, given up when it is too long ---- */

struct line {
	struct kt_buf *out;
	size_t from, max_bytes; /* columns and what UTF-8 may need for them; exact at the end */
	enum cap_where where;
};

static bool is_long(const struct line *l)
{
	return l->out->len - l->from > l->max_bytes;
}

static void add_value(struct line *l, const struct cap_value *v, enum cap_where where);

static void add_struct(struct line *l, const struct cap_value *v)
{
	const char *separator = "";

	if (v->s.type_name)
		cap_value_add_name(l->out, v->s.type_name);
	kt_buf_addc(l->out, '{');
	for (size_t i = 0; i < v->s.nr && !is_long(l); i++) {
		const struct cap_member *m = &v->s.member[i];

		if (cap_value_is_zero(&m->value))
			continue;
		kt_buf_adds(l->out, separator);
		separator = ", ";
		if (*m->name) {
			cap_value_add_name(l->out, m->name);
			kt_buf_addc(l->out, '=');
		}
		add_value(l, &m->value, CAP_ALONE);
	}
	kt_buf_addc(l->out, '}');
}

static void add_elements(struct line *l, const struct cap_value *v, size_t first, size_t end)
{
	for (size_t i = first; i < end && !is_long(l); i++) {
		if (i > first)
			kt_buf_adds(l->out, ", ");
		add_value(l, &v->a.element[i], CAP_IN_ARRAY);
	}
}

static void add_runs(struct line *l, const struct cap_value *v)
{
	size_t first, end = 0;
	const char *separator = "{";

	while (!is_long(l) && cap_value_run(v, end, &first, &end)) {
		kt_buf_adds(l->out, separator);
		separator = ", ";
		cap_value_add_range(l->out, first, end);
		kt_buf_adds(l->out, end > first + 1 ? "{" : "");
		add_elements(l, v, first, end);
		kt_buf_adds(l->out, end > first + 1 ? "}" : "");
	}
	kt_buf_addc(l->out, '}');
}

static bool is_sparse(const struct cap_value *v)
{
	size_t zeros = 0;

	for (size_t i = 0; i < v->a.nr; i++)
		zeros += cap_value_is_zero(&v->a.element[i]);
	return v->a.nr > SPARSE_FROM && zeros * 2 >= v->a.nr;
}

static void add_array(struct line *l, const struct cap_value *v)
{
	size_t len = cap_value_string_len(v);

	if (len) {
		kt_buf_addc(l->out, '"');
		for (size_t i = 0; i < len && !is_long(l); i++)
			add_text_byte(l->out, (uint8_t)byte_of(&v->a.element[i]));
		kt_buf_addc(l->out, '"');
	} else if (v->a.nr && elements_are_zero(v)) {
		kt_buf_addf(l->out, "[all %zu zero]", v->a.nr);
	} else if (is_sparse(v)) {
		add_runs(l, v);
	} else {
		kt_buf_addc(l->out, '[');
		add_elements(l, v, 0, v->a.nr);
		kt_buf_addc(l->out, ']');
	}
	cap_value_add_shown(l->out, v->a.nr, v->a.len);
}

static void add_bytes(struct line *l, const struct cap_value *v)
{
	const uint8_t *data = v->bytes.data;
	size_t nr = v->bytes.len < BYTES_SHOWN || v->bytes.text ? v->bytes.len : BYTES_SHOWN;

	if (v->bytes.text)
		kt_buf_addc(l->out, '"');
	for (size_t i = 0; i < nr && !is_long(l); i++) {
		if (v->bytes.text)
			add_text_byte(l->out, data[i]);
		else
			kt_buf_addf(l->out, "%s%02x", i ? " " : "", data[i]);
	}
	if (v->bytes.text)
		kt_buf_addc(l->out, '"');
	else if (!nr)
		kt_buf_adds(l->out, "<no bytes>");
	cap_value_add_shown(l->out, nr, v->bytes.len);
}

static void add_unsupported(struct line *l, const struct cap_value *v)
{
	kt_buf_adds(l->out, "<unsupported: ");
	cap_value_add_name(l->out, v->reason ? v->reason : "not rendered");
	kt_buf_addc(l->out, '>');
}

static void add_number(struct line *l, const struct cap_value *v, enum cap_where where)
{
	if (v->kind == CAP_INT)
		kt_buf_addf(l->out, "%lld", (long long)v->i);
	else if (v->kind == CAP_FLOAT)
		kt_buf_addf(l->out, "%g", v->f);
	else if (where == CAP_IN_ARRAY && v->bits >= HEX_BITS)
		kt_buf_addf(l->out, "0x%llx", (unsigned long long)v->u);
	else
		kt_buf_addf(l->out, "%llu", (unsigned long long)v->u);
}

static void add_value(struct line *l, const struct cap_value *v, enum cap_where where)
{
	switch (v->kind) {
	case CAP_INT:
	case CAP_UINT:
	case CAP_FLOAT:
		add_number(l, v, where);
		break;
	case CAP_BOOL:
		kt_buf_adds(l->out, v->b ? "true" : "false");
		break;
	case CAP_CHAR:
		add_char(l->out, v->c);
		break;
	case CAP_ENUM:
		add_enum(l->out, v);
		break;
	case CAP_STRUCT:
		add_struct(l, v);
		break;
	case CAP_ARRAY:
		add_array(l, v);
		break;
	case CAP_CPU_LIST:
		kt_buf_adds(l->out, "cpus={");
		cap_value_add_name(l->out, v->cpus);
		kt_buf_addc(l->out, '}');
		break;
	case CAP_PTR:
		cap_value_add_head(l->out, v);
		if (v->p.deref && !is_long(l))
			add_value(l, v->p.deref, CAP_ALONE);
		break;
	case CAP_BYTES:
		add_bytes(l, v);
		break;
	case CAP_TRUNCATED:
		cap_value_add_head(l->out, v);
		if (v->t.had && v->t.partial && !is_long(l))
			add_value(l, v->t.partial, CAP_ALONE);
		break;
	case CAP_UNSUPPORTED:
	case CAP_KIND_NR:
		add_unsupported(l, v);
		break;
	}
}

bool cap_value_line(const struct cap_value *v, enum cap_where where, size_t max, struct kt_buf *ret)
{
	struct line l = { .out = ret, .from = ret->len, .max_bytes = max + max / 2 };

	add_value(&l, v, where);
	if (!kt_buf_ok(ret) ||
	    (!is_long(&l) && cap_value_columns(ret->data + l.from, ret->len - l.from) <= max))
		return true;
	ret->len = l.from;
	ret->data[ret->len] = '\0';
	return false;
}
