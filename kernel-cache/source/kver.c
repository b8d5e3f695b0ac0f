/* SPDX-License-Identifier: GPL-2.0-only */
/* Version numbers as kernel.org writes them, and their order. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "kernel-cache/source/kernelorg.h"

enum { DIGITS_MAX = 6 };

/* Decimal without needless zeros, so that one number has one spelling. */
static int scan_number(const char **s, unsigned *ret)
{
	const char *p = *s;
	unsigned n = 0;

	while (isdigit((unsigned char)*p)) {
		if (p - *s == DIGITS_MAX || (p > *s && **s == '0'))
			return -EINVAL;
		n = n * 10 + (unsigned)(*p++ - '0');
	}
	if (p == *s)
		return -EINVAL;
	*s = p;
	*ret = n;
	return 0;
}

int kc_kver_scan(const char *s, struct kc_kver *ret, const char **ret_end)
{
	struct kc_kver v = { .series = true };

	if (scan_number(&s, &v.major) < 0 || !v.major || *s++ != '.' ||
	    scan_number(&s, &v.minor) < 0)
		return -EINVAL;
	if (s[0] == '.' && isdigit((unsigned char)s[1])) {
		s++;
		if (scan_number(&s, &v.sub) < 0)
			return -EINVAL;
		v.series = false;
	}
	if (kt_starts_with(s, "-rc") && isdigit((unsigned char)s[3])) {
		s += 3;
		if (scan_number(&s, &v.rc) < 0 || !v.rc)
			return -EINVAL;
		v.series = false;
	}
	*ret = v;
	*ret_end = s;
	return 0;
}

int kc_kver_parse(const char *s, struct kc_kver *ret)
{
	struct kc_kver v;
	const char *end;
	int r = kc_kver_scan(s, &v, &end);

	if (r < 0 || *end)
		return -EINVAL;
	*ret = v;
	return 0;
}

const char *kc_kver_name(const struct kc_kver *v, char ret[static KC_KVER_BYTES])
{
	char sub[16] = "", rc[16] = "";

	if (v->sub)
		(void)kt_snprintf(sub, sizeof(sub), ".%u", v->sub);
	if (v->rc)
		(void)kt_snprintf(rc, sizeof(rc), "-rc%u", v->rc);
	(void)kt_snprintf(ret, KC_KVER_BYTES, "%u.%u%s%s", v->major, v->minor, sub, rc); /* fits */
	return ret;
}

static int cmp(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

int kc_kver_cmp_series(const struct kc_kver *a, const struct kc_kver *b)
{
	int r = cmp(a->major, b->major);

	return r ? r : cmp(a->minor, b->minor);
}

int kc_kver_cmp(const struct kc_kver *a, const struct kc_kver *b)
{
	int r = kc_kver_cmp_series(a, b);

	if (!r)
		r = cmp(a->sub, b->sub);
	return r ? r : cmp(a->rc ? a->rc : UINT_MAX, b->rc ? b->rc : UINT_MAX);
}

bool kc_kver_within(const struct kc_kver *from, const struct kc_kver *to,
		    const struct kc_kver *newest, struct kc_kver *ret)
{
	if (kc_kver_cmp_series(newest, from) < 0 || kc_kver_cmp_series(newest, to) > 0)
		return false;
	if (!from->series && kc_kver_cmp(newest, from) < 0)
		return false;
	*ret = !to->series && kc_kver_cmp(newest, to) > 0 ? *to : *newest;
	return true;
}
