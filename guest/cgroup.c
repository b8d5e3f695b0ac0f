/* SPDX-License-Identifier: GPL-2.0-only */
/* The plan's control groups (v2). */
#include "guest/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#define ROOT "/sys/fs/cgroup"
#define OURS ROOT "/ktstr"

static int make_dir(const char *path, struct kt_err *e)
{
	if (mkdir(path, 0755) < 0)
		return kt_fail(e, KT_E_HOST, errno, "make cgroup '%s'", path);
	return 0;
}

static int write_file(const char *path, const char *text, struct kt_err *e)
{
	int r = gst_write_text(path, text);

	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "write \"%s\" to '%s'", text, path);
	return 0;
}

static bool has_controller(const char *name)
{
	char list[512], *save = NULL;

	if (kt_file_read_small(ROOT "/cgroup.controllers", list, sizeof(list)) < 0)
		return false;
	for (char *w = strtok_r(list, " ", &save); w; w = strtok_r(NULL, " ", &save))
		if (kt_streq(w, name))
			return true;
	return false;
}

static int enable_controllers(const struct scn_plan *p, struct kt_err *e)
{
	bool cpu = has_controller("cpu"); /* without it, cgroups only hold workers */
	bool cpuset = false;
	const char *wanted;
	int r;

	for (size_t i = 0; i < p->nr_cgroups; i++)
		cpuset |= p->cgroups[i].has_cpuset;
	if (!cpu && !cpuset)
		return 0;
	wanted = !cpuset ? "+cpu" : cpu ? "+cpu +cpuset" : "+cpuset";
	r = write_file(ROOT "/cgroup.subtree_control", wanted, e);
	return r < 0 ? r : write_file(OURS "/cgroup.subtree_control", wanted, e);
}

static int set_cpuset(const struct scn_cgroup *cg, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf list = { 0 };
	char path[256];

	kt_cpuset_format(&list, &cg->cpuset);
	if (!kt_buf_ok(&list))
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate a CPU list");
	(void)kt_snprintf(path, sizeof(path), OURS "/%s/cpuset.cpus", cg->name);
	return write_file(path, kt_buf_str(&list), e);
}

int gst_cgroups_create(const struct scn_plan *p, struct kt_err *e)
{
	int r;

	if (p->nr_cgroups == 0)
		return 0;
	r = make_dir(OURS, e);
	if (r < 0)
		return r;
	r = enable_controllers(p, e);
	for (size_t i = 0; r == 0 && i < p->nr_cgroups; i++) {
		char path[256];

		(void)kt_snprintf(path, sizeof(path), OURS "/%s", p->cgroups[i].name);
		r = make_dir(path, e);
		if (r == 0 && p->cgroups[i].has_cpuset)
			r = set_cpuset(&p->cgroups[i], e);
	}
	return r;
}

int gst_cgroup_open(const struct scn_cgroup *cg, int *ret_fd, struct kt_err *e)
{
	char path[256];
	int fd;

	(void)kt_snprintf(path, sizeof(path), OURS "/%s", cg->name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open cgroup '%s'", path);
	*ret_fd = fd;
	return 0;
}
