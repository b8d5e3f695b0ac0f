/* SPDX-License-Identifier: GPL-2.0-only */
/* A small source tree of Kconfig files, written by the test. */
#ifndef KTSTR_TESTS_UNIT_KCONFIG_TREE_H
#define KTSTR_TESTS_UNIT_KCONFIG_TREE_H

#include "kernel-cache/kconfig/kconfig.h"
#include "tests/unit/unit.h"

static inline void tree_put(const char *dir, const char *path, const char *text)
{
	kt_auto(mem) char *at = kt_fmt("%s/%s", dir, path);
	char *slash = strrchr(at, '/');

	*slash = '\0';
	assert_int_equal(kt_mkdir_p(at, 0755, NULL), 0);
	*slash = '/';
	assert_int_equal(kt_file_write_atomic(at, text, strlen(text), 0644, NULL), 0);
}

/* What becomes of @fragment (extra.kconfig, the user's) in the tree at @dir, given the .config that came out. */
static inline void tree_check(const char *dir, const char *fragment, const char *config,
			      struct kc_config_report *ret)
{
	kt_auto(kc_config_request) struct kc_config_request r = { 0 };
	struct kt_err e = { 0 };

	assert_int_equal(kc_wants_parse(fragment, "extra.kconfig", true, &r.wants, &e), 0);
	r.base = strdup("allnoconfig");
	r.merged = strdup(fragment);
	if (kc_config_check(&r, dir, config, ret, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
}

#endif
