/* SPDX-License-Identifier: GPL-2.0-only */
/* The CPU and memory shape of a virtual machine, as plain data (parsing and presets: config/). */
#ifndef KTSTR_BASE_TOPOLOGY_H
#define KTSTR_BASE_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/parse.h"

enum {
	KT_TOPO_NODES_MAX = 16,
	KT_TOPO_CPUS_MAX = 252, /* the reference's limit; every preset fits */
	KT_DISTANCE_LOCAL = 10, /* ACPI SLIT: a node to itself */
	KT_DISTANCE_REMOTE = 20, /* what we tell the guest when nothing was asked */
};

/* llcs == 0 models a memory-only (CXL) node. Zero in any other field means "default". */
struct kt_topo_node {
	uint32_t llcs;
	uint64_t memory_bytes; /* 0: an even share of the VM's memory */
	uint32_t latency_ns; /* HMAT; 0: none told */
	uint32_t bandwidth_mbs; /* HMAT; 0: none told */
	uint64_t mem_side_cache_bytes; /* HMAT; 0: none */
};

/*
 * CPUs are numbered LLC by LLC in node order, within an LLC core by core, within a core thread by thread:
 * cpu = (llc * cores + core) * threads + thread. LLC l belongs to the first node whose running total of
 * llcs exceeds l.
 */
struct kt_topology {
	uint32_t nr_nodes;
	uint32_t nr_llcs; /* in the whole machine */
	uint32_t cores; /* per LLC */
	uint32_t threads; /* per core: 1 or 2 */
	struct kt_topo_node node[KT_TOPO_NODES_MAX];
	bool has_distance; /* false: KT_DISTANCE_LOCAL / KT_DISTANCE_REMOTE */
	uint8_t distance[KT_TOPO_NODES_MAX][KT_TOPO_NODES_MAX];
};

unsigned kt_topo_nr_cpus(const struct kt_topology *t);
unsigned kt_topo_llc_of_cpu(const struct kt_topology *t, unsigned cpu);
unsigned kt_topo_node_of_llc(const struct kt_topology *t, unsigned llc);
unsigned kt_topo_node_of_cpu(const struct kt_topology *t, unsigned cpu);
/* All threads of the core that @cpu is part of. */
void kt_topo_core_cpus(const struct kt_topology *t, unsigned cpu, struct kt_cpuset *ret);
void kt_topo_llc_cpus(const struct kt_topology *t, unsigned llc, struct kt_cpuset *ret);
void kt_topo_node_cpus(const struct kt_topology *t, unsigned node, struct kt_cpuset *ret);
unsigned kt_topo_distance(const struct kt_topology *t, unsigned from, unsigned to);
/* A node has something that only ACPI's HMAT tells. */
bool kt_topo_has_hmat(const struct kt_topology *t);
/* Who is said to initiate accesses to @node's memory: the nearest node with CPUs, itself when it has some. */
unsigned kt_topo_initiator(const struct kt_topology *t, unsigned node);
/* The short name "2n4l4c1t"; non-uniform nodes keep the totals ("2n3l4c1t"). */
void kt_topo_format(struct kt_buf *b, const struct kt_topology *t);

#endif
