/* SPDX-License-Identifier: GPL-2.0-only */
/* Initramfs archives: the cached base of programs with libraries, and small ones in memory. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "vmm/internal.h"

/* Part of every name: raise it when the same list is to give other bytes. */
#define FORMAT "ktstr-initramfs 1\n"
#define TEMPORARY ".new."
/* A base that no run has used for so long is removed, and so is what a killed run left half made. */
enum { KEEP_S = 14 * 24 * 3600, KEEP_HALF_MADE_S = 24 * 3600 };

static int add_file(const struct vm_initrd_file *f, struct vm_cpio_list *l, struct kt_err *e)
{
	unsigned mode = f->mode ? f->mode & 07777 : f->libraries ? 0755 : 0644;
	int r = vm_cpio_add(l, f->guest_path, f->host_path, f->data, f->len, mode);

	if (r == -EEXIST)
		return kt_fail(e, KT_E_INTERNAL, EEXIST, "'%s' is twice in the initramfs",
			       f->guest_path);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "put '%s' into the initramfs", f->guest_path);
	if (!f->libraries)
		return 0;
	return vm_elf_closure(f->host_path, f->guest_path, l, e);
}

static int make_list(const struct vm_initrd_file *files, size_t nr, struct vm_cpio_list *l,
		     struct kt_err *e)
{
	int r = 0;

	for (size_t i = 0; i < nr && r == 0; i++)
		r = add_file(&files[i], l, e);
	return r;
}

/* Hash every file, then the list of hashes. */
static int hash_list(struct vm_cpio_list *l, char ret[static KT_SHA256_HEX], struct kt_err *e)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_sha256 sha;
	int r;

	kt_buf_adds(&b, FORMAT);
	for (size_t i = 0; i < l->nr; i++) {
		struct vm_cpio_file *f = &l->v[i];

		if (f->host_path) {
			r = kt_sha256_file(f->host_path, f->sha256, e);
			if (r < 0)
				return r;
		} else {
			kt_sha256_init(&sha);
			kt_sha256_add(&sha, f->data, f->len);
			kt_sha256_hex(&sha, f->sha256);
		}
		kt_buf_addf(&b, "%04o %s %zu:%s\n", f->mode, f->sha256, strlen(f->guest_path),
			    f->guest_path);
	}
	if (!kt_buf_ok(&b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "name the initramfs");
	kt_sha256_init(&sha);
	kt_sha256_add(&sha, b.data, b.len);
	kt_sha256_hex(&sha, ret);
	return 0;
}

/* Every change of a scheduler makes a new base: without this a day's work would pile up for ever. */
static void remove_old(const char *dir)
{
	kt_auto(dir) DIR *d = opendir(dir);
	time_t now = time(NULL), keep;
	struct dirent *de;
	struct stat st;

	while (d && (de = readdir(d))) {
		if (kt_starts_with(de->d_name, TEMPORARY))
			keep = KEEP_HALF_MADE_S;
		else if (kt_ends_with(de->d_name, ".cpio"))
			keep = KEEP_S;
		else
			continue;
		if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    now - st.st_mtime > keep)
			(void)unlinkat(dirfd(d), de->d_name, 0); /* if not now, then next time */
	}
}

/*
 * Beside its place, then renamed: two that build the same at once do the same work twice, and
 * either may win.
 */
static int build(const struct vm_cpio_list *l, const char *dir, const char *path, struct kt_err *e)
{
	kt_auto(mem) char *temporary = kt_fmt("%s/" TEMPORARY "XXXXXX", dir);
	kt_auto(fd) int fd = -1;
	int r;

	if (!temporary)
		return kt_fail(e, KT_E_HOST, ENOMEM, "build '%s'", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "make a file in '%s'", dir);
	r = vm_cpio_write_fd(l, fd, e);
	if (r == 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0))
		r = kt_fail(e, KT_E_HOST, errno, "write '%s'", path);
	if (r < 0)
		(void)unlink(temporary); /* the failure above is what counts */
	else
		r = kt_fsync_dir(dir, e);
	return r;
}

int vm_initramfs_base(const char *cache_dir, const struct vm_initrd_file *files, size_t nr,
		      char **ret_path, struct kt_err *e)
{
	kt_auto(cpio_list) struct vm_cpio_list l = { 0 };
	kt_auto(mem) char *dir = kt_fmt("%s/initramfs", cache_dir);
	kt_auto(mem) char *path = NULL;
	char name[KT_SHA256_HEX];
	int r;

	if (!dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "build the initramfs");
	r = make_list(files, nr, &l, e);
	if (r == 0)
		r = hash_list(&l, name, e);
	if (r < 0)
		return kt_context(e, r, "build the initramfs");
	path = kt_fmt("%s/%s.cpio", dir, name);
	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "build the initramfs");
	/* The time says when it was last used; a cache that is only readable keeps its own. */
	(void)utimensat(AT_FDCWD, path, NULL, 0);
	if (access(path, R_OK) < 0) {
		r = kt_mkdir_p(dir, 0755, e);
		if (r == 0)
			r = build(&l, dir, path, e);
		if (r < 0)
			return kt_context(e, r, "build the initramfs");
		kt_log(KT_AREA_VMM, KT_DEBUG, "built '%s' of %zu files", path, l.nr);
		remove_old(dir);
	}
	*ret_path = kt_take(path);
	return 0;
}

int vm_initramfs_build(const struct vm_initrd_file *files, size_t nr, struct kt_buf *ret,
		       struct kt_err *e)
{
	kt_auto(cpio_list) struct vm_cpio_list l = { 0 };
	int r = make_list(files, nr, &l, e);

	if (r == 0)
		r = vm_cpio_write_buf(&l, ret, e);
	return kt_context(e, r, "build an initramfs");
}
