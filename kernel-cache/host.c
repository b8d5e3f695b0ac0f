/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether this host can keep and build kernels, asked before there is one to build. */
#include <errno.h>

#include "kernel-cache/build/build.h"

int kc_can_build(const char *cache_dir, struct kt_buf *found, struct kt_buf *limits,
		 struct kt_err *e)
{
	static const struct kc_build_opts defaults = { 0 };
	static const struct kc_wants nothing = { 0 };
	kt_auto(kc_toolchain) struct kc_toolchain t = { 0 };
	int r = kc_toolchain_find(cache_dir, &defaults, &t, e);

	if (r == 0)
		r = kc_tools_for_config(&t, "", &nothing, e);
	if (r == 0 && !t.pahole)
		r = kt_fail(e, KT_E_TOOL, ENOENT, "pahole is missing: apt-get install dwarves");
	if (r < 0)
		return r;
	kt_buf_addf(found, "%s, %s, pahole %s, %s", t.cc_text, t.ld_text, t.pahole_text,
		    t.ccache ? "ccache" : "no ccache");
	if (!kc_pahole_writes_tags(t.pahole_text))
		kt_buf_adds(
			limits,
			"kernels from 7.0 on need pahole 1.26 or newer: to build them, install a newer "
			"package dwarves, or name another pahole by $PAHOLE");
	return 0;
}

int kc_dir_check(const char *cache_dir, struct kt_err *e)
{
	return kc_lock_dir_check(cache_dir, e);
}
