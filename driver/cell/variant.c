/* SPDX-License-Identifier: GPL-2.0-only */
/* The number in the names of a variant's files. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "driver/cell/cell.h"

static void hash_text(struct kt_siphash *h, const char *prefix, const char *s)
{
	kt_siphash_add(h, prefix, strlen(prefix));
	kt_siphash_add(h, s, strlen(s) + 1);
}

/*
 * In order, so that the same set is the same variant. Without memory to sort, in the order given.
 */
static void hash_sorted(struct kt_siphash *h, const char *prefix, const struct kt_strv *v)
{
	const char **sorted = calloc(v->nr + 1, sizeof(*sorted));

	for (size_t i = 0; sorted && i < v->nr; i++)
		sorted[i] = v->v[i];
	if (sorted)
		qsort(sorted, v->nr, sizeof(*sorted), kt_compare_strings);
	for (size_t i = 0; i < v->nr; i++)
		hash_text(h, prefix, sorted ? sorted[i] : v->v[i]);
	free(sorted);
}

uint64_t cell_variant_hash(const char *topology, const char *scheduler, const char *work_type,
			   const struct kt_strv *sysctls, const struct kt_strv *kargs)
{
	struct kt_siphash h;

	kt_siphash_init(&h);
	hash_text(&h, "", topology);
	hash_text(&h, "", scheduler);
	/* No payload: nothing but its end. */
	hash_text(&h, "\xfc", "");
	hash_text(&h, "", work_type);
	kt_siphash_add(&h, "\xfd", 1);
	hash_sorted(&h, "sysctl.", sysctls);
	kt_siphash_add(&h, "\xff", 1);
	hash_sorted(&h, "", kargs);
	return kt_siphash_finish(&h);
}
