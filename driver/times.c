/* SPDX-License-Identifier: GPL-2.0-only */
/* Ages as people say and type them. */
#include "driver/times.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/parse.h"

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR, WEEK = 7 * DAY, YEAR = 365 * DAY };

void drv_add_seconds(struct kt_buf *b, uint64_t seconds)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = {
		{ YEAR, "year" },     { DAY, "day" },  { HOUR, "hour" },
		{ MINUTE, "minute" }, { 1, "second" },
	};
	size_t i = 0;
	uint64_t n;

	while (i + 1 < sizeof(units) / sizeof(units[0]) && seconds < units[i].seconds)
		i++;
	n = seconds / units[i].seconds;
	kt_buf_addf(b, "%llu %s%s", (unsigned long long)n, units[i].name, n == 1 ? "" : "s");
}

void drv_add_ago(struct kt_buf *b, time_t then, time_t now)
{
	if (then >= now) {
		kt_buf_adds(b, "just now");
		return;
	}
	drv_add_seconds(b, (uint64_t)(now - then));
	kt_buf_adds(b, " ago");
}

int drv_parse_age(const char *s, uint64_t *ret_seconds)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', MINUTE }, { 'h', HOUR }, { 'd', DAY }, { 'w', WEEK } };
	size_t len = strlen(s);

	for (size_t i = 0; len && i < sizeof(units) / sizeof(units[0]); i++) {
		char number[24];
		uint64_t n;
		int r;

		if (s[len - 1] != units[i].letter)
			continue;
		if (kt_snprintf(number, sizeof(number), "%.*s", (int)len - 1, s) < 0)
			return -ERANGE;
		r = kt_parse_u64(number, &n);
		if (r < 0)
			return r;
		return __builtin_mul_overflow(n, units[i].seconds, ret_seconds) ? -ERANGE : 0;
	}
	return -EINVAL;
}
