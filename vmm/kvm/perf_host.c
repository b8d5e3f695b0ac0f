/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's CPUs as performance mode sees them: who shares a last-level cache, a core, a node. From sysfs:
 * Documentation/ABI/testing/sysfs-devices-system-cpu, Documentation/ABI/stable/sysfs-devices-node.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "vmm/kvm/internal.h"

enum { CACHE_INDEXES_MAX = 16, HOST_NODES_MAX = 1024 };

static bool __attribute__((format(printf, 3, 4)))
read_text(char *buf, size_t size, const char *fmt, ...)
{
	char path[512];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return len > 0 && (size_t)len < sizeof(path) && kt_file_read_small(path, buf, size) > 0;
}

/* Lowest member; KT_CPUS_MAX: none. */
static unsigned lowest(const struct kt_cpuset *s)
{
	unsigned cpu = 0;

	while (cpu < KT_CPUS_MAX && !kt_cpuset_has(s, cpu))
		cpu++;
	return cpu;
}

/* The CPUs that share @cpu's cache of the highest level; only @cpu when the host does not say. */
static unsigned find_llc(const char *sys, unsigned cpu, bool *ret_known)
{
	char dir[512], text[4096];
	unsigned best = 0, level, llc = 0;
	struct kt_cpuset shared;

	for (unsigned i = 0; i < CACHE_INDEXES_MAX; i++) {
		if (kt_snprintf(dir, sizeof(dir), "%s/devices/system/cpu/cpu%u/cache/index%u", sys,
				cpu, i) < 0 ||
		    !read_text(text, sizeof(text), "%s/level", dir) ||
		    kt_parse_uint(text, 1, 16, &level) < 0 || level <= best ||
		    !read_text(text, sizeof(text), "%s/shared_cpu_list", dir) ||
		    kt_cpuset_parse(text, &shared) < 0 || !kt_cpuset_has(&shared, cpu))
			continue;
		best = level;
		llc = lowest(&shared);
	}
	*ret_known = best > 0;
	return llc;
}

static unsigned find_core(const char *sys, unsigned cpu, unsigned *ret_sibling)
{
	char text[4096];
	struct kt_cpuset core;

	*ret_sibling = 0;
	if (!read_text(text, sizeof(text),
		       "%s/devices/system/cpu/cpu%u/topology/thread_siblings_list", sys, cpu) ||
	    kt_cpuset_parse(text, &core) < 0 || !kt_cpuset_has(&core, cpu))
		return cpu;
	for (unsigned other = 0; other < cpu; other++)
		*ret_sibling += kt_cpuset_has(&core, other);
	return lowest(&core);
}

static void read_nodes(const char *sys, struct kvm_host *h)
{
	struct kt_cpuset nodes, cpus;
	char text[4096];

	if (!read_text(text, sizeof(text), "%s/devices/system/node/online", sys) ||
	    kt_cpuset_parse(text, &nodes) < 0)
		return;
	for (unsigned n = 0; n < HOST_NODES_MAX; n++) {
		if (!kt_cpuset_has(&nodes, n) ||
		    !read_text(text, sizeof(text), "%s/devices/system/node/node%u/cpulist", sys,
			       n) ||
		    kt_cpuset_parse(text, &cpus) < 0)
			continue;
		for (unsigned i = 0; i < h->nr_cpus; i++) {
			if (kt_cpuset_has(&cpus, h->cpu[i].cpu))
				h->cpu[i].node = (uint16_t)n;
		}
	}
}

static int compare(unsigned a, unsigned b)
{
	return a < b ? -1 : a > b;
}

/* A core's CPUs side by side: the guest's cores have two threads as well. */
static int by_core(const void *pa, const void *pb)
{
	const struct kvm_host_cpu *a = pa, *b = pb;
	int r = compare(a->llc, b->llc);

	if (r == 0)
		r = compare(a->core, b->core);
	return r ? r : compare(a->cpu, b->cpu);
}

/* First one CPU of each core, then the second ones: the guest believes that its CPUs share no core. */
static int by_sibling(const void *pa, const void *pb)
{
	const struct kvm_host_cpu *a = pa, *b = pb;
	int r = compare(a->llc, b->llc);

	if (r == 0)
		r = compare(a->sibling, b->sibling);
	return r ? r : compare(a->cpu, b->cpu);
}

void kvm_host_read(const char *sys, const struct kt_cpuset *allowed, unsigned threads,
		   struct kvm_host *ret)
{
	bool known = true;

	*ret = (struct kvm_host){ 0 };
	for (unsigned cpu = 0; cpu < KT_CPUS_MAX; cpu++) {
		struct kvm_host_cpu *c = &ret->cpu[ret->nr_cpus];
		unsigned sibling;

		if (!kt_cpuset_has(allowed, cpu))
			continue;
		c->cpu = (uint16_t)cpu;
		c->core = (uint16_t)find_core(sys, cpu, &sibling);
		c->sibling = (uint16_t)sibling;
		if (known)
			c->llc = (uint16_t)find_llc(sys, cpu, &known);
		ret->nr_cpus++;
	}
	for (unsigned i = 0; i < ret->nr_cpus && !known; i++)
		ret->cpu[i].llc = 0;
	read_nodes(sys, ret);
	qsort(ret->cpu, ret->nr_cpus, sizeof(ret->cpu[0]), threads > 1 ? by_core : by_sibling);
}
