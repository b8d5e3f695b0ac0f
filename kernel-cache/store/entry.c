/* SPDX-License-Identifier: GPL-2.0-only */
/* Entries of the cache: loaded when whole, kept in use meanwhile, listed, described. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel-cache/kconfig/kconfig.h"

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
	free(k->system_map);
	free(k->build_log);
	free(k->version);
	free(k->source_key);
	free(k->commit);
	free(k->flavour);
	free(k->base);
	free(k->options);
	free(k->toolchain);
	free(k->pahole);
	free(k->url);
	free(k->sha256);
	free(k->notes);
	kt_cleanup_fd(&k->use_fd);
	free(k);
}

static int fill_files(struct kc_entry *k, const struct kc_metadata *m, struct kt_err *e)
{
	char **const paths[KC_FILE_NR] = {
		[KC_FILE_IMAGE] = &k->image,         [KC_FILE_VMLINUX] = &k->vmlinux,
		[KC_FILE_CONFIG] = &k->config,       [KC_FILE_SYSTEM_MAP] = &k->system_map,
		[KC_FILE_BUILD_LOG] = &k->build_log,
	};

	for (int i = 0; i < KC_FILE_NR; i++) {
		if (!m->file[i].present)
			continue;
		*paths[i] = kt_fmt("%s/%s", k->dir, kc_file_names[i]);
		if (!*paths[i])
			return kt_fail(e, KT_E_HOST, ENOMEM, "load '%s'", k->dir);
		k->bytes += m->file[i].bytes;
	}
	return 0;
}

static void fill_last_use(const char *cache_dir, const struct kc_metadata *m, struct kc_entry *k)
{
	kt_auto(mem) char *path = kt_fmt("%s/used/%s", cache_dir, m->key);
	struct stat st;

	k->last_used = m->created;
	if (!path || stat(path, &st) < 0)
		return;
	k->last_used = st.st_mtim.tv_sec;
	k->last_used_ns = st.st_mtim.tv_nsec;
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
	k->version = kt_take(m->version);
	k->source_key = kt_take(m->source_key);
	k->commit = kt_take(m->commit);
	k->flavour = kt_take(m->flavour);
	k->base = kt_take(m->base);
	k->options = kt_take(m->options);
	k->toolchain = kt_take(m->toolchain);
	k->pahole = kt_take(m->pahole);
}

static int read_metadata(const struct kc_entry *k, const char *key, struct kc_metadata *ret,
			 struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/metadata.json", k->dir);
	int r;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "load kernel %s", key);
	r = kc_metadata_read(path, ret, e);
	if (r == -ENOENT)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is missing", path);
	if (r == 0 && !kt_streq(ret->key, key))
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is of another kernel (%s)", path,
			       ret->key);
	return r;
}

/* -ENOENT without text. */
static int is_there(const struct kc_entry *k, struct kt_err *e)
{
	if (access(k->dir, F_OK) == 0)
		return 0;
	return errno == ENOENT ? -ENOENT : kt_fail(e, KT_E_HOST, errno, "look at '%s'", k->dir);
}

static struct kc_entry *new_entry(const char *cache_dir, const char *key)
{
	struct kc_entry *k = calloc(1, sizeof(*k));

	if (k)
		k->use_fd = -1;
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
	kt_auto(kc_entry) struct kc_entry *k = new_entry(cache_dir, key);
	int r;

	if (!k)
		return kt_fail(e, KT_E_HOST, ENOMEM, "load kernel %s", key);
	r = is_there(k, e);
	if (r == 0)
		r = kc_use_begin(cache_dir, key, &k->use_fd, e);
	/* Somebody may have removed it just before. */
	if (r == 0)
		r = is_there(k, e);
	if (r == 0)
		r = read_metadata(k, key, &m, e);
	if (r == 0)
		r = kc_stamp_check(cache_dir, k->dir, &m, e);
	if (r == 0)
		r = fill_files(k, &m, e);
	if (r < 0)
		return r;
	k->created = m.created;
	fill_last_use(cache_dir, &m, k);
	k->facts = m.facts;
	k->dirty = m.dirty;
	k->build_ms = m.build_ms;
	k->objects = m.objects;
	k->nr_options = m.nr_options;
	k->keep_debug = m.keep_debug;
	k->other_base = m.flavour && m.base && !kt_streq(m.base, kc_config_base(m.flavour));
	k->state = kc_state_of(cache_dir, &m);
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

int kc_verify(const struct kc_entry *k, struct kt_err *e)
{
	static const char below[] = "/kernels/";
	kt_auto(kc_metadata) struct kc_metadata m = { 0 };
	kt_auto(mem) char *cache_dir = NULL;
	size_t len = strlen(k->dir), tail = strlen(below) + strlen(k->key);
	int r;

	assert(len > tail);
	cache_dir = strndup(k->dir, len - tail);
	if (!cache_dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "verify kernel %s", k->key);
	r = read_metadata(k, k->key, &m, e);
	return r < 0 ? r : kc_stamp_verify(cache_dir, k->dir, &m, e);
}

static int by_last_use(const void *a, const void *b)
{
	const struct kc_entry *x = *(struct kc_entry *const *)a;
	const struct kc_entry *y = *(struct kc_entry *const *)b;

	if (x->last_used != y->last_used)
		return x->last_used < y->last_used ? 1 : -1;
	if (x->last_used_ns != y->last_used_ns)
		return x->last_used_ns < y->last_used_ns ? 1 : -1;
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
	else if (r == -EBADMSG && damaged)
		damaged(ctx, key, kt_err_text(&why, text, sizeof(text)));
	else if (r != -EBADMSG && r != -ENOENT) /* of a newer version, of somebody else */
		kt_log(KT_AREA_KERNEL_CACHE, KT_WARN, "leaving the cached kernel %s alone: %s", key,
		       kt_err_text(&why, text, sizeof(text)));
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
	kt_json_str(j, "version", k->version);
	kt_json_str(j, "state", kc_state_names[k->state]);
	kt_json_str(j, "dir", k->dir);
	kt_json_str(j, "image", k->image);
	kt_json_str(j, "vmlinux", k->vmlinux);
	kt_json_str(j, "config", k->config);
	kt_json_str(j, "system_map", k->system_map);
	kt_json_str(j, "build_log", k->build_log);
	kt_json_str(j, "source_key", k->source_key);
	kt_json_str(j, "commit", k->commit);
	kt_json_str(j, "flavour", k->flavour);
	kt_json_str(j, "base", k->base);
	kt_json_str(j, "options", k->options);
	kt_json_bool(j, "keep_debug", k->keep_debug);
	kt_json_str(j, "toolchain", k->toolchain);
	kt_json_str(j, "pahole", k->pahole);
	kt_json_bool(j, "dirty", k->dirty);
	if (k->build_ms)
		kt_json_double(j, "build_seconds", (double)k->build_ms / 1000);
	else
		kt_json_null(j, "build_seconds");
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
