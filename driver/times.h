/* SPDX-License-Identifier: GPL-2.0-only */
/* Ages as people say and type them. */
#ifndef KTSTR_DRIVER_TIMES_H
#define KTSTR_DRIVER_TIMES_H

#include <stdint.h>
#include <time.h>

#include "base/str.h"

/* "12 seconds", "1 minute", "3 days", "2 years": the largest unit alone, rounded down. */
void drv_add_seconds(struct kt_buf *b, uint64_t seconds);
/* "3 days ago"; "just now", also of a time that is yet to come. */
void drv_add_ago(struct kt_buf *b, time_t then, time_t now);
/* "30d", "2w", "12h", "90m", "3600s". -EINVAL bad text, -ERANGE too much. */
int drv_parse_age(const char *s, uint64_t *ret_seconds);

#endif
