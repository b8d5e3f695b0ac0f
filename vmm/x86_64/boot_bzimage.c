/* SPDX-License-Identifier: GPL-2.0-only */
/* A bzImage, by the 64-bit boot protocol (Documentation/arch/x86/boot.rst, zero-page.rst). */
#include <asm/bootparam.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "vmm/x86_64/boot.h"

/* boot.rst, "The Real-Mode Kernel Header" and "64-bit Boot Protocol". */
enum {
	BOOT_FLAG = 0xaa55,
	/*
	 * 2.15 (Linux 5.5): an older kernel may not know boot_params.acpi_rsdp_addr (Linux 5.0; the version of that time
	 * does not tell) and looks for the RSDP where firmware has it, below 1 MiB. There is none.
	 */
	PROTOCOL_MIN = 0x20f,
	SECTOR = 512,
	SETUP_SECTS_DEFAULT = 4, /* what 0 stands for */
	SYSSIZE_UNIT = 16,
	LOADER_UNDEFINED = 0xff,
	VIDEO_NORMAL = 0xffff,
	ENTRY_64 = 0x200, /* in the protected-mode part */
};
#define HEADER_AT offsetof(struct boot_params, hdr)
#define HEADER_JUMP UINT64_C(0x201) /* its operand: the header ends that far after 0x202 */
#define HEADER_END_BASE UINT64_C(0x202)
#define HEADER_END_MAX offsetof(struct boot_params, edd_mbr_sig_buffer)
#define HEADER_END_MIN (HEADER_AT + offsetof(struct setup_header, kernel_info_offset))
/* Where a bzImage has always been loaded; it moves itself to pref_address or above. */
#define LOAD_GPA VM_MIB

static int bad_field(const struct x86_boot *b, const char *field, uint64_t value, const char *why,
		     struct kt_err *e)
{
	return kt_fail(e, KT_E_KERNEL, EINVAL, "'%s': %s is 0x%llx: %s", b->o->path, field,
		       (unsigned long long)value, why);
}

/* The setup header, as long as the file says and boot_params has room for; the rest of @ret stays. */
static int read_header(const struct x86_boot *b, struct boot_params *ret, struct kt_err *e)
{
	uint8_t jump = 0;
	uint64_t end;
	int r = x86_boot_read(b, "the setup header", HEADER_JUMP, &jump, 1, e);

	if (r < 0)
		return r;
	end = HEADER_END_BASE + jump;
	if (end < HEADER_END_MIN)
		return bad_field(b, "the setup header's end", end, "it is cut short", e);
	if (end > HEADER_END_MAX)
		end = HEADER_END_MAX;
	return x86_boot_read(b, "the setup header", HEADER_AT, (uint8_t *)ret + HEADER_AT,
			     end - HEADER_AT, e);
}

static int check_header(const struct x86_boot *b, const struct setup_header *h, struct kt_err *e)
{
	if (h->boot_flag != BOOT_FLAG)
		return bad_field(b, "boot_flag", h->boot_flag, "need 0xaa55", e);
	if (memcmp(&h->header, "HdrS", sizeof(h->header)) != 0)
		return bad_field(b, "header", h->header, "need 'HdrS'", e);
	if (h->version < PROTOCOL_MIN)
		return kt_fail(
			e, KT_E_KERNEL, ENOTSUP,
			"'%s' is a kernel with boot protocol %u.%02u, need 2.15 (Linux 5.5): an older one looks for "
			"the ACPI tables in firmware, which this machine has none of",
			b->o->path, h->version >> 8, h->version & 0xff);
	if (!(h->loadflags & LOADED_HIGH))
		return bad_field(b, "loadflags", h->loadflags,
				 "not LOADED_HIGH: a zImage, not a bzImage", e);
	if (!(h->xloadflags & XLF_KERNEL_64))
		return bad_field(b, "xloadflags", h->xloadflags,
				 "not XLF_KERNEL_64: it has no 64-bit entry (a 32-bit kernel?)", e);
	if (h->kernel_alignment == 0 || (h->kernel_alignment & (h->kernel_alignment - 1)) != 0)
		return bad_field(b, "kernel_alignment", h->kernel_alignment, "need a power of two",
				 e);
	if (h->init_size == 0)
		return bad_field(b, "init_size", h->init_size, "need some", e);
	if (h->cmdline_size < strlen(b->o->cmdline))
		return kt_fail(
			e, KT_E_CONFIG, E2BIG,
			"the kernel command line has %zu characters, '%s' takes at most %u: shorten kargs",
			strlen(b->o->cmdline), b->o->path, h->cmdline_size);
	return 0;
}

/* boot.rst, init_size: the address that the kernel runs at, when it is loaded at @load. */
static uint64_t runtime_start(const struct setup_header *h, uint64_t load)
{
	uint64_t align = h->kernel_alignment;

	if (!h->relocatable_kernel)
		return h->pref_address;
	if (load < h->pref_address)
		load = h->pref_address;
	/* No overflow where it matters: checked against RAM before it is used. */
	return (load + align - 1) & ~(align - 1);
}

/*
 * The protected-mode part: in front of where it would like to be (pref_address), so that where it unpacks itself to is
 * the same for a relocatable kernel and one that is not.
 */
static int load_kernel(struct x86_boot *b, const struct setup_header *h, struct kt_err *e)
{
	uint64_t sects = h->setup_sects ? h->setup_sects : SETUP_SECTS_DEFAULT;
	uint64_t offset = (sects + 1) * SECTOR;
	uint64_t len = (uint64_t)h->syssize * SYSSIZE_UNIT, run = runtime_start(h, LOAD_GPA);
	int r;

	if (offset >= b->file_bytes)
		return bad_field(b, "setup_sects", h->setup_sects,
				 "the file ends before its kernel begins", e);
	if (len == 0)
		return bad_field(b, "syssize", h->syssize, "there is no kernel in it", e);
	if (h->pref_address < LOAD_GPA)
		return bad_field(b, "pref_address", h->pref_address, "below 1 MiB", e);
	r = x86_boot_check(b, "pref_address and init_size", run, h->init_size, e);
	if (r < 0)
		return r;
	/* Before it moves it uses its .bss, which is nowhere in the header; init_size covers it. */
	r = x86_boot_check(b, "the packed kernel", LOAD_GPA,
			   len > h->init_size ? len : h->init_size, e);
	if (r < 0)
		return r;
	return x86_boot_load_part(b, "the packed kernel (syssize)", LOAD_GPA, offset, len,
				  VM_LOAD_BZIMAGE, e);
}

static void fill_e820(const struct x86_e820 *map, struct boot_params *p)
{
	_Static_assert(X86_E820_MAX <= E820_MAX_ENTRIES_ZEROPAGE, "all fit");

	for (unsigned i = 0; i < map->nr; i++)
		p->e820_table[i] = (struct boot_e820_entry){ .addr = map->e[i].gpa,
							     .size = map->e[i].len,
							     .type = map->e[i].type };
	p->e820_entries = (uint8_t)map->nr;
}

static void fill_params(const struct x86_boot *b, struct boot_params *p)
{
	const struct x86_boot_opts *o = b->o;

	p->hdr.type_of_loader = LOADER_UNDEFINED;
	p->hdr.vid_mode = VIDEO_NORMAL;
	p->hdr.code32_start = LOAD_GPA;
	p->hdr.cmd_line_ptr = X86_CMDLINE_GPA;
	if (o->initrd_len) {
		p->hdr.ramdisk_image = (uint32_t)o->initrd.v;
		p->ext_ramdisk_image = (uint32_t)(o->initrd.v >> 32);
		p->hdr.ramdisk_size = (uint32_t)o->initrd_len;
		p->ext_ramdisk_size = (uint32_t)(o->initrd_len >> 32);
	} else {
		p->hdr.ramdisk_image = p->hdr.ramdisk_size = 0;
	}
	p->hdr.setup_data = 0; /* a list in memory, of which the file knows nothing */
	p->acpi_rsdp_addr = o->rsdp.v;
	fill_e820(&b->map, p);
}

int x86_boot_bzimage(struct x86_boot *b, uint64_t *ret_entry, struct kt_err *e)
{
	struct boot_params params = { 0 };
	int r = read_header(b, &params, e);

	if (r < 0)
		return r;
	r = check_header(b, &params.hdr, e);
	if (r < 0)
		return r;
	r = load_kernel(b, &params.hdr, e);
	if (r < 0)
		return r;
	fill_params(b, &params);
	r = x86_boot_put(b, X86_ZERO_PAGE_GPA, &params, sizeof(params), e);
	if (r < 0)
		return r;
	*ret_entry = LOAD_GPA + ENTRY_64;
	return 0;
}
