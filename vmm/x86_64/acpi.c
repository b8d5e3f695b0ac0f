/* SPDX-License-Identifier: GPL-2.0-only */
/* The ACPI tables, put together: their headers and checksums, the lists of them, and the FADT. */
#include "vmm/x86_64/acpi.h"

#include <errno.h>
#include <string.h>

enum {
	HEADER_BYTES = 36,
	HEADER_LENGTH = 4, /* offsets */
	HEADER_CHECKSUM = 9,
	/* Nothing but the RSDP must be aligned (section 5.2.5.1: to 16); aligned reads are faster all the same. */
	TABLE_ALIGN = 16,
	TABLES_MAX = 8,
};
#define OEM_ID "KTSTR " /* of 6 characters */
#define OEM_TABLE_ID "KTSTRMKE" /* of 8 */
#define CREATOR_ID "KTST" /* of 4 */

static void align(struct kt_buf *b)
{
	acpi_zero(b, (unsigned)(-b->len % TABLE_ALIGN));
}

/* What the byte at @checksum must be for all @len bytes to add up to 0. */
static void set_checksum(struct kt_buf *b, size_t at, size_t len, size_t checksum)
{
	uint8_t sum = 0;

	if (!kt_buf_ok(b))
		return;
	b->data[checksum] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + (uint8_t)b->data[at + i]);
	b->data[checksum] = (char)(uint8_t)-sum;
}

size_t acpi_begin(struct kt_buf *b, const char *signature, uint8_t revision)
{
	size_t at;

	align(b);
	at = b->len;
	kt_buf_add(b, signature, 4);
	acpi_zero(b, 4); /* length */
	acpi_u8(b, revision);
	acpi_zero(b, 1); /* checksum */
	kt_buf_adds(b, OEM_ID OEM_TABLE_ID);
	acpi_u32(b, 1); /* the OEM's revision */
	kt_buf_adds(b, CREATOR_ID);
	acpi_u32(b, 1); /* the creator's revision */
	return at;
}

void acpi_end(struct kt_buf *b, size_t at)
{
	if (!kt_buf_ok(b))
		return;
	for (unsigned i = 0; i < 4; i++)
		b->data[at + HEADER_LENGTH + i] = (char)(uint8_t)((b->len - at) >> 8 * i);
	set_checksum(b, at, b->len - at, at + HEADER_CHECKSUM);
}

/* ---- FADT: section 5.2.9 ---- */

enum {
	PROFILE_ENTERPRISE_SERVER = 4, /* nobody sits at it, and it has no battery */
	/* IAPC_BOOT_ARCH (section 5.2.9.3). Not said: ISA devices with plugs for people, an 8042. */
	BOOT_NO_VGA = 1 << 2,
	BOOT_NO_CMOS_RTC = 1 << 5, /* kvmclock has the time of day */
	/* Fixed feature flags. */
	FLAG_WBINVD = 1 << 0,
	FLAG_PROC_C1 = 1 << 2,
	FLAG_NO_POWER_BUTTON = 1 << 4,
	FLAG_NO_SLEEP_BUTTON = 1 << 5,
	FLAG_RESET_REGISTER = 1 << 10,
	FLAG_HEADLESS = 1 << 12,
	FLAG_HARDWARE_REDUCED = 1 << 20,
};

/* A generic address structure (section 5.2.3.2): one byte at an I/O port. */
static void add_port(struct kt_buf *b, uint16_t port)
{
	acpi_u8(b, 1); /* system I/O */
	acpi_u8(b, 8); /* bits */
	acpi_u8(b, 0); /* from bit 0 on */
	acpi_u8(b, 1); /* accessed as bytes */
	acpi_u64(b, port);
}

/*
 * Hardware-reduced (section 4.1): no power management timer, no event registers, no SCI, no FACS, so nothing to emulate
 * but a reset register and two sleep registers. What is zero here is not there.
 */
static size_t add_fadt(struct kt_buf *b, uint64_t dsdt)
{
	size_t at = acpi_begin(b, "FACP", 6);

	acpi_u32(b, 0); /* FACS */
	acpi_u32(b, (uint32_t)dsdt);
	acpi_zero(b, 1);
	acpi_u8(b, PROFILE_ENTERPRISE_SERVER);
	acpi_zero(b, 109 - 46); /* SCI_INT to CENTURY */
	acpi_u16(b, BOOT_NO_VGA | BOOT_NO_CMOS_RTC);
	acpi_zero(b, 1);
	acpi_u32(b, FLAG_WBINVD | FLAG_PROC_C1 | FLAG_NO_POWER_BUTTON | FLAG_NO_SLEEP_BUTTON |
			    FLAG_RESET_REGISTER | FLAG_HEADLESS | FLAG_HARDWARE_REDUCED);
	add_port(b, X86_RESET_PORT);
	acpi_u8(b, X86_RESET_VALUE);
	acpi_zero(b, 2); /* ARM_BOOT_ARCH */
	acpi_u8(b, 5); /* 6.5 */
	acpi_u64(b, 0); /* FACS */
	acpi_u64(b, dsdt);
	acpi_zero(b, 244 - 148); /* X_PM1a_EVT_BLK to X_GPE1_BLK */
	add_port(b, X86_SLEEP_CONTROL_PORT);
	add_port(b, X86_SLEEP_STATUS_PORT);
	acpi_zero(b, 8); /* hypervisor vendor: CPUID says it */
	acpi_end(b, at);
	return at;
}

/* ---- the lists ---- */

/* Section 5.2.5.3. The first checksum is over what ACPI 1.0 had of it. */
static size_t add_rsdp(struct kt_buf *b, uint64_t xsdt)
{
	size_t at;

	align(b);
	at = b->len;
	kt_buf_adds(b, "RSD PTR ");
	acpi_zero(b, 1); /* checksum of the first 20 bytes */
	kt_buf_adds(b, OEM_ID);
	acpi_u8(b, 2); /* revision */
	acpi_u32(b, 0); /* no RSDT: all that read this know the XSDT */
	acpi_u32(b, HEADER_BYTES);
	acpi_u64(b, xsdt);
	acpi_zero(b, 4); /* checksum of all, reserved */
	set_checksum(b, at, 20, at + 8);
	set_checksum(b, at, HEADER_BYTES, at + 32);
	return at;
}

/* Section 5.2.8: addresses of all tables but the DSDT, which the FADT has. */
static size_t add_xsdt(struct kt_buf *b, uint64_t base, const size_t *at, unsigned nr)
{
	size_t xsdt = acpi_begin(b, "XSDT", 1);

	for (unsigned i = 0; i < nr; i++)
		acpi_u64(b, base + at[i]);
	acpi_end(b, xsdt);
	return xsdt;
}

int x86_acpi_build(const struct x86_acpi_opts *o, struct kt_buf *ret, gpa_t *ret_rsdp,
		   struct kt_err *e)
{
	const struct kt_topology *t = o->topology;
	const uint64_t base = o->base.v;
	kt_auto(buf) struct kt_buf b = { 0 };
	size_t at[TABLES_MAX], rsdp;
	unsigned nr = 0;

	/* DSDT and I/O are below 4 GiB in the older fields of the FADT and of the MADT. */
	if (base % 4096 || base > UINT32_MAX || o->max_bytes > UINT32_MAX - base)
		return kt_fail(e, KT_E_INTERNAL, EINVAL,
			       "ACPI tables at gpa 0x%llx: not a page below 4 GiB",
			       (unsigned long long)base);
	at[nr] = add_fadt(&b, base + acpi_add_dsdt(&b));
	at[++nr] = acpi_add_madt(&b, t);
	at[++nr] = acpi_add_srat(&b, t, o->layout);
	at[++nr] = acpi_add_slit(&b, t);
	if (kt_topo_has_hmat(t))
		at[++nr] = acpi_add_hmat(&b, t);
	rsdp = add_rsdp(&b, base + add_xsdt(&b, base, at, nr + 1));
	if (!kt_buf_ok(&b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "make ACPI tables");
	if (b.len > o->max_bytes)
		return kt_fail(e, KT_E_INTERNAL, ENOSPC,
			       "%zu bytes of ACPI tables do not fit into %zu", b.len, o->max_bytes);
	ret_rsdp->v = base + rsdp;
	*ret = b;
	b = (struct kt_buf){ 0 };
	return 0;
}
