/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernels into memory: made-up ones byte by byte, damaged ones refused with the field that is wrong, the real ones of the
 * cache ($KTSTR_TEST_KERNEL, $KTSTR_TEST_VMLINUX), and what their first CPU finds, told by that CPU where /dev/kvm is.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/boot_kernels.h"
#include "tests/unit/vmm_shapes.h"
#include "vmm/x86_64/x86.h"

#define CMDLINE "console=ttyS0 panic=-1"
#define RSDP UINT64_C(0x0fe12340)
#define PAGE 4096

/* ---- a machine's memory with a kernel file ---- */

struct rig {
	const char *dir;
	char *path;
	struct vm_kernel kernel;
	struct vm_memory m;
	struct x86_boot_opts o;
	struct x86_start start;
};

static void rig_map(struct rig *r, uint64_t mib, uint64_t kernel_end, enum vm_ram_kind kind)
{
	struct kt_topology t = shape("1n1l4c1t");
	struct vm_layout_opts o = { .topology = &t,
				    .memory_bytes = mib * VM_MIB,
				    .low_bytes_max = X86_MMIO_GAP_START,
				    .kernel_end = kernel_end,
				    .initrd_bytes = 3 * PAGE };
	struct vm_layout l;
	struct kt_err e = { 0 };

	if (vm_layout_plan(&o, &l, &e) < 0 || vm_ram_map(&l, kind, &r->m, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	r->o.initrd = l.initrd_floor;
	r->o.initrd_len = 3 * PAGE - 5;
}

static struct rig rig(const char *dir, const void *file, size_t len)
{
	struct rig r = { .dir = dir, .path = kt_fmt("%s/kernel", dir) };

	assert_int_equal(kt_file_write_atomic(r.path, file, len, 0600, NULL), 0);
	r.o = (struct x86_boot_opts){ .path = r.path, .cmdline = CMDLINE, .rsdp = { RSDP } };
	memset(&r.start, 0x5a, sizeof(r.start));
	return r;
}

static void rig_done(struct rig *r)
{
	vm_ram_unmap(&r->m);
	free(r->path);
}

static int boot(struct rig *r, struct kt_err *e)
{
	r->o.kernel = &r->kernel;
	return x86_boot_load(&r->m, &r->o, &r->start, e);
}

static void boot_well(struct rig *r)
{
	struct kt_err e = { 0 };

	if (vm_kernel_probe(r->path, &r->kernel, &e) < 0 || boot(r, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
}

static const uint8_t *at(const struct rig *r, uint64_t gpa, size_t len)
{
	const uint8_t *p = vm_ram_buf(&r->m, (gpa_t){ gpa }, len);

	assert_non_null(p);
	return p;
}

static void assert_zero(const struct rig *r, uint64_t gpa, size_t len)
{
	const uint8_t *p = at(r, gpa, len);

	for (size_t i = 0; i < len; i++) {
		if (p[i])
			fail_msg("0x%02x at gpa 0x%llx", p[i], (unsigned long long)(gpa + i));
	}
}

/* ---- the state of the first CPU ---- */

/* Intel SDM volume 3, section 27.3.1.2, for usable registers, and Linux kvm_is_valid_sregs(). */
static void assert_segment(const struct kvm_segment *s)
{
	assert_int_equal(s->present, 1);
	assert_int_equal(s->unusable, 0);
	assert_int_equal(s->selector & 4, 0); /* from the GDT */
	assert_int_equal(s->selector & 3, s->dpl);
	assert_int_equal(s->dpl, 0);
	assert_int_equal(s->base, 0);
	if ((s->limit & 0xfff) != 0xfff)
		assert_int_equal(s->g, 0);
	if (s->limit >> 20)
		assert_int_equal(s->g, 1);
}

static void assert_enterable(const struct kvm_sregs *s)
{
	const struct kvm_segment *const data[] = { &s->ds, &s->es, &s->fs, &s->gs, &s->ss };
	bool wide = s->efer & 1 << 10;

	for (size_t i = 0; i < 5; i++) {
		assert_segment(data[i]);
		assert_int_equal(data[i]->type, 3);
		assert_int_equal(data[i]->s, 1);
		assert_int_equal(data[i]->limit, UINT32_MAX);
	}
	assert_segment(&s->cs);
	assert_int_equal(s->cs.type, 11);
	assert_int_equal(s->cs.s, 1);
	assert_int_equal(s->cs.l, wide);
	assert_int_equal(s->cs.db, !wide);
	assert_segment(&s->tr);
	assert_int_equal(s->tr.type, 11);
	assert_int_equal(s->tr.s, 0);
	assert_int_equal(s->tr.limit, 0x67);
	assert_int_equal(s->cr0 & 1, 1);
	assert_int_equal(!!(s->cr0 & 0x80000000), wide);
	assert_int_equal(!!(s->efer & 1 << 8), wide);
	assert_int_equal(!!(s->cr4 & 1 << 5), wide);
	assert_int_equal(s->gdt.base, X86_GDT_GPA);
}

/* A descriptor in memory says what the register has (SDM section 3.4.5). */
static void assert_descriptor(const struct rig *r, const struct kvm_segment *s)
{
	uint64_t d;

	assert_true(s->selector + 7 <= r->start.sregs.gdt.limit);
	memcpy(&d, at(r, X86_GDT_GPA + s->selector, 8), sizeof(d));
	assert_int_equal((d >> 16 & 0xffffff) | (d >> 56) << 24, s->base);
	assert_int_equal((d & 0xffff) | (d >> 48 & 0xf) << 16, s->g ? s->limit >> 12 : s->limit);
	assert_int_equal(d >> 40 & 0xff, s->type | s->s << 4 | s->dpl << 5 | s->present << 7);
	assert_int_equal(d >> 52 & 0xf, s->avl | s->l << 1 | s->db << 2 | s->g << 3);
}

/* Linear to physical by the tables in memory, as a CPU walks them. */
static uint64_t walk(const struct rig *r, uint64_t linear)
{
	uint64_t entry = r->start.sregs.cr3;

	for (unsigned shift = 39; shift >= 21; shift -= 9) {
		uint64_t table = entry & UINT64_C(0xffffffffff000);

		memcpy(&entry, at(r, table + (linear >> shift & 511) * 8, 8), sizeof(entry));
		assert_int_equal(entry & 3, 3); /* present, writable */
		assert_int_equal(!!(entry & 0x80), shift == 21);
	}
	assert_int_equal(entry & 0x1fe000, 0); /* reserved in an entry of 2 MiB */
	return (entry & UINT64_C(0xfffffffe00000)) | (linear & 0x1fffff);
}

/* What the contract does not name is the caller's. */
static void assert_rest_untouched(const struct x86_start *s)
{
	struct x86_start was;

	memset(&was, 0x5a, sizeof(was));
	assert_memory_equal(&s->sregs.ldt, &was.sregs.ldt, sizeof(was.sregs.ldt));
	assert_memory_equal(&s->sregs.idt, &was.sregs.idt, sizeof(was.sregs.idt));
	assert_memory_equal(s->sregs.interrupt_bitmap, was.sregs.interrupt_bitmap,
			    sizeof(was.sregs.interrupt_bitmap));
	assert_int_equal(s->sregs.apic_base, was.sregs.apic_base);
	assert_int_equal(s->sregs.cr8, was.sregs.cr8);
	assert_int_equal(s->sregs.cr2, was.sregs.cr2);
}

/* ---- bzImage ---- */

static void assert_params(const struct rig *r, const struct bz_file *f)
{
	struct boot_params p;
	struct x86_e820 map;
	struct setup_header h = *bz_header((struct bz_file *)f);

	memcpy(&p, at(r, X86_ZERO_PAGE_GPA, sizeof(p)), sizeof(p));
	h.type_of_loader = 0xff;
	h.vid_mode = 0xffff;
	h.code32_start = VM_MIB;
	h.cmd_line_ptr = X86_CMDLINE_GPA;
	h.ramdisk_image = (uint32_t)r->o.initrd.v;
	h.ramdisk_size = (uint32_t)r->o.initrd_len;
	assert_memory_equal(&p.hdr, &h, sizeof(h));
	assert_int_equal(p.acpi_rsdp_addr, RSDP);
	assert_int_equal(p.ext_ramdisk_image, 0);
	assert_int_equal(p.ext_ramdisk_size, 0);
	assert_int_equal(p.sentinel, 0);
	x86_e820_make(&r->m.layout, &map);
	assert_int_equal(p.e820_entries, map.nr);
	for (unsigned i = 0; i < map.nr; i++) {
		assert_int_equal(p.e820_table[i].addr, map.e[i].gpa);
		assert_int_equal(p.e820_table[i].size, map.e[i].len);
		assert_int_equal(p.e820_table[i].type, map.e[i].type);
	}
}

static void a_bzimage_is_at_1_mib_and_its_cpu_in_long_mode(void **state)
{
	struct bz_file f;
	struct rig r;

	bz_make(&f);
	r = rig(*state, &f, sizeof(f));
	rig_map(&r, 256, BZ_RUN_GPA + BZ_INIT_SIZE, VM_RAM_PRIVATE);
	boot_well(&r);
	assert_memory_equal(at(&r, VM_MIB, sizeof(f.kernel)), f.kernel, sizeof(f.kernel));
	assert_zero(&r, VM_MIB + sizeof(f.kernel), PAGE); /* the signature is not loaded */
	assert_string_equal((const char *)at(&r, X86_CMDLINE_GPA, 64), CMDLINE);
	assert_params(&r, &f);
	assert_enterable(&r.start.sregs);
	assert_rest_untouched(&r.start);
	assert_descriptor(&r, &r.start.sregs.cs);
	assert_descriptor(&r, &r.start.sregs.ds);
	assert_descriptor(&r, &r.start.sregs.tr);
	assert_int_equal(r.start.sregs.cs.selector, 0x10);
	assert_int_equal(r.start.sregs.ss.selector, 0x18);
	assert_int_equal(r.start.regs.rip, VM_MIB + 0x200);
	assert_int_equal(r.start.regs.rsi, X86_ZERO_PAGE_GPA);
	assert_int_equal(r.start.regs.rflags, 2);
	for (uint64_t gpa = 0; gpa < 4 * VM_GIB; gpa += 2 * VM_MIB)
		assert_int_equal(walk(&r, gpa + 0x12345), gpa + 0x12345);
	rig_done(&r);
}

static void a_bzimage_that_starts_inside_a_page_and_ram_that_is_shared_are_the_same(void **state)
{
	uint64_t copied[3];
	struct bz_file f;

	for (unsigned i = 0; i < 3; i++) {
		unsigned sects = i == 1 ? BZ_SECTS - 1 : BZ_SECTS;
		struct rig r;

		bz_make(&f);
		bz_header(&f)->setup_sects = (uint8_t)sects;
		r = rig(*state, &f, sizeof(f));
		rig_map(&r, 256, BZ_RUN_GPA + BZ_INIT_SIZE,
			i == 2 ? VM_RAM_SHARED : VM_RAM_PRIVATE);
		boot_well(&r);
		assert_memory_equal(at(&r, VM_MIB, BZ_KERNEL_BYTES),
				    (uint8_t *)&f + (sects + 1) * 512, BZ_KERNEL_BYTES);
		copied[i] = r.start.bytes_copied;
		rig_done(&r);
	}
	assert_int_equal(copied[1], copied[2]); /* neither can be mapped */
	assert_int_equal(copied[1] - copied[0],
			 VM_LOAD_BZIMAGE == VM_LOAD_MAP ? BZ_KERNEL_BYTES / PAGE * PAGE : 0);
	/* The kernel, boot_params, GDT, page tables and the command line. */
	assert_int_equal(copied[1], BZ_KERNEL_BYTES + PAGE + 6 * 8 + 6 * PAGE + sizeof(CMDLINE));
}

static void a_machine_without_an_initramfs_is_told_of_none(void **state)
{
	struct boot_params p;
	struct bz_file f;
	struct rig r;

	bz_make(&f);
	bz_header(&f)->ramdisk_image = 1234; /* as a file can say */
	bz_header(&f)->ramdisk_size = 5678;
	bz_header(&f)->setup_data = UINT64_MAX;
	r = rig(*state, &f, sizeof(f));
	rig_map(&r, 256, BZ_RUN_GPA + BZ_INIT_SIZE, VM_RAM_PRIVATE);
	r.o.initrd_len = 0;
	boot_well(&r);
	memcpy(&p, at(&r, X86_ZERO_PAGE_GPA, sizeof(p)), sizeof(p));
	assert_int_equal(p.hdr.ramdisk_image, 0);
	assert_int_equal(p.hdr.ramdisk_size, 0);
	assert_int_equal(p.hdr.setup_data, 0);
	rig_done(&r);
}

/* The header is copied as far as the file says, and never into what follows it in boot_params. */
static void a_long_setup_header_ends_where_boot_params_go_on(void **state)
{
	struct boot_params p;
	struct bz_file f;
	struct rig r;

	bz_make(&f);
	memset(f.setup + sizeof(struct setup_header) + 0x1f1, 0xee, 512);
	f.setup[0x201] = 0xff;
	r = rig(*state, &f, sizeof(f));
	rig_map(&r, 256, BZ_RUN_GPA + BZ_INIT_SIZE, VM_RAM_PRIVATE);
	boot_well(&r);
	memcpy(&p, at(&r, X86_ZERO_PAGE_GPA, sizeof(p)), sizeof(p));
	assert_int_equal(((uint8_t *)&p)[0x28f], 0xee);
	assert_int_equal(((uint8_t *)&p)[0x290], 0);
	rig_done(&r);
}

/* ---- bzImages that are not to be booted ---- */

static void expect_error(struct rig *r, enum kt_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void expect_error(struct rig *r, enum kt_kind kind, const char *fmt, ...)
{
	kt_auto(buf) struct kt_buf want = { 0 };
	struct x86_start was = r->start;
	struct kt_err e = { 0 };
	va_list ap;

	if (kind == KT_E_KERNEL)
		kt_buf_addf(&want, "'%s'", r->path);
	va_start(ap, fmt);
	kt_buf_vaddf(&want, fmt, ap);
	va_end(ap);
	assert_true(boot(r, &e) < 0);
	assert_string_equal(unit_err_text(&e), kt_buf_str(&want));
	assert_int_equal(e.kind, kind);
	assert_memory_equal(&r->start, &was, sizeof(was));
}

static void expect_bad_bzimage(const char *dir, const struct bz_file *f, size_t len,
			       const char *text)
{
	struct rig r = rig(dir, f, len);

	rig_map(&r, 256, BZ_RUN_GPA + BZ_INIT_SIZE, VM_RAM_PRIVATE);
	expect_error(&r, KT_E_KERNEL, "%s", text);
	rig_done(&r);
}

static void damaged_bzimages_are_refused_by_field(void **state)
{
	static const struct {
		size_t at;
		size_t bytes;
		uint64_t value;
		const char *text;
	} damage[] = {
		{ 0x1fe, 2, 0x55aa, ": boot_flag is 0x55aa: need 0xaa55" },
		{ 0x202, 4, 0x41414141, ": header is 0x41414141: need 'HdrS'" },
		{ 0x201, 1, 0x10, ": the setup header's end is 0x212: it is cut short" },
		{ 0x206, 2, 0x20d,
		  " is a kernel with boot protocol 2.13, need 2.15 (Linux 5.5): an older one looks for the "
		  "ACPI tables in firmware, which this machine has none of" },
		{ 0x211, 1, 0, ": loadflags is 0x0: not LOADED_HIGH: a zImage, not a bzImage" },
		{ 0x236, 2, 0xfe,
		  ": xloadflags is 0xfe: not XLF_KERNEL_64: it has no 64-bit entry (a 32-bit kernel?)" },
		{ 0x230, 4, 0, ": kernel_alignment is 0x0: need a power of two" },
		{ 0x230, 4, 0x300000, ": kernel_alignment is 0x300000: need a power of two" },
		{ 0x260, 4, 0, ": init_size is 0x0: need some" },
		{ 0x1f4, 4, 0, ": syssize is 0x0: there is no kernel in it" },
		{ 0x1f1, 1, 0xff, ": setup_sects is 0xff: the file ends before its kernel begins" },
		{ 0x258, 8, 0x1000, ": pref_address is 0x1000: below 1 MiB" },
		{ 0x1f4, 4, 0x2000,
		  " is cut short: the packed kernel (syssize) is 0x20000 bytes from 0x1000, the file has 0x6094" },
		{ 0x1f4, 4, UINT32_MAX,
		  ": the packed kernel (0xffffffff0 bytes at gpa 0x100000) does not fit into the 3 GiB "
		  "of memory that any machine has there" },
		{ 0x260, 4, 0x10000000,
		  ": pref_address and init_size (0x10000000 bytes at gpa 0x1000000) does not fit into 256 MiB of "
		  "memory: give the machine at least 298 MiB" },
		{ 0x258, 8, UINT64_MAX - 0xfff,
		  ": pref_address and init_size is to be at gpa 0x0, but what is below "
		  "1 MiB is not a kernel's" },
		{ 0x258, 8, 0xc0000000,
		  ": pref_address and init_size (0x400000 bytes at gpa 0xc0000000) does not fit into the 3 GiB of "
		  "memory that any machine has there" },
		{ 0x258, 8, 0xf800000,
		  ": pref_address and init_size (0x400000 bytes at gpa 0xf800000) overlaps the frame window "
		  "(0x400000 bytes at gpa 0xf800000)" },
		{ 0x258, 8, 0xfe00000,
		  ": pref_address and init_size (0x400000 bytes at gpa 0xfe00000) does not fit into 256 MiB of memory: "
		  "give the machine at least 284 MiB" },
	};
	struct bz_file f;

	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		bz_make(&f);
		memcpy(f.setup + damage[i].at, &damage[i].value, damage[i].bytes);
		expect_bad_bzimage(*state, &f, sizeof(f), damage[i].text);
	}
	bz_make(&f);
	expect_bad_bzimage(
		*state, &f, 0x201,
		" is cut short: the setup header is 1 bytes from 0x201, the file has 0x201");
	expect_bad_bzimage(
		*state, &f, 0x260,
		" is cut short: the setup header is 123 bytes from 0x1f1, the file has 0x260");
	expect_bad_bzimage(
		*state, &f, BZ_KERNEL_AT + BZ_KERNEL_BYTES - 1,
		" is cut short: the packed kernel (syssize) is 0x5030 bytes from 0x1000, the file has "
		"0x602f");
}

static void a_command_line_that_is_too_long_is_an_error_with_both_lengths(void **state)
{
	char text[X86_CMDLINE_MAX + 1];
	struct bz_file f;
	struct rig r;

	bz_make(&f);
	memset(text, 'a', sizeof(text));
	text[X86_CMDLINE_MAX - 1] = '\0';
	r = rig(*state, &f, sizeof(f));
	rig_map(&r, 256, BZ_RUN_GPA + BZ_INIT_SIZE, VM_RAM_PRIVATE);
	r.o.cmdline = text;
	boot_well(&r);
	assert_memory_equal(at(&r, X86_CMDLINE_GPA, X86_CMDLINE_MAX), text, X86_CMDLINE_MAX);
	text[X86_CMDLINE_MAX - 1] = 'a';
	text[X86_CMDLINE_MAX] = '\0';
	expect_error(
		&r, KT_E_CONFIG,
		"the kernel command line has 2048 characters, a kernel takes at most 2047: shorten kargs");
	rig_done(&r);
	bz_header(&f)->cmdline_size = 255;
	text[256] = '\0';
	r = rig(*state, &f, sizeof(f));
	rig_map(&r, 256, BZ_RUN_GPA + BZ_INIT_SIZE, VM_RAM_PRIVATE);
	r.o.cmdline = text;
	expect_error(
		&r, KT_E_CONFIG,
		"the kernel command line has 256 characters, '%s' takes at most 255: shorten kargs",
		r.path);
	rig_done(&r);
}

/* ---- vmlinux ---- */

struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};

static void assert_start_info(const struct rig *r)
{
	struct start_info s;
	struct x86_e820 map;
	uint64_t module[4], entry[3];

	memcpy(&s, at(r, r->start.regs.rbx, sizeof(s)), sizeof(s));
	assert_int_equal(s.magic, 0x336ec578);
	assert_int_equal(s.version, 1);
	assert_int_equal(s.flags, 0);
	assert_int_equal(s.reserved, 0);
	assert_int_equal(s.rsdp, RSDP);
	assert_string_equal((const char *)at(r, s.cmdline, 64), CMDLINE);
	assert_int_equal(s.nr_modules, 1);
	memcpy(module, at(r, s.modlist, sizeof(module)), sizeof(module));
	assert_int_equal(module[0], r->o.initrd.v);
	assert_int_equal(module[1], r->o.initrd_len);
	assert_int_equal(module[2], 0);
	assert_int_equal(module[3], 0);
	x86_e820_make(&r->m.layout, &map);
	assert_int_equal(s.memmap_entries, map.nr);
	for (unsigned i = 0; i < map.nr; i++) {
		memcpy(entry, at(r, s.memmap + i * sizeof(entry), sizeof(entry)), sizeof(entry));
		assert_int_equal(entry[0], map.e[i].gpa);
		assert_int_equal(entry[1], map.e[i].len);
		assert_int_equal(entry[2], map.e[i].type);
	}
}

static void a_vmlinux_is_where_its_segments_say_and_its_cpu_without_paging(void **state)
{
	static struct vx_file f;
	struct rig r;

	vx_make(&f);
	r = rig(*state, &f, sizeof(f));
	rig_map(&r, 256, 32 * VM_MIB, VM_RAM_PRIVATE);
	boot_well(&r);
	assert_memory_equal(at(&r, VX_TEXT_GPA, VX_TEXT_BYTES), f.text, VX_TEXT_BYTES);
	assert_zero(&r, VX_TEXT_GPA + VX_TEXT_BYTES, VX_DATA_GPA - VX_TEXT_GPA - VX_TEXT_BYTES);
	assert_memory_equal(at(&r, VX_DATA_GPA, VX_DATA_BYTES), f.data, VX_DATA_BYTES);
	assert_zero(&r, VX_DATA_GPA + VX_DATA_BYTES, 16 * PAGE);
	assert_int_equal(r.start.regs.rip, VX_ENTRY);
	assert_int_equal(r.start.regs.rflags, 2);
	/* include/xen/interface/hvm/start_info.h, arch/x86/platform/pvh/head.S: nothing else is set */
	assert_int_equal(r.start.sregs.cr0 & ~UINT64_C(0x10), 1);
	assert_int_equal(r.start.sregs.cr4, 0);
	assert_int_equal(r.start.sregs.efer, 0);
	assert_enterable(&r.start.sregs);
	assert_rest_untouched(&r.start);
	assert_descriptor(&r, &r.start.sregs.cs);
	assert_descriptor(&r, &r.start.sregs.ds);
	assert_descriptor(&r, &r.start.sregs.tr);
	assert_start_info(&r);
	rig_done(&r);
}

static void expect_bad_vmlinux(const char *dir, const struct vx_file *f, size_t len,
			       const char *text)
{
	struct rig r = rig(dir, f, len);

	rig_map(&r, 256, 32 * VM_MIB, VM_RAM_PRIVATE);
	r.kernel = (struct vm_kernel){ .elf = true, .pvh = true, .pvh_entry = VX_ENTRY };
	expect_error(&r, KT_E_KERNEL, "%s", text);
	rig_done(&r);
}

static void damaged_vmlinux_files_are_refused_by_field(void **state)
{
#define EH(field) offsetof(struct vx_file, eh.field), sizeof(((struct vx_file *)0)->eh.field)
#define PH(i, field) \
	offsetof(struct vx_file, ph[i].field), sizeof(((struct vx_file *)0)->ph[i].field)
	static const struct {
		size_t at;
		size_t bytes;
		uint64_t value;
		const char *text;
	} damage[] = {
		{ 4, 1, ELFCLASS32,
		  " is not an ELF file for x86-64 (class 1, data 1, e_machine 62)" },
		{ EH(e_machine), EM_AARCH64,
		  " is not an ELF file for x86-64 (class 2, data 1, e_machine 183)" },
		{ EH(e_phentsize), 57, ": e_phentsize is 57, need 56" },
		{ EH(e_phnum), 0, ": e_phnum is 0, need 1 to 256" },
		{ EH(e_phnum), 257, ": e_phnum is 257, need 1 to 256" },
		{ EH(e_phoff), UINT64_MAX - 8,
		  " is cut short: the program headers (e_phoff) is 168 bytes from 0xfffffffffffffff7, the file has "
		  "0x7000" },
		{ PH(0, p_filesz), VX_TEXT_BYTES + 1,
		  ": segment 0 has p_filesz 0x34d3 but p_memsz 0x34d2" },
		{ PH(0, p_paddr), 0xff000,
		  ": segment 0 is to be at gpa 0xff000, but what is below 1 MiB is not a kernel's" },
		{ PH(0, p_paddr), UINT64_MAX - 5,
		  ": segment 0 (0x34d2 bytes at gpa 0xfffffffffffffffa) does not fit into the 3 GiB of memory that "
		  "any machine has there" },
		{ PH(0, p_memsz), UINT64_MAX,
		  ": segment 0 (0xffffffffffffffff bytes at gpa 0x1000000) does not fit into the 3 GiB of memory "
		  "that any machine has there" },
		{ PH(0, p_paddr), 0xffff000,
		  ": segment 0 (0x34d2 bytes at gpa 0xffff000) does not fit into 256 MiB of memory: give the machine "
		  "at least 283 MiB" },
		{ PH(0, p_paddr), 0xf7ff000,
		  ": segment 0 (0x34d2 bytes at gpa 0xf7ff000) overlaps the frame window (0x400000 bytes at gpa "
		  "0xf800000)" },
		{ PH(0, p_paddr), 0xfdfb000,
		  ": segment 0 (0x34d2 bytes at gpa 0xfdfb000) overlaps the initramfs (0x2ffb bytes at gpa "
		  "0xfdfd000)" },
		{ PH(0, p_paddr), 0xff00000,
		  ": segment 0 (0x34d2 bytes at gpa 0xff00000) overlaps the ACPI tables (0x200000 bytes at gpa "
		  "0xfe00000)" },
		{ PH(0, p_offset), 0x7000,
		  " is cut short: segment 0 is 0x34d2 bytes from 0x7000, the file has 0x7000" },
		{ PH(0, p_offset), UINT64_MAX,
		  " is cut short: segment 0 is 0x34d2 bytes from 0xffffffffffffffff, the file has 0x7000" },
		{ PH(1, p_paddr), VX_TEXT_GPA + VX_TEXT_BYTES - 1,
		  ": segments 0 (p_paddr 0x1000000) and 1 (p_paddr 0x10034d1) overlap" },
		{ PH(0, p_type), PT_NULL,
		  ": its PVH entry (XEN_ELFNOTE_PHYS32_ENTRY) is 0x1000123, in no segment" },
		{ PH(0, p_memsz), 0,
		  ": its PVH entry (XEN_ELFNOTE_PHYS32_ENTRY) is 0x1000123, in no segment" },
	};
	static struct vx_file f;

	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		vx_make(&f);
		memcpy((uint8_t *)&f + damage[i].at, &damage[i].value, damage[i].bytes);
		expect_bad_vmlinux(*state, &f, sizeof(f), damage[i].text);
	}
	vx_make(&f);
	expect_bad_vmlinux(*state, &f, 63,
			   " is cut short: the ELF header is 64 bytes from 0x0, the file has 0x3f");
	expect_bad_vmlinux(
		*state, &f, offsetof(struct vx_file, data) + VX_DATA_BYTES - 1,
		" is cut short: segment 1 is 0x1011 bytes from 0x5000, the file has 0x6010");
}

/* As much memory as the error asks for is enough, wherever in a page of 2 MiB the kernel ends. */
static void a_kernel_that_is_larger_than_ram_fits_when_its_advice_is_followed(void **state)
{
	static struct vx_file f;

	for (uint64_t gpa = 250 * VM_MIB; gpa < 254 * VM_MIB; gpa += 333 * VM_KIB) {
		const uint64_t bytes = 300 * VM_MIB;
		struct kt_err e = { 0 };
		const char *advice;
		unsigned mib;
		struct rig r;

		vx_make(&f);
		f.ph[1].p_paddr = gpa;
		f.ph[1].p_memsz = bytes;
		r = rig(*state, &f, sizeof(f));
		rig_map(&r, 256, 32 * VM_MIB, VM_RAM_PRIVATE);
		assert_int_equal(vm_kernel_probe(r.path, &r.kernel, NULL), 0);
		assert_int_equal(boot(&r, &e), -EFBIG);
		advice = strstr(unit_err_text(&e), "at least ");
		assert_non_null(advice);
		assert_int_equal(sscanf(advice, "at least %u MiB", &mib), 1);
		assert_true(mib < (gpa + bytes) / VM_MIB + 32);
		vm_ram_unmap(&r.m);
		rig_map(&r, mib, gpa + bytes, VM_RAM_PRIVATE);
		boot_well(&r);
		rig_done(&r);
	}
}

static void a_vmlinux_without_a_pvh_entry_is_refused(void **state)
{
	static struct vx_file f;
	struct rig r;

	vx_make(&f);
	f.note.n_descsz = 3; /* neither 4 nor 8 */
	r = rig(*state, &f, sizeof(f));
	rig_map(&r, 256, 32 * VM_MIB, VM_RAM_PRIVATE);
	assert_int_equal(vm_kernel_probe(r.path, &r.kernel, NULL), 0);
	expect_error(
		&r, KT_E_KERNEL,
		" is an uncompressed kernel without a PVH entry (CONFIG_PVH): give its bzImage");
	rig_done(&r);
	/* 32 bits are enough for one. */
	vx_make(&f);
	f.note.n_descsz = 4;
	r = rig(*state, &f, sizeof(f));
	rig_map(&r, 256, 32 * VM_MIB, VM_RAM_PRIVATE);
	boot_well(&r);
	assert_int_equal(r.start.regs.rip, VX_ENTRY);
	free(r.path);
	r.o.path = r.path = kt_fmt("%s/none", r.dir);
	expect_error(&r, KT_E_HOST, "open kernel '%s': No such file or directory", r.path);
	rig_done(&r);
}

/* ---- what the first CPU sees ---- */

enum { TOLD_MAX = 8, EXITS_MAX = 64 };
struct told {
	uint32_t v[TOLD_MAX];
	unsigned nr;
};

/* Until it halts; what it writes to port 0x3f8 is what it tells. */
static void run(int vcpu, struct kvm_run *k, struct told *ret)
{
	for (unsigned i = 0; i < EXITS_MAX; i++) {
		assert_int_equal(ioctl(vcpu, KVM_RUN, 0), 0);
		if (k->exit_reason == KVM_EXIT_HLT)
			return;
		assert_int_equal(k->exit_reason, KVM_EXIT_IO);
		assert_int_equal(k->io.port, X86_COM1_PORT);
		assert_int_equal(k->io.size, 4);
		assert_true(ret->nr < TOLD_MAX);
		memcpy(&ret->v[ret->nr++], (uint8_t *)k + k->io.data_offset, 4);
	}
	fail_msg("it does not halt");
}

static void start_cpu(int vcpu, const struct x86_start *s)
{
	struct kvm_sregs got;

	assert_int_equal(ioctl(vcpu, KVM_GET_SREGS, &got), 0);
	got.cs = s->sregs.cs, got.ds = s->sregs.ds, got.es = s->sregs.es, got.fs = s->sregs.fs;
	got.gs = s->sregs.gs, got.ss = s->sregs.ss, got.tr = s->sregs.tr, got.gdt = s->sregs.gdt;
	got.cr0 = s->sregs.cr0, got.cr3 = s->sregs.cr3, got.cr4 = s->sregs.cr4;
	got.efer = s->sregs.efer;
	assert_int_equal(ioctl(vcpu, KVM_SET_SREGS, &got), 0);
	assert_int_equal(ioctl(vcpu, KVM_SET_REGS, &s->regs), 0);
}

static void run_machine(struct rig *r, struct told *ret)
{
	kt_auto(fd) int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	kt_auto(fd) int vm = -1;
	kt_auto(fd) int vcpu = -1;
	struct kvm_run *k;
	int size;

	if (kvm < 0)
		unit_require("kvm-small", "/dev/kvm cannot be opened");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	assert_true(vm >= 0);
	assert_int_equal(ioctl(vm, KVM_SET_TSS_ADDR, X86_KVM_TSS_GPA), 0);
	for (unsigned i = 0; i < r->m.layout.nr_pieces; i++) {
		const struct vm_ram *p = &r->m.layout.piece[i];
		struct kvm_userspace_memory_region region = { .slot = i,
							      .guest_phys_addr = p->gpa.v,
							      .memory_size = p->len,
							      .userspace_addr =
								      (uintptr_t)p->host };

		assert_int_equal(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), 0);
	}
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	assert_true(vcpu >= 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	k = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	assert_true(k != MAP_FAILED);
	start_cpu(vcpu, &r->start);
	run(vcpu, k, ret);
	munmap(k, (size_t)size);
}

static void a_bzimage_finds_long_mode_its_segments_and_its_parameters(void **state)
{
	static const uint8_t code[] = {
		0x66, 0xba, 0xf8, 0x03, /* mov $0x3f8, %dx */
		0x8c, 0xc8, 0xef, /* mov %cs, %eax; out %eax, (%dx) */
		0x8c, 0xd8, 0xef, /* mov %ds, %eax; out */
		0x8e, 0xd8, 0x8e, 0xd0, /* mov %eax, %ds; mov %eax, %ss: from the GDT */
		0x89, 0xf0, 0xef, /* mov %esi, %eax; out */
		0x8b, 0x86, 0x02, 0x02, 0x00, 0x00, 0xef, /* mov 0x202(%rsi), %eax; out */
		0x8b, 0x46, 0x70, 0xef, /* mov 0x70(%rsi), %eax; out */
		0x48, 0xb8, 0,    0,    0,    0,    1,
		0,    0,    0, /* movabs $1 << 32, %rax: only in long mode */
		0x48, 0xc1, 0xe8, 0x20, 0xef, /* shr $32, %rax; out */
		0x50, 0x58, /* push %rax; pop %rax: there is a stack */
		0xf4, /* hlt */
	};
	struct told told = { 0 };
	struct bz_file f;
	struct rig r;

	bz_make(&f);
	memcpy(f.kernel + BZ_CODE_AT, code, sizeof(code));
	r = rig(*state, &f, sizeof(f));
	rig_map(&r, 256, BZ_RUN_GPA + BZ_INIT_SIZE, VM_RAM_PRIVATE);
	boot_well(&r);
	run_machine(&r, &told);
	assert_int_equal(told.nr, 6);
	assert_int_equal(told.v[0], 0x10);
	assert_int_equal(told.v[1], 0x18);
	assert_int_equal(told.v[2], X86_ZERO_PAGE_GPA);
	assert_memory_equal(&told.v[3], "HdrS", 4);
	assert_int_equal(told.v[4], RSDP);
	assert_int_equal(told.v[5], 1);
	rig_done(&r);
}

static void a_vmlinux_finds_flat_segments_and_its_start_info(void **state)
{
	static const uint8_t code[] = {
		0x66, 0xba, 0xf8, 0x03, /* mov $0x3f8, %dx */
		0x89, 0xd8, 0xef, /* mov %ebx, %eax; out %eax, (%dx) */
		0x8b, 0x03, 0xef, /* mov (%ebx), %eax; out */
		0x8b, 0x43, 0x20, 0xef, /* mov 32(%ebx), %eax; out */
		0x0f, 0x20, 0xc0, 0x25, 0x01, 0x00, 0x00, 0x80, /* mov %cr0, %eax; and $PG|PE */
		0xef, /* out */
		0x8c, 0xd8, 0x8e, 0xd8, 0xef, /* mov %ds, %eax; mov %eax, %ds; out: from the GDT */
		0xf4, /* hlt */
	};
	static struct vx_file f;
	struct told told = { 0 };
	struct rig r;

	vx_make(&f);
	memcpy(f.text + (VX_ENTRY - VX_TEXT_GPA), code, sizeof(code));
	r = rig(*state, &f, sizeof(f));
	rig_map(&r, 256, 32 * VM_MIB, VM_RAM_PRIVATE);
	boot_well(&r);
	run_machine(&r, &told);
	assert_int_equal(told.nr, 5);
	assert_int_equal(told.v[0], X86_START_INFO_GPA);
	assert_int_equal(told.v[1], 0x336ec578);
	assert_int_equal(told.v[2], RSDP);
	assert_int_equal(told.v[3], 1);
	assert_int_equal(told.v[4], 0x18);
	rig_done(&r);
}

/* ---- the kernels of the cache ---- */

static struct rig real_rig(const char *dir, const char *variable)
{
	struct rig r = { .dir = dir };
	const char *path = getenv(variable);

	if (!path || !*path)
		unit_require("tcg", "no kernel in the cache");
	r.path = kt_fmt("%s", path);
	r.o = (struct x86_boot_opts){ .path = r.path, .cmdline = CMDLINE, .rsdp = { RSDP } };
	assert_int_equal(vm_kernel_probe(r.path, &r.kernel, NULL), 0);
	rig_map(&r, 512, r.kernel.end, VM_RAM_PRIVATE);
	boot_well(&r);
	assert_enterable(&r.start.sregs);
	return r;
}

static void the_bzimage_of_the_cache_is_loaded_whole(void **state)
{
	struct rig r = real_rig(*state, "KTSTR_TEST_KERNEL");
	kt_auto(buf) struct kt_buf file = { 0 };
	const struct setup_header *h;
	size_t from, len;

	assert_int_equal(kt_file_read(r.path, 256 << 20, &file, NULL), 0);
	h = (const struct setup_header *)(const void *)(file.data + 0x1f1);
	from = (h->setup_sects + 1U) * 512;
	len = h->syssize * 16U;
	assert_memory_equal(at(&r, VM_MIB, len), file.data + from, len);
	assert_int_equal(r.start.regs.rip, VM_MIB + 0x200);
	/* cld, cli: what startup_64 begins with */
	assert_memory_equal(at(&r, r.start.regs.rip, 2), "\xfc\xfa", 2);
	rig_done(&r);
}

static void the_vmlinux_of_the_cache_is_loaded_whole(void **state)
{
	struct rig r = real_rig(*state, "KTSTR_TEST_VMLINUX");
	kt_auto(buf) struct kt_buf file = { 0 };
	const Elf64_Ehdr *eh;
	const Elf64_Phdr *ph;

	assert_int_equal(kt_file_read(r.path, 256 << 20, &file, NULL), 0);
	eh = (const Elf64_Ehdr *)(const void *)file.data;
	ph = (const Elf64_Phdr *)(const void *)(file.data + eh->e_phoff);
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		assert_memory_equal(at(&r, ph[i].p_paddr, ph[i].p_filesz),
				    file.data + ph[i].p_offset, ph[i].p_filesz);
		assert_zero(&r, ph[i].p_paddr + ph[i].p_filesz, ph[i].p_memsz - ph[i].p_filesz);
	}
	assert_int_equal(r.start.regs.rip, r.kernel.pvh_entry);
	/* cld: what pvh_start_xen begins with */
	assert_memory_equal(at(&r, r.start.regs.rip, 1), "\xfc", 1);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bzimage_is_at_1_mib_and_its_cpu_in_long_mode),
		cmocka_unit_test(
			a_bzimage_that_starts_inside_a_page_and_ram_that_is_shared_are_the_same),
		cmocka_unit_test(a_machine_without_an_initramfs_is_told_of_none),
		cmocka_unit_test(a_long_setup_header_ends_where_boot_params_go_on),
		cmocka_unit_test(damaged_bzimages_are_refused_by_field),
		cmocka_unit_test(a_command_line_that_is_too_long_is_an_error_with_both_lengths),
		cmocka_unit_test(a_vmlinux_is_where_its_segments_say_and_its_cpu_without_paging),
		cmocka_unit_test(damaged_vmlinux_files_are_refused_by_field),
		cmocka_unit_test(a_kernel_that_is_larger_than_ram_fits_when_its_advice_is_followed),
		cmocka_unit_test(a_vmlinux_without_a_pvh_entry_is_refused),
		cmocka_unit_test(a_bzimage_finds_long_mode_its_segments_and_its_parameters),
		cmocka_unit_test(a_vmlinux_finds_flat_segments_and_its_start_info),
		cmocka_unit_test(the_bzimage_of_the_cache_is_loaded_whole),
		cmocka_unit_test(the_vmlinux_of_the_cache_is_loaded_whole),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
