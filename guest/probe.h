/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the probe's loader: its BPF object, and the kernel's side of it. */
#ifndef KTSTR_GUEST_PROBE_H
#define KTSTR_GUEST_PROBE_H

#include <elf.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* ---- probe_object.c: what the compiler and `bpftool gen object` made of bpf/probe.bpf.c ---- */

enum { PRB_TYPES_MAX = 512 };
/* Views into the bytes given, which are our own: damage is noticed, not worked around. */
struct prb_object {
	const uint8_t *bytes;
	const Elf64_Shdr *section;
	uint32_t nr_sections;
	const char *section_names;
	const Elf64_Sym *symbol;
	const char *symbol_names;
	const uint8_t *btf; /* whole, as the kernel takes it */
	uint32_t btf_bytes;
	const char *btf_strings;
	const struct btf_type *type[PRB_TYPES_MAX]; /* by id; 0 is void */
	uint32_t nr_types;
	const uint8_t *ext; /* .BTF.ext */
};
/* @bytes are borrowed, 8-byte aligned. -EINVAL: not what it must be. */
int prb_object_open(const void *bytes, size_t len, struct prb_object *ret);

struct prb_program {
	const struct bpf_insn *insns;
	uint32_t nr_insns;
	const Elf64_Rel *rels;
	uint32_t nr_rels;
	const void *core_relos; /* struct bpf_core_relo */
	uint32_t nr_core_relos;
	uint32_t func_type; /* BTF id of its function */
};
/* The only program of a section. -ENOENT: there is none of that name. */
int prb_object_program(const struct prb_object *o, const char *section, struct prb_program *ret);

struct prb_map {
	const char *name; /* as the kernel gets it */
	uint32_t type, max_entries, flags;
	uint32_t key_size, value_size;
	uint32_t key_type, value_type; /* BTF ids; 0: none */
	const void *constants; /* of .rodata: value_size bytes; else NULL */
};
/*
 * The map that a relocation refers to: one of .maps, or a section of variables; then @ret_offset is the symbol's place in
 * it, else 0.
 */
int prb_object_map(const struct prb_object *o, const Elf64_Rel *rel, struct prb_map *ret,
		   uint32_t *ret_offset);

/* Where a variable of .rodata is. -ENOENT. */
int prb_object_constant(const struct prb_object *o, const char *name, uint32_t *ret_offset);

/* ---- probe_load.c: maps and programs in the kernel ---- */

enum { PRB_MAPS_MAX = 16 };
struct prb_loader {
	const struct prb_object *object;
	int btf_fd;
	bool read_fields;
	int symbols_fd, types_fd; /* to ask; or -errno */
	struct {
		const char *name;
		int fd;
	} map[PRB_MAPS_MAX];
	uint32_t nr_maps;
};
/* Descriptors are for the life of this process: nothing here closes them. */
int prb_loader_init(struct prb_loader *l, const struct prb_object *o, bool read_fields,
		    struct kt_err *e);

enum prb_hook_kind { PRB_TP_BTF, PRB_FENTRY, PRB_FEXIT, PRB_KPROBE };
struct prb_hook {
	const char *section; /* of the program */
	const char *text; /* what is said of it */
	enum prb_hook_kind kind;
	const char *target; /* tracepoint or function; NULL: looked for */
};
/* The program's descriptor. @target_id: BTF id of the function or of the tracepoint's typedef; 0 for kprobes. */
int prb_load_program(struct prb_loader *l, const struct prb_hook *h, uint32_t target_id,
		     struct kt_err *e);

/* ---- probe_hooks.c ---- */

struct prb_options {
	const char
		*hook; /* "tp_btf", "fexit" or "kprobe": only this one; NULL: the best there is */
	bool all; /* also what records the way there */
};
/**
 * Load and attach. @ret_hook (static): what the trigger is attached to. What is attached stays so until this process
 * ends. Programs other than the trigger are left out where the kernel has no hook for them; @ret_left_out (size bytes)
 * names them and says why.
 */
int prb_load(const struct prb_object *o, const struct prb_options *opt, const char **ret_hook,
	     char *ret_left_out, size_t size, struct kt_err *e);

#endif
