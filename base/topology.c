/* SPDX-License-Identifier: GPL-2.0-only */
/* Arithmetic on CPU shapes: which CPU is where. */
#include "base/topology.h"

unsigned kt_topo_nr_cpus(const struct kt_topology *t)
{
	return t->nr_llcs * t->cores * t->threads;
}

unsigned kt_topo_llc_of_cpu(const struct kt_topology *t, unsigned cpu)
{
	return cpu / (t->cores * t->threads);
}

unsigned kt_topo_node_of_llc(const struct kt_topology *t, unsigned llc)
{
	unsigned total = 0;

	for (unsigned n = 0; n < t->nr_nodes; n++) {
		total += t->node[n].llcs;
		if (llc < total)
			return n;
	}
	return 0;
}

unsigned kt_topo_node_of_cpu(const struct kt_topology *t, unsigned cpu)
{
	return kt_topo_node_of_llc(t, kt_topo_llc_of_cpu(t, cpu));
}

static void add_range(struct kt_cpuset *s, unsigned first, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		kt_cpuset_add(s, first + i);
}

void kt_topo_core_cpus(const struct kt_topology *t, unsigned cpu, struct kt_cpuset *ret)
{
	*ret = (struct kt_cpuset){ 0 };
	add_range(ret, cpu - cpu % t->threads, t->threads);
}

void kt_topo_llc_cpus(const struct kt_topology *t, unsigned llc, struct kt_cpuset *ret)
{
	unsigned per_llc = t->cores * t->threads;

	*ret = (struct kt_cpuset){ 0 };
	if (llc < t->nr_llcs)
		add_range(ret, llc * per_llc, per_llc);
}

void kt_topo_node_cpus(const struct kt_topology *t, unsigned node, struct kt_cpuset *ret)
{
	unsigned per_llc = t->cores * t->threads;
	unsigned first = 0;

	*ret = (struct kt_cpuset){ 0 };
	if (node >= t->nr_nodes)
		return;
	for (unsigned n = 0; n < node; n++)
		first += t->node[n].llcs;
	add_range(ret, first * per_llc, t->node[node].llcs * per_llc);
}

unsigned kt_topo_distance(const struct kt_topology *t, unsigned from, unsigned to)
{
	if (t->has_distance)
		return t->distance[from][to];
	return from == to ? KT_DISTANCE_LOCAL : KT_DISTANCE_REMOTE;
}

bool kt_topo_has_hmat(const struct kt_topology *t)
{
	for (unsigned n = 0; n < t->nr_nodes; n++) {
		const struct kt_topo_node *node = &t->node[n];

		if (node->latency_ns || node->bandwidth_mbs || node->mem_side_cache_bytes)
			return true;
	}
	return false;
}

unsigned kt_topo_initiator(const struct kt_topology *t, unsigned node)
{
	unsigned best = 0, best_distance = UINT32_MAX;

	if (t->node[node].llcs)
		return node;
	for (unsigned n = 0; n < t->nr_nodes; n++) {
		unsigned distance = kt_topo_distance(t, n, node);

		if (t->node[n].llcs && distance < best_distance) {
			best = n;
			best_distance = distance;
		}
	}
	return best;
}

void kt_topo_format(struct kt_buf *b, const struct kt_topology *t)
{
	kt_buf_addf(b, "%un%ul%uc%ut", t->nr_nodes, t->nr_llcs, t->cores, t->threads);
}
