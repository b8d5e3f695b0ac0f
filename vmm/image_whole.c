/* SPDX-License-Identifier: GPL-2.0-only */
/* All of a machine's memory in an image: for debuggers, which read more than any capture does. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmm/image.h"

/* One run of RAM that is being kept. */
struct keeping {
	struct vm_image *image;
	const struct vm_image_piece *piece;
	int fd; /* of the memory file that it is in, -1: none */
	uint64_t offset; /* of its begin there */
};

static bool is_zeros(const uint8_t *page)
{
	/* The first byte is zero, and each of the others is as the one before. */
	return page[0] == 0 && memcmp(page, page + 1, VM_IMAGE_PAGE - 1) == 0;
}

static int keep_page(const struct keeping *k, uint64_t at)
{
	struct vm_image_pages *pages = &k->image->pages;
	uint64_t n = k->piece->first_page + at / VM_IMAGE_PAGE;
	const uint8_t *host = k->piece->host + at;
	uint8_t *page;
	int r = 0;

	if (vm_image_page(pages, n))
		return 0;
	if (k->image->kind == VM_IMAGE_RECORD && is_zeros(host))
		return 0;
	if (pages->nr_kept >= VM_IMAGE_PAGES_MAX)
		return -EFBIG;
	page = vm_image_keep(pages, n);
	if (!page)
		return -ENOMEM;
	if (k->image->kind == VM_IMAGE_FORK)
		r = vm_image_child_read(&k->image->child, host, page, VM_IMAGE_PAGE);
	else
		memcpy(page, host, VM_IMAGE_PAGE);
	if (r < 0 || is_zeros(page))
		vm_image_drop_last(pages, n);
	return r;
}

/*
 * Where the data that begins at or behind @at begins, and where that ends. Reading a hole of a memory file would fill
 * it: what the guest never touched would become memory of the host.
 */
static int find_data(const struct keeping *k, uint64_t at, uint64_t *ret, uint64_t *ret_end)
{
	off_t from, to;

	*ret = at;
	*ret_end = k->piece->len;
	if (k->fd < 0)
		return 0;
	from = lseek(k->fd, (off_t)(k->offset + at), SEEK_DATA);
	if (from < 0 && errno == ENXIO) {
		*ret = k->piece->len; /* there is none */
		return 0;
	}
	if (from < 0)
		return -errno;
	to = lseek(k->fd, from, SEEK_HOLE);
	if (to < 0)
		return -errno;
	*ret = (uint64_t)from - k->offset;
	if ((uint64_t)to - k->offset < *ret_end)
		*ret_end = (uint64_t)to - k->offset;
	return 0;
}

static int keep_piece(const struct keeping *k)
{
	uint64_t end = 0;
	int r;

	for (uint64_t at = 0; at < k->piece->len; at = end) {
		r = find_data(k, at, &at, &end);
		for (at -= at % VM_IMAGE_PAGE; r == 0 && at < end; at += VM_IMAGE_PAGE)
			r = keep_page(k, at);
		if (r < 0)
			return r;
	}
	return 0;
}

int vm_image_keep_all(struct vm_image *i, const struct vm *vm)
{
	const struct vm_ram *ram;
	size_t nr = vm_ram_pieces(vm, &ram);
	int r;

	if (i->sealed || nr != i->pages.nr_pieces)
		return -EINVAL;
	for (size_t n = 0; n < nr; n++) {
		struct keeping k = {
			.image = i,
			.piece = &i->pages.piece[n],
			.fd = vm->memory.fd[ram[n].node],
			.offset = ram[n].offset,
		};

		r = keep_piece(&k);
		if (r < 0)
			return r;
	}
	for (size_t n = 0; n < nr; n++)
		i->pages.piece[n].whole = true;
	return 0;
}

bool vm_image_whole(const struct vm_image *i, size_t n, struct vm_ram *ret)
{
	const struct vm_image_pages *p = &i->pages;

	for (size_t k = 0; k < p->nr_pieces; k++) {
		if (!p->piece[k].whole)
			return false;
	}
	if (n >= p->nr_pieces)
		return false;
	*ret = (struct vm_ram){
		.gpa = p->piece[n].gpa,
		.len = p->piece[n].len,
		.node = p->piece[n].node,
	};
	return true;
}
