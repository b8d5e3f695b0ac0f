/* SPDX-License-Identifier: GPL-2.0-only */
/* Steps of a test guest: what the machine says of itself, as the guest reads it, on the console for the test to compare. */
#include "tests/guests/guest.h"

/* ACPI 6.5 sections 5.2.5.3, 5.2.6, 5.2.8, 5.2.9 */
enum {
	RSDP_BYTES = 36,
	RSDP_XSDT = 24,
	HEADER_BYTES = 36,
	HEADER_LENGTH = 4,
	FADT_X_DSDT = 140,
	TABLE_MAX = 1 << 20,
	BYTES_A_LINE = 64,
};

uint64_t rsdp;
const struct memmap_entry *memmap;
uint32_t nr_memmap;

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static void check_sum(const char *what, const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	if (sum)
		broken("the checksum of %s at 0x%lx is wrong by %u", what, (uint64_t)p, sum);
}

static void say_bytes(const uint8_t *p, size_t len)
{
	char line[2 * BYTES_A_LINE + 1];
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		line[n++] = "0123456789abcdef"[p[i] >> 4];
		line[n++] = "0123456789abcdef"[p[i] & 15];
		if (n == 2 * BYTES_A_LINE || i + 1 == len) {
			line[n++] = '\n';
			put(line, n);
			n = 0;
		}
	}
}

static const uint8_t *xsdt(void)
{
	const uint8_t *p = (const uint8_t *)rsdp;

	if (!rsdp || memcmp(p, "RSD PTR ", 8) != 0)
		broken("no RSDP at 0x%lx", rsdp);
	return (const uint8_t *)get64(p + RSDP_XSDT);
}

static size_t nr_tables(const uint8_t *x)
{
	return (get32(x + HEADER_LENGTH) - HEADER_BYTES) / 8;
}

const uint8_t *find_table(const char *signature)
{
	const uint8_t *x = xsdt();

	for (size_t i = 0; i < nr_tables(x); i++) {
		const uint8_t *t = (const uint8_t *)get64(x + HEADER_BYTES + 8 * i);

		if (memcmp(t, signature, 4) == 0)
			return t;
	}
	broken("no table %s", signature);
}

/* "acpi SIGNATURE 0xGPA LENGTH", then the bytes. */
static void say_table(const uint8_t *t)
{
	char name[5] = { (char)t[0], (char)t[1], (char)t[2], (char)t[3], 0 };
	uint32_t len = get32(t + HEADER_LENGTH);

	if (len < HEADER_BYTES || len > TABLE_MAX)
		broken("table %s at 0x%lx has %u bytes", name, (uint64_t)t, len);
	check_sum(name, t, len);
	say("acpi %s 0x%lx %u\n", name, (uint64_t)t, len);
	say_bytes(t, len);
}

static void say_acpi(const char *argument)
{
	const uint8_t *x = xsdt();

	(void)argument;
	check_sum("the RSDP", (const uint8_t *)rsdp, 20); /* of version 1 */
	check_sum("the RSDP", (const uint8_t *)rsdp, RSDP_BYTES);
	say("acpi RSDP 0x%lx %u\n", rsdp, (unsigned)RSDP_BYTES);
	say_bytes((const uint8_t *)rsdp, RSDP_BYTES);
	say_table(x);
	for (size_t i = 0; i < nr_tables(x); i++)
		say_table((const uint8_t *)get64(x + HEADER_BYTES + 8 * i));
	say_table((const uint8_t *)get64(find_table("FACP") + FADT_X_DSDT));
	say("acpi end\n");
}

/* The memory map of the start info. */
static void say_memmap(const char *argument)
{
	(void)argument;
	for (uint32_t i = 0; i < nr_memmap; i++)
		say("memmap 0x%lx 0x%lx %u\n", memmap[i].gpa, memmap[i].len, memmap[i].type);
}

/* First and last word of each piece of RAM below 4 GiB can be written and read back. */
static void try_ram(const char *argument)
{
	(void)argument;
	for (uint32_t i = 0; i < nr_memmap; i++) {
		const struct memmap_entry *m = &memmap[i];
		volatile uint64_t *last = (volatile uint64_t *)(m->gpa + m->len - 8);
		uint64_t was;

		if (m->type != 1 || m->gpa + m->len > UINT64_C(4) << 30)
			continue;
		was = *last;
		*last = ~was;
		if (*last != ~was)
			broken("no RAM at 0x%lx", (uint64_t)last);
		*last = was;
		say("ram 0x%lx\n", (uint64_t)last);
	}
}

/* Intel SDM volume 2, CPUID: leaves with subleaves until one says that it is none; AMD's 0x8000001d as 4. */
static bool has_more(uint32_t leaf, const struct cpuid *c)
{
	if (leaf == 4 || leaf == 0x8000001d)
		return (c->eax & 0x1f) != 0;
	if (leaf == 0xb || leaf == 0x1f)
		return (c->ecx >> 8 & 0xff) != 0;
	return false;
}

static void say_leaf(unsigned cpu, uint32_t leaf)
{
	for (uint32_t sub = 0; sub < 32; sub++) {
		struct cpuid c = cpuid(leaf, sub);

		say("cpu %u cpuid %x %x %x %x %x %x\n", cpu, leaf, sub, c.eax, c.ebx, c.ecx, c.edx);
		if (!has_more(leaf, &c))
			return;
	}
}

void say_cpuid(unsigned cpu)
{
	static const uint32_t ranges[] = { 0, 0x40000000, 0x80000000 };

	for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		uint32_t last = cpuid(ranges[i], 0).eax;

		for (uint32_t leaf = ranges[i]; leaf <= last && leaf < ranges[i] + 64; leaf++)
			say_leaf(cpu, leaf);
	}
}

static void say_own_cpuid(const char *argument)
{
	(void)argument;
	say_cpuid(0);
}

const struct step steps_tables[] = {
	{ "acpi", say_acpi },       { "memmap", say_memmap }, { "ram", try_ram },
	{ "cpuid", say_own_cpuid }, { NULL, NULL },
};
