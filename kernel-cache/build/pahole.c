/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether pahole is new enough for a tree, by what the tree itself says: a kernel built with one that is too old boots,
 * and then no scheduler loads.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "kernel-cache/build/build.h"

enum {
	KCONFIG_BYTES_MAX = 1 << 20,
	FOR_IMPLICIT_ARGS = 126, /* the first that writes the declaration tags of kfuncs */
	PER_MAJOR = 100,
};

/* "1.24", as Kconfig has it: 124. 0: no version. */
static unsigned version_number(const char *text)
{
	kt_auto(mem) char *copy = strdup(text ? text : "");
	char *minor = copy ? strchr(copy, '.') : NULL;
	unsigned a, b;

	if (!minor)
		return 0;
	*minor++ = '\0';
	minor[strspn(minor, "0123456789")] = '\0';
	if (kt_parse_uint(copy, 0, 1000, &a) < 0 || kt_parse_uint(minor, 0, PER_MAJOR - 1, &b) < 0)
		return 0;
	return a * PER_MAJOR + b;
}

/* The lines of the entry DEBUG_INFO_BTF, from its first to the next entry. */
static char *btf_entry(const char *kconfig)
{
	static const char start[] = "\nconfig DEBUG_INFO_BTF\n";
	const char *from = strstr(kconfig, start), *to;

	if (!from)
		return NULL;
	from += strlen(start);
	to = strstr(from, "\nconfig ");
	return to ? strndup(from, (size_t)(to - from)) : strdup(from);
}

/*
 * "depends on PAHOLE_VERSION >= 116". An alternative, "DEBUG_INFO_DWARF4 || PAHOLE_VERSION >= 121", counts when the
 * configuration is known and has no such thing.
 */
static unsigned line_asks(const char *line, const char *config)
{
	static const char words[] = "PAHOLE_VERSION >= ";
	const char *at = strstr(line, words);
	char number[8] = "";
	unsigned v;

	line += strspn(line, " \t");
	if (!at || !kt_starts_with(line, "depends on "))
		return 0;
	if (strstr(line, "||") && (!config || strstr(config, "\nCONFIG_DEBUG_INFO_DWARF4=y\n")))
		return 0;
	at += strlen(words);
	(void)kt_snprintf(number, sizeof(number), "%.*s", (int)strspn(at, "0123456789"), at);
	return kt_parse_uint(number, 0, 100000, &v) < 0 ? 0 : v;
}

static int kconfig_asks(const char *src, const char *config, unsigned *ret, struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/lib/Kconfig.debug", src);
	kt_auto(mem) char *entry = NULL;
	kt_auto(buf) struct kt_buf text = { 0 };
	char *rest, *line;
	struct kt_err ours = { 0 };
	int r = path ? kt_file_read(path, KCONFIG_BYTES_MAX, &text, &ours) : -ENOMEM;

	*ret = 0;
	if (r == -ENOENT)
		return 0; /* whatever this is, it does not ask */
	if (r == 0 && (entry = btf_entry(kt_buf_str(&text)))) {
		for (rest = entry; (line = strsep(&rest, "\n"));) {
			unsigned asks = line_asks(line, config);

			*ret = asks > *ret ? asks : *ret;
		}
	}
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "read '%s/lib/Kconfig.debug'", src);
	return 0;
}

bool kc_tree_has_implicit_args(const char *src)
{
	kt_auto(mem) char *path = kt_fmt("%s/include/linux/btf.h", src);
	kt_auto(buf) struct kt_buf text = { 0 };

	return path && kt_file_read(path, KCONFIG_BYTES_MAX, &text, NULL) == 0 &&
	       strstr(kt_buf_str(&text), "KF_IMPLICIT_ARGS") != NULL;
}

bool kc_pahole_writes_tags(const char *version)
{
	unsigned have = version_number(version);

	return !have || have >= FOR_IMPLICIT_ARGS;
}

int kc_pahole_check(const struct kc_toolchain *t, const char *src, const char *config,
		    struct kt_err *e)
{
	bool implicit = kc_tree_has_implicit_args(src);
	unsigned have = version_number(t->pahole_text), need;
	int r = kconfig_asks(src, config, &need, e);

	if (r < 0)
		return r;
	if (!have)
		return kt_fail(e, KT_E_TOOL, ENOEXEC,
			       "'%s --version' says '%s', which is no version of pahole", t->pahole,
			       t->pahole_text);
	if (implicit && need < FOR_IMPLICIT_ARGS)
		need = FOR_IMPLICIT_ARGS;
	else
		implicit = false;
	if (have >= need)
		return 0;
	return kt_fail(
		e, KT_E_TOOL, ENOEXEC,
		"pahole is %s ('%s'), and this kernel needs %u.%02u or newer: %s. Install a newer package "
		"dwarves, or name another pahole by --pahole or PAHOLE=",
		t->pahole_text, t->pahole, need / PER_MAJOR, need % PER_MAJOR,
		implicit
			? "its functions for BPF take arguments from the verifier "
			  "(KF_IMPLICIT_ARGS in include/linux/btf.h), and without the tags that older "
			  "ones do not write no scheduler would load"
			: "so says DEBUG_INFO_BTF in lib/Kconfig.debug");
}
