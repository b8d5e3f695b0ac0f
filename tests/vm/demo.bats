#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The example project, as a user runs it: a real scheduler on a real kernel, on the default kernel and on another.

load ../lib
load ../examples

setup_file() {
	example_copy "$BATS_FILE_TMPDIR" demo
}

setup() {
	cd "$BATS_FILE_TMPDIR/examples/demo" || return 1
}

@test "the demo passes on the default kernel, and its sidecars say what was seen" {
	run "$KTSTR_MAKE" test --accel tcg
	[ "$status" = 0 ] || { echo "$output"; return 1; }
	assert_contains "$output" "6 passed, 0 failed, 0 inconclusive, 0 skipped, 0 errors"
	assert_contains "$output" "accelerator tcg"

	local s
	s=$(sidecar_of stall_is_caught)
	assert_eq '1026' "$(jq .scheduler_exit.kind "$s")"
	assert_contains "$(jq -r .scheduler_exit.message "$s")" "failed to run for"
	assert_eq 'true' "$(jq .passed "$s")"
	# Lived on: past one and a half of its 2 s watchdog.
	s=$(sidecar_of no_stall_without_the_flag)
	[ "$(jq '.timings.ran_ms | floor' "$s")" -ge 3000 ]
	assert_eq '0' "$(jq .scheduler_exit.kind "$s")"
	s=$(sidecar_of two_nodes)
	assert_eq '[[10,32],[32,10]]' "$(jq -c '[.guest_topology.nodes[].distances]' "$s")"
	s=$(sidecar_of smt_siblings)
	assert_eq '["0-1","2-3","4-5","6-7"]' "$(jq -c '[.guest_topology.cpus[].core] | unique' "$s")"
}

@test "the test that is red on purpose fails, names the stall first, and leaves by status 1" {
	run "$KTSTR_MAKE" test --accel tcg --ignored
	assert_eq 1 "$status" "exit status"
	assert_contains "$output" "ERROR_STALL (runnable task stall)"
	assert_contains "$output" "failed to run for"
	assert_contains "$output" "0 passed, 1 failed"
	assert_eq 'false' "$(jq '.passed or .skipped or .inconclusive' "$(sidecar_of red_on_purpose)")"
}

@test "the expected stall fails when the scheduler is not told to stall" {
	sed -i 's/scheduler-args = \["--stall-after=1"\]/scheduler-args = []/' ktstr.toml
	run "$KTSTR_MAKE" test --accel tcg stall_is_caught
	assert_eq 1 "$status" "exit status"
	assert_contains "$output" "0 passed, 1 failed"
	cp "$KTSTR_TOP/examples/demo/ktstr.toml" ktstr.toml
}

@test "the demo's scheduler tests pass on a second kernel, given as an image file" {
	local image
	image=$("$KTSTR_MAKE" kernel fetch debian:sid/cloud | awk '{ print $3 }')/image
	[ -f "$image" ]
	run "$KTSTR_MAKE" test --accel tcg --kernel "path:$image" two_cgroups stall_is_caught
	[ "$status" = 0 ] || { echo "$output"; return 1; }
	assert_contains "$output" "2 passed, 0 failed"
	assert_contains "$(jq -r .kernel_version "$(sidecar_of two_cgroups)")" "amd64"
}
