#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The cache stays consistent: full disk, kill -9, several processes at once, damaged entries.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; stderr, stderr_lines: set by bats

bats_require_minimum_version 1.5.0
load ../lib
load ../kernel_archive

setup_file() { archive_keys; }
teardown_file() { archive_keys_end; }
setup() {
	archive_begin
	# Some that does not compress, so that the files have a size worth speaking of.
	archive_add 7.2.12-t-cloud-amd64 7.2.12-1 "$(head -c 90000 /dev/urandom | base64 -w 0)"
	archive_publish
	MOUNTED=
	PIDS=()
}
teardown() {
	local pid
	for pid in "${PIDS[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
	faultd_stop
	[ -z "$MOUNTED" ] || umount "$MOUNTED"
}

# stalled_at BYTES: that much of the image's package has arrived.
stalled_at() {
	local part
	for part in "$CACHE"/tmp/7.2.12-1-x86_64-d*/image.deb; do
		[ -f "$part" ] && [ "$(stat -c %s "$part")" -eq "$1" ]
	done
}

@test "a disk that is full at whatever point leaves the cache consistent, and room helps" {
	mkdir "$CACHE"
	mount -t tmpfs -o size=32k ktstr-test "$CACHE" 2>/dev/null || require mount "cannot mount a tmpfs here"
	MOUNTED=$CACHE
	archive_serve
	full=0
	for ((kib = 32; ; kib += 40)); do
		mount -o "remount,size=${kib}k" "$CACHE"
		run --separate-stderr ktstr_make kernel fetch "$SPEC"
		[ "$status" -ne 0 ] || break
		assert_eq 4 "$status" "$stderr"
		assert_contains "${stderr_lines[-1]}" ": No space left on device"
		assert_contains "${stderr_lines[-1]}" "$CACHE"
		assert_cache_consistent
		full=$((full + 1))
		[ "$kib" -lt 2000 ]
	done
	[ "$full" -ge 5 ]
	[[ $output == 7.2.12-1-x86_64-d* ]]
	assert_cache_consistent
}

@test "kill -9 in the middle of a download: the next one continues it" {
	archive_serve linux-binary=stall:50000x1
	"$KTSTR_MAKE" kernel fetch "$SPEC" 3>&- &
	PIDS+=($!)
	wait_for stalled_at 50000
	kill -9 "${PIDS[0]}"
	wait "${PIDS[0]}" || true
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 0 "$status" "$stderr"
	assert_contains "$(cat "$REQUESTS")" "linux-binary-7.2.12-t-cloud-amd64_7.2.12-1_amd64.deb 50000 206 "
	assert_cache_consistent
}

@test "kill -9 at any instant: the next run just works" {
	archive_serve .deb=slow:400000 InRelease=slow:4000
	for delay in 0.02 0.05 0.1 0.15 0.2 0.3 0.4 0.5; do
		"$KTSTR_MAKE" kernel fetch "$SPEC" 3>&- &
		PIDS+=($!)
		sleep "$delay"
		kill -9 "${PIDS[-1]}" 2>/dev/null || true
		wait "${PIDS[-1]}" || true
		run --separate-stderr ktstr_make kernel list
		assert_eq 0 "$status"
		[[ $stderr != *damaged* ]]
	done
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 0 "$status" "$stderr"
	assert_cache_consistent
}

@test "two at once: one fetches, the other says for whom it waits, both get it" {
	archive_serve linux-binary=slow:30000
	printf '%s\n' '[project]' 'name = "p"' '[kernel.default]' "source = \"$SPEC\"" >ktstr.toml
	"$KTSTR_MAKE" kernel fetch >one.out 2>one.err 3>&- &
	PIDS+=($!)
	wait_for grep -qs 'fetch linux-binary' one.err
	"$KTSTR_MAKE" kernel fetch >two.out 2>two.err 3>&- &
	PIDS+=($!)
	wait "${PIDS[0]}"
	wait "${PIDS[1]}"
	cmp one.out two.out
	[[ $(<two.out) == 7.2.12-1-x86_64-d* ]]
	assert_contains "$(cat two.err)" "waiting for pid ${PIDS[0]} (fetches 7.2.12-1 for $PWD)"
	assert_eq 1 "$(requests_of linux-binary)"
	assert_cache_consistent
}

@test "six at once with a cold cache download everything once" {
	archive_serve
	for i in 1 2 3 4 5 6; do
		"$KTSTR_MAKE" kernel fetch "$SPEC" >"$i.out" 2>"$i.err" 3>&- &
		PIDS+=($!)
	done
	for pid in "${PIDS[@]}"; do wait "$pid"; done
	for i in 2 3 4 5 6; do cmp 1.out "$i.out"; done
	assert_eq "1 1 1" "$(requests_of InRelease) $(requests_of by-hash) $(requests_of linux-binary)"
	assert_cache_consistent
}

@test "a damaged entry is named, moved away and fetched again" {
	archive_serve
	first=$(ktstr_make kernel fetch "$SPEC")
	key=${first%% *}
	truncate -s 100 "$CACHE/kernels/$key/vmlinux"
	run --separate-stderr ktstr_make kernel list
	assert_contains "$stderr" "cache entry '$key' is damaged: '$CACHE/kernels/$key/vmlinux' has 100 bytes, metadata.json says "
	fails 5 "get kernel '$SPEC': no kernel of '$SPEC' is in the cache; run 'ktstr-make kernel fetch' once with a network" \
		kernel fetch --offline "$SPEC"
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 0 "$status" "$stderr"
	assert_eq "$first" "$output"
	assert_contains "$stderr" "the cached kernel $key is damaged ('$CACHE/kernels/$key/vmlinux' has 100 bytes, metadata.json says "
	assert_contains "$stderr" "); moved to '$CACHE/damaged/$key', getting it again"
	assert_cache_consistent
}

@test "a cache that cannot be written to still serves what is in it" {
	archive_serve
	first=$(ktstr_make kernel fetch "$SPEC")
	mount --bind "$CACHE" "$CACHE" 2>/dev/null && mount -o remount,bind,ro "$CACHE" ||
		require mount "cannot mount anything here"
	MOUNTED=$CACHE
	assert_eq "$first" "$(ktstr_make kernel fetch "$SPEC")"
	faultd_stop
	run --separate-stderr ktstr_make kernel fetch --offline "$SPEC"
	assert_eq "$first" "$output"
}

@test "in a cache that cannot be written to, an old answer is better than none, and said to be old" {
	archive_serve
	first=$(ktstr_make kernel fetch "$SPEC")
	answers_are_old
	mount --bind "$CACHE" "$CACHE" 2>/dev/null && mount -o remount,bind,ro "$CACHE" ||
		require mount "cannot mount anything here"
	MOUNTED=$CACHE
	run --separate-stderr ktstr_make kernel fetch "$SPEC"
	assert_eq 0 "$status" "$stderr"
	assert_eq "$first" "$output"
	assert_contains "$stderr" "a newer one cannot be looked for; using cached ${first%% *}: "
}
