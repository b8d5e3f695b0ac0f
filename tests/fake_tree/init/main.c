// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

void start_kernel(void);
void start_kernel(void)
{
	fork_init();
	sched_init();
	page_alloc_init();
	vfs_init();
	driver_init(kstrlen(linux_banner));
}
