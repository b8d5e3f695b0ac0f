/* SPDX-License-Identifier: GPL-2.0-only */
/* The QEMU command line of a machine. */
#include <errno.h>
#include <string.h>

#include "vmm/qemu/internal.h"
#include "vmm/x86_64/x86.h"

/*
 *   no_timer_check, tsc=reliable, lpj=
 *                    skip calibrations that wait for emulated devices, once per socket; the TSC is
 *                    exact, being QEMU's own clock. A kernel that distrusts it reads the ACPI timer
 *                    instead, at a device access each.
 */
#define EMULATION_WORDS "no_timer_check tsc=reliable lpj=1000000"

/*
 * Devices that nobody uses cost time at boot: their firmware tables, their probes and their
 * time-outs.
 */
#define MACHINE "q35,smm=off,vmport=off,hpet=off,usb=off,sata=off,i8042=off"

uint64_t qemu_low_bytes(uint64_t total)
{
	/* hw/i386/pc_q35.c: with 2.75 GiB or more the split moves down to an even 2 GiB. */
	return total >= 2816 * VM_MIB ? 2 * VM_GIB : 2816 * VM_MIB;
}

/*
 * With -icount all vCPUs share 2^-shift instructions per nanosecond. A big shift leaves each so few
 * between two ticks that the guest does little but ticking; a small one makes every wait of the
 * boot cost more instructions. Measured with QEMU 10.0.2 and Debian's 7.3 cloud kernel (HZ=250),
 * these command-line words, an init that pins one spinner to each vCPU for 2 s of guest time and
 * powers off. Per vCPUs and shift: CPU seconds of QEMU in all / worst gap of a spinner in ms /
 * loops done by the slowest, in thousands ("-": -icount off):
 *
 *         -              0              1              2              3             4
 *    2    3.4/23/245                    5.5/4/79       4.3/5/29       3.8/5/13      3.6/5/5.9
 *    4    3.1/197/100                   6.8/7/26       5.1/5/15       4.6/5/6.8     4.3/8/4.1
 *    8    4.8/142/38                    9.0/6/14       6.5/7/8.9      5.5/7/4.1     5.5/12/1.2
 *   16    4.3/298/8.8                   13.6/10/7.2    9.7/11/3.0     8.5/8/1.3     9.4/56/0.4
 *   32    8.7/442/7.7    40/14/8.4      24.7/16/2.5    19.4/25/1.0    19.6/121/0.3  26.5/595/0.03
 *   64                 85/15/3.4      63/16/1.3      60/105/0.3     82/379/0.06
 */
unsigned qemu_icount_shift(unsigned nr_cpus)
{
	return nr_cpus <= 8 ? 3 : nr_cpus <= 32 ? 2 : nr_cpus <= 64 ? 1 : 0;
}

void qemu_kernel_cmdline(const struct vm_layout *l, const char *user, struct kt_buf *b)
{
	kt_buf_adds(b, EMULATION_WORDS);
	vm_layout_reserve_ring(l, b);
	kt_buf_addc(b, ' ');
	vm_kernel_cmdline(l, user, b);
}

/* Adds "-option value". */
static int __attribute__((format(printf, 3, 4)))
add(struct kt_strv *v, const char *option, const char *fmt, ...)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	va_list ap;
	int r;

	va_start(ap, fmt);
	kt_buf_vaddf(&b, fmt, ap);
	va_end(ap);
	if (!kt_buf_ok(&b))
		return -ENOMEM;
	r = kt_strv_add(v, option);
	return r < 0 ? r : kt_strv_add(v, kt_buf_str(&b));
}

static int add_nodes(const struct qemu_command *c, struct kt_strv *v)
{
	const struct kt_topology *t = c->config->topology;
	bool hmat = kt_topo_has_hmat(t);
	int r = 0;

	for (unsigned n = 0; n < t->nr_nodes && r == 0; n++) {
		unsigned long long bytes = c->layout->node_bytes[n];

		if (c->control)
			r = add(v, "-object",
				"memory-backend-file,id=node%u,size=%llu,mem-path=/proc/self/fd/%u,share=on",
				n, bytes, QEMU_FD_NODE0 + n);
		else
			r = add(v, "-object", "memory-backend-memfd,id=node%u,size=%llu,share=on",
				n, bytes);
		if (r == 0 && hmat)
			r = add(v, "-numa", "node,nodeid=%u,memdev=node%u,initiator=%u", n, n,
				kt_topo_initiator(t, n));
		else if (r == 0)
			r = add(v, "-numa", "node,nodeid=%u,memdev=node%u", n, n);
	}
	for (unsigned llc = 0; llc < t->nr_llcs && r == 0; llc++)
		r = add(v, "-numa", "cpu,node-id=%u,socket-id=%u", kt_topo_node_of_llc(t, llc),
			llc);
	return r;
}

static int add_distances(const struct kt_topology *t, struct kt_strv *v)
{
	int r = 0;

	for (unsigned from = 0; from < t->nr_nodes; from++) {
		for (unsigned to = 0; to < t->nr_nodes && r == 0; to++) {
			if (from != to)
				r = add(v, "-numa", "dist,src=%u,dst=%u,val=%u", from, to,
					kt_topo_distance(t, from, to));
		}
	}
	return r;
}

/* What is told of a node's memory is told to every node with CPUs: the table wants each pair. */
static int add_hmat_pair(const struct kt_topology *t, unsigned from, unsigned to, struct kt_strv *v)
{
	uint32_t latency = x86_hmat_told(t, to, X86_HMAT_LATENCY_NS);
	uint32_t bandwidth = x86_hmat_told(t, to, X86_HMAT_BANDWIDTH_MBS);
	int r = 0;

	if (latency)
		r = add(v, "-numa",
			"hmat-lb,initiator=%u,target=%u,hierarchy=memory,data-type=access-latency,latency=%u",
			from, to, latency);
	if (r == 0 && bandwidth)
		r = add(v, "-numa",
			"hmat-lb,initiator=%u,target=%u,hierarchy=memory,data-type=access-bandwidth,bandwidth=%uM",
			from, to, bandwidth);
	return r;
}

/*
 * A cache is as vmm/x86_64/acpi_hmat.c has it. QEMU takes one only after the latency and the bandwidth of the same node;
 * config/ wants all three together.
 */
static int add_hmat(const struct kt_topology *t, struct kt_strv *v)
{
	int r = 0;

	for (unsigned from = 0; from < t->nr_nodes; from++) {
		for (unsigned to = 0; to < t->nr_nodes && t->node[from].llcs && r == 0; to++)
			r = add_hmat_pair(t, from, to, v);
	}
	for (unsigned n = 0; n < t->nr_nodes && r == 0; n++) {
		unsigned long long bytes = t->node[n].mem_side_cache_bytes;

		if (bytes)
			r = add(v, "-numa",
				"hmat-cache,node-id=%u,size=%llu,level=1,associativity=direct,policy=write-back,line=64",
				n, bytes);
	}
	return r;
}

static int add_cpus(const struct qemu_command *c, struct kt_strv *v)
{
	const struct kt_topology *t = c->config->topology;
	unsigned nr = kt_topo_nr_cpus(t);
	/* Such ids need interrupt remapping, which QEMU has in its model of an Intel IOMMU. */
	bool remap = x86_apic_id_max(t) > X86_APIC_ID_PLAIN_MAX;
	/*
	 * One thread for all vCPUs beats one each as soon as there are fewer host CPUs: spinning
	 * waiters starve others.
	 */
	bool multi = c->config->clock == VM_CLOCK_REAL && c->host_cpus >= nr;
	int r;

	r = add(v, "-M", "%s%s%s", MACHINE, remap ? ",kernel-irqchip=off" : "",
		kt_topo_has_hmat(t) ? ",hmat=on" : "");
	/*
	 * qboot hands over sooner than SeaBIOS (0.1 s of 4 s with 4 vCPUs, 0.4 s of 8 s with 16)
	 * and keeps off the console; only SeaBIOS switches CPUs to x2APIC mode, without which Linux
	 * ignores ids above 254.
	 */
	if (r == 0)
		r = remap ? add(v, "-device", "intel-iommu,intremap=on,eim=on")
			  : add(v, "-bios", "qboot.rom");
	if (r == 0)
		r = add(v, "-accel", "tcg,thread=%s", multi ? "multi" : "single");
	if (r == 0 && c->config->clock == VM_CLOCK_GUEST_WORK)
		r = add(v, "-icount", "shift=%u,sleep=off", qemu_icount_shift(nr));
	if (r == 0)
		r = add(v, "-rtc", "clock=vm");
	/*
	 * Everything that TCG has, under Intel's name: threads of a core share their caches only in leaf 4, which Linux
	 * reads of Intel's (decision 15).
	 */
	if (r == 0)
		r = add(v, "-cpu", "max,vendor=GenuineIntel");
	/* One socket per LLC, never dies: the guest then sees exactly the asked level-3 caches. */
	if (r == 0)
		r = add(v, "-smp", "%u,sockets=%u,dies=1,cores=%u,threads=%u", nr, t->nr_llcs,
			t->cores, t->threads);
	return r;
}

static int add_channels(const struct qemu_command *c, struct kt_strv *v)
{
	int r = add(v, "-chardev", "%s,id=console", c->console);

	if (r == 0)
		r = add(v, "-chardev", "%s,id=bell", c->bell);
	if (r == 0)
		r = add(v, "-serial", "chardev:console");
	if (r == 0)
		r = add(v, "-serial", "chardev:bell");
	if (r < 0 || !c->control)
		return r;
	r = add(v, "-chardev", "socket,fd=%u,id=qmp", QEMU_FD_QMP);
	if (r == 0)
		r = add(v, "-mon", "chardev=qmp,mode=control");
	/*
	 * Not -gdb: a stub that is connected from the start would stop the machine. The monitor
	 * starts it.
	 */
	if (r == 0)
		r = add(v, "-chardev", "socket,fd=%u,id=gdb", QEMU_FD_GDB);
	return r;
}

static int add_kernel(const struct qemu_command *c, struct kt_strv *v)
{
	kt_auto(buf) struct kt_buf cmdline = { 0 };
	int r;

	qemu_kernel_cmdline(c->layout, c->config->cmdline, &cmdline);
	if (!kt_buf_ok(&cmdline))
		return -ENOMEM;
	r = add(v, "-kernel", "%s", c->kernel);
	if (r == 0)
		r = add(v, "-initrd", "%s", c->initrd);
	if (r == 0)
		r = add(v, "-append", "%s", kt_buf_str(&cmdline));
	return r;
}

int qemu_command_build(const struct qemu_command *c, struct kt_strv *ret, struct kt_err *e)
{
	static const char *const plain[] = { "-nodefaults", "-no-user-config", "-no-reboot" };
	const struct kt_topology *t = c->config->topology;
	kt_auto(strv) struct kt_strv v = { 0 };
	int r = kt_strv_add(&v, c->config->accel->program);

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]) && r == 0; i++)
		r = kt_strv_add(&v, plain[i]);
	if (r == 0)
		r = add(&v, "-display", "none");
	if (r == 0)
		r = add_cpus(c, &v);
	if (r == 0)
		r = add(&v, "-m", "%lluM", (unsigned long long)(c->layout->total_bytes / VM_MIB));
	if (r == 0)
		r = add_nodes(c, &v);
	if (r == 0)
		r = add_distances(t, &v);
	if (r == 0)
		r = add_hmat(t, &v);
	if (r == 0)
		r = add_channels(c, &v);
	if (r == 0)
		r = add_kernel(c, &v);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "make QEMU's command line");
	*ret = v;
	v = (struct kt_strv){ 0 };
	return 0;
}
