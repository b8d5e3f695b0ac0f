/* SPDX-License-Identifier: GPL-2.0-only */
/* init: write the commented starter project. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "config/config.h"
#include "driver/driver.h"

static const char file_name[] = "ktstr.toml";

/* A directory above that has a project already: two nested ones are legal, and often a mistake. */
static void tell_of_outer_project(void)
{
	kt_auto(mem) char *outer = NULL;

	if (cfg_find("..", &outer, NULL) == 0)
		fprintf(stderr, "note: there is a project above this one: %s\n", outer);
}

static int init_run(struct drv_ctx *ctx, struct kt_err *e)
{
	kt_auto(mem) char *cwd = getcwd(NULL, 0);
	kt_auto(fd) int fd = -1;
	int r;

	(void)ctx;
	if (!cwd)
		return kt_fail(e, KT_E_HOST, errno, "find the current directory");
	/* O_EXCL, so that a file that appears meanwhile is not lost either. */
	fd = open(file_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 && errno == EEXIST)
		return kt_fail(e, KT_E_USAGE, EEXIST, "%s/%s exists already: nothing was written",
			       cwd, file_name);
	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "create '%s/%s'", cwd, file_name);
	r = kt_write_all(fd, cfg_starter_toml, strlen(cfg_starter_toml));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(
			file_name); /* half a project is worse than none; the first error counts */
		return kt_fail(e, KT_E_HOST, -r, "write '%s/%s'", cwd, file_name);
	}
	tell_of_outer_project();
	printf("wrote %s/%s\n", cwd, file_name);
	fputs("next: 'ktstr-make doctor' checks this host, 'ktstr-make test' runs the tests;\n"
	      "results land in ktstr-out/, which keeps itself out of git\n",
	      stderr);
	return 0;
}

const struct drv_command drv_cmd_init = {
	.name = "init",
	.summary = "write a commented starter ktstr.toml into this directory",
	.help = "Refuses when there is a ktstr.toml already.",
	.run = init_run,
};
