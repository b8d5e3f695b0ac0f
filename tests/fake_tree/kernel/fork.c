// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

struct task_struct init_task;

void fork_init(void)
{
	init_task.pid = 1;
}
