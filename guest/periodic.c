/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Captures at fixed times of the test. The host takes them, but it is asked from here: only the guest's clock says when they
 * are due, and where that follows the guest's work, the host's clock and even a look at jiffies from outside come too
 * late, since the emulator skips idle stretches at once. A capture stops this clock as well, so that none is late for another.
 */
#include "guest/internal.h"

#include "base/clock.h"
#include "base/str.h"

static const uint64_t answer_limit_ns = 20 * GST_MS;

uint64_t gst_periodic_due(const struct gst_init *g, uint32_t asked)
{
	uint64_t at = scn_periodic_ns(g->plan.duration_ns, g->plan.nr_periodic, asked);

	return at == UINT64_MAX ? UINT64_MAX : g->crew.start_ns + at;
}

/*
 * Until the host has answered, or for so long. A wait that sleeps would be longest where there is nothing else to do: an emulator
 * skips such time, and several captures would be asked for before the host has seen the first.
 */
static void spin(const struct gst_ring *down, uint64_t limit_ns)
{
	uint64_t end = kt_now_ns() + limit_ns;

	while (down->shared->head == down->pos && kt_now_ns() < end)
		;
}

void gst_periodic_ask(struct gst_init *g, uint32_t asked)
{
	struct gst_snapshot_request q = { .request_id = GST_PERIODIC_FIRST_ID + asked,
					  .kind = GST_SNAPSHOT_CAPTURE };

	(void)kt_snprintf(q.tag, sizeof(q.tag), "periodic_%03u", asked); /* fits */
	if (gst_chan_send_sure(&g->chan, GST_F_SNRQ, &q, sizeof(q)) == 0)
		spin(&g->chan.down, answer_limit_ns);
}
