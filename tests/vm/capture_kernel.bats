#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What a failure dump tells of a real kernel's state is true: run queues, dispatch queues, tasks, CPU times, nodes.

load ../lib
load ../cells
load ../capture
load ../capture_kernel

setup_file() {
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

@test "event counters are those of the kernel's own dump" {
	assert_agree "$DIR" 13 events
}

@test "weights are those of the kernel's own dump" {
	assert_agree "$DIR" 6 weights
	dump_is "$(dump_of "$DIR" witnessed)" "nice workers weigh less" \
		'[.task_enrichments[] | select(.comm | startswith("kt-nice-")) | .weight] == [33, 33, 33]'
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

@test "there is no pressure of interrupts on a kernel that does not account for them" {
	assert_agree "$DIR" 1 pressure
}
