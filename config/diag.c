/* SPDX-License-Identifier: GPL-2.0-only */
/* Errors with their place: collected, sorted, and shown with the line and a caret. */
#include "config/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINE_SHOWN = 100, /* bytes of a long line that are shown */
	LINE_BEFORE = 40, /* of them before the place */
	CONTEXT_RESERVE = 96, /* what callers add around the text */
};

static char *__attribute__((format(printf, 1, 0))) vtext(const char *fmt, va_list ap)
{
	kt_auto(buf) struct kt_buf raw = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };

	kt_buf_vaddf(&raw, fmt, ap);
	kt_buf_add_printable(&b, kt_buf_str(&raw), raw.len);
	return kt_buf_ok(&raw) ? kt_buf_take(&b) : NULL;
}

void cfg_diag_add(struct cfg_diag *d, int line, int column, const char *fmt, ...)
{
	struct cfg_diag_entry *x;
	va_list ap;

	if (d->nr == CFG_ERRORS_MAX) {
		d->nr_more++;
		return;
	}
	x = &d->entry[d->nr++];
	*x = (struct cfg_diag_entry){ .line = line, .column = column };
	va_start(ap, fmt);
	x->text = vtext(fmt, ap);
	va_end(ap);
	d->oom |= !x->text;
}

void cfg_diag_help(struct cfg_diag *d, const char *fmt, ...)
{
	struct cfg_diag_entry *x;
	va_list ap;

	if (!d->nr || d->nr_more)
		return;
	x = &d->entry[d->nr - 1];
	free(x->help);
	va_start(ap, fmt);
	x->help = vtext(fmt, ap);
	va_end(ap);
	d->oom |= !x->help;
}

void cfg_diag_done(struct cfg_diag *d)
{
	for (size_t i = 0; i < d->nr; i++) {
		free(d->entry[i].text);
		free(d->entry[i].help);
	}
	d->nr = 0;
}

/* The line without its end; false: there is no such line. */
static bool find_line(const struct cfg_diag *d, int line, const char **ret, size_t *ret_len)
{
	const char *p = d->text, *end = d->text + d->len, *nl;

	if (line <= 0)
		return false;
	if (d->len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	for (int n = 1; n < line; n++) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			return false;
		p = nl + 1;
	}
	nl = memchr(p, '\n', (size_t)(end - p));
	if (nl)
		end = nl;
	if (end > p && end[-1] == '\r')
		end--;
	*ret = p;
	*ret_len = (size_t)(end - p);
	return true;
}

static bool starts_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

/* Byte offset of the @column-th character. */
static size_t byte_of_column(const char *s, size_t len, int column)
{
	size_t i = 0;

	for (int n = 1; i < len && n < column; n++) {
		i++;
		while (i < len && !starts_character(s[i]))
			i++;
	}
	return i;
}

/*
 * Bytes of the word at @s that is wrong: a string with its quotes, a bracket, or up to the next
 * delimiter.
 */
static size_t word_length(const char *s, size_t len)
{
	size_t i = 1;

	if (!len)
		return 0;
	if (s[0] == '"' || s[0] == '\'') {
		while (i < len && s[i] != s[0])
			i += s[i] == '\\' && s[0] == '"' && i + 1 < len ? 2 : 1;
		return i < len ? i + 1 : len;
	}
	if (strchr("[]{}=,", s[0]))
		return s[0] == '[' && len > 1 && s[1] == '[' ? 2 : 1;
	while (i < len && !strchr(" \t=,[]{}#\"'", s[i]))
		i++;
	return i;
}

static size_t nr_characters(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += starts_character(s[i]);
	return n;
}

/*
 * Tabs stay tabs in both lines, so that the caret stands below its place whatever the terminal
 * makes of them.
 */
static void add_padding(struct kt_buf *b, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\t')
			kt_buf_addc(b, '\t');
		else if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			kt_buf_adds(b, "    ");
		else if (starts_character(s[i]))
			kt_buf_addc(b, ' ');
	}
}

static void add_excerpt(struct kt_buf *b, const struct cfg_diag *d, const struct cfg_diag_entry *x)
{
	size_t at, word, start = 0, shown, len;
	const char *line;

	if (!find_line(d, x->line, &line, &len))
		return;
	at = byte_of_column(line, len, x->column);
	if (len > LINE_SHOWN) {
		start = at > LINE_BEFORE ? at - LINE_BEFORE : 0;
		while (start < at && !starts_character(line[start]))
			start++;
	}
	shown = len - start < LINE_SHOWN ? len - start : LINE_SHOWN;
	while (shown && start + shown < len && !starts_character(line[start + shown]))
		shown--;
	word = word_length(line + at, start + shown > at ? start + shown - at : 0);
	kt_buf_addf(b, "\n%5d | %s", x->line, start ? "..." : "");
	kt_buf_add_printable(b, line + start, shown);
	kt_buf_addf(b, "%s\n%5s | %s", start + shown < len ? "..." : "", "", start ? "   " : "");
	add_padding(b, line + start, at - start);
	for (size_t i = nr_characters(line + at, word); i > 1; i--)
		kt_buf_addc(b, '^');
	kt_buf_addc(b, '^');
}

static void add_entry(struct kt_buf *b, const struct cfg_diag *d, const struct cfg_diag_entry *x)
{
	kt_buf_adds(b, d->file);
	if (x->line > 0)
		kt_buf_addf(b, ":%d:%d", x->line, x->column);
	kt_buf_addf(b, ": %s", x->text ? x->text : "");
	add_excerpt(b, d, x);
	if (x->help)
		kt_buf_addf(b, "\nhelp: %s", x->help);
}

static int by_place(const void *pa, const void *pb)
{
	const struct cfg_diag_entry *a = pa, *b = pb;

	return a->line != b->line ? (a->line > b->line) - (a->line < b->line)
				  : (a->column > b->column) - (a->column < b->column);
}

int cfg_diag_fail(struct cfg_diag *d, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf all = { 0 };
	size_t done = 0;

	qsort(d->entry, d->nr, sizeof(d->entry[0]), by_place);
	for (; done < d->nr; done++) {
		kt_auto(buf) struct kt_buf one = { 0 };

		add_entry(&one, d, &d->entry[done]);
		/* An error is shown whole or only counted; the first one always. */
		if (done && all.len + one.len > KT_ERR_TEXT_BYTES - CONTEXT_RESERVE)
			break;
		kt_buf_addf(&all, "%s%s", done ? "\n" : "", kt_buf_str(&one));
		d->oom |= !kt_buf_ok(&one);
	}
	if (d->nr + d->nr_more > done)
		kt_buf_addf(&all, "\nand %zu more", d->nr + d->nr_more - done);
	if (d->oom || !kt_buf_ok(&all))
		return kt_fail(e, KT_E_HOST, ENOMEM, "read %s", d->file);
	return kt_fail(e, KT_E_CONFIG, EINVAL, "%s", kt_buf_str(&all));
}
