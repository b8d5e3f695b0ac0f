/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is the machine that the guest saw the one that was asked for? The first difference is an error,
 * not a failure.
 */
#include "scenario/internal.h"

#define MIB (UINT64_C(1) << 20)

enum { MEMORY_SLACK_MIB = 64, MEMORY_SLACK_PERCENT = 10 };

static void differs(struct scn_judgement *j, const char *what, unsigned nr, const char *which,
		    const struct kt_cpuset *seen, const struct kt_cpuset *asked)
{
	kt_auto(buf) struct kt_buf s = { 0 };
	kt_auto(buf) struct kt_buf a = { 0 };

	kt_cpuset_format(&s, seen);
	kt_cpuset_format(&a, asked);
	scn_judge_add(j, SCN_ERROR, "topology", "%s %u: the guest shows %s '%s', asked was '%s'",
		      what, nr, which, kt_buf_str(&s), kt_buf_str(&a));
}

static bool cpu_ok(const struct kt_topology *t, const struct scn_seen_cpu *c,
		   struct scn_judgement *j)
{
	unsigned node = kt_topo_node_of_cpu(t, c->cpu);
	struct kt_cpuset asked;

	if (c->node != node) {
		scn_judge_add(j, SCN_ERROR, "topology",
			      "CPU %u: the guest shows node %u, asked was %u", c->cpu, c->node,
			      node);
		return false;
	}
	kt_topo_core_cpus(t, c->cpu, &asked);
	if (!kt_cpuset_equal(&c->core, &asked)) {
		differs(j, "CPU", c->cpu, "thread siblings", &c->core, &asked);
		return false;
	}
	kt_topo_llc_cpus(t, kt_topo_llc_of_cpu(t, c->cpu), &asked);
	if (!kt_cpuset_equal(&c->llc, &asked)) {
		differs(j, "CPU", c->cpu, "last-level cache CPUs", &c->llc, &asked);
		return false;
	}
	return true;
}

static bool cpus_ok(const struct kt_topology *t, const struct scn_result *r,
		    struct scn_judgement *j)
{
	unsigned nr = kt_topo_nr_cpus(t);
	struct kt_cpuset seen = { 0 };

	for (size_t i = 0; i < r->nr_cpus; i++)
		kt_cpuset_add(&seen, r->cpus[i].cpu);
	if (r->nr_cpus != nr || kt_cpuset_count(&seen) != nr) {
		scn_judge_add(j, SCN_ERROR, "topology", "the guest shows %u CPUs, asked were %u",
			      kt_cpuset_count(&seen), nr);
		return false;
	}
	for (size_t i = 0; i < r->nr_cpus; i++) {
		if (r->cpus[i].cpu >= nr) {
			scn_judge_add(j, SCN_ERROR, "topology",
				      "the guest shows CPU %u, asked were 0-%u", r->cpus[i].cpu,
				      nr - 1);
			return false;
		}
		if (!cpu_ok(t, &r->cpus[i], j))
			return false;
	}
	return true;
}

/* The kernel keeps some for itself before MemTotal is counted. */
static bool memory_near(uint64_t seen, uint64_t asked)
{
	uint64_t slack = asked / 100 * MEMORY_SLACK_PERCENT;
	uint64_t diff = seen > asked ? seen - asked : asked - seen;

	if (slack < MEMORY_SLACK_MIB * MIB)
		slack = MEMORY_SLACK_MIB * MIB;
	return diff <= slack;
}

static bool node_ok(const struct kt_topology *t, const struct scn_seen_node *n,
		    struct scn_judgement *j)
{
	uint64_t asked_memory = t->node[n->node].memory_bytes;
	struct kt_cpuset asked = { 0 };

	kt_topo_node_cpus(t, n->node, &asked);
	if (!kt_cpuset_equal(&n->cpus, &asked)) {
		differs(j, "node", n->node, "CPUs", &n->cpus, &asked);
		return false;
	}
	if (asked_memory && !memory_near(n->memory_bytes, asked_memory)) {
		scn_judge_add(j, SCN_ERROR, "topology",
			      "node %u: the guest shows %llu MiB, asked were %llu MiB", n->node,
			      (unsigned long long)(n->memory_bytes / MIB),
			      (unsigned long long)(asked_memory / MIB));
		return false;
	}
	if (n->nr_distances != t->nr_nodes) {
		scn_judge_add(j, SCN_ERROR, "topology",
			      "node %u: the guest shows %u distances, asked were %u", n->node,
			      n->nr_distances, t->nr_nodes);
		return false;
	}
	for (unsigned to = 0; to < t->nr_nodes; to++) {
		if (n->distance[to] != kt_topo_distance(t, n->node, to)) {
			scn_judge_add(
				j, SCN_ERROR, "topology",
				"node %u: the guest shows distance %u to node %u, asked was %u",
				n->node, n->distance[to], to, kt_topo_distance(t, n->node, to));
			return false;
		}
	}
	return true;
}

static bool nodes_ok(const struct kt_topology *t, const struct scn_result *r,
		     struct scn_judgement *j)
{
	struct kt_cpuset seen = { 0 };

	/* A kernel without NUMA shows no nodes at all, which is right for a machine of one. */
	if (!r->nr_nodes && t->nr_nodes == 1)
		return true;
	for (size_t i = 0; i < r->nr_nodes; i++)
		kt_cpuset_add(&seen, r->nodes[i].node);
	if (r->nr_nodes != t->nr_nodes || kt_cpuset_count(&seen) != t->nr_nodes) {
		scn_judge_add(j, SCN_ERROR, "topology", "the guest shows %zu nodes, asked were %u",
			      r->nr_nodes, t->nr_nodes);
		return false;
	}
	for (size_t i = 0; i < r->nr_nodes; i++) {
		if (r->nodes[i].node >= t->nr_nodes) {
			scn_judge_add(j, SCN_ERROR, "topology",
				      "the guest shows node %u, asked were 0-%u", r->nodes[i].node,
				      t->nr_nodes - 1);
			return false;
		}
		if (!node_ok(t, &r->nodes[i], j))
			return false;
	}
	return true;
}

void scn_check_topology(const struct kt_topology *t, const struct scn_result *r,
			struct scn_judgement *j)
{
	if (cpus_ok(t, r, j))
		(void)nodes_ok(t, r, j); /* its finding is already in @j */
}
