/* SPDX-License-Identifier: GPL-2.0-only */
/* How much a guest can have of us by asking and telling. */
#include <errno.h>

#include "tests/unit/asking_guest.h"
#include "vmm/internal.h"

/* No machine: a request that is not refused would need one, and fail otherwise. */
static int no_bell(void *m, char bell)
{
	(void)m;
	(void)bell;
	return -ENOTCONN;
}

static int no_freeze(void *m, struct kt_err *e)
{
	(void)m;
	return kt_fail(e, KT_E_GUEST, ENOTCONN, "there is no machine");
}

static const struct vm_backend nothing = { .ring_bell = no_bell, .freeze = no_freeze };

struct bench {
	struct cell_spec spec;
	struct vm vm;
	struct asking_guest guest;
	struct cell_coordinator c;
	char path[600];
};

static void begin(struct bench *b, const char *dir)
{
	*b = (struct bench){ .vm = { .ops = &nothing } };
	snprintf(b->path, sizeof(b->path), "%s/t-12ab.failure-dump.json", dir);
	asking_begin(&b->guest, &b->c);
	b->c.view.vm = &b->vm;
	b->c.view.spec = &b->spec;
	b->c.dumps.path = b->path;
	b->c.probed = true;
}

static void end(struct bench *b)
{
	cell_dumps_done(&b->c.dumps);
	asking_end(&b->guest);
}

static struct gst_snapshot_reply ask(struct bench *b, unsigned id, const char *tag)
{
	struct gst_snapshot_reply reply = asking_ask(&b->guest, &b->c, id, tag);

	assert_int_equal(reply.status, GST_SNAPSHOT_ERR);
	return reply;
}

static void a_guest_is_given_so_many_captures_and_no_more(void **state)
{
	struct gst_snapshot_reply r;
	struct bench b;

	begin(&b, *state);
	r = ask(&b, 1, "one");
	assert_non_null(strstr(r.reason, "vCPU rendezvous aborted"));
	assert_int_equal(b.c.nr_asked, 1);
	b.c.nr_asked = CELL_ASKED_MAX;
	b.c.timeouts = 0;
	r = ask(&b, 2, "two");
	assert_string_equal(r.reason, "at most 256 captures are taken of a machine");
	end(&b);
}

static void periodic_captures_do_not_count(void **state)
{
	struct gst_snapshot_reply r;
	struct bench b;

	begin(&b, *state);
	b.spec.plan.nr_periodic = 1;
	b.c.nr_asked = CELL_ASKED_MAX;
	r = ask(&b, 1, "periodic_000");
	assert_non_null(strstr(r.reason, "vCPU rendezvous aborted"));
	r = ask(&b, 2, "periodic_001"); /* more than were planned: by somebody else */
	assert_string_equal(r.reason, "at most 256 captures are taken of a machine");
	end(&b);
}

static void tell(struct cell_coordinator *c, unsigned n)
{
	static char text[64 << 10];
	size_t len = 0;

	for (unsigned i = 0; len + 400 < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "ff00 s%u_%u_%0300u\n", n,
					i, 0u);
	cell_coordinator_symbols(c, text, len);
}

static size_t nr_symbols(const struct cell_coordinator *c)
{
	const char *const *names;
	const uint64_t *addrs;

	return cap_symbols_list(c->view.symbols, &names, &addrs);
}

static void a_flood_of_symbols_is_not_kept(void **state)
{
	struct bench b;
	size_t nr;

	begin(&b, *state);
	assert_int_equal(cap_symbols_create(&b.c.view.symbols, NULL), 0);
	tell(&b.c, 0);
	nr = nr_symbols(&b.c);
	assert_true(nr > 0);
	for (unsigned i = 1; i < 64; i++)
		tell(&b.c, i);
	assert_true(nr_symbols(&b.c) <= 16 * nr);
	cap_symbols_free(b.c.view.symbols);
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_is_given_so_many_captures_and_no_more),
		cmocka_unit_test(a_flood_of_symbols_is_not_kept),
		cmocka_unit_test(periodic_captures_do_not_count),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
