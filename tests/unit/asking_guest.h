/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest that asks the coordinator for captures, and reads what it answers: the ring down, without a machine. */
#ifndef KTSTR_TESTS_UNIT_ASKING_GUEST_H
#define KTSTR_TESTS_UNIT_ASKING_GUEST_H

#include <stdlib.h>

#include "driver/cell/coordinator.h"
#include "guest/proto.h"
#include "tests/unit/unit.h"

struct asking_guest {
	void *window;
	struct gst_ring down;
};

static void asking_begin(struct asking_guest *g, struct cell_coordinator *c)
{
	assert_int_equal(posix_memalign(&g->window, GST_WINDOW_PAGE, GST_WINDOW_MIN), 0);
	memset(g->window, 0, GST_WINDOW_MIN);
	assert_int_equal(gst_window_format(g->window, GST_WINDOW_MIN), 0);
	assert_int_equal(gst_ring_attach_down(g->window, GST_WINDOW_MIN, true, &c->down), 0);
	assert_int_equal(gst_ring_attach_down(g->window, GST_WINDOW_MIN, false, &g->down), 0);
}

static void asking_end(struct asking_guest *g)
{
	free(g->window);
}

static struct gst_snapshot_reply asking_ask(struct asking_guest *g, struct cell_coordinator *c,
					    unsigned id, const char *tag)
{
	struct gst_snapshot_request q = { .request_id = id, .kind = GST_SNAPSHOT_CAPTURE };
	static char payload[GST_FRAME_MAX];
	struct gst_snapshot_reply reply;
	struct gst_frame f;

	snprintf(q.tag, sizeof(q.tag), "%s", tag);
	cell_coordinator_request(c, &q);
	assert_int_equal(gst_ring_read(&g->down, &f, payload), 1);
	assert_int_equal(f.len, sizeof(reply));
	memcpy(&reply, payload, sizeof(reply));
	assert_int_equal(reply.request_id, id);
	return reply;
}

#endif
