/* SPDX-License-Identifier: GPL-2.0-only */
/* The frame ring: order, wrapping, room, loss, and what a hostile other side cannot do. */
#include "guest/proto.h"

#include <errno.h>
#include <pthread.h>

#include "tests/unit/unit.h"

enum {
	LEN = GST_WINDOW_MIN,
	UP_SIZE = LEN - GST_WINDOW_PAGE - GST_DOWN_BYTES,
	HEADER = sizeof(struct gst_frame_header),
};

struct pair {
	struct gst_window *window;
	struct gst_ring in, out; /* producer and consumer of the up ring */
	uint8_t *payload; /* GST_FRAME_MAX bytes */
};

static int setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	p->window = aligned_alloc(GST_WINDOW_PAGE, LEN);
	memset(p->window, 0, LEN);
	p->payload = malloc(GST_FRAME_MAX);
	*state = p;
	if (gst_window_format(p->window, LEN) < 0 ||
	    gst_ring_attach_up(p->window, LEN, true, &p->in) < 0)
		return -1;
	return gst_ring_attach_up(p->window, LEN, false, &p->out);
}

static int teardown(void **state)
{
	struct pair *p = *state;

	free(p->window);
	free(p->payload);
	free(p);
	return 0;
}

static void assert_reads(struct pair *p, uint32_t type, const void *data, size_t len)
{
	struct gst_frame f;

	assert_int_equal(gst_ring_read(&p->out, &f, p->payload), 1);
	assert_int_equal(f.type, type);
	assert_int_equal(f.len, len);
	assert_true(f.crc_ok);
	assert_memory_equal(p->payload, data, len);
}

static void assert_empty(struct pair *p)
{
	struct gst_frame f;

	assert_int_equal(gst_ring_read(&p->out, &f, p->payload), 0);
}

/* ---- the window ---- */

static void a_window_of_a_wrong_size_is_refused(void **state)
{
	static const size_t bad[] = { 0, GST_WINDOW_MIN - GST_WINDOW_PAGE, GST_WINDOW_MIN + 8,
				      SIZE_MAX };
	struct pair *p = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(gst_window_format(p->window, bad[i]), -EINVAL);
		assert_int_equal(gst_ring_attach_up(p->window, bad[i], true, &p->in), -EINVAL);
	}
}

static void a_window_that_is_not_formatted_is_refused(void **state)
{
	struct pair *p = *state;
	struct gst_ring r = { .size = 7 };

	p->window->magic ^= 1;
	assert_int_equal(gst_ring_attach_up(p->window, LEN, true, &r), -EINVAL);
	p->window->magic ^= 1;
	p->window->version++;
	assert_int_equal(gst_ring_attach_down(p->window, LEN, true, &r), -EINVAL);
	p->window->version--;
	p->window->bytes += GST_WINDOW_PAGE;
	assert_int_equal(gst_ring_attach_up(p->window, LEN, false, &r), -EINVAL);
	assert_int_equal(r.size, 7); /* outputs are written only on success */
	p->window->bytes -= GST_WINDOW_PAGE;
	assert_int_equal(gst_ring_attach_up(p->window, LEN, false, &r), 0);
	assert_int_equal(r.size, UP_SIZE);
}

static void formatting_clears_what_an_earlier_user_left(void **state)
{
	struct pair *p = *state;

	p->window->up.head = p->window->down.tail = p->window->up.lost_frames = 99;
	assert_int_equal(gst_window_format(p->window, LEN), 0);
	assert_int_equal(p->window->up.head, 0);
	assert_int_equal(p->window->down.tail, 0);
	assert_int_equal(p->window->up.lost_frames, 0);
	assert_memory_equal(&p->window->magic, "kstrring", 8);
}

static void the_two_rings_do_not_touch_each_other(void **state)
{
	struct pair *p = *state;
	struct gst_ring down_in, down_out;
	struct gst_frame f;

	assert_int_equal(gst_ring_attach_down(p->window, LEN, true, &down_in), 0);
	assert_int_equal(gst_ring_attach_down(p->window, LEN, false, &down_out), 0);
	memset(p->payload, 0xdd, GST_DOWN_BYTES);
	assert_int_equal(gst_ring_write(&down_in, 1, p->payload, GST_DOWN_BYTES - HEADER, GST_LOW),
			 0);
	assert_int_equal(gst_ring_write(&p->in, 2, "up", 2, GST_LOW), 0);
	assert_reads(p, 2, "up", 2);
	assert_empty(p);
	assert_int_equal(gst_ring_read(&down_out, &f, p->payload), 1);
	assert_int_equal(f.type, 1);
	assert_true(f.crc_ok);
	assert_int_equal(gst_ring_read(&down_out, &f, p->payload), 0);
}

/* ---- frames ---- */

static void frames_come_out_as_they_went_in(void **state)
{
	struct pair *p = *state;

	assert_empty(p);
	assert_int_equal(gst_ring_write(&p->in, GST_F_SCST, NULL, 0, GST_HIGH), 0);
	assert_int_equal(gst_ring_write(&p->in, GST_F_DMSG, "seven!!", 7, GST_LOW), 0);
	assert_int_equal(gst_ring_write(&p->in, GST_F_SCLG, "and eight", 9, GST_LOW), 0);
	assert_reads(p, GST_F_SCST, "", 0);
	assert_reads(p, GST_F_DMSG, "seven!!", 7);
	assert_reads(p, GST_F_SCLG, "and eight", 9);
	assert_empty(p);
}

static void any_length_wraps_around_anywhere(void **state)
{
	struct pair *p = *state;
	uint8_t *data = malloc(GST_FRAME_MAX);

	for (size_t i = 0; i < GST_FRAME_MAX; i++)
		data[i] = (uint8_t)(i * 31 >> 3);
	/* Steps prime to the ring's size, so that headers and payloads are cut at every word. */
	for (unsigned i = 0; i < 40000; i++) {
		size_t len = i * 7919u % 3001u;

		assert_int_equal(gst_ring_write(&p->in, i, data + i % 64, len, GST_HIGH), 0);
		assert_reads(p, i, data + i % 64, len);
	}
	assert_true(p->in.pos > UINT64_C(100) * UP_SIZE);
	free(data);
}

static void what_can_never_fit_is_refused(void **state)
{
	struct pair *p = *state;

	assert_int_equal(gst_ring_write(&p->in, 1, p->payload, GST_FRAME_MAX + 1, GST_HIGH),
			 -EMSGSIZE);
	assert_int_equal(gst_ring_write(&p->in, 1, p->payload, SIZE_MAX, GST_HIGH), -EMSGSIZE);
	assert_int_equal(gst_ring_write(&p->in, 1, p->payload, UP_SIZE - HEADER + 1, GST_HIGH),
			 -EMSGSIZE);
	assert_int_equal(p->in.lost_frames, 0);
	assert_int_equal(gst_ring_write(&p->in, 1, p->payload, UP_SIZE - GST_UP_RESERVE, GST_LOW),
			 -EMSGSIZE);
	assert_int_equal(p->in.lost_frames, 1);
	assert_empty(p);
}

static void a_ring_can_be_filled_to_the_last_byte(void **state)
{
	struct pair *p = *state;

	memset(p->payload, 0x5a, GST_FRAME_MAX);
	assert_int_equal(gst_ring_write(&p->in, 1, "x", 1, GST_HIGH), 0);
	assert_reads(p, 1, "x", 1);
	memset(p->payload, 0x5a, GST_FRAME_MAX);
	assert_int_equal(gst_ring_write(&p->in, 2, p->payload, UP_SIZE - HEADER, GST_HIGH), 0);
	assert_false(gst_ring_has_room(&p->in, 0, GST_HIGH));
	assert_int_equal(gst_ring_write(&p->in, 3, "", 0, GST_HIGH), -EAGAIN);
	uint8_t *copy = malloc(UP_SIZE);
	memcpy(copy, p->payload, UP_SIZE);
	assert_reads(p, 2, copy, UP_SIZE - HEADER);
	free(copy);
	assert_empty(p);
}

static void the_reserve_is_kept_for_high_priority(void **state)
{
	static const char kib[1024];
	struct pair *p = *state;
	unsigned low = 0, high = 0;

	while (gst_ring_has_room(&p->in, sizeof(kib), GST_LOW)) {
		assert_int_equal(gst_ring_write(&p->in, 1, kib, sizeof(kib), GST_LOW), 0);
		low++;
	}
	assert_int_equal(low, (UP_SIZE - GST_UP_RESERVE) / (sizeof(kib) + HEADER));
	assert_int_equal(gst_ring_write(&p->in, 1, kib, sizeof(kib), GST_LOW), -EAGAIN);
	assert_int_equal(gst_ring_write(&p->in, 1, kib, 512, GST_LOW), -EAGAIN);
	while (gst_ring_write(&p->in, 2, kib, sizeof(kib), GST_HIGH) == 0)
		high++;
	assert_int_equal(low + high, UP_SIZE / (sizeof(kib) + HEADER));
	assert_int_equal(p->in.lost_frames, 2); /* only those of low priority count */
	assert_int_equal(p->in.lost_bytes, 1536);
	assert_int_equal(gst_ring_lost(&p->out), 2);
	for (unsigned i = 0; i < low + high; i++)
		assert_reads(p, i < low ? 1 : 2, kib, sizeof(kib));
	assert_int_equal(gst_ring_write(&p->in, 1, kib, sizeof(kib), GST_LOW), 0);
}

static void a_damaged_payload_is_marked_and_the_next_frame_is_whole(void **state)
{
	struct pair *p = *state;
	struct gst_frame f;

	assert_int_equal(gst_ring_write(&p->in, 1, "12345678", 8, GST_LOW), 0);
	assert_int_equal(gst_ring_write(&p->in, 2, "next", 4, GST_LOW), 0);
	p->in.data[HEADER] ^= 1;
	assert_int_equal(gst_ring_read(&p->out, &f, p->payload), 1);
	assert_false(f.crc_ok);
	assert_memory_equal(p->payload, "02345678", 8);
	assert_reads(p, 2, "next", 4);
}

/* ---- a hostile producer ---- */

static void assert_reader_breaks(struct pair *p)
{
	struct gst_frame f;

	assert_int_equal(gst_ring_read(&p->out, &f, p->payload), -EPROTO);
	assert_true(p->out.broken);
	/* For good, even if the other side mends its ways. */
	p->window->up.head = p->window->up.tail;
	assert_int_equal(gst_ring_read(&p->out, &f, p->payload), -EPROTO);
}

static void a_head_that_is_nonsense_breaks_the_ring(void **state)
{
	static const uint64_t heads[] = { 1,           8,          HEADER - 1,
					  UP_SIZE + 8, UINT64_MAX, UINT64_MAX - 7,
					  1ull << 63 };

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct pair *p;

		assert_int_equal(setup((void **)&p), 0);
		p->window->up.head = heads[i];
		assert_reader_breaks(p);
		(void)teardown((void **)&p);
	}
	(void)state;
}

static void a_head_that_moves_back_breaks_the_ring(void **state)
{
	struct pair *p = *state;

	assert_int_equal(gst_ring_write(&p->in, 1, "x", 1, GST_LOW), 0);
	assert_reads(p, 1, "x", 1);
	p->window->up.head = 0;
	assert_reader_breaks(p);
}

static void every_field_of_a_frame_header_is_judged(void **state)
{
	static const struct {
		size_t offset;
		uint32_t value;
		int want; /* of gst_ring_read */
		bool crc_ok;
	} rows[] = {
		{ offsetof(struct gst_frame_header, type), 0xffffffff, 1,
		  true }, /* unknown: the caller's business */
		{ offsetof(struct gst_frame_header, len), 0xffffffff, -EPROTO, false },
		{ offsetof(struct gst_frame_header, len), GST_FRAME_MAX + 1, -EPROTO, false },
		{ offsetof(struct gst_frame_header, len), GST_FRAME_MAX, -EPROTO,
		  false }, /* beyond the head */
		{ offsetof(struct gst_frame_header, len), 17, -EPROTO, false },
		{ offsetof(struct gst_frame_header, len), 9, 1, false },
		{ offsetof(struct gst_frame_header, crc32), 0, 1, false },
		{ offsetof(struct gst_frame_header, pad), 1, -EPROTO, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair *p;
		struct gst_frame f = { 0 };

		assert_int_equal(setup((void **)&p), 0);
		assert_int_equal(gst_ring_write(&p->in, 1, "sixteen bytes ..", 16, GST_LOW), 0);
		*(volatile uint32_t *)(volatile void *)(p->in.data + rows[i].offset) =
			rows[i].value;
		assert_int_equal(gst_ring_read(&p->out, &f, p->payload), rows[i].want);
		assert_int_equal(f.crc_ok, rows[i].crc_ok);
		assert_int_equal(p->out.broken, rows[i].want < 0);
		(void)teardown((void **)&p);
	}
	(void)state;
}

static void a_producer_cannot_move_what_the_reader_has_read(void **state)
{
	struct pair *p = *state;

	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(gst_ring_write(&p->in, i, "payload", 7, GST_LOW), 0);
		p->window->up.tail = i * UINT64_C(0x123456789abcdef); /* the reader keeps its own */
		assert_reads(p, i, "payload", 7);
	}
}

/* ---- a hostile consumer ---- */

static void a_tail_that_is_nonsense_breaks_the_ring(void **state)
{
	static const uint64_t tails[] = { 1, 32, UINT64_MAX, UINT64_C(0) - UP_SIZE, 1ull << 63 };

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		struct pair *p;

		assert_int_equal(setup((void **)&p), 0);
		assert_int_equal(gst_ring_write(&p->in, 1, "x", 1, GST_HIGH), 0); /* head is 24 */
		p->window->up.tail = tails[i];
		assert_int_equal(gst_ring_write(&p->in, 1, "x", 1, GST_HIGH), -EPROTO);
		assert_true(p->in.broken);
		p->window->up.tail = 24;
		assert_int_equal(gst_ring_write(&p->in, 1, "x", 1, GST_LOW), -EPROTO);
		assert_false(gst_ring_has_room(&p->in, 1, GST_HIGH));
		(void)teardown((void **)&p);
	}
	(void)state;
}

static void a_consumer_cannot_move_what_the_writer_has_written(void **state)
{
	struct pair *p = *state;

	assert_int_equal(gst_ring_write(&p->in, 1, "first", 5, GST_LOW), 0);
	p->window->up.head = 0xdead;
	p->window->up.lost_frames = 77;
	assert_int_equal(gst_ring_write(&p->in, 2, "second", 6, GST_LOW), 0);
	assert_int_equal(p->window->up.head, 48);
	assert_int_equal(p->in.lost_frames, 0);
	assert_reads(p, 1, "first", 5);
	assert_reads(p, 2, "second", 6);
}

/* ---- both sides at once ---- */

enum { HAMMER_FRAMES = 100000 };

static size_t hammer_len(unsigned i)
{
	return i % 97 == 0 ? 20000 : i * 13u % 700u;
}

static void *hammer_writer(void *arg)
{
	struct gst_ring *r = arg;
	uint8_t data[20000];

	for (unsigned i = 0; i < HAMMER_FRAMES; i++) {
		size_t len = hammer_len(i);

		memset(data, (int)(i & 0xff), len);
		while (gst_ring_write(r, i, data, len, GST_HIGH) == -EAGAIN)
			sched_yield();
	}
	return NULL;
}

static void two_threads_lose_and_damage_nothing(void **state)
{
	struct pair *p = *state;
	pthread_t writer;
	unsigned bad = 0;

	assert_int_equal(pthread_create(&writer, NULL, hammer_writer, &p->in), 0);
	for (unsigned i = 0; i < HAMMER_FRAMES;) {
		struct gst_frame f;
		int r = gst_ring_read(&p->out, &f, p->payload);

		if (r < 0) /* leaving without the writer's end would hang the join */
			bad = HAMMER_FRAMES;
		if (r == 0) {
			sched_yield();
			continue;
		}
		bad += r < 0 || f.type != i || f.len != hammer_len(i) || !f.crc_ok ||
		       (f.len &&
			(p->payload[0] != (i & 0xff) || p->payload[f.len - 1] != (i & 0xff)));
		if (r < 0)
			break;
		i++;
	}
	if (bad < HAMMER_FRAMES)
		assert_int_equal(pthread_join(writer, NULL), 0);
	assert_int_equal(bad, 0);
	assert_int_equal(p->in.lost_frames, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_window_of_a_wrong_size_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_window_that_is_not_formatted_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(formatting_clears_what_an_earlier_user_left, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_two_rings_do_not_touch_each_other, setup,
						teardown),
		cmocka_unit_test_setup_teardown(frames_come_out_as_they_went_in, setup, teardown),
		cmocka_unit_test_setup_teardown(any_length_wraps_around_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(what_can_never_fit_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ring_can_be_filled_to_the_last_byte, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_reserve_is_kept_for_high_priority, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_damaged_payload_is_marked_and_the_next_frame_is_whole, setup, teardown),
		cmocka_unit_test(a_head_that_is_nonsense_breaks_the_ring),
		cmocka_unit_test_setup_teardown(a_head_that_moves_back_breaks_the_ring, setup,
						teardown),
		cmocka_unit_test(every_field_of_a_frame_header_is_judged),
		cmocka_unit_test_setup_teardown(a_producer_cannot_move_what_the_reader_has_read,
						setup, teardown),
		cmocka_unit_test(a_tail_that_is_nonsense_breaks_the_ring),
		cmocka_unit_test_setup_teardown(a_consumer_cannot_move_what_the_writer_has_written,
						setup, teardown),
		cmocka_unit_test_setup_teardown(two_threads_lose_and_damage_nothing, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
