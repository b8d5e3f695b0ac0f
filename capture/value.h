/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that show values as text share. */
#ifndef KTSTR_CAPTURE_VALUE_H
#define KTSTR_CAPTURE_VALUE_H

#include "capture/internal.h"

enum cap_where {
	CAP_ALONE,
	CAP_IN_ARRAY, /* wide unsigned numbers are addresses and masks there more often than counts: hex */
};

/* Nothing in it but zeros: hidden among others. What could not be rendered is none. */
bool cap_value_is_zero(const struct cap_value *v);
/* On one line, if that is not longer than @max columns; false: @ret is as it was. */
bool cap_value_line(const struct cap_value *v, enum cap_where where, size_t max,
		    struct kt_buf *ret);
/* The text of an array of bytes: up to its first NUL, after which there is nothing. 0: it is none. */
size_t cap_value_string_len(const struct cap_value *v);
/* A run of elements that are not zero, from @from on, [*ret_first, *ret_end). False: no more. */
bool cap_value_run(const struct cap_value *v, size_t from, size_t *ret_first, size_t *ret_end);
/* "[3]=" or "[3..7]=". */
void cap_value_add_range(struct kt_buf *b, size_t first, size_t end);
/* How many of them are there, as a comment of C, where not all are. */
void cap_value_add_shown(struct kt_buf *b, uint64_t shown, uint64_t of);
/* What a pointer or a truncated value has before what is in it. */
void cap_value_add_head(struct kt_buf *b, const struct cap_value *v);
/* Names and reasons, which the guest chose. */
void cap_value_add_name(struct kt_buf *b, const char *name);
/* Columns of a text in UTF-8. */
size_t cap_value_columns(const char *text, size_t len);

#endif
