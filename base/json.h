/* SPDX-License-Identifier: GPL-2.0-only */
/* Streaming JSON writer: exact 64-bit integers, valid UTF-8, balanced by assertion. Reading is others' job. */
#ifndef KTSTR_BASE_JSON_H
#define KTSTR_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { KT_JSON_DEPTH_MAX = 192 };

/*
 * Appends to a kt_buf that the caller owns. In an object every value call takes its key; in an array (and at
 * the top) key is NULL. pretty: two-space indent, one member a line, byte arrays on one line.
 * Out of memory shows in the buffer (kt_buf_ok).
 */
struct kt_json {
	struct kt_buf *out;
	bool pretty;
	unsigned depth;
	size_t nr; /* values begun so far: for who bounds a document */
	struct {
		bool object;
		bool oneline;
		bool any;
	} level[KT_JSON_DEPTH_MAX];
};

void kt_json_init(struct kt_json *j, struct kt_buf *out, bool pretty);
/* Asserts that everything begun was ended; adds a final newline when pretty. */
void kt_json_finish(struct kt_json *j);

void kt_json_object_begin(struct kt_json *j, const char *key);
/* The same, but all that is in it stays on one line even when pretty. */
void kt_json_object_begin_oneline(struct kt_json *j, const char *key);
void kt_json_object_end(struct kt_json *j);
void kt_json_array_begin(struct kt_json *j, const char *key);
/* The same, but its elements stay on one line even when pretty. */
void kt_json_array_begin_oneline(struct kt_json *j, const char *key);
void kt_json_array_end(struct kt_json *j);

void kt_json_u64(struct kt_json *j, const char *key, uint64_t v);
void kt_json_i64(struct kt_json *j, const char *key, int64_t v);
/* An array of numbers on one line, fast. */
void kt_json_bytes(struct kt_json *j, const char *key, const uint8_t *v, size_t len);
/* NaN and infinities become null. */
void kt_json_double(struct kt_json *j, const char *key, double v);
void kt_json_bool(struct kt_json *j, const char *key, bool v);
/* NULL @v is null; invalid UTF-8 becomes U+FFFD. */
void kt_json_str(struct kt_json *j, const char *key, const char *v);
void kt_json_strn(struct kt_json *j, const char *key, const char *v, size_t len);
void kt_json_null(struct kt_json *j, const char *key);

#endif
