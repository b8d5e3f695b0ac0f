#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Processes that are killed while a machine runs: nothing stays behind, what is left says what happened, the next run works.

load ../lib
load ../cells

setup() {
	cell_project "$BATS_TEST_TMPDIR"
	cat >>"$BATS_TEST_TMPDIR/ktstr.toml" <<-'TOML'
		[[test]]
		name = "long"
		duration = "600s"
		[[test]]
		name = "short"
	TOML
	cd "$BATS_TEST_TMPDIR" || return 1
	make='' cell='' qemu=''
}

teardown() {
	[ -z "$make" ] || kill -9 "$make" 2>/dev/null || true
}

# Start the long test in the background; sets make, cell and qemu.
start_long() {
	"$KTSTR_MAKE" test long >run.log 2>&1 </dev/null 3>&- &
	make=$!
	wait_until 30 find_cell "$make" || {
		cat run.log
		return 1
	}
}

# Wait for it; sets status.
end_long() {
	status=0
	wait "$make" || status=$?
	make=
}

assert_next_run_works() {
	run_cells "$BATS_TEST_TMPDIR" short
	assert_eq 0 "$(cat run.status)" "exit status of the next run: $(cat run.log)"
	assert_eq pass "$(cell_get "$BATS_TEST_TMPDIR" short .verdict)"
}

@test "kill -9 of ktstr-make leaves neither cell nor emulator, and the next run works" {
	start_long
	kill -9 "$make"
	end_long
	assert_eq 137 "$status"
	wait_until 5 is_gone "$cell"
	wait_until 5 is_gone "$qemu"
	assert_next_run_works
}

@test "kill -9 of a cell leaves no emulator; the test is an error that says so" {
	start_long
	kill -9 "$cell"
	end_long
	assert_eq 4 "$status" "$(cat run.log)"
	wait_until 5 is_gone "$qemu"
	assert_eq cell-died "$(cell_get "$BATS_TEST_TMPDIR" long .error.kind)"
	[[ $(cell_get "$BATS_TEST_TMPDIR" long .error.text) =~ ^"the cell's process was killed by SIGKILL in phase '"[a-z]+"', without a result"$ ]]
	assert_next_run_works
}

@test "kill -9 of the emulator is an error of the emulator, with the phase" {
	start_long
	kill -9 "$qemu"
	end_long
	assert_eq 4 "$status" "$(cat run.log)"
	assert_eq emulator "$(cell_get "$BATS_TEST_TMPDIR" long .error.kind)"
	assert_contains "$(cell_get "$BATS_TEST_TMPDIR" long .error.text)" "the emulator died "
	assert_contains "$(cell_get "$BATS_TEST_TMPDIR" long .error.text)" ": QEMU was killed by SIGKILL"
}

@test "an interrupted run stops its machine, writes no verdict, and exits with status 130" {
	start_long
	kill -TERM "$make"
	end_long
	assert_eq 130 "$status" "$(cat run.log)"
	is_gone "$cell"
	is_gone "$qemu"
	assert_eq 0 "$(find ktstr-out -name '*.ktstr.json' | wc -l)" "sidecars"
}

@test "two runs of one project at once both pass, each in a directory of its own" {
	local other status=0
	"$KTSTR_MAKE" test short >other.log 2>&1 </dev/null 3>&- &
	other=$!
	run_cells "$BATS_TEST_TMPDIR" short
	wait "$other" || status=$?
	assert_eq 0 "$status" "$(cat other.log)"
	assert_eq 0 "$(cat run.status)" "$(cat run.log)"
	assert_eq 2 "$(find ktstr-out/runs -name 'short-*.ktstr.json' | wc -l)" "sidecars"
	assert_eq "true true" "$(jq -r .passed ktstr-out/runs/2*/*/short-*.ktstr.json | paste -sd ' ')"
}
