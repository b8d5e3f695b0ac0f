/* SPDX-License-Identifier: GPL-2.0-only */
/* One BPF object file in memory: what the finder of casts reads of it. Private to objects.c, object_elf.c and cast*.c. */
#ifndef KTSTR_CAPTURE_OBJECT_H
#define KTSTR_CAPTURE_OBJECT_H

#include <bpf/btf.h>
#include <elf.h>

#include "capture/internal.h"

/* ---- the ELF file (object_elf.c); everything points into the file's bytes, and was checked to lie in them ---- */

struct cap_section {
	const char *name; /* never NULL */
	const uint8_t *data; /* NULL: none in the file (.bss) */
	uint64_t size;
	uint32_t type, link, info;
	bool exec;
};
struct cap_sym {
	const char *name; /* never NULL; that of its section for a section's symbol */
	uint64_t value;
	uint64_t size;
	uint32_t section; /* 0: undefined; else below nr_sections */
	uint8_t type; /* STT_... */
};
struct cap_elf {
	struct cap_section *section;
	size_t nr_sections;
	struct cap_sym *sym;
	size_t nr_syms;
};
/* A little-endian 64-bit ELF file. -EINVAL: it is none, or broken; -ENOMEM. */
int cap_elf_parse(const void *data, size_t len, struct cap_elf *ret);
void cap_elf_done(struct cap_elf *elf);
/* Bytes of the ELF file at the start of @data, by its headers; 0: no BPF object is there. */
size_t cap_elf_bpf_bytes(const void *data, size_t len);
/* Index; 0: none. */
uint32_t cap_elf_find(const struct cap_elf *elf, const char *name);
/* The relocations of section @index, sorted by offset. Caller frees. 0 or -ENOMEM. */
struct cap_rel {
	uint64_t offset;
	uint32_t sym; /* below nr_syms */
};
int cap_elf_relocations(const struct cap_elf *elf, uint32_t index, struct cap_rel **ret,
			size_t *ret_nr);

/* ---- what .BTF.ext says of instructions (object_ext.c) ---- */

struct cap_core_relo {
	uint32_t section, offset; /* of the instruction, in bytes */
	uint32_t type_id, kind; /* enum bpf_core_relo_kind */
};
struct cap_line {
	uint32_t section, offset;
	const char *text; /* of the source; never NULL */
};
struct cap_btf_ext {
	struct cap_core_relo *relo;
	size_t nr_relos;
	struct cap_line *line;
	size_t nr_lines;
};
/* Both sorted by place. What cannot be read is left out. 0 or -ENOMEM. */
int cap_btf_ext_parse(const struct cap_elf *elf, const struct btf *btf, struct cap_btf_ext *ret);
void cap_btf_ext_done(struct cap_btf_ext *ext);
/* NULL: none there. The line is the last one at or before the place. */
const struct cap_core_relo *cap_core_relo_at(const struct cap_btf_ext *ext, uint32_t section,
					     uint32_t offset);
const char *cap_line_at(const struct cap_btf_ext *ext, uint32_t section, uint32_t offset);

/* ---- objects (objects.c) ---- */

struct cap_cast_row {
	uint32_t parent, offset;
	struct cap_cast cast;
};
struct cap_object {
	void *bytes; /* the file; owned */
	size_t len;
	struct cap_elf elf;
	struct btf *btf;
	struct cap_cast_row *row; /* sorted; cast.c */
	size_t nr_rows;
	uint8_t *kernel_type; /* per type: not 0 when it is the kernel's; NULL: not known; cast.c */
	uint32_t *payload; /* types that slots of allocators were seen used as; cast.c */
	size_t nr_payloads;
};
struct cap_objects {
	struct cap_object *object;
	size_t nr, cap;
};
/* The object that the guest's program BTF @btf was loaded from: all its types are the same. NULL: none. */
const struct cap_object *cap_objects_match(const struct cap_objects *o, const struct btf *btf);
/* An object of @data's bytes, which are copied. -EINVAL: none that can be used; -ENOMEM. */
int cap_objects_add(struct cap_objects *o, const void *data, size_t len);

/* The same, found once per dump (sdt_alloc.c). */
const struct cap_object *cap_dump_object(const struct cap_dump *d, const struct cap_btf *btf);

/* Finds the casts of @obj (cast.c). 0 or -ENOMEM. */
int cap_cast_analyse(struct cap_object *obj);
const struct cap_cast *cap_cast_lookup(const struct cap_object *obj, uint32_t parent_type_id,
				       uint32_t offset);

#endif
