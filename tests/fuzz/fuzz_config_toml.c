/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as ktstr.toml: a project or one error with its place, in bounded work. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void broken(const char *what)
{
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

/* What the rest of the tree relies on once a project was handed out. */
static void check_project(const struct cfg_project *p)
{
	if (!p->file || !p->dir || !p->name || !p->nr_kernels)
		broken("half a project");
	for (size_t i = 0; i < p->nr_tests; i++) {
		const struct cfg_test *t = &p->tests[i];
		unsigned workers = 0;

		if (!t->name || cfg_topology_check(&t->topology, NULL) < 0 || !t->duration_ns)
			broken("half a test");
		if (t->scheduler != CFG_NO_SCHEDULER && t->scheduler >= p->nr_schedulers)
			broken("scheduler out of range");
		for (size_t n = 0; n < t->nr_cgroups; n++) {
			const struct cfg_cgroup *c = &t->cgroups[n];
			unsigned group = scn_work_types[c->work.type].group;
			struct kt_cpuset cpus;

			if (!c->name[0] ||
			    cfg_cpuset_resolve(&c->cpuset, &t->topology, &cpus, NULL) < 0)
				broken("half a cgroup");
			if (cfg_cgroup_workers(c, &t->topology) % group)
				broken("half a group of workers");
			workers += cfg_cgroup_workers(c, &t->topology);
		}
		if (workers > SCN_WORKERS_MAX)
			broken("too many workers");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cfg_project *p = NULL;
	struct kt_err e = { 0 };
	char text[4096];

	if (cfg_load_text("k", (const char *)data, size, &p, &e) == 0) {
		check_project(p);
		cfg_project_free(p);
	} else if (p || strncmp(kt_err_text(&e, text, sizeof(text)), "k:", 2) != 0) {
		broken("an error without its place");
	}
	return 0;
}
