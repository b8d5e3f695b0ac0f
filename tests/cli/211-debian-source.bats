#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Debian's kernel source packages: which one it is, and that it becomes a tree.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; stderr, stderr_lines: set by bats

bats_require_minimum_version 1.5.0
load ../lib
load ../kernel_tree
load ../kernel_archive

setup_file() { archive_keys; }
teardown_file() { archive_keys_end; }
setup() {
	archive_begin
	source_add 6.12 6.12.9-1
	source_add 6.12 6.12.74-2
	source_add 6.1 6.1.200-1
	archive_publish
	archive_serve
}
teardown() { faultd_stop; }

# source_add SERIES VERSION: linux-source-SERIES of that version.
source_add() {
	local tree=$BATS_TEST_TMPDIR/kernel tar=$BATS_TEST_TMPDIR/linux-source-$1.tar.xz
	rm -rf "$tree"
	kernel_tree_make "$tree" "${2%%-*}"
	kernel_tree_tar "$tree" "$tar"
	_package "linux-source-$1" "$2" "binutils" "usr/src/linux-source-$1.tar.xz" "$tar"
}

@test "the newest version of a source package is fetched and unpacked" {
	run --separate-stderr ktstr_make kernel fetch "debian:$SUITE/linux-source-6.12"
	assert_eq 0 "$status" "exit status; stderr: $stderr"
	[[ $output =~ ^(6\.12\.74-2-x86_64-s[0-9a-f]{12})"  6.12.74  $CACHE/sources/"(.*)$ ]]
	assert_eq "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
	grep -q '^SUBLEVEL = 74$' "$CACHE/sources/${BASH_REMATCH[1]}/Makefile"
	assert_eq "" "$(ls "$CACHE/tmp")"
}

@test "two packages of one suite are told apart, and the prebuilt kernel from both" {
	archive_add 7.2.9-t-cloud-amd64 7.2.9-1
	archive_publish
	run --separate-stderr ktstr_make kernel fetch "debian:$SUITE/linux-source-6.12" "debian:$SUITE/linux-source-6.1" "$SPEC"
	assert_eq 0 "$status" "exit status; stderr: $stderr"
	assert_eq "6.12.74 6.1.200 7.2.9" "$(cut -d- -f1 <<<"$output" | tr '\n' ' ' | sed 's/ $//')"
}

@test "a source package that is not there is answered with those that are" {
	fails 5 "get kernel 'debian:$SUITE/linux-source-6.13': look up the newest linux-source-6.13 of Debian $SUITE: no package linux-source-6.13 in it; it has linux-source-6.1, linux-source-6.12" \
		kernel fetch "debian:$SUITE/linux-source-6.13"
}

@test "after an hour the archive is asked, and a newer version is taken" {
	ktstr_make kernel fetch "debian:$SUITE/linux-source-6.12"
	answers_are_old
	ktstr_make kernel fetch "debian:$SUITE/linux-source-6.12"
	assert_eq 2 "$(requests_of InRelease)"
	assert_eq 1 "$(requests_of by-hash)"
	source_add 6.12 6.12.80-1
	archive_publish
	answers_are_old
	run --separate-stderr ktstr_make kernel fetch "debian:$SUITE/linux-source-6.12"
	[[ $output == 6.12.80-1-x86_64-s* ]]
}

@test "a package that is cut is continued, one with wrong bytes refused" {
	archive_serve linux-source-6.12_6.12.74=cut:4000x1
	run --separate-stderr ktstr_make kernel fetch "debian:$SUITE/linux-source-6.12"
	assert_eq 0 "$status" "exit status; stderr: $stderr"
	assert_eq "0 4000" "$(awk '/linux-source-6.12_/ { printf "%s%s", sep, $3; sep = " " }' "$REQUESTS")"
	archive_serve linux-source-6.1_6.1.200=wrong
	run --separate-stderr ktstr_make kernel fetch "debian:$SUITE/linux-source-6.1"
	assert_eq 5 "$status"
	assert_contains "${stderr_lines[-1]}" "expected sha256 "
}
