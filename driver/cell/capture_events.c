/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's event counters over the life of the machine: a look now and then while it runs, and one at each
 * capture. However long it runs there are only so many: once they are full every second one goes, and the looks that follow
 * are half as often, so that what is left still is the whole course.
 */
#include "base/clock.h"
#include "driver/cell/coordinator.h"

#define MS UINT64_C(1000000)
static const uint64_t first_every_ns = 250 * MS;

static void thin(struct cell_events *ev)
{
	size_t nr = 0;

	for (size_t n = 0; n < ev->nr; n += 2)
		ev->sample[nr++] = ev->sample[n];
	ev->nr = nr;
	ev->next_ns += ev->every_ns;
	ev->every_ns *= 2;
}

bool cell_events_due(struct cell_events *ev, uint64_t now_ns)
{
	if (now_ns < ev->next_ns)
		return false;
	if (!ev->every_ns)
		ev->every_ns = first_every_ns;
	ev->next_ns = now_ns + ev->every_ns;
	return true;
}

void cell_events_add(struct cell_events *ev, const struct cap_event_sample *sample)
{
	if (ev->nr == CELL_EVENTS_MAX)
		thin(ev);
	ev->sample[ev->nr++] = *sample;
}

static bool read_now(struct cell_view *v, uint64_t now_ns, struct cap_event_sample *ret)
{
	if (!v->live || !cap_read_events(v->live, ret))
		return false;
	ret->elapsed_ms = (now_ns - v->started_ns) / MS;
	return true;
}

void cell_events_look(struct cell_view *v, uint64_t now_ns)
{
	struct cap_event_sample now;

	if (cell_events_due(&v->events, now_ns) && read_now(v, now_ns, &now))
		cell_events_add(&v->events, &now);
}

size_t cell_events_at_freeze(struct cell_view *v)
{
	size_t nr = v->events.nr;

	return nr + read_now(v, kt_now_ns(), &v->events.sample[nr]);
}
