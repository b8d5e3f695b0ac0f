/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the project is: the nearest ktstr.toml upwards. */
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cfg_find(const char *start_dir, char **ret_path, struct kt_err *e)
{
	kt_auto(mem) char *start = realpath(start_dir, NULL);
	kt_auto(mem) char *dir = start ? strdup(start) : NULL;

	if (!start)
		return kt_fail(e, KT_E_CONFIG, errno, "%s: %s", start_dir, strerrordesc_np(errno));
	while (dir) {
		kt_auto(mem) char *path = kt_fmt("%s/ktstr.toml", kt_streq(dir, "/") ? "" : dir);
		char *slash = strrchr(dir, '/');

		if (!path)
			break;
		if (access(path, F_OK) == 0) {
			*ret_path = kt_take(path);
			return 0;
		}
		if (kt_streq(dir, "/"))
			return kt_fail(e, KT_E_CONFIG, ENOENT,
				       "no ktstr.toml in '%s' or any directory above it; "
				       "'ktstr-make init' writes one",
				       start);
		slash[slash == dir] = '\0';
	}
	return kt_fail(e, KT_E_HOST, ENOMEM, "look for ktstr.toml");
}
