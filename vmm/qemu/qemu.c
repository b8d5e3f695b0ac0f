/* SPDX-License-Identifier: GPL-2.0-only */
/* A machine run by QEMU's emulator: setting up, starting, ending. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/qemu/internal.h"

enum { CONSOLE_CHUNK = 16 << 10, FDS_MAX = QEMU_NR_CHANNELS + 1 + KT_TOPO_NODES_MAX };
enum { OURS_CONSOLE, OURS_BELL, OURS_QMP, OURS_GDB };

static void qemu_free(void *m)
{
	struct qemu *q = m;

	if (!q)
		return;
	kt_proc_kill(&q->proc);
	qmp_done(&q->qmp);
	gdb_done(&q->gdb);
	kt_strv_done(&q->argv);
	for (unsigned i = 0; i < QEMU_NR_CHANNELS; i++) {
		kt_cleanup_fd(&q->theirs[i]);
		kt_cleanup_fd(&q->ours[i]);
	}
	kt_cleanup_fd(&q->initrd_fd);
	kt_cleanup_fd(&q->stderr_fd);
	kt_cleanup_fd(&q->epoll_fd);
	kt_cleanup_fd(&q->wake_fd);
	kt_cleanup_fd(&q->tick_fd);
	vm_frames_done(&q->frames);
	free(q->console);
	free(q);
}
KT_DEFINE_AUTO(qemu, struct qemu *, qemu_free);

static struct qemu *new_qemu(void)
{
	struct qemu *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->proc = (struct kt_proc)KT_PROC_NONE;
	q->initrd_fd = q->stderr_fd = q->epoll_fd = q->wake_fd = q->tick_fd = -1;
	for (unsigned i = 0; i < QEMU_NR_CHANNELS; i++)
		q->ours[i] = q->theirs[i] = -1;
	qmp_init(&q->qmp, -1);
	gdb_init(&q->gdb, -1);
	q->console = malloc(CONSOLE_CHUNK);
	if (q->console)
		return q;
	qemu_free(q);
	return NULL;
}

static int make_channels(struct qemu *q, struct kt_err *e)
{
	int pair[2];

	for (unsigned i = 0; i < QEMU_NR_CHANNELS; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			return kt_fail(e, KT_E_HOST, errno, "make a channel to the machine");
		q->ours[i] = pair[0];
		q->theirs[i] = pair[1];
	}
	qmp_init(&q->qmp, kt_take_fd(q->ours[OURS_QMP]));
	gdb_init(&q->gdb, kt_take_fd(q->ours[OURS_GDB]));
	q->stderr_fd = memfd_create("ktstr-qemu-stderr", MFD_CLOEXEC);
	if (q->stderr_fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "make a file for QEMU's messages");
	return 0;
}

static int prepare_memory(struct vm_memory *m, const struct vm_config *c, const struct vm_kernel *k,
			  struct kt_err *e)
{
	uint64_t node_bytes[KT_TOPO_NODES_MAX], base_bytes, total;
	struct vm_layout layout;
	int r;

	r = vm_file_size(c->initrd_base, &base_bytes, e);
	if (r < 0)
		return r;
	total = vm_layout_nodes(c->topology, c->memory_bytes, node_bytes);
	r = vm_layout_plan(&(struct vm_layout_opts){ .topology = c->topology,
						     .memory_bytes = c->memory_bytes,
						     .low_bytes_max = qemu_low_bytes(total),
						     .kernel_end = k->end,
						     .initrd_bytes =
							     base_bytes + c->initrd_extra_len },
			   &layout, e);
	if (r < 0)
		return r;
	return vm_ram_map(&layout, VM_RAM_SHARED, m, e);
}

static unsigned host_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static int qemu_create(struct vm *vm, const struct vm_config *c, void **ret, struct kt_err *e)
{
	kt_auto(qemu) struct qemu *q = new_qemu();
	kt_auto(mem) char *kernel = NULL;
	struct vm_kernel image = { 0 };
	struct qemu_command command;
	char console[32], bell[32], initrd[32];
	int r;

	if (!q)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate the machine");
	q->memory = &vm->memory;
	q->nr_cpus = kt_topo_nr_cpus(c->topology);
	r = vm_kernel_choose(c, &image, &kernel, e);
	if (r < 0)
		return r;
	r = prepare_memory(q->memory, c, &image, e);
	if (r < 0)
		return r;
	r = vm_frames_init(&q->frames, q->memory, e);
	if (r < 0)
		return r;
	r = vm_initrd_memfd(c->initrd_base, c->initrd_extra, c->initrd_extra_len, &q->initrd_fd, e);
	if (r < 0)
		return r;
	r = make_channels(q, e);
	if (r < 0)
		return r;
	(void)kt_snprintf(console, sizeof(console), "socket,fd=%u",
			  QEMU_FD_CONSOLE); /* these fit */
	(void)kt_snprintf(bell, sizeof(bell), "socket,fd=%u", QEMU_FD_BELL);
	(void)kt_snprintf(initrd, sizeof(initrd), "/proc/self/fd/%u", QEMU_FD_INITRD);
	command = (struct qemu_command){
		.config = c,
		.layout = &q->memory->layout,
		.kernel = kernel,
		.console = console,
		.bell = bell,
		.initrd = initrd,
		.control = true,
		.host_cpus = host_cpus(),
	};
	r = qemu_command_build(&command, &q->argv, e);
	if (r < 0)
		return r;
	r = qemu_script_write(&command, e);
	if (r < 0)
		return r;
	*ret = kt_take(q);
	return 0;
}

static int qemu_start(void *m, struct kt_err *e)
{
	struct qemu *q = m;
	struct kt_proc_fd fds[FDS_MAX];
	struct kt_proc_opts o = {
		.argv = (const char *const *)q->argv.v,
		.fds = fds,
		.stdout_fd = q->stderr_fd,
		.stderr_fd = q->stderr_fd,
	};
	int r;

	for (unsigned i = 0; i < QEMU_NR_CHANNELS; i++)
		fds[o.nr_fds++] = (struct kt_proc_fd){ .parent = q->theirs[i],
						       .child = QEMU_FD_CONSOLE + (int)i };
	fds[o.nr_fds++] = (struct kt_proc_fd){ .parent = q->initrd_fd, .child = QEMU_FD_INITRD };
	for (unsigned n = 0; n < q->memory->nr; n++)
		fds[o.nr_fds++] = (struct kt_proc_fd){ .parent = q->memory->fd[n],
						       .child = QEMU_FD_NODE0 + (int)n };
	r = kt_proc_start(&o, &q->proc, e);
	if (r < 0)
		return r;
	/* Only QEMU may hold these ends: then its death is an end of file here. */
	for (unsigned i = 0; i < QEMU_NR_CHANNELS; i++) {
		kt_cleanup_fd(&q->theirs[i]);
		q->theirs[i] = -1;
	}
	kt_cleanup_fd(&q->initrd_fd);
	q->initrd_fd = -1;
	r = qemu_events_init(q, e);
	if (r < 0)
		return r;
	if (qmp_hello(&q->qmp, NULL) < 0)
		kt_log(KT_AREA_VMM, KT_DEBUG, "QEMU ended at once; its end says why");
	return 0;
}

static void qemu_stop(void *m)
{
	struct qemu *q = m;

	if (q->ended || q->proc.pid == 0)
		return;
	q->stopped = true;
	kt_proc_signal(&q->proc, SIGKILL);
}

static int qemu_ring_bell(void *m, char bell)
{
	struct qemu *q = m;

	if (q->ended || q->proc.pid == 0)
		return -ENOTCONN;
	if (send(q->ours[OURS_BELL], &bell, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
		return 0;
	return errno == EPIPE || errno == ECONNRESET ? -ENOTCONN : -errno;
}

const struct vm_backend vm_backend_qemu = {
	.name = "QEMU",
	.accel = VM_ACCEL_TCG,
	.create = qemu_create,
	.start = qemu_start,
	.free = qemu_free,
	.poll_fd = qemu_poll_fd,
	.wait = qemu_wait,
	.ring_bell = qemu_ring_bell,
	.stop = qemu_stop,
	.freeze = qemu_freeze,
	.thaw = qemu_thaw,
	.read_regs = qemu_read_regs,
	.watch_write = qemu_watch_write,
	.unwatch = qemu_unwatch,
	.check_ram = qemu_check_ram,
};
