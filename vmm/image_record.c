/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages of guest memory, each kept once, found by their number. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/image.h"

/*
 * New memory is most of what a recording costs, and it is paid for while the guest stands: 0.8 us for each 4 KiB that is
 * touched, half of that when many are asked for at once, 0.15 us in huge pages (a virtual machine's kernel, 6.18). So
 * the first chunk, enough for a short walk, comes populated, and the others in huge pages.
 */
#define HUGE_PAGE (2 * VM_MIB)
#define CHUNK_FIRST (256 * VM_KIB)
#define CHUNK_SECOND HUGE_PAGE
#define CHUNK_MAX (8 * HUGE_PAGE)

struct vm_image_chunk {
	struct vm_image_chunk *next; /* the one before */
	void *map;
	size_t map_bytes;
	size_t used, size; /* of bytes[] */
	_Alignas(64) uint8_t bytes[];
};

int vm_image_add_piece(struct vm_image_pages *p, const struct vm_ram *ram)
{
	uint64_t end, floor = 0;

	if (p->nr_pieces) {
		const struct vm_image_piece *last = &p->piece[p->nr_pieces - 1];

		floor = last->gpa.v + last->len;
	}
	if (p->nr_pieces == VM_PIECES_MAX || ram->len == 0 || ram->gpa.v < floor ||
	    ram->gpa.v % VM_IMAGE_PAGE || ram->len % VM_IMAGE_PAGE ||
	    __builtin_add_overflow(ram->gpa.v, ram->len, &end))
		return -EINVAL;
	p->piece[p->nr_pieces++] = (struct vm_image_piece){
		.gpa = ram->gpa,
		.len = ram->len,
		.host = ram->host,
		.first_page = p->nr_ram_pages,
		.node = ram->node,
	};
	p->nr_ram_pages += ram->len / VM_IMAGE_PAGE;
	return 0;
}

int vm_image_pages_init(struct vm_image_pages *p)
{
	/* One pointer for 256 KiB of RAM, from the kernel and untouched, so it costs what is used of it. */
	p->leaf = calloc(p->nr_ram_pages / VM_IMAGE_LEAF + 1, sizeof(*p->leaf));
	return p->leaf ? 0 : -ENOMEM;
}

void vm_image_pages_done(struct vm_image_pages *p)
{
	while (p->chunks) {
		struct vm_image_chunk *c = p->chunks;

		p->chunks = c->next;
		(void)munmap(c->map, c->map_bytes); /* ours: cannot fail */
	}
	free(p->leaf);
	p->leaf = NULL;
	p->nr_kept = 0;
}

const struct vm_image_piece *vm_image_find(const struct vm_image_pages *p, uint64_t gpa)
{
	for (size_t i = 0; i < p->nr_pieces; i++) {
		const struct vm_image_piece *at = &p->piece[i];

		if (gpa >= at->gpa.v && gpa - at->gpa.v < at->len)
			return at;
	}
	return NULL;
}

uint8_t *vm_image_page(const struct vm_image_pages *p, uint64_t n)
{
	uint8_t **leaf = p->leaf[n / VM_IMAGE_LEAF];

	return leaf ? leaf[n % VM_IMAGE_LEAF] : NULL;
}

/* At a multiple of @align; what is before and after is never touched. */
static struct vm_image_chunk *map_chunk(size_t bytes, size_t align, int flags)
{
	size_t map_bytes = bytes + align;
	uint8_t *map = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
	struct vm_image_chunk *c;

	if (map == MAP_FAILED)
		return NULL;
	c = (void *)(map + (align ? -(uintptr_t)map & (align - 1) : 0));
	if (align)
		(void)madvise(c, bytes, MADV_HUGEPAGE); /* slower without, no more */
	c->map = map;
	c->map_bytes = map_bytes;
	c->used = 0;
	c->size = bytes - sizeof(*c);
	return c;
}

static struct vm_image_chunk *add_chunk(struct vm_image_pages *p)
{
	struct vm_image_chunk *c;
	size_t bytes;

	if (!p->chunks) {
		c = map_chunk(CHUNK_FIRST, 0, MAP_POPULATE);
	} else {
		bytes = 2 * (p->chunks->size + sizeof(*p->chunks));
		if (bytes < CHUNK_SECOND)
			bytes = CHUNK_SECOND;
		if (bytes > CHUNK_MAX)
			bytes = CHUNK_MAX;
		c = map_chunk(bytes, HUGE_PAGE, 0);
	}
	if (!c)
		return NULL;
	c->next = p->chunks;
	p->chunks = c;
	return c;
}

/* A multiple of 64 bytes. */
static void *cut(struct vm_image_pages *p, size_t bytes)
{
	struct vm_image_chunk *c = p->chunks;
	void *ret;

	if (!c || c->size - c->used < bytes)
		c = add_chunk(p);
	if (!c)
		return NULL;
	ret = c->bytes + c->used;
	c->used += bytes;
	return ret;
}

/* The leaf for page number @n, made if need be. NULL: out of memory. */
static uint8_t **leaf_of(struct vm_image_pages *p, uint64_t n)
{
	uint8_t ***leaf = &p->leaf[n / VM_IMAGE_LEAF];

	if (!*leaf) {
		*leaf = cut(p, VM_IMAGE_LEAF * sizeof(**leaf));
		if (*leaf)
			memset(*leaf, 0, VM_IMAGE_LEAF * sizeof(**leaf));
	}
	return *leaf;
}

int vm_image_place(struct vm_image_pages *p, uint64_t n, uint8_t *page)
{
	uint8_t **leaf = leaf_of(p, n);

	if (!leaf)
		return -ENOMEM;
	leaf[n % VM_IMAGE_LEAF] = page;
	p->nr_kept++;
	return 0;
}

uint8_t *vm_image_keep(struct vm_image_pages *p, uint64_t n)
{
	uint8_t **leaf = leaf_of(p, n);
	uint8_t *page = leaf ? cut(p, VM_IMAGE_PAGE) : NULL;

	if (!page)
		return NULL;
	leaf[n % VM_IMAGE_LEAF] = page;
	p->nr_kept++;
	return page;
}

void vm_image_drop_last(struct vm_image_pages *p, uint64_t n)
{
	p->leaf[n / VM_IMAGE_LEAF][n % VM_IMAGE_LEAF] = NULL;
	p->chunks->used -= VM_IMAGE_PAGE; /* the last that was cut */
	p->nr_kept--;
}
