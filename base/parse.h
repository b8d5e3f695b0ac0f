/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers, durations, sizes, percentages and CPU lists from text. All leaf functions: -EINVAL bad text, -ERANGE out of range. */
#ifndef KTSTR_BASE_PARSE_H
#define KTSTR_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* 0 to 15; -1: no hexadecimal digit, of either case. */
int kt_hex_digit(char c);

/* Whole string, decimal or 0x hex, no sign for u64, no spaces. Output written only on success. */
int kt_parse_u64(const char *s, uint64_t *ret);
int kt_parse_i64(const char *s, int64_t *ret);
/* As kt_parse_u64, and -ERANGE outside [min, max]. */
int kt_parse_uint(const char *s, unsigned min, unsigned max, unsigned *ret);

/* "5ns" "250us" "2ms" "1.5s" "10s" "2m" "1h": a unit is required. Result in nanoseconds, rounded down. */
int kt_parse_duration_ns(const char *s, uint64_t *ret_ns);
/* "512M" "2G" "1.5GiB" "4096K" (powers of 1024): a unit is required unless 0. Rounded down to bytes. */
int kt_parse_size(const char *s, uint64_t *ret_bytes);
/* "50%" "12.5%": 0 to 100. Result in percent. */
int kt_parse_percent(const char *s, double *ret);

/* Shortest exact text: "2ms", "1500ms", "10s". */
void kt_format_duration(struct kt_buf *b, uint64_t ns);
/* For people: "14.2 MiB". */
void kt_format_size(struct kt_buf *b, uint64_t bytes);

/* A set of CPUs (or of nodes), by number. A value; { 0 } is empty. */
enum { KT_CPUS_MAX = 1024 };
struct kt_cpuset {
	uint64_t bits[KT_CPUS_MAX / 64];
};

static inline void kt_cpuset_add(struct kt_cpuset *s, unsigned cpu)
{
	if (cpu < KT_CPUS_MAX)
		s->bits[cpu / 64] |= UINT64_C(1) << (cpu % 64);
}
static inline bool kt_cpuset_has(const struct kt_cpuset *s, unsigned cpu)
{
	return cpu < KT_CPUS_MAX && (s->bits[cpu / 64] >> (cpu % 64) & 1);
}
unsigned kt_cpuset_count(const struct kt_cpuset *s);
bool kt_cpuset_equal(const struct kt_cpuset *a, const struct kt_cpuset *b);
/* Every member of @a is in @b. */
bool kt_cpuset_within(const struct kt_cpuset *a, const struct kt_cpuset *b);
/* The kernel's list format "0-3,8"; trailing newline allowed, "" is the empty set. */
int kt_cpuset_parse(const char *s, struct kt_cpuset *ret);
void kt_cpuset_format(struct kt_buf *b, const struct kt_cpuset *s);

#endif
