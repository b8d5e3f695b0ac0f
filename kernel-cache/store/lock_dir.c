/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether locks hold in the directory of the cache: not between the machines that share a remote file system. */
#include <errno.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "kernel-cache/internal.h"

enum { LUSTRE_SUPER_MAGIC = 0x0BD00BD0 }; /* lives outside the kernel's tree */

static const struct {
	uint32_t magic;
	const char *name;
} remote[] = {
	{ NFS_SUPER_MAGIC, "NFS" },   { SMB_SUPER_MAGIC, "SMB" },       { SMB2_SUPER_MAGIC, "SMB" },
	{ CIFS_SUPER_MAGIC, "CIFS" }, { AFS_SUPER_MAGIC, "AFS" },       { AFS_FS_MAGIC, "AFS" },
	{ CEPH_SUPER_MAGIC, "Ceph" }, { LUSTRE_SUPER_MAGIC, "Lustre" }, { V9FS_MAGIC, "9P" },
	{ CODA_SUPER_MAGIC, "Coda" },
};

const char *kc_remote_fs_name(uint32_t magic)
{
	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++) {
		if (remote[i].magic == magic)
			return remote[i].name;
	}
	return NULL;
}

int kc_lock_dir_check(const char *cache_dir, struct kt_err *e)
{
	const char *name;
	struct statfs st;

	if (statfs(cache_dir, &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "look at the file system of '%s'", cache_dir);
	name = kc_remote_fs_name((uint32_t)st.f_type);
	if (!name)
		return 0;
	return kt_fail(
		e, KT_E_HOST, 0,
		"the kernel cache '%s' is on %s, where locks do not hold between machines; set KTSTR_CACHE_DIR to a local directory, and share kernels between machines by [cache] remote in ktstr.toml",
		cache_dir, name);
}
