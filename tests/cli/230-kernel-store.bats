#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Kernels in the cache after they were built: damaged, in use, in a cache that is read-only, and cleaned away.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; stderr, stderr_lines: set by bats

bats_require_minimum_version 1.5.0
load ../lib
load ../kernel_tree

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export KTSTR_CACHE_DIR=$BATS_TEST_TMPDIR/cache KERNEL_TREE_LOG=$BATS_TEST_TMPDIR/make.log
	CACHE=$KTSTR_CACHE_DIR
	PIDS=()
	MOUNTED=
}
teardown() {
	local pid
	for pid in "${PIDS[@]}"; do
		kill -9 "$pid" 2>/dev/null || continue
		wait "$pid" 2>/dev/null || true
	done
	[ -z "$MOUNTED" ] || umount "$MOUNTED"
}

# source_of VERSION [OPTION...]: a tarball of it, as linux-VERSION.tar.gz.
source_of() {
	kernel_tree_make "$PWD/tree-$1" "$@"
	kernel_tree_tar "$PWD/tree-$1" "$PWD/linux-$1.tar.gz"
}

# build VERSION: prints the key.
build() {
	local line
	line=$("$KTSTR_MAKE" kernel build "$PWD/linux-$1.tar.gz" 2>>build.err) || { cat build.err >&2; return 1; }
	echo "${line%% *}"
}

# used_hours_ago KEY HOURS
used_hours_ago() {
	touch -d "$2 hours ago" "$CACHE/used/$1"
}

# overwrite FILE: another content of the same size, with the old modification time.
overwrite() {
	local when
	when=$(stat -c %y "$1")
	chmod u+w "$1"
	printf 'something else' | dd of="$1" bs=1 seek=64 conv=notrunc status=none
	touch -d "$when" "$1"
}

keys() {
	ls "$CACHE/kernels"
}

@test "a file overwritten with as many bytes is found at the next use, named, and built again" {
	source_of 6.12.40
	key=$(build 6.12.40)
	overwrite "$CACHE/kernels/$key/image"
	run --separate-stderr ktstr_make kernel build "$PWD/linux-6.12.40.tar.gz"
	assert_eq 0 "$status" "$stderr"
	assert_contains "$stderr" "the cached kernel $key is damaged ('$CACHE/kernels/$key/image': expected sha256 "
	assert_contains "$stderr" "moved to '$CACHE/damaged/$key', getting it again"
	assert_eq "$key" "${output%% *}"
	assert_eq 2 "$(kernel_tree_runs)"
	run --separate-stderr ktstr_make kernel build "$PWD/linux-6.12.40.tar.gz"
	assert_eq 0 "$status"
	[[ $stderr != *damaged* ]]
	assert_eq 2 "$(kernel_tree_runs)"
}

@test "half an entry is named and built again" {
	source_of 6.12.40
	key=$(build 6.12.40)
	rm -f "$CACHE/kernels/$key/metadata.json" "$CACHE/kernels/$key/vmlinux"
	run --separate-stderr ktstr_make kernel list
	assert_eq 0 "$status"
	assert_contains "$stderr" "'$CACHE/kernels/$key/metadata.json' is missing"
	run --separate-stderr ktstr_make kernel build "$PWD/linux-6.12.40.tar.gz"
	assert_eq 0 "$status" "$stderr"
	assert_contains "$stderr" "$key is damaged ('$CACHE/kernels/$key/metadata.json' is missing)"
	assert_eq 2 "$(kernel_tree_runs)"
	[ -s "$CACHE/kernels/$key/vmlinux" ]
}

@test "what was left by a build that was killed after it had made the entry goes at the next use" {
	source_of 6.12.40
	key=$(ktstr_make kernel build "$PWD/linux-6.12.40.tar.gz" | cut -d' ' -f1)
	mkdir -p "$CACHE/tmp/$key/objects"
	echo object >"$CACHE/tmp/$key/objects/fork.o"
	ktstr_make kernel build "$PWD/linux-6.12.40.tar.gz"
	[ -z "$(ls -A "$CACHE/tmp")" ]
	assert_eq 1 "$(kernel_tree_runs)"
}

@test "an entry of a newer ktstr-make is named and left alone" {
	source_of 6.12.40
	key=$(build 6.12.40)
	chmod u+w "$CACHE/kernels/$key/metadata.json"
	sed -i 's/"schema_version": 2/"schema_version": 99/' "$CACHE/kernels/$key/metadata.json"
	run --separate-stderr ktstr_make kernel build "$PWD/linux-6.12.40.tar.gz"
	assert_eq 5 "$status"
	assert_contains "${stderr_lines[-1]}" \
		"'$CACHE/kernels/$key/metadata.json' was made by a newer ktstr-make (schema_version 99, this one knows 2)"
	run --separate-stderr ktstr_make kernel clean --all
	assert_eq 0 "$status" "$stderr"
	assert_eq "$key" "$(keys)"
}

@test "a cache that cannot be written to serves what is in it, and says what to do about the rest" {
	source_of 6.12.40
	source_of 6.12.41
	key=$(build 6.12.40)
	mount --bind "$CACHE" "$CACHE" 2>/dev/null && mount -o remount,bind,ro "$CACHE" ||
		require mount "cannot mount anything here"
	MOUNTED=$CACHE
	assert_eq "$key" "$(build 6.12.40)"
	run --separate-stderr ktstr_make kernel list
	assert_eq 0 "$status"
	assert_contains "$output" "$key"
	run --separate-stderr ktstr_make kernel build "$PWD/linux-6.12.41.tar.gz"
	assert_eq 4 "$status" "$stderr"
	assert_contains "${stderr_lines[-1]}" \
		"what is wanted is not in the kernel cache, and '$CACHE' cannot be written to; set KTSTR_CACHE_DIR to a directory of your own: Read-only file system"
	assert_eq 1 "$(kernel_tree_runs)"
}

@test "kernel clean keeps the last used, by count and by age" {
	for v in 6.12.40 6.12.41 6.12.42; do
		source_of "$v"
		used=$(build "$v")
		used_hours_ago "$used" "$((50 - ${v##*.}))"
	done
	rm -rf "$CACHE/sources"
	run --separate-stderr ktstr_make kernel clean --keep 2 --dry-run
	assert_eq 0 "$status" "$stderr"
	assert_contains "$output" "6.12.40-x86_64-k"
	[[ $output != *6.12.41* && $output != *6.12.42* ]]
	assert_eq 3 "$(keys | wc -l)"
	run --separate-stderr ktstr_make kernel clean --keep 2
	assert_eq 0 "$status" "$stderr"
	assert_contains "$output" "not among the last 2 used"
	[[ $(keys) == 6.12.41-*6.12.42-* ]]
	run --separate-stderr ktstr_make kernel clean --older 9h
	assert_eq 0 "$status" "$stderr"
	[[ $(keys) == 6.12.42-* ]]
	[ -z "$(find "$CACHE/used" -name "6.12.41-x86_64-k*")" ]
	run --separate-stderr ktstr_make kernel clean --keep 5 --json
	assert_eq 0 "$status"
	assert_eq 1 "$(keys | wc -l)"
}

@test "kernel clean --max-size takes source trees first; --sources takes only them" {
	source_of 6.12.40
	key=$(build 6.12.40)
	[ "$(find "$CACHE/sources" -mindepth 1 -maxdepth 1 -type d | wc -l)" -eq 1 ]
	run --separate-stderr ktstr_make kernel clean --max-size 100K
	assert_eq 0 "$status" "$stderr"
	assert_contains "$output" source
	assert_eq "$key" "$(keys)"
	[ -z "$(ls "$CACHE/sources")" ]
	build 6.12.40 >/dev/null
	assert_eq 1 "$(kernel_tree_runs)"
	run --separate-stderr ktstr_make kernel clean --max-size 1K
	assert_eq 0 "$status" "$stderr"
	[ -z "$(keys)" ]
	build 6.12.40 >/dev/null
	run --separate-stderr ktstr_make kernel clean --sources
	assert_eq 0 "$status" "$stderr"
	[ -z "$(ls "$CACHE/sources")" ]
	assert_eq "$key" "$(keys)"
	[ -z "$(ls -A "$CACHE/tmp")" ]
}

@test "kernel clean --corrupt reads every file, and removes what was moved away" {
	source_of 6.12.40
	source_of 6.12.41
	good=$(build 6.12.40)
	bad=$(build 6.12.41)
	overwrite "$CACHE/kernels/$bad/vmlinux"
	mkdir -p "$CACHE/damaged/6.1-x86_64-k0" "$CACHE/tmp/6.1-dead/x" "$CACHE/tmp/.trash-1-1/x"
	echo x >"$CACHE/damaged/6.1-x86_64-k0/image"
	run --separate-stderr ktstr_make kernel clean --corrupt
	assert_eq 0 "$status" "$stderr"
	assert_contains "$output" "'$CACHE/kernels/$bad/vmlinux': expected sha256 "
	assert_contains "$output" 6.1-x86_64-k0
	assert_eq "$good" "$(keys)"
	[ -z "$(ls "$CACHE/damaged")" ]
	[ -z "$(ls -A "$CACHE/tmp")" ]
}

@test "kernel clean leaves alone what a running process uses" {
	source_of 6.12.40
	source_of 6.12.41 slow=30
	key=$(build 6.12.40)
	"$KTSTR_MAKE" kernel build "$PWD/linux-6.12.40.tar.gz" "$PWD/linux-6.12.41.tar.gz" >two.out 2>two.err 3>&- &
	PIDS+=($!)
	wait_for grep -qs 'build 6.12.41' two.err
	run --separate-stderr ktstr_make kernel clean --all
	assert_eq 0 "$status" "$stderr"
	assert_eq "$key" "$(keys)"
	[ "$(find "$CACHE/sources" -maxdepth 1 -name '6.12.41*' -type d | wc -l)" -eq 1 ]
	kill -9 "${PIDS[0]}"
	wait "${PIDS[0]}" 2>/dev/null || true
	PIDS=()
	run --separate-stderr ktstr_make kernel clean --all
	assert_eq 0 "$status" "$stderr"
	[ -z "$(keys)" ]
	[ -z "$(ls "$CACHE/sources")" ]
	[ -z "$(ls -A "$CACHE/tmp")" ]
}
