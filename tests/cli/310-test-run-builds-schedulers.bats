#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-make test: building schedulers before the run, and what is said when they do not build.

# shellcheck disable=SC2154,SC2016,SC2164 # bats sets stderr; literal $ is meant; set -e is on
load ../lib
load ../fakes
bats_require_minimum_version 1.5.0

setup() {
	fake_host <<<'exit 1'
}

# project BUILD BINARY
project() {
	fake_project <<-END
		[scheduler.mine]
		${1:+build = '$1'}
		binary = "$2"
		[defaults]
		duration = "1s"
		scheduler = "mine"
		[[test]]
		name = "one"
		topology = "1n1l2c1t"
		[[test]]
		name = "two"
		topology = "1n1l2c1t"
	END
}

# broken: exit code 5 and nothing on stdout.
broken() {
	run --separate-stderr ktstr_make test --accel tcg
	assert_eq 5 "$status"
	assert_eq "" "$output"
}

@test "the build command runs once per kernel, in the project, with its environment" {
	project 'echo "$PWD $KTSTR_KERNEL_RELEASE $KTSTR_OUT" >>log; env >environment; cp /bin/true mine' mine
	fake_kernel other 6.98.0-fake
	mkdir below && cd below
	run --separate-stderr ktstr_make test --accel tcg --kernel default --kernel path:../other
	cd ..
	assert_eq 4 "$status"
	assert_eq 2 "$(wc -l <log)"
	assert_eq "$PWD 6.99.0-fake" "$(sed -n 1p log | cut -d' ' -f1,2)"
	assert_eq "$PWD 6.98.0-fake" "$(sed -n 2p log | cut -d' ' -f1,2)"
	[ -d "$(sed -n 1p log | cut -d' ' -f3)" ]
	[ "$(sed -n 1p log | cut -d' ' -f3)" != "$(sed -n 2p log | cut -d' ' -f3)" ]
	grep -q '^KTSTR_VMLINUX=' environment
	grep -q '^KTSTR_BTF=' environment
	assert_contains "$stderr" "build mine for 6.99.0-fake"
}

@test "the build command hears nothing of a make that runs us" {
	project 'env >environment; cp /bin/true mine' mine
	export MAKEFLAGS=" -j2 --jobserver-auth=98,99 -- O=/elsewhere" MFLAGS="-j2" MAKELEVEL=1 MAKEFILES=kept
	run --separate-stderr ktstr_make test --accel tcg one
	assert_eq 4 "$status"
	assert_eq "MAKEFILES=kept" "$(grep '^M[A-Z]*=' environment | grep -v '^MAIL=')"
}

@test "only schedulers that are needed are built" {
	project 'touch built; exit 1' mine
	cat >>ktstr.toml <<-'END'
		[scheduler.other]
		binary = "/bin/true"
		[[test]]
		name = "three"
		topology = "1n1l1c1t"
		scheduler = "other"
	END
	run --separate-stderr ktstr_make test --accel tcg three
	assert_eq 4 "$status"
	[ ! -e built ]
}

@test "a build that fails: exit code 5, how it ended, and its last words" {
	project 'for i in 1 2 3; do echo line $i; done; echo "error: no such field" >&2; exit 2' mine
	broken
	assert_contains "$stderr" "ktstr-make: error: the build command of scheduler 'mine' for kernel 6.99.0-fake exited with status 2: for i in"
	assert_contains "$stderr" "
    line 3
    error: no such field"
	[ ! -e ktstr-out/runs ]
}

@test "of a long output only the end is shown" {
	project 'seq 100000; exit 1' mine
	broken
	assert_contains "$stderr" "
    100000"
	[[ $stderr != *"    99900"* ]]
}

@test "-v shows the build's output as it comes" {
	project 'echo compiling things; cp /bin/true mine' mine
	run --separate-stderr ktstr_make -v test --accel tcg
	assert_contains "$stderr" "compiling things"
	run --separate-stderr ktstr_make test --accel tcg
	[[ $stderr != *"compiling things"* ]]
	project 'echo compiling things; exit 1' mine
	run --separate-stderr ktstr_make -v test --accel tcg
	assert_eq 5 "$status"
	assert_eq 1 "$(grep -c '^ *compiling things$' <<<"$stderr")"
}

@test "a build killed by a signal is named" {
	project 'kill -SEGV $$' mine
	broken
	assert_contains "$stderr" "was killed by SIGSEGV"
}

@test "a binary in KTSTR_OUT is of this kernel's build alone" {
	local binary
	project 'cp /bin/true "$KTSTR_OUT/scx_mine"' '$KTSTR_OUT/scx_mine'
	run --separate-stderr ktstr_make test --accel tcg
	[[ $stderr != *"binary of scheduler"* ]] || { echo "$stderr"; return 1; }
	binary=$(echo ktstr-out/build/*/mine/scx_mine)
	cmp /bin/true "$binary"
	[ ! -e scx_mine ]
	project "" '$KTSTR_OUT/scx_mine'
	run --separate-stderr ktstr_make test --accel tcg
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: $PWD/ktstr.toml:5:12: the binary of scheduler 'mine' is in \$KTSTR_OUT, which only a 'build' command writes to" "${stderr_lines[-1]}"
}

@test "a binary that is missing: place, path and what to do" {
	project "" build/scx_mine
	broken
	assert_eq "ktstr-make: error: $PWD/ktstr.toml:5:12: the binary of scheduler 'mine' is not there: '$PWD/build/scx_mine': No such file or directory (build it first, or give the scheduler a 'build' command)" "${stderr_lines[-1]}"
	project "true" build/scx_mine
	broken
	assert_contains "$stderr" "(does its build command write it there?)"
}

@test "a binary that is not executable, a directory, empty, or a text" {
	project "" mine
	echo '#!/bin/sh' >mine
	broken
	assert_contains "$stderr" "is not executable: '$PWD/mine': chmod +x it"
	rm mine && mkdir mine
	broken
	assert_contains "$stderr" "is not a file: '$PWD/mine'"
	rmdir mine && touch mine && chmod +x mine
	broken
	assert_contains "$stderr" "is empty: '$PWD/mine'"
	echo 'just text' >mine
	broken
	assert_eq "ktstr-make: error: $PWD/ktstr.toml:5:12: the binary of scheduler 'mine' is not an ELF program: '$PWD/mine' (a script has no interpreter in the guest)" "${stderr_lines[-1]}"
}

@test "Ctrl-C during a build stops it, all of it: exit code 130" {
	project 'echo $$ >build.pid; sleep 300 & echo $! >sleep.pid; wait' mine
	"$KTSTR_MAKE" test --accel tcg >out 2>err &
	local pid=$! status=0
	for _ in {1..100}; do
		[ -s sleep.pid ] && break
		sleep 0.1
	done
	kill -TERM "$pid"
	wait "$pid" || status=$?
	assert_eq 130 "$status"
	assert_contains "$(cat err)" "ktstr-make: error: interrupted while building scheduler 'mine'"
	for _ in {1..50}; do
		kill -0 "$(cat sleep.pid)" 2>/dev/null || return 0
		[[ $(ps -o stat= -p "$(cat sleep.pid)") == Z* ]] && return 0
		sleep 0.1
	done
	echo "the build's child is still there" >&2
	return 1
}
