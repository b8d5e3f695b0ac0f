/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads a BPF object file's sections, symbols and relocations from bytes that may be anything. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "capture/object.h"

enum { SECTIONS_MAX = 4096, SYMS_MAX = 1 << 18, RELS_MAX = 1 << 20 };

static bool inside(size_t len, uint64_t offset, uint64_t bytes)
{
	return offset <= len && bytes <= len - offset;
}

static bool read_header(const void *data, size_t len, Elf64_Ehdr *ret)
{
	static const unsigned char magic[] = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB };

	if (len < sizeof(*ret) || memcmp(data, magic, sizeof(magic)) != 0)
		return false;
	memcpy(ret, data, sizeof(*ret));
	return ret->e_machine == EM_BPF && ret->e_type == ET_REL &&
	       ret->e_shentsize == sizeof(Elf64_Shdr) && ret->e_shnum > 0 &&
	       ret->e_shnum <= SECTIONS_MAX &&
	       inside(len, ret->e_shoff, (uint64_t)ret->e_shnum * sizeof(Elf64_Shdr));
}

static Elf64_Shdr section_header(const uint8_t *data, const Elf64_Ehdr *eh, size_t i)
{
	Elf64_Shdr sh;

	memcpy(&sh, data + eh->e_shoff + i * sizeof(sh), sizeof(sh));
	return sh;
}

size_t cap_elf_bpf_bytes(const void *data, size_t len)
{
	Elf64_Ehdr eh;
	size_t end;

	if (!read_header(data, len, &eh))
		return 0;
	end = eh.e_shoff + (size_t)eh.e_shnum * sizeof(Elf64_Shdr);
	for (size_t i = 0; i < eh.e_shnum; i++) {
		Elf64_Shdr sh = section_header(data, &eh, i);

		if (sh.sh_type == SHT_NOBITS || sh.sh_type == SHT_NULL)
			continue;
		if (!inside(len, sh.sh_offset, sh.sh_size))
			return 0;
		if (sh.sh_offset + sh.sh_size > end)
			end = sh.sh_offset + sh.sh_size;
	}
	return end;
}

/* The text at @offset of a string table; "" when it is not there, or does not end. */
static const char *text_at(const struct cap_section *strings, uint64_t offset)
{
	if (!strings->data || offset >= strings->size ||
	    !memchr(strings->data + offset, 0, strings->size - offset))
		return "";
	return (const char *)strings->data + offset;
}

static int parse_sections(const uint8_t *data, size_t len, const Elf64_Ehdr *eh,
			  struct cap_elf *elf)
{
	elf->section = calloc(eh->e_shnum, sizeof(*elf->section));
	if (!elf->section)
		return -ENOMEM;
	elf->nr_sections = eh->e_shnum;
	for (size_t i = 0; i < elf->nr_sections; i++) {
		Elf64_Shdr sh = section_header(data, eh, i);
		struct cap_section *s = &elf->section[i];

		*s = (struct cap_section){ .name = "",
					   .size = sh.sh_size,
					   .type = sh.sh_type,
					   .link = sh.sh_link,
					   .info = sh.sh_info,
					   .exec = sh.sh_flags & SHF_EXECINSTR };
		if (sh.sh_type == SHT_NOBITS || sh.sh_type == SHT_NULL)
			continue;
		if (!inside(len, sh.sh_offset, sh.sh_size))
			return -EINVAL;
		s->data = data + sh.sh_offset;
	}
	if (eh->e_shstrndx >= elf->nr_sections)
		return -EINVAL;
	for (size_t i = 0; i < elf->nr_sections; i++)
		elf->section[i].name =
			text_at(&elf->section[eh->e_shstrndx], section_header(data, eh, i).sh_name);
	return 0;
}

static struct cap_sym symbol_at(const struct cap_elf *elf, const struct cap_section *table,
				size_t i)
{
	struct cap_sym sym;
	Elf64_Sym s;

	memcpy(&s, table->data + i * sizeof(s), sizeof(s));
	sym = (struct cap_sym){ .name = text_at(&elf->section[table->link], s.st_name),
				.value = s.st_value,
				.size = s.st_size,
				.section = s.st_shndx < elf->nr_sections ? s.st_shndx : 0,
				.type = ELF64_ST_TYPE(s.st_info) };
	if (sym.type == STT_SECTION)
		sym.name = elf->section[sym.section].name;
	return sym;
}

static int parse_symbols(struct cap_elf *elf)
{
	for (size_t i = 1; i < elf->nr_sections; i++) {
		const struct cap_section *s = &elf->section[i];

		if (s->type != SHT_SYMTAB)
			continue;
		if (!s->data || s->link >= elf->nr_sections ||
		    s->size / sizeof(Elf64_Sym) > SYMS_MAX)
			return -EINVAL;
		elf->nr_syms = s->size / sizeof(Elf64_Sym);
		elf->sym = calloc(elf->nr_syms + 1, sizeof(*elf->sym));
		if (!elf->sym)
			return -ENOMEM;
		for (size_t j = 0; j < elf->nr_syms; j++)
			elf->sym[j] = symbol_at(elf, s, j);
		return 0;
	}
	return -EINVAL;
}

int cap_elf_parse(const void *data, size_t len, struct cap_elf *ret)
{
	struct cap_elf elf = { 0 };
	Elf64_Ehdr eh;
	int r;

	if (!read_header(data, len, &eh))
		return -EINVAL;
	r = parse_sections(data, len, &eh, &elf);
	if (r == 0)
		r = parse_symbols(&elf);
	if (r < 0) {
		cap_elf_done(&elf);
		return r;
	}
	*ret = elf;
	return 0;
}

void cap_elf_done(struct cap_elf *elf)
{
	free(elf->section);
	free(elf->sym);
	*elf = (struct cap_elf){ 0 };
}

uint32_t cap_elf_find(const struct cap_elf *elf, const char *name)
{
	for (size_t i = 1; i < elf->nr_sections; i++) {
		if (kt_streq(elf->section[i].name, name))
			return (uint32_t)i;
	}
	return 0;
}

static int compare_rels(const void *a, const void *b)
{
	const struct cap_rel *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

int cap_elf_relocations(const struct cap_elf *elf, uint32_t index, struct cap_rel **ret,
			size_t *ret_nr)
{
	KT_VEC(struct cap_rel) rels = { 0 };

	for (size_t i = 1; i < elf->nr_sections; i++) {
		const struct cap_section *s = &elf->section[i];

		if (s->type != SHT_REL || s->info != index || !s->data)
			continue;
		for (size_t j = 0; j < s->size / sizeof(Elf64_Rel) && rels.nr < RELS_MAX; j++) {
			Elf64_Rel rel;

			memcpy(&rel, s->data + j * sizeof(rel), sizeof(rel));
			if (ELF64_R_SYM(rel.r_info) >= elf->nr_syms)
				continue;
			if (KT_VEC_PUSH(&rels, (struct cap_rel){
						       rel.r_offset,
						       (uint32_t)ELF64_R_SYM(rel.r_info) }) < 0) {
				free(rels.v);
				return -ENOMEM;
			}
		}
	}
	if (rels.nr > 0)
		qsort(rels.v, rels.nr, sizeof(*rels.v), compare_rels);
	*ret = rels.v;
	*ret_nr = rels.nr;
	return 0;
}
