/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The freeze coordinator: when the machine is stopped and looked into, what is told of it, and where that is written.
 *
 *   capture_files.c   names of files, and those that an earlier run left behind
 *   capture_state.c   which capture becomes which file: Idle -> TookEarly -> Done
 *   capture_freeze.c  the machine stops and goes on
 *   capture_guest.c   one capture: registers, memory, the report
 *   capture_watch.c   the addresses that are watched: the scheduler's exit, and what programs in the guest ask for
 *   capture_dual.c    when the first of two captures is due
 *   capture_exit.c    the error exit, from its store to its file
 *   capture_perf.c    counters of the host's processor, per vCPU
 *   capture_events.c  the scheduler's event counters, over time
 *   capture_requests.c what the guest asks for
 *   coordinator.c     what the guest says, what the machine reports, and what follows from it
 *
 * Nothing here changes a verdict: a capture that is not to be had is a reason in the file, or in the failure text.
 */
#ifndef KTSTR_DRIVER_CELL_COORDINATOR_H
#define KTSTR_DRIVER_CELL_COORDINATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "capture/capture.h"
#include "driver/cell/cell.h"
#include "vmm/vmm.h"

/* ---- files, beside the sidecar (capture_files.c) ---- */

/* All return memory that the caller frees; NULL: out of memory. */
/* ".../TEST-HASH.ktstr.json" -> ".../TEST-HASH.failure-dump.json": the main file, which names the others. */
char *cell_dump_path(const char *sidecar_path);
/* ".../TEST-HASH.snapshot.TAG.json"; what is not of [A-Za-z0-9._-] in the tag becomes '_'. */
char *cell_dump_tagged(const char *dump_path, const char *tag);
/* ".../TEST-HASH.on_demand_N.json" */
char *cell_dump_on_demand(const char *dump_path, unsigned n);
/* ".../TEST-HASH.image" */
char *cell_dump_image(const char *dump_path);
/* All of these, and what a killed process left of them, before the cell starts. None is no error. */
int cell_remove_dumps(const char *dump_path, struct kt_err *e);

/* ---- which capture becomes which file (capture_state.c) ---- */

enum cell_dump_state { CELL_DUMP_IDLE, CELL_DUMP_TOOK_EARLY, CELL_DUMP_DONE };
/* What came of one freeze: one of the two, or neither, when what led to it turned out to be no error exit. */
struct cell_captured {
	struct cap_report *report; /* is taken over */
	const struct cap_degraded *degraded; /* is borrowed for the call */
};
struct cell_early {
	uint64_t age, threshold; /* jiffies */
};
struct cell_dumps {
	const char *path; /* of the main file; borrowed */
	size_t shown_from; /* cell_spec's */
	bool dual;
	enum cell_dump_state state;
	/* dual: the first capture, or why there is none */
	struct cap_report *early;
	struct cell_early at;
	char skipped[256];
	char retry_tag[40]; /* of a sibling that could not be written yet; "": none */
	unsigned nr_on_demand;
	bool has_main; /* the main file is written */
	struct kt_buf text; /* of the main file, for the failure text: a screen */
	char problem[512]; /* the first file that could not be written; "": none */
	struct kt_strv files; /* names of all siblings that were written */
};
/* The first of two; only in dual mode, in state Idle. */
void cell_dumps_early(struct cell_dumps *d, const struct cell_captured *c,
		      const struct cell_early *at);
/* The error exit. Only once: not in state Done. */
void cell_dumps_late(struct cell_dumps *d, const struct cell_captured *c);
/* What looked like the error exit was none; it may still come. */
void cell_dumps_suppressed(struct cell_dumps *d);
/* For the failure text, where nothing was said before. */
void cell_dumps_problem(struct cell_dumps *d, const char *text);
/* In any state. @tag "": on demand, numbered. Frees the report. -errno of the write, said in @e. */
int cell_dumps_snapshot(struct cell_dumps *d, const char *tag, struct cap_report *report,
			struct kt_err *e);
/* No more will come: what was held back is written. May be called again. */
void cell_dumps_finish(struct cell_dumps *d);
void cell_dumps_done(struct cell_dumps *d);

/* ---- the scheduler's event counters (capture_events.c) ---- */

enum { CELL_EVENTS_MAX = 256 };
struct cell_events {
	struct cap_event_sample sample[CELL_EVENTS_MAX + 1]; /* one more: a capture's own */
	size_t nr;
	uint64_t every_ns; /* 0: none was due yet */
	uint64_t next_ns;
};
/* True: a look is due, and the next is so in a while. */
bool cell_events_due(struct cell_events *ev, uint64_t now_ns);
void cell_events_add(struct cell_events *ev, const struct cap_event_sample *sample);
struct cell_view;
/* To be called now and then while the machine runs; most calls do nothing. */
void cell_events_look(struct cell_view *v, uint64_t now_ns);
/* The machine is frozen. All samples, the last of them of this moment: how many there are in v->events. */
size_t cell_events_at_freeze(struct cell_view *v);

/* ---- one capture (capture_guest.c) ---- */

struct cell_perf;
struct cell_view {
	const struct cell_spec *spec;
	struct vm *vm;
	struct cap_symbols *symbols; /* what the guest told, and then its kernel's file */
	const struct cap_types *types; /* NULL: types_why */
	struct cap_types *own_types; /* the same, of this guest's memory; NULL: of a file */
	char types_why[KT_ERR_TEXT_BYTES];
	bool has_phys_base;
	uint64_t phys_base;
	uint64_t text; /* runtime address of _text; 0: unknown */
	struct cap_vcpu_regs *regs; /* of the last freeze, one a vCPU */
	struct drv_image_vcpu *vcpus; /* all of the same, for saved images */
	struct cap_guest_config live_config;
	struct cap_guest *live; /* the machine as it is now; NULL: nothing can be told */
	uint64_t walked_bytes; /* by the last capture */
	bool keep_all; /* images that are kept have all of memory, not only what was walked */
	struct cell_perf *perf; /* NULL: not to be had */
	struct cap_perf *counters; /* one a vCPU; as of the last freeze */
	uint64_t started_ns; /* the machine's start */
	struct cell_events events;
	size_t nr_events; /* of them with that of the last freeze */
	char missing[256]; /* why the last capture has only registers; "": it has more */
	struct {
		unsigned depth; /* freezes that are ours to thaw */
		uint64_t since_ns; /* when the outermost began */
		uint64_t freeze_ns; /* how long the last one took to begin, or to fail */
		uint64_t total_ns; /* of all that are over */
	} standing;
};
int cell_view_init(struct cell_view *v, const struct cell_spec *spec, struct vm *vm,
		   struct kt_err *e);
void cell_view_done(struct cell_view *v);
/* All is known that the guest tells: make v->live. The machine is frozen. */
int cell_view_open(struct cell_view *v, struct kt_err *e);
void cell_view_read_regs(struct cell_view *v);
/* Bytes of the running or frozen machine at @at, no cache in between. Leaf. */
int cell_view_peek(struct cell_view *v, gva_t at, void *buf, size_t len);
/*
 * The machine is frozen; on return it is thawed, whatever came of the capture. The report may be one that says why it is
 * empty; only out of memory, or when the machine could not be thawed, it is an error. @image_path: where the memory that
 * was read is kept as well; NULL: nowhere.
 */
int cell_view_capture(struct cell_view *v, const char *image_path, struct cap_report **ret,
		      struct kt_err *e);

/* ---- the machine stops and goes on (capture_freeze.c) ---- */

/* As vm_freeze() and vm_thaw(), and the time is kept. */
int cell_view_freeze(struct cell_view *v, struct kt_err *e);
int cell_view_thaw(struct cell_view *v, struct kt_err *e);
/* It stopped by itself, at a watched write: ours to thaw. */
void cell_view_stopped(struct cell_view *v, uint64_t since_ns);
/* After a freeze that failed: v->regs of those that did stop. Returns how many rows; 0: nothing is known of any. */
size_t cell_view_stopped_regs(struct cell_view *v);
/* Why it did not stop, for a report: one of CAP_DEGRADED_..., then details. */
void cell_describe_freeze(const struct kt_err *why, char *buf, size_t size);

/* ---- counters of the host's processor (capture_perf.c) ---- */

struct cell_perf;
/* Of a machine that runs, before its process gives up privileges. NULL: not to be had here. */
struct cell_perf *cell_perf_open(const struct vm *vm, unsigned nr);
void cell_perf_free(struct cell_perf *p);
/* One for each vCPU. */
void cell_perf_read(const struct cell_perf *p, struct cap_perf *ret);

/* ---- watched addresses (capture_watch.c) ---- */

/* Captures that a guest may ask for: beyond, it would fill the disk, or spend its time standing still. Periodic ones not counted. */
enum { CELL_ASKED_MAX = 256 };
enum { CELL_WATCHES_MAX = 3 }; /* of programs in the guest; one more is the coordinator's */
enum cell_watching {
	CELL_WATCH_NONE,
	CELL_WATCH_ROOT, /* scx_root: a scheduler comes */
	CELL_WATCH_KIND, /* its exit_kind */
};
struct cell_watch {
	enum cell_watching what;
	unsigned id;
	bool in_sched; /* exit_kind is of a scx_sched that scx_root points to; else a global */
	gva_t root, kind;
	char why_not[256]; /* nothing is watched because; "": it is */
	bool has_check; /* dual mode: the kernel's watchdog looks at its run queues */
	unsigned check_id;
	struct {
		unsigned id;
		char symbol[64];
	} user[CELL_WATCHES_MAX];
	size_t nr_users;
};
/* All of these while the machine is frozen. */
void cell_watch_arm(struct cell_watch *w, struct cell_view *v);
/* Something was written to the coordinator's address. True: it is an error exit. Moves the watch on as need be. */
bool cell_watch_hit(struct cell_watch *w, struct cell_view *v);
void cell_watch_disarm(struct cell_watch *w, struct cell_view *v);
void cell_watch_arm_check(struct cell_watch *w, struct cell_view *v);
void cell_watch_disarm_check(struct cell_watch *w, struct cell_view *v);
/* Four bytes at @symbol. 0, or why not, for the guest and for people. */
int cell_watch_add_user(struct cell_watch *w, struct cell_view *v, const char *symbol,
			struct kt_err *e);
/* It has been hit often enough. */
void cell_watch_end_user(struct cell_watch *w, struct cell_view *v, unsigned id);
/* NULL: not of a user. */
const char *cell_watch_user(const struct cell_watch *w, unsigned id);

/* ---- the first of two captures (capture_dual.c) ---- */

struct cell_dual {
	struct cap_guest *g; /* NULL: not in dual mode, or nothing can be told */
	uint64_t threshold; /* jiffies; 0: unknown */
	uint64_t peak;
	uint64_t next_ns;
	unsigned nr_scans;
	uint64_t nr_tasks; /* in all scans */
	const char *missing; /* NULL: nothing */
};
unsigned cell_config_hz(const char *config);
/* Half of the watchdog. */
uint64_t cell_early_threshold(uint64_t watchdog_ns, unsigned hz);
/* Does nothing when @spec is not for two captures. */
void cell_dual_begin(struct cell_dual *d, const struct cell_spec *spec, struct cap_guest *g);
/* True: it is due. */
bool cell_dual_look(struct cell_dual *d, struct cell_early *ret);
/* The same, but looks at most four times a second. */
bool cell_dual_scan(struct cell_dual *d, uint64_t now_ns, struct cell_early *ret);
/* Why there was none so far. */
void cell_dual_why(const struct cell_dual *d, char *buf, size_t size);

/* ---- the whole (coordinator.c) ---- */

/* What the files named above share; nobody else looks into it. */
struct cell_coordinator {
	struct cell_view view;
	struct cell_watch watch;
	struct cell_dumps dumps;
	struct cell_dual dual;
	char *dump_path;
	char *image_path; /* NULL: not wanted */
	char *probe;
	void (*note)(void *ctx, const char *text);
	void *note_ctx;
	struct gst_ring down;
	bool has_down;
	bool probed;
	size_t symbol_bytes; /* of text, as the guest told */
	uint64_t next_look_ns;
	/* the error exit, between thaw and file */
	struct cap_report *pending; /* NULL: none */
	uint64_t pending_until_ns;
	struct cap_probe_counters counters;
	bool has_counters;
	uint64_t latched_ns; /* when the probe's latch was first seen beside no kind; 0: not yet */
	unsigned periodic_fired;
	unsigned nr_asked; /* captures, by programs in the guest and writes that they watch */
	unsigned timeouts; /* of freezes for snapshots, one after the other */
	bool lost; /* the machine could not be thawed: */
	struct kt_err error;
};

/*
 * @note: a line of what the machine does without, with @ctx. @spec and @vm are borrowed; the machine runs, and its process has
 * its privileges still.
 */
int cell_coordinator_create(const struct cell_spec *spec, struct vm *vm,
			    void (*note)(void *ctx, const char *text), void *ctx,
			    struct cell_coordinator **ret, struct kt_err *e);
void cell_coordinator_free(struct cell_coordinator *c);
KT_DEFINE_AUTO(cell_coordinator, struct cell_coordinator *, cell_coordinator_free);
/* What the guest says; nothing of it is believed. All accept NULL: without a coordinator it is of no use. */
void cell_coordinator_symbols(struct cell_coordinator *c, const void *text, size_t len);
void cell_coordinator_addresses(struct cell_coordinator *c, const struct gst_kadr *k);
void cell_coordinator_probed(struct cell_coordinator *c, const char *hook);
/* @why: the exit's kind, and more. */
void cell_coordinator_died(struct cell_coordinator *c, const char *why);
void cell_coordinator_request(struct cell_coordinator *c, const struct gst_snapshot_request *q);
/* VM_EV_WATCH. */
void cell_coordinator_watch(struct cell_coordinator *c, unsigned id);
/* The machine could not be frozen for a watched write: @why, and how long that took. */
void cell_coordinator_stuck(struct cell_coordinator *c, const struct kt_err *why,
			    uint64_t freeze_ns);
/* How long the machine has stood still for captures. 0 without a coordinator. */
uint64_t cell_coordinator_stood_ns(const struct cell_coordinator *c);
/* To be called by cell_coordinator_next() at the latest, and as often as one likes. An error: the machine is lost. */
int cell_coordinator_turn(struct cell_coordinator *c, struct kt_err *e);
uint64_t cell_coordinator_next(const struct cell_coordinator *c);
/* The machine runs no more, but its memory is still there. */
void cell_coordinator_finish(struct cell_coordinator *c);

/* ---- between its files ---- */

/* capture_exit.c */
/* @r of something that ended with a thaw: below 0, the machine may stand for ever. */
void cell_coordinator_lost(struct cell_coordinator *c, int r, const struct kt_err *e);
void cell_coordinator_thaw(struct cell_coordinator *c);
/* As cell_view_capture(); what it lacks is told in the failure text. */
int cell_coordinator_capture(struct cell_coordinator *c, const char *image_path,
			     struct cap_report **ret, struct kt_err *e);
bool cell_coordinator_exit_kind(struct cell_coordinator *c, uint32_t *ret);
/* The machine is frozen by us, for an error exit. Captures it, and thaws. */
void cell_exit_take(struct cell_coordinator *c);
/* Is there an error exit by now? The probe tells once its hook has run; then, or when its time is up, the file is written. */
void cell_exit_look(struct cell_coordinator *c);
/* What that goes by. @kind: NULL when it cannot be read. @latched_ns: 0 at first, is kept by the caller. */
bool cell_exit_is_there(uint64_t *latched_ns, const uint32_t *kind, bool latched, uint64_t now_ns);
/* There was one, says the guest; for machines whose memory cannot be looked into: registers are better than nothing. */
void cell_exit_was_told(struct cell_coordinator *c);
void cell_exit_look_at_probe(struct cell_coordinator *c, uint64_t now_ns);
/* In dual mode: is the first capture due? */
void cell_exit_scan_early(struct cell_coordinator *c, uint64_t now_ns);
/* The same while the machine is frozen, by the watch for it. Thaws. */
void cell_exit_check_early(struct cell_coordinator *c);
/* capture_requests.c: the machine is frozen by us. Captures it into a file of that tag, and thaws. */
int cell_take_snapshot(struct cell_coordinator *c, const char *tag, struct kt_err *e);
/* The same, at a write that a program watches. */
void cell_take_watched(struct cell_coordinator *c, unsigned id, const char *symbol);

/* ---- what is told of it ---- */

/* What is to be told of captures in sidecar and failure text; empty without any. */
struct cell_capture_summary {
	char *dump; /* path of the main file; NULL: none */
	char *text; /* what it says, a screen; NULL: none */
	char *problem; /* NULL: none */
	struct kt_strv files; /* names of the other files */
	char *probe; /* the hook that the probe has, or "-" and why it has none; NULL: no word of it */
	char *watch; /* NULL: exits are watched for; else why they are only looked for */
	unsigned periodic_fired;
};
void cell_coordinator_summary(struct cell_coordinator *c, struct cell_capture_summary *ret);
void cell_capture_summary_done(struct cell_capture_summary *s);

#endif
