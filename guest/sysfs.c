/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine's shape as the kernel shows it. Few reads a CPU: emulated, each is slow. */
#include "guest/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/str.h"

#define CPU_DIR "/sys/devices/system/cpu"
#define NODE_DIR "/sys/devices/system/node"

/* A list file. @missing_ok: one that is not there is the empty set. */
static int read_list(const char *path, bool missing_ok, struct kt_cpuset *ret, struct kt_err *e)
{
	char text[4096];
	ssize_t n = kt_file_read_small(path, text, sizeof(text));
	int r;

	if (n == -ENOENT && missing_ok) {
		*ret = (struct kt_cpuset){ 0 };
		return 0;
	}
	if (n < 0)
		return kt_fail(e, KT_E_HOST, (int)-n, "read '%s'", path);
	r = kt_cpuset_parse(text, ret);
	if (r < 0)
		return kt_fail(e, KT_E_GUEST, -r, "'%s' holds \"%.64s\", which is no list", path,
			       text);
	return 0;
}

static int read_cpu(uint32_t cpu, struct scn_seen_cpu *ret, struct kt_err *e)
{
	char path[128];
	int r;

	ret->cpu = cpu;
	(void)kt_snprintf(path, sizeof(path), CPU_DIR "/cpu%u/topology/thread_siblings_list", cpu);
	r = read_list(path, false, &ret->core, e);
	if (r < 0)
		return r;
	(void)kt_snprintf(path, sizeof(path), CPU_DIR "/cpu%u/cache/index3/shared_cpu_list", cpu);
	return read_list(path, true, &ret->llc, e);
}

/* "Node 0 MemTotal:    1009868 kB" */
static int read_node_memory(uint32_t node, uint64_t *ret, struct kt_err *e)
{
	char path[64], text[4096], *at, *end;
	uint64_t kib;
	ssize_t n;

	(void)kt_snprintf(path, sizeof(path), NODE_DIR "/node%u/meminfo", node);
	n = kt_file_read_small(path, text, sizeof(text));
	if (n < 0)
		return kt_fail(e, KT_E_HOST, (int)-n, "read '%s'", path);
	at = strstr(text, "MemTotal:");
	if (!at)
		return kt_fail(e, KT_E_GUEST, EINVAL, "'%s' has no MemTotal", path);
	at += strlen("MemTotal:");
	at += strspn(at, " ");
	end = at + strspn(at, "0123456789");
	*end = '\0';
	if (kt_parse_u64(at, &kib) < 0 || kib > UINT64_MAX / 1024)
		return kt_fail(e, KT_E_GUEST, EINVAL, "'%s' has a MemTotal that is no number",
			       path);
	*ret = kib * 1024;
	return 0;
}

static int read_distances(struct scn_seen_node *node, struct kt_err *e)
{
	char path[64], text[1024], *save = NULL;
	ssize_t n;

	(void)kt_snprintf(path, sizeof(path), NODE_DIR "/node%u/distance", node->node);
	n = kt_file_read_small(path, text, sizeof(text));
	if (n < 0)
		return kt_fail(e, KT_E_HOST, (int)-n, "read '%s'", path);
	for (char *w = strtok_r(text, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
		unsigned d;

		if (node->nr_distances == KT_TOPO_NODES_MAX ||
		    kt_parse_uint(w, 0, UINT8_MAX, &d) < 0)
			return kt_fail(e, KT_E_GUEST, EINVAL, "'%s' holds \"%.64s\"", path, w);
		node->distance[node->nr_distances++] = (uint8_t)d;
	}
	return 0;
}

static int read_node(uint32_t number, struct scn_result *res, struct kt_err *e)
{
	struct scn_seen_node *node = &res->nodes[res->nr_nodes];
	char path[64];
	int r;

	node->node = number;
	(void)kt_snprintf(path, sizeof(path), NODE_DIR "/node%u/cpulist", number);
	r = read_list(path, false, &node->cpus, e);
	if (r < 0)
		return r;
	r = read_node_memory(number, &node->memory_bytes, e);
	if (r < 0)
		return r;
	r = read_distances(node, e);
	if (r < 0)
		return r;
	res->nr_nodes++;
	for (size_t i = 0; i < res->nr_cpus; i++)
		if (kt_cpuset_has(&node->cpus, res->cpus[i].cpu))
			res->cpus[i].node = number;
	return 0;
}

static int read_cpus(struct scn_result *res, struct kt_err *e)
{
	struct kt_cpuset online = { 0 };
	int r = read_list(CPU_DIR "/online", false, &online, e);

	if (r < 0)
		return r;
	res->cpus = calloc(kt_cpuset_count(&online), sizeof(*res->cpus));
	if (!res->cpus)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate CPUs");
	for (unsigned cpu = 0; cpu < KT_CPUS_MAX; cpu++) {
		if (!kt_cpuset_has(&online, cpu))
			continue;
		r = read_cpu(cpu, &res->cpus[res->nr_cpus], e);
		if (r < 0)
			return r;
		res->nr_cpus++;
	}
	return 0;
}

int gst_read_topology(struct scn_result *res, struct kt_err *e)
{
	struct kt_cpuset online = { 0 };
	unsigned nr;
	int r = read_cpus(res, e);

	if (r < 0)
		return r;
	/* A kernel without CONFIG_NUMA has no such file: no nodes. */
	r = read_list(NODE_DIR "/online", true, &online, e);
	if (r < 0)
		return r;
	nr = kt_cpuset_count(&online);
	if (nr == 0)
		return 0;
	res->nodes = calloc(nr, sizeof(*res->nodes));
	if (!res->nodes)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate nodes");
	for (unsigned node = 0; node < KT_CPUS_MAX; node++) {
		if (!kt_cpuset_has(&online, node))
			continue;
		r = read_node(node, res, e);
		if (r < 0)
			return r;
	}
	return 0;
}
