/* SPDX-License-Identifier: GPL-2.0-only */
/* Entries of the cache: loaded when whole, listed, described. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/internal.h"

void kc_entry_free(struct kc_entry *k)
{
	if (!k)
		return;
	free(k->key);
	free(k->spec);
	free(k->release);
	free(k->dir);
	free(k->image);
	free(k->vmlinux);
	free(k->config);
	free(k->url);
	free(k->sha256);
	free(k->notes);
	free(k);
}

/*
 * Sizes tell a file that was cut, which is what happens; nobody waits for 60 MiB to be hashed at
 * each start.
 */
static int check_file(const char *path, uint64_t bytes, struct kt_err *e)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is missing", path)
				       : kt_fail(e, KT_E_HOST, errno, "look at '%s'", path);
	if (!S_ISREG(st.st_mode))
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is no regular file", path);
	if ((uint64_t)st.st_size != bytes)
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "'%s' has %llu bytes, metadata.json says %llu", path,
			       (unsigned long long)st.st_size, (unsigned long long)bytes);
	return 0;
}

static int fill_files(struct kc_entry *k, const struct kc_metadata *m, struct kt_err *e)
{
	char **const paths[KC_FILE_NR] = {
		[KC_FILE_IMAGE] = &k->image,
		[KC_FILE_VMLINUX] = &k->vmlinux,
		[KC_FILE_CONFIG] = &k->config,
	};

	for (int i = 0; i < KC_FILE_NR; i++) {
		int r;

		if (!m->file[i].present)
			continue;
		*paths[i] = kt_fmt("%s/%s", k->dir, kc_file_names[i]);
		if (!*paths[i])
			return kt_fail(e, KT_E_HOST, ENOMEM, "load '%s'", k->dir);
		r = check_file(*paths[i], m->file[i].bytes, e);
		if (r < 0)
			return r;
		k->bytes += m->file[i].bytes;
	}
	return 0;
}

static time_t last_use(const char *cache_dir, const struct kc_metadata *m)
{
	kt_auto(mem) char *path = kt_fmt("%s/used/%s", cache_dir, m->key);
	struct stat st;

	return path && stat(path, &st) == 0 ? st.st_mtime : m->created;
}

/* Strings move from @m to @k. */
static void fill_strings(struct kc_entry *k, struct kc_metadata *m)
{
	k->key = kt_take(m->key);
	k->spec = kt_take(m->spec);
	k->release = kt_take(m->release);
	k->url = kt_take(m->url);
	k->sha256 = kt_take(m->sha256);
	k->notes = kt_take(m->notes);
}

static struct kc_entry *new_entry(const char *cache_dir, const char *key)
{
	struct kc_entry *k = calloc(1, sizeof(*k));

	if (k)
		k->dir = kt_fmt("%s/kernels/%s", cache_dir, key);
	if (k && !k->dir) {
		free(k);
		k = NULL;
	}
	return k;
}

int kc_entry_load(const char *cache_dir, const char *key, struct kc_entry **ret, struct kt_err *e)
{
	kt_auto(kc_metadata) struct kc_metadata m = { 0 };
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	kt_auto(mem) char *path = kt_fmt("%s/kernels/%s/metadata.json", cache_dir, key);
	int r;

	k = new_entry(cache_dir, key);
	if (!k || !path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "load kernel %s", key);
	if (access(k->dir, F_OK) < 0)
		return errno == ENOENT ? -ENOENT
				       : kt_fail(e, KT_E_HOST, errno, "look at '%s'", k->dir);
	r = kc_metadata_read(path, &m, e);
	if (r == -ENOENT)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is missing", path);
	if (r < 0)
		return r;
	if (!kt_streq(m.key, key))
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is of another kernel (%s)", path,
			       m.key);
	r = fill_files(k, &m, e);
	if (r < 0)
		return r;
	k->created = m.created;
	k->last_used = last_use(cache_dir, &m);
	k->facts = m.facts;
	fill_strings(k, &m);
	*ret = kt_take(k);
	return 0;
}

void kc_entry_touch(const char *cache_dir, const char *key)
{
	kt_auto(mem) char *path = kt_fmt("%s/used/%s", cache_dir, key);
	kt_auto(fd) int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : -1;

	if (fd >= 0)
		(void)futimens(fd,
			       NULL); /* of no consequence when the cache is not ours to write to */
}

static int by_last_use(const void *a, const void *b)
{
	const struct kc_entry *x = *(struct kc_entry *const *)a;
	const struct kc_entry *y = *(struct kc_entry *const *)b;

	if (x->last_used != y->last_used)
		return x->last_used < y->last_used ? 1 : -1;
	return kc_deb_version_cmp(y->key, x->key);
}

void kc_list_done(struct kc_list *l)
{
	for (size_t i = 0; i < l->nr; i++)
		kc_entry_free(l->v[i]);
	free(l->v);
	*l = (struct kc_list){ 0 };
}

static int list_one(const char *cache_dir, const char *key, struct kc_list *l, size_t *cap,
		    void (*damaged)(void *ctx, const char *key, const char *why), void *ctx,
		    struct kt_err *e)
{
	struct kt_err why = { 0 };
	char text[KT_ERR_TEXT_BYTES];
	int r;

	if (kt_vec_reserve((void **)&l->v, cap, l->nr + 1, sizeof(void *)) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "list '%s'", cache_dir);
	r = kc_entry_load(cache_dir, key, &l->v[l->nr], &why);
	if (r == 0)
		l->nr++;
	else if (r != -ENOENT && damaged)
		damaged(ctx, key, kt_err_text(&why, text, sizeof(text)));
	return 0;
}

int kc_list(const char *cache_dir, struct kc_list *ret,
	    void (*damaged)(void *ctx, const char *key, const char *why), void *ctx,
	    struct kt_err *e)
{
	kt_auto(mem) char *own = cache_dir ? NULL : kc_default_dir();
	const char *cache = cache_dir ? cache_dir : own;
	kt_auto(mem) char *path = cache ? kt_fmt("%s/kernels", cache) : NULL;
	kt_auto(kc_list) struct kc_list l = { 0 };
	kt_auto(dir) DIR *dir = NULL;
	struct dirent *d;
	size_t cap = 0;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "list the kernel cache");
	dir = opendir(path);
	if (!dir && errno != ENOENT)
		return kt_fail(e, KT_E_HOST, errno, "list '%s'", path);
	while (dir && (d = readdir(dir))) {
		int r = kc_is_key(d->d_name) ? list_one(cache, d->d_name, &l, &cap, damaged, ctx, e)
					     : 0;

		if (r < 0)
			return r;
	}
	if (l.nr)
		qsort(l.v, l.nr, sizeof(void *), by_last_use);
	*ret = l;
	l = (struct kc_list){ 0 };
	return 0;
}

void kc_entry_json(const struct kc_entry *k, struct kt_json *j, const char *key)
{
	kt_json_object_begin(j, key);
	kt_json_str(j, "key", k->key);
	kt_json_str(j, "source", k->spec);
	kt_json_str(j, "release", k->release);
	kt_json_str(j, "dir", k->dir);
	kt_json_str(j, "image", k->image);
	kt_json_str(j, "vmlinux", k->vmlinux);
	kt_json_str(j, "config", k->config);
	kt_json_str(j, "url", k->url);
	kt_json_str(j, "sha256", k->sha256);
	kt_json_u64(j, "size", k->bytes);
	kt_json_i64(j, "created", k->created);
	kt_json_i64(j, "last_used", k->last_used);
	kt_json_bool(j, "has_btf", k->facts.has_btf);
	kt_json_bool(j, "has_sched_ext", k->facts.has_sched_ext);
	kt_json_str(j, "notes", k->notes);
	kt_json_object_end(j);
}
