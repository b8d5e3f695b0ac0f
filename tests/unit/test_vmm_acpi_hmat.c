/* SPDX-License-Identifier: GPL-2.0-only */
/* HMAT: latency, bandwidth and caches of memory are told as asked, to whom asked, in units that Linux and QEMU take. */
#include "tests/unit/acpi_tables.h"

/* What HMAT says, as Linux would keep it (drivers/acpi/numa/hmat.c, 6.12); UINT64_MAX: nothing is said. */
struct hmat {
	unsigned nr_attributes, nr_latency, nr_bandwidth, nr_caches;
	uint64_t initiator[KT_TOPO_NODES_MAX];
	uint64_t latency_ps[KT_TOPO_NODES_MAX][KT_TOPO_NODES_MAX];
	uint64_t bandwidth_mbs[KT_TOPO_NODES_MAX][KT_TOPO_NODES_MAX];
	uint64_t cache_bytes[KT_TOPO_NODES_MAX];
};

static void read_locality(const uint8_t *p, uint64_t len, struct hmat *ret)
{
	uint64_t initiators = get(p + 12, 4), targets = get(p + 16, 4), unit = get(p + 24, 8);
	const uint8_t *from = p + 32, *to = from + 4 * initiators, *entry = to + 4 * targets;
	bool latency = p[9] == 0;

	assert_int_equal(p[8], 0);
	assert_true(latency || p[9] == 3);
	assert_int_equal(len, 32 + 4 * initiators + 4 * targets + 2 * initiators * targets);
	ret->nr_latency += latency;
	ret->nr_bandwidth += !latency;
	for (uint64_t i = 0; i < initiators; i++) {
		for (uint64_t j = 0; j < targets; j++, entry += 2) {
			uint64_t a = get(from + 4 * i, 4), b = get(to + 4 * j, 4);
			uint64_t v = get(entry, 2);

			assert_true(a < KT_TOPO_NODES_MAX && b < KT_TOPO_NODES_MAX);
			assert_true(v != 0xffff);
			/* else Linux would take it for nothing: hmat_normalize() */
			assert_true(v == 0 || unit <= UINT32_MAX / v);
			(latency ? ret->latency_ps : ret->bandwidth_mbs)[a][b] = v * unit;
		}
	}
}

static void read_hmat(const struct table *t, struct hmat *ret)
{
	memset(ret, 0xff, sizeof(*ret));
	ret->nr_attributes = ret->nr_latency = ret->nr_bandwidth = ret->nr_caches = 0;
	for (size_t pos = 40; pos < t->len;) {
		const uint8_t *p = t->p + pos;
		uint64_t len = get(p + 4, 4);

		assert_true(len >= 8 && len <= t->len - pos);
		if (get(p, 2) == 0) {
			assert_int_equal(len, 40);
			assert_int_equal(get(p + 8, 2), 1);
			assert_true(get(p + 16, 4) < KT_TOPO_NODES_MAX);
			ret->initiator[get(p + 16, 4)] = get(p + 12, 4);
			ret->nr_attributes++;
		} else if (get(p, 2) == 1) {
			read_locality(p, len, ret);
		} else {
			assert_int_equal(get(p, 2), 2);
			assert_int_equal(len, 32);
			assert_true(get(p + 8, 4) < KT_TOPO_NODES_MAX);
			ret->cache_bytes[get(p + 8, 4)] = get(p + 16, 8);
			/* one level, the first; direct-mapped, write-back, lines of 64 */
			assert_int_equal(get(p + 24, 4), 64 << 16 | 1 << 12 | 1 << 8 | 1 << 4 | 1);
			assert_int_equal(get(p + 30, 2), 0);
			ret->nr_caches++;
		}
		pos += len;
	}
}

static void what_is_told_of_memory_is_told_to_every_node_with_cpus(void **state)
{
	struct kt_topology t = odd_nodes();
	struct tables tables;
	struct hmat h;
	struct rig r;

	(void)state;
	t.node[0].latency_ns = 90;
	t.node[2] = (struct kt_topo_node){ .latency_ns = 300, .bandwidth_mbs = 5000 };
	t.node[3].mem_side_cache_bytes = 3 * VM_GIB;
	rig_init(&r, &t, 0);
	tables = read_tables(&r);
	read_hmat(&tables.hmat, &h);
	assert_int_equal(h.nr_attributes, 4);
	assert_int_equal(h.initiator[0], 0);
	assert_int_equal(h.initiator[1], 1);
	assert_int_equal(h.initiator[2], 1); /* the nearest that has CPUs */
	assert_int_equal(h.initiator[3], 0);
	assert_int_equal(h.nr_latency, 1);
	assert_int_equal(h.nr_bandwidth, 1);
	for (unsigned from = 0; from < 2; from++) {
		assert_int_equal(h.latency_ps[from][0], 90000);
		assert_int_equal(h.latency_ps[from][1], 0);
		assert_int_equal(h.latency_ps[from][2], 300000);
		assert_int_equal(h.latency_ps[from][3], 0);
		assert_int_equal(h.bandwidth_mbs[from][2], 5000);
	}
	for (unsigned to = 0; to < 4; to++) {
		assert_true(h.latency_ps[2][to] == UINT64_MAX);
		assert_true(h.bandwidth_mbs[3][to] == UINT64_MAX);
	}
	assert_int_equal(h.nr_caches, 1);
	assert_int_equal(h.cache_bytes[3], 3 * VM_GIB);
	rig_done(&r);
}

static void one_of_three_suffices_for_hmat_and_the_others_stay_out(void **state)
{
	static const struct kt_topo_node told[] = {
		{ .llcs = 1, .latency_ns = 1 },
		{ .llcs = 1, .bandwidth_mbs = 1 },
		{ .llcs = 1, .mem_side_cache_bytes = VM_MIB },
	};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct kt_topology t = shape("2n2l1c1t");
		struct tables tables;
		struct hmat h;
		struct rig r;

		t.node[1] = told[i];
		rig_init(&r, &t, VM_GIB);
		tables = read_tables(&r);
		read_hmat(&tables.hmat, &h);
		assert_int_equal(h.nr_attributes, 2);
		assert_int_equal(h.nr_latency, i == 0);
		assert_int_equal(h.nr_bandwidth, i == 1);
		assert_int_equal(h.nr_caches, i == 2);
		rig_done(&r);
	}
}

static void great_values_are_rounded_to_what_16_bits_of_a_unit_say(void **state)
{
	/* of node 0 and of node 1 */
	static const struct {
		enum x86_hmat_what what;
		uint32_t asked[2], told[2];
	} rows[] = {
		{ X86_HMAT_LATENCY_NS, { 65534, 7 }, { 65534, 7 } },
		{ X86_HMAT_LATENCY_NS, { 7, 65535 }, { 10, 65540 } },
		{ X86_HMAT_LATENCY_NS, { 100004, 4 }, { 100000, 10 } },
		{ X86_HMAT_LATENCY_NS, { 655344, 0 }, { 655340, 0 } },
		{ X86_HMAT_LATENCY_NS, { 655345, 349 }, { 655300, 300 } },
		{ X86_HMAT_LATENCY_NS, { 1, 1000000 }, { 100, 1000000 } },
		{ X86_HMAT_BANDWIDTH_MBS, { 65534, 7 }, { 65534, 7 } },
		{ X86_HMAT_BANDWIDTH_MBS, { 7, 65535 }, { 8, 65536 } },
		{ X86_HMAT_BANDWIDTH_MBS, { 100004, 4 }, { 100004, 4 } },
		{ X86_HMAT_BANDWIDTH_MBS, { 655344, 300 }, { 655344, 304 } },
		{ X86_HMAT_BANDWIDTH_MBS, { 0, 10000000 }, { 0, 10000128 } },
		{ X86_HMAT_BANDWIDTH_MBS, { 65, 10000000 }, { 256, 10000128 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kt_topology t = shape("2n2l1c1t");
		struct tables tables;
		struct hmat h;
		struct rig r;

		for (unsigned n = 0; n < 2; n++) {
			if (rows[i].what == X86_HMAT_LATENCY_NS)
				t.node[n].latency_ns = rows[i].asked[n];
			else
				t.node[n].bandwidth_mbs = rows[i].asked[n];
		}
		rig_init(&r, &t, VM_GIB);
		tables = read_tables(&r);
		read_hmat(&tables.hmat, &h);
		for (unsigned n = 0; n < 2; n++) {
			uint64_t told = rows[i].what == X86_HMAT_LATENCY_NS
						? h.latency_ps[1][n] / 1000
						: h.bandwidth_mbs[0][n];

			assert_int_equal(told, rows[i].told[n]);
			assert_int_equal(x86_hmat_told(&t, n, rows[i].what), rows[i].told[n]);
		}
		rig_done(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_told_of_memory_is_told_to_every_node_with_cpus),
		cmocka_unit_test(one_of_three_suffices_for_hmat_and_the_others_stay_out),
		cmocka_unit_test(great_values_are_rounded_to_what_16_bits_of_a_unit_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
