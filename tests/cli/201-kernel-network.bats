#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Downloads on bad days: cut, wrong, slow, replaced by HTML; no network with a warm and with a cold cache.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; stderr, stderr_lines: set by bats

bats_require_minimum_version 1.5.0
load ../lib
load ../kernel_archive

setup_file() { archive_keys; }
teardown_file() { archive_keys_end; }
setup() {
	archive_begin
	archive_add 7.2.12-t-cloud-amd64 7.2.12-1
	archive_publish
	DEB=$(cd "$ARCHIVE" && echo pool/linux-binary-7*.deb)
	SIZE=$(stat -c %s "$ARCHIVE/$DEB")
}
teardown() { faultd_stop; }

fetch_ok() {
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 0 "$status" "exit status; stderr: $stderr"
	[[ $output == 7.2.12-1-x86_64-d* ]]
	assert_cache_consistent
}

@test "a download that is cut is continued where it stopped" {
	archive_serve linux-binary=cut:500x1 linux-binary=cut:300x1
	fetch_ok
	assert_eq "GET /$DEB 0 200 500 cut
GET /$DEB 500 206 300 cut
GET /$DEB 800 206 $((SIZE - 800)) ok" "$(grep linux-binary "$REQUESTS")"
}

@test "a server that cannot continue is asked for the whole" {
	archive_serve linux-binary=cut:500x1 linux-binary=norange
	fetch_ok
	assert_eq "$SIZE" "$(grep linux-binary "$REQUESTS" | tail -1 | cut -d' ' -f5)"
}

# By its ETag: see 210 for what has none.
@test "an index that is cut is continued while it is the same file" {
	archive_serve InRelease=cut:100x2
	fetch_ok
	assert_eq "0 100 200" "$(grep InRelease "$REQUESTS" | cut -d' ' -f3 | tr '\n' ' ' | sed 's/ $//')"
}

@test "one that is cut again and again without a byte is given up, and continued the next time" {
	archive_serve linux-binary=cut:500x1 linux-binary=cut:0x4
	fails 5 "get kernel '$SPEC': ask the network, since the cache has no kernel of it (--kernel path:IMAGE needs none; KTSTR_DEBIAN_MIRROR names another mirror): fetch version 7.2.12-1: '$MIRROR/$DEB' was cut after 500 bytes: transfer closed with $((SIZE - 500)) bytes remaining to read" \
		kernel fetch "$SPEC"
	fetch_ok
	assert_eq "GET /$DEB 500 206 $((SIZE - 500)) ok" "$(grep linux-binary "$REQUESTS" | tail -1)"
}

@test "a server that stops sending is noticed" {
	archive_serve linux-binary=stall:500x1
	KTSTR_NET_TIMEOUT=1 fetch_ok
	assert_eq "GET /$DEB 500 206 $((SIZE - 500)) ok" "$(grep linux-binary "$REQUESTS" | grep ' ok$')"
}

@test "a server that is busy is asked again" {
	archive_serve InRelease=status:503x1 linux-binary=status:500x1 linux-binary=dropx1
	fetch_ok
}

@test "wrong bytes are refused with both checksums, and not kept" {
	archive_serve linux-binary=wrong
	expected=$(sha256sum <"$ARCHIVE/$DEB" | cut -d' ' -f1)
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 5 "$status"
	assert_contains "$stderr" "get kernel '$SPEC': fetch version 7.2.12-1: '$MIRROR/$DEB': expected sha256 $expected, found "
	assert_cache_consistent
	archive_serve
	fetch_ok
}

@test "another file of the same name is refused by its size" {
	archive_serve
	echo more >>"$ARCHIVE/$DEB"
	fails 5 "get kernel '$SPEC': fetch version 7.2.12-1: '$MIRROR/$DEB': expected $SIZE bytes, found more" \
		kernel fetch "$SPEC"
	truncate -s $((SIZE - 10)) "$ARCHIVE/$DEB"
	fails 5 "get kernel '$SPEC': fetch version 7.2.12-1: '$MIRROR/$DEB': expected $SIZE bytes, found $((SIZE - 10))" \
		kernel fetch "$SPEC"
}

@test "HTML in place of the index or of the package is called that" {
	archive_serve InRelease=htmlx1 linux-binary=html
	fails 5 "get kernel '$SPEC': ask the network, since the cache has no kernel of it (--kernel path:IMAGE needs none; KTSTR_DEBIAN_MIRROR names another mirror): look up the newest cloud kernel of Debian $SUITE: '$MIRROR/dists/$SUITE/InRelease' answered with an HTML page instead of the file (a login page of the network, or a proxy's error?)" \
		kernel fetch "$SPEC"
	fails 5 "get kernel '$SPEC': ask the network, since the cache has no kernel of it (--kernel path:IMAGE needs none; KTSTR_DEBIAN_MIRROR names another mirror): fetch version 7.2.12-1: '$MIRROR/$DEB' answered with an HTML page instead of the file (a login page of the network, or a proxy's error?)" \
		kernel fetch "$SPEC"
	assert_cache_consistent
}

@test "a suite that the mirror does not have is named" {
	archive_serve
	fails 5 "get kernel 'debian:nosuch/cloud': look up the newest cloud kernel of Debian nosuch: '$MIRROR/dists/nosuch/InRelease' is not there (HTTP status 404)" \
		kernel fetch debian:nosuch/cloud
}

@test "no network with a cold cache: says where the connection failed" {
	archive_serve
	faultd_stop
	port=${MIRROR##*:}
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 5 "$status"
	assert_contains "${stderr_lines[-1]}" "ktstr-make: error: get kernel '$SPEC': ask the network, since the cache has no kernel of it (--kernel path:IMAGE needs none; KTSTR_DEBIAN_MIRROR names another mirror): look up the newest cloud kernel of Debian $SUITE: fetch '$MIRROR/dists/$SUITE/InRelease': Failed to connect to 127.0.0.1 port $port"
	assert_cache_consistent
}

@test "no network with a warm cache: the cached kernel is used, and that is said" {
	archive_serve
	ktstr_make kernel fetch "$SPEC"
	faultd_stop
	answers_are_old
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 0 "$status"
	[[ $output == 7.2.12-1-x86_64-d* ]]
	assert_contains "$stderr" "no network; using cached ${output%% *}: "
}

@test "--offline asks nobody: warm it uses the cache, cold it says what to do" {
	archive_serve
	fails 5 "get kernel '$SPEC': no kernel of '$SPEC' is in the cache; run 'ktstr-make kernel fetch' once with a network" \
		kernel fetch --offline "$SPEC"
	assert_eq 0 "$(wc -l <"$REQUESTS")"
	ktstr_make kernel fetch "$SPEC"
	before=$(wc -l <"$REQUESTS")
	run --separate-stderr ktstr_make kernel fetch --offline "$SPEC"
	assert_eq 0 "$status"
	[[ $output == 7.2.12-1-x86_64-d* ]]
	assert_eq "$before" "$(wc -l <"$REQUESTS")"
}

@test "apt's proxy is used" {
	archive_serve
	proxy=$MIRROR
	export KTSTR_DEBIAN_MIRROR=http://mirror.invalid
	apt_says "Acquire::http::Proxy \"$proxy\";"
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 5 "$status" # faultd is no proxy, but it was asked
	assert_contains "$(cat "$REQUESTS")" "GET http://mirror.invalid/dists/$SUITE/InRelease"
}

@test "DIRECT in apt's configuration keeps the environment's proxy out" {
	archive_serve
	export http_proxy=http://127.0.0.1:1
	apt_says 'Acquire::http::Proxy::127.0.0.1 "DIRECT";'
	fetch_ok
}

@test "the mirror is the one that apt uses" {
	archive_serve
	mkdir -p "$BATS_TEST_TMPDIR/sources"
	echo "deb $MIRROR/ some-suite main" >"$BATS_TEST_TMPDIR/sources/a.list"
	echo "deb $MIRROR/debian-security/ some-suite-security main" >"$BATS_TEST_TMPDIR/sources/b.list"
	ln -s . "$ARCHIVE/debian"
	sed -i 's|/ some-suite main|/debian some-suite main|' "$BATS_TEST_TMPDIR/sources/a.list"
	apt_says "Dir::Etc::sourcelist \"/dev/null\";" "Dir::Etc::sourceparts \"$BATS_TEST_TMPDIR/sources\";"
	unset KTSTR_DEBIAN_MIRROR
	fetch_ok
	assert_contains "$(cat "$REQUESTS")" "GET /debian/dists/$SUITE/InRelease"
}

@test "without any mirror in apt the variable is named" {
	apt_says "Dir::Etc::sourcelist \"/dev/null\";" "Dir::Etc::sourceparts \"/dev/null\";"
	unset KTSTR_DEBIAN_MIRROR
	fails 4 "get kernel '$SPEC': look up the newest cloud kernel of Debian $SUITE: apt has no Debian mirror configured; set KTSTR_DEBIAN_MIRROR to the URL of one" \
		kernel fetch "$SPEC"
}

@test "a password in the mirror's URL is not taken, since it would be written into ktstr.lock" {
	export KTSTR_DEBIAN_MIRROR=http://me:secret@127.0.0.1/debian
	fails 3 "get kernel '$SPEC': look up the newest cloud kernel of Debian $SUITE: the Debian mirror's URL has a user name in it, which is not supported yet; set KTSTR_DEBIAN_MIRROR" \
		kernel fetch "$SPEC"
}
