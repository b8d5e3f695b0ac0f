/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of an image: the pages that were read of it, the process that holds the rest, and its file. */
#ifndef KTSTR_VMM_IMAGE_H
#define KTSTR_VMM_IMAGE_H

#include <sys/types.h>

#include "vmm/internal.h"

enum { VM_IMAGE_PAGE = 4096 };
/* Of a file. Far above what a walk of a scheduler touches, enough for all that a test's guest writes to. */
#define VM_IMAGE_PAGES_MAX (UINT64_C(4) * VM_GIB / VM_IMAGE_PAGE)

/* ---- pages kept here (image_record.c) ---- */

/* One run of RAM. Its pages are numbered on from those of the pieces before it, so that holes take no room below. */
struct vm_image_piece {
	gpa_t gpa;
	uint64_t len;
	const uint8_t *host; /* NULL: there is no memory behind it, only what was recorded */
	uint64_t first_page;
	unsigned node;
	bool whole; /* pages that are not kept are zeros */
};

struct vm_image_chunk;
/*
 * Which pages are kept, and where: a table by page number with small leaves, since the guest chooses which pages are
 * read, and could make any hash that is cheap enough slow.
 */
struct vm_image_pages {
	size_t nr_pieces;
	struct vm_image_piece piece[VM_PIECES_MAX];
	uint64_t nr_ram_pages;
	uint8_t ***leaf; /* leaf[n / VM_IMAGE_LEAF][n % VM_IMAGE_LEAF] */
	struct vm_image_chunk *chunks; /* what leaves and pages are cut from */
	uint64_t nr_kept;
};
enum { VM_IMAGE_LEAF = 64 };

/* Adds the next run of RAM; whole pages, above all before. -EINVAL: it is not. */
int vm_image_add_piece(struct vm_image_pages *p, const struct vm_ram *ram);
/* After the last piece. -ENOMEM. */
int vm_image_pages_init(struct vm_image_pages *p);
void vm_image_pages_done(struct vm_image_pages *p);
/* The piece that @gpa is in, NULL: not RAM. */
const struct vm_image_piece *vm_image_find(const struct vm_image_pages *p, uint64_t gpa);
/* The page kept for page number @n, NULL: none. */
uint8_t *vm_image_page(const struct vm_image_pages *p, uint64_t n);
/*
 * Room for page number @n, which has none; what is in it is for the caller to fill in, or to give back at once by
 * vm_image_drop_last(). NULL: out of memory, and all is as before.
 */
uint8_t *vm_image_keep(struct vm_image_pages *p, uint64_t n);
void vm_image_drop_last(struct vm_image_pages *p, uint64_t n);
/* @page, which is borrowed, is page number @n, which had none. -ENOMEM, and all is as before. */
int vm_image_place(struct vm_image_pages *p, uint64_t n, uint8_t *page);

/* ---- the process that holds guest memory (image_fork.c) ---- */

struct vm_image_child {
	int pidfd; /* -1: none */
	pid_t pid;
};
/* Leaf. Whatever it returns below 0, there is no child. */
int vm_image_fork(struct vm_image_child *ret);
/* Kills and reaps. Accepts { .pidfd = -1 }. */
void vm_image_child_done(struct vm_image_child *c);
/* Read @len bytes of what was at @host. 0; -ESRCH: it is gone; -EIO. */
int vm_image_child_read(const struct vm_image_child *c, const uint8_t *host, void *buf, size_t len);

/* ---- an image (image.c) ---- */

struct vm_image {
	enum vm_image_kind kind;
	bool sealed;
	struct vm_image_child child;
	struct vm_image_pages pages;
	struct kt_buf file; /* pages and notes of a loaded one are in it */
	const char *notes; /* NULL: it was not loaded */
	char why[160];
};

/* ---- its file (image_file.c) ---- */

/* As vm_image_load(), of bytes that were read already: @file is taken on success. @path is for messages. */
int vm_image_parse(struct kt_buf *file, const char *path, struct vm_image **ret, struct kt_err *e);

#endif
