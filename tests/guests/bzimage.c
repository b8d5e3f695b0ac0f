/* SPDX-License-Identifier: GPL-2.0-only */
/* A test guest that was started as a bzImage: what it was told, as PVH would have told it. */
#include "tests/guests/guest.h"

/* Documentation/arch/x86/zero-page.rst; a memory map entry has 20 bytes there. */
enum {
	PARAMS_RSDP = 0x70,
	PARAMS_NR_E820 = 0x1e8,
	PARAMS_MAGIC = 0x202,
	PARAMS_RAMDISK = 0x218,
	PARAMS_CMDLINE = 0x228,
	PARAMS_E820 = 0x2d0,
	E820_BYTES = 20,
	E820_MAX = 128,
};
/* Intel SDM volume 3, section 4.5 */
enum { PRESENT_WRITABLE = 3, LARGE = 0x80, ENTRIES = 512, DIRECTORIES = 4 };

extern uint64_t pml4[ENTRIES], pdpt[ENTRIES], page_directories[DIRECTORIES * ENTRIES];
uint64_t own_page_tables(void);
void bzimage_main(const uint8_t *params);

/* As the PVH entry makes them. Returns what CR3 is to be. */
uint64_t own_page_tables(void)
{
	pml4[0] = (uint64_t)pdpt | PRESENT_WRITABLE;
	for (uint64_t i = 0; i < DIRECTORIES; i++)
		pdpt[i] = (uint64_t)&page_directories[i * ENTRIES] | PRESENT_WRITABLE;
	for (uint64_t i = 0; i < DIRECTORIES * ENTRIES; i++)
		page_directories[i] = i << 21 | PRESENT_WRITABLE | LARGE;
	return (uint64_t)pml4;
}

void bzimage_main(const uint8_t *params)
{
	static struct memmap_entry map[E820_MAX];
	static struct hvm_start_module module;
	static struct hvm_start_info info = { .magic = START_INFO_MAGIC, .version = 1 };
	const uint8_t *e = params + PARAMS_E820;

	if (memcmp(params + PARAMS_MAGIC, "HdrS", 4) != 0)
		broken("no boot parameters at 0x%lx", (uint64_t)params);
	for (uint32_t i = 0; i < params[PARAMS_NR_E820] && i < E820_MAX; i++, e += E820_BYTES) {
		map[i].gpa = get32(e) | (uint64_t)get32(e + 4) << 32;
		map[i].len = get32(e + 8) | (uint64_t)get32(e + 12) << 32;
		map[i].type = get32(e + 16);
		info.memmap_entries++;
	}
	info.memmap = (uint64_t)map;
	info.rsdp = get32(params + PARAMS_RSDP) | (uint64_t)get32(params + PARAMS_RSDP + 4) << 32;
	info.cmdline = get32(params + PARAMS_CMDLINE);
	module.gpa = get32(params + PARAMS_RAMDISK);
	module.len = get32(params + PARAMS_RAMDISK + 4);
	if (module.len) {
		info.nr_modules = 1;
		info.modlist = (uint64_t)&module;
	}
	guest_main(&info);
}
