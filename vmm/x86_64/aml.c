/* SPDX-License-Identifier: GPL-2.0-only */
/* ACPI machine language: the few words of it that our DSDT needs. */
#include <assert.h>
#include <string.h>

#include "vmm/x86_64/acpi.h"

/* Section 20.3, "AML Byte Stream Byte Values". */
enum {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_QWORD = 0x0e,
	AML_SCOPE = 0x10,
	AML_BUFFER = 0x11,
	AML_PACKAGE = 0x12,
	AML_EXTENDED = 0x5b, /* before the next one */
	AML_DEVICE = 0x82,
	AML_ROOT = '\\',
};

static void name_seg(struct kt_buf *b, const char *name)
{
	assert(strlen(name) == 4);
	kt_buf_add(b, name, 4);
}

/*
 * Section 20.2.4: a length counts its own bytes. Up to 63 it is one byte; else the two high bits of the first say how
 * many follow, its low four are the lowest of the length.
 */
static void pkg_length(struct kt_buf *b, size_t contents)
{
	unsigned more = 0;
	size_t len = contents + 1;

	if (len > 0x3f) {
		for (more = 1; contents + 1 + more >= (size_t)1 << (4 + 8 * more); more++)
			assert(more < 3);
		len = contents + 1 + more;
		acpi_u8(b, (uint8_t)(more << 6 | (len & 0xf)));
		acpi_put(b, len >> 4, more);
		return;
	}
	acpi_u8(b, (uint8_t)len);
}

static void add_contents(struct kt_buf *b, const struct kt_buf *contents)
{
	if (!kt_buf_ok(contents))
		b->oom = true;
	if (contents->len)
		kt_buf_add(b, contents->data, contents->len);
}

void aml_scope(struct kt_buf *b, const char *name, const struct kt_buf *contents)
{
	acpi_u8(b, AML_SCOPE);
	pkg_length(b, 1 + 4 + contents->len);
	acpi_u8(b, AML_ROOT);
	name_seg(b, name);
	add_contents(b, contents);
}

void aml_device(struct kt_buf *b, const char *name, const struct kt_buf *contents)
{
	acpi_u8(b, AML_EXTENDED);
	acpi_u8(b, AML_DEVICE);
	pkg_length(b, 4 + contents->len);
	name_seg(b, name);
	add_contents(b, contents);
}

void aml_name(struct kt_buf *b, const char *name)
{
	acpi_u8(b, AML_NAME);
	name_seg(b, name);
}

void aml_integer(struct kt_buf *b, uint64_t v)
{
	unsigned bytes = v <= UINT8_MAX ? 1 : v <= UINT16_MAX ? 2 : v <= UINT32_MAX ? 4 : 8;

	if (v <= 1) {
		acpi_u8(b, v ? AML_ONE : AML_ZERO);
		return;
	}
	acpi_u8(b, bytes == 1   ? AML_BYTE
		   : bytes == 2 ? AML_WORD
		   : bytes == 4 ? AML_DWORD
				: AML_QWORD);
	acpi_put(b, v, bytes);
}

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10);
}

/*
 * Section 19.3.4, EISAID: three letters of five bits and four hexadecimal digits, the most significant byte first.
 */
void aml_eisa_id(struct kt_buf *b, const char *id)
{
	uint32_t v = 0;

	assert(strlen(id) == 7);
	for (unsigned i = 0; i < 3; i++)
		v = v << 5 | (uint32_t)(id[i] - 'A' + 1);
	for (unsigned i = 3; i < 7; i++)
		v = v << 4 | hex_digit(id[i]);
	acpi_u8(b, AML_DWORD);
	acpi_u32(b, __builtin_bswap32(v));
}

void aml_package(struct kt_buf *b, uint8_t nr, const struct kt_buf *contents)
{
	acpi_u8(b, AML_PACKAGE);
	pkg_length(b, 1 + contents->len);
	acpi_u8(b, nr);
	add_contents(b, contents);
}

/* Section 6.4.2.9: the end tag's checksum may be 0, which says that there is none. */
void aml_resources(struct kt_buf *b, const struct kt_buf *descriptors)
{
	kt_auto(buf) struct kt_buf size = { 0 };
	size_t len = descriptors->len + 2;

	aml_integer(&size, len);
	acpi_u8(b, AML_BUFFER);
	pkg_length(b, size.len + len);
	add_contents(b, &size);
	add_contents(b, descriptors);
	acpi_u8(b, 0x79);
	acpi_u8(b, 0);
}

/* Section 6.4.2.5: ports that are decoded whole (16 bits), of which there is no choice. */
void aml_resource_io(struct kt_buf *b, uint16_t port, uint8_t len)
{
	acpi_u8(b, 0x47);
	acpi_u8(b, 1);
	acpi_u16(b, port);
	acpi_u16(b, port);
	acpi_u8(b, 1); /* alignment */
	acpi_u8(b, len);
}

/*
 * Section 6.4.3.6: consumed (bit 0), edge-triggered (bit 1), active high, not shared. The older IRQ descriptor would not
 * do: Linux then asks the MADT's legacy interrupts how they trigger (drivers/acpi/resource.c,
 * acpi_dev_get_irqresource(), 6.12), and here are none.
 */
void aml_resource_interrupt(struct kt_buf *b, uint32_t gsi)
{
	acpi_u8(b, 0x89);
	acpi_u16(b, 2 + 4);
	acpi_u8(b, 0x3);
	acpi_u8(b, 1);
	acpi_u32(b, gsi);
}
