#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Failure dumps and captures on request, of a real kernel under emulation.

load ../lib
load ../cells
load ../capture

setup_file() {
	export DIR=$BATS_FILE_TMPDIR
	asking_project "$DIR"
	KTSTR_KEEP_IMAGE=1 run_cells "$DIR"
}

@test "a stall is dumped with the scheduler's variables by name, and its arena" {
	assert_dump_has_variables_and_arena "$(dump_of "$DIR" stalls)"
}

@test "a stall is dumped with run queues, dispatch queues and tasks, of the moment of the exit" {
	local dump
	dump=$(dump_of "$DIR" stalls)
	assert_dump_has_kernel_state "$dump" 2
	assert_dump_has_bypass_queues "$dump" 2
	dump_is "$dump" "the exit is not dealt with yet" '.scx_sched_state | .exit_kind == 1026 and .source == "live"'
	dump_is "$dump" "the workers wait" '[.task_enrichments[].comm | select(startswith("kt-load-"))] | length == 4'
}

@test "a stall is dumped with the probe's counters" {
	assert_dump_has_probe_counters "$(dump_of "$DIR" stalls)"
}

@test "a stall is dumped with the course of the kernel's event counters" {
	local dump
	dump=$(dump_of "$DIR" stalls)
	dump_is "$dump" "more than the dump's own" '.event_counter_timeline | length > 1'
	dump_is "$dump" "in their order" '[.event_counter_timeline[].elapsed_ms] | . == sort and .[0] > 0'
	dump_is "$dump" "counters of one scheduler, which only grow" \
		'.event_counter_timeline | map(del(.elapsed_ms)) | [map(to_entries[]) | group_by(.key)[] | map(.value) | . == sort] | all'
}

@test "the memory that a dump was made of, kept in a file, gives the same dump again" {
	assert_image_gives_dump "$(dump_of "$DIR" stalls)"
}

@test "an error exit in the very first dispatch is caught" {
	local dump
	dump=$(dump_of "$DIR" crashes_at_once)
	dump_is "$dump" "the exit's kind" '.schema == "single" and .scx_sched_state.exit_kind == 1025'
	dump_is "$dump" "nothing was dispatched before" \
		'[.maps[] | select(.name == "bpf.bss") | .value.members[] | select(.name == "nr_dispatched") | .value.value] == [0]'
}

@test "sidecar and failure text name the dump, and the text shows a screen of it" {
	local text
	assert_eq "$(basename "$(dump_of "$DIR" crashes_at_once)")" "$(cell_get "$DIR" crashes_at_once .captures.failure_dump)"
	assert_eq fail "$(cell_get "$DIR" crashes_at_once .verdict)"
	text=$(sed -n "/^    ktstr_test 'crashes_at_once'/,/^    logs: /p" "$DIR/run.log" | sed -n '/--- failure dump ---/,$p')
	assert_contains "$text" "crashes_at_once-"
	assert_contains "$text" "ktstr-make show "
	[ "$(wc -l <<<"$text")" -le 46 ] || { echo "$text"; return 1; }
}

@test "a test whose scheduler lives leaves no failure dump" {
	assert_eq pass "$(cell_get "$DIR" lives .verdict)"
	assert_eq null "$(cell_get "$DIR" lives .captures.failure_dump)"
	assert_eq "" "$(find "$DIR/ktstr-out/runs/" -name 'lives-*.failure-dump.json')"
}

@test "exits are watched for, not only looked for" {
	assert_eq null "$(cell_get "$DIR" stalls .captures.not_watched)"
	assert_eq null "$(cell_get "$DIR" stalls .captures.problem)"
}

@test "periodic captures are taken at their times, without an effect on the verdict" {
	assert_periodic_captures "$DIR"
}

@test "a program in the guest is given what it asks for, and told what it cannot have" {
	assert_captures_on_request "$DIR"
}

@test "a capture after an error exit has its kind from the probe's snapshot" {
	assert_capture_after_exit "$DIR"
}

@test "two runs at once each have their own dump" {
	local dir=$BATS_TEST_TMPDIR one two
	capture_project "$dir"
	(cd "$dir" && exec "$KTSTR_MAKE" test crashes_at_once >"$dir/one.log" 2>&1 </dev/null) &
	one=$!
	(cd "$dir" && exec "$KTSTR_MAKE" test crashes_at_once >"$dir/two.log" 2>&1 </dev/null) &
	two=$!
	wait "$one" || true
	wait "$two" || true
	assert_eq 2 "$(find "$dir"/ktstr-out/runs/*-* -name 'crashes_at_once-*.failure-dump.json' | wc -l)" "$(cat "$dir"/*.log)"
	for file in "$dir"/ktstr-out/runs/*-*/*/crashes_at_once-*.failure-dump.json; do
		dump_is "$file" "whole" '.schema == "single" and .scx_sched_state.exit_kind == 1025'
	done
}

# unfinished DIR: a dump that is being written.
unfinished() { [ -n "$(find "$1/ktstr-out" -name '.*.failure-dump.json.*.tmp' 2>/dev/null)" ]; }

@test "kill -9 while a dump is written leaves no half of one" {
	local dir=$BATS_TEST_TMPDIR pid cell file
	capture_project "$dir"
	(cd "$dir" && exec "$KTSTR_MAKE" test crashes_at_once >"$dir/run.log" 2>&1 </dev/null) &
	pid=$!
	wait_until 300 find_cell "$pid"
	until unfinished "$dir"; do
		kill -0 "$cell" || { echo "it ended before a dump was seen half written"; cat "$dir/run.log"; return 1; }
	done
	kill -KILL "$cell"
	wait "$pid" || true
	# Of the name that readers look for there is all, or nothing.
	for file in "$dir"/ktstr-out/runs/latest/*/crashes_at_once-*.failure-dump.json; do
		[ ! -e "$file" ] || jq -e '.schema == "single"' "$file" >/dev/null
	done
	assert_eq '"error"' "$(jq .verdict "$dir"/ktstr-out/runs/latest/*/crashes_at_once-*.ktstr.json)"
}
