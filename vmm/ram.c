/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest RAM, and how files come into it; nothing of it outlives its users. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/internal.h"

#define HUGE_PAGE (2 * VM_MIB)

uint64_t vm_ram_mapped_bytes(const struct vm_memory *m, unsigned n)
{
	uint64_t bytes = m->layout.node_bytes[n];

	return m->kind == VM_RAM_HUGETLB ? (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1) : bytes;
}

void vm_ram_unmap(struct vm_memory *m)
{
	for (unsigned n = 0; n < m->nr; n++) {
		if (m->map[n])
			(void)munmap(m->map[n], vm_ram_mapped_bytes(m, n)); /* ours: cannot fail */
		m->map[n] = NULL;
		kt_cleanup_fd(&m->fd[n]);
		m->fd[n] = -1;
	}
	m->nr = 0;
}

/* A mapping of @bytes that starts at a multiple of a huge page: without one KVM maps guest memory 4 KiB at a time. */
static void *map_aligned(uint64_t bytes, int flags)
{
	uint8_t *map = mmap(NULL, bytes + HUGE_PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t skip;
	void *ret;

	if (map == MAP_FAILED)
		return MAP_FAILED;
	skip = -(uintptr_t)map & (HUGE_PAGE - 1);
	(void)munmap(map, skip); /* ours: cannot fail */
	(void)munmap(map + skip + bytes, HUGE_PAGE - skip);
	ret = mmap(map + skip, bytes, PROT_READ | PROT_WRITE, MAP_FIXED | flags, -1, 0);
	if (ret == MAP_FAILED)
		(void)munmap(map + skip, bytes);
	return ret;
}

static int map_private(struct vm_memory *m, unsigned n, struct kt_err *e)
{
	uint64_t bytes = vm_ram_mapped_bytes(m, n);
	/*
	 * Pages of the pool are reserved here: a lack of them is an error now, not a SIGBUS later. Of 2 MiB, whatever size
	 * the host has by default (default_hugepagesz=1G): mmap() would round the length up to that, over what is behind.
	 */
	int flags = m->kind == VM_RAM_HUGETLB ? MAP_HUGETLB | MAP_HUGE_2MB : MAP_NORESERVE;
	void *map = map_aligned(bytes, MAP_PRIVATE | MAP_ANONYMOUS | flags);

	if (map == MAP_FAILED)
		return kt_fail(e, KT_E_HOST, errno, "map %llu MiB of node %u",
			       (unsigned long long)(bytes / VM_MIB), n);
	m->map[n] = map;
	if (m->kind == VM_RAM_PRIVATE)
		(void)madvise(map, bytes, MADV_HUGEPAGE); /* slower without, no more */
	(void)madvise(map, bytes, MADV_DONTDUMP); /* a core file of ours has no use for the guest */
	return 0;
}

static int map_shared(struct vm_memory *m, unsigned n, struct kt_err *e)
{
	uint64_t bytes = m->layout.node_bytes[n];
	void *map;
	char name[32];

	(void)kt_snprintf(name, sizeof(name), "ktstr-node%u", n); /* fits; only a label in /proc */
	m->fd[n] = memfd_create(name, MFD_CLOEXEC);
	if (m->fd[n] < 0 || ftruncate(m->fd[n], (off_t)bytes) < 0)
		return kt_fail(e, KT_E_HOST, errno, "allocate %llu MiB for node %u",
			       (unsigned long long)(bytes / VM_MIB), n);
	/* Nobody commits to this memory: the guest touches what it uses. */
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, m->fd[n], 0);
	if (map == MAP_FAILED)
		return kt_fail(e, KT_E_HOST, errno, "map %llu MiB of node %u",
			       (unsigned long long)(bytes / VM_MIB), n);
	m->map[n] = map;
	(void)madvise(map, bytes, MADV_DONTDUMP);
	return 0;
}

static int map_node(struct vm_memory *m, unsigned n, struct kt_err *e)
{
	m->map[n] = NULL;
	m->fd[n] = -1;
	return m->kind == VM_RAM_SHARED ? map_shared(m, n, e) : map_private(m, n, e);
}

static int map_nodes(const struct vm_layout *l, enum vm_ram_kind kind, struct vm_memory *ret,
		     struct kt_err *e)
{
	struct vm_memory m = { .kind = kind, .layout = *l };
	int r;

	for (m.nr = 0; m.nr < l->nr_nodes;) {
		unsigned n = m.nr++;

		r = map_node(&m, n, e);
		if (r < 0) {
			vm_ram_unmap(&m);
			return r;
		}
	}
	for (size_t i = 0; i < m.layout.nr_pieces; i++)
		m.layout.piece[i].host = m.map[m.layout.piece[i].node] + m.layout.piece[i].offset;
	*ret = m;
	return 0;
}

int vm_ram_map(const struct vm_layout *l, enum vm_ram_kind kind, struct vm_memory *ret,
	       struct kt_err *e)
{
	if (kind == VM_RAM_HUGETLB) {
		if (map_nodes(l, kind, ret, NULL) == 0)
			return 0;
		kind = VM_RAM_PRIVATE;
	}
	return map_nodes(l, kind, ret, e);
}

/* The piece that holds @gpa, NULL: not RAM. */
static const struct vm_ram *find_piece(const struct vm_memory *m, uint64_t gpa)
{
	for (size_t i = 0; i < m->layout.nr_pieces; i++) {
		const struct vm_ram *p = &m->layout.piece[i];

		if (gpa >= p->gpa.v && gpa - p->gpa.v < p->len)
			return p;
	}
	return NULL;
}

void *vm_ram_buf(const struct vm_memory *m, gpa_t gpa, size_t len)
{
	const struct vm_ram *p = find_piece(m, gpa.v);

	if (!p || len > p->len - (gpa.v - p->gpa.v))
		return NULL;
	return p->host + (gpa.v - p->gpa.v);
}

uint64_t vm_ram_straight(const struct vm_memory *m, gpa_t gpa, uint64_t len, uint8_t **ret)
{
	const struct vm_ram *p = find_piece(m, gpa.v);
	uint64_t rest;

	if (!p)
		return 0;
	rest = p->len - (gpa.v - p->gpa.v);
	*ret = p->host + (gpa.v - p->gpa.v);
	return len < rest ? len : rest;
}

bool vm_ram_covers(const struct vm_memory *m, gpa_t gpa, uint64_t len)
{
	uint8_t *host = NULL;
	uint64_t n;

	if (len && gpa.v > UINT64_MAX - (len - 1))
		return false;
	for (uint64_t at = 0; at < len; at += n) {
		n = vm_ram_straight(m, (gpa_t){ gpa.v + at }, len - at, &host);
		if (n == 0)
			return false;
	}
	return true;
}

int vm_ram_copy(const struct vm_memory *m, gpa_t gpa, void *out, const void *in, size_t len)
{
	uint8_t *host = NULL;
	size_t n;

	if (!vm_ram_covers(m, gpa, len))
		return -EFAULT;
	for (size_t at = 0; at < len; at += n) {
		n = vm_ram_straight(m, (gpa_t){ gpa.v + at }, len - at, &host);
		if (n == 0)
			break; /* not after the check above */
		if (out)
			memcpy((uint8_t *)out + at, host, n);
		else
			memcpy(host, (const uint8_t *)in + at, n);
	}
	return 0;
}

int vm_file_size(const char *path, uint64_t *ret, struct kt_err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "look at '%s'", path);
	*ret = (uint64_t)st.st_size;
	return 0;
}

int vm_initrd_memfd(const char *base, const void *extra, size_t extra_len, int *ret_fd,
		    struct kt_err *e)
{
	kt_auto(fd) int from = open(base, O_RDONLY | O_CLOEXEC);
	kt_auto(fd) int fd = memfd_create("ktstr-initrd", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (from < 0)
		return kt_fail(e, KT_E_HOST, errno, "open initramfs '%s'", base);
	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "allocate the initrd");
	r = kt_copy_fd(from, fd);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "copy initramfs '%s' into memory", base);
	r = kt_write_all(fd, extra, extra_len);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "put %zu bytes after initramfs '%s'", extra_len,
			       base);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return kt_fail(e, KT_E_HOST, errno, "seal the initrd");
	*ret_fd = kt_take_fd(fd);
	return 0;
}
