/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine stops and goes on, for whichever capture; how long it stood still, and what is said when it did not stop. */
#include <errno.h>

#include "base/clock.h"
#include "driver/cell/coordinator.h"

void cell_view_stopped(struct cell_view *v, uint64_t since_ns)
{
	if (v->standing.depth++ == 0)
		v->standing.since_ns = since_ns;
}

int cell_view_freeze(struct cell_view *v, struct kt_err *e)
{
	uint64_t start = kt_now_ns();
	int r = vm_freeze(v->vm, e);

	v->standing.freeze_ns = kt_now_ns() - start;
	if (r == 0)
		cell_view_stopped(v, start);
	else if (!v->standing.depth)
		v->standing.total_ns += v->standing.freeze_ns; /* some waited for the others */
	return r;
}

int cell_view_thaw(struct cell_view *v, struct kt_err *e)
{
	int r = vm_thaw(v->vm, e);

	if (v->standing.depth && --v->standing.depth == 0)
		v->standing.total_ns += kt_now_ns() - v->standing.since_ns;
	return r;
}

size_t cell_view_stopped_regs(struct cell_view *v)
{
	cell_view_read_regs(v);
	for (unsigned i = 0; i < v->spec->nr_cpus; i++) {
		if (v->regs[i].valid)
			return v->spec->nr_cpus;
	}
	return 0;
}

static const char *reason_of(int errnum)
{
	switch (errnum) {
	case ETIMEDOUT:
		return CAP_DEGRADED_TIMEOUT;
	case ENOTCONN:
		return CAP_DEGRADED_KILLED;
	default:
		return CAP_DEGRADED_REFUSED;
	}
}

void cell_describe_freeze(const struct kt_err *why, char *buf, size_t size)
{
	char text[KT_ERR_TEXT_BYTES];

	(void)kt_snprintf(buf, size, "%s: %s", reason_of(why->errnum),
			  kt_err_text(why, text, sizeof(text))); /* cut is fine */
}
