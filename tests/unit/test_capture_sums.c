/* SPDX-License-Identifier: GPL-2.0-only */
/* What is summed or sampled: CPU times, nodes, pressure of control groups. */
#include "tests/unit/fake_sched.h"

/* ---- CPU times ---- */

struct s_cpustat {
	uint64_t sleeping, stat[10];
};
struct s_kstat {
	uint64_t irqs_sum;
	uint32_t softirqs[10];
};

static void cpu_times_are_those_of_each_cpu(void **state)
{
	struct fake_guest f;
	struct cap_dump d;
	gva_t cpustat, kstat, tick;
	const struct cap_cpu_time *t;
	int u64, ten64, ten32;

	(void)state;
	fake_init(&f, NULL);
	u64 = fake_u64(&f);
	ten64 = fake_array(&f, u64, 10);
	ten32 = fake_array(&f, fake_u32(&f), 10);
	(void)FAKE_STRUCT(&f, "kernel_cpustat", struct s_cpustat,
			  N(struct s_cpustat, "cpustat", stat, ten64));
	(void)FAKE_STRUCT(&f, "kernel_stat", struct s_kstat, M(struct s_kstat, irqs_sum, u64),
			  M(struct s_kstat, softirqs, ten32));
	(void)fake_struct(&f, "tick_sched", 32,
			  (const struct fake_row[]){ { "iowait_sleeptime", u64, 24 } }, 1);
	cpustat = fake_percpu(&f, "kernel_cpustat", sizeof(struct s_cpustat));
	kstat = fake_percpu(&f, "kstat", sizeof(struct s_kstat));
	tick = fake_percpu(&f, "tick_cpu_sched", 32);
	for (unsigned i = 0; i < 10; i++) {
		fake_put64(&f, at(fake_percpu_at(&f, cpustat, 1), struct s_cpustat, stat[i]),
			   1000 + i);
		fake_put(&f, at(fake_percpu_at(&f, kstat, 1), struct s_kstat, softirqs[i]), 4,
			 50 + i);
	}
	fake_put64(&f, fake_percpu_at(&f, kstat, 1), 4242);
	fake_put64(&f, (gva_t){ fake_percpu_at(&f, tick, 1).v + 24 }, 77);
	fake_open(&f);
	d = fake_dump(&f);
	cap_dump_cpu_times(&d);
	assert_int_equal(d.report->nr_cpu_times, 2);
	assert_int_equal(d.report->cpu_time[0].cpu, 0);
	assert_int_equal(d.report->cpu_time[0].user_ns, 0);
	t = &d.report->cpu_time[1];
	assert_int_equal(t->cpu, 1);
	assert_int_equal(t->user_ns, 1000);
	assert_int_equal(t->nice_ns, 1001);
	assert_int_equal(t->system_ns, 1002);
	assert_int_equal(t->softirq_ns, 1003);
	assert_int_equal(t->irq_ns, 1004);
	assert_int_equal(t->idle_ns, 1005);
	assert_int_equal(t->iowait_ns, 1006);
	assert_int_equal(t->steal_ns, 1007);
	for (unsigned i = 0; i < CAP_SOFTIRQS; i++)
		assert_int_equal(t->softirqs[i], 50 + i);
	assert_int_equal(t->irqs_sum, 4242);
	assert_true(t->has_iowait_sleeptime && t->iowait_sleeptime_ns == 77);
	fake_dump_done(&d);
	fake_done(&f);
}

static void times_without_types_are_left_out(void **state)
{
	struct fake_guest f;
	struct cap_dump d;

	(void)state;
	fake_init(&f, NULL);
	(void)fake_u64(&f);
	(void)fake_percpu(&f, "kernel_cpustat", 80);
	fake_open(&f);
	d = fake_dump(&f);
	cap_dump_cpu_times(&d);
	cap_dump_psi(&d);
	cap_dump_events(&d);
	cap_dump_numa(&d);
	assert_int_equal(d.report->nr_cpu_times, 0);
	assert_int_equal(d.report->nr_psi, 0);
	assert_int_equal(d.report->nr_events, 0);
	assert_int_equal(d.report->nr_numa, 0);
	assert_string_equal(d.report->per_node_numa_unavailable, CAP_WHY_NUMA);
	fake_dump_done(&d);
	fake_done(&f);
}

/* ---- nodes ---- */

struct s_zone {
	uint64_t present_pages, stats, event[6];
};
struct s_zonestat {
	uint64_t diff, event[6];
};
enum { ZONES = 3 };

static void put_events(struct fake_guest *f, gva_t to, uint64_t first)
{
	for (unsigned i = 0; i < 6; i++)
		fake_put64(f, (gva_t){ to.v + 8 * i }, first + i);
}

/*
 * Node 1 of three, with zones of 100 and 1000 pages and one of none: what the last one's CPUs counted is shared with
 * all empty zones, and no figure of the node.
 */
static void a_node_is_the_sum_of_its_zones_and_of_what_cpus_still_hold(void **state)
{
	struct fake_guest f;
	struct cap_dump d;
	gva_t node_data, pgdat, stats, shared;
	int u64, six, zone, zones;

	(void)state;
	fake_init(&f, NULL);
	u64 = fake_u64(&f);
	six = fake_array(&f, u64, 6);
	zone = FAKE_STRUCT(&f, "zone", struct s_zone, M(struct s_zone, present_pages, u64),
			   N(struct s_zone, "per_cpu_zonestats", stats, u64),
			   N(struct s_zone, "vm_numa_event", event, six));
	(void)FAKE_STRUCT(&f, "per_cpu_zonestat", struct s_zonestat,
			  N(struct s_zonestat, "vm_numa_event", event, six));
	zones = fake_array(&f, zone, ZONES);
	(void)fake_struct(&f, "pglist_data", ZONES * sizeof(struct s_zone),
			  (const struct fake_row[]){ { "node_zones", zones, 0 } }, 1);
	node_data = fake_static(&f, "node_data", 3 * 8);
	fake_put(&f, fake_static(&f, "nr_node_ids", 4), 4, 3);
	pgdat = fake_alloc(&f, ZONES * sizeof(struct s_zone));
	(void)fake_percpu(&f, NULL, 8); /* no pointer is 0 */
	stats = fake_percpu(&f, NULL, sizeof(struct s_zonestat));
	shared = fake_percpu(&f, NULL, sizeof(struct s_zonestat));
	fake_put64(&f, (gva_t){ node_data.v + 8 }, pgdat.v);
	for (unsigned i = 0; i < ZONES; i++) {
		gva_t z = { pgdat.v + i * sizeof(struct s_zone) };

		fake_put64(&f, at(z, struct s_zone, present_pages), i < 2 ? 100 : 0);
		fake_put64(&f, at(z, struct s_zone, stats), i < 2 ? stats.v : shared.v);
		put_events(&f, at(z, struct s_zone, event), i == 0 ? 100 : i == 1 ? 1000 : 0);
	}
	put_events(&f, at(fake_percpu_at(&f, stats, 0), struct s_zonestat, event), 1);
	put_events(&f, at(fake_percpu_at(&f, stats, 1), struct s_zonestat, event), 10);
	put_events(&f, at(fake_percpu_at(&f, shared, 0), struct s_zonestat, event), 1 << 20);
	fake_open(&f);
	d = fake_dump(&f);
	cap_dump_numa(&d);
	assert_null(d.report->per_node_numa_unavailable);
	assert_int_equal(d.report->nr_numa, 1);
	assert_int_equal(d.report->numa[0].node, 1);
	assert_int_equal(d.report->numa[0].hit, 1100 + 2 * 11);
	assert_int_equal(d.report->numa[0].miss, 1103 + 2 * 13);
	assert_int_equal(d.report->numa[0].foreign, 1106 + 2 * 15);
	assert_int_equal(d.report->numa[0].interleave_hit, 1109 + 2 * 17);
	assert_int_equal(d.report->numa[0].local, 1112 + 2 * 19);
	assert_int_equal(d.report->numa[0].other, 1115 + 2 * 21);
	/* and now without time */
	d.opts = &(struct cap_dump_opts){ .deadline_ns = 1 };
	cap_dump_numa(&d);
	assert_int_equal(d.report->nr_numa, 0);
	assert_string_equal(d.report->per_node_numa_unavailable,
			    "NUMA walker stopped after 0 nodes: dump deadline exceeded");
	fake_dump_done(&d);
	fake_done(&f);
}

/* ---- pressure ---- */

struct s_css {
	uint64_t cgroup;
	struct s_list sibling, children;
	uint64_t serial_nr;
	uint32_t flags;
};
struct s_cgroup {
	uint64_t pad;
	struct s_css self;
	uint64_t kn, psi;
};
struct s_psi {
	uint64_t avg_total[7], total[2 * 7], avg[7 * 3];
};
enum { IRQ_FULL = 6, ONLINE = 2 };

static void cgroup_types(struct fake_guest *f)
{
	int u64 = fake_u64(f), u32 = fake_u32(f), list, css, cgroup, seven, total, avg;

	list = fake_struct(f, "list_head", 16, (const struct fake_row[]){ { "next", u64, 0 } }, 1);
	seven = fake_array(f, u64, 7);
	total = fake_array(f, u64, 14);
	avg = fake_array(f, u64, 21);
	css = FAKE_STRUCT(f, "cgroup_subsys_state", struct s_css, M(struct s_css, sibling, list),
			  M(struct s_css, children, list), M(struct s_css, serial_nr, u64),
			  M(struct s_css, flags, u32));
	cgroup = FAKE_STRUCT(f, "cgroup", struct s_cgroup, M(struct s_cgroup, self, css),
			     M(struct s_cgroup, kn, u64), M(struct s_cgroup, psi, u64));
	(void)fake_struct(f, "cgroup_root", 64 + sizeof(struct s_cgroup),
			  (const struct fake_row[]){ { "cgrp", cgroup, 64 } }, 1);
	(void)fake_struct(f, "kernfs_node", 16, (const struct fake_row[]){ { "name", u64, 8 } }, 1);
	(void)FAKE_STRUCT(f, "psi_group", struct s_psi, M(struct s_psi, avg_total, seven),
			  M(struct s_psi, total, total), M(struct s_psi, avg, avg));
}

static void init_cgroup(struct fake_guest *f, gva_t c, gva_t parent)
{
	fake_list_init(f, at(c, struct s_cgroup, self.children));
	fake_put(f, at(c, struct s_cgroup, self.flags), 4, ONLINE);
	if (parent.v)
		fake_link(f, at(parent, struct s_cgroup, self.children),
			  at(c, struct s_cgroup, self.sibling));
}

/* A cgroup with a name, and figures that begin with @psi; 0: without. */
static gva_t new_cgroup(struct fake_guest *f, gva_t parent, const char *name, uint64_t psi)
{
	gva_t c = fake_alloc(f, CAP_PAGE), kn = fake_alloc(f, CAP_PAGE), group;

	init_cgroup(f, c, parent);
	fake_put64(f, at(c, struct s_cgroup, kn), kn.v);
	fake_put64(f, (gva_t){ kn.v + 8 }, kn.v + 64);
	fake_write(f, (gva_t){ kn.v + 64 }, name, strlen(name) + 1);
	if (!psi)
		return c;
	group = fake_alloc(f, sizeof(struct s_psi));
	fake_put64(f, at(c, struct s_cgroup, psi), group.v);
	fake_put64(f, at(c, struct s_cgroup, self.serial_nr), psi + 2);
	fake_put64(f, at(group, struct s_psi, total[IRQ_FULL]), psi);
	fake_put64(f, at(group, struct s_psi, total[7 + IRQ_FULL]), 999);
	fake_put64(f, at(group, struct s_psi, avg[3 * IRQ_FULL]), psi + 1);
	fake_put64(f, at(group, struct s_psi, avg[3 * IRQ_FULL + 1]), 999);
	return c;
}

struct psi_test {
	struct fake_guest f;
	struct cap_dump d;
	gva_t root, ours;
};

static void make_psi(struct psi_test *t)
{
	fake_init(&t->f, NULL);
	cgroup_types(&t->f);
	fake_enum(&t->f, "PSI_IRQ_FULL", IRQ_FULL);
	t->root = (gva_t){ fake_static(&t->f, "cgrp_dfl_root", 512).v + 64 };
	init_cgroup(&t->f, t->root, (gva_t){ 0 });
	(void)new_cgroup(&t->f, t->root, "init.scope", 700);
	t->ours = new_cgroup(&t->f, t->root, "ktstr", 800);
}

static void run_psi(struct psi_test *t)
{
	fake_open(&t->f);
	t->d = fake_dump(&t->f);
	cap_dump_psi(&t->d);
}

static void done_psi(struct psi_test *t)
{
	fake_dump_done(&t->d);
	fake_done(&t->f);
}

static void pressure_is_told_of_the_leaves_below_ours(void **state)
{
	struct psi_test t;
	gva_t a, b, c, removed;

	(void)state;
	make_psi(&t);
	a = new_cgroup(&t.f, t.ours, "a", 100);
	b = new_cgroup(&t.f, t.ours, "b", 200);
	c = new_cgroup(&t.f, b, "c", 300);
	(void)new_cgroup(&t.f, t.ours, "without", 0);
	removed = new_cgroup(&t.f, t.ours, "removed", 400);
	fake_put(&t.f, at(removed, struct s_cgroup, self.flags), 4, 0);
	run_psi(&t);
	assert_int_equal(t.d.report->nr_psi, 2);
	assert_true(t.d.report->psi[0].cgroup_kva == a.v);
	assert_int_equal(t.d.report->psi[0].total_ns, 100);
	assert_int_equal(t.d.report->psi[0].avg10_raw, 101);
	assert_int_equal(t.d.report->psi[0].serial_nr, 102);
	assert_true(t.d.report->psi[1].cgroup_kva == c.v);
	assert_int_equal(t.d.report->psi[1].total_ns, 300);
	done_psi(&t);
}

static void a_cgroup_that_is_its_own_child_ends_the_walk(void **state)
{
	struct psi_test t;
	gva_t b;

	(void)state;
	make_psi(&t);
	(void)new_cgroup(&t.f, t.ours, "a", 100);
	b = new_cgroup(&t.f, t.ours, "b", 200);
	/* the list of b's children leads to b, which leads back to the list */
	fake_put64(&t.f, at(b, struct s_cgroup, self.children),
		   at(b, struct s_cgroup, self.sibling).v);
	fake_put64(&t.f, at(b, struct s_cgroup, self.sibling),
		   at(b, struct s_cgroup, self.children).v);
	run_psi(&t);
	assert_true(t.d.report->nr_psi <= 1);
	done_psi(&t);
}

static void without_interrupt_pressure_there_is_none(void **state)
{
	struct psi_test t;

	(void)state;
	fake_init(&t.f, NULL);
	cgroup_types(&t.f); /* but no PSI_IRQ_FULL */
	t.root = (gva_t){ fake_static(&t.f, "cgrp_dfl_root", 512).v + 64 };
	init_cgroup(&t.f, t.root, (gva_t){ 0 });
	(void)new_cgroup(&t.f, t.root, "ktstr", 800);
	run_psi(&t);
	assert_int_equal(t.d.report->nr_psi, 0);
	done_psi(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_times_are_those_of_each_cpu),
		cmocka_unit_test(times_without_types_are_left_out),
		cmocka_unit_test(a_node_is_the_sum_of_its_zones_and_of_what_cpus_still_hold),
		cmocka_unit_test(pressure_is_told_of_the_leaves_below_ours),
		cmocka_unit_test(a_cgroup_that_is_its_own_child_ends_the_walk),
		cmocka_unit_test(without_interrupt_pressure_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
