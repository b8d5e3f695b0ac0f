/* SPDX-License-Identifier: GPL-2.0-only */
/* What this host has, for planning and reports; and the state of the project's repository. */
#ifndef KTSTR_DRIVER_HOST_H
#define KTSTR_DRIVER_HOST_H

#include <stdint.h>

struct drv_host {
	char release[128]; /* uname -r */
	char machine[68];
	char cpu_model[128]; /* "" unknown */
	unsigned nr_cpus; /* that we may run on */
	uint64_t memory_bytes;
	uint64_t available_bytes; /* MemAvailable now, or what the cgroup leaves if that is less */
};
void drv_host_read(struct drv_host *ret);

/**
 * The commit that is checked out where @dir is: 7 hex digits, with "-dirty" when tracked files
 * differ from it. NULL when there is no repository or no commit (the log says why when that is
 * worth a line). Caller frees.
 */
char *drv_commit_of(const char *dir);

#endif
