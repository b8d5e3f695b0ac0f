/* SPDX-License-Identifier: GPL-2.0-only */
/* Fuzz numbers, durations, sizes and CPU lists; what is accepted must print and read back as the same. */
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void fuzz_cpuset(const char *text)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_cpuset set, again;

	if (kt_cpuset_parse(text, &set) < 0)
		return;
	kt_cpuset_format(&b, &set);
	must(kt_cpuset_parse(kt_buf_str(&b), &again) == 0);
	must(kt_cpuset_equal(&set, &again));
}

static void fuzz_duration(const char *text)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	uint64_t ns, again;

	if (kt_parse_duration_ns(text, &ns) < 0)
		return;
	kt_format_duration(&b, ns);
	must(kt_parse_duration_ns(kt_buf_str(&b), &again) == 0);
	must(ns == again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kt_auto(mem) char *text = malloc(size + 1);
	uint64_t u;
	int64_t i;
	double percent;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	fuzz_cpuset(text);
	fuzz_duration(text);
	if (kt_parse_i64(text, &i) == 0 && i > 0)
		must(kt_parse_u64(text, &u) == 0 && u == (uint64_t)i);
	if (kt_parse_percent(text, &percent) == 0)
		must(percent >= 0 && percent <= 100);
	(void)kt_parse_size(text, &u);
	return 0;
}
