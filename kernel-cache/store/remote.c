/* SPDX-License-Identifier: GPL-2.0-only */
/* A cache shared with others: nothing that is wrong with it keeps anybody from building. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel-cache/store/remote.h"

/* What this process has seen fail. */
static pthread_mutex_t seen_lock = PTHREAD_MUTEX_INITIALIZER;
static struct kt_strv failed; /* remotes that are left alone from then on */
static struct kt_strv broken; /* "REMOTE KEY": to be sent anew although there is one */

static bool has_seen(const struct kt_strv *v, const char *what)
{
	bool found = false;

	pthread_mutex_lock(&seen_lock);
	for (size_t i = 0; i < v->nr && !found; i++)
		found = kt_streq(v->v[i], what);
	pthread_mutex_unlock(&seen_lock);
	return found;
}

static void note_seen(struct kt_strv *v, const char *what)
{
	if (!what || has_seen(v, what))
		return;
	pthread_mutex_lock(&seen_lock);
	(void)kt_strv_add(v, what); /* without it, it is tried again */
	pthread_mutex_unlock(&seen_lock);
}

void kc_shared_done(struct kc_shared *s)
{
	int saved = errno;

	if (s->work)
		(void)kt_remove_tree(s->work, NULL); /* if not now, then with the work directory */
	free(s->work);
	free(s->mark);
	free(s->index_url);
	kc_place_done(&s->place);
	errno = saved;
}

int kc_shared_no_memory(const struct kc_shared *s, struct kt_err *e)
{
	return kt_fail(e, KT_E_HOST, ENOMEM, "share kernel %s", s->key);
}

int kc_shared_begin(struct kc_shared *s, struct kt_err *e)
{
	const char *remote = s->o->remote;
	int r;

	if (!remote || !*remote || has_seen(&failed, remote))
		return -ENOENT;
	r = kc_place_parse(remote, &s->place, e);
	if (r < 0)
		return r;
	if (s->o->offline && !s->place.dir)
		return -ENOENT;
	s->work = kt_fmt("%s/tmp/%s/shared", s->cache_dir, s->key);
	s->mark = kt_fmt("%s %s", remote, s->key);
	s->index_url = kt_fmt("%s/v1/%s.json", s->place.base, s->key);
	if (!s->work || !s->mark || !s->index_url)
		return kc_shared_no_memory(s, e);
	if (s->place.dir && access(s->place.dir, F_OK) < 0)
		return kt_fail(e, KT_E_KERNEL, EIO, "there is no directory '%s': %s", s->place.dir,
			       strerror(errno));
	r = kt_remove_tree(s->work, e);
	return r < 0 ? r : kt_mkdir_p(s->work, 0755, e);
}

bool kc_shared_is_broken(const struct kc_shared *s)
{
	return has_seen(&broken, s->mark);
}

static bool is_content(int errnum)
{
	return errnum == EBADMSG || errnum == ENOENT;
}

void kc_shared_warn(const struct kc_shared *s, const char *what, const struct kt_err *why)
{
	char text[KT_ERR_TEXT_BYTES];

	kt_log(KT_AREA_KERNEL_CACHE, KT_WARN, "%s: %s; going on without it", what,
	       kt_err_text(why, text, sizeof(text)));
	if (why->kind == KT_E_HOST || why->errnum == EPROTONOSUPPORT)
		return;
	if (is_content(why->errnum))
		note_seen(&broken, s->mark);
	else
		note_seen(&failed, s->o->remote);
}
