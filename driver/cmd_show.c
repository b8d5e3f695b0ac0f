/* SPDX-License-Identifier: GPL-2.0-only */
/* show: a failure dump, or a part of one. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "capture/capture.h"
#include "driver/cell/coordinator.h"
#include "driver/driver.h"

enum { DUMP_BYTES_MAX = 256 << 20, DUMPS_LISTED = 20, WIDTH_WITHOUT_TERMINAL = 120 };

struct show_opts {
	bool json;
	unsigned lines;
};

static const struct drv_option options[] = {
	{ "json", 0, DRV_OPT_FLAG, NULL, "print that part of the dump as JSON", NULL,
	  DRV_COMPLETE_NONE, offsetof(struct show_opts, json) },
	{ "lines", 'n', DRV_OPT_NUMBER, "N", "only so many lines, those that tell most", NULL,
	  DRV_COMPLETE_NONE, offsetof(struct show_opts, lines) },
};

/* ---- which file ---- */

/* Directories of kernels, in that of a run: one level. */
static int list_dumps(const char *dir, bool below, struct kt_strv *ret, struct kt_err *e)
{
	kt_auto(dir) DIR *d = opendir(dir);
	const struct dirent *entry;
	int r = 0;

	if (!d)
		return kt_fail(e, KT_E_HOST, errno, "open directory '%s'", dir);
	while (r == 0 && (entry = readdir(d))) {
		kt_auto(mem) char *path = NULL;
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		path = kt_fmt("%s/%s", dir, entry->d_name);
		if (!path)
			return kt_fail(e, KT_E_HOST, ENOMEM, "look for dumps in '%s'", dir);
		if (kt_ends_with(entry->d_name, ".failure-dump.json"))
			r = kt_strv_add(ret, path);
		else if (below && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			r = list_dumps(path, false, ret, e);
	}
	return r == -ENOMEM ? kt_fail(e, KT_E_HOST, ENOMEM, "look for dumps in '%s'", dir) : r;
}

static int find_in_directory(const char *dir, char **ret, struct kt_err *e)
{
	kt_auto(strv) struct kt_strv found = { 0 };
	kt_auto(buf) struct kt_buf names = { 0 };
	int r = list_dumps(dir, true, &found, e);

	if (r < 0)
		return r;
	if (!found.nr)
		return kt_fail(e, KT_E_USAGE, ENOENT, "there is no failure dump in '%s'", dir);
	if (found.nr == 1) {
		*ret = strdup(found.v[0]);
		return *ret ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "look for dumps in '%s'", dir);
	}
	qsort(found.v, found.nr, sizeof(*found.v), kt_compare_strings);
	for (size_t i = 0; i < found.nr && i < DUMPS_LISTED; i++)
		kt_buf_addf(&names, "\n  %s", found.v[i]);
	if (found.nr > DUMPS_LISTED)
		kt_buf_addf(&names, "\n  and %zu more", found.nr - DUMPS_LISTED);
	return kt_fail(e, KT_E_USAGE, EINVAL,
		       "there are several failure dumps in '%s': give one:%s", dir,
		       kt_buf_str(&names));
}

/* A dump's own file, of a directory of a run, or of the sidecar that lies beside it. */
static int find_file(const char *file, char **ret, struct kt_err *e)
{
	struct stat st;

	if (stat(file, &st) == 0 && S_ISDIR(st.st_mode))
		return find_in_directory(file, ret, e);
	*ret = kt_ends_with(file, ".ktstr.json") ? cell_dump_path(file) : strdup(file);
	if (!*ret)
		return kt_fail(e, KT_E_HOST, ENOMEM, "open '%s'", file);
	if (!kt_streq(*ret, file) && access(*ret, F_OK) < 0 && access(file, F_OK) == 0)
		return kt_fail(e, KT_E_USAGE, ENOENT, "'%s' has no failure dump beside it", file);
	return 0;
}

/* ---- what of it ---- */

/* Of a dual dump the late one is meant, unless the path says otherwise. */
static int pick_report(const struct cap_document *d, const char *name, const char **path,
		       const struct cap_report **ret, struct kt_err *e)
{
	static const char early[] = "early", late[] = "late";
	const char *found = NULL;

	*ret = d->single ? d->single : d->late;
	if (!d->dual || !*path)
		return 0;
	if (strncmp(*path, early, strlen(early)) == 0)
		found = *path + strlen(early);
	else if (strncmp(*path, late, strlen(late)) == 0)
		found = *path + strlen(late);
	if (!found || (*found && *found != '.'))
		return 0;
	if (**path == 'e')
		*ret = d->early;
	if (!*ret)
		return kt_fail(e, KT_E_USAGE, ENOENT, "%s: there is no early dump: %s", name,
			       d->dual->early_skipped_reason ? d->dual->early_skipped_reason
							     : "it does not say why");
	*path = *found ? found + 1 : NULL;
	return 0;
}

static void add_document(const struct cap_document *d, const struct cap_text_opts *o, bool json,
			 struct kt_buf *ret)
{
	if (d->degraded && json)
		cap_degraded_json(d->degraded, ret);
	else if (d->degraded)
		cap_degraded_text(d->degraded, o, ret);
	else if (d->dual && json)
		cap_dual_json(d->dual, ret);
	else if (d->dual)
		cap_dual_text(d->dual, o, ret);
	else if (json)
		cap_report_json(d->single, ret);
	else
		cap_report_text(d->single, o, ret);
}

static int add_part(const struct cap_document *d, const char *name, const char *path,
		    const struct cap_text_opts *o, bool json, struct kt_buf *ret, struct kt_err *e)
{
	const struct cap_report *report;
	int r;

	if (d->degraded)
		return kt_fail(
			e, KT_E_USAGE, EINVAL,
			"%s: no dump could be made, so that it has no parts: show it without "
			"a path",
			name);
	r = pick_report(d, name, &path, &report, e);
	if (r < 0)
		return r;
	if (path)
		return json ? cap_show_json(report, path, ret, e)
			    : cap_show(report, path, o, ret, e);
	if (json)
		cap_report_json(report, ret);
	else
		cap_report_text(report, o, ret);
	return 0;
}

static int print(const struct kt_buf *b, struct kt_err *e)
{
	if (!kt_buf_ok(b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "show the dump");
	if (b->len && fwrite(b->data, 1, b->len, stdout) != b->len)
		return kt_fail(e, KT_E_HOST, errno, "write to stdout");
	return 0;
}

static int show(struct drv_ctx *ctx, const char *name, const char *path, struct kt_err *e)
{
	const struct show_opts *opts = ctx->opts;
	kt_auto(mem) char *more = kt_fmt("ktstr-make show %s", name);
	const struct cap_text_opts o = {
		.width = isatty(STDOUT_FILENO) ? ctx->term.columns : WIDTH_WITHOUT_TERMINAL,
		.max_lines = opts->lines,
		.more = more,
	};
	kt_auto(buf) struct kt_buf text = { 0 };
	kt_auto(buf) struct kt_buf ret = { 0 };
	struct cap_document d = { 0 };
	int r = kt_file_read(name, DUMP_BYTES_MAX, &text, e);

	if (r < 0)
		return r;
	r = cap_document_parse(kt_buf_str(&text), text.len, name, &d, e);
	if (r < 0)
		return r;
	if (path)
		r = add_part(&d, name, path, &o, opts->json, &ret, e);
	else
		add_document(&d, &o, opts->json, &ret);
	cap_document_done(&d);
	return r < 0 ? r : print(&ret, e);
}

static int run(struct drv_ctx *ctx, struct kt_err *e)
{
	const struct show_opts *o = ctx->opts;
	kt_auto(mem) char *file = NULL;
	int r;

	ctx->json_document = o->json;
	if (o->json && o->lines)
		return kt_fail(e, KT_E_USAGE, EINVAL, "--json and --lines exclude each other");
	if (!ctx->nr_operands)
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "which dump? Give its file, the directory of a run, or a sidecar");
	if (o->lines && ctx->nr_operands > 1)
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "--lines is for a whole dump: without a path");
	r = find_file(ctx->operands[0], &file, e);
	if (r < 0)
		return r;
	return show(ctx, file, ctx->nr_operands > 1 ? ctx->operands[1] : NULL, e);
}

const struct drv_command drv_cmd_show = {
	.name = "show",
	.summary = "show a failure dump, or a part of one",
	.operands = "FILE [PATH]",
	.help = "FILE is a failure dump, the directory of a run, or a sidecar.\n"
		"\n"
		"PATH is a section (maps regs sdt static progs cpu_time psi numa tasks sched dsq rq events\n"
		"perf counters) or the name of a map; then members, and indices or keys of a map:\n"
		"'bpf.bss.stall', 'rq[2].curr_comm', 'my_hash[7].weight', 'my_percpu[0][3]'. Pointers are\n"
		"followed where the dump did. In a dump with two parts 'early.PATH' is of the first.",
	.complete = DRV_COMPLETE_FILE,
	.max_operands = 2,
	.options = options,
	.nr_options = sizeof(options) / sizeof(options[0]),
	.opts_bytes = sizeof(struct show_opts),
	.run = run,
};
