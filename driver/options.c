/* SPDX-License-Identifier: GPL-2.0-only */
/* The option parser: GNU style, driven by tables. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "driver/driver.h"

static const char *const color_words[] = { "auto", "always", "never", NULL };

const struct drv_option drv_global_options[] = {
	{ "help", 'h', DRV_OPT_FLAG, NULL, "show help and exit", NULL, DRV_COMPLETE_NONE,
	  offsetof(struct drv_globals, help) },
	{ "version", 'V', DRV_OPT_FLAG, NULL, "show the version and exit", NULL, DRV_COMPLETE_NONE,
	  offsetof(struct drv_globals, version) },
	{ "verbose", 'v', DRV_OPT_COUNT, NULL, "log more: -v debug, -vv trace", NULL,
	  DRV_COMPLETE_NONE, offsetof(struct drv_globals, verbose) },
	{ "quiet", 'q', DRV_OPT_FLAG, NULL, "no progress and no passing tests, only what matters",
	  NULL, DRV_COMPLETE_NONE, offsetof(struct drv_globals, quiet) },
	{ "color", 0, DRV_OPT_CHOICE, "WHEN", "use colours", color_words, DRV_COMPLETE_NONE,
	  offsetof(struct drv_globals, color) },
	{ "directory", 'C', DRV_OPT_STRING, "DIR", "work as if started in DIR", NULL,
	  DRV_COMPLETE_DIR, offsetof(struct drv_globals, dir) },
};
const size_t drv_nr_global_options = sizeof(drv_global_options) / sizeof(drv_global_options[0]);

enum { NAMES_MAX = 64, NAME_BYTES = 48 };

/* How an option is spelled in messages: "--kernel", or "-j" when that was given. */
static const char *spelling(const struct drv_option *o, bool by_short, char buf[static NAME_BYTES])
{
	if (by_short)
		(void)kt_snprintf(buf, NAME_BYTES, "-%c", o->short_name);
	else
		(void)kt_snprintf(buf, NAME_BYTES, "--%s", o->name);
	return buf;
}

static void format_choices(struct kt_buf *b, const char *const *choices)
{
	for (size_t i = 0; choices[i]; i++)
		kt_buf_addf(b, "%s%s", i == 0 ? "" : choices[i + 1] ? ", " : " or ", choices[i]);
}

static int store_choice(const struct drv_option *o, const char *shown, const char *value,
			unsigned *ret, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	assert(value && o->choices); /* of our own tables */
	for (unsigned i = 0; o->choices[i]; i++) {
		if (kt_streq(o->choices[i], value)) {
			*ret = i;
			return 0;
		}
	}
	format_choices(&b, o->choices);
	return kt_fail(e, KT_E_USAGE, EINVAL, "option %s takes %s, not '%s'", shown, kt_buf_str(&b),
		       value);
}

static int store(const struct drv_option *o, const char *shown, const char *value, void *opts,
		 struct kt_err *e)
{
	void *at = (char *)opts + o->offset;
	struct drv_strings *list;

	switch (o->kind) {
	case DRV_OPT_FLAG:
		*(bool *)at = true;
		return 0;
	case DRV_OPT_COUNT:
		++*(unsigned *)at;
		return 0;
	case DRV_OPT_STRING:
		*(const char **)at = value;
		return 0;
	case DRV_OPT_STRINGS:
		list = at;
		if (list->nr == DRV_STRINGS_MAX)
			return kt_fail(e, KT_E_USAGE, E2BIG, "option %s given more than %d times",
				       shown, DRV_STRINGS_MAX);
		list->v[list->nr++] = value;
		return 0;
	case DRV_OPT_NUMBER:
		if (kt_parse_uint(value, 1, 1 << 20, at) < 0)
			return kt_fail(e, KT_E_USAGE, EINVAL,
				       "option %s takes a number from 1, not '%s'", shown, value);
		return 0;
	case DRV_OPT_CHOICE:
		return store_choice(o, shown, value, at, e);
	}
	return kt_fail(e, KT_E_INTERNAL, EINVAL, "option %s has no kind", shown);
}

static const struct drv_option *find_long(const struct drv_parse_opts *o, const char *name,
					  size_t len, void **ret_opts)
{
	for (size_t s = 0; s < o->nr_sets; s++) {
		for (size_t i = 0; i < o->sets[s].nr; i++) {
			const struct drv_option *row = &o->sets[s].rows[i];

			if (strlen(row->name) == len && !memcmp(row->name, name, len)) {
				*ret_opts = o->sets[s].opts;
				return row;
			}
		}
	}
	return NULL;
}

static const struct drv_option *find_short(const struct drv_parse_opts *o, char c, void **ret_opts)
{
	for (size_t s = 0; s < o->nr_sets; s++) {
		for (size_t i = 0; i < o->sets[s].nr; i++) {
			if (o->sets[s].rows[i].short_name == c) {
				*ret_opts = o->sets[s].opts;
				return &o->sets[s].rows[i];
			}
		}
	}
	return NULL;
}

static int fail_unknown(const struct drv_parse_opts *o, const char *arg, size_t name_len,
			struct kt_err *e)
{
	const char *names[NAMES_MAX];
	char word[NAME_BYTES];
	const char *nearest;
	size_t nr = 0;

	for (size_t s = 0; s < o->nr_sets; s++) {
		for (size_t i = 0; i < o->sets[s].nr && nr < NAMES_MAX; i++)
			names[nr++] = o->sets[s].rows[i].name;
	}
	(void)kt_snprintf(word, sizeof(word), "%.*s", (int)name_len, arg);
	nearest = kt_starts_with(arg, "--") ? kt_nearest(word + 2, names, nr) : NULL;
	if (nearest)
		return kt_fail(e, KT_E_USAGE, EINVAL, "unknown option '%.*s': did you mean '--%s'?",
			       (int)name_len, arg, nearest);
	return kt_fail(e, KT_E_USAGE, EINVAL, "unknown option '%.*s': see 'ktstr-make %s%s--help'",
		       (int)name_len, arg, o->command, o->command[0] ? " " : "");
}

static int parse_long(const struct drv_parse_opts *o, int argc, char **argv, int *i,
		      struct kt_err *e)
{
	const char *name = argv[*i] + 2;
	size_t len = strcspn(name, "=");
	const char *value = name[len] ? name + len + 1 : NULL;
	const struct drv_option *row;
	char shown[NAME_BYTES];
	void *opts;

	row = find_long(o, name, len, &opts);
	if (!row)
		return fail_unknown(o, argv[*i], len + 2, e);
	spelling(row, false, shown);
	if (!row->arg && value)
		return kt_fail(e, KT_E_USAGE, EINVAL, "option %s takes no value", shown);
	if (row->arg && !value) {
		if (*i + 1 >= argc)
			return kt_fail(e, KT_E_USAGE, EINVAL, "option %s needs a value: %s", shown,
				       row->arg);
		value = argv[++*i];
	}
	return store(row, shown, value, opts, e);
}

/* "-v", "-vv", "-j4", "-j 4", "-vj4". */
static int parse_short(const struct drv_parse_opts *o, int argc, char **argv, int *i,
		       struct kt_err *e)
{
	for (const char *p = argv[*i] + 1; *p; p++) {
		const char unknown[] = { '-', *p, '\0' };
		const struct drv_option *row;
		char shown[NAME_BYTES];
		const char *value;
		void *opts;
		int r;

		row = find_short(o, *p, &opts);
		if (!row)
			return fail_unknown(o, unknown, 2, e);
		spelling(row, true, shown);
		if (!row->arg) {
			r = store(row, shown, NULL, opts, e);
			if (r < 0)
				return r;
			continue;
		}
		value = p[1] ? p + 1 : *i + 1 < argc ? argv[++*i] : NULL;
		if (!value)
			return kt_fail(e, KT_E_USAGE, EINVAL, "option %s needs a value: %s", shown,
				       row->arg);
		return store(row, shown, value, opts, e);
	}
	return 0;
}

int drv_options_parse(const struct drv_parse_opts *o, int argc, char **argv,
		      const char **ret_operands, size_t *ret_nr_operands, struct kt_err *e)
{
	bool rest = false;
	size_t nr = 0;

	for (int i = 0; i < argc; i++) {
		const char *a = argv[i];
		int r = 0;

		if (rest || a[0] != '-' || a[1] == '\0') {
			ret_operands[nr++] = a;
			rest = rest || o->stop_at_operand;
		} else if (kt_streq(a, "--")) {
			rest = true;
		} else if (a[1] == '-') {
			r = parse_long(o, argc, argv, &i, e);
		} else {
			r = parse_short(o, argc, argv, &i, e);
		}
		if (r < 0)
			return r;
	}
	*ret_nr_operands = nr;
	return 0;
}
