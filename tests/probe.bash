# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the probe must have seen, whatever kernel it is loaded into, and a project whose tests make it see things.

# probe_project DIR: schedulers that end in the ways the probe tells apart, and a program that reads its maps afterwards.
probe_project() {
	cell_project "$1"
	cp "$O/tests/probe_watch" "$1/probe_watch"
	cat >>"$1/ktstr.toml" <<-'TOML'
		[scheduler.watched]
		binary = "probe_watch"
		[[test]]
		name = "stalls"
		scheduler = "watched"
		scheduler-args = ["--stall-after=0.5"]
		watchdog = "2s"
		duration = "8s"
		[[test]]
		name = "errs"
		scheduler = "watched"
		scheduler-args = ["--crash"]
		[[test]]
		name = "leaves"
		scheduler = "watched"
		[[test]]
		name = "records"
		scheduler = "watched"
		scheduler-args = ["probe", "--all", "--", "--crash"]
	TOML
}

# probe_get DIR TEST JQ-EXPRESSION: of what was read in that test.
probe_get() {
	local log
	log=$(cell_logs "$1" "$2")/scheduler.log
	grep -q '^probe: {' "$log" || { cat "$log" >&2; return 1; }
	sed -n 's/^probe: {/{/p' "$log" | jq -c "$3"
}

# assert_latched DIR TEST KIND: the latch is set, once, and what was stored before is there.
assert_latched() {
	assert_eq "[1,$3,1]" "$(probe_get "$1" "$2" '[.ktstr_err_exit_detected, .ktstr_exit_kind_snap, .counters[14]]')" \
		"latch, kind, exits of $2" &&
		assert_eq true "$(probe_get "$1" "$2" '.ktstr_last_trigger_ts > 0')" "time of $2"
}

# assert_stall_is_latched DIR TEST: without an event, since nothing that runs is to blame.
assert_stall_is_latched() {
	assert_latched "$1" "$2" 1026 && assert_eq 0 "$(probe_get "$1" "$2" .triggers)" "events of $2"
}

# assert_error_is_latched DIR TEST: and the event has the task that it happened in, and how the kernel got there.
assert_error_is_latched() {
	assert_latched "$1" "$2" 1025 &&
		assert_eq '[1,2,1025,true,true]' \
			"$(probe_get "$1" "$2" '[.triggers, .trigger_type, .trigger_kind, .trigger_has_task, .trigger_stack > 0]')" \
			"event of $2"
}

# assert_calls_are_recorded DIR TEST: every hit of the kprobe, by function and task.
assert_calls_are_recorded() {
	assert_eq '[true,true,0,true]' \
		"$(probe_get "$1" "$2" '[.counters[0] > 0, .counters[1] == .counters[0], .counters[2], .probe_data > 0]')" \
		"hits, of which recorded, unknown, entries of $2"
}

# assert_nothing_is_latched DIR TEST: it was no error.
assert_nothing_is_latched() {
	assert_eq '[0,0,0]' "$(probe_get "$1" "$2" '[.ktstr_err_exit_detected, .ktstr_exit_kind_snap, .triggers]')" \
		"latch, kind, events of $2"
}

# assert_timeline_is_recorded DIR TEST: switches and wake-ups, none of a kind that there is not, and counted right.
assert_timeline_is_recorded() {
	assert_eq '[true,true,0,true]' \
		"$(probe_get "$1" "$2" '[.timeline[0] > 0, .timeline[2] > 0, .odd, (.timeline[0:3] | add) >= .counters[4] and .counters[4] > 0]')" \
		"switches, wake-ups, odd ones, all that was counted before, of $2"
}

# assert_timeline_has_what_was_done DIR TEST: moves of a task, a boost from the lowest rank to that of who waited (99 - 40),
# and waits for a mutex; each with the task that it was of, and counted.
assert_timeline_has_what_was_done() {
	assert_eq '[true,[120,59],true]' "$(probe_get "$1" "$2" '[.moves >= 4, .boost, .waits > 0]')" \
		"moves, boost, waits of $2" &&
		assert_eq '[true,true,true]' \
			"$(probe_get "$1" "$2" '[.counters[6] >= 2, .counters[8] >= 2, .counters[10] >= .waits]')" \
			"boosts and their ends, to another class and back, waits that were counted, of $2"
}
