/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PID 1 of the machines that tests/kvm/look.c boots: says what the kernel says of its CPUs, caches and nodes, a line a
 * file, then what lscpu and numactl make of it where they are in the archive, and powers off.
 */
#include <dirent.h>
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
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/data/guest_ring.h"

#define CPUS "/sys/devices/system/cpu"
#define NODES "/sys/devices/system/node"
enum { TEXT_BYTES = 128 << 10 };

static char text[TEXT_BYTES];
static size_t text_len;

static void flush_text(void)
{
	while (text_len &&
	       gst_ring_write(&up, GST_F_SOUT, text, (uint32_t)text_len, GST_HIGH) == -EAGAIN)
		usleep(1000);
	text_len = 0;
}

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	va_list ap;
	int n;

	if (text_len > TEXT_BYTES / 2)
		flush_text();
	va_start(ap, fmt);
	n = vsnprintf(text + text_len, TEXT_BYTES - text_len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= TEXT_BYTES - text_len) {
		errno = ENOSPC;
		stop_here("say");
	}
	text_len += (size_t)n;
}

/* The name is left out where it tells nothing: who reads knows the directories. */
static void show(const char *dir, const char *name)
{
	char path[512], value[1024] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	n = read(fd, value, sizeof(value) - 1);
	close(fd);
	if (n < 0)
		return;
	value[n] = '\0';
	value[strcspn(value, "\n")] = '\0';
	say("%s/%s %s\n", dir + strlen("/sys/devices/system/"), name, value);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Of every regular file in @dir that starts with @prefix. */
static void show_all(const char *dir, const char *prefix)
{
	struct dirent **v;
	int nr = scandir(dir, &v, NULL, by_name);

	for (int i = 0; i < nr; i++) {
		if (v[i]->d_type == DT_REG && strncmp(v[i]->d_name, prefix, strlen(prefix)) == 0)
			show(dir, v[i]->d_name);
	}
}

static void show_cpu(unsigned cpu)
{
	char dir[128];

	snprintf(dir, sizeof(dir), CPUS "/cpu%u/topology", cpu);
	show_all(dir, "");
	for (unsigned i = 0; i < 8; i++) {
		snprintf(dir, sizeof(dir), CPUS "/cpu%u/cache/index%u", cpu, i);
		show(dir, "level");
		show(dir, "type");
		show(dir, "shared_cpu_list");
		show(dir, "size");
	}
}

static void show_node(unsigned node)
{
	char dir[128];

	snprintf(dir, sizeof(dir), NODES "/node%u", node);
	if (access(dir, F_OK) < 0)
		return;
	show(dir, "cpulist");
	show(dir, "distance");
	show(dir, "meminfo");
	for (unsigned class = 0; class < 2; class ++) {
		snprintf(dir, sizeof(dir), NODES "/node%u/access%u/initiators", node, class);
		show_all(dir, "");
	}
}

/* What a program prints, each line after its name. */
static void run(const char *path, const char *argument)
{
	int pipefd[2], status;
	char line[1024];
	FILE *f;
	pid_t pid;

	if (access(path, X_OK) < 0)
		return;
	if (pipe(pipefd) < 0)
		stop_here("pipe");
	pid = fork();
	if (pid == 0) {
		char *argv[] = { (char *)path, (char *)argument, NULL };

		dup2(pipefd[1], 1);
		execv(path, argv);
		_exit(127);
	}
	close(pipefd[1]);
	f = fdopen(pipefd[0], "r");
	while (f && fgets(line, sizeof(line), f))
		say("%s: %s", strrchr(path, '/') + 1, line);
	if (f)
		fclose(f);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		say("%s: failed, status 0x%x\n", strrchr(path, '/') + 1, status);
}

int main(void)
{
	int fd;

	mkdir("/dev", 0755);
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	if (mount("dev", "/dev", "devtmpfs", 0, "") < 0 ||
	    mount("proc", "/proc", "proc", 0, "") < 0 || mount("sys", "/sys", "sysfs", 0, "") < 0)
		stop_here("mount");
	fd = open("/dev/ttyS0", O_WRONLY);
	if (fd < 0)
		stop_here("open the console");
	dup2(fd, 1);
	dup2(fd, 2);
	open_ring();
	show(CPUS, "possible");
	show(CPUS, "present");
	show(CPUS, "online");
	for (unsigned cpu = 0; cpu < (unsigned)sysconf(_SC_NPROCESSORS_CONF); cpu++)
		show_cpu(cpu);
	show(NODES, "possible");
	show(NODES, "online");
	show_all(NODES, "has_");
	for (unsigned node = 0; node < 16; node++)
		show_node(node);
	run("/bin/lscpu", NULL);
	run("/bin/numactl", "-H");
	flush_text();
	gst_ring_write(&up, GST_F_EXIT, "bye!", 4, GST_HIGH);
	reboot(RB_POWER_OFF);
	stop_here("power off");
}
