/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files into guest RAM: the kernel, and the initrd.
 *
 * What mapping and reading cost (Debian's 7.3 cloud kernel, file in the page cache, RAM advised for huge pages; CPU time
 * of the process on a slow host, median of 9):
 *
 *                        read             mapped, then every page
 *                                         read            written         read, then written
 *   vmlinux, 57 MB       15 ms, 28 faults 1.8 ms, 870     26.6 ms, 13 916 38.8 ms, 14 786
 *   bzImage, 14 MB       2.9 ms, 7        0.4 ms, 198     5.7 ms, 3 403   9.2 ms, 3 601
 *   initrd, 4.3 MB       0.7 ms, 3        0.1 ms, 66      1.5 ms, 1 054   2.7 ms, 1 120
 *
 * The host maps 16 pages of a file at a fault, but KVM only the one that the guest touched, so that each page mapped is
 * an exit of the guest at its first read and another one at its first write; what was read into huge pages is one exit
 * in 2 MiB, and quicker for the guest ever after. Until init, the kernel above writes 40 % of its pages (the text by
 * patching: alternatives, ftrace), 6.12 with a minimal configuration 37 %. So a kernel is read: fewer faults and exits by
 * two orders, at the same host time. A packed kernel is read once from end to end: the 0.4 ms would come with 3 403 exits.
 * A kernel that was read may also be replaced by its owner while the machine runs. An initrd is shared by all cells of a
 * run, and mapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/internal.h"

#define PAGE UINT64_C(4096)

struct source {
	int fd;
	const char *path;
	bool map; /* where it can be */
	uint64_t copied;
};

static int read_part(struct source *s, uint8_t *to, uint64_t offset, uint64_t len, struct kt_err *e)
{
	for (uint64_t at = 0; at < len;) {
		ssize_t n = pread(s->fd, to + at, len - at, (off_t)(offset + at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kt_fail(e, KT_E_HOST, errno, "read '%s'", s->path);
		if (n == 0)
			return kt_fail(e, KT_E_HOST, EIO, "read '%s' at %llu", s->path,
				       (unsigned long long)(offset + at));
		at += (uint64_t)n;
		s->copied += (uint64_t)n;
	}
	return 0;
}

/* Whole pages. */
static int map_part(struct source *s, uint8_t *to, uint64_t offset, uint64_t len, struct kt_err *e)
{
	if (len == 0)
		return 0;
	if (mmap(to, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, s->fd,
		 (off_t)offset) == MAP_FAILED)
		return kt_fail(e, KT_E_HOST, errno, "map '%s' into guest memory", s->path);
	(void)madvise(to, len, MADV_DONTDUMP); /* as the rest of guest RAM */
	return 0;
}

/* Into one piece of RAM. Pages that the file has only a part of are read: what is beside it stays. */
static int load_part(struct source *s, uint8_t *to, uint64_t offset, uint64_t len, struct kt_err *e)
{
	uint64_t head = -(uintptr_t)to & (PAGE - 1), body;
	int r;

	if (!s->map || ((uintptr_t)to - offset) % PAGE != 0 || head >= len)
		return read_part(s, to, offset, len, e);
	body = (len - head) & ~(PAGE - 1);
	r = read_part(s, to, offset, head, e);
	if (r < 0)
		return r;
	r = map_part(s, to + head, offset + head, body, e);
	if (r < 0)
		return r;
	return read_part(s, to + head + body, offset + head + body, len - head - body, e);
}

static int check_source(const struct source *s, uint64_t offset, uint64_t len, struct kt_err *e)
{
	uint64_t end;
	struct stat st;

	if (fstat(s->fd, &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "look at '%s'", s->path);
	/* Touching a mapping past the end of its file is a SIGBUS. */
	if (__builtin_add_overflow(offset, len, &end) || end > (uint64_t)st.st_size)
		return kt_fail(e, KT_E_HOST, EIO, "'%s' has only %llu bytes, not %llu from %llu",
			       s->path, (unsigned long long)st.st_size, (unsigned long long)len,
			       (unsigned long long)offset);
	return 0;
}

int vm_ram_load_file(struct vm_memory *m, gpa_t gpa, int fd, const char *path, uint64_t offset,
		     uint64_t len, enum vm_load how, uint64_t *ret_copied, struct kt_err *e)
{
	struct source s = { .fd = fd,
			    .path = path,
			    .map = how == VM_LOAD_MAP && m->kind == VM_RAM_PRIVATE };
	uint8_t *to = NULL;
	uint64_t n;
	int r = check_source(&s, offset, len, e);

	if (r < 0)
		return r;
	if (!vm_ram_covers(m, gpa, len))
		return kt_fail(e, KT_E_GUEST, EFAULT,
			       "%llu bytes of '%s' at gpa 0x%016llx are not all in RAM",
			       (unsigned long long)len, path, (unsigned long long)gpa.v);
	for (uint64_t at = 0; at < len; at += n) {
		n = vm_ram_straight(m, (gpa_t){ gpa.v + at }, len - at, &to);
		r = load_part(&s, to, offset + at, n, e);
		if (r < 0)
			return r;
	}
	*ret_copied = s.copied;
	return 0;
}

static uint64_t extra_at(uint64_t base_bytes)
{
	return (base_bytes + 3) & ~UINT64_C(3);
}

uint64_t vm_initrd_bytes(uint64_t base_bytes, size_t extra_len)
{
	return extra_at(base_bytes) + extra_len;
}

/*
 * Archives follow each other at multiples of 4, with zeros between
 * (Documentation/driver-api/early-userspace/buffer-format.rst): what is not written of RAM is zero.
 */
int vm_ram_load_initrd(struct vm_memory *m, gpa_t gpa, const char *base, const void *extra,
		       size_t extra_len, uint64_t *ret_len, uint64_t *ret_copied, struct kt_err *e)
{
	kt_auto(fd) int fd = open(base, O_RDONLY | O_CLOEXEC);
	uint64_t bytes, at, tables_len, copied = 0;
	gpa_t tables = vm_layout_tables(&m->layout, &tables_len);
	struct stat st;
	int r;

	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open initramfs '%s'", base);
	if (fstat(fd, &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "look at '%s'", base);
	bytes = (uint64_t)st.st_size;
	at = extra_at(bytes);
	if (gpa.v > tables.v || at > tables.v - gpa.v || extra_len > tables.v - gpa.v - at)
		return kt_fail(
			e, KT_E_CONFIG, ENOSPC,
			"initramfs '%s' (%llu bytes, and %zu after it) does not fit between gpa 0x%llx and 0x%llx: "
			"give the machine more memory",
			base, (unsigned long long)bytes, extra_len, (unsigned long long)gpa.v,
			(unsigned long long)tables.v);
	r = vm_ram_load_file(m, gpa, fd, base, 0, bytes, VM_LOAD_INITRD, &copied, e);
	if (r < 0)
		return r;
	if (vm_ram_copy(m, (gpa_t){ gpa.v + at }, NULL, extra, extra_len) < 0)
		return kt_fail(e, KT_E_INTERNAL, EFAULT, "%zu bytes at gpa 0x%016llx are not RAM",
			       extra_len, (unsigned long long)(gpa.v + at));
	*ret_len = at + extra_len;
	*ret_copied = copied + extra_len;
	return 0;
}
