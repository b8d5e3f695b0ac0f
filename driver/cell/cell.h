/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One cell's life, inside its own process: boot, run, judge, write sidecar and logs, tell the
 * parent.
 */
#ifndef KTSTR_DRIVER_CELL_CELL_H
#define KTSTR_DRIVER_CELL_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "capture/capture.h"
#include "config/config.h"
#include "kernel-cache/kernel-cache.h"
#include "scenario/scenario.h"
#include "vmm/vmm.h"

/* Everything that a cell is; made by the plan, borrowed by cell_run for its whole life. */
struct cell_spec {
	const struct cfg_project *project;
	const struct cfg_test *test;
	const struct kc_entry *kernel;
	const struct vm_accel_choice *accel;
	struct scn_plan plan; /* resolved for the topology, scheduler paths are guest paths */
	/* For captures; of the parent, made before cells are forked: none of it is ever written to. */
	const struct cap_types *types; /* NULL: types_why */
	const char *types_why; /* NULL: it has no BTF */
	const struct cap_symbols *linked; /* addresses in the kernel's file; NULL: none */
	const struct cap_objects *objects; /* of the scheduler; NULL: none */
	const char *program; /* the host's file that they are from; NULL: unknown */
	char *initrd_base; /* cached cpio: init, scheduler, libraries */
	char *topology; /* "1n2l4c1t" */
	char *scheduler; /* name, or "eevdf" */
	char *work_type; /* "spin_wait", "mixed", or "none": for the sidecar */
	uint64_t variant_hash; /* wire-schema.md section 8 */
	uint64_t memory_bytes;
	unsigned nr_cpus;
	uint64_t host_deadline_ns; /* length of the host-side limit from spawn, already scaled */
	/* run directory, made by the parent before the cell starts */
	char *sidecar_path; /* .../{test}-{hash}.ktstr.json */
	char *log_dir; /* .../{test}-{hash}.log */
	size_t shown_from; /* of paths beside these: where begins what a user is shown of them */
	const char *run_id;
	const char *project_commit; /* 7 hex [+ "-dirty"], NULL: unknown */
	bool performance; /* vm_config.performance */
	bool dual; /* a capture before the failure as well, and both in one file */
	bool stream_output; /* --no-capture: all logs go to the parent as they come */
};

void cell_spec_done(struct cell_spec *c);
/*
 * How much longer than host_deadline_ns a cell may take, for that its machine stood still for captures: as long as two
 * freezes that time out. A guest that asks for many has no more than that either.
 */
uint64_t cell_standing_max_ns(const struct cell_spec *s);
/* The limit on the host's clock, of a machine that stood still for so long. */
uint64_t cell_time_ns(const struct cell_spec *s, uint64_t stood_ns);

/* What a cell tells its parent over a pipe: a header, then len bytes. */
enum cell_msg_type {
	CELL_MSG_PHASE, /* u8 enum cell_phase */
	CELL_MSG_NOTE, /* text, one line of vm_notes() */
	CELL_MSG_OUTPUT, /* u8 enum cell_stream, then text */
	CELL_MSG_DONE, /* struct cell_done, then the failure text (printable, for the terminal) */
};
enum cell_phase {
	CELL_STARTING, /* before the machine runs */
	CELL_BOOTING,
	CELL_ATTACHING, /* init is up, scheduler starting */
	CELL_RUNNING,
	CELL_FINISHING,
	CELL_PHASE_NR,
};
enum cell_stream { CELL_CONSOLE, CELL_SCHED_LOG, CELL_KERNEL_LOG };
enum { CELL_MSG_MAX = 256 << 10 };

struct cell_msg {
	uint32_t type;
	uint32_t len;
};
struct cell_done {
	uint32_t verdict; /* enum scn_verdict */
	uint32_t pad;
	uint64_t setup_ns; /* spawn to machine start: host work */
	uint64_t boot_ns; /* machine start to init */
	uint64_t total_ns;
	uint64_t max_rss_kib;
};

/**
 * Run the cell in this process and write its files. Messages go to @msg_fd (best effort: a parent
 * that is gone does not stop the cell's own clean-up). SIGTERM or SIGINT end the cell cleanly: no
 * sidecar, verdict CELL "interrupted". Returns the verdict; never exits.
 */
enum scn_verdict cell_run(const struct cell_spec *c, int msg_fd);

/*
 * For a cell whose process died before it could say anything: the parent writes the sidecar
 * (verdict error: skipped true plus an "error" object with kind and text).
 */
int cell_write_error_sidecar(const struct cell_spec *c, const char *kind, const char *text,
			     struct kt_err *e);

/*
 * The variant hash of wire-schema.md section 8: SipHash-1-3 over topology, scheduler, work type,
 * sysctls, kargs.
 */
uint64_t cell_variant_hash(const char *topology, const char *scheduler, const char *work_type,
			   const struct kt_strv *sysctls, const struct kt_strv *kargs);

#endif
