/* SPDX-License-Identifier: GPL-2.0-only */
/* Diagnostics to stderr, by area and level: KTSTR_LOG=info,vmm=trace. Results never travel here. */
#ifndef KTSTR_BASE_LOG_H
#define KTSTR_BASE_LOG_H

#include "base/err.h"

enum kt_level { KT_ERROR, KT_WARN, KT_INFO, KT_DEBUG, KT_TRACE };

/* Areas are the module names. KT_AREA_NR is their count. */
enum kt_area {
	KT_AREA_BASE,
	KT_AREA_CONFIG,
	KT_AREA_SCENARIO,
	KT_AREA_KERNEL_CACHE,
	KT_AREA_GUEST,
	KT_AREA_VMM,
	KT_AREA_CAPTURE,
	KT_AREA_BPF,
	KT_AREA_DRIVER,
	KT_AREA_NR,
};

extern unsigned char kt_log_levels[KT_AREA_NR]; /* set by kt_log_configure only */

#define kt_log_enabled(area, level) ((level) <= kt_log_levels[area])
#define kt_log(area, level, ...) \
	do { \
		if (kt_log_enabled(area, level)) \
			kt_log_write((area), (level), __VA_ARGS__); \
	} while (0)

void kt_log_write(enum kt_area area, enum kt_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * Apply a spec such as "info,vmm=trace" (NULL: keep). KT_E_USAGE names the unknown area or level and the
 * nearest one.
 */
int kt_log_configure(const char *spec, struct kt_err *e);

/**
 * Where lines go: a hook gets each whole line without newline (the terminal's progress display clears its
 * lines first, then prints). NULL restores stderr. Called on the thread that logs.
 */
void kt_log_set_hook(void (*hook)(void *ctx, enum kt_level level, const char *line), void *ctx);

#endif
