/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host that a cell ran on, as the sidecar tells it: a few small files of /proc and /sys, read
 * once per cell.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "driver/cell/parts.h"

enum { FILE_MAX = 4096, NAMES_MAX = 1024 };

/*
 * What follows "KEY" and blanks or a colon at the start of a line, to the end of the line. In
 * place; NULL: none.
 */
static char *value_of(char *text, const char *key)
{
	size_t len = strlen(key);

	for (char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) != 0 || !strchr(" \t:", line[len]))
			continue;
		line += len;
		line += strspn(line, " \t:");
		line[strcspn(line, "\n")] = '\0';
		return line;
	}
	return NULL;
}

static void key_str(struct kt_json *j, const char *key, const char *text, const char *name)
{
	kt_auto(mem) char *copy = strdup(text);

	kt_json_str(j, key, copy ? value_of(copy, name) : NULL);
}

/* "123 kB" and "123" alike. */
static void key_number(struct kt_json *j, const char *key, const char *text, const char *name)
{
	kt_auto(mem) char *copy = strdup(text);
	char *value = copy ? value_of(copy, name) : NULL;
	uint64_t n;

	if (value)
		value[strspn(value, "0123456789")] = '\0';
	if (value && kt_parse_u64(value, &n) == 0)
		kt_json_u64(j, key, n);
	else
		kt_json_null(j, key);
}

/* "always [madvise] never" -> "madvise". */
static void key_chosen(struct kt_json *j, const char *key, const char *path)
{
	char text[256], *from, *to;

	if (kt_file_read_small(path, text, sizeof(text)) < 0) {
		kt_json_null(j, key);
		return;
	}
	from = strchr(text, '[');
	to = from ? strchr(from, ']') : NULL;
	if (to)
		kt_json_strn(j, key, from + 1, (size_t)(to - from - 1));
	else
		kt_json_str(j, key, text);
}

static void key_file(struct kt_json *j, const char *key, const char *path)
{
	char text[FILE_MAX];

	kt_json_str(j, key, kt_file_read_small(path, text, sizeof(text)) < 0 ? NULL : text);
}

/*
 * Names in @dir that begin with @prefix, in order; with @numbered only those that go on with a
 * digit.
 */
static void list_names(const char *dir, const char *prefix, bool numbered, struct kt_strv *ret)
{
	kt_auto(dir) DIR *d = opendir(dir);
	struct dirent *de;

	while (d && ret->nr < NAMES_MAX && (de = readdir(d))) {
		if (kt_starts_with(de->d_name, prefix) &&
		    (!numbered || isdigit((unsigned char)de->d_name[strlen(prefix)])) &&
		    kt_strv_add(ret, de->d_name) < 0)
			return;
	}
	if (ret->nr)
		qsort(ret->v, ret->nr, sizeof(*ret->v), kt_compare_strings);
}

static void tunables(struct kt_json *j)
{
	kt_auto(strv) struct kt_strv names = { 0 };

	list_names("/proc/sys/kernel", "sched_", false, &names);
	kt_json_object_begin(j, "sched_tunables");
	for (size_t i = 0; i < names.nr; i++) {
		kt_auto(mem) char *path = kt_fmt("/proc/sys/kernel/%s", names.v[i]);
		char text[FILE_MAX];

		/* Some of these are directories, some only for root. */
		if (path && kt_file_read_small(path, text, sizeof(text)) >= 0)
			kt_json_str(j, names.v[i], text);
	}
	kt_json_object_end(j);
}

static void governors(struct kt_json *j)
{
	kt_auto(strv) struct kt_strv names = { 0 };

	list_names("/sys/devices/system/cpu", "cpu", true, &names);
	kt_json_object_begin(j, "cpufreq_governor");
	for (size_t i = 0; i < names.nr; i++) {
		kt_auto(mem) char *path =
			kt_fmt("/sys/devices/system/cpu/%s/cpufreq/scaling_governor", names.v[i]);
		char text[64];

		if (path && kt_file_read_small(path, text, sizeof(text)) >= 0)
			kt_json_str(j, names.v[i] + strlen("cpu"), text);
	}
	kt_json_object_end(j);
}

static void numa_nodes(struct kt_json *j)
{
	kt_auto(strv) struct kt_strv names = { 0 };

	list_names("/sys/devices/system/node", "node", true, &names);
	if (names.nr)
		kt_json_u64(j, "numa_nodes", names.nr);
	else
		kt_json_null(j, "numa_nodes");
}

void cell_host_context_json(struct kt_json *j, const char *key)
{
	char cpuinfo[FILE_MAX] = "", meminfo[FILE_MAX] = "";
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	struct utsname u = { 0 };

	/* The first processor's part is enough; neither file being there makes its keys null. */
	(void)kt_file_read_small("/proc/cpuinfo", cpuinfo, sizeof(cpuinfo));
	(void)kt_file_read_small("/proc/meminfo", meminfo, sizeof(meminfo));
	(void)uname(&u);
	kt_json_object_begin(j, key);
	key_str(j, "cpu_model", cpuinfo, "model name");
	key_str(j, "cpu_vendor", cpuinfo, "vendor_id");
	key_number(j, "total_memory_kb", meminfo, "MemTotal");
	key_number(j, "hugepages_total", meminfo, "HugePages_Total");
	key_number(j, "hugepages_free", meminfo, "HugePages_Free");
	key_number(j, "hugepages_size_kb", meminfo, "Hugepagesize");
	key_chosen(j, "thp_enabled", "/sys/kernel/mm/transparent_hugepage/enabled");
	key_chosen(j, "thp_defrag", "/sys/kernel/mm/transparent_hugepage/defrag");
	tunables(j);
	if (online > 0)
		kt_json_u64(j, "online_cpus", (uint64_t)online);
	else
		kt_json_null(j, "online_cpus");
	numa_nodes(j);
	governors(j);
	kt_json_str(j, "kernel_name", u.sysname);
	kt_json_str(j, "kernel_release", u.release);
	kt_json_str(j, "arch", u.machine);
	key_file(j, "kernel_cmdline", "/proc/cmdline");
	kt_json_null(j, "heap_state");
	kt_json_object_end(j);
}
