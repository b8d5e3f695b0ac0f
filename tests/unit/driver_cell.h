/* SPDX-License-Identifier: GPL-2.0-only */
/* A cell's specification that unit tests of driver/cell/ start from. */
#ifndef KTSTR_TESTS_UNIT_DRIVER_CELL_H
#define KTSTR_TESTS_UNIT_DRIVER_CELL_H

#include "driver/cell/parts.h"
#include "tests/unit/unit.h"

/* Everything that a spec borrows. Two workers in one cgroup under scheduler "ktstr" on two CPUs of one LLC. */
struct unit_cell {
	struct cell_spec spec;
	struct cfg_project project;
	struct cfg_test test;
	struct kc_entry kernel;
	struct vm_accel_choice accel;
};

static inline void unit_cell_init(struct unit_cell *u, const char *dir)
{
	struct scn_cgroup *g = calloc(1, sizeof(*g));

	*u = (struct unit_cell){
		.kernel = { .key = (char *)"7.3-x86_64-d1",
			    .release = (char *)"7.3.0-test",
			    .image = (char *)"/no/image" },
		.accel = { .accel = VM_ACCEL_TCG,
			   .name = "tcg",
			   .why = "tcg: no /dev/kvm",
			   .version = "QEMU 10.0.2" },
		.test = { .topology = { .nr_nodes = 1,
					.nr_llcs = 1,
					.cores = 2,
					.threads = 1,
					.node[0].llcs = 1 } },
		.spec = { .variant_hash = 0x123,
			  .nr_cpus = 2,
			  .memory_bytes = 256 << 20,
			  .run_id = "20261121T070000Z-1f3a5c",
			  .host_deadline_ns = UINT64_C(60000000000),
			  .project_commit = "0123abc-dirty" },
	};
	assert_non_null(g);
	snprintf(g->name, sizeof(g->name), "a");
	g->nr_workers = 2;
	u->spec.project = &u->project;
	u->spec.test = &u->test;
	u->spec.kernel = &u->kernel;
	u->spec.accel = &u->accel;
	u->spec.plan = (struct scn_plan){ .test_name = strdup("boot"),
					  .duration_ns = 1000000000,
					  .cgroups = g,
					  .nr_cgroups = 1 };
	assert_int_equal(kt_strv_add(&u->spec.plan.scheduler_argv, "/ktstr/scheduler"), 0);
	u->spec.topology = strdup("1n1l2c1t");
	u->spec.scheduler = strdup("ktstr");
	u->spec.work_type = strdup("spin_wait");
	u->spec.sidecar_path = kt_fmt("%s/boot-0000000000000123.ktstr.json", dir);
	u->spec.log_dir = kt_fmt("%s/boot.log", dir);
}

/* The kernel's own scheduler instead. */
static inline void unit_cell_without_scheduler(struct unit_cell *u)
{
	kt_strv_done(&u->spec.plan.scheduler_argv);
	free(u->spec.scheduler);
	u->spec.scheduler = strdup("eevdf");
}

/* What a guest sends that did as it was told. */
static inline void unit_cell_good_result(struct scn_result *r)
{
	*r = (struct scn_result){
		.kernel_release = "7.3.0-guest",
		.sched = SCN_SCHED_LIVED,
		.attach_ns = 250000000,
		.ran_ns = 1000000000,
		.sched_lived_ns = 1100000000,
		.ops_name = "ktstr",
		.nr_workers = 2,
		.nr_cpus = 2,
		.nr_nodes = 1,
	};
	r->workers = calloc(2, sizeof(*r->workers));
	r->cpus = calloc(2, sizeof(*r->cpus));
	r->nodes = calloc(1, sizeof(*r->nodes));
	assert_true(r->workers && r->cpus && r->nodes);
	for (uint32_t i = 0; i < 2; i++) {
		r->workers[i] = (struct scn_worker_result){ .pid = 100 + i,
							    .iterations = 1000,
							    .wall_ns = 1000000000,
							    .cpu_ns = 900000000,
							    .max_gap_ns = 5000000,
							    .migrations = 3 };
		kt_cpuset_add(&r->workers[i].cpus_seen, i);
		r->cpus[i] = (struct scn_seen_cpu){ .cpu = i };
		kt_cpuset_add(&r->cpus[i].core, i);
		kt_cpuset_add(&r->cpus[i].llc, 0);
		kt_cpuset_add(&r->cpus[i].llc, 1);
		kt_cpuset_add(&r->nodes[0].cpus, i);
	}
	r->nodes[0].memory_bytes = 200 << 20;
	r->nodes[0].nr_distances = 1;
	r->nodes[0].distance[0] = 10;
}

static inline void unit_cell_judge(const struct unit_cell *u, struct cell_outcome *o)
{
	scn_judge(&(struct scn_judge_opts){ .plan = &u->spec.plan,
					    .checks = &u->test.checks,
					    .expect = &u->test.expect,
					    .topology = &u->test.topology },
		  &o->result, &o->judgement);
}

/* A cell in the middle of its life, without files and without a parent. */
static inline void unit_cell_begin(struct cell *c, const struct unit_cell *u)
{
	*c = (struct cell){ .spec = &u->spec,
			    .msg_fd = -1,
			    .log = { CELL_LOG_NONE, CELL_LOG_NONE, CELL_LOG_NONE } };
	for (size_t i = 0; i < sizeof(c->log) / sizeof(c->log[0]); i++) {
		c->log[i].head_max = CELL_LOG_HEAD;
		c->log[i].rest.keep = CELL_LOG_TAIL;
		c->log[i].last.keep = CELL_LOG_LAST;
	}
	c->out.machine_ran = true;
}

static inline void unit_cell_end(struct cell *c)
{
	for (size_t i = 0; i < sizeof(c->log) / sizeof(c->log[0]); i++)
		cell_log_done(&c->log[i]);
	kt_buf_done(&c->result.b);
	cell_outcome_done(&c->out);
}

#endif
