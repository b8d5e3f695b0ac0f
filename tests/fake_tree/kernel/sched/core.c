// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

#ifdef CONFIG_SCHED_CLASS_EXT
void scx_init(void);
#endif

void sched_init(void)
{
#ifdef CONFIG_SCHED_CLASS_EXT
	scx_init();
#endif
}
