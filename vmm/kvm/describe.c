/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vm.txt: the whole machine for people, as the comment of a shell script; and the script runs the nearest machine that QEMU
 * makes on KVM, to look at a guest by hand without us.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/kvm/internal.h"

#define PROGRAM "qemu-system-x86_64"

/* Lines of @text, each as a comment: what is in them is not for the shell. */
static void add_comment(struct kt_buf *b, const char *text)
{
	size_t len;

	for (;; text += len + 1) {
		len = strcspn(text, "\n");
		kt_buf_adds(b, len ? "# " : "#");
		kt_buf_add_printable(b, text, len);
		kt_buf_addc(b, '\n');
		if (!text[len])
			return;
	}
}

static void __attribute__((format(printf, 2, 3))) comment(struct kt_buf *b, const char *fmt, ...)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	kt_buf_vaddf(&text, fmt, ap);
	va_end(ap);
	b->oom |= text.oom;
	add_comment(b, kt_buf_str(&text));
}

static void add_range(struct kt_buf *b, uint64_t gpa, uint64_t len, const char *what)
{
	comment(b, "  0x%012llx-0x%012llx %s", (unsigned long long)gpa,
		(unsigned long long)(gpa + len - 1), what);
}

/* ---- the machine ---- */

static void add_guest(struct kt_buf *b, const struct kvm_description *d)
{
	comment(b, "\nkernel: %s (%s)", d->kernel,
		d->image->elf ? "vmlinux, by its PVH entry" : "bzImage, by its 64-bit entry");
	comment(b, "initrd: %s and %zu bytes more (initrd-extra.cpio)", d->config->initrd_base,
		d->config->initrd_extra_len);
	comment(b, "command line: %s", d->cmdline);
}

static void add_memory(struct kt_buf *b, const struct kvm_machine *m,
		       const struct kvm_description *d)
{
	const struct vm_layout *l = &m->memory->layout;
	uint64_t tables_len = 0;
	gpa_t tables = vm_layout_tables(l, &tables_len);
	char what[64];

	comment(b, "\nmemory: %llu MiB in %u nodes (%s)",
		(unsigned long long)(l->total_bytes / VM_MIB), l->nr_nodes,
		m->memory->kind == VM_RAM_HUGETLB ? "from the host's pool of huge pages"
						  : "private, huge pages where the host has them");
	for (size_t i = 0; i < l->nr_pieces; i++) {
		(void)kt_snprintf(what, sizeof(what), "RAM of node %u",
				  l->piece[i].node); /* fits */
		add_range(b, l->piece[i].gpa.v, l->piece[i].len, what);
	}
	comment(b, "in it:");
	add_range(b, l->ring.v, l->ring_len, "the frame window (reserved)");
	if (d->initrd_len)
		add_range(b, l->initrd_floor.v, d->initrd_len, "initrd");
	add_range(b, tables.v, tables_len, "ACPI tables");
	comment(b, "  0x%012llx RSDP", (unsigned long long)d->rsdp.v);
	comment(b, "and outside:");
	add_range(b, X86_DOORBELL_GPA, 4096, "the doorbell: any store rings");
	add_range(b, X86_IOAPIC_GPA, 4096, "IOAPIC");
	add_range(b, X86_LAPIC_GPA, 4096, "local APIC of each CPU");
	add_range(b, X86_KVM_TSS_GPA - 4096, 4 * 4096, "KVM's own, for real mode on Intel");
}

static void add_e820(struct kt_buf *b, const struct kvm_machine *m)
{
	static const char *const types[] = {
		[X86_E820_RAM] = "RAM",
		[X86_E820_RESERVED] = "reserved",
		[X86_E820_ACPI] = "ACPI",
	};
	struct x86_e820 map;

	x86_e820_make(&m->memory->layout, &map);
	comment(b, "\nwhat the kernel is told of it (e820):");
	for (unsigned i = 0; i < map.nr; i++)
		add_range(b, map.e[i].gpa, map.e[i].len, types[map.e[i].type]);
}

static void add_cpus(struct kt_buf *b, const struct kvm_machine *m)
{
	const struct kt_topology *t = &m->topology;
	char host[32] = "";

	comment(b, "\nvCPUs: %u, in %u LLCs of %u cores with %u threads", m->nr_cpus, t->nr_llcs,
		t->cores, t->threads);
	comment(b, "   CPU node  LLC core thread APIC-id%s", m->perf.pinned ? " host-CPU" : "");
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
		if (m->perf.pinned)
			(void)kt_snprintf(host, sizeof(host), " %8u",
					  m->perf.place.host_cpu[cpu]); /* fits */
		comment(b, "  %4u %4u %4u %4u %6u %7u%s", cpu, kt_topo_node_of_cpu(t, cpu),
			kt_topo_llc_of_cpu(t, cpu), cpu / t->threads % t->cores, cpu % t->threads,
			x86_apic_id(t, cpu), host);
	}
}

static void add_devices(struct kt_buf *b)
{
	comment(b,
		"\ndevices: local APICs, IOAPIC, PICs, PIT (in the host's kernel); ports:\n"
		"  0x%x COM1, irq %d: the console\n"
		"  0x%x COM2, irq %d: bells down, and up where there is no doorbell\n"
		"  0x%x sleep control, 0x%x sleep status, 0x%x reset (ACPI)",
		X86_COM1_PORT, X86_COM1_IRQ, X86_COM2_PORT, X86_COM2_IRQ, X86_SLEEP_CONTROL_PORT,
		X86_SLEEP_STATUS_PORT, X86_RESET_PORT);
}

static void add_host(struct kt_buf *b, const struct kvm_machine *m)
{
	const struct kvm_caps *c = &m->caps;

	comment(b,
		"\nthis host's KVM: at most %u vCPUs, APIC ids below %u, %u memory slots; ioeventfd %s, 32-bit APIC ids %s,\n"
		"  TSC deadline timer %s, TSC offset of a vCPU %s, guest debugging %s",
		c->max_vcpus, c->max_vcpu_id, c->nr_memslots, c->ioeventfd ? "yes" : "no",
		c->x2apic_api ? "yes" : "no", c->tsc_deadline ? "yes" : "no",
		c->vcpu_tsc_offset ? "yes" : "no", c->guest_debug ? "yes" : "no");
	for (size_t i = 0; i < m->perf.notes.nr; i++)
		comment(b, "note: %s", m->perf.notes.v[i]);
}

/* ---- QEMU's nearest ---- */

static void __attribute__((format(printf, 2, 3))) option(struct kt_buf *b, const char *fmt, ...)
{
	va_list ap;

	kt_buf_adds(b, " \\\n\t");
	va_start(ap, fmt);
	kt_buf_vaddf(b, fmt, ap);
	va_end(ap);
}

static void add_qemu_nodes(struct kt_buf *b, const struct kvm_machine *m)
{
	const struct kt_topology *t = &m->topology;

	for (unsigned n = 0; n < t->nr_nodes; n++) {
		option(b, "-object memory-backend-memfd,id=node%u,size=%llu", n,
		       (unsigned long long)m->memory->layout.node_bytes[n]);
		option(b, "-numa node,nodeid=%u,memdev=node%u", n, n);
	}
	for (unsigned llc = 0; llc < t->nr_llcs; llc++)
		option(b, "-numa cpu,node-id=%u,socket-id=%u", kt_topo_node_of_llc(t, llc), llc);
	for (unsigned from = 0; from < t->nr_nodes; from++) {
		for (unsigned to = 0; to < t->nr_nodes; to++) {
			if (from != to)
				option(b, "-numa dist,src=%u,dst=%u,val=%u", from, to,
				       kt_topo_distance(t, from, to));
		}
	}
}

/*
 * The i440FX machine splits its RAM at 3 GiB (hw/i386/pc_piix.c), as ours does, so that the frame window is in RAM there,
 * too. It has firmware and more devices, no doorbell, and no HMAT here.
 */
static void add_qemu(struct kt_buf *b, const struct kvm_machine *m, const struct kvm_description *d)
{
	const struct kt_topology *t = &m->topology;
	const struct vm_layout *l = &m->memory->layout;
	kt_auto(mem) char *base = realpath(d->config->initrd_base, NULL);
	kt_auto(buf) struct kt_buf cmdline = { 0 };

	vm_layout_reserve_ring(l, &cmdline);
	kt_buf_addc(&cmdline, ' ');
	vm_kernel_cmdline(l, d->config->cmdline, &cmdline);
	b->oom |= cmdline.oom;
	kt_buf_adds(b, "set -eu\ncd \"$(dirname \"$0\")\"\ntmp=$(mktemp -d)\n"
		       "trap 'rm -rf \"$tmp\"' EXIT\ncat ");
	kt_buf_add_shell(b, base ? base : d->config->initrd_base);
	kt_buf_adds(b, " initrd-extra.cpio >\"$tmp/initrd\"\n" PROGRAM);
	option(b, "-nodefaults -no-user-config -no-reboot -display none");
	option(b, "-M pc,usb=off -accel kvm -cpu host");
	option(b, "-smp %u,sockets=%u,dies=1,cores=%u,threads=%u", m->nr_cpus, t->nr_llcs, t->cores,
	       t->threads);
	option(b, "-m %lluM", (unsigned long long)(l->total_bytes / VM_MIB));
	add_qemu_nodes(b, m);
	option(b, "-serial stdio -serial null");
	option(b, "-kernel ");
	kt_buf_add_shell(b, d->kernel);
	option(b, "-initrd \"$tmp/initrd\"");
	option(b, "-append ");
	kt_buf_add_shell(b, kt_buf_str(&cmdline) + 1);
	option(b, "-device loader,file=ring.bin,addr=0x%llx,force-raw=on\n",
	       (unsigned long long)l->ring.v);
}

/* ---- files ---- */

static void render(struct kt_buf *b, const struct kvm_machine *m, const struct kvm_description *d)
{
	kt_buf_adds(b, "#!/bin/sh\n");
	comment(b, "This machine, as our VMM set it up on KVM.");
	add_guest(b, d);
	add_memory(b, m, d);
	add_e820(b, m);
	add_cpus(b, m);
	add_devices(b);
	add_host(b, m);
	if (x86_apic_id_max(&m->topology) > X86_APIC_ID_PLAIN_MAX) {
		comment(b,
			"\nQEMU has no machine like it on KVM: its APIC ids go above %d, which takes an IOMMU there.",
			X86_APIC_ID_PLAIN_MAX);
		kt_buf_adds(b,
			    "echo 'vm.txt: to be read; QEMU has no machine like it' >&2\nexit 1\n");
		return;
	}
	comment(b,
		"\nThe nearest that QEMU makes, to be run by hand: sh vm.txt. The guest's console is the terminal; Ctrl-C\n"
		"ends it. initrd-extra.cpio and ring.bin (the header of the frame window) are beside this file.");
	add_qemu(b, m, d);
}

int kvm_describe(struct kvm_machine *m, const struct kvm_description *d, struct kt_err *e)
{
	const struct vm_config *c = d->config;
	struct kvm_papers *p = &m->papers;

	if (!c->log_dir)
		return 0;
	p->dir = strdup(c->log_dir);
	kt_buf_add(&p->initrd_extra, c->initrd_extra, c->initrd_extra_len);
	/* The first page of a fresh window is all of it that is not zero. */
	kt_buf_add(&p->ring, vm_ram_buf(m->memory, m->memory->layout.ring, GST_WINDOW_PAGE),
		   GST_WINDOW_PAGE);
	render(&p->vm_txt, m, d);
	if (!p->dir || !kt_buf_ok(&p->initrd_extra) || !kt_buf_ok(&p->ring) ||
	    !kt_buf_ok(&p->vm_txt))
		return kt_fail(e, KT_E_HOST, ENOMEM, "describe the machine for vm.txt");
	return 0;
}

int kvm_papers_write(struct kvm_papers *p, struct kt_err *e)
{
	const struct {
		const char *name;
		const struct kt_buf *contents;
	} files[] = {
		{ "initrd-extra.cpio", &p->initrd_extra },
		{ "ring.bin", &p->ring },
		{ "vm.txt", &p->vm_txt },
	};
	int r = 0;

	for (size_t i = 0; p->dir && i < sizeof(files) / sizeof(files[0]) && r == 0; i++)
		r = vm_log_file_write(p->dir, files[i].name, kt_buf_str(files[i].contents),
				      files[i].contents->len, e);
	kvm_papers_done(p);
	return r;
}

void kvm_papers_done(struct kvm_papers *p)
{
	kt_buf_done(&p->vm_txt);
	kt_buf_done(&p->initrd_extra);
	kt_buf_done(&p->ring);
	free(p->dir);
	p->dir = NULL;
}
