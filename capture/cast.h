/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finding which u64 members hold pointers, by following a BPF object's instructions with abstract values. Private to
 * cast*.c. What is pointed at is a node; evidence gathers at nodes over some passes, and only what agrees becomes a claim.
 */
#ifndef KTSTR_CAPTURE_CAST_H
#define KTSTR_CAPTURE_CAST_H

#include <linux/bpf.h>

#include "base/str.h"
#include "capture/object.h"

enum cast_kind {
	CAST_UNSET, /* no path came here yet */
	CAST_UNKNOWN,
	CAST_NUM, /* a number for certain */
	CAST_CONST, /* off: its value */
	CAST_TYPE_ID, /* ref: BTF type, put there by a CO-RE relocation */
	CAST_PTR, /* ref: node, off: bytes into it; also a number that may be a pointer */
	CAST_STACK, /* off: from the frame pointer, not above 0 */
	CAST_MAP, /* ref: BTF type of the map's definition */
	CAST_CTX, /* context of a struct_ops program; ref: its function prototype */
};
struct cast_val {
	uint8_t kind;
	int32_t off;
	uint32_t ref;
};

#define CAST_STACK_BYTES 512
enum { CAST_REGS = 11, CAST_SLOTS = CAST_STACK_BYTES / 8, CAST_ARGS = 5 };
struct cast_state {
	struct cast_val reg[CAST_REGS];
	struct cast_val stack[CAST_SLOTS]; /* [0]: the 8 bytes below the frame pointer */
};

/* What is known of where a node's memory is; more than one is a contradiction. */
enum { CAST_ARENA = 1, CAST_KERNEL = 2, CAST_NUMBER = 4, CAST_PROGRAM = 8 };
enum { CAST_ACCESSES = 12 };
struct cast_node {
	uint8_t space;
	bool conflict; /* evidence for two types */
	bool payload; /* what comes behind the header of an allocator's slot */
	bool is_field, hint_conflict;
	uint8_t nr_accesses;
	uint32_t type; /* struct, union, section or forward declaration; 0: unknown */
	uint32_t hint; /* a type that the source names there */
	uint32_t parent, offset; /* is_field: the member whose value points here */
	struct {
		uint32_t offset, bytes;
	} access[CAST_ACCESSES]; /* while the type is unknown */
};
struct cast_edge {
	uint32_t field, from; /* nodes: the member got a pointer to @from + @off */
	int32_t off;
};

struct cast_func {
	uint32_t section, start, nr_insns; /* start: in instructions, from the section's */
	uint32_t proto; /* BTF; 0: unknown */
	uint32_t op_proto; /* of the struct_ops member that it implements; 0: none */
	bool is_static; /* then clang may have changed its arguments, and only callers tell them */
	bool called;
	struct cast_val arg[CAST_ARGS], ret;
};
struct cast_var {
	uint32_t section, offset, bytes, type, datasec;
};
struct cast_name {
	const char *name;
	uint32_t id;
};
struct cast_names {
	struct cast_name *v;
	size_t nr, cap;
};

struct casts {
	struct cap_object *obj;
	const struct btf *btf;
	const struct cap_elf *elf;
	struct cap_btf_ext ext;
	struct cap_rel **rel; /* per section */
	size_t *nr_rels;
	uint32_t *insn_base; /* per section: numbers that are unique in the object */
	KT_VEC(struct cast_func) func; /* sorted by place */
	KT_VEC(struct cast_var) var; /* sorted by place */
	uint32_t *datasec; /* per section: BTF type; 0: none */
	struct cast_names funcs, structs;
	uint8_t *kernel_type; /* per BTF type: CO-RE relocations say that it is the kernel's */
	uint8_t *var_type; /* per BTF type: a variable has it */
	KT_VEC(struct cast_node) node; /* [0]: nowhere */
	uint64_t *slot_key; /* hash of keys to nodes */
	uint32_t *slot_node;
	size_t nr_slots;
	KT_VEC(struct cast_edge) edge;
	uint64_t work; /* steps that are left for all of it */
	bool changed, oom;
};

/* ---- types (cast_type.c) ---- */

enum cast_leaf_kind { CAST_LEAF_NONE, CAST_LEAF_U64, CAST_LEAF_PTR, CAST_LEAF_OTHER };
/* The scalar at a byte of a type, and the innermost struct that it is a member of. */
struct cast_leaf {
	enum cast_leaf_kind kind;
	uint32_t parent, offset; /* of the scalar in its parent */
	uint32_t skew; /* bytes into the scalar */
	uint32_t bytes;
	uint32_t target; /* of a pointer, peeled; 0: void, or no struct */
	bool kernel_tag, arena_tag; /* what a pointer's type tag says */
};
struct cast_leaf cast_leaf_at(struct casts *c, uint32_t type, int64_t offset);
/* Struct, union or forward declaration that @ptr_type points to; 0: none. */
uint32_t cast_pointee(const struct btf *btf, uint32_t ptr_type);
/* Where the flexible array at the end of a struct begins; 0: it has none. */
uint32_t cast_flexible_at(const struct btf *btf, uint32_t type);
/* The array around byte @offset: bytes of its elements, their type, the place in an element. */
bool cast_array_at(struct casts *c, uint32_t type, int64_t offset, uint32_t *ret_type,
		   uint32_t *ret_offset);
int cast_names_make(const struct btf *btf, uint32_t kinds, struct cast_names *ret);
uint32_t cast_names_find(const struct cast_names *n, const char *name, size_t len);
/* Gives types to nodes of the arena by how they are used. */
void cast_infer_types(struct casts *c);
/* The only struct that a line of source has a pointer to; 0: none, or several. */
uint32_t cast_line_type(const struct casts *c, const char *line);

/* ---- nodes (cast_node.c) ---- */

enum { CAST_KEY_INSN, CAST_KEY_ARG, CAST_KEY_FIELD, CAST_KEY_PAYLOAD, CAST_KEY_SECTION };
/* The same node each time; 0 when there are too many. */
uint32_t cast_node(struct casts *c, unsigned kind, uint32_t a, uint32_t b);
void cast_add_space(struct casts *c, uint32_t node, uint8_t space);
void cast_add_type(struct casts *c, uint32_t node, uint32_t type);
void cast_add_hint(struct casts *c, uint32_t node, uint32_t type);
void cast_add_access(struct casts *c, uint32_t node, int32_t off, uint32_t bytes);
/* The member got @v. */
void cast_store_field(struct casts *c, uint32_t field, struct cast_val v);
void cast_propagate(struct casts *c);
static inline struct cast_node *cast_at(struct casts *c, uint32_t node)
{
	return &c->node.v[node];
}
/* A pointer behind a slot's header is one to its payload. */
struct cast_val cast_normal(struct casts *c, struct cast_val v);

/* ---- instructions (cast_insn.c, cast_call.c, cast_flow.c, cast_setup.c) ---- */

struct cast_at {
	struct casts *c;
	struct cast_func *f;
	uint32_t pc; /* in instructions, from the function's start */
};
static inline uint32_t cast_insn_number(const struct cast_at *at)
{
	return at->c->insn_base[at->f->section] + at->f->start + at->pc;
}
struct bpf_insn cast_fetch(const struct cast_at *at, uint32_t pc);
const struct cap_sym *cast_relocation(const struct cast_at *at);
const struct cap_core_relo *cast_core_relo(const struct cast_at *at);
struct cast_val cast_fresh(const struct cast_at *at, uint8_t space, uint32_t type);
/* What the source line there has a pointer to, kept for when nothing better is known. */
void cast_hint_from_line(const struct cast_at *at, uint32_t node);
/* All but jumps. */
void cast_step(const struct cast_at *at, struct bpf_insn insn, struct cast_state *s);
void cast_step_call(const struct cast_at *at, struct bpf_insn insn, struct cast_state *s);
struct cast_val cast_load(const struct cast_at *at, struct cast_state *s, struct cast_val base,
			  int32_t off, uint32_t bytes);
void cast_store(const struct cast_at *at, struct cast_state *s, struct cast_val base, int32_t off,
		uint32_t bytes, struct cast_val v);
/* The bytes may have become anything. */
void cast_forget_stack(struct cast_state *s, int32_t off, uint32_t bytes);
bool cast_merge(struct casts *c, struct cast_val *into, struct cast_val v);
/* 0 or -ENOMEM. */
int cast_follow(struct casts *c, struct cast_func *f);
int cast_setup(struct casts *c);
void cast_done(struct casts *c);

#define CAST_IS(k) ((struct cast_val){ .kind = (k) })

#endif
