/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr.lock: which exact kernel each spec of a project stands for. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/internal.h"

enum { PINS_MAX = 10000, NAME_DIGITS = 16 };

struct pin {
	char *spec;
	struct kc_pick pick;
};

struct pins {
	KT_VEC(struct pin) list;
};

static void kt_cleanup_pins(struct pins *p)
{
	for (size_t i = 0; i < p->list.nr; i++) {
		free(p->list.v[i].spec);
		kc_pick_done(&p->list.v[i].pick);
	}
	free(p->list.v);
}

static int broken(const char *path, const char *what, struct kt_err *e)
{
	return kt_fail(
		e, KT_E_CONFIG, EINVAL,
		"'%s' is broken: %s; restore it, or remove it to have everything resolved anew",
		path, what);
}

static int read_pin(const cJSON *o, const char *path, struct pins *ret, struct kt_err *e)
{
	const char *spec = kc_json_get_str(o, "spec");
	struct pin p = { 0 };
	int r;

	if (!spec)
		return broken(path, "a kernel without \"spec\"", e);
	if (ret->list.nr >= PINS_MAX)
		return broken(path, "too many kernels", e);
	r = kc_pick_read(o, &p.pick);
	if (r == -EINVAL) {
		kt_auto(mem) char *what =
			kt_fmt("the entry of '%s' lacks something or has a wrong value", spec);

		return broken(path, what ? what : spec, e);
	}
	if (r == 0)
		r = kc_dup(spec, &p.spec);
	if (r == 0)
		r = KT_VEC_PUSH(&ret->list, p);
	if (r == 0)
		return 0;
	free(p.spec);
	kc_pick_done(&p.pick);
	return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", path);
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

int kc_pin_get(const char *project_dir, const char *spec, struct kc_pick *ret, struct kt_err *e)
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
		*ret = pins.list.v[i].pick;
		pins.list.v[i].pick = (struct kc_pick){ 0 };
		return 0;
	}
	return -ENOENT;
}

static int by_spec(const void *a, const void *b)
{
	return strcmp(((const struct pin *)a)->spec, ((const struct pin *)b)->spec);
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
		kc_pick_write(&pins->list.v[i].pick, &j);
		kt_json_object_end(&j);
	}
	kt_json_array_end(&j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
}

/* By way of its JSON: a deep copy that cannot forget a member. */
static int copy_pick(const struct kc_pick *from, struct kc_pick *ret)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	kt_auto(cjson) cJSON *o = NULL;
	struct kt_json j;

	kt_json_init(&j, &text, false);
	kt_json_object_begin(&j, NULL);
	kc_pick_write(from, &j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	o = cJSON_ParseWithLength(kt_buf_str(&text), text.len);
	return o ? kc_pick_read(o, ret) : -ENOMEM;
}

static int put(struct pins *pins, const char *spec, const struct kc_pick *pick)
{
	struct pin p = { 0 };
	int r = copy_pick(pick, &p.pick);

	if (r < 0)
		return r;
	for (size_t i = 0; i < pins->list.nr; i++) {
		if (!kt_streq(pins->list.v[i].spec, spec))
			continue;
		kc_pick_done(&pins->list.v[i].pick);
		pins->list.v[i].pick = p.pick;
		return 0;
	}
	r = kc_dup(spec, &p.spec);
	if (r == 0)
		r = KT_VEC_PUSH(&pins->list, p);
	if (r < 0) {
		free(p.spec);
		kc_pick_done(&p.pick);
	}
	return r;
}

/* The lock is kept in the cache: a project's directory gets no file that is not for people. */
static int lock_pins(const char *cache_dir, const char *project_dir, struct kt_lock *ret,
		     struct kt_err *e)
{
	char real[PATH_MAX], hex[KT_SHA256_HEX], name[KT_SHA256_HEX];
	struct kt_sha256 s;

	if (!realpath(project_dir, real))
		return kt_fail(e, KT_E_HOST, errno, "resolve '%s'", project_dir);
	kt_sha256_init(&s);
	kt_sha256_add(&s, real, strlen(real));
	kt_sha256_hex(&s, hex);
	(void)kt_snprintf(name, sizeof(name), "pins-%.*s", NAME_DIGITS, hex);
	return kc_lock(cache_dir, name, NULL, ret, e);
}

int kc_pin_set(const char *cache_dir, const char *project_dir, const char *spec,
	       const struct kc_pick *p, struct kt_err *e)
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
	if (put(&pins, spec, p) < 0 || !pins.list.v)
		return kt_fail(e, KT_E_HOST, ENOMEM, "write '%s'", path);
	qsort(pins.list.v, pins.list.nr, sizeof(pins.list.v[0]), by_spec);
	render(&pins, &text);
	if (!kt_buf_ok(&text))
		return kt_fail(e, KT_E_HOST, ENOMEM, "write '%s'", path);
	return kt_file_write_atomic(path, text.data, text.len, 0644, e);
}
