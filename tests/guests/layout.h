/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers that the assembly and the C files of a test guest share. */
#ifndef KTSTR_TESTS_GUESTS_LAYOUT_H
#define KTSTR_TESTS_GUESTS_LAYOUT_H

#define CODE64 0x08
#define DATA 0x10
#define CODE32 0x18
#define COM1 0x3f8
#define COM2 0x2f8
#define BOOT_STACK 16384
#define AP_STACK 8192
#define AP_GPA 0x10000 /* a page below 1 MiB: a SIPI names it by eight bits */

#endif
