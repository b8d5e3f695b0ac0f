/* SPDX-License-Identifier: GPL-2.0-only */
/* The run directory: only the parent makes directories; cells write their own files into them. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "driver/cell/coordinator.h"
#include "driver/run.h"

enum { ID_TRIES = 16, DIR_MODE = 0755 };

void drv_run_done(struct drv_run *r)
{
	free(r->id);
	free(r->out_dir);
	free(r->dir);
	free(r->commit);
	kt_strv_done(&r->notes);
}

int drv_run_make_out_dir(struct drv_run *r, struct kt_err *e)
{
	static const char all[] = "*\n";
	kt_auto(mem) char *ignore = NULL;
	int ret;

	r->out_dir = kt_fmt("%s/ktstr-out", r->plan->project->dir);
	if (r->out_dir)
		ignore = kt_fmt("%s/.gitignore", r->out_dir);
	if (!ignore)
		return kt_fail(e, KT_E_HOST, ENOMEM, "name the output directory");
	ret = kt_mkdir_p(r->out_dir, DIR_MODE, e);
	if (ret < 0)
		return ret;
	if (access(ignore, F_OK) == 0)
		return 0;
	return kt_file_write_atomic(ignore, all, strlen(all), 0644, e);
}

static char *make_id(time_t t)
{
	unsigned char salt[3];
	char stamp[32];
	struct tm tm;

	/* Without randomness the pid still tells two runs of one second apart. */
	if (getrandom(salt, sizeof(salt), GRND_NONBLOCK) != (ssize_t)sizeof(salt)) {
		pid_t pid = getpid();

		memcpy(salt, &pid, sizeof(salt));
	}
	if (!gmtime_r(&t, &tm) || !strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm))
		return NULL;
	return kt_fmt("%s-%02x%02x%02x", stamp, salt[0], salt[1], salt[2]);
}

/* A directory of a name that nobody else has. */
static int make_unique(struct drv_run *r, const char *runs, struct kt_err *e)
{
	for (int i = 0; i < ID_TRIES; i++) {
		free(r->id);
		free(r->dir);
		r->dir = NULL;
		r->id = make_id(r->started);
		if (r->id)
			r->dir = kt_fmt("%s/%s", runs, r->id);
		if (!r->dir)
			return kt_fail(e, KT_E_HOST, ENOMEM, "name the run directory");
		if (mkdir(r->dir, DIR_MODE) == 0)
			return 0;
		if (errno != EEXIST)
			return kt_fail(e, KT_E_HOST, errno, "create directory '%s'", r->dir);
	}
	return kt_fail(e, KT_E_HOST, EEXIST, "create directory '%s'", r->dir);
}

/* Two runs at once may both do this: the later one wins, and the link is never missing. */
static void point_latest(const struct drv_run *r, const char *runs)
{
	kt_auto(mem) char *link = kt_fmt("%s/latest", runs);
	kt_auto(mem) char *temporary = kt_fmt("%s/.latest.%s", runs, r->id);

	if (!link || !temporary)
		return;
	if (symlink(r->id, temporary) == 0 && rename(temporary, link) == 0)
		return;
	kt_log(KT_AREA_DRIVER, KT_WARN, "cannot point '%s' to this run: %s; it stays as it is",
	       link, strerror(errno));
	(void)unlink(temporary);
}

/*
 * "7.3.4-abc1234-dirty"; another kernel of the same release in this run gets its place in the list
 * as well.
 */
static int name_kernel_dir(struct drv_run *r, size_t index, struct kt_err *e)
{
	struct drv_kernel *k = &r->plan->kernels[index];
	const char *commit = r->commit ? r->commit : "unknown";
	kt_auto(mem) char *release = drv_safe_name(k->entry->release);
	kt_auto(mem) char *path = NULL;

	if (release)
		k->dir_name = kt_fmt("%s-%s", release, commit);
	for (size_t i = 0; k->dir_name && i < index; i++) {
		if (!kt_streq(r->plan->kernels[i].dir_name, k->dir_name))
			continue;
		free(k->dir_name);
		k->dir_name = kt_fmt("%s.%zu-%s", release, index + 1, commit);
		break;
	}
	if (k->dir_name)
		path = kt_fmt("%s/%s", r->dir, k->dir_name);
	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "name the directory of kernel '%s'", k->name);
	return kt_mkdir_p(path, DIR_MODE, e);
}

static int name_cell_files(const struct drv_run *r, struct drv_cell *c, struct kt_err *e)
{
	const char *dir = r->plan->kernels[c->kernel].dir_name;
	kt_auto(mem) char *test = drv_safe_name(c->test->name);

	if (test) {
		c->spec.sidecar_path = kt_fmt("%s/%s/%s-%016" PRIx64 ".ktstr.json", r->dir, dir,
					      test, c->spec.variant_hash);
		c->spec.log_dir = kt_fmt("%s/%s/%s-%016" PRIx64 ".log", r->dir, dir, test,
					 c->spec.variant_hash);
	}
	if (!c->spec.sidecar_path || !c->spec.log_dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "name the files of test '%s'", c->test->name);
	c->spec.shown_from = drv_shown_from(r, c->spec.sidecar_path);
	c->spec.run_id = r->id;
	c->spec.project_commit = r->commit;
	c->spec.stream_output = r->no_capture;
	c->spec.performance = r->performance || c->test->performance;
	return 0;
}

int drv_run_make_dir(struct drv_run *r, struct kt_err *e)
{
	kt_auto(mem) char *runs = kt_fmt("%s/runs", r->out_dir);
	int ret;

	if (!runs)
		return kt_fail(e, KT_E_HOST, ENOMEM, "name the run directory");
	ret = kt_mkdir_p(runs, DIR_MODE, e);
	if (ret == 0)
		ret = make_unique(r, runs, e);
	for (size_t i = 0; ret == 0 && i < r->plan->nr_kernels; i++)
		ret = name_kernel_dir(r, i, e);
	for (size_t i = 0; ret == 0 && i < r->plan->nr_cells; i++)
		ret = name_cell_files(r, &r->plan->cells[i], e);
	if (ret == 0)
		point_latest(r, runs);
	return ret;
}

int drv_run_make_cell_dir(const struct drv_cell *c, struct kt_err *e)
{
	kt_auto(mem) char *dump = cell_dump_path(c->spec.sidecar_path);
	int r = kt_mkdir_p(c->spec.log_dir, DIR_MODE, e);

	if (r < 0)
		return r;
	/* A dump that is there when the cell has ended is of this failure, and no other. */
	return dump ? cell_remove_dumps(dump, e)
		    : kt_fail(e, KT_E_HOST, ENOMEM, "name the dump of '%s'", c->test->name);
}
