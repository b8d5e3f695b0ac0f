/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a recording in a file: an image that can be read everywhere, or one error. To get past the check of its
 * length, an input that begins as one is made as long as it says, if that is not much.
 */
#include <errno.h>
#include <stdint.h>

#include "vmm/image.h"

enum {
	NR_PIECES_AT = 16,
	NOTES_BYTES_AT = 20,
	NR_PAGES_AT = 24,
	HEADER = 32,
	PIECE = 24,
	FUZZ_PAGES_MAX = 4,
	FUZZ_NOTES_MAX = 4096,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

/* The numbers of the input, then zero pages, and notes of whatever byte the input ends with. */
static void pad(struct kt_buf *file)
{
	static const uint8_t page[VM_IMAGE_PAGE];
	uint64_t nr_pages, want;
	uint32_t nr_pieces, notes_bytes;
	char last;

	if (file->len < HEADER)
		return;
	memcpy(&nr_pages, file->data + NR_PAGES_AT, sizeof(nr_pages));
	memcpy(&nr_pieces, file->data + NR_PIECES_AT, sizeof(nr_pieces));
	memcpy(&notes_bytes, file->data + NOTES_BYTES_AT, sizeof(notes_bytes));
	last = file->data[file->len - 1];
	if (nr_pages > FUZZ_PAGES_MAX || nr_pieces > VM_PIECES_MAX || notes_bytes > FUZZ_NOTES_MAX)
		return;
	want = HEADER + nr_pieces * (uint64_t)PIECE + nr_pages * (8 + VM_IMAGE_PAGE);
	while (file->len < want) {
		uint64_t rest = want - file->len;

		kt_buf_add(file, page, rest < sizeof(page) ? (size_t)rest : sizeof(page));
	}
	while (file->len < want + notes_bytes && kt_buf_ok(file))
		kt_buf_addc(file, last);
}

static void read_everywhere(struct vm_image *i)
{
	static uint8_t buf[3 * VM_IMAGE_PAGE];
	static const size_t lens[] = { 1, 8, VM_IMAGE_PAGE, sizeof(buf) };

	for (size_t k = 0; k < i->pages.nr_pieces; k++) {
		const struct vm_image_piece *p = &i->pages.piece[k];
		const uint64_t at[] = { p->gpa.v - 1, p->gpa.v, p->gpa.v + p->len - 1,
					p->gpa.v + p->len / 2, p->gpa.v + p->len };

		for (size_t n = 0; n < sizeof(at) / sizeof(at[0]) * 4; n++) {
			int r = vm_image_read(i, (gpa_t){ at[n / 4] }, buf, lens[n % 4]);

			check(r == 0 || r == -ENODATA || r == -EFAULT, "a read");
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kt_auto(buf) struct kt_buf file = { 0 };
	kt_auto(vm_image) struct vm_image *i = NULL;
	struct kt_err e = { 0 };
	int r;

	kt_buf_add(&file, data, size);
	pad(&file);
	check(kt_buf_ok(&file), "memory");
	r = vm_image_parse(&file, "f", &i, &e);
	check((r == 0) == (i != NULL), "the result");
	check(r == 0 || (r == -EINVAL && e.kind == KT_E_HOST), "the error");
	if (!i)
		return 0;
	check(strlen(vm_image_notes(i)) <= size + FUZZ_NOTES_MAX, "the notes");
	check(vm_image_bytes(i) <= size + FUZZ_PAGES_MAX * VM_IMAGE_PAGE, "more than there is");
	read_everywhere(i);
	return 0;
}
