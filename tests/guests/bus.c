/* SPDX-License-Identifier: GPL-2.0-only */
/* Steps of a test guest: ports and MMIO, those that are there, those that are not, and any at random. */
#include "guest/proto.h"
#include "tests/guests/guest.h"

#define GAP_START UINT64_C(0xc0000000)
#define DOORBELL UINT64_C(0xc0003000)
#define LAPIC UINT64_C(0xfee00000)
enum { LAPIC_BYTES = 4096, ABSENT_PORT = 0x2e8 /* COM4 */ };

/* ---- what is not there ---- */

static void expect(const char *what, uint64_t got, uint64_t want)
{
	if (got != want)
		broken("%s: 0x%lx, not 0x%lx", what, got, want);
}

/* All sizes, strings, and the string that crosses into a port that is there. */
static void absent_ports(void)
{
	static uint8_t many[3000];
	void *to = many;
	const void *from = many;
	size_t nr = sizeof(many);

	expect("inb", in8(ABSENT_PORT), 0xff);
	expect("inw", in16(ABSENT_PORT), 0xffff);
	expect("inl", in32(ABSENT_PORT), 0xffffffff);
	expect("inl of PCI's configuration", in32(0xcfc), 0xffffffff);
	__asm__ volatile("rep insb" : "+D"(to), "+c"(nr) : "d"(ABSENT_PORT) : "memory");
	for (unsigned i = 0; i < sizeof(many); i++)
		expect("insb", many[i], 0xff);
	nr = sizeof(many) / 4;
	__asm__ volatile("rep outsl" : "+S"(from), "+c"(nr) : "d"(ABSENT_PORT) : "memory");
	out16(ABSENT_PORT, 0);
	out32(0xcf8, 0x80000600); /* its second byte would be a reset */
	expect("inw around a scratch register", in16(COM1 + 7) & 0xff, in8(COM1 + 7));
}

static void absent_mmio(void)
{
	static const uint64_t places[] = { GAP_START, GAP_START + 0x2ff8, UINT64_C(0xfed00000),
					   UINT64_C(0xffc00000) };

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const uint64_t p = places[i];

		expect("8 bits of MMIO", *(volatile uint8_t *)p, 0xff);
		expect("16 bits of MMIO", *(volatile uint16_t *)p, 0xffff);
		expect("32 bits of MMIO", *(volatile uint32_t *)p, 0xffffffff);
		expect("64 bits of MMIO", *(volatile uint64_t *)p, UINT64_MAX);
		*(volatile uint64_t *)p = 0;
		*(volatile uint8_t *)(p + 7) = 0;
		expect("MMIO that was written", *(volatile uint64_t *)p, UINT64_MAX);
	}
}

static void absent(const char *argument)
{
	(void)argument;
	absent_ports();
	absent_mmio();
	say("nothing is there\n");
}

/* ---- devices ---- */

static void devices(const char *argument)
{
	(void)argument;
	for (unsigned port = COM1; port >= COM2; port -= COM1 - COM2) {
		out8((uint16_t)(port + 7), 0x5a);
		expect("scratch register", in8((uint16_t)(port + 7)), 0x5a);
		expect("line status", in8((uint16_t)(port + 5)), 0x60);
	}
	expect("sleep control", in8(0x600), 0);
	expect("sleep status", in8(0x601), 0);
	/* The PIT counts, and port 0x61 shows its third counter's output: both are in the kernel. */
	out8(0x43, 0x34);
	out8(0x40, 0xff);
	out8(0x40, 0xff);
	expect("port 0x61", in8(0x61) & 0x03, 0);
	expect("the IOAPIC's selector", *(volatile uint32_t *)UINT64_C(0xfec00000), 0);
	say("devices are there\n");
}

/* The doorbell takes stores of any size and value; one frame, no bell on COM2. */
static void doorbell(const char *argument)
{
	(void)argument;
	*(volatile uint8_t *)DOORBELL = 0;
	*(volatile uint16_t *)DOORBELL = 0xffff;
	*(volatile uint32_t *)DOORBELL = 7;
	*(volatile uint64_t *)DOORBELL = UINT64_MAX;
	*(volatile uint32_t *)(DOORBELL + 0x80) = 1;
	*(volatile uint8_t *)(DOORBELL + 0xfff) = 1;
	expect("the doorbell, read", *(volatile uint32_t *)DOORBELL, 0xffffffff);
}

/* ---- anything ---- */

static uint64_t seed;

static uint32_t any(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33);
}

/* Half of them where something is. */
static uint16_t any_port(void)
{
	static const uint16_t known[] = { 0x20,  0x21,  0x40,  0x42,  0x43,  0x60,  0x61,
					  0x64,  0x70,  0x71,  0x80,  0xa0,  0xa1,  0x2f8,
					  0x3f8, 0x4d0, 0x600, 0xcf8, 0xcfc, 0xfff8 };
	uint32_t r = any();

	if (r & 1)
		return (uint16_t)(r >> 8);
	return (uint16_t)(known[(r >> 8) % (sizeof(known) / sizeof(known[0]))] + (r >> 1 & 7));
}

/* What ends the machine, as bus.c of the VMM has it, or may: the test wants to see the rest, too. */
static bool may_end(uint16_t port, unsigned size)
{
	static const uint16_t ends[] = { 0x64, 0x600, 0x602, 0xcf9 };

	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (ends[i] >= port && ends[i] < port + size)
			return true;
	}
	return false;
}

static void poke_port(bool to_the_end)
{
	uint16_t port = any_port();
	uint32_t v = any(), how = any();
	unsigned size = 1U << how % 3;

	if (how & 8) {
		(void)(size == 1 ? in8(port) : size == 2 ? in16(port) : in32(port));
		return;
	}
	if (!to_the_end && may_end(port, size))
		return;
	if (size == 1)
		out8(port, (uint8_t)v);
	else if (size == 2)
		out16(port, (uint16_t)v);
	else
		out32(port, v);
}

static void poke_mmio(void)
{
	uint64_t gpa = GAP_START + any() % ((UINT64_C(4) << 30) - GAP_START - 8);
	uint64_t v = (uint64_t)any() << 32 | any();
	uint32_t how = any();

	if (how & 0x10)
		gpa = DOORBELL + gpa % 4096;
	else if (how & 0x20)
		gpa = UINT64_C(0xfec00000) + gpa % 64; /* IOAPIC */
	/* Its own APIC could stop this CPU for good. */
	if (gpa + 8 > LAPIC && gpa < LAPIC + LAPIC_BYTES)
		return;
	switch (how & 7) {
	case 0:
		*(volatile uint8_t *)gpa = (uint8_t)v;
		break;
	case 1:
		*(volatile uint16_t *)gpa = (uint16_t)v;
		break;
	case 2:
		*(volatile uint32_t *)gpa = (uint32_t)v;
		break;
	case 3:
		*(volatile uint64_t *)gpa = v;
		break;
	case 4:
		(void)*(volatile uint8_t *)gpa;
		break;
	case 5:
		(void)*(volatile uint32_t *)gpa;
		break;
	default:
		(void)*(volatile uint64_t *)gpa;
		break;
	}
}

/* "fuzz:SEED,N": N accesses; with an odd seed also those that may end the machine. Says "fuzzed" by a frame. */
static void fuzz(const char *argument)
{
	const char *end;
	uint64_t nr;
	bool to_the_end;

	seed = number(argument, &end);
	nr = *end == ',' ? number(end + 1, NULL) : 1000;
	to_the_end = seed & 1;
	for (uint64_t i = 0; i < nr; i++) {
		if (any() & 1)
			poke_port(to_the_end);
		else
			poke_mmio();
	}
	frame_text("fuzzed");
}

/* Its own APIC, any register, "fuzz-apic:SEED,N": it may well stop itself. */
static void fuzz_apic(const char *argument)
{
	const char *end;
	uint64_t nr;

	seed = number(argument, &end);
	nr = *end == ',' ? number(end + 1, NULL) : 100;
	for (uint64_t i = 0; i < nr; i++) {
		volatile uint32_t *reg = (volatile uint32_t *)(LAPIC + any() % 64 * 16);

		if (any() & 1)
			*reg = any();
		else
			(void)*reg;
	}
}

/* "fuzz-ring:SEED,N": N times a frame, a few words changed in the ring's header or the first frames, and a bell. */
static void fuzz_ring(const char *argument)
{
	const char *end;
	uint64_t nr;

	seed = number(argument, &end);
	nr = *end == ',' ? number(end + 1, NULL) : 10;
	for (uint64_t i = 0; i < nr; i++) {
		silent_frame("%lu", i);
		for (uint32_t words = any() % 4; words > 0; words--) {
			uint32_t where = any() % 96;
			uint64_t v = any() & 1 ? any() % 4096 : (uint64_t)any() << 33 | any();

			*ring_word(where) = v;
		}
		ring_bell();
	}
}

const struct step steps_bus[] = {
	{ "absent", absent }, { "devices", devices },     { "doorbell", doorbell },
	{ "fuzz", fuzz },     { "fuzz-apic", fuzz_apic }, { "fuzz-ring", fuzz_ring },
	{ NULL, NULL },
};
