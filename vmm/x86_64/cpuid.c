/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What CPUID answers, CPU by CPU: what KVM can, less what has no place in this machine, and our shape instead of the
 * host's. Leaves and fields: Intel SDM volume 2A "CPUID", AMD APM volume 3 appendix E; who reads them: Linux 6.12,
 * arch/x86/kernel/cpu/{topology_ext,topology_amd,topology_common,cacheinfo}.c.
 */
#include <errno.h>
#include <string.h>

#include "vmm/x86_64/x86.h"

#define BIT(n) (UINT32_C(1) << (n))

enum {
	KVM_SIGNATURE_LEAF = 0x40000000, /* Documentation/virt/kvm/x86/cpuid.rst */
	KVM_FEATURE_LEAF = 0x40000001,
	KVM_MSI_EXT_DEST_ID = 15, /* EAX */
	KVM_HINT_REALTIME = 0, /* EDX */
	LAST_BASIC_NEEDED = 0xb,
	LAST_AMD_NEEDED = 0x1e, /* 0x8000001e */
};

/* Whose leaves a CPU is described by. Neither Intel nor AMD: both, each kernel reads what it knows. */
struct vendor {
	char name[13];
	bool intel, amd;
};
static const struct vendor vendors[] = {
	{ "GenuineIntel", true, false }, { "CentaurHauls", true, false },
	{ "  Shanghai  ", true, false }, { "AuthenticAMD", false, true },
	{ "HygonGenuine", false, true },
};
static const struct vendor other_vendor = { "", true, true };

/*
 * The same on every host, so that a test that looks at cache sizes sees the same everywhere. Who shares them is what
 * matters: the last one is the package's, the others the core's.
 */
struct cache {
	unsigned level;
	enum { CACHE_DATA = 1, CACHE_CODE, CACHE_BOTH } type;
	unsigned ways, sets;
};
static const struct cache caches[] = {
	{ 1, CACHE_DATA, 8, 64 },
	{ 1, CACHE_CODE, 8, 64 },
	{ 2, CACHE_BOTH, 8, 1024 },
	{ 3, CACHE_BOTH, 16, 16384 },
};
enum { L1D, L1I, L2, L3, NR_CACHES, CACHE_LINE = 64 };

struct making {
	const struct x86_cpuid_opts *o;
	const struct vendor *vendor;
	unsigned family, model;
	unsigned cpu;
	unsigned package_cpus; /* that are there, not that could be */
	unsigned core_shift, package_shift;
	uint32_t apic_id;
	struct x86_cpuid *out;
	unsigned lost; /* entries that did not fit */
};

/* ---- the set of entries ---- */

static bool has_leaf(const struct x86_cpuid *c, uint32_t leaf)
{
	for (uint32_t i = 0; i < c->nr; i++) {
		if (c->e[i].function == leaf)
			return true;
	}
	return false;
}

/* Zeros, as KVM would answer, when it is not there. */
static struct kvm_cpuid_entry2 leaf_of(const struct x86_cpuid *c, uint32_t leaf)
{
	for (uint32_t i = 0; i < c->nr; i++) {
		if (c->e[i].function == leaf)
			return c->e[i];
	}
	return (struct kvm_cpuid_entry2){ 0 };
}

static void put(struct making *m, const struct kvm_cpuid_entry2 *entry)
{
	if (m->out->nr < X86_CPUID_MAX)
		m->out->e[m->out->nr++] = *entry;
	else
		m->lost++;
}

/*
 * Leaves that are made here, or not there at all. KVM answers zeros for what it was not given (arch/x86/kvm/cpuid.c,
 * kvm_cpuid()), and zeros mean "nothing of that kind" in each of these.
 */
static bool is_left_out(uint32_t leaf)
{
	static const uint32_t left_out[] = {
		0x4,
		0xb,
		0x1f,
		0x8000001d,
		0x8000001e, /* below */
		0x5, /* MONITOR: the guest must not stop a host CPU */
		/*
		 * Counters (with 0x80000022, and bits of other leaves below): programming them costs exits at each
		 * boot, their overflows and the host's own use of them disturb timings, and the emulator has none,
		 * so a test that needs them would not run everywhere.
		 */
		0xa,
		0x1c,
		0x23,
		0x80000022,
		0x8000001b,
		0xf,
		0x10,
		0x80000020, /* cache allocation and monitoring: of the host's caches */
		0x1a, /* kinds of cores of a hybrid CPU */
		0x12,
		0x8000000a,
		0x8000001f, /* enclaves and guests of the guest */
		/*
		 * Linux believes it before 0xb. It knows more levels (core complexes, dies), which there are
		 * none of.
		 */
		0x80000026,
	};

	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
		if (left_out[i] == leaf)
			return true;
	}
	return false;
}

static bool is_there(const struct x86_cpuid *c, const struct kvm_cpuid_entry2 *entry)
{
	for (uint32_t i = 0; i < c->nr; i++) {
		if (c->e[i].function == entry->function &&
		    (c->e[i].index == entry->index ||
		     !(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return true;
	}
	return false;
}

static void copy_rest(struct making *m, const struct x86_cpuid *supported)
{
	for (uint32_t i = 0; i < supported->nr && i < X86_CPUID_MAX; i++) {
		const struct kvm_cpuid_entry2 *entry = &supported->e[i];

		if (!is_left_out(entry->function) && !is_there(m->out, entry))
			put(m, entry);
	}
}

/* ---- what the CPU is ---- */

static const struct vendor *vendor_of(const struct x86_cpuid *c)
{
	const struct kvm_cpuid_entry2 l = leaf_of(c, 0x0);
	char name[12];

	memcpy(name, &l.ebx, 4);
	memcpy(name + 4, &l.edx, 4);
	memcpy(name + 8, &l.ecx, 4);
	for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++) {
		if (memcmp(vendors[i].name, name, sizeof(name)) == 0)
			return &vendors[i];
	}
	return &other_vendor;
}

/* Family and model as both vendors count them. */
static void identify(struct making *m, uint32_t eax)
{
	m->family = eax >> 8 & 0xf;
	m->model = eax >> 4 & 0xf;
	if (m->family == 0x6 || m->family == 0xf)
		m->model |= eax >> 12 & 0xf0;
	if (m->family == 0xf)
		m->family += eax >> 20 & 0xff;
}

/*
 * Linux takes bits 3 and up of the APIC id for the last-level cache of these (cacheinfo_amd_init_llc_id(),
 * cacheinfo_hygon_init_llc_id()): of the first Zen, core complexes are always four cores wide. Without an L3 in leaf
 * 0x80000006 it takes the package, which is what ours is.
 */
static bool has_llc_of_four_cores(const struct making *m)
{
	return (m->family == 0x17 && m->model <= 0x1f) || m->family == 0x18;
}

/* ---- features ---- */

static void set_bit(uint32_t *reg, unsigned bit, bool on)
{
	*reg = on ? *reg | BIT(bit) : *reg & ~BIT(bit);
}

static void edit_leaf_1(struct making *m, struct kvm_cpuid_entry2 *l)
{
	/* Intel wants the ids that a package has room for, AMD the CPUs. Eight bits are all there is. */
	unsigned count = m->vendor->intel ? 1U << m->package_shift : m->package_cpus;

	l->ebx &= 0xffff; /* brand, CLFLUSH */
	l->ebx |= (count > 0xff ? 0xff : count) << 16 | (m->apic_id & 0xff) << 24;
	set_bit(&l->edx, 28, m->package_cpus > 1); /* HTT: the count above is valid */
	set_bit(&l->ecx, 3, false); /* MONITOR */
	set_bit(&l->ecx, 5, false); /* VMX */
	set_bit(&l->ecx, 6, false); /* SMX */
	set_bit(&l->ecx, 7, false); /* EST: speeds are the host's to choose */
	set_bit(&l->ecx, 8, false); /* TM2 */
	set_bit(&l->ecx, 15, false); /* PDCM: counters */
	set_bit(&l->ecx, 21, true); /* x2APIC, which KVM always has */
	set_bit(&l->ecx, 24, m->o->tsc_deadline);
	set_bit(&l->ecx, 31, true); /* a hypervisor: Linux looks for KVM's leaves */
}

/* Of leaf 6 only: the APIC timer runs in every idle state. Anything else there is about the host's speed and heat. */
static void edit_leaf_6(struct kvm_cpuid_entry2 *l)
{
	l->eax = BIT(2);
	l->ebx = l->ecx = l->edx = 0;
}

static void edit_leaf_7(struct kvm_cpuid_entry2 *l)
{
	if (l->index != 0)
		return;
	set_bit(&l->ebx, 2, false); /* SGX */
	set_bit(&l->ebx, 12, false); /* cache monitoring, leaf 0xf */
	set_bit(&l->ebx, 15, false); /* cache allocation, leaf 0x10 */
	set_bit(&l->ecx, 30, false); /* SGX's launch control */
	set_bit(&l->edx, 15, false); /* hybrid */
	set_bit(&l->edx, 19, false); /* branch records, leaf 0x1c */
}

static void edit_leaf_80000001(struct making *m, struct kvm_cpuid_entry2 *l)
{
	if (!m->vendor->amd)
		return;
	set_bit(&l->ecx, 1, m->package_cpus > 1); /* CmpLegacy: the count in leaf 1 is of CPUs */
	set_bit(&l->ecx, 2, false); /* SVM */
	set_bit(&l->ecx, 10, false); /* instruction sampling, leaf 0x8000001b */
	set_bit(&l->ecx, 22, true); /* leaves 0x8000001d and 0x8000001e are there */
	set_bit(&l->ecx, 23, false); /* counters of cores, */
	set_bit(&l->ecx, 24, false); /* of the northbridge, */
	set_bit(&l->ecx, 28, false); /* of the last-level cache */
}

/* Bits 7:0: CPUs of a package less one; bits 15:12: bits of an APIC id that tell them apart. */
static void edit_leaf_80000008(struct making *m, struct kvm_cpuid_entry2 *l)
{
	if (m->vendor->amd)
		l->ecx = (m->package_cpus - 1) | m->package_shift << 12;
}

static unsigned cache_kib(const struct cache *c)
{
	return c->ways * c->sets * CACHE_LINE / 1024;
}

/* The older cache leaves say the same as the newer ones. L1 and L3 are there only for AMD. */
static void edit_leaf_80000005(struct making *m, struct kvm_cpuid_entry2 *l)
{
	if (!m->vendor->amd)
		return;
	l->ecx = cache_kib(&caches[L1D]) << 24 | caches[L1D].ways << 16 | 1 << 8 | CACHE_LINE;
	l->edx = cache_kib(&caches[L1I]) << 24 | caches[L1I].ways << 16 | 1 << 8 | CACHE_LINE;
}

static void edit_leaf_80000006(struct making *m, struct kvm_cpuid_entry2 *l)
{
	enum { WAYS_8 = 6, WAYS_16 = 8 }; /* as both vendors encode them */

	l->ecx = cache_kib(&caches[L2]) << 16 | WAYS_8 << 12 | 1 << 8 | CACHE_LINE;
	if (!m->vendor->amd)
		return;
	l->edx = has_llc_of_four_cores(m)
			 ? 0
			 : cache_kib(&caches[L3]) / 512 << 18 | WAYS_16 << 12 | 1 << 8 | CACHE_LINE;
}

static void edit_kvm_features(struct making *m, struct kvm_cpuid_entry2 *l)
{
	set_bit(&l->eax, KVM_MSI_EXT_DEST_ID, m->o->extended_dest_id);
	set_bit(&l->edx, KVM_HINT_REALTIME, m->o->realtime);
}

static void edit(struct making *m, struct kvm_cpuid_entry2 *l)
{
	switch (l->function) {
	case 0x0:
		if (l->eax < LAST_BASIC_NEEDED)
			l->eax = LAST_BASIC_NEEDED;
		break;
	case 0x1:
		edit_leaf_1(m, l);
		break;
	case 0x6:
		edit_leaf_6(l);
		break;
	case 0x7:
		edit_leaf_7(l);
		break;
	case KVM_FEATURE_LEAF:
		edit_kvm_features(m, l);
		break;
	case 0x80000000:
		if (m->vendor->amd && l->eax < UINT32_C(0x80000000) + LAST_AMD_NEEDED)
			l->eax = UINT32_C(0x80000000) + LAST_AMD_NEEDED;
		break;
	case 0x80000001:
		edit_leaf_80000001(m, l);
		break;
	case 0x80000005:
		edit_leaf_80000005(m, l);
		break;
	case 0x80000006:
		edit_leaf_80000006(m, l);
		break;
	case 0x80000008:
		edit_leaf_80000008(m, l);
		break;
	default:
		break;
	}
}

/* ---- shape ---- */

/*
 * Leaves 0x4 and 0x8000001d are the same but for the cores of a package, which only the first has. Ids, not CPUs, are
 * counted: Linux rounds up to a power of two where it compares ids by a shift, but not where it divides
 * (__cache_amd_cpumap_setup()).
 */
static void put_caches(struct making *m, uint32_t leaf, uint32_t more_eax)
{
	for (unsigned i = 0; i <= NR_CACHES; i++) {
		struct kvm_cpuid_entry2 l = {
			.function = leaf,
			.index = i,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		};
		unsigned shift = i == L3 ? m->package_shift : m->core_shift;

		if (i < NR_CACHES) {
			l.eax = caches[i].type | caches[i].level << 5 | BIT(8) |
				((1U << shift) - 1) << 14 | more_eax;
			l.ebx = (CACHE_LINE - 1) | (caches[i].ways - 1) << 22;
			l.ecx = caches[i].sets - 1;
		}
		put(m, &l);
	}
}

/* Bits 31:26 of leaf 4's EAX: core ids of a package less one, 64 at most. Only for who does not read leaf 0xb (Zhaoxin's in Linux). */
static uint32_t core_ids(const struct making *m)
{
	unsigned ids = 1U << (m->package_shift - m->core_shift);

	return ((ids > 64 ? 64 : ids) - 1) << 26;
}

/* Leaves 0xb and 0x1f: threads of a core, CPUs of a package, the end. */
static void put_levels(struct making *m, uint32_t leaf)
{
	const struct kvm_cpuid_entry2 level[] = {
		{ .eax = m->core_shift, .ebx = m->o->topology->threads, .ecx = 1 << 8 },
		{ .eax = m->package_shift, .ebx = m->package_cpus, .ecx = 2 << 8 },
		{ 0 },
	};

	for (unsigned i = 0; i < sizeof(level) / sizeof(level[0]); i++) {
		struct kvm_cpuid_entry2 l = level[i];

		l.function = leaf;
		l.index = i;
		l.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		l.ecx |= i;
		l.edx = m->apic_id;
		put(m, &l);
	}
}

/* One "node" (die) a package; its number is the package's, as Linux makes it the id of family 16h's and older LLC. */
static void put_amd_ids(struct making *m)
{
	const struct kt_topology *t = m->o->topology;
	const struct kvm_cpuid_entry2 l = {
		.function = 0x8000001e,
		.eax = m->apic_id,
		.ebx = m->cpu / t->threads % t->cores | (t->threads - 1) << 8,
		.ecx = kt_topo_llc_of_cpu(t, m->cpu) & 0xff,
	};

	put(m, &l);
}

static void put_shape(struct making *m, uint32_t last_basic)
{
	if (m->vendor->intel)
		put_caches(m, 0x4, core_ids(m));
	put_levels(m, 0xb);
	if (last_basic >= 0x1f)
		put_levels(m, 0x1f);
	if (m->vendor->amd) {
		put_caches(m, 0x8000001d, 0);
		put_amd_ids(m);
	}
}

/* ---- all of it ---- */

/* What everything else here hangs on. */
static int check_supported(const struct x86_cpuid *c, const struct x86_cpuid_opts *o,
			   struct kt_err *e)
{
	static const uint32_t needed[] = { 0x0, 0x1, 0x80000000, 0x80000001 };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (!has_leaf(c, needed[i]))
			return kt_fail(e, KT_E_HOST, ENOTSUP,
				       "KVM_GET_SUPPORTED_CPUID has no leaf 0x%x", needed[i]);
	}
	if (o->extended_dest_id && !has_leaf(c, KVM_FEATURE_LEAF))
		return kt_fail(
			e, KT_E_HOST, ENOTSUP,
			"KVM_GET_SUPPORTED_CPUID has no leaf 0x%x, which APIC ids above %d need",
			KVM_FEATURE_LEAF, X86_APIC_ID_PLAIN_MAX);
	return 0;
}

int x86_cpuid_make(const struct x86_cpuid *supported, const struct x86_cpuid_opts *o, unsigned cpu,
		   struct x86_cpuid *ret, struct kt_err *e)
{
	const struct kt_topology *t = o->topology;
	struct x86_cpuid out = { 0 };
	struct making m = {
		.o = o,
		.cpu = cpu,
		.package_cpus = t->cores * t->threads,
		.core_shift = x86_apic_core_shift(t),
		.package_shift = x86_apic_package_shift(t),
		.apic_id = x86_apic_id(t, cpu),
		.out = &out,
	};
	int r;

	copy_rest(&m, supported);
	r = check_supported(&out, o, e);
	if (r < 0)
		return r;
	m.vendor = vendor_of(&out);
	identify(&m, leaf_of(&out, 0x1).eax);
	for (uint32_t i = 0; i < out.nr; i++)
		edit(&m, &out.e[i]);
	put_shape(&m, leaf_of(&out, 0x0).eax);
	if (m.lost)
		return kt_fail(e, KT_E_HOST, E2BIG, "%u CPUID entries, at most %d", out.nr + m.lost,
			       X86_CPUID_MAX);
	*ret = out;
	return 0;
}
