/* SPDX-License-Identifier: GPL-2.0-only */
/* What a test does inside the guest, as data: the plan, its encoding, the result, and the checks on it. */
#ifndef KTSTR_SCENARIO_SCENARIO_H
#define KTSTR_SCENARIO_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/topology.h"

enum {
	SCN_CGROUPS_MAX = 64,
	SCN_WORKERS_MAX = 4096, /* in one test */
	SCN_NAME_MAX = 64, /* cgroup names, with NUL */
	SCN_TEXT_MAX = 4096, /* one text of a result, with NUL; longer texts are cut */
	SCN_ENCODED_MAX = 16 << 20,
};

/* ---- work: what one worker does ---- */

enum scn_work_type {
	SCN_WORK_SPIN_WAIT, /* burn the CPU */
	SCN_WORK_YIELD_HEAVY, /* sched_yield() in a loop */
	SCN_WORK_BURSTY, /* run for burst_ns, sleep for sleep_ns */
	SCN_WORK_PIPE_IO, /* pairs that pass one byte to and fro over two pipes */
	SCN_WORK_NR,
};

struct scn_work {
	enum scn_work_type type;
	uint64_t burst_ns; /* bursty; 0: the default of the table */
	uint64_t sleep_ns;
};

/* One row a work type: the only place that knows names, help, group sizes and parameters. */
struct scn_work_info {
	const char *name; /* as in ktstr.toml */
	const char *help;
	unsigned group; /* workers come in multiples of this */
	bool has_burst; /* takes burst and sleep */
	uint64_t default_burst_ns;
	uint64_t default_sleep_ns;
};
extern const struct scn_work_info scn_work_types[SCN_WORK_NR];

/* ---- plan: everything the guest is told; all names and numbers are resolved for one topology ---- */

struct scn_cgroup {
	char name[SCN_NAME_MAX];
	uint32_t nr_workers;
	struct scn_work work;
	int32_t nice;
	bool has_cpuset;
	struct kt_cpuset cpuset;
};

struct scn_plan {
	char *test_name;
	uint64_t duration_ns;
	struct kt_strv sysctls; /* "kernel.sched_x=1": dots become slashes under /proc/sys */
	struct kt_strv
		scheduler_argv; /* empty: the kernel's own scheduler; argv[0] is a path in the guest */
	uint64_t attach_timeout_ns; /* guest time until state must be enabled; 0: 30 s */
	uint64_t
		watchdog_ns; /* sched_ext stall timeout to set as the struct_ops is loaded; 0: leave it */
	uint32_t
		ops_value_bytes; /* size of the map value of sched_ext_ops, from the kernel's BTF; 0: unknown */
	uint32_t ops_timeout_offset; /* of timeout_ms inside that value */
	uint32_t nr_periodic; /* captures that init asks for while the workers run; 0: none */
	struct scn_cgroup *cgroups; /* owned */
	size_t nr_cgroups;
};

enum { SCN_PERIODIC_MAX = 64 };
/* Captures are not closer than this. */
#define SCN_PERIODIC_MIN_NS UINT64_C(100000000)
/**
 * When periodic capture @i of @nr is due, from the start of the workers: they share what is left of @duration_ns without its first and
 * last tenth, evenly (wire-schema.md section 7.3). UINT64_MAX: never, since there is no room for so many.
 */
uint64_t scn_periodic_ns(uint64_t duration_ns, uint32_t nr, uint32_t i);
/* Whether @nr captures are at least SCN_PERIODIC_MIN_NS apart. */
bool scn_periodic_fits(uint64_t duration_ns, uint32_t nr);

void scn_plan_done(struct scn_plan *p);
static inline void kt_cleanup_scn_plan(struct scn_plan *p)
{
	scn_plan_done(p);
}
/* Both encodings are ours, versioned, little-endian, bounded; decoding trusts nothing (KT_E_GUEST names the field). */
int scn_plan_encode(const struct scn_plan *p, struct kt_buf *ret, struct kt_err *e);
int scn_plan_decode(const void *data, size_t len, struct scn_plan *ret, struct kt_err *e);
/* plan.json, for people. Writes one object under @key. */
void scn_plan_json(const struct scn_plan *p, struct kt_json *j, const char *key);

/* ---- result: what the guest saw ---- */

/* Kernel's enum scx_exit_kind (kernel/sched/ext_internal.h; the values are ABI to user space since 6.12). */
enum {
	SCN_EXIT_NONE = 0,
	SCN_EXIT_DONE = 1,
	SCN_EXIT_UNREG = 64,
	SCN_EXIT_UNREG_BPF = 65,
	SCN_EXIT_UNREG_KERN = 66,
	SCN_EXIT_SYSRQ = 67,
	SCN_EXIT_ERROR = 1024, /* this and above: an error exit */
	SCN_EXIT_ERROR_BPF = 1025,
	SCN_EXIT_ERROR_STALL = 1026,
	SCN_EXIT_UNKNOWN = 0xffffffff, /* disabled with a text that the table does not know */
};

/* "SCX_EXIT_ERROR_STALL" style name without prefix: "ERROR_STALL", "UNKNOWN(n)". Static or in @buf. */
const char *scn_exit_name(uint32_t kind, char *buf, size_t size);

/* Collects what the kernel's log says of a sched_ext exit, line by line. Zero-initialise. */
struct scn_exit {
	uint32_t kind; /* SCN_EXIT_NONE: not seen */
	char ops_name[128];
	char reason
		[SCN_TEXT_MAX]; /* the kernel's words in the parentheses, raw: "runnable task stall" */
	char message
		[SCN_TEXT_MAX]; /* following "NAME: ..." lines, joined by newlines, as far as seen */
};
/* @line is one kernel log message without its prefix. Returns true when it belonged to an exit. */
bool scn_exit_feed(struct scn_exit *x, const char *line);

struct scn_worker_result {
	uint32_t cgroup; /* index into the plan */
	uint32_t pid;
	uint64_t iterations;
	uint64_t wall_ns; /* from its start to its last loop */
	uint64_t cpu_ns; /* CLOCK_THREAD_CPUTIME_ID */
	uint64_t run_delay_ns; /* /proc/self/schedstat field 2 */
	uint64_t max_gap_ns; /* longest time that it wanted to run and did not get round its loop */
	uint32_t max_gap_cpu; /* where it was after that gap */
	uint32_t migrations;
	uint64_t wake_p50_ns,
		wake_p99_ns; /* time from the asked wake-up to running; 0: its work does not sleep */
	uint64_t nr_wakes;
	struct kt_cpuset cpus_seen;
};

/* One CPU as the guest's sysfs shows it. */
struct scn_seen_cpu {
	uint32_t cpu;
	uint32_t node;
	struct kt_cpuset core; /* topology/thread_siblings_list */
	struct kt_cpuset llc; /* cache/index3/shared_cpu_list; empty: none shown */
};
struct scn_seen_node {
	uint32_t node;
	uint64_t memory_bytes; /* MemTotal of its meminfo */
	struct kt_cpuset cpus;
	uint32_t nr_distances;
	uint8_t distance[KT_TOPO_NODES_MAX];
};

/* How far the scheduler came. */
enum scn_sched_state {
	SCN_SCHED_NONE, /* none asked for */
	SCN_SCHED_NOT_STARTED, /* exec failed */
	SCN_SCHED_NOT_ATTACHED, /* ended or timed out before state was enabled */
	SCN_SCHED_DIED, /* was enabled, then disabled before the scenario's end */
	SCN_SCHED_LIVED, /* enabled until we stopped it */
	SCN_SCHED_STATE_NR,
};

struct scn_result {
	char kernel_release[128];
	uint64_t boot_ns; /* guest uptime when init started */
	uint64_t attach_ns; /* scheduler start to enabled; 0: not reached */
	uint64_t ran_ns; /* how long the workers were given */
	enum scn_sched_state sched;
	bool sched_exited; /* its process ended by itself */
	int32_t sched_status; /* wait status of the scheduler process when it ended */
	uint64_t sched_lived_ns; /* from enabled to the exit or the end */
	struct scn_exit exit;
	char ops_name[128]; /* /sys/kernel/sched_ext/root/ops while enabled */
	bool watchdog_set; /* the asked timeout was put into the struct_ops */
	struct scn_worker_result *workers; /* owned */
	size_t nr_workers;
	struct scn_seen_cpu *cpus; /* owned */
	size_t nr_cpus;
	struct scn_seen_node *nodes; /* owned */
	size_t nr_nodes;
	uint64_t frames_lost; /* guest-side count of low-priority frames dropped */
};

void scn_result_done(struct scn_result *r);
static inline void kt_cleanup_scn_result(struct scn_result *r)
{
	scn_result_done(r);
}
int scn_result_encode(const struct scn_result *r, struct kt_buf *ret, struct kt_err *e);
int scn_result_decode(const void *data, size_t len, struct scn_result *ret, struct kt_err *e);

/* ---- checks ---- */

/* In the order of severity of design.md section 4: fail > error > inconclusive > pass > skip. */
enum scn_verdict {
	SCN_SKIP,
	SCN_PASS,
	SCN_INCONCLUSIVE,
	SCN_ERROR,
	SCN_FAIL,
	SCN_VERDICT_NR,
};
const char *scn_verdict_name(enum scn_verdict v); /* "pass", "fail", ... */

enum { SCN_DEFAULT_MAX_GAP_MS = 2000 }; /* the reference's built-in limit, release profile */

struct scn_checks {
	bool not_stuck; /* every worker went round its loop at least once */
	uint64_t max_gap_ns; /* 0: not checked */
	bool isolation; /* workers ran only on their cgroup's cpuset */
	double max_spread; /* percent, max - min share of CPU time among a cgroup's workers; 0: not checked */
};

/* What the scheduler is expected to do. */
enum scn_expect_kind {
	SCN_EXPECT_NONE, /* live to the end */
	SCN_EXPECT_STALL, /* die of exit kind 1026 */
	SCN_EXPECT_ANY_ERROR, /* die of any kind >= 1024 */
};
struct scn_expect {
	enum scn_expect_kind kind;
	char *pattern; /* borrowed; extended regex that the reason or the message must match; NULL: any */
};

struct scn_cgroup_stats {
	uint32_t nr_workers, nr_cpus;
	double avg_off_cpu_pct, min_off_cpu_pct, max_off_cpu_pct, spread;
	uint64_t max_gap_ms;
	uint32_t max_gap_cpu;
	uint64_t migrations, iterations, cpu_ns;
	double migration_ratio; /* migrations / iterations */
	double mean_run_delay_us, worst_run_delay_us;
	double p50_wake_us, p99_wake_us; /* worst of the workers; 0: nothing sleeps */
};

enum { SCN_FINDINGS_MAX = 32 };

struct scn_finding {
	enum scn_verdict verdict; /* SCN_FAIL, SCN_ERROR or SCN_INCONCLUSIVE */
	char check
		[32]; /* "not-stuck", "max-gap", "isolation", "max-spread", "scheduler", "expect", "topology" */
	char *text; /* one line: measured, where, limit */
};

struct scn_judgement {
	enum scn_verdict verdict;
	struct scn_finding findings[SCN_FINDINGS_MAX]; /* what failed first comes first */
	size_t nr_findings;
	size_t nr_more; /* beyond SCN_FINDINGS_MAX */
	struct scn_cgroup_stats cgroup[SCN_CGROUPS_MAX];
	size_t nr_cgroups;
	uint32_t total_workers, total_cpus;
	uint64_t total_migrations, total_iterations, worst_gap_ms;
	uint32_t worst_gap_cpu;
	double worst_spread, worst_migration_ratio;
};

struct scn_judge_opts {
	const struct scn_plan *plan;
	const struct scn_checks *checks;
	const struct scn_expect *expect;
	const struct kt_topology *
		topology; /* what was asked: a guest that shows another one is an error, not a fail */
	bool clock_is_real; /* guest time follows the host's mood (tcg-clock = "real"): timing failures are inconclusive */
};

/* Cannot fail: out of memory yields findings without text. Frees nothing of its inputs. */
void scn_judge(const struct scn_judge_opts *o, const struct scn_result *r,
	       struct scn_judgement *ret);
/* Add a finding of the caller's (boot failure, lost guest); raises the verdict by precedence. */
void scn_judge_add(struct scn_judgement *j, enum scn_verdict v, const char *check, const char *fmt,
		   ...) __attribute__((format(printf, 4, 5)));
void scn_judgement_done(struct scn_judgement *j);
static inline void kt_cleanup_scn_judgement(struct scn_judgement *j)
{
	scn_judgement_done(j);
}
/* The sidecar's "stats" object (wire-schema.md section 8, ScenarioStats). */
void scn_stats_json(const struct scn_plan *p, const struct scn_judgement *jd, struct kt_json *j,
		    const char *key);

#endif
