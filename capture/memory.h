/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that read types and memory share: layouts of a kernel, cached pages, page walks, where the kernel is. */
#ifndef KTSTR_CAPTURE_MEMORY_H
#define KTSTR_CAPTURE_MEMORY_H

#include "capture/internal.h"

/* ---- names that are looked up (symbols.c) ---- */

/*
 * Fast, since walkers look names up all the time; and seeded, since a guest may have names that collide in a hash that it
 * knows. @without: an address, which is no worse than nothing where there are no random bytes.
 */
uint64_t cap_hash_seed(const void *without);
uint32_t cap_hash_name(uint64_t seed, const char *name);

/* ---- layouts (layout.c): all of the list, resolved; made and held by types.c ---- */

struct cap_layouts;
int cap_layouts_create(const struct cap_types *t, struct cap_layouts **ret); /* -ENOMEM */
void cap_layouts_free(struct cap_layouts *l);
/* One of them: @missing gets the first field that is needed and not there; "" before: there is none. -ENOMEM. */
int cap_layout_resolve(const struct cap_types *t, const struct cap_layout_desc *d, void **ret,
		       char *missing, size_t size);
const struct cap_layouts *cap_types_layouts(const struct cap_types *t);

/* ---- pages read lately (page_cache.c) ---- */

enum { CAP_PAGE_SHIFT = 12 };
struct cap_page_cache;
int cap_page_cache_create(const struct mem_source *mem, struct cap_page_cache **ret); /* -ENOMEM */
void cap_page_cache_free(struct cap_page_cache *c);
KT_DEFINE_AUTO(cap_page_cache, struct cap_page_cache *, cap_page_cache_free);
void cap_page_cache_forget(struct cap_page_cache *c);
/* Guest-physical memory; may cross pages. As mem_source.read_pa, but @buf may be filled in part on failure. */
int cap_read_pa(struct cap_page_cache *c, gpa_t gpa, void *buf, size_t len);

/* ---- page tables (pagetable.c) ---- */

struct cap_pgt {
	gpa_t root;
	unsigned levels; /* 4, 5; 0: no page tables are known */
};
/* What a page-table root in cr3 is without its flags. */
gpa_t cap_pgt_of_cr3(uint64_t cr3);
/* 0; -EFAULT: not mapped, or no RAM where a table should be; -ENODATA; -EINVAL: not canonical. */
int cap_pgt_walk(struct cap_page_cache *c, const struct cap_pgt *pgt, gva_t va, gpa_t *ret);
/*
 * The first page from @from on, before @end, that is mapped: holes are passed over by the table, not by the page. -ENOENT.
 * Looks at no more tables than there can be between the two; callers bound the distance.
 */
int cap_pgt_next(struct cap_page_cache *c, const struct cap_pgt *pgt, gva_t from, gva_t end,
		 gva_t *ret);

/* ---- where a kernel is (kernel_space.c) ---- */

#define CAP_KERNEL_MAP UINT64_C(0xffffffff80000000)
/* How kernel addresses become physical ones, without a cache. [from, to) each; empty: unknown. */
struct cap_kernel_space {
	uint64_t image_from, image_to, image_to_pa; /* pa = va + image_to_pa, modulo 2^64 */
	uint64_t direct_from, direct_to; /* pa = va - direct_from */
	struct cap_pgt pgt;
};
/*
 * Finds it from symbols, phys_base and registers, and looks whether the kernel is there. 0, also when nothing is known of
 * it; KT_E_GUEST: the memory is not what the symbols say.
 */
int cap_kernel_space_find(const struct cap_guest_config *c, struct cap_page_cache *pages,
			  struct cap_kernel_space *ret, struct kt_err *e);
int cap_kernel_space_translate(const struct cap_kernel_space *s, struct cap_page_cache *pages,
			       gva_t va, gpa_t *ret);

/* ---- CPUs (percpu.c) ---- */

/* As cap_guest_cpus(), looked up anew. */
unsigned cap_count_cpus(struct cap_guest *g);

#endif
