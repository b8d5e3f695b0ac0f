#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-make init: the starter project.

# shellcheck disable=SC2154,SC2016,SC2164 # bats sets stderr; literal $ is meant; set -e is on
load ../lib
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR"
}

@test "init writes a project that loads and has a test" {
	run --separate-stderr ktstr_make init
	assert_eq 0 "$status"
	assert_eq "wrote $PWD/ktstr.toml" "$output"
	assert_contains "$stderr" "ktstr-make test"
	run --separate-stderr ktstr_make test --list
	assert_eq 0 "$status"
	assert_eq "" "$stderr"
	[ "${#lines[@]}" -ge 1 ]
}

@test "the starter explains itself and names no scheduler that must be built" {
	ktstr_make init
	assert_contains "$(cat ktstr.toml)" "# "
	run ktstr_make test --list --json
	assert_eq "eevdf" "$(jq -r '[.cells[].scheduler] | unique | join(" ")' <<<"$output")"
}

@test "init refuses to overwrite, and leaves the file alone" {
	echo "mine" >ktstr.toml
	run --separate-stderr ktstr_make init
	assert_eq 3 "$status"
	assert_eq "" "$output"
	assert_eq "ktstr-make: error: $PWD/ktstr.toml exists already: nothing was written" "$stderr"
	assert_eq "mine" "$(cat ktstr.toml)"
}

@test "init mentions a project above" {
	ktstr_make init
	mkdir below
	run --separate-stderr ktstr_make -C below init
	assert_eq 0 "$status"
	assert_contains "$stderr" "note: there is a project above this one: $PWD/ktstr.toml"
}

@test "init in a directory that cannot be written is exit code 4" {
	run --separate-stderr ktstr_make -C /proc init
	assert_eq 4 "$status"
	assert_contains "$stderr" "ktstr-make: error: create '/proc/ktstr.toml': "
}
