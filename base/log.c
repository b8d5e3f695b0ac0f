/* SPDX-License-Identifier: GPL-2.0-only */
/* Diagnostics by area and level. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"

enum { NR_LEVELS = KT_TRACE + 1 };

static const char *const level_names[NR_LEVELS] = {
	[KT_ERROR] = "error", [KT_WARN] = "warn",   [KT_INFO] = "info",
	[KT_DEBUG] = "debug", [KT_TRACE] = "trace",
};

static const char *const area_names[KT_AREA_NR] = {
	[KT_AREA_BASE] = "base",         [KT_AREA_CONFIG] = "config",
	[KT_AREA_SCENARIO] = "scenario", [KT_AREA_KERNEL_CACHE] = "kernel-cache",
	[KT_AREA_GUEST] = "guest",       [KT_AREA_VMM] = "vmm",
	[KT_AREA_CAPTURE] = "capture",   [KT_AREA_BPF] = "bpf",
	[KT_AREA_DRIVER] = "driver",
};

unsigned char kt_log_levels[KT_AREA_NR] = {
	KT_INFO, KT_INFO, KT_INFO, KT_INFO, KT_INFO, KT_INFO, KT_INFO, KT_INFO, KT_INFO,
};
_Static_assert(KT_AREA_NR == 9, "give the new area its default level above");

static void (*line_hook)(void *ctx, enum kt_level level, const char *line);
static void *line_hook_ctx;

void kt_log_set_hook(void (*hook)(void *ctx, enum kt_level level, const char *line), void *ctx)
{
	line_hook = hook;
	line_hook_ctx = ctx;
}

static void emit_line(enum kt_area area, enum kt_level level, uint64_t at_ns, const char *text,
		      size_t len)
{
	kt_auto(buf) struct kt_buf line = { 0 };

	kt_buf_addf(&line, "ktstr: %s: %s: ", level_names[level], area_names[area]);
	if (level >= KT_DEBUG)
		kt_buf_addf(&line, "[%llu.%06llu] ", (unsigned long long)(at_ns / 1000000000),
			    (unsigned long long)(at_ns / 1000 % 1000000));
	kt_buf_add_printable(&line, text, len);
	if (line_hook) {
		line_hook(line_hook_ctx, level, kt_buf_str(&line));
		return;
	}
	kt_buf_addc(&line, '\n');
	/* One write a line, so that lines of several processes do not mix; nobody can be told of a failure. */
	(void)kt_write_all(STDERR_FILENO, kt_buf_str(&line), line.len);
}

/* The first line logged is the origin of all times. Two threads may both think that they are first; either will do. */
static uint64_t since_start_ns(void)
{
	static uint64_t start_ns;
	uint64_t now = kt_now_ns(), start = __atomic_load_n(&start_ns, __ATOMIC_RELAXED);

	if (start == 0) {
		start = now;
		__atomic_store_n(&start_ns, start, __ATOMIC_RELAXED);
	}
	return now - start;
}

void kt_log_write(enum kt_area area, enum kt_level level, const char *fmt, ...)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	uint64_t at_ns = since_start_ns();
	const char *line, *end;
	va_list ap;

	va_start(ap, fmt);
	kt_buf_vaddf(&text, fmt, ap);
	va_end(ap);
	line = kt_buf_str(&text);
	for (;;) {
		end = strchrnul(line, '\n');
		emit_line(area, level, at_ns, line, (size_t)(end - line));
		if (end[0] == '\0' || end[1] == '\0')
			break;
		line = end + 1;
	}
}

static int find_name(const char *name, const char *const *names, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (kt_streq(name, names[i]))
			return (int)i;
	}
	return -1;
}

static int unknown_name(const char *what, const char *name, const char *const *names, size_t nr,
			struct kt_err *e)
{
	const char *near = kt_nearest(name, names, nr);

	if (near)
		return kt_fail(e, KT_E_USAGE, EINVAL, "unknown log %s '%s', did you mean '%s'?",
			       what, name, near);
	return kt_fail(e, KT_E_USAGE, EINVAL, "unknown log %s '%s'", what, name);
}

/* One "level" or "area=level"; @item is cut at its '='. */
static int apply_item(char *item, unsigned char *levels, struct kt_err *e)
{
	char *equals = strchr(item, '=');
	const char *level_name = equals ? equals + 1 : item;
	int area, level;

	if (equals)
		*equals = '\0';
	level = find_name(level_name, level_names, NR_LEVELS);
	if (equals) {
		area = find_name(item, area_names, KT_AREA_NR);
		if (area < 0)
			return unknown_name("area", item, area_names, KT_AREA_NR, e);
	}
	if (level < 0)
		return unknown_name("level", level_name, level_names, NR_LEVELS, e);
	if (equals)
		levels[area] = (unsigned char)level;
	else
		memset(levels, level, KT_AREA_NR);
	return 0;
}

int kt_log_configure(const char *spec, struct kt_err *e)
{
	unsigned char levels[KT_AREA_NR];
	kt_auto(mem) char *copy = NULL;
	char *rest, *item;
	int r;

	if (!spec || !*spec)
		return 0;
	copy = strdup(spec);
	if (!copy)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read log levels '%s'", spec);
	memcpy(levels, kt_log_levels, sizeof(levels));
	rest = copy;
	while ((item = strsep(&rest, ","))) {
		r = apply_item(item, levels, e);
		if (r < 0)
			return r;
	}
	memcpy(kt_log_levels, levels, sizeof(levels));
	return 0;
}
