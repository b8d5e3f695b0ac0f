/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of init, PID 1 inside the machine, share. One thread, one poll loop. */
#ifndef KTSTR_GUEST_INTERNAL_H
#define KTSTR_GUEST_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "guest/proto.h"
#include "scenario/scenario.h"

#define GST_MS UINT64_C(1000000)
#define GST_SEC UINT64_C(1000000000)

/* ---- text.c ---- */

/* The window named by "ktstr.ring=0xGPA,0xLEN". -ENOENT: not named; -EINVAL, -ERANGE: badly. */
int gst_find_window(const char *cmdline, uint64_t *ret_gpa, uint64_t *ret_len);
/* The doorbell named by "ktstr.bell=0xGPA", the same way. */
int gst_find_bell(const char *cmdline, uint64_t *ret_gpa);
/**
 * The text of a /dev/kmsg record ("6,339,5140900,-;text\n KEY=value\n": priority, number,
 * microseconds, flags), in place, its escapes undone. NULL: not a record.
 */
char *gst_log_record_text(char *record, uint64_t *ret_us);
/* The name in a line of /proc/kallsyms ("ffffffff81edd940 d map_idr\t[module]\n"), cut out in place. NULL: no such line. */
const char *gst_kallsyms_line(char *line, uint64_t *ret_address);
/**
 * Take the first line, without its end, out of @text, of which *@len bytes are filled: the rest moves to the front. 1:
 * taken; 0: there is none yet; -EMSGSIZE: it is longer than @size - 1, or fills @cap without an end, and was dropped.
 */
int gst_take_line(char *text, size_t *len, size_t cap, char *ret, size_t size);

/* ---- channel.c: frames to the host, bells both ways ---- */

struct gst_chan {
	struct gst_ring up, down;
	int bell_fd; /* COM2; -1: none, frames still reach a host that looks for itself */
	volatile uint32_t *bell; /* up, where the machine has one; NULL: COM2 */
	bool bell_due; /* frames were written since the last bell */
	bool stop; /* the host wants the end */
	bool go; /* the host watches: the scheduler may start */
	bool down_due; /* the host wrote frames since the down ring was last emptied */
};

/* Maps the window that the kernel command line names and attaches to it. */
int gst_chan_open(struct gst_chan *c, struct kt_err *e);
/* Low priority: without room it is dropped and counted. */
void gst_chan_send(struct gst_chan *c, uint32_t type, const void *data, size_t len);
/* Whether a low-priority frame of @len bytes would be taken now. */
bool gst_chan_has_room(const struct gst_chan *c, size_t len);
/* High priority: waits for room, for as long as a host that is alive can need. 0 or -errno. */
int gst_chan_send_sure(struct gst_chan *c, uint32_t type, const void *data, size_t len);
int gst_chan_life(struct gst_chan *c, enum gst_life phase, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Tell the host that frames are waiting, once for all that were written since. */
void gst_chan_ring(struct gst_chan *c);
/* Take in what the host rang, if anything. */
void gst_chan_take_bells(struct gst_chan *c);

/* ---- system.c: the machine around us ---- */

/* proc, sys and dev: what the channel needs. */
int gst_mount_first(struct kt_err *e);
/* Everything else that schedulers and workers expect of a system. */
int gst_mount_rest(struct kt_err *e);
int gst_raise_limits(struct kt_err *e);
int gst_apply_sysctls(const struct kt_strv *sysctls, struct kt_err *e);
/* Whole @text to an existing file, in one write, as proc, sysfs and cgroupfs want it. Leaf. */
int gst_write_text(const char *path, const char *text);
/* Without a channel the kernel's log is the last place left to say something. */
void gst_log_last_words(const char *text);
_Noreturn void gst_power_off(void);

/* ---- sysfs.c ---- */

/* CPUs and nodes as the kernel shows them, in order of their numbers. */
int gst_read_topology(struct scn_result *res, struct kt_err *e);

/* ---- kaddr.c ---- */

/* What could be found; the rest is 0. Kept short: it is read before each test. */
void gst_read_kernel_addresses(struct gst_kadr *ret);

/* ---- symbols.c ---- */

/*
 * Look up what GST_SYMBOLS_PATH names and send what was found. A symbol at address 0 (a per-CPU one, where those count
 * from zero) is not told apart from one that there is not.
 */
int gst_send_symbols(struct gst_chan *c, struct kt_err *e);

/* ---- periodic.c: captures at fixed times ---- */

struct gst_init;
/* When the next is due, @asked were asked for; UINT64_MAX: never. */
uint64_t gst_periodic_due(const struct gst_init *g, uint32_t asked);
void gst_periodic_ask(struct gst_init *g, uint32_t asked);

/* ---- prober.c: the probe's process ---- */

/* Has the probe loaded, before there is a scheduler; says what came of it, and waits for the host to watch. */
void gst_probe(struct gst_init *g);

/* ---- snapshot.c: captures that programs in the guest ask for, through FIFOs ---- */

/* Requests of programs have ids from 1, those of init itself from here. */
enum { GST_PERIODIC_FIRST_ID = 0x50000000 };
struct gst_snapshots {
	int request_fd, done_fd; /* -1: none */
	char text[4096]; /* requests to come */
	size_t nr_text;
	uint32_t last_id;
	uint32_t pending_id; /* 0: none is with the host */
	uint64_t answer_by_ns;
	uint64_t read_by_ns; /* 0: no answer lies unread; else, when it is thrown away */
};
int gst_snapshots_open(struct gst_snapshots *s, struct kt_err *e);
/* Requests came, or something is to be looked at again. Returns quickly. */
void gst_snapshots_serve(struct gst_snapshots *s, struct gst_chan *c);
/* Whether a new request would be taken now. */
bool gst_snapshots_ready(const struct gst_snapshots *s);
/* How soon to look again, in nanoseconds; UINT64_MAX: when a request comes. */
uint64_t gst_snapshots_next_look(const struct gst_snapshots *s);

/* ---- kmsg.c: the kernel's log ---- */

struct gst_kmsg {
	int fd;
	struct scn_exit exit; /* what the log says of a scheduler's end */
};
int gst_kmsg_open(struct gst_kmsg *k, struct kt_err *e);
/* Forward what is there, a bounded amount. */
void gst_kmsg_forward(struct gst_kmsg *k, struct gst_chan *c);

/* ---- watchdog.c: the stall timeout, put into the scheduler's struct_ops as it is loaded ---- */

struct gst_watchdog {
	int notify_fd; /* -1: none */
	uint32_t timeout_ms;
	uint32_t value_bytes;
	uint32_t offset;
	bool set;
};
/* In the child, before exec: the filter's notification descriptor, or -errno. */
int gst_watchdog_filter(void);
/* In init: serve one notification; the scheduler's thread waits for it. */
void gst_watchdog_serve(struct gst_watchdog *w);

/* ---- sched.c: the scheduler's process and the kernel's view of it ---- */

struct gst_sched {
	pid_t pid; /* 0: none */
	int pidfd; /* readable when it has ended; -1: none */
	int out_fd; /* its stdout and stderr; -1: closed */
	bool ended; /* reaped: status is valid */
	int status; /* as of waitpid */
	uint64_t started_ns;
	uint64_t enabled_ns; /* 0: never */
	uint64_t gone_ns; /* when it was seen to be enabled no more; 0: not yet */
	uint64_t checked_ns; /* when the state file was last read */
	uint64_t enable_seq; /* before the start */
	char held[32 << 10]; /* output that the ring had no room for */
	size_t nr_held;
};

/* ---- cgroup.c ---- */

/* All cgroups of the plan, empty. */
int gst_cgroups_create(const struct scn_plan *p, struct kt_err *e);
/* Directory of one, for clone3(CLONE_INTO_CGROUP). */
int gst_cgroup_open(const struct scn_cgroup *cg, int *ret_fd, struct kt_err *e);

/* ---- what workers and init share ---- */

/* Buckets of wake.c's histogram: four an octave, up to 2^40 ns and a rest. */
enum { GST_WAKE_BUCKETS = 160 };

/*
 * What one worker leaves behind, in memory shared with init. Only the worker writes, with plain
 * stores as it goes, so that init can read it without the worker's help: it may be starved for good
 * by then.
 */
struct gst_slot {
	uint64_t iterations;
	uint64_t last_ns; /* end of its last round; 0: none yet */
	uint64_t wanted_ns; /* since when it wants to run; GST_WAITS_FOR_PEER; 0: since the start */
	uint64_t max_gap_ns;
	uint32_t max_gap_cpu;
	uint32_t cpu; /* where it was last; GST_NO_CPU */
	uint32_t migrations;
	uint32_t pad;
	uint64_t sent_ns; /* pairs: when the last byte went off */
	uint64_t nr_sent, nr_received;
	uint64_t nr_wakes;
	uint64_t cpus_seen[KT_CPUS_MAX / 64];
	uint32_t wake[GST_WAKE_BUCKETS];
} __attribute__((aligned(64)));
#define GST_WAITS_FOR_PEER UINT64_MAX
#define GST_NO_CPU UINT32_MAX

struct gst_stage {
	uint32_t go; /* futex: 0 until all begin together */
	uint32_t nr_ready;
	uint64_t start_ns; /* valid once go is 1 */
	struct gst_slot slots[];
};

/* ---- wake.c ---- */

unsigned gst_wake_bucket(uint64_t ns);
/* The latency that @percent of the wake-ups stayed within; 0: there were none. */
uint64_t gst_wake_percentile(const struct gst_slot *s, unsigned percent);

/* ---- worker.c, work.c ---- */

/* What a work loop is given. */
struct gst_work_args {
	const struct scn_work *work;
	volatile struct gst_slot *slot;
	const volatile struct gst_slot *peer; /* of a pair; else NULL */
	int read_fd, write_fd; /* of a pair */
	bool first; /* of a pair: the one that begins */
};
/* Never returns: the worker ends by SIGKILL. */
_Noreturn void gst_work_run(const struct gst_work_args *a);
struct gst_worker {
	uint32_t cgroup;
	uint32_t peer; /* of a pair: index of the other */
	pid_t pid;
	bool reaped;
	uint64_t cpu_ns, run_delay_ns;
};
struct gst_crew {
	struct gst_stage *stage;
	size_t stage_bytes;
	struct gst_worker *workers; /* owned */
	size_t nr;
	uint64_t start_ns, end_ns;
};

/* Start all workers of the plan; they wait at the barrier. Runs the loop meanwhile. */
int gst_crew_start(struct gst_init *g, struct kt_err *e);
void gst_crew_go(struct gst_crew *crew);
/*
 * Kill them, collect what the kernel counted of them. Runs the loop meanwhile, for a bounded time.
 */
void gst_crew_stop(struct gst_init *g);
int gst_crew_results(const struct gst_crew *crew, struct scn_result *res, struct kt_err *e);

/* ---- loop.c, init.c ---- */

struct gst_init {
	struct gst_chan chan;
	struct gst_kmsg kmsg;
	struct gst_sched sched;
	struct gst_watchdog watchdog;
	struct gst_crew crew;
	struct gst_snapshots snapshots;
	struct scn_plan plan;
	struct scn_result result;
};

/* Serve whatever comes until @until_ns at the latest; returns after the first things served. */
void gst_turn(struct gst_init *g, uint64_t until_ns);
/* The same for the whole time, unless the host wants the end. */
void gst_settle(struct gst_init *g, uint64_t ns);

/**
 * Start the plan's scheduler and wait until the kernel says that it is enabled. 0 whatever becomes
 * of the scheduler: look at result.sched. A negative return is init's own failure.
 */
int gst_sched_start(struct gst_init *g, struct kt_err *e);
/* It was enabled and is no more. Reads the state at most every 50 ms. */
bool gst_sched_gone(struct gst_init *g);
/* When to look next, at @end at the latest. */
uint64_t gst_sched_next_look(const struct gst_sched *s, uint64_t now, uint64_t end);
/* Forward its output, a bounded amount; what the ring has no room for is held. */
void gst_sched_forward(struct gst_sched *s, struct gst_chan *c);
/* Take its exit status when it has ended. */
void gst_sched_reap(struct gst_sched *s);
/* SIGINT, then SIGKILL, then the kernel's own way; its last output is forwarded. */
void gst_sched_stop(struct gst_init *g);

#endif
