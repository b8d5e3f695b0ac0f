/* SPDX-License-Identifier: GPL-2.0-only */
/* How an entry comes into the cache: made whole in a work directory, synced, renamed; and how a damaged one leaves it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel-cache/internal.h"

static int record_file(const char *entry_dir, struct kc_metadata *m, enum kc_file which,
		       struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", entry_dir, kc_file_names[which]);
	kt_auto(fd) int fd = -1;
	struct stat st;
	int r;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "record '%s'", entry_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && which != KC_FILE_IMAGE)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", path);
	r = kt_sha256_file(path, m->file[which].sha256, e);
	if (r < 0)
		return r;
	if (fchmod(fd, 0444) < 0 || fsync(fd) < 0)
		return kt_fail(e, KT_E_HOST, errno, "sync '%s' (%llu bytes)", path,
			       (unsigned long long)st.st_size);
	m->file[which].bytes = (uint64_t)st.st_size;
	m->file[which].present = true;
	return 0;
}

int kc_add_note(struct kc_metadata *m, const char *text, struct kt_err *e)
{
	char *notes = m->notes ? kt_fmt("%s; %s", m->notes, text) : strdup(text);

	if (!notes)
		return kt_fail(e, KT_E_HOST, ENOMEM, "note '%s'", text);
	free(m->notes);
	m->notes = notes;
	return 0;
}

/*
 * A kernel boots without its vmlinux being known, so failing to get it is a note; failing to write
 * it is not.
 */
static int complete_vmlinux(const char *image, const char *vmlinux, const struct kc_bzimage *bz,
			    struct kc_metadata *m, struct kt_err *e)
{
	struct kt_err ours = { 0 };
	char text[KT_ERR_TEXT_BYTES];
	int r = 0;

	if (access(vmlinux, F_OK) < 0)
		r = kc_bzimage_extract(image, bz, vmlinux, &ours);
	if (r == 0)
		r = kc_facts_read(vmlinux, &m->facts, &ours);
	if (r < 0) {
		(void)unlink(vmlinux);
		if (ours.kind != KT_E_KERNEL) {
			if (e)
				*e = ours;
			return r;
		}
		kt_err_text(&ours, text, sizeof(text));
		return kc_add_note(m, text, e);
	}
	if (!m->facts.has_btf)
		return kc_add_note(m, "the kernel has no BTF", e);
	if (!m->facts.has_sched_ext)
		return kc_add_note(m, "the kernel has no sched_ext", e);
	if (m->facts.nr_lost_kfuncs) {
		(void)kt_snprintf(
			text, sizeof(text),
			"the kernel's BTF is incomplete: %u scx_bpf_* functions cannot be called, "
			"so most schedulers do not load",
			m->facts.nr_lost_kfuncs); /* fits */
		return kc_add_note(m, text, e);
	}
	return 0;
}

int kc_complete(const char *entry_dir, struct kc_metadata *m, struct kt_err *e)
{
	kt_auto(mem) char *image = kt_fmt("%s/%s", entry_dir, kc_file_names[KC_FILE_IMAGE]);
	kt_auto(mem) char *vmlinux = kt_fmt("%s/%s", entry_dir, kc_file_names[KC_FILE_VMLINUX]);
	struct kc_bzimage bz;
	int r;

	if (!image || !vmlinux)
		return kt_fail(e, KT_E_HOST, ENOMEM, "complete '%s'", entry_dir);
	r = kc_bzimage_read(image, &bz, e);
	if (r < 0)
		return r;
	if (bz.release[0]) {
		free(m->release);
		m->release = strdup(bz.release);
		if (!m->release)
			return kt_fail(e, KT_E_HOST, ENOMEM, "complete '%s'", entry_dir);
	}
	r = complete_vmlinux(image, vmlinux, &bz, m, e);
	for (int i = 0; r == 0 && i < KC_FILE_NR; i++)
		r = record_file(entry_dir, m, (enum kc_file)i, e);
	return r;
}

int kc_publish(const char *cache_dir, const char *entry_dir, const struct kc_metadata *m,
	       struct kt_err *e)
{
	kt_auto(mem) char *kernels = kt_fmt("%s/kernels", cache_dir);
	kt_auto(mem) char *to = kt_fmt("%s/kernels/%s", cache_dir, m->key);
	kt_auto(mem) char *used = kt_fmt("%s/used", cache_dir);
	bool installed;
	int r;

	if (!kernels || !to || !used)
		return kt_fail(e, KT_E_HOST, ENOMEM, "install kernel %s", m->key);
	r = kt_fsync_dir(entry_dir, e);
	if (r == 0)
		r = kt_mkdir_p(kernels, 0755, e);
	if (r == 0)
		r = kt_mkdir_p(used, 0755, e);
	if (r < 0)
		return r;
	/*
	 * What is there under this key has the same content; never replace what somebody may be
	 * booting from.
	 */
	installed = rename(entry_dir, to) == 0;
	if (!installed && errno != EEXIST && errno != ENOTEMPTY)
		return kt_fail(e, KT_E_HOST, errno, "rename '%s' to '%s'", entry_dir, to);
	r = kt_fsync_dir(kernels, e);
	if (r == 0 && installed)
		kc_stamp_set(cache_dir, to, m);
	return r;
}

int kc_install(const char *cache_dir, const char *entry_dir, struct kc_metadata *m,
	       struct kt_err *e)
{
	kt_auto(mem) char *metadata = kt_fmt("%s/metadata.json", entry_dir);
	int r;

	if (!metadata)
		return kt_fail(e, KT_E_HOST, ENOMEM, "install kernel %s", m->key);
	m->created = time(NULL);
	r = kc_metadata_write(m, metadata, e);
	return r < 0 ? r : kc_publish(cache_dir, entry_dir, m, e);
}

int kc_install_by_content(const char *cache_dir, const char *entry_dir, struct kc_metadata *m,
			  const struct kc_progress *progress, struct kc_entry **ret,
			  struct kt_err *e)
{
	kt_auto(lock) struct kt_lock lock = KT_LOCK_NONE;
	struct kt_err why = { 0 };
	char text[KT_ERR_TEXT_BYTES];
	int r = kc_lock(cache_dir, m->key, NULL, progress, &lock, e);

	if (r < 0)
		return r;
	r = kc_entry_load(cache_dir, m->key, ret, &why);
	if (r == -EBADMSG)
		r = kc_move_damaged(cache_dir, m->key, kt_err_text(&why, text, sizeof(text)), e);
	else if (r == 0)
		return 0;
	else if (r != -ENOENT && e)
		*e = why;
	if (r == 0 || r == -ENOENT)
		r = kc_install(cache_dir, entry_dir, m, e);
	if (r == 0)
		r = kc_entry_load(cache_dir, m->key, ret, e);
	return r == -ENOENT
		       ? kt_fail(e, KT_E_HOST, ENOENT, "kernel %s vanished from the cache", m->key)
		       : r;
}

int kc_entry_remove(const char *cache_dir, const char *key, struct kt_err *e)
{
	kt_auto(mem) char *from = kt_fmt("%s/kernels/%s", cache_dir, key);
	kt_auto(mem) char *to = kt_fmt("%s/tmp/%s/removed", cache_dir, key);
	int r;

	if (!from || !to)
		return kt_fail(e, KT_E_HOST, ENOMEM, "remove kernel %s", key);
	/* Of somebody who died in the middle. */
	r = kt_remove_tree(to, e);
	if (r < 0)
		return r;
	/* Out of sight at once; what is left of it when we die here goes with the work directory. */
	if (rename(from, to) < 0)
		return errno == ENOENT
			       ? 0
			       : kt_fail(e, KT_E_HOST, errno, "rename '%s' to '%s'", from, to);
	return kt_remove_tree(to, e);
}

int kc_move_damaged(const char *cache_dir, const char *key, const char *why, struct kt_err *e)
{
	kt_auto(mem) char *from = kt_fmt("%s/kernels/%s", cache_dir, key);
	kt_auto(mem) char *dir = kt_fmt("%s/damaged", cache_dir);
	kt_auto(mem) char *to = kt_fmt("%s/damaged/%s", cache_dir, key);
	int r;

	if (!from || !dir || !to)
		return kt_fail(e, KT_E_HOST, ENOMEM, "move the damaged kernel %s away", key);
	r = kt_mkdir_p(dir, 0755, e);
	if (r == 0)
		r = kt_remove_tree(to, e);
	if (r < 0)
		return r;
	if (rename(from, to) < 0)
		return kt_fail(e, KT_E_HOST, errno, "rename '%s' to '%s'", from, to);
	kt_log(KT_AREA_KERNEL_CACHE, KT_WARN,
	       "the cached kernel %s is damaged (%s); moved to '%s', getting it again", key, why,
	       to);
	return 0;
}
