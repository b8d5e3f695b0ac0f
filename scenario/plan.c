/* SPDX-License-Identifier: GPL-2.0-only */
/* The plan's field tables: what the guest is told, on the wire and in plan.json. */
#include "scenario/internal.h"

#include <errno.h>
#include <string.h>

enum { PLAN_STRINGS_MAX = 1024 };

static const char *work_name(uint32_t type)
{
	return type < SCN_WORK_NR ? scn_work_types[type].name : "unknown";
}

static const struct scn_field work_fields[] = {
	{ SCN_MEMBER(struct scn_work, type), .kind = SCN_F_U32, .tag = 1, .max = SCN_WORK_NR - 1,
	  .value_name = work_name },
	{ SCN_MEMBER(struct scn_work, burst_ns), .kind = SCN_F_U64, .tag = 2 },
	{ SCN_MEMBER(struct scn_work, sleep_ns), .kind = SCN_F_U64, .tag = 3 },
};
static const struct scn_record work_record = {
	.name = "work",
	.bytes = sizeof(struct scn_work),
	SCN_FIELDS(work_fields),
};

static const struct scn_field cgroup_fields[] = {
	{ SCN_MEMBER(struct scn_cgroup, name), .kind = SCN_F_TEXT, .tag = 1 },
	{ SCN_MEMBER(struct scn_cgroup, nr_workers), .kind = SCN_F_U32, .tag = 2,
	  .max = SCN_WORKERS_MAX },
	{ SCN_MEMBER(struct scn_cgroup, work), .kind = SCN_F_RECORD, .tag = 3,
	  .sub = &work_record },
	{ SCN_MEMBER(struct scn_cgroup, nice), .kind = SCN_F_I32, .tag = 4 },
	{ SCN_MEMBER(struct scn_cgroup, has_cpuset), .kind = SCN_F_BOOL, .tag = 5 },
	{ SCN_MEMBER(struct scn_cgroup, cpuset), .kind = SCN_F_CPUSET, .tag = 6 },
};

#define BAD(e, ...) kt_fail((e), KT_E_GUEST, EBADMSG, __VA_ARGS__)

static int check_cgroup(const void *obj, struct kt_err *e)
{
	const struct scn_cgroup *c = obj;

	if (!c->name[0] || c->name[0] == '.' || strchr(c->name, '/'))
		return BAD(e, "field 'name': '%s' is no cgroup name", c->name);
	if (c->nr_workers % scn_work_types[c->work.type].group)
		return BAD(e, "field 'nr_workers': %u, %s needs a multiple of %u", c->nr_workers,
			   work_name(c->work.type), scn_work_types[c->work.type].group);
	if (c->nice < -20 || c->nice > 19)
		return BAD(e, "field 'nice': %d, not within -20..19", c->nice);
	if (c->has_cpuset != (kt_cpuset_count(&c->cpuset) > 0))
		return BAD(e, "field 'cpuset': has_cpuset and the set disagree");
	return 0;
}

static const struct scn_record cgroup_record = {
	.name = "cgroup",
	.bytes = sizeof(struct scn_cgroup),
	SCN_FIELDS(cgroup_fields),
	.check = check_cgroup,
};

static const struct scn_field plan_fields[] = {
	{ SCN_MEMBER(struct scn_plan, test_name), .kind = SCN_F_STR, .tag = 1,
	  .max = SCN_TEXT_MAX },
	{ SCN_MEMBER(struct scn_plan, duration_ns), .kind = SCN_F_U64, .tag = 2 },
	{ SCN_MEMBER(struct scn_plan, sysctls), .kind = SCN_F_STRV, .tag = 3,
	  .max = PLAN_STRINGS_MAX },
	{ SCN_MEMBER(struct scn_plan, scheduler_argv), .kind = SCN_F_STRV, .tag = 4,
	  .max = PLAN_STRINGS_MAX },
	{ SCN_MEMBER(struct scn_plan, attach_timeout_ns), .kind = SCN_F_U64, .tag = 5 },
	{ SCN_MEMBER(struct scn_plan, watchdog_ns), .kind = SCN_F_U64, .tag = 6 },
	{ SCN_MEMBER(struct scn_plan, ops_value_bytes), .kind = SCN_F_U32, .tag = 7 },
	{ SCN_MEMBER(struct scn_plan, ops_timeout_offset), .kind = SCN_F_U32, .tag = 8 },
	{ SCN_MEMBER(struct scn_plan, nr_periodic), .kind = SCN_F_U32, .tag = 10,
	  .max = SCN_PERIODIC_MAX },
	{ SCN_POINTER(struct scn_plan, cgroups), .kind = SCN_F_ARRAY, .tag = 9,
	  .max = SCN_CGROUPS_MAX, .nr_offset = offsetof(struct scn_plan, nr_cgroups),
	  .sub = &cgroup_record },
};

/* The guest writes below /proc/sys by these names. */
static bool sysctl_ok(const char *s)
{
	const char *eq = strchr(s, '=');

	return eq && eq != s && s[0] != '/' && s[0] != '.' && !memmem(s, (size_t)(eq - s), "..", 2);
}

static int check_plan(const void *obj, struct kt_err *e)
{
	const struct scn_plan *p = obj;
	uint64_t workers = 0;

	for (size_t i = 0; i < p->nr_cgroups; i++)
		workers += p->cgroups[i].nr_workers;
	if (workers > SCN_WORKERS_MAX)
		return BAD(e, "field 'cgroups': %llu workers, at most %d",
			   (unsigned long long)workers, SCN_WORKERS_MAX);
	for (size_t i = 0; i < p->sysctls.nr; i++) {
		if (!sysctl_ok(p->sysctls.v[i]))
			return BAD(e, "field 'sysctls': '%s' is not NAME=VALUE", p->sysctls.v[i]);
	}
	return 0;
}

static const struct scn_record plan_record = {
	.name = "plan",
	.bytes = sizeof(struct scn_plan),
	SCN_FIELDS(plan_fields),
	.check = check_plan,
};

static const struct scn_format plan_format = {
	.magic = 0x4c50544b, /* "KTPL" */
	.version = 2,
	.record = &plan_record,
};

void scn_plan_done(struct scn_plan *p)
{
	scn_record_done(&plan_record, p);
}

int scn_plan_encode(const struct scn_plan *p, struct kt_buf *ret, struct kt_err *e)
{
	return scn_encode(&plan_format, p, ret, e);
}

int scn_plan_decode(const void *data, size_t len, struct scn_plan *ret, struct kt_err *e)
{
	return scn_decode(&plan_format, data, len, ret, e);
}

void scn_plan_json(const struct scn_plan *p, struct kt_json *j, const char *key)
{
	scn_record_json(&plan_record, p, j, key);
}
