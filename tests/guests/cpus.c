/* SPDX-License-Identifier: GPL-2.0-only */
/* Steps of a test guest about its CPUs: all of them at work, what their clocks say, timers, single steps. */
#include "guest/proto.h"
#include "tests/guests/guest.h"

/* Intel SDM volume 3, chapter "Advanced Programmable Interrupt Controller (APIC)". */
enum {
	APIC_LVT_TIMER = 0x320,
	TIMER_TSC_DEADLINE = 2 << 17,
	MSR_TSC_DEADLINE = 0x6e0,
	DEBUG_VECTOR = 1,
	TIMER_VECTOR = 0x40,
};

static uint64_t tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* ---- all CPUs ---- */

/* The code that counts is in a section of its own, whose ends ld names. */
#define IN_LOOP __attribute__((noinline, section("count_loop")))
extern const char __start_count_loop[], __stop_count_loop[];

static IN_LOOP void count_even(unsigned cpu)
{
	volatile uint64_t *v = &counters[cpu].value;

	(*v)++;
}

static IN_LOOP void count_odd(unsigned cpu)
{
	volatile uint64_t *v = &counters[cpu].value;

	(*v)++;
}

static IN_LOOP void count_for_ever(unsigned cpu)
{
	ap_is_there();
	for (;;) {
		if (cpu & 1)
			count_odd(cpu);
		else
			count_even(cpu);
	}
}

/*
 * All CPUs count, each in its own counter. When all do, tells where the counters are
 * ("cpus 0xGPA"), which code counts ("loop 0xSTART", "end 0xEND", "even 0xGVA", "odd 0xGVA"), and counts until
 * GST_BELL_STOP.
 */
static void all_count(const char *argument)
{
	volatile uint64_t *v = &counters[0].value;
	unsigned nr = start_cpus(count_for_ever);

	(void)argument;
	for (unsigned cpu = 1; cpu < nr; cpu++) {
		while (!counters[cpu].value)
			relax();
	}
	frame_text("loop 0x%lx", (uint64_t)__start_count_loop);
	frame_text("end 0x%lx", (uint64_t)__stop_count_loop);
	frame_text("even 0x%lx", (uint64_t)count_even);
	frame_text("odd 0x%lx", (uint64_t)count_odd);
	frame_text("cpus 0x%lx", (uint64_t)counters);
	for (;;) {
		count_even(0);
		if ((*v & 0xfff) == 0 && bell_down() == GST_BELL_STOP)
			return;
	}
}

/* CPU 1 asks the triple fault of an empty IDT, the others count. */
static void fault_thrice(unsigned cpu)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) nothing;

	if (cpu != 1)
		count_for_ever(cpu);
	ap_is_there();
	__asm__ volatile("lidt %0; ud2" : : "m"(nothing));
}

static void other_cpu_faults(const char *argument)
{
	(void)argument;
	(void)start_cpus(fault_thrice);
	for (;;)
		relax();
}

/* Goes on at a gva where there is no RAM: nobody can run what is there. */
static void jump(const char *argument)
{
	void (*there)(void) = (void (*)(void))number(argument, NULL);

	there();
}

/* ---- clocks ---- */

/* Documentation/virt/kvm/x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW */
enum { MSR_KVM_SYSTEM_TIME = 0x4b564d01 };
struct pvclock {
	volatile uint32_t version;
	uint32_t pad;
	volatile uint64_t tsc_timestamp, system_time;
	volatile uint32_t tsc_to_system_mul;
	volatile int8_t tsc_shift;
	volatile uint8_t flags;
	uint8_t pad2[2];
};
static struct pvclock pvclock[CPUS_MAX] __attribute__((aligned(32)));

static uint64_t kvmclock(const struct pvclock *p)
{
	uint32_t version;
	uint64_t ns, delta;

	do {
		version = p->version;
		delta = tsc() - p->tsc_timestamp;
		delta = p->tsc_shift >= 0 ? delta << p->tsc_shift : delta >> -p->tsc_shift;
		ns = p->system_time +
		     (uint64_t)((unsigned __int128)delta * p->tsc_to_system_mul >> 32);
	} while (version & 1 || version != p->version);
	return ns;
}

/* What the host looks at; counted up once all of it is new. */
struct times {
	volatile uint64_t rounds, tsc, ns, went_back;
	uint64_t pad[4];
};
static struct times times[CPUS_MAX];

static void keep_time(unsigned cpu)
{
	struct times *t = &times[cpu];
	uint64_t now_tsc, now_ns;

	if (cpu)
		ap_is_there();
	wrmsr(MSR_KVM_SYSTEM_TIME, (uint64_t)&pvclock[cpu] | 1);
	for (;;) {
		now_tsc = tsc();
		now_ns = kvmclock(&pvclock[cpu]);
		if (now_tsc < t->tsc || now_ns < t->ns)
			t->went_back++;
		t->tsc = now_tsc;
		t->ns = now_ns;
		t->rounds++;
		if (cpu == 0 && (t->rounds & 0xff) == 0 && bell_down() == GST_BELL_STOP)
			return;
	}
}

/* All CPUs write down their clocks, for ever ("times 0xGPA"). */
static void all_keep_time(const char *argument)
{
	unsigned nr = start_cpus(keep_time);

	(void)argument;
	for (unsigned cpu = 1; cpu < nr; cpu++) {
		while (!times[cpu].rounds)
			relax();
	}
	frame_text("times 0x%lx", (uint64_t)times);
	keep_time(0);
}

/* ---- exceptions and interrupts ---- */

static volatile uint64_t timer_tsc;

static void on_timer(void)
{
	timer_tsc = tsc();
}

/*
 * Sets the timer for so many TSC ticks from now, tells ("armed 0xTSC"), sleeps, and tells how many ticks too late it was
 * ("late N") or too early ("early N").
 */
static void sleep_until(const char *argument)
{
	uint64_t due = tsc() + number(argument, NULL);

	interrupts_on();
	on_vector(TIMER_VECTOR, on_timer);
	apic_write(APIC_LVT_TIMER, TIMER_TSC_DEADLINE | TIMER_VECTOR);
	wrmsr(MSR_TSC_DEADLINE, due);
	frame_text("armed 0x%lx", due);
	while (!timer_tsc)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	if (timer_tsc >= due)
		frame_text("late %lu", timer_tsc - due);
	else
		frame_text("early %lu", due - timer_tsc);
}

/* RFLAGS.TF for five instructions: a debug exception after each, the last after popfq. */
static void step_five(void)
{
	__asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\t"
			 "nop\n\tnop\n\tpushfq\n\tandl $~0x100, (%%rsp)\n\tpopfq"
			 :
			 :
			 : "memory", "cc");
}

static volatile uint64_t debug_count, debug_causes;

static void on_debug(void)
{
	uint64_t dr6;

	__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
	debug_count++;
	debug_causes |= dr6 & 0xe00f;
	__asm__ volatile("mov %0, %%dr6" : : "r"(UINT64_C(0xffff0ff0)));
}

/* Says "ready 0", waits for a bell, steps five instructions and tells of them: "steps N", "causes 0xBITS". */
static void step_self(const char *argument)
{
	(void)argument;
	interrupts_on();
	on_vector(DEBUG_VECTOR, on_debug);
	frame_text("ready 0");
	while (bell_down() < 0)
		relax();
	step_five();
	frame_text("steps %lu", debug_count);
	frame_text("causes 0x%lx", debug_causes);
}

const struct step steps_cpus[] = {
	{ "all-count", all_count },
	{ "cpu-faults", other_cpu_faults },
	{ "all-times", all_keep_time },
	{ "timer", sleep_until },
	{ "step-self", step_self },
	{ "jump", jump },
	{ NULL, NULL },
};
