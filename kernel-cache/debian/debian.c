/* SPDX-License-Identifier: GPL-2.0-only */
/* debian:SUITE/cloud: Debian's prebuilt kernels, pinned by ktstr.lock, fetched once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "kernel-cache/internal.h"

#define PACKAGE_BYTES_MAX (UINT64_C(1) << 30)

/*
 * boot/vmlinuz-RELEASE up to Linux 6.18, usr/lib/modules/RELEASE/vmlinuz since (with .unsigned
 * before it is signed); the config likewise.
 */
static bool is_release_file(const char *path, const char *name, const char *boot_prefix)
{
	const char *rest;

	if (kt_starts_with(path, "boot/"))
		return kt_starts_with(path + strlen("boot/"), boot_prefix) &&
		       !strchr(path + strlen("boot/"), '/');
	if (kt_starts_with(path, "usr/"))
		path += strlen("usr/");
	if (!kt_starts_with(path, "lib/modules/"))
		return false;
	rest = strchr(path + strlen("lib/modules/"), '/');
	return rest && kt_streq(rest + 1, name);
}

static bool is_image(const char *path)
{
	return is_release_file(path, "vmlinuz", "vmlinuz-") ||
	       is_release_file(path, "vmlinuz.unsigned", "vmlinuz-");
}

static bool is_config(const char *path)
{
	return is_release_file(path, "config", "config-");
}

static int fetch_remote(const struct kc_request *q, const struct kc_remote *from, const char *to,
			struct kt_err *e)
{
	const struct kc_fetch_opts f = {
		.url = from->url,
		.path = to,
		.sha256 = from->sha256,
		.bytes = from->bytes,
		.max_bytes = PACKAGE_BYTES_MAX,
		.progress = q->o->progress,
	};

	return kc_debian_fetch(q->parsed.arg, &f, e);
}

/* The config is for people and for programs in the guest: a kernel without it still is one. */
static int add_config(const struct kc_request *q, const struct kc_pick *p, const char *work,
		      const char *config, struct kc_metadata *m, struct kt_err *e)
{
	struct kc_deb_member member = { .match = is_config,
					.to = config,
					.max_bytes = KC_CONFIG_BYTES_MAX };
	kt_auto(mem) char *deb = kt_fmt("%s/config.deb", work);
	int r = -ENOENT;

	if (!deb)
		return kt_fail(e, KT_E_HOST, ENOMEM, "fetch the config of %s", p->version);
	if (p->config.url) {
		r = fetch_remote(q, &p->config, deb, e);
		if (r == 0)
			r = kc_deb_extract(deb, &member, 1, e);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	if (member.found)
		return 0;
	m->notes = r == -ENOENT && p->config.url ? kt_fmt("no config: '%s' is gone", p->config.url)
						 : strdup("no config in the package");
	return m->notes ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "fetch the config of %s", p->version);
}

static int unpack(const struct kc_request *q, const struct kc_pick *p, const char *work,
		  const char *deb, const char *entry_dir, struct kc_metadata *m, struct kt_err *e)
{
	kt_auto(mem) char *image = kt_fmt("%s/%s", entry_dir, kc_file_names[KC_FILE_IMAGE]);
	kt_auto(mem) char *config = kt_fmt("%s/%s", entry_dir, kc_file_names[KC_FILE_CONFIG]);
	struct kc_deb_member members[] = {
		{ .match = is_image, .to = image, .max_bytes = KC_IMAGE_BYTES_MAX },
		{ .match = is_config, .to = config, .max_bytes = KC_CONFIG_BYTES_MAX },
	};
	int r;

	if (!image || !config)
		return kt_fail(e, KT_E_HOST, ENOMEM, "unpack '%s'", deb);
	r = kt_remove_tree(entry_dir, e);
	if (r == 0)
		r = kt_mkdir_p(entry_dir, 0755, e);
	if (r == 0)
		r = kc_deb_extract(deb, members, sizeof(members) / sizeof(members[0]), e);
	if (r < 0)
		return r;
	if (!members[0].found)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "there is no kernel image in '%s'",
			       p->image.url);
	return members[1].found ? 0 : add_config(q, p, work, config, m, e);
}

static int fill_metadata(const struct kc_request *q, const struct kc_pick *p, struct kc_metadata *m,
			 struct kt_err *e)
{
	if (kc_dup(q->spec, &m->spec) < 0 || kc_dup(p->key, &m->key) < 0 ||
	    kc_dup(p->version, &m->version) < 0 || kc_dup(p->version, &m->release) < 0 ||
	    kc_dup(p->image.url, &m->url) < 0 || kc_dup(p->image.sha256, &m->sha256) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "get kernel %s", p->version);
	return 0;
}

static void step(const struct kc_request *q, const char *what, const char *name)
{
	kt_auto(mem) char *text = kt_fmt("%s %s", what, name);

	if (text && q->o->progress && q->o->progress->step)
		q->o->progress->step(q->o->progress->ctx, text);
}

static int make_entry(const struct kc_request *q, const struct kc_pick *p, const char *work,
		      struct kt_err *e)
{
	kt_auto(mem) char *deb = kt_fmt("%s/image.deb", work);
	kt_auto(mem) char *entry_dir = kt_fmt("%s/entry", work);
	kt_auto(kc_metadata) struct kc_metadata m = { 0 };
	int r;

	if (!deb || !entry_dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "get kernel %s", p->version);
	r = fetch_remote(q, &p->image, deb, e);
	if (r < 0)
		return r;
	step(q, "unpack", p->package);
	r = fill_metadata(q, p, &m, e);
	if (r == 0)
		r = unpack(q, p, work, deb, entry_dir, &m, e);
	if (r == 0)
		r = kc_complete(entry_dir, &m, e);
	return r < 0 ? r : kc_install(q->cache_dir, entry_dir, &m, e);
}

/* -ENOENT: not there. A damaged one is moved away when @may_move, and then is not there either. */
static int load(const struct kc_request *q, const char *key, bool may_move, struct kc_entry **ret,
		struct kt_err *e)
{
	struct kt_err why = { 0 };
	char text[KT_ERR_TEXT_BYTES];
	int r = kc_entry_load(q->cache_dir, key, ret, &why);

	if (r == -EBADMSG && may_move) {
		r = kc_move_damaged(q->cache_dir, key, kt_err_text(&why, text, sizeof(text)), e);
		return r < 0 ? r : -ENOENT;
	}
	if (r < 0 && r != -ENOENT && e)
		*e = why;
	return r;
}

static int fetch_pick(const struct kc_request *q, const struct kc_pick *p, struct kc_entry **ret,
		      struct kt_err *e)
{
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	kt_auto(mem) char *purpose = kc_purpose(q, "fetches", p->version);
	int r = kc_work_begin(q->cache_dir, p->key, purpose, q->o->progress, &w, e);

	if (r < 0)
		return r;
	/* Another process may have made it while we waited. */
	r = load(q, p->key, true, ret, e);
	if (r != -ENOENT)
		return r;
	r = make_entry(q, p, w.dir, e);
	/* A download that was cut is worth continuing another time. */
	w.keep = r == -EHOSTUNREACH;
	if (r < 0)
		return kt_context(e, r, "fetch version %s", p->version);
	r = kc_entry_load(q->cache_dir, p->key, ret, e);
	return r == -ENOENT
		       ? kt_fail(e, KT_E_HOST, ENOENT, "kernel %s vanished from the cache", p->key)
		       : r;
}

static int get_pick(const struct kc_request *q, const struct kc_pick *p, struct kc_entry **ret,
		    struct kt_err *e)
{
	struct kt_err why = { 0 };
	char text[KT_ERR_TEXT_BYTES];
	int r = kc_entry_load(q->cache_dir, p->key, ret, &why);

	if (r == 0)
		return 0;
	if (q->o->offline && r == -EBADMSG)
		return kt_fail(
			e, KT_E_KERNEL, EBADMSG,
			"the cached kernel %s is damaged (%s), and there is no network to get it again",
			p->key, kt_err_text(&why, text, sizeof(text)));
	if (q->o->offline && r == -ENOENT)
		return kt_fail(
			e, KT_E_KERNEL, ENOENT,
			"kernel %s (%s) is not in the cache; run 'ktstr-make kernel fetch' once with a network",
			p->key, q->spec);
	return fetch_pick(q, p, ret, e);
}

/* A cached entry as a pick: enough to load it. */
static int pick_of(const struct kc_entry *k, struct kc_pick *ret)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };

	if (kc_dup(k->key, &p.key) < 0 || kc_dup(k->key, &p.package) < 0 ||
	    kc_dup(k->version, &p.version) < 0 || kc_dup(k->url, &p.image.url) < 0 ||
	    kc_dup(k->sha256, &p.image.sha256) < 0)
		return -ENOMEM;
	*ret = p;
	p = (struct kc_pick){ 0 };
	return 0;
}

/*
 * What is cached of this spec: the mirror's last answer, else the newest version. -ENOENT: nothing.
 */
static int newest_cached(const struct kc_request *q, struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(kc_list) struct kc_list l = { 0 };
	kt_auto(kc_pick) struct kc_pick last = { 0 };
	size_t best = SIZE_MAX;
	int r = kc_list(q->cache_dir, &l, NULL, NULL, e);

	if (r == 0)
		r = kc_index_last(q->cache_dir, q->parsed.arg, &last, e);
	if (r < 0 && r != -ENOENT)
		return r;
	for (size_t i = 0; i < l.nr; i++) {
		if (last.key && kt_streq(l.v[i]->key, last.key)) {
			best = i;
			break;
		}
		if (kt_streq(l.v[i]->spec, q->spec) &&
		    (best == SIZE_MAX || kc_deb_version_cmp(l.v[i]->key, l.v[best]->key) > 0))
			best = i;
	}
	if (best == SIZE_MAX)
		return -ENOENT;
	return pick_of(l.v[best], ret) < 0
		       ? kt_fail(e, KT_E_HOST, ENOMEM, "get kernel '%s'", q->spec)
		       : 0;
}

static int newest(const struct kc_request *q, bool refresh, struct kc_pick *ret, struct kt_err *e)
{
	return kc_index_newest(q->cache_dir, q->parsed.arg, refresh, q->o->progress, ret, e);
}

static const struct kc_resolver resolver = { .newest = newest, .last = newest_cached };

static int get(const struct kc_request *q, const struct kc_pick *p, void *ret, struct kt_err *e)
{
	return get_pick(q, p, ret, e);
}

int kc_debian_get(const struct kc_request *q, struct kc_entry **ret, struct kt_err *e)
{
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	int r = kc_with_pick(q, &resolver, get, &k, e);

	if (r < 0)
		return r;
	*ret = kt_take(k);
	return 0;
}
