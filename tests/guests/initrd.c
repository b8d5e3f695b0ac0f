/* SPDX-License-Identifier: GPL-2.0-only */
/* Steps of a test guest: the initrd, as it is in memory. */
#include "tests/guests/guest.h"

static uint8_t *initrd;
static uint64_t initrd_len;

void initrd_open(const struct hvm_start_info *info)
{
	const struct hvm_start_module *m = (const struct hvm_start_module *)info->modlist;

	if (info->nr_modules == 0)
		return;
	initrd = (uint8_t *)m->gpa;
	initrd_len = m->len;
}

/* Its length and a sum that depends on the order of its bytes. */
static void say_initrd(const char *argument)
{
	uint32_t sum = 0;

	(void)argument;
	for (uint64_t i = 0; i < initrd_len; i++)
		sum = sum * 31 + initrd[i];
	say("initrd %lu sum 0x%x\n", initrd_len, sum);
}

static void overwrite_initrd(const char *argument)
{
	(void)argument;
	for (uint64_t i = 0; i < initrd_len; i++)
		initrd[i] = (uint8_t)~initrd[i];
}

const struct step steps_initrd[] = {
	{ "initrd", say_initrd },
	{ "overwrite-initrd", overwrite_initrd },
	{ NULL, NULL },
};
