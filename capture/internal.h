/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of capture/ share. */
#ifndef KTSTR_CAPTURE_INTERNAL_H
#define KTSTR_CAPTURE_INTERNAL_H

#include <bpf/btf.h>

#include "capture/capture.h"

/* ---- memory of a report (pool.c) ---- */

/*
 * Cut from large chunks, freed all at once, with a limit. When it is reached every further allocation is NULL and
 * cap_pool_full() true: what is being made then ends with that as its reason.
 */
int cap_pool_create(size_t max_bytes, struct cap_pool **ret); /* 0: no limit. -ENOMEM */
void cap_pool_free(struct cap_pool *p);
KT_DEFINE_AUTO(cap_pool, struct cap_pool *, cap_pool_free);
/* Zeroed, aligned to 8. NULL: no more. */
void *cap_alloc(struct cap_pool *p, size_t bytes);
void *cap_alloc_array(struct cap_pool *p, size_t nr, size_t bytes);
/* Bytes that will all be written: not zeroed. */
void *cap_alloc_raw(struct cap_pool *p, size_t bytes);
const char *cap_strdup(struct cap_pool *p, const char *s);
const char *cap_strndup(struct cap_pool *p, const char *s, size_t max);
/* Never NULL: "(out of memory)" at worst, so that it can be a reason. */
const char *cap_fmt(struct cap_pool *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The vector's elements, copied; NULL when there are none, or no more memory. */
void *cap_keep(struct cap_pool *p, const void *v, size_t nr, size_t bytes);
bool cap_pool_full(const struct cap_pool *p);
size_t cap_pool_bytes(const struct cap_pool *p);

/* ---- types (types.c, layout.c) ---- */

const struct btf *cap_types_btf(const struct cap_types *t);
/* btf__new_split(), with what libbpf says of it in our log. NULL and errno. @base may be NULL. */
struct btf *cap_btf_new(const void *data, size_t len, const struct btf *base);
/* Id of the type without modifiers, typedefs and type tags, at most 32 of them; 0: void, or broken. */
uint32_t cap_peel(const struct btf *btf, uint32_t id);
/* Id of a type of that name; 0: none. One lookup in a hash. @kind is BTF_KIND_... */
uint32_t cap_type_find(const struct cap_types *t, const char *name, uint32_t kind);
/* Bytes of "struct NAME" or "union NAME"; 0: unknown. */
uint32_t cap_type_bytes(const struct cap_types *t, const char *name);
/* A value of an enum's by name, in any enum. */
bool cap_type_enum_value(const struct cap_types *t, const char *name, uint64_t *ret);

/* Where a member is, from the start of the outermost struct. */
struct cap_field {
	bool there;
	uint32_t offset;
	uint32_t bytes; /* of the member; of all of an array */
	uint32_t type_id;
};
/*
 * @path: "scx.dsq_list.node"; anonymous members are looked into; "pids[2]" indexes an array. Several spellings, newest first, with
 * '|' between. "" is the whole struct. False: none of them is there; bit fields never are.
 */
bool cap_type_field(const struct cap_types *t, const char *type, const char *path,
		    struct cap_field *ret);

/*
 * The fields that one walker reads, as a table; resolved for all tables of layout.c when types are loaded, so that
 * nothing is looked up by name while the guest stands still.
 */
struct cap_field_row {
	uint16_t at; /* offsetof(struct my_layout, member), a struct cap_field */
	bool optional;
	const char *
		type; /* "task_struct"; '|' as in @path, side by side with it: as many alternatives, or one for all */
	const char *path;
};
struct cap_layout_desc {
	const char *group; /* a word of "scx walker partial: missing offset groups [rq, dsq]" */
	const struct cap_field_row *row;
	size_t nr_rows;
	size_t bytes; /* sizeof(struct my_layout) */
};
#define CAP_FIELD(layout, member, type_name, member_path) \
	{ \
		.at = offsetof(struct layout, member), .type = (type_name), .path = (member_path) \
	}
#define CAP_FIELD_OPT(layout, member, type_name, member_path) \
	{ \
		.at = offsetof(struct layout, member), .type = (type_name), .path = (member_path), \
		.optional = true \
	}
/*
 * The resolved struct, for the life of @t; NULL: a field that is not optional is missing (*ret_missing, may be NULL: "task_struct.scx").
 * @d must be one of layout.c's list.
 */
const void *cap_layout(const struct cap_types *t, const struct cap_layout_desc *d,
		       const char **ret_missing);
/* One line each in layout.c's list. */
extern const struct cap_layout_desc cap_layout_idr, cap_layout_map, cap_layout_btf,
	cap_layout_array, cap_layout_htab, cap_layout_storage, cap_layout_struct_ops,
	cap_layout_ringbuf, cap_layout_stack_map, cap_layout_arena, cap_layout_prog,
	cap_layout_cpumask;
extern const struct cap_layout_desc cap_layout_rq, cap_layout_dsq, cap_layout_sched,
	cap_layout_sched_globals, cap_layout_rhashtable, cap_layout_scx_tasks, cap_layout_task,
	cap_layout_cputime, cap_layout_numa, cap_layout_psi, cap_layout_events, cap_layout_age;

/* ---- reading the guest (guest.c, pagetable.c) ---- */

static inline gva_t cap_at(gva_t base, uint64_t offset)
{
	return (gva_t){ base.v + offset };
}
/* Leaves; each as cap_guest_read(). A field that is not there is -ENOENT. */
int cap_read_u64(struct cap_guest *g, gva_t va, uint64_t *ret);
int cap_read_u32(struct cap_guest *g, gva_t va, uint32_t *ret);
int cap_read_ptr(struct cap_guest *g, gva_t va, gva_t *ret);
/* A number of the field's own size (1, 2, 4, 8 bytes), not sign-extended. */
int cap_read_field(struct cap_guest *g, gva_t base, const struct cap_field *f, uint64_t *ret);
/* Of a structure that was read whole already: 0 where the field is not there, or outside. */
uint64_t cap_get_field(const void *data, size_t len, const struct cap_field *f);
/* At most @size - 1 bytes, cut at NUL, made printable. */
int cap_read_text(struct cap_guest *g, gva_t va, char *buf, size_t size);

const struct cap_types *cap_guest_types(const struct cap_guest *g);
const struct cap_objects *cap_guest_objects(const struct cap_guest *g);
const struct cap_vcpu_regs *cap_guest_vcpus(const struct cap_guest *g, size_t *ret_nr);
bool cap_guest_symbol(const struct cap_guest *g, const char *name, gva_t *ret);
/* nr_cpu_ids of the guest, at most CAP_CPUS_MAX; 0: unknown. */
unsigned cap_guest_cpus(struct cap_guest *g);
enum { CAP_CPUS_MAX = 8192 };
/* Where the probe's variables are, once they were found (probe_counters.c): kept with the guest, over cap_guest_forget(). */
struct cap_probe;
struct cap_probe **cap_guest_probe(struct cap_guest *g);
void cap_probe_free(struct cap_probe *p);
/*
 * A per-CPU variable of @cpu: @base is its symbol, or a __percpu pointer. -ENOENT: no possible CPU (its offset is that of
 * CPU 0, or 0); -EOPNOTSUPP: offsets are not known.
 */
int cap_percpu(struct cap_guest *g, gva_t base, unsigned cpu, gva_t *ret);
/*
 * The first page from @from on, before @end, that the kernel's page tables map: for areas that are mostly holes, at most some
 * GiB large. -ENOENT: none.
 */
int cap_guest_next_mapped(struct cap_guest *g, gva_t from, gva_t end, gva_t *ret);
/* Whether it looks like an address of the kernel: canonical, in the upper half. */
bool cap_is_kernel(gva_t va);

/* ---- lists, bounded and proof against cycles (list.c) ---- */

/*
 * struct list_head. @fn gets the address of each node; false ends the walk. 0; -ELOOP: it never came back to its head
 * (what was seen, was given); -E2BIG: more than @max; other: a node was unreadable.
 */
int cap_list_each(struct cap_guest *g, gva_t head, size_t max, bool (*fn)(void *ctx, gva_t node),
		  void *ctx);
enum { CAP_LIST_MAX = 4096 };
/*
 * All entries of a struct idr, in order of ids (idr.c). 0; else what went wrong first, after all the rest was given: -ELOOP: a
 * node where none can be; -E2BIG: there is something at ids from @max_ids on; other: a node was unreadable.
 */
int cap_idr_each(struct cap_guest *g, gva_t idr, uint32_t max_ids,
		 bool (*fn)(void *ctx, uint32_t id, gva_t entry), void *ctx);
/* What that is, in words that follow the table's name; NULL for 0. */
const char *cap_idr_error(int r);
/* A set of addresses, for who follows links that the guest chose (set.c). True: it was not in it. Full: false. */
struct cap_set;
int cap_set_create(size_t max, struct cap_set **ret);
void cap_set_free(struct cap_set *s);
KT_DEFINE_AUTO(cap_set, struct cap_set *, cap_set_free);
bool cap_set_add(struct cap_set *s, uint64_t v);
bool cap_set_has(const struct cap_set *s, uint64_t v);

/* ---- types of programs (prog_btf.c) ---- */

struct cap_btf {
	gva_t kva; /* of the guest's struct btf; 0: the kernel's own */
	const struct btf *btf; /* split on the kernel's where it is of a program */
	const char *error; /* NULL, or why btf is NULL */
};
struct cap_dump;
/* Read once per dump, and kept; never NULL. @kva 0: the kernel's. */
const struct cap_btf *cap_prog_btf(struct cap_dump *d, gva_t kva);

/* ---- rendering (render.c ...) ---- */

/* What pointers can be followed into; parts that are not known are NULL or 0. */
struct cap_arena {
	gva_t map_kva;
	gva_t kern_vm_start; /* of page 0: after the guard */
	uint64_t user_vm_start;
	uint64_t nr_pages; /* declared */
};
struct cap_render {
	struct cap_guest *g; /* NULL: nothing is followed */
	struct cap_pool *pool;
	const struct cap_btf *btf;
	struct cap_dump *d; /* NULL: no casts, slots and sections of others */
	const struct cap_arena *arena; /* NULL: none */
	unsigned nr_cpu_ids; /* bits of cpumasks beyond are ignored; 0: none are */
};
/* Value of type @type_id from the first bytes of @data. Always fills @ret; strings and children are in the pool. */
void cap_render(const struct cap_render *r, uint32_t type_id, const void *data, size_t len,
		struct cap_value *ret);
/* What has no type. */
void cap_render_bytes(struct cap_pool *pool, const void *data, size_t len, struct cap_value *ret);
/* A section's bytes as text, where its name marks string literals. */
bool cap_is_string_section(const char *map_name);
/* "0-2,5" of a bitmap. */
const char *cap_render_cpus(struct cap_pool *pool, const void *bits, size_t len,
			    unsigned nr_cpu_ids);
/* The value as text, for reports: several lines when it does not fit; @indent columns from the second line on. */
void cap_value_text(const struct cap_value *v, unsigned indent, unsigned width, struct kt_buf *ret);
void cap_value_json(struct kt_json *j, const char *key, const struct cap_value *v);

/* Bytes of the arena at @user_addr's low half. -EFAULT: outside, or not faulted in. (map_arena.c) */
int cap_arena_read(struct cap_guest *g, const struct cap_arena *a, uint64_t user_addr, void *buf,
		   size_t len);

/* ---- casts and slots (cast.c, sdt_alloc.c) ---- */

/* What a u64 member really holds. */
struct cap_cast {
	bool arena; /* else kernel memory */
	uint32_t target_type_id; /* in the same BTF; 0: known to be a pointer, not to what */
	const char *target_name; /* for kernel types: "task_struct"; NULL: see the id */
};
/*
 * For member at byte @offset of @parent_type_id, in the program BTF whose map names start with @obj ("bpf"); the ids of a
 * program's BTF in the guest are those of its object file. NULL: a plain number.
 */
const struct cap_cast *cap_cast_find(const struct cap_dump *d, const struct cap_btf *btf,
				     uint32_t parent_type_id, uint32_t offset);
/* A struct's whole definition in another of the scheduler's objects. False: none has it. */
bool cap_objects_find_struct(const struct cap_objects *o, const char *name,
			     const struct btf **ret_btf, uint32_t *ret_id);
/* The slot of an allocator that @user_addr (low half counts) points into. */
struct cap_slot {
	uint64_t user_addr; /* low half of its start */
	uint32_t header_bytes; /* payload begins after it */
	uint64_t elem_bytes;
	uint32_t type_id; /* of the payload; 0: not known */
	gva_t btf_kva; /* that the id is of */
	bool rendered; /* its payload is in the report already */
};
/* Offset 0 or header_bytes within a slot; anything else is NULL. Valid until the dump ends. */
struct cap_slot *cap_slot_find(struct cap_dump *d, uint64_t user_addr);

/* ---- one dump under way (dump.c) ---- */

struct cap_map { /* as read from the guest, once */
	gva_t kva;
	uint32_t id;
	char name[20];
	uint32_t type, key_size, value_size, max_entries, flags;
	gva_t btf_kva;
	uint32_t btf_key_type_id, btf_value_type_id, btf_vmlinux_value_type_id;
	bool framework; /* ours: never in the report */
};
struct cap_dump {
	struct cap_guest *g;
	struct cap_pool *pool;
	struct cap_report *report;
	const struct cap_dump_opts *opts; /* never NULL */
	uint64_t started_ns;
	/* maps.c: filled by cap_dump_find_maps() */
	struct cap_map *map;
	size_t nr_maps;
	/* map_arena.c: the first arena that is not ours; kva 0: none */
	struct cap_arena arena;
	struct cap_prog_btfs *btfs; /* prog_btf.c's own */
	struct cap_slots *slots; /* sdt_alloc.c's own */
	struct cap_scx *
		scx; /* scx_state.c's own: what the scheduler walkers share, and which groups are missing */
	struct cap_runnable *runnable; /* rq.c's own: tasks on runnable lists, for tasks.c */
	struct cap_render_memo *memo; /* render.c's own, in the pool: what it need not do twice */
};
/* Sets dump_truncated_at_us the first time. */
bool cap_dump_late(struct cap_dump *d);
/* A render for values of @btf in this dump: arena, casts and all. */
struct cap_render cap_dump_render(struct cap_dump *d, const struct cap_btf *btf);

/*
 * The phases, in this order (wire-schema.md section 2.5). Each fills its part of d->report, or its reason, and never fails. What a
 * phase keeps for others outside the pool is freed by its _done.
 */
void cap_dump_find_maps(struct cap_dump *d); /* maps.c */
void cap_dump_prog_stats(struct cap_dump *d); /* progs.c */
void cap_dump_cpu_times(struct cap_dump *d); /* cputime.c */
void cap_dump_psi(struct cap_dump *d); /* psi.c */
void cap_dump_rqs(struct cap_dump *d); /* rq.c; before tasks, which need the runnable lists */
void cap_dump_tasks(struct cap_dump *d); /* tasks.c */
void cap_dump_events(struct cap_dump *d); /* events.c */
void cap_dump_sched_state(struct cap_dump *d); /* scx_state.c */
void cap_dump_dsqs(struct cap_dump *d); /* dsq.c: local, bypass, global, user */
void cap_dump_scx_reason(
	struct cap_dump *d); /* scx_state.c: scx_walker_unavailable, when all is known */
void cap_dump_probe_counters(struct cap_dump *d); /* probe_counters.c */
void cap_dump_active(struct cap_dump *d); /* progs.c */
void cap_dump_find_arena(struct cap_dump *d); /* map_arena.c */
void cap_dump_sdt(struct cap_dump *d); /* sdt_alloc.c */
void cap_dump_static(struct cap_dump *d); /* scx_static.c */
void cap_dump_maps(struct cap_dump *d); /* maps.c */
void cap_dump_numa(struct cap_dump *d); /* numa.c */
void cap_prog_btfs_free(struct cap_prog_btfs *b);
void cap_slots_free(struct cap_slots *s);
void cap_scx_free(struct cap_scx *s);
void cap_runnable_free(struct cap_runnable *r);
/* The first bytes of a map's only value, for sections: "bpf.bss". NULL: no such map, or unreadable. In the pool. (maps.c) */
const void *cap_map_section(struct cap_dump *d, const struct cap_map *m, size_t *ret_len);
/* Address of value 0 of an ARRAY map (also of sections). (map_array.c) */
int cap_array_value(struct cap_guest *g, gva_t map_kva, gva_t *ret);
/* A task's walk is shared by rq.c, tasks.c and dsq.c: struct task_struct around its scx entity. (tasks.c) */
gva_t cap_task_of_scx(const struct cap_types *t, gva_t scx);
/* Exact texts of wire-schema.md section 2.3. */
#define CAP_WHY_NUMA "no NUMA walker (host-side walker pending)"
#define CAP_WHY_NO_PROGS "no struct_ops programs loaded"
#define CAP_WHY_PROGS "prog accessor unavailable"
#define CAP_WHY_ZERO_TASKS "task walker yielded zero tasks"
#define CAP_WHY_TASKS "no task walker available"
#define CAP_WHY_NO_SCHED "scx_root is NULL (no scheduler attached)"
#define CAP_WHY_SCX_NOTHING "scx walker reached no state"
#define CAP_WHY_SCX "no scx walker capture"
#define CAP_WHY_SCX_PARTIAL "scx walker partial: missing offset groups ["
#define CAP_WHY_SDT_UNALIGNED "user_vm_start is not 4 GiB-aligned; low-32 keying disabled"
#define CAP_WHY_SDT_NO_BSS "no scheduler .bss map (or .bss has no program BTF)"
#define CAP_WHY_SDT_NO_ARENA "no arena map captured (kern_vm_start unavailable)"
#define CAP_WHY_SDT_NO_TYPE "scheduler BTF does not declare struct scx_allocator"
#define CAP_WHY_SDT_NO_INSTANCE "no scx_allocator instance in .bss"
#define CAP_WHY_SDT_LATE "dump deadline exceeded before sdt_alloc pre-pass could run"
/* Ours, in the same form: what the deadline skipped or cut, and what the report has no room for. */
#define CAP_WHY_LATE(walker) "dump deadline exceeded before " walker " could run"
#define CAP_WHY_SCX_CUT "scx walker cut short: "
#define CAP_WHY_CUT_LATE "dump deadline exceeded"
#define CAP_WHY_MAPS "map walker unavailable"
#define CAP_WHY_FULL "no more memory for the report"

#endif
