/* SPDX-License-Identifier: GPL-2.0-only */
/* From the words of the command line and ktstr.toml to kernels and how to make them. */
#include "driver/kernel_args.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver/plan.h"

const char *const drv_flavour_words[] = { "auto", "minimal", "full", NULL };
enum { FLAVOUR_AUTO, FLAVOUR_MINIMAL, FLAVOUR_FULL };

int drv_find_project(struct cfg_project **ret, struct kt_err *e)
{
	kt_auto(mem) char *path = NULL;
	int r = cfg_find(".", &path, e);

	if (r == -ENOENT) {
		*ret = NULL;
		return 0;
	}
	return r < 0 ? r : cfg_load(path, ret, e);
}

/* ---- how to make them ---- */

/* Where words with a path in them are relative to. */
struct anchor {
	const char *dir; /* NULL: as they are */
	struct kt_strv *texts; /* keeps what is made */
	bool oom;
};

static const char *keep(struct anchor *a, const char *word)
{
	if (kt_strv_addf(a->texts, "%s/%s", a->dir, word) < 0) {
		a->oom = true;
		return word;
	}
	return a->texts->v[a->texts->nr - 1];
}

static const char *anchored_file(struct anchor *a, const char *word)
{
	return !word || !a->dir || word[0] == '/' ? word : keep(a, word);
}

/* A program of PATH stays what it is. */
static const char *anchored_program(struct anchor *a, const char *word)
{
	return word && strchr(word, '/') ? anchored_file(a, word) : word;
}

static const char *anchored_base(struct anchor *a, const char *word)
{
	static const char *const words[] = { "allnoconfig", "defconfig", "tree" };

	for (size_t i = 0; word && i < sizeof(words) / sizeof(words[0]); i++) {
		if (kt_streq(word, words[i]))
			return word;
	}
	return anchored_file(a, word);
}

static void add_config(struct drv_kc_opts *o, const struct cfg_project *p,
		       const struct cfg_kernel *k, struct anchor *at)
{
	at->dir = p->dir;
	o->build.flavour = k->flavour == CFG_FLAVOUR_FULL ? KC_FLAVOUR_FULL : KC_FLAVOUR_MINIMAL;
	o->build.base = anchored_base(at, k->base);
	o->build.toolchain = anchored_program(at, k->toolchain);
	o->build.pahole = anchored_program(at, k->pahole);
	/* The cache knows the project's directory: names stay as they were written, for messages. */
	for (size_t i = 0; i < k->kconfig.nr; i++)
		at->oom |= kt_strv_add(&o->kconfig, k->kconfig.v[i]) < 0;
}

static void add_args(struct drv_kc_opts *o, const struct drv_kernel_args *a, struct anchor *at)
{
	struct kc_build_opts *b = &o->build;

	if (a->flavour != FLAVOUR_AUTO)
		b->flavour = a->flavour == FLAVOUR_FULL ? KC_FLAVOUR_FULL : KC_FLAVOUR_MINIMAL;
	if (a->base)
		b->base = anchored_base(at, a->base);
	if (a->toolchain)
		b->toolchain = anchored_program(at, a->toolchain);
	if (a->pahole)
		b->pahole = anchored_program(at, a->pahole);
	for (size_t i = 0; i < a->kconfig.nr; i++) {
		const char *word = a->kconfig.v[i];

		if (!kt_starts_with(word, "CONFIG_"))
			word = anchored_file(at, word);
		at->oom |= kt_strv_add(&o->kconfig, word) < 0;
	}
	b->jobs = a->jobs;
	b->keep_debug = a->keep_debug;
	b->no_ccache = a->no_ccache;
	b->allow_unmet = a->allow_unmet;
	b->rebuild = a->rebuild;
	o->o.offline = a->offline;
	o->o.locked = a->locked;
	o->o.update = a->update;
	if (a->mirror)
		o->o.mirror = a->mirror;
	if (a->remote)
		o->o.remote = strstr(a->remote, "://") ? a->remote : anchored_file(at, a->remote);
}

int drv_kc_opts_make(const struct cfg_project *p, const struct cfg_kernel *k,
		     const struct drv_kernel_args *a, struct drv_kc_opts *ret, struct kt_err *e)
{
	kt_auto(mem) char *here = getcwd(NULL, 0);
	struct anchor at = { .texts = &ret->texts };

	*ret = (struct drv_kc_opts){ 0 };
	if (!here)
		return kt_fail(e, KT_E_HOST, errno, "find the working directory");
	if (p) {
		at.dir = p->dir;
		ret->o.project_dir = p->dir;
		ret->o.mirror = p->cache_mirror;
		ret->o.remote = !p->cache_remote || strstr(p->cache_remote, "://")
					? p->cache_remote
					: anchored_file(&at, p->cache_remote);
	}
	if (p && k)
		add_config(ret, p, k, &at);
	/* Names stay short where the cache takes them from the same place. */
	at.dir = p && !kt_streq(p->dir, here) ? here : NULL;
	if (a)
		add_args(ret, a, &at);
	ret->build.kconfig = (const char *const *)ret->kconfig.v;
	ret->build.nr_kconfig = ret->kconfig.nr;
	ret->o.build = &ret->build;
	if (!at.oom)
		return 0;
	drv_kc_opts_done(ret);
	return kt_fail(e, KT_E_HOST, ENOMEM, "prepare the options of a kernel");
}

void drv_kc_opts_done(struct drv_kc_opts *o)
{
	kt_strv_done(&o->kconfig);
	kt_strv_done(&o->texts);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? kt_streq(a, b) : a == b;
}

bool drv_same_build(const struct cfg_kernel *a, const struct cfg_kernel *b)
{
	static const struct cfg_kernel defaults = { .flavour = CFG_FLAVOUR_MINIMAL };

	a = a ? a : &defaults;
	b = b ? b : &defaults;
	if (a->flavour != b->flavour || !same_text(a->base, b->base) ||
	    !same_text(a->toolchain, b->toolchain) || !same_text(a->pahole, b->pahole) ||
	    a->kconfig.nr != b->kconfig.nr)
		return false;
	for (size_t i = 0; i < a->kconfig.nr; i++) {
		if (!kt_streq(a->kconfig.v[i], b->kconfig.v[i]))
			return false;
	}
	return true;
}

/* ---- which ---- */

void drv_wanted_done(struct drv_wanted_list *w)
{
	for (size_t i = 0; i < w->list.nr; i++) {
		free(w->list.v[i].name);
		free(w->list.v[i].source);
	}
	free(w->list.v);
	*w = (struct drv_wanted_list){ 0 };
}

int drv_wanted_add(struct drv_wanted_list *w, const char *name, const char *source,
		   const struct cfg_kernel *config)
{
	struct drv_wanted k = { .config = config };

	for (size_t i = 0; i < w->list.nr; i++) {
		if (kt_streq(w->list.v[i].source, source) &&
		    drv_same_build(w->list.v[i].config, config))
			return 0;
	}
	k.name = strdup(name);
	k.source = strdup(source);
	if (k.name && k.source && KT_VEC_PUSH(&w->list, k) == 0)
		return 0;
	free(k.name);
	free(k.source);
	return -ENOMEM;
}

static const struct cfg_kernel *find_kernel(const struct cfg_project *p, const char *name)
{
	for (size_t i = 0; p && i < p->nr_kernels; i++) {
		if (kt_streq(p->kernels[i].name, name))
			return &p->kernels[i];
	}
	return NULL;
}

/* A word of the command line that is neither a kernel's name nor a source. */
static int fail_name(const struct cfg_project *p, const char *name, int r, struct kt_err *e)
{
	const char *nearest = p ? drv_nearest_kernel(p, name) : NULL;

	if (nearest) {
		if (e)
			*e = (struct kt_err){ 0 };
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "'%s' is neither a kernel of %s nor a source: did you mean '%s'?",
			       name, p->file, nearest);
	}
	if (e)
		e->kind = KT_E_USAGE; /* it came from the command line */
	return r;
}

/* The working directory as seen from the project's, "sub/dir/"; "" in it, or outside of it. */
static const char *below_project(const struct cfg_project *p, const char *here)
{
	size_t len = strlen(p->dir);

	return strncmp(here, p->dir, len) == 0 && here[len] == '/' ? here + len + 1 : "";
}

int drv_anchor_spec(const struct cfg_project *p, const char *word, struct kt_strv *keep,
		    const char **ret, struct kt_err *e)
{
	static const char prefix[] = "path:";
	kt_auto(mem) char *here = p ? getcwd(NULL, 0) : NULL;
	bool is_path = kt_starts_with(word, prefix);
	const char *path = is_path ? word + strlen(prefix) : word;
	const char *below = here ? below_project(p, here) : "";

	*ret = word;
	/* Of other words only a tarball's can be a file. */
	if (!*below || path[0] == '/' ||
	    (!is_path && (strstr(word, "://") || access(word, F_OK) < 0)))
		return 0;
	if (kt_strv_addf(keep, "%s%s/%s", is_path ? prefix : "", below, path) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "choose kernels");
	*ret = keep->v[keep->nr - 1];
	return 0;
}

static int add_word(struct drv_wanted_list *w, const struct cfg_project *p, const char *word,
		    struct kt_err *e)
{
	const struct cfg_kernel *k = find_kernel(p, word);
	kt_auto(strv) struct kt_strv keep = { 0 };
	const char *source = k ? k->source : word;
	int r = k ? 0 : drv_anchor_spec(p, word, &keep, &source, e);

	assert(p || !k);
	if (r == 0)
		r = kc_spec_check(source, e);
	if (r < 0)
		return k ? kt_context(e, r, "%s:%d:%d: kernel '%s'", p->file, k->at.line,
				      k->at.column, word)
			 : fail_name(p, word, r, e);
	if (drv_wanted_add(w, k ? word : source, source, k) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "choose kernels");
	return 0;
}

static int add_git(struct drv_wanted_list *w, const struct drv_kernel_args *a, struct kt_err *e)
{
	kt_auto(mem) char *spec = NULL;

	if (!a->git && a->ref)
		return kt_fail(e, KT_E_USAGE, EINVAL, "--ref needs --git URL");
	if (!a->git)
		return 0;
	spec = kt_fmt("%s%s%s%s", kt_starts_with(a->git, "git+") ? "" : "git+", a->git,
		      a->ref ? "#" : "", a->ref ? a->ref : "");
	if (!spec)
		return kt_fail(e, KT_E_HOST, ENOMEM, "choose kernels");
	return add_word(w, NULL, spec, e);
}

int drv_wanted_select(const struct drv_ctx *ctx, const struct cfg_project *p,
		      const struct drv_kernel_args *a, struct drv_wanted_list *ret,
		      struct kt_err *e)
{
	kt_auto(drv_wanted_list) struct drv_wanted_list w = { 0 };
	bool all;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ctx->nr_operands; i++)
		r = add_word(&w, p, ctx->operands[i], e);
	for (size_t i = 0; r == 0 && i < a->sources.nr; i++)
		r = add_word(&w, p, a->sources.v[i], e);
	if (r == 0)
		r = add_git(&w, a, e);
	all = w.list.nr == 0;
	for (size_t i = 0; r == 0 && p && all && i < p->nr_kernels; i++)
		r = add_word(&w, p, p->kernels[i].name, e);
	if (r < 0)
		return r;
	*ret = w;
	w = (struct drv_wanted_list){ 0 };
	return 0;
}

/* The versions of one, named after it: "all@6.12.40"; a range of the command line has no name but itself. */
static int add_versions(struct drv_wanted_list *w, const struct drv_wanted *k,
			const struct kt_strv *specs)
{
	for (size_t i = 0; i < specs->nr; i++) {
		kt_auto(mem) char *name = NULL;

		if (kt_streq(k->name, k->source) || kt_streq(k->source, specs->v[i]))
			name = strdup(kt_streq(k->source, specs->v[i]) ? k->name : specs->v[i]);
		else
			name = kt_fmt("%s@%s", k->name, specs->v[i]);
		if (!name || drv_wanted_add(w, name, specs->v[i], k->config) < 0)
			return -ENOMEM;
	}
	return 0;
}

int drv_wanted_expand(const struct cfg_project *p, const struct drv_kernel_args *a,
		      struct drv_wanted_list *w, struct kt_err *e)
{
	kt_auto(drv_wanted_list) struct drv_wanted_list out = { 0 };

	for (size_t i = 0; i < w->list.nr; i++) {
		const struct drv_wanted *k = &w->list.v[i];
		kt_auto(drv_kc_opts) struct drv_kc_opts o = { 0 };
		kt_auto(strv) struct kt_strv specs = { 0 };
		int r = drv_kc_opts_make(p, k->config, a, &o, e);

		if (r == 0)
			r = kc_expand(k->source, &o.o, &specs, e);
		if (r < 0)
			return kt_context(e, r, "get kernel '%s'", k->name);
		if (add_versions(&out, k, &specs) < 0)
			return kt_fail(e, KT_E_HOST, ENOMEM, "choose kernels");
	}
	drv_wanted_done(w);
	*w = out;
	out = (struct drv_wanted_list){ 0 };
	return 0;
}
