/* SPDX-License-Identifier: GPL-2.0-only */
/* PID 1 of the machines in tests/unit/test_vmm_machine.c: does what bytes on its doorbell say. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tests/data/guest_ring.h"

enum { PAGE = 4096, MPOL_BIND_MODE = 2, FLOOD_BYTES = 64 << 10, NODES_MAX = 16 };

static int bell_fd;
static uint8_t *page_of[NODES_MAX];

static void __attribute__((format(printf, 2, 3))) say(uint32_t type, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	while (gst_ring_write(&up, type, text, strlen(text), GST_HIGH) == -EAGAIN)
		usleep(1000);
	if (write(bell_fd, "f", 1) != 1)
		stop_here("ring the bell");
}

static void open_console(void)
{
	int fd = open("/dev/ttyS0", O_WRONLY);

	if (fd < 0)
		stop_here("open the console");
	dup2(fd, 1);
	dup2(fd, 2);
}

static void open_bell(void)
{
	struct termios t;

	bell_fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY);
	if (bell_fd < 0 || tcgetattr(bell_fd, &t) < 0)
		stop_here("open the doorbell");
	cfmakeraw(&t);
	cfsetspeed(&t, B115200);
	if (tcsetattr(bell_fd, TCSANOW, &t) < 0)
		stop_here("set up the doorbell");
}

/* A page on @node, filled with its own number; its guest-physical address goes to the host. */
static void show_page(unsigned node)
{
	unsigned long mask = 1UL << node;
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0, gpa;
	uint8_t *page;

	if (syscall(SYS_set_mempolicy, MPOL_BIND_MODE, &mask, 64UL) < 0)
		stop_here("bind to a node");
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED,
		    -1, 0);
	if (page == MAP_FAILED)
		stop_here("map a page");
	memset(page, 0xa0 + (int)node, PAGE);
	page_of[node] = page;
	if (pread(pagemap, &entry, sizeof(entry),
		  (off_t)((uintptr_t)page / PAGE * sizeof(entry))) != sizeof(entry))
		stop_here("read pagemap");
	close(pagemap);
	if (syscall(SYS_set_mempolicy, 0, NULL, 0UL) < 0)
		stop_here("unbind");
	gpa = (entry & ((UINT64_C(1) << 55) - 1)) * PAGE;
	say(GST_F_SOUT, "page %u 0x%llx", node, (unsigned long long)gpa);
}

static void show_nodes(void)
{
	char path[64];

	for (unsigned n = 0; n < NODES_MAX; n++) {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%u", n);
		if (access(path, F_OK) == 0)
			show_page(n);
	}
}

static void show_file(const char *path)
{
	char text[256] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	close(fd);
	say(GST_F_SOUT, "file %s %s", path, n < 0 ? "missing" : text);
}

static void show_topology(void)
{
	char path[128];

	for (long cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++) {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%ld/cache/index3/shared_cpu_list", cpu);
		show_file(path);
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%ld/topology/thread_siblings_list", cpu);
		show_file(path);
	}
	for (unsigned n = 0; n < 16; n++) {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/cpulist", n);
		if (access(path, F_OK) != 0)
			continue;
		show_file(path);
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/distance", n);
		show_file(path);
	}
}

static void show_symbol(const char *name)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[512], symbol[256];
	unsigned long long addr;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %*c %255s", &addr, symbol) == 2 && strcmp(symbol, name) == 0)
			say(GST_F_KSYM, "%llx %s", addr, name);
	}
	if (f)
		fclose(f);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		stop_here(path);
	close(fd);
}

/* A program with shared libraries, from the same archive. */
static void run_shell(void)
{
	const char *argv[] = { "sh", "-c", "exit 42", NULL };
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		execv("/bin/sh", (char *const *)argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	say(GST_F_SOUT, "shell %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static void flood(void)
{
	char line[128];

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < FLOOD_BYTES; i += (int)sizeof(line)) {
		if (write(1, line, sizeof(line)) < 0)
			stop_here("flood");
	}
	tcdrain(1);
	say(GST_F_SOUT, "flooded");
}

/* The pages that show_page() told of get other contents. */
static void repaint(void)
{
	for (unsigned n = 0; n < NODES_MAX; n++) {
		if (page_of[n])
			memset(page_of[n], 0xb0 + (int)n, PAGE);
	}
	say(GST_F_SOUT, "repainted");
}

/* The same moment by the clock that adjtime may bend and by the one that is the counter of the CPU alone. */
static void show_time(void)
{
	struct timespec t, raw;

	clock_gettime(CLOCK_MONOTONIC, &t);
	clock_gettime(CLOCK_MONOTONIC_RAW, &raw);
	say(GST_F_SOUT, "time %lld %lld", (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000,
	    (long long)raw.tv_sec * 1000 + raw.tv_nsec / 1000000);
}

static void spin(void)
{
	struct timespec now, start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (now.tv_sec - start.tv_sec < 3600);
}

static void obey(char c)
{
	switch (c) {
	case 'w':
		write_file("/proc/sys/kernel/panic", "77");
		say(GST_F_SOUT, "written");
		break;
	case 'b':
		((volatile struct gst_window *)(volatile void *)((volatile uint8_t *)up.data -
								 GST_WINDOW_PAGE - GST_DOWN_BYTES))
			->up.head = UINT64_C(0x123456789);
		if (write(bell_fd, "f", 1) != 1)
			stop_here("ring the bell");
		break;
	case 'l':
		flood();
		break;
	case 'q': /* frames nobody is told of */
		(void)gst_ring_write(&up, GST_F_SOUT, "unrung", 6, GST_HIGH);
		break;
	case 'p':
		repaint();
		break;
	case 't':
		show_time();
		break;
	case 'z':
		spin();
		break;
	case 'c':
		write_file("/proc/sysrq-trigger", "c");
		break;
	case GST_BELL_STOP:
		say(GST_F_EXIT, "%s", "bye!");
		sync();
		reboot(RB_POWER_OFF);
		break;
	}
}

int main(void)
{
	char c;

	mkdir("/dev", 0755);
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	if (mount("dev", "/dev", "devtmpfs", 0, "") < 0 ||
	    mount("proc", "/proc", "proc", 0, "") < 0 || mount("sys", "/sys", "sysfs", 0, "") < 0)
		stop_here("mount");
	open_console();
	printf("guest: console\n");
	fflush(stdout);
	open_bell();
	open_ring();
	say(GST_F_LIFE, "%chello", GST_LIFE_INIT);
	show_nodes();
	show_topology();
	show_symbol("panic_timeout");
	run_shell();
	say(GST_F_SRDY, "%s", "");
	while (read(bell_fd, &c, 1) == 1)
		obey(c);
	stop_here("the doorbell closed");
	return 1;
}
