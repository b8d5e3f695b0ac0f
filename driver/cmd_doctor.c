/* SPDX-License-Identifier: GPL-2.0-only */
/* doctor: can tests run here, and if not, what to do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "driver/doctor.h"
#include "driver/driver.h"

enum { SCHEMA_VERSION = 1, NAME_COLUMNS = 11, TEXT_COLUMN = 18 };

struct doctor_opts {
	bool json;
};

static const struct drv_option options[] = {
	{ "json", 0, DRV_OPT_FLAG, NULL, "one JSON document", NULL, DRV_COMPLETE_NONE,
	  offsetof(struct doctor_opts, json) },
};

static const struct {
	const char *word;
	enum drv_style style;
} healths[] = {
	[DRV_OK] = { "ok", DRV_GREEN },
	[DRV_WARN] = { "warn", DRV_YELLOW },
	[DRV_BROKEN] = { "fail", DRV_RED },
};

/* Texts of several lines (errors in ktstr.toml) stay in their column. */
static void add_block(struct kt_buf *b, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		kt_buf_add_printable(b, text, len);
		text += len;
		if (*text == '\n' && text[1])
			kt_buf_addf(b, "\n%*s", TEXT_COLUMN, "");
		text += *text == '\n';
	}
}

static void render_text(const struct drv_ctx *ctx, const struct drv_check_result *results,
			bool can_run, struct kt_buf *b)
{
	const char *plain = drv_term_style(&ctx->term, stdout, DRV_PLAIN);

	for (size_t i = 0; i < drv_nr_checks; i++) {
		const struct drv_check_result *r = &results[i];

		kt_buf_addf(b, "%s%-4s%s  ",
			    drv_term_style(&ctx->term, stdout, healths[r->health].style),
			    healths[r->health].word, plain);
		drv_add_padded(b, drv_checks[i].name, NAME_COLUMNS);
		kt_buf_addc(b, ' ');
		add_block(b, kt_buf_str(&r->text));
		if (r->hint.len) {
			kt_buf_adds(b, r->health == DRV_OK ? ": " : "; ");
			kt_buf_adds(b, kt_buf_str(&r->hint));
		}
		kt_buf_addc(b, '\n');
	}
	kt_buf_adds(b,
		    can_run ? "tests can run here\n" : "tests cannot run here: see 'fail' above\n");
}

static void render_json(const struct drv_check_result *results, bool can_run,
			const struct drv_doctor *d, struct kt_buf *b)
{
	struct kt_json j;

	kt_json_init(&j, b, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", SCHEMA_VERSION);
	kt_json_bool(&j, "can_run", can_run);
	kt_json_str(&j, "accelerator", d->auto_err.kind == KT_E_NONE ? d->automatic.name : NULL);
	kt_json_array_begin(&j, "checks");
	for (size_t i = 0; i < drv_nr_checks; i++) {
		kt_json_object_begin(&j, NULL);
		kt_json_str(&j, "name", drv_checks[i].name);
		kt_json_str(&j, "health", healths[results[i].health].word);
		kt_json_str(&j, "text", kt_buf_str(&results[i].text));
		kt_json_str(&j, "hint", results[i].hint.len ? kt_buf_str(&results[i].hint) : NULL);
		kt_json_object_end(&j);
	}
	kt_json_array_end(&j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
}

static int doctor_run(struct drv_ctx *ctx, struct kt_err *e)
{
	const struct doctor_opts *o = ctx->opts;
	struct drv_check_result *results = calloc(drv_nr_checks, sizeof(*results));
	kt_auto(buf) struct kt_buf b = { 0 };
	struct drv_doctor d;
	bool can_run = true;

	ctx->json_document = o->json;
	if (!results)
		return kt_fail(e, KT_E_HOST, ENOMEM, "check this host");
	drv_doctor_look(&d);
	for (size_t i = 0; i < drv_nr_checks; i++) {
		drv_checks[i].run(&d, &results[i]);
		can_run = can_run && results[i].health != DRV_BROKEN;
	}
	if (o->json)
		render_json(results, can_run, &d, &b);
	else
		render_text(ctx, results, can_run, &b);
	fputs(kt_buf_str(&b), stdout);
	for (size_t i = 0; i < drv_nr_checks; i++) {
		kt_buf_done(&results[i].text);
		kt_buf_done(&results[i].hint);
	}
	free(results);
	drv_doctor_done(&d);
	ctx->exit = can_run ? DRV_EXIT_PASSED : DRV_EXIT_HOST;
	return kt_buf_ok(&b) ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "check this host");
}

const struct drv_command drv_cmd_doctor = {
	.name = "doctor",
	.summary = "check whether tests can run on this host, and say what is missing",
	.help = "Exits with 0 when tests can run here, with 4 when they cannot.",
	.options = options,
	.nr_options = sizeof(options) / sizeof(options[0]),
	.opts_bytes = sizeof(struct doctor_opts),
	.run = doctor_run,
};
