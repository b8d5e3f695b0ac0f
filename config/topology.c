/* SPDX-License-Identifier: GPL-2.0-only */
/* Topologies by name: "2n4l4c1t", presets, and the rules that every topology obeys. */
#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum { COUNT_MAX = 9999 }; /* keeps products far from overflow; the real limits come after */

/* The values are kt_fail's own, written out so that analyzers see that they are negative. */
#define BAD(e, ...) (kt_fail((e), KT_E_CONFIG, EINVAL, __VA_ARGS__), -EINVAL)
#define OUT_OF_RANGE(e, ...) (kt_fail((e), KT_E_CONFIG, ERANGE, __VA_ARGS__), -ERANGE)

/* "<number><letter>" off the front of *s. 0; -EINVAL: something else stands there; -ERANGE. */
static int take_count(const char **s, char letter, uint32_t *ret)
{
	const char *p = *s;
	uint32_t v = 0;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++) {
		v = v * 10 + (uint32_t)(*p - '0');
		if (v > COUNT_MAX)
			return -ERANGE;
	}
	if (*p != letter)
		return -EINVAL;
	*s = p + 1;
	*ret = v;
	return 0;
}

static int parse_shape(const char *s, struct kt_topology *ret)
{
	int r = take_count(&s, 'n', &ret->nr_nodes);

	if (r == 0)
		r = take_count(&s, 'l', &ret->nr_llcs);
	if (r == 0)
		r = take_count(&s, 'c', &ret->cores);
	if (r == 0)
		r = take_count(&s, 't', &ret->threads);
	if (r == 0 && *s)
		r = -EINVAL;
	return r;
}

static const char *preset_shape(const char *name)
{
	for (size_t i = 0; i < cfg_nr_presets; i++) {
		if (kt_streq(cfg_presets[i].name, name))
			return cfg_presets[i].shape;
	}
	return NULL;
}

static int unknown_name(const char *s, struct kt_err *e)
{
	const char *names[32];
	const char *near;
	size_t nr = cfg_nr_presets < 32 ? cfg_nr_presets : 32;

	for (size_t i = 0; i < nr; i++)
		names[i] = cfg_presets[i].name;
	near = kt_nearest(s, names, nr);
	if (near)
		return BAD(
			e,
			"'%s' is neither a shape such as \"1n2l4c2t\" nor a preset; did you mean '%s'?",
			s, near);
	return BAD(
		e,
		"'%s' is neither a shape such as \"1n2l4c2t\" (nodes, LLCs, cores per LLC, threads per core) "
		"nor a preset such as \"%s\"",
		s, cfg_presets[0].name);
}

static int check_counts(const struct kt_topology *t, struct kt_err *e)
{
	uint64_t cpus = (uint64_t)t->nr_llcs * t->cores * t->threads;

	if (!t->nr_nodes)
		return OUT_OF_RANGE(e, "0 nodes");
	if (t->nr_nodes > KT_TOPO_NODES_MAX)
		return OUT_OF_RANGE(e, "%u nodes, at most %d", t->nr_nodes, KT_TOPO_NODES_MAX);
	if (!t->nr_llcs)
		return OUT_OF_RANGE(e, "0 llcs");
	if (!t->cores)
		return OUT_OF_RANGE(e, "0 cores");
	if (!t->threads)
		return OUT_OF_RANGE(e, "0 threads");
	if (t->threads > 2)
		return OUT_OF_RANGE(e, "%u threads per core, at most 2", t->threads);
	/*
	 * Hand-made counts may be anything: no product of two of them may wrap before it is judged.
	 */
	if (t->nr_llcs > KT_TOPO_CPUS_MAX || t->cores > KT_TOPO_CPUS_MAX || cpus > KT_TOPO_CPUS_MAX)
		return OUT_OF_RANGE(e, "%llu CPUs, at most %d", (unsigned long long)cpus,
				    KT_TOPO_CPUS_MAX);
	return 0;
}

static int check_nodes(const struct kt_topology *t, struct kt_err *e)
{
	uint64_t llcs = 0;

	/* Linux numbers the nodes with CPUs first, whatever the firmware's tables say. */
	for (unsigned i = 0; i < t->nr_nodes; i++) {
		if (t->node[i].llcs && i && !t->node[i - 1].llcs)
			return BAD(
				e,
				"node %u has no llcs, but node %u has: put memory-only nodes last, as Linux "
				"numbers them",
				i - 1, i);
		llcs += t->node[i].llcs;
	}
	if (llcs != t->nr_llcs)
		return BAD(e, "the nodes have %llu llcs, the machine has %u",
			   (unsigned long long)llcs, t->nr_llcs);
	return 0;
}

/*
 * The table that has the cache has what it speeds up; and an emulator that makes the table does not take one without the
 * other.
 */
static int check_side_caches(const struct kt_topology *t, struct kt_err *e)
{
	for (unsigned i = 0; i < t->nr_nodes; i++) {
		const struct kt_topo_node *n = &t->node[i];

		if (n->mem_side_cache_bytes && (!n->latency_ns || !n->bandwidth_mbs))
			return BAD(
				e,
				"node %u has a mem-side-cache, but no %s: give the latency-ns and the "
				"bandwidth-mbs of the memory behind it",
				i, n->latency_ns ? "bandwidth-mbs" : "latency-ns");
	}
	return 0;
}

static int check_distances(const struct kt_topology *t, struct kt_err *e)
{
	for (unsigned a = 0; t->has_distance && a < t->nr_nodes; a++) {
		for (unsigned b = 0; b < t->nr_nodes; b++) {
			unsigned d = t->distance[a][b];

			if (a == b && d != KT_DISTANCE_LOCAL)
				return BAD(e, "the distance of node %u to itself is %u, not %d", a,
					   d, KT_DISTANCE_LOCAL);
			if (a != b && d <= KT_DISTANCE_LOCAL)
				return BAD(
					e,
					"the distance from node %u to node %u is %u, not above %d",
					a, b, d, KT_DISTANCE_LOCAL);
			if (d != t->distance[b][a])
				return BAD(
					e,
					"the distance from node %u to node %u is %u, but back it is %u",
					a, b, d, t->distance[b][a]);
		}
	}
	return 0;
}

int cfg_topology_check(const struct kt_topology *t, struct kt_err *e)
{
	int r = check_counts(t, e);

	if (r == 0)
		r = check_nodes(t, e);
	if (r == 0)
		r = check_side_caches(t, e);
	if (r == 0)
		r = check_distances(t, e);
	return r;
}

int cfg_topology_parse(const char *s, struct kt_topology *ret, struct kt_err *e)
{
	struct kt_topology t = { 0 };
	const char *shape = preset_shape(s);
	int r = parse_shape(shape ? shape : s, &t);

	if (r == -ERANGE)
		return OUT_OF_RANGE(e, "topology '%s': a count above %d", s, COUNT_MAX);
	if (r < 0)
		return unknown_name(s, e);
	r = check_counts(&t, e);
	if (r == 0 && t.nr_llcs % t.nr_nodes)
		r = BAD(e, "llcs (%u) is not a multiple of nodes (%u)", t.nr_llcs, t.nr_nodes);
	if (r < 0)
		return kt_context(e, r, "topology '%s'", s);
	for (unsigned i = 0; i < t.nr_nodes; i++)
		t.node[i].llcs = t.nr_llcs / t.nr_nodes;
	*ret = t;
	return 0;
}
