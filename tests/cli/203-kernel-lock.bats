#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr.lock: what a project's kernels stand for stays the same until somebody asks for newer ones.
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # each test is a subshell; SPEC: kernel_archive; stderr, stderr_lines: bats

bats_require_minimum_version 1.5.0
load ../lib
load ../kernel_archive

setup_file() { archive_keys; }
teardown_file() { archive_keys_end; }
setup() {
	archive_begin
	archive_add 7.2.12-t-cloud-amd64 7.2.12-1
	archive_publish
	archive_serve
	printf '%s\n' '[project]' 'name = "p"' '[kernel.default]' "source = \"$SPEC\"" >ktstr.toml
}
teardown() { faultd_stop; }

newer_appears() {
	archive_add 7.3.1-t-cloud-amd64 7.3.1-1
	archive_publish
	answers_are_old
}

@test "the first fetch pins, with everything that a second one needs" {
	ktstr_make kernel fetch
	assert_eq "1 $SPEC 7.2.12-1 linux-binary-7.2.12-t-cloud-amd64" \
		"$(jq -r '"\(.schema_version) \(.kernels[0] | .spec, .version, .package)"' ktstr.lock | awk 'NR == 1 { a = $0; next } { split($0, b, " "); a = a " " b[2] } END { print a }')"
	deb=$(cd "$ARCHIVE" && echo pool/linux-binary-7*.deb)
	assert_eq "$MIRROR/$deb" "$(jq -r '.kernels[0].url' ktstr.lock)"
	assert_eq "$(sha256sum <"$ARCHIVE/$deb" | cut -d' ' -f1)" "$(jq -r '.kernels[0].sha256' ktstr.lock)"
	assert_eq "$(stat -c %s "$ARCHIVE/$deb")" "$(jq -r '.kernels[0].size' ktstr.lock)"
	assert_eq 1 "$(find . -name 'ktstr.lock*' | wc -l)"
}

@test "a pin is obeyed although the mirror has a newer kernel, and needs no network when cached" {
	ktstr_make kernel fetch
	newer_appears
	before=$(wc -l <"$REQUESTS")
	run --separate-stderr ktstr_make kernel fetch
	[[ $output == 7.2.12-1-x86_64-d* ]]
	assert_eq "" "$stderr"
	assert_eq "$before" "$(wc -l <"$REQUESTS")"
	faultd_stop
	run --separate-stderr ktstr_make kernel fetch --offline
	assert_eq 0 "$status"
	[[ $output == 7.2.12-1-x86_64-d* ]]
}

@test "another machine gets the very kernel that is pinned, without asking for the newest" {
	ktstr_make kernel fetch
	newer_appears
	rm -rf "$CACHE"
	: >"$REQUESTS"
	run --separate-stderr ktstr_make kernel fetch --locked
	assert_eq 0 "$status" "$stderr"
	[[ $output == 7.2.12-1-x86_64-d* ]]
	assert_eq 0 "$(requests_of InRelease)"
}

@test "another machine with another mirror gets it from there" {
	ktstr_make kernel fetch
	rm -rf "$CACHE"
	archive_serve # on another port
	run --separate-stderr ktstr_make kernel fetch
	assert_eq 0 "$status" "$stderr"
	[[ $output == 7.2.12-1-x86_64-d* ]]
}

@test "a pin that is gone from the mirror names the command that moves it" {
	ktstr_make kernel fetch
	url=$(jq -r '.kernels[0].url' ktstr.lock)
	rm -rf "$CACHE" "$ARCHIVE"/pool/*7.2.12*
	: >"$ARCHIVE/Packages"
	archive_add 7.3.1-t-cloud-amd64 7.3.1-1
	archive_publish
	fails 5 "get kernel 'default': kernel 7.2.12-1, which ktstr.lock pins for '$SPEC', is gone from where it was ('$url'); run 'ktstr-make update' to take the newest" \
		kernel fetch
	run --separate-stderr ktstr_make update
	assert_eq 0 "$status" "$stderr"
	run --separate-stderr ktstr_make kernel fetch --locked
	assert_eq 0 "$status" "$stderr"
	[[ $output == 7.3.1-1-x86_64-d* ]]
}

@test "update moves the pin at once, however fresh the last answer of the mirror is" {
	ktstr_make kernel fetch
	archive_add 7.3.1-t-cloud-amd64 7.3.1-1
	archive_publish
	run --separate-stderr ktstr_make update
	assert_eq 0 "$status" "$stderr"
	assert_eq "7.3.1-1" "$(jq -r '.kernels[0].version' ktstr.lock)"
}

@test "update without a network is an error and leaves the pin" {
	ktstr_make kernel fetch
	cp ktstr.lock before
	faultd_stop
	run --separate-stderr ktstr_make update
	assert_eq 5 "$status"
	assert_contains "$stderr" "look up the newest cloud kernel of Debian $SUITE: fetch '$MIRROR/dists/$SUITE/InRelease': "
	cmp before ktstr.lock
}

@test "--locked refuses to add a pin" {
	fails 3 "get kernel 'default': ktstr.lock has no kernel for '$SPEC', and --locked forbids adding one; run 'ktstr-make update' and commit ktstr.lock" \
		kernel fetch --locked
	[ ! -e ktstr.lock ]
	assert_eq 0 "$(wc -l <"$REQUESTS")"
}

@test "a kernel that was used for want of a network is not pinned" {
	(cd / && ktstr_make kernel fetch "$SPEC")
	faultd_stop
	answers_are_old
	run --separate-stderr ktstr_make kernel fetch
	assert_eq 0 "$status" "$stderr"
	assert_contains "$stderr" "no network; using cached 7.2.12-1-x86_64-d"
	[ ! -e ktstr.lock ]
}

@test "a lock with merge conflicts in it is refused, not rewritten" {
	ktstr_make kernel fetch
	sed -i '1i <<<<<<< HEAD' ktstr.lock
	cp ktstr.lock before
	fails 3 "get kernel 'default': '$PWD/ktstr.lock' is broken: '$PWD/ktstr.lock' is no JSON object; restore it, or remove it to have everything resolved anew" \
		kernel fetch
	run --separate-stderr ktstr_make update
	assert_eq 3 "$status"
	cmp before ktstr.lock
}

@test "a lock whose checksum is not that of the file gets nothing" {
	ktstr_make kernel fetch
	rm -rf "$CACHE"
	sum=$(jq -r '.kernels[0].sha256' ktstr.lock)
	wrong=${sum//[0-7]/8}
	sed -i "s/$sum/$wrong/" ktstr.lock
	spec=$(jq -r '.kernels[0].spec' ktstr.lock)
	fails 3 "get kernel 'default': '$PWD/ktstr.lock' is broken: the key of '$spec' is not that of its checksum or commit; restore it, or remove it to have everything resolved anew" kernel fetch
	assert_cache_consistent
}
