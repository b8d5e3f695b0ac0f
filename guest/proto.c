/* SPDX-License-Identifier: GPL-2.0-only */
/* The frame ring in shared memory: one writer and one reader, neither of which trusts the other. */
#include "guest/proto.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

enum { WORD = sizeof(uint64_t) };

/*
 * The other side may be writing at any moment, so shared memory is only ever touched by whole
 * aligned words, each access being one load or store that the compiler can neither repeat nor
 * invent. Words also suit mappings that are not cached, where every access is a transaction of its
 * own.
 */
static uint64_t load_word(const volatile uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void store_word(volatile uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static volatile uint64_t *ring_words(const struct gst_ring *r, uint64_t index)
{
	return (volatile uint64_t *)(volatile void *)(r->data + index % r->size);
}

/* Bytes that can be reached from @index before the ring wraps. */
static uint64_t ring_straight(const struct gst_ring *r, uint64_t index)
{
	return r->size - index % r->size;
}

/* Writes @len bytes at @index, an aligned one; the last word is filled up with zeroes. */
static void ring_put(struct gst_ring *r, uint64_t index, const uint8_t *from, size_t len)
{
	while (len) {
		volatile uint64_t *to = ring_words(r, index);
		uint64_t straight = ring_straight(r, index);
		size_t now = len < straight ? len : (size_t)straight;
		size_t whole = now / WORD;
		uint64_t word;

		for (size_t i = 0; i < whole; i++) {
			memcpy(&word, from + i * WORD, WORD);
			store_word(to + i, word);
		}
		if (now % WORD) { /* only at the very end: straight is a multiple of words */
			word = 0;
			memcpy(&word, from + whole * WORD, now % WORD);
			store_word(to + whole, word);
		}
		from += now;
		index += now;
		len -= now;
	}
}

static void ring_get(const struct gst_ring *r, uint64_t index, uint8_t *to, size_t len)
{
	while (len) {
		const volatile uint64_t *from = ring_words(r, index);
		uint64_t straight = ring_straight(r, index);
		size_t now = len < straight ? len : (size_t)straight;
		size_t whole = now / WORD;
		uint64_t word;

		for (size_t i = 0; i < whole; i++) {
			word = load_word(from + i);
			memcpy(to + i * WORD, &word, WORD);
		}
		if (now % WORD) {
			word = load_word(from + whole);
			memcpy(to + whole * WORD, &word, now % WORD);
		}
		to += now;
		index += now;
		len -= now;
	}
}

/* What a frame takes in the ring. @len is at most GST_FRAME_MAX. */
static uint64_t frame_bytes(size_t len)
{
	return sizeof(struct gst_frame_header) + (len + WORD - 1) / WORD * WORD;
}

static bool window_len_ok(size_t len)
{
	return len >= GST_WINDOW_MIN && len <= UINT32_MAX && len % GST_WINDOW_PAGE == 0;
}

int gst_window_format(void *window, size_t len)
{
	struct gst_window *w = window;

	if (!window_len_ok(len))
		return -EINVAL;
	*w = (struct gst_window){
		.magic = GST_WINDOW_MAGIC,
		.version = GST_WINDOW_VERSION,
		.bytes = (uint32_t)len,
	};
	return 0;
}

static int window_check(const volatile struct gst_window *w, size_t len)
{
	if (!window_len_ok(len) || w->magic != GST_WINDOW_MAGIC ||
	    w->version != GST_WINDOW_VERSION || w->bytes != len)
		return -EINVAL;
	return 0;
}

int gst_ring_attach_up(void *window, size_t len, bool producer, struct gst_ring *ret)
{
	volatile struct gst_window *w = window;
	const uint64_t start = GST_WINDOW_PAGE + GST_DOWN_BYTES;
	int r = window_check(w, len);

	if (r < 0)
		return r;
	*ret = (struct gst_ring){
		.shared = &w->up,
		.data = (volatile uint8_t *)window + start,
		.size = len - start,
		.reserve = producer ? GST_UP_RESERVE : 0,
	};
	return 0;
}

int gst_ring_attach_down(void *window, size_t len, bool producer, struct gst_ring *ret)
{
	volatile struct gst_window *w = window;
	int r = window_check(w, len);

	(void)producer; /* the down ring has no reserve: both ends start alike */
	if (r < 0)
		return r;
	*ret = (struct gst_ring){
		.shared = &w->down,
		.data = (volatile uint8_t *)window + GST_WINDOW_PAGE,
		.size = GST_DOWN_BYTES,
	};
	return 0;
}

static void ring_count_lost(struct gst_ring *r, uint64_t bytes)
{
	r->lost_frames++;
	r->lost_bytes += bytes;
	store_word(&r->shared->lost_frames, r->lost_frames);
	store_word(&r->shared->lost_bytes, r->lost_bytes);
}

/* Room for @len bytes of payload: 0, -EAGAIN, -EMSGSIZE: never, -EPROTO. */
static int ring_room(const struct gst_ring *r, size_t len, enum gst_priority prio)
{
	uint64_t keep = prio == GST_LOW ? r->reserve : 0;
	uint64_t used;

	if (r->broken)
		return -EPROTO;
	if (len > GST_FRAME_MAX || frame_bytes(len) + keep > r->size)
		return -EMSGSIZE;
	/*
	 * Acquire: the reader has finished with the bytes that its tail gives back. Partner: the
	 * release in gst_ring_read.
	 */
	used = r->pos - __atomic_load_n(&r->shared->tail, __ATOMIC_ACQUIRE);
	if (used > r->size || used % WORD)
		return -EPROTO;
	return r->size - used < frame_bytes(len) + keep ? -EAGAIN : 0;
}

bool gst_ring_has_room(const struct gst_ring *r, size_t len, enum gst_priority prio)
{
	return ring_room(r, len, prio) == 0;
}

int gst_ring_write(struct gst_ring *r, uint32_t type, const void *payload, size_t len,
		   enum gst_priority prio)
{
	struct gst_frame_header h = { .type = type };
	int err = ring_room(r, len, prio);

	if (err == -EPROTO)
		r->broken = true;
	else if (err < 0 && prio == GST_LOW)
		ring_count_lost(r, len);
	if (err < 0)
		return err;

	h.len = (uint32_t)len;
	h.crc32 = (uint32_t)crc32_z(0, payload, len);
	ring_put(r, r->pos, (const uint8_t *)&h, sizeof(h));
	ring_put(r, r->pos + sizeof(h), payload, len);
	r->pos += frame_bytes(len);
	/* Release: whoever sees the new head sees the frame. Partner: acquire in gst_ring_read. */
	__atomic_store_n(&r->shared->head, r->pos, __ATOMIC_RELEASE);
	return 0;
}

int gst_ring_read(struct gst_ring *r, struct gst_frame *ret, void *payload)
{
	struct gst_frame_header h = { 0 };
	uint64_t ready;

	if (r->broken)
		return -EPROTO;
	/* Acquire: see the release in gst_ring_write. */
	ready = __atomic_load_n(&r->shared->head, __ATOMIC_ACQUIRE) - r->pos;
	if (ready == 0)
		return 0;
	if (ready > r->size || ready % WORD || ready < sizeof(h))
		goto broken;
	ring_get(r, r->pos, (uint8_t *)&h, sizeof(h));
	if (h.len > GST_FRAME_MAX || h.pad != 0 || frame_bytes(h.len) > ready)
		goto broken;
	ring_get(r, r->pos + sizeof(h), payload, h.len);
	r->pos += frame_bytes(h.len);
	/* Release: our copies are done before the writer may use the room again. */
	__atomic_store_n(&r->shared->tail, r->pos, __ATOMIC_RELEASE);

	*ret = (struct gst_frame){
		.type = h.type,
		.len = h.len,
		.crc_ok = (uint32_t)crc32_z(0, payload, h.len) == h.crc32,
	};
	return 1;
broken:
	r->broken = true;
	return -EPROTO;
}

uint64_t gst_ring_lost(const struct gst_ring *r)
{
	return load_word(&r->shared->lost_frames);
}
