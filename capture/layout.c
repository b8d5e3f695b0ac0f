/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the fields are that walkers read: found by name in the kernel's types, once, before any guest stands still. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "capture/memory.h"

enum {
	NAME_MAX_BYTES = 128, /* of a type or member: the compiler's names are shorter */
	ANONYMOUS_MAX = 16, /* structs within structs, without names */
	INDEX_MAX = 1 << 24,
	LOOKS_MAX =
		1
		<< 16, /* members looked at for one name: a struct can be made to contain itself */
};

/* ---- one member ---- */

/* Bit fields are not found: they have no address. */
static bool find_member(const struct btf *btf, uint32_t struct_id, const char *name, unsigned depth,
			unsigned *looks, struct cap_field *f)
{
	const struct btf_type *t = btf__type_by_id(btf, cap_peel(btf, struct_id));
	const struct btf_member *m = t && btf_is_composite(t) ? btf_members(t) : NULL;

	for (uint32_t n = 0; m && n < btf_vlen(t) && *looks < LOOKS_MAX; n++) {
		const char *its = btf__name_by_offset(btf, m[n].name_off);
		uint32_t bits = btf_member_bit_offset(t, n), before = f->offset;

		++*looks;
		if (bits % 8 || btf_member_bitfield_size(t, n) ||
		    __builtin_add_overflow(before, bits / 8, &f->offset)) {
			f->offset = before;
			continue;
		}
		if (its && kt_streq(its, name)) {
			f->type_id = m[n].type;
			return true;
		}
		if ((!its || !*its) && depth < ANONYMOUS_MAX &&
		    find_member(btf, m[n].type, name, depth + 1, looks, f))
			return true;
		f->offset = before;
	}
	return false;
}

/* "[3]" at the start of @path: on to that element. Returns what follows, NULL: no such element. */
static const char *enter_element(const struct btf *btf, const char *path, struct cap_field *f)
{
	const struct btf_type *t = btf__type_by_id(btf, cap_peel(btf, f->type_id));
	const struct btf_array *a = t && btf_is_array(t) ? btf_array(t) : NULL;
	size_t len = strcspn(path, "]");
	char digits[16];
	unsigned index;
	int64_t bytes = a ? btf__resolve_size(btf, a->type) : -1;
	uint64_t offset;

	if (bytes < 0 || path[len] != ']' || len > sizeof(digits))
		return NULL;
	memcpy(digits, path + 1, len - 1);
	digits[len - 1] = '\0';
	if (kt_parse_uint(digits, 0, INDEX_MAX, &index) < 0 || (a->nelems && index >= a->nelems))
		return NULL;
	offset = f->offset + index * (uint64_t)bytes;
	if (offset > UINT32_MAX)
		return NULL;
	f->offset = (uint32_t)offset;
	f->type_id = a->type;
	return path + len + 1;
}

/* @path within @type_id; "" is all of it. */
static bool find_path(const struct btf *btf, uint32_t type_id, const char *path,
		      struct cap_field *ret)
{
	struct cap_field f = { .there = true, .type_id = type_id };
	char name[NAME_MAX_BYTES];
	int64_t bytes;

	while (path && *path) {
		size_t len = strcspn(path, ".[");
		unsigned looks = 0;

		if (*path == '[') {
			path = enter_element(btf, path, &f);
			if (path && *path == '.')
				path++;
			continue;
		}
		if (len == 0 || len >= sizeof(name))
			return false;
		memcpy(name, path, len);
		name[len] = '\0';
		if (!find_member(btf, f.type_id, name, 0, &looks, &f))
			return false;
		path += len;
		path += *path == '.';
	}
	bytes = path ? btf__resolve_size(btf, f.type_id) : -1;
	if (bytes < 0 || bytes > UINT32_MAX)
		return false;
	f.bytes = (uint32_t)bytes;
	*ret = f;
	return true;
}

/* ---- spellings ---- */

/* The next of "newest|older" into @buf; *@at becomes NULL after the last. */
static bool next_spelling(const char **at, char *buf, size_t size)
{
	size_t len = strcspn(*at, "|");
	bool fits = len < size;

	if (fits) {
		memcpy(buf, *at, len);
		buf[len] = '\0';
	}
	*at = (*at)[len] ? *at + len + 1 : NULL;
	return fits;
}

static uint32_t find_struct(const struct cap_types *t, const char *name)
{
	static const uint32_t kinds[] = { BTF_KIND_STRUCT, BTF_KIND_UNION, BTF_KIND_TYPEDEF };
	uint32_t id = 0;

	for (size_t k = 0; !id && k < sizeof(kinds) / sizeof(kinds[0]); k++)
		id = cap_type_find(t, name, kinds[k]);
	return id;
}

struct spelling {
	char type[NAME_MAX_BYTES], path[2 * NAME_MAX_BYTES];
	unsigned nr; /* 0: the newest */
};

/* @used is the one that is there. */
static bool find_spelling(const struct cap_types *t, const char *type, const char *path,
			  struct cap_field *ret, struct spelling *used)
{
	const char *types = type, *paths = path;

	/* The shorter list's last stands for the rest of it. */
	for (used->nr = 0; types || paths; used->nr++) {
		bool fits = !types || next_spelling(&types, used->type, sizeof(used->type));
		uint32_t id;

		if (paths)
			fits = next_spelling(&paths, used->path, sizeof(used->path)) && fits;
		id = fits ? find_struct(t, used->type) : 0;
		if (id && find_path(cap_types_btf(t), id, used->path, ret))
			return true;
	}
	return false;
}

bool cap_type_field(const struct cap_types *t, const char *type, const char *path,
		    struct cap_field *ret)
{
	struct spelling used = { .nr = 0 };

	return find_spelling(t, type, path, ret, &used);
}

/* ---- all layouts ---- */

static const struct cap_layout_desc *const list[] = {
	&cap_layout_idr,        &cap_layout_map,
	&cap_layout_btf,        &cap_layout_array,
	&cap_layout_htab,       &cap_layout_storage,
	&cap_layout_struct_ops, &cap_layout_ringbuf,
	&cap_layout_stack_map,  &cap_layout_arena,
	&cap_layout_prog,       &cap_layout_cpumask,
	&cap_layout_rq,         &cap_layout_dsq,
	&cap_layout_sched,      &cap_layout_sched_globals,
	&cap_layout_rhashtable, &cap_layout_scx_tasks,
	&cap_layout_task,       &cap_layout_cputime,
	&cap_layout_numa,       &cap_layout_psi,
	&cap_layout_events,     &cap_layout_age,
};
enum { LAYOUTS = sizeof(list) / sizeof(list[0]) };

struct cap_layouts {
	void *resolved[LAYOUTS];
	char missing[LAYOUTS][2 * NAME_MAX_BYTES]; /* "": none */
};

/* In its newest spelling. */
static void newest_name(char *buf, size_t size, const struct cap_field_row *row)
{
	(void)snprintf(buf, size, "%.*s.%.*s", (int)strcspn(row->type, "|"), row->type,
		       (int)strcspn(row->path, "|"), row->path); /* cut is good enough */
}

static void log_spelling(const struct cap_layout_desc *d, const struct cap_field_row *row,
			 const struct spelling *used)
{
	char newest[2 * NAME_MAX_BYTES];

	if (!used->nr || !kt_log_enabled(KT_AREA_CAPTURE, KT_DEBUG))
		return;
	newest_name(newest, sizeof(newest), row);
	kt_log(KT_AREA_CAPTURE, KT_DEBUG,
	       "%s: these types have no '%s'; its older spelling '%s.%s' is read", d->group, newest,
	       used->type, used->path);
}

int cap_layout_resolve(const struct cap_types *t, const struct cap_layout_desc *d, void **ret,
		       char *missing, size_t size)
{
	char *layout = calloc(1, d->bytes ? d->bytes : 1);

	if (!layout)
		return -ENOMEM;
	for (size_t n = 0; n < d->nr_rows; n++) {
		struct cap_field f = { 0 };
		struct spelling used = { .nr = 0 };

		if (find_spelling(t, d->row[n].type, d->row[n].path, &f, &used))
			log_spelling(d, &d->row[n], &used);
		else if (!d->row[n].optional && !*missing)
			newest_name(missing, size, &d->row[n]);
		memcpy(layout + d->row[n].at, &f, sizeof(f));
	}
	*ret = layout;
	return 0;
}

int cap_layouts_create(const struct cap_types *t, struct cap_layouts **ret)
{
	struct cap_layouts *l = calloc(1, sizeof(*l));
	int r = l ? 0 : -ENOMEM;

	for (size_t n = 0; r == 0 && n < LAYOUTS; n++)
		r = cap_layout_resolve(t, list[n], &l->resolved[n], l->missing[n],
				       sizeof(l->missing[n]));
	if (r < 0)
		cap_layouts_free(l);
	else
		*ret = l;
	return r;
}

void cap_layouts_free(struct cap_layouts *l)
{
	for (size_t n = 0; l && n < LAYOUTS; n++)
		free(l->resolved[n]);
	free(l);
}

const void *cap_layout(const struct cap_types *t, const struct cap_layout_desc *d,
		       const char **ret_missing)
{
	const struct cap_layouts *l = t ? cap_types_layouts(t) : NULL;

	for (size_t n = 0; l && n < LAYOUTS; n++) {
		if (list[n] != d)
			continue;
		if (!l->missing[n][0])
			return l->resolved[n];
		if (ret_missing)
			*ret_missing = l->missing[n];
		return NULL;
	}
	if (ret_missing)
		*ret_missing = d->group;
	return NULL;
}
