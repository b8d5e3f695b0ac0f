/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The BPF objects of a scheduler: its program is one, or has them inside, as libbpf's skeletons (.rodata) and libbpf-rs
 * (.bpf.objs) put them there whole. So they are looked for by their header, wherever they are in the file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "capture/object.h"

/* libbpf adds a variable of its own behind those of the object (add_dummy_ksym_var() of libbpf.c, 1.4). */
enum { ADDED_MAX = 4 };
enum { OBJECTS_MAX = 64, OBJECT_BYTES_MAX = 64 << 20, BTF_BYTES_MAX = 32 << 20 };
/* Rust programs with their debug information are large. */
static const size_t program_bytes_max = (size_t)1 << 30;

static void object_done(struct cap_object *obj)
{
	btf__free(obj->btf);
	cap_elf_done(&obj->elf);
	free(obj->row);
	free(obj->payload);
	free(obj->kernel_type);
	free(obj->bytes);
}

static int load_btf(struct cap_object *obj)
{
	const struct cap_section *s = &obj->elf.section[cap_elf_find(&obj->elf, ".BTF")];

	if (!s->data || s->size > BTF_BYTES_MAX)
		return -EINVAL;
	obj->btf = btf__new(s->data, (uint32_t)s->size);
	if (!obj->btf)
		return errno == ENOMEM ? -ENOMEM : -EINVAL;
	return 0;
}

static int object_init(struct cap_object *obj, const void *data, size_t len)
{
	int r;

	obj->bytes = malloc(len);
	if (!obj->bytes)
		return -ENOMEM;
	memcpy(obj->bytes, data, len);
	obj->len = len;
	r = cap_elf_parse(obj->bytes, len, &obj->elf);
	if (r == 0)
		r = load_btf(obj);
	if (r == 0)
		r = cap_cast_analyse(obj);
	return r;
}

static bool have(const struct cap_objects *o, const void *data, size_t len)
{
	for (size_t i = 0; i < o->nr; i++) {
		if (o->object[i].len == len && memcmp(o->object[i].bytes, data, len) == 0)
			return true;
	}
	return false;
}

int cap_objects_add(struct cap_objects *o, const void *data, size_t len)
{
	size_t bytes = cap_elf_bpf_bytes(data, len);
	struct cap_object obj = { 0 };
	int r;

	if (bytes == 0 || bytes > OBJECT_BYTES_MAX)
		return -EINVAL;
	if (have(o, data, bytes))
		return 0;
	r = object_init(&obj, data, bytes);
	if (r == 0)
		r = kt_vec_reserve((void **)&o->object, &o->cap, o->nr + 1, sizeof(*o->object));
	if (r < 0 || !o->object) {
		object_done(&obj);
		return r;
	}
	o->object[o->nr++] = obj;
	return 0;
}

/* The file itself when it is an object, else all that begin anywhere in it. */
static int add_all(struct cap_objects *o, const char *data, size_t len)
{
	static const char magic[] = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB };
	bool itself = cap_elf_bpf_bytes(data, len) > 0;
	const char *p = data, *end = data + len;

	while (o->nr < OBJECTS_MAX && (p = memmem(p, end - p, magic, sizeof(magic)))) {
		int r = cap_objects_add(o, p, end - p);

		if (r == -ENOMEM)
			return r;
		if (itself)
			break;
		p += r == 0 ? cap_elf_bpf_bytes(p, end - p) : sizeof(magic);
	}
	return 0;
}

int cap_objects_load(const char *program, struct cap_objects **ret, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf file = { 0 };
	kt_auto(cap_objects) struct cap_objects *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return kt_fail(e, KT_E_HOST, ENOMEM, "look for BPF objects in '%s'", program);
	r = kt_file_read(program, program_bytes_max, &file, e);
	if (r < 0)
		return kt_context(e, r, "look for BPF objects in '%s'", program);
	if (file.len > 0 && add_all(o, file.data, file.len) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read the BPF objects of '%s'", program);
	*ret = kt_take(o);
	return 0;
}

void cap_objects_free(struct cap_objects *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->nr; i++)
		object_done(&o->object[i]);
	free(o->object);
	free(o);
}

bool cap_objects_find_struct(const struct cap_objects *o, const char *name,
			     const struct btf **ret_btf, uint32_t *ret_id)
{
	static const uint32_t kinds[] = { BTF_KIND_STRUCT, BTF_KIND_UNION };

	if (!o || !*name)
		return false;
	for (size_t i = 0; i < o->nr; i++) {
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
			int id = btf__find_by_name_kind(o->object[i].btf, name, kinds[k]);

			if (id <= 0)
				continue;
			*ret_btf = o->object[i].btf;
			*ret_id = (uint32_t)id;
			return true;
		}
	}
	return false;
}

/* libbpf fills in the sizes of sections before it gives BTF to the kernel (btf_fixup_datasec() of libbpf.c, 1.4). */
static bool same_type(const struct btf *a, const struct btf *b, uint32_t id)
{
	const struct btf_type *x = btf__type_by_id(a, id), *y = btf__type_by_id(b, id);
	const char *xn, *yn;

	if (!x || !y)
		return false;
	xn = btf__name_by_offset(a, x->name_off);
	yn = btf__name_by_offset(b, y->name_off);
	if (btf_is_struct(x) || btf_is_union(x)) {
		if (btf_kind(x) != btf_kind(y) || x->size != y->size || btf_vlen(x) != btf_vlen(y))
			return false;
	}
	return kt_streq(xn ? xn : "", yn ? yn : "") || btf_is_datasec(x);
}

const struct cap_object *cap_objects_match(const struct cap_objects *o, const struct btf *btf)
{
	uint32_t nr, id;

	if (!o || !btf)
		return NULL;
	for (size_t i = 0; i < o->nr; i++) {
		nr = btf__type_cnt(o->object[i].btf);
		if (btf__type_cnt(btf) < nr || btf__type_cnt(btf) > nr + ADDED_MAX)
			continue;
		for (id = 1; id < nr && same_type(o->object[i].btf, btf, id); id++)
			;
		if (id == nr)
			return &o->object[i];
	}
	return NULL;
}
