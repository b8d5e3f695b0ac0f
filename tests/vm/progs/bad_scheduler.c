/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A "scheduler" that is none, for tests: it ends at once, floods the console, talks without end, takes all CPUs, or starts a
 * real scheduler (INNER, a file's name at build time) and crashes the kernel under it, or asks for captures of it. Static,
 * runs anywhere.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/proto.h"

__asm__(".section .rodata\n"
	"inner: .incbin \"" INNER "\"\n"
	"1: .balign 8\n"
	"inner_len: .quad 1b - inner\n"
	".previous");
extern const char inner[];
extern const uint64_t inner_len;

static int is_enabled(void)
{
	char state[16] = "";
	int fd = open("/sys/kernel/sched_ext/state", O_RDONLY);

	if (fd < 0 || read(fd, state, sizeof(state) - 1) < 0)
		return 0;
	close(fd);
	return strncmp(state, "enabled", 7) == 0;
}

/* Start the real scheduler, with an option where one is given, and wait until it is enabled. 0, or an exit status. */
static int start_inner(char *option)
{
	char *const argv[] = { "scx_ktstr", option, NULL }, *const env[] = { NULL };
	int fd = memfd_create("scx_ktstr", MFD_CLOEXEC);

	if (fd < 0 || write(fd, inner, inner_len) != (ssize_t)inner_len)
		return 8;
	if (fork() == 0) {
		fexecve(fd, argv, env);
		_exit(9);
	}
	while (!is_enabled())
		usleep(10000);
	return 0;
}

/* As long after it was enabled crash the kernel. */
static int crash_kernel(const char *seconds)
{
	int r = start_inner(NULL), trigger;

	if (r)
		return r;
	sleep((unsigned)strtol(seconds, NULL, 10));
	trigger = open("/proc/sysrq-trigger", O_WRONLY);
	return write(trigger, "c", 1) == 1 ? 10 : 11;
}

/* Ask the host for captures, a line each, and print what it answers; then live on. An option goes to the scheduler. */
static int ask(char *const *lines)
{
	int r = start_inner(*lines && (*lines)[0] == '-' ? *lines++ : NULL);
	char answer[256];

	for (; r == 0 && *lines; lines++) {
		int request = open(GST_SNAPSHOT_PATH, O_WRONLY), done;
		FILE *f;

		if (request < 0 || dprintf(request, "%s\n", *lines) < 0)
			return 14;
		close(request);
		done = open(GST_SNAPSHOT_DONE_PATH, O_RDONLY);
		f = done < 0 ? NULL : fdopen(done, "r");
		if (!f || !fgets(answer, sizeof(answer), f))
			return 15;
		fprintf(stderr, "%s: %s", *lines, answer);
		fclose(f);
	}
	if (r)
		return r;
	for (;;)
		pause();
}

/* Spin on each CPU above everything else, init included. */
static int take_all_cpus(void)
{
	struct sched_param top = { .sched_priority = 99 };
	long nr = sysconf(_SC_NPROCESSORS_ONLN);

	fprintf(stderr, "taking all CPUs\n");
	usleep(100000); /* for init to pass the line on */
	for (long cpu = nr - 1; cpu >= 0; cpu--) {
		cpu_set_t one;

		if (cpu && fork() != 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET((size_t)cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one) < 0 ||
		    sched_setscheduler(0, SCHED_FIFO, &top) < 0)
			return 12;
		for (;;)
			;
	}
	return 13;
}

/*
 * Straight into the console's UART: as fast as it takes bytes. Through the tty layer four megabytes of emulated guest would
 * take minutes.
 */
static int uart(long bytes)
{
	enum { COM1 = 0x3f8, LINE_STATUS = 5, ROOM = 0x20 };

	if (ioperm(COM1, 8, 1) < 0)
		return 7;
	for (long i = 0; i < bytes; i++) {
		static char text[80];

		if (i % 64 == 0)
			(void)snprintf(text, sizeof(text), "flood %09ld %0*d\n", i / 64, 47, 0);
		while (!(inb(COM1 + LINE_STATUS) & ROOM))
			;
		outb((unsigned char)text[i % 64], COM1);
	}
	return 0;
}

/* Numbered lines of 64 bytes, so that a reader can tell what is missing. */
static int talk(long bytes)
{
	char block[4096];
	long line = 0;

	while (bytes > 0) {
		size_t len = 0;

		for (; len < sizeof(block) && bytes > 0; len += 64, bytes -= 64) {
			char text[80];

			(void)snprintf(text, sizeof(text), "flood %09ld %0*d\n", line++, 47, 0);
			memcpy(block + len, text, 64);
		}
		for (size_t at = 0; at < len;) {
			ssize_t n = write(STDOUT_FILENO, block + at, len - at);

			if (n < 0)
				return 6;
			at += (size_t)n;
		}
	}
	return 0;
}

/* usage: exit STATUS TEXT | console BYTES | talk BYTES | crash | crash-kernel SECONDS | take-all-cpus | ask [--OPTION] LINE... */
int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int r;

	if (strcmp(what, "exit") == 0 && argc == 4) {
		fprintf(stderr, "%s\n", argv[3]);
		return (int)strtol(argv[2], NULL, 10);
	}
	if (strcmp(what, "console") == 0 && argc == 3) {
		r = uart(strtol(argv[2], NULL, 10));
		fprintf(stderr, "flooded the console\n");
		return r ? r : 4;
	}
	if (strcmp(what, "talk") == 0 && argc == 3) {
		r = talk(strtol(argv[2], NULL, 10));
		fprintf(stderr, "these are my last words\n");
		return r ? r : 4;
	}
	if (strcmp(what, "crash-kernel") == 0 && argc == 3)
		return crash_kernel(argv[2]);
	if (strcmp(what, "ask") == 0)
		return ask(argv + 2);
	if (strcmp(what, "take-all-cpus") == 0)
		return take_all_cpus();
	if (strcmp(what, "crash") == 0)
		abort();
	return 3;
}
