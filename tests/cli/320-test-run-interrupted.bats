#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-make test: Ctrl-C once and twice, kill -9 of the parent and of a cell. No machine is left behind.

# shellcheck disable=SC2154,SC2016,SC2164 # bats sets stderr; literal $ is meant; set -e is on
load ../lib
load ../fakes
bats_require_minimum_version 1.5.0

setup() {
	launcher=()
	# A machine that says who it is and then does nothing.
	fake_host <<<"echo \$\$ >>$BATS_TEST_TMPDIR/machines; exec sleep 300"
	fake_project <<-'END'
		[defaults]
		duration = "1s"
		topology = "1n1l2c1t"
		[[test]]
		name = "one"
		[[test]]
		name = "two"
		[[test]]
		name = "three"
	END
}

teardown() {
	local pid
	# Only machines of this test, by their number and their command.
	while read -r pid; do
		[[ $(ps -o args= -p "$pid") == "sleep 300" ]] && kill -9 "$pid"
	done < <(cat machines 2>/dev/null)
	return 0
}

# start ARGS...: a run in the background; returns when two machines are there. $! is for the caller.
start() {
	"${launcher[@]}" "$KTSTR_MAKE" test --accel tcg -j 2 "$@" >out 2>err &
	run_pid=$!
	for _ in {1..100}; do
		[ -e machines ] && [ "$(wc -l <machines)" -ge 2 ] && return 0
		sleep 0.1
	done
	cat out err >&2
	return 1
}

# Every machine that was started is gone.
no_machine_left() {
	local pid left
	for _ in {1..50}; do
		left=0
		while read -r pid; do
			[[ $(ps -o stat=,args= -p "$pid") == [^Z]*"sleep 300" ]] && left=$((left + 1))
		done <machines
		[ "$left" -eq 0 ] && return 0
		sleep 0.1
	done
	echo "$left machines are still running" >&2
	return 1
}

@test "once: what runs is stopped, nothing is started, a summary, exit code 130" {
	start
	local status=0
	kill -TERM "$run_pid"
	wait "$run_pid" || status=$?
	assert_eq 130 "$status"
	assert_contains "$(cat err)" "interrupted: stopping 2 running; once more kills at once"
	assert_eq 2 "$(grep -c '^ INTERRUPTED ' out)"
	grep -qE '^0 passed, 0 failed, 0 inconclusive, 0 skipped, 0 errors  in ' out
	assert_contains "$(cat out)" "interrupted: 2 stopped, 1 not started"
	assert_eq '[2,1,130]' "$(jq -c '[.totals.interrupted, .totals.not_run, .exit_code]' ktstr-out/runs/latest/run.json)"
	assert_eq 0 "$(find ktstr-out/ -name '*.ktstr.json' | wc -l)"
	no_machine_left
}

@test "twice: everything is killed at once" {
	start
	local status=0
	kill -TERM "$run_pid"
	kill -HUP "$run_pid"
	wait "$run_pid" || status=$?
	assert_eq 130 "$status"
	no_machine_left
}

@test "a hangup that was ignored at the start, as nohup does, stays so" {
	launcher=(env --ignore-signal=HUP)
	start
	local status=0
	kill -HUP "$run_pid"
	sleep 0.5
	kill -0 "$run_pid"
	assert_eq "" "$(grep interrupted err)"
	kill -TERM "$run_pid"
	wait "$run_pid" || status=$?
	assert_eq 130 "$status"
	no_machine_left
}

@test "started with SIGCHLD ignored: ends of processes are seen all the same" {
	fake_qemu qemu <<<'echo "no machine today" >&2; exit 1'
	run env --ignore-signal=CHLD "$KTSTR_MAKE" test --accel tcg one
	assert_eq 4 "$status"
	assert_contains "$output" "QEMU exited with status 1: no machine today"
}

@test "a build can be interrupted when it never stops talking, and when it has closed its output" {
	local command status
	for command in 'yes | tee building' 'exec >building 2>&1; echo here; exec sleep 20'; do
		rm -f building
		fake_project <<-END
			[scheduler.mine]
			build = "$command"
			binary = "mine"
			[[test]]
			name = "one"
			topology = "1n1l2c1t"
			scheduler = "mine"
		END
		"$KTSTR_MAKE" test --accel tcg -v >out 2>/dev/null &
		run_pid=$!
		for _ in {1..100}; do
			[ -s building ] && break
			sleep 0.1
		done
		status=0 SECONDS=0
		kill -TERM "$run_pid"
		wait "$run_pid" || status=$?
		assert_eq 130 "$status"
		[ "$SECONDS" -lt 10 ]
	done
}

@test "kill -9 of the program leaves no machine, and the next run works" {
	start
	kill -KILL "$run_pid"
	wait "$run_pid" || true
	no_machine_left
	fake_qemu qemu <<<'exit 1'
	run --separate-stderr ktstr_make test --accel tcg one
	assert_eq 4 "$status"
	grep -qE '^0 passed, .* 1 error  in ' <<<"$output"
}

@test "kill -9 of a cell: an error that names the signal, a sidecar, and the rest goes on" {
	start one two
	local cell status=0
	cell=$(pgrep -P "$run_pid" | head -n 1)
	kill -KILL "$cell"
	for _ in {1..50}; do
		grep -q 'killed by SIGKILL' out && break
		sleep 0.1
	done
	assert_contains "$(cat out)" "    the cell's process was killed by SIGKILL in phase "
	assert_eq '"cell-died"' "$(jq .error.kind ktstr-out/runs/latest/*/*.ktstr.json)"
	kill -0 "$run_pid"
	kill -TERM "$run_pid"
	wait "$run_pid" || status=$?
	assert_eq 130 "$status"
	no_machine_left
}

@test "two runs of one project at once keep apart" {
	fake_qemu qemu <<<'sleep 1; exit 1'
	"$KTSTR_MAKE" test --accel tcg one two >first 2>&1 &
	local pid=$! status=0
	run ktstr_make test --accel tcg one two
	wait "$pid" || status=$?
	assert_eq 4 "$status"
	assert_eq 2 "$(find ktstr-out/runs -mindepth 1 -maxdepth 1 -type d | wc -l)"
	assert_eq 4 "$(find ktstr-out/runs/ -name '*.ktstr.json' | wc -l)"
	[ -e ktstr-out/runs/latest/run.json ]
}
