/* SPDX-License-Identifier: GPL-2.0-only */
/* APIC ids: thread, core and package side by side in whole bits, so that CPUID's shifts tell them apart. */
#include "vmm/x86_64/x86.h"

static unsigned bits_for(unsigned n)
{
	unsigned bits = 0;

	while (1U << bits < n)
		bits++;
	return bits;
}

unsigned x86_apic_core_shift(const struct kt_topology *t)
{
	return bits_for(t->threads);
}

unsigned x86_apic_package_shift(const struct kt_topology *t)
{
	return bits_for(t->threads) + bits_for(t->cores);
}

uint32_t x86_apic_id(const struct kt_topology *t, unsigned cpu)
{
	unsigned thread = cpu % t->threads, core = cpu / t->threads % t->cores;

	return kt_topo_llc_of_cpu(t, cpu) << x86_apic_package_shift(t) |
	       core << x86_apic_core_shift(t) | thread;
}

uint32_t x86_apic_id_max(const struct kt_topology *t)
{
	return x86_apic_id(t, kt_topo_nr_cpus(t) - 1);
}
