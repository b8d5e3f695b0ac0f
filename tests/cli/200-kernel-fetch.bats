#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kernel fetch and list: Debian's kernels from a mirror, local images, cache keys.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; stderr, stderr_lines: set by bats

bats_require_minimum_version 1.5.0
load ../lib
load ../kernel_archive

setup_file() { archive_keys; }
teardown_file() { archive_keys_end; }
setup() {
	archive_begin
	archive_add 7.2.9-t-cloud-amd64 7.2.9-1
	archive_add 7.2.12-t-cloud-amd64 7.2.12-1~bpo1+1
	archive_publish
}
teardown() { faultd_stop; }

@test "the newest cloud kernel of a suite is fetched, verified, unpacked and kept" {
	archive_serve
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 0 "$status" "exit status; stderr: $stderr"
	[[ $output =~ ^(7\.2\.12-1~bpo1\+1-x86_64-d[0-9a-f]{12})"  7.2.12-t-cloud-amd64  $CACHE/kernels/"(.*)$ ]]
	key=${BASH_REMATCH[1]}
	assert_eq "$key" "${BASH_REMATCH[2]}"
	dir=$CACHE/kernels/$key
	assert_eq "config image metadata.json vmlinux" "$(cd "$dir" && echo *)"
	cmp "$dir/image" "$BATS_TEST_TMPDIR/bzImage"
	assert_eq 'CONFIG_LOCALVERSION="7.2.12-t-cloud-amd64"' "$(cat "$dir/config")"
	readelf -S -W "$dir/vmlinux" | grep -q '\.BTF'
	assert_eq true "$(jq .facts.has_sched_ext "$dir/metadata.json")"
	assert_eq "$(sha256sum <"$dir/vmlinux" | cut -d' ' -f1)" "$(jq -r .files.vmlinux.sha256 "$dir/metadata.json")"
	assert_cache_consistent
}

@test "what is fetched already is had without a request" {
	archive_serve
	ktstr_make kernel fetch "$SPEC"
	before=$(wc -l <"$REQUESTS")
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 0 "$status"
	assert_eq "" "$stderr"
	assert_eq "$before" "$(wc -l <"$REQUESTS")"
}

@test "after an hour the mirror is asked again, but its list of packages only when it has changed" {
	archive_serve
	ktstr_make kernel fetch "$SPEC"
	answers_are_old
	ktstr_make kernel fetch "$SPEC"
	assert_eq 2 "$(requests_of InRelease)"
	assert_eq 1 "$(requests_of by-hash)"
	archive_add 7.3.1-t-cloud-amd64 7.3.1-1
	archive_publish
	answers_are_old
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	[[ $output == 7.3.1-1-x86_64-d* ]]
	assert_eq 2 "$(requests_of by-hash)"
}

@test "an index that lists a package that is gone by now is asked again at once" {
	archive_serve
	ktstr_make kernel fetch "$SPEC"
	rm -rf "$CACHE/kernels" "$ARCHIVE"/pool/*
	: >"$ARCHIVE/Packages"
	archive_add 7.3.1-t-cloud-amd64 7.3.1-1
	archive_publish
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 0 "$status"
	[[ $output == 7.3.1-1-x86_64-d* ]]
}

@test "a kernel of the time before image and base were split is fetched too" {
	: >"$ARCHIVE/Packages"
	_package linux-image-6.18.9-t-cloud-amd64 6.18.9-1 "kmod" boot/vmlinuz-6.18.9-t-cloud-amd64 "$BATS_TEST_TMPDIR/bzImage"
	archive_publish
	archive_serve
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 0 "$status"
	assert_contains "$stderr" "no config in the package"
	[[ $output == 6.18.9-1-x86_64-d* ]]
}

@test "kernel list shows what is there, as text and as JSON" {
	archive_serve
	ktstr_make kernel fetch "$SPEC"
	"$O/tests/mkbzimage" 9.9.9-local local-image
	ktstr_make kernel fetch path:local-image
	run --separate-stderr ktstr_make kernel list --json
	assert_eq 0 "$status"
	assert_eq "[\"$SPEC\",\"path:local-image\"]" "$(jq -c '[.kernels[].source] | sort' <<<"$output")"
	assert_eq '["7.2.12-t-cloud-amd64","9.9.9-local"]' "$(jq -c '[.kernels[].release] | sort' <<<"$output")"
	run --separate-stderr ktstr_make kernel list
	assert_eq 3 "${#lines[@]}"
}

@test "a cached kernel is had by its key and by a prefix of it" {
	"$O/tests/mkbzimage" 9.9.9-local local-image
	first=$(ktstr_make kernel fetch path:local-image)
	assert_eq "$first" "$(ktstr_make kernel fetch 9.9.9-local-x86)"
	assert_eq "$first" "$(ktstr_make kernel fetch "${first%% *}")"
	fails 5 "get kernel '8.8.8-none': no kernel in the cache has a key that begins with '8.8.8-none'; 'ktstr-make kernel list' shows them" \
		kernel fetch 8.8.8-none
}

@test "an unknown form of source is answered with those that are known" {
	fails 3 "unknown kernel source 'bogus'; known are: stable, a series (6.12), a version (6.12.40, 6.15-rc3), a range (6.12..6.16), debian:SUITE/cloud, debian:SUITE/linux-source-VERSION, path:DIR-or-image, git+URL#REF, a tarball's URL or file (.tar.xz, .gz, .zst, .bz2), a cache key" \
		kernel fetch bogus
	fails 3 "kernel source '6.16..6.12' is an empty range: did you mean '6.12..6.16'?" kernel fetch 6.16..6.12
}

@test "a path that is no kernel is named" {
	echo text >file
	fails 5 "get kernel 'path:file': '$PWD/file' is no x86 kernel image (bzImage)" kernel fetch path:file
	fails 5 "get kernel 'path:gone': there is no kernel at 'gone': No such file or directory" kernel fetch path:gone
}
