/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A 16550A serial port, as far as Linux uses it (drivers/tty/serial/8250/8250_port.c of 6.12: autoconfig(),
 * serial8250_do_startup(), serial8250_handle_irq()). Registers and bits: National Semiconductor PC16550D, table II.
 * Sending takes no time: the transmitter is always empty again, so that only the receiver needs its queue.
 */
#include <errno.h>

#include "vmm/kvm/internal.h"

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };
enum {
	IER_RX = 0x01,
	IER_TX = 0x02,
	IER_BITS = 0x0f,
	IIR_NONE = 0x01,
	IIR_TX = 0x02,
	IIR_RX = 0x04,
	IIR_FIFO = 0xc0,
	FCR_ENABLE = 0x01,
	FCR_CLEAR_RX = 0x02,
	LCR_DLAB = 0x80,
	MCR_DTR = 0x01,
	MCR_RTS = 0x02,
	MCR_OUT1 = 0x04,
	MCR_OUT2 = 0x08,
	MCR_LOOP = 0x10,
	MCR_BITS = 0x1f,
	LSR_DATA = 0x01,
	LSR_TX_EMPTY = 0x60, /* holding register and shift register */
	MSR_CTS = 0x10,
	MSR_DSR = 0x20,
	MSR_RI = 0x40,
	MSR_DCD = 0x80,
};

void kvm_uart_init(struct kvm_uart *u, void (*put)(void *, uint8_t), void (*irq)(void *, bool),
		   void *ctx)
{
	*u = (struct kvm_uart){ .put = put, .irq = irq, .ctx = ctx };
	(void)pthread_mutex_init(&u->lock, NULL); /* cannot fail with these attributes */
}

void kvm_uart_done(struct kvm_uart *u)
{
	if (u->put)
		(void)pthread_mutex_destroy(&u->lock);
	u->put = NULL;
}

static bool has_data(const struct kvm_uart *u)
{
	return u->rx_pos < u->rx_len;
}

/* The most urgent reason for an interrupt. Line and modem status never change, so they are none. */
static uint8_t reason(const struct kvm_uart *u)
{
	if ((u->ier & IER_RX) && has_data(u))
		return IIR_RX;
	if ((u->ier & IER_TX) && u->thr_pending)
		return IIR_TX;
	return IIR_NONE;
}

/* With the lock held, so that levels are told in the order in which they came about. */
static void update_irq(struct kvm_uart *u)
{
	bool level = reason(u) != IIR_NONE;

	if (level == u->irq_level)
		return;
	u->irq_level = level;
	u->irq(u->ctx, level);
}

static int queue_byte(struct kvm_uart *u, uint8_t byte)
{
	if (!has_data(u))
		u->rx_pos = u->rx_len = 0;
	if (u->rx_len - u->rx_pos == KVM_UART_FIFO)
		return -EAGAIN;
	if (u->rx_len == KVM_UART_FIFO) {
		for (unsigned i = u->rx_pos; i < u->rx_len; i++)
			u->rx[i - u->rx_pos] = u->rx[i];
		u->rx_len -= u->rx_pos;
		u->rx_pos = 0;
	}
	u->rx[u->rx_len++] = byte;
	return 0;
}

/* In loopback the four outputs are the four inputs; else somebody is there and ready. */
static uint8_t modem_status(const struct kvm_uart *u)
{
	uint8_t msr = 0;

	if (!(u->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	if (u->mcr & MCR_RTS)
		msr |= MSR_CTS;
	if (u->mcr & MCR_DTR)
		msr |= MSR_DSR;
	if (u->mcr & MCR_OUT1)
		msr |= MSR_RI;
	if (u->mcr & MCR_OUT2)
		msr |= MSR_DCD;
	return msr;
}

static uint8_t read_iir(struct kvm_uart *u)
{
	uint8_t why = reason(u);

	if (why == IIR_TX) /* told now */
		u->thr_pending = false;
	return why | (u->iir_fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static uint8_t read_locked(struct kvm_uart *u, unsigned reg)
{
	switch (reg) {
	case REG_DATA:
		if (u->lcr & LCR_DLAB)
			return u->dll;
		return has_data(u) ? u->rx[u->rx_pos++] : 0;
	case REG_IER:
		return u->lcr & LCR_DLAB ? u->dlm : u->ier;
	case REG_IIR_FCR:
		return read_iir(u);
	case REG_LCR:
		return u->lcr;
	case REG_MCR:
		return u->mcr;
	case REG_LSR:
		return LSR_TX_EMPTY | (has_data(u) ? LSR_DATA : 0);
	case REG_MSR:
		return modem_status(u);
	case REG_SCR:
		return u->scr;
	default:
		return 0xff;
	}
}

uint8_t kvm_uart_read(struct kvm_uart *u, unsigned reg)
{
	uint8_t v;

	(void)pthread_mutex_lock(&u->lock);
	v = read_locked(u, reg);
	update_irq(u);
	(void)pthread_mutex_unlock(&u->lock);
	return v;
}

/* Switching the queues on or off empties them, too. */
static void write_fcr(struct kvm_uart *u, uint8_t v)
{
	if (((u->iir_fcr ^ v) & FCR_ENABLE) || (v & FCR_CLEAR_RX))
		u->rx_pos = u->rx_len = 0;
	u->iir_fcr = v & FCR_ENABLE;
}

/* Allowed anew, or with each byte gone: the transmitter is empty, and that is news. */
static void write_ier(struct kvm_uart *u, uint8_t v)
{
	if ((v & IER_TX) && !(u->ier & IER_TX))
		u->thr_pending = true;
	u->ier = v & IER_BITS;
}

/* Everything but sending. */
static void write_locked(struct kvm_uart *u, unsigned reg, uint8_t v)
{
	switch (reg) {
	case REG_DATA:
		u->dll = v;
		break;
	case REG_IER:
		if (u->lcr & LCR_DLAB)
			u->dlm = v;
		else
			write_ier(u, v);
		break;
	case REG_IIR_FCR:
		write_fcr(u, v);
		break;
	case REG_LCR:
		u->lcr = v;
		break;
	case REG_MCR:
		u->mcr = v & MCR_BITS;
		break;
	case REG_SCR:
		u->scr = v;
		break;
	default: /* line and modem status are not to be written */
		break;
	}
}

void kvm_uart_write(struct kvm_uart *u, unsigned reg, uint8_t value)
{
	bool sends;

	(void)pthread_mutex_lock(&u->lock);
	sends = reg == REG_DATA && !(u->lcr & LCR_DLAB);
	if (sends && (u->mcr & MCR_LOOP)) {
		(void)queue_byte(u, value); /* a full queue loses bytes, as the chip's does */
	} else if (sends) {
		u->thr_pending = false;
		update_irq(u);
		/* May wait for a reader for long; the other side must be able to get a byte in meanwhile. */
		(void)pthread_mutex_unlock(&u->lock);
		u->put(u->ctx, value);
		(void)pthread_mutex_lock(&u->lock);
	} else {
		write_locked(u, reg, value);
	}
	if (sends)
		u->thr_pending = true;
	update_irq(u);
	(void)pthread_mutex_unlock(&u->lock);
}

int kvm_uart_receive(struct kvm_uart *u, uint8_t byte)
{
	int r;

	(void)pthread_mutex_lock(&u->lock);
	r = queue_byte(u, byte);
	update_irq(u);
	(void)pthread_mutex_unlock(&u->lock);
	return r;
}
