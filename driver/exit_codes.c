/* SPDX-License-Identifier: GPL-2.0-only */
/* What the program exits with: the one table, from kinds of errors and from verdicts. */
#include "driver/driver.h"

const struct drv_exit_row drv_exit_rows[] = {
	{ DRV_EXIT_PASSED,
	  "All tests passed, or all were skipped (with a warning); any other command did its work." },
	{ DRV_EXIT_FAILED, "A test failed." },
	{ DRV_EXIT_INCONCLUSIVE, "No test failed, and at least one check had nothing to measure." },
	{ DRV_EXIT_USAGE,
	  "Wrong command line, a mistake in ktstr.toml, no test matched, or --locked would have to "
	  "change ktstr.lock." },
	{ DRV_EXIT_HOST,
	  "This host or a tool on it is in the way, or a test ended in an error that is not the "
	  "scheduler's." },
	{ DRV_EXIT_BUILD, "A scheduler did not build, or a kernel is not to be had." },
	{ DRV_EXIT_INTERNAL, "A mistake in ktstr-make itself." },
	{ DRV_EXIT_INTERRUPTED, "Interrupted by the user." },
};
const size_t drv_nr_exit_rows = sizeof(drv_exit_rows) / sizeof(drv_exit_rows[0]);

struct kind_row {
	const char *name;
	enum drv_exit code;
};

static const struct kind_row kinds[] = {
	[KT_E_NONE] = { "none", DRV_EXIT_INTERNAL },
	[KT_E_USAGE] = { "usage", DRV_EXIT_USAGE },
	[KT_E_CONFIG] = { "config", DRV_EXIT_USAGE },
	[KT_E_HOST] = { "host", DRV_EXIT_HOST },
	[KT_E_TOOL] = { "tool", DRV_EXIT_HOST },
	[KT_E_KERNEL] = { "kernel", DRV_EXIT_BUILD },
	[KT_E_BUILD] = { "build", DRV_EXIT_BUILD },
	[KT_E_GUEST] = { "guest", DRV_EXIT_HOST },
	[KT_E_INTERNAL] = { "internal", DRV_EXIT_INTERNAL },
	[KT_E_INTR] = { "interrupted", DRV_EXIT_INTERRUPTED },
};

static const struct kind_row *row_of(enum kt_kind kind)
{
	size_t i = (size_t)kind;

	return &kinds[i < sizeof(kinds) / sizeof(kinds[0]) ? i : KT_E_NONE];
}

enum drv_exit drv_exit_of_kind(enum kt_kind kind)
{
	return row_of(kind)->code;
}

const char *drv_kind_name(enum kt_kind kind)
{
	return row_of(kind)->name;
}

void drv_error_json(struct kt_json *j, const struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];

	kt_json_object_begin(j, "error");
	kt_json_str(j, "kind", drv_kind_name(e->kind));
	kt_json_str(j, "text", kt_err_text(e, text, sizeof(text)));
	kt_json_u64(j, "exit_code", drv_exit_of_kind(e->kind));
	kt_json_object_end(j);
}

enum drv_exit drv_exit_of_totals(const struct drv_totals *t)
{
	if (t->interrupted || t->not_run)
		return DRV_EXIT_INTERRUPTED;
	if (t->nr[SCN_FAIL])
		return DRV_EXIT_FAILED;
	if (t->nr[SCN_ERROR])
		return DRV_EXIT_HOST;
	if (t->nr[SCN_INCONCLUSIVE])
		return DRV_EXIT_INCONCLUSIVE;
	return DRV_EXIT_PASSED;
}
