#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What a failure dump tells of the state of the 6.12 of examples/kernel-tree is true, whose sched_ext keeps it in globals.

load ../lib
load ../cells
load ../capture
load ../capture_kernel

setup_file() {
	cells_on_built_kernel || return 1
	export DIR=$BATS_FILE_TMPDIR
	witness_project "$DIR"
	run_cells "$DIR"
	compare_with_guest "$DIR"
}

@test "run queues are those of the kernel's own dump of the same exit" {
	assert_agree "$DIR" 28 rqs
	assert_agree "$DIR" 1 state
}

@test "the scheduler's queue has the tasks that the kernel says it has" {
	assert_agree "$DIR" 3 dsqs
	# Six workers wait, at least.
	dump_is "$(dump_of "$DIR" witnessed)" "the workers are queued" \
		'.dsq_states | any(.origin == "user" and .id == 0 and .nr >= 6)'
}

@test "every task that lived through it is told, as /proc shows it" {
	assert_agree "$DIR" 50 missing
	assert_agree "$DIR" 500 tasks
}

@test "a task that sleeps for a lock is told from all others" {
	assert_agree "$DIR" 2 locks
}

@test "CPU times and softirqs lie between those before and after" {
	assert_agree "$DIR" 24 cpu_times
	assert_agree "$DIR" 4 idle
	assert_agree "$DIR" 40 softirqs
}

@test "the figures of both nodes lie between those of numastat before and after" {
	assert_agree "$DIR" 12 nodes
}

@test "this kernel counts no events, and the dump has none" {
	dump_is "$(dump_of "$DIR" witnessed)" "no samples" 'has("event_counter_timeline") | not'
}

@test "the pressure of interrupts on each cgroup lies between that before and after" {
	assert_agree "$DIR" 3 pressure
}
