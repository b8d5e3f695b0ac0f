/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * path:DIR-or-image: a kernel that somebody built. It is copied into an entry of the cache whose
 * key is its content: a "make" beside a running test must not change what is being booted, and what
 * was tested stays there to be looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/source/local.h"

struct local {
	const char *cache_dir;
	const char *spec;
	char *path; /* as resolved */
	char *source[KC_FILE_NR]; /* NULL: there is none */
	struct kt_buf identity; /* of these files, without reading them */
	char name[KC_HASH_NAME_BYTES]; /* of lock, work directory and memo */
	const struct kc_opts *o;
};

static void kt_cleanup_local(struct local *l)
{
	free(l->path);
	for (int i = 0; i < KC_FILE_NR; i++)
		free(l->source[i]);
	kt_buf_done(&l->identity);
}

static int no_memory(const struct local *l, struct kt_err *e)
{
	return kt_fail(e, KT_E_HOST, ENOMEM, "get kernel '%s'", l->spec);
}

/* A file that was written again has another ctime, whatever is done to its mtime. */
static int identify(const struct local *l, struct kt_buf *ret, struct kt_err *e)
{
	for (int i = 0; i < KC_FILE_NR; i++) {
		kt_auto(mem) char *identity = NULL;
		struct stat st;

		if (!l->source[i])
			continue;
		if (stat(l->source[i], &st) < 0)
			return kt_fail(e, KT_E_KERNEL, errno, "look at '%s': %s", l->source[i],
				       strerror(errno));
		identity = kc_file_identity(&st);
		if (!identity)
			return no_memory(l, e);
		kt_buf_addf(ret, "%s %s\n", l->source[i], identity);
	}
	return kt_buf_ok(ret) ? 0 : no_memory(l, e);
}

static int resolve(struct local *l, const char *path, struct kt_err *e)
{
	kt_auto(mem) char *joined = kc_project_path(l->o->project_dir, path);
	int r;

	if (!joined)
		return no_memory(l, e);
	l->path = realpath(joined, NULL);
	if (!l->path)
		return kt_fail(e, KT_E_KERNEL, errno, "there is no kernel at '%s': %s", joined,
			       strerror(errno));
	kc_hash_name("path", l->path, l->name);
	r = kc_local_find(l->spec, l->path, l->source, e);
	return r < 0 ? r : identify(l, &l->identity, e);
}

static char *memo_path(const struct local *l)
{
	return kt_fmt("%s/index/%s.json", l->cache_dir, l->name);
}

/*
 * The entry that these very files became the last time. -ENOENT: not known, or not whole any more.
 */
static int recall(const struct local *l, struct kc_entry **ret, struct kt_err *e)
{
	kt_auto(mem) char *path = memo_path(l);
	kt_auto(cjson) cJSON *root = NULL;
	const char *identity, *key;

	if (!path)
		return no_memory(l, e);
	if (kc_json_load(path, &root, NULL) < 0)
		return -ENOENT;
	identity = kc_json_get_str(root, "identity");
	key = kc_json_get_str(root, "key");
	if (!identity || !key || !kc_is_key(key) || !kt_streq(identity, kt_buf_str(&l->identity)))
		return -ENOENT;
	return kc_entry_load(l->cache_dir, key, ret, NULL) == 0 ? 0 : -ENOENT;
}

static int remember(const struct local *l, const char *key, struct kt_err *e)
{
	kt_auto(mem) char *path = memo_path(l);
	kt_auto(mem) char *dir = kt_fmt("%s/index", l->cache_dir);
	kt_auto(buf) struct kt_buf text = { 0 };
	struct kt_json j;
	int r;

	kt_json_init(&j, &text, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", KC_SCHEMA_VERSION);
	kt_json_str(&j, "path", l->path);
	kt_json_str(&j, "identity", kt_buf_str(&l->identity));
	kt_json_str(&j, "key", key);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	if (!path || !dir || !kt_buf_ok(&text))
		return no_memory(l, e);
	r = kt_mkdir_p(dir, 0755, e);
	return r < 0 ? r : kt_file_write_atomic(path, text.data, text.len, 0644, e);
}

static int copy_file(const char *from, const char *to, struct kt_err *e)
{
	kt_auto(fd) int in = open(from, O_RDONLY | O_CLOEXEC);
	kt_auto(fd) int out = -1;
	int r;

	if (in < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", from);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out < 0)
		return kt_fail(e, KT_E_HOST, errno, "create '%s'", to);
	r = kt_copy_fd(in, out);
	return r < 0 ? kt_fail(e, KT_E_HOST, -r, "copy '%s' to '%s'", from, to) : 0;
}

/*
 * The vmlinux beside an image has symbols that the one inside has not. But it may be of another
 * build ("make vmlinux" alone does that), and then its types would be wrong: it counts only when
 * its BTF is that of the image.
 */
static int take_vmlinux(const struct local *l, const char *work, const char *image,
			const char *vmlinux, struct kc_metadata *m, struct kt_err *e)
{
	kt_auto(mem) char *inside = kt_fmt("%s/inside", work);
	struct kt_err ours = { 0 };
	struct kc_bzimage bz;
	bool same = false;
	int r;

	if (!inside)
		return no_memory(l, e);
	if (!l->source[KC_FILE_VMLINUX])
		return 0;
	r = kc_strip_vmlinux(l->source[KC_FILE_VMLINUX], vmlinux, &ours);
	if (r == 0)
		r = kc_bzimage_read(image, &bz, &ours);
	if (r == 0)
		r = kc_bzimage_extract(image, &bz, inside, &ours);
	if (r == 0)
		r = kc_btf_same(inside, vmlinux, &same, &ours);
	if (r == 0 && same)
		return 0;
	(void)unlink(vmlinux);
	if (r < 0 && ours.kind != KT_E_KERNEL) {
		if (e)
			*e = ours;
		return r;
	}
	/*
	 * What cannot be compared is left out; the image's own is extracted, or its absence noted,
	 * later.
	 */
	return kc_add_note(
		m,
		r < 0 ? "the vmlinux beside the image cannot be compared with it and was not used"
		      : "the vmlinux beside the image is of another build and was not used",
		e);
}

/* Of the same build as vmlinux, or of a build that cannot be told. */
static int take_system_map(const struct local *l, const char *entry_dir, const char *vmlinux,
			   struct kt_err *e)
{
	kt_auto(mem) char *to = kt_fmt("%s/%s", entry_dir, kc_file_names[KC_FILE_SYSTEM_MAP]);

	if (!to)
		return no_memory(l, e);
	if (!l->source[KC_FILE_SYSTEM_MAP] ||
	    (l->source[KC_FILE_VMLINUX] && access(vmlinux, F_OK) < 0))
		return 0;
	return copy_file(l->source[KC_FILE_SYSTEM_MAP], to, e);
}

static int make_key(const struct local *l, const char *entry_dir, struct kc_metadata *m,
		    struct kt_err *e)
{
	char hex[KT_SHA256_HEX];
	struct kt_sha256 s;

	kt_sha256_init(&s);
	for (int i = 0; i < KC_FILE_NR; i++) {
		if (m->file[i].present)
			kt_sha256_add(&s, m->file[i].sha256, KT_SHA256_HEX);
		else
			kt_sha256_add(&s, "", 1);
	}
	kt_sha256_hex(&s, hex);
	if (!m->release)
		m->release = strdup("0-unknown");
	m->key = m->release ? kc_make_key(m->release, 'p', hex) : NULL;
	if (!m->key || kc_dup(m->release, &m->version) < 0 || kc_dup(l->spec, &m->spec) < 0)
		return no_memory(l, e);
	if (!kc_is_key(m->key))
		return kt_fail(e, KT_E_KERNEL, EINVAL,
			       "the kernel '%s' has a release that is no file name: '%s'",
			       entry_dir, m->release);
	return 0;
}

static int copy_sources(const struct local *l, const char *work, const char *entry_dir,
			struct kc_metadata *m, struct kt_err *e)
{
	kt_auto(mem) char *image = kt_fmt("%s/%s", entry_dir, kc_file_names[KC_FILE_IMAGE]);
	kt_auto(mem) char *vmlinux = kt_fmt("%s/%s", entry_dir, kc_file_names[KC_FILE_VMLINUX]);
	kt_auto(mem) char *config = kt_fmt("%s/%s", entry_dir, kc_file_names[KC_FILE_CONFIG]);
	kt_auto(buf) struct kt_buf now = { 0 };
	struct kc_bzimage bz;
	int r;

	if (!image || !vmlinux || !config)
		return no_memory(l, e);
	/* First of all, so that the error names the file that people gave. */
	r = kc_bzimage_read(l->source[KC_FILE_IMAGE], &bz, e);
	if (r == 0)
		r = copy_file(l->source[KC_FILE_IMAGE], image, e);
	if (r == 0 && l->source[KC_FILE_CONFIG])
		r = copy_file(l->source[KC_FILE_CONFIG], config, e);
	if (r == 0)
		r = take_vmlinux(l, work, image, vmlinux, m, e);
	if (r == 0)
		r = take_system_map(l, entry_dir, vmlinux, e);
	if (r == 0)
		r = identify(l, &now, e);
	if (r < 0)
		return r;
	if (!kt_streq(kt_buf_str(&now), kt_buf_str(&l->identity)))
		return kt_fail(e, KT_E_KERNEL, EAGAIN,
			       "'%s' changed while it was copied; is a build still running?",
			       l->path);
	return 0;
}

static int make_entry(const struct local *l, const char *work, struct kc_entry **ret,
		      struct kt_err *e)
{
	kt_auto(mem) char *entry_dir = kt_fmt("%s/entry", work);
	kt_auto(kc_metadata) struct kc_metadata m = { 0 };
	int r;

	if (!entry_dir)
		return no_memory(l, e);
	r = kt_remove_tree(entry_dir, e);
	if (r == 0)
		r = kt_mkdir_p(entry_dir, 0755, e);
	if (r == 0)
		r = copy_sources(l, work, entry_dir, &m, e);
	if (r == 0)
		r = kc_complete(entry_dir, &m, e);
	if (r == 0)
		r = make_key(l, entry_dir, &m, e);
	return r < 0 ? r
		     : kc_install_by_content(l->cache_dir, entry_dir, &m, l->o->progress, ret, e);
}

int kc_local_get(const char *cache_dir, const char *spec, const char *path, const struct kc_opts *o,
		 struct kc_entry **ret, struct kt_err *e)
{
	kt_auto(local) struct local l = { .cache_dir = cache_dir, .spec = spec, .o = o };
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	int r = resolve(&l, path, e);

	if (r < 0)
		return r;
	r = recall(&l, ret, e);
	if (r != -ENOENT)
		return r;
	r = kc_work_begin(cache_dir, l.name, NULL, o->progress, &w, e);
	if (r < 0)
		return r;
	r = recall(&l, ret, e);
	if (r != -ENOENT)
		return r;
	if (o->progress && o->progress->step)
		o->progress->step(o->progress->ctx, "copy the local kernel");
	r = make_entry(&l, w.dir, &k, e);
	if (r == 0)
		r = k ? remember(&l, k->key, e) : -ENOENT;
	if (r < 0)
		return r;
	*ret = kt_take(k);
	return 0;
}
