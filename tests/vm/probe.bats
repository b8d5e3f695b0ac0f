#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The probe in a kernel that has the tracepoint for a scheduler's exit (7.3), and there by the hook of kernels before it:
# what it latches and records, read from inside.

load ../lib
load ../cells
load ../probe

setup_file() {
	export DIR=$BATS_FILE_TMPDIR
	probe_project "$DIR"
	build_bad_scheduler "$DIR"
	cat >>"$DIR/ktstr.toml" <<-TOML
		[[test]]
		name = "stalls_under_fexit"
		scheduler = "watched"
		scheduler-args = ["probe", "--hook", "fexit", "--", "--stall-after=0.5"]
		watchdog = "2s"
		duration = "8s"
		[scheduler.asks]
		binary = "bad_scheduler"
		args = ["ask", "", "$(printf 'x%.0s' {1..64})", "$(printf 'y%.0s' {1..63})"]
		[[test]]
		name = "asks"
		scheduler = "asks"
		duration = "2s"
	TOML
	run_cells "$DIR"
}

@test "the trigger is hooked to the tracepoint, and the sidecar says so" {
	assert_eq 'tp_btf sched_ext_exit' "$(cell_get "$DIR" stalls .captures.probe)"
}

@test "a stall is latched" {
	assert_stall_is_latched "$DIR" stalls
	assert_calls_are_recorded "$DIR" stalls
}

@test "what is kept of a scheduler is its address, its timeout and its events" {
	assert_eq '[true,true,true]' \
		"$(probe_get "$DIR" stalls '[.ktstr_exit_sched_kva > 0, .ktstr_exit_watchdog_timeout > 0, .ktstr_exit_event_stats != 0]')"
}

@test "an error of BPF code is latched, and an event tells of it" {
	assert_error_is_latched "$DIR" errs
	assert_calls_are_recorded "$DIR" errs
}

@test "an orderly end is counted, not latched" {
	assert_nothing_is_latched "$DIR" leaves
	assert_eq 1 "$(probe_get "$DIR" leaves '.counters[14]')"
}

@test "by fexit, a stall is latched as well" {
	grep -qx 'loader: fexit scx_vexit' "$(cell_logs "$DIR" stalls_under_fexit)/scheduler.log"
	assert_stall_is_latched "$DIR" stalls_under_fexit
}

# An error of BPF code goes by scx_vexit only where there is no tracepoint: kernel/sched/ext.c of 7.2 and of 7.3.
@test "stall and error are latched by whatever hook a second kernel has" {
	local dir=$BATS_TEST_TMPDIR
	KTSTR_TEST_KERNEL_SPEC=debian:sid/cloud probe_project "$dir"
	run_cells "$dir" stalls errs
	assert_contains "tp_btf sched_ext_exit,fexit scx_vexit" "$(cell_get "$dir" stalls .captures.probe)"
	assert_stall_is_latched "$dir" stalls
	assert_error_is_latched "$dir" errs
	assert_calls_are_recorded "$dir" errs
}

@test "asked for all, it records the timeline" {
	assert_error_is_latched "$DIR" records
	assert_calls_are_recorded "$DIR" records
	assert_timeline_is_recorded "$DIR" records
	assert_timeline_has_what_was_done "$DIR" records
}

@test "the names of captures have limits, which the answers say" {
	local log
	log=$(cell_logs "$DIR" asks)/scheduler.log
	grep -qx ': error: the name is empty' "$log" || { cat "$log"; return 1; }
	grep -qx 'x\{64\}: error: the name has more than 63 characters' "$log"
	grep -qx 'y\{63\}: ok' "$log"
}
