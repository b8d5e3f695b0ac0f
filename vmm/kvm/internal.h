/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Our own machine on /dev/kvm: what its files share. One thread a vCPU; everything else happens on the thread that calls
 * vm_*(), which is one thread, too.
 */
#ifndef KTSTR_VMM_KVM_INTERNAL_H
#define KTSTR_VMM_KVM_INTERNAL_H

#include <linux/filter.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>

#include "vmm/x86_64/x86.h"

enum {
	KVM_WATCHES_MAX = 4,
	KVM_RENDEZVOUS_MS = 30000,
	/* Who waits for vCPUs looks again: a thread that was killed says nothing. */
	KVM_KICK_AGAIN_MS = 100,
};

struct kvm_machine;

/* ---- what this host's KVM can do (caps.c) ---- */

struct kvm_caps {
	bool immediate_exit, ioeventfd, irqfd, user_memory, x2apic_api, tsc_deadline,
		vcpu_tsc_offset;
	bool adjust_clock, clock_ctrl, guest_debug, halt_poll, x86_disable_exits, msi_ext_dest_id;
	unsigned max_vcpus, max_vcpu_id, nr_memslots;
	uint64_t disable_exits; /* KVM_X86_DISABLE_EXITS_* that are there */
};
/* Opens /dev/kvm and asks. KT_E_HOST names what this VMM cannot do without and what to do about it. */
int kvm_open(int *ret_fd, struct kvm_caps *ret, struct kt_err *e);

/* ---- serial ports (uart.c): 16550A, as far as Linux's 8250 driver uses it. Any thread; own lock. ---- */

enum { KVM_UART_FIFO = 64, KVM_UART_REGS = 8 };
struct kvm_uart {
	pthread_mutex_t lock;
	uint8_t ier, iir_fcr, lcr, mcr, scr, dll, dlm;
	uint8_t rx[KVM_UART_FIFO];
	unsigned rx_len, rx_pos;
	bool thr_pending; /* "transmitter empty" is to be told by an interrupt */
	bool irq_level;
	/* set once, before use */
	void (*put)(void *ctx, uint8_t byte); /* a byte that the guest sent; may block for long */
	void (*irq)(void *ctx, bool level);
	void *ctx;
};
void kvm_uart_init(struct kvm_uart *u, void (*put)(void *, uint8_t), void (*irq)(void *, bool),
		   void *ctx);
void kvm_uart_done(struct kvm_uart *u);
uint8_t kvm_uart_read(struct kvm_uart *u, unsigned reg);
void kvm_uart_write(struct kvm_uart *u, unsigned reg, uint8_t value);
/* From the other end of the line. -EAGAIN: its queue is full. */
int kvm_uart_receive(struct kvm_uart *u, uint8_t byte);

/* ---- bytes of COM1 on their way to vm_wait() (console.c) ---- */

/*
 * A queue with room for KVM_CONSOLE_BYTES, and for more while nobody is held: vCPUs that are let go finish the exit that
 * they are in, a page of bytes at most, so that nothing is lost by a freeze.
 */
enum { KVM_CONSOLE_BYTES = 64 << 10, KVM_CONSOLE_RESERVE = 64 << 10 };
struct kvm_console;
int kvm_console_create(struct kvm_console **ret, struct kt_err *e);
void kvm_console_free(struct kvm_console *c);
/* vCPU threads: waits while the queue is full, until someone reads, or kvm_console_hold_nobody(). */
void kvm_console_put(struct kvm_console *c, uint8_t byte);
/* What has come, at most @size bytes. 0: nothing. */
size_t kvm_console_take(struct kvm_console *c, void *buf, size_t size);
/* From now on nobody waits, and what does not fit at all is dropped: freezing and stopping must not wait for a reader. */
void kvm_console_hold_nobody(struct kvm_console *c, bool hold_nobody);
/* Readable from when there is a line, or much, until all is taken. Less than that is there for who looks by himself. */
int kvm_console_fd(const struct kvm_console *c);

/* ---- ports and MMIO (bus.c): called on vCPU threads with a KVM_EXIT_IO or KVM_EXIT_MMIO ---- */

enum kvm_exit_does { KVM_GO_ON, KVM_MACHINE_ENDS };
/* Reads of what is not there give all ones, writes are dropped; whatever the guest does costs bounded work. */
enum kvm_exit_does kvm_bus_io(struct kvm_machine *m, struct kvm_run *run);
enum kvm_exit_does kvm_bus_mmio(struct kvm_machine *m, struct kvm_run *run);

/* ---- vCPUs (vcpu.c) ---- */

/* One counter a kind of exit; the last one is for kinds not listed (vcpu.c has the table). */
enum kvm_exit_count {
	KVM_COUNT_IO,
	KVM_COUNT_MMIO,
	KVM_COUNT_HLT,
	KVM_COUNT_DEBUG,
	KVM_COUNT_KICK, /* a signal or immediate_exit */
	KVM_COUNT_SYSTEM,
	KVM_COUNT_OTHER,
	KVM_COUNT_NR,
};

/* For KVM_GET_MSRS and KVM_SET_MSRS: laid out as struct kvm_msrs is. */
struct kvm_few_msrs {
	uint32_t nmsrs, padding;
	struct kvm_msr_entry e[2];
};

struct kvm_vcpu {
	struct kvm_machine *machine;
	unsigned index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool thread_runs; /* to be joined */
	_Atomic(pid_t) tid;
	atomic_ulong exits[KVM_COUNT_NR]; /* its own thread writes */
	bool parked; /* under the machine's lock */
	atomic_bool gone; /* its thread uses nothing of the machine any more */
	unsigned watch_generation; /* of the debug registers it has */
	/* while parked: saved by its own thread before it says so */
	struct vm_regs regs;
	int regs_error; /* errno */
	/* of the last rendezvous that was given up, when it had parked by then */
	struct vm_regs late_regs;
	bool has_late_regs;
	uint64_t tsc_offset;
	uint64_t tsc_deadline; /* of its APIC timer, in guest TSC; 0: none */
	bool has_tsc_offset;
};

/*
 * Allocates m->vcpu (the machine frees it after kvm_vcpus_stop()) and creates all, with CPUID, MSRs, and @start for the
 * first. Threads start by kvm_vcpus_run().
 */
int kvm_vcpus_create(struct kvm_machine *m, const struct x86_start *start, struct kt_err *e);
int kvm_vcpus_run(struct kvm_machine *m, struct kt_err *e);
/* Asks all threads to end and lets them go from wherever they wait, but does not wait for them. Any thread. */
void kvm_vcpus_end(struct kvm_machine *m);
/*
 * Ends and joins all threads, closes all descriptors. Accepts half-made machines; twice is fine. -ETIMEDOUT: a thread
 * hangs in the host's kernel; then @m and what it points to must stay.
 */
int kvm_vcpus_stop(struct kvm_machine *m);
/* Make every vCPU leave the guest. Any thread. */
void kvm_vcpus_kick(struct kvm_machine *m);
void kvm_vcpus_kick_locked(struct kvm_machine *m); /* by who has m->lock */
/* struct vm_backend's exit_counts. */
size_t kvm_exit_counts(const void *m, struct vm_exit_count *ret, size_t size);
/* On a vCPU's own thread, after KVM_RUN: count why, and serve it (exits.c). */
enum kvm_exit_does kvm_vcpu_exit(struct kvm_vcpu *v);
void kvm_vcpu_count(struct kvm_vcpu *v, enum kvm_exit_count what);

/* ---- freezing (freeze.c), watching (watch.c), time (clock.c): vm_*()'s thread ---- */

/* What the vCPU threads are asked to do; read at every exit. */
enum kvm_wish { KVM_WISH_RUN, KVM_WISH_PARK, KVM_WISH_END };

struct kvm_watch {
	bool used;
	bool execute; /* stop before the instruction there, not after a write */
	uint64_t addr;
	unsigned len;
};
/* Guest clocks as they were when the machine was frozen. */
struct kvm_clock_state {
	struct kvm_clock_data data;
	bool hidden; /* false: the guest will see the pause; it was told by KVM_KVMCLOCK_CTRL where it can be */
	uint64_t host_tsc; /* at the freeze */
	uint64_t frozen_ns; /* kt_now_ns() at the freeze */
	uint64_t seen_ns; /* sum of pauses that the guest saw */
};

int kvm_freeze(void *m, struct kt_err *e);
int kvm_thaw(void *m, struct kt_err *e);
pid_t kvm_vcpu_thread(const void *m, unsigned vcpu);
int kvm_read_regs(void *m, unsigned vcpu, struct vm_regs *ret, struct kt_err *e);
int kvm_watch_write(void *m, gva_t addr, unsigned len, unsigned *ret_id, struct kt_err *e);
int kvm_unwatch(void *m, unsigned id, struct kt_err *e);
int kvm_check_ram(void *m,
		  struct kt_err *e); /* ram_check.c: memory slot i is piece i of the layout */
/*
 * On a vCPU's own thread, when KVM_RUN has returned EINTR, so that nothing is half-done in it: stand still as long as
 * that is wished. False: the thread is to end.
 */
bool kvm_vcpu_obey(struct kvm_vcpu *v);
/* By who has m->lock, when m->parked, m->gone or m->wish changed. */
void kvm_tell_parked(struct kvm_machine *m);
/* Wish all to park and wait until they have; the hits of watches count as freezes then. */
int kvm_rendezvous(struct kvm_machine *m, struct kt_err *e);
/* Called when all are parked, and by kvm_thaw() before any runs. */
void kvm_clock_stop(struct kvm_machine *m);
void kvm_clock_go_on(struct kvm_machine *m);
/* On a vCPU's own thread, before it runs again: program the debug registers when the set of watches changed. */
int kvm_watch_apply(struct kvm_vcpu *v);
/* On a vCPU's own thread, at KVM_EXIT_DEBUG: notes the hit and asks all to park. */
enum kvm_exit_does kvm_watch_hit(struct kvm_vcpu *v);
/*
 * For kvm_wait(), before any other event: 1: the watch *ret_id was hit, the machine is frozen, which kvm_thaw() undoes;
 * 0: none.
 */
int kvm_watch_next(struct kvm_machine *m, unsigned *ret_id, struct kt_err *e);
bool kvm_watch_pending(struct kvm_machine *m);
/* On a vCPU's own thread, as it parks and before it runs again: what its clocks need. */
void kvm_clock_vcpu_stop(struct kvm_vcpu *v);
void kvm_clock_vcpu_go_on(struct kvm_vcpu *v);

/* ---- ends ---- */

/* First one wins; any thread. Wakes vm_wait(). @text is for people. */
void __attribute__((format(printf, 3, 4)))
kvm_end(struct kvm_machine *m, enum vm_end end, const char *fmt, ...);

/* ---- performance mode (perf.c, perf_place.c, perf_host.c) ---- */

/* One CPU of the host that this process may run on. */
struct kvm_host_cpu {
	uint16_t cpu;
	uint16_t llc, core, node; /* llc, core: lowest CPU of those that share it */
	uint16_t sibling; /* how many of its core's CPUs are before it */
	bool taken; /* by kvm_place() */
};
struct kvm_host {
	unsigned nr_cpus;
	struct kvm_host_cpu
		cpu[KT_CPUS_MAX]; /* LLC by LLC, in the order in which they are best given out */
};
/*
 * @sys: "/sys", or what is to be taken for it. What it does not tell is as if the host had one LLC, one thread a core, one
 * node. @threads: of the guest's cores, which decides on the order.
 */
void kvm_host_read(const char *sys, const struct kt_cpuset *allowed, unsigned threads,
		   struct kvm_host *ret);

enum { KVM_NO_NODE = UINT16_MAX };
/* Where the machine is on the host. */
struct kvm_placement {
	bool pinned; /* each vCPU has a host CPU of its own; what follows is valid */
	bool spare; /* and there are others, for the machine's own thread */
	uint16_t host_cpu[KT_TOPO_CPUS_MAX];
	struct kt_cpuset
		own; /* CPUs for the machine's own thread; without a spare one, the last vCPU's */
	uint16_t host_node
		[KT_TOPO_NODES_MAX]; /* of each guest node's vCPUs and memory; KVM_NO_NODE: wherever */
	unsigned nr_host_nodes;
	unsigned llcs_split; /* guest LLCs that are on several of the host's */
	unsigned llcs_together; /* guest LLCs that are on one of the host's with others */
};
/* Marks the CPUs of @h that it takes. */
void kvm_place(struct kvm_host *h, const struct kt_topology *t, struct kvm_placement *ret);

/* Something that vCPUs were refused, and the note that says so: one for all of them. */
struct kvm_refusal {
	unsigned nr;
	int error;
	size_t note;
};
struct kvm_perf {
	bool on;
	bool pinned; /* every vCPU has a host CPU of its own */
	struct kvm_placement place;
	unsigned nr_vcpus;
	bool real_time; /* SCHED_FIFO does not do more harm than good on this host */
	bool moved; /* the machine's own thread; allowed is where it was */
	struct kt_cpuset allowed;
	struct kvm_refusal no_pin, no_fifo;
	struct kt_strv notes; /* what was refused, a line each, and what it is worth */
};
/* Before RAM is mapped: decide on host CPUs, LLC by LLC. With @on false only initialises. */
void kvm_perf_plan(const struct kt_topology *t, bool on, struct kvm_perf *ret);
/* Also lets the calling thread run where it did before. */
void kvm_perf_done(struct kvm_perf *p);
/* RAM to the host nodes of the vCPUs that own it (mbind). */
void kvm_perf_memory(struct kvm_perf *p, struct vm_memory *m, const struct kt_topology *t);
/* After KVM_CREATE_VM, before vCPUs: KVM_CAP_X86_DISABLE_EXITS. */
void kvm_perf_vm(struct kvm_perf *p, int vm_fd, const struct kvm_caps *caps);
/*
 * On the vm's thread for each vCPU thread that has just started: affinity and SCHED_FIFO. With the last one, the calling
 * thread leaves their CPUs.
 */
void kvm_perf_thread(struct kvm_perf *p, pthread_t thread, unsigned vcpu);
/* Halt polling: by how many vCPUs the host has CPUs for (KVM_CAP_HALT_POLL); both modes. */
void kvm_halt_polling(int vm_fd, unsigned nr_vcpus, const struct kvm_caps *caps);

/* ---- the sandbox (sandbox.c, sandbox_process.c) ---- */

/* On each vCPU thread before it first enters the guest: only what its loop needs is left. */
int kvm_sandbox_vcpu(struct kt_err *e);

#define KVM_SANDBOX_HINT "; KTSTR_NO_SANDBOX=1 runs without the sandbox"
enum { KVM_FILTER_MAX = 1024 };
struct kvm_filter { /* of system calls, as the kernel takes it */
	struct sock_filter code[KVM_FILTER_MAX];
	unsigned short nr;
};
/* By $KTSTR_NO_SANDBOX, or because sanitizers make system calls of their own, from any thread. */
bool kvm_sandbox_is_off(void);
/* A scmp_filter_ctx that does @otherwise (SCMP_ACT_*) where no rule is; NULL: out of memory. */
void *kvm_seccomp_new(uint32_t otherwise);
/* Leaf. */
int kvm_filter_compile(void *f, struct kvm_filter *ret);
/* On the calling thread and those that it starts from now on; takes new privileges away, too. */
int kvm_filter_enforce(const struct kvm_filter *f, struct kt_err *e);
/* Of the calling thread: root's powers beyond those that a file's owner has. */
int kvm_drop_capabilities(struct kt_err *e);
void kvm_seccomp_free(void *f); /* accepts NULL */
KT_DEFINE_AUTO(seccomp, void *, kvm_seccomp_free);

/* ---- vm.txt (describe.c) ---- */

struct kvm_description {
	const struct vm_config *config;
	const char *kernel; /* the file that is booted */
	const struct vm_kernel *image;
	const char *cmdline; /* whole */
	gpa_t rsdp;
	uint64_t initrd_len;
};
/* vm.txt and what belongs to it, as they will be on disk. */
struct kvm_papers {
	char *dir; /* NULL: nothing to write */
	struct kt_buf vm_txt, initrd_extra, ring;
};
/* Before the machine runs: fills in m->papers, when there is a log directory. */
int kvm_describe(struct kvm_machine *m, const struct kvm_description *d, struct kt_err *e);
/*
 * Writes them and lets go of them. That takes three fsyncs, more than all of the machine's set-up: so it is done when the
 * vCPUs run.
 */
int kvm_papers_write(struct kvm_papers *p, struct kt_err *e);
void kvm_papers_done(struct kvm_papers *p);

/* ---- the machine (machine.c, events.c) ---- */

struct kvm_machine {
	struct vm_memory *memory; /* the vm's */
	struct kt_topology topology;
	struct kvm_caps caps;
	struct kvm_perf perf;
	int kvm_fd, vm_fd;
	unsigned nr_cpus;
	struct kvm_vcpu *vcpu; /* nr_cpus of them */
	size_t run_bytes; /* of each vcpu's run */
	struct kvm_uart com1, com2;
	struct kvm_console *console;
	struct vm_frames frames;
	struct kvm_papers papers;

	/* vm_wait(): one epoll of the console, the doorbell (also byte GST_BELL_UP on COM2), a wake-up and a tick */
	int epoll_fd, bell_fd, wake_fd, tick_fd;
	bool console_turn;
	bool end_polled, end_seen,
		end_told; /* waits for the last vCPU to go; it has gone; reported */
	uint8_t *chunk; /* what the last event's data is in */

	/* between threads; lock protects them, changed is broadcast at each change */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum kvm_wish wish;
	unsigned parked; /* vCPU threads that stand still */
	unsigned gone; /* vCPU threads that have ended, or never began */
	unsigned rendezvous_ms; /* how long a freeze waits: KVM_RENDEZVOUS_MS */
	int parked_fd; /* eventfd of kvm_vcpus_create(): written when parked + gone reaches nr_cpus */
	bool ended;
	enum vm_end end;
	char end_text[512];

	/* freeze.c, watch.c */
	unsigned freezes; /* nesting; a watch hit counts one until it is thawed */
	struct kvm_clock_state clock;
	struct kvm_watch watch[KVM_WATCHES_MAX];
	atomic_uint watch_generation; /* changes with the set of watches */
	unsigned
		hits; /* a bit for each watch with a hit that vm_wait() has not reported (under lock) */
	bool running; /* from kvm_vcpus_run() on, also after the end */
	bool stopped; /* by vm_stop */
};
/* Make vm_poll_fd() readable. Any thread. */
void kvm_wake(struct kvm_machine *m);
int kvm_events_init(struct kvm_machine *m, struct kt_err *e);
int kvm_poll_fd(const void *m);
int kvm_wait(void *m, int timeout_ms, struct vm_event *ret, struct kt_err *e);

/* ---- can this host's KVM run a stock kernel? (probe.c, probe_cache.c, lacks.c) ---- */

/*
 * Runs a tiny guest. 0; -ENOTSUP: KT_E_HOST whose text names what is missing, now and until the host is another; any
 * other errno: KT_E_HOST, it did not come to an answer. Not cached.
 */
int kvm_probe_run(struct kt_err *e);
/*
 * The same by way of @cache_dir (NULL: none); @anew: run it, but keep the answer. What /dev/kvm itself says is asked
 * every time. @ret_caps may be NULL; it is written as soon as /dev/kvm could be opened.
 */
int kvm_probe(const char *cache_dir, bool anew, struct kvm_caps *ret_caps, struct kt_err *e);
/* What it does without, and what that costs, a line each. 0 or -ENOMEM. */
int kvm_lacks(const struct kvm_caps *caps, struct kt_strv *ret);

#endif
