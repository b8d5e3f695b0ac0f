/* SPDX-License-Identifier: GPL-2.0-only */
/* Monotonic time, poll timeouts from deadlines, ISO 8601 text. */
#include "base/clock.h"

#include <limits.h>

uint64_t kt_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int kt_poll_timeout(uint64_t deadline_ns)
{
	uint64_t now, left_ns, left_ms;

	if (deadline_ns == UINT64_MAX)
		return -1;
	now = kt_now_ns();
	if (now >= deadline_ns)
		return 0;
	left_ns = deadline_ns - now;
	/* Rounded up: a poll that returns early would make its caller spin through the last millisecond. */
	left_ms = left_ns / 1000000 + (left_ns % 1000000 != 0);
	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

void kt_format_time(struct kt_buf *b, time_t t)
{
	struct tm tm;
	char text[64];

	if (!gmtime_r(&t, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
		kt_buf_adds(b, "(time out of range)");
		return;
	}
	kt_buf_adds(b, text);
}
