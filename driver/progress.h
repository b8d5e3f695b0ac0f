/* SPDX-License-Identifier: GPL-2.0-only */
/* Status lines as pure text: of a run of cells, and of a transfer. */
#ifndef KTSTR_DRIVER_PROGRESS_H
#define KTSTR_DRIVER_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "driver/cell/cell.h"

struct drv_progress_cell {
	const char *name;
	enum cell_phase phase;
	uint64_t elapsed_ns;
};
struct drv_progress {
	size_t done, total, failed;
	const struct drv_progress_cell *running;
	size_t nr_running;
	bool stopping;
	bool utf8;
};
/*
 * "[3/12] booting two_cgroups 1.2 s · running smt 4.2 s"; what does not fit in @columns becomes "+2
 * more".
 */
void drv_progress_line(struct kt_buf *b, const struct drv_progress *p, size_t columns);

/* "fetch x: 3.2 MiB of 14.2 MiB  23 %  [=====>      ]  1.2 MiB/s"; @total 0: unknown. @columns 0: any, and no bar. */
void drv_transfer_line(struct kt_buf *b, const char *what, uint64_t done, uint64_t total,
		       double per_second, size_t columns);

/*
 * "compile 6.12.117  [=====>    ]  412/1300, 2:10 left"; @seconds_left < 0: not known. @total is an estimate that @done
 * may pass. @columns 0: any, and no bar.
 */
void drv_count_line(struct kt_buf *b, const char *what, uint64_t done, uint64_t total,
		    double seconds_left, size_t columns);
/* "2:10", "1:02:03". */
void drv_add_minutes(struct kt_buf *b, double seconds);

const char *drv_phase_name(enum cell_phase phase); /* "starting", "booting", ... */

#endif
