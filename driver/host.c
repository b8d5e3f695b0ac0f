/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's CPUs and memory. */
#include "driver/host.h"

#include <ctype.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"

static void copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from); /* cut when too long: for display */
}

/* "MemAvailable:   1234 kB" -> bytes; 0 when absent. */
static uint64_t meminfo(const char *text, const char *key)
{
	const char *p = strstr(text, key);
	char number[24] = "";
	size_t n = 0;
	uint64_t kib;

	if (!p)
		return 0;
	for (p += strlen(key); *p == ' '; p++)
		;
	while (n < sizeof(number) - 1 && isdigit((unsigned char)p[n])) {
		number[n] = p[n];
		n++;
	}
	return kt_parse_u64(number, &kib) == 0 ? kib << 10 : 0;
}

static void read_memory(struct drv_host *ret)
{
	char text[4096], limit[32], used[32];
	uint64_t max, now;

	if (kt_file_read_small("/proc/meminfo", text, sizeof(text)) < 0)
		return;
	ret->memory_bytes = meminfo(text, "MemTotal:");
	ret->available_bytes = meminfo(text, "MemAvailable:");
	/*
	 * In a container the root of its cgroup is what it sees here; elsewhere the files are not
	 * there.
	 */
	if (kt_file_read_small("/sys/fs/cgroup/memory.max", limit, sizeof(limit)) < 0 ||
	    kt_file_read_small("/sys/fs/cgroup/memory.current", used, sizeof(used)) < 0 ||
	    kt_parse_u64(limit, &max) < 0 || kt_parse_u64(used, &now) < 0)
		return;
	if (max < ret->memory_bytes)
		ret->memory_bytes = max;
	if (now < max && max - now < ret->available_bytes)
		ret->available_bytes = max - now;
}

static void read_cpu_model(struct drv_host *ret)
{
	kt_auto(file) FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		char *value = strchr(line, ':');

		if (!value || strncmp(line, "model name", 10) != 0)
			continue;
		value += 1 + strspn(value + 1, " ");
		value[strcspn(value, "\n")] = '\0';
		copy(ret->cpu_model, sizeof(ret->cpu_model), value);
		return;
	}
}

void drv_host_read(struct drv_host *ret)
{
	struct utsname u;
	cpu_set_t cpus;

	*ret = (struct drv_host){ .nr_cpus = 1 };
	if (uname(&u) == 0) {
		copy(ret->release, sizeof(ret->release), u.release);
		copy(ret->machine, sizeof(ret->machine), u.machine);
	}
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		ret->nr_cpus = (unsigned)CPU_COUNT(&cpus);
	else if (sysconf(_SC_NPROCESSORS_ONLN) > 0)
		ret->nr_cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	read_memory(ret);
	read_cpu_model(ret);
}
