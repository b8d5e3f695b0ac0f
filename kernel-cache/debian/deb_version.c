/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debian's order of package versions: [epoch:]upstream[-revision], with "~" before everything
 * (deb-version(7)).
 */
#include <ctype.h>
#include <string.h>

#include "kernel-cache/internal.h"

/*
 * Of one character in the non-digit part: "~" before the end, the end before letters, letters
 * before the rest.
 */
static int rank(char c)
{
	if (c == '~')
		return -1;
	if (!c || isdigit((unsigned char)c))
		return 0;
	if (isalpha((unsigned char)c))
		return (unsigned char)c;
	return (unsigned char)c + 256;
}

/* Compare two digit strings of any length as numbers; both are moved past them. */
static int cmp_digits(const char **a, const char *a_end, const char **b, const char *b_end)
{
	int first = 0;

	while (*a < a_end && **a == '0')
		(*a)++;
	while (*b < b_end && **b == '0')
		(*b)++;
	for (;;) {
		bool in_a = *a < a_end && isdigit((unsigned char)**a);
		bool in_b = *b < b_end && isdigit((unsigned char)**b);

		if (!in_a || !in_b)
			return in_a != in_b ? in_a - in_b : first;
		if (!first)
			first = **a - **b;
		(*a)++;
		(*b)++;
	}
}

static int cmp_part(const char *a, const char *a_end, const char *b, const char *b_end)
{
	while (a < a_end || b < b_end) {
		int r;

		for (;;) {
			char ca = a < a_end ? *a : '\0';
			char cb = b < b_end ? *b : '\0';

			if ((!ca || isdigit((unsigned char)ca)) &&
			    (!cb || isdigit((unsigned char)cb)))
				break;
			if (rank(ca) != rank(cb))
				return rank(ca) - rank(cb);
			a++;
			b++;
		}
		r = cmp_digits(&a, a_end, &b, b_end);
		if (r)
			return r;
	}
	return 0;
}

struct parts {
	const char *epoch, *epoch_end;
	const char *upstream, *upstream_end;
	const char *revision, *revision_end;
};

static void split(const char *s, struct parts *ret)
{
	const char *end = s + strlen(s);
	const char *colon = strchr(s, ':');
	const char *dash;

	ret->epoch = s;
	ret->epoch_end = colon ? colon : s;
	ret->upstream = colon ? colon + 1 : s;
	dash = strrchr(ret->upstream, '-');
	ret->upstream_end = dash ? dash : end;
	ret->revision = dash ? dash + 1 : end;
	ret->revision_end = end;
}

int kc_deb_version_cmp(const char *a, const char *b)
{
	struct parts pa, pb;
	int r;

	split(a, &pa);
	split(b, &pb);
	r = cmp_part(pa.epoch, pa.epoch_end, pb.epoch, pb.epoch_end);
	if (!r)
		r = cmp_part(pa.upstream, pa.upstream_end, pb.upstream, pb.upstream_end);
	if (!r)
		r = cmp_part(pa.revision, pa.revision_end, pb.revision, pb.revision_end);
	return r;
}
