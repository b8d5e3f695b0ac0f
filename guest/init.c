/* SPDX-License-Identifier: GPL-2.0-only */
/* PID 1 inside the machine: plays its plan, sends what it saw, powers off. Prints nothing. */
#include "guest/internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

enum { PIECE_BYTES = 64 << 10 };

/* For the kernel's lines on a scheduler's end to arrive, and its process to end. */
static const uint64_t died_settle_ns = 200 * GST_MS;
/*
 * The state is no longer "enabled" before the kernel has said why: between the two it moves every task to another class
 * (scx_root_disable() of kernel/sched/ext/ext.c, 7.3), which takes its time on a slow machine.
 */
static const uint64_t died_reason_ns = 5 * GST_SEC;

static int read_plan(struct gst_init *g, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	int r = kt_file_read(GST_PLAN_PATH, SCN_ENCODED_MAX, &text, e);

	return r < 0 ? r : scn_plan_decode(text.data, text.len, &g->plan, e);
}

static int prepare(struct gst_init *g, struct kt_err *e)
{
	struct utsname u;
	int r = gst_mount_rest(e);

	if (r == 0)
		r = gst_raise_limits(e);
	if (r == 0)
		r = gst_kmsg_open(&g->kmsg, e);
	if (r == 0)
		r = gst_snapshots_open(&g->snapshots, e);
	if (r == 0)
		r = read_plan(g, e);
	/* Without it the kernel does not count how often BPF programs run, and for how long. The plan may say otherwise. */
	(void)gst_write_text("/proc/sys/kernel/bpf_stats_enabled", "1\n");
	if (r == 0)
		r = gst_apply_sysctls(&g->plan.sysctls, e);
	if (r == 0)
		r = gst_read_topology(&g->result, e);
	if (r == 0)
		r = gst_cgroups_create(&g->plan, e);
	if (r == 0 && uname(&u) == 0)
		(void)kt_snprintf(g->result.kernel_release, sizeof(g->result.kernel_release), "%s",
				  u.release);
	return r;
}

static void say_died(struct gst_init *g)
{
	const struct scn_exit *x = &g->kmsg.exit;
	uint64_t until = kt_now_ns() + died_reason_ns;
	char name[32];

	g->result.sched = SCN_SCHED_DIED;
	do
		gst_settle(g, died_settle_ns);
	while (x->kind == SCN_EXIT_NONE && !g->chan.stop && kt_now_ns() < until);
	(void)gst_chan_life(&g->chan, GST_LIFE_SCHED_DIED, "%s%s%s",
			    scn_exit_name(x->kind, name, sizeof(name)), x->reason[0] ? ": " : "",
			    x->reason);
}

/*
 * Let the workers work until the time is over, the scheduler has died, or the host wants the end.
 */
static int play(struct gst_init *g, struct kt_err *e)
{
	uint64_t end, now, next, due, elapsed_ms;
	uint32_t asked = 0;
	int r;

	(void)gst_chan_life(&g->chan, GST_LIFE_PAYLOAD, "workers starting");
	r = gst_crew_start(g, e);
	if (r < 0)
		return r;
	gst_crew_go(&g->crew);
	(void)gst_chan_send_sure(&g->chan, GST_F_SCST, NULL, 0);
	end = g->crew.start_ns + g->plan.duration_ns;
	while ((now = kt_now_ns()) < end && !g->chan.stop && !gst_sched_gone(g)) {
		if (now >= gst_periodic_due(g, asked))
			gst_periodic_ask(g, asked++);
		next = gst_sched_next_look(&g->sched, now, end);
		due = gst_periodic_due(g, asked);
		gst_turn(g, due < next ? due : next);
	}
	gst_crew_stop(g);
	g->result.ran_ns = g->crew.end_ns - g->crew.start_ns;
	elapsed_ms = g->result.ran_ns / GST_MS;
	(void)gst_chan_send_sure(&g->chan, GST_F_SCEN, &elapsed_ms, sizeof(elapsed_ms));
	return gst_crew_results(&g->crew, &g->result, e);
}

static int send_result(struct gst_init *g, struct kt_err *e)
{
	static struct {
		struct gst_piece piece;
		char data[PIECE_BYTES];
	} frame;
	kt_auto(buf) struct kt_buf text = { 0 };
	int r = scn_result_encode(&g->result, &text, e);

	if (r < 0)
		return r;
	frame.piece.total = (uint32_t)text.len;
	for (size_t at = 0; at < text.len; at += PIECE_BYTES) {
		size_t len = text.len - at < PIECE_BYTES ? text.len - at : PIECE_BYTES;

		frame.piece.offset = (uint32_t)at;
		memcpy(frame.data, text.data + at, len);
		r = gst_chan_send_sure(&g->chan, GST_F_TEST, &frame, sizeof(frame.piece) + len);
		if (r < 0)
			return kt_fail(e, KT_E_HOST, -r, "send the result");
	}
	return 0;
}

static int report(struct gst_init *g, struct kt_err *e)
{
	struct scn_result *res = &g->result;
	int32_t kind;
	int r;

	res->sched_exited = g->sched.ended;
	res->sched_status = g->sched.status;
	res->watchdog_set = g->watchdog.set;
	res->exit = g->kmsg.exit;
	res->frames_lost = g->chan.up.lost_frames;
	r = send_result(g, e);
	if (r < 0 || g->plan.scheduler_argv.nr == 0)
		return r;
	kind = (int32_t)res->exit.kind;
	r = gst_chan_send_sure(&g->chan, GST_F_SCDX, &kind, sizeof(kind));
	return r < 0 ? kt_fail(e, KT_E_HOST, -r, "send the scheduler's exit kind") : 0;
}

/* How it went for the scheduler, once the workers are through. */
static void judge_scheduler(struct gst_init *g)
{
	const struct gst_sched *s = &g->sched;
	bool gone = gst_sched_gone(g);

	g->result.sched = SCN_SCHED_LIVED;
	g->result.sched_lived_ns = (gone ? s->gone_ns : g->crew.end_ns) - s->enabled_ns;
	if (gone)
		say_died(g);
}

/* From here on the host may look into the kernel's memory. */
static void say_ready(struct gst_init *g)
{
	struct gst_kadr kadr;

	gst_read_kernel_addresses(&kadr);
	(void)gst_chan_send_sure(&g->chan, GST_F_KADR, &kadr, sizeof(kadr));
	(void)gst_chan_send_sure(&g->chan, GST_F_SRDY, NULL, 0);
}

/* What a host that looks into the kernel's memory wants to know, and to do first; nothing where it does not ask. */
static int introduce(struct gst_init *g, struct kt_err *e)
{
	int r;

	if (access(GST_SYMBOLS_PATH, F_OK) < 0)
		return 0;
	r = gst_send_symbols(&g->chan, e);
	if (r == 0)
		gst_probe(g);
	return r;
}

static int run(struct gst_init *g, struct kt_err *e)
{
	int r = prepare(g, e);

	if (r < 0)
		return r;
	say_ready(g);
	r = introduce(g, e);
	if (r < 0)
		return r;
	r = gst_sched_start(g, e);
	if (r == 0 && (g->plan.scheduler_argv.nr == 0 || g->sched.enabled_ns) && !gst_sched_gone(g))
		r = play(g, e);
	if (r < 0)
		return r;
	if (g->sched.enabled_ns)
		judge_scheduler(g);
	return report(g, e);
}

int main(void)
{
	static struct gst_init g = {
		.chan = { .bell_fd = -1 },
		.kmsg = { .fd = -1 },
		.sched = { .pidfd = -1, .out_fd = -1 },
		.watchdog = { .notify_fd = -1 },
		.snapshots = { .request_fd = -1, .done_fd = -1 },
	};
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err e = { 0 };
	int32_t status = 0;

	if (getpid() != 1) {
		(void)fputs("ktstr init: runs as the first program of a test machine only\n",
			    stderr);
		return 1;
	}
	g.result.boot_ns = kt_now_ns();
	if (gst_mount_first(&e) < 0 || gst_chan_open(&g.chan, &e) < 0) {
		gst_log_last_words(kt_err_text(&e, text, sizeof(text)));
		gst_power_off();
	}
	/*
	 * What cannot be delivered here cannot be reported either: the host sees a machine that
	 * fell silent.
	 */
	(void)gst_chan_life(&g.chan, GST_LIFE_INIT, "init started");
	if (run(&g, &e) < 0) {
		status = 1;
		(void)gst_chan_life(&g.chan, GST_LIFE_INIT_FAILED, "%s",
				    kt_err_text(&e, text, sizeof(text)));
	}
	gst_sched_stop(&g);
	(void)gst_chan_send_sure(&g.chan, GST_F_EXIT, &status, sizeof(status));
	gst_power_off();
}
