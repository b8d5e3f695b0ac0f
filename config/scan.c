/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A look over the raw text before the parser sees it: size, bytes that are no text, and nesting.
 * The parser recurses for each bracket and its result is freed by recursion for each dot of a key,
 * so both are bounded here.
 */
#include "config/internal.h"

#include <string.h>

struct scanner {
	const char *p, *end;
	int line, column;
	int brackets; /* open [ and { */
	int dots; /* in the key at hand */
};

static void step(struct scanner *s)
{
	if (*s->p == '\n') {
		s->line++;
		s->column = 1;
	} else if (((unsigned char)*s->p & 0xc0) != 0x80) {
		s->column++;
	}
	s->p++;
}

static bool at(const struct scanner *s, const char *word, size_t len)
{
	return (size_t)(s->end - s->p) >= len && memcmp(s->p, word, len) == 0;
}

static void skip(struct scanner *s, size_t n)
{
	while (n-- && s->p < s->end)
		step(s);
}

static void skip_comment(struct scanner *s)
{
	while (s->p < s->end && *s->p != '\n')
		step(s);
}

/*
 * Past the string that begins here. An unclosed one ends with its line, or with the text: the
 * parser will say.
 */
static void skip_string(struct scanner *s)
{
	const char quote = *s->p;
	const char triple[] = { quote, quote, quote };
	bool multi = at(s, triple, 3);

	skip(s, multi ? 3 : 1);
	while (s->p < s->end) {
		if (*s->p == '\\' && quote == '"') {
			skip(s, 2);
		} else if (multi && at(s, triple, 3)) {
			skip(s, 3);
			/* Up to two quotes may stand before the closing ones. */
			while (s->p < s->end && *s->p == quote)
				step(s);
			return;
		} else if (!multi && (*s->p == quote || *s->p == '\n')) {
			step(s);
			return;
		} else {
			step(s);
		}
	}
}

/*
 * Bytes of the character at @p: no overlong forms, no surrogates, nothing above U+10FFFF. 0: none
 * is there.
 */
static size_t character_bytes(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80   ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;

	if (n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* NUL bytes and what is not UTF-8, with their exact place. */
static bool scan_bytes(struct scanner s, struct cfg_diag *d)
{
	while (s.p < s.end) {
		size_t n = character_bytes((const unsigned char *)s.p, (size_t)(s.end - s.p));

		if (*s.p == '\0') {
			cfg_diag_add(d, s.line, s.column, "a NUL byte: this is not a text file");
			return false;
		}
		if (!n) {
			cfg_diag_add(d, s.line, s.column, "byte 0x%02x is not UTF-8 text",
				     (unsigned char)*s.p);
			return false;
		}
		step(&s);
		s.p += n - 1;
	}
	return true;
}

static bool scan_one(struct scanner *s, struct cfg_diag *d)
{
	switch (*s->p) {
	case '#':
		skip_comment(s);
		return true;
	case '"':
	case '\'':
		skip_string(s);
		return true;
	case '[':
	case '{':
		s->dots = 0;
		if (++s->brackets > CFG_NESTING_MAX) {
			cfg_diag_add(d, s->line, s->column, "nested more than %d deep",
				     CFG_NESTING_MAX);
			return false;
		}
		break;
	case ']':
	case '}':
		s->dots = 0;
		if (s->brackets)
			s->brackets--;
		break;
	case '=':
	case ',':
	case '\n':
		s->dots = 0;
		break;
	case '.':
		if (++s->dots > CFG_NESTING_MAX) {
			cfg_diag_add(d, s->line, s->column, "a key of more than %d parts",
				     CFG_NESTING_MAX);
			return false;
		}
		break;
	default:
		break;
	}
	step(s);
	return true;
}

bool cfg_scan(struct cfg_diag *d)
{
	struct scanner s = { .p = d->text, .end = d->text + d->len, .line = 1, .column = 1 };

	if (d->len > CFG_FILE_MAX) {
		cfg_diag_add(d, 1, 1, "the file has more than %d bytes", CFG_FILE_MAX);
		return false;
	}
	if (at(&s, "\xef\xbb\xbf", 3))
		s.p += 3;
	if (!scan_bytes(s, d))
		return false;
	while (s.p < s.end) {
		if (!scan_one(&s, d))
			return false;
	}
	return true;
}
