/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames through the window, bells both ways: what guest/channel.c does in Linux, without Linux. */
#include <zlib.h>

#include "guest/proto.h"
#include "tests/guests/guest.h"

enum { LSR = 5, LSR_DATA = 1 };

static struct {
	struct gst_ring up;
	volatile uint64_t *window; /* NULL: none */
	volatile uint32_t *bell; /* NULL: COM2 */
} channel;

/* For guest/proto.c: the polynomial of zlib, four bits at a time. */
uLong crc32_z(uLong crc, const Bytef *data, z_size_t len)
{
	uint32_t c = (uint32_t)~crc;

	for (z_size_t i = 0; i < len; i++) {
		c ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
	}
	return (uint32_t)~c;
}

/* The word of the command line that begins with @key, what follows it; NULL: there is none. */
static const char *find(const char *cmdline, const char *key)
{
	const char *value;

	while (*cmdline) {
		value = after(cmdline, key);
		if (value)
			return value;
		while (*cmdline && *cmdline != ' ')
			cmdline++;
		while (*cmdline == ' ')
			cmdline++;
	}
	return NULL;
}

void channel_open(const char *cmdline)
{
	const char *ring = find(cmdline, "ktstr.ring="), *bell = find(cmdline, "ktstr.bell=");
	uint64_t gpa, len;

	if (bell)
		channel.bell = (volatile uint32_t *)number(bell, NULL);
	if (!ring)
		return;
	gpa = number(ring, &ring);
	len = *ring == ',' ? number(ring + 1, NULL) : 0;
	if (gst_ring_attach_up((void *)gpa, len, true, &channel.up) < 0)
		broken("no ring at 0x%lx, 0x%lx bytes", gpa, len);
	channel.window = (volatile uint64_t *)gpa;
}

void ring_bell(void)
{
	if (channel.bell)
		*channel.bell = 1;
	else
		out8(COM2, GST_BELL_UP);
}

void frame(uint32_t type, const void *data, size_t len)
{
	if (!channel.window)
		broken("no window for frames");
	while (!gst_ring_has_room(&channel.up, len, GST_HIGH))
		relax();
	if (gst_ring_write(&channel.up, type, data, len, GST_HIGH) < 0)
		broken("cannot write a frame of %lu bytes", len);
	ring_bell();
}

void frame_text(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	frame(GST_F_SOUT, text, n);
}

void silent_frame(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)gst_ring_write(&channel.up, GST_F_SOUT, text, n, GST_HIGH); /* may be lost */
}

volatile uint64_t *ring_word(uint32_t i)
{
	const uint32_t header = sizeof(struct gst_window) / sizeof(uint64_t);

	if (i < header)
		return channel.window + i;
	return (volatile uint64_t *)(volatile void *)channel.up.data + (i - header);
}

int bell_down(void)
{
	return in8(COM2 + LSR) & LSR_DATA ? in8(COM2) : -1;
}

/* Bells go up by COM2 from now on. */
static void use_com2(const char *argument)
{
	(void)argument;
	channel.bell = NULL;
}

static void send_text(const char *text)
{
	frame_text("%s", text);
}

/* So many frames, "frame 0" and on. */
static void send_frames(const char *argument)
{
	uint64_t nr = number(argument, NULL);

	for (uint64_t i = 0; i < nr; i++)
		frame_text("frame %lu", i);
}

static void send_silently(const char *text)
{
	silent_frame("%s", text);
}

/* Every bell from the host comes back as a frame, until GST_BELL_STOP. */
static void echo_bells(const char *argument)
{
	int bell;

	(void)argument;
	do {
		bell = bell_down();
		if (bell >= 0)
			frame_text("bell %c", bell);
		else
			relax();
	} while (bell != GST_BELL_STOP);
}

/* Rings so often, with nothing to say. */
static void ring_for_nothing(const char *argument)
{
	uint64_t nr = number(argument, NULL);

	for (uint64_t i = 0; i < nr; i++)
		ring_bell();
}

/* A head that cannot be. */
static void break_ring(const char *argument)
{
	(void)argument;
	channel.up.shared->head = UINT64_MAX / 3;
	ring_bell();
}

const struct step steps_channel[] = {
	{ "com2", use_com2 },         { "frame", send_text },
	{ "frames", send_frames },    { "silent-frame", send_silently },
	{ "echo", echo_bells },       { "ring", ring_for_nothing },
	{ "break-ring", break_ring }, { NULL, NULL },
};
