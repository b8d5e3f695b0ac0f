/* SPDX-License-Identifier: GPL-2.0-only */
/* Performance mode: where vCPUs go on hosts of many shapes, and what a host that refuses it is told to be worth. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cpuid_hosts.h"
#include "vmm/kvm/internal.h"

/* ---- a host of files ---- */

struct shape {
	unsigned nodes, llcs, cores, threads; /* llcs: a node; cores: an LLC */
};

static void __attribute__((format(printf, 3, 4)))
put(const char *dir, const char *text, const char *fmt, ...)
{
	kt_auto(buf) struct kt_buf path = { 0 };
	kt_auto(fd) int fd = -1;
	va_list ap;
	char *slash;

	kt_buf_addf(&path, "%s/", dir);
	va_start(ap, fmt);
	kt_buf_vaddf(&path, fmt, ap);
	va_end(ap);
	assert_true(kt_buf_ok(&path));
	slash = strrchr(path.data, '/');
	*slash = '\0';
	assert_int_equal(kt_mkdir_p(path.data, 0755, NULL), 0);
	*slash = '/';
	fd = open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_equal(kt_write_all(fd, text, strlen(text)), 0);
}

static void put_set(const char *dir, const struct kt_cpuset *s, const char *file, unsigned cpu)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	kt_cpuset_format(&b, s);
	kt_buf_addc(&b, '\n');
	put(dir, kt_buf_str(&b), "devices/system/cpu/cpu%u/%s", cpu, file);
}

/* Numbered as Linux does: first one thread of every core, then the other. */
static unsigned cpu_of(const struct shape *s, unsigned core, unsigned thread)
{
	return thread * s->nodes * s->llcs * s->cores + core;
}

static void make_cpu(const char *dir, const struct shape *s, unsigned core, unsigned thread)
{
	unsigned llc = core / s->cores, cpu = cpu_of(s, core, thread);
	struct kt_cpuset one = { 0 }, all = { 0 };

	for (unsigned t = 0; t < s->threads; t++) {
		kt_cpuset_add(&one, cpu_of(s, core, t));
		for (unsigned c = 0; c < s->cores; c++)
			kt_cpuset_add(&all, cpu_of(s, llc * s->cores + c, t));
	}
	put_set(dir, &one, "topology/thread_siblings_list", cpu);
	put(dir, "1\n", "devices/system/cpu/cpu%u/cache/index0/level", cpu);
	put_set(dir, &one, "cache/index0/shared_cpu_list", cpu);
	put(dir, "3\n", "devices/system/cpu/cpu%u/cache/index3/level", cpu);
	put_set(dir, &all, "cache/index3/shared_cpu_list", cpu);
}

static void make_host(const char *dir, const struct shape *s)
{
	unsigned cores = s->llcs * s->cores;

	for (unsigned n = 0; n < s->nodes; n++) {
		struct kt_cpuset cpus = { 0 };
		kt_auto(buf) struct kt_buf b = { 0 };

		for (unsigned c = n * cores; c < (n + 1) * cores; c++) {
			for (unsigned t = 0; t < s->threads; t++) {
				make_cpu(dir, s, c, t);
				kt_cpuset_add(&cpus, cpu_of(s, c, t));
			}
		}
		kt_cpuset_format(&b, &cpus);
		put(dir, kt_buf_str(&b), "devices/system/node/node%u/cpulist", n);
	}
	if (s->nodes > 1) {
		kt_auto(mem) char *online = kt_fmt("0-%u\n", s->nodes - 1);

		put(dir, online, "devices/system/node/online");
	} else {
		put(dir, "0\n", "devices/system/node/online");
	}
}

static struct kt_cpuset first_cpus(unsigned nr)
{
	struct kt_cpuset s = { 0 };

	for (unsigned cpu = 0; cpu < nr; cpu++)
		kt_cpuset_add(&s, cpu);
	return s;
}

/* What a host CPU is, by the shape alone. */
static unsigned core_at(const struct shape *s, unsigned cpu)
{
	return cpu % (s->nodes * s->llcs * s->cores);
}

static unsigned llc_at(const struct shape *s, unsigned cpu)
{
	return core_at(s, cpu) / s->cores;
}

static unsigned node_at(const struct shape *s, unsigned cpu)
{
	return llc_at(s, cpu) / s->llcs;
}

static void place(const char *parent, const struct shape *s, const struct kt_cpuset *allowed,
		  const struct kt_topology *t, struct kvm_placement *ret)
{
	kt_auto(mem) char *dir =
		kt_fmt("%s/%u-%u-%u-%u", parent, s->nodes, s->llcs, s->cores, s->threads);
	kt_auto(mem) struct kvm_host *h = malloc(sizeof(*h));

	assert_non_null(dir);
	assert_non_null(h);
	if (access(dir, F_OK) < 0)
		make_host(dir, s);
	kvm_host_read(dir, allowed, t->threads, h);
	kvm_place(h, t, ret);
}

static struct kvm_placement place_on(void **state, struct shape s, const char *guest)
{
	struct kt_cpuset all = first_cpus(s.nodes * s.llcs * s.cores * s.threads);
	struct kt_topology t = shape(guest);
	struct kvm_placement p;

	place(*state, &s, &all, &t, &p);
	return p;
}

/* ---- places ---- */

static void each_llc_and_node_gets_one_of_the_hosts(void **state)
{
	const struct shape s = { 2, 4, 8, 2 };
	struct kt_topology t = shape("2n4l4c2t");
	struct kvm_placement p = place_on(state, s, "2n4l4c2t");
	struct kt_cpuset llcs = { 0 };

	assert_true(p.pinned);
	assert_true(p.spare);
	assert_int_equal(p.llcs_split, 0);
	assert_int_equal(p.llcs_together, 0);
	assert_int_equal(p.nr_host_nodes, 2);
	assert_int_not_equal(p.host_node[0], p.host_node[1]);
	for (unsigned v = 0; v < 32; v++) {
		unsigned cpu = p.host_cpu[v];

		assert_int_equal(llc_at(&s, cpu), llc_at(&s, p.host_cpu[v - v % 8]));
		assert_int_equal(node_at(&s, cpu), p.host_node[kt_topo_node_of_cpu(&t, v)]);
		/* a core is a core */
		assert_int_equal(core_at(&s, cpu), core_at(&s, p.host_cpu[v - v % 2]));
		kt_cpuset_add(&llcs, llc_at(&s, cpu));
	}
	assert_int_equal(kt_cpuset_count(&llcs), 4);
}

static void cpus_without_siblings_get_cores_of_their_own_first(void **state)
{
	const struct shape s = { 1, 2, 4, 2 };
	struct kvm_placement p = place_on(state, s, "1n2l4c1t");
	struct kt_cpuset cores = { 0 };

	for (unsigned v = 0; v < 8; v++)
		kt_cpuset_add(&cores, core_at(&s, p.host_cpu[v]));
	assert_int_equal(kt_cpuset_count(&cores), 8);
	assert_int_equal(p.llcs_together, 0);
	/* 6 on 4 cores: there is no other way */
	p = place_on(state, s, "1n2l6c1t");
	assert_true(p.pinned);
	assert_int_equal(p.llcs_split, 0);
}

static void what_does_not_fit_is_said(void **state)
{
	const struct shape one = { 1, 1, 8, 1 }, two = { 1, 2, 4, 1 };
	struct kvm_placement p = place_on(state, one, "1n2l3c1t");

	assert_true(p.pinned);
	assert_int_equal(p.llcs_together, 2);
	assert_int_equal(p.llcs_split, 0);
	p = place_on(state, two, "1n1l6c1t");
	assert_true(p.pinned);
	assert_int_equal(p.llcs_split, 1);
	p = place_on(state, two, "1n1l8c1t");
	assert_true(p.pinned);
	assert_false(p.spare);
	assert_int_equal(kt_cpuset_count(&p.own), 1);
	assert_true(kt_cpuset_has(&p.own, p.host_cpu[7]));
	p = place_on(state, two, "1n3l3c1t");
	assert_false(p.pinned);
}

static void memory_without_cpus_is_put_where_no_vcpu_is(void **state)
{
	const struct shape s = { 2, 1, 4, 1 }, one = { 1, 2, 4, 1 };
	struct kt_cpuset all = first_cpus(8);
	struct kt_topology t = shape("1n1l2c1t");
	struct kvm_placement p;

	t.nr_nodes = 2;
	place(*state, &s, &all, &t, &p);
	assert_int_not_equal(p.host_node[0], KVM_NO_NODE);
	assert_int_equal(p.host_node[1], 1 - p.host_node[0]);
	place(*state, &one, &all, &t, &p);
	assert_int_equal(p.host_node[1], KVM_NO_NODE);
}

static void only_allowed_cpus_are_used(void **state)
{
	const struct shape s = { 2, 2, 4, 2 };
	struct kt_topology t = shape("1n2l2c1t");
	struct kvm_placement p;
	struct kt_cpuset allowed;

	assert_int_equal(kt_cpuset_parse("2-3,5-6,20", &allowed), 0);
	place(*state, &s, &allowed, &t, &p);
	assert_true(p.pinned);
	assert_int_equal(p.llcs_split, 0);
	/* the first where there is most room, and there the sibling last */
	assert_int_equal(p.host_cpu[0], 5);
	assert_int_equal(p.host_cpu[1], 6);
	assert_true(kt_cpuset_has(&p.own, 20));
	for (unsigned v = 0; v < 4; v++)
		assert_true(kt_cpuset_has(&allowed, p.host_cpu[v]));
	assert_int_equal(kt_cpuset_count(&p.own), 1);
	assert_true(kt_cpuset_within(&p.own, &allowed));
}

/* By brute force, whatever the host. */
static void check_place(const struct shape *s, const struct kt_topology *t,
			const struct kvm_placement *p)
{
	unsigned nr = kt_topo_nr_cpus(t), host = s->nodes * s->llcs * s->cores * s->threads;
	struct kt_cpuset used = { 0 };
	unsigned split = 0;

	assert_int_equal(p->pinned, nr <= host);
	if (!p->pinned)
		return;
	assert_int_equal(p->spare, nr < host);
	for (unsigned v = 0; v < nr; v++) {
		assert_true(p->host_cpu[v] < host);
		assert_false(kt_cpuset_has(&used, p->host_cpu[v]));
		kt_cpuset_add(&used, p->host_cpu[v]);
		assert_true(kt_cpuset_has(&p->own, p->host_cpu[v]) == (!p->spare && v == nr - 1));
	}
	for (unsigned llc = 0; llc < t->nr_llcs; llc++) {
		unsigned per_llc = t->cores * t->threads, i = 1;

		while (i < per_llc && llc_at(s, p->host_cpu[llc * per_llc + i]) ==
					      llc_at(s, p->host_cpu[llc * per_llc]))
			i++;
		split += i < per_llc;
	}
	assert_int_equal(p->llcs_split, split);
	if (t->cores * t->threads > s->cores * s->threads)
		assert_int_equal(split, t->nr_llcs);
	/* with an LLC of the host for each, none is divided and none is together */
	else if (t->nr_llcs <= s->llcs)
		assert_int_equal(split + p->llcs_together, 0);
}

/* What kvm_host_read() makes of it, without the files. */
static void fill_host(const struct shape *s, unsigned guest_threads, struct kvm_host *h)
{
	unsigned nr_cores = s->nodes * s->llcs * s->cores;

	*h = (struct kvm_host){ 0 };
	for (unsigned llc = 0; llc < s->nodes * s->llcs; llc++) {
		for (unsigned i = 0; i < s->cores * s->threads; i++) {
			unsigned core = guest_threads > 1 ? i / s->threads : i % s->cores;
			unsigned thread = guest_threads > 1 ? i % s->threads : i / s->cores;

			core += llc * s->cores;
			h->cpu[h->nr_cpus++] = (struct kvm_host_cpu){
				.cpu = (uint16_t)(thread * nr_cores + core),
				.llc = (uint16_t)(llc * s->cores),
				.core = (uint16_t)core,
				.node = (uint16_t)(llc / s->llcs),
				.sibling = (uint16_t)thread,
			};
		}
	}
}

static void hosts_are_read_in_the_order_in_which_cpus_are_given_out(void **state)
{
	const struct shape s = { 2, 2, 4, 2 };
	kt_auto(mem) char *dir = kt_fmt("%s/order", (const char *)*state);
	kt_auto(mem) struct kvm_host *h = malloc(sizeof(*h)), *wanted = malloc(sizeof(*wanted));
	struct kt_cpuset all = first_cpus(32);

	assert_true(h && wanted);
	make_host(dir, &s);
	for (unsigned threads = 1; threads <= 2; threads++) {
		kvm_host_read(dir, &all, threads, h);
		fill_host(&s, threads, wanted);
		assert_int_equal(h->nr_cpus, 32);
		assert_memory_equal(h, wanted, sizeof(*h));
	}
}

static void every_preset_has_its_place_on_every_host(void **state)
{
	/* a laptop, two servers of Intel's, two of AMD's, a cloud's smallest */
	static const struct shape hosts[] = { { 1, 1, 8, 2 },  { 2, 1, 56, 2 }, { 1, 1, 64, 1 },
					      { 2, 12, 8, 2 }, { 1, 16, 4, 2 }, { 1, 1, 2, 1 } };
	kt_auto(mem) struct kvm_host *host = malloc(sizeof(*host));

	(void)state;
	assert_non_null(host);
	for (size_t h = 0; h < sizeof(hosts) / sizeof(hosts[0]); h++) {
		for (unsigned i = 0; i < NR_SHAPES; i++) {
			struct kt_topology t = shape(all_shapes[i]);
			struct kvm_placement p;

			fill_host(&hosts[h], t.threads, host);
			kvm_place(host, &t, &p);
			check_place(&hosts[h], &t, &p);
		}
	}
}

static void a_host_that_says_nothing_is_one_llc(void **state)
{
	kt_auto(mem) char *dir = kt_fmt("%s/nothing", (const char *)*state);
	kt_auto(mem) struct kvm_host *h = malloc(sizeof(*h));
	struct kt_cpuset cpus = first_cpus(4);

	assert_non_null(h);
	kvm_host_read(dir, &cpus, 1, h);
	assert_int_equal(h->nr_cpus, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(h->cpu[i].cpu, i);
		assert_int_equal(h->cpu[i].core, i);
		assert_int_equal(h->cpu[i].llc, 0);
		assert_int_equal(h->cpu[i].node, 0);
	}
	put(dir, "nonsense\n", "devices/system/cpu/cpu0/cache/index3/level");
	put(dir, "3\n", "devices/system/cpu/cpu1/cache/index3/level");
	put(dir, "7-5\n", "devices/system/cpu/cpu1/cache/index3/shared_cpu_list");
	put(dir, "8\n", "devices/system/cpu/cpu2/topology/thread_siblings_list");
	kvm_host_read(dir, &cpus, 1, h);
	assert_int_equal(h->cpu[1].llc, 0);
	assert_int_equal(h->cpu[2].core, 2);
}

/* ---- this host ---- */

static bool has_note(const struct kvm_perf *p, const char *text)
{
	for (size_t i = 0; i < p->notes.nr; i++) {
		if (strstr(p->notes.v[i], text))
			return true;
	}
	return false;
}

static unsigned nr_cpus_here(void)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	return (unsigned)CPU_COUNT(&set);
}

static void *wait_for_byte(void *fd)
{
	char byte;

	(void)!read(*(int *)fd, &byte, 1); /* until the other end is closed */
	return NULL;
}

struct threads {
	int pipe[2];
	unsigned nr;
	pthread_t thread[4];
};

static void threads_start(struct threads *s, unsigned nr)
{
	assert_int_equal(pipe2(s->pipe, O_CLOEXEC), 0);
	for (s->nr = 0; s->nr < nr; s->nr++)
		assert_int_equal(
			pthread_create(&s->thread[s->nr], NULL, wait_for_byte, &s->pipe[0]), 0);
}

static void threads_end(struct threads *s)
{
	(void)close(s->pipe[1]);
	for (unsigned i = 0; i < s->nr; i++)
		(void)pthread_join(s->thread[i], NULL);
	(void)close(s->pipe[0]);
}

static void nothing_is_done_when_it_is_off(void **state)
{
	struct kt_topology t = shape("1n1l1c1t");
	struct vm_memory m = { .kind = VM_RAM_PRIVATE };
	struct kvm_caps caps = { 0 };
	struct kvm_perf p;
	struct threads s;
	cpu_set_t set;

	(void)state;
	threads_start(&s, 1);
	kvm_perf_plan(&t, false, &p);
	kvm_perf_memory(&p, &m, &t);
	kvm_perf_vm(&p, -1, &caps);
	kvm_perf_thread(&p, s.thread[0], 0);
	assert_int_equal(p.notes.nr, 0);
	assert_false(p.pinned);
	assert_int_equal(pthread_getaffinity_np(s.thread[0], sizeof(set), &set), 0);
	assert_int_equal(CPU_COUNT(&set), nr_cpus_here());
	kvm_perf_done(&p);
	threads_end(&s);
}

static void a_vcpu_is_pinned_and_our_own_thread_is_elsewhere(void **state)
{
	struct kt_topology t = shape("1n1l1c1t");
	unsigned nr = nr_cpus_here();
	struct kvm_perf p;
	struct threads s;
	cpu_set_t set;

	(void)state;
	if (nr < 2)
		unit_require("smp", "one CPU only");
	threads_start(&s, 1);
	kvm_perf_plan(&t, true, &p);
	assert_true(p.pinned);
	kvm_perf_thread(&p, s.thread[0], 0);
	assert_int_equal(pthread_getaffinity_np(s.thread[0], sizeof(set), &set), 0);
	assert_int_equal(CPU_COUNT(&set), 1);
	assert_true(CPU_ISSET(p.place.host_cpu[0], &set));
	assert_int_equal(nr_cpus_here(), nr - 1);
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	assert_false(CPU_ISSET(p.place.host_cpu[0], &set));
	kvm_perf_done(&p);
	assert_int_equal(nr_cpus_here(), nr);
	threads_end(&s);
}

static void more_vcpus_than_cpus_are_not_pinned(void **state)
{
	kt_auto(mem) char *wanted =
		kt_fmt("252 vCPUs and %u host CPUs: no vCPU is pinned or has real-time priority; "
		       "timings will vary more",
		       nr_cpus_here());
	struct kt_topology t = shape("1n252l1c1t");
	struct kvm_perf p;

	(void)state;
	if (nr_cpus_here() >= 252)
		unit_require("small-host", "more CPUs than the largest machine");
	kvm_perf_plan(&t, true, &p);
	assert_false(p.pinned);
	assert_int_equal(p.notes.nr, 1);
	assert_string_equal(p.notes.v[0], wanted);
	kvm_perf_done(&p);
}

/* Three vCPUs, all on CPU @cpu, as if there were no end of CPUs. */
static struct kvm_perf three_vcpus(unsigned cpu)
{
	struct kvm_perf p = { .on = true, .pinned = true, .nr_vcpus = 3, .real_time = true };

	p.place.pinned = p.place.spare = true;
	p.place.own = p.allowed = first_cpus(KT_CPUS_MAX);
	for (unsigned v = 0; v < 3; v++)
		p.place.host_cpu[v] = (uint16_t)cpu;
	return p;
}

static void refused_cpus_are_one_note(void **state)
{
	struct kvm_perf p = three_vcpus(KT_CPUS_MAX - 1);
	struct threads s;

	(void)state;
	threads_start(&s, 3);
	kvm_perf_thread(&p, s.thread[0], 0);
	assert_int_equal(p.notes.nr, 1);
	assert_string_equal(
		p.notes.v[0],
		"cannot pin vCPU 0 to CPU 1023: Invalid argument; timings will vary more");
	kvm_perf_thread(&p, s.thread[1], 1);
	kvm_perf_thread(&p, s.thread[2], 2);
	assert_int_equal(p.notes.nr, 1);
	assert_string_equal(p.notes.v[0],
			    "cannot pin 3 vCPUs: Invalid argument; timings will vary more");
	kvm_perf_done(&p);
	threads_end(&s);
}

/* In a process of its own, which gives up what SCHED_FIFO needs. */
static int without_privileges(void)
{
	const struct rlimit none = { 0 };
	struct kvm_perf p = three_vcpus((unsigned)sched_getcpu());
	struct threads s;
	bool ok;

	if (setrlimit(RLIMIT_RTPRIO, &none) < 0 || (geteuid() == 0 && setuid(65534) < 0))
		return 2;
	threads_start(&s, 3);
	for (unsigned v = 0; v < 3; v++)
		kvm_perf_thread(&p, s.thread[v], v);
	ok = p.notes.nr == 1 &&
	     strcmp(p.notes.v[0],
		    "cannot give 3 vCPUs real-time priority: Operation not permitted "
		    "(CAP_SYS_NICE or `ulimit -r 1` allows it); timings will vary more") == 0;
	kvm_perf_done(&p);
	threads_end(&s);
	return ok ? 0 : 1;
}

static void refused_priorities_are_one_note(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(without_privileges());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_vcpu_that_shares_its_cpu_has_no_real_time_priority(void **state)
{
	struct kvm_perf p = three_vcpus((unsigned)sched_getcpu());
	struct sched_param param;
	struct threads s;
	int policy;

	(void)state;
	p.place.spare = false;
	threads_start(&s, 3);
	for (unsigned v = 0; v < 3; v++) {
		kvm_perf_thread(&p, s.thread[v], v);
		assert_int_equal(pthread_getschedparam(s.thread[v], &policy, &param), 0);
		/* the others, unless this host refuses it, which it then says */
		assert_true(policy ==
			    (v < 2 && !has_note(&p, "real-time") ? SCHED_FIFO : SCHED_OTHER));
	}
	kvm_perf_done(&p);
	threads_end(&s);
}

/* ---- memory ---- */

static void map(const char *topology, enum vm_ram_kind kind, struct vm_memory *ret)
{
	struct kt_topology t = shape(topology);
	struct vm_layout_opts o = {
		.topology = &t,
		.memory_bytes = 256 * VM_MIB,
		.low_bytes_max = 3 * VM_GIB,
		.kernel_end = 64 * VM_MIB,
		.initrd_bytes = VM_MIB,
	};
	struct vm_layout l;

	assert_int_equal(vm_layout_plan(&o, &l, NULL), 0);
	assert_int_equal(vm_ram_map(&l, kind, ret, NULL), 0);
}

static void memory_is_preferred_on_the_host_node_of_its_vcpus(void **state)
{
	struct kt_topology t = shape("2n2l1c1t");
	struct kvm_perf p = three_vcpus(0);
	unsigned long mask[16] = { 0 };
	struct vm_memory m;
	int mode;

	(void)state;
	map("2n2l1c1t", VM_RAM_PRIVATE, &m);
	p.place.nr_host_nodes = 2;
	p.place.host_node[0] = 0;
	p.place.host_node[1] = 900;
	kvm_perf_memory(&p, &m, &t);
	assert_true(has_note(&p, "no 256 MiB of huge pages in the host's pool (vm.nr_hugepages): "
				 "memory is in ordinary pages; timings will vary more"));
	if (has_note(&p, "Function not implemented"))
		unit_require("numa", "this host's kernel has no mbind");
	assert_int_equal(p.notes.nr, 2);
	assert_string_equal(p.notes.v[1], "cannot put memory of node 1 on host node 900: "
					  "Invalid argument; timings will vary more");
	assert_int_equal(syscall(SYS_get_mempolicy, &mode, mask, 1025, m.map[0], MPOL_F_ADDR), 0);
	assert_int_equal(mode, MPOL_PREFERRED);
	assert_int_equal(mask[0], 1);
	kvm_perf_done(&p);
	vm_ram_unmap(&m);
}

/* Nodes of an odd number of MiB: their huge pages reach further than their memory. */
static void huge_pages_are_preferred_on_the_host_node_of_their_vcpus(void **state)
{
	struct kt_topology t = shape("6n6l1c1t");
	struct kvm_perf p = three_vcpus(0);
	struct vm_memory m;

	(void)state;
	map("6n6l1c1t", VM_RAM_HUGETLB, &m);
	if (m.kind != VM_RAM_HUGETLB) {
		vm_ram_unmap(&m);
		kvm_perf_done(&p);
		unit_require("hugetlb", "this host's pool has no 132 huge pages");
	}
	assert_int_equal(m.layout.node_bytes[0], 43 * VM_MIB);
	p.place.nr_host_nodes = 2;
	for (unsigned n = 0; n < 6; n++)
		p.place.host_node[n] = 0;
	kvm_perf_memory(&p, &m, &t);
	assert_false(has_note(&p, "cannot put memory of node"));
	kvm_perf_done(&p);
	vm_ram_unmap(&m);
}

static void memory_is_left_alone_on_a_host_of_one_node(void **state)
{
	struct kt_topology t = shape("1n1l1c1t");
	struct kvm_perf p = three_vcpus(0);
	struct vm_memory m;

	(void)state;
	map("1n1l1c1t", VM_RAM_HUGETLB, &m);
	p.place.nr_host_nodes = 1;
	p.place.host_node[0] = 900;
	kvm_perf_memory(&p, &m, &t);
	assert_int_equal(p.notes.nr, m.kind == VM_RAM_HUGETLB ? 0 : 1);
	assert_false(has_note(&p, "host node"));
	kvm_perf_done(&p);
	vm_ram_unmap(&m);
}

/* ---- KVM ---- */

static void kvm_without_what_is_wanted_is_a_note(void **state)
{
	struct kvm_perf p = three_vcpus(0), crowded = three_vcpus(0);
	struct kvm_caps caps = { .disable_exits = 0 };

	(void)state;
	kvm_perf_vm(&p, -1, &caps);
	assert_int_equal(p.notes.nr, 1);
	assert_string_equal(p.notes.v[0], "this host's KVM has every vCPU leave the guest to idle "
					  "(KVM_CAP_X86_DISABLE_EXITS); timings will vary more");
	caps.disable_exits = KVM_X86_DISABLE_EXITS_HLT;
	kvm_perf_vm(&p, -1, &caps);
	assert_int_equal(p.notes.nr, 2);
	assert_string_equal(p.notes.v[1], "cannot let vCPUs idle inside the guest: Bad file "
					  "descriptor; timings will vary more");
	kvm_perf_done(&p);
	/* who shares a CPU must leave it */
	crowded.place.spare = false;
	kvm_perf_vm(&crowded, -1, &caps);
	assert_int_equal(crowded.notes.nr, 0);
}

static int open_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		unit_require("kvm-small", "cannot open /dev/kvm");
	return fd;
}

static void kvm_lets_vcpus_idle_inside(void **state)
{
	kt_auto(fd) int kvm = open_kvm();
	kt_auto(fd) int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	struct kvm_perf p = three_vcpus(0);
	struct kvm_caps caps = { 0 };
	int can = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_X86_DISABLE_EXITS);

	(void)state;
	assert_true(vm >= 0);
	if (can <= 0 || !(can & KVM_X86_DISABLE_EXITS_HLT))
		unit_require("kvm-idle", "this host's KVM has no KVM_X86_DISABLE_EXITS_HLT");
	caps.disable_exits = (uint64_t)can;
	kvm_perf_vm(&p, vm, &caps);
	assert_int_equal(p.notes.nr, 0);
	kvm_perf_done(&p);
}

static void halt_polling_is_for_who_has_cpus(void **state)
{
	kt_auto(fd) int kvm = open_kvm();
	kt_auto(fd) int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	struct kvm_caps caps = { .halt_poll = true };

	(void)state;
	assert_true(vm >= 0);
	/* no failure of it matters to the guest; a wrong call would end up in errno */
	errno = 0;
	kvm_halt_polling(vm, nr_cpus_here() + 1, &caps);
	assert_int_equal(errno, 0);
	kvm_halt_polling(-1, nr_cpus_here(), &caps);
	assert_int_equal(errno, 0);
	kvm_halt_polling(-1, nr_cpus_here() + 1, &caps);
	assert_int_equal(errno, EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_llc_and_node_gets_one_of_the_hosts),
		cmocka_unit_test(cpus_without_siblings_get_cores_of_their_own_first),
		cmocka_unit_test(what_does_not_fit_is_said),
		cmocka_unit_test(memory_without_cpus_is_put_where_no_vcpu_is),
		cmocka_unit_test(only_allowed_cpus_are_used),
		cmocka_unit_test(hosts_are_read_in_the_order_in_which_cpus_are_given_out),
		cmocka_unit_test(every_preset_has_its_place_on_every_host),
		cmocka_unit_test(a_host_that_says_nothing_is_one_llc),
		cmocka_unit_test(nothing_is_done_when_it_is_off),
		cmocka_unit_test(a_vcpu_is_pinned_and_our_own_thread_is_elsewhere),
		cmocka_unit_test(more_vcpus_than_cpus_are_not_pinned),
		cmocka_unit_test(refused_cpus_are_one_note),
		cmocka_unit_test(refused_priorities_are_one_note),
		cmocka_unit_test(a_vcpu_that_shares_its_cpu_has_no_real_time_priority),
		cmocka_unit_test(memory_is_preferred_on_the_host_node_of_its_vcpus),
		cmocka_unit_test(huge_pages_are_preferred_on_the_host_node_of_their_vcpus),
		cmocka_unit_test(memory_is_left_alone_on_a_host_of_one_node),
		cmocka_unit_test(kvm_without_what_is_wanted_is_a_note),
		cmocka_unit_test(kvm_lets_vcpus_idle_inside),
		cmocka_unit_test(halt_polling_is_for_who_has_cpus),
	};

	return cmocka_run_group_tests_name("vmm_perf", tests, unit_tmp_setup, unit_tmp_teardown);
}
