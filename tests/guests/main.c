/* SPDX-License-Identifier: GPL-2.0-only */
/* A test guest from its first C function on: its command line, step by step. */
#include "tests/guests/guest.h"

enum { CMDLINE_BYTES = 4096 };

/* A copy: where the loader put it belongs to nobody now. */
static char cmdline[CMDLINE_BYTES];

static const struct step *const all_steps[] = { steps_apic, steps_bus, steps_busy,   steps_channel,
						steps_cpus, steps_end, steps_initrd, steps_tables };

static void run_step(const char *text)
{
	for (size_t i = 0; i < sizeof(all_steps) / sizeof(all_steps[0]); i++) {
		for (const struct step *s = all_steps[i]; s->name; s++) {
			const char *rest = after(text, s->name);

			if (rest && (*rest == ':' || !*rest)) {
				s->run(*rest ? rest + 1 : rest);
				return;
			}
		}
	}
	broken("no such step: '%s'", text);
}

/* Every "do=" word, in order. Cuts the command line up. */
static void run_steps(char *at)
{
	while (*at) {
		char *word = at;
		const char *step;

		while (*at && *at != ' ')
			at++;
		if (*at)
			*at++ = '\0';
		step = after(word, "do=");
		if (step)
			run_step(step);
	}
}

void guest_main(const struct hvm_start_info *info)
{
	const char *given = info->cmdline ? (const char *)info->cmdline : "";
	size_t len = strlen(given);

	if (info->magic != START_INFO_MAGIC)
		broken("no start info at 0x%lx", (uint64_t)info);
	if (len >= sizeof(cmdline))
		broken("a command line of %lu bytes", len);
	memcpy(cmdline, given, len + 1);
	rsdp = info->rsdp;
	memmap = (const struct memmap_entry *)info->memmap;
	nr_memmap = info->memmap_entries;
	initrd_open(info);
	channel_open(cmdline);
	run_steps(cmdline);
	broken("nothing left to do");
}
