/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel show: all that is known of one kernel in the cache. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/parse.h"
#include "driver/driver.h"
#include "driver/times.h"
#include "kernel-cache/kernel-cache.h"

enum { SCHEMA_VERSION = 1, NAME_COLUMNS = 12 };

struct show_opts {
	bool json;
	bool log;
};

static const struct drv_option options[] = {
	{ "json", 0, DRV_OPT_FLAG, NULL, "one JSON document", NULL, DRV_COMPLETE_NONE,
	  offsetof(struct show_opts, json) },
	{ "log", 0, DRV_OPT_FLAG, NULL, "print what make said when it was built", NULL,
	  DRV_COMPLETE_NONE, offsetof(struct show_opts, log) },
};

struct damaged {
	const char *prefix;
	struct kt_buf text;
};

static void on_damaged(void *arg, const char *key, const char *why)
{
	struct damaged *d = arg;

	if (kt_starts_with(key, d->prefix))
		kt_buf_addf(&d->text, "%s%s: %s", d->text.len ? "; " : "", key, why);
}

static int ambiguous(const struct kc_list *l, const char *prefix, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf keys = { 0 };

	for (size_t i = 0; i < l->nr; i++) {
		if (kt_starts_with(l->v[i]->key, prefix))
			kt_buf_addf(&keys, "\n  %s", l->v[i]->key);
	}
	return kt_fail(e, KT_E_USAGE, EINVAL, "several kernels have a key that begins with '%s':%s",
		       prefix, kt_buf_str(&keys));
}

/* A look is no use: unlike kc_get this leaves the time of the last use alone. */
static int find(const char *prefix, const struct kc_list *l, const struct damaged *d,
		const struct kc_entry **ret, struct kt_err *e)
{
	const struct kc_entry *found = NULL;
	size_t nr = 0;

	for (size_t i = 0; i < l->nr; i++) {
		if (!kt_starts_with(l->v[i]->key, prefix))
			continue;
		nr++;
		found = l->v[i];
		if (kt_streq(found->key, prefix)) {
			nr = 1;
			break;
		}
	}
	if (nr > 1)
		return ambiguous(l, prefix, e);
	if (!found && d->text.len)
		return kt_fail(
			e, KT_E_KERNEL, EBADMSG,
			"the cached kernel is damaged: %s; it is made anew when it is needed",
			kt_buf_str(&d->text));
	if (!found)
		return kt_fail(e, KT_E_KERNEL, ENOENT,
			       "no kernel in the cache has a key that begins with '%s': "
			       "'ktstr-make kernel list' shows them",
			       prefix);
	*ret = found;
	return 0;
}

/* ---- text ---- */

static void add_row(struct kt_buf *b, const char *name, const char *value)
{
	if (!value || !value[0])
		return;
	drv_add_padded(b, name, NAME_COLUMNS);
	kt_buf_add_printable(b, value, strlen(value));
	kt_buf_addc(b, '\n');
}

static void add_time_row(struct kt_buf *b, const char *name, time_t t)
{
	kt_auto(buf) struct kt_buf text = { 0 };

	kt_format_time(&text, t);
	kt_buf_adds(&text, ", ");
	drv_add_ago(&text, t, time(NULL));
	add_row(b, name, kt_buf_str(&text));
}

static void add_state_row(struct kt_buf *b, const struct kc_entry *k)
{
	static const char *const meanings[] = {
		[KC_STATE_CURRENT] = "as it would be made today",
		[KC_STATE_CORRUPT] = "a file is not what was recorded",
		[KC_STATE_DIRTY] = "of a tree that was not committed: made anew at each use",
		[KC_STATE_STALE] =
			"of a built-in configuration that this version no longer has: made anew at the next use",
		[KC_STATE_EOL] = "nobody maintains its series any more",
	};
	kt_auto(buf) struct kt_buf text = { 0 };

	kt_buf_addf(&text, "%s: %s", kc_state_names[k->state], meanings[k->state]);
	add_row(b, "state", kt_buf_str(&text));
}

static void add_facts(struct kt_buf *b, const struct kc_facts *f)
{
	kt_auto(buf) struct kt_buf text = { 0 };

	kt_buf_addf(&text, "%s, %s", f->has_btf ? "BTF" : "no BTF",
		    f->has_sched_ext ? "sched_ext" : "no sched_ext");
	if (f->nr_lost_kfuncs)
		kt_buf_addf(&text, ", %u sched_ext functions cannot be called", f->nr_lost_kfuncs);
	add_row(b, "has", kt_buf_str(&text));
}

/* With which configuration it was built. */
static void add_config(struct kt_buf *b, const struct kc_entry *k)
{
	add_row(b, "flavour", k->flavour);
	add_row(b, "base", k->base);
	add_row(b, "options", k->options);
	if (k->keep_debug)
		add_row(b, "debug info", "kept in vmlinux");
}

static void render_text(const struct kc_entry *k, struct kt_buf *b)
{
	kt_auto(buf) struct kt_buf size = { 0 };
	kt_auto(buf) struct kt_buf took = { 0 };

	kt_format_size(&size, k->bytes);
	if (k->build_ms)
		drv_add_seconds(&took, k->build_ms / 1000);
	add_row(b, "key", k->key);
	add_row(b, "source", k->spec);
	add_row(b, "version", k->version);
	add_row(b, "release", k->release);
	add_row(b, "commit", k->commit);
	add_state_row(b, k);
	add_facts(b, &k->facts);
	add_config(b, k);
	add_row(b, "toolchain", k->toolchain);
	add_row(b, "pahole", k->pahole);
	add_row(b, "build took", kt_buf_str(&took));
	add_row(b, "url", k->url);
	add_row(b, "sha256", k->sha256);
	add_row(b, "size", kt_buf_str(&size));
	add_time_row(b, "created", k->created);
	add_time_row(b, "last used", k->last_used);
	add_row(b, "directory", k->dir);
	add_row(b, "image", k->image);
	add_row(b, "vmlinux", k->vmlinux);
	add_row(b, "config", k->config);
	add_row(b, "System.map", k->system_map);
	add_row(b, "build log", k->build_log);
	add_row(b, "notes", k->notes);
}

static void render_json(const struct kc_entry *k, struct kt_buf *b)
{
	struct kt_json j;

	kt_json_init(&j, b, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", SCHEMA_VERSION);
	kc_entry_json(k, &j, "kernel");
	kt_json_object_end(&j);
	kt_json_finish(&j);
}

static void on_log(void *arg, const void *data, size_t len)
{
	(void)arg;
	fwrite(data, 1, len, stdout); /* main says when stdout could not be written */
}

static int show(const struct show_opts *o, const struct kc_entry *k, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	if (o->log)
		return kc_build_log(k, on_log, NULL, e);
	if (o->json)
		render_json(k, &b);
	else
		render_text(k, &b);
	if (!kt_buf_ok(&b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "show kernel '%s'", k->key);
	fputs(kt_buf_str(&b), stdout);
	return 0;
}

static int run(struct drv_ctx *ctx, struct kt_err *e)
{
	const struct show_opts *o = ctx->opts;
	kt_auto(kc_list) struct kc_list l = { 0 };
	const struct kc_entry *k = NULL;
	struct damaged d = { 0 };
	int r;

	ctx->json_document = o->json;
	if (o->json && o->log)
		return kt_fail(e, KT_E_USAGE, EINVAL, "--json and --log exclude each other");
	if (!ctx->nr_operands)
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "which kernel? Give its key or the beginning of one: 'ktstr-make "
			       "kernel list' shows them");
	d.prefix = ctx->operands[0];
	r = kc_list(NULL, &l, on_damaged, &d, e);
	if (r == 0)
		r = find(d.prefix, &l, &d, &k, e);
	kt_buf_done(&d.text);
	return r < 0 || !k ? r : show(o, k, e);
}

const struct drv_command drv_cmd_kernel_show = {
	.name = "kernel show",
	.summary = "show all that is known of a kernel in the cache",
	.operands = "KEY",
	.help = "The beginning of a key is enough when no other kernel has it.",
	.complete = DRV_COMPLETE_KEY,
	.max_operands = 1,
	.options = options,
	.nr_options = sizeof(options) / sizeof(options[0]),
	.opts_bytes = sizeof(struct show_opts),
	.run = run,
};
