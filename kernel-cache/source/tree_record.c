/* SPDX-License-Identifier: GPL-2.0-only */
/* What is known of each unpacked tree: sources/KEY.json. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel-cache/source/trees.h"

enum { BOOT_ID_BYTES = 64 };

void kc_tree_record_done(struct kc_tree_record *t)
{
	free(t->key);
	free(t->version);
	free(t->commit);
	free(t->url);
	free(t->sha256);
	free(t->boot_id);
	*t = (struct kc_tree_record){ 0 };
}

char *kc_boot_id(void)
{
	char id[BOOT_ID_BYTES];

	if (kt_file_read_small("/proc/sys/kernel/random/boot_id", id, sizeof(id)) < 0)
		id[0] = '\0';
	return strdup(id);
}

int kc_tree_record_write(const char *cache_dir, const struct kc_tree_record *t, struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/sources/%s.json", cache_dir, t->key);
	kt_auto(buf) struct kt_buf text = { 0 };
	struct kt_json j;

	kt_json_init(&j, &text, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", KC_SCHEMA_VERSION);
	kt_json_str(&j, "key", t->key);
	kt_json_str(&j, "version", t->version);
	kt_json_str(&j, "commit", t->commit);
	kt_json_str(&j, "url", t->url);
	kt_json_str(&j, "sha256", t->sha256);
	kt_json_u64(&j, "bytes", t->bytes);
	kt_json_u64(&j, "files", t->files);
	kt_json_str(&j, "boot_id", t->boot_id);
	kt_json_bool(&j, "synced", t->synced);
	kt_json_i64(&j, "created", t->created);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	if (!path || !kt_buf_ok(&text))
		return kt_fail(e, KT_E_HOST, ENOMEM, "record the source tree %s", t->key);
	return kt_file_write_atomic(path, text.data, text.len, 0644, e);
}

static int read_all(const cJSON *o, struct kc_tree_record *t)
{
	const char *key = kc_json_get_str(o, "key");
	const char *version = kc_json_get_str(o, "version");
	const char *boot_id = kc_json_get_str(o, "boot_id");
	uint64_t created;

	if (!key || !kc_is_key(key) || !version || !boot_id ||
	    kc_json_get_u64(o, "bytes", &t->bytes) < 0 ||
	    kc_json_get_u64(o, "files", &t->files) < 0 ||
	    kc_json_get_u64(o, "created", &created) < 0)
		return -EINVAL;
	t->created = (time_t)created;
	t->synced = kc_json_get_bool(o, "synced");
	if (kc_dup(key, &t->key) < 0 || kc_dup(version, &t->version) < 0 ||
	    kc_dup(boot_id, &t->boot_id) < 0 ||
	    kc_dup(kc_json_get_str(o, "commit"), &t->commit) < 0 ||
	    kc_dup(kc_json_get_str(o, "url"), &t->url) < 0 ||
	    kc_dup(kc_json_get_str(o, "sha256"), &t->sha256) < 0)
		return -ENOMEM;
	return 0;
}

int kc_tree_record_read(const char *cache_dir, const char *key, struct kc_tree_record *ret,
			struct kt_err *e)
{
	kt_auto(kc_tree_record) struct kc_tree_record t = { 0 };
	kt_auto(mem) char *path = kt_fmt("%s/sources/%s.json", cache_dir, key);
	kt_auto(cjson) cJSON *root = NULL;
	int r;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read about the source tree %s", key);
	r = kc_json_load_upto(path, KC_SCHEMA_VERSION, &root, e);
	if (r < 0)
		return r;
	r = read_all(root, &t);
	if (r == -ENOMEM)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", path);
	if (r < 0 || !kt_streq(t.key, key))
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "'%s' lacks something or has a value of a wrong type", path);
	*ret = t;
	t = (struct kc_tree_record){ 0 };
	return 0;
}

/* Only of convenience: a tree that nobody says this of is unpacked again after the next boot. */
static int sync_tree(const char *cache_dir, const char *key, struct kt_err *e)
{
	kt_auto(kc_tree_record) struct kc_tree_record t = { 0 };
	kt_auto(mem) char *dir = kt_fmt("%s/sources/%s", cache_dir, key);
	kt_auto(mem) char *boot_id = kc_boot_id();
	kt_auto(fd) int fd = -1;
	int r;

	if (!dir || !boot_id)
		return kt_fail(e, KT_E_HOST, ENOMEM, "sync the source tree %s", key);
	r = kc_tree_record_read(cache_dir, key, &t, e);
	/* What another boot left is for kc_tree_get to judge. */
	if (r < 0 || !t.boot_id || t.synced || !kt_streq(t.boot_id, boot_id))
		return r == -ENOENT ? 0 : r;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || syncfs(fd) < 0)
		return kt_fail(e, KT_E_HOST, errno, "sync '%s'", dir);
	t.synced = true;
	return kc_tree_record_write(cache_dir, &t, e);
}

void kc_tree_synced(const char *cache_dir, const char *key)
{
	struct kt_err e = { 0 };
	char text[KT_ERR_TEXT_BYTES];

	if (sync_tree(cache_dir, key, &e) < 0)
		kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG, "%s", kt_err_text(&e, text, sizeof(text)));
}

int kc_sources_usage(const char *cache_dir, size_t *ret_nr, uint64_t *ret_bytes, struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/sources", cache_dir);
	kt_auto(dir) DIR *dir = NULL;
	uint64_t bytes = 0;
	size_t nr = 0;
	struct dirent *d;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "list source trees");
	dir = opendir(path);
	if (!dir && errno != ENOENT)
		return kt_fail(e, KT_E_HOST, errno, "open directory '%s'", path);
	while (dir && (d = readdir(dir))) {
		kt_auto(kc_tree_record) struct kc_tree_record t = { 0 };

		/* A directory that nothing is recorded of has no known size; it goes when it is next asked for. */
		if (!kc_is_key(d->d_name) || kt_ends_with(d->d_name, ".json") ||
		    kc_tree_record_read(cache_dir, d->d_name, &t, NULL) < 0)
			continue;
		nr++;
		bytes += t.bytes;
	}
	*ret_nr = nr;
	*ret_bytes = bytes;
	return 0;
}
