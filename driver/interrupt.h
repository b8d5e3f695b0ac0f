/* SPDX-License-Identifier: GPL-2.0-only */
/* Ctrl-C and its relatives: a descriptor while we wait in poll(), an immediate exit before that. */
#ifndef KTSTR_DRIVER_INTERRUPT_H
#define KTSTR_DRIVER_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

#include "base/err.h"
#include "driver/term.h"

/*
 * Until drv_signals_begin: SIGINT, SIGTERM and SIGHUP end the program at once with exit code 130. For work
 * that is safe to be cut anywhere (the kernel cache is).
 */
void drv_interrupt_exits(const struct drv_term *t);

/*
 * SIGINT, SIGTERM, SIGHUP and SIGWINCH are blocked and arrive on fd; of the first three only those
 * that were not ignored when we were started.
 */
struct drv_signals {
	int fd; /* -1: not begun */
	sigset_t before;
};
#define DRV_SIGNALS_NONE \
	{ \
		.fd = -1 \
	}
int drv_signals_begin(struct drv_signals *s, struct kt_err *e);
void drv_signals_end(struct drv_signals *s);
static inline void kt_cleanup_drv_signals(struct drv_signals *s)
{
	drv_signals_end(s);
}
/* In a child: as before drv_signals_begin, with the default actions. */
void drv_signals_in_child(const struct drv_signals *s);

/*
 * Take what has arrived, without waiting. Returns how many of them ask to stop; window changes go
 * to @t.
 */
unsigned drv_signals_take(struct drv_signals *s, struct drv_term *t);

#endif
