/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames to the host through the window in guest-physical memory; bells down on COM2, and up as well where there is no
 * doorbell.
 */
#include "guest/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

/*
 * How long a frame that must not be lost waits for room. The wait is a spin, never a sleep: an
 * emulated machine whose clock follows its instructions skips idle time, so sleeping would use the
 * limit up before the host had any time to read.
 */
static const uint64_t sure_limit_ns = 30 * GST_SEC;
static const uint64_t ring_again_ns = 100 * GST_MS;

/* Raw bytes, both ways; no echo, or the host would get its own bells back. */
static int open_bell(void)
{
	int fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios t;

	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		cfsetspeed(&t, B115200);
		t.c_cflag |= CLOCAL | CREAD;
		(void)tcsetattr(fd, TCSANOW,
				&t); /* a UART that refuses still carries single bytes */
	}
	return fd;
}

/*
 * A store to it reaches the host without a stop at a serial port. There is no RAM at its address, so that every access
 * leaves the guest, however the page is mapped. NULL: there is none, or this kernel does not let us.
 */
static volatile uint32_t *map_bell(int mem, const char *cmdline)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t gpa;
	uint8_t *map;

	if (gst_find_bell(cmdline, &gpa) < 0 || gpa % sizeof(uint32_t))
		return NULL;
	map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, mem, (off_t)(gpa / page * page));
	return map == MAP_FAILED ? NULL : (volatile uint32_t *)(volatile void *)(map + gpa % page);
}

int gst_chan_open(struct gst_chan *c, struct kt_err *e)
{
	kt_auto(fd) int mem = -1;
	char cmdline[4096];
	uint64_t gpa, len;
	void *window;
	int r;

	r = (int)kt_file_read_small("/proc/cmdline", cmdline, sizeof(cmdline));
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "read '/proc/cmdline'");
	r = gst_find_window(cmdline, &gpa, &len);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "find ktstr.ring= on the kernel command line");
	mem = open("/dev/mem", O_RDWR | O_CLOEXEC);
	if (mem < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '/dev/mem'");
	window = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, mem, (off_t)gpa);
	if (window == MAP_FAILED)
		return kt_fail(e, KT_E_HOST, errno, "map 0x%llx bytes of gpa 0x%llx",
			       (unsigned long long)len, (unsigned long long)gpa);
	r = gst_ring_attach_up(window, len, true, &c->up);
	if (r == 0)
		r = gst_ring_attach_down(window, len, false, &c->down);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "no ring at gpa 0x%llx", (unsigned long long)gpa);
	c->bell = map_bell(mem, cmdline);
	c->bell_fd = open_bell();
	return 0;
}

void gst_chan_send(struct gst_chan *c, uint32_t type, const void *data, size_t len)
{
	if (gst_ring_write(&c->up, type, data, len, GST_LOW) == 0)
		c->bell_due = true;
}

bool gst_chan_has_room(const struct gst_chan *c, size_t len)
{
	return gst_ring_has_room(&c->up, len, GST_LOW);
}

int gst_chan_send_sure(struct gst_chan *c, uint32_t type, const void *data, size_t len)
{
	uint64_t deadline = 0, again = 0;

	for (;;) {
		int r = gst_ring_write(&c->up, type, data, len, GST_HIGH);
		uint64_t now;

		c->bell_due = true;
		if (r != -EAGAIN) {
			gst_chan_ring(c);
			return r;
		}
		now = kt_now_ns();
		if (!deadline)
			deadline = now + sure_limit_ns;
		if (now > deadline)
			return -ETIMEDOUT;
		if (now >= again) {
			gst_chan_ring(c);
			again = now + ring_again_ns;
		}
	}
}

int gst_chan_life(struct gst_chan *c, enum gst_life phase, const char *fmt, ...)
{
	char frame[1 + KT_ERR_TEXT_BYTES];
	size_t len;
	va_list ap;

	frame[0] = (char)phase;
	va_start(ap, fmt);
	(void)vsnprintf(frame + 1, sizeof(frame) - 1, fmt, ap); /* a longer text is cut */
	va_end(ap);
	len = 1 + strlen(frame + 1);
	return gst_chan_send_sure(c, GST_F_LIFE, frame, len);
}

void gst_chan_ring(struct gst_chan *c)
{
	static const char bell = GST_BELL_UP;

	if (!c->bell_due)
		return;
	c->bell_due = false;
	if (c->bell) {
		*c->bell = 1; /* any value */
		return;
	}
	/*
	 * A full UART queue holds bells that the host has yet to hear: one more says nothing new.
	 */
	if (c->bell_fd >= 0 && write(c->bell_fd, &bell, 1) < 0)
		return;
}

void gst_chan_take_bells(struct gst_chan *c)
{
	char bells[64];
	ssize_t n = read(c->bell_fd, bells, sizeof(bells));

	for (ssize_t i = 0; i < n; i++) {
		c->stop |= bells[i] == GST_BELL_STOP;
		c->go |= bells[i] == GST_BELL_GO;
		c->down_due |= bells[i] == GST_BELL_DOWN;
	}
}
