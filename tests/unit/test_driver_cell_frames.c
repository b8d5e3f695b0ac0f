/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames and pieces from guests that keep the rules and from others; the judgement on every way to
 * lose a guest.
 */
#include <errno.h>

#include "tests/unit/driver_cell.h"

#include "guest/proto.h"

/* ---- pieces ---- */

static int add(struct cell_pieces *p, uint32_t offset, uint32_t total, const char *data, size_t len,
	       struct kt_err *e)
{
	struct gst_piece h = { .offset = offset, .total = total };
	char frame[256];

	memcpy(frame, &h, sizeof(h));
	memcpy(frame + sizeof(h), data, len);
	*e = (struct kt_err){ 0 };
	return cell_pieces_add(p, frame, sizeof(h) + len, e);
}

static void pieces_make_the_message(void **state)
{
	struct cell_pieces p = { 0 };
	struct kt_err e;

	(void)state;
	assert_int_equal(add(&p, 0, 10, "0123", 4, &e), 0);
	assert_false(cell_pieces_complete(&p));
	assert_int_equal(add(&p, 4, 10, "456789", 6, &e), 0);
	assert_true(cell_pieces_complete(&p));
	assert_memory_equal(p.b.data, "0123456789", 10);
	kt_buf_done(&p.b);
}

static void no_piece_is_no_message(void **state)
{
	struct cell_pieces p = { 0 };

	(void)state;
	assert_false(cell_pieces_complete(&p));
}

static void assert_refused(uint32_t offset, uint32_t total, size_t len, const char *text)
{
	struct cell_pieces p = { 0 };
	struct kt_err e;

	assert_int_equal(add(&p, 0, 100, "abcdefgh", 8, &e), 0);
	assert_int_equal(
		add(&p, offset, total,
		    "abcdefgh0123456789abcdefgh0123456789abcdefgh0123456789abcdefgh0123456789"
		    "abcdefgh0123456789abcdefgh0123456789abcdefgh0123456789abcdefgh0123456789",
		    len, &e),
		-EPROTO);
	assert_int_equal(e.kind, KT_E_GUEST);
	assert_string_equal(unit_err_text(&e), text);
	/* What came before is as it was. */
	assert_int_equal(p.b.len, 8);
	kt_buf_done(&p.b);
}

static void hostile_offsets_are_refused(void **state)
{
	(void)state;
	assert_refused(0, 100, 8, "a piece of the result is for offset 0, expected 8");
	assert_refused(16, 100, 8, "a piece of the result is for offset 16, expected 8");
	assert_refused(UINT32_MAX, 100, 8,
		       "a piece of the result is for offset 4294967295, expected 8");
	assert_refused(8, 100, 93, "a piece of 93 bytes at offset 8 of a result of 100");
	assert_refused(8, 100, 0, "a piece of 0 bytes at offset 8 of a result of 100");
	assert_refused(8, 99, 8, "a piece says that the result has 99 bytes, the first said 100");
	assert_refused(8, 0, 8, "the result is said to have 0 bytes, allowed are 1 to 16777216");
	assert_refused(8, UINT32_MAX, 8,
		       "the result is said to have 4294967295 bytes, allowed are 1 to 16777216");
}

static void a_piece_shorter_than_its_header_is_refused(void **state)
{
	struct cell_pieces p = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(cell_pieces_add(&p, "1234567", 7, &e), -EPROTO);
	assert_string_equal(unit_err_text(&e),
			    "a piece of the result has 7 bytes, less than its header");
	assert_int_equal(cell_pieces_add(&p, "", 0, &e), -EPROTO);
}

/* ---- a whole cell ---- */

struct world {
	struct unit_cell u;
	struct cell c;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	unit_cell_init(&w->u, "/nonexistent");
	unit_cell_begin(&w->c, &w->u);
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	unit_cell_end(&w->c);
	cell_spec_done(&w->u.spec);
	free(w);
	return 0;
}

static void life(struct cell *c, unsigned char phase, const char *text)
{
	char frame[256] = { (char)phase };
	int len = snprintf(frame + 1, sizeof(frame) - 1, "%s", text);

	assert_in_range(len, 0, sizeof(frame) - 2);
	cell_take_frame(c, GST_F_LIFE, frame, 1 + (size_t)len);
}

static void console(struct cell *c, const char *text)
{
	cell_take_text(c, CELL_CONSOLE, text, strlen(text));
}

static void end(struct cell *c, enum vm_end how, const char *text)
{
	c->ended = true;
	c->end = how;
	snprintf(c->end_text, sizeof(c->end_text), "%s", text);
}

static void send_result(struct cell *c, const struct scn_result *r, size_t piece_bytes)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	assert_int_equal(scn_result_encode(r, &b, NULL), 0);
	for (size_t at = 0; at < b.len; at += piece_bytes) {
		size_t len = b.len - at < piece_bytes ? b.len - at : piece_bytes;
		struct gst_piece h = { .offset = (uint32_t)at, .total = (uint32_t)b.len };
		kt_auto(buf) struct kt_buf frame = { 0 };

		kt_buf_add(&frame, &h, sizeof(h));
		kt_buf_add(&frame, b.data + at, len);
		cell_take_frame(c, GST_F_TEST, frame.data, frame.len);
	}
}

static void send_good_result(struct cell *c)
{
	struct scn_result r;

	unit_cell_good_result(&r);
	send_result(c, &r, 100);
	scn_result_done(&r);
}

static void assert_one(struct cell *c, enum scn_verdict v, const char *check, const char *text)
{
	cell_judge(c);
	assert_int_equal(c->out.judgement.nr_findings, 1);
	assert_string_equal(c->out.judgement.findings[0].text, text);
	assert_string_equal(c->out.judgement.findings[0].check, check);
	assert_int_equal(c->out.judgement.verdict, v);
}

static void a_guest_that_does_as_told_passes(void **state)
{
	struct cell *c = &((struct world *)*state)->c;
	int32_t status = 0;

	life(c, GST_LIFE_INIT, "init started");
	assert_int_equal(c->phase, CELL_ATTACHING);
	life(c, GST_LIFE_ATTACHED, "ktstr");
	life(c, GST_LIFE_PAYLOAD, "workers starting");
	assert_int_equal(c->phase, CELL_RUNNING);
	cell_take_frame(c, GST_F_SCST, NULL, 0);
	cell_take_frame(c, GST_F_SCEN, "12345678", 8);
	assert_int_equal(c->phase, CELL_FINISHING);
	send_good_result(c);
	cell_take_frame(c, GST_F_EXIT, &status, sizeof(status));
	end(c, VM_END_POWEROFF, "");
	cell_judge(c);
	assert_int_equal(c->out.judgement.nr_findings, 0);
	assert_int_equal(c->out.judgement.verdict, SCN_PASS);
	assert_int_equal(c->out.judgement.total_iterations, 2000);
}

static void unknown_frames_are_counted_and_do_no_harm(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	cell_take_frame(c, 0x41424344, "x", 1);
	cell_take_frame(c, 0, NULL, 0);
	assert_int_equal(c->out.unknown_frames, 2);
	send_good_result(c);
	end(c, VM_END_POWEROFF, "");
	cell_judge(c);
	assert_int_equal(c->out.judgement.verdict, SCN_PASS);
}

static void phases_never_go_back(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	life(c, GST_LIFE_PAYLOAD, "");
	life(c, GST_LIFE_INIT, "");
	assert_int_equal(c->phase, CELL_RUNNING);
}

static void a_panic_before_init_is_an_error_that_names_it(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	console(c, "[    0.9] Kernel panic - not syncing: No working init found.\n");
	end(c, VM_END_RESET, "");
	assert_one(
		c, SCN_ERROR, "kernel-panic",
		"the kernel panicked before init started: Kernel panic - not syncing: No working init found.");
}

static void a_panic_before_the_scheduler_was_enabled_is_no_failure_of_it(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	life(c, GST_LIFE_INIT, "init started");
	console(c, "Kernel panic - not syncing: Fatal exception\n");
	assert_one(
		c, SCN_ERROR, "kernel-panic",
		"the kernel panicked while init prepared the test: Kernel panic - not syncing: Fatal exception");
}

static void a_panic_under_the_scheduler_is_its_failure(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	life(c, GST_LIFE_INIT, "init started");
	life(c, GST_LIFE_ATTACHED, "ktstr");
	life(c, GST_LIFE_PAYLOAD, "workers starting");
	console(c,
		"[ 2.0] BUG: unable to handle page fault for address: ffff\n[ 2.1] Kernel panic - not syncing: Fatal exception\n");
	end(c, VM_END_RESET, "");
	assert_one(
		c, SCN_FAIL, "kernel-panic",
		"the kernel panicked under the scheduler, while the workers ran: Kernel panic - not syncing: Fatal "
		"exception; before that: BUG: unable to handle page fault for address: ffff");
}

static void that_init_died_is_never_the_schedulers_fault(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	life(c, GST_LIFE_INIT, "init started");
	life(c, GST_LIFE_ATTACHED, "ktstr");
	console(c, "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n");
	end(c, VM_END_RESET, "");
	assert_one(
		c, SCN_ERROR, "init-died",
		"init, the first program of the guest, died while init prepared the test: Kernel panic - not syncing: "
		"Attempted to kill init! exitcode=0x0000000b");
}

static void an_init_that_dies_before_its_first_frame_is_told_from_a_kernel_that_finds_none(
	void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	console(c, "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300\n");
	end(c, VM_END_RESET, "");
	assert_one(
		c, SCN_ERROR, "init-died",
		"init, the first program of the guest, died before it could report: Kernel panic - not syncing: "
		"Attempted to kill init! exitcode=0x00000300");
}

static void an_init_that_failed_says_why(void **state)
{
	struct cell *c = &((struct world *)*state)->c;
	int32_t status = 1;

	life(c, GST_LIFE_INIT, "init started");
	life(c, GST_LIFE_INIT_FAILED, "mount cgroup2 on '/sys/fs/cgroup': No such device");
	cell_take_frame(c, GST_F_EXIT, &status, sizeof(status));
	end(c, VM_END_POWEROFF, "");
	assert_one(c, SCN_ERROR, "init-failed",
		   "init could not do its work: mount cgroup2 on '/sys/fs/cgroup': No such device");
}

static void an_init_that_failed_in_silence_is_noticed(void **state)
{
	struct cell *c = &((struct world *)*state)->c;
	int32_t status = 1;

	cell_take_frame(c, GST_F_EXIT, &status, sizeof(status));
	end(c, VM_END_POWEROFF, "");
	assert_one(c, SCN_ERROR, "init-failed", "init ended with status 1 and did not say why");
}

static void a_kernel_that_never_reaches_init_is_told_from_a_guest_that_hangs(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	c->deadline_passed = true;
	assert_one(c, SCN_ERROR, "never-reached-init",
		   "the kernel did not come as far as init within 60 s of host time");
}

static void a_guest_that_hangs_is_told_with_its_phase(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	life(c, GST_LIFE_INIT, "init started");
	life(c, GST_LIFE_PAYLOAD, "");
	c->deadline_passed = true;
	assert_one(
		c, SCN_ERROR, "deadline",
		"the guest did not end within 60 s of host time; it stood still while the workers ran. A slow host can be "
		"given more by 'time-scale', the test by 'timeout'");
}

static void a_guest_that_does_not_power_off_is_an_error_beside_its_result(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	life(c, GST_LIFE_INIT, "init started");
	send_good_result(c);
	c->deadline_passed = true;
	assert_one(c, SCN_ERROR, "no-power-off",
		   "the guest sent its result, but was not off within 60 s of host time");
}

static void a_guest_that_ends_without_a_result_is_an_error(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	life(c, GST_LIFE_INIT, "init started");
	end(c, VM_END_POWEROFF, "");
	assert_one(c, SCN_ERROR, "no-result",
		   "the guest powered off while init prepared the test, without a result");
}

static void a_reset_without_a_word_is_an_error(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	end(c, VM_END_RESET, "");
	assert_one(
		c, SCN_ERROR, "reset",
		"the guest's CPU was reset before init started, and the console does not say why");
}

static void an_emulator_that_dies_is_an_error_with_its_words(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	life(c, GST_LIFE_INIT, "init started");
	life(c, GST_LIFE_ATTACHED, "ktstr");
	end(c, VM_END_CRASHED, "was killed by SIGSEGV");
	assert_one(c, SCN_ERROR, "emulator",
		   "the emulator died while init prepared the test: was killed by SIGSEGV");
}

static void on_kvm_it_is_the_machine_that_broke(void **state)
{
	struct world *w = *state;

	w->u.accel.accel = VM_ACCEL_KVM;
	end(&w->c, VM_END_CRASHED, "vCPU 1 cannot run: KVM_RUN: Bad address");
	assert_one(
		&w->c, SCN_ERROR, "machine",
		"the machine broke before init started: vCPU 1 cannot run: KVM_RUN: Bad address");
}

static void a_broken_ring_is_an_error(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	c->ring_broken = true;
	assert_one(c, SCN_ERROR, "ring-broken",
		   "the guest wrote nonsense into the ring of frames before init started");
}

static void frames_with_bad_checksums_are_an_error(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	send_good_result(c);
	c->out.bad_frames = 3;
	end(c, VM_END_POWEROFF, "");
	assert_one(c, SCN_ERROR, "protocol", "3 frames came with a wrong checksum");
}

static void a_result_that_makes_no_sense_is_an_error(void **state)
{
	struct cell *c = &((struct world *)*state)->c;
	const struct {
		struct gst_piece h;
		char data[8];
	} frame = { .h = { .total = 8 }, .data = "garbage" };

	cell_take_frame(c, GST_F_TEST, &frame, sizeof(frame));
	end(c, VM_END_POWEROFF, "");
	cell_judge(c);
	assert_int_equal(c->out.judgement.verdict, SCN_ERROR);
	assert_false(c->out.has_result);
	assert_int_equal(c->out.judgement.nr_findings, 1);
	assert_true(kt_starts_with(c->out.judgement.findings[0].text,
				   "the guest broke the protocol: "));
}

static void short_frames_are_an_error_and_read_nothing(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	cell_take_frame(c, GST_F_LIFE, NULL, 0);
	cell_take_frame(c, GST_F_EXIT, "\1", 1);
	cell_take_frame(c, GST_F_KADR, "\1", 1);
	end(c, VM_END_POWEROFF, "");
	assert_one(c, SCN_ERROR, "protocol",
		   "the guest broke the protocol: a lifecycle frame is empty");
	assert_false(c->exited);
}

static void a_failure_stays_one_when_the_machine_breaks_as_well(void **state)
{
	struct cell *c = &((struct world *)*state)->c;
	struct scn_result r;

	unit_cell_good_result(&r);
	r.sched = SCN_SCHED_DIED;
	r.exit.kind = SCN_EXIT_ERROR_STALL;
	send_result(c, &r, 1 << 16);
	scn_result_done(&r);
	end(c, VM_END_CRASHED, "exited with status 1");
	cell_judge(c);
	assert_int_equal(c->out.judgement.verdict, SCN_FAIL);
	assert_int_equal(c->out.judgement.nr_findings, 2);
	assert_string_equal(c->out.judgement.findings[0].check, "scheduler");
	assert_string_equal(c->out.judgement.findings[1].check, "emulator");
}

static void text_of_a_scheduler_reaches_its_log_and_its_explainer(void **state)
{
	struct cell *c = &((struct world *)*state)->c;

	cell_take_frame(c, GST_F_SCLG, "hello\nlibbpf: x: not found\n", 27);
	cell_take_frame(c, GST_F_DMSG, "[    1.0] sched_ext: hi\n", 24);
	assert_string_equal(c->sched.complaint, "x: not found");
	assert_string_equal(c->log[CELL_SCHED_LOG].last.b.data, "hello\nlibbpf: x: not found\n");
	assert_string_equal(c->log[CELL_KERNEL_LOG].last.b.data, "[    1.0] sched_ext: hi\n");
	assert_int_equal(c->log[CELL_CONSOLE].last.b.len, 0);
}

#define CELL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_make_the_message),
		cmocka_unit_test(no_piece_is_no_message),
		cmocka_unit_test(hostile_offsets_are_refused),
		cmocka_unit_test(a_piece_shorter_than_its_header_is_refused),
		CELL_TEST(a_guest_that_does_as_told_passes),
		CELL_TEST(unknown_frames_are_counted_and_do_no_harm),
		CELL_TEST(phases_never_go_back),
		CELL_TEST(a_panic_before_init_is_an_error_that_names_it),
		CELL_TEST(a_panic_before_the_scheduler_was_enabled_is_no_failure_of_it),
		CELL_TEST(a_panic_under_the_scheduler_is_its_failure),
		CELL_TEST(that_init_died_is_never_the_schedulers_fault),
		CELL_TEST(
			an_init_that_dies_before_its_first_frame_is_told_from_a_kernel_that_finds_none),
		CELL_TEST(an_init_that_failed_says_why),
		CELL_TEST(an_init_that_failed_in_silence_is_noticed),
		CELL_TEST(a_kernel_that_never_reaches_init_is_told_from_a_guest_that_hangs),
		CELL_TEST(a_guest_that_hangs_is_told_with_its_phase),
		CELL_TEST(a_guest_that_does_not_power_off_is_an_error_beside_its_result),
		CELL_TEST(a_guest_that_ends_without_a_result_is_an_error),
		CELL_TEST(a_reset_without_a_word_is_an_error),
		CELL_TEST(an_emulator_that_dies_is_an_error_with_its_words),
		CELL_TEST(on_kvm_it_is_the_machine_that_broke),
		CELL_TEST(a_broken_ring_is_an_error),
		CELL_TEST(frames_with_bad_checksums_are_an_error),
		CELL_TEST(a_result_that_makes_no_sense_is_an_error),
		CELL_TEST(short_frames_are_an_error_and_read_nothing),
		CELL_TEST(a_failure_stays_one_when_the_machine_breaks_as_well),
		CELL_TEST(text_of_a_scheduler_reaches_its_log_and_its_explainer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
