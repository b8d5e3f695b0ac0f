/* SPDX-License-Identifier: GPL-2.0-only */
/* The event counters of the attached scheduler, in a dump and while the guest runs. */
#include "tests/unit/fake_sched.h"

static void events_are_summed_over_cpus_and_do_not_wrap(void **state)
{
	struct fake_guest f;
	struct fake_sched s;
	struct cap_dump d;

	(void)state;
	fake_init(&f, NULL);
	fake_sched_init(&s, &f, FAKE_SCHED_ROOT);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		gva_t pcpu = fake_percpu_at(&f, s.pcpu, cpu);

		fake_put64(&f, at(pcpu, struct s_pcpu, events.select_cpu_fallback), 40 + cpu);
		fake_put64(&f, at(pcpu, struct s_pcpu, events.keep_last), INT64_MAX - 5);
		fake_put64(&f, at(pcpu, struct s_pcpu, events.repeat), 7);
	}
	fake_open(&f);
	d = fake_dump(&f);
	cap_dump_events(&d);
	assert_int_equal(d.report->nr_events, 1);
	assert_int_equal(d.report->event[0].elapsed_ms, 0);
	assert_int_equal(d.report->event[0].count[CAP_EV_SELECT_CPU_FALLBACK], 81);
	assert_true(d.report->event[0].count[CAP_EV_DISPATCH_KEEP_LAST] == INT64_MAX);
	assert_int_equal(d.report->event[0].count[CAP_EV_REENQ_LOCAL_REPEAT], 14);
	assert_int_equal(d.report->event[0].count[CAP_EV_BYPASS_ACTIVATE], 0);
	fake_dump_done(&d);
	fake_done(&f);
}

static void they_are_read_while_the_guest_runs_as_well(void **state)
{
	struct cap_event_sample now = { 0 };
	struct fake_guest f;
	struct fake_sched s;

	(void)state;
	fake_init(&f, NULL);
	fake_sched_init(&s, &f, FAKE_SCHED_ROOT);
	fake_open(&f);
	for (unsigned n = 1; n < 3; n++) {
		gva_t counter = at(fake_percpu_at(&f, s.pcpu, 1), struct s_pcpu,
				   events.select_cpu_fallback);
		uint64_t before;

		assert_int_equal(cap_read_u64(f.g, counter, &before), 0); /* is kept */
		fake_put64(&f, counter, n);
		assert_true(cap_read_events(f.g, &now));
		assert_int_equal(now.count[CAP_EV_SELECT_CPU_FALLBACK], n);
		assert_int_equal(now.elapsed_ms, 0);
	}
	fake_put64(&f, s.root, 0);
	assert_false(cap_read_events(f.g, &now));
	fake_done(&f);
}

struct goes {
	struct fake_guest f;
	gva_t root;
	gpa_t root_page;
	uint64_t next; /* what comes in its place once it was seen */
};

static int read_and_go(void *ctx, gpa_t gpa, void *buf, size_t len)
{
	struct goes *g = ctx;
	int r = fake_read_pa(&g->f, gpa, buf, len);

	if (gpa.v / CAP_PAGE == g->root_page.v / CAP_PAGE)
		fake_put64(&g->f, g->root, g->next);
	return r;
}

static void a_scheduler_that_goes_while_they_are_read_has_none(void **state)
{
	struct cap_event_sample now = { 0 };
	struct goes g = { 0 };
	struct fake_sched s;
	struct cap_guest_config c;
	kt_auto(cap_guest) struct cap_guest *guest = NULL;

	(void)state;
	fake_init(&g.f, NULL);
	fake_sched_init(&s, &g.f, FAKE_SCHED_ROOT);
	fake_open(&g.f);
	g.root = s.root;
	c = fake_config(&g.f);
	c.mem = (struct mem_source){ read_and_go, &g };
	assert_int_equal(cap_guest_translate(g.f.g, s.root, &g.root_page), 0);
	assert_int_equal(cap_read_u64(g.f.g, s.root, &g.next), 0);
	assert_int_equal(cap_guest_open(&c, &guest, NULL), 0);
	assert_true(cap_read_events(guest, &now)); /* it stays */
	g.next += 64; /* another's */
	assert_false(cap_read_events(guest, &now));
	fake_done(&g.f);
}

static void samples_of_before_are_taken_as_they_are(void **state)
{
	const struct cap_event_sample samples[2] = { { .elapsed_ms = 100, .count = { 1, 2 } },
						     { .elapsed_ms = 200, .count = { 3, 4 } } };
	const struct cap_dump_opts opts = { .events = samples, .nr_events = 2 };
	struct fake_guest f;
	struct fake_sched s;
	struct cap_dump d;

	(void)state;
	fake_init(&f, NULL);
	fake_sched_init(&s, &f, FAKE_SCHED_ROOT);
	fake_open(&f);
	d = fake_dump(&f);
	d.opts = &opts;
	cap_dump_events(&d);
	assert_int_equal(d.report->nr_events, 2);
	assert_memory_equal(d.report->event, samples, sizeof(samples));
	fake_dump_done(&d);
	fake_done(&f);
}

static void without_a_scheduler_there_are_no_events(void **state)
{
	struct fake_guest f;
	struct fake_sched s;
	struct cap_dump d;

	(void)state;
	fake_init(&f, NULL);
	fake_sched_init(&s, &f, FAKE_SCHED_ROOT);
	fake_put64(&f, s.root, 0);
	fake_open(&f);
	d = fake_dump(&f);
	cap_dump_events(&d);
	assert_int_equal(d.report->nr_events, 0);
	fake_dump_done(&d);
	fake_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_summed_over_cpus_and_do_not_wrap),
		cmocka_unit_test(they_are_read_while_the_guest_runs_as_well),
		cmocka_unit_test(a_scheduler_that_goes_while_they_are_read_has_none),
		cmocka_unit_test(samples_of_before_are_taken_as_they_are),
		cmocka_unit_test(without_a_scheduler_there_are_no_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
