#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Failure dumps of our own machine on KVM, in the nested machine: the same assertions as under emulation.

load ../lib
load ../cells
load ../capture
load ../nested
load ../kvm

kernel_key() { basename "$(realpath "$DIR/kernels/$1")"; }

setup_file() {
	local key n
	export DIR=$BATS_FILE_TMPDIR
	nested_begin "$DIR" || return 1
	kvm_kernels "$DIR/kernels" || return 1
	asking_project "$DIR/capture"
	cp "$O/bpf/scx_ktstr" "$DIR/capture/scx_ktstr"
	# A host that is emulated writes a file of 6 MB for seconds, while the guest goes on; and it is no host to be strict on.
	sed -i -e 's/^accel = .*/accel = "kvm"/' -e 's|^binary = ".*/scx_ktstr"|binary = "scx_ktstr"|' \
		-e 's/^duration = "2s"/duration = "30s"/' -e 's/^watchdog = "1s"/watchdog = "5s"/' \
		-e 's/^\[defaults\]$/&\ntimeout = "4m"/' "$DIR/capture/ktstr.toml"

	nested_program "$KTSTR_MAKE" /bin/ktstr-make
	nested_copy "$DIR/capture" /capture
	for n in 7 6; do
		key=$(kernel_key "$n")
		nested_copy "$(realpath "$DIR/kernels/$n")" "/root/.cache/ktstr/kernels/$key"
		# Status 1: nobody expects the crash.
		nested_job "run$n" 750 "cd /capture; ktstr-make test --offline -k $key; [ \$? = 1 ]"
		nested_job "save$n" 30 "mkdir -p /results/$n; cp -r /capture/ktstr-out /results/$n/; rm -rf /capture/ktstr-out"
	done
	nested_run 1700
}

# dump KERNEL TEST
dump() {
	dump_of "$DIR/results/$1" "$2" || {
		nested_output "run$1" >&2
		return 1
	}
}

assert_stall() {
	assert_dump_has_variables_and_arena "$(dump "$1" stalls)" &&
		assert_dump_has_kernel_state "$(dump "$1" stalls)" 2 &&
		dump_is "$(dump "$1" stalls)" "the exit is not dealt with yet" '.scx_sched_state.exit_kind == 1026' &&
		dump_is "$(dump "$1" stalls)" "the workers wait" '[.task_enrichments[].comm | select(startswith("kt-load-"))] | length == 4'
}

@test "a stall on 7.x is dumped with variables, arena, run queues, dispatch queues and tasks" {
	assert_stall 7
}

@test "a stall on 6.12 is, too" {
	assert_stall 6
}

@test "both have the probe's counters" {
	assert_dump_has_probe_counters "$(dump 7 stalls)"
	assert_dump_has_probe_counters "$(dump 6 stalls)"
}

@test "an error exit in the very first dispatch is caught by the debug registers" {
	local n
	for n in 7 6; do
		dump_is "$(dump "$n" crashes_at_once)" "the exit's kind" '.schema == "single" and .scx_sched_state.exit_kind == 1025'
		assert_eq null "$(cell_get "$DIR/results/$n" crashes_at_once .captures.not_watched)"
	done
}

@test "captures at fixed times are taken on both" {
	assert_periodic_captures "$DIR/results/7"
	assert_periodic_captures "$DIR/results/6"
}

@test "a program in the guest is given what it asks for, and told what it cannot have" {
	assert_captures_on_request "$DIR/results/7"
	assert_captures_on_request "$DIR/results/6"
}

@test "a capture after an error exit has its kind from the probe's snapshot" {
	assert_capture_after_exit "$DIR/results/7"
	assert_capture_after_exit "$DIR/results/6"
}
