/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's types: its BTF, found by name through tables that are made once. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "capture/memory.h"

enum {
	/* Slots of a table that are looked at for one name: they are half free. */
	PROBES_MAX = 128,
	/* A longer one is none: the kernel has none (KSYM_NAME_LEN, include/linux/kallsyms.h, 6.12), a guest may make millions. */
	NAME_BYTES_MAX = 512,
};

struct slot {
	uint32_t hash; /* of the name, and the kind where there is one */
	uint32_t type_id; /* 0: free */
};
/* Names of types: by name and kind. */
struct name_table {
	struct slot *slot;
	uint32_t mask;
};
/* Names of enumerators: the type, and which of its values. */
struct enum_slot {
	struct slot s;
	uint32_t index;
};
struct enum_table {
	struct enum_slot *slot;
	uint32_t mask;
};
struct cap_types {
	struct btf *btf;
	uint64_t seed;
	struct name_table names;
	struct enum_table enumerators;
	struct cap_layouts *layouts;
};

static uint32_t hash_of(const struct cap_types *t, const char *name, uint32_t kind)
{
	return cap_hash_name(t->seed + kind, name);
}

static const char *name_at(const struct btf *btf, uint32_t offset)
{
	const char *name = btf__name_by_offset(btf, offset);

	return name && strnlen(name, NAME_BYTES_MAX) < NAME_BYTES_MAX ? name : "";
}

static const char *name_of(const struct btf *btf, const struct btf_type *t)
{
	return name_at(btf, t->name_off);
}

/* Kinds that are asked for by name. Tags have names too, many times the same. */
static bool has_name(const struct btf_type *t)
{
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_FUNC:
	case BTF_KIND_VAR:
	case BTF_KIND_DATASEC:
		return t->name_off != 0;
	default:
		return false;
	}
}

static const char *enumerator_name(const struct btf *btf, const struct btf_type *t, uint32_t n)
{
	uint32_t off = btf_kind(t) == BTF_KIND_ENUM ? btf_enum(t)[n].name_off
						    : btf_enum64(t)[n].name_off;

	return name_at(btf, off);
}

/* ---- making the tables ---- */

static uint32_t table_size(size_t entries)
{
	uint32_t size = 64;

	while (size < entries * 2 && size < UINT32_C(1) << 30)
		size *= 2;
	return size;
}

static bool same_type(const struct btf *btf, uint32_t id, const char *name, uint32_t kind)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	return t && btf_kind(t) == kind && kt_streq(name_of(btf, t), name);
}

/* The first of a name and kind counts. */
static void add_name(struct cap_types *t, uint32_t id, const struct btf_type *type)
{
	const char *name = name_of(t->btf, type);
	uint32_t h = hash_of(t, name, btf_kind(type));

	if (!*name)
		return;
	for (uint32_t n = 0; n < PROBES_MAX; n++) {
		struct slot *s = &t->names.slot[(h + n) & t->names.mask];

		if (!s->type_id) {
			*s = (struct slot){ .hash = h, .type_id = id };
			return;
		}
		if (s->hash == h && same_type(t->btf, s->type_id, name, btf_kind(type)))
			return;
	}
}

static const struct enum_slot *find_enumerator(const struct cap_types *t, const char *name,
					       uint32_t h, struct enum_slot **ret_free)
{
	for (uint32_t n = 0; n < PROBES_MAX; n++) {
		struct enum_slot *s = &t->enumerators.slot[(h + n) & t->enumerators.mask];

		if (!s->s.type_id) {
			if (ret_free)
				*ret_free = s;
			return NULL;
		}
		if (s->s.hash == h &&
		    kt_streq(enumerator_name(t->btf, btf__type_by_id(t->btf, s->s.type_id),
					     s->index),
			     name))
			return s;
	}
	return NULL;
}

static void add_enumerators(struct cap_types *t, uint32_t id, const struct btf_type *type)
{
	for (uint32_t n = 0; n < btf_vlen(type); n++) {
		const char *name = enumerator_name(t->btf, type, n);
		uint32_t h = hash_of(t, name, 0);
		struct enum_slot *room = NULL;

		if (*name && !find_enumerator(t, name, h, &room) && room)
			*room = (struct enum_slot){ { .hash = h, .type_id = id }, .index = n };
	}
}

static bool is_any_enum(const struct btf_type *t)
{
	return btf_kind(t) == BTF_KIND_ENUM || btf_kind(t) == BTF_KIND_ENUM64;
}

static int alloc_tables(struct cap_types *t)
{
	size_t names = 0, enumerators = 0;
	uint32_t size;

	for (uint32_t id = 1; id < btf__type_cnt(t->btf); id++) {
		const struct btf_type *type = btf__type_by_id(t->btf, id);

		names += has_name(type);
		enumerators += is_any_enum(type) ? btf_vlen(type) : 0;
	}
	size = table_size(names);
	t->names.slot = calloc(size, sizeof(*t->names.slot));
	t->names.mask = size - 1;
	size = table_size(enumerators);
	t->enumerators.slot = calloc(size, sizeof(*t->enumerators.slot));
	t->enumerators.mask = size - 1;
	return t->names.slot && t->enumerators.slot ? 0 : -ENOMEM;
}

static int make_tables(struct cap_types *t)
{
	int r = alloc_tables(t);

	for (uint32_t id = 1; r == 0 && id < btf__type_cnt(t->btf); id++) {
		const struct btf_type *type = btf__type_by_id(t->btf, id);

		if (has_name(type))
			add_name(t, id, type);
		if (is_any_enum(type))
			add_enumerators(t, id, type);
	}
	return r < 0 ? r : cap_layouts_create(t, &t->layouts);
}

/* ---- asking ---- */

const struct btf *cap_types_btf(const struct cap_types *t)
{
	return t->btf;
}

const struct cap_layouts *cap_types_layouts(const struct cap_types *t)
{
	return t->layouts;
}

uint32_t cap_type_find(const struct cap_types *t, const char *name, uint32_t kind)
{
	uint32_t h = hash_of(t, name, kind);

	for (uint32_t n = 0; n < PROBES_MAX; n++) {
		const struct slot *s = &t->names.slot[(h + n) & t->names.mask];

		if (!s->type_id)
			return 0;
		if (s->hash == h && same_type(t->btf, s->type_id, name, kind))
			return s->type_id;
	}
	return 0;
}

uint32_t cap_type_bytes(const struct cap_types *t, const char *name)
{
	uint32_t id = cap_type_find(t, name, BTF_KIND_STRUCT);
	const struct btf_type *type;

	if (!id)
		id = cap_type_find(t, name, BTF_KIND_UNION);
	type = id ? btf__type_by_id(t->btf, id) : NULL;
	return type ? type->size : 0;
}

bool cap_type_enum_value(const struct cap_types *t, const char *name, uint64_t *ret)
{
	const struct enum_slot *s = find_enumerator(t, name, hash_of(t, name, 0), NULL);
	const struct btf_type *type = s ? btf__type_by_id(t->btf, s->s.type_id) : NULL;

	if (!type)
		return false;
	if (btf_kind(type) == BTF_KIND_ENUM64)
		*ret = btf_enum64_value(&btf_enum64(type)[s->index]);
	else if (btf_kflag(type))
		*ret = (uint64_t)(int64_t)btf_enum(type)[s->index].val;
	else
		*ret = (uint32_t)btf_enum(type)[s->index].val;
	return true;
}

/* Every tracepoint that BPF can see has such a typedef (include/trace/bpf_probe.h, 6.12). */
bool cap_types_has_tracepoint(const struct cap_types *t, const char *name)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	kt_buf_addf(&b, "btf_trace_%s", name);
	return kt_buf_ok(&b) && cap_type_find(t, kt_buf_str(&b), BTF_KIND_TYPEDEF) != 0;
}

bool cap_types_has_func(const struct cap_types *t, const char *name)
{
	return cap_type_find(t, name, BTF_KIND_FUNC) != 0;
}

enum { PEEL_MAX = 32 };

uint32_t cap_peel(const struct btf *btf, uint32_t id)
{
	for (unsigned i = 0; i < PEEL_MAX; i++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (!t)
			return 0;
		if (!btf_is_mod(t) && !btf_is_typedef(t) && !btf_is_type_tag(t))
			return id;
		id = t->type;
	}
	return 0;
}

/* ---- loading ---- */

static __attribute__((format(printf, 2, 0))) int log_libbpf(enum libbpf_print_level level,
							    const char *fmt, va_list ap)
{
	kt_auto(buf) struct kt_buf text = { 0 };

	if (level == LIBBPF_DEBUG || !kt_log_enabled(KT_AREA_CAPTURE, KT_DEBUG))
		return 0;
	kt_buf_vaddf(&text, fmt, ap);
	if (text.len && text.data[text.len - 1] == '\n')
		text.data[text.len - 1] = '\0';
	kt_log(KT_AREA_CAPTURE, KT_DEBUG, "%s", kt_buf_str(&text));
	return 0;
}

void cap_types_free(struct cap_types *t)
{
	if (!t)
		return;
	cap_layouts_free(t->layouts);
	free(t->names.slot);
	free(t->enumerators.slot);
	btf__free(t->btf);
	free(t);
}

/* @btf, which is taken, or NULL and errno. */
static int take_btf(struct btf *btf, const char *name, struct cap_types **ret, struct kt_err *e)
{
	int why = errno;
	kt_auto(cap_types) struct cap_types *t = calloc(1, sizeof(*t));

	if (t)
		*t = (struct cap_types){ .btf = btf, .seed = cap_hash_seed(t) };
	else
		btf__free(btf);
	if (!t || (!btf && why == ENOMEM))
		return kt_fail(e, KT_E_HOST, ENOMEM, "read the types of '%s'", name);
	if (!btf && why == ENODATA)
		return kt_fail(
			e, KT_E_KERNEL, 0,
			"'%s' has no type information (.BTF): a kernel gets it from CONFIG_DEBUG_INFO_BTF=y",
			name);
	if (!btf && (why == ENOENT || why == EACCES || why == EISDIR || why == EIO))
		return kt_fail(e, KT_E_HOST, why, "read the types of '%s'", name);
	if (!btf)
		return kt_fail(
			e, KT_E_KERNEL, 0,
			"the type information (BTF) of '%s' cannot be read: it is damaged, or no ELF file",
			name);
	if (make_tables(t) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read the types of '%s'", name);
	*ret = kt_take(t);
	return 0;
}

int cap_types_load(const char *path, struct cap_types **ret, struct kt_err *e)
{
	libbpf_print_fn_t before = libbpf_set_print(log_libbpf);
	struct btf *btf = btf__parse(path, NULL);

	libbpf_set_print(before);
	return take_btf(btf, path, ret, e);
}

struct btf *cap_btf_new(const void *data, size_t len, const struct btf *base)
{
	libbpf_print_fn_t before = libbpf_set_print(log_libbpf);
	struct btf *btf = NULL;

	errno = EINVAL;
	if (len <= UINT32_MAX)
		btf = btf__new_split(data, (uint32_t)len, (struct btf *)base);
	libbpf_set_print(before);
	return btf;
}

int cap_types_parse(const void *btf, size_t len, const char *name, struct cap_types **ret,
		    struct kt_err *e)
{
	return take_btf(cap_btf_new(btf, len, NULL), name, ret, e);
}
