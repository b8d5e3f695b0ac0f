/* SPDX-License-Identifier: GPL-2.0-only */
/* debian:SUITE/linux-source-X: the kernel source that Debian builds its own kernels from. */
#include "kernel-cache/source/source.h"

static int newest(const struct kc_request *q, bool refresh, struct kc_pick *ret, struct kt_err *e)
{
	return kc_index_newest_package(q->cache_dir, q->parsed.arg, q->parsed.arg2, refresh,
				       q->o->progress, ret, e);
}

static int last(const struct kc_request *q, struct kc_pick *ret, struct kt_err *e)
{
	return kc_index_last_package(q->cache_dir, q->parsed.arg, q->parsed.arg2, ret, e);
}

const struct kc_resolver kc_debian_source_resolver = { .newest = newest, .last = last };
