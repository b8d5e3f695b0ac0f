#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A guest that spews four megabytes on its console: under a minute of emulation, hence not with the other tests of lost guests.

load ../lib
load ../cells

@test "four megabytes on the console are kept, and the scheduler's failure is reported" {
	local log
	cell_project "$BATS_TEST_TMPDIR"
	build_bad_scheduler "$BATS_TEST_TMPDIR"
	cat >>"$BATS_TEST_TMPDIR/ktstr.toml" <<-'TOML'
		[scheduler.bad]
		binary = "bad_scheduler"
		[[test]]
		name = "flood"
		scheduler = "bad"
		scheduler-args = ["console", "4096000"]
	TOML
	run_cells "$BATS_TEST_TMPDIR"
	assert_eq 1 "$(cat "$BATS_TEST_TMPDIR/run.status")" "exit status"
	assert_cell "$BATS_TEST_TMPDIR" flood fail \
		"the scheduler ended before it attached: it exited with status 4; the last it said: flooded the console"
	log=$(cell_logs "$BATS_TEST_TMPDIR" flood)/console.log
	assert_eq 64000 "$(grep -ac '^flood ' "$log")" "lines on the console"
}
