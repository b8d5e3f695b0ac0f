/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cell's verdict: what the guest reported, and what only the host could see. docs/verdicts.md has
 * the rules in words.
 */
#include <string.h>

#include "base/log.h"
#include "driver/cell/parts.h"

static const char *phase_words(enum cell_phase p)
{
	switch (p) {
	case CELL_STARTING:
	case CELL_BOOTING:
		return "before init started";
	case CELL_ATTACHING:
		return "while init prepared the test";
	case CELL_RUNNING:
		return "while the workers ran";
	case CELL_FINISHING:
		return "after the workers had ended";
	case CELL_PHASE_NR:
		break;
	}
	return "";
}

/*
 * Whose fault is a panic? A kernel that ran the scheduler under test is the scheduler's to keep
 * alive, so from the moment that it was enabled a panic is a failure of the test, also when the
 * kernel was just throwing it out. Before, and in a test of the kernel's own scheduler, the kernel
 * or the machine is broken. That init died is our own fault, whatever ran.
 */
static void add_panic(struct cell *c)
{
	struct scn_judgement *j = &c->out.judgement;
	const struct cell_console *p = &c->console;
	const char *before = p->bug[0] ? "; before that: " : "";

	if (p->init_killed)
		scn_judge_add(j, SCN_ERROR, "init-died",
			      "init, the first program of the guest, died %s: %s%s%s",
			      c->init_up ? phase_words(c->phase) : "before it could report",
			      p->panic, before, p->bug);
	else if (c->attached)
		scn_judge_add(j, SCN_FAIL, "kernel-panic",
			      "the kernel panicked under the scheduler, %s: %s%s%s",
			      phase_words(c->phase), p->panic, before, p->bug);
	else
		scn_judge_add(j, SCN_ERROR, "kernel-panic", "the kernel panicked %s: %s%s%s",
			      phase_words(c->phase), p->panic, before, p->bug);
}

uint64_t cell_standing_max_ns(const struct cell_spec *s)
{
	return s->plan.scheduler_argv.nr || s->plan.nr_periodic ? 60 * UINT64_C(1000000000) : 0;
}

uint64_t cell_time_ns(const struct cell_spec *s, uint64_t stood_ns)
{
	uint64_t max = cell_standing_max_ns(s);

	return s->host_deadline_ns + (stood_ns < max ? stood_ns : max);
}

static void add_deadline(struct cell *c)
{
	double limit = (double)c->spec->host_deadline_ns /
		       1e9; /* besides what it stood still for captures */
	struct scn_judgement *j = &c->out.judgement;

	if (!c->init_up)
		scn_judge_add(j, SCN_ERROR, "never-reached-init",
			      "the kernel did not come as far as init within %.0f s of host time",
			      limit);
	else if (c->out.has_result)
		scn_judge_add(
			j, SCN_ERROR, "no-power-off",
			"the guest sent its result, but was not off within %.0f s of host time",
			limit);
	else
		scn_judge_add(
			j, SCN_ERROR, "deadline",
			"the guest did not end within %.0f s of host time; it stood still %s. A slow host can be given "
			"more by 'time-scale', the test by 'timeout'",
			limit, phase_words(c->phase));
}

/* On KVM nothing emulates: what broke is this host's KVM, or a thread of our own. */
static void add_crash(struct cell *c)
{
	bool kvm = c->spec->accel->accel == VM_ACCEL_KVM;

	scn_judge_add(&c->out.judgement, SCN_ERROR, kvm ? "machine" : "emulator", "%s %s: %s",
		      kvm ? "the machine broke" : "the emulator died", phase_words(c->phase),
		      c->end_text);
}

/* The machine is off, or gone, and nobody said why. */
static void add_silent_end(struct cell *c)
{
	struct scn_judgement *j = &c->out.judgement;

	switch (c->end) {
	case VM_END_POWEROFF:
		scn_judge_add(j, SCN_ERROR, "no-result",
			      "the guest powered off %s, without a result", phase_words(c->phase));
		return;
	case VM_END_RESET:
		scn_judge_add(j, c->attached ? SCN_FAIL : SCN_ERROR, "reset",
			      "the guest's CPU was reset %s, and the console does not say why",
			      phase_words(c->phase));
		return;
	case VM_END_STOPPED:
		scn_judge_add(j, SCN_ERROR, "no-result",
			      "the guest was stopped %s, without a result", phase_words(c->phase));
		return;
	case VM_END_CRASHED: /* said already */
		return;
	}
}

static void add_lost_guest(struct cell *c)
{
	struct scn_judgement *j = &c->out.judgement;
	size_t before = j->nr_findings;

	if (c->init_failed[0])
		scn_judge_add(j, SCN_ERROR, "init-failed", "init could not do its work: %s",
			      c->init_failed);
	else if (c->exited && c->exit_status)
		scn_judge_add(j, SCN_ERROR, "init-failed",
			      "init ended with status %d and did not say why", c->exit_status);
	if (c->console.panic[0])
		add_panic(c);
	if (c->ended && c->end == VM_END_CRASHED)
		add_crash(c);
	if (c->ring_broken)
		scn_judge_add(j, SCN_ERROR, "ring-broken",
			      "the guest wrote nonsense into the ring of frames %s",
			      phase_words(c->phase));
	if (c->protocol[0])
		scn_judge_add(j, SCN_ERROR, "protocol", "the guest broke the protocol: %s",
			      c->protocol);
	if (c->out.bad_frames)
		scn_judge_add(j, SCN_ERROR, "protocol", "%llu frames came with a wrong checksum",
			      (unsigned long long)c->out.bad_frames);
	if (c->deadline_passed)
		add_deadline(c);
	else if (c->ended && !c->out.has_result && j->nr_findings == before)
		add_silent_end(c);
}

static void decode_result(struct cell *c)
{
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err e = { 0 };

	if (!cell_pieces_complete(&c->result))
		return;
	if (scn_result_decode(c->result.b.data, c->result.b.len, &c->out.result, &e) == 0) {
		c->out.has_result = true;
		return;
	}
	if (!c->protocol[0])
		(void)kt_snprintf(c->protocol, sizeof(c->protocol), "%s",
				  kt_err_text(&e, text, sizeof(text)));
}

void cell_judge(struct cell *c)
{
	const struct scn_judge_opts o = {
		.plan = &c->spec->plan,
		.checks = &c->spec->test->checks,
		.expect = &c->spec->test->expect,
		.topology = &c->spec->test->topology,
		.clock_is_real = c->spec->project->tcg_clock_real &&
				 c->spec->accel->accel == VM_ACCEL_TCG,
	};
	struct scn_judgement *j = &c->out.judgement;

	decode_result(c);
	if (c->out.has_result) {
		scn_judge(&o, &c->out.result, j);
		cell_explain_scheduler(&c->sched, &c->out.result, j);
	}
	add_lost_guest(c);
	if (c->out.unknown_frames)
		kt_log(KT_AREA_DRIVER, KT_DEBUG, "test '%s': %llu frames of unknown types",
		       c->spec->plan.test_name, (unsigned long long)c->out.unknown_frames);
}
