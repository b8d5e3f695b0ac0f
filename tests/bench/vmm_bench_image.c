/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a capture costs the guest: the time that it stands, and the work that it does less in the second after, as time.
 *
 * Two guests write the same memory: a machine on /dev/kvm, and a thread of this process, for hosts whose KVM is not the
 * hardware's (all that a fork costs is in the host's page tables, which are the same for both; second-level faults are
 * not in the thread's figures). Work is counted in pages written, and set against the CPU time of who writes, so that
 * others on the host do not count.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "tests/bench/vmm_bench.h"
#include "vmm/kvm/internal.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

enum { PAGE = 4096, SECOND_US = 1000000 };
#define MEMORY VM_GIB
#define WALK_GPA (2 * VM_MIB)
#define DIRTY_GPA (256 * VM_MIB)
#define DIRTY_MAX (64 * VM_MIB)

/* ---- who writes ---- */

struct writer {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_bool park, end;
	bool parked; /* under lock */
};

struct subject {
	struct vm *vm;
	struct writer *writer; /* NULL: a machine on KVM */
	bool huge;
	uint64_t dirty_bytes; /* from DIRTY_GPA on, over and over */
	const volatile uint64_t *pages_written;
	clockid_t cpu;
};

static volatile uint64_t thread_pages_written;

static void park(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->parked = true;
	pthread_cond_broadcast(&w->changed);
	while (atomic_load(&w->park) && !atomic_load(&w->end))
		pthread_cond_wait(&w->changed, &w->lock);
	w->parked = false;
	pthread_mutex_unlock(&w->lock);
}

static void *write_pages(void *arg)
{
	struct subject *s = arg;
	uint8_t *at = vm_guest_buf(s->vm, (gpa_t){ DIRTY_GPA }, s->dirty_bytes);

	for (uint64_t round = 1; !atomic_load(&s->writer->end); round++) {
		for (uint64_t n = 0; n < s->dirty_bytes; n += PAGE) {
			if (atomic_load_explicit(&s->writer->park, memory_order_relaxed))
				park(s->writer);
			*(volatile uint64_t *)(void *)(at + n) = round;
			thread_pages_written++;
		}
	}
	return NULL;
}

static void freeze(struct subject *s)
{
	struct kt_err e = { 0 };

	if (!s->writer) {
		bench_must(vm_freeze(s->vm, &e), &e);
		return;
	}
	pthread_mutex_lock(&s->writer->lock);
	atomic_store(&s->writer->park, true);
	while (!s->writer->parked)
		pthread_cond_wait(&s->writer->changed, &s->writer->lock);
	pthread_mutex_unlock(&s->writer->lock);
}

static void thaw(struct subject *s)
{
	struct kt_err e = { 0 };

	if (!s->writer) {
		bench_must(vm_thaw(s->vm, &e), &e);
		return;
	}
	pthread_mutex_lock(&s->writer->lock);
	atomic_store(&s->writer->park, false);
	pthread_cond_broadcast(&s->writer->changed);
	pthread_mutex_unlock(&s->writer->lock);
}

/* ---- its memory ---- */

static void advise(struct subject *s)
{
	const struct vm_memory *m = &s->vm->memory;
	int advice = s->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;

	for (unsigned n = 0; n < m->nr; n++)
		(void)madvise(m->map[n], m->layout.node_bytes[n],
			      advice); /* a host without it shows in the figures */
}

/* All of it, with what is there already: before the guest runs. */
static void touch(struct subject *s)
{
	const struct vm_ram *ram;
	size_t nr = vm_ram_pieces(s->vm, &ram);

	for (size_t i = 0; i < nr; i++) {
		for (uint64_t n = 0; n < ram[i].len; n += PAGE) {
			volatile uint64_t *word = (void *)(ram[i].host + n);
			uint64_t as_before = *word;

			*word = as_before;
		}
	}
}

/* Huge pages that the last fork has broken up. */
static void mend(struct subject *s)
{
	uint8_t *at = vm_guest_buf(s->vm, (gpa_t){ DIRTY_GPA }, DIRTY_MAX);

	if (s->huge)
		(void)madvise(at, DIRTY_MAX, MADV_COLLAPSE);
}

/*
 * A virtual machine may have given its free pages back to its host (free page reporting), which then takes ten times as
 * long for a new one as this kernel. Both kinds of image need new pages; these are new no more, for a moment.
 */
static void warm_up(void)
{
	uint8_t *at = mmap(NULL, 2 * DIRTY_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (at == MAP_FAILED)
		bench_die("out of memory");
	(void)madvise(at, DIRTY_MAX,
		      MADV_HUGEPAGE); /* one half huge, one small, as the host has them */
	for (uint64_t n = 0; n < 2 * DIRTY_MAX; n += PAGE)
		*(volatile uint8_t *)(at + n) = 1;
	(void)munmap(at, 2 * DIRTY_MAX);
}

/* ---- two subjects ---- */

static void open_kvm(struct subject *s, const char *guest, const char *initrd)
{
	kt_auto(mem) char *cmdline = kt_fmt("do=count:1 do=dirty:0x%llx,0x%llx",
					    (unsigned long long)DIRTY_GPA,
					    (unsigned long long)s->dirty_bytes);
	const struct bench_machine m = {
		.llcs = 1,
		.cores = 1,
		.memory_bytes = MEMORY,
		.guest = guest,
		.initrd = initrd,
		.cmdline = cmdline,
	};
	struct kt_err e = { 0 };
	struct kvm_machine *machine;
	uint64_t gpa = 0, ring_len;

	s->vm = bench_create(&m);
	gpa = vm_ring_gpa(s->vm, &ring_len).v;
	if (gpa < DIRTY_GPA + DIRTY_MAX && DIRTY_GPA < gpa + ring_len)
		bench_die("the guest would write over the ring");
	advise(s);
	touch(s);
	bench_must(vm_start(s->vm, &e), &e);
	if (kt_parse_u64(bench_wait_frame(s->vm, "count "), &gpa) < 0)
		bench_die("the guest does not say where it counts");
	s->pages_written = vm_guest_buf(s->vm, (gpa_t){ gpa }, sizeof(uint64_t));
	machine = s->vm->machine;
	if (!s->pages_written || pthread_getcpuclockid(machine->vcpu[0].thread, &s->cpu))
		bench_die("no counter, or no clock");
	(void)bench_wait_frame(s->vm, "dirty ");
}

static void open_thread(struct subject *s)
{
	const struct vm_layout l = {
		.nr_nodes = 1,
		.node_bytes = { MEMORY },
		.nr_pieces = 1,
		.piece = { { .gpa = { 0 }, .len = MEMORY } },
	};
	struct kt_err e = { 0 };

	s->writer = calloc(1, sizeof(*s->writer));
	s->vm = calloc(1, sizeof(*s->vm));
	if (!s->vm || !s->writer)
		bench_die("out of memory");
	bench_must(vm_ram_map(&l, VM_RAM_PRIVATE, &s->vm->memory, &e), &e);
	advise(s);
	touch(s);
	pthread_mutex_init(&s->writer->lock, NULL);
	pthread_cond_init(&s->writer->changed, NULL);
	s->pages_written = &thread_pages_written;
	if (pthread_create(&s->writer->thread, NULL, write_pages, s) ||
	    pthread_getcpuclockid(s->writer->thread, &s->cpu))
		bench_die("no thread");
}

static void close_subject(struct subject *s)
{
	if (!s->writer) {
		vm_free(s->vm);
		return;
	}
	atomic_store(&s->writer->end, true);
	(void)pthread_join(s->writer->thread, NULL);
	vm_ram_unmap(&s->vm->memory);
	free(s->writer);
	free(s->vm);
}

/* ---- a capture ---- */

/* Pages all over what was touched, a few words of each, as who follows pointers reads. */
static void walk(struct vm_image *i, uint64_t bytes)
{
	uint64_t nr = bytes / PAGE, room = (MEMORY - WALK_GPA) / PAGE;
	uint8_t buf[64];

	for (uint64_t n = 0; n < nr; n++) {
		uint64_t page = n * (room / nr) + n % 7;

		if (vm_image_read(i, (gpa_t){ WALK_GPA + page % room * PAGE }, buf, sizeof(buf)) <
		    0)
			bench_die("the walk reads what is not there");
	}
}

static void read_registers(struct subject *s)
{
	struct vm_regs regs;
	struct kt_err e = { 0 };

	if (!s->writer)
		bench_must(vm_read_regs(s->vm, 0, &regs, &e), &e);
}

struct stood {
	uint64_t wall_ns, cpu_ns; /* cpu: of who captures, which a busy host does not stretch */
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		bench_die("the writer is gone");
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* As the coordinator does it; @bytes 0: freeze and thaw alone. Returns how long the guest stood. */
static struct stood capture(struct subject *s, enum vm_image_kind kind, uint64_t bytes)
{
	kt_auto(vm_image) struct vm_image *i = NULL;
	uint64_t start = kt_now_ns(), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	struct kt_err e = { 0 };
	struct stood stood;

	freeze(s);
	if (bytes) {
		read_registers(s);
		bench_must(vm_image_create(s->vm, kind, &i, &e), &e);
		if (vm_image_kind(i) != kind)
			bench_die("%s", vm_image_why(i));
		if (kind == VM_IMAGE_RECORD)
			walk(i, bytes);
		vm_image_seal(i);
	}
	thaw(s);
	stood.wall_ns = kt_now_ns() - start;
	stood.cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	if (bytes && kind == VM_IMAGE_FORK)
		walk(i, bytes);
	return stood;
}

struct work {
	uint64_t pages, cpu_ns;
};

static struct work work_now(const struct subject *s)
{
	return (struct work){ .pages = *s->pages_written, .cpu_ns = clock_ns(s->cpu) };
}

/* Freeze in ms, and with it what the pages of the second after cost more than those of the second before. */
static void measure(struct subject *s, enum vm_image_kind kind, uint64_t bytes)
{
	const char *what = bytes == 0 ? "nothing" : kind == VM_IMAGE_FORK ? "fork" : "record";
	struct work a, b, c;
	struct stood stood;
	double before, after;

	mend(s);
	usleep(SECOND_US / 5); /* all pages are written again, and mapped */
	a = work_now(s);
	usleep(SECOND_US);
	warm_up();
	b = work_now(s);
	stood = capture(s, kind, bytes);
	usleep(SECOND_US);
	c = work_now(s);
	before = (double)(b.cpu_ns - a.cpu_ns) / (double)(b.pages - a.pages);
	after = (double)(c.cpu_ns - b.cpu_ns) - before * (double)(c.pages - b.pages);
	bytes /= VM_KIB;
	bench_print(bench_ms(stood.wall_ns), "%s.%llu.frozen", what, (unsigned long long)bytes);
	bench_print(bench_ms(stood.cpu_ns), "%s.%llu.cpu", what, (unsigned long long)bytes);
	bench_print(bench_ms(stood.wall_ns) + after / 1e6, "%s.%llu.lost", what,
		    (unsigned long long)bytes);
}

static unsigned to_number(const char *s)
{
	unsigned n = 0;

	if (kt_parse_uint(s, 1, DIRTY_MAX / VM_KIB, &n) < 0)
		bench_die("not a number, or too large: '%s'", s);
	return n;
}

/* thread|kvm huge|small DIRTY_KIB GUEST INITRD RUNS */
int bench_images(char **argv)
{
	static const uint64_t walks[] = { 64 * VM_KIB, VM_MIB, 16 * VM_MIB, 64 * VM_MIB };
	struct subject s = { .huge = kt_streq(argv[1], "huge"),
			     .dirty_bytes = to_number(argv[2]) * VM_KIB };
	unsigned runs = to_number(argv[5]);

	if (kt_streq(argv[0], "thread"))
		open_thread(&s);
	else
		open_kvm(&s, argv[3], argv[4]);
	for (unsigned run = 0; run < runs; run++) {
		measure(&s, VM_IMAGE_RECORD, 0);
		for (size_t k = 0; k < sizeof(walks) / sizeof(walks[0]); k++) {
			measure(&s, VM_IMAGE_RECORD, walks[k]);
			measure(&s, VM_IMAGE_FORK, walks[k]);
		}
	}
	close_subject(&s);
	return 0;
}

/* GUEST INITRD RUNS: the fork alone, of memory all touched; and a capture with 1 MiB of walk, whole. */
int bench_captures(char **argv)
{
	struct subject s = { .huge = true, .dirty_bytes = DIRTY_MAX };
	unsigned runs = to_number(argv[2]);

	open_kvm(&s, argv[0], argv[1]);
	for (unsigned run = 0; run < runs; run++) {
		kt_auto(vm_image) struct vm_image *i = NULL;
		struct kt_err e = { 0 };
		uint64_t start;

		freeze(&s);
		start = kt_now_ns();
		bench_must(vm_image_create(s.vm, VM_IMAGE_FORK, &i, &e), &e);
		bench_print(bench_ms(kt_now_ns() - start), "fork");
		thaw(&s);
		vm_image_free(kt_take(i));
		mend(&s);
		warm_up();
		usleep(SECOND_US / 20);
		bench_print(bench_ms(capture(&s, VM_IMAGE_RECORD, VM_MIB).wall_ns), "capture");
	}
	close_subject(&s);
	return 0;
}
