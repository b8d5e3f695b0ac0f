/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * metadata.json of a cache entry: what it is, where it came from, and the files that make it whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kernel-cache/internal.h"

const char *const kc_file_names[KC_FILE_NR] = {
	[KC_FILE_IMAGE] = "image",
	[KC_FILE_VMLINUX] = "vmlinux",
	[KC_FILE_CONFIG] = "config",
	[KC_FILE_SYSTEM_MAP] = "System.map",
	[KC_FILE_BUILD_LOG] = "build.log.zst",
};

void kc_metadata_done(struct kc_metadata *m)
{
	free(m->spec);
	free(m->key);
	free(m->release);
	free(m->version);
	free(m->url);
	free(m->sha256);
	free(m->notes);
	free(m->source_key);
	free(m->commit);
	free(m->flavour);
	free(m->base);
	free(m->toolchain);
	free(m->pahole);
	free(m->options);
	free(m->builtin_hash);
	free(m->config_hash);
	*m = (struct kc_metadata){ 0 };
}

static void write_files(const struct kc_metadata *m, struct kt_json *j)
{
	kt_json_object_begin(j, "files");
	for (int i = 0; i < KC_FILE_NR; i++) {
		if (!m->file[i].present)
			continue;
		kt_json_object_begin(j, kc_file_names[i]);
		kt_json_u64(j, "size", m->file[i].bytes);
		kt_json_str(j, "sha256", m->file[i].sha256);
		kt_json_object_end(j);
	}
	kt_json_object_end(j);
}

static void write_facts(const struct kc_metadata *m, struct kt_json *j)
{
	kt_json_object_begin(j, "facts");
	kt_json_bool(j, "has_btf", m->facts.has_btf);
	kt_json_bool(j, "has_sched_ext", m->facts.has_sched_ext);
	kt_json_u64(j, "ops_value_bytes", m->facts.ops_value_bytes);
	kt_json_u64(j, "ops_timeout_offset", m->facts.ops_timeout_offset);
	kt_json_u64(j, "nr_lost_kfuncs", m->facts.nr_lost_kfuncs);
	kt_json_object_end(j);
}

/* Only of what we built. */
static void write_build(const struct kc_metadata *m, struct kt_json *j)
{
	if (!m->source_key && !m->flavour)
		return;
	kt_json_object_begin(j, "build");
	kt_json_str(j, "source_key", m->source_key);
	kt_json_str(j, "commit", m->commit);
	kt_json_str(j, "flavour", m->flavour);
	kt_json_str(j, "base", m->base);
	kt_json_str(j, "options", m->options);
	kt_json_u64(j, "nr_options", m->nr_options);
	kt_json_str(j, "toolchain", m->toolchain);
	kt_json_str(j, "pahole", m->pahole);
	kt_json_str(j, "builtin_hash", m->builtin_hash);
	kt_json_str(j, "config_hash", m->config_hash);
	kt_json_bool(j, "dirty", m->dirty);
	kt_json_bool(j, "keep_debug", m->keep_debug);
	kt_json_u64(j, "milliseconds", m->build_ms);
	kt_json_u64(j, "objects", m->objects);
	kt_json_object_end(j);
}

int kc_metadata_write(const struct kc_metadata *m, const char *path, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf text = { 0 }, when = { 0 };
	struct kt_json j;

	kt_format_time(&when, m->created);
	kt_json_init(&j, &text, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", KC_METADATA_VERSION);
	kt_json_str(&j, "key", m->key);
	kt_json_str(&j, "source", m->spec);
	kt_json_str(&j, "release", m->release);
	kt_json_str(&j, "version", m->version);
	kt_json_str(&j, "arch", KC_ARCH);
	kt_json_str(&j, "url", m->url);
	kt_json_str(&j, "sha256", m->sha256);
	write_files(m, &j);
	write_facts(m, &j);
	write_build(m, &j);
	kt_json_str(&j, "notes", m->notes);
	kt_json_i64(&j, "created", m->created);
	kt_json_str(&j, "created_text", kt_buf_str(&when));
	kt_json_object_end(&j);
	kt_json_finish(&j);
	if (!kt_buf_ok(&text))
		return kt_fail(e, KT_E_HOST, ENOMEM, "write '%s'", path);
	return kt_file_write_atomic(path, text.data, text.len, 0444, e);
}

static int read_files(const cJSON *files, struct kc_metadata *m)
{
	for (int i = 0; i < KC_FILE_NR; i++) {
		const cJSON *o = cJSON_GetObjectItemCaseSensitive(files, kc_file_names[i]);
		const char *sum;

		if (!o)
			continue;
		sum = kc_json_get_str(o, "sha256");
		if (!sum || !kc_is_sha256(sum) || kc_json_get_u64(o, "size", &m->file[i].bytes) < 0)
			return -EINVAL;
		memcpy(m->file[i].sha256, sum, KT_SHA256_HEX);
		m->file[i].present = true;
	}
	return m->file[KC_FILE_IMAGE].present ? 0 : -EINVAL;
}

static int read_facts(const cJSON *o, struct kc_facts *f)
{
	uint64_t bytes, offset, lost;

	if (kc_json_get_u64(o, "ops_value_bytes", &bytes) < 0 || bytes > UINT32_MAX ||
	    kc_json_get_u64(o, "ops_timeout_offset", &offset) < 0 || offset > UINT32_MAX)
		return -EINVAL;
	/* Entries of before it was looked for have no such number. */
	if (kc_json_get_u64(o, "nr_lost_kfuncs", &lost) == 0 && lost <= UINT32_MAX)
		f->nr_lost_kfuncs = (uint32_t)lost;
	f->has_btf = kc_json_get_bool(o, "has_btf");
	f->has_sched_ext = kc_json_get_bool(o, "has_sched_ext");
	f->ops_value_bytes = (uint32_t)bytes;
	f->ops_timeout_offset = (uint32_t)offset;
	return 0;
}

/* A path may be made of it. NULL where there is none. */
static int read_key(const cJSON *o, const char *name, char **ret)
{
	const char *key = kc_json_get_str(o, name);

	return key && !kc_is_key(key) ? -EINVAL : kc_dup(key, ret);
}

static int read_hash(const cJSON *o, const char *name, char **ret)
{
	const char *hash = kc_json_get_str(o, name);

	return hash && !kc_is_sha256(hash) ? -EINVAL : kc_dup(hash, ret);
}

/* What we did not build, and what version 1 wrote, has no such object. */
static int read_build(const cJSON *o, struct kc_metadata *m)
{
	int r;

	if (!o)
		return 0;
	if (!cJSON_IsObject(o) || kc_json_get_u64(o, "milliseconds", &m->build_ms) < 0 ||
	    kc_json_get_u64(o, "objects", &m->objects) < 0)
		return -EINVAL;
	m->dirty = kc_json_get_bool(o, "dirty");
	m->keep_debug = kc_json_get_bool(o, "keep_debug");
	/* Entries of before they were recorded have none. */
	if (kc_json_get_u64(o, "nr_options", &m->nr_options) < 0)
		m->nr_options = 0;
	if (kc_dup(kc_json_get_str(o, "commit"), &m->commit) < 0 ||
	    kc_dup(kc_json_get_str(o, "flavour"), &m->flavour) < 0 ||
	    kc_dup(kc_json_get_str(o, "base"), &m->base) < 0 ||
	    kc_dup(kc_json_get_str(o, "options"), &m->options) < 0 ||
	    kc_dup(kc_json_get_str(o, "toolchain"), &m->toolchain) < 0 ||
	    kc_dup(kc_json_get_str(o, "pahole"), &m->pahole) < 0)
		return -ENOMEM;
	r = read_key(o, "source_key", &m->source_key);
	if (r == 0)
		r = read_hash(o, "builtin_hash", &m->builtin_hash);
	return r < 0 ? r : read_hash(o, "config_hash", &m->config_hash);
}

static int read_all(const cJSON *o, struct kc_metadata *m)
{
	const char *key = kc_json_get_str(o, "key");
	const char *spec = kc_json_get_str(o, "source");
	const char *release = kc_json_get_str(o, "release");
	const char *version = kc_json_get_str(o, "version");
	uint64_t created;
	int r;

	if (!key || !spec || !release || !version || kc_json_get_u64(o, "created", &created) < 0)
		return -EINVAL;
	m->created = (time_t)created;
	if (kc_dup(key, &m->key) < 0 || kc_dup(spec, &m->spec) < 0 ||
	    kc_dup(release, &m->release) < 0 || kc_dup(version, &m->version) < 0 ||
	    kc_dup(kc_json_get_str(o, "url"), &m->url) < 0 ||
	    kc_dup(kc_json_get_str(o, "sha256"), &m->sha256) < 0 ||
	    kc_dup(kc_json_get_str(o, "notes"), &m->notes) < 0)
		return -ENOMEM;
	if (read_files(cJSON_GetObjectItemCaseSensitive(o, "files"), m) < 0)
		return -EINVAL;
	r = read_facts(cJSON_GetObjectItemCaseSensitive(o, "facts"), &m->facts);
	return r < 0 ? r : read_build(cJSON_GetObjectItemCaseSensitive(o, "build"), m);
}

int kc_metadata_read(const char *path, struct kc_metadata *ret, struct kt_err *e)
{
	kt_auto(kc_metadata) struct kc_metadata m = { 0 };
	kt_auto(cjson) cJSON *root = NULL;
	int r = kc_json_load_upto(path, KC_METADATA_VERSION, &root, e);

	if (r < 0)
		return r;
	r = read_all(root, &m);
	if (r == -ENOMEM)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", path);
	if (r < 0)
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "'%s' lacks something or has a value of a wrong type", path);
	*ret = m;
	m = (struct kc_metadata){ 0 };
	return 0;
}
