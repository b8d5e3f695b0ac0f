/* SPDX-License-Identifier: GPL-2.0-only */
/* A saved image: the report made of it is the one of the machine, its core has the same pages, and damage is named. */
#include <elf.h>
#include <sys/procfs.h>

#include "driver/capture_image.h"
#include "tests/unit/fake_guest.h"
#include "vmm/image.h"

struct world {
	struct fake_guest f;
	struct vm vm; /* whose RAM the fake guest's is */
	struct vm_image *image;
	gva_t slab, spread;
	char *vmlinux, *path, *core;
};

static const char vmcoreinfo[] = "OSRELEASE=9.9.9-fake\nPAGESIZE=4096\n";

/* A guest with something in all kinds of memory, and its types in a file. */
static void make_world(struct world *w, const char *dir, bool with_vmcoreinfo)
{
	const struct vm_layout l = {
		.nr_nodes = 1,
		.node_bytes = { FAKE_RAM_BYTES },
		.nr_pieces = 1,
		.piece = { { .len = FAKE_RAM_BYTES } },
	};
	struct kt_err e = { 0 };
	const void *btf;
	uint32_t len;

	*w = (struct world){ .vmlinux = kt_fmt("%s/vmlinux", dir),
			     .path = kt_fmt("%s/image", dir),
			     .core = kt_fmt("%s/core", dir) };
	fake_init(&w->f, &(struct fake_opts){ .levels = 5, .cpus = 3 });
	w->slab = fake_alloc(&w->f, 64);
	w->spread = fake_vmalloc(&w->f, 2 * CAP_PAGE);
	fake_put64(&w->f, w->slab, 0x1111);
	fake_put64(&w->f, cap_at(w->spread, CAP_PAGE), 0x2222);
	if (with_vmcoreinfo) {
		gva_t data = fake_static(&w->f, "vmcoreinfo_data", 8);

		fake_put64(&w->f, fake_static(&w->f, "vmcoreinfo_size", 8), strlen(vmcoreinfo));
		fake_put64(&w->f, data, w->slab.v + 16);
		fake_write(&w->f, cap_at(w->slab, 16), vmcoreinfo, strlen(vmcoreinfo));
	}
	(void)fake_types(&w->f);
	btf = btf__raw_data(w->f.btf, &len);
	assert_int_equal(kt_file_write_atomic(w->vmlinux, btf, len, 0600, NULL), 0);
	if (vm_ram_map(&l, VM_RAM_PRIVATE, &w->vm.memory, &e) < 0 ||
	    vm_image_create(&w->vm, VM_IMAGE_RECORD, &w->image, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	assert_int_equal(vm_write_gpa(&w->vm, (gpa_t){ 0 }, w->f.ram, FAKE_RAM_BYTES), 0);
}

static void end_world(struct world *w)
{
	vm_image_free(w->image);
	vm_ram_unmap(&w->vm.memory);
	fake_done(&w->f);
	free(w->vmlinux);
	free(w->path);
	free(w->core);
}

static int read_image(void *ctx, gpa_t gpa, void *buf, size_t len)
{
	return vm_image_read(ctx, gpa, buf, len);
}

static const struct cap_perf perf[] = {
	{ 0 },
	{ .valid = true, .cycles = UINT64_MAX, .instructions = 2, .time_running_ns = 6 },
};
static const struct cap_event_sample events[] = {
	{ .elapsed_ms = 100, .count = { [CAP_EV_BYPASS_DURATION] = INT64_MAX } },
	{ .elapsed_ms = 200, .count = { -1 } },
};

/* What there is to be read, and a report of it. */
static void look(struct cap_guest *g, const struct world *w, const struct cap_dump_opts *o,
		 struct kt_buf *json)
{
	kt_auto(cap_report) struct cap_report *report = NULL;
	uint64_t v = 0;

	assert_int_equal(cap_read_u64(g, w->slab, &v), 0);
	assert_int_equal(v, 0x1111);
	assert_int_equal(cap_read_u64(g, cap_at(w->spread, CAP_PAGE), &v), 0);
	assert_int_equal(v, 0x2222);
	assert_int_equal(cap_guest_cpus(g), 3);
	assert_int_equal(cap_dump(g, o, &report, NULL), 0);
	cap_report_json(report, json);
	assert_true(json->len > 100);
}

static void save(struct world *w, struct kt_buf *json, bool whole)
{
	const struct cap_dump_opts o = {
		.perf = perf, .nr_perf = 2, .events = events, .nr_events = 2
	};
	struct drv_image_vcpu vcpu[3] = { { 0 }, { .valid = true }, { .valid = true } };
	struct cap_vcpu_regs regs[3] = { { 0 } };
	struct cap_guest_config c = fake_config(&w->f);
	const struct drv_image_facts facts = {
		.kernel_release = "9.9.9-fake",
		.vmlinux = w->vmlinux,
		.has_phys_base = true,
		.phys_base = FAKE_PHYS_BASE,
		.symbols = w->f.symbols,
		.vcpu = vcpu,
		.nr_vcpus = 3,
		.perf = perf,
		.nr_perf = 2,
		.events = events,
		.nr_events = 2,
	};
	kt_auto(cap_guest) struct cap_guest *g = NULL;
	struct kt_err e = { 0 };

	for (unsigned n = 0; n < 16; n++)
		vcpu[1].regs.gpr[n] = 100 + n;
	vcpu[1].regs.rip = FAKE_TEXT + 0x42;
	vcpu[1].regs.rsp = UINT64_MAX - 7;
	vcpu[1].regs.cr3 = vcpu[2].regs.cr3 = w->f.root.v;
	vcpu[1].regs.rflags = 0x246;
	vcpu[2].regs.rip = 0x400000;
	for (unsigned n = 1; n < 3; n++)
		regs[n] = (struct cap_vcpu_regs){ true, vcpu[n].regs.rip, vcpu[n].regs.rsp,
						  vcpu[n].regs.cr3 };
	c.mem = (struct mem_source){ read_image, w->image };
	c.vcpus = regs;
	c.nr_vcpus = 3;
	assert_int_equal(cap_guest_open(&c, &g, NULL), 0);
	look(g, w, &o, json);
	drv_image_want_core(w->f.symbols, g);
	if (whole)
		assert_int_equal(vm_image_keep_all(w->image, &w->vm), 0);
	vm_image_seal(w->image);
	if (drv_image_save(w->image, &facts, w->path, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
}

static void a_report_of_the_image_is_that_of_the_machine(void **state)
{
	kt_auto(buf) struct kt_buf live = { 0 }, again = { 0 };
	kt_auto(drv_image) struct drv_image i = { 0 };
	kt_auto(cap_types) struct cap_types *types = NULL;
	kt_auto(cap_guest) struct cap_guest *g = NULL;
	struct cap_guest_config c;
	struct cap_dump_opts o = { 0 };
	struct world w;
	struct kt_err e = { 0 };

	make_world(&w, *state, true);
	save(&w, &live, false);
	if (drv_image_load(w.path, &i, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	assert_string_equal(i.facts.kernel_release, "9.9.9-fake");
	assert_string_equal(i.facts.vmlinux, w.vmlinux);
	assert_int_equal(strlen(i.facts.vmlinux_sha256), 64);
	assert_null(i.facts.program);
	assert_int_equal(i.facts.nr_vcpus, 3);
	assert_false(i.vcpu[0].valid);
	assert_int_equal(i.vcpu[1].regs.gpr[15], 115);
	assert_memory_equal(i.perf, perf, sizeof(perf));
	assert_memory_equal(i.events, events, sizeof(events));
	assert_int_equal(cap_types_load(i.facts.vmlinux, &types, NULL), 0);
	c = drv_image_guest(&i, types, NULL);
	assert_int_equal(cap_guest_open(&c, &g, NULL), 0);
	o.perf = i.facts.perf;
	o.nr_perf = i.facts.nr_perf;
	o.events = i.facts.events;
	o.nr_events = i.facts.nr_events;
	look(g, &w, &o, &again);
	assert_string_equal(kt_buf_str(&live), kt_buf_str(&again));
	end_world(&w);
}

/* ---- the core ---- */

static const Elf64_Nhdr *next_note(const char **at, const char **ret_name, const char **ret_desc)
{
	const Elf64_Nhdr *h = (const Elf64_Nhdr *)*at;

	*ret_name = *at + sizeof(*h);
	*ret_desc = *ret_name + (h->n_namesz + 3) / 4 * 4;
	*at = *ret_desc + (h->n_descsz + 3) / 4 * 4;
	return h;
}

static void check_registers(const char *desc)
{
	const struct elf_prstatus *p = (const struct elf_prstatus *)desc;
	const struct user_regs_struct *u = (const struct user_regs_struct *)p->pr_reg;

	assert_int_equal(u->rip, FAKE_TEXT + 0x42);
	assert_int_equal(u->rsp, UINT64_MAX - 7);
	assert_int_equal(u->eflags, 0x246);
	assert_int_equal(u->rax, 100);
	assert_int_equal(u->rbx, 103);
	assert_int_equal(u->rbp, 105);
	assert_int_equal(u->r15, 115);
	assert_int_equal(u->cs, 0x10);
}

/* What crash knows a virtual machine's core by (QEMUCPUState, target/i386/arch_dump.c of QEMU 10). */
static void check_qemu_registers(const char *desc)
{
	const uint64_t *word = (const uint64_t *)desc;

	assert_int_equal(word[0], 440ULL << 32 | 1);
	assert_int_equal(word[1], 100); /* rax */
	assert_int_equal(word[2], 103); /* rbx */
	assert_int_equal(word[7], UINT64_MAX - 7); /* rsp */
	assert_int_equal(word[8], 105); /* rbp */
	assert_int_equal(word[16], 115); /* r15 */
	assert_int_equal(word[17], FAKE_TEXT + 0x42);
	assert_int_equal(word[18], 0x246);
	assert_int_equal(word[19] & UINT32_MAX, 0x10); /* cs */
}

static void check_core(const struct world *w, const struct kt_buf *core, bool whole,
		       const char *want)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)core->data;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(core->data + eh->e_phoff);
	const char *at = core->data + ph[0].p_offset, *name, *desc;
	uint64_t pages = 0, image_pages = 0;

	assert_memory_equal(eh->e_ident, ELFMAG, SELFMAG);
	assert_int_equal(eh->e_type, ET_CORE);
	assert_int_equal(ph[0].p_type, PT_NOTE);
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		assert_int_equal(next_note(&at, &name, &desc)->n_type, NT_PRSTATUS);
		assert_string_equal(name, "CORE");
		if (cpu == 1)
			check_registers(desc);
	}
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		assert_int_equal(next_note(&at, &name, &desc)->n_descsz, 440);
		assert_string_equal(name, "QEMU");
		if (cpu == 1)
			check_qemu_registers(desc);
	}
	assert_int_equal(next_note(&at, &name, &desc)->n_descsz, strlen(want));
	assert_string_equal(name, "VMCOREINFO");
	assert_memory_equal(desc, want, strlen(want));
	for (unsigned n = 1; n < eh->e_phnum; n++) {
		assert_int_equal(ph[n].p_type, PT_LOAD);
		if (ph[n].p_vaddr >= CAP_KERNEL_MAP) {
			assert_int_equal(ph[n].p_vaddr - FAKE_TEXT, ph[n].p_paddr - FAKE_IMAGE_PA);
			image_pages += ph[n].p_filesz / CAP_PAGE;
		} else {
			assert_int_equal(ph[n].p_vaddr, FAKE_DIRECT_5 + ph[n].p_paddr);
			pages += ph[n].p_filesz / CAP_PAGE;
		}
		assert_int_equal(ph[n].p_offset % CAP_PAGE, 0);
		assert_int_equal(ph[n].p_align, 0); /* else crash takes it for netdump's */
		assert_true(ph[n].p_offset + ph[n].p_filesz <= core->len);
		assert_memory_equal(core->data + ph[n].p_offset, w->f.ram + ph[n].p_paddr,
				    ph[n].p_filesz);
	}
	assert_true(image_pages > 1); /* variables, and the root of the page tables */
	assert_int_equal(pages, (whole ? FAKE_RAM_BYTES : vm_image_bytes(w->image)) / CAP_PAGE);
	if (whole)
		assert_int_equal(eh->e_phnum, 3);
}

static void write_core(void **state, bool with_vmcoreinfo, bool whole, const char *want)
{
	kt_auto(buf) struct kt_buf json = { 0 }, core = { 0 };
	kt_auto(drv_image) struct drv_image i = { 0 };
	kt_auto(cap_guest) struct cap_guest *g = NULL;
	struct cap_guest_config c;
	struct world w;

	make_world(&w, *state, with_vmcoreinfo);
	save(&w, &json, whole);
	assert_int_equal(drv_image_load(w.path, &i, NULL), 0);
	c = drv_image_guest(&i, NULL, NULL);
	assert_int_equal(cap_guest_open(&c, &g, NULL), 0);
	assert_int_equal(drv_image_write_core(&i, g, w.core, NULL), 0);
	assert_int_equal(kt_file_read(w.core, FAKE_RAM_BYTES * 2, &core, NULL), 0);
	check_core(&w, &core, whole, want);
	end_world(&w);
}

static void its_core_has_the_pages_the_registers_and_the_kernels_note(void **state)
{
	write_core(state, true, false, vmcoreinfo);
}

static void of_all_of_memory_the_core_has_a_segment_for_each_piece_of_it(void **state)
{
	write_core(state, true, true, vmcoreinfo);
}

static void without_the_kernels_note_the_core_has_one_of_ours(void **state)
{
	kt_auto(mem) char *want = kt_fmt("OSRELEASE=9.9.9-fake\n"
					 "PAGESIZE=4096\n"
					 "SYMBOL(swapper_pg_dir)=ffffffff81001000\n"
					 "SYMBOL(_stext)=ffffffff81000000\n"
					 "KERNELOFFSET=0\n"
					 "NUMBER(phys_base)=%lld\n"
					 "NUMBER(pgtable_l5_enabled)=1\n",
					 (long long)FAKE_PHYS_BASE);

	write_core(state, false, false, want);
}

/* ---- damage ---- */

static void notes_that_are_damaged_are_told_by_what_is_wrong(void **state)
{
	static const struct {
		const char *notes, *why;
	} rows[] = {
		{ "", "is memory alone, without what was known of its guest" },
		{ "text", "they are no JSON object" },
		{ "[1]", "they are no JSON object" },
		{ "{\"schema_version\": 1", "they are no JSON object" },
		{ "{\"schema_version\": 2, \"symbols\": []}", "they are not of this version" },
		{ "{\"symbols\": []}", "they are not of this version" },
		{ "{\"schema_version\": 1}", "symbols" },
		{ "{\"schema_version\": 1, \"symbols\": [\"text\"]}", "symbols" },
		{ "{\"schema_version\": 1, \"symbols\": [7]}", "symbols" },
		{ "{\"schema_version\": 1, \"vcpus\": {}, \"symbols\": []}", "vcpus" },
		{ "{\"schema_version\": 1, \"vcpus\": [7], \"symbols\": []}", "vcpus" },
		{ "{\"schema_version\": 1, \"vcpus\": [null, {\"rip\": -1}], \"symbols\": []}",
		  "vcpus" },
		{ "{\"schema_version\": 1, \"perf\": [[1, 2]], \"symbols\": []}", "perf" },
		{ "{\"schema_version\": 1, \"events\": [null], \"symbols\": []}", "events" },
		{ "{\"schema_version\": 1, \"symbols\": [[[[[[[[[[1]]]]]]]]]]}",
		  "they are no JSON object" },
	};
	struct world w;

	make_world(&w, *state, false);
	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		struct drv_image i = { 0 };
		struct kt_err e = { 0 };
		kt_auto(mem) char *want = kt_fmt(
			n ? "the notes of '%s' are damaged: %s" : "'%s' %s", w.path, rows[n].why);

		assert_int_equal(vm_image_save(w.image, rows[n].notes, w.path, NULL), 0);
		assert_true(drv_image_load(w.path, &i, &e) < 0);
		assert_int_equal(e.kind, KT_E_HOST);
		assert_string_equal(unit_err_text(&e), want);
		assert_null(i.memory);
	}
	end_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_of_the_image_is_that_of_the_machine),
		cmocka_unit_test(its_core_has_the_pages_the_registers_and_the_kernels_note),
		cmocka_unit_test(of_all_of_memory_the_core_has_a_segment_for_each_piece_of_it),
		cmocka_unit_test(without_the_kernels_note_the_core_has_one_of_ours),
		cmocka_unit_test(notes_that_are_damaged_are_told_by_what_is_wrong),
	};

	return cmocka_run_group_tests_name("driver capture image", tests, unit_tmp_setup,
					   unit_tmp_teardown);
}
