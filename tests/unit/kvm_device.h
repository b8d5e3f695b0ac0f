/* SPDX-License-Identifier: GPL-2.0-only */
/* Another /dev/kvm, or none, for one process: what a test does in a child with a /dev of its own. */
#ifndef KTSTR_TESTS_UNIT_KVM_DEVICE_H
#define KTSTR_TESTS_UNIT_KVM_DEVICE_H

#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum kvm_device {
	KVM_DEVICE_REAL,
	KVM_DEVICE_MISSING,
	KVM_DEVICE_FORBIDDEN, /* a file that nobody may open */
	KVM_DEVICE_NULL, /* a device, but another */
};

enum { KVM_DEVICE_NO_MOUNTS = 77, KVM_DEVICE_LIMIT_S = 120 };

/* A file called @path: empty and nobody's to open, or bound to descriptor @fd. */
static inline int kvm_device_make(const char *path, int fd)
{
	char from[64];
	int file = open(path, O_CREAT | O_RDONLY | O_CLOEXEC, 0);

	if (file < 0)
		return -1;
	close(file);
	(void)kt_snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	return fd < 0 ? 0 : mount(from, path, NULL, MS_BIND, NULL);
}

/* In a child only. /dev has nothing but null and kvm afterwards. -1: errno. */
static inline int kvm_device_replace(enum kvm_device kind)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
	int fd;

	if (kind == KVM_DEVICE_REAL)
		return 0;
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	fd = open("/dev/null", O_PATH | O_CLOEXEC); /* of this name space: only that can be bound */
	if (fd < 0 || mount("none", "/dev", "tmpfs", 0, NULL) < 0 ||
	    kvm_device_make("/dev/null", fd) < 0)
		return -1;
	if (kind == KVM_DEVICE_NULL)
		return kvm_device_make("/dev/kvm", fd);
	if (kind == KVM_DEVICE_FORBIDDEN)
		return kvm_device_make("/dev/kvm", -1) < 0    ? -1
		       : syscall(SYS_capset, &head, none) < 0 ? -1
							      : 0;
	return 0;
}

/* @op, in a process that sees such a device; it returns 0 when all is well. */
static inline void kvm_device_with(enum kvm_device kind, int (*op)(void *ctx), void *ctx)
{
	int status = 0;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)alarm(KVM_DEVICE_LIMIT_S);
		_exit(kvm_device_replace(kind) < 0 ? KVM_DEVICE_NO_MOUNTS : op(ctx));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == KVM_DEVICE_NO_MOUNTS)
		unit_require("mount", "cannot have a /dev of one's own");
	if (status)
		fail_msg("the process %s %d", WIFSIGNALED(status) ? "died of" : "ended with",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

#endif
