#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The fixture scheduler's command line: what it refuses before it touches the kernel.

bats_require_minimum_version 1.5.0
load ../lib

scx_ktstr() {
	"$O/bpf/scx_ktstr" "$@"
}

# refuses MESSAGE ARG...: exit 2, nothing but that one line.
refuses() {
	local message=$1
	shift
	run scx_ktstr "$@"
	assert_eq 2 "$status" "exit status of: $*"
	assert_eq "scx_ktstr: $message; try --help" "$output"
}

@test "an unknown option is named" {
	refuses "unknown option '--nope'" --nope
	refuses "unknown option '-x'" -x
	refuses "unknown option '-x'" --slow -vx
}

@test "an argument is refused" {
	refuses "unexpected argument 'now'" --degrade now
}

@test "an option without its value is named" {
	refuses "no value for option '--stall-after'" --stall-after
}

@test "a delay must be a number of seconds, zero or more" {
	for bad in "" x -1 1s nan inf 1e9; do
		refuses "bad number of seconds '$bad'" --stall-after="$bad"
		refuses "bad number of seconds '$bad'" --degrade-after "$bad"
	done
}

@test "the watchdog timeout must be one that the kernel takes" {
	for bad in "" 0 30001 -1 +5 1.5 99999999999999999999; do
		refuses "bad timeout (1 to 30000 milliseconds) '$bad'" --timeout-ms="$bad"
	done
}

@test "a bad option is found even behind good ones" {
	refuses "unknown option '--nope'" --stall-after=0.5 --timeout-ms 3000 --slow -v --nope
}

@test "help goes to stdout and names every option" {
	run --separate-stderr scx_ktstr --help
	assert_eq 0 "$status"
	# shellcheck disable=SC2154 # set by run
	assert_eq "" "$stderr"
	for option in --stall-after --degrade-after --degrade --scattershot --slow --crash --fail-verify \
		--verify-loop --timeout-ms --verbose --help; do
		assert_contains "$output" " $option"
	done
}
