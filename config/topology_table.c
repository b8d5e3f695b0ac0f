/* SPDX-License-Identifier: GPL-2.0-only */
/* 'topology' of a test: a name, or a table that says each node. */
#include "config/internal.h"

#include <string.h>

void cfg_apply_nodes(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
		     void *obj)
{
	struct cfg_topology_build *b = obj;

	(void)k; /* one field */
	if (!cfg_is_type(l, v, CFG_ARRAY, "an array of tables, one a node"))
		return;
	b->nodes = v;
	if (v->nr > KT_TOPO_NODES_MAX) {
		cfg_bad(l, v, "%zu nodes, at most %d", v->nr, KT_TOPO_NODES_MAX);
		return;
	}
	for (size_t i = 0; i < v->nr; i++)
		cfg_apply_table(l, CFG_T_NODE, &v->child[i], &b->t.node[i]);
}

static void distance_row(struct cfg_loader *l, const struct cfg_node *row, size_t nr, uint8_t *ret)
{
	if (!cfg_is_type(l, row, CFG_ARRAY, "an array of integers"))
		return;
	if (row->nr != nr) {
		cfg_bad(l, row, "%zu distances in a row, not %zu as there are rows", row->nr, nr);
		return;
	}
	for (size_t i = 0; i < nr; i++) {
		const struct cfg_node *d = &row->child[i];

		if (!cfg_is_type(l, d, CFG_INT, "an integer"))
			continue;
		if (d->integer < KT_DISTANCE_LOCAL || d->integer > 254)
			cfg_bad(l, d, "a distance of %lld, allowed are %d to 254",
				(long long)d->integer, KT_DISTANCE_LOCAL);
		else
			ret[i] = (uint8_t)d->integer;
	}
}

void cfg_apply_distances(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			 void *obj)
{
	struct cfg_topology_build *b = obj;

	(void)k; /* one field */
	if (!cfg_is_type(l, v, CFG_ARRAY, "an array of rows of integers"))
		return;
	b->distances = v;
	if (v->nr > KT_TOPO_NODES_MAX) {
		cfg_bad(l, v, "%zu rows, at most %d", v->nr, KT_TOPO_NODES_MAX);
		return;
	}
	for (size_t i = 0; i < v->nr; i++)
		distance_row(l, &v->child[i], v->nr, b->t.distance[i]);
	b->t.has_distance = true;
}

/* numa and llcs follow from the nodes; when given as well they must agree. */
static void totals_from_nodes(struct cfg_loader *l, struct cfg_topology_build *b)
{
	uint32_t llcs = 0;

	for (size_t i = 0; i < b->nodes->nr; i++)
		llcs += b->t.node[i].llcs;
	if (b->numa && b->t.nr_nodes != b->nodes->nr)
		cfg_bad(l, b->numa, "'numa' is %u, but 'nodes' lists %zu", b->t.nr_nodes,
			b->nodes->nr);
	if (b->llcs && b->t.nr_llcs != llcs)
		cfg_bad(l, b->llcs, "'llcs' is %u, but 'nodes' have %u", b->t.nr_llcs, llcs);
	b->t.nr_nodes = (uint32_t)b->nodes->nr;
	b->t.nr_llcs = llcs;
}

static void nodes_from_totals(struct cfg_loader *l, const struct cfg_node *v,
			      struct cfg_topology_build *b)
{
	if (!b->t.nr_nodes || b->t.nr_nodes > KT_TOPO_NODES_MAX)
		return; /* cfg_topology_check says so */
	if (b->t.nr_llcs % b->t.nr_nodes) {
		cfg_bad(l, b->llcs ? b->llcs : v, "llcs (%u) is not a multiple of nodes (%u)",
			b->t.nr_llcs, b->t.nr_nodes);
		return;
	}
	for (unsigned i = 0; i < b->t.nr_nodes; i++)
		b->t.node[i].llcs = b->t.nr_llcs / b->t.nr_nodes;
}

static void topology_table(struct cfg_loader *l, const struct cfg_node *v, struct kt_topology *ret)
{
	struct cfg_topology_build b = { .numa = cfg_get(v, "numa"), .llcs = cfg_get(v, "llcs") };
	size_t before = l->diag.nr + l->diag.nr_more;
	struct kt_err e = { 0 };
	char text[KT_ERR_TEXT_BYTES];

	cfg_apply_fallbacks(l, CFG_T_TOPOLOGY, &b);
	cfg_apply_table(l, CFG_T_TOPOLOGY, v, &b);
	if (b.nodes && b.nodes->nr <= KT_TOPO_NODES_MAX)
		totals_from_nodes(l, &b);
	else if (!b.nodes)
		nodes_from_totals(l, v, &b);
	if (b.distances && b.distances->nr != b.t.nr_nodes)
		cfg_bad(l, b.distances, "%zu rows of distances for %u nodes", b.distances->nr,
			b.t.nr_nodes);
	/* What is already known to be wrong is not said twice. */
	if (l->diag.nr + l->diag.nr_more != before)
		return;
	if (cfg_topology_check(&b.t, &e) < 0)
		cfg_bad(l, v, "%s", kt_err_text(&e, text, sizeof(text)));
	else
		*ret = b.t;
}

void cfg_apply_topology(struct cfg_loader *l, const struct cfg_key *k, const struct cfg_node *v,
			void *obj)
{
	struct cfg_test_build *b = obj;
	struct kt_err e = { 0 };
	char text[KT_ERR_TEXT_BYTES];

	(void)k; /* one field */
	b->topology = v;
	if (v->type == CFG_TABLE)
		topology_table(l, v, &b->t.topology);
	else if (!cfg_is_type(l, v, CFG_STRING,
			      "a topology such as \"1n2l4c1t\", a preset's name, or a table"))
		return;
	else if (cfg_topology_parse(v->string, &b->t.topology, &e) < 0)
		cfg_bad(l, v, "%s", kt_err_text(&e, text, sizeof(text)));
}
