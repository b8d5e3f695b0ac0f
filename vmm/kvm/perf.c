/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Performance mode: the host's CPUs and memory held still for the guest. Nothing here is an error: what the host refuses
 * becomes a note, which says what the run's timings are worth then.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/kvm/internal.h"

#define WORTH "; timings will vary more"

enum { FIFO_PRIORITY = 1, NODE_MASK_BITS = 1024 };

/* ---- notes ---- */

/* Without memory for the text, there is no note: the run goes on as it would. */
static void __attribute__((format(printf, 2, 3))) note(struct kvm_perf *p, const char *fmt, ...)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	kt_buf_vaddf(&b, fmt, ap);
	va_end(ap);
	if (kt_buf_ok(&b))
		(void)kt_strv_add(&p->notes, kt_buf_str(&b));
}

/* @text: for this vCPU alone, or for all that were refused; takes it. One note as long as the error is the same. */
static void note_refusal(struct kvm_perf *p, struct kvm_refusal *r, int error, char *text)
{
	if (!text)
		return;
	if (r->nr > 1) {
		free(p->notes.v[r->note]);
		p->notes.v[r->note] = text;
		return;
	}
	r->error = error;
	r->note = p->notes.nr;
	if (kt_strv_add(&p->notes, text) < 0)
		r->nr = 0;
	free(text);
}

/* Returns how many were refused with the same error by now. */
static unsigned count_refusal(struct kvm_refusal *r, int error)
{
	if (r->nr && r->error != error)
		r->nr = 0; /* a note of its own */
	return ++r->nr;
}

/* ---- which CPUs ---- */

static void to_cpu_set(const struct kt_cpuset *s, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	for (unsigned cpu = 0; cpu < KT_CPUS_MAX && cpu < CPU_SETSIZE; cpu++) {
		if (kt_cpuset_has(s, cpu))
			CPU_SET(cpu, ret);
	}
}

/* 0 or -errno: a host with more CPUs than KT_CPUS_MAX has EINVAL (sched_getaffinity(2)). */
static int allowed_cpus(struct kt_cpuset *ret)
{
	cpu_set_t set;

	*ret = (struct kt_cpuset){ 0 };
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -errno;
	for (unsigned cpu = 0; cpu < KT_CPUS_MAX && cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &set))
			kt_cpuset_add(ret, cpu);
	}
	return 0;
}

/*
 * Linux before 6.12 stops real-time threads on every CPU for what sched_rt_runtime_us leaves of each period, 50 ms of a
 * second by default, idle or not (Documentation/scheduler/sched-rt-group.rst): worse than what SCHED_FIFO is to prevent.
 * From 6.12 on, ordinary threads get that time only where some wait (kernel/sched/deadline.c, fair_server). Either of two
 * things that came with 6.12 shows it. *ret_us: the limit; -1: none.
 */
static bool real_time_is_steady(int64_t *ret_us)
{
	char text[32];

	*ret_us = -1;
	if (kt_file_read_small("/proc/sys/kernel/sched_rt_runtime_us", text, sizeof(text)) <= 0 ||
	    kt_parse_i64(text, ret_us) < 0 || *ret_us < 0)
		return true;
	return access("/sys/kernel/debug/sched/fair_server", F_OK) == 0 ||
	       access("/sys/kernel/sched_ext", F_OK) == 0;
}

static void note_placement(struct kvm_perf *p, const struct kt_topology *t, unsigned nr_host_cpus)
{
	const struct kvm_placement *where = &p->place;
	int64_t us;

	if (!where->pinned) {
		note(p,
		     "%u vCPUs and %u host CPUs: no vCPU is pinned or has real-time priority" WORTH,
		     p->nr_vcpus, nr_host_cpus);
		return;
	}
	if (!where->spare)
		note(p,
		     "no host CPU to spare: vCPU %u shares its own with the machine's other work" WORTH,
		     p->nr_vcpus - 1);
	if (where->llcs_split)
		note(p, "%u of %u LLCs are spread over several of the host's" WORTH,
		     where->llcs_split, t->nr_llcs);
	if (where->llcs_together)
		note(p, "%u of %u LLCs share one of the host's with others" WORTH,
		     where->llcs_together, t->nr_llcs);
	p->real_time = real_time_is_steady(&us);
	if (!p->real_time)
		note(p,
		     "no real-time priority: this host takes it away for a while in every second "
		     "(kernel.sched_rt_runtime_us is %lld; -1 never does)" WORTH,
		     (long long)us);
}

void kvm_perf_plan(const struct kt_topology *t, bool on, struct kvm_perf *ret)
{
	kt_auto(mem) struct kvm_host *host = NULL;
	int r;

	*ret = (struct kvm_perf){ .on = on, .nr_vcpus = kt_topo_nr_cpus(t) };
	if (!on)
		return;
	host = calloc(1, sizeof(*host));
	r = host ? allowed_cpus(&ret->allowed) : -ENOMEM;
	if (r < 0) {
		note(ret, "cannot ask for this host's CPUs: %s" WORTH, strerror(-r));
		return;
	}
	kvm_host_read("/sys", &ret->allowed, t->threads, host);
	kvm_place(host, t, &ret->place);
	ret->pinned = ret->place.pinned;
	note_placement(ret, t, host->nr_cpus);
}

void kvm_perf_done(struct kvm_perf *p)
{
	cpu_set_t set;

	if (p->moved) {
		to_cpu_set(&p->allowed, &set);
		(void)sched_setaffinity(0, sizeof(set), &set); /* as good as it gets */
		p->moved = false;
	}
	kt_strv_done(&p->notes);
}

/* ---- memory ---- */

/* What a host node has free, of ordinary or of huge pages; UINT64_MAX: not said. */
static uint64_t free_bytes(unsigned node, enum vm_ram_kind kind)
{
	char path[128], text[4096];
	uint64_t nr;
	char *at;

	if (kind == VM_RAM_HUGETLB) {
		(void)kt_snprintf(
			path, sizeof(path),
			"/sys/devices/system/node/node%u/hugepages/hugepages-2048kB/free_hugepages",
			node); /* fits */
		if (kt_file_read_small(path, text, sizeof(text)) <= 0 ||
		    kt_parse_u64(text, &nr) < 0)
			return UINT64_MAX;
		return nr * 2 * VM_MIB;
	}
	(void)kt_snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/meminfo", node);
	if (kt_file_read_small(path, text, sizeof(text)) <= 0)
		return UINT64_MAX;
	at = strstr(text, "MemFree:");
	if (!at)
		return UINT64_MAX;
	at += strlen("MemFree:");
	at += strspn(at, " ");
	at[strcspn(at, " ")] = '\0';
	return kt_parse_u64(at, &nr) < 0 ? UINT64_MAX : nr * VM_KIB;
}

/*
 * Preferred, not bound: where the node is full, a bound guest would be killed for want of memory, or by SIGBUS for want of
 * huge pages (mbind(2), Documentation/admin-guide/mm/hugetlbpage.rst).
 */
static void prefer_node(struct kvm_perf *p, struct vm_memory *m, unsigned n, unsigned host_node)
{
	uint64_t bytes = vm_ram_mapped_bytes(m, n);
	unsigned long mask[NODE_MASK_BITS / (8 * sizeof(unsigned long))] = { 0 };
	const unsigned bits = 8 * sizeof(unsigned long);

	if (host_node >= NODE_MASK_BITS)
		return;
	mask[host_node / bits] = 1UL << host_node % bits;
	if (syscall(SYS_mbind, m->map[n], bytes, MPOL_PREFERRED, mask, NODE_MASK_BITS + 1, 0) < 0)
		note(p, "cannot put memory of node %u on host node %u: %s" WORTH, n, host_node,
		     strerror(errno));
	else if (free_bytes(host_node, m->kind) < bytes)
		note(p, "memory of node %u is more than host node %u has free" WORTH, n, host_node);
}

void kvm_perf_memory(struct kvm_perf *p, struct vm_memory *m, const struct kt_topology *t)
{
	if (!p->on)
		return;
	if (m->kind != VM_RAM_HUGETLB)
		note(p,
		     "no %llu MiB of huge pages in the host's pool (vm.nr_hugepages): memory is in "
		     "ordinary pages" WORTH,
		     (unsigned long long)(m->layout.total_bytes / VM_MIB));
	if (!p->pinned || p->place.nr_host_nodes < 2)
		return;
	for (unsigned n = 0; n < t->nr_nodes; n++)
		prefer_node(p, m, n, p->place.host_node[n]);
}

/* ---- KVM ---- */

/* Documentation/virt/kvm/api.rst 7.13, KVM_CAP_X86_DISABLE_EXITS: before the first vCPU. */
void kvm_perf_vm(struct kvm_perf *p, int vm_fd, const struct kvm_caps *caps)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_DISABLE_EXITS,
		.args = { caps->disable_exits &
			  (KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE) },
	};

	/* A vCPU that idles inside keeps its host CPU from others. */
	if (!p->on || !p->pinned || !p->place.spare)
		return;
	if (!(cap.args[0] & KVM_X86_DISABLE_EXITS_HLT))
		note(p, "this host's KVM has every vCPU leave the guest to idle "
			"(KVM_CAP_X86_DISABLE_EXITS)" WORTH);
	if (cap.args[0] && ioctl(vm_fd, KVM_ENABLE_CAP, &cap) < 0)
		note(p, "cannot let vCPUs idle inside the guest: %s" WORTH, strerror(errno));
}

/* api.rst 7.21, KVM_CAP_HALT_POLL: args[0] is nanoseconds. */
void kvm_halt_polling(int vm_fd, unsigned nr_vcpus, const struct kvm_caps *caps)
{
	struct kvm_enable_cap none = { .cap = KVM_CAP_HALT_POLL };
	struct kt_cpuset cpus;

	if (!caps->halt_poll || allowed_cpus(&cpus) < 0 || nr_vcpus <= kt_cpuset_count(&cpus))
		return; /* the host's own: to poll is to have the CPU at hand */
	(void)ioctl(vm_fd, KVM_ENABLE_CAP, &none); /* a vCPU then polls while another waits */
}

/* ---- threads ---- */

static bool pin(struct kvm_perf *p, pthread_t thread, unsigned vcpu)
{
	unsigned cpu = p->place.host_cpu[vcpu], nr;
	struct kt_cpuset one = { 0 };
	cpu_set_t set;
	int error;

	kt_cpuset_add(&one, cpu);
	to_cpu_set(&one, &set);
	error = pthread_setaffinity_np(thread, sizeof(set), &set);
	if (!error)
		return true;
	nr = count_refusal(&p->no_pin, error);
	note_refusal(p, &p->no_pin, error,
		     nr == 1 ? kt_fmt("cannot pin vCPU %u to CPU %u: %s" WORTH, vcpu, cpu,
				      strerror(error))
			     : kt_fmt("cannot pin %u vCPUs: %s" WORTH, nr, strerror(error)));
	return false;
}

static void make_real_time(struct kvm_perf *p, pthread_t thread, unsigned vcpu)
{
	const struct sched_param param = { .sched_priority = FIFO_PRIORITY };
	int error = pthread_setschedparam(thread, SCHED_FIFO, &param);
	const char *how = error == EPERM ? " (CAP_SYS_NICE or `ulimit -r 1` allows it)" : "";
	unsigned nr;

	if (!error)
		return;
	nr = count_refusal(&p->no_fifo, error);
	note_refusal(p, &p->no_fifo, error,
		     nr == 1 ? kt_fmt("cannot give vCPU %u real-time priority: %s%s" WORTH, vcpu,
				      strerror(error), how)
			     : kt_fmt("cannot give %u vCPUs real-time priority: %s%s" WORTH, nr,
				      strerror(error), how));
}

void kvm_perf_thread(struct kvm_perf *p, pthread_t thread, unsigned vcpu)
{
	bool last = vcpu + 1 == p->nr_vcpus, shares = last && !p->place.spare;
	cpu_set_t set;

	if (!p->on || !p->pinned)
		return;
	if (pin(p, thread, vcpu) && p->real_time && !shares)
		make_real_time(p, thread, vcpu);
	if (!last)
		return;
	to_cpu_set(&p->place.own, &set);
	p->moved = sched_setaffinity(0, sizeof(set), &set) == 0;
}
