/* SPDX-License-Identifier: GPL-2.0-only */
/* One cell's life: boot, listen, judge, write its files, tell the parent. */
#include "driver/cell/cell.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "driver/cell/parts.h"
#include "driver/driver.h"

#define SECOND UINT64_C(1000000000)
enum {
	EVENTS_A_TURN = 256, /* then the signals are looked at again, whatever the guest does */
	INTERRUPTED = 1,
};
/*
 * A panic's line is followed by registers and a trace; a kernel that was told not to reboot then
 * stands still.
 */
static const uint64_t panic_grace_ns = SECOND;
/* As with EVENTS_A_TURN: an event may be one that takes a capture. */
static const uint64_t turn_ns = SECOND / 10;

void cell_spec_done(struct cell_spec *c)
{
	scn_plan_done(&c->plan);
	free(c->initrd_base);
	free(c->topology);
	free(c->scheduler);
	free(c->work_type);
	free(c->sidecar_path);
	free(c->log_dir);
	*c = (struct cell_spec){ 0 };
}

/* ---- to the parent ---- */

/* Best effort: without a parent to listen the cell still ends in order. */
static void tell(const struct cell *c, uint32_t type, const void *data, size_t len,
		 const void *more, size_t more_len)
{
	const struct cell_msg m = { .type = type, .len = (uint32_t)(len + more_len) };

	if (kt_write_all(c->msg_fd, &m, sizeof(m)) == 0 &&
	    kt_write_all(c->msg_fd, data, len) == 0 && more_len)
		(void)kt_write_all(c->msg_fd, more, more_len);
}

void cell_set_phase(struct cell *c, enum cell_phase phase)
{
	unsigned char byte = (unsigned char)phase;

	/* Phases only go forward, whatever order the guest sends things in. */
	if (phase <= c->phase)
		return;
	c->phase = phase;
	tell(c, CELL_MSG_PHASE, &byte, 1, NULL, 0);
}

void cell_take_text(struct cell *c, enum cell_stream stream, const void *data, size_t len)
{
	unsigned char byte = (unsigned char)stream;
	const char *p = data;

	cell_log_add(&c->log[stream], data, len);
	if (stream == CELL_CONSOLE)
		cell_console_feed(&c->console, data, len);
	else if (stream == CELL_SCHED_LOG)
		cell_sched_log_feed(&c->sched, data, len);
	while (c->spec->stream_output && len) {
		size_t n = len < CELL_MSG_MAX - 1 ? len : CELL_MSG_MAX - 1;

		tell(c, CELL_MSG_OUTPUT, &byte, 1, p, n);
		p += n;
		len -= n;
	}
}

static void tell_done(const struct cell *c, const struct kt_buf *text)
{
	struct rusage usage = { 0 };
	struct cell_done done = {
		.verdict = c->out.judgement.verdict,
		.setup_ns = c->out.setup_ns,
		.boot_ns = c->out.boot_ns,
		.total_ns = c->out.total_ns,
	};
	size_t len = text->len < CELL_MSG_MAX - sizeof(done) ? text->len
							     : CELL_MSG_MAX - sizeof(done);

	if (getrusage(RUSAGE_SELF, &usage) == 0)
		done.max_rss_kib = (uint64_t)usage.ru_maxrss;
	tell(c, CELL_MSG_DONE, &done, sizeof(done), text->data, len);
}

/* ---- logs ---- */

static int open_logs(struct cell *c, struct kt_err *e)
{
	static const char *const names[] = {
		[CELL_CONSOLE] = "console.log",
		[CELL_SCHED_LOG] = "scheduler.log",
		[CELL_KERNEL_LOG] = "kernel.log",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int r = cell_log_open(&c->log[i], c->spec->log_dir, names[i], NULL, e);

		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- listening ---- */

static void on_event(struct cell *c, const struct vm_event *ev)
{
	switch (ev->type) {
	case VM_EV_NONE:
		return;
	case VM_EV_WATCH:
		cell_coordinator_watch(c->capture, ev->watch_id);
		return;
	case VM_EV_CONSOLE:
		cell_take_text(c, CELL_CONSOLE, ev->data, ev->len);
		return;
	case VM_EV_FRAME:
		if (ev->frame.crc_ok)
			cell_take_frame(c, ev->frame.type, ev->data, ev->len);
		else
			c->out.bad_frames++;
		return;
	case VM_EV_RING_BROKEN:
		c->ring_broken = true;
		return;
	case VM_EV_END:
		c->ended = true;
		c->end = ev->end;
		(void)kt_snprintf(c->end_text, sizeof(c->end_text), "%s", ev->text);
		return;
	}
}

/* All that has come, within reason. */
static int drain(struct cell *c, struct vm *vm, struct kt_err *e)
{
	uint64_t now = kt_now_ns(), until = now + turn_ns;
	struct vm_event ev;

	for (int i = 0; i < EVENTS_A_TURN && !c->ended && now < until; i++, now = kt_now_ns()) {
		int r = vm_wait(vm, 0, &ev, e);

		/* A write that is watched was seen, but not all vCPUs stopped. */
		if (r == -ETIMEDOUT)
			cell_coordinator_stuck(c->capture, e, kt_now_ns() - now);
		if (r < 0 || ev.type == VM_EV_NONE)
			return r;
		on_event(c, &ev);
	}
	return 0;
}

/* Earlier than the parent's, which would end the cell without a look at what it knows. */
static uint64_t own_deadline(const struct cell *c)
{
	uint64_t margin = c->spec->host_deadline_ns / 10;

	if (margin > 2 * SECOND)
		margin = 2 * SECOND;
	return c->started_ns + cell_time_ns(c->spec, cell_coordinator_stood_ns(c->capture)) -
	       margin;
}

static int drain_and_look(struct cell *c, struct vm *vm, struct kt_err *e)
{
	struct kt_err why = { 0 };
	int r = drain(c, vm, &why);

	if (r < 0) {
		*e = why;
		return r;
	}
	return c->ended ? 0 : cell_coordinator_turn(c->capture, e);
}

/*
 * Until the machine has ended, or there is no use in waiting for it. A broken ring will say no
 * more: init cannot report, so what comes is only the console, and the end of the machine.
 */
static int listen_to(struct cell *c, struct vm *vm, int signal_fd, struct kt_err *e)
{
	uint64_t panic_end = UINT64_MAX, deadline, next;
	struct pollfd p[] = {
		{ .fd = vm_poll_fd(vm), .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
	};
	int r = 0;

	while (!c->ended && !c->ring_broken && r == 0) {
		uint64_t now = kt_now_ns();

		if (c->console.panic[0] && panic_end == UINT64_MAX)
			panic_end = now + panic_grace_ns;
		if (now >= panic_end)
			return 0;
		deadline = own_deadline(c);
		if (now >= deadline) {
			/* What came while we wrote a capture came in time. */
			r = drain_and_look(c, vm, e);
			c->deadline_passed = r == 0 && !c->ended && !c->ring_broken;
			return r;
		}
		next = cell_coordinator_next(c->capture);
		if (next > deadline)
			next = deadline;
		if (poll(p, 2, kt_poll_timeout(next < panic_end ? next : panic_end)) < 0 &&
		    errno != EINTR)
			return kt_fail(e, KT_E_HOST, errno, "wait for the machine");
		if (p[1].revents)
			return INTERRUPTED;
		r = drain_and_look(c, vm, e);
	}
	return r;
}

/* What was under way when we stopped listening: the rest of the console, mostly. */
static void stop_and_drain(struct cell *c, struct vm *vm)
{
	uint64_t until = kt_now_ns() + SECOND;
	struct vm_event ev;

	if (c->ended)
		return;
	vm_stop(vm);
	while (kt_now_ns() < until && vm_wait(vm, kt_poll_timeout(until), &ev, NULL) == 0) {
		if (ev.type == VM_EV_END || ev.type == VM_EV_NONE)
			return;
		on_event(c, &ev);
	}
}

/* ---- what the machine does without ---- */

static int add_note(struct cell *c, const char *text, struct kt_err *e)
{
	int r = kt_strv_add(&c->out.notes, text);

	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "keep what the machine does without");
	tell(c, CELL_MSG_NOTE, text, strlen(text), NULL, 0);
	return 0;
}

static void take_note(void *ctx, const char *text)
{
	(void)add_note(ctx, text, NULL); /* out of memory: there is one note less */
}

static int add_vm_notes(struct cell *c, const struct vm *vm, struct kt_err *e)
{
	const char *const *notes;
	size_t nr = vm_notes(vm, &notes);
	int r = 0;

	for (size_t i = 0; i < nr && r == 0; i++)
		r = add_note(c, notes[i], e);
	return r;
}

static int start_machine(struct cell *c, struct vm **ret, struct kt_err *e)
{
	int r = 0;

	if (c->spec->performance && c->spec->accel->accel != VM_ACCEL_KVM)
		r = add_note(c, "performance mode needs KVM: machines are emulated as ever", e);
	if (r == 0)
		r = open_logs(c, e);
	if (r == 0)
		r = cell_make_machine(c->spec, ret, e);
	if (r < 0)
		return r;
	c->machine_ns = kt_now_ns();
	c->out.setup_ns = c->machine_ns - c->started_ns;
	r = vm_start(*ret, e);
	return r < 0 ? r : add_vm_notes(c, *ret, e);
}

/* 0, INTERRUPTED, or an error of this host. */
static int run_machine(struct cell *c, int signal_fd, struct kt_err *e)
{
	kt_auto(vm) struct vm *vm = NULL;
	kt_auto(cell_coordinator) struct cell_coordinator *coordinator = NULL;
	uint64_t end_ns;
	int r = start_machine(c, &vm, e);

	if (r < 0)
		return r;
	r = cell_coordinator_create(c->spec, vm, take_note, c, &coordinator, e);
	if (r < 0)
		return r;
	/* From here on only files are written, and this machine is looked at and ended. */
	r = vm_sandbox_process(e);
	if (r < 0)
		return kt_context(e, r, "give up what the cell's process does not need");
	c->capture = coordinator;
	c->out.machine_ran = true;
	cell_set_phase(c, CELL_BOOTING);
	r = listen_to(c, vm, signal_fd, e);
	end_ns = kt_now_ns();
	if (r != INTERRUPTED)
		stop_and_drain(c, vm);
	cell_coordinator_finish(coordinator);
	cell_coordinator_summary(coordinator, &c->out.capture);
	c->capture = NULL;
	cell_coordinator_free(kt_take(coordinator));
	vm_free(kt_take(vm));
	c->out.cleanup_ns = kt_now_ns() - end_ns;
	return r;
}

/* ---- the whole ---- */

/*
 * Returns the descriptor; both signals come through it from now on, and a parent that is gone is
 * only an EPIPE.
 */
static int take_signals(struct kt_err *e)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return kt_fail(e, KT_E_HOST, errno, "block signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? kt_fail(e, KT_E_HOST, errno, "create signalfd") : fd;
}

/* What went wrong on this side is an error of the cell, named as the kinds of error are. */
static void add_error(struct cell *c, const struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];

	scn_judge_add(&c->out.judgement, SCN_ERROR, drv_kind_name(e->kind), "%s",
		      kt_err_text(e, text, sizeof(text)));
}

static void finish_logs(struct cell *c)
{
	for (size_t i = 0; i < sizeof(c->log) / sizeof(c->log[0]); i++) {
		struct kt_err e = { 0 };

		if (cell_log_close(&c->log[i], &e) < 0)
			add_error(c, &e);
	}
}

static void judge_all(struct cell *c, int r, const struct kt_err *e)
{
	cell_judge(c);
	if (r < 0)
		add_error(c, e);
	finish_logs(c);
	c->out.boot_ns = c->init_ns ? c->init_ns - c->machine_ns : 0;
	c->out.total_ns = kt_now_ns() - c->started_ns;
	c->out.console = &c->log[CELL_CONSOLE].last;
	c->out.sched_log = &c->log[CELL_SCHED_LOG].last;
	c->out.kernel_log = &c->log[CELL_KERNEL_LOG].last;
}

static void write_result(struct cell *c)
{
	struct kt_err e = { 0 };

	if (cell_write_sidecar(c->spec, &c->out, &e) < 0)
		add_error(c, &e);
}

static void cell_done_all(struct cell *c)
{
	for (size_t i = 0; i < sizeof(c->log) / sizeof(c->log[0]); i++)
		cell_log_done(&c->log[i]);
	kt_buf_done(&c->result.b);
	cell_outcome_done(&c->out);
}

enum scn_verdict cell_run(const struct cell_spec *s, int msg_fd)
{
	struct cell c = {
		.spec = s,
		.msg_fd = msg_fd,
		.started_ns = kt_now_ns(),
		.log = { CELL_LOG_NONE, CELL_LOG_NONE, CELL_LOG_NONE },
		.out = { .started = time(NULL) },
	};
	kt_auto(buf) struct kt_buf text = { 0 };
	enum scn_verdict verdict;
	struct kt_err e = { 0 };
	kt_auto(fd) int signal_fd = take_signals(&e);
	int r = signal_fd < 0 ? signal_fd : run_machine(&c, signal_fd, &e);

	if (r == INTERRUPTED) {
		/*
		 * Whoever sent the signal counts the cell as interrupted; to anybody else this is
		 * an error.
		 */
		c.out.judgement.verdict = SCN_ERROR;
		kt_buf_adds(&text, "interrupted: the test's process was told to end\n");
	} else {
		judge_all(&c, r, &e);
		write_result(&c);
		cell_failure_text(s, &c.out, &text);
	}
	verdict = c.out.judgement.verdict;
	tell_done(&c, &text);
	cell_done_all(&c);
	return verdict;
}
