#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Schedulers that do not come up, die, or talk too much, on a real kernel: each is told apart, in words.

load ../lib
load ../cells

setup_file() {
	export BATS_FILE_TMPDIR
	cell_project "$BATS_FILE_TMPDIR"
	build_bad_scheduler "$BATS_FILE_TMPDIR"
	cat >>"$BATS_FILE_TMPDIR/ktstr.toml" <<-'TOML'
		[scheduler.bad]
		binary = "bad_scheduler"
		[scheduler.sleep]
		binary = "/bin/sleep"
		args = ["3600"]

		[[test]]
		name = "exits_at_once"
		scheduler = "bad"
		scheduler-args = ["exit", "3", "no such option: --frob"]
		[[test]]
		name = "crashes"
		scheduler = "bad"
		scheduler-args = ["crash"]
		[[test]]
		name = "never_attaches"
		scheduler = "sleep"
		[[test]]
		name = "rejected"
		scheduler = "ktstr"
		scheduler-args = ["--fail-verify"]
		[[test]]
		name = "stalls"
		scheduler = "ktstr"
		scheduler-args = ["--stall-after=0.5"]
		watchdog = "2s"
		duration = "6s"
		expect = { exit = "stall" }
		[[test]]
		name = "does_not_stall"
		scheduler = "ktstr"
		watchdog = "2s"
		duration = "6s"
		expect = { exit = "stall" }
		[[test]]
		name = "stalls_with_its_own_watchdog"
		scheduler = "ktstr"
		scheduler-args = ["--stall-after=0.5"]
		duration = "6s"
		[[test]]
		name = "stall_nobody_expects"
		scheduler = "ktstr"
		scheduler-args = ["--stall-after=0.5"]
		watchdog = "2s"
		duration = "6s"
		[[test]]
		name = "talks_too_much"
		scheduler = "bad"
		scheduler-args = ["talk", "20000000"]
	TOML
	run_cells "$BATS_FILE_TMPDIR"
}

@test "a run with one pass and eight failures says so and exits with status 1" {
	assert_eq 1 "$(cat "$BATS_FILE_TMPDIR/run.status")" "exit status"
	assert_contains "$(cat "$BATS_FILE_TMPDIR/run.log")" \
		"1 passed, 8 failed, 0 inconclusive, 0 skipped, 0 errors"
}

@test "a scheduler that exits at once is a failure with its status and its last words" {
	assert_cell "$BATS_FILE_TMPDIR" exits_at_once fail \
		"the scheduler ended before it attached: it exited with status 3; the last it said: no such option: --frob"
	assert_eq '{"status":3,"signal":null}' "$(cell_get "$BATS_FILE_TMPDIR" exits_at_once '.scheduler_exit.process | tojson')"
	assert_eq not_attached "$(cell_get "$BATS_FILE_TMPDIR" exits_at_once .scheduler_exit.state)"
}

@test "a scheduler that crashes is a failure with its signal" {
	assert_cell "$BATS_FILE_TMPDIR" crashes fail "the scheduler ended before it attached: it was killed by signal 6"
	assert_eq 6 "$(cell_get "$BATS_FILE_TMPDIR" crashes .scheduler_exit.process.signal)"
}

@test "a scheduler that never attaches is a failure, and needs its shared libraries to get that far" {
	ldd /bin/sleep | grep -q 'libc\.so' || require dynamic-sleep "/bin/sleep is static here"
	assert_cell "$BATS_FILE_TMPDIR" never_attaches fail "the scheduler did not attach within 30s"
	assert_eq not_attached "$(cell_get "$BATS_FILE_TMPDIR" never_attaches .scheduler_exit.state)"
}

@test "a scheduler that the verifier rejects is a failure with program, place and complaint" {
	local text
	assert_eq fail "$(cell_get "$BATS_FILE_TMPDIR" rejected .verdict)"
	text=$(cell_get "$BATS_FILE_TMPDIR" rejected '.findings[0].text')
	[[ $text =~ ^"the verifier rejects the scheduler's program 'ktstr_dispatch' at scx_ktstr.bpf.c:"[0-9]+": R"[0-9]+" invalid mem access 'scalar'"$ ]] || {
		echo "first finding: $text"
		return 1
	}
	assert_eq "the scheduler ended before it attached: it exited with status 1" \
		"$(cell_get "$BATS_FILE_TMPDIR" rejected '.findings[1].text')"
}

@test "an expected stall passes because exit kind 1026 was seen" {
	assert_cell "$BATS_FILE_TMPDIR" stalls pass ""
	assert_eq 1026 "$(cell_get "$BATS_FILE_TMPDIR" stalls .scheduler_exit.kind)"
	assert_eq ERROR_STALL "$(cell_get "$BATS_FILE_TMPDIR" stalls .scheduler_exit.name)"
	assert_eq "runnable task stall" "$(cell_get "$BATS_FILE_TMPDIR" stalls .scheduler_exit.reason)"
	assert_eq died "$(cell_get "$BATS_FILE_TMPDIR" stalls .scheduler_exit.state)"
}

@test "the same test without --stall-after fails because no stall was seen" {
	assert_cell "$BATS_FILE_TMPDIR" does_not_stall fail \
		"expected exit ERROR_STALL, but the scheduler lived to the end (6.0 s)"
	assert_eq lived "$(cell_get "$BATS_FILE_TMPDIR" does_not_stall .scheduler_exit.state)"
}

@test "'watchdog' works on a scheduler that does not set one itself" {
	assert_eq true "$(cell_get "$BATS_FILE_TMPDIR" stalls .scheduler_exit.watchdog_set)"
	# Stalled after 0.5 s, seen 1 to 1.5 watchdogs later; the kernel's own 30 s would not have come within the test.
	[ "$(cell_get "$BATS_FILE_TMPDIR" stalls .scheduler_exit.lived_ms)" -le 4500 ]
	assert_eq false "$(cell_get "$BATS_FILE_TMPDIR" stalls_with_its_own_watchdog .scheduler_exit.watchdog_set)"
	assert_eq lived "$(cell_get "$BATS_FILE_TMPDIR" stalls_with_its_own_watchdog .scheduler_exit.state)"
}

@test "a stall that nobody expects is a failure that quotes the kernel" {
	local text
	text=$(cell_get "$BATS_FILE_TMPDIR" stall_nobody_expects '.findings[0].text')
	assert_eq fail "$(cell_get "$BATS_FILE_TMPDIR" stall_nobody_expects .verdict)"
	[[ $text =~ ^"the scheduler died after "[234]\.[0-9]" s: ERROR_STALL (runnable task stall): " ]] || {
		echo "first finding: $text"
		return 1
	}
	assert_contains "$(cat "$BATS_FILE_TMPDIR/run.log")" "--- sched_ext dump ---"
}

@test "a scheduler that prints 20 MB costs 16 of them, and neither its first nor its last words are lost" {
	local log
	log=$(cell_logs "$BATS_FILE_TMPDIR" talks_too_much)/scheduler.log
	assert_cell "$BATS_FILE_TMPDIR" talks_too_much fail \
		"the scheduler ended before it attached: it exited with status 4; the last it said: these are my last words"
	assert_eq 0 "$(cell_get "$BATS_FILE_TMPDIR" talks_too_much .frames.lost)" "lost frames"
	# 15 MiB of head, 1 MiB of tail; 20 000 024 bytes were printed.
	assert_eq "[ktstr: 3222808 bytes are left out here]" "$(grep -a '^\[ktstr: ' "$log")"
	assert_eq "flood 000000000" "$(head -n 1 "$log" | cut -c 1-15)"
	assert_eq "these are my last words" "$(tail -n 1 "$log")"
}

@test "--no-capture shows what scheduler and kernel print, in a passing test too" {
	cell_project "$BATS_TEST_TMPDIR"
	printf '[[test]]\nname = "lives"\nscheduler = "ktstr"\n' >>"$BATS_TEST_TMPDIR/ktstr.toml"
	run_cells "$BATS_TEST_TMPDIR" --no-capture
	assert_eq 0 "$(cat "$BATS_TEST_TMPDIR/run.status")" "$(cat "$BATS_TEST_TMPDIR/run.log")"
	assert_contains "$(cat "$BATS_TEST_TMPDIR/run.log")" "scx_ktstr: attached"
	assert_contains "$(cat "$BATS_TEST_TMPDIR/run.log")" "Linux version "
}
