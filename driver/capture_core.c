/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A saved image as an ELF core, as kdump makes them: pages by guest-physical address, the kernel's own note of where
 * things are, and the registers of each vCPU. For crash, drgn and gdb.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "base/file.h"
#include "driver/capture_image.h"

enum {
	PAGE = 4096,
	VMCOREINFO_MAX = 4096, /* VMCOREINFO_BYTES (include/linux/vmcore_info.h, 6.12) */
	KERNEL_CS = 0x10,
	KERNEL_SS = 0x18,
	USER_CS = 0x33,
	USER_SS = 0x2b, /* arch/x86/include/asm/segment.h, 6.12 */
};
#define DIRECT_4 UINT64_C(0xffff888000000000)

/* One segment. Pages of the kernel's image are in two: where all memory is mapped, and at the image's own addresses. */
struct run {
	uint64_t gpa, bytes, va;
	uint64_t at; /* of its pages among all */
};
struct core {
	const struct drv_image *i;
	uint64_t direct; /* where all memory is mapped: a segment's virtual address */
	uint64_t text, text_gpa, text_bytes; /* the kernel's image; 0 bytes: not known */
	uint64_t bytes; /* of all pages */
	KT_VEC(struct run) run;
	size_t nr_direct; /* of the runs: those where all memory is mapped, ascending, before the others */
	struct kt_buf notes, headers;
	bool oom;
	/* While its pages are written: */
	int fd, result;
	size_t at_run;
};

/* ---- notes ---- */

static void add_note(struct kt_buf *b, const char *name, uint32_t type, const void *desc,
		     size_t len)
{
	static const char zero[4];
	const Elf64_Nhdr h = { .n_namesz = (Elf64_Word)strlen(name) + 1,
			       .n_descsz = (Elf64_Word)len,
			       .n_type = type };

	kt_buf_add(b, &h, sizeof(h));
	kt_buf_add(b, name, h.n_namesz);
	kt_buf_add(b, zero, -(size_t)h.n_namesz % sizeof(zero));
	kt_buf_add(b, desc, len);
	kt_buf_add(b, zero, -len % sizeof(zero));
}

/* Segments are not among the registers that are kept: they follow from where the CPU was. */
static void add_vcpu(struct kt_buf *b, unsigned cpu, const struct drv_image_vcpu *v)
{
	/* The order of struct user_regs_struct; those of vm_regs are rax rcx rdx rbx rsp rbp rsi rdi r8..r15. */
	static const uint8_t order[] = { 15, 14, 13, 12, 5, 3, 11, 10, 9, 8, 0, 1, 2, 6, 7 };
	struct elf_prstatus p = { .pr_pid = (pid_t)cpu + 1 };
	bool kernel = v->regs.rip >> 63;
	struct user_regs_struct *u = (struct user_regs_struct *)p.pr_reg;

	if (v->valid) {
		for (size_t n = 0; n < sizeof(order); n++)
			p.pr_reg[n] = v->regs.gpr[order[n]];
		u->orig_rax = UINT64_MAX;
		u->rip = v->regs.rip;
		u->rsp = v->regs.rsp;
		u->eflags = v->regs.rflags;
		u->cs = kernel ? KERNEL_CS : USER_CS;
		u->ss = kernel ? KERNEL_SS : USER_SS;
	}
	add_note(b, "CORE", NT_PRSTATUS, &p, sizeof(p));
}

/*
 * The note that QEMU's dump-guest-memory adds for each CPU (target/i386/arch_dump.c, QEMU 10). By it crash knows that no
 * kernel stopped its own CPUs here, and that the registers above are those of the tasks that ran; without it it goes
 * through the stacks in search of the one that panicked.
 */
struct qemu_segment {
	uint32_t selector, limit, flags, pad;
	uint64_t base;
};
struct qemu_cpu_state {
	uint32_t version, size;
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r[8], rip, rflags;
	struct qemu_segment cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt;
	uint64_t cr[5], kernel_gs_base;
};
_Static_assert(sizeof(struct qemu_cpu_state) == 440, "as QEMU writes it");

static void add_qemu_vcpu(struct kt_buf *b, const struct drv_image_vcpu *v)
{
	const uint64_t *gpr = v->regs.gpr;
	bool kernel = v->regs.rip >> 63;
	struct qemu_cpu_state s = { .version = 1, .size = sizeof(s) };

	if (v->valid) {
		s.rax = gpr[0];
		s.rcx = gpr[1];
		s.rdx = gpr[2];
		s.rbx = gpr[3];
		s.rsp = v->regs.rsp;
		s.rbp = gpr[5];
		s.rsi = gpr[6];
		s.rdi = gpr[7];
		memcpy(s.r, gpr + 8, sizeof(s.r));
		s.rip = v->regs.rip;
		s.rflags = v->regs.rflags;
		s.cs.selector = kernel ? KERNEL_CS : USER_CS;
		s.ss.selector = kernel ? KERNEL_SS : USER_SS;
		s.cr[3] = v->regs.cr3;
	}
	add_note(b, "QEMU", 0, &s, sizeof(s));
}

static bool read_variable(const struct drv_image *i, struct cap_guest *g, const char *name,
			  uint64_t *ret)
{
	uint64_t at;

	return cap_symbols_find(i->symbols, name, &at) &&
	       cap_guest_read(g, (gva_t){ at }, ret, sizeof(*ret)) == 0;
}

/* The text that the kernel wrote for this (kernel/vmcore_info.c, 6.12), where the image has it. */
static bool read_vmcoreinfo(const struct cap_symbols *s, struct cap_guest *g, char *buf,
			    size_t *ret)
{
	uint64_t data_at, size_at, data, size;

	if (!cap_symbols_find(s, "vmcoreinfo_data", &data_at) ||
	    !cap_symbols_find(s, "vmcoreinfo_size", &size_at) ||
	    cap_guest_read(g, (gva_t){ data_at }, &data, sizeof(data)) < 0 ||
	    cap_guest_read(g, (gva_t){ size_at }, &size, sizeof(size)) < 0 || size == 0 ||
	    size > VMCOREINFO_MAX || cap_guest_read(g, (gva_t){ data }, buf, size) < 0)
		return false;
	*ret = size;
	return true;
}

void drv_image_want_core(const struct cap_symbols *s, struct cap_guest *g)
{
	char buf[VMCOREINFO_MAX];
	size_t len;

	(void)read_vmcoreinfo(s, g, buf, &len); /* all that matters is that it was read */
}

/* As much of it as we know ourselves. */
static void make_vmcoreinfo(const struct core *c, struct kt_buf *b)
{
	static const char *const symbols[][2] = { { "init_top_pgt", "swapper_pg_dir" },
						  { "init_uts_ns", "init_uts_ns" },
						  { "_text", "_stext" } };
	const struct drv_image_facts *f = &c->i->facts;
	uint64_t text, at;

	if (f->kernel_release)
		kt_buf_addf(b, "OSRELEASE=%s\n", f->kernel_release);
	kt_buf_addf(b, "PAGESIZE=%d\n", PAGE);
	for (size_t n = 0; n < sizeof(symbols) / sizeof(symbols[0]); n++) {
		if (cap_symbols_find(c->i->symbols, symbols[n][0], &at))
			kt_buf_addf(b, "SYMBOL(%s)=%" PRIx64 "\n", symbols[n][1], at);
	}
	if (cap_symbols_find(c->i->symbols, "_text", &text))
		kt_buf_addf(b, "KERNELOFFSET=%" PRIx64 "\n", text - UINT64_C(0xffffffff81000000));
	if (f->has_phys_base)
		kt_buf_addf(b, "NUMBER(phys_base)=%" PRId64 "\n", (int64_t)f->phys_base);
	kt_buf_addf(b, "NUMBER(pgtable_l5_enabled)=%d\n", c->direct < UINT64_C(0xffff800000000000));
}

static void make_notes(struct core *c, struct cap_guest *g)
{
	kt_auto(buf) struct kt_buf made = { 0 };
	char text[VMCOREINFO_MAX];
	size_t len = 0;

	for (size_t n = 0; n < c->i->facts.nr_vcpus; n++)
		add_vcpu(&c->notes, (unsigned)n, &c->i->vcpu[n]);
	for (size_t n = 0; n < c->i->facts.nr_vcpus; n++)
		add_qemu_vcpu(&c->notes, &c->i->vcpu[n]);
	if (read_vmcoreinfo(c->i->symbols, g, text, &len)) {
		add_note(&c->notes, "VMCOREINFO", 0, text, len);
		return;
	}
	make_vmcoreinfo(c, &made);
	c->oom |= !kt_buf_ok(&made);
	add_note(&c->notes, "VMCOREINFO", 0, kt_buf_str(&made), made.len);
}

/* ---- the file ---- */

static void add_direct(struct core *c, uint64_t gpa, uint64_t bytes)
{
	if (KT_VEC_PUSH(&c->run, (struct run){ gpa, bytes, c->direct + gpa, c->bytes }) < 0)
		c->oom = true;
	c->bytes += bytes;
}

static void count_page(void *ctx, gpa_t gpa, const void *page)
{
	struct core *c = ctx;
	struct run *last = c->run.nr ? &c->run.v[c->run.nr - 1] : NULL;

	(void)page;
	if (last && last->gpa + last->bytes == gpa.v) {
		last->bytes += PAGE;
		c->bytes += PAGE;
	} else {
		add_direct(c, gpa.v, PAGE);
	}
}

/* All of RAM, where the image has it: pages of zeros are holes of the file. Else the pages that there are. */
static void add_memory(struct core *c)
{
	struct vm_ram ram;

	for (size_t n = 0; vm_image_whole(c->i->memory, n, &ram); n++)
		add_direct(c, ram.gpa.v, ram.len);
	if (c->run.nr == 0)
		vm_image_each_page(c->i->memory, count_page, c);
	c->nr_direct = c->run.nr;
}

/* As kdump does (arch/x86/kernel/crash.c and fs/proc/vmcore.c, 6.12): debuggers begin with the image's page tables. */
static void add_image(struct core *c)
{
	uint64_t end = c->text_gpa + c->text_bytes;

	for (size_t n = 0, nr = c->run.nr; n < nr; n++) {
		struct run r = c->run.v[n];
		uint64_t skip = r.gpa < c->text_gpa ? c->text_gpa - r.gpa : 0;

		if (r.gpa >= end || skip >= r.bytes)
			continue;
		r.gpa += skip;
		r.at += skip;
		r.bytes -= skip;
		if (r.bytes > end - r.gpa)
			r.bytes = end - r.gpa;
		r.va = c->text + (r.gpa - c->text_gpa);
		if (KT_VEC_PUSH(&c->run, r) < 0)
			c->oom = true;
	}
}

static void find_image(struct core *c, struct cap_guest *g)
{
	uint64_t text, end;
	gpa_t gpa;

	if (!cap_symbols_find(c->i->symbols, "_text", &text) ||
	    !cap_symbols_find(c->i->symbols, "_end", &end) || text % PAGE || end <= text ||
	    cap_guest_translate(g, (gva_t){ text }, &gpa) < 0 || gpa.v + (end - text) < gpa.v)
		return;
	c->text = text;
	c->text_gpa = gpa.v;
	c->text_bytes = (end - text + PAGE - 1) / PAGE * PAGE;
}

/* More segments than fit into its field are counted in a section header (gABI, "Extended numbering"). */
static void add_headers(struct core *c)
{
	size_t nr = c->run.nr + 1;
	bool many = nr >= PN_XNUM;
	const Elf64_Ehdr eh = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr) + (many ? sizeof(Elf64_Shdr) : 0),
		.e_shoff = many ? sizeof(Elf64_Ehdr) : 0,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = many ? PN_XNUM : (Elf64_Half)nr,
		.e_shentsize = many ? sizeof(Elf64_Shdr) : 0,
		.e_shnum = many,
	};
	Elf64_Phdr note = { .p_type = PT_NOTE, .p_filesz = c->notes.len, .p_memsz = c->notes.len };
	const Elf64_Shdr counts = { .sh_info = (Elf64_Word)nr };
	uint64_t at = eh.e_phoff + nr * sizeof(Elf64_Phdr);

	kt_buf_add(&c->headers, &eh, sizeof(eh));
	if (many)
		kt_buf_add(&c->headers, &counts, sizeof(counts));
	note.p_offset = at;
	kt_buf_add(&c->headers, &note, sizeof(note));
	at = (at + c->notes.len + PAGE - 1) / PAGE * PAGE;
	/* p_align stays 0, as the kernel leaves it: by that crash knows a core like kdump's (is_netdump(), crash 8.0). */
	for (size_t n = 0; n < c->run.nr; n++) {
		const struct run *r = &c->run.v[n];
		const Elf64_Phdr ph = { .p_type = PT_LOAD,
					.p_flags = PF_R | PF_W | PF_X,
					.p_offset = at + r->at,
					.p_vaddr = r->va,
					.p_paddr = r->gpa,
					.p_filesz = r->bytes,
					.p_memsz = r->bytes };

		kt_buf_add(&c->headers, &ph, sizeof(ph));
	}
}

static void make_headers(struct core *c)
{
	static const char zero[PAGE];

	add_headers(c);
	kt_buf_add(&c->headers, kt_buf_str(&c->notes), c->notes.len);
	kt_buf_add(&c->headers, zero, -c->headers.len % PAGE);
}

static int write_at(int fd, const char *data, size_t len, uint64_t offset)
{
	ssize_t n;

	for (size_t at = 0; at < len; at += (size_t)n) {
		n = pwrite(fd, data + at, len - at, (off_t)(offset + at));
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return -errno;
	}
	return 0;
}

/* Pages come ascending, and each is in one of the runs where all memory is mapped. */
static void write_page(void *ctx, gpa_t gpa, const void *page)
{
	struct core *c = ctx;
	const struct run *r = &c->run.v[c->at_run];

	while (c->at_run < c->nr_direct && gpa.v - r->gpa >= r->bytes)
		r = &c->run.v[++c->at_run];
	if (c->at_run < c->nr_direct && c->result == 0)
		c->result = write_at(c->fd, page, PAGE, c->headers.len + r->at + gpa.v - r->gpa);
}

static int fill(void *ctx, int fd)
{
	struct core *c = ctx;

	c->fd = fd;
	c->result = ftruncate(fd, (off_t)(c->headers.len + c->bytes)) < 0 ? -errno : 0;
	if (c->result == 0)
		c->result = write_at(fd, c->headers.data, c->headers.len, 0);
	vm_image_each_page(c->i->memory, write_page, c);
	return c->result;
}

int drv_image_write_core(const struct drv_image *i, struct cap_guest *g, const char *path,
			 struct kt_err *e)
{
	struct core c = { .i = i, .direct = DIRECT_4 };
	int r;

	(void)read_variable(i, g, "page_offset_base", &c.direct); /* else it is the constant */
	find_image(&c, g);
	add_memory(&c);
	add_image(&c);
	make_notes(&c, g);
	make_headers(&c);
	if (c.oom || !kt_buf_ok(&c.notes) || !kt_buf_ok(&c.headers))
		r = kt_fail(e, KT_E_HOST, ENOMEM, "make a core of guest memory");
	else
		r = kt_context(e, kt_file_replace(path, fill, &c, e),
			       "write a core of guest memory");
	free(c.run.v);
	kt_buf_done(&c.notes);
	kt_buf_done(&c.headers);
	return r;
}
