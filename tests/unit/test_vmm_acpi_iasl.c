/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ACPI tables before iasl, of acpica-tools: it takes each apart without complaint, and makes the same bytes of what it
 * wrote.
 */
#include "tests/unit/acpi_tables.h"

#include "base/proc.h"

/* The DSDT, as people write it. */
static const char dsdt_source[] =
	"DefinitionBlock (\"\", \"DSDT\", 2, \"KTSTR \", \"KTSTRMKE\", 1) {\n"
	"  Scope (\\_SB) {\n"
	"    Device (COM1) {\n"
	"      Name (_HID, EisaId (\"PNP0501\"))\n"
	"      Name (_UID, Zero)\n"
	"      Name (_CRS, ResourceTemplate () {\n"
	"        IO (Decode16, 0x3f8, 0x3f8, 1, 8)\n"
	"        Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }\n"
	"      })\n"
	"    }\n"
	"    Device (COM2) {\n"
	"      Name (_HID, EisaId (\"PNP0501\"))\n"
	"      Name (_UID, One)\n"
	"      Name (_CRS, ResourceTemplate () {\n"
	"        IO (Decode16, 0x2f8, 0x2f8, 1, 8)\n"
	"        Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 3 }\n"
	"      })\n"
	"    }\n"
	"  }\n"
	"  Name (_S5, Package () { 5 })\n"
	"}\n";

enum { IASL_TIMEOUT_MS = 60000, IASL_TEXT_MAX = 1 << 20 };

/* Its output, both streams; fails the test unless it ended well and complains of nothing. */
static void iasl(const char *dir, const char *option, const char *file)
{
	const char *argv[] = { "iasl", option, file, NULL };
	kt_auto(buf) struct kt_buf out = { 0 }, err = { 0 };
	static const char *const complaints[] = { "Checksum", "checksum", "Warning",
						  "warning",  "Error",    "error" };
	struct kt_proc_end end;
	struct kt_err e = { 0 };

	if (kt_proc_run(&(struct kt_proc_opts){ .argv = argv, .cwd = dir }, IASL_TIMEOUT_MS,
			IASL_TEXT_MAX, &out, &err, &end, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	kt_buf_add(&out, err.data, err.len);
	if (end.signalled || end.code)
		fail_msg("iasl %s %s: %d\n%s", option, file, end.code, kt_buf_str(&out));
	for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++) {
		const char *at = strstr(kt_buf_str(&out), complaints[i]);

		/* "0 Errors, 0 Warnings" is its last line after compiling */
		if (at && !(at - kt_buf_str(&out) > 2 && at[-1] == ' ' && at[-2] == '0'))
			fail_msg("iasl %s %s:\n%s", option, file, kt_buf_str(&out));
	}
}

static void require_iasl(void)
{
	static const char *const argv[] = { "iasl", "-v", NULL };
	kt_auto(buf) struct kt_buf out = { 0 };
	struct kt_proc_end end;

	if (kt_proc_run(&(struct kt_proc_opts){ .argv = argv }, IASL_TIMEOUT_MS, IASL_TEXT_MAX,
			&out, NULL, &end, NULL) < 0)
		unit_require("iasl", "it is not installed (package acpica-tools)");
}

static void write_table(const char *dir, const char *name, const void *data, size_t len)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, name);

	assert_non_null(path);
	assert_int_equal(kt_file_write_atomic(path, data, len, 0600, NULL), 0);
}

/* @path is what iasl made: ours, but for who made it (28 to 35), which the checksum (9) counts in. */
static void assert_same_table(const char *dir, const char *name, const struct table *t)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, name);
	kt_auto(buf) struct kt_buf made = { 0 };

	assert_int_equal(kt_file_read(path, IASL_TEXT_MAX, &made, NULL), 0);
	assert_int_equal(made.len, t->len);
	assert_memory_equal(made.data, t->p, 9);
	assert_memory_equal(made.data + 10, t->p + 10, 18);
	assert_memory_equal(made.data + 36, t->p + 36, t->len - 36);
}

/* Taken apart, and the source that comes of it made into the same table again. */
static void through_iasl(const char *dir, const char *name, const struct table *t)
{
	kt_auto(mem) char *dat = kt_fmt("%s.dat", name);
	kt_auto(mem) char *dsl = kt_fmt("%s.dsl", name);
	kt_auto(mem) char *aml = kt_fmt("%s.aml", name);

	assert_true(dat && dsl && aml);
	write_table(dir, dat, t->p, t->len);
	iasl(dir, "-d", dat);
	iasl(dir, "-oa", dsl); /* without optimizations */
	assert_same_table(dir, aml, t);
}

static void all_through_iasl(const char *dir, const struct kt_topology *t, uint64_t memory)
{
	struct tables tables;
	struct rig r;

	rig_init(&r, t, memory);
	tables = read_tables(&r);
	through_iasl(dir, "xsdt", &tables.xsdt);
	through_iasl(dir, "facp", &tables.fadt);
	through_iasl(dir, "dsdt", &tables.dsdt);
	through_iasl(dir, "apic", &tables.madt);
	through_iasl(dir, "srat", &tables.srat);
	through_iasl(dir, "slit", &tables.slit);
	if (tables.hmat.p)
		through_iasl(dir, "hmat", &tables.hmat);
	rig_done(&r);
}

static void iasl_takes_every_table_apart_and_together_again(void **state)
{
	struct kt_topology odd = odd_nodes();

	require_iasl();
	for (size_t i = 0; i < NR_PRESETS; i++) {
		struct kt_topology t = shape(all_shapes[i]);

		all_through_iasl(*state, &t, vm_memory_bytes(&t, 0, 0));
	}
	odd.node[0].latency_ns = 90;
	odd.node[2].bandwidth_mbs = 100000;
	odd.node[3].mem_side_cache_bytes = VM_GIB;
	all_through_iasl(*state, &odd, 0);
}

static void the_dsdt_is_what_iasl_makes_of_its_source(void **state)
{
	struct kt_topology t = shape("1n1l1c1t");
	struct tables tables;
	struct rig r;

	require_iasl();
	rig_init(&r, &t, 256 * VM_MIB);
	tables = read_tables(&r);
	write_table(*state, "made.dsl", dsdt_source, strlen(dsdt_source));
	iasl(*state, "-oa", "made.dsl");
	assert_same_table(*state, "made.aml", &tables.dsdt);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(iasl_takes_every_table_apart_and_together_again,
						unit_tmp_setup, unit_tmp_teardown),
		cmocka_unit_test_setup_teardown(the_dsdt_is_what_iasl_makes_of_its_source,
						unit_tmp_setup, unit_tmp_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
