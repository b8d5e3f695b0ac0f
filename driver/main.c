/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the program starts and ends: the only place that prints errors and picks the exit code. */
#include <errno.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "driver/driver.h"

enum { SCHEMA_VERSION = 1, ERROR_TEXT_BYTES = 2 * KT_ERR_TEXT_BYTES };

/*
 * With --json stdout is exactly one document, also when there is nothing but an error to put into
 * it.
 */
static void print_error_json(const struct drv_ctx *ctx, const struct kt_err *e)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	kt_json_init(&j, &b, ctx->json_document);
	kt_json_object_begin(&j, NULL);
	if (ctx->json_document)
		kt_json_u64(&j, "schema_version", SCHEMA_VERSION);
	else
		kt_json_str(&j, "event", "error");
	drv_error_json(&j, e);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	if (!ctx->json_document)
		kt_buf_addc(&b, '\n');
	fputs(kt_buf_str(&b), stdout);
}

static enum drv_exit tell(struct drv_ctx *ctx, const struct kt_err *e)
{
	char text[ERROR_TEXT_BYTES];
	kt_auto(buf) struct kt_buf shown = { 0 };

	kt_err_text(e, text, sizeof(text));
	drv_term_clear(&ctx->term);
	if (ctx->json_document || ctx->json_events)
		print_error_json(ctx, e);
	fflush(stdout);
	/* Names and texts in it may come from files: a terminal must stay sane. */
	kt_buf_add_printable(&shown, text, strlen(text));
	fprintf(stderr, "ktstr-make: %serror:%s %s\n", drv_term_style(&ctx->term, stderr, DRV_RED),
		drv_term_style(&ctx->term, stderr, DRV_PLAIN), kt_buf_str(&shown));
	return drv_exit_of_kind(e->kind);
}

static int print_help(const struct drv_command *c)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	drv_help_text(&b, c);
	fputs(kt_buf_str(&b), stdout);
	return 0;
}

/* KTSTR_LOG first, then the options: what is typed now wins. */
static int configure_log(const struct drv_globals *g, struct kt_err *e)
{
	int r = kt_log_configure(getenv("KTSTR_LOG"), e);

	if (r < 0)
		return kt_context(e, r, "read $KTSTR_LOG");
	if (g->verbose)
		return kt_log_configure(g->verbose > 1 ? "trace" : "debug", e);
	if (g->quiet)
		return kt_log_configure("warn", e);
	return 0;
}

static int apply_globals(struct drv_ctx *ctx, struct kt_err *e)
{
	const struct drv_globals *g = &ctx->globals;
	int r;

	drv_term_init(&ctx->term, (enum drv_color)g->color);
	if (g->quiet)
		ctx->term.live = false;
	r = configure_log(g, e);
	if (r < 0)
		return r;
	if (g->dir && chdir(g->dir) < 0)
		return kt_fail(e, KT_E_USAGE, errno, "cannot go to directory '%s': %s", g->dir,
			       strerror(errno));
	return 0;
}

static int check_operands(const struct drv_command *c, const struct drv_ctx *ctx, struct kt_err *e)
{
	if (ctx->nr_operands <= c->max_operands)
		return 0;
	return kt_fail(e, KT_E_USAGE, EINVAL, "'%s' takes no '%s': see 'ktstr-make %s --help'",
		       c->name, ctx->operands[c->max_operands], c->name);
}

static int run_command(struct drv_ctx *ctx, const struct drv_command *c, int argc, char **argv,
		       const char **operands, struct kt_err *e)
{
	alignas(max_align_t) static unsigned char opts[DRV_OPTS_BYTES_MAX];
	const struct drv_option_set sets[] = {
		{ c->options, c->nr_options, opts },
		{ drv_global_options, drv_nr_global_options, &ctx->globals },
	};
	const struct drv_parse_opts po = { .sets = sets, .nr_sets = 2, .command = c->name };
	int r;

	if (c->opts_bytes > sizeof(opts))
		return kt_fail(e, KT_E_INTERNAL, ENOBUFS, "options of '%s' are too large", c->name);
	r = drv_options_parse(&po, argc, argv, operands, &ctx->nr_operands, e);
	if (r < 0)
		return r;
	ctx->operands = operands;
	ctx->opts = opts;
	if (ctx->globals.help)
		return print_help(c);
	r = check_operands(c, ctx, e);
	if (r < 0)
		return r;
	r = apply_globals(ctx, e);
	if (r < 0)
		return r;
	return c->run(ctx, e);
}

/* "kernel --help", "--help kernel": help of a word that is no command alone. */
static bool print_group_help(const struct drv_ctx *ctx, const char *const *operands, size_t nr)
{
	bool asked = nr == 1 ? ctx->globals.help
			     : nr == 2 && (kt_streq(operands[1], "--help") ||
					   kt_streq(operands[1], "-h"));
	kt_auto(buf) struct kt_buf b = { 0 };

	if (!asked || !drv_help_group(&b, operands[0]))
		return false;
	fputs(kt_buf_str(&b), stdout);
	return true;
}

/* For errors of before options are understood: from then on each command says itself what it prints. */
static void expect_json(struct drv_ctx *ctx)
{
	const char *before = "";

	for (int i = 1; i < ctx->argc && !kt_streq(ctx->argv[i], "--"); i++) {
		const char *a = ctx->argv[i];

		if (kt_streq(a, "--json"))
			ctx->json_document = true;
		else if (kt_streq(a, "--message-format=json") ||
			 (kt_streq(before, "--message-format") && kt_streq(a, "json")))
			ctx->json_events = true;
		before = a;
	}
}

static int run(struct drv_ctx *ctx, const char **operands, struct kt_err *e)
{
	const struct drv_option_set globals = { drv_global_options, drv_nr_global_options,
						&ctx->globals };
	const struct drv_parse_opts po = {
		.sets = &globals, .nr_sets = 1, .command = "", .stop_at_operand = true
	};
	const struct drv_command *c = NULL;
	size_t nr, used;
	int r;

	expect_json(ctx);
	r = drv_options_parse(&po, ctx->argc - 1, ctx->argv + 1, operands, &nr, e);
	if (r < 0)
		return r;
	if (ctx->globals.version) {
		puts("ktstr-make " KTSTR_VERSION);
		return 0;
	}
	if (nr == 0 && ctx->globals.help)
		return print_help(NULL);
	if (nr == 0)
		return kt_fail(e, KT_E_USAGE, EINVAL, "no command given: see 'ktstr-make --help'");
	if (print_group_help(ctx, operands, nr))
		return 0;
	r = drv_command_find(operands, nr, &c, &used, e);
	if (r < 0)
		return r;
	return run_command(ctx, c, (int)(nr - used), ctx->argv + ctx->argc - (nr - used), operands,
			   e);
}

int main(int argc, char **argv)
{
	struct drv_ctx ctx = { .argc = argc, .argv = argv };
	kt_auto(mem) const char **operands = NULL;
	struct kt_err e = { 0 };
	bool flushed;
	int r;

	/* A reader that went away is an error of the write, not a reason to leave cells behind. */
	signal(SIGPIPE, SIG_IGN);
	/* Some launchers leave it ignored, and then nobody can learn how a child has ended. */
	signal(SIGCHLD, SIG_DFL);
	drv_term_init(&ctx.term, DRV_COLOR_AUTO);
	operands = calloc((size_t)argc + 1, sizeof(*operands));
	if (!operands || argc < 1)
		r = kt_fail(&e, KT_E_HOST, ENOMEM, "start");
	else
		r = run(&ctx, operands, &e);
	if (r < 0)
		ctx.exit = tell(&ctx, &e);
	drv_term_clear(&ctx.term);
	/* Results are flushed line by line: a write that failed then left its mark, but no errno. */
	flushed = fflush(stdout) == 0;
	if ((!flushed || ferror(stdout)) && r == 0) {
		fprintf(stderr, "ktstr-make: error: write to standard output: %s\n",
			flushed ? "some of it could not be written" : strerror(errno));
		if (ctx.exit == DRV_EXIT_PASSED)
			ctx.exit = DRV_EXIT_HOST;
	}
	return (int)ctx.exit;
}
