#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A ktstr.toml that nobody would write by mistake: a located error, exit 3, at once.

load ../lib
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR"
	export KTSTR_CACHE_DIR=$BATS_TEST_TMPDIR/cache
	FILE=$(pwd -P)/ktstr.toml
}

# refused FIRST_LINE: of stderr, with FILE for the path of ktstr.toml.
refused() {
	run --separate-stderr timeout 10 "$KTSTR_MAKE" test --list
	assert_eq 3 "$status" "exit code"
	assert_eq "" "$output" "stdout"
	assert_eq "ktstr-make: error: ${1//FILE/$FILE}" "${stderr_lines[0]}" "stderr"
}

@test "NUL bytes" {
	printf 'a = 1\nb\0 = 2\n' >ktstr.toml
	refused "FILE:2:2: a NUL byte: this is not a text file"
	assert_eq '    2 | b\x00 = 2' "${stderr_lines[1]}"
	assert_eq '      |  ^' "${stderr_lines[2]}"
}

@test "another encoding" {
	printf '\xff\xfe[\0v\0m\0]\0' >ktstr.toml
	refused "FILE:1:1: byte 0xff is not UTF-8 text"
	printf '# \xe4\n' >ktstr.toml
	refused "FILE:1:3: byte 0xe4 is not UTF-8 text"
}

@test "a byte order mark and CRLF are no mistake, and the place is right behind them" {
	printf '\xef\xbb\xbf[[test]]\r\nname = "dos"\r\n' >ktstr.toml
	run --separate-stderr ktstr_make test --list
	assert_eq 0 "$status"
	assert_eq "dos  1n1l2c1t  eevdf  default" "$output"
	printf '\xef\xbb\xbfx = 1\r\n' >ktstr.toml
	refused "FILE:1:1: unknown key 'x' in ktstr.toml"
	assert_eq '    1 | x = 1' "${stderr_lines[1]}"
	assert_eq '      | ^' "${stderr_lines[2]}"
}

@test "deep nesting" {
	printf 'a = %s' "$(printf '[%.0s' {1..50000})" >ktstr.toml
	refused "FILE:1:37: nested more than 32 deep"
	printf 'a%s = 1' "$(printf '.a%.0s' {1..50000})" >ktstr.toml
	refused "FILE:1:66: a key of more than 32 parts"
}

@test "more than a mebibyte" {
	head -c 1048577 /dev/zero | tr '\0' '#' >ktstr.toml
	refused "FILE:1:1: the file has more than 1048576 bytes"
	head -c 1048576 /dev/zero | tr '\0' '#' >ktstr.toml
	run --separate-stderr ktstr_make test --list
	refute_config_error
}

# The file was read: what follows is about its tests, of which there are none.
refute_config_error() {
	[[ $stderr != *ktstr.toml:1* ]] || {
		echo "$stderr" >&2
		return 1
	}
	assert_contains "$stderr" "no test"
}

@test "a directory in its place" {
	mkdir ktstr.toml
	refused "FILE: Is a directory"
}

@test "colours of the terminal cannot be smuggled in" {
	printf '[vm]\naccel = "\\u001b[31mred"\n' >ktstr.toml
	refused "FILE:2:9: no accelerator '\\x1b[31mred': \"auto\", \"kvm\" or \"tcg\""
	[[ $stderr != *$'\x1b'* ]]
}
