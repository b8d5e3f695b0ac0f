/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A report on one screen, what tells most first: how the scheduler ended, its own variables, who waits in which queue, which CPUs have
 * something to run, then its maps.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "capture/text.h"
#include "capture/value.h"

enum { GLOBALS_SHARE = 2, QUEUES_SHARE = 3, LEAST = 3 };

/* Of what begins at @from, at most @max lines stay; the last one then ends in dots. Returns how many there are. */
static size_t keep_lines(struct kt_buf *b, size_t from, size_t max)
{
	size_t nr = 0, i = from;

	for (; i < b->len && nr < max; i++)
		nr += b->data[i] == '\n';
	if (i == b->len)
		return nr;
	b->len = i > from ? i - 1 : i;
	b->data[b->len] = '\0';
	if (nr)
		kt_buf_adds(b, " ...\n");
	return nr;
}

/* ---- variables ---- */

static bool is_section(const struct cap_report *r, const struct cap_map_report *m,
		       const char *suffix)
{
	size_t len = r->active_obj_name ? strlen(r->active_obj_name) : 0;

	if (!m->value || m->value->kind != CAP_STRUCT || !kt_ends_with(m->name, suffix))
		return false;
	return !len || (strncmp(m->name, r->active_obj_name, len) == 0 && m->name[len] == '.');
}

static bool is_plain(const struct cap_value *v, unsigned width)
{
	kt_auto(buf) struct kt_buf line = { 0 };

	return v->kind != CAP_STRUCT && v->kind != CAP_TRUNCATED &&
	       (v->kind != CAP_PTR || !v->p.deref) &&
	       cap_value_line(v, CAP_ALONE, width / 3, &line);
}

/* "____dispatch.___fmt.1": a text that a macro put there to be printed. */
static bool is_format(const char *name)
{
	return kt_starts_with(name, "___") && strstr(name, "fmt");
}

/* A line of names, cut where it would end the line. */
static void add_names(struct cap_text *x, const char *map, const struct cap_value *v)
{
	kt_auto(buf) struct kt_buf line = { 0 };
	size_t nr = 0, shown = 0;

	for (size_t i = 0; i < v->s.nr; i++) {
		const struct cap_member *m = &v->s.member[i];
		size_t mark = line.len;

		if (cap_value_is_zero(&m->value) || is_plain(&m->value, x->width) ||
		    is_format(m->name))
			continue;
		nr++;
		kt_buf_addc(&line, ' ');
		cap_text_name(&line, m->name);
		if (line.len + strlen(map) + 16 > x->width)
			line.len = mark;
		else
			shown++;
	}
	if (!nr)
		return;
	kt_buf_adds(x->out, "  larger ones:");
	kt_buf_add(x->out, kt_buf_str(&line), line.len);
	if (shown < nr)
		kt_buf_addf(x->out, " and %zu more", nr - shown);
	kt_buf_addc(x->out, '\n');
}

/* All that are not 0: plain ones with their values, the others by name. */
static void add_globals(struct cap_text *x, const struct cap_map_report *m)
{
	const struct cap_value *v = m->value;
	kt_auto(mem) struct cap_member *plain = calloc(v->s.nr + 1, sizeof(*plain));
	struct cap_value all = { .kind = CAP_STRUCT, .s = { m->name, plain, 0 } };

	if (!plain) {
		x->out->oom = true;
		return;
	}
	for (size_t i = 0; i < v->s.nr; i++) {
		const struct cap_member *member = &v->s.member[i];

		if (!cap_value_is_zero(&member->value) && is_plain(&member->value, x->width) &&
		    !is_format(member->name))
			plain[all.s.nr++] = *member;
	}
	if (all.s.nr) {
		cap_value_text(&all, 0, x->width, x->out);
		kt_buf_addc(x->out, '\n');
	}
	add_names(x, m->name, v);
}

static void add_all_globals(struct cap_text *x)
{
	static const char *const sections[] = { ".bss", ".data" };

	for (size_t s = 0; s < sizeof(sections) / sizeof(sections[0]); s++) {
		for (size_t i = 0; i < x->r->nr_maps; i++) {
			const struct cap_map_report *m = &x->r->map[i];

			if (is_section(x->r, m, sections[s]) && !cap_value_is_zero(m->value))
				add_globals(x, m);
		}
	}
}

/* ---- queues ---- */

static void add_end(struct cap_text *x)
{
	cap_text_exit(x);
	if (!x->r->scx_walker_unavailable)
		return;
	kt_buf_adds(x->out, "scheduler state: <unavailable: ");
	cap_text_name(x->out, x->r->scx_walker_unavailable);
	kt_buf_adds(x->out, ">\n");
}

static void add_queues(struct cap_text *x)
{
	for (size_t i = 0; i < x->r->nr_dsqs; i++) {
		if (x->r->dsq[i].nr || x->r->dsq[i].nr_tasks)
			cap_text_dsq(x, &x->r->dsq[i], 0);
	}
}

static void add_cpus(struct cap_text *x)
{
	for (size_t i = 0; i < x->r->nr_rqs; i++) {
		if (x->r->rq[i].nr_running || x->r->rq[i].nr_runnable)
			cap_text_rq_tasks(x, &x->r->rq[i], 0);
	}
}

/* One sample has no course: names and values, on as many lines as they need. */
static void add_events(struct cap_text *x)
{
	const struct cap_event_sample *sample = x->r->event;
	size_t line = x->out->len;
	bool any = false;

	if (x->r->nr_events != 1) {
		cap_text_events(x);
		return;
	}
	for (size_t i = 0; i < CAP_EV_NR; i++) {
		/* The table has the time first. */
		const char *name = cap_record_event_sample.key[i + 1].name;
		char text[80];

		if (!sample->count[i])
			continue;
		(void)kt_snprintf(text, sizeof(text), " %s=%" PRId64, name, sample->count[i]);
		if (!any) {
			kt_buf_adds(x->out, "events:");
		} else if (x->out->len - line + strlen(text) > x->width) {
			kt_buf_adds(x->out, "\n   ");
			line = x->out->len - 3;
		}
		kt_buf_adds(x->out, text);
		any = true;
	}
	if (any)
		kt_buf_addc(x->out, '\n');
}

static void add_map_list(struct cap_text *x)
{
	kt_auto(table) struct cap_table t = { .columns = 3, .left = 7 };

	for (size_t i = 0; i < x->r->nr_maps; i++) {
		const struct cap_map_report *m = &x->r->map[i];
		kt_auto(buf) struct kt_buf name = { 0 };
		kt_auto(buf) struct kt_buf type = { 0 };
		kt_auto(buf) struct kt_buf what = { 0 };

		cap_text_map_type(&type, m->map_type);
		cap_text_name(&name, m->name);
		cap_text_map_summary(&what, m);
		cap_table_add(&t, "map %s", kt_buf_str(&name));
		cap_table_add(&t, "%s", kt_buf_str(&type));
		cap_table_add(&t, "%s", kt_buf_str(&what));
	}
	cap_table_print(&t, 0, x->out);
	if (!x->r->maps_unavailable)
		return;
	kt_buf_adds(x->out, "maps: <unavailable: ");
	cap_text_name(x->out, x->r->maps_unavailable);
	kt_buf_adds(x->out, ">\n");
}

/*
 * Each part gets its share of what is left, at least some lines, and what it does not need is left to the next ones.
 */
void cap_text_digest(struct cap_text *x, size_t max)
{
	static const struct {
		void (*add)(struct cap_text *x);
		unsigned share; /* one of so many of the lines left */
	} parts[] = {
		{ add_end, 1 },
		{ add_all_globals, GLOBALS_SHARE },
		{ add_queues, QUEUES_SHARE },
		{ add_cpus, GLOBALS_SHARE },
		{ add_events, GLOBALS_SHARE },
		{ add_map_list, 1 },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && max > 0; i++) {
		size_t mark = x->out->len;
		size_t share = max / parts[i].share;

		if (share < LEAST)
			share = max < LEAST ? max : LEAST;
		parts[i].add(x);
		max -= keep_lines(x->out, mark, share);
	}
}
