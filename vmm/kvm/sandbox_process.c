/* SPDX-License-Identifier: GPL-2.0-only */
/* What the process of a running machine gives up: other programs and processes, sockets, devices, privileges. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "vmm/kvm/internal.h"

enum { SPARE_FDS = 64 };

/* EPERM rather than death: libraries try some of these, and go on without. */
static const int denied_calls[] = {
	/* other programs and processes */
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(process_madvise),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp),
	/* the network, and other processes' services */
	SCMP_SYS(socket),
	SCMP_SYS(socketpair),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	/* file systems and name spaces */
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(open_tree),
	SCMP_SYS(move_mount),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsconfig),
	SCMP_SYS(fsmount),
	SCMP_SYS(fspick),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(quotactl),
	SCMP_SYS(quotactl_fd),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	/* the kernel itself */
	SCMP_SYS(bpf),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(modify_ldt),
	SCMP_SYS(personality),
	SCMP_SYS(acct),
	SCMP_SYS(syslog),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	/* keys and privileges */
	SCMP_SYS(add_key),
	SCMP_SYS(keyctl),
	SCMP_SYS(request_key),
	SCMP_SYS(setuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setreuid),
	SCMP_SYS(setregid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setresgid),
	SCMP_SYS(setgroups),
	SCMP_SYS(setfsuid),
	SCMP_SYS(setfsgid),
	SCMP_SYS(capset),
};

static int deny_bits(const scmp_filter_ctx f, int call, unsigned arg, uint64_t mask, uint64_t value)
{
	return seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), call, 1,
				SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, mask, value));
}

/*
 * Threads may be made, and the fork snapshot's child (vmm/image_fork.c), which shares nothing and tells nobody by a signal when it
 * ends; processes of any other kind and new name spaces may not. One comparison an argument and rule is all that there
 * is, so it is told bit by bit. The flags of clone3() are out of a filter's sight: ENOSYS makes the C library use clone().
 */
static int deny_clones(const scmp_filter_ctx f)
{
	static const uint64_t namespaces[] = {
		CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
		CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET,
	};
	int r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]) && r == 0; i++)
		r = deny_bits(f, SCMP_SYS(clone), 0, namespaces[i], namespaces[i]);
	for (uint64_t bit = 1; bit <= CSIGNAL && r == 0; bit <<= 1)
		r = deny_bits(f, SCMP_SYS(clone), 0, CLONE_THREAD | bit, bit);
	return r < 0 ? r : deny_bits(f, SCMP_SYS(clone), 0, CLONE_THREAD | CLONE_VM, CLONE_VM);
}

static int deny_devices(const scmp_filter_ctx f)
{
	static const struct {
		int call;
		unsigned arg;
	} nodes[] = { { SCMP_SYS(mknod), 1 }, { SCMP_SYS(mknodat), 2 } };
	int r = 0;

	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]) && r == 0; i++) {
		r = deny_bits(f, nodes[i].call, nodes[i].arg, S_IFMT, S_IFCHR);
		if (r == 0)
			r = deny_bits(f, nodes[i].call, nodes[i].arg, S_IFMT, S_IFBLK);
	}
	/* Characters typed into a terminal that other programs read from: TIOCSTI, TIOCLINUX. */
	if (r == 0)
		r = deny_bits(f, SCMP_SYS(ioctl), 1, UINT32_MAX, TIOCSTI);
	return r < 0 ? r : deny_bits(f, SCMP_SYS(ioctl), 1, UINT32_MAX, TIOCLINUX);
}

static int compile_process(struct kvm_filter *ret)
{
	kt_auto(seccomp) scmp_filter_ctx f = kvm_seccomp_new(SCMP_ACT_ALLOW);
	int r = 0;

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(denied_calls) / sizeof(denied_calls[0]) && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), denied_calls[i], 0);
	if (r == 0)
		r = deny_clones(f);
	if (r == 0)
		r = deny_devices(f);
	return r < 0 ? r : kvm_filter_compile(f, ret);
}

/* ---- files ---- */

/*
 * Nothing can be executed, no device be made or, once opened, controlled, and processes outside are out of ptrace's reach
 * (Documentation/userspace-api/landlock.rst, ABI 5). Renaming between directories is a right that a ruleset takes away unless it is
 * given back (ABI 2): that stays.
 */
#define TAKEN \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
	 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SOCK)
/* Since Linux 6.10; Debian 12's headers are older. */
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15)
enum { ABI_REFER = 2, ABI_IOCTL_DEV = 5 };

static int restrict_files(uint64_t handled)
{
	/* Only the first member: it is all that ABI 1 has. */
	const struct {
		uint64_t handled_access_fs;
	} rules = { handled };
	kt_auto(fd) int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	kt_auto(fd) int root = open("/", O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr everywhere = {
		.allowed_access = LANDLOCK_ACCESS_FS_REFER,
		.parent_fd = root,
	};

	if (fd < 0 || root < 0 ||
	    syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &everywhere, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return -errno;
	return 0;
}

/* A kernel may well be without it; the filter is what must be. */
static void give_up_files(void)
{
	const long abi =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	uint64_t handled = TAKEN | LANDLOCK_ACCESS_FS_REFER;
	int r = -EOPNOTSUPP;

	if (abi >= ABI_IOCTL_DEV)
		handled |= ACCESS_IOCTL_DEV;
	if (abi >= ABI_REFER)
		r = restrict_files(handled);
	if (r < 0)
		kt_log(KT_AREA_VMM, KT_DEBUG, "no Landlock here (%s): the sandbox does without",
		       strerrordesc_np(-r));
}

/* ---- limits ---- */

static unsigned highest_fd(void)
{
	kt_auto(dir) DIR *d = opendir("/proc/self/fd");
	unsigned highest = 0, fd;
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		if (kt_parse_uint(entry->d_name, 0, INT32_MAX, &fd) == 0 && fd > highest)
			highest = fd;
	}
	return highest;
}

/* Never more than there is. A core file would be as large as the guest. */
static int limit(int resource, rlim_t most, const char *name, struct kt_err *e)
{
	struct rlimit l;

	if (getrlimit(resource, &l) < 0)
		return kt_fail(e, KT_E_HOST, errno, "read the limit %s", name);
	if (l.rlim_max > most)
		l.rlim_max = most;
	if (l.rlim_cur > l.rlim_max)
		l.rlim_cur = l.rlim_max;
	if (setrlimit(resource, &l) < 0)
		return kt_fail(e, KT_E_HOST, errno, "set the limit %s" KVM_SANDBOX_HINT, name);
	return 0;
}

int vm_sandbox_process(struct kt_err *e)
{
	struct kvm_filter filter;
	int r;

	if (kvm_sandbox_is_off())
		return 0;
	r = compile_process(&filter);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "make a filter of system calls" KVM_SANDBOX_HINT);
	r = limit(RLIMIT_CORE, 0, "RLIMIT_CORE", e);
	if (r == 0)
		r = limit(RLIMIT_NOFILE, highest_fd() + 1 + SPARE_FDS, "RLIMIT_NOFILE", e);
	if (r == 0)
		r = kvm_drop_capabilities(e);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return kt_fail(e, KT_E_HOST, errno, "give up new privileges" KVM_SANDBOX_HINT);
	give_up_files();
	return kvm_filter_enforce(&filter, e);
}
