/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers of sched_ext by their names, for people. */
#ifndef KTSTR_CAPTURE_DECODE_H
#define KTSTR_CAPTURE_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* "SCX_DSQ_LOCAL_ON|3", "SCX_DSQ_GLOBAL", "DSQ(0x1f)". */
void cap_decode_dsq(struct kt_buf *b, uint64_t id);
/* "WAKEUP|PREEMPT|0x10"; "NONE". */
void cap_decode_enq_flags(struct kt_buf *b, uint64_t flags);
/*
 * Of sched_ext_entity.flags: "QUEUED|ENABLED". What the number of a state means differs between kernels: @states are their names,
 * from 0 on, with blanks between, as a report has them; NULL, or too few: "QUEUED|state=3".
 */
void cap_decode_task_flags(struct kt_buf *b, uint64_t flags, const char *states);
void cap_decode_kick_flags(struct kt_buf *b, uint64_t flags);
void cap_decode_rq_flags(struct kt_buf *b, uint64_t flags);
/* "QUEUED qseq=17" */
void cap_decode_ops_state(struct kt_buf *b, uint64_t state);
/* What member @name of a struct @type (NULL: not known) says, as one of those. False: it is just a number. */
bool cap_decode_member(struct kt_buf *b, const char *type, const char *name, uint64_t value,
		       const char *task_states);

#endif
