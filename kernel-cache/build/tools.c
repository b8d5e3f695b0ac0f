/* SPDX-License-Identifier: GPL-2.0-only */
/* What a build needs of this host, asked for before it starts instead of after ten minutes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/proc.h"
#include "kernel-cache/build/build.h"

enum { PROBE_MS = 20000, PROBE_BYTES_MAX = 64 << 10 };

/*
 * One thing that must be there: a program, or a header (then @pkg_config is who else may know of it). Needed when one of
 * the options is on (none: always) and when @file is in the tree (NULL: no matter).
 */
struct tool {
	const char *program, *header, *pkg_config;
	const char *package;
	const char *options[4];
	const char *file;
};

static const struct tool for_config[] = {
	{ .program = "make", .package = "make" },
	{ .program = "flex", .package = "flex" },
	{ .program = "bison", .package = "bison" },
	{ .program = "awk", .package = "gawk" },
};

static const struct tool for_build[] = {
	{ .program = "bc", .package = "bc", .file = "kernel/time/timeconst.bc" },
	{ .program = "perl", .package = "perl", .options = { "OID_REGISTRY" } },
	{ .program = "gzip", .package = "gzip", .options = { "KERNEL_GZIP", "IKCONFIG" } },
	{ .program = "zstd", .package = "zstd", .options = { "KERNEL_ZSTD" } },
	{ .program = "lz4", .package = "lz4", .options = { "KERNEL_LZ4" } },
	{ .program = "bzip2", .package = "bzip2", .options = { "KERNEL_BZIP2" } },
	{ .program = "lzop", .package = "lzop", .options = { "KERNEL_LZO" } },
	{ .program = "xz",
	  .package = "xz-utils",
	  .options = { "KERNEL_XZ", "KERNEL_LZMA", "IKHEADERS" } },
	{ .program = "cpio", .package = "cpio", .options = { "IKHEADERS" } },
	{ .program = "openssl", .package = "openssl", .options = { "MODULE_SIG" } },
	{ .header = "gelf.h",
	  .pkg_config = "libelf",
	  .package = "libelf-dev",
	  .options = { "OBJTOOL", "UNWINDER_ORC" },
	  .file = "tools/objtool/Makefile" },
	{ .header = "gelf.h",
	  .pkg_config = "libelf",
	  .package = "libelf-dev",
	  .options = { "DEBUG_INFO_BTF" },
	  .file = "tools/bpf/resolve_btfids/Makefile" },
	{ .header = "openssl/ssl.h",
	  .pkg_config = "libcrypto",
	  .package = "libssl-dev",
	  .options = { "SYSTEM_TRUSTED_KEYRING", "MODULE_SIG_FORMAT" },
	  .file = "certs/extract-cert.c" },
};
enum { NR_FOR_BUILD = sizeof(for_build) / sizeof(for_build[0]) };

void kc_missing_done(struct kc_missing *m)
{
	kt_strv_done(&m->what);
	kt_strv_done(&m->packages);
}

static bool has(const struct kt_strv *v, const char *s)
{
	for (size_t i = 0; i < v->nr; i++) {
		if (kt_streq(v->v[i], s))
			return true;
	}
	return false;
}

int kc_missing_add(struct kc_missing *m, const char *what, const char *package, struct kt_err *e)
{
	if ((!has(&m->what, what) && kt_strv_add(&m->what, what) < 0) ||
	    (package && !has(&m->packages, package) && kt_strv_add(&m->packages, package) < 0))
		return kt_fail(e, KT_E_HOST, ENOMEM, "look for '%s'", what);
	return 0;
}

int kc_missing_fail(const struct kc_missing *m, const char *other, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	size_t nr = m->what.nr;

	if (!nr)
		return 0;
	for (size_t i = 0; i < nr; i++)
		kt_buf_addf(&text, "%s%s", i == 0 ? "" : i + 1 < nr ? ", " : " and ", m->what.v[i]);
	kt_buf_adds(&text, nr > 1 ? " are missing" : " is missing");
	for (size_t i = 0; i < m->packages.nr; i++)
		kt_buf_addf(&text, "%s %s", i ? "" : ": apt-get install", m->packages.v[i]);
	if (other)
		kt_buf_addf(&text, "%s %s", m->packages.nr ? ", or" : ":", other);
	return kt_fail(e, KT_E_TOOL, ENOENT, "%s", kt_buf_str(&text));
}

static bool is_on(const char *config, const char *option)
{
	size_t len = strlen(option);
	const char *line;

	for (line = config; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (kt_starts_with(line, "CONFIG_") && strncmp(line + 7, option, len) == 0 &&
		    (kt_starts_with(line + 7 + len, "=y") || kt_starts_with(line + 7 + len, "=m")))
			return true;
	}
	return false;
}

static bool in_tree(const char *src, const char *file)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", src, file);

	return path && access(path, F_OK) == 0;
}

static bool is_needed(const struct tool *t, const char *src, const char *config)
{
	bool wanted = !t->options[0];

	for (size_t i = 0; i < sizeof(t->options) / sizeof(t->options[0]) && t->options[i]; i++)
		wanted = wanted || is_on(config, t->options[i]);
	return wanted && (!t->file || in_tree(src, t->file));
}

static int need_program(const struct tool *t, struct kc_missing *missing, struct kt_err *e)
{
	kt_auto(mem) char *path = NULL;
	int r = kc_program_find(t->program, &path);

	return r == -ENOENT ? kc_missing_add(missing, t->program, t->package, e)
	       : r < 0      ? kt_fail(e, KT_E_HOST, ENOMEM, "look for '%s'", t->program)
			    : 0;
}

/* The one that makes programs for this host: what tools/objtool and certs/ are compiled by. */
static const char *host_compiler(const struct kc_toolchain *t)
{
	for (size_t i = 0; i < t->make_args.nr; i++) {
		if (kt_starts_with(t->make_args.v[i], "CROSS_COMPILE="))
			return "gcc";
	}
	return t->cc;
}

/* Each header that the compiler finds makes it print "found N", N being its row. */
static int ask_compiler(const struct kc_toolchain *t, struct kt_buf *ret, struct kt_err *e)
{
	const char *const argv[] = { host_compiler(t), "-E", "-P", "-x", "c", "-", NULL };
	const char *const env[] = { "LC_ALL=C", NULL };
	kt_auto(buf) struct kt_buf text = { 0 };
	kt_auto(fd) int fd = memfd_create("headers", MFD_CLOEXEC);
	struct kt_proc_opts o = { .argv = argv, .env_set = env, .stdin_fd = fd };
	struct kt_proc_end end;
	int r;

	for (int i = 0; i < NR_FOR_BUILD; i++) {
		if (for_build[i].header)
			kt_buf_addf(&text, "#if __has_include(<%s>)\nfound%d_\n#endif\n",
				    for_build[i].header, i);
	}
	if (fd < 0 || !kt_buf_ok(&text))
		return kt_fail(e, KT_E_HOST, fd < 0 ? errno : ENOMEM, "look for headers");
	r = kt_write_all(fd, text.data, text.len);
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return kt_fail(e, KT_E_HOST, r < 0 ? -r : errno, "look for headers");
	r = kt_proc_run(&o, PROBE_MS, PROBE_BYTES_MAX, ret, NULL, &end, e);
	if (r < 0)
		return kt_context(e, r, "look for headers");
	if (end.signalled || end.code != 0)
		return kt_fail(e, KT_E_TOOL, ENOEXEC, "the compiler '%s' does not work", argv[0]);
	return 0;
}

/* A header in a place of its own, which the kernel's Makefile finds the same way. */
static bool pkg_config_knows(const char *name)
{
	const char *const argv[] = { "pkg-config", "--exists", name, NULL };
	struct kt_proc_end end;

	return kt_proc_run(&(struct kt_proc_opts){ .argv = argv }, PROBE_MS, 0, NULL, NULL, &end,
			   NULL) == 0 &&
	       !end.signalled && end.code == 0;
}

static int need_header(int row, const struct kt_buf *found, struct kc_missing *missing,
		       struct kt_err *e)
{
	const struct tool *t = &for_build[row];
	kt_auto(mem) char *what = kt_fmt("the header %s", t->header);
	char word[16];

	(void)kt_snprintf(word, sizeof(word), "found%d_", row); /* fits */
	if (strstr(kt_buf_str(found), word) || pkg_config_knows(t->pkg_config))
		return 0;
	if (!what)
		return kt_fail(e, KT_E_HOST, ENOMEM, "look for '%s'", t->header);
	return kc_missing_add(missing, what, t->package, e);
}

int kc_tools_for_config(const struct kc_toolchain *t, const char *src, const struct kc_wants *wants,
			struct kt_err *e)
{
	kt_auto(kc_missing) struct kc_missing missing = { 0 };
	bool btf = false;
	int r = 0;

	for (size_t i = 0; i < wants->list.nr; i++) {
		if (kt_streq(wants->list.v[i].name, "DEBUG_INFO_BTF"))
			btf = kt_streq(wants->list.v[i].value, "y");
	}
	for (size_t i = 0; r == 0 && i < sizeof(for_config) / sizeof(for_config[0]); i++)
		r = need_program(&for_config[i], &missing, e);
	if (r == 0 && btf && !t->pahole)
		r = kc_missing_add(&missing, "pahole", "dwarves", e);
	if (r == 0)
		r = kc_missing_fail(&missing, NULL, e);
	if (r == 0 && btf)
		r = kc_pahole_check(t, src, NULL, e);
	return r;
}

int kc_tools_for_build(const struct kc_toolchain *t, const char *src, const char *config,
		       struct kt_err *e)
{
	kt_auto(kc_missing) struct kc_missing missing = { 0 };
	kt_auto(buf) struct kt_buf found = { 0 };
	bool asked = false;
	int r = 0;

	for (int i = 0; r == 0 && i < NR_FOR_BUILD; i++) {
		if (!is_needed(&for_build[i], src, config))
			continue;
		if (for_build[i].program) {
			r = need_program(&for_build[i], &missing, e);
			continue;
		}
		if (!asked)
			r = ask_compiler(t, &found, e);
		asked = true;
		if (r == 0)
			r = need_header(i, &found, &missing, e);
	}
	if (r == 0 && is_on(config, "DEBUG_INFO_BTF") && !t->pahole)
		r = kc_missing_add(&missing, "pahole", "dwarves", e);
	if (r == 0)
		r = kc_missing_fail(&missing, NULL, e);
	if (r == 0 && is_on(config, "DEBUG_INFO_BTF"))
		r = kc_pahole_check(t, src, config, e);
	return r;
}
