/* SPDX-License-Identifier: GPL-2.0-only */
/* Encoding, decoding, freeing and printing of structs by their field tables. */
#include "scenario/internal.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * header: u32 magic, u32 version, u32 bytes of the body; body: a record.
 * record: every field of its table, in order: u16 tag, u32 bytes, payload. All little-endian.
 * Every value has exactly one encoding, so what decodes encodes to the same bytes again.
 */
enum { HEADER_BYTES = 12, FIELD_BYTES = 6, STRV_ITEM_BYTES = 4 };

static void put_u16(struct kt_buf *b, uint16_t v)
{
	v = htole16(v);
	kt_buf_add(b, &v, sizeof(v));
}

static void put_u32(struct kt_buf *b, uint32_t v)
{
	v = htole32(v);
	kt_buf_add(b, &v, sizeof(v));
}

static void put_u64(struct kt_buf *b, uint64_t v)
{
	v = htole64(v);
	kt_buf_add(b, &v, sizeof(v));
}

/* Room for a length that is known only after what follows it. */
static size_t begin_length(struct kt_buf *b)
{
	put_u32(b, 0);
	return b->len;
}

static void end_length(struct kt_buf *b, size_t start)
{
	uint32_t len;

	if (!kt_buf_ok(b))
		return;
	len = htole32((uint32_t)(b->len - start));
	memcpy(b->data + start - sizeof(len), &len, sizeof(len));
}

static size_t array_nr(const struct scn_field *f, const void *obj)
{
	return *(const size_t *)((const char *)obj + f->nr_offset);
}

static int too_many(const struct scn_field *f, size_t nr, struct kt_err *e)
{
	return kt_fail(e, KT_E_INTERNAL, E2BIG, "field '%s': %zu, at most %llu", f->name, nr,
		       (unsigned long long)f->max);
}

static int encode_record(const struct scn_record *r, const void *obj, struct kt_buf *b,
			 struct kt_err *e);

static int encode_text(const struct scn_field *f, const char *s, size_t max, struct kt_buf *b,
		       struct kt_err *e)
{
	size_t len = s ? strnlen(s, max) : 0;

	if (len >= max)
		return too_many(f, len, e);
	kt_buf_add(b, s ? s : "", len);
	return 0;
}

static int encode_strv(const struct scn_field *f, const struct kt_strv *v, struct kt_buf *b,
		       struct kt_err *e)
{
	if (v->nr > f->max)
		return too_many(f, v->nr, e);
	for (size_t i = 0; i < v->nr; i++) {
		size_t start = begin_length(b);
		int r = encode_text(f, v->v[i], SCN_TEXT_MAX, b, e);

		if (r < 0)
			return r;
		end_length(b, start);
	}
	return 0;
}

static int encode_array(const struct scn_field *f, const void *items, size_t nr, struct kt_buf *b,
			struct kt_err *e)
{
	if (nr > f->max)
		return too_many(f, nr, e);
	put_u32(b, (uint32_t)nr);
	for (size_t i = 0; i < nr; i++) {
		size_t start = begin_length(b);
		int r = encode_record(f->sub, (const char *)items + i * f->sub->bytes, b, e);

		if (r < 0)
			return kt_context(e, r, "encode %s[%zu]", f->name, i);
		end_length(b, start);
	}
	return 0;
}

static void encode_cpuset(const struct kt_cpuset *s, struct kt_buf *b)
{
	size_t words = KT_CPUS_MAX / 64;

	while (words && !s->bits[words - 1])
		words--;
	for (size_t i = 0; i < words; i++)
		put_u64(b, s->bits[i]);
}

static int encode_value(const struct scn_field *f, const void *obj, struct kt_buf *b,
			struct kt_err *e)
{
	const void *p = (const char *)obj + f->offset;

	switch (f->kind) {
	case SCN_F_BOOL:
		kt_buf_addc(b, *(const bool *)p ? 1 : 0);
		return 0;
	case SCN_F_U32:
	case SCN_F_I32:
		assert(f->bytes == sizeof(uint32_t));
		put_u32(b, *(const uint32_t *)p);
		return 0;
	case SCN_F_U64:
		assert(f->bytes == sizeof(uint64_t));
		put_u64(b, *(const uint64_t *)p);
		return 0;
	case SCN_F_TEXT:
		return encode_text(f, p, f->bytes, b, e);
	case SCN_F_STR:
		return encode_text(f, *(char *const *)p, f->max, b, e);
	case SCN_F_STRV:
		return encode_strv(f, p, b, e);
	case SCN_F_CPUSET:
		encode_cpuset(p, b);
		return 0;
	case SCN_F_BYTES:
		kt_buf_add(b, p, f->bytes);
		return 0;
	case SCN_F_RECORD:
		return encode_record(f->sub, p, b, e);
	case SCN_F_ARRAY:
		return encode_array(f, *(void *const *)p, array_nr(f, obj), b, e);
	}
	return -EINVAL;
}

static int encode_record(const struct scn_record *r, const void *obj, struct kt_buf *b,
			 struct kt_err *e)
{
	for (size_t i = 0; i < r->nr_fields; i++) {
		size_t start;
		int ret;

		put_u16(b, r->fields[i].tag);
		start = begin_length(b);
		ret = encode_value(&r->fields[i], obj, b, e);
		if (ret < 0)
			return ret;
		end_length(b, start);
	}
	return 0;
}

int scn_encode(const struct scn_format *f, const void *obj, struct kt_buf *ret, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	size_t start;
	int r;

	put_u32(&b, f->magic);
	put_u32(&b, f->version);
	start = begin_length(&b);
	r = encode_record(f->record, obj, &b, e);
	if (r < 0)
		return kt_context(e, r, "encode %s", f->record->name);
	end_length(&b, start);
	if (kt_buf_ok(&b) && b.len > SCN_ENCODED_MAX)
		return kt_fail(e, KT_E_INTERNAL, E2BIG, "encode %s: %zu bytes, at most %d",
			       f->record->name, b.len, SCN_ENCODED_MAX);
	kt_buf_add(ret, kt_buf_str(&b), b.len);
	if (!kt_buf_ok(&b) || !kt_buf_ok(ret))
		return kt_fail(e, KT_E_HOST, ENOMEM, "encode %s", f->record->name);
	return 0;
}

/* ---- decoding: every length is checked against what is left before it is used ---- */

struct cursor {
	const unsigned char *p;
	size_t left;
};

static const unsigned char *take(struct cursor *c, size_t n)
{
	const unsigned char *p = c->p;

	if (n > c->left)
		return NULL;
	c->p += n;
	c->left -= n;
	return p;
}

static uint32_t load_u32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t load_u64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* The value is kt_fail's own, written out so that analyzers see that it is negative. */
#define BAD(e, ...) (kt_fail((e), KT_E_GUEST, EBADMSG, __VA_ARGS__), -EBADMSG)

/* A length-prefixed piece of @c. */
static int take_piece(struct cursor *c, struct cursor *ret, const char *what, struct kt_err *e)
{
	const unsigned char *p = take(c, sizeof(uint32_t));
	uint32_t len;

	if (!p)
		return BAD(e, "field '%s' is cut short", what);
	len = load_u32(p);
	p = take(c, len);
	if (!p)
		return BAD(e, "field '%s' is cut short: %zu bytes left of %u", what, c->left, len);
	*ret = (struct cursor){ .p = p, .left = len };
	return 0;
}

static int decode_record(const struct scn_record *r, struct cursor *c, void *obj, struct kt_err *e);

static int expect_bytes(const struct scn_field *f, const struct cursor *c, size_t want,
			struct kt_err *e)
{
	if (c->left != want)
		return BAD(e, "field '%s' has %zu bytes, not %zu", f->name, c->left, want);
	return 0;
}

/* @max counts the NUL. */
static int check_text(const struct scn_field *f, const struct cursor *c, size_t max,
		      struct kt_err *e)
{
	if (c->left >= max)
		return BAD(e, "field '%s' has %zu bytes, at most %zu", f->name, c->left, max - 1);
	if (c->left && memchr(c->p, '\0', c->left))
		return BAD(e, "field '%s' has a NUL byte in its text", f->name);
	return 0;
}

static int decode_strv(const struct scn_field *f, struct cursor *c, struct kt_strv *v,
		       struct kt_err *e)
{
	while (c->left) {
		char text[SCN_TEXT_MAX];
		struct cursor item = { 0 };
		int r;

		if (v->nr >= f->max)
			return BAD(e, "field '%s' has more than %llu strings", f->name,
				   (unsigned long long)f->max);
		r = take_piece(c, &item, f->name, e);
		if (r < 0)
			return r;
		r = check_text(f, &item, sizeof(text), e);
		if (r < 0)
			return r;
		memcpy(text, item.p, item.left);
		text[item.left] = '\0';
		if (kt_strv_add(v, text) < 0)
			return kt_fail(e, KT_E_HOST, ENOMEM, "field '%s'", f->name);
	}
	return 0;
}

static int decode_cpuset(const struct scn_field *f, const struct cursor *c, struct kt_cpuset *s,
			 struct kt_err *e)
{
	size_t words = c->left / sizeof(uint64_t);

	if (c->left % sizeof(uint64_t) || c->left > sizeof(s->bits))
		return BAD(e, "field '%s': a CPU set of %zu bytes", f->name, c->left);
	for (size_t i = 0; i < words; i++)
		s->bits[i] = load_u64(c->p + i * sizeof(uint64_t));
	if (words && !s->bits[words - 1])
		return BAD(e, "field '%s': a CPU set with trailing zeros", f->name);
	return 0;
}

static int decode_array(const struct scn_field *f, struct cursor *c, void *obj, struct kt_err *e)
{
	void **items = (void **)((char *)obj + f->offset);
	size_t *nr = (size_t *)((char *)obj + f->nr_offset);
	const unsigned char *p = take(c, sizeof(uint32_t));
	uint32_t want;

	if (!p)
		return BAD(e, "field '%s' is cut short", f->name);
	want = load_u32(p);
	/* What is left bounds the count, so that a lie cannot ask for memory. */
	if (want > f->max || want > c->left / (f->sub->nr_fields * FIELD_BYTES))
		return BAD(e, "field '%s' has %u items: at most %llu, in %zu bytes", f->name, want,
			   (unsigned long long)f->max, c->left);
	if (want) {
		*items = calloc(want, f->sub->bytes);
		if (!*items)
			return kt_fail(e, KT_E_HOST, ENOMEM, "field '%s'", f->name);
	}
	for (uint32_t i = 0; i < want; i++) {
		struct cursor item = { 0 };
		int r = take_piece(c, &item, f->name, e);

		if (r == 0) {
			(*nr)++;
			r = decode_record(f->sub, &item, (char *)*items + i * f->sub->bytes, e);
		}
		if (r < 0)
			return kt_context(e, r, "%s[%u]", f->name, i);
	}
	if (c->left)
		return BAD(e, "field '%s' has %zu bytes too many", f->name, c->left);
	return 0;
}

static int decode_number(const struct scn_field *f, const struct cursor *c, void *p,
			 struct kt_err *e)
{
	uint64_t v;
	int r = expect_bytes(f, c, f->bytes, e);

	if (r < 0)
		return r;
	v = f->kind == SCN_F_BOOL  ? c->p[0]
	    : f->kind == SCN_F_U64 ? load_u64(c->p)
				   : load_u32(c->p);
	if ((f->kind == SCN_F_BOOL && v > 1) || (f->max && v > f->max))
		return BAD(e, "field '%s' is %llu, at most %llu", f->name, (unsigned long long)v,
			   (unsigned long long)(f->kind == SCN_F_BOOL ? 1 : f->max));
	if (f->kind == SCN_F_BOOL)
		*(bool *)p = v;
	else if (f->kind == SCN_F_U64)
		*(uint64_t *)p = v;
	else
		*(uint32_t *)p = (uint32_t)v;
	return 0;
}

static int decode_value(const struct scn_field *f, struct cursor *c, void *obj, struct kt_err *e)
{
	void *p = (char *)obj + f->offset;
	int r;

	switch (f->kind) {
	case SCN_F_BOOL:
	case SCN_F_U32:
	case SCN_F_I32:
	case SCN_F_U64:
		return decode_number(f, c, p, e);
	case SCN_F_TEXT:
		r = check_text(f, c, f->bytes, e);
		if (r == 0)
			memcpy(p, c->p, c->left);
		return r;
	case SCN_F_STR:
		r = check_text(f, c, f->max, e);
		if (r < 0)
			return r;
		*(char **)p = strndup((const char *)c->p, c->left);
		return *(char **)p ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "field '%s'", f->name);
	case SCN_F_STRV:
		return decode_strv(f, c, p, e);
	case SCN_F_CPUSET:
		return decode_cpuset(f, c, p, e);
	case SCN_F_BYTES:
		r = expect_bytes(f, c, f->bytes, e);
		if (r == 0)
			memcpy(p, c->p, f->bytes);
		return r;
	case SCN_F_RECORD:
		return decode_record(f->sub, c, p, e);
	case SCN_F_ARRAY:
		return decode_array(f, c, obj, e);
	}
	return -EINVAL;
}

static int decode_record(const struct scn_record *r, struct cursor *c, void *obj, struct kt_err *e)
{
	for (size_t i = 0; i < r->nr_fields; i++) {
		const struct scn_field *f = &r->fields[i];
		const unsigned char *p = take(c, sizeof(uint16_t));
		struct cursor value = { 0 };
		uint16_t tag;
		int ret;

		if (!p)
			return BAD(e, "field '%s' is missing", f->name);
		memcpy(&tag, p, sizeof(tag));
		if (le16toh(tag) != f->tag)
			return BAD(e, "field '%s' (%u) expected, found tag %u", f->name, f->tag,
				   le16toh(tag));
		ret = take_piece(c, &value, f->name, e);
		if (ret == 0)
			ret = decode_value(f, &value, obj, e);
		if (ret < 0)
			return ret;
	}
	if (c->left)
		return BAD(e, "%zu bytes too many after '%s'", c->left,
			   r->fields[r->nr_fields - 1].name);
	return r->check ? r->check(obj, e) : 0;
}

static int decode_header(const struct scn_format *f, struct cursor *c, struct kt_err *e)
{
	const unsigned char *p = take(c, HEADER_BYTES);

	if (!p)
		return BAD(e, "%zu bytes, shorter than its header", c->left);
	if (load_u32(p) != f->magic)
		return BAD(e, "magic 0x%08x, not 0x%08x", load_u32(p), f->magic);
	if (load_u32(p + 4) != f->version)
		return BAD(e, "version %u, this program speaks %u", load_u32(p + 4), f->version);
	if (c->left > SCN_ENCODED_MAX || load_u32(p + 8) != c->left)
		return BAD(e, "%zu bytes after the header, which says %u (at most %d)", c->left,
			   load_u32(p + 8), SCN_ENCODED_MAX);
	return 0;
}

int scn_decode(const struct scn_format *f, const void *data, size_t len, void *obj,
	       struct kt_err *e)
{
	struct cursor c = { .p = data, .left = len };
	void *tmp = calloc(1, f->record->bytes);
	int r;

	if (!tmp)
		return kt_fail(e, KT_E_HOST, ENOMEM, "decode %s", f->record->name);
	r = decode_header(f, &c, e);
	if (r == 0)
		r = decode_record(f->record, &c, tmp, e);
	if (r == 0)
		memcpy(obj, tmp, f->record->bytes);
	else
		scn_record_done(f->record, tmp);
	free(tmp);
	return r < 0 ? kt_context(e, r, "decode %s", f->record->name) : 0;
}

void scn_record_done(const struct scn_record *r, void *obj)
{
	for (size_t i = 0; i < r->nr_fields; i++) {
		const struct scn_field *f = &r->fields[i];
		void *p = (char *)obj + f->offset;

		if (f->kind == SCN_F_STR) {
			free(*(char **)p);
		} else if (f->kind == SCN_F_STRV) {
			kt_strv_done(p);
		} else if (f->kind == SCN_F_RECORD) {
			scn_record_done(f->sub, p);
		} else if (f->kind == SCN_F_ARRAY) {
			for (size_t n = 0; n < array_nr(f, obj); n++)
				scn_record_done(f->sub, *(char **)p + n * f->sub->bytes);
			free(*(void **)p);
		}
	}
	memset(obj, 0, r->bytes);
}

static void json_cpuset(const struct kt_cpuset *s, struct kt_json *j, const char *key)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	kt_cpuset_format(&b, s);
	kt_json_str(j, key, kt_buf_str(&b));
}

static void json_value(const struct scn_field *f, const void *obj, struct kt_json *j)
{
	const void *p = (const char *)obj + f->offset;

	switch (f->kind) {
	case SCN_F_BOOL:
		kt_json_bool(j, f->name, *(const bool *)p);
		break;
	case SCN_F_U32:
		if (f->value_name)
			kt_json_str(j, f->name, f->value_name(*(const uint32_t *)p));
		else
			kt_json_u64(j, f->name, *(const uint32_t *)p);
		break;
	case SCN_F_I32:
		kt_json_i64(j, f->name, *(const int32_t *)p);
		break;
	case SCN_F_U64:
		kt_json_u64(j, f->name, *(const uint64_t *)p);
		break;
	case SCN_F_TEXT:
		kt_json_str(j, f->name, p);
		break;
	case SCN_F_STR:
		kt_json_str(j, f->name, *(char *const *)p);
		break;
	case SCN_F_STRV:
		kt_json_array_begin(j, f->name);
		for (size_t i = 0; i < ((const struct kt_strv *)p)->nr; i++)
			kt_json_str(j, NULL, ((const struct kt_strv *)p)->v[i]);
		kt_json_array_end(j);
		break;
	case SCN_F_CPUSET:
		json_cpuset(p, j, f->name);
		break;
	case SCN_F_BYTES:
		kt_json_array_begin_oneline(j, f->name);
		for (size_t i = 0; i < f->bytes; i++)
			kt_json_u64(j, NULL, ((const uint8_t *)p)[i]);
		kt_json_array_end(j);
		break;
	case SCN_F_RECORD:
		scn_record_json(f->sub, p, j, f->name);
		break;
	case SCN_F_ARRAY:
		kt_json_array_begin(j, f->name);
		for (size_t i = 0; i < array_nr(f, obj); i++)
			scn_record_json(f->sub, *(const char *const *)p + i * f->sub->bytes, j,
					NULL);
		kt_json_array_end(j);
		break;
	}
}

void scn_record_json(const struct scn_record *r, const void *obj, struct kt_json *j,
		     const char *key)
{
	kt_json_object_begin(j, key);
	for (size_t i = 0; i < r->nr_fields; i++)
		json_value(&r->fields[i], obj, j);
	kt_json_object_end(j);
}
