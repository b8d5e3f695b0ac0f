// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

void scx_init(void);
void scx_init(void)
{
	init_task.next = 0;
}
