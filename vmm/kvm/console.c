/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes of COM1 on their way from vCPU threads to vm_wait(): a bounded queue. A guest that writes faster than anybody
 * reads waits, as it would for a real line. The reader is woken for whole lines, not for every byte, which would cost both
 * sides several system calls each.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/kvm/internal.h"

enum { MUCH = KVM_CONSOLE_BYTES / 16, QUEUE_BYTES = KVM_CONSOLE_BYTES + KVM_CONSOLE_RESERVE };

struct kvm_console {
	pthread_mutex_t lock;
	pthread_cond_t room;
	int fd; /* counts 1 while there is a line, or much */
	bool told; /* that is so */
	bool hold_nobody;
	size_t start, len; /* in bytes[] */
	uint8_t bytes[QUEUE_BYTES];
};

int kvm_console_create(struct kvm_console **ret, struct kt_err *e)
{
	struct kvm_console *c = malloc(sizeof(*c));

	if (!c)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate the console");
	c->hold_nobody = c->told = false;
	c->start = c->len = 0;
	c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->fd < 0) {
		free(c);
		return kt_fail(e, KT_E_HOST, errno, "make a descriptor for the console");
	}
	(void)pthread_mutex_init(&c->lock, NULL); /* cannot fail with these attributes */
	(void)pthread_cond_init(&c->room, NULL);
	*ret = c;
	return 0;
}

void kvm_console_free(struct kvm_console *c)
{
	if (!c)
		return;
	(void)pthread_cond_destroy(&c->room);
	(void)pthread_mutex_destroy(&c->lock);
	kt_cleanup_fd(&c->fd);
	free(c);
}

void kvm_console_put(struct kvm_console *c, uint8_t byte)
{
	const uint64_t one = 1;

	(void)pthread_mutex_lock(&c->lock);
	while (c->len >= KVM_CONSOLE_BYTES && !c->hold_nobody)
		(void)pthread_cond_wait(&c->room, &c->lock);
	if (c->len < QUEUE_BYTES) {
		c->bytes[(c->start + c->len) % QUEUE_BYTES] = byte;
		c->len++;
		if (!c->told && (byte == '\n' || c->len >= MUCH)) {
			c->told = true;
			(void)!write(c->fd, &one, sizeof(one)); /* from 0 to 1: always fits */
		}
	}
	(void)pthread_mutex_unlock(&c->lock);
}

size_t kvm_console_take(struct kvm_console *c, void *buf, size_t size)
{
	uint8_t *to = buf;
	uint64_t count;
	size_t done = 0;

	(void)pthread_mutex_lock(&c->lock);
	while (done < size && c->len) {
		size_t straight = QUEUE_BYTES - c->start;
		size_t now = c->len < straight ? c->len : straight;

		if (now > size - done)
			now = size - done;
		memcpy(to + done, c->bytes + c->start, now);
		c->start = (c->start + now) % QUEUE_BYTES;
		c->len -= now;
		done += now;
	}
	if (c->told && c->len == 0) {
		c->told = false;
		(void)!read(c->fd, &count, sizeof(count)); /* readable no more */
	}
	if (done)
		(void)pthread_cond_broadcast(&c->room);
	(void)pthread_mutex_unlock(&c->lock);
	return done;
}

void kvm_console_hold_nobody(struct kvm_console *c, bool hold_nobody)
{
	(void)pthread_mutex_lock(&c->lock);
	c->hold_nobody = hold_nobody;
	(void)pthread_cond_broadcast(&c->room);
	(void)pthread_mutex_unlock(&c->lock);
}

int kvm_console_fd(const struct kvm_console *c)
{
	return c->fd;
}
