/* SPDX-License-Identifier: GPL-2.0-only */
/* What host and guest say to each other: frames, the ring in shared memory, doorbells. */
#ifndef KTSTR_GUEST_PROTO_H
#define KTSTR_GUEST_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- frames: type, length, CRC-32 (zlib) of the payload, then the payload ---- */

struct gst_frame_header {
	uint32_t type;
	uint32_t len; /* payload bytes */
	uint32_t crc32; /* of the payload */
	uint32_t pad; /* 0 */
};
_Static_assert(sizeof(struct gst_frame_header) == 16, "wire format");

/* Payload bytes of one frame; longer messages go in pieces, struct gst_piece. */
enum { GST_FRAME_MAX = 256 << 10 };

/* Four characters read as a big-endian word, as in the reference. */
enum gst_frame_type {
	GST_F_SCST = 0x53435354, /* scenario starts */
	GST_F_SCEN = 0x5343454E, /* scenario ended: u64 elapsed_ms */
	GST_F_EXIT = 0x45584954, /* init's own exit status: i32; the last frame, if init lives */
	GST_F_TEST =
		0x54455354, /* result: struct gst_piece + a piece of an encoded struct scn_result */
	GST_F_SCDX = 0x53434458, /* the scheduler's exit kind: i32 */
	GST_F_SOUT = 0x534F5554, /* text chunks: stdout of the payload */
	GST_F_SERR = 0x53455252, /* its stderr */
	GST_F_SCLG = 0x53434C47, /* the scheduler's stdout and stderr */
	GST_F_DMSG = 0x444D5347, /* the kernel's log, whole lines */
	GST_F_LIFE = 0x4C494645, /* u8 enum gst_life + text */
	GST_F_SRDY = 0x53524459, /* system ready */
	GST_F_KADR = 0x4B414452, /* kernel addresses: struct gst_kadr */
	GST_F_KSYM = 0x4B53594D, /* ours: kernel symbols, "hex name\n" text chunks of whole lines */
	GST_F_SNRQ = 0x534E5251, /* guest asks for a capture: struct gst_snapshot_request */
	GST_F_SNRP = 0x534E5250, /* down: the answer: struct gst_snapshot_reply */
};

enum gst_life {
	GST_LIFE_INIT = 1, /* init started */
	GST_LIFE_PAYLOAD = 2, /* workers starting */
	GST_LIFE_SCHED_DIED = 3,
	GST_LIFE_NOT_ATTACHED = 4, /* text says why */
	GST_LIFE_INIT_FAILED =
		5, /* ours: init could not do its work; never the scheduler's fault */
	GST_LIFE_ATTACHED = 6, /* ours: state is enabled; text is the ops name */
	/*
	 * ours: the symbols asked for were sent, and the probe is loaded; text is its hook ("tp_btf sched_ext_exit"), or
	 * "-" and why there is none. Init then waits for GST_BELL_GO before it starts the scheduler.
	 */
	GST_LIFE_PROBED = 7,
};

struct gst_kadr {
	uint64_t phys_base_plus_1; /* 0: unknown */
	uint64_t page_offset_base_sym; /* address of the symbol; 0: unknown */
	uint64_t text_plus_1; /* runtime address of _text; 0: unreadable */
};
_Static_assert(sizeof(struct gst_kadr) == 24, "wire format");

/* As in the reference (wire-schema.md section 10). Texts are cut, and end with NUL. */
enum gst_snapshot_kind { GST_SNAPSHOT_CAPTURE = 1, GST_SNAPSHOT_WATCH = 2 };
struct gst_snapshot_request {
	uint32_t request_id; /* not 0 */
	uint32_t kind; /* enum gst_snapshot_kind */
	char tag[64]; /* name of the capture; of a watch: the symbol */
};
enum gst_snapshot_status { GST_SNAPSHOT_OK = 1, GST_SNAPSHOT_ERR = 2 };
struct gst_snapshot_reply {
	uint32_t request_id;
	uint32_t status; /* enum gst_snapshot_status */
	char reason[64];
};
_Static_assert(sizeof(struct gst_snapshot_request) == 72, "wire format");
_Static_assert(sizeof(struct gst_snapshot_reply) == 72, "wire format");

/* A long message (GST_F_TEST) is cut into pieces; each piece's payload starts with this. */
struct gst_piece {
	uint32_t offset;
	uint32_t total; /* of the whole message */
};

/*
 * ---- doorbells: single bytes on COM2 ----
 * Bytes sent down before init has opened the port (GST_LIFE_INIT) are lost: the host repeats
 * GST_BELL_STOP until the machine ends. A bell says "look", not how much: the writer of frames may
 * ring once for many.
 */

enum {
	GST_BELL_UP = 'f', /* guest to host: frames are waiting */
	GST_BELL_STOP = 's', /* host to guest: end the scenario now, send results, power off */
	GST_BELL_DOWN = 'd', /* host to guest: frames are waiting in the down ring */
	GST_BELL_GO = 'g', /* host to guest: it watches; the scheduler may start */
};

/* ---- the window: two byte rings in guest-physical memory that the kernel leaves alone ---- */

/*
 * Kernel command line: "ktstr.ring=0xGPA,0xLEN". Window layout: one page of struct gst_window, the
 * down ring (host to guest), the up ring (guest to host) to the end. Indices count bytes and only
 * grow (modulo 2^64); each is written by one side. Frames start at 8-byte aligned indices and may
 * wrap.
 */
enum {
	GST_WINDOW_VERSION = 1,
	GST_WINDOW_MIN = 256 << 10,
	GST_WINDOW_DEFAULT = 4 << 20,
	GST_WINDOW_PAGE = 4096,
	GST_DOWN_BYTES = 64 << 10,
	/* Part of the up ring that only results and lifecycle frames may fill. */
	GST_UP_RESERVE = 128 << 10,
};
#define GST_WINDOW_MAGIC UINT64_C(0x676e69727274736b) /* "kstrring" */

struct gst_ring_shared {
	uint64_t head; /* producer: bytes written so far */
	uint64_t pad0[7]; /* one cache line a side */
	uint64_t tail; /* consumer: bytes read so far */
	uint64_t pad1[7];
	uint64_t lost_frames; /* producer: dropped for lack of room */
	uint64_t lost_bytes;
	uint64_t pad2[6];
};
struct gst_window {
	uint64_t magic;
	uint32_t version;
	uint32_t bytes; /* of the whole window */
	uint64_t pad[6];
	struct gst_ring_shared down, up;
};
_Static_assert(sizeof(struct gst_ring_shared) == 192, "wire format");
_Static_assert(sizeof(struct gst_window) == 448, "wire format");

/*
 * One end of one ring. Positions are kept privately: what the other side writes is only ever a hint
 * to check.
 */
struct gst_ring {
	volatile struct gst_ring_shared *shared;
	volatile uint8_t *data;
	uint64_t size; /* of data, a power of two is not required */
	uint64_t pos; /* our index: head for a producer, tail for a consumer */
	uint64_t reserve; /* bytes that low-priority frames leave free */
	uint64_t lost_frames, lost_bytes;
	bool broken; /* the other side wrote nonsense: no further use */
};

/*
 * Host, before boot: write the header. The window is otherwise zero. -EINVAL: @len out of range or
 * not in whole pages.
 */
int gst_window_format(void *window, size_t len);
/*
 * Attach to a formatted window. -EINVAL: magic, version or size do not match. Each end is attached
 * once.
 */
int gst_ring_attach_up(void *window, size_t len, bool producer, struct gst_ring *ret);
int gst_ring_attach_down(void *window, size_t len, bool producer, struct gst_ring *ret);

/* High priority may use the reserve. */
enum gst_priority { GST_LOW, GST_HIGH };
/**
 * 0; -EMSGSIZE: over GST_FRAME_MAX, or more than this ring could ever hold; -EAGAIN: no room now. A
 * low-priority frame that is not written is counted as lost; for a high-priority one the caller
 * waits and tries again. -EPROTO: broken.
 */
int gst_ring_write(struct gst_ring *r, uint32_t type, const void *payload, size_t len,
		   enum gst_priority prio);
/* Whether a write of @len bytes would be taken now. For those who can hold their data back. */
bool gst_ring_has_room(const struct gst_ring *r, size_t len, enum gst_priority prio);

struct gst_frame {
	uint32_t type;
	uint32_t len;
	bool crc_ok;
};
/**
 * 1: @ret and @payload (room for GST_FRAME_MAX) filled; 0: empty; -EPROTO: indices or lengths are
 * nonsense, the ring is broken from here on. Each header and payload is copied once and judged on
 * the copy.
 */
int gst_ring_read(struct gst_ring *r, struct gst_frame *ret, void *payload);
/* Frames that the producer says it lost (a hint from the other side, for display only). */
uint64_t gst_ring_lost(const struct gst_ring *r);

/* Where things are inside the initramfs. */
#define GST_PLAN_PATH "/ktstr/plan"
#define GST_SCHEDULER_PATH "/ktstr/scheduler"
/* Kernel symbols that the host wants the addresses of, one a line; no file: none, and no wait for GST_BELL_GO. */
#define GST_SYMBOLS_PATH "/ktstr/symbols"
/* The program that loads the probe and keeps it loaded; no file: no probe. */
#define GST_PROBE_PATH "/ktstr/probe"
/*
 * A FIFO: whoever writes a line "TAG\n" to it asks for a capture of that name, or by "watch SYMBOL\n" for one at each write to
 * that symbol of the kernel's; the answer, "ok" or "error: REASON", is a line
 * in GST_SNAPSHOT_DONE_PATH, also a FIFO. For programs in the guest.
 */
#define GST_SNAPSHOT_PATH "/run/ktstr.snapshot"
#define GST_SNAPSHOT_DONE_PATH "/run/ktstr.snapshot-done"

#endif
