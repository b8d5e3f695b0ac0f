/* SPDX-License-Identifier: GPL-2.0-only */
/* Fuzz what kernel.org says: releases.json, a directory listing, checksums; a version that is taken has one spelling. */
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/source/kernelorg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_version(const struct kc_kver *v)
{
	char name[KC_KVER_BYTES];
	struct kc_kver again;

	must(kc_kver_parse(kc_kver_name(v, name), &again) == 0);
	must(kc_kver_cmp(v, &again) == 0);
}

static void fuzz_releases(const char *text)
{
	const struct kc_kver from = { .major = 1, .series = true },
			     to = { .major = 999999, .minor = 999999, .series = true };
	kt_auto(kc_releases) struct kc_releases r = { 0 };
	kt_auto(kc_kver_vec) kc_kver_vec v = { 0 };

	if (kc_releases_parse(text, "fuzz", &r, NULL) < 0)
		return;
	must(r.rows.nr > 0);
	for (size_t i = 0; i < r.rows.nr; i++)
		check_version(&r.rows.v[i].version);
	must(kc_releases_range(&r, &from, &to, &v) == 0);
	for (size_t i = 1; i < v.nr; i++)
		must(kc_kver_cmp_series(&v.v[i - 1], &v.v[i]) < 0);
	(void)kc_releases_stable(&r); /* only that it ends */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kt_auto(mem) char *text = strndup((const char *)data, size);
	struct kc_kver series = { .major = 6, .minor = 12, .series = true }, v, newest;
	char sum[KT_SHA256_HEX];

	if (!text)
		return 0;
	fuzz_releases(text);
	if (kc_listing_newest(text, &series, &v, &newest) == 0)
		check_version(&v);
	if (newest.major)
		check_version(&newest);
	if (kc_sums_find(text, &series, sum, &newest) == 0)
		must(kc_is_sha256(sum));
	return 0;
}
