/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps of all BPF programs: found by their ids, and each given to the renderer of its type. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/maps.h"

struct map_layout {
	struct cap_field type, key_size, value_size, max_entries, flags, name, btf, key_type_id,
		value_type_id, vmlinux_type_id;
};

static const struct cap_field_row rows[] = {
	CAP_FIELD(map_layout, type, "bpf_map", "map_type"),
	CAP_FIELD(map_layout, key_size, "bpf_map", "key_size"),
	CAP_FIELD(map_layout, value_size, "bpf_map", "value_size"),
	CAP_FIELD(map_layout, max_entries, "bpf_map", "max_entries"),
	CAP_FIELD_OPT(map_layout, flags, "bpf_map", "map_flags"),
	CAP_FIELD(map_layout, name, "bpf_map", "name"),
	CAP_FIELD_OPT(map_layout, btf, "bpf_map", "btf"),
	CAP_FIELD_OPT(map_layout, key_type_id, "bpf_map", "btf_key_type_id"),
	CAP_FIELD_OPT(map_layout, value_type_id, "bpf_map", "btf_value_type_id"),
	CAP_FIELD_OPT(map_layout, vmlinux_type_id, "bpf_map", "btf_vmlinux_value_type_id"),
};

const struct cap_layout_desc cap_layout_map = {
	.group = "map",
	.row = rows,
	.nr_rows = sizeof(rows) / sizeof(rows[0]),
	.bytes = sizeof(struct map_layout),
};

enum { IDS_MAX = 65536, MAP_STRUCT_MAX = 1024 };

/* ---- which maps there are ---- */

/* Ours, in the guest: of no scheduler. The kernel keeps 15 characters of a map's name. */
static bool is_framework(const char *name)
{
	static const char *const prefixes[] = { "probe_bp.", "fentry_p." };
	static const char *const names[] = {
		"probe_bp",        "fentry_p",      "func_meta_map",
		"probe_data",      "probe_scratch", "ktstr_events",
		"timeline_events", "pi_scratch",    "preempt_disable",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (kt_starts_with(name, prefixes[i]))
			return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (kt_streq(name, names[i]))
			return true;
	return false;
}

struct finder {
	struct cap_guest *g;
	const struct map_layout *l;
	size_t bytes; /* of struct bpf_map */
	struct cap_set *seen;
	KT_VEC(struct cap_map) maps;
	size_t nr_unreadable;
	bool full;
};

static void take_name(const uint8_t *data, const struct cap_field *f, char *ret, size_t size)
{
	size_t n = f->bytes < size - 1 ? f->bytes : size - 1;

	memcpy(ret, data + f->offset, n);
	ret[n] = '\0';
	for (char *c = ret; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
}

static bool take_map(void *ctx, uint32_t id, gva_t kva)
{
	struct finder *f = ctx;
	const struct map_layout *l = f->l;
	struct cap_map m = { .kva = kva, .id = id };
	uint8_t data[MAP_STRUCT_MAX];

	/* the same map under several ids is a lie */
	if (cap_set_has(f->seen, kva.v))
		return true;
	if (!cap_is_kernel(kva) || !cap_set_add(f->seen, kva.v) ||
	    cap_guest_read(f->g, kva, data, f->bytes) < 0) {
		f->nr_unreadable++;
		return true;
	}
	take_name(data, &l->name, m.name, sizeof(m.name));
	m.type = (uint32_t)cap_get_field(data, f->bytes, &l->type);
	m.key_size = (uint32_t)cap_get_field(data, f->bytes, &l->key_size);
	m.value_size = (uint32_t)cap_get_field(data, f->bytes, &l->value_size);
	m.max_entries = (uint32_t)cap_get_field(data, f->bytes, &l->max_entries);
	m.flags = (uint32_t)cap_get_field(data, f->bytes, &l->flags);
	m.btf_kva.v = cap_get_field(data, f->bytes, &l->btf);
	m.btf_key_type_id = (uint32_t)cap_get_field(data, f->bytes, &l->key_type_id);
	m.btf_value_type_id = (uint32_t)cap_get_field(data, f->bytes, &l->value_type_id);
	m.btf_vmlinux_value_type_id = (uint32_t)cap_get_field(data, f->bytes, &l->vmlinux_type_id);
	m.framework = is_framework(m.name);
	f->full = KT_VEC_PUSH(&f->maps, m) < 0;
	return !f->full;
}

/* NULL: with @f all maps can be looked for, in @ret_idr. Else why not. */
static const char *prepare(struct cap_dump *d, struct finder *f, gva_t *ret_idr)
{
	const struct cap_types *t = cap_guest_types(d->g);
	const char *missing = NULL;

	if (!t)
		return CAP_WHY_MAPS ": the kernel's types are not known";
	f->l = cap_layout(t, &cap_layout_map, &missing);
	if (!f->l)
		return cap_fmt(d->pool, CAP_WHY_MAPS ": this kernel's types have no %s", missing);
	if (!cap_guest_symbol(d->g, "map_idr", ret_idr))
		return CAP_WHY_MAPS ": there is no symbol map_idr";
	f->bytes = cap_type_bytes(t, "bpf_map");
	if (f->bytes > MAP_STRUCT_MAX || f->l->name.offset + (size_t)f->l->name.bytes > f->bytes)
		return cap_fmt(d->pool, CAP_WHY_MAPS ": a struct bpf_map of %zu bytes is none",
			       f->bytes);
	return NULL;
}

/* Of a walk that ended with @r. */
static const char *why_not_all(struct cap_dump *d, const struct finder *f, int r)
{
	if (f->full || cap_pool_full(d->pool))
		return CAP_WHY_FULL;
	if (r < 0)
		return cap_fmt(d->pool, "map walker found %zu maps, but map_idr %s", f->maps.nr,
			       cap_idr_error(r));
	if (f->nr_unreadable)
		return cap_fmt(d->pool, "map walker could not read %zu maps", f->nr_unreadable);
	return NULL;
}

void cap_dump_find_maps(struct cap_dump *d)
{
	kt_auto(cap_set) struct cap_set *seen = NULL;
	struct finder f = { .g = d->g };
	gva_t idr = { 0 };
	int r;

	d->report->maps_unavailable = prepare(d, &f, &idr);
	if (d->report->maps_unavailable)
		return;
	if (cap_set_create(IDS_MAX, &seen) < 0) {
		d->report->maps_unavailable = CAP_WHY_FULL;
		return;
	}
	f.seen = seen;
	r = cap_idr_each(d->g, idr, IDS_MAX, take_map, &f); /* what could be read, counts */
	d->map = cap_keep(d->pool, f.maps.v, f.maps.nr, sizeof(*f.maps.v));
	d->nr_maps = d->map ? f.maps.nr : 0;
	d->report->maps_unavailable = why_not_all(d, &f, r);
	free(f.maps.v);
}

const void *cap_map_section(struct cap_dump *d, const struct cap_map *m, size_t *ret_len)
{
	size_t len = m->value_size < CAP_MAP_VALUE_MAX ? m->value_size : CAP_MAP_VALUE_MAX;
	struct cap_map_walk w = { .d = d, .m = m };
	uint8_t *data;
	gva_t va;

	if (m->type != CAP_MAP_ARRAY || !len || cap_array_value(d->g, m->kva, &va) < 0)
		return NULL;
	data = cap_alloc_raw(d->pool, len);
	len = data ? cap_map_read_some(&w, va, data, len) : 0;
	if (!len)
		return NULL;
	*ret_len = len;
	return data;
}

/* ---- each in its turn ---- */

struct map_type {
	uint32_t type;
	const char *name;
	void (*render)(struct cap_map_walk *w);
	const char *why; /* there is no renderer */
};

static const char deprecated[] = "its values belong to cgroups and are in no table of the map";
static const char hashed_bits[] = "a set of hash bits, of which the elements cannot be told";
static const char trie[] = "a tree of prefixes, which is not walked";
static const char insns[] = "addresses of instructions, which are not read";

static const struct map_type map_types[] = {
	{ CAP_MAP_HASH, "hash", cap_map_render_hash, NULL },
	{ CAP_MAP_ARRAY, "array", cap_map_render_array, NULL },
	{ CAP_MAP_PROG_ARRAY, "prog_array", cap_map_render_fd_array, NULL },
	{ CAP_MAP_PERF_EVENT_ARRAY, "perf_event_array", cap_map_render_fd_array, NULL },
	{ CAP_MAP_PERCPU_HASH, "percpu_hash", cap_map_render_percpu_hash, NULL },
	{ CAP_MAP_PERCPU_ARRAY, "percpu_array", cap_map_render_percpu_array, NULL },
	{ CAP_MAP_STACK_TRACE, "stack_trace", cap_map_render_stack_trace, NULL },
	{ CAP_MAP_CGROUP_ARRAY, "cgroup_array", cap_map_render_fd_array, NULL },
	{ CAP_MAP_LRU_HASH, "lru_hash", cap_map_render_hash, NULL },
	{ CAP_MAP_LRU_PERCPU_HASH, "lru_percpu_hash", cap_map_render_percpu_hash, NULL },
	{ CAP_MAP_LPM_TRIE, "lpm_trie", NULL, trie },
	{ CAP_MAP_ARRAY_OF_MAPS, "array_of_maps", cap_map_render_fd_array, NULL },
	{ CAP_MAP_HASH_OF_MAPS, "hash_of_maps", cap_map_render_hash_of_maps, NULL },
	{ CAP_MAP_DEVMAP, "devmap", cap_map_render_fd_array, NULL },
	{ CAP_MAP_SOCKMAP, "sockmap", cap_map_render_fd_array, NULL },
	{ CAP_MAP_CPUMAP, "cpumap", cap_map_render_fd_array, NULL },
	{ CAP_MAP_XSKMAP, "xskmap", cap_map_render_fd_array, NULL },
	{ CAP_MAP_SOCKHASH, "sockhash", cap_map_render_fd_hash, NULL },
	{ CAP_MAP_CGROUP_STORAGE, "cgroup_storage", NULL, deprecated },
	{ CAP_MAP_REUSEPORT_SOCKARRAY, "reuseport_sockarray", cap_map_render_fd_array, NULL },
	{ CAP_MAP_PERCPU_CGROUP_STORAGE, "percpu_cgroup_storage", NULL, deprecated },
	{ CAP_MAP_QUEUE, "queue", cap_map_render_queue, NULL },
	{ CAP_MAP_STACK, "stack", cap_map_render_queue, NULL },
	{ CAP_MAP_SK_STORAGE, "sk_storage", cap_map_render_storage, NULL },
	{ CAP_MAP_DEVMAP_HASH, "devmap_hash", cap_map_render_fd_hash, NULL },
	{ CAP_MAP_STRUCT_OPS, "struct_ops", cap_map_render_struct_ops, NULL },
	{ CAP_MAP_RINGBUF, "ringbuf", cap_map_render_ringbuf, NULL },
	{ CAP_MAP_INODE_STORAGE, "inode_storage", cap_map_render_storage, NULL },
	{ CAP_MAP_TASK_STORAGE, "task_storage", cap_map_render_storage, NULL },
	{ CAP_MAP_BLOOM_FILTER, "bloom_filter", NULL, hashed_bits },
	{ CAP_MAP_USER_RINGBUF, "user_ringbuf", cap_map_render_ringbuf, NULL },
	{ CAP_MAP_CGRP_STORAGE, "cgrp_storage", cap_map_render_storage, NULL },
	{ CAP_MAP_ARENA, "arena", cap_map_render_arena, NULL },
	{ CAP_MAP_INSN_ARRAY, "insn_array", NULL, insns },
};

static const struct map_type *find_type(uint32_t type)
{
	for (size_t i = 0; i < sizeof(map_types) / sizeof(map_types[0]); i++)
		if (map_types[i].type == type)
			return &map_types[i];
	return NULL;
}

const char *cap_map_type_name(uint32_t type)
{
	const struct map_type *t = find_type(type);

	return t ? t->name : NULL;
}

/* What the kernel calls a type that is newer than this table: "BPF_MAP_TYPE_RHASH". NULL: nothing. */
static const char *kernel_name(const struct cap_types *t, uint32_t type)
{
	const struct btf *btf = cap_types_btf(t);
	uint32_t id = cap_type_find(t, "bpf_map_type", BTF_KIND_ENUM);
	const struct btf_type *e = id ? btf__type_by_id(btf, id) : NULL;

	if (!e || !btf_is_enum(e))
		return NULL;
	for (uint16_t i = 0; i < btf_vlen(e); i++)
		if ((uint32_t)btf_enum(e)[i].val == type)
			return btf__name_by_offset(btf, btf_enum(e)[i].name_off);
	return NULL;
}

static void render_map(struct cap_map_walk *w)
{
	const struct map_type *type = find_type(w->m->type);
	const char *name;

	if (!type) {
		name = kernel_name(cap_guest_types(w->d->g), w->m->type);
		cap_map_error(w, "map type %u (%s) has no renderer", w->m->type,
			      name ? name : "of no known name");
		return;
	}
	if (!type->render) {
		cap_map_error(w, "%s maps are not enumerable: %s", type->name, type->why);
		return;
	}
	if (w->render.btf->error)
		cap_map_error(w, "no types: %s", w->render.btf->error);
	type->render(w);
	if (cap_pool_full(w->d->pool))
		cap_map_error(w, "no more memory for the report: what follows is left out");
}

void cap_dump_maps(struct cap_dump *d)
{
	struct cap_map_budget budget = { .bytes = CAP_MAP_BUDGET };
	size_t nr = 0;

	for (size_t i = 0; i < d->nr_maps; i++)
		nr += !d->map[i].framework;
	d->report->map = cap_alloc_array(d->pool, nr, sizeof(*d->report->map));
	if (!d->report->map) {
		if (nr)
			d->report->maps_unavailable = CAP_WHY_FULL;
		return;
	}
	for (size_t i = 0; i < d->nr_maps; i++) {
		const struct cap_map *m = &d->map[i];
		struct cap_map_walk w = { .d = d, .m = m, .budget = &budget };

		if (m->framework)
			continue;
		if (cap_dump_late(d)) {
			d->report->maps_truncated++;
			continue;
		}
		w.out = &d->report->map[d->report->nr_maps++];
		*w.out = (struct cap_map_report){
			.name = m->name, /* in the pool, too: there even when that is full */
			.map_kva = m->kva.v,
			.map_type = m->type,
			.value_size = m->value_size,
			.max_entries = m->max_entries,
		};
		w.render = cap_dump_render(d, cap_prog_btf(d, m->btf_kva));
		render_map(&w);
	}
}
