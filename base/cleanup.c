/* SPDX-License-Identifier: GPL-2.0-only */
/* The cleanup functions behind kt_auto(fd), kt_auto(mem), kt_auto(file) and kt_auto(dir). */
#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void kt_cleanup_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

void kt_cleanup_mem(void *pp)
{
	int saved = errno;

	free(*(void **)pp);
	errno = saved;
}

void kt_cleanup_file(FILE **f)
{
	int saved = errno;

	if (*f)
		fclose(*f);
	errno = saved;
}

void kt_cleanup_dir(DIR **d)
{
	int saved = errno;

	if (*d)
		closedir(*d);
	errno = saved;
}
