/* SPDX-License-Identifier: GPL-2.0-only */
/* The fake guests of the unit tests without cmocka: what they assert aborts. */
#ifndef KTSTR_TESTS_FUZZ_NO_CMOCKA_H
#define KTSTR_TESTS_FUZZ_NO_CMOCKA_H

#define KTSTR_TESTS_UNIT_UNIT_H /* in place of tests/unit/unit.h */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static inline void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

#define assert_true(c) must((c), #c)
#define assert_false(c) must(!(c), "not " #c)
#define assert_non_null(p) must((p) != NULL, #p)
#define assert_null(p) must((p) == NULL, "no " #p)
#define assert_int_equal(a, b) must((a) == (b), #a " == " #b)
#define assert_int_not_equal(a, b) must((a) != (b), #a " != " #b)
#define fail_msg(...) (fprintf(stderr, __VA_ARGS__), abort())

static inline const char *unit_err_text(const struct kt_err *e)
{
	static char text[2 * KT_ERR_TEXT_BYTES];

	return kt_err_text(e, text, sizeof(text));
}

#endif
