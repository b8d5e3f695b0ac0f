/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory and names for some ten thousand symbols: an arena and a hash table of borrowed strings. */
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/kconfig/tree.h"

enum { CHUNK_BYTES = 256 << 10, FIRST_NAMES = 256 };

struct kc_chunk {
	struct kc_chunk *next;
	size_t used, size;
	max_align_t data[];
};

static struct kc_chunk *new_chunk(struct kc_arena *a, size_t bytes)
{
	size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	struct kc_chunk *c = calloc(1, sizeof(*c) + size);

	if (!c)
		return NULL;
	c->size = size;
	c->next = a->chunks;
	a->chunks = c;
	return c;
}

void *kc_arena_get(struct kc_arena *a, size_t bytes)
{
	struct kc_chunk *c = a->chunks;
	void *p;

	if (a->oom || bytes > SIZE_MAX / 2) {
		a->oom = true;
		return NULL;
	}
	bytes = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (!c || c->size - c->used < bytes)
		c = new_chunk(a, bytes);
	if (!c) {
		a->oom = true;
		return NULL;
	}
	p = (char *)c->data + c->used;
	c->used += bytes;
	return p;
}

char *kc_arena_text(struct kc_arena *a, const char *s, size_t len)
{
	char *p = kc_arena_get(a, len + 1);

	if (p && len)
		memcpy(p, s, len);
	return p;
}

void kc_arena_done(struct kc_arena *a)
{
	struct kc_chunk *next;

	for (struct kc_chunk *c = a->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	*a = (struct kc_arena){ 0 };
}

struct kc_name {
	const char *name; /* NULL: free */
	void *value;
};

static size_t hash_of(const char *s, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 32);
}

/* There is always a free place, so this ends. */
static struct kc_name *find(struct kc_name *v, size_t cap, const char *name, size_t len)
{
	size_t i = hash_of(name, len) & (cap - 1);

	while (v[i].name && (strncmp(v[i].name, name, len) != 0 || v[i].name[len]))
		i = (i + 1) & (cap - 1);
	return &v[i];
}

static bool grow(struct kc_names *n)
{
	size_t cap = n->cap ? 2 * n->cap : FIRST_NAMES;
	struct kc_name *v = calloc(cap, sizeof(*v));

	if (!v)
		return false;
	for (size_t i = 0; i < n->cap; i++) {
		if (n->v[i].name)
			*find(v, cap, n->v[i].name, strlen(n->v[i].name)) = n->v[i];
	}
	free(n->v);
	n->v = v;
	n->cap = cap;
	return true;
}

void **kc_names_put(struct kc_names *n, const char *name)
{
	struct kc_name *at;

	if (2 * (n->nr + 1) > n->cap && !grow(n))
		return NULL;
	at = find(n->v, n->cap, name, strlen(name));
	if (!at->name) {
		at->name = name;
		n->nr++;
	}
	return &at->value;
}

void *kc_names_get(const struct kc_names *n, const char *name, size_t len)
{
	return n->cap ? find(n->v, n->cap, name, len)->value : NULL;
}

void *kc_names_at(const struct kc_names *n, size_t i)
{
	return n->v[i].value;
}

void kc_names_done(struct kc_names *n)
{
	free(n->v);
	*n = (struct kc_names){ 0 };
}
