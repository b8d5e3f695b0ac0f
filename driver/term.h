/* SPDX-License-Identifier: GPL-2.0-only */
/* The terminal: colours, and one status line at the bottom that other output does not run into. */
#ifndef KTSTR_DRIVER_TERM_H
#define KTSTR_DRIVER_TERM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/str.h"

enum drv_color { DRV_COLOR_AUTO, DRV_COLOR_ALWAYS, DRV_COLOR_NEVER };
enum drv_style {
	DRV_PLAIN,
	DRV_BOLD,
	DRV_DIM,
	DRV_RED,
	DRV_GREEN,
	DRV_YELLOW,
	DRV_CYAN,
	DRV_STYLE_NR
};

struct drv_term {
	bool live; /* stderr is a terminal that can redraw a line */
	bool color_out; /* stdout */
	bool color_err; /* stderr */
	bool utf8;
	unsigned columns; /* of stderr; 80 when unknown */
	unsigned shown; /* status lines on the screen */
	pthread_mutex_t lock; /* of what is on the screen: several threads may show and log */
};

/*
 * Looks at the environment (NO_COLOR, TERM, LANG) and the descriptors 1 and 2; log lines go through
 * it from here on.
 */
void drv_term_init(struct drv_term *t, enum drv_color color);
/* After SIGWINCH. */
void drv_term_resize(struct drv_term *t);
/* The escape that switches @s on (off: DRV_PLAIN); "" where @to takes none. */
const char *drv_term_style(const struct drv_term *t, FILE *to, enum drv_style s);

/* Show or replace the status line; nothing when not live. Cut at the width. */
void drv_term_status(struct drv_term *t, const char *line);
/* The same with several lines, one below the other; @nr 0: none. */
void drv_term_status_lines(struct drv_term *t, const char *const *lines, size_t nr);
/* Take it away before printing anything else. */
void drv_term_clear(struct drv_term *t);
/* A line of talk on stderr, above the status lines, whole whatever other threads say. */
void drv_term_say(struct drv_term *t, const char *line);
/* In a child process: its log lines take the parent's status line away first. */
void drv_term_in_child(struct drv_term *t);

/* Columns that @s takes: code points, without counting escapes or combining marks specially. */
size_t drv_columns(const char *s);
/* Append @s, cut to @columns; a cut is marked by a final ">". */
void drv_add_cut(struct kt_buf *b, const char *s, size_t columns);
/* Append @s and blanks up to @columns. */
void drv_add_padded(struct kt_buf *b, const char *s, size_t columns);

#endif
