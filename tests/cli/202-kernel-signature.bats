#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Whose word is taken for what a kernel is: signatures, dates, suites.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; stderr, stderr_lines: set by bats

bats_require_minimum_version 1.5.0
load ../lib
load ../kernel_archive

setup_file() { archive_keys; }
teardown_file() { archive_keys_end; }
setup() {
	archive_begin
	archive_add 7.2.12-t-cloud-amd64 7.2.12-1
}
teardown() { faultd_stop; }

# refused MESSAGE: the index is refused with that, even though a kernel of that spec is cached, and nothing is kept.
refused() {
	fails 5 "get kernel '$SPEC': look up the newest cloud kernel of Debian $SUITE: $1" kernel fetch "$SPEC"
	assert_eq 0 "$(requests_of linux-binary)"
	assert_cache_consistent
}

inrelease() {
	echo "'$MIRROR/dists/$SUITE/InRelease'"
}

key_id() {
	gpg --homedir "$KEYS/$1" --batch --with-colons --list-keys 2>/dev/null | awk -F: '$1 == "pub" { print $5 }'
}

@test "an index that was changed after it was signed is refused" {
	archive_publish
	sed -i 's/^Origin: Test/Origin: Evil/' "$ARCHIVE/dists/$SUITE/InRelease"
	archive_serve
	refused "$(inrelease): bad signature by key $(key_id good)"
}

@test "an index signed by an unknown key is refused with both names" {
	archive_publish other
	archive_serve
	refused "$(inrelease): signed by key $(key_id other), which is not in the keyring '$KEYS/good.gpg'"
	KTSTR_DEBIAN_KEYRING=$KEYS/other.gpg ktstr_make kernel fetch "$SPEC"
}

@test "an index without a signature is refused" {
	archive_publish none
	archive_serve
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 5 "$status"
	assert_contains "$stderr" "$(inrelease) is not signed: gpgv: "
}

@test "a missing keyring says which package brings it" {
	archive_publish
	archive_serve
	export KTSTR_DEBIAN_KEYRING=/nonexistent/keyring.gpg
	fails 4 "get kernel '$SPEC': look up the newest cloud kernel of Debian $SUITE: read the keyring '/nonexistent/keyring.gpg' (install debian-archive-keyring, or set KTSTR_DEBIAN_KEYRING): No such file or directory" \
		kernel fetch "$SPEC"
}

@test "an index past its date is refused, unless apt is told not to mind" {
	VALID_UNTIL="Sat, 01 Jan 2022 00:00:00 UTC"
	archive_publish
	archive_serve
	refused "$(inrelease) is out of date: valid until $VALID_UNTIL (apt's Acquire::Check-Valid-Until is on)"
	apt_says 'Acquire::Check-Valid-Until "true";'
	refused "$(inrelease) is out of date: valid until $VALID_UNTIL (apt's Acquire::Check-Valid-Until is on)"
	apt_says 'Acquire::Check-Valid-Until "no";'
	ktstr_make kernel fetch "$SPEC"
}

@test "the index of another suite is refused, however well it is signed" {
	SUITE=other archive_publish
	mv "$ARCHIVE/dists/other" "$ARCHIVE/dists/$SUITE"
	archive_serve
	refused "$(inrelease) is of suite 'other' (other), not of '$SUITE'"
}

@test "a list of packages that is not the signed one is refused" {
	archive_publish
	archive_serve binary-amd64=wrong
	sum=$(awk '$3 == "main/binary-amd64/Packages.xz" { print $1 }' "$ARCHIVE/dists/$SUITE/Release")
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 5 "$status"
	assert_contains "$stderr" "'$MIRROR/dists/$SUITE/main/binary-amd64/by-hash/SHA256/$sum': expected sha256 $sum, found "
	assert_cache_consistent
}

@test "a bad signature is an error with a warm cache too" {
	archive_publish
	archive_serve
	ktstr_make kernel fetch "$SPEC"
	: >"$REQUESTS"
	answers_are_old
	sed -i 's/^Origin: Test/Origin: Evil/' "$ARCHIVE/dists/$SUITE/InRelease"
	refused "$(inrelease): bad signature by key $(key_id good)"
}
