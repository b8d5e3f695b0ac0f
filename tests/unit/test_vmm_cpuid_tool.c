/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID of every vCPU, read by somebody else's program: cpuid(1) decodes a dump of registers. Release 20230120 has its
 * own ideas of two things, for real CPUs as well: on Intel it takes the shift of leaf 0xb's second level, which has the
 * thread's bits in it (SDM volume 3A section 9.9), for the width of the core's number; and on AMD it has no answer for 18
 * or 20 CPUs a package.
 */
#include "tests/unit/unit.h"

#include <errno.h>

#include "base/proc.h"
#include "tests/unit/cpuid_hosts.h"
#include "vmm/x86_64/x86.h"

static const char *const shapes[] = { "1n1l1c1t", "1n1l4c1t", "1n3l3c1t",  "1n2l3c2t",
				      "4n8l4c1t", "2n8l8c2t", "1n14l9c2t", "1n14l18c1t" };
enum { NR_TOLD = sizeof(shapes) / sizeof(shapes[0]), OUTPUT_MAX = 64 << 20 };

static void dump(struct kt_buf *b, const struct x86_cpuid *host, const struct kt_topology *t)
{
	const struct x86_cpuid_opts o = { .topology = t };
	struct x86_cpuid c;

	for (unsigned cpu = 0; cpu < kt_topo_nr_cpus(t); cpu++) {
		assert_int_equal(x86_cpuid_make(host, &o, cpu, &c, NULL), 0);
		kt_buf_addf(b, "CPU %u:\n", cpu);
		for (uint32_t i = 0; i < c.nr; i++)
			kt_buf_addf(
				b,
				"   0x%08x 0x%02x: eax=0x%08x ebx=0x%08x ecx=0x%08x edx=0x%08x\n",
				c.e[i].function, c.e[i].index, c.e[i].eax, c.e[i].ebx, c.e[i].ecx,
				c.e[i].edx);
	}
}

static void decode(const char *dir, const struct x86_cpuid *host, const struct kt_topology *t,
		   struct kt_buf *ret)
{
	kt_auto(mem) char *path = kt_fmt("%s/dump", dir);
	const char *const argv[] = { "cpuid", "-f", path, NULL };
	struct kt_proc_opts o = { .argv = argv };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_proc_end end;
	struct kt_err e = { 0 };

	assert_non_null(path);
	dump(&b, host, t);
	assert_true(kt_buf_ok(&b));
	assert_int_equal(kt_file_write_atomic(path, b.data, b.len, 0600, NULL), 0);
	if (kt_proc_run(&o, 60000, OUTPUT_MAX, ret, NULL, &end, &e) < 0) {
		if (e.errnum == ENOENT)
			unit_require("cpuid", "no cpuid program");
		fail_msg("%s", unit_err_text(&e));
	}
	assert_false(end.signalled);
	assert_int_equal(end.code, 0);
}

/* What it says of one CPU; cuts the text there. */
static char *part_of(char *text, unsigned cpu)
{
	char title[32], next[32];
	char *start, *end;

	(void)kt_snprintf(title, sizeof(title), "CPU %u:\n", cpu);
	(void)kt_snprintf(next, sizeof(next), "\nCPU %u:\n", cpu + 1);
	start = strstr(text, title);
	assert_non_null(start);
	end = strstr(start, next);
	if (end)
		*end = '\0';
	return start;
}

/* The number in the @nth line that starts with @key: "key = 0x7 (7)" or "key = 7". */
static unsigned number(const char *text, const char *key, unsigned nth)
{
	const char *line = text, *at;

	for (;; line = strchr(line, '\n') + 1) {
		line += strspn(line, " ");
		if (kt_starts_with(line, key) &&
		    line[strlen(key) + strspn(line + strlen(key), " ")] == '=' && nth-- == 0)
			break;
		if (!strchr(line, '\n'))
			fail_msg("no line '%s'", key);
	}
	at = strchr(line, '=') + 1;
	if (strcspn(at, "(") < strcspn(at, "\n"))
		at += strcspn(at, "(") + 1;
	return (unsigned)strtoul(at, NULL, 10);
}

static void __attribute__((format(printf, 2, 3)))
expect_text(const char *text, const char *fmt, ...)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	kt_buf_vaddf(&b, fmt, ap);
	va_end(ap);
	if (!strstr(text, kt_buf_str(&b)))
		fail_msg("not said: %s", kt_buf_str(&b));
}

static void check_levels(const char *text, const struct kt_topology *t, unsigned cpu)
{
	assert_int_equal(number(text, "process local APIC physical ID", 0),
			 x86_apic_id(t, cpu) & 0xff);
	assert_int_equal(number(text, "extended APIC ID", 0), x86_apic_id(t, cpu));
	assert_int_equal(number(text, "level type", 0), 1);
	assert_int_equal(number(text, "bit width of level", 0), x86_apic_core_shift(t));
	assert_int_equal(number(text, "number of logical processors at level", 0), t->threads);
	assert_int_equal(number(text, "level type", 1), 2);
	assert_int_equal(number(text, "bit width of level", 1), x86_apic_package_shift(t));
	assert_int_equal(number(text, "number of logical processors at level", 1),
			 t->cores * t->threads);
	assert_int_equal(number(text, "level type", 2), 0);
	expect_text(text, "hypervisor_id (0x40000000) = \"KVMKVMKVM");
}

static void check_sharing(const char *text, const struct kt_topology *t, const char *level,
			  const char *sharing)
{
	static const unsigned levels[] = { 1, 1, 2, 3 };

	for (unsigned i = 0; i < 4; i++) {
		unsigned shift = i == 3 ? x86_apic_package_shift(t) : x86_apic_core_shift(t);

		assert_int_equal(number(text, level, i), levels[i]);
		assert_int_equal(number(text, sharing, i), (1U << shift) - 1);
	}
}

static void check_intel(const char *text, const struct kt_topology *t, unsigned cpu)
{
	check_levels(text, t, cpu);
	check_sharing(text, t, "cache level", "maximum IDs for CPUs sharing cache");
	if (t->threads > 1)
		expect_text(text,
			    "(multi-processing synth) = multi-core (c=%u), hyper-threaded (t=%u)\n",
			    t->cores, t->threads);
	else if (t->cores > 1)
		expect_text(text, "(multi-processing synth) = multi-core (c=%u)\n", t->cores);
	else
		expect_text(text, "(multi-processing synth) = none\n");
	expect_text(text, "(multi-processing method) = Intel leaf 0xb\n");
	expect_text(text, "(APIC widths synth): CORE_width=%u SMT_width=%u\n",
		    x86_apic_package_shift(t), x86_apic_core_shift(t));
	if (t->threads == 1 && x86_apic_id(t, cpu) <= 0xff)
		expect_text(text, "(APIC synth): PKG_ID=%u CORE_ID=%u SMT_ID=0\n",
			    kt_topo_llc_of_cpu(t, cpu), cpu % t->cores);
}

static void check_amd(const char *text, const struct kt_topology *t, unsigned cpu)
{
	unsigned package = t->cores * t->threads;

	check_levels(text, t, cpu);
	check_sharing(text, t, "level ", "extra cores sharing this cache");
	assert_int_equal(number(text, "extended APIC ID", 1), x86_apic_id(t, cpu));
	assert_int_equal(number(text, "core ID", 0), cpu / t->threads % t->cores);
	assert_int_equal(number(text, "threads per core", 0), t->threads);
	assert_int_equal(number(text, "node ID", 0), kt_topo_llc_of_cpu(t, cpu));
	assert_int_equal(number(text, "nodes per processor", 0), 1);
	assert_int_equal(number(text, "number of threads", 0), package);
	assert_int_equal(number(text, "ApicIdCoreIdSize", 0), x86_apic_package_shift(t));
	if (package == 1 || package == 18 || x86_apic_id(t, cpu) > 0xff)
		return;
	expect_text(text, "(multi-processing synth) = multi-core (c=%u)\n", package);
	expect_text(text, "(APIC synth): PKG_ID=%u CORE_ID=%u SMT_ID=%u\n",
		    kt_topo_llc_of_cpu(t, cpu), cpu / t->threads % t->cores, cpu % t->threads);
}

static void check(const char *dir, const struct x86_cpuid *host,
		  void (*check_cpu)(const char *, const struct kt_topology *, unsigned))
{
	for (unsigned i = 0; i < NR_TOLD; i++) {
		struct kt_topology t = shape(shapes[i]);
		kt_auto(buf) struct kt_buf out = { 0 };

		decode(dir, host, &t, &out);
		for (unsigned cpu = kt_topo_nr_cpus(&t); cpu-- > 0;)
			check_cpu(part_of(out.data, cpu), &t, cpu);
	}
}

static void cpuid_decodes_the_shape_of_an_intel_machine(void **state)
{
	struct x86_cpuid host;

	HOST(&host, host_intel);
	host_find(&host, 0)->eax = 0x16; /* no leaf 0x1f, whose counts it does not divide */
	check(*state, &host, check_intel);
}

static void cpuid_decodes_the_shape_of_an_amd_machine(void **state)
{
	struct x86_cpuid host;

	HOST(&host, host_amd);
	check(*state, &host, check_amd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpuid_decodes_the_shape_of_an_intel_machine),
		cmocka_unit_test(cpuid_decodes_the_shape_of_an_amd_machine),
	};

	return cmocka_run_group_tests_name("vmm_cpuid_tool", tests, unit_tmp_setup,
					   unit_tmp_teardown);
}
