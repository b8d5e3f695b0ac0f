/* SPDX-License-Identifier: GPL-2.0-only */
/* What PID 1 of tests' machines begins with: the ring to the host, and an end that the host sees when something fails. */
#ifndef KTSTR_TESTS_DATA_GUEST_RING_H
#define KTSTR_TESTS_DATA_GUEST_RING_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "guest/proto.h"

static struct gst_ring up;

static _Noreturn void stop_here(const char *why)
{
	fprintf(stderr, "guest: %s: %s\n", why, strerror(errno));
	sync();
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

/* Attaches @up to the window that the command line names. */
static void open_ring(void)
{
	char cmdline[4096] = "";
	unsigned long long gpa, len;
	int fd = open("/proc/cmdline", O_RDONLY), mem = open("/dev/mem", O_RDWR | O_SYNC);
	const char *word;
	void *map;

	if (fd < 0 || read(fd, cmdline, sizeof(cmdline) - 1) < 0)
		stop_here("read the command line");
	word = strstr(cmdline, "ktstr.ring=");
	if (!word || sscanf(word, "ktstr.ring=%llx,%llx", &gpa, &len) != 2)
		stop_here("find ktstr.ring");
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, mem, (off_t)gpa);
	if (map == MAP_FAILED)
		stop_here("map the window");
	errno = 0;
	if (gst_ring_attach_up(map, len, true, &up) < 0)
		stop_here("attach to the ring");
}

#endif
