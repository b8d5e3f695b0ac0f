/* SPDX-License-Identifier: GPL-2.0-only */
/* Between sched.c (which cell when) and sched_cell.c (one cell's process). */
#ifndef KTSTR_DRIVER_SCHED_H
#define KTSTR_DRIVER_SCHED_H

#include "driver/run.h"

/* Fork the cell's process. On failure the cell has not started. */
int drv_cell_spawn(struct drv_run *r, struct drv_cell *c, drv_cell_main cell_main,
		   const struct drv_signals *signals, struct kt_err *e);
/* Messages have arrived, or the other end is closed (msg_fd is -1 afterwards). */
void drv_cell_read(struct drv_run *r, struct drv_cell *c);
/* Its process has ended: reap it, settle verdict and files, report. */
void drv_cell_ended(struct drv_run *r, struct drv_cell *c);
/* The next step of ending it: SIGTERM, then, DRV_TERM_GRACE_S later, SIGKILL. */
void drv_cell_stop(struct drv_cell *c, uint64_t now_ns);
void drv_cell_kill(struct drv_cell *c);
/* It cannot be run at all: an error cell with that text. */
void drv_cell_refuse(struct drv_run *r, struct drv_cell *c, const char *kind, const char *text);

enum { DRV_TERM_GRACE_S = 5 };

#endif
