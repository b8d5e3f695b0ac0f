/* SPDX-License-Identifier: GPL-2.0-only */
/* Where things are in guest-physical memory: the nodes' RAM, a quiet place for the frame window. */
#include <assert.h>
#include <errno.h>

#include "vmm/internal.h"

/*
 * Bytes at the end of low memory that firmware and the loader use: ACPI tables, the boot loader's
 * data and heap. QEMU 10 takes 160 KiB and SeaBIOS 256 KiB; tables of the biggest machine are below
 * 128 KiB.
 */
#define TABLES_BYTES (2 * VM_MIB)
/*
 * Large pages, so that the kernel's direct map needs not be split finer than the window's two ends.
 */
#define WINDOW_ALIGN (2 * VM_MIB)
/*
 * Early allocations of a kernel follow it directly; leave room so that the window does not cut them
 * short.
 */
#define KERNEL_SLACK (16 * VM_MIB)
#define PAGE_MASK UINT64_C(4095)

static uint64_t round_up(uint64_t v, uint64_t unit)
{
	return (v + unit - 1) / unit * unit;
}

uint64_t vm_layout_nodes(const struct kt_topology *t, uint64_t memory_bytes,
			 uint64_t ret[KT_TOPO_NODES_MAX])
{
	uint64_t asked = 0, share = 0, total = 0;
	unsigned sharing = 0;

	for (unsigned n = 0; n < t->nr_nodes; n++) {
		asked += round_up(t->node[n].memory_bytes, VM_MIB);
		sharing += t->node[n].memory_bytes == 0;
	}
	if (sharing) {
		share = memory_bytes > asked ? memory_bytes - asked : 0;
		share = round_up((share + sharing - 1) / sharing, VM_MIB);
		if (share == 0)
			share = VM_MIB;
	}
	for (unsigned n = 0; n < t->nr_nodes; n++) {
		ret[n] = t->node[n].memory_bytes ? round_up(t->node[n].memory_bytes, VM_MIB)
						 : share;
		total += ret[n];
	}
	return total;
}

static void add_piece(struct vm_layout *l, unsigned node, uint64_t gpa, uint64_t offset,
		      uint64_t len)
{
	if (len == 0)
		return;
	assert(l->nr_pieces < VM_PIECES_MAX);
	l->piece[l->nr_pieces++] =
		(struct vm_ram){ .gpa = { gpa }, .len = len, .offset = offset, .node = node };
}

/*
 * Add [flat, flat + len), positions in the machine's RAM laid end to end, all on one side of every
 * hole.
 */
static void add_flat(struct vm_layout *l, unsigned node, uint64_t flat, uint64_t end,
		     uint64_t node_start)
{
	const struct {
		uint64_t from, to; /* flat */
		uint64_t shift; /* gpa - flat */
	} range[] = {
		{ 0, VM_BASE_RAM_END, 0 },
		{ VM_MIB, l->low_bytes, 0 },
		{ l->low_bytes, UINT64_MAX, VM_HIGH_RAM_GPA - l->low_bytes },
	};

	for (size_t i = 0; i < sizeof(range) / sizeof(range[0]); i++) {
		uint64_t from = flat > range[i].from ? flat : range[i].from;
		uint64_t to = end < range[i].to ? end : range[i].to;

		if (from < to)
			add_piece(l, node, from + range[i].shift, from - node_start, to - from);
	}
}

static void place_ram(struct vm_layout *l)
{
	uint64_t flat = 0;

	for (unsigned n = 0; n < l->nr_nodes; n++) {
		add_flat(l, n, flat, flat + l->node_bytes[n], flat);
		flat += l->node_bytes[n];
	}
}

/*
 * As high as possible, so that the kernel finds the low addresses that it prefers untouched: below
 * the initrd and the tables, inside one node (a hole in two would cost each of them), above the
 * kernel.
 */
static int place_ring(const struct vm_layout_opts *o, struct vm_layout *l)
{
	uint64_t floor = round_up(o->kernel_end + KERNEL_SLACK, WINDOW_ALIGN);

	l->ring_len = GST_WINDOW_DEFAULT;
	for (size_t i = l->nr_pieces; i-- > 0;) {
		const struct vm_ram *p = &l->piece[i];
		uint64_t end = p->gpa.v + p->len;
		uint64_t gpa;

		if (p->gpa.v >= l->low_bytes)
			continue;
		if (end > l->initrd_floor.v)
			end = l->initrd_floor.v;
		if (end < l->ring_len)
			continue;
		gpa = (end - l->ring_len) / WINDOW_ALIGN * WINDOW_ALIGN;
		if (gpa >= p->gpa.v && gpa >= floor) {
			l->ring.v = gpa;
			return 0;
		}
	}
	return -ENOSPC;
}

int vm_layout_plan(const struct vm_layout_opts *o, struct vm_layout *ret, struct kt_err *e)
{
	struct vm_layout l = { .nr_nodes = o->topology->nr_nodes };
	uint64_t initrd = round_up(o->initrd_bytes, PAGE_MASK + 1);

	l.total_bytes = vm_layout_nodes(o->topology, o->memory_bytes, l.node_bytes);
	l.low_bytes = l.total_bytes < o->low_bytes_max ? l.total_bytes : o->low_bytes_max;
	place_ram(&l);
	l.initrd_floor.v = 0;
	if (l.low_bytes > TABLES_BYTES + initrd)
		l.initrd_floor.v = (l.low_bytes - TABLES_BYTES - initrd) & ~PAGE_MASK;
	if (place_ring(o, &l) < 0)
		return kt_fail(
			e, KT_E_CONFIG, ENOSPC,
			"%llu MiB of memory in %u nodes cannot hold the kernel (up to %llu MiB), the initramfs "
			"(%llu MiB) and the frame window (%u MiB): give the machine more memory",
			(unsigned long long)(l.total_bytes / VM_MIB), l.nr_nodes,
			(unsigned long long)(round_up(o->kernel_end, VM_MIB) / VM_MIB),
			(unsigned long long)(round_up(initrd, VM_MIB) / VM_MIB),
			(unsigned)(GST_WINDOW_DEFAULT / VM_MIB));
	vm_layout_assert(&l, o->kernel_end);
	*ret = l;
	return 0;
}

void vm_layout_assert(const struct vm_layout *l, uint64_t kernel_end)
{
	const uint64_t start = l->ring.v, end = l->ring.v + l->ring_len;
	bool inside = false;

	for (size_t i = 0; i < l->nr_pieces; i++) {
		const struct vm_ram *p = &l->piece[i];

		assert(i == 0 || l->piece[i - 1].gpa.v + l->piece[i - 1].len <= p->gpa.v);
		inside |= start >= p->gpa.v && end <= p->gpa.v + p->len;
	}
	assert(inside);
	assert(end <= l->initrd_floor.v);
	assert(end <= l->low_bytes);
	assert(start >= kernel_end);
	(void)start, (void)end, (void)inside, (void)kernel_end; /* with NDEBUG nobody else looks */
}

void vm_layout_reserve_ring(const struct vm_layout *l, struct kt_buf *b)
{
	kt_buf_addf(b, " memmap=0x%llx$0x%llx", (unsigned long long)l->ring_len,
		    (unsigned long long)l->ring.v);
}

/*
 * The user's come last and override.
 *   quiet            the kernel log travels in frames; the console is for panics
 *   panic=-1         a panic ends the machine at once, as a reset
 *   initcall_blacklist=, cryptomgr.notests
 *                    a fifth of an emulated boot is RSA arithmetic on the certificates for signed
 *                    modules, and self-tests of ciphers: nothing here loads modules or encrypts
 * Nothing that changes how the kernel schedules or accounts is here.
 */
void vm_kernel_cmdline(const struct vm_layout *l, const char *user, struct kt_buf *b)
{
	kt_buf_addf(b,
		    "console=ttyS0 panic=-1 quiet 8250.nr_uarts=2 cryptomgr.notests "
		    "initcall_blacklist=load_system_certificate_list,sed_opal_init "
		    "ktstr.ring=0x%llx,0x%llx",
		    (unsigned long long)l->ring.v, (unsigned long long)l->ring_len);
	if (user && *user)
		kt_buf_addf(b, " %s", user);
}

gpa_t vm_layout_tables(const struct vm_layout *l, uint64_t *ret_len)
{
	*ret_len = TABLES_BYTES;
	return (gpa_t){ l->low_bytes - TABLES_BYTES };
}
