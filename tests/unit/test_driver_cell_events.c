/* SPDX-License-Identifier: GPL-2.0-only */
/* The scheduler's event counters over the life of a machine: few enough to keep, and the whole course all the same. */
#include "driver/cell/coordinator.h"
#include "tests/unit/unit.h"

#define MS UINT64_C(1000000)

/* Looks as often as one likes, for @seconds; counts what was due. */
static unsigned run(struct cell_events *ev, uint64_t *now_ns, unsigned seconds)
{
	uint64_t until = *now_ns + seconds * 1000 * MS;
	unsigned nr = 0;

	for (; *now_ns < until; *now_ns += 10 * MS) {
		if (!cell_events_due(ev, *now_ns))
			continue;
		cell_events_add(ev, &(struct cap_event_sample){ .elapsed_ms = *now_ns / MS });
		nr++;
	}
	return nr;
}

static void assert_even_from_the_start(const struct cell_events *ev)
{
	uint64_t every = ev->every_ns / MS;

	for (size_t n = 0; n < ev->nr; n++)
		assert_int_equal(ev->sample[n].elapsed_ms, n * every);
}

static void a_look_is_due_four_times_a_second(void **state)
{
	struct cell_events ev = { 0 };
	uint64_t now = 0;

	(void)state;
	assert_int_equal(run(&ev, &now, 10), 40);
	assert_int_equal(ev.nr, 40);
	assert_even_from_the_start(&ev);
}

static void of_a_long_life_the_whole_course_is_kept(void **state)
{
	struct cell_events ev = { 0 };
	uint64_t now = 0;

	(void)state;
	run(&ev, &now, 3600);
	assert_in_range(ev.nr, CELL_EVENTS_MAX / 2, CELL_EVENTS_MAX);
	assert_even_from_the_start(&ev);
	assert_true(ev.sample[ev.nr - 1].elapsed_ms + 2 * ev.every_ns / MS > 3600 * 1000);
}

static void a_look_that_tells_nothing_is_not_repeated_at_once(void **state)
{
	struct cell_events ev = { 0 };

	(void)state;
	assert_true(cell_events_due(&ev, MS));
	assert_false(cell_events_due(&ev, 2 * MS));
	assert_true(cell_events_due(&ev, 251 * MS));
	assert_int_equal(ev.nr, 0);
}

static void a_view_without_memory_has_no_samples(void **state)
{
	static struct cell_view v;

	(void)state;
	cell_events_look(&v, MS);
	assert_int_equal(cell_events_at_freeze(&v), 0);
	v.events.nr = 3;
	assert_int_equal(cell_events_at_freeze(&v), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_look_is_due_four_times_a_second),
		cmocka_unit_test(of_a_long_life_the_whole_course_is_kept),
		cmocka_unit_test(a_look_that_tells_nothing_is_not_repeated_at_once),
		cmocka_unit_test(a_view_without_memory_has_no_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
