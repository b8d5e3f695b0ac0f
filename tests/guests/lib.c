/* SPDX-License-Identifier: GPL-2.0-only */
/* The few functions that compilers and test guests expect of a C library. */
#include "tests/guests/guest.h"

void *memcpy(void *to, const void *from, size_t len)
{
	void *start = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
	return start;
}

void *memset(void *to, int byte, size_t len)
{
	void *start = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(len) : "a"(byte) : "memory");
	return start;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *x = a, *y = b;

	for (size_t i = 0; i < len; i++) {
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return 0;
}

size_t strlen(const char *s)
{
	const volatile char *end = s;

	while (*end)
		end++;
	return (size_t)(end - s);
}

const char *after(const char *word, const char *prefix)
{
	while (*prefix) {
		if (*word++ != *prefix++)
			return NULL;
	}
	return word;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return 99;
}

uint64_t number(const char *s, const char **end)
{
	const char *hex = after(s, "0x");
	int base = hex ? 16 : 10;
	uint64_t v = 0;

	for (s = hex ? hex : s; digit(*s) < base; s++)
		v = v * (uint64_t)base + (uint64_t)digit(*s);
	if (end)
		*end = s;
	return v;
}

struct text {
	char *at, *last; /* last: the place of the end */
};

static void add(struct text *t, char c)
{
	if (t->at < t->last)
		*t->at++ = c;
}

static void add_number(struct text *t, uint64_t v, unsigned base)
{
	char digits[20];
	unsigned nr = 0;

	do {
		digits[nr++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (nr)
		add(t, digits[--nr]);
}

size_t vformat(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct text t = { .at = buf, .last = buf + size - 1 };

	for (; *fmt; fmt++) {
		bool wide;

		if (*fmt != '%') {
			add(&t, *fmt);
			continue;
		}
		wide = *++fmt == 'l';
		fmt += wide;
		if (*fmt == 's') {
			for (const char *s = va_arg(ap, const char *); *s; s++)
				add(&t, *s);
		} else if (*fmt == 'c') {
			add(&t, (char)va_arg(ap, int));
		} else if (*fmt == 'u' || *fmt == 'x') {
			uint64_t v = wide ? va_arg(ap, unsigned long) : va_arg(ap, unsigned);

			add_number(&t, v, *fmt == 'x' ? 16 : 10);
		} else {
			add(&t, *fmt);
		}
	}
	*t.at = '\0';
	return (size_t)(t.at - buf);
}

void put(const void *bytes, size_t len)
{
	__asm__ volatile("rep outsb" : "+S"(bytes), "+c"(len) : "d"(COM1) : "memory");
}

void say(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(text, n);
}
