/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames of the up ring as events: each with bounded work, and no word more after nonsense. */
#include <errno.h>
#include <stdlib.h>

#include "vmm/internal.h"

int vm_frames_init(struct vm_frames *f, const struct vm_memory *m, struct kt_err *e)
{
	const struct vm_layout *l = &m->layout;
	void *window = vm_ram_buf(m, l->ring, l->ring_len);
	struct vm_frames made = { 0 };
	int r = window ? gst_window_format(window, l->ring_len) : -EFAULT;

	if (r < 0)
		return kt_fail(e, KT_E_INTERNAL, -r, "format the frame window");
	r = gst_ring_attach_up(window, l->ring_len, false, &made.up);
	if (r < 0)
		return kt_fail(e, KT_E_INTERNAL, -r, "attach to the frame window");
	made.payload = malloc(GST_FRAME_MAX);
	if (!made.payload)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate room for a frame");
	*f = made;
	return 0;
}

void vm_frames_done(struct vm_frames *f)
{
	free(f->payload);
	*f = (struct vm_frames){ 0 };
}

bool vm_frames_next(struct vm_frames *f, struct vm_event *ret)
{
	int r;

	/* Of a broken ring nothing is pending any more, whatever bells and ticks say: else a waiter would spin. */
	if (f->told)
		f->pending = false;
	if (!f->pending)
		return false;
	r = gst_ring_read(&f->up, &ret->frame, f->payload);
	if (r > 0) {
		ret->type = VM_EV_FRAME;
		ret->data = f->payload;
		ret->len = ret->frame.len;
		return true;
	}
	f->pending = false;
	if (r < 0) {
		f->told = true;
		ret->type = VM_EV_RING_BROKEN;
		return true;
	}
	return false;
}
