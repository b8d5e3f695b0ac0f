/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts that a cell is made of: logs, what the console and the scheduler's log tell, frames,
 * the outcome and its files.
 */
#ifndef KTSTR_DRIVER_CELL_PARTS_H
#define KTSTR_DRIVER_CELL_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "driver/cell/cell.h"
#include "driver/cell/coordinator.h"
#include "scenario/scenario.h"
#include "vmm/vmm.h"

/* ---- logs (log.c) ---- */

/* The last bytes of a stream: at least @keep of them, once so many came, and at most twice that. */
struct cell_tail {
	struct kt_buf b;
	size_t keep;
	uint64_t dropped; /* bytes before what is kept */
};
void cell_tail_add(struct cell_tail *t, const void *data, size_t len);

/*
 * A log file with a limit. The first @head_max bytes go to the file as they come. What follows is
 * kept as a rolling tail of @tail_max bytes and written by cell_log_close, after a line that says
 * how much is missing between the two.
 */
struct cell_log {
	int fd; /* -1: not open */
	char *path;
	uint64_t head_max, head;
	struct cell_tail rest; /* beyond the head */
	struct cell_tail last; /* for the failure text, whatever went to the file */
	int error; /* first errno of a write; nothing more is written */
};
enum { CELL_LOG_HEAD = 15 << 20, CELL_LOG_TAIL = 1 << 20, CELL_LOG_LAST = 64 << 10 };
#define CELL_LOG_NONE \
	{ \
		.fd = -1 \
	}
struct cell_log_limits {
	uint64_t head_max; /* 0: CELL_LOG_HEAD */
	size_t tail_max; /* 0: CELL_LOG_TAIL */
};
/* @limits may be NULL. */
int cell_log_open(struct cell_log *l, const char *dir, const char *name,
		  const struct cell_log_limits *limits, struct kt_err *e);
void cell_log_add(struct cell_log *l, const void *data, size_t len);
/*
 * Write the tail and close. KT_E_HOST names the file when anything of it could not be written.
 * l->last stays.
 */
int cell_log_close(struct cell_log *l, struct kt_err *e);
void cell_log_done(struct cell_log *l);

/*
 * Cuts a stream into lines, without their ends. A longer line than CELL_LINE_MAX - 1 is cut, never
 * split.
 */
enum { CELL_LINE_MAX = 1024 };
struct cell_lines {
	size_t len;
	char text[CELL_LINE_MAX];
};
void cell_lines_feed(struct cell_lines *l, const void *data, size_t len,
		     void (*line)(void *ctx, char *text), void *ctx);

/* ---- the console (console.c): has the kernel died? ---- */

struct cell_console {
	struct cell_lines lines;
	char panic
		[CELL_LINE_MAX]; /* "Kernel panic - not syncing: ...", without the time; "": none */
	char bug[CELL_LINE_MAX]; /* the first "BUG: ..." or "Oops: ..." before it; "": none */
	bool init_killed; /* the panic says that init has died */
};
/* A panic is known as soon as its line is complete. */
void cell_console_feed(struct cell_console *c, const void *data, size_t len);

/* ---- the scheduler's own log (sched_log.c): why could it not be loaded? ---- */

struct cell_sched_log {
	struct cell_lines lines;
	bool in_load_log;
	char program[64]; /* that the verifier's log is of */
	char source[128]; /* "file.c:12", of the instruction last looked at; "": not told */
	char recent[CELL_LINE_MAX]; /* last line of the verifier's log so far */
	char verifier[CELL_LINE_MAX]; /* its complaint; "": it had none */
	char complaint[CELL_LINE_MAX]; /* libbpf's first; "": none */
	char last[CELL_LINE_MAX]; /* last line that is not empty */
};
void cell_sched_log_feed(struct cell_sched_log *s, const void *data, size_t len);
/*
 * Make a verdict on a scheduler that did not come up, or left without the kernel saying why, name
 * the reason that its own log gives: a finding of what the verifier or libbpf said, first of all,
 * or its last words.
 */
void cell_explain_scheduler(const struct cell_sched_log *s, const struct scn_result *r,
			    struct scn_judgement *j);

/* ---- frames (frames.c) ---- */

/* A message that comes in pieces. They must come in order, each exactly after the one before. */
struct cell_pieces {
	struct kt_buf b;
	uint32_t total; /* 0: none seen */
};
/* KT_E_GUEST names the offsets. */
int cell_pieces_add(struct cell_pieces *p, const void *data, size_t len, struct kt_err *e);
static inline bool cell_pieces_complete(const struct cell_pieces *p)
{
	return p->total && p->b.len == p->total;
}

/* ---- outcome: what is written about a cell, as text and as JSON ---- */

struct cell_outcome {
	struct scn_judgement judgement;
	struct scn_result result;
	bool has_result;
	time_t started;
	uint64_t setup_ns, boot_ns, total_ns;
	uint64_t cleanup_ns;
	bool machine_ran;
	struct kt_strv notes; /* vm_notes(), and what this program does not do for the machine */
	uint64_t bad_frames, unknown_frames;
	struct cell_capture_summary capture;
	/* the ends of the logs; borrowed, may be NULL */
	const struct cell_tail *console, *sched_log, *kernel_log;
};
void cell_outcome_done(struct cell_outcome *o);

/* sidecar.c: the file of wire-schema.md section 8. */
void cell_sidecar_json(const struct cell_spec *c, const struct cell_outcome *o, struct kt_buf *ret);
int cell_write_sidecar(const struct cell_spec *c, const struct cell_outcome *o, struct kt_err *e);
/* host_context.c: its "host" object, from /proc and /sys. */
void cell_host_context_json(struct kt_json *j, const char *key);
/* failure_text.c: what the terminal shows of a cell that did not pass; nothing for one that did. */
void cell_failure_text(const struct cell_spec *c, const struct cell_outcome *o, struct kt_buf *ret);

/* ---- the cell itself (cell.c), and what frames do to it ---- */

struct cell {
	const struct cell_spec *spec;
	int msg_fd;
	struct cell_coordinator *capture; /* NULL: no machine */
	enum cell_phase phase;
	uint64_t started_ns, machine_ns, init_ns; /* 0: not yet */
	struct cell_log log[CELL_KERNEL_LOG + 1]; /* by enum cell_stream */
	struct cell_console console;
	struct cell_sched_log sched;
	/* what the guest said */
	bool init_up, attached, exited;
	int32_t exit_status;
	char init_failed[KT_ERR_TEXT_BYTES]; /* "": it did not */
	char protocol[KT_ERR_TEXT_BYTES]; /* first nonsense in a frame; "": none */
	struct cell_pieces result;
	/* how the machine ended */
	bool ring_broken, ended, deadline_passed;
	enum vm_end end;
	char end_text[512];
	struct cell_outcome out;
};
/* One frame whose checksum is right. */
void cell_take_frame(struct cell *c, uint32_t type, const void *data, size_t len);
/*
 * Text of a stream: into its log, to the parent when it wants it, and to whoever looks for
 * something in it.
 */
void cell_take_text(struct cell *c, enum cell_stream stream, const void *data, size_t len);
void cell_set_phase(struct cell *c, enum cell_phase phase);
/* machine.c: as told by the spec, not running yet. */
int cell_make_machine(const struct cell_spec *s, struct vm **ret, struct kt_err *e);
/* judge.c: verdict and findings from all that is known at the end. */
void cell_judge(struct cell *c);

#endif
