/* SPDX-License-Identifier: GPL-2.0-only */
/* The ACPI tables of every preset, of odd nodes and of the widest machine: each says what was asked, and nothing else. */
#include "tests/unit/acpi_tables.h"

#include <errno.h>

/* A generic address: a byte at an I/O port. */
static void check_port(const uint8_t *p, unsigned port)
{
	static const uint8_t byte_at_port[4] = { 1, 8, 0, 1 };

	assert_memory_equal(p, byte_at_port, 4);
	assert_int_equal(get(p + 4, 8), port);
}

static void check_fadt(const struct table *f)
{
	uint64_t flags = get(f->p + 112, 4);

	assert_int_equal(f->p[131], 5);
	assert_true(flags & 1 << 20); /* hardware-reduced */
	assert_true(flags & 1 << 10); /* has a reset register */
	assert_int_equal(get(f->p + 109, 2), 1 << 2 | 1 << 5); /* no VGA, no CMOS clock, no 8042 */
	check_port(f->p + 116, X86_RESET_PORT);
	assert_int_equal(f->p[128], X86_RESET_VALUE);
	check_port(f->p + 244, X86_SLEEP_CONTROL_PORT);
	check_port(f->p + 256, X86_SLEEP_STATUS_PORT);
	/* No register of the old kind: PM1a_EVT_BLK to GPE1_BLK, and their 64-bit fellows. */
	for (unsigned i = 46; i < 109; i++)
		assert_int_equal(f->p[i], 0);
	for (unsigned i = 148; i < 244; i++)
		assert_int_equal(f->p[i], 0);
}

/* The next structure of one byte of type and one of length, or NULL. */
static const uint8_t *next_entry(const struct table *t, size_t *pos)
{
	const uint8_t *p = t->p + *pos;

	if (*pos == t->len)
		return NULL;
	assert_true(t->len - *pos >= 2);
	assert_true(p[1] >= 2 && p[1] <= t->len - *pos);
	*pos += p[1];
	return p;
}

/* Thread, core and package in whole bits, counted here by division. */
static uint32_t expected_apic_id(const struct kt_topology *t, unsigned cpu)
{
	unsigned core_room = 1, thread_room = t->threads; /* 1 or 2 */

	while (core_room < t->cores)
		core_room *= 2;
	return (cpu / (t->cores * t->threads) * core_room + cpu / t->threads % t->cores) *
		       thread_room +
	       cpu % t->threads;
}

static void check_madt(const struct kt_topology *t, const struct table *m)
{
	size_t pos = 44;
	unsigned cpu = 0, ioapics = 0, nmis = 0, x2apic_nmis = 0, wide = 0;

	assert_int_equal(get(m->p + 36, 4), 0xfee00000);
	assert_int_equal(get(m->p + 40, 4), 0);
	for (const uint8_t *p; (p = next_entry(m, &pos));) {
		switch (p[0]) {
		case 0:
			assert_int_equal(p[1], 8);
			assert_int_equal(p[2], cpu);
			assert_int_equal(p[3], expected_apic_id(t, cpu++));
			assert_true(p[3] != 255);
			assert_int_equal(get(p + 4, 4), 1);
			break;
		case 9:
			assert_int_equal(p[1], 16);
			assert_int_equal(get(p + 12, 4), cpu);
			assert_int_equal(get(p + 4, 4), expected_apic_id(t, cpu++));
			assert_true(get(p + 4, 4) >= 255);
			assert_int_equal(get(p + 8, 4), 1);
			wide++;
			break;
		case 1:
			assert_int_equal(p[1], 12);
			assert_int_equal(get(p + 4, 4), 0xfec00000);
			assert_int_equal(get(p + 8, 4), 0);
			ioapics++;
			break;
		case 4:
			assert_int_equal(p[1], 6);
			assert_int_equal(p[2], 255);
			assert_int_equal(p[5], 1);
			nmis++;
			break;
		case 10:
			assert_int_equal(p[1], 12);
			assert_int_equal(get(p + 4, 4), UINT32_MAX);
			assert_int_equal(p[8], 1);
			x2apic_nmis++;
			break;
		default:
			fail_msg("MADT: structure of type %u", p[0]);
		}
	}
	assert_int_equal(cpu, kt_topo_nr_cpus(t));
	assert_int_equal(ioapics, 1);
	assert_int_equal(nmis, 1);
	assert_int_equal(x2apic_nmis, wide != 0);
	assert_int_equal(wide != 0, expected_apic_id(t, cpu - 1) > 254);
}

static void check_srat_memory(const struct rig *r, const uint8_t *p, uint64_t *end,
			      uint64_t bytes[KT_TOPO_NODES_MAX])
{
	uint64_t node = get(p + 2, 4), from = get(p + 8, 8), len = get(p + 16, 8);

	assert_int_equal(p[1], 40);
	assert_int_equal(get(p + 28, 4), 1); /* enabled; neither hot-pluggable nor persistent */
	assert_true(node < r->t.nr_nodes);
	assert_true(from >= *end && len > 0);
	assert_true(from + len <= 0xa0000 || from >= VM_MIB);
	assert_true(from + len <= X86_MMIO_GAP_START || from >= VM_HIGH_RAM_GPA);
	*end = from + len;
	bytes[node] += len;
}

static void check_srat(const struct rig *r, const struct table *s)
{
	uint64_t bytes[KT_TOPO_NODES_MAX] = { 0 }, end = 0, hole = VM_MIB - 0xa0000;
	unsigned cpu = 0;
	size_t pos = 48;

	assert_int_equal(get(s->p + 36, 4), 1);
	for (const uint8_t *p; (p = next_entry(s, &pos));) {
		if (p[0] == 0) {
			assert_int_equal(p[1], 16);
			assert_int_equal(p[2] | get(p + 9, 3) << 8,
					 kt_topo_node_of_cpu(&r->t, cpu));
			assert_int_equal(p[3], expected_apic_id(&r->t, cpu++));
			assert_int_equal(get(p + 4, 4), 1);
		} else if (p[0] == 2) {
			assert_int_equal(p[1], 24);
			assert_int_equal(get(p + 4, 4), kt_topo_node_of_cpu(&r->t, cpu));
			assert_int_equal(get(p + 8, 4), expected_apic_id(&r->t, cpu++));
			assert_true(get(p + 8, 4) >= 255);
			assert_int_equal(get(p + 12, 4), 1);
		} else {
			assert_int_equal(p[0], 1);
			check_srat_memory(r, p, &end, bytes);
		}
	}
	assert_int_equal(cpu, kt_topo_nr_cpus(&r->t));
	for (unsigned n = 0; n < r->t.nr_nodes; n++)
		assert_int_equal(bytes[n], r->l.node_bytes[n] - (n ? 0 : hole));
}

static void check_slit(const struct kt_topology *t, const struct table *s)
{
	assert_int_equal(get(s->p + 36, 8), t->nr_nodes);
	assert_int_equal(s->len, 44 + t->nr_nodes * t->nr_nodes);
	for (unsigned i = 0; i < t->nr_nodes; i++) {
		for (unsigned j = 0; j < t->nr_nodes; j++)
			assert_int_equal(s->p[44 + i * t->nr_nodes + j], t->has_distance
										 ? t->distance[i][j]
									 : i == j ? 10
										  : 20);
	}
}

/* All but HMAT. */
static struct tables check_all(const struct rig *r)
{
	struct tables t = read_tables(r);

	check_fadt(&t.fadt);
	check_madt(&r->t, &t.madt);
	check_srat(r, &t.srat);
	check_slit(&r->t, &t.slit);
	return t;
}

static void every_preset_in_every_size_is_described(void **state)
{
	static const uint64_t mib[] = { 256, 1000, 3071, 3072, 3073, 5120, 65536 };

	(void)state;
	for (size_t i = 0; i < NR_PRESETS; i++) {
		struct kt_topology t = shape(all_shapes[i]);

		for (size_t m = 0; m < sizeof(mib) / sizeof(mib[0]); m++) {
			struct rig r;

			rig_init(&r, &t, vm_memory_bytes(&t, mib[m] * VM_MIB, 0));
			assert_null(check_all(&r).hmat.p);
			rig_done(&r);
		}
	}
}

static void odd_nodes_have_their_cpus_memory_and_distances(void **state)
{
	struct kt_topology t = odd_nodes();
	struct rig r;

	(void)state;
	rig_init(&r, &t, 0);
	assert_null(check_all(&r).hmat.p);
	/* node 1 is on both sides of the hole below 4 GiB */
	assert_int_equal(r.l.nr_pieces, 6);
	rig_done(&r);
}

static void sixteen_nodes_are_told_apart(void **state)
{
	struct kt_topology t = shape("16n16l15c1t");
	struct rig r;

	(void)state;
	for (unsigned n = 0; n < 16; n++)
		t.node[n].latency_ns = 100 + n;
	rig_init(&r, &t, 16 * VM_GIB);
	assert_non_null(check_all(&r).hmat.p);
	rig_done(&r);
}

static void what_does_not_fit_is_our_own_mistake(void **state)
{
	struct kt_topology t = shape("1n14l18c1t");
	struct kt_err e = { 0 };
	struct x86_acpi_opts o;
	struct kt_buf b = { 0 };
	gpa_t rsdp = { 1 };
	struct rig r;

	(void)state;
	rig_init(&r, &t, 16 * VM_GIB);
	o = (struct x86_acpi_opts){
		.topology = &t, .layout = &r.l, .base = { r.base }, .max_bytes = r.b.len - 1
	};
	assert_int_equal(x86_acpi_build(&o, &b, &rsdp, &e), -ENOSPC);
	assert_int_equal(e.kind, KT_E_INTERNAL);
	assert_non_null(strstr(unit_err_text(&e), "of ACPI tables do not fit into"));
	o.max_bytes = 0;
	assert_int_equal(x86_acpi_build(&o, &b, &rsdp, &e), -ENOSPC);
	o.max_bytes = r.b.len;
	o.base.v = r.base + 8;
	assert_int_equal(x86_acpi_build(&o, &b, &rsdp, &e), -EINVAL);
	assert_int_equal(e.kind, KT_E_INTERNAL);
	o.base.v = 5 * VM_GIB;
	assert_int_equal(x86_acpi_build(&o, &b, &rsdp, &e), -EINVAL);
	o.base.v = UINT64_C(0xfffff000);
	assert_int_equal(x86_acpi_build(&o, &b, &rsdp, &e), -EINVAL);
	/* nothing was touched until now */
	assert_int_equal(b.len, 0);
	assert_int_equal(rsdp.v, 1);
	o.base.v = r.base;
	assert_int_equal(x86_acpi_build(&o, &b, &rsdp, &e), 0);
	assert_int_equal(b.len, r.b.len);
	assert_memory_equal(b.data, r.b.data, b.len);
	kt_buf_done(&b);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_preset_in_every_size_is_described),
		cmocka_unit_test(odd_nodes_have_their_cpus_memory_and_distances),
		cmocka_unit_test(sixteen_nodes_are_told_apart),
		cmocka_unit_test(what_does_not_fit_is_our_own_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
