/* SPDX-License-Identifier: GPL-2.0-only */
/* Growable strings, lists and vectors; nearest-name search. */
#include "base/str.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/internal.h"

enum { BUF_MIN = 64, NEAREST_MAX = 64 };

void kt_buf_done(struct kt_buf *b)
{
	int saved = errno;

	free(b->data);
	*b = (struct kt_buf){ 0 };
	errno = saved;
}

/* Room for @more bytes and a NUL. */
static bool buf_grow(struct kt_buf *b, size_t more)
{
	size_t want, cap = b->cap ? b->cap : BUF_MIN;
	char *data;

	if (b->oom)
		return false;
	if (__builtin_add_overflow(b->len, more, &want) || want >= SIZE_MAX / 2) {
		b->oom = true;
		return false;
	}
	want++;
	if (want <= b->cap)
		return true;
	while (cap < want)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data) {
		b->oom = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

char *kt_buf_room(struct kt_buf *b, size_t more)
{
	if (b->cap - b->len > more && !b->oom)
		return b->data + b->len;
	return buf_grow(b, more) ? b->data + b->len : NULL;
}

void kt_buf_add(struct kt_buf *b, const void *data, size_t len)
{
	if (!buf_grow(b, len))
		return;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void kt_buf_adds(struct kt_buf *b, const char *s)
{
	kt_buf_add(b, s, strlen(s));
}

void kt_buf_addc(struct kt_buf *b, char c)
{
	kt_buf_add(b, &c, 1);
}

void kt_buf_vaddf(struct kt_buf *b, const char *fmt, va_list ap)
{
	va_list again;
	size_t room;
	int n;

	if (!buf_grow(b, 0))
		return;
	va_copy(again, ap);
	room = b->cap - b->len;
	n = vsnprintf(b->data + b->len, room, fmt, ap);
	if (n < 0) {
		b->data[b->len] = '\0';
		b->oom = true;
	} else if ((size_t)n < room) {
		b->len += (size_t)n;
	} else if (buf_grow(b, (size_t)n)) {
		/* Cannot be cut: its length is known now. */
		(void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	} else {
		b->data[b->len] = '\0';
	}
	va_end(again);
}

void kt_buf_addf(struct kt_buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kt_buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void kt_buf_add_shell(struct kt_buf *b, const char *s)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_@%+=:,./-";

	if (*s && s[strspn(s, safe)] == '\0') {
		kt_buf_adds(b, s);
		return;
	}
	kt_buf_addc(b, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			kt_buf_adds(b, "'\\''");
		else
			kt_buf_addc(b, *s);
	}
	kt_buf_addc(b, '\'');
}

/* Bytes at @s that a terminal may see as they are; 0: the byte there has to be shown in hex. */
static size_t printable_run(const unsigned char *s, size_t len)
{
	size_t n = kt_utf8_sequence(s, len);

	if (n == 1)
		return s[0] == '\n' || s[0] == '\t' || (s[0] >= 0x20 && s[0] != 0x7f);
	if (n == 2 && s[0] == 0xc2 && s[1] < 0xa0)
		return 0; /* C1 controls: CSI and its friends in one character */
	return n;
}

void kt_buf_add_printable(struct kt_buf *b, const void *data, size_t len)
{
	const unsigned char *s = data;
	size_t i = 0, n;

	while (i < len && kt_buf_ok(b)) {
		n = printable_run(s + i, len - i);
		if (n == 0)
			kt_buf_addf(b, "\\x%02x", s[i++]);
		else
			kt_buf_add(b, s + i, n);
		i += n;
	}
}

char *kt_buf_take(struct kt_buf *b)
{
	char *taken = NULL;

	if (buf_grow(b, 0)) {
		b->data[b->len] = '\0';
		taken = b->data;
		b->data = NULL;
	}
	kt_buf_done(b);
	return taken;
}

void kt_strv_done(struct kt_strv *v)
{
	int saved = errno;

	for (size_t i = 0; i < v->nr; i++)
		free(v->v[i]);
	free(v->v);
	*v = (struct kt_strv){ 0 };
	errno = saved;
}

int kt_strv_add(struct kt_strv *v, const char *s)
{
	char *copy;

	if (kt_vec_reserve((void **)&v->v, &v->cap, v->nr + 2, sizeof(*v->v)) < 0)
		return -ENOMEM;
	copy = strdup(s);
	if (!copy)
		return -ENOMEM;
	v->v[v->nr + 1] = NULL;
	v->v[v->nr++] = copy;
	return 0;
}

static char *__attribute__((format(printf, 1, 0))) vfmt(const char *fmt, va_list ap)
{
	char *s;

	return vasprintf(&s, fmt, ap) < 0 ? NULL : s;
}

int kt_strv_addf(struct kt_strv *v, const char *fmt, ...)
{
	kt_auto(mem) char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	s = vfmt(fmt, ap);
	va_end(ap);
	return s ? kt_strv_add(v, s) : -ENOMEM;
}

char *kt_fmt(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = vfmt(fmt, ap);
	va_end(ap);
	return s;
}

int kt_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

bool kt_starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool kt_ends_with(const char *s, const char *suffix)
{
	size_t len = strlen(s), tail = strlen(suffix);

	return len >= tail && memcmp(s + len - tail, suffix, tail) == 0;
}

int kt_compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions, substitutions and swaps of neighbours. Both lengths are at most NEAREST_MAX. */
static unsigned edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned row[3][NEAREST_MAX + 1];
	unsigned *before = row[0], *prev = row[1], *cur = row[2], *spare;

	for (size_t j = 0; j <= nb; j++)
		before[j] = prev[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			cur[j] = min3(prev[j] + 1, cur[j - 1] + 1,
				      prev[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < cur[j])
				cur[j] = before[j - 2] + 1;
		}
		spare = before;
		before = prev;
		prev = cur;
		cur = spare;
	}
	return prev[nb];
}

const char *kt_nearest(const char *word, const char *const *candidates, size_t nr)
{
	size_t len = strlen(word), clen;
	const char *best = NULL;
	unsigned d, best_d = 0;

	if (len > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < nr; i++) {
		clen = strlen(candidates[i]);
		if (clen > NEAREST_MAX)
			continue;
		d = edit_distance(word, len, candidates[i], clen);
		if ((size_t)d * 3 > len || (best && d >= best_d))
			continue;
		best = candidates[i];
		best_d = d;
	}
	return best;
}

int kt_vec_reserve(void **v, size_t *cap, size_t want, size_t elem_bytes)
{
	size_t n = *cap ? *cap : 8, bytes;
	void *grown;

	if (want <= *cap)
		return 0;
	while (n < want) {
		if (__builtin_mul_overflow(n, 2, &n))
			return -ENOMEM;
	}
	if (__builtin_mul_overflow(n, elem_bytes, &bytes))
		return -ENOMEM;
	grown = realloc(*v, bytes);
	if (!grown)
		return -ENOMEM;
	*v = grown;
	*cap = n;
	return 0;
}
