#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-make capture: what it refuses, and by which words. Images that a machine made are in tests/vm.

# shellcheck disable=SC2154,SC2164 # bats sets stderr; set -e is on
load ../lib
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR"
}

# image NOTES: a file as it is saved (vmm/image_file.c), of one empty page in 8 MiB of RAM.
image() {
	local len=${#1}
	{
		printf 'ktstrimg\x02\0\0\0\0\x10\0\0\x01\0\0\0'
		printf '%b' "$(printf '\\x%02x\\x%02x\\0\\0' $((len & 255)) $((len >> 8)))"
		printf '\x01\0\0\0\0\0\0\0'
		printf '\0\0\0\0\0\0\0\0\0\0\x80\0\0\0\0\0\0\0\0\0\0\0\0\0'
		printf '\0\0\0\0\0\0\0\0'
		head -c 4096 /dev/zero
		printf '%s' "$1"
	} >"image"
}

@test "without an image it is a usage error" {
	run --separate-stderr ktstr_make capture
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: of which memory? Give a saved image by --image" "$stderr"
	run --separate-stderr ktstr_make capture --image x --core y --json
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: --core and --json exclude each other" "$stderr"
	run --separate-stderr ktstr_make capture --image x --core y -o z
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: --core and --output exclude each other" "$stderr"
}

@test "a file that is no image is named, with exit code 4" {
	run --separate-stderr ktstr_make capture --image nowhere
	assert_eq 4 "$status"
	assert_eq "ktstr-make: error: load guest memory: open 'nowhere': No such file or directory" "$stderr"
	echo text >text
	run --separate-stderr ktstr_make capture --image text
	assert_eq 4 "$status"
	assert_eq "ktstr-make: error: 'text' is no recording of guest memory: it ends within its header" "$stderr"
	image ''
	run --separate-stderr ktstr_make capture --image image
	assert_eq 4 "$status"
	assert_eq "ktstr-make: error: 'image' is memory alone, without what was known of its guest" "$stderr"
}

@test "an image of an older version is refused by name" {
	image '{}'
	printf '\x01' | dd of=image bs=1 seek=8 conv=notrunc status=none
	run --separate-stderr ktstr_make capture --image image
	assert_eq 4 "$status"
	assert_eq "ktstr-make: error: 'image' is no recording of guest memory: its version is 1, not 2" "$stderr"
}

@test "which kernel it is of must be known, and be the same" {
	image '{"schema_version": 1, "symbols": []}'
	run --separate-stderr ktstr_make capture --image image
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: 'image' does not say which kernel it is of: give its vmlinux by --vmlinux (the guest's kernel does not tell where its BTF is, or has none)" "$stderr"
	echo other >vmlinux
	image '{"schema_version": 1, "vmlinux": "vmlinux", "vmlinux_sha256": "00", "symbols": []}'
	run --separate-stderr ktstr_make capture --image image
	assert_eq 5 "$status"
	assert_eq "ktstr-make: error: 'vmlinux' is not what it was when 'image' was saved: give that kernel's vmlinux by --vmlinux" "$stderr"
	run --separate-stderr ktstr_make capture --image image --vmlinux vmlinux
	assert_eq 5 "$status"
	assert_contains "$stderr" "the type information (BTF) of 'vmlinux' cannot be read"
	rm vmlinux
	run --separate-stderr ktstr_make capture --image image
	assert_eq 4 "$status"
	assert_contains "$stderr" "(--vmlinux gives another file)"
}

@test "with --json an error is one document" {
	run --separate-stderr ktstr_make capture --image nowhere --json
	assert_eq 4 "$status"
	assert_eq host "$(jq -r .error.kind <<<"$output")"
}

@test "a core of it is an ELF file with its pages and a note" {
	image '{"schema_version": 1, "kernel_release": "9.9.9", "symbols": []}'
	run --separate-stderr ktstr_make capture --image image --core core
	assert_eq 0 "$status"
	assert_eq "" "$output$stderr"
	assert_contains "$(readelf -h core)" "CORE (Core file)"
	assert_eq 1 "$(readelf -lW core | grep -c ' LOAD ')"
	assert_contains "$(readelf -nW core)" VMCOREINFO
	assert_contains "$(strings core)" OSRELEASE=9.9.9
}
