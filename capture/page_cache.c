/* SPDX-License-Identifier: GPL-2.0-only */
/* The pages of guest memory that were read lately, whole: a walk reads many small things of few pages. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/memory.h"

/* 2 MiB. A page can be in any of the ways of one set; the oldest of them makes room. */
enum { SET_BITS = 7, SETS = 1 << SET_BITS, WAYS = 4 };

struct set {
	uint64_t frame[WAYS]; /* plus 1; 0: none */
	unsigned next;
};
struct cap_page_cache {
	struct mem_source mem;
	struct set set[SETS];
	uint8_t page[SETS][WAYS][CAP_PAGE];
};

int cap_page_cache_create(const struct mem_source *mem, struct cap_page_cache **ret)
{
	struct cap_page_cache *c = malloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->mem = *mem;
	cap_page_cache_forget(c);
	*ret = c;
	return 0;
}

void cap_page_cache_free(struct cap_page_cache *c)
{
	free(c);
}

void cap_page_cache_forget(struct cap_page_cache *c)
{
	memset(c->set, 0, sizeof(c->set));
}

static size_t set_of(uint64_t frame)
{
	return (size_t)((frame * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - SET_BITS));
}

static const uint8_t *find(const struct cap_page_cache *c, uint64_t frame)
{
	size_t n = set_of(frame);

	for (unsigned w = 0; w < WAYS; w++) {
		if (c->set[n].frame[w] == frame + 1)
			return c->page[n][w];
	}
	return NULL;
}

/* NULL: it cannot be read whole. */
static const uint8_t *fill(struct cap_page_cache *c, uint64_t frame)
{
	size_t n = set_of(frame);
	struct set *set = &c->set[n];
	unsigned w = set->next;

	set->frame[w] = 0;
	if (c->mem.read_pa(c->mem.ctx, (gpa_t){ frame << CAP_PAGE_SHIFT }, c->page[n][w],
			   CAP_PAGE) < 0)
		return NULL;
	set->frame[w] = frame + 1;
	set->next = (w + 1) % WAYS;
	return c->page[n][w];
}

int cap_read_pa(struct cap_page_cache *c, gpa_t gpa, void *buf, size_t len)
{
	uint8_t *to = buf;

	if (gpa.v + len < gpa.v)
		return -EFAULT;
	while (len > 0) {
		size_t at = gpa.v % CAP_PAGE;
		size_t n = len < CAP_PAGE - at ? len : CAP_PAGE - at;
		const uint8_t *page = find(c, gpa.v >> CAP_PAGE_SHIFT);

		/* What is wanted whole is seldom wanted twice. */
		if (!page && n < CAP_PAGE)
			page = fill(c, gpa.v >> CAP_PAGE_SHIFT);
		if (page) {
			memcpy(to, page + at, n);
		} else {
			int r = c->mem.read_pa(c->mem.ctx, gpa, to, n);

			if (r < 0)
				return r;
		}
		to += n;
		gpa.v += n;
		len -= n;
	}
	return 0;
}
