/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory of a frozen machine, kept while it goes on: a recording, or a forked process. */
#include "vmm/image.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/*
 * What a capture costs the guest, in ns for each page of 4 KiB (docs/performance.md has the measurements). A recording:
 * what is walked is copied into new memory. A fork: page tables of all that is resident are; and then the guest copies
 * pages that it writes as long as the child lives, from next to nothing to what 80 ms are worth. That is not known
 * beforehand; the allowance is between what guests that write 256 KiB and 64 MiB all the time were seen to lose.
 */
enum {
	RECORD_PAGE_NS = 1100,
	FORK_PAGE_IN_HUGE_NS = 3,
	FORK_PAGE_NS = 45,
	FORK_WRITES_NS = 10000000,
};

static uint64_t fork_ns(void)
{
	bool never = false;
	uint64_t pages = 0;
	char text[128];

	/* "size resident shared ..." in pages; unreadable, it is as if all were cheap */
	if (kt_file_read_small("/proc/self/statm", text, sizeof(text)) > 0)
		(void)sscanf(text, "%*u %" SCNu64, &pages);
	if (kt_file_read_small("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text)) >
	    0)
		never = strstr(text, "[never]");
	return FORK_WRITES_NS + pages * (never ? FORK_PAGE_NS : FORK_PAGE_IN_HUGE_NS);
}

enum vm_image_kind vm_image_prefer(const struct vm *vm, uint64_t walk_bytes)
{
	if (vm->memory.kind != VM_RAM_PRIVATE)
		return VM_IMAGE_RECORD;
	return walk_bytes / VM_IMAGE_PAGE > fork_ns() / RECORD_PAGE_NS ? VM_IMAGE_FORK
								       : VM_IMAGE_RECORD;
}

/* In place of the child that was asked for. */
static void __attribute__((format(printf, 2, 3)))
record_because(struct vm_image *i, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(i->why, sizeof(i->why), fmt, ap); /* cut is fine */
	va_end(ap);
	i->kind = VM_IMAGE_RECORD;
}

static void start_child(struct vm_image *i, enum vm_ram_kind ram)
{
	int r;

	switch (ram) {
	case VM_RAM_SHARED:
		record_because(i, "recording instead of a fork: guest memory is shared with the "
				  "emulator, a copy would change with it");
		return;
	case VM_RAM_HUGETLB:
		/* Without a spare page, a write by the guest takes it away from the child (unmap_ref_private(), mm/hugetlb.c). */
		record_because(i, "recording instead of a fork: guest memory is of the host's pool "
				  "of huge pages, which may have none for copies");
		return;
	case VM_RAM_PRIVATE:
		break;
	}
	r = vm_image_fork(&i->child);
	if (r == -EPERM)
		record_because(i, "recording instead of a fork: this process may not read its "
				  "child (kernel.yama.ptrace_scope, or a sandbox)");
	else if (r < 0)
		record_because(i, "recording instead of a fork: %s", strerror(-r));
}

int vm_image_create(struct vm *vm, enum vm_image_kind kind, struct vm_image **ret, struct kt_err *e)
{
	kt_auto(vm_image) struct vm_image *i = calloc(1, sizeof(*i));
	const struct vm_ram *ram;
	size_t nr = vm_ram_pieces(vm, &ram);

	if (!i)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate an image of guest memory");
	i->kind = kind;
	i->child.pidfd = -1;
	for (size_t n = 0; n < nr; n++) {
		if (vm_image_add_piece(&i->pages, &ram[n]) < 0)
			return kt_fail(e, KT_E_INTERNAL, EINVAL,
				       "RAM at gpa 0x%016llx is not of whole pages in order",
				       (unsigned long long)ram[n].gpa.v);
	}
	if (vm_image_pages_init(&i->pages) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate an image of guest memory");
	if (kind == VM_IMAGE_FORK)
		start_child(i, vm->memory.kind);
	*ret = kt_take(i);
	return 0;
}

void vm_image_free(struct vm_image *i)
{
	int saved = errno;

	if (i) {
		vm_image_child_done(&i->child);
		vm_image_pages_done(&i->pages);
		kt_buf_done(&i->file);
		free(i);
	}
	errno = saved;
}

enum vm_image_kind vm_image_kind(const struct vm_image *i)
{
	return i->kind;
}

const char *vm_image_why(const struct vm_image *i)
{
	return i->why;
}

const char *vm_image_notes(const struct vm_image *i)
{
	return i->notes ? i->notes : "";
}

void vm_image_seal(struct vm_image *i)
{
	if (i->kind == VM_IMAGE_RECORD)
		i->sealed = true;
}

/* The page with number @n of @piece, from where it still is. */
static int fetch(struct vm_image *i, const struct vm_image_piece *piece, uint64_t n, uint8_t **ret)
{
	const uint8_t *host;
	uint8_t *page;
	int r = 0;

	if (i->sealed)
		return -ENODATA;
	page = vm_image_keep(&i->pages, n);
	if (!page)
		return -ENOMEM;
	host = piece->host + (n - piece->first_page) * VM_IMAGE_PAGE;
	if (i->kind == VM_IMAGE_FORK)
		r = vm_image_child_read(&i->child, host, page, VM_IMAGE_PAGE);
	else
		memcpy(page, host, VM_IMAGE_PAGE);
	if (r < 0) {
		vm_image_drop_last(&i->pages, n);
		return r;
	}
	*ret = page;
	return 0;
}

/*
 * The kept bytes at @gpa, fetched if need be; *ret_len is how many follow in its page. -EFAULT: not RAM.
 */
static int look_at(struct vm_image *i, uint64_t gpa, const uint8_t **ret, size_t *ret_len)
{
	static const uint8_t zeros[VM_IMAGE_PAGE];
	const struct vm_image_piece *piece = vm_image_find(&i->pages, gpa);
	size_t in_page = gpa % VM_IMAGE_PAGE;
	uint8_t *page;
	uint64_t n;
	int r;

	if (!piece)
		return -EFAULT;
	n = piece->first_page + (gpa - piece->gpa.v) / VM_IMAGE_PAGE;
	page = vm_image_page(&i->pages, n);
	if (!page && !piece->whole) {
		r = fetch(i, piece, n, &page);
		if (r < 0)
			return r;
	}
	*ret = (page ? page : zeros) + in_page;
	*ret_len = VM_IMAGE_PAGE - in_page;
	return 0;
}

/* Nothing is fetched, or reported missing, of a range that is partly outside. */
static int check_range(const struct vm_image *i, uint64_t gpa, size_t len)
{
	if (len && gpa > UINT64_MAX - (len - 1))
		return -EFAULT;
	while (len) {
		const struct vm_image_piece *piece = vm_image_find(&i->pages, gpa);
		uint64_t rest;

		if (!piece)
			return -EFAULT;
		rest = piece->len - (gpa - piece->gpa.v);
		if (rest >= len)
			return 0;
		gpa += rest;
		len -= (size_t)rest;
	}
	return 0;
}

int vm_image_read(struct vm_image *i, gpa_t gpa, void *buf, size_t len)
{
	const uint8_t *from;
	size_t rest = 0;
	int r = check_range(i, gpa.v, len);

	/* All of it is here before the first byte is copied: on failure @buf is as it was. */
	for (size_t at = 0; at < len && r == 0; at += rest)
		r = look_at(i, gpa.v + at, &from, &rest);
	if (r < 0)
		return r;
	for (size_t at = 0, n; at < len; at += n) {
		r = look_at(i, gpa.v + at, &from, &rest);
		if (r < 0)
			return r; /* cannot be: it was there */
		n = rest < len - at ? rest : len - at;
		memcpy((uint8_t *)buf + at, from, n);
	}
	return 0;
}

uint64_t vm_image_bytes(const struct vm_image *i)
{
	return i->pages.nr_kept * VM_IMAGE_PAGE;
}
