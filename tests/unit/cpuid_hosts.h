/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What KVM_GET_SUPPORTED_CPUID says on some hosts. Values are those of real CPUs of the kind, put together by hand: the
 * host's caches and counters are in it and its topology is not, as KVM does it (Linux 6.12, arch/x86/kvm/cpuid.c).
 */
#ifndef KTSTR_TESTS_UNIT_CPUID_HOSTS_H
#define KTSTR_TESTS_UNIT_CPUID_HOSTS_H

#include "tests/unit/vmm_shapes.h"

#include "vmm/x86_64/x86.h"

#define SUBLEAF KVM_CPUID_FLAG_SIGNIFCANT_INDEX

struct host_leaf {
	uint32_t leaf, index, flags, eax, ebx, ecx, edx;
};

/* A two-socket server, Ice Lake: 32 cores a socket, two threads each, 1.5 MiB of L3 a core. */
static const struct host_leaf host_intel[] = {
	{ 0x0, 0, 0, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69 },
	{ 0x1, 0, 0, 0x000606a6, 0x17400800, 0xfffab2ab, 0x1f8bfbff },
	{ 0x2, 0, 0, 0x00feff01, 0x000000f0, 0, 0 },
	{ 0x4, 0, SUBLEAF, 0x7c004121, 0x02c0003f, 0x0000003f, 0 },
	{ 0x4, 1, SUBLEAF, 0x7c004122, 0x01c0003f, 0x0000003f, 0 },
	{ 0x4, 2, SUBLEAF, 0x7c004143, 0x04c0003f, 0x000003ff, 0 },
	{ 0x4, 3, SUBLEAF, 0x7c0fc163, 0x02c0003f, 0x0000ffff, 4 },
	{ 0x4, 4, SUBLEAF, 0, 0, 0, 0 },
	{ 0x5, 0, 0, 0x40, 0x40, 0x3, 0x2020 },
	{ 0x6, 0, 0, 0x4, 0, 0, 0 },
	{ 0x7, 0, SUBLEAF, 2, 0xf1bf2ffb, 0x5b415f6e, 0xac008410 },
	{ 0x7, 1, SUBLEAF, 0x30, 0, 0, 0 },
	{ 0xa, 0, 0, 0x07300802, 0, 0, 0x00008604 },
	{ 0xb, 0, SUBLEAF, 0, 0, 0, 0x17 },
	{ 0xd, 0, SUBLEAF, 0xe7, 0xa80, 0xa80, 0 },
	{ 0xd, 1, SUBLEAF, 0xf, 0xa80, 0, 0 },
	{ 0xd, 2, SUBLEAF, 0x100, 0x240, 0, 0 },
	{ 0x12, 0, SUBLEAF, 0x3, 0, 0, 0x241f },
	{ 0x1f, 0, SUBLEAF, 0, 0, 0, 0x17 },
	/* the same again, as some kernels list stateless leaves */
	{ 0x2, 0, 0, 0x00feff01, 0x000000f0, 0, 0 },
	{ 0x80000000, 0, 0, 0x80000008, 0, 0, 0 },
	{ 0x80000001, 0, 0, 0, 0, 0x121, 0x2c100800 },
	{ 0x80000002, 0, 0, 0x65746e49, 0x2952286c, 0x6f655820, 0x2952286e },
	{ 0x80000006, 0, 0, 0, 0, 0x05007040, 0 },
	{ 0x80000007, 0, 0, 0, 0, 0, 0x100 },
	{ 0x80000008, 0, 0, 0x303930, 0, 0, 0 },
	{ 0x40000000, 0, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d },
	{ 0x40000001, 0, 0, 0x01007efb, 0, 0, 0 },
};

/* Milan: complexes of eight cores, two threads each, 32 MiB of L3 a complex. */
static const struct host_leaf host_amd[] = {
	{ 0x0, 0, 0, 0x10, 0x68747541, 0x444d4163, 0x69746e65 },
	{ 0x1, 0, 0, 0x00a00f11, 0x05400800, 0xfef8320b, 0x178bfbff },
	{ 0x5, 0, 0, 0x40, 0x40, 0x3, 0x11 },
	{ 0x6, 0, 0, 0x4, 0, 0, 0 },
	{ 0x7, 0, SUBLEAF, 0, 0x219c95a9, 0x0040068c, 0x00000010 },
	{ 0xb, 0, SUBLEAF, 0, 0, 0, 0x05 },
	{ 0xd, 0, SUBLEAF, 0x207, 0x988, 0x988, 0 },
	{ 0xd, 1, SUBLEAF, 0xf, 0x348, 0, 0 },
	{ 0x80000000, 0, 0, 0x80000021, 0x68747541, 0x444d4163, 0x69746e65 },
	{ 0x80000001, 0, 0, 0x00a00f11, 0x40000000, 0x75c237ff, 0x2fd3fbff },
	{ 0x80000005, 0, 0, 0xff40ff40, 0xff40ff40, 0x20080140, 0x20080140 },
	{ 0x80000006, 0, 0, 0x48002200, 0x68004200, 0x02006140, 0x08009140 },
	{ 0x80000007, 0, 0, 0, 0, 0, 0x100 },
	{ 0x80000008, 0, 0, 0x00003030, 0x111ef657, 0x0000703f, 0 },
	{ 0x8000000a, 0, 0, 1, 8, 0, 0x119b9cff },
	{ 0x8000001a, 0, 0, 6, 0, 0, 0 },
	{ 0x8000001d, 0, SUBLEAF, 0x00004121, 0x01c0003f, 0x0000003f, 0 },
	{ 0x8000001d, 1, SUBLEAF, 0x00004122, 0x01c0003f, 0x0000003f, 0 },
	{ 0x8000001d, 2, SUBLEAF, 0x00004143, 0x01c0003f, 0x000003ff, 2 },
	{ 0x8000001d, 3, SUBLEAF, 0x0003c163, 0x03c0003f, 0x00007fff, 1 },
	{ 0x8000001d, 4, SUBLEAF, 0, 0, 0, 0 },
	{ 0x8000001e, 0, 0, 0, 0, 0, 0 },
	{ 0x80000021, 0, 0, 0x4d, 0, 0, 0 },
	{ 0x40000000, 0, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d },
	{ 0x40000001, 0, 0, 0x01007efb, 0, 0, 0 },
};

/* AMD's vendor string on what QEMU's emulator makes of it: no TopologyExtensions, few leaves; KVM nested in it. */
static const struct host_leaf host_emulated[] = {
	{ 0x0, 0, 0, 0xd, 0x68747541, 0x444d4163, 0x69746e65 },
	{ 0x1, 0, 0, 0x00060fb1, 0x00040800, 0xf6fa3203, 0x178bfbff },
	{ 0x7, 0, SUBLEAF, 0, 0x219c05a9, 0x0040000c, 0 },
	{ 0xd, 0, SUBLEAF, 0x7, 0x340, 0x340, 0 },
	{ 0x80000000, 0, 0, 0x8000000a, 0x68747541, 0x444d4163, 0x69746e65 },
	{ 0x80000001, 0, 0, 0x00060fb1, 0, 0x00000065, 0x2193fbff },
	{ 0x80000005, 0, 0, 0x01ff01ff, 0x01ff01ff, 0x40020140, 0x40020140 },
	{ 0x80000006, 0, 0, 0, 0x42004200, 0x02008140, 0x00808140 },
	{ 0x80000008, 0, 0, 0x00003028, 0, 0, 0 },
	{ 0x8000000a, 0, 0, 1, 8, 0, 1 },
	{ 0x40000000, 0, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d },
	{ 0x40000001, 0, 0, 0x01007efb, 0, 0, 0 },
};

#define HOST(ret, entries) host_load(ret, entries, sizeof(entries) / sizeof((entries)[0]))

static inline void host_load(struct x86_cpuid *ret, const struct host_leaf *v, uint32_t nr)
{
	assert_true(nr <= X86_CPUID_MAX);
	*ret = (struct x86_cpuid){ .nr = nr };
	for (uint32_t i = 0; i < nr; i++) {
		ret->e[i] = (struct kvm_cpuid_entry2){
			.function = v[i].leaf,
			.index = v[i].index,
			.flags = v[i].flags,
			.eax = v[i].eax,
			.ebx = v[i].ebx,
			.ecx = v[i].ecx,
			.edx = v[i].edx,
		};
	}
}

static inline struct kvm_cpuid_entry2 *host_find(struct x86_cpuid *c, uint32_t leaf)
{
	for (uint32_t i = 0; i < c->nr; i++) {
		if (c->e[i].function == leaf)
			return &c->e[i];
	}
	fail_msg("no leaf 0x%x", leaf);
	return NULL;
}

static inline void host_set_vendor(struct x86_cpuid *c, const char name[13])
{
	struct kvm_cpuid_entry2 *l = host_find(c, 0);

	memcpy(&l->ebx, name, 4);
	memcpy(&l->edx, name + 4, 4);
	memcpy(&l->ecx, name + 8, 4);
}

#endif
