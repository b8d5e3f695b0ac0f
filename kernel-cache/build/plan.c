/* SPDX-License-Identifier: GPL-2.0-only */
/* What a kernel would be built of and with, and so the key of its entry: known before its source is here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/build/build.h"

/* Goes up when the same inputs give another kernel than before. */
#define BUILD_RULE "1"

void kc_plan_done(struct kc_plan *p)
{
	kc_toolchain_done(&p->toolchain);
	kc_config_request_done(&p->config);
	free(p->key);
	p->key = NULL;
}

const char *kc_flavour_name(enum kc_flavour f)
{
	return f == KC_FLAVOUR_FULL ? "full" : "minimal";
}

static void add(struct kt_sha256 *s, const char *name, const char *value)
{
	kt_sha256_add(s, name, strlen(name) + 1);
	kt_sha256_add(s, value ? value : "", value ? strlen(value) + 1 : 1);
}

static bool has_rust(const char *config)
{
	static const char line[] = "CONFIG_RUST=y\n";
	const char *at = config ? strstr(config, line) : NULL;

	return at && (at == config || at[-1] == '\n');
}

/* NULL in @ret: no Rust in it, or nothing to compile it with. */
static int rustc_text(const struct kc_request *q, const struct kc_config_request *c, char **ret,
		      struct kt_err *e)
{
	kt_auto(mem) char *rustc = NULL;

	if ((!has_rust(c->merged) && !has_rust(c->base_text)) ||
	    kc_program_find("rustc", &rustc) < 0)
		return 0;
	return kc_program_version(q->cache_dir, rustc, ret, e);
}

/*
 * Everything that can change what comes out. The configuration goes in as it was asked for: what the
 * kernel's own tools make of it follows from that, the source and the compiler, which are here too.
 */
static int make_key(const struct kc_request *q, const char *source_id, const char *version,
		    struct kc_plan *p, struct kt_err *e)
{
	kt_auto(mem) char *rustc = NULL;
	char hex[KT_SHA256_HEX];
	struct kt_sha256 s;
	int r = rustc_text(q, &p->config, &rustc, e);

	if (r < 0)
		return r;
	kt_sha256_init(&s);
	add(&s, "rule", BUILD_RULE);
	add(&s, "source", source_id);
	add(&s, "arch", KC_ARCH);
	add(&s, "config", p->config.hash);
	add(&s, "cc", p->toolchain.cc_text);
	add(&s, "ld", p->toolchain.ld_text);
	add(&s, "pahole", p->toolchain.pahole_text);
	add(&s, "debug", q->o->build->keep_debug ? "kept" : "stripped");
	if (rustc)
		add(&s, "rustc", rustc);
	/* Who did not say so must not be given a kernel that lacks what they asked for. */
	if (q->o->build->allow_unmet)
		add(&s, "unmet", "allowed");
	kt_sha256_hex(&s, hex);
	p->key = kc_make_key(version, 'k', hex);
	return p->key ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "plan kernel '%s'", q->spec);
}

/* --base tree: the .config that is in the source tree is a file like any other. */
static int tree_config(const struct kc_request *q, struct kc_build_opts *o, char **ret_path,
		       struct kt_err *e)
{
	const char *dir = q->o->project_dir;

	if (!o->base || !kt_streq(o->base, "tree"))
		return 0;
	if (q->parsed.form != KC_FORM_PATH)
		return kt_fail(
			e, KT_E_CONFIG, EINVAL,
			"kernel '%s' has no .config of its own, which base 'tree' asks for: that is for path:DIR",
			q->spec);
	*ret_path = q->parsed.arg[0] == '/' || !dir ? kt_fmt("%s/.config", q->parsed.arg)
						    : kt_fmt("%s/%s/.config", dir, q->parsed.arg);
	o->base = *ret_path;
	return o->base ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "plan kernel '%s'", q->spec);
}

int kc_plan_make(const struct kc_request *q, const char *source_id, const char *version,
		 struct kc_plan *ret, struct kt_err *e)
{
	kt_auto(kc_plan) struct kc_plan p = { 0 };
	kt_auto(mem) char *path = NULL;
	struct kc_build_opts o = *q->o->build;
	int r = tree_config(q, &o, &path, e);

	if (r == 0)
		r = kc_config_request_make(&o, q->o->project_dir, &p.config, e);
	if (r == 0)
		r = kc_toolchain_find(q->cache_dir, &o, &p.toolchain, e);
	if (r == 0 && source_id)
		r = make_key(q, source_id, version, &p, e);
	if (r < 0)
		return r;
	*ret = p;
	p = (struct kc_plan){ 0 };
	return 0;
}
