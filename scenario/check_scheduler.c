/* SPDX-License-Identifier: GPL-2.0-only */
/* Did the scheduler attach, live and die as the test wants it? */
#include "scenario/internal.h"

#include <regex.h>
#include <sys/wait.h>

enum { DEFAULT_ATTACH_S = 30 }; /* scenario.h: attach_timeout_ns 0 */

/* "exited with status 2", "was killed by signal 11". */
static void describe_status(struct kt_buf *b, int32_t status)
{
	if (WIFSIGNALED(status))
		kt_buf_addf(b, "was killed by signal %d", WTERMSIG(status));
	else
		kt_buf_addf(b, "exited with status %d", WEXITSTATUS(status));
}

static void describe_process(struct kt_buf *b, const struct scn_result *r)
{
	if (!r->sched_exited) {
		kt_buf_adds(b, "its process was still there");
		return;
	}
	kt_buf_adds(b, "its process ");
	describe_status(b, r->sched_status);
}

/* What the kernel said, and when it said nothing, how the process ended. */
static void describe_end(struct kt_buf *b, const struct scn_result *r)
{
	if (r->exit.kind != SCN_EXIT_NONE)
		scn_exit_describe(b, &r->exit);
	else
		kt_buf_adds(b, "the kernel's log says nothing of its exit");
	if (!scn_exit_is_error(&r->exit)) {
		kt_buf_adds(b, "; ");
		describe_process(b, r);
	}
}

static void seconds(struct kt_buf *b, uint64_t ns)
{
	kt_buf_addf(b, "%llu.%llu s", (unsigned long long)(ns / 1000000000),
		    (unsigned long long)(ns / 100000000 % 10));
}

/* -1: the pattern is no regular expression; else whether the words match. */
static int matches(const char *pattern, const struct scn_exit *x)
{
	regex_t re;
	int r;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return -1;
	r = regexec(&re, x->reason, 0, NULL, 0) == 0 || regexec(&re, x->message, 0, NULL, 0) == 0;
	regfree(&re);
	return r;
}

static bool kind_as_expected(const struct scn_expect *x, const struct scn_exit *exit)
{
	switch (x->kind) {
	case SCN_EXPECT_NONE:
		return false;
	case SCN_EXPECT_STALL:
		return exit->kind == SCN_EXIT_ERROR_STALL;
	case SCN_EXPECT_ANY_ERROR:
		return scn_exit_is_error(exit);
	}
	return false;
}

static bool as_expected(const struct scn_expect *x, const struct scn_exit *exit)
{
	return kind_as_expected(x, exit) && (!x->pattern || matches(x->pattern, exit) == 1);
}

static void describe_expected(struct kt_buf *b, const struct scn_expect *x)
{
	char name[32];

	switch (x->kind) {
	case SCN_EXPECT_NONE:
		kt_buf_adds(b, "no exit");
		break;
	case SCN_EXPECT_STALL:
		kt_buf_addf(b, "exit %s", scn_exit_name(SCN_EXIT_ERROR_STALL, name, sizeof(name)));
		break;
	case SCN_EXPECT_ANY_ERROR:
		kt_buf_adds(b, "an error exit");
		break;
	}
	if (x->pattern)
		kt_buf_addf(b, " matching '%s'", x->pattern);
}

static const char *check_name(const struct scn_expect *x)
{
	return x->kind == SCN_EXPECT_NONE ? "scheduler" : "expect";
}

static void not_started(const struct scn_result *r, struct scn_judgement *j)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	if (r->sched_exited)
		describe_status(&b, r->sched_status);
	scn_judge_add(j, SCN_FAIL, "scheduler", "the scheduler could not be executed%s%s",
		      b.len ? ": it " : "", kt_buf_str(&b));
}

static void not_attached(const struct scn_judge_opts *o, const struct scn_result *r,
			 struct scn_judgement *j)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	uint64_t limit_ns = o->plan->attach_timeout_ns;

	if (r->sched_exited) {
		kt_buf_adds(&b, "the scheduler ended before it attached: it ");
		describe_status(&b, r->sched_status);
	} else {
		kt_buf_adds(&b, "the scheduler did not attach within ");
		kt_format_duration(&b,
				   limit_ns ? limit_ns : DEFAULT_ATTACH_S * UINT64_C(1000000000));
	}
	if (r->exit.kind != SCN_EXIT_NONE) {
		kt_buf_adds(&b, "; ");
		scn_exit_describe(&b, &r->exit);
	}
	scn_judge_add(j, SCN_FAIL, "scheduler", "%s", kt_buf_str(&b));
}

static void died(const struct scn_judge_opts *o, const struct scn_result *r,
		 struct scn_judgement *j)
{
	/*
	 * The watchdog goes by guest time: where that is the host's mood, a stall proves nothing.
	 */
	bool by_host = o->clock_is_real && r->exit.kind == SCN_EXIT_ERROR_STALL;
	kt_auto(buf) struct kt_buf b = { 0 };

	if (o->expect->kind != SCN_EXPECT_NONE) {
		kt_buf_adds(&b, "expected ");
		describe_expected(&b, o->expect);
		kt_buf_adds(&b, ", but ");
	}
	kt_buf_addf(&b, "the scheduler %s after ", scn_exit_is_error(&r->exit) ? "died" : "left");
	seconds(&b, r->sched_lived_ns);
	kt_buf_adds(&b, ": ");
	describe_end(&b, r);
	if (by_host)
		kt_buf_adds(&b, " (guest time follows the host here)");
	scn_judge_add(j, by_host ? SCN_INCONCLUSIVE : SCN_FAIL, check_name(o->expect), "%s",
		      kt_buf_str(&b));
}

static enum scn_sched_outcome lived(const struct scn_judge_opts *o, const struct scn_result *r,
				    struct scn_judgement *j)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	if (o->expect->kind == SCN_EXPECT_NONE && !scn_exit_is_error(&r->exit))
		return SCN_OUT_LIVED;
	if (o->expect->kind == SCN_EXPECT_NONE) {
		kt_buf_adds(&b, "the scheduler ended with an error when it was stopped: ");
		scn_exit_describe(&b, &r->exit);
	} else {
		kt_buf_adds(&b, "expected ");
		describe_expected(&b, o->expect);
		kt_buf_adds(&b, ", but the scheduler lived to the end (");
		seconds(&b, r->sched_lived_ns);
		kt_buf_adds(&b, ")");
	}
	scn_judge_add(j, SCN_FAIL, check_name(o->expect), "%s", kt_buf_str(&b));
	return SCN_OUT_LIVED;
}

static bool pattern_ok(const struct scn_expect *x, struct scn_judgement *j)
{
	static const struct scn_exit nothing;

	if (!x->pattern || matches(x->pattern, &nothing) >= 0)
		return true;
	scn_judge_add(j, SCN_ERROR, "expect", "'%s' is not an extended regular expression",
		      x->pattern);
	return false;
}

enum scn_sched_outcome scn_check_scheduler(const struct scn_judge_opts *o,
					   const struct scn_result *r, struct scn_judgement *j)
{
	bool asked = o->plan->scheduler_argv.nr > 0;

	if (asked != (r->sched != SCN_SCHED_NONE)) {
		scn_judge_add(j, SCN_ERROR, "scheduler",
			      "the guest %s a scheduler, the plan %s one",
			      asked ? "did not start" : "started", asked ? "has" : "has not");
		return SCN_OUT_NO_RUN;
	}
	if (!pattern_ok(o->expect, j))
		return SCN_OUT_LIVED;
	if (asked && as_expected(o->expect, &r->exit))
		return SCN_OUT_EXPECTED;
	if (o->plan->watchdog_ns && !r->watchdog_set &&
	    (r->sched == SCN_SCHED_DIED || r->sched == SCN_SCHED_LIVED))
		scn_judge_add(j, SCN_ERROR, "scheduler",
			      "the asked watchdog could not be set in the scheduler");

	switch (r->sched) {
	case SCN_SCHED_NONE:
		if (o->expect->kind != SCN_EXPECT_NONE)
			scn_judge_add(j, SCN_ERROR, "expect",
				      "an exit is expected of no scheduler");
		return SCN_OUT_LIVED;
	case SCN_SCHED_NOT_STARTED:
		not_started(r, j);
		return SCN_OUT_NO_RUN;
	case SCN_SCHED_NOT_ATTACHED:
		not_attached(o, r, j);
		return SCN_OUT_NO_RUN;
	case SCN_SCHED_DIED:
		died(o, r, j);
		return SCN_OUT_DIED;
	case SCN_SCHED_LIVED:
		return lived(o, r, j);
	case SCN_SCHED_STATE_NR:
		break;
	}
	return SCN_OUT_NO_RUN;
}
