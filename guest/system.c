/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine around init: file systems, limits, sysctls, power. Needs no modules and no udev. */
#include "guest/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

struct mount_row {
	const char *type;
	const char *target;
	const char *options;
	unsigned long flags;
	bool needed; /* else a kernel without it runs what does not use it */
};

static const struct mount_row first_mounts[] = {
	{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, true },
	{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, true },
};

static const struct mount_row rest_mounts[] = {
	{ "devpts", "/dev/pts", "mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC, false },
	{ "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, false },
	{ "cgroup2", "/sys/fs/cgroup", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, true },
	{ "bpf", "/sys/fs/bpf", "mode=0700", MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "debugfs", "/sys/kernel/debug", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "tracefs", "/sys/kernel/tracing", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV, true },
	{ "tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV, true },
};

/* What init and common programs open, for kernels without devtmpfs. */
static const struct node_row {
	const char *path;
	unsigned major, minor;
} nodes[] = {
	{ "/dev/mem", 1, 1 },   { "/dev/null", 1, 3 },   { "/dev/zero", 1, 5 },
	{ "/dev/full", 1, 7 },  { "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 },
	{ "/dev/kmsg", 1, 11 }, { "/dev/tty", 5, 0 },    { "/dev/console", 5, 1 },
	{ "/dev/ptmx", 5, 2 },  { "/dev/ttyS0", 4, 64 }, { "/dev/ttyS1", 4, 65 },
};

static int mount_one(const struct mount_row *m, struct kt_err *e)
{
	int err;

	/*
	 * A directory that exists, or that its file system does not let us make: mount() says so.
	 */
	(void)mkdir(m->target, 0755);
	if (mount(m->type, m->target, m->type, m->flags, m->options) == 0)
		return 0;
	err = errno;
	if (!m->needed || err == EBUSY) /* EBUSY: it is there already */
		return 0;
	return kt_fail(e, KT_E_HOST, err, "mount %s on '%s'", m->type, m->target);
}

static int mount_dev(struct kt_err *e)
{
	(void)mkdir("/dev", 0755);
	/* Never there on its own: CONFIG_DEVTMPFS_MOUNT does not apply to an initramfs. */
	if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755") == 0 || errno == EBUSY)
		return 0;
	if (mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=0755") < 0)
		return kt_fail(e, KT_E_HOST, errno, "mount tmpfs on '/dev'");
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		if (mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) <
		    0)
			return kt_fail(e, KT_E_HOST, errno, "make device '%s'", nodes[i].path);
	return 0;
}

int gst_mount_first(struct kt_err *e)
{
	for (size_t i = 0; i < sizeof(first_mounts) / sizeof(first_mounts[0]); i++) {
		int r = mount_one(&first_mounts[i], e);

		if (r < 0)
			return r;
	}
	return mount_dev(e);
}

int gst_mount_rest(struct kt_err *e)
{
	for (size_t i = 0; i < sizeof(rest_mounts) / sizeof(rest_mounts[0]); i++) {
		int r = mount_one(&rest_mounts[i], e);

		if (r < 0)
			return r;
	}
	return 0;
}

static int raise_one(int resource, const char *name, rlim_t to, struct kt_err *e)
{
	const struct rlimit lim = { .rlim_cur = to, .rlim_max = to };

	if (setrlimit(resource, &lim) < 0)
		return kt_fail(e, KT_E_HOST, errno, "raise %s", name);
	return 0;
}

int gst_raise_limits(struct kt_err *e)
{
	/*
	 * Pairs of workers take four descriptors each while they are started; schedulers map many
	 * objects.
	 */
	int r = raise_one(RLIMIT_NOFILE, "RLIMIT_NOFILE", 65536, e);

	if (r < 0)
		return r;
	r = raise_one(RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK", RLIM_INFINITY, e);
	if (r < 0)
		return r;
	/*
	 * The real-time class is above ext: init reports even when the BPF scheduler under test
	 * runs nothing. Children start out with the normal policy.
	 */
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK,
			       &(struct sched_param){ .sched_priority = 50 }) < 0)
		return kt_fail(e, KT_E_HOST, errno, "make init a real-time process");
	return 0;
}

int gst_write_text(const char *path, const char *text)
{
	kt_auto(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

static int apply_sysctl(const char *assignment, struct kt_err *e)
{
	const char *value = strchr(assignment, '=');
	char path[512], line[1024];
	int r;

	if (!value)
		return kt_fail(e, KT_E_GUEST, EINVAL, "sysctl \"%s\" has no value", assignment);
	r = kt_snprintf(path, sizeof(path), "/proc/sys/%.*s", (int)(value - assignment),
			assignment);
	if (r < 0)
		return kt_fail(e, KT_E_GUEST, -r, "sysctl \"%s\" has too long a name", assignment);
	for (char *p = path + strlen("/proc/sys/"); *p; p++)
		if (*p == '.')
			*p = '/';
	/* Some want the newline that echo(1) would write: kernel.printk_devkmsg. */
	r = kt_snprintf(line, sizeof(line), "%s\n", value + 1);
	if (r == 0)
		r = gst_write_text(path, line);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "set sysctl \"%s\"", assignment);
	return 0;
}

int gst_apply_sysctls(const struct kt_strv *sysctls, struct kt_err *e)
{
	for (size_t i = 0; i < sysctls->nr; i++) {
		int r = apply_sysctl(sysctls->v[i], e);

		if (r < 0)
			return r;
	}
	return 0;
}

void gst_log_last_words(const char *text)
{
	char line[KT_ERR_TEXT_BYTES + 32];
	int n = snprintf(line, sizeof(line), "<0>ktstr init: %s\n", text);

	/*
	 * Level 0 reaches the console even with "quiet". Nobody is left to hear that this failed.
	 */
	if (n > 0)
		(void)!gst_write_text("/dev/kmsg", line);
}

void gst_power_off(void)
{
	sync();
	(void)reboot(RB_POWER_OFF);
	/*
	 * A machine that cannot power off: an exiting init panics the kernel, which ends it as
	 * well.
	 */
	_exit(1);
}
