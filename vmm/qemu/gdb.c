/* SPDX-License-Identifier: GPL-2.0-only */
/* A client of QEMU's gdb stub: registers, and watchpoints on writes. QMP has neither. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "vmm/qemu/internal.h"

/*
 * The "g" reply of x86-64 with xmlRegisters: rax rbx rcx rdx rsi rdi rbp rsp r8-r15 rip, eflags and
 * six segment registers of 4 bytes, fs_base gs_base k_gs_base cr0 cr2 cr3 ...
 */
enum {
	REG_BYTES = 8,
	OFF_RIP = 16 * REG_BYTES,
	OFF_EFLAGS = 17 * REG_BYTES,
	OFF_FS_BASE = OFF_EFLAGS + 7 * 4,
	OFF_CR3 = OFF_FS_BASE + 5 * REG_BYTES,
	REGS_BYTES = OFF_CR3 + REG_BYTES,
};

void gdb_init(struct gdb *g, int fd)
{
	*g = (struct gdb){ .fd = fd, .limit_ns = QEMU_REPLY_LIMIT_NS };
}

void gdb_done(struct gdb *g)
{
	kt_buf_done(&g->in);
	kt_cleanup_fd(&g->fd);
	g->fd = -1;
}

/* ---- parsers ---- */

static int hex_byte(const char *s)
{
	int high = kt_hex_digit(s[0]);
	int low = high < 0 ? -1 : kt_hex_digit(s[1]);

	return low < 0 ? -1 : high << 4 | low;
}

static void consume(struct kt_buf *b, size_t n)
{
	b->len -= n;
	memmove(b->data, b->data + n, b->len);
	b->data[b->len] = '\0';
}

/* Between "$" and "#": "}" escapes one byte, "*" repeats the byte before it. */
static int decode(const char *s, size_t len, struct kt_buf *ret)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '}' && i + 1 < len) {
			kt_buf_addc(ret, (char)(s[++i] ^ 0x20));
		} else if (s[i] == '*' && i + 1 < len && ret->len) {
			int times = (unsigned char)s[++i] - 29;

			if (times < 0 || times > 97)
				return -EPROTO;
			while (times--)
				kt_buf_addc(ret, ret->data[ret->len - 1]);
		} else {
			kt_buf_addc(ret, s[i]);
		}
		if (ret->len > GDB_PACKET_MAX)
			return -EPROTO;
	}
	return kt_buf_ok(ret) ? 0 : -ENOMEM;
}

int gdb_next_packet(struct kt_buf *in, struct kt_buf *ret)
{
	const char *start, *hash;
	unsigned char sum = 0;
	int r;

	kt_buf_reset(ret);
	if (in->len == 0)
		return 0;
	start = memchr(in->data, '$', in->len);
	if (!start) { /* acknowledgements, and noise */
		kt_buf_reset(in);
		return 0;
	}
	hash = memchr(start, '#', in->len - (size_t)(start - in->data));
	if (!hash || hash + 2 >= in->data + in->len)
		return in->len > GDB_PACKET_MAX ? -EPROTO : 0;
	for (const char *p = start + 1; p < hash; p++)
		sum += (unsigned char)*p;
	r = hex_byte(hash + 1) == sum ? decode(start + 1, (size_t)(hash - start - 1), ret)
				      : -EPROTO;
	consume(in, (size_t)(hash + 3 - in->data));
	return r < 0 ? r : 1;
}

static uint64_t little_endian(const uint8_t *p, size_t bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

int gdb_parse_regs(const char *hex, size_t len, struct vm_regs *ret)
{
	/* Place in vm_regs (rax rcx rdx rbx rsp rbp rsi rdi) of gdb's first eight. */
	static const uint8_t place[8] = { 0, 3, 1, 2, 6, 7, 5, 4 };
	uint8_t raw[REGS_BYTES];
	struct vm_regs regs;
	int byte;

	if (len < 2 * sizeof(raw))
		return -EPROTO;
	for (size_t i = 0; i < sizeof(raw); i++) {
		byte = hex_byte(hex + 2 * i);
		if (byte < 0)
			return -EPROTO;
		raw[i] = (uint8_t)byte;
	}
	for (size_t i = 0; i < 16; i++)
		regs.gpr[i < 8 ? place[i] : i] = little_endian(raw + i * REG_BYTES, REG_BYTES);
	regs.rip = little_endian(raw + OFF_RIP, REG_BYTES);
	regs.rflags = little_endian(raw + OFF_EFLAGS, 4);
	regs.cr3 = little_endian(raw + OFF_CR3, REG_BYTES);
	regs.rsp = regs.gpr[4];
	*ret = regs;
	return 0;
}

static bool parse_hex_addr(const char *s, uint64_t *ret)
{
	uint64_t v = 0;
	unsigned digits = 0;

	for (; kt_hex_digit(*s) >= 0; s++, digits++) {
		if (digits == 16)
			return false;
		v = v << 4 | (unsigned)kt_hex_digit(*s);
	}
	*ret = v;
	return digits > 0;
}

/* "T05thread:p01.02;watch:ffffffff82001000;" */
void gdb_judge_stop(struct gdb *g, const char *packet)
{
	const char *watch = strstr(packet, ";watch:");
	uint64_t addr;

	if (packet[0] != 'T' || !watch || !parse_hex_addr(watch + strlen(";watch:"), &addr))
		return;
	for (unsigned i = 0; i < QEMU_WATCHES_MAX; i++) {
		const struct gdb_watch *w = &g->watch[i];

		if (w->used && addr >= w->addr && addr - w->addr < w->len) {
			g->hit = true;
			g->hit_id = i;
			return;
		}
	}
}

/* ---- the wire ---- */

static int does_not_answer(struct kt_err *e)
{
	return kt_fail(e, KT_E_TOOL, ETIMEDOUT, "QEMU's gdb stub does not answer");
}

static int send_packet(struct gdb *g, const char *text, struct kt_err *e)
{
	char packet[128];
	unsigned char sum = 0;
	size_t len, at = 0;
	ssize_t n;

	if (g->hung) /* else a late answer would be taken for that to this */
		return does_not_answer(e);
	for (const char *p = text; *p; p++)
		sum += (unsigned char)*p;
	if (kt_snprintf(packet, sizeof(packet), "$%s#%02x", text, sum) < 0)
		return kt_fail(e, KT_E_INTERNAL, EMSGSIZE, "gdb packet '%s' is too long", text);
	len = strlen(packet);
	while (at < len) {
		n = send(g->fd, packet + at, len - at, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return kt_fail(e, KT_E_TOOL, ENOTCONN, "QEMU's gdb stub is gone");
		if (n > 0)
			at += (size_t)n;
	}
	kt_log(KT_AREA_VMM, KT_TRACE, "gdb: sent %s", packet);
	return 0;
}

/* One read. -EAGAIN: nothing there. */
static int pump_once(struct gdb *g)
{
	char chunk[4096];
	ssize_t n;

	if (g->closed)
		return -EPIPE;
	n = recv(g->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n > 0)
		kt_buf_add(&g->in, chunk, (size_t)n);
	if (n == 0 || !kt_buf_ok(&g->in) || g->in.len > 2 * GDB_PACKET_MAX) {
		g->closed = true;
		return -EPIPE;
	}
	return 0;
}

static int receive(struct gdb *g, struct kt_buf *ret, struct kt_err *e)
{
	uint64_t deadline = kt_now_ns() + g->limit_ns;
	struct pollfd p = { .fd = g->fd, .events = POLLIN };
	int r;

	for (;;) {
		r = gdb_next_packet(&g->in, ret);
		if (r < 0)
			return kt_fail(e, KT_E_TOOL, -r, "QEMU's gdb stub sent a damaged packet");
		if (r > 0)
			return 0;
		r = poll(&p, 1, kt_poll_timeout(deadline));
		if (r < 0 && errno != EINTR)
			return kt_fail(e, KT_E_HOST, errno, "wait for QEMU's gdb stub");
		if (r == 0 && kt_now_ns() >= deadline) {
			g->hung = true;
			return does_not_answer(e);
		}
		r = pump_once(g);
		if (r < 0 && r != -EAGAIN)
			return kt_fail(e, KT_E_TOOL, ENOTCONN, "QEMU's gdb stub is gone");
	}
}

static int ask(struct gdb *g, const char *text, struct kt_buf *ret, struct kt_err *e)
{
	int r = send_packet(g, text, e);

	assert(!g->running); /* else the answer may be a stop report */
	return r < 0 ? r : receive(g, ret, e);
}

static int ask_ok(struct gdb *g, const char *text, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf reply = { 0 };
	int r = ask(g, text, &reply, e);

	if (r < 0)
		return r;
	if (!kt_streq(kt_buf_str(&reply), "OK"))
		return kt_fail(e, KT_E_TOOL, EIO, "QEMU's gdb stub refused '%s': '%s'", text,
			       kt_buf_str(&reply));
	return 0;
}

/*
 * No acknowledgements are sent: to the stub our next packet is as good as one, and it knows no mode
 * without.
 */
int gdb_attach(struct gdb *g, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf reply = { 0 };
	int r = ask(g, "qSupported:multiprocess+;xmlRegisters=i386", &reply, e);

	if (r < 0)
		return r;
	/* Reading the target description switches the "g" packet to the full set with cr3. */
	r = ask(g, "qXfer:features:read:target.xml:0,ffb", &reply, e);
	if (r < 0)
		return r;
	g->attached = true;
	return 0;
}

int gdb_resume(struct gdb *g, struct kt_err *e)
{
	int r = send_packet(g, "vCont;c", e);

	if (r >= 0)
		g->running = true;
	return r;
}

int gdb_wait_stopped(struct gdb *g, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf reply = { 0 };
	int r;

	if (!g->running)
		return 0;
	r = receive(g, &reply, e);
	if (r < 0)
		return r;
	g->running = false;
	gdb_judge_stop(g, kt_buf_str(&reply));
	return 0;
}

void gdb_pump(struct gdb *g)
{
	kt_auto(buf) struct kt_buf packet = { 0 };
	int r;

	do
		r = pump_once(g);
	while (r == 0);
	while (g->running && gdb_next_packet(&g->in, &packet) > 0) {
		g->running = false;
		gdb_judge_stop(g, kt_buf_str(&packet));
	}
}

int gdb_read_regs(struct gdb *g, unsigned vcpu, struct vm_regs *ret, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf reply = { 0 };
	char text[32];
	int r;

	(void)kt_snprintf(text, sizeof(text), "Hgp1.%x", vcpu + 1); /* fits; threads count from 1 */
	r = ask_ok(g, text, e);
	if (r < 0)
		return r;
	r = ask(g, "g", &reply, e);
	if (r < 0)
		return r;
	if (gdb_parse_regs(kt_buf_str(&reply), reply.len, ret) < 0)
		return kt_fail(e, KT_E_TOOL, EPROTO,
			       "QEMU's gdb stub sent %zu bytes that are not registers", reply.len);
	return 0;
}

/*
 * QEMU 10.0.2 with -icount: when the writing instruction is just where the vCPU's slice ends, QEMU
 * forgets that it is to be run alone and aborts with "Raised interrupt while not in I/O function"
 * (cpu_check_watchpoint, entered again). Seen in about half of the stress runs with 8 vCPUs, not
 * seen with 2 nor without -icount. Fit for an event that happens once a machine, not for a busy
 * variable.
 */
int gdb_watch_add(struct gdb *g, uint64_t addr, unsigned len, unsigned *ret_id, struct kt_err *e)
{
	char text[64];
	unsigned id = 0;
	int r;

	while (id < QEMU_WATCHES_MAX && g->watch[id].used)
		id++;
	if (id == QEMU_WATCHES_MAX)
		return kt_fail(e, KT_E_USAGE, ENOSPC, "at most %u addresses can be watched",
			       QEMU_WATCHES_MAX);
	(void)kt_snprintf(text, sizeof(text), "Z2,%llx,%x", (unsigned long long)addr,
			  len); /* fits */
	r = ask_ok(g, text, e);
	if (r < 0)
		return r;
	g->watch[id] = (struct gdb_watch){ .used = true, .addr = addr, .len = len };
	*ret_id = id;
	return 0;
}

int gdb_watch_remove(struct gdb *g, unsigned id, struct kt_err *e)
{
	char text[64];
	int r;

	if (id >= QEMU_WATCHES_MAX || !g->watch[id].used)
		return kt_fail(e, KT_E_INTERNAL, ENOENT, "there is no watch %u", id);
	(void)kt_snprintf(text, sizeof(text), "z2,%llx,%x", (unsigned long long)g->watch[id].addr,
			  g->watch[id].len); /* fits */
	r = ask_ok(g, text, e);
	if (r >= 0)
		g->watch[id].used = false;
	return r;
}
