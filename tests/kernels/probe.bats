#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The probe in the 6.12 of examples/kernel-tree, where a scheduler's exit has neither a tracepoint nor a function to trace.

load ../lib
load ../cells
load ../probe

setup_file() {
	cells_on_built_kernel || return 1
	export DIR=$BATS_FILE_TMPDIR
	probe_project "$DIR"
	run_cells "$DIR"
}

@test "the trigger is a kprobe, and the sidecar says so" {
	assert_eq 'kprobe scx_ops_exit_kind' "$(cell_get "$DIR" stalls .captures.probe)"
}

@test "a stall is latched" {
	assert_stall_is_latched "$DIR" stalls
	assert_calls_are_recorded "$DIR" stalls
}

@test "an error of BPF code is latched, and an event tells of it" {
	assert_error_is_latched "$DIR" errs
	assert_calls_are_recorded "$DIR" errs
}

@test "what a kernel keeps in globals is not kept by the probe" {
	assert_eq '[0,0,0]' "$(probe_get "$DIR" errs '[.ktstr_exit_sched_kva, .ktstr_exit_watchdog_timeout, .ktstr_exit_event_stats]')"
}

@test "an orderly end is not latched" {
	assert_nothing_is_latched "$DIR" leaves
}

@test "asked for all, it records the timeline" {
	assert_error_is_latched "$DIR" records
	assert_calls_are_recorded "$DIR" records
	assert_timeline_is_recorded "$DIR" records
	assert_timeline_has_what_was_done "$DIR" records
}
