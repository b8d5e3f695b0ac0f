/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers, durations, sizes, percentages and CPU lists from text and back. */
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

int kt_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Digits of @radix at *@s, at least one; *@s moves past them. */
static int parse_digits(const char **s, unsigned radix, uint64_t *ret)
{
	const char *p = *s;
	bool overflow = false;
	uint64_t v = 0;
	int d;

	for (; (d = kt_hex_digit(*p)) >= 0 && (unsigned)d < radix; p++) {
		if (__builtin_mul_overflow(v, (uint64_t)radix, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			overflow = true;
	}
	if (p == *s)
		return -EINVAL;
	*s = p;
	*ret = v;
	return overflow ? -ERANGE : 0;
}

int kt_parse_u64(const char *s, uint64_t *ret)
{
	unsigned radix = 10;
	uint64_t v = 0;
	int r;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		radix = 16;
		s += 2;
	}
	r = parse_digits(&s, radix, &v);
	if (*s != '\0') /* bad text is reported before a number too large */
		return -EINVAL;
	if (r < 0)
		return r;
	*ret = v;
	return 0;
}

int kt_parse_i64(const char *s, int64_t *ret)
{
	bool negative = s[0] == '-';
	uint64_t v = 0;
	int r;

	r = kt_parse_u64(s + negative, &v);
	if (r < 0)
		return r;
	if (v > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*ret = negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

int kt_parse_uint(const char *s, unsigned min, unsigned max, unsigned *ret)
{
	uint64_t v = 0;
	int r;

	r = kt_parse_u64(s, &v);
	if (r < 0)
		return r;
	if (v < min || v > max)
		return -ERANGE;
	*ret = (unsigned)v;
	return 0;
}

struct unit {
	const char *name;
	uint64_t scale;
};

/* The largest first, for kt_format_duration. */
static const struct unit duration_units[] = {
	{ "h", UINT64_C(3600000000000) },
	{ "m", UINT64_C(60000000000) },
	{ "s", 1000000000 },
	{ "ms", 1000000 },
	{ "us", 1000 },
	{ "ns", 1 },
};

static const struct unit size_units[] = {
	{ "B", 1 },
	{ "K", UINT64_C(1) << 10 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "M", UINT64_C(1) << 20 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "G", UINT64_C(1) << 30 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "T", UINT64_C(1) << 40 },
	{ "TiB", UINT64_C(1) << 40 },
};

enum {
	FRACTION_DIGITS_MAX = 18,
	NR_DURATION_UNITS = sizeof(duration_units) / sizeof(duration_units[0]),
	NR_SIZE_UNITS = sizeof(size_units) / sizeof(size_units[0])
};

/* "12", "1.5": a whole part and a fraction in units of 1 / *@ret_scale; *@s moves past it. */
static int parse_fixed(const char **s, uint64_t *ret_whole, uint64_t *ret_fraction,
		       uint64_t *ret_scale)
{
	const char *start;
	int r;

	*ret_fraction = 0;
	*ret_scale = 1;
	r = parse_digits(s, 10, ret_whole);
	if (r == -EINVAL || **s != '.')
		return r;
	start = ++*s;
	if (parse_digits(s, 10, ret_fraction) < 0 || *s - start > FRACTION_DIGITS_MAX)
		return -EINVAL;
	for (; start < *s; start++)
		*ret_scale *= 10;
	return r;
}

static int parse_scaled(const char *s, const struct unit *units, size_t nr, bool bare_zero,
			uint64_t *ret)
{
	uint64_t whole = 0, fraction, scale, v, part;
	int r;

	r = parse_fixed(&s, &whole, &fraction, &scale);
	if (r == -EINVAL)
		return r;
	if (bare_zero && r == 0 && *s == '\0' && whole == 0 && scale == 1) {
		*ret = 0;
		return 0;
	}
	for (size_t i = 0; i < nr; i++) {
		if (!kt_streq(s, units[i].name))
			continue;
		part = (uint64_t)((unsigned __int128)fraction * units[i].scale / scale);
		if (r < 0 || __builtin_mul_overflow(whole, units[i].scale, &v) ||
		    __builtin_add_overflow(v, part, &v))
			return -ERANGE;
		*ret = v;
		return 0;
	}
	return -EINVAL;
}

int kt_parse_duration_ns(const char *s, uint64_t *ret_ns)
{
	return parse_scaled(s, duration_units, NR_DURATION_UNITS, false, ret_ns);
}

int kt_parse_size(const char *s, uint64_t *ret_bytes)
{
	return parse_scaled(s, size_units, NR_SIZE_UNITS, true, ret_bytes);
}

int kt_parse_percent(const char *s, double *ret)
{
	uint64_t whole = 0, fraction, scale;
	int r;

	r = parse_fixed(&s, &whole, &fraction, &scale);
	if (r == -EINVAL || !kt_streq(s, "%"))
		return -EINVAL;
	if (r < 0 || whole > 100 || (whole == 100 && fraction > 0))
		return -ERANGE;
	*ret = (double)whole + (double)fraction / (double)scale;
	return 0;
}

void kt_format_duration(struct kt_buf *b, uint64_t ns)
{
	if (ns == 0) {
		kt_buf_adds(b, "0s");
		return;
	}
	for (size_t i = 0; i < NR_DURATION_UNITS; i++) {
		if (ns % duration_units[i].scale == 0) {
			kt_buf_addf(b, "%llu%s", (unsigned long long)(ns / duration_units[i].scale),
				    duration_units[i].name);
			return;
		}
	}
}

void kt_format_size(struct kt_buf *b, uint64_t bytes)
{
	static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		kt_buf_addf(b, "%llu B", (unsigned long long)bytes);
		return;
	}
	/* 1023.95 and more would be rounded to "1024.0". */
	for (; v >= 1023.95 && i + 1 < sizeof(names) / sizeof(names[0]); i++)
		v /= 1024;
	kt_buf_addf(b, "%.1f %s", v, names[i]);
}

unsigned kt_cpuset_count(const struct kt_cpuset *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < KT_CPUS_MAX / 64; i++)
		n += (unsigned)__builtin_popcountll(s->bits[i]);
	return n;
}

bool kt_cpuset_equal(const struct kt_cpuset *a, const struct kt_cpuset *b)
{
	return memcmp(a->bits, b->bits, sizeof(a->bits)) == 0;
}

bool kt_cpuset_within(const struct kt_cpuset *a, const struct kt_cpuset *b)
{
	for (size_t i = 0; i < KT_CPUS_MAX / 64; i++) {
		if (a->bits[i] & ~b->bits[i])
			return false;
	}
	return true;
}

static int parse_cpu(const char **s, unsigned *ret)
{
	uint64_t v = 0;
	int r;

	r = parse_digits(s, 10, &v);
	if (r < 0)
		return r;
	if (v >= KT_CPUS_MAX)
		return -ERANGE;
	*ret = (unsigned)v;
	return 0;
}

int kt_cpuset_parse(const char *s, struct kt_cpuset *ret)
{
	struct kt_cpuset set = { 0 };
	unsigned first, last;
	int r;

	while (*s != '\0' && *s != '\n') {
		r = parse_cpu(&s, &first);
		if (r < 0)
			return r;
		last = first;
		if (*s == '-') {
			s++;
			r = parse_cpu(&s, &last);
			if (r < 0)
				return r;
		}
		if (last < first)
			return -EINVAL;
		for (unsigned cpu = first; cpu <= last; cpu++)
			kt_cpuset_add(&set, cpu);
		if (*s == ',' && isdigit((unsigned char)s[1]))
			s++;
		else if (*s != '\0' && *s != '\n')
			return -EINVAL;
	}
	if (*s == '\n' && s[1] != '\0')
		return -EINVAL;
	*ret = set;
	return 0;
}

void kt_cpuset_format(struct kt_buf *b, const struct kt_cpuset *s)
{
	const char *comma = "";
	unsigned cpu = 0, last;

	while (cpu < KT_CPUS_MAX) {
		if (!kt_cpuset_has(s, cpu)) {
			cpu++;
			continue;
		}
		for (last = cpu; kt_cpuset_has(s, last + 1); last++)
			;
		if (last == cpu)
			kt_buf_addf(b, "%s%u", comma, cpu);
		else
			kt_buf_addf(b, "%s%u-%u", comma, cpu, last);
		comma = ",";
		cpu = last + 1;
	}
}
