/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An uncompressed kernel, by its PVH entry: Linux include/xen/interface/hvm/start_info.h (what it is told),
 * arch/x86/platform/pvh/head.S (what state it is entered in).
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/x86_64/boot.h"

enum { SEGMENTS_MAX = 256, WHAT_BYTES = 32 };

/* start_info.h of Linux 6.12; all in one page. */
enum { START_MAGIC = 0x336ec578, START_VERSION = 1 /* has a memory map */ };
struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
	uint32_t memmap_entries, reserved;
};
struct start_module {
	uint64_t paddr, size, cmdline_paddr, reserved;
};
struct start_memory {
	uint64_t addr, size;
	uint32_t type, reserved;
};
struct start_page {
	struct start_info info;
	struct start_module initrd;
	struct start_memory memory[X86_E820_MAX];
};
_Static_assert(sizeof(struct start_info) == 56, "as start_info.h draws it");
_Static_assert(sizeof(struct start_module) == 32, "as start_info.h draws it");
_Static_assert(sizeof(struct start_memory) == 24, "as start_info.h draws it");
_Static_assert(X86_START_INFO_GPA + sizeof(struct start_page) <= X86_ZERO_PAGE_GPA, "one page");

static int read_header(const struct x86_boot *b, Elf64_Ehdr *ret, struct kt_err *e)
{
	Elf64_Ehdr h;
	int r = x86_boot_read(b, "the ELF header", 0, &h, sizeof(h), e);

	if (r < 0)
		return r;
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_ident[EI_CLASS] != ELFCLASS64 ||
	    h.e_ident[EI_DATA] != ELFDATA2LSB || h.e_machine != EM_X86_64)
		return kt_fail(
			e, KT_E_KERNEL, EINVAL,
			"'%s' is not an ELF file for x86-64 (class %u, data %u, e_machine %u)",
			b->o->path, h.e_ident[EI_CLASS], h.e_ident[EI_DATA], h.e_machine);
	if (h.e_phentsize != sizeof(Elf64_Phdr))
		return kt_fail(e, KT_E_KERNEL, EINVAL, "'%s': e_phentsize is %u, need %zu",
			       b->o->path, h.e_phentsize, sizeof(Elf64_Phdr));
	if (h.e_phnum == 0 || h.e_phnum > SEGMENTS_MAX)
		return kt_fail(e, KT_E_KERNEL, EINVAL, "'%s': e_phnum is %u, need 1 to %u",
			       b->o->path, h.e_phnum, SEGMENTS_MAX);
	*ret = h;
	return 0;
}

static bool loads(const Elf64_Phdr *ph)
{
	return ph->p_type == PT_LOAD && ph->p_memsz != 0;
}

/* All of them are inside RAM: nothing overflows. */
static int check_overlap(const struct x86_boot *b, const Elf64_Phdr *ph, unsigned i,
			 struct kt_err *e)
{
	for (unsigned k = 0; k < i; k++) {
		if (loads(&ph[k]) && ph[k].p_paddr < ph[i].p_paddr + ph[i].p_memsz &&
		    ph[i].p_paddr < ph[k].p_paddr + ph[k].p_memsz)
			return kt_fail(
				e, KT_E_KERNEL, EINVAL,
				"'%s': segments %u (p_paddr 0x%llx) and %u (p_paddr 0x%llx) overlap",
				b->o->path, k, (unsigned long long)ph[k].p_paddr, i,
				(unsigned long long)ph[i].p_paddr);
	}
	return 0;
}

/* What is past p_filesz is zero already: RAM is fresh, segments do not overlap, whole pages only are mapped. */
static int load_segment(struct x86_boot *b, const Elf64_Phdr *ph, unsigned i, struct kt_err *e)
{
	const Elf64_Phdr *p = &ph[i];
	char what[WHAT_BYTES];
	int r;

	(void)kt_snprintf(what, sizeof(what), "segment %u", i); /* fits */
	if (p->p_filesz > p->p_memsz)
		return kt_fail(e, KT_E_KERNEL, EINVAL,
			       "'%s': segment %u has p_filesz 0x%llx but p_memsz 0x%llx",
			       b->o->path, i, (unsigned long long)p->p_filesz,
			       (unsigned long long)p->p_memsz);
	r = x86_boot_check(b, what, p->p_paddr, p->p_memsz, e);
	if (r < 0)
		return r;
	r = check_overlap(b, ph, i, e);
	if (r < 0)
		return r;
	return x86_boot_load_part(b, what, p->p_paddr, p->p_offset, p->p_filesz, VM_LOAD_VMLINUX,
				  e);
}

static int check_entry(const struct x86_boot *b, const Elf64_Phdr *ph, unsigned nr,
		       struct kt_err *e)
{
	uint64_t entry = b->o->kernel->pvh_entry;

	for (unsigned i = 0; i < nr; i++) {
		if (loads(&ph[i]) && entry >= ph[i].p_paddr &&
		    entry - ph[i].p_paddr < ph[i].p_filesz)
			return 0;
	}
	return kt_fail(e, KT_E_KERNEL, EINVAL,
		       "'%s': its PVH entry (XEN_ELFNOTE_PHYS32_ENTRY) is 0x%llx, in no segment",
		       b->o->path, (unsigned long long)entry);
}

static int load_segments(struct x86_boot *b, struct kt_err *e)
{
	kt_auto(mem) Elf64_Phdr *ph = NULL;
	Elf64_Ehdr h = { 0 };
	int r = read_header(b, &h, e);

	if (r < 0)
		return r;
	ph = calloc(SEGMENTS_MAX, sizeof(*ph));
	if (!ph)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate program headers");
	r = x86_boot_read(b, "the program headers (e_phoff)", h.e_phoff, ph,
			  h.e_phnum * sizeof(*ph), e);
	for (unsigned i = 0; r == 0 && i < h.e_phnum; i++) {
		if (loads(&ph[i]))
			r = load_segment(b, ph, i, e);
	}
	return r < 0 ? r : check_entry(b, ph, h.e_phnum, e);
}

static void fill_page(const struct x86_boot *b, struct start_page *p)
{
	const struct x86_boot_opts *o = b->o;

	*p = (struct start_page){
		.info = { .magic = START_MAGIC,
			  .version = START_VERSION,
			  .cmdline_paddr = X86_CMDLINE_GPA,
			  .rsdp_paddr = o->rsdp.v,
			  .memmap_paddr = X86_START_INFO_GPA + offsetof(struct start_page, memory),
			  .memmap_entries = b->map.nr },
	};
	if (o->initrd_len) {
		p->info.nr_modules = 1;
		p->info.modlist_paddr = X86_START_INFO_GPA + offsetof(struct start_page, initrd);
		p->initrd = (struct start_module){ .paddr = o->initrd.v, .size = o->initrd_len };
	}
	for (unsigned i = 0; i < b->map.nr; i++)
		p->memory[i] = (struct start_memory){ .addr = b->map.e[i].gpa,
						      .size = b->map.e[i].len,
						      .type = b->map.e[i].type };
}

int x86_boot_pvh(struct x86_boot *b, uint64_t *ret_entry, struct kt_err *e)
{
	struct start_page page;
	int r;

	if (!b->o->kernel->pvh)
		return kt_fail(
			e, KT_E_KERNEL, ENOTSUP,
			"'%s' is an uncompressed kernel without a PVH entry (CONFIG_PVH): give its bzImage",
			b->o->path);
	r = load_segments(b, e);
	if (r < 0)
		return r;
	fill_page(b, &page);
	r = x86_boot_put(b, X86_START_INFO_GPA, &page, sizeof(page), e);
	if (r < 0)
		return r;
	*ret_entry = b->o->kernel->pvh_entry;
	return 0;
}
