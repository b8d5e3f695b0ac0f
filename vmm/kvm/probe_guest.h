/* SPDX-License-Identifier: GPL-2.0-only */
/* What probe.c and its guest, probe_guest.S, agree on: included by both. */
#ifndef KTSTR_VMM_KVM_PROBE_GUEST_H
#define KTSTR_VMM_KVM_PROBE_GUEST_H

/* Each step of the guest ends with one byte to this port: nothing that KVM emulates itself is there. */
#define PROBE_PORT 0xf4
#define PROBE_RIGHT 1 /* did what the processor's manual says */
#define PROBE_WRONG 2 /* went through, with a wrong result */
#define PROBE_TRAP 3 /* raised an exception that it should not */

/* Guest-physical, and mapped 1:1: a page each. */
#define PROBE_PML4 0x1000
#define PROBE_PDPT 0x2000
#define PROBE_PD 0x3000
#define PROBE_IDT 0x4000
#define PROBE_GDT 0x4800
#define PROBE_CODE 0x5000
#define PROBE_DATA 0x6000
#define PROBE_WATCHED 0x7000
#define PROBE_STACK_END 0x9000
#define PROBE_RAM_BYTES 0x10000

#define PROBE_CODE_SELECTOR 0x8
#define PROBE_DATA_SELECTOR 0x10
/* In RBX: the next #UD is meant. */
#define PROBE_UD_IS_MEANT 0x7564

#endif
