#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A kernel that is fetched, unpacked, built and installed while ktstr-make is killed at 200 random instants, and while
# the disk is full at one size after the other: what is in the cache is whole and right, and the next run works.
#
# The instants come from $KTSTR_TEST_SEED, which a failure prints.

load ../lib
load ../cells
load ../kernel_tree
load ../faultd

KILLS=200

setup_file() {
	local source=$BATS_FILE_TMPDIR/linux-6.12.40
	[ -x "$O/tests/faultd" ]
	command -v flex >/dev/null && command -v bison >/dev/null || require cc "no flex or bison" || return 1
	mkdir "$BATS_FILE_TMPDIR/srv"
	kernel_tree_make "$source" 6.12.40 objects=30
	kernel_tree_tar "$source" "$BATS_FILE_TMPDIR/srv/linux-6.12.40.tar.xz"
}

setup() {
	unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY KTSTR_LOG KTSTR_NET_TIMEOUT KERNEL_TREE_LOG
	export CCACHE_DISABLE=1
	export KTSTR_CACHE_DIR=$BATS_TEST_TMPDIR/cache
	CACHE=$KTSTR_CACHE_DIR
	mkdir "$BATS_TEST_TMPDIR/work"
	cd "$BATS_TEST_TMPDIR/work" || return 1
}

teardown() { faultd_stop; }

# serve [RULE...]: sets SPEC to the tarball's URL.
serve() {
	faultd_start "$BATS_FILE_TMPDIR/srv" "$@" || return 1
	SPEC=$FAULTD_URL/linux-6.12.40.tar.xz
}

# What an entry is, without what differs from one build to the next: the log, and the times in metadata.json.
entry_sum() {
	(cd "$1" && sha256sum image vmlinux config System.map && jq -S 'del(.created, .created_text, .files, .source, .build.milliseconds)' metadata.json)
}

# What a source tree is: names, modes and contents.
tree_sum() {
	(cd "$1" && find . -printf '%P %y %m %l\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum) | sha256sum
}

# reference: builds once, undisturbed, in a cache of its own; sets KEY, ENTRY_SUM, TREE_SUM and TOOK_MS.
reference() {
	local begin=${EPOCHREALTIME/./} dir
	read -r KEY _ dir < <(KTSTR_CACHE_DIR=$BATS_TEST_TMPDIR/reference "$KTSTR_MAKE" kernel build --source "$SPEC")
	TOOK_MS=$(((${EPOCHREALTIME/./} - begin) / 1000))
	ENTRY_SUM=$(entry_sum "$dir")
	TREE_SUM=$(tree_sum "$BATS_TEST_TMPDIR"/reference/sources/*/)
	[ -n "$KEY" ] && [ -n "$ENTRY_SUM" ]
}

# Whatever is in the cache, at any time, is whole and the same as the reference.
assert_nothing_half() {
	local dir
	for dir in "$CACHE"/kernels/*/; do
		[ -d "$dir" ] || continue
		assert_eq "$KEY" "$(basename "$dir")" "an entry" && assert_eq "$ENTRY_SUM" "$(entry_sum "$dir")" "$dir" || return 1
	done
	for dir in "$CACHE"/sources/*/; do
		[ ! -d "$dir" ] || assert_eq "$TREE_SUM" "$(tree_sum "$dir")" "$dir" || return 1
	done
	[ -z "$(ls -A "$CACHE/damaged" 2>/dev/null)" ] || { ls -R "$CACHE/damaged" >&2; return 1; }
}

# A run that nobody disturbs: it does not wait for the dead, and leaves the right kernel and nothing else.
assert_next_run_works() {
	timeout -k 5 60 "$KTSTR_MAKE" kernel build --source "$SPEC" >out 2>err 3>&- || {
		echo "the next run ended with status $?:"
		cat err
		return 1
	}
	assert_eq "$KEY" "$(cut -d' ' -f1 out)" "its key" || return 1
	[ -d "$CACHE/kernels/$KEY" ] || return 1
	assert_nothing_half || return 1
	[ -z "$(ls -A "$CACHE/tmp")" ] || { ls -R "$CACHE/tmp" >&2; return 1; }
}

# Processes that carry this test's mark in their environment, which all of a run inherit.
marked() {
	grep -lzx "KTSTR_TEST_MARK=$BATS_TEST_TMPDIR" /proc/[0-9]*/environ 2>/dev/null | grep -oE '[0-9]+'
}

none_marked() { [ -z "$(marked)" ]; }

# What a run was doing when it was killed, by the last line that it said.
note_stage() {
	local last
	last=$(tail -n 1 run.err)
	last=${last%% *}
	last=${last:-nothing} # on a busy host it may not have come so far
	stages[$last]=$((${stages[$last]:-0} + 1))
}

# kill_at MS: start a build, kill it then; nothing of it may live on.
kill_at() {
	local pid
	KTSTR_TEST_MARK=$BATS_TEST_TMPDIR "$KTSTR_MAKE" kernel build --source "$SPEC" >run.out 2>run.err </dev/null 3>&- &
	pid=$!
	sleep "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))"
	kill -9 "$pid" 2>/dev/null || true # it may have come to its end
	wait "$pid" 2>/dev/null || true
	note_stage
	wait_until 10 none_marked || {
		ps -o pid,ppid,args -p "$(marked | paste -sd ,)" >&2
		return 1
	}
}

@test "kill -9 at 200 random instants: no half or wrong entry, no stuck lock, nobody left, and the next run works" {
	local i delay seed=${KTSTR_TEST_SEED:-$RANDOM}
	declare -A stages=()
	RANDOM=$seed
	# A download of about half a second.
	serve "linux-6.12.40=slow:$(($(stat -c %s "$BATS_FILE_TMPDIR/srv/linux-6.12.40.tar.xz") * 2))"
	reference
	for ((i = 0; i < KILLS; i++)); do
		# Everything is made anew, or only the kernel. What the killed ones left in tmp/ and locks/ stays.
		rm -rf "$CACHE/kernels"
		((i % 2)) || rm -rf "$CACHE/sources"
		delay=$((RANDOM * (TOOK_MS + TOOK_MS / 10) / 32768))
		# Half of the others aim at the end, where the entry is put together.
		((i % 4 != 3)) || delay=$((TOOK_MS / 4 + RANDOM * TOOK_MS / 2 / 32768))
		if ! kill_at "$delay" || ! assert_nothing_half || ! assert_next_run_works; then
			echo "kill $i after $delay of $TOOK_MS ms, KTSTR_TEST_SEED=$seed; it had said:"
			cat run.err
			return 1
		fi
	done
	for i in "${!stages[@]}"; do
		echo "# killed while it said '$i': ${stages[$i]}" >&3
	done
	# The instants were spread over the work, not all before or after it.
	[ ${#stages[@]} -ge 3 ]
}

@test "kills in a row leave no more behind than one" {
	local i first after
	declare -A stages=()
	serve
	reference
	for ((i = 1; i <= 20; i++)); do
		rm -rf "$CACHE/kernels"
		kill_at $((TOOK_MS * i / 21))
	done
	[ "$(find "$CACHE/tmp" -mindepth 1 -maxdepth 1 | wc -l)" -le 2 ]
	first=$(du -sk "$BATS_TEST_TMPDIR/reference" | cut -f1)
	after=$(du -sk "$CACHE" | cut -f1)
	# One tree and one build, whole or half, and no twenty of them.
	[ "$after" -le $((3 * first)) ]
	assert_next_run_works
}

# Runs in a mount namespace of its own.
disk_full() {
	local kib full=0
	mount -t tmpfs -o size=64k ktstr-test "$CACHE" || return 1
	for ((kib = 64; kib < 200000; kib += kib / 6)); do
		mount -o "remount,size=${kib}k" "$CACHE" || return 1
		if timeout -k 5 60 "$KTSTR_MAKE" kernel build --source "$SPEC" >out 2>err; then
			[ "$full" -ge 10 ] || { echo "only $full sizes were too small" >&2; return 1; }
			assert_eq "$KEY" "$(cut -d' ' -f1 out)" && assert_nothing_half && return 0
			return 1
		fi
		full=$((full + 1))
		assert_contains "$(cat err)" "No space left on device" || return 1
		assert_nothing_half || { echo "with $kib KiB" >&2; return 1; }
		[ -z "$(ls -A "$CACHE/tmp")" ] || { ls -R "$CACHE/tmp" >&2; return 1; }
	done
	echo "$kib KiB were not enough" >&2
	return 1
}

@test "a disk that is full at each stage: the error says so, nothing half is left, and room helps" {
	serve
	reference
	mkdir "$CACHE"
	unshare --mount --propagation private true 2>/dev/null || require mount "no mount namespace to be had"
	export CACHE KEY ENTRY_SUM TREE_SUM SPEC
	export -f disk_full assert_nothing_half entry_sum tree_sum assert_eq assert_contains
	run unshare --mount --propagation private bash -c disk_full
	assert_eq 0 "$status" "$output"
}
