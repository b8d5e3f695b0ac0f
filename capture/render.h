/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the renderer share: one value on its way from bytes to struct cap_value. Types are the guest's own, so
 * they may say anything: depth, number of values, pointers followed and bytes read are all bounded here.
 */
#ifndef KTSTR_CAPTURE_RENDER_H
#define KTSTR_CAPTURE_RENDER_H

#include "capture/internal.h"

enum {
	RENDER_DEPTH_MAX = 32, /* of structs, arrays and pointers in each other; and of modifiers */
	RENDER_ELEMENTS_MAX = 4096, /* of an array */
	RENDER_VALUES_MAX = 1 << 18, /* in one value: some 12 MiB */
	RENDER_CHASES_MAX = 4096, /* in one value */
	RENDER_STEPS_MAX = 1 << 24, /* over members of enums, and over types, in one value */
	RENDER_DUMP_STEPS_MAX = 1 << 26, /* in all values of a dump: some 0.2 s */
	RENDER_LOOK_AT_CLOCK = 256, /* values */
	RENDER_CHASE_BYTES = 4096, /* of what a pointer points to */
	RENDER_KERNEL_MAX =
		256, /* structs of the kernel in one dump: a task_struct is 80 KiB of JSON */
	RENDER_CPUMASK_BYTES = 1024,
	RENDER_NAME_BYTES = 512, /* KSYM_NAME_LEN (include/linux/kallsyms.h, 6.12) */
};

struct cap_slice {
	const uint8_t *data;
	size_t len;
};

/* A type without its modifiers. */
struct cap_type {
	uint32_t id;
	const struct btf_type *t;
	uint32_t
		alias; /* name of the last typedef around it, for structs without a name; 0: none */
};

/* Where a value is, from the inside out: a cast is known by a member's place in any of the structs around it. */
struct cap_place {
	const struct cap_place *up; /* of the struct around it; NULL: the bytes begin here */
	uint32_t type_id; /* its own */
	uint32_t at; /* in the one around it, in bytes */
};

struct cap_walk {
	const struct cap_render *r;
	const struct cap_btf *btf; /* that type ids are of; another one behind some pointers */
	unsigned depth;
	uint32_t values_left;
	uint32_t chases_left;
	uint32_t steps_left;
	uint32_t nr_values; /* begun */
	unsigned nr_path;
	uint64_t path[RENDER_DEPTH_MAX]; /* targets of the pointers that we are behind */
};

/* ---- render.c ---- */

/* NULL, or why it cannot be done. Type 0 (void) is one of them. */
const char *cap_walk_peel(const struct cap_walk *w, uint32_t type_id, struct cap_type *ret);
const char *cap_walk_bytes(const struct cap_walk *w, const struct cap_type *t, uint64_t *ret);
/* @place NULL: in nothing else. */
void cap_walk_value(struct cap_walk *w, const struct cap_place *place, uint32_t type_id,
		    struct cap_slice s, struct cap_value *ret);
void cap_walk_peeled(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		     struct cap_slice s, struct cap_value *ret);
/* In the pool; never NULL, "" for none. */
const char *cap_walk_name(const struct cap_walk *w, uint32_t name_off);
/* As it stands in the types, which are gone when the dump is. Never NULL. */
const char *cap_walk_peek_name(const struct cap_walk *w, uint32_t name_off);
/* @n values or members, or NULL: the pool is full, or there are too many; *@ret says so then. */
void *cap_walk_alloc(struct cap_walk *w, uint64_t n, size_t bytes, struct cap_value *ret);
void cap_walk_unsupported(struct cap_value *ret, const char *reason);
/* The bytes are its partial value. */
void cap_walk_truncated(struct cap_walk *w, uint64_t needed, struct cap_slice s,
			struct cap_value *ret);
/*
 * The whole definition of what is only declared as @fwd in w->btf: in the same types or the kernel's, or (@other) in
 * another of the scheduler's objects. 0: none.
 */
uint32_t cap_walk_body(struct cap_walk *w, const struct cap_type *fwd, bool other,
		       const struct btf **ret_btf);

/* Marks a struct of the kernel as shown in this dump. NULL, or why it is not to be: it was already, or there are many. */
const char *cap_walk_show_kernel(struct cap_walk *w, uint64_t addr);

static inline struct cap_slice cap_slice_of(struct cap_slice s, uint64_t at, uint64_t len)
{
	uint64_t there = at < s.len ? s.len - at : 0;

	return (struct cap_slice){ there ? s.data + at : s.data, len < there ? len : there };
}

/* ---- render_scalar.c ---- */

void cap_walk_int(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		  struct cap_slice s, struct cap_value *ret);
void cap_walk_enum(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		   struct cap_slice s, struct cap_value *ret);
void cap_walk_float(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		    struct cap_slice s, struct cap_value *ret);
/* @nr_bits at bit @at of the slice, as @t, an int or enum. */
void cap_walk_bitfield(struct cap_walk *w, const struct cap_type *t, uint64_t at, unsigned nr_bits,
		       struct cap_slice s, struct cap_value *ret);
/* The bits that an int has of its bytes, which may be less than all (as bitfields were until Linux 5.0). */
bool cap_int_is_partial(const struct btf_type *t, unsigned *ret_at, unsigned *ret_nr);

/* ---- render_struct.c ---- */

void cap_walk_struct(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		     struct cap_slice s, struct cap_value *ret);
void cap_walk_datasec(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		      struct cap_slice s, struct cap_value *ret);
void cap_walk_array(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		    struct cap_slice s, struct cap_value *ret);

/* ---- render_cpumask.c ---- */

/* Whether it is a set of CPUs by its name, and where its bits are in it. */
bool cap_walk_is_cpumask(const struct cap_walk *w, const struct cap_type *t, uint64_t *ret_at,
			 uint64_t *ret_bytes);
void cap_walk_cpumask(struct cap_walk *w, struct cap_slice bits, struct cap_value *ret);
/* Whether it is one of the kernel's own, that pointers to are followed. */
bool cap_walk_is_kernel_cpumask(const struct cap_walk *w, const struct cap_type *t);
/* NULL, or why not. */
const char *cap_walk_read_cpumask(struct cap_walk *w, const struct cap_type *t, uint64_t addr,
				  struct cap_value *ret);

/* ---- render_ptr.c, render_follow.c ---- */

void cap_walk_ptr(struct cap_walk *w, const struct cap_place *place, const struct cap_type *t,
		  struct cap_slice s, struct cap_value *ret);
/* Whether the u64 at @s is known to hold a pointer; it is rendered as one then. */
bool cap_walk_cast(struct cap_walk *w, const struct cap_place *place, uint32_t at,
		   struct cap_slice s, struct cap_value *ret);

/* Where a pointer leads. */
struct cap_target {
	const char *arm; /* how its reasons begin: "arena chase" */
	bool arena;
	uint64_t addr;
	const struct cap_btf *btf; /* that the type is of: w->btf, or &other */
	struct cap_btf other;
	uint32_t type_id; /* 0: not known */
	struct cap_slot *slot; /* it is one's payload; NULL: not */
	uint64_t bytes_max; /* no more than these are its own */
};
/* What an arena pointer to @type_id of w->btf leads to, by types and slots. NULL, or why not. */
const char *cap_walk_find_target(struct cap_walk *w, uint64_t addr, uint32_t type_id,
				 struct cap_target *ret);
/* Sets deref of @ret, a pointer, or why not. */
void cap_walk_follow(struct cap_walk *w, const struct cap_target *target, struct cap_value *ret);
/* Whether pointers can be followed at all from here. */
bool cap_walk_may_follow(const struct cap_walk *w);

#endif
