/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a file or a text to a project: the passes over the document, and tables by their schema
 * rows.
 */
#include "config/internal.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

const struct cfg_node *cfg_get(const struct cfg_node *v, const char *key)
{
	if (!v || v->type != CFG_TABLE)
		return NULL;
	for (size_t i = 0; i < v->nr; i++) {
		if (kt_streq(v->child[i].key, key))
			return &v->child[i];
	}
	return NULL;
}

static const struct cfg_key *find_key(enum cfg_table t, const char *name)
{
	for (size_t i = 0; i < cfg_nr_keys; i++) {
		if (cfg_keys[i].table == t && kt_streq(cfg_keys[i].name, name))
			return &cfg_keys[i];
	}
	return NULL;
}

static void unknown_key(struct cfg_loader *l, enum cfg_table t, const struct cfg_node *v)
{
	const char *names[32];
	size_t nr = 0;

	if (l->quiet)
		return;
	for (size_t i = 0; i < cfg_nr_keys && nr < 32; i++) {
		if (cfg_keys[i].table == t)
			names[nr++] = cfg_keys[i].name;
	}
	cfg_diag_add(&l->diag, v->key_line, v->key_column, "unknown key '%.60s' in %s", v->key,
		     cfg_table_name(t));
	cfg_bad_nearest(l, v->key, names, nr);
}

void cfg_apply_table(struct cfg_loader *l, enum cfg_table t, const struct cfg_node *v, void *obj)
{
	if (!cfg_is_type(l, v, CFG_TABLE, "a table"))
		return;
	for (size_t i = 0; i < v->nr; i++) {
		const struct cfg_node *m = &v->child[i];
		const struct cfg_key *k = find_key(t, m->key);

		if (!k)
			unknown_key(l, t, m);
		else if (k->apply)
			k->apply(l, k, m, obj);
		else if (!l->quiet)
			cfg_diag_add(&l->diag, m->key_line, m->key_column,
				     "'%s' is not supported yet", m->key);
	}
	for (size_t i = 0; i < cfg_nr_keys; i++) {
		if (cfg_keys[i].table == t && !cfg_keys[i].fallback &&
		    !cfg_get(v, cfg_keys[i].name) && v != l->defaults)
			cfg_bad(l, v, "%s has no '%s'", cfg_table_name(t), cfg_keys[i].name);
	}
}

/* A fallback is written as TOML: a string in quotes, true, false, or a number. */
static bool fallback_node(const char *text, struct cfg_node *ret, char *buf, size_t size)
{
	size_t len = strlen(text);

	*ret = (struct cfg_node){ .type = CFG_BOOL, .boolean = text[0] == 't' };
	if (text[0] == '"') {
		ret->type = CFG_STRING;
		ret->string = buf;
		return kt_snprintf(buf, size, "%.*s", (int)len - 2, text + 1) == 0;
	}
	if (text[0] == 't' || text[0] == 'f')
		return true;
	ret->type = CFG_INT;
	return kt_parse_i64(text, &ret->integer) == 0;
}

void cfg_apply_fallbacks(struct cfg_loader *l, enum cfg_table t, void *obj)
{
	for (size_t i = 0; i < cfg_nr_keys; i++) {
		const struct cfg_key *k = &cfg_keys[i];
		struct cfg_node v;
		char buf[64];

		if (k->table == t && k->apply && k->fallback && k->fallback[0] &&
		    fallback_node(k->fallback, &v, buf, sizeof(buf)))
			k->apply(l, k, &v, obj);
	}
}

static int parse_document(struct cfg_loader *l, struct cfg_node **ret, struct kt_err *e)
{
	struct cfg_tree_error err = { 0 };
	int r;

	if (!cfg_scan(&l->diag))
		return cfg_diag_fail(&l->diag, e);
	r = cfg_tree_parse(l->diag.text, l->diag.len, ret, &err);
	if (r == -ENOMEM)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read %s", l->diag.file);
	if (r < 0) {
		cfg_diag_add(&l->diag, err.line, err.column, "%s", err.text);
		return cfg_diag_fail(&l->diag, e);
	}
	return 0;
}

static int add_default_kernel(struct cfg_project *p)
{
	if (p->nr_kernels)
		return 0;
	p->kernels = calloc(1, sizeof(*p->kernels));
	if (!p->kernels)
		return -ENOMEM;
	p->nr_kernels = 1;
	p->kernels[0].name = strdup("default");
	p->kernels[0].source = strdup("debian:trixie-backports/cloud");
	return p->kernels[0].name && p->kernels[0].source ? 0 : -ENOMEM;
}

/* "/src/sched/ktstr.toml" -> "/src/sched". */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static char *default_name(const char *dir)
{
	const char *slash = strrchr(dir, '/');
	const char *name = slash ? slash + 1 : dir;

	return strdup(cfg_name_ok(name) ? name : "project");
}

static int fill_project(struct cfg_loader *l, const char *path)
{
	struct cfg_project *p = l->project;

	p->file = strdup(path);
	p->dir = p->file ? directory_of(p->file) : NULL;
	p->name = p->dir ? default_name(p->dir) : NULL;
	return p->name ? 0 : -ENOMEM;
}

static int load_document(struct cfg_loader *l, const char *path, struct kt_err *e)
{
	kt_auto(cfg_tree) struct cfg_node *root = NULL;
	int r = parse_document(l, &root, e);

	if (r < 0)
		return r;
	assert(root);
	if (fill_project(l, path) < 0)
		cfg_oom(l);
	cfg_apply_fallbacks(l, CFG_T_VM, l->project);
	cfg_apply_table(l, CFG_T_ROOT, root, l->project);
	if (add_default_kernel(l->project) < 0)
		cfg_oom(l);
	cfg_load_tests(l);
	return l->diag.nr || l->diag.oom ? cfg_diag_fail(&l->diag, e) : 0;
}

/* @shown is the name in errors, @path what the project gets as its file. */
static int load(const char *shown, const char *path, const char *text, size_t len,
		struct cfg_project **ret, struct kt_err *e)
{
	kt_auto(cfg_project) struct cfg_project *p = calloc(1, sizeof(*p));
	struct cfg_loader l = {
		.diag = { .file = shown, .text = text ? text : "", .len = len },
		.project = p,
	};
	int r;

	if (!p)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read %s", shown);
	r = load_document(&l, path, e);
	cfg_diag_done(&l.diag);
	if (r < 0)
		return r;
	*ret = kt_take(p);
	return 0;
}

int cfg_load_text(const char *name, const char *text, size_t len, struct cfg_project **ret,
		  struct kt_err *e)
{
	return load(name, name, text, len, ret, e);
}

int cfg_load(const char *path, struct cfg_project **ret, struct kt_err *e)
{
	kt_auto(mem) char *absolute = realpath(path, NULL);
	kt_auto(buf) struct kt_buf text = { 0 };
	struct kt_err why = { 0 };
	int r;

	if (!absolute)
		return kt_fail(e, KT_E_CONFIG, errno, "%s: %s", path, strerrordesc_np(errno));
	r = kt_file_read(absolute, CFG_FILE_MAX, &text, &why);
	if (r == -EFBIG)
		return kt_fail(e, KT_E_CONFIG, EFBIG, "%s:1:1: the file has more than %d bytes",
			       path, CFG_FILE_MAX);
	if (r == -ENOMEM)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read %s", path);
	if (r < 0)
		return kt_fail(e, KT_E_CONFIG, -r, "%s: %s", path, strerrordesc_np(-r));
	return load(path, absolute, text.data, text.len, ret, e);
}
