/* SPDX-License-Identifier: GPL-2.0-only */
/* [[test]] and [defaults]: the keys of a test, and the rules between them. */
#include "config/internal.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

void cfg_test_done(struct cfg_test *t)
{
	free(t->name);
	free(t->cgroups);
	free(t->expect.pattern);
	kt_strv_done(&t->scheduler_args);
	kt_strv_done(&t->kargs);
	kt_strv_done(&t->sysctls);
	*t = (struct cfg_test){ 0 };
}

void cfg_apply_test_name(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			 void *obj)
{
	if (cfg_get(l->defaults, "name") == v)
		cfg_bad(l, v, "'name' has no default: each test has its own");
	else if (v->type != CFG_STRING || cfg_check_name(l, v->string, v->line, v->column))
		cfg_apply_string(l, k, v, obj);
}

void cfg_apply_test_scheduler(struct cfg_loader *l, const struct cfg_key *k,
			      const struct cfg_node *v, void *obj)
{
	struct cfg_test_build *b = obj;

	(void)k; /* resolved when all schedulers are known */
	if (cfg_is_type(l, v, CFG_STRING, "the name of a [scheduler.NAME]"))
		b->scheduler = v;
}

void cfg_apply_scheduler_args(struct cfg_loader *l, const struct cfg_key *k,
			      const struct cfg_node *v, void *obj)
{
	((struct cfg_test_build *)obj)->scheduler_args = v;
	cfg_apply_strings(l, k, v, obj);
}

void cfg_apply_assert(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		      void *obj)
{
	(void)k; /* the table's rows say all */
	cfg_apply_table(l, CFG_T_ASSERT, v, &((struct cfg_test_build *)obj)->t.checks);
}

void cfg_apply_expect(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		      void *obj)
{
	struct cfg_test_build *b = obj;

	(void)k; /* likewise */
	b->expect = v;
	free(b->t.expect.pattern); /* of the defaults: replaced as a whole */
	b->t.expect = (struct scn_expect){ 0 };
	cfg_apply_table(l, CFG_T_EXPECT, v, &b->t.expect);
}

void cfg_apply_snapshots(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			 void *obj)
{
	struct cfg_test_build *b = obj;

	(void)k; /* likewise */
	b->snapshots = v;
	b->t.nr_periodic = 0; /* of the defaults: replaced as a whole */
	cfg_apply_table(l, CFG_T_SNAPSHOTS, v, b);
}

/* From 'exit' or 'message', in whatever order they stand. */
static void set_pattern(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			struct scn_expect *x)
{
	char why[128];
	regex_t re;
	int r;

	if (x->pattern) {
		cfg_bad(l, v, "two patterns: with 'message', 'exit' is \"stall\" or \"any-error\"");
		return;
	}
	r = regcomp(&re, v->string, REG_EXTENDED | REG_NOSUB);
	if (r != 0) {
		regerror(r, &re, why, sizeof(why));
		cfg_bad(l, v, "'%s' is no extended regular expression: %s", k->name, why);
		return;
	}
	regfree(&re);
	x->pattern = strdup(v->string);
	if (!x->pattern)
		cfg_oom(l);
}

void cfg_apply_exit(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		    void *obj)
{
	struct scn_expect *x = obj;

	if (!cfg_is_type(l, v, CFG_STRING,
			 "\"stall\", \"any-error\", or a pattern for the kernel's message"))
		return;
	x->kind = kt_streq(v->string, "stall") ? SCN_EXPECT_STALL : SCN_EXPECT_ANY_ERROR;
	if (!v->string[0])
		cfg_bad(l, v,
			"'exit' is empty: \"stall\", \"any-error\", or a pattern for the kernel's message");
	else if (strlen(v->string) >= SCN_TEXT_MAX)
		cfg_bad(l, v, "longer than %d bytes", SCN_TEXT_MAX - 1);
	else if (!kt_streq(v->string, "stall") && !kt_streq(v->string, "any-error"))
		set_pattern(l, k, v, x);
}

void cfg_apply_message(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		       void *obj)
{
	struct scn_expect *x = obj;

	if (!cfg_is_type(l, v, CFG_STRING, "a pattern for the kernel's reason or message"))
		return;
	if (!v->string[0])
		cfg_bad(l, v, "'message' is empty: a pattern for the kernel's reason or message");
	else if (strlen(v->string) >= SCN_TEXT_MAX)
		cfg_bad(l, v, "longer than %d bytes", SCN_TEXT_MAX - 1);
	else
		set_pattern(l, k, v, x);
}

void cfg_apply_kargs(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		     void *obj)
{
	cfg_apply_strings(l, k, v, obj);
	for (size_t i = 0; v->type == CFG_ARRAY && i < v->nr; i++) {
		const struct cfg_node *arg = &v->child[i];

		if (arg->type != CFG_STRING)
			continue;
		if (!arg->string[0] || strpbrk(arg->string, " \t\n\r"))
			cfg_bad(l, arg, "one kernel argument a string, without spaces");
		else if (kt_starts_with(arg->string, "ktstr."))
			cfg_bad(l, arg, "kernel arguments beginning with 'ktstr.' are ours");
	}
}

/* ---- sysctls: a table of dotted names, or an array of "name=value" ---- */

static bool sysctl_name_ok(const char *s, size_t len)
{
	if (!len || s[0] == '.' || s[0] == '/' || s[len - 1] == '.' || s[len - 1] == '/' ||
	    memmem(s, len, "..", 2))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)s[i]) && !strchr("_-./", s[i]))
			return false;
	}
	return true;
}

/* The last one given wins, in the place of the first. */
static void set_sysctl(struct cfg_loader *l, const struct cfg_node *at, const char *name,
		       size_t name_len, const char *value, struct kt_strv *ret)
{
	char *line;

	if (!sysctl_name_ok(name, name_len)) {
		cfg_bad(l, at, "'%.*s' is no sysctl's name such as kernel.sched_rt_runtime_us",
			(int)(name_len < 60 ? name_len : 60), name);
		return;
	}
	if (strpbrk(value, "\n\r") || name_len + strlen(value) + 2 > SCN_TEXT_MAX) {
		cfg_bad(l, at, "a sysctl's value is one line of less than %d bytes", SCN_TEXT_MAX);
		return;
	}
	for (size_t i = 0; i < ret->nr; i++) {
		if (strncmp(ret->v[i], name, name_len) != 0 || ret->v[i][name_len] != '=')
			continue;
		line = kt_fmt("%.*s=%s", (int)name_len, name, value);
		if (line) {
			free(ret->v[i]);
			ret->v[i] = line;
		} else {
			cfg_oom(l);
		}
		return;
	}
	if (kt_strv_addf(ret, "%.*s=%s", (int)name_len, name, value) < 0)
		cfg_oom(l);
}

static void sysctl_table(struct cfg_loader *l, const struct cfg_node *v, const char *prefix,
			 struct kt_strv *ret)
{
	for (size_t i = 0; i < v->nr; i++) {
		const struct cfg_node *m = &v->child[i];
		kt_auto(mem) char *name = kt_fmt("%s%s%s", prefix, prefix[0] ? "." : "", m->key);
		char number[32];

		if (!name) {
			cfg_oom(l);
		} else if (m->type == CFG_TABLE) {
			sysctl_table(l, m, name, ret); /* no deeper than cfg_scan allows */
		} else if (m->type == CFG_INT) {
			(void)kt_snprintf(number, sizeof(number), "%lld",
					  (long long)m->integer); /* fits */
			set_sysctl(l, m, name, strlen(name), number, ret);
		} else if (m->type == CFG_STRING) {
			set_sysctl(l, m, name, strlen(name), m->string, ret);
		} else {
			cfg_bad_type(l, m, "a string or an integer");
		}
	}
}

void cfg_apply_sysctls(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		       void *obj)
{
	struct kt_strv *ret = &((struct cfg_test_build *)obj)->t.sysctls;

	if (v->type == CFG_TABLE) {
		sysctl_table(l, v, "", ret);
	} else if (v->type != CFG_ARRAY) {
		cfg_bad_type(l, v, "a table of names and values, or an array of \"name=value\"");
		return;
	} else {
		kt_strv_done(ret);
	}
	for (size_t i = 0; v->type == CFG_ARRAY && i < v->nr; i++) {
		const struct cfg_node *s = &v->child[i];
		const char *eq = s->type == CFG_STRING ? strchr(s->string, '=') : NULL;

		if (eq)
			set_sysctl(l, s, s->string, (size_t)(eq - s->string), eq + 1, ret);
		else
			cfg_bad_type(l, s, "a string \"name=value\"");
	}
	if (ret->nr > k->max)
		cfg_bad(l, v, "%zu sysctls, at most %llu", ret->nr, (unsigned long long)k->max);
}

/* ---- rules between keys ---- */

static void resolve_scheduler(struct cfg_loader *l, struct cfg_test_build *b)
{
	const struct cfg_project *p = l->project;
	const char *names[64];
	size_t nr = 0;

	b->t.scheduler = CFG_NO_SCHEDULER;
	if (!b->scheduler || kt_streq(b->scheduler->string, "eevdf"))
		return;
	for (size_t i = 0; i < p->nr_schedulers; i++) {
		const char *name = p->schedulers[i].name;

		if (name && kt_streq(name, b->scheduler->string)) {
			b->t.scheduler = i;
			return;
		}
		if (name && nr < sizeof(names) / sizeof(names[0]))
			names[nr++] = name;
	}
	cfg_bad(l, b->scheduler, "no [scheduler.%.60s] in this file", b->scheduler->string);
	cfg_bad_nearest(l, b->scheduler->string, names, nr);
}

/* The watchdog looks every half of its timeout, so a stall is seen after 1 to 1.5 times of it. */
static void check_expect(struct cfg_loader *l, const struct cfg_test_build *b)
{
	kt_auto(buf) struct kt_buf need = { 0 };
	kt_auto(buf) struct kt_buf has = { 0 };
	const struct cfg_test *t = &b->t;

	if (t->expect.kind == SCN_EXPECT_NONE)
		return;
	if (t->scheduler == CFG_NO_SCHEDULER) {
		cfg_bad(l, b->expect, "test '%s' expects an exit, but has no scheduler", t->name);
		return;
	}
	if (t->expect.kind != SCN_EXPECT_STALL || !t->watchdog_ns ||
	    t->watchdog_ns + t->watchdog_ns / 2 <= t->duration_ns)
		return;
	kt_format_duration(&need, t->watchdog_ns + t->watchdog_ns / 2);
	kt_format_duration(&has, t->duration_ns);
	cfg_bad(l, b->expect,
		"test '%s' cannot reach the stall it expects: that takes up to %s, its duration is %s",
		t->name, kt_buf_str(&need), kt_buf_str(&has));
	cfg_bad_help(
		l,
		"a stall is seen within 1.5 times the watchdog; shorten 'watchdog' or lengthen 'duration'");
}

static void check_snapshots(struct cfg_loader *l, const struct cfg_test_build *b)
{
	kt_auto(buf) struct kt_buf has = { 0 };

	if (scn_periodic_fits(b->t.duration_ns, b->t.nr_periodic))
		return;
	kt_format_duration(&has, b->t.duration_ns);
	cfg_bad(l, b->snapshots,
		"test '%s': %u periodic captures do not fit into %s: they are to be at least 100ms apart",
		b->t.name, b->t.nr_periodic, kt_buf_str(&has));
}

static void check_test(struct cfg_loader *l, const struct cfg_node *v, struct cfg_test_build *b)
{
	if (b->t.scheduler == CFG_NO_SCHEDULER && cfg_get(v, "scheduler-args") &&
	    b->t.scheduler_args.nr)
		cfg_bad(l, b->scheduler_args, "'scheduler-args' without a scheduler");
	check_expect(l, b);
	check_snapshots(l, b);
	cfg_check_cgroups(l, b);
}

static size_t nr_errors(const struct cfg_loader *l)
{
	return l->diag.nr + l->diag.nr_more;
}

static void load_test(struct cfg_loader *l, const struct cfg_node *v, struct cfg_test *ret)
{
	struct cfg_test_build b = { .t = { .scheduler = CFG_NO_SCHEDULER, .at = cfg_at(v) } };
	size_t before = nr_errors(l);

	cfg_apply_fallbacks(l, CFG_T_TEST, &b);
	cfg_apply_fallbacks(l, CFG_T_ASSERT, &b.t.checks);
	if (l->defaults) {
		l->quiet = true;
		cfg_apply_table(l, CFG_T_TEST, l->defaults, &b);
		l->quiet = false;
	}
	cfg_apply_table(l, CFG_T_TEST, v, &b);
	resolve_scheduler(l, &b);
	/* Rules between keys mean nothing while a key is wrong. */
	if (b.t.name && nr_errors(l) == before)
		check_test(l, v, &b);
	*ret = b.t;
}

static int by_name(const void *a, const void *b)
{
	const struct cfg_test *const *x = a, *const *y = b;
	int r = strcmp((*x)->name, (*y)->name);

	return r ? r : ((*x)->at.line > (*y)->at.line) - ((*x)->at.line < (*y)->at.line);
}

static void check_duplicates(struct cfg_loader *l)
{
	struct cfg_project *p = l->project;
	kt_auto(mem) struct cfg_test **sorted = calloc(p->nr_tests + 1, sizeof(void *));
	size_t nr = 0;

	if (!sorted) {
		cfg_oom(l);
		return;
	}
	for (size_t i = 0; i < p->nr_tests; i++) {
		if (p->tests[i].name)
			sorted[nr++] = &p->tests[i];
	}
	qsort(sorted, nr, sizeof(void *), by_name);
	for (size_t i = 1; i < nr; i++) {
		const struct cfg_node *v = &l->tests->child[sorted[i] - p->tests];

		if (kt_streq(sorted[i]->name, sorted[i - 1]->name))
			cfg_bad(l, cfg_get(v, "name"), "a test '%s' is already at line %d",
				sorted[i]->name, sorted[i - 1]->at.line);
	}
}

static void check_defaults(struct cfg_loader *l)
{
	struct cfg_test_build scratch = { 0 };

	if (!l->defaults)
		return;
	cfg_apply_table(l, CFG_T_TEST, l->defaults, &scratch);
	cfg_test_done(&scratch.t);
}

void cfg_load_tests(struct cfg_loader *l)
{
	struct cfg_project *p = l->project;
	size_t before = nr_errors(l);

	check_defaults(l);
	if (!l->tests || nr_errors(l) != before)
		return;
	p->tests = calloc(l->tests->nr + 1, sizeof(*p->tests));
	if (!p->tests) {
		cfg_oom(l);
		return;
	}
	p->nr_tests = l->tests->nr;
	for (size_t i = 0; i < p->nr_tests; i++)
		load_test(l, &l->tests->child[i], &p->tests[i]);
	check_duplicates(l);
}

void cfg_apply_defaults_table(struct cfg_loader *l, const struct cfg_key *k,
			      const struct cfg_node *v, void *obj)
{
	(void)k; /* read when everything else is known */
	(void)obj;
	if (cfg_is_type(l, v, CFG_TABLE, "a table"))
		l->defaults = v;
}

void cfg_apply_tests_table(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			   void *obj)
{
	(void)k; /* likewise */
	(void)obj;
	if (cfg_is_type(l, v, CFG_ARRAY, "tables [[test]]"))
		l->tests = v;
}
