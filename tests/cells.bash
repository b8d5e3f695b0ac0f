# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For tests that run cells on a real kernel: a project to add tests to, and what its last run left behind.

# cell_project DIR: a project with the fixture scheduler 'ktstr'. Tests are appended by the caller.
cell_project() {
	mkdir -p "$1"
	cat >"$1/ktstr.toml" <<-TOML
		[project]
		name = "cells"
		[vm]
		accel = "tcg"
		[kernel.default]
		source = "${KTSTR_TEST_KERNEL_SPEC:-debian:trixie-backports/cloud}"
		[scheduler.ktstr]
		binary = "$O/bpf/scx_ktstr"
		[defaults]
		topology = "1n1l2c1t"
		duration = "1s"
		cgroups = [{ name = "load", workers = 2, work = "spin_wait" }]
	TOML
}

# Projects from here on are for the 6.12 of examples/kernel-tree, which is built where the cache does not have it.
cells_on_built_kernel() {
	local program missing=
	for program in make gcc flex bison bc pahole; do
		command -v "$program" >/dev/null || missing+=" $program"
	done
	[ -z "$missing" ] || require cc "missing:$missing" || return 1
	export KTSTR_TEST_KERNEL_SPEC=debian:bookworm-backports/linux-source-6.12
}

# build_bad_scheduler DIR: a program that is no scheduler, into DIR/bad_scheduler.
build_bad_scheduler() {
	"${CC:-cc}" -std=gnu17 -O2 -Wall -Wextra -Werror -static -D_GNU_SOURCE -I"$KTSTR_TOP" \
		-DINNER="\"$O/bpf/scx_ktstr\"" -o "$1/bad_scheduler" "$KTSTR_TOP/tests/vm/progs/bad_scheduler.c"
}

# run_cells DIR [ARGUMENT]...: run its tests; output in DIR/run.log, exit status in DIR/run.status.
run_cells() {
	local dir=$1 status=0
	shift
	(cd "$dir" && exec "$KTSTR_MAKE" test "$@") >"$dir/run.log" 2>&1 </dev/null || status=$?
	echo "$status" >"$dir/run.status"
}

# The one sidecar of a test in the last run.
cell_sidecar() {
	local files=("$1"/ktstr-out/runs/latest/*/"$2"-*.ktstr.json)
	if [ ${#files[@]} -ne 1 ] || [ ! -f "${files[0]}" ]; then
		echo "no sidecar of '$2'; the run said:" >&2
		cat "$1/run.log" >&2
		return 1
	fi
	printf '%s\n' "${files[0]}"
}

# cell_get DIR TEST JQ-EXPRESSION
cell_get() {
	local file
	file=$(cell_sidecar "$1" "$2") && jq -r "$3" "$file"
}

# The log directory of a test in the last run.
cell_logs() {
	local file
	file=$(cell_sidecar "$1" "$2") && printf '%s\n' "${file%.ktstr.json}.log"
}

# assert_cell DIR TEST VERDICT FIRST-FINDING
assert_cell() {
	assert_eq "$3" "$(cell_get "$1" "$2" .verdict)" "verdict of $2" &&
		assert_eq "$4" "$(cell_get "$1" "$2" '.findings[0].text // ""')" "first finding of $2"
}

# wait_until SECONDS COMMAND...: the command's success within that time.
wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# is_gone PID: it runs no more. What init has yet to reap is gone, too.
is_gone() { [[ $(ps -o stat= -p "$1") == @(|Z*) ]]; }

# find_cell PID: sets cell and qemu to the first cell of that ktstr-make and its emulator, once both are there.
find_cell() {
	cell=$(pgrep -o -P "$1") && qemu=$(pgrep -o -P "$cell") && [ -n "$qemu" ] &&
		[[ $(readlink "/proc/$qemu/exe") == *qemu* ]]
}
