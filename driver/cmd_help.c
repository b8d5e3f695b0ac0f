/* SPDX-License-Identifier: GPL-2.0-only */
/* help: texts of --help and the generated pages of docs/, all from the tables. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "driver/driver.h"

enum { HELP_COLUMN = 34, HELP_WIDTH = 100 };

/* Append @text wrapped at HELP_WIDTH, every line but the first indented by @indent. */
static void add_wrapped(struct kt_buf *b, const char *text, size_t indent)
{
	size_t column = indent;

	while (*text) {
		size_t word = strcspn(text, " \n");

		if (column > indent && column + 1 + word > HELP_WIDTH) {
			kt_buf_addf(b, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			kt_buf_addc(b, ' ');
			column++;
		}
		kt_buf_add(b, text, word);
		column += word;
		text += word;
		if (*text == '\n') {
			kt_buf_addf(b, "\n%*s", (int)indent, "");
			column = indent;
		}
		text += *text != '\0';
	}
}

static void add_option(struct kt_buf *b, const struct drv_option *o)
{
	kt_auto(buf) struct kt_buf left = { 0 };
	kt_auto(buf) struct kt_buf help = { 0 };

	if (o->short_name)
		kt_buf_addf(&left, "  -%c, --%s", o->short_name, o->name);
	else
		kt_buf_addf(&left, "      --%s", o->name);
	if (o->arg)
		kt_buf_addf(&left, " %s", o->arg);
	drv_add_padded(b, kt_buf_str(&left), HELP_COLUMN - 2);
	kt_buf_adds(b, "  ");
	kt_buf_adds(&help, o->help);
	for (size_t i = 0; o->choices && o->choices[i]; i++)
		kt_buf_addf(&help, "%s%s%s", i ? "|" : " (", o->choices[i],
			    o->choices[i + 1] ? "" : ")");
	if (o->kind == DRV_OPT_STRINGS)
		kt_buf_adds(&help, " (repeatable)");
	add_wrapped(b, kt_buf_str(&help), HELP_COLUMN);
	kt_buf_addc(b, '\n');
}

static void add_options(struct kt_buf *b, const char *title, const struct drv_option *rows,
			size_t nr)
{
	if (!nr)
		return;
	kt_buf_addf(b, "\n%s:\n", title);
	for (size_t i = 0; i < nr; i++)
		add_option(b, &rows[i]);
}

static void program_help(struct kt_buf *b)
{
	kt_buf_adds(b, "ktstr-make tests Linux schedulers on real kernels in virtual machines.\n\n"
		       "Usage: ktstr-make [OPTIONS] COMMAND [ARGUMENTS]\n\nCommands:\n");
	for (size_t i = 0; i < drv_nr_commands; i++) {
		kt_buf_adds(b, "  ");
		drv_add_padded(b, drv_commands[i]->name, 16);
		kt_buf_addf(b, "%s\n", drv_commands[i]->summary);
	}
	add_options(b, "Options of every command", drv_global_options, drv_nr_global_options);
	kt_buf_adds(b, "\nExit codes:\n");
	for (size_t i = 0; i < drv_nr_exit_rows; i++) {
		kt_buf_addf(b, "  %3d  ", drv_exit_rows[i].code);
		add_wrapped(b, drv_exit_rows[i].meaning, 7);
		kt_buf_addc(b, '\n');
	}
	kt_buf_adds(
		b,
		"\n'ktstr-make COMMAND --help' tells more of a command. Start with 'ktstr-make init' and "
		"'ktstr-make test'.\n");
}

void drv_help_text(struct kt_buf *b, const struct drv_command *c)
{
	if (!c) {
		program_help(b);
		return;
	}
	kt_buf_addf(b, "ktstr-make %s: %s\n\nUsage: ktstr-make %s [OPTIONS]%s%s\n", c->name,
		    c->summary, c->name, c->operands ? " " : "", c->operands ? c->operands : "");
	if (c->help) {
		kt_buf_addc(b, '\n');
		add_wrapped(b, c->help, 0);
		kt_buf_addc(b, '\n');
	}
	add_options(b, "Options", c->options, c->nr_options);
	add_options(b, "Options of every command", drv_global_options, drv_nr_global_options);
}

bool drv_help_group(struct kt_buf *b, const char *first)
{
	bool any = false;

	for (size_t i = 0; i < drv_nr_commands; i++) {
		const struct drv_command *c = drv_commands[i];

		if (!kt_starts_with(c->name, first) || c->name[strlen(first)] != ' ')
			continue;
		if (!any)
			kt_buf_addf(b, "Usage: ktstr-make %s COMMAND [ARGUMENTS]\n\nCommands:\n",
				    first);
		any = true;
		kt_buf_adds(b, "  ");
		drv_add_padded(b, c->name, 16);
		kt_buf_addf(b, "%s\n", c->summary);
	}
	if (any)
		kt_buf_addf(b, "\n'ktstr-make %s COMMAND --help' tells more of a command.\n",
			    first);
	return any;
}

/* ---- the command ---- */

static const char *const pages[] = { "none", "commands", "config", "exit-codes", NULL };
enum page { PAGE_NONE, PAGE_COMMANDS, PAGE_CONFIG, PAGE_EXIT_CODES };

struct help_opts {
	unsigned markdown;
};

static const struct drv_option options[] = {
	{ "markdown", 0, DRV_OPT_CHOICE, "PAGE", "write a page of docs/ instead", pages,
	  DRV_COMPLETE_NONE, offsetof(struct help_opts, markdown) },
};

static int help_run(struct drv_ctx *ctx, struct kt_err *e)
{
	const struct help_opts *o = ctx->opts;
	const struct drv_command *c = NULL;
	kt_auto(buf) struct kt_buf b = { 0 };
	size_t used;
	int r;

	switch ((enum page)o->markdown) {
	case PAGE_NONE:
		if (ctx->nr_operands == 1 && drv_help_group(&b, ctx->operands[0]))
			break;
		if (ctx->nr_operands) {
			r = drv_command_find(ctx->operands, ctx->nr_operands, &c, &used, e);
			if (r < 0)
				return r;
		}
		drv_help_text(&b, c);
		break;
	case PAGE_COMMANDS:
		drv_markdown_commands(&b);
		break;
	case PAGE_CONFIG:
		drv_markdown_config(&b);
		break;
	case PAGE_EXIT_CODES:
		drv_markdown_exit_codes(&b);
		break;
	}
	if (!kt_buf_ok(&b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "make the help text");
	fputs(kt_buf_str(&b), stdout);
	return 0;
}

const struct drv_command drv_cmd_help = {
	.name = "help",
	.summary = "show help of a command",
	.operands = "[COMMAND]",
	.complete = DRV_COMPLETE_COMMAND,
	.max_operands = 2,
	.options = options,
	.nr_options = sizeof(options) / sizeof(options[0]),
	.opts_bytes = sizeof(struct help_opts),
	.run = help_run,
};
