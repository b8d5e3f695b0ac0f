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
}

void kt_json_finish(struct kt_json *j)
{
	assert(j->depth == 0);
	if (j->pretty)
		kt_buf_addc(j->out, '\n');
}

static void new_line(struct kt_json *j)
{
	static const char spaces[KT_JSON_DEPTH_MAX * INDENT + 1] =
		"                                                                "
		"                                                                ";

	kt_buf_addc(j->out, '\n');
	kt_buf_add(j->out, spaces, (size_t)j->depth * INDENT);
}

static void add_string(struct kt_buf *b, const char *v, size_t len)
{
	const unsigned char *s = (const unsigned char *)v, *end = s + len, *run = s;
	unsigned char class;
	size_t n;

	kt_buf_addc(b, '"');
	while (s < end) {
		class = byte_class[*s];
		if (class == PLAIN) {
			s++;
			continue;
		}
		n = class == MULTIBYTE ? kt_utf8_sequence(s, (size_t)(end - s)) : 0;
		if (n > 0) {
			s += n;
			continue;
		}
		kt_buf_add(b, run, (size_t)(s - run));
		if (class == MULTIBYTE)
			kt_buf_adds(b, "\xef\xbf\xbd");
		else if (class == CONTROL)
			kt_buf_addf(b, "\\u%04x", *s);
		else
			kt_buf_add(b, (const char[]){ '\\', (char)class }, 2);
		run = ++s;
	}
	kt_buf_add(b, run, (size_t)(s - run));
	kt_buf_addc(b, '"');
}

/* Everything that stands before a value: comma, line break, key. */
static void begin_value(struct kt_json *j, const char *key)
{
	bool object;

	if (j->depth == 0) {
		assert(!key);
		return;
	}
	object = j->level[j->depth - 1].object;
	assert(object == (key != NULL));
	if (j->level[j->depth - 1].any)
		kt_buf_addc(j->out, ',');
	if (j->pretty && !j->level[j->depth - 1].oneline)
		new_line(j);
	else if (j->pretty && j->level[j->depth - 1].any)
		kt_buf_addc(j->out, ' ');
	j->level[j->depth - 1].any = true;
	if (object) {
		add_string(j->out, key, strlen(key));
		kt_buf_add(j->out, ": ", j->pretty ? 2 : 1);
	}
}

static void begin_level(struct kt_json *j, const char *key, bool object, bool oneline)
{
	begin_value(j, key);
	assert(j->depth < KT_JSON_DEPTH_MAX);
	if (j->depth > 0 && j->level[j->depth - 1].oneline)
		oneline = true;
	j->level[j->depth].object = object;
	j->level[j->depth].oneline = oneline;
	j->level[j->depth].any = false;
	j->depth++;
	kt_buf_addc(j->out, object ? '{' : '[');
}

static void end_level(struct kt_json *j, bool object)
{
	assert(j->depth > 0 && j->level[j->depth - 1].object == object);
	j->depth--;
	if (j->pretty && j->level[j->depth].any && !j->level[j->depth].oneline)
		new_line(j);
	kt_buf_addc(j->out, object ? '}' : ']');
}

void kt_json_object_begin(struct kt_json *j, const char *key)
{
	begin_level(j, key, true, false);
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

static void add_u64(struct kt_json *j, uint64_t v, bool negative)
{
	char text[U64_DIGITS + 1];
	char *p = text + sizeof(text);

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	if (negative)
		*--p = '-';
	kt_buf_add(j->out, p, (size_t)(text + sizeof(text) - p));
}

void kt_json_u64(struct kt_json *j, const char *key, uint64_t v)
{
	begin_value(j, key);
	add_u64(j, v, false);
}

void kt_json_i64(struct kt_json *j, const char *key, int64_t v)
{
	begin_value(j, key);
	add_u64(j, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

/* The fewest digits that read back as the same double; always with a point or an exponent, as readers tell by it. */
void kt_json_double(struct kt_json *j, const char *key, double v)
{
	char text[40];
	double back;

	begin_value(j, key);
	if (!isfinite(v)) {
		kt_buf_adds(j->out, "null");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, v); /* 17 digits always fit */
		if (sscanf(text, "%lf", &back) == 1 && back == v)
			break;
	}
	kt_buf_adds(j->out, text);
	if (!strpbrk(text, ".e"))
		kt_buf_adds(j->out, ".0");
}

void kt_json_bool(struct kt_json *j, const char *key, bool v)
{
	begin_value(j, key);
	kt_buf_adds(j->out, v ? "true" : "false");
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
	begin_value(j, key);
	add_string(j->out, v, len);
}

void kt_json_null(struct kt_json *j, const char *key)
{
	begin_value(j, key);
	kt_buf_adds(j->out, "null");
}
