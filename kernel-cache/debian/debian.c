/* SPDX-License-Identifier: GPL-2.0-only */
/* debian:SUITE/cloud: Debian's prebuilt kernels, pinned by ktstr.lock, fetched once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "kernel-cache/internal.h"

#define PACKAGE_BYTES_MAX (UINT64_C(1) << 30)

struct request {
	const char *cache_dir;
	const char *spec;
	const char *suite;
	const struct kc_opts *o;
};

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

/*
 * The same file of the archive on this host's own mirror; NULL in @ret when that is the same URL or
 * there is none.
 */
static int own_url(const struct request *q, const char *url, char **ret, struct kt_err *e)
{
	const char *pool = strstr(url, "/pool/");
	kt_auto(mem) char *mirror = NULL;
	char *own;

	*ret = NULL;
	if (!pool || kc_apt_mirror(q->suite, &mirror, NULL) < 0)
		return 0; /* the pinned URL is what counts */
	own = kt_fmt("%s%s", mirror, pool);
	if (!own)
		return kt_fail(e, KT_E_HOST, ENOMEM, "fetch '%s'", url);
	if (kt_streq(own, url)) {
		free(own);
		return 0;
	}
	*ret = own;
	return 0;
}

/*
 * From the URL that was pinned, else from the mirror that this host uses; the checksum makes both
 * the same.
 */
static int fetch_remote(const struct request *q, const struct kc_remote *from, const char *to,
			struct kt_err *e)
{
	struct kc_fetch_opts f = {
		.url = from->url,
		.path = to,
		.sha256 = from->sha256,
		.bytes = from->bytes,
		.max_bytes = PACKAGE_BYTES_MAX,
		.progress = q->o->progress,
	};
	kt_auto(mem) char *own = NULL;
	struct kt_err second = { 0 };
	int r = kc_fetch(&f, e);

	if (r != -ENOENT && r != -EHOSTUNREACH)
		return r;
	if (own_url(q, from->url, &own, &second) < 0 || !own)
		return r;
	f.url = own;
	return kc_fetch(&f, &second) == 0 ? 0 : r;
}

/* The config is for people and for programs in the guest: a kernel without it still is one. */
static int add_config(const struct request *q, const struct kc_pick *p, const char *work,
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

static int unpack(const struct request *q, const struct kc_pick *p, const char *work,
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

static int fill_metadata(const struct request *q, const struct kc_pick *p, struct kc_metadata *m,
			 struct kt_err *e)
{
	if (kc_dup(q->spec, &m->spec) < 0 || kc_dup(p->key, &m->key) < 0 ||
	    kc_dup(p->version, &m->version) < 0 || kc_dup(p->version, &m->release) < 0 ||
	    kc_dup(p->image.url, &m->url) < 0 || kc_dup(p->image.sha256, &m->sha256) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "get kernel %s", p->version);
	return 0;
}

static void step(const struct request *q, const char *what, const char *name)
{
	kt_auto(mem) char *text = kt_fmt("%s %s", what, name);

	if (text && q->o->progress && q->o->progress->step)
		q->o->progress->step(q->o->progress->ctx, text);
}

static int make_entry(const struct request *q, const struct kc_pick *p, const char *work,
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
static int load(const struct request *q, const char *key, bool may_move, struct kc_entry **ret,
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

static int fetch_pick(const struct request *q, const struct kc_pick *p, struct kc_entry **ret,
		      struct kt_err *e)
{
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	int r = kc_work_begin(q->cache_dir, p->key, q->o->progress, &w, e);

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

static int get_pick(const struct request *q, const struct kc_pick *p, struct kc_entry **ret,
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

static int get_pinned(const struct request *q, const struct kc_pick *p, struct kc_entry **ret,
		      struct kt_err *e)
{
	struct kt_err ours = { 0 };
	int r = get_pick(q, p, ret, &ours);

	if (r == -ENOENT && !q->o->offline && ours.kind == KT_E_KERNEL)
		return kt_fail(
			e, KT_E_KERNEL, ENOENT,
			"kernel %s, which ktstr.lock pins for '%s', is gone from the mirror ('%s'); run 'ktstr-make update' to take the newest",
			p->version, q->spec, p->image.url);
	if (r < 0 && e)
		*e = ours;
	return r;
}

/*
 * What is cached of this spec, newest first: the mirror's last answer, else the newest version.
 * -ENOENT: nothing.
 */
static int newest_cached(const struct request *q, struct kc_entry **ret, struct kt_err *e)
{
	kt_auto(kc_list) struct kc_list l = { 0 };
	kt_auto(kc_pick) struct kc_pick last = { 0 };
	size_t best = SIZE_MAX;
	int r = kc_list(q->cache_dir, &l, NULL, NULL, e);

	if (r == 0)
		r = kc_index_last(q->cache_dir, q->suite, &last, e);
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
	*ret = kt_take(l.v[best]);
	return 0;
}

/*
 * No network: an older kernel is better than none, but never in silence. @why explains; it is the
 * error otherwise.
 */
static int fall_back(const struct request *q, const struct kt_err *why, int why_r,
		     struct kc_entry **ret, struct kt_err *e)
{
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	char text[KT_ERR_TEXT_BYTES];
	int r = newest_cached(q, &k, e);

	if (k) {
		kt_log(KT_AREA_KERNEL_CACHE, KT_WARN, "no network; using cached %s%s%s", k->key,
		       why ? ": " : "", why ? kt_err_text(why, text, sizeof(text)) : "");
		*ret = kt_take(k);
		return 0;
	}
	if (r != -ENOENT)
		return r;
	if (!why)
		return kt_fail(
			e, KT_E_KERNEL, ENOENT,
			"no kernel of '%s' is in the cache; run 'ktstr-make kernel fetch' once with a network",
			q->spec);
	if (e)
		*e = *why;
	return kt_context(
		e, why_r,
		"ask the network, since the cache has no kernel of it (--kernel path:IMAGE needs none; KTSTR_DEBIAN_MIRROR names another mirror)");
}

/*
 * Ask the mirror which is newest, and get that. Says in @ret_pick what to pin; its key is NULL
 * after a fallback.
 */
static int get_newest(const struct request *q, struct kc_pick *ret_pick, struct kc_entry **ret,
		      struct kt_err *e)
{
	struct kt_err ours = { 0 };
	int r;

	if (q->o->offline)
		return fall_back(q, NULL, 0, ret, e);
	r = kc_index_newest(q->cache_dir, q->suite, q->o->update, q->o->progress, ret_pick, &ours);
	if (r == 0) {
		r = get_pick(q, ret_pick, ret, &ours);
		if (r == -ENOENT && ours.kind == KT_E_KERNEL) {
			/* The mirror has moved on since it was asked. */
			kc_pick_done(ret_pick);
			r = kc_index_newest(q->cache_dir, q->suite, true, q->o->progress, ret_pick,
					    &ours);
			if (r == 0)
				r = get_pick(q, ret_pick, ret, &ours);
		}
	}
	if (r == 0)
		return 0;
	kc_pick_done(ret_pick);
	/* Who asks for an update wants to know that there was none. */
	if ((r == -EHOSTUNREACH || r == -EPROTO) && ours.kind == KT_E_KERNEL && !q->o->update)
		return fall_back(q, &ours, r, ret, e);
	if (e)
		*e = ours;
	return r;
}

/* --locked: whatever is resolved must be what the lock says already. */
static int check_locked(const struct request *q, const struct kc_pick *pinned,
			const struct kc_pick *now, struct kt_err *e)
{
	if (!pinned->key)
		return kt_fail(
			e, KT_E_USAGE, EPERM,
			"ktstr.lock has no kernel for '%s', and --locked forbids adding one; run 'ktstr-make update' and commit ktstr.lock",
			q->spec);
	if (now && now->key && !kt_streq(now->key, pinned->key))
		return kt_fail(
			e, KT_E_USAGE, EPERM,
			"ktstr.lock would change for '%s' (%s to %s), which --locked forbids",
			q->spec, pinned->version, now->version);
	return 0;
}

int kc_debian_get(const char *cache_dir, const char *spec, const char *suite,
		  const struct kc_opts *o, struct kc_entry **ret, struct kt_err *e)
{
	const struct request q = { .cache_dir = cache_dir, .spec = spec, .suite = suite, .o = o };
	kt_auto(kc_pick) struct kc_pick pinned = { 0 }, now = { 0 };
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	bool lock = o->project_dir && o->locked;
	int r = o->project_dir ? kc_pin_get(o->project_dir, spec, &pinned, e) : -ENOENT;

	if (r < 0 && r != -ENOENT)
		return r;
	if (pinned.key && !o->update)
		return get_pinned(&q, &pinned, ret, e);
	r = lock ? check_locked(&q, &pinned, NULL, e) : 0;
	if (r == 0)
		r = get_newest(&q, &now, &k, e);
	if (r == 0 && lock)
		r = check_locked(&q, &pinned, &now, e);
	/* A fallback is of today's network, not of the project: it is not pinned. */
	if (r == 0 && !lock && o->project_dir && now.key)
		r = kc_pin_set(cache_dir, o->project_dir, spec, &now, e);
	if (r < 0)
		return r;
	*ret = kt_take(k);
	return 0;
}
