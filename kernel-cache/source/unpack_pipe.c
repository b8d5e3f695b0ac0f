/* SPDX-License-Identifier: GPL-2.0-only */
/* A ring of bytes between two threads: one writes, one reads where they lie. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/source/unpack.h"

enum {
	READ_BYTES =
		256 * 1024, /* at once: who counts what was read must not be told of much more */
	BATCH = 32, /* a reader is woken for a 32nd of the ring, a writer for a quarter of it */
	ROOM = 4,
};

int kc_pipe_init(struct kc_pipe *p, size_t size)
{
	*p = (struct kc_pipe){ .size = size, .ring = malloc(size) };
	if (!p->ring)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->readable, NULL);
	pthread_cond_init(&p->writable, NULL);
	return 0;
}

void kc_pipe_done(struct kc_pipe *p)
{
	if (!p->ring)
		return;
	pthread_cond_destroy(&p->writable);
	pthread_cond_destroy(&p->readable);
	pthread_mutex_destroy(&p->lock);
	free(p->ring);
	p->ring = NULL;
}

void kc_pipe_reset(struct kc_pipe *p)
{
	p->start = p->used = p->lent = 0;
	p->ended = p->broken = false;
	p->taken = 0;
}

/* Wait for a run of free bytes. 0: broken. */
static size_t wait_for_room(struct kc_pipe *p, size_t want, size_t *ret_at)
{
	size_t room, at;

	pthread_mutex_lock(&p->lock);
	if (p->size - p->used < want) {
		while (!p->broken && p->size - p->used < p->size / ROOM)
			pthread_cond_wait(&p->writable, &p->lock);
	}
	at = (p->start + p->used) % p->size;
	room = p->size - p->used;
	if (room > p->size - at)
		room = p->size - at;
	if (p->broken)
		room = 0;
	pthread_mutex_unlock(&p->lock);
	*ret_at = at;
	return room < want ? room : want;
}

int kc_pipe_write(struct kc_pipe *p, const void *data, size_t len)
{
	const char *from = data;

	while (len) {
		size_t at, n = wait_for_room(p, len, &at);

		if (!n)
			return -EPIPE;
		memcpy(p->ring + at, from, n); /* free bytes are the writer's alone */
		pthread_mutex_lock(&p->lock);
		p->used += n;
		if (p->used - p->lent >= p->size / BATCH)
			pthread_cond_signal(&p->readable);
		pthread_mutex_unlock(&p->lock);
		from += n;
		len -= n;
	}
	return 0;
}

void kc_pipe_end(struct kc_pipe *p)
{
	pthread_mutex_lock(&p->lock);
	p->ended = true;
	pthread_cond_signal(&p->readable);
	pthread_mutex_unlock(&p->lock);
}

void kc_pipe_break(struct kc_pipe *p)
{
	pthread_mutex_lock(&p->lock);
	p->broken = true;
	pthread_cond_broadcast(&p->readable);
	pthread_cond_broadcast(&p->writable);
	pthread_mutex_unlock(&p->lock);
}

ssize_t kc_pipe_read(struct kc_pipe *p, const void **ret)
{
	ssize_t n;

	pthread_mutex_lock(&p->lock);
	p->start = (p->start + p->lent) % p->size;
	p->used -= p->lent;
	p->lent = 0;
	if (p->size - p->used >= p->size / ROOM)
		pthread_cond_signal(&p->writable);
	while (!p->broken && !p->ended && p->used < p->size / BATCH)
		pthread_cond_wait(&p->readable, &p->lock);
	p->lent = p->used < READ_BYTES ? p->used : READ_BYTES;
	if (p->lent > p->size - p->start)
		p->lent = p->size - p->start;
	if (p->broken)
		p->lent = 0;
	p->taken += p->lent;
	*ret = p->ring + p->start;
	n = p->broken ? -EPIPE : (ssize_t)p->lent;
	pthread_mutex_unlock(&p->lock);
	return n;
}
