/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads the probe's BPF object: sections, relocations, and the descriptions of its maps in BTF. libbpf would do it, and
 * then read all of the kernel's BTF for what the kernel can look up by itself: seconds in an emulated machine.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "guest/probe.h"

#define OBJECT_NAME "probe_bp" /* the kernel's names of section maps begin with it */

enum { PROBE_NAME_BYTES = BPF_OBJ_NAME_LEN };

/* ---- ELF ---- */

static const char *section_name(const struct prb_object *o, uint32_t i)
{
	return o->section_names + o->section[i].sh_name;
}

static const Elf64_Shdr *find_section(const struct prb_object *o, const char *name, uint32_t type)
{
	for (uint32_t i = 1; i < o->nr_sections; i++)
		if (o->section[i].sh_type == type && kt_streq(section_name(o, i), name))
			return &o->section[i];
	return NULL;
}

static int open_elf(const uint8_t *bytes, size_t len, struct prb_object *o)
{
	const Elf64_Ehdr *h = (const void *)bytes;
	const Elf64_Shdr *symtab;

	if (len < sizeof(*h) || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
	    h->e_machine != EM_BPF || h->e_shentsize != sizeof(Elf64_Shdr) || h->e_shoff > len ||
	    (len - h->e_shoff) / sizeof(Elf64_Shdr) < h->e_shnum)
		return -EINVAL;
	o->bytes = bytes;
	o->section = (const void *)(bytes + h->e_shoff);
	o->nr_sections = h->e_shnum;
	for (uint32_t i = 0; i < o->nr_sections; i++)
		if (o->section[i].sh_type != SHT_NOBITS &&
		    (o->section[i].sh_offset > len ||
		     len - o->section[i].sh_offset < o->section[i].sh_size))
			return -EINVAL;
	o->section_names = (const char *)bytes + o->section[h->e_shstrndx].sh_offset;
	symtab = find_section(o, ".symtab", SHT_SYMTAB);
	if (!symtab)
		return -EINVAL;
	o->symbol = (const void *)(bytes + symtab->sh_offset);
	o->symbol_names = (const char *)bytes + o->section[symtab->sh_link].sh_offset;
	return 0;
}

/* ---- BTF: include/uapi/linux/btf.h ---- */

static uint32_t kind_of(const struct btf_type *t)
{
	return BTF_INFO_KIND(t->info);
}

/* What follows a struct btf_type. 0 as well for kinds that do not occur here: then nothing else fits together. */
static size_t tail_bytes(const struct btf_type *t)
{
	const size_t nr = BTF_INFO_VLEN(t->info);

	switch (kind_of(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return sizeof(uint32_t);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return nr * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return nr * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return nr * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return nr * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return nr * sizeof(struct btf_var_secinfo);
	}
	return 0;
}

static int open_btf(struct prb_object *o)
{
	const Elf64_Shdr *s = find_section(o, ".BTF", SHT_PROGBITS);
	const Elf64_Shdr *ext = find_section(o, ".BTF.ext", SHT_PROGBITS);
	const struct btf_header *h;
	const uint8_t *at, *end;

	if (!s || !ext || s->sh_size < sizeof(*h))
		return -EINVAL;
	o->btf = o->bytes + s->sh_offset;
	o->btf_bytes = (uint32_t)s->sh_size;
	o->ext = o->bytes + ext->sh_offset;
	h = (const void *)o->btf;
	at = o->btf + h->hdr_len + h->type_off;
	end = at + h->type_len;
	o->btf_strings = (const char *)o->btf + h->hdr_len + h->str_off;
	for (o->nr_types = 1; at < end; o->nr_types++) {
		const struct btf_type *t = (const void *)at;

		if (o->nr_types == PRB_TYPES_MAX)
			return -EINVAL;
		o->type[o->nr_types] = t;
		at += sizeof(*t) + tail_bytes(t);
	}
	return at == end ? 0 : -EINVAL;
}

int prb_object_open(const void *bytes, size_t len, struct prb_object *ret)
{
	struct prb_object o = { 0 };
	int r = open_elf(bytes, len, &o);

	if (r == 0)
		r = open_btf(&o);
	if (r == 0)
		*ret = o;
	return r;
}

static const char *btf_name(const struct prb_object *o, uint32_t name_off)
{
	return o->btf_strings + name_off;
}

/* 0: there is none. */
static uint32_t find_type(const struct prb_object *o, uint32_t kind, const char *name)
{
	for (uint32_t id = 1; id < o->nr_types; id++)
		if (kind_of(o->type[id]) == kind &&
		    kt_streq(btf_name(o, o->type[id]->name_off), name))
			return id;
	return 0;
}

static uint32_t type_bytes(const struct prb_object *o, uint32_t id)
{
	const struct btf_type *t = o->type[id];

	while (kind_of(t) == BTF_KIND_TYPEDEF)
		t = o->type[t->type];
	return t->size;
}

/* ---- programs ---- */

/* .BTF.ext has, for each kind of information, the records of one program's section after those of another's. */
static const void *find_records(const struct prb_object *o, uint32_t info_off, uint32_t info_len,
				const char *section, uint32_t *ret_nr)
{
	const uint8_t *at = o->ext + info_off, *end = at + info_len;
	uint32_t record, head[2];

	*ret_nr = 0;
	if (info_len < sizeof(record))
		return NULL;
	memcpy(&record, at, sizeof(record));
	for (at += sizeof(record); at < end; at += sizeof(head) + (size_t)head[1] * record) {
		memcpy(head, at, sizeof(head)); /* name of the section, records */
		if (kt_streq(btf_name(o, head[0]), section)) {
			*ret_nr = head[1];
			return at + sizeof(head);
		}
	}
	return NULL;
}

static void find_ext(const struct prb_object *o, const char *section, struct prb_program *p)
{
	/* struct btf_ext_header, of which the kernel knows nothing. Offsets count from its end. */
	struct {
		uint16_t magic;
		uint8_t version, flags;
		uint32_t hdr_len;
		uint32_t func_info_off, func_info_len;
		uint32_t line_info_off, line_info_len;
		uint32_t core_relo_off, core_relo_len;
	} h;
	const struct bpf_func_info *func;
	uint32_t nr;

	memcpy(&h, o->ext, sizeof(h));
	func = find_records(o, h.hdr_len + h.func_info_off, h.func_info_len, section, &nr);
	p->func_type = nr ? func->type_id : 0;
	p->core_relos = find_records(o, h.hdr_len + h.core_relo_off, h.core_relo_len, section,
				     &p->nr_core_relos);
}

int prb_object_program(const struct prb_object *o, const char *section, struct prb_program *ret)
{
	const Elf64_Shdr *s = find_section(o, section, SHT_PROGBITS), *rel;
	struct prb_program p = { 0 };
	char rel_name[128];

	if (!s)
		return -ENOENT;
	p.insns = (const void *)(o->bytes + s->sh_offset);
	p.nr_insns = (uint32_t)(s->sh_size / sizeof(p.insns[0]));
	(void)kt_snprintf(rel_name, sizeof(rel_name), ".rel%s", section);
	rel = find_section(o, rel_name, SHT_REL);
	if (rel) {
		p.rels = (const void *)(o->bytes + rel->sh_offset);
		p.nr_rels = (uint32_t)(rel->sh_size / sizeof(p.rels[0]));
	}
	find_ext(o, section, &p);
	*ret = p;
	return 0;
}

/* ---- maps ---- */

/* A map's property is the length of an array that the member points to: __uint() of bpf_helpers.h. */
static uint32_t property(const struct prb_object *o, const struct btf_member *m)
{
	const struct btf_type *array = o->type[o->type[m->type]->type];

	return ((const struct btf_array *)(array + 1))->nelems;
}

/* The variable of a map has an anonymous struct as type: __uint() and __type() members. */
static int describe_map(const struct prb_object *o, const char *name, struct prb_map *m)
{
	uint32_t id = find_type(o, BTF_KIND_VAR, name);
	const struct btf_type *t = id ? o->type[o->type[id]->type] : NULL;
	const struct btf_member *member;

	if (!t || kind_of(t) != BTF_KIND_STRUCT)
		return -EINVAL;
	member = (const void *)(t + 1);
	m->name = name;
	for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++) {
		const char *what = btf_name(o, member[i].name_off);

		if (kt_streq(what, "type"))
			m->type = property(o, &member[i]);
		else if (kt_streq(what, "max_entries"))
			m->max_entries = property(o, &member[i]);
		else if (kt_streq(what, "map_flags"))
			m->flags = property(o, &member[i]);
		else if (kt_streq(what, "key"))
			m->key_type = o->type[member[i].type]->type;
		else if (kt_streq(what, "value"))
			m->value_type = o->type[member[i].type]->type;
		else
			return -EINVAL;
	}
	m->key_size = m->key_type ? type_bytes(o, m->key_type) : 0;
	m->value_size = m->value_type ? type_bytes(o, m->value_type) : 0;
	return 0;
}

/* Variables are the only value of an array, as libbpf has it. */
static int describe_section(const struct prb_object *o, const Elf64_Shdr *s, const char *section,
			    struct prb_map *m)
{
	static char names[2][PROBE_NAME_BYTES];
	bool constant = kt_streq(section, ".rodata");

	m->name = names[constant];
	(void)kt_snprintf(names[constant], sizeof(names[constant]), OBJECT_NAME "%s", section);
	m->type = BPF_MAP_TYPE_ARRAY;
	m->max_entries = 1;
	m->flags = BPF_F_MMAPABLE | (constant ? BPF_F_RDONLY_PROG : 0);
	m->key_size = sizeof(uint32_t);
	m->value_size = (uint32_t)s->sh_size;
	m->value_type = find_type(o, BTF_KIND_DATASEC, section);
	m->constants = constant ? o->bytes + s->sh_offset : NULL;
	return m->value_type ? 0 : -EINVAL;
}

int prb_object_map(const struct prb_object *o, const Elf64_Rel *rel, struct prb_map *ret,
		   uint32_t *ret_offset)
{
	const Elf64_Sym *sym = &o->symbol[ELF64_R_SYM(rel->r_info)];
	struct prb_map m = { 0 };
	const char *section;
	int r;

	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx >= o->nr_sections)
		return -EINVAL;
	section = section_name(o, sym->st_shndx);
	if (kt_streq(section, ".maps")) {
		r = describe_map(o, o->symbol_names + sym->st_name, &m);
		*ret_offset = 0;
	} else if (kt_streq(section, ".bss") || kt_streq(section, ".rodata")) {
		r = describe_section(o, &o->section[sym->st_shndx], section, &m);
		*ret_offset = (uint32_t)sym->st_value;
	} else {
		r = -EINVAL;
	}
	if (r == 0)
		*ret = m;
	return r;
}

int prb_object_constant(const struct prb_object *o, const char *name, uint32_t *ret_offset)
{
	uint32_t id = find_type(o, BTF_KIND_DATASEC, ".rodata");
	const struct btf_var_secinfo *v;

	if (!id)
		return -ENOENT;
	v = (const void *)(o->type[id] + 1);
	for (uint32_t i = 0; i < BTF_INFO_VLEN(o->type[id]->info); i++) {
		if (!kt_streq(btf_name(o, o->type[v[i].type]->name_off), name))
			continue;
		*ret_offset = v[i].offset;
		return 0;
	}
	return -ENOENT;
}
