/* SPDX-License-Identifier: GPL-2.0-only */
/* Captures that programs ask init for: FIFOs at one end, the host's rings at the other. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "guest/internal.h"
#include "tests/unit/unit.h"

struct bench {
	void *window;
	struct gst_chan chan;
	struct gst_ring host_up, host_down;
	struct gst_snapshots s;
	int ask_fd, done_fd; /* the programs' ends */
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	int ask[2], done[2];
	char path[64];

	assert_non_null(b);
	assert_int_equal(posix_memalign(&b->window, GST_WINDOW_PAGE, GST_WINDOW_MIN), 0);
	memset(b->window, 0, GST_WINDOW_MIN);
	assert_int_equal(gst_window_format(b->window, GST_WINDOW_MIN), 0);
	assert_int_equal(gst_ring_attach_up(b->window, GST_WINDOW_MIN, true, &b->chan.up), 0);
	assert_int_equal(gst_ring_attach_down(b->window, GST_WINDOW_MIN, false, &b->chan.down), 0);
	assert_int_equal(gst_ring_attach_up(b->window, GST_WINDOW_MIN, false, &b->host_up), 0);
	assert_int_equal(gst_ring_attach_down(b->window, GST_WINDOW_MIN, true, &b->host_down), 0);
	b->chan.bell_fd = -1;
	assert_int_equal(pipe2(ask, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(pipe2(done, O_NONBLOCK | O_CLOEXEC), 0);
	b->s.request_fd = ask[0];
	b->ask_fd = ask[1];
	b->done_fd = done[0];
	/* As init opens a FIFO: at both ends. */
	(void)kt_snprintf(path, sizeof(path), "/proc/self/fd/%d", done[1]);
	b->s.done_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(b->s.done_fd >= 0);
	(void)close(done[1]);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	(void)close(b->s.request_fd);
	(void)close(b->s.done_fd);
	(void)close(b->ask_fd);
	(void)close(b->done_fd);
	free(b->window);
	free(b);
	return 0;
}

static void ask(struct bench *b, const char *text)
{
	assert_int_equal(write(b->ask_fd, text, strlen(text)), (ssize_t)strlen(text));
	gst_snapshots_serve(&b->s, &b->chan);
}

/* What came to the host, or false. */
static bool host_got(struct bench *b, struct gst_snapshot_request *ret)
{
	static char payload[GST_FRAME_MAX];
	struct gst_frame f;

	if (gst_ring_read(&b->host_up, &f, payload) != 1)
		return false;
	assert_int_equal(f.type, GST_F_SNRQ);
	assert_true(f.crc_ok);
	assert_int_equal(f.len, sizeof(*ret));
	memcpy(ret, payload, sizeof(*ret));
	return true;
}

static void host_says(struct bench *b, uint32_t id, uint32_t status, const char *reason)
{
	struct gst_snapshot_reply r = { .request_id = id, .status = status };

	(void)kt_snprintf(r.reason, sizeof(r.reason), "%s", reason);
	assert_int_equal(gst_ring_write(&b->host_down, GST_F_SNRP, &r, sizeof(r), GST_HIGH), 0);
	gst_snapshots_serve(&b->s, &b->chan);
}

static void assert_answer(struct bench *b, const char *want)
{
	char text[256];
	ssize_t n = read(b->done_fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	assert_string_equal(text, want);
}

static void a_request_goes_to_the_host_and_its_answer_comes_back(void **state)
{
	struct gst_snapshot_request q = { 0 };
	struct bench *b = *state;

	assert_true(gst_snapshots_ready(&b->s));
	ask(b, "after the start\n");
	assert_false(gst_snapshots_ready(&b->s));
	assert_true(host_got(b, &q));
	assert_int_not_equal(q.request_id, 0);
	assert_int_equal(q.kind, GST_SNAPSHOT_CAPTURE);
	assert_string_equal(q.tag, "after the start");
	assert_answer(b, "");
	host_says(b, q.request_id, GST_SNAPSHOT_OK, "");
	assert_answer(b, "ok\n");
	gst_snapshots_serve(&b->s, &b->chan);
	assert_true(gst_snapshots_ready(&b->s));
}

static void a_refusal_is_one_line_with_its_reason(void **state)
{
	struct gst_snapshot_request q = { 0 };
	struct bench *b = *state;

	ask(b, "one\n");
	assert_true(host_got(b, &q));
	host_says(b, q.request_id, GST_SNAPSHOT_ERR, "no room\nfor\tit");
	assert_answer(b, "error: no room for it\n");
}

static void requests_go_one_at_a_time(void **state)
{
	struct gst_snapshot_request q = { 0 };
	struct bench *b = *state;

	ask(b, "one\ntwo\n");
	assert_true(host_got(b, &q));
	assert_string_equal(q.tag, "one");
	gst_snapshots_serve(&b->s, &b->chan);
	assert_false(host_got(b, &q));
	/* Answered, but unread: the next answer would be taken for it. */
	host_says(b, q.request_id, GST_SNAPSHOT_OK, "");
	gst_snapshots_serve(&b->s, &b->chan);
	assert_false(host_got(b, &q));
	assert_answer(b, "ok\n");
	gst_snapshots_serve(&b->s, &b->chan);
	assert_true(host_got(b, &q));
	assert_string_equal(q.tag, "two");
}

static void an_answer_that_nobody_reads_holds_nobody_up_for_long(void **state)
{
	struct gst_snapshot_request q = { 0 };
	struct bench *b = *state;

	ask(b, "one\ntwo\n");
	assert_true(host_got(b, &q));
	host_says(b, q.request_id, GST_SNAPSHOT_OK, "");
	assert_int_not_equal(b->s.read_by_ns, 0);
	b->s.read_by_ns = 1; /* long ago */
	gst_snapshots_serve(&b->s, &b->chan);
	assert_true(host_got(b, &q));
	assert_string_equal(q.tag, "two");
	assert_answer(b, "");
	host_says(b, q.request_id, GST_SNAPSHOT_ERR, "not now");
	assert_answer(b, "error: not now\n");
}

static void a_host_that_never_answers_is_an_error(void **state)
{
	struct gst_snapshot_request q = { 0 };
	struct bench *b = *state;

	ask(b, "one\n");
	assert_true(host_got(b, &q));
	b->s.answer_by_ns = 1; /* long ago */
	gst_snapshots_serve(&b->s, &b->chan);
	assert_answer(b, "error: no answer\n");
	/* It comes after all: nobody is told. */
	host_says(b, q.request_id, GST_SNAPSHOT_OK, "");
	assert_answer(b, "");
}

static void frames_that_are_no_answer_to_it_are_ignored(void **state)
{
	struct gst_snapshot_request q = { 0 };
	struct bench *b = *state;

	ask(b, "one\n");
	assert_true(host_got(b, &q));
	host_says(b, q.request_id + 1, GST_SNAPSHOT_OK, "");
	host_says(b, 0, GST_SNAPSHOT_OK, "");
	assert_int_equal(gst_ring_write(&b->host_down, GST_F_SNRP, &q, 8, GST_HIGH), 0);
	assert_int_equal(gst_ring_write(&b->host_down, GST_F_SOUT, &q, sizeof(q), GST_HIGH), 0);
	gst_snapshots_serve(&b->s, &b->chan);
	assert_answer(b, "");
	host_says(b, q.request_id, GST_SNAPSHOT_OK, "");
	assert_answer(b, "ok\n");
}

static void a_name_that_cannot_be_is_answered_without_the_host(void **state)
{
	struct gst_snapshot_request q = { 0 };
	struct bench *b = *state;
	char line[80];

	ask(b, "\n");
	assert_answer(b, "error: the name is empty\n");
	gst_snapshots_serve(&b->s, &b->chan);
	memset(line, 'x', 64);
	line[64] = '\n';
	line[65] = '\0';
	ask(b, line);
	assert_answer(b, "error: the name has more than 63 characters\n");
	gst_snapshots_serve(&b->s, &b->chan);
	assert_false(host_got(b, &q));
	ask(b, line + 1);
	assert_true(host_got(b, &q));
	assert_int_equal(strlen(q.tag), 63);
}

static void a_line_may_come_in_pieces(void **state)
{
	struct gst_snapshot_request q = { 0 };
	struct bench *b = *state;

	ask(b, "in pie");
	assert_false(host_got(b, &q));
	ask(b, "ces\n");
	assert_true(host_got(b, &q));
	assert_string_equal(q.tag, "in pieces");
}

static void init_looks_often_for_the_host_and_seldom_for_a_reader(void **state)
{
	struct gst_snapshot_request q = { 0 };
	struct bench *b = *state;

	assert_true(gst_snapshots_next_look(&b->s) == UINT64_MAX);
	ask(b, "one\n");
	assert_true(host_got(b, &q));
	assert_true(gst_snapshots_next_look(&b->s) < GST_MS);
	host_says(b, q.request_id, GST_SNAPSHOT_OK, "");
	assert_true(gst_snapshots_next_look(&b->s) >= GST_MS);
	assert_true(gst_snapshots_next_look(&b->s) < 100 * GST_MS);
	assert_answer(b, "ok\n");
	gst_snapshots_serve(&b->s, &b->chan);
	assert_true(gst_snapshots_next_look(&b->s) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_request_goes_to_the_host_and_its_answer_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refusal_is_one_line_with_its_reason, setup,
						teardown),
		cmocka_unit_test_setup_teardown(requests_go_one_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_answer_that_nobody_reads_holds_nobody_up_for_long, setup, teardown),
		cmocka_unit_test_setup_teardown(a_host_that_never_answers_is_an_error, setup,
						teardown),
		cmocka_unit_test_setup_teardown(frames_that_are_no_answer_to_it_are_ignored, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_name_that_cannot_be_is_answered_without_the_host,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_may_come_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(
			init_looks_often_for_the_host_and_seldom_for_a_reader, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
