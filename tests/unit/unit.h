/* SPDX-License-Identifier: GPL-2.0-only */
/* What every unit test includes: cmocka with what it needs, and skips that can be forbidden. */
#ifndef KTSTR_TESTS_UNIT_UNIT_H
#define KTSTR_TESTS_UNIT_UNIT_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"

/*
 * This test cannot run here, for want of @capability. A failure when KTSTR_TEST_REQUIRE lists it, else a skip
 * that says why. Does not return.
 */
static inline void unit_require(const char *capability, const char *reason)
{
	const char *list = getenv("KTSTR_TEST_REQUIRE");
	size_t len = strlen(capability), n;

	for (; list && *list; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		if (n == len && strncmp(list, capability, n) == 0)
			fail_msg("required: %s: %s", capability, reason);
	}
	print_message("# skip: %s: %s\n", capability, reason);
	skip();
}

/* Group set-up and tear-down: *@state is the path of a fresh directory, removed afterwards. */
static inline int unit_tmp_setup(void **state)
{
	const char *parent = getenv("TMPDIR");
	char *path = kt_fmt("%s/ktstr-unit.XXXXXX", parent ? parent : "/tmp");

	*state = path;
	return path && mkdtemp(path) ? 0 : -1;
}

static inline int unit_tmp_teardown(void **state)
{
	int r = kt_remove_tree(*state, NULL);

	free(*state);
	return r;
}

/* Of a directory, without "." and "..". */
static inline unsigned unit_nr_entries(const char *dir)
{
	kt_auto(dir) DIR *d = opendir(dir);
	unsigned nr = 0;

	assert_non_null(d);
	while (readdir(d))
		nr++;
	return nr - 2;
}

/* The text of an error, in a buffer that the next call reuses. */
static inline const char *unit_err_text(const struct kt_err *e)
{
	static char text[2 * KT_ERR_TEXT_BYTES];

	return kt_err_text(e, text, sizeof(text));
}

#endif
