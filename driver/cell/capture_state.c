/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which capture becomes which file. In single mode there is one, at the error exit. In dual mode another is held back from
 * before it, and both make one file; whatever happens to the second, the first is not lost.
 */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "driver/cell/coordinator.h"

enum { TEXT_LINES = 40 }; /* of the failure text: a screen */

/* A capture that could not be written is said once in the failure text, and each time in the log. */
void cell_dumps_problem(struct cell_dumps *d, const char *text)
{
	kt_log(KT_AREA_DRIVER, KT_DEBUG, "%s", text);
	if (!d->problem[0])
		(void)kt_snprintf(d->problem, sizeof(d->problem), "%s", text); /* cut is fine */
}

static void note_problem(struct cell_dumps *d, const struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];

	cell_dumps_problem(d, kt_err_text(e, text, sizeof(text)));
}

static int write_json(const char *path, const struct kt_buf *json, struct kt_err *e)
{
	if (!path || !kt_buf_ok(json))
		return kt_fail(e, KT_E_HOST, ENOMEM, "write a capture");
	return kt_context(e, kt_file_write_atomic(path, json->data, json->len, 0644, e),
			  "write a capture");
}

static void write_main(struct cell_dumps *d, const struct kt_buf *json)
{
	struct kt_err e = { 0 };

	if (write_json(d->path, json, &e) < 0)
		note_problem(d, &e);
	else
		d->has_main = true;
}

/* A sibling; its name is remembered. */
static int write_sibling(struct cell_dumps *d, const char *path, const struct kt_buf *json,
			 struct kt_err *e)
{
	int r = write_json(path, json, e);
	const char *slash;

	if (r < 0)
		return r;
	slash = strrchr(path, '/');
	for (size_t i = 0; i < d->files.nr; i++) {
		if (kt_streq(d->files.v[i], slash ? slash + 1 : path))
			return 0; /* the same tag once more: the later one counts */
	}
	(void)kt_strv_add(&d->files, slash ? slash + 1 : path); /* the file is there all the same */
	return 0;
}

static int write_tagged(struct cell_dumps *d, const char *tag, const struct kt_buf *json,
			struct kt_err *e)
{
	kt_auto(mem) char *path = cell_dump_tagged(d->path, tag);

	return write_sibling(d, path, json, e);
}

/* What was held back, under a name of its own. Once written it is let go of; else it is tried again at the end. */
static void drain_early(struct cell_dumps *d, const char *tag)
{
	kt_auto(buf) struct kt_buf json = { 0 };
	struct kt_err e = { 0 };

	if (!d->early)
		return;
	cap_report_json(d->early, &json);
	if (write_tagged(d, tag, &json, &e) < 0) {
		note_problem(d, &e);
		(void)kt_snprintf(d->retry_tag, sizeof(d->retry_tag), "%s", tag); /* ours: fits */
		return;
	}
	cap_report_free(kt_take(d->early));
}

void cell_dumps_early(struct cell_dumps *d, const struct cell_captured *c,
		      const struct cell_early *at)
{
	kt_auto(buf) struct kt_buf json = { 0 };
	struct kt_err e = { 0 };

	if (!d->dual || d->state != CELL_DUMP_IDLE) {
		cap_report_free(c->report);
		return;
	}
	d->state = CELL_DUMP_TOOK_EARLY;
	if (c->report) {
		d->early = c->report;
		d->at = *at;
		return;
	}
	if (!c->degraded)
		return;
	(void)kt_snprintf(d->skipped, sizeof(d->skipped), "%s",
			  c->degraded->reason); /* may be cut */
	cap_degraded_json(c->degraded, &json);
	if (write_tagged(d, "early-degraded", &json, &e) < 0)
		note_problem(d, &e);
}

static const char suppressed_tag[] = "early-only-late-suppressed";

/* Held back for the exit that may still come; should none, this is what came of it. */
void cell_dumps_suppressed(struct cell_dumps *d)
{
	if (d->early)
		memcpy(d->retry_tag, suppressed_tag, sizeof(suppressed_tag));
}

static void late_single(struct cell_dumps *d, const struct cap_report *report,
			const struct cap_text_opts *o)
{
	kt_auto(buf) struct kt_buf json = { 0 };

	cap_report_json(report, &json);
	write_main(d, &json);
	cap_report_text(report, o, &d->text);
}

static void late_dual(struct cell_dumps *d, const struct cap_report *report,
		      const struct cap_text_opts *o)
{
	kt_auto(buf) struct kt_buf json = { 0 };
	const struct cap_dual dual = {
		.early = d->early,
		.late = report,
		.early_max_age_jiffies = d->at.age,
		.early_threshold_jiffies = d->at.threshold,
		.early_skipped_reason = !d->early && d->skipped[0] ? d->skipped : NULL,
	};

	cap_dual_json(&dual, &json);
	write_main(d, &json);
	cap_dual_text(&dual, o, &d->text);
	if (d->has_main)
		cap_report_free(kt_take(d->early));
}

static void late_degraded(struct cell_dumps *d, const struct cap_degraded *degraded,
			  const struct cap_text_opts *o)
{
	kt_auto(buf) struct kt_buf json = { 0 };

	cap_degraded_json(degraded, &json);
	write_main(d, &json);
	cap_degraded_text(degraded, o, &d->text);
	drain_early(d, "early-pre-late-degraded");
}

void cell_dumps_late(struct cell_dumps *d, const struct cell_captured *c)
{
	kt_auto(cap_report) struct cap_report *report = c->report;
	kt_auto(mem) char *more = kt_fmt("ktstr-make show %s", d->path + d->shown_from);
	const struct cap_text_opts o = { .max_lines = TEXT_LINES, .more = more };

	if (d->state == CELL_DUMP_DONE)
		return;
	d->state = CELL_DUMP_DONE;
	d->retry_tag[0] = '\0';
	if (report && d->dual)
		late_dual(d, report, &o);
	else if (report)
		late_single(d, report, &o);
	else if (c->degraded)
		late_degraded(d, c->degraded, &o);
	else
		drain_early(d, suppressed_tag);
}

int cell_dumps_snapshot(struct cell_dumps *d, const char *tag, struct cap_report *report,
			struct kt_err *e)
{
	kt_auto(cap_report) struct cap_report *taken = report;
	kt_auto(mem) char *path = tag[0] ? cell_dump_tagged(d->path, tag)
					 : cell_dump_on_demand(d->path, d->nr_on_demand);
	kt_auto(buf) struct kt_buf json = { 0 };
	int r;

	cap_report_json(taken, &json);
	r = write_sibling(d, path, &json, e);
	if (r < 0 && e)
		note_problem(d, e);
	if (r == 0 && !tag[0])
		d->nr_on_demand++;
	return r;
}

void cell_dumps_finish(struct cell_dumps *d)
{
	char tag[sizeof(d->retry_tag)] = "early-only-late-never-fired";

	if (!d->dual || !d->early)
		return;
	if (d->retry_tag[0])
		memcpy(tag, d->retry_tag, sizeof(tag));
	drain_early(d, tag);
}

void cell_dumps_done(struct cell_dumps *d)
{
	cap_report_free(d->early);
	d->early = NULL;
	kt_buf_done(&d->text);
	kt_strv_done(&d->files);
}
