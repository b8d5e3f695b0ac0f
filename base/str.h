/* SPDX-License-Identifier: GPL-2.0-only */
/* Growable strings and vectors, string predicates, nearest-name search. */
#ifndef KTSTR_BASE_STR_H
#define KTSTR_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

/*
 * A growable byte string; { 0 } is empty. data is NUL-terminated once anything was added, and may be NULL
 * before. An allocation failure sets oom and makes later additions no-ops, so a series of additions is
 * checked once, by kt_buf_ok().
 */
struct kt_buf {
	char *data;
	size_t len;
	size_t cap;
	bool oom;
};

void kt_buf_done(struct kt_buf *b);
static inline void kt_cleanup_buf(struct kt_buf *b)
{
	kt_buf_done(b);
}
void kt_buf_add(struct kt_buf *b, const void *data, size_t len);
void kt_buf_adds(struct kt_buf *b, const char *s);
void kt_buf_addc(struct kt_buf *b, char c);
void kt_buf_addf(struct kt_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void kt_buf_vaddf(struct kt_buf *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
/* Add @s as one word of a POSIX shell: quoted only when needed. */
void kt_buf_add_shell(struct kt_buf *b, const char *s);
/* Add untrusted bytes so that a terminal stays sane: control bytes other than \n and \t become \xHH. */
void kt_buf_add_printable(struct kt_buf *b, const void *data, size_t len);
/*
 * For who writes many small pieces: where @more bytes and a NUL have room, or NULL (oom); what was written there is added
 * by kt_buf_put(), with the end of it.
 */
char *kt_buf_room(struct kt_buf *b, size_t more);
static inline void kt_buf_put(struct kt_buf *b, char *end)
{
	*end = '\0';
	b->len = (size_t)(end - b->data);
}
static inline bool kt_buf_ok(const struct kt_buf *b)
{
	return !b->oom;
}
/* The text so far, "" when nothing was added. Valid until the next addition. */
static inline const char *kt_buf_str(const struct kt_buf *b)
{
	return b->data ? b->data : "";
}
/* Empty it but keep the memory. */
static inline void kt_buf_reset(struct kt_buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}
/* Hand the NUL-terminated text over (caller frees with free()); NULL when oom. @b is empty afterwards. */
char *kt_buf_take(struct kt_buf *b);

/* A list of owned strings, NULL-terminated when non-empty so that it can serve as an argv. */
struct kt_strv {
	char **v;
	size_t nr;
	size_t cap;
};

void kt_strv_done(struct kt_strv *v);
static inline void kt_cleanup_strv(struct kt_strv *v)
{
	kt_strv_done(v);
}
/* Copies @s. 0 or -ENOMEM. */
int kt_strv_add(struct kt_strv *v, const char *s);
int kt_strv_addf(struct kt_strv *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* printf into new memory; NULL when out of memory. Caller frees. */
char *kt_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* printf into @buf; -ENAMETOOLONG when it does not fit (buf then holds the cut text). */
int kt_snprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

bool kt_starts_with(const char *s, const char *prefix);
bool kt_ends_with(const char *s, const char *suffix);
static inline bool kt_streq(const char *a, const char *b)
{
	return __builtin_strcmp(a, b) == 0;
}
/* For qsort and bsearch over an array of strings, in byte order. */
int kt_compare_strings(const void *a, const void *b);

/**
 * The candidate nearest to @word by Damerau-Levenshtein distance, or NULL when none is near enough to be
 * a likely typo (more than a third of its length away).
 */
const char *kt_nearest(const char *word, const char *const *candidates, size_t nr);

/*
 * A typed vector: KT_VEC(struct foo) v = { 0 }; KT_VEC_PUSH(&v, item) is 0 or -ENOMEM; free(v.v) in the owner.
 */
#define KT_VEC(type) \
	struct { \
		type *v; \
		size_t nr; \
		size_t cap; \
	}
#define KT_VEC_PUSH(vec, ...) \
	(kt_vec_reserve((void **)&(vec)->v, &(vec)->cap, (vec)->nr + 1, sizeof(*(vec)->v)) < 0 \
		 ? -12 \
		 : ((vec)->v[(vec)->nr++] = (__VA_ARGS__), 0))
int kt_vec_reserve(void **v, size_t *cap, size_t want, size_t elem_bytes);

#endif
