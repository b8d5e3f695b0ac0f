/* SPDX-License-Identifier: GPL-2.0-only */
/* Stopping and continuing all vCPUs, and what is only possible while they stand. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "vmm/qemu/internal.h"

/*
 * Once the gdb stub is attached the machine must be continued through it, else it does not report
 * watchpoints; it can still be stopped by QMP, which makes the stub report that, too. Without
 * watchpoints the stub costs nothing, so it stays attached.
 */

int qemu_freeze(void *m, struct kt_err *e)
{
	struct qemu *q = m;
	int r;

	if (q->freezes) {
		q->freezes++;
		return 0;
	}
	r = qmp_command(&q->qmp, "stop", NULL, e);
	if (r < 0)
		return r;
	if (q->gdb.running) {
		r = gdb_wait_stopped(&q->gdb, e);
		if (r < 0)
			return r;
	}
	q->freezes = 1;
	/* It was stopping already: that event is still to come and holds a freeze of its own. */
	if (q->gdb.hit) {
		q->freezes++;
		qemu_wake(q);
	}
	return 0;
}

int qemu_thaw(void *m, struct kt_err *e)
{
	struct qemu *q = m;
	uint64_t resumes = q->qmp.resumes;
	int r;

	if (q->freezes == 0)
		return kt_fail(e, KT_E_INTERNAL, EINVAL, "the machine is not frozen");
	if (q->freezes > 1) {
		q->freezes--;
		return 0;
	}
	/*
	 * QEMU may read a later QMP command before this packet; so wait until it has been obeyed.
	 */
	r = q->gdb.attached ? gdb_resume(&q->gdb, e) : qmp_command(&q->qmp, "cont", NULL, e);
	if (r >= 0 && q->gdb.attached)
		r = qmp_wait_resumed(&q->qmp, resumes + 1, e);
	if (r < 0)
		return r;
	q->freezes = 0;
	qemu_wake(q); /* replies may have come in together with events */
	return 0;
}

static int need_frozen(const struct qemu *q, struct kt_err *e)
{
	if (q->freezes)
		return 0;
	return kt_fail(e, KT_E_INTERNAL, EBUSY, "the machine is not frozen");
}

static int attach(struct qemu *q, struct kt_err *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = q->gdb.fd };
	int r;

	if (q->gdb.attached)
		return 0;
	r = qmp_monitor(&q->qmp, "gdbserver chardev:gdb", NULL, e);
	if (r >= 0)
		r = gdb_attach(&q->gdb, e);
	if (r >= 0 && epoll_ctl(q->epoll_fd, EPOLL_CTL_ADD, q->gdb.fd, &ev) < 0)
		r = kt_fail(e, KT_E_HOST, errno, "poll the gdb stub");
	return kt_context(e, r, "attach to QEMU's gdb stub");
}

int qemu_read_regs(void *m, unsigned vcpu, struct vm_regs *ret, struct kt_err *e)
{
	struct qemu *q = m;
	int r = need_frozen(q, e);

	if (r < 0)
		return r;
	if (vcpu >= q->nr_cpus)
		return kt_fail(e, KT_E_INTERNAL, EINVAL, "the machine has %u vCPUs", q->nr_cpus);
	r = attach(q, e);
	return r < 0 ? r : gdb_read_regs(&q->gdb, vcpu, ret, e);
}

int qemu_watch_write(void *m, gva_t addr, unsigned len, unsigned *ret_id, struct kt_err *e)
{
	struct qemu *q = m;
	int r = need_frozen(q, e);

	if (r < 0)
		return r;
	if ((len != 1 && len != 2 && len != 4 && len != 8) || addr.v % len)
		return kt_fail(e, KT_E_INTERNAL, EINVAL,
			       "only 1, 2, 4 or 8 aligned bytes can be watched");
	r = attach(q, e);
	return r < 0 ? r : gdb_watch_add(&q->gdb, addr.v, len, ret_id, e);
}

int qemu_unwatch(void *m, unsigned id, struct kt_err *e)
{
	struct qemu *q = m;
	int r = need_frozen(q, e);

	if (r >= 0)
		r = gdb_watch_remove(&q->gdb, id, e);
	if (r >= 0 && q->gdb.hit &&
	    q->gdb.hit_id == id) { /* it will not be reported: let go of its freeze */
		q->gdb.hit = false;
		q->freezes--;
	}
	return r;
}

int qemu_check_ram(void *m, struct kt_err *e)
{
	struct qemu *q = m;
	kt_auto(mem) char *text = NULL;
	int r = qmp_monitor(&q->qmp, "info mtree -f", &text, e);

	qemu_wake(q);
	return r < 0 ? r : qemu_mtree_check(text, &q->memory->layout, e);
}
