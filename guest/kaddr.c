/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the kernel is, for those who read its memory from outside. */
#include "guest/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/str.h"

enum {
	/*
	 * _text is among the first symbols, after the per-CPU ones where those count from zero. All
	 * of /proc/kallsyms has 187 000 lines and takes seconds under emulation, so what lies
	 * further on is left to whoever needs it.
	 */
	SYMBOLS_MAX = 2000,
	LINES_MAX = 500,
};

/*
 * Start of the kernel's text mapping on x86-64 (__START_KERNEL_map): virtual minus this plus
 * phys_base is physical.
 */
#define KERNEL_MAP UINT64_C(0xffffffff80000000)

/* "ffffffff9a200000" without a prefix, up to @end. */
static bool parse_hex(const char *digits, size_t len, uint64_t *ret)
{
	char text[24];

	return kt_snprintf(text, sizeof(text), "0x%.*s", (int)len, digits) == 0 &&
	       kt_parse_u64(text, ret) == 0;
}

/* "ffffffff9a200000 T _text\n" */
static bool read_text_address(uint64_t *ret)
{
	kt_auto(file) FILE *f = fopen("/proc/kallsyms", "re");
	char line[512];

	for (int i = 0; f && i < SYMBOLS_MAX && fgets(line, sizeof(line), f); i++) {
		size_t len = strcspn(line, " ");

		if (kt_streq(line + len, " T _text\n"))
			return parse_hex(line, len, ret) && *ret != 0; /* 0: kptr_restrict */
	}
	return false;
}

/* "  1c200000-1d7fffff : Kernel code\n" */
static bool read_text_physical(uint64_t *ret)
{
	kt_auto(file) FILE *f = fopen("/proc/iomem", "re");
	char line[256];

	for (int i = 0; f && i < LINES_MAX && fgets(line, sizeof(line), f); i++) {
		const char *start = line + strspn(line, " ");

		if (kt_ends_with(line, " : Kernel code\n"))
			return parse_hex(start, strcspn(start, "-"), ret) && *ret != 0;
	}
	return false;
}

void gst_read_kernel_addresses(struct gst_kadr *ret)
{
	uint64_t va, pa;

	*ret = (struct gst_kadr){ 0 };
	if (!read_text_address(&va))
		return;
	ret->text_plus_1 = va + 1;
	if (va >= KERNEL_MAP && read_text_physical(&pa))
		ret->phys_base_plus_1 = pa - (va - KERNEL_MAP) + 1;
}
