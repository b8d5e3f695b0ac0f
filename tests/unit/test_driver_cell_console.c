/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel's death on its console, and a scheduler's troubles in its log. */
#include "driver/cell/parts.h"
#include "tests/unit/unit.h"

static void feed(struct cell_console *c, const char *text)
{
	cell_console_feed(c, text, strlen(text));
}

static void a_panic_is_known_when_its_line_is_complete(void **state)
{
	struct cell_console c = { 0 };

	(void)state;
	feed(&c,
	     "[    0.8] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)");
	assert_string_equal(c.panic, "");
	feed(&c, "\r\n");
	assert_string_equal(
		c.panic,
		"Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)");
	assert_false(c.init_killed);
}

static void a_panic_is_found_however_the_console_is_cut(void **state)
{
	static const char text[] =
		"boot\n[   12.345678][    T1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n";

	(void)state;
	for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
		struct cell_console c = { 0 };

		cell_console_feed(&c, text, cut);
		cell_console_feed(&c, text + cut, sizeof(text) - 1 - cut);
		assert_string_equal(
			c.panic,
			"Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b");
		assert_true(c.init_killed);
	}
}

static void the_first_panic_counts_and_the_bug_before_it_is_kept(void **state)
{
	struct cell_console c = { 0 };

	(void)state;
	feed(&c, "[    3.0] BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
		 "[    3.1] Oops: 0000 [#1] SMP NOPTI\n"
		 "[    3.2] Kernel panic - not syncing: Fatal exception\n"
		 "[    3.3] Kernel panic - not syncing: Attempted to kill init!\n");
	assert_string_equal(c.bug,
			    "BUG: kernel NULL pointer dereference, address: 0000000000000008");
	assert_string_equal(c.panic, "Kernel panic - not syncing: Fatal exception");
	assert_false(c.init_killed);
}

static void words_about_panics_are_no_panic(void **state)
{
	struct cell_console c = { 0 };

	(void)state;
	feed(&c,
	     "my scheduler says: Kernel panic - not syncing: just kidding\nKernel command line: panic=-1\n");
	assert_string_equal(c.panic, "");
}

static void a_kernel_that_does_not_unpack_is_noticed(void **state)
{
	struct cell_console c = { 0 };

	(void)state;
	feed(&c, "\n\nZSTD-compressed data is corrupt\n\n -- System halted\n");
	assert_string_equal(c.panic, "ZSTD-compressed data is corrupt");
}

static void megabytes_of_noise_do_not_hide_a_panic(void **state)
{
	struct cell_console c = { 0 };
	char noise[4096];

	(void)state;
	memset(noise, '#', sizeof(noise));
	for (int i = 0; i < 1024; i++)
		cell_console_feed(&c, noise, sizeof(noise));
	feed(&c, "\n[ 9.9] Kernel panic - not syncing: softlockup: hung tasks\n");
	assert_string_equal(c.panic, "Kernel panic - not syncing: softlockup: hung tasks");
}

/* ---- the scheduler's log ---- */

static const char rejected[] =
	"libbpf: prog 'ktstr_enqueue': BPF program load failed: Permission denied\n"
	"libbpf: prog 'ktstr_enqueue': -- BEGIN PROG LOAD LOG --\n"
	"0: R1=ctx() R10=fp0\n"
	"; x = *p; @ scx_ktstr.bpf.c:12\n"
	"3: (61) r1 = *(u32 *)(r2 +0)\n"
	"R2 invalid mem access 'scalar'\n"
	"processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n"
	"-- END PROG LOAD LOG --\n"
	"libbpf: prog 'ktstr_enqueue': failed to load: -13\n"
	"libbpf: failed to load object 'scx_ktstr'\n"
	"scx_ktstr: cannot load the scheduler\n";

static void fail_attach(struct scn_judgement *j, struct scn_result *r)
{
	*j = (struct scn_judgement){ .verdict = SCN_PASS };
	*r = (struct scn_result){ .sched = SCN_SCHED_NOT_ATTACHED,
				  .sched_exited = true,
				  .sched_status = 1 << 8 };
	scn_judge_add(j, SCN_FAIL, "scheduler",
		      "the scheduler ended before it attached: it exited with status 1");
}

static void the_verifiers_complaint_comes_first(void **state)
{
	struct cell_sched_log s = { 0 };
	struct scn_judgement j;
	struct scn_result r;

	(void)state;
	for (size_t i = 0; i < sizeof(rejected) - 1; i++)
		cell_sched_log_feed(&s, rejected + i, 1);
	fail_attach(&j, &r);
	cell_explain_scheduler(&s, &r, &j);
	assert_int_equal(j.nr_findings, 2);
	assert_int_equal(j.verdict, SCN_FAIL);
	assert_string_equal(
		j.findings[0].text,
		"the verifier rejects the scheduler's program 'ktstr_enqueue' at scx_ktstr.bpf.c:12: "
		"R2 invalid mem access 'scalar'");
	assert_string_equal(j.findings[0].check, "scheduler");
	assert_string_equal(j.findings[1].text,
			    "the scheduler ended before it attached: it exited with status 1");
	scn_judgement_done(&j);
}

static void assert_complaint(const char *log, const char *text)
{
	struct cell_sched_log s = { 0 };
	struct scn_judgement j;
	struct scn_result r;

	cell_sched_log_feed(&s, log, strlen(log));
	fail_attach(&j, &r);
	cell_explain_scheduler(&s, &r, &j);
	assert_string_equal(j.findings[0].text, text);
	scn_judgement_done(&j);
}

static void the_explanation_of_newer_verifiers_does_not_hide_the_complaint(void **state)
{
	(void)state;
	assert_complaint(
		"libbpf: prog 'a': -- BEGIN PROG LOAD LOG --\n"
		"processed 9 insns (limit 1000000)\n"
		"-- END PROG LOAD LOG --\n"
		"libbpf: prog 'b': -- BEGIN PROG LOAD LOG --\n"
		"7: (63) *(u32 *)(r1 +0) = r2\n"
		"R1 invalid mem access 'scalar'\n"
		"\n"
		"Verification failed: Register Type Safety: Invalid dereference\n"
		"\n"
		"Suggestion:\n"
		"  Preserve a pointer-valued register where needed.\n"
		"\n"
		"processed 7 insns (limit 1000000)\n"
		"-- END PROG LOAD LOG --\n",
		"the verifier rejects the scheduler's program 'b': R1 invalid mem access 'scalar'");
}

static void a_missing_kfunc_is_named(void **state)
{
	(void)state;
	assert_complaint(
		"libbpf: loading object 'x' from buffer\n"
		"libbpf: extern (func ksym) 'scx_bpf_consume': not found in kernel or module BTFs\n"
		"libbpf: failed to load object 'x'\n",
		"the scheduler cannot be loaded on this kernel: extern (func ksym) 'scx_bpf_consume': not found in kernel or module BTFs");
}

static void a_btf_mismatch_is_named(void **state)
{
	(void)state;
	assert_complaint(
		"2026-01-01 WARN libbpf: extern (func ksym) 'scx_bpf_dispatch': func_proto [7] incompatible with vmlinux [9]\n",
		"the scheduler cannot be loaded on this kernel: extern (func ksym) 'scx_bpf_dispatch': func_proto [7] incompatible with vmlinux [9]");
}

static void the_last_words_of_a_scheduler_are_told(void **state)
{
	(void)state;
	assert_complaint(
		"starting\n  unknown option '--frob'\x1b[0m\n\n",
		"the scheduler ended before it attached: it exited with status 1; the last it said: unknown option '--frob'\\x1b[0m");
}

static void a_silent_scheduler_adds_nothing(void **state)
{
	(void)state;
	assert_complaint("", "the scheduler ended before it attached: it exited with status 1");
}

static void a_scheduler_that_lived_is_not_explained(void **state)
{
	struct scn_result r = { .sched = SCN_SCHED_LIVED };
	struct scn_judgement j = { .verdict = SCN_PASS };
	struct cell_sched_log s = { 0 };

	(void)state;
	cell_sched_log_feed(&s, rejected, sizeof(rejected) - 1);
	scn_judge_add(&j, SCN_FAIL, "max-gap", "too long");
	cell_explain_scheduler(&s, &r, &j);
	assert_int_equal(j.nr_findings, 1);
	assert_string_equal(j.findings[0].text, "too long");
	scn_judgement_done(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_panic_is_known_when_its_line_is_complete),
		cmocka_unit_test(a_panic_is_found_however_the_console_is_cut),
		cmocka_unit_test(the_first_panic_counts_and_the_bug_before_it_is_kept),
		cmocka_unit_test(words_about_panics_are_no_panic),
		cmocka_unit_test(a_kernel_that_does_not_unpack_is_noticed),
		cmocka_unit_test(megabytes_of_noise_do_not_hide_a_panic),
		cmocka_unit_test(the_verifiers_complaint_comes_first),
		cmocka_unit_test(the_explanation_of_newer_verifiers_does_not_hide_the_complaint),
		cmocka_unit_test(a_missing_kfunc_is_named),
		cmocka_unit_test(a_btf_mismatch_is_named),
		cmocka_unit_test(the_last_words_of_a_scheduler_are_told),
		cmocka_unit_test(a_silent_scheduler_adds_nothing),
		cmocka_unit_test(a_scheduler_that_lived_is_not_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
