/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernels for the tests of loading: a bzImage and a PVH vmlinux of some pages, right in all that a loader looks at. */
#ifndef KTSTR_TESTS_UNIT_BOOT_KERNELS_H
#define KTSTR_TESTS_UNIT_BOOT_KERNELS_H

#include <asm/bootparam.h>
#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	BZ_SECTS = 7, /* with the boot sector one page: what follows can be mapped */
	BZ_KERNEL_AT = (BZ_SECTS + 1) * 512,
	BZ_KERNEL_BYTES = 5 * 4096 + 48,
	BZ_TAIL_BYTES = 100, /* as a signature is behind Debian's */
	BZ_RUN_GPA = 16 << 20,
	BZ_INIT_SIZE = 4 << 20,
	BZ_CODE_AT = 0x200, /* of the 64-bit entry in the kernel */
};
struct bz_file {
	uint8_t setup[BZ_KERNEL_AT];
	uint8_t kernel[BZ_KERNEL_BYTES];
	uint8_t tail[BZ_TAIL_BYTES];
};
_Static_assert(sizeof(struct bz_file) == BZ_KERNEL_AT + BZ_KERNEL_BYTES + BZ_TAIL_BYTES, "packed");

static inline struct setup_header *bz_header(struct bz_file *f)
{
	return (struct setup_header *)(void *)(f->setup + offsetof(struct boot_params, hdr));
}

/* Bytes that tell where they were. */
static inline void boot_pattern(uint8_t *to, size_t len, uint32_t salt)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)((i + salt) * 2654435761U >> 13) | 1;
}

static inline void bz_make(struct bz_file *f)
{
	struct setup_header *h;

	memset(f, 0, sizeof(*f));
	h = bz_header(f);
	boot_pattern(f->kernel, sizeof(f->kernel), 1);
	boot_pattern(f->tail, sizeof(f->tail), 2);
	h->setup_sects = BZ_SECTS;
	h->boot_flag = 0xaa55;
	h->jump = 0x6aeb; /* to 0x26c */
	memcpy(&h->header, "HdrS", 4);
	h->version = 0x20f;
	h->syssize = BZ_KERNEL_BYTES / 16;
	h->loadflags = LOADED_HIGH;
	h->xloadflags = XLF_KERNEL_64;
	h->kernel_alignment = 2 << 20;
	h->relocatable_kernel = 1;
	h->cmdline_size = 2047;
	h->pref_address = BZ_RUN_GPA;
	h->init_size = BZ_INIT_SIZE;
	h->initrd_addr_max = 0x7fffffff;
}

enum {
	VX_TEXT_GPA = 16 << 20,
	VX_TEXT_BYTES = 3 * 4096 + 1234,
	VX_DATA_GPA = (16 << 20) + 0x8000,
	VX_DATA_BYTES = 4096 + 17,
	VX_DATA_MEMORY = 3 * 4096,
	VX_ENTRY = VX_TEXT_GPA + 0x123,
	VX_SEGMENTS = 3,
};
struct vx_file {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[VX_SEGMENTS]; /* text, data with .bss, the note */
	Elf64_Nhdr note;
	char name[4];
	uint64_t entry;
	uint8_t text[VX_TEXT_BYTES] __attribute__((aligned(4096)));
	uint8_t data[VX_DATA_BYTES] __attribute__((aligned(4096)));
};

static inline void vx_make(struct vx_file *f)
{
	memset(f, 0, sizeof(*f));
	f->eh = (Elf64_Ehdr){ .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB,
					   EV_CURRENT },
			      .e_type = ET_EXEC,
			      .e_machine = EM_X86_64,
			      .e_version = EV_CURRENT,
			      .e_phoff = offsetof(struct vx_file, ph),
			      .e_ehsize = sizeof(Elf64_Ehdr),
			      .e_phentsize = sizeof(Elf64_Phdr),
			      .e_phnum = VX_SEGMENTS };
	f->ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				 .p_offset = offsetof(struct vx_file, text),
				 .p_paddr = VX_TEXT_GPA,
				 .p_filesz = VX_TEXT_BYTES,
				 .p_memsz = VX_TEXT_BYTES };
	f->ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
				 .p_offset = offsetof(struct vx_file, data),
				 .p_paddr = VX_DATA_GPA,
				 .p_filesz = VX_DATA_BYTES,
				 .p_memsz = VX_DATA_MEMORY };
	f->ph[2] = (Elf64_Phdr){ .p_type = PT_NOTE,
				 .p_offset = offsetof(struct vx_file, note),
				 .p_filesz = sizeof(Elf64_Nhdr) + 4 + sizeof(uint64_t),
				 .p_align = 4 };
	f->note = (Elf64_Nhdr){ .n_namesz = 4, .n_descsz = sizeof(uint64_t), .n_type = 18 };
	memcpy(f->name, "Xen", 4);
	f->entry = VX_ENTRY;
	boot_pattern(f->text, sizeof(f->text), 3);
	boot_pattern(f->data, sizeof(f->data), 4);
}

#endif
