/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sidecar: everything about one cell as JSON (wire-schema.md section 8; keys beyond it in
 * docs/report-schema.md).
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "driver/cell/parts.h"

#define NS_PER_MS UINT64_C(1000000)
enum { SCHEMA_VERSION = 1 };

void cell_outcome_done(struct cell_outcome *o)
{
	scn_judgement_done(&o->judgement);
	scn_result_done(&o->result);
	cell_capture_summary_done(&o->capture);
	kt_strv_done(&o->notes);
}

static void strings(struct kt_json *j, const char *key, const char *prefix, const struct kt_strv *v)
{
	kt_json_array_begin(j, key);
	for (size_t i = 0; i < v->nr; i++) {
		kt_auto(mem) char *s = kt_fmt("%s%s", prefix, v->v[i]);

		kt_json_str(j, NULL, s);
	}
	kt_json_array_end(j);
}

static void empty_array(struct kt_json *j, const char *key)
{
	kt_json_array_begin(j, key);
	kt_json_array_end(j);
}

static void cpuset(struct kt_json *j, const char *key, const struct kt_cpuset *set)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	kt_cpuset_format(&b, set);
	kt_json_str(j, key, kt_buf_str(&b));
}

static void identity(const struct cell_spec *c, const struct cell_outcome *o, struct kt_json *j)
{
	const char *release = o->has_result && o->result.kernel_release[0]
				      ? o->result.kernel_release
			      : c->kernel ? c->kernel->release
					  : NULL;
	kt_auto(buf) struct kt_buf time_text = { 0 };
	char hash[17];

	(void)kt_snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)c->variant_hash);
	kt_format_time(&time_text, o->started);
	kt_json_str(j, "test_name", c->plan.test_name);
	kt_json_str(j, "topology", c->topology);
	kt_json_str(j, "scheduler", c->scheduler);
	kt_json_str(j, "work_type", c->work_type);
	kt_json_str(j, "timestamp", kt_buf_str(&time_text));
	kt_json_str(j, "run_id", c->run_id);
	kt_json_null(j, "scheduler_commit");
	kt_json_str(j, "project_commit", c->project_commit);
	kt_json_null(j, "payload");
	kt_json_str(j, "kernel_version", release);
	kt_json_null(j, "kernel_commit");
	kt_json_str(j, "run_source", getenv("KTSTR_CI_ENV") ? "ci" : "local");
	kt_json_str(j, "kernel_key", c->kernel ? c->kernel->key : NULL);
	kt_json_str(j, "variant_hash", hash);
}

/*
 * At most one of the three is true; none: it failed. An error is no verdict on the scheduler:
 * skipped, and "error" says why.
 */
static void verdict(const struct scn_judgement *jd, struct kt_json *j)
{
	const struct scn_finding *error = NULL;

	kt_json_str(j, "verdict", scn_verdict_name(jd->verdict));
	kt_json_bool(j, "passed", jd->verdict == SCN_PASS);
	kt_json_bool(j, "skipped", jd->verdict == SCN_SKIP || jd->verdict == SCN_ERROR);
	kt_json_bool(j, "inconclusive", jd->verdict == SCN_INCONCLUSIVE);
	for (size_t i = 0; i < jd->nr_findings && !error; i++) {
		if (jd->verdict == SCN_ERROR && jd->findings[i].verdict == SCN_ERROR)
			error = &jd->findings[i];
	}
	if (error) {
		kt_json_object_begin(j, "error");
		kt_json_str(j, "kind", error->check);
		kt_json_str(j, "text", error->text);
		kt_json_object_end(j);
	} else {
		kt_json_null(j, "error");
	}
	kt_json_array_begin(j, "findings");
	for (size_t i = 0; i < jd->nr_findings; i++) {
		kt_json_object_begin(j, NULL);
		kt_json_str(j, "verdict", scn_verdict_name(jd->findings[i].verdict));
		kt_json_str(j, "check", jd->findings[i].check);
		kt_json_str(j, "text", jd->findings[i].text);
		kt_json_object_end(j);
	}
	kt_json_array_end(j);
	kt_json_u64(j, "findings_left_out", jd->nr_more);
}

static const char *state_name(enum scn_sched_state s)
{
	switch (s) {
	case SCN_SCHED_NONE:
		return "none";
	case SCN_SCHED_NOT_STARTED:
		return "not_started";
	case SCN_SCHED_NOT_ATTACHED:
		return "not_attached";
	case SCN_SCHED_DIED:
		return "died";
	case SCN_SCHED_LIVED:
		return "lived";
	case SCN_SCHED_STATE_NR:
		break;
	}
	return "unknown";
}

static void process_end(const struct scn_result *r, struct kt_json *j)
{
	if (r->sched_exited && WIFEXITED(r->sched_status))
		kt_json_i64(j, "status", WEXITSTATUS(r->sched_status));
	else
		kt_json_null(j, "status");
	if (r->sched_exited && WIFSIGNALED(r->sched_status))
		kt_json_i64(j, "signal", WTERMSIG(r->sched_status));
	else
		kt_json_null(j, "signal");
}

static void scheduler_exit(const struct cell_spec *c, const struct cell_outcome *o,
			   struct kt_json *j)
{
	const struct scn_result *r = &o->result;
	char name[32];

	if (!o->has_result || !c->plan.scheduler_argv.nr) {
		kt_json_null(j, "scheduler_exit");
		return;
	}
	kt_json_object_begin(j, "scheduler_exit");
	kt_json_str(j, "state", state_name(r->sched));
	kt_json_u64(j, "kind", r->exit.kind);
	kt_json_str(j, "name", scn_exit_name(r->exit.kind, name, sizeof(name)));
	kt_json_str(j, "reason", r->exit.reason);
	kt_json_str(j, "message", r->exit.message);
	kt_json_str(j, "ops_name", r->ops_name[0] ? r->ops_name : r->exit.ops_name);
	kt_json_u64(j, "lived_ms", r->sched_lived_ns / NS_PER_MS);
	kt_json_bool(j, "watchdog_set", r->watchdog_set);
	kt_json_object_begin(j, "process");
	process_end(r, j);
	kt_json_object_end(j);
	kt_json_object_end(j);
}

static void guest_topology(const struct cell_outcome *o, struct kt_json *j)
{
	const struct scn_result *r = &o->result;

	if (!o->has_result) {
		kt_json_null(j, "guest_topology");
		return;
	}
	kt_json_object_begin(j, "guest_topology");
	kt_json_array_begin(j, "cpus");
	for (size_t i = 0; i < r->nr_cpus; i++) {
		kt_json_object_begin(j, NULL);
		kt_json_u64(j, "cpu", r->cpus[i].cpu);
		kt_json_u64(j, "node", r->cpus[i].node);
		cpuset(j, "core", &r->cpus[i].core);
		cpuset(j, "llc", &r->cpus[i].llc);
		kt_json_object_end(j);
	}
	kt_json_array_end(j);
	kt_json_array_begin(j, "nodes");
	for (size_t i = 0; i < r->nr_nodes; i++) {
		const struct scn_seen_node *n = &r->nodes[i];

		kt_json_object_begin(j, NULL);
		kt_json_u64(j, "node", n->node);
		kt_json_u64(j, "memory_bytes", n->memory_bytes);
		cpuset(j, "cpus", &n->cpus);
		kt_json_array_begin_oneline(j, "distances");
		for (uint32_t d = 0; d < n->nr_distances && d < KT_TOPO_NODES_MAX; d++)
			kt_json_u64(j, NULL, n->distance[d]);
		kt_json_array_end(j);
		kt_json_object_end(j);
	}
	kt_json_array_end(j);
	kt_json_object_end(j);
}

/* Wall time on the host, except for what the guest measured by its own clock: attach and ran. */
static void timings(const struct cell_outcome *o, struct kt_json *j)
{
	kt_json_object_begin(j, "timings");
	kt_json_double(j, "setup_ms", (double)o->setup_ns / 1e6);
	kt_json_double(j, "boot_ms", (double)o->boot_ns / 1e6);
	kt_json_double(j, "attach_ms", (double)o->result.attach_ns / 1e6);
	kt_json_double(j, "ran_ms", (double)o->result.ran_ns / 1e6);
	kt_json_double(j, "total_ms", (double)o->total_ns / 1e6);
	kt_json_object_end(j);
}

static void machine(const struct cell_spec *c, const struct cell_outcome *o, struct kt_json *j)
{
	if (c->accel) {
		kt_json_object_begin(j, "accel");
		kt_json_str(j, "name", c->accel->name);
		kt_json_str(j, "why", c->accel->why);
		kt_json_str(j, "version", c->accel->version);
		kt_json_object_end(j);
	} else {
		kt_json_null(j, "accel");
	}
	kt_json_bool(j, "performance", c->performance);
	strings(j, "vm_notes", "", &o->notes);
	kt_json_u64(j, "memory_bytes", c->memory_bytes);
	kt_json_object_begin(j, "frames");
	kt_json_u64(j, "lost", o->result.frames_lost);
	kt_json_u64(j, "bad_checksum", o->bad_frames);
	kt_json_u64(j, "unknown_type", o->unknown_frames);
	kt_json_object_end(j);
}

static const char *file_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

/* Names of files beside this one. */
static void captures(const struct cell_capture_summary *s, struct kt_json *j)
{
	kt_json_object_begin(j, "captures");
	kt_json_str(j, "failure_dump", file_name(s->dump));
	strings(j, "snapshots", "", &s->files);
	kt_json_str(j, "probe", s->probe);
	kt_json_str(j, "not_watched", s->watch);
	kt_json_str(j, "problem", s->problem);
	kt_json_object_end(j);
}

/* Host CPUs that the cell's vCPUs may use at once. */
static unsigned cpu_budget(const struct cell_spec *c)
{
	cpu_set_t cpus;
	unsigned nr = 1;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		nr = (unsigned)CPU_COUNT(&cpus);
	return nr < c->nr_cpus ? nr : c->nr_cpus;
}

void cell_sidecar_json(const struct cell_spec *c, const struct cell_outcome *o, struct kt_buf *ret)
{
	static const struct kt_strv none;
	struct kt_json j;

	kt_json_init(&j, ret, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", SCHEMA_VERSION);
	identity(c, o, &j);
	verdict(&o->judgement, &j);
	empty_array(&j, "metrics");
	scn_stats_json(&c->plan, &o->judgement, &j, "stats");
	kt_json_null(&j, "monitor");
	kt_json_u64(&j, "periodic_fired", o->capture.periodic_fired);
	kt_json_u64(&j, "periodic_target", c->plan.nr_periodic);
	kt_json_u64(&j, "vcpus", c->nr_cpus);
	kt_json_u64(&j, "cpu_budget", cpu_budget(c));
	empty_array(&j, "stimulus_events");
	empty_array(&j, "verifier_stats");
	kt_json_null(&j, "kvm_stats");
	strings(&j, "sysctls", "sysctl.", &c->plan.sysctls);
	strings(&j, "kargs", "", c->test ? &c->test->kargs : &none);
	cell_host_context_json(&j, "host");
	if (o->machine_ran)
		kt_json_u64(&j, "cleanup_duration_ms", o->cleanup_ns / NS_PER_MS);
	else
		kt_json_null(&j, "cleanup_duration_ms");
	scheduler_exit(c, o, &j);
	guest_topology(o, &j);
	timings(o, &j);
	machine(c, o, &j);
	captures(&o->capture, &j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
}

int cell_write_sidecar(const struct cell_spec *c, const struct cell_outcome *o, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	cell_sidecar_json(c, o, &b);
	if (!kt_buf_ok(&b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "write '%s'", c->sidecar_path);
	return kt_file_write_atomic(c->sidecar_path, b.data, b.len, 0644, e);
}

int cell_write_error_sidecar(const struct cell_spec *c, const char *kind, const char *text,
			     struct kt_err *e)
{
	struct cell_outcome o = { .started = time(NULL) };
	int r;

	scn_judge_add(&o.judgement, SCN_ERROR, kind, "%s", text);
	r = cell_write_sidecar(c, &o, e);
	cell_outcome_done(&o);
	return r;
}
