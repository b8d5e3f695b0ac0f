/* SPDX-License-Identifier: GPL-2.0-only */
/* A set of addresses, so that nothing which the guest linked is followed twice. Grows as it is filled. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "capture/internal.h"

enum { FIRST_SLOTS = 32 };

struct cap_set {
	size_t max, nr;
	size_t nr_slots; /* a power of two, at least twice nr */
	uint64_t *slot; /* 0: free */
	bool has_zero;
	uint64_t
		seed; /* the guest chooses the addresses: it must not choose where they collide, too */
};

int cap_set_create(size_t max, struct cap_set **ret)
{
	struct cap_set *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->max = max;
	if (getrandom(&s->seed, sizeof(s->seed), GRND_NONBLOCK) != sizeof(s->seed))
		s->seed = (uintptr_t)s;
	*ret = s;
	return 0;
}

void cap_set_free(struct cap_set *s)
{
	if (s)
		free(s->slot);
	free(s);
}

/* Where @v is, or the free slot where it belongs. */
static size_t find(const struct cap_set *s, uint64_t v)
{
	uint64_t h = v ^ s->seed;
	size_t i;

	h = (h ^ h >> 31) * 0x9e3779b97f4a7c15u;
	h = (h ^ s->seed ^ h >> 29) * 0xd6e8feb86659fd93u;
	i = (h ^ h >> 32) & (s->nr_slots - 1);
	while (s->slot[i] && s->slot[i] != v)
		i = (i + 1) & (s->nr_slots - 1);
	return i;
}

static bool grow(struct cap_set *s)
{
	struct cap_set bigger = *s;

	bigger.nr_slots = s->nr_slots ? s->nr_slots * 2 : FIRST_SLOTS;
	bigger.slot = calloc(bigger.nr_slots, sizeof(*bigger.slot));
	if (!bigger.slot)
		return false;
	for (size_t i = 0; i < s->nr_slots; i++)
		if (s->slot[i])
			bigger.slot[find(&bigger, s->slot[i])] = s->slot[i];
	free(s->slot);
	*s = bigger;
	return true;
}

bool cap_set_add(struct cap_set *s, uint64_t v)
{
	size_t i;

	if (s->nr >= s->max || cap_set_has(s, v))
		return false;
	if (v == 0) {
		s->has_zero = true;
		s->nr++;
		return true;
	}
	if ((s->nr + 1) * 2 > s->nr_slots && !grow(s))
		return false;
	i = find(s, v);
	s->slot[i] = v;
	s->nr++;
	return true;
}

bool cap_set_has(const struct cap_set *s, uint64_t v)
{
	if (v == 0)
		return s->has_zero;
	return s->slot && s->slot[find(s, v)] == v;
}
