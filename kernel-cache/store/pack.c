/* SPDX-License-Identifier: GPL-2.0-only */
/* An entry as one file (tar, zstd), and back: only the files that an entry has, each once and bounded. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/store/remote.h"

enum { STEP_BYTES = 256 * 1024 };
#define SYSTEM_MAP_BYTES_MAX (UINT64_C(64) << 20)
#define BUILD_LOG_BYTES_MAX (UINT64_C(256) << 20)
#define METADATA "metadata.json"

static struct archive *free_read(struct archive *a)
{
	archive_read_free(a);
	return NULL;
}
KT_DEFINE_AUTO(archive_read, struct archive *, free_read);

static struct archive *free_write(struct archive *a)
{
	archive_write_free(a);
	return NULL;
}
KT_DEFINE_AUTO(archive_write, struct archive *, free_write);

static struct archive_entry *free_entry(struct archive_entry *entry)
{
	archive_entry_free(entry);
	return NULL;
}
KT_DEFINE_AUTO(archive_entry, struct archive_entry *, free_entry);

/* ---- packing ---- */

static int pack_failed(struct archive *a, const char *to, struct kt_err *e)
{
	int errnum = archive_errno(a);

	return kt_fail(e, KT_E_HOST, errnum > 0 ? errnum : EIO, "write '%s'", to);
}

static int pack_content(struct archive *a, int fd, const char *path, const char *to,
			struct kt_err *e)
{
	kt_auto(mem) char *step = malloc(STEP_BYTES);

	if (!step)
		return kt_fail(e, KT_E_HOST, ENOMEM, "write '%s'", to);
	for (;;) {
		ssize_t n = read(fd, step, STEP_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kt_fail(e, KT_E_HOST, errno, "read '%s'", path);
		if (n == 0)
			return 0;
		if (archive_write_data(a, step, (size_t)n) != n)
			return pack_failed(a, to, e);
	}
}

static int pack_file(struct archive *a, const char *dir, const char *name, time_t mtime,
		     const char *to, struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, name);
	kt_auto(archive_entry) struct archive_entry *entry = archive_entry_new();
	kt_auto(fd) int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	struct stat st;

	if (!path || !entry)
		return kt_fail(e, KT_E_HOST, ENOMEM, "write '%s'", to);
	if (fd < 0 || fstat(fd, &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", path);
	/* Nothing of this machine: who owns it here is nobody's business. */
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0444);
	archive_entry_set_mtime(entry, mtime, 0);
	archive_entry_set_size(entry, st.st_size);
	if (archive_write_header(a, entry) != ARCHIVE_OK)
		return pack_failed(a, to, e);
	return pack_content(a, fd, path, to, e);
}

int kc_pack(const char *dir, const struct kc_metadata *m, const char *to, struct kt_err *e)
{
	kt_auto(archive_write) struct archive *a = archive_write_new();
	int r;

	if (!a || archive_write_add_filter_zstd(a) != ARCHIVE_OK ||
	    archive_write_set_format_pax_restricted(a) != ARCHIVE_OK)
		return kt_fail(e, KT_E_HOST, ENOMEM, "write '%s'", to);
	if (archive_write_open_filename(a, to) != ARCHIVE_OK)
		return pack_failed(a, to, e);
	r = pack_file(a, dir, METADATA, m->created, to, e);
	for (int i = 0; i < KC_FILE_NR && r == 0; i++) {
		if (m->file[i].present)
			r = pack_file(a, dir, kc_file_names[i], m->created, to, e);
	}
	if (r == 0 && archive_write_close(a) != ARCHIVE_OK)
		r = pack_failed(a, to, e);
	return r;
}

/* ---- unpacking ---- */

static const struct {
	const char *name;
	uint64_t max_bytes;
} known[] = {
	{ METADATA, KC_JSON_BYTES_MAX },        { "image", KC_IMAGE_BYTES_MAX },
	{ "vmlinux", KC_VMLINUX_BYTES_MAX },    { "config", KC_CONFIG_BYTES_MAX },
	{ "System.map", SYSTEM_MAP_BYTES_MAX }, { "build.log.zst", BUILD_LOG_BYTES_MAX },
};
enum { NR_KNOWN = sizeof(known) / sizeof(known[0]) };

struct unpack {
	const char *archive, *dir;
	struct archive *a;
	bool seen[NR_KNOWN];
	struct kt_err *e;
};

static int unpack_content(struct unpack *u, int fd, const char *path, size_t which)
{
	kt_auto(mem) char *step = malloc(STEP_BYTES);
	uint64_t total = 0;

	if (!step)
		return kt_fail(u->e, KT_E_HOST, ENOMEM, "unpack '%s'", u->archive);
	for (;;) {
		la_ssize_t n = archive_read_data(u->a, step, STEP_BYTES);
		int r;

		if (n < 0)
			return kt_fail(u->e, KT_E_KERNEL, EBADMSG, "unpack '%s' from '%s': %s",
				       known[which].name, u->archive, archive_error_string(u->a));
		if (n == 0)
			break;
		total += (uint64_t)n;
		if (total > known[which].max_bytes)
			return kt_fail(u->e, KT_E_KERNEL, EBADMSG,
				       "unpack '%s' from '%s': more than %llu bytes",
				       known[which].name, u->archive,
				       (unsigned long long)known[which].max_bytes);
		r = kt_write_all(fd, step, (size_t)n);
		if (r < 0)
			return kt_fail(u->e, KT_E_HOST, -r, "write '%s' (%llu bytes)", path,
				       (unsigned long long)total);
	}
	if (fchmod(fd, 0444) < 0 || fsync(fd) < 0)
		return kt_fail(u->e, KT_E_HOST, errno, "sync '%s' (%llu bytes)", path,
			       (unsigned long long)total);
	return 0;
}

static int unpack_member(struct unpack *u, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);
	kt_auto(buf) struct kt_buf shown = { 0 };
	kt_auto(mem) char *path = NULL;
	kt_auto(fd) int fd = -1;
	size_t which = 0;

	while (which < NR_KNOWN && name && !kt_streq(name, known[which].name))
		which++;
	if (!name || which == NR_KNOWN || u->seen[which] ||
	    archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry)) {
		kt_buf_add_printable(&shown, name ? name : "", name ? strlen(name) : 0);
		return kt_fail(u->e, KT_E_KERNEL, EBADMSG,
			       "'%s' has '%s' in it, which no kernel of the cache has", u->archive,
			       kt_buf_str(&shown));
	}
	u->seen[which] = true;
	path = kt_fmt("%s/%s", u->dir, known[which].name);
	if (!path)
		return kt_fail(u->e, KT_E_HOST, ENOMEM, "unpack '%s'", u->archive);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return kt_fail(u->e, KT_E_HOST, errno, "create '%s'", path);
	return unpack_content(u, fd, path, which);
}

int kc_unpack_pack(const char *archive, const char *dir, struct kt_err *e)
{
	kt_auto(archive_read) struct archive *a = archive_read_new();
	struct unpack u = { .archive = archive, .dir = dir, .a = a, .e = e };
	struct archive_entry *entry;

	if (!a || archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
	    archive_read_support_format_tar(a) != ARCHIVE_OK)
		return kt_fail(e, KT_E_HOST, ENOMEM, "unpack '%s'", archive);
	if (archive_read_open_filename(a, archive, STEP_BYTES) != ARCHIVE_OK)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is no archive: %s", archive,
			       archive_error_string(a));
	/* Every member is another one of the known names, so there is an end to it. */
	for (;;) {
		int r = archive_read_next_header(a, &entry);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN)
			return kt_fail(e, KT_E_KERNEL, EBADMSG, "read '%s': %s", archive,
				       archive_error_string(a));
		r = unpack_member(&u, entry);
		if (r < 0)
			return r;
	}
}
