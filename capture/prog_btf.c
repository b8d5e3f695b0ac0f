/* SPDX-License-Identifier: GPL-2.0-only */
/* Types of programs, read from the guest: split on the kernel's own where the guest says so. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/internal.h"

struct btf_layout {
	struct cap_field data, data_size, base_btf, kernel_btf, name;
};

static const struct cap_field_row rows[] = {
	CAP_FIELD(btf_layout, data, "btf", "data"),
	CAP_FIELD(btf_layout, data_size, "btf", "data_size"),
	CAP_FIELD_OPT(btf_layout, base_btf, "btf", "base_btf"),
	CAP_FIELD_OPT(btf_layout, kernel_btf, "btf", "kernel_btf"),
	CAP_FIELD_OPT(btf_layout, name, "btf", "name"),
};

const struct cap_layout_desc cap_layout_btf = {
	.group = "btf",
	.row = rows,
	.nr_rows = sizeof(rows) / sizeof(rows[0]),
	.bytes = sizeof(struct btf_layout),
};

enum {
	BLOB_MAX = 32 << 20, /* wire-schema.md section 2.4 */
	ALL_BLOBS_MAX = 64 << 20,
	BTFS_MAX = 256,
	BLOB_MIN = sizeof(struct btf_header),
};

struct own_btf {
	struct cap_btf b;
	struct btf *btf; /* NULL: not ours to free */
};

/* They stay where they are: what is given out is pointed to until the dump ends. */
struct cap_prog_btfs {
	struct cap_btf kernel;
	struct own_btf *btf[BTFS_MAX];
	size_t nr, bytes;
};

static const struct cap_btf no_memory = { .error = "out of memory" };
static const struct cap_btf too_many = {
	.error = "the guest has more types of programs than are read"
};

/* ---- one from the guest ---- */

struct guest_btf {
	uint64_t data, size, base, is_kernel;
};

static bool read_struct(struct cap_guest *g, const struct btf_layout *l, gva_t kva,
			struct guest_btf *ret)
{
	*ret = (struct guest_btf){ 0 };
	return cap_read_field(g, kva, &l->data, &ret->data) == 0 &&
	       cap_read_field(g, kva, &l->data_size, &ret->size) == 0 &&
	       (!l->base_btf.there || cap_read_field(g, kva, &l->base_btf, &ret->base) == 0) &&
	       (!l->kernel_btf.there ||
		cap_read_field(g, kva, &l->kernel_btf, &ret->is_kernel) == 0);
}

/* Whether a struct btf of the guest's is that of its vmlinux: no base, the name, and as many bytes as ours. */
static bool is_vmlinux(struct cap_guest *g, const struct btf_layout *l, gva_t kva,
		       const struct guest_btf *s)
{
	char name[16] = "";
	uint32_t bytes = 0;

	if (s->base || (l->kernel_btf.there && !s->is_kernel))
		return false;
	if (l->name.there &&
	    (cap_read_text(g, cap_at(kva, l->name.offset), name, sizeof(name)) < 0 ||
	     !kt_streq(name, "vmlinux")))
		return false;
	(void)btf__raw_data(cap_types_btf(cap_guest_types(g)), &bytes);
	return bytes == s->size;
}

static const char *load_blob(struct cap_dump *d, const struct guest_btf *s, const struct btf *base,
			     struct btf **ret)
{
	kt_auto(mem) void *blob = NULL;
	struct btf *btf;

	if (s->size < BLOB_MIN || s->size > BLOB_MAX)
		return cap_fmt(d->pool, "program BTF of %llu bytes: not between %d and 32 MiB",
			       (unsigned long long)s->size, (int)BLOB_MIN);
	if (s->size > ALL_BLOBS_MAX - d->btfs->bytes)
		return "all program BTF together is larger than 64 MiB";
	d->btfs->bytes += s->size;
	blob = malloc(s->size);
	if (!blob)
		return "out of memory";
	if (cap_guest_read(d->g, (gva_t){ s->data }, blob, s->size) < 0)
		return cap_fmt(d->pool, "program BTF unreadable: %llu bytes at 0x%016llx",
			       (unsigned long long)s->size, (unsigned long long)s->data);
	btf = cap_btf_new(blob, s->size, base);
	if (!btf)
		return cap_fmt(d->pool, "program BTF is not valid: %s", strerror(errno));
	*ret = btf;
	return NULL;
}

/* Returns the reason why it could not be had. */
static const char *load(struct cap_dump *d, gva_t kva, struct own_btf *ret)
{
	const struct cap_types *t = cap_guest_types(d->g);
	const struct btf_layout *l = t ? cap_layout(t, &cap_layout_btf, NULL) : NULL;
	const struct btf *base = NULL;
	struct guest_btf s, b;
	const char *why;

	if (!l)
		return "btf offsets unavailable";
	if (!read_struct(d->g, l, kva, &s))
		return cap_fmt(d->pool, "struct btf unreadable at 0x%016llx",
			       (unsigned long long)kva.v);
	if (is_vmlinux(d->g, l, kva, &s)) {
		ret->b.btf = cap_types_btf(t);
		return NULL;
	}
	if (s.base) {
		base = cap_types_btf(t);
		if (!read_struct(d->g, l, (gva_t){ s.base }, &b) ||
		    !is_vmlinux(d->g, l, (gva_t){ s.base }, &b))
			return "program BTF is split on another than that of this vmlinux";
	}
	why = load_blob(d, &s, base, &ret->btf);
	ret->b.btf = ret->btf;
	return why;
}

/* ---- all of them ---- */

static struct cap_prog_btfs *all(struct cap_dump *d)
{
	const struct cap_types *t = cap_guest_types(d->g);

	if (d->btfs)
		return d->btfs;
	d->btfs = calloc(1, sizeof(*d->btfs));
	if (!d->btfs)
		return NULL;
	d->btfs->kernel.btf = t ? cap_types_btf(t) : NULL;
	if (!d->btfs->kernel.btf)
		d->btfs->kernel.error = "the kernel's types are not known";
	return d->btfs;
}

const struct cap_btf *cap_prog_btf(struct cap_dump *d, gva_t kva)
{
	struct cap_prog_btfs *b = all(d);
	struct own_btf *one;

	if (!b)
		return &no_memory;
	if (!kva.v)
		return &b->kernel;
	for (size_t i = 0; i < b->nr; i++)
		if (b->btf[i]->b.kva.v == kva.v)
			return &b->btf[i]->b;
	if (b->nr == BTFS_MAX)
		return &too_many;
	one = calloc(1, sizeof(*one));
	if (!one)
		return &no_memory;
	one->b.kva = kva;
	one->b.error = load(d, kva, one);
	b->btf[b->nr++] = one;
	return &one->b;
}

void cap_prog_btfs_free(struct cap_prog_btfs *b)
{
	for (size_t i = 0; b && i < b->nr; i++) {
		btf__free(b->btf[i]->btf);
		free(b->btf[i]);
	}
	free(b);
}
