/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory of a report: cut from large chunks, freed all at once, never more than was allowed. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/internal.h"

enum {
	CHUNK_BYTES =
		256 << 10, /* of which an allocation takes at most a quarter, else it has its own */
	ALIGN = 8,
};

struct chunk {
	struct chunk *next;
	size_t used, size;
	uint8_t data[] __attribute__((aligned(16)));
};
struct cap_pool {
	struct chunk *chunk; /* the first is the one that is cut from */
	size_t bytes, max_bytes;
	bool full;
};

int cap_pool_create(size_t max_bytes, struct cap_pool **ret)
{
	struct cap_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->max_bytes = max_bytes ? max_bytes : SIZE_MAX;
	*ret = p;
	return 0;
}

void cap_pool_free(struct cap_pool *p)
{
	struct chunk *next;

	if (!p)
		return;
	for (struct chunk *c = p->chunk; c; c = next) {
		next = c->next;
		free(c);
	}
	free(p);
}

static struct chunk *new_chunk(struct cap_pool *p, size_t size)
{
	struct chunk *c = NULL;
	size_t bytes;

	if (!__builtin_add_overflow(size, sizeof(*c), &bytes) && bytes <= p->max_bytes - p->bytes)
		c = malloc(bytes);
	if (!c) {
		p->full = true;
		return NULL;
	}
	*c = (struct chunk){ .size = size };
	p->bytes += bytes;
	return c;
}

/* A large one goes behind the chunk that is cut from, whose rest stays in use. */
static void *alloc_own_chunk(struct cap_pool *p, size_t bytes)
{
	struct chunk *c = new_chunk(p, bytes);

	if (!c)
		return NULL;
	c->used = bytes;
	if (p->chunk) {
		c->next = p->chunk->next;
		p->chunk->next = c;
	} else {
		p->chunk = c;
	}
	return c->data;
}

void *cap_alloc_raw(struct cap_pool *p, size_t bytes)
{
	struct chunk *c = p->chunk;
	void *at;

	if (p->full || bytes > SIZE_MAX - ALIGN)
		return NULL;
	bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (bytes == 0)
		bytes = ALIGN;
	if (bytes > CHUNK_BYTES / 4)
		return alloc_own_chunk(p, bytes);
	if (!c || c->size - c->used < bytes) {
		c = new_chunk(p, CHUNK_BYTES);
		if (!c)
			return NULL;
		c->next = p->chunk;
		p->chunk = c;
	}
	at = c->data + c->used;
	c->used += bytes;
	return at;
}

void *cap_alloc(struct cap_pool *p, size_t bytes)
{
	void *at = cap_alloc_raw(p, bytes);

	if (at)
		memset(at, 0, bytes);
	return at;
}

void *cap_alloc_array(struct cap_pool *p, size_t nr, size_t bytes)
{
	size_t all;

	return __builtin_mul_overflow(nr, bytes, &all) ? NULL : cap_alloc(p, all);
}

static const char *copy_text(struct cap_pool *p, const char *s, size_t len)
{
	char *copy = cap_alloc_raw(p, len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

const char *cap_strdup(struct cap_pool *p, const char *s)
{
	return copy_text(p, s, strlen(s));
}

const char *cap_strndup(struct cap_pool *p, const char *s, size_t max)
{
	return copy_text(p, s, strnlen(s, max));
}

const char *cap_fmt(struct cap_pool *p, const char *fmt, ...)
{
	static const char none[] = "(out of memory)";
	char small[256], *text;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (len < 0)
		return none;
	text = cap_alloc_raw(p, (size_t)len + 1);
	if (!text)
		return none;
	if ((size_t)len < sizeof(small)) {
		memcpy(text, small, (size_t)len + 1);
		return text;
	}
	va_start(ap, fmt);
	len = vsnprintf(text, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return len < 0 ? none : text;
}

void *cap_keep(struct cap_pool *p, const void *v, size_t nr, size_t bytes)
{
	size_t all;
	void *copy;

	if (nr == 0 || __builtin_mul_overflow(nr, bytes, &all))
		return NULL;
	copy = cap_alloc_raw(p, all);
	if (copy)
		memcpy(copy, v, all);
	return copy;
}

bool cap_pool_full(const struct cap_pool *p)
{
	return p->full;
}

size_t cap_pool_bytes(const struct cap_pool *p)
{
	return p->bytes;
}

void cap_report_free(struct cap_report *r)
{
	if (r)
		cap_pool_free(r->pool);
}
