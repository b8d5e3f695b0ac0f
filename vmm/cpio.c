/* SPDX-License-Identifier: GPL-2.0-only */
/* The files of an initramfs and the newc archive of them: the same list gives the same bytes. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "vmm/internal.h"

enum { COPY_CHUNK = 64 << 10, BLOCK = 512 };

void vm_cpio_list_done(struct vm_cpio_list *l)
{
	int saved = errno;

	for (size_t i = 0; i < l->nr; i++) {
		free(l->v[i].guest_path);
		free(l->v[i].host_path);
	}
	free(l->v);
	*l = (struct vm_cpio_list){ 0 };
	errno = saved;
}

struct vm_cpio_file *vm_cpio_find(const struct vm_cpio_list *l, const char *guest_path)
{
	for (size_t i = 0; i < l->nr; i++) {
		if (kt_streq(l->v[i].guest_path, guest_path))
			return &l->v[i];
	}
	return NULL;
}

/* "/a//b/./c/../d" becomes "/a/b/d". NULL: out of memory. */
static char *normalise(const char *path)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	while (*path) {
		size_t n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (n == 2 && memcmp(path, "..", 2) == 0) {
			while (b.len && b.data[--b.len] != '/')
				;
		} else if (n && !(n == 1 && *path == '.')) {
			kt_buf_addc(&b, '/');
			kt_buf_add(&b, path, n);
		}
		path += n;
	}
	kt_buf_add(&b, "", 0);
	if (b.data)
		b.data[b.len] = '\0';
	return kt_buf_ok(&b) && b.len ? kt_buf_take(&b) : NULL;
}

int vm_cpio_add(struct vm_cpio_list *l, const char *guest_path, const char *host_path,
		const void *data, size_t len, unsigned mode)
{
	kt_auto(mem) char *guest = normalise(guest_path);
	kt_auto(mem) char *host = host_path ? strdup(host_path) : NULL;
	struct vm_cpio_file f = { .data = data, .len = len, .mode = mode };

	if (!guest || (host_path && !host))
		return -ENOMEM;
	if (vm_cpio_find(l, guest))
		return -EEXIST;
	f.guest_path = guest;
	f.host_path = host;
	if (KT_VEC_PUSH(l, f) < 0)
		return -ENOMEM;
	guest = host = NULL;
	return 0;
}

/* ---- writing ---- */

struct writer {
	struct archive *a;
	struct archive_entry *entry;
	struct kt_strv dirs; /* made so far */
	int64_t next_ino;
};

static int archive_fail(struct writer *w, const char *path, struct kt_err *e)
{
	int err = archive_errno(w->a);

	return kt_fail(e, KT_E_HOST, err > 0 ? err : EIO, "write '%s' into the initramfs", path);
}

/* Nothing of the host or of now: no times, owners, inode numbers. */
static int write_header(struct writer *w, const char *path, unsigned mode, uint64_t size,
			struct kt_err *e)
{
	bool dir = S_ISDIR(mode);

	archive_entry_clear(w->entry);
	archive_entry_set_pathname(w->entry, path + 1); /* relative, as the kernel expects */
	archive_entry_set_mode(w->entry, mode);
	archive_entry_set_size(w->entry, (int64_t)size);
	archive_entry_set_mtime(w->entry, 0, 0);
	archive_entry_set_uid(w->entry, 0);
	archive_entry_set_gid(w->entry, 0);
	archive_entry_set_nlink(w->entry, dir ? 2 : 1); /* 1: never mistaken for a hard link */
	archive_entry_set_ino64(w->entry, w->next_ino++);
	if (archive_write_header(w->a, w->entry) != ARCHIVE_OK)
		return archive_fail(w, path, e);
	return 0;
}

static bool dir_is_made(const struct writer *w, const char *path)
{
	for (size_t i = 0; i < w->dirs.nr; i++) {
		if (kt_streq(w->dirs.v[i], path))
			return true;
	}
	return false;
}

static int write_parents(struct writer *w, const char *path, struct kt_err *e)
{
	int r = 0;

	for (const char *slash = strchr(path + 1, '/'); slash && r == 0;
	     slash = strchr(slash + 1, '/')) {
		kt_auto(mem) char *dir = strndup(path, (size_t)(slash - path));

		if (!dir)
			return kt_fail(e, KT_E_HOST, ENOMEM, "make directory '%s' in the initramfs",
				       path);
		if (dir_is_made(w, dir))
			continue;
		if (kt_strv_add(&w->dirs, dir) < 0)
			return kt_fail(e, KT_E_HOST, ENOMEM, "make directory '%s' in the initramfs",
				       path);
		r = write_header(w, dir, S_IFDIR | 0755, 0, e);
	}
	return r;
}

static int write_data(struct writer *w, const struct vm_cpio_file *f, const void *data, size_t len,
		      struct kt_err *e)
{
	if (len && archive_write_data(w->a, data, len) != (la_ssize_t)len)
		return archive_fail(w, f->guest_path, e);
	return 0;
}

/*
 * Its length and hash were decided before: a file that changes meanwhile must not go under that
 * name.
 */
static int write_host_file(struct writer *w, const struct vm_cpio_file *f, struct kt_err *e)
{
	kt_auto(fd) int fd = open(f->host_path, O_RDONLY | O_CLOEXEC);
	kt_auto(mem) char *chunk = malloc(COPY_CHUNK);
	char hex[KT_SHA256_HEX];
	struct kt_sha256 sha;
	struct stat st;
	uint64_t left;
	ssize_t n;
	int r;

	if (!chunk)
		return kt_fail(e, KT_E_HOST, ENOMEM, "copy '%s' into the initramfs", f->host_path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", f->host_path);
	r = write_header(w, f->guest_path, S_IFREG | f->mode, (uint64_t)st.st_size, e);
	if (r < 0)
		return r;
	kt_sha256_init(&sha);
	for (left = (uint64_t)st.st_size; left; left -= (uint64_t)n) {
		n = read(fd, chunk, left < COPY_CHUNK ? (size_t)left : COPY_CHUNK);
		if (n < 0)
			return kt_fail(e, KT_E_HOST, errno, "read '%s'", f->host_path);
		if (n == 0)
			return kt_fail(e, KT_E_HOST, ESTALE,
				       "'%s' became shorter while it was read", f->host_path);
		kt_sha256_add(&sha, chunk, (size_t)n);
		r = write_data(w, f, chunk, (size_t)n, e);
		if (r < 0)
			return r;
	}
	kt_sha256_hex(&sha, hex);
	if (f->sha256[0] && !kt_streq(hex, f->sha256))
		return kt_fail(e, KT_E_HOST, ESTALE, "'%s' changed while it was read",
			       f->host_path);
	return 0;
}

static int write_file(struct writer *w, const struct vm_cpio_file *f, struct kt_err *e)
{
	int r = write_parents(w, f->guest_path, e);

	if (r < 0)
		return r;
	if (f->host_path)
		return write_host_file(w, f, e);
	r = write_header(w, f->guest_path, S_IFREG | f->mode, f->len, e);
	return r < 0 ? r : write_data(w, f, f->data, f->len, e);
}

static int write_all(struct writer *w, const struct vm_cpio_list *l, struct kt_err *e)
{
	int r = 0;

	for (size_t i = 0; i < l->nr && r == 0; i++)
		r = write_file(w, &l->v[i], e);
	if (r == 0 && archive_write_close(w->a) != ARCHIVE_OK)
		r = archive_fail(w, "end of archive", e);
	return r;
}

static la_ssize_t append_to_buf(struct archive *a, void *ctx, const void *data, size_t len)
{
	struct kt_buf *b = ctx;

	kt_buf_add(b, data, len);
	if (kt_buf_ok(b))
		return (la_ssize_t)len;
	archive_set_error(a, ENOMEM, "out of memory");
	return -1;
}

static int write_archive(const struct vm_cpio_list *l, int fd, struct kt_buf *buf, struct kt_err *e)
{
	struct writer w = { .a = archive_write_new(), .entry = archive_entry_new(), .next_ino = 1 };
	int r;

	if (!w.a || !w.entry) {
		r = kt_fail(e, KT_E_HOST, ENOMEM, "start an initramfs");
	} else {
		(void)archive_write_set_format_cpio_newc(
			w.a); /* these only store what they are given */
		(void)archive_write_set_bytes_per_block(w.a, buf ? BLOCK : COPY_CHUNK);
		(void)archive_write_set_bytes_in_last_block(w.a, BLOCK);
		if (buf)
			r = archive_write_open(w.a, buf, NULL, append_to_buf, NULL);
		else
			r = archive_write_open_fd(w.a, fd);
		r = r == ARCHIVE_OK ? write_all(&w, l, e) : archive_fail(&w, "header", e);
	}
	archive_entry_free(w.entry);
	(void)archive_write_free(w.a); /* closed above, where errors count */
	kt_strv_done(&w.dirs);
	return r;
}

int vm_cpio_write_fd(const struct vm_cpio_list *l, int fd, struct kt_err *e)
{
	return write_archive(l, fd, NULL, e);
}

int vm_cpio_write_buf(const struct vm_cpio_list *l, struct kt_buf *ret, struct kt_err *e)
{
	return write_archive(l, -1, ret, e);
}
