#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Kernels by version, series and range, and tarballs: what is asked of kernel.org, and what when it misbehaves.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; stderr, stderr_lines: set by bats

bats_require_minimum_version 1.5.0
load ../lib
load ../kernel_tree
load ../kernelorg

V6=pub/linux/kernel/v6.x

setup() {
	kernelorg_begin
	kernelorg_add 6.12.40
	kernelorg_add 6.12.58
	kernelorg_add 6.17.8
	kernelorg_releases "mainline 6.18-rc5" "stable 6.17.8" "stable 6.16.12 eol" "longterm 6.12.58" \
		"longterm 6.6.116" "linux-next next-20251114"
	kernelorg_sums
	kernelorg_serve "$SITE"
}
teardown() { faultd_stop; }

@test "stable is the newest series that has had 8 point releases, and is maintained" {
	gets 6.17.8 stable
	kernelorg_releases "mainline 6.18-rc5" "stable 6.17.3" "stable 6.16.12 eol" "longterm 6.12.58" "longterm 6.6.116"
	answers_are_old
	gets 6.12.58 stable
	kernelorg_releases "mainline 6.18-rc5" "stable 6.17.8 eol" "longterm 6.12.40"
	answers_are_old
	gets 6.12.40 stable
}

@test "a series is its newest release, and its tarball is what the checksum says" {
	gets 6.12.58 6.12
	assert_eq "$(sha256sum <"$SITE/$V6/linux-6.12.58.tar.xz" | head -c 12)" "${KEY##*-s}"
}

@test "a series that is past its end is looked up in the directory, where it may have no point release at all" {
	kernelorg_add 6.14
	kernelorg_sums
	gets 6.14 6.14
	kernelorg_add 6.14.2
	kernelorg_add 6.14.11
	kernelorg_sums
	answers_are_old
	gets 6.14.11 6.14
	gets 6.14 6.14.0
}

@test "an exact version is remembered: no request and no network after the first time" {
	gets 6.12.40 6.12.40
	assert_eq 1 "$(requests_of sha256sums.asc)"
	assert_eq 0 "$(requests_of releases.json)"
	answers_are_old
	before=$(wc -l <"$REQUESTS")
	gets 6.12.40 6.12.40
	assert_eq "$before" "$(wc -l <"$REQUESTS")"
	faultd_stop
	gets 6.12.40 6.12.40
	assert_eq "" "$stderr"
}

@test "a version that is not there is answered with the newest of its series" {
	fails 5 "get kernel '6.12.400': look up kernel 6.12.400: 6.12.400 is not there ('$MIRROR/$V6/linux-6.12.400.tar.xz'); the newest 6.12 is 6.12.58" \
		kernel fetch 6.12.400
	fails 5 "get kernel '6.13.1': look up kernel 6.13.1: 6.13.1 is not there ('$MIRROR/$V6/linux-6.13.1.tar.xz'), nor any other 6.13" \
		kernel fetch 6.13.1
	fails 5 "get kernel '6.18': look up the newest 6.18 kernel: there is no release of 6.18 yet; the newest is 6.18-rc5" \
		kernel fetch 6.18
	fails 5 "get kernel '6.99': look up the newest 6.99 kernel: '$MIRROR/$V6/' has no linux-6.99.*; the newest there is 6.17.8" \
		kernel fetch 6.99
	fails 5 "get kernel '9.1': look up the newest 9.1 kernel: '$MIRROR/pub/linux/kernel/v9.x/' is not there (HTTP status 404)" \
		kernel fetch 9.1
}

@test "a version newer than the checksums that are remembered has them asked for again" {
	gets 6.12.40 6.12.40
	kernelorg_add 6.12.59
	kernelorg_sums
	# Also when they came within this second.
	sed -i "s/\"fetched\": [0-9]*/\"fetched\": $(date +%s)/" "$CACHE"/index/index-*.json
	gets 6.12.59 6.12.59
	assert_eq 2 "$(requests_of sha256sums.asc 200)"
}

@test "a release candidate is downloaded once, to know its checksum, and not again to be unpacked" {
	kernelorg_add 6.18-rc5
	gets 6.18-rc5 6.18-rc5
	assert_eq 1 "$(requests_of linux-6.18-rc5.tar.gz)"
	answers_are_old
	gets 6.18-rc5 6.18-rc5
	assert_eq 1 "$(requests_of linux-6.18-rc5.tar.gz)"
	assert_eq "" "$(ls "$CACHE/tmp")"
}

@test "a range is the newest of each series in it, its ends also when they are past their end" {
	kernelorg_add 6.16.12
	kernelorg_add 6.14.11
	kernelorg_sums
	run --separate-stderr ktstr_make kernel fetch 6.14..6.18
	assert_eq 0 "$status" "exit status; stderr: $stderr"
	assert_eq "6.14.11 6.16.12 6.17.8" "$(cut -d- -f1 <<<"$output" | tr '\n' ' ' | sed 's/ $//')"
	run --separate-stderr ktstr_make kernel fetch 6.12.40..6.16
	assert_eq "6.12.58 6.16.12" "$(cut -d- -f1 <<<"$output" | tr '\n' ' ' | sed 's/ $//')"
	fails 5 "get kernel '6.20..6.30': there is no kernel in the range '6.20..6.30'" kernel fetch 6.20..6.30
}

@test "bytes that are not what the checksum says are refused and not kept" {
	kernelorg_serve "$SITE" linux-6.12.58=wrong
	want=$(sha256sum <"$SITE/$V6/linux-6.12.58.tar.xz" | cut -d' ' -f1)
	run --separate-stderr ktstr_make kernel fetch 6.12
	assert_eq 5 "$status"
	assert_contains "${stderr_lines[-1]}" "'$MIRROR/$V6/linux-6.12.58.tar.xz': expected sha256 $want, found "
	assert_eq "" "$(ls "$CACHE/sources" 2>/dev/null)"
	kernelorg_serve "$SITE"
	gets 6.12.58 6.12
}

@test "HTML in the place of a file is refused by name" {
	kernelorg_serve "$SITE" releases.json=html linux-6.12.40=html
	run --separate-stderr ktstr_make kernel fetch 6.12
	assert_eq 5 "$status"
	assert_contains "${stderr_lines[-1]}" "'$MIRROR/releases.json' answered with an HTML page instead of the file"
	run --separate-stderr ktstr_make kernel fetch 6.12.40
	assert_eq 5 "$status"
	assert_contains "${stderr_lines[-1]}" "'$MIRROR/$V6/linux-6.12.40.tar.xz' answered with an HTML page instead of the file"
}

@test "a list of releases that is none is refused" {
	echo '{"releases":{}}' >"$SITE/releases.json"
	fails 5 "get kernel '6.12': look up the newest 6.12 kernel: '$MIRROR/releases.json' is not kernel.org's list of releases: no list \"releases\"" \
		kernel fetch 6.12
}

@test "a tarball that is cut is continued where it stopped, and unpacked all the same" {
	kernelorg_add 6.12.60 blob=300000
	kernelorg_sums
	kernelorg_serve "$SITE" linux-6.12.60=cut:100000x1 linux-6.12.60=cut:50000x1
	gets 6.12.60 6.12.60
	assert_eq "0 100000 150000" "$(awk '/linux-6.12.60/ { printf "%s%s", sep, $3; sep = " " }' "$REQUESTS")"
	cmp "$BATS_TEST_TMPDIR/tree/blob" "$CACHE/sources/$KEY/blob"
}

@test "a release candidate that is cut is continued only while it is the same file" {
	kernelorg_add 6.18-rc5 blob=300000
	kernelorg_serve "$SITE" linux-6.18-rc5=cut:100000x1
	gets 6.18-rc5 6.18-rc5
	assert_eq "0 100000" "$(awk '/linux-6.18-rc5/ { printf "%s%s", sep, $3; sep = " " }' "$REQUESTS")"
	cmp "$BATS_TEST_TMPDIR/tree/blob" "$CACHE/sources/$KEY/blob"
	# Without an ETag nobody promises that it is.
	rm -rf "$CACHE"
	: >"$REQUESTS"
	kernelorg_serve "$SITE" linux-6.18-rc5=cut:100000x1 linux-6.18-rc5=noetag
	gets 6.18-rc5 6.18-rc5
	cmp "$BATS_TEST_TMPDIR/tree/blob" "$CACHE/sources/$KEY/blob"
}

@test "a server that is busy is asked again" {
	kernelorg_serve "$SITE" releases.json=status:500x1 sha256sums=status:503x1 linux-6.12.58=status:500x2
	gets 6.12.58 6.12
	assert_eq 3 "$(requests_of linux-6.12.58)"
}

@test "after an hour the server is asked whether anything changed, and says 304 when nothing did" {
	gets 6.12.58 6.12
	answers_are_old
	gets 6.12.58 6.12
	assert_eq 1 "$(requests_of releases.json 200)"
	assert_eq 1 "$(requests_of releases.json 304)"
	assert_eq 1 "$(requests_of sha256sums.asc)"
	# And that counts for another hour.
	gets 6.12.58 6.12
	assert_eq 2 "$(requests_of releases.json)"
	kernelorg_add 6.12.59
	kernelorg_sums
	kernelorg_releases "stable 6.17.8" "longterm 6.12.59"
	gets 6.12.58 6.12
	answers_are_old
	gets 6.12.59 6.12
	assert_eq 2 "$(requests_of releases.json 200)"
}

@test "a server without ETags is asked by the date" {
	kernelorg_serve "$SITE" releases.json=noetag
	gets 6.12.58 6.12
	answers_are_old
	gets 6.12.58 6.12
	assert_eq 1 "$(requests_of releases.json 304)"
}

@test "without a network what was newest the last time is used, and said so" {
	gets 6.12.58 6.12
	faultd_stop
	answers_are_old
	gets 6.12.58 6.12
	assert_contains "$stderr" "no network; using cached 6.12.58-x86_64-s"
	run --separate-stderr ktstr_make kernel fetch 6.17
	assert_eq 5 "$status"
	assert_contains "${stderr_lines[-1]}" "KTSTR_KERNEL_MIRROR names another mirror"
}

@test "offline there are no requests: what is here is had, and what is not is said" {
	gets 6.12.58 6.12
	gets 6.12.40 6.12.40
	answers_are_old
	before=$(wc -l <"$REQUESTS")
	gets 6.12.58 --offline 6.12
	gets 6.12.40 --offline 6.12.40
	run --separate-stderr ktstr_make kernel fetch --offline 6.17
	assert_eq 5 "$status"
	assert_contains "${stderr_lines[-1]}" "no kernel of '6.17' is in the cache; run 'ktstr-make kernel fetch' once with a network"
	assert_eq "$before" "$(wc -l <"$REQUESTS")"
}

@test "the environment's proxy is used" {
	kernelorg_serve --proxy "$SITE"
	export http_proxy=$MIRROR KTSTR_KERNEL_MIRROR=http://kernel.invalid
	gets 6.12.58 6.12
	assert_eq 1 "$(requests_of linux-6.12.58.tar.xz 200)"
}

@test "a mirror whose URL has a password in it is refused, for ktstr.lock would tell it" {
	export KTSTR_KERNEL_MIRROR=http://me:secret@127.0.0.1:1
	fails 3 "get kernel '6.12': the kernel mirror's URL has a user name in it, which is not supported" kernel fetch 6.12
	export KTSTR_KERNEL_MIRROR=somewhere
	fails 3 "get kernel '6.12': the kernel mirror 'somewhere' is no URL (http://, https:// or file:///)" kernel fetch 6.12
}

@test "with a keyring the checksums must be signed by a key of it" {
	keys=$(mktemp -d /tmp/ktstr-keys.XXXXXX) # short: gpg-agent's socket is in it
	gpg --homedir "$keys" --batch --quiet --passphrase '' --quick-generate-key k@example.invalid ed25519 sign never 2>/dev/null
	gpg --homedir "$keys" --batch --quiet --export >"$BATS_TEST_TMPDIR/keyring.gpg"
	gets 6.12.40 6.12.40 # not checked without one
	export KTSTR_KERNEL_KEYRING=$BATS_TEST_TMPDIR/keyring.gpg
	run --separate-stderr ktstr_make kernel fetch 6.12.40
	unsigned="$status ${stderr_lines[-1]}"
	kernelorg_sums "$keys"
	gpgconf --homedir "$keys" --kill all
	rm -rf "$keys"
	[[ $unsigned == "5 "*"'$MIRROR/$V6/sha256sums.asc' is not signed: "* ]]
	gets 6.12.40 6.12.40
	sed -i "s/  linux-6.12.58.tar.xz/  linux-6.12.99.tar.xz/" "$SITE/$V6/sha256sums.asc"
	answers_are_old
	run --separate-stderr ktstr_make kernel fetch 6.12.99
	assert_eq 5 "$status"
	assert_contains "${stderr_lines[-1]}" "'$MIRROR/$V6/sha256sums.asc': bad signature by key "
	export KTSTR_KERNEL_KEYRING=/nowhere
	fails 4 "get kernel '6.12.58': look up kernel 6.12.58: read the keyring '/nowhere' (KTSTR_KERNEL_KEYRING): No such file or directory" \
		kernel fetch 6.12.58
}

@test "a tarball by its URL is downloaded once, and again only when it has changed" {
	url=$MIRROR/$V6/linux-6.12.40.tar.xz
	gets 6.12.40 "$url"
	first=$KEY
	gets 6.12.40 "$url"
	assert_eq 1 "$(requests_of linux-6.12.40)"
	answers_are_old
	gets 6.12.40 "$url"
	assert_eq 1 "$(requests_of linux-6.12.40 304)"
	kernelorg_add 6.12.40 salt=other blob=10
	answers_are_old
	gets 6.12.40 "$url"
	assert_eq 2 "$(requests_of linux-6.12.40 200)"
	[ "$first" != "$KEY" ]
}

@test "a tarball by its file needs no network, and is read again when it was written again" {
	faultd_stop
	cp "$SITE/$V6/linux-6.12.40.tar.xz" "my #1 linux-6.12.40.tar.xz"
	gets 6.12.40 --offline "my #1 linux-6.12.40.tar.xz"
	assert_eq "read my #1 linux-6.12.40.tar.xz" "${stderr_lines[0]}"
	first=$KEY
	kernelorg_add 6.12.40 blob=10
	cp "$SITE/$V6/linux-6.12.40.tar.xz" "my #1 linux-6.12.40.tar.xz"
	gets 6.12.40 "my #1 linux-6.12.40.tar.xz"
	[ "$first" != "$KEY" ]
	fails 5 "get kernel 'gone.tar.xz': there is no tarball at 'gone.tar.xz': No such file or directory" \
		kernel fetch gone.tar.xz
}

@test "ktstr.lock pins the version of a series until it is updated" {
	printf '[project]\nname = "p"\n\n[kernel.default]\nsource = "6.12"\n' >ktstr.toml
	gets 6.12.58 6.12
	assert_eq "$MIRROR/$V6/linux-6.12.58.tar.xz" "$(jq -r '.kernels[0].url' ktstr.lock)"
	kernelorg_add 6.12.59
	kernelorg_sums
	kernelorg_releases "stable 6.17.8" "longterm 6.12.59"
	answers_are_old
	gets 6.12.58 6.12
	run --separate-stderr ktstr_make update
	assert_eq 0 "$status" "exit status; stderr: $stderr"
	gets 6.12.59 6.12
}

@test "ktstr.lock pins the versions of a range until it is updated, and offline none" {
	printf '[project]\nname = "p"\n\n[kernel.default]\nsource = "6.12..6.13"\n' >ktstr.toml
	versions() { jq -r '[.kernels[] | .versions // empty] | flatten | join(" ")' ktstr.lock; }
	ktstr_make kernel fetch
	assert_eq 6.12.58 "$(versions)"
	kernelorg_add 6.12.59
	kernelorg_sums
	kernelorg_releases "stable 6.17.8" "longterm 6.12.59"
	answers_are_old
	ktstr_make kernel fetch --locked
	assert_eq 6.12.58 "$(versions)"
	ktstr_make update
	assert_eq 6.12.59 "$(versions)"
	ktstr_make kernel fetch --locked
	rm ktstr.lock
	ktstr_make kernel fetch --offline
	[ ! -e ktstr.lock ]
	fails 3 "get kernel 'default': ktstr.lock does not say which kernels '6.12..6.13' are, and --locked forbids adding it; run 'ktstr-make update' and commit ktstr.lock" \
		kernel fetch --locked
}

@test "a tarball's file is found in another copy of the project" {
	mkdir a b
	faultd_stop
	cp "$SITE/$V6/linux-6.12.40.tar.xz" a/l.tar.xz
	printf '[project]\nname = "p"\n\n[kernel.default]\nsource = "./l.tar.xz"\n' >a/ktstr.toml
	(cd a && ktstr_make kernel fetch)
	cp a/* b
	rm -r a "$CACHE"
	(cd b && ktstr_make kernel fetch --locked)
}

@test "kernels of a series that is past its end are listed so, by what is remembered" {
	kernelorg_add 6.16.12
	kernelorg_sums
	ktstr_make kernel build 6.16 6.12
	run --separate-stderr ktstr_make kernel list --json
	assert_eq "6.12.58 current 6.16.12 EOL" \
		"$(jq -r '[.kernels | sort_by(.version)[] | .version, .state] | join(" ")' <<<"$output")"
}

@test "several at once, cold: everything is downloaded once" {
	for i in 1 2 3 4 5; do
		ktstr_make kernel fetch 6.12 >"out.$i" 2>"err.$i" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	assert_eq 1 "$(sort -u out.* | wc -l)"
	assert_eq 1 "$(requests_of releases.json)"
	assert_eq 1 "$(requests_of sha256sums.asc)"
	assert_eq 1 "$(requests_of linux-6.12.58)"
}
