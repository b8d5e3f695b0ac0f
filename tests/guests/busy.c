/* SPDX-License-Identifier: GPL-2.0-only */
/* Steps of a test guest that keep it busy: to be frozen, watched and read. */
#include "guest/proto.h"
#include "tests/guests/guest.h"

/* One word a CPU, a cache line each. */
struct counter counters[CPUS_MAX];

/*
 * Tells where CPU 0's counter is ("count 0xGPA") and counts, with an argument so many, else until GST_BELL_STOP. Gpas
 * and gvas are the same here.
 */
static void count(const char *argument)
{
	uint64_t nr = number(argument, NULL);
	volatile uint64_t *v = &counters[0].value;

	frame_text("count 0x%lx", (uint64_t)v);
	for (uint64_t i = 1; nr == 0 || i <= nr; i++) {
		(*v)++;
		if (nr == 0 && (i & 0xfff) == 0 && bell_down() == GST_BELL_STOP)
			return;
	}
}

/* So many lines on the console, for ever without an argument. */
static void flood(const char *argument)
{
	uint64_t nr = number(argument, NULL);

	for (uint64_t i = 0; nr == 0 || i < nr; i++)
		say("flood %lu ......................................................\n", i);
}

/* The whole of "say:TEXT" as a line. */
static void say_text(const char *text)
{
	say("%s\n", text);
}

/* Writes to every page of "dirty:GPA,LEN", over and over, and counts them in CPU 0's counter; until GST_BELL_STOP. */
static void dirty(const char *argument)
{
	uint64_t gpa, len;
	const char *end;

	gpa = number(argument, &end);
	len = *end == ',' ? number(end + 1, NULL) : 4096;
	frame_text("dirty 0x%lx 0x%lx", gpa, len);
	for (uint64_t round = 1;; round++) {
		for (uint64_t at = 0; at < len; at += 4096) {
			*(volatile uint64_t *)(gpa + at) = round;
			counters[0].value++;
		}
		if (bell_down() == GST_BELL_STOP)
			return;
	}
}

const struct step steps_busy[] = {
	{ "count", count }, { "flood", flood }, { "say", say_text },
	{ "dirty", dirty }, { NULL, NULL },
};
