/* SPDX-License-Identifier: GPL-2.0-only */
/* Streaming JSON writer. */
#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/internal.h"

enum { INDENT = 2, U64_DIGITS = 20 };

/* What a byte needs inside a string: nothing, a look at its UTF-8 sequence, \u00XX, or a backslash and the letter. */
enum { PLAIN = 0, MULTIBYTE = 1, CONTROL = 2 };

static const unsigned char byte_class[256] = {
	[0x00 ... 0x07] = CONTROL,
	['\b'] = 'b',
	['\t'] = 't',
	['\n'] = 'n',
	[0x0b] = CONTROL,
	['\f'] = 'f',
	['\r'] = 'r',
	[0x0e ... 0x1f] = CONTROL,
	['"'] = '"',
	['\\'] = '\\',
	[0x80 ... 0xff] = MULTIBYTE,
};

void kt_json_init(struct kt_json *j, struct kt_buf *out, bool pretty)
{
	j->out = out;
	j->pretty = pretty;
	j->depth = 0;
	j->nr = 0;
}

void kt_json_finish(struct kt_json *j)
{
	assert(j->depth == 0);
	if (j->pretty)
		kt_buf_addc(j->out, '\n');
}

/* ---- pieces: each writes at @p, where there is room for it, and returns its end ---- */

enum {
	SHORT = 256, /* strings up to here are written in one piece, for which there is room at their worst */
	ESCAPED = 6, /* \u00XX */
	PREFIX = 1 + 1 + KT_JSON_DEPTH_MAX * INDENT, /* comma, new line, indentation */
};

static char *put(char *p, const char *s, size_t len)
{
	memcpy(p, s, len);
	return p + len;
}

static char *put_new_line(char *p, unsigned depth)
{
	*p++ = '\n';
	memset(p, ' ', (size_t)depth * INDENT);
	return p + (size_t)depth * INDENT;
}

static char *put_escape(char *p, unsigned char c, unsigned char class)
{
	static const char hex[] = "0123456789abcdef";

	if (class == MULTIBYTE)
		return put(p, "\xef\xbf\xbd", 3);
	*p++ = '\\';
	if (class != CONTROL) {
		*p++ = (char)class;
		return p;
	}
	p = put(p, "u00", 3);
	*p++ = hex[c >> 4];
	*p++ = hex[c & 15];
	return p;
}

static char *put_text(char *p, const char *v, size_t len)
{
	const unsigned char *s = (const unsigned char *)v, *end = s + len;
	unsigned char class;
	size_t n;

	while (s < end) {
		class = byte_class[*s];
		if (class == PLAIN) {
			*p++ = (char)*s++;
			continue;
		}
		n = class == MULTIBYTE ? kt_utf8_sequence(s, (size_t)(end - s)) : 0;
		p = n ? put(p, (const char *)s, n) : put_escape(p, *s, class);
		s += n ? n : 1;
	}
	return p;
}

/* Bytes of @v, at most @max, that end between two characters. */
static size_t whole_characters(const char *v, size_t len, size_t max)
{
	size_t n = len < max ? len : max, back = 0;

	while (n < len && back < 4 && back < n && ((unsigned char)v[n - back] & 0xc0) == 0x80)
		back++;
	return n - (back < 4 ? back : 0);
}

static void add_string(struct kt_buf *b, const char *v, size_t len)
{
	char *p;

	kt_buf_addc(b, '"');
	for (size_t n; len > 0; v += n, len -= n) {
		n = whole_characters(v, len, SHORT);
		p = kt_buf_room(b, n * ESCAPED);
		if (!p)
			return;
		kt_buf_put(b, put_text(p, v, n));
	}
	kt_buf_addc(b, '"');
}

static char *put_separator(struct kt_json *j, char *p)
{
	bool any = j->level[j->depth - 1].any;

	if (any)
		*p++ = ',';
	if (j->pretty && !j->level[j->depth - 1].oneline)
		return put_new_line(p, j->depth);
	if (j->pretty && any)
		*p++ = ' ';
	return p;
}

/*
 * Everything that stands before a value: comma, line break, key. Returns where the value goes, with room for @more bytes,
 * or NULL (oom).
 */
static char *begin_value(struct kt_json *j, const char *key, size_t more)
{
	size_t key_len = key ? strlen(key) : 0;
	char *p;

	j->nr++;
	if (j->depth == 0) {
		assert(!key);
		return kt_buf_room(j->out, more);
	}
	assert(j->level[j->depth - 1].object == (key != NULL));
	p = kt_buf_room(j->out, PREFIX + (key_len <= SHORT ? key_len * ESCAPED : 0) + 4 + more);
	if (!p)
		return NULL;
	p = put_separator(j, p);
	j->level[j->depth - 1].any = true;
	if (!key)
		return p;
	if (key_len > SHORT) {
		kt_buf_put(j->out, p);
		add_string(j->out, key, key_len);
		p = kt_buf_room(j->out, 2 + more);
		if (!p)
			return NULL;
	} else {
		*p++ = '"';
		p = put_text(p, key, key_len);
		*p++ = '"';
	}
	*p++ = ':';
	if (j->pretty)
		*p++ = ' ';
	return p;
}

/* A value whose text is known. */
static void add_text(struct kt_json *j, const char *key, const char *text, size_t len)
{
	char *p = begin_value(j, key, len);

	if (p)
		kt_buf_put(j->out, put(p, text, len));
}

static void begin_level(struct kt_json *j, const char *key, bool object, bool oneline)
{
	add_text(j, key, object ? "{" : "[", 1);
	assert(j->depth < KT_JSON_DEPTH_MAX);
	if (j->depth > 0 && j->level[j->depth - 1].oneline)
		oneline = true;
	j->level[j->depth].object = object;
	j->level[j->depth].oneline = oneline;
	j->level[j->depth].any = false;
	j->depth++;
}

static void end_level(struct kt_json *j, bool object)
{
	char *p;

	assert(j->depth > 0 && j->level[j->depth - 1].object == object);
	j->depth--;
	p = kt_buf_room(j->out, PREFIX + 1);
	if (!p)
		return;
	if (j->pretty && j->level[j->depth].any && !j->level[j->depth].oneline)
		p = put_new_line(p, j->depth);
	*p++ = object ? '}' : ']';
	kt_buf_put(j->out, p);
}

void kt_json_object_begin(struct kt_json *j, const char *key)
{
	begin_level(j, key, true, false);
}

void kt_json_object_begin_oneline(struct kt_json *j, const char *key)
{
	begin_level(j, key, true, true);
}

void kt_json_object_end(struct kt_json *j)
{
	end_level(j, true);
}

void kt_json_array_begin(struct kt_json *j, const char *key)
{
	begin_level(j, key, false, false);
}

void kt_json_array_begin_oneline(struct kt_json *j, const char *key)
{
	begin_level(j, key, false, true);
}

void kt_json_array_end(struct kt_json *j)
{
	end_level(j, false);
}

static void add_u64(struct kt_json *j, const char *key, uint64_t v, bool negative)
{
	char text[U64_DIGITS + 1];
	char *p = text + sizeof(text);

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	if (negative)
		*--p = '-';
	add_text(j, key, p, (size_t)(text + sizeof(text) - p));
}

void kt_json_u64(struct kt_json *j, const char *key, uint64_t v)
{
	add_u64(j, key, v, false);
}

void kt_json_i64(struct kt_json *j, const char *key, int64_t v)
{
	add_u64(j, key, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

/* "0" to "255", each with what stands between two numbers after it. */
struct byte_texts {
	struct {
		char text[7];
		uint8_t len;
	} of[256];
};

static void fill_byte_texts(struct byte_texts *t, bool spaced)
{
	for (unsigned i = 0; i < 256; i++) {
		char *p = t->of[i].text;

		if (i >= 100)
			*p++ = (char)('0' + i / 100);
		if (i >= 10)
			*p++ = (char)('0' + i / 10 % 10);
		*p++ = (char)('0' + i % 10);
		*p++ = ',';
		if (spaced)
			*p++ = ' ';
		t->of[i].len = (uint8_t)(p - t->of[i].text);
	}
}

void kt_json_bytes(struct kt_json *j, const char *key, const uint8_t *v, size_t len)
{
	enum { CHUNK = 512, TEXT_MAX = 5, COPIED = 8 };
	struct byte_texts texts = { 0 };
	char chunk[CHUNK * TEXT_MAX + COPIED];
	size_t used, n;

	kt_json_array_begin_oneline(j, key);
	if (len)
		fill_byte_texts(&texts, j->pretty);
	for (size_t done = 0; done < len; done += n) {
		n = len - done < CHUNK ? len - done : CHUNK;
		used = 0;
		for (size_t i = done; i < done + n; i++) {
			/* All of the row: a copy of fixed size is one store. */
			memcpy(chunk + used, &texts.of[v[i]], COPIED);
			used += texts.of[v[i]].len;
		}
		if (done + n == len)
			used -= j->pretty ? 2 : 1;
		kt_buf_add(j->out, chunk, used);
	}
	j->depth--;
	kt_buf_addc(j->out, ']');
}

/* The fewest digits that read back as the same double; always with a point or an exponent, as readers tell by it. */
void kt_json_double(struct kt_json *j, const char *key, double v)
{
	char text[40];
	double back;
	size_t len;

	if (!isfinite(v)) {
		kt_json_null(j, key);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, v); /* 17 digits always fit */
		if (sscanf(text, "%lf", &back) == 1 && back == v)
			break;
	}
	len = strlen(text);
	if (!strpbrk(text, ".e"))
		len = (size_t)(put(text + len, ".0", 2) - text);
	add_text(j, key, text, len);
}

void kt_json_bool(struct kt_json *j, const char *key, bool v)
{
	add_text(j, key, v ? "true" : "false", v ? 4 : 5);
}

void kt_json_str(struct kt_json *j, const char *key, const char *v)
{
	if (v)
		kt_json_strn(j, key, v, strlen(v));
	else
		kt_json_null(j, key);
}

void kt_json_strn(struct kt_json *j, const char *key, const char *v, size_t len)
{
	char *p = begin_value(j, key, len <= SHORT ? len * ESCAPED + 2 : 0);

	if (!p)
		return;
	if (len > SHORT) {
		kt_buf_put(j->out, p);
		add_string(j->out, v, len);
		return;
	}
	*p++ = '"';
	p = put_text(p, v, len);
	*p++ = '"';
	kt_buf_put(j->out, p);
}

void kt_json_null(struct kt_json *j, const char *key)
{
	add_text(j, key, "null", 4);
}
