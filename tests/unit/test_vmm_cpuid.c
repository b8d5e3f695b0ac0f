/* SPDX-License-Identifier: GPL-2.0-only */
/* CPUID of every vCPU, read as Linux reads it, by KVM, and by the cpuid program. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "tests/unit/cpuid_hosts.h"
#include "vmm/x86_64/x86.h"

/* ---- the instruction ---- */

/* As KVM answers (Linux 6.12, arch/x86/kvm/cpuid.c, kvm_cpuid()): zeros for what is not listed. */
static struct kvm_cpuid_entry2 cpuid(const struct x86_cpuid *c, uint32_t leaf, uint32_t index)
{
	for (uint32_t i = 0; i < c->nr; i++) {
		if (c->e[i].function == leaf &&
		    (!(c->e[i].flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || c->e[i].index == index))
			return c->e[i];
	}
	return (struct kvm_cpuid_entry2){ 0 };
}

static unsigned field(uint32_t reg, unsigned low, unsigned bits)
{
	return reg >> low & ((1U << bits) - 1);
}

static unsigned order(unsigned n)
{
	unsigned bits = 0;

	while ((1U << bits) < n)
		bits++;
	return bits;
}

/* ---- Linux ---- */

enum reader {
	INTEL, /* topology_ext.c, leaf 4 */
	AMD, /* topology_ext.c, topology_amd.c, leaf 0x8000001d */
	AMD_WITHOUT_LEVELS, /* before leaf 0xb was read on AMD */
	ZHAOXIN, /* topology_common.c, parse_legacy() */
};

/* What Linux 6.12 keeps of one CPU. */
struct cpu {
	uint32_t apic_id;
	unsigned smt_shift, package_shift;
	unsigned node; /* AMD's */
	unsigned llc_id;
	unsigned nr_caches;
	struct {
		unsigned level, type, ids;
	} cache[8];
};

static bool read_levels(const struct x86_cpuid *c, uint32_t leaf, struct cpu *ret)
{
	for (unsigned i = 0;; i++) {
		struct kvm_cpuid_entry2 l = cpuid(c, leaf, i);
		unsigned type = field(l.ecx, 8, 8);

		if (!field(l.ebx, 0, 16) || !type)
			return i > 0;
		assert_in_range(type, 1, 2);
		assert_int_equal(field(l.ecx, 0, 8), i);
		if (type == 1) {
			ret->apic_id = l.edx;
			ret->smt_shift = field(l.eax, 0, 5);
		}
		assert_int_equal(ret->apic_id, l.edx);
		ret->package_shift = field(l.eax, 0, 5);
	}
}

static void read_topology_ext(const struct x86_cpuid *c, struct cpu *ret)
{
	if (cpuid(c, 0, 0).eax >= 0x1f && read_levels(c, 0x1f, ret))
		return;
	if (cpuid(c, 0x80000000, 0).eax >= 0x80000026 && read_levels(c, 0x80000026, ret))
		return;
	assert_in_range(cpuid(c, 0, 0).eax, 0xb, UINT32_MAX);
	assert_true(read_levels(c, 0xb, ret));
}

static void read_amd(const struct x86_cpuid *c, struct cpu *ret, bool levels)
{
	struct kvm_cpuid_entry2 sizes = cpuid(c, 0x80000008, 0), ids = cpuid(c, 0x8000001e, 0);

	assert_in_range(cpuid(c, 0x80000000, 0).eax, 0x8000001e, UINT32_MAX);
	assert_true(cpuid(c, 0x80000001, 0).ecx >> 22 & 1);
	assert_int_equal(field(ids.ecx, 8, 3), 0);
	ret->node = field(ids.ecx, 0, 8);
	if (levels) {
		read_topology_ext(c, ret);
		return;
	}
	ret->package_shift = field(sizes.ecx, 12, 4) ? field(sizes.ecx, 12, 4)
						     : order(field(sizes.ecx, 0, 8) + 1);
	ret->smt_shift = order(field(ids.ebx, 8, 8) + 1);
	ret->apic_id = ids.eax;
}

static void read_legacy(const struct x86_cpuid *c, struct cpu *ret)
{
	struct kvm_cpuid_entry2 l = cpuid(c, 1, 0);
	unsigned cores = order(field(cpuid(c, 4, 0).eax, 26, 6) + 1);

	ret->apic_id = field(l.ebx, 24, 8);
	ret->package_shift = cores;
	if (l.edx >> 28 & 1) {
		ret->package_shift = order(field(l.ebx, 16, 8));
		assert_true(ret->package_shift >= cores);
		ret->smt_shift = ret->package_shift - cores;
	}
}

static void read_caches(const struct x86_cpuid *c, uint32_t leaf, struct cpu *ret)
{
	for (unsigned i = 0;; i++) {
		struct kvm_cpuid_entry2 l = cpuid(c, leaf, i);

		if (!field(l.eax, 0, 5))
			return;
		assert_in_range(i, 0, 7);
		ret->cache[i].type = field(l.eax, 0, 5);
		ret->cache[i].level = field(l.eax, 5, 3);
		ret->cache[i].ids = field(l.eax, 14, 12) + 1;
		ret->nr_caches = i + 1;
	}
}

/* cacheinfo_amd_init_llc_id(), cacheinfo_hygon_init_llc_id(), legacy_set_llc() */
static unsigned amd_llc_id(const struct x86_cpuid *c, const struct cpu *s)
{
	uint32_t eax = cpuid(c, 1, 0).eax;
	unsigned family = field(eax, 8, 4) == 15 ? 15 + field(eax, 20, 8) : field(eax, 8, 4);
	unsigned model = field(eax, 4, 4) | field(eax, 16, 4) << 4;

	if (!cpuid(c, 0x80000006, 0).edx)
		return s->apic_id >> s->package_shift;
	if (family < 0x17)
		return s->node;
	if ((family == 0x17 && model <= 0x1f) || cpuid(c, 0, 0).ebx == 0x6f677948) /* "Hygo" */
		return s->apic_id >> 3;
	return s->apic_id >> order(s->cache[s->nr_caches - 1].ids);
}

static struct cpu read_cpu(const struct x86_cpuid *c, enum reader reader)
{
	struct cpu s = { 0 };

	if (reader == INTEL)
		read_topology_ext(c, &s);
	else if (reader == ZHAOXIN)
		read_legacy(c, &s);
	else
		read_amd(c, &s, reader == AMD);
	if (reader == INTEL || reader == ZHAOXIN) {
		read_caches(c, 4, &s);
		s.llc_id = s.apic_id >> order(s.cache[s.nr_caches - 1].ids);
	} else {
		read_caches(c, 0x8000001d, &s);
		s.llc_id = amd_llc_id(c, &s);
	}
	return s;
}

static bool same_package(const struct cpu *a, const struct cpu *b)
{
	return a->apic_id >> a->package_shift == b->apic_id >> b->package_shift;
}

static bool same_core(const struct cpu *a, const struct cpu *b, enum reader reader)
{
	if (reader == AMD || reader == AMD_WITHOUT_LEVELS) {
		/* match_smt() with TopologyExtensions */
		if (a->node != b->node || a->llc_id != b->llc_id)
			return false;
	}
	return a->apic_id >> a->smt_shift == b->apic_id >> b->smt_shift;
}

static bool same_cache(const struct cpu *a, const struct cpu *b, unsigned i, enum reader reader)
{
	unsigned ids = a->cache[i].ids;

	if (reader == INTEL || reader == ZHAOXIN)
		return a->apic_id >> order(ids) == b->apic_id >> order(ids);
	/* __cache_amd_cpumap_setup(), and the last one by match_llc() */
	if (i == 3)
		return a->llc_id == b->llc_id;
	return b->apic_id >= a->apic_id - a->apic_id % ids &&
	       b->apic_id < a->apic_id - a->apic_id % ids + ids;
}

static void check_cpu(const struct kt_topology *t, const struct cpu *all, unsigned cpu,
		      enum reader reader)
{
	struct kt_cpuset core, llc, is_core = { 0 }, is_package = { 0 }, is_cache[4] = { 0 };
	unsigned nr = kt_topo_nr_cpus(t);

	for (unsigned other = 0; other < nr; other++) {
		if (same_core(&all[cpu], &all[other], reader))
			kt_cpuset_add(&is_core, other);
		if (same_package(&all[cpu], &all[other]))
			kt_cpuset_add(&is_package, other);
		for (unsigned i = 0; i < 4; i++) {
			if (same_cache(&all[cpu], &all[other], i, reader))
				kt_cpuset_add(&is_cache[i], other);
		}
	}
	kt_topo_core_cpus(t, cpu, &core);
	kt_topo_llc_cpus(t, kt_topo_llc_of_cpu(t, cpu), &llc);
	assert_true(kt_cpuset_equal(&is_core, &core));
	assert_true(kt_cpuset_equal(&is_package, &llc));
	for (unsigned i = 0; i < 4; i++)
		assert_true(kt_cpuset_equal(&is_cache[i], i == 3 ? &llc : &core));
}

/* /sys/devices/system/cpu/cpuN/cache/indexI/{level,type}, as QEMU's machines have them. */
static void check_caches(const struct cpu *s)
{
	static const unsigned level[] = { 1, 1, 2, 3 }, type[] = { 1, 2, 3, 3 };

	assert_int_equal(s->nr_caches, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(s->cache[i].level, level[i]);
		assert_int_equal(s->cache[i].type, type[i]);
	}
}

static void make(const struct x86_cpuid *host, const struct x86_cpuid_opts *o, unsigned cpu,
		 struct x86_cpuid *ret)
{
	struct kt_err e = { 0 };

	if (x86_cpuid_make(host, o, cpu, ret, &e) < 0)
		fail_msg("CPU %u: %s", cpu, unit_err_text(&e));
}

static void check_shape(const struct x86_cpuid *host, const char *name, enum reader reader)
{
	struct kt_topology t = shape(name);
	struct x86_cpuid_opts o = { .topology = &t };
	unsigned nr = kt_topo_nr_cpus(&t);
	struct cpu all[KT_TOPO_CPUS_MAX];
	struct x86_cpuid c;

	for (unsigned cpu = 0; cpu < nr; cpu++) {
		make(host, &o, cpu, &c);
		all[cpu] = read_cpu(&c, reader);
		check_caches(&all[cpu]);
		/* what the MADT and KVM_CREATE_VCPU will say */
		assert_int_equal(all[cpu].apic_id, x86_apic_id(&t, cpu));
		assert_int_equal(field(cpuid(&c, 1, 0).ebx, 24, 8), all[cpu].apic_id & 0xff);
		/* all CPUs must agree (cpu_parse_topology()) */
		assert_int_equal(all[cpu].smt_shift, all[0].smt_shift);
		assert_int_equal(all[cpu].package_shift, all[0].package_shift);
	}
	for (unsigned cpu = 0; cpu < nr; cpu++)
		check_cpu(&t, all, cpu, reader);
}

static void check_shapes(const struct x86_cpuid *host, enum reader reader)
{
	for (unsigned i = 0; i < NR_SHAPES; i++)
		check_shape(host, all_shapes[i], reader);
}

static void linux_sees_every_shape_on_an_intel_host(void **state)
{
	static const uint32_t last[] = { 0x1f, 0x16, 0xb, 0x4 };
	struct x86_cpuid host;

	(void)state;
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		HOST(&host, host_intel);
		host_find(&host, 0)->eax = last[i];
		check_shapes(&host, INTEL);
	}
}

static void linux_sees_every_shape_on_an_amd_host(void **state)
{
	/* Milan, Rome, Naples, Raven Ridge, Bulldozer, Barcelona */
	static const uint32_t signature[] = { 0x00a00f11, 0x00830f10, 0x00800f12,
					      0x00810f10, 0x00600f12, 0x00100f22 };
	struct x86_cpuid host;

	(void)state;
	for (size_t i = 0; i < sizeof(signature) / sizeof(signature[0]); i++) {
		HOST(&host, host_amd);
		host_find(&host, 1)->eax = signature[i];
		check_shapes(&host, AMD);
		check_shapes(&host, AMD_WITHOUT_LEVELS);
	}
	/* one that has the leaf of complexes and dies */
	HOST(&host, host_amd);
	host_find(&host, 0x80000000)->eax = 0x80000026;
	host_find(&host, 0x80000021)->function = 0x80000026;
	*host_find(&host, 0x80000026) = (struct kvm_cpuid_entry2){
		.function = 0x80000026,
		.flags = SUBLEAF,
		.eax = 1,
		.ebx = 2,
		.ecx = 0x100,
	};
	check_shapes(&host, AMD);
}

static void linux_sees_every_shape_where_kvm_is_nested_in_an_emulator(void **state)
{
	struct x86_cpuid host;

	(void)state;
	HOST(&host, host_emulated);
	check_shapes(&host, AMD);
	check_shapes(&host, AMD_WITHOUT_LEVELS);
	host_find(&host, 1)->eax = 0x00000663; /* QEMU 10: family 6 */
	check_shapes(&host, AMD);
}

static void linux_sees_every_shape_on_a_hygon_host(void **state)
{
	struct x86_cpuid host;

	(void)state;
	HOST(&host, host_amd);
	host_set_vendor(&host, "HygonGenuine");
	host_find(&host, 1)->eax = 0x00900f01;
	check_shapes(&host, AMD);
}

static void linux_sees_the_shape_on_a_zhaoxin_host(void **state)
{
	static const char *const names[] = { "CentaurHauls", "  Shanghai  " };
	struct x86_cpuid host;

	(void)state;
	for (size_t n = 0; n < 2; n++) {
		HOST(&host, host_intel);
		host_set_vendor(&host, names[n]);
		for (unsigned i = 0; i < NR_SHAPES; i++) {
			struct kt_topology t = shape(all_shapes[i]);

			/* Linux knows only leaves 1 and 4 of these CPUs: 8 bits of id, 6 of cores. */
			if (x86_apic_id_max(&t) <= 0xff && t.cores <= 64)
				check_shape(&host, all_shapes[i], ZHAOXIN);
		}
	}
}

static void an_unknown_vendor_gets_both_descriptions(void **state)
{
	struct x86_cpuid host;

	(void)state;
	HOST(&host, host_amd);
	host_set_vendor(&host, "PvmPvmPvmPvm");
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		check_shape(&host, all_shapes[i], INTEL);
		check_shape(&host, all_shapes[i], AMD);
	}
}

/* ---- what else is in it ---- */

static void nothing_of_the_hosts_own_shape_or_counters_is_left(void **state)
{
	static const uint32_t absent[] = { 0x5,  0xa,        0xf,        0x10,       0x12,
					   0x1a, 0x8000000a, 0x8000001f, 0x80000022, 0x80000026 };
	struct kt_topology t = shape("1n2l2c2t");
	struct x86_cpuid_opts o = { .topology = &t };
	struct x86_cpuid host, c;

	(void)state;
	for (unsigned h = 0; h < 3; h++) {
		if (h == 0)
			HOST(&host, host_intel);
		else if (h == 1)
			HOST(&host, host_amd);
		else
			HOST(&host, host_emulated);
		make(&host, &o, 5, &c);
		for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
			struct kvm_cpuid_entry2 l = cpuid(&c, absent[i], 0);

			assert_int_equal(l.eax | l.ebx | l.ecx | l.edx, 0);
		}
		/* MONITOR VMX SMX EST TM2 PDCM */
		assert_int_equal(cpuid(&c, 1, 0).ecx & 0x000081e8, 0);
		assert_int_equal(cpuid(&c, 6, 0).eax, h == 2 ? 0 : 4);
		assert_int_equal(cpuid(&c, 7, 0).ebx & 0x9004, 0); /* SGX, RDT */
		/* SVM, IBS, counters */
		assert_int_equal(cpuid(&c, 0x80000001, 0).ecx & 0x11800404, 0);
		/* the caches are ours: 32 KiB, 32 KiB, 512 KiB, 16 MiB */
		assert_int_equal(cpuid(&c, 0x80000006, 0).ecx >> 16, 512);
	}
}

static void every_leaf_is_there_once_and_the_rest_is_kvms(void **state)
{
	static const uint32_t kept[] = { 0x2, 0xd, 0x80000002, 0x80000007, 0x80000021, 0x40000000 };
	struct kt_topology t = shape("1n2l2c2t");
	struct x86_cpuid_opts o = { .topology = &t };
	struct x86_cpuid host, c;

	(void)state;
	for (unsigned h = 0; h < 2; h++) {
		if (h == 0)
			HOST(&host, host_intel);
		else
			HOST(&host, host_amd);
		make(&host, &o, 3, &c);
		for (uint32_t i = 0; i < c.nr; i++) {
			for (uint32_t k = 0; k < i; k++)
				assert_false(c.e[i].function == c.e[k].function &&
					     c.e[i].index == c.e[k].index);
		}
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
			for (uint32_t sub = 0; sub < 3; sub++) {
				struct kvm_cpuid_entry2 a = cpuid(&c, kept[i], sub);
				struct kvm_cpuid_entry2 b = cpuid(&host, kept[i], sub);

				assert_memory_equal(&a, &b, sizeof(a));
			}
		}
	}
}

static void options_are_what_they_say(void **state)
{
	struct kt_topology t = shape("1n2l2c2t"), single = shape("1n4l1c1t");
	struct x86_cpuid_opts none = { .topology = &t }, alone = { .topology = &single };
	struct x86_cpuid_opts all = {
		.topology = &t, .realtime = true, .extended_dest_id = true, .tsc_deadline = true
	};
	struct x86_cpuid host, c;

	(void)state;
	HOST(&host, host_intel);
	make(&host, &none, 0, &c);
	assert_int_equal(cpuid(&c, 1, 0).ecx >> 24 & 1, 0);
	assert_int_equal(cpuid(&c, 1, 0).ecx >> 21 & 1, 1);
	assert_int_equal(cpuid(&c, 1, 0).ecx >> 31, 1);
	assert_int_equal(cpuid(&c, 1, 0).edx >> 28 & 1, 1);
	assert_int_equal(cpuid(&c, 0x40000001, 0).eax, 0x01007efb & ~(1 << 15));
	assert_int_equal(cpuid(&c, 0x40000001, 0).edx, 0);
	make(&host, &all, 0, &c);
	assert_int_equal(cpuid(&c, 1, 0).ecx >> 24 & 1, 1);
	assert_int_equal(cpuid(&c, 0x40000001, 0).eax, 0x01007efb | 1 << 15);
	assert_int_equal(cpuid(&c, 0x40000001, 0).edx, 1);
	make(&host, &alone, 0, &c);
	assert_int_equal(cpuid(&c, 1, 0).edx >> 28 & 1, 0);
}

static void leaf_0x1f_says_what_leaf_0xb_does_where_it_is_in_range(void **state)
{
	struct kt_topology t = shape("1n2l3c2t");
	struct x86_cpuid_opts o = { .topology = &t };
	struct x86_cpuid host, c;

	(void)state;
	HOST(&host, host_intel);
	make(&host, &o, 9, &c);
	for (uint32_t sub = 0; sub < 3; sub++) {
		struct kvm_cpuid_entry2 a = cpuid(&c, 0xb, sub), b = cpuid(&c, 0x1f, sub);

		b.function = 0xb;
		assert_memory_equal(&a, &b, sizeof(a));
		assert_int_equal(b.edx, 8 + 3);
	}
	host_find(&host, 0)->eax = 0x1e;
	make(&host, &o, 9, &c);
	assert_int_equal(cpuid(&c, 0x1f, 0).ebx, 0);
}

static void a_set_that_lacks_something_or_is_too_long_is_refused(void **state)
{
	struct kt_topology t = shape("1n2l2c2t");
	struct x86_cpuid_opts o = { .topology = &t, .extended_dest_id = true };
	struct kt_err e = { 0 };
	struct x86_cpuid host, c;

	(void)state;
	HOST(&host, host_intel);
	host_find(&host, 0x40000001)->function = 0x40000002;
	assert_int_equal(x86_cpuid_make(&host, &o, 0, &c, &e), -ENOTSUP);
	assert_non_null(strstr(unit_err_text(&e), "KVM_GET_SUPPORTED_CPUID has no leaf 0x40000001, "
						  "which APIC ids above 254 need"));

	HOST(&host, host_intel);
	host_find(&host, 1)->function = 0x3;
	e = (struct kt_err){ 0 };
	assert_int_equal(x86_cpuid_make(&host, &o, 0, &c, &e), -ENOTSUP);
	assert_non_null(strstr(unit_err_text(&e), "KVM_GET_SUPPORTED_CPUID has no leaf 0x1"));
	assert_int_equal(e.kind, KT_E_HOST);

	HOST(&host, host_emulated);
	while (host.nr < X86_CPUID_MAX) {
		host.e[host.nr] = (struct kvm_cpuid_entry2){ .function = 0xd,
							     .index = host.nr,
							     .flags = SUBLEAF };
		host.nr++;
	}
	e = (struct kt_err){ 0 };
	assert_int_equal(x86_cpuid_make(&host, &o, 0, &c, &e), -E2BIG);
	assert_non_null(strstr(unit_err_text(&e), "CPUID entries, at most 256"));
}

/* ---- /dev/kvm ---- */

static int open_kvm(struct x86_cpuid *ret)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	*ret = (struct x86_cpuid){ .nr = X86_CPUID_MAX };
	if (fd < 0)
		unit_require("kvm-small", "cannot open /dev/kvm");
	if (ioctl(fd, KVM_GET_SUPPORTED_CPUID, ret) < 0)
		fail_msg("KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
	return fd;
}

static void linux_sees_every_shape_on_this_host(void **state)
{
	struct x86_cpuid host;
	kt_auto(fd) int fd = open_kvm(&host);
	uint32_t vendor = host_find(&host, 0)->ebx;

	(void)state;
	check_shapes(&host, vendor == 0x756e6547 /* "Genu" */ ? INTEL : AMD);
}

/* A vCPU of that APIC id takes its leaves and gives them back. */
static void check_vcpu(int vm, const struct x86_cpuid *host, const struct kt_topology *t,
		       unsigned cpu)
{
	const struct x86_cpuid_opts o = { .topology = t, .tsc_deadline = true };
	kt_auto(fd) int fd = ioctl(vm, KVM_CREATE_VCPU, (unsigned long)x86_apic_id(t, cpu));
	struct x86_cpuid c, back = { .nr = X86_CPUID_MAX };

	assert_true(fd >= 0);
	make(host, &o, cpu, &c);
	assert_int_equal(ioctl(fd, KVM_SET_CPUID2, &c), 0);
	assert_int_equal(ioctl(fd, KVM_GET_CPUID2, &back), 0);
	assert_int_equal(cpuid(&back, 0xb, 1).edx, x86_apic_id(t, cpu));
	assert_int_equal(cpuid(&back, 0xb, 1).ebx, t->cores * t->threads);
	assert_int_equal(back.nr, c.nr);
}

static void kvm_takes_the_leaves_of_small_and_large_machines(void **state)
{
	static const char *const names[] = { "1n1l1c1t", "2n8l8c2t", "1n14l9c2t", "1n252l1c1t" };
	struct x86_cpuid host;
	kt_auto(fd) int kvm = open_kvm(&host);

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		kt_auto(fd) int vm = ioctl(kvm, KVM_CREATE_VM, 0);
		struct kt_topology t = shape(names[i]);
		struct kvm_enable_cap wide = {
			.cap = KVM_CAP_X2APIC_API,
			.args = { KVM_X2APIC_API_USE_32BIT_IDS |
				  KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK },
		};

		assert_true(vm >= 0);
		assert_int_equal(ioctl(vm, KVM_ENABLE_CAP, &wide), 0);
		assert_int_equal(ioctl(vm, KVM_CREATE_IRQCHIP, 0), 0);
		check_vcpu(vm, &host, &t, 0);
		if (kt_topo_nr_cpus(&t) > 1)
			check_vcpu(vm, &host, &t, kt_topo_nr_cpus(&t) - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linux_sees_every_shape_on_an_intel_host),
		cmocka_unit_test(linux_sees_every_shape_on_an_amd_host),
		cmocka_unit_test(linux_sees_every_shape_where_kvm_is_nested_in_an_emulator),
		cmocka_unit_test(linux_sees_every_shape_on_a_hygon_host),
		cmocka_unit_test(linux_sees_the_shape_on_a_zhaoxin_host),
		cmocka_unit_test(an_unknown_vendor_gets_both_descriptions),
		cmocka_unit_test(nothing_of_the_hosts_own_shape_or_counters_is_left),
		cmocka_unit_test(every_leaf_is_there_once_and_the_rest_is_kvms),
		cmocka_unit_test(options_are_what_they_say),
		cmocka_unit_test(leaf_0x1f_says_what_leaf_0xb_does_where_it_is_in_range),
		cmocka_unit_test(a_set_that_lacks_something_or_is_too_long_is_refused),
		cmocka_unit_test(linux_sees_every_shape_on_this_host),
		cmocka_unit_test(kvm_takes_the_leaves_of_small_and_large_machines),
	};

	return cmocka_run_group_tests_name("vmm_cpuid", tests, NULL, NULL);
}
