/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables of x86-64, four or five levels of them ("4-Level Paging and 5-Level Paging" in volume 3 of Intel's Software
 * Developer's Manual). Bits above the largest physical address (encryption, software's own, protection keys) are passed over.
 */
#include <errno.h>

#include "capture/memory.h"

#define PTE_PRESENT UINT64_C(1)
#define PTE_LARGE (UINT64_C(1) << 7) /* in tables of levels 2 and 3; of level 1 it is PAT */
#define PTE_ADDRESS UINT64_C(0x000ffffffffff000)
enum { INDEX_BITS = 9, LARGE_LEVEL_MAX = 3 };

gpa_t cap_pgt_of_cr3(uint64_t cr3)
{
	return (gpa_t){ cr3 & PTE_ADDRESS };
}

static bool is_canonical(gva_t va, unsigned levels)
{
	unsigned bits = CAP_PAGE_SHIFT + INDEX_BITS * levels;
	int64_t high = (int64_t)va.v >> (bits - 1);

	return high == 0 || high == -1;
}

int cap_pgt_walk(struct cap_page_cache *c, const struct cap_pgt *pgt, gva_t va, gpa_t *ret)
{
	uint64_t table = pgt->root.v;

	if (!pgt->levels)
		return -EFAULT;
	if (!is_canonical(va, pgt->levels))
		return -EINVAL;
	for (unsigned level = pgt->levels; level > 0; level--) {
		unsigned shift = CAP_PAGE_SHIFT + INDEX_BITS * (level - 1);
		uint64_t index = (va.v >> shift) % (1 << INDEX_BITS);
		uint64_t entry, below = (UINT64_C(1) << shift) - 1;
		int r = cap_read_pa(c, (gpa_t){ table + index * sizeof(entry) }, &entry,
				    sizeof(entry));

		if (r < 0)
			return r;
		if (!(entry & PTE_PRESENT))
			return -EFAULT;
		table = entry & PTE_ADDRESS;
		if (level == 1 || (level <= LARGE_LEVEL_MAX && (entry & PTE_LARGE))) {
			/* Bit 12 of a large page's entry is PAT, and those above it are reserved. */
			*ret = (gpa_t){ (table & ~below) | (va.v & below) };
			return 0;
		}
	}
	return -EFAULT;
}

/* The first present entry of a table of level 1 from @va's on; its address, or where the next table begins. */
static int scan_table(struct cap_page_cache *c, uint64_t table, uint64_t *va, bool *ret_found)
{
	uint64_t index = (*va >> CAP_PAGE_SHIFT) % (1 << INDEX_BITS), entry[1 << INDEX_BITS];
	size_t nr = (1 << INDEX_BITS) - index, n = 0;
	int r = cap_read_pa(c, (gpa_t){ table + index * sizeof(entry[0]) }, entry,
			    nr * sizeof(entry[0]));

	if (r < 0)
		return r;
	while (n < nr && !(entry[n] & PTE_PRESENT))
		n++;
	*va = (*va & ~(uint64_t)(CAP_PAGE - 1)) + n * CAP_PAGE;
	*ret_found = n < nr;
	return 0;
}

/* Moves @va on to what is mapped in the lowest table that is there for it, or past the hole that it is in. */
static bool step(struct cap_page_cache *c, const struct cap_pgt *pgt, uint64_t *va)
{
	uint64_t table = pgt->root.v, entry;
	unsigned shift = CAP_PAGE_SHIFT;
	bool found = false;

	for (unsigned level = pgt->levels; level > 0; level--) {
		shift = CAP_PAGE_SHIFT + INDEX_BITS * (level - 1);
		if (level == 1) {
			if (scan_table(c, table, va, &found) == 0)
				return found;
			shift += INDEX_BITS; /* the whole table is unreadable */
			break;
		}
		if (cap_read_pa(
			    c,
			    (gpa_t){ table + (*va >> shift) % (1 << INDEX_BITS) * sizeof(entry) },
			    &entry, sizeof(entry)) < 0 ||
		    !(entry & PTE_PRESENT))
			break;
		if (level <= LARGE_LEVEL_MAX && (entry & PTE_LARGE))
			return true;
		table = entry & PTE_ADDRESS;
	}
	*va = ((*va >> shift) + 1) << shift;
	return false;
}

int cap_pgt_next(struct cap_page_cache *c, const struct cap_pgt *pgt, gva_t from, gva_t end,
		 gva_t *ret)
{
	uint64_t va = from.v, before;

	while (pgt->levels && va < end.v) {
		before = va;
		if (step(c, pgt, &va)) {
			if (va >= end.v)
				break;
			*ret = (gva_t){ va };
			return 0;
		}
		if (va <= before)
			break;
	}
	return -ENOENT;
}
