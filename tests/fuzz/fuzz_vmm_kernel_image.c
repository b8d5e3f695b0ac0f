/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a kernel file: loaded, or refused as a kernel; either way nothing is written to the frame window, the
 * initramfs, the tables or the memory below 1 MiB that is not the loader's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/x86_64/x86.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY_MIB = 64, KERNEL_END_MIB = 24, INITRD_BYTES = 4096 };

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static struct vm_layout plan(void)
{
	static const struct kt_topology t = { .nr_nodes = 2,
					      .nr_llcs = 2,
					      .cores = 1,
					      .threads = 1,
					      .node = { { .llcs = 1 }, { .llcs = 1 } } };
	const struct vm_layout_opts o = { .topology = &t,
					  .memory_bytes = MEMORY_MIB * VM_MIB,
					  .low_bytes_max = X86_MMIO_GAP_START,
					  .kernel_end = KERNEL_END_MIB * VM_MIB,
					  .initrd_bytes = INITRD_BYTES };
	struct vm_layout l;

	must(vm_layout_plan(&o, &l, NULL) == 0, "a layout");
	return l;
}

static void must_be_zero(const struct vm_memory *m, uint64_t from, uint64_t to, const char *what)
{
	const uint8_t *p = vm_ram_buf(m, (gpa_t){ from }, to - from);

	must(p != NULL, "RAM");
	must(p[0] == 0 && memcmp(p, p + 1, to - from - 1) == 0, what);
}

static void check_memory(const struct vm_memory *m, const struct x86_boot_opts *o)
{
	uint64_t tables_len, tables = vm_layout_tables(&m->layout, &tables_len).v;

	must_be_zero(m, m->layout.ring.v, m->layout.ring.v + m->layout.ring_len,
		     "the frame window is clean");
	must_be_zero(m, o->initrd.v, o->initrd.v + o->initrd_len, "the initramfs is clean");
	must_be_zero(m, tables, tables + tables_len, "the tables are clean");
	must_be_zero(m, 0, X86_GDT_GPA, "page 0 is clean");
	must_be_zero(m, X86_CMDLINE_GPA + X86_CMDLINE_MAX, VM_BASE_RAM_END, "base RAM is clean");
}

static void check_start(const struct vm_memory *m, const struct vm_kernel *k,
			const struct x86_start *s)
{
	must(vm_ram_covers(m, (gpa_t){ s->regs.rip }, 1), "an entry in RAM");
	must(s->regs.rip >= VM_MIB, "an entry above 1 MiB");
	must(!k->elf == !!(s->sregs.efer), "long mode for a bzImage only");
	must(s->bytes_copied >= sizeof(uint64_t), "something was loaded");
}

static void load(const char *path)
{
	struct vm_layout l = plan();
	struct vm_memory m = { 0 };
	struct vm_kernel k = { 0 };
	struct x86_boot_opts o = { .path = path,
				   .kernel = &k,
				   .cmdline = "quiet",
				   .initrd = l.initrd_floor,
				   .initrd_len = INITRD_BYTES };
	struct x86_start start = { 0 };
	struct kt_err e = { 0 };

	if (vm_kernel_probe(path, &k, &e) < 0) {
		must(e.kind == KT_E_KERNEL, "a bad kernel, not a bad host");
		return;
	}
	must(vm_ram_map(&l, VM_RAM_PRIVATE, &m, NULL) == 0, "memory");
	if (x86_boot_load(&m, &o, &start, &e) == 0)
		check_start(&m, &k, &start);
	else /* a command line of 5 characters can be too long for a kernel that says so */
		must(e.kind == KT_E_KERNEL || e.kind == KT_E_CONFIG,
		     "a bad kernel, not a bad host");
	check_memory(&m, &o);
	vm_ram_unmap(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kt_auto(fd) int fd = memfd_create("kernel", MFD_CLOEXEC);
	char path[64];

	must(fd >= 0 && kt_write_all(fd, data, size) == 0, "a file");
	(void)kt_snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	load(path);
	return 0;
}
