/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A "kernel" of our own for tests of machines: freestanding, 64-bit, entered by PVH (guest.elf) or as a bzImage. The
 * command line says what it does: every word "do=NAME" or "do=NAME:ARGUMENT" is one step, in order (main.c has the table).
 * It uses only instructions that KVM emulates in software, too.
 */
#ifndef KTSTR_TESTS_GUESTS_GUEST_H
#define KTSTR_TESTS_GUESTS_GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/guests/layout.h"

/* ---- the processor ---- */

static inline void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}
static inline void out16(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}
static inline void out32(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}
static inline uint8_t in8(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}
static inline uint16_t in16(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}
static inline uint32_t in32(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}
static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}
static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
			 : "memory");
}
struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};
static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}
static inline void relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}
_Noreturn void halt_for_ever(void); /* end.c */

/* ---- main.c ---- */

/* xen/include/public/arch-x86/hvm/start_info.h, version 1 */
struct hvm_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};
struct hvm_start_module {
	uint64_t gpa, len, cmdline, reserved;
};
enum { START_INFO_MAGIC = 0x336ec578 };
void guest_main(const struct hvm_start_info *info);

/* ---- lib.c: what a C program expects of its library, and text ---- */

void *memcpy(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);
/* @word begins with @prefix: what follows, else NULL. */
const char *after(const char *word, const char *prefix);
/* Decimal or 0x hexadecimal up to anything else; *@end (may be NULL) is where that is. */
uint64_t number(const char *s, const char **end);
/* %s %c %u %x %lu %lx (64 bits) into @buf; returns the length, which is less than @size. */
size_t vformat(char *buf, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));
/* To COM1, as it is; whole strings go out by one instruction. */
void put(const void *bytes, size_t len);
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* end.c: says so and powers off, so that a test that waits for something else sees both. */
_Noreturn void broken(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- channel.c: frames and bells ---- */

void channel_open(const char *cmdline);
/* Waits for room. */
void frame(uint32_t type, const void *data, size_t len);
/* A GST_F_SOUT frame. */
void frame_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same without a bell, and lost when the ring takes it no more. */
void silent_frame(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void ring_bell(void);
/* Word @i of the window's header (0 to 55) and of the up ring's first frames (from 56 on). */
volatile uint64_t *ring_word(uint32_t i);
/* A byte from the host; -1: none has come. */
int bell_down(void);

/* ---- busy.c ---- */

enum { CPUS_MAX = 256 };
struct counter {
	volatile uint64_t value;
	uint64_t pad[7];
};
extern struct counter counters[CPUS_MAX];

/* ---- tables.c ---- */

extern uint64_t rsdp; /* gpa, from the start info */
struct memmap_entry {
	uint64_t gpa, len;
	uint32_t type, reserved;
};
extern const struct memmap_entry *memmap;
extern uint32_t nr_memmap;
/* The table with that signature; it is broken when there is none. */
const uint8_t *find_table(const char *signature);
static inline uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
/* "cpu N cpuid LEAF SUBLEAF EAX EBX ECX EDX" on the console for all leaves; the caller's own. */
void say_cpuid(unsigned cpu);

/* ---- initrd.c ---- */

void initrd_open(const struct hvm_start_info *info);

/* ---- apic.c: interrupts of CPU 0, and the other CPUs ---- */

/* Vector table and local APIC (x2APIC mode where there is one); interrupts stay off. */
void interrupts_on(void);
/* Instead of counting @vector; interrupts are acknowledged afterwards. */
void on_vector(unsigned vector, void (*run)(void));
/* A local APIC register, by its offset. */
void apic_write(unsigned reg, uint32_t v);
/*
 * Each CPU of the MADT but this one runs @work, one after the other, by number as they come there: the next is started
 * when it called ap_is_there(). Returns how many CPUs there are.
 */
unsigned start_cpus(void (*work)(unsigned index));
void ap_is_there(void);
void ap_main(unsigned index);
void interrupt(uint64_t vector, uint64_t rip);

/* ---- steps ---- */

struct step {
	const char *name;
	void (*run)(const char *argument); /* "" when there is none */
};
extern const struct step steps_end[]; /* end.c: ways to end, or not to */
extern const struct step steps_channel[]; /* channel.c */
extern const struct step steps_busy[]; /* busy.c: to be frozen and watched */
extern const struct step
	steps_cpus[]; /* cpus.c: all CPUs at work, clocks, a timer, debug exceptions */
extern const struct step steps_initrd[]; /* initrd.c */
extern const struct step steps_tables[]; /* tables.c: what the machine says of itself */
extern const struct step steps_bus[]; /* bus.c: ports and MMIO, also at random */
extern const struct step steps_apic[]; /* apic.c: interrupts, more CPUs */

#endif
