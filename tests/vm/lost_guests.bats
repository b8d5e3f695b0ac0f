#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Guests that never report: told apart, at once, as errors of the machine and not failures of a scheduler.

load ../lib
load ../cells

setup_file() {
	export BATS_FILE_TMPDIR
	cell_project "$BATS_FILE_TMPDIR"
	build_bad_scheduler "$BATS_FILE_TMPDIR"
	cat >>"$BATS_FILE_TMPDIR/ktstr.toml" <<-'TOML'
		[scheduler.bad]
		binary = "bad_scheduler"

		[[test]]
		name = "panics_before_init"
		kargs = ["rdinit=/nonexistent", "root=/dev/nonexistent"]
		[[test]]
		name = "panics_and_stands_still"
		kargs = ["rdinit=/nonexistent", "root=/dev/nonexistent", "panic=0"]
		[[test]]
		name = "init_dies"
		scheduler = "bad"
		kargs = ["rdinit=/ktstr/scheduler"]
		[[test]]
		name = "init_fails"
		sysctls = ["kernel.no_such_knob=1"]
		[[test]]
		name = "hangs_before_init"
		topology = "1n4l4c1t"
		timeout = "1s"
		[[test]]
		name = "panics_under_a_scheduler"
		scheduler = "bad"
		scheduler-args = ["crash-kernel", "2"]
		duration = "20s"
		[[test]]
		name = "hangs"
		scheduler = "bad"
		scheduler-args = ["take-all-cpus"]
		timeout = "5s"
		[[test]]
		name = "floods_the_console"
		scheduler = "bad"
		scheduler-args = ["console", "256000"]
	TOML
	run_cells "$BATS_FILE_TMPDIR"
}

# assert_error TEST KIND TEXT
assert_error() {
	assert_cell "$BATS_FILE_TMPDIR" "$1" error "$3" &&
		assert_eq "$2" "$(cell_get "$BATS_FILE_TMPDIR" "$1" .error.kind)" "kind of error of $1" &&
		assert_eq "false true false" "$(cell_get "$BATS_FILE_TMPDIR" "$1" '"\(.passed) \(.skipped) \(.inconclusive)"')" &&
		assert_contains "$(cat "$BATS_FILE_TMPDIR/run.log")" "$3"
}

@test "errors and failures are counted apart; a failure decides the exit status" {
	assert_eq 1 "$(cat "$BATS_FILE_TMPDIR/run.status")" "exit status"
	assert_contains "$(cat "$BATS_FILE_TMPDIR/run.log")" \
		"0 passed, 2 failed, 0 inconclusive, 0 skipped, 6 errors"
}

@test "a kernel panic before init is named, and not waited for" {
	assert_error panics_before_init kernel-panic \
		"the kernel panicked before init started: Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"
	# The deadline of this cell is some minutes.
	[ "$(cell_get "$BATS_FILE_TMPDIR" panics_before_init '.timings.total_ms | floor')" -lt 60000 ]
	grep -q 'Kernel panic - not syncing: VFS' "$(cell_logs "$BATS_FILE_TMPDIR" panics_before_init)/console.log"
}

@test "a kernel that panics and does not reboot is not waited for either" {
	assert_error panics_and_stands_still kernel-panic \
		"the kernel panicked before init started: Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"
	[ "$(cell_get "$BATS_FILE_TMPDIR" panics_and_stands_still '.timings.total_ms | floor')" -lt 60000 ]
}

@test "an init that dies is told from a kernel that finds none" {
	assert_error init_dies init-died \
		"init, the first program of the guest, died before it could report: Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300"
}

@test "an init that cannot do its work says why" {
	assert_error init_fails init-failed \
		"init could not do its work: set sysctl \"kernel.no_such_knob=1\": No such file or directory"
}

@test "a kernel that does not reach init in time is an error that says so" {
	# Sixteen emulated CPUs take three times as long to boot.
	assert_error hangs_before_init never-reached-init \
		"the kernel did not come as far as init within 4 s of host time"
}

@test "a kernel that panics under an enabled scheduler is that scheduler's failure" {
	assert_cell "$BATS_FILE_TMPDIR" panics_under_a_scheduler fail \
		"the kernel panicked under the scheduler, while the workers ran: Kernel panic - not syncing: sysrq triggered crash"
	assert_eq null "$(cell_get "$BATS_FILE_TMPDIR" panics_under_a_scheduler .error)"
	grep -q 'sysrq_handle_crash' "$(cell_logs "$BATS_FILE_TMPDIR" panics_under_a_scheduler)/console.log"
}

@test "a guest that hangs after init has started is told from one that never started it" {
	assert_error hangs deadline \
		"the guest did not end within 20 s of host time; it stood still while init prepared the test. A slow host can be given more by 'time-scale', the test by 'timeout'"
	assert_contains "$(cat "$BATS_FILE_TMPDIR/run.log")" "taking all CPUs"
}

@test "a flood on the console is kept whole and does not hide the verdict" {
	local log
	log=$(cell_logs "$BATS_FILE_TMPDIR" floods_the_console)/console.log
	assert_cell "$BATS_FILE_TMPDIR" floods_the_console fail \
		"the scheduler ended before it attached: it exited with status 4; the last it said: flooded the console"
	assert_eq 4000 "$(grep -ac '^flood ' "$log")" "lines on the console"
	assert_eq "flood 000003999" "$(grep -a '^flood ' "$log" | tail -n 1 | cut -c 1-15)"
}
