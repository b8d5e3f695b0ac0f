/* SPDX-License-Identifier: GPL-2.0-only */
/* Histogram of wake-up latencies: logarithmic, from nanoseconds to minutes in a small array. */
#include "guest/internal.h"

enum { WAKE_STEPS = 4 }; /* buckets an octave */

unsigned gst_wake_bucket(uint64_t ns)
{
	unsigned octave, bucket;

	if (ns < WAKE_STEPS)
		return (unsigned)ns;
	octave = 63 - (unsigned)__builtin_clzll(ns);
	bucket = (octave - 1) * WAKE_STEPS + (unsigned)(ns >> (octave - 2) & (WAKE_STEPS - 1));
	return bucket < GST_WAKE_BUCKETS ? bucket : GST_WAKE_BUCKETS - 1;
}

/* The largest latency that belongs into @bucket. */
static uint64_t wake_bucket_end(unsigned bucket)
{
	unsigned octave = bucket / WAKE_STEPS + 1;

	if (bucket < WAKE_STEPS)
		return bucket;
	return (((uint64_t)WAKE_STEPS + bucket % WAKE_STEPS + 1) << (octave - 2)) - 1;
}

uint64_t gst_wake_percentile(const struct gst_slot *s, unsigned percent)
{
	uint64_t total = 0, seen = 0;
	unsigned b;

	for (b = 0; b < GST_WAKE_BUCKETS; b++)
		total += s->wake[b];
	if (total == 0)
		return 0;
	for (b = 0; b < GST_WAKE_BUCKETS - 1; b++) {
		seen += s->wake[b];
		if (seen * 100 >= total * percent)
			break;
	}
	return wake_bucket_end(b);
}
