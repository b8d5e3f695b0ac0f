#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kill -9 of ktstr-make at many instants of a run: no process of it is left, and the next run works.

load ../lib
load ../cells

# Processes that carry this test's mark in their environment, which all of a run inherit.
marked() {
	local environ pid
	for environ in /proc/[0-9]*/environ; do
		pid=${environ#/proc/}
		if tr '\0' '\n' <"$environ" 2>/dev/null | grep -qx "KTSTR_TEST_MARK=$mark"; then
			echo "${pid%/environ}"
		fi
	done
}

none_marked() { [ -z "$(marked)" ]; }

@test "ktstr-make killed at any of 20 instants leaves nothing behind" {
	local make delay
	mark=$BATS_TEST_TMPDIR
	cell_project "$BATS_TEST_TMPDIR"
	printf '[[test]]\nname = "%s"\n' first second >>"$BATS_TEST_TMPDIR/ktstr.toml"
	cd "$BATS_TEST_TMPDIR" || return 1
	for delay in 0.0{1..9} 0.{1..9} 2 4; do
		KTSTR_TEST_MARK=$mark "$KTSTR_MAKE" test >run.log 2>&1 </dev/null 3>&- &
		make=$!
		sleep "$delay"
		kill -9 "$make"
		wait "$make" || true
		wait_until 5 none_marked || {
			echo "killed after $delay s, still there:"
			ps -o pid,ppid,args -p "$(marked | paste -sd ,)"
			return 1
		}
	done
	run_cells "$BATS_TEST_TMPDIR"
	assert_eq 0 "$(cat run.status)" "$(cat run.log)"
}
