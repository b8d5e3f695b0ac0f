/* SPDX-License-Identifier: GPL-2.0-only */
/* One rendered value as JSON: an object with its kind. What has no parts is one line. */
#include "capture/schema.h"

static const char *const kind_names[CAP_KIND_NR] = {
	[CAP_UNSUPPORTED] = "unsupported",
	[CAP_INT] = "int",
	[CAP_UINT] = "uint",
	[CAP_BOOL] = "bool",
	[CAP_CHAR] = "char",
	[CAP_FLOAT] = "float",
	[CAP_ENUM] = "enum",
	[CAP_STRUCT] = "struct",
	[CAP_ARRAY] = "array",
	[CAP_CPU_LIST] = "cpu_list",
	[CAP_PTR] = "ptr",
	[CAP_BYTES] = "bytes",
	[CAP_TRUNCATED] = "truncated",
};

const char *cap_kind_name(enum cap_kind kind)
{
	return kind < CAP_KIND_NR ? kind_names[kind] : kind_names[CAP_UNSUPPORTED];
}

void cap_hex_add(struct kt_buf *b, const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char text[3 * 256];
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		if (i)
			text[used++] = ' ';
		text[used++] = digits[data[i] >> 4];
		text[used++] = digits[data[i] & 15];
		if (used > sizeof(text) - 3) {
			kt_buf_add(b, text, used);
			used = 0;
		}
	}
	kt_buf_add(b, text, used);
}

void cap_text_bytes_add(struct kt_buf *b, const uint8_t *data, size_t len)
{
	size_t run = 0;

	for (size_t i = 0; i < len; i++) {
		if (data[i] >= ' ' && data[i] <= '~')
			continue;
		kt_buf_add(b, data + run, i - run);
		kt_buf_addf(b, "\\x%02x", data[i]);
		run = i + 1;
	}
	if (len)
		kt_buf_add(b, data + run, len - run);
}

static bool has_parts(const struct cap_value *v)
{
	switch (v->kind) {
	case CAP_STRUCT:
		return v->s.nr > 0;
	case CAP_ARRAY:
		return v->a.nr > 0;
	case CAP_PTR:
		return v->p.deref != NULL;
	case CAP_TRUNCATED:
		return v->t.partial && v->t.partial->kind != CAP_BYTES;
	case CAP_UNSUPPORTED:
	case CAP_INT:
	case CAP_UINT:
	case CAP_BOOL:
	case CAP_CHAR:
	case CAP_FLOAT:
	case CAP_ENUM:
	case CAP_CPU_LIST:
	case CAP_BYTES:
	case CAP_KIND_NR:
		break;
	}
	return false;
}

static void object_begin(struct kt_json *j, const char *key, bool oneline)
{
	if (oneline)
		kt_json_object_begin_oneline(j, key);
	else
		kt_json_object_begin(j, key);
}

/*
 * Names and depths of types are the guest's: what takes few bytes in memory may take a hundred times as many here. From
 * then on the last part that is told of each struct and array is why; well below what can be read back (report_scan.c).
 */
enum { VALUES_TEXT_MAX = 160 << 20, VALUES_MAX = 4 << 20 };
static const struct cap_value too_long = {
	.kind = CAP_UNSUPPORTED,
	.reason = "the document is too long: what follows is left out",
};

static bool is_too_long(const struct kt_json *j)
{
	return j->out->len > VALUES_TEXT_MAX || j->nr > VALUES_MAX;
}

static void value_json(struct kt_json *j, const char *key, const struct cap_value *v,
		       unsigned depth);

static void struct_json(struct kt_json *j, const struct cap_value *v, unsigned depth)
{
	kt_json_str(j, "type_name", v->s.type_name);
	kt_json_array_begin(j, "members");
	for (size_t i = 0; i < v->s.nr; i++) {
		const struct cap_value *value = is_too_long(j) ? &too_long : &v->s.member[i].value;
		const char *name = value == &too_long ? "" : v->s.member[i].name;

		object_begin(j, NULL, !has_parts(value));
		kt_json_str(j, "name", name ? name : "");
		value_json(j, "value", value, depth + 1);
		kt_json_object_end(j);
		if (value == &too_long)
			break;
	}
	kt_json_array_end(j);
}

static void array_json(struct kt_json *j, const struct cap_value *v, unsigned depth)
{
	kt_json_u64(j, "len", v->a.len);
	kt_json_array_begin(j, "elements");
	for (size_t i = 0; i < v->a.nr; i++) {
		const struct cap_value *value = is_too_long(j) ? &too_long : &v->a.element[i];

		value_json(j, NULL, value, depth + 1);
		if (value == &too_long)
			break;
	}
	kt_json_array_end(j);
}

static void ptr_json(struct kt_json *j, const struct cap_value *v, unsigned depth)
{
	kt_json_u64(j, "value", v->p.value);
	if (v->p.deref)
		value_json(j, "deref", v->p.deref, depth + 1);
	if (v->p.deref_skipped_reason)
		kt_json_str(j, "deref_skipped_reason", v->p.deref_skipped_reason);
	if (v->p.cast_annotation)
		kt_json_str(j, "cast_annotation", v->p.cast_annotation);
}

static void bytes_json(struct kt_json *j, const struct cap_value *v)
{
	kt_auto(buf) struct kt_buf text = { 0 };

	if (v->bytes.text)
		cap_text_bytes_add(&text, v->bytes.data, v->bytes.len);
	else
		cap_hex_add(&text, v->bytes.data, v->bytes.len);
	if (text.oom)
		j->out->oom = true;
	kt_json_strn(j, "hex", kt_buf_str(&text), text.len);
}

static void parts_json(struct kt_json *j, const struct cap_value *v, unsigned depth)
{
	static const struct cap_value nothing = { .kind = CAP_BYTES };

	switch (v->kind) {
	case CAP_INT:
		kt_json_u64(j, "bits", v->bits);
		kt_json_i64(j, "value", v->i);
		break;
	case CAP_UINT:
		kt_json_u64(j, "bits", v->bits);
		kt_json_u64(j, "value", v->u);
		break;
	case CAP_BOOL:
		kt_json_bool(j, "value", v->b);
		break;
	case CAP_CHAR:
		kt_json_u64(j, "value", v->c);
		break;
	case CAP_FLOAT:
		kt_json_u64(j, "bits", v->bits);
		kt_json_double(j, "value", v->f);
		break;
	case CAP_ENUM:
		kt_json_u64(j, "bits", v->bits);
		kt_json_i64(j, "value", v->e.value);
		kt_json_str(j, "variant", v->e.variant);
		kt_json_bool(j, "is_signed", v->e.is_signed);
		break;
	case CAP_STRUCT:
		struct_json(j, v, depth);
		break;
	case CAP_ARRAY:
		array_json(j, v, depth);
		break;
	case CAP_CPU_LIST:
		kt_json_str(j, "cpus", v->cpus ? v->cpus : "");
		break;
	case CAP_PTR:
		ptr_json(j, v, depth);
		break;
	case CAP_BYTES:
		bytes_json(j, v);
		break;
	case CAP_TRUNCATED:
		kt_json_u64(j, "needed", v->t.needed);
		kt_json_u64(j, "had", v->t.had);
		value_json(j, "partial", v->t.partial ? v->t.partial : &nothing, depth + 1);
		break;
	case CAP_UNSUPPORTED:
	case CAP_KIND_NR:
		kt_json_str(j, "reason", v->reason ? v->reason : "not rendered");
		break;
	}
}

static void value_json(struct kt_json *j, const char *key, const struct cap_value *v,
		       unsigned depth)
{
	static const struct cap_value too_deep = { .kind = CAP_UNSUPPORTED,
						   .reason = "nested too deeply" };

	if (depth >= CAP_VALUE_DEPTH_MAX)
		v = &too_deep;
	object_begin(j, key, !has_parts(v));
	kt_json_str(j, "kind", cap_kind_name(v->kind));
	parts_json(j, v, depth);
	kt_json_object_end(j);
}

void cap_value_json(struct kt_json *j, const char *key, const struct cap_value *v)
{
	value_json(j, key, v, 0);
}
