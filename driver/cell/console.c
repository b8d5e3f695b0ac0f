/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's console says of its own death. */
#include <string.h>

#include "driver/cell/parts.h"

/* "[    1.234567] text", and with CONFIG_PRINTK_CALLER "[    1.234567][    T1] text". */
static const char *without_time(const char *line)
{
	while (*line == '[') {
		const char *end = strchr(line, ']');

		if (!end || strspn(line + 1, " .0123456789TC") != (size_t)(end - line - 1))
			break;
		line = end + 1;
	}
	return line + strspn(line, " ");
}

static void take(char *to, const char *text)
{
	size_t len = strnlen(text, CELL_LINE_MAX - 1);

	memmove(to, text, len);
	to[len] = '\0';
}

static void on_line(void *ctx, char *text)
{
	static const char panic[] = "Kernel panic - not syncing";
	struct cell_console *c = ctx;
	const char *line = without_time(text);

	if (c->panic[0])
		return; /* what follows the first is its consequence */
	if (kt_starts_with(line, panic)) {
		take(c->panic, line);
		c->init_killed = strstr(line, "Attempted to kill init") != NULL;
	} else if (strstr(line, "-- System halted")) {
		/*
		 * The decompressor's, before there is a kernel: the reason stands in the line
		 * before.
		 */
		take(c->panic, c->bug[0] ? c->bug : "the kernel image does not unpack");
	} else if (!c->bug[0] && (strstr(line, "BUG: ") || strstr(line, "Oops: ") ||
				  strstr(line, "data is corrupt"))) {
		take(c->bug, line);
	}
}

void cell_console_feed(struct cell_console *c, const void *data, size_t len)
{
	cell_lines_feed(&c->lines, data, len, on_line, c);
}
