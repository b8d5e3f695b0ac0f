/* SPDX-License-Identifier: GPL-2.0-only */
/* Compiler, linker and pahole: which ones are meant, and how the kernel's Makefile is told. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel-cache/build/build.h"

/* What a name or a variable means, before anything is looked for. */
struct meaning {
	enum { GNU, LLVM, PREFIX } kind;
	const char *cc; /* GNU: the compiler */
	const char *extra; /* words after the compiler in $CC; "" mostly */
	const char *prefix, *suffix; /* of the names of programs: "/opt/bin/" and "-19"; "" none */
	const char *llvm; /* what LLVM= is to be */
};

void kc_toolchain_done(struct kc_toolchain *t)
{
	kt_strv_done(&t->make_args);
	free(t->cc);
	free(t->ld);
	free(t->pahole);
	free(t->cc_text);
	free(t->ld_text);
	free(t->pahole_text);
	*t = (struct kc_toolchain){ 0 };
}

static int no_memory(struct kt_err *e)
{
	return kt_fail(e, KT_E_HOST, ENOMEM, "find the compiler");
}

/* As the kernel reads LLVM=: 1, "-19", "/opt/llvm/bin/". */
static void mean_llvm(const char *value, struct meaning *ret)
{
	*ret = (struct meaning){
		.kind = LLVM, .extra = "", .prefix = "", .suffix = "", .llvm = value
	};
	if (value[0] == '-')
		ret->suffix = value;
	else if (kt_ends_with(value, "/"))
		ret->prefix = value;
	else
		ret->llvm = "1";
}

/*
 * "clang", "clang-19" and "/opt/llvm/bin/clang" stand for all of LLVM's tools of that kind. Cuts @text, which
 * must live as long as @ret.
 */
static bool mean_clang(char *text, struct meaning *ret)
{
	char *slash = strrchr(text, '/');
	char *name = slash ? slash + 1 : text;

	if (!kt_starts_with(name, "clang"))
		return false;
	if (!slash) {
		mean_llvm(name[5] ? name + 5 : "1", ret);
		return !name[5] || name[5] == '-';
	}
	if (name[5])
		return false; /* a directory and a version: LLVM= cannot say both */
	*name = '\0';
	mean_llvm(text, ret);
	return true;
}

/* "ccache gcc-13 -m64": the wrapper is ours to add or leave out. */
static void mean_command(char *text, struct meaning *ret)
{
	char *extra;

	text += strspn(text, " \t");
	if (kt_starts_with(text, "ccache ") || strstr(text, "/ccache ")) {
		text += strcspn(text, " ");
		text += strspn(text, " \t");
	}
	extra = text + strcspn(text, " \t");
	if (*extra)
		*extra++ = '\0';
	extra += strspn(extra, " \t");
	*ret = (struct meaning){
		.kind = GNU, .cc = text, .extra = extra, .prefix = "", .suffix = ""
	};
}

/* @text is kept by the caller and cut to pieces. */
static void mean_option(char *text, struct meaning *ret)
{
	if (kt_starts_with(text, "LLVM=")) {
		mean_llvm(text + strlen("LLVM="), ret);
	} else if (kt_ends_with(text, "/")) {
		mean_llvm(text, ret);
	} else if (kt_ends_with(text, "-")) {
		*ret = (struct meaning){
			.kind = PREFIX, .prefix = text, .suffix = "", .extra = ""
		};
	} else if (!mean_clang(text, ret)) {
		mean_command(text, ret);
	}
}

static const char *variable(const char *name)
{
	const char *v = getenv(name);

	return v && v[strspn(v, " \t")] ? v : NULL;
}

static int mean(const char *toolchain, char **ret_text, struct meaning *ret, struct kt_err *e)
{
	const char *llvm = variable("LLVM"), *cc = variable("CC");

	if (toolchain && toolchain[0] == '.' && strchr(toolchain, '/')) {
		/* make runs elsewhere */
		kt_auto(mem) char *cwd = get_current_dir_name();

		*ret_text = cwd ? kt_fmt("%s/%s", cwd, toolchain) : NULL;
	} else {
		*ret_text = strdup(toolchain ? toolchain : llvm ? llvm : cc ? cc : "gcc");
	}
	if (!*ret_text)
		return no_memory(e);
	if (toolchain)
		mean_option(*ret_text, ret);
	else if (llvm)
		mean_llvm(*ret_text, ret);
	else
		mean_command(*ret_text,
			     ret); /* CC=clang with GNU's linker is what the kernel takes it for */
	return 0;
}

/* The Debian package that has a compiler or linker of that name; NULL: who knows. */
static char *package_of(const char *program)
{
	static const struct {
		const char *start, *package;
	} rows[] = {
		{ "clang", "clang" },       { "ld.lld", "lld" },        { "llvm-nm", "llvm" },
		{ "llvm-ar", "llvm" },      { "llvm-objcopy", "llvm" }, { "llvm-strip", "llvm" },
		{ "llvm-readelf", "llvm" },
	};

	if (strchr(program, '/'))
		return NULL;
	if (kt_streq(program, "ld"))
		return strdup("binutils");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (kt_starts_with(program, rows[i].start))
			return kt_fmt("%s%s", rows[i].package, program + strlen(rows[i].start));
	}
	if (kt_starts_with(program, "gcc"))
		return strdup(program);
	if (kt_streq(program, "x86_64-linux-gnu-gcc"))
		return strdup("gcc-x86-64-linux-gnu");
	if (kt_streq(program, "x86_64-linux-gnu-ld"))
		return strdup("binutils-x86-64-linux-gnu");
	return NULL;
}

/* Look for @name; when it is not there, add it to what is missing. NULL @ret: it only must be there. */
static int find(const char *name, char **ret, struct kc_missing *missing, struct kt_err *e)
{
	kt_auto(mem) char *path = NULL;
	kt_auto(mem) char *package = NULL;
	int r = kc_program_find(name, &path);

	if (r == -ENOMEM)
		return no_memory(e);
	if (r < 0) {
		package = package_of(name);
		return kc_missing_add(missing, name, package, e);
	}
	if (ret)
		*ret = kt_take(path);
	return 0;
}

static int find_llvm(const struct meaning *m, struct kc_toolchain *t, struct kc_missing *missing,
		     struct kt_err *e)
{
	static const char *const others[] = { "llvm-ar", "llvm-nm", "llvm-objcopy", "llvm-readelf",
					      "llvm-strip" };
	kt_auto(mem) char *cc = kt_fmt("%sclang%s", m->prefix, m->suffix);
	kt_auto(mem) char *ld = kt_fmt("%sld.lld%s", m->prefix, m->suffix);
	int r;

	if (!cc || !ld)
		return no_memory(e);
	r = find(cc, &t->cc, missing, e);
	if (r == 0)
		r = find(ld, &t->ld, missing, e);
	for (size_t i = 0; r == 0 && i < sizeof(others) / sizeof(others[0]); i++) {
		kt_auto(mem) char *name = kt_fmt("%s%s%s", m->prefix, others[i], m->suffix);

		r = name ? find(name, NULL, missing, e) : no_memory(e);
	}
	return r;
}

static int find_gnu(const struct meaning *m, struct kc_toolchain *t, struct kc_missing *missing,
		    struct kt_err *e)
{
	kt_auto(mem) char *cc = m->cc ? strdup(m->cc) : kt_fmt("%sgcc", m->prefix);
	kt_auto(mem) char *ld = kt_fmt("%sld", m->prefix);
	int r;

	if (!cc || !ld)
		return no_memory(e);
	r = find(cc, &t->cc, missing, e);
	if (r == 0)
		r = find(ld, &t->ld, missing, e);
	if (r == 0 && m->kind == PREFIX)
		r = find("gcc", NULL, missing, e); /* for programs that the build itself runs */
	return r;
}

static int find_compiler(const struct meaning *m, struct kc_toolchain *t, struct kt_err *e)
{
	kt_auto(kc_missing) struct kc_missing missing = { 0 };
	int r = m->kind == LLVM ? find_llvm(m, t, &missing, e) : find_gnu(m, t, &missing, e);

	return r < 0 ? r : kc_missing_fail(&missing, "--toolchain names another compiler", e);
}

/* No pahole at all is told by kc_tools_for_build, when it is known that it is needed. */
static int find_pahole(const char *option, struct kc_toolchain *t, struct kt_err *e)
{
	const char *var = variable("PAHOLE"), *name = option ? option : var ? var : "pahole";
	int r = kc_program_find(name, &t->pahole);

	if (r == -ENOMEM)
		return no_memory(e);
	if (r < 0 && (option || var))
		return kt_fail(e, KT_E_TOOL, ENOENT, "%s names '%s', which is no program",
			       option ? "--pahole" : "$PAHOLE", name);
	return 0;
}

static int ask_versions(const char *cache_dir, const struct meaning *m, struct kc_toolchain *t,
			struct kt_err *e)
{
	kt_auto(mem) char *text = NULL;
	int r = kc_program_version(cache_dir, t->cc, &text, e);

	if (r < 0)
		return r;
	t->cc_text = kt_fmt("%s%s%s", text, *m->extra ? " " : "", m->extra);
	if (!t->cc_text)
		return no_memory(e);
	r = kc_program_version(cache_dir, t->ld, &t->ld_text, e);
	if (r == 0 && t->pahole)
		r = kc_program_version(cache_dir, t->pahole, &t->pahole_text, e);
	if (r == 0 && t->pahole && t->pahole_text[0] == 'v')
		memmove(t->pahole_text, t->pahole_text + 1, strlen(t->pahole_text));
	return r;
}

/* CC= and HOSTCC= carry the wrapper; programs are named as asked, so that make's output looks as usual. */
static int add_compiler(const struct meaning *m, struct kc_toolchain *t)
{
	const char *wrapper = t->ccache ? "ccache " : "", *space = *m->extra ? " " : "", *cc;
	int r = 0;

	switch (m->kind) {
	case GNU:
		cc = strchr(m->cc, '/') ? t->cc : m->cc;
		r |= kt_strv_addf(&t->make_args, "CC=%s%s%s%s", wrapper, cc, space, m->extra);
		r |= kt_strv_addf(&t->make_args, "HOSTCC=%s%s", wrapper, cc);
		break;
	case LLVM:
		r |= kt_strv_addf(&t->make_args, "LLVM=%s", m->llvm);
		if (t->ccache) {
			r |= kt_strv_addf(&t->make_args, "CC=ccache %sclang%s", m->prefix,
					  m->suffix);
			r |= kt_strv_addf(&t->make_args, "HOSTCC=ccache %sclang%s", m->prefix,
					  m->suffix);
		}
		break;
	case PREFIX:
		r |= kt_strv_addf(&t->make_args, "CROSS_COMPILE=%s", m->prefix);
		if (t->ccache)
			r |= kt_strv_addf(&t->make_args, "CC=ccache %sgcc", m->prefix);
		break;
	}
	if (t->pahole)
		r |= kt_strv_addf(&t->make_args, "PAHOLE=%s", t->pahole);
	return r;
}

int kc_toolchain_find(const char *cache_dir, const struct kc_build_opts *o,
		      struct kc_toolchain *ret, struct kt_err *e)
{
	kt_auto(kc_toolchain) struct kc_toolchain t = { 0 };
	kt_auto(mem) char *text = NULL, *ccache = NULL;
	struct meaning m = { .cc = "gcc", .extra = "", .prefix = "", .suffix = "" };
	int r = mean(o->toolchain, &text, &m, e);

	if (r == 0)
		r = find_compiler(&m, &t, e);
	if (r == 0)
		r = find_pahole(o->pahole, &t, e);
	if (r == 0)
		r = ask_versions(cache_dir, &m, &t, e);
	if (r < 0)
		return r;
	t.ccache = !o->no_ccache && kc_program_find("ccache", &ccache) == 0;
	if (add_compiler(&m, &t) < 0)
		return no_memory(e);
	*ret = t;
	t = (struct kc_toolchain){ 0 };
	return 0;
}
