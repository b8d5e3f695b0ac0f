/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Make the Nth allocation, or the Nth write, fsync or rename, fail. For tests named test_<module>_faults.c, which
 * the Makefile links so that these calls of ours come here (calls inside the C library do not).
 */
#ifndef KTSTR_TESTS_UNIT_FAULTS_H
#define KTSTR_TESTS_UNIT_FAULTS_H

#include <errno.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum unit_fault_kind { UNIT_FAULT_NONE, UNIT_FAULT_ALLOC, UNIT_FAULT_IO };

static struct {
	enum unit_fault_kind kind;
	unsigned left; /* calls until the one that fails */
	int errnum;
	bool hit;
} unit_faults;

static bool unit_fault_now(enum unit_fault_kind kind)
{
	if (unit_faults.kind != kind || --unit_faults.left > 0)
		return false;
	unit_faults.kind = UNIT_FAULT_NONE;
	unit_faults.hit = true;
	errno = unit_faults.errnum;
	return true;
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
		unit_faults.errnum = errnum;
		unit_faults.left = n;
		unit_faults.hit = false;
		unit_faults.kind = kind;
		r = op(ctx);
		hit = unit_faults.hit;
		unit_faults.kind = UNIT_FAULT_NONE;
		assert_int_equal(r, hit ? -errnum : 0);
		if (!hit)
			return n - 1;
	}
	fail_msg("no end of calls to fail");
	return 0;
}

#endif
