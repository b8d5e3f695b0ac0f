/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A document's text, looked at once before json-c gets it: numbers that no 64 bits hold are refused (json-c would take the nearest one),
 * words that are not JSON's too, sizes are bounded, and pages become bytes at once.
 */
#include "capture/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TEXT_MAX = 256 << 20, /* the largest arena and as much again of values */
	NODES_MAX = 8 << 20, /* json-c takes some 100 bytes for each */
	DIGITS_MAX = 20, /* of 2^64 */
};

struct scan {
	const char *name;
	const char *text, *end, *at;
	const char *fed; /* up to where json-c has it */
	struct json_tokener *tokener;
	size_t nr_nodes;
	bool finished; /* json-c has a whole value */
	struct cap_tree *tree;
	struct kt_err *e;
};

static int fail_at(const struct scan *s, const char *at, const char *what)
{
	size_t line = 1;
	const char *start = s->text;

	for (const char *p = s->text; p < at; p++) {
		if (*p == '\n') {
			line++;
			start = p + 1;
		}
	}
	return kt_fail(s->e, KT_E_USAGE, EINVAL, "%s:%zu:%zu: %s", s->name, line,
		       (size_t)(at - start) + 1, what);
}

static int fail_json(const struct scan *s, const char *at)
{
	char what[128];

	(void)kt_snprintf(what, sizeof(what), "not JSON: %s",
			  json_tokener_error_desc(json_tokener_get_error(s->tokener)));
	return fail_at(s, at, what);
}

/* ---- to json-c ---- */

static const char *skip_space(const struct scan *s, const char *p)
{
	while (p < s->end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

static int feed(struct scan *s, const char *text, size_t len)
{
	struct json_object *o;
	enum json_tokener_error error;

	if (!len)
		return 0;
	o = json_tokener_parse_ex(s->tokener, text, (int)len);
	error = json_tokener_get_error(s->tokener);
	if (error == json_tokener_continue)
		return 0;
	if (error != json_tokener_success)
		return -EINVAL;
	s->tree->root = o;
	s->finished = true;
	return 0;
}

/* What was looked at and is as it was. */
static int feed_to(struct scan *s, const char *to)
{
	const char *from = s->fed;
	int r;

	s->fed = to;
	if (s->finished) {
		from = skip_space(s, from);
		return from < to ? fail_at(s, from, "not JSON: more after its end") : 0;
	}
	r = feed(s, from, (size_t)(to - from));
	if (r == -EINVAL)
		return fail_json(s, from + json_tokener_get_parse_end(s->tokener));
	return r;
}

/* ---- pages ---- */

/* A number up to 255 with no more digits than it needs; NULL: not one. */
static const char *parse_byte(const struct scan *s, const char *p, uint8_t *ret)
{
	unsigned v = 0, digits = 0;

	for (; p < s->end && *p >= '0' && *p <= '9' && digits < 4; p++, digits++)
		v = v * 10 + (unsigned)(*p - '0');
	if (!digits || v > 255 || (digits > 1 && v < (digits == 2 ? 10 : 100)))
		return NULL;
	*ret = (uint8_t)v;
	return p;
}

/* After '[': exactly a page, and its end; NULL: something else, which is json-c's then. */
static const char *parse_page(const struct scan *s, const char *p, uint8_t *page)
{
	for (size_t i = 0; i < CAP_PAGE; i++) {
		p = parse_byte(s, skip_space(s, p), &page[i]);
		if (!p)
			return NULL;
		p = skip_space(s, p);
		if (p == s->end || *p != (i + 1 < CAP_PAGE ? ',' : ']'))
			return NULL;
		p++;
	}
	return p;
}

/* At what follows the string "bytes": when that is a page, it is taken out. */
static int take_page(struct scan *s)
{
	struct cap_tree *t = s->tree;
	const char *open = skip_space(s, s->at), *end;
	char instead[48];
	int r;

	if (open == s->end || *open != ':')
		return 0;
	open = skip_space(s, open + 1);
	if (open == s->end || *open != '[')
		return 0;
	if (kt_vec_reserve((void **)&t->page, &t->pages_cap, t->nr_pages + 1, CAP_PAGE) < 0)
		return kt_fail(s->e, KT_E_HOST, ENOMEM, "read '%s'", s->name);
	end = parse_page(s, open + 1, t->page[t->nr_pages]);
	if (!end)
		return 0;
	r = feed_to(s, open);
	if (r < 0)
		return r;
	(void)kt_snprintf(instead, sizeof(instead), "[NaN,%zu]", t->nr_pages++);
	r = feed(s, instead, strlen(instead));
	if (r < 0)
		return fail_json(s, open);
	s->fed = s->at = end;
	return 0;
}

/* ---- what a document is made of ---- */

static int scan_string(struct scan *s)
{
	static const char bytes[] = "bytes";
	const char *start = s->at + 1, *p = start;

	while (p < s->end && *p != '"' && (unsigned char)*p >= ' ')
		p += *p == '\\' && p + 1 < s->end && (unsigned char)p[1] >= ' ' ? 2 : 1;
	if (p < s->end && *p != '"')
		return fail_at(s, p, "not JSON: a control character in a string");
	if (p >= s->end)
		return fail_at(s, s->at, "not JSON: a string without an end");
	s->at = p + 1;
	if ((size_t)(p - start) == sizeof(bytes) - 1 &&
	    memcmp(start, bytes, sizeof(bytes) - 1) == 0)
		return take_page(s);
	return 0;
}

/* Digits that are more than 64 bits, or than 63 and a sign. */
static bool too_large(const char *digits, size_t len, bool negative)
{
	static const char highest[] = "18446744073709551615", lowest[] = "9223372036854775808";
	const char *most = negative ? lowest : highest;

	if (len != strlen(most))
		return len > strlen(most);
	return memcmp(digits, most, len) > 0;
}

static int scan_number(struct scan *s)
{
	const char *start = s->at, *p = start + (*start == '-'), *digits = p;
	bool whole = true;

	while (p < s->end && *p >= '0' && *p <= '9')
		p++;
	if (p == digits)
		return fail_at(s, start, "not JSON: a number without digits");
	if (p < s->end && (*p == '.' || *p == 'e' || *p == 'E'))
		whole = false;
	if (whole && too_large(digits, (size_t)(p - digits), *start == '-'))
		return fail_at(s, start, "a number that does not fit into 64 bits");
	/* The rest is json-c's to judge: it begins with no letter that it would take for more. */
	while (p < s->end && strchr("0123456789.eE+-", *p) && *p)
		p++;
	s->at = p;
	return 0;
}

static int scan_word(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i]);

		if ((size_t)(s->end - s->at) >= len && memcmp(s->at, words[i], len) == 0) {
			s->at += len;
			return 0;
		}
	}
	return fail_at(s, s->at, "not JSON: unexpected character");
}

static int scan_all(struct scan *s)
{
	int r = 0;

	for (s->at = skip_space(s, s->at); r == 0 && s->at < s->end; s->at = skip_space(s, s->at)) {
		if (strchr("{}[]:,", *s->at) && *s->at) {
			s->at++;
			continue;
		}
		if (s->nr_nodes++ == NODES_MAX)
			return fail_at(s, s->at, "too many values: this is no failure dump");
		if (*s->at == '"')
			r = scan_string(s);
		else if (*s->at == '-' || (*s->at >= '0' && *s->at <= '9'))
			r = scan_number(s);
		else
			r = scan_word(s);
	}
	return r;
}

static int parse(struct scan *s)
{
	int r = scan_all(s);

	if (r == 0)
		r = feed_to(s, s->end);
	if (r < 0)
		return r;
	/* A number ends only when something follows it. */
	if (!s->finished && (feed(s, "", 1) < 0 || !s->finished))
		return fail_at(s, s->end, "not JSON: it ends too early");
	if (!s->tree->root)
		return fail_at(s, s->text, "no failure dump: it is null");
	return 0;
}

void cap_tree_done(struct cap_tree *t)
{
	(void)json_object_put(t->root);
	free(t->page);
	*t = (struct cap_tree){ 0 };
}

int cap_tree_parse(const char *text, size_t len, const char *name, struct cap_tree *ret,
		   struct kt_err *e)
{
	struct cap_tree tree = { 0 };
	struct scan s = { .name = name,
			  .text = text,
			  .end = text + len,
			  .at = text,
			  .fed = text,
			  .tree = &tree,
			  .e = e };
	int r;

	if (len > TEXT_MAX)
		return kt_fail(e, KT_E_USAGE, EFBIG,
			       "%s: larger than %d MiB: this is no failure dump", name,
			       TEXT_MAX >> 20);
	s.tokener = json_tokener_new_ex(KT_JSON_DEPTH_MAX);
	if (!s.tokener)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", name);
	json_tokener_set_flags(s.tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	r = parse(&s);
	json_tokener_free(s.tokener);
	if (r < 0)
		cap_tree_done(&tree);
	else
		*ret = tree;
	return r;
}
