/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KERNEL_H
#define _LINUX_KERNEL_H

typedef unsigned long size_t;
struct task_struct {
	int pid;
	struct task_struct *next;
};
extern const char linux_banner[];
extern struct task_struct init_task;
void fork_init(void);
void sched_init(void);
void page_alloc_init(void);
void vfs_init(void);
void driver_init(size_t n);
size_t kstrlen(const char *s);

#endif
