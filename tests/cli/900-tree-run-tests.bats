#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# scripts/run-tests: what counts as passed, failed and skipped, and that nothing passes by accident.

load ../lib

setup() {
	cd "$BATS_TEST_TMPDIR"
	export O=$BATS_TEST_TMPDIR/out
}

# program NAME: an executable made of stdin.
program() {
	{
		echo '#!/bin/bash'
		cat
	} >"$1"
	chmod +x "$1"
}

run_tests() {
	run "$KTSTR_TOP/scripts/run-tests" "$@"
	last=${lines[-1]}
}

@test "passes and skips are summed over all files" {
	program one <<<'printf "1..2\nok 1 - a\nok 2 - b # SKIP no kvm\n"'
	program two <<<'printf "1..1\nok 1 - c\n"'
	run_tests one two
	assert_eq 0 "$status"
	assert_eq "2 passed, 0 failed, 1 skipped" "$last"
	assert_contains "$output" "ok 2 - b # SKIP no kvm"
}

@test "a skip as cmocka reports it is a skip, and its reason is shown" {
	program one <<<'printf "1..2\nok 1 - a\n# skip: kvm: no /dev/kvm\nnot ok 2 # SKIP b\n"'
	run_tests one
	assert_eq 0 "$status"
	assert_eq "1 passed, 0 failed, 1 skipped" "$last"
	assert_contains "$output" "# skip: kvm: no /dev/kvm"
}

@test "a failure is shown in full and its log is kept" {
	program bad <<<'printf "1..2\nok 1 - a\nnot ok 2 - b\n# expected 1\n"; exit 1'
	run_tests bad
	assert_eq 1 "$status"
	assert_eq "1 passed, 1 failed, 0 skipped" "$last"
	assert_contains "$output" "not ok 2 - b"
	assert_contains "$output" "# expected 1"
	assert_contains "$output" "log: $O/test-logs/bad.log"
	[ -s "$O/test-logs/bad.log" ]
}

@test "no log is kept of what passed" {
	program good <<<'printf "1..1\nok 1 - a\n"'
	run_tests good
	assert_eq 0 "$status"
	[ ! -e "$O/test-logs" ]
}

@test "a crash is a failure, also after all tests passed" {
	program crash <<<'printf "1..1\nok 1 - a\n"; kill -SEGV $$'
	run_tests crash
	assert_eq 1 "$status"
	assert_eq "1 passed, 1 failed, 0 skipped" "$last"
	assert_contains "$output" "crash was killed by SIGSEGV"
}

@test "an exit status without a failed test is a failure" {
	program leak <<<'printf "1..1\nok 1 - a\n"; exit 23'
	run_tests leak
	assert_eq 1 "$status"
	assert_eq "1 passed, 1 failed, 0 skipped" "$last"
	assert_contains "$output" "leak exited with status 23 although no test failed"
}

@test "a file without a plan is a failure" {
	program silent <<<'exit 0'
	run_tests silent
	assert_eq 1 "$status"
	assert_eq "0 passed, 1 failed, 0 skipped" "$last"
	assert_contains "$output" "silent printed no TAP plan (exit status 0)"
}

@test "a file whose log is gone is a failure" {
	program vandal <<<'printf "1..1\nok 1 - a\n"; rm -rf "$O/test-logs"'
	run_tests vandal
	assert_eq 1 "$status"
	assert_eq "0 passed, 1 failed, 0 skipped" "$last"
}

@test "fewer tests than planned is a failure" {
	program short <<<'printf "1..3\nok 1 - a\n"'
	run_tests short
	assert_eq 1 "$status"
	assert_eq "1 passed, 1 failed, 0 skipped" "$last"
	assert_contains "$output" "short planned 3 tests, ran 1 (exit status 0)"
}

@test "a missing file is a failure" {
	run_tests no-such-file
	assert_eq 1 "$status"
	assert_eq "0 passed, 1 failed, 0 skipped" "$last"
}

@test "no tests at all is a failure" {
	run_tests
	assert_eq 1 "$status"
	assert_eq "no tests ran" "${lines[0]}"
	assert_eq "0 passed, 1 failed, 0 skipped" "$last"
}

@test "a file that takes too long is ended and fails" {
	program slow <<<'echo 1..1; exec sleep 60'
	KTSTR_TEST_TIMEOUT=1 run_tests slow
	assert_eq 1 "$status"
	assert_eq "0 passed, 1 failed, 0 skipped" "$last"
	assert_contains "$output" "slow did not end within 1 s, or was killed"
}

@test "bats files count like programs" {
	# shellcheck disable=SC2016 # for the inner bats
	printf '@test "good" { true; }\n@test "none" { skip "no reason"; }\n@test "bad" { false; }\n' >inner.bats
	run_tests inner.bats
	assert_eq 1 "$status"
	assert_eq "1 passed, 1 failed, 1 skipped" "$last"
	assert_contains "$output" "ok 2 none # skip no reason"
}

@test "require skips, and fails when the capability is demanded" {
	printf 'load %s\n@test "needs it" { false || require frob "no frob here"; }\n' \
		"$KTSTR_TOP/tests/lib" >inner.bats
	KTSTR_TEST_REQUIRE=tcg,frobnicate run_tests inner.bats
	assert_eq 0 "$status"
	assert_eq "0 passed, 0 failed, 1 skipped" "$last"
	assert_contains "$output" "# skip frob: no frob here"
	KTSTR_TEST_REQUIRE=tcg,frob run_tests inner.bats
	assert_eq 1 "$status"
	assert_eq "0 passed, 1 failed, 0 skipped" "$last"
	assert_contains "$output" "required: frob: no frob here"
}

@test "tests get the paths of the build" {
	program paths <<<'echo 1..1; [ "$KTSTR_MAKE" = "$O/ktstr-make" ] && echo "ok 1 - $CMOCKA_MESSAGE_OUTPUT"'
	unset KTSTR_MAKE
	run_tests paths
	assert_eq "1 passed, 0 failed, 0 skipped" "$last"
}

@test "files run several at a time, and each is shown whole" {
	# Each waits for the other: one after the other they would never end.
	program one <<<'touch one.is; until [ -e two.is ]; do sleep 0.05; done; printf "1..2\nok 1 - a\nnot ok 2 - b\n"; exit 1'
	program two <<<'touch two.is; until [ -e one.is ]; do sleep 0.05; done; printf "1..1\nok 1 - c\n"'
	KTSTR_TEST_JOBS=2 KTSTR_TEST_TIMEOUT=60 run_tests one two
	assert_eq 1 "$status"
	assert_eq "2 passed, 1 failed, 0 skipped" "$last"
	assert_contains "$output" "FAIL  one (1 passed, 1 failed, 0 skipped"
	assert_contains "$output" "ok    two (1 passed, 0 skipped"
}

@test "told to end, it ends what it runs" {
	program sleeper <<<'echo $$ >pid; echo 1..1; exec sleep 300'
	"$KTSTR_TOP/scripts/run-tests" sleeper >log 2>&1 3>&- &
	local runner=$!
	wait_for test -s pid
	kill "$runner"
	wait "$runner" && false
	assert_eq "0 passed, 1 failed, 0 skipped" "$(tail -n 1 log)"
	wait_for eval '! kill -0 "$(cat pid)" 2>/dev/null'
}
