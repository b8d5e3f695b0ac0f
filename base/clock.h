/* SPDX-License-Identifier: GPL-2.0-only */
/* Monotonic time and deadlines; wall time as text. */
#ifndef KTSTR_BASE_CLOCK_H
#define KTSTR_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "base/str.h"

uint64_t kt_now_ns(void); /* CLOCK_MONOTONIC */
/* Milliseconds until @deadline_ns for poll(): rounded up, 0 when past, at most INT_MAX. UINT64_MAX: -1. */
int kt_poll_timeout(uint64_t deadline_ns);
/* ISO 8601 UTC, "2026-11-21T06:30:00Z". */
void kt_format_time(struct kt_buf *b, time_t t);

#endif
