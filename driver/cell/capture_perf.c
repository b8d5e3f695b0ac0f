/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host's processor counted while each vCPU was in the guest: one set of counters a vCPU thread, running from the
 * start of the machine. Many hosts have none to give (virtual machines without a PMU, perf_event_paranoid); then there
 * are none in a capture.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "driver/cell/coordinator.h"

enum { CYCLES, INSTRUCTIONS, CACHE_MISSES, BRANCH_MISSES, NR_EVENTS };
enum { SPARE_FDS = 128 };
struct cell_perf {
	unsigned nr;
	struct {
		int fd[NR_EVENTS]; /* -1: none of this vCPU */
	} vcpu[];
};

static int open_event(pid_t tid, unsigned which)
{
	static const uint64_t events[NR_EVENTS] = {
		[CYCLES] = PERF_COUNT_HW_CPU_CYCLES,
		[INSTRUCTIONS] = PERF_COUNT_HW_INSTRUCTIONS,
		[CACHE_MISSES] = PERF_COUNT_HW_CACHE_MISSES,
		[BRANCH_MISSES] = PERF_COUNT_HW_BRANCH_MISSES,
	};
	struct perf_event_attr a = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(a),
		.config = events[which],
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
		.exclude_host = 1,
	};
	kt_auto(fd) int fd =
		(int)syscall(SYS_perf_event_open, &a, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	struct rlimit l;

	if (fd < 0)
		return -errno;
	/* Four a vCPU are many: they must not take the descriptors that files are written by. */
	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && (rlim_t)fd + SPARE_FDS > l.rlim_cur)
		return -EMFILE;
	return kt_take_fd(fd);
}

static void close_vcpu(struct cell_perf *p, unsigned i)
{
	for (unsigned n = 0; n < NR_EVENTS; n++) {
		kt_cleanup_fd(&p->vcpu[i].fd[n]);
		p->vcpu[i].fd[n] = -1;
	}
}

/* All of its events, or none. */
static int open_vcpu(struct cell_perf *p, unsigned i, pid_t tid)
{
	for (unsigned n = 0; n < NR_EVENTS; n++)
		p->vcpu[i].fd[n] = -1;
	for (unsigned n = 0; n < NR_EVENTS; n++) {
		int fd = tid > 0 ? open_event(tid, n) : -ESRCH;

		if (fd < 0) {
			close_vcpu(p, i);
			return fd;
		}
		p->vcpu[i].fd[n] = fd;
	}
	return 0;
}

struct cell_perf *cell_perf_open(const struct vm *vm, unsigned nr)
{
	struct cell_perf *p = calloc(1, sizeof(*p) + nr * sizeof(p->vcpu[0]));
	unsigned nr_open = 0;
	int r = 0;

	if (!p)
		return NULL;
	p->nr = nr;
	for (unsigned i = 0; i < nr; i++) {
		r = open_vcpu(p, i, vm_vcpu_thread(vm, i));
		nr_open += r == 0;
	}
	if (nr_open)
		return p;
	kt_log(KT_AREA_DRIVER, KT_DEBUG, "no counters of the host's processor for vCPUs: %s",
	       strerrordesc_np(-r));
	free(p);
	return NULL;
}

void cell_perf_free(struct cell_perf *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->nr; i++)
		close_vcpu(p, i);
	free(p);
}

/* As read_format asks for (include/uapi/linux/perf_event.h). */
struct reading {
	uint64_t value, enabled_ns, running_ns;
};

void cell_perf_read(const struct cell_perf *p, struct cap_perf *ret)
{
	for (unsigned i = 0; i < p->nr; i++) {
		struct reading r[NR_EVENTS] = { 0 };
		bool valid = true;

		for (unsigned n = 0; n < NR_EVENTS && valid; n++)
			valid = p->vcpu[i].fd[n] >= 0 &&
				read(p->vcpu[i].fd[n], &r[n], sizeof(r[n])) ==
					(ssize_t)sizeof(r[n]);
		ret[i] = (struct cap_perf){
			.valid = valid,
			.cycles = r[CYCLES].value,
			.instructions = r[INSTRUCTIONS].value,
			.cache_misses = r[CACHE_MISSES].value,
			.branch_misses = r[BRANCH_MISSES].value,
			.time_enabled_ns = r[CYCLES].enabled_ns,
			.time_running_ns = r[CYCLES].running_ns,
		};
	}
}
