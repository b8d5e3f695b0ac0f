/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is in the slots of an allocator. Slots are made of bytes, so it is told by what the scheduler's instructions use
 * them as, or by the only struct of that size.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "capture/alloc.h"

enum { NAMED_MAX = 4 };

struct candidates {
	const struct btf *btf;
	const struct cap_object *obj; /* NULL: not known */
	const bool *is_variable; /* per type: a variable is of it */
	uint64_t bytes;
	uint32_t first;
	size_t nr;
	struct kt_buf names;
};

bool cap_is_machinery(const char *name)
{
	static const char *const prefixes[] = { "sdt_", "scx_allocator", "scx_static", "bpf_" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (kt_starts_with(name, prefixes[i]))
			return true;
	}
	return false;
}

/*
 * What is a variable of its own is not what slots are made for: counters of the allocator's have any size. All at once,
 * since the guest's BTF may have millions of both. NULL: no memory.
 */
static bool *find_variables(const struct btf *btf)
{
	uint32_t nr = btf__type_cnt(btf);
	bool *of = calloc(nr, sizeof(*of));

	for (uint32_t id = cap_own_start(btf); of && id < nr; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (t && btf_is_var(t))
			of[cap_peel(btf, t->type)] = true;
	}
	return of;
}

static void consider(struct candidates *c, uint32_t id, bool seen)
{
	const struct btf_type *t = btf__type_by_id(c->btf, id);
	const char *name = t && btf_is_struct(t) ? btf__name_by_offset(c->btf, t->name_off) : NULL;

	if (!name || !*name || t->size != c->bytes || cap_is_machinery(name))
		return;
	if (c->obj && c->obj->kernel_type && id < btf__type_cnt(c->obj->btf) &&
	    c->obj->kernel_type[id])
		return;
	if (!seen && c->is_variable[id])
		return;
	if (c->nr == 0)
		c->first = id;
	if (c->nr < NAMED_MAX)
		kt_buf_addf(&c->names, "%s%.128s", c->nr ? ", " : "", name);
	else if (c->nr == NAMED_MAX)
		kt_buf_adds(&c->names, ", ...");
	c->nr++;
}

/* By what instructions were seen to use slots as; else by size alone. */
static void collect(struct candidates *c)
{
	for (size_t i = 0; c->obj && i < c->obj->nr_payloads; i++)
		consider(c, c->obj->payload[i], true);
	if (c->nr > 0)
		return;
	for (uint32_t id = cap_own_start(c->btf); id < btf__type_cnt(c->btf); id++)
		consider(c, id, false);
}

/* "scx_task_allocator" keeps what has "task" in its name. */
static uint32_t by_allocator_name(const struct candidates *c, const char *allocator)
{
	uint32_t found = 0;
	char stem[64];
	size_t len;

	if (kt_starts_with(allocator, "scx_"))
		allocator += strlen("scx_");
	len = strcspn(allocator, "_");
	if (len == 0 || len >= sizeof(stem) || c->nr < 2)
		return 0;
	memcpy(stem, allocator, len);
	stem[len] = '\0';
	for (uint32_t id = cap_own_start(c->btf); id < btf__type_cnt(c->btf); id++) {
		struct candidates one = { .btf = c->btf,
					  .obj = c->obj,
					  .is_variable = c->is_variable,
					  .bytes = c->bytes };
		const char *name;

		consider(&one, id, false);
		kt_buf_done(&one.names);
		if (one.nr == 0)
			continue;
		name = btf__name_by_offset(c->btf, btf__type_by_id(c->btf, id)->name_off);
		if (!strstr(name, stem))
			continue;
		if (found)
			return 0;
		found = id;
	}
	return found;
}

uint32_t cap_payload_type(struct cap_dump *d, const struct cap_bss *b, const char *allocator,
			  uint64_t bytes, const char **ret_reason)
{
	kt_auto(mem) bool *variables = find_variables(b->btf->btf);
	struct candidates c = { .btf = b->btf->btf,
				.obj = cap_dump_object(d, b->btf),
				.is_variable = variables,
				.bytes = bytes };
	uint32_t type = 0;

	*ret_reason = variables ? NULL : "out of memory";
	if (!variables)
		return 0;
	collect(&c);
	if (c.nr == 1)
		type = c.first;
	else if (c.nr > 1)
		type = by_allocator_name(&c, allocator);
	if (!type && c.nr == 0)
		*ret_reason = cap_fmt(
			d->pool,
			"the scheduler's BTF has no struct of %llu bytes that slots could hold",
			(unsigned long long)bytes);
	else if (!type)
		*ret_reason = cap_fmt(d->pool,
				      "the scheduler's BTF has %zu structs of %llu bytes: %s", c.nr,
				      (unsigned long long)bytes, kt_buf_str(&c.names));
	kt_buf_done(&c.names);
	return type;
}
