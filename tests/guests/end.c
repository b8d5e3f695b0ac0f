/* SPDX-License-Identifier: GPL-2.0-only */
/* Steps of a test guest: ways to end a machine, and not to. */
#include "tests/guests/guest.h"

/* As vmm/x86_64/x86.h has them; a guest learns them from the FADT. */
enum {
	SLEEP_CONTROL = 0x600,
	SLEEP_ENABLE = 1 << 5,
	S5_TYPE = 5,
	RESET = 0x602,
	RESET_VALUE = 1,
	PCI_RESET = 0xcf9,
	KEYBOARD_COMMAND = 0x64,
	KEYBOARD_RESET = 0xfe,
};

void halt_for_ever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt" : : : "memory");
}

static void power_off(const char *argument)
{
	(void)argument;
	out8(SLEEP_CONTROL, SLEEP_ENABLE | S5_TYPE << 2);
	halt_for_ever();
}

void broken(const char *fmt, ...)
{
	char text[256];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	say("BROKEN: ");
	put(text, n);
	say("\n");
	power_off("");
	halt_for_ever();
}

/* By the FADT's reset register, "cf9" or "8042" as the argument says. */
static void reset(const char *argument)
{
	if (after(argument, "cf9"))
		out8(PCI_RESET, 6);
	else if (after(argument, "8042"))
		out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
	else
		out8(RESET, RESET_VALUE);
	halt_for_ever();
}

/* Intel SDM volume 3, section 7.15: a fault without an IDT to go by is a double fault, then a triple. */
static void triple_fault(const char *argument)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = { 0, 0 };

	(void)argument;
	__asm__ volatile("lidt %0; ud2" : : "m"(none));
	halt_for_ever();
}

/* Other sleeping states than S5, and S5 without the enabling bit: nothing happens. */
static void sleep_otherwise(const char *argument)
{
	(void)argument;
	for (unsigned type = 0; type < 8; type++) {
		out8(SLEEP_CONTROL, (uint8_t)(type << 2));
		if (type != S5_TYPE)
			out8(SLEEP_CONTROL, (uint8_t)(SLEEP_ENABLE | type << 2));
	}
	out8(RESET, RESET_VALUE + 1);
}

static void stand_still(const char *argument)
{
	(void)argument;
	halt_for_ever();
}

static void spin(const char *argument)
{
	(void)argument;
	for (;;)
		__asm__ volatile("" : : : "memory");
}

const struct step steps_end[] = {
	{ "off", power_off },
	{ "reset", reset },
	{ "triple", triple_fault },
	{ "other-sleep", sleep_otherwise },
	{ "hlt", stand_still },
	{ "spin", spin },
	{ NULL, NULL },
};
