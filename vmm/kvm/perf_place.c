/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which vCPU runs on which CPU of the host: a guest LLC on one LLC of the host where it fits, as many of the host's as
 * there are, and the LLCs of a guest node on one node of the host.
 */
#include <assert.h>

#include "vmm/kvm/internal.h"

/* The host's LLCs are runs of CPUs in kvm_host.cpu. */
struct run {
	unsigned first, nr, nr_free;
	unsigned guests; /* guest LLCs on it */
};

struct placing {
	struct kvm_host *h;
	const struct kt_topology *t;
	struct kvm_placement *p;
	unsigned nr_runs;
	struct run run[KT_CPUS_MAX];
};

static void find_runs(struct placing *g)
{
	for (unsigned i = 0; i < g->h->nr_cpus; i++) {
		if (i == 0 || g->h->cpu[i].llc != g->h->cpu[i - 1].llc)
			g->run[g->nr_runs++] = (struct run){ .first = i };
		g->run[g->nr_runs - 1].nr++;
		g->run[g->nr_runs - 1].nr_free++;
	}
}

static unsigned node_of(const struct placing *g, const struct run *r)
{
	return g->h->cpu[r->first].node;
}

/* Guest nodes that are on the host's @node by now. */
static unsigned guest_nodes_on(const struct placing *g, unsigned node)
{
	unsigned nr = 0;

	for (unsigned n = 0; n < g->t->nr_nodes; n++)
		nr += g->p->host_node[n] == node;
	return nr;
}

/* Whether @a is a better place than @b for an LLC of guest node @n. */
static bool is_better(const struct placing *g, const struct run *a, const struct run *b, unsigned n)
{
	unsigned wanted = g->p->host_node[n];
	unsigned on_a = guest_nodes_on(g, node_of(g, a)), on_b = guest_nodes_on(g, node_of(g, b));

	if (wanted != KVM_NO_NODE && (node_of(g, a) == wanted) != (node_of(g, b) == wanted))
		return node_of(g, a) == wanted;
	if (wanted == KVM_NO_NODE && on_a != on_b)
		return on_a < on_b;
	if (a->guests != b->guests)
		return a->guests < b->guests;
	return a->nr_free > b->nr_free;
}

/* The best place with @need free CPUs; NULL: there is none. */
static struct run *find_place(struct placing *g, unsigned need, unsigned n)
{
	struct run *best = NULL;

	for (unsigned i = 0; i < g->nr_runs; i++) {
		struct run *r = &g->run[i];

		if (r->nr_free >= need && (!best || is_better(g, r, best, n)))
			best = r;
	}
	return best;
}

static void take(struct placing *g, struct run *r, unsigned vcpu)
{
	for (unsigned i = r->first; i < r->first + r->nr; i++) {
		if (g->h->cpu[i].taken)
			continue;
		g->h->cpu[i].taken = true;
		r->nr_free--;
		g->p->host_cpu[vcpu] = g->h->cpu[i].cpu;
		return;
	}
}

static void place_llc(struct placing *g, unsigned llc)
{
	unsigned per_llc = g->t->cores * g->t->threads;
	unsigned n = kt_topo_node_of_llc(g->t, llc);
	struct run *r = find_place(g, per_llc, n);

	g->p->llcs_split += !r;
	for (unsigned i = 0; i < per_llc; i++) {
		if (i == 0 && r) {
			r->guests++;
		} else if (!r || !r->nr_free) {
			r = find_place(g, 1, n);
			assert(r); /* there are as many CPUs as vCPUs, or more */
			r->guests++;
		}
		if (g->p->host_node[n] == KVM_NO_NODE)
			g->p->host_node[n] = (uint16_t)node_of(g, r);
		take(g, r, llc * per_llc + i);
	}
}

static void count_nodes(const struct kvm_host *h, struct kvm_placement *p)
{
	struct kt_cpuset nodes = { 0 };

	for (unsigned i = 0; i < h->nr_cpus; i++)
		kt_cpuset_add(&nodes, h->cpu[i].node);
	p->nr_host_nodes = kt_cpuset_count(&nodes);
}

/* Memory without CPUs goes to a host node without vCPUs, where there is one: it is far from all in the guest, too. */
static void place_memory_nodes(const struct placing *g)
{
	for (unsigned n = 0; n < g->t->nr_nodes; n++) {
		for (unsigned i = 0; i < g->h->nr_cpus && !g->t->node[n].llcs; i++) {
			if (guest_nodes_on(g, g->h->cpu[i].node) == 0)
				g->p->host_node[n] = g->h->cpu[i].node;
		}
	}
}

static void place_own_thread(const struct kvm_host *h, unsigned nr_vcpus, struct kvm_placement *p)
{
	for (unsigned i = 0; i < h->nr_cpus; i++) {
		if (!h->cpu[i].taken)
			kt_cpuset_add(&p->own, h->cpu[i].cpu);
	}
	p->spare = nr_vcpus < h->nr_cpus;
	if (!p->spare)
		kt_cpuset_add(&p->own, p->host_cpu[nr_vcpus - 1]);
}

void kvm_place(struct kvm_host *h, const struct kt_topology *t, struct kvm_placement *ret)
{
	struct placing g = { .h = h, .t = t, .p = ret };
	unsigned nr_vcpus = kt_topo_nr_cpus(t);

	*ret = (struct kvm_placement){ .pinned = nr_vcpus <= h->nr_cpus };
	for (unsigned n = 0; n < KT_TOPO_NODES_MAX; n++)
		ret->host_node[n] = KVM_NO_NODE;
	count_nodes(h, ret);
	if (!ret->pinned)
		return;
	find_runs(&g);
	for (unsigned llc = 0; llc < t->nr_llcs; llc++)
		place_llc(&g, llc);
	place_memory_nodes(&g);
	for (unsigned i = 0; i < g.nr_runs; i++)
		ret->llcs_together += g.run[i].guests > 1 ? g.run[i].guests : 0;
	place_own_thread(h, nr_vcpus, ret);
}
