#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Failure dumps of the 6.12 of examples/kernel-tree, whose sched_ext keeps its state in globals: the same assertions as on 7.x.

load ../lib
load ../cells
load ../capture

setup_file() {
	cells_on_built_kernel || return 1
	export DIR=$BATS_FILE_TMPDIR
	capture_project "$DIR"
	run_cells "$DIR"
}

@test "a stall is dumped with the scheduler's variables by name, and its arena" {
	assert_dump_has_variables_and_arena "$(dump_of "$DIR" stalls)"
}

@test "a stall is dumped with run queues, dispatch queues and tasks, of the moment of the exit" {
	local dump
	dump=$(dump_of "$DIR" stalls)
	assert_dump_has_kernel_state "$dump" 2
	dump_is "$dump" "the exit is not dealt with yet" '.scx_sched_state.exit_kind == 1026'
	dump_is "$dump" "the workers wait" '[.task_enrichments[].comm | select(startswith("kt-load-"))] | length == 4'
}

@test "a stall is dumped with the probe's counters" {
	assert_dump_has_probe_counters "$(dump_of "$DIR" stalls)"
}

@test "an error exit in the very first dispatch is caught" {
	dump_is "$(dump_of "$DIR" crashes_at_once)" "the exit's kind" '.schema == "single" and .scx_sched_state.exit_kind == 1025'
}
