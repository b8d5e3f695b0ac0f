/* SPDX-License-Identifier: GPL-2.0-only */
/* When periodic captures are due. Init goes by its own clock: under -icount the host's says nothing of guest time. */
#include "scenario/scenario.h"

/* What is left of the duration in the middle: workers start and end in the tenths around it. */
static uint64_t window_ns(uint64_t duration_ns)
{
	return duration_ns - 2 * (duration_ns / 10);
}

uint64_t scn_periodic_ns(uint64_t duration_ns, uint32_t nr, uint32_t i)
{
	const uint64_t window = window_ns(duration_ns);

	if (i >= nr || window < (uint64_t)nr + 1)
		return UINT64_MAX;
	return duration_ns / 10 +
	       (uint64_t)((__extension__(unsigned __int128) window * (i + 1)) / ((uint64_t)nr + 1));
}

bool scn_periodic_fits(uint64_t duration_ns, uint32_t nr)
{
	return nr == 0 || window_ns(duration_ns) / ((uint64_t)nr + 1) >= SCN_PERIODIC_MIN_NS;
}
