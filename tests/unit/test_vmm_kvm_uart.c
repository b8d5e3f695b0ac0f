/* SPDX-License-Identifier: GPL-2.0-only */
/* The serial ports of our machine as Linux's 8250 driver finds and uses them, and the console's queue behind COM1. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>

#include "base/clock.h"
#include "vmm/kvm/internal.h"

/* include/uapi/linux/serial_reg.h */
enum {
	RX = 0,
	TX = 0,
	DLL = 0,
	IER = 1,
	DLM = 1,
	IIR = 2,
	FCR = 2,
	LCR = 3,
	MCR = 4,
	LSR = 5,
	MSR = 6,
	SCR = 7
};
enum {
	DLAB = 0x80,
	LOOP = 0x10,
	THRI = 0x02,
	RDI = 0x01,
	NO_INT = 0x01,
	TX_EMPTY = 0x60,
	DATA_READY = 0x01
};

struct line {
	struct kvm_uart uart;
	uint8_t sent[256];
	unsigned nr_sent, rises, falls;
	bool level;
};

static void put(void *ctx, uint8_t byte)
{
	struct line *l = ctx;

	assert_true(l->nr_sent < sizeof(l->sent));
	l->sent[l->nr_sent++] = byte;
}

static void irq(void *ctx, bool level)
{
	struct line *l = ctx;

	assert_true(level != l->level); /* only changes are told */
	l->level = level;
	l->rises += level;
	l->falls += !level;
}

static struct line *new_line(void)
{
	struct line *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	kvm_uart_init(&l->uart, put, irq, l);
	return l;
}

static void free_line(struct line *l)
{
	kvm_uart_done(&l->uart);
	free(l);
}

static uint8_t in(struct line *l, unsigned reg)
{
	return kvm_uart_read(&l->uart, reg);
}

static void out(struct line *l, unsigned reg, unsigned v)
{
	kvm_uart_write(&l->uart, reg, (uint8_t)v);
}

/* drivers/tty/serial/8250/8250_port.c of 6.12, autoconfig() and autoconfig_16550a(): each answer that it looks at. */
static void linux_takes_it_for_a_16550a_and_nothing_better(void **state)
{
	struct line *l = new_line();

	(void)state;
	out(l, IER, 0);
	assert_int_equal(in(l, IER) & 0x0f, 0);
	out(l, IER, 0x0f);
	assert_int_equal(in(l, IER) & 0x0f, 0x0f);
	out(l, IER, 0);
	out(l, MCR, LOOP | 0x0a);
	assert_int_equal(in(l, MSR) & 0xf0, 0x90);
	out(l, MCR, 0);
	out(l, LCR, 0xbf); /* where a 16650 has its EFR: 0 would be one */
	out(l, FCR, 0);
	out(l, LCR, 0);
	out(l, FCR, 0x01);
	assert_int_equal(in(l, IIR) & 0xc0, 0xc0);
	out(l, LCR, DLAB);
	assert_true(in(l, IIR) != 0);
	out(l, LCR, 0xbf);
	assert_true(in(l, IIR) != 0);
	out(l, LCR, 0xe0); /* a NatSemi would follow MCR here */
	assert_int_equal(in(l, IIR) & LOOP, 0);
	out(l, LCR, 0);
	out(l, MCR, LOOP);
	out(l, LCR, 0xe0);
	assert_int_equal(in(l, IIR) & LOOP, 0);
	out(l, LCR, DLAB); /* a 16750 would show its 64-byte queue here */
	out(l, FCR, 0x21);
	assert_int_equal(in(l, IIR) >> 5, 6);
	out(l, LCR, 0);
	out(l, MCR, 0);
	out(l, IER, 0x40); /* an XScale would keep it */
	assert_int_equal(in(l, IER), 0);
	assert_int_equal(l->nr_sent, 0);
	assert_false(l->level);
	free_line(l);
}

static void registers_keep_what_they_are_given(void **state)
{
	struct line *l = new_line();

	(void)state;
	for (unsigned v = 0; v < 256; v++) {
		out(l, SCR, v);
		assert_int_equal(in(l, SCR), v);
		out(l, LCR, v & ~(unsigned)DLAB);
		assert_int_equal(in(l, LCR), v & ~(unsigned)DLAB);
		out(l, MCR, v);
		assert_int_equal(in(l, MCR), v & 0x1f);
		out(l, LCR, v | DLAB);
		out(l, DLL, v);
		out(l, DLM, v ^ 0xff);
		assert_int_equal(in(l, DLL), v);
		assert_int_equal(in(l, DLM), v ^ 0xff);
	}
	out(l, LCR, 0);
	out(l, MCR, 0);
	assert_int_equal(in(l, IER), 0); /* the divisor is another place */
	assert_int_equal(in(l, RX), 0);
	assert_int_equal(in(l, MSR) & 0xf0, 0xb0); /* somebody is there, ready, clear to send */
	out(l, LSR, 0);
	out(l, MSR, 0);
	assert_int_equal(in(l, LSR), TX_EMPTY);
	assert_int_equal(in(l, 8), 0xff);
	assert_int_equal(l->nr_sent, 0);
	free_line(l);
}

/* serial8250_THRE_test(): enabling the interrupt must raise it, and again. */
static void an_empty_transmitter_interrupts_each_time_that_is_news(void **state)
{
	struct line *l = new_line();

	(void)state;
	for (unsigned i = 1; i <= 2; i++) {
		out(l, IER, THRI);
		assert_true(l->level);
		assert_int_equal(in(l, IIR), 0x02); /* told: gone */
		assert_false(l->level);
		assert_int_equal(in(l, IIR), NO_INT);
		out(l, IER, 0);
		assert_int_equal(l->rises, i);
	}
	out(l, IER, THRI);
	out(l, IER, THRI); /* no news */
	assert_int_equal(l->rises, 3);
	(void)in(l, IIR);
	out(l, TX, 'a');
	assert_true(l->level); /* sent at once */
	out(l, TX, 'b');
	assert_true(l->level);
	assert_int_equal(in(l, IIR), 0x02);
	assert_false(l->level);
	assert_int_equal(in(l, LSR), TX_EMPTY);
	assert_int_equal(l->nr_sent, 2);
	assert_memory_equal(l->sent, "ab", 2);
	out(l, TX, 'c');
	out(l, IER, 0); /* not allowed: not told */
	assert_false(l->level);
	assert_int_equal(in(l, IIR), NO_INT);
	free_line(l);
}

static void received_bytes_interrupt_until_all_are_read_and_come_first(void **state)
{
	struct line *l = new_line();

	(void)state;
	assert_int_equal(kvm_uart_receive(&l->uart, 'x'), 0);
	assert_false(l->level);
	out(l, IER, RDI | THRI);
	assert_true(l->level);
	assert_int_equal(kvm_uart_receive(&l->uart, 'y'), 0);
	assert_int_equal(l->rises, 1); /* one level, whatever the reasons */
	assert_int_equal(in(l, IIR), 0x04); /* before the transmitter */
	assert_int_equal(in(l, LSR), TX_EMPTY | DATA_READY);
	assert_int_equal(in(l, RX), 'x');
	assert_int_equal(in(l, IIR), 0x04);
	assert_int_equal(in(l, RX), 'y');
	assert_true(l->level);
	assert_int_equal(in(l, IIR), 0x02);
	assert_false(l->level);
	assert_int_equal(in(l, LSR), TX_EMPTY);
	assert_int_equal(in(l, RX), 0);
	free_line(l);
}

static void a_full_receiver_says_so_and_loses_nothing_it_took(void **state)
{
	struct line *l = new_line();
	unsigned next_in = 0, next_out = 0;

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		while (kvm_uart_receive(&l->uart, (uint8_t)next_in) == 0)
			next_in++;
		assert_int_equal(kvm_uart_receive(&l->uart, 0), -EAGAIN);
		assert_int_equal(next_in - next_out, KVM_UART_FIFO);
		for (unsigned i = 0; i <= round; i++)
			assert_int_equal(in(l, RX), (uint8_t)next_out++);
	}
	while (in(l, LSR) & DATA_READY)
		assert_int_equal(in(l, RX), (uint8_t)next_out++);
	assert_int_equal(next_in, next_out);
	free_line(l);
}

static void clearing_or_switching_the_queues_empties_the_receiver(void **state)
{
	static const uint8_t fcr[] = { 0x01, 0x03, 0x00, 0x02 };
	struct line *l = new_line();

	(void)state;
	out(l, IER, RDI);
	for (unsigned i = 0; i < sizeof(fcr); i++) {
		assert_int_equal(kvm_uart_receive(&l->uart, 'x'), 0);
		assert_true(l->level);
		out(l, FCR, fcr[i]);
		assert_false(l->level);
		assert_int_equal(in(l, LSR) & DATA_READY, 0);
	}
	out(l, FCR, 0x01);
	assert_int_equal(kvm_uart_receive(&l->uart, 'x'), 0);
	out(l, FCR, 0x05); /* the other queue */
	assert_int_equal(in(l, RX), 'x');
	free_line(l);
}

static void in_loopback_what_is_sent_comes_back_and_nobody_else_sees_it(void **state)
{
	struct line *l = new_line();

	(void)state;
	out(l, MCR, LOOP);
	assert_int_equal(in(l, MSR), 0);
	for (unsigned i = 0; i < 4; i++) {
		static const uint8_t back[] = { 0x20, 0x10, 0x40, 0x80 };

		out(l, MCR, LOOP | 1U << i);
		assert_int_equal(in(l, MSR), back[i]);
	}
	out(l, TX, 'q');
	assert_int_equal(in(l, RX), 'q');
	for (unsigned i = 0; i < 1000; i++) /* more than there is room for */
		out(l, TX, i);
	assert_int_equal(in(l, RX), 0);
	assert_int_equal(l->nr_sent, 0);
	free_line(l);
}

/* Any accesses in any order: the level is always what the registers say, and nothing is lost or made up. */
static void any_sequence_of_accesses_keeps_level_and_registers_consistent(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct line *l = new_line();

		for (unsigned i = 0; i < 250; i++) {
			uint8_t ier, lcr;

			seed = seed * 1664525 + 1013904223;
			if (seed >> 31)
				out(l, seed >> 28 & 7, seed >> 16 & 0xff);
			else if (seed >> 30 & 1)
				(void)in(l, seed >> 27 & 7);
			else
				(void)kvm_uart_receive(&l->uart, (uint8_t)(seed >> 16));
			lcr = in(l, LCR);
			out(l, LCR, lcr & ~(unsigned)DLAB);
			ier = in(l, IER);
			out(l, LCR, lcr);
			if ((ier & RDI) && (in(l, LSR) & DATA_READY))
				assert_true(l->level);
			if (!(ier & (RDI | THRI)))
				assert_false(l->level);
			assert_int_equal(l->rises - l->falls, l->level);
		}
		free_line(l);
	}
}

/* ---- the console's queue ---- */

struct writer {
	struct kvm_console *console;
	unsigned nr_bytes;
	atomic_uint done;
};

static void *write_console(void *arg)
{
	struct writer *w = arg;

	for (unsigned i = 0; i < w->nr_bytes; i++) {
		kvm_console_put(w->console, (uint8_t)(i % 251));
		atomic_store(&w->done, i + 1);
	}
	return NULL;
}

static void start_writer(struct writer *w, unsigned nr_bytes, pthread_t *ret)
{
	struct kt_err e = { 0 };

	w->nr_bytes = nr_bytes;
	atomic_store(&w->done, 0);
	assert_int_equal(kvm_console_create(&w->console, &e), 0);
	assert_int_equal(pthread_create(ret, NULL, write_console, w), 0);
}

static bool readable(const struct kvm_console *c, int timeout_ms)
{
	struct pollfd p = { .fd = kvm_console_fd(c), .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static void a_flood_waits_for_its_reader_and_loses_nothing(void **state)
{
	enum { BYTES = 3 * KVM_CONSOLE_BYTES + 12345 };
	struct writer w = { 0 };
	pthread_t thread;
	uint8_t chunk[1000];
	unsigned got = 0;

	(void)state;
	start_writer(&w, BYTES, &thread);
	while (got < BYTES) {
		size_t n;

		if (got < BYTES - KVM_CONSOLE_BYTES) /* there is much to come */
			assert_true(readable(w.console, 60000));
		n = kvm_console_take(w.console, chunk, sizeof(chunk));
		for (size_t i = 0; i < n; i++)
			assert_int_equal(chunk[i], (got + i) % 251);
		got += (unsigned)n;
		assert_true(atomic_load(&w.done) <= got + KVM_CONSOLE_BYTES);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(kvm_console_take(w.console, chunk, sizeof(chunk)), 0);
	assert_false(readable(w.console, 0));
	kvm_console_free(w.console);
}

static void who_must_not_wait_is_let_go_and_the_first_bytes_are_kept(void **state)
{
	enum { ROOM = KVM_CONSOLE_BYTES + KVM_CONSOLE_RESERVE, BYTES = 2 * ROOM };
	struct writer w = { 0 };
	uint8_t *all = malloc(BYTES);
	pthread_t thread;

	(void)state;
	assert_non_null(all);
	start_writer(&w, BYTES, &thread);
	while (atomic_load(&w.done) < KVM_CONSOLE_BYTES) /* full */
		(void)poll(NULL, 0, 1);
	kvm_console_hold_nobody(w.console, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(atomic_load(&w.done), BYTES);
	assert_int_equal(kvm_console_take(w.console, all, BYTES), ROOM);
	for (unsigned i = 0; i < ROOM; i++)
		assert_int_equal(all[i], i % 251);
	kvm_console_hold_nobody(w.console, false);
	kvm_console_put(w.console, 'z');
	assert_false(readable(w.console, 0)); /* no line yet, but it can be had */
	assert_int_equal(kvm_console_take(w.console, all, BYTES), 1);
	assert_int_equal(all[0], 'z');
	kvm_console_put(w.console, 'y');
	kvm_console_put(w.console, '\n');
	assert_true(readable(w.console, 0));
	assert_int_equal(kvm_console_take(w.console, all, 1), 1);
	assert_true(readable(w.console, 0));
	assert_int_equal(kvm_console_take(w.console, all, BYTES), 1);
	assert_false(readable(w.console, 0));
	kvm_console_free(w.console);
	free(all);
}

/* A guest that is held back on COM1 can still be sent bytes: the port is not locked meanwhile. */
static void put_console(void *ctx, uint8_t byte)
{
	kvm_console_put(ctx, byte);
}

static void no_irq(void *ctx, bool level)
{
	(void)ctx, (void)level;
}

struct sender {
	struct kvm_uart uart;
	atomic_uint done;
};

static void *send_all(void *arg)
{
	struct sender *s = arg;

	for (unsigned i = 0; i < KVM_CONSOLE_BYTES + 1; i++) {
		kvm_uart_write(&s->uart, TX, 'x');
		atomic_store(&s->done, i + 1);
	}
	return NULL;
}

static void a_port_whose_guest_is_held_back_still_receives(void **state)
{
	struct sender s = { 0 };
	struct kvm_console *console = NULL;
	struct kt_err e = { 0 };
	pthread_t thread;
	uint8_t byte;

	(void)state;
	assert_int_equal(kvm_console_create(&console, &e), 0);
	kvm_uart_init(&s.uart, put_console, no_irq, console);
	assert_int_equal(pthread_create(&thread, NULL, send_all, &s), 0);
	while (atomic_load(&s.done) < KVM_CONSOLE_BYTES)
		(void)poll(NULL, 0, 1);
	assert_int_equal(kvm_uart_receive(&s.uart, 'r'), 0);
	assert_int_equal(kvm_uart_read(&s.uart, RX), 'r');
	assert_int_equal(kvm_console_take(console, &byte, 1), 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	kvm_uart_done(&s.uart);
	kvm_console_free(console);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linux_takes_it_for_a_16550a_and_nothing_better),
		cmocka_unit_test(registers_keep_what_they_are_given),
		cmocka_unit_test(an_empty_transmitter_interrupts_each_time_that_is_news),
		cmocka_unit_test(received_bytes_interrupt_until_all_are_read_and_come_first),
		cmocka_unit_test(a_full_receiver_says_so_and_loses_nothing_it_took),
		cmocka_unit_test(clearing_or_switching_the_queues_empties_the_receiver),
		cmocka_unit_test(in_loopback_what_is_sent_comes_back_and_nobody_else_sees_it),
		cmocka_unit_test(any_sequence_of_accesses_keeps_level_and_registers_consistent),
		cmocka_unit_test(a_flood_waits_for_its_reader_and_loses_nothing),
		cmocka_unit_test(who_must_not_wait_is_let_go_and_the_first_bytes_are_kept),
		cmocka_unit_test(a_port_whose_guest_is_held_back_still_receives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
