/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of work types. */
#include "scenario/scenario.h"

#define MS UINT64_C(1000000)

const struct scn_work_info scn_work_types[SCN_WORK_NR] = {
	[SCN_WORK_SPIN_WAIT] = {
		.name = "spin_wait",
		.help = "burn the CPU without a pause",
		.group = 1,
	},
	[SCN_WORK_YIELD_HEAVY] = {
		.name = "yield_heavy",
		.help = "call sched_yield() in a loop",
		.group = 1,
	},
	[SCN_WORK_BURSTY] = {
		.name = "bursty",
		.help = "run for 'burst', then sleep for 'sleep'",
		.group = 1,
		.has_burst = true,
		.default_burst_ns = 5 * MS,
		.default_sleep_ns = 5 * MS,
	},
	[SCN_WORK_PIPE_IO] = {
		.name = "pipe_io",
		.help = "pairs that pass one byte to and fro over two pipes",
		.group = 2,
	},
};
