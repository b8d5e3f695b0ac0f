/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory map that the kernel is given. */
#include <assert.h>

#include "vmm/x86_64/x86.h"

/* Goes on where the last entry of the same type ended, or begins one: nodes are SRAT's business, not this map's. */
static void add(struct x86_e820 *map, uint64_t from, uint64_t to, enum x86_e820_type type)
{
	struct x86_e820_entry *last = map->nr ? &map->e[map->nr - 1] : NULL;

	if (from >= to)
		return;
	if (last && last->type == type && last->gpa + last->len == from) {
		last->len += to - from;
		return;
	}
	assert(map->nr < X86_E820_MAX);
	map->e[map->nr++] = (struct x86_e820_entry){ .gpa = from, .len = to - from, .type = type };
}

/* RAM [from, to), and what of it is something else. */
static void add_ram(struct x86_e820 *map, const struct x86_e820_entry *taken, size_t nr_taken,
		    uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < nr_taken; i++) {
		uint64_t start = taken[i].gpa, end = taken[i].gpa + taken[i].len;

		if (end <= from || start >= to)
			continue;
		add(map, from, start, X86_E820_RAM);
		from = from > start ? from : start;
		end = end < to ? end : to;
		add(map, from, end, taken[i].type);
		from = end;
	}
	add(map, from, to, X86_E820_RAM);
}

void x86_e820_make(const struct vm_layout *l, struct x86_e820 *ret)
{
	struct x86_e820_entry taken[] = {
		/* ascending: vm_layout_assert() */
		{ .gpa = l->ring.v, .len = l->ring_len, .type = X86_E820_RESERVED },
		{ .type = X86_E820_ACPI },
	};

	taken[1].gpa = vm_layout_tables(l, &taken[1].len).v;
	*ret = (struct x86_e820){ 0 };
	for (size_t i = 0; i < l->nr_pieces; i++)
		add_ram(ret, taken, sizeof(taken) / sizeof(taken[0]), l->piece[i].gpa.v,
			l->piece[i].gpa.v + l->piece[i].len);
}
