#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Kernels that are built: once, by whoever comes first, and never left half done.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; stderr, stderr_lines: set by bats

bats_require_minimum_version 1.5.0
load ../lib
load ../kernel_tree

setup() {
	TREE=$BATS_TEST_TMPDIR/linux
	PIDS=()
	MOUNTED=
	unset CC LLVM PAHOLE MAKEFLAGS KTSTR_LOG
	export KTSTR_CACHE_DIR=$BATS_TEST_TMPDIR/cache KERNEL_TREE_LOG=$BATS_TEST_TMPDIR/runs
	export CCACHE_DIR=$BATS_TEST_TMPDIR/ccache
	CACHE=$KTSTR_CACHE_DIR
	mkdir -p "$BATS_TEST_TMPDIR/work"
	cd "$BATS_TEST_TMPDIR/work" || return 1
}

teardown() {
	local pid
	for pid in "${PIDS[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
	[ -z "$MOUNTED" ] || umount "$MOUNTED"
}

# clean_tree OPTION...: a git work tree with everything committed, so that what is built of it is cached.
clean_tree() {
	kernel_tree_make "$TREE" 6.12.40 "$@"
	kernel_tree_git "$TREE" >/dev/null
	SPEC=path:$TREE
}

# fails STATUS ARG...: with that status, and nothing on stdout.
fails() {
	local want=$1
	shift
	run --separate-stderr ktstr_make "$@"
	assert_eq "$want" "$status" "exit status; stderr: $stderr"
	assert_eq "" "$output" "stdout"
}

# only_tools BUT...: ktstr-make finds in PATH what a build needs, without those.
ktstr_make() {
	PATH=${TOOLS:-$PATH} "$KTSTR_MAKE" "$@"
}
only_tools() {
	local dir=$BATS_TEST_TMPDIR/bin name but
	mkdir -p "$dir"
	for name in make flex bison awk bc gcc ld as nm objcopy pahole sh bash cat sleep mkdir head grep sed rm printf \
		echo sort true false git lz4 gzip perl pkg-config dirname; do
		ln -sf "$(command -v "$name")" "$dir/$name"
	done
	for but; do rm "$dir/$but"; done
	TOOLS=$dir
}

no_half_made_thing() {
	run --separate-stderr ktstr_make kernel list
	assert_eq 0 "$status"
	[[ $stderr != *damaged* ]] || { echo "$stderr" >&2; return 1; }
	[ -z "$(ls -A "$CACHE/tmp" 2>/dev/null)" ] || { ls -R "$CACHE/tmp" >&2; return 1; }
}

@test "a kernel is built once, with everything that belongs to it" {
	clean_tree
	run --separate-stderr ktstr_make kernel build "$SPEC"
	assert_eq 0 "$status" "$stderr"
	first=$output
	read -r key release dir <<<"$first"
	assert_contains "$key" -x86_64-k
	assert_eq 6.12.40 "$release"
	assert_eq "System.map build.log.zst config image metadata.json vmlinux" "$(cd "$dir" && echo *)"
	assert_contains "$stderr" "build 6.12.40 with gcc"
	grep -qx CONFIG_SCHED_CLASS_EXT=y "$dir/config"
	readelf -SW "$dir/vmlinux" >sections
	grep -q '\.BTF ' sections
	grep -q '\.symtab ' sections
	! grep -q '\.debug_info ' sections
	assert_contains "$(zstd -dc "$dir/build.log.zst")" "  CC      kernel/fork.o"
	assert_eq "$first" "$(ktstr_make kernel build "$SPEC")"
	assert_eq 1 "$(kernel_tree_runs)"
	no_half_made_thing
}

@test "two projects share one kernel" {
	clean_tree
	for project in a b; do
		mkdir "$project"
		printf '%s\n' '[project]' "name = \"$project\"" '[kernel.default]' "source = \"$SPEC\"" >"$project/ktstr.toml"
		(cd "$project" && "$KTSTR_MAKE" kernel build >../"$project.out")
	done
	assert_eq "$(cut -d' ' -f1 <a.out)" "$(cut -d' ' -f1 <b.out)"
	assert_eq 1 "$(kernel_tree_runs)"
}

@test "DWARF is kept when it is asked for, in an entry of its own" {
	clean_tree
	plain=$(ktstr_make kernel build "$SPEC")
	kept=$(ktstr_make kernel build --keep-debug "$SPEC")
	[ "${plain%% *}" != "${kept%% *}" ]
	readelf -SW "${kept##* }/vmlinux" | grep '\.debug_info ' >/dev/null
}

@test "what a compiler complains about is shown, and the whole log is kept" {
	clean_tree fail=kernel/fork.c
	fails 5 kernel build "$SPEC"
	assert_contains "$stderr" "make exited with status 2; the first error:"
	assert_contains "$stderr" "kernel/fork.c:10:32: error: "
	assert_contains "$stderr" "no_such_variable"
	assert_contains "$stderr" ": kernel/fork.o] Error 1"
	log=${stderr##*the whole log: zstd -dc }
	assert_contains "$(zstd -dc "$log")" "no_such_variable"
	assert_eq "" "$(ls -A "$CACHE/kernels" 2>/dev/null)"
	no_half_made_thing
}

@test "a build that does not link, lacks a file, or is killed says so" {
	clean_tree fail=link
	fails 5 kernel build "$SPEC"
	assert_contains "$stderr" "undefined reference to \`fork_lost'"
	rm -rf "$TREE"
	clean_tree fail=rule
	fails 5 kernel build "$SPEC"
	assert_contains "$stderr" "*** No rule to make target"
	assert_contains "$stderr" "no_such_file"
	rm -rf "$TREE"
	clean_tree fail=kill
	fails 5 kernel build "$SPEC"
	assert_contains "$stderr" "something was killed, most likely because memory ran out"
	assert_contains "$stderr" "kernel/fork.o] Killed"
}

@test "an option that cannot be met stops the build before it starts" {
	clean_tree unmet=SCHED_CLASS_EXT
	fails 5 kernel build "$SPEC"
	assert_contains "$stderr" "CONFIG_SCHED_CLASS_EXT=y"
	assert_contains "$stderr" "KTSTR_NEVER"
	assert_eq 0 "$(kernel_tree_runs)"
}

@test "missing tools are named with their packages, all at once" {
	clean_tree
	only_tools flex bison pahole
	fails 4 kernel build "$SPEC"
	assert_contains "${stderr_lines[-1]}" "flex, bison and pahole are missing: apt-get install flex bison dwarves"
	assert_eq "" "$(cat "$KERNEL_TREE_LOG" 2>/dev/null)"
}

@test "a missing compiler is named with its package" {
	clean_tree
	only_tools gcc
	fails 4 kernel build "$SPEC"
	assert_contains "${stderr_lines[-1]}" "gcc is missing: apt-get install gcc"
	fails 4 kernel build --toolchain gcc-99 "$SPEC"
	assert_contains "${stderr_lines[-1]}" "gcc-99 is missing: apt-get install gcc-99"
}

@test "a pahole that is too old is refused before anything is built, by what the tree needs" {
	clean_tree implicit-args
	printf '%s\n' '#!/bin/sh' 'echo v1.24' >pahole
	chmod +x pahole
	fails 4 kernel build --pahole ./pahole "$SPEC"
	assert_contains "${stderr_lines[-1]}" "pahole is 1.24 ('$PWD/./pahole'), and this kernel needs 1.26 or newer"
	assert_contains "${stderr_lines[-1]}" "KF_IMPLICIT_ARGS"
	assert_eq "" "$(cat "$KERNEL_TREE_LOG" 2>/dev/null)"
	sed -i s/1.24/1.30/ pahole
	PAHOLE=$PWD/pahole ktstr_make kernel build "$SPEC"
	assert_eq 1 "$(kernel_tree_runs)"
}

@test "the number of jobs is handed on to make" {
	clean_tree
	run --separate-stderr ktstr_make kernel build -j 3 "$SPEC"
	assert_eq 0 "$status" "$stderr"
	assert_contains "$stderr" ", 3 jobs"
	grep 'make bzImage .*-j3 --jobserver-auth=' "$KERNEL_TREE_LOG"
	! zstd -dc "$CACHE"/kernels/*/build.log.zst | grep jobserver
}

@test "what the shell of a user says does not get into a kernel" {
	clean_tree
	a=$(ktstr_make kernel build "$SPEC")
	export LOCALVERSION=-mine KCFLAGS=-DMINE KBUILD_BUILD_USER=me MAKEFLAGS=-n KCONFIG_CONFIG=mine ARCH=arm64 CFLAGS=-broken
	cp "${a##* }/image" image
	b=$(ktstr_make kernel build --rebuild "$SPEC")
	assert_eq "$a" "$b"
	cmp image "${b##* }/image"
}

# started ARG...: a build in the background that has come to compiling; sets pid and group.
started() {
	# By setsid, as a shell's background jobs ignore SIGINT.
	env --default-signal=INT "$KTSTR_MAKE" kernel build "$@" >out 2>err 3>&- &
	pid=$!
	PIDS+=("$pid")
	wait_for grep -qs '^make bzImage' "$KERNEL_TREE_LOG"
	group=$(ps -o pid= --ppid "$pid" | tr -d ' ')
	[ -n "$group" ]
	wait_for in_group sleep
}

# in_group PATTERN: a command like that is, and it is no zombie.
in_group() {
	ps -e -o pgid=,stat=,comm= | awk -v g="$group" -v c="$1" \
		'$1 == g && $2 !~ /^Z/ && $3 ~ c { found = 1 } END { exit !found }'
}
nobody_in_group() { ! in_group .; }

@test "Ctrl-C ends the whole build" {
	clean_tree slow=30
	for signal in INT TERM; do
		rm -f "$KERNEL_TREE_LOG"
		started "$SPEC"
		kill -$signal "$pid"
		status=0
		wait "$pid" || status=$?
		assert_eq 130 "$status"
		assert_contains "$(tail -n 1 err)" "ktstr-make: error: interrupted"
		wait_for nobody_in_group
	done
}

@test "kill -9 ends the whole build, and the next one just works" {
	clean_tree slow=30
	started "$SPEC"
	kill -9 "$pid"
	wait "$pid" || true
	wait_for nobody_in_group
	sed -i /SLOW/d "$TREE/fake.mk"
	git -C "$TREE" -c user.name=t -c user.email=t@example.invalid commit --quiet --all --message quick
	ktstr_make kernel build "$SPEC"
	no_half_made_thing
}

@test "of ten that ask for one kernel one builds, and nine say for whom they wait" {
	clean_tree slow=0.3
	"$KTSTR_MAKE" kernel build "$SPEC" >0.out 2>0.err 3>&- &
	PIDS+=($!)
	wait_for grep -qs '^make bzImage' "$KERNEL_TREE_LOG"
	for i in 1 2 3 4 5 6 7 8 9; do
		"$KTSTR_MAKE" kernel build "$SPEC" >"$i.out" 2>"$i.err" 3>&- &
		PIDS+=($!)
	done
	for pid in "${PIDS[@]}"; do wait "$pid"; done
	for i in 1 2 3 4 5 6 7 8 9; do
		cmp 0.out "$i.out"
		assert_contains "$(cat "$i.err")" "waiting for pid ${PIDS[0]} (builds g$(git -C "$TREE" rev-parse HEAD | cut -c-12) for $SPEC)"
	done
	assert_eq 1 "$(kernel_tree_runs)"
	no_half_made_thing
}

@test "a disk that is full at whatever point leaves the cache consistent, and room helps" {
	clean_tree
	mkdir "$CACHE"
	mount -t tmpfs -o size=32k ktstr-test "$CACHE" 2>/dev/null || require mount "cannot mount a tmpfs here"
	MOUNTED=$CACHE
	full=0
	for ((kib = 32; ; kib += 48)); do
		mount -o "remount,size=${kib}k" "$CACHE"
		run --separate-stderr ktstr_make kernel build "$SPEC"
		[ "$status" -ne 0 ] || break
		assert_eq 4 "$status" "$stderr"
		assert_contains "${stderr_lines[-1]}" "No space left on device"
		assert_contains "${stderr_lines[-1]}" "$CACHE"
		no_half_made_thing
		full=$((full + 1))
	done
	[ "$full" -ge 3 ]
	no_half_made_thing
}

@test "a cache that cannot be written to serves what is in it, and says so for the rest" {
	clean_tree
	first=$(ktstr_make kernel build "$SPEC")
	mount --bind "$CACHE" "$CACHE" 2>/dev/null && mount -o remount,bind,ro "$CACHE" ||
		require mount "cannot mount anything here"
	MOUNTED=$CACHE
	assert_eq "$first" "$(ktstr_make kernel build "$SPEC")"
	fails 4 kernel build --kconfig CONFIG_KTSTR_OTHER=y "$SPEC"
	assert_contains "${stderr_lines[-1]}" "$CACHE"
	assert_contains "${stderr_lines[-1]}" "Read-only file system"
	assert_eq 1 "$(kernel_tree_runs)"
}

@test "clocks that were wrong do no harm" {
	kernel_tree_make "$TREE" 6.12.40
	find "$TREE" -exec touch -d '2040-01-01' {} +
	SPEC=$BATS_TEST_TMPDIR/linux-6.12.40.tar.xz
	kernel_tree_tar "$TREE" "$SPEC"
	ktstr_make kernel build "$SPEC"
	find "$CACHE/index" "$CACHE/used" -type f -exec touch -d '2050-01-01' {} +
	ktstr_make kernel build "$SPEC"
	assert_eq 1 "$(kernel_tree_runs)"
	ktstr_make kernel build --rebuild "$SPEC"
	assert_eq 2 "$(kernel_tree_runs)"
	no_half_made_thing
}

@test "a tree that is not committed is built anew each time, without doing it all again" {
	kernel_tree_make "$TREE" 6.12.40
	a=$(ktstr_make kernel build --no-ccache "path:$TREE")
	echo "int edited;" >>"$TREE/mm/page_alloc.c"
	b=$(ktstr_make kernel build --no-ccache "path:$TREE")
	[ "${a%% *}" != "${b%% *}" ]
	assert_eq "  CC      mm/page_alloc.o" "$(zstd -dc "${b##* }/build.log.zst" | grep '^  CC ')"
	assert_contains "$(ktstr_make kernel list)" dirty
}

@test "compile_commands.json is left where a tree of one's own is built" {
	kernel_tree_make "$TREE" 6.12.40
	run --separate-stderr ktstr_make kernel build --no-ccache "path:$TREE"
	assert_eq 0 "$status" "$stderr"
	grep -qF "\"file\": \"$TREE/kernel/fork.c\"" "$CACHE"/objects/*/compile_commands.json
	assert_contains "$stderr" "compile_commands.json for clangd: ln -s $(echo "$CACHE"/objects/*/compile_commands.json) $TREE/"
}
