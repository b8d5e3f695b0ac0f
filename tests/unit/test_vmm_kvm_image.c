/* SPDX-License-Identifier: GPL-2.0-only */
/* Images of a machine on /dev/kvm whose guest writes memory all the time: of one moment, alike, and without its help. */
#include "tests/unit/kvm_guest.h"

#include "vmm/image.h"

enum { PAGE = VM_IMAGE_PAGE, NR_PAGES = 256, TURNS = 3 };
/* Where the guest writes: its first word of each page in turn is the number of the round. */
#define DIRTY_GPA (64 * VM_MIB)

struct rig {
	struct kvm_guest guest;
	gpa_t counter; /* pages written, and one */
	struct vm_image *record, *fork;
};

static void boot(struct rig *r)
{
	*r = (struct rig){ 0 };
	kvm_guest_boot(&r->guest,
		       &(struct kvm_guest_opts){
			       .steps = "do=count:1 do=dirty:0x4000000,0x100000 do=off" });
	kvm_guest_until_frame(&r->guest, "dirty ");
	r->counter.v = kvm_guest_number(&r->guest, "count 0x");
}

static uint64_t word(struct vm_image *i, uint64_t gpa)
{
	uint64_t v = 0;

	assert_int_equal(vm_image_read(i, (gpa_t){ gpa }, &v, sizeof(v)), 0);
	return v;
}

static uint64_t counter_now(struct rig *r)
{
	uint64_t v = 0;

	assert_int_equal(vm_read_gpa(r->guest.vm, r->counter, &v, sizeof(v)), 0);
	return v;
}

/* Two rounds from now everything that the guest writes has been written again. */
static void let_it_write(struct rig *r)
{
	uint64_t deadline = kt_now_ns() + KVM_GUEST_DEADLINE_NS;
	uint64_t want = counter_now(r) + 2 * NR_PAGES;
	struct kt_err e = { 0 };

	while (counter_now(r) < want) {
		if (kt_now_ns() > deadline)
			kvm_guest_fail(&r->guest, "the guest stands still", &e);
		(void)poll(NULL, 0, 5);
	}
}

/* Both kinds in one freeze; the recording walks what the guest writes. */
static void capture(struct rig *r)
{
	struct vm *vm = r->guest.vm;
	struct kt_err e = { 0 };

	if (vm_freeze(vm, &e) < 0 || vm_image_create(vm, VM_IMAGE_RECORD, &r->record, &e) < 0 ||
	    vm_image_create(vm, VM_IMAGE_FORK, &r->fork, &e) < 0)
		kvm_guest_fail(&r->guest, "capture", &e);
	assert_string_equal(vm_image_why(r->fork), "");
	assert_int_equal(vm_image_kind(r->fork), VM_IMAGE_FORK);
	for (unsigned n = 0; n < NR_PAGES; n++)
		(void)word(r->record, DIRTY_GPA + n * PAGE);
	(void)word(r->record, r->counter.v);
	vm_image_seal(r->record);
	vm_image_seal(r->fork);
	if (vm_thaw(vm, &e) < 0)
		kvm_guest_fail(&r->guest, "thaw", &e);
}

/* The pages tell how many were written: it is what the counter, in another page, says, or the count is still to come. */
static void check_one_moment(struct rig *r, struct vm_image *i)
{
	uint64_t round = word(i, DIRTY_GPA), written = 0, counted = word(i, r->counter.v) - 1;

	for (unsigned n = 0; n < NR_PAGES; n++) {
		uint64_t v = word(i, DIRTY_GPA + n * PAGE);

		assert_in_range(v, round ? round - 1 : 0, round);
		written += v;
	}
	if (written != counted && written != counted + 1)
		fail_msg("%llu pages were written, %llu counted", (unsigned long long)written,
			 (unsigned long long)counted);
}

static void check_alike(struct rig *r)
{
	static uint8_t from_record[NR_PAGES * PAGE], from_fork[NR_PAGES * PAGE];

	assert_int_equal(vm_image_read(r->record, (gpa_t){ DIRTY_GPA }, from_record,
				       sizeof(from_record)),
			 0);
	assert_int_equal(vm_image_read(r->fork, (gpa_t){ DIRTY_GPA }, from_fork, sizeof(from_fork)),
			 0);
	assert_memory_equal(from_record, from_fork, sizeof(from_record));
	assert_int_equal(word(r->record, r->counter.v), word(r->fork, r->counter.v));
	/* The guest is elsewhere by now. */
	assert_true(word(r->fork, r->counter.v) + 2 * NR_PAGES <= counter_now(r));
}

static void both_kinds_are_of_one_moment_while_the_guest_goes_on(void **state)
{
	struct rig r;

	(void)state;
	boot(&r);
	for (unsigned turn = 0; turn < TURNS; turn++) {
		let_it_write(&r);
		capture(&r);
		let_it_write(&r);
		check_alike(&r);
		check_one_moment(&r, r.record);
		check_one_moment(&r, r.fork);
		vm_image_free(r.record);
		vm_image_free(r.fork);
	}
	assert_int_equal(vm_ring_bell(r.guest.vm, GST_BELL_STOP), 0);
	kvm_guest_until_off(&r.guest);
	kvm_guest_done(&r.guest);
}

/* Descriptors and mappings of it keep a VM alive: who holds the image must have none. */
static unsigned nr_mappings(pid_t pid, const char *what)
{
	kt_auto(mem) char *path = kt_fmt("/proc/%d/maps", pid);
	kt_auto(buf) struct kt_buf maps = { 0 };
	unsigned nr = 0;

	assert_int_equal(kt_file_read(path, 1 << 20, &maps, NULL), 0);
	for (const char *at = kt_buf_str(&maps); (at = strstr(at, what)); at += strlen(what))
		nr++;
	return nr;
}

static void the_machine_ends_while_its_image_is_read(void **state)
{
	struct kt_err e = { 0 };
	uint64_t before;
	struct rig r;

	(void)state;
	boot(&r);
	let_it_write(&r);
	capture(&r);
	assert_true(nr_mappings(getpid(), "kvm-vcpu") > 0);
	assert_int_equal(nr_mappings(r.fork->child.pid, "kvm-vcpu"), 0);
	before = word(r.fork, r.counter.v);
	vm_stop(r.guest.vm);
	kvm_guest_until_end(&r.guest, VM_END_STOPPED, "stopped");
	assert_int_equal(vm_freeze(r.guest.vm, &e) < 0, 1);
	assert_int_equal(word(r.fork, r.counter.v), before);
	check_one_moment(&r, r.fork);
	vm_image_free(r.record);
	vm_image_free(r.fork);
	kvm_guest_done(&r.guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_kinds_are_of_one_moment_while_the_guest_goes_on),
		cmocka_unit_test(the_machine_ends_while_its_image_is_read),
	};

	cmocka_set_test_filter(getenv("CMOCKA_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
