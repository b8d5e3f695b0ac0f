/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr.lock: which exact kernel each spec of a project stands for. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/internal.h"

enum { PINS_MAX = 10000 };

struct pin {
	char *spec;
	struct kc_pick pick;
	struct kt_strv versions; /* of a range: then there is no pick */
};

struct pins {
	KT_VEC(struct pin) list;
};

static void kt_cleanup_pin(struct pin *p)
{
	free(p->spec);
	kc_pick_done(&p->pick);
	kt_strv_done(&p->versions);
	*p = (struct pin){ 0 };
}

static void kt_cleanup_pins(struct pins *p)
{
	for (size_t i = 0; i < p->list.nr; i++)
		kt_cleanup_pin(&p->list.v[i]);
	free(p->list.v);
}

static int broken(const char *path, const char *what, struct kt_err *e)
{
	return kt_fail(
		e, KT_E_CONFIG, EINVAL,
		"'%s' is broken: %s; restore it, or remove it to have everything resolved anew",
		path, what);
}

static int read_versions(const cJSON *list, struct kt_strv *ret)
{
	const cJSON *o;

	cJSON_ArrayForEach(o, list)
	{
		if (!cJSON_IsString(o))
			return -EINVAL;
		if (kt_strv_add(ret, o->valuestring) < 0)
			return -ENOMEM;
	}
	return ret->nr ? 0 : -EINVAL;
}

static int read_pin(const cJSON *o, const char *path, struct pins *ret, struct kt_err *e)
{
	const cJSON *versions = cJSON_GetObjectItemCaseSensitive(o, "versions");
	const char *spec = kc_json_get_str(o, "spec");
	kt_auto(pin) struct pin p = { 0 };
	int r;

	if (!spec)
		return broken(path, "a kernel without \"spec\"", e);
	if (ret->list.nr >= PINS_MAX)
		return broken(path, "too many kernels", e);
	r = versions ? read_versions(versions, &p.versions) : kc_pick_read(o, &p.pick);
	if (r == -EINVAL || r == -EBADMSG) {
		kt_auto(mem) char *what = kt_fmt(
			r == -EINVAL ? "the entry of '%s' lacks something or has a wrong value"
				     : "the key of '%s' is not that of its checksum or commit",
			spec);

		return broken(path, what ? what : spec, e);
	}
	if (r == 0)
		r = kc_dup(spec, &p.spec);
	if (r == 0)
		r = KT_VEC_PUSH(&ret->list, p);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", path);
	p = (struct pin){ 0 };
	return 0;
}

/* A missing file is an empty one. */
static int read_pins(const char *path, struct pins *ret, struct kt_err *e)
{
	kt_auto(cjson) cJSON *root = NULL;
	const cJSON *kernels, *o;
	struct kt_err ours = { 0 };
	int r = kc_json_load(path, &root, &ours);

	if (r == -ENOENT)
		return 0;
	if (r == -EBADMSG) {
		char text[KT_ERR_TEXT_BYTES];

		return broken(path, kt_err_text(&ours, text, sizeof(text)), e);
	}
	if (r < 0) {
		if (e)
			*e = ours;
		return r;
	}
	kernels = cJSON_GetObjectItemCaseSensitive(root, "kernels");
	if (!cJSON_IsArray(kernels))
		return broken(path, "no list \"kernels\"", e);
	cJSON_ArrayForEach(o, kernels)
	{
		r = read_pin(o, path, ret, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static char *path_of(const char *project_dir)
{
	return kt_fmt("%s/ktstr.lock", project_dir);
}

/* The pin of @spec moves to @ret. -ENOENT without text: none. */
static int take_pin(const char *project_dir, const char *spec, struct pin *ret, struct kt_err *e)
{
	kt_auto(mem) char *path = path_of(project_dir);
	kt_auto(pins) struct pins pins = { 0 };
	int r;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read ktstr.lock");
	r = read_pins(path, &pins, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < pins.list.nr; i++) {
		if (!kt_streq(pins.list.v[i].spec, spec))
			continue;
		*ret = pins.list.v[i];
		pins.list.v[i] = (struct pin){ 0 };
		return 0;
	}
	return -ENOENT;
}

int kc_pin_get(const char *project_dir, const char *spec, struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(pin) struct pin p = { 0 };
	int r = take_pin(project_dir, spec, &p, e);

	if (r < 0)
		return r;
	if (!p.pick.key)
		return -ENOENT;
	*ret = p.pick;
	p.pick = (struct kc_pick){ 0 };
	return 0;
}

int kc_pin_get_range(const char *project_dir, const char *spec, struct kt_strv *ret,
		     struct kt_err *e)
{
	kt_auto(pin) struct pin p = { 0 };
	int r = take_pin(project_dir, spec, &p, e);

	if (r < 0)
		return r;
	if (!p.versions.nr)
		return -ENOENT;
	*ret = p.versions;
	p.versions = (struct kt_strv){ 0 };
	return 0;
}

static int by_spec(const void *a, const void *b)
{
	return strcmp(((const struct pin *)a)->spec, ((const struct pin *)b)->spec);
}

static void render_pin(const struct pin *p, struct kt_json *j)
{
	if (!p->versions.nr) {
		kc_pick_write(&p->pick, j);
		return;
	}
	kt_json_array_begin_oneline(j, "versions");
	for (size_t i = 0; i < p->versions.nr; i++)
		kt_json_str(j, NULL, p->versions.v[i]);
	kt_json_array_end(j);
}

static void render(const struct pins *pins, struct kt_buf *text)
{
	struct kt_json j;

	kt_json_init(&j, text, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", KC_SCHEMA_VERSION);
	kt_json_array_begin(&j, "kernels");
	for (size_t i = 0; i < pins->list.nr; i++) {
		kt_json_object_begin(&j, NULL);
		kt_json_str(&j, "spec", pins->list.v[i].spec);
		render_pin(&pins->list.v[i], &j);
		kt_json_object_end(&j);
	}
	kt_json_array_end(&j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
}

/* @p moves into @pins in place of what is there of its spec. */
static int put(struct pins *pins, struct pin *p)
{
	for (size_t i = 0; i < pins->list.nr; i++) {
		if (!kt_streq(pins->list.v[i].spec, p->spec))
			continue;
		kt_cleanup_pin(&pins->list.v[i]);
		pins->list.v[i] = *p;
		*p = (struct pin){ 0 };
		return 0;
	}
	if (KT_VEC_PUSH(&pins->list, *p) < 0)
		return -ENOMEM;
	*p = (struct pin){ 0 };
	return 0;
}

/* The lock is kept in the cache: a project's directory gets no file that is not for people. */
static int lock_pins(const char *cache_dir, const char *project_dir, struct kt_lock *ret,
		     struct kt_err *e)
{
	char real[PATH_MAX], name[KC_HASH_NAME_BYTES];

	if (!realpath(project_dir, real))
		return kt_fail(e, KT_E_HOST, errno, "resolve '%s'", project_dir);
	kc_hash_name("pins", real, name);
	return kc_lock(cache_dir, name, NULL, NULL, ret, e);
}

/* @p moves into ktstr.lock. */
static int set_pin(const char *cache_dir, const char *project_dir, struct pin *p, struct kt_err *e)
{
	kt_auto(mem) char *path = path_of(project_dir);
	kt_auto(lock) struct kt_lock lock = KT_LOCK_NONE;
	kt_auto(pins) struct pins pins = { 0 };
	kt_auto(buf) struct kt_buf text = { 0 };
	int r;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "write ktstr.lock");
	r = lock_pins(cache_dir, project_dir, &lock, e);
	if (r == 0)
		r = read_pins(path, &pins, e);
	if (r < 0)
		return r;
	if (put(&pins, p) < 0 || !pins.list.v)
		return kt_fail(e, KT_E_HOST, ENOMEM, "write '%s'", path);
	qsort(pins.list.v, pins.list.nr, sizeof(pins.list.v[0]), by_spec);
	render(&pins, &text);
	if (!kt_buf_ok(&text))
		return kt_fail(e, KT_E_HOST, ENOMEM, "write '%s'", path);
	return kt_file_write_atomic(path, text.data, text.len, 0644, e);
}

int kc_pin_set(const char *cache_dir, const char *project_dir, const char *spec,
	       const struct kc_pick *pick, struct kt_err *e)
{
	kt_auto(pin) struct pin p = { 0 };

	if (kc_pick_copy(pick, &p.pick) < 0 || kc_dup(spec, &p.spec) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "pin '%s'", spec);
	return set_pin(cache_dir, project_dir, &p, e);
}

int kc_pin_set_range(const char *cache_dir, const char *project_dir, const char *spec,
		     const struct kt_strv *versions, struct kt_err *e)
{
	kt_auto(pin) struct pin p = { 0 };
	int r = kc_dup(spec, &p.spec);

	for (size_t i = 0; r == 0 && i < versions->nr; i++)
		r = kt_strv_add(&p.versions, versions->v[i]);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "pin '%s'", spec);
	return set_pin(cache_dir, project_dir, &p, e);
}
