/* SPDX-License-Identifier: GPL-2.0-only */
/* What the map zoo's BPF side and its loader share: the values in its maps. */
#ifndef KTSTR_TESTS_VM_MAP_ZOO_H
#define KTSTR_TESTS_VM_MAP_ZOO_H

#include <linux/types.h>
#include <stdbool.h>

enum zoo_color {
	ZOO_RED = 1,
	ZOO_GREEN = 2,
	ZOO_UNDERGROUND = -3,
};

struct zoo_key {
	__u32 a;
	__u16 b;
	__s16 c;
};

/* One of each kind of member. No padding that could differ between two writers of the same value. */
struct zoo_val {
	__u64 magic;
	__s64 neg;
	__u32 a;
	__s32 b;
	__u16 c;
	__s16 d;
	__u8 e;
	signed char f;
	bool yes;
	char text[9];
	enum zoo_color color;
	__u32 lo : 3, mid : 11, hi : 18;
	__s32 small : 5, rest : 27;
	__u16 list[3];
	__u16 pad;
	struct {
		__u32 x, y;
	} pos;
	union {
		__u32 word;
		__u8 byte[4];
	};
	__u32 end;
};

struct zoo_storage {
	__u64 self; /* address of the owner, where the program knows it; else 0 */
	__u32 nr;
	__u32 twice;
};

enum {
	ZOO_MANY = 8,
	ZOO_PERCPU_KEYS = 3,
	ZOO_HASH_ENTRIES = 20,
	ZOO_THOUSAND = 1000,
	ZOO_TASKS = 3,
	ZOO_ARENA_PAGES = 8192,
	ZOO_ARENA_USED = 100, /* from page 1 on; and the last */
	ZOO_RING_BYTES = 8192,
	ZOO_QUEUE_SLOTS = 5,
	ZOO_STACK_FRAMES = 16,
};

#endif
