/* SPDX-License-Identifier: GPL-2.0-only */
/* What went wrong, where, and what we were doing: the one error type of the tree. */
#ifndef KTSTR_BASE_ERR_H
#define KTSTR_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whose problem an error is. The kind alone decides the exit code of the program
 * (driver/exit_codes.c), so a wrong kind is a wrong exit code.
 */
enum kt_kind {
	KT_E_NONE = 0,
	KT_E_USAGE, /* command line, nothing matched, --locked would change the lock */
	KT_E_CONFIG, /* ktstr.toml */
	KT_E_HOST, /* this host: files, memory, devices, a syscall */
	KT_E_TOOL, /* a program that we need is missing or broken (qemu, gpgv) */
	KT_E_KERNEL, /* a kernel is not to be had */
	KT_E_BUILD, /* a scheduler or kernel did not build */
	KT_E_GUEST, /* the guest broke the protocol or lied */
	KT_E_INTERNAL, /* our own mistake */
	KT_E_INTR, /* the user interrupted */
};

enum { KT_ERR_FRAMES = 8, KT_ERR_TEXT_BYTES = 4096 };

/*
 * A value for the stack: zero-initialise ("struct kt_err e = { 0 };"), pass its address, read it only
 * after a negative return. Never allocates, so it works out of memory and on any thread.
 */
struct kt_err {
	enum kt_kind kind;
	int errnum; /* positive errno of the root cause */
	const char *file; /* where kt_fail was called */
	int line;
	unsigned nr_frames; /* frame 0 is the root cause, the last the outermost context */
	bool truncated;
	size_t used;
	unsigned short frame[KT_ERR_FRAMES]; /* offsets of NUL-terminated texts in text[] */
	char text[KT_ERR_TEXT_BYTES];
};

/**
 * Record a failure and return -@errnum (for "return kt_fail(...)").
 *
 * @e may be NULL. @errnum is positive, or 0 when there is none (then -EINVAL is returned); when @errnum is not 0 and @kind is KT_E_HOST, the formatted text
 * is followed by ": <strerror>". Other kinds carry only the text. Overwrites what @e held.
 */
#define kt_fail(e, kind, errnum, ...) \
	kt_fail_at((e), (kind), (errnum), __FILE__, __LINE__, __VA_ARGS__)
int kt_fail_at(struct kt_err *e, enum kt_kind kind, int errnum, const char *file, int line,
	       const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/**
 * Add what the caller was doing (starts with a verb, no colon, no newline) and return @r unchanged.
 * @e may be NULL. Past KT_ERR_FRAMES or the text's size the frame is dropped and marked.
 */
int kt_context(struct kt_err *e, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/**
 * Render "outer: inner: root cause[ [truncated]]" into @buf (always NUL-terminated); returns @buf.
 * A root cause may span lines (ktstr.toml errors with their caret): contexts stay on the first line.
 */
const char *kt_err_text(const struct kt_err *e, char *buf, size_t size);

#endif
