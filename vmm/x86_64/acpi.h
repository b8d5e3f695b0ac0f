/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files that make ACPI tables share: bytes in order, headers, and as much AML as the DSDT needs. Sections are
 * those of the ACPI specification 6.5; all fields of all tables are little-endian (section 5.2.1).
 */
#ifndef KTSTR_VMM_X86_64_ACPI_H
#define KTSTR_VMM_X86_64_ACPI_H

#include "vmm/x86_64/x86.h"

/* ---- bytes (acpi.c) ---- */

static inline void acpi_put(struct kt_buf *b, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		kt_buf_addc(b, (char)(uint8_t)(value >> 8 * i));
}
static inline void acpi_u8(struct kt_buf *b, uint8_t v)
{
	acpi_put(b, v, 1);
}
static inline void acpi_u16(struct kt_buf *b, uint16_t v)
{
	acpi_put(b, v, 2);
}
static inline void acpi_u32(struct kt_buf *b, uint32_t v)
{
	acpi_put(b, v, 4);
}
static inline void acpi_u64(struct kt_buf *b, uint64_t v)
{
	acpi_put(b, v, 8);
}
/* @bytes zeros: reserved, or nothing to say. */
static inline void acpi_zero(struct kt_buf *b, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		kt_buf_addc(b, '\0');
}

/* The header of a table (section 5.2.6). Returns where it starts, for acpi_end() and to know where the table will be. */
size_t acpi_begin(struct kt_buf *b, const char *signature, uint8_t revision);
/* Everything since acpi_begin() is the table: sets its length and checksum. */
void acpi_end(struct kt_buf *b, size_t at);

/* ---- tables: each appends one, whole ---- */

size_t acpi_add_dsdt(struct kt_buf *b);
size_t acpi_add_madt(struct kt_buf *b, const struct kt_topology *t);
/* A proximity domain is a node of the topology, with its number. */
size_t acpi_add_srat(struct kt_buf *b, const struct kt_topology *t, const struct vm_layout *l);
size_t acpi_add_slit(struct kt_buf *b, const struct kt_topology *t);
size_t acpi_add_hmat(struct kt_buf *b, const struct kt_topology *t);

/* ---- AML (aml.c; chapter 20): what has contents takes them ready made ---- */

/* Names are of four characters, '_' at the end where they are shorter. */
void aml_scope(struct kt_buf *b, const char *name, const struct kt_buf *contents);
void aml_device(struct kt_buf *b, const char *name, const struct kt_buf *contents);
/* The value follows. */
void aml_name(struct kt_buf *b, const char *name);
void aml_integer(struct kt_buf *b, uint64_t v);
/* "PNP0501" as the 32-bit number that _HID may be. */
void aml_eisa_id(struct kt_buf *b, const char *id);
void aml_package(struct kt_buf *b, uint8_t nr, const struct kt_buf *contents);
/* A buffer object of resource descriptors, to which it adds the end. */
void aml_resources(struct kt_buf *b, const struct kt_buf *descriptors);
void aml_resource_io(struct kt_buf *b, uint16_t port, uint8_t len);
void aml_resource_interrupt(struct kt_buf *b, uint32_t gsi);

#endif
