/* SPDX-License-Identifier: GPL-2.0-only */
/* The values that CPUs have of one thing: CPUs with equal ones together, or a table of what differs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "capture/text_entries.h"
#include "capture/value.h"

enum { TABLE_FROM = 3, DIFFERING_MAX = 8, CPUS_GROUPED = 64, CELL_MAX = 40 };

void cap_add_cpu_ranges(struct kt_buf *b, const uint32_t *cpu, size_t nr)
{
	size_t end;

	for (size_t i = 0; i < nr; i = end) {
		for (end = i + 1; end < nr && cpu[end] == cpu[end - 1] + 1; end++)
			;
		kt_buf_addf(b, "%s%" PRIu32, i ? "," : "", cpu[i]);
		if (end - i > 1)
			kt_buf_addf(b, "-%" PRIu32, cpu[end - 1]);
	}
}

/* ---- groups ---- */

struct group {
	uint32_t cpu[CPUS_GROUPED];
	size_t nr;
	char *text;
};
struct groups {
	struct group *group;
	size_t nr;
};

static void cleanup_groups(struct groups *g)
{
	for (size_t i = 0; i < g->nr; i++)
		free(g->group[i].text);
	free(g->group);
}

static char *text_of(struct cap_text *x, const struct cap_value *v, unsigned indent)
{
	struct kt_buf b = { 0 };

	if (v)
		cap_value_text(v, indent, x->width, &b);
	else
		kt_buf_adds(&b, "<unmapped>");
	if (!b.len)
		kt_buf_adds(&b, "");
	return kt_buf_take(&b);
}

static bool find_groups(struct cap_text *x, const struct cap_value *const *per_cpu, size_t nr,
			unsigned indent, struct groups *ret)
{
	ret->group = calloc(nr, sizeof(*ret->group));
	if (!ret->group)
		return false;
	for (size_t i = 0; i < nr; i++) {
		char *text = text_of(x, per_cpu[i], indent);
		size_t at = 0;

		if (!text)
			return false;
		while (at < ret->nr && !kt_streq(ret->group[at].text, text))
			at++;
		if (at == ret->nr) {
			ret->group[at].text = text;
			ret->nr++;
		} else {
			free(text);
		}
		ret->group[at].cpu[ret->group[at].nr++] = (uint32_t)i;
	}
	return true;
}

static void add_group(struct kt_buf *b, const struct group *g, size_t nr_cpus, unsigned indent)
{
	kt_buf_addf(b, "%*s", (int)indent, "");
	if (g->nr == nr_cpus && nr_cpus > 1) {
		kt_buf_adds(b, "all CPUs");
	} else {
		kt_buf_adds(b, g->nr == 1 ? "cpu " : "cpus ");
		cap_add_cpu_ranges(b, g->cpu, g->nr);
	}
	kt_buf_addf(b, ": %s\n", g->text);
}

/* ---- a table of what differs ---- */

static bool differs(const struct cap_value *const *per_cpu, size_t nr, size_t member)
{
	kt_auto(buf) struct kt_buf first = { 0 };
	kt_auto(buf) struct kt_buf other = { 0 };

	(void)cap_value_line(&per_cpu[0]->s.member[member].value, CAP_ALONE, SIZE_MAX / 4, &first);
	for (size_t i = 1; i < nr; i++) {
		kt_buf_reset(&other);
		(void)cap_value_line(&per_cpu[i]->s.member[member].value, CAP_ALONE, SIZE_MAX / 4,
				     &other);
		if (!kt_streq(kt_buf_str(&first), kt_buf_str(&other)))
			return true;
	}
	return false;
}

static bool same_shapes(const struct cap_value *const *per_cpu, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (!per_cpu[0] || !per_cpu[i] || !cap_value_same_shape(per_cpu[0], per_cpu[i]))
			return false;
	}
	return true;
}

static void add_member_cell(struct cap_table *t, const struct cap_value *v)
{
	kt_auto(buf) struct kt_buf text = { 0 };

	if (!cap_value_line(v, CAP_ALONE, CELL_MAX, &text))
		kt_buf_adds(&text, "...");
	cap_table_add(t, "%s", kt_buf_str(&text));
}

/* What is the same for all: one struct with only that. */
static void add_common(struct cap_text *x, const struct cap_value *first, const size_t *differing,
		       size_t nr_differing, unsigned indent)
{
	kt_auto(mem) struct cap_member *member = calloc(first->s.nr + 1, sizeof(*member));
	struct cap_value common = *first;
	size_t skipped = 0;

	if (!member) {
		x->out->oom = true;
		return;
	}
	common.s.member = member;
	common.s.nr = 0;
	for (size_t i = 0; i < first->s.nr; i++) {
		if (skipped < nr_differing && differing[skipped] == i)
			skipped++;
		else
			member[common.s.nr++] = first->s.member[i];
	}
	if (!common.s.nr)
		return;
	kt_buf_addf(x->out, "%*sall CPUs: ", (int)indent, "");
	cap_value_text(&common, indent, x->width, x->out);
	kt_buf_addc(x->out, '\n');
}

/* False: they are not so alike that a table helps; nothing was added. */
static bool add_table(struct cap_text *x, const struct cap_value *const *per_cpu, size_t nr,
		      unsigned indent)
{
	kt_auto(table) struct cap_table t = { .bar = 1 };
	size_t differing[DIFFERING_MAX], nr_differing = 0;

	if (!same_shapes(per_cpu, nr))
		return false;
	for (size_t i = 0; i < per_cpu[0]->s.nr; i++) {
		if (!differs(per_cpu, nr, i))
			continue;
		if (nr_differing == DIFFERING_MAX - 1)
			return false;
		differing[nr_differing++] = i;
	}
	add_common(x, per_cpu[0], differing, nr_differing, indent);
	t.columns = 1 + nr_differing;
	cap_table_add(&t, "cpu");
	for (size_t i = 0; i < nr_differing; i++) {
		kt_auto(buf) struct kt_buf name = { 0 };

		cap_text_name(&name, per_cpu[0]->s.member[differing[i]].name);
		cap_table_add(&t, "%s", kt_buf_str(&name));
	}
	for (size_t cpu = 0; cpu < nr; cpu++) {
		cap_table_add(&t, "%zu", cpu);
		for (size_t i = 0; i < nr_differing; i++)
			add_member_cell(&t, &per_cpu[cpu]->s.member[differing[i]].value);
	}
	cap_table_print(&t, indent, x->out);
	return true;
}

/* ---- all of it ---- */

static void add_each(struct cap_text *x, const struct cap_value *const *per_cpu, size_t nr,
		     unsigned indent)
{
	for (size_t i = 0; i < nr; i++) {
		kt_buf_addf(x->out, "%*scpu %zu: ", (int)indent, "", i);
		if (per_cpu[i])
			cap_value_text(per_cpu[i], indent, x->width, x->out);
		else
			kt_buf_adds(x->out, "<unmapped>");
		kt_buf_addc(x->out, '\n');
	}
}

void cap_text_percpu(struct cap_text *x, const struct cap_value *const *per_cpu, size_t nr,
		     unsigned indent)
{
	__attribute__((cleanup(cleanup_groups))) struct groups g = { 0 };

	if (nr > CPUS_GROUPED) {
		add_each(x, per_cpu, nr, indent);
		return;
	}
	if (nr && !find_groups(x, per_cpu, nr, indent, &g)) {
		x->out->oom = true;
		return;
	}
	if (g.nr >= TABLE_FROM && g.nr == nr && add_table(x, per_cpu, nr, indent))
		return;
	for (size_t i = 0; i < g.nr; i++)
		add_group(x->out, &g.group[i], nr, indent);
}
