/* SPDX-License-Identifier: GPL-2.0-only */
/* Why a scheduler could not be loaded, from what libbpf and the verifier say in its own log. */
#include <stdlib.h>
#include <string.h>

#include "driver/cell/parts.h"

static const char begin_log[] = "-- BEGIN PROG LOAD LOG --";
static const char end_log[] = "-- END PROG LOAD LOG --";

static void take(char *to, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	memmove(to, text, len);
	to[len] = '\0';
}

/* "libbpf: prog 'NAME': -- BEGIN ..." */
static void take_program(struct cell_sched_log *s, const char *line)
{
	const char *from = strstr(line, "prog '"), *end;
	size_t len;

	s->program[0] = '\0';
	if (!from)
		return;
	from += strlen("prog '");
	end = strchr(from, '\'');
	len = end ? (size_t)(end - from) : 0;
	if (len < sizeof(s->program)) {
		memcpy(s->program, from, len);
		s->program[len] = '\0';
	}
}

/* "; *p = 1; @ file.bpf.c:164": where the instructions that follow come from. */
static void take_source(struct cell_sched_log *s, const char *line)
{
	const char *at = strstr(line, " @ ");

	if (at)
		take(s->source, sizeof(s->source), at + strlen(" @ "));
}

/*
 * The verifier's complaint is the last thing that it says before its statistics; since 7.3 a longer
 * explanation, which begins with "Verification failed", stands between the two.
 */
static void in_load_log(struct cell_sched_log *s, const char *line)
{
	bool ended = strstr(line, end_log) != NULL;
	bool complained = ended || kt_starts_with(line, "Verification failed") ||
			  (kt_starts_with(line, "processed ") && strstr(line, " insns"));

	s->in_load_log = !ended;
	if (s->verifier[0])
		return;
	if (complained)
		take(s->verifier, sizeof(s->verifier), s->recent);
	else if (line[0] == ';')
		take_source(s, line);
	else if (*line)
		take(s->recent, sizeof(s->recent), line);
}

static bool is_complaint(const char *text)
{
	static const char *const words[] = { "not found",     "ncompatible", "ailed",
					     "no matching",   "Cannot find", "can't find",
					     "Error loading", "unsupported" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strstr(text, words[i]))
			return true;
	}
	return false;
}

static void on_line(void *ctx, char *text)
{
	static const char prefix[] = "libbpf: ";
	struct cell_sched_log *s = ctx;
	const char *words = strstr(text, prefix);

	if (s->in_load_log) {
		in_load_log(s, text);
		return;
	}
	if (text[strspn(text, " \t")])
		take(s->last, sizeof(s->last), text + strspn(text, " \t"));
	if (strstr(text, begin_log)) {
		s->in_load_log = true;
		s->recent[0] = '\0';
		if (!s->verifier[0]) {
			s->source[0] = '\0';
			take_program(s, text);
		}
		return;
	}
	if (words && !s->complaint[0] && is_complaint(words + strlen(prefix)))
		take(s->complaint, sizeof(s->complaint), words + strlen(prefix));
}

void cell_sched_log_feed(struct cell_sched_log *s, const void *data, size_t len)
{
	cell_lines_feed(&s->lines, data, len, on_line, s);
}

/*
 * The reason is what the user wants to read first; that the scheduler did not attach is its
 * consequence.
 */
static void last_comes_first(struct scn_judgement *j)
{
	struct scn_finding f = j->findings[j->nr_findings - 1];

	memmove(j->findings + 1, j->findings, (j->nr_findings - 1) * sizeof(f));
	j->findings[0] = f;
}

static void add_last_words(const struct cell_sched_log *s, struct scn_judgement *j)
{
	for (size_t i = 0; i < j->nr_findings; i++) {
		struct scn_finding *f = &j->findings[i];
		kt_auto(buf) struct kt_buf b = { 0 };
		char *text;

		if (!f->text || (!kt_streq(f->check, "scheduler") && !kt_streq(f->check, "expect")))
			continue;
		kt_buf_addf(&b, "%s; the last it said: ", f->text);
		kt_buf_add_printable(&b, s->last, strlen(s->last));
		text = kt_buf_take(&b);
		if (!text)
			return;
		free(f->text);
		f->text = text;
		return;
	}
}

void cell_explain_scheduler(const struct cell_sched_log *s, const struct scn_result *r,
			    struct scn_judgement *j)
{
	bool not_up = r->sched == SCN_SCHED_NOT_STARTED || r->sched == SCN_SCHED_NOT_ATTACHED;
	bool left = r->sched == SCN_SCHED_DIED && r->exit.kind == SCN_EXIT_NONE;

	if (j->verdict != SCN_FAIL || (!not_up && !left) || j->nr_findings == SCN_FINDINGS_MAX)
		return;
	if (not_up && s->verifier[0])
		scn_judge_add(j, SCN_FAIL, "scheduler",
			      "the verifier rejects the scheduler's program '%s'%s%s: %s",
			      s->program, s->source[0] ? " at " : "", s->source, s->verifier);
	else if (not_up && s->complaint[0])
		scn_judge_add(j, SCN_FAIL, "scheduler",
			      "the scheduler cannot be loaded on this kernel: %s", s->complaint);
	else if (s->last[0])
		return add_last_words(s, j);
	else
		return;
	last_comes_first(j);
}
