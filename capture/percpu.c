/* SPDX-License-Identifier: GPL-2.0-only */
/* CPUs of the guest, and where each has its own copy of a variable. */
#include <errno.h>

#include "capture/memory.h"

enum { CPUS_MASK_MAX = CAP_CPUS_MAX / 64 };

/* The highest bit of __cpu_possible_mask, plus 1. */
static unsigned count_possible(struct cap_guest *g)
{
	const struct cap_types *t = cap_guest_types(g);
	uint32_t bytes = t ? cap_type_bytes(t, "cpumask") : 0;
	unsigned nr = 0;
	gva_t mask;

	if (!bytes || !cap_guest_symbol(g, "__cpu_possible_mask", &mask))
		return 0;
	for (uint32_t n = 0; n < bytes / sizeof(uint64_t) && n < CPUS_MASK_MAX; n++) {
		uint64_t word;

		if (cap_read_u64(g, cap_at(mask, n * sizeof(word)), &word) == 0 && word)
			nr = n * 64 + 64 - (unsigned)__builtin_clzll(word);
	}
	return nr;
}

unsigned cap_count_cpus(struct cap_guest *g)
{
	uint32_t nr;
	gva_t at;

	if (cap_guest_symbol(g, "nr_cpu_ids", &at) && cap_read_u32(g, at, &nr) == 0 && nr > 0 &&
	    nr <= CAP_CPUS_MAX)
		return nr;
	return count_possible(g);
}

static bool is_possible(struct cap_guest *g, unsigned cpu)
{
	uint64_t word;
	gva_t mask;

	/* Numbers are not given to CPUs beyond these, and a mask that cannot be read forbids nothing. */
	if (cpu >= cap_guest_cpus(g))
		return false;
	if (!cap_guest_symbol(g, "__cpu_possible_mask", &mask) ||
	    cap_read_u64(g, cap_at(mask, cpu / 64 * sizeof(word)), &word) < 0)
		return true;
	return word >> (cpu % 64) & 1;
}

/*
 * The address is the symbol's plus the CPU's offset, both where such symbols count from 0 (until 6.14) and where they are
 * addresses in the image (since 6.15): the offset is made to fit (arch/x86/kernel/setup_percpu.c, 6.12 and 7.3). A CPU
 * that cannot be has the offset that all begin with: of the copy in the image, or 0.
 */
int cap_percpu(struct cap_guest *g, gva_t base, unsigned cpu, gva_t *ret)
{
	gva_t offsets;
	uint64_t offset = 0, first = 0;
	int r;

	if (!cap_guest_symbol(g, "__per_cpu_offset", &offsets))
		return -EOPNOTSUPP;
	if (!is_possible(g, cpu))
		return -ENOENT;
	r = cap_read_u64(g, cap_at(offsets, cpu * sizeof(offset)), &offset);
	if (r == 0)
		r = cap_read_u64(g, offsets, &first);
	if (r < 0)
		return r;
	if (!offset || (cpu > 0 && offset == first))
		return -ENOENT;
	*ret = cap_at(base, offset);
	return 0;
}
