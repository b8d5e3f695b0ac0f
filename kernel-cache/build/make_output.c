/* SPDX-License-Identifier: GPL-2.0-only */
/* What make and its children print: how far they are, and which error came first. */
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/build/internal.h"

/*
 * STRONG: of these the first is what went wrong. WEAK: parts of the build live with such a line and go on, so the last
 * one before make gives up.
 */
enum strength { NONE, FALLBACK, WEAK, STRONG };
enum reason { UNKNOWN, KILLED, DISK_FULL };

/* In this order; the first that a line contains. */
static const struct {
	const char *text;
	enum strength strength;
	enum reason reason;
} patterns[] = {
	{ "No space left on device", STRONG, DISK_FULL },
	{ "Killed signal terminated program", STRONG, KILLED },
	{ "fatal error:", STRONG, UNKNOWN },
	{ ": error:", STRONG, UNKNOWN },
	{ ": Error:", STRONG, UNKNOWN }, /* the assembler's */
	{ "internal compiler error", STRONG, UNKNOWN },
	{ "internal error, aborting", STRONG, UNKNOWN }, /* the linker's */
	{ "undefined reference to", STRONG, UNKNOWN },
	{ "undefined symbol:", STRONG, UNKNOWN },
	{ "multiple definition of", STRONG, UNKNOWN },
	{ "relocation truncated to fit", STRONG, UNKNOWN },
	{ "file format not recognized", STRONG, UNKNOWN },
	{ "ERROR: ", STRONG, UNKNOWN }, /* modpost's, and that of scripts */
	{ "out of memory allocating", STRONG, UNKNOWN },
	{ "Cannot allocate memory", STRONG, UNKNOWN },
	{ "Error emitting BTF", STRONG, UNKNOWN },
	{ "error while encoding BTF", STRONG, UNKNOWN },
	{ "*** No rule to make target", STRONG, UNKNOWN },
	{ "Segmentation fault", STRONG, UNKNOWN },
	{ "Exec format error", STRONG, UNKNOWN },
	{ "syntax error", STRONG, UNKNOWN },
	{ "is not clean", STRONG, UNKNOWN },
	{ "cannot find -l", STRONG, UNKNOWN },
	{ "not found", WEAK, UNKNOWN },
	{ "FAILED", WEAK, UNKNOWN },
	{ "Failed to generate BTF", WEAK, UNKNOWN },
	{ "No such file or directory", WEAK, UNKNOWN },
	{ "Permission denied", WEAK, UNKNOWN },
	{ "Sorry, this ", WEAK, UNKNOWN }, /* Kconfig's, of tools that it does not like */
	{ "SSL error", WEAK, UNKNOWN },
	{ "rror: ", WEAK, UNKNOWN },
};
enum { NR_PATTERNS = sizeof(patterns) / sizeof(patterns[0]) };

/* "  CC      kernel/fork.o", "  CC [M]  ...": what counts as an object. */
static bool is_progress(const char *line, bool *ret_object)
{
	static const char *const objects[] = { "CC ", "AS ", "HOSTCC ", "CXX ", "RUSTC " };
	size_t word;

	if (!kt_starts_with(line, "  ") || line[2] < 'A' || line[2] > 'Z')
		return false;
	word = strspn(line + 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
	if (line[2 + word] != ' ' || word > 10)
		return false;
	*ret_object = false;
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
		*ret_object = *ret_object || kt_starts_with(line + 2, objects[i]);
	return true;
}

/* "make: ", "make[3]: " */
static bool is_make(const char *line)
{
	return kt_starts_with(line, "make: ") || kt_starts_with(line, "make[");
}

/* Out of memory is no error here: a shorter text is still a text. */
static void keep(struct kt_strv *v, const char *line)
{
	(void)kt_strv_add(v, line);
}

static void drop_first(struct kt_strv *v)
{
	free(v->v[0]);
	memmove(v->v, v->v + 1, v->nr * sizeof(v->v[0])); /* with the NULL at its end */
	v->nr--;
}

static void begin_error(struct kc_output *o, const char *line, enum strength s)
{
	kt_strv_done(&o->error);
	o->error = o->before;
	o->before = (struct kt_strv){ 0 };
	keep(&o->error, line);
	o->strength = s;
	o->following = true;
}

/* make: *** [scripts/Makefile.build:229: kernel/fork.o] Error 1 */
static void on_make(struct kc_output *o, const char *line)
{
	if (strstr(line, "] Killed"))
		o->killed = true;
	o->following = false;
	if (!strstr(line, "*** "))
		return;
	if (o->strength == NONE)
		begin_error(o, line, FALLBACK);
	else if (!o->made_over && o->error.nr < KC_OUTPUT_ERROR_LINES)
		keep(&o->error, line);
	o->following = false;
	o->made_over = true;
}

/* What a shell says of a command that SIGKILL ended: "Killed", or "link-vmlinux.sh: line 113: 4711 Killed   pahole". */
static bool is_shells_killed(const char *line)
{
	const char *word = strstr(line, "Killed");

	if (!word)
		return false;
	if (word == line)
		return !word[strlen("Killed")];
	return word - line >= 2 && word[-1] == ' ' && word[-2] >= '0' && word[-2] <= '9';
}

static enum strength judge(struct kc_output *o, const char *line)
{
	if (is_shells_killed(line)) {
		o->killed = true;
		return STRONG;
	}
	if (strstr(line, "warning:"))
		return NONE;
	for (int i = 0; i < NR_PATTERNS; i++) {
		if (!strstr(line, patterns[i].text))
			continue;
		o->killed = o->killed || patterns[i].reason == KILLED;
		o->disk_full = o->disk_full || patterns[i].reason == DISK_FULL;
		return patterns[i].strength;
	}
	/* $(error ...) of a makefile, and the kernel's own boxes of stars around what it has to say. */
	return !is_make(line) && strstr(line, "*** ") ? WEAK : NONE;
}

static void on_line(struct kc_output *o, const char *line)
{
	enum strength s;
	bool object = false;

	if (is_progress(line, &object)) {
		o->objects += object;
		o->following = false;
		kt_strv_done(&o->before);
		return;
	}
	s = judge(o, line);
	if (!o->made_over &&
	    (s > o->strength || (s == WEAK && o->strength == WEAK && !o->following))) {
		begin_error(o, line, s);
		if (is_make(line)) {
			o->following = false;
			o->made_over = true;
		}
	} else if (is_make(line)) {
		on_make(o, line);
		kt_strv_done(&o->before);
	} else if (o->following && o->error.nr < KC_OUTPUT_ERROR_LINES - 1) {
		keep(&o->error, line); /* one line is left for make's own */
	} else {
		keep(&o->before, line);
		if (o->before.nr > KC_OUTPUT_BEFORE)
			drop_first(&o->before);
	}
}

static void end_line(struct kc_output *o)
{
	while (o->len && (o->line[o->len - 1] == '\r' || o->line[o->len - 1] == ' '))
		o->len--;
	o->line[o->len] = '\0';
	if (o->len)
		on_line(o, o->line);
	o->len = 0;
}

void kc_output_feed(struct kc_output *o, const char *data, size_t len)
{
	while (len) {
		const char *newline = memchr(data, '\n', len);
		size_t n = newline ? (size_t)(newline - data) : len;
		size_t room = sizeof(o->line) - 1 - o->len, take = n < room ? n : room;

		memcpy(o->line + o->len, data, take);
		o->len += take;
		if (!newline)
			return;
		end_line(o);
		data += n + 1;
		len -= n + 1;
	}
}

void kc_output_end(struct kc_output *o)
{
	end_line(o);
}

void kc_output_done(struct kc_output *o)
{
	kt_strv_done(&o->before);
	kt_strv_done(&o->error);
}

void kc_output_format(const struct kc_output *o, struct kt_buf *ret)
{
	/* An error text holds 4096 bytes, and there is more to say. */
	enum { SHOWN_BYTES = 200 };

	for (size_t i = 0; i < o->error.nr; i++) {
		size_t len = strlen(o->error.v[i]);

		kt_buf_adds(ret, "\n    ");
		kt_buf_add_printable(ret, o->error.v[i], len < SHOWN_BYTES ? len : SHOWN_BYTES);
		if (len > SHOWN_BYTES)
			kt_buf_adds(ret, "...");
	}
}
