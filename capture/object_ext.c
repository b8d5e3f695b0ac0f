/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a BPF object's .BTF.ext says of its instructions: CO-RE relocations, which name the type behind a register, and
 * lines of source. The layout is that of Documentation/bpf/btf.rst (kernel 6.12), section 4.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "capture/object.h"

enum { RECORDS_MAX = 1 << 21 };

struct ext_header {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t hdr_len;
	uint32_t func_info_off, func_info_len;
	uint32_t line_info_off, line_info_len;
	uint32_t core_relo_off, core_relo_len;
};

/* A run of records of one kind: "record size, then for each section its name, how many, and they". */
struct records {
	const uint8_t *data;
	size_t len;
};

static uint32_t u32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static struct records find_records(const struct cap_section *s, uint32_t hdr_len, uint32_t offset,
				   uint32_t len)
{
	uint64_t at = (uint64_t)hdr_len + offset;

	if (at > s->size || len > s->size - at)
		return (struct records){ 0 };
	return (struct records){ s->data + at, len };
}

struct walk {
	const struct cap_elf *elf;
	const struct btf *btf;
	struct cap_btf_ext *ext;
	size_t relo_cap, line_cap;
};

static int take_relo(struct walk *w, uint32_t section, const uint8_t *p)
{
	struct cap_btf_ext *x = w->ext;
	int r = kt_vec_reserve((void **)&x->relo, &w->relo_cap, x->nr_relos + 1, sizeof(*x->relo));

	if (r < 0)
		return r;
	/* struct bpf_core_relo: insn_off, type_id, access_str_off, kind (include/uapi/linux/bpf.h) */
	x->relo[x->nr_relos++] = (struct cap_core_relo){ .section = section,
							 .offset = u32_at(p),
							 .type_id = u32_at(p + 4),
							 .kind = u32_at(p + 12) };
	return 0;
}

static int take_line(struct walk *w, uint32_t section, const uint8_t *p)
{
	/* struct bpf_line_info: insn_off, file_name_off, line_off, line_col */
	const char *text = btf__str_by_offset(w->btf, u32_at(p + 8));
	struct cap_btf_ext *x = w->ext;
	int r = kt_vec_reserve((void **)&x->line, &w->line_cap, x->nr_lines + 1, sizeof(*x->line));

	if (r < 0)
		return r;
	x->line[x->nr_lines++] = (struct cap_line){ .section = section,
						    .offset = u32_at(p),
						    .text = text ? text : "" };
	return 0;
}

static int walk_records(struct walk *w, struct records rec,
			int (*take)(struct walk *w, uint32_t section, const uint8_t *p))
{
	size_t at = 4, left = RECORDS_MAX;
	uint32_t bytes;

	if (rec.len < 4)
		return 0;
	bytes = u32_at(rec.data);
	if (bytes < 16)
		return 0;
	while (rec.len - at >= 8) {
		const char *name = btf__str_by_offset(w->btf, u32_at(rec.data + at));
		uint32_t nr = u32_at(rec.data + at + 4);
		uint32_t section = name ? cap_elf_find(w->elf, name) : 0;

		at += 8;
		for (; nr > 0 && rec.len - at >= bytes && left > 0; nr--, left--) {
			int r = section ? take(w, section, rec.data + at) : 0;

			if (r < 0)
				return r;
			at += bytes;
		}
		if (nr > 0)
			break;
	}
	return 0;
}

static int compare_place(uint32_t s1, uint32_t o1, uint32_t s2, uint32_t o2)
{
	return s1 != s2 ? (s1 > s2) - (s1 < s2) : (o1 > o2) - (o1 < o2);
}

static int compare_relos(const void *a, const void *b)
{
	const struct cap_core_relo *x = a, *y = b;

	return compare_place(x->section, x->offset, y->section, y->offset);
}

static int compare_lines(const void *a, const void *b)
{
	const struct cap_line *x = a, *y = b;

	return compare_place(x->section, x->offset, y->section, y->offset);
}

int cap_btf_ext_parse(const struct cap_elf *elf, const struct btf *btf, struct cap_btf_ext *ret)
{
	const struct cap_section *s = &elf->section[cap_elf_find(elf, ".BTF.ext")];
	struct walk w = { .elf = elf, .btf = btf, .ext = ret };
	struct ext_header h;
	int r;

	*ret = (struct cap_btf_ext){ 0 };
	if (!s->data || s->size < sizeof(h))
		return 0;
	memcpy(&h, s->data, sizeof(h));
	if (h.magic != BTF_MAGIC || h.hdr_len < offsetof(struct ext_header, core_relo_off))
		return 0;
	r = walk_records(&w, find_records(s, h.hdr_len, h.line_info_off, h.line_info_len),
			 take_line);
	if (r == 0 && h.hdr_len >= sizeof(h))
		r = walk_records(&w, find_records(s, h.hdr_len, h.core_relo_off, h.core_relo_len),
				 take_relo);
	if (r < 0) {
		cap_btf_ext_done(ret);
		return r;
	}
	if (ret->nr_relos > 0)
		qsort(ret->relo, ret->nr_relos, sizeof(*ret->relo), compare_relos);
	if (ret->nr_lines > 0)
		qsort(ret->line, ret->nr_lines, sizeof(*ret->line), compare_lines);
	return 0;
}

void cap_btf_ext_done(struct cap_btf_ext *ext)
{
	free(ext->relo);
	free(ext->line);
	*ext = (struct cap_btf_ext){ 0 };
}

const struct cap_core_relo *cap_core_relo_at(const struct cap_btf_ext *ext, uint32_t section,
					     uint32_t offset)
{
	struct cap_core_relo key = { .section = section, .offset = offset };

	if (ext->nr_relos == 0)
		return NULL;
	return bsearch(&key, ext->relo, ext->nr_relos, sizeof(key), compare_relos);
}

const char *cap_line_at(const struct cap_btf_ext *ext, uint32_t section, uint32_t offset)
{
	size_t lo = 0, hi = ext->nr_lines;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct cap_line *l = &ext->line[mid];

		if (compare_place(l->section, l->offset, section, offset) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0 || ext->line[lo - 1].section != section)
		return NULL;
	return ext->line[lo - 1].text;
}
