/* SPDX-License-Identifier: GPL-2.0-only */
/* Workers: one process each, started together, ended together, read out without their help. */
#include "guest/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"

enum {
	STARTS_A_TURN = 16,
	COMM_BYTES = 16,
};
/*
 * For workers to reach the barrier. A scheduler may keep them from it: then the clock starts
 * without them.
 */
static const uint64_t barrier_limit_ns = 5 * GST_SEC;
/* For killed workers to be gone. Under a scheduler that runs nothing they never are. */
static const uint64_t reap_limit_ns = 2 * GST_SEC;
static const uint64_t poll_step_ns = 2 * GST_MS;

/* What is the same for all workers of one cgroup. */
struct batch {
	const struct scn_cgroup *cg;
	uint32_t index; /* of cg in the plan */
	int cgroup_fd;
};

/* Names are kt-CGROUP-N; a long cgroup name is cut so that N stays whole. */
static void set_comm(const char *cgroup, uint32_t nr)
{
	char tail[12], comm[COMM_BYTES];

	(void)kt_snprintf(tail, sizeof(tail), "-%u", nr);
	(void)kt_snprintf(comm, sizeof(comm), "kt-%.*s%s", (int)(COMM_BYTES - 4 - strlen(tail)),
			  cgroup, tail);
	(void)prctl(PR_SET_NAME, comm);
}

static _Noreturn void worker_main(struct gst_stage *stage, const struct batch *b, uint32_t nr,
				  const struct gst_work_args *args)
{
	set_comm(b->cg->name, nr);
	/*
	 * Raising and lowering is allowed to root; a sleep must not be stretched by the default
	 * slack.
	 */
	if (setpriority(PRIO_PROCESS, 0, b->cg->nice) < 0 || prctl(PR_SET_TIMERSLACK, 1UL) < 0)
		_exit(1);
	__atomic_add_fetch(&stage->nr_ready, 1, __ATOMIC_RELAXED);
	/* Acquire: start_ns is valid once go is. Partner: the release in gst_crew_go. */
	while (!__atomic_load_n(&stage->go, __ATOMIC_ACQUIRE))
		(void)syscall(SYS_futex, &stage->go, FUTEX_WAIT, 0, NULL, NULL, 0);
	args->slot->wanted_ns = stage->start_ns;
	gst_work_run(args);
}

/*
 * Born in its cgroup: moving a process there afterwards makes the kernel wait for an RCU grace
 * period each time, and a scheduler that starves kernel threads could hold init up.
 */
static pid_t clone_into(int cgroup_fd)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup_fd,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static int start_worker(struct gst_init *g, const struct batch *b, uint32_t nr,
			const struct gst_work_args *args, struct kt_err *e)
{
	struct gst_crew *crew = &g->crew;
	pid_t pid = clone_into(b->cgroup_fd);

	if (pid < 0)
		return kt_fail(e, KT_E_HOST, errno, "start worker %u of cgroup '%s'", nr,
			       b->cg->name);
	if (pid == 0)
		worker_main(crew->stage, b, nr, args);
	crew->workers[crew->nr++] = (struct gst_worker){
		.cgroup = b->index,
		.pid = pid,
		.peer = args->peer ? (uint32_t)(args->peer - crew->stage->slots) : 0,
	};
	if (crew->nr % STARTS_A_TURN == 0)
		gst_turn(g, 0);
	return 0;
}

/* Two workers and two pipes between them. */
static int start_pair(struct gst_init *g, const struct batch *b, uint32_t nr, struct kt_err *e)
{
	struct gst_slot *slots = &g->crew.stage->slots[g->crew.nr];
	struct gst_work_args first = {
		.work = &b->cg->work, .slot = &slots[0], .peer = &slots[1], .first = true
	};
	struct gst_work_args second = { .work = &b->cg->work,
					.slot = &slots[1],
					.peer = &slots[0] };
	int there[2], back[2], r;

	if (pipe2(there, O_CLOEXEC) < 0)
		return kt_fail(e, KT_E_HOST, errno, "make a pipe for workers");
	if (pipe2(back, O_CLOEXEC) < 0) {
		r = kt_fail(e, KT_E_HOST, errno, "make a pipe for workers");
		(void)close(there[0]);
		(void)close(there[1]);
		return r;
	}
	first.write_fd = there[1];
	first.read_fd = back[0];
	second.write_fd = back[1];
	second.read_fd = there[0];
	r = start_worker(g, b, nr, &first, e);
	if (r == 0)
		r = start_worker(g, b, nr + 1, &second, e);
	for (int i = 0; i < 2; i++) {
		(void)close(there[i]);
		(void)close(back[i]);
	}
	return r;
}

static int start_batch(struct gst_init *g, uint32_t index, struct kt_err *e)
{
	const struct scn_cgroup *cg = &g->plan.cgroups[index];
	unsigned group = scn_work_types[cg->work.type].group;
	kt_auto(fd) int dir = -1;
	struct batch b = { .cg = cg, .index = index };
	int r = gst_cgroup_open(cg, &dir, e);

	if (r < 0)
		return r;
	b.cgroup_fd = dir;
	for (uint32_t nr = 0; nr + group <= cg->nr_workers; nr += group) {
		const struct gst_work_args alone = {
			.work = &cg->work,
			.slot = &g->crew.stage->slots[g->crew.nr],
		};

		r = group == 2 ? start_pair(g, &b, nr, e) : start_worker(g, &b, nr, &alone, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int make_stage(struct gst_crew *crew, size_t total, struct kt_err *e)
{
	void *stage;

	crew->stage_bytes = sizeof(struct gst_stage) + total * sizeof(struct gst_slot);
	stage = mmap(NULL, crew->stage_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (stage == MAP_FAILED)
		return kt_fail(e, KT_E_HOST, errno, "map memory for %zu workers", total);
	crew->stage = stage;
	for (size_t i = 0; i < total; i++)
		crew->stage->slots[i].cpu = GST_NO_CPU;
	crew->workers = calloc(total ? total : 1, sizeof(*crew->workers));
	if (!crew->workers)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate %zu workers", total);
	return 0;
}

int gst_crew_start(struct gst_init *g, struct kt_err *e)
{
	struct gst_crew *crew = &g->crew;
	uint64_t deadline;
	size_t total = 0;
	int r;

	for (size_t i = 0; i < g->plan.nr_cgroups; i++)
		total += g->plan.cgroups[i].nr_workers;
	r = make_stage(crew, total, e);
	for (uint32_t i = 0; r == 0 && i < g->plan.nr_cgroups; i++)
		r = start_batch(g, i, e);
	if (r < 0)
		return r;
	deadline = kt_now_ns() + barrier_limit_ns;
	while (__atomic_load_n(&crew->stage->nr_ready, __ATOMIC_RELAXED) < crew->nr &&
	       !g->chan.stop) {
		uint64_t now = kt_now_ns();

		if (now >= deadline || gst_sched_gone(g))
			break;
		gst_turn(g, now + poll_step_ns);
	}
	return 0;
}

void gst_crew_go(struct gst_crew *crew)
{
	crew->start_ns = kt_now_ns();
	crew->stage->start_ns = crew->start_ns;
	__atomic_store_n(&crew->stage->go, 1, __ATOMIC_RELEASE);
	(void)syscall(SYS_futex, &crew->stage->go, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/*
 * "cpu_ns run_delay_ns nr_slices": exact once the process has ended, and readable until it is
 * reaped.
 */
static void read_schedstat(struct gst_worker *w)
{
	char path[64], text[96], *save = NULL, *cpu, *delay;

	(void)kt_snprintf(path, sizeof(path), "/proc/%d/schedstat", w->pid);
	if (kt_file_read_small(path, text, sizeof(text)) < 0)
		return; /* a kernel without SCHED_INFO: no figures, zeroes */
	cpu = strtok_r(text, " ", &save);
	delay = strtok_r(NULL, " ", &save);
	if (!cpu || !delay || kt_parse_u64(cpu, &w->cpu_ns) < 0 ||
	    kt_parse_u64(delay, &w->run_delay_ns) < 0)
		w->cpu_ns = w->run_delay_ns = 0;
}

/* Take those who have ended; returns how many have not. */
static size_t reap_workers(struct gst_crew *crew)
{
	size_t left = 0;

	for (size_t i = 0; i < crew->nr; i++) {
		struct gst_worker *w = &crew->workers[i];
		siginfo_t info = { 0 };

		if (w->reaped)
			continue;
		if (waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    !info.si_pid) {
			left++;
			continue;
		}
		read_schedstat(w);
		(void)waitpid(w->pid, NULL, WNOHANG);
		w->reaped = true;
	}
	return left;
}

void gst_crew_stop(struct gst_init *g)
{
	struct gst_crew *crew = &g->crew;
	uint64_t deadline;

	crew->end_ns = kt_now_ns();
	for (size_t i = 0; i < crew->nr; i++)
		(void)kill(crew->workers[i].pid, SIGKILL);
	deadline = crew->end_ns + reap_limit_ns;
	while (reap_workers(crew)) {
		uint64_t now = kt_now_ns();

		if (now >= deadline)
			break;
		gst_turn(g, now + poll_step_ns);
	}
	/* Those who are not let run cannot end: what the kernel has counted so far has to do. */
	for (size_t i = 0; i < crew->nr; i++)
		if (!crew->workers[i].reaped)
			read_schedstat(&crew->workers[i]);
}

/* Since when a worker wanted to run as all was stopped. */
static uint64_t wanted_at_end(const struct gst_crew *crew, size_t i)
{
	const struct gst_slot *s = &crew->stage->slots[i];
	const struct gst_slot *peer = &crew->stage->slots[crew->workers[i].peer];

	if (s->wanted_ns == 0)
		return crew->start_ns;
	if (s->wanted_ns != GST_WAITS_FOR_PEER)
		return s->wanted_ns;
	/* Blocked in a read: it wants to run only if the byte has been sent. */
	return peer->nr_sent > s->nr_received ? peer->sent_ns : crew->end_ns;
}

static void fill_result(const struct gst_crew *crew, size_t i, struct scn_worker_result *ret)
{
	const struct gst_worker *w = &crew->workers[i];
	const struct gst_slot *s = &crew->stage->slots[i];
	uint64_t wanted = wanted_at_end(crew, i);

	*ret = (struct scn_worker_result){
		.cgroup = w->cgroup,
		.pid = (uint32_t)w->pid,
		.iterations = s->iterations,
		.wall_ns = s->last_ns > crew->start_ns ? s->last_ns - crew->start_ns : 0,
		.cpu_ns = w->cpu_ns,
		.run_delay_ns = w->run_delay_ns,
		.max_gap_ns = s->max_gap_ns,
		.max_gap_cpu = s->max_gap_cpu,
		.migrations = s->migrations,
		.wake_p50_ns = gst_wake_percentile(s, 50),
		.wake_p99_ns = gst_wake_percentile(s, 99),
		.nr_wakes = s->nr_wakes,
	};
	_Static_assert(sizeof(ret->cpus_seen.bits) == sizeof(s->cpus_seen), "same set");
	memcpy(ret->cpus_seen.bits, s->cpus_seen, sizeof(s->cpus_seen));
	/* One that is starved to the end never comes round to note it. */
	if (crew->end_ns > wanted && crew->end_ns - wanted > ret->max_gap_ns) {
		ret->max_gap_ns = crew->end_ns - wanted;
		ret->max_gap_cpu = s->cpu == GST_NO_CPU ? 0 : s->cpu;
	}
}

int gst_crew_results(const struct gst_crew *crew, struct scn_result *res, struct kt_err *e)
{
	res->workers = calloc(crew->nr ? crew->nr : 1, sizeof(*res->workers));
	if (!res->workers)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate results of %zu workers", crew->nr);
	for (size_t i = 0; i < crew->nr; i++)
		fill_result(crew, i, &res->workers[i]);
	res->nr_workers = crew->nr;
	return 0;
}
