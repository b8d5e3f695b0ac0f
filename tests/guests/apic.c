/* SPDX-License-Identifier: GPL-2.0-only */
/* Steps of a test guest: interrupts of the serial ports through the IOAPIC, and the other CPUs by INIT and SIPI. */
#include "guest/proto.h"
#include "tests/guests/guest.h"

/* Intel SDM volume 3, "Local APIC", "x2APIC": registers by their offset; their MSRs are 0x800 + offset / 16. */
enum {
	APIC_ID = 0x20,
	APIC_EOI = 0xb0,
	APIC_SPURIOUS = 0xf0,
	APIC_ICR = 0x300,
	APIC_ICR_HIGH = 0x310,
	SPURIOUS_ON = 0x1ff,
	ICR_INIT = 0x4500, /* assert */
	ICR_SIPI = 0x4600,
	ICR_PENDING = 0x1000,
};
#define MSR_APIC_BASE 0x1b
#define APIC_BASE_X2APIC UINT64_C(0xc00)
#define LAPIC UINT64_C(0xfee00000)
#define IOAPIC UINT64_C(0xfec00000)
/* ACPI 6.5 section 5.2.12: MADT */
enum { MADT_FIRST = 44, MADT_LAPIC = 0, MADT_X2APIC = 9, MADT_ENABLED = 1 };

enum { VECTOR_BASE = 0x30, COM1_IRQ = 4, COM2_IRQ = 3 };

/* ---- local APIC ---- */

static bool x2apic;

static uint32_t apic_read(unsigned reg)
{
	if (x2apic)
		return (uint32_t)rdmsr(0x800 + reg / 16);
	return *(volatile uint32_t *)(LAPIC + reg);
}

void apic_write(unsigned reg, uint32_t v)
{
	if (x2apic)
		wrmsr(0x800 + reg / 16, v);
	else
		*(volatile uint32_t *)(LAPIC + reg) = v;
}

static uint32_t own_apic_id(void)
{
	return x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

static void apic_on(void)
{
	x2apic = cpuid(1, 0).ecx >> 21 & 1;
	if (x2apic)
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	apic_write(APIC_SPURIOUS, SPURIOUS_ON);
}

static void send_ipi(uint32_t apic_id, uint32_t what)
{
	if (x2apic) {
		wrmsr(0x800 + APIC_ICR / 16, (uint64_t)apic_id << 32 | what);
		return;
	}
	apic_write(APIC_ICR_HIGH, apic_id << 24);
	apic_write(APIC_ICR, what);
	while (apic_read(APIC_ICR) & ICR_PENDING)
		relax();
}

/* ---- interrupts ---- */

struct gate {
	uint16_t low, selector, flags, middle;
	uint32_t high, zero;
};
static struct gate idt[256];
static volatile unsigned taken[256]; /* so often each vector came */
static void (*handlers[256])(void);
extern const uint8_t stubs[];

void interrupt(uint64_t vector, uint64_t rip)
{
	if (handlers[vector])
		handlers[vector]();
	else if (vector < 32)
		broken("exception %lu at 0x%lx", vector, rip);
	taken[vector]++;
	if (vector >= 32)
		apic_write(APIC_EOI, 0);
}

void on_vector(unsigned vector, void (*run)(void))
{
	handlers[vector] = run;
}

void interrupts_on(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint64_t)idt };

	for (unsigned i = 0; i < 256; i++) {
		uint64_t stub = (uint64_t)stubs + 16 * (uint64_t)i;

		idt[i] = (struct gate){ .low = (uint16_t)stub,
					.selector = CODE64,
					.flags = 0x8e00,
					.middle = (uint16_t)(stub >> 16),
					.high = (uint32_t)(stub >> 32) };
	}
	__asm__ volatile("lidt %0" : : "m"(pointer));
	out8(0x21,
	     0xff); /* the PICs have the same lines, and vectors that are exceptions: masked */
	out8(0xa1, 0xff);
	apic_on();
}

/* 82093AA, redirection table: edge, active high, physical destination this CPU, vector VECTOR_BASE + @irq. */
static void route(unsigned irq)
{
	volatile uint32_t *select = (volatile uint32_t *)IOAPIC, *window = select + 4;

	*select = 0x11 + 2 * irq;
	*window = own_apic_id() << 24;
	*select = 0x10 + 2 * irq;
	*window = VECTOR_BASE + irq;
}

static void wait_for_interrupt(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* Bells from the host by COM2's interrupt: each comes back as a frame, until GST_BELL_STOP; asleep in between. */
static void echo_by_interrupt(const char *argument)
{
	int bell = -1;

	(void)argument;
	interrupts_on();
	route(COM2_IRQ);
	out8(COM2 + 1, 1);
	frame_text("listening");
	while (bell != GST_BELL_STOP) {
		for (bell = bell_down(); bell >= 0 && bell != GST_BELL_STOP; bell = bell_down())
			frame_text("bell %c", bell);
		if (bell < 0)
			wait_for_interrupt();
	}
	out8(COM2 + 1, 0);
	if (taken[VECTOR_BASE + COM2_IRQ] == 0)
		broken("no interrupt of COM2");
}

/* COM1 sends a line as the 8250 driver does: a byte for each "transmitter empty". */
static void send_by_interrupt(const char *text)
{
	unsigned before;

	interrupts_on();
	route(COM1_IRQ);
	out8(COM1 + 1, 2);
	for (; *text; text++) {
		before = taken[VECTOR_BASE + COM1_IRQ];
		if ((in8(COM1 + 2) & 0x0f) != 2)
			wait_for_interrupt();
		out8(COM1, (uint8_t)*text);
		while (taken[VECTOR_BASE + COM1_IRQ] == before)
			wait_for_interrupt();
	}
	out8(COM1 + 1, 0);
	out8(COM1, '\n');
}

/* ---- the other CPUs ---- */

extern uint8_t ap_start[], ap_end[], ap_say[];
volatile uint32_t ap_stack, ap_index;
static uint8_t ap_stacks[CPUS_MAX][AP_STACK] __attribute__((aligned(16)));
static volatile bool ap_is_up;
static void (*ap_work)(unsigned index);
static bool ap_tells_cpuid, ap_counts, ap_floods;

void ap_main(unsigned index)
{
	apic_on();
	ap_work(index);
	halt_for_ever();
}

void ap_is_there(void)
{
	ap_is_up = true;
}

static void ap_of_smp(unsigned index)
{
	say("cpu %u apic %u\n", index, own_apic_id());
	if (ap_tells_cpuid)
		say_cpuid(index);
	ap_is_there();
	for (unsigned i = 0; ap_floods; i++)
		say("cpu %u flood %u\n", index, i);
	while (ap_counts)
		counters[index].value++;
}

static void start_ap(unsigned index, uint32_t apic_id)
{
	ap_stack = (uint32_t)(uint64_t)ap_stacks[index] + AP_STACK;
	ap_index = index;
	ap_is_up = false;
	send_ipi(apic_id, ICR_INIT);
	send_ipi(apic_id, ICR_SIPI | AP_GPA >> 12);
	while (!ap_is_up)
		relax();
}

/* The APIC id of a MADT entry; UINT32_MAX: it is no CPU. */
static uint32_t madt_cpu(const uint8_t *e)
{
	if (e[0] == MADT_LAPIC && get32(e + 4) & MADT_ENABLED)
		return e[3];
	if (e[0] == MADT_X2APIC && get32(e + 8) & MADT_ENABLED)
		return get32(e + 4);
	return UINT32_MAX;
}

unsigned start_cpus(void (*work)(unsigned index))
{
	volatile uint8_t *says =
		(volatile uint8_t *)(AP_GPA + ((uintptr_t)ap_say - (uintptr_t)ap_start));
	const uint8_t *madt = find_table("APIC");
	unsigned index = 0;

	ap_work = work;
	apic_on();
	memcpy((void *)AP_GPA, ap_start, (uintptr_t)ap_end - (uintptr_t)ap_start);
	*says = 1;
	for (uint32_t at = MADT_FIRST; at < get32(madt + 4); at += madt[at + 1]) {
		uint32_t id = madt_cpu(madt + at);

		if (id == UINT32_MAX)
			continue;
		if (index)
			start_ap(index, id);
		if (index == 1)
			*says = 0;
		index++;
	}
	return index;
}

/*
 * All CPUs of the MADT, one after the other, by number as they come there. "smp:cpuid": each says its leaves, too;
 * "smp:count": each counts in its counter from then on; "smp:flood": on the console; else they halt. Ends with the frame "smp NR 0xCOUNTERS".
 */
static void smp(const char *argument)
{
	ap_tells_cpuid = after(argument, "cpuid") != NULL;
	ap_counts = after(argument, "count") != NULL;
	ap_floods = after(argument, "flood") != NULL;
	apic_on();
	say("cpu 0 apic %u\n", own_apic_id());
	if (ap_tells_cpuid)
		say_cpuid(0);
	frame_text("smp %u 0x%lx", start_cpus(ap_of_smp), (uint64_t)counters);
}

const struct step steps_apic[] = {
	{ "irq-echo", echo_by_interrupt },
	{ "irq-say", send_by_interrupt },
	{ "smp", smp },
	{ NULL, NULL },
};
