/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * GNU make's jobserver, run by us: a pipe that holds a byte for each job that may run. Several builds of this process
 * share one, so that they keep the CPUs busy together and not each for itself.
 *
 * A make runs its first job without asking; we take that token for it. Who is killed takes tokens along, so the pipe is
 * filled anew when nobody builds.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "kernel-cache/build/internal.h"

enum { JOBS_MAX = 1024, SMALL_BYTES = 512, CGROUP_DEPTH_MAX = 64 };
static const char token = '+';

static struct {
	pthread_mutex_t mutex;
	int fds[2];
	unsigned total;
	unsigned builds;
} server = { .mutex = PTHREAD_MUTEX_INITIALIZER, .fds = { -1, -1 } };

unsigned kc_jobs_of_cpu_max(const char *cpu_max, unsigned cpus)
{
	char quota_text[32] = "";
	uint64_t quota, period;
	size_t n = strcspn(cpu_max, " ");
	uint64_t whole;

	(void)kt_snprintf(quota_text, sizeof(quota_text), "%.*s", (int)n, cpu_max);
	if (!cpu_max[n] || kt_parse_u64(quota_text, &quota) < 0 ||
	    kt_parse_u64(cpu_max + n + 1, &period) < 0 || !quota || !period)
		return cpus;
	whole = (quota - 1) / period + 1;
	return whole < cpus ? (unsigned)whole : cpus;
}

/* The limits of our cgroup and of those above it. */
static unsigned limit_by_cgroups(unsigned cpus)
{
	char text[SMALL_BYTES], *path, *slash;
	unsigned depth = 0;

	if (kt_file_read_small("/proc/self/cgroup", text, sizeof(text)) < 0)
		return cpus;
	path = strstr(text, "0::/");
	if (!path)
		return cpus;
	path += strlen("0::");
	path[strcspn(path, "\n")] = '\0';
	do {
		kt_auto(mem) char *file = kt_fmt("/sys/fs/cgroup%s/cpu.max", path);
		char limit[64];

		if (file && kt_file_read_small(file, limit, sizeof(limit)) > 0)
			cpus = kc_jobs_of_cpu_max(limit, cpus);
		slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
	} while (slash && ++depth < CGROUP_DEPTH_MAX);
	return cpus;
}

unsigned kc_jobs_default(void)
{
	cpu_set_t *set = CPU_ALLOC(KT_CPUS_MAX);
	int cpus = 0;

	if (set && sched_getaffinity(0, CPU_ALLOC_SIZE(KT_CPUS_MAX), set) == 0)
		cpus = CPU_COUNT_S(CPU_ALLOC_SIZE(KT_CPUS_MAX), set);
	CPU_FREE(set);
	return limit_by_cgroups(cpus > 0 ? (unsigned)cpus : 1);
}

static int fill(unsigned jobs, struct kt_err *e)
{
	char tokens[JOBS_MAX];

	kt_cleanup_fd(&server.fds[0]);
	kt_cleanup_fd(&server.fds[1]);
	server.fds[0] = server.fds[1] = -1;
	memset(tokens, token, sizeof(tokens));
	if (pipe2(server.fds, O_CLOEXEC) < 0)
		return kt_fail(e, KT_E_HOST, errno, "make a pipe for %u jobs", jobs);
	if (fcntl(server.fds[0], F_SETFL, O_NONBLOCK) < 0 ||
	    write(server.fds[1], tokens, jobs) != (ssize_t)jobs)
		return kt_fail(e, KT_E_HOST, errno, "make a pipe for %u jobs", jobs);
	server.total = jobs;
	return 0;
}

static int join(unsigned jobs, struct kc_jobs *ret, struct kt_err *e)
{
	int r = 0;

	pthread_mutex_lock(&server.mutex);
	if (!server.builds)
		r = fill(jobs, e);
	if (r == 0) {
		server.builds++;
		*ret = (struct kc_jobs){ .read_fd = server.fds[0],
					 .write_fd = server.fds[1],
					 .total = server.total };
	}
	pthread_mutex_unlock(&server.mutex);
	return r;
}

static void leave(void)
{
	pthread_mutex_lock(&server.mutex);
	server.builds--;
	pthread_mutex_unlock(&server.mutex);
}

int kc_jobs_begin(unsigned jobs, struct kc_jobs *ret, struct kt_err *e)
{
	struct kc_jobs j = { .read_fd = -1, .write_fd = -1 };
	ssize_t n;
	int r;

	if (!jobs)
		jobs = kc_jobs_default();
	r = join(jobs < JOBS_MAX ? jobs : JOBS_MAX, &j, e);
	if (r < 0)
		return r;
	do {
		struct pollfd p = { .fd = j.read_fd, .events = POLLIN };

		n = read(j.read_fd, &j.token, 1);
		if (n < 0 && errno == EAGAIN)
			(void)poll(&p, 1, -1); /* another may be quicker: then once more */
	} while (n < 0 && (errno == EAGAIN || errno == EINTR));
	if (n != 1) {
		r = kt_fail(e, KT_E_HOST, n < 0 ? errno : EPIPE, "wait for a job to be free");
		leave();
		return r;
	}
	*ret = j;
	return 0;
}

void kc_jobs_end(const struct kc_jobs *j)
{
	/* There is room: it came out of there. */
	(void)!write(j->write_fd, &j->token, 1);
	leave();
}
