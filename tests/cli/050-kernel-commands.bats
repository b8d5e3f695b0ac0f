#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-make kernel fetch, kernel list, update: what they print and refuse. No network.

# shellcheck disable=SC2154,SC2016,SC2164 # bats sets stderr; literal $ is meant; set -e is on
load ../lib
load ../fakes
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR"
	export KTSTR_CACHE_DIR=$PWD/cache
	fake_kernel bzImage 6.99.0-fake
}

@test "kernel list of an empty cache says what to do, on stderr" {
	run --separate-stderr ktstr_make kernel list
	assert_eq 0 "$status"
	assert_eq "" "$output"
	assert_eq "no kernels in '$PWD/cache': 'ktstr-make kernel fetch' gets some" "$stderr"
	assert_eq "[]" "$(ktstr_make kernel list --json | jq -c .kernels)"
}

@test "kernel fetch takes a source, and list shows it" {
	run --separate-stderr ktstr_make kernel fetch path:bzImage
	assert_eq 0 "$status"
	[[ $output =~ ^6\.99\.0-fake-x86_64-[^\ ]+\ \ 6\.99\.0-fake\ \ $PWD/cache/kernels/ ]]
	run --separate-stderr ktstr_make kernel list
	assert_eq 0 "$status"
	assert_eq 2 "${#lines[@]}"
	[[ ${lines[0]} =~ ^KEY\ +RELEASE\ +SOURCE\ +SIZE\ \ LAST\ USED$ ]]
	[[ ${lines[1]} =~ ^6\.99\.0-fake-x86_64-[^\ ]+\ \ 6\.99\.0-fake\ \ path:.*bzImage\ +16\.0\ KiB\ \ 20[0-9-]+T[0-9:]+Z$ ]]
	assert_eq '"6.99.0-fake"' "$(ktstr_make kernel list --json | jq '.kernels[0].release')"
}

@test "kernel fetch without operands takes all kernels of the project" {
	fake_kernel other 6.98.0-fake
	fake_project <<<'[kernel.other]
		source = "path:other"'
	run --separate-stderr ktstr_make kernel fetch
	assert_eq 0 "$status"
	assert_eq "6.99.0-fake 6.98.0-fake" "$(awk '{ print $2 }' <<<"$output" | xargs)"
	run --separate-stderr ktstr_make kernel fetch other
	assert_eq "6.98.0-fake" "$(awk '{ print $2 }' <<<"$output")"
}

@test "kernel fetch without operands and without a project says what to name" {
	cd /
	run --separate-stderr ktstr_make kernel fetch
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: no ktstr.toml here or above, so name a source: 'ktstr-make kernel fetch debian:trixie-backports/cloud'" "$stderr"
}

@test "a source that is none is a usage error; one that is not there is exit code 5" {
	run --separate-stderr ktstr_make kernel fetch nonsense
	assert_eq 3 "$status"
	assert_contains "$stderr" "ktstr-make: error: unknown kernel source 'nonsense'"
	fake_project </dev/null
	run --separate-stderr ktstr_make kernel fetch defualt
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: 'defualt' is neither a kernel of $PWD/ktstr.toml nor a source: did you mean 'default'?" "$stderr"
	run --separate-stderr ktstr_make kernel fetch path:missing
	assert_eq 5 "$status"
	assert_contains "$stderr" "ktstr-make: error: get kernel 'path:missing': there is no kernel at "
}

@test "update refuses a kernel that the project has not, with the nearest" {
	fake_project </dev/null
	run --separate-stderr ktstr_make update --kernel defualt
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: $PWD/ktstr.toml has no kernel 'defualt': did you mean 'default'?" "$stderr"
	run --separate-stderr ktstr_make update --kernel default
	assert_eq 0 "$status"
	[[ $output =~ ^default\ \ path:bzImage\ \ 6\.99\.0-fake-x86_64- ]]
}

@test "--names is what --kernel takes" {
	fake_project </dev/null
	ktstr_make kernel fetch
	run --separate-stderr ktstr_make kernel list --names
	assert_eq "default" "${lines[0]}"
	[[ ${lines[1]} == 6.99.0-fake-x86_64-* ]]
	assert_eq 2 "${#lines[@]}"
}
