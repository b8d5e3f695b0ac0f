/* SPDX-License-Identifier: GPL-2.0-only */
/* libFuzzer: the ring's reader against a hostile producer, its writer against a hostile consumer. */
#include <errno.h>
#include <stdint.h>

#include "guest/proto.h"

enum {
	LEN = GST_WINDOW_MIN,
	UP_START = GST_WINDOW_PAGE + GST_DOWN_BYTES,
	UP_SIZE = LEN - UP_START,
};

#define check(cond) \
	do { \
		if (!(cond)) \
			abort(); \
	} while (0)

struct input {
	const uint8_t *data;
	size_t left;
};

/* Little-endian, zero-extended where the input ends. */
static uint64_t take(struct input *in, size_t bytes)
{
	uint64_t v = 0;

	for (size_t i = 0; i < bytes && in->left; i++, in->data++, in->left--)
		v |= (uint64_t)*in->data << (8 * i);
	return v;
}

/* The other side writes wherever it can: indices and counters, or the bytes of frames. */
static void hostile_indices(uint8_t *window, struct input *in)
{
	static const size_t fields[] = {
		offsetof(struct gst_ring_shared, head),
		offsetof(struct gst_ring_shared, tail),
		offsetof(struct gst_ring_shared, lost_frames),
		offsetof(struct gst_ring_shared, lost_bytes),
	};
	size_t field = fields[take(in, 1) % 4];
	uint64_t v = take(in, 8);

	memcpy(window + offsetof(struct gst_window, up) + field, &v, sizeof(v));
}

static void hostile_bytes(uint8_t *window, struct input *in)
{
	size_t at = take(in, 3) % UP_SIZE, len = take(in, 1);

	for (size_t i = 0; i < len; i++)
		window[UP_START + (at + i) % UP_SIZE] = (uint8_t)take(in, 1);
}

static void our_reader(struct gst_ring *r, uint8_t *payload)
{
	uint64_t before = r->pos;
	struct gst_frame f;
	int n = gst_ring_read(r, &f, payload);

	check(n == 1 || n == 0 || n == -EPROTO);
	check((n == -EPROTO) == r->broken);
	check(n == 1 ? r->pos - before >= sizeof(struct gst_frame_header) : r->pos == before);
	check(n != 1 || (f.len <= GST_FRAME_MAX && r->pos - before <= UP_SIZE));
}

static void our_writer(struct gst_ring *w, const uint8_t *payload, struct input *in)
{
	uint64_t before = w->pos, lost = w->lost_frames;
	enum gst_priority prio = take(in, 1) % 2 ? GST_HIGH : GST_LOW;
	size_t len = take(in, 3) % (GST_FRAME_MAX + 2);
	bool room = gst_ring_has_room(w, len, prio);
	int n = gst_ring_write(w, 0x4c494645, payload, len, prio);

	check(n == 0 || n == -EAGAIN || n == -EMSGSIZE || n == -EPROTO);
	check(room == (n == 0));
	check((n == -EPROTO) == w->broken);
	check(n == 0 ? w->pos - before >= len : w->pos == before);
	check(w->lost_frames - lost == (prio == GST_LOW && (n == -EAGAIN || n == -EMSGSIZE)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t payload[GST_FRAME_MAX + 2];
	struct input in = { .data = data, .left = size };
	/* On the heap and exactly as large as promised, so that ASan sees any step outside. */
	uint8_t *window = aligned_alloc(GST_WINDOW_PAGE, LEN), *room = malloc(GST_FRAME_MAX);
	struct gst_ring r, w;
	uint64_t start = take(&in, 3) * 8;

	check(window && room);
	memset(window, 0, LEN);
	check(gst_window_format(window, LEN) == 0);
	check(gst_ring_attach_up(window, LEN, false, &r) == 0);
	check(gst_ring_attach_up(window, LEN, true, &w) == 0);
	r.pos = w.pos = w.shared->head = w.shared->tail = start;

	while (in.left) {
		switch (take(&in, 1) % 4) {
		case 0:
			hostile_indices(window, &in);
			break;
		case 1:
			hostile_bytes(window, &in);
			break;
		case 2:
			our_reader(&r, room);
			break;
		case 3:
			our_writer(&w, payload, &in);
			break;
		}
	}
	/* Nothing of this went into the other ring. */
	check(memcmp(window + sizeof(struct gst_window), payload,
		     UP_START - sizeof(struct gst_window)) == 0);
	free(window);
	free(room);
	return 0;
}
