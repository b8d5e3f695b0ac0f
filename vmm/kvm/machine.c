/* SPDX-License-Identifier: GPL-2.0-only */
/* A machine on /dev/kvm: setting up, starting, ending. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/kvm/internal.h"

#define PAGE UINT64_C(4096)
/*
 * Where option ROMs and the BIOS would be. Nobody is told of it, but Linux looks through it for DMI and MP tables
 * (drivers/firmware/dmi_scan.c, arch/x86/kernel/mpparse.c and probe_roms.c, 6.12), a byte at a time: 65 000 exits if it were
 * nothing. It finds zeros.
 */
#define ROM_GPA UINT64_C(0xc0000)

/* ---- the empty machine ---- */

static void close_all(struct kvm_machine *m)
{
	int *const fds[] = { &m->epoll_fd,  &m->bell_fd, &m->wake_fd, &m->tick_fd,
			     &m->parked_fd, &m->vm_fd,   &m->kvm_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		kt_cleanup_fd(fds[i]);
}

static void kvm_free(void *machine)
{
	struct kvm_machine *m = machine;

	if (!m)
		return;
	if (kvm_vcpus_stop(m) < 0)
		return; /* a thread of it hangs in the host's kernel, and may come back */
	close_all(m);
	kvm_uart_done(&m->com1);
	kvm_uart_done(&m->com2);
	kvm_console_free(m->console);
	vm_frames_done(&m->frames);
	kvm_perf_done(&m->perf);
	kvm_papers_done(&m->papers);
	(void)pthread_cond_destroy(&m->changed);
	(void)pthread_mutex_destroy(&m->lock);
	free(m->vcpu);
	free(m->chunk);
	free(m);
}
KT_DEFINE_AUTO(kvm_machine, struct kvm_machine *, kvm_free);

static struct kvm_machine *new_machine(void)
{
	struct kvm_machine *m = calloc(1, sizeof(*m));
	pthread_condattr_t attr;

	if (!m)
		return NULL;
	m->kvm_fd = m->vm_fd = m->epoll_fd = m->bell_fd = m->wake_fd = m->tick_fd = -1;
	m->parked_fd = -1;
	/* None of these can fail: no memory is needed, the clock is one that there is. */
	(void)pthread_mutex_init(&m->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&m->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	return m;
}

/* vcpu_setup.c asks whether there may be so many; this is about reaching them. */
static int check_ids(const struct kvm_machine *m, const struct kt_topology *t, struct kt_err *e)
{
	uint32_t top = x86_apic_id_max(t);

	if (top > X86_APIC_ID_PLAIN_MAX && !m->caps.x2apic_api)
		return kt_fail(
			e, KT_E_HOST, ENOTSUP,
			"the topology has APIC ids up to %u, and this host's KVM cannot reach those above %d "
			"(KVM_CAP_X2APIC_API: Linux 4.8 or newer has it)",
			top, X86_APIC_ID_PLAIN_MAX);
	return 0;
}

/* ---- RAM ---- */

static int prepare_memory(struct kvm_machine *m, const struct vm_config *c,
			  const struct vm_kernel *k, struct kt_err *e)
{
	struct vm_layout_opts o = {
		.topology = c->topology,
		.memory_bytes = c->memory_bytes,
		.low_bytes_max = X86_MMIO_GAP_START,
		.kernel_end = k->end,
	};
	struct vm_layout layout;
	uint64_t base_bytes;
	int r;

	r = vm_file_size(c->initrd_base, &base_bytes, e);
	if (r < 0)
		return r;
	o.initrd_bytes = vm_initrd_bytes(base_bytes, c->initrd_extra_len);
	r = vm_layout_plan(&o, &layout, e);
	if (r < 0)
		return r;
	r = vm_ram_map(&layout, c->performance ? VM_RAM_HUGETLB : VM_RAM_PRIVATE, m->memory, e);
	if (r < 0)
		return r;
	kvm_perf_memory(&m->perf, m->memory, c->topology);
	return vm_frames_init(&m->frames, m->memory, e);
}

static int set_memslot(struct kvm_machine *m, size_t nr, const struct vm_ram *p, struct kt_err *e)
{
	const struct kvm_userspace_memory_region slot = {
		.slot = (uint32_t)nr,
		.guest_phys_addr = p->gpa.v,
		.memory_size = p->len,
		.userspace_addr = (uintptr_t)p->host,
	};

	if (ioctl(m->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return kt_fail(e, KT_E_HOST, errno,
			       "give the machine %llu KiB of RAM at gpa 0x%llx",
			       (unsigned long long)(p->len / VM_KIB), (unsigned long long)p->gpa.v);
	return 0;
}

/* Piece i is slot i; the last slot is for what firmware would have left below 1 MiB. */
static int set_memslots(struct kvm_machine *m, struct kt_err *e)
{
	const struct vm_layout *l = &m->memory->layout;
	struct vm_ram rom = { .gpa = { ROM_GPA }, .len = VM_MIB - ROM_GPA };

	for (size_t i = 0; i < l->nr_pieces; i++) {
		int r = set_memslot(m, i, &l->piece[i], e);

		if (r < 0)
			return r;
	}
	/* The first two pieces are of one mapping, at their addresses: so is what is between them. */
	rom.host = l->piece[0].host + ROM_GPA;
	return set_memslot(m, l->nr_pieces, &rom, e);
}

/* ---- the VM and what the kernel emulates of it ---- */

static int create_vm(struct kvm_machine *m, struct kt_err *e)
{
	/* Its own pages and the identity map's, below the three of the TSS: all in the hole, none is the guest's. */
	uint64_t identity_map = X86_KVM_TSS_GPA - PAGE;

	do
		m->vm_fd = ioctl(m->kvm_fd, KVM_CREATE_VM, 0UL);
	while (m->vm_fd < 0 && errno == EINTR); /* a signal while KVM waits for its own threads */
	if (m->vm_fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "create a VM (KVM_CREATE_VM)");
	if (ioctl(m->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0)
		return kt_fail(e, KT_E_HOST, errno, "place KVM's identity map");
	if (ioctl(m->vm_fd, KVM_SET_TSS_ADDR, (unsigned long)X86_KVM_TSS_GPA) < 0)
		return kt_fail(e, KT_E_HOST, errno, "place KVM's TSS");
	return 0;
}

/* Before any vCPU: their local APICs come with the irqchip. */
static int create_irqchip(struct kvm_machine *m, struct kt_err *e)
{
	const struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct kvm_enable_cap x2apic = {
		.cap = KVM_CAP_X2APIC_API,
		.args = { KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK },
	};

	if (ioctl(m->vm_fd, KVM_CREATE_IRQCHIP, 0UL) < 0)
		return kt_fail(e, KT_E_HOST, errno,
			       "create interrupt controllers (KVM_CREATE_IRQCHIP)");
	if (ioctl(m->vm_fd, KVM_CREATE_PIT2, &pit) < 0)
		return kt_fail(e, KT_E_HOST, errno, "create a timer (KVM_CREATE_PIT2)");
	if (x86_apic_id_max(&m->topology) > X86_APIC_ID_PLAIN_MAX &&
	    ioctl(m->vm_fd, KVM_ENABLE_CAP, &x2apic) < 0)
		return kt_fail(e, KT_E_HOST, errno, "allow 32-bit APIC ids (KVM_CAP_X2APIC_API)");
	return 0;
}

/*
 * The doorbell: any store to its first bytes. Without ioeventfds, and for hosts that insist on a length where the store
 * has another, bus.c rings.
 */
static int create_doorbell(struct kvm_machine *m, struct kt_err *e)
{
	static const uint32_t lengths[] = { 0, sizeof(uint32_t) }; /* 0: any */
	int err = 0;

	if (!m->caps.ioeventfd)
		return 0;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const struct kvm_ioeventfd bell = {
			.addr = X86_DOORBELL_GPA,
			.len = lengths[i],
			.fd = m->bell_fd,
		};

		if (ioctl(m->vm_fd, KVM_IOEVENTFD, &bell) == 0)
			return 0;
		err = errno;
		if (err != EINVAL)
			break;
	}
	return err == EINVAL ? 0 : kt_fail(e, KT_E_HOST, err, "make the doorbell (KVM_IOEVENTFD)");
}

/* ---- serial ports ---- */

static void set_irq(struct kvm_machine *m, unsigned irq, bool level)
{
	struct kvm_irq_level line = { .irq = irq, .level = level };

	/* Fails only for irqs that are not there. */
	(void)ioctl(m->vm_fd, KVM_IRQ_LINE, &line);
}

static void com1_irq(void *ctx, bool level)
{
	set_irq(ctx, X86_COM1_IRQ, level);
}

static void com1_put(void *ctx, uint8_t byte)
{
	struct kvm_machine *m = ctx;

	kvm_console_put(m->console, byte);
}

static void com2_irq(void *ctx, bool level)
{
	set_irq(ctx, X86_COM2_IRQ, level);
}

static void com2_put(void *ctx, uint8_t byte)
{
	const uint64_t one = 1;
	struct kvm_machine *m = ctx;

	if (byte == GST_BELL_UP)
		(void)!write(m->bell_fd, &one, sizeof(one)); /* full is rung */
}

static int create_devices(struct kvm_machine *m, struct kt_err *e)
{
	int r;

	r = kvm_console_create(&m->console, e);
	if (r < 0)
		return r;
	r = kvm_events_init(m, e);
	if (r < 0)
		return r;
	kvm_uart_init(&m->com1, com1_put, com1_irq, m);
	kvm_uart_init(&m->com2, com2_put, com2_irq, m);
	return create_doorbell(m, e);
}

/* ---- what is in memory when it starts ---- */

/*
 *   pci=off, initcall_blacklist=
 *                 there is no bus to look for, which the kernel would call fatal, on the console (arch/x86/pci/init.c, 6.12)
 *   reboot=       by the FADT's register: on a hardware-reduced machine Linux would ask EFI, and without one jump to the
 *                 firmware (arch/x86/kernel/reboot.c, reboot_init(), 6.12)
 *   irqaffinity=  the in-kernel IOAPIC reaches no APIC id above 254: COM1 and COM2 interrupt the others
 */
static int make_cmdline(const struct kvm_machine *m, const char *user, struct kt_buf *b,
			struct kt_err *e)
{
	const struct kt_topology *t = &m->topology;
	unsigned last = m->nr_cpus - 1;

	vm_kernel_cmdline(&m->memory->layout, NULL, b);
	kt_buf_addf(b, " ktstr.bell=0x%llx pci=off initcall_blacklist=pci_arch_init reboot=acpi",
		    (unsigned long long)X86_DOORBELL_GPA);
	if (x86_apic_id(t, last) > X86_APIC_ID_PLAIN_MAX) {
		while (x86_apic_id(t, last) > X86_APIC_ID_PLAIN_MAX)
			last--;
		kt_buf_addf(b, " irqaffinity=0-%u", last);
	}
	if (user && *user)
		kt_buf_addf(b, " %s", user);
	if (!kt_buf_ok(b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "make the kernel's command line");
	if (b->len >= X86_CMDLINE_MAX)
		return kt_fail(e, KT_E_CONFIG, E2BIG,
			       "the kernel's command line has %zu bytes, it takes at most %d: %s",
			       b->len, X86_CMDLINE_MAX - 1, kt_buf_str(b));
	return 0;
}

static int put_tables(struct kvm_machine *m, gpa_t *ret_rsdp, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf tables = { 0 };
	uint64_t room = 0;
	gpa_t base = vm_layout_tables(&m->memory->layout, &room);
	int r;

	r = x86_acpi_build(&(struct x86_acpi_opts){ .topology = &m->topology,
						    .layout = &m->memory->layout,
						    .base = base,
						    .max_bytes = room },
			   &tables, ret_rsdp, e);
	if (r < 0)
		return kt_context(e, r, "make the ACPI tables");
	if (vm_ram_copy(m->memory, base, NULL, tables.data, tables.len) < 0)
		return kt_fail(e, KT_E_INTERNAL, EFAULT, "no RAM for ACPI tables at gpa 0x%llx",
			       (unsigned long long)base.v);
	return 0;
}

/* What kvm_describe() says of it is filled in on the way. */
static int load_guest(struct kvm_machine *m, struct kvm_description *d, struct kt_buf *cmdline,
		      struct x86_start *ret, struct kt_err *e)
{
	const struct vm_config *c = d->config;
	struct x86_boot_opts o = { .path = d->kernel,
				   .kernel = d->image,
				   .initrd = m->memory->layout.initrd_floor };
	uint64_t copied = 0;
	int r;

	r = make_cmdline(m, c->cmdline, cmdline, e);
	if (r < 0)
		return r;
	r = vm_ram_load_initrd(m->memory, o.initrd, c->initrd_base, c->initrd_extra,
			       c->initrd_extra_len, &o.initrd_len, &copied, e);
	if (r < 0)
		return r;
	r = put_tables(m, &o.rsdp, e);
	if (r < 0)
		return r;
	o.cmdline = d->cmdline = kt_buf_str(cmdline);
	d->rsdp = o.rsdp;
	d->initrd_len = o.initrd_len;
	r = x86_boot_load(m->memory, &o, ret, e);
	ret->bytes_copied += copied;
	return kt_context(e, r, "load kernel '%s'", d->kernel);
}

/* ---- the back end's face ---- */

static int create_hardware(struct kvm_machine *m, struct kt_err *e)
{
	int r;

	r = create_vm(m, e);
	if (r < 0)
		return r;
	/*
	 * Before the interrupt controllers: the first slot after them waits for readers of the VM's device buses (an SRCU
	 * grace period), 7 ms of 10 from here to the first KVM_RUN on a 6.18 host; the first slot of all does not wait.
	 */
	r = set_memslots(m, e);
	if (r < 0)
		return r;
	kvm_perf_vm(&m->perf, m->vm_fd, &m->caps);
	kvm_halt_polling(m->vm_fd, m->nr_cpus, &m->caps);
	r = create_irqchip(m, e);
	if (r < 0)
		return r;
	return create_devices(m, e);
}

static int kvm_create(struct vm *vm, const struct vm_config *c, void **ret, struct kt_err *e)
{
	kt_auto(kvm_machine) struct kvm_machine *m = new_machine();
	kt_auto(mem) char *kernel = NULL;
	kt_auto(buf) struct kt_buf cmdline = { 0 };
	struct vm_kernel image = { 0 };
	struct x86_start start = { 0 };
	struct kvm_description d = { .config = c, .image = &image };
	int r;

	if (!m)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate the machine");
	m->memory = &vm->memory;
	m->topology = *c->topology;
	m->nr_cpus = m->gone = kt_topo_nr_cpus(c->topology);
	r = vm_kernel_choose(c, &image, &kernel, e);
	if (r < 0)
		return r;
	r = kvm_open(&m->kvm_fd, &m->caps, e);
	if (r < 0)
		return r;
	r = check_ids(m, c->topology, e);
	if (r < 0)
		return r;
	kvm_perf_plan(c->topology, c->performance, &m->perf);
	r = prepare_memory(m, c, &image, e);
	if (r < 0)
		return r;
	r = create_hardware(m, e);
	if (r < 0)
		return r;
	d.kernel = kernel;
	r = load_guest(m, &d, &cmdline, &start, e);
	if (r < 0)
		return r;
	r = kvm_vcpus_create(m, &start, e);
	if (r < 0)
		return r;
	r = kvm_describe(m, &d, e);
	if (r < 0)
		return r;
	*ret = kt_take(m);
	return 0;
}

static int kvm_start(void *machine, struct kt_err *e)
{
	struct kvm_machine *m = machine;
	int r = kvm_vcpus_run(m, e);

	return r < 0 ? r : kvm_papers_write(&m->papers, e);
}

void kvm_end(struct kvm_machine *m, enum vm_end end, const char *fmt, ...)
{
	bool first;
	va_list ap;

	(void)pthread_mutex_lock(&m->lock);
	first = !m->ended;
	if (first) {
		m->ended = true;
		m->end = end;
		va_start(ap, fmt);
		(void)vsnprintf(m->end_text, sizeof(m->end_text), fmt, ap); /* may be cut */
		va_end(ap);
	}
	(void)pthread_mutex_unlock(&m->lock);
	if (!first)
		return;
	/* What has been said is kept; what vCPUs say on their way out, and does not fit the console, is not. */
	kvm_vcpus_end(m);
	kvm_wake(m);
}

static bool has_ended(struct kvm_machine *m)
{
	bool ended;

	(void)pthread_mutex_lock(&m->lock);
	ended = m->ended;
	(void)pthread_mutex_unlock(&m->lock);
	return ended;
}

static int kvm_ring_bell(void *machine, char bell)
{
	struct kvm_machine *m = machine;

	return has_ended(m) ? -ENOTCONN : kvm_uart_receive(&m->com2, (uint8_t)bell);
}

static void kvm_stop(void *machine)
{
	struct kvm_machine *m = machine;

	m->stopped = true;
	kvm_end(m, VM_END_STOPPED, "stopped");
}

static size_t kvm_notes(const void *machine, const char *const **ret)
{
	const struct kvm_machine *m = machine;

	*ret = (const char *const *)m->perf.notes.v;
	return m->perf.notes.nr;
}

const struct vm_backend vm_backend_kvm = {
	.name = "KVM",
	.accel = VM_ACCEL_KVM,
	.create = kvm_create,
	.start = kvm_start,
	.free = kvm_free,
	.poll_fd = kvm_poll_fd,
	.wait = kvm_wait,
	.ring_bell = kvm_ring_bell,
	.stop = kvm_stop,
	.freeze = kvm_freeze,
	.thaw = kvm_thaw,
	.read_regs = kvm_read_regs,
	.watch_write = kvm_watch_write,
	.unwatch = kvm_unwatch,
	.check_ram = kvm_check_ram,
	.notes = kvm_notes,
	.exit_counts = kvm_exit_counts,
	.vcpu_thread = kvm_vcpu_thread,
};
