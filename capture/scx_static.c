/* SPDX-License-Identifier: GPL-2.0-only */
/* Static pools in the arena: struct scx_static variables of .bss, each a range that was handed out from its front. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "capture/alloc.h"

enum { RANGES_MAX = 4096, NAME_BYTES_MAX = 512 };
/* An arena has no more. */
static const uint64_t range_bytes_max = UINT64_C(1) << 32;

struct static_walk {
	struct cap_dump *d;
	uint32_t memory, max, off; /* where the members are */
	KT_VEC(struct cap_static_range) range;
	uint32_t skipped;
};

static uint64_t number(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static bool take_range(void *ctx, const char *name, const uint8_t *bytes)
{
	struct static_walk *w = ctx;
	struct cap_static_range r = {
		.start_low32 = (uint32_t)number(bytes + w->memory),
		.size = number(bytes + w->off),
		.capacity = number(bytes + w->max),
	};

	/* not initialised yet */
	if (!number(bytes + w->memory) && !r.capacity)
		return true;
	if (!number(bytes + w->memory) || r.size > r.capacity || r.capacity >= range_bytes_max ||
	    w->range.nr == RANGES_MAX) {
		w->skipped++;
		return true;
	}
	r.instance_name = cap_strndup(w->d->pool, name, NAME_BYTES_MAX);
	return r.instance_name && KT_VEC_PUSH(&w->range, r) == 0;
}

static bool find_members(const struct btf *btf, uint32_t type, struct static_walk *w)
{
	const struct btf_type *t = btf__type_by_id(btf, type);
	uint32_t at;

	return type && cap_member(btf, type, "memory", &w->memory, &at) &&
	       cap_member(btf, type, "max_alloc_bytes", &w->max, &at) &&
	       cap_member(btf, type, "off", &w->off, &at) && w->memory + 8UL <= t->size &&
	       w->max + 8UL <= t->size && w->off + 8UL <= t->size;
}

void cap_dump_static(struct cap_dump *d)
{
	struct static_walk w = { .d = d };
	struct cap_bss b;
	uint32_t type;

	if (cap_find_bss(d, &b) < 0)
		return;
	type = cap_own_struct(b.btf->btf, "scx_static");
	if (!find_members(b.btf->btf, type, &w))
		return;
	cap_bss_each(&b, type, take_range, &w);
	d->report->scx_static.range = cap_keep(d->pool, w.range.v, w.range.nr, sizeof(*w.range.v));
	d->report->scx_static.nr = d->report->scx_static.range ? w.range.nr : 0;
	d->report->scx_static.skipped = w.skipped;
	free(w.range.v);
}
