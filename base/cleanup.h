/* SPDX-License-Identifier: GPL-2.0-only */
/* Scope cleanup: kt_auto(type) declares a variable that is released when its scope ends. */
#ifndef KTSTR_BASE_CLEANUP_H
#define KTSTR_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>

/*
 * kt_auto(fd) int fd = open(...);           closed on every way out
 * kt_auto(vm) struct vm *vm = NULL;         vm_free(vm), declared by KT_DEFINE_AUTO(vm, struct vm *, vm_free)
 * *ret = kt_take(vm);                       hand a pointer over: vm is NULL afterwards
 * *ret_fd = kt_take_fd(fd);                 the same for a descriptor: fd is -1 afterwards
 */
#define kt_auto(name) __attribute__((cleanup(kt_cleanup_##name)))

/* Cleanup for pointer-like @type through @func, which must accept NULL and preserve errno. */
#define KT_DEFINE_AUTO(name, type, func) \
	static inline void kt_cleanup_##name(type *p) \
	{ \
		(void)func(*p); \
	} \
	_Static_assert(1, "")

#define kt_take(p) \
	__extension__({ \
		__typeof__(p) kt_taken = (p); \
		(p) = NULL; \
		kt_taken; \
	})

static inline int kt_take_fd_(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}
#define kt_take_fd(fd) kt_take_fd_(&(fd))

/* All preserve errno and accept the empty value (-1, NULL). */
void kt_cleanup_fd(int *fd);
void kt_cleanup_mem(void *pp); /* kt_auto(mem) char *s = strdup(...) */
void kt_cleanup_file(FILE **f);
void kt_cleanup_dir(DIR **d);

#endif
