/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of running make: its jobs, its words, its log. */
#ifndef KTSTR_KERNEL_CACHE_BUILD_INTERNAL_H
#define KTSTR_KERNEL_CACHE_BUILD_INTERNAL_H

#include "kernel-cache/build/build.h"

/* --- jobserver.c: GNU make's tokens, one pipe for all builds of this process --------------------------- */
struct kc_jobs {
	int read_fd, write_fd; /* borrowed */
	unsigned total; /* jobs of all builds together */
	char token; /* that of this build's first job */
};
/* How many processes at a time this process may keep busy: the CPUs it may run on, and its cgroup's cpu.max. */
unsigned kc_jobs_default(void);
/* The same from texts, for tests: cpu.max "200000 100000" or "max 100000". @cpus when it does not say. */
unsigned kc_jobs_of_cpu_max(const char *cpu_max, unsigned cpus);
/*
 * @jobs 0: kc_jobs_default(). Whoever comes while others build takes part in what is there. Waits for the token that
 * make takes for granted.
 */
int kc_jobs_begin(unsigned jobs, struct kc_jobs *ret, struct kt_err *e);
void kc_jobs_end(const struct kc_jobs *j);

/* --- make_output.c: what make says, line by line -------------------------------------------------------- */
enum { KC_OUTPUT_LINE_MAX = 2048, KC_OUTPUT_BEFORE = 4, KC_OUTPUT_ERROR_LINES = 12 };

struct kc_output {
	uint64_t objects; /* compiled or assembled */
	char line[KC_OUTPUT_LINE_MAX];
	size_t len; /* of the line so far; what does not fit is dropped */
	struct kt_strv before; /* the last lines that are not of make's progress */
	struct kt_strv error; /* the first error with what is around it */
	unsigned strength; /* of the first error; 0: none yet */
	bool following; /* lines that belong to it may still come */
	bool made_over; /* make has said that a target failed */
	bool killed; /* something was killed by SIGKILL, as the kernel does when memory is short */
	bool disk_full;
};
void kc_output_feed(struct kc_output *o, const char *data, size_t len);
/* No more: the last line may lack its end. */
void kc_output_end(struct kc_output *o);
void kc_output_done(struct kc_output *o);
/* The first error, a line each, indented; nothing when make was silent. */
void kc_output_format(const struct kc_output *o, struct kt_buf *ret);

/* Seconds left by exponential smoothing of the time each object takes; below 0: not known yet. */
struct kc_eta {
	uint64_t last_ns, last_done;
	double seconds_each; /* 0: not known yet */
};
double kc_eta_update(struct kc_eta *eta, uint64_t done, uint64_t total, uint64_t now_ns);

/* --- build_log.c: a file compressed while it is written, whole or not there ------------------------------ */
struct kc_log;
int kc_log_open(const char *path, struct kc_log **ret, struct kt_err *e);
int kc_log_write(struct kc_log *l, const void *data, size_t len, struct kt_err *e);
/* Put it in its place. */
int kc_log_commit(struct kc_log *l, struct kt_err *e);
void kc_log_free(struct kc_log *l); /* not committed: nothing is left */
KT_DEFINE_AUTO(kc_log, struct kc_log *, kc_log_free);

#endif
