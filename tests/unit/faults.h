/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Make the Nth allocation fail, or the Nth write, fsync or rename, KVM ioctl, mapping, new descriptor or thread. For tests
 * named test_<module>_faults.c, which the Makefile links so that these calls of ours come here (calls inside the C library
 * do not). From any thread.
 */
#ifndef KTSTR_TESTS_UNIT_FAULTS_H
#define KTSTR_TESTS_UNIT_FAULTS_H

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum unit_fault_kind {
	UNIT_FAULT_NONE,
	UNIT_FAULT_ALLOC,
	UNIT_FAULT_IO,
	UNIT_FAULT_KVM,
	UNIT_FAULT_MMAP,
	UNIT_FAULT_FD, /* eventfd, timerfd_create, epoll_create1, epoll_ctl, memfd_create */
	UNIT_FAULT_THREAD,
};

static struct {
	_Atomic(enum unit_fault_kind) kind;
	atomic_uint left; /* calls until the one that fails */
	int errnum;
	atomic_bool hit;
	_Atomic(unsigned long) request; /* of the ioctl that failed */
	/* Sees every KVM ioctl before it is made; may be NULL. */
	void (*on_kvm)(int fd, unsigned long request, void *arg);
} unit_faults;

static bool unit_fault_now(enum unit_fault_kind kind)
{
	if (unit_faults.kind != kind || atomic_fetch_sub(&unit_faults.left, 1) != 1)
		return false;
	unit_faults.kind = UNIT_FAULT_NONE;
	unit_faults.hit = true;
	errno = unit_faults.errnum;
	return true;
}

/* The @n th call of @kind from now on fails. */
static inline void unit_fault_arm(enum unit_fault_kind kind, int errnum, unsigned n)
{
	unit_faults.errnum = errnum;
	unit_faults.left = n;
	unit_faults.hit = false;
	unit_faults.request = 0;
	unit_faults.kind = kind;
}

/* No more of them. True: one has failed. */
static inline bool unit_fault_disarm(void)
{
	unit_faults.kind = UNIT_FAULT_NONE;
	return unit_faults.hit;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	return unit_fault_now(UNIT_FAULT_ALLOC) ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size)
{
	return unit_fault_now(UNIT_FAULT_ALLOC) ? NULL : __real_calloc(nr, size);
}

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size)
{
	return unit_fault_now(UNIT_FAULT_ALLOC) ? NULL : __real_realloc(p, size);
}

char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
char *__wrap_strdup(const char *s)
{
	return unit_fault_now(UNIT_FAULT_ALLOC) ? NULL : __real_strdup(s);
}

char *__real_strndup(const char *s, size_t len);
char *__wrap_strndup(const char *s, size_t len);
char *__wrap_strndup(const char *s, size_t len)
{
	return unit_fault_now(UNIT_FAULT_ALLOC) ? NULL : __real_strndup(s, len);
}

int __real_vasprintf(char **ret, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
int __wrap_vasprintf(char **ret, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
int __wrap_vasprintf(char **ret, const char *fmt, va_list ap)
{
	return unit_fault_now(UNIT_FAULT_ALLOC) ? -1 : __real_vasprintf(ret, fmt, ap);
}

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	return unit_fault_now(UNIT_FAULT_IO) ? -1 : __real_write(fd, data, len);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	return unit_fault_now(UNIT_FAULT_IO) ? -1 : __real_fsync(fd);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
	return unit_fault_now(UNIT_FAULT_IO) ? -1 : __real_rename(from, to);
}

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (_IOC_TYPE(request) != KVMIO)
		return __real_ioctl(fd, request, arg);
	if (unit_faults.on_kvm)
		unit_faults.on_kvm(fd, request, arg);
	if (unit_fault_now(UNIT_FAULT_KVM)) {
		unit_faults.request = request;
		return -1;
	}
	return __real_ioctl(fd, request, arg);
}

void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	return unit_fault_now(UNIT_FAULT_MMAP) ? (void *)-1
					       : __real_mmap(at, len, prot, flags, fd, offset);
}

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags)
{
	return unit_fault_now(UNIT_FAULT_FD) ? -1 : __real_eventfd(count, flags);
}

int __real_timerfd_create(int clock, int flags);
int __wrap_timerfd_create(int clock, int flags);
int __wrap_timerfd_create(int clock, int flags)
{
	return unit_fault_now(UNIT_FAULT_FD) ? -1 : __real_timerfd_create(clock, flags);
}

int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags)
{
	return unit_fault_now(UNIT_FAULT_FD) ? -1 : __real_memfd_create(name, flags);
}

int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_create1(int flags)
{
	return unit_fault_now(UNIT_FAULT_FD) ? -1 : __real_epoll_create1(flags);
}

struct epoll_event;
int __real_epoll_ctl(int fd, int op, int other, struct epoll_event *event);
int __wrap_epoll_ctl(int fd, int op, int other, struct epoll_event *event);
int __wrap_epoll_ctl(int fd, int op, int other, struct epoll_event *event)
{
	return unit_fault_now(UNIT_FAULT_FD) ? -1 : __real_epoll_ctl(fd, op, other, event);
}

int __real_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*run)(void *),
			  void *ctx);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*run)(void *),
			  void *ctx);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*run)(void *),
			  void *ctx)
{
	return unit_fault_now(UNIT_FAULT_THREAD) ? errno
						 : __real_pthread_create(ret, attr, run, ctx);
}

/**
 * Call @op once for each of its calls of @kind, letting that one fail with @errnum, then once without. @op must
 * return -@errnum when one failed, 0 when none did. Returns how many places failed.
 */
static inline unsigned unit_fail_each(enum unit_fault_kind kind, int errnum, int (*op)(void *ctx),
				      void *ctx)
{
	unsigned n;
	bool hit;
	int r;

	for (n = 1; n < 10000; n++) {
		unit_fault_arm(kind, errnum, n);
		r = op(ctx);
		hit = unit_fault_disarm();
		assert_int_equal(r, hit ? -errnum : 0);
		if (!hit)
			return n - 1;
	}
	fail_msg("no end of calls to fail");
	return 0;
}

#endif
