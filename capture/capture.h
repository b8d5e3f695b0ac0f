/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's memory, read from outside and told by name: the kernel's scheduler state and the maps of its BPF programs.
 *
 *   types      what the kernel's structures look like: BTF of its vmlinux, made once per kernel and shared by all cells; or of
 *              one guest's memory
 *   symbols    where things are in one running guest
 *   guest      a source of memory + types + symbols: what can be asked
 *   report     all that was found (capture/report.h), made in one go by cap_dump(), shown as JSON or text
 *
 * The guest may lie about everything: all work is bounded, and what cannot be told is a reason, never a failure.
 * Nothing here is thread-safe; one thread at a time per object.
 */
#ifndef KTSTR_CAPTURE_CAPTURE_H
#define KTSTR_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "capture/report.h"

/* ---- where the bytes are ---- */

struct mem_source {
	/* 0 and @buf is filled; else -errno and it is as it was (-EFAULT: no RAM there; -ENODATA: not in this image) */
	int (*read_pa)(void *ctx, gpa_t gpa, void *buf, size_t len);
	void *ctx;
};

/* ---- types (types.c) ---- */

struct cap_types;
/*
 * From an ELF file with a .BTF section, or a file that is BTF itself (/sys/kernel/btf/vmlinux). Takes 50 ms and some 15 MiB:
 * made once per kernel by the parent of all cells, before they are forked; never changes afterwards.
 */
int cap_types_load(const char *path, struct cap_types **ret, struct kt_err *e);
/* Of bytes in memory, which are copied; @name is for messages. */
int cap_types_parse(const void *btf, size_t len, const char *name, struct cap_types **ret,
		    struct kt_err *e);
void cap_types_free(struct cap_types *t);
KT_DEFINE_AUTO(cap_types, struct cap_types *, cap_types_free);
/* Whether the kernel has a tracepoint, or a function, of that name: what a probe can be attached to. */
bool cap_types_has_tracepoint(const struct cap_types *t, const char *name);
bool cap_types_has_func(const struct cap_types *t, const char *name);

/* ---- symbols (symbols.c) ---- */

struct cap_symbols;
int cap_symbols_create(struct cap_symbols **ret, struct kt_err *e);
void cap_symbols_free(struct cap_symbols *s);
KT_DEFINE_AUTO(cap_symbols, struct cap_symbols *, cap_symbols_free);
/* Of the running guest. The first of a name counts. -ENOMEM, -ENOSPC: too many. Leaf. */
int cap_symbols_add(struct cap_symbols *s, const char *name, uint64_t addr);
/* Whole lines "hex name\n", from the guest: what is not such a line is passed over. Returns how many were taken. */
size_t cap_symbols_add_text(struct cap_symbols *s, const char *text, size_t len);
/* All of an ELF file's, moved by @slide. -ENOENT: it has no symbol table. */
int cap_symbols_add_elf(struct cap_symbols *s, const char *path, uint64_t slide, struct kt_err *e);
/* Of these only what a capture asks for, as it was linked. */
int cap_symbols_add_linked(struct cap_symbols *s, const char *path, struct kt_err *e);
/*
 * What @s has not and @linked has, of the same kernel, whose _text is at @text now. The running kernel's own word goes
 * first: a file can only be as right as what is known of how far the kernel moved. Returns how many were taken.
 */
size_t cap_symbols_add_moved(struct cap_symbols *s, const struct cap_symbols *linked,
			     uint64_t text);
bool cap_symbols_find(const struct cap_symbols *s, const char *name, uint64_t *ret);
/* In the order they were added; for files. */
size_t cap_symbols_list(const struct cap_symbols *s, const char *const **ret_names,
			const uint64_t **ret_addrs);
/* All names that a capture asks for: what guest/init is told to look up. NULL-terminated, for ever. */
const char *const *cap_symbol_names(void);

/* ---- what is known of the scheduler's BPF objects (objects.c, cast.c) ---- */

struct cap_objects;
/*
 * The BPF objects that @program (an ELF file) has inside, or is itself, their types, and which of their u64 fields hold
 * pointers, by following the programs' instructions. No object in it is no error. Made before the machine runs.
 */
int cap_objects_load(const char *program, struct cap_objects **ret, struct kt_err *e);
void cap_objects_free(struct cap_objects *o);
KT_DEFINE_AUTO(cap_objects, struct cap_objects *, cap_objects_free);

/* ---- one guest (guest.c) ---- */

struct cap_guest_config {
	struct mem_source mem;
	const struct cap_types *types; /* may be NULL: then little can be told */
	const struct cap_symbols *symbols; /* may be NULL */
	bool has_phys_base;
	uint64_t
		phys_base; /* of the kernel's image: physical = virtual - 0xffffffff80000000 + this */
	const struct cap_vcpu_regs *vcpus;
	size_t nr_vcpus;
	const struct cap_objects *objects; /* may be NULL */
};
/* All of the config is borrowed until cap_guest_free(). */
struct cap_guest;
int cap_guest_open(const struct cap_guest_config *c, struct cap_guest **ret, struct kt_err *e);
void cap_guest_free(struct cap_guest *g);
KT_DEFINE_AUTO(cap_guest, struct cap_guest *, cap_guest_free);
/*
 * Kernel memory at @va, through the kernel's page tables. What was read before may come from a cache: cap_guest_forget()
 * when the guest has run since. Leaf: 0; -EFAULT: not mapped; -ENODATA; -EINVAL: no kernel address.
 */
int cap_guest_read(struct cap_guest *g, gva_t va, void *buf, size_t len);
void cap_guest_forget(struct cap_guest *g);
/* The BTF of the guest's own kernel, as it is in its memory: the caller frees it. KT_E_KERNEL: it has none; KT_E_GUEST. */
int cap_guest_btf(struct cap_guest *g, void **ret, size_t *ret_len, struct kt_err *e);
/* The types that it has: for a kernel without a vmlinux at hand. @g needs none to tell. Takes as long as cap_types_load(). */
int cap_types_read(struct cap_guest *g, struct cap_types **ret, struct kt_err *e);
/* Where @va is in guest-physical memory. -EFAULT. */
int cap_guest_translate(struct cap_guest *g, gva_t va, gpa_t *ret);

/* ---- what the freeze coordinator looks at (scx_state.c, probe_counters.c) ---- */

/*
 * Where the kind of exit of the attached scheduler is (an atomic_t: its 4 bytes), and its scx_sched where the kernel has
 * such (0: its state is in globals). -ENOENT: none is attached; -EOPNOTSUPP: this kernel's types or symbols do not tell.
 */
int cap_find_exit_kind(struct cap_guest *g, gva_t *ret_at, uint64_t *ret_sched);
/* The symbol to watch for schedulers coming (8 bytes, a pointer): "scx_root"; -ENOENT where state is in globals. */
int cap_find_sched_root(struct cap_guest *g, gva_t *ret_at);
/* Of enum scx_exit_kind, kernel/sched/ext.c. */
enum {
	CAP_EXIT_NONE = 0,
	CAP_EXIT_DONE =
		1, /* dealt with: the kernel has forgotten why, and will free what it is kept in */
	CAP_EXIT_ERROR = 1024 /* kinds from here on are errors */
};
/* The task that has been runnable, and did not run, for longest; of all CPUs' lists (runnable_age.c). */
struct cap_oldest {
	uint64_t age; /* jiffies; 0: no task is runnable */
	size_t nr_tasks; /* that were runnable */
};
/* -EOPNOTSUPP: this kernel's types or symbols do not tell. Others: memory could not be read. */
int cap_oldest_runnable(struct cap_guest *g, struct cap_oldest *ret);
/*
 * The event counters of the attached scheduler, summed over CPUs, as they are now; elapsed_ms is 0 (events.c). No map is
 * read for it. May be called while vCPUs run. False: none is attached, or this kernel (before 6.14) does not count.
 */
bool cap_read_events(struct cap_guest *g, struct cap_event_sample *ret);
/* "SCX_EXIT_ERROR_STALL" -> the words of wire-schema.md section 9: "ERROR_STALL", "UNKNOWN(7)". */
const char *cap_exit_kind_name(uint32_t kind, char *buf, size_t size);

enum cap_latch {
	CAP_LATCH_NOT_RESOLVED,
	CAP_LATCH_NOT_TRIGGERED,
	CAP_LATCH_TRIGGERED,
	CAP_LATCH_OUT_OF_BOUNDS
};
/*
 * The probe's latch and counters, from its .bss in the guest. @ret_counters may be NULL; it stays as it was when they
 * cannot be read. May be called while vCPUs run (the numbers are then what was read, one by one). Finds the probe's map
 * anew only when it was not found before.
 */
enum cap_latch cap_read_latch(struct cap_guest *g, struct cap_probe_counters *ret_counters);

/* ---- the dump (dump.c) ---- */

struct cap_dump_opts {
	uint64_t
		deadline_ns; /* kt_now_ns() after which what is left is skipped, and said; 0: none */
	size_t pool_max_bytes; /* 0: 64 MiB */
	const struct cap_perf *perf; /* per vCPU; NULL: none */
	size_t nr_perf;
	const struct cap_event_sample
		*events; /* up to now, cap_read_events()'s; NULL: one is read from the guest */
	size_t nr_events;
};
/*
 * All that can be told. Reads the guest only during the call: what is in the report stays as it was. @o may be NULL.
 * Fails only when out of memory.
 */
int cap_dump(struct cap_guest *g, const struct cap_dump_opts *o, struct cap_report **ret,
	     struct kt_err *e);
/* No capture was possible: the same reason in all places. */
int cap_report_placeholder(const char *reason, struct cap_report **ret, struct kt_err *e);
/* Nothing but registers could be told, for the same reason in all places; no placeholder. They are copied. */
int cap_report_registers(const char *reason, const struct cap_vcpu_regs *vcpus, size_t nr,
			 struct cap_report **ret, struct kt_err *e);

/* ---- a report as JSON and as text (report_json.c, report_load.c, report_text.c) ---- */

/* One document, pretty, with the final newline. Out of memory shows in the buffer. */
void cap_report_json(const struct cap_report *r, struct kt_buf *ret);
void cap_degraded_json(const struct cap_degraded *d, struct kt_buf *ret);
void cap_dual_json(const struct cap_dual *d, struct kt_buf *ret);

/* A document read back. Exactly one of the pointers is set; what "dual" holds is owned by this. */
struct cap_document {
	struct cap_report *single;
	struct cap_degraded *degraded;
	struct cap_dual *dual;
	struct cap_report *early; /* of dual; may be NULL */
	struct cap_report *late;
	struct cap_pool *pool; /* of degraded and dual */
};
/* KT_E_USAGE names what is not as it should be, with its place. @name is for messages. */
int cap_document_parse(const char *text, size_t len, const char *name, struct cap_document *ret,
		       struct kt_err *e);
void cap_document_done(struct cap_document *d);

struct cap_text_opts {
	unsigned width; /* columns; 0: 120 */
	unsigned
		max_lines; /* 0: all; else the most telling lines, and a last one that says what was left out */
	const char *
		more; /* how to see the rest, for that line: "ktstr-make show FILE"; NULL: nothing */
};
/* @o may be NULL. */
void cap_report_text(const struct cap_report *r, const struct cap_text_opts *o, struct kt_buf *ret);
void cap_degraded_text(const struct cap_degraded *d, const struct cap_text_opts *o,
		       struct kt_buf *ret);
void cap_dual_text(const struct cap_dual *d, const struct cap_text_opts *o, struct kt_buf *ret);
/*
 * One part of a report: @path is a section ("tasks", "rq", "dsq", ...), or a map's name, then members and indices
 * ("bpf.bss.stall", "ktstr_array_fixture[3].magic"). KT_E_USAGE names what there is instead, and the nearest name.
 */
int cap_show(const struct cap_report *r, const char *path, const struct cap_text_opts *o,
	     struct kt_buf *ret, struct kt_err *e);
/* The same part as JSON: a document of what the dump has there. */
int cap_show_json(const struct cap_report *r, const char *path, struct kt_buf *ret,
		  struct kt_err *e);

#endif
