/* SPDX-License-Identifier: GPL-2.0-only */
/* What became of every option that was asked for, and whether that will do. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "kernel-cache/kconfig/tree.h"

void kc_config_report_done(struct kc_config_report *r)
{
	for (size_t i = 0; i < r->nr; i++) {
		struct kc_option *o = &r->v[i];

		free(o->name);
		free(o->wanted);
		free(o->found);
		free(o->from);
		free(o->why);
		free(o->fix);
	}
	free(r->v);
	free(r->merged);
	free(r->config);
	free(r->base);
	free(r->version);
	*r = (struct kc_config_report){ 0 };
}

/* --- values --------------------------------------------------------------------------------------------- */
static uint64_t hex_value(const char *s)
{
	uint64_t v = 0;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		s += 2;
	for (; *s; s++)
		v = v << 4 | (uint64_t)(kt_hex_digit(*s) & 0xf);
	return v;
}

/* As Kconfig would print @wanted; @found NULL: not in .config, which is n, or an empty text. */
static bool is_met(enum kc_type type, const char *wanted, const char *found)
{
	int64_t a, b;

	if (!found)
		return kt_streq(wanted, "n") || kt_streq(wanted, "\"\"");
	if (kt_streq(wanted, found))
		return true;
	if (type == KC_HEX && wanted[0] != '"' && strspn(wanted, "ynm") == 0)
		return hex_value(wanted) == hex_value(found);
	if (type == KC_INT && strncmp(wanted, "0x", 2) != 0)
		return kt_parse_i64(wanted, &a) == 0 && kt_parse_i64(found, &b) == 0 && a == b;
	return false;
}

/* --- check ---------------------------------------------------------------------------------------------- */
/* The option of the tree with the nearest name, for people who mistyped one. */
static const char *nearest_name(const struct kc_kconfig *k, const char *name)
{
	KT_VEC(const char *) names = { 0 };
	const char *found = NULL;

	for (size_t i = 0; i < k->syms.cap; i++) {
		const struct kc_sym *s = kc_names_at(&k->syms, i);

		if (s && s->defs && KT_VEC_PUSH(&names, s->name) < 0)
			break;
	}
	if (names.nr)
		found = kt_nearest(name, names.v, names.nr);
	free(names.v);
	return found;
}

static int absent(const struct kc_explain *x, const struct kc_want *w, struct kc_option *o)
{
	const char *near = w->by_user && !kt_streq(w->value, "n") ? nearest_name(x->tree, w->name)
								  : NULL;

	o->fate = KC_OPTION_ABSENT;
	/* What we ask for of old and new kernels alike is nobody's concern; what a user asks for was meant. */
	if (!w->by_user || kt_streq(w->value, "n"))
		return 0;
	o->why = near ? kt_fmt("this kernel has no such option; CONFIG_%s has a similar name", near)
		      : strdup("this kernel has no such option");
	return o->why ? 0 : -ENOMEM;
}

static char *take_text(struct kt_buf *b)
{
	return b->len ? kt_buf_take(b) : NULL;
}

static int unmet(const struct kc_explain *x, const struct kc_sym *s, const struct kc_want *w,
		 struct kc_option *o)
{
	kt_auto(buf) struct kt_buf why = { 0 };
	kt_auto(buf) struct kt_buf fix = { 0 };

	o->fate = KC_OPTION_UNMET;
	kc_why(x, s, w, &why);
	kc_fix(x, s, w, &fix);
	if (!kt_buf_ok(&why) || !kt_buf_ok(&fix))
		return -ENOMEM;
	o->why = take_text(&why);
	o->fix = take_text(&fix);
	return 0;
}

/* It is said now, and not when the kernel has been built and no scheduler loads. */
static int takes_away(const struct kc_want *w, struct kc_option *o)
{
	o->takes_away = true;
	o->why = kt_fmt("%s asks for CONFIG_%s=%s, and nothing works without", w->critical_from,
			w->name, w->critical_value);
	o->fix = strdup("remove it, or say --allow-unmet");
	return o->why && o->fix ? 0 : -ENOMEM;
}

static int check_one(const struct kc_explain *x, const struct kc_want *w, struct kc_option *o)
{
	const struct kc_sym *s = kc_names_get(&x->tree->syms, w->name, strlen(w->name));
	const char *found = kc_value(x->values, w->name);

	*o = (struct kc_option){
		.name = kt_fmt("CONFIG_%s", w->name),
		.wanted = strdup(w->value),
		.from = strdup(w->from),
		.critical = w->critical,
		.by_user = w->by_user,
		.fate = KC_OPTION_SET,
	};
	if (!o->name || !o->wanted || !o->from)
		return -ENOMEM;
	if (!s || !s->defs)
		return absent(x, w, o);
	o->found = strdup(found ? found : "n");
	if (!o->found)
		return -ENOMEM;
	if (!is_met(s->type, w->value, found))
		return unmet(x, s, w, o);
	return w->critical_value && !kt_streq(w->value, w->critical_value) ? takes_away(w, o) : 0;
}

/*
 * A member of a choice that we ask for gives way to another that the user asks for: that is what was wanted, and
 * nothing to talk about.
 */
static bool gave_way(const struct kc_explain *x, const struct kc_want *w)
{
	const struct kc_sym *s = kc_names_get(&x->tree->syms, w->name, strlen(w->name));

	if (w->by_user || w->critical || !s)
		return false;
	for (const struct kc_def *d = s->defs; d; d = d->next) {
		const struct kc_block *choice = kc_choice_of(d);
		const struct kc_sym *chosen = choice ? kc_chosen(x, choice) : NULL;
		const struct kc_want *other = chosen && chosen != s ? kc_wanted(x, chosen) : NULL;

		if (other && other->by_user)
			return true;
	}
	return false;
}

static int check_all(struct kc_explain *x, struct kc_config_report *ret)
{
	const struct kc_wants *w = x->wants;

	for (size_t i = 0; i < w->list.nr; i++) {
		void **at = kc_names_put(&x->by_name, w->list.v[i].name);

		if (!at)
			return -ENOMEM;
		*at = &w->list.v[i];
	}
	ret->v = calloc(w->list.nr + 1, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	for (size_t i = 0; i < w->list.nr; i++) {
		if (gave_way(x, &w->list.v[i]))
			continue;
		if (check_one(x, &w->list.v[i], &ret->v[ret->nr++]) < 0)
			return -ENOMEM;
	}
	return 0;
}

int kc_config_check(const struct kc_config_request *r, const char *src, const char *config,
		    struct kc_config_report *ret, struct kt_err *e)
{
	kt_auto(kc_config_report) struct kc_config_report report = { 0 };
	kt_auto(kc_values) struct kc_values values = { 0 };
	kt_auto(kc_kconfig) struct kc_kconfig *tree = NULL;
	struct kc_explain x = { .values = &values, .wants = &r->wants };
	int n;

	n = kc_kconfig_read(src, &tree, e);
	if (n == 0)
		n = kc_values_read(config, &values, e);
	if (n < 0)
		return n;
	x.tree = tree;
	n = check_all(&x, &report);
	kc_names_done(&x.by_name);
	report.config = strdup(config);
	report.merged = strdup(r->merged);
	report.base = strdup(r->base);
	if (n < 0 || !report.config || !report.merged || !report.base)
		return kt_fail(e, KT_E_HOST, ENOMEM, "check a configuration");
	*ret = report;
	report = (struct kc_config_report){ 0 };
	return 0;
}

/* --- judge ------------------------------------------------------------------------------------------------ */
bool kc_option_is_fatal(const struct kc_option *o, bool allow_unmet)
{
	if (o->fate == KC_OPTION_UNMET && o->critical)
		return true;
	return !allow_unmet && (o->takes_away || (o->fate == KC_OPTION_UNMET && o->by_user));
}

static void say(const struct kc_option *o, struct kt_buf *b)
{
	kt_buf_addf(b, "%s=%s (%s)", o->name, o->wanted, o->from);
	if (o->fate == KC_OPTION_UNMET)
		kt_buf_addf(b, " came out as %s", o->found);
	if (o->why)
		kt_buf_addf(b, "%s: %s", o->fate == KC_OPTION_ABSENT ? " is ignored" : "", o->why);
	if (o->fix)
		kt_buf_addf(b, "; %s", o->fix);
}

int kc_config_judge(const struct kc_config_report *r, bool allow_unmet, struct kt_buf *notes,
		    struct kt_err *e)
{
	kt_auto(buf) struct kt_buf bad = { 0 };
	bool fails = false;

	for (size_t i = 0; i < r->nr; i++) {
		const struct kc_option *o = &r->v[i];
		struct kt_buf *to = notes;

		/* Absent ones are no failure; those that look mistyped are worth a word. */
		if (o->fate != KC_OPTION_UNMET && !o->why)
			continue;
		if (kc_option_is_fatal(o, allow_unmet)) {
			to = &bad;
			fails = true;
		}
		kt_buf_adds(to, to == &bad ? "\n    " : to->len ? "\n" : "");
		say(o, to);
	}
	if (!kt_buf_ok(&bad) || !kt_buf_ok(notes))
		return kt_fail(e, KT_E_HOST, ENOMEM, "judge a configuration");
	if (!fails)
		return 0;
	return kt_fail(e, KT_E_KERNEL, EINVAL, "the kernel cannot be configured as asked:%s",
		       kt_buf_str(&bad));
}
