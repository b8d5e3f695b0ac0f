/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unpacking while the bytes come: one thread undoes the compression, another writes files, and whoever feeds them goes
 * on with the download. What waits between them is bounded.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "kernel-cache/source/unpack.h"

enum {
	IN_BYTES =
		32
		<< 20, /* the download may be that far ahead: it has its sum to check at the end */
	TAR_BYTES = 8 << 20,
	PROGRESS_MS = 100,
	NR_THREADS = 2,
};

const struct kc_unpack_limits kc_unpack_limits = {
	.bytes = KC_UNPACK_BYTES_MAX,
	.ratio_from_bytes = UINT64_C(64) << 20,
	.ratio = KC_UNPACK_RATIO_MAX,
	.members = KC_UNPACK_MEMBERS_MAX,
	.path_bytes = KC_UNPACK_PATH_MAX,
	.depth = KC_UNPACK_DEPTH_MAX - 1,
};

/* A thread is at its end. The first failure is the one to tell; it stops the other thread and whoever feeds. */
static void thread_ended(struct kc_unpack *u, int r, const struct kt_err *e)
{
	pthread_mutex_lock(&u->lock);
	if (r < 0 && r != -ECANCELED && u->r == 0) {
		u->r = r;
		u->err = *e;
	}
	pthread_mutex_unlock(&u->lock);
	if (r < 0) {
		kc_pipe_break(&u->in);
		kc_pipe_break(&u->tar);
	}
	pthread_mutex_lock(&u->lock);
	u->nr_ended++;
	pthread_cond_signal(&u->ended);
	pthread_mutex_unlock(&u->lock);
}

static void *decoder_main(void *ctx)
{
	struct kc_unpack *u = ctx;
	struct kt_err e = { 0 };

	thread_ended(u, kc_unpack_decode(u, &e), &e);
	return NULL;
}

static void *writer_main(void *ctx)
{
	struct kc_unpack *u = ctx;
	struct kt_err e = { 0 };

	thread_ended(u, kc_unpack_write(u, &e), &e);
	return NULL;
}

static void stop(struct kc_unpack *u)
{
	if (!u->running)
		return;
	kc_pipe_break(&u->in);
	kc_pipe_break(&u->tar);
	pthread_join(u->decoder, NULL);
	pthread_join(u->writer, NULL);
	u->running = false;
}

/* Signals are for the thread that has us at work. */
static int start_thread(pthread_t *ret, void *(*body)(void *), struct kc_unpack *u)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(ret, NULL, body, u);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

static int start(struct kc_unpack *u, struct kt_err *e)
{
	int r;

	kc_pipe_reset(&u->in);
	kc_pipe_reset(&u->tar);
	u->nr_ended = 0;
	u->r = 0;
	atomic_store(&u->members, 0);
	atomic_store(&u->files, 0);
	atomic_store(&u->disk_bytes, 0);
	r = start_thread(&u->decoder, decoder_main, u);
	if (r)
		return kt_fail(e, KT_E_HOST, r, "start a thread to unpack '%s'", u->name);
	r = start_thread(&u->writer, writer_main, u);
	if (r) {
		kc_pipe_break(&u->in);
		kc_pipe_break(&u->tar);
		pthread_join(u->decoder, NULL);
		return kt_fail(e, KT_E_HOST, r, "start a thread to unpack '%s'", u->name);
	}
	u->running = true;
	return 0;
}

/* Everything that came was void. */
static int start_again(struct kc_unpack *u, struct kt_err *e)
{
	int r;

	stop(u);
	r = kt_remove_tree(u->dir, e);
	if (r == 0)
		r = kt_mkdir_p(u->dir, 0755, e);
	return r < 0 ? r : start(u, e);
}

static void init_sync(struct kc_unpack *u)
{
	pthread_condattr_t a;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&u->ended, &a);
	pthread_condattr_destroy(&a);
	pthread_mutex_init(&u->lock, NULL);
}

int kc_unpack_begin_limited(const char *dir, const char *name,
			    const struct kc_unpack_limits *limits,
			    const struct kc_progress *progress, struct kc_unpack **ret,
			    struct kt_err *e)
{
	kt_auto(kc_unpack) struct kc_unpack *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return kt_fail(e, KT_E_HOST, ENOMEM, "unpack '%s'", name);
	init_sync(u);
	u->limits = *limits;
	u->progress = progress;
	if (kc_dup(dir, &u->dir) < 0 || kc_dup(name, &u->name) < 0 ||
	    kc_pipe_init(&u->in, limits->in_bytes ? limits->in_bytes : IN_BYTES) < 0 ||
	    kc_pipe_init(&u->tar, limits->tar_bytes ? limits->tar_bytes : TAR_BYTES) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "unpack '%s'", name);
	r = start(u, e);
	if (r < 0)
		return r;
	*ret = kt_take(u);
	return 0;
}

int kc_unpack_begin(const char *dir, const char *name, const struct kc_progress *progress,
		    struct kc_unpack **ret, struct kt_err *e)
{
	return kc_unpack_begin_limited(dir, name, &kc_unpack_limits, progress, ret, e);
}

/* The threads are at their end, or are told to be. */
static int join(struct kc_unpack *u, struct kt_err *e)
{
	if (u->running) {
		pthread_join(u->decoder, NULL);
		pthread_join(u->writer, NULL);
		u->running = false;
	}
	if (u->r < 0 && e)
		*e = u->err;
	return u->r;
}

int kc_unpack_feed(void *unpack, const void *data, size_t len, bool restart, struct kt_err *e)
{
	struct kc_unpack *u = unpack;
	int r = 0;

	if (restart)
		r = start_again(u, e);
	if (r < 0 || !len)
		return r;
	if (!u->running || kc_pipe_write(&u->in, data, len) < 0) {
		r = join(u, e);
		return r < 0 ? r
			     : kt_fail(e, KT_E_INTERNAL, EINVAL,
				       "'%s' was unpacked already, and now there is more of it",
				       u->name);
	}
	return 0;
}

static void report(struct kc_unpack *u, bool final)
{
	const struct kc_progress *p = u->progress;
	uint64_t files = atomic_load(&u->files);

	if (p && p->count)
		p->count(p->ctx, files, final ? files : 0, final ? 0 : -1);
}

static void announce(struct kc_unpack *u)
{
	kt_auto(mem) char *text = kt_fmt("unpack %s", u->name);

	if (text && u->progress && u->progress->step)
		u->progress->step(u->progress->ctx, text);
}

/* Wait for both threads. Only this thread talks to whoever shows progress. */
static void wait_with_progress(struct kc_unpack *u)
{
	bool told = false;

	for (;;) {
		uint64_t until_ns = kt_now_ns() + UINT64_C(1000000) * PROGRESS_MS;
		struct timespec until = { .tv_sec = (time_t)(until_ns / 1000000000),
					  .tv_nsec = (long)(until_ns % 1000000000) };
		bool ended;

		pthread_mutex_lock(&u->lock);
		if (u->nr_ended < NR_THREADS)
			(void)pthread_cond_timedwait(&u->ended, &u->lock, &until);
		ended = u->nr_ended == NR_THREADS;
		pthread_mutex_unlock(&u->lock);
		if (ended)
			break;
		if (!told)
			announce(u);
		told = true;
		report(u, false);
	}
	if (told)
		report(u, true);
}

int kc_unpack_end(struct kc_unpack *u, struct kt_err *e)
{
	if (u->running) {
		kc_pipe_end(&u->in);
		wait_with_progress(u);
	}
	return join(u, e);
}

void kc_unpack_written(struct kc_unpack *u, uint64_t *ret_files, uint64_t *ret_bytes)
{
	*ret_files = atomic_load(&u->files);
	*ret_bytes = atomic_load(&u->disk_bytes);
}

void kc_unpack_free(struct kc_unpack *u)
{
	int saved = errno;

	if (!u)
		return;
	stop(u);
	kc_pipe_done(&u->in);
	kc_pipe_done(&u->tar);
	pthread_cond_destroy(&u->ended);
	pthread_mutex_destroy(&u->lock);
	free(u->dir);
	free(u->name);
	free(u);
	errno = saved;
}
