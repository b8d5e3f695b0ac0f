/* SPDX-License-Identifier: GPL-2.0-only */
/* What the walkers of a scheduler's own allocators share. Private to sdt_*.c and scx_static.c. */
#ifndef KTSTR_CAPTURE_ALLOC_H
#define KTSTR_CAPTURE_ALLOC_H

#include "capture/internal.h"
#include "capture/object.h"

/* ---- the scheduler's variables (sdt_bss.c) ---- */

struct cap_bss {
	const struct cap_map *map;
	const struct cap_btf *btf; /* never without ->btf */
	const uint8_t *data; /* of the section */
	size_t len;
};
/*
 * The .bss of the active scheduler, else the first one that is not ours. -ENOENT: there is none that has a program's BTF
 * and can be read; -EINVAL: its BTF cannot.
 */
int cap_find_bss(struct cap_dump *d, struct cap_bss *ret);
/* Id of a struct, or union, of that name among the program's own types; 0: none. */
uint32_t cap_own_struct(const struct btf *btf, const char *name);
uint32_t cap_own_union(const struct btf *btf, const char *name);
/* Types of the allocators' and of the arena's own: never what a scheduler keeps in slots. */
bool cap_is_machinery(const char *type_name);
/* First id that is the program's own. */
uint32_t cap_own_start(const struct btf *btf);
/* A member by name, anonymous ones looked into; several names with '|' between. Its place and type. */
bool cap_member(const struct btf *btf, uint32_t type, const char *names, uint32_t *ret_offset,
		uint32_t *ret_type);
/* Every variable of .bss whose type is struct @type and whose bytes are all there. False ends it. */
void cap_bss_each(const struct cap_bss *b, uint32_t type,
		  bool (*fn)(void *ctx, const char *name, const uint8_t *bytes), void *ctx);

/* ---- payloads (sdt_type.c) ---- */

/* The type of payloads of @bytes bytes in @allocator; 0 and the reason when it cannot be told. */
uint32_t cap_payload_type(struct cap_dump *d, const struct cap_bss *b, const char *allocator,
			  uint64_t bytes, const char **ret_reason);

/* ---- slots (sdt_slots.c) ---- */

enum { CAP_SLOTS_MAX = 1 << 16 };
/* Made when it is first wanted; NULL: out of memory. */
struct cap_slots *cap_slots_of(struct cap_dump *d);
/* False: full, or out of memory; then pointers to it are only not followed. */
bool cap_slots_add(struct cap_slots *s, const struct cap_slot *slot);
/* To be called when all are added: sorts them, the first of a place counting. */
void cap_slots_ready(struct cap_slots *s);

#endif
