/* SPDX-License-Identifier: GPL-2.0-only */
/* From a source tree to an entry of the cache: configure, check, compile, gather, install. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "kernel-cache/build/build.h"

enum { NS_A_MS = 1000 * 1000 };

static int no_memory(const struct kc_kernel *k, struct kt_err *e)
{
	return kt_fail(e, KT_E_HOST, ENOMEM, "build kernel '%s'", k->q->spec);
}

static void __attribute__((format(printf, 2, 3)))
step(const struct kc_kernel *k, const char *fmt, ...)
{
	const struct kc_progress *p = k->q->o->progress;
	kt_auto(buf) struct kt_buf text = { 0 };
	va_list args;

	if (!p || !p->step)
		return;
	va_start(args, fmt);
	kt_buf_vaddf(&text, fmt, args);
	va_end(args);
	p->step(p->ctx, kt_buf_str(&text));
}

int kc_kernel_configure(const struct kc_kernel *k, struct kc_config_report *ret, struct kt_err *e)
{
	kt_auto(kc_config_report) struct kc_config_report report = { 0 };
	kt_auto(mem) char *config = NULL;
	int r;

	step(k, "configure %s (%s)", k->tree->version, kc_flavour_name(k->q->o->build->flavour));
	r = kc_tools_for_config(&k->plan->toolchain, k->tree->dir, &k->plan->config.wants, e);
	if (r == 0)
		r = kt_mkdir_p(k->objects, 0755, e);
	if (r == 0)
		r = kc_configure(&k->plan->toolchain, k->tree->dir, k->objects, &k->plan->config,
				 &config, e);
	if (r == 0)
		r = kc_config_check(&k->plan->config, k->tree->dir, config, &report, e);
	if (r < 0)
		return r;
	report.version = strdup(k->tree->version);
	if (!report.version)
		return no_memory(k, e);
	*ret = report;
	report = (struct kc_config_report){ 0 };
	return 0;
}

/* How many objects a build of the same flavour and series had the last time. 0: there was none. */
static uint64_t objects_before(const struct kc_kernel *k)
{
	const char *flavour = kc_flavour_name(k->q->o->build->flavour);
	const char *version = k->tree->version;
	size_t series = strcspn(version, ".");
	kt_auto(kc_list) struct kc_list l = { 0 };

	if (version[series] == '.')
		series += 1 + strcspn(version + series + 1, ".-");
	if (kc_list(k->q->cache_dir, &l, NULL, NULL, NULL) < 0)
		return 0;
	for (size_t i = 0; i < l.nr; i++) {
		const struct kc_entry *n = l.v[i];

		if (n->objects && n->flavour && kt_streq(n->flavour, flavour) &&
		    strncmp(n->version, version, series) == 0 &&
		    (!n->version[series] || strchr(".-", n->version[series])))
			return n->objects;
	}
	return 0;
}

/* The log outlives a build that fails. */
static int make_log_path(const struct kc_kernel *k, char **ret, struct kt_err *e)
{
	kt_auto(mem) char *dir = kt_fmt("%s/logs", k->q->cache_dir);
	const char *name = strrchr(k->work, '/');
	int r;

	*ret = dir ? kt_fmt("%s/%s.build.log.zst", dir, name ? name + 1 : k->work) : NULL;
	if (!*ret)
		return no_memory(k, e);
	r = kt_mkdir_p(dir, 0755, e);
	return r;
}

static int compile(const struct kc_kernel *k, const char *config, const char *entry_dir,
		   struct kc_metadata *m, struct kt_err *e)
{
	kt_auto(mem) char *log = NULL;
	kt_auto(mem) char *kept = kt_fmt("%s/%s", entry_dir, kc_file_names[KC_FILE_BUILD_LOG]);
	uint64_t estimate = objects_before(k), began = kt_now_ns();
	struct kc_make make = {
		.toolchain = &k->plan->toolchain,
		.o = k->q->o->build,
		.src = k->tree->dir,
		.objects = k->objects,
		.who = k->tree->version,
		.estimate = estimate ? estimate : kc_make_estimate(config),
		.progress = k->q->o->progress,
	};
	int r = make_log_path(k, &log, e);

	if (r < 0)
		return r;
	if (!kept)
		return no_memory(k, e);
	make.log_zst = log;
	r = kc_make_run(&make, &m->objects, e);
	if (r < 0)
		return kt_context(e, r, "build kernel %s", k->tree->version);
	m->build_ms = (kt_now_ns() - began) / NS_A_MS;
	if (!m->build_ms)
		m->build_ms = 1;
	if (rename(log, kept) < 0)
		return kt_fail(e, KT_E_HOST, errno, "rename '%s' to '%s'", log, kept);
	step(k, "check and keep %s", k->tree->version);
	return kc_collect(k->tree->dir, k->objects, entry_dir, k->q->o->build->keep_debug, e);
}

/* The options that the user asked for. */
static int list_options(const struct kc_wants *wants, struct kc_metadata *m)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	for (size_t i = 0; i < wants->list.nr; i++) {
		const struct kc_want *w = &wants->list.v[i];

		if (!w->by_user)
			continue;
		kt_buf_addf(&b, "%sCONFIG_%s=%s", b.len ? " " : "", w->name, w->value);
		m->nr_options++;
	}
	if (!kt_buf_ok(&b))
		return -ENOMEM;
	return b.len ? kc_dup(kt_buf_str(&b), &m->options) : 0;
}

static int describe(const struct kc_kernel *k, const char *config, struct kc_metadata *m,
		    struct kt_err *e)
{
	const struct kc_toolchain *t = &k->plan->toolchain;
	kt_auto(mem) char *own_url = NULL;
	char hex[KT_SHA256_HEX];
	struct kt_sha256 s;
	int r = 0;

	if (!config)
		return kt_fail(e, KT_E_INTERNAL, EINVAL, "a kernel was built without a config");
	kt_sha256_init(&s);
	kt_sha256_add(&s, config, strlen(config));
	kt_sha256_hex(&s, hex);
	m->toolchain = kt_fmt("%s; %s", t->cc_text, t->ld_text);
	m->dirty = k->tree->dirty;
	m->keep_debug = k->q->o->build->keep_debug;
	if (!k->pick) {
		own_url = kt_fmt("file://%s", k->tree->dir);
		r = own_url ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = list_options(&k->plan->config.wants, m);
	if (r < 0 || !m->toolchain || kc_dup(k->q->spec, &m->spec) < 0 ||
	    kc_dup(k->tree->version, &m->version) < 0 ||
	    kc_dup(k->tree->version, &m->release) < 0 ||
	    kc_dup(k->pick ? k->pick->image.url : own_url, &m->url) < 0 ||
	    kc_dup(k->pick ? k->pick->image.sha256 : NULL, &m->sha256) < 0 ||
	    kc_dup(k->tree->key, &m->source_key) < 0 || kc_dup(k->tree->commit, &m->commit) < 0 ||
	    kc_dup(kc_flavour_name(k->q->o->build->flavour), &m->flavour) < 0 ||
	    kc_dup(k->plan->config.base, &m->base) < 0 || kc_dup(t->pahole_text, &m->pahole) < 0 ||
	    kc_dup(k->plan->config.builtin_hash, &m->builtin_hash) < 0 ||
	    kc_dup(hex, &m->config_hash) < 0)
		return no_memory(k, e);
	return 0;
}

/* What was built of a tree that may change is named by what came out. */
static int key_by_content(const struct kc_kernel *k, struct kc_metadata *m, struct kt_err *e)
{
	char hex[KT_SHA256_HEX];
	struct kt_sha256 s;

	kt_sha256_init(&s);
	for (int i = 0; i < KC_FILE_NR; i++) {
		if (m->file[i].present && i != KC_FILE_BUILD_LOG)
			kt_sha256_add(&s, m->file[i].sha256, KT_SHA256_HEX);
	}
	kt_sha256_hex(&s, hex);
	m->key = kc_make_key(m->version, 't', hex);
	return m->key ? 0 : no_memory(k, e);
}

/* What is planned is made by whoever holds the lock of its key, and nobody has it yet. */
static int install(const struct kc_kernel *k, const char *entry_dir, struct kc_metadata *m,
		   struct kt_err *e)
{
	kt_auto(kc_entry) struct kc_entry *there = NULL;
	int r;

	if (k->plan->key) {
		r = kc_dup(k->plan->key, &m->key) < 0 ? no_memory(k, e) : 0;
		return r < 0 ? r : kc_install(k->q->cache_dir, entry_dir, m, e);
	}
	r = key_by_content(k, m, e);
	return r < 0 ? r
		     : kc_install_by_content(k->q->cache_dir, entry_dir, m, k->q->o->progress,
					     &there, e);
}

/* Nothing that schedulers need may be missing from what we built. */
static int check_facts(const struct kc_kernel *k, const struct kc_metadata *m, struct kt_err *e)
{
	if (m->facts.has_btf && m->facts.has_sched_ext && !m->facts.nr_lost_kfuncs)
		return 0;
	if (k->q->o->build->allow_unmet) {
		kt_log(KT_AREA_KERNEL_CACHE, KT_WARN, "kernel %s: %s", k->tree->version,
		       m->notes ? m->notes : "not fit for sched_ext");
		return 0;
	}
	return kt_fail(e, KT_E_BUILD, EBADMSG,
		       "kernel %s was built, but no scheduler can use it: %s", k->tree->version,
		       m->notes ? m->notes : "it has no BTF");
}

static int build_configured(const struct kc_kernel *k, const struct kc_config_report *report,
			    const char *entry_dir, struct kc_metadata *m, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf notes = { 0 };
	int r = kc_config_judge(report, k->q->o->build->allow_unmet, &notes, e);

	if (r == 0)
		r = kc_tools_for_build(&k->plan->toolchain, k->tree->dir, report->config, e);
	if (r == 0)
		r = compile(k, report->config, entry_dir, m, e);
	if (r == 0 && notes.len)
		r = kc_add_note(m, kt_buf_str(&notes), e);
	if (r == 0)
		r = describe(k, report->config, m, e);
	if (r == 0)
		r = kc_complete(entry_dir, m, e);
	return r < 0 ? r : check_facts(k, m, e);
}

int kc_kernel_build(const struct kc_kernel *k, char **ret_key, struct kt_err *e)
{
	kt_auto(kc_config_report) struct kc_config_report report = { 0 };
	kt_auto(kc_metadata) struct kc_metadata m = { 0 };
	kt_auto(mem) char *entry_dir = kt_fmt("%s/entry", k->work);
	int r;

	if (!entry_dir)
		return no_memory(k, e);
	r = kt_remove_tree(entry_dir, e);
	if (r == 0)
		r = kt_mkdir_p(entry_dir, 0755, e);
	if (r == 0)
		r = kc_kernel_configure(k, &report, e);
	if (r == 0)
		r = build_configured(k, &report, entry_dir, &m, e);
	if (r == 0)
		r = install(k, entry_dir, &m, e);
	if (r < 0)
		return r;
	if (k->tree->key)
		kc_tree_synced(k->q->cache_dir, k->tree->key);
	if (k->own_dir)
		kc_compile_commands(k);
	*ret_key = kt_take(m.key);
	return 0;
}
