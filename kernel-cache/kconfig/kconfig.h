/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel's configuration: what is asked for, what came of it, and why not. */
#ifndef KTSTR_KERNEL_CACHE_KCONFIG_KCONFIG_H
#define KTSTR_KERNEL_CACHE_KCONFIG_KCONFIG_H

#include "kernel-cache/internal.h"

/* --- fragment.c ------------------------------------------------------------------------------------ */
struct kc_want {
	char *name; /* without CONFIG_ */
	char *value; /* "y", "n", "m", "\"text\"", "256", "0x10" */
	char *from; /* "extra.kconfig:3" */
	bool critical, by_user;
	/* The critical line that it takes the place of, "ktstr.kconfig:55", and what that asks for; NULL: of none. */
	char *critical_from, *critical_value;
};
struct kc_wants {
	/* Each option once, as and where it was mentioned last: among the members of a choice the kernel takes the last. */
	KT_VEC(struct kc_want) list;
};
void kc_wants_done(struct kc_wants *w);
static inline void kt_cleanup_kc_wants(struct kc_wants *w)
{
	kc_wants_done(w);
}
/*
 * Lines "CONFIG_X=value", "# CONFIG_X is not set", comments. @name: for from and errors. In built-in fragments a
 * comment "# critical" ends a line that nothing works without. A name that begins with "--" has no lines. @ret may hold
 * wants already. KT_E_CONFIG: file:line and what is wrong.
 */
int kc_wants_parse(const char *text, const char *name, bool by_user, struct kc_wants *ret,
		   struct kt_err *e);

/* --- request.c: what to configure with; no source tree needed --------------------------------------- */
struct kc_config_request {
	struct kc_wants wants;
	char *base; /* "allnoconfig", "defconfig", "tree" or the path of a file */
	char *base_text; /* of that file; NULL otherwise */
	char *merged; /* wants as a fragment */
	char builtin_hash[KT_SHA256_HEX]; /* of the flavour's own fragments */
	char hash[KT_SHA256_HEX]; /* of everything here that can change .config */
};
void kc_config_request_done(struct kc_config_request *r);
static inline void kt_cleanup_kc_config_request(struct kc_config_request *r)
{
	kc_config_request_done(r);
}
/* @project_dir: what the file names of o->kconfig are relative to; NULL: the working directory. */
int kc_config_request_make(const struct kc_build_opts *o, const char *project_dir,
			   struct kc_config_request *ret, struct kt_err *e);
/* Of the built-in fragments of @flavour as they are in this version. */
void kc_config_builtin_hash(const char *flavour, char ret[static KT_SHA256_HEX]);

/* Where @flavour begins when nobody asks for another base; "" for one that this version does not have. */
const char *kc_config_base(const char *flavour);

/* --- tree.c: the Kconfig files of a source tree ------------------------------------------------------ */
struct kc_kconfig;
/* Read Kconfig of @src for x86. Bounded in files, depth and bytes. KT_E_KERNEL: what is missing or too much. */
int kc_kconfig_read(const char *src, struct kc_kconfig **ret, struct kt_err *e);
void kc_kconfig_free(struct kc_kconfig *k);
KT_DEFINE_AUTO(kc_kconfig, struct kc_kconfig *, kc_kconfig_free);
bool kc_kconfig_has(const struct kc_kconfig *k, const char *name);

/* --- check.c ----------------------------------------------------------------------------------------- */
/* Compare every want with the text of @config; fills ret->v, config, merged, base. */
int kc_config_check(const struct kc_config_request *r, const char *src, const char *config,
		    struct kc_config_report *ret, struct kt_err *e);
/**
 * 0, or KT_E_KERNEL listing every option that is fatal (kc_option_is_fatal) with its reason and fix. The rest of what
 * there is to say is added to @notes.
 */
int kc_config_judge(const struct kc_config_report *r, bool allow_unmet, struct kt_buf *notes,
		    struct kt_err *e);

#endif
