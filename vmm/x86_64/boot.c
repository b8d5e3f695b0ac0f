/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel into memory, and where its first CPU starts. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/x86_64/boot.h"

/* ---- what both kinds of file need ---- */

int x86_boot_read(const struct x86_boot *b, const char *what, uint64_t offset, void *buf,
		  size_t len, struct kt_err *e)
{
	uint8_t *to = buf;

	if (offset > b->file_bytes || len > b->file_bytes - offset)
		return kt_fail(
			e, KT_E_KERNEL, EINVAL,
			"'%s' is cut short: %s is %zu bytes from 0x%llx, the file has 0x%llx",
			b->o->path, what, len, (unsigned long long)offset,
			(unsigned long long)b->file_bytes);
	for (size_t at = 0; at < len;) {
		ssize_t n = pread(b->fd, to + at, len - at, (off_t)(offset + at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return kt_fail(e, KT_E_HOST, n < 0 ? errno : EIO, "read '%s'", b->o->path);
		at += (size_t)n;
	}
	return 0;
}

int x86_boot_put(struct x86_boot *b, uint64_t gpa, const void *data, size_t len, struct kt_err *e)
{
	if (vm_ram_copy(b->m, (gpa_t){ gpa }, NULL, data, len) < 0)
		return kt_fail(e, KT_E_INTERNAL, EFAULT, "%zu bytes at gpa 0x%016llx are not RAM",
			       len, (unsigned long long)gpa);
	b->copied += len;
	return 0;
}

struct range {
	const char *name;
	uint64_t gpa, len;
};

static bool overlap(const struct range *r, uint64_t gpa, uint64_t end)
{
	return r->len && gpa < r->gpa + r->len && r->gpa < end;
}

/*
 * No memory would do when it ends in the hole below 4 GiB; else what is above the kernel now has to be above its new
 * end, at a multiple of 2 MiB, with some room (layout.c).
 */
static int too_big(const struct x86_boot *b, const char *what, uint64_t gpa, uint64_t len,
		   struct kt_err *e)
{
	const struct vm_layout *l = &b->m->layout;
	const uint64_t room = 18 * VM_MIB;
	uint64_t end, need;

	if (__builtin_add_overflow(gpa, len, &end) || end > X86_MMIO_GAP_START ||
	    end + l->low_bytes - l->ring.v + room > X86_MMIO_GAP_START)
		return kt_fail(
			e, KT_E_KERNEL, EFBIG,
			"'%s': %s (0x%llx bytes at gpa 0x%llx) does not fit into the 3 GiB of memory that any "
			"machine has there",
			b->o->path, what, (unsigned long long)len, (unsigned long long)gpa);
	need = (end + l->low_bytes - l->ring.v + room + VM_MIB - 1) / VM_MIB;
	return kt_fail(
		e, KT_E_KERNEL, EFBIG,
		"'%s': %s (0x%llx bytes at gpa 0x%llx) does not fit into %llu MiB of memory: give the machine "
		"at least %llu MiB",
		b->o->path, what, (unsigned long long)len, (unsigned long long)gpa,
		(unsigned long long)(l->total_bytes / VM_MIB), (unsigned long long)need);
}

int x86_boot_check(const struct x86_boot *b, const char *what, uint64_t gpa, uint64_t len,
		   struct kt_err *e)
{
	const struct vm_layout *l = &b->m->layout;
	struct range taken[] = {
		{ "the frame window", l->ring.v, l->ring_len },
		{ "the initramfs", b->o->initrd.v, b->o->initrd_len },
		{ "the ACPI tables", 0, 0 },
	};

	taken[2].gpa = vm_layout_tables(l, &taken[2].len).v;
	if (gpa < VM_MIB)
		return kt_fail(
			e, KT_E_KERNEL, EINVAL,
			"'%s': %s is to be at gpa 0x%llx, but what is below 1 MiB is not a kernel's",
			b->o->path, what, (unsigned long long)gpa);
	if (!vm_ram_covers(b->m, (gpa_t){ gpa }, len))
		return too_big(b, what, gpa, len, e);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		if (overlap(&taken[i], gpa, gpa + len))
			return kt_fail(
				e, KT_E_KERNEL, EINVAL,
				"'%s': %s (0x%llx bytes at gpa 0x%llx) overlaps %s (0x%llx bytes at gpa 0x%llx)",
				b->o->path, what, (unsigned long long)len, (unsigned long long)gpa,
				taken[i].name, (unsigned long long)taken[i].len,
				(unsigned long long)taken[i].gpa);
	}
	return 0;
}

int x86_boot_load_part(struct x86_boot *b, const char *what, uint64_t gpa, uint64_t offset,
		       uint64_t len, enum vm_load how, struct kt_err *e)
{
	uint64_t copied = 0;
	int r = x86_boot_check(b, what, gpa, len, e);

	if (r < 0)
		return r;
	if (offset > b->file_bytes || len > b->file_bytes - offset)
		return kt_fail(
			e, KT_E_KERNEL, EINVAL,
			"'%s' is cut short: %s is 0x%llx bytes from 0x%llx, the file has 0x%llx",
			b->o->path, what, (unsigned long long)len, (unsigned long long)offset,
			(unsigned long long)b->file_bytes);
	r = vm_ram_load_file(b->m, (gpa_t){ gpa }, b->fd, b->o->path, offset, len, how, &copied, e);
	b->copied += copied;
	return r;
}

static int put_cmdline(struct x86_boot *b, struct kt_err *e)
{
	size_t len = strlen(b->o->cmdline);

	if (len >= X86_CMDLINE_MAX)
		return kt_fail(
			e, KT_E_CONFIG, E2BIG,
			"the kernel command line has %zu characters, a kernel takes at most %d: shorten kargs",
			len, X86_CMDLINE_MAX - 1);
	return x86_boot_put(b, X86_CMDLINE_GPA, b->o->cmdline, len + 1, e);
}

/* ---- the first CPU ---- */

/* Selectors: boot.rst asks for __BOOT_CS and __BOOT_DS; TSS is ours, of 16 bytes in 64-bit mode. */
enum { BOOT_CS = 0x10, BOOT_DS = 0x18, BOOT_TSS = 0x20, GDT_ENTRIES = 6 };
/* Intel SDM volume 3 section 3.4.5.1 (code and data, accessed), 3.5 (system). */
enum { TYPE_DATA = 3, TYPE_CODE = 11, TYPE_BUSY_TSS = 11, TSS_LIMIT = 0x67 };
/* Section 2.5, section 2.2.1, section 4.5. */
enum { CR0_PE = 1 << 0, CR0_ET = 1 << 4, CR0_NE = 1 << 5, CR4_PAE = 1 << 5 };
#define CR0_PG UINT64_C(0x80000000)
enum { EFER_LME = 1 << 8, EFER_LMA = 1 << 10 };
enum { PTE_PRESENT = 1, PTE_WRITE = 2, PTE_ACCESSED = 0x20, PTE_DIRTY = 0x40, PTE_LARGE = 0x80 };
enum { PAGE = 4096, ENTRIES = 512, DIRECTORIES = 4, RFLAGS_FIXED = 2 };

/* Section 3.4.5, and 7.2.3 for the upper half of a 64-bit TSS, which is zero here. */
static uint64_t descriptor(const struct kvm_segment *s)
{
	uint64_t limit = s->g ? s->limit >> 12 : s->limit;

	return (limit & 0xffff) | (s->base & 0xffffff) << 16 | (uint64_t)s->type << 40 |
	       (uint64_t)s->s << 44 | (uint64_t)s->dpl << 45 | (uint64_t)s->present << 47 |
	       (limit >> 16 & 0xf) << 48 | (uint64_t)s->l << 53 | (uint64_t)s->db << 54 |
	       (uint64_t)s->g << 55 | (s->base >> 24 & 0xff) << 56;
}

static struct kvm_segment flat(uint16_t selector, uint8_t type, bool wide)
{
	return (struct kvm_segment){ .limit = UINT32_MAX,
				     .selector = selector,
				     .type = type,
				     .present = 1,
				     .db = !wide,
				     .s = 1,
				     .l = wide,
				     .g = 1 };
}

/*
 * What VM entry asks of segments (section 27.3.1.2) also where the CPU has no unrestricted guest and KVM checks them to
 * find out whether it can run the guest at all: one privilege level everywhere, a busy TSS, which a CPU that comes out
 * of reset (KVM_GET_SREGS) has not in 64-bit mode.
 */
static void set_segments(struct kvm_sregs *s, bool wide)
{
	struct kvm_segment data = flat(BOOT_DS, TYPE_DATA, false);

	s->cs = flat(BOOT_CS, TYPE_CODE, wide);
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->tr = (struct kvm_segment){
		.limit = TSS_LIMIT, .selector = BOOT_TSS, .type = TYPE_BUSY_TSS, .present = 1
	};
	s->gdt = (struct kvm_dtable){ .base = X86_GDT_GPA, .limit = GDT_ENTRIES * 8 - 1 };
}

static int put_gdt(struct x86_boot *b, const struct kvm_sregs *s, struct kt_err *e)
{
	uint64_t gdt[GDT_ENTRIES] = {
		[BOOT_CS / 8] = descriptor(&s->cs),
		[BOOT_DS / 8] = descriptor(&s->ds),
		[BOOT_TSS / 8] = descriptor(&s->tr),
	};

	return x86_boot_put(b, X86_GDT_GPA, gdt, sizeof(gdt), e);
}

/* The first 4 GiB at their own addresses, in pages of 2 MiB; as if used before, so that nothing is written to them. */
static int put_page_tables(struct x86_boot *b, struct kt_err *e)
{
	const uint64_t flags = PTE_PRESENT | PTE_WRITE | PTE_ACCESSED;
	uint64_t table[(2 + DIRECTORIES) * ENTRIES] = { 0 };
	uint64_t *directories = table + 2 * ENTRIES;

	table[0] = (X86_PAGE_TABLES_GPA + PAGE) | flags;
	for (uint64_t i = 0; i < DIRECTORIES; i++)
		table[ENTRIES + i] = (X86_PAGE_TABLES_GPA + (2 + i) * PAGE) | flags;
	for (uint64_t i = 0; i < DIRECTORIES * ENTRIES; i++)
		directories[i] = i * 2 * VM_MIB | flags | PTE_DIRTY | PTE_LARGE;
	return x86_boot_put(b, X86_PAGE_TABLES_GPA, table, sizeof(table), e);
}

/* boot.rst, "64-bit Boot Protocol": long mode, paging on, interrupts off, RSI has the zero page. */
static int start_64(struct x86_boot *b, uint64_t entry, struct x86_start *ret, struct kt_err *e)
{
	struct kvm_sregs *s = &ret->sregs;
	int r = put_page_tables(b, e);

	if (r < 0)
		return r;
	set_segments(s, true);
	s->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
	s->cr3 = X86_PAGE_TABLES_GPA;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
	ret->regs = (struct kvm_regs){
		.rip = entry, .rsp = X86_STACK_GPA, .rsi = X86_ZERO_PAGE_GPA, .rflags = RFLAGS_FIXED
	};
	return put_gdt(b, s, e);
}

/* head.S: protected mode, paging off, no other bit of CR0 or CR4 that can be cleared; EBX has the start info. */
static int start_32(struct x86_boot *b, uint64_t entry, struct x86_start *ret, struct kt_err *e)
{
	struct kvm_sregs *s = &ret->sregs;

	set_segments(s, false);
	s->cr0 = CR0_PE | CR0_ET;
	s->cr3 = s->cr4 = s->efer = 0;
	ret->regs = (struct kvm_regs){ .rip = entry,
				       .rsp = X86_STACK_GPA,
				       .rbx = X86_START_INFO_GPA,
				       .rflags = RFLAGS_FIXED };
	return put_gdt(b, s, e);
}

static int load(struct x86_boot *b, struct x86_start *ret, struct kt_err *e)
{
	uint64_t entry;
	int r = put_cmdline(b, e);

	if (r < 0)
		return r;
	x86_e820_make(&b->m->layout, &b->map);
	r = b->o->kernel->elf ? x86_boot_pvh(b, &entry, e) : x86_boot_bzimage(b, &entry, e);
	if (r < 0)
		return r;
	r = b->o->kernel->elf ? start_32(b, entry, ret, e) : start_64(b, entry, ret, e);
	if (r < 0)
		return r;
	ret->bytes_copied = b->copied;
	return 0;
}

int x86_boot_load(struct vm_memory *m, const struct x86_boot_opts *o, struct x86_start *ret,
		  struct kt_err *e)
{
	kt_auto(fd) int fd = open(o->path, O_RDONLY | O_CLOEXEC);
	struct x86_boot b = { .m = m, .o = o, .fd = fd };
	struct x86_start start = *ret;
	struct stat st;
	int r;

	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open kernel '%s'", o->path);
	if (fstat(fd, &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "look at kernel '%s'", o->path);
	b.file_bytes = (uint64_t)st.st_size;
	r = load(&b, &start, e);
	if (r < 0)
		return r;
	*ret = start;
	return 0;
}
