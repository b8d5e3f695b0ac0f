/* SPDX-License-Identifier: GPL-2.0-only */
/* Colours, the status line, and text measured in columns. */
#include "driver/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"

static const char *const escapes[DRV_STYLE_NR] = {
	[DRV_PLAIN] = "\033[0m",  [DRV_BOLD] = "\033[1m",   [DRV_DIM] = "\033[2m",
	[DRV_RED] = "\033[1;31m", [DRV_GREEN] = "\033[32m", [DRV_YELLOW] = "\033[33m",
	[DRV_CYAN] = "\033[36m",
};

enum { COLUMNS_DEFAULT = 80, COLUMNS_MIN = 20 };
#define CLEAR_LINE "\r\033[K"
#define LINE_ABOVE "\033[A"

static bool env_is_set(const char *name)
{
	const char *v = getenv(name);

	return v && v[0];
}

static bool locale_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value && value[0])
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

/* Log lines are talk: the status line makes way for them. */
static void log_hook(void *ctx, enum kt_level level, const char *line)
{
	(void)level; /* the line names it */
	drv_term_say(ctx, line);
}

static void log_hook_in_child(void *ctx, enum kt_level level, const char *line)
{
	struct drv_term *t = ctx;

	(void)level;
	fprintf(stderr, "%s%s\n", t->live ? CLEAR_LINE : "", line);
}

void drv_term_resize(struct drv_term *t)
{
	struct winsize ws = { 0 };

	t->columns = COLUMNS_DEFAULT;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col)
		t->columns = ws.ws_col < COLUMNS_MIN ? COLUMNS_MIN : ws.ws_col;
}

void drv_term_init(struct drv_term *t, enum drv_color color)
{
	const char *term = getenv("TERM");
	bool dumb = !term || !strcmp(term, "dumb");
	bool tty_err = isatty(STDERR_FILENO);

	*t = (struct drv_term){ .lock = PTHREAD_MUTEX_INITIALIZER };
	t->live = tty_err && !dumb;
	t->utf8 = locale_is_utf8();
	if (color == DRV_COLOR_ALWAYS) {
		t->color_out = t->color_err = true;
	} else if (color == DRV_COLOR_AUTO && !env_is_set("NO_COLOR") && !dumb) {
		t->color_out = isatty(STDOUT_FILENO);
		t->color_err = tty_err;
	}
	drv_term_resize(t);
	kt_log_set_hook(log_hook, t);
}

const char *drv_term_style(const struct drv_term *t, FILE *to, enum drv_style s)
{
	bool on = to == stdout ? t->color_out : t->color_err;

	return on ? escapes[s] : "";
}

/* With t->lock. */
static void clear(struct drv_term *t)
{
	if (!t->shown)
		return;
	fputs(CLEAR_LINE, stderr);
	for (; t->shown > 1; t->shown--)
		fputs(LINE_ABOVE CLEAR_LINE, stderr);
	t->shown = 0;
	fflush(stderr);
}

void drv_term_status_lines(struct drv_term *t, const char *const *lines, size_t nr)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	if (!t->live)
		return;
	pthread_mutex_lock(&t->lock);
	for (unsigned i = 1; i < t->shown; i++)
		kt_buf_adds(&b, CLEAR_LINE LINE_ABOVE);
	if (t->shown || nr)
		kt_buf_adds(&b, CLEAR_LINE);
	for (size_t i = 0; i < nr; i++) {
		kt_buf_adds(&b, i ? "\n" CLEAR_LINE : "");
		/* One column stays free: a line that fills the width would wrap on some terminals. */
		drv_add_cut(&b, lines[i], t->columns - 1);
	}
	fflush(stdout);
	fputs(kt_buf_str(&b), stderr);
	fflush(stderr);
	t->shown = (unsigned)nr;
	pthread_mutex_unlock(&t->lock);
}

void drv_term_status(struct drv_term *t, const char *line)
{
	drv_term_status_lines(t, &line, 1);
}

void drv_term_clear(struct drv_term *t)
{
	pthread_mutex_lock(&t->lock);
	clear(t);
	pthread_mutex_unlock(&t->lock);
}

void drv_term_say(struct drv_term *t, const char *line)
{
	pthread_mutex_lock(&t->lock);
	clear(t);
	fprintf(stderr, "%s\n", line);
	pthread_mutex_unlock(&t->lock);
}

void drv_term_in_child(struct drv_term *t)
{
	kt_log_set_hook(log_hook_in_child, t);
}

/* The byte does not continue a character. */
static bool starts_char(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

size_t drv_columns(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += starts_char(*s);
	return n;
}

void drv_add_cut(struct kt_buf *b, const char *s, size_t columns)
{
	size_t keep = 0, n = 0;

	if (drv_columns(s) <= columns) {
		kt_buf_adds(b, s);
		return;
	}
	if (columns == 0)
		return;
	while (s[keep] && (n < columns - 1 || !starts_char(s[keep]))) {
		n += starts_char(s[keep]);
		if (n > columns - 1)
			break;
		keep++;
	}
	kt_buf_add(b, s, keep);
	kt_buf_addc(b, '>');
}

void drv_add_padded(struct kt_buf *b, const char *s, size_t columns)
{
	size_t n = drv_columns(s);

	kt_buf_adds(b, s);
	for (; n < columns; n++)
		kt_buf_addc(b, ' ');
}
