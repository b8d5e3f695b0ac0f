/* SPDX-License-Identifier: GPL-2.0-only */
/* Topologies for the tests of machines. */
#ifndef KTSTR_TESTS_UNIT_VMM_SHAPES_H
#define KTSTR_TESTS_UNIT_VMM_SHAPES_H

#include "tests/unit/unit.h"

#include "base/topology.h"

/* The shapes of the 24 presets, and odd ones: one CPU, one core of two threads, the widest and the most packages. */
static const char *const all_shapes[] = {
	"1n1l4c1t",   "1n2l2c1t", "1n3l3c1t",   "1n5l3c1t",   "1n7l2c1t",   "1n2l2c2t",
	"1n3l2c2t",   "1n4l4c2t", "1n8l4c2t",   "1n4l16c2t",  "1n8l8c2t",   "1n15l8c2t",
	"1n14l9c2t",  "1n4l8c1t", "1n8l8c1t",   "1n4l32c1t",  "1n8l16c1t",  "1n15l16c1t",
	"1n14l18c1t", "2n4l4c1t", "2n8l8c2t",   "2n8l16c1t",  "4n8l4c1t",   "4n12l8c2t",
	"1n1l1c1t",   "1n1l1c2t", "1n1l252c1t", "1n1l126c2t", "1n252l1c1t", "1n126l1c2t",
	"1n2l65c1t",  "1n9l7c2t", "1n1l3c2t",   "1n36l7c1t",
};
enum { NR_SHAPES = sizeof(all_shapes) / sizeof(all_shapes[0]), NR_PRESETS = 24 };

/* Nodes with as many LLCs each. */
static inline struct kt_topology shape(const char *s)
{
	struct kt_topology t = { 0 };
	unsigned nodes, llcs, cores, threads;

	assert_int_equal(sscanf(s, "%un%ul%uc%ut", &nodes, &llcs, &cores, &threads), 4);
	t.nr_nodes = nodes;
	t.nr_llcs = llcs;
	t.cores = cores;
	t.threads = threads;
	for (unsigned n = 0; n < nodes; n++)
		t.node[n].llcs = llcs / nodes;
	return t;
}

#endif
