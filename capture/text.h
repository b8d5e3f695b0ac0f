/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that show a report as text share. */
#ifndef KTSTR_CAPTURE_TEXT_H
#define KTSTR_CAPTURE_TEXT_H

#include "capture/schema.h"

struct cap_text {
	const struct cap_report *r;
	struct kt_buf *out;
	unsigned width;
	const struct cap_task **by_kva; /* sorted; NULL: none */
	size_t nr_by_kva;
};
void cap_text_init(struct cap_text *x, const struct cap_report *r, unsigned width,
		   struct kt_buf *out);
void cap_text_done(struct cap_text *x);

/* ---- tables (text_table.c) ---- */

struct cap_table {
	struct kt_strv cell; /* row by row */
	size_t columns;
	uint64_t left; /* columns that are flush left, as bits */
	size_t bar; /* " | " before this column; 0: none */
	bool oom;
};
void cap_table_done(struct cap_table *t);
static inline void kt_cleanup_table(struct cap_table *t)
{
	cap_table_done(t);
}
void cap_table_add(struct cap_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Each row after @indent blanks, and a newline. */
void cap_table_print(const struct cap_table *t, unsigned indent, struct kt_buf *out);

/* ▁▂▃▄▅▆▇█ of numbers; negative ones count as 0. */
void cap_sparkline(struct kt_buf *b, const int64_t *v, size_t nr);

/* ---- parts (text_map.c, text_kernel.c, text_sched.c) ---- */

/* Text that the guest chose: one line, no control characters. */
void cap_text_name(struct kt_buf *b, const char *s);
/* "hash", "unknown(77)" */
void cap_text_map_type(struct kt_buf *b, uint32_t type);
void cap_text_map(struct cap_text *x, const struct cap_map_report *m);
/* What is in a map, in some words: "71 entries". */
void cap_text_map_summary(struct kt_buf *b, const struct cap_map_report *m);
/* "comm[pid]", or the address of a task that is not in the report. */
void cap_text_task(struct cap_text *x, uint64_t kva);
void cap_text_exit(struct cap_text *x);
void cap_text_dsq(struct cap_text *x, const struct cap_dsq *q, unsigned indent);
/* What a CPU runs and has to run; and with all else there is of its run queue. */
void cap_text_rq_tasks(struct cap_text *x, const struct cap_rq *q, unsigned indent);
void cap_text_rq(struct cap_text *x, const struct cap_rq *q, unsigned indent);

/*
 * A part of a report that has a name: its text is one paragraph, without a blank line around it, "" when it is not there.
 * In the order of the text.
 */
struct cap_section {
	const char *name; /* "rq" */
	const char *key; /* of the JSON: "rq_scx_states" */
	const char *unavailable; /* key of the reason why it is not there; NULL: none */
	void (*text)(struct cap_text *x);
};
extern const struct cap_section cap_sections[]; /* ends with a name of NULL */
/* Its text, and what is missing of it and why. */
void cap_text_section(struct cap_text *x, const struct cap_section *s);
void cap_text_maps(struct cap_text *x);
void cap_text_regs(struct cap_text *x);
void cap_text_sdt(struct cap_text *x);
void cap_text_static(struct cap_text *x);
void cap_text_progs(struct cap_text *x);
void cap_text_cpu_time(struct cap_text *x);
void cap_text_psi(struct cap_text *x);
void cap_text_numa(struct cap_text *x);
void cap_text_tasks(struct cap_text *x);
void cap_text_sched(struct cap_text *x);
void cap_text_dsqs(struct cap_text *x);
void cap_text_rqs(struct cap_text *x);
void cap_text_events(struct cap_text *x);
void cap_text_perf(struct cap_text *x);
void cap_text_counters(struct cap_text *x);

/* At most @max lines that tell most (text_digest.c). */
void cap_text_digest(struct cap_text *x, size_t max);

#endif
