/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recording in a file: what was read of guest memory, to be read again without the machine.
 *
 *   struct image_header
 *   nr_pieces of struct image_piece    where RAM was, ascending
 *   nr_pages of uint64_t               guest frame numbers of the pages that follow, ascending
 *   nr_pages of VM_IMAGE_PAGE bytes    the pages
 *   notes_bytes of text                what is not memory; its writer's own, without a NUL
 *
 * All little-endian; the file ends with the notes. A loaded file may come from anywhere: every number in it is
 * checked, and what it costs is bounded by its own length, but for cores of images that have all of RAM: these are as long
 * as that was, and sparse.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "vmm/image.h"

static const char magic[8] = { 'k', 't', 's', 't', 'r', 'i', 'm', 'g' };
enum { FORMAT_VERSION = 2, NOTES_MAX = 16 << 20 };

struct image_header {
	char magic[8];
	uint32_t version;
	uint32_t page_bytes;
	uint32_t nr_pieces;
	uint32_t notes_bytes;
	uint64_t nr_pages;
};
struct image_piece {
	uint64_t gpa;
	uint64_t len;
	uint32_t node;
	uint32_t flags;
};
enum { PIECE_WHOLE = 1 << 0 }; /* pages of it that are not in the file are zeros */
_Static_assert(sizeof(struct image_header) == 32, "part of the format");
_Static_assert(sizeof(struct image_piece) == 24, "part of the format");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are written as they are");

/* What a machine has. */
#define RAM_MAX (UINT64_C(1024) * VM_GIB)
#define FILE_MAX \
	(sizeof(struct image_header) + VM_PIECES_MAX * sizeof(struct image_piece) + \
	 VM_IMAGE_PAGES_MAX * (sizeof(uint64_t) + VM_IMAGE_PAGE) + NOTES_MAX)

/* ---- writing ---- */

void vm_image_each_page(const struct vm_image *i,
			void (*fn)(void *ctx, gpa_t gpa, const void *page), void *ctx)
{
	const struct vm_image_pages *p = &i->pages;

	for (size_t k = 0; k < p->nr_pieces; k++) {
		const struct vm_image_piece *piece = &p->piece[k];

		for (uint64_t n = 0; n < piece->len / VM_IMAGE_PAGE; n++) {
			const uint8_t *page = vm_image_page(p, piece->first_page + n);

			if (page)
				fn(ctx, (gpa_t){ piece->gpa.v + n * VM_IMAGE_PAGE }, page);
		}
	}
}

static void add_gfn(void *ctx, gpa_t gpa, const void *page)
{
	uint64_t gfn = gpa.v / VM_IMAGE_PAGE;

	(void)page;
	kt_buf_add(ctx, &gfn, sizeof(gfn));
}

static void add_page(void *ctx, gpa_t gpa, const void *page)
{
	(void)gpa;
	kt_buf_add(ctx, page, VM_IMAGE_PAGE);
}

static void add_pieces(struct kt_buf *b, const struct vm_image_pages *p)
{
	for (size_t k = 0; k < p->nr_pieces; k++) {
		const struct image_piece piece = {
			.gpa = p->piece[k].gpa.v,
			.len = p->piece[k].len,
			.node = p->piece[k].node,
			.flags = p->piece[k].whole ? PIECE_WHOLE : 0,
		};

		kt_buf_add(b, &piece, sizeof(piece));
	}
}

static int check_sizes(const struct vm_image *i, size_t notes_bytes, const char *path,
		       struct kt_err *e)
{
	if (i->pages.nr_kept > VM_IMAGE_PAGES_MAX)
		return kt_fail(e, KT_E_HOST, EFBIG,
			       "save %" PRIu64 " MiB of guest memory to '%s' (at most %" PRIu64
			       " MiB)",
			       vm_image_bytes(i) / VM_MIB, path,
			       (uint64_t)(VM_IMAGE_PAGES_MAX * VM_IMAGE_PAGE / VM_MIB));
	if (notes_bytes > NOTES_MAX)
		return kt_fail(e, KT_E_HOST, EFBIG,
			       "save %zu bytes of notes with guest memory to '%s' (at most %d)",
			       notes_bytes, path, NOTES_MAX);
	return 0;
}

int vm_image_save(const struct vm_image *i, const char *notes, const char *path, struct kt_err *e)
{
	const struct vm_image_pages *p = &i->pages;
	size_t notes_bytes = notes ? strlen(notes) : 0;
	const struct image_header h = {
		.magic = { 'k', 't', 's', 't', 'r', 'i', 'm', 'g' },
		.version = FORMAT_VERSION,
		.page_bytes = VM_IMAGE_PAGE,
		.nr_pieces = (uint32_t)p->nr_pieces,
		.notes_bytes = (uint32_t)notes_bytes,
		.nr_pages = p->nr_kept,
	};
	kt_auto(buf) struct kt_buf b = { 0 };
	int r = check_sizes(i, notes_bytes, path, e);

	if (r < 0)
		return r;
	kt_buf_add(&b, &h, sizeof(h));
	add_pieces(&b, p);
	vm_image_each_page(i, add_gfn, &b);
	vm_image_each_page(i, add_page, &b);
	if (notes)
		kt_buf_add(&b, notes, notes_bytes);
	if (!kt_buf_ok(&b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "save guest memory to '%s'", path);
	return kt_context(e, kt_file_write_atomic(path, b.data, b.len, 0644, e),
			  "save guest memory");
}

/* ---- reading ---- */

struct reader {
	const char *path;
	const struct kt_buf *file;
	size_t at;
	struct kt_err *e;
};

static int __attribute__((format(printf, 2, 3))) bad(struct reader *r, const char *fmt, ...)
{
	char what[128];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap); /* ours, and short */
	va_end(ap);
	return kt_fail(r->e, KT_E_HOST, 0, "'%s' is no recording of guest memory: %s", r->path,
		       what);
}

static int take(struct reader *r, void *out, size_t len, const char *what)
{
	if (len > r->file->len - r->at)
		return bad(r, "it ends within its %s", what);
	memcpy(out, r->file->data + r->at, len);
	r->at += len;
	return 0;
}

static int take_header(struct reader *r, struct image_header *ret)
{
	struct image_header h = { 0 };
	uint64_t rest;
	int n = take(r, &h, sizeof(h), "header");

	if (n < 0)
		return n;
	if (memcmp(h.magic, magic, sizeof(magic)) != 0)
		return bad(r, "it does not begin as one");
	if (h.version != FORMAT_VERSION)
		return bad(r, "its version is %" PRIu32 ", not %d", h.version, FORMAT_VERSION);
	if (h.page_bytes != VM_IMAGE_PAGE)
		return bad(r, "its pages are of %" PRIu32 " bytes", h.page_bytes);
	if (h.nr_pieces == 0 || h.nr_pieces > VM_PIECES_MAX)
		return bad(r, "it has %" PRIu32 " pieces of RAM", h.nr_pieces);
	if (h.notes_bytes > NOTES_MAX)
		return bad(r, "it has %" PRIu32 " bytes of notes", h.notes_bytes);
	rest = r->file->len - sizeof(h);
	if (h.nr_pages > VM_IMAGE_PAGES_MAX ||
	    rest != h.nr_pieces * sizeof(struct image_piece) +
			    h.nr_pages * (sizeof(uint64_t) + VM_IMAGE_PAGE) + h.notes_bytes)
		return bad(r, "%" PRIu64 " pages do not make %zu bytes", h.nr_pages, r->file->len);
	*ret = h;
	return 0;
}

static int take_pieces(struct reader *r, uint32_t nr, struct vm_image_pages *p)
{
	for (uint32_t k = 0; k < nr; k++) {
		struct image_piece piece = { 0 };
		int n = take(r, &piece, sizeof(piece), "list of RAM");

		if (n < 0)
			return n;
		if (piece.flags & ~(uint32_t)PIECE_WHOLE || piece.node >= KT_TOPO_NODES_MAX ||
		    piece.len > RAM_MAX ||
		    vm_image_add_piece(p, &(struct vm_ram){ .gpa = { piece.gpa },
							    .len = piece.len,
							    .node = piece.node }) < 0 ||
		    p->nr_ram_pages > RAM_MAX / VM_IMAGE_PAGE)
			return bad(r, "0x%" PRIx64 " bytes at gpa 0x%016" PRIx64 " are no RAM",
				   piece.len, piece.gpa);
		p->piece[p->nr_pieces - 1].whole = piece.flags & PIECE_WHOLE;
	}
	if (vm_image_pages_init(p) < 0)
		return kt_fail(r->e, KT_E_HOST, ENOMEM, "load guest memory from '%s'", r->path);
	return 0;
}

/* The pages stay where they are in the file's bytes. */
static int take_pages(struct reader *r, uint64_t nr, struct vm_image_pages *p)
{
	uint8_t *page = (uint8_t *)r->file->data + r->at + nr * sizeof(uint64_t);
	uint64_t gfn = 0, floor = 0;

	for (uint64_t k = 0; k < nr; k++, page += VM_IMAGE_PAGE, floor = gfn + 1) {
		const struct vm_image_piece *piece = NULL;
		int n = take(r, &gfn, sizeof(gfn), "list of pages");

		if (n < 0)
			return n;
		if (gfn >= floor && gfn <= UINT64_MAX / VM_IMAGE_PAGE)
			piece = vm_image_find(p, gfn * VM_IMAGE_PAGE);
		if (!piece)
			return bad(r, "page 0x%" PRIx64 " is out of order or no RAM", gfn);
		if (vm_image_place(p, piece->first_page + gfn - piece->gpa.v / VM_IMAGE_PAGE,
				   page) < 0)
			return kt_fail(r->e, KT_E_HOST, ENOMEM, "load guest memory from '%s'",
				       r->path);
	}
	return 0;
}

/* The last of the file, behind which there is the NUL that every kt_buf ends with. */
static int take_notes(struct reader *r, uint32_t len, const char **ret)
{
	const char *notes = r->file->data + r->file->len - len;

	if (memchr(notes, '\0', len))
		return bad(r, "its notes are no text");
	*ret = notes;
	return 0;
}

int vm_image_parse(struct kt_buf *file, const char *path, struct vm_image **ret, struct kt_err *e)
{
	kt_auto(vm_image) struct vm_image *i = calloc(1, sizeof(*i));
	struct reader r = { .path = path, .file = file, .e = e };
	struct image_header h = { 0 };
	int n;

	if (!i)
		return kt_fail(e, KT_E_HOST, ENOMEM, "load guest memory from '%s'", path);
	i->kind = VM_IMAGE_RECORD;
	i->sealed = true;
	i->child.pidfd = -1;
	n = take_header(&r, &h);
	if (n == 0)
		n = take_pieces(&r, h.nr_pieces, &i->pages);
	if (n == 0)
		n = take_pages(&r, h.nr_pages, &i->pages);
	if (n == 0)
		n = take_notes(&r, h.notes_bytes, &i->notes);
	if (n < 0)
		return n;
	i->file = *file;
	*file = (struct kt_buf){ 0 };
	*ret = kt_take(i);
	return 0;
}

int vm_image_load(const char *path, struct vm_image **ret, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf file = { 0 };
	int r = kt_file_read(path, FILE_MAX, &file, e);

	if (r < 0)
		return kt_context(e, r, "load guest memory");
	return vm_image_parse(&file, path, ret, e);
}
