/* SPDX-License-Identifier: GPL-2.0-only */
/* The result's field tables: what the guest saw, on its way to the host. */
#include "scenario/internal.h"

static const struct scn_field exit_fields[] = {
	{ SCN_MEMBER(struct scn_exit, kind), .kind = SCN_F_U32, .tag = 1 },
	{ SCN_MEMBER(struct scn_exit, ops_name), .kind = SCN_F_TEXT, .tag = 2 },
	{ SCN_MEMBER(struct scn_exit, reason), .kind = SCN_F_TEXT, .tag = 3 },
	{ SCN_MEMBER(struct scn_exit, message), .kind = SCN_F_TEXT, .tag = 4 },
};
static const struct scn_record exit_record = {
	.name = "exit",
	.bytes = sizeof(struct scn_exit),
	SCN_FIELDS(exit_fields),
};

static const struct scn_field worker_fields[] = {
	{ SCN_MEMBER(struct scn_worker_result, cgroup), .kind = SCN_F_U32, .tag = 1,
	  .max = SCN_CGROUPS_MAX - 1 },
	{ SCN_MEMBER(struct scn_worker_result, pid), .kind = SCN_F_U32, .tag = 2 },
	{ SCN_MEMBER(struct scn_worker_result, iterations), .kind = SCN_F_U64, .tag = 3 },
	{ SCN_MEMBER(struct scn_worker_result, wall_ns), .kind = SCN_F_U64, .tag = 4 },
	{ SCN_MEMBER(struct scn_worker_result, cpu_ns), .kind = SCN_F_U64, .tag = 5 },
	{ SCN_MEMBER(struct scn_worker_result, run_delay_ns), .kind = SCN_F_U64, .tag = 6 },
	{ SCN_MEMBER(struct scn_worker_result, max_gap_ns), .kind = SCN_F_U64, .tag = 7 },
	{ SCN_MEMBER(struct scn_worker_result, max_gap_cpu), .kind = SCN_F_U32, .tag = 8 },
	{ SCN_MEMBER(struct scn_worker_result, migrations), .kind = SCN_F_U32, .tag = 9 },
	{ SCN_MEMBER(struct scn_worker_result, wake_p50_ns), .kind = SCN_F_U64, .tag = 10 },
	{ SCN_MEMBER(struct scn_worker_result, wake_p99_ns), .kind = SCN_F_U64, .tag = 11 },
	{ SCN_MEMBER(struct scn_worker_result, nr_wakes), .kind = SCN_F_U64, .tag = 12 },
	{ SCN_MEMBER(struct scn_worker_result, cpus_seen), .kind = SCN_F_CPUSET, .tag = 13 },
};
static const struct scn_record worker_record = {
	.name = "worker",
	.bytes = sizeof(struct scn_worker_result),
	SCN_FIELDS(worker_fields),
};

static const struct scn_field cpu_fields[] = {
	{ SCN_MEMBER(struct scn_seen_cpu, cpu), .kind = SCN_F_U32, .tag = 1,
	  .max = KT_CPUS_MAX - 1 },
	{ SCN_MEMBER(struct scn_seen_cpu, node), .kind = SCN_F_U32, .tag = 2 },
	{ SCN_MEMBER(struct scn_seen_cpu, core), .kind = SCN_F_CPUSET, .tag = 3 },
	{ SCN_MEMBER(struct scn_seen_cpu, llc), .kind = SCN_F_CPUSET, .tag = 4 },
};
static const struct scn_record cpu_record = {
	.name = "cpu",
	.bytes = sizeof(struct scn_seen_cpu),
	SCN_FIELDS(cpu_fields),
};

static const struct scn_field node_fields[] = {
	{ SCN_MEMBER(struct scn_seen_node, node), .kind = SCN_F_U32, .tag = 1 },
	{ SCN_MEMBER(struct scn_seen_node, memory_bytes), .kind = SCN_F_U64, .tag = 2 },
	{ SCN_MEMBER(struct scn_seen_node, cpus), .kind = SCN_F_CPUSET, .tag = 3 },
	{ SCN_MEMBER(struct scn_seen_node, nr_distances), .kind = SCN_F_U32, .tag = 4,
	  .max = KT_TOPO_NODES_MAX },
	{ SCN_MEMBER(struct scn_seen_node, distance), .kind = SCN_F_BYTES, .tag = 5 },
};
static const struct scn_record node_record = {
	.name = "node",
	.bytes = sizeof(struct scn_seen_node),
	SCN_FIELDS(node_fields),
};

static const struct scn_field result_fields[] = {
	{ SCN_MEMBER(struct scn_result, kernel_release), .kind = SCN_F_TEXT, .tag = 1 },
	{ SCN_MEMBER(struct scn_result, boot_ns), .kind = SCN_F_U64, .tag = 2 },
	{ SCN_MEMBER(struct scn_result, attach_ns), .kind = SCN_F_U64, .tag = 3 },
	{ SCN_MEMBER(struct scn_result, ran_ns), .kind = SCN_F_U64, .tag = 4 },
	{ SCN_MEMBER(struct scn_result, sched), .kind = SCN_F_U32, .tag = 5,
	  .max = SCN_SCHED_STATE_NR - 1 },
	{ SCN_MEMBER(struct scn_result, sched_exited), .kind = SCN_F_BOOL, .tag = 6 },
	{ SCN_MEMBER(struct scn_result, sched_status), .kind = SCN_F_I32, .tag = 7 },
	{ SCN_MEMBER(struct scn_result, sched_lived_ns), .kind = SCN_F_U64, .tag = 8 },
	{ SCN_MEMBER(struct scn_result, exit), .kind = SCN_F_RECORD, .tag = 9,
	  .sub = &exit_record },
	{ SCN_MEMBER(struct scn_result, ops_name), .kind = SCN_F_TEXT, .tag = 10 },
	{ SCN_MEMBER(struct scn_result, watchdog_set), .kind = SCN_F_BOOL, .tag = 11 },
	{ SCN_POINTER(struct scn_result, workers), .kind = SCN_F_ARRAY, .tag = 12,
	  .max = SCN_WORKERS_MAX, .nr_offset = offsetof(struct scn_result, nr_workers),
	  .sub = &worker_record },
	{ SCN_POINTER(struct scn_result, cpus), .kind = SCN_F_ARRAY, .tag = 13, .max = KT_CPUS_MAX,
	  .nr_offset = offsetof(struct scn_result, nr_cpus), .sub = &cpu_record },
	{ SCN_POINTER(struct scn_result, nodes), .kind = SCN_F_ARRAY, .tag = 14, .max = KT_CPUS_MAX,
	  .nr_offset = offsetof(struct scn_result, nr_nodes), .sub = &node_record },
	{ SCN_MEMBER(struct scn_result, frames_lost), .kind = SCN_F_U64, .tag = 15 },
};
static const struct scn_record result_record = {
	.name = "result",
	.bytes = sizeof(struct scn_result),
	SCN_FIELDS(result_fields),
};

static const struct scn_format result_format = {
	.magic = 0x5352544b, /* "KTRS" */
	.version = 1,
	.record = &result_record,
};

void scn_result_done(struct scn_result *r)
{
	scn_record_done(&result_record, r);
}

int scn_result_encode(const struct scn_result *r, struct kt_buf *ret, struct kt_err *e)
{
	return scn_encode(&result_format, r, ret, e);
}

int scn_result_decode(const void *data, size_t len, struct scn_result *ret, struct kt_err *e)
{
	return scn_decode(&result_format, data, len, ret, e);
}
