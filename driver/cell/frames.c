/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest sends: one handler for each type of frame. Nothing in a frame is believed before
 * it is checked.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "driver/cell/parts.h"
#include "guest/proto.h"

int cell_pieces_add(struct cell_pieces *p, const void *data, size_t len, struct kt_err *e)
{
	struct gst_piece piece;

	if (len < sizeof(piece))
		return kt_fail(e, KT_E_GUEST, EPROTO,
			       "a piece of the result has %zu bytes, less than its header", len);
	memcpy(&piece, data, sizeof(piece));
	len -= sizeof(piece);
	if (piece.total == 0 || piece.total > SCN_ENCODED_MAX)
		return kt_fail(e, KT_E_GUEST, EPROTO,
			       "the result is said to have %u bytes, allowed are 1 to %d",
			       piece.total, SCN_ENCODED_MAX);
	if (p->total && piece.total != p->total)
		return kt_fail(e, KT_E_GUEST, EPROTO,
			       "a piece says that the result has %u bytes, the first said %u",
			       piece.total, p->total);
	if (piece.offset != p->b.len)
		return kt_fail(e, KT_E_GUEST, EPROTO,
			       "a piece of the result is for offset %u, expected %zu", piece.offset,
			       p->b.len);
	if (len == 0 || len > piece.total - piece.offset)
		return kt_fail(e, KT_E_GUEST, EPROTO,
			       "a piece of %zu bytes at offset %u of a result of %u", len,
			       piece.offset, piece.total);
	kt_buf_add(&p->b, (const char *)data + sizeof(piece), len);
	if (!kt_buf_ok(&p->b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "keep %u bytes of a result", piece.total);
	p->total = piece.total;
	return 0;
}

/* The first nonsense is the telling one. */
static void __attribute__((format(printf, 2, 3))) nonsense(struct cell *c, const char *fmt, ...)
{
	va_list ap;

	if (c->protocol[0])
		return;
	va_start(ap, fmt);
	(void)vsnprintf(c->protocol, sizeof(c->protocol), fmt, ap); /* a longer text is cut */
	va_end(ap);
}

static void tell_coordinator(struct cell *c, enum gst_life phase, const char *text, size_t len)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	kt_buf_add_printable(&b, text, len < 512 ? len : 512);
	if (phase == GST_LIFE_PROBED)
		cell_coordinator_probed(c->capture, kt_buf_str(&b));
	else
		cell_coordinator_died(c->capture, kt_buf_str(&b));
}

static void on_life(struct cell *c, const void *data, size_t len)
{
	const unsigned char *p = data;

	if (len < 1) {
		nonsense(c, "a lifecycle frame is empty");
		return;
	}
	switch (p[0]) {
	case GST_LIFE_INIT:
		c->init_up = true;
		c->init_ns = kt_now_ns();
		cell_set_phase(c, CELL_ATTACHING);
		return;
	case GST_LIFE_ATTACHED:
		c->attached = true;
		return;
	case GST_LIFE_PAYLOAD:
		cell_set_phase(c, CELL_RUNNING);
		return;
	case GST_LIFE_PROBED:
	case GST_LIFE_SCHED_DIED:
		tell_coordinator(c, p[0], (const char *)p + 1, len - 1);
		return;
	case GST_LIFE_NOT_ATTACHED: /* the result says it in more words */
		return;
	case GST_LIFE_INIT_FAILED:
		if (!c->init_failed[0])
			(void)snprintf(c->init_failed, sizeof(c->init_failed), "%.*s", (int)len - 1,
				       (const char *)p + 1);
		return;
	}
	kt_log(KT_AREA_DRIVER, KT_DEBUG, "the guest is in a phase of life that we do not know: %u",
	       p[0]);
}

static void on_test(struct cell *c, const void *data, size_t len)
{
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err e = { 0 };

	if (cell_pieces_add(&c->result, data, len, &e) < 0)
		nonsense(c, "%s", kt_err_text(&e, text, sizeof(text)));
}

static void on_scenario_end(struct cell *c, const void *data, size_t len)
{
	(void)data; /* how long it took stands in the result */
	(void)len;
	cell_set_phase(c, CELL_FINISHING);
}

static void on_exit_status(struct cell *c, const void *data, size_t len)
{
	if (len != sizeof(c->exit_status)) {
		nonsense(c, "an exit frame has %zu bytes, not %zu", len, sizeof(c->exit_status));
		return;
	}
	memcpy(&c->exit_status, data, len);
	c->exited = true;
	cell_set_phase(c, CELL_FINISHING);
}

static void on_sched_text(struct cell *c, const void *data, size_t len)
{
	cell_take_text(c, CELL_SCHED_LOG, data, len);
}

static void on_kernel_text(struct cell *c, const void *data, size_t len)
{
	cell_take_text(c, CELL_KERNEL_LOG, data, len);
}

static void on_addresses(struct cell *c, const void *data, size_t len)
{
	struct gst_kadr k;

	if (len != sizeof(k)) {
		nonsense(c, "a frame of kernel addresses has %zu bytes, not %zu", len, sizeof(k));
		return;
	}
	memcpy(&k, data, sizeof(k));
	kt_log(KT_AREA_DRIVER, KT_DEBUG,
	       "guest kernel: phys_base + 1 0x%llx, page_offset_base at gva 0x%016llx, _text + 1 0x%016llx",
	       (unsigned long long)k.phys_base_plus_1, (unsigned long long)k.page_offset_base_sym,
	       (unsigned long long)k.text_plus_1);
	cell_coordinator_addresses(c->capture, &k);
}

static void on_symbols(struct cell *c, const void *data, size_t len)
{
	cell_coordinator_symbols(c->capture, data, len);
}

static void on_request(struct cell *c, const void *data, size_t len)
{
	struct gst_snapshot_request q;

	if (len != sizeof(q)) {
		nonsense(c, "a request for a capture has %zu bytes, not %zu", len, sizeof(q));
		return;
	}
	memcpy(&q, data, sizeof(q));
	cell_coordinator_request(c->capture, &q);
}

/* Said in another frame as well, or of no use to us. */
static void on_nothing(struct cell *c, const void *data, size_t len)
{
	(void)c;
	(void)data;
	(void)len;
}

static const struct {
	uint32_t type;
	void (*take)(struct cell *c, const void *data, size_t len);
} frames[] = {
	{ GST_F_LIFE, on_life },        { GST_F_TEST, on_test },    { GST_F_SCLG, on_sched_text },
	{ GST_F_DMSG, on_kernel_text }, { GST_F_SCST, on_nothing }, { GST_F_SCEN, on_scenario_end },
	{ GST_F_SCDX, on_nothing },     { GST_F_SRDY, on_nothing }, { GST_F_KADR, on_addresses },
	{ GST_F_EXIT, on_exit_status }, { GST_F_KSYM, on_symbols }, { GST_F_SNRQ, on_request },
};

void cell_take_frame(struct cell *c, uint32_t type, const void *data, size_t len)
{
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		if (frames[i].type == type) {
			frames[i].take(c, data, len);
			return;
		}
	}
	c->out.unknown_frames++;
}
