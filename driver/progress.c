/* SPDX-License-Identifier: GPL-2.0-only */
/* Rendering of status lines for any width. */
#include "driver/progress.h"

#include <inttypes.h>

#include "base/parse.h"
#include "driver/term.h"

enum { NAME_COLUMNS_MAX = 32, MORE_COLUMNS = 12, BAR_MIN = 10, BAR_MAX = 30, BAR_FRAME = 4 };

const char *drv_phase_name(enum cell_phase phase)
{
	switch (phase) {
	case CELL_STARTING:
		return "starting";
	case CELL_BOOTING:
		return "booting";
	case CELL_ATTACHING:
		return "attaching";
	case CELL_RUNNING:
		return "running";
	case CELL_FINISHING:
		return "finishing";
	case CELL_PHASE_NR:
		break;
	}
	return "unknown";
}

static void add_cell(struct kt_buf *b, const struct drv_progress_cell *c)
{
	kt_buf_addf(b, "%s ", drv_phase_name(c->phase));
	drv_add_cut(b, c->name, NAME_COLUMNS_MAX);
	kt_buf_addf(b, " %.1f s", (double)c->elapsed_ns / 1e9);
}

void drv_progress_line(struct kt_buf *b, const struct drv_progress *p, size_t columns)
{
	kt_auto(buf) struct kt_buf line = { 0 };
	const char *between = p->utf8 ? " \302\267 " : " | ";
	size_t shown = 0;

	kt_buf_addf(&line, "[%zu/%zu]", p->done, p->total);
	if (p->failed)
		kt_buf_addf(&line, " %zu failed", p->failed);
	if (p->stopping)
		kt_buf_adds(&line, " stopping");
	for (; shown < p->nr_running; shown++) {
		kt_auto(buf) struct kt_buf one = { 0 };
		/* All but the last leave room for "+N more". */
		size_t reserve = shown + 1 < p->nr_running ? MORE_COLUMNS : 0;

		kt_buf_adds(&one, shown ? between : p->failed || p->stopping ? between : " ");
		add_cell(&one, &p->running[shown]);
		if (drv_columns(kt_buf_str(&line)) + drv_columns(kt_buf_str(&one)) + reserve >
		    columns)
			break;
		kt_buf_adds(&line, kt_buf_str(&one));
	}
	if (shown < p->nr_running && shown)
		kt_buf_addf(&line, "%s+%zu more", between, p->nr_running - shown);
	else if (shown < p->nr_running)
		kt_buf_addf(&line, " %zu running", p->nr_running);
	drv_add_cut(b, kt_buf_str(&line), columns);
}

static void add_bar(struct kt_buf *b, uint64_t done, uint64_t total, size_t width)
{
	size_t filled = done >= total ? width
				      : (size_t)((double)done / (double)total * (double)width);

	kt_buf_adds(b, "  [");
	for (size_t i = 0; i < width; i++)
		kt_buf_addc(b, i < filled ? '=' : i == filled ? '>' : ' ');
	kt_buf_addc(b, ']');
}

/*
 * What moves is @before the bar and @after it: the name gives way to them, and the bar takes what is left.
 */
static void add_bar_line(struct kt_buf *b, const char *what, const char *before, const char *after,
			 uint64_t done, uint64_t total, size_t columns)
{
	kt_auto(buf) struct kt_buf line = { 0 };
	size_t numbers = drv_columns(before) + drv_columns(after), name = drv_columns(what), left;

	if (!columns) {
		kt_buf_addf(b, "%s%s%s", what, before, after);
		return;
	}
	if (name + numbers > columns)
		name = columns > numbers ? columns - numbers : 1;
	drv_add_cut(&line, what, name);
	kt_buf_adds(&line, before);
	left = columns > name + numbers ? columns - name - numbers : 0;
	if (total && left >= BAR_MIN + BAR_FRAME)
		add_bar(&line, done, total,
			left - BAR_FRAME < BAR_MAX ? left - BAR_FRAME : BAR_MAX);
	kt_buf_adds(&line, after);
	drv_add_cut(b, kt_buf_str(&line), columns);
}

void drv_transfer_line(struct kt_buf *b, const char *what, uint64_t done, uint64_t total,
		       double per_second, size_t columns)
{
	kt_auto(buf) struct kt_buf amount = { 0 };
	kt_auto(buf) struct kt_buf rate = { 0 };

	kt_buf_adds(&amount, ": ");
	kt_format_size(&amount, done);
	if (total) {
		kt_buf_adds(&amount, " of ");
		kt_format_size(&amount, total);
		kt_buf_addf(&amount, "  %3.0f %%",
			    done >= total ? 100.0 : 100.0 * (double)done / (double)total);
	}
	if (per_second >= 1) {
		kt_buf_adds(&rate, "  ");
		kt_format_size(&rate, (uint64_t)per_second);
		kt_buf_adds(&rate, "/s");
	}
	add_bar_line(b, what, kt_buf_str(&amount), kt_buf_str(&rate), done, total, columns);
}

void drv_add_minutes(struct kt_buf *b, double seconds)
{
	unsigned long s = seconds < 1 ? 1 : (unsigned long)(seconds + 0.5);

	if (s >= 3600)
		kt_buf_addf(b, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
	else
		kt_buf_addf(b, "%lu:%02lu", s / 60, s % 60);
}

void drv_count_line(struct kt_buf *b, const char *what, uint64_t done, uint64_t total,
		    double seconds_left, size_t columns)
{
	kt_auto(buf) struct kt_buf after = { 0 };

	kt_buf_adds(&after, columns ? "  " : ": ");
	if (!total)
		kt_buf_addf(&after, "%" PRIu64, done);
	else if (done > total)
		kt_buf_addf(&after, "%" PRIu64 ", about %" PRIu64 " expected", done, total);
	else
		kt_buf_addf(&after, "%" PRIu64 "/%" PRIu64, done, total);
	if (total && done < total && seconds_left >= 0 && seconds_left < 360000) {
		kt_buf_adds(&after, ", ");
		drv_add_minutes(&after, seconds_left);
		kt_buf_adds(&after, " left");
	}
	add_bar_line(b, what, "", kt_buf_str(&after), done, total, columns);
}
